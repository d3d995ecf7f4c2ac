/* parquet/page_bounds.c - see page_bounds_int.h. */
#include "parquet/page_bounds_int.h"

#include <string.h>

#include "base/text.h"

/* ---- gathering ---- */

static int put_number(pq_arena *arena, uint64_t bits, size_t len, pq_slice *out) {
  uint8_t *p = pq_arena_alloc(arena, 8);
  *out = (pq_slice){0};
  if (p == NULL) return arena->cx->code;
  pq_wr64(p, bits);
  *out = (pq_slice){p, len};
  return PQ_OK;
}

static int put_numbers(pq_arena *arena, uint64_t min, uint64_t max, size_t len, pq_bounds *out) {
  PQ_TRY(put_number(arena, min, len, &out->min));
  PQ_TRY(put_number(arena, max, len, &out->max));
  out->has = true;
  return PQ_OK;
}

static int of_i32(pq_arena *arena, const pq_dense *v, pq_bounds *out) {
  int32_t min = v->v.i32[0], max = min;
  for (uint32_t i = 1; i < v->count; i++) {
    int32_t x = v->v.i32[i];
    min = x < min ? x : min;
    max = x > max ? x : max;
  }
  return put_numbers(arena, (uint32_t)min, (uint32_t)max, 4, out);
}

static int of_i64(pq_arena *arena, const pq_dense *v, pq_bounds *out) {
  int64_t min = v->v.i64[0], max = min;
  for (uint32_t i = 1; i < v->count; i++) {
    int64_t x = v->v.i64[i];
    min = x < min ? x : min;
    max = x > max ? x : max;
  }
  return put_numbers(arena, (uint64_t)min, (uint64_t)max, 8, out);
}

static int of_u32(pq_arena *arena, const pq_dense *v, pq_bounds *out) {
  uint32_t min = UINT32_MAX, max = 0;
  for (uint32_t i = 0; i < v->count; i++) {
    uint32_t x = (uint32_t)v->v.i32[i];
    min = x < min ? x : min;
    max = x > max ? x : max;
  }
  return put_numbers(arena, min, max, 4, out);
}

static int of_u64(pq_arena *arena, const pq_dense *v, pq_bounds *out) {
  uint64_t min = UINT64_MAX, max = 0;
  for (uint32_t i = 0; i < v->count; i++) {
    uint64_t x = (uint64_t)v->v.i64[i];
    min = x < min ? x : min;
    max = x > max ? x : max;
  }
  return put_numbers(arena, min, max, 8, out);
}

static int of_bool(pq_arena *arena, const pq_dense *v, pq_bounds *out) {
  bool min = true, max = false;
  for (uint32_t i = 0; i < v->count; i++) {
    min = min && v->v.b[i] != 0;
    max = max || v->v.b[i] != 0;
  }
  return put_numbers(arena, min, max, 1, out);
}

/* FLOAT is widened: exact, and the order is the same. */
static int of_float(pq_arena *arena, const pq_dense *v, pq_bounds *out) {
  bool is_double = v->phys == PQ_PHYS_DOUBLE, has = false;
  double min = 0, max = 0;
  uint64_t min_bits = 0, max_bits = 0;
  for (uint32_t i = 0; i < v->count; i++) {
    double x = is_double ? v->v.f64[i] : (double)v->v.f32[i];
    if (x != x) { /* NaN */
      out->has_nan = true;
      continue;
    }
    if (!has || x < min) min = x;
    if (!has || x > max) max = x;
    has = true;
  }
  if (!has) return PQ_OK;
  if (min == 0) min = -0.0;
  if (max == 0) max = 0.0;
  if (is_double) {
    memcpy(&min_bits, &min, sizeof min);
    memcpy(&max_bits, &max, sizeof max);
  } else {
    float min32 = (float)min, max32 = (float)max;
    uint32_t bits;
    memcpy(&bits, &min32, sizeof bits);
    min_bits = bits;
    memcpy(&bits, &max32, sizeof bits);
    max_bits = bits;
  }
  return put_numbers(arena, min_bits, max_bits, is_double ? 8 : 4, out);
}

/* ---- order ---- */

static double number_of(pq_bounds_order order, pq_slice s) {
  double d;
  float f;
  uint64_t bits = 0;
  uint32_t bits32 = 0;
  if (order == PQ_BOUNDS_DOUBLE) {
    bits = pq_rd64(s.p);
    memcpy(&d, &bits, sizeof d);
    return d;
  }
  bits32 = pq_rd32(s.p);
  memcpy(&f, &bits32, sizeof f);
  return (double)f;
}

/* IEEE 754 binary16, little-endian, as a number with the same order; both zeros are 0. */
static int32_t half_of(pq_slice s) {
  uint32_t bits = pq_rd16(s.p), magnitude = bits & 0x7fff;
  return bits >> 15 != 0 ? -(int32_t)magnitude : (int32_t)magnitude;
}

