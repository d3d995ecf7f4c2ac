/* port/handle.h - a handle as the server uses it: commands and replies as values instead of text,
 * and what the engine knows beside (include/parquedb/parquedb.h has the rest).
 *
 *     PQ_TRY(pq_handle_submit(db, "default", command, &r));
 *     … pqdb_poll(db) until pqdb_is_ready(r) …
 *     while ((rc = pq_handle_next(r, &item)) == PQDB_ROW) …       PQDB_DONE: the summary
 *     pqdb_replies_close(r);
 *
 * One thread at a time, as all of a handle.
 */
#ifndef PQ_PORT_HANDLE_H
#define PQ_PORT_HANDLE_H

#include "base/buf.h"
#include "parquedb/parquedb.h"
#include "value/variant.h"

/* As pqdb_submit; `command` is borrowed until the replies are closed. */
int pq_handle_submit(pqdb *db, const char *ns, pq_value command, pqdb_replies **out) PQ_MUST_CHECK;
/* As pqdb_next; the value is valid until the next call of pqdb_poll or on `r`. */
int pq_handle_next(pqdb_replies *r, pq_value *out) PQ_MUST_CHECK;

/* The context of failures. */
pq_cx *pq_handle_cx(pqdb *db);
/* The store's clock and random bytes. */
int64_t pq_handle_now_us(pqdb *db);
void pq_handle_random(pqdb *db, uint8_t *out, size_t n);

/* Begin some steps of work on files that is due (flush, compaction, vacuum) as a command beside the
 * others; *out NULL: nothing is due. What fails is tried again later, by itself. */
int pq_handle_work(pqdb *db, pqdb_replies **out) PQ_MUST_CHECK;
/* Append the names of the namespaces that have files or were written to since the handle was
 * opened, each with a '\n'. It waits for the store. */
int pq_handle_namespaces(pqdb *db, pq_buf *out) PQ_MUST_CHECK;

#endif
