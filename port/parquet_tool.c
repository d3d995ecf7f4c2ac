/* port/parquet_tool.c - see parquet_tool.h. The work is done by src/parquet/file_check.h and
 * schema_text.h; here are the file, the sums over row groups, and the JSON.
 */
#include "port/parquet_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "parquet/file_check.h"
#include "parquet/schema_text.h"
#include "port/cpu.h"

/* A page is read whole, and what one operation may hold is limited by pq_limits. */
static const uint64_t FETCH_LEN_MAX = UINT64_C(4) << 30;
static const size_t TEXT_LEN_MAX = (size_t)1 << 30;

struct pq_tool {
  pq_cx cx;
  pq_arena arena;
  pq_fetch fetch;
  pq_buf text;
  pq_file file;
  int fd;
  pq_page_sums encodings[PQ_ENCODING_COUNT], dictionaries;
};

/* A column's chunks together. */
typedef struct column_sum {
  uint64_t data_pages, dictionary_pages, values, nulls, stored, unpacked;
  uint32_t encodings, codecs; /* sets */
  uint32_t chunks, with_stats, with_index, with_bloom, with_nulls, with_crc;
} column_sum;

/* ---- open ---- */

static void serve(const pq_tool *t, pq_fetch *f) {
  pq_io_req q;
  while (pq_fetch_take(f, &q)) {
    size_t done = 0;
    int rc = PQ_OK;
    while (done < q.len && rc == PQ_OK) {
      ssize_t n = pread(t->fd, q.buf + done, q.len - done, (off_t)(q.off + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) rc = PQ_EIO;
      if (n == 0) rc = PQ_ECORRUPT;
      if (n > 0) done += (size_t)n;
    }
    pq_fetch_done(f, q.id, rc, (pq_slice){0}, rc == PQ_EIO ? strerror(errno) : NULL);
  }
}

static int open_file(pq_tool *t) {
  const char *path = t->file.key;
  struct stat info;
  int rc;
  t->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (t->fd < 0 || fstat(t->fd, &info) != 0)
    return pq_fail(&t->cx, errno == EACCES || errno == EPERM ? PQ_EPERM : PQ_EIO,
                   "cannot open %s: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode))
    return pq_fail(&t->cx, PQ_EINVALID, "%s is no file that can be read at any place", path);
  do {
    pq_arena_clear(&t->arena);
    rc = pq_footer_fetch(&t->fetch, &t->arena, path, (uint64_t)info.st_size, 0, &t->file.footer);
    if (rc == PQ_NEED_IO) serve(t, &t->fetch);
  } while (rc == PQ_NEED_IO);
  pq_fetch_clear(&t->fetch);
  return rc;
}

int pq_tool_open(const char *path, pq_tool **out) {
  pq_cx cx;
  pq_tool *t;
  pq_cx_init(&cx, NULL, NULL);
  cx.cpu = pq_cpu_features();
  t = pq_alloc(&cx, NULL, 0, sizeof *t);
  *out = t;
  if (t == NULL) return PQ_ENOMEM;
  *t = (pq_tool){.cx = cx, .fd = -1, .file = {.key = path}};
  t->cx.limits.fetch_len_max = FETCH_LEN_MAX;
  pq_arena_init(&t->arena, &t->cx, t->cx.limits.op_len_max);
  pq_fetch_init(&t->fetch, &t->cx);
  pq_buf_init(&t->text, &t->cx, TEXT_LEN_MAX);
  return open_file(t);
}

void pq_tool_close(pq_tool *t) {
  pq_cx cx;
  if (t == NULL) return;
  pq_fetch_release(&t->fetch);
  pq_arena_release(&t->arena);
  pq_buf_release(&t->text);
  if (t->fd >= 0) (void)close(t->fd);
  cx = t->cx;
  pq_alloc(&cx, t, sizeof *t, 0);
}

const char *pq_tool_message(const pq_tool *t) {
  return t == NULL ? "out of memory" : t->cx.msg;
}

/* ---- texts ---- */

int pq_tool_schema(pq_tool *t, bool has_levels, const char **text, size_t *len) {
  pq_buf_clear(&t->text);
  *text = "";
  *len = 0;
  PQ_TRY(pq_schema_text_print(&t->text, t->file.footer, has_levels));
  *text = (const char *)t->text.p;
  *len = t->text.len;
  return PQ_OK;
}

/* Text that may be no UTF-8 is shown by its length. */
static int put_string(pq_buf *b, pq_slice s) {
  if (pq_utf8_is_valid(s)) return pq_buf_put_json_str(b, s);
  return pq_buf_printf(b, "\"(%zu bytes)\"", s.n);
}

static int put_cut(pq_buf *b, pq_slice s, size_t len_max) {
  if (len_max == 0 || s.n <= len_max || !pq_utf8_is_valid(s)) return put_string(b, s);
  PQ_TRY(pq_buf_put_json_str(b, (pq_slice){s.p, pq_utf8_prefix(s, len_max)}));
  b->len--;
  return pq_buf_printf(b, "… (%zu bytes)\"", s.n);
}

static int put_key_values(pq_buf *b, const pq_footer *f, size_t len_max) {
  PQ_TRY(pq_buf_put_str(b, ",\"keyValues\":{"));
  for (uint32_t i = 0; i < f->key_value_count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(b, ','));
    PQ_TRY(put_string(b, f->key_values[i].key));
    PQ_TRY(pq_buf_put_byte(b, ':'));
    PQ_TRY(put_cut(b, f->key_values[i].value, len_max));
  }
  return pq_buf_put_byte(b, '}');
}

int pq_tool_describe(pq_tool *t, size_t value_len_max, const char **json, size_t *len) {
  const pq_footer *f = t->file.footer;
  pq_buf *b = &t->text;
  pq_buf_clear(b);
  *json = "";
  *len = 0;
  PQ_TRY(pq_buf_put_str(b, "{\"file\":"));
  PQ_TRY(put_string(b, pq_str(t->file.key)));
  PQ_TRY(pq_buf_printf(b, ",\"bytes\":%llu,\"rows\":%llu,\"rowGroups\":%u,\"columns\":%u",
                       (unsigned long long)f->file_len, (unsigned long long)f->row_count,
                       f->row_group_count, f->leaf_count));
  PQ_TRY(
      pq_buf_printf(b, ",\"footerBytes\":%llu,\"createdBy\":", (unsigned long long)f->footer_len));
  PQ_TRY(put_string(b, f->created_by));
  PQ_TRY(put_key_values(b, f, value_len_max));
  PQ_TRY(pq_buf_put_byte(b, '}'));
  *json = (const char *)b->p;
  *len = b->len;
  return PQ_OK;
}

/* ---- columns ---- */

static void add_chunk(column_sum *s, const pq_chunk *chunk, const pq_chunk_facts *f) {
  uint32_t pages = f->data_page_count + f->dictionary_page_count + f->other_page_count;
  s->data_pages += f->data_page_count;
  s->dictionary_pages += f->dictionary_page_count;
  s->values += f->entry_count;
  s->nulls += chunk->stats.null_count;
  s->stored += chunk->len;
  s->unpacked += chunk->uncompressed_len;
  s->encodings |= f->encodings;
  if ((unsigned)chunk->codec < 32) s->codecs |= 1u << chunk->codec;
  s->chunks++;
  s->with_stats += chunk->stats.has_min || chunk->stats.has_max;
  s->with_nulls += chunk->stats.has_null_count;
  s->with_index += chunk->offset_index_off != 0;
  s->with_bloom += chunk->bloom_off != 0;
  s->with_crc += pages > 0 && f->crc_page_count == pages;
}

/* Names of a set's members, with commas. */
static int put_set(pq_buf *b, uint32_t set, const char *(*name_of)(unsigned)) {
  bool is_first = true;
  for (unsigned i = 0; i < 32; i++) {
    const char *name = (set >> i & 1) == 0 ? NULL : name_of(i);
    if (name == NULL) continue;
    if (!is_first) PQ_TRY(pq_buf_put_byte(b, ','));
    is_first = false;
    PQ_TRY(pq_buf_put_str(b, name));
  }
  return PQ_OK;
}

static const char *codec_name(unsigned codec) {
  return pq_codec_name((pq_codec)codec);
}

/* "stats,index": what all chunks have; "bloom?": only some. */
static int put_extras(pq_buf *b, const column_sum *s) {
  const struct {
    const char *name;
    uint32_t count;
  } extras[] = {{"stats", s->with_stats},
                {"index", s->with_index},
                {"bloom", s->with_bloom},
                {"crc", s->with_crc}};
  bool is_first = true;
  for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
    if (extras[i].count == 0) continue;
    PQ_TRY(pq_buf_printf(b, "%s%s%s", is_first ? "" : ",", extras[i].name,
                         extras[i].count < s->chunks ? "?" : ""));
    is_first = false;
  }
  return PQ_OK;
}

