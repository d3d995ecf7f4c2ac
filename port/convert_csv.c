/* port/convert_csv.c - CSV (RFC 4180) into NDJSON.
 *
 *   text:  |consumed|record|record|rec…            a window of the input
 *                   ^at    ^at + rel
 *
 * A record is taken apart where it stands into fields (offset, length); one that does not end in
 * the window is taken apart again after more was read, twice as much each time, so that the work
 * stays linear. The first records are looked at for the delimiter and the types, then read again.
 *
 *   "a ""b"""  a quoted field: may hold delimiters and line ends; "" stands for a quote
 *   5" pipe    quotes inside a bare field are text (an error when strict)
 *   blank line skipped
 */
#include <string.h>

#include "base/text.h"
#include "port/convert_int.h"

enum { FIELD_CAP_MIN = 64, DELIMITER_RECORDS = 50, MESSAGE_TEXT_LEN_MAX = 40 };

typedef struct csv_field {
  size_t off, len; /* in `text`, from `at` */
  bool is_quoted;
  bool has_pairs; /* of quotes, to be halved */
} csv_field;

typedef struct pq_csv {
  pq_buf text;
  size_t at;
  uint64_t line; /* of `at` */
  bool is_end;   /* of the input */
  uint8_t delimiter;
  csv_field *fields; /* owned: of the record taken apart last */
  uint32_t field_count, field_cap;
  pq_buf scratch;
} csv;

/* What a scan found wrong, from `at`. */
typedef struct scan_error {
  size_t off;
  const char *what;
} scan_error;

typedef enum scan_result { SCAN_RECORD, SCAN_MORE, SCAN_BAD, SCAN_NO_MEMORY } scan_result;

/* ---- records ---- */

static bool add_field(csv *c, csv_field f) {
  if (c->field_count == c->field_cap) {
    uint32_t cap = c->field_cap == 0 ? FIELD_CAP_MIN : c->field_cap * 2;
    csv_field *fields =
        pq_alloc(c->text.cx, c->fields, c->field_cap * sizeof *fields, cap * sizeof *fields);
    if (fields == NULL) return false;
    c->fields = fields;
    c->field_cap = cap;
  }
  c->fields[c->field_count++] = f;
  return true;
}

/* The end of a quoted field that begins behind `p`: its closing quote. */
static scan_result scan_quoted(const csv *c, const uint8_t *p, const uint8_t *end,
                               const uint8_t **close, bool *has_pairs) {
  *has_pairs = false;
  for (;;) {
    const uint8_t *quote = p == end ? NULL : memchr(p, '"', (size_t)(end - p));
    *close = quote;
    if (quote == NULL || (quote + 1 == end && !c->is_end)) return SCAN_MORE;
    if (quote + 1 == end || quote[1] != '"') return SCAN_RECORD;
    *has_pairs = true;
    p = quote + 2;
  }
}

/* Take one field apart; *p moves to the delimiter or line end behind it. */
static scan_result scan_field(csv *c, const uint8_t *base, const uint8_t **p, const uint8_t *end,
                              scan_error *error) {
  const uint8_t *from = *p, *q = from;
  csv_field f = {0};
  if (q < end && *q == '"') {
    scan_result found = scan_quoted(c, q + 1, end, &q, &f.has_pairs);
    *error = (scan_error){(size_t)(from - base), "the quoted field that begins here has no end"};
    if (found != SCAN_RECORD) return c->is_end ? SCAN_BAD : SCAN_MORE;
    f.is_quoted = true;
    f.off = (size_t)(from + 1 - base);
    f.len = (size_t)(q - from - 1);
    q++;
    if (q < end && *q == '\r') {
      if (q + 1 == end && !c->is_end) return SCAN_MORE;
      if (q + 1 == end || q[1] == '\n') q++;
    }
    *error = (scan_error){(size_t)(q - base), "text behind the closing quote of a field"};
    if (q < end && *q != c->delimiter && *q != '\n') return SCAN_BAD;
  } else {
    uint8_t delimiter = c->delimiter;
    while (q < end && *q != delimiter && *q != '\n')
      q++;
    if (q == end && !c->is_end) return SCAN_MORE;
    f.off = (size_t)(from - base);
    f.len = (size_t)(q - from);
    if (f.len > 0 && q[-1] == '\r' && (q == end || *q == '\n')) f.len--;
  }
  *p = q;
  return add_field(c, f) ? SCAN_RECORD : SCAN_NO_MEMORY;
}

/* Take apart the record at at + rel; *next is where the one after it begins. At the end of the
 * input field_count is 0. */
