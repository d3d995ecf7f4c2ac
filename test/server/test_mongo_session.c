/* test/server/test_mongo_session.c - sessions and transactions of MongoDB's clients: when they end,
 * how many there may be; random sequences of numbers and flags beside a model of what MongoDB
 * answers; out of memory at any place. */
#include <stdarg.h>

#include "mongo_world.h"

#define LSID \
  "\"lsid\":{\"id\":{\"$binary\":{\"base64\":\"%sAAAAAAAAAAAAAAAAAAAA==\",\"subType\":\"04\"}}}"

enum { HALF_AN_HOUR = 30 * 60, MINUTE = 60, TEXT_CAP = 1000 };

/* A command of session `who`, two characters of its id. `fields` begin with a comma. */
static const char *command(const char *what, const char *who, const char *fields, ...) {
  static char text[TEXT_CAP];
  int n = snprintf(text, sizeof text, "{%s,", what);
  va_list args;
  n += snprintf(text + n, sizeof text - (size_t)n, LSID, who);
  va_start(args, fields);
  n += vsnprintf(text + n, sizeof text - (size_t)n, fields, args);
  va_end(args);
  (void)snprintf(text + n, sizeof text - (size_t)n, "}");
  return text;
}

static int64_t count_of(mongo_world *w, const char *collection) {
  char text[TEXT_CAP];
  (void)snprintf(text, sizeof text, "{\"count\":\"%s\"}", collection);
  return world_number(world_ask(w, "db", text), "n");
}

#define INSERT "\"insert\":\"a\",\"documents\":[{\"_id\":%d}]"
#define BEGIN ",\"txnNumber\":%d,\"autocommit\":false,\"startTransaction\":true"
#define GO_ON ",\"txnNumber\":%d,\"autocommit\":false"
#define COMMIT "\"commitTransaction\":1"
#define ABORT "\"abortTransaction\":1"

static int insert(mongo_world *w, const char *who, int id, const char *fields, int number) {
  char what[TEXT_CAP];
  (void)snprintf(what, sizeof what, INSERT, id);
  return world_run(w, "db", command(what, who, fields, number));
}

static int commit(mongo_world *w, const char *who, int number) {
  return world_run(w, "admin", command(COMMIT, who, GO_ON, number));
}

/* ---- age ---- */

static void test_age_of_transactions(void) {
  mongo_world w;
  world_open(&w);
  CHECK(insert(&w, "aa", 1, BEGIN, 1) == 0);
  world_wait(&w, MINUTE - 1);
  CHECK(insert(&w, "aa", 2, GO_ON, 1) == 0);
  world_wait(&w, 2); /* since it began, however busy it is */
  CHECK(insert(&w, "aa", 3, GO_ON, 1) == PQ_MONGO_NO_SUCH_TRANSACTION);
  CHECK(commit(&w, "aa", 1) == PQ_MONGO_NO_SUCH_TRANSACTION);
  CHECK(count_of(&w, "a") == 0);
  CHECK(insert(&w, "aa", 1, BEGIN, 2) == 0);
  CHECK(commit(&w, "aa", 2) == 0);
  CHECK(count_of(&w, "a") == 1);
  world_close(&w);
}

static void test_age_of_sessions(void) {
  mongo_world w;
  world_open(&w);
  world_wait(&w, 2 * HALF_AN_HOUR); /* nothing is recalled any more */
  CHECK(insert(&w, "aa", 1, ",\"txnNumber\":%d", 5) == 0);
  CHECK(insert(&w, "bb", 2, ",\"txnNumber\":%d", 5) == 0);
  CHECK(w.mongo->sessions.count == 2);
  world_wait(&w, HALF_AN_HOUR - 1);
  CHECK(world_run(&w, "db", command("\"find\":\"a\"", "aa", "")) == 0);
  world_wait(&w, 2);
  CHECK(w.mongo->sessions.count == 1);
  CHECK(insert(&w, "aa", 1, ",\"txnNumber\":%d", 4) == PQ_MONGO_TRANSACTION_TOO_OLD);
  CHECK(insert(&w, "aa", 1, ",\"txnNumber\":%d", 5) == 0); /* what it was, not done again */
  CHECK(insert(&w, "bb", 3, ",\"txnNumber\":%d", 1) == 0); /* a new one */
  world_wait(&w, HALF_AN_HOUR - 1);
  CHECK(world_run(&w, "db",
                  "{\"refreshSessions\":[{\"id\":{\"$binary\":{\"base64\":"
                  "\"aaAAAAAAAAAAAAAAAAAAAA==\",\"subType\":\"04\"}}}]}") == 0);
  world_wait(&w, 2);
  CHECK(w.mongo->sessions.count == 1);
  world_wait(&w, HALF_AN_HOUR + 1);
  CHECK(w.mongo->sessions.count == 0);
  CHECK(count_of(&w, "a") == 3);
  world_close(&w);
}