static int put_type(pq_buf *b, const pq_leaf *leaf) {
  size_t from;
  PQ_TRY(pq_phys_print(b, leaf));
  PQ_TRY(pq_buf_put_byte(b, ' '));
  from = b->len;
  PQ_TRY(pq_note_print(b, &leaf->note));
  if (b->len == from) b->len--;
  return PQ_OK;
}

static int put_sizes(pq_buf *b, const column_sum *s) {
  uint64_t percent = s->stored == 0 ? 100 : s->unpacked * 100 / s->stored;
  PQ_TRY(pq_buf_printf(b, ",\"bytes\":%llu,\"unpacked\":%llu,\"ratio\":%llu.%02llu",
                       (unsigned long long)s->stored, (unsigned long long)s->unpacked,
                       (unsigned long long)(percent / 100), (unsigned long long)(percent % 100)));
  return PQ_OK;
}

/* The row of one column; `row_group` PQ_NO_NODE: of all. */
static int put_column(pq_tool *t, uint32_t row_group, uint32_t i, const column_sum *s) {
  const pq_leaf *leaf = &t->file.footer->leaves[i];
  pq_buf *b = &t->text;
  pq_buf_clear(b);
  PQ_TRY(pq_buf_put_byte(b, '{'));
  if (row_group != PQ_NO_NODE) PQ_TRY(pq_buf_printf(b, "\"rowGroup\":%u,", row_group));
  PQ_TRY(pq_buf_put_str(b, "\"column\":"));
  PQ_TRY(put_string(b, leaf->path));
  PQ_TRY(pq_buf_put_str(b, ",\"type\":\""));
  PQ_TRY(put_type(b, leaf));
  PQ_TRY(pq_buf_put_str(b, "\",\"codec\":\""));
  PQ_TRY(put_set(b, s->codecs, codec_name));
  PQ_TRY(pq_buf_put_str(b, "\",\"encodings\":\""));
  PQ_TRY(put_set(b, s->encodings, pq_encoding_name));
  PQ_TRY(pq_buf_printf(b, "\",\"pages\":%llu,\"values\":%llu",
                       (unsigned long long)(s->data_pages + s->dictionary_pages),
                       (unsigned long long)s->values));
  if (s->with_nulls == s->chunks)
    PQ_TRY(pq_buf_printf(b, ",\"nulls\":%llu", (unsigned long long)s->nulls));
  PQ_TRY(put_sizes(b, s));
  PQ_TRY(pq_buf_put_str(b, ",\"has\":\""));
  PQ_TRY(put_extras(b, s));
  return pq_buf_put_str(b, "\"}");
}

