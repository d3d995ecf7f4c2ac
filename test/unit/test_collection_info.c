/* Unit tests of what the log keeps of a collection: columns of schemas, and the schemas' versions.
 */
#include "codec/codec.h"
#include "log/manifest.h"
#include "unit.h"

#define HEX_1 "00000000000000a1"

#define HEAD(n, seq)                                                                \
  "{\"entry\":" #n ",\"seqHi\":" #seq ",\"tsHi\":1,\"epoch\":1,\"writer\":\"" HEX_1 \
  "\","                                                                             \
  "\"commit\":\"00000000000000a" #n "\",\"checkpoint\":0"
#define PARENT ",\"parent\":\"00000000000000a1\""
#define POSTS ",\"collections\":[{\"name\":\"posts\",\"internalId\":1,\"index\":[]"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_manifest m;
} fixture;

static void setup(fixture *f) {
  unit_cx_init(&f->cx);
  pq_arena_init(&f->arena, &f->cx, 1 << 20);
  pq_manifest_init(&f->m, &f->cx);
}

static void teardown(fixture *f) {
  pq_manifest_release(&f->m);
  pq_arena_release(&f->arena);
  CHECK(unit_live_len == 0);
}

static int apply(fixture *f, const char *json) {
  pq_log_entry e;
  char *text = pq_arena_printf(&f->arena, "parquedb-log 1 %08x\n%s\n",
                               (unsigned)pq_crc32(pq_str(json)), json);
  CHECK(text != NULL);
  PQ_TRY(pq_log_entry_parse(&f->arena, "ns/log/x", pq_str(text), &e));
  return pq_manifest_apply(&f->m, &e);
}

static const char first[] = HEAD(1, 9) POSTS
    ",\"columns\":[{\"path\":\"n\",\"name\":\"n\",\"type\":\"int64\",\"fieldId\":1001},"
    "{\"path\":\"d\",\"name\":\"d\",\"type\":\"timestampMs\",\"fieldId\":1002}],"
    "\"schemas\":[{\"version\":1,\"seq\":3,\"schema\":{\"n\":\"int\"}},"
    "{\"version\":2,\"seq\":5,\"schema\":{\"n\":\"int\",\"d\":\"date\"}}]}]}";
static const char second[] = HEAD(2, 20) PARENT POSTS
    ",\"columns\":[{\"path\":\"d\",\"name\":\"d\",\"type\":\"timestampMs\",\"fieldId\":1002},"
    "{\"path\":\"n\",\"name\":\"n\",\"type\":\"double\",\"fieldId\":1001},"
    "{\"path\":\"n\",\"name\":\"n\",\"type\":\"int64\",\"fieldId\":1001}],"
    "\"schemas\":[{\"version\":3,\"seq\":11,\"schema\":{\"n\":\"number\"}}]}]}";

static void check_both(const pq_manifest *m) {
  const pq_collection_info *c = pq_manifest_collection(m, PQ_SLICE("posts"));
  pq_slice text;
  CHECK(c != NULL && c->index_count == 3 && c->schema_count == 3);
  CHECK(c->schemas[0].seq == 3 && c->schemas[1].seq == 5 && c->schemas[2].seq == 11);
  CHECK(pq_value_string(pq_object_get_str(c->schemas[2].schema, "n"), &text) &&
        pq_slice_is(text, "number"));
  CHECK(pq_slice_is(c->index_columns[0].name, "d"));
  CHECK(c->index_columns[0].type == PQ_INDEX_TIMESTAMP_MS);
}

static void test_versions_add_up(void) {
  fixture f, g;
  pq_buf out;
  setup(&f);
  CHECK(apply(&f, first) == PQ_OK);
  CHECK(apply(&f, second) == PQ_OK);
  check_both(&f.m);
  pq_buf_init(&out, &f.cx, 1 << 20);
  CHECK(pq_manifest_print(&f.m, &out) == PQ_OK);
  pq_arena_init(&g.arena, &f.cx, 1 << 20);
  pq_manifest_init(&g.m, &f.cx);
  CHECK(pq_manifest_parse(&g.m, "ns/ckpt/x", pq_buf_slice(&out)) == PQ_OK);
  check_both(&g.m);
  pq_manifest_release(&g.m);
  pq_arena_release(&g.arena);
  pq_buf_release(&out);
  teardown(&f);
}

