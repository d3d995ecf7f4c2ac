/* expr/total.c - see total.h. Compensated summation: Knuth's two-sum gives the rounding error of
 * each addition exactly; the errors are summed apart.
 */
#include "expr/total.h"

#include <math.h>

static void add_real(pq_total *t, double x) {
  double sum = t->high + x, part = sum - t->high;
  t->low += (t->high - (sum - part)) + (x - part);
  t->high = sum;
  t->plain += x;
}

static void add_halves(pq_total *t, int64_t v) {
  uint32_t lower = (uint32_t)((uint64_t)v & UINT32_MAX);
  add_real(t, (double)(v - (int64_t)lower));
  add_real(t, (double)lower);
}

static void add_integer(pq_total *t, int64_t v, bool is_subtracted) {
  int64_t sum;
  bool fits = is_subtracted ? !((v < 0 && t->integer > INT64_MAX + v) ||
                                (v > 0 && t->integer < INT64_MIN + v))
                            : pq_add_i64(t->integer, v, &sum);
  if (fits) {
    t->integer = is_subtracted ? t->integer - v : t->integer + v;
    return;
  }
  add_halves(t, t->integer);
  t->is_wide = true;
  t->integer = 0;
  add_integer(t, v, is_subtracted && v != INT64_MIN);
  if (is_subtracted && v == INT64_MIN) { /* -v is 2^63, which was added as -2^63 */
    add_real(t, 0x1p63);
    add_real(t, 0x1p63);
  }
}

static void add_double(pq_total *t, double v, bool is_subtracted) {
  uint64_t step = is_subtracted ? UINT64_MAX : 1; /* modulo 2^64: one less */
  t->doubles += step;
  if (isnan(v)) {
    t->nans += step;
  } else if (isinf(v)) {
    *(v > 0 ? &t->rises : &t->falls) += step;
  } else {
    add_real(t, is_subtracted ? -v : v);
  }
}

static bool change(pq_total *t, pq_value v, bool is_subtracted) {
  uint64_t step = is_subtracted ? UINT64_MAX : 1;
  int64_t integer;
  double real;
  pq_number decimal;
  switch (pq_value_type(v)) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64:
      if (!pq_value_i64(v, &integer)) return true;
      *(pq_value_type(v) == PQ_TYPE_INT32 ? &t->ints : &t->longs) += step;
      add_integer(t, integer, is_subtracted);
      return true;
    case PQ_TYPE_DOUBLE:
      if (pq_value_double(v, &real)) add_double(t, real, is_subtracted);
      return true;
    case PQ_TYPE_DECIMAL:
      if (!pq_value_decimal_number(v, &decimal)) return true;
      if (is_subtracted) return false;
      t->decimal = t->decimals == 0 ? decimal : pq_number_add(t->decimal, decimal);
      t->decimals++;
      return true;
    default: return true;
  }
}

void pq_total_add(pq_total *t, pq_value v) {
  (void)change(t, v, false);
}

bool pq_total_subtract(pq_total *t, pq_value v) {
  return change(t, v, true);
}

void pq_total_add_integer(pq_total *t, int64_t v, bool is_long) {
  ++*(is_long ? &t->longs : &t->ints);
  add_integer(t, v, false);
}

void pq_total_add_double(pq_total *t, double v) {
  add_double(t, v, false);
}

void pq_total_merge(pq_total *t, const pq_total *from) {
  double plain = t->plain + from->plain;
  t->ints += from->ints;
  t->longs += from->longs;
  t->doubles += from->doubles;
  t->nans += from->nans;
  t->rises += from->rises;
  t->falls += from->falls;
  add_integer(t, from->integer, false);
  add_real(t, from->high);
  t->low += from->low;
  t->plain = plain;
  t->is_wide |= from->is_wide;
  if (from->decimals == 0) return;
  t->decimal = t->decimals == 0 ? from->decimal : pq_number_add(t->decimal, from->decimal);
  t->decimals += from->decimals;
}

uint64_t pq_total_count(const pq_total *t) {
  return t->ints + t->longs + t->doubles + t->decimals;
}

/* Everything but the decimals. */
static double real_part(const pq_total *t, double *low) {
  pq_total sum = *t;
  *low = 0;
  if (t->nans > 0 || (t->rises > 0 && t->falls > 0)) return NAN;
  if (t->rises > 0) return INFINITY;
  if (t->falls > 0) return -INFINITY;
  add_halves(&sum, sum.integer);
  if (!isfinite(sum.high) || !isfinite(sum.low)) return sum.plain;
  *low = sum.low;
  return sum.high;
}

static pq_number decimal_part(const pq_total *t) {
  double low, high;
  pq_number sum = t->decimal;
  if (t->doubles == 0 && !t->is_wide)
    return t->ints + t->longs == 0 ? sum : pq_number_add(sum, pq_number_of_i64(t->integer));
  high = real_part(t, &low);
  sum = pq_number_add(sum, pq_number_of_double(high, PQ_DECIMAL128_DIGITS));
  return low == 0 ? sum : pq_number_add(sum, pq_number_of_double(low, PQ_DECIMAL128_DIGITS));
}

double pq_total_real(const pq_total *t) {
  double low, high;
  if (t->decimals > 0) return pq_number_double(decimal_part(t));
  high = real_part(t, &low);
  return high + low;
}

/* A sum of integers that overflowed on the way may fit in the end. */
static bool wide_integer(const pq_total *t, int64_t *out) {
  double low, high = real_part(t, &low);
  *out = 0;
  if (!(fabs(high) <= 0x1p63) || !(fabs(low) < 0x1p62)) return false;
  if (high == 0x1p63) return pq_add_i64(INT64_MAX, (int64_t)low + 1, out) && low < 0;
  return pq_add_i64((int64_t)high, (int64_t)low, out);
}

int pq_total_sum(const pq_total *t, pq_eval *s, pq_value *out) {
  int64_t integer = t->integer;
  if (t->decimals > 0) return pq_make_number(s, decimal_part(t), out);
  if (t->doubles > 0) return pq_make_double(s, pq_total_real(t), out);
  if (t->is_wide && !wide_integer(t, &integer)) return pq_make_double(s, pq_total_real(t), out);
  if (t->longs == 0 && integer >= INT32_MIN && integer <= INT32_MAX)
    return pq_make_i32(s, (int32_t)integer, out);
  return pq_make_i64(s, integer, out);
}

int pq_total_average(const pq_total *t, pq_eval *s, pq_value *out) {
  uint64_t count = pq_total_count(t);
  if (count == 0) return pq_make_null(s, out);
  if (t->decimals > 0)
    return pq_make_number(s, pq_number_divide(decimal_part(t), pq_number_of_i64((int64_t)count)),
                          out);
  return pq_make_double(s, pq_total_real(t) / (double)count, out);
}
