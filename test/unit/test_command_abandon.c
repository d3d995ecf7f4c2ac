/* Commands that fail, or are closed early, after they used temporary objects: nothing is left in
 * the store. Run against memory and a directory.
 *
 * Each request is noted before it is served. After the command's end every temporary object that
 * was ever put is asked for again: it must be gone.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "drive_dir.h"
#include "drive_util.h"
#include "port/drive_disk.h"
#include "port/drive_memory.h"

enum { PUTS_MAX = 4000, KEY_CAP = 80, DOCUMENTS = 2000 };

typedef struct bench {
  pq_cx cx;
  pq_memory_store *store;
  char dir[DRIVE_DIR_CAP];
  pq_driver *driver;
  pq_db db;
} bench;

static char puts_seen[PUTS_MAX][KEY_CAP];
static size_t put_count;
static bool puts_fail; /* from now on */

static void bench_open(bench *t, bool is_disk) {
  uint8_t seed[16] = {7};
  *t = (bench){0};
  unit_cx_init(&t->cx);
  pq_cx_init(&drive_cx, NULL, NULL);
  t->cx.limits.sort_len_max = 1u << 16;
  if (is_disk) {
    drive_make_dir(t->dir);
    CHECK(pq_disk_open(&t->cx, t->dir, PQ_OPEN_CREATE, &t->driver) == PQ_OK);
  } else {
    t->store = pq_memory_store_new();
    CHECK(pq_memory_open(t->store, PQ_OPEN_CREATE, &t->driver) == PQ_OK);
  }
  CHECK(pq_db_init(&t->db, &t->cx, true, 0, seed) == PQ_OK);
}

static void bench_close(bench *t) {
  pq_db_release(&t->db);
  pq_driver_close(t->driver);
  pq_memory_store_free(t->store);
  if (t->dir[0] != '\0') drive_remove_dir(t->dir, 0);
  CHECK(unit_live_len == 0);
}

static void serve(bench *t, pq_fetch *f) {
  pq_io_req r;
  while (pq_fetch_take(f, &r)) {
    bool is_put = r.kind == PQ_IO_PUT_NEW && strncmp(r.key, "~tmp/", 5) == 0;
    if (is_put && puts_fail) {
      pq_fetch_done(f, r.id, PQ_EIO, (pq_slice){0}, "no");
      continue;
    }
    if (is_put && put_count < PUTS_MAX) snprintf(puts_seen[put_count++], KEY_CAP, "%s", r.key);
    t->driver->vt->serve(t->driver, f, &r);
  }
}

static void finish(bench *t, pq_command *c) {
  char before[PQ_MESSAGE_CAP];
  memcpy(before, t->cx.msg, sizeof before);
  while (pq_command_abandon(c) == PQ_NEED_IO)
    serve(t, pq_command_fetch(c));
  CHECK(strcmp(before, t->cx.msg) == 0); /* of the failure before */
  pq_command_close(c);
}

/* Run; `item_count` > 0: close after that many items. */
static int run(bench *t, const char *text, uint32_t item_count) {
  pq_command *c;
  pq_value v;
  uint32_t seen = 0;
  int rc = pq_command_open(&t->db, PQ_SLICE("default"), pq_str(text), (pq_slice){0},
                           pq_driver_now_us(t->driver), &c);
  while (rc >= 0 && !pq_command_is_done(c) && (item_count == 0 || seen < item_count)) {
    rc = pq_command_step(c, pq_driver_now_us(t->driver));
    if (rc == PQ_NEED_IO) serve(t, pq_command_fetch(c));
    while (rc == PQ_OK && pq_command_next(c, &v))
      seen++;
  }
  if (rc == PQ_OK || c != NULL) finish(t, c);
  return rc;
}

static void insert(bench *t) {
  static char text[1 << 20];
  size_t n = (size_t)snprintf(text, sizeof text, "{\"insert\": \"t\", \"documents\": [");
  for (int i = 0; i < DOCUMENTS; i++)
    n +=
        (size_t)snprintf(text + n, sizeof text - n, "%s{\"n\": %d, \"z\": %d, \"pad\": \"%0100d\"}",
                         i > 0 ? "," : "", i * 7919 % DOCUMENTS, i == 77 ? 0 : 1, i);
  snprintf(text + n, sizeof text - n, "]}");
  CHECK(run(t, text, 0) == PQ_OK);
}

