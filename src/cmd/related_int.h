/* cmd/related_int.h - what related_command.c and related_far.c share.
 */
#ifndef PQ_CMD_RELATED_INT_H
#define PQ_CMD_RELATED_INT_H

#include "cmd/far.h"
#include "cmd/own_options.h"

typedef struct pq_related_edge {
  pq_edge edge;
  uint32_t node;
  bool is_in; /* it enters the target */
} pq_related_edge;

struct pq_related {
  pq_names predicates;
  bool is_out, is_in;
  pq_value edge_choice;   /* edgeFilter, minConfidence and mode as a filter; missing: none */
  pq_filter *edge_filter; /* NULL: none */
  /* the part that is looked at */
  pq_arena part;          /* owned */
  pq_related_edge *edges; /* by far end, direction, predicate */
  uint32_t edge_count;
  bool has_data;
  pq_slice *nodes; /* their far ends */
  uint32_t *first; /* [node_count + 1]: edges of each */
  uint32_t node_count, node;
  /* the next one */
  pq_slice far_min; /* in c->op.arena */
  bool is_last;     /* there is none, */
  bool is_only;     /* and none was before */
  uint64_t enough;
  bool is_counting; /* for the total */
  /* edges among the results, in their order unless there is a sort */
  pq_arena shown; /* owned */
  pq_related_edge *kept;
  pq_slice *places;
  uint32_t kept_count, kept_cap;
  /* beyond the namespace: related_far.c */
  pq_arena beyond;   /* owned: of the whole command */
  pq_slice *origins; /* namespaces from which edges enter the target */
  uint32_t origin_count, origin;
  pq_edge *entering; /* those edges, by far end */
  uint32_t entering_count;
  pq_far far;            /* what is being asked there */
  pq_entity *far_ends;   /* by node of the part: of those beyond. NULL: there are none */
  uint32_t far_to;       /* those before this one were looked up, */
  uint32_t far_group;    /* those before this one are, in one namespace, */
  uint32_t far_end;      /* and in the end those before this one */
  pq_slice called_there; /* the target, as a foreign id */
  pq_stage_fn after_far; /* what goes on then */
  uint64_t unreachable;  /* far ends, and namespaces of entering edges, that are left out */
};

/* How many nodes are read next. */
uint32_t pq_related_next_count(const pq_command *c, bool is_counting);
/* Have nodes in other namespaces been looked up, as far as the next read of nodes goes? */
bool pq_related_far_is_known(const pq_command *c);
/* Look them up in stages, with these columns, then go on with `after`. */
int pq_related_far_begin(pq_command *c, unsigned want, pq_stage_fn after) PQ_MUST_CHECK;
/* Find the edges that enter the target from other namespaces in stages, then go on. */
void pq_related_entering_begin(pq_command *c, pq_stage_fn after);

#endif
