/* value/json_extended.c - the types of MongoDB's Extended JSON v2, in.
 *
 * Every form is one field with a string, a number, true, or an object of two strings:
 *
 *     {"$oid": "…"}   {"$date": "…"}   {"$date": {"$numberLong": "…"}}
 *     {"$binary": {"base64": "…", "subType": "…"}}   {"$timestamp": {"t": 1, "i": 2}}
 *
 * The whole form is read before anything is built, so an object of another shape can be read
 * again as what it is.
 */
#include <string.h>

#include "base/text.h"
#include "value/json_int.h"

/* r->p behind the key: a string and the closing brace. */
static int text_form(pq_json_reader *r, int which, pq_slice *out, bool *is_form) {
  *is_form = false;
  *out = (pq_slice){0};
  if (!pq_json_take(r, ':')) return PQ_OK;
  pq_json_space(r);
  if (r->p == r->end || *r->p != '"') return PQ_OK;
  PQ_TRY(pq_json_string(r, which, out));
  *is_form = pq_json_take(r, '}');
  return PQ_OK;
}

/* `"name":` with exactly this name. */
static int take_name(pq_json_reader *r, const char *name, bool *is_form) {
  pq_slice text;
  *is_form = false;
  pq_json_space(r);
  if (r->p == r->end || *r->p != '"') return PQ_OK;
  PQ_TRY(pq_json_string(r, 0, &text));
  *is_form = pq_slice_is(text, name) && pq_json_take(r, ':');
  pq_json_space(r);
  return PQ_OK;
}

/* One of two parts of an inner object: a string in scratch `which` or the text of a number. */
static int take_part(pq_json_reader *r, int which, bool is_number, pq_slice *out, bool *is_form) {
  bool is_whole = true;
  *is_form = false;
  *out = (pq_slice){0};
  if (r->p == r->end) return PQ_OK;
  if (is_number) {
    if (*r->p < '0' || *r->p > '9') return PQ_OK;
    PQ_TRY(pq_json_number(r, out, &is_whole));
  } else {
    if (*r->p != '"') return PQ_OK;
    PQ_TRY(pq_json_string(r, which, out));
  }
  *is_form = is_whole;
  return PQ_OK;
}

/* {a: …, b: …} in either order, and the closing brace of the outer object. */
static int pair_form(pq_json_reader *r, const char *const names[2], bool is_number, pq_slice out[2],
                     bool *is_form) {
  const uint8_t *from;
  int first = 0;
  out[0] = out[1] = (pq_slice){0};
  *is_form = false;
  if (!pq_json_take(r, ':') || !pq_json_take(r, '{')) return PQ_OK;
  from = r->p;
  PQ_TRY(take_name(r, names[0], is_form));
  if (!*is_form) {
    r->p = from;
    first = 1;
    PQ_TRY(take_name(r, names[1], is_form));
  }
  if (*is_form) PQ_TRY(take_part(r, 1, is_number, &out[first], is_form));
  if (!*is_form || !pq_json_take(r, ',')) return *is_form = false, PQ_OK;
  /* Names use scratch 0, so the second part may have it. */
  PQ_TRY(take_name(r, names[1 - first], is_form));
  if (*is_form) PQ_TRY(take_part(r, 0, is_number, &out[1 - first], is_form));
  *is_form = *is_form && pq_json_take(r, '}') && pq_json_take(r, '}');
  return PQ_OK;
}

/* ---- building ---- */

static int put_field(pq_builder *b, const char *name, pq_slice text) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_string_valid(b, text);
}

/* {outer: {a: text, b: text}}, as it is stored. */
static int put_pair(pq_builder *b, const char *outer, const char *const names[2],
                    const pq_slice text[2]) {
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, outer));
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(put_field(b, names[0], text[0]));
  PQ_TRY(put_field(b, names[1], text[1]));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

static int put_double(pq_json_reader *r, pq_slice text, const char **why) {
  uint64_t bits = 0;
  double v;
  if (pq_slice_is(text, "NaN")) bits = 0x7ff8000000000000u;
  if (pq_slice_is(text, "Infinity")) bits = 0x7ff0000000000000u;
  if (pq_slice_is(text, "-Infinity")) bits = 0xfff0000000000000u;
  memcpy(&v, &bits, sizeof v);
  if (bits == 0 && !pq_double_parse(text, &v)) {
    *why = "$numberDouble must be a number, NaN, Infinity or -Infinity in quotes";
    return PQ_OK;
  }
  return pq_builder_double(r->b, v);
}

