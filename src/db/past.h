/* db/past.h - the events between two retained entries, as an overlay that many reads share.
 *
 *      marks:   … k ─────────────────── k+1 …
 *                 ├─ events ─► S1         every instant of the interval is the files of entry k
 *                 └─ events ──────► S2    and this one overlay, read at its own seq
 *
 * Intervals are short (a flush ends one at most max(10,000, live rows / 4) events after the last),
 * so the whole of one is read at its first use, and kept for the next: a few of them, least
 * recently used go first, in a quarter of the memory of the page cache, and with at most
 * `entity_max` keys. What is derived from immutable files may be kept at any time (io/op.h).
 */
#ifndef PQ_DB_PAST_H
#define PQ_DB_PAST_H

#include "log/manifest.h"
#include "table/overlay.h"

enum { PQ_PASTS_MAX = 16 };

typedef struct pq_past {
  uint64_t entry;  /* files as of this one */
  uint64_t seq_hi; /* events after it up to here */
  pq_overlay overlay;
  pq_arena arena; /* what its events borrow */
  uint32_t reader_count;
  uint64_t used; /* when, by the shelf's count */
} pq_past;

/* The ones that a namespace keeps. A zeroed one is empty. */
typedef struct pq_past_shelf {
  pq_past *items[PQ_PASTS_MAX]; /* owned */
  uint32_t count;
  uint64_t clock;
  uint64_t entity_max; /* entities and edges in all of them; 0: memory alone is the limit */
} pq_past_shelf;

/* One that serves seq in the interval after `entry`, with one more reader; NULL: none. */
pq_past *pq_past_find(pq_past_shelf *shelf, uint64_t entry, uint64_t seq);

/* Make one of events that are borrowed from a stage, with one reader. `shelf` NULL: the reader's
 * own. PQ_ENOMEM, PQ_ELIMIT. */
int pq_past_new(pq_past_shelf *shelf, pq_cx *cx, uint64_t entry, uint64_t seq_hi, pq_event *events,
                uint32_t count, pq_past **out) PQ_MUST_CHECK;

/* The reader has ended. */
void pq_past_leave(pq_past_shelf *shelf, pq_past *p);

/* Free all; nobody reads. */
void pq_past_clear(pq_past_shelf *shelf);

#endif
