/* shred/schema_column.c - the flat columns that a schema's fields have in data files.
 *
 *   "title": "string!"    "likes": "int#"    "born": "date"    "address": {"city": "string#"}
 *        │                      │                 │                 │
 *   title STRING         likes INT64, bloom    born DATE     $index_address.city STRING, bloom
 *
 * A top-level field of a scalar type has a column of its own name and type. Nested ones have one
 * where the schema says `#`, under the name of a chosen column, because it is one but for who chose
 * it. What a cell says of its value: typed_cell.c; of a decimal it is the same number. Columns of
 * lists, and of all other fields in files without $data, are trees: field_tree.h.
 */
#include <string.h>

#include "base/text.h"
#include "schema/collection_record.h"
#include "shred/index_column.h"

#define DAY_US 86400000000

enum { UUID_LEN = 16, UUID_TEXT_LEN = 36, DATE_TEXT_LEN = 10, DEPTH_MAX = 4 };

pq_index_type pq_schema_column_type(const pq_schema_field *f) {
  switch (f->type) {
    case PQ_FIELD_STRING:
    case PQ_FIELD_ENUM: return PQ_INDEX_STRING;
    case PQ_FIELD_INT: return PQ_INDEX_INT64;
    case PQ_FIELD_FLOAT: return PQ_INDEX_FLOAT;
    case PQ_FIELD_DOUBLE: return PQ_INDEX_DOUBLE;
    case PQ_FIELD_BOOL: return PQ_INDEX_BOOL;
    case PQ_FIELD_DATE: return PQ_INDEX_DATE;
    case PQ_FIELD_TIMESTAMP: return PQ_INDEX_TIMESTAMP_MS;
    case PQ_FIELD_UUID: return PQ_INDEX_UUID;
    case PQ_FIELD_BINARY: return PQ_INDEX_BINARY;
    case PQ_FIELD_DECIMAL: return PQ_INDEX_DECIMAL;
    default: return 0;
  }
}

static pq_index_type type_of(const pq_schema_field *f) {
  return f->is_list ? 0 : pq_schema_column_type(f);
}

static bool is_taken(pq_slice name) {
  static const char *const columns[] = {"$id",       "$type",     "name",      "createdAt",
                                        "createdBy", "updatedAt", "updatedBy", "version",
                                        "deleted",   "$data"};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
    size_t n = strlen(columns[i]), k = 0;
    while (k < n && k < name.n && (name.p[k] | 32) == (uint8_t)(columns[i][k] | 32))
      k++;
    if (k == n && n == name.n) return true;
  }
  return false;
}

int pq_schema_column_name(pq_arena *arena, pq_slice field, pq_slice *out) {
  char *text;
  *out = field;
  if (!is_taken(field)) return PQ_OK;
  text = pq_arena_printf(arena, "$f_%.*s", (int)field.n, (const char *)field.p);
  if (text == NULL) return arena->cx->code;
  *out = pq_str(text);
  return PQ_OK;
}

int pq_schema_column(pq_arena *arena, const pq_schema_field *field, pq_index_column *out,
                     bool *is_there) {
  pq_index_type type = type_of(field);
  pq_slice name = field->name;
  *out = (pq_index_column){0};
  *is_there = type != 0 && name.n > 0 && name.p[0] != '$' && memchr(name.p, '.', name.n) == NULL &&
              memchr(name.p, 0, name.n) == NULL;
  if (!*is_there) return PQ_OK;
  PQ_TRY(pq_schema_column_name(arena, field->name, &name));
  *out = (pq_index_column){.path = field->name,
                           .name = name,
                           .type = type,
                           .field_id = PQ_SCHEMA_FIELD_ID_FIRST + (int32_t)field->id,
                           .has_bloom = field->is_indexed || field->is_unique,
                           .precision = (uint8_t)field->precision,
                           .scale = (uint8_t)field->scale};
  return PQ_OK;
}

/* ---- sets ---- */

static bool is_same(const pq_index_column *x, const pq_index_column *y) {
  if ((x->name.n == 0) != (y->name.n == 0)) return false;
  if (x->name.n == 0) return pq_slice_eq(x->path, y->path);
  return x->type == y->type && pq_slice_eq(x->name, y->name);
}

/* The place of an equal one, or the count. */
static uint32_t place_of(const pq_index_set *set, const pq_index_column *c) {
  uint32_t i = 0;
  while (i < set->count && !is_same(&set->columns[i], c))
    i++;
  return i;
}

