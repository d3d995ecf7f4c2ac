/* cmd/whole_run.h - degree, pageRank, components, triangles, communities, kCore: what whole_graph.c
 * and whole_write.c share. The algorithms are graph/whole.h.
 */
#ifndef PQ_CMD_WHOLE_RUN_H
#define PQ_CMD_WHOLE_RUN_H

#include "cmd/own_options.h"
#include "graph/whole.h"

/* A node whose value is written. */
typedef struct pq_whole_entity {
  pq_slice id;
  uint32_t node; /* of `whole` */
} pq_whole_entity;

/* Owned by the command; its arenas hold all of it. Not part of the state that the step loop
 * compares: only stages without fetches change it. */
typedef struct pq_whole_run {
  const struct pq_whole_row *row; /* which of the six */
  pq_whole_options options;
  pq_whole_order order;
  pq_names predicates;
  pq_slice field;          /* of writeAs; empty: items are given */
  pq_graph *graph;         /* held while the snapshot is open; NULL: not yet, or no more */
  pq_arena arena, scratch; /* owned: answer, ids; what is not needed when it is there */
  pq_slice *ids;           /* by the graph's number, of nodes with an edge; in scratch */
  pq_whole whole;
  uint32_t first, end, at;   /* of whole.listed: the page, and what was given of it */
  pq_whole_entity *entities; /* the page, to be written, by id */
  const pq_filter *all;      /* the filter that every entity matches */
  uint64_t seq;              /* of the snapshot */
} pq_whole_run;

static inline bool pq_whole_is_written(const pq_command *c) {
  return c->s.whole->field.n > 0 && !c->s.args.is_explain;
}

/* The value of a node: the next value of `b`. */
int pq_whole_put_value(const pq_whole_run *run, pq_builder *b, uint32_t node) PQ_MUST_CHECK;
/* What all six have in their summary; behind it the command's own, then pq_summary_end. */
int pq_whole_summary(pq_command *c, uint64_t n) PQ_MUST_CHECK;
/* An id of a node here. */
pq_slice pq_whole_id(const pq_whole_run *run, uint32_t node);

/* ---- whole_write.c ---- */
/* Parse writeAs. */
int pq_whole_field(pq_command *c) PQ_MUST_CHECK;
/* The page is there: check the field against schemas, write the values in stages. */
int pq_whole_write(pq_command *c) PQ_MUST_CHECK;

#endif
