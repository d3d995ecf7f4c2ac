/* shred/record_document.c - see record_document.h.
 *
 *   pq_documents_put ─► put_struct, put_list, put_map ─► itself for each value inside
 *                    ─► put_leaf ─► put_i32, put_i64, put_bytes by the leaf's kind
 *
 * All bytes come from a file and are hostile: text is checked for UTF-8, a VARIANT for its whole
 * form, a time for its range. Whatever is wrong is PQ_ECORRUPT with column and row.
 */
#include "shred/record_document.h"

#include <string.h>

#include "base/text.h"
#include "value/json.h"

enum {
  DECIMAL_LEN_MAX = 16,
  DECIMAL_SCALE_MAX = 38,
  UUID_LEN = 16,
  FLOAT16_LEN = 2,
  INTERVAL_LEN = 12,
  INT96_LEN = 12,
  JULIAN_DAY_OF_1970 = 2440588,
  DAY_MS = 86400000
};

static const uint64_t DAY_US = UINT64_C(86400000000);

static const char *const kind_names[] = {"text",    "binary", "json",     "bool",      "int32",
                                         "int64",   "uint32", "uint64",   "float",     "double",
                                         "float16", "date",   "time",     "timestamp", "timestamp",
                                         "decimal", "uuid",   "interval", "unknown"};

/* ---- what a leaf becomes ---- */

static pq_leaf_as kind_of_number(const pq_leaf *leaf) {
  bool is_32 = leaf->phys == PQ_PHYS_INT32;
  const pq_note *note = &leaf->note;
  switch (note->kind) {
    case PQ_NOTE_DATE:
      if (is_32) return PQ_AS_DATE;
      break;
    case PQ_NOTE_TIME: return note->digits == 0 ? PQ_AS_REFUSED : PQ_AS_TIME;
    case PQ_NOTE_TIMESTAMP:
      if (is_32) break;
      return note->digits == 0 ? PQ_AS_REFUSED : PQ_AS_TIMESTAMP;
    case PQ_NOTE_DECIMAL: return PQ_AS_DECIMAL;
    case PQ_NOTE_INTEGER:
      if (note->is_unsigned) return is_32 ? PQ_AS_UINT32 : PQ_AS_UINT64;
      break;
    default: break;
  }
  return is_32 ? PQ_AS_INT32 : PQ_AS_INT64;
}

static pq_leaf_as kind_of_bytes(const pq_leaf *leaf) {
  uint32_t fixed_len = leaf->phys == PQ_PHYS_FIXED ? leaf->type_len : 0;
  switch (leaf->note.kind) {
    case PQ_NOTE_TEXT: return leaf->phys == PQ_PHYS_BYTES ? PQ_AS_TEXT : PQ_AS_BINARY;
    case PQ_NOTE_JSON: return leaf->phys == PQ_PHYS_BYTES ? PQ_AS_JSON : PQ_AS_BINARY;
    case PQ_NOTE_DECIMAL: return PQ_AS_DECIMAL;
    case PQ_NOTE_UUID: return fixed_len == UUID_LEN ? PQ_AS_UUID : PQ_AS_BINARY;
    case PQ_NOTE_FLOAT16: return fixed_len == FLOAT16_LEN ? PQ_AS_FLOAT16 : PQ_AS_BINARY;
    case PQ_NOTE_INTERVAL: return fixed_len == INTERVAL_LEN ? PQ_AS_INTERVAL : PQ_AS_BINARY;
    default: return PQ_AS_BINARY;
  }
}

static pq_leaf_as kind_of(const pq_leaf *leaf) {
  if (leaf->note.kind == PQ_NOTE_DECIMAL &&
      (leaf->note.scale < 0 || leaf->note.scale > DECIMAL_SCALE_MAX))
    return PQ_AS_REFUSED;
  switch (leaf->phys) {
    case PQ_PHYS_BOOL: return PQ_AS_BOOL;
    case PQ_PHYS_INT96: return PQ_AS_INT96;
    case PQ_PHYS_FLOAT: return PQ_AS_FLOAT;
    case PQ_PHYS_DOUBLE: return PQ_AS_DOUBLE;
    case PQ_PHYS_INT32:
    case PQ_PHYS_INT64: return kind_of_number(leaf);
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: return kind_of_bytes(leaf);
  }
  pq_unreachable("physical type");
}

