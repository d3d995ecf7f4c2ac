/* rel/adjacency_int.h - inside of who makes adjacency: edges by text, and by numbers of texts. */
#ifndef PQ_REL_ADJACENCY_INT_H
#define PQ_REL_ADJACENCY_INT_H

#include "base/hash.h"
#include "rel/adjacency.h"

typedef struct adjacency_text {
  pq_slice text;   /* in `arena` */
  uint32_t number; /* place among all, at the end */
  bool is_from;    /* edges leave it */
  bool is_doubted;
} adjacency_text;

/* Texts, each once, in the order in which they appeared. */
typedef struct adjacency_texts {
  pq_arena arena;
  pq_table table;
  adjacency_text *items; /* owned */
  uint32_t count, cap;
} adjacency_texts;

typedef struct adjacency_from {
  uint32_t node, first_run;
} adjacency_from;

struct pq_adjacency_maker {
  pq_cx *cx;
  const char *key; /* borrowed: the file, for messages; NULL: edges in memory */
  adjacency_texts nodes, predicates;
  adjacency_from *froms; /* owned; in order */
  pq_adjacency_run *runs;
  uint32_t *to; /* nodes as they appeared */
  uint32_t from_count, from_cap, run_count, run_cap, edge_count, edge_cap;
  bool has_doubts, has_data;
};

/* The number of a text among those that appeared, good until the end. */
int pq_adjacency_maker_predicate(pq_adjacency_maker *m, pq_slice text, uint32_t *out) PQ_MUST_CHECK;
int pq_adjacency_maker_node(pq_adjacency_maker *m, pq_slice text, uint32_t *out) PQ_MUST_CHECK;
/* An edge of such numbers. */
int pq_adjacency_maker_put_numbers(pq_adjacency_maker *m, pq_slice from, uint32_t predicate,
                                   uint32_t to) PQ_MUST_CHECK;
/* The end that the last edge leaves, another one: it is not known that it is an entity. */
void pq_adjacency_maker_doubt_from(pq_adjacency_maker *m);
void pq_adjacency_maker_doubt(pq_adjacency_maker *m, uint32_t node);

/* ---- the columns of a segment (adjacency_file.c, adjacency_read.c) ---- */

#define PQ_SEGMENT_KIND "adjacency 1"
#define PQ_SEGMENT_NOTE "parquedb.adjacency"

typedef enum pq_segment_leaf {
  PQ_SEGMENT_ID,
  PQ_SEGMENT_EDGES,
  PQ_SEGMENT_DOUBT,
  PQ_SEGMENT_LEAVES
} pq_segment_leaf;

enum { PQ_SEGMENT_PREDICATES_MAX = 10000 /* they stand in the footer */ };

#endif
