/* Many commands at a time that need more memory together than there is: none fails, unless it needs
 * too much alone. */
#include <stdio.h>
#include <string.h>

#include "parquedb/parquedb.h"
#include "unit.h"

enum { DOCUMENTS = 1500, NOTE_LEN = 4000, AT_ONCE = 48, IDLE = 4, POLLS_MAX = 2000000 };

static pqdb *db;
static pqdb_replies *replies[AT_ONCE * 2];
static char text[DOCUMENTS / 10 * (NOTE_LEN + 200)];

static int run(const char *command) {
  pqdb_replies *r = NULL;
  const char *json;
  size_t len;
  int rc = pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r);
  while (rc == PQDB_OK || rc == PQDB_ROW)
    rc = pqdb_next(r, &json, &len);
  pqdb_replies_close(r);
  return rc;
}

static void start(void) {
  pqdb_options options = {.size = sizeof options, .memory = 64 << 20};
  CHECK((pqdb_open_memory(&options, &db)) == PQDB_OK);
  for (int part = 0; part < 10; part++) {
    size_t n = (size_t)sprintf(text, "{\"insert\": \"notes\", \"documents\": [");
    for (int i = 0; i < DOCUMENTS / 10; i++) {
      n += (size_t)sprintf(text + n, "%s{\"$id\": \"%d\", \"n\": %d, \"note\": \"",
                           i > 0 ? "," : "", part * DOCUMENTS + i, i);
      for (int k = 0; k < NOTE_LEN; k++)
        text[n++] = (char)('a' + (k * 7 + i * 13 + part * 31 + k * k % 11) % 26);
      n += (size_t)sprintf(text + n, "\"}");
    }
    strcpy(text + n, "]}");
    CHECK((run(text)) == PQDB_DONE);
  }
  CHECK((run("{\"flush\": 1}")) == PQDB_DONE);
}

static pqdb_replies *submit(const char *command) {
  pqdb_replies *r = NULL;
  CHECK((pqdb_submit(db, NULL, command, strlen(command), NULL, 0, &r)) == PQDB_OK);
  return r;
}

/* Poll until all are over; how many of them failed for want of memory. */
static int finish(int count) {
  int open = count, failed = 0;
  for (int i = 0; i < POLLS_MAX && open > 0; i++) {
    (void)pqdb_poll(db);
    for (int k = 0; k < count; k++) {
      const char *json;
      size_t len;
      int rc = PQDB_ROW;
      while (replies[k] != NULL && rc == PQDB_ROW && pqdb_is_ready(replies[k]) == 1)
        rc = pqdb_next(replies[k], &json, &len);
      if (rc == PQDB_ROW) continue;
      if (rc != PQDB_DONE) CHECK((rc) == PQDB_LIMIT_EXCEEDED);
      failed += rc == PQDB_LIMIT_EXCEEDED;
      pqdb_replies_close(replies[k]);
      replies[k] = NULL;
      open--;
    }
  }
  CHECK((open) == 0);
  return failed;
}

/* Some 6 MB of notes in groups: with what is decoded beside them several fit, 48 do not. */
static const char big[] =
    "{\"aggregate\": \"notes\", \"pipeline\": [{\"$group\": {\"_id\": \"$n\", "
    "\"all\": {\"$push\": \"$note\"}}}, {\"$count\": \"n\"}]}";

static void test_reads_wait(void) {
  for (int i = 0; i < AT_ONCE; i++)
    replies[i] = submit(big);
  CHECK((finish(AT_ONCE)) == 0);
}

static void test_writes_go_on(void) {
  char command[100];
  for (int i = 0; i < AT_ONCE; i++) {
    replies[i * 2] = submit(big);
    snprintf(command, sizeof command,
             "{\"insert\": \"others\", \"documents\": [{\"$id\": \"%d\", \"a\": 1}]}", i);
    replies[i * 2 + 1] = submit(command);
  }
  CHECK((finish(AT_ONCE * 2)) == 0);
}

/* One that never fits is told so, and the others are not. */
static void test_too_much_alone(void) {
  static const char huge[] =
      "{\"aggregate\": \"notes\", \"pipeline\": [{\"$group\": {\"_id\": null, "
      "\"all\": {\"$push\": \"$note\"}}}]}";
  for (int i = 0; i < 8; i++)
    replies[i] = submit(i == 3 ? huge : big);
  CHECK(finish(8) == 1);
}

/* Replies that nobody reads hold what they have: whoever waits for them does not wait for ever. */
static void test_idle_replies(void) {
  pqdb_replies *idle[IDLE];
  for (int i = 0; i < IDLE; i++) {
    idle[i] = submit("{\"find\": \"notes\", \"filter\": {}}");
    while (pqdb_is_ready(idle[i]) == 0)
      (void)pqdb_poll(db);
  }
  for (int i = 0; i < 4; i++)
    replies[i] = submit(big);
  CHECK(finish(4) == 0);
  for (int i = 0; i < IDLE; i++)
    pqdb_replies_close(idle[i]);
}

int main(void) {
  start();
  RUN(test_reads_wait);
  RUN(test_writes_go_on);
  RUN(test_too_much_alone);
  RUN(test_idle_replies);
  pqdb_close(db);
  return unit_end();
}
