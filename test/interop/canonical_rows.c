/* test/interop/canonical_rows.c - the rows of a Parquet file in a form that does not depend on any
 * library: one JSON object a line, every value a text that says its type.
 *
 *   null true false   "i:<int>"   "f:<double|nan|inf|-inf>"   "d:<decimal>"   "s:<utf8>"
 *   "x:<hex>"   "D:<days>"   "T:<ns of the day>"   "TS:<ns since 1970>"   "iv:<months>,<days>,<us>"
 *   "u:<uuid>"   lists [ ]   structs { }   maps {"$map": [[k, v], …]}
 *   VARIANT "v:<hex of metadata>:<hex of value>", which test/interop/corpora.py decodes
 *
 * usage: canonical_rows [--forgive | --scan] FILE     --scan: through parquet/file_scan.h, which
 *                                                         reads in other ways, not by row groups
 *
 * Status 0, or 1 with one line "error: CODE message" behind the rows.
 *
 * Memory that the library asks for is counted; more than MEMORY_MAX at once is refused.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "parquet/file_scan.h"
#include "port/cpu.h"
#include "shred/record_document.h"

enum { NUMBER_LEN_MAX = 128 };
static const size_t MEMORY_MAX = (size_t)1 << 30;

static size_t memory_used;

typedef struct program {
  pq_cx cx;
  pq_fetch fetch;
  pq_arena footer_arena, group_arena;
  pq_buf out;
  pq_file file;
  pq_tree *tree;
  pq_column *data;
  const pq_column **columns;
  pq_documents documents;
  pq_file_scan *scan;
  bool is_scan;
  int fd;
} program;

static void *counting_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  void *p;
  (void)ud;
  if (new_size == 0) {
    memory_used -= old_size;
    free(ptr);
    return NULL;
  }
  if (new_size > old_size && new_size - old_size > MEMORY_MAX - memory_used) return NULL;
  p = realloc(ptr, new_size);
  if (p != NULL) memory_used += new_size - old_size;
  return p;
}

/* ---- bytes ---- */

static int read_bytes(const program *p, const pq_io_req *q) {
  size_t done = 0;
  while (done < q->len) {
    ssize_t n = pread(p->fd, q->buf + done, q->len - done, (off_t)(q->off + done));
    if (n <= 0) return PQ_ECORRUPT;
    done += (size_t)n;
  }
  return PQ_OK;
}

static void serve(program *p) {
  pq_io_req q;
  uint32_t set;
  while (pq_fetch_take(&p->fetch, &q))
    pq_fetch_done(&p->fetch, q.id, read_bytes(p, &q), (pq_slice){0}, NULL);
  while (p->scan != NULL && pq_file_scan_take(p->scan, &q, &set))
    pq_file_scan_done(p->scan, set, q.id, read_bytes(p, &q), NULL);
}

static int read_footer(program *p, uint64_t file_len) {
  int rc;
  for (;;) {
    pq_arena_clear(&p->footer_arena);
    rc = pq_footer_fetch(&p->fetch, &p->footer_arena, p->file.key, file_len, 0, &p->file.footer);
    if (rc != PQ_NEED_IO) return rc;
    serve(p);
  }
}

/* ---- leaves ---- */

static int put_hex(program *p, const char *before, pq_slice v) {
  static const char hex[] = "0123456789abcdef";
  PQ_TRY(pq_buf_put_str(&p->out, before));
  for (size_t i = 0; i < v.n; i++) {
    PQ_TRY(pq_buf_put_byte(&p->out, (uint8_t)hex[v.p[i] >> 4]));
    PQ_TRY(pq_buf_put_byte(&p->out, (uint8_t)hex[v.p[i] & 15]));
  }
  return PQ_OK;
}

static int put_hex_string(program *p, const char *before, pq_slice v) {
  PQ_TRY(put_hex(p, before, v));
  return pq_buf_put_byte(&p->out, '"');
}

/* v * 10^zeros */
static int put_scaled(program *p, const char *before, int64_t v, int zeros) {
  return pq_buf_printf(&p->out, "\"%s%lld%.*s\"", before, (long long)v, v == 0 ? 0 : zeros,
                       "000000000");
}

