/* db/space_int.h - what the files of db/ share. */
#ifndef PQ_DB_SPACE_INT_H
#define PQ_DB_SPACE_INT_H

#include "db/db.h"
#include "log/batch.h"

/* Install another overlay (taken). The old one is freed, or kept until its readers are gone.
 * PQ_ENOMEM leaves everything as it was. */
int pq_space_replace_overlay(pq_space *s, pq_overlay *overlay) PQ_MUST_CHECK;

/* ---- the tail of a reader (tail_load.c) ---- */

/* Does the overlay hold the first of the hot tier's batches and nothing else, and are those that it
 * lacks batches of events? *known: the first of these. Never for a writer, who reads the hot tier
 * only when he must begin anew. */
bool pq_tail_is_known(const pq_space *s, const pq_hot_state *hot, uint32_t *known);
/* May a batch have events that the load is for? Else it is left out, and the overlay is partial. */
int pq_tail_may_take(const pq_space *s, pq_overlay *o, const pq_hot_batch *batch,
                     bool *may) PQ_MUST_CHECK;
/* The events of a batch, whose raw bytes are `raw`, into the overlay: all of them, or those that
 * the load is for (space.only). `raw` is taken, or left to be released. */
int pq_tail_take(const pq_space *s, pq_overlay *o, const pq_hot_batch *batch,
                 pq_buf *raw) PQ_MUST_CHECK;

/* The newest link of the hash chain at or before `seq`, which is not before the manifest's seq_hi;
 * zeros when there is none. */
void pq_space_link_at(const pq_space *s, uint64_t seq, uint8_t out[PQ_DIGEST_LEN]);

/* The events, which have their seq and ts, as batches and their request, into the commit that sends
 * them. */
int pq_commit_encode(pq_commit *c, pq_space *s, pq_op *op, const pq_event *events,
                     uint32_t event_count) PQ_MUST_CHECK;
/* Does the write still stand, on what there is by now? PQ_OVERTAKEN, or what pq_txns_check says. */
int pq_commit_check(const pq_commit *c, pq_space *s, pq_op *op, const pq_txn *ending) PQ_MUST_CHECK;
/* Times for the commit's events: those of one group rise. */
void pq_commit_set_ts(pq_commit *c, const pq_space *s, int64_t now_us);
/* Seqs for them, in `events`; those of a transaction know its number and each other. */
void pq_commit_number(const pq_commit *c, pq_event *events, uint64_t seq_lo, uint64_t flushed);
/* Leave the group; nothing when in none. */
void pq_commit_leave(pq_commit *c);
/* Takes NULL. */
void pq_bulk_free(pq_bulk *b);

/* The smallest entry that may still be made or read; 1: there is no boundary. In a stage of its
 * own: it is read as it is now. A stage call. */
int pq_space_read_boundary(pq_space *s, pq_op *op, uint64_t *entry) PQ_MUST_CHECK;

/* Copy everything that an event borrows into `arena`. */
int pq_event_keep(pq_arena *arena, pq_event *e) PQ_MUST_CHECK;

#endif
