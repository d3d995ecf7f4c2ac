/* Unit tests of moments of the past (db/snapshot.c): a reading process refuses no event that
 * another one has been told of, whatever it has read before, and every one that is still to come.
 */
#define _XOPEN_SOURCE 700
#include <string.h>

#include "ask_util.h"
#include "drive_dir.h"
#include "unit.h"

enum { TEXT_CAP = 1 << 14 };

static const char *const questions[] = {
    "{\"get\": \"t/a\", \"asOf\": %s}",
    "{\"find\": \"t\", \"asOf\": %s}",
    "{\"count\": \"t\", \"asOf\": %s}",
    "{\"reconstruct\": \"t/a\", \"asOf\": %s}",
    "{\"getAtVersion\": \"t/a\", \"version\": 1, \"asOf\": %s}",
    "{\"history\": \"t/a\", \"asOf\": %s}",
    "{\"diff\": \"t/a\", \"from\": %s}",
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

static int ask_as_of(pqdb *db, int question, const char *moment, char *out) {
  char command[256];
  int n = snprintf(command, sizeof command, questions[question], moment);
  CHECK(n > 0 && (size_t)n < sizeof command);
  return ask(db, command, out, TEXT_CAP);
}

/* The last event is there, as its number and as its id, and the next one is not. */
static void check_last(pqdb *db, unsigned seq, const char *id) {
  static char text[TEXT_CAP];
  char moment[64], told[64];
  for (int i = 0; i < QUESTIONS; i++) {
    snprintf(moment, sizeof moment, "\"seq:%u\"", seq);
    CHECK(ask_as_of(db, i, moment, text) == PQDB_DONE);
    CHECK(ask_as_of(db, i, id, text) == PQDB_DONE);
    snprintf(moment, sizeof moment, "{\"seq\": %u}", seq + 1);
    snprintf(told, sizeof told, "event %u is not there yet", seq + 1);
    CHECK(ask_as_of(db, i, moment, text) == PQDB_VALIDATION_FAILED);
    CHECK(strstr(pqdb_message(db), told) != NULL);
  }
}

/* The id of the newest event of t/a, in its quotes. */
static void find_id(pqdb *db, char id[32]) {
  static char text[TEXT_CAP];
  const char *at;
  CHECK(ask(db, "{\"reconstruct\": \"t/a\"}", text, TEXT_CAP) == PQDB_DONE);
  at = strstr(text, "\"event\":");
  CHECK(at != NULL);
  at = strchr(at + 8, '"');
  CHECK(at != NULL && strlen(at) > 28 && at[27] == '"');
  memcpy(id, at, 28);
  id[28] = '\0';
}

static void test_moment_of_the_last_event(void) {
  static char text[TEXT_CAP];
  char dir[DRIVE_DIR_CAP], id[32];
  pqdb *writer, *reader, *fresh;
  drive_make_dir(dir);
  writer = ask_open(dir, PQDB_CREATE);
  CHECK(ask(writer, "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 0}]}", text,
            TEXT_CAP) == PQDB_DONE);
  reader = ask_open(dir, PQDB_READ);
  for (unsigned seq = 1; seq < 12; seq++) {
    find_id(writer, id);
    check_last(reader, seq, id);
    fresh = ask_open(dir, PQDB_READ);
    check_last(fresh, seq, id);
    pqdb_close(fresh);
    check_last(writer, seq, id);
    if (seq % 4 == 0) CHECK(pqdb_flush(writer) == PQDB_OK);
    if (seq % 4 == 0) check_last(reader, seq, id);
    CHECK(ask(writer, "{\"update\": \"t/a\", \"ops\": {\"$inc\": {\"n\": 1}}}", text, TEXT_CAP) ==
          PQDB_DONE);
  }
  pqdb_close(reader);
  pqdb_close(writer);
  drive_remove_dir(dir, 0);
}

int main(void) {
  RUN(test_moment_of_the_last_event);
  return unit_end();
}
