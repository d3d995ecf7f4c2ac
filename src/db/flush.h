/* db/flush.h - the unflushed tail becomes Parquet files and one log entry.
 *
 *   tail ─► old rows: where are they, what did they say      (locate, read `before`)
 *        ─► files in memory: data per collection, both edge directions, events, deletes
 *        ─► [my fence entry] ─► PUT files ─► PUT log/N+1 ─► new empty tail ─► TRIM hot tier
 *
 * The order is the commit protocol's (doc/formats/log.md): files before their entry, the entry
 * before its batches leave the hot tier. A crash between any two steps loses nothing: files that no
 * entry names are garbage, batches at or below the entry's seq are ignored on load.
 */
#ifndef PQ_DB_FLUSH_H
#define PQ_DB_FLUSH_H

#include "db/db.h"
#include "rel/edge.h"

typedef struct pq_flush_file {
  pq_writer *writer; /* owned */
  pq_file_info info; /* name etc. in the operation's arena */
  const char *key;   /* full */
} pq_flush_file;

typedef struct pq_flush {
  pq_space *space;
  pq_snapshot snapshot; /* of the files alone: where the old rows are */
  /* old rows of changed entities: sorted ids, where they are, what they said */
  pq_slice *ids;
  pq_location *locations;
  pq_value *before;
  uint32_t id_count;
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
  char commit[PQ_TOKEN_LEN + 1];
  uint32_t tries;
  pq_stage_fn after_entry; /* stage that follows a stored entry */
  uint64_t seq_hi;
  int64_t ts_hi;
  /* compaction: what is to be rewritten, and the rows read so far */
  pq_slice only; /* collection, empty: everything */
  struct pq_compact_job *jobs;
  uint32_t job_count, job, job_file, job_row_group;
  struct pq_compact_rows *rows;
  /* the result */
  uint64_t event_count, byte_count;
  uint64_t entry_no; /* 0: there was nothing to flush */
  pq_stage_fn done;  /* stage after the flush; NULL: the operation is finished */
} pq_flush;

/* Start a flush inside an operation whose state contains `f`: sets op->stage and op->sub. The
 * namespace is loaded and its write slot taken. */
int pq_flush_begin(pq_flush *f, pq_space *space, pq_op *op, pq_stage_fn done) PQ_MUST_CHECK;

/* Start a compaction the same way: the files of a collection (empty name: of all, and the edges)
 * become one sorted file without deleted rows; delete files that no live file needs any more go.
 * The tail must be empty (flush before). Older instants keep their files: nothing is erased. */
int pq_compact_begin(pq_flush *f, pq_space *space, pq_op *op, pq_slice collection,
                     pq_stage_fn done) PQ_MUST_CHECK;

/* Free what it holds, finished or not. */
void pq_flush_release(pq_flush *f);

#endif
