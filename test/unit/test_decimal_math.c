/* Functions of decimals: 34 digits, also where digits are easily lost. References: mpmath. */
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

static const struct {
  pq_function f;
  const char *x, *y;
} cases[] = {
    {PQ_FN_EXP, "1", "2.718281828459045235360287471352662"},
    {PQ_FN_EXP, "-1", "0.3678794411714423215955237701614609"},
    {PQ_FN_EXP, "1E-30", "1.000000000000000000000000000001000"},
    {PQ_FN_EXP, "14000.5", "2.187227141602779406767359742580220E+6080"},
    {PQ_FN_LN, "2", "0.6931471805599453094172321214581766"},
    {PQ_FN_LN, "1.000000000000000000000000000000001", "9.999999999999999999999999999999995E-34"},
    {PQ_FN_LN, "0.9999999999999999999999999999999999", "-1.000000000000000000000000000000000E-34"},
    {PQ_FN_LN, "1E-6000", "-13815.51055796427410410794872810619"},
    {PQ_FN_LOG10, "1E-10", "-10.00000000000000000000000000000000"},
    {PQ_FN_LOG10, "2", "0.3010299956639811952137388947244930"},
    {PQ_FN_SIN, "1E-10", "9.999999999999999999983333333333333E-11"},
    {PQ_FN_SIN, "3.141592653589793238462643383279503", "-1.158028306006248941790250554076922E-34"},
    {PQ_FN_SIN, "1E+33", "0.7623023949526979198881641510882362"},
    {PQ_FN_COS, "1.570796326794895", "1.619231321691639751442098584698980E-15"},
    {PQ_FN_COS, "100", "0.8623188722876839341019385139508425"},
    {PQ_FN_TAN, "1.5707963267948966", "51998506188720270.66019474166122687"},
    {PQ_FN_ASIN, "0.1", "0.1001674211615597963455231794526933"},
    {PQ_FN_ASIN, "0.9999999999999999999999999999999999", "1.570796326794896605089186067908801"},
    {PQ_FN_ACOS, "0.9999999999999999999999999999999999", "1.414213562373095048801688724209698E-17"},
    {PQ_FN_ACOS, "-0.5", "2.094395102393195492308428922186335"},
    {PQ_FN_ATAN, "1E+20", "1.570796326794896619221321691639751"},
    {PQ_FN_ATAN, "1E-20", "1.000000000000000000000000000000000E-20"},
    {PQ_FN_ATAN, "-0.7", "-0.6107259643892086165437588764902361"},
    {PQ_FN_SINH, "1E-10", "1.000000000000000000001666666666667E-10"},
    {PQ_FN_SINH, "5000", "1.483814192011833534483148402644735E+2171"},
    {PQ_FN_COSH, "0.5", "1.127625965206380785226225161402672"},
    {PQ_FN_TANH, "1.5707963267948966", "0.9171523356672743433185514582011665"},
    {PQ_FN_TANH, "100", "1.000000000000000000000000000000000"},
    {PQ_FN_ASINH, "1E-10", "9.999999999999999999983333333333333E-11"},
    {PQ_FN_ASINH, "-1E+20", "-46.74484904044085898977706121514546"},
    {PQ_FN_ACOSH, "1.0000000000000000000000000000001", "4.472135954999579392818347337462515E-16"},
    {PQ_FN_ACOSH, "1E+300", "691.4686750787736505148146685267674"},
    {PQ_FN_ATANH, "-1E-10", "-1.000000000000000000003333333333333E-10"},
    {PQ_FN_ATANH, "0.9999999999999999999999999999999999", "39.49052017117874928301447079036328"},
};

static void test_functions(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pq_number out;
    CHECK(pq_number_function(cases[i].f, number(cases[i].x), &out));
    CHECK(is(out, cases[i].y));
  }
}

/* Whatever comes in: no assertion, no endless loop. */
static void test_ranges(void) {
  static const char *const numbers[] = {"0",
                                        "-0",
                                        "1",
                                        "-1",
                                        "1E-6176",
                                        "-1E-6176",
                                        "9E+6144",
                                        "-9E+6144",
                                        "Infinity",
                                        "-Infinity",
                                        "NaN",
                                        "99999999999999999999999999999999999999",
                                        "0E+6111",
                                        "0.99999999999999999999999999999999999999",
                                        "1.0000000000000000000000000000000000001",
                                        "14149.4",
                                        "-14220.8",
                                        "0.5",
                                        "2",
                                        "1E+34",
                                        "1E+35"};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    pq_number x = number(numbers[i]), out;
    for (int f = PQ_FN_EXP; f <= PQ_FN_ATANH; f++)
      CHECK(pq_number_function((pq_function)f, x, &out) || f == PQ_FN_SIN || f == PQ_FN_COS ||
            f == PQ_FN_TAN);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
      pq_number y = number(numbers[k]);
      out = pq_number_power(x, y);
      CHECK(out.kind != PQ_NUMBER_FINITE || pq_number_digits(out) <= PQ_DECIMAL128_DIGITS);
      out = pq_number_atan2(x, y);
      CHECK(out.kind == PQ_NUMBER_FINITE || x.kind == PQ_NUMBER_NAN || y.kind == PQ_NUMBER_NAN);
      out = pq_number_log(x, y);
      out = pq_number_remainder(x, y);
      CHECK(out.kind != PQ_NUMBER_INFINITE || y.kind == PQ_NUMBER_INFINITE);
    }
  }
}

static void test_power(void) {
  CHECK(
      is(pq_number_power(number("5"), number("-112")), "5.192296858534827628530496329220096E-79"));
  CHECK(is(pq_number_power(number("3"), number("35")), "50031545098999707.00000000000000000"));
  CHECK(is(pq_number_power(number("-2"), number("3")), "-8.000000000000000000000000000000000"));
  CHECK(is(pq_number_power(number("-2"), number("0.5")), "NaN"));
  CHECK(is(pq_number_power(number("10"), number("7000")), "Infinity"));
  CHECK(is(pq_number_power(number("10"), number("-7000")), "0E-6176"));
  CHECK(is(pq_number_power(number("7"), number("0")), "1"));
  CHECK(is(pq_number_power(number("0.5"), number("Infinity")), "0"));
  CHECK(
      is(pq_number_atan2(number("-0.1"), number("-0.2")), "-2.677945044588987122248387151818288"));
  CHECK(is(pq_number_atan2(number("0"), number("-1")), "3.141592653589793238462643383279503"));
  CHECK(is(pq_number_log(number("10"), number("5")), "1.430676558073393050670106568763966"));
}

int main(void) {
  RUN(test_functions);
  RUN(test_ranges);
  RUN(test_power);
  return unit_end();
}
