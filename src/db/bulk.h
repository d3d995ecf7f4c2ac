/* db/bulk.h - a commit of many new documents, written as Parquet files at once.
 *
 *   ordinary   events ─► batches, compressed ─► APPEND …   later: ─► files ─► entry      (group.c)
 *   bulk       events ─► files ─► PUT ─► APPEND of one row that names them   later: ─► entry
 *                                         └─ the commit
 *
 * The files are those that a flush would have made of the events, made by the same code: entities
 * by collection, events, their by-entity indexes. The row is a batch with the seqs of all events
 * that holds a record of the files (log/bulk_record.h). From then on the files are part of every
 * view (db/pending.h). A crash before the row leaves files that nobody names: garbage of my epoch.
 *
 * It holds the namespace's write slot from the moment it is held against other writes until its row
 * is stored, because the files carry seq and time of its events.
 */
#ifndef PQ_DB_BULK_H
#define PQ_DB_BULK_H

#include "db/db.h"

/* So many documents in one commit make it a bulk write, unless the option says otherwise: where a
 * put is a request over a network, and on a disk (doc/decisions/0026 has the measurement). */
enum { PQ_BULK_OBJECTS = 5, PQ_BULK_DISK = 5000 };

/* Is it one? All of its events create entities that the tail does not know, and they are enough. */
bool pq_bulk_fits(const pq_commit *c, const pq_space *s);
/* A work that puts an entry must end first, as a bulk write may have to put its fence; and a flush
 * that has encoded documents, because it has chosen columns, too. A compaction that has is begun
 * anew. The namespace's write slot is held. */
bool pq_bulk_is_barred(pq_space *s);

/* Take the write slot for `owner`; hold the write against what came meanwhile (pq_commit_join says
 * how that can end, the slot is free again then); number its events. */
int pq_bulk_begin(pq_commit *c, pq_space *s, pq_op *op, const pq_txn *ending,
                  const void *owner) PQ_MUST_CHECK;
/* Make `op` go on with the files and the row, then with `after`; the slot is free again. */
void pq_bulk_run(pq_commit *c, pq_op *op, pq_stage_fn after);

#endif
