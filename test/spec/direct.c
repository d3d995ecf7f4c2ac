/* test/spec/direct.c - what no text case can say: limits, commands that run side by side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec_db.h"
#include "spec_suites.h"

static bool has_failed; /* the running test */

#define EXPECT(cond)                                                  \
  do {                                                                \
    if (!(cond)) {                                                    \
      has_failed = true;                                              \
      fprintf(stderr, "%s:%d: FAIL %s\n", __FILE__, __LINE__, #cond); \
    }                                                                 \
  } while (0)

/* Run a command and expect a status; true when it was that. */
static bool is_status(spec_db *s, pq_slice command, pq_slice payload, int rc) {
  spec_reply r;
  bool is_it;
  spec_run(s, command, payload, &r);
  is_it = r.rc == rc;
  if (!is_it)
    fprintf(stderr, "%.*s…: %s (%s)\n", (int)(command.n < 60 ? command.n : 60),
            (const char *)command.p, pq_status_name(r.rc), r.message);
  spec_reply_release(&r);
  return is_it;
}

static void put(pq_buf *b, const char *text) {
  if (pq_buf_put_str(b, text) != PQ_OK) spec_die("%s", spec_cx()->msg);
}

static void put_times(pq_buf *b, const char *text, size_t n) {
  for (size_t i = 0; i < n; i++)
    put(b, text);
}

/* ---- limits ---- */

/* A document with `depth` nested arrays below its one field. */
static int insert_nested(spec_db *s, const char *id, size_t depth) {
  pq_buf b;
  int rc;
  spec_reply r;
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  put(&b, "{\"$id\": \"");
  put(&b, id);
  put(&b, "\", \"a\": ");
  put_times(&b, "[", depth);
  put_times(&b, "]", depth);
  put(&b, "}\n");
  spec_run(s, PQ_SLICE("{\"insert\": \"t\"}"), pq_buf_slice(&b), &r);
  rc = r.rc;
  spec_reply_release(&r);
  pq_buf_release(&b);
  return rc;
}

static void test_depth(void) {
  spec_db s;
  spec_start(&s, SPEC_MEMORY, 1);
  EXPECT(insert_nested(&s, "a", 99) == PQ_OK);
  EXPECT(insert_nested(&s, "b", 100) == PQ_ELIMIT);
  EXPECT(insert_nested(&s, "c", 5000) == PQ_ELIMIT);
  free(spec_text(&s, "{\"flush\": 1}"));
  EXPECT(is_status(&s, PQ_SLICE("{\"get\": \"t/a\"}"), (pq_slice){0}, PQ_OK));
  EXPECT(spec_end(&s) == 0);
}

/* A document with one text of `len` bytes. */
static int insert_long(spec_db *s, const char *id, size_t len) {
  spec_reply r;
  char *payload, *text = malloc(len + 1);
  int rc;
  if (text == NULL) spec_die("out of memory");
  memset(text, 'x', len);
  text[len] = '\0';
  payload = spec_format("{\"$id\": \"%s\", \"a\": \"%s\"}", id, text);
  spec_run(s, PQ_SLICE("{\"insert\": \"t\"}"), pq_str(payload), &r);
  rc = r.rc;
  spec_reply_release(&r);
  free(payload);
  free(text);
  return rc;
}

static void test_document_length(void) {
  spec_db s;
  spec_reply r;
  pq_slice text;
  size_t max; /* 16 MB, or a sixteenth of the memory */
  spec_start(&s, SPEC_MEMORY, 1);
  max = s.cx.limits.doc_len_max;
  EXPECT(spec_memory_max == 0 ? max == 16 << 20 : max == spec_memory_max / 16);
  EXPECT(insert_long(&s, "small", 1000) == PQ_OK);
  EXPECT(insert_long(&s, "over", max + 1) == PQ_ELIMIT);
  EXPECT(insert_long(&s, "large", max - 1000) == PQ_OK);
  free(spec_text(&s, "{\"flush\": 1}"));
  EXPECT(spec_reopen(&s) == PQ_OK);
  spec_run(&s, PQ_SLICE("{\"get\": \"t/large\"}"), (pq_slice){0}, &r);
  EXPECT(r.rc == PQ_OK && r.count == 1);
  EXPECT(r.count == 1 && pq_value_string(pq_object_get_str(r.items[0], "a"), &text) &&
         text.n == max - 1000);
  spec_reply_release(&r);
  EXPECT(spec_end(&s) == 0);
}

static void test_ids(void) {
  spec_db s;
  spec_start(&s, SPEC_MEMORY, 1);
  for (int len = 510; len <= 514; len++) {
    char *command =
        spec_format("{\"insert\": \"t\", \"documents\": [{\"$id\": \"%0*d\"}]}", len, 1);
    EXPECT(is_status(&s, pq_str(command), (pq_slice){0}, len <= 512 ? PQ_OK : PQ_ELIMIT));
    free(command);
    command = spec_format("{\"get\": \"t/%0*d\"}", len, 1);
    EXPECT(is_status(&s, pq_str(command), (pq_slice){0}, len <= 512 ? PQ_OK : PQ_ELIMIT));
    free(command);
  }
  free(spec_text(&s, "{\"flush\": 1}"));
  EXPECT(spec_end(&s) == 0);
}

static void test_command_length(void) {
  spec_db s;
  pq_buf b;
  spec_start(&s, SPEC_MEMORY, 1);
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  put(&b, "{\"count\": \"t\"");
  while (b.len <= s.cx.limits.command_len_max)
    put_times(&b, "                                ", 4096);
  put(&b, "}");
  EXPECT(is_status(&s, pq_buf_slice(&b), (pq_slice){0}, PQ_ELIMIT));
  pq_buf_clear(&b);
  put(&b, "{\"find\": \"t\", \"filter\": {\"$or\": [{\"a\": 1}");
  put_times(&b, ", {\"a\": 1}", 2000);
  put(&b, "]}}");
  EXPECT(is_status(&s, pq_buf_slice(&b), (pq_slice){0}, PQ_ELIMIT));
  pq_buf_release(&b);
  EXPECT(spec_end(&s) == 0);
}

/* Every byte of a command cut off, and garbage: an error, never more. */
static void test_broken_commands(void) {
  static const char command[] =
      "{\"find\": \"t\", \"filter\": {\"a\": {\"$in\": [1, \"\\u00e9\", null]}}, \"sort\": {\"a\": "
      "-1}, "
      "\"asOf\": \"seq:1\"}";
  spec_db s;
  uint64_t state = 1;
  spec_start(&s, SPEC_MEMORY, 1);
  for (size_t n = 0; n < sizeof command - 1; n++) {
    spec_reply r;
    spec_run(&s, (pq_slice){(const uint8_t *)command, n}, (pq_slice){0}, &r);
    EXPECT(r.rc < 0);
    spec_reply_release(&r);
  }
  for (int i = 0; i < 3000; i++) {
    uint8_t bytes[sizeof command - 1];
    spec_reply r;
    memcpy(bytes, command, sizeof bytes);
    for (int k = 0; k < 1 + i % 3; k++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      bytes[(state >> 33) % sizeof bytes] = (uint8_t)(state >> 20);
    }
    spec_run(&s, (pq_slice){bytes, sizeof bytes}, (pq_slice){0}, &r);
    spec_reply_release(&r);
  }
  EXPECT(spec_end(&s) == 0);
}

/* ---- commands side by side ---- */

static pq_command *open_command(spec_db *s, const char *text) {
  pq_command *c;
  if (pq_command_open(&s->db, pq_str("default"), pq_str(text), (pq_slice){0}, s->now_us, &c) !=
      PQ_OK)
    spec_die("%s: %s", text, s->cx.msg);
  return c;
}

/* Go on until items wait or it is done; returns the status. */
static int go_on(spec_db *s, pq_command *c) {
  int rc;
  while ((rc = pq_command_step(c, s->now_us)) == PQ_NEED_IO)
    pq_driver_run(s->driver, pq_command_fetch(c));
  return rc;
}

static uint32_t take(pq_command *c) {
  pq_value v;
  uint32_t n = 0;
  while (pq_command_next(c, &v)) {
    char *text = spec_print(v); /* reads every byte of it */
    free(text);
    n++;
  }
  return n;
}

static void insert_some(spec_db *s, const char *prefix, int count) {
  pq_buf b;
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  for (int i = 0; i < count; i++) {
    char *line = spec_format("{\"$id\": \"%s%03d\", \"n\": %d}\n", prefix, i, i);
    put(&b, line);
    free(line);
  }
  EXPECT(is_status(s, PQ_SLICE("{\"insert\": \"t\"}"), pq_buf_slice(&b), PQ_OK));
  pq_buf_release(&b);
}

/* t/a000 ─next→ t/a001 ─next→ … */
static void link_next(spec_db *s, int count) {
  for (int i = 0; i < count; i++) {
    char *text = spec_format(
        "{\"link\": {\"from\": \"t/a%03d\", \"predicate\": \"next\", \"to\": \"t/a%03d\"}}", i,
        i + 1);
    free(spec_text(s, text));
    free(text);
  }
}

/* A find that was begun goes on with what it saw, whatever happens meanwhile. */
static void test_find_is_a_snapshot(void) {
  static const char *const meanwhile[] = {
      "{\"update\": \"t/b005\", \"ops\": {\"$set\": {\"n\": 1000}}}",
      "{\"delete\": \"t/a007\", \"hard\": true}",
      "{\"insert\": \"t\", \"documents\": [{\"$id\": \"z\"}]}",
      "{\"flush\": 1}",
      "{\"delete\": \"t/c001\"}",
      "{\"compact\": \"\"}",
      "{\"count\": \"t\"}"};
  for (int asks_past = 0; asks_past < 2; asks_past++) {
    spec_db s;
    pq_command *c;
    uint32_t n = 0;
    int step = 0;
    spec_start(&s, SPEC_MEMORY, 1);
    insert_some(&s, "a", 50);
    free(spec_text(&s, "{\"flush\": 1}"));
    insert_some(&s, "b", 50);
    free(spec_text(&s, "{\"flush\": 1}"));
    insert_some(&s, "c", 50);
    c = open_command(&s,
                     asks_past ? "{\"find\": \"t\", \"asOf\": \"seq:75\"}" : "{\"find\": \"t\"}");
    while (!pq_command_is_done(c)) {
      if (go_on(&s, c) != PQ_OK) spec_die("find: %s", s.cx.msg);
      n += take(c);
      for (int i = 0; i < 3 && step < 7; i++)
        free(spec_text(&s, meanwhile[step++]));
    }
    EXPECT(n == (asks_past ? 75 : 150));
    pq_command_close(c);
    EXPECT(step > 3);
    EXPECT(spec_end(&s) == 0);
  }
}

/* What is computed of the whole graph is that of the moment when it began, and what it writes is
 * that, too: into what is there by then. */
static void test_whole_graph_beside_writes(void) {
  static const char *const commands[] = {"{\"components\": \"t\"}",
                                         "{\"components\": \"t\", \"writeAs\": \"part\"}"};
  static const char *const meanwhile[] = {
      "{\"unlink\": {\"from\": \"t/a002\", \"predicate\": \"next\", \"to\": \"t/a003\"}}",
      "{\"delete\": \"t/a004\", \"hard\": true}",
      "{\"flush\": 1}",
      "{\"update\": \"t/a001\", \"ops\": {\"$set\": {\"n\": 1000}}}",
      "{\"compact\": \"\"}",
      "{\"delete\": \"t/a005\"}"};
  for (size_t i = 0; i < 2; i++) {
    spec_db s;
    pq_command *c;
    uint32_t n = 0, step = 0;
    char *text;
    spec_start(&s, SPEC_MEMORY, 1);
    insert_some(&s, "a", 9);
    link_next(&s, 4);
    free(spec_text(&s, "{\"flush\": 1}"));
    link_next(&s, 8);
    c = open_command(&s, commands[i]);
    while (!pq_command_is_done(c)) {
      if (go_on(&s, c) != PQ_OK) spec_die("%s: %s", commands[i], s.cx.msg);
      n += take(c);
      for (int k = 0; k < 2 && step < 6; k++)
        free(spec_text(&s, meanwhile[step++]));
    }
    pq_command_close(c);
    EXPECT(n == (i == 0 ? 9 : 0));
    EXPECT(step == 6);
    text = spec_text(&s, "{\"count\": \"t\", \"filter\": {\"part\": \"t/a000\"}}");
    EXPECT(strstr(text, i == 0 ? "\"count\":{\"$numberInt\":\"0\"}"
                               : "\"count\":{\"$numberInt\":\"7\"}") != NULL);
    free(text);
    EXPECT(spec_end(&s) == 0);
  }
}

/* While a write or a flush waits for the store, reads see the state before it. */
static void test_reads_beside_a_writer(void) {
  static const char *const writes[] = {
      "{\"flush\": 1}", "{\"update\": \"t/a001\", \"ops\": {\"$inc\": {\"n\": 1}}}",
      "{\"delete\": \"t/a001\", \"hard\": true}", "{\"flush\": 1}", "{\"compact\": \"\"}"};
  static const char *const reads[] = {"{\"count\": \"t\"}",
                                      "{\"find\": \"t\", \"sort\": {\"$id\": 1}}",
                                      "{\"find\": \"t\", \"asOf\": \"seq:22\"}"};
  spec_db s;
  spec_start(&s, SPEC_SHUFFLE, 3);
  insert_some(&s, "a", 20);
  free(spec_text(&s, "{\"flush\": 1}"));
  insert_some(&s, "b", 5);
  free(spec_text(&s, "{\"update\": \"t/a001\", \"ops\": {\"$inc\": {\"n\": 1}}}"));
  for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
    pq_command *c = open_command(&s, writes[i]);
    char *before[3];
    int rc = PQ_NEED_IO;
    for (int k = 0; k < 3; k++)
      before[k] = spec_text(&s, reads[k]);
    while (rc == PQ_NEED_IO) {
      rc = pq_command_step(c, s.now_us);
      EXPECT(rc >= 0);
      for (int k = 0; k < 3 && rc == PQ_NEED_IO; k++) {
        char *now = spec_text(&s, reads[k]);
        if (strcmp(now, before[k]) != 0)
          fprintf(stderr, "%s beside %s: %s", reads[k], writes[i], now);
        EXPECT(strcmp(now, before[k]) == 0);
        free(now);
      }
      if (rc == PQ_NEED_IO) pq_driver_run(s.driver, pq_command_fetch(c));
      (void)take(c);
      if (rc == PQ_OK && !pq_command_is_done(c)) rc = PQ_NEED_IO;
    }
    for (int k = 0; k < 3; k++)
      free(before[k]);
    pq_command_close(c);
  }
  EXPECT(spec_end(&s) == 0);
}

