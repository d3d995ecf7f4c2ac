/* Unit tests of query/column_test.c: verdicts of decimals, in 64 bits and in 16 bytes, where the
 * file says that cells are their values, and where it does not say so, as older files do. */
#include "expr/pushdown.h"
#include "query/column_test.h"
#include "unit.h"
#include "value/json.h"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
} fixture;

/* The verdicts for 5.00, 6.25 and null, as letters: N no, M maybe, Y yes. */
static int verdicts_of(fixture *f, const char *filter, pq_path_column column, char out[4]) {
  static const uint8_t wide[2][16] = {{[14] = 500 >> 8, [15] = 500 & 255},
                                      {[14] = 625 >> 8, [15] = 625 & 255}};
  int64_t narrow[3] = {500, 625, 0};
  pq_slice bytes[3] = {{wide[0], 16}, {wide[1], 16}, {0}};
  uint8_t nulls[3] = {0, 0, 1}, verdicts[3];
  pq_column cells = {.phys = PQ_PHYS_INT64, .row_count = 3, .nulls = nulls, .v.i64 = narrow};
  pq_filter *parsed;
  const pq_push *root;
  pq_column_test test;
  pq_value spec;
  if (column.is_wide) cells.phys = PQ_PHYS_FIXED;
  if (column.is_wide) cells.v.bytes = bytes;
  pq_builder_clear(f->builder);
  PQ_TRY(pq_json_value(f->builder, pq_str(filter), &f->arena, &spec));
  PQ_TRY(pq_filter_parse(&f->arena, NULL, spec, &parsed));
  PQ_TRY(pq_filter_pushdown(parsed, &f->arena, &root));
  while (root->kind == PQ_PUSH_AND && root->kid_count == 1)
    root = root->kids;
  if (root->kind != PQ_PUSH_TERM) return PQ_EINVALID;
  PQ_TRY(pq_column_test_init(&test, &f->arena, root, &column));
  PQ_TRY(pq_column_test_rows(&test, &f->arena, &cells, verdicts));
  for (int i = 0; i < 3; i++)
    out[i] = "NM?Y"[verdicts[i]];
  out[3] = 0;
  return PQ_OK;
}

static void test_decimals(void) {
  static const struct {
    const char *filter, *exact, *hint;
  } cases[] = {
      {"{\"p\": 5}", "YNN", "MNM"},
      {"{\"p\": {\"$numberDecimal\": \"6.25\"}}", "NYN", "NMM"},
      {"{\"p\": {\"$in\": [5, 6.25, 7]}}", "YYN", "MMM"},
      {"{\"p\": {\"$in\": [4, \"5\"]}}", "NNN", "NNM"},
      {"{\"p\": \"5\"}", "NNN", "NNM"},
      {"{\"p\": {\"$gte\": 6}}", "NYN", "NMM"},
      {"{\"p\": {\"$lt\": 6}}", "YNN", "MNM"},
  };
  fixture f;
  unit_cx_init(&f.cx);
  pq_arena_init(&f.arena, &f.cx, 1u << 30);
  CHECK(pq_builder_new(&f.cx, &f.builder) == PQ_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pq_path_column column = {.type = PQ_INDEX_DECIMAL, .stored = PQ_INDEX_DECIMAL, .scale = 2};
    char out[4];
    for (int is_wide = 0; is_wide < 2; is_wide++) {
      column.is_wide = is_wide;
      column.is_exact = true;
      column.is_hint = false;
      CHECK(verdicts_of(&f, cases[i].filter, column, out) == PQ_OK);
      CHECK(strcmp(out, cases[i].exact) == 0);
      column.is_exact = false;
      column.is_hint = true;
      CHECK(verdicts_of(&f, cases[i].filter, column, out) == PQ_OK);
      CHECK(strcmp(out, cases[i].hint) == 0);
    }
  }
  pq_builder_free(f.builder);
  pq_arena_release(&f.arena);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_decimals);
  return unit_end();
}
