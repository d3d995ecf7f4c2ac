/* value/json_parse.c - JSON text to Variant, in one pass straight into the builder.
 *
 * What makes it fast: strings are scanned eight bytes at a time and copied once; a field name is
 * first compared with the one that stood here in the document before; small integers are added
 * up while they are scanned. Line and column are counted only when something fails.
 *
 * Recursion is bounded by the builder, which opens at most limits.depth_max containers.
 */
#include <string.h>

#include "base/text.h"
#include "value/json_int.h"

int pq_json_fail(pq_json_reader *r, const uint8_t *at, int code, const char *what) {
  unsigned long long line = r->line_first == 0 ? 1 : r->line_first, column = 1;
  for (const uint8_t *p = r->start; p < at; p++) {
    column++;
    if (*p != '\n') continue;
    line++;
    column = 1;
  }
  r->is_placed = true;
  return pq_builder_fail(r->b,
                         pq_fail(r->b->cx, code, "line %llu, column %llu: %s", line, column, what));
}

static int fail(pq_json_reader *r, const char *what) {
  return pq_json_fail(r, r->p, PQ_EINVALID, r->p == r->end ? "unexpected end of text" : what);
}

/* Give a failure of the builder its place. Running out of memory has none. */
static int placed(pq_json_reader *r, const uint8_t *at, int rc) {
  if (rc == PQ_OK || rc == PQ_ENOMEM || r->is_placed) return rc;
  return pq_json_fail(r, at, rc, r->b->cx->msg);
}

/* ---- strings ---- */

/* From `p` to the next quote, backslash or control byte, or the end. *high collects whether a
 * byte of 0x80 or above may have been passed. */
static inline const uint8_t *plain_end(const uint8_t *p, const uint8_t *end, uint64_t *high) {
  while (end - p >= 8) {
    uint64_t x = pq_rd64(p), marks = pq_json_stops(x);
    *high |= x & PQ_JSON_HIGHS;
    if (marks != 0) return p + pq_json_first_mark(marks);
    p += 8;
  }
  for (; p < end; p++) {
    if (*p < 0x20 || *p == '"' || *p == '\\') return p;
    *high |= *p & 0x80;
  }
  return p;
}

static bool hex4(pq_json_reader *r, uint32_t *out) {
  *out = 0;
  if (r->end - r->p < 4) return false;
  for (int i = 0; i < 4; i++) {
    int digit = pq_hex_digit(r->p[i]);
    if (digit < 0) return false;
    *out = *out << 4 | (uint32_t)digit;
  }
  r->p += 4;
  return true;
}

static size_t utf8_encode(uint32_t c, uint8_t out[4]) {
  size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = n - 1; i > 0; i--, c >>= 6)
    out[i] = (uint8_t)(0x80 | (c & 0x3f));
  out[0] = (uint8_t)(lead[n] | c);
  return n;
}

/* The escape behind a backslash, r->p on the 'u'. Surrogates must come in pairs. */
static int escape_unicode(pq_json_reader *r, pq_buf *out) {
  const uint8_t *at = r->p - 1;
  uint32_t c, low;
  uint8_t text[4];
  r->p++;
  if (!hex4(r, &c)) return pq_json_fail(r, at, PQ_EINVALID, "\\u needs four hexadecimal digits");
  if (c >= 0xd800 && c < 0xe000) {
    bool is_pair = c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u';
    if (is_pair) r->p += 2;
    if (!is_pair || !hex4(r, &low) || low < 0xdc00 || low >= 0xe000)
      return pq_json_fail(r, at, PQ_EINVALID, "lone surrogate");
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
  }
  return pq_buf_put(out, text, utf8_encode(c, text));
}

static int escape(pq_json_reader *r, pq_buf *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *hit;
  if (r->p == r->end) return fail(r, "");
  if (*r->p == 'u') return escape_unicode(r, out);
  hit = *r->p == 0 ? NULL : strchr(from, (char)*r->p);
  if (hit == NULL) return pq_json_fail(r, r->p - 1, PQ_EINVALID, "unknown escape");
  r->p++;
  return pq_buf_put_byte(out, (uint8_t)to[hit - from]);
}

