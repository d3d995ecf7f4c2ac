/* port/convert_writer.c - the public writing functions of include/parquedb/convert.h, and CSV.
 *
 *   add ─► NDJSON, CSV with given columns:  text in `out` ─► file
 *      └─► else: held as Variant, fields counted ─► finish: columns are known ─► all rows
 *
 * A file is written under a temporary name beside it and renamed when it is whole, so that a
 * failed export leaves what was there before. What is no regular file is written to directly.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "port/convert_int.h"
#include "port/cpu.h"

enum { OUT_LEN_MAX = 1 << 30, FLUSH_LEN = 256 << 10, ROW_CAP_MIN = 256, TEMPORARY_TRIES = 100 };

/* A Parquet file is written whole from memory, and it holds at most what was held. */
static const uint64_t FILE_LEN_MAX = UINT64_C(2) << 30;

/* ---- open ---- */

static int set_columns(pqdb_writer *w, const pqdb_writer_options *options) {
  w->has_columns = options->columns != NULL;
  for (size_t i = 0; w->has_columns && i < options->column_count; i++) {
    pq_slice name = pq_str(options->columns[i]);
    if (!pq_utf8_is_valid(name)) return pq_fail(&w->cx, PQ_EINVALID, "a column name is not UTF-8");
    if (pq_field_set_find(&w->set, name, PQ_TABLE_NONE) == PQ_TABLE_NONE)
      PQ_TRY(pq_field_set_enter(&w->set, name));
  }
  w->set.is_closed = w->has_columns;
  return PQ_OK;
}

static int set_options(pqdb_writer *w, const char *name, const pqdb_writer_options *options) {
  w->name = pq_arena_str(&w->arena, pq_str(name == NULL ? "output" : name));
  if (w->name == NULL) return w->cx.code;
  w->delimiter = ',';
  if (options != NULL && options->size != sizeof *options)
    return pq_fail(&w->cx, PQ_EINVALID, "pqdb_writer_options.size is %zu, expected %zu",
                   options->size, sizeof *options);
  if (options != NULL) {
    w->format = options->format;
    if (options->delimiter != 0) w->delimiter = options->delimiter;
    PQ_TRY(set_columns(w, options));
  }
  if (memchr("\"\r\n", w->delimiter, 3) != NULL)
    return pq_fail(&w->cx, PQ_EINVALID, "a quote or a line end cannot be the delimiter");
  if (w->format == PQDB_FORMAT_GUESS) w->format = pqdb_format_of(w->name);
  if (w->format == PQDB_FORMAT_GUESS) w->format = PQDB_FORMAT_NDJSON;
  if ((unsigned)w->format > PQDB_FORMAT_PARQUET)
    return pq_fail(&w->cx, PQ_EINVALID, "unknown format %d", (int)w->format);
  return pq_builder_new(&w->cx, &w->builder);
}

static int handle_new(pq_alloc_fn alloc, void *ud, const char *name,
                      const pqdb_writer_options *options, pqdb_writer **out) {
  pq_cx cx;
  pqdb_writer *w;
  pq_cx_init(&cx, alloc, ud);
  cx.cpu = pq_cpu_features();
  cx.limits.file_len_max = FILE_LEN_MAX;
  w = pq_alloc(&cx, NULL, 0, sizeof *w);
  *out = w;
  if (w == NULL) return PQ_ENOMEM;
  *w = (pqdb_writer){.cx = cx, .fd = -1};
  pq_arena_init(&w->arena, &w->cx, w->cx.limits.op_len_max);
  pq_arena_init(&w->documents, &w->cx, PQ_CONVERT_HELD_LEN_MAX);
  pq_buf_init(&w->out, &w->cx, OUT_LEN_MAX);
  pq_field_set_init(&w->set, &w->cx);
  return set_options(w, name, options);
}

