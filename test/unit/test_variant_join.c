/* test/unit/test_variant_join.c - shredded VARIANT columns of other implementations against what
 * they say is in them (parquet-testing/shredded_variant and DuckDB's, below $PARQUEDB_CORPORA), and
 * the states that are refused.
 */
#include "shred/variant_join.h"

#include "parquet_util.h"
#include "value/json.h"
#include "variant_util.h"

enum { FILE_CAP = 1 << 20, CASES = 138, NAME_CAP = 600 };

static const char *corpora(void) {
  const char *dir = getenv("PARQUEDB_CORPORA");
  return dir == NULL ? "../shared/corpora" : dir;
}

static bool read_file(const char *path, uint8_t *buf, pq_slice *out) {
  FILE *f = fopen(path, "rb");
  *out = (pq_slice){0};
  if (f == NULL) return false;
  *out = (pq_slice){buf, fread(buf, 1, FILE_CAP, f)};
  fclose(f);
  return true;
}

/* The values of the only VARIANT column of a file with one row group. */
typedef struct variants {
  opened o;
  pq_value *values;
  uint32_t count;
} variants;

static int join_group(variants *v, pq_cx *cx, uint32_t group, const pq_tree *root,
                      const pq_tree *variant) {
  const pq_footer *footer = v->o.file.footer;
  const pq_column **columns = pq_arena_calloc(&v->o.arena, footer->leaf_count, sizeof *columns);
  pq_variant_shape *shape;
  pq_record record;
  pq_join *join;
  int rc = PQ_OK;
  PQ_TRY(pq_variant_shape_of_tree(&v->o.arena, footer, variant, &shape));
  for (uint32_t i = variant->first_leaf; i < variant->first_leaf + variant->leaf_count; i++) {
    pq_column *c = pq_arena_calloc(&v->o.arena, 1, sizeof *c);
    PQ_TRY(read_chunk_of(&v->o, (read_spec){.row_group = group, .leaf = i}, c));
    columns[i] = c;
  }
  PQ_TRY(pq_record_init(&record, &v->o.arena, footer, root, columns));
  v->count = (uint32_t)footer->row_groups[group].row_count;
  v->values = pq_arena_calloc(&v->o.arena, v->count, sizeof *v->values);
  PQ_TRY(pq_join_new(cx, v->o.file.key, shape, true, &join));
  for (uint32_t i = 0; i < v->count && rc == PQ_OK; i++)
    rc = pq_join_next(join, &record, &v->o.arena, &v->values[i]);
  for (uint32_t i = shape->first_leaf; rc == PQ_OK && i < shape->first_leaf + shape->leaf_count;
       i++)
    CHECK(record.pos[i] == pq_column_entries(columns[i]));
  pq_join_free(join);
  return rc;
}

static int read_variants(variants *v, pq_cx *cx, pq_slice bytes) {
  pq_tree *root;
  *v = (variants){.count = 0};
  PQ_TRY(open_bytes(&v->o, cx, bytes));
  PQ_TRY(pq_tree_of(&v->o.arena, v->o.file.footer, &root));
  for (uint32_t i = 0; i < root->child_count; i++)
    if (root->children[i].kind == PQ_TREE_VARIANT)
      return join_group(v, cx, 0, root, &root->children[i]);
  return pq_fail(cx, PQ_ENOTFOUND, "no VARIANT column");
}

/* ---- parquet-testing ---- */

static pq_value expected_of(pq_cx *cx, pq_slice file) {
  pq_value v = {0};
  for (size_t meta = 3; meta < file.n && v.p == NULL; meta++) {
    pq_slice m = {file.p, meta}, bytes = {file.p + meta, file.n - meta};
    if (pq_value_check(cx, m, bytes, &v) != PQ_OK) v = (pq_value){0};
  }
  return v;
}