/* The rest of a string with escapes: `from` is where it began, r->p the first backslash. */
static int string_slow(pq_json_reader *r, const uint8_t *from, pq_buf *out) {
  uint64_t high = 0;
  pq_buf_clear(out);
  for (;;) {
    int rc = pq_buf_put(out, from, (size_t)(r->p - from));
    if (rc != PQ_OK) return pq_builder_fail(r->b, placed(r, r->p, rc));
    if (r->p == r->end || *r->p < 0x20) return fail(r, "control character in a string");
    if (*r->p == '"') return PQ_OK;
    r->p++;
    rc = escape(r, out);
    if (rc != PQ_OK) return pq_builder_fail(r->b, rc);
    from = r->p;
    r->p = plain_end(r->p, r->end, &high);
  }
}

int pq_json_string(pq_json_reader *r, int which, pq_slice *out) {
  const uint8_t *from = r->p + 1;
  pq_buf *scratch = &r->b->scratch[which];
  uint64_t high = 0;
  *out = (pq_slice){0};
  r->p = plain_end(from, r->end, &high);
  if (r->p < r->end && *r->p == '\\') {
    PQ_TRY(string_slow(r, from, scratch));
    *out = pq_buf_slice(scratch);
    high = 1;
  } else {
    if (r->p == r->end || *r->p != '"') return fail(r, "control character in a string");
    *out = (pq_slice){from, (size_t)(r->p - from)};
  }
  if (high != 0 && !pq_utf8_is_valid(*out))
    return pq_json_fail(r, from - 1, PQ_EINVALID, "string is not UTF-8");
  r->p++;
  return PQ_OK;
}

/* ---- numbers ---- */

static inline bool is_digit(const pq_json_reader *r) {
  return r->p < r->end && (uint8_t)(*r->p - '0') < 10;
}

static int digits(pq_json_reader *r) {
  if (!is_digit(r)) return fail(r, "a digit is missing in a number");
  while (is_digit(r))
    r->p++;
  return PQ_OK;
}

int pq_json_number(pq_json_reader *r, pq_slice *out, bool *is_whole) {
  const uint8_t *from = r->p;
  *out = (pq_slice){0};
  *is_whole = true;
  if (r->p < r->end && *r->p == '-') r->p++;
  if (r->p < r->end && *r->p == '0') {
    r->p++;
    if (is_digit(r)) return fail(r, "a number starts with 0");
  } else {
    PQ_TRY(digits(r));
  }
  if (r->p < r->end && *r->p == '.') {
    *is_whole = false;
    r->p++;
    PQ_TRY(digits(r));
  }
  if (r->p < r->end && (*r->p | 0x20) == 'e') {
    *is_whole = false;
    r->p++;
    if (r->p < r->end && (*r->p == '+' || *r->p == '-')) r->p++;
    PQ_TRY(digits(r));
  }
  *out = (pq_slice){from, (size_t)(r->p - from)};
  return PQ_OK;
}

/* Eight digits at once, when the next eight bytes are. The first is the lowest byte: neighbours are
 * joined to pairs, those to fours, those to eight. */
static inline bool eight_digits(const uint8_t *p, uint64_t *out) {
  const uint64_t sixes = PQ_JSON_ONES * 6, tops = PQ_JSON_ONES * 0xf0, zeros = PQ_JSON_ONES * '0';
  uint64_t x = pq_rd64(p);
  if (((x + sixes) & x & tops) != zeros) return false;
  x = (x & PQ_JSON_ONES * 15) * 2561 >> 8;
  x = (x & 0x00ff00ff00ff00ffu) * 6553601 >> 16;
  *out = (x & 0x0000ffff0000ffffu) * 42949672960001u >> 32;
  return true;
}

/* Digits added to *m, wrapping. */
static inline const uint8_t *add_digits(const uint8_t *p, const uint8_t *end, uint64_t *m) {
  uint64_t eight;
  while (end - p >= 8 && eight_digits(p, &eight)) {
    *m = *m * 100000000 + eight;
    p += 8;
  }
  for (; p < end && (uint8_t)(*p - '0') < 10; p++)
    *m = *m * 10 + (uint64_t)(*p - '0');
  return p;
}

/* The common number: at most 18 digits, no exponent. *fraction_len -1: no point. Leaves r->p alone
 * when the text is something else, right or wrong. */
