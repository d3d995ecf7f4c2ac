/* test/server/test_capnweb.c - sessions of Cap'n Web: values there and back, calls on promises,
 * map, transactions, callbacks, streams; nonsense, limits, an end in the middle, out of memory. */
#include "capnweb_world.h"

static world w;

static bool open_world(void) {
  bool is_fine = world_open(&w, (pq_rpc_options){0}) == PQ_OK;
  CHECK(is_fine);
  return is_fine;
}

static void close_world(void) {
  world_close(&w);
  CHECK(unit_live_len == 0);
}

static pq_rpc_counts counts(void) {
  return pq_rpc_count(w.s);
}

/* ---- values ---- */

static void test_values(void) {
  static const struct {
    const char *in, *out;
  } cases[] = {
      {"null", "null"},
      {"true", "true"},
      {"5", "5"},
      {"-7000000000", "-7000000000"},
      {"2.5", "2.5"},
      {"\"a \\u0000 \\\"b\\\" \\u00e9\"", "\"a \\u0000 \\\"b\\\" \xc3\xa9\""},
      {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
      {"[[]]", "[[]]"},
      {"[[1,[[2,[[]]]],{\"a\":[[3]]}]]", "[[1,[[2,[[]]]],{\"a\":[[3]]}]]"},
      {"[\"date\",1749342170815]", "[\"date\",1749342170815]"},
      {"[\"date\",-1.5]", "[\"date\",-2]"},
      {"[\"date\",null]", "null"},
      {"[\"bigint\",\"12\"]", "12"},
      {"[\"bigint\",\"9007199254740993\"]", "[\"bigint\",\"9007199254740993\"]"},
      {"[\"bigint\",\"-9223372036854775808\"]", "[\"bigint\",\"-9223372036854775808\"]"},
      {"[\"bigint\",\"9223372036854775808\"]", "{\"$numberDecimal\":\"9223372036854775808\"}"},
      {"[\"bytes\",\"\"]", "[\"bytes\",\"\"]"},
      {"[\"bytes\",\"AQ\"]", "[\"bytes\",\"AQ\"]"},
      {"[\"bytes\",\"AQI=\"]", "[\"bytes\",\"AQI\"]"},
      {"[\"bytes\",\"AQID/+8A\",\"Uint16Array\"]", "[\"bytes\",\"AQID/+8A\"]"},
      {"[\"inf\"]", "[\"inf\"]"},
      {"[\"-inf\"]", "[\"-inf\"]"},
      {"[\"nan\"]", "[\"nan\"]"},
      {"[\"undefined\"]", "[\"undefined\"]"},
      {"[[1,[\"undefined\"]]]", "[[1,[\"undefined\"]]]"},
      {"{\"a\":[\"undefined\"],\"b\":1}", "{\"a\":[\"undefined\"],\"b\":1}"},
      {"[\"error\",\"TypeError\",\"no\"]", "{\"name\":\"TypeError\",\"message\":\"no\"}"},
      {"{\"$oid\":\"0123456789abcdef01234567\"}", "{\"$oid\":\"0123456789abcdef01234567\"}"},
      {"{\"$numberDecimal\":\"1.50\"}", "{\"$numberDecimal\":\"1.50\"}"},
      {"{\"$set\":{\"a\":1}}", "{\"$set\":{\"a\":1}}"},
  };
  char message[400], want[400];
  if (!open_world()) return;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(message, sizeof message, "[\"push\",%s]", cases[i].in);
    CHECK(world_say(&w, message) == PQ_OK);
    snprintf(message, sizeof message, "[\"pull\",%zu]", i + 1);
    CHECK(world_say(&w, message) == PQ_OK);
    snprintf(want, sizeof want, "[\"resolve\",%zu,%s]\n", i + 1, cases[i].out);
    CHECK(world_heard(&w, want));
    snprintf(message, sizeof message, "[\"release\",%zu,1]", i + 1);
    CHECK(world_say(&w, message) == PQ_OK);
  }
  CHECK(counts().calls == 1);
  close_world();
}