int pq_documents_init(pq_documents *d, pq_arena *arena, const char *name, const pq_footer *footer) {
  *d = (pq_documents){.cx = arena->cx, .arena = arena, .name = name, .footer = footer};
  pq_table_init(&d->keys, arena->cx);
  pq_arena_init(&d->joined, arena->cx, arena->cx->limits.op_len_max);
  d->kinds = pq_arena_alloc(arena, footer->leaf_count);
  d->joins = pq_arena_calloc(arena, footer->leaf_count, sizeof *d->joins);
  if (d->kinds == NULL || d->joins == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < footer->leaf_count; i++)
    d->kinds[i] = (uint8_t)kind_of(&footer->leaves[i]);
  return pq_builder_new(arena->cx, &d->scratch);
}

void pq_documents_release(pq_documents *d) {
  if (d->cx == NULL) return;
  pq_builder_free(d->scratch);
  pq_table_release(&d->keys);
  pq_arena_release(&d->joined);
  for (uint32_t i = 0; d->joins != NULL && i < d->footer->leaf_count; i++)
    pq_join_free(d->joins[i]);
  *d = (pq_documents){0};
}

const char *pq_documents_type(const pq_documents *d, const pq_tree *s) {
  switch (s->kind) {
    case PQ_TREE_LEAF: return kind_names[d->kinds[s->first_leaf]];
    case PQ_TREE_STRUCT: return "object";
    case PQ_TREE_LIST: return "list";
    case PQ_TREE_MAP: return "map";
    case PQ_TREE_VARIANT: return "variant";
  }
  pq_unreachable("kind of tree");
}

static int unsupported(const pq_documents *d, pq_slice path, const char *what) {
  return pq_fail(d->cx, PQ_EUNSUPPORTED, "%s: column %.*s is %s", d->name,
                 (int)pq_utf8_prefix(path, 80), path.n == 0 ? "" : (const char *)path.p, what);
}

int pq_documents_check(const pq_documents *d, const pq_tree *s) {
  if (!pq_utf8_is_valid(s->name)) return unsupported(d, s->name, "named by what is not UTF-8");
  if (s->kind == PQ_TREE_VARIANT) return PQ_OK; /* looked at when it is read */
  if (s->kind == PQ_TREE_LEAF && d->kinds[s->first_leaf] == PQ_AS_REFUSED) {
    const pq_leaf *leaf = &d->footer->leaves[s->first_leaf];
    return unsupported(d, leaf->path,
                       leaf->note.kind == PQ_NOTE_DECIMAL ? "a decimal with a scale beyond 38"
                       : leaf->note.kind == PQ_NOTE_TIME  ? "a time of an unknown unit"
                                                          : "a timestamp of an unknown unit");
  }
  for (uint32_t i = 0; i < s->child_count; i++)
    PQ_TRY(pq_documents_check(d, &s->children[i]));
  return PQ_OK;
}

/* ---- leaves ---- */

static int fail_at(const pq_documents *d, const pq_tree *s, int code, const char *what) {
  bool is_leaf = s->kind == PQ_TREE_LEAF;
  pq_slice path = is_leaf ? d->footer->leaves[s->first_leaf].path : s->name;
  return pq_fail(d->cx, code, "%s: column %.*s, row %llu: %s", d->name,
                 (int)pq_utf8_prefix(path, 80), path.n == 0 ? "" : (const char *)path.p,
                 (unsigned long long)d->row, what);
}

static int corrupt(const pq_documents *d, const pq_tree *s, const char *what) {
  return fail_at(d, s, PQ_ECORRUPT, what);
}

static int64_t floor_div(int64_t v, int64_t by) {
  return v / by - (v % by < 0);
}

/* Days and nanoseconds of the day, as old writers have them. Their sum was made of 64 bits of
 * microseconds: one that went beyond them (Spark, year 290000) comes back the same way. */
static int put_int96(pq_documents *d, const pq_tree *s, pq_slice v, pq_builder *b) {
  int64_t day, nanos;
  if (v.n != INT96_LEN) return corrupt(d, s, "an INT96 that is not 12 bytes");
  day = (int64_t)(int32_t)pq_rd32(v.p + 8) - JULIAN_DAY_OF_1970;
  nanos = (int64_t)pq_rd64(v.p);
  return pq_builder_date_us(b,
                            (int64_t)((uint64_t)day * DAY_US + (uint64_t)floor_div(nanos, 1000)));
}

