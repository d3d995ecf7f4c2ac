/* query/scan_cost.h - what a scan will ask for, told without asking for it.
 *
 *   a scan   files ─ row groups ─ blooms ─ page indexes ─ columns ─ documents
 *   a plan   the same code, the same requests ──────────┘ └ noted ┘ └ noted ┘   (io/fetch.h)
 *
 * A plan runs the scan's own code as far as metadata goes. What would be read after that is noted
 * in the fetch set instead of being asked for: near ranges merge, ranges inside others are free and
 * rounds form as in the scan, because it is the same code that does it.
 *
 * Where metadata decides which rows are read, the notes are exactly what the scan asks for. Where
 * values decide (a filter's column refuses rows, a row may be soft-deleted, a sort needs only the
 * first, a limit may end the scan) the rows that are left at most are noted, and of them what any
 * part of them could cost: `is_upper`. Fewer rows never read more bytes, but may read them in more
 * pieces; pq_chunk_want counts the pieces.
 */
#ifndef PQ_QUERY_SCAN_COST_H
#define PQ_QUERY_SCAN_COST_H

#include "query/scan.h"

enum { PQ_PLAN_COLUMNS_MAX = 128 };

/* What the plan found for a file. */
typedef struct pq_plan_file {
  uint32_t file; /* index into the manifest's files */
  uint64_t rows_left;
  bool is_of_other_types; /* than the filter asks for: not opened */
  pq_slice unpushed; /* the first path that a changed schema keeps from its columns; empty: none */
  pq_scan_stats stats;
} pq_plan_file;

typedef struct pq_scan_cost {
  uint64_t enough; /* rows of which the sink says that it has enough; 0: never */
  /* the rest is the plan's answer */
  bool is_upper;
  const char *why;             /* what values decide, the first of them; NULL: nothing */
  uint64_t rows_min, rows_max; /* that reach the sink, from files */
  uint64_t times;              /* a window's requests may be repeated: all costs times this */
  pq_plan_file *files;         /* those that were looked at, in the arena of pq_scan_cost_init */
  uint32_t file_count, file_cap;
  pq_slice *columns; /* names of the columns that are read; of the first PQ_PLAN_COLUMNS_MAX */
  uint32_t column_count;
  bool is_point;       /* ids are looked up instead */
  pq_point_plan point; /* where; its files as `files` */
  /* between windows */
  bool may_have_bound; /* a sort may leave out rows from here on */
  uint64_t document_len, groups, groups_len;
  uint64_t windows;
} pq_scan_cost;

/* Prepare the plan of a scan, which must not have begun. */
int pq_scan_cost_init(pq_scan_cost *p, const pq_scan *s, uint64_t enough,
                      pq_arena *arena) PQ_MUST_CHECK;

/* Plan the next window; s->is_done tells the end. A stage, as pq_scan_next is. Costs gather in the
 * fetch set: the requests made, and those noted. */
int pq_scan_cost_next(pq_scan_cost *p, pq_scan *s, pq_fetch *f, pq_arena *scratch) PQ_MUST_CHECK;

#endif
