/* port/convert_reader.c - the public reading functions of include/parquedb/convert.h.
 *
 *   open ─► the columns (a sample is looked at)
 *   next ─► rows are appended to `out` until it is a block ─► PQDB_ROW … PQDB_DONE
 *
 * A row that fails is cut off again, the block of rows before it is returned, and the failure is
 * the answer of the next call and all after it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "port/convert_int.h"
#include "port/cpu.h"

enum { OUT_LEN_MAX = 1 << 30 };
/* Other writers make row groups larger than ours; more than the file has is never asked for. */
static const uint64_t FETCH_LEN_MAX = UINT64_C(4) << 30;

/* ---- names ---- */

static bool ends_with(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  if (n < m) return false;
  for (size_t i = 0; i < m; i++) {
    char c = name[n - m + i];
    if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
    if (c != end[i]) return false;
  }
  return true;
}

pqdb_format pqdb_format_of(const char *name) {
  static const struct {
    const char *end;
    pqdb_format format;
  } ends[] = {{".csv", PQDB_FORMAT_CSV},      {".tsv", PQDB_FORMAT_CSV},
              {".tab", PQDB_FORMAT_CSV},      {".parquet", PQDB_FORMAT_PARQUET},
              {".pq", PQDB_FORMAT_PARQUET},   {".ndjson", PQDB_FORMAT_NDJSON},
              {".jsonl", PQDB_FORMAT_NDJSON}, {".json", PQDB_FORMAT_NDJSON}};
  for (size_t i = 0; name != NULL && i < sizeof ends / sizeof ends[0]; i++)
    if (ends_with(name, ends[i].end)) return ends[i].format;
  return PQDB_FORMAT_GUESS;
}

/* ---- for the formats ---- */

int pq_reader_fail_at(pqdb_reader *r, int code, uint64_t line, uint64_t column, const char *what) {
  return pq_fail(&r->cx, code, "%s: line %llu, column %llu: %s", r->name, (unsigned long long)line,
                 (unsigned long long)column, what);
}

int pq_reader_input(pqdb_reader *r, pq_buf *text, size_t want, bool *is_end) {
  PQ_TRY(pq_buf_reserve(text, want));
  while (want > 0 && !*is_end) {
    ssize_t len = read(r->fd, text->p + text->len, want);
    if (len < 0 && errno == EINTR) continue;
    if (len < 0) return pq_fail(&r->cx, PQ_EIO, "cannot read %s: %s", r->name, strerror(errno));
    *is_end = len == 0;
    text->len += (size_t)len;
    r->input_len += (uint64_t)len;
    want -= (size_t)len;
  }
  return PQ_OK;
}

bool pq_reader_has_room(const pqdb_reader *r) {
  return r->block_rows < r->options.block_row_max && r->out.len < PQ_CONVERT_BLOCK_LEN;
}

void pq_reader_end_row(pqdb_reader *r) {
  r->block_rows++;
  r->row_count++;
  r->whole_len = r->out.len;
}

int pq_column_set_name(pqdb_reader *r, pq_convert_column *c, pq_slice name) {
  int rc;
  pq_buf key;
  PQ_TRY(pq_arena_copy(&r->arena, name, &c->name));
  pq_buf_init(&key, &r->cx, OUT_LEN_MAX);
  rc = pq_buf_put_json_str(&key, name);
  if (rc == PQ_OK) rc = pq_buf_put_byte(&key, ':');
  if (rc == PQ_OK) rc = pq_arena_copy(&r->arena, pq_buf_slice(&key), &c->key);
  pq_buf_release(&key);
  return rc;
}

int pq_column_set_example(pqdb_reader *r, pq_convert_column *c, pq_slice text) {
  text.n = pq_utf8_prefix(text, PQ_CONVERT_EXAMPLE_LEN_MAX);
  return pq_arena_copy(&r->arena, text, &c->example);
}

