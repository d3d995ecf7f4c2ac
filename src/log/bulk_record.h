/* log/bulk_record.h - what the hot tier's row of a bulk write says: the files that hold its events.
 *
 *   row of an ordinary commit    seq 11 … 17     the events themselves               (batch.h)
 *   row of a bulk write          seq 18 … 1017   parquedb-bulk 2 <crc>
 *                                                {"ts":…,"add":[files],"collections":[columns]}
 *
 * The row is the commit. Its files are those that a flush would have written, and stand in the
 * record as they stand in a log entry; the entry that a later flush makes only repeats them. A bulk
 * write creates entities, each with its first version, all at one time (doc/decisions/0026).
 */
#ifndef PQ_LOG_BULK_RECORD_H
#define PQ_LOG_BULK_RECORD_H

#include "log/manifest.h"

typedef struct pq_bulk_record {
  uint64_t seq_lo, seq_hi; /* in the batch's header, not in the text */
  int64_t ts;
  pq_file_info *files; /* data, events, their indexes */
  uint32_t file_count;
  pq_collection_info *collections; /* new ones, and whole sets of columns that grew */
  uint32_t collection_count;
} pq_bulk_record;

/* The text, appended to `out`. PQ_EINVALID for a record that parse would refuse. */
int pq_bulk_record_print(const pq_bulk_record *r, pq_buf *out) PQ_MUST_CHECK;

/* Parse the text of the bulk write of events seq_lo to seq_hi; everything lives in `arena`. Its
 * event files hold those events without a gap, its data files as many rows. PQ_ECORRUPT. */
int pq_bulk_record_parse(pq_arena *arena, pq_slice text, uint64_t seq_lo, uint64_t seq_hi,
                         pq_bulk_record *out) PQ_MUST_CHECK;

#endif
