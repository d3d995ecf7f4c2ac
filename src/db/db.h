/* db/db.h - an open warehouse, its namespaces, and how they are read, written and flushed.
 *
 *   pq_db ── pq_space "default" ── manifest (files, as the log says)
 *        │                      ├─ overlay  (the unflushed tail, as the hot tier says)
 *        │                      └─ files    (cache of what is derived from immutable files)
 *        └─ pq_space "tenant-7" …
 *
 * All functions that reach the store are stage calls (io/op.h). Writes are serialised per
 * namespace: the operation that owns the write slot is the only one that may append.
 */
#ifndef PQ_DB_DB_H
#define PQ_DB_DB_H

#include "base/task_runner.h"
#include "codec/codec.h"
#include "db/conflict.h"
#include "db/past.h"
#include "db/pending.h"
#include "graph/graph.h"
#include "io/hot.h"
#include "io/op.h"
#include "log/chain.h"
#include "log/event_file.h"
#include "query/scan.h"
#include "shred/entity_merge.h"
#include "table/view.h"

enum { PQ_TOKEN_LEN = 16, PQ_FILE_NAME_CAP = 512 };

typedef struct pq_txn pq_txn;   /* db/txn.h */
typedef struct pq_bulk pq_bulk; /* db/bulk.h */

/* Commits that become one append (db/group.c): one after the other they join, the first one sends.
 */
typedef struct pq_group {
  struct pq_commit *first, *last; /* borrowed; NULL: none */
  uint32_t event_count;
  int64_t ts;                   /* of the last one */
  bool is_sent;                 /* the append is under way: nobody may join */
  pq_overlay keys;              /* what they change; made when a second one comes */
  char message[PQ_MESSAGE_CAP]; /* of the last append that failed */
} pq_group;

typedef struct pq_space pq_space;
struct pq_space {
  struct pq_db *db; /* borrowed */
  char *ns;         /* owned, NUL-terminated */
  bool is_loaded;
  bool is_stale;        /* a write ended unclear: load again before anything else */
  bool is_outdated;     /* files that the log named are gone: a load is to forget all before */
  bool is_fenced;       /* another writer has taken over */
  bool has_fence;       /* my fence entry is in the log */
  bool is_tail_missing; /* the unflushed tail could not be opened: answers lack it */
  bool is_looked_at;    /* and there was nothing (pq_space_look), */
  int64_t looked_at;    /* then */
  uint64_t boundary;    /* as last read: entries below it may be gone; 0: never read */
  uint32_t starts;      /* how often a load had to begin anew */
  uint32_t forgotten;   /* how often all was forgotten: who began before must begin again */
  pq_manifest manifest;
  pq_file_cache files;
  pq_graphs *graphs;    /* owned: numbers of nodes, adjacency of its files */
  pq_overlay *overlay;  /* owned; replaced as a whole by a flush or a reload */
  pq_slice only;        /* of a reader: during a load, the one entity that it is for; empty: all */
  pq_pendings pendings; /* bulk writes that no entry has adopted */
  uint64_t epoch;       /* mine, 0: reader */
  uint64_t seq;         /* of the last event that is stored */
  uint64_t unread; /* events at the end that memory had no room for: reads end before them until the
                      next load brings them */
  int64_t ts;      /* its time */
  uint8_t link[PQ_DIGEST_LEN]; /* of the last batch (log/chain.h); zeros: no hashes yet */
  uint64_t file_no;            /* counts files that I named */
  const void *write_owner;     /* the operation that has the write slot, NULL: free */
  const void *loader;          /* the writer's operation that loads, NULL: none */
  pq_group group;
  uint32_t reader_count; /* operations that hold a view */
  pq_past_shelf pasts;   /* events of past intervals, kept for the next read */
  pq_overlay **retired;  /* owned: replaced while readers were there */
  uint32_t retired_count, retired_cap;
  struct pq_works *works; /* owned; NULL: none yet (db/works.h) */
};

