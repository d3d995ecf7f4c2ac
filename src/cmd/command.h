/* cmd/command.h - the narrow waist: a command document in, reply documents out, without I/O.
 *
 *     pq_command_open(db, ns, json, payload, now, &c)        parse, refuse what is malformed
 *     while ((rc = pq_command_step(c, now)) == PQ_NEED_IO) driver runs pq_command_fetch(c)
 *     while (pq_command_next(c, &item)) …               take the items, then step again until
 *     pq_command_is_done(c)                             … it is done: pq_command_summary(c)
 *     while (pq_command_abandon(c) == PQ_NEED_IO) driver runs pq_command_fetch(c)
 *     pq_command_close(c)
 *
 * doc/commands.md lists the commands. One command is one operation (io/op.h): its first stage loads
 * the namespace, writes take the namespace's write slot, reads hold a snapshot.
 */
#ifndef PQ_CMD_COMMAND_H
#define PQ_CMD_COMMAND_H

#include "db/db.h"

typedef struct pq_command pq_command;

/* Parse a command for namespace `ns`. `payload` (may be empty) is borrowed until the command is
 * closed; `json` is not. `now_us` goes into new ids. PQ_EINVALID, PQ_EFILTER, PQ_EUPDATE,
 * PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_command_open(pq_db *db, pq_slice ns, pq_slice json, pq_slice payload, int64_t now_us,
                    pq_command **out) PQ_MUST_CHECK;

/* The same for a command that is a value already; it is borrowed until the command is closed. */
int pq_command_open_value(pq_db *db, pq_slice ns, pq_value command, int64_t now_us,
                          pq_command **out) PQ_MUST_CHECK;

/* How far it may reach beyond its namespace, until it is stepped for the first time. */
enum {
  PQ_REACH_SYSTEM = 1,  /* it is the program's own, and may write to PQ_SYSTEM_NS */
  PQ_REACH_CONFINED = 2 /* what other namespaces have is not for who gave it: as if unreachable */
};
void pq_command_set_reach(pq_command *c, unsigned reach);

/* Go on until requests must be run (PQ_NEED_IO), items wait or the command is done (PQ_OK), or it
 * failed. Items that wait stay until they are taken. */
int pq_command_step(pq_command *c, int64_t now_us) PQ_MUST_CHECK;

/* The requests to run after PQ_NEED_IO. */
pq_fetch *pq_command_fetch(pq_command *c);
/* Do the writes of its namespace wait for it? */
bool pq_command_has_write_slot(const pq_command *c);
/* Is it a `maintain` whose work has requests under way that commit nothing? It may be closed: the
 * work stays, the write slot is free meanwhile, and another `maintain` goes on with it. */
bool pq_command_may_leave(const pq_command *c);

/* Take the next waiting item; it is valid until the next step. False: none waits. */
bool pq_command_next(pq_command *c, pq_value *out);
bool pq_command_has_items(const pq_command *c);
bool pq_command_is_done(const pq_command *c);
/* Did the last step end because another command must go on first? Only with db->steps_all. */
bool pq_command_is_waiting(const pq_command *c);
/* Has it a snapshot? One that has given it back to wait (pq_command_queue) has not. */
bool pq_command_is_begun(const pq_command *c);
/* Has it ended, whether its items were taken or not? */
bool pq_command_is_stopped(const pq_command *c);
/* The summary of a command that is done. */
pq_value pq_command_summary(const pq_command *c);
/* Of a write that is done and has no items: give its memory back, but for the summary, so that work
 * on files has it before the command is closed. Others, and without memory: nothing is done. */
void pq_command_rest(pq_command *c);
/* What it asked of the store so far: requests, bytes read, and how often it had to wait. */
void pq_command_cost(const pq_command *c, uint64_t *requests, uint64_t *bytes, uint64_t *rounds);

/* How far a long one is, in bytes: verify, backup. *total 0: nobody knows. */
void pq_command_progress(const pq_command *c, uint64_t *done, uint64_t *total);

/* End what a command that is not done has begun in the store: an append, which others may wait for,
 * goes on to its end; temporary objects are deleted. PQ_NEED_IO, then PQ_OK: it does not fail and
 * keeps the message of the failure before. What cannot be deleted goes when the driver closes.
 * Nothing may follow but the close. NULL is allowed. */
int pq_command_abandon(pq_command *c) PQ_MUST_CHECK;

/* Free it, done or not. No request may be in flight. NULL is allowed. */
void pq_command_close(pq_command *c);

#endif
