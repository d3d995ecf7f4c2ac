/* Decimal arithmetic: results of IEEE 754 decimal128. */
#include <stdio.h>

#include "unit.h"
#include "value/decimal.h"

static pq_number number(const char *text) {
  pq_number n = {0};
  CHECK(pq_number_parse(pq_str(text), &n));
  return n;
}

static bool is(pq_number got, const char *want) {
  char text[PQ_DECIMAL_CAP];
  size_t n = pq_number_print(got, text);
  bool is_same = n == strlen(want) && memcmp(text, want, n) == 0;
  if (!is_same) fprintf(stderr, "  got %.*s, want %s\n", (int)n, text, want);
  return is_same;
}

#define NINES "9999999999999999999999999999999999"

static void test_sums(void) {
  CHECK(is(pq_number_add(number("0.1"), number("0.20")), "0.30"));
  CHECK(is(pq_number_subtract(number("1"), number("1")), "0"));
  CHECK(is(pq_number_subtract(number("1.50"), number("1.5")), "0.00"));
  CHECK(is(pq_number_add(number("-0"), number("-0")), "-0"));
  CHECK(is(pq_number_add(number("-0"), number("0")), "0"));
  CHECK(is(pq_number_add(number(NINES), number("1")), "1.000000000000000000000000000000000E+34"));
  CHECK(is(pq_number_add(number(NINES), number("0.5")), "1.000000000000000000000000000000000E+34"));
  CHECK(is(pq_number_add(number(NINES), number("0.4")), NINES));
  CHECK(is(pq_number_add(number("1"), number("1E-6000")), "1.000000000000000000000000000000000"));
  CHECK(is(pq_number_add(number("1E+6111"), number("1")),
           "1.000000000000000000000000000000000E+6111"));
  CHECK(is(pq_number_add(number("9E+6144"), number("9E+6144")), "Infinity"));
  CHECK(is(pq_number_subtract(number("Infinity"), number("Infinity")), "NaN"));
  CHECK(is(pq_number_add(number("NaN"), number("1")), "NaN"));
}

static void test_products(void) {
  CHECK(is(pq_number_multiply(number("1.20"), number("3")), "3.60"));
  CHECK(is(pq_number_multiply(number(NINES), number(NINES)),
           "9.999999999999999999999999999999998E+67"));
  CHECK(is(pq_number_multiply(number("1E-6176"), number("0.5")), "0E-6176"));
  CHECK(is(pq_number_multiply(number("3E-6176"), number("0.5")), "2E-6176"));
  CHECK(is(pq_number_multiply(number("-2"), number("0")), "-0"));
  CHECK(is(pq_number_multiply(number("Infinity"), number("0")), "NaN"));
  CHECK(is(pq_number_multiply(number("1E+6111"), number("1E+33")),
           "1.000000000000000000000000000000000E+6144"));
  CHECK(is(pq_number_multiply(number("1E+6111"), number("1E+34")), "Infinity"));
}

static void test_quotients(void) {
  CHECK(is(pq_number_divide(number("10"), number("4")), "2.5"));
  CHECK(is(pq_number_divide(number("1.00"), number("2")), "0.50"));
  CHECK(is(pq_number_divide(number("1"), number("3")), "0.3333333333333333333333333333333333"));
  CHECK(is(pq_number_divide(number("2"), number("3")), "0.6666666666666666666666666666666667"));
  CHECK(is(pq_number_divide(number("1"), number("0")), "Infinity"));
  CHECK(is(pq_number_divide(number("0"), number("0")), "NaN"));
  CHECK(is(pq_number_divide(number("5"), number("-Infinity")), "-0E-6176"));
  CHECK(is(pq_number_remainder(number("10.2"), number("1")), "0.2"));
  CHECK(is(pq_number_remainder(number("-7"), number("3")), "-1"));
  CHECK(is(pq_number_remainder(number("7"), number("-3")), "1"));
  CHECK(is(pq_number_remainder(number("1E+6000"), number("7")), "1"));
  CHECK(is(pq_number_remainder(number("5"), number("Infinity")), "5"));
  CHECK(is(pq_number_remainder(number("5"), number("0")), "NaN"));
}

