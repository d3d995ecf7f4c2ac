/* value/json_print.c - Variant to JSON text: relaxed, canonical, pretty.
 *
 * Objects print in document order. What JSON has no form for prints as Extended JSON, so that
 * reading gives the value back; relaxed loses only the width of small int64 values.
 *
 *     double    5.0  1e+300  {"$numberDouble":"NaN"}     canonical {"$numberDouble":"5.0"}
 *     date      {"$date":"2026-03-01T12:00:00.123Z"}     canonical {"$date":{"$numberLong":"…"}}
 *     uuid      {"$uuid":"…"}                            canonical {"$binary":…,"subType":"04"}
 *
 * Dates that are no whole milliseconds print with six digits, or as "ms.us" where years have no
 * four digits. Depth is bounded by what pq_value_check accepted.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "value/json_int.h"
#include "value/variant_int.h"

static const int64_t year_10000_ms = 253402300800000, year_0_ms = -62167219200000;

/* Room beside a string's bytes: three quotes and commas, one escape. */
enum { STRING_SLACK = 16 };

typedef struct printer {
  pq_buf *out;
  pq_json_form form;
  uint32_t depth;      /* indent */
  const uint8_t *meta; /* of the whole value */
  uint32_t meta_len;
} printer;

/* Values travel as their bytes, and become a pq_value where its functions are needed. */
static pq_value value_of(const printer *p, pq_slice v) {
  return (pq_value){p->meta, v.p, p->meta_len, (uint32_t)v.n};
}

static int put(printer *p, const char *text) {
  return pq_buf_put_str(p->out, text);
}

/* `"` text `"` for text without escapes, between two fixed texts. */
static int put_quoted(printer *p, const char *before, const char *text, size_t len,
                      const char *after) {
  PQ_TRY(put(p, before));
  PQ_TRY(pq_buf_put(p->out, text, len));
  return put(p, after);
}

