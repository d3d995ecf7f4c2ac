/* test/unit/test_variant_split.c - shapes from text and from samples, values to columns, and back
 * to equal values.
 */
#include "shred/variant_split.h"

#include "value/json.h"
#include "variant_util.h"

static const char *const shapes[] = {
    "variant",
    "string",
    "int32",
    "boolean",
    "uuid",
    "decimal(9,2)",
    "decimal(18,2)",
    "decimal(38,2)",
    "binary",
    "[variant]",
    "[int8]",
    "[[string]]",
    "{a: variant}",
    "{a: int8, b: int16, c: int32, d: int64, e: float}",
    "{a: double, b: date, c: time, d: timestamp, e: timestamp_ntz}",
    "{a: timestamp_ns, b: timestamp_ntz_ns, c: string, d: binary, zz: string}",
    "{a: {a: string, e: {b: [int64]}}, c: [{a: string, b: variant}], e: [[{d: boolean}]]}",
};

/* ---- text ---- */

static int parse(pq_cx *cx, const char *text, pq_slice *printed, pq_arena *arena) {
  pq_variant_shape *s;
  int rc = pq_variant_shape_parse(arena, pq_str(text), (pq_variant_levels){0, 0}, &s);
  (void)cx;
  *printed = (pq_slice){0};
  return rc != PQ_OK ? rc : pq_variant_shape_print(arena, &s->root, printed);
}

static void test_shape_text(void) {
  static const char *const wrong[] = {"",
                                      "{",
                                      "{}",
                                      "{a}",
                                      "{a:}",
                                      "{a:b}",
                                      "[string",
                                      "string x",
                                      "decimal(9)",
                                      "decimal(39,1)",
                                      "uuid*",
                                      "{a:int8,a:int8}",
                                      "decimal(2,3)",
                                      "{\"a: int8}"};
  pq_cx cx;
  pq_arena arena;
  pq_slice text;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    CHECK(parse(&cx, shapes[i], &text, &arena) == PQ_OK);
    CHECK(pq_slice_is(text, shapes[i]));
  }
  CHECK(parse(&cx, "{ b:int32*,\"a \\\"b\" : [ double* ]}", &text, &arena) == PQ_OK);
  CHECK(pq_slice_is(text, "{\"a \\\"b\": [double*], b: int32*}"));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK(parse(&cx, wrong[i], &text, &arena) == PQ_EINVALID);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* ---- values to columns to values ---- */

enum { ROWS = 300 };

static void round_trip(const char *shape, uint64_t seed, bool is_optional) {
  static uint8_t bytes[ROWS][VARIANT_CAP];
  pq_value in[ROWS], out;
  trip t;
  unit_cx_init(&t.cx);
  CHECK(trip_open(&t, shape, is_optional) == PQ_OK);
  for (uint32_t i = 0; i < ROWS; i++) {
    size_t len = variant_random_value(&seed, 3, bytes[i]);
    in[i] = (pq_value){0};
    if (is_optional && i % 7 == 3) {
      CHECK(pq_split_skip(t.split, 0, 0) == PQ_OK);
      continue;
    }
    CHECK(pq_value_check(&t.cx, variant_meta, (pq_slice){bytes[i], len}, &in[i]) == PQ_OK);
    CHECK(pq_split_put(t.split, in[i], 0) == PQ_OK);
  }
  CHECK(trip_turn(&t) == PQ_OK);
  for (uint32_t i = 0; i < ROWS; i++) {
    CHECK(pq_join_next(t.join, &t.record, &t.arena, &out) == PQ_OK);
    CHECK(variant_equal(in[i], out));
    if (out.p != NULL)
      CHECK(pq_value_check(&t.cx, pq_value_meta(out), pq_value_bytes(out), &out) == PQ_OK);
  }
  for (uint32_t i = 0; i < t.footer->leaf_count; i++)
    CHECK(t.record.pos[i] == pq_column_entries(t.record.columns[i]));
  trip_close(&t);
  CHECK(unit_live_len == 0);
}

static void test_split_round_trip(void) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (uint64_t seed = 1; seed <= 3; seed++)
      round_trip(shapes[i], seed * 977 + i, seed == 2);
}

/* ---- narrower numbers in a wide column ---- */

