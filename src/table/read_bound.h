/* table/read_bound.h - what reading entities or edges may take at most, when nobody knows yet
 * which.
 *
 *   a plan ─► documents decide which ids are looked up next: how much can that be?
 *
 *   footers of the files that may be read ─► of each row group: bloom filters, page indexes, pages
 *      all      every part of every row group once
 *      one      one id: looked for in all row groups, read from the dearest
 *
 * Only footers are read, which every read of the file needs. The number of a chunk's pages is not
 * in them, but the length of its offset index is: a page has at least 7 bytes there.
 */
#ifndef PQ_TABLE_READ_BOUND_H
#define PQ_TABLE_READ_BOUND_H

#include "table/view.h"

typedef struct pq_bound {
  uint64_t requests, bytes; /* UINT64_MAX: no bound */
} pq_bound;

typedef struct pq_read_bound {
  pq_bound all, one;
  pq_bound turn; /* what may be read once more where one turn ends and the next begins */
  uint64_t dead; /* DATA: rows that may be deleted softly */
  uint64_t rows, row_groups;
  uint64_t rounds;     /* of reading row group after row group */
  uint64_t decoded;    /* bytes of all documents; UINT64_MAX: not told by the footers */
  uint32_t file_count; /* that were opened */
} pq_read_bound;

typedef struct pq_bound_query {
  pq_file_kind kind;   /* DATA, FORWARD, REVERSE */
  pq_slice collection; /* DATA: of one; empty: of all */
  unsigned want;       /* DATA: PQ_WANT_… columns; edges: 1 with their data */
  bool is_scan;        /* DATA: every column, as a filter may look at any; else rows by their ids */
  uint64_t gap; /* edges: rows are read one by one, those so far apart by requests of their own;
                   0: no */
} pq_bound_query;

/* Open the files that the query is about and add them up. A stage's call: PQ_NEED_IO. */
int pq_view_read_bound(const pq_view *v, pq_fetch *f, const pq_bound_query *q,
                       pq_read_bound *out) PQ_MUST_CHECK;

/* `ids` of them at most, asked for in `turns`, each of which begins anew. */
pq_bound pq_bound_of_ids(const pq_read_bound *b, uint64_t ids, uint64_t turns);

/* The same where ids rise from turn to turn. */
pq_bound pq_bound_of_ids_in_order(const pq_read_bound *b, uint64_t ids, uint64_t turns);

/* Sums and products of counts, UINT64_MAX when they are too large. */
uint64_t pq_count_add(uint64_t a, uint64_t b);
uint64_t pq_count_mul(uint64_t a, uint64_t b);

#endif
