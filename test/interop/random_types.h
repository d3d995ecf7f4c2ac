/* test/interop/random_types.h - every type that a Parquet leaf can have, and values for it.
 *
 *   kind ── the annotated type (table below)
 *   key  ── 64 random bits: they alone decide the value, so equal keys repeat a value
 *   value = pq_column slot + the canonical text of test/interop/canonical.py
 *
 * One in four values is an extreme of its type. Dates and times stay where all peers can follow
 * (years 1 to 9999, for nanoseconds 1678 to 2261).
 */
#ifndef PQ_TEST_RANDOM_TYPES_H
#define PQ_TEST_RANDOM_TYPES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "parquet/format.h"

typedef struct kind {
  const char *name;
  pq_phys phys;
  uint32_t type_len;
  pq_note note;
} kind;

#define INTEGER_NOTE(bit_count, no_sign) \
  { .kind = PQ_NOTE_INTEGER, .bits = (bit_count), .is_unsigned = (no_sign) }
#define TIME_NOTE(digit_count, utc) \
  { .kind = PQ_NOTE_TIME, .digits = (digit_count), .is_utc = (utc) }
#define STAMP_NOTE(digit_count, utc) \
  { .kind = PQ_NOTE_TIMESTAMP, .digits = (digit_count), .is_utc = (utc) }
#define DECIMAL_NOTE(digit_count, behind) \
  { .kind = PQ_NOTE_DECIMAL, .precision = (digit_count), .scale = (behind) }

enum { MEMBER_ENUM = 4, MEMBER_UNKNOWN = 11, MEMBER_BSON = 13, INT96_LEN = 12 };

static const kind kinds[] = {
    {"bool", PQ_PHYS_BOOL, 0, {0}},
    {"int32", PQ_PHYS_INT32, 0, {0}},
    {"int64", PQ_PHYS_INT64, 0, {0}},
    {"float", PQ_PHYS_FLOAT, 0, {0}},
    {"double", PQ_PHYS_DOUBLE, 0, {0}},
    {"bytes", PQ_PHYS_BYTES, 0, {0}},
    {"fixed1", PQ_PHYS_FIXED, 1, {0}},
    {"fixed7", PQ_PHYS_FIXED, 7, {0}},
    {"fixed16", PQ_PHYS_FIXED, 16, {0}},
    {"string", PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_TEXT}},
    {"enum", PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_TEXT, .id = MEMBER_ENUM}},
    {"json", PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_JSON}},
    {"bson", PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_BYTES, .id = MEMBER_BSON}},
    {"uuid", PQ_PHYS_FIXED, 16, {.kind = PQ_NOTE_UUID}},
    {"date", PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_DATE}},
    {"time_ms", PQ_PHYS_INT32, 0, TIME_NOTE(3, true)},
    {"time_us", PQ_PHYS_INT64, 0, TIME_NOTE(6, true)},
    {"time_ns", PQ_PHYS_INT64, 0, TIME_NOTE(9, true)},
    {"time_us_local", PQ_PHYS_INT64, 0, TIME_NOTE(6, false)},
    {"stamp_ms", PQ_PHYS_INT64, 0, STAMP_NOTE(3, true)},
    {"stamp_us", PQ_PHYS_INT64, 0, STAMP_NOTE(6, true)},
    {"stamp_ns", PQ_PHYS_INT64, 0, STAMP_NOTE(9, true)},
    {"stamp_ms_local", PQ_PHYS_INT64, 0, STAMP_NOTE(3, false)},
    {"stamp_us_local", PQ_PHYS_INT64, 0, STAMP_NOTE(6, false)},
    {"stamp_ns_local", PQ_PHYS_INT64, 0, STAMP_NOTE(9, false)},
    {"int8", PQ_PHYS_INT32, 0, INTEGER_NOTE(8, false)},
    {"int16", PQ_PHYS_INT32, 0, INTEGER_NOTE(16, false)},
    {"int32_", PQ_PHYS_INT32, 0, INTEGER_NOTE(32, false)},
    {"int64_", PQ_PHYS_INT64, 0, INTEGER_NOTE(64, false)},
    {"uint8", PQ_PHYS_INT32, 0, INTEGER_NOTE(8, true)},
    {"uint16", PQ_PHYS_INT32, 0, INTEGER_NOTE(16, true)},
    {"uint32", PQ_PHYS_INT32, 0, INTEGER_NOTE(32, true)},
    {"uint64", PQ_PHYS_INT64, 0, INTEGER_NOTE(64, true)},
    {"decimal9", PQ_PHYS_INT32, 0, DECIMAL_NOTE(9, 2)},
    {"decimal18", PQ_PHYS_INT64, 0, DECIMAL_NOTE(18, 5)},
    {"decimal4_fixed", PQ_PHYS_FIXED, 2, DECIMAL_NOTE(4, 4)},
    {"decimal20_fixed", PQ_PHYS_FIXED, 9, DECIMAL_NOTE(20, 0)},
    {"decimal38_fixed", PQ_PHYS_FIXED, 16, DECIMAL_NOTE(38, 10)},
    {"decimal30_bytes", PQ_PHYS_BYTES, 0, DECIMAL_NOTE(30, 7)},
    {"float16", PQ_PHYS_FIXED, 2, {.kind = PQ_NOTE_FLOAT16}},
    {"interval", PQ_PHYS_FIXED, 12, {.kind = PQ_NOTE_INTERVAL}},
    {"int96", PQ_PHYS_INT96, 0, {0}},
    {"nothing", PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_OTHER, .id = MEMBER_UNKNOWN}},
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

