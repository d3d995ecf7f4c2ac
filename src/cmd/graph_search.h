/* cmd/graph_search.h - what the commands that walk the graph share: the graph of the snapshot,
 * held; documents that decide (graph/choice.h); entities and edges as items.
 *
 *   open ─► snapshot ─► graph ─► begin ──► search ─┬─► give nodes, edges ─► end
 *                                  ▲               │PQ_ASK
 *                                  └── verdicts ◄──┘ edges by number, entities by id
 */
#ifndef PQ_CMD_GRAPH_SEARCH_H
#define PQ_CMD_GRAPH_SEARCH_H

#include "cmd/own_options.h"
#include "graph/choice.h"
#include "graph/weighted.h"

/* A choice, and what documents it goes by. */
typedef struct pq_chooser {
  pq_names names; /* predicates */
  pq_direction direction;
  pq_filter *node_filter, *edge_filter; /* NULL: none */
  pq_path weight;                       /* into the edge as shown; count 0: none */
  bool has_weight, has_default_weight;
  double default_weight;
  pq_weights weights; /* once pq_graph_weigh has read them */
  pq_path estimate;   /* of nodes: A* */
  bool has_estimate;
  double *estimates; /* by number of node, of those judged */
  pq_choice choice;
} pq_chooser;

/* Reads nodes and edges in batches of so many. */
enum { PQ_GRAPH_BATCH = 4096 };

/* What a command reads besides the graph, for its plan. */
typedef struct pq_graph_read_plan {
  uint32_t judged_nodes, judged_edges; /* choices with a filter */
  bool looks_at_seeds, shows_nodes, shows_edges;
  uint64_t seed_turns; /* nodes that are shown: seeds come before the others, by themselves */
  uint64_t path_turns, paths_max; /* paths whose edges are read; UINT64_MAX: nobody knows */
} pq_graph_read_plan;

typedef struct pq_graph_run {
  pq_stage_fn begin, again; /* the command's: the graph is there; the verdicts are */
  /* Of the snapshot: another way than the graph, its first stage; NULL: the graph. May be NULL. */
  pq_stage_fn (*choose)(pq_command *c);
  pq_stage_fn without; /* memory has no room for the graph; NULL: then it fails */
  void (*plan)(const pq_command *c, pq_graph_read_plan *p); /* what else it reads */
  pq_direction directions;                                  /* that it walks in */
  bool needs_seeds;  /* whether seeds without an edge are live matters, too */
  pq_chooser *asked; /* whose verdicts are wanted */
  uint32_t asked_at; /* of its wanted ones: the next to be read */
  uint64_t explored; /* nodes looked at */
  void *search;      /* the command's own */
} pq_graph_run;

static inline pq_graph_run *pq_run_of(const pq_command *c) {
  return c->s.search;
}

/* Make c->s.search; its first stage opens snapshot and graph and goes on with `begin`. */
int pq_graph_run_new(pq_command *c, pq_stage_fn begin) PQ_MUST_CHECK;

/* traverse_command.c: if the graph is not at hand, is it answered without it? */
bool pq_traverse_is_by_index(const pq_command *c);

void pq_graph_read_plan_of(const pq_command *c, pq_graph_read_plan *p);

/* The target: an id, or an array of ids, into c->s.nodes, sorted, each once. When `begin` runs they
 * are those that are live; without `needs_seeds` perhaps some more that have no edge. */
int pq_graph_seeds(pq_command *c, pq_value target) PQ_MUST_CHECK;

/* The options `predicates`, `direction`, `filter`, `edgeFilter` of a command. */
int pq_chooser_parse(pq_command *c, pq_direction direction, pq_chooser *out) PQ_MUST_CHECK;
/* Make its choice, now that the graph is there. */
int pq_chooser_open(pq_command *c, pq_chooser *k) PQ_MUST_CHECK;
/* Add what it reads. */
void pq_chooser_plan(const pq_chooser *k, pq_graph_read_plan *p);
/* Read what edges weigh in stages, then run `next`. */
int pq_graph_weigh(pq_command *c, pq_chooser *k, pq_stage_fn next) PQ_MUST_CHECK;
/* A search said PQ_ASK: judge what is wanted in stages, then run `again`. */
int pq_graph_ask(pq_command *c, pq_chooser *k, pq_stage_fn again) PQ_MUST_CHECK;

/* Does an entity match a filter? */
int pq_graph_matches(pq_command *c, const pq_filter *filter, const pq_entity *e,
                     bool *is_match) PQ_MUST_CHECK;
/* The entities of some nodes, in their order; those not live have id.p == NULL. A stage call. */
int pq_graph_entities(pq_command *c, const uint32_t *nodes, uint32_t count, unsigned want,
                      pq_entity **out) PQ_MUST_CHECK;
/* An entity as an item shows it: merged, projected; in c->replies. */
int pq_graph_entity_shown(pq_command *c, const pq_entity *e, pq_value *out) PQ_MUST_CHECK;
/* An edge as it is shown: the next value of `b`. */
int pq_edge_put(pq_builder *b, const pq_edge *e) PQ_MUST_CHECK;

/* Begin the summary, or after the summary of `explain` the item; then its own fields, then end. */
int pq_graph_explain(pq_command *c, const char *plan, uint64_t arcs) PQ_MUST_CHECK;

#endif