/* Commands that are closed before they end, at each step, leave everything usable. */
static void test_abandoned(void) {
  static const char *const commands[] = {
      "{\"find\": \"t\", \"filter\": {\"n\": 3}}",
      "{\"insert\": \"t\", \"documents\": [{\"$id\": \"new\"}]}",
      "{\"update\": \"t/a001\", \"ops\": {\"$inc\": {\"n\": 1}}}",
      "{\"delete\": \"t/a002\", \"hard\": true}",
      "{\"flush\": 1}",
      "{\"get\": \"t/a000\", \"asOf\": \"seq:3\"}",
      "{\"link\": {\"from\": \"t/a003\", \"predicate\": \"p\", \"to\": \"t/a004\"}}",
      "{\"degree\": \"t\", \"writeAs\": \"d\"}"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    for (int steps = 0; steps < 40; steps++) {
      spec_db s;
      pq_command *c;
      spec_start(&s, SPEC_MEMORY, 1);
      insert_some(&s, "a", 20);
      link_next(&s, 3);
      free(spec_text(&s, "{\"flush\": 1}"));
      insert_some(&s, "b", 5);
      EXPECT(spec_reopen(&s) == PQ_OK);
      c = open_command(&s, commands[i]);
      for (int k = 0; k < steps && !pq_command_is_done(c); k++) {
        int rc = pq_command_step(c, s.now_us);
        EXPECT(rc == PQ_OK || rc == PQ_NEED_IO);
        if (rc == PQ_NEED_IO && k + 1 < steps) pq_driver_run(s.driver, pq_command_fetch(c));
        if (rc == PQ_OK) (void)take(c);
      }
      if (pq_command_is_done(c)) steps = 1000;
      pq_command_close(c);
      insert_some(&s, "after", 3);
      free(spec_text(&s, "{\"flush\": 1}"));
      free(spec_text(&s, "{\"find\": \"t\", \"includeDeleted\": true}"));
      EXPECT(spec_end(&s) == 0);
    }
}

/* Two writers of one namespace in one handle: the second is told so. */
static void test_busy(void) {
  spec_db s;
  pq_command *c;
  spec_start(&s, SPEC_MEMORY, 1);
  insert_some(&s, "a", 3);
  c = open_command(&s, "{\"update\": \"t/a001\", \"ops\": {\"$inc\": {\"n\": 1}}}");
  EXPECT(pq_command_step(c, s.now_us) == PQ_NEED_IO);
  EXPECT(is_status(&s, PQ_SLICE("{\"delete\": \"t/a001\"}"), (pq_slice){0}, PQ_EBUSY));
  EXPECT(is_status(&s, PQ_SLICE("{\"count\": \"t\"}"), (pq_slice){0}, PQ_OK));
  pq_driver_run(s.driver, pq_command_fetch(c));
  EXPECT(go_on(&s, c) == PQ_OK);
  EXPECT(take(c) == 1);
  EXPECT(go_on(&s, c) == PQ_OK);
  pq_command_close(c);
  EXPECT(is_status(&s, PQ_SLICE("{\"delete\": \"t/a001\"}"), (pq_slice){0}, PQ_OK));
  EXPECT(spec_end(&s) == 0);
}

/* Two handles that write: the first is fenced, its write is not done. */
static void test_fenced(void) {
  spec_db a, b;
  char *text;
  spec_start(&a, SPEC_MEMORY, 1);
  insert_some(&a, "a", 3);
  b = (spec_db){
      .kind = SPEC_MEMORY, .seed = 9, .now_us = a.now_us, .ns = "default", .store = a.store};
  EXPECT(spec_open(&b) == PQ_OK);
  insert_some(&b, "b", 3);
  EXPECT(is_status(&a, PQ_SLICE("{\"delete\": \"t/a001\"}"), (pq_slice){0}, PQ_EFENCED));
  EXPECT(is_status(&a, PQ_SLICE("{\"insert\": \"t\", \"documents\": [{}]}"), (pq_slice){0},
                   PQ_EFENCED));
  EXPECT(is_status(&a, PQ_SLICE("{\"flush\": 1}"), (pq_slice){0}, PQ_EFENCED));
  free(spec_text(&b, "{\"flush\": 1}"));
  text = spec_text(&b, "{\"count\": \"t\"}");
  EXPECT(strstr(text, "\"count\":{\"$numberInt\":\"6\"}") != NULL);
  free(text);
  spec_close(&b);
  EXPECT(b.memory.live_len == 0);
  EXPECT(spec_end(&a) == 0);
}

/* A handle for reading refuses to write. */
static void test_reader_is_refused(void) {
  static const char *const commands[] = {"{\"insert\": \"t\", \"documents\": [{}]}",
                                         "{\"update\": \"t/a\", \"ops\": {\"$set\": {\"a\": 1}}}",
                                         "{\"delete\": \"t/a\"}", "{\"flush\": 1}"};
  spec_db s;
  spec_start(&s, SPEC_MEMORY, 1);
  EXPECT(spec_open_reader(&s) == PQ_OK);
  for (int i = 0; i < 4; i++) {
    spec_reply r;
    spec_run_reader(&s, pq_str(commands[i]), (pq_slice){0}, &r);
    EXPECT(r.rc == PQ_EPERM);
    spec_reply_release(&r);
  }
  EXPECT(spec_end(&s) == 0);
}

/* More than 100 flushes: the log gets checkpoints, and opening reads few entries. */
static void test_many_flushes(void) {
  spec_db s;
  spec_reply r;
  spec_start(&s, SPEC_MEMORY, 1);
  insert_some(&s, "a", 5);
  for (int i = 0; i < 130; i++) {
    char *command =
        spec_format("{\"update\": \"t/a%03d\", \"ops\": {\"$inc\": {\"n\": 1}}}", i % 5);
    free(spec_text(&s, command));
    free(command);
    free(spec_text(&s, "{\"flush\": 1}"));
  }
  EXPECT(spec_reopen(&s) == PQ_OK);
  spec_run(&s, PQ_SLICE("{\"find\": \"t\", \"sort\": {\"$id\": 1}}"), (pq_slice){0}, &r);
  EXPECT(r.rc == PQ_OK && r.count == 5);
  for (uint32_t i = 0; i < r.count; i++) {
    int64_t n = 0;
    (void)pq_value_i64(pq_object_get_str(r.items[i], "n"), &n);
    EXPECT(n == (int64_t)i + 26);
  }
  spec_reply_release(&r);
  spec_run(&s,
           PQ_SLICE("{\"count\": \"t\", \"filter\": {\"n\": {\"$gt\": 10}}, \"asOf\": \"seq:60\"}"),
           (pq_slice){0}, &r);
  EXPECT(r.rc == PQ_OK);
  spec_reply_release(&r);
  EXPECT(spec_end(&s) == 0);
}

/* maxTimeMs ends a read between its stages, and the handle goes on working. */
static void test_timeout(void) {
  static const char *const commands[] = {
      "{\"find\": \"t\", \"maxTimeMs\": 5}",
      "{\"find\": \"t\", \"sort\": {\"n\": 1}, \"limit\": 2, \"total\": true, \"maxTimeMs\": 5}",
      "{\"findOne\": \"t\", \"filter\": {\"n\": 1}, \"maxTimeMs\": 5}",
      "{\"find\": \"t\", \"populate\": [\"x\"], \"maxTimeMs\": 5}",
      "{\"get\": \"t/a001\", \"maxTimeMs\": 5}",
      "{\"count\": \"t\", \"filter\": {\"n\": 1}, \"maxTimeMs\": 5}",
      "{\"exists\": \"t\", \"filter\": {\"n\": 1}, \"maxTimeMs\": 5}",
      "{\"exists\": \"t/a001\", \"maxTimeMs\": 5}",
      "{\"distinct\": \"t\", \"key\": \"n\", \"maxTimeMs\": 5}",
      "{\"estimatedCount\": \"t\", \"maxTimeMs\": 5}",
      "{\"aggregate\": \"t\", \"pipeline\": [{\"$match\": {\"n\": 1}}], \"maxTimeMs\": 5}",
      "{\"triangles\": \"t\", \"maxTimeMs\": 5}"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    spec_db s;
    pq_command *c;
    int rc, round = 0;
    spec_start(&s, SPEC_MEMORY, 1);
    insert_some(&s, "a", 40);
    free(spec_text(&s, "{\"flush\": 1}"));
    EXPECT(spec_reopen(&s) == PQ_OK);
    c = open_command(&s, commands[i]);
    while ((rc = pq_command_step(c, s.now_us + 1000 * round)) >= 0 && !pq_command_is_done(c)) {
      take(c);
      pq_driver_run(s.driver, pq_command_fetch(c));
      round++;
    }
    EXPECT(rc == PQ_ETIMEOUT);
    EXPECT(round == 5);
    pq_command_close(c);
    EXPECT(is_status(&s, PQ_SLICE("{\"count\": \"t\"}"), (pq_slice){0}, PQ_OK));
    EXPECT(spec_end(&s) == 0);
  }
}

static const struct {
  const char *name;
  void (*run)(void);
} tests[] = {{"depth", test_depth},
             {"document length", test_document_length},
             {"ids", test_ids},
             {"command length", test_command_length},
             {"broken commands", test_broken_commands},
             {"find is a snapshot", test_find_is_a_snapshot},
             {"whole graph beside writes", test_whole_graph_beside_writes},
             {"reads beside a writer", test_reads_beside_a_writer},
             {"abandoned", test_abandoned},
             {"busy", test_busy},
             {"timeout", test_timeout},
             {"fenced", test_fenced},
             {"reader is refused", test_reader_is_refused},
             {"many flushes", test_many_flushes}};

void spec_direct_run(const char *only, uint64_t *passed, uint64_t *failed) {
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    if (only != NULL && strstr(tests[i].name, only) == NULL) continue;
    has_failed = false;
    tests[i].run();
    *(has_failed ? failed : passed) += 1;
    if (has_failed) fprintf(stderr, "direct: %s failed\n", tests[i].name);
  }
}
