/* rel/edges_read_int.h - what reading edges and reading a part of them share. */
#ifndef PQ_REL_EDGES_READ_INT_H
#define PQ_REL_EDGES_READ_INT_H

#include "rel/edge_int.h"

/* Rows of a row group that may hold edges. */
typedef struct pq_edge_task {
  const pq_file_info *info;
  pq_cached_file *file;
  uint32_t row_group;
  uint32_t lo, hi; /* nodes that may be in it */
  pq_row_range *ranges;
  uint32_t range_count;
  bool is_near; /* all of these rows are the one node's: its column is not read */
  struct pq_edge_task *next;
} pq_edge_task;

typedef struct pq_edge_reader {
  const pq_view *v;
  pq_fetch *f;
  pq_arena *scratch;
  pq_arena *columns; /* what a task decodes: `scratch`, or one that the next task empties */
  const pq_edge_query *q;
  bool is_part;
  bool needs_data;
  uint64_t edge_hash; /* with q->is_one: for filters of edges */
  pq_slice far_end;   /* of a part: only edges before it; p NULL: all */
  uint64_t part_rows; /* rows of all parts */
  pq_edge_task *tasks;
  bool is_missing;
  pq_edge *edges;
  uint32_t count, cap;
} pq_edge_reader;

static inline uint32_t pq_edges_far_leaf(const pq_edge_query *q) {
  return q->is_reverse ? PQ_EDGE_FROM_ID : PQ_EDGE_TO_ID;
}

/* A request that is missing is noted; the stage goes on to ask for more. */
static inline int pq_edges_note(pq_edge_reader *r, int rc) {
  if (rc != PQ_NEED_IO) return rc;
  r->is_missing = true;
  return PQ_OK;
}

/* ---- edges_part.c ---- */
/* r->edge_hash */
int pq_edges_set_hash(pq_edge_reader *r) PQ_MUST_CHECK;
/* Is there a filter of edges to ask? */
bool pq_edges_has_filter(const pq_edge_reader *r, const pq_edge_task *t);
/* May the row group hold the one edge? */
int pq_edges_ask_filter(pq_edge_reader *r, const pq_edge_task *t, bool *may) PQ_MUST_CHECK;
/* Ask for the page indexes that choosing needs: what is missing is noted. */
int pq_edges_part_indexes(pq_edge_reader *r, const pq_edge_task *t) PQ_MUST_CHECK;
/* Do bounds say that all rows of the ranges are the one node's? */
bool pq_edges_are_near(const pq_edge_reader *r, const pq_edge_task *t, const pq_page_index *near);
/* Leave of all tasks' rows those to be read; *is_whole: all, as they are few. */
int pq_edges_part_choose(pq_edge_reader *r, bool *is_whole) PQ_MUST_CHECK;

#endif
