/* Arithmetic, rounding, functions, bits and sums in expressions: values and their types. */
#include "expression_util.h"

static void test_add(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$add\": []}", INT("0")));
  CHECK(gives(&f, "{\"$add\": [2147483647, 1]}", LONG("2147483648")));
  CHECK(gives(&f, "{\"$add\": [9223372036854775807, 1]}", DBL("9.223372036854776e+18")));
  CHECK(gives(&f, "{\"$add\": [1, 0.5]}", DBL("1.5")));
  CHECK(gives(&f, "{\"$add\": [1, " DEC("0.50") "]}", DEC("1.50")));
  CHECK(gives(&f, "{\"$add\": [0.1, " DEC("1") "]}", DEC("1.100000000000000")));
  CHECK(gives(&f, "{\"$add\": [1, null, \"$none\"]}", "null"));
  CHECK(fails(&f, "{\"$add\": [1, \"x\"]}", PQ_EINVALID,
              "'$add' needs numbers and dates, not string"));
  CHECK(gives(&f, "{\"$add\": [" DATE("0") ", 1.5]}", DATE("2")));
  CHECK(gives(&f, "{\"$add\": [5, " DATE("9223372036854775800") "]}", DATE("9223372036854775805")));
  CHECK(fails(&f, "{\"$add\": [" DATE("9223372036854775800") ", 100]}", PQ_EINVALID, "range"));
  CHECK(fails(&f, "{\"$add\": [" DATE("0") ", " DATE("0") "]}", PQ_EINVALID, "one date"));
  end(&f);
}

static void test_other_operations(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$subtract\": [" DATE("10") ", " DATE("4") "]}", LONG("6")));
  CHECK(gives(&f, "{\"$subtract\": [" DATE("10") ", 4]}", DATE("6")));
  CHECK(fails(&f, "{\"$subtract\": [4, " DATE("10") "]}", PQ_EINVALID, "not int and date"));
  CHECK(gives(&f, "{\"$subtract\": [-2147483648, 1]}", LONG("-2147483649")));
  CHECK(gives(&f, "{\"$multiply\": []}", INT("1")));
  CHECK(gives(&f, "{\"$multiply\": [1073741824, 2]}", LONG("2147483648")));
  CHECK(gives(&f, "{\"$multiply\": [10.2, " DEC("1232") "]}", DEC("12566.4000000000000")));
  CHECK(gives(&f, "{\"$divide\": [4, 2]}", DBL("2.0")));
  CHECK(gives(&f, "{\"$divide\": [" DEC("1") ", 3]}", DEC("0.3333333333333333333333333333333333")));
  CHECK(fails(&f, "{\"$divide\": [4, 0.0]}", PQ_EINVALID, "'$divide' cannot divide by 0"));
  CHECK(gives(&f, "{\"$divide\": [null, 0]}", "null"));
  CHECK(gives(&f, "{\"$mod\": [-7, 3]}", INT("-1")));
  CHECK(gives(&f, "{\"$mod\": [" LONG("5") ", 3.0]}", LONG("2")));
  CHECK(gives(&f, "{\"$mod\": [5, 2.5]}", DBL("0.0")));
  CHECK(gives(&f, "{\"$mod\": [-9223372036854775808, -1]}", LONG("0")));
  CHECK(gives(&f, "{\"$abs\": -2147483648}", LONG("2147483648")));
  CHECK(gives(&f, "{\"$abs\": " DEC("-Infinity") "}", DEC("Infinity")));
  CHECK(fails(&f, "{\"$abs\": -9223372036854775808}", PQ_EINVALID, "smallest long"));
  end(&f);
}

static void test_round(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$round\": 2.5}", DBL("2.0")));
  CHECK(gives(&f, "{\"$round\": [15, -1]}", INT("20")));
  CHECK(gives(&f, "{\"$round\": [2147483647, -1]}", LONG("2147483650")));
  CHECK(gives(&f, "{\"$round\": [2.675, 2]}", DBL("2.67")));
  CHECK(gives(&f, "{\"$round\": [1.32, 100]}", DBL("1.32")));
  CHECK(gives(&f, "{\"$trunc\": [-123.397, 2]}", DBL("-123.39")));
  CHECK(gives(&f, "{\"$round\": [" DEC("123.391") ", -2]}", DEC("1E+2")));
  CHECK(gives(&f, "{\"$round\": " DEC("2.5") "}", DEC("2")));
  CHECK(gives(&f, "{\"$ceil\": " DEC("-1.5") "}", DEC("-1")));
  CHECK(gives(&f, "{\"$floor\": -1.5}", DBL("-2.0")));
  CHECK(gives(&f, "{\"$floor\": 7}", INT("7")));
  CHECK(gives(&f, "{\"$round\": [5, null]}", "null"));
  CHECK(fails(&f, "{\"$round\": [5, 101]}", PQ_EINVALID, "-20 to 100"));
  CHECK(fails(&f, "{\"$round\": [5, 1.5]}", PQ_EINVALID, "-20 to 100"));
  end(&f);
}

