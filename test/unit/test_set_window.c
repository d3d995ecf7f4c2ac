/* test/unit/test_set_window.c - $setWindowFields: windows, operators, refusals. The sales are those
 * of the examples in MongoDB's manual. */
#include "blocking_util.h"

#define SALE(id, type, date, state, price, quantity)                                  \
  "{\"_id\":" #id ",\"d\":{\"$date\":\"" date "\"},\"s\":\"" state "\",\"p\":" #price \
  ",\"q\":" #quantity "}"

static const char SALES[] = "[" SALE(0, c, "2020-05-18T14:10:30Z", "CA", 13, 120) "," SALE(
    1, c, "2021-03-20T11:30:05Z", "WA", 14,
    140) "," SALE(2, v, "2021-01-11T06:31:15Z", "CA", 12,
                  145) "," SALE(3, v, "2020-02-08T13:13:23Z", "WA", 13,
                                104) "," SALE(4, s, "2019-05-18T16:09:01Z", "CA", 41,
                                              162) "," SALE(5, s, "2019-01-08T06:12:03Z", "WA", 43,
                                                            134) "]";

/* Results per sale in the order of the output; only _id and r are compared. */
static bool windows(const char *partition, const char *sort, const char *output,
                    const char *const *want, int count) {
  stage_bench t = {.memory_max = 0};
  stage_array a = {.text = SALES};
  char spec[1024], part[256];
  bool is_right;
  const char *at;
  int rc;
  snprintf(spec, sizeof spec, "{%s%s%s\"output\": {\"r\": %s}}", partition, sort, "", output);
  stage_bench_open(&t);
  rc = stage_bench_run(&t, "$setWindowFields", spec, stage_from_array, &a);
  is_right = rc == PQ_OK && pq_buf_put_byte(&t.text, 0) == PQ_OK;
  at = is_right ? (const char *)t.text.p : "";
  for (int i = 0; is_right && i < count; i++) {
    snprintf(part, sizeof part, "{\"_id\":{\"$numberInt\":\"%c\"}", want[i][0]);
    at = strstr(at, part);
    is_right = at != NULL;
    if (at == NULL) break;
    at = strstr(at, "\"r\":");
    snprintf(part, sizeof part, "\"r\":%s}", want[i] + 2);
    is_right = at != NULL && strncmp(at, part, strlen(part)) == 0;
  }
  if (!is_right)
    fprintf(stderr, "%s: %d %s\n%s\n", spec, rc, rc == PQ_OK ? "" : t.cx.msg,
            t.text.len == 0 ? "" : (const char *)t.text.p);
  stage_bench_close(&t);
  return is_right && unit_live_len == 0;
}

#define BY_STATE "\"partitionBy\": \"$s\","
#define BY_DATE "\"sortBy\": {\"d\": 1},"
#define BY_PRICE "\"sortBy\": {\"p\": 1},"
#define I(n) "{\"$numberInt\":\"" #n "\"}"
#define D(n) "{\"$numberDouble\":\"" #n "\"}"
#define WANT(...) (const char *const[]){__VA_ARGS__}, 6