/* A full set takes no more: such a field is in $data alone, or without $data a tree. Failing would
 * leave a collection that cannot be flushed. */
static void add(pq_index_set *set, const pq_index_column *c) {
  if (set->count < PQ_COLLECTION_COLUMNS_MAX) set->columns[set->count++] = *c;
}

/* Columns of nested fields with '#', below `prefix`: chosen by the schema, otherwise like those
 * that statistics choose. Their ids count on from those. */
static int add_nested(pq_arena *arena, const pq_schema_field *fields, uint32_t count,
                      pq_slice prefix, int depth, pq_index_set *set) {
  if (depth == DEPTH_MAX) return PQ_OK;
  for (uint32_t i = 0; i < count; i++) {
    const pq_schema_field *f = &fields[i];
    pq_index_column c = {.type = type_of(f), .field_id = PQ_INDEX_FIELD_ID_FIRST};
    char *path = pq_arena_printf(arena, "%.*s%s%.*s", (int)prefix.n, (const char *)prefix.p,
                                 prefix.n > 0 ? "." : "", (int)f->name.n, (const char *)f->name.p);
    if (path == NULL) return arena->cx->code;
    c.path = pq_str(path);
    if (f->type == PQ_FIELD_OBJECT && !f->is_list)
      PQ_TRY(add_nested(arena, f->fields, f->field_count, c.path, depth + 1, set));
    if (depth == 0 || !f->is_indexed || c.type == 0 || !pq_index_is_plain(c.type)) continue;
    if (place_of(set, &c) < set->count) continue;
    for (uint32_t k = 0; k < set->count; k++)
      if (set->columns[k].name.n == 0 && set->columns[k].field_id >= c.field_id)
        c.field_id = set->columns[k].field_id + 1;
    add(set, &c);
  }
  return PQ_OK;
}

int pq_schema_columns_all(pq_arena *arena, const pq_collection_info *known, const pq_schema *schema,
                          pq_index_set *out) {
  uint32_t n = known == NULL ? 0 : known->index_count;
  *out = (pq_index_set){.count = n};
  out->columns = pq_arena_calloc(arena, PQ_COLLECTION_COLUMNS_MAX, sizeof *out->columns);
  if (out->columns == NULL) return arena->cx->code;
  if (n > 0) memcpy(out->columns, known->index_columns, n * sizeof *out->columns);
  for (uint32_t i = 0; schema != NULL && i < schema->field_count; i++) {
    pq_index_column c;
    bool is_there;
    PQ_TRY(pq_schema_column(arena, &schema->fields[i], &c, &is_there));
    if (is_there && place_of(out, &c) == out->count) add(out, &c);
  }
  if (schema == NULL) return PQ_OK;
  return add_nested(arena, schema->fields, schema->field_count, (pq_slice){0}, 0, out);
}

/* The field of a dotted path, or NULL. */
static const pq_schema_field *field_of(const pq_schema *schema, pq_slice path) {
  const pq_schema_field *fields = schema->fields, *found = NULL;
  uint32_t count = schema->field_count;
  while (path.n > 0) {
    const uint8_t *dot = memchr(path.p, '.', path.n);
    size_t n = dot == NULL ? path.n : (size_t)(dot - path.p);
    found = NULL;
    for (uint32_t i = 0; i < count && found == NULL; i++)
      if (pq_slice_eq(fields[i].name, (pq_slice){path.p, n})) found = &fields[i];
    if (found == NULL || dot == NULL) return found;
    fields = found->fields;
    count = found->field_count;
    path = (pq_slice){dot + 1, path.n - n - 1};
  }
  return found;
}

int pq_schema_columns_written(pq_arena *arena, const pq_index_set *all, const pq_schema *schema,
                              pq_index_set *out) {
  *out = (pq_index_set){0};
  out->columns = pq_arena_calloc(arena, all->count, sizeof *out->columns);
  if (out->columns == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < all->count; i++) {
    pq_index_column c = all->columns[i], own = {0};
    const pq_schema_field *f = schema == NULL ? NULL : field_of(schema, c.path);
    bool has_own = false;
    if (f != NULL && memchr(c.path.p, '.', c.path.n) == NULL)
      PQ_TRY(pq_schema_column(arena, f, &own, &has_own));
    if (c.name.n > 0 && (!has_own || !is_same(&own, &c))) continue; /* of an older schema */
    if (c.name.n == 0 && has_own && pq_index_is_pushed(own.type)) continue;
    c.has_bloom =
        (f != NULL && (f->is_indexed || f->is_unique)) || pq_schema_has_index_on(schema, c.path);
    if (c.name.n > 0) c.field_id = own.field_id; /* another field may have had the name */
    c.precision = own.precision;
    c.scale = own.scale;
    out->columns[out->count++] = c;
  }
  return PQ_OK;
}

