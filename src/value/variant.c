/* value/variant.c - reading Variant bytes: headers, dictionary, scalars, containers, types.
 *
 *     basic type (2 bits)   header (6 bits)
 *     0 primitive           type id; fixed length, or u32 length + bytes (binary, string)
 *     1 short string        length 0..63
 *     2 object              is_large 4 | id_len-1 3..2 | off_len-1 1..0;   n, ids, offsets, values
 *     3 array               is_large 2 | off_len-1 1..0;                   n, offsets, values
 *
 * A child's length is taken from its own header (offsets need not ascend), always within the
 * container's end, so nothing here leaves the value even when it was never checked.
 */
#include "value/variant.h"

#include <string.h>

#include "base/text.h"
#include "value/variant_int.h"

const uint8_t pq_primitive_len[PQ_PRIM_COUNT] = {1, 1, 1, 2, 3, 5, 9, 9, 6, 10, 18,
                                                 5, 9, 9, 5, 0, 0, 9, 9, 9, 17};

static bool container_size(const uint8_t *p, size_t left, size_t *out) {
  bool is_object = (p[0] & 3) == PQ_BASIC_OBJECT;
  unsigned hi = p[0] >> 2, off_len = (hi & 3) + 1, id_len = is_object ? (hi >> 2 & 3) + 1 : 0;
  unsigned count_len = (is_object ? hi >> 4 & 1 : hi >> 2 & 1) != 0 ? 4 : 1;
  uint64_t count, header;
  if (left < 1 + count_len) return false;
  count = pq_rd_uint(p + 1, count_len);
  header = 1 + count_len + count * id_len + (count + 1) * off_len;
  if (header > left) return false;
  header += pq_rd_uint(p + (size_t)header - off_len, off_len);
  *out = (size_t)header;
  return header <= left;
}

bool pq_value_size(const uint8_t *p, size_t left, size_t *out) {
  *out = 0;
  if (left == 0) return false;
  switch (p[0] & 3) {
    case PQ_BASIC_PRIMITIVE: {
      unsigned id = p[0] >> 2;
      if (id >= PQ_PRIM_COUNT) return false;
      *out = pq_primitive_len[id];
      if (*out != 0) return *out <= left;
      if (left < 5 || pq_rd32(p + 1) > left - 5) return false;
      *out = (size_t)pq_rd32(p + 1) + 5;
      return true;
    }
    case PQ_BASIC_SHORT: *out = 1 + (size_t)(p[0] >> 2); return *out <= left;
    default: return container_size(p, left, out);
  }
}

/* ---- dictionary, containers ---- */

pq_names pq_names_of(pq_value v) {
  unsigned off_len = (v.meta[0] >> 6) + 1u;
  uint32_t count = pq_rd_uint(v.meta + 1, off_len);
  const uint8_t *offs = v.meta + 1 + off_len;
  return (pq_names){offs, offs + ((size_t)count + 1) * off_len, count, off_len};
}

bool pq_container_open(pq_value v, pq_container *out) {
  unsigned hi, count_len;
  *out = (pq_container){.self = v};
  if (v.p == NULL || (v.p[0] & 3) < PQ_BASIC_OBJECT) return false;
  hi = v.p[0] >> 2;
  out->off_len = (hi & 3) + 1;
  if ((v.p[0] & 3) == PQ_BASIC_OBJECT) {
    out->id_len = (hi >> 2 & 3) + 1;
    count_len = (hi >> 4 & 1) != 0 ? 4 : 1;
    out->ids = v.p + 1 + count_len;
  } else {
    count_len = (hi >> 2 & 1) != 0 ? 4 : 1;
  }
  out->count = pq_rd_uint(v.p + 1, count_len);
  out->offs = v.p + 1 + count_len + (size_t)out->count * out->id_len;
  out->values = out->offs + ((size_t)out->count + 1) * out->off_len;
  out->values_len = pq_container_off(out, out->count);
  return true;
}

/* ---- validation ---- */

typedef struct check {
  pq_cx *cx;
  const uint8_t *start; /* of the value bytes, for messages */
  pq_slice meta;
  pq_names names;
  uint32_t depth_max;
  pq_slice ids; /* of the last object whose names were found in order */
  unsigned id_len;
} check;