static void test_split_wide(void) {
  /* int8 5, int16 -2, int64 7, float 1.5 as four values of an array */
  static const uint8_t bytes[] = {3, 4, 0, 2, 5, 14, 19, 3 << 2,  5, 4 << 2, 0xfe, 0xff, 6 << 2, 7,
                                  0, 0, 0, 0, 0, 0,  0,  14 << 2, 0, 0,      0xc0, 0x3f};
  pq_value in, out, e;
  int64_t i;
  trip t;
  unit_cx_init(&t.cx);
  CHECK(trip_open(&t, "[int64*]", false) == PQ_OK);
  CHECK(pq_value_check(&t.cx, variant_meta, (pq_slice){bytes, sizeof bytes}, &in) == PQ_OK);
  CHECK(pq_split_put(t.split, in, 0) == PQ_OK);
  CHECK(trip_turn(&t) == PQ_OK);
  CHECK(pq_join_next(t.join, &t.record, &t.arena, &out) == PQ_OK);
  CHECK(pq_value_count(out) == 4);
  for (uint32_t k = 0; k < 3; k++) {
    e = pq_array_at(out, k);
    CHECK(pq_primitive_id(e) == PQ_PRIM_INT64 && pq_value_i64(e, &i));
    CHECK(i == (k == 0 ? 5 : k == 1 ? -2 : 7));
  }
  CHECK(pq_primitive_id(pq_array_at(out, 3)) == PQ_PRIM_FLOAT);
  trip_close(&t);
}

/* ---- a list of VARIANTs ---- */

static const pq_footer *list_footer(pq_arena *arena, const pq_variant_shape *shape) {
  pq_node_spec *variant, nodes[40];
  uint32_t count;
  CHECK(pq_variant_shape_nodes(arena, shape, "element", true, &variant, &count) == PQ_OK);
  CHECK(count + 2 <= 40);
  nodes[0] = (pq_node_spec){
      .name = "l", .repetition = PQ_OPTIONAL, .child_count = 1, .note = {.kind = PQ_NOTE_LIST}};
  nodes[1] = (pq_node_spec){.name = "list", .repetition = PQ_REPEATED, .child_count = 1};
  memcpy(nodes + 2, variant, count * sizeof *nodes);
  return schema_footer(arena, nodes, count + 2);
}

enum { LISTS = 100, ELEMENTS_MAX = 4 };

/* Put list `row` of `in`: a null list, an empty one, or values and nulls. */
static void put_list(pq_split *split, const pq_value *in, uint32_t row, uint32_t count) {
  if (row % 5 == 0) CHECK(pq_split_skip(split, 0, 0) == PQ_OK);
  if (row % 5 != 0 && count == 0) CHECK(pq_split_skip(split, 1, 0) == PQ_OK);
  for (uint32_t i = 0; row % 5 != 0 && i < count; i++)
    if (in[i].p == NULL)
      CHECK(pq_split_skip(split, 2, i > 0) == PQ_OK);
    else
      CHECK(pq_split_put(split, in[i], i > 0) == PQ_OK);
}

static void check_list(pq_join *join, pq_record *r, const pq_tree *l, const pq_value *in,
                       uint32_t row, uint32_t count, pq_arena *arena) {
  uint32_t i = 0;
  CHECK(pq_record_is_null(r, l) == (row % 5 == 0));
  if (pq_record_is_null(r, l) || pq_record_is_empty(r, l)) {
    CHECK(row % 5 == 0 || count == 0);
    pq_record_skip(r, l);
    return;
  }
  do {
    pq_value v;
    CHECK(pq_join_next(join, r, arena, &v) == PQ_OK);
    CHECK(i < count && variant_equal(v, in[i]));
    i++;
  } while (pq_record_has_more(r, l));
  CHECK(i == count);
}

static void test_split_list(void) {
  static uint8_t bytes[LISTS * ELEMENTS_MAX][1024];
  static pq_value in[LISTS][ELEMENTS_MAX];
  uint32_t counts[LISTS];
  uint64_t seed = 3;
  pq_variant_shape *shape, *back;
  const pq_footer *footer;
  const pq_column *columns, *by_leaf[40];
  pq_record r;
  pq_split *split;
  pq_tree *tree;
  pq_join *join;
  pq_arena arena;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 24);
  CHECK(pq_variant_shape_parse(&arena, PQ_SLICE("{a: string, c: [int8], d: {e: date}}"),
                               (pq_variant_levels){3, 1}, &shape) == PQ_OK);
  footer = list_footer(&arena, shape);
  CHECK(pq_tree_of(&arena, footer, &tree) == PQ_OK);
  CHECK(pq_variant_shape_of_tree(&arena, footer, tree->children[0].children, &back) == PQ_OK);
  CHECK(pq_split_new(&cx, shape, &split) == PQ_OK);
  for (uint32_t i = 0; i < LISTS; i++) {
    counts[i] = variant_random(&seed, ELEMENTS_MAX + 1);
    for (uint32_t k = 0; k < counts[i]; k++) {
      uint8_t *p = bytes[i * ELEMENTS_MAX + k];
      in[i][k] = (pq_value){0};
      if (variant_random(&seed, 4) > 0)
        in[i][k] = variant_of((pq_slice){p, variant_random_value(&seed, 1, p)});
    }
    put_list(split, in[i], i, counts[i]);
  }
  columns = pq_split_columns(split);
  for (uint32_t i = 0; i < footer->leaf_count; i++)
    by_leaf[i] = &columns[i];
  CHECK(pq_record_init(&r, &arena, footer, tree, by_leaf) == PQ_OK);
  CHECK(pq_join_new(&cx, "t", back, true, &join) == PQ_OK);
  for (uint32_t i = 0; i < LISTS; i++)
    check_list(join, &r, &tree->children[0], in[i], i, counts[i], &arena);
  pq_join_free(join);
  pq_split_free(split);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* ---- guessing ---- */

