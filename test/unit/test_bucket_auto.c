/* test/unit/test_bucket_auto.c - $bucketAuto and the series that it rounds to. The powers are those
 * of MongoDB's manual: 0 to 99 into five buckets. */
#include "blocking_util.h"
#include "query/granularity.h"

static int numbers(void *ud, pq_builder *b, pq_arena *arena, uint32_t i, pq_value *doc) {
  uint32_t count = *(const uint32_t *)ud;
  *doc = (pq_value){0};
  if (i == count) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "n"));
  PQ_TRY(pq_builder_i32(b, (int32_t)i));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, doc);
}

/* 0 .. 99 by a series: "min-max:count …" */
static bool rounds(const char *granularity, const char *want) {
  stage_bench t = {.memory_max = 0};
  uint32_t count = 100;
  char spec[256], text[512] = "";
  const char *p;
  stage_bench_open(&t);
  snprintf(spec, sizeof spec, "{\"groupBy\": \"$n\", \"buckets\": 5%s%s%s}",
           granularity[0] == '\0' ? "" : ", \"granularity\": \"", granularity,
           granularity[0] == '\0' ? "" : "\"");
  CHECK(stage_bench_run(&t, "$bucketAuto", spec, numbers, &count) == PQ_OK);
  CHECK(pq_buf_put_byte(&t.text, 0) == PQ_OK);
  for (p = (const char *)t.text.p; (p = strstr(p, "\"min\"")) != NULL; p++) {
    double min = 0, max = 0, n = 0;
    (void)sscanf(p,
                 "\"min\":{\"$number%*[IntDouble]\":\"%lf\"},\"max\":{\"$number%*[IntDouble]\":"
                 "\"%lf\"}},\"count\":{\"$numberInt\":\"%lf\"}}",
                 &min, &max, &n);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%g-%g:%g ", min, max, n);
  }
  if (strcmp(text, want) != 0) fprintf(stderr, "%s: %s\n want %s\n", granularity, text, want);
  stage_bench_close(&t);
  return strcmp(text, want) == 0 && unit_live_len == 0;
}

static void test_bucket_auto_series(void) {
  CHECK(rounds("", "0-20:20 20-40:20 40-60:20 60-80:20 80-99:20 "));
  CHECK(rounds("R20", "0-20:20 20-40:20 40-63:23 63-90:27 90-100:10 "));
  CHECK(rounds("E24", "0-20:20 20-43:23 43-68:25 68-91:23 91-100:9 "));
  CHECK(rounds("1-2-5", "0-20:20 20-50:30 50-100:50 "));
  CHECK(rounds("POWERSOF2", "0-32:32 32-64:32 64-128:36 "));
}

static void test_bucket_auto_members(void) {
  static const struct {
    const char *name;
    uint32_t count;
    double of, up, down;
  } cases[] = {
      {"R5", 5, 6.3, 10, 4},       {"R10", 10, 0.9, 1, 0.8},        {"R20", 20, 1, 1.12, 0.9},
      {"R40", 40, 10, 10.6, 9.5},  {"R80", 80, 97.5, 100, 95},      {"1-2-5", 3, 0.05, 0.1, 0.02},
      {"E6", 6, 7, 10, 6.8},       {"E12", 12, 1.2, 1.5, 1},        {"E24", 24, 9.1, 10, 8.2},
      {"E48", 48, 100, 105, 95.3}, {"E96", 96, 100, 102, 97.6},     {"E192", 192, 9.19, 9.2, 9.09},
      {"POWERSOF2", 0, 8, 16, 4},  {"POWERSOF2", 0, 0.3, 0.5, 0.25}};
  pq_granularity g;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    CHECK(pq_granularity_find(pq_str(cases[i].name), &g) && g.count == cases[i].count);
    CHECK(pq_granularity_up(&g, cases[i].of) == cases[i].up);
    CHECK(pq_granularity_down(&g, cases[i].of) == cases[i].down);
    CHECK(pq_granularity_up(&g, 0) == 0 && pq_granularity_down(&g, 0) == 0);
    CHECK(pq_granularity_up(&g, 1e308) > 1e308 && pq_granularity_down(&g, 5e-324) == 0);
  }
}

static void test_bucket_auto_values(void) {
  const char *docs = "[{\"v\":3},{\"v\":1},{\"v\":\"x\"},{},{\"v\":3.0},{\"v\":3}]";
  CHECK(stage_gives("$bucketAuto", "{\"groupBy\": \"$v\", \"buckets\": 3}", docs,
                    "[{\"_id\":{\"min\":null,\"max\":3},\"count\":2},"
                    "{\"_id\":{\"min\":3,\"max\":\"x\"},\"count\":3},"
                    "{\"_id\":{\"min\":\"x\",\"max\":\"x\"},\"count\":1}]"));
  CHECK(
      stage_gives("$bucketAuto",
                  "{\"groupBy\": \"$v\", \"buckets\": 1, \"output\": {\"l\": {\"$push\": \"$v\"}}}",
                  docs, "[{\"_id\":{\"min\":null,\"max\":\"x\"},\"l\":[1,3,3.0,3,\"x\"]}]"));
  CHECK(stage_gives("$bucketAuto", "{\"groupBy\": \"$v\", \"buckets\": 9}", "[]", "[]"));
  CHECK(stage_gives("$bucketAuto",
                    "{\"groupBy\": \"$v\", \"buckets\": 2, \"granularity\": \"1-2-5\"}",
                    "[{\"v\":0},{\"v\":0},{\"v\":3},{\"v\":4}]",
                    "[{\"_id\":{\"min\":0.0,\"max\":2.0},\"count\":2},"
                    "{\"_id\":{\"min\":2.0,\"max\":5.0},\"count\":2}]"));
}

static void test_bucket_auto_refused(void) {
  static const char *const cases[][2] = {
      {"{\"groupBy\": \"$v\", \"buckets\": 0}", "buckets"},
      {"{\"groupBy\": \"$v\", \"buckets\": 1.5}", "buckets"},
      {"{\"groupBy\": 1, \"buckets\": 1}", "groupBy"},
      {"{\"groupBy\": \"$v\", \"buckets\": 1, \"granularity\": \"R7\"}", "R7"},
      {"{\"groupBy\": \"$v\", \"buckets\": 1, \"granularity\": \"R5\"}", "numbers"},
      {"{\"groupBy\": \"$v\", \"buckets\": 1, \"bounds\": 1}", "bounds"},
      {"{\"groupBy\": \"$v\", \"buckets\": 1, \"output\": {\"_id\": {\"$sum\": 1}}}", "_id"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    CHECK(stage_fails("$bucketAuto", cases[i][0], "[{\"v\":-1}]", PQ_EINVALID, cases[i][1]));
}

static void test_bucket_auto_spilled(void) {
  stage_random r = {.seed = 1, .count = 3000, .key_count = 20};
  const char *spec =
      "{\"groupBy\": \"$v\", \"buckets\": 7, \"output\": {\"n\": {\"$sum\": \"$i\"}}}";
  CHECK(stage_spills_alike("$bucketAuto", spec, r, 1 << 16));
  r.count = 200;
  stage_fail_memory("$bucketAuto", spec, r, 1 << 14, 7);
  stage_fail_requests("$bucketAuto", spec, r, 1 << 14, 1);
}

int main(void) {
  RUN(test_bucket_auto_series);
  RUN(test_bucket_auto_members);
  RUN(test_bucket_auto_values);
  RUN(test_bucket_auto_refused);
  RUN(test_bucket_auto_spilled);
  return unit_end();
}
