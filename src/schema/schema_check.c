/* schema/schema_check.c - one value against one field: type, limits, and the form to store it in.
 *
 *   value ──type──► stored form ──allowed values, min, max──► *out
 *            └────────────────────────┴──► problem: "expects int, got string 'x'"
 *
 *   int        int32, int64; no 5.0: a double is no int, as in MongoDB
 *   number     every number, as it is        float      every number, rounded to 32 bits
 *   decimal    every number that fits, with the scale of the field
 *   date       a date at midnight UTC, or '2024-02-29'      ─► a date
 *   datetime   a date, or text in ISO 8601                  ─► a date
 *   uuid       binary data of subtype 4, or its text        ─► binary data
 *
 * A problem is a text in the checker, not a failure: who asks decides what to do about it.
 */
#include <float.h>
#include <string.h>

#include "schema/notation_int.h"
#include "value/json.h"

enum { SHOWN_LEN_MAX = 40, DAY_MS = 86400000, EMAIL_LEN_MAX = 254, LABEL_LEN_MAX = 63 };

/* ---- problems ---- */

/* The beginning of a value as JSON. */
static int show(pq_checker *c, pq_value v, pq_slice *out) {
  pq_slice text;
  pq_buf buf;
  int rc;
  *out = (pq_slice){0};
  if (pq_value_string(v, &text)) {
    text.n = pq_utf8_prefix(text, SHOWN_LEN_MAX);
    return pq_arena_copy(c->arena, text, out);
  }
  if (pq_value_type(v) == PQ_TYPE_OBJECT || pq_value_type(v) == PQ_TYPE_ARRAY) return PQ_OK;
  pq_buf_init(&buf, c->arena->cx, c->arena->cx->limits.doc_len_max * (size_t)2);
  rc = pq_json_print(&buf, v, PQ_JSON_RELAXED);
  text = pq_buf_slice(&buf);
  if (rc == PQ_OK) text.n = pq_utf8_prefix(text, SHOWN_LEN_MAX);
  if (rc == PQ_OK) rc = pq_arena_copy(c->arena, text, out);
  pq_buf_release(&buf);
  return rc;
}

int pq_check_mismatch(pq_checker *c, const char *what, pq_value v) {
  pq_type type = pq_value_type(v);
  pq_slice shown;
  const char *quote = type == PQ_TYPE_STRING ? "'" : "";
  PQ_TRY(show(c, v, &shown));
  if (type == PQ_TYPE_NULL) shown.n = 0; /* the name says it */
  c->problem =
      pq_arena_printf(c->arena, "expects %s, got %s%s%s%.*s%s", what, pq_type_name(type),
                      shown.n > 0 || *quote != 0 ? " " : "", quote, PQ_QUOTED(shown), quote);
  return c->problem == NULL ? c->arena->cx->code : PQ_OK;
}

/* "expects <what> <number>, got <number>" */
static int miscount(pq_checker *c, const char *what, uint64_t wanted, const char *unit,
                    uint64_t got) {
  c->problem = pq_arena_printf(c->arena, "expects %s %llu %s, got %llu", what,
                               (unsigned long long)wanted, unit, (unsigned long long)got);
  return c->problem == NULL ? c->arena->cx->code : PQ_OK;
}

/* ---- texts ---- */

static uint64_t code_points(pq_slice s) {
  uint64_t count = 0;
  for (size_t i = 0; i < s.n; i++)
    count += (s.p[i] & 0xc0) != 0x80;
  return count;
}

static bool is_plain(uint8_t c) { /* no space, no control character */
  return c > ' ' && c != 0x7f;
}

static bool is_alnum(uint8_t c) {
  return (unsigned)((c | 0x20) - 'a') < 26u || (unsigned)(c - '0') < 10u;
}

/* "a-b.example": labels of letters, digits, '-' and what is not ASCII. */
static bool is_domain(pq_slice s) {
  size_t start = 0, label_count = 0;
  for (size_t i = 0; i <= s.n; i++) {
    if (i < s.n && s.p[i] != '.') {
      if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] < 0x80) return false;
      continue;
    }
    if (i == start || i - start > LABEL_LEN_MAX) return false;
    if (s.p[start] == '-' || s.p[i - 1] == '-') return false;
    label_count++;
    start = i + 1;
  }
  return label_count > 1;
}

