/* Unit tests of io/hot.c: requests and states there and back, and hostile bytes. */
#include "io/hot.h"
#include "unit.h"

static pq_hot_batch two_batches[2] = {{1, 10, {(const uint8_t *)"first", 5}},
                                      {11, 11, {(const uint8_t *)"", 0}}};

static int round_trip_request(pq_cx *cx, const pq_hot_request *in) {
  pq_buf b;
  pq_arena a;
  pq_hot_request out;
  int rc;
  pq_buf_init(&b, cx, 10000);
  pq_arena_init(&a, cx, 100000);
  rc = pq_hot_put_request(&b, in);
  if (rc == PQ_OK) rc = pq_hot_parse_request(&a, pq_buf_slice(&b), &out);
  if (rc == PQ_OK) {
    CHECK(out.op == in->op && out.epoch == in->epoch && out.seq_hi == in->seq_hi);
    CHECK(out.ts_hi == in->ts_hi && out.durability == in->durability);
    CHECK(out.batch_count == in->batch_count);
    for (uint32_t i = 0; i < out.batch_count; i++) {
      CHECK(out.batches[i].seq_lo == in->batches[i].seq_lo);
      CHECK(out.batches[i].seq_hi == in->batches[i].seq_hi);
      CHECK(pq_slice_eq(out.batches[i].body, in->batches[i].body));
    }
  }
  pq_buf_release(&b);
  pq_arena_release(&a);
  return rc;
}

static void test_hot_requests(void) {
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(round_trip_request(&cx, &(pq_hot_request){.op = PQ_HOT_OPEN}) == PQ_OK);
  CHECK(round_trip_request(&cx, &(pq_hot_request){.op = PQ_HOT_READ}) == PQ_OK);
  CHECK(round_trip_request(
            &cx, &(pq_hot_request){
                     .op = PQ_HOT_TRIM, .epoch = 3, .seq_hi = INT64_MAX, .ts_hi = -5}) == PQ_OK);
  CHECK(round_trip_request(&cx, &(pq_hot_request){.op = PQ_HOT_APPEND,
                                                  .epoch = UINT64_MAX,
                                                  .durability = 2,
                                                  .batches = two_batches,
                                                  .batch_count = 2}) == PQ_OK);
  CHECK(unit_live_len == 0);
}

static int round_trip_state(pq_cx *cx) {
  pq_hot_state in = {
      .epoch = 4, .seq_hi = 9, .ts_hi = 77, .batches = two_batches, .batch_count = 2};
  pq_hot_state out;
  pq_buf b;
  pq_arena a;
  int rc;
  pq_buf_init(&b, cx, 10000);
  pq_arena_init(&a, cx, 100000);
  rc = pq_hot_put_state(&b, &in);
  if (rc == PQ_OK) rc = pq_hot_parse_state(&a, pq_buf_slice(&b), &out);
  if (rc == PQ_OK) {
    CHECK(out.epoch == 4 && out.seq_hi == 9 && out.ts_hi == 77 && out.batch_count == 2);
    CHECK(pq_slice_is(out.batches[0].body, "first"));
    CHECK(out.batches[0].body.p > b.p && out.batches[0].body.p < b.p + b.len); /* borrowed */
    CHECK(out.batches[1].seq_lo == 11 && out.batches[1].body.n == 0);
  }
  pq_buf_release(&b);
  pq_arena_release(&a);
  return rc;
}

/* Batches that come one by one, one of them in parts, are the same bytes. */
static int write_state(pq_cx *cx) {
  pq_hot_state in = {
      .epoch = 4, .seq_hi = 9, .ts_hi = 77, .batches = two_batches, .batch_count = 2};
  pq_hot_state head = {.epoch = 4, .seq_hi = 9, .ts_hi = 77};
  pq_hot_batch begun = {two_batches[0].seq_lo, two_batches[0].seq_hi, PQ_SLICE("fir")};
  pq_hot_writer w;
  pq_buf whole, parts;
  int rc;
  pq_buf_init(&whole, cx, 10000);
  pq_buf_init(&parts, cx, 10000);
  rc = pq_hot_put_state(&whole, &in);
  if (rc == PQ_OK) rc = pq_hot_begin_state(&w, &parts, &head);
  if (rc == PQ_OK) rc = pq_hot_add_batch(&w, &begun);
  if (rc == PQ_OK) rc = pq_hot_add_body(&w, PQ_SLICE("st"));
  if (rc == PQ_OK) rc = pq_hot_add_batch(&w, &two_batches[1]);
  if (rc == PQ_OK) CHECK(pq_slice_eq(pq_buf_slice(&whole), pq_buf_slice(&parts)));
  pq_buf_release(&whole);
  pq_buf_release(&parts);
  return rc;
}

static void test_hot_writer(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = write_state(&cx);
  }
}

static void test_hot_state(void) {
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(round_trip_state(&cx) == PQ_OK);
  CHECK(unit_live_len == 0);
}

static void test_hot_out_of_memory(void) {
  pq_cx cx;
  int rc;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = round_trip_state(&cx);
  }
}

