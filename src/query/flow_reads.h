/* query/flow_reads.h - what a pipeline will ask of the store, told before it runs.
 *
 *   $match ─► $lookup ─► $sort ─► $limit ─► $lookup      documents:  [0, 300] … [0, 10]
 *      │         │                            │
 *    scan     look-ups by values            the same     reads: which, how often at most, and
 *                                                        whether that is certain
 *
 * A read is certain when no value of a document decides whether, how often and how far it happens.
 * Documents are counted from stage to stage as a range; what a stage does to it stands in a table,
 * and the stages that read other collections say so themselves (pq_reads_…, flow_int.h).
 */
#ifndef PQ_QUERY_FLOW_READS_H
#define PQ_QUERY_FLOW_READS_H

#include "query/flow.h"
#include "query/scan_group.h"

/* Documents that come to a stage. UINT64_MAX: nobody knows. */
typedef struct pq_doc_range {
  uint64_t min, max;
  uint64_t batches; /* in which they come, at most */
  uint64_t len;     /* bytes of all of them, at most */
} pq_doc_range;

typedef struct pq_flow_read {
  const char *stage; /* "$lookup"; NULL: what the pipeline begins with */
  pq_slice collection;
  bool is_join;   /* look-ups by values, not `scan` */
  bool is_by_id;  /* those are ids */
  bool is_by_key; /* or may be */
  pq_scan scan;
  pq_grouping *groups; /* of the scan's fold */
  uint64_t enough;     /* documents of which the pipeline has enough; 0: never */
  bool is_certain;
  const char *why;     /* it is not */
  uint64_t times;      /* it happens, at most; UINT64_MAX: nobody knows */
  uint64_t times_full; /* the same if the collection's documents may be more than the memory */
  uint64_t values;     /* of all look-ups */
} pq_flow_read;

typedef struct pq_flow_reads {
  pq_flow *f; /* of pq_view_open; all borrowed */
  const pq_view_store *store;
  pq_arena *arena; /* everything below lives there */
  pq_flow_read *items;
  uint32_t count, cap;
  /* where the walk is */
  const char *stage;
  uint64_t times;
  bool is_certain, may_end;
} pq_flow_reads;

/* The read that a pipeline begins with, into r->items; none for $documents. */
int pq_flow_reads_source(pq_flow_reads *r, pq_pipeline *p, pq_slice collection) PQ_MUST_CHECK;

/* All reads behind it. `docs`: what it gives. */
int pq_flow_reads_stages(pq_flow_reads *r, pq_pipeline *p, pq_doc_range docs) PQ_MUST_CHECK;

/* Documents that $documents gives. */
pq_doc_range pq_flow_reads_documents(const pq_pipeline *p);

/* ---- for the stages ---- */

/* A whole pipeline over a collection, run at most `times` times; *docs: what comes out of it. */
int pq_flow_reads_pipeline(pq_flow_reads *r, pq_pipeline *p, pq_slice collection, uint64_t times,
                           bool is_certain, pq_doc_range *docs) PQ_MUST_CHECK;
/* The same over documents that are there; *docs becomes what comes out. */
int pq_flow_reads_over(pq_flow_reads *r, pq_pipeline *p, uint64_t times,
                       pq_doc_range *docs) PQ_MUST_CHECK;
/* Another read; its `times` are multiplied by those of the walk. */
int pq_flow_reads_add(pq_flow_reads *r, const pq_flow_read *read) PQ_MUST_CHECK;
/* Rows of a collection, those of the tail included, at most. */
uint64_t pq_flow_reads_rows(const pq_flow_reads *r, pq_slice collection);

#endif
