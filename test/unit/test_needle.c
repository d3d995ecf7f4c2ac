/* test_needle.c - which text a filter asks for, and whether bytes hold it. That no document matches
 * without its needle is checked by every case of test_filter.c.
 */
#include "expr/needle.h"

#include <string.h>

#include "unit.h"
#include "value/json.h"

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
} bench;

static pq_filter *parse(bench *t, const char *filter) {
  pq_filter *f = NULL;
  pq_value v = {0};
  CHECK(pq_json_value(t->b, pq_str(filter), &t->arena, &v) == PQ_OK);
  CHECK(pq_filter_parse(&t->arena, NULL, v, &f) == PQ_OK);
  return f;
}

static void test_needle_of_filters(void) {
  static const char *const cases[][2] = {
      {"{}", ""},
      {"{\"a\": {\"$contains\": \"river\"}}", "river"},
      {"{\"a\": {\"$startsWith\": \"ri\"}, \"b\": {\"$endsWith\": \"ver\"}}", "ver"},
      {"{\"$and\": [{\"a\": \"x\"}, {\"$and\": [{\"b.c\": \"deep\"}]}]}", "deep"},
      {"{\"a\": {\"$regex\": \"plain text\"}}", "plain text"},
      {"{\"a\": {\"$regex\": \"^be.*gin\"}}", "be"},
      {"{\"a\": {\"$regularExpression\": {\"pattern\": \"^a\\\\.b\", \"options\": \"\"}}}", ""},
      {"{\"a\": {\"$regex\": \"plain\", \"$options\": \"i\"}}", ""},
      {"{\"a\": {\"$regex\": \"p l\", \"$options\": \"x\"}}", ""},
      {"{\"a\": {\"$ne\": \"x\"}}", ""},
      {"{\"a\": {\"$not\": {\"$contains\": \"x\"}}}", ""},
      {"{\"$or\": [{\"a\": \"x\"}, {\"a\": \"y\"}]}", ""},
      {"{\"$nor\": [{\"a\": \"x\"}]}", ""},
      {"{\"a\": {\"$gt\": \"x\"}}", ""},
      {"{\"a\": 5}", ""},
      {"{\"name\": \"of the system\"}", ""},
      {"{\"$expr\": {\"$eq\": [\"$a\", \"x\"]}}", ""},
      {"{\"a\": {\"$elemMatch\": {\"b\": \"x\"}}}", ""},
  };
  bench t;
  unit_cx_init(&t.cx);
  pq_arena_init(&t.arena, &t.cx, 1 << 20);
  CHECK(pq_builder_new(&t.cx, &t.b) == PQ_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pq_needle n = pq_needle_of(parse(&t, cases[i][0]));
    CHECK(pq_slice_is(n.text, cases[i][1]));
    CHECK(n.text.n == 0 || n.rare < n.text.n);
  }
  pq_builder_free(t.b);
  pq_arena_release(&t.arena);
  CHECK(unit_live_len == 0);
}

/* Against the plainest search there is, with every byte as the rare one. */
static void test_needle_search(void) {
  static const char *const texts[] = {"", "a", "aab", "abab", "baab", "bbbbaa", "aabaab"};
  char bytes[8] = {0};
  for (unsigned bits = 0; bits < 1 << 7; bits++) {
    for (int i = 0; i < 7; i++)
      bytes[i] = (bits >> i & 1) != 0 ? 'a' : 'b';
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
      for (size_t rare = 0; rare < strlen(texts[k]) + (k == 0); rare++) {
        pq_needle n = {pq_str(texts[k]), rare};
        for (size_t from = 0; from <= 7; from++)
          CHECK(pq_needle_is_in(&n, pq_str(bytes + from)) ==
                (strstr(bytes + from, texts[k]) != NULL));
      }
    }
  }
}

int main(void) {
  RUN(test_needle_of_filters);
  RUN(test_needle_search);
  return unit_end();
}
