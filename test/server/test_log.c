/* test/server/test_log.c - lines of the log: both forms, hostile text, cut ends, the last ones; the
 * shape of slow commands; addresses. */
#include <unistd.h>

#include "server/address.h"
#include "server/log.h"
#include "server/slow.h"
#include "unit.h"
#include "value/json.h"

static pq_cx cx;
static char path[64];

static pq_log *open_log(bool is_json, pq_log_level level) {
  pq_serve_options o = {.log_json = is_json, .log_level = level, .log_file = path};
  pq_log *l;
  unit_cx_init(&cx);
  (void)unlink(path);
  CHECK(pq_log_open(&o, &cx, &l) == PQ_OK);
  return l;
}

static size_t read_log(char *out, size_t cap) {
  FILE *f = fopen(path, "rb");
  size_t n = f == NULL ? 0 : fread(out, 1, cap - 1, f);
  if (f != NULL) (void)fclose(f);
  out[n] = '\0';
  return n;
}

static void test_forms(void) {
  char text[4096];
  for (int is_json = 0; is_json < 2; is_json++) {
    pq_log *l = open_log(is_json == 1, PQ_LOG_INFO);
    pq_log_line line;
    pq_log_begin(&line, l, PQ_LOG_WARN, "a thing");
    pq_log_str(&line, "peer", "1.2.3.4:5");
    pq_log_u64(&line, "ms", 42);
    pq_log_str(&line, "why", "two words, \"quoted\"\n");
    pq_log_end(&line);
    pq_log_say(l, PQ_LOG_DEBUG, "not wanted");
    pq_log_settle(l);
    (void)read_log(text, sizeof text);
    CHECK(strstr(text, is_json ? "\"level\":\"warn\",\"msg\":\"a thing\",\"peer\":\"1.2.3.4:5\","
                                 "\"ms\":42,\"why\":\"two words, \\\"quoted\\\"\\u000a\"}\n"
                               : "Z warn a thing peer=1.2.3.4:5 ms=42 "
                                 "why=\"two words, \\\"quoted\\\"\\u000a\"\n") != NULL);
    CHECK(strstr(text, "wanted") == NULL && strchr(text, '\n') == text + strlen(text) - 1);
    pq_log_close(l);
  }
}

/* Whatever is put into a line, it stays one, and as JSON an object. */
static void test_hostile(void) {
  static char long_text[3 * PQ_LOG_LINE_CAP];
  char text[PQ_LOG_LINE_CAP * 2];
  for (int k = 0; k < 6; k++) {
    pq_log *l = open_log(true, PQ_LOG_INFO);
    pq_log_line line;
    pq_builder *b;
    size_t n, len = sizeof long_text - (size_t)k * 1001;
    memset(long_text, "x\n\"\\\xff\xc3"[k], sizeof long_text);
    CHECK(pq_builder_new(&cx, &b) == PQ_OK);
    pq_log_begin(&line, l, PQ_LOG_INFO, "m");
    pq_log_slice(&line, "a", (pq_slice){(const uint8_t *)long_text, k == 5 ? 3 : len});
    for (int i = 0; i < 200; i++)
      pq_log_slice(&line, "b", (pq_slice){(const uint8_t *)long_text, 30});
    pq_log_u64(&line, "c", 1);
    pq_log_end(&line);
    pq_log_settle(l);
    n = read_log(text, sizeof text);
    CHECK(n > 0 && n <= PQ_LOG_LINE_CAP && strchr(text, '\n') == text + n - 1);
    CHECK(text[0] == '{' && text[n - 2] == '}' && (text[n - 3] == '"' || text[n - 3] == '1'));
    pq_builder_free(b);
    pq_log_close(l);
  }
}

typedef struct taken {
  unsigned count;
  char first[PQ_LOG_LINE_CAP], last[PQ_LOG_LINE_CAP];
} taken;

static void take(void *ud, const char *line) {
  taken *t = ud;
  if (t->count++ == 0) (void)snprintf(t->first, sizeof t->first, "%s", line);
  (void)snprintf(t->last, sizeof t->last, "%s", line);
}

static void test_recent(void) {
  taken t = {0};
  pq_log *l = open_log(false, PQ_LOG_INFO);
  CHECK(pq_log_recent(l, take, &t) == 0 && t.count == 0);
  for (int i = 0; i < PQ_LOG_KEPT + 10; i++)
    pq_log_say(l, PQ_LOG_INFO, "line %d.", i);
  CHECK(pq_log_recent(l, take, &t) == PQ_LOG_KEPT + 10 && t.count == PQ_LOG_KEPT);
  CHECK(strstr(t.first, "line 10.") != NULL && strstr(t.last, "line 1033.") != NULL);
  CHECK(t.last[0] == '{');
  (void)unlink(path);
  pq_log_reopen(l);
  pq_log_say(l, PQ_LOG_ERROR, "again");
  pq_log_settle(l);
  CHECK(access(path, F_OK) == 0);
  pq_log_close(l);
}

/* Nobody reads what is written to standard error: whoever writes does not wait, and lines are lost,
 * which is told when somebody reads. */