static void test_functions(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$pow\": [2, 62]}", LONG("4611686018427387904")));
  CHECK(gives(&f, "{\"$pow\": [-1, -9223372036854775807]}", LONG("-1")));
  CHECK(gives(&f, "{\"$pow\": [0, 0]}", INT("1")));
  CHECK(gives(&f, "{\"$pow\": [-2, -1]}", DBL("-0.5")));
  CHECK(gives(&f, "{\"$pow\": [2, " DEC("0.5") "]}", DEC("1.414213562373095048801688724209698")));
  CHECK(fails(&f, "{\"$pow\": [0, -1]}", PQ_EINVALID, "negative power"));
  CHECK(gives(&f, "{\"$sqrt\": 9}", DBL("3.0")));
  CHECK(fails(&f, "{\"$sqrt\": -1}", PQ_EINVALID, "0 or more"));
  CHECK(gives(&f, "{\"$ln\": 1}", DBL("0.0")));
  CHECK(fails(&f, "{\"$ln\": 0}", PQ_EINVALID, "above 0"));
  CHECK(gives(&f, "{\"$log\": [8, 2]}", DBL("3.0")));
  CHECK(fails(&f, "{\"$log\": [8, 1]}", PQ_EINVALID, "base"));
  CHECK(gives(&f, "{\"$log10\": " DEC("1000") "}", DEC("3")));
  CHECK(gives(&f, "{\"$exp\": " DEC("1") "}", DEC("2.718281828459045235360287471352662")));
  CHECK(gives(&f, "{\"$cos\": 0}", DBL("1.0")));
  CHECK(gives(&f, "{\"$atan2\": [0, -1]}", DBL("3.141592653589793")));
  CHECK(gives(&f, "{\"$acos\": " DEC("0") "}", DEC("1.570796326794896619231321691639751")));
  CHECK(gives(&f, "{\"$atanh\": 1}", DBL("Infinity")));
  CHECK(fails(&f, "{\"$asin\": 1.5}", PQ_EINVALID, "from -1 to 1"));
  CHECK(fails(&f, "{\"$sin\": " DBL("Infinity") "}", PQ_EINVALID, "not infinite"));
  CHECK(fails(&f, "{\"$sin\": " DEC("1E+40") "}", PQ_EUNSUPPORTED, "34 digits"));
  CHECK(gives(&f, "{\"$tan\": null}", "null"));
  CHECK(gives(&f, "{\"$degreesToRadians\": 180}", DBL("3.141592653589793")));
  end(&f);
}

static void test_bits(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$bitAnd\": [13, 11]}", INT("9")));
  CHECK(gives(&f, "{\"$bitAnd\": []}", INT("-1")));
  CHECK(gives(&f, "{\"$bitOr\": [1, " LONG("4") "]}", LONG("5")));
  CHECK(gives(&f, "{\"$bitXor\": [1, null]}", "null"));
  CHECK(gives(&f, "{\"$bitNot\": 1}", INT("-2")));
  CHECK(fails(&f, "{\"$bitAnd\": [1, 1.0]}", PQ_EINVALID,
              "'$bitAnd' needs ints and longs, not double"));
  CHECK(gives(&f, "{\"$tsSecond\": {\"$timestamp\": {\"t\": 7, \"i\": 2}}}", LONG("7")));
  CHECK(fails(&f, "{\"$tsIncrement\": 5}", PQ_EINVALID, "a timestamp"));
  end(&f);
}

static void test_random(void) {
  fixture f;
  pq_expression *e;
  pq_value a = {0}, b = {0};
  begin(&f);
  CHECK(pq_expression_parse(&f.arena, NULL, value_of(&f, "{\"$rand\": {}}"), &e) == PQ_OK);
  f.eval.random = 42;
  CHECK(pq_expression_eval(e, &f.eval, &a) == PQ_OK && pq_expression_eval(e, &f.eval, &b) == PQ_OK);
  CHECK(!pq_value_is_equal(a, b));
  f.eval.random = 42;
  CHECK(pq_expression_eval(e, &f.eval, &b) == PQ_OK && pq_value_is_equal(a, b));
  CHECK(gives(&f, "{\"$sampleRate\": 1}", "true"));
  CHECK(gives(&f, "{\"$sampleRate\": 0}", "false"));
  CHECK(fails(&f, "{\"$sampleRate\": 2}", PQ_EINVALID, "0 to 1"));
  end(&f);
}

static void test_sums(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$sum\": [1, \"x\", 2]}", INT("3")));
  CHECK(gives(&f, "{\"$sum\": [[9223372036854775807, 1, -1]]}", LONG("9223372036854775807")));
  CHECK(gives(&f, "{\"$sum\": [0.1, 0.2, 0.3]}", DBL("0.6")));
  CHECK(gives(&f, "{\"$sum\": [1e308, 1e308, -1e308]}", DBL("Infinity")));
  CHECK(gives(&f, "{\"$sum\": [" DEC("0.10") ", 1, 0.5]}", DEC("1.60")));
  CHECK(gives(&f, "{\"$avg\": [1, 2]}", DBL("1.5")));
  CHECK(gives(&f, "{\"$avg\": [" DEC("1") ", 2]}", DEC("1.5")));
  CHECK(gives(&f, "{\"$avg\": [\"x\"]}", "null"));
  CHECK(gives(&f, "{\"$min\": [3, null, 1]}", INT("1")));
  CHECK(gives(&f, "{\"$max\": [3, \"a\", null]}", "\"a\""));
  end(&f);
}

int main(void) {
  RUN(test_add);
  RUN(test_other_operations);
  RUN(test_round);
  RUN(test_functions);
  RUN(test_bits);
  RUN(test_random);
  RUN(test_sums);
  return unit_end();
}