static int check_fail(const check *k, const uint8_t *at, const char *what) {
  return pq_fail(k->cx, PQ_ECORRUPT, "variant value: %s at byte %zu", what,
                 (size_t)(at - k->start));
}

int pq_meta_check(pq_cx *cx, pq_slice meta) {
  unsigned off_len;
  uint64_t count, header, last = 0;
  pq_slice text;
  if (meta.n < 3 || (meta.p[0] & 15) != 1)
    return pq_fail(cx, PQ_ECORRUPT, "variant metadata: no header of version 1");
  off_len = (meta.p[0] >> 6) + 1u;
  if (meta.n < 1 + (size_t)off_len) return pq_fail(cx, PQ_ECORRUPT, "variant metadata: cut off");
  count = pq_rd_uint(meta.p + 1, off_len);
  header = 1 + off_len * (count + 2);
  if (header > meta.n)
    return pq_fail(cx, PQ_ECORRUPT, "variant metadata: %llu names do not fit",
                   (unsigned long long)count);
  text = (pq_slice){meta.p + (size_t)header, meta.n - (size_t)header};
  for (uint64_t i = 0; i <= count; i++) {
    uint64_t off = pq_rd_uint(meta.p + 1 + off_len * ((size_t)i + 1), off_len);
    if (off < last || off > text.n || (i == 0 && off != 0))
      return pq_fail(cx, PQ_ECORRUPT, "variant metadata: offset %llu is out of order",
                     (unsigned long long)i);
    /* valid text cut between characters is valid piece by piece */
    if (off < text.n && (text.p[(size_t)off] & 0xc0) == 0x80)
      return pq_fail(cx, PQ_ECORRUPT, "variant metadata: name %llu is not UTF-8",
                     (unsigned long long)i);
    last = off;
  }
  if (!pq_utf8_is_valid(text))
    return pq_fail(cx, PQ_ECORRUPT, "variant metadata: names are not UTF-8");
  if (last != meta.n - header) return pq_fail(cx, PQ_ECORRUPT, "variant metadata: spare bytes");
  return PQ_OK;
}

static int check_primitive(const check *k, pq_slice v) {
  unsigned id = v.p[0] >> 2;
  if (id == PQ_PRIM_STRING && !pq_utf8_is_valid((pq_slice){v.p + 5, v.n - 5}))
    return check_fail(k, v.p, "string is not UTF-8");
  if (id >= PQ_PRIM_DECIMAL4 && id <= PQ_PRIM_DECIMAL16 && v.p[1] > PQ_DECIMAL_DIGITS_MAX)
    return check_fail(k, v.p, "decimal scale above 38");
  return PQ_OK;
}

static int check_value(check *k, pq_slice v, uint32_t depth);

/* Every name stands in the dictionary, and after the name before it. Objects of one array mostly
 * have the same ones. */
static int check_names(check *k, const pq_container *c) {
  pq_slice last = {0}, ids = {c->ids, (size_t)c->count * c->id_len};
  if (k->id_len == c->id_len && pq_slice_eq(k->ids, ids)) return PQ_OK;
  for (uint32_t i = 0; i < c->count; i++) {
    uint32_t id = pq_container_id(c, i);
    pq_slice name;
    if (id >= k->names.count)
      return check_fail(k, c->self.p, "field name outside of the dictionary");
    name = pq_names_at(&k->names, id);
    if (i > 0 && pq_slice_cmp(last, name) >= 0)
      return check_fail(k, c->self.p, "field names repeat or are not sorted");
    last = name;
  }
  k->ids = ids;
  k->id_len = c->id_len;
  return PQ_OK;
}

/* The sizes of the children together are at most the container's: overlapping children cannot
 * multiply the work level by level. */
