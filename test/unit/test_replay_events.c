/* test/unit/test_replay_events.c - the calls on history: a replay from one handle into
 * another, in pages, interrupted and gone on with; diff, revert, a version.
 */
#include "parquedb/parquedb.h"
#include "unit.h"

enum { DOCUMENTS = 1500 }; /* more than a page */

static pqdb *open_one(const char *ns) {
  pqdb_options options = {.size = sizeof options, .ns = ns, .json = PQDB_CANONICAL};
  pqdb *db = NULL;
  CHECK(pqdb_open_memory(&options, &db) == PQDB_OK);
  return db;
}

static uint64_t count(pqdb *db, const char *collection) {
  uint64_t n = 0;
  CHECK(pqdb_count(db, collection, NULL, &n) == PQDB_OK);
  return n;
}

static void fill(pqdb *db) {
  char line[64];
  char *lines = malloc(DOCUMENTS * sizeof line);
  size_t len = 0;
  CHECK(lines != NULL);
  if (lines == NULL) return;
  for (int i = 0; i < DOCUMENTS; i++)
    len += (size_t)snprintf(lines + len, sizeof line, "{\"$id\": \"d%04d\", \"n\": %d}\n", i, i);
  CHECK(pqdb_create_many(db, "t", lines, len) == PQDB_OK);
  free(lines);
  CHECK(pqdb_create(db, "u", "{\"$id\": \"a\"}") == PQDB_OK);
  CHECK(pqdb_link(db, "t/d0000", "p", "u/a", NULL) == PQDB_OK);
}

static int replay_all(pqdb *from, const char *collection, const char *options, pqdb *into,
                      pqdb_replay_state *state) {
  int rc = PQDB_ROW;
  while (rc == PQDB_ROW)
    rc = pqdb_replay(from, collection, options, into, state);
  return rc;
}

static void test_replay_pages(void) {
  pqdb *from = open_one("a"), *into = open_one("b");
  pqdb_replay_state state = {0}, again = {0};
  fill(from);
  CHECK(pqdb_replay(from, NULL, NULL, into, &state) == PQDB_ROW);
  CHECK(state.replayed == 1000 && count(into, "t") == 1000);
  CHECK(pqdb_replay_resume(into, &again) == PQDB_OK);
  CHECK(strcmp(again.cursor, state.cursor) == 0);
  CHECK(replay_all(from, NULL, NULL, into, &again) == PQDB_DONE);
  CHECK(again.replayed == DOCUMENTS + 2 - 1000 && again.skipped == 0);
  CHECK(count(into, "t") == DOCUMENTS && count(into, "u") == 1);
  CHECK(pqdb_update(from, "t/d0001", "{\"$set\": {\"n\": 0}}", NULL) == PQDB_OK);
  CHECK(replay_all(from, NULL, NULL, into, &again) == PQDB_DONE);
  CHECK(again.replayed == DOCUMENTS + 3 - 1000);
  CHECK(replay_all(from, NULL, NULL, into, &again) == PQDB_DONE);
  CHECK(again.replayed == DOCUMENTS + 3 - 1000);
  pqdb_close(from);
  pqdb_close(into);
}

static void test_replay_choice_and_failures(void) {
  pqdb *from = open_one("a"), *into = open_one("b");
  pqdb_replay_state state = {0};
  fill(from);
  CHECK(replay_all(from, "u", "{}", into, &state) == PQDB_DONE && state.replayed == 1);
  state = (pqdb_replay_state){0};
  CHECK(replay_all(from, "t", " {\"filter\": {\"after.n\": {\"$lt\": 10}}} ", into, &state) ==
        PQDB_DONE);
  CHECK(state.replayed == 10 && count(into, "t") == 10);
  state = (pqdb_replay_state){0};
  CHECK(pqdb_replay(from, "t", "{\"nope\": 1}", into, &state) == PQDB_VALIDATION_FAILED);
  CHECK(state.has_source_failed && strstr(pqdb_message(from), "nope") != NULL);
  memcpy(state.cursor, "\"x\\", 4);
  CHECK(pqdb_replay(from, "t", NULL, into, &state) == PQDB_VALIDATION_FAILED);
  CHECK(pqdb_replay(from, "$t\n", NULL, into, &state) == PQDB_VALIDATION_FAILED);
  pqdb_close(from);
  pqdb_close(into);
}

/* The first item has the text. */
static bool shows(pqdb_replies *r, const char *text) {
  const char *json;
  size_t len;
  bool is_there = pqdb_next(r, &json, &len) == PQDB_ROW && strstr(json, text) != NULL;
  pqdb_replies_close(r);
  return is_there;
}

static void test_replay_diff_revert_version(void) {
  pqdb *db = open_one(NULL);
  pqdb_replies *r = NULL;
  CHECK(pqdb_create(db, "t", "{\"$id\": \"a\", \"s\": \"x\"}") == PQDB_OK);
  CHECK(pqdb_update(db, "t/a", "{\"$set\": {\"s\": \"y\"}}", NULL) == PQDB_OK);
  CHECK(pqdb_get_at_version(db, "t/a", 1, "{\"plain\": true}", &r) == PQDB_OK);
  CHECK(shows(r, "{\"s\":\"x\"}"));
  CHECK(pqdb_diff(db, "t/a", "seq:1", NULL, NULL, &r) == PQDB_OK);
  CHECK(shows(r, "\"changed\":[\"s\"]"));
  CHECK(pqdb_diff(db, "t", "seq:0", "seq:1", "{\"limit\": 1}", &r) == PQDB_OK);
  CHECK(shows(r, "\"change\":\"created\""));
  CHECK(pqdb_revert(db, "t", "seq:1", "{\"actor\": \"me\"}") == PQDB_OK);
  CHECK(pqdb_get(db, "t/a", NULL, &r) == PQDB_OK);
  CHECK(shows(r, "\"s\":\"x\""));
  CHECK(pqdb_revert(db, "t", "some day", NULL) == PQDB_VALIDATION_FAILED);
  pqdb_close(db);
}

static void test_replay_append_reconstruct(void) {
  pqdb *db = open_one(NULL);
  pqdb_replies *r = NULL;
  CHECK(pqdb_append_event(db,
                          "{\"op\": \"CREATE\", \"entityId\": \"t/a\", \"after\": {\"s\": \"x\"}}",
                          NULL) == PQDB_OK);
  CHECK(pqdb_flush(db) == PQDB_OK);
  CHECK(pqdb_append_event(db,
                          "{\"op\": \"UPDATE\", \"entityId\": \"t/a\", \"after\": "
                          "{\"s\": \"y\"}, \"version\": 2}",
                          "{\"actor\": \"users/me\"}") == PQDB_OK);
  CHECK(pqdb_append_event(db, "{\"op\": \"DELETE\", \"entityId\": \"t/b\"}", NULL) < PQDB_OK);
  CHECK(pqdb_append_event(db, "1", NULL) == PQDB_VALIDATION_FAILED);
  CHECK(pqdb_reconstruct(db, "t/a", "seq:1", NULL, &r) == PQDB_OK);
  CHECK(shows(r, "\"s\":\"x\""));
  CHECK(pqdb_reconstruct(db, "t/a", NULL, "{\"plain\": true}", &r) == PQDB_OK);
  CHECK(shows(r, "{\"s\":\"y\"}"));
  pqdb_close(db);
}

int main(void) {
  RUN(test_replay_pages);
  RUN(test_replay_choice_and_failures);
  RUN(test_replay_diff_revert_version);
  RUN(test_replay_append_reconstruct);
  return unit_end();
}
