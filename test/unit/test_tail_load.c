/* Unit tests of db/tail_load.c: what a reader takes of the tail never shows. Whatever it is asked
 * first, and whatever the writer does between two of its commands, it replies as the writer does.
 */
#define _XOPEN_SOURCE 700
#include <string.h>

#include "drive_dir.h"
#include "parquedb/parquedb.h"
#include "ask_util.h"
#include "unit.h"

enum { TEXT_CAP = 1 << 16 };

static const char *const questions[] = {"{\"get\": \"posts/p1\"}",
                                        "{\"history\": \"posts/p1\"}",
                                        "{\"reconstruct\": \"posts/p2\"}",
                                        "{\"getAtVersion\": \"posts/p1\", \"version\": 1}",
                                        "{\"get\": \"posts/none\"}",
                                        "{\"get\": \"posts/p1\", \"asOf\": \"seq:2\"}",
                                        "{\"get\": \"posts/p1\", \"populate\": {\"author\": true}}",
                                        "{\"history\": \"posts/p2\", \"from\": \"seq:2\"}",
                                        "{\"history\": \"posts\"}",
                                        "{\"find\": \"posts\", \"sort\": {\"n\": 1}}",
                                        "{\"related\": \"posts/p1\", \"predicate\": \"author\"}"};
enum { QUESTIONS = sizeof questions / sizeof *questions };

static void run(pqdb *db, const char *command) {
  static char text[TEXT_CAP];
  (void)ask(db, command, text, TEXT_CAP);
  CHECK(strstr(text, "\"ok\":1") != NULL || strstr(text, "\"ok\": 1") != NULL);
}

static void check_same(pqdb *writer, pqdb *reader, const char *command) {
  static char a[TEXT_CAP], b[TEXT_CAP];
  (void)ask(writer, command, a, TEXT_CAP);
  (void)ask(reader, command, b, TEXT_CAP);
  CHECK(strcmp(a, b) == 0);
}

/* Each question is the first one of a process, and is followed by another one. */
static void check_firsts(pqdb *writer, const char *dir) {
  for (int i = 0; i < QUESTIONS; i++) {
    pqdb *reader = ask_open(dir, PQDB_READ);
    check_same(writer, reader, questions[i]);
    check_same(writer, reader, questions[(i + 5) % QUESTIONS]);
    check_same(writer, reader, questions[(i + 2) % QUESTIONS]);
    pqdb_close(reader);
  }
}

static void check_all(pqdb *writer, pqdb *reader) {
  for (int i = 0; i < QUESTIONS; i++)
    check_same(writer, reader, questions[i]);
}

static void fill(pqdb *db) {
  run(db, "{\"insert\": \"users\", \"documents\": [{\"$id\": \"u1\", \"name\": \"Ann\"}]}");
  run(db,
      "{\"insert\": \"posts\", \"documents\": [{\"$id\": \"p1\", \"n\": 1}, {\"$id\": \"p2\", "
      "\"n\": 2}, {\"$id\": \"p3\", \"n\": 3}]}");
  run(db,
      "{\"update\": \"posts/p1\", \"ops\": {\"$set\": {\"n\": 11}, \"$link\": {\"author\": "
      "\"users/u1\"}}}");
  run(db, "{\"delete\": \"posts/p3\"}");
}

/* Batches of so many events that their filters are asked. */
static void fill_more(pqdb *db) {
  static char text[TEXT_CAP];
  for (int batch = 0; batch < 3; batch++) {
    size_t n = (size_t)snprintf(text, sizeof text, "{\"insert\": \"others\", \"documents\": [");
    for (int i = 0; i < 100; i++)
      n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"$id\": \"o%d-%d\", \"n\": %d}",
                            i == 0 ? "" : ", ", batch, i, i);
    snprintf(text + n, sizeof text - n, "]}");
    run(db, text);
    if (batch == 1) run(db, "{\"update\": \"posts/p1\", \"ops\": {\"$set\": {\"n\": 31}}}");
  }
  run(db,
      "{\"bulkWrite\": \"posts\", \"operations\": [{\"updateMany\": {\"filter\": {}, \"update\": "
      "{\"$set\": {\"m\": 1}}}}]}");
}

static void test_tail_load_readers(void) {
  char dir[DRIVE_DIR_CAP];
  pqdb *writer, *first, *second;
  drive_make_dir(dir);
  writer = ask_open(dir, PQDB_CREATE);
  fill(writer);
  check_firsts(writer, dir);
  first = ask_open(dir, PQDB_READ);
  second = ask_open(dir, PQDB_READ);
  check_same(writer, first, questions[0]); /* partial; `second` begins with everything */
  check_all(writer, second);
  run(writer, "{\"update\": \"posts/p2\", \"ops\": {\"$set\": {\"n\": 12}}}");
  check_all(writer, first);
  check_all(writer, second);
  run(writer, "{\"schema\": \"posts\", \"set\": {\"n\": \"int\"}}");
  check_all(writer, second);
  CHECK(pqdb_flush(writer) == PQDB_OK);
  check_all(writer, first);
  run(writer, "{\"insert\": \"posts\", \"documents\": [{\"$id\": \"p4\", \"n\": 4}]}");
  run(writer, "{\"replace\": \"posts/p1\", \"document\": {\"n\": 21}}");
  check_all(writer, first);
  check_all(writer, second);
  check_firsts(writer, dir);
  fill_more(writer);
  check_firsts(writer, dir);
  check_all(writer, first);
  pqdb_close(first);
  pqdb_close(second);
  pqdb_close(writer);
  drive_remove_dir(dir, 0);
}

int main(void) {
  RUN(test_tail_load_readers);
  return unit_end();
}
