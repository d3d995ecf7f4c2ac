/* db/verify.h - is everything that is stored whole, and does it agree?
 *
 *   log       entries and checkpoints: there, whole, one after the other
 *   files     every file that an instant may read: CRC, footer, each page and value against
 *             bounds, counts, page index and bloom filter; positions of delete files
 *   history   events in seq order, without gaps, tail included: each link of the hash chain
 *   state     what the events add up to = the live rows: entities, edges forward, edges reverse
 *
 * One step a stage. A file that is broken is told once; what stands on it is not told again. The
 * state is compared through a table of 40 bytes a key; where there are more keys than memory
 * allows, events and rows are read several times, for a part of the keys each. With `is_quick` only
 * checksums, the log and the positions are checked.
 */
#ifndef PQ_DB_VERIFY_H
#define PQ_DB_VERIFY_H

#include "db/db.h"

typedef struct pq_verify pq_verify;

typedef struct pq_verify_options {
  bool is_quick;
  uint64_t keys_max; /* of the table, 0: as limits allow; for tests */
  /* A problem, for the user: the object's key and what is wrong with it, both borrowed. */
  int (*found)(void *ud, const char *key, const char *problem);
  void *ud;
} pq_verify_options;

/* What was looked at, by kind: those of the manifest, and the log's own two. */
enum {
  PQ_VERIFY_LOG = PQ_FILE_KIND_LAST + 1,
  PQ_VERIFY_CHECKPOINTS,
  PQ_VERIFY_KINDS /* 0 stands for nothing */
};

typedef struct pq_verify_kind {
  uint64_t files, bytes;
  uint64_t pages; /* not of a quick one */
} pq_verify_kind;

typedef struct pq_verify_counts {
  pq_verify_kind kinds[PQ_VERIFY_KINDS];
  uint64_t events, links, entities, edges, problems;
} pq_verify_counts;

/* Of a loaded namespace. */
int pq_verify_new(pq_space *space, pq_verify_options options, pq_verify **out) PQ_MUST_CHECK;
void pq_verify_free(pq_verify *v); /* NULL is allowed; no request may be in flight */

/* The next step, as a stage of `op`. PQ_NEED_IO: run the requests of pq_verify_fetch. */
int pq_verify_step(pq_verify *v, pq_op *op, bool *is_end) PQ_MUST_CHECK;

/* The fetch set whose requests the last step waits for; NULL: the operation's own. */
pq_fetch *pq_verify_fetch(const pq_verify *v);

pq_verify_counts pq_verify_result(const pq_verify *v);
/* How far it is, in bytes that are read; *total 0: not known yet. It grows when the state has to be
 * compared in more parts than was thought. */
void pq_verify_progress(const pq_verify *v, uint64_t *done, uint64_t *total);
/* The chain's newest link as hex, for whoever keeps it; empty: no hashes. *from: the first event
 * that it covers. */
void pq_verify_head(const pq_verify *v, char out[PQ_LINK_CAP], uint64_t *from);

#endif
