/* rel/edge.h - relationships: both directions, one read path.
 *
 *   posts/p1 ─author→ users/u7           rels/forward: sorted by (from_id, predicate, to_id)
 *   users/u7 ←posts── posts/p1           rels/reverse: sorted by (to_id, reverse, from_id)
 *
 * An edge is (from, predicate, to); both files hold the same columns and every edge stands in both.
 * An edge to another namespace has a foreign id at its to end, in both files, and is like any
 * other. The question "which edges leave (or enter) these nodes" is answered from the page index of
 * the sorted column, minus what delete files and the overlay hide, plus the overlay's own.
 */
#ifndef PQ_REL_EDGE_H
#define PQ_REL_EDGE_H

#include "table/view.h"

typedef struct pq_edge {
  pq_slice from_id, predicate, reverse, to_id;     /* to_id may be a foreign id (log/event.h) */
  pq_slice from_name, from_type, to_name, to_type; /* hints for outside readers, when writing */
  int64_t created_at;
  pq_slice created_by;
  uint64_t version;
  pq_value data;            /* missing: none */
  const pq_file_info *info; /* the file it was read from, NULL: the overlay */
  uint64_t row;             /* its row there */
  uint64_t seq;             /* of its event, overlay only */
} pq_edge;

/* What the data of an edge may have beside the caller's fields: how the edge came about, "exact" or
 * "fuzzy", and how alike text and target were, 0 to 1. */
#define PQ_EDGE_MODE_NAME "$matchMode"
#define PQ_EDGE_CONFIDENCE_NAME "$confidence"
/* Empty: not said. */
pq_slice pq_edge_mode(const pq_edge *e);
bool pq_edge_confidence(const pq_edge *e, double *out);

typedef struct pq_edge_query {
  const pq_slice *nodes; /* sorted, distinct: from ends, or to ends when is_reverse */
  uint32_t node_count;
  pq_slice predicate;         /* empty: any */
  const pq_slice *predicates; /* one of these, if there are any */
  uint32_t predicate_count;
  pq_slice reverse; /* what the edge is called from its other end; empty: any */
  bool is_reverse;
  bool is_files_only; /* ignore the overlay completely */
  bool needs_data;    /* data, createdAt, createdBy, version too */
  /* Who asks for few of many: those that it does not take use no memory. NULL: all. */
  bool (*takes)(const void *ud, const pq_edge *e);
  const void *ud;
  /* pq_edges_read_part only */
  pq_slice far_min, far_max; /* far ends between them, both included; empty: no bound */
  uint64_t enough;           /* rows after which a part may end; 0: it does not */
  bool is_data_late;         /* no data unless the part is all, and few */
  bool is_one; /* the edge from nodes[0] to far_min of `predicate`, forward: filters know it */
} pq_edge_query;

/* The live edges, sorted by (node, predicate, far end), in `scratch`, the fetch set and the
 * overlay. A stage's call; at most 5 rounds cold, 2 warm (bloom filters up to 256 KiB, which stay).
 * Edges of deleted entities are not hidden here. */
int pq_edges_read(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                  pq_edge **out, uint32_t *count) PQ_MUST_CHECK;

/* Edges of one node, those with the least far ends, so that a page of a node with very many reads
 * what it shows: far end by far end, of all predicates together.
 *
 *   pages of the far end, by their least one    a..f  b..k  g..p  l..z
 *                                               read, read, read │ far_end = l: before it there
 *                                                                  are no others
 */
typedef struct pq_edge_part {
  pq_edge *edges; /* as of pq_edges_read */
  uint32_t count;
  pq_slice far_end; /* all edges before this far end, and no others; p NULL: all. Borrowed from the
                       cache of files until the stage ends */
  bool has_data;
} pq_edge_part;

/* Rows that are always read together; and what callers ask for at least, and at
 * most. */
enum { PQ_EDGES_WHOLE = 4096, PQ_EDGES_AT_LEAST = 256, PQ_EDGES_AT_ONCE = 16384 };

/* A stage's call, as pq_edges_read. A part may be without edges: go on at its far_end. */
int pq_edges_read_part(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                       pq_edge_part *out) PQ_MUST_CHECK;

/* Data, createdAt, createdBy and version of edges that were read without. A stage's call. */
int pq_edges_fill(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_edge *edges,
                  uint32_t count) PQ_MUST_CHECK;

/* The same as a plan (io/fetch.h): it makes the requests for metadata and notes those for pages,
 * which are all that reading makes. *rows_max: of the rows read there, and of the overlay's edges.
 */
int pq_edges_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                  uint64_t *rows_max) PQ_MUST_CHECK;

/* Of the first part; *is_whole: it is all, and few. *rows_max is of all. */
int pq_edges_part_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                       uint64_t *rows_max, bool *is_whole) PQ_MUST_CHECK;

/* All edges of one row group, in file order, with the names and types of their ends. Borrows from
 * the fetch set and `arena`. A stage's call. */
int pq_edge_rows_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                      pq_edge **out, uint32_t *count) PQ_MUST_CHECK;

/* The same of `count` rows from `first` on. */
int pq_edge_rows_read_part(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                           uint32_t first, uint32_t count, pq_edge **out) PQ_MUST_CHECK;

/* (from, predicate, to) order; with is_reverse (to, reverse, from, predicate). */
int pq_edge_compare(const pq_edge *a, const pq_edge *b, bool is_reverse);

/* Write the edges, in any order, as a finished file of one direction, sorted. */
int pq_edge_file_write(pq_cx *cx, pq_slice ns, pq_edge *edges, uint32_t count, bool is_reverse,
                       pq_writer **out) PQ_MUST_CHECK;

/* ---- the same in steps, as pq_entity_stream (shred/entity.h) ---- */
typedef struct pq_edge_stream pq_edge_stream;
int pq_edge_stream_new(pq_cx *cx, pq_slice ns, bool is_reverse, pq_edge_stream **out) PQ_MUST_CHECK;
void pq_edge_stream_free(pq_edge_stream *s);
/* The next edge in the order of the direction; copied. */
int pq_edge_stream_put(pq_edge_stream *s, const pq_edge *e) PQ_MUST_CHECK;
void pq_edge_stream_end(pq_edge_stream *s);
bool pq_edge_stream_is_full(const pq_edge_stream *s);
int pq_edge_stream_step(pq_edge_stream *s, uint64_t *len_left) PQ_MUST_CHECK;
uint64_t pq_edge_stream_len(const pq_edge_stream *s);
/* The leaf of the end that the files of a direction are sorted by. */
uint32_t pq_edge_id_leaf(bool is_reverse);

/* Of the file, between two row groups: to give away what has been made. */
pq_writer *pq_edge_stream_writer(pq_edge_stream *s);
uint64_t pq_edge_stream_rows(const pq_edge_stream *s, pq_slice *id_min, pq_slice *id_max);
/* Does an edge of the file lead to another namespace? */
bool pq_edge_stream_has_foreign(const pq_edge_stream *s);
int pq_edge_stream_finish(pq_edge_stream *s, pq_writer **out) PQ_MUST_CHECK;

/* The edge after an event; false when it is gone. */
bool pq_event_edge(const pq_event *e, pq_edge *out);

#endif