/* What follows HEAD(1, 9) POSTS, or HEAD(2, 20) PARENT POSTS, and is refused. */
static const char *const bad_first[] = {
    HEAD(1, 9) POSTS ",\"schemas\":[{\"version\":2,\"seq\":3,\"schema\":{}}]}]}",
    HEAD(1, 9) POSTS ",\"schemas\":[{\"version\":1,\"seq\":10,\"schema\":{}}]}]}",
    HEAD(1, 9) POSTS ",\"schemas\":[{\"version\":1,\"seq\":0,\"schema\":{}}]}]}",
    HEAD(1, 9) POSTS ",\"schemas\":[{\"version\":1,\"seq\":3,\"schema\":[]}]}]}",
    HEAD(1, 9) POSTS ",\"schemas\":[{\"version\":1,\"seq\":3}]}]}",
    HEAD(1, 9) POSTS ",\"schemas\":[7]}]}",
    HEAD(1, 9) POSTS ",\"schemas\":7}]}",
    HEAD(1, 9) POSTS ",\"columns\":[{\"path\":\"n\",\"type\":\"int64\",\"fieldId\":1}]}]}",
    HEAD(1, 9) POSTS
    ",\"columns\":[{\"path\":\"n\",\"name\":\"\",\"type\":\"int64\",\"fieldId\":1}]}]}",
    HEAD(1, 9) POSTS
    ",\"columns\":[{\"path\":\"n\",\"name\":\"n\",\"type\":\"int9\",\"fieldId\":1}]}]}",
    HEAD(1, 9) POSTS
    ",\"columns\":[{\"path\":\"n\",\"name\":\"n\\u0000\",\"type\":\"int64\",\"fieldId\":1}]}]}",
    HEAD(1, 9) POSTS ",\"columns\":["
    "{\"path\":\"n\",\"name\":\"n\",\"type\":\"int64\",\"fieldId\":1},"
                     "{\"path\":\"m\",\"name\":\"n\",\"type\":\"int64\",\"fieldId\":2}]}]}",
    HEAD(1, 9) ",\"collections\":[{\"name\":\"posts\",\"internalId\":1,\"index\":[{\"path\":\"n\","
               "\"type\":\"uuid\",\"fieldId\":1}]}]}",
};

static void test_versions_refused(void) {
  fixture f;
  setup(&f);
  for (size_t i = 0; i < sizeof bad_first / sizeof *bad_first; i++) {
    CHECK(apply(&f, bad_first[i]) == PQ_ECORRUPT);
    CHECK(f.m.entry == 0);
  }
  CHECK(apply(&f, first) == PQ_OK);
  /* version 2 again; a column that is lost; a seq that falls */
  CHECK(apply(&f, HEAD(2, 20) PARENT POSTS "}]}") == PQ_ECORRUPT);
  CHECK(apply(&f, HEAD(2, 20) PARENT POSTS
              ",\"columns\":[{\"path\":\"n\",\"name\":\"n\",\"type\":\"int64\",\"fieldId\":1001},"
              "{\"path\":\"d\",\"name\":\"d\",\"type\":\"timestampMs\",\"fieldId\":1002}],"
              "\"schemas\":[{\"version\":2,\"seq\":11,\"schema\":{}}]}]}") == PQ_ECORRUPT);
  CHECK(apply(&f, HEAD(2, 20) PARENT POSTS
              ",\"columns\":[{\"path\":\"n\",\"name\":\"n\",\"type\":\"int64\",\"fieldId\":1001},"
              "{\"path\":\"d\",\"name\":\"d\",\"type\":\"timestampMs\",\"fieldId\":1002}],"
              "\"schemas\":[{\"version\":3,\"seq\":5,\"schema\":{}}]}]}") == PQ_ECORRUPT);
  CHECK(apply(&f, second) == PQ_OK);
  check_both(&f.m);
  teardown(&f);
}

int main(void) {
  RUN(test_versions_add_up);
  RUN(test_versions_refused);
  return unit_end();
}