static void test_cursors_end_with_sessions(void) {
  mongo_world w;
  char text[TEXT_CAP];
  pq_value cursor;
  int64_t id;
  world_open(&w);
  for (int i = 0; i < 5; i++)
    CHECK(insert(&w, "aa", i, "", 0) == 0);
  cursor = pq_object_get_str(
      world_ask(&w, "db", command("\"find\":\"a\",\"batchSize\":2", "aa", BEGIN, 1)), "cursor");
  id = world_number(cursor, "id");
  CHECK(id > 0);
  world_wait(&w, MINUTE + 1);
  (void)snprintf(text, sizeof text, "\"getMore\":{\"$numberLong\":\"%lld\"},\"collection\":\"a\"",
                 (long long)id);
  CHECK(world_run(&w, "db", command(text, "aa", GO_ON, 1)) == PQ_MONGO_NO_SUCH_TRANSACTION);
  CHECK(w.mongo->cursor_count == 0);
  world_close(&w);
}

/* ---- how many ---- */

static void test_limit(void) {
  enum { SESSIONS_MAX = 100000 };
  mongo_world w;
  uint32_t count;
  world_open(&w);
  for (int i = 0; i < 300; i++) {
    char who[3] = {(char)('A' + i / 26), (char)('A' + i % 26), '\0'};
    CHECK(insert(&w, who, i, ",\"txnNumber\":%d", 1) == 0);
  }
  count = w.mongo->sessions.count;
  CHECK(count == 300);
  w.mongo->sessions.count = SESSIONS_MAX;
  CHECK(insert(&w, "zz", 1000, ",\"txnNumber\":%d", 1) == PQ_MONGO_TOO_MANY_SESSIONS);
  CHECK(insert(&w, "zz", 1000, "", 0) == 0); /* without a number none is needed */
  CHECK(insert(&w, "AA", 0, ",\"txnNumber\":%d", 1) == 0);
  w.mongo->sessions.count = count;
  CHECK(world_run(&w, "admin", "{\"killAllSessions\":[]}") == 0);
  CHECK(w.mongo->sessions.count == 0);
  world_close(&w);
}

/* ---- random sequences ---- */

static uint32_t random_state;

static int below(int n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (int)((random_state >> 8) % (uint32_t)n);
}

typedef enum verb_kind { WRITE, READ, MAKE, END, OTHER } verb_kind;

static const struct verb {
  const char *text;
  verb_kind kind;
} verbs[] = {{"\"insert\":\"%s\",\"documents\":[{\"_id\":%d}]", WRITE},
             {"\"bulkWrite\":1,\"ops\":[{\"insert\":0,\"document\":{\"_id\":%2$d}}],"
              "\"nsInfo\":[{\"ns\":\"db.%1$s\"}]",
              WRITE},
             {"\"find\":\"%s\"", READ},
             {"\"distinct\":\"%s\",\"key\":\"_id\"", READ},
             {"\"create\":\"%s%d\"", MAKE},
             {"\"createIndexes\":\"%s%d\",\"indexes\":[{\"name\":\"k\",\"key\":{\"k\":1}}]", MAKE},
             {COMMIT, END},
             {ABORT, END},
             {"\"count\":\"%s\"", OTHER},
             {"\"drop\":\"%s0\"", OTHER}};
enum { VERBS = sizeof verbs / sizeof *verbs, INSERTS = 2, COMMITS = 6, SESSIONS = 2 };

/* What MongoDB knows of a session. */
typedef struct model {
  int number;
  pq_session_state state;
  bool is_written;
  int open, stored; /* documents: of the transaction, and of all that is committed */
} model;

typedef struct request {
  int verb, number, autocommit, start; /* 0: absent, 1: true, 2: false */
  bool has_number;
} request;

static int wrong_fields(const request *r) {
  if (r->has_number && r->number < 0) return PQ_MONGO_INVALID_OPTIONS;
  if (r->autocommit != 0 && (!r->has_number || r->autocommit == 1)) return PQ_MONGO_INVALID_OPTIONS;
  if (r->start != 0 && (r->autocommit == 0 || r->start == 2)) return PQ_MONGO_INVALID_OPTIONS;
  return 0;
}

