/* db/schema_of.h - the schema of a collection as of a view, and the record of it in the log.
 *
 *   events of the collection: set v1 (seq 4) ──── set v2 (seq 90) ── …
 *      flushed ones: pq_collection_info.schemas       the tail's, or the past's: overlay
 *
 * As of a seq the newest version at or before it counts, so the past is read, and was written, by
 * the schema of its time.
 */
#ifndef PQ_DB_SCHEMA_OF_H
#define PQ_DB_SCHEMA_OF_H

#include "db/flush.h"
#include "table/form.h"

/* The version that counts at the view's seq, or that the reader's transaction made. */
void pq_schema_of(const pq_view *v, pq_slice collection, pq_schema_at *out);
/* The same at the newest seq, as writers see it. */
void pq_schema_now(const pq_space *s, pq_slice collection, pq_schema_at *out);
/* The same, as writers in a transaction see it; `own`: what it did, NULL: in none. */
void pq_schema_within(const pq_space *s, const pq_overlay *own, pq_slice collection,
                      pq_schema_at *out);
/* The field that names the entities of a collection, at the newest seq; empty: none. */
pq_slice pq_name_field_now(const pq_space *s, pq_slice collection);

/* What an entity was before its event of seq `to`, as the event of seq `from` left it, in the form
 * of `to`: a change of the schema between them is no change of the event. */
int pq_schema_before(pq_space *s, pq_arena *arena, pq_slice id, uint64_t from, uint64_t to,
                     pq_value *before) PQ_MUST_CHECK;

/* The tail's versions into the flush's records of collections, which has room for one more per
 * key of the overlay. */
int pq_flush_note_schemas(pq_flush *f, pq_op *op) PQ_MUST_CHECK;

#endif
