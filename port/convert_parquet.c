/* port/convert_parquet.c - a Parquet file into NDJSON.
 *
 *   footer ─► columns (flat ones, VARIANT groups) ─► row group: all chunks decoded ─► rows
 *
 *   one of ours:   $id       $data            ─►  {"$id":"posts/p1","$type":"Post", <$data's
 * fields>} any other:     a  b  c                    ─►  {"a":1,"b":"x"}          null: left out
 *
 * The reader of src/parquet asks for bytes through a fetch set; here they come from a file
 * descriptor, or from memory when the input is a pipe. All bytes are hostile: what is not as the
 * schema says is PQ_ECORRUPT with the column's name.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "parquet/reader.h"
#include "port/convert_int.h"

enum {
  DECIMAL_LEN_MAX = 16,
  DECIMAL_SCALE_MAX = 38,
  UUID_LEN = 16,
  FLOAT16_LEN = 2,
  JULIAN_DAY_OF_1970 = 2440588
};

static const int64_t day_us = INT64_C(86400000000);
/* What pq_time_print shows as a date: years 0000 to 9999. */
static const int64_t shown_us_min = INT64_C(-62167219200000000);
static const int64_t shown_us_max = INT64_C(253402300799999999);

/* How values of a column become JSON. */
typedef enum value_kind {
  VALUE_TEXT,
  VALUE_BINARY,
  VALUE_JSON,
  VALUE_VARIANT,
  VALUE_BOOL,
  VALUE_INT32,
  VALUE_INT64,
  VALUE_UINT32,
  VALUE_UINT64,
  VALUE_FLOAT,
  VALUE_DOUBLE,
  VALUE_FLOAT16,
  VALUE_DATE,
  VALUE_TIME,
  VALUE_TIMESTAMP,
  VALUE_INT96,
  VALUE_DECIMAL,
  VALUE_UUID
} value_kind;

static const char *const kind_names[] = {
    "text",  "binary", "json",    "variant", "bool", "int32",     "int64",     "uint32",  "uint64",
    "float", "double", "float16", "date",    "time", "timestamp", "timestamp", "decimal", "uuid"};

typedef struct column_in {
  value_kind kind;
  uint32_t leaf;      /* of a VARIANT: its value */
  uint32_t meta_leaf; /* of a VARIANT */
  bool is_read;
} column_in;

typedef struct pq_table_in {
  pq_fetch fetch;
  pq_arena footer_arena;
  pq_arena group_arena;
  pq_buf held; /* the whole file, when it came from a pipe */
  bool is_held;
  uint64_t file_len;
  pq_file file;
  column_in *columns; /* beside r->columns */
  pq_column *data;    /* one per leaf, of the row group that is loaded */
  bool is_ours;
  int id, type, deleted, document; /* columns of one of ours, -1: none */
  uint32_t group;                  /* the next to load */
  bool is_loaded;
  uint32_t row, row_count; /* of the group that is loaded */
} table;

/* ---- bytes ---- */

