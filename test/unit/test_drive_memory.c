/* Unit tests of port/drive_memory.c and port/drive_shuffle.c. */
#include "port/drive_memory.h"
#include "port/probe_store.h"

#include "drive_util.h"
#include "port/drive_shuffle.h"

static void test_memory_objects(void) {
  pq_memory_store *s = pq_memory_store_new();
  pq_driver *w, *r;
  unit_cx_init(&drive_cx);
  CHECK(pq_memory_open(s, PQ_OPEN_CREATE, &w) == PQ_OK);
  CHECK(pq_memory_open(s, PQ_OPEN_READ, &r) == PQ_OK);
  CHECK(drive_put(w, "n/log/2", "two") == PQ_OK);
  CHECK(drive_put(w, "n/log/1", "one") == PQ_OK);
  CHECK(drive_put(w, "n/log/2", "again") == PQ_ECONFLICT);
  CHECK(drive_put(w, "n/data/a/x", "x") == PQ_OK);
  CHECK(drive_put(w, "n/data/a/y", "") == PQ_OK);
  CHECK(drive_put(w, "n/data-b", "y") == PQ_OK);
  CHECK(drive_put(w, "n/data0", "z") == PQ_OK);
  CHECK(drive_put(w, "m/z", "z") == PQ_OK);
  CHECK(drive_get(r, "n/log/2") == PQ_OK && strcmp(drive_text, "two") == 0);
  CHECK(drive_get(r, "n/data/a/y") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_get(r, "n/log/3") == PQ_ENOTFOUND);
  CHECK(drive_read(r, "n/log/2", 1, 2) == PQ_OK && strcmp(drive_text, "wo") == 0);
  CHECK(drive_read(r, "n/log/2", 1, 3) == PQ_ECORRUPT);
  CHECK(strstr(drive_cx.msg, "shorter") != NULL);
  CHECK(drive_read(r, "n/log/9", 1, 3) == PQ_ENOTFOUND);
  CHECK(drive_list(r, "n/") == PQ_OK && strcmp(drive_text, "data-b\ndata/\ndata0\nlog/\n") == 0);
  CHECK(drive_list(r, "n/log/") == PQ_OK && strcmp(drive_text, "1\n2\n") == 0);
  CHECK(drive_list(r, "") == PQ_OK && strcmp(drive_text, "m/\nn/\n") == 0);
  CHECK(drive_list(r, "absent/") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_put(r, "n/log/3", "three") == PQ_EPERM);
  CHECK(drive_delete(r, "n/log/1") == PQ_EPERM);
  CHECK(drive_delete(w, "n/log/1") == PQ_OK);
  CHECK(drive_delete(w, "n/log/1") == PQ_OK);
  CHECK(drive_list(r, "n/log/") == PQ_OK && strcmp(drive_text, "2\n") == 0);
  CHECK(drive_put(w, "n/../x", "x") == PQ_EPATH);
  CHECK(pq_memory_store_len(s) == 7);
  pq_driver_close(r);
  pq_driver_close(w);
  pq_memory_store_free(s);
  CHECK(unit_live_len == 0);
}

static void test_memory_put_if(void) {
  pq_memory_store *s = pq_memory_store_new();
  pq_driver *w, *r;
  unit_cx_init(&drive_cx);
  CHECK(pq_memory_open(s, PQ_OPEN_CREATE, &w) == PQ_OK);
  CHECK(pq_memory_open(s, PQ_OPEN_READ, &r) == PQ_OK);
  drive_check_put_if(w, r);
  pq_driver_close(w);
  pq_driver_close(r);
  pq_memory_store_free(s);
}

static void test_memory_parts(void) {
  pq_memory_store *s = pq_memory_store_new();
  pq_driver *w, *r;
  unit_cx_init(&drive_cx);
  CHECK(pq_memory_open(s, PQ_OPEN_CREATE, &w) == PQ_OK);
  CHECK(pq_memory_open(s, PQ_OPEN_READ, &r) == PQ_OK);
  drive_check_parts(w, r);
  pq_driver_close(w);
  pq_driver_close(r);
  pq_memory_store_free(s);
}

static void test_memory_hot(void) {
  pq_hot_batch b[2] = {{1, 5, {(const uint8_t *)"aaaaa", 5}}, {6, 9, {(const uint8_t *)"", 0}}};
  pq_hot_batch next = {10, 10, {(const uint8_t *)"x", 1}};
  pq_hot_request read = {.op = PQ_HOT_READ}, open = {.op = PQ_HOT_OPEN};
  pq_hot_request append = {.op = PQ_HOT_APPEND, .epoch = 1, .batches = b, .batch_count = 2};
  pq_hot_request trim = {.op = PQ_HOT_TRIM, .epoch = 1, .seq_hi = 5, .ts_hi = 77};
  pq_memory_store *s = pq_memory_store_new();
  pq_driver *w, *r;
  pq_hot_state st;
  pq_arena a;
  unit_cx_init(&drive_cx);
  pq_arena_init(&a, &drive_cx, 1 << 20);
  CHECK(pq_memory_open(s, PQ_OPEN_WRITE, &w) == PQ_OK);
  CHECK(pq_memory_open(s, PQ_OPEN_READ, &r) == PQ_OK);
  CHECK(drive_hot(r, "n", &read, &a, &st) == PQ_OK && st.epoch == 0 && st.batch_count == 0);
  CHECK(drive_hot(w, "n", &append, &a, &st) == PQ_EFENCED);
  CHECK(drive_hot(r, "n", &open, &a, &st) == PQ_EPERM);
  CHECK(drive_hot(w, "n", &open, &a, &st) == PQ_OK && st.epoch == 1);
  CHECK(drive_hot(w, "n", &append, &a, &st) == PQ_OK);
  CHECK(drive_hot(w, "n", &append, &a, &st) == PQ_ECORRUPT);
  CHECK(drive_hot(r, "n", &read, &a, &st) == PQ_OK && st.batch_count == 2 && st.seq_hi == 0);
  CHECK(pq_slice_is(st.batches[0].body, "aaaaa") && st.batches[1].seq_hi == 9);
  CHECK(drive_hot(w, "n", &trim, &a, &st) == PQ_OK);
  CHECK(drive_hot(r, "n", &read, &a, &st) == PQ_OK && st.batch_count == 1 && st.seq_hi == 5);
  CHECK(st.ts_hi == 77);
  trim.seq_hi = 3;
  CHECK(drive_hot(w, "n", &trim, &a, &st) == PQ_OK); /* late: changes nothing */
  CHECK(drive_hot(w, "n", &open, &a, &st) == PQ_OK && st.epoch == 2 && st.seq_hi == 5);
  append.batches = &next;
  append.batch_count = 1;
  CHECK(drive_hot(w, "n", &append, &a, &st) == PQ_EFENCED);
  CHECK(drive_hot(w, "n", &trim, &a, &st) == PQ_EFENCED);
  append.epoch = 2;
  CHECK(drive_hot(w, "n", &append, &a, &st) == PQ_OK);
  pq_arena_release(&a);
  pq_driver_close(r);
  pq_driver_close(w);
  pq_memory_store_free(s);
  CHECK(unit_live_len == 0);
}