static int put_double(program *p, double v) {
  char text[PQ_DOUBLE_CAP];
  if (isnan(v)) return pq_buf_put_str(&p->out, "\"f:nan\"");
  if (isinf(v)) return pq_buf_put_str(&p->out, v > 0 ? "\"f:inf\"" : "\"f:-inf\"");
  (void)pq_double_print(v, text);
  return pq_buf_printf(&p->out, "\"f:%s\"", text);
}

static double half_of(uint16_t h) {
  int exponent = h >> 10 & 31, mantissa = h & 1023;
  double v = exponent == 0    ? ldexp(mantissa, -24)
             : exponent != 31 ? ldexp(1024 + mantissa, exponent - 25)
             : mantissa == 0  ? (double)INFINITY
                              : (double)NAN;
  return h >> 15 ? -v : v;
}

/* Days and nanoseconds of the day. The sum is one of 64 bits of microseconds, as those who write
 * INT96 make it: what went beyond comes back the same way. */
static int put_int96(program *p, pq_slice v) {
  int64_t nanos = (int64_t)pq_rd64(v.p), day = (int64_t)(int32_t)pq_rd32(v.p + 8) - 2440588;
  int64_t rest = (nanos % 1000 + 1000) % 1000;
  int64_t us = (int64_t)((uint64_t)day * 86400000000u + (uint64_t)((nanos - rest) / 1000));
  if (us < 0 && rest > 0) {
    us++;
    rest -= 1000;
  }
  if (us == 0) return pq_buf_printf(&p->out, "\"TS:%lld\"", (long long)rest);
  return pq_buf_printf(&p->out, "\"TS:%lld%03lld\"", (long long)us,
                       (long long)(rest < 0 ? -rest : rest));
}

/* Big-endian two's complement of any length, with `scale` decimals. */
static int put_decimal(program *p, pq_slice v, int32_t scale) {
  uint8_t work[NUMBER_LEN_MAX];
  char digits[NUMBER_LEN_MAX * 3];
  size_t n = 0, places = scale < 0 ? 0 : (size_t)scale;
  bool is_negative = v.n > 0 && v.p[0] >= 0x80, has_any = true;
  if (v.n > sizeof work || places > 200) return put_hex_string(p, "\"x:", v);
  for (size_t i = v.n, carry = 1; i-- > 0;) {
    size_t b = is_negative ? (size_t)(uint8_t)~v.p[i] + carry : v.p[i];
    work[i] = (uint8_t)b;
    carry = b >> 8;
  }
  while (has_any || n <= places) { /* divide by ten until nothing is left */
    unsigned rest = 0;
    has_any = false;
    for (size_t i = 0; i < v.n; i++) {
      rest = rest << 8 | work[i];
      work[i] = (uint8_t)(rest / 10);
      has_any = has_any || work[i] != 0;
      rest %= 10;
    }
    digits[n++] = (char)('0' + rest);
  }
  PQ_TRY(pq_buf_put_str(&p->out, is_negative ? "\"d:-" : "\"d:"));
  while (n-- > 0) {
    PQ_TRY(pq_buf_put_byte(&p->out, (uint8_t)digits[n]));
    if (n == places && n > 0) PQ_TRY(pq_buf_put_byte(&p->out, '.'));
  }
  return pq_buf_put_byte(&p->out, '"');
}

static int put_decimal_int(program *p, int64_t v, int32_t scale) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++)
    bytes[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
  return put_decimal(p, (pq_slice){bytes, sizeof bytes}, scale);
}

/* A text that is not UTF-8 is shown as bytes. */
static int put_text(program *p, pq_slice v) {
  size_t from = p->out.len;
  if (!pq_utf8_is_valid(v)) return put_hex_string(p, "\"x:", v);
  PQ_TRY(pq_buf_put_str(&p->out, "\"s"));
  PQ_TRY(pq_buf_put_json_str(&p->out, v));
  p->out.p[from + 2] = ':'; /* in place of its opening quote */
  return PQ_OK;
}

