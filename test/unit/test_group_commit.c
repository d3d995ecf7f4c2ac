/* Many commands side by side on one handle: writes that share an append, that meet on one entity,
 * that fail together; and the rows that the hot tier reads and writes for all of it.
 */
#include <stdio.h>
#include <string.h>

#include "drive_dir.h"
#include "parquedb/parquedb.h"
#include "unit.h"

enum { CALLERS = 64, TEXT_CAP = 200000 };

static char text[TEXT_CAP];
static char dir[DRIVE_DIR_CAP];

static pqdb *open_disk(void) {
  pqdb *db = NULL;
  CHECK(pqdb_open(dir, NULL, &db) == PQDB_OK);
  return db;
}

static pqdb *open_memory(void) {
  pqdb *db = NULL;
  CHECK(pqdb_open_memory(NULL, &db) == PQDB_OK);
  return db;
}

static pqdb_replies *submit(pqdb *db, const char *command) {
  pqdb_replies *r = NULL;
  CHECK(pqdb_submit(db, NULL, command, strlen(command), NULL, 0, &r) == PQDB_OK);
  return r;
}

/* The summary's text, or the failure's; the replies are closed. */
static int finish(pqdb *db, pqdb_replies *r, char *out, size_t cap) {
  const char *json;
  size_t len;
  int rc;
  do
    rc = pqdb_next(r, &json, &len);
  while (rc == PQDB_ROW);
  snprintf(out, cap, "%s", rc == PQDB_DONE ? json : pqdb_message(db));
  pqdb_replies_close(r);
  return rc;
}

static int run(pqdb *db, const char *command, const char *payload, char *out, size_t cap) {
  pqdb_replies *r = NULL;
  int rc = pqdb_run(db, NULL, command, strlen(command), payload,
                    payload == NULL ? 0 : strlen(payload), &r);
  if (rc == PQDB_OK) return finish(db, r, out, cap);
  snprintf(out, cap, "%s", pqdb_message(db));
  return rc;
}

static void must(pqdb *db, const char *command, const char *payload) {
  char out[600];
  if (run(db, command, payload, out, sizeof out) != PQDB_DONE) fprintf(stderr, "%s\n", out);
  CHECK(strncmp(out, "{\"ok\":1", 7) == 0);
}

static uint64_t count_of(pqdb *db, const char *collection) {
  uint64_t n = 0;
  CHECK(pqdb_count(db, collection, NULL, &n) == PQDB_OK);
  return n;
}

static pqdb_hot_stats rows(pqdb *db) {
  pqdb_hot_stats s = {.size = sizeof s};
  CHECK(pqdb_get_hot_stats(db, &s) == PQDB_OK);
  return s;
}

/* ---- many callers ---- */

/* `total` creates by CALLERS, each of whom begins the next one when its last one is stored. */
static void create_by_callers(pqdb *db, int total) {
  pqdb_replies *callers[CALLERS] = {0};
  int begun = 0, done = 0;
  while (done < total) {
    for (int i = 0; i < CALLERS; i++) {
      char out[300];
      if (callers[i] != NULL && pqdb_is_ready(callers[i])) {
        CHECK(finish(db, callers[i], out, sizeof out) == PQDB_DONE);
        callers[i] = NULL;
        done++;
      }
      if (callers[i] == NULL && begun < total) {
        snprintf(out, sizeof out, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"d%04d\",\"n\":%d}]}",
                 begun, begun);
        callers[i] = submit(db, out);
        begun++;
      }
    }
    CHECK(pqdb_poll(db) >= 0);
  }
}