/* ---- cells of types that filters do not use ---- */

/* A whole day since 1970, from a date at midnight or YYYY-MM-DD. */
static bool day_of(pq_value v, int32_t *day) {
  pq_slice text;
  int64_t us;
  bool is_text = pq_value_string(v, &text);
  *day = 0;
  if (is_text && (text.n != DATE_TEXT_LEN || !pq_time_parse(text, &us))) return false;
  if (!is_text && !pq_value_date_us(v, &us)) return false;
  if (us % DAY_US != 0 || us / DAY_US < INT32_MIN || us / DAY_US > INT32_MAX) return false;
  *day = (int32_t)(us / DAY_US);
  return true;
}

static bool ms_of(pq_value v, int64_t *ms) {
  pq_slice text;
  int64_t us;
  *ms = 0;
  if (pq_value_string(v, &text)) {
    if (!pq_time_parse(text, &us)) return false;
  } else if (!pq_value_date_us(v, &us)) {
    return false;
  }
  *ms = us / 1000;
  return us % 1000 == 0;
}

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* From binary of subtype 4, or 8-4-4-4-12 hex digits. */
static bool uuid_of(pq_value v, uint8_t out[UUID_LEN]) {
  pq_binary binary;
  pq_slice text;
  size_t at = 0;
  if (pq_value_any_binary(v, &binary)) {
    if (binary.subtype != 4 || binary.len != UUID_LEN) return false;
    for (size_t i = 0; i < UUID_LEN; i++)
      out[i] = pq_binary_at(&binary, i);
    return true;
  }
  if (!pq_value_string(v, &text) || text.n != UUID_TEXT_LEN) return false;
  for (size_t i = 0; i < UUID_LEN; i++) {
    int high, low;
    if ((i == 4 || i == 6 || i == 8 || i == 10) && text.p[at++] != '-') return false;
    high = hex_digit(text.p[at]);
    low = hex_digit(text.p[at + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
    at += 2;
  }
  return true;
}

bool pq_typed_fits(pq_value v, pq_index_type type) {
  uint8_t uuid[UUID_LEN];
  pq_binary binary;
  double d;
  int64_t ms;
  int32_t day;
  switch (type) {
    case PQ_INDEX_FLOAT: return pq_value_number(v, &d);
    case PQ_INDEX_DATE: return day_of(v, &day);
    case PQ_INDEX_TIMESTAMP_MS: return ms_of(v, &ms);
    case PQ_INDEX_UUID: return uuid_of(v, uuid);
    case PQ_INDEX_BINARY: return pq_value_any_binary(v, &binary);
    default: return false;
  }
}

static int set_bytes(pq_arena *arena, const pq_binary *b, pq_slice *out) {
  uint8_t *p = pq_arena_alloc(arena, b->len);
  *out = (pq_slice){0};
  if (p == NULL) return arena->cx->code;
  for (size_t i = 0; i < b->len; i++)
    p[i] = pq_binary_at(b, i);
  *out = (pq_slice){p, b->len};
  return PQ_OK;
}

int pq_typed_set(pq_arena *arena, pq_value v, pq_index_type type, pq_column *c, uint32_t row) {
  uint8_t uuid[UUID_LEN] = {0};
  pq_binary binary = {0};
  double d = 0;
  switch (type) {
    case PQ_INDEX_FLOAT:
      (void)pq_value_number(v, &d);
      c->v.f32[row] = (float)d;
      return PQ_OK;
    case PQ_INDEX_DATE: (void)day_of(v, &c->v.i32[row]); return PQ_OK;
    case PQ_INDEX_TIMESTAMP_MS: (void)ms_of(v, &c->v.i64[row]); return PQ_OK;
    case PQ_INDEX_UUID:
      (void)uuid_of(v, uuid);
      return pq_arena_copy(arena, (pq_slice){uuid, UUID_LEN}, &c->v.bytes[row]);
    case PQ_INDEX_BINARY:
      (void)pq_value_any_binary(v, &binary);
      return set_bytes(arena, &binary, &c->v.bytes[row]);
    default: pq_unreachable("a type that filters use");
  }
}
