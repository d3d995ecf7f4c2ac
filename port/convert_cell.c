/* port/convert_cell.c - one field of a CSV file: which types it fits, and its JSON.
 *
 *   5        int double           true            bool
 *   5.0 1e3  double               2026-03-01 …    date
 *   007 +5   text                 NaN Infinity    double
 *
 * What is accepted as a number is exactly a JSON number, so it goes out as it came in. No number
 * loses digits: integers beyond 64 bits are text, those beyond 2^53 stay integers among doubles.
 */
#include <string.h>

#include "base/text.h"
#include "port/convert_int.h"

enum { DATE_LEN_MIN = 10, DATE_LEN_MAX = 40, DECIMAL_DIGITS_MAX = 38, PLAIN_LEN_MAX = 300 };
enum { UUID_TEXT_LEN = 36, OID_TEXT_LEN = 24 };

/* The largest integer up to which doubles hold all. */
static const int64_t double_int_max = INT64_C(1) << 53;

static const char *const type_names[PQ_CELL_TYPE_COUNT] = {
    "text", "int", "double", "decimal", "bool", "date", "json", "uuid", "oid", "skip"};

const char *pq_cell_type_name(pq_cell_type type) {
  return type_names[type];
}

bool pq_cell_type_find(pq_slice name, pq_cell_type *out) {
  static const struct {
    const char *name;
    pq_cell_type type;
  } others[] = {{"string", PQ_CELL_TEXT},    {"int64", PQ_CELL_INT},    {"long", PQ_CELL_INT},
                {"number", PQ_CELL_DOUBLE},  {"float", PQ_CELL_DOUBLE}, {"boolean", PQ_CELL_BOOL},
                {"timestamp", PQ_CELL_DATE}, {"time", PQ_CELL_DATE},    {"objectId", PQ_CELL_OID}};
  for (int i = 0; i < PQ_CELL_TYPE_COUNT; i++) {
    *out = (pq_cell_type)i;
    if (pq_slice_is(name, type_names[i])) return true;
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    *out = others[i].type;
    if (pq_slice_is(name, others[i].name)) return true;
  }
  *out = PQ_CELL_TEXT;
  return false;
}

/* ---- numbers ---- */

typedef struct number_form {
  bool is_number; /* by the grammar of JSON */
  bool is_whole;  /* no point, no exponent */
  bool has_exponent;
  size_t digits;
} number_form;

static size_t skip_digits(pq_slice s, size_t at) {
  while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
    at++;
  return at;
}

static number_form number_of(pq_slice s) {
  number_form f = {.is_whole = true};
  size_t at = s.n > 0 && s.p[0] == '-', from = at;
  at = skip_digits(s, at);
  f.digits = at - from;
  if (f.digits == 0 || (f.digits > 1 && s.p[from] == '0')) return f;
  if (at < s.n && s.p[at] == '.') {
    from = at + 1;
    at = skip_digits(s, from);
    if (at == from) return f;
    f.digits += at - from;
    f.is_whole = false;
  }
  if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
    at++;
    if (at < s.n && (s.p[at] == '+' || s.p[at] == '-')) at++;
    from = at;
    at = skip_digits(s, from);
    if (at == from) return f;
    f.is_whole = false;
    f.has_exponent = true;
  }
  f.is_number = at == s.n;
  return f;
}

/* A whole number's value; false beyond 64 bits. "-0" is no integer: it would lose its sign. */
static bool parse_i64(pq_slice s, int64_t *out) {
  bool is_negative = s.p[0] == '-';
  int64_t v = 0;
  *out = 0;
  if (is_negative && s.n == 2 && s.p[1] == '0') return false;
  for (size_t i = is_negative; i < s.n; i++) {
    int digit = s.p[i] - '0';
    if (!pq_mul_i64(v, 10, &v) || !pq_add_i64(v, is_negative ? -digit : digit, &v)) return false;
  }
  *out = v;
  return true;
}

static bool is_int(pq_slice s, int64_t *out) {
  number_form f = number_of(s);
  *out = 0;
  return f.is_number && f.is_whole && parse_i64(s, out);
}

static bool is_special(pq_slice s) {
  return pq_slice_is(s, "NaN") || pq_slice_is(s, "Infinity") || pq_slice_is(s, "-Infinity");
}

/* With a point or an exponent, and a double holds it (perhaps rounded). */
static bool is_fraction(pq_slice s, number_form f) {
  double v;
  if (!f.is_number || f.is_whole) return false;
  if (!f.has_exponent && s.n <= PLAIN_LEN_MAX) return true;
  return pq_double_parse(s, &v);
}

/* ---- the others ---- */

static bool is_word(pq_slice s, const char *lower) {
  size_t n = strlen(lower);
  if (s.n != n) return false;
  for (size_t i = 0; i < n; i++)
    if ((s.p[i] | 0x20) != lower[i]) return false;
  return true;
}

static bool is_date(pq_slice s) {
  int64_t us;
  return s.n >= DATE_LEN_MIN && s.n <= DATE_LEN_MAX && s.p[4] == '-' && pq_time_parse(s, &us);
}

