/* test/unit/test_document_diff.c - differences between documents, and the seq in an event's id. */
#include "cmd/document_diff.h"

#include <string.h>

#include "base/text.h"
#include "log/event.h"
#include "unit.h"
#include "value/json.h"

typedef struct world {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
} world;

static void open_world(world *w) {
  unit_cx_init(&w->cx);
  pq_arena_init(&w->arena, &w->cx, 1 << 20);
  CHECK(pq_builder_new(&w->cx, &w->builder) == PQ_OK);
}

static void close_world(world *w) {
  pq_builder_free(w->builder);
  pq_arena_release(&w->arena);
  CHECK(unit_live_len == 0);
}

static pq_value value_of(world *w, const char *json) {
  pq_value v = {0};
  pq_builder_clear(w->builder);
  CHECK(pq_json_value(w->builder, pq_str(json), &w->arena, &v) == PQ_OK);
  return v;
}

/* "+path" added, "-path" removed, "=path" changed, a space behind each. */
static const char *differ(world *w, const char *before, const char *after) {
  static char text[512];
  pq_value a = before == NULL ? (pq_value){0} : value_of(w, before);
  pq_value b = after == NULL ? (pq_value){0} : value_of(w, after);
  pq_difference *items;
  uint32_t count;
  size_t n = 0;
  CHECK(pq_document_diff(&w->arena, a, b, &items, &count) == PQ_OK);
  for (uint32_t i = 0; i < count; i++) {
    bool is_added = pq_value_is_missing(items[i].before);
    bool is_removed = pq_value_is_missing(items[i].after);
    text[n++] = is_added ? '+' : is_removed ? '-' : '=';
    memcpy(text + n, items[i].path.p, items[i].path.n);
    n += items[i].path.n;
    text[n++] = ' ';
  }
  text[n] = '\0';
  return text;
}

static void test_document_diff_paths(void) {
  world w;
  open_world(&w);
  CHECK(strcmp(differ(&w, "{\"a\": 1}", "{\"a\": 1}"), "") == 0);
  CHECK(strcmp(differ(&w, "{\"a\": 1, \"b\": {\"c\": 2, \"d\": 3}}",
                      "{\"b\": {\"c\": 5, \"e\": 1}, \"f\": null}"),
               "-a =b.c -b.d +b.e +f ") == 0);
  CHECK(strcmp(differ(&w, "{\"a\": [1, {\"x\": 1}]}", "{\"a\": [1, {\"x\": 2}]}"), "=a ") == 0);
  CHECK(strcmp(differ(&w, "{\"a\": {}}", "{\"a\": []}"), "=a ") == 0);
  CHECK(strcmp(differ(&w, "{\"a\": {}}", "{\"a\": {\"b\": 1}}"), "+a.b ") == 0);
  CHECK(strcmp(differ(&w, NULL, "{\"a\": 1}"), "+a ") == 0);
  CHECK(strcmp(differ(&w, "{\"a\": 1}", NULL), "-a ") == 0);
  CHECK(strcmp(differ(&w, NULL, NULL), "") == 0);
  close_world(&w);
}

static void test_document_diff_names_with_dots(void) {
  world w;
  open_world(&w);
  CHECK(strcmp(differ(&w, "{\"a.b\": 1, \"a\": {\"b\": 1}}", "{}"), "-a -a\\.b ") == 0);
  CHECK(strcmp(differ(&w, "{\"a\": {\"b.c\": 1, \"\": 1}}", "{\"a\": {\"\\\\\": 1}}"),
               "-a. -a.b\\.c +a.\\\\ ") == 0);
  close_world(&w);
}

static void test_document_diff_sameness(void) {
  world w;
  open_world(&w);
  CHECK(pq_document_is_same(value_of(&w, "{\"a\": [1, {\"b\": 2}]}"),
                            value_of(&w, "{\"a\": [1, {\"b\": 2}]}")));
  CHECK(!pq_document_is_same(value_of(&w, "{\"a\": 1, \"b\": 1}"),
                             value_of(&w, "{\"b\": 1, \"a\": 1}")));
  CHECK(!pq_document_is_same(value_of(&w, "{\"a\": [{\"$numberInt\": \"1\"}]}"),
                             value_of(&w, "{\"a\": [{\"$numberDouble\": \"1\"}]}")));
  CHECK(!pq_document_is_same((pq_value){0}, value_of(&w, "{}")));
  CHECK(pq_document_is_same((pq_value){0}, (pq_value){0}));
  close_world(&w);
}

static void test_document_diff_event_ids(void) {
  char text[PQ_ULID_LEN + 1];
  uint64_t seq;
  const uint64_t seqs[] = {1, 17, 1ull << 32, INT64_MAX};
  for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++) {
    pq_event e = {.seq = seqs[i], .ts = INT64_C(1772366400001000) + (int64_t)i * 86400000000};
    pq_event_ulid(&e, text);
    CHECK(pq_event_seq_of_ulid(pq_str(text), &seq) && seq == seqs[i]);
    CHECK(pq_event_ts_of_ulid(pq_str(text)) == e.ts);
  }
  CHECK(pq_event_seq_of_ulid(pq_str("01KJMMA2G1000000000000000H"), &seq) && seq == 17);
  CHECK(pq_event_ts_of_ulid(pq_str("7ZZZZZZZZZ000000000000000H")) == 281474976710655000);
  CHECK(!pq_event_seq_of_ulid(pq_str("01kjmma2g100000000000000h"), &seq) && seq == 0);
  CHECK(!pq_event_seq_of_ulid(pq_str("81kjmma2g1000000000000000h"), &seq));
  CHECK(!pq_event_seq_of_ulid(pq_str("01kjmma2g10000000000000000"), &seq));
  CHECK(!pq_event_seq_of_ulid(pq_str("01kjmma2g100g000000000000h"), &seq));
  CHECK(!pq_event_seq_of_ulid(pq_str("01kjmma2g1000g00000000000h"), &seq));
  CHECK(!pq_event_seq_of_ulid(pq_str("01kjmma2g1000000000000000u"), &seq));
  CHECK(!pq_event_seq_of_ulid((pq_slice){0}, &seq));
}

int main(void) {
  RUN(test_document_diff_paths);
  RUN(test_document_diff_names_with_dots);
  RUN(test_document_diff_sameness);
  RUN(test_document_diff_event_ids);
  return unit_end();
}
