/* table/tail_keys.h - which entity of the tail has a key that no two may have?
 *
 *   overlay   e17 users/u1 {email: "x"}   e18 users/u2 {email: "y"}   e19 …
 *                 │ keys (schema/unique_key.h), by hash
 *   shelf     users, email_1:  "x" → e17   "y" → e18     made when asked, grows with the overlay
 *
 * Without it each insert into a collection with a unique index would look at the whole tail. It is
 * derived from the overlay, kept with it, and freed with it.
 */
#ifndef PQ_TABLE_TAIL_KEYS_H
#define PQ_TABLE_TAIL_KEYS_H

#include "schema/unique_key.h"
#include "table/tail.h"

/* Calls `take` with each live entity of the tail that has key `k` of `keys`, as of the view, which
 * is the present's. The entity borrows from `scratch` and the overlay. PQ_ENOMEM, and what `take`
 * returns. */
int pq_tail_find_key(const pq_view *v, pq_arena *scratch, pq_slice collection,
                     const pq_unique_key *u, const pq_key_list *keys, uint32_t k,
                     int (*take)(void *ud, const pq_entity *e), void *ud) PQ_MUST_CHECK;

#endif