static scan_result scan_record(csv *c, size_t rel, size_t *next, scan_error *error) {
  const uint8_t *base = c->text.p == NULL ? NULL : c->text.p + c->at;
  const uint8_t *end = c->text.p == NULL ? NULL : c->text.p + c->text.len;
  const uint8_t *p = base == NULL ? NULL : base + rel;
  scan_result found = SCAN_RECORD;
  c->field_count = 0;
  *next = rel;
  if (p == end) return c->is_end ? SCAN_RECORD : SCAN_MORE;
  while (found == SCAN_RECORD) {
    found = scan_field(c, base, &p, end, error);
    if (found == SCAN_RECORD && (p == end || *p == '\n')) break;
    p++;
  }
  if (found == SCAN_RECORD) *next = (size_t)(p - base) + (p < end);
  return found;
}

/* ---- input and places ---- */

static int fill(pqdb_reader *r) {
  csv *c = r->csv;
  size_t left = c->text.len - c->at;
  if (left > PQ_CONVERT_ROW_LEN_MAX)
    return pq_reader_fail_at(r, PQ_ELIMIT, c->line, 1, "a row of more than 64 MiB");
  if (c->at > 0 && left > 0) memmove(c->text.p, c->text.p + c->at, left);
  c->text.len = left;
  c->at = 0;
  return pq_reader_input(r, &c->text, left > PQ_CONVERT_READ_LEN ? left : PQ_CONVERT_READ_LEN,
                         &c->is_end);
}

/* Fail at an offset from `at`, where line c->line begins. */
static int fail_at(pqdb_reader *r, int code, size_t off, const char *what) {
  csv *c = r->csv;
  const uint8_t *base = c->text.p + c->at;
  uint64_t line = c->line;
  size_t from = 0;
  for (size_t i = 0; i < off; i++) {
    if (base[i] != '\n') continue;
    line++;
    from = i + 1;
  }
  return pq_reader_fail_at(r, code, line, off - from + 1, what);
}

/* The record at at + rel, reading as needed. */
static int need_record(pqdb_reader *r, size_t rel, size_t *next) {
  scan_error error = {0};
  for (;;) {
    switch (scan_record(r->csv, rel, next, &error)) {
      case SCAN_RECORD: return PQ_OK;
      case SCAN_BAD: return fail_at(r, PQ_EINVALID, error.off, error.what);
      case SCAN_NO_MEMORY: return pq_fail_nomem(&r->cx);
      case SCAN_MORE: PQ_TRY(fill(r)); break;
    }
  }
}

static void step_over(csv *c, size_t len) {
  const uint8_t *p = c->text.p + c->at, *end = p + len;
  while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
    c->line++;
    p++;
  }
  c->at += len;
}

static bool is_blank_record(const csv *c) {
  return c->field_count == 1 && c->fields[0].len == 0 && !c->fields[0].is_quoted;
}

/* The text of a field, quotes halved. */
static int field_text(csv *c, const csv_field *f, pq_slice *out) {
  const uint8_t *p = c->text.p + c->at + f->off, *end = p + f->len;
  *out = (pq_slice){p, f->len};
  if (!f->has_pairs) return PQ_OK;
  pq_buf_clear(&c->scratch);
  *out = (pq_slice){0};
  while (p < end) {
    const uint8_t *quote = memchr(p, '"', (size_t)(end - p));
    const uint8_t *to = quote == NULL ? end : quote + 1;
    PQ_TRY(pq_buf_put(&c->scratch, p, (size_t)(to - p)));
    p = quote == NULL ? end : quote + 2;
  }
  *out = pq_buf_slice(&c->scratch);
  return PQ_OK;
}

/* ---- the delimiter ---- */

/* How well the first records fit together with this delimiter: 0 not at all. */
static int score(csv *c, uint8_t delimiter, uint32_t *width, uint64_t *out) {
  scan_error error;
  size_t rel = 0, next = 0;
  uint64_t count = 0, same = 0;
  scan_result found = SCAN_RECORD;
  c->delimiter = delimiter;
  *width = 0;
  while (count < DELIMITER_RECORDS) {
    found = scan_record(c, rel, &next, &error);
    if (found != SCAN_RECORD || c->field_count == 0) break;
    rel = next;
    if (is_blank_record(c)) continue;
    if (count++ == 0) *width = c->field_count;
    same += c->field_count == *width;
  }
  *out = *width < 2 ? 0 : same * 1000 / count;
  if (found == SCAN_BAD) *out /= 2;
  return found == SCAN_NO_MEMORY ? pq_fail_nomem(c->text.cx) : PQ_OK;
}