static bool is_email(pq_slice s) {
  const uint8_t *at = s.n == 0 || s.n > EMAIL_LEN_MAX ? NULL : memchr(s.p, '@', s.n);
  size_t n;
  if (at == NULL || at == s.p) return false;
  n = (size_t)(at - s.p);
  if (s.p[0] == '.' || s.p[n - 1] == '.') return false;
  for (size_t i = 0; i < n; i++) {
    if (!is_plain(s.p[i]) || strchr("()<>[]:;,\\\"", s.p[i]) != NULL) return false;
    if (s.p[i] == '.' && s.p[i + 1] == '.') return false;
  }
  return is_domain((pq_slice){at + 1, s.n - n - 1});
}

/* scheme://host… without white space */
static bool is_url(pq_slice s) {
  bool has_host;
  size_t i = 0;
  while (i < s.n && (is_alnum(s.p[i]) || strchr("+.-", s.p[i]) != NULL) && s.p[i] != 0)
    i++;
  if (i == 0 || (unsigned)((s.p[0] | 0x20) - 'a') >= 26u) return false;
  if (s.n - i < 4 || memcmp(s.p + i, "://", 3) != 0) return false;
  has_host = i != 4 || memcmp(s.p, "file", 4) != 0;
  if (has_host && strchr("/?#", s.p[i + 3]) != NULL) return false;
  for (; i < s.n; i++)
    if (!is_plain(s.p[i]) || strchr("<>\"", s.p[i]) != NULL) return false;
  return true;
}

static int check_length(pq_checker *c, const pq_schema_field *f, pq_slice text) {
  uint64_t n = code_points(text);
  if (n < f->length_min) return miscount(c, "at least", f->length_min, "characters", n);
  if (f->length_max > 0 && n > f->length_max)
    return miscount(c, "at most", f->length_max, "characters", n);
  return PQ_OK;
}

static int check_string(pq_checker *c, const pq_schema_field *f, pq_value v) {
  pq_slice text;
  char *what;
  int rc;
  if (!pq_value_string(v, &text)) return pq_check_mismatch(c, "string", v);
  PQ_TRY(check_length(c, f, text));
  if (c->problem != NULL) return PQ_OK;
  if (f->format != NULL && strcmp(f->format, "email") == 0 && !is_email(text))
    return pq_check_mismatch(c, "an email address", v);
  if (f->format != NULL && strcmp(f->format, "url") == 0 && !is_url(text))
    return pq_check_mismatch(c, "a url", v);
  if (f->regex == NULL || pq_regex_match(f->regex, text)) return PQ_OK;
  rc = pq_regex_set_status(c->regexes);
  if (rc != PQ_OK && rc != PQ_ELIMIT) return rc;
  what = pq_arena_printf(c->arena, "a match of '%.*s'%s", PQ_QUOTED(f->pattern),
                         rc == PQ_OK ? "" : " (given up, it takes too long)");
  return what == NULL ? c->arena->cx->code : pq_check_mismatch(c, what, v);
}

/* "one of 'a', 'b', …": as many as are short. */
static int check_allowed(pq_checker *c, const pq_schema_field *f, pq_value v) {
  const char *what = "one of";
  pq_slice shown, text;
  for (uint32_t i = 0; i < f->value_count; i++)
    if (pq_value_compare(v, f->values[i]) == 0) return PQ_OK;
  for (uint32_t i = 0; i < f->value_count; i++) {
    bool is_text = pq_value_string(f->values[i], &text), is_last = i + 1 == f->value_count;
    PQ_TRY(show(c, f->values[i], &shown));
    if (i >= 8 || strlen(what) + shown.n > 100) {
      what = pq_arena_printf(c->arena, "%s …", what);
      is_last = true;
    } else {
      what = pq_arena_printf(c->arena, is_text ? "%s '%.*s'%s" : "%s %.*s%s", what,
                             PQ_QUOTED(shown), is_last ? "" : ",");
    }
    if (what == NULL) return c->arena->cx->code;
    if (is_last) break;
  }
  return pq_check_mismatch(c, what, v);
}

static int check_enum(pq_checker *c, const pq_schema_field *f, pq_value v) {
  return check_allowed(c, f, v);
}

/* ---- numbers ---- */