static int expect_end(model *m, const request *r) {
  bool is_there = r->number == m->number, is_commit = r->verb == COMMITS;
  if (!r->has_number) return 125;
  if (r->number < m->number) return PQ_MONGO_TRANSACTION_TOO_OLD;
  if (is_there && m->state == PQ_TXN_IS_OPEN) {
    if (is_commit) m->stored += m->open;
    m->open = 0;
    m->state = is_commit ? PQ_TXN_IS_COMMITTED : PQ_TXN_IS_ABORTED;
    return 0;
  }
  if (!is_there || m->state != PQ_TXN_IS_COMMITTED) return PQ_MONGO_NO_SUCH_TRANSACTION;
  return is_commit ? 0 : PQ_MONGO_TRANSACTION_COMMITTED;
}

static void take_number(model *m, int number) {
  m->number = number;
  m->state = PQ_TXN_IS_NONE;
  m->is_written = false;
  m->open = 0;
}

static int expect_single(model *m, const request *r) {
  bool is_insert = r->verb < INSERTS;
  if (!is_insert) return 50768;
  if (r->number < m->number) return PQ_MONGO_TRANSACTION_TOO_OLD;
  if (r->number > m->number) take_number(m, r->number);
  if (m->state != PQ_TXN_IS_NONE) return PQ_MONGO_NO_SUCH_TRANSACTION;
  m->stored += !m->is_written;
  m->is_written = true;
  return 0;
}

static int expect_in_txn(model *m, const request *r) {
  if (r->number < m->number) return PQ_MONGO_TRANSACTION_TOO_OLD;
  if (r->start != 0) {
    bool is_same = r->number == m->number, was_open = is_same && m->state == PQ_TXN_IS_OPEN;
    if (was_open) { /* an error ends it */
      m->state = PQ_TXN_IS_ABORTED;
      m->open = 0;
      return 117;
    }
    if (is_same && (m->state != PQ_TXN_IS_NONE || m->is_written)) return 50911;
    if (!is_same) take_number(m, r->number);
    m->state = PQ_TXN_IS_OPEN;
  }
  if (r->number > m->number || m->state == PQ_TXN_IS_ABORTED || m->state == PQ_TXN_IS_NONE)
    return PQ_MONGO_NO_SUCH_TRANSACTION;
  if (m->state == PQ_TXN_IS_COMMITTED) return PQ_MONGO_TRANSACTION_COMMITTED;
  m->open += r->verb < INSERTS;
  return 0;
}

static int expect(model *m, const request *r) {
  int wrong = wrong_fields(r);
  if (wrong != 0) return wrong;
  if (!r->has_number && verbs[r->verb].kind != END) {
    m->stored += r->verb < INSERTS;
    return 0;
  }
  if (r->autocommit != 0 && verbs[r->verb].kind == OTHER) return PQ_MONGO_NOT_IN_TRANSACTION;
  if (r->has_number && r->autocommit == 0) return expect_single(m, r);
  if (verbs[r->verb].kind == END) return expect_end(m, r);
  return expect_in_txn(m, r);
}

static request choose(const model *m) {
  request r = {.verb = below(VERBS), .has_number = below(12) > 0};
  r.number = m->number + below(4) - 1;
  if (below(3) > 0) r.number = m->number < 0 ? below(2) : m->number;
  r.autocommit = below(4) > 0 ? 2 : below(8) == 0 ? 1 : 0;
  r.start = below(3) > 0 ? 0 : below(8) == 0 ? 2 : 1;
  return r;
}

static bool is_same(mongo_world *w, const request *r, int who, int id, int want) {
  static const char *const flags[] = {"", "true", "false"};
  static const char *const sessions[SESSIONS] = {"aa", "bb"};
  char what[TEXT_CAP], fields[TEXT_CAP] = "", name[2] = {(char)('a' + who), '\0'};
  bool is_admin = verbs[r->verb].kind == END || r->verb == 1;
  int n = 0, got;
  (void)snprintf(what, sizeof what, verbs[r->verb].text, name, id);
  if (r->has_number) n = snprintf(fields, sizeof fields, ",\"txnNumber\":%d", r->number);
  if (r->autocommit != 0)
    n +=
        snprintf(fields + n, sizeof fields - (size_t)n, ",\"autocommit\":%s", flags[r->autocommit]);
  if (r->start != 0)
    n += snprintf(fields + n, sizeof fields - (size_t)n, ",\"startTransaction\":%s",
                  flags[r->start]);
  if (below(8) == 0)
    (void)snprintf(fields + n, sizeof fields - (size_t)n, ",\"stmtId\":%d", below(5) - 1);
  got = world_run(w, is_admin ? "admin" : "db", command(what, sessions[who], "%s", fields));
  if (got != want)
    fprintf(stderr, "%s: %d, wanted %d\n", command(what, sessions[who], "%s", fields), got, want);
  return got == want;
}