/* "HH:MM:SS" and the fraction, if there is one. */
static int put_time(pq_documents *d, const pq_tree *s, int64_t v, pq_builder *b) {
  int digits = d->footer->leaves[s->first_leaf].note.digits, n = 8;
  int64_t unit = digits == 3 ? 1000 : digits == 6 ? 1000000 : 1000000000;
  int64_t sec = v / unit, part = v % unit;
  char text[20] = "00:00:00.";
  if (v < 0 || sec >= 86400) return corrupt(d, s, "a time of day out of range");
  text[0] = (char)('0' + sec / 36000);
  text[1] = (char)('0' + sec / 3600 % 10);
  text[3] = (char)('0' + sec / 600 % 6);
  text[4] = (char)('0' + sec / 60 % 10);
  text[6] = (char)('0' + sec / 10 % 6);
  text[7] = (char)('0' + sec % 10);
  for (int i = digits; part != 0 && i > 0; i--) {
    text[8 + i] = (char)('0' + (v % unit) % 10);
    v /= 10;
    unit /= 10;
    n = 9 + digits;
  }
  return pq_builder_string(b, (pq_slice){(const uint8_t *)text, (size_t)n});
}

static int put_timestamp(const pq_documents *d, const pq_tree *s, int64_t v, pq_builder *b) {
  int digits = d->footer->leaves[s->first_leaf].note.digits;
  if (digits == 3) return pq_builder_date_ms(b, v);
  return pq_builder_date_us(b, digits == 6 ? v : floor_div(v, 1000));
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

/* Two's complement, big-endian; INT32 and INT64 come in that form too. */
static int put_decimal(pq_documents *d, const pq_tree *s, pq_slice v, pq_builder *b) {
  static const char too_long[] = "a decimal of more than 38 digits";
  bool is_negative = v.n > 0 && v.p[0] >= 0x80;
  uint8_t fill = is_negative ? 0xff : 0;
  pq_decimal number = {.is_negative = is_negative,
                       .scale = (uint8_t)d->footer->leaves[s->first_leaf].note.scale};
  int rc;
  for (; v.n > DECIMAL_LEN_MAX; v = (pq_slice){v.p + 1, v.n - 1})
    if (v.p[0] != fill) return corrupt(d, s, too_long);
  number.hi = number.lo = is_negative ? UINT64_MAX : 0;
  for (size_t i = 0; i < v.n; i++) {
    number.hi = number.hi << 8 | number.lo >> 56;
    number.lo = number.lo << 8 | v.p[i];
  }
  if (is_negative) {
    number.lo = ~number.lo + 1;
    number.hi = ~number.hi + (number.lo == 0);
  }
  rc = pq_builder_decimal(b, number);
  return rc == PQ_EINVALID ? corrupt(d, s, too_long) : rc;
}

static int put_decimal_int(pq_documents *d, const pq_tree *s, int64_t v, pq_builder *b) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++)
    bytes[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
  return put_decimal(d, s, (pq_slice){bytes, sizeof bytes}, b);
}

/* Beyond int64 it would become a double. */
static int put_u64(pq_builder *b, uint64_t v) {
  if (v <= INT64_MAX) return pq_builder_i64(b, (int64_t)v);
  return pq_builder_decimal(b, (pq_decimal){.lo = v});
}

static int put_text(pq_documents *d, const pq_tree *s, pq_slice v, pq_builder *b) {
  int rc = pq_builder_string(b, v);
  return rc == PQ_EINVALID ? corrupt(d, s, "text that is not UTF-8") : rc;
}

/* Parsed when it is JSON, else text and counted. */
static int put_json(pq_documents *d, const pq_tree *s, pq_slice v, pq_builder *b) {
  pq_value value;
  size_t used;
  int rc;
  pq_builder_clear(d->scratch);
  rc = pq_json_parse(d->scratch, v, (pq_json_options){.is_exact = true}, &used);
  if (rc == PQ_OK) rc = pq_builder_view(d->scratch, &value);
  if (rc == PQ_OK) return pq_builder_value(b, value);
  pq_builder_clear(d->scratch);
  if (rc != PQ_EINVALID && rc != PQ_ELIMIT) return rc;
  if (d->is_strict) return fail_at(d, s, PQ_EINVALID, "not JSON");
  d->misfits++;
  return put_text(d, s, v, b);
}

