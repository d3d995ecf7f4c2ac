/* test/fuzz/fuzz_match.c - text of a query in; what is accepted runs for a while on a small graph,
 * whose store knows three entities, one of them by what they look like.
 */
#include "fuzz.h"

#include "match/match.h"
#include "value/json.h"

enum { STEPS_MAX = 200 };

typedef struct store {
  pq_match *m;
  pq_arena arena;
  pq_builder *builder;
  pq_value entity, edge;
} store;

static const pq_slice ids[] = {
    {(const uint8_t *)"p/a", 3}, {(const uint8_t *)"p/b", 3}, {(const uint8_t *)"q/c", 3}};

static int answer(store *s, const pq_match_ask *ask) {
  switch (ask->kind) {
    case PQ_MATCH_LABEL:
      PQ_TRY(pq_match_label_all(s->m, PQ_SLICE("p")));
      return pq_match_label_entity(s->m, ids[2]);
    case PQ_MATCH_SCAN:
      for (int i = 0; i < 3; i++)
        PQ_TRY(pq_match_scanned(s->m, ids[i], s->entity));
      return PQ_OK;
    case PQ_MATCH_NODES:
      for (uint32_t i = 0; i < ask->count; i++)
        PQ_TRY(pq_match_entity(s->m, i, s->entity));
      return PQ_OK;
    case PQ_MATCH_EDGES:
      for (uint32_t i = 0; i < ask->count; i++)
        PQ_TRY(pq_match_edge(s->m, i, s->edge));
      return PQ_OK;
    default: return PQ_OK;
  }
}

static int run(store *s, const pq_graph *g) {
  const pq_match_ask *ask;
  PQ_TRY(pq_json_value(s->builder,
                       PQ_SLICE("{\"$id\":\"p/a\",\"$type\":\"T\",\"x\":1,\"n\":\"xy\",\"f\":0.5,"
                                "\"l\":[1,null,{\"x\":2}],\"o\":{\"x\":null},\"b\":true}"),
                       &s->arena, &s->entity));
  PQ_TRY(pq_json_value(s->builder, PQ_SLICE("{\"from\":\"p/a\",\"data\":{\"x\":1,\"w\":2.5}}"),
                       &s->arena, &s->edge));
  PQ_TRY(pq_match_begin(s->m, g));
  for (int i = 0; i < STEPS_MAX; i++) {
    PQ_TRY(pq_match_step(s->m, &ask));
    if (ask->kind == PQ_MATCH_END) break;
    PQ_TRY(answer(s, ask));
  }
  return PQ_OK;
}

/* What is planned without a graph must hold, too. */
static int plan(store *s) {
  pq_match_reads r;
  pq_value shown;
  PQ_TRY(pq_match_reads_of(s->m, &r));
  for (uint32_t i = 0; i < r.ask_count && r.asks[i].kind == PQ_MATCH_LABEL; i++)
    PQ_TRY(pq_match_guess_label(s->m, i, PQ_SLICE("p"), 2));
  PQ_TRY(pq_match_guess(s->m, 3, 2));
  pq_builder_clear(s->builder);
  PQ_TRY(pq_match_explain(s->m, s->builder));
  return pq_builder_finish(s->builder, &s->arena, &shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const pq_edge edges[] = {{.from_id = {(const uint8_t *)"p/a", 3},
                                   .predicate = {(const uint8_t *)"k", 1},
                                   .to_id = {(const uint8_t *)"p/b", 3}},
                                  {.from_id = {(const uint8_t *)"p/b", 3},
                                   .predicate = {(const uint8_t *)"l", 1},
                                   .to_id = {(const uint8_t *)"q/c", 3}}};
  pq_match_options o = {.rows_max = 1000};
  pq_graph *g;
  pq_cx cx;
  fuzz_cx_init(&cx);
  for (int is_plan = 0; is_plan < 2; is_plan++) {
    store s = {0};
    if (pq_match_new(&cx, (pq_slice){data, size}, &o, &s.m) != PQ_OK) return 0;
    pq_arena_init(&s.arena, &cx, 1 << 20);
    FUZZ_CHECK(pq_builder_new(&cx, &s.builder) == PQ_OK);
    FUZZ_CHECK(pq_graph_of(&cx, edges, 2, &g) == PQ_OK);
    FUZZ_CHECK((is_plan ? plan(&s) : run(&s, g)) <= PQ_OK);
    pq_match_free(s.m);
    pq_builder_free(s.builder);
    pq_arena_release(&s.arena);
    pq_graph_close(g);
  }
  return 0;
}