uint32_t pq_reader_find_column(const pqdb_reader *r, pq_slice name) {
  for (uint32_t i = 0; i < r->column_count; i++)
    if (pq_slice_eq(r->columns[i].name, name)) return i;
  return PQ_TABLE_NONE;
}

static int check_unique(pqdb_reader *r) {
  pq_field_set names;
  int rc = PQ_OK;
  pq_field_set_init(&names, &r->cx);
  for (uint32_t i = 0; i < r->column_count && rc == PQ_OK; i++) {
    pq_slice name = r->columns[i].name;
    if (pq_field_set_find(&names, name, PQ_TABLE_NONE) == PQ_TABLE_NONE)
      rc = pq_field_set_enter(&names, name);
    else
      rc = pq_fail(&r->cx, PQ_EINVALID, "%s: two columns are named '%.*s'", r->name,
                   (int)pq_utf8_prefix(name, 60), (const char *)name.p);
  }
  pq_field_set_release(&names);
  return rc;
}

int pq_reader_check_columns(pqdb_reader *r) {
  PQ_TRY(check_unique(r));
  r->id_column = PQ_TABLE_NONE;
  if (r->options.id_field == NULL) return PQ_OK;
  if (pq_reader_find_column(r, PQ_SLICE("$id")) != PQ_TABLE_NONE)
    return pq_fail(&r->cx, PQ_EINVALID, "%s has a column $id: the id cannot come from %s", r->name,
                   r->options.id_field);
  r->id_column = pq_reader_find_column(r, pq_str(r->options.id_field));
  if (r->id_column != PQ_TABLE_NONE) return PQ_OK;
  return pq_fail(&r->cx, PQ_EINVALID, "%s has no column '%s' for the id", r->name,
                 r->options.id_field);
}

/* ---- open ---- */

static int copy_text(pqdb_reader *r, const char *in, const char **out) {
  *out = NULL;
  if (in == NULL) return PQ_OK;
  *out = pq_arena_str(&r->arena, pq_str(in));
  return *out == NULL ? r->cx.code : PQ_OK;
}

static int set_options(pqdb_reader *r, const char *name, const pqdb_reader_options *options) {
  if (options != NULL) {
    if (options->size != sizeof *options)
      return pq_fail(&r->cx, PQ_EINVALID, "pqdb_reader_options.size is %zu, expected %zu",
                     options->size, sizeof *options);
    r->options = *options;
    PQ_TRY(copy_text(r, options->types, &r->options.types));
    PQ_TRY(copy_text(r, options->id_field, &r->options.id_field));
    PQ_TRY(copy_text(r, options->collection, &r->options.collection));
    PQ_TRY(copy_text(r, options->columns, &r->options.columns));
  }
  PQ_TRY(copy_text(r, name == NULL ? "input" : name, &r->name));
  if (r->options.block_row_max == 0) r->options.block_row_max = PQ_CONVERT_BLOCK_ROWS;
  r->format = r->options.format;
  if (r->format == PQDB_FORMAT_GUESS) r->format = pqdb_format_of(r->name);
  if (r->format == PQDB_FORMAT_GUESS) r->format = PQDB_FORMAT_NDJSON;
  if (r->format != PQDB_FORMAT_PARQUET && (r->options.columns != NULL || r->options.skip > 0 ||
                                           r->options.is_raw || r->options.is_forgiving))
    return pq_fail(&r->cx, PQ_EINVALID,
                   "columns, skip, is_raw and is_forgiving are for Parquet: %s is none", r->name);
  r->cx.is_forgiving = r->options.is_forgiving != 0;
  if (r->options.types != NULL && r->format != PQDB_FORMAT_CSV)
    return pq_fail(&r->cx, PQ_EINVALID, "types are for CSV: the values of %s have theirs", r->name);
  return PQ_OK;
}