static bool is_clean(bench *t) {
  size_t left = 0;
  for (size_t i = 0; i < put_count; i++)
    left += drive_read(t->driver, puts_seen[i], 0, 1) != PQ_ENOTFOUND;
  if (left > 0) fprintf(stderr, "%zu of %zu temporary objects are left\n", left, put_count);
  return put_count > 0 && left == 0;
}

static const char SORTED[] =
    "{\"aggregate\": \"t\", \"pipeline\": [{\"$sort\": {\"n\": 1}}], \"batchSize\": 10}";
/* Divides by zero only after the sort has written its runs and begun to read them. */
static const char FAILING[] =
    "{\"aggregate\": \"t\", \"pipeline\": [{\"$sort\": {\"n\": -1}}, "
    "{\"$set\": {\"q\": {\"$divide\": [1, \"$z\"]}}}]}";
static const char GROUPED[] =
    "{\"aggregate\": \"t\", \"pipeline\": [{\"$group\": {\"_id\": \"$n\", "
    "\"all\": {\"$push\": \"$pad\"}}}, {\"$set\": {\"q\": {\"$divide\": [1, {\"$subtract\": "
    "[{\"$size\": \"$all\"}, 1]}]}}}]}";

static void check_abandoned(bool is_disk) {
  bench t;
  bench_open(&t, is_disk);
  insert(&t);
  put_count = 0;
  CHECK(run(&t, SORTED, 0) == PQ_OK && is_clean(&t));
  put_count = 0;
  CHECK(run(&t, SORTED, 25) == PQ_OK && is_clean(&t));
  put_count = 0;
  CHECK(run(&t, FAILING, 0) == PQ_EINVALID && is_clean(&t));
  CHECK(strstr(t.cx.msg, "divide") != NULL);
  put_count = 0;
  CHECK(run(&t, GROUPED, 0) == PQ_EINVALID && is_clean(&t));
  bench_close(&t);
}

static void test_abandon_memory(void) {
  check_abandoned(false);
}

static void test_abandon_disk(void) {
  check_abandoned(true);
}

/* Closed after each number of steps, requests being served or not. */
static void test_abandon_each_step(void) {
  bench t;
  bool is_done = false;
  bench_open(&t, false);
  insert(&t);
  for (int steps = 0; !is_done && steps < 5000; steps += steps < 60 ? 1 : 97) {
    pq_command *c;
    pq_value v;
    put_count = 0;
    CHECK(pq_command_open(&t.db, PQ_SLICE("default"), PQ_SLICE(SORTED), (pq_slice){0}, 1, &c) ==
          PQ_OK);
    for (int i = 0; i <= steps && !pq_command_is_done(c); i++) {
      int rc = pq_command_step(c, 1);
      CHECK(rc == PQ_OK || rc == PQ_NEED_IO);
      if (rc == PQ_NEED_IO && i < steps) serve(&t, pq_command_fetch(c));
      while (rc == PQ_OK && pq_command_next(c, &v)) {
      }
    }
    is_done = pq_command_is_done(c);
    finish(&t, c);
    CHECK(put_count == 0 || is_clean(&t));
  }
  CHECK(is_done);
  bench_close(&t);
}

/* A store that takes no more temporary objects after the first ones. */
static void test_abandon_failing_store(void) {
  bench t;
  bench_open(&t, false);
  insert(&t);
  put_count = 0;
  CHECK(run(&t, SORTED, 0) == PQ_OK && put_count > 1);
  puts_fail = true;
  CHECK(run(&t, SORTED, 0) == PQ_EIO);
  puts_fail = false;
  CHECK(is_clean(&t));
  bench_close(&t);
}

int main(void) {
  RUN(test_abandon_memory);
  RUN(test_abandon_disk);
  RUN(test_abandon_each_step);
  RUN(test_abandon_failing_store);
  return unit_end();
}