static int check_container(check *k, pq_slice v, uint32_t depth) {
  pq_value self = {k->meta.p, v.p, (uint32_t)k->meta.n, (uint32_t)v.n};
  pq_container c;
  uint64_t sum = 0;
  if (depth >= k->depth_max)
    return pq_fail(k->cx, PQ_ELIMIT, "variant value: nested deeper than %u", k->depth_max);
  if (!pq_container_open(self, &c)) return check_fail(k, v.p, "no container");
  if (c.ids != NULL) PQ_TRY(check_names(k, &c));
  for (uint32_t i = 0; i < c.count; i++) {
    pq_slice child = pq_container_bytes(&c, i);
    if (child.p == NULL) return check_fail(k, v.p, "element is outside of its container");
    sum += child.n;
    if (sum > c.values_len) return check_fail(k, v.p, "elements overlap");
    PQ_TRY(check_value(k, child, depth + 1));
  }
  return PQ_OK;
}

static int check_value(check *k, pq_slice v, uint32_t depth) {
  switch (v.p[0] & 3) {
    case PQ_BASIC_PRIMITIVE: return check_primitive(k, v);
    case PQ_BASIC_SHORT:
      if (pq_utf8_is_valid((pq_slice){v.p + 1, v.n - 1})) return PQ_OK;
      return check_fail(k, v.p, "string is not UTF-8");
    default: return check_container(k, v, depth);
  }
}

int pq_value_check_part(pq_cx *cx, pq_slice meta, pq_slice bytes, uint32_t depth, pq_value *out) {
  check k = {.cx = cx, .start = bytes.p, .meta = meta};
  size_t len;
  pq_value v;
  *out = (pq_value){0};
  if (bytes.n > UINT32_MAX) return pq_fail(cx, PQ_ELIMIT, "variant value: more than 4 GB");
  if (!pq_value_size(bytes.p, bytes.n, &len))
    return check_fail(&k, bytes.p, "unknown type, or cut off");
  if (len != bytes.n) return check_fail(&k, bytes.p + len, "spare bytes");
  v = (pq_value){meta.p, bytes.p, (uint32_t)meta.n, (uint32_t)bytes.n};
  k.names = pq_names_of(v);
  k.depth_max = cx->limits.depth_max + PQ_DEPTH_SLACK;
  PQ_TRY(check_value(&k, bytes, depth));
  *out = v;
  return PQ_OK;
}

int pq_value_check(pq_cx *cx, pq_slice meta, pq_slice bytes, pq_value *out) {
  *out = (pq_value){0};
  if (meta.n > UINT32_MAX) return pq_fail(cx, PQ_ELIMIT, "variant value: more than 4 GB");
  PQ_TRY(pq_meta_check(cx, meta));
  return pq_value_check_part(cx, meta, bytes, 0, out);
}

/* ---- types ---- */

pq_type pq_type_bracket(pq_type t) {
  return t >= PQ_TYPE_INT32 && t <= PQ_TYPE_DECIMAL ? PQ_TYPE_INT32 : t;
}

const char *pq_type_name(pq_type t) {
  static const char *const names[] = {"missing", "minKey",     "null",   "int",    "long",
                                      "double",  "decimal",    "string", "object", "array",
                                      "binData", "objectId",   "bool",   "date",   "timestamp",
                                      "regex",   "javascript", "maxKey"};
  pq_assert((unsigned)t < sizeof names / sizeof *names);
  return names[t];
}

pq_extended pq_extended_key(pq_slice name) {
  static const char *const keys[] = {[PQ_EXTENDED_OID] = "$oid",
                                     [PQ_EXTENDED_NUMBER_INT] = "$numberInt",
                                     [PQ_EXTENDED_NUMBER_LONG] = "$numberLong",
                                     [PQ_EXTENDED_NUMBER_DOUBLE] = "$numberDouble",
                                     [PQ_EXTENDED_NUMBER_DECIMAL] = "$numberDecimal",
                                     [PQ_EXTENDED_DATE] = "$date",
                                     [PQ_EXTENDED_UUID] = "$uuid",
                                     [PQ_EXTENDED_BINARY] = "$binary",
                                     [PQ_EXTENDED_TIMESTAMP] = "$timestamp",
                                     [PQ_EXTENDED_REGEX] = "$regularExpression",
                                     [PQ_EXTENDED_CODE] = "$code",
                                     [PQ_EXTENDED_SYMBOL] = "$symbol",
                                     [PQ_EXTENDED_MIN_KEY] = "$minKey",
                                     [PQ_EXTENDED_MAX_KEY] = "$maxKey",
                                     [PQ_EXTENDED_UNDEFINED] = "$undefined",
                                     [PQ_EXTENDED_DB_POINTER] = "$dbPointer"};
  if (name.n < 4 || name.p[0] != '$') return PQ_EXTENDED_NONE;
  for (unsigned i = 1; i < sizeof keys / sizeof *keys; i++)
    if (name.p[1] == (uint8_t)keys[i][1] && pq_slice_is(name, keys[i])) return (pq_extended)i;
  return PQ_EXTENDED_NONE;
}

