/* db/flush.h - the unflushed tail becomes Parquet files and one log entry.
 *
 *   tail ─► old rows: where are they, what did they say      (located and read in parts)
 *        ─► files in memory: data per collection, both edge directions, events, deletes
 *        ─► [my fence entry] ─► PUT files ─► PUT log/N+1 ─► new empty tail ─► TRIM hot tier
 *
 * The order is the commit protocol's (doc/formats/log.md): files before their entry, the entry
 * before its batches leave the hot tier. A crash between any two steps loses nothing: files that no
 * entry names are garbage, batches at or below the entry's seq are ignored on load.
 *
 * A flush and a compaction are operations of their own, run in steps by db/works.h. Writes go on
 * between the steps: their events stand behind seq_hi in the same overlay, and become the new tail.
 */
#ifndef PQ_DB_FLUSH_H
#define PQ_DB_FLUSH_H

#include "db/db.h"
#include "rel/edge.h"

typedef struct pq_flush_file {
  pq_writer *writer;   /* owned; NULL: it is stored */
  pq_file_info info;   /* name etc. in the operation's arena */
  const char *key;     /* full */
  const pq_slice *ids; /* a flush's entities: of its rows, borrowed from the tail */
} pq_flush_file;

/* The old row of a changed entity. `at.info` says only whether there is one: the manifest grows. */
typedef struct pq_flush_row {
  pq_location at;
  uint32_t file_number; /* of the manifest */
  pq_value before;      /* what it said */
} pq_flush_row;

/* A file that is stored in parts while it is made: put_parts.c. */
typedef struct pq_put_parts {
  const char *key;   /* full; NULL: there is none */
  pq_writer *writer; /* borrowed */
  uint64_t off;      /* bytes that are stored, */
  uint32_t crc;      /* and their CRC */
  pq_slice part;     /* on its way, borrowed from the writer */
  bool is_finished;  /* the writer is */
  bool is_end;       /* the part is the last one */
  uint32_t tries;    /* of it */
  pq_stage_fn after;
} pq_put_parts;

typedef struct pq_flush pq_flush;
struct pq_flush {
  pq_space *space;
  pq_overlay *overlay;       /* a flush: the tail, of which it takes the events up to seq_hi */
  const pq_overlay *schemas; /* where events tell schemas; NULL: `overlay` */
  bool is_whole;             /* someone waits: what can be done side by side is */
  bool adopts;               /* it ends with a bulk write, whose files stand already (pending.h) */
  uint64_t base;             /* the manifest's entry that its files and positions are of */
  pq_snapshot snapshot;      /* of the files alone: where the old rows are */
  /* old rows of changed entities: sorted ids, where they are, what they said */
  pq_slice *ids;
  pq_flush_row *rows; /* of the ids */
  uint32_t id_count, located;
  uint32_t *places; /* those that have a row, by file and row; of them `read` documents are read */
  uint32_t place_count, read;
  /* old rows of changed edges, both directions */
  pq_slice *from_ids, *to_ids;
  uint32_t from_count, to_count;
  pq_edge *old_edges; /* forward rows, with data */
  uint32_t old_edge_count;
  pq_position *deletes;
  uint32_t delete_count, delete_cap;
  /* names and types of edge ends that are not in the tail: hints for outside readers */
  pq_slice *end_ids;
  pq_slice *end_names, *end_types;
  uint32_t end_count;
  struct pq_encode_task *tasks; /* what is being encoded; flush_encode.c */
  uint32_t task_count, task;
  pq_flush_file *files;
  uint32_t file_count, file_cap;
  pq_collection_info *collections; /* with new index columns */
  uint32_t collection_count;
  uint32_t fresh;      /* collections that are new to the log */
  const char **remove; /* names of files that the entry removes: compaction */
  uint32_t remove_count;
  pq_log_entry entry;
  pq_buf text;         /* of the entry, owned */
  const char *log_key; /* full */
  bool is_committing;  /* an entry may be in the log, or not: nobody else may put one */
  char commit[PQ_TOKEN_LEN + 1];
  uint32_t tries;
  pq_stage_fn after_encode; /* NULL: the fence */
  pq_stage_fn after_entry;  /* stage that follows a stored entry */
  pq_stage_fn after_fence;  /* NULL: the files */
  pq_stage_fn recheck;      /* another entry came between; NULL: that is a failure */
  uint64_t seq_hi;
  int64_t ts_hi;
  /* compaction */
  pq_slice only; /* collection, empty: everything */
  struct pq_compaction *compaction;
  pq_put_parts put;
  uint64_t encoded; /* bytes, by the last step */
  /* the result */
  uint64_t event_count, byte_count;
  uint64_t put_bytes; /* of all objects */
  uint64_t entry_no;  /* 0: there was nothing to flush */
  pq_stage_fn done;   /* stage after the last one; NULL: the operation is finished */
  /* of its entry: what is no longer kept (log/retain.c) */
  int64_t parent_at;
  uint64_t *forget;
  uint32_t forget_count;
  const char **gone;
  uint32_t gone_count;
  pq_history_start history;
  bool has_retention;
  pq_retention retention;
};

/* Make `op`, whose state is `f`, a flush of the events that are in the tail now; later ones stay
 * there. It is over at once when there are none. The namespace is loaded, its write slot taken
 * whenever the operation is stepped. */
void pq_flush_begin(pq_flush *f, pq_space *space, pq_op *op, bool is_whole);
/* Before its first step: only the first of its commits, with about half of its events, halved so
 * often. */
void pq_flush_cut(pq_flush *f, uint32_t halvings);

/* The same for a compaction: files of a collection (empty name: of all, and the edges) become
 * sorted ones without deleted rows; delete files that no live file needs any more go. Older
 * instants keep their files: nothing is erased. */
int pq_compact_begin(pq_flush *f, pq_space *space, pq_op *op, pq_slice collection,
                     bool is_whole) PQ_MUST_CHECK;

/* Free what it holds, finished or not. */
void pq_flush_release(pq_flush *f);

#endif
