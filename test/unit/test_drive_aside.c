/* Unit tests of port/drive_aside.c over a directory: what is under way, what is waited for. */
#include "port/drive_aside.h"

#include <pthread.h>

#include "drive_dir.h"
#include "drive_util.h"
#include "port/drive_disk.h"

static char top[DRIVE_DIR_CAP];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int wakes;

static void count_wake(void *ud) {
  pthread_mutex_lock(&lock);
  (*(int *)ud)++;
  pthread_mutex_unlock(&lock);
}

static int wakes_seen(void) {
  int n;
  pthread_mutex_lock(&lock);
  n = wakes;
  pthread_mutex_unlock(&lock);
  return n;
}

/* A warehouse of its own in `name`, and a driver with threads over it. */
static pq_driver *open_aside(const char *name) {
  char path[128];
  pq_aside_drivers of;
  pq_driver *d = NULL;
  snprintf(path, sizeof path, "%s/%s", top, name);
  pq_cx_init(&drive_cx, NULL, NULL); /* its allocator serves threads */
  CHECK(pq_disk_open(&drive_cx, path, PQ_OPEN_CREATE, &of.files) == PQ_OK);
  CHECK(pq_disk_open_beside(&drive_cx, of.files, &of.front) == PQ_OK);
  CHECK(pq_disk_open_beside(&drive_cx, of.files, &of.hot) == PQ_OK);
  CHECK(pq_aside_open(&drive_cx, &of, count_wake, &wakes, &d) == PQ_OK);
  return d;
}

/* What every driver does. */
static void test_as_others(void) {
  pq_driver *d = open_aside("others"), *reader;
  char path[128];
  snprintf(path, sizeof path, "%s/others", top);
  CHECK(pq_disk_open(&drive_cx, path, PQ_OPEN_READ, &reader) == PQ_OK);
  drive_check_parts(d, reader);
  CHECK(drive_put(d, "n/x", "x") == PQ_OK && drive_put(d, "n/x", "y") == PQ_ECONFLICT);
  CHECK(drive_put(d, "../x", "y") == PQ_EPATH && strstr(drive_cx.msg, "../x") != NULL);
  CHECK(drive_read(d, "n/x", 0, 1) == PQ_OK && strcmp(drive_text, "x") == 0);
  CHECK(drive_delete(d, "n/x") == PQ_OK && drive_get(d, "n/x") == PQ_ENOTFOUND);
  CHECK(drive_put(d, "~tmp/a", "spilled") == PQ_OK);
  CHECK(drive_read(d, "~tmp/a", 0, 7) == PQ_OK && strcmp(drive_text, "spilled") == 0);
  CHECK(pq_driver_now_us(d) > 1700000000000000);
  pq_driver_close(reader);
  pq_driver_close(d);
  d = open_aside("replaced");
  snprintf(path, sizeof path, "%s/replaced", top);
  CHECK(pq_disk_open(&drive_cx, path, PQ_OPEN_READ, &reader) == PQ_OK);
  drive_check_put_if(d, reader);
  pq_driver_close(reader);
  pq_driver_close(d);
}

static void test_hot(void) {
  pq_driver *d = open_aside("hot");
  pq_arena a;
  pq_hot_state state;
  pq_hot_counts counts;
  pq_hot_batch batch = {1, 3, pq_str("batch")};
  pq_hot_request append = {.op = PQ_HOT_APPEND, .batches = &batch, .batch_count = 1};
  pq_arena_init(&a, &drive_cx, 1 << 20);
  CHECK(drive_hot(d, "n", &(pq_hot_request){.op = PQ_HOT_OPEN}, &a, &state) == PQ_OK);
  append.epoch = state.epoch;
  CHECK(drive_hot(d, "n", &append, &a, &state) == PQ_OK);
  append.epoch++;
  CHECK(drive_hot(d, "n", &append, &a, &state) == PQ_EFENCED);
  CHECK(drive_hot(d, "n", &(pq_hot_request){.op = PQ_HOT_READ}, &a, &state) == PQ_OK);
  CHECK(state.batch_count == 1 && state.batches[0].seq_hi == 3);
  d->vt->hot_counts(d, &counts);
  CHECK(counts.calls > 2 && counts.rows_written > 0);
  pq_arena_release(&a);
  pq_driver_close(d);
}

