/* test/fuzz/fuzz_match.c - text of a query in; what is accepted runs on a small graph whose store
 * answers nothing, for a while.
 */
#include "fuzz.h"

#include "match/match.h"

enum { STEPS_MAX = 50 };

static int run(pq_match *m, const pq_graph *g) {
  const pq_match_ask *ask;
  PQ_TRY(pq_match_begin(m, g));
  for (int i = 0; i < STEPS_MAX; i++) {
    PQ_TRY(pq_match_step(m, &ask));
    if (ask->kind == PQ_MATCH_END) break;
  }
  return PQ_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const pq_edge edges[] = {{.from_id = {(const uint8_t *)"p/a", 3},
                                   .predicate = {(const uint8_t *)"k", 1},
                                   .to_id = {(const uint8_t *)"p/b", 3}},
                                  {.from_id = {(const uint8_t *)"p/b", 3},
                                   .predicate = {(const uint8_t *)"l", 1},
                                   .to_id = {(const uint8_t *)"q/c", 3}}};
  pq_match_options o = {.rows_max = 1000};
  pq_cx cx;
  pq_match *m;
  pq_graph *g;
  fuzz_cx_init(&cx);
  if (pq_match_new(&cx, (pq_slice){data, size}, &o, &m) != PQ_OK) return 0;
  FUZZ_CHECK(pq_graph_of(&cx, edges, 2, &g) == PQ_OK);
  FUZZ_CHECK(run(m, g) <= PQ_OK);
  pq_match_free(m);
  pq_graph_close(g);
  return 0;
}
