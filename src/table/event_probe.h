/* table/event_probe.h - the events of one key, without reading the log.
 *
 *   key, seqs ─► event files by the log's ranges ─► their indexes (log/event_index.h):
 *       row group by role and bounds ─► bloom ─► pages of `key` ─► rows, by seq
 *   ─► hits: all of each event but its documents ─► a page of `after` of the event file, each
 *
 * Everything goes through the file cache, so that what was decoded once costs nothing again. Event
 * files without an index (older programs wrote none) are read as before: the columns that select,
 * then the rows left.
 */
#ifndef PQ_TABLE_EVENT_PROBE_H
#define PQ_TABLE_EVENT_PROBE_H

#include "log/event_index.h"
#include "table/file_cache.h"

typedef struct pq_event_probe {
  const pq_manifest *manifest; /* borrowed, as all of this */
  pq_file_cache *files;
  pq_slice id; /* "collection/localId" of an entity */
  uint64_t seq_lo, seq_hi;
  uint64_t version;  /* 0: any */
  bool is_newest;    /* only the last one of these */
  bool needs_values; /* `after` */
  bool needs_before; /* `before` and `metadata` */
} pq_event_probe;

/* The events of an entity, in seq order, in `scratch`; values are borrowed from the file cache or
 * the fetch set until the step ends. A stage's call: PQ_NEED_IO until all is there. Events that
 * come from an index lack txn, prev and where. */
int pq_event_probe_run(const pq_event_probe *p, pq_fetch *f, pq_arena *scratch, pq_event **out,
                       uint32_t *count) PQ_MUST_CHECK;

/* The seq of the last flushed event with a time up to `ts`, at least `floor`. A stage's call that
 * reads one page of an event file. */
int pq_event_seq_at(const pq_manifest *m, pq_file_cache *files, pq_fetch *f, pq_arena *scratch,
                    int64_t ts, uint64_t floor, uint64_t *out) PQ_MUST_CHECK;

#endif