/* Expressions that are none fail their call, and no other. */
static void test_bad_expressions(void) {
  static const char *const cases[] = {
      "[]",
      "[1,2]",
      "[[1],[2]]",
      "[null]",
      "[\"nonsense\"]",
      "[\"date\"]",
      "[\"date\",\"x\"]",
      "[\"bigint\",5]",
      "[\"bigint\",\"\"]",
      "[\"bigint\",\"-\"]",
      "[\"bigint\",\"12x\"]",
      "[\"bigint\",\"123456789012345678901234567890123456\"]",
      "[\"bytes\",\"A\"]",
      "[\"bytes\",\"A*==\"]",
      "[\"bytes\",7]",
      "[\"error\",1,2]",
      "[\"import\"]",
      "[\"pipeline\",\"x\"]",
      "[\"pipeline\",99]",
      "[\"pipeline\",-1]",
      "[\"pipeline\",0,\"get\"]",
      "[\"pipeline\",0,[null]]",
      "[\"pipeline\",0,[\"get\"],{}]",
      "[\"pipeline\",0,[\"get\"],[],1]",
      "[\"pipeline\",0,[\"get\"],[[\"nonsense\"]]]",
      "[\"remap\",0,[],[]]",
      "[\"remap\",0,[],[],[]]",
      "[\"remap\",99,[],[],[1]]",
      "[\"remap\",0,[],[[\"import\",99]],[1]]",
      "[\"remap\",0,[],[[\"export\",5]],[1]]",
      "[\"remap\",0,[],[7],[1]]",
      "[\"export\",5]",
      "[\"export\"]",
      "[\"promise\",\"x\"]",
      "[\"blob\",\"\",[\"readable\",1]]",
      "[\"url\",\"http://localhost/\"]",
      "{\"a\":[[1,[\"nonsense\"]]]}",
      "{\"$oid\":5}",
      "{\"a\":1,\"a\":2}",
      "\"\\ud800\"",
      "[\"undefined\",",
  };
  char message[400], want[60];
  size_t count = sizeof cases / sizeof *cases;
  if (!open_world()) return;
  for (size_t i = 0; i < count; i++) {
    snprintf(message, sizeof message, "[\"push\",%s]", cases[i]);
    CHECK(world_say(&w, message) == PQ_OK);
    snprintf(message, sizeof message, "[\"pull\",%zu]", i + 1);
    CHECK(world_say(&w, message) == PQ_OK);
    snprintf(want, sizeof want, "[\"reject\",%zu,[\"error\",\"Error\",", i + 1);
    if (!world_heard_in(&w, want)) {
      fprintf(stderr, "case %s\n", cases[i]);
      CHECK(false);
    }
  }
  CHECK(world_say(&w, "[\"push\",7]") == PQ_OK);
  snprintf(message, sizeof message, "[\"pull\",%zu]", count + 1);
  CHECK(world_say(&w, message) == PQ_OK);
  CHECK(world_heard_in(&w, ",7]"));
  close_world();
}

/* Messages that are none end the session, and the client is told. */
static void test_bad_messages(void) {
  static const char *const cases[] = {
      "",
      "x",
      "{}",
      "7",
      "[]",
      "[7]",
      "[\"nonsense\"]",
      "[\"push\"]",
      "[\"pull\"]",
      "[\"pull\",\"x\"]",
      "[\"pull\",0]",
      "[\"pull\",5]",
      "[\"pull\",-1]",
      "[\"release\",5]",
      "[\"release\",5,1]",
      "[\"release\",-1,1]",
      "[\"release\",0,2]",
      "[\"release\",0,-1]",
      "[\"resolve\",1]",
      "[\"reject\",\"x\",1]",
      "[\"pull\",1]]",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (!open_world()) return;
    CHECK(world_say(&w, cases[i]) != PQ_OK);
    CHECK(world_heard_in(&w, "[\"abort\",[\"error\",\"Error\","));
    CHECK(pq_rpc_message(w.s)[0] != '\0');
    CHECK(world_say(&w, "[\"push\",1]") != PQ_OK);
    CHECK(world_heard(&w, ""));
    close_world();
  }
  if (!open_world()) return;
  CHECK(world_say(&w, "[\"abort\",[\"error\",\"Error\",\"enough\"]]") != PQ_OK);
  CHECK(world_heard(&w, ""));
  CHECK(strstr(pq_rpc_message(w.s), "enough") != NULL);
  close_world();
}

static void test_deep(void) {
  char message[2000];
  size_t n;
  if (!open_world()) return;
  for (uint32_t depth = 100; depth <= 400; depth += 300) {
    n = (size_t)snprintf(message, sizeof message, "[\"push\",");
    for (uint32_t i = 0; i < depth; i++)
      message[n++] = '[';
    message[n++] = '1';
    for (uint32_t i = 0; i < depth; i++)
      message[n++] = ']';
    memcpy(message + n, "]", 2);
    CHECK(world_say(&w, message) == PQ_OK);
  }
  CHECK(world_say(&w, "[\"pull\",1]") == PQ_OK);
  CHECK(world_heard_in(&w, "[\"resolve\",1,[[[["));
  CHECK(world_say(&w, "[\"pull\",2]") == PQ_OK);
  CHECK(world_heard_in(&w, "[\"reject\",2,"));
  close_world();
}