/* When a flush or a compaction is due; 0 stands for never. */
typedef struct pq_thresholds {
  uint64_t flush_len;       /* bytes of memory of the tail */
  uint64_t flush_events;    /* in the tail */
  int64_t flush_age_us;     /* of the oldest event there */
  uint32_t files;           /* of one tier of a collection, or of edges: they become one */
  uint32_t dead_percent;    /* of the rows of a file that are deleted */
  uint64_t garbage_len;     /* bytes of files that nothing reads any more */
  uint64_t snapshot_events; /* between two retained instants; 0: the rule (log/manifest.h) */
  uint64_t cached_entities; /* that overlays of the past may keep between reads; 0: any number */
  uint32_t bulk;            /* documents of a commit: from so many on it is a bulk write (bulk.h) */
  uint32_t segment_edges;   /* of a forward file: from so many on it has a segment */
} pq_thresholds;

/* How alike two texts are, 0 to 1, for who says it otherwise than value/similarity.h. */
typedef struct pq_similarity_with {
  double (*of)(void *ud, pq_slice text, pq_slice name); /* NULL: nobody */
  void *ud;
} pq_similarity_with;

typedef struct pq_db {
  pq_cx *cx; /* borrowed */
  pq_similarity_with similarity;
  bool is_writer;
  uint32_t durability; /* of pq_hot_request */
  uint64_t rng[2];     /* state of the generator for names and ULIDs; seeded by the driver */
  char writer[PQ_TOKEN_LEN + 1];
  pq_task_runner runner; /* the driver's; its allocator must be callable from the tasks */
  pq_thresholds thresholds;
  pq_slice actor;      /* borrowed: who changes things when a command does not say */
  pq_builder *builder; /* owned, shared by stages (never across them) */
  pq_merger *merger;   /* owned; uses the builder */
  pq_compressor compressor;
  pq_decompressor decompressor;
  pq_space **spaces; /* owned */
  uint32_t space_count, space_cap;
  pq_txn **txns; /* owned: the open ones */
  uint32_t txn_count, txn_cap;
  uint64_t txn_number;  /* of the last one */
  uint64_t txn_current; /* of commands that do not say one; 0: none */
  /* Whose commands are opened now: they reach the transactions that others of the same owner began.
   * 0: the handle's own. */
  uint64_t txn_owner;
  /* Who steps commands promises to step all of them in turn, so that one may wait for another
   * (pq_space_wait); else it is told PQ_EBUSY. */
  bool steps_all;
  bool is_waiting;        /* the command that is stepped waits for another one */
  uint32_t command_count; /* that are not done */
  /* Of them, those that wait for memory (cmd/make_room.c); how many may try again, as others have
   * ended; steps of all that did not just wait. */
  uint32_t starved_count, room_count;
  uint64_t move_count;
  pq_scan_windows windows; /* of scans, between the steps of commands */
} pq_db;

/* Open: allocates, asks nothing of the store. `seed` is 16 random bytes. */
int pq_db_init(pq_db *db, pq_cx *cx, bool is_writer, uint32_t durability,
               const uint8_t seed[16]) PQ_MUST_CHECK;
void pq_db_release(pq_db *db);

/* Free what is kept only to be quick: pages that were decoded, windows of scans. Between steps. */
bool pq_db_drop_kept(pq_db *db);

/* Our own namespace: what is known beyond one namespace (cmd/refs.h). */
#define PQ_SYSTEM_NS "_system"

/* Is it a name that a user's namespace may have? PQ_EINVALID, PQ_EPATH. */
int pq_db_check_name(pq_db *db, pq_slice ns) PQ_MUST_CHECK;

/* The namespace's record, made when new. A malformed name is PQ_EINVALID or PQ_EPATH. */
int pq_db_space(pq_db *db, pq_slice ns, pq_space **out) PQ_MUST_CHECK;