/* Each document is stored once, whatever was sent how often. */
static void test_sequences(void) {
  enum { ROUNDS = 40, STEPS = 100 };
  for (uint32_t seed = 1; seed <= ROUNDS; seed++) {
    mongo_world w;
    model models[SESSIONS] = {{.number = -1}, {.number = -1}};
    bool is_fine = true;
    random_state = seed;
    world_open(&w);
    world_wait(&w, 2 * HALF_AN_HOUR);
    for (int i = 0; i < STEPS && is_fine; i++) {
      int who = below(SESSIONS), want;
      request r = choose(&models[who]);
      want = expect(&models[who], &r);
      is_fine = is_same(&w, &r, who, i, want);
    }
    CHECK(is_fine);
    for (int i = 0; i < SESSIONS && is_fine; i++)
      CHECK(count_of(&w, i == 0 ? "a" : "b") == models[i].stored);
    if (!is_fine) fprintf(stderr, "seed %u\n", seed);
    world_close(&w);
  }
}

/* ---- out of memory ---- */

static const struct step {
  const char *db, *what, *fields;
} steps[] = {
    {"db", "\"insert\":\"a\",\"documents\":[{\"_id\":1}]", ",\"txnNumber\":1"},
    {"db", "\"insert\":\"a\",\"documents\":[{\"_id\":1}]", ",\"txnNumber\":1"},
    {"db", "\"create\":\"b\"", ",\"txnNumber\":2,\"autocommit\":false,\"startTransaction\":true"},
    {"db", "\"createIndexes\":\"b\",\"indexes\":[{\"name\":\"k\",\"key\":{\"k\":1}}]",
     ",\"txnNumber\":2,\"autocommit\":false"},
    {"admin",
     "\"bulkWrite\":1,\"ops\":[{\"insert\":0,\"document\":{\"_id\":2}}],"
     "\"nsInfo\":[{\"ns\":\"db.a\"}],\"errorsOnly\":false",
     ",\"txnNumber\":2,\"autocommit\":false"},
    {"db", "\"find\":\"a\",\"batchSize\":1", ",\"txnNumber\":2,\"autocommit\":false"},
    {"admin", COMMIT, ",\"txnNumber\":2,\"autocommit\":false"},
    {"admin", COMMIT, ",\"txnNumber\":2,\"autocommit\":false"}};
enum { STEPS = sizeof steps / sizeof *steps, COMMIT_STEP = 6 };

/* May a step answer so whose allocations failed, or one behind it? */
static bool is_allowed(int code, int i, int at) {
  if (i == at)
    return code == -1 || code == 0 || code == PQ_MONGO_MEMORY_LIMIT || code == PQ_MONGO_INTERNAL;
  if (i == 1) return code == 0 || code == PQ_MONGO_INCOMPLETE_HISTORY;
  return code == 0 || (i > COMMIT_STEP && code == PQ_MONGO_NO_SUCH_TRANSACTION);
}

/* Allocation `n` of step `at` fails, and those after it in the step; a client goes on after a
 * single write and a commit, not in the transaction. True: the step had as many. */
static bool fails_at(int at, long n) {
  mongo_world w;
  bool was_hit = false, goes_on = true;
  int64_t stored;
  int is_made, code = 0;
  world_open(&w);
  for (int i = 0; i < STEPS && goes_on; i++) {
    unit_calls = 0;
    unit_fail_at = i == at ? n : 0;
    code = world_run(&w, steps[i].db, command(steps[i].what, "aa", "%s", steps[i].fields));
    if (i == at) was_hit = unit_calls >= n;
    unit_fail_at = 0;
    CHECK(was_hit ? is_allowed(code, i, at) : code == 0);
    goes_on = code == 0 || i < 2 || i >= COMMIT_STEP;
  }
  stored = count_of(&w, "a");
  is_made = world_code(world_ask(&w, "db", "{\"listIndexes\":\"b\"}")) == 0;
  CHECK(stored == 1 + is_made); /* all of the transaction, or nothing */
  CHECK(at > COMMIT_STEP || is_made == (code == 0));
  world_close(&w);
  return was_hit;
}

static void test_no_memory(void) {
  for (int at = 0; at < STEPS; at++)
    for (long n = 1; fails_at(at, n); n++)
      CHECK(n < 10000);
}

int main(void) {
  RUN(test_age_of_transactions);
  RUN(test_age_of_sessions);
  RUN(test_cursors_end_with_sessions);
  RUN(test_limit);
  RUN(test_sequences);
  RUN(test_no_memory);
  return unit_end();
}
