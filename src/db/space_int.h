/* db/space_int.h - what the files of db/ share. */
#ifndef PQ_DB_SPACE_INT_H
#define PQ_DB_SPACE_INT_H

#include "db/db.h"
#include "log/batch.h"

/* Install another overlay (taken). The old one is freed, or kept until its readers are gone.
 * PQ_ENOMEM leaves everything as it was. */
int pq_space_replace_overlay(pq_space *s, pq_overlay *overlay) PQ_MUST_CHECK;

/* The newest link of the hash chain at or before `seq`, which is not before the manifest's seq_hi;
 * zeros when there is none. */
void pq_space_link_at(const pq_space *s, uint64_t seq, uint8_t out[PQ_DIGEST_LEN]);

/* The events, which have their seq and ts, as batches and their request, into the commit that sends
 * them. */
int pq_commit_encode(pq_commit *c, pq_space *s, pq_op *op, const pq_event *events,
                     uint32_t event_count) PQ_MUST_CHECK;
/* Leave the group; nothing when in none. */
void pq_commit_leave(pq_commit *c);

/* The smallest entry that may still be made or read; 1: there is no boundary. In a stage of its
 * own: it is read as it is now. A stage call. */
int pq_space_read_boundary(pq_space *s, pq_op *op, uint64_t *entry) PQ_MUST_CHECK;

/* Copy everything that an event borrows into `arena`. */
int pq_event_keep(pq_arena *arena, pq_event *e) PQ_MUST_CHECK;

#endif
