/* test/unit/test_cursor_token.c - tokens come back as they went, and anything else is refused. */
#include "base/hash.h"
#include "cmd/cursor_token.h"
#include "unit.h"
#include "value/json.h"

static pq_cx cx;
static pq_arena arena;
static pq_builder *builder;

static pq_value value_of(const char *json) {
  pq_value v = {0};
  pq_builder_clear(builder);
  CHECK(pq_json_value(builder, pq_str(json), &arena, &v) == PQ_OK);
  return pq_object_get_str(v, "v");
}

static pq_slice token_of(pq_value *keys, bool *empties, uint32_t count) {
  pq_cursor_token c = {.place = {pq_str("t/a"), keys, empties},
                       .key_count = count,
                       .query = 0xfedcba9876543210u,
                       .is_pinned = true,
                       .seq = 77};
  pq_slice text = {0};
  CHECK(pq_cursor_token_write(builder, &arena, &c, &text) == PQ_OK);
  return text;
}

static void test_cursor_token_comes_back(void) {
  pq_value keys[3] = {value_of("{\"v\": {\"a\": [1, \"x\"]}}"), value_of("{\"v\": -1.5}"), {0}};
  bool empties[3] = {false, false, true};
  pq_cursor_token c;
  for (uint32_t n = 0; n <= 3; n++) {
    CHECK(pq_cursor_token_read(&arena, token_of(keys, empties, n), &c) == PQ_OK);
    CHECK(c.is_set && c.is_pinned && c.seq == 77 && c.query == 0xfedcba9876543210u);
    CHECK(pq_slice_is(c.place.id, "t/a") && c.key_count == n);
    for (uint32_t i = 0; i < n; i++) {
      CHECK(c.place.empties[i] == empties[i]);
      CHECK(pq_value_compare(c.place.keys[i], keys[i]) == 0);
    }
  }
}

static void test_cursor_token_damage(void) {
  pq_value key = value_of("{\"v\": \"some text\"}");
  bool is_empty = false;
  pq_slice good = token_of(&key, &is_empty, 1), bad;
  pq_cursor_token c;
  CHECK(pq_arena_copy(&arena, good, &bad) == PQ_OK);
  for (size_t i = 0; i < good.n; i++) {
    uint8_t *p = (uint8_t *)(uintptr_t)bad.p;
    int rc;
    p[i] = p[i] == 'A' ? 'B' : 'A';
    rc = pq_cursor_token_read(&arena, bad, &c);
    CHECK(rc == PQ_ECORRUPT || rc == PQ_EINVALID);
    CHECK(!c.is_set);
    p[i] = good.p[i];
    rc = pq_cursor_token_read(&arena, (pq_slice){good.p, i}, &c);
    CHECK(rc == PQ_ECORRUPT || rc == PQ_EINVALID);
  }
}

/* A token with the right checksum around any document. */
static int read_forged(const char *json) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint8_t bytes[400], text[600];
  size_t len, n = 0;
  pq_value v = value_of(json);
  pq_cursor_token c;
  pq_builder_clear(builder);
  CHECK(pq_builder_value(builder, v) == PQ_OK && pq_builder_view(builder, &v) == PQ_OK);
  len = 12 + v.meta_len + v.len;
  pq_wr32(bytes + 8, v.meta_len);
  memcpy(bytes + 12, v.meta, v.meta_len);
  memcpy(bytes + 12 + v.meta_len, v.p, v.len);
  pq_wr64(bytes, pq_hash((pq_slice){bytes + 8, len - 8}, 0));
  for (size_t bit = 0; bit < len * 8; bit += 6) {
    uint32_t pair = (uint32_t)bytes[bit / 8] << 8 | (bit / 8 + 1 < len ? bytes[bit / 8 + 1] : 0);
    text[n++] = (uint8_t)letters[pair >> (10 - bit % 8) & 63];
  }
  return pq_cursor_token_read(&arena, (pq_slice){text, n}, &c);
}

static void test_cursor_token_forged(void) {
  CHECK(read_forged("{\"v\": {\"id\": \"t/a\", \"query\": 1, \"keys\": [[1], []]}}") == PQ_OK);
  CHECK(read_forged("{\"v\": {\"id\": 5, \"query\": 1, \"keys\": []}}") == PQ_EINVALID);
  CHECK(read_forged("{\"v\": {\"id\": \"t/a\", \"query\": \"1\", \"keys\": []}}") == PQ_EINVALID);
  CHECK(read_forged("{\"v\": {\"id\": \"t/a\", \"query\": 1}}") == PQ_EINVALID);
  CHECK(read_forged("{\"v\": {\"id\": \"t/a\", \"query\": 1, \"keys\": [1]}}") == PQ_EINVALID);
  CHECK(read_forged("{\"v\": {\"id\": \"t/a\", \"query\": 1, \"keys\": [[1, 2]]}}") == PQ_EINVALID);
  CHECK(read_forged("{\"v\": {\"id\": \"t/a\", \"query\": 1, \"keys\": [], \"seq\": -1}}") ==
        PQ_EINVALID);
  CHECK(read_forged("{\"v\": [1]}") == PQ_EINVALID);
}

int main(void) {
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 64 << 20);
  CHECK(pq_builder_new(&cx, &builder) == PQ_OK);
  RUN(test_cursor_token_comes_back);
  RUN(test_cursor_token_damage);
  RUN(test_cursor_token_forged);
  pq_builder_free(builder);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
  return unit_end();
}
