/* test/unit/test_group.c - $group, $bucket, $sortByCount: accumulators, keys, spilling. */
#include "blocking_util.h"

static const char DOCS[] =
    "[{\"k\":\"a\",\"v\":3},{\"k\":\"b\",\"v\":1},{\"k\":\"a\",\"v\":5},"
    "{\"k\":\"a\"},{\"k\":\"b\",\"v\":null},{\"k\":\"a\",\"v\":4}]";

/* {"_id": null, "r": accumulator} over DOCS' group a and b. */
static bool gathers(const char *accumulator, const char *a, const char *b) {
  char spec[512], want[1024];
  snprintf(spec, sizeof spec, "{\"_id\": \"$k\", \"r\": %s}", accumulator);
  snprintf(want, sizeof want, "[{\"_id\":\"a\",\"r\":%s},{\"_id\":\"b\",\"r\":%s}]", a, b);
  return stage_gives("$group", spec, DOCS, want);
}

static void test_group_accumulators(void) {
  CHECK(gathers("{\"$sum\": \"$v\"}", "12", "1"));
  CHECK(gathers("{\"$avg\": [\"$v\"]}", "4.0", "1.0"));
  CHECK(gathers("{\"$min\": \"$v\"}", "3", "1"));
  CHECK(gathers("{\"$max\": \"$v\"}", "5", "1"));
  CHECK(gathers("{\"$first\": \"$v\"}", "3", "1"));
  CHECK(gathers("{\"$last\": \"$v\"}", "4", "null"));
  CHECK(gathers("{\"$push\": \"$v\"}", "[3,5,4]", "[1,null]"));
  CHECK(gathers("{\"$addToSet\": \"$v\"}", "[3,5,4]", "[1,null]"));
  CHECK(gathers("{\"$count\": {}}", "4", "2"));
  CHECK(gathers("{\"$mergeObjects\": {\"x\": \"$v\"}}", "{\"x\":4}", "{\"x\":null}"));
  CHECK(gathers("{\"$stdDevPop\": \"$v\"}", "0.816496580927726", "0.0"));
  CHECK(gathers("{\"$stdDevSamp\": \"$v\"}", "1.0", "null"));
  CHECK(gathers("{\"$firstN\": {\"input\": \"$v\", \"n\": 3}}", "[3,5,null]", "[1,null]"));
  CHECK(gathers("{\"$lastN\": {\"input\": \"$v\", \"n\": 3}}", "[5,null,4]", "[1,null]"));
  CHECK(gathers("{\"$lastN\": {\"input\": \"$v\", \"n\": 1}}", "[4]", "[null]"));
  CHECK(gathers("{\"$minN\": {\"input\": \"$v\", \"n\": 2}}", "[3,4]", "[1]"));
  CHECK(gathers("{\"$maxN\": {\"input\": \"$v\", \"n\": 2}}", "[5,4]", "[1]"));
  CHECK(
      gathers("{\"$maxN\": {\"input\": \"$v\", \"n\": {\"$cond\": [{\"$eq\": [\"$$ROOT\", "
              "\"a\"]}, 1, 9]}}}",
              "[5]", "[1]"));
  CHECK(gathers("{\"$top\": {\"sortBy\": {\"v\": -1}, \"output\": \"$v\"}}", "5", "1"));
  CHECK(gathers("{\"$bottom\": {\"sortBy\": {\"v\": -1}, \"output\": \"$v\"}}", "null", "null"));
  CHECK(gathers("{\"$topN\": {\"sortBy\": {\"v\": 1}, \"output\": [\"$v\"], \"n\": 2}}",
                "[[null],[3]]", "[[null],[1]]"));
  CHECK(gathers("{\"$bottomN\": {\"sortBy\": {\"v\": 1}, \"output\": \"$v\", \"n\": 2}}", "[4,5]",
                "[null,1]"));
  CHECK(gathers("{\"$median\": {\"input\": \"$v\", \"method\": \"approximate\"}}", "4.0", "1.0"));
  CHECK(
      gathers("{\"$percentile\": {\"input\": \"$v\", \"p\": [0, 0.5, 1], \"method\": "
              "\"approximate\"}}",
              "[3.0,4.0,5.0]", "[1.0,1.0,1.0]"));
  CHECK(gathers("{\"$concatArrays\": [[\"$v\", 1]]}", "[3,1,5,1,null,1,4,1]", "[1,1,null,1]"));
  CHECK(gathers("{\"$setUnion\": [[\"$v\", 1]]}", "[3,1,5,null,4]", "[1,null]"));
}

