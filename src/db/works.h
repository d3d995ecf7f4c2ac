/* db/works.h - flushes and compactions of a namespace, done in steps between its commands.
 *
 *   write ─► tail ─► 8 MB, 10,000 events or 10 minutes ─► FLUSH    step step step ─► entry
 *                    8 files of a tier, dead rows      ─► COMPACT  step ·· step ·· ─► entry
 *                                                                    └─ a flush goes first
 *                    16 MB of free files, old history  ─► COLLECT  survey ─► entry ─► deletes
 *
 * Nothing here runs by itself: whoever has time calls pq_works_run again and again (the command
 * `maintain`, the library after a write). A step encodes about 256 KB at most, then the caller
 * has control again; writes and reads go on between steps. Each work is an operation of its own
 * (io/op.h) with its own requests, which outlives the command that drives it.
 *
 * Who drives holds the namespace's write slot, so that an entry never appears in the middle of a
 * write. A work that fails is dropped: nothing was changed but files that nobody names; it is begun
 * anew after a pause that doubles (retry_us). A write does not notice.
 */
#ifndef PQ_DB_WORKS_H
#define PQ_DB_WORKS_H

#include "db/flush.h"
#include "db/garbage.h"

typedef enum pq_work_kind {
  PQ_WORK_FLUSH,
  PQ_WORK_COMPACT,
  PQ_WORK_COLLECT,
  PQ_WORK_NONE
} pq_work_kind;

/* What the last finished work of a kind did. */
typedef struct pq_work_result {
  uint64_t entry; /* 0: there was nothing to do */
  uint64_t events, files, removed, bytes;
} pq_work_result;

typedef struct pq_work {
  pq_op op;
  union { /* the state of `op` */
    pq_flush flush;
    pq_collect collect; /* COLLECT; its first member is the flush */
  };
  bool is_running;
  bool is_void; /* the namespace was loaded anew: what it knows is old */
} pq_work;

/* Since the namespace was opened. */
typedef struct pq_work_counts {
  uint64_t flushes, compactions, collections;
  uint64_t flushed_bytes, compacted_bytes; /* that were put */
  uint64_t collected_bytes;                /* that were deleted */
} pq_work_counts;

typedef struct pq_works {
  pq_space *space;             /* borrowed */
  pq_work items[PQ_WORK_NONE]; /* by kind */
  pq_work_result last[PQ_WORK_NONE];
  pq_work_counts counts;
  /* the last failure; failures == 0: none since the last success */
  uint32_t failures;
  uint32_t halvings; /* a flush takes the first half of the tail, of that the first half, …: so
                      * often, as memory was short */
  int64_t failed_us, retry_us;
  pq_work_kind failed_kind; /* of the last failure */
  uint64_t looked_entry;    /* nothing was to be compacted as of that entry */
  char *abandoned;  /* owned; key of a file of which parts are stored, and no more will be */
  bool has_left;    /* the last collection had to leave files that no entry names any more */
  bool has_garbage; /* a collection is due, as of the last work or `maintain` */
  char message[PQ_MESSAGE_CAP];
} pq_works;

/* The namespace's, made when new. */
int pq_works_of(pq_space *s, pq_works **out) PQ_MUST_CHECK;
/* Free it; takes NULL. No request may be in flight. */
void pq_works_free(pq_works *u);

/* Have the next pq_works_due look at the files again. Takes NULL. */
void pq_works_look(pq_works *u);
/* What is running or due at `now_us`, by the thresholds of the database; a pause after a failure
 * is waited for. No fetches. */
pq_work_kind pq_works_due(const pq_space *s, int64_t now_us);

/* Begin one; it must not be running. `is_whole`: someone waits for its end, so that what can be
 * done side by side is, and a step may be long. */
int pq_works_flush(pq_works *u, bool is_whole) PQ_MUST_CHECK;
/* With `is_whole` all files of the collection (empty name: of all, and the edges) become as few as
 * can be; else the files that are due. */
int pq_works_compact(pq_works *u, pq_slice collection, bool is_whole) PQ_MUST_CHECK;
/* Delete what nothing can read any more (garbage.h). */
int pq_works_collect(pq_works *u) PQ_MUST_CHECK;
/* Is there enough of it, or history older than what is kept? By the manifest alone. */
bool pq_garbage_is_due(const pq_space *s, int64_t now_us);
/* The one that puts an entry, which must go on before anything else is done; takes NULL. */
pq_work_kind pq_works_committing(const pq_works *u);
/* Forget one that is running. */
void pq_works_drop(pq_works *u, pq_work_kind kind);
/* Drop a compaction that others need the memory of: it holds windows, a row group and places, and
 * begins anew later. False: there is none, or it puts its entry. Nobody may be driving it. Takes
 * NULL. */
bool pq_works_make_room(pq_works *u);
/* The namespace was loaded anew: what is running must begin again. Takes NULL. */
void pq_works_void(pq_works *u);
/* `by` has put an entry. A flush or collection that waits for its next step is of the one before
 * and must begin again; a compaction looks whether its files are still there. Takes NULL. */
void pq_works_overtake(pq_works *u, const pq_flush *by);
/* Forget those that no command drives now, and their views. Takes NULL. */
void pq_works_drop_idle(pq_works *u);

/* put_parts.c: note such a file; have the store forget it, before the next is begun. PQ_NEED_IO. */
void pq_works_abandon(pq_works *u, const char *key);
int pq_works_forget_parts(pq_works *u, pq_op *op) PQ_MUST_CHECK;

/* One step. PQ_NEED_IO: run pq_works_fetch. A failure has been noted, and the work is over. */
int pq_works_run(pq_works *u, pq_work_kind kind, int64_t now_us) PQ_MUST_CHECK;
pq_fetch *pq_works_fetch(pq_works *u, pq_work_kind kind);
/* Are requests of one under way, which no command need wait for? Takes NULL. */
bool pq_works_is_away(const pq_works *u);
static inline bool pq_works_is_running(const pq_works *u, pq_work_kind kind) {
  return u->items[kind].is_running;
}

#endif
