/* cmd/cursor_token.h - where a page of a find ended, as text that the next find takes.
 *
 *   base64url( hash 8 │ length of the dictionary 4 │ dictionary │ value )        a Variant, checked
 *      value = {"id": $id, "query": hash, "keys": [[k1], [k2], []], "seq": n}
 *
 * It holds the sort keys and the id of the last item, a hash of what was asked, and with a snapshot
 * the event that all pages are as of. Nothing is kept open for it: the next page is what comes
 * behind that place then, so documents that were inserted meanwhile are neither skipped nor do they
 * shift others. [k] is a key, [] the key of an empty array.
 *
 * The hash is against accidents, not against forgery: a token says nothing that its holder could
 * not ask for.
 */
#ifndef PQ_CMD_CURSOR_TOKEN_H
#define PQ_CMD_CURSOR_TOKEN_H

#include "query/collect.h"

typedef struct pq_cursor_token {
  bool is_set;
  pq_place place;
  uint32_t key_count;
  uint64_t query; /* hash of collection, filter, sort, collation */
  bool is_pinned;
  uint64_t seq; /* when pinned */
} pq_cursor_token;

/* The text, in `arena`. Uses the builder. */
int pq_cursor_token_write(pq_builder *b, pq_arena *arena, const pq_cursor_token *c,
                          pq_slice *out) PQ_MUST_CHECK;

/* Read text from outside; the result lives in `arena`. PQ_EINVALID for what is no token,
 * PQ_ECORRUPT for one that was damaged. The caller compares `query`. */
int pq_cursor_token_read(pq_arena *arena, pq_slice text, pq_cursor_token *out) PQ_MUST_CHECK;

#endif