static void test_memory_clock_and_random(void) {
  pq_memory_store *s = pq_memory_store_new();
  uint8_t first[20], second[20];
  pq_driver *d;
  int64_t now;
  CHECK(pq_memory_open(s, PQ_OPEN_WRITE, &d) == PQ_OK);
  now = pq_driver_now_us(d);
  CHECK(pq_driver_now_us(d) == now + 1000);
  pq_memory_store_set_clock(s, 5, false);
  CHECK(pq_driver_now_us(d) == 5 && pq_driver_now_us(d) == 5);
  pq_memory_store_set_seed(s, 7);
  pq_driver_random(d, first, sizeof first);
  pq_driver_random(d, second, sizeof second);
  CHECK(memcmp(first, second, sizeof first) != 0);
  pq_memory_store_set_seed(s, 7);
  pq_driver_random(d, second, sizeof second);
  CHECK(memcmp(first, second, sizeof first) == 0);
  pq_driver_close(d);
  pq_memory_store_free(s);
}

/* Each run answers one request; the order differs with the seed, the answers do not. */
static void test_shuffle(void) {
  pq_memory_store *s = pq_memory_store_new();
  pq_driver *inner, *d;
  uint64_t orders[2] = {0, 0};
  unit_cx_init(&drive_cx);
  for (uint64_t seed = 0; seed < 2; seed++) {
    pq_fetch f;
    pq_slice a[4];
    int done[4] = {0}, runs = 0, need = 1;
    CHECK(pq_memory_open(s, PQ_OPEN_WRITE, &inner) == PQ_OK);
    if (seed == 0) CHECK(drive_put(inner, "n/f", "0123456789") == PQ_OK);
    CHECK(pq_shuffle_open(&drive_cx, inner, seed + 1, &d) == PQ_OK);
    pq_fetch_init(&f, &drive_cx);
    while (need) {
      need = 0;
      for (uint64_t i = 0; i < 4; i++) {
        int rc = pq_fetch_read(&f, "n/f", i * 2, 1, &a[i]);
        CHECK(rc >= 0);
        need |= rc == PQ_NEED_IO;
        if (rc == PQ_OK && !done[i]) orders[seed] = orders[seed] * 10 + i, done[i] = 1;
      }
      if (need) pq_driver_run(d, &f), runs++;
    }
    CHECK(runs == 4 && a[3].p[0] == '6' && f.stat_requests == 4);
    pq_driver_run(d, &f); /* nothing to do */
    pq_fetch_release(&f);
    pq_driver_close(d);
  }
  CHECK(orders[0] != orders[1]);
  pq_memory_store_free(s);
  CHECK(unit_live_len == 0);
}

/* A store that replaces objects which are put create-only is found out when it is opened. */
static void test_memory_probe(void) {
  pq_memory_store *s = pq_memory_store_new();
  pq_driver *d = NULL;
  pq_fetch f;
  pq_slice names;
  unit_cx_init(&drive_cx);
  pq_memory_store_set_unproven(s, false);
  CHECK(pq_memory_open(s, PQ_OPEN_CREATE, &d) == PQ_OK);
  CHECK(pq_store_probe(&drive_cx, d) == PQ_OK);
  pq_fetch_init(&f, &drive_cx);
  CHECK(pq_fetch_list(&f, "_system/probe/", &names) == PQ_NEED_IO);
  pq_driver_run(d, &f);
  CHECK(pq_fetch_list(&f, "_system/probe/", &names) == PQ_OK && names.n == 0); /* no traces */
  pq_fetch_release(&f);
  pq_driver_close(d);
  pq_memory_store_set_unproven(s, true);
  CHECK(pq_memory_open(s, PQ_OPEN_WRITE, &d) == PQ_EUNSUPPORTED && d == NULL);
  CHECK(pq_memory_open(s, PQ_OPEN_READ, &d) == PQ_OK);
  CHECK(pq_store_probe(&drive_cx, d) == PQ_EPERM);
  pq_driver_close(d);
  pq_memory_store_free(s);
}

int main(void) {
  RUN(test_memory_objects);
  RUN(test_memory_put_if);
  RUN(test_memory_parts);
  RUN(test_memory_hot);
  RUN(test_memory_clock_and_random);
  RUN(test_memory_probe);
  RUN(test_shuffle);
  return unit_end();
}