static void test_creates_share_appends(void) {
  pqdb *db;
  uint64_t written, read;
  drive_make_dir(dir);
  db = open_disk();
  must(db, "{\"count\":\"t\"}", NULL); /* the namespace is open */
  written = rows(db).rows_written;
  read = rows(db).rows_read;
  create_by_callers(db, 1000);
  CHECK(rows(db).rows_written - written <= 40);
  CHECK(rows(db).rows_read == read);
  CHECK(count_of(db, "t") == 1000);
  pqdb_close(db);
  db = open_disk();
  CHECK(count_of(db, "t") == 1000);
  must(db, "{\"flush\":1}", NULL);
  CHECK(count_of(db, "t") == 1000);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

/* A bulk write is one row, which an opening reads and a flush removes. */
static void test_bulk_write_is_a_row(void) {
  pqdb_options options = {.size = sizeof options, .bulk = 1000};
  static char lines[100000];
  size_t n = 0;
  pqdb *db = NULL;
  uint64_t written, read;
  for (int i = 0; i < 1000; i++)
    n += (size_t)snprintf(lines + n, sizeof lines - n, "{\"$id\":\"d%04d\",\"n\":%d}\n", i, i);
  drive_make_dir(dir);
  CHECK(pqdb_open(dir, &options, &db) == PQDB_OK);
  must(db, "{\"count\":\"t\"}", NULL);
  written = rows(db).rows_written;
  read = rows(db).rows_read;
  must(db, "{\"insert\":\"t\"}", lines);
  CHECK(rows(db).rows_written - written == 1);
  CHECK(rows(db).rows_read == read);
  CHECK(count_of(db, "t") == 1000);
  pqdb_close(db);
  db = open_disk();
  CHECK(count_of(db, "t") == 1000);
  CHECK(rows(db).rows_read <= 4);
  must(db, "{\"flush\":1}", NULL);
  CHECK(count_of(db, "t") == 1000);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

/* All at once from a handle that has loaded nothing: one of them loads. */
static void test_first_commands_side_by_side(void) {
  pqdb *db = open_memory();
  create_by_callers(db, CALLERS);
  CHECK(count_of(db, "t") == CALLERS);
  pqdb_close(db);
}

/* All change one entity: each is decided on what the one before it left. */
static void test_callers_meet_on_one_entity(void) {
  pqdb *db = open_memory();
  pqdb_replies *callers[CALLERS], *r = NULL;
  const char *json;
  char out[300];
  size_t len;
  must(db, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"a\",\"n\":0}]}", NULL);
  for (int i = 0; i < CALLERS; i++)
    callers[i] = submit(db, "{\"update\":\"t/a\",\"ops\":{\"$inc\":{\"n\":1}}}");
  for (int passes = 0; pqdb_poll(db) > 0; passes++)
    CHECK(passes < 10000);
  for (int i = 0; i < CALLERS; i++)
    CHECK(finish(db, callers[i], out, sizeof out) == PQDB_DONE);
  CHECK(pqdb_get(db, "t/a", NULL, &r) == PQDB_OK);
  CHECK(pqdb_next(r, &json, &len) == PQDB_ROW);
  CHECK(strstr(json, "\"version\":65,\"n\":64") != NULL);
  pqdb_replies_close(r);
  pqdb_close(db);
}

/* The same id, the same value of a unique field, an end that goes: one of two is told. */
static void test_twins(void) {
  static const char *const pairs[][3] = {
      {"{\"insert\":\"t\",\"documents\":[{\"$id\":\"x\"}]}",
       "{\"insert\":\"t\",\"documents\":[{\"$id\":\"x\"}]}", "t/x exists already"},
      {"{\"insert\":\"u\",\"documents\":[{\"$id\":\"x\",\"email\":\"m\"}]}",
       "{\"insert\":\"u\",\"documents\":[{\"$id\":\"y\",\"email\":\"m\"}]}", "email"},
      {"{\"delete\":\"t/a\",\"hard\":true}",
       "{\"link\":{\"from\":\"t/b\",\"predicate\":\"p\",\"to\":\"t/a\"}}", "no entity t/a"},
      {"{\"update\":\"t/b\",\"ops\":{\"$set\":{\"n\":2}}}",
       "{\"update\":\"t/b\",\"ops\":{\"$set\":{\"n\":3}},\"expectedVersion\":1}",
       "expected version 1, it has version 2"}};
  pqdb *db = open_memory();
  char out[600];
  must(db, "{\"schema\":\"u\",\"set\":{\"email\":\"string##\"}}", NULL);
  must(db, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"a\"},{\"$id\":\"b\"}]}", NULL);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    pqdb_replies *first = submit(db, pairs[i][0]), *second = submit(db, pairs[i][1]);
    while (pqdb_poll(db) > 0) {
    }
    CHECK(finish(db, first, out, sizeof out) == PQDB_DONE);
    CHECK(finish(db, second, out, sizeof out) < 0);
    CHECK(strstr(out, pairs[i][2]) != NULL);
  }
  pqdb_close(db);
}

/* Reads, a flush and writes, all under way together, and closed at any time. */
static void test_closed_at_any_time(void) {
  static const char *const commands[] = {
      "{\"insert\":\"t\",\"documents\":[{\"n\":1}]}",
      "{\"update\":\"t/a\",\"ops\":{\"$inc\":{\"n\":1}}}",
      "{\"find\":\"t\"}",
      "{\"flush\":1}",
      "{\"insert\":\"t\",\"documents\":[{\"n\":2}]}",
      "{\"compact\":\"\"}",
      "{\"updateMany\":\"t\",\"filter\":{},\"update\":{\"$set\":{\"m\":1}}}"};
  enum { COUNT = sizeof commands / sizeof *commands };
  for (int closed = 0; closed < COUNT; closed++)
    for (int passes = 0; passes < 12; passes++) {
      pqdb *db = open_memory();
      pqdb_replies *all[COUNT];
      char out[600];
      must(db, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"a\",\"n\":1}]}", NULL);
      for (int i = 0; i < COUNT; i++)
        all[i] = submit(db, commands[i]);
      for (int p = 0; p < passes; p++)
        (void)pqdb_poll(db);
      pqdb_replies_close(all[closed]);
      for (int i = 0; i < COUNT; i++)
        if (i != closed) {
          int rc = finish(db, all[i], out, sizeof out);
          if (rc != PQDB_DONE) fprintf(stderr, "%s: %s\n", commands[i], out);
          CHECK(rc == PQDB_DONE);
        }
      must(db, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"z\"}]}", NULL);
      CHECK(count_of(db, "t") >= 3);
      pqdb_close(db);
    }
}

/* ---- transactions of the handle ---- */

static void test_transaction_of_the_handle(void) {
  pqdb *db = open_memory();
  char out[300];
  CHECK(pqdb_commit(db, NULL) == PQDB_VALIDATION_FAILED);
  CHECK(pqdb_begin(db, NULL) == PQDB_OK && pqdb_in_transaction(db) == 1);
  CHECK(pqdb_begin(db, NULL) == PQDB_VALIDATION_FAILED);
  CHECK(pqdb_create(db, "t", "{\"$id\":\"a\"}") == PQDB_OK);
  CHECK(count_of(db, "t") == 1);
  CHECK(run(db, "{\"count\":\"t\",\"txn\":0}", NULL, out, sizeof out) == PQDB_DONE);
  CHECK(strstr(out, "\"count\":0") != NULL);
  CHECK(pqdb_abort(db) == PQDB_OK && pqdb_in_transaction(db) == 0);
  CHECK(count_of(db, "t") == 0);
  CHECK(pqdb_begin(db, NULL) == PQDB_OK);
  CHECK(pqdb_create(db, "t", "{\"$id\":\"a\"}") == PQDB_OK);
  CHECK(pqdb_link(db, "t/a", "p", "t/a", NULL) == PQDB_OK);
  CHECK(pqdb_commit(db, NULL) == PQDB_OK);
  CHECK(count_of(db, "t") == 1);
  CHECK(pqdb_begin(db, NULL) == PQDB_OK);
  CHECK(pqdb_create(db, "t", "{\"$id\":\"b\"}") == PQDB_OK);
  pqdb_close(db); /* aborts */
}

/* ---- transfers between accounts, by many clients at a time ---- */

enum { ACCOUNTS = 12, CLIENTS = 16, TRANSFERS = 300, START = 1000 };

typedef struct client {
  pqdb_replies *r; /* under way; NULL: none */
  unsigned txn;
  int step, from, to;
  bool is_commit; /* what it ends with, or has ended with */
} client;

static uint64_t random_state;

static int any(int n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (int)((random_state >> 33) % (uint64_t)n);
}

/* The next command of a client: begin, take, give, commit or, one time in eight, abort. */
static void go_on(pqdb *db, client *c) {
  static const char *const ends[] = {"commit", "abort"};
  char command[300];
  if (c->step == 0) {
    c->from = any(ACCOUNTS);
    c->to = (c->from + 1 + any(ACCOUNTS - 1)) % ACCOUNTS;
    snprintf(command, sizeof command, "{\"begin\":1}");
  } else if (c->step <= 2) {
    snprintf(command, sizeof command,
             "{\"update\":\"a/%02d\",\"ops\":{\"$inc\":{\"n\":%d}},\"txn\":%u}",
             c->step == 1 ? c->from : c->to, c->step == 1 ? -7 : 7, c->txn);
  } else {
    c->is_commit = c->step == 3 && any(8) != 0;
    snprintf(command, sizeof command, "{\"%s\":%u}", ends[!c->is_commit], c->txn);
  }
  c->r = submit(db, command);
}

/* What a client does after a reply; a conflict makes it abort. True: a transfer was stored. */
static bool take_reply(pqdb *db, client *c) {
  char out[600];
  bool is_commit = c->step == 3 && c->is_commit;
  int rc = finish(db, c->r, out, sizeof out);
  const char *events = strstr(out, "\"events\":2");
  c->r = NULL;
  if (rc != PQDB_DONE && rc != PQDB_VERSION_CONFLICT) fprintf(stderr, "%s\n", out);
  CHECK(rc == PQDB_DONE || rc == PQDB_VERSION_CONFLICT);
  if (rc == PQDB_DONE && c->step == 0) CHECK(sscanf(out, "{\"ok\":1,\"txn\":%u", &c->txn) == 1);
  if (rc != PQDB_DONE && c->step < 3)
    c->step = 4;
  else
    c->step = c->step >= 3 ? 0 : c->step + 1;
  return rc == PQDB_DONE && is_commit && events != NULL;
}

/* The sum of all accounts, now or as of an event. */
static void check_sum(pqdb *db, int seq) {
  char command[300], as_of[40] = "";
  const char *json;
  size_t len;
  pqdb_replies *r = NULL;
  if (seq > 0) snprintf(as_of, sizeof as_of, ",\"asOf\":\"seq:%d\"", seq);
  snprintf(command, sizeof command,
           "{\"aggregate\":\"a\",\"pipeline\":[{\"$group\":{\"_id\":null,\"s\":{\"$sum\":"
           "\"$n\"}}}]%s}",
           as_of);
  CHECK(pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r) == PQDB_OK);
  CHECK(pqdb_next(r, &json, &len) == PQDB_ROW);
  if (strstr(json, "\"s\":12000") == NULL) fprintf(stderr, "seq %d: %s\n", seq, json);
  CHECK(strstr(json, "\"s\":12000") != NULL);
  pqdb_replies_close(r);
}

