/* server/engine.h - the thread that has the engine: requests in, answers out.
 *
 *     PQ_TRY(pq_engine_start(&server, db, wake, ud, &e));   db is the thread's until stop
 *     pq_engine_submit(e, request);                   any thread; the request is taken
 *     … wake(ud) is called, from the engine's thread …
 *     while ((r = pq_engine_take(e)) != NULL) …       answered requests, owned by the caller
 *     pq_engine_stop(e);                              after what was submitted is answered
 *
 *     loop:  take all requests ─► begin their jobs ─► pqdb_poll ─► advance the jobs, which take
 *            items and summaries ─► finished ones to the other queue ─► work on files
 *
 * While an append syncs, requests gather in the queue; the next pass has all of them, so that their
 * writes share the next append.
 */
#ifndef PQ_SERVER_ENGINE_H
#define PQ_SERVER_ENGINE_H

#include "port/handle.h"
#include "server/request.h"
#include "server/server.h"

typedef struct pq_engine pq_engine;

/* Start the thread. `wake` must be safe to call from any thread. PQ_ENOMEM, PQ_ELIMIT: no thread
 * is to be had; recorded in the handle's context. */
int pq_engine_start(const pq_server *server, pqdb *db, void (*wake)(void *ud), void *ud,
                    pq_engine **out) PQ_MUST_CHECK;

/* A request, or one that was answered in part, for the next part. */
void pq_engine_submit(pq_engine *e, pq_request *r);

/* A client is leaving (client.h): look at what waits. */
void pq_engine_poke(pq_engine *e);

/* NULL: none is finished. */
pq_request *pq_engine_take(pq_engine *e);

/* Answer what was submitted, close all cursors, flush, end the thread and free it. The caller takes
 * the last answers before, or they are dropped; what was answered in part has been cancelled.
 * NULL is allowed. */
void pq_engine_stop(pq_engine *e);

#endif