static int look_at_input(pqdb_reader *r) {
  struct stat info;
  if (fstat(r->fd, &info) != 0)
    return pq_fail(&r->cx, PQ_EIO, "cannot read %s: %s", r->name, strerror(errno));
  if (S_ISDIR(info.st_mode)) return pq_fail(&r->cx, PQ_EINVALID, "%s is a directory", r->name);
  if (S_ISREG(info.st_mode) && info.st_size > 0) r->input_total = (uint64_t)info.st_size;
  return PQ_OK;
}

static int open_format(pqdb_reader *r) {
  PQ_TRY(look_at_input(r));
  PQ_TRY(pq_builder_new(&r->cx, &r->builder));
  switch (r->format) {
    case PQDB_FORMAT_CSV: return pq_csv_open(r);
    case PQDB_FORMAT_PARQUET: return pq_table_in_open(r);
    case PQDB_FORMAT_NDJSON: return pq_ndjson_open(r);
    default: return pq_fail(&r->cx, PQ_EINVALID, "unknown format %d", (int)r->format);
  }
}

/* A handle with its options. */
static int handle_new(pq_alloc_fn alloc, void *ud, const char *name,
                      const pqdb_reader_options *options, pqdb_reader **out) {
  pq_cx cx;
  pqdb_reader *r;
  pq_cx_init(&cx, alloc, ud);
  cx.cpu = pq_cpu_features();
  r = pq_alloc(&cx, NULL, 0, sizeof *r);
  *out = r;
  if (r == NULL) return PQ_ENOMEM;
  *r = (pqdb_reader){.cx = cx, .fd = -1, .id_column = PQ_TABLE_NONE};
  r->cx.limits.fetch_len_max = FETCH_LEN_MAX;
  pq_arena_init(&r->arena, &r->cx, r->cx.limits.op_len_max);
  pq_buf_init(&r->out, &r->cx, OUT_LEN_MAX);
  pq_buf_init(&r->reply, &r->cx, OUT_LEN_MAX);
  return set_options(r, name, options);
}

int pq_reader_open(pq_alloc_fn alloc, void *ud, int fd, const char *name,
                   const pqdb_reader_options *options, pqdb_reader **out) {
  int rc = handle_new(alloc, ud, name, options, out);
  pqdb_reader *r = *out;
  if (r == NULL) return rc;
  r->fd = fd;
  if (rc == PQ_OK) rc = open_format(r);
  r->rc = rc;
  return rc;
}

int pqdb_reader_open_fd(int fd, const char *name, const pqdb_reader_options *options,
                        pqdb_reader **out) {
  return pq_reader_open(NULL, NULL, fd, name, options, out);
}

int pqdb_reader_open(const char *path, const pqdb_reader_options *options, pqdb_reader **out) {
  int rc = handle_new(NULL, NULL, path, options, out);
  pqdb_reader *r = *out;
  if (r == NULL) return rc;
  if (rc == PQ_OK) {
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    r->has_fd = r->fd >= 0;
    if (!r->has_fd)
      rc = pq_fail(&r->cx, errno == EACCES || errno == EPERM ? PQ_EPERM : PQ_EIO,
                   "cannot open %s: %s", r->name, strerror(errno));
  }
  if (rc == PQ_OK) rc = open_format(r);
  r->rc = rc;
  return rc;
}

void pqdb_reader_close(pqdb_reader *r) {
  pq_cx cx;
  if (r == NULL) return;
  pq_csv_close(r);
  pq_ndjson_close(r);
  pq_table_in_close(r);
  pq_builder_free(r->builder);
  pq_buf_release(&r->out);
  pq_buf_release(&r->reply);
  pq_arena_release(&r->arena);
  if (r->has_fd) (void)close(r->fd);
  cx = r->cx;
  pq_alloc(&cx, r, sizeof *r, 0);
}

const char *pqdb_reader_message(const pqdb_reader *r) {
  return r == NULL ? "out of memory" : r->cx.msg;
}

/* ---- describe ---- */