static bool sums(const char *docs, const char *want) {
  char text[512];
  snprintf(text, sizeof text, "[{\"_id\":null,\"r\":%s}]", want);
  return stage_gives("$group", "{\"_id\": null, \"r\": {\"$sum\": \"$v\"}}", docs, text);
}

static void test_group_sums(void) {
  CHECK(
      sums("[{\"v\":0.1},{\"v\":0.1},{\"v\":0.1},{\"v\":0.1},{\"v\":0.1},{\"v\":0.1},{\"v\":0.1},"
           "{\"v\":0.1},{\"v\":0.1},{\"v\":0.1}]",
           "1.0"));
  CHECK(sums("[{\"v\":2147483647},{\"v\":1}]", "{\"$numberLong\":\"2147483648\"}"));
  CHECK(sums("[{\"v\":{\"$numberLong\":\"1\"}},{\"v\":1}]", "{\"$numberLong\":\"2\"}"));
  CHECK(sums("[{\"v\":9223372036854775807},{\"v\":1}]", "9223372036854775808.0"));
  CHECK(sums("[{\"v\":9223372036854775807},{\"v\":5},{\"v\":-7}]",
             "{\"$numberLong\":\"9223372036854775805\"}"));
  CHECK(sums("[{\"v\":-9223372036854775808},{\"v\":-1},{\"v\":1}]",
             "{\"$numberLong\":\"-9223372036854775808\"}"));
  CHECK(sums("[{\"v\":1},{\"v\":{\"$numberDecimal\":\"0.1\"}},{\"v\":\"x\"}]",
             "{\"$numberDecimal\":\"1.1\"}"));
  CHECK(sums("[{\"v\":1e308},{\"v\":1e308}]", "{\"$numberDouble\":\"Infinity\"}"));
  CHECK(sums("[{\"v\":{\"$numberDouble\":\"Infinity\"}},{\"v\":{\"$numberDouble\":\"-Infinity\"}}]",
             "{\"$numberDouble\":\"NaN\"}"));
  CHECK(sums("[{\"v\":\"x\"}]", "0"));
}

static void test_group_keys(void) {
  const char *docs =
      "[{\"k\":1},{\"k\":1.0},{\"k\":{\"$numberLong\":\"1\"}},"
      "{\"k\":{\"$numberDecimal\":\"1\"}},{\"k\":null},{},{\"k\":\"x\"}]";
  CHECK(stage_gives("$group", "{\"_id\": \"$k\", \"n\": {\"$sum\": 1}}", docs,
                    "[{\"_id\":null,\"n\":2},{\"_id\":1,\"n\":4},{\"_id\":\"x\",\"n\":1}]"));
  CHECK(stage_gives("$group", "{\"_id\": {\"k\": \"$k\"}, \"n\": {\"$sum\": 1}}", docs,
                    "[{\"_id\":{\"k\":null},\"n\":2},{\"_id\":{\"k\":1},\"n\":4},"
                    "{\"_id\":{\"k\":\"x\"},\"n\":1}]"));
  CHECK(stage_gives("$sortByCount", "\"$k\"", docs,
                    "[{\"_id\":1,\"count\":4},{\"_id\":null,\"count\":2},"
                    "{\"_id\":\"x\",\"count\":1}]"));
  CHECK(stage_gives("$group", "{\"_id\": null}", "[]", "[]"));
}

static void test_group_collation(void) {
  stage_bench t = {.is_folded = true};
  stage_array a = {.text = "[{\"k\":\"a\"},{\"k\":\"A\"},{\"k\":\"b\"}]"};
  stage_bench_open(&t);
  CHECK(stage_bench_run(&t, "$group", "{\"_id\": \"$k\", \"n\": {\"$count\": {}}}",
                        stage_from_array, &a) == PQ_OK);
  CHECK(strstr((const char *)t.text.p,
               "{\"_id\":\"a\",\"n\":{\"$numberInt\":\"2\"}} {\"_id\":\"b\"") != NULL);
  stage_bench_close(&t);
}

