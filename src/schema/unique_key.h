/* schema/unique_key.h - the keys of a document of which no other document may have one.
 *
 *   {"a": 1, "b": 1} unique    {"a": [1, 2], "b": "x"}  ──►  (1, "x") (2, "x")
 *   {"a.b": 1} unique          {"a": [{"b": 1}, {}]}    ──►  (1) (null)
 *   email##                    {"email": null}          ──►  none
 *
 * Of an index the rules are MongoDB's: what is missing is null, each element of an array is a key
 * (an empty one is a key of its own), two fields of one key may not lead through two arrays, a
 * sparse index has no key of which every field is missing, a partial one none of documents that
 * its filter refuses. Of a field with '##' missing, null and lists are no values.
 */
#ifndef PQ_SCHEMA_UNIQUE_KEY_H
#define PQ_SCHEMA_UNIQUE_KEY_H

#include "expr/filter.h"

enum { PQ_INDEX_FIELDS_MAX = 32 };

typedef struct pq_unique_key {
  pq_slice name;  /* of the index; of a field with '##' its path */
  pq_path *paths; /* of the fields, in order */
  uint32_t path_count;
  bool is_index; /* else a field with '##' */
  bool is_sparse;
  const pq_filter *partial; /* NULL: all documents */
  pq_value pattern;         /* {"a": 1, "b": -1}; of a field with '##' missing */
  pq_value partial_spec;    /* what `partial` was parsed from; missing: none */
} pq_unique_key;

/* The keys of one document: `count` times path_count parts. */
typedef struct pq_key_list {
  pq_value *parts;
  uint64_t *hashes;
  uint32_t count, cap;
} pq_key_list;

/* The paths of a pattern {path: direction}. PQ_EINVALID. In `arena`. */
int pq_unique_paths(pq_arena *arena, pq_value pattern, pq_path **out,
                    uint32_t *count) PQ_MUST_CHECK;
/* The same key in another arena. */
int pq_unique_copy(pq_arena *arena, const pq_unique_key *in, pq_unique_key *out) PQ_MUST_CHECK;
/* Of one collection: do both mean the same? */
bool pq_unique_is_same(const pq_unique_key *a, const pq_unique_key *b);

/* The distinct keys of a document, in `arena`; parts borrow from the document. PQ_EINVALID for two
 * arrays side by side, PQ_ELIMIT for too many. */
int pq_unique_keys(const pq_unique_key *u, pq_arena *arena, pq_value doc,
                   pq_key_list *out) PQ_MUST_CHECK;
/* A copy of a part; of a scalar without the names of its document. */
int pq_unique_keep_value(pq_arena *arena, pq_value v, pq_value *out) PQ_MUST_CHECK;
/* Are key `i` of one list and key `k` of another equal? */
bool pq_unique_equal(const pq_unique_key *u, const pq_key_list *a, uint32_t i, const pq_key_list *b,
                     uint32_t k);
/* Has the list a key that is equal to key `k` of `b`? */
bool pq_unique_has(const pq_unique_key *u, const pq_key_list *a, const pq_key_list *b, uint32_t k);

#endif
