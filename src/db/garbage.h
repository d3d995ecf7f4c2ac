/* db/garbage.h - the garbage collector of a namespace: what nothing can read any more is deleted.
 *
 *   survey ─► [entry: forget marks, drop history, gone files] ─► [checkpoint] ─► raise boundary
 *   (lists)                                                                        │
 *   done ◄── delete expired pins ◄── files ◄── checkpoints ◄── log entries below it ┘
 *                                     └─ none, if a pin has come since the survey
 *
 * Only the namespace's writer collects. The order makes each pause and each crash harmless: an
 * entry says that files are gone before their objects are, the boundary stands above entries before
 * they are deleted. What a crash leaves behind has an epoch below the next writer's in its name,
 * and is found by the next survey's listings. No client's clock counts: ages are differences of the
 * store's own times.
 *
 *   thing                        goes when
 *   -------------------------    --------------------------------------------------------------
 *   a mark (retained instant)    its neighbours are close enough (pq_manifest_thin), or history
 *                                begins later by the namespace's retention; there is no pin
 *   an event file                all its events are before where history begins; the archive that
 *                                retention names has them
 *   a removed file               no mark sees it, no pin either, for min_age
 *   a file that no entry names   an older epoch made it, min_age ago
 *   a log entry                  a checkpoint of at least min_age stands at or behind it
 *   a checkpoint                 the same, before that one
 *   a pin                        it has expired
 */
#ifndef PQ_DB_GARBAGE_H
#define PQ_DB_GARBAGE_H

#include "db/flush.h"
#include "log/boundary.h"

/* Garbage that is younger stays, unless somebody says otherwise: readers may be at it. */
#define PQ_GARBAGE_MIN_AGE_US INT64_C(3600000000)

typedef enum pq_garbage_kind {
  PQ_GARBAGE_ENTRY = 1,
  PQ_GARBAGE_CHECKPOINT,
  PQ_GARBAGE_FILE,   /* that entries name */
  PQ_GARBAGE_ORPHAN, /* a file that none names */
  PQ_GARBAGE_PIN
} pq_garbage_kind;

typedef struct pq_garbage {
  pq_garbage_kind kind;
  const char *name; /* relative to the namespace */
  uint64_t len;
  const char *why;
} pq_garbage;

/* A pin that is not over: nothing is dropped or forgotten, and its files stay. */
typedef struct pq_hold {
  const char *name; /* relative to the namespace */
  uint64_t entry, seconds_left;
} pq_hold;

typedef struct pq_collect {
  pq_flush flush;     /* of its entry; first, as the stages of a flush find it by op->sub */
  pq_space *space;    /* borrowed */
  bool is_dry_run;    /* only the survey */
  bool skips_unknown; /* no listing of files: only what the manifest names */
  int64_t min_age_us;
  uint64_t archived_seq; /* the archive that retention names has the events up to this one */
  pq_stage_fn done;      /* the stage after it */
  /* what the survey found */
  pq_garbage *items; /* in the order of deleting */
  uint32_t count, cap;
  uint64_t forgotten;               /* marks */
  uint64_t kept_young, kept_pinned; /* garbage that must wait */
  uint64_t unarchived;              /* history up to this event waits for its archive; 0: none */
  pq_hold *holds;
  uint32_t hold_count;
  bool has_more;                   /* than one run takes */
  uint64_t surveyed;               /* the newest entry then */
  uint64_t boundary_was, boundary; /* equal: it stays */
  pq_slice boundary_text;          /* as it was read */
  pq_slice pin_names;              /* as listed, a line each */
  bool has_new_pins;               /* since then: what they need is not known, no file goes */
  bool needs_entry, needs_checkpoint;
  bool has_left; /* files that are gone for the log: only a listing finds them again */
  uint32_t next; /* item to delete */
  uint64_t deleted, deleted_len;
} pq_collect;

/* Bytes of the files that nothing reads any more, and of which no entry says that they are gone. */
uint64_t pq_garbage_len(const pq_manifest *m);

/* Begin inside an operation: sets op->stage. space, is_dry_run, min_age_us and done are set, the
 * rest is zero. The namespace is loaded and, unless it is a dry run, its write slot taken. */
void pq_collect_begin(pq_collect *g, pq_op *op);
/* Only an entry with what stands in g->flush (retention); then `done`. The same is set. */
void pq_collect_commit(pq_collect *g, pq_op *op);
/* Free what it holds, finished or not. */
void pq_collect_release(pq_collect *g);

/* Put the pin `reader` (16 hex digits, a new one each time) on the namespace's newest entry, for so
 * many seconds. It holds once the newest entry is still the same after a load behind it. Stage
 * calls, which ask the same when they are run again, whatever the newest entry is by then; the pin
 * of a finished reader should be deleted. */
int pq_space_pin(pq_space *s, pq_op *op, const char *reader, uint64_t entry,
                 uint64_t seconds) PQ_MUST_CHECK;
int pq_space_unpin(pq_space *s, pq_op *op, const char *reader) PQ_MUST_CHECK;

#endif