static int put_uuid(program *p, pq_slice v) {
  PQ_TRY(pq_buf_put_str(&p->out, "\"u:"));
  for (size_t i = 0; i < v.n; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) PQ_TRY(pq_buf_put_byte(&p->out, '-'));
    PQ_TRY(put_hex(p, "", (pq_slice){v.p + i, 1}));
  }
  return pq_buf_put_byte(&p->out, '"');
}

static int put_bytes(program *p, const pq_leaf *leaf, pq_slice v) {
  switch ((pq_leaf_as)p->documents.kinds[leaf - p->file.footer->leaves]) {
    case PQ_AS_TEXT:
    case PQ_AS_JSON: return put_text(p, v);
    case PQ_AS_DECIMAL: return put_decimal(p, v, leaf->note.scale);
    case PQ_AS_INT96: return put_int96(p, v);
    case PQ_AS_FLOAT16: return put_double(p, half_of(pq_rd16(v.p)));
    case PQ_AS_UUID: return put_uuid(p, v);
    case PQ_AS_INTERVAL:
      return pq_buf_printf(&p->out, "\"iv:%u,%u,%llu\"", pq_rd32(v.p), pq_rd32(v.p + 4),
                           (unsigned long long)pq_rd32(v.p + 8) * 1000);
    default: return put_hex_string(p, "\"x:", v);
  }
}

static int put_int(program *p, const pq_leaf *leaf, int64_t v) {
  int zeros = 9 - leaf->note.digits;
  switch ((pq_leaf_as)p->documents.kinds[leaf - p->file.footer->leaves]) {
    case PQ_AS_UINT32: return put_scaled(p, "i:", (uint32_t)v, 0);
    case PQ_AS_UINT64: return pq_buf_printf(&p->out, "\"i:%llu\"", (unsigned long long)(uint64_t)v);
    case PQ_AS_DATE: return put_scaled(p, "D:", v, 0);
    case PQ_AS_TIME: return put_scaled(p, "T:", v, zeros);
    case PQ_AS_TIMESTAMP: return put_scaled(p, "TS:", v, zeros);
    case PQ_AS_DECIMAL: return put_decimal_int(p, v, leaf->note.scale);
    default: return put_scaled(p, "i:", v, 0);
  }
}

static int put_leaf(program *p, pq_record *r, const pq_tree *s) {
  const pq_leaf *leaf = &p->file.footer->leaves[s->first_leaf];
  uint32_t at;
  const pq_column *c = pq_record_leaf(r, s, &at);
  switch (c->phys) {
    case PQ_PHYS_BOOL: return pq_buf_put_str(&p->out, c->v.b[at] ? "true" : "false");
    case PQ_PHYS_INT32: return put_int(p, leaf, c->v.i32[at]);
    case PQ_PHYS_INT64: return put_int(p, leaf, c->v.i64[at]);
    case PQ_PHYS_FLOAT: return put_double(p, (double)c->v.f32[at]);
    case PQ_PHYS_DOUBLE: return put_double(p, c->v.f64[at]);
    case PQ_PHYS_INT96:
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: return put_bytes(p, leaf, c->v.bytes[at]);
  }
  return PQ_EUNSUPPORTED;
}

static int put_variant(program *p, pq_record *r, const pq_tree *s) {
  pq_value v;
  PQ_TRY(pq_documents_variant(&p->documents, r, s, &v));
  PQ_TRY(put_hex(p, "\"v:", pq_value_meta(v)));
  return put_hex_string(p, ":", pq_value_bytes(v));
}

/* ---- containers ---- */

static int put_value(program *p, pq_record *r, const pq_tree *s);

static int put_fields(program *p, pq_record *r, const pq_tree *s) {
  PQ_TRY(pq_buf_put_byte(&p->out, '{'));
  for (uint32_t i = 0; i < s->child_count; i++) {
    pq_slice name = s->children[i].name;
    if (i > 0) PQ_TRY(pq_buf_put_byte(&p->out, ','));
    if (!pq_utf8_is_valid(name)) name = PQ_SLICE("?");
    PQ_TRY(pq_buf_put_json_str(&p->out, name));
    PQ_TRY(pq_buf_put_byte(&p->out, ':'));
    PQ_TRY(put_value(p, r, &s->children[i]));
  }
  return pq_buf_put_byte(&p->out, '}');
}

