/* Unit tests of shred/entity_merge.c: what it splices is, value for value and name for name in the
 * same order, what the builder makes of the same entity. */
#include "shred/entity_merge.h"

#include "unit.h"
#include "value/compare.h"
#include "value/json.h"
#include "value/variant_raw.h"

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
  pq_merger *merger;
} bench;

static int open_bench(bench *t) {
  pq_arena_init(&t->arena, &t->cx, 1u << 28);
  t->builder = NULL;
  t->merger = NULL;
  PQ_TRY(pq_builder_new(&t->cx, &t->builder));
  return pq_merger_new(&t->cx, t->builder, &t->merger);
}

static void close_bench(bench *t) {
  pq_merger_free(t->merger);
  pq_builder_free(t->builder);
  pq_arena_release(&t->arena);
}

static pq_entity entity_of(pq_value data, bool is_deleted) {
  return (pq_entity){
      .id = PQ_SLICE("posts/p1"),
      .type = PQ_SLICE("Post"),
      .created_at = 1772366400000000,
      .updated_at = 1772366400000001,
      .created_by = PQ_SLICE("users/a-name-of-more-than-sixty-three-bytes-so-that-it-"
                             "is-no-short-string"),
      .updated_by = PQ_SLICE(""),
      .version = is_deleted ? 5000000000u : 2,
      .is_deleted = is_deleted,
      .data = data};
}

/* Both ways; the same text, and bytes that a reader of files would take. */
static int same(bench *t, const pq_entity *e, bool *is_same) {
  pq_value spliced, built, checked;
  pq_buf a, b;
  PQ_TRY(pq_merger_entity(t->merger, &t->arena, e, &spliced));
  pq_builder_clear(t->builder);
  PQ_TRY(pq_entity_merge(t->builder, &t->arena, e));
  PQ_TRY(pq_builder_finish(t->builder, &t->arena, &built));
  PQ_TRY(pq_value_check(&t->cx, pq_value_meta(spliced), pq_value_bytes(spliced), &checked));
  pq_buf_init(&a, &t->cx, 1 << 24);
  pq_buf_init(&b, &t->cx, 1 << 24);
  *is_same = pq_json_print(&a, spliced, PQ_JSON_CANONICAL) == PQ_OK &&
             pq_json_print(&b, built, PQ_JSON_CANONICAL) == PQ_OK &&
             pq_slice_eq(pq_buf_slice(&a), pq_buf_slice(&b)) &&
             pq_value_compare(spliced, built) == 0;
  for (uint32_t i = 0; *is_same && i < pq_value_count(built); i++) { /* found by name */
    pq_field *fields;
    uint32_t count;
    fields = pq_object_fields(&t->arena, built, &count);
    *is_same = fields != NULL &&
               pq_value_is_equal(pq_object_get(spliced, fields[i].name), fields[i].value);
  }
  pq_buf_release(&a);
  pq_buf_release(&b);
  return PQ_OK;
}

static void check(const char *json) {
  for (int is_deleted = 0; is_deleted < 2; is_deleted++) {
    bench t;
    pq_value doc;
    bool is_same = false;
    unit_cx_init(&t.cx);
    CHECK(open_bench(&t) == PQ_OK);
    CHECK(pq_json_value(t.builder, pq_str(json), &t.arena, &doc) == PQ_OK);
    for (int again = 0; again < 2; again++) { /* the second finds its dictionary */
      pq_entity e = entity_of(doc, is_deleted != 0);
      CHECK(same(&t, &e, &is_same) == PQ_OK);
      CHECK(is_same);
    }
    close_bench(&t);
  }
}