/* ---- calls ---- */

static void fill(void) {
  CHECK(world_ask(&w,
                  "[\"push\",[\"pipeline\",0,[\"run\"],[{\"insert\":\"posts\",\"documents\":[["
                  "{\"$id\":\"p1\",\"title\":\"One\",\"n\":1},{\"$id\":\"p2\",\"title\":\"Two\","
                  "\"n\":2}]]}]]]",
                  ""));
  CHECK(world_ask(&w, "[\"pull\",1]", "\"insertedCount\":2"));
  CHECK(world_say(&w, "[\"release\",1,1]") == PQ_OK);
}

/* A chain in one go: collection, get, a field, and a call with it as its argument. */
static void test_chain(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"collection\"],[\"posts\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"get\"],[\"p1\"]]]") == PQ_OK);
  CHECK(world_say(&w,
                  "[\"push\",[\"pipeline\",2,[\"insert\"],[{\"$id\":\"p3\",\"title\":"
                  "[\"pipeline\",3,[\"title\"]]}]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"get\"],[\"posts/p3\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",5,[\"title\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",6]") == PQ_OK);
  CHECK(world_heard(&w, ""));
  world_run(&w);
  CHECK(world_heard(&w, "[\"resolve\",6,\"One\"]\n"));
  CHECK(pq_rpc_is_idle(w.s));
  CHECK(world_say(&w, "[\"release\",3,1]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",2]", "[\"resolve\",2,[\"export\",-1]]"));
  CHECK(counts().exports == 1);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"collection\"],[\"posts\"]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",7]", "[\"resolve\",7,[\"export\",-2]]"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",-1,[\"count\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",8]", "[\"resolve\",8,3]"));
  CHECK(world_say(&w, "[\"release\",-1,1]") == PQ_OK);
  CHECK(world_say(&w, "[\"release\",-2,1]") == PQ_OK);
  CHECK(counts().exports == 0);
  close_world();
}

static void test_failures(void) {
  static const struct {
    const char *call, *want;
  } cases[] = {
      {"[\"pipeline\",0,[\"nonsense\"],[]]",
       "\"TypeError\",\"the root has no method 'nonsense'\"]"},
      {"[\"pipeline\",0,[],[]]", "\"TypeError\",\"the root has no method ''\"]"},
      {"[\"pipeline\",0,[\"a\",\"b\"],[]]", "a collection is collection(name)"},
      {"[\"pipeline\",0,[\"collection\"]]", "has to be called"},
      {"[\"pipeline\",0,[\"collection\"],[]]", "argument 1, a collection's name"},
      {"[\"pipeline\",0,[\"collection\"],[\"a/b\"]]", "PATH_TRAVERSAL"},
      {"[\"pipeline\",0,[\"get\"],[\"posts/p1\",{\"nope\":1}]]", "unknown option 'nope'"},
      {"[\"pipeline\",0,[\"get\"],[\"posts/p1\",{},1]]", "at most 2 arguments"},
      {"[\"pipeline\",0,[\"get\"],[\"posts/p1\",7]]", "must be an object"},
      {"[\"pipeline\",0,[\"get\"],[\"posts/p1\",{\"txn\":1}]]", "begin() gives"},
      {"[\"pipeline\",0,[\"get\"],[\"posts/p1\",{\"get\":\"x\"}]]", "VALIDATION_FAILED"},
      {"[\"pipeline\",0,[\"get\"],[[\"pipeline\",0]]]", "must be a text"},
      {"[\"pipeline\",0,[\"run\"],[{\"get\":[\"pipeline\",0]}]]", "a stub or function"},
      {"[\"pipeline\",0,[\"run\"],[{\"begin\":1}]]", "begin() gives"},
      {"[\"pipeline\",0,[\"run\"],[{\"commit\":1}]]", "begin() gives"},
      {"[\"pipeline\",0,[\"run\"],[{}]]", "an object whose first field names it"},
      {"[\"pipeline\",0,[\"run\"],[{\"count\":\"posts\",\"txn\":1}]]", "begin() gives"},
      {"[\"pipeline\",0,[\"run\"],[{\"nonsense\":1}]]", "unknown command 'nonsense'"},
      {"[\"pipeline\",0,[\"ns\"],[\"\"]]", "must be a text"},
      {"[\"pipeline\",0,[\"subscribe\"],[{}]]", "is a function"},
      {"[\"remap\",0,[],[],[1]]", "an object with methods"},
  };
  char message[400];
  if (!open_world()) return;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(message, sizeof message, "[\"push\",%s]", cases[i].call);
    CHECK(world_say(&w, message) == PQ_OK);
    snprintf(message, sizeof message, "[\"pull\",%zu]", i + 1);
    CHECK(world_ask(&w, message, cases[i].want));
  }
  close_world();
}

