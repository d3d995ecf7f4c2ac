/* test/unit/test_expression_array.c - arrays, sets and statistics in expressions. */
#include "expression_cases.h"

static void test_arrays(void) {
  static const expression_case cases[] = {
      {"{}", "{\"$firstN\": {\"input\": [1, 2, 3], \"n\": 2}}", "[1, 2]"},
      {"{}", "{\"$lastN\": {\"input\": [1, 2, 3], \"n\": {\"$numberLong\": \"9999999999\"}}}",
       "[1, 2, 3]"},
      {"{}", "{\"$maxN\": {\"input\": [1, null, \"a\", 2], \"n\": 2}}", "[\"a\", 2]"},
      {"{}", "{\"$minN\": {\"input\": [3, null, 1, 2], \"n\": 2}}", "[1, 2]"},
      {"{}", "{\"$minN\": {\"input\": [3], \"n\": 0}}", "!above 0 as n, not int"},
      {"{}", "{\"$firstN\": {\"input\": \"$x\", \"n\": 1}}", "!an array as input, not missing"},
      {"{}", "{\"$zip\": {\"inputs\": [[1, 2], [3]]}}", "[[1, 3]]"},
      {"{}",
       "{\"$zip\": {\"inputs\": [[1, 2], [3]], \"useLongestLength\": true, \"defaults\": [8, 9]}}",
       "[[1, 3], [2, 9]]"},
      {"{}", "{\"$zip\": {\"inputs\": [[1, 2], [3]], \"useLongestLength\": true}}",
       "[[1, 3], [2, null]]"},
      {"{}", "{\"$zip\": {\"inputs\": [[1], null]}}", "null"},
      {"{}", "{\"$zip\": {\"inputs\": [[1], 2]}}", "!arrays as inputs, not int"},
      {"{}", "{\"$zip\": {\"inputs\": [[1]], \"defaults\": [1]}}", "!with useLongestLength only"},
      {"{}", "{\"$range\": [0, 10, 4]}", "[0, 4, 8]"},
      {"{}", "{\"$range\": [0, 2147483647]}", "!makes more than"},
      {"{}", "{\"$sortArray\": {\"input\": [3, \"a\", 1], \"sortBy\": -1}}", "[\"a\", 3, 1]"},
      {"{}", "{\"$indexOfArray\": [[1, 2, 1], 1, 1]}", "2"},
      {"{}", "{\"$slice\": [[1, 2, 3], -2, 1]}", "[2]"},
      {"{}",
       "{\"$filter\": {\"input\": [1, 2, 3, 4], \"cond\": {\"$gt\": [\"$$this\", 1]}, "
       "\"limit\": 2}}",
       "[2, 3]"}};
  EXPRESSIONS(cases);
}

static void test_sets(void) {
  static const expression_case cases[] = {
      {"{}", "{\"$setUnion\": [[3, 1, 1], [2, {\"$numberLong\": \"3\"}]]}", "[1, 2, 3]"},
      {"{}", "{\"$setUnion\": []}", "[]"},
      {"{}", "{\"$setUnion\": [[1], null]}", "null"},
      {"{}", "{\"$setUnion\": [[1], 2]}", "!'$setUnion' needs arrays, not int"},
      {"{}", "{\"$setIntersection\": [[3, 1, [1]], [[1], 3, 3], [3, [1], 9]]}", "[3, [1]]"},
      {"{}", "{\"$setDifference\": [[5, 3, 5, 1], [3]]}", "[5, 1]"},
      {"{}", "{\"$setDifference\": [[1], \"$x\"]}", "null"},
      {"{}", "{\"$setEquals\": [[1, 2], [2, 1, 1.0], [2, 2, 1]]}", "true"},
      {"{}", "{\"$setEquals\": [[1, 2], [2, 1], [1]]}", "false"},
      {"{}", "{\"$setEquals\": [[1, 2], null]}", "!'$setEquals' needs arrays, not null"},
      {"{}", "{\"$setIsSubset\": [[1, 1], [2, 1]]}", "true"},
      {"{}", "{\"$setIsSubset\": [[], []]}", "true"},
      {"{}", "{\"$setIsSubset\": [[[1]], [1]]}", "false"},
      {"{}", "{\"$anyElementTrue\": [[0, null, false]]}", "false"},
      {"{}", "{\"$allElementsTrue\": [[]]}", "true"}};
  static const expression_case folded[] = {
      {"{}", "{\"$setUnion\": [[\"A\"], [\"a\", \"b\"]]}", "[\"A\", \"b\"]"},
      {"{}", "{\"$setIsSubset\": [[\"A\"], [\"a\"]]}", "true"},
      {"{}", "{\"$in\": [\"A\", [\"a\"]]}", "true"},
      {"{}", "{\"$indexOfArray\": [[\"x\", \"a\"], \"A\"]}", "1"},
      {"{}", "{\"$sortArray\": {\"input\": [\"b\", \"A\"], \"sortBy\": 1}}", "[\"A\", \"b\"]"}};
  static const expression_case all = {"{}", "{\"$setUnion\": [[3, 1], [2, {\"a\": 1}]]}", ""};
  pq_env env = {.collation = {.is_folded = true}};
  EXPRESSIONS(cases);
  expression_run(&env, folded, sizeof folded / sizeof *folded);
  expression_run_oom(&all);
}

/* 20,000 elements each: a comparison of all with all would be seen. */
static void test_large_sets(void) {
  static const expression_case cases[] = {
      {"{}",
       "{\"$size\": {\"$setIntersection\": [{\"$range\": [0, 20000]}, {\"$range\": [10000, "
       "30000]}]}}",
       "10000"},
      {"{}",
       "{\"$setEquals\": [{\"$range\": [0, 20000]}, {\"$reverseArray\": {\"$range\": [0, "
       "20000]}}]}",
       "true"}};
  EXPRESSIONS(cases);
}

static void test_statistics(void) {
  static const expression_case cases[] = {
      {"{}", "{\"$stdDevPop\": [[1, 2, 3, \"x\", 4]]}",
       "{\"$numberDouble\": \"1.118033988749895\"}"},
      {"{}", "{\"$stdDevSamp\": [1, 2, 3, 4]}", "{\"$numberDouble\": \"1.2909944487358056\"}"},
      {"{}", "{\"$stdDevSamp\": [1]}", "null"},
      {"{}", "{\"$stdDevPop\": []}", "null"},
      {"{}", "{\"$median\": {\"input\": [4, 1, \"x\", 3, 2], \"method\": \"approximate\"}}", "2.0"},
      {"{}",
       "{\"$percentile\": {\"input\": [1, 2, 3, 4], \"p\": [0, 0.5, 0.9, 1], \"method\": "
       "\"approximate\"}}",
       "[1.0, 2.0, 4.0, 4.0]"},
      {"{}", "{\"$percentile\": {\"input\": [], \"p\": [0.5], \"method\": \"approximate\"}}",
       "[null]"},
      {"{}", "{\"$percentile\": {\"input\": [1], \"p\": [1.5], \"method\": \"approximate\"}}",
       "!must hold numbers from 0 to 1"},
      {"{}", "{\"$median\": {\"input\": [1], \"method\": \"exact\"}}", "!must be \"approximate\""}};
  EXPRESSIONS(cases);
}

int main(void) {
  RUN(test_arrays);
  RUN(test_sets);
  RUN(test_large_sets);
  RUN(test_statistics);
  return unit_end();
}