static int check_float(pq_checker *c, pq_value v, pq_value *out) {
  double d;
  float narrow;
  if (!pq_value_number(v, &d)) return pq_check_mismatch(c, "float", v);
  if (d - d == 0 && (d > FLT_MAX || d < -FLT_MAX))
    return pq_check_mismatch(c, "a number of 32 bits", v);
  narrow = (float)d;
  if (pq_value_type(v) != PQ_TYPE_DECIMAL && pq_value_type(v) != PQ_TYPE_INT64 &&
      ((double)narrow == d || d - d != 0))
    return PQ_OK;
  return pq_make_double(c->eval, (double)narrow, out);
}

/* Any number as a decimal; doubles by the shortest text that means them: 19.99 is 19.99. */
static bool read_decimal(pq_value v, pq_number *out) {
  char text[PQ_DOUBLE_CAP];
  int64_t whole;
  double d;
  if (pq_value_i64(v, &whole)) {
    *out = pq_number_of_i64(whole);
    return true;
  }
  if (pq_value_decimal_number(v, out)) return out->kind == PQ_NUMBER_FINITE;
  if (!pq_value_double(v, &d) || d - d != 0) return false;
  return pq_number_parse((pq_slice){(const uint8_t *)text, (size_t)pq_double_print(d, text)}, out);
}

/* Give `n` the exponent; false when digits would be lost or there are too many. */
static bool scale_exactly(pq_number *n, int32_t exponent) {
  if (pq_number_is_zero(*n)) {
    n->is_negative = false;
    n->exponent = exponent;
  }
  for (; n->exponent > exponent; n->exponent--)
    if (!pq_mul_u128(&n->hi, &n->lo, 10, 0)) return false;
  for (; n->exponent < exponent; n->exponent++)
    if (pq_div_u128(&n->hi, &n->lo, 10) != 0) return false;
  return true;
}

static int check_decimal(pq_checker *c, const pq_schema_field *f, pq_value v, pq_value *out) {
  pq_number n, scaled;
  char *what;
  if (!read_decimal(v, &n)) return pq_check_mismatch(c, "a decimal number", v);
  scaled = n;
  if (!scale_exactly(&scaled, -(int32_t)f->scale) || pq_number_digits(scaled) > (int)f->precision) {
    what = pq_arena_printf(c->arena, "a number of %u digits, %u of them behind the point",
                           f->precision, f->scale);
    return what == NULL ? c->arena->cx->code : pq_check_mismatch(c, what, v);
  }
  if (pq_value_type(v) == PQ_TYPE_DECIMAL && scaled.exponent == n.exponent) return PQ_OK;
  return pq_make_number(c->eval, scaled, out);
}

static int check_vector(pq_checker *c, const pq_schema_field *f, pq_value v, pq_value *out) {
  uint32_t count = pq_value_count(v);
  bool is_same = true;
  pq_value *items;
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return pq_check_mismatch(c, "a vector of numbers", v);
  if (count != f->length_max) return miscount(c, "a vector of", f->length_max, "numbers", count);
  items = pq_arena_calloc(c->arena, count, sizeof *items);
  if (items == NULL) return c->arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value item = pq_array_at(v, i);
    items[i] = item;
    PQ_TRY(check_float(c, item, &items[i]));
    if (c->problem != NULL) return pq_check_mismatch(c, "a vector of numbers", item);
    is_same = is_same && items[i].p == item.p;
  }
  return is_same ? PQ_OK : pq_make_array(c->eval, items, count, out);
}

/* ---- dates and uuids ---- */

/* Text as of ISO 8601 with a year of four digits; no plain number of milliseconds. */
static bool read_time(pq_slice text, int64_t *us) {
  return text.n >= 10 && text.p[4] == '-' && text.p[0] != '-' && pq_time_parse(text, us);
}

static int check_date(pq_checker *c, bool is_day, pq_value v, pq_value *out) {
  const char *what = is_day ? "a date, as '2024-02-29'" : "a date, as '2024-02-29T12:00:00Z'";
  pq_slice text;
  int64_t ms;
  int us;
  if (pq_value_string(v, &text)) {
    if (!read_time(text, &ms) || (is_day && text.n != 10)) return pq_check_mismatch(c, what, v);
    return pq_make_date(c->eval, ms, out);
  }
  if (!pq_value_date_parts(v, &ms, &us)) return pq_check_mismatch(c, what, v);
  if (is_day && (ms % DAY_MS != 0 || us != 0))
    return pq_check_mismatch(c, "a date at midnight UTC", v);
  return PQ_OK;
}

static int hex_digit(uint8_t c) {
  if ((unsigned)(c - '0') < 10u) return c - '0';
  return (unsigned)((c | 0x20) - 'a') < 6u ? (c | 0x20) - 'a' + 10 : -1;
}