/* parquet-format: LogicalTypes.md, "INTERVAL": three unsigned numbers, little-endian. */
static int put_interval(pq_slice v, pq_builder *b) {
  static const char *const names[] = {"months", "days", "milliseconds"};
  PQ_TRY(pq_builder_begin_object(b));
  for (int i = 0; i < 3; i++) {
    PQ_TRY(pq_builder_key_str(b, names[i]));
    PQ_TRY(pq_builder_i64(b, pq_rd32(v.p + 4 * i)));
  }
  return pq_builder_end(b);
}

static int put_bytes(pq_documents *d, const pq_tree *s, pq_slice v, pq_builder *b) {
  switch (d->kinds[s->first_leaf]) {
    case PQ_AS_TEXT: return put_text(d, s, v, b);
    case PQ_AS_JSON: return put_json(d, s, v, b);
    case PQ_AS_DECIMAL: return put_decimal(d, s, v, b);
    case PQ_AS_INT96: return put_int96(d, s, v, b);
    case PQ_AS_FLOAT16: return pq_builder_double(b, half_to_double(pq_rd16(v.p)));
    case PQ_AS_UUID: return pq_builder_uuid(b, v.p);
    case PQ_AS_INTERVAL: return put_interval(v, b);
    default: return pq_builder_binary(b, v);
  }
}

static int put_i32(pq_documents *d, const pq_tree *s, int32_t v, pq_builder *b) {
  switch (d->kinds[s->first_leaf]) {
    case PQ_AS_UINT32: return pq_builder_i64(b, (uint32_t)v);
    case PQ_AS_DATE: return pq_builder_date_ms(b, (int64_t)v * DAY_MS);
    case PQ_AS_TIME: return put_time(d, s, v, b);
    case PQ_AS_DECIMAL: return put_decimal_int(d, s, v, b);
    default: return pq_builder_i32(b, v);
  }
}

static int put_i64(pq_documents *d, const pq_tree *s, int64_t v, pq_builder *b) {
  switch (d->kinds[s->first_leaf]) {
    case PQ_AS_UINT64: return put_u64(b, (uint64_t)v);
    case PQ_AS_TIME: return put_time(d, s, v, b);
    case PQ_AS_TIMESTAMP: return put_timestamp(d, s, v, b);
    case PQ_AS_DECIMAL: return put_decimal_int(d, s, v, b);
    default:
      if (d->is_narrow && v >= INT32_MIN && v <= INT32_MAX) return pq_builder_i32(b, (int32_t)v);
      return pq_builder_i64(b, v);
  }
}

static int put_leaf(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  uint32_t at;
  const pq_column *c = pq_record_leaf(r, s, &at);
  switch (c->phys) {
    case PQ_PHYS_BOOL: return pq_builder_bool(b, c->v.b[at] != 0);
    case PQ_PHYS_INT32: return put_i32(d, s, c->v.i32[at], b);
    case PQ_PHYS_INT64: return put_i64(d, s, c->v.i64[at], b);
    case PQ_PHYS_FLOAT: return pq_builder_double(b, (double)c->v.f32[at]);
    case PQ_PHYS_DOUBLE: return pq_builder_double(b, c->v.f64[at]);
    case PQ_PHYS_INT96:
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: return put_bytes(d, s, c->v.bytes[at], b);
  }
  pq_unreachable("physical type");
}

/* ---- VARIANT ---- */

/* The joiner of a column, made at its first value. */
static int join_of(pq_documents *d, const pq_tree *s, pq_join **out) {
  pq_variant_shape *shape;
  pq_join **join = &d->joins[s->first_leaf];
  *out = NULL;
  if (*join == NULL) {
    PQ_TRY(pq_variant_shape_of_tree(d->arena, d->footer, s, &shape));
    PQ_TRY(pq_join_new(d->cx, d->name, shape, true, join));
  }
  *out = *join;
  return PQ_OK;
}

int pq_documents_variant(pq_documents *d, pq_record *r, const pq_tree *s, pq_value *out) {
  pq_join *join;
  *out = (pq_value){0};
  if (s->leaf_count == 0) return corrupt(d, s, "a VARIANT without columns");
  PQ_TRY(join_of(d, s, &join));
  pq_arena_clear(&d->joined);
  return pq_join_next(join, r, &d->joined, out);
}

static int put_variant(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  pq_value v;
  PQ_TRY(pq_documents_variant(d, r, s, &v));
  return pq_value_is_missing(v) ? pq_builder_null(b) : pq_builder_value(b, v);
}

/* ---- containers ---- */

