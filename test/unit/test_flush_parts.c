/* A flush of changes that are spread over more documents than fit into memory at once: what they
 * replace is read in parts. */
#include <stdio.h>
#include <string.h>

#include "parquedb/parquedb.h"
#include "unit.h"

enum { DOCUMENTS = 36000, AT_ONCE = 1000, NOTE_LEN = 1200, EVERY = 24, ASKED = 40 };

static pqdb *db;
static char text[AT_ONCE * (NOTE_LEN + 100)];

/* The last row of the replies in `row`. */
static int run(const char *command, char *row, size_t cap) {
  pqdb_replies *r = NULL;
  const char *json;
  size_t len;
  int rc = pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r);
  while (rc == PQDB_OK || rc == PQDB_ROW) {
    rc = pqdb_next(r, &json, &len);
    if (row != NULL && rc == PQDB_ROW) snprintf(row, cap, "%.*s", (int)len, json);
  }
  if (rc < 0) fprintf(stderr, "%.60s: %s\n", command, pqdb_message(db));
  pqdb_replies_close(r);
  return rc;
}

/* Letters in no order, so that pages stay long. */
static size_t put_note(char *out, int number) {
  unsigned state = (unsigned)number * 2654435761u + 1;
  size_t n = (size_t)sprintf(out, "%d is ", number);
  while (n < NOTE_LEN) {
    state = state * 1664525u + 1013904223u;
    out[n++] = (char)('a' + (state >> 24) % 26);
  }
  return n;
}

static void fill(void) {
  for (int from = 0; from < DOCUMENTS; from += AT_ONCE) {
    size_t n = (size_t)sprintf(text, "{\"insert\": \"notes\", \"documents\": [");
    for (int i = from; i < from + AT_ONCE; i++) {
      n += (size_t)sprintf(text + n, "%s{\"$id\": \"%05d\", \"k\": %d, \"note\": \"",
                           i > from ? "," : "", i, i % EVERY);
      n += put_note(text + n, i);
      n += (size_t)sprintf(text + n, "\"}");
    }
    strcpy(text + n, "]}");
    CHECK(run(text, NULL, 0) == PQDB_DONE);
  }
  CHECK(run("{\"flush\": 1}", NULL, 0) == PQDB_DONE);
  CHECK(run("{\"compact\": \"notes\"}", NULL, 0) == PQDB_DONE);
}

/* What the document's newest event says was before it. */
static void check_before(int number) {
  static char row[2 * NOTE_LEN + 2000];
  char command[80], wanted[80];
  const char *before;
  snprintf(command, sizeof command, "{\"history\": \"notes/%05d\"}", number);
  snprintf(wanted, sizeof wanted, "\"before\":{\"k\":%d,\"note\":\"%d is ", number % EVERY, number);
  CHECK(run(command, row, sizeof row) == PQDB_DONE);
  before = strstr(row, "\"before\":");
  CHECK(before != NULL && strncmp(before, wanted, strlen(wanted)) == 0);
  CHECK(strstr(row, "\"n\":7") != NULL);
}

static void test_parts(void) {
  pqdb_options options = {.size = sizeof options, .memory = 64 << 20};
  char row[200];
  CHECK(pqdb_open_memory(&options, &db) == PQDB_OK);
  fill();
  CHECK(
      run("{\"updateMany\": \"notes\", \"filter\": {\"k\": 5}, \"update\": {\"$set\": {\"n\": 7}}}",
          NULL, 0) == PQDB_DONE);
  CHECK(run("{\"flush\": 1}", NULL, 0) == PQDB_DONE);
  for (int i = 0; i < ASKED; i++)
    check_before(5 + i * (DOCUMENTS / EVERY / ASKED) * EVERY);
  CHECK(run("{\"find\": \"notes\", \"filter\": {\"n\": 7}, \"sort\": {\"$id\": -1}, \"limit\": 1, "
            "\"project\": {\"k\": 1}}",
            row, sizeof row) == PQDB_DONE);
  CHECK(strstr(row, "35981") != NULL);
  CHECK(run("{\"verify\": 1}", NULL, 0) == PQDB_DONE);
  pqdb_close(db);
}

int main(void) {
  RUN(test_parts);
  return unit_end();
}