static void test_merge_shapes(void) {
  check("{}");
  check("{\"a\": 1}");
  check("{\"z\": 1, \"a\": {\"name\": \"x\", \"b\": [1, {\"c\": null}]}}");
  check("{\"name\": \"own\", \"title\": \"T\", \"x\": 2.5}");
  check("{\"title\": \"T\", \"b\": true}");
  check("{\"label\": \"L\", \"title\": 5, \"b\": true}");
  check("{\"name\": null, \"version\": \"own\", \"updatedAt\": 3, \"zz\": 1}");
  check(
      "{\"$id\": 1, \"$type\": 2, \"name\": 3, \"createdAt\": 4, \"createdBy\": 5, \"updatedAt\": "
      "6, \"updatedBy\": 7, \"version\": 8, \"deletedAt\": 9, \"deletedBy\": 10}");
  check("{\"deletedAt\": 1, \"q\": 2}");
  check("{\"$oid\": \"0123456789abcdef01234567\", \"b\": 1}");
  check(
      "{\"o\": {\"$oid\": \"0123456789abcdef01234567\"}, \"d\": {\"$date\": {\"$numberLong\": "
      "\"5\"}}, \"u\": \"\\u00e9\"}");
}

/* Many fields: ids and offsets of two and more bytes. */
static void test_merge_wide(void) {
  for (uint32_t count = 60; count < 700; count += 71) {
    pq_buf text;
    pq_cx cx;
    pq_cx_init(&cx, NULL, NULL);
    pq_buf_init(&text, &cx, 1 << 24);
    CHECK(pq_buf_put_str(&text, "{\"first\": 1") == PQ_OK);
    for (uint32_t i = 0; i < count; i++)
      CHECK(pq_buf_printf(&text, ",\"f%u\": \"%0*u\"", i * 7919 % 1000, (int)(i % 90), i) == PQ_OK);
    CHECK(pq_buf_put(&text, "}", 2) == PQ_OK);
    check((const char *)text.p);
    pq_buf_release(&text);
  }
}

/* More dictionaries than are kept. */
static void test_merge_many_shapes(void) {
  bench t;
  unit_cx_init(&t.cx);
  CHECK(open_bench(&t) == PQ_OK);
  for (uint32_t i = 0; i < 200; i++) {
    char json[128];
    pq_value doc;
    bool is_same = false;
    snprintf(json, sizeof json, "{\"k%u\": %u, \"name\": \"n\", \"c\": [%u]}", i % 9, i, i);
    CHECK(pq_json_value(t.builder, pq_str(json), &t.arena, &doc) == PQ_OK);
    CHECK(same(&t, &(pq_entity){.id = PQ_SLICE("a/b"), .data = doc}, &is_same) == PQ_OK);
    CHECK(is_same);
  }
  close_bench(&t);
}

static void test_merge_hostile_text(void) {
  bench t;
  pq_value doc, out;
  pq_entity e;
  unit_cx_init(&t.cx);
  CHECK(open_bench(&t) == PQ_OK);
  CHECK(pq_json_value(t.builder, PQ_SLICE("{\"a\": 1, \"b\": 2}"), &t.arena, &doc) == PQ_OK);
  e = entity_of(doc, false);
  e.type = PQ_SLICE("\xff\xfe");
  CHECK(pq_merger_entity(t.merger, &t.arena, &e, &out) == PQ_ECORRUPT);
  CHECK(pq_value_is_missing(out));
  close_bench(&t);
}

static void test_merge_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    bench t;
    pq_value doc, out;
    unit_cx_init(&t.cx);
    unit_fail_at = n;
    rc = open_bench(&t);
    if (rc == PQ_OK)
      rc = pq_json_value(t.builder, PQ_SLICE("{\"a\": 1, \"b\": {\"c\": 2}}"), &t.arena, &doc);
    if (rc == PQ_OK) {
      pq_entity e = entity_of(doc, true);
      rc = pq_merger_entity(t.merger, &t.arena, &e, &out);
    }
    close_bench(&t);
  }
}

int main(void) {
  RUN(test_merge_shapes);
  RUN(test_merge_wide);
  RUN(test_merge_many_shapes);
  RUN(test_merge_hostile_text);
  RUN(test_merge_oom);
  return unit_end();
}