static inline bool short_number(pq_json_reader *r, uint64_t *m, int *fraction_len) {
  const uint8_t *from = r->p + (*r->p == '-'), *p, *point;
  *m = 0;
  *fraction_len = -1;
  p = add_digits(from, r->end, m);
  if (p == from || p == r->end || (*from == '0' && p - from > 1)) return false;
  if (*p == '.') {
    point = p++;
    p = add_digits(p, r->end, m);
    *fraction_len = (int)(p - point < 20 ? p - point : 20) - 1;
    if (*fraction_len == 0 || p == r->end) return false;
  }
  if (p - from > 18 || (*p | 0x20) == 'e') return false;
  r->p = p;
  return true;
}

static int slow_number(pq_json_reader *r) {
  const uint8_t *from = r->p;
  pq_slice text;
  bool is_whole;
  int64_t i;
  double d;
  PQ_TRY(pq_json_number(r, &text, &is_whole));
  if (is_whole && pq_i64_parse(text, &i)) {
    if (i >= INT32_MIN && i <= INT32_MAX) return placed(r, from, pq_builder_i32(r->b, (int32_t)i));
    return placed(r, from, pq_builder_i64(r->b, i));
  }
  if (!pq_double_parse(text, &d))
    return pq_json_fail(r, from, PQ_EINVALID, "number beyond the range of a double");
  return placed(r, from, pq_builder_double(r->b, d));
}

static int number(pq_json_reader *r) {
  const uint8_t *from = r->p;
  bool is_negative = *from == '-';
  int fraction_len;
  uint64_t m;
  double d;
  if (!short_number(r, &m, &fraction_len)) return slow_number(r);
  if (fraction_len >= 0) {
    if (!pq_double_of(m, -fraction_len, &d)) {
      r->p = from;
      return slow_number(r);
    }
    return placed(r, from, pq_builder_double(r->b, is_negative ? -d : d));
  }
  if (m <= INT32_MAX)
    return placed(r, from, pq_builder_i32(r->b, is_negative ? -(int32_t)m : (int32_t)m));
  if (is_negative && m == (uint64_t)INT32_MAX + 1)
    return placed(r, from, pq_builder_i32(r->b, INT32_MIN));
  return placed(r, from, pq_builder_i64(r->b, is_negative ? -(int64_t)m : (int64_t)m));
}

/* ---- values ---- */

static int value(pq_json_reader *r);

static int word(pq_json_reader *r, const char *text, size_t len) {
  if ((size_t)(r->end - r->p) < len || memcmp(r->p, text, len) != 0)
    return fail(r, "a value is expected");
  r->p += len;
  return PQ_OK;
}

static int array(pq_json_reader *r) {
  const uint8_t *from = r->p++;
  PQ_TRY(placed(r, from, pq_builder_begin_array(r->b)));
  if (!pq_json_take(r, ']')) {
    do {
      PQ_TRY(value(r));
    } while (pq_json_take(r, ','));
    if (!pq_json_take(r, ']')) return fail(r, "',' or ']' is expected");
  }
  return placed(r, from, pq_builder_end(r->b));
}

static int key(pq_json_reader *r) {
  const uint8_t *from;
  uint32_t guess;
  pq_json_space(r);
  from = r->p;
  if (r->p == r->end || *r->p != '"') return fail(r, "a field name in quotes is expected");
  guess = pq_builder_guess(r->b, r->p + 1, (size_t)(r->end - r->p - 1));
  if (guess != 0) {
    r->p += r->b->names[guess].len + 2;
    PQ_TRY(placed(r, from, pq_builder_key_index(r->b, guess)));
  } else {
    pq_slice name;
    PQ_TRY(pq_json_string(r, 0, &name));
    PQ_TRY(placed(r, from, pq_builder_key(r->b, name)));
  }
  if (r->p < r->end && *r->p == ':') {
    r->p++;
    return PQ_OK;
  }
  return pq_json_take(r, ':') ? PQ_OK : fail(r, "':' is expected");
}

/* Does the next key begin with '$'? */
static int is_system_next(pq_json_reader *r, bool *out) {
  const uint8_t *from;
  pq_slice name;
  pq_json_space(r);
  from = r->p;
  *out = r->end - r->p >= 2 && r->p[0] == '"' && r->p[1] == '$';
  if (r->end - r->p < 2 || r->p[0] != '"' || r->p[1] != '\\') return PQ_OK;
  PQ_TRY(pq_json_string(r, 0, &name));
  *out = name.n > 0 && name.p[0] == '$';
  r->p = from;
  return PQ_OK;
}