static void check_rows(const variants *v, const char *base) {
  static uint8_t buf[FILE_CAP];
  char path[NAME_CAP + 40];
  pq_cx cx;
  unit_cx_init(&cx);
  for (uint32_t i = 0; i < v->count; i++) {
    pq_slice bytes;
    pq_value expected = {0};
    snprintf(path, sizeof path, "%s_row-%u.variant.bin", base, i);
    if (read_file(path, buf, &bytes)) expected = expected_of(&cx, bytes);
    if (!variant_equal(expected, v->values[i])) printf("differs: %s\n", path);
    CHECK(variant_equal(expected, v->values[i]));
  }
}

/* Files that must be refused; 43 and 125 only may be, and are. */
static bool is_refused(uint32_t n) {
  static const uint32_t refused[] = {40, 42, 43, 87, 125, 127, 128, 137};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (refused[i] == n) return true;
  return false;
}

static bool run_case(uint32_t n, const char *suffix) {
  static uint8_t buf[FILE_CAP];
  char base[NAME_CAP], path[NAME_CAP + 16];
  pq_slice bytes;
  variants v;
  pq_cx cx;
  int rc;
  snprintf(base, sizeof base, "%s/parquet/parquet-testing/shredded_variant/case-%03u%s", corpora(),
           n, suffix);
  snprintf(path, sizeof path, "%s.parquet", base);
  if (!read_file(path, buf, &bytes)) return false;
  unit_cx_init(&cx);
  rc = read_variants(&v, &cx, bytes);
  if (is_refused(n) ? rc != PQ_ECORRUPT : rc != PQ_OK) printf("%s: %d %s\n", path, rc, cx.msg);
  CHECK(is_refused(n) ? rc == PQ_ECORRUPT : rc == PQ_OK);
  if (rc == PQ_OK) check_rows(&v, base);
  opened_release(&v.o);
  return true;
}

static void test_join_shredded_variant(void) {
  uint32_t done = 0;
  for (uint32_t n = 1; n <= CASES; n++)
    done += run_case(n, "") || run_case(n, "-INVALID");
  printf(done == 0 ? "skipped: corpora not found\n" : "%u cases\n", done);
}

/* ---- what is refused ---- */

/* The docs of a shape as columns, which the caller spoils before they are joined. */
static pq_column *spoil(trip *t, const char *shape, const char *doc) {
  pq_builder *b;
  pq_value v;
  unit_cx_init(&t->cx);
  CHECK(trip_open(t, shape, false) == PQ_OK);
  CHECK(pq_builder_new(&t->cx, &b) == PQ_OK);
  CHECK(pq_json_value(b, pq_str(doc), &t->arena, &v) == PQ_OK);
  pq_builder_free(b);
  CHECK(pq_split_put(t->split, v, 0) == PQ_OK);
  return (pq_column *)(uintptr_t)pq_split_columns(t->split);
}

static void put_slice(pq_column *c, const char *bytes, size_t len, uint8_t def_max) {
  if (c->nulls != NULL) c->nulls[0] = 0;
  if (c->def != NULL) c->def[0] = def_max;
  c->v.bytes[0] = (pq_slice){(const uint8_t *)bytes, len};
}

static void check_refused(trip *t, const char *what) {
  pq_value v;
  int rc;
  rc = trip_join(t, t->spoilt);
  if (rc == PQ_OK) rc = pq_join_next(t->join, &t->record, &t->arena, &v);
  CHECK(rc == PQ_ECORRUPT);
  if (strstr(t->cx.msg, what) == NULL) printf("%s instead of %s\n", t->cx.msg, what);
  CHECK(strstr(t->cx.msg, what) != NULL);
  trip_close(t);
}