/* Money is neither made nor lost, whoever meets whom, with flushes in between; the two events of a
 * transfer follow each other, so that the sum is right as of every second event. */
static void test_transfers(void) {
  pqdb *db = open_memory();
  client clients[CLIENTS] = {{0}};
  int stored = 0;
  random_state = 7;
  for (int i = 0; i < ACCOUNTS; i++) {
    char command[200];
    snprintf(command, sizeof command,
             "{\"insert\":\"a\",\"documents\":[{\"$id\":\"%02d\",\"n\":%d}]}", i, START);
    must(db, command, NULL);
  }
  for (int pass = 0; stored < TRANSFERS; pass++) {
    CHECK(pass < 100000);
    for (int i = 0; i < CLIENTS; i++) {
      client *c = &clients[i];
      if (c->r != NULL && pqdb_is_ready(c->r)) stored += take_reply(db, c);
      if (c->r == NULL) go_on(db, c);
    }
    CHECK(pqdb_poll(db) >= 0);
    if (any(60) == 0) must(db, "{\"flush\":1}", NULL);
    if (any(40) == 0) check_sum(db, 0);
  }
  for (int i = 0; i < CLIENTS; i++)
    pqdb_replies_close(clients[i].r);
  for (int i = 0; i < 40; i++)
    check_sum(db, ACCOUNTS + 2 * any(stored + 1));
  check_sum(db, 0);
  pqdb_close(db);
}

