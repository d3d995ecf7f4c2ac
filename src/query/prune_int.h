/* query/prune_int.h - which terms of a filter a file's columns can answer, what they exclude. */
#ifndef PQ_QUERY_PRUNE_INT_H
#define PQ_QUERY_PRUNE_INT_H

#include "query/scan.h"

/* One conjunct that a column of the file can judge. */
typedef struct pq_column_term {
  const pq_conjunct *conjunct;
  uint32_t leaf;
  pq_index_type type;
  bool is_exact; /* the column answers alone: null there means missing */
} pq_column_term;

typedef struct pq_prune {
  pq_column_term *terms;
  uint32_t term_count;
  bool is_decisive; /* the terms are the whole filter and all exact: no document is needed */
} pq_prune;

/* Match the filter's conjuncts with the file's columns. */
int pq_prune_plan(pq_arena *scratch, const pq_scan *s, const pq_file *file,
                  pq_prune *out) PQ_MUST_CHECK;

/* Could any value between the PLAIN bounds satisfy the term? */
int pq_prune_bounds(pq_arena *scratch, const pq_column_term *t, pq_slice min, pq_slice max,
                    bool *may) PQ_MUST_CHECK;

/* Could row `row` of the decoded column satisfy the term? */
int pq_prune_row(pq_arena *scratch, const pq_column_term *t, const pq_column *column, uint32_t row,
                 bool *may) PQ_MUST_CHECK;

/* May the row group hold the term's value, by its bloom filter? True unless it is an equality on
 * text. PQ_NEED_IO. */
int pq_prune_bloom(pq_fetch *f, const pq_file *file, uint32_t row_group, const pq_column_term *t,
                   bool *may) PQ_MUST_CHECK;

#endif