static bool is_hex(uint8_t c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_oid(pq_slice s) {
  if (s.n != OID_TEXT_LEN) return false;
  for (size_t i = 0; i < s.n; i++)
    if (!is_hex(s.p[i])) return false;
  return true;
}

static bool is_uuid(pq_slice s) {
  if (s.n != UUID_TEXT_LEN) return false;
  for (size_t i = 0; i < s.n; i++) {
    bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? s.p[i] != '-' : !is_hex(s.p[i])) return false;
  }
  return true;
}

unsigned pq_cell_guess(pq_slice s) {
  uint8_t first = s.n == 0 ? 0 : s.p[0];
  int64_t whole;
  number_form f;
  if (first == '-' || (first >= '0' && first <= '9')) {
    f = number_of(s);
    if (f.is_number && f.is_whole)
      return parse_i64(s, &whole)       ? 1u << PQ_CELL_INT | 1u << PQ_CELL_DOUBLE
             : s.n == 2 && first == '-' ? 1u << PQ_CELL_DOUBLE
                                        : 0;
    if (f.is_number) return is_fraction(s, f) ? 1u << PQ_CELL_DOUBLE : 0;
    if (is_special(s)) return 1u << PQ_CELL_DOUBLE;
    return is_date(s) ? 1u << PQ_CELL_DATE : 0;
  }
  if (is_word(s, "true") || is_word(s, "false")) return 1u << PQ_CELL_BOOL;
  return is_special(s) ? 1u << PQ_CELL_DOUBLE : 0;
}

/* ---- JSON ---- */

/* {"key":"text"}; the text needs no escapes. */
static int put_extended(pq_buf *out, const char *key, pq_slice text) {
  PQ_TRY(pq_buf_put_str(out, "{\""));
  PQ_TRY(pq_buf_put_str(out, key));
  PQ_TRY(pq_buf_put_str(out, "\":\""));
  PQ_TRY(pq_buf_put_slice(out, text));
  return pq_buf_put_str(out, "\"}");
}

static int put_double(pq_buf *out, pq_slice text, bool *fits) {
  number_form f = number_of(text);
  int64_t whole;
  *fits = true;
  if (is_special(text)) return put_extended(out, "$numberDouble", text);
  if (is_fraction(text, f)) return pq_buf_put_slice(out, text);
  *fits = f.is_number && f.is_whole && (parse_i64(text, &whole) || pq_slice_is(text, "-0"));
  if (!*fits) return PQ_OK;
  PQ_TRY(pq_buf_put_slice(out, text));
  if (whole > double_int_max || whole < -double_int_max) return PQ_OK;
  return pq_buf_put_str(out, ".0");
}

/* Embedded as it is, every number with its type, on one line. */
static int put_json(pq_buf *out, pq_builder *b, pq_slice text, bool *fits) {
  pq_value v;
  size_t used;
  int rc;
  *fits = false;
  pq_builder_clear(b);
  rc = pq_json_parse(b, text, (pq_json_options){.is_exact = true}, &used);
  if (rc == PQ_OK) rc = pq_builder_view(b, &v);
  if (rc == PQ_EINVALID || rc == PQ_ELIMIT) {
    pq_builder_clear(b);
    return PQ_OK;
  }
  PQ_TRY(rc);
  *fits = true;
  rc = pq_json_print(out, v, PQ_JSON_CANONICAL);
  pq_builder_clear(b);
  return rc;
}

int pq_cell_put(pq_buf *out, pq_builder *b, pq_cell_type type, pq_slice text, bool *fits) {
  number_form f;
  int64_t whole;
  *fits = true;
  switch (type) {
    case PQ_CELL_TEXT: return pq_buf_put_json_str(out, text);
    case PQ_CELL_INT:
      *fits = is_int(text, &whole);
      return *fits ? pq_buf_put_slice(out, text) : PQ_OK;
    case PQ_CELL_DOUBLE: return put_double(out, text, fits);
    case PQ_CELL_DECIMAL:
      f = number_of(text);
      *fits = f.is_number && !f.has_exponent && f.digits <= DECIMAL_DIGITS_MAX;
      return *fits ? put_extended(out, "$numberDecimal", text) : PQ_OK;
    case PQ_CELL_BOOL:
      if (is_word(text, "true")) return pq_buf_put_str(out, "true");
      *fits = is_word(text, "false");
      return *fits ? pq_buf_put_str(out, "false") : PQ_OK;
    case PQ_CELL_DATE:
      *fits = is_date(text);
      return *fits ? put_extended(out, "$date", text) : PQ_OK;
    case PQ_CELL_JSON: return put_json(out, b, text, fits);
    case PQ_CELL_UUID:
      *fits = is_uuid(text);
      return *fits ? put_extended(out, "$uuid", text) : PQ_OK;
    case PQ_CELL_OID: *fits = is_oid(text); return *fits ? put_extended(out, "$oid", text) : PQ_OK;
    case PQ_CELL_SKIP:
    case PQ_CELL_TYPE_COUNT: break;
  }
  pq_unreachable("cell type without a value");
}
