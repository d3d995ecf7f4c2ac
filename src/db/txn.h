/* db/txn.h - transactions: several commands of one namespace that see one instant, see what they
 * did themselves, and are stored together or not at all.
 *
 *   begin ─► S = seq of the newest event
 *     reads    files and tail as of S, and above them `own`                       (table/tail.h)
 *     writes   decided on that; their events go into `own`, numbered from S + 1
 *                 └─ an id that another transaction wrote, or anybody after S: a conflict, at once
 *   commit ─► did anybody change after S what it rests on? ─► one commit of all its events
 *   abort, too old, handle closed ─► forgotten; the store never heard of it
 *
 * What `own` holds is claimed: other writers, in transactions or not, get the conflict. There are
 * no locks besides, no waiting, and reads are never in the way of anybody.
 *
 * All times in `own` are `ts`, a time that no event has; the commit puts its own in their place.
 */
#ifndef PQ_DB_TXN_H
#define PQ_DB_TXN_H

#include "db/db.h"

struct pq_txn {
  uint64_t number; /* of the handle's transactions, from 1 */
  uint64_t owner;  /* pq_db.txn_owner, when it began */
  pq_space *space; /* borrowed */
  uint64_t seq;    /* S */
  int64_t ts;
  int64_t begun_us;
  pq_arena arena; /* what the events borrow from */
  pq_overlay own;
  pq_unique_rule *rules; /* of the collections that it wrote, in `arena` */
  uint32_t rule_count, rule_cap;
  uint32_t user_count; /* commands that are at work in it */
  bool is_ending;      /* its commit runs: nothing more can be done in it */
};

/* Begin one; the namespace is loaded. PQ_ELIMIT when too many are open. */
int pq_txn_begin(pq_space *s, int64_t now_us, pq_txn **out) PQ_MUST_CHECK;

/* The open transaction of that number and owner. PQ_EINVALID when there is none, PQ_ETIMEOUT when
 * it has just been aborted for its age, PQ_EUNSUPPORTED when it is of another namespace. */
int pq_txn_find(pq_space *s, uint64_t number, uint64_t owner, int64_t now_us,
                pq_txn **out) PQ_MUST_CHECK;

/* End and free it: an abort, or what follows a commit. */
void pq_txn_end(pq_txn *t);
/* Free all of a database that is being closed. */
void pq_txns_release(pq_db *db);

/* Numbers of its last event; S: it has none. */
static inline uint64_t pq_txn_last(const pq_txn *t) {
  return t->seq + t->own.version_count;
}

/* Is the write against what another transaction than `mine` (NULL: against any) has done and not
 * committed? PQ_EVERSION then. */
int pq_txns_check(pq_space *s, const pq_txn *mine, const pq_intent *write,
                  int64_t now_us) PQ_MUST_CHECK;

/* Take the events of a write that was decided in it; they are copied. PQ_OVERTAKEN when another
 * command wrote in it since the write's snapshot; PQ_EVERSION when anybody changed what the write
 * rests on after S, as far as the tail knows; PQ_ELIMIT beyond limits.txn_len_max. On PQ_ENOMEM
 * it may hold a part: end it. */
int pq_txn_write(pq_txn *t, const pq_commit *write, int64_t now_us) PQ_MUST_CHECK;

/* The first part of its commit. PQ_EVERSION when anybody changed after S what it rests on. A stage
 * call: events that were flushed since are read. */
int pq_txn_check(pq_txn *t, pq_op *op) PQ_MUST_CHECK;
/* The second: its events and what they rest on into *c. No fetches. */
int pq_txn_take(pq_txn *t, pq_arena *arena, pq_commit *c) PQ_MUST_CHECK;

#endif
