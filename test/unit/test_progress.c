/* How far a long command is: what bars are drawn from, in C. */
#include <stdio.h>
#include <string.h>

#include "drive_dir.h"
#include "parquedb/backup.h"
#include "parquedb/parquedb.h"
#include "unit.h"

enum { DOCS = 3000 };

static char dir[DRIVE_DIR_CAP], copy_dir[DRIVE_DIR_CAP];

static pqdb *open_disk(const char *path) {
  pqdb *db = NULL;
  CHECK(pqdb_open(path, NULL, &db) == PQDB_OK);
  return db;
}

static void fill(pqdb *db) {
  static char lines[DOCS * 40];
  size_t len = 0;
  for (int i = 0; i < DOCS; i++)
    len += (size_t)snprintf(lines + len, sizeof lines - len, "{\"$id\":\"d%d\",\"n\":%d}\n", i, i);
  CHECK(pqdb_create_many(db, "t", lines, len) == PQDB_OK);
  CHECK(pqdb_flush(db) == PQDB_OK);
}

/* What is done grows up to the total, which is known before the end. */
static void follow(pqdb *db, const char *command) {
  pqdb_replies *r = NULL;
  uint64_t done = 0, total = 0, last = 0;
  int steps = 0;
  CHECK(pqdb_submit(db, NULL, command, strlen(command), NULL, 0, &r) == PQDB_OK);
  if (r == NULL) return;
  pqdb_progress(r, &done, &total);
  CHECK(done == 0 && total == 0);
  while (!pqdb_is_ready(r)) {
    (void)pqdb_poll(db);
    pqdb_progress(r, &done, &total);
    CHECK(done <= total && done >= last);
    steps += done > last;
    last = done;
  }
  CHECK(total > 0 && done == total && steps > 3);
  pqdb_replies_close(r);
}

static void test_progress_verify(void) {
  static const char count[] = "{\"count\":\"t\"}";
  pqdb_replies *r = NULL;
  uint64_t done = 1, total = 1;
  pqdb *db;
  drive_make_dir(dir);
  db = open_disk(dir);
  fill(db);
  CHECK(pqdb_update(db, "t/d7", "{\"$inc\":{\"n\":1}}", NULL) == PQDB_OK);
  CHECK(pqdb_link(db, "t/d7", "next", "t/d8", NULL) == PQDB_OK);
  CHECK(pqdb_flush(db) == PQDB_OK);
  follow(db, "{\"verify\":1}");
  follow(db, "{\"verify\":1,\"quick\":true}");
  CHECK(pqdb_submit(db, NULL, count, strlen(count), NULL, 0, &r) == PQDB_OK);
  while (pqdb_poll(db) > 0)
    continue;
  pqdb_progress(r, &done, &total);
  CHECK(done == 0 && total == 0); /* nobody knows */
  pqdb_replies_close(r);
  pqdb_close(db);
}

/* ---- copies ---- */

typedef struct seen {
  uint64_t done, total;
  int calls;
} seen;

static void on_progress(void *ud, uint64_t done, uint64_t total) {
  seen *s = ud;
  CHECK(done <= total && done >= s->done);
  *s = (seen){done, total, s->calls + 1};
}

static void test_progress_backup(void) {
  seen s = {0};
  pqdb_backup_options options = {.size = sizeof options, .progress = on_progress, .ud = &s};
  pqdb_backup_report report;
  pqdb_options other = {.size = sizeof other, .ns = "other"};
  pqdb *db = NULL;
  CHECK(pqdb_open(dir, &other, &db) == PQDB_OK);
  fill(db);
  pqdb_close(db);
  drive_make_dir(copy_dir);
  CHECK(pqdb_backup(dir, copy_dir, &options, &report) == PQDB_OK);
  CHECK(report.namespaces == 2 && s.calls > 3 && s.done == s.total && s.total > 0);
  CHECK(s.total <= report.bytes); /* besides, checkpoints */
  s = (seen){0};
  CHECK(pqdb_backup(dir, copy_dir, &options, &report) == PQDB_OK);
  CHECK(report.objects == 0 && s.done == s.total && s.total > 0); /* what is there counts, too */
  CHECK(pqdb_backup(dir, dir, &options, &report) == PQDB_VALIDATION_FAILED);
  CHECK(strstr(report.message, "choose a folder elsewhere") != NULL);
}

static void test_progress_replay(void) {
  pqdb *from = open_disk(dir), *into = NULL;
  pqdb_replay_state state = {0};
  uint64_t last = 0;
  int rc;
  CHECK(pqdb_open_memory(NULL, &into) == PQDB_OK);
  do {
    rc = pqdb_replay(from, "", NULL, into, &state);
    CHECK(rc >= 0 && state.seq > last && state.seq <= state.last_seq);
    last = state.seq;
  } while (rc == PQDB_ROW);
  CHECK(rc == PQDB_DONE && state.seq == state.last_seq && state.last_seq == state.replayed);
  pqdb_close(into);
  pqdb_close(from);
  drive_remove_dir(dir, 0);
  drive_remove_dir(copy_dir, 0);
}

int main(void) {
  RUN(test_progress_verify);
  RUN(test_progress_backup);
  RUN(test_progress_replay);
  return unit_end();
}