/* What hangs on a call that failed fails with it; reading on from null is an error, too. */
static void test_failures_go_on(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p1\",{\"nope\":1}]]]") ==
        PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"a\",\"b\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[[\"pipeline\",3]]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"remap\",4,[],[],[[\"pipeline\",0]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",5]", "unknown option 'nope'"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/none\"]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",6]", "[\"resolve\",6,null]"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",6,[\"title\"]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",7]", "cannot read property 'title' of null"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",6,[\"title\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",8]", "cannot read property 'title' of null"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p1\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",9,[\"title\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",10]", "\"TypeError\",\"title is not a function\""));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",9,[\"none\"]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",11]", "[\"resolve\",11,[\"undefined\"]]"));
  close_world();
}

/* ---- map ---- */

static void test_map(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"collection\"],[\"posts\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"find\"],[{},{\"sort\":{\"n\":-1}}]]]") ==
        PQ_OK);
  CHECK(world_say(&w,
                  "[\"push\",[\"remap\",3,[\"items\"],[[\"import\",2]],"
                  "[[\"pipeline\",0,[\"$id\"]],[\"pipeline\",-1,[\"get\"],[[\"pipeline\",1]]],"
                  "{\"id\":[\"pipeline\",1],\"title\":[\"pipeline\",2,[\"title\"]],"
                  "\"list\":[[[\"pipeline\",0,[\"n\"]],5]]}]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",4]",
                  "[\"resolve\",4,[[{\"id\":\"posts/p2\",\"title\":\"Two\",\"list\":[[2,5]]},"
                  "{\"id\":\"posts/p1\",\"title\":\"One\",\"list\":[[1,5]]}]]]\n"));
  /* of one value, of nothing, within a map, of stubs */
  CHECK(world_say(&w, "[\"push\",[\"remap\",4,[0],[],[[\"pipeline\",0,[\"id\"]]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",5]", "[\"resolve\",5,\"posts/p2\"]"));
  CHECK(world_say(&w, "[\"push\",[\"remap\",4,[7],[],[[\"pipeline\",0,[\"id\"]]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",6]", "[\"resolve\",6,[\"undefined\"]]"));
  CHECK(world_say(&w,
                  "[\"push\",[\"remap\",4,[],[],[[\"remap\",0,[\"list\"],[],"
                  "[{\"n\":[\"pipeline\",0]}]],[\"pipeline\",1]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",7]",
                  "[\"resolve\",7,[[[[{\"n\":2},{\"n\":5}]],[[{\"n\":1},{\"n\":5}]]]]]"));
  CHECK(world_say(&w,
                  "[\"push\",[\"remap\",4,[],[[\"import\",0]],[{\"e\":[\"pipeline\",-1,"
                  "[\"entity\"],[[\"pipeline\",0,[\"id\"]]]]}]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",8]",
                  "[\"resolve\",8,[[{\"e\":[\"export\",-1]},{\"e\":[\"export\",-2]}]]]"));
  /* one that fails, and what a map may not */
  CHECK(world_say(&w,
                  "[\"push\",[\"remap\",4,[],[[\"import\",2]],[[\"pipeline\",-1,[\"nope\"],"
                  "[]]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",9]", "has no method 'nope'"));
  CHECK(world_say(&w, "[\"push\",[\"remap\",4,[],[],[[\"export\",-1]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",10]", "cannot refer to exports"));
  CHECK(world_say(&w, "[\"push\",[\"remap\",4,[],[],[[\"pipeline\",1]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",11]", "no such entry"));
  close_world();
}

/* ---- transactions, instants ---- */

static void test_transaction(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"begin\"],[]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"collection\"],[\"posts\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",3,[\"get\"],[\"p1\"]]]") == PQ_OK);
  CHECK(world_say(&w,
                  "[\"push\",[\"pipeline\",3,[\"insert\"],[{\"$id\":\"p3\",\"n\":"
                  "[\"pipeline\",4,[\"n\"]]}]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"commit\"],[]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",3,[\"count\"],[]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"release\",2,1]") == PQ_OK); /* not an abort */
  CHECK(world_ask(&w, "[\"pull\",6]", "\"events\":1"));
  CHECK(world_ask(&w, "[\"pull\",7]", "the transaction has ended"));
  CHECK(world_ask(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p3\"]]]", ""));
  CHECK(world_ask(&w, "[\"pull\",8]", "\"n\":1}]"));
  /* forgotten, and dropped with the session: both are aborted */
  for (int i = 0; i < 2; i++) {
    char message[200];
    unsigned from = 9 + 3 * (unsigned)i;
    CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"begin\"],[]]]") == PQ_OK);
    snprintf(message, sizeof message,
             "[\"push\",[\"pipeline\",%u,[\"replace\"],[\"posts/p1\",{\"x\":1}]]]", from);
    CHECK(world_say(&w, message) == PQ_OK);
    world_run(&w);
    snprintf(message, sizeof message, "[\"release\",%u,1]", from);
    if (i == 0) CHECK(world_ask(&w, message, ""));
    if (i == 0) CHECK(world_ask(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p1\"]]]", ""));
    if (i == 0) CHECK(world_ask(&w, "[\"pull\",11]", "\"title\":\"One\""));
  }
  close_world();
}