/* ---- randomness: the same everywhere ---- */

typedef struct random_bits {
  uint64_t state;
} random_bits;

static inline uint64_t random_mix(uint64_t v) {
  v += 0x9e3779b97f4a7c15u;
  v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
  v = (v ^ v >> 27) * 0x94d049bb133111ebu;
  return v ^ v >> 31;
}

static inline uint64_t random_next(random_bits *r) {
  r->state += 0x9e3779b97f4a7c15u;
  return random_mix(r->state);
}

static inline uint32_t random_below(random_bits *r, uint32_t n) {
  return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

/* True once in `n`. */
static inline bool random_once(random_bits *r, uint32_t n) {
  return random_below(r, n) == 0;
}

/* ---- one value ---- */

enum { TEXT_CAP = 32 << 10 };

typedef struct value {
  union {
    uint8_t b;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    pq_slice bytes;
  } slot;
  char text[TEXT_CAP]; /* canonical, as JSON: with its quotes */
} value;

/* Where a value comes from: its key, and its place when values ascend. */
typedef struct source {
  pq_arena *arena; /* borrowed: holds byte arrays */
  uint64_t key;
  bool is_rising;
  uint64_t place;
} source;

static inline uint8_t *new_bytes(pq_arena *a, size_t n) {
  uint8_t *p = pq_arena_calloc(a, n + 1, 1);
  if (p == NULL) abort();
  return p;
}

static inline void set_text(value *out, const char *prefix, const char *text) {
  (void)snprintf(out->text, sizeof out->text, "\"%s:%s\"", prefix, text);
}

static inline void set_int_text(value *out, const char *prefix, int64_t v) {
  (void)snprintf(out->text, sizeof out->text, "\"%s:%lld\"", prefix, (long long)v);
}

static inline void set_hex_text(value *out, pq_slice bytes) {
  size_t at = (size_t)snprintf(out->text, sizeof out->text, "\"x:");
  for (size_t i = 0; i < bytes.n && at + 4 < sizeof out->text; i++)
    at += (size_t)snprintf(out->text + at, sizeof out->text - at, "%02x", bytes.p[i]);
  (void)snprintf(out->text + at, sizeof out->text - at, "\"");
}

/* JSON string content. UTF-8 passes as it is. */
static inline size_t put_escaped(char *to, size_t cap, pq_slice s) {
  size_t at = 0;
  for (size_t i = 0; i < s.n && at + 8 < cap; i++) {
    uint8_t c = s.p[i];
    if (c == '"' || c == '\\' || c < 0x20)
      at += (size_t)snprintf(to + at, cap - at, "\\u%04x", c);
    else
      to[at++] = (char)c;
  }
  to[at] = 0;
  return at;
}

static inline void set_string_text(value *out, pq_slice s) {
  size_t at = (size_t)snprintf(out->text, sizeof out->text, "\"s:");
  at += put_escaped(out->text + at, sizeof out->text - at - 2, s);
  (void)snprintf(out->text + at, sizeof out->text - at, "\"");
}

static inline void set_double_text(value *out, double v) {
  char text[40];
  if (isnan(v))
    (void)snprintf(text, sizeof text, "nan");
  else if (isinf(v))
    (void)snprintf(text, sizeof text, v < 0 ? "-inf" : "inf");
  else
    (void)snprintf(text, sizeof text, v == 0 && signbit(v) ? "-0" : "%.17g", v);
  set_text(out, "f", text);
}

/* ---- numbers ---- */

/* A number in [lo, hi], now and then one of the ends, 0 or next to it. */
static inline int64_t number_in(const source *s, int64_t lo, int64_t hi) {
  uint64_t span = (uint64_t)hi - (uint64_t)lo;
  if (s->is_rising) return (int64_t)((uint64_t)lo + (s->place * 37 + s->key % 30) % (span | 1));
  if (s->key >> 62 == 0) {
    const int64_t ends[] = {lo, hi, lo < 0 ? 0 : lo, lo < 0 ? -1 : hi, hi - 1, lo + 1};
    return ends[s->key % 6];
  }
  if (s->key >> 62 == 1) /* small numbers */
    return lo < 0 ? (int64_t)(s->key % 201) - 100 < lo ? lo : (int64_t)(s->key % 201) - 100
                  : lo + (int64_t)(s->key % ((span < 100 ? span : 100) + 1));
  return span == UINT64_MAX ? (int64_t)s->key : (int64_t)((uint64_t)lo + s->key % (span + 1));
}

static inline double double_of(const source *s, bool is_float) {
  static const double rare[] = {0.0,  -0.0,     1.0,      -1.0,      0.1,
                                1e30, -1.5e-30, INFINITY, -INFINITY, 16777216.0};
  uint64_t bits = s->key;
  double v;
  float f;
  uint32_t low = (uint32_t)bits;
  if (s->is_rising) return (double)s->place / 8 - 3;
  if (s->key >> 62 == 0) return s->key % 11 == 10 ? (double)NAN : rare[s->key % 11];
  if (s->key >> 62 == 1) return (double)(int64_t)(s->key % 20001) / 100 - 100;
  memcpy(&v, &bits, sizeof v);
  memcpy(&f, &low, sizeof f);
  return is_float ? (double)f : v;
}

/* Value of a half: parquet-format, LogicalTypes.md, FLOAT16. */
static inline double half_value(unsigned bits) {
  int exponent = (int)(bits >> 10 & 31);
  double fraction = (double)(bits & 1023), v;
  if (exponent == 31)
    v = fraction != 0 ? (double)NAN : (double)INFINITY;
  else
    v = exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 != 0 ? -v : v;
}

/* ---- byte arrays ---- */

static inline pq_slice random_text(const source *s) {
  static const char *const pieces[] = {"a",     "b",  "Zoë", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                       "\"",    "\\", "\n",  "x1",           " ",
                                       "item/", "0",  "zz",  "\x01"};
  random_bits r = {s->key};
  uint32_t count = random_below(&r, 12), len = 0;
  uint8_t *p;
  if (random_once(&r, 30)) count = random_below(&r, 400);
  if (random_once(&r, 600)) count = random_below(&r, 4000);
  p = new_bytes(s->arena, 24 + count * 5);
  if (s->is_rising)
    len = (uint32_t)snprintf((char *)p, 24, "k%09llu", (long long unsigned)s->place);
  for (uint32_t i = 0; i < count; i++) {
    const char *piece = pieces[random_below(&r, sizeof pieces / sizeof *pieces)];
    memcpy(p + len, piece, strlen(piece));
    len += (uint32_t)strlen(piece);
  }
  return (pq_slice){p, len};
}

static inline pq_slice random_blob(const source *s, size_t fixed_len) {
  random_bits r = {s->key};
  size_t len = fixed_len > 0 ? fixed_len : random_below(&r, random_once(&r, 30) ? 500 : 20);
  uint8_t *p = new_bytes(s->arena, len);
  for (size_t i = 0; i < len; i++)
    p[i] = (uint8_t)(s->key >> 62 == 0 ? 0xff * (s->key & 1) : random_next(&r) & 0xff);
  if (s->is_rising && len > 0) p[0] = (uint8_t)s->place;
  return (pq_slice){p, len};
}

static inline pq_slice random_json(const source *s) {
  random_bits r = {s->key};
  char *p =
      pq_arena_printf(s->arena, "{\"n\": %d, \"list\": [%u, null, \"t%u\"]}",
                      (int)random_below(&r, 99) - 50, random_below(&r, 9), random_below(&r, 9));
  if (p == NULL) abort();
  return pq_str(p);
}

/* ---- decimals: digits, then big-endian two's complement ---- */

static inline void decimal_bytes(const char *digits, bool is_negative, uint8_t out[16]) {
  memset(out, 0, 16);
  for (; *digits != 0; digits++) {
    unsigned carry = (unsigned)(*digits - '0');
    for (int i = 15; i >= 0; i--) {
      carry += out[i] * 10u;
      out[i] = (uint8_t)carry;
      carry >>= 8;
    }
  }
  if (!is_negative) return;
  for (int i = 15, carry = 1; i >= 0; i--) {
    carry += 255 - out[i];
    out[i] = (uint8_t)carry;
    carry >>= 8;
  }
}

static inline void decimal_digits(const source *s, int precision, char *digits) {
  random_bits r = {s->key};
  int count = 1 + (int)random_below(&r, (uint32_t)precision);
  if (s->is_rising) {
    (void)snprintf(digits, 40, "%llu",
                   (long long unsigned)(s->place % (precision < 6 ? 1000 : 100000)));
    return;
  }
  for (int i = 0; i < count; i++)
    digits[i] = (char)('0' + (s->key >> 62 == 0 ? 9 : random_below(&r, 10)));
  digits[count] = 0;
}

/* Decimals of byte arrays are as short as they can be, or a byte longer. */
static inline size_t decimal_len(const uint8_t bytes[16], bool is_longer) {
  size_t len = 16;
  while (len > 1 && bytes[16 - len] == (bytes[17 - len] >> 7 != 0 ? 0xff : 0))
    len--;
  return len < 16 && is_longer ? len + 1 : len;
}

static inline void set_decimal_text(value *out, const char *digits, int scale, bool is_negative) {
  static const char zeros[] = "00000000000000000000000000000000000000000000";
  int missing = scale + 1 - (int)strlen(digits), before;
  char padded[96], text[100];
  (void)snprintf(padded, sizeof padded, "%.*s%s", missing > 0 ? missing : 0, zeros, digits);
  before = (int)strlen(padded) - scale;
  (void)snprintf(text, sizeof text, "%s%.*s%s%s", is_negative ? "-" : "", before, padded,
                 scale > 0 ? "." : "", padded + before);
  set_text(out, "d", text);
}

static inline void make_decimal(const kind *k, const source *s, value *out) {
  char digits[48];
  uint8_t be[16];
  bool is_negative = !s->is_rising && (s->key >> 40 & 1) != 0;
  size_t len = k->type_len;
  uint64_t low = 0;
  decimal_digits(s, k->note.precision, digits);
  decimal_bytes(digits, is_negative, be);
  set_decimal_text(out, digits, k->note.scale, is_negative);
  for (int i = 8; i < 16; i++)
    low = low << 8 | be[i];
  if (k->phys == PQ_PHYS_INT32) {
    out->slot.i32 = (int32_t)(uint32_t)low;
  } else if (k->phys == PQ_PHYS_INT64) {
    out->slot.i64 = (int64_t)low;
  } else {
    uint8_t *p = new_bytes(s->arena, 16);
    if (k->phys == PQ_PHYS_BYTES) len = decimal_len(be, s->key % 5 == 0);
    memcpy(p, be + 16 - len, len);
    out->slot.bytes = (pq_slice){p, len};
  }
}

/* ---- times ---- */

static inline int64_t unit_of(unsigned digits) {
  return digits == 3 ? 1000 : digits == 6 ? 1000000 : 1000000000;
}

static inline void make_time(const kind *k, const source *s, value *out) {
  int64_t unit = unit_of(k->note.digits), v = number_in(s, 0, 86400 * unit - 1);
  if (k->phys == PQ_PHYS_INT32)
    out->slot.i32 = (int32_t)v;
  else
    out->slot.i64 = v;
  set_int_text(out, "T", v * (1000000000 / unit));
}

/* Canonical is nanoseconds, beyond 64 bits for old dates: printed with zeros behind. */
static inline void make_stamp(const kind *k, const source *s, value *out) {
  int64_t unit = unit_of(k->note.digits);
  int64_t lo = k->note.digits == 9 ? -9214560000 : -62135596800;
  int64_t hi = k->note.digits == 9 ? 9214560000 : 253402300799;
  int64_t v = number_in(s, lo * unit, hi * unit);
  out->slot.i64 = v;
  (void)snprintf(out->text, sizeof out->text, "\"TS:%lld%s\"", (long long)v,
                 v == 0 || unit == 1000000000 ? ""
                 : unit == 1000               ? "000000"
                                              : "000");
}

static inline void make_interval(const source *s, value *out) {
  uint8_t *p = new_bytes(s->arena, INT96_LEN);
  uint32_t months = (uint32_t)s->key % 1200, days = (uint32_t)(s->key >> 20) % 40000;
  uint32_t ms = (uint32_t)(s->key >> 30) & 0x7fffffff;
  pq_wr32(p, months);
  pq_wr32(p + 4, days);
  pq_wr32(p + 8, ms);
  out->slot.bytes = (pq_slice){p, INT96_LEN};
  (void)snprintf(out->text, sizeof out->text, "\"iv:%u,%u,%llu\"", months, days,
                 (long long unsigned)ms * 1000);
}

/* Nanoseconds of the day, then the Julian day. */
static inline void make_int96(const source *s, value *out) {
  enum { EPOCH_DAY = 2440588 };
  uint8_t *p = new_bytes(s->arena, INT96_LEN);
  int64_t day = (int64_t)(s->key % 200000) - 100000;
  int64_t ns = (int64_t)((s->key >> 8) % 86400000000000u);
  pq_wr64(p, (uint64_t)ns);
  pq_wr32(p + 8, (uint32_t)(day + EPOCH_DAY));
  out->slot.bytes = (pq_slice){p, INT96_LEN};
  set_int_text(out, "TS", day * 86400000000000 + ns);
}

/* ---- by kind ---- */

static inline void make_integer(const kind *k, const source *s, value *out) {
  unsigned bits = k->note.bits != 0 ? k->note.bits : k->phys == PQ_PHYS_INT32 ? 32 : 64;
  int64_t hi = bits == 64 ? INT64_MAX : (int64_t)((uint64_t)1 << (bits - 1)) - 1, lo = -hi - 1, v;
  if (k->note.is_unsigned && bits < 64) {
    hi = (int64_t)((uint64_t)1 << bits) - 1;
    lo = 0;
  }
  v = number_in(s, lo, hi);
  if (k->phys == PQ_PHYS_INT32)
    out->slot.i32 = (int32_t)(uint32_t)(uint64_t)v;
  else
    out->slot.i64 = v;
  if (k->note.is_unsigned)
    (void)snprintf(out->text, sizeof out->text, "\"i:%llu\"", (long long unsigned)v);
  else
    set_int_text(out, "i", v);
}

static inline void make_bytes(const kind *k, const source *s, value *out) {
  if (k->note.kind == PQ_NOTE_TEXT || k->note.kind == PQ_NOTE_JSON) {
    out->slot.bytes = k->note.kind == PQ_NOTE_JSON ? random_json(s) : random_text(s);
    set_string_text(out, out->slot.bytes);
    return;
  }
  out->slot.bytes = random_blob(s, k->type_len);
  set_hex_text(out, out->slot.bytes);
}

static inline void make_uuid(const source *s, value *out) {
  pq_slice b = random_blob(s, 16);
  size_t at = (size_t)snprintf(out->text, sizeof out->text, "\"u:");
  for (size_t i = 0; i < b.n; i++)
    at += (size_t)snprintf(out->text + at, 8, "%s%02x",
                           i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b.p[i]);
  (void)snprintf(out->text + at, 8, "\"");
  out->slot.bytes = b;
}

static inline void make_plain(const kind *k, const source *s, value *out) {
  switch (k->phys) {
    case PQ_PHYS_BOOL:
      out->slot.b = s->key >> 7 & 1;
      (void)snprintf(out->text, sizeof out->text, out->slot.b != 0 ? "true" : "false");
      return;
    case PQ_PHYS_FLOAT:
      out->slot.f32 = (float)double_of(s, true);
      set_double_text(out, (double)out->slot.f32);
      return;
    case PQ_PHYS_DOUBLE:
      out->slot.f64 = double_of(s, false);
      set_double_text(out, out->slot.f64);
      return;
    case PQ_PHYS_INT96: make_int96(s, out); return;
    case PQ_PHYS_INT32:
    case PQ_PHYS_INT64: make_integer(k, s, out); return;
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: make_bytes(k, s, out); return;
  }
}

static inline void make_value(const kind *k, const source *s, value *out) {
  switch (k->note.kind) {
    case PQ_NOTE_DECIMAL: make_decimal(k, s, out); return;
    case PQ_NOTE_TIME: make_time(k, s, out); return;
    case PQ_NOTE_TIMESTAMP: make_stamp(k, s, out); return;
    case PQ_NOTE_INTERVAL: make_interval(s, out); return;
    case PQ_NOTE_UUID: make_uuid(s, out); return;
    case PQ_NOTE_DATE:
      out->slot.i32 = (int32_t)number_in(s, -719162, 2932896);
      set_int_text(out, "D", out->slot.i32);
      return;
    case PQ_NOTE_FLOAT16:
      out->slot.bytes = random_blob(s, 2);
      set_double_text(out, half_value(out->slot.bytes.p[0] | (unsigned)out->slot.bytes.p[1] << 8));
      return;
    default: make_plain(k, s, out); return;
  }
}

#endif