pq_extended pq_extended_open(pq_value v, pq_value *inner) {
  pq_container c;
  pq_names names;
  pq_slice name;
  pq_extended key;
  *inner = (pq_value){0};
  if (!pq_value_is_raw_object(v) || !pq_container_open(v, &c) || c.count != 1)
    return PQ_EXTENDED_NONE;
  names = pq_names_of(v);
  name = pq_names_at(&names, pq_container_id(&c, 0));
  key = pq_extended_key(name);
  if (key != PQ_EXTENDED_NONE) *inner = pq_container_value(&c, 0);
  return key;
}

bool pq_literal_open(pq_value v, pq_value *inner) {
  pq_value look_alike, ignored;
  *inner = (pq_value){0};
  if (pq_value_count(v) != 1 || !pq_value_is_raw_object(v)) return false;
  look_alike = pq_object_get(v, PQ_SLICE("$literal"));
  if (look_alike.p == NULL || pq_extended_open(look_alike, &ignored) == PQ_EXTENDED_NONE)
    return false;
  *inner = look_alike;
  return true;
}

static bool raw_string(pq_value v, pq_slice *out) {
  *out = (pq_slice){0};
  if (v.p == NULL) return false;
  if ((v.p[0] & 3) == PQ_BASIC_SHORT) {
    *out = (pq_slice){v.p + 1, v.len - 1};
    return true;
  }
  if (pq_primitive_id(v) != PQ_PRIM_STRING) return false;
  *out = (pq_slice){v.p + 5, v.len - 5};
  return true;
}

static bool is_object_id(pq_value v) {
  pq_slice hex;
  if (!raw_string(v, &hex) || hex.n != 24) return false;
  for (size_t i = 0; i < hex.n; i++)
    if (pq_hex_digit(hex.p[i]) < 0 || (hex.p[i] >= 'A' && hex.p[i] <= 'F')) return false;
  return true;
}

/* An object of exactly two fields of these names. */
static bool two_fields(pq_value v, const char *a, const char *b, pq_value out[2]) {
  if (!pq_value_is_raw_object(v) || pq_value_count(v) != 2) return false;
  out[0] = pq_object_get_str(v, a);
  out[1] = pq_object_get_str(v, b);
  return out[0].p != NULL && out[1].p != NULL;
}

static bool two_strings(pq_value v, const char *a, const char *b, pq_slice out[2]) {
  pq_value fields[2];
  return two_fields(v, a, b, fields) && raw_string(fields[0], &out[0]) &&
         raw_string(fields[1], &out[1]);
}

static bool is_u32(pq_value v) {
  int64_t n;
  return pq_value_i64(v, &n) && n >= 0 && n <= UINT32_MAX;
}

static bool is_one(pq_value v) {
  int64_t n;
  return pq_value_i64(v, &n) && n == 1;
}

static bool is_db_pointer(pq_value v) {
  pq_value fields[2], hex;
  pq_slice text;
  return two_fields(v, "$ref", "$id", fields) && raw_string(fields[0], &text) &&
         pq_extended_open(fields[1], &hex) == PQ_EXTENDED_OID && is_object_id(hex);
}

static bool is_extended_date(pq_value v, int64_t *ms) {
  pq_value inner;
  pq_slice text;
  *ms = 0;
  return pq_extended_open(v, &inner) == PQ_EXTENDED_NUMBER_LONG && raw_string(inner, &text) &&
         pq_i64_parse(text, ms);
}

