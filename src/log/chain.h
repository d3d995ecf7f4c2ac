/* log/chain.h - the hash chain: what makes a change of the past visible.
 *
 *   events:  e1 … e40 │ e41 … e47 │ e48 …           │: ends of batches
 *   digest:  D1         D2                          BLAKE2b-256 of the canonical bytes of the
 * events link:    L1 ──────► L2 ──────► L3               L(n) = BLAKE2b-256(L(n-1) || D(n)), L(0) =
 * zeros in the header of batch n; in the column `hash` of its last event's row
 *
 * The canonical bytes of an event (doc/formats/events.md) hold what a flush does not change, so the
 * same link is had from the batch and later from the rows of event files. Digests are made side by
 * side, one a batch; only the links, 64 bytes each, wait for each other.
 * Events before the first link may belong to no chain: they were written before there were hashes.
 * A chain that begins after event 1 begins with a batch of one event, so that a reader of rows, who
 * sees no batches, knows where.
 */
#ifndef PQ_LOG_CHAIN_H
#define PQ_LOG_CHAIN_H

#include "codec/digest.h"
#include "log/event.h"

enum { PQ_LINK_CAP = 2 * PQ_DIGEST_LEN + 1 };

/* Add the canonical bytes of an event. */
void pq_digest_event(pq_digest *d, const pq_event *e);

/* Is it one? Zeros stand for "no hashes yet". */
bool pq_link_is_set(const uint8_t link[PQ_DIGEST_LEN]);
/* As 64 lower-case hex digits, NUL-terminated, and back: false for any other text. */
void pq_link_print(const uint8_t link[PQ_DIGEST_LEN], char out[PQ_LINK_CAP]);
bool pq_link_parse(pq_slice text, uint8_t out[PQ_DIGEST_LEN]);

/* The link after `before` for a batch of that digest; `out` may be `before`. */
void pq_chain_link(const uint8_t before[PQ_DIGEST_LEN], const uint8_t digest[PQ_DIGEST_LEN],
                   uint8_t out[PQ_DIGEST_LEN]);

/* ---- checking a chain, event by event in seq order ---- */

typedef struct pq_chain_check {
  pq_digest digest;
  uint8_t link[PQ_DIGEST_LEN]; /* the last one seen; zeros before the first */
  uint64_t link_seq;           /* of the event that had it, 0: none yet */
  uint64_t from_seq;           /* the first event that a checked link covers, 0: none yet */
  uint64_t open_count;         /* events since the last link */
  uint64_t seq;                /* of the last event */
  bool is_known;               /* `link` is the one before the next; false: it was dropped */
} pq_chain_check;

/* Begin behind event `seq` (0: at the first one), whose link is `before`; NULL: the events up to it
 * were dropped, and the first link found is taken as it is. */
void pq_chain_check_init(pq_chain_check *c, uint64_t seq, const uint8_t before[PQ_DIGEST_LEN]);

/* The next event, with its `hash`. What is wrong with it as text, or NULL. After a fault the check
 * goes on from the link that is stored. An event that was missing is told, and must be given
 * again. */
const char *pq_chain_check_event(pq_chain_check *c, const pq_event *e);

/* The end: all events must be covered when the chain has begun. NULL when nothing is wrong. */
const char *pq_chain_check_end(const pq_chain_check *c);

#endif
