/* Dotted paths: splitting and the plain walk. */
#include "unit.h"
#include "value/json.h"
#include "value/path.h"

static pq_cx cx;
static pq_arena arena;

static void test_path_split(void) {
  pq_path path;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 20);
  CHECK(pq_path_parse(&arena, PQ_SLICE("a.b.0.c"), &path) == PQ_OK && path.count == 4);
  CHECK(pq_slice_is(path.text, "a.b.0.c") && pq_slice_is(path.parts[1].name, "b"));
  CHECK(path.parts[0].index == PQ_PATH_NO_INDEX && path.parts[2].index == 0);
  CHECK(pq_path_parse(&arena, PQ_SLICE("4294967294.00.01.4294967295.99999999999.-1.1a"), &path) ==
            PQ_OK &&
        path.count == 7 && path.parts[0].index == 4294967294u);
  for (uint32_t i = 1; i < 7; i++)
    CHECK(path.parts[i].index == PQ_PATH_NO_INDEX);
  pq_arena_release(&arena);
}

static bool refused(const char *text, int code) {
  pq_path path;
  return pq_path_parse(&arena, pq_str(text), &path) == code && path.count == 0 &&
         path.parts == NULL && strstr(cx.msg, "path \"") != NULL;
}

static void test_path_refused(void) {
  char deep[300];
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 20);
  CHECK(refused("", PQ_EINVALID));
  CHECK(refused(".", PQ_EINVALID));
  CHECK(refused(".a", PQ_EINVALID));
  CHECK(refused("a.", PQ_EINVALID));
  CHECK(refused("a..b", PQ_EINVALID));
  for (size_t i = 0; i < 202; i++)
    deep[i] = i % 2 == 0 ? 'a' : '.';
  deep[201] = '\0';
  CHECK(refused(deep, PQ_ELIMIT));
  deep[199] = '\0';
  {
    pq_path path;
    CHECK(pq_path_parse(&arena, pq_str(deep), &path) == PQ_OK && path.count == 100);
  }
  pq_arena_release(&arena);
}

static void test_path_get(void) {
  static const struct {
    const char *path;
    int64_t want; /* 0: missing */
  } cases[] = {{"a", 1},   {"b.c", 2},   {"b.d.1", 3}, {"b.d.2.e", 4}, {"b.0", 5},  {"x", 0},
               {"a.b", 0}, {"b.d.9", 0}, {"b.d.e", 0}, {"b.d.01", 0},  {"b.x.y", 0}};
  pq_builder *b;
  pq_value v;
  pq_path path;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 20);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(pq_json_value(b, pq_str("{\"a\":1,\"b\":{\"c\":2,\"d\":[0,3,{\"e\":4}],\"0\":5}}"), &arena,
                      &v) == PQ_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t n = 0;
    pq_value found;
    CHECK(pq_path_parse(&arena, pq_str(cases[i].path), &path) == PQ_OK);
    found = pq_path_get(v, &path);
    CHECK(pq_value_i64(found, &n) == (cases[i].want != 0) && n == cases[i].want);
    CHECK(pq_value_is_missing(found) == (cases[i].want == 0));
  }
  CHECK(pq_value_is_missing(pq_path_get((pq_value){0}, &path)));
  pq_builder_free(b);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_path_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_path path;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1u << 20);
    rc = pq_path_parse(&arena, PQ_SLICE("a.b"), &path);
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_path_split);
  RUN(test_path_refused);
  RUN(test_path_get);
  RUN(test_path_oom);
  return unit_end();
}