int pq_writer_handle_open(pq_alloc_fn alloc, void *ud, int fd, const char *name,
                          const pqdb_writer_options *options, pqdb_writer **out) {
  int rc = handle_new(alloc, ud, name, options, out);
  if (*out == NULL) return rc;
  (*out)->fd = fd;
  (*out)->rc = rc;
  return rc;
}

int pqdb_writer_open_fd(int fd, const char *name, const pqdb_writer_options *options,
                        pqdb_writer **out) {
  return pq_writer_handle_open(NULL, NULL, fd, name, options, out);
}

static int fail_errno(pqdb_writer *w, const char *what) {
  int code = errno == EACCES || errno == EPERM || errno == EROFS ? PQ_EPERM : PQ_EIO;
  return pq_fail(&w->cx, code, "cannot %s %s: %s", what, w->name, strerror(errno));
}

/* A file of its own beside the final one, with its rights. */
static int open_temporary(pqdb_writer *w, mode_t rights) {
  for (int i = 0; i < TEMPORARY_TRIES; i++) {
    char *name = pq_arena_printf(&w->arena, "%s.%ld-%d.part", w->name, (long)getpid(), i);
    if (name == NULL) return w->cx.code;
    w->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, rights);
    w->has_fd = w->fd >= 0;
    if (w->has_fd) w->temporary = name;
    if (w->has_fd || errno != EEXIST) break;
  }
  return w->has_fd ? PQ_OK : fail_errno(w, "create");
}

static int open_file(pqdb_writer *w) {
  struct stat info;
  bool is_there = stat(w->name, &info) == 0;
  if (is_there && S_ISDIR(info.st_mode))
    return pq_fail(&w->cx, PQ_EINVALID, "%s is a directory", w->name);
  if (is_there && !S_ISREG(info.st_mode)) {
    w->fd = open(w->name, O_WRONLY | O_CLOEXEC);
    w->has_fd = w->fd >= 0;
    return w->has_fd ? PQ_OK : fail_errno(w, "open");
  }
  PQ_TRY(open_temporary(w, is_there ? info.st_mode & 0777 : 0666));
  w->path = w->name;
  return PQ_OK;
}

int pqdb_writer_open(const char *path, const pqdb_writer_options *options, pqdb_writer **out) {
  int rc = handle_new(NULL, NULL, path, options, out);
  if (*out == NULL) return rc;
  if (rc == PQ_OK) rc = open_file(*out);
  (*out)->rc = rc;
  return rc;
}

void pqdb_writer_close(pqdb_writer *w) {
  pq_cx cx;
  if (w == NULL) return;
  if (w->has_fd) (void)close(w->fd);
  if (w->temporary != NULL) (void)unlink(w->temporary);
  pq_builder_free(w->builder);
  pq_field_set_release(&w->set);
  pq_arena_release(&w->documents);
  pq_alloc(&w->cx, w->rows, w->row_cap * sizeof *w->rows, 0);
  pq_alloc(&w->cx, w->cells, w->cell_cap * sizeof *w->cells, 0);
  pq_buf_release(&w->out);
  pq_arena_release(&w->arena);
  cx = w->cx;
  pq_alloc(&cx, w, sizeof *w, 0);
}

const char *pqdb_writer_message(const pqdb_writer *w) {
  return w == NULL ? "out of memory" : w->cx.msg;
}

/* ---- output ---- */

int pq_writer_output(pqdb_writer *w, pq_slice bytes) {
  while (bytes.n > 0) {
    ssize_t n = write(w->fd, bytes.p, bytes.n);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(w, "write to");
    bytes = (pq_slice){bytes.p + n, bytes.n - (size_t)n};
  }
  return PQ_OK;
}

static int flush(pqdb_writer *w, size_t len_min) {
  if (w->out.len < len_min) return PQ_OK;
  PQ_TRY(pq_writer_output(w, pq_buf_slice(&w->out)));
  pq_buf_clear(&w->out);
  return PQ_OK;
}

/* ---- CSV ---- */