static bool is_extended_binary(pq_value v, pq_binary *out) {
  pq_slice text[2];
  *out = (pq_binary){0};
  if (!two_strings(v, "base64", "subType", text) || text[1].n != 2) return false;
  if (pq_hex_digit(text[1].p[0]) < 0 || pq_hex_digit(text[1].p[1]) < 0) return false;
  out->subtype = (uint8_t)(pq_hex_digit(text[1].p[0]) << 4 | pq_hex_digit(text[1].p[1]));
  out->base64 = text[0];
  return pq_base64_len(text[0], &out->len);
}

/* The type behind a raw object: every key asks for its exact shape, else it stays an object. */
static pq_type object_type(pq_value v) {
  pq_value inner, fields[2];
  pq_slice text, texts[2];
  pq_number number;
  pq_binary binary;
  int64_t ms;
  bool is_true, fits = false;
  pq_type t = PQ_TYPE_OBJECT;
  switch (pq_extended_open(v, &inner)) {
    case PQ_EXTENDED_OID: t = PQ_TYPE_OBJECT_ID, fits = is_object_id(inner); break;
    case PQ_EXTENDED_NUMBER_DECIMAL:
      t = PQ_TYPE_DECIMAL;
      fits = raw_string(inner, &text) && pq_number_parse(text, &number);
      break;
    case PQ_EXTENDED_DATE: t = PQ_TYPE_DATE, fits = is_extended_date(inner, &ms); break;
    case PQ_EXTENDED_BINARY: t = PQ_TYPE_BINARY, fits = is_extended_binary(inner, &binary); break;
    case PQ_EXTENDED_TIMESTAMP:
      t = PQ_TYPE_TIMESTAMP;
      fits = two_fields(inner, "t", "i", fields) && is_u32(fields[0]) && is_u32(fields[1]);
      break;
    case PQ_EXTENDED_REGEX:
      t = PQ_TYPE_REGEX, fits = two_strings(inner, "pattern", "options", texts);
      break;
    case PQ_EXTENDED_CODE: t = PQ_TYPE_CODE, fits = raw_string(inner, &text); break;
    case PQ_EXTENDED_SYMBOL: t = PQ_TYPE_STRING, fits = raw_string(inner, &text); break;
    case PQ_EXTENDED_MIN_KEY: t = PQ_TYPE_MIN_KEY, fits = is_one(inner); break;
    case PQ_EXTENDED_MAX_KEY: t = PQ_TYPE_MAX_KEY, fits = is_one(inner); break;
    case PQ_EXTENDED_UNDEFINED:
      t = PQ_TYPE_NULL, fits = pq_value_bool(inner, &is_true) && is_true;
      break;
    case PQ_EXTENDED_DB_POINTER: t = PQ_TYPE_CODE, fits = is_db_pointer(inner); break;
    default: break;
  }
  return fits ? t : PQ_TYPE_OBJECT;
}

pq_type pq_value_type(pq_value v) {
  static const uint8_t types[PQ_PRIM_COUNT] = {
      PQ_TYPE_NULL,    PQ_TYPE_BOOL,   PQ_TYPE_BOOL,   PQ_TYPE_INT32,   PQ_TYPE_INT32,
      PQ_TYPE_INT32,   PQ_TYPE_INT64,  PQ_TYPE_DOUBLE, PQ_TYPE_DECIMAL, PQ_TYPE_DECIMAL,
      PQ_TYPE_DECIMAL, PQ_TYPE_DATE,   PQ_TYPE_DATE,   PQ_TYPE_DATE,    PQ_TYPE_DOUBLE,
      PQ_TYPE_BINARY,  PQ_TYPE_STRING, PQ_TYPE_INT64,  PQ_TYPE_DATE,    PQ_TYPE_DATE,
      PQ_TYPE_BINARY};
  if (v.p == NULL) return PQ_TYPE_MISSING;
  switch (v.p[0] & 3) {
    case PQ_BASIC_PRIMITIVE: {
      unsigned id = v.p[0] >> 2;
      return id < PQ_PRIM_COUNT ? (pq_type)types[id] : PQ_TYPE_NULL;
    }
    case PQ_BASIC_SHORT: return PQ_TYPE_STRING;
    case PQ_BASIC_OBJECT: return object_type(v);
    default: return PQ_TYPE_ARRAY;
  }
}

/* ---- scalars ---- */