static void send(const pq_tool *t, pq_tool_listener to) {
  to.line(to.ud, (const char *)t->text.p, t->text.len);
}

static int put_total(pq_tool *t, const column_sum *sums) {
  column_sum all = {0};
  pq_buf *b = &t->text;
  for (uint32_t i = 0; i < t->file.footer->leaf_count; i++) {
    all.data_pages += sums[i].data_pages + sums[i].dictionary_pages;
    all.values += sums[i].values;
    all.stored += sums[i].stored;
    all.unpacked += sums[i].unpacked;
  }
  pq_buf_clear(b);
  PQ_TRY(pq_buf_printf(b, "{\"column\":\"total\",\"pages\":%llu,\"values\":%llu",
                       (unsigned long long)all.data_pages, (unsigned long long)all.values));
  PQ_TRY(put_sizes(b, &all));
  return pq_buf_put_byte(b, '}');
}

static void add_pages(pq_page_sums *all, const pq_page_sums *some) {
  all->pages += some->pages;
  all->values += some->values;
  all->stored_len += some->stored_len;
  all->unpacked_len += some->unpacked_len;
}

static int send_encoding(pq_tool *t, const char *name, const pq_page_sums *s, pq_tool_listener to) {
  column_sum sizes = {.stored = s->stored_len, .unpacked = s->unpacked_len};
  pq_buf_clear(&t->text);
  if (s->pages == 0) return PQ_OK;
  PQ_TRY(pq_buf_printf(&t->text, "{\"encoding\":\"%s\",\"pages\":%llu,\"values\":%llu", name,
                       (unsigned long long)s->pages, (unsigned long long)s->values));
  PQ_TRY(put_sizes(&t->text, &sizes));
  PQ_TRY(pq_buf_put_byte(&t->text, '}'));
  send(t, to);
  return PQ_OK;
}

int pq_tool_encodings(pq_tool *t, pq_tool_listener to) {
  for (unsigned i = 0; i < PQ_ENCODING_COUNT; i++)
    PQ_TRY(send_encoding(t, pq_encoding_name(i), &t->encodings[i], to));
  return send_encoding(t, "dictionary pages", &t->dictionaries, to);
}

static int next_facts(const pq_tool *t, pq_file_check *c, pq_chunk_facts *out) {
  int rc;
  for (;;) {
    rc = pq_file_check_next(c, out);
    if (rc != PQ_NEED_IO) return rc;
    serve(t, pq_file_check_fetch(c));
  }
}