static bool needs_quotes(pq_slice s, char delimiter) {
  if (s.n == 0 || s.p[0] == ' ' || s.p[s.n - 1] == ' ') return true;
  for (size_t i = 0; i < s.n; i++) {
    uint8_t c = s.p[i];
    if (c == (uint8_t)delimiter || c == '"' || c == '\n' || c == '\r') return true;
  }
  return s.n >= 3 && memcmp(s.p, "\xEF\xBB\xBF", 3) == 0;
}

/* Empty text is quoted: nothing at all is a missing field. */
static int put_field(pqdb_writer *w, pq_slice s) {
  const uint8_t *p = s.p, *end = s.p == NULL ? NULL : s.p + s.n;
  if (!needs_quotes(s, w->delimiter)) return pq_buf_put_slice(&w->out, s);
  PQ_TRY(pq_buf_put_byte(&w->out, '"'));
  while (p < end) {
    const uint8_t *quote = memchr(p, '"', (size_t)(end - p));
    size_t len = quote == NULL ? (size_t)(end - p) : (size_t)(quote + 1 - p);
    PQ_TRY(pq_buf_put(&w->out, p, len));
    if (quote != NULL) PQ_TRY(pq_buf_put_byte(&w->out, '"'));
    p += len;
  }
  return pq_buf_put_byte(&w->out, '"');
}

/* {"$key":"text"} is the text; any other JSON is itself. */
static pq_slice inner_text(pq_slice json) {
  const uint8_t *colon = json.n < 6 || json.p[0] != '{' ? NULL : memchr(json.p, ':', json.n);
  size_t from;
  if (colon == NULL || json.p[json.n - 1] != '}' || json.p[json.n - 2] != '"') return json;
  from = (size_t)(colon - json.p) + 1;
  if (json.p[from] != '"' || from + 3 > json.n) return json;
  return (pq_slice){json.p + from + 1, json.n - from - 3};
}

static int put_cell(pqdb_writer *w, pq_value v) {
  pq_buf *text = &w->set.text;
  unsigned seen = pq_seen_of(v);
  bool is_plain = (seen & (PQ_SEEN_DATE | PQ_SEEN_UUID | PQ_SEEN_DECIMAL | PQ_SEEN_DOUBLE)) != 0 ||
                  pq_value_type(v) == PQ_TYPE_OBJECT_ID;
  char time[PQ_TIME_CAP];
  int64_t us;
  pq_slice s;
  if (pq_value_is_missing(v) || seen == PQ_SEEN_NULL) return PQ_OK;
  if (seen == PQ_SEEN_STRING && pq_value_string(v, &s)) return put_field(w, s);
  if (seen == PQ_SEEN_DATE && pq_value_date_us(v, &us)) {
    pq_time_print(us, time); /* JSON has a number before 1970 */
    if (strchr(time, 'T') != NULL) return put_field(w, pq_str(time));
  }
  pq_buf_clear(text);
  PQ_TRY(pq_json_print(text, v, PQ_JSON_RELAXED));
  s = pq_buf_slice(text);
  return put_field(w, is_plain ? inner_text(s) : s);
}

static int reserve_cells(pqdb_writer *w) {
  uint32_t cap = w->set.count;
  pq_value *cells;
  if (cap <= w->cell_cap) return PQ_OK;
  cells = pq_alloc(&w->cx, w->cells, w->cell_cap * sizeof *cells, cap * sizeof *cells);
  if (cells == NULL) return pq_fail_nomem(&w->cx);
  w->cells = cells;
  w->cell_cap = cap;
  return PQ_OK;
}

static int put_header(pqdb_writer *w) {
  w->has_header = true;
  PQ_TRY(reserve_cells(w));
  for (uint32_t i = 0; i < w->set.count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(&w->out, (uint8_t)w->delimiter));
    PQ_TRY(put_field(w, w->set.fields[i].name));
  }
  return w->set.count == 0 ? PQ_OK : pq_buf_put(&w->out, "\r\n", 2);
}