static void test_as_of(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"asOf\"],[\"seq:1\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"collection\"],[\"posts\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",3,[\"count\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",4]", "[\"resolve\",4,1]"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",3,[\"delete\"],[\"p1\"]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",5]", "what was cannot be written"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"run\"],[{\"flush\":1}]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",6]", "what was cannot be written"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"begin\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",7]", "NOT_SUPPORTED"));
  close_world();
}

static void test_actor(void) {
  CHECK(world_open(&w, (pq_rpc_options){.actor = "users/ann"}) == PQ_OK);
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p1\"]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",2]", "\"createdBy\":\"users/ann\""));
  CHECK(
      world_say(&w, "[\"push\",[\"pipeline\",0,[\"delete\"],[\"posts/p1\",{\"actor\":\"x\"}]]]") ==
      PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",3]", "PERMISSION_DENIED"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"user\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",4]", "\"users/ann\""));
  close_world();
}

/* Reads go side by side, a write alone, inserts together. */
static void test_order(void) {
  if (!open_world()) return;
  fill();
  w.started = 0;
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p1\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p2\"]]]") == PQ_OK);
  CHECK(w.started == 2);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"delete\"],[\"posts/p1\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p1\"]]]") == PQ_OK);
  CHECK(w.started == 2 && counts().commands == 4);
  CHECK(world_say(&w, "[\"pull\",2]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",5]") == PQ_OK);
  world_run(&w);
  CHECK(world_heard_in(&w, "\"title\":\"One\",\"n\":1}]\n[\"resolve\",5,null]\n"));
  /* nothing is begun for a client that does not read */
  w.is_full = true;
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"exists\"],[\"posts/p2\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",6]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",4]") == PQ_OK); /* nor sent */
  world_run(&w);
  CHECK(counts().commands == 1);
  CHECK(world_heard(&w, ""));
  w.is_full = false;
  CHECK(pq_rpc_go_on(w.s) == PQ_OK);
  world_run(&w);
  CHECK(world_heard_in(&w, "[\"resolve\",6,true]\n"));
  /* what is released before it began to be read is not read */
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[\"posts/p2\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"release\",7,1]") == PQ_OK);
  CHECK(w.cancelled == 1 && counts().commands == 0);
  close_world();
}

/* ---- callbacks ---- */

static void insert_many(const char *collection, uint32_t count) {
  char command[100];
  pqdb_replies *r = NULL;
  pq_buf lines;
  pq_buf_init(&lines, &w.engine_cx, 1 << 24);
  for (uint32_t i = 0; i < count; i++)
    CHECK(pq_buf_printf(&lines, "{\"i\":%u,\"text\":\"%060u\"}\n", i, i) == PQ_OK);
  snprintf(command, sizeof command, "{\"insert\":\"%s\"}", collection);
  CHECK(pqdb_run(w.db, NULL, command, strlen(command), (const char *)lines.p, lines.len, &r) ==
        PQDB_OK);
  pqdb_replies_close(r);
  pq_buf_release(&lines);
}