static void test_set_window_documents(void) {
  CHECK(
      windows(BY_STATE, BY_DATE,
              "{\"$sum\": \"$q\", \"window\": {\"documents\": [\"unbounded\", \"current\"]}}",
              WANT("4 " I(162), "0 " I(282), "2 " I(427), "5 " I(134), "3 " I(238), "1 " I(378))));
  CHECK(windows("\"partitionBy\": {\"$year\": \"$d\"},", BY_DATE,
                "{\"$avg\": \"$q\", \"window\": {\"documents\": [-1, 0]}}",
                WANT("5 " D(134.0), "4 " D(148.0), "3 " D(104.0), "0 " D(112.0), "2 " D(145.0),
                     "1 " D(142.5))));
  CHECK(
      windows("\"partitionBy\": {\"$year\": \"$d\"},", BY_DATE,
              "{\"$max\": \"$q\", \"window\": {\"documents\": [\"unbounded\", \"unbounded\"]}}",
              WANT("5 " I(162), "4 " I(162), "3 " I(120), "0 " I(120), "2 " I(145), "1 " I(145))));
  CHECK(windows(
      "", "\"sortBy\": {\"_id\": 1},", "{\"$min\": \"$q\", \"window\": {\"documents\": [-1, 1]}}",
      WANT("0 " I(120), "1 " I(120), "2 " I(104), "3 " I(104), "4 " I(104), "5 " I(134))));
  CHECK(windows("", "\"sortBy\": {\"_id\": 1},",
                "{\"$max\": \"$q\", \"window\": {\"documents\": [1, 2]}}",
                WANT("0 " I(145), "1 " I(145), "2 " I(162), "3 " I(162), "4 " I(134), "5 null")));
  CHECK(windows(
      "", "\"sortBy\": {\"_id\": 1},",
      "{\"$push\": \"$p\", \"window\": {\"documents\": [1, \"unbounded\"]}}",
      WANT("0 [" I(14) "," I(12) "," I(13) "," I(41) "," I(43) "]",
           "1 [" I(12) "," I(13) "," I(41) "," I(43) "]", "2 [" I(13) "," I(41) "," I(43) "]",
           "3 [" I(41) "," I(43) "]", "4 [" I(43) "]", "5 []")));
  CHECK(windows("", "\"sortBy\": {\"_id\": 1},",
                "{\"$last\": \"$p\", \"window\": {\"documents\": [-1, 1]}}",
                WANT("0 " I(14), "1 " I(12), "2 " I(13), "3 " I(41), "4 " I(43), "5 " I(43))));
  CHECK(
      windows("", "\"sortBy\": {\"_id\": 1},",
              "{\"$topN\": {\"sortBy\": {\"p\": -1}, \"output\": \"$_id\", \"n\": 1}, \"window\": "
              "{\"documents\": [-2, 0]}}",
              WANT("0 [" I(0) "]", "1 [" I(1) "]", "2 [" I(1) "]", "3 [" I(1) "]", "4 [" I(4) "]",
                   "5 [" I(5) "]")));
  CHECK(windows("", "", "{\"$count\": {}}",
                WANT("0 " I(6), "1 " I(6), "2 " I(6), "3 " I(6), "4 " I(6), "5 " I(6))));
}

static void test_set_window_range(void) {
  CHECK(
      windows(BY_STATE, BY_PRICE, "{\"$sum\": \"$q\", \"window\": {\"range\": [-10, 10]}}",
              WANT("2 " I(265), "0 " I(265), "4 " I(162), "3 " I(244), "1 " I(244), "5 " I(134))));
  CHECK(windows(
      BY_STATE, BY_DATE,
      "{\"$push\": \"$_id\", \"window\": {\"range\": [\"unbounded\", 10], \"unit\": "
      "\"month\"}}",
      WANT("4 [" I(4) "]", "0 [" I(4) "," I(0) "," I(2) "]", "2 [" I(4) "," I(0) "," I(2) "]",
           "5 [" I(5) "]", "3 [" I(5) "," I(3) "]", "1 [" I(5) "," I(3) "," I(1) "]")));
  CHECK(windows(BY_STATE, BY_DATE,
                "{\"$push\": \"$_id\", \"window\": {\"range\": [\"unbounded\", -10], \"unit\": "
                "\"month\"}}",
                WANT("4 []", "0 [" I(4) "]", "2 [" I(4) "]", "5 []", "3 [" I(5) "]",
                     "1 [" I(5) "," I(3) "]")));
}

