/* graph/whole.c - the life of a computation. See whole.h. */
#include "graph/whole.h"

#include "graph/whole_int.h"

static const pq_whole_phase algorithms[] = {
    [PQ_WHOLE_DEGREE] = pq_whole_degree,           [PQ_WHOLE_PAGE_RANK] = pq_whole_page_rank,
    [PQ_WHOLE_COMPONENTS] = pq_whole_components,   [PQ_WHOLE_TRIANGLES] = pq_whole_triangles,
    [PQ_WHOLE_COMMUNITIES] = pq_whole_communities, [PQ_WHOLE_CORES] = pq_whole_cores,
};

uint32_t *pq_whole_u32(pq_arena *arena, uint64_t count) {
  size_t n;
  if (pq_to_size(count, &n)) return pq_arena_array(arena, n, sizeof(uint32_t));
  (void)pq_fail(arena->cx, PQ_ELIMIT, "a graph with %llu edges is too large for this machine",
                (unsigned long long)count);
  return NULL;
}

uint32_t *pq_whole_zeros(pq_arena *arena, uint64_t count) {
  size_t n;
  if (pq_to_size(count, &n)) return pq_arena_calloc(arena, n, sizeof(uint32_t));
  (void)pq_fail(arena->cx, PQ_ELIMIT, "a graph with %llu nodes is too large for this machine",
                (unsigned long long)count);
  return NULL;
}

int pq_whole_begin(pq_whole *w, pq_arena *arena, pq_arena *scratch, const pq_flat *flat,
                   const pq_slice *ids, const pq_whole_options *o) {
  *w = (pq_whole){.options = *o, .arena = arena, .scratch = scratch, .given = *flat, .ids = ids};
  w->edge_count = flat->edge_count;
  /* Each edge stands at both of its ends; the highest bit of a node's number is in use, too. */
  if (flat->edge_count > UINT32_MAX / 2 || flat->node_count > INT32_MAX)
    return pq_fail(arena->cx, PQ_ELIMIT, "a graph of %llu edges is too large to be looked at whole",
                   (unsigned long long)flat->edge_count);
  w->then = algorithms[o->kind];
  return pq_whole_next(w, pq_whole_order_nodes);
}

int pq_whole_step(pq_whole *w, uint64_t work) {
  while (w->phase != NULL) {
    if (work == 0) return PQ_YIELD;
    PQ_TRY(w->phase(w, &work));
  }
  return PQ_OK;
}