static int put_entry(program *p, pq_record *r, const pq_tree *s) {
  if (s->kind == PQ_TREE_LIST) return put_value(p, r, &s->children[0]);
  PQ_TRY(pq_buf_put_byte(&p->out, '['));
  PQ_TRY(put_value(p, r, &s->children[0]));
  PQ_TRY(pq_buf_put_byte(&p->out, ','));
  PQ_TRY(s->child_count > 1 ? put_value(p, r, &s->children[1]) : pq_buf_put_str(&p->out, "null"));
  return pq_buf_put_byte(&p->out, ']');
}

static int put_elements(program *p, pq_record *r, const pq_tree *s) {
  bool is_map = s->kind == PQ_TREE_MAP, is_first = true;
  PQ_TRY(pq_buf_put_str(&p->out, is_map ? "{\"$map\":[" : "["));
  if (pq_record_is_empty(r, s)) {
    pq_record_skip(r, s);
    return pq_buf_put_str(&p->out, is_map ? "]}" : "]");
  }
  do {
    if (!is_first) PQ_TRY(pq_buf_put_byte(&p->out, ','));
    is_first = false;
    PQ_TRY(put_entry(p, r, s));
  } while (pq_record_has_more(r, s));
  return pq_buf_put_str(&p->out, is_map ? "]}" : "]");
}

static int put_value(program *p, pq_record *r, const pq_tree *s) {
  if (pq_record_is_null(r, s)) {
    pq_record_skip(r, s);
    return pq_buf_put_str(&p->out, "null");
  }
  switch (s->kind) {
    case PQ_TREE_LEAF: return put_leaf(p, r, s);
    case PQ_TREE_STRUCT: return put_fields(p, r, s);
    case PQ_TREE_LIST:
    case PQ_TREE_MAP: return put_elements(p, r, s);
    case PQ_TREE_VARIANT: return put_variant(p, r, s);
  }
  return PQ_EUNSUPPORTED;
}

/* ---- rows ---- */

static int want_group(program *p, uint32_t group) {
  bool is_missing = true;
  while (is_missing) {
    is_missing = false;
    for (uint32_t i = 0; i < p->file.footer->leaf_count; i++) {
      int rc = pq_chunk_want(&p->fetch, &p->file, group, i, NULL, NULL, 0);
      if (rc != PQ_OK && rc != PQ_NEED_IO) return rc;
      is_missing = is_missing || rc == PQ_NEED_IO;
    }
    if (is_missing) serve(p);
  }
  return PQ_OK;
}

static int print_rows(program *p, uint64_t rows) {
  pq_record r;
  PQ_TRY(pq_record_init(&r, &p->group_arena, p->file.footer, p->tree, p->columns));
  for (uint64_t i = 0; i < rows; i++) {
    p->documents.row++;
    pq_buf_clear(&p->out);
    PQ_TRY(put_fields(p, &r, p->tree));
    PQ_TRY(pq_buf_put_byte(&p->out, '\n'));
    (void)fwrite(p->out.p, 1, p->out.len, stdout);
  }
  return PQ_OK;
}

static int print_group(program *p, uint32_t group) {
  uint64_t rows = p->file.footer->row_groups[group].row_count;
  pq_fetch_clear(&p->fetch);
  pq_arena_clear(&p->group_arena);
  PQ_TRY(want_group(p, group));
  for (uint32_t i = 0; i < p->file.footer->leaf_count; i++) {
    PQ_TRY(pq_chunk_decode(&p->fetch, &p->group_arena, &p->file, group, i, NULL, NULL, 0,
                           &p->data[i]));
    if (p->data[i].row_count != rows)
      return pq_fail(&p->cx, PQ_ECORRUPT, "%s: a column of another number of rows", p->file.key);
    p->columns[i] = &p->data[i];
  }
  return print_rows(p, rows);
}

