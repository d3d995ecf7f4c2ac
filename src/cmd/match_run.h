/* cmd/match_run.h - match: what its stages, its scans and its plan share. match_command.c has the
 * picture.
 */
#ifndef PQ_CMD_MATCH_RUN_H
#define PQ_CMD_MATCH_RUN_H

#include "cmd/command_int.h"
#include "match/match.h"

struct pq_match_run {
  pq_match *query; /* owned */
  const pq_match_ask *ask;
  pq_arena filters;    /* owned: of the running scan */
  uint32_t collection; /* the next one to look at */
  uint64_t given;
  bool is_enough;
  pq_slice *needs; /* of scans, in the command's arena; NULL: all */
  uint32_t need_count;
};

/* ---- match_scan.c: the collections that a question is about ---- */
/* The next one from *at on: of the manifest, of the tail, of the transaction; each once. */
bool pq_match_next_collection(const pq_command *c, uint32_t *at, pq_slice *out);
/* Have all entities of a collection the label, as far as the log and the tail say? */
bool pq_match_is_all(const pq_command *c, pq_slice collection, pq_slice label);
/* The filter of a LABEL or SCAN question for one collection: NULL: nothing of it can match. */
int pq_match_scan_filter(pq_command *c, pq_arena *arena, const pq_match_ask *ask,
                         pq_slice collection, pq_filter **out) PQ_MUST_CHECK;
/* Make c->s.scan: of a collection, with the fields that the query looks at. */
int pq_match_scan(pq_command *c, pq_slice collection, const pq_filter *filter) PQ_MUST_CHECK;

#endif