static int put_key(pq_documents *d, const pq_tree *s, pq_slice key, pq_builder *b) {
  int rc = pq_builder_key(b, key);
  return rc == PQ_EINVALID ? corrupt(d, s, "a key that is not UTF-8") : rc;
}

static int put_struct(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < s->child_count; i++) {
    const pq_tree *child = &s->children[i];
    if (pq_record_is_null(r, child)) {
      pq_record_skip(r, child);
      continue;
    }
    PQ_TRY(put_key(d, s, child->name, b));
    PQ_TRY(pq_documents_put(d, r, child, b));
  }
  return pq_builder_end(b);
}

static int put_list(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  PQ_TRY(pq_builder_begin_array(b));
  if (pq_record_is_empty(r, s)) {
    pq_record_skip(r, s);
    return pq_builder_end(b);
  }
  do
    PQ_TRY(pq_documents_put(d, r, s->children, b));
  while (pq_record_has_more(r, s));
  return pq_builder_end(b);
}

/* Has the table a key already? Else enter it. */
static int enter_key(pq_documents *d, const pq_slice *keys, uint32_t i, bool *is_new) {
  uint64_t hash = pq_hash(keys[i], 0);
  size_t pos;
  uint32_t at = pq_table_first(&d->keys, hash, &pos);
  *is_new = false;
  for (; at != PQ_TABLE_NONE; at = pq_table_next(&d->keys, hash, &pos))
    if (pq_slice_eq(keys[at], keys[i])) return PQ_OK;
  *is_new = true;
  return pq_table_add(&d->keys, hash, i);
}

static bool has_text_keys(const pq_documents *d, const pq_tree *s) {
  const pq_tree *key = &s->children[0];
  return s->child_count == 2 && key->kind == PQ_TREE_LEAF &&
         d->kinds[key->first_leaf] == PQ_AS_TEXT;
}

/* Are the keys of a map that is not empty all there, and all different? */
static int has_unique_keys(pq_documents *d, const pq_record *r, const pq_tree *s, bool *out) {
  uint32_t leaf = s->children[0].first_leaf, from = r->pos[leaf], i = from;
  const pq_column *c = r->columns[leaf];
  *out = true;
  pq_table_clear(&d->keys);
  for (; *out && i < pq_column_entries(c) && (i == from || c->rep[i] >= s->rep); i++) {
    if (c->def != NULL && c->def[i] < d->footer->leaves[leaf].def_max)
      *out = false;
    else
      PQ_TRY(enter_key(d, c->v.bytes, i, out));
  }
  return PQ_OK;
}

static int put_entry(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  static const char *const names[] = {"key", "value"};
  if (s->child_count == 1) return pq_documents_put(d, r, &s->children[0], b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < s->child_count; i++) {
    PQ_TRY(pq_builder_key_str(b, names[i]));
    PQ_TRY(pq_documents_put(d, r, &s->children[i], b));
  }
  return pq_builder_end(b);
}

static int put_field(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  uint32_t at;
  const pq_column *c = pq_record_leaf(r, &s->children[0], &at);
  PQ_TRY(put_key(d, &s->children[0], c->v.bytes[at], b));
  return pq_documents_put(d, r, &s->children[1], b);
}

static int put_map(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  bool is_object = has_text_keys(d, s), is_empty = pq_record_is_empty(r, s);
  if (is_object && !is_empty) PQ_TRY(has_unique_keys(d, r, s, &is_object));
  PQ_TRY(is_object ? pq_builder_begin_object(b) : pq_builder_begin_array(b));
  if (is_empty) {
    pq_record_skip(r, s);
    return pq_builder_end(b);
  }
  do
    PQ_TRY(is_object ? put_field(d, r, s, b) : put_entry(d, r, s, b));
  while (pq_record_has_more(r, s));
  return pq_builder_end(b);
}

int pq_documents_put(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) {
  if (pq_record_is_null(r, s)) {
    pq_record_skip(r, s);
    return pq_builder_null(b);
  }
  switch (s->kind) {
    case PQ_TREE_LEAF: return put_leaf(d, r, s, b);
    case PQ_TREE_STRUCT: return put_struct(d, r, s, b);
    case PQ_TREE_LIST: return put_list(d, r, s, b);
    case PQ_TREE_MAP: return put_map(d, r, s, b);
    case PQ_TREE_VARIANT: return put_variant(d, r, s, b);
  }
  pq_unreachable("kind of tree");
}
