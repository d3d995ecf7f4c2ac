/* Unit tests of log/boundary.c. */
#include "log/boundary.h"

#include "unit.h"

static void test_boundary_round_trip(void) {
  pq_cx cx;
  pq_arena arena;
  pq_buf out;
  uint64_t entry;
  pq_pin pin;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  pq_buf_init(&out, &cx, PQ_BOUNDARY_LEN_MAX);
  CHECK(pq_boundary_print(41, &out) == PQ_OK);
  CHECK(memcmp(out.p, "parquedb-boundary 2 ", 20) == 0);
  CHECK(pq_boundary_parse(&arena, "n/boundary", pq_buf_slice(&out), &entry) == PQ_OK);
  CHECK(entry == 41);
  CHECK(pq_pin_parse(&arena, "n/boundary", pq_buf_slice(&out), &pin) == PQ_ECORRUPT);
  for (size_t i = 20; i < out.len; i++) {
    out.p[i] ^= 4;
    CHECK(pq_boundary_parse(&arena, "n/boundary", pq_buf_slice(&out), &entry) == PQ_ECORRUPT);
    CHECK(entry == 0 && strstr(cx.msg, "n/boundary") != NULL);
    out.p[i] ^= 4;
  }
  pq_buf_clear(&out);
  CHECK(pq_pin_print(&(pq_pin){7, 3600}, &out) == PQ_OK);
  CHECK(pq_pin_parse(&arena, "n/pins/a", pq_buf_slice(&out), &pin) == PQ_OK);
  CHECK(pin.entry == 7 && pin.seconds == 3600);
  pq_buf_release(&out);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_boundary_round_trip);
  return unit_end();
}