/* 16 lower-case hex digits, and 10 random bytes. */
void pq_db_token(pq_db *db, char out[PQ_TOKEN_LEN + 1]);
void pq_db_random(pq_db *db, uint8_t out[10]);

/* Bring the namespace up to date: writers once (and after an unclear write), readers at each call.
 * Order: hot tier first, then the newest entry, then batches at or below its seq are dropped
 * (DESIGN.md 4). A stage call. When it is not `is_loaded` after PQ_OK, a collector has removed
 * entries meanwhile, or another writer was at work: call it again in a new stage. So it is after
 * PQ_OVERTAKEN: another command has loaded more meanwhile. */
int pq_space_load(pq_space *s, pq_op *op) PQ_MUST_CHECK;

/* Is there anything of the namespace? One round at most, and nothing is loaded. A writer asks once,
 * until it loads it; a reader not again within a second. A stage call. */
int pq_space_look(pq_space *s, pq_op *op, bool *is_there) PQ_MUST_CHECK;

/* PQ_EPERM for a database opened for reading, PQ_EFENCED. */
int pq_space_may_write(const pq_space *s) PQ_MUST_CHECK;

/* What a stage returns that cannot go on before another operation has: PQ_YIELD, to be run again
 * later; PQ_EBUSY where nobody steps that other one. */
int pq_space_wait(pq_space *s) PQ_MUST_CHECK;

/* Forget the log: the next load begins at a checkpoint. Nobody holds a view. */
void pq_space_forget(pq_space *s);

/* Take the write slot for `owner`: nobody else appends then. pq_space_may_write, or pq_space_wait
 * when another operation has it or a group of commits is on its way. */
int pq_space_acquire(pq_space *s, const void *owner) PQ_MUST_CHECK;
void pq_space_release(pq_space *s, const void *owner);

/* ---- views ---- */

typedef struct pq_as_of {
  bool is_set;
  bool is_seq; /* else ts */
  bool is_id;  /* with is_seq: the event has an id of this ts, which is of a millisecond */
  uint64_t seq;
  int64_t ts;       /* µs */
  const char *name; /* static: the option that said it, for messages */
} pq_as_of;

/* PQ_EHISTORY when the instant is before where the namespace's history begins. */
int pq_space_check_instant(const pq_space *s, pq_as_of as_of) PQ_MUST_CHECK;
/* PQ_EINVALID for an event that has not happened, as far as the namespace is loaded. */
int pq_space_check_happened(const pq_space *s, pq_as_of as_of) PQ_MUST_CHECK;
/* PQ_EINVALID for an id that no event has. Of another moment, and of what was dropped, it knows
 * nothing. A stage call. */
int pq_space_check_id(pq_space *s, pq_file_cache *files, pq_op *op, pq_as_of as_of) PQ_MUST_CHECK;

/* What an operation holds while it reads. */
typedef struct pq_snapshot {
  pq_space *space; /* NULL: not open */
  pq_view view;
  pq_past *past;    /* the events of an as-of view, or NULL */
  pq_overlay *tail; /* of the moment when it was opened; NULL: it was let go */
} pq_snapshot;

/* Open the present, the files alone (`is_flushed`), or an instant, after the three checks above. A
 * stage call; the snapshot and op->arena change only when all is there. */
int pq_snapshot_open(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of,
                     bool is_flushed) PQ_MUST_CHECK;
/* The same with another file cache than the namespace's; it outlives the snapshot. */
int pq_snapshot_open_on(pq_snapshot *s, pq_space *space, pq_file_cache *files, pq_op *op,
                        pq_as_of as_of, bool is_flushed) PQ_MUST_CHECK;
/* For reading single entities: of an instant whose events are not at hand it has none, and
 * pq_view_locate asks the by-entity indexes for them. `overlay` is NULL then, `probe_lo` not 0. */