bool pq_value_bool(pq_value v, bool *out) {
  int id = pq_primitive_id(v);
  *out = id == PQ_PRIM_TRUE;
  return id == PQ_PRIM_TRUE || id == PQ_PRIM_FALSE;
}

bool pq_value_i64(pq_value v, int64_t *out) {
  *out = 0;
  switch (pq_primitive_id(v)) {
    case PQ_PRIM_INT8: *out = (int8_t)v.p[1]; return true;
    case PQ_PRIM_INT16: *out = (int16_t)pq_rd16(v.p + 1); return true;
    case PQ_PRIM_INT32: *out = (int32_t)pq_rd32(v.p + 1); return true;
    case PQ_PRIM_INT64:
    case PQ_PRIM_TIME: *out = (int64_t)pq_rd64(v.p + 1); return true;
    default: return false;
  }
}

bool pq_value_double(pq_value v, double *out) {
  uint64_t bits;
  uint32_t half;
  float single;
  *out = 0;
  switch (pq_primitive_id(v)) {
    case PQ_PRIM_DOUBLE:
      bits = pq_rd64(v.p + 1);
      memcpy(out, &bits, sizeof *out);
      return true;
    case PQ_PRIM_FLOAT:
      half = pq_rd32(v.p + 1);
      memcpy(&single, &half, sizeof single);
      *out = (double)single;
      return true;
    default: return false;
  }
}

bool pq_value_decimal(pq_value v, pq_decimal *out) {
  int id = pq_primitive_id(v);
  uint64_t hi, lo;
  *out = (pq_decimal){0};
  switch (id) {
    case PQ_PRIM_DECIMAL4: lo = (uint64_t)(int64_t)(int32_t)pq_rd32(v.p + 2); break;
    case PQ_PRIM_DECIMAL8:
    case PQ_PRIM_DECIMAL16: lo = pq_rd64(v.p + 2); break;
    default: return false;
  }
  hi = id == PQ_PRIM_DECIMAL16 ? pq_rd64(v.p + 10) : 0 - (lo >> 63);
  out->is_negative = hi >> 63 != 0;
  if (out->is_negative) {
    lo = 0 - lo;
    hi = ~hi + (lo == 0);
  }
  out->hi = hi;
  out->lo = lo;
  out->scale = v.p[1];
  return true;
}

bool pq_value_decimal_number(pq_value v, pq_number *out) {
  pq_decimal d;
  pq_value inner;
  pq_slice text;
  *out = (pq_number){0};
  if (pq_value_decimal(v, &d)) {
    *out = pq_decimal_number(d);
    return true;
  }
  return pq_extended_open(v, &inner) == PQ_EXTENDED_NUMBER_DECIMAL && raw_string(inner, &text) &&
         pq_number_parse(text, out);
}

bool pq_value_number(pq_value v, double *out) {
  int64_t i;
  pq_number n;
  if (pq_value_double(v, out)) return true;
  if (pq_value_i64(v, &i)) {
    *out = (double)i;
    return true;
  }
  if (!pq_value_decimal_number(v, &n)) return false;
  *out = pq_number_double(n);
  return true;
}

bool pq_value_string(pq_value v, pq_slice *out) {
  pq_value inner;
  if (raw_string(v, out)) return true;
  return pq_extended_open(v, &inner) == PQ_EXTENDED_SYMBOL && raw_string(inner, out);
}

bool pq_value_binary(pq_value v, pq_slice *out) {
  int id = pq_primitive_id(v);
  *out = (pq_slice){0};
  if (id == PQ_PRIM_UUID) *out = (pq_slice){v.p + 1, 16};
  if (id == PQ_PRIM_BINARY) *out = (pq_slice){v.p + 5, v.len - 5};
  return id == PQ_PRIM_UUID || id == PQ_PRIM_BINARY;
}

bool pq_value_any_binary(pq_value v, pq_binary *out) {
  pq_value inner;
  *out = (pq_binary){0};
  if (pq_value_binary(v, &out->bytes)) {
    out->len = out->bytes.n;
    out->subtype = pq_primitive_id(v) == PQ_PRIM_UUID ? 4 : 0;
    return true;
  }
  return pq_extended_open(v, &inner) == PQ_EXTENDED_BINARY && is_extended_binary(inner, out);
}

