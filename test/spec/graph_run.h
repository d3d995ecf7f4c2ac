/* test/spec/graph_run.h - what the two halves of the graph's property test share. */
#ifndef PQ_TEST_GRAPH_RUN_H
#define PQ_TEST_GRAPH_RUN_H

#include "naive/naive_graph.h"
#include "property.h"

typedef struct graph_run {
  property p;
  uint32_t edges_at_once, hub;  /* hub: per cent of edges at one node */
  bool is_small, has_estimates; /* has_estimates: no edge weighs less than 1 */
  bool has_schema;              /* edges p of dogs lead to one cat */
  int64_t schema_ts;            /* the time of the first event, which says so */
  uint64_t txn;                 /* 0: none is open */
  uint64_t txn_seq;             /* what it began above */
  int64_t commit_ts;            /* of the commit before it */
  uint64_t asked, refused;
} graph_run;

/* One random question, compared. */
void graph_ask(graph_run *g);
/* The items that a question about the graph as it is now has, a line each: the caller's. */
void graph_answer_now(graph_run *g, const naive_query *q, naive_answer *out);

/* ---- graph_property.c: the model's side of a write ---- */

/* The time of what is written next: in a transaction it is that of its beginning. */
void graph_begin_commit(graph_run *g);
/* End the text of the command, and run it. */
void graph_end_write(graph_run *g);
/* An id that is live, if luck wants it: the caller's. */
char *graph_live_id(graph_run *g);
void graph_add_version(graph_run *g, model_key *k, const pq_entity *e, pq_event_op op,
                       pq_value after);
/* Is it one of the edges that a schema has rules for; may it lead there; how many others are there?
 */
bool graph_is_ruled(const graph_run *g, const char *from, const char *predicate);
bool graph_may_lead(const char *to);
uint32_t graph_others(const graph_run *g, const char *from, const char *predicate, const char *to);
/* End all others, in the order of the model's keys. */
void graph_make_way(graph_run *g, const char *from, const char *predicate, const char *to,
                    int64_t *changed);
/* End an edge, if it is there: one more of *changed, the first begins a commit. */
void graph_unlink(graph_run *g, model_key *k, int64_t *changed);

/* ---- graph_write.c: writes that touch entities and edges ---- */

/* A delete, soft or hard, with one of the policies for edges that lead there. */
void graph_delete(graph_run *g);
/* An update with $set, $link and $unlink. */
void graph_update_links(graph_run *g);
/* A command of the whole graph that writes its values into the entities. */
void graph_write_as(graph_run *g);

#endif
