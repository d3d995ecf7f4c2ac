/* test/server/test_mongo_time.c - instants as Timestamps and back, in order. */
#include "server/mongo_time.h"
#include "unit.h"

static pq_cx cx;

static bool is_before(pq_mongo_time a, pq_mongo_time b) {
  return a.t != b.t ? a.t < b.t : a.i < b.i;
}

static void there_and_back(void) {
  static const int64_t instants[] = {0,
                                     1,
                                     999999,
                                     1000000,
                                     INT64_C(1772323200000041),
                                     INT64_C(1772323200999999),
                                     INT64_C(1772323201000000),
                                     INT64_C(4294967295999999)};
  for (size_t i = 0; i < sizeof instants / sizeof *instants; i++) {
    pq_mongo_time time = pq_mongo_time_of(instants[i]);
    CHECK(time.i > 0 && pq_mongo_time_us(time) == instants[i]);
    if (i > 0) CHECK(is_before(pq_mongo_time_of(instants[i - 1]), time));
  }
}

static void beyond(void) {
  CHECK(pq_mongo_time_us(pq_mongo_time_of(-5)) == 0);
  CHECK(pq_mongo_time_us(pq_mongo_time_of(INT64_MAX)) == INT64_C(4294967295999999));
  CHECK(pq_mongo_time_us((pq_mongo_time){7, 0}) == 7000000);
  CHECK(pq_mongo_time_us((pq_mongo_time){7, UINT32_MAX}) == 7999999);
}

static void as_values(void) {
  pq_mongo_time time = {1772323200, 42}, back;
  pq_builder *b;
  pq_arena arena;
  pq_value v;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(pq_mongo_time_put(b, time) == PQ_OK);
  CHECK(pq_builder_finish(b, &arena, &v) == PQ_OK);
  CHECK(pq_mongo_time_read(v, &back) && back.t == time.t && back.i == time.i);
  CHECK(pq_builder_i64(b, 5) == PQ_OK);
  CHECK(pq_builder_finish(b, &arena, &v) == PQ_OK);
  CHECK(!pq_mongo_time_read(v, &back) && back.t == 0);
  CHECK(!pq_mongo_time_read((pq_value){0}, &back));
  pq_builder_free(b);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(there_and_back);
  RUN(beyond);
  RUN(as_values);
  return unit_end();
}