static void acknowledge(uint64_t from, uint64_t to, bool is_refused) {
  char message[100];
  for (uint64_t i = from; i <= to; i++) {
    snprintf(message, sizeof message,
             is_refused ? "[\"reject\",%llu,[\"error\",\"Error\",\"no\"]]"
                        : "[\"resolve\",%llu,[\"undefined\"]]",
             (unsigned long long)i);
    CHECK(world_say(&w, message) == PQ_OK);
  }
}

static void test_subscribe(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"collection\"],[\"posts\"]]]") == PQ_OK);
  CHECK(world_say(&w,
                  "[\"push\",[\"pipeline\",2,[\"subscribe\"],[{\"op\":\"DELETE\"},"
                  "[\"export\",-1]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",3]", "[\"resolve\",3,[\"export\",-1]]"));
  CHECK(world_say(&w, "[\"release\",3,1]") == PQ_OK);
  CHECK(world_ask(&w, "[\"push\",[\"pipeline\",0,[\"delete\"],[\"posts/p1\"]]]",
                  "[\"push\",[\"pipeline\",-1,[],[{\"id\":\""));
  CHECK(world_ask(&w, "[\"push\",[\"pipeline\",0,[\"restore\"],[\"posts/p1\"]]]", ""));
  acknowledge(1, 1, false);
  CHECK(world_heard(&w, "[\"release\",1,1]\n"));
  CHECK(counts().imports == 0 && counts().callbacks == 1);
  /* the callback fails: it is over, and the client's function is given back */
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",-1,[\"closed\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",6]", ""));
  CHECK(world_ask(&w, "[\"push\",[\"pipeline\",0,[\"delete\"],[\"posts/p2\"]]]",
                  "[\"push\",[\"pipeline\",-1,[],[{\"id\":\""));
  acknowledge(2, 2, true);
  world_run(&w);
  CHECK(world_heard_in(&w, "the callback has failed"));
  CHECK(counts().callbacks == 0 && counts().commands == 0);
  close_world();
}

/* A slow client is never sent more than a window; the rest comes as it takes them. */
static void test_window(void) {
  if (!open_world()) return;
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"subscribe\"],[[\"export\",-1]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",1]", "[\"resolve\",1,"));
  insert_many("many", 1000);
  world_run(&w);
  CHECK(counts().imports == 256);
  for (uint64_t i = 1; i <= 1000; i++) {
    acknowledge(i, i, false);
    world_run(&w);
    w.heard_len = 0;
  }
  CHECK(counts().imports == 0 && counts().callbacks == 1);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",-1,[\"cancel\"],[]]]") == PQ_OK);
  CHECK(world_heard(&w, "[\"release\",-1,1]\n"));
  CHECK(counts().callbacks == 0 && counts().commands == 0 && w.cancelled == 1);
  close_world();
}

static void test_stream(void) {
  uint64_t at = 2;
  if (!open_world()) return;
  insert_many("many", 10000);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"collection\"],[\"many\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",1,[\"stream\"],[{},{\"project\":{\"i\":1}}]]]") ==
        PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",2]",
                  "[\"pipe\"]\n[\"resolve\",2,[\"readable\",1]]\n[\"stream\",[\"pipeline\",1,"
                  "[\"write\"],[{"));
  CHECK(counts().imports == 256);
  while (counts().imports > 0 && at < 20000) {
    acknowledge(at, at, false);
    at++;
    world_run(&w);
    if (counts().imports > 0) w.heard[w.heard_len = 0] = '\0';
  }
  CHECK(at == 10003); /* the pipe, the items, the close */
  CHECK(world_heard(&w, "[\"release\",1,1]\n"));
  /* a reader that stops */
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",1,[\"stream\"],[]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",3]", "[\"readable\",10003]"));
  acknowledge(10004, 10004, true);
  CHECK(world_heard_in(&w, "[\"release\",10003,1]"));
  CHECK(counts().commands == 0 && w.cancelled == 1);
  /* one that nobody reads */
  CHECK(world_ask(&w, "[\"push\",[\"pipeline\",1,[\"stream\"],[]]]", ""));
  CHECK(world_say(&w, "[\"release\",4,1]") == PQ_OK);
  CHECK(counts().commands == 0 && w.cancelled == 2);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",1,[\"stream\"],[{\"$nope\":1}]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",5]", "[\"reject\",5,"));
  close_world();
}

