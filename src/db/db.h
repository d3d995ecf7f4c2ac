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
#include "io/hot.h"
#include "io/op.h"
#include "log/event_file.h"
#include "shred/entity_merge.h"
#include "table/view.h"

enum { PQ_TOKEN_LEN = 16, PQ_FILE_NAME_CAP = 512 };

typedef struct pq_space {
  struct pq_db *db; /* borrowed */
  char *ns;         /* owned, NUL-terminated */
  bool is_loaded;
  bool is_stale;        /* a write ended unclear: load again before anything else */
  bool is_fenced;       /* another writer has taken over */
  bool has_fence;       /* my fence entry is in the log */
  bool is_tail_missing; /* the unflushed tail could not be opened: answers lack it */
  pq_manifest manifest;
  pq_file_cache files;
  pq_overlay *overlay;     /* owned; replaced as a whole by a flush or a reload */
  uint64_t epoch;          /* mine, 0: reader */
  uint64_t seq;            /* of the last event */
  int64_t ts;              /* its time */
  uint64_t file_no;        /* counts files that I named */
  const void *write_owner; /* the operation that may append, NULL: free */
  uint32_t reader_count;   /* operations that hold a view */
  pq_overlay **retired;    /* owned: replaced while readers were there */
  uint32_t retired_count, retired_cap;
} pq_space;

typedef struct pq_db {
  pq_cx *cx; /* borrowed */
  bool is_writer;
  uint32_t durability; /* of pq_hot_request */
  uint64_t rng[2];     /* state of the generator for names and ULIDs; seeded by the driver */
  char writer[PQ_TOKEN_LEN + 1];
  pq_task_runner runner; /* the driver's; its allocator must be callable from the tasks */
  pq_slice actor;        /* borrowed: who changes things when a command does not say */
  pq_builder *builder;   /* owned, shared by stages (never across them) */
  pq_merger *merger;     /* owned; uses the builder */
  pq_compressor compressor;
  pq_decompressor decompressor;
  pq_space **spaces; /* owned */
  uint32_t space_count, space_cap;
} pq_db;

/* Open: allocates, asks nothing of the store. `seed` is 16 random bytes. */
int pq_db_init(pq_db *db, pq_cx *cx, bool is_writer, uint32_t durability,
               const uint8_t seed[16]) PQ_MUST_CHECK;
void pq_db_release(pq_db *db);

/* The namespace's record, made when new. A malformed name is PQ_EINVALID or PQ_EPATH. */
int pq_db_space(pq_db *db, pq_slice ns, pq_space **out) PQ_MUST_CHECK;

/* 16 lower-case hex digits, and 10 random bytes. */
void pq_db_token(pq_db *db, char out[PQ_TOKEN_LEN + 1]);
void pq_db_random(pq_db *db, uint8_t out[10]);

/* Bring the namespace up to date: writers once (and after an unclear write), readers at each call.
 * Order: hot tier first, then the newest entry, then batches at or below its seq are dropped
 * (DESIGN.md 4). A stage call. */
int pq_space_load(pq_space *s, pq_op *op) PQ_MUST_CHECK;

/* Take the write slot for `owner`: PQ_EPERM for a database opened for reading, PQ_EFENCED, PQ_EBUSY
 * when another operation has it. */
int pq_space_acquire(pq_space *s, const void *owner) PQ_MUST_CHECK;
void pq_space_release(pq_space *s, const void *owner);

/* ---- views ---- */

typedef struct pq_as_of {
  bool is_set;
  bool is_seq; /* else ts */
  uint64_t seq;
  int64_t ts; /* µs */
} pq_as_of;

/* What an operation holds while it reads. */
typedef struct pq_snapshot {
  pq_space *space; /* NULL: not open */
  pq_view view;
  pq_overlay *past; /* owned: the events of an as-of view, or NULL */
} pq_snapshot;

/* Open the present, the files alone (`is_flushed`), or an instant. A stage call; the snapshot and
 * op->arena change only when all is there. */
int pq_snapshot_open(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of,
                     bool is_flushed) PQ_MUST_CHECK;
/* The same with another file cache than the namespace's; it outlives the snapshot. */
int pq_snapshot_open_on(pq_snapshot *s, pq_space *space, pq_file_cache *files, pq_op *op,
                        pq_as_of as_of, bool is_flushed) PQ_MUST_CHECK;
void pq_snapshot_close(pq_snapshot *s);

/* The flushed events that match, in seq order, in op->scratch. A stage call. */
int pq_space_events(pq_space *s, pq_op *op, const pq_event_want *want, pq_event **out,
                    uint32_t *count) PQ_MUST_CHECK;

/* ---- writing ---- */

/* Events of one commit, without seq and ts, on their way to the hot tier. */
typedef struct pq_commit {
  pq_event *events; /* in the operation's arena */
  uint32_t count, cap;
  pq_buf request; /* owned: the APPEND call */
  pq_buf *raws;   /* owned: raw bytes of the batches, then the overlay's */
  uint32_t raw_count;
  uint64_t *raw_seq; /* seq_lo of each, with its count */
  uint32_t *raw_events;
  uint64_t seq_hi;
  int64_t ts;
} pq_commit;

/* Add an event; slices and values must live in `arena`, as long as the operation. created_at 0
 * stands for the time of the commit. */
int pq_commit_add(pq_commit *c, pq_arena *arena, const pq_event *e) PQ_MUST_CHECK;

/* Assign seq and ts, encode the batches. No fetches. */
int pq_commit_prepare(pq_commit *c, pq_space *s, pq_op *op) PQ_MUST_CHECK;

/* Append to the hot tier, then to the overlay. A stage call; on failure the namespace is marked
 * fenced or stale. */
int pq_commit_append(pq_commit *c, pq_space *s, pq_op *op) PQ_MUST_CHECK;
void pq_commit_release(pq_commit *c);

#endif
