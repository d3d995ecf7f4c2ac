/* parquet/dict_build_int.h - the distinct values of a chunk and an id for each value.
 *
 *   values:  b a a c b          firsts: 0 1 3        (indexes of the first b, a, c)
 *   ids:     0 1 1 2 0          hashes: h(b) h(a) h(c)
 *
 * Ids count up in the order of first appearance, so sorted values give sorted ids. Building stops
 * early when it will not pay: more than 3/4 of a window of 4,096 values are new (values of a small
 * domain start like that, but not for so long), or the PLAIN bytes exceed PQ_DICT_LEN_MAX; and
 * more than 2/3 of all may not be distinct. The hashes are those of a bloom filter.
 */
#ifndef PQ_PARQUET_DICT_BUILD_INT_H
#define PQ_PARQUET_DICT_BUILD_INT_H

#include "base/hash.h"
#include "parquet/encode_int.h"

/* Readers hold a dictionary whole, and a point lookup fetches it: keep it within a request. */
#define PQ_DICT_LEN_MAX ((uint64_t)1 << 20)

typedef struct pq_dict {
  pq_table table;
  pq_buf ids_buf, firsts_buf, hashes_buf; /* owned */
  uint32_t *ids;                          /* per value */
  uint32_t *firsts;                       /* per entry: index of a value */
  uint64_t *hashes;                       /* per entry */
  uint32_t count;                         /* entries */
  uint64_t plain_len;                     /* of the entries */
} pq_dict;

void pq_dict_init(pq_dict *d, pq_cx *cx);
void pq_dict_release(pq_dict *d);

/* Build for `v`. *pays is false when building stopped; then the content is void. */
int pq_dict_build(pq_dict *d, const pq_dense *v, bool *pays) PQ_MUST_CHECK;

/* Append the PLAIN bytes of the first `count` entries. `v` is what it was built for. */
int pq_dict_put_page(const pq_dict *d, const pq_dense *v, uint32_t count,
                     pq_buf *out) PQ_MUST_CHECK;

/* Only hashes[0 … count), for a bloom filter: distinct ones, or, when `is_sorted`, only those that
 * differ from the one before, which is cheaper. */
int pq_dict_hash(pq_dict *d, const pq_dense *v, bool is_sorted) PQ_MUST_CHECK;

#endif
