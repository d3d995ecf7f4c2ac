/* query/scan.h - all entities of a collection that match, as of a view.
 *
 *   files ─footers─► row groups ─statistics─► ─blooms─► ─page index─► rows left
 *     ─filter columns─► rows that columns could not refuse ─► documents ─► exact filter ─► sink
 *   then:  the overlay's newest versions
 *
 * One call of pq_scan_next() handles a window, several row groups of one file or more, and is a
 * stage: nothing changes until every byte it needs is resident; then the sink gets the matching
 * entities. Each arrow of the picture is one round of requests for the whole window. Windows grow,
 * so that a scan that is soon told enough has not read far ahead.
 *
 * Every row has a verdict (query/prune_int.h): NO is left out, YES is a result without looking at
 * its document, MAYBE is judged by the whole filter on the document. So a count whose filter the
 * columns decide reads no document, and one that statistics decide reads no data page.
 *
 * With `windows` a call hands out a slice of a window, about a megabyte of documents, and the
 * window's stored bytes stay with the scan for the next ones (query/scan_slice.c):
 *
 *   |window, as stored ......................|     held; dropped when others need the memory or
 *    └slice┘ └slice┘                               nobody asks for more, and then read once more
 *             ▲ (file, row_group, row)
 *
 * A filter that fixes `$id`, or `_id` in keyed files, is no walk: its entities are looked up by
 * their ids (query/scan_point.c).
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
  uint64_t row_groups_by_index, row_groups_by_deletes;
  uint64_t row_groups_decided;   /* statistics say that every row matches */
  uint64_t pages, pages_skipped; /* of the columns that select */
  uint64_t columns_read;         /* chunks of columns that select, sort or are grouped */
  uint64_t rows_by_column;       /* rows refused by columns alone */
  uint64_t rows_by_order;        /* rows that a sort with a limit cannot need */
  uint64_t rows_grouped;         /* rows that $group took from columns */
  uint64_t rows_read;            /* documents looked at, files */
  uint64_t overlay_rows;         /* entities looked at, overlay */
  uint64_t rows_matched;
  uint64_t columns_used; /* terms answered by a column, first file */
  bool is_metadata_only; /* no data page was read */
  bool is_point;         /* entities were looked up by their ids */
} pq_scan_stats;

/* Takes one matching entity; it borrows from the stage. PQ_OK, PQ_YIELD (= enough, stop the scan)
 * or a failure. For a counting scan the entity is NULL and `count` rows match at once. */
typedef int (*pq_scan_sink)(void *ud, const pq_entity *entity, uint64_t count);

/* A sort of which only the first results matter. The scan may leave out rows that at least `keep`
 * others sort before; equal ones stay, for the keys behind the first. */
typedef struct pq_scan_order {
  pq_slice path; /* of the first key; empty: there is no order */
  bool is_descending;
  uint64_t keep;  /* 0: all */
  uint64_t bound; /* rows with a key above it are not needed; see query/scan_order.c */
  bool has_bound;
  int type; /* of the columns whose keys the bound is one of; see query/scan_order.c */
} pq_scan_order;

enum { PQ_SCAN_WINDOW_MAX = 64 };

struct pq_grouping;  /* query/scan_group.h */
struct pq_scan_held; /* query/scan_slice.c */

/* The windows that scans hold between their calls. Zeroed: none, and the default lengths. */
typedef struct pq_scan_windows {
  struct pq_scan_held *newest, *oldest; /* by their last use; they are the scans' */
  /* Stored bytes that a window may have, and bytes of a slice, if that is less than the default; 0:
   * it is not. */
  uint64_t window_len, slice_len;
  int64_t now_us; /* who steps scans sets it, for pq_scan_windows_rest() */
} pq_scan_windows;

typedef struct pq_scan {
  const pq_view *view; /* borrowed */
  pq_slice collection;
  const pq_filter *filter;        /* borrowed */
  const pq_collection_info *info; /* its index columns; NULL: none */
  const pq_eval *eval; /* borrowed: variables, collation, $$NOW for the filter; NULL: none */
  bool includes_deleted;
  bool is_plain;    /* the filter sees documents only, no system fields */
  bool shows_key;   /* besides is_plain: documents without `_id` have one (query/shown.h), for the
                       filter; the sink gets entities as they are and shows them itself */
  bool is_count;    /* the sink needs numbers only */
  bool is_of_files; /* rows of files alone, those that the overlay hides left out as ever */
  /* The top-level names that the sink looks at, system fields included; NULL: all. */
  const pq_slice *needs;
  uint32_t need_count;
  pq_scan_order order;
  struct pq_grouping *fold; /* borrowed: groups are made here; NULL: none */
  uint32_t window; /* row groups of the next window; PQ_SCAN_WINDOW_MAX if all will be read */
  bool is_paced;   /* a step was over before its window was: not all will be read in this one */
  /* Borrowed: slices, of a scan without an order that makes no groups, and then pq_scan_release()
   * is called before the scan is over. NULL: whole windows. */
  pq_scan_windows *windows;
  struct pq_scan_held *held; /* owned; NULL: none */
  uint64_t slice_len;        /* of the next slice; they grow */
  /* Where the entity that the sink gets is, for writes; zeroed when it is in the overlay. */
  pq_location at;
  bool is_done;
  bool is_enough; /* the sink said so */
  uint32_t file;  /* index into the manifest's files */
  uint32_t row_group, row;
  uint32_t told_file, told_row_group; /* row groups before that are in `stats` */
  pq_scan_stats stats;
} pq_scan;

void pq_scan_init(pq_scan *s, const pq_view *view, pq_slice collection, const pq_filter *filter);

/* Handle the next window, or the overlay, which is last; s->is_done tells the end. `builder` is
 * used for system fields when the filter names them. */
int pq_scan_next(pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink,
                 void *ud) PQ_MUST_CHECK;

/* Free what the scan holds. Safe on a zeroed scan; one that is done holds nothing. */
void pq_scan_release(pq_scan *s);

/* ---- between the steps of operations only ---- */

/* Free the window that was used the longest time ago; false: there is none. Its scan reads it once
 * more. */
bool pq_scan_windows_drop(pq_scan_windows *w);
/* Free those that were not used since; are there others? */
bool pq_scan_windows_rest(pq_scan_windows *w, int64_t since_us);

#endif