int pq_snapshot_open_point(pq_snapshot *s, pq_space *space, pq_file_cache *files, pq_op *op,
                           pq_as_of as_of, bool is_flushed) PQ_MUST_CHECK;
/* For reading the events of single entities: as above, and no delete file is read. Whoever needs a
 * row after all loads a copy of the view (pq_view_load). */
int pq_snapshot_open_events(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of,
                            bool is_flushed) PQ_MUST_CHECK;
void pq_snapshot_close(pq_snapshot *s);
/* Of the files alone: the tail of its moment may go before it is closed. */
void pq_snapshot_let_tail_go(pq_snapshot *s);

/* The flushed events that match, in seq order, in op->scratch. A stage call. */
int pq_space_events(pq_space *s, pq_op *op, const pq_event_want *want, pq_event **out,
                    uint32_t *count) PQ_MUST_CHECK;

/* ---- writing ---- */

/* Events of one commit, without seq and ts, on their way to the hot tier. */
typedef struct pq_commit {
  pq_event *events; /* in the operation's arena */
  uint32_t count, cap;
  const pq_unique_rule *rules; /* of the collections that it writes; borrowed */
  uint32_t rule_count;
  uint64_t base_seq; /* of the view that it was decided on */
  bool is_ordinary;  /* never a bulk write: who wrote it looks for its events in the tail */
  uint64_t own_seq;  /* in a transaction: of the last event of it that the view showed */
  /* in a group */
  pq_space *space; /* of the group; NULL: in none */
  struct pq_commit *next;
  bool has_waited; /* the first one: the others had time to join */
  pq_bulk *bulk;   /* owned; NULL: it is none */
  bool is_over;    /* the append has ended, */
  int result;      /* so */
  /* of the whole group, in the commit that sends */
  pq_buf request; /* owned: the APPEND call */
  pq_buf *raws;   /* owned: raw bytes of the batches, then the overlay's */
  uint32_t raw_count;
  uint64_t *raw_seq; /* seq_lo of each, with its count */
  uint32_t *raw_events;
  int64_t ts;
  uint8_t link[PQ_DIGEST_LEN]; /* of its last batch */
} pq_commit;

/* Add an event; slices and values must live in `arena`, as long as the operation. created_at 0
 * stands for the time of the commit. */
int pq_commit_add(pq_commit *c, pq_arena *arena, const pq_event *e) PQ_MUST_CHECK;
/* Make room for so many more: an array that grows as they come takes up to eight times as much. */
int pq_commit_expect(pq_commit *c, pq_arena *arena, uint32_t count) PQ_MUST_CHECK;

/* ---- group commit; the picture is in group.c ---- */

enum { PQ_OVERTAKEN = 5 }; /* what the write rests on has changed: decide it again */

/* Join the group: the commit is valid and gets its ts. `ending`: the transaction that is being
 * committed, or NULL. PQ_OVERTAKEN, pq_space_wait, PQ_EVERSION for what an open transaction has
 * claimed. No fetches. */
int pq_commit_join(pq_commit *c, pq_space *s, pq_op *op, const pq_txn *ending,
                   const void *owner) PQ_MUST_CHECK;
/* PQ_OK when pq_commit_append comes next: the commit's group is over, or it is the first and has
 * numbered and encoded all. Else pq_space_wait. No fetches. */
int pq_commit_send(pq_commit *c, pq_space *s, pq_op *op) PQ_MUST_CHECK;
/* Append the group to the hot tier, then to the overlay; or the result, where another one did. A
 * stage call; on failure the namespace is marked fenced or stale. */
int pq_commit_append(pq_commit *c, pq_space *s, pq_op *op) PQ_MUST_CHECK;
/* Is the append that this commit sends under way? */
static inline bool pq_commit_is_sent(const pq_commit *c) {
  return c->space != NULL && c->space->group.is_sent && c->space->group.first == c;
}
/* Leave the group, if it is in one, and free everything. */
void pq_commit_release(pq_commit *c);

#endif