static void test_join_refused(void) {
  static const char both[] = "both value and typed_value";
  trip t;
  /* leaves: 0 metadata, 1 value, 2 a.value, 3 a.typed_value */
  t.spoilt = spoil(&t, "{a: int32}", "{\"a\":1}");
  put_slice(&t.spoilt[2], "\x0c\1", 2, 2);
  check_refused(&t, both);
  t.spoilt = spoil(&t, "[int32]", "[1]");
  put_slice(&t.spoilt[2], "\x0c\1", 2, 3);
  check_refused(&t, both);
  t.spoilt = spoil(&t, "{a: int32}", "{\"a\":1}");
  put_slice(&t.spoilt[1], "\2\1\0\0\1\0", 6, 1);
  check_refused(&t, "stands in value too");
  t.spoilt = spoil(&t, "{a: int32}", "{\"a\":1}");
  put_slice(&t.spoilt[1], "\x0c\1", 2, 1);
  check_refused(&t, "no object beside typed fields");
  t.spoilt = spoil(&t, "{a: int32}", "5");
  put_slice(&t.spoilt[1], "\2\0\0", 3, 1);
  check_refused(&t, "typed_value is null");
  t.spoilt = spoil(&t, "[int32]", "5");
  put_slice(&t.spoilt[1], "\3\0\0", 3, 1);
  check_refused(&t, "typed_value is null");
  t.spoilt = spoil(&t, "{a: int32}", "{\"a\":1}");
  put_slice(&t.spoilt[0], "\1\1\0\1x", 5, 0);
  check_refused(&t, "metadata lacks");
  t.spoilt = spoil(&t, "variant", "5");
  put_slice(&t.spoilt[1], "", 0, 1);
  check_refused(&t, "an empty value");
  t.spoilt = spoil(&t, "variant", "5");
  put_slice(&t.spoilt[1], "\x0c", 1, 1);
  check_refused(&t, "cut off");
  t.spoilt = spoil(&t, "int8", "5");
  t.spoilt[2].v.i32[0] = 300;
  t.spoilt[2].nulls[0] = 0;
  t.spoilt[1].nulls[0] = 1;
  check_refused(&t, "outside of its type");
  t.spoilt = spoil(&t, "string", "\"x\"");
  put_slice(&t.spoilt[2], "\xff", 1, 1);
  check_refused(&t, "not UTF-8");
}

/* Schemas that no VARIANT has: one node of a good one is changed. */
static void check_schema(uint32_t node, pq_node_spec changed, const char *what) {
  pq_node_spec *nodes;
  pq_variant_shape *shape;
  pq_tree *tree;
  pq_arena arena;
  pq_cx cx;
  uint32_t count;
  int rc;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_variant_shape_parse(&arena, pq_str("{a: int32}"), (pq_variant_levels){0, 0}, &shape) ==
        PQ_OK);
  CHECK(pq_variant_shape_nodes(&arena, shape, "v", false, &nodes, &count) == PQ_OK);
  nodes[node] = changed;
  CHECK(pq_tree_of(&arena, schema_footer(&arena, nodes, count), &tree) == PQ_OK);
  rc = pq_variant_shape_of_tree(&arena, schema_footer(&arena, nodes, count), &tree->children[0],
                                &shape);
  CHECK(what == NULL ? rc == PQ_OK : rc == PQ_ECORRUPT && strstr(cx.msg, what) != NULL);
  pq_arena_release(&arena);
}

