/* rel/edge_int.h - the columns of an edge file by number, shared by its writer and its reader. */
#ifndef PQ_REL_EDGE_INT_H
#define PQ_REL_EDGE_INT_H

#include "rel/edge.h"

/* Leaves in order; the specs are the same but for `data`, which is one spec and two leaves. */
enum {
  PQ_EDGE_FROM_NS,
  PQ_EDGE_FROM_ID,
  PQ_EDGE_FROM_NAME,
  PQ_EDGE_FROM_TYPE,
  PQ_EDGE_PREDICATE,
  PQ_EDGE_REVERSE,
  PQ_EDGE_TO_NS,
  PQ_EDGE_TO_ID,
  PQ_EDGE_TO_NAME,
  PQ_EDGE_TO_TYPE,
  PQ_EDGE_CREATED_AT,
  PQ_EDGE_CREATED_BY,
  PQ_EDGE_VERSION,
  PQ_EDGE_MATCH_MODE,
  PQ_EDGE_CONFIDENCE,
  PQ_EDGE_DATA_META,
  PQ_EDGE_DATA_VALUE,
  PQ_EDGE_LEAVES,
  PQ_EDGE_SPECS = PQ_EDGE_LEAVES - 1
};

/* Key-value entry of a forward file: the filter of this column knows its edges (pq_edge_hash). */
#define PQ_EDGE_FILTER_KEY "parquedb.edgeFilter"
#define PQ_EDGE_FILTER_COLUMN "predicate"

/* What that filter holds of an edge: the hash of from_id, 0, predicate, 0, to_id. `b` is for its
 * use. */
int pq_edge_hash(pq_buf *b, const pq_edge *e, uint64_t *out) PQ_MUST_CHECK;

#endif