static int print_groups(program *p) {
  for (uint32_t i = 0; i < p->file.footer->row_group_count; i++)
    if (p->file.footer->row_groups[i].row_count > 0) PQ_TRY(print_group(p, i));
  return PQ_OK;
}

static int next_batch(program *p, pq_row_batch *batch) {
  int rc;
  while ((rc = pq_file_scan_next(p->scan, batch)) == PQ_NEED_IO)
    serve(p);
  return rc;
}

static int print_batches(program *p) {
  uint32_t count = p->file.footer->leaf_count;
  uint32_t *leaves = pq_arena_calloc(&p->footer_arena, count, sizeof *leaves);
  pq_file_scan_options options = {.leaves = leaves, .leaf_count = count, .batch_rows = 1000};
  pq_row_batch batch;
  if (leaves == NULL) return p->cx.code;
  options.memory_max = MEMORY_MAX;
  for (uint32_t i = 0; i < count; i++)
    leaves[i] = i;
  PQ_TRY(pq_file_scan_new(&p->cx, &p->file, options, &p->scan));
  for (;;) {
    PQ_TRY(next_batch(p, &batch));
    if (batch.row_count == 0) return PQ_OK;
    for (uint32_t i = 0; i < count; i++)
      p->columns[i] = &batch.columns[i];
    pq_arena_clear(&p->group_arena);
    PQ_TRY(print_rows(p, batch.row_count));
  }
}

static int print_file(program *p) {
  struct stat info;
  uint32_t leaf_count;
  p->fd = open(p->file.key, O_RDONLY);
  if (p->fd < 0 || fstat(p->fd, &info) != 0)
    return pq_fail(&p->cx, PQ_EIO, "cannot open %s", p->file.key);
  PQ_TRY(read_footer(p, (uint64_t)info.st_size));
  leaf_count = p->file.footer->leaf_count;
  PQ_TRY(pq_tree_of(&p->footer_arena, p->file.footer, &p->tree));
  PQ_TRY(pq_documents_init(&p->documents, &p->footer_arena, p->file.key, p->file.footer));
  p->data = pq_arena_calloc(&p->footer_arena, leaf_count, sizeof *p->data);
  p->columns = pq_arena_calloc(&p->footer_arena, leaf_count, sizeof *p->columns);
  if (p->data == NULL || p->columns == NULL) return p->cx.code;
  return p->is_scan ? print_batches(p) : print_groups(p);
}

int main(int argc, char **argv) {
  program p = {.fd = -1};
  int rc;
  bool is_forgiving = argc == 3 && strcmp(argv[1], "--forgive") == 0;
  p.is_scan = argc == 3 && strcmp(argv[1], "--scan") == 0;
  if (argc != (is_forgiving || p.is_scan ? 3 : 2)) {
    fputs("usage: canonical_rows [--forgive | --scan] FILE\n", stderr);
    return 2;
  }
  pq_cx_init(&p.cx, counting_alloc, NULL);
  p.cx.is_forgiving = is_forgiving;
  if (p.is_scan) p.cx.cpu = pq_cpu_features(); /* so both kinds of kernels meet the corpora */
  p.cx.limits.fetch_len_max = MEMORY_MAX;
  pq_fetch_init(&p.fetch, &p.cx);
  pq_arena_init(&p.footer_arena, &p.cx, p.cx.limits.op_len_max);
  pq_arena_init(&p.group_arena, &p.cx, p.cx.limits.op_len_max);
  pq_buf_init(&p.out, &p.cx, MEMORY_MAX);
  p.file.key = argv[argc - 1];
  rc = print_file(&p);
  if (rc != PQ_OK) printf("error: %s %s\n", pq_status_name(rc), p.cx.msg);
  pq_file_scan_free(p.scan);
  pq_documents_release(&p.documents);
  pq_buf_release(&p.out);
  pq_arena_release(&p.group_arena);
  pq_arena_release(&p.footer_arena);
  pq_fetch_release(&p.fetch);
  if (p.fd >= 0) (void)close(p.fd);
  return rc == PQ_OK ? 0 : 1;
}