static int put_decimal(pq_json_reader *r, pq_slice text, const char **why) {
  pq_number n;
  if (pq_number_parse(text, &n)) return pq_builder_extended(r->b, "$numberDecimal", text);
  *why = "$numberDecimal must be a decimal of at most 38 digits in quotes";
  return PQ_OK;
}

static int put_integer(pq_json_reader *r, pq_extended key, pq_slice text, const char **why) {
  int64_t v;
  bool is_int = key == PQ_EXTENDED_NUMBER_INT;
  if (!pq_i64_parse(text, &v) || (is_int && (v < INT32_MIN || v > INT32_MAX))) {
    *why = is_int ? "$numberInt must be an integer of 32 bits in quotes"
                  : "$numberLong must be an integer of 64 bits in quotes";
    return PQ_OK;
  }
  return is_int ? pq_builder_i32(r->b, (int32_t)v) : pq_builder_i64(r->b, v);
}

static int put_date_text(pq_json_reader *r, pq_slice text, const char **why) {
  int64_t us;
  if (text.n >= 10 && text.p[4] == '-' && pq_time_parse(text, &us))
    return pq_builder_date_us(r->b, us);
  *why = "$date must be an ISO 8601 time or {\"$numberLong\": milliseconds}";
  return PQ_OK;
}

/* Milliseconds; up to three decimals when the microseconds are not whole milliseconds. */
static int put_date_millis(pq_json_reader *r, pq_slice text, const char **why) {
  pq_slice whole = text;
  int64_t ms, us = 0;
  const uint8_t *point = text.n == 0 ? NULL : memchr(text.p, '.', text.n);
  bool is_valid = true;
  if (point != NULL) {
    pq_slice part = {point + 1, text.n - (size_t)(point + 1 - text.p)};
    whole.n = (size_t)(point - text.p);
    is_valid = part.n == 3 && part.p[0] != '-' && pq_i64_parse(part, &us);
    if (text.p[0] == '-') us = -us;
  }
  if (!is_valid || !pq_i64_parse(whole, &ms)) {
    *why = "$date must be an ISO 8601 time or {\"$numberLong\": milliseconds}";
    return PQ_OK;
  }
  if (point == NULL) return pq_builder_date_ms(r->b, ms);
  if (pq_mul_i64(ms, 1000, &ms) && pq_add_i64(ms, us, &us)) return pq_builder_date_us(r->b, us);
  *why = "$date is out of range";
  return PQ_OK;
}

static int date(pq_json_reader *r, const char **why) {
  const uint8_t *from = r->p;
  pq_slice text;
  bool is_form;
  *why = "$date must be an ISO 8601 time or {\"$numberLong\": milliseconds}";
  PQ_TRY(text_form(r, 0, &text, &is_form));
  if (is_form) return *why = NULL, put_date_text(r, text, why);
  r->p = from;
  if (!pq_json_take(r, ':') || !pq_json_take(r, '{')) return PQ_OK;
  pq_json_space(r);
  if (r->p == r->end || *r->p != '"') return PQ_OK;
  PQ_TRY(pq_json_string(r, 0, &text));
  if (!pq_slice_is(text, "$numberLong")) return PQ_OK;
  PQ_TRY(text_form(r, 0, &text, &is_form));
  if (!is_form || !pq_json_take(r, '}')) return PQ_OK;
  *why = NULL;
  return put_date_millis(r, text, why);
}

