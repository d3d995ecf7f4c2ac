/* query/prune_int.h - the plan of a filter for one file: which columns can judge which terms, and
 * what statistics, blooms, page bounds and decoded columns say to the tree.
 *
 *        AND            verdicts, for a row group, a page or a row alike:
 *       ╱   ╲             NO      no row can match         ─► left out
 *   TERM     OR           MAYBE   nobody knows             ─► asked again with better evidence
 *   a > 3   ╱  ╲          YES     every row matches        ─► no document has to be judged
 *       TERM    OPAQUE
 *       b = 1   MAYBE    AND is &, OR is |, NOT swaps NO and YES
 */
#ifndef PQ_QUERY_PRUNE_INT_H
#define PQ_QUERY_PRUNE_INT_H

#include "query/column_test.h"
#include "query/scan.h"

typedef struct pq_plan_node pq_plan_node;
struct pq_plan_node {
  pq_push_kind kind; /* a TERM without a column is OPAQUE here */
  pq_plan_node *kids;
  uint32_t kid_count;
  uint32_t term; /* TERM: index */
};

typedef struct pq_plan_term {
  const pq_push *push;
  pq_path_column column;
  pq_column_test test;
  uint32_t slot; /* of the column among the plan's */
} pq_plan_term;

typedef struct pq_prune {
  const pq_file *file;
  pq_file_cache *files;   /* keeps its bloom filters */
  const pq_upgrade *form; /* what its documents go through before they are judged; NULL: nothing */
  bool has_other_names;   /* than the view: its column `name` answers nothing */
  pq_slice unpushed;      /* the first path that columns cannot answer for because of that */
  pq_plan_node root;
  pq_plan_term *terms;
  uint32_t term_count, term_cap;
  uint32_t *leaves; /* by slot: the columns that the terms need, each once */
  pq_index_type *stored;
  uint32_t leaf_count;
  /* of the scan, for this file */
  uint32_t fold_count;
  pq_path_column *fold; /* by path of the fold; NULL: it cannot be answered by columns */
  pq_path_column order; /* is_exact false: there is none */
} pq_prune;

/* Find the column of the plan's file that holds what documents have at a path (its text), or had at
 * the path that it was moved from. */
int pq_path_column_find(pq_arena *scratch, const pq_scan *s, pq_prune *p, pq_slice path,
                        pq_path_column *out, bool *is_found) PQ_MUST_CHECK;

/* The column $id. */
bool pq_path_column_of_id(const pq_file *file, pq_path_column *out);

/* Put a term on the ids that its values give in the place of one on _id, if the file can be asked
 * for those: *is_key. A row that has such an id is MAYBE. */
int pq_prune_key_term(pq_arena *scratch, const pq_scan *s, const pq_file *file,
                      const pq_push **push, bool *is_key) PQ_MUST_CHECK;

/* Plan the filter's tree for a file; out->file and out->form are set. */
int pq_prune_plan(pq_arena *scratch, const pq_scan *s, const pq_push *filter,
                  pq_prune *out) PQ_MUST_CHECK;

/* The verdict of statistics for a row group. `is_absent` (NULL: unknown), by term: a bloom filter
 * says that no value of the column satisfies it. */
int pq_prune_row_group(pq_arena *scratch, const pq_prune *p, uint32_t row_group,
                       const bool *is_absent, uint8_t *verdict) PQ_MUST_CHECK;

/* Ask the bloom filters of a row group: is_absent[term]. PQ_NEED_IO. */
int pq_prune_blooms(pq_fetch *f, pq_arena *scratch, const pq_prune *p, uint32_t row_group,
                    bool *is_absent) PQ_MUST_CHECK;

/* Verdicts for `count` rows by the tree, given those of its terms: term_rows[term][row]; NULL for
 * all rows MAYBE. Writes over them. */
int pq_prune_rows(pq_arena *scratch, const pq_prune *p, uint8_t *const *term_rows, uint32_t count,
                  uint8_t *out) PQ_MUST_CHECK;

/* Verdicts for the rows of a row group by the page index of one term's column; counts pages and
 * those that say NO. */
int pq_prune_pages(pq_arena *scratch, const pq_prune *p, uint32_t row_group, uint32_t term,
                   const pq_page_index *index, uint8_t *out, uint64_t *skipped) PQ_MUST_CHECK;

#endif
