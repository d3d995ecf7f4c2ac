/* test/unit/adjacency_util.h - random edges, sorted and each once, and what adjacency equals.
 */
#ifndef PQ_TEST_ADJACENCY_UTIL_H
#define PQ_TEST_ADJACENCY_UTIL_H

#include "parquet_util.h"
#include "rel/adjacency.h"
#include "value/json.h"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
  pq_edge *edges; /* sorted, each once */
  uint32_t count;
} fixture;

static inline uint32_t random_below(uint64_t *state, uint32_t below) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33) % below;
}

static inline int compare_edges(const void *a, const void *b) {
  return pq_edge_compare(a, b, false);
}

/* What some ends are is known of all rows, of none, or of some. */
typedef enum typed_ends { TYPES_ALL, TYPES_NONE, TYPES_SOME } typed_ends;

static inline int make_edge(fixture *f, uint64_t *state, typed_ends types, pq_edge *e) {
  static const char *const predicates[] = {"likes", "author", "a longer name of a predicate"};
  char *from = pq_arena_printf(&f->arena, "n/%03u", random_below(state, 60));
  char *to = pq_arena_printf(&f->arena, "n/%u", random_below(state, 90));
  if (from == NULL || to == NULL) return f->cx.code;
  *e = (pq_edge){.from_id = pq_str(from),
                 .predicate = pq_str(predicates[random_below(state, 3)]),
                 .reverse = PQ_SLICE("r"),
                 .to_id = pq_str(to),
                 .created_by = PQ_SLICE("me"),
                 .version = 1};
  if (types == TYPES_ALL) e->from_type = e->to_type = PQ_SLICE("N");
  if (types == TYPES_SOME && from[3] != '7') e->from_type = PQ_SLICE("N");
  if (types == TYPES_SOME && random_below(state, 20) != 0) e->to_type = PQ_SLICE("M");
  return PQ_OK;
}

static inline int setup(fixture *f, uint32_t count, uint64_t seed, typed_ends types) {
  pq_value data = {0};
  f->builder = NULL;
  f->count = 0;
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  PQ_TRY(pq_builder_new(&f->cx, &f->builder));
  f->edges = pq_arena_calloc(&f->arena, count, sizeof *f->edges);
  if (f->edges == NULL) return f->cx.code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(make_edge(f, &seed, types, &f->edges[i]));
  if (seed % 2 == 1) PQ_TRY(pq_json_value(f->builder, PQ_SLICE("{\"w\": 1}"), &f->arena, &data));
  if (seed % 2 == 1 && count > 5) f->edges[5].data = data;
  qsort(f->edges, count, sizeof *f->edges, compare_edges);
  for (uint32_t i = 0; i < count; i++) {
    if (f->count > 0 && compare_edges(&f->edges[f->count - 1], &f->edges[i]) == 0) continue;
    f->edges[f->count++] = f->edges[i];
  }
  return PQ_OK;
}

static inline void teardown(fixture *f) {
  pq_builder_free(f->builder);
  pq_arena_release(&f->arena);
}

/* In memory too. */
static inline bool is_same(const pq_adjacency *a, const pq_adjacency *b) {
  return pq_adjacency_equal(a, b) && (a->doubts != NULL) == (b->doubts != NULL) && a->len == b->len;
}

#endif