/* A subtype of one or two hexadecimal digits; -1 when it is none. */
static int subtype_of(pq_slice text) {
  int high = text.n == 2 ? pq_hex_digit(text.p[0]) : 0;
  int low = text.n == 1 || text.n == 2 ? pq_hex_digit(text.p[text.n - 1]) : -1;
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int put_binary(pq_json_reader *r, pq_slice text, int subtype) {
  static const char *const names[] = {"base64", "subType"};
  static const char hex[] = "0123456789abcdef";
  uint8_t uuid[16], digits[2];
  pq_buf *out = &r->b->scratch[1];
  size_t len;
  if (!pq_base64_len(text, &len)) pq_unreachable("the caller has checked the text");
  if (subtype == 4 && len == sizeof uuid) {
    for (size_t i = 0; i < len; i++)
      uuid[i] = pq_base64_at(text, i);
    return pq_builder_uuid(r->b, uuid);
  }
  if (subtype != 0) {
    pq_slice parts[2] = {text, {digits, 2}};
    digits[0] = (uint8_t)hex[subtype >> 4];
    digits[1] = (uint8_t)hex[subtype & 15];
    return put_pair(r->b, "$binary", names, parts);
  }
  /* The decoded bytes are fewer than the text's, which may stand in this very buffer: decoding
   * in place runs behind the reading. */
  if (text.p != out->p) {
    pq_buf_clear(out);
    PQ_TRY(pq_builder_fail(r->b, pq_buf_reserve(out, len)));
  }
  for (size_t i = 0; i < len; i++)
    out->p[i] = pq_base64_at(text, i);
  return pq_builder_binary(r->b, (pq_slice){out->p, len});
}

static int binary(pq_json_reader *r, const char **why) {
  static const char *const names[] = {"base64", "subType"};
  pq_slice text[2];
  bool is_form;
  size_t len;
  int subtype;
  *why = "$binary must be {\"base64\": text, \"subType\": two hexadecimal digits}";
  PQ_TRY(pair_form(r, names, false, text, &is_form));
  subtype = subtype_of(text[1]);
  if (!is_form || subtype < 0 || !pq_base64_len(text[0], &len)) return PQ_OK;
  *why = NULL;
  return put_binary(r, text[0], subtype);
}

static int timestamp(pq_json_reader *r, const char **why) {
  static const char *const names[] = {"t", "i"};
  pq_slice text[2];
  bool is_form;
  int64_t v[2] = {-1, -1};
  *why = "$timestamp must be {\"t\": seconds, \"i\": count}, both of 32 bits";
  PQ_TRY(pair_form(r, names, true, text, &is_form));
  for (int i = 0; i < 2 && is_form; i++)
    is_form = pq_i64_parse(text[i], &v[i]) && v[i] <= UINT32_MAX;
  if (!is_form) return PQ_OK;
  *why = NULL;
  return pq_builder_timestamp(r->b, (uint32_t)v[0], (uint32_t)v[1]);
}

static int regex(pq_json_reader *r, const char **why) {
  static const char *const names[] = {"pattern", "options"};
  pq_slice text[2];
  bool is_form;
  *why = "$regularExpression must be {\"pattern\": text, \"options\": text}";
  PQ_TRY(pair_form(r, names, false, text, &is_form));
  if (!is_form) return PQ_OK;
  *why = NULL;
  return pq_builder_regex(r->b, text[0], text[1]);
}

/* {"$dbPointer": {"$ref": text, "$id": {"$oid": hex}}} in this order. */
static int db_pointer(pq_json_reader *r, const char **why) {
  pq_slice ref, hex;
  bool is_form;
  *why = "$dbPointer must be {\"$ref\": text, \"$id\": {\"$oid\": 24 hexadecimal digits}}";
  if (!pq_json_take(r, ':') || !pq_json_take(r, '{')) return PQ_OK;
  PQ_TRY(take_name(r, "$ref", &is_form));
  if (is_form) PQ_TRY(take_part(r, 1, false, &ref, &is_form));
  if (!is_form || !pq_json_take(r, ',')) return PQ_OK;
  PQ_TRY(take_name(r, "$id", &is_form));
  if (!is_form || !pq_json_take(r, '{')) return PQ_OK;
  PQ_TRY(take_name(r, "$oid", &is_form));
  if (is_form) PQ_TRY(take_part(r, 0, false, &hex, &is_form));
  if (!is_form || hex.n != 24 || !pq_json_take(r, '}') || !pq_json_take(r, '}') ||
      !pq_json_take(r, '}'))
    return PQ_OK;
  for (size_t i = 0; i < hex.n; i++)
    if (pq_hex_digit(hex.p[i]) < 0) return PQ_OK;
  *why = NULL;
  return pq_builder_db_pointer(r->b, ref, hex);
}

/* {"$minKey": 1}, {"$maxKey": 1}, {"$undefined": true}. */
static int constant(pq_json_reader *r, pq_extended key, const char **why) {
  bool is_bool = key == PQ_EXTENDED_UNDEFINED;
  const char *want = is_bool ? "true" : "1";
  size_t len = strlen(want);
  *why = is_bool ? "$undefined must be true" : "$minKey and $maxKey must be 1";
  if (!pq_json_take(r, ':')) return PQ_OK;
  pq_json_space(r);
  if ((size_t)(r->end - r->p) < len || memcmp(r->p, want, len) != 0) return PQ_OK;
  r->p += len;
  if (!pq_json_take(r, '}')) return PQ_OK;
  *why = NULL;
  if (is_bool) return pq_builder_undefined(r->b);
  return key == PQ_EXTENDED_MIN_KEY ? pq_builder_min_key(r->b) : pq_builder_max_key(r->b);
}

static int put_text(pq_json_reader *r, pq_extended key, pq_slice text, const char **why) {
  uint8_t uuid[16];
  switch (key) {
    case PQ_EXTENDED_NUMBER_INT:
    case PQ_EXTENDED_NUMBER_LONG: return put_integer(r, key, text, why);
    case PQ_EXTENDED_NUMBER_DOUBLE: return put_double(r, text, why);
    case PQ_EXTENDED_NUMBER_DECIMAL: return put_decimal(r, text, why);
    case PQ_EXTENDED_CODE: return pq_builder_extended(r->b, "$code", text);
    case PQ_EXTENDED_SYMBOL: return pq_builder_extended(r->b, "$symbol", text);
    case PQ_EXTENDED_OID:
      *why = "$oid must be 24 hexadecimal digits in quotes";
      if (text.n != 24) return PQ_OK;
      for (size_t i = 0; i < text.n; i++)
        if (pq_hex_digit(text.p[i]) < 0) return PQ_OK;
      *why = NULL;
      return pq_builder_extended(r->b, "$oid", text);
    case PQ_EXTENDED_UUID:
      if (pq_uuid_parse(text, uuid)) return pq_builder_uuid(r->b, uuid);
      *why = "$uuid must be 36 characters: 8-4-4-4-12 hexadecimal digits";
      return PQ_OK;
    default: pq_unreachable("not a key with a text");
  }
}

int pq_json_extended(pq_json_reader *r, pq_extended key, const char **why) {
  static const char *const shapes[] = {
      [PQ_EXTENDED_OID] = "$oid must be 24 hexadecimal digits in quotes",
      [PQ_EXTENDED_NUMBER_INT] = "$numberInt must be an integer of 32 bits in quotes",
      [PQ_EXTENDED_NUMBER_LONG] = "$numberLong must be an integer of 64 bits in quotes",
      [PQ_EXTENDED_NUMBER_DOUBLE] = "$numberDouble must be a number in quotes",
      [PQ_EXTENDED_NUMBER_DECIMAL] = "$numberDecimal must be a decimal in quotes",
      [PQ_EXTENDED_UUID] = "$uuid must be a string",
      [PQ_EXTENDED_CODE] = "$code must be a string",
      [PQ_EXTENDED_SYMBOL] = "$symbol must be a string",
      [PQ_EXTENDED_DB_POINTER] = NULL};
  pq_slice text;
  bool is_form;
  switch (key) {
    case PQ_EXTENDED_DATE: return date(r, why);
    case PQ_EXTENDED_BINARY: return binary(r, why);
    case PQ_EXTENDED_TIMESTAMP: return timestamp(r, why);
    case PQ_EXTENDED_REGEX: return regex(r, why);
    case PQ_EXTENDED_DB_POINTER: return db_pointer(r, why);
    case PQ_EXTENDED_MIN_KEY:
    case PQ_EXTENDED_MAX_KEY:
    case PQ_EXTENDED_UNDEFINED: return constant(r, key, why);
    default: break;
  }
  *why = shapes[key];
  PQ_TRY(text_form(r, 0, &text, &is_form));
  if (!is_form) return PQ_OK;
  *why = NULL;
  return put_text(r, key, text, why);
}