static void test_group_bucket(void) {
  const char *docs = "[{\"v\":1},{\"v\":10},{\"v\":19.5},{\"v\":\"x\"},{\"v\":20}]";
  CHECK(stage_gives(
      "$bucket", "{\"groupBy\": \"$v\", \"boundaries\": [0, 10, 20], \"default\": \"other\"}", docs,
      "[{\"_id\":0,\"count\":1},{\"_id\":10,\"count\":2},"
      "{\"_id\":\"other\",\"count\":2}]"));
  CHECK(stage_gives("$bucket",
                    "{\"groupBy\": \"$v\", \"boundaries\": [0, 10, 21], \"default\": \"other\", "
                    "\"output\": {\"s\": {\"$push\": \"$v\"}}}",
                    docs,
                    "[{\"_id\":0,\"s\":[1]},{\"_id\":10,\"s\":[10,19.5,20]},"
                    "{\"_id\":\"other\",\"s\":[\"x\"]}]"));
  CHECK(stage_fails("$bucket", "{\"groupBy\": \"$v\", \"boundaries\": [0, 10, 20]}", docs,
                    PQ_EINVALID, "has no bucket for this string"));
  CHECK(stage_fails("$bucket", "{\"groupBy\": \"$v\", \"boundaries\": [0]}", docs, PQ_EINVALID,
                    "two boundaries"));
  CHECK(stage_fails("$bucket", "{\"groupBy\": \"$v\", \"boundaries\": [0, 0]}", docs, PQ_EINVALID,
                    "ascending"));
  CHECK(stage_fails("$bucket", "{\"groupBy\": \"$v\", \"boundaries\": [0, \"a\"]}", docs,
                    PQ_EINVALID, "one type"));
  CHECK(stage_fails("$bucket", "{\"groupBy\": \"$v\", \"boundaries\": [0, 5], \"default\": 3}",
                    docs, PQ_EINVALID, "outside"));
  CHECK(stage_fails("$bucket", "{\"groupBy\": \"$v\", \"limits\": [0, 5]}", docs, PQ_EINVALID,
                    "limits"));
  CHECK(stage_fails("$bucket", "{\"groupBy\": 5, \"boundaries\": [0, 5]}", docs, PQ_EINVALID,
                    "groupBy"));
}

static void test_group_refused(void) {
  CHECK(stage_fails("$group", "{\"n\": {\"$sum\": 1}}", DOCS, PQ_EINVALID, "needs an _id"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$summ\": 1}}", DOCS, PQ_EINVALID,
                    "did you mean '$sum'"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$accumulator\": {}}}", DOCS, PQ_EUNSUPPORTED,
                    "JavaScript"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$sum\": [1, 2]}}", DOCS, PQ_EINVALID,
                    "one argument"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"a.b\": {\"$sum\": 1}}", DOCS, PQ_EINVALID, "a.b"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": 5}", DOCS, PQ_EINVALID, "one accumulator"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$count\": 1}}", DOCS, PQ_EINVALID, "{}"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$firstN\": {\"input\": 1, \"n\": 0}}}", DOCS,
                    PQ_EINVALID, "$firstN"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$firstN\": {\"input\": 1, \"n\": \"$v\"}}}",
                    DOCS, PQ_EINVALID, "$firstN"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$top\": {\"output\": 1}}}", DOCS, PQ_EINVALID,
                    "sortBy"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$top\": {\"output\": 1, \"n\": 1}}}", DOCS,
                    PQ_EINVALID, "has no 'n'"));
  CHECK(stage_fails("$group",
                    "{\"_id\": 1, \"n\": {\"$median\": {\"input\": 1, \"method\": \"exact\"}}}",
                    DOCS, PQ_EINVALID, "approximate"));
  CHECK(stage_fails("$group",
                    "{\"_id\": 1, \"n\": {\"$percentile\": {\"input\": 1, \"p\": [2], \"method\": "
                    "\"approximate\"}}}",
                    DOCS, PQ_EINVALID, "0 to 1"));
  CHECK(stage_fails("$group", "{\"_id\": 1, \"n\": {\"$mergeObjects\": \"$v\"}}", DOCS, PQ_EINVALID,
                    "$mergeObjects"));
}