static bool is_half_nan(pq_slice s) {
  return (pq_rd16(s.p) & 0x7fff) > 0x7c00;
}

static int sign(bool is_less, bool is_more) {
  return is_less ? -1 : is_more;
}

/* Two's complement, big-endian, of any two lengths; no bytes are 0. */
static int decimal_cmp(pq_slice a, pq_slice b) {
  uint8_t fill_a = a.n > 0 && a.p[0] >= 0x80 ? 0xff : 0,
          fill_b = b.n > 0 && b.p[0] >= 0x80 ? 0xff : 0;
  size_t n = a.n > b.n ? a.n : b.n;
  if (fill_a != fill_b) return fill_a != 0 ? -1 : 1;
  for (size_t i = n; i > 0; i--) {
    uint8_t x = i > a.n ? fill_a : a.p[a.n - i], y = i > b.n ? fill_b : b.p[b.n - i];
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

int pq_bounds_cmp(pq_bounds_order order, pq_slice a, pq_slice b) {
  switch (order) {
    case PQ_BOUNDS_BOOL: return sign(a.p[0]<b.p[0], a.p[0]> b.p[0]);
    case PQ_BOUNDS_INT32: {
      int32_t x = (int32_t)pq_rd32(a.p), y = (int32_t)pq_rd32(b.p);
      return sign(x<y, x> y);
    }
    case PQ_BOUNDS_INT64: {
      int64_t x = (int64_t)pq_rd64(a.p), y = (int64_t)pq_rd64(b.p);
      return sign(x<y, x> y);
    }
    case PQ_BOUNDS_UINT32: return sign(pq_rd32(a.p) < pq_rd32(b.p), pq_rd32(a.p) > pq_rd32(b.p));
    case PQ_BOUNDS_UINT64: return sign(pq_rd64(a.p) < pq_rd64(b.p), pq_rd64(a.p) > pq_rd64(b.p));
    case PQ_BOUNDS_FLOAT:
    case PQ_BOUNDS_DOUBLE: {
      double x = number_of(order, a), y = number_of(order, b);
      return sign(x<y, x> y);
    }
    case PQ_BOUNDS_FLOAT16: return sign(half_of(a) < half_of(b), half_of(a) > half_of(b));
    case PQ_BOUNDS_DECIMAL: return decimal_cmp(a, b);
    case PQ_BOUNDS_NONE:
    case PQ_BOUNDS_BYTES:
    case PQ_BOUNDS_FIXED: break;
  }
  return pq_slice_cmp(a, b);
}

void pq_bounds_merge(pq_bounds_order order, pq_bounds *all, const pq_bounds *b) {
  bool has_nan = all->has_nan || b->has_nan;
  if (!all->has) *all = *b;
  all->has_nan = has_nan;
  if (!b->has) return;
  if (pq_bounds_cmp(order, b->min, all->min) < 0) all->min = b->min;
  if (pq_bounds_cmp(order, b->max, all->max) > 0) all->max = b->max;
}

/* ---- byte arrays ---- */

static void add_slice(pq_bounds_order order, pq_slice s, pq_bounds *b) {
  if (order == PQ_BOUNDS_FLOAT16 && is_half_nan(s)) {
    b->has_nan = true;
    return;
  }
  if (!b->has) {
    b->min = b->max = s;
    b->has = true;
    return;
  }
  if (pq_bounds_cmp(order, s, b->max) > 0)
    b->max = s;
  else if (pq_bounds_cmp(order, s, b->min) < 0)
    b->min = s;
}

static void fix_half_zeros(pq_bounds *b) {
  static const uint8_t minus[2] = {0, 0x80}, plus[2] = {0, 0};
  if (b->has && half_of(b->min) == 0) b->min.p = minus;
  if (b->has && half_of(b->max) == 0) b->max.p = plus;
}

pq_bounds pq_bounds_of_entries(pq_bounds_order order, const pq_dense *v, const uint32_t *entries,
                               uint32_t count) {
  pq_bounds b = {0};
  for (uint32_t i = 0; i < count; i++)
    add_slice(order, v->v.bytes[entries[i]], &b);
  if (order == PQ_BOUNDS_FLOAT16) fix_half_zeros(&b);
  return b;
}

static uint64_t big_endian(const uint8_t *p) {
  uint64_t v = 0;
  for (int i = 0; i < 8; i++)
    v = v << 8 | p[i];
  return v;
}

/* The first 8 bytes as a number with their order; shorter values are filled up with zeros. */
static uint64_t first_bytes(pq_slice s) {
  uint64_t v = 0;
  for (size_t i = 0; i < 8; i++)
    v = v << 8 | (i < s.n ? s.p[i] : 0u);
  return v;
}

/* As of_slices. Most values lie between the bounds by their first bytes. */
static void of_bytes(pq_bounds_order order, const pq_dense *v, pq_bounds *out) {
  uint64_t min = UINT64_MAX, max = 0;
  for (uint32_t i = 0; i < v->count; i++) {
    pq_slice s = v->v.bytes[i];
    uint64_t x = s.n >= 8 ? big_endian(s.p) : first_bytes(s);
    if (x > min && x < max) continue;
    add_slice(order, s, out);
    min = x < min ? x : min;
    max = x > max ? x : max;
  }
}

static void of_slices(pq_bounds_order order, const pq_dense *v, pq_bounds *out) {
  for (uint32_t i = 0; i < v->count; i++)
    add_slice(order, v->v.bytes[i], out);
  if (order == PQ_BOUNDS_FLOAT16) fix_half_zeros(out);
}

int pq_bounds_of(pq_arena *arena, pq_bounds_order order, const pq_dense *v, pq_bounds *out) {
  *out = (pq_bounds){0};
  if (v->count == 0) return PQ_OK;
  switch (order) {
    case PQ_BOUNDS_NONE: return PQ_OK;
    case PQ_BOUNDS_BOOL: return of_bool(arena, v, out);
    case PQ_BOUNDS_INT32: return of_i32(arena, v, out);
    case PQ_BOUNDS_INT64: return of_i64(arena, v, out);
    case PQ_BOUNDS_UINT32: return of_u32(arena, v, out);
    case PQ_BOUNDS_UINT64: return of_u64(arena, v, out);
    case PQ_BOUNDS_FLOAT:
    case PQ_BOUNDS_DOUBLE: return of_float(arena, v, out);
    case PQ_BOUNDS_BYTES:
    case PQ_BOUNDS_FIXED: of_bytes(order, v, out); return PQ_OK;
    case PQ_BOUNDS_DECIMAL:
    case PQ_BOUNDS_FLOAT16: break;
  }
  of_slices(order, v, out);
  return PQ_OK;
}

/* ---- the stored form ---- */

/* Add one to the last byte that allows it; bytes behind it go. 0 when all are 0xff. */
static size_t increment_bytes(uint8_t *p, size_t n) {
  while (n > 0 && p[n - 1] == 0xff)
    n--;
  if (n > 0) p[n - 1]++;
  return n;
}

static uint32_t code_point(const uint8_t *p, size_t n) {
  uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
  for (size_t i = 1; i < n; i++)
    c = c << 6 | (p[i] & 0x3fu);
  return c;
}

static size_t put_code_point(uint8_t *p, uint32_t c) {
  size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  if (n == 1) {
    p[0] = (uint8_t)c;
    return 1;
  }
  for (size_t i = n - 1; i > 0; i--, c >>= 6)
    p[i] = (uint8_t)(0x80 | (c & 0x3f));
  p[0] = (uint8_t)((0xf00u >> n) | c);
  return n;
}

/* The same by characters, so that the bound is text again. `p` is well-formed UTF-8 with room for
 * one byte more, since the next character may be longer. */
static size_t increment_text(uint8_t *p, size_t n) {
  while (n > 0) {
    size_t end = n, more;
    uint32_t c;
    do
      n--;
    while (n > 0 && (p[n] & 0xc0) == 0x80);
    c = code_point(p + n, end - n) + 1;
    if (c > 0x10ffff) continue;
    if (c == 0xd800) c = 0xe000; /* surrogates are no characters */
    more = put_code_point(p + n, c);
    if (n + more <= PQ_BOUND_LEN_MAX) return n + more;
  }
  return 0;
}

int pq_bounds_store(pq_arena *arena, pq_bounds_order order, bool is_text, pq_bounds *b, bool *ok) {
  uint8_t *p;
  size_t n;
  *ok = true;
  if (order != PQ_BOUNDS_BYTES || !b->has) return PQ_OK;
  if (b->min.n > PQ_BOUND_LEN_MAX)
    b->min.n = is_text ? pq_utf8_prefix(b->min, PQ_BOUND_LEN_MAX) : PQ_BOUND_LEN_MAX;
  if (b->max.n <= PQ_BOUND_LEN_MAX) return PQ_OK;
  p = pq_arena_alloc(arena, PQ_BOUND_LEN_MAX + 1);
  if (p == NULL) return arena->cx->code;
  n = is_text ? pq_utf8_prefix(b->max, PQ_BOUND_LEN_MAX) : PQ_BOUND_LEN_MAX;
  is_text = is_text && pq_utf8_is_valid((pq_slice){b->max.p, n});
  memcpy(p, b->max.p, n);
  n = is_text ? increment_text(p, n) : increment_bytes(p, n);
  b->max = (pq_slice){p, n};
  if (n > 0) return PQ_OK;
  *ok = false;
  *b = (pq_bounds){0};
  return PQ_OK;
}