static int system_field(pq_json_reader *r, pq_builder *system) {
  pq_builder *b = r->b;
  int rc;
  r->b = system;
  rc = key(r);
  if (rc == PQ_OK) rc = value(r);
  r->b = b;
  return rc == PQ_OK ? PQ_OK : pq_builder_fail(b, rc);
}

/* The fields of an object; `system`, if any, gets those whose names begin with '$'. */
static int fields(pq_json_reader *r, pq_builder *system, uint32_t *count) {
  *count = 0;
  if (pq_json_take(r, '}')) return PQ_OK;
  do {
    bool is_system = false;
    if (system != NULL) PQ_TRY(is_system_next(r, &is_system));
    if (is_system) {
      PQ_TRY(system_field(r, system));
    } else {
      PQ_TRY(key(r));
      PQ_TRY(value(r));
    }
    ++*count;
  } while (pq_json_take(r, ','));
  return pq_json_take(r, '}') ? PQ_OK : fail(r, "',' or '}' is expected");
}

/* The first key of the object if it is one of Extended JSON, r->p then behind it. */
static int first_key(pq_json_reader *r, pq_extended *out) {
  pq_slice name;
  *out = PQ_EXTENDED_NONE;
  pq_json_space(r);
  if (r->end - r->p < 4 || *r->p != '"' || (r->p[1] != '$' && r->p[1] != '\\')) return PQ_OK;
  PQ_TRY(pq_json_string(r, 0, &name));
  *out = pq_extended_key(name);
  return PQ_OK;
}

static int object(pq_json_reader *r) {
  const uint8_t *from = r->p++, *inside = r->p;
  pq_builder *system = r->system;
  const char *why = NULL;
  pq_extended extended;
  uint32_t count;
  r->system = NULL;
  PQ_TRY(first_key(r, &extended));
  if (extended != PQ_EXTENDED_NONE) {
    PQ_TRY(placed(r, from, pq_json_extended(r, extended, &why)));
    if (why == NULL) return PQ_OK;
  }
  r->p = inside;
  PQ_TRY(placed(r, from, pq_builder_begin_object(r->b)));
  PQ_TRY(fields(r, system, &count));
  if (why != NULL && count == 1) return pq_json_fail(r, from, PQ_EINVALID, why);
  return placed(r, from, pq_builder_end(r->b));
}

static int value(pq_json_reader *r) {
  const uint8_t *from;
  pq_slice text;
  pq_json_space(r);
  from = r->p;
  if (r->p == r->end) return fail(r, "");
  switch (*r->p) {
    case '"':
      PQ_TRY(pq_json_string(r, 0, &text));
      return placed(r, from, pq_builder_string_valid(r->b, text));
    case '{': return object(r);
    case '[': return array(r);
    case 't': PQ_TRY(word(r, "true", 4)); return placed(r, from, pq_builder_bool(r->b, true));
    case 'f': PQ_TRY(word(r, "false", 5)); return placed(r, from, pq_builder_bool(r->b, false));
    case 'n': PQ_TRY(word(r, "null", 4)); return placed(r, from, pq_builder_null(r->b));
    default:
      if (*r->p == '-' || is_digit(r)) return number(r);
      return fail(r, "a value is expected");
  }
}

int pq_json_parse(pq_builder *b, pq_slice text, pq_json_options options, size_t *used) {
  static const uint8_t none[1] = {0};
  const uint8_t *start = text.n == 0 ? none : text.p;
  pq_json_reader r = {b, start, start + text.n, start, options.line_first, false, options.system};
  *used = 0;
  if (b->rc != PQ_OK) return b->rc;
  if (options.system != NULL) PQ_TRY(pq_builder_begin_raw(options.system));
  pq_json_space(&r);
  if (r.p == r.end || *r.p != '{') r.system = NULL;
  PQ_TRY(value(&r));
  if (options.system != NULL) PQ_TRY(pq_builder_end(options.system));
  if (options.is_exact) {
    pq_json_space(&r);
    if (r.p != r.end) return fail(&r, "text after the end of the value");
  }
  *used = (size_t)(r.p - r.start);
  return PQ_OK;
}

int pq_json_value(pq_builder *b, pq_slice text, pq_arena *arena, pq_value *out) {
  size_t used;
  *out = (pq_value){0};
  pq_builder_clear(b);
  PQ_TRY(pq_json_parse(b, text, (pq_json_options){.is_exact = true}, &used));
  return pq_builder_finish(b, arena, out);
}