/* ---- rows ---- */

static char *put(char *to, const char *line, int i) {
  return to + snprintf(to, (size_t)(text + sizeof text - to), line, i, i);
}

static char *put_lines(const char *line, int n) {
  char *to = text;
  for (int i = 0; i < n; i++)
    to = put(to, line, i);
  return text;
}

/* Rows that a command writes; it reads none. */
static uint64_t written_by(pqdb *db, const char *command, const char *payload) {
  pqdb_hot_stats before = rows(db), after;
  must(db, command, payload);
  after = rows(db);
  CHECK(after.rows_read == before.rows_read);
  return after.rows_written - before.rows_written;
}

static void test_row_budget(void) {
  pqdb *db;
  pqdb_hot_stats before;
  pqdb_replies *r = NULL;
  drive_make_dir(dir);
  db = open_disk();
  CHECK(count_of(db, "t") == 0);
  CHECK(rows(db).rows_read <= 3);
  CHECK(written_by(db, "{\"insert\":\"t\"}", put_lines("{\"$id\":\"d%04d\",\"n\":%d}\n", 1000)) <=
        3);
  CHECK(written_by(db, "{\"link\":[]}",
                   put_lines("{\"from\":\"t/d%04d\",\"predicate\":\"p\",\"to\":\"t/d%04d\"}\n",
                             1000)) <= 3);
  before = rows(db);
  CHECK(pqdb_begin(db, NULL) == PQDB_OK);
  must(db, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"hub\"}]}", NULL);
  must(db, "{\"link\":[]}",
       put_lines("{\"from\":\"t/hub\",\"predicate\":\"to\",\"to\":\"t/d%04d\"}\n", 1000));
  CHECK(pqdb_commit(db, NULL) == PQDB_OK);
  CHECK(rows(db).rows_written - before.rows_written <= 3);
  CHECK(written_by(db, "{\"delete\":\"t/hub\",\"hard\":true}", NULL) <= 3);
  CHECK(written_by(db, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"one\"}]}", NULL) == 1);
  before = rows(db);
  CHECK(pqdb_get(db, "t/one", NULL, &r) == PQDB_OK);
  pqdb_replies_close(r);
  CHECK(rows(db).rows_read == before.rows_read && rows(db).calls == before.calls);
  must(db, "{\"flush\":1}", NULL);
  before = rows(db); /* append and flush of 1,000 events, with the removal of their batches */
  must(db, "{\"insert\":\"u\"}", put_lines("{\"$id\":\"d%04d\",\"n\":%d}\n", 1000));
  must(db, "{\"flush\":1}", NULL);
  CHECK(rows(db).rows_written - before.rows_written <= 6);
  for (int i = 0; i < 5; i++)
    must(db, "{\"insert\":\"u\",\"documents\":[{}]}", NULL);
  pqdb_close(db);
  db = open_disk();
  CHECK(count_of(db, "u") == 1005);
  CHECK(rows(db).rows_read <= 3 + 5);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

int main(void) {
  RUN(test_creates_share_appends);
  RUN(test_bulk_write_is_a_row);
  RUN(test_first_commands_side_by_side);
  RUN(test_callers_meet_on_one_entity);
  RUN(test_twins);
  RUN(test_closed_at_any_time);
  RUN(test_transaction_of_the_handle);
  RUN(test_transfers);
  RUN(test_row_budget);
  return unit_end();
}
