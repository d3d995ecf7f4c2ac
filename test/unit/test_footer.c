/* test/unit/test_footer.c - the footer of a sample and of hand-made Thrift, whole and damaged. */
#include "base/buf.h"
#include "parquet_util.h"

static const pq_slice whole = {sample, sizeof sample};

static uint64_t sample_footer_len(void) {
  return pq_rd32(sample + sizeof sample - 8);
}

static void test_footer_sample(void) {
  pq_cx cx;
  opened o;
  const pq_footer *f;
  const pq_leaf *n;
  const pq_stats *s;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  f = o.file.footer;
  CHECK(o.f.stat_requests == 1);
  CHECK(f->row_count == SAMPLE_ROWS && f->row_group_count == 2 && f->leaf_count == SAMPLE_LEAVES);
  CHECK(f->has_column_orders && f->footer_len == sample_footer_len());
  CHECK(f->row_groups[0].row_count == SAMPLE_GROUP_ROWS && f->row_groups[0].first_row == 0);
  CHECK(f->row_groups[1].first_row == SAMPLE_GROUP_ROWS);
  CHECK(f->key_value_count == 0 && pq_footer_key(f, "who").p == NULL);
  CHECK(f->created_by.n > 14 && memcmp(f->created_by.p, "parquet-cpp-ar", 14) == 0);
  CHECK(pq_footer_leaf(f, "id") == 0 && pq_footer_leaf(f, "x") == 5);
  CHECK(pq_footer_leaf(f, "y") == -1 && pq_footer_leaf(f, "i") == -1);
  n = &f->leaves[1];
  CHECK(n->phys == PQ_PHYS_INT64 && n->logical == PQ_LOGICAL_NONE);
  CHECK(n->def_max == 1 && n->rep_max == 0 && n->is_ordered && n->field_id == -1);
  CHECK(f->leaves[0].logical == PQ_LOGICAL_STRING && f->leaves[0].def_max == 0);
  CHECK(f->leaves[4].logical == PQ_LOGICAL_TIMESTAMP_US);
  s = &f->row_groups[0].chunks[1].stats;
  CHECK(s->has_min && s->has_max && s->has_null_count && s->null_count == 5);
  CHECK((int64_t)pq_rd64(s->min.p) == -7 && (int64_t)pq_rd64(s->max.p) == 65);
  CHECK(f->row_groups[0].chunks[0].codec == PQ_CODEC_ZSTD);
  CHECK(f->row_groups[0].chunks[2].dictionary_page_off == f->row_groups[0].chunks[2].off);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* Fetch with the given footer length; the requests that it took. */
static int fetch_footer(pq_slice bytes, uint64_t footer_len, uint64_t *requests, uint64_t *len) {
  pq_cx cx;
  pq_fetch f;
  pq_arena arena;
  pq_footer *out;
  int rc;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  pq_arena_init(&arena, &cx, 1 << 24);
  DRIVE(rc, &f, bytes, pq_footer_fetch(&f, &arena, "t/1.parquet", bytes.n, footer_len, &out));
  CHECK((rc == PQ_OK) == (out != NULL));
  CHECK(rc == PQ_OK || strstr(cx.msg, "t/1.parquet: ") == cx.msg);
  *requests = f.stat_requests;
  *len = f.stat_bytes;
  pq_fetch_release(&f);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
  return rc;
}

static void test_footer_fetch(void) {
  uint8_t copy[sizeof sample];
  pq_slice changed = {copy, sizeof copy};
  uint64_t requests, len;
  CHECK(fetch_footer(whole, sample_footer_len(), &requests, &len) == PQ_OK);
  CHECK(requests == 1 && len == sample_footer_len() + 8);
  CHECK(fetch_footer(whole, sample_footer_len() + 1, &requests, &len) == PQ_ECORRUPT);
  CHECK(fetch_footer(whole, sample_footer_len() - 1, &requests, &len) == PQ_ECORRUPT);
  CHECK(fetch_footer(whole, UINT64_MAX, &requests, &len) == PQ_ECORRUPT);
  CHECK(fetch_footer((pq_slice){sample, 11}, 0, &requests, &len) == PQ_ECORRUPT);
  CHECK(fetch_footer((pq_slice){sample, 0}, 0, &requests, &len) == PQ_ECORRUPT);
  memcpy(copy, sample, sizeof sample);
  memcpy(copy + sizeof copy - 4, "PARE", 4);
  CHECK(fetch_footer(changed, 0, &requests, &len) == PQ_EUNSUPPORTED);
  memcpy(copy + sizeof copy - 4, "PAR2", 4);
  CHECK(fetch_footer(changed, 0, &requests, &len) == PQ_ECORRUPT);
  memcpy(copy, sample, sizeof sample);
  copy[0] = 'p';
  CHECK(fetch_footer(changed, 0, &requests, &len) == PQ_ECORRUPT);
  memcpy(copy, sample, sizeof sample);
  pq_wr32(copy + sizeof copy - 8, (uint32_t)sizeof copy - 11);
  CHECK(fetch_footer(changed, 0, &requests, &len) == PQ_ECORRUPT);
}

/* ---- hand-made footers ---- */

static void put(pq_buf *b, pq_slice bytes) {
  CHECK(pq_buf_put_slice(b, bytes) == PQ_OK);
}
#define PUT(b, literal) put(b, PQ_SLICE(literal))

/* Wrap Thrift bytes as a file. */
static void wrap(pq_buf *file, pq_slice thrift) {
  PUT(file, "PAR1");
  put(file, thrift);
  CHECK(pq_buf_put_u32(file, (uint32_t)thrift.n) == PQ_OK);
  PUT(file, "PAR1");
}

static void test_footer_longer_than_guess(void) {
  enum { VALUE_LEN = 70000 };
  pq_cx cx;
  pq_buf thrift, file;
  uint64_t requests, len;
  unit_cx_init(&cx);
  pq_buf_init(&thrift, &cx, 1 << 20);
  pq_buf_init(&file, &cx, 1 << 20);
  PUT(&thrift, "\x15\x02\x19\x1c\x48\x01r\x00\x16\x00\x19\x0c\x19\x1c\x18\x01k\x18");
  CHECK(pq_buf_put_varint(&thrift, VALUE_LEN) == PQ_OK);
  for (int i = 0; i < VALUE_LEN; i++)
    CHECK(pq_buf_put_byte(&thrift, 'v') == PQ_OK);
  PUT(&thrift, "\x00\x00");
  wrap(&file, pq_buf_slice(&thrift));
  CHECK(fetch_footer(pq_buf_slice(&file), 0, &requests, &len) == PQ_OK);
  CHECK(requests == 2);
  CHECK(fetch_footer(pq_buf_slice(&file), thrift.len, &requests, &len) == PQ_OK);
  CHECK(requests == 1);
  unit_cx_init(&cx);
  pq_alloc(&cx, thrift.p, thrift.cap, 0);
  pq_alloc(&cx, file.p, file.cap, 0);
}

/* A schema of hand-made elements and no rows. `out` stays NULL on failure. */
static int parse_schema(pq_arena *arena, pq_slice elements, uint8_t count, pq_footer **out) {
  pq_buf b;
  int rc;
  pq_buf_init(&b, arena->cx, 1 << 20);
  PUT(&b, "\x29"); /* field 2: list */
  CHECK(pq_buf_put_byte(&b, (uint8_t)(count << 4 | 12)) == PQ_OK);
  put(&b, elements);
  /* num_rows 0, no row groups, key-value pairs "key" = "word" and "lone" without value */
  PUT(&b, "\x16\x00\x19\x0c\x19\x2c\x18\x03key\x18\x04word\x00\x18\x04lone\x00\x00");
  rc = pq_footer_parse(arena, "t/1.parquet", pq_buf_slice(&b), b.len + 12, out);
  pq_buf_release(&b);
  return rc;
}

/* The tree of the schema below. */
static void check_nodes(const pq_footer *f) {
  const pq_node *n = f->nodes;
  CHECK(f->node_count == 7 && n[0].parent == PQ_NO_NODE && n[0].child_count == 4);
  CHECK(pq_slice_is(n[0].name, "r") && n[0].leaf == PQ_NO_NODE && n[0].leaf_count == 5);
  CHECK(n[1].parent == 0 && n[1].next == 2 && n[1].leaf == 0 && n[1].repetition == PQ_OPTIONAL);
  CHECK(n[1].note.kind == PQ_NOTE_TEXT && n[1].note.id == 1);
  CHECK(n[2].next == 5 && n[2].child_count == 2 && n[2].note.kind == PQ_NOTE_VARIANT);
  CHECK(n[2].first_leaf == 1 && n[2].leaf_count == 2 && n[2].field_id == 7 && n[2].def == 1);
  CHECK(n[3].parent == 2 && n[3].next == 4 && n[4].next == PQ_NO_NODE && n[4].def == 1);
  CHECK(n[5].parent == 0 && n[5].next == 6 && n[5].rep == 1 && n[5].repetition == PQ_REPEATED);
  CHECK(n[6].next == PQ_NO_NODE && n[6].leaf == 4 && f->leaves[4].node == 6);
  CHECK(n[6].note.kind == PQ_NOTE_TIMESTAMP && !n[6].note.is_utc && n[6].note.digits == 6);
  CHECK(f->leaves[0].sort == PQ_SORT_BYTES && f->leaves[1].sort == PQ_SORT_NONE);
  CHECK(f->leaves[3].sort == PQ_SORT_SIGNED && f->leaves[4].sort == PQ_SORT_SIGNED);
}

static void test_footer_schema(void) {
  /* root(4): s BYTES UTF8; v group VARIANT id 7 optional { metadata, value }; l repeated INT32
   * signed 16; t INT64 timestamp micros not UTC. */
  static const char elements[] =
      "\x48\x01r\x15\x08\x00"
      "\x15\x0c\x25\x02\x18\x01s\x25\x00\x00"
      "\x35\x02\x18\x01v\x15\x04\x45\x0e\x1c\x0c\x20\x00\x00\x00"
      "\x15\x0c\x25\x00\x18\x08metadata\x00"
      "\x15\x0c\x25\x00\x18\x05value\x00"
      "\x15\x02\x25\x04\x18\x01l\x6c\xac\x13\x10\x11\x00\x00\x00"
      "\x15\x04\x25\x00\x18\x01t\x6c\x8c\x12\x1c\x2c\x00\x00\x00\x00\x00";
  pq_slice bytes = {(const uint8_t *)elements, sizeof elements - 1};
  pq_cx cx;
  pq_arena arena;
  pq_footer *f;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(parse_schema(&arena, bytes, 7, &f) == PQ_OK);
  if (f != NULL) {
    CHECK(f->leaf_count == 5 && !f->has_column_orders);
    CHECK(pq_slice_is(f->leaves[0].path, "s") && f->leaves[0].logical == PQ_LOGICAL_STRING);
    CHECK(f->leaves[0].def_max == 1 && !f->leaves[0].is_ordered);
    CHECK(pq_slice_is(f->leaves[1].path, "v.metadata") && f->leaves[1].def_max == 1);
    check_nodes(f);
    CHECK(f->leaves[1].logical == PQ_LOGICAL_VARIANT && f->leaves[1].field_id == 7);
    CHECK(pq_slice_is(f->leaves[2].path, "v.value"));
    CHECK(f->leaves[2].logical == PQ_LOGICAL_VARIANT && f->leaves[2].field_id == 7);
    CHECK(f->leaves[3].logical == PQ_LOGICAL_NONE);
    CHECK(f->leaves[3].def_max == 1 && f->leaves[3].rep_max == 1);
    CHECK(f->leaves[4].logical == PQ_LOGICAL_OTHER);
    CHECK(f->row_group_count == 0 && f->key_value_count == 2);
    CHECK(pq_slice_is(pq_footer_key(f, "key"), "word"));
    CHECK(pq_footer_key(f, "lone").p == NULL && pq_footer_key(f, "ke").p == NULL);
  }
  CHECK(parse_schema(&arena, bytes, 6, &f) == PQ_ECORRUPT && f == NULL);
  CHECK(parse_schema(&arena, bytes, 8, &f) == PQ_ECORRUPT);
  CHECK(parse_schema(&arena, PQ_SLICE("\x48\x01r\x15\x04\x00\x15\x02\x18\x01s\x00"), 2, &f) ==
        PQ_ECORRUPT); /* a child is missing */
  CHECK(parse_schema(&arena, PQ_SLICE("\x48\x01r\x15\x02\x00\x15\x10\x18\x01s\x00"), 2, &f) ==
        PQ_ECORRUPT); /* physical type 8 */
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* Groups: MAP, MAP_KEY_VALUE and LIST of the older annotation; one without children; a root alone.
 * Types: an unsigned integer, a decimal in bytes, an interval. */
static void test_footer_notes(void) {
  static const char elements[] =
      "\x35\x04\x18\x01r\x15\x0c\x00"
      "\x35\x02\x18\x01m\x15\x00\x15\x02\x00"
      "\x35\x00\x18\x01k\x15\x00\x15\x04\x00"
      "\x35\x00\x18\x01l\x15\x00\x15\x06\x00"
      "\x15\x02\x25\x00\x18\x01u\x25\x1a\x00"
      "\x15\x0c\x25\x02\x18\x01p\x25\x0a\x15\x04\x15\x12\x00"
      "\x15\x0e\x15\x18\x15\x00\x18\x01i\x25\x2a\x00";
  pq_slice bytes = {(const uint8_t *)elements, sizeof elements - 1};
  pq_cx cx;
  pq_arena arena;
  pq_footer *f;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(parse_schema(&arena, bytes, 7, &f) == PQ_OK);
  if (f != NULL) {
    CHECK(f->nodes[0].def == 0 && f->nodes[0].rep == 0); /* stated as repeated: ignored */
    CHECK(f->nodes[1].note.kind == PQ_NOTE_MAP && f->nodes[1].note.id == 2);
    CHECK(f->nodes[2].note.kind == PQ_NOTE_MAP && f->nodes[2].note.id == 0);
    CHECK(f->nodes[3].note.kind == PQ_NOTE_LIST && f->nodes[3].leaf_count == 0);
    CHECK(f->leaf_count == 3 && f->leaves[0].sort == PQ_SORT_UNSIGNED);
    CHECK(f->leaves[0].note.is_unsigned && f->leaves[0].note.bits == 32);
    CHECK(f->leaves[1].sort == PQ_SORT_DECIMAL && f->leaves[1].note.precision == 9);
    CHECK(f->leaves[1].note.scale == 2 && f->leaves[1].note.id == 5);
    CHECK(f->leaves[2].sort == PQ_SORT_NONE && f->leaves[2].note.kind == PQ_NOTE_INTERVAL);
  }
  CHECK(parse_schema(&arena, PQ_SLICE("\x48\x01r\x15\x00\x00"), 1, &f) == PQ_OK);
  CHECK(f != NULL && f->node_count == 1 && f->leaf_count == 0);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_footer_deep_schema(void) {
  pq_cx cx;
  pq_arena arena;
  pq_footer *f;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  for (int depth = 250; depth <= 260; depth += 10) {
    pq_buf b;
    int rc;
    pq_buf_init(&b, &cx, 4096);
    PUT(&b, "\x29\xfc");
    CHECK(pq_buf_put_varint(&b, (uint64_t)depth + 1) == PQ_OK);
    for (int i = 0; i < depth; i++)
      PUT(&b, "\x48\x01g\x15\x02\x00");
    PUT(&b, "\x15\x02\x38\x01s\x00\x16\x00\x19\x0c\x00");
    rc = pq_footer_parse(&arena, "k", pq_buf_slice(&b), b.len + 12, &f);
    CHECK(rc == (depth == 250 ? PQ_OK : PQ_ELIMIT));
    pq_buf_release(&b);
  }
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_footer_thrift_depth(void) {
  /* An unknown field of structs in structs: skipped to a depth, then refused. */
  uint8_t bytes[200];
  pq_cx cx;
  pq_arena arena;
  pq_footer *f;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  memset(bytes, 0x1c, sizeof bytes);
  bytes[0] = 0x9c;
  CHECK(pq_footer_parse(&arena, "k", (pq_slice){bytes, sizeof bytes}, 1000, &f) == PQ_ECORRUPT);
  CHECK(strstr(cx.msg, "too deep") != NULL);
  pq_arena_release(&arena);
}

/* ---- damage ---- */

static bool is_answer(int rc) {
  return rc == PQ_OK || rc == PQ_ECORRUPT || rc == PQ_EUNSUPPORTED || rc == PQ_ELIMIT;
}

/* Parse bytes in an allocation of exactly their size, so that ASan sees an overread. */
static int parse_exact(pq_slice thrift, uint64_t *one_max) {
  uint8_t *exact = malloc(thrift.n + 1);
  memory_watch w = {0};
  pq_cx cx;
  pq_arena arena;
  pq_footer *f;
  int rc;
  if (exact == NULL) abort();
  memcpy(exact + 1, thrift.p, thrift.n);
  pq_cx_init(&cx, watch_alloc, &w);
  pq_arena_init(&arena, &cx, (uint64_t)1 << 32);
  rc = pq_footer_parse(&arena, "k", (pq_slice){exact + 1, thrift.n}, sizeof sample, &f);
  pq_arena_release(&arena);
  CHECK(w.live_len == 0);
  if (w.one_max > *one_max) *one_max = w.one_max;
  free(exact);
  return rc;
}

static void test_footer_damaged(void) {
  static const uint8_t flips[] = {0x01, 0x10, 0x80, 0xff};
  size_t n = (size_t)sample_footer_len(), kinds[2] = {0};
  uint8_t *copy = malloc(n);
  uint64_t one_max = 0;
  if (copy == NULL) abort();
  memcpy(copy, sample + sizeof sample - 8 - n, n);
  for (size_t i = 0; i < n; i++)
    CHECK(parse_exact((pq_slice){copy, i}, &one_max) == PQ_ECORRUPT);
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < sizeof flips; k++) {
      int rc;
      copy[i] ^= flips[k];
      rc = parse_exact((pq_slice){copy, n}, &one_max);
      copy[i] ^= flips[k];
      CHECK(is_answer(rc));
      kinds[rc == PQ_OK]++;
    }
  }
  CHECK(kinds[0] > 500 && kinds[1] > 500);
  CHECK(one_max <= 64 * sizeof sample + (1 << 20));
  free(copy);
}

static void test_footer_oom(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    opened o;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = open_bytes(&o, &cx, whole);
    opened_release(&o);
  }
}

int main(void) {
  RUN(test_footer_sample);
  RUN(test_footer_fetch);
  RUN(test_footer_longer_than_guess);
  RUN(test_footer_schema);
  RUN(test_footer_notes);
  RUN(test_footer_deep_schema);
  RUN(test_footer_thrift_depth);
  RUN(test_footer_damaged);
  RUN(test_footer_oom);
  return unit_end();
}