static void test_full_pipe(void) {
  enum { LINES = 3000, LINE_LEN = 1000 };
  static char text[8 << 20];
  pq_serve_options o = {0};
  int ends[2], kept = dup(STDERR_FILENO);
  size_t len = 0;
  ssize_t n;
  pq_log *l;
  char why[LINE_LEN];
  memset(why, 'w', sizeof why);
  unit_cx_init(&cx);
  CHECK(kept >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
  (void)close(ends[1]);
  CHECK(pq_log_open(&o, &cx, &l) == PQ_OK);
  for (int i = 0; i < LINES; i++)
    pq_log_say(l, PQ_LOG_ERROR, "%.*s", (int)sizeof why / 4, why);
  for (int i = 0; i < LINES * 2; i++)
    pq_log_say(l, PQ_LOG_ERROR, "%.*s", (int)sizeof why / 2, why);
  while (len < 600000 && (n = read(ends[0], text + len, sizeof text - 1 - len)) > 0)
    len += (size_t)n; /* somebody reads some */
  pq_log_say(l, PQ_LOG_ERROR, "the last");
  while (strstr(text, "the last") == NULL && len + 1 < sizeof text &&
         (n = read(ends[0], text + len, sizeof text - 1 - len)) > 0)
    len += (size_t)n;
  CHECK(dup2(kept, STDERR_FILENO) >= 0);
  (void)close(kept);
  (void)close(ends[0]);
  CHECK(strstr(text, "lines were lost lines=") != NULL && strstr(text, "the last") != NULL);
  pq_log_close(l);
}

static void test_bad_file(void) {
  pq_serve_options o = {.log_file = "/nowhere/at/all"};
  pq_log *l;
  unit_cx_init(&cx);
  CHECK(pq_log_open(&o, &cx, &l) == PQ_EINVALID && l == NULL);
}

static void check_shape(const char *json, size_t cap, const char *expected) {
  char out[1000];
  pq_arena arena;
  pq_builder *b;
  pq_value v;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(pq_json_value(b, pq_str(json), &arena, &v) == PQ_OK);
  pq_slow_shape(v, out, cap);
  CHECK(strcmp(out, expected) == 0);
  pq_builder_free(b);
  pq_arena_release(&arena);
}

static void test_shape(void) {
  check_shape(
      "{\"find\": \"a\", \"$db\": \"x\", \"filter\": {\"s\": \"hidden\", \"n\": [1, 2, 3]}}", 1000,
      "{filter: {n: [?], s: ?}, find: ?}");
  check_shape("{\"p\": [{\"$match\": {\"a\": null}}, {\"$limit\": 5}], \"q\": {}}", 1000,
              "{p: [{$match: {a: ?}}, {$limit: ?}], q: {}}");
  check_shape("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": 1}", 1000,
              "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: ?}");
  check_shape("{\"find\": \"a\"}", 6, "{find");
}

static void test_addresses(void) {
  static const struct {
    const char *text;
    const char *printed; /* NULL: it is refused */
    bool is_local;
  } rows[] = {{"127.0.0.1:5", "127.0.0.1:5", true},
              {"localhost", "127.0.0.1:7", true},
              {":0", "127.0.0.1:0", true},
              {"", "127.0.0.1:7", true},
              {"[::1]:9", "[::1]:9", true},
              {"[::1]", "[::1]:7", true},
              {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", true},
              {"0.0.0.0:1", "0.0.0.0:1", false},
              {"[::]:1", "[::]:1", false},
              {"10.1.2.3", "10.1.2.3:7", false},
              {"127.0.0.1:", NULL, false},
              {"127.0.0.1:65536", NULL, false},
              {"127.0.0.1:-1", NULL, false},
              {"127.0.0.1:1x", NULL, false},
              {"example.com:1", NULL, false},
              {"unix:relative", NULL, false}};
  char printed[PQ_ADDRESS_CAP], long_path[300] = "unix:/";
  pq_address a;
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int rc = pq_address_parse(&cx, rows[i].text, 7, &a);
    CHECK((rc == PQ_OK) == (rows[i].printed != NULL) && (rc == PQ_OK || rc == PQ_EINVALID));
    if (rc != PQ_OK) continue;
    pq_address_print(&a.ip, printed);
    CHECK(strcmp(printed, rows[i].printed) == 0);
    CHECK(a.is_local == rows[i].is_local);
  }
  CHECK(pq_address_parse(&cx, "unix:/tmp/a.sock", 7, &a) == PQ_OK && a.is_local);
  CHECK(strcmp(a.path, "/tmp/a.sock") == 0);
  memset(long_path + 6, 'a', sizeof long_path - 7);
  CHECK(pq_address_parse(&cx, long_path, 7, &a) == PQ_EINVALID);
}

int main(void) {
  (void)snprintf(path, sizeof path, "/tmp/parquedb-test-log-%d", (int)getpid());
  RUN(test_forms);
  RUN(test_hostile);
  RUN(test_recent);
  RUN(test_bad_file);
  RUN(test_full_pipe);
  RUN(test_shape);
  RUN(test_addresses);
  (void)unlink(path);
  return unit_end();
}
