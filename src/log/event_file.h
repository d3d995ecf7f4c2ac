/* log/event_file.h - events and position deletes as Parquet columns.
 *
 * Event files: events/day=YYYY-MM-DD/<epoch>-<n>-<rand>.parquet, sorted by seq. Columns
 * (doc/formats/events.md): id (ULID of ts and seq) seq ts target op ns collection entity_id type
 * predicate reverse to_id version created_at created_by before after actor metadata txn prev
 * where_file where_row hash. `before`, `after`, `metadata` are VARIANT.
 * Delete files: deletes/<…>.parquet (file_path, pos), Iceberg's position deletes, sorted by both.
 */
#ifndef PQ_LOG_EVENT_FILE_H
#define PQ_LOG_EVENT_FILE_H

#include "base/task_runner.h"
#include "log/event.h"
#include "parquet/reader.h"
#include "parquet/writer.h"

/* Write events (seq ascending, all of one day) as a finished Parquet file into *out (owned by the
 * caller: pq_writer_free). Row groups of at most 100,000 rows, made side by side. `ns` is the
 * namespace's name. */
int pq_event_file_write(pq_cx *cx, const pq_task_runner *runner, pq_slice ns,
                        const pq_event *const *events, uint32_t count,
                        pq_writer **out) PQ_MUST_CHECK;

/* The same in steps: step until *is_done or a failure, then finish. The events live as long as the
 * stream. A step encodes about *len_left bytes, which are taken off. */
typedef struct pq_event_stream pq_event_stream;
int pq_event_stream_new(pq_cx *cx, pq_slice ns, const pq_event *const *events, uint32_t count,
                        pq_event_stream **out) PQ_MUST_CHECK;
/* Takes NULL. */
void pq_event_stream_free(pq_event_stream *s);
uint64_t pq_event_stream_len(const pq_event_stream *s); /* of the file so far, about */
int pq_event_stream_step(pq_event_stream *s, uint64_t *len_left, bool *is_done) PQ_MUST_CHECK;
int pq_event_stream_finish(pq_event_stream *s, pq_writer **out) PQ_MUST_CHECK;

/* Which rows and columns a reader of events wants. */
typedef struct pq_event_want {
  uint64_t seq_lo, seq_hi; /* events with seq_lo <= seq <= seq_hi */
  int64_t ts_hi;           /* and ts <= ts_hi (INT64_MAX: all) */
  pq_target target;        /* 0: any */
  pq_slice id;             /* entity id or from id; empty: any */
  pq_slice collection;     /* of id; empty: any */
  uint64_t version;        /* with an id of an entity: of this version; 0: any */
  bool is_newest;          /* the same: only the last one of them */
  bool needs_values;       /* after; false leaves it missing */
  bool needs_before;       /* before and metadata */
  bool needs_hash;
} pq_event_want;

/* Read the wanted events of one row group of an event file, in seq order, into `arena` (an array
 * that *out points to). Fetches in at most two rounds: the columns that select, then the values
 * of the rows that survived. Row groups outside seq_lo..seq_hi by statistics cost nothing.
 * Values are validated. PQ_NEED_IO obeys the restart rule. Texts and values may borrow from the
 * fetch set too. */
int pq_event_file_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                       const pq_event_want *want, pq_event **out, uint32_t *count) PQ_MUST_CHECK;

typedef struct pq_position {
  pq_slice file; /* relative to the namespace */
  uint64_t row;
} pq_position;

/* Write position deletes (any order; sorted and deduplicated here, in place) as a finished file. */
int pq_delete_file_write(pq_cx *cx, pq_position *positions, uint32_t count,
                         pq_writer **out) PQ_MUST_CHECK;
/* Read all positions of a delete file, in order, into `arena`; names may borrow from the fetch set.
 */
int pq_delete_file_read(pq_fetch *f, pq_arena *arena, const pq_file *file, pq_position **out,
                        uint32_t *count) PQ_MUST_CHECK;

#endif
