/* crash/mixed_load.c - a mixed load until somebody kills it: what crash.py kills.
 *
 *   > insert 17        what comes next, told before it begins
 *   + insert 17        it was acknowledged
 *
 * Documents i<N> of `items` are inserted, updated, linked to the one before and deleted in random
 * order; `bulk` gets 400 documents at once, every other time as files; a transaction makes both
 * documents of a pair and the edge between them; `many` gets 16 by callers side by side; flushes,
 * compactions, checkpoints and vacuums between. Lines go out by one write each, so that what was
 * said before a kill arrives.
 *
 * usage: mixed_load WAREHOUSE SEED FIRST DELETED BULK PAIR MANY  (numbers that follow what is
 * there)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parquedb/parquedb.h"

enum { BULK = 400, CALLERS = 16, LINE_CAP = 120, EXIT_FAILED = 3 };

static unsigned long long rng;

static unsigned next_random(unsigned below) {
  rng = rng * 6364136223846793005ull + 1442695040888963407ull;
  return (unsigned)((rng >> 33) % below);
}

static void say(char mark, const char *what, long n) {
  char line[LINE_CAP];
  int len = snprintf(line, sizeof line, "%c %s %ld\n", mark, what, n);
  if (write(1, line, (size_t)len) != len) exit(EXIT_FAILED);
}

static void check(pqdb *db, int rc, const char *what) {
  if (rc >= 0) return;
  fprintf(stderr, "mixed_load: %s: %s: %s\n", what, pqdb_status_name(rc), pqdb_message(db));
  exit(EXIT_FAILED);
}

static void insert(pqdb *db, long n) {
  char document[200];
  snprintf(document, sizeof document, "{\"$id\":\"i%06ld\",\"n\":%ld,\"text\":\"item %ld\"}", n, n,
           n * 7919);
  say('>', "insert", n);
  check(db, pqdb_create(db, "items", document), "insert");
  say('+', "insert", n);
}

static void update(pqdb *db) {
  say('>', "update", 0);
  check(db, pqdb_update(db, "items/counter", "{\"$inc\":{\"n\":1}}", NULL), "update");
  say('+', "update", 0);
}

static void link_items(pqdb *db, long n) {
  char from[40], to[40];
  snprintf(from, sizeof from, "items/i%06ld", n);
  snprintf(to, sizeof to, "items/i%06ld", n - 1);
  say('>', "link", n);
  check(db, pqdb_link(db, from, "next", to, NULL), "link");
  say('+', "link", n);
}

static void delete_item(pqdb *db, long n) {
  char id[40];
  snprintf(id, sizeof id, "items/i%06ld", n);
  say('>', "delete", n);
  check(db, pqdb_delete(db, id, NULL), "delete");
  say('+', "delete", n);
}

static void bulk(pqdb *db, long n) {
  static char lines[BULK * 60];
  size_t len = 0;
  for (int i = 0; i < BULK; i++)
    len += (size_t)snprintf(lines + len, sizeof lines - len, "{\"$id\":\"b%ld-%d\",\"n\":%d}\n", n,
                            i, i);
  say('>', "bulk", n);
  check(db, pqdb_create_many(db, "bulk", lines, len), "bulk");
  say('+', "bulk", n);
}

static void pair(pqdb *db, long n) {
  char document[100], from[40], to[40];
  say('>', "pair", n);
  check(db, pqdb_begin(db, NULL), "begin");
  for (int side = 0; side < 2; side++) {
    snprintf(document, sizeof document, "{\"$id\":\"%c%ld\",\"n\":%ld}", side ? 'r' : 'l', n, n);
    check(db, pqdb_create(db, side ? "right" : "pairs", document), "insert in a transaction");
  }
  snprintf(from, sizeof from, "pairs/l%ld", n);
  snprintf(to, sizeof to, "right/r%ld", n);
  check(db, pqdb_link(db, from, "other", to, NULL), "link in a transaction");
  check(db, pqdb_commit(db, NULL), "commit");
  say('+', "pair", n);
}

static void many(pqdb *db, long n) {
  pqdb_replies *callers[CALLERS];
  char command[CALLERS][120];
  const char *json;
  size_t len;
  say('>', "many", n);
  for (int i = 0; i < CALLERS; i++) {
    int size = snprintf(command[i], sizeof command[i],
                        "{\"insert\":\"many\",\"documents\":[{\"$id\":\"m%ld-%d\"}]}", n, i);
    check(db, pqdb_submit(db, NULL, command[i], (size_t)size, NULL, 0, &callers[i]), "submit");
  }
  while (pqdb_poll(db) > 0) {
  }
  for (int i = 0; i < CALLERS; i++) {
    check(db, pqdb_next(callers[i], &json, &len), "insert of one caller of many");
    pqdb_replies_close(callers[i]);
  }
  say('+', "many", n);
}

static void upkeep(pqdb *db, const char *name, const char *command) {
  pqdb_replies *r = NULL;
  say('>', name, 0);
  check(db, pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r), name);
  pqdb_replies_close(r);
  say('+', name, 0);
}

/* The numbers that come next. */
typedef struct load {
  long next, deleted, bulks, pairs, many;
} load;

static void step(pqdb *db, load *l) {
  unsigned what = next_random(100);
  if (what < 45)
    insert(db, l->next++);
  else if (what < 63)
    update(db);
  else if (what < 73 && l->next > l->deleted + 3)
    link_items(db, l->next - 1);
  else if (what < 78 && l->next > l->deleted + 10)
    delete_item(db, l->deleted++);
  else if (what < 82)
    bulk(db, l->bulks++);
  else if (what < 88)
    pair(db, l->pairs++);
  else if (what < 92)
    many(db, l->many++);
  else if (what < 96)
    upkeep(db, "flush", "{\"flush\":1}");
  else if (what < 98)
    upkeep(db, "compact", "{\"compact\":\"\"}");
  else if (what == 98)
    upkeep(db, "checkpoint", "{\"checkpoint\":1}");
  else
    upkeep(db, "vacuum", "{\"vacuum\":1,\"minAge\":\"0\"}");
}

int main(int argc, char **argv) {
  pqdb_options options = {.size = sizeof options, .bulk = 200}; /* the bulk of 400 is one */
  load l;
  pqdb *db;
  if (argc != 8) return 2;
  rng = (unsigned long long)atol(argv[2]);
  if (rng % 2 == 0) options.bulk = 0; /* too few then: the 400 go through the hot tier */
  l = (load){atol(argv[3]), atol(argv[4]), atol(argv[5]), atol(argv[6]), atol(argv[7])};
  check(NULL, pqdb_open(argv[1], &options, &db), "open");
  for (;;)
    step(db, &l);
}
