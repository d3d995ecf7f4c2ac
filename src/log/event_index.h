/* log/event_index.h - the by-entity index of an event file: where are the events of one key?
 *
 *   events/day=…/1-7-ab.parquet            indexes/events/1-8-cd.parquet
 *   row  seq  entity    after               key       seq  ts  op  version …
 *    0   101  posts/p2  {…}                 posts/p1  102
 *    1   102  posts/p1  {…}                 posts/p1  104
 *    2   103  posts/p2  {…}                 posts/p2  101
 *    3   104  posts/p1  {…}                 posts/p2  103       row = seq - the file's first
 *
 * It is a segment of exactly one event file, made and removed with it, and holds all of an event
 * but its documents. Row groups are of one role each: events of entities by their id, then links by
 * the end they leave, then links by the end they enter, then collections by name; each sorted by
 * (key, seq), with a bloom filter of the keys. doc/formats/events.md has the columns.
 *
 * The row is not stored: the seqs of an indexed event file are dense, so it follows from the seq.
 */
#ifndef PQ_LOG_EVENT_INDEX_H
#define PQ_LOG_EVENT_INDEX_H

#include "log/event.h"
#include "parquet/reader.h"
#include "parquet/writer.h"

typedef enum pq_event_role {
  PQ_ROLE_ENTITY = 1,
  PQ_ROLE_FROM,
  PQ_ROLE_TO,
  PQ_ROLE_COLLECTION
} pq_event_role;

/* Leaves, which are the columns, in order. */
typedef enum pq_index_leaf {
  PQ_INDEX_LEAF_KEY,
  PQ_INDEX_LEAF_ROLE,
  PQ_INDEX_LEAF_SEQ,
  PQ_INDEX_LEAF_TS,
  PQ_INDEX_LEAF_OP,
  PQ_INDEX_LEAF_VERSION,
  PQ_INDEX_LEAF_TYPE,
  PQ_INDEX_LEAF_AGE,
  PQ_INDEX_LEAF_CREATED_BY,
  PQ_INDEX_LEAF_ACTOR,
  PQ_INDEX_LEAF_TXN,
  PQ_INDEX_LEAVES
} pq_index_leaf;

/* From created_at to ts, which the index has in the place of created_at: most often 0, and so
 * nothing to store. It wraps; taken from ts it gives created_at. */
static inline int64_t pq_event_age(const pq_event *e) {
  return (int64_t)((uint64_t)e->ts - (uint64_t)e->created_at);
}

/* Write the index of an event file that holds these events, whose seqs are dense. *out is owned by
 * the caller (pq_writer_free); *rows, *key_min and *key_max are for the log, the keys borrowed from
 * the events. PQ_EINVALID: the seqs are not dense. */
typedef struct pq_event_index {
  pq_writer *writer;
  uint64_t rows;
  pq_slice key_min, key_max;
} pq_event_index;

int pq_event_index_write(pq_cx *cx, const pq_event *const *events, uint32_t count,
                         pq_event_index *out) PQ_MUST_CHECK;

/* The same in steps, as pq_event_stream (event_file.h); the events live as long as the stream. */
typedef struct pq_event_index_stream pq_event_index_stream;
int pq_event_index_stream_new(pq_cx *cx, const pq_event *const *events, uint32_t count,
                              pq_event_index_stream **out) PQ_MUST_CHECK;
void pq_event_index_stream_free(pq_event_index_stream *s);
uint64_t pq_event_index_stream_len(const pq_event_index_stream *s);
int pq_event_index_stream_step(pq_event_index_stream *s, uint64_t *len_left,
                               bool *is_done) PQ_MUST_CHECK;
int pq_event_index_stream_finish(pq_event_index_stream *s, pq_event_index *out) PQ_MUST_CHECK;

/* Is this footer that of an index? PQ_EUNSUPPORTED of a newer layout, PQ_ECORRUPT of another. */
int pq_event_index_check(pq_cx *cx, const pq_file *file) PQ_MUST_CHECK;

/* The sum of the hashes of the rows that an index has of an event; of the rows of a row group
 * (PQ_ECORRUPT: they are out of order; PQ_NEED_IO). For comparing an index with its event file. */
uint64_t pq_event_index_sum(const pq_event *e);
int pq_event_index_read_sum(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t group,
                            uint64_t *sum) PQ_MUST_CHECK;

/* "entity", "from", "to", "collection": the words of the column `role`. */
const char *pq_event_role_name(pq_event_role role);

#endif