static void test_quantize(void) {
  CHECK(is(pq_number_quantize(number("2.5"), 0, PQ_ROUND_EVEN), "2"));
  CHECK(is(pq_number_quantize(number("3.5"), 0, PQ_ROUND_EVEN), "4"));
  CHECK(is(pq_number_quantize(number("-2.1"), 0, PQ_ROUND_FLOOR), "-3"));
  CHECK(is(pq_number_quantize(number("-2.9"), 0, PQ_ROUND_CEIL), "-2"));
  CHECK(is(pq_number_quantize(number("-0.9"), 0, PQ_ROUND_TRUNC), "-0"));
  CHECK(is(pq_number_quantize(number("999.5"), 0, PQ_ROUND_EVEN), "1000"));
  CHECK(is(pq_number_quantize(number("123.4"), 2, PQ_ROUND_EVEN), "1E+2"));
  CHECK(is(pq_number_quantize(number("1"), -40, PQ_ROUND_EVEN), "NaN"));
}

static void test_roots(void) {
  CHECK(is(pq_number_sqrt(number("4")), "2"));
  CHECK(is(pq_number_sqrt(number("0.0100")), "0.10"));
  CHECK(is(pq_number_sqrt(number("2")), "1.414213562373095048801688724209698"));
  CHECK(is(pq_number_sqrt(number("1E+6144")), "1E+3072"));
  CHECK(is(pq_number_sqrt(number("-1")), "NaN"));
  CHECK(is(pq_number_sqrt(number("-0")), "-0"));
}

static void test_order(void) {
  CHECK(pq_number_order(number("1.0"), number("1")) == 0);
  CHECK(pq_number_order(number("-0"), number("0")) == 0);
  CHECK(pq_number_order(number("NaN"), number("-Infinity")) < 0);
  CHECK(pq_number_order(number("1E+6000"), number("9E+5999")) > 0);
  CHECK(pq_number_order(number("-2"), number("-1")) < 0);
}

static void test_conversions(void) {
  int64_t n;
  CHECK(is(pq_number_of_double(0.1, 15), "0.100000000000000"));
  CHECK(is(pq_number_of_double(10, 15), "10.0000000000000"));
  CHECK(is(pq_number_of_double(1e300, 15), "1.00000000000000E+300"));
  CHECK(is(pq_number_of_double(5e-324, 15), "4.94065645841247E-324"));
  CHECK(is(pq_number_of_double(0.99999999999999999, 15), "1.00000000000000"));
  CHECK(is(pq_number_of_double(0.1, 34), "0.1000000000000000055511151231257827"));
  CHECK(is(pq_number_of_double(3, 34), "3"));
  CHECK(pq_number_i64(number("9223372036854775807.9"), PQ_ROUND_TRUNC, &n) && n == INT64_MAX);
  CHECK(!pq_number_i64(number("9223372036854775808"), PQ_ROUND_TRUNC, &n));
  CHECK(pq_number_i64(number("-9223372036854775808"), PQ_ROUND_TRUNC, &n) && n == INT64_MIN);
  CHECK(pq_number_i64(number("1E+18"), PQ_ROUND_TRUNC, &n) && n == 1000000000000000000);
  CHECK(pq_number_i64(number("2.5"), PQ_ROUND_EVEN, &n) && n == 2);
  CHECK(!pq_number_i64(number("1E+6000"), PQ_ROUND_EVEN, &n));
  CHECK(pq_number_i64(number("1E-6000"), PQ_ROUND_CEIL, &n) && n == 1);
}

static void test_read(void) {
  pq_number n;
  CHECK(pq_number_read(PQ_SLICE("0.12345678901234567890123456789012345678901"), &n));
  CHECK(is(n, "0.1234567890123456789012345678901235"));
  CHECK(pq_number_read(PQ_SLICE("10000000000000000000000000000000005.000000000001"), &n));
  CHECK(is(n, "1.000000000000000000000000000000001E+34"));
  CHECK(pq_number_read(PQ_SLICE("-0.0"), &n) && is(n, "-0.0"));
  CHECK(!pq_number_read(PQ_SLICE("-123423.8E6145"), &n));
  CHECK(!pq_number_parse(PQ_SLICE("12E+6144"), &n));
}

int main(void) {
  RUN(test_sums);
  RUN(test_products);
  RUN(test_quotients);
  RUN(test_quantize);
  RUN(test_roots);
  RUN(test_order);
  RUN(test_conversions);
  RUN(test_read);
  return unit_end();
}