static int serve_read(pqdb_reader *r, const pq_io_req *q) {
  table *t = r->table;
  size_t done = 0;
  if (t->is_held) {
    if (q->off > t->held.len || q->len > t->held.len - q->off) return PQ_ECORRUPT;
    memcpy(q->buf, t->held.p + q->off, q->len);
    return PQ_OK;
  }
  while (done < q->len) {
    ssize_t n = pread(r->fd, q->buf + done, q->len - done, (off_t)(q->off + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return PQ_EIO;
    if (n == 0) return PQ_ECORRUPT;
    done += (size_t)n;
  }
  return PQ_OK;
}

static void serve(pqdb_reader *r) {
  pq_io_req q;
  while (pq_fetch_take(&r->table->fetch, &q)) {
    int rc = q.kind == PQ_IO_READ ? serve_read(r, &q) : PQ_EUNSUPPORTED;
    const char *detail = rc == PQ_EIO ? strerror(errno) : NULL;
    pq_fetch_done(&r->table->fetch, q.id, rc, (pq_slice){0}, detail);
  }
}

static int open_input(pqdb_reader *r) {
  table *t = r->table;
  struct stat info;
  bool is_end = false;
  if (fstat(r->fd, &info) == 0 && S_ISREG(info.st_mode)) {
    t->file_len = (uint64_t)info.st_size;
    return PQ_OK;
  }
  t->is_held = true;
  while (!is_end) {
    size_t want = t->held.len < PQ_CONVERT_READ_LEN ? PQ_CONVERT_READ_LEN : t->held.len;
    if (t->held.len > PQ_CONVERT_HELD_LEN_MAX)
      return pq_fail(&r->cx, PQ_ELIMIT, "%s: more than 1 GiB of Parquet from a pipe", r->name);
    PQ_TRY(pq_reader_input(r, &t->held, want, &is_end));
  }
  t->file_len = t->held.len;
  return PQ_OK;
}

/* ---- columns ---- */

static int unsupported(pqdb_reader *r, const pq_leaf *leaf, const char *what) {
  return pq_fail(&r->cx, PQ_EUNSUPPORTED, "%s: column %.*s is %s", r->name,
                 (int)pq_utf8_prefix(leaf->path, 80), (const char *)leaf->path.p, what);
}

static int kind_of_integer(const pq_leaf *leaf, value_kind *out) {
  bool is_unsigned = leaf->note.kind == PQ_NOTE_INTEGER && leaf->note.is_unsigned;
  if (leaf->phys == PQ_PHYS_INT32)
    *out = is_unsigned ? VALUE_UINT32 : VALUE_INT32;
  else
    *out = is_unsigned ? VALUE_UINT64 : VALUE_INT64;
  return PQ_OK;
}

static int kind_of_number(pqdb_reader *r, const pq_leaf *leaf, value_kind *out) {
  bool is_32 = leaf->phys == PQ_PHYS_INT32;
  switch (leaf->note.kind) {
    case PQ_NOTE_DATE:
      if (!is_32) break;
      *out = VALUE_DATE;
      return PQ_OK;
    case PQ_NOTE_TIME:
      if (leaf->note.digits == 0) return unsupported(r, leaf, "a time of an unknown unit");
      *out = VALUE_TIME;
      return PQ_OK;
    case PQ_NOTE_TIMESTAMP:
      if (is_32) break;
      if (leaf->note.digits == 0) return unsupported(r, leaf, "a timestamp of an unknown unit");
      *out = VALUE_TIMESTAMP;
      return PQ_OK;
    case PQ_NOTE_DECIMAL: *out = VALUE_DECIMAL; return PQ_OK;
    default: break;
  }
  return kind_of_integer(leaf, out);
}

static int kind_of_bytes(pqdb_reader *r, const pq_leaf *leaf, value_kind *out) {
  bool is_fixed = leaf->phys == PQ_PHYS_FIXED;
  *out = VALUE_BINARY;
  switch (leaf->note.kind) {
    case PQ_NOTE_TEXT: *out = is_fixed ? VALUE_BINARY : VALUE_TEXT; break;
    case PQ_NOTE_JSON: *out = is_fixed ? VALUE_BINARY : VALUE_JSON; break;
    case PQ_NOTE_DECIMAL: *out = VALUE_DECIMAL; break;
    case PQ_NOTE_UUID:
      if (is_fixed && leaf->type_len == UUID_LEN) *out = VALUE_UUID;
      break;
    case PQ_NOTE_FLOAT16:
      if (is_fixed && leaf->type_len == FLOAT16_LEN) *out = VALUE_FLOAT16;
      break;
    case PQ_NOTE_INTERVAL: return unsupported(r, leaf, "an INTERVAL, which no document can hold");
    default: break;
  }
  return PQ_OK;
}

static int kind_of(pqdb_reader *r, const pq_leaf *leaf, value_kind *out) {
  *out = VALUE_BINARY;
  if (leaf->rep_max > 0) return unsupported(r, leaf, "a list or a map: only flat columns are read");
  if (leaf->depth > 0 || leaf->def_max > 1)
    return unsupported(r, leaf, "inside a group: only flat columns are read");
  if (leaf->note.kind == PQ_NOTE_DECIMAL &&
      (leaf->note.scale < 0 || leaf->note.scale > DECIMAL_SCALE_MAX))
    return unsupported(r, leaf, "a decimal with a scale beyond 38");
  switch (leaf->phys) {
    case PQ_PHYS_BOOL: *out = VALUE_BOOL; return PQ_OK;
    case PQ_PHYS_INT96: *out = VALUE_INT96; return PQ_OK;
    case PQ_PHYS_FLOAT: *out = VALUE_FLOAT; return PQ_OK;
    case PQ_PHYS_DOUBLE: *out = VALUE_DOUBLE; return PQ_OK;
    case PQ_PHYS_INT32:
    case PQ_PHYS_INT64: return kind_of_number(r, leaf, out);
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: return kind_of_bytes(r, leaf, out);
  }
  pq_unreachable("physical type");
}

/* Is the path `name` + `end`? Then the name. */
static bool has_end(pq_slice path, pq_slice end, pq_slice *name) {
  *name = (pq_slice){0};
  if (path.n < end.n || memcmp(path.p + path.n - end.n, end.p, end.n) != 0) return false;
  *name = (pq_slice){path.p, path.n - end.n};
  return true;
}

/* The two leaves of an unshredded VARIANT at the top. */
static int variant_column(pqdb_reader *r, uint32_t leaf, column_in *c, pq_slice *name) {
  const pq_footer *f = r->table->file.footer;
  const pq_leaf *first = &f->leaves[leaf], *second = leaf + 1 < f->leaf_count ? first + 1 : first;
  bool is_value_first;
  pq_slice other;
  is_value_first = has_end(first->path, PQ_SLICE(".value"), name);
  if (!is_value_first) (void)has_end(first->path, PQ_SLICE(".metadata"), name);
  if (first->rep_max > 0 || first->depth != 1 || first->def_max > 1)
    return unsupported(r, first, "a VARIANT inside a group, or one that is shredded");
  if (second == first || second->logical != PQ_LOGICAL_VARIANT || second->def_max > 1 ||
      !has_end(second->path, is_value_first ? PQ_SLICE(".metadata") : PQ_SLICE(".value"), &other) ||
      !pq_slice_eq(*name, other))
    return unsupported(r, second, "a part of a VARIANT that is shredded");
  *c = (column_in){.kind = VALUE_VARIANT, .is_read = true};
  c->leaf = is_value_first ? leaf : leaf + 1;
  c->meta_leaf = is_value_first ? leaf + 1 : leaf;
  return PQ_OK;
}

static int add_column(pqdb_reader *r, uint32_t *leaf) {
  table *t = r->table;
  const pq_leaf *l = &t->file.footer->leaves[*leaf];
  pq_convert_column *column = &r->columns[r->column_count];
  column_in *c = &t->columns[r->column_count];
  pq_slice name = l->path;
  if (l->logical == PQ_LOGICAL_VARIANT) {
    PQ_TRY(variant_column(r, *leaf, c, &name));
    *leaf += 2;
  } else {
    *c = (column_in){.leaf = *leaf, .is_read = true};
    PQ_TRY(kind_of(r, l, &c->kind));
    *leaf += 1;
  }
  if (!pq_utf8_is_valid(name)) return unsupported(r, l, "named by what is not UTF-8");
  PQ_TRY(pq_column_set_name(r, column, name));
  column->type_name = kind_names[c->kind];
  r->column_count++;
  return PQ_OK;
}

static int column_of(const pqdb_reader *r, const char *name, value_kind kind) {
  uint32_t i = pq_reader_find_column(r, pq_str(name));
  return i == PQ_TABLE_NONE || r->table->columns[i].kind != kind ? -1 : (int)i;
}

/* Files of a warehouse: $id and $data count, the rest is made from them. */
static void look_for_ours(pqdb_reader *r) {
  table *t = r->table;
  t->id = column_of(r, "$id", VALUE_TEXT);
  t->document = column_of(r, "$data", VALUE_VARIANT);
  t->type = column_of(r, "$type", VALUE_TEXT);
  t->deleted = column_of(r, "deleted", VALUE_BOOL);
  t->is_ours = t->id >= 0 && t->document >= 0;
  for (uint32_t i = 0; i < r->column_count && t->is_ours; i++) {
    bool is_shown = (int)i == t->id || (int)i == t->document || (int)i == t->type;
    t->columns[i].is_read = is_shown || (int)i == t->deleted;
    r->columns[i].is_hidden = !is_shown;
  }
}

static int open_columns(pqdb_reader *r) {
  table *t = r->table;
  uint32_t leaf = 0, count = t->file.footer->leaf_count;
  value_kind kind;
  if (count > PQ_CONVERT_COLUMNS_MAX)
    return pq_fail(&r->cx, PQ_ELIMIT, "%s: %u columns, more than %d", r->name, count,
                   PQ_CONVERT_COLUMNS_MAX);
  r->columns = pq_arena_calloc(&r->arena, count, sizeof *r->columns);
  t->columns = pq_arena_calloc(&r->arena, count, sizeof *t->columns);
  t->data = pq_arena_calloc(&r->arena, count, sizeof *t->data);
  if (r->columns == NULL || t->columns == NULL || t->data == NULL) return r->cx.code;
  while (leaf < count)
    PQ_TRY(add_column(r, &leaf));
  PQ_TRY(pq_reader_check_columns(r));
  look_for_ours(r);
  if (r->id_column == PQ_TABLE_NONE) return PQ_OK;
  kind = t->columns[r->id_column].kind;
  if (kind == VALUE_TEXT || kind == VALUE_UUID || (kind >= VALUE_INT32 && kind <= VALUE_UINT64))
    return PQ_OK;
  return pq_fail(&r->cx, PQ_EINVALID, "%s: column %s is %s: an id is text, an integer or a uuid",
                 r->name, r->options.id_field, kind_names[kind]);
}

/* ---- row groups ---- */

/* Run `ask` for each leaf that is read; every one asks before the bytes are read. */
static int want_leaf(pqdb_reader *r, uint32_t leaf, bool *is_missing) {
  table *t = r->table;
  int rc = pq_chunk_want(&t->fetch, &t->file, t->group, leaf, NULL, NULL, 0);
  *is_missing = *is_missing || rc == PQ_NEED_IO;
  return rc == PQ_NEED_IO ? PQ_OK : rc;
}

static int want_group(pqdb_reader *r, bool *is_missing) {
  const table *t = r->table;
  *is_missing = false;
  for (uint32_t i = 0; i < r->column_count; i++) {
    const column_in *c = &t->columns[i];
    if (!c->is_read) continue;
    PQ_TRY(want_leaf(r, c->leaf, is_missing));
    if (c->kind == VALUE_VARIANT) PQ_TRY(want_leaf(r, c->meta_leaf, is_missing));
  }
  return PQ_OK;
}

static int decode_leaf(pqdb_reader *r, uint32_t leaf) {
  table *t = r->table;
  PQ_TRY(pq_chunk_decode(&t->fetch, &t->group_arena, &t->file, t->group, leaf, NULL, NULL, 0,
                         &t->data[leaf]));
  if (t->data[leaf].row_count == t->row_count) return PQ_OK;
  return pq_fail(&r->cx, PQ_ECORRUPT, "%s: a column of %u rows in a row group of %u", r->name,
                 t->data[leaf].row_count, t->row_count);
}

static int load_group(pqdb_reader *r) {
  table *t = r->table;
  uint64_t rows = t->file.footer->row_groups[t->group].row_count;
  bool is_missing = true;
  t->is_loaded = false;
  pq_fetch_clear(&t->fetch);
  pq_arena_clear(&t->group_arena);
  if (rows > UINT32_MAX) return pq_fail(&r->cx, PQ_ELIMIT, "%s: a row group too large", r->name);
  t->row = 0;
  t->row_count = (uint32_t)rows;
  for (;;) {
    PQ_TRY(want_group(r, &is_missing));
    if (!is_missing) break;
    serve(r);
  }
  for (uint32_t i = 0; i < r->column_count && rows > 0; i++) {
    const column_in *c = &t->columns[i];
    if (!c->is_read) continue;
    PQ_TRY(decode_leaf(r, c->leaf));
    if (c->kind == VALUE_VARIANT) PQ_TRY(decode_leaf(r, c->meta_leaf));
  }
  t->group++;
  t->is_loaded = true;
  return PQ_OK;
}

/* ---- values ---- */

static int corrupt(pqdb_reader *r, const pq_convert_column *c, const char *what) {
  return pq_fail(&r->cx, PQ_ECORRUPT, "%s: column %.*s, row %llu: %s", r->name,
                 (int)pq_utf8_prefix(c->name, 80), (const char *)c->name.p,
                 (unsigned long long)r->row_count + 1, what);
}

/* Microseconds when `us` counts, else milliseconds beyond them. */
static int put_date(pq_buf *out, int64_t us) {
  char text[PQ_TIME_CAP];
  if (us < shown_us_min || us > shown_us_max)
    return pq_buf_printf(out, "{\"$date\":{\"$numberLong\":\"%lld.%03lld\"}}",
                         (long long)(us / 1000),
                         (long long)(us % 1000 < 0 ? -(us % 1000) : us % 1000));
  pq_time_print(us, text);
  return pq_buf_printf(out, "{\"$date\":\"%s\"}", text);
}

static int put_date_ms(pq_buf *out, int64_t ms) {
  int64_t us;
  if (pq_mul_i64(ms, 1000, &us)) return put_date(out, us);
  return pq_buf_printf(out, "{\"$date\":{\"$numberLong\":\"%lld\"}}", (long long)ms);
}

static int64_t floor_div(int64_t v, int64_t by) {
  return v / by - (v % by < 0);
}

static int put_timestamp(pq_buf *out, int digits, int64_t v) {
  if (digits == 3) return put_date_ms(out, v);
  return put_date(out, digits == 6 ? v : floor_div(v, 1000));
}

/* Days and nanoseconds of the day, as old writers have them. */
static int put_int96(pqdb_reader *r, const pq_convert_column *c, pq_slice v) {
  int64_t day = (int64_t)pq_rd32(v.p + 8) - JULIAN_DAY_OF_1970, us;
  uint64_t nanos = pq_rd64(v.p);
  if (nanos > (uint64_t)day_us * 1000 || !pq_mul_i64(day, day_us, &us) ||
      !pq_add_i64(us, (int64_t)(nanos / 1000), &us))
    return corrupt(r, c, "a time out of range");
  return put_date(&r->out, us);
}

/* "HH:MM:SS" and the fraction, if there is one. */
static int put_time(pqdb_reader *r, const pq_convert_column *c, int digits, int64_t v) {
  int64_t unit = digits == 3 ? 1000 : digits == 6 ? 1000000 : 1000000000;
  int64_t sec = v / unit, part = v % unit;
  if (v < 0 || sec >= 86400) return corrupt(r, c, "a time of day out of range");
  PQ_TRY(pq_buf_printf(&r->out, "\"%02d:%02d:%02d", (int)(sec / 3600), (int)(sec / 60 % 60),
                       (int)(sec % 60)));
  if (part != 0) PQ_TRY(pq_buf_printf(&r->out, ".%0*lld", digits, (long long)part));
  return pq_buf_put_byte(&r->out, '"');
}

static int put_double(pq_buf *out, double v) {
  char text[PQ_DOUBLE_CAP];
  int len = pq_double_print(v, text);
  if (v != v || v - v != v - v) return pq_buf_printf(out, "{\"$numberDouble\":\"%s\"}", text);
  return pq_buf_put(out, text, (size_t)len);
}

static double half_to_double(uint16_t h) {
  int exponent = h >> 10 & 31, mantissa = h & 1023;
  double v = exponent == 0 ? mantissa / 1024.0 * (1.0 / 16384.0) : 1.0 + mantissa / 1024.0;
  uint64_t special = mantissa == 0 ? UINT64_C(0x7ff0000000000000) : UINT64_C(0x7ff8000000000000);
  if (exponent == 31) memcpy(&v, &special, sizeof v);
  for (; exponent > 15 && exponent < 31; exponent--)
    v *= 2;
  for (; exponent > 0 && exponent < 15; exponent++)
    v /= 2;
  return h >> 15 ? -v : v;
}

/* The value that the builder holds, and empty the builder. */
static int put_built(pqdb_reader *r, int rc, pq_json_form form) {
  pq_value v;
  if (rc == PQ_OK) rc = pq_builder_view(r->builder, &v);
  if (rc == PQ_OK) rc = pq_json_print(&r->out, v, form);
  pq_builder_clear(r->builder);
  return rc;
}

/* Two's complement, big-endian; INT32 and INT64 come in that form too. */
static int put_decimal(pqdb_reader *r, const pq_convert_column *c, pq_slice v, int32_t scale) {
  bool is_negative = v.n > 0 && v.p[0] >= 0x80;
  uint8_t fill = is_negative ? 0xff : 0;
  pq_decimal d = {.is_negative = is_negative, .scale = (uint8_t)scale};
  int rc;
  for (; v.n > DECIMAL_LEN_MAX; v = (pq_slice){v.p + 1, v.n - 1})
    if (v.p[0] != fill) return corrupt(r, c, "a decimal of more than 38 digits");
  d.hi = d.lo = is_negative ? UINT64_MAX : 0;
  for (size_t i = 0; i < v.n; i++) {
    d.hi = d.hi << 8 | d.lo >> 56;
    d.lo = d.lo << 8 | v.p[i];
  }
  if (is_negative) {
    d.lo = ~d.lo + 1;
    d.hi = ~d.hi + (d.lo == 0);
  }
  pq_builder_clear(r->builder);
  rc = put_built(r, pq_builder_decimal(r->builder, d), PQ_JSON_RELAXED);
  return rc == PQ_EINVALID || rc == PQ_ELIMIT ? corrupt(r, c, "a decimal of more than 38 digits")
                                              : rc;
}

static int put_decimal_int(pqdb_reader *r, const pq_convert_column *c, int64_t v, int32_t scale) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++)
    bytes[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
  return put_decimal(r, c, (pq_slice){bytes, sizeof bytes}, scale);
}

/* Beyond int64 a JSON number would become a double. */
static int put_u64(pq_buf *out, uint64_t v) {
  return pq_buf_printf(out, v > INT64_MAX ? "{\"$numberDecimal\":\"%llu\"}" : "%llu",
                       (unsigned long long)v);
}

static int put_uuid_text(pq_buf *out, pq_slice v) {
  static const char hex[] = "0123456789abcdef";
  char text[36];
  size_t n = 0;
  for (size_t i = 0; i < UUID_LEN; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[n++] = '-';
    text[n++] = hex[v.p[i] >> 4];
    text[n++] = hex[v.p[i] & 15];
  }
  return pq_buf_put(out, text, n);
}

static int put_text(pqdb_reader *r, const pq_convert_column *c, pq_slice v) {
  if (!pq_utf8_is_valid(v)) return corrupt(r, c, "text that is not UTF-8");
  return pq_buf_put_json_str(&r->out, v);
}

/* Embedded when it is JSON, else text and counted. */
static int put_json(pqdb_reader *r, pq_convert_column *c, pq_slice v) {
  bool fits;
  PQ_TRY(pq_cell_put(&r->out, r->builder, PQ_CELL_JSON, v, &fits));
  if (fits) return PQ_OK;
  if (r->options.is_strict)
    return pq_fail(&r->cx, PQ_EINVALID, "%s: column %.*s, row %llu: not JSON", r->name,
                   (int)pq_utf8_prefix(c->name, 80), (const char *)c->name.p,
                   (unsigned long long)r->row_count + 1);
  c->misfits++;
  r->misfits++;
  return put_text(r, c, v);
}

static int read_variant(pqdb_reader *r, uint32_t column, uint32_t row, pq_value *out) {
  const table *t = r->table;
  const column_in *c = &t->columns[column];
  const pq_column *meta = &t->data[c->meta_leaf], *value = &t->data[c->leaf];
  *out = (pq_value){0};
  if (pq_column_is_null(meta, row) || pq_column_is_null(value, row))
    return corrupt(r, &r->columns[column], "half of a VARIANT is null");
  if (pq_value_check(&r->cx, meta->v.bytes[row], value->v.bytes[row], out) == PQ_OK) return PQ_OK;
  return r->cx.code == PQ_ENOMEM ? PQ_ENOMEM : corrupt(r, &r->columns[column], "a broken VARIANT");
}

static int put_bytes(pqdb_reader *r, uint32_t column, pq_slice v) {
  const column_in *c = &r->table->columns[column];
  pq_convert_column *named = &r->columns[column];
  const pq_note *note = &r->table->file.footer->leaves[c->leaf].note;
  switch (c->kind) {
    case VALUE_TEXT: return put_text(r, named, v);
    case VALUE_JSON: return put_json(r, named, v);
    case VALUE_DECIMAL: return put_decimal(r, named, v, note->scale);
    case VALUE_INT96: return put_int96(r, named, v);
    case VALUE_FLOAT16: return put_double(&r->out, half_to_double(pq_rd16(v.p)));
    case VALUE_UUID:
      PQ_TRY(pq_buf_put_str(&r->out, "{\"$uuid\":\""));
      PQ_TRY(put_uuid_text(&r->out, v));
      return pq_buf_put_str(&r->out, "\"}");
    default: break;
  }
  pq_builder_clear(r->builder);
  return put_built(r, pq_builder_binary(r->builder, v), PQ_JSON_RELAXED);
}

static int put_i64(pqdb_reader *r, uint32_t column, int64_t v) {
  const column_in *c = &r->table->columns[column];
  const pq_note *note = &r->table->file.footer->leaves[c->leaf].note;
  switch (c->kind) {
    case VALUE_UINT32: return put_u64(&r->out, (uint32_t)v);
    case VALUE_UINT64: return put_u64(&r->out, (uint64_t)v);
    case VALUE_DATE: return put_date_ms(&r->out, v * 86400000); /* v has 32 bits */
    case VALUE_TIME: return put_time(r, &r->columns[column], note->digits, v);
    case VALUE_TIMESTAMP: return put_timestamp(&r->out, note->digits, v);
    case VALUE_DECIMAL: return put_decimal_int(r, &r->columns[column], v, note->scale);
    default: return pq_buf_printf(&r->out, "%lld", (long long)v);
  }
}

/* A value that is not null. */
static int put_value(pqdb_reader *r, uint32_t column, uint32_t row) {
  const column_in *c = &r->table->columns[column];
  const pq_column *data = &r->table->data[c->leaf];
  pq_value variant;
  if (c->kind == VALUE_VARIANT) {
    PQ_TRY(read_variant(r, column, row, &variant));
    return pq_json_print(&r->out, variant, PQ_JSON_CANONICAL);
  }
  switch (data->phys) {
    case PQ_PHYS_BOOL: return pq_buf_put_str(&r->out, data->v.b[row] ? "true" : "false");
    case PQ_PHYS_INT32: return put_i64(r, column, data->v.i32[row]);
    case PQ_PHYS_INT64: return put_i64(r, column, data->v.i64[row]);
    case PQ_PHYS_FLOAT: return put_double(&r->out, (double)data->v.f32[row]);
    case PQ_PHYS_DOUBLE: return put_double(&r->out, data->v.f64[row]);
    case PQ_PHYS_INT96:
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: return put_bytes(r, column, data->v.bytes[row]);
  }
  pq_unreachable("physical type");
}

static bool is_null(const table *t, uint32_t column, uint32_t row) {
  const column_in *c = &t->columns[column];
  if (c->kind == VALUE_VARIANT && !pq_column_is_null(&t->data[c->meta_leaf], row)) return false;
  return pq_column_is_null(&t->data[c->leaf], row);
}

/* ---- rows ---- */

static int put_id(pqdb_reader *r, bool *is_first) {
  const table *t = r->table;
  const column_in *c = &t->columns[r->id_column];
  if (is_null(t, r->id_column, t->row))
    return pq_fail(&r->cx, PQ_EINVALID, "%s: row %llu: the field of the id is null", r->name,
                   (unsigned long long)r->row_count + 1);
  *is_first = false;
  PQ_TRY(pq_buf_put_str(&r->out, "\"$id\":"));
  if (c->kind == VALUE_TEXT) return put_value(r, r->id_column, t->row);
  PQ_TRY(pq_buf_put_byte(&r->out, '"'));
  if (c->kind == VALUE_UUID)
    PQ_TRY(put_uuid_text(&r->out, t->data[c->leaf].v.bytes[t->row]));
  else if (c->kind == VALUE_UINT64)
    PQ_TRY(pq_buf_printf(&r->out, "%llu", (unsigned long long)t->data[c->leaf].v.i64[t->row]));
  else
    PQ_TRY(put_value(r, r->id_column, t->row));
  return pq_buf_put_byte(&r->out, '"');
}

static int put_row(pqdb_reader *r) {
  const table *t = r->table;
  bool is_first = true;
  PQ_TRY(pq_buf_put_byte(&r->out, '{'));
  if (r->id_column != PQ_TABLE_NONE) PQ_TRY(put_id(r, &is_first));
  for (uint32_t i = 0; i < r->column_count; i++) {
    if (is_null(t, i, t->row)) continue;
    if (!is_first) PQ_TRY(pq_buf_put_byte(&r->out, ','));
    is_first = false;
    PQ_TRY(pq_buf_put_slice(&r->out, r->columns[i].key));
    PQ_TRY(put_value(r, i, t->row));
  }
  return pq_buf_put(&r->out, "}\n", 2);
}

/* "collection/local": as it is, or moved to options.collection. */
static int put_our_id(pqdb_reader *r) {
  const table *t = r->table;
  const pq_convert_column *c = &r->columns[t->id];
  pq_slice id = t->data[t->columns[t->id].leaf].v.bytes[t->row];
  const uint8_t *slash = id.n == 0 ? NULL : memchr(id.p, '/', id.n);
  size_t before;
  if (slash == NULL) return corrupt(r, c, "an id without a collection");
  if (!pq_utf8_is_valid(id)) return corrupt(r, c, "text that is not UTF-8");
  PQ_TRY(pq_buf_put_str(&r->out, "{\"$id\":"));
  if (r->options.collection == NULL) return pq_buf_put_json_str(&r->out, id);
  PQ_TRY(pq_buf_put_json_str(&r->out, pq_str(r->options.collection)));
  before = --r->out.len; /* the local id takes the place of the closing quote … */
  PQ_TRY(pq_buf_put_json_str(&r->out, (pq_slice){slash, (size_t)(id.p + id.n - slash)}));
  memmove(r->out.p + before, r->out.p + before + 1, r->out.len - before - 1);
  r->out.len--; /* … and its own opening quote is taken out */
  return PQ_OK;
}

/* The document that was inserted: id, type, and the fields of $data, types and order kept. */
static int put_our_row(pqdb_reader *r) {
  const table *t = r->table;
  pq_value document;
  size_t from;
  if (is_null(t, (uint32_t)t->id, t->row) || is_null(t, (uint32_t)t->document, t->row))
    return corrupt(r, &r->columns[t->id], "a null $id or $data");
  PQ_TRY(read_variant(r, (uint32_t)t->document, t->row, &document));
  if (!pq_value_is_raw_object(document))
    return corrupt(r, &r->columns[t->document], "a document that is no object");
  PQ_TRY(put_our_id(r));
  if (t->type >= 0 && !is_null(t, (uint32_t)t->type, t->row)) {
    PQ_TRY(pq_buf_put_str(&r->out, ",\"$type\":"));
    PQ_TRY(put_value(r, (uint32_t)t->type, t->row));
  }
  from = r->out.len;
  PQ_TRY(pq_json_print(&r->out, document, PQ_JSON_CANONICAL));
  if (pq_value_count(document) > 0)
    r->out.p[from] = ',';
  else
    r->out.p[from] = ' ';
  return pq_buf_put_byte(&r->out, '\n');
}

static bool is_deleted(const table *t) {
  if (t->deleted < 0 || is_null(t, (uint32_t)t->deleted, t->row)) return false;
  return t->data[t->columns[t->deleted].leaf].v.b[t->row] != 0;
}

int pq_table_in_next(pqdb_reader *r) {
  table *t = r->table;
  while (pq_reader_has_room(r)) {
    if (!t->is_loaded || t->row == t->row_count) {
      r->is_done = t->group == t->file.footer->row_group_count;
      if (r->is_done) return PQ_OK;
      PQ_TRY(load_group(r));
      continue;
    }
    if (!t->is_ours) {
      PQ_TRY(put_row(r));
      pq_reader_end_row(r);
    } else if (!is_deleted(t)) {
      PQ_TRY(put_our_row(r));
      pq_reader_end_row(r);
    }
    t->row++;
  }
  return PQ_OK;
}

/* ---- open ---- */

/* The first value of each column in the row group that is loaded. */
static int set_examples(pqdb_reader *r) {
  const table *t = r->table;
  int rc = PQ_OK;
  for (uint32_t i = 0; i < r->column_count && rc == PQ_OK; i++) {
    uint32_t row = 0;
    if (!t->columns[i].is_read) continue;
    while (row < t->row_count && is_null(t, i, row))
      row++;
    if (row == t->row_count) continue;
    pq_buf_clear(&r->out);
    rc = put_value(r, i, row);
    if (rc == PQ_OK) rc = pq_column_set_example(r, &r->columns[i], pq_buf_slice(&r->out));
    if (rc == PQ_ECORRUPT || rc == PQ_EINVALID) rc = PQ_OK; /* found again when it is read */
    r->columns[i].misfits = 0;
  }
  r->misfits = 0;
  return rc;
}

int pq_table_in_open(pqdb_reader *r) {
  table *t = pq_alloc(&r->cx, NULL, 0, sizeof *t);
  int rc;
  if (t == NULL) return pq_fail_nomem(&r->cx);
  *t = (table){.id = -1, .type = -1, .deleted = -1, .document = -1};
  r->table = t;
  pq_fetch_init(&t->fetch, &r->cx);
  pq_arena_init(&t->footer_arena, &r->cx, r->cx.limits.op_len_max);
  pq_arena_init(&t->group_arena, &r->cx, r->cx.limits.op_len_max);
  pq_buf_init(&t->held, &r->cx, (size_t)PQ_CONVERT_HELD_LEN_MAX * 2);
  t->file.key = r->name;
  PQ_TRY(open_input(r));
  do {
    pq_arena_clear(&t->footer_arena);
    rc = pq_footer_fetch(&t->fetch, &t->footer_arena, r->name, t->file_len, 0, &t->file.footer);
    if (rc == PQ_NEED_IO) serve(r);
  } while (rc == PQ_NEED_IO);
  PQ_TRY(rc);
  PQ_TRY(open_columns(r));
  if (t->file.footer->row_group_count == 0) return PQ_OK;
  PQ_TRY(load_group(r));
  return set_examples(r);
}

void pq_table_in_close(pqdb_reader *r) {
  table *t = r->table;
  if (t == NULL) return;
  pq_fetch_release(&t->fetch);
  pq_arena_release(&t->footer_arena);
  pq_arena_release(&t->group_arena);
  pq_buf_release(&t->held);
  pq_alloc(&r->cx, t, sizeof *t, 0);
  r->table = NULL;
}

uint64_t pq_table_in_rows(const pqdb_reader *r) {
  return r->table->file.footer->row_count;
}

bool pq_table_in_is_ours(const pqdb_reader *r) {
  return r->table->is_ours;
}
