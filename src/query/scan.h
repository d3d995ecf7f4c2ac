/* query/scan.h - all entities of a collection that match, as of a view.
 *
 *   for each file:  row groups ─► statistics and bloom ─► pages by page index
 *                   ─► filter columns ($id, $index_…) ─► rows left ─► documents ─► exact filter
 *   then:           the overlay's newest versions
 *
 * One call of pq_scan_next() handles one row group (or the whole overlay) and is a stage: nothing
 * changes until every byte it needs is resident; then the sink gets the matching entities.
 * Late materialisation: documents are read only for rows that the columns could not refuse.
 */
#ifndef PQ_QUERY_SCAN_H
#define PQ_QUERY_SCAN_H

#include "base/hash.h"
#include "expr/filter.h"
#include "io/op.h"
#include "table/view.h"

/* What a scan did, for explain. */
typedef struct pq_scan_stats {
  uint64_t files, files_read;
  uint64_t row_groups, row_groups_by_stats, row_groups_by_bloom; /* all; skipped by … */
  uint64_t pages, pages_skipped;                                 /* of the columns that select */
  uint64_t rows_by_column;                                       /* rows refused by columns alone */
  uint64_t rows_read;                                            /* documents looked at, files */
  uint64_t overlay_rows;                                         /* entities looked at, overlay */
  uint64_t rows_matched;
  uint64_t columns_used; /* conjuncts answered by a column, first file */
  bool is_metadata_only; /* no data page was read */
} pq_scan_stats;

/* Takes one matching entity; it borrows from the stage. PQ_OK, PQ_YIELD (= enough, stop the scan)
 * or a failure. For a counting scan the entity is NULL and `count` rows match at once. */
typedef int (*pq_scan_sink)(void *ud, const pq_entity *entity, uint64_t count);

typedef struct pq_scan {
  const pq_view *view; /* borrowed */
  pq_slice collection;
  const pq_filter *filter;        /* borrowed */
  const pq_collection_info *info; /* its index columns; NULL: none */
  bool includes_deleted;
  bool is_count; /* the sink needs numbers only */
  bool is_done;
  bool is_enough; /* the sink said so */
  uint32_t file;  /* index into the manifest's files */
  uint32_t row_group;
  pq_scan_stats stats;
} pq_scan;

void pq_scan_init(pq_scan *s, const pq_view *view, pq_slice collection, const pq_filter *filter);

/* Handle the next row group, or the overlay, which is last; s->is_done tells the end. `builder` is
 * used for system fields when the filter names them. */
int pq_scan_next(pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink,
                 void *ud) PQ_MUST_CHECK;

#endif