static void infer(const char *const *docs, size_t count, pq_variant_rule rule,
                  const char *expected) {
  pq_value values[40];
  pq_variant_shape *s;
  pq_builder *b;
  pq_slice text;
  pq_arena arena;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  for (size_t i = 0; i < count; i++)
    CHECK(pq_json_value(b, pq_str(docs[i]), &arena, &values[i]) == PQ_OK);
  CHECK(pq_variant_shape_infer(&arena, values, (uint32_t)count, rule, (pq_variant_levels){0, 0},
                               &s) == PQ_OK);
  CHECK(pq_variant_shape_print(&arena, &s->root, &text) == PQ_OK);
  if (!pq_slice_is(text, expected)) printf("%.*s\n", (int)text.n, (const char *)text.p);
  CHECK(pq_slice_is(text, expected));
  pq_builder_free(b);
  pq_arena_release(&arena);
}

static void test_shape_infer(void) {
  static const char *const docs[] = {
      "{\"a\":1,\"b\":\"x\",\"c\":{\"d\":1.5,\"e\":null},\"l\":[1,2],\"m\":[1,\"x\"]}",
      "{\"a\":2,\"b\":null,\"c\":{\"d\":2.5},\"l\":[],\"w\":5000000000}",
      "{\"a\":3,\"b\":\"y\",\"c\":{\"d\":3.5,\"f\":true},\"l\":[3],\"w\":7,\"g\":{}}",
      "{\"a\":4,\"b\":\"z\",\"c\":{\"d\":4.5},\"p\":{\"$numberDecimal\":\"1.25\"},\"g\":{}}"};
  static const char *const numbers[] = {"1", "2", "null", "3"};
  static const char *const mixed[] = {"1", "\"a\"", "[]", "{}"};
  infer(docs, 4, (pq_variant_rule){0},
        "{a: int32, b: string, c: {d: double, f: boolean}, l: [int32], p: decimal(9,2)}");
  infer(docs, 4, (pq_variant_rule){.presence_min = 50, .is_wide = true},
        "{a: int32*, b: string, c: {d: double}, l: [int32*], w: int64*}");
  infer(docs, 4, (pq_variant_rule){.depth_max = 1}, "{a: int32, b: string, p: decimal(9,2)}");
  infer(docs, 4, (pq_variant_rule){.leaves_max = 2}, "{a: int32, b: string}");
  infer(
      docs, 4, (pq_variant_rule){.agreement = 50},
      "{a: int32, b: string, c: {d: double, f: boolean}, l: [int32], m: [int32], p: decimal(9,2), "
      "w: int32}");
  infer(numbers, 4, (pq_variant_rule){0}, "int32");
  infer(mixed, 4, (pq_variant_rule){0}, "variant");
  infer(mixed, 0, (pq_variant_rule){0}, "variant");
}

/* ---- running out of memory ---- */

static int split_and_join(pq_cx *cx) {
  static uint8_t bytes[VARIANT_CAP];
  uint64_t seed = 5;
  trip t = {.cx = *cx};
  int rc = trip_open(&t, "{a: {a: string, e: {b: [int64]}}, c: [{a: string, b: variant}]}", true);
  for (uint32_t i = 0; i < 40 && rc == PQ_OK; i++) {
    pq_slice value = {bytes, variant_random_value(&seed, 3, bytes)};
    rc = pq_split_put(t.split, variant_of(value), 0);
    if (rc == PQ_OK) rc = pq_split_skip(t.split, 0, 0);
  }
  if (rc == PQ_OK) pq_split_clear(t.split);
  if (rc == PQ_OK) rc = pq_split_put(t.split, variant_of((pq_slice){(const uint8_t *)"\0", 1}), 0);
  if (rc == PQ_OK) rc = trip_turn(&t);
  if (rc == PQ_OK) {
    pq_value v;
    rc = pq_join_next(t.join, &t.record, &t.arena, &v);
  }
  trip_close(&t);
  return rc;
}

static void test_split_oom(void) {
  pq_cx cx;
  int rc;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = split_and_join(&cx);
  }
}

int main(void) {
  RUN(test_shape_infer);
  RUN(test_split_oom);
  RUN(test_split_wide);
  RUN(test_split_list);
  RUN(test_shape_text);
  RUN(test_split_round_trip);
  return unit_end();
}