static int find_delimiter(pqdb_reader *r) {
  static const uint8_t candidates[] = {',', ';', '\t', '|'};
  csv *c = r->csv;
  uint64_t best = 0;
  uint32_t best_width = 0;
  uint8_t chosen = ',';
  if (r->options.delimiter != 0) {
    c->delimiter = (uint8_t)r->options.delimiter;
    if (memchr("\"\r\n", c->delimiter, 3) == NULL) return PQ_OK;
    return pq_fail(&r->cx, PQ_EINVALID, "a quote or a line end cannot be the delimiter");
  }
  for (size_t i = 0; i < sizeof candidates; i++) {
    uint32_t width;
    uint64_t points;
    PQ_TRY(score(c, candidates[i], &width, &points));
    if (points < best || (points == best && width <= best_width)) continue;
    best = points;
    best_width = width;
    chosen = candidates[i];
  }
  c->delimiter = chosen;
  return PQ_OK;
}

/* ---- the header ---- */

/* A byte order mark of UTF-8 is skipped; other encodings are told apart. */
static int skip_mark(pqdb_reader *r) {
  csv *c = r->csv;
  const uint8_t *p = c->text.p;
  if (c->text.len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
    c->at = 3;
    return PQ_OK;
  }
  if (c->text.len < 2 || (memcmp(p, "\xFF\xFE", 2) != 0 && memcmp(p, "\xFE\xFF", 2) != 0))
    return PQ_OK;
  return pq_fail(&r->cx, PQ_EINVALID, "%s is UTF-16: convert it to UTF-8", r->name);
}

static int set_column(pqdb_reader *r, uint32_t i) {
  const csv_field *f = &r->csv->fields[i];
  pq_convert_column *c = &r->columns[i];
  pq_slice name;
  char *made;
  PQ_TRY(field_text(r->csv, f, &name));
  if (!pq_utf8_is_valid(name)) return fail_at(r, PQ_EINVALID, f->off, "the name is not UTF-8");
  if (name.n > 0 && memchr(name.p, '\r', name.n) != NULL)
    return fail_at(r, PQ_EINVALID, f->off,
                   "a carriage return in a name: lines must end with a line feed");
  if (name.n == 0) {
    made = pq_arena_printf(&r->arena, "column%u", i + 1);
    if (made == NULL) return r->cx.code;
    name = pq_str(made);
  }
  c->guess = ~0u;
  c->type = PQ_CELL_TEXT;
  return pq_column_set_name(r, c, name);
}

static int read_header(pqdb_reader *r) {
  csv *c = r->csv;
  size_t next = 0;
  do {
    PQ_TRY(need_record(r, 0, &next));
    if (c->field_count == 0) return PQ_OK; /* an empty file: no columns, no rows */
    if (!is_blank_record(c)) break;
    step_over(c, next);
  } while (true);
  if (c->field_count > PQ_CONVERT_COLUMNS_MAX)
    return pq_fail(&r->cx, PQ_ELIMIT, "%s: %u columns, more than %d", r->name, c->field_count,
                   PQ_CONVERT_COLUMNS_MAX);
  r->columns = pq_arena_calloc(&r->arena, c->field_count, sizeof *r->columns);
  if (r->columns == NULL) return r->cx.code;
  r->column_count = c->field_count;
  for (uint32_t i = 0; i < r->column_count; i++)
    PQ_TRY(set_column(r, i));
  step_over(c, next);
  return PQ_OK;
}

/* ---- types ---- */

/* One "name:type" of options.types. The name may hold colons. */
static int give_type(pqdb_reader *r, pq_slice item) {
  size_t colon = item.n;
  pq_cell_type type;
  uint32_t i;
  while (colon > 0 && item.p[colon - 1] != ':')
    colon--;
  if (colon == 0)
    return pq_fail(&r->cx, PQ_EINVALID, "types: '%.*s' is not name:type",
                   (int)(item.n < 60 ? item.n : 60), (const char *)item.p);
  if (!pq_cell_type_find((pq_slice){item.p + colon, item.n - colon}, &type))
    return pq_fail(&r->cx, PQ_EINVALID,
                   "types: '%.*s' is none of int double decimal bool date text json uuid oid skip",
                   (int)(item.n - colon < 30 ? item.n - colon : 30), (const char *)item.p + colon);
  i = pq_reader_find_column(r, (pq_slice){item.p, colon - 1});
  if (i == PQ_TABLE_NONE)
    return pq_fail(&r->cx, PQ_EINVALID, "types: %s has no column '%.*s'", r->name,
                   (int)(colon - 1 < 60 ? colon - 1 : 60), (const char *)item.p);
  r->columns[i].type = type;
  r->columns[i].is_given = true;
  return PQ_OK;
}