/* The client's promise as an argument. */
static void test_client_promise(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[[\"promise\",-1]]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",2]") == PQ_OK);
  world_run(&w);
  CHECK(world_heard(&w, ""));
  CHECK(world_ask(&w, "[\"resolve\",-1,\"posts/p2\"]", "\"title\":\"Two\""));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[[\"promise\",-2]]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",3]") == PQ_OK);
  CHECK(world_ask(&w, "[\"reject\",-2,[\"error\",\"Error\",\"mine\"]]", "\"mine\""));
  CHECK(counts().callbacks == 0);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[[\"promise\",-3]]]]") == PQ_OK);
  close_world();
}

static void test_batch(void) {
  CHECK(world_open(&w, (pq_rpc_options){.is_batch = true}) == PQ_OK);
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"subscribe\"],[[\"export\",-1]]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",2]") == PQ_OK);
  CHECK(world_heard_in(&w, "use a WebSocket"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"delete\"],[\"posts/p1\"]]]") == PQ_OK);
  CHECK(!pq_rpc_is_idle(w.s)); /* what nobody asked for is done all the same */
  world_run(&w);
  CHECK(pq_rpc_is_idle(w.s));
  close_world();
}

/* ---- limits, ends ---- */

static void test_limits(void) {
  char message[300];
  CHECK(world_open(&w, (pq_rpc_options){.call_max = 10,
                                        .pending_max = 50,
                                        .map_max = 20,
                                        .message_max = 280,
                                        .answer_max = 200}) == PQ_OK);
  for (int i = 0; i < 9; i++)
    CHECK(world_say(&w, "[\"push\",[[1,2,3,4,5,6,7,8]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",1]") != PQ_OK);
  CHECK(world_heard_in(&w, "LIMIT_EXCEEDED"));
  close_world();
  CHECK(world_open(&w, (pq_rpc_options){.map_max = 20, .message_max = 280, .answer_max = 200}) ==
        PQ_OK);
  CHECK(world_say(&w, "[\"push\",[[1,2,3,4,5,6,7,8]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"remap\",1,[],[],[1,2,[\"pipeline\",0]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",2]", "more than 20 instructions"));
  CHECK(world_say(&w,
                  "[\"push\",[[[\"pipeline\",1],[\"pipeline\",1],[\"pipeline\",1],"
                  "[\"pipeline\",1],[\"pipeline\",1],[\"pipeline\",1],[\"pipeline\",1],"
                  "[\"pipeline\",1],[\"pipeline\",1],[\"pipeline\",1]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",3]", "the answer is larger than 200 bytes"));
  memset(message, ' ', sizeof message);
  message[sizeof message - 1] = '\0';
  CHECK(world_say(&w, message) != PQ_OK);
  CHECK(world_heard_in(&w, "a message of 299 bytes: at most 280"));
  close_world();
}

/* Values in values, doubled again and again: bounded by the size of an answer, and in depth. */
static void test_bomb(void) {
  char message[200];
  CHECK(world_open(&w, (pq_rpc_options){.answer_max = 1 << 20}) == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[[1]]]") == PQ_OK);
  for (unsigned i = 1; i < 100; i++) {
    snprintf(message, sizeof message, "[\"push\",[[[\"pipeline\",%u],[\"pipeline\",%u]]]]", i, i);
    CHECK(world_say(&w, message) == PQ_OK);
  }
  CHECK(world_ask(&w, "[\"pull\",40]", "LIMIT_EXCEEDED"));
  CHECK(world_ask(&w, "[\"pull\",100]", "values are put into values"));
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"run\"],[[\"pipeline\",40]]]]") == PQ_OK);
  CHECK(world_ask(&w, "[\"pull\",101]", "[\"reject\",101,"));
  close_world();
}

static void test_memory(void) {
  char message[10000];
  int rc = PQ_OK;
  CHECK(world_open(&w, (pq_rpc_options){.memory_max = 1 << 20}) == PQ_OK);
  memset(message, 'x', sizeof message);
  memcpy(message, "[\"push\",\"", 9);
  memcpy(message + sizeof message - 3, "\"]", 3);
  for (int i = 0; i < 1000 && rc == PQ_OK; i++)
    rc = world_say(&w, message);
  CHECK(rc == PQ_ENOMEM);
  CHECK(world_heard_in(&w, "OUT_OF_MEMORY"));
  close_world();
}

/* Answers that the client does not release count, too. */
static void test_held(void) {
  char message[200];
  CHECK(world_open(&w, (pq_rpc_options){.memory_max = 4 << 20}) == PQ_OK);
  insert_many("many", 8000);
  for (unsigned i = 1; i < 10; i++) {
    CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"run\"],[{\"find\":\"many\"}]]]") == PQ_OK);
    world_run(&w);
    snprintf(message, sizeof message, "[\"pull\",%u]", i);
    if (i == 9) CHECK(world_ask(&w, message, "dispose of those"));
  }
  close_world();
}

