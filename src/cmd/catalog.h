/* cmd/catalog.h - collections as things of their own: recorded, indexed, dropped, renamed.
 *
 *   create ─► a record    createIndexes, dropIndexes, alter ─► the next version of it
 *   rename ─► documents and record under another name, one commit
 *   drop   ─► documents, edges, the record, a turn for each 20,000 of them
 *   expire ─► documents whose time is over, by the TTL indexes of all collections
 *
 * The record is a directive of the schema's document (schema/collection_record.h).
 */
#ifndef PQ_CMD_CATALOG_H
#define PQ_CMD_CATALOG_H

#include "cmd/command_int.h"
#include "schema/collection_record.h"
#include "table/form.h"

/* The fields of an object (missing: none) into the one that is being built, in their order, but for
 * one of them (NULL: all). */
int pq_put_fields_but(pq_command *c, pq_value v, const char *but) PQ_MUST_CHECK;

/* The event that makes `after` the next version of the collection's schema and record. */
int pq_collection_event(pq_command *c, const pq_schema_at *at, pq_value after,
                        pq_event *out) PQ_MUST_CHECK;

/* What is left of the schema `document` when a collection goes: the numbers of its fields are not
 * used again. In the operation's arena. */
int pq_collection_nothing(pq_command *c, pq_value document, pq_value *out) PQ_MUST_CHECK;

/* Delete in turns what the TTL indexes of the namespace's collections say, then go on with
 * `finish`. The namespace is loaded. */
int pq_expire_begin(pq_command *c, pq_stage_fn finish) PQ_MUST_CHECK;

#endif