static int give_types(pqdb_reader *r) {
  const char *p = r->options.types;
  while (p != NULL && *p != '\0') {
    size_t len = strcspn(p, ",");
    if (len > 0) PQ_TRY(give_type(r, (pq_slice){(const uint8_t *)p, len}));
    p += len;
    if (*p == ',') p++;
  }
  return PQ_OK;
}

static int sample_record(pqdb_reader *r) {
  csv *c = r->csv;
  for (uint32_t i = 0; i < c->field_count && i < r->column_count; i++) {
    pq_convert_column *column = &r->columns[i];
    pq_slice text;
    if (c->fields[i].len == 0) continue;
    if (column->guess != 0) {
      PQ_TRY(field_text(c, &c->fields[i], &text));
      column->guess &= pq_cell_guess(text);
    }
    if (column->has_value) continue;
    column->has_value = true;
    PQ_TRY(field_text(c, &c->fields[i], &text));
    if (pq_utf8_is_valid(text)) PQ_TRY(pq_column_set_example(r, column, text));
  }
  return PQ_OK;
}

/* Look at the first records without consuming them. What is wrong in them is found when they are
 * read, so that the rows before are not lost. */
static int sample(pqdb_reader *r) {
  csv *c = r->csv;
  scan_error error;
  size_t rel = 0, next = 0;
  for (uint32_t rows = 0; rows < PQ_CONVERT_SAMPLE_ROWS;) {
    scan_result found = scan_record(c, rel, &next, &error);
    if (found == SCAN_NO_MEMORY) return pq_fail_nomem(&r->cx);
    if (found == SCAN_MORE && c->text.len - c->at < PQ_CONVERT_SAMPLE_LEN_MAX) {
      PQ_TRY(fill(r));
      continue;
    }
    if (found != SCAN_RECORD || c->field_count == 0) break;
    PQ_TRY(sample_record(r));
    rel = next;
    rows++;
  }
  return PQ_OK;
}

static void infer(pqdb_reader *r) {
  static const pq_cell_type order[] = {PQ_CELL_INT, PQ_CELL_DOUBLE, PQ_CELL_BOOL, PQ_CELL_DATE};
  for (uint32_t i = 0; i < r->column_count; i++) {
    pq_convert_column *c = &r->columns[i];
    bool is_text = pq_slice_is(c->name, "$id") || pq_slice_is(c->name, "$type");
    for (size_t k = sizeof order / sizeof order[0]; k-- > 0 && !c->is_given;)
      if (c->has_value && !is_text && (c->guess & 1u << order[k]) != 0) c->type = order[k];
    c->type_name = pq_cell_type_name(c->type);
  }
}

int pq_csv_open(pqdb_reader *r) {
  csv *c = pq_alloc(&r->cx, NULL, 0, sizeof *c);
  if (c == NULL) return pq_fail_nomem(&r->cx);
  *c = (csv){.line = 1};
  r->csv = c;
  pq_buf_init(&c->text, &r->cx, (size_t)PQ_CONVERT_ROW_LEN_MAX * 4);
  pq_buf_init(&c->scratch, &r->cx, PQ_CONVERT_ROW_LEN_MAX);
  PQ_TRY(fill(r));
  PQ_TRY(skip_mark(r));
  PQ_TRY(find_delimiter(r));
  PQ_TRY(read_header(r));
  PQ_TRY(pq_reader_check_columns(r));
  PQ_TRY(give_types(r));
  PQ_TRY(sample(r));
  infer(r);
  return PQ_OK;
}

void pq_csv_close(pqdb_reader *r) {
  csv *c = r->csv;
  if (c == NULL) return;
  pq_buf_release(&c->text);
  pq_buf_release(&c->scratch);
  pq_alloc(&r->cx, c->fields, c->field_cap * sizeof *c->fields, 0);
  pq_alloc(&r->cx, c, sizeof *c, 0);
  r->csv = NULL;
}

char pq_csv_delimiter(const pqdb_reader *r) {
  return (char)r->csv->delimiter;
}

uint64_t pq_csv_waiting(const pqdb_reader *r) {
  return r->csv->text.len - r->csv->at;
}

/* ---- rows ---- */

