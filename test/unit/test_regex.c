/* test/unit/test_regex.c - regular expressions: options, prefixes, budgets, memory. */
#include "base/text.h"
#include "expr/regex.h"
#include "unit.h"

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_regex_set *set;
} bench;

static void bench_open(bench *t) {
  unit_cx_init(&t->cx);
  pq_arena_init(&t->arena, &t->cx, 1u << 28);
  CHECK(pq_regex_set_new(&t->arena, &t->set) == PQ_OK);
}

static void bench_close(bench *t) {
  pq_arena_release(&t->arena);
  CHECK(unit_live_len == 0);
}

static bool is_match(const char *pattern, const char *options, const char *text) {
  bench t;
  pq_regex *r;
  bool out = false;
  bench_open(&t);
  CHECK(pq_regex_compile(t.set, pq_str(pattern), pq_str(options), &r) == PQ_OK);
  if (r != NULL) out = pq_regex_match(r, pq_str(text));
  CHECK(pq_regex_set_status(t.set) == PQ_OK);
  bench_close(&t);
  return out;
}

static void test_regex_options(void) {
  CHECK(is_match("b.d", "", "abcd") && !is_match("^b", "", "ab"));
  CHECK(!is_match("B", "", "b") && is_match("B", "i", "b") && is_match("É", "i", "é"));
  CHECK(is_match("^b", "m", "a\nb") && !is_match("a.b", "", "a\nb") &&
        is_match("a.b", "s", "a\nb"));
  CHECK(is_match("a b # c", "x", "ab"));
  CHECK(is_match("^.$", "", "é") && !is_match("\\d", "", "٣") && is_match("(*UCP)\\d", "", "٣"));
  CHECK(is_match("", "", "") && is_match("(?i)A", "", "a"));
}

static void test_regex_errors(void) {
  bench t;
  pq_regex *r;
  bench_open(&t);
  CHECK(pq_regex_compile(t.set, PQ_SLICE("("), PQ_SLICE(""), &r) == PQ_EFILTER && r == NULL);
  CHECK(pq_regex_compile(t.set, PQ_SLICE("a"), PQ_SLICE("g"), &r) == PQ_EFILTER);
  CHECK(pq_regex_compile(t.set, PQ_SLICE("a\0b"), PQ_SLICE(""), &r) == PQ_EFILTER);
  CHECK(pq_regex_compile(t.set, PQ_SLICE("a\\Cb"), PQ_SLICE(""), &r) == PQ_EFILTER);
  CHECK(pq_regex_set_status(t.set) == PQ_OK);
  bench_close(&t);
}

static const char *prefix(bench *t, const char *pattern, const char *options) {
  pq_slice out;
  CHECK(pq_regex_prefix(&t->arena, pq_str(pattern), pq_str(options), &out) == PQ_OK);
  return pq_arena_str(&t->arena, out);
}

static void test_regex_prefix(void) {
  static const char *const rows[][3] = {
      {"^abc", "", "abc"},  {"abc", "", ""},        {"^abc", "i", ""},    {"^abc", "m", ""},
      {"^abc", "s", "abc"}, {"^abc?", "", "ab"},    {"^abc*d", "", "ab"}, {"^abc+", "", "abc"},
      {"^ab{2}", "", "a"},  {"^a\\.b", "", "a.b"},  {"^ab\\d", "", "a"},  {"^a|b", "", ""},
      {"^a\\E*", "", ""},   {"^ab(?#x)*", "", "a"}, {"^é?x", "", ""},     {"^aé", "", "aé"},
      {"^a[b]", "", "a"},   {"^abc$", "", "abc"},   {"^", "", ""},        {"^a\\Q*\\E", "", ""}};
  bench t;
  bench_open(&t);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *got = prefix(&t, rows[i][0], rows[i][1]);
    CHECK(strcmp(got, rows[i][2]) == 0);
  }
  bench_close(&t);
}

/* Each would run for hours; each must end within its budget. */
static void test_regex_budget(void) {
  static const char *const patterns[] = {"^(a+)+$", "(a|aa)+$", "(.*a){20}b", "[ab]*[cd]",
                                         "a*a*a*b"};
  enum { LONG = 200000 };
  static char text[LONG + 1];
  memset(text, 'a', LONG);
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    bench t;
    pq_regex *r;
    bench_open(&t);
    CHECK(pq_regex_compile(t.set, pq_str(patterns[i]), PQ_SLICE(""), &r) == PQ_OK);
    CHECK(!pq_regex_match(r, pq_str(text)) || i == 1 || i == 0);
    CHECK(pq_regex_set_status(t.set) == PQ_OK || pq_regex_set_status(t.set) == PQ_ELIMIT);
    if (i == 3) CHECK(pq_regex_set_status(t.set) == PQ_ELIMIT && strstr(t.cx.msg, "many steps"));
    bench_close(&t);
  }
}

static void test_regex_out_of_memory(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_arena arena = {0};
    pq_regex_set *set = NULL;
    pq_regex *r = NULL;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1u << 26);
    rc = pq_regex_set_new(&arena, &set);
    if (rc == PQ_OK) rc = pq_regex_compile(set, PQ_SLICE("((a|b)*c)+d"), PQ_SLICE("i"), &r);
    if (rc == PQ_OK) {
      (void)pq_regex_match(r, PQ_SLICE("abababcabcabcabd"));
      rc = pq_regex_set_status(set);
    }
    pq_arena_release(&arena);
  }
}

/* Was the library built without PCRE2? */
static bool is_refused(void) {
  bench t;
  pq_regex *r;
  int rc;
  bench_open(&t);
  rc = pq_regex_compile(t.set, PQ_SLICE("a"), PQ_SLICE(""), &r);
  bench_close(&t);
  return rc == PQ_EUNSUPPORTED;
}

int main(void) {
  RUN(test_regex_prefix);
  if (is_refused()) {
    printf("built without PCRE2: the rest is skipped\n");
    printf("%d passed, %d failed, 1 skipped\n", unit_passed, unit_failed);
    return unit_failed != 0;
  }
  RUN(test_regex_options);
  RUN(test_regex_errors);
  RUN(test_regex_budget);
  RUN(test_regex_out_of_memory);
  return unit_end();
}