uint8_t pq_binary_at(const pq_binary *b, size_t i) {
  return b->base64.p == NULL ? b->bytes.p[i] : pq_base64_at(b->base64, i);
}

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

/* Days to microseconds; days beyond their range, 292,000 years, become its end. */
static int64_t days_us(int32_t days) {
  const int64_t day_us = 86400000000;
  if (days > INT64_MAX / day_us) return INT64_MAX;
  if (days < INT64_MIN / day_us) return INT64_MIN;
  return days * day_us;
}

/* DATE in a Variant primitive. */
static bool primitive_date_us(pq_value v, int64_t *us) {
  *us = 0;
  switch (pq_primitive_id(v)) {
    case PQ_PRIM_DATE: *us = days_us((int32_t)pq_rd32(v.p + 1)); return true;
    case PQ_PRIM_TIMESTAMP:
    case PQ_PRIM_TIMESTAMP_NTZ: *us = (int64_t)pq_rd64(v.p + 1); return true;
    case PQ_PRIM_TIMESTAMP_NS:
    case PQ_PRIM_TIMESTAMP_NTZ_NS: *us = floor_div((int64_t)pq_rd64(v.p + 1), 1000); return true;
    default: return false;
  }
}

bool pq_value_date_parts(pq_value v, int64_t *ms, int *us) {
  pq_value inner;
  int64_t all;
  *ms = 0;
  *us = 0;
  if (primitive_date_us(v, &all)) {
    *ms = floor_div(all, 1000);
    *us = (int)((all % 1000 + 1000) % 1000);
    return true;
  }
  return pq_extended_open(v, &inner) == PQ_EXTENDED_DATE && is_extended_date(inner, ms);
}

bool pq_value_date_ms(pq_value v, int64_t *out) {
  int us;
  return pq_value_date_parts(v, out, &us);
}

bool pq_value_date_us(pq_value v, int64_t *out) {
  int64_t ms;
  int us;
  if (primitive_date_us(v, out)) return true;
  return pq_value_date_parts(v, &ms, &us) && pq_mul_i64(ms, 1000, out);
}

bool pq_value_object_id(pq_value v, pq_slice *hex) {
  pq_value inner;
  *hex = (pq_slice){0};
  return pq_extended_open(v, &inner) == PQ_EXTENDED_OID && is_object_id(inner) &&
         raw_string(inner, hex);
}

/* ---- containers ---- */

uint32_t pq_value_count(pq_value v) {
  pq_container c;
  return pq_container_open(v, &c) ? c.count : 0;
}

bool pq_value_is_raw_object(pq_value v) {
  return v.p != NULL && (v.p[0] & 3) == PQ_BASIC_OBJECT;
}

pq_value pq_object_get(pq_value v, pq_slice name) {
  pq_container c;
  pq_names names;
  uint32_t from = 0, to;
  if (!pq_value_is_raw_object(v) || !pq_container_open(v, &c)) return (pq_value){0};
  names = pq_names_of(v);
  to = c.count;
  while (from < to) {
    uint32_t mid = from + (to - from) / 2;
    int order = pq_slice_cmp(pq_names_at(&names, pq_container_id(&c, mid)), name);
    if (order == 0) return pq_container_value(&c, mid);
    if (order < 0)
      from = mid + 1;
    else
      to = mid;
  }
  return (pq_value){0};
}

pq_value pq_object_get_str(pq_value v, const char *name) {
  return pq_object_get(v, pq_str(name));
}

bool pq_object_at(pq_value v, uint32_t i, pq_field *out) {
  pq_container c;
  pq_names names;
  *out = (pq_field){0};
  if (!pq_value_is_raw_object(v) || !pq_container_open(v, &c) || i >= c.count) return false;
  names = pq_names_of(v);
  out->name = pq_names_at(&names, pq_container_id(&c, i));
  out->value = pq_container_value(&c, i);
  return true;
}

pq_value pq_array_at(pq_value v, uint32_t i) {
  pq_container c;
  if (v.p == NULL || (v.p[0] & 3) != PQ_BASIC_ARRAY || !pq_container_open(v, &c) || i >= c.count)
    return (pq_value){0};
  return pq_container_value(&c, i);
}
