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

/* As pqdb_submit; `command` is borrowed until the replies are closed. Where there is no memory for
 * it now, it begins when others have ended; PQDB_LIMIT_EXCEEDED is its answer if none ends. */
int pq_handle_submit(pqdb *db, const char *ns, pq_value command, pqdb_replies **out) PQ_MUST_CHECK;
/* How far the command of the replies may reach beyond its namespace: PQ_REACH_ bits of
 * cmd/command.h. Before the next pqdb_poll. */
void pq_handle_set_reach(pqdb_replies *r, unsigned reach);
/* Whose commands are submitted from now on: they reach the transactions of the same owner, and no
 * others. 0, as at first: the handle's own. */
void pq_handle_set_owner(pqdb *db, uint64_t owner);
/* As pqdb_next; the value is valid until the next call of pqdb_poll or on `r`. */
int pq_handle_next(pqdb_replies *r, pq_value *out) PQ_MUST_CHECK;

/* Whose the command is, as the host calls it; NULL: nobody's. Until it is set anew. */
void pq_handle_set_job(pqdb_replies *r, void *job);

/* Who is asked during a step of a command, some thousand times a second, whether it goes on:
 * `job` is the command's, `took_us` how long the step has taken. 0: it goes on. More: the step
 * ends where it can, and the command is a long one until its items are taken: short ones go before
 * it, long ones take turns. Less: the command fails with this status. */
typedef struct pq_handle_host {
  int (*ask)(void *ud, void *job, int64_t took_us);
  void *ud;
} pq_handle_host;
void pq_handle_set_host(pqdb *db, const pq_handle_host *host);
/* Did the last pqdb_poll do nothing, as each command waits for another one? */
bool pq_handle_is_stuck(const pqdb *db);

/* The context of failures. */
pq_cx *pq_handle_cx(pqdb *db);
/* The store's clock and random bytes. */
int64_t pq_handle_now_us(pqdb *db);
/* Of a warehouse in memory: set the clock, which stands from then on. For tests. */
void pq_handle_set_clock(pqdb *db, int64_t now_us);
void pq_handle_random(pqdb *db, uint8_t *out, size_t n);

/* Have what is written served by other threads from now on, so that commands that wait for nothing
 * go on: pqdb_poll leaves commands whose requests are under way. No command may be open. `wake` is
 * called from those threads when something was served. A warehouse in memory, or one that is only
 * read, stays as it is. PQ_ENOMEM, PQ_ELIMIT, PQ_EIO. */
int pq_handle_write_aside(pqdb *db, void (*wake)(void *ud), void *ud) PQ_MUST_CHECK;
/* As before again; no command may be open. */
void pq_handle_write_here(pqdb *db);
/* After pqdb_poll: does nothing move until something under way is served? */
bool pq_handle_must_wait(const pqdb *db);

/* Begin some steps of work on files that is due (flush, compaction, vacuum) as a command beside the
 * others; *out NULL: nothing is due. What fails is tried again later, by itself. */
int pq_handle_work(pqdb *db, pqdb_replies **out) PQ_MUST_CHECK;
/* May it be closed, because it is done or only waits for files to be stored, which goes on? */
bool pq_handle_is_worked(const pqdb_replies *work);
/* What indexes with expireAfterSeconds say is over is deleted by pq_handle_work, in the namespaces
 * that are in use: each minute, or each so many seconds, at once for the first time; 0: never. */
void pq_handle_expire_every(pqdb *db, int64_t seconds);
/* Does a command wait for memory that others have? What is held for nobody should go now. */
bool pq_handle_is_starved(const pqdb *db);
/* Nobody steps a scan for `idle_us`: then its window, which it can read again, is let go. Are there
 * others that hold one? Between polls. */
bool pq_handle_rest(pqdb *db, int64_t idle_us);
/* Append the names of the namespaces that have files or were written to since the handle was
 * opened, each with a '\n'. It waits for the store. */
int pq_handle_namespaces(pqdb *db, pq_buf *out) PQ_MUST_CHECK;

/* ---- what has happened: asks nothing of the store ---- */

typedef struct pq_handle_space {
  const char *ns; /* borrowed until the handle is closed */
  uint64_t seq;   /* of its last event; 0: none, or nobody asked for the namespace yet */
  int64_t ts;     /* its time */
} pq_handle_space;

/* The i-th namespace that this handle knows, in the order in which it was asked for them. False:
 * there are no more. */
bool pq_handle_space_at(const pqdb *db, uint32_t i, pq_handle_space *out);
/* By its name; *out zeroed: not known. */
bool pq_handle_space_of(const pqdb *db, const char *ns, pq_handle_space *out);

/* Is there an event behind `*after`, of entities, edges and the schema of `collection` (empty: of
 * anything)? True may be a mistake where they are in files; false moves *after to the last one.
 * Only of a handle that writes: what another process wrote is known after a read. */
bool pq_handle_has_news(const pqdb *db, const char *ns, pq_slice collection, uint64_t *after);

/* What was recorded of a collection when the event `seq` had happened (its schema's document,
 * schema/collection_record.h); missing: nothing. Borrowed until the next pqdb_poll. */
pq_value pq_handle_record(const pqdb *db, const char *ns, pq_slice collection, uint64_t seq);

/* Every commit that is still to come, in any namespace, has a later time than this, unless the
 * clock goes back. INT64_MAX: none is under way. */
int64_t pq_handle_settled_us(const pqdb *db);

#endif