/* Many sets with requests under way; those that are forgotten wait for theirs. */
static void test_under_way(void) {
  enum { SETS = 40, EACH = 5 };
  pq_driver *d = open_aside("many");
  pq_fetch sets[SETS];
  char key[32];
  int before = wakes_seen(), left = SETS;
  for (int i = 0; i < SETS; i++) {
    pq_fetch_init(&sets[i], &drive_cx);
    for (int k = 0; k < EACH; k++) {
      snprintf(key, sizeof key, "n/%d/%d", i, k);
      CHECK(pq_fetch_put_new(&sets[i], key, pq_str("body")) == PQ_NEED_IO);
    }
    pq_driver_run(d, &sets[i]);
    CHECK(sets[i].taken <= EACH && sets[i].unfinished == sets[i].taken);
  }
  for (int i = 0; i < SETS; i += 2)
    pq_fetch_release(&sets[i]);
  for (int turn = 0; left > 0 && turn < SETS * EACH; turn++) {
    left = 0;
    for (int i = 1; i < SETS; i += 2)
      left += sets[i].taken > 0;
    if (left > 0) d->vt->collect(d, true);
  }
  CHECK(left == 0);
  for (int i = 1; i < SETS; i += 2) {
    snprintf(key, sizeof key, "n/%d/%d", i, EACH - 1);
    CHECK(pq_fetch_put_new(&sets[i], key, pq_str("body")) == PQ_OK);
    pq_fetch_release(&sets[i]);
  }
  d->vt->collect(d, true); /* nothing is under way: no wait */
  for (int i = 0; i < SETS; i++) {
    snprintf(key, sizeof key, "n/%d/0", i);
    CHECK(drive_get(d, key) == PQ_OK && strcmp(drive_text, "body") == 0);
  }
  pq_driver_close(d);
  CHECK(wakes_seen() == before + SETS * EACH);
}

/* What another driver of the warehouse puts in parts is not taken for what a crash has left. */
static void test_listing_beside(void) {
  pq_driver *d = open_aside("listing");
  CHECK(drive_part(d, "n/p", 0, "one", false) == PQ_OK);
  CHECK(drive_list(d, "n/") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_part(d, "n/p", 3, "two", true) == PQ_OK);
  CHECK(drive_get(d, "n/p") == PQ_OK && strcmp(drive_text, "onetwo") == 0);
  pq_driver_close(d);
}

/* Ended, the driver of the files is as it was. */
static void test_end(void) {
  pq_driver *d = open_aside("end"), *files;
  CHECK(drive_put(d, "n/x", "x") == PQ_OK);
  files = pq_aside_end(d);
  CHECK(drive_get(files, "n/x") == PQ_OK && drive_put(files, "n/y", "y") == PQ_OK);
  pq_driver_close(files);
}

/* A request for which there is no memory fails; the others go on. Allocations fail between
 * requests only, as the counting allocator is no thread's. */
static void test_out_of_memory(void) {
  pq_driver *d = open_aside("memory"), *mine = NULL;
  pq_aside_drivers of = {0};
  pq_cx cx;
  pq_fetch f;
  pq_fetch_init(&f, &drive_cx);
  CHECK(pq_fetch_put_new(&f, "n/x", pq_str("x")) == PQ_NEED_IO);
  unit_cx_init(&cx);
  unit_fail_at = 1;
  CHECK(pq_aside_open(&cx, &of, NULL, NULL, &mine) == PQ_ENOMEM && mine == NULL);
  unit_fail_at = 0;
  CHECK(pq_aside_open(&cx, &of, NULL, NULL, &mine) == PQ_OK);
  if (mine == NULL) return;
  unit_calls = 0;
  unit_fail_at = 1;
  pq_driver_run(mine, &f);
  CHECK(f.unfinished == 0 && pq_fetch_put_new(&f, "n/x", pq_str("x")) == PQ_ENOMEM);
  unit_fail_at = 0;
  pq_fetch_release(&f);
  pq_driver_close(mine);
  CHECK(unit_live_len == 0);
  pq_driver_close(d);
}

int main(void) {
  drive_make_dir(top);
  RUN(test_as_others);
  RUN(test_hot);
  RUN(test_under_way);
  RUN(test_listing_beside);
  RUN(test_end);
  RUN(test_out_of_memory);
  drive_remove_dir(top, 0);
  return unit_end();
}
