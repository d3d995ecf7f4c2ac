/* test/unit/test_sort_stage.c - $sort in memory, spilled, with a limit. */
#include "blocking_util.h"

static const char DOCS[] =
    "[{\"i\":1,\"a\":2},{\"i\":2},{\"i\":3,\"a\":1},{\"i\":4,\"a\":null},"
    "{\"i\":5,\"a\":[]},{\"i\":6,\"a\":[3,0]},{\"i\":7,\"a\":1.0}]";

static void test_sort_stage_small(void) {
  CHECK(stage_gives("$sort", "{\"by\": {\"a\": 1}}", DOCS,
                    "[{\"i\":5,\"a\":[]},{\"i\":2},{\"i\":4,\"a\":null},{\"i\":6,\"a\":[3,0]},"
                    "{\"i\":3,\"a\":1},{\"i\":7,\"a\":1.0},{\"i\":1,\"a\":2}]"));
  CHECK(stage_gives("$sort", "{\"by\": {\"a\": -1, \"i\": -1}, \"limit\": 2}", DOCS,
                    "[{\"i\":6,\"a\":[3,0]},{\"i\":1,\"a\":2}]"));
  CHECK(stage_gives("$sort", "{\"by\": {\"a\": 1}}", "[]", "[]"));
}

static void test_sort_stage_spilled(void) {
  stage_random r = {.seed = 1, .count = 6000, .key_count = 50};
  CHECK(stage_spills_alike("$sort", "{\"by\": {\"k\": 1}}", r, 1 << 16));
  r.seed = 2;
  CHECK(stage_spills_alike("$sort", "{\"by\": {\"a\": -1, \"v\": 1}}", r, 1 << 16));
  CHECK(
      stage_spills_alike("$sort", "{\"by\": {\"v\": 1, \"k\": -1}, \"limit\": 3000}", r, 1 << 16));
  r.count = 20000; /* more runs than one merge takes */
  CHECK(stage_spills_alike("$sort", "{\"by\": {\"i\": -1}}", r, 1 << 14));
}

/* Only the best are held: nothing is spilled although all comes in the worst order. */
static void test_sort_stage_top(void) {
  stage_random r = {.seed = 3, .count = 20000, .key_count = 50};
  stage_bench t = {.memory_max = 1 << 18, .has_spill = true};
  stage_bench_open(&t);
  CHECK(stage_bench_run(&t, "$sort", "{\"by\": {\"i\": -1}, \"limit\": 3}", stage_from_random,
                        &r) == PQ_OK);
  CHECK(t.spilled == 0);
  CHECK(t.text.len > 10 && strstr((const char *)t.text.p, "\"19999\"") != NULL);
  stage_bench_close(&t);
}

static void test_sort_stage_refused(void) {
  stage_random r = {.seed = 4, .count = 3000, .key_count = 50};
  stage_bench t = {.memory_max = 1 << 16};
  stage_bench_open(&t);
  CHECK(stage_bench_run(&t, "$sort", "{\"by\": {\"i\": -1}}", stage_from_random, &r) == PQ_ELIMIT);
  CHECK(strstr(t.cx.msg, "$sort") != NULL);
  stage_bench_close(&t);
  t.has_spill = true; /* a driver without a place for temporary files */
  t.request_fail = 1;
  t.request_code = PQ_EUNSUPPORTED;
  stage_bench_open(&t);
  CHECK(stage_bench_run(&t, "$sort", "{\"by\": {\"i\": -1}}", stage_from_random, &r) == PQ_ELIMIT);
  CHECK(strstr(t.cx.msg, "no place for temporary files") != NULL);
  stage_bench_close(&t);
  CHECK(unit_live_len == 0);
}

static void test_sort_stage_failures(void) {
  stage_random r = {.seed = 5, .count = 1500, .key_count = 50};
  stage_fail_requests("$sort", "{\"by\": {\"k\": 1}}", r, 1 << 14, 1);
  r.count = 300;
  stage_fail_memory("$sort", "{\"by\": {\"k\": 1}}", r, 1 << 13, 1);
}

int main(void) {
  RUN(test_sort_stage_small);
  RUN(test_sort_stage_spilled);
  RUN(test_sort_stage_top);
  RUN(test_sort_stage_refused);
  RUN(test_sort_stage_failures);
  return unit_end();
}
