/* parquet/predicate_int.h - one condition on a flat leaf, made ready to be asked of statistics,
 * bloom filters, dictionaries and decoded columns.
 *
 *   KEYS     numbers      value ─► 64-bit key that sorts as the value does ─► lo <= key <= hi
 *   BYTES    strings      unsigned bytes, a prefix first
 *   DECIMAL  byte arrays  big-endian two's complement, as numbers
 *   EQUAL    INT96, INTERVAL, GEOMETRY …: no order, only equal or not
 *
 * Comparisons with numbers all become one interval of keys (NE: its complement), so that testing a
 * column is one subtraction and one comparison a value. Keys of floats have one zero and one NaN,
 * above all other values.
 *
 * Leaving out is only for what is certain: whoever answers `may_match` says false when no value
 * can satisfy the condition, whatever the bounds hide (bounds may be truncated; a NaN may stand
 * beside any bounds of floats).
 */
#ifndef PQ_PARQUET_PREDICATE_INT_H
#define PQ_PARQUET_PREDICATE_INT_H

#include "parquet/file_scan.h"

typedef enum pq_order { PQ_ORDER_KEYS, PQ_ORDER_BYTES, PQ_ORDER_DECIMAL, PQ_ORDER_EQUAL } pq_order;

/* How the keys of a type are made. */
typedef enum pq_key_kind {
  PQ_KEY_SIGNED,
  PQ_KEY_UNSIGNED, /* BOOL too */
  PQ_KEY_FLOAT
} pq_key_kind;

typedef struct pq_condition {
  uint32_t leaf;
  pq_test test;
  pq_phys phys;
  uint32_t type_len;
  pq_order order;
  /* PQ_ORDER_KEYS */
  pq_key_kind key_kind;
  unsigned key_len;     /* bytes of a value: 1, 2, 4 or 8 */
  uint64_t lo, hi;      /* all but IN; lo > hi: nothing matches */
  const uint64_t *keys; /* IN: ascending */
  /* the others: one, or for IN ascending in `order` */
  const pq_slice *values;
  uint32_t value_count;
  const uint64_t *hashes; /* EQ, IN: what a bloom filter is asked; NULL: do not ask */
} pq_condition;

/* Check a predicate and make it ready; arrays live in `arena`, values stay borrowed. PQ_EINVALID:
 * no such leaf, not a flat one, a value of a wrong length, no order. PQ_ENOMEM, PQ_ELIMIT. */
int pq_condition_init(pq_condition *c, pq_arena *arena, const pq_footer *footer,
                      const pq_predicate *p) PQ_MUST_CHECK;

/* What is known of a chunk or a page. */
typedef struct pq_bounds {
  bool is_all_null, may_have_null;
  bool has_min, has_max;
  bool is_nan_free;
  pq_slice min, max; /* min <= every value <= max, perhaps truncated */
} pq_bounds;

pq_bounds pq_bounds_of_chunk(const pq_leaf *leaf, const pq_chunk *chunk);
pq_bounds pq_bounds_of_page(const pq_leaf *leaf, const pq_page_info *page);

/* May a row match, as far as bounds and null counts tell? */
bool pq_condition_may_match(const pq_condition *c, const pq_bounds *b);

/* Which of `n` values, laid out as in a pq_column and none of them null, satisfy a condition that
 * is not about nulls: out[i] = 1 or 0. */
void pq_condition_test_values(const pq_condition *c, const void *values, uint32_t n, uint8_t *out);

/* Clear keep[i] of the rows of a column that do not match. `matches` is what test_values said of
 * the dictionary if the column has codes and the test needs values; `scratch` has row_count
 * bytes. */
void pq_condition_test(const pq_condition *c, const pq_column *column, const uint8_t *matches,
                       uint8_t *scratch, uint8_t *keep);

#endif
