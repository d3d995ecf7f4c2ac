/* test/unit/test_densify.c - $densify and $fill. The coffees are those of MongoDB's manual. */
#include "blocking_util.h"

static const char COFFEE[] =
    "[{\"a\":600,\"v\":\"A\",\"s\":68.3},{\"a\":750,\"v\":\"A\",\"s\":69.5},"
    "{\"a\":950,\"v\":\"A\",\"s\":70.5},{\"a\":1250,\"v\":\"G\",\"s\":88.15},"
    "{\"a\":1700,\"v\":\"G\",\"s\":95.5}]";

static void test_densify_full(void) {
  CHECK(stage_gives("$densify",
                    "{\"field\": \"a\", \"partitionByFields\": [\"v\"], \"range\": {\"bounds\": "
                    "\"full\", \"step\": 200}}",
                    COFFEE,
                    "[{\"a\":600,\"v\":\"A\",\"s\":68.3},{\"a\":750,\"v\":\"A\",\"s\":69.5},"
                    "{\"v\":\"A\",\"a\":800},{\"a\":950,\"v\":\"A\",\"s\":70.5},"
                    "{\"v\":\"A\",\"a\":1000},{\"v\":\"A\",\"a\":1200},{\"v\":\"A\",\"a\":1400},"
                    "{\"v\":\"A\",\"a\":1600},{\"v\":\"G\",\"a\":600},{\"v\":\"G\",\"a\":800},"
                    "{\"v\":\"G\",\"a\":1000},{\"v\":\"G\",\"a\":1200},"
                    "{\"a\":1250,\"v\":\"G\",\"s\":88.15},{\"v\":\"G\",\"a\":1400},"
                    "{\"v\":\"G\",\"a\":1600},{\"a\":1700,\"v\":\"G\",\"s\":95.5}]"));
}

static void test_densify_partition(void) {
  CHECK(stage_gives("$densify",
                    "{\"field\": \"a\", \"partitionByFields\": [\"v\"], \"range\": {\"bounds\": "
                    "\"partition\", \"step\": 200}}",
                    COFFEE,
                    "[{\"a\":600,\"v\":\"A\",\"s\":68.3},{\"a\":750,\"v\":\"A\",\"s\":69.5},"
                    "{\"v\":\"A\",\"a\":800},{\"a\":950,\"v\":\"A\",\"s\":70.5},"
                    "{\"a\":1250,\"v\":\"G\",\"s\":88.15},{\"v\":\"G\",\"a\":1450},"
                    "{\"v\":\"G\",\"a\":1650},{\"a\":1700,\"v\":\"G\",\"s\":95.5}]"));
}

/* Dates in the short form "@05-18T04" written out. */
static const char *dates(const char *text, char out[2048]) {
  size_t n = 0;
  while (*text != '\0') {
    if (*text != '@') {
      out[n++] = *text++;
      continue;
    }
    n += (size_t)snprintf(out + n, 2048 - n, "{\"$date\":\"2021-%.8s:00:00Z\"}", text + 1);
    text += 9;
  }
  out[n] = '\0';
  return out;
}

static void test_densify_dates(void) {
  char spec[2048], docs[2048], want[2048];
  CHECK(stage_gives("$densify",
                    dates("{\"field\": \"t\", \"range\": {\"step\": 1, \"unit\": \"hour\", "
                          "\"bounds\": [@05-18T00, @05-18T08]}}",
                          spec),
                    dates("[{\"t\":@05-18T00,\"x\":12},{\"t\":@05-18T04,\"x\":11},"
                          "{\"t\":@05-18T08,\"x\":11},{\"t\":@05-18T12,\"x\":12}]",
                          docs),
                    dates("[{\"t\":@05-18T00,\"x\":12},{\"t\":@05-18T01},{\"t\":@05-18T02},"
                          "{\"t\":@05-18T03},{\"t\":@05-18T04,\"x\":11},{\"t\":@05-18T05},"
                          "{\"t\":@05-18T06},{\"t\":@05-18T07},{\"t\":@05-18T08,\"x\":11},"
                          "{\"t\":@05-18T12,\"x\":12}]",
                          want)));
  CHECK(stage_gives("$densify",
                    "{\"field\": \"t\", \"range\": {\"step\": 1, \"unit\": \"month\", \"bounds\": "
                    "\"full\"}}",
                    dates("[{\"t\":@01-31T00},{\"t\":@04-30T00}]", docs),
                    dates("[{\"t\":@01-31T00},{\"t\":@02-28T00},{\"t\":@03-31T00},"
                          "{\"t\":@04-30T00}]",
                          want)));
}