/* Parse a copy that ends where the memory ends, so that the sanitizer sees an overread. */
static int parse_exact(pq_cx *cx, const uint8_t *p, size_t n, bool is_state) {
  pq_arena a;
  pq_hot_request q;
  pq_hot_state s;
  uint8_t *copy = malloc(n == 0 ? 1 : n);
  int rc;
  if (n > 0) memcpy(copy, p, n);
  pq_arena_init(&a, cx, 100000);
  rc = is_state ? pq_hot_parse_state(&a, (pq_slice){copy, n}, &s)
                : pq_hot_parse_request(&a, (pq_slice){copy, n}, &q);
  pq_arena_release(&a);
  free(copy);
  return rc;
}

static void hostile(pq_cx *cx, pq_buf *b, bool is_state) {
  uint64_t rnd = 99;
  int wrong = 0;
  CHECK(parse_exact(cx, b->p, b->len, is_state) == PQ_OK);
  for (size_t n = 0; n < b->len; n++)
    if (parse_exact(cx, b->p, n, is_state) != PQ_ECORRUPT) wrong++;
  for (int i = 0; i < 20000; i++) {
    size_t at;
    uint8_t old;
    int rc;
    rnd = rnd * 6364136223846793005u + 1442695040888963407u;
    at = (size_t)(rnd >> 33) % b->len;
    old = b->p[at];
    b->p[at] = (uint8_t)(rnd >> 24);
    rc = parse_exact(cx, b->p, b->len, is_state);
    if (rc != PQ_OK && rc != PQ_ECORRUPT) wrong++;
    b->p[at] = old;
  }
  CHECK(wrong == 0);
  CHECK(pq_buf_put_byte(b, 0) == PQ_OK);
  CHECK(parse_exact(cx, b->p, b->len, is_state) == PQ_ECORRUPT);
}

static void test_hot_hostile(void) {
  pq_hot_request q = {.op = PQ_HOT_APPEND, .epoch = 1, .batches = two_batches, .batch_count = 2};
  pq_hot_state s = {.epoch = 1, .batches = two_batches, .batch_count = 2};
  pq_cx cx;
  pq_buf b;
  unit_cx_init(&cx);
  pq_buf_init(&b, &cx, 10000);
  CHECK(pq_hot_put_request(&b, &q) == PQ_OK);
  hostile(&cx, &b, false);
  pq_buf_clear(&b);
  CHECK(pq_hot_put_state(&b, &s) == PQ_OK);
  hostile(&cx, &b, true);
  pq_buf_release(&b);
  CHECK(unit_live_len == 0);
}

/* States that are well-formed but cannot be: bytes put together by hand. */
static int parse_state_of(uint64_t flushed, uint64_t lo, uint64_t hi, uint64_t lo2) {
  pq_cx cx;
  pq_buf b;
  int rc = 0;
  unit_cx_init(&cx);
  pq_buf_init(&b, &cx, 1000);
  rc |= pq_buf_put_byte(&b, 'S') | pq_buf_put_u64(&b, 1) | pq_buf_put_u64(&b, flushed);
  rc |= pq_buf_put_u64(&b, 0) | pq_buf_put_u32(&b, 2);
  rc |= pq_buf_put_u64(&b, lo) | pq_buf_put_u64(&b, hi) | pq_buf_put_u32(&b, 0);
  rc |= pq_buf_put_u64(&b, lo2) | pq_buf_put_u64(&b, lo2) | pq_buf_put_u32(&b, 0);
  CHECK(rc == PQ_OK);
  rc = parse_exact(&cx, b.p, b.len, true);
  pq_buf_release(&b);
  return rc;
}

static void test_hot_order(void) {
  CHECK(parse_state_of(0, 1, 5, 6) == PQ_OK);
  CHECK(parse_state_of(3, 1, 5, 6) == PQ_OK);       /* a batch across the flush position */
  CHECK(parse_state_of(5, 1, 5, 6) == PQ_ECORRUPT); /* a batch that should have gone */
  CHECK(parse_state_of(0, 2, 5, 6) == PQ_ECORRUPT); /* event 1 is missing */
  CHECK(parse_state_of(0, 1, 5, 7) == PQ_ECORRUPT);
  CHECK(parse_state_of(0, 1, 5, 5) == PQ_ECORRUPT);
  CHECK(parse_state_of(0, 5, 1, 2) == PQ_ECORRUPT);
  CHECK(parse_state_of(0, 1, UINT64_MAX, 0) == PQ_ECORRUPT);
  CHECK(parse_state_of(UINT64_MAX, 1, 5, 6) == PQ_ECORRUPT);
}

static void test_hot_limits(void) {
  pq_hot_request q = {.op = PQ_HOT_APPEND, .epoch = 1, .batches = two_batches, .batch_count = 2};
  pq_cx cx;
  pq_buf b;
  unit_cx_init(&cx);
  pq_buf_init(&b, &cx, 40);
  CHECK(pq_hot_put_request(&b, &q) == PQ_ELIMIT);
  CHECK(b.len == 0);
  pq_buf_release(&b);
}

int main(void) {
  RUN(test_hot_requests);
  RUN(test_hot_state);
  RUN(test_hot_writer);
  RUN(test_hot_out_of_memory);
  RUN(test_hot_hostile);
  RUN(test_hot_order);
  RUN(test_hot_limits);
  return unit_end();
}
