/* Unit tests of db/past.c, and of the options that bound the past: how many events lie between two
 * instants whose files are kept (snapshot_events), how many entities of the past stay in memory
 * (cached_entities). Neither may ever show in an answer.
 */
#define _XOPEN_SOURCE 700
#include "db/past.h"

#include "drive_dir.h"
#include "parquedb/parquedb.h"
#include "ask_util.h"
#include "unit.h"

enum { TEXT_CAP = 1 << 14, CHANGES = 40 };

/* ---- the shelf ---- */

static pq_event event_of(uint64_t seq, const char *id) {
  static const uint8_t meta[] = {0x11, 0, 0}, value[] = {0x02, 0, 0};
  return (pq_event){.seq = seq,
                    .ts = 1000,
                    .op = PQ_EVENT_CREATE,
                    .target = PQ_TARGET_ENTITY,
                    .id = pq_str(id),
                    .version = 1,
                    .after = {meta, value, sizeof meta, sizeof value}};
}

/* An interval of two entities behind an entry, read and left. */
static int read_one(pq_past_shelf *shelf, pq_cx *cx, uint64_t entry) {
  pq_event events[2] = {event_of(entry * 2 + 1, "t/a"), event_of(entry * 2 + 2, "t/b")};
  pq_past *p;
  PQ_TRY(pq_past_new(shelf, cx, entry, entry * 2 + 2, events, 2, &p));
  CHECK(p->overlay.key_count == 2);
  pq_past_leave(shelf, p);
  return PQ_OK;
}

static bool is_kept(pq_past_shelf *shelf, uint64_t entry) {
  pq_past *p = pq_past_find(shelf, entry, entry * 2 + 2);
  if (p != NULL) pq_past_leave(shelf, p);
  return p != NULL;
}

static void test_past_shelf_is_bounded_by_entities(void) {
  pq_past_shelf shelf = {.entity_max = 5};
  pq_cx cx;
  unit_cx_init(&cx);
  for (uint64_t entry = 1; entry <= 4; entry++)
    CHECK(read_one(&shelf, &cx, entry) == PQ_OK);
  CHECK(shelf.count == 2 && is_kept(&shelf, 4) && is_kept(&shelf, 3) && !is_kept(&shelf, 2));
  CHECK(is_kept(&shelf, 3)); /* used last: entry 4 goes first */
  CHECK(read_one(&shelf, &cx, 5) == PQ_OK);
  CHECK(shelf.count == 2 && is_kept(&shelf, 3) && !is_kept(&shelf, 4));
  shelf.entity_max = 1;
  CHECK(is_kept(&shelf, 3) && shelf.count == 0); /* the reader's until it left */
  shelf.entity_max = 0;
  for (uint64_t entry = 1; entry <= PQ_PASTS_MAX + 3; entry++)
    CHECK(read_one(&shelf, &cx, entry) == PQ_OK);
  CHECK(shelf.count == PQ_PASTS_MAX && !is_kept(&shelf, 1));
  pq_past_clear(&shelf);
  CHECK(unit_live_len == 0);
}

static void test_past_without_memory(void) {
  for (long n = 1; n > 0;) {
    pq_past_shelf shelf = {0};
    pq_cx cx;
    int rc;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = read_one(&shelf, &cx, 1);
    pq_past_clear(&shelf);
    n = unit_oom_next(n, rc);
  }
}

/* ---- the options ---- */

static pqdb *open_db(const char *dir, uint64_t snapshot_events, uint64_t cached_entities) {
  pqdb_options options = {.size = sizeof options,
                          .mode = PQDB_CREATE,
                          .vacuum_bytes = UINT64_MAX,
                          .snapshot_events = snapshot_events,
                          .cached_entities = cached_entities};
  pqdb *db = NULL;
  CHECK(pqdb_open(dir, &options, &db) == PQDB_OK);
  return db;
}

/* The number behind a name in the reply to a command. */
static uint64_t number(pqdb *db, const char *command, const char *name) {
  static char text[TEXT_CAP];
  const char *at;
  CHECK(ask(db, command, text, TEXT_CAP) == PQDB_DONE);
  at = strstr(text, name);
  CHECK(at != NULL);
  return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

/* One change a command, of four entities. */
static void change(pqdb *db) {
  static char text[TEXT_CAP];
  for (int i = 0; i < CHANGES; i++) {
    char command[128];
    snprintf(command, sizeof command, "{\"update\": \"t/%d\", \"ops\": {\"$set\": {\"n\": %d}}%s}",
             i % 4, i, i < 4 ? ", \"upsert\": true" : "");
    CHECK(ask(db, command, text, TEXT_CAP) == PQDB_DONE);
  }
  CHECK(ask(db, "{\"maintain\": 0}", text, TEXT_CAP) == PQDB_DONE);
  CHECK(pqdb_flush(db) == PQDB_OK);
  CHECK(ask(db, "{\"compact\": \"\"}", text, TEXT_CAP) == PQDB_DONE);
}

/* The last change of each of the four is known at every instant. */
static void check_past(pqdb *db) {
  for (uint64_t seq = 4; seq <= CHANGES; seq++) {
    char command[160], get[96];
    uint64_t sum = 0;
    for (uint64_t k = 0; k < 4; k++)
      sum += seq - 1 - k;
    snprintf(command, sizeof command,
             "{\"aggregate\": \"t\", \"pipeline\": [{\"$group\": {\"_id\": null, \"s\": {\"$sum\": "
             "\"$n\"}}}], \"asOf\": \"seq:%u\"}",
             (unsigned)seq);
    CHECK(number(db, command, "\"s\":") == sum);
    snprintf(get, sizeof get, "{\"get\": \"t/%u\", \"asOf\": \"seq:%u\"}", (unsigned)(seq - 1) % 4,
             (unsigned)seq);
    CHECK(number(db, get, "\"n\":") == seq - 1);
  }
}

static uint64_t forgotten(pqdb *db) {
  return number(db, "{\"vacuum\": 1, \"minAge\": \"0\"}", "\"instantsForgotten\":");
}

static void test_past_snapshot_events(void) {
  char dir[DRIVE_DIR_CAP];
  pqdb *db;
  drive_make_dir(dir);
  db = open_db(dir, 5, 1);
  change(db);
  CHECK(number(db, "{\"stats\": 1}", "\"flushes\":") == CHANGES / 5);
  check_past(db);
  (void)forgotten(db); /* more than one entry may be of one event */
  check_past(db);
  CHECK(forgotten(db) == 0);
  pqdb_close(db);
  db = open_db(dir, 0, 0); /* all 40 changes lie in one interval now */
  check_past(db);
  CHECK(forgotten(db) >= CHANGES / 5 - 1);
  check_past(db);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

/* 10,000 changes may lie between two instants when nobody says anything. */
static void test_past_default(void) {
  char dir[DRIVE_DIR_CAP];
  pqdb *db;
  drive_make_dir(dir);
  db = open_db(dir, 0, 0);
  change(db);
  CHECK(number(db, "{\"stats\": 1}", "\"flushes\":") == 1);
  check_past(db);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

int main(void) {
  RUN(test_past_shelf_is_bounded_by_entities);
  RUN(test_past_without_memory);
  RUN(test_past_snapshot_events);
  RUN(test_past_default);
  return unit_end();
}