static void test_densify_range(void) {
  CHECK(stage_gives("$densify",
                    "{\"field\": \"a.b\", \"range\": {\"step\": 0.5, \"bounds\": [1, 3]}}",
                    "[{\"a\":{\"b\":0}},{\"a\":{\"b\":1.7}},{\"x\":1},{\"a\":{\"b\":2.0}},"
                    "{\"a\":{\"b\":5}}]",
                    "[{\"x\":1},{\"a\":{\"b\":0}},{\"a\":{\"b\":1}},{\"a\":{\"b\":1.5}},"
                    "{\"a\":{\"b\":1.7}},{\"a\":{\"b\":2.0}},{\"a\":{\"b\":2.5}},"
                    "{\"a\":{\"b\":5}}]"));
  CHECK(stage_gives("$densify", "{\"field\": \"a\", \"range\": {\"step\": 1, \"bounds\": [1, 3]}}",
                    "[]", "[{\"a\":1},{\"a\":2}]"));
  CHECK(stage_gives("$densify",
                    "{\"field\": \"a\", \"range\": {\"step\": 1, \"bounds\": \"full\"}}", "[]",
                    "[]"));
}

static void test_densify_refused(void) {
  static const char *const cases[][2] = {
      {"{\"range\": {\"step\": 1, \"bounds\": \"full\"}}", "field"},
      {"{\"field\": \"$a\", \"range\": {\"step\": 1, \"bounds\": \"full\"}}", "field"},
      {"{\"field\": \"a\", \"range\": {\"step\": 0, \"bounds\": \"full\"}}", "step"},
      {"{\"field\": \"a\", \"range\": {\"step\": 1, \"bounds\": \"half\"}}", "bounds"},
      {"{\"field\": \"a\", \"range\": {\"step\": 1, \"bounds\": [3, 1]}}", "ascending"},
      {"{\"field\": \"a\", \"range\": {\"step\": 1, \"bounds\": [1, 3], \"unit\": \"day\"}}",
       "dates as bounds"},
      {"{\"field\": \"a\", \"range\": {\"step\": 1, \"bounds\": \"full\", \"unit\": \"day\"}}",
       "dates only"},
      {"{\"field\": \"a\", \"range\": {\"step\": 1.5, \"bounds\": \"full\", \"unit\": \"day\"}}",
       "whole"},
      {"{\"field\": \"t\", \"range\": {\"step\": 1, \"bounds\": \"full\"}}", "not string"},
      {"{\"field\": \"a\", \"partitionByFields\": [\"$v\"], \"range\": {\"step\": 1, \"bounds\": "
       "\"full\"}}",
       "partitionByFields"},
      {"{\"field\": \"a\", \"by\": 1, \"range\": {\"step\": 1, \"bounds\": \"full\"}}", "'by'"},
      {"{\"field\": \"a\", \"range\": {\"step\": 1, \"bound\": \"full\"}}", "'bound'"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    CHECK(
        stage_fails("$densify", cases[i][0], "[{\"a\":1,\"t\":\"x\"}]", PQ_EINVALID, cases[i][1]));
  CHECK(stage_fails("$densify",
                    "{\"field\": \"a\", \"range\": {\"step\": 1, \"bounds\": [0, 1e9]}}", "[]",
                    PQ_ELIMIT, "500000"));
}

static void test_densify_spilled(void) {
  stage_random r = {.seed = 1, .count = 2000, .key_count = 20};
  const char *spec =
      "{\"field\": \"i\", \"partitionByFields\": [\"k\"], \"range\": {\"step\": 50, "
      "\"bounds\": \"full\"}}";
  CHECK(stage_spills_alike("$densify", spec, r, 1 << 16));
  r.count = 200;
  stage_fail_memory("$densify", spec, r, 1 << 14, 7);
  stage_fail_requests("$densify", spec, r, 1 << 14, 1);
}

static void test_densify_fill(void) {
  const char *docs =
      "[{\"t\":1,\"p\":500},{\"t\":2},{\"t\":3,\"p\":515},{\"t\":4,\"p\":null},"
      "{\"t\":5},{\"t\":6,\"p\":485}]";
  CHECK(stage_gives("$fill",
                    "{\"sortBy\": {\"t\": 1}, \"output\": {\"p\": {\"method\": \"linear\"}}}", docs,
                    "[{\"t\":1,\"p\":500},{\"t\":2,\"p\":507.5},{\"t\":3,\"p\":515},"
                    "{\"t\":4,\"p\":505.0},{\"t\":5,\"p\":495.0},{\"t\":6,\"p\":485}]"));
  CHECK(stage_gives("$fill",
                    "{\"sortBy\": {\"t\": 1}, \"output\": {\"p\": {\"method\": \"locf\"}}}", docs,
                    "[{\"t\":1,\"p\":500},{\"t\":2,\"p\":500},{\"t\":3,\"p\":515},"
                    "{\"t\":4,\"p\":515},{\"t\":5,\"p\":515},{\"t\":6,\"p\":485}]"));
  CHECK(stage_gives("$fill", "{\"output\": {\"p\": {\"value\": {\"$add\": [\"$t\", 1]}}}}",
                    "[{\"t\":4},{\"t\":2,\"p\":1}]", "[{\"t\":4,\"p\":5},{\"t\":2,\"p\":1}]"));
  CHECK(stage_gives("$fill",
                    "{\"partitionByFields\": [\"k\"], \"sortBy\": {\"t\": 1}, \"output\": {\"p\": "
                    "{\"method\": \"locf\"}, \"q.r\": {\"value\": 0}}}",
                    "[{\"k\":1,\"t\":1,\"p\":5},{\"k\":2,\"t\":2},{\"k\":1,\"t\":3}]",
                    "[{\"k\":1,\"t\":1,\"p\":5,\"q\":{\"r\":0}},{\"k\":1,\"t\":3,\"p\":5,"
                    "\"q\":{\"r\":0}},{\"k\":2,\"t\":2,\"p\":null,\"q\":{\"r\":0}}]"));
  CHECK(stage_fails("$fill", "{\"output\": {\"p\": {\"method\": \"linear\"}}}", docs, PQ_EINVALID,
                    "sortBy"));
  CHECK(stage_fails("$fill", "{\"output\": {\"p\": {\"method\": \"cubic\"}}}", docs, PQ_EINVALID,
                    "'linear' or 'locf'"));
  CHECK(stage_fails("$fill", "{\"output\": {\"p\": 1}}", docs, PQ_EINVALID, "value or a method"));
  CHECK(stage_fails("$fill", "{\"output\": {}}", docs, PQ_EINVALID, "output"));
  CHECK(stage_fails("$fill", "{\"outputs\": {}}", docs, PQ_EINVALID, "outputs"));
  CHECK(stage_fails("$fill",
                    "{\"sortBy\": {\"p\": 1}, \"output\": {\"q\": {\"method\": \"linear\"}}}", docs,
                    PQ_EINVALID, "equal values"));
}

int main(void) {
  RUN(test_densify_full);
  RUN(test_densify_partition);
  RUN(test_densify_dates);
  RUN(test_densify_range);
  RUN(test_densify_refused);
  RUN(test_densify_spilled);
  RUN(test_densify_fill);
  return unit_end();
}
