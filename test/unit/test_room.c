/* Many commands at a time that need more memory together than there is: none fails, unless it needs
 * too much alone. */
#include <stdio.h>
#include <string.h>

#include "parquedb/parquedb.h"
#include "port/handle.h"
#include "unit.h"
#include "value/json.h"

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

/* ---- no memory to begin with ---- */

typedef struct block {
  struct block *next;
  size_t len;
} block;

static block *blocks;

/* Take what is left, down to what a command needs to begin. */
static void fill(void) {
  for (size_t len = 1 << 20; len >= 4096; len /= 2) {
    block *b;
    while ((b = pq_alloc(pq_handle_cx(db), NULL, 0, len)) != NULL) {
      *b = (block){blocks, len};
      blocks = b;
    }
  }
}

static void give_back(void) {
  while (blocks != NULL) {
    block *b = blocks;
    blocks = b->next;
    pq_alloc(pq_handle_cx(db), b, b->len, 0);
  }
}

/* What is kept to be quick is given up for the first of two commands; for the second there is
 * nothing. */
static int submit_without_memory(pq_value command, pqdb_replies **out) {
  pqdb_replies *first = NULL;
  fill();
  CHECK(pq_handle_submit(db, "default", command, &first) <= 0);
  pqdb_replies_close(first);
  fill();
  return pq_handle_submit(db, "default", command, out);
}

static void test_begins_later(void) {
  static const char count[] = "{\"count\": \"notes\"}";
  pqdb_replies *idle = submit("{\"find\": \"notes\", \"filter\": {}}"), *r = NULL;
  pq_builder *builder;
  pq_arena arena;
  pq_cx cx;
  pq_value command, item;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_builder_new(&cx, &builder) == PQ_OK);
  CHECK(pq_json_value(builder, pq_str(count), &arena, &command) == PQ_OK);
  while (pqdb_is_ready(idle) == 0)
    (void)pqdb_poll(db);
  CHECK(submit_without_memory(command, &r) == PQDB_OK);
  for (int i = 0; i < 10; i++)
    (void)pqdb_poll(db);
  CHECK(r != NULL && pqdb_is_ready(r) == 0);
  CHECK(pq_handle_is_starved(db));
  give_back();
  while (pqdb_is_ready(r) == 0)
    (void)pqdb_poll(db);
  CHECK(!pq_handle_is_starved(db));
  CHECK(pq_handle_next(r, &item) == PQDB_DONE);
  CHECK(pq_value_count(item) > 0);
  pqdb_replies_close(r);
  /* It is closed before it began. */
  CHECK(submit_without_memory(command, &r) == PQDB_OK);
  pqdb_replies_close(r);
  pqdb_replies_close(idle);
  /* Nobody could end: it is refused. */
  CHECK(submit_without_memory(command, &r) == PQDB_LIMIT_EXCEEDED);
  CHECK(r == NULL);
  give_back();
  pq_builder_free(builder);
  pq_arena_release(&arena);
}

/* Many that are read in turns: each has a slice, and windows that nobody reads on go. */
static void test_many_in_turns(void) {
  static const char find[] = "{\"find\": \"notes\", \"filter\": {}, \"plain\": true}";
  int open = AT_ONCE, counts[AT_ONCE] = {0};
  for (int i = 0; i < AT_ONCE; i++)
    replies[i] = submit(find);
  while (open > 0) {
    for (int i = 0; i < AT_ONCE; i++) {
      const char *json;
      size_t len;
      int rc = PQDB_ROW;
      for (int k = 0; replies[i] != NULL && k < 20 && rc == PQDB_ROW; k++) {
        rc = pqdb_next(replies[i], &json, &len);
        counts[i] += rc == PQDB_ROW;
      }
      if (rc == PQDB_ROW) continue;
      CHECK(rc == PQDB_DONE);
      pqdb_replies_close(replies[i]);
      replies[i] = NULL;
      open--;
    }
    if (open == AT_ONCE / 2) CHECK(pq_handle_rest(db, -1000000) == false);
  }
  for (int i = 0; i < AT_ONCE; i++)
    CHECK(counts[i] == counts[0]);
  CHECK(counts[0] >= DOCUMENTS / 2);
}

int main(void) {
  start();
  RUN(test_reads_wait);
  RUN(test_writes_go_on);
  RUN(test_too_much_alone);
  RUN(test_idle_replies);
  RUN(test_begins_later);
  RUN(test_many_in_turns);
  pqdb_close(db);
  return unit_end();
}