static int put_row(pqdb_writer *w, pq_value document) {
  if (!w->has_header) PQ_TRY(put_header(w));
  PQ_TRY(pq_field_set_row(&w->set, document, w->cells));
  for (uint32_t i = 0; i < w->set.count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(&w->out, (uint8_t)w->delimiter));
    PQ_TRY(put_cell(w, w->cells[i]));
  }
  PQ_TRY(pq_buf_put(&w->out, "\r\n", 2));
  return flush(w, FLUSH_LEN);
}

/* ---- documents ---- */

static int hold(pqdb_writer *w) {
  pq_value document;
  int rc;
  if (w->row_count == w->row_cap) {
    size_t cap = w->row_cap == 0 ? ROW_CAP_MIN : w->row_cap * 2;
    pq_value *rows = pq_alloc(&w->cx, w->rows, w->row_cap * sizeof *rows, cap * sizeof *rows);
    if (rows == NULL) return pq_fail_nomem(&w->cx);
    w->rows = rows;
    w->row_cap = cap;
  }
  rc = pq_builder_finish(w->builder, &w->documents, &document);
  if (rc == PQ_ELIMIT)
    return pq_fail(&w->cx, PQ_ELIMIT,
                   "%s: more than 1 GiB of documents for one %s file: export "
                   "fewer fields, or parts",
                   w->name, w->format == PQDB_FORMAT_CSV ? "CSV" : "Parquet");
  PQ_TRY(rc);
  PQ_TRY(pq_field_set_add(&w->set, document));
  w->rows[w->row_count++] = document;
  return PQ_OK;
}

static int add(pqdb_writer *w, pq_slice json) {
  pq_value document;
  size_t used;
  if (w->format == PQDB_FORMAT_NDJSON) {
    PQ_TRY(pq_buf_put_slice(&w->out, json));
    PQ_TRY(pq_buf_put_byte(&w->out, '\n'));
    return flush(w, FLUSH_LEN);
  }
  pq_builder_clear(w->builder);
  PQ_TRY(pq_json_parse(w->builder, json, (pq_json_options){.is_exact = true}, &used));
  PQ_TRY(pq_builder_view(w->builder, &document));
  if (pq_value_type(document) != PQ_TYPE_OBJECT)
    return pq_fail(&w->cx, PQ_EINVALID, "a document must be a JSON object");
  if (w->format == PQDB_FORMAT_CSV && w->has_columns) return put_row(w, document);
  return hold(w);
}

int pqdb_writer_add(pqdb_writer *w, const char *json, size_t len) {
  if (w->rc == PQ_OK && w->is_finished)
    w->rc = pq_fail(&w->cx, PQ_EINVALID, "the file is finished");
  if (w->rc == PQ_OK) w->rc = add(w, (pq_slice){(const uint8_t *)json, len});
  return w->rc;
}

static int finish(pqdb_writer *w) {
  w->is_finished = true;
  if (w->format == PQDB_FORMAT_PARQUET) {
    if (w->set.count == 0) PQ_TRY(pq_field_set_enter(&w->set, PQ_SLICE("$id")));
    PQ_TRY(reserve_cells(w));
    PQ_TRY(pq_table_out(w));
  }
  if (w->format == PQDB_FORMAT_CSV) {
    if (!w->has_header) PQ_TRY(put_header(w));
    for (size_t i = 0; i < w->row_count; i++)
      PQ_TRY(put_row(w, w->rows[i]));
  }
  PQ_TRY(flush(w, 0));
  if (w->path == NULL) return PQ_OK;
  if (fsync(w->fd) != 0) return fail_errno(w, "write to");
  if (rename(w->temporary, w->path) != 0) return fail_errno(w, "create");
  w->temporary = NULL;
  return PQ_OK;
}

int pqdb_writer_finish(pqdb_writer *w) {
  if (w->rc == PQ_OK && !w->is_finished) w->rc = finish(w);
  return w->rc;
}