static int sum_columns(pq_tool *t, pq_file_check *c, column_sum *sums, bool has_row_groups,
                       pq_tool_listener to) {
  const pq_footer *f = t->file.footer;
  pq_chunk_facts facts;
  for (uint32_t group = 0; group < f->row_group_count; group++) {
    for (uint32_t i = 0; i < f->leaf_count; i++) {
      column_sum one = {0};
      const pq_chunk *chunk = &f->row_groups[group].chunks[i];
      PQ_TRY(next_facts(t, c, &facts));
      add_chunk(&sums[i], chunk, &facts);
      for (unsigned e = 0; e < PQ_ENCODING_COUNT; e++)
        add_pages(&t->encodings[e], &facts.by_encoding[e]);
      add_pages(&t->dictionaries, &facts.dictionaries);
      if (!has_row_groups) continue;
      add_chunk(&one, chunk, &facts);
      PQ_TRY(put_column(t, group, i, &one));
      send(t, to);
    }
  }
  for (uint32_t i = 0; i < f->leaf_count && !has_row_groups; i++) {
    PQ_TRY(put_column(t, PQ_NO_NODE, i, &sums[i]));
    send(t, to);
  }
  PQ_TRY(put_total(t, sums));
  send(t, to);
  return PQ_OK;
}

/* A page header that is broken ends the walk of its chunk. */
typedef struct first_problem {
  char text[PQ_MESSAGE_CAP];
} first_problem;

static void keep_first(void *ud, const char *problem) {
  first_problem *p = ud;
  size_t len = strlen(problem);
  if (p->text[0] != '\0') return;
  if (len > sizeof p->text - 1) len = sizeof p->text - 1;
  memcpy(p->text, problem, len);
}

int pq_tool_columns(pq_tool *t, bool has_row_groups, pq_tool_listener to) {
  first_problem first = {{0}};
  pq_file_check_options options = {.only_headers = true, .found = keep_first, .ud = &first};
  pq_file_check *c;
  column_sum *sums = pq_arena_calloc(&t->arena, t->file.footer->leaf_count, sizeof *sums);
  int rc;
  if (sums == NULL) return t->cx.code;
  PQ_TRY(pq_file_check_new(&t->cx, &t->file, options, &c));
  rc = sum_columns(t, c, sums, has_row_groups, to);
  pq_file_check_free(c);
  if (rc == PQ_OK && first.text[0] != '\0')
    rc = pq_fail(&t->cx, PQ_ECORRUPT, "%s: %s", t->file.key, first.text);
  return rc;
}

/* ---- verify ---- */

typedef struct verify_run {
  pq_tool_listener to;
  uint64_t problems;
} verify_run;

static void found(void *ud, const char *problem) {
  verify_run *v = ud;
  v->problems++;
  v->to.line(v->to.ud, problem, strlen(problem));
}

static uint64_t bytes_of(const pq_footer *f) {
  uint64_t sum = 0;
  for (uint32_t group = 0; group < f->row_group_count; group++)
    for (uint32_t i = 0; i < f->leaf_count; i++)
      sum += f->row_groups[group].chunks[i].len;
  return sum;
}

static int verify(pq_tool *t, pq_file_check *c, pq_tool_listener to, pq_tool_verdict *out) {
  const pq_footer *f = t->file.footer;
  uint64_t total = bytes_of(f), done = 0;
  pq_chunk_facts facts;
  PQ_TRY(pq_file_check_footer(c));
  for (uint32_t group = 0; group < f->row_group_count; group++) {
    for (uint32_t i = 0; i < f->leaf_count; i++) {
      if (to.progress != NULL) to.progress(to.ud, done, total);
      PQ_TRY(next_facts(t, c, &facts));
      done += f->row_groups[group].chunks[i].len;
      out->chunks++;
      out->pages += facts.data_page_count + facts.dictionary_page_count;
      out->values += facts.entry_count;
    }
    out->row_groups++;
  }
  out->bytes = f->file_len;
  if (to.progress != NULL) to.progress(to.ud, total, total);
  return PQ_OK;
}

int pq_tool_verify(pq_tool *t, pq_tool_listener to, pq_tool_verdict *out) {
  verify_run run = {.to = to};
  pq_file_check_options options = {.found = found, .ud = &run};
  pq_file_check *c;
  int rc;
  *out = (pq_tool_verdict){0};
  PQ_TRY(pq_file_check_new(&t->cx, &t->file, options, &c));
  rc = verify(t, c, to, out);
  out->problems = run.problems;
  pq_file_check_free(c);
  return rc;
}