static void test_set_window_ranks(void) {
  CHECK(windows(BY_STATE, "\"sortBy\": {\"q\": -1},", "{\"$rank\": {}}",
                WANT("4 " I(1), "2 " I(2), "0 " I(3), "1 " I(1), "5 " I(2), "3 " I(3))));
  CHECK(stage_gives("$setWindowFields",
                    "{\"sortBy\": {\"v\": 1}, \"output\": {\"r\": {\"$rank\": {}}, \"d\": "
                    "{\"$denseRank\": {}}, \"n\": {\"$documentNumber\": {}}}}",
                    "[{\"v\":1},{\"v\":2},{\"v\":2.0},{\"v\":3},{}]",
                    "[{\"r\":1,\"d\":1,\"n\":1},{\"v\":1,\"r\":2,\"d\":2,\"n\":2},"
                    "{\"v\":2,\"r\":3,\"d\":3,\"n\":3},{\"v\":2.0,\"r\":3,\"d\":3,\"n\":4},"
                    "{\"v\":3,\"r\":5,\"d\":4,\"n\":5}]"));
  CHECK(windows(
      BY_STATE, "\"sortBy\": {\"q\": -1},",
      "{\"$shift\": {\"output\": \"$q\", \"by\": 1, \"default\": \"none\"}}",
      WANT("4 " I(145), "2 " I(120), "0 \"none\"", "1 " I(134), "5 " I(104), "3 \"none\"")));
  CHECK(windows(BY_STATE, "\"sortBy\": {\"q\": -1},",
                "{\"$shift\": {\"output\": \"$q\", \"by\": -1}}",
                WANT("4 null", "2 " I(162), "0 " I(145), "1 null", "5 " I(140), "3 " I(134))));
}

static void test_set_window_rates(void) {
  CHECK(stage_gives("$setWindowFields",
                    "{\"sortBy\": {\"t\": 1}, \"output\": {\"r\": {\"$derivative\": {\"input\": "
                    "\"$m\", \"unit\": \"hour\"}, \"window\": {\"documents\": [-1, 0]}}}}",
                    "[{\"t\":{\"$date\":\"2020-05-18T14:00:00Z\"},\"m\":1.0},"
                    "{\"t\":{\"$date\":\"2020-05-18T14:30:00Z\"},\"m\":3.0}]",
                    "[{\"t\":{\"$date\":\"2020-05-18T14:00:00Z\"},\"m\":1.0,\"r\":null},"
                    "{\"t\":{\"$date\":\"2020-05-18T14:30:00Z\"},\"m\":3.0,\"r\":4.0}]"));
  CHECK(stage_gives("$setWindowFields",
                    "{\"sortBy\": {\"t\": 1}, \"output\": {\"r\": {\"$integral\": {\"input\": "
                    "\"$m\"}, \"window\": {\"documents\": [\"unbounded\", \"current\"]}}}}",
                    "[{\"t\":0,\"m\":1},{\"t\":2,\"m\":3},{\"t\":3},{\"t\":4,\"m\":1}]",
                    "[{\"t\":0,\"m\":1,\"r\":0.0},{\"t\":2,\"m\":3,\"r\":4.0},{\"t\":3,\"r\":4.0},"
                    "{\"t\":4,\"m\":1,\"r\":8.0}]"));
  CHECK(stage_gives("$setWindowFields",
                    "{\"sortBy\": {\"t\": 1}, \"output\": {\"r\": {\"$expMovingAvg\": {\"input\": "
                    "\"$m\", \"N\": 3}}}}",
                    "[{\"t\":0},{\"t\":1,\"m\":4},{\"t\":2,\"m\":6},{\"t\":3,\"m\":\"x\"},"
                    "{\"t\":4,\"m\":7}]",
                    "[{\"t\":0,\"r\":null},{\"t\":1,\"m\":4,\"r\":4.0},{\"t\":2,\"m\":6,\"r\":5.0},"
                    "{\"t\":3,\"m\":\"x\",\"r\":5.0},{\"t\":4,\"m\":7,\"r\":6.0}]"));
  CHECK(stage_gives("$setWindowFields",
                    "{\"sortBy\": {\"t\": 1}, \"output\": {\"r\": {\"$covariancePop\": [\"$t\", "
                    "\"$m\"], \"window\": {\"documents\": [\"unbounded\", \"current\"]}}, \"x.y\": "
                    "{\"$covarianceSamp\": [\"$t\", \"$m\"]}}}",
                    "[{\"t\":1,\"m\":2},{\"t\":2,\"m\":4},{\"t\":3,\"m\":6}]",
                    "[{\"t\":1,\"m\":2,\"r\":0.0,\"x\":{\"y\":2.0}},"
                    "{\"t\":2,\"m\":4,\"r\":0.5,\"x\":{\"y\":2.0}},"
                    "{\"t\":3,\"m\":6,\"r\":1.3333333333333333,\"x\":{\"y\":2.0}}]"));
}

