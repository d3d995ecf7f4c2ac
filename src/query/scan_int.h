/* query/scan_int.h - the window of a scan: row groups that are looked at together, all of it in
 * stage memory.
 *
 *   unit:   file, row group, plan         rows[i]: the verdict of row i
 *           columns: those that select, that are sorted by, grouped by; $id, deleted
 */
#ifndef PQ_QUERY_SCAN_INT_H
#define PQ_QUERY_SCAN_INT_H

#include "query/prune_int.h"
#include "query/scan.h"

/* A column of a unit that is read, with the rows for which. */
typedef struct pq_unit_column {
  uint32_t leaf;
  pq_index_type stored; /* 0: seen as it is */
  bool is_wanted;
  pq_page_index index; /* page_count 0: read whole */
  pq_column column;    /* once decoded */
} pq_unit_column;

typedef struct pq_unit {
  const pq_file_info *info;
  pq_cached_file *file;
  const pq_prune *prune;
  uint32_t file_number; /* of `info` in the manifest, whose array may have moved between steps */
  uint32_t row_group, row_count;
  uint64_t first_row;
  uint8_t verdict;    /* of the row group */
  bool is_out;        /* nothing of it is left */
  bool has_documents; /* some are asked for */
  bool is_uncertain;  /* a plan: perhaps fewer than that */
  bool is_first;      /* of its file */
  bool *is_absent;    /* by term */
  uint8_t *rows;
  pq_unit_column *filter; /* by slot of the plan */
  pq_row_range *maybe;    /* rows that filter columns are read for */
  uint32_t maybe_count;
  pq_row_range *left; /* rows that the other columns are read for */
  uint32_t left_count;
  pq_unit_column id, deleted, order;
  pq_unit_column *fold;          /* by path of the fold */
  bool can_fold, is_statistical; /* statistical: its statistics are folded, no column is read */
  pq_path_column order_column;
  uint64_t *order_keys; /* of the rows that are left, where they are few; NULL: not kept */
  pq_row_range *documents;
  uint32_t document_count;
  pq_row_range slice; /* rows that are handed out; a window that is cut ends within its last unit */
  pq_scan_stats stats;
} pq_unit;

typedef struct pq_window {
  pq_scan *s;
  pq_fetch *f;
  pq_arena *scratch;
  pq_arena *work; /* of the unit that is judged: emptied behind it */
  pq_builder *builder;
  const pq_push *filter;
  const pq_slice *types; /* that a match has one of; NULL: any */
  uint32_t type_count;
  pq_unit *units;
  uint32_t unit_count, unit_cap;
  uint32_t next_file, next_row_group, next_row;
  uint32_t unit;               /* the first that is not all handed out */
  pq_scan_order order;         /* its bound moves while the window is judged */
  bool is_plan, is_uncertain;  /* a plan; of which something may turn out to be less */
  bool is_settled;             /* where it ends: its documents were asked for */
  bool is_paced;               /* it ends where the step had done its share */
  uint64_t document_len;       /* of the documents asked for, about */
  uint64_t groups, groups_len; /* a plan: of those made by now, at most */
} pq_window;

/* Note PQ_NEED_IO and go on: a round asks for everything. */
static inline int pq_note_missing(int rc, bool *is_missing) {
  if (rc != PQ_NEED_IO) return rc;
  *is_missing = true;
  return PQ_OK;
}

/* The rows with a verdict in `mask` (bit 1 << verdict) as ranges; gaps up to `gap` rows are
 * bridged. */
int pq_unit_ranges(pq_arena *scratch, const pq_unit *u, unsigned mask, uint32_t gap,
                   pq_row_range **out, uint32_t *count) PQ_MUST_CHECK;
enum { PQ_MASK_MAYBE = 1 << PQ_MAYBE, PQ_MASK_LEFT = 1 << PQ_MAYBE | 1 << PQ_YES };

/* ---- scan.c ---- */

/* The next file of the scan at or after `file`; the manifest's file count: there is none. */
uint32_t pq_scan_next_file(const pq_scan *s, uint32_t file);
/* The first three rounds: footers, row groups, blooms, pages: what metadata says. */
int pq_window_fill(pq_window *w) PQ_MUST_CHECK;
/* The last round: documents. */
int pq_window_documents(pq_window *w) PQ_MUST_CHECK;
/* Bytes of a unit's documents, about, in memory and as stored: of each row, the latter at least 1.
 */
uint64_t pq_unit_row_len(const pq_unit *u);
uint64_t pq_unit_row_stored(const pq_unit *u);
/* Which rows must be read as documents, in ranges of at least some that follow each other. */
int pq_window_document_ranges(const pq_window *w, pq_unit *u) PQ_MUST_CHECK;
/* Keep of a window what its documents need, in w->f->kept; w->f->found is that. */
int pq_window_remember(const pq_window *w) PQ_MUST_CHECK;
/* The same window as it was; false: it was not kept. */
bool pq_window_recall(pq_window *w);
/* The files of a window that was kept from an earlier step: the manifest's array may have moved. */
void pq_window_find_files(pq_window *w);
/* What was done with a unit into the scan's numbers, once however often it is read. */
void pq_window_tell(pq_scan *s, const pq_unit *u);
/* The step has done its share behind `count` units: the window ends there, and the next one has as
 * many at most, as what was read ahead is read again. */