static int misfit(pqdb_reader *r, const csv_field *f, pq_convert_column *column, pq_slice text) {
  if (r->options.is_strict) {
    char *what = pq_arena_printf(
        &r->arena, "'%.*s' is no %s (column %.*s)", (int)pq_utf8_prefix(text, MESSAGE_TEXT_LEN_MAX),
        (const char *)text.p, column->type_name,
        (int)pq_utf8_prefix(column->name, MESSAGE_TEXT_LEN_MAX), (const char *)column->name.p);
    return what == NULL ? r->cx.code : fail_at(r, PQ_EINVALID, f->off, what);
  }
  column->misfits++;
  r->misfits++;
  return pq_buf_put_json_str(&r->out, text);
}

/* Quotes around nothing are empty text, but only where text is expected. */
static bool is_missing(const csv_field *f, pq_cell_type type) {
  return f->len == 0 && !(f->is_quoted && type == PQ_CELL_TEXT);
}

static int put_field(pqdb_reader *r, uint32_t i, bool *is_first) {
  const csv_field *f = &r->csv->fields[i];
  pq_convert_column *column = &r->columns[i];
  pq_slice text;
  bool fits;
  if (column->type == PQ_CELL_SKIP || is_missing(f, column->type)) return PQ_OK;
  PQ_TRY(field_text(r->csv, f, &text));
  if (!*is_first) PQ_TRY(pq_buf_put_byte(&r->out, ','));
  *is_first = false;
  PQ_TRY(pq_buf_put_slice(&r->out, column->key));
  PQ_TRY(pq_cell_put(&r->out, r->builder, column->type, text, &fits));
  return fits ? PQ_OK : misfit(r, f, column, text);
}

static int put_id(pqdb_reader *r, bool *is_first) {
  csv *c = r->csv;
  const csv_field *f = &c->fields[r->id_column];
  pq_slice text;
  if (r->id_column >= c->field_count || f->len == 0)
    return fail_at(r, PQ_EINVALID, 0, "the field of the id is empty");
  PQ_TRY(field_text(c, f, &text));
  PQ_TRY(pq_buf_put_str(&r->out, "\"$id\":"));
  *is_first = false;
  return pq_buf_put_json_str(&r->out, text);
}

/* Where the first bytes stand that are not UTF-8. */
static size_t valid_prefix(pq_slice s) {
  size_t from = 0, to = 0;
  while (to < s.n) {
    to++;
    if (to < s.n && (s.p[to] & 0xc0) == 0x80 && to - from < 4) continue;
    if (!pq_utf8_is_valid((pq_slice){s.p + from, to - from})) break;
    from = to;
  }
  return from;
}

static int check_record(pqdb_reader *r, size_t len) {
  csv *c = r->csv;
  const uint8_t *p = c->text.p + c->at;
  if (c->field_count > r->column_count)
    return fail_at(r, PQ_EINVALID, c->fields[r->column_count].off,
                   "more fields than the header has");
  if (c->field_count < r->column_count) {
    if (r->options.is_strict) return fail_at(r, PQ_EINVALID, 0, "fewer fields than the header has");
    r->short_rows++;
  }
  if (!pq_utf8_is_valid((pq_slice){p, len}))
    return fail_at(r, PQ_EINVALID, valid_prefix((pq_slice){p, len}), "not UTF-8");
  if (!r->options.is_strict) return PQ_OK;
  for (uint32_t i = 0; i < c->field_count; i++) {
    const csv_field *f = &c->fields[i];
    if (!f->is_quoted && f->len > 0 && memchr(p + f->off, '"', f->len) != NULL)
      return fail_at(r, PQ_EINVALID, f->off, "a quote inside a field without quotes");
  }
  return PQ_OK;
}

static int put_row(pqdb_reader *r, size_t len) {
  bool is_first = true;
  PQ_TRY(check_record(r, len));
  PQ_TRY(pq_buf_put_byte(&r->out, '{'));
  if (r->id_column != PQ_TABLE_NONE) PQ_TRY(put_id(r, &is_first));
  for (uint32_t i = 0; i < r->csv->field_count; i++)
    PQ_TRY(put_field(r, i, &is_first));
  return pq_buf_put(&r->out, "}\n", 2);
}

int pq_csv_next(pqdb_reader *r) {
  csv *c = r->csv;
  while (pq_reader_has_room(r)) {
    size_t next;
    PQ_TRY(need_record(r, 0, &next));
    if (c->field_count == 0) {
      r->is_done = true;
      return PQ_OK;
    }
    if (!is_blank_record(c)) {
      PQ_TRY(put_row(r, next));
      pq_reader_end_row(r);
    }
    step_over(c, next);
  }
  return PQ_OK;
}