/* 8-4-4-4-12 digits. */
static bool read_uuid(pq_slice text, uint8_t out[16]) {
  size_t at = 0;
  if (text.n != 36) return false;
  for (size_t i = 0; i < 16; i++) {
    int high, low;
    if (i == 4 || i == 6 || i == 8 || i == 10)
      if (text.p[at++] != '-') return false;
    high = hex_digit(text.p[at]), low = hex_digit(text.p[at + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
    at += 2;
  }
  return true;
}

static int check_uuid(pq_checker *c, pq_value v, pq_value *out) {
  uint8_t bytes[16];
  pq_binary binary;
  pq_slice text;
  if (pq_value_string(v, &text) && read_uuid(text, bytes)) {
    pq_builder_clear(c->eval->builder);
    PQ_TRY(pq_builder_uuid(c->eval->builder, bytes));
    return pq_builder_finish(c->eval->builder, c->arena, out);
  }
  if (pq_value_any_binary(v, &binary) && binary.subtype == 4 && binary.len == 16) return PQ_OK;
  return pq_check_mismatch(c, "a uuid", v);
}

/* ---- all of it ---- */

static int check_type(pq_checker *c, const pq_schema_field *f, pq_value v, pq_value *out) {
  pq_type type = pq_value_type(v);
  switch (f->type) {
    case PQ_FIELD_STRING: return check_string(c, f, v);
    case PQ_FIELD_ENUM: return check_enum(c, f, v);
    case PQ_FIELD_INT:
      if (type == PQ_TYPE_INT32 || type == PQ_TYPE_INT64) return PQ_OK;
      return pq_check_mismatch(c, "int", v);
    case PQ_FIELD_DOUBLE:
      if (pq_type_bracket(type) == PQ_TYPE_INT32) return PQ_OK;
      return pq_check_mismatch(c, "number", v);
    case PQ_FIELD_FLOAT: return check_float(c, v, out);
    case PQ_FIELD_BOOL: return type == PQ_TYPE_BOOL ? PQ_OK : pq_check_mismatch(c, "boolean", v);
    case PQ_FIELD_DATE: return check_date(c, true, v, out);
    case PQ_FIELD_TIMESTAMP: return check_date(c, false, v, out);
    case PQ_FIELD_UUID: return check_uuid(c, v, out);
    case PQ_FIELD_DECIMAL: return check_decimal(c, f, v, out);
    case PQ_FIELD_JSON: return PQ_OK;
    case PQ_FIELD_BINARY:
      return type == PQ_TYPE_BINARY ? PQ_OK : pq_check_mismatch(c, "binary data", v);
    case PQ_FIELD_VECTOR: return check_vector(c, f, v, out);
    case PQ_FIELD_EDGE:
      if (!pq_field_has_texts(f))
        return pq_check_mismatch(c, "no value: it is a relationship, see link", v);
      return type == PQ_TYPE_STRING ? PQ_OK : pq_check_mismatch(c, "text to be looked for", v);
    case PQ_FIELD_OBJECT: break;
  }
  pq_unreachable("objects are walked by schema_validate.c");
}

/* Bounds are of the bracket of the field's values. */
static int check_bounds(pq_checker *c, const pq_schema_field *f, pq_value v) {
  bool is_low = !pq_value_is_missing(f->min) && pq_value_compare(v, f->min) < 0;
  bool is_high = !pq_value_is_missing(f->max) && pq_value_compare(v, f->max) > 0;
  pq_slice bound;
  char *what;
  if (!is_low && !is_high) return PQ_OK;
  PQ_TRY(show(c, is_low ? f->min : f->max, &bound));
  what = pq_arena_printf(c->arena, "at %s %.*s", is_low ? "least" : "most", PQ_QUOTED(bound));
  return what == NULL ? c->arena->cx->code : pq_check_mismatch(c, what, v);
}

int pq_check_scalar(pq_checker *c, const pq_schema_field *f, pq_value v, pq_value *out) {
  *out = v;
  c->problem = NULL;
  PQ_TRY(check_type(c, f, v, out));
  if (c->problem == NULL && f->value_count > 0 && f->type != PQ_FIELD_ENUM)
    PQ_TRY(check_allowed(c, f, *out));
  if (c->problem == NULL) PQ_TRY(check_bounds(c, f, *out));
  if (c->problem != NULL) *out = v;
  return PQ_OK;
}