void pq_window_cut(pq_window *w, uint32_t count);
/* The scan is behind the window, or its sink has enough (PQ_YIELD). */
void pq_window_end(const pq_window *w, int rc);
/* Which columns of a unit's documents are asked for: PQ_WANT_… */
unsigned pq_window_wanted(const pq_window *w, const pq_unit *u);
/* Does the filter look at `_id`, where a document may have none but is shown with one? */
bool pq_unit_judges_keys(const pq_window *w, const pq_unit *u);
void pq_scan_stats_add(pq_scan_stats *sum, const pq_unit *u);
/* Which columns of an entity does the sink look at? PQ_WANT_… */
unsigned pq_scan_wanted(const pq_scan *s);

/* ---- scan_point.c: look-ups instead of a scan ---- */

enum { PQ_POINTS_MAX = 64 }; /* so few ids are located by bloom filters and decoded pages */

/* The ids that the matches of a filter have. */
typedef struct pq_points {
  pq_slice *ids; /* sorted, distinct, of the collection */
  uint32_t count;
  bool is_found;
  bool is_key;     /* by _id: an entity that has the id need not match */
  bool is_decided; /* that is all the filter asks */
} pq_points;

/* The ids that a term on $id or _id is about, sorted, each once; with `_id` also those of entities
 * that are shown with one of its texts. *out is NULL if a value of _id makes none. */
int pq_ids_of_term(pq_arena *arena, pq_slice collection, const pq_push *term, pq_slice **out,
                   uint32_t *count) PQ_MUST_CHECK;
/* What the scan's filter says, whatever the files are like. */
int pq_points_find(const pq_scan *s, pq_arena *scratch, pq_points *out) PQ_MUST_CHECK;
/* The same, is_found only if the files can answer; opens them for that. PQ_NEED_IO. */
int pq_points_open(const pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_points *out) PQ_MUST_CHECK;
/* Which columns of an entity are read: PQ_WANT_… */
unsigned pq_points_wanted(const pq_scan *s, const pq_points *p);
/* Is every file of the collection keyed? Opens them together. PQ_NEED_IO. */
int pq_scan_is_keyed(const pq_scan *s, pq_fetch *f, bool *is_keyed) PQ_MUST_CHECK;
/* All that the files have, to the sink; the scan is then behind the last of them. *is_point is
 * false if it must be a scan. PQ_NEED_IO. */
int pq_scan_points(pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_builder *builder,
                   pq_scan_sink sink, void *ud, bool *is_point) PQ_MUST_CHECK;

/* ---- scan_type.c: files without entities of the types that the filter asks for ---- */

/* Find those types. */
int pq_window_types(pq_window *w) PQ_MUST_CHECK;
/* Does the log say that no entity of the file has one of them? */
bool pq_window_skips(const pq_window *w, uint32_t file);
/* pq_scan_next_file without such files. */
uint32_t pq_window_next_file(const pq_window *w, uint32_t file);

/* ---- scan_rows.c: from row groups to rows ---- */

/* Each is one round for the whole window: PQ_NEED_IO until all of it is there. */
int pq_window_blooms(pq_window *w) PQ_MUST_CHECK;
int pq_window_pages(pq_window *w) PQ_MUST_CHECK;
int pq_window_columns(pq_window *w) PQ_MUST_CHECK;

/* ---- scan_slice.c: parts of a window ---- */

/* The most stored bytes of documents that a window of the scan may ask for. */
uint64_t pq_scan_window_len(const pq_scan *s, bool *is_short);
/* Is the window to be handed out in several slices? */
bool pq_window_is_sliced(const pq_window *w);
/* Keep it, its bytes and what is known of it, with the scan. */
int pq_window_hold(pq_window *w) PQ_MUST_CHECK;
/* The next slice of the window that the scan holds. */
int pq_slice_next(pq_scan *s, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink,
                  void *ud) PQ_MUST_CHECK;

/* ---- scan_emit.c: documents to the sink ---- */

/* Does an entity satisfy the filter? */
int pq_scan_match(const pq_scan *s, pq_builder *builder, pq_arena *scratch, const pq_entity *e,
                  bool *is_match) PQ_MUST_CHECK;
/* Which rows must be read as documents: of a count only the doubtful ones. */
unsigned pq_window_document_mask(const pq_window *w);
/* Hand the rows of a unit's slice that match to the sink, whose PQ_YIELD ends it; or fold them. */
int pq_unit_emit(pq_window *w, pq_unit *u, pq_scan_sink sink, void *ud) PQ_MUST_CHECK;

/* ---- scan_order.c ---- */

/* Can statistics say that the bound leaves out the row group? */
bool pq_order_excludes(const pq_window *w, const pq_unit *u);
/* Leave out rows of a unit that cannot be among the first; all verdicts are NO or YES. */
int pq_order_rows(pq_window *w, pq_unit *u) PQ_MUST_CHECK;
/* The same with the bound of the whole window, of rows whose keys were kept: were they? */
bool pq_order_again(const pq_window *w, pq_unit *u);

/* A sort by $id alone, and the same for it. */
bool pq_order_is_by_id(const pq_window *w);
void pq_order_ids(const pq_window *w, pq_unit *u);

/* ---- scan_group.c ---- */

/* Which columns answer for the fold's paths in a file? p->fold stays NULL if some path has none. */
int pq_fold_columns(pq_window *w, pq_prune *p) PQ_MUST_CHECK;
/* Can the unit be folded, if its filter is decided, and are its statistics enough? */
int pq_fold_plan(pq_window *w, pq_unit *u) PQ_MUST_CHECK;
/* Fold the rows left, all of them YES. Comes when nothing can be missing any more. */
int pq_fold_rows(pq_window *w, pq_unit *u) PQ_MUST_CHECK;

#endif