static int put_column(pq_buf *b, const pq_convert_column *c) {
  PQ_TRY(pq_buf_put_str(b, "{\"name\":"));
  PQ_TRY(pq_buf_put_json_str(b, c->name));
  PQ_TRY(pq_buf_printf(b, ",\"type\":\"%s\",\"example\":", c->type_name));
  PQ_TRY(pq_buf_put_json_str(b, c->example));
  return pq_buf_printf(b, ",\"misfits\":%llu}", (unsigned long long)c->misfits);
}

static int put_head(pqdb_reader *r, pq_buf *b) {
  static const char *const names[] = {"", "ndjson", "csv", "parquet"};
  char delimiter[2] = {0};
  PQ_TRY(pq_buf_printf(b, "{\"format\":\"%s\"", names[r->format]));
  if (r->format == PQDB_FORMAT_CSV) {
    delimiter[0] = pq_csv_delimiter(r);
    PQ_TRY(pq_buf_put_str(b, ",\"delimiter\":"));
    PQ_TRY(pq_buf_put_json_str(b, pq_str(delimiter)));
  }
  if (r->format == PQDB_FORMAT_PARQUET) {
    if (pq_table_in_is_ours(r)) PQ_TRY(pq_buf_put_str(b, ",\"kind\":\"parquedb\""));
    PQ_TRY(pq_buf_printf(b, ",\"rowsTotal\":%llu", (unsigned long long)pq_table_in_rows(r)));
  }
  return pq_buf_printf(b, ",\"rows\":%llu,\"misfits\":%llu,\"shortRows\":%llu,\"columns\":[",
                       (unsigned long long)r->row_count, (unsigned long long)r->misfits,
                       (unsigned long long)r->short_rows);
}

static int put_description(pqdb_reader *r, pq_buf *b) {
  bool is_first = true;
  PQ_TRY(put_head(r, b));
  for (uint32_t i = 0; i < r->column_count; i++) {
    if (r->columns[i].is_hidden) continue;
    if (!is_first) PQ_TRY(pq_buf_put_byte(b, ','));
    is_first = false;
    PQ_TRY(put_column(b, &r->columns[i]));
  }
  return pq_buf_put(b, "]}", 3); /* with the NUL */
}

int pqdb_reader_describe(pqdb_reader *r, const char **json, size_t *len) {
  *json = "";
  *len = 0;
  if (r->builder == NULL || (r->csv == NULL && r->ndjson == NULL && r->table == NULL)) return r->rc;
  pq_buf_clear(&r->reply);
  PQ_TRY(put_description(r, &r->reply));
  *json = (const char *)r->reply.p;
  *len = r->reply.len - 1;
  return PQ_OK;
}

/* ---- blocks ---- */

static int fill_block(pqdb_reader *r) {
  switch (r->format) {
    case PQDB_FORMAT_CSV: return pq_csv_next(r);
    case PQDB_FORMAT_PARQUET: return pq_table_in_next(r);
    default: return pq_ndjson_next(r);
  }
}

int pqdb_reader_next(pqdb_reader *r, const char **ndjson, size_t *len, uint64_t *row_count) {
  *ndjson = "";
  *len = 0;
  *row_count = 0;
  if (r->rc != PQ_OK) return r->rc;
  if (r->is_done) return PQDB_DONE;
  pq_buf_clear(&r->out);
  r->whole_len = 0;
  r->block_rows = 0;
  r->rc = fill_block(r);
  r->out.len = r->whole_len;
  if (r->block_rows == 0) return r->rc != PQ_OK ? r->rc : PQDB_DONE;
  *ndjson = (const char *)r->out.p;
  *len = r->out.len;
  *row_count = r->block_rows;
  return PQDB_ROW;
}

void pqdb_reader_progress(const pqdb_reader *r, uint64_t *done, uint64_t *total) {
  uint64_t waiting = r->csv != NULL      ? pq_csv_waiting(r)
                     : r->ndjson != NULL ? pq_ndjson_waiting(r)
                                         : 0;
  *done = r->table != NULL ? r->row_count : r->input_len - waiting;
  *total = r->table != NULL ? pq_table_in_rows(r) : r->input_total;
}