/* In the middle of everything, the client is gone. */
static void test_gone(void) {
  if (!open_world()) return;
  fill();
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"begin\"],[]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"delete\"],[\"posts/p1\"]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",2,[\"commit\"],[]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"subscribe\"],[[\"export\",-1]]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"pipeline\",0,[\"get\"],[[\"promise\",-2]]]]") == PQ_OK);
  CHECK(world_say(&w, "[\"push\",[\"remap\",3,[],[[\"export\",-3]],[[\"pipeline\",-1]]]]") ==
        PQ_OK);
  CHECK(world_say(&w, "[\"pull\",4]") == PQ_OK);
  close_world();
  if (!open_world()) return;
  w.is_deaf = true;
  CHECK(world_say(&w, "[\"push\",1]") == PQ_OK);
  CHECK(world_say(&w, "[\"pull\",1]") == PQ_EIO);
  close_world();
}

/* A script with all of it, the n-th allocation of the session failing. */
static void run_script(void) {
  static const char *const script[] = {
      "[\"push\",[\"pipeline\",0,[\"collection\"],[\"posts\"]]]",
      "[\"push\",[\"pipeline\",1,[\"insert\"],[[[{\"$id\":\"a\",\"n\":1},{\"$id\":\"b\"}]]]]]",
      "[\"push\",[\"pipeline\",1,[\"find\"],[{\"n\":[\"promise\",-4]}]]]",
      "[\"resolve\",-4,[\"undefined\"]]",
      ("[\"push\",[\"remap\",3,[\"items\"],[[\"import\",1]],[[\"pipeline\",-1,[\"get\"],"
       "[[\"pipeline\",0,[\"$id\"]]]],{\"x\":[\"pipeline\",1,[\"n\"]],\"y\":[\"undefined\"]}]]]"),
      "[\"pull\",4]",
      "[\"push\",[\"pipeline\",0,[\"begin\"],[]]]",
      "[\"push\",[\"pipeline\",5,[\"delete\"],[\"posts/a\"]]]",
      "[\"push\",[\"pipeline\",5,[\"commit\"],[]]]",
      "[\"pull\",7]",
      "[\"push\",[\"pipeline\",1,[\"subscribe\"],[{\"cursor\":\"seq:0\"},[\"export\",-1]]]]",
      "[\"pull\",8]",
      "[\"stream\",[\"pipeline\",1,[\"stream\"],[]]]",
      "[\"push\",[\"pipeline\",1,[\"nonsense\"],[]]]",
      "[\"pull\",10]",
      "[\"release\",1,1]",
      "[\"resolve\",1,[\"undefined\"]]",
  };
  for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
    if (world_say(&w, script[i]) != PQ_OK) return;
    world_run(&w);
  }
}

static void test_out_of_memory(void) {
  bool was_hit = true;
  for (long n = 1; was_hit && n < 5000; n++) {
    CHECK(world_open(&w, (pq_rpc_options){0}) == PQ_OK);
    unit_calls = 0;
    unit_fail_at = n;
    run_script();
    was_hit = unit_calls >= n;
    unit_fail_at = 0;
    if (!was_hit) CHECK(world_heard_in(&w, "{\"x\":1,\"y\":[\"undefined\"]}"));
    close_world();
  }
  CHECK(!was_hit);
}

int main(void) {
  RUN(test_values);
  RUN(test_bad_expressions);
  RUN(test_bad_messages);
  RUN(test_deep);
  RUN(test_chain);
  RUN(test_failures);
  RUN(test_failures_go_on);
  RUN(test_map);
  RUN(test_transaction);
  RUN(test_as_of);
  RUN(test_actor);
  RUN(test_order);
  RUN(test_subscribe);
  RUN(test_window);
  RUN(test_stream);
  RUN(test_client_promise);
  RUN(test_batch);
  RUN(test_limits);
  RUN(test_bomb);
  RUN(test_memory);
  RUN(test_held);
  RUN(test_gone);
  RUN(test_out_of_memory);
  return unit_end();
}