static void test_join_schema(void) {
  static const char type[] = "type that VARIANT does not have", field[] = "does not belong";
  const pq_node_spec value = {.name = "value", .repetition = PQ_OPTIONAL, .phys = PQ_PHYS_BYTES};
  pq_node_spec n = {.name = "typed_value", .repetition = PQ_OPTIONAL, .phys = PQ_PHYS_INT32};
  /* nodes: 0 v, 1 metadata, 2 value, 3 typed_value, 4 a, 5 a.value, 6 a.typed_value */
  check_schema(6, n, NULL);
  n.note = (pq_note){.kind = PQ_NOTE_INTEGER, .bits = 32, .is_unsigned = true};
  check_schema(6, n, type);
  n.note = (pq_note){.kind = PQ_NOTE_TIME, .digits = 3};
  check_schema(6, n, type);
  n.note = (pq_note){.kind = PQ_NOTE_DECIMAL, .precision = 10};
  check_schema(6, n, type);
  n = (pq_node_spec){.name = "typed_value", .phys = PQ_PHYS_FIXED, .type_len = 4};
  check_schema(6, n, type);
  n.phys = PQ_PHYS_INT96;
  check_schema(6, n, type);
  n = value;
  n.name = "other";
  check_schema(1, n, "no metadata");
  check_schema(5, n, field);
  n = value;
  n.phys = PQ_PHYS_INT64;
  check_schema(5, n, field);
  check_schema(6, value, field);
  n = (pq_node_spec){.name = "a", .repetition = PQ_OPTIONAL, .child_count = 2};
  check_schema(4, n, "an optional group, where the format wants a required one");
  n.repetition = PQ_REPEATED;
  check_schema(4, n, "no group");
}

/* ---- anything at all in the columns: an error or a value, never more ---- */

static void spoil_anything(uint64_t *seed, pq_column *c, uint8_t def_max, pq_arena *arena) {
  uint32_t at = variant_random(seed, pq_column_entries(c));
  if (c->rep != NULL && variant_random(seed, 6) == 0) {
    c->rep[at] ^= 1;
  } else if (c->def != NULL && variant_random(seed, 4) == 0) {
    c->def[at] = (uint8_t)variant_random(seed, def_max + 1u);
    c->nulls[at] = c->def[at] < def_max;
  } else if (c->phys == PQ_PHYS_BYTES && !pq_column_is_null(c, at) && c->v.bytes[at].n > 0) {
    pq_slice copy;
    CHECK(pq_arena_copy(arena, c->v.bytes[at], &copy) == PQ_OK);
    ((uint8_t *)(uintptr_t)copy.p)[variant_random(seed, (uint32_t)copy.n)] =
        (uint8_t)variant_random(seed, 256);
    c->v.bytes[at] = copy;
  }
}

static void join_anything(uint64_t seed, bool is_checked) {
  static uint8_t bytes[60][VARIANT_CAP];
  trip t;
  pq_column *columns;
  pq_value v = {0}, checked;
  int rc;
  unit_cx_init(&t.cx);
  CHECK(trip_open(&t, "{a: {a: string, b: [int64]}, c: [{a: string}], d: double}", false) == PQ_OK);
  for (uint32_t i = 0; i < 60; i++) {
    size_t len = variant_random_value(&seed, 3, bytes[i]);
    CHECK(pq_split_put(t.split, variant_of((pq_slice){bytes[i], len}), 0) == PQ_OK);
  }
  columns = (pq_column *)(uintptr_t)pq_split_columns(t.split);
  for (uint32_t i = 0; i < t.footer->leaf_count; i++)
    if (columns[i].nulls != NULL || i == 0)
      spoil_anything(&seed, &columns[i], (uint8_t)t.footer->leaves[i].def_max, &t.arena);
  t.is_unchecked = !is_checked;
  rc = trip_join(&t, columns);
  for (uint32_t i = 0; i < 60 && rc == PQ_OK; i++) {
    rc = pq_join_next(t.join, &t.record, &t.arena, &v);
    if (rc == PQ_OK && is_checked)
      CHECK(pq_value_check(&t.cx, pq_value_meta(v), pq_value_bytes(v), &checked) == PQ_OK);
  }
  CHECK(rc == PQ_OK || rc == PQ_ECORRUPT || rc == PQ_ELIMIT);
  trip_close(&t);
  CHECK(unit_live_len == 0);
}

static void test_join_anything(void) {
  for (uint64_t seed = 1; seed <= 600; seed++)
    join_anything(seed * 7919, seed % 2 == 0);
}

int main(void) {
  RUN(test_join_refused);
  RUN(test_join_schema);
  RUN(test_join_anything);
  RUN(test_join_shredded_variant);
  return unit_end();
}
