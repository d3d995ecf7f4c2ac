/* db/conflict.h - did anybody change what a write rests on?
 *
 *   my events, decided on what was there at seq S      their events, after S
 *     posts/p1 UPDATE  ────────────────────────────►   posts/p1 by anybody              conflict
 *     p1 ─author→ u7 CREATE ───────────────────────►   that edge; u7 or p1 DELETE       conflict
 *        and a post has one author ────────────────►   p1 ─author→ u8 CREATE            conflict
 *     users/u9 hard DELETE ────────────────────────►   any edge of u9                   conflict
 *     users/u3 with a key that is unique ──────────►   another user with that key       conflict
 *     anything in posts, an edge from or to there ─►   posts' schema                    conflict
 *     a transaction's record of posts, its indexes ─►   any entity of posts              conflict
 *
 * Their events are an overlay: the tail, the write group that is open, another transaction. So one
 * function judges all three.
 */
#ifndef PQ_DB_CONFLICT_H
#define PQ_DB_CONFLICT_H

#include "schema/unique_key.h"
#include "table/overlay.h"

/* A key that no two live entities of a collection have. */
typedef struct pq_unique_rule {
  pq_slice collection;
  const pq_unique_key *key;
} pq_unique_rule;

/* A write that has been decided and is not stored. */
typedef struct pq_intent {
  const pq_event *events;
  uint32_t count;
  const pq_unique_rule *rules; /* of the collections that it writes */
  uint32_t rule_count;
  bool is_txn;          /* of a transaction: it has not seen all entities of what it indexes */
  bool ignores_schemas; /* theirs are not stored: they are held against mine when they are */
} pq_intent;

/* The event of `theirs` after `after` that is against the write, or NULL in *out. PQ_ENOMEM. */
int pq_conflict_find(pq_cx *cx, const pq_overlay *theirs, uint64_t after, const pq_intent *mine,
                     const pq_event **out) PQ_MUST_CHECK;

#endif
