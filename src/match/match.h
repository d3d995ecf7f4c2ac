/* match/match.h - a query in a subset of openCypher over the graph of a view.
 *
 *   MATCH (a:Person)-[:knows]->(b)<-[:author]-(p:Post) WHERE a.age > 30 RETURN b.name, count(*)
 *
 *   pq_match_new     text ─► syntax, variables           fails with line and column
 *   pq_match_begin   the graph of the view
 *   pq_match_step ─► what it asks for ─► answer ─► pq_match_step ─► … ─► PQ_MATCH_END
 *
 * It asks nobody but its caller: a step ends with a question (which entities have a label, which
 * match a filter, the documents of nodes or edges), with an item, or because time has passed.
 * Language: doc/match.md.
 */
#ifndef PQ_MATCH_MATCH_H
#define PQ_MATCH_MATCH_H

#include "graph/graph.h"
#include "value/builder.h"

typedef struct pq_match pq_match;

typedef struct pq_match_options {
  pq_value params;   /* an object, or missing; borrowed as long as the query lives */
  uint64_t rows_max; /* that a sort, a grouping, a list of nodes holds: PQ_ELIMIT */
} pq_match_options;

/* Parse and check. `text` is borrowed. PQ_EINVALID, PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_match_new(pq_cx *cx, pq_slice text, const pq_match_options *o, pq_match **out) PQ_MUST_CHECK;
/* Takes NULL. */
void pq_match_free(pq_match *m);

/* The graph to look at; borrowed. Once. */
int pq_match_begin(pq_match *m, const pq_graph *g) PQ_MUST_CHECK;

typedef enum pq_match_ask_kind {
  PQ_MATCH_TIME,  /* call again: look at the clock before */
  PQ_MATCH_LABEL, /* which entities have `label` as $type or are of a collection of that name?
                     Answers: pq_match_label_all, pq_match_label_entity */
  PQ_MATCH_SCAN, /* which live entities have labels (of each group one) and match `filter`? Answers:
                    pq_match_scanned */
  PQ_MATCH_NODES, /* the entities `ids`, sorted. Answers: pq_match_entity for those that live */
  PQ_MATCH_EDGES, /* the edges `numbers`. Answers: pq_match_edge */
  PQ_MATCH_ITEM,  /* `item` is a result; valid until the next step */
  PQ_MATCH_END
} pq_match_ask_kind;

typedef struct pq_match_labels {
  const pq_slice *names;
  uint32_t count;
} pq_match_labels;

/* Borrowed until the next step. */
typedef struct pq_match_ask {
  pq_match_ask_kind kind;
  pq_slice label;
  const pq_match_labels *labels;
  uint32_t label_count;
  pq_value filter; /* missing: all */
  const pq_slice *ids;
  const uint32_t *numbers;
  uint32_t count; /* of ids or numbers */
  pq_value item;
} pq_match_ask;

int pq_match_step(pq_match *m, const pq_match_ask **out) PQ_MUST_CHECK;

/* The top-level names of entities that are looked at, besides $id and $type; *is_all: documents are
 * shown whole. */
const pq_slice *pq_match_fields(const pq_match *m, uint32_t *count, bool *is_all);

/* ---- answers; everything is copied ---- */
/* All entities of a collection have the label. */
int pq_match_label_all(pq_match *m, pq_slice collection) PQ_MUST_CHECK;
int pq_match_label_entity(pq_match *m, pq_slice id) PQ_MUST_CHECK;
/* `entity`: merged, as `get` shows it, with the fields that are looked at. */
int pq_match_scanned(pq_match *m, pq_slice id, pq_value entity) PQ_MUST_CHECK;
/* Of ids[i]. */
int pq_match_entity(pq_match *m, uint32_t i, pq_value entity) PQ_MUST_CHECK;
/* Of numbers[i], as `related` with `edges` shows it. */
int pq_match_edge(pq_match *m, uint32_t i, pq_value edge) PQ_MUST_CHECK;

/* ---- telling ---- */
/* What it may ask for, before anybody knows the graph: labels, then scans, each at most once; the
 * first `sure_count` of them are asked for certain. */
typedef struct pq_match_reads {
  const pq_match_ask *asks; /* LABEL and SCAN; live as long as the query */
  uint32_t ask_count, sure_count;
  bool has_nodes, has_edges; /* documents of nodes that no scan brought; of edges: each once */
  uint64_t id_count;         /* entities that the query names; UINT64_MAX: its rows do */
} pq_match_reads;
int pq_match_reads_of(pq_match *m, pq_match_reads *out) PQ_MUST_CHECK;

/* Instead of a run: plan by the graph (pq_match_begin came before), or without one by numbers of
 * nodes and edges. First of each label (the `asks` of pq_match_reads_of) a collection that has it,
 * and how many entities that is. */
int pq_match_guess_label(pq_match *m, uint32_t label, pq_slice collection,
                         uint64_t count) PQ_MUST_CHECK;
int pq_match_guess(pq_match *m, uint64_t nodes, uint64_t edges) PQ_MUST_CHECK;

/* The plan as a tree, with estimates and, when it has run, rows: an array, the next value of `b`:
 *   [{"operator": text, "estimate": n, "rows": n, "inner": [ … ]} …]      in the order they run */
int pq_match_explain(const pq_match *m, pq_builder *b) PQ_MUST_CHECK;

#endif