static void test_set_window_refused(void) {
  static const struct {
    const char *output, *sort, *part;
  } cases[] = {
      {"{\"$rank\": {}}", "", "needs a sortBy"},
      {"{\"$rank\": {}, \"window\": {\"documents\": [0, 1]}}", "\"sortBy\": {\"a\": 1},",
       "takes no window"},
      {"{\"$rank\": 1}", "\"sortBy\": {\"a\": 1},", "takes {}"},
      {"{\"$rank\": {}}", "\"sortBy\": {\"a\": 1, \"b\": 1},", "one field"},
      {"{\"$derivative\": {\"input\": \"$a\"}}", "\"sortBy\": {\"a\": 1},", "needs a window"},
      {"{\"$derivative\": {\"input\": \"$a\", \"unit\": \"month\"}}", "\"sortBy\": {\"a\": 1},",
       "week"},
      {"{\"$sum\": \"$a\", \"window\": {\"documents\": [1, 0]}}", "\"sortBy\": {\"a\": 1},",
       "above"},
      {"{\"$sum\": \"$a\", \"window\": {\"documents\": [0, 1.5]}}", "\"sortBy\": {\"a\": 1},",
       "whole"},
      {"{\"$sum\": \"$a\", \"window\": {\"documents\": [0, 1]}}", "", "needs a sortBy"},
      {"{\"$sum\": \"$a\", \"window\": {\"documents\": [0]}}", "\"sortBy\": {\"a\": 1},",
       "two ends"},
      {"{\"$sum\": \"$a\", \"window\": {\"range\": [0, 1]}}", "\"sortBy\": {\"a\": -1},",
       "ascending"},
      {"{\"$sum\": \"$a\", \"window\": {\"range\": [0, 1], \"unit\": \"hours\"}}",
       "\"sortBy\": {\"a\": 1},", "did you mean 'hour'"},
      {"{\"$sum\": \"$a\", \"window\": {\"range\": [0, 1], \"unit\": \"hour\"}}",
       "\"sortBy\": {\"a\": 1},", "dates"},
      {"{\"$sum\": \"$a\", \"window\": {\"rows\": [0, 1]}}", "\"sortBy\": {\"a\": 1},", "rows"},
      {"{\"$sum\": \"$a\", \"$avg\": 1}", "", "one window operator"},
      {"{\"$summ\": \"$a\"}", "", "did you mean '$sum'"},
      {"5", "", "needs a window operator"},
      {"{\"$expMovingAvg\": {\"input\": \"$a\"}}", "\"sortBy\": {\"a\": 1},", "N or alpha"},
      {"{\"$expMovingAvg\": {\"input\": \"$a\", \"alpha\": 1}}", "\"sortBy\": {\"a\": 1},",
       "alpha between"},
      {"{\"$shift\": {\"output\": \"$a\", \"by\": \"x\"}}", "\"sortBy\": {\"a\": 1},", "'by'"},
      {"{\"$covariancePop\": [1]}", "", "two expressions"},
      {"{\"$linearFill\": \"$x\"}", "\"sortBy\": {\"a\": 1},", "fills numbers only"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char spec[512];
    snprintf(spec, sizeof spec, "{%s\"output\": {\"r\": %s}}", cases[i].sort, cases[i].output);
    CHECK(stage_fails("$setWindowFields", spec, "[{\"a\":1,\"x\":\"t\"}]", PQ_EINVALID,
                      cases[i].part));
  }
  CHECK(stage_fails("$setWindowFields",
                    "{\"partitionBy\": [1], \"output\": {\"r\": {\"$sum\": 1}}}", "[{}]",
                    PQ_EINVALID, "array"));
  CHECK(stage_fails("$setWindowFields", "{\"output\": {}}", "[{}]", PQ_EINVALID, "output"));
  CHECK(stage_fails("$setWindowFields", "{\"sort\": {}}", "[{}]", PQ_EINVALID, "'sort'"));
}

static const char MANY[] =
    "{\"partitionBy\": \"$k\", \"sortBy\": {\"i\": 1}, \"output\": {\"s\": {\"$sum\": \"$v\", "
    "\"window\": {\"documents\": [-3, 2]}}, \"m\": {\"$min\": \"$v\", \"window\": {\"documents\": "
    "[-3, 2]}}, \"x\": {\"$stdDevPop\": \"$v\", \"window\": {\"range\": [-500, 0]}}, \"l\": "
    "{\"$locf\": \"$v\"}, \"n\": {\"$documentNumber\": {}}}}";

static void test_set_window_spilled(void) {
  stage_random r = {.seed = 1, .count = 4000, .key_count = 300};
  CHECK(stage_spills_alike("$setWindowFields", MANY, r, 1 << 19));
  r.count = 300;
  stage_fail_requests("$setWindowFields", MANY, r, 1 << 16, 1);
  stage_fail_memory("$setWindowFields", MANY, r, 1 << 16, 11);
}

/* A sliding window gives what adding up the same documents one by one gives. */
static void test_set_window_sliding(void) {
  CHECK(stage_gives(
      "$setWindowFields",
      "{\"sortBy\": {\"t\": 1}, \"output\": {\"r\": {\"$sum\": \"$v\", \"window\": "
      "{\"documents\": [-1, 0]}}}}",
      "[{\"t\":1,\"v\":1},{\"t\":2,\"v\":{\"$numberDouble\":\"NaN\"}},{\"t\":3,\"v\":2},"
      "{\"t\":4,\"v\":{\"$numberDecimal\":\"1.5\"}},{\"t\":5,\"v\":0.25},"
      "{\"t\":6,\"v\":9223372036854775807},{\"t\":7,\"v\":9223372036854775807},"
      "{\"t\":8,\"v\":1}, {\"t\":9,\"v\":1}]",
      "[{\"t\":1,\"v\":1,\"r\":1},{\"t\":2,\"v\":{\"$numberDouble\":\"NaN\"},\"r\":"
      "{\"$numberDouble\":\"NaN\"}},{\"t\":3,\"v\":2,\"r\":{\"$numberDouble\":\"NaN\"}},"
      "{\"t\":4,\"v\":{\"$numberDecimal\":\"1.5\"},\"r\":{\"$numberDecimal\":\"3.5\"}},"
      "{\"t\":5,\"v\":0.25,\"r\":{\"$numberDecimal\":\"1.75\"}},"
      "{\"t\":6,\"v\":9223372036854775807,\"r\":9223372036854775807.25},"
      "{\"t\":7,\"v\":9223372036854775807,\"r\":18446744073709551614.0},"
      "{\"t\":8,\"v\":1,\"r\":9223372036854775808.0},{\"t\":9,\"v\":1,\"r\":2}]"));
}

int main(void) {
  RUN(test_set_window_documents);
  RUN(test_set_window_range);
  RUN(test_set_window_ranks);
  RUN(test_set_window_rates);
  RUN(test_set_window_refused);
  RUN(test_set_window_spilled);
  RUN(test_set_window_sliding);
  return unit_end();
}