/* Copy text up to the first byte that needs an escape; how many bytes. */
static inline size_t copy_plain(uint8_t *to, const uint8_t *p, size_t n) {
  size_t i = 0;
  for (; n - i >= 8; i += 8) {
    uint64_t x = pq_rd64(p + i), marks = pq_json_stops(x);
    pq_wr64(to + i, x);
    if (marks != 0) return i + pq_json_first_mark(marks);
  }
  for (; i < n && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\'; i++)
    to[i] = p[i];
  return i;
}

/* The escape of a byte; at most six. */
static size_t put_escape(uint8_t *to, uint8_t c) {
  static const char hex[] = "0123456789abcdef", from[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
  const char *hit = c == 0 ? NULL : strchr(from, (char)c);
  to[0] = '\\';
  if (hit != NULL) {
    to[1] = (uint8_t)names[hit - from];
    return 2;
  }
  memcpy(to + 1, "u00", 3);
  to[4] = (uint8_t)hex[c >> 4];
  to[5] = (uint8_t)hex[c & 15];
  return 6;
}

/* A string between two bytes; 0 stands for none. */
static inline int put_string(printer *p, char before, pq_slice s, char after) {
  pq_buf *out = p->out;
  uint8_t *at;
  if (out->cap - out->len < s.n + STRING_SLACK) PQ_TRY(pq_buf_reserve(out, s.n + STRING_SLACK));
  at = out->p + out->len;
  if (before != 0) *at++ = (uint8_t)before;
  *at++ = '"';
  for (;;) {
    size_t n = copy_plain(at, s.p, s.n);
    at += n;
    if (n == s.n) break;
    at += put_escape(at, s.p[n]);
    s = (pq_slice){s.p + n + 1, s.n - n - 1};
    out->len = (size_t)(at - out->p);
    if (out->cap - out->len < s.n + STRING_SLACK) PQ_TRY(pq_buf_reserve(out, s.n + STRING_SLACK));
    at = out->p + out->len;
  }
  *at++ = '"';
  if (after != 0) *at++ = (uint8_t)after;
  out->len = (size_t)(at - out->p);
  return PQ_OK;
}

/* ---- numbers and dates ---- */

static size_t print_i64(int64_t v, char out[24]) {
  out[0] = '-';
  return v < 0 ? 1 + pq_u64_print(0 - (uint64_t)v, out + 1) : pq_u64_print((uint64_t)v, out);
}

static int put_i64(printer *p, int64_t v, bool is_int32) {
  char text[24];
  size_t n;
  if (p->form != PQ_JSON_CANONICAL) {
    PQ_TRY(pq_buf_reserve(p->out, sizeof text));
    p->out->len += print_i64(v, (char *)p->out->p + p->out->len);
    return PQ_OK;
  }
  n = print_i64(v, text);
  return put_quoted(p, is_int32 ? "{\"$numberInt\":\"" : "{\"$numberLong\":\"", text, n, "\"}");
}

static int put_double(printer *p, double v) {
  char text[PQ_DOUBLE_CAP];
  int n;
  bool is_special = !isfinite(v) || (v == 0 && signbit(v));
  if (p->form != PQ_JSON_CANONICAL && !is_special) {
    PQ_TRY(pq_buf_reserve(p->out, PQ_DOUBLE_CAP));
    p->out->len += (size_t)pq_double_print(v, (char *)p->out->p + p->out->len);
    return PQ_OK;
  }
  n = pq_double_print(v, text);
  return put_quoted(p, "{\"$numberDouble\":\"", text, (size_t)n, "\"}");
}

static int put_decimal(printer *p, pq_value v) {
  char text[PQ_DECIMAL_CAP];
  pq_number number;
  size_t n = pq_value_decimal_number(v, &number) ? pq_number_print(number, text) : 0;
  return put_quoted(p, "{\"$numberDecimal\":\"", text, n, "\"}");
}

/* Milliseconds as text, with the microseconds after a point when there are any. */
static size_t print_millis(int64_t ms, int us, char out[32]) {
  size_t n = 0;
  if (us == 0) return print_i64(ms, out);
  if (ms < 0) { /* parts are rounded down: -1.5 ms is -2 and 500 us */
    out[n++] = '-';
    ms = -(ms + 1);
    us = 1000 - us;
  }
  n += print_i64(ms, out + n);
  out[n++] = '.';
  for (int unit = 100; unit > 0; unit /= 10)
    out[n++] = (char)('0' + us / unit % 10);
  return n;
}

static int put_date(printer *p, pq_value v) {
  char text[PQ_TIME_CAP];
  int64_t ms, all;
  int us;
  bool is_iso;
  if (!pq_value_date_parts(v, &ms, &us)) return put(p, "null");
  is_iso = ms < year_10000_ms && ms >= (us != 0 ? year_0_ms : 0);
  if (p->form == PQ_JSON_CANONICAL && us == 0) is_iso = false;
  if (is_iso && pq_value_date_us(v, &all)) {
    pq_time_print(all, text);
    return put_quoted(p, "{\"$date\":\"", text, strlen(text), "\"}");
  }
  return put_quoted(p, "{\"$date\":{\"$numberLong\":\"", text, print_millis(ms, us, text), "\"}}");
}

static int put_binary(printer *p, pq_value v) {
  static const char hex[] = "0123456789abcdef";
  char text[36];
  pq_slice bytes;
  bool is_uuid = pq_primitive_id(v) == PQ_PRIM_UUID;
  size_t at = 0;
  if (!pq_value_binary(v, &bytes)) return put(p, "null");
  if (!is_uuid || p->form == PQ_JSON_CANONICAL) {
    PQ_TRY(put(p, "{\"$binary\":{\"base64\":\""));
    PQ_TRY(pq_buf_reserve(p->out, bytes.n / 3 * 4 + 4));
    p->out->len += pq_base64_encode(bytes, p->out->p + p->out->len);
    return put(p, is_uuid ? "\",\"subType\":\"04\"}}" : "\",\"subType\":\"00\"}}");
  }
  for (size_t i = 0; i < bytes.n; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    text[at++] = hex[bytes.p[i] >> 4];
    text[at++] = hex[bytes.p[i] & 15];
  }
  return put_quoted(p, "{\"$uuid\":\"", text, at, "\"}");
}

/* ---- containers ---- */

static int put_value(printer *p, pq_slice v);

static int break_line(printer *p) {
  PQ_TRY(pq_buf_put_byte(p->out, '\n'));
  for (uint32_t i = 0; i < p->depth; i++)
    PQ_TRY(put(p, "  "));
  return PQ_OK;
}

static inline int new_line(printer *p) {
  return p->form == PQ_JSON_PRETTY ? break_line(p) : PQ_OK;
}

static int put_array(printer *p, pq_value v) {
  pq_container c;
  if (!pq_container_open(v, &c) || c.count == 0) return put(p, "[]");
  PQ_TRY(pq_buf_put_byte(p->out, '['));
  p->depth++;
  for (uint32_t i = 0; i < c.count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(p->out, ','));
    PQ_TRY(new_line(p));
    PQ_TRY(put_value(p, pq_container_bytes(&c, i)));
  }
  p->depth--;
  PQ_TRY(new_line(p));
  return pq_buf_put_byte(p->out, ']');
}

static int put_fields(printer *p, pq_walk *w) {
  uint32_t id;
  pq_slice value;
  bool is_first = true;
  PQ_TRY(pq_buf_put_byte(p->out, '{'));
  p->depth++;
  while (pq_walk_bytes(w, &id, &value)) {
    pq_slice name = pq_names_at(&w->names, id);
    if (p->form == PQ_JSON_PRETTY) {
      if (!is_first) PQ_TRY(pq_buf_put_byte(p->out, ','));
      PQ_TRY(new_line(p));
      PQ_TRY(put_string(p, 0, name, ':'));
      PQ_TRY(pq_buf_put_byte(p->out, ' '));
    } else {
      PQ_TRY(put_string(p, is_first ? 0 : ',', name, ':'));
    }
    is_first = false;
    PQ_TRY(put_value(p, value));
  }
  p->depth--;
  if (!is_first) PQ_TRY(new_line(p));
  return pq_buf_put_byte(p->out, '}');
}

static int put_object(printer *p, pq_value v) {
  pq_walk w;
  int rc;
  pq_walk_init(&w, v);
  PQ_TRY(pq_walk_reserve(&w, p->out->cx));
  rc = put_fields(p, &w);
  pq_walk_release(&w, p->out->cx);
  return rc;
}

/* A raw object: an extended type prints on one line with its inner numbers plain; a look-alike
 * loses its $literal except in canonical text, which keeps every byte. */
static int put_raw_object(printer *p, pq_value v) {
  printer plain = {p->out, PQ_JSON_RELAXED, 0, p->meta, p->meta_len};
  pq_value inner;
  pq_type type;
  if (pq_value_count(v) != 1) return put_object(p, v);
  type = pq_value_type(v);
  if (type == PQ_TYPE_DECIMAL) return put_decimal(p, v);
  if (type == PQ_TYPE_DATE) return put_date(p, v);
  if (type != PQ_TYPE_OBJECT) return put_object(&plain, v);
  if (p->form != PQ_JSON_CANONICAL && pq_literal_open(v, &inner)) return put_object(p, inner);
  return put_object(p, v);
}

/* The rarer primitives. */
static int put_rare(printer *p, pq_value v) {
  int64_t i;
  double d;
  switch (pq_primitive_id(v)) {
    case PQ_PRIM_INT8:
    case PQ_PRIM_INT16: return pq_value_i64(v, &i) ? put_i64(p, i, true) : PQ_OK;
    case PQ_PRIM_FLOAT: return pq_value_double(v, &d) ? put_double(p, d) : PQ_OK;
    case PQ_PRIM_DECIMAL4:
    case PQ_PRIM_DECIMAL8:
    case PQ_PRIM_DECIMAL16: return put_decimal(p, v);
    case PQ_PRIM_BINARY:
    case PQ_PRIM_UUID: return put_binary(p, v);
    default: return put_date(p, v);
  }
}

static int put_primitive(printer *p, pq_slice v) {
  uint64_t bits;
  double d;
  switch (v.p[0] >> 2) {
    case PQ_PRIM_NULL: return put(p, "null");
    case PQ_PRIM_TRUE: return put(p, "true");
    case PQ_PRIM_FALSE: return put(p, "false");
    case PQ_PRIM_INT32: return put_i64(p, (int32_t)pq_rd32(v.p + 1), true);
    case PQ_PRIM_INT64:
    case PQ_PRIM_TIME: return put_i64(p, (int64_t)pq_rd64(v.p + 1), false);
    case PQ_PRIM_DOUBLE:
      bits = pq_rd64(v.p + 1);
      memcpy(&d, &bits, sizeof d);
      return put_double(p, d);
    case PQ_PRIM_STRING: return put_string(p, 0, (pq_slice){v.p + 5, v.n - 5}, 0);
    default: return put_rare(p, value_of(p, v));
  }
}

static int put_value(printer *p, pq_slice v) {
  if (v.p == NULL) return put(p, "null");
  switch (v.p[0] & 3) {
    case PQ_BASIC_SHORT: return put_string(p, 0, (pq_slice){v.p + 1, v.n - 1}, 0);
    case PQ_BASIC_ARRAY: return put_array(p, value_of(p, v));
    case PQ_BASIC_OBJECT: return put_raw_object(p, value_of(p, v));
    default: return put_primitive(p, v);
  }
}

int pq_json_print(pq_buf *out, pq_value v, pq_json_form form) {
  printer p = {out, form, 0, v.meta, v.meta_len};
  return put_value(&p, (pq_slice){v.p, v.len});
}