static const char MANY[] =
    "{\"_id\": \"$k\", \"s\": {\"$sum\": \"$v\"}, \"a\": {\"$avg\": \"$v\"}, \"p\": {\"$push\": "
    "\"$i\"}, \"f\": {\"$first\": \"$a\"}, \"l\": {\"$last\": \"$v\"}, \"t\": {\"$topN\": "
    "{\"sortBy\": {\"v\": 1, \"i\": -1}, \"output\": \"$i\", \"n\": 3}}, \"d\": {\"$stdDevPop\": "
    "\"$v\"}, \"m\": {\"$median\": {\"input\": \"$v\", \"method\": \"approximate\"}}, \"u\": "
    "{\"$addToSet\": \"$v\"}, \"n\": {\"$lastN\": {\"input\": \"$i\", \"n\": 4}}, \"x\": "
    "{\"$maxN\": "
    "{\"input\": \"$v\", \"n\": 2}}}";

static void test_group_spilled(void) {
  stage_random r = {.seed = 1, .count = 8000, .key_count = 3000};
  CHECK(stage_spills_alike("$group", "{\"_id\": \"$k\", \"n\": {\"$sum\": 1}}", r, 1 << 16));
  CHECK(stage_spills_alike("$sortByCount", "\"$k\"", r, 1 << 16));
  CHECK(stage_spills_alike("$group", MANY, r, 1 << 18));
  r.key_count = 40; /* few groups that grow: they are written as states */
  r.seed = 2;
  CHECK(stage_spills_alike("$group", MANY, r, 1 << 18));
  CHECK(stage_spills_alike("$group", "{\"_id\": \"$k\", \"p\": {\"$push\": \"$$ROOT\"}}", r,
                           1 << 19));
}

static void test_group_too_large(void) {
  stage_random r = {.seed = 3, .count = 3000, .key_count = 1};
  stage_bench t = {.memory_max = 1 << 16, .has_spill = true};
  stage_bench_open(&t);
  CHECK(stage_bench_run(&t, "$group", "{\"_id\": 1, \"p\": {\"$push\": \"$$ROOT\"}}",
                        stage_from_random, &r) == PQ_ELIMIT);
  CHECK(strstr(t.cx.msg, "$push") != NULL);
  stage_bench_close(&t);
  /* Values that replace each other need no more memory than the largest. */
  stage_bench_open(&t);
  CHECK(stage_bench_run(&t, "$group",
                        "{\"_id\": 1, \"p\": {\"$lastN\": {\"input\": \"$$ROOT\", \"n\": 3}}, "
                        "\"q\": {\"$max\": \"$$ROOT\"}, \"r\": {\"$bottomN\": {\"sortBy\": {\"i\": "
                        "1}, \"output\": \"$$ROOT\", \"n\": 2}}}",
                        stage_from_random, &r) == PQ_OK);
  stage_bench_close(&t);
  CHECK(unit_live_len == 0);
}

static void test_group_failures(void) {
  stage_random r = {.seed = 5, .count = 800, .key_count = 300};
  const char *spec =
      "{\"_id\": \"$k\", \"p\": {\"$push\": \"$i\"}, \"u\": {\"$addToSet\": \"$v\"}}";
  stage_fail_requests("$group", spec, r, 1 << 16, 1);
  stage_fail_memory("$group", spec, r, 1 << 16, 13);
}

int main(void) {
  RUN(test_group_accumulators);
  RUN(test_group_sums);
  RUN(test_group_keys);
  RUN(test_group_collation);
  RUN(test_group_bucket);
  RUN(test_group_refused);
  RUN(test_group_spilled);
  RUN(test_group_too_large);
  RUN(test_group_failures);
  return unit_end();
}
