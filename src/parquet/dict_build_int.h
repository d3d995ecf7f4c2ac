/* parquet/dict_build_int.h - the distinct values of a chunk and an id for each value.
 *
 *   values:  b a a c b          firsts: 0 1 3        (indexes of the first b, a, c)
 *   ids:     0 1 1 2 0          keys:   k(b) k(a) k(c)
 *
 * Ids count up in the order of first appearance, so sorted values give sorted ids. Building stops
 * early when it will not pay: more than 3/4 of a block of 4,096 values are new, and so few have
 * come again that there must be more different ones than a third of all values (20,000 names in
 * 100,000 rows start with 90 % that are new, too); or the PLAIN bytes exceed `len_max`. And more
 * than 2/3 of all may not be distinct.
 */
#ifndef PQ_PARQUET_DICT_BUILD_INT_H
#define PQ_PARQUET_DICT_BUILD_INT_H

#include "base/hash.h"
#include "parquet/encode_int.h"

/* Readers hold a dictionary whole: keep it within a request. A point lookup fetches and unpacks it
 * for one row: there it should be as small as a page. */
#define PQ_DICT_LEN_MAX ((uint64_t)1 << 20)
#define PQ_DICT_LOOKUP_LEN_MAX ((uint64_t)64 << 10)

typedef struct pq_dict {
  pq_cx *cx;                                       /* borrowed */
  pq_buf slots_buf, ids_buf, firsts_buf, keys_buf; /* owned */
  uint32_t *slots;                                 /* open addressing: id + 1, 0: empty */
  unsigned slot_bits;                              /* there are 2^slot_bits of them */
  uint32_t *ids;                                   /* per value */
  uint32_t *firsts;                                /* per entry: index of a value */
  uint64_t *keys;                                  /* per entry, see dict_build.c */
  uint32_t count;                                  /* entries */
  uint64_t plain_len;                              /* of the entries */
} pq_dict;

void pq_dict_init(pq_dict *d, pq_cx *cx);
void pq_dict_release(pq_dict *d);

/* Build for `v`. *pays is false when building stopped; then the content is void. With `len_max` 0
 * it does not stop before the page would be too long for the format, which is PQ_ELIMIT. */
int pq_dict_build(pq_dict *d, const pq_dense *v, uint64_t len_max, bool *pays) PQ_MUST_CHECK;

/* Append the PLAIN bytes of the first `count` entries. `v` is what it was built for. */
int pq_dict_put_page(const pq_dict *d, const pq_dense *v, uint32_t count,
                     pq_buf *out) PQ_MUST_CHECK;

/* keys[0 … count) become the hashes of a bloom filter: of the entries that were built (looking up
 * is over then); or, after pq_dict_hash_start, of the values of all further calls, each once; or,
 * of sorted values, only those that differ from the one before, which is cheaper. */
typedef enum pq_dict_hash_kind {
  PQ_DICT_HASH_ENTRIES,
  PQ_DICT_HASH_ALL,
  PQ_DICT_HASH_SORTED
} pq_dict_hash_kind;

void pq_dict_hash_start(pq_dict *d);
int pq_dict_hash(pq_dict *d, const pq_dense *v, pq_dict_hash_kind kind) PQ_MUST_CHECK;
/* Hashes of something else behind them; then nothing but keys and count may be looked at. */
int pq_dict_hash_more(pq_dict *d, const uint64_t *hashes, uint32_t count) PQ_MUST_CHECK;

#endif
