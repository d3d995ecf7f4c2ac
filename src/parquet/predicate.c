/* parquet/predicate.c - see predicate_int.h.
 *
 *   pq_predicate ─check─► pq_condition ─┬─ may_match(bounds)     row groups, pages
 *                                       ├─ hashes                bloom filters
 *                                       └─ test(column, codes)   rows
 *
 * A wrong "no" loses rows silently, so each rule here says why it is certain.
 */
#include "parquet/predicate_int.h"

#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "parquet/decode_int.h"

enum { FLOAT16_LEN = 2 };

/* ---- keys ---- */

static uint64_t mask_of(unsigned len) {
  return len == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * len)) - 1;
}

/* The key of a float's bits. One zero, one NaN that is above all. */
static inline uint64_t float_key(uint64_t bits, uint64_t sign, uint64_t infinity) {
  uint64_t mask = sign | (sign - 1), size = bits & (sign - 1);
  if (size > infinity) return mask;
  if (size == 0) return sign;
  return (bits & sign) != 0 ? ~bits & mask : bits | sign;
}

static uint64_t float_key_of(uint64_t bits, unsigned len) {
  if (len == FLOAT16_LEN) return float_key(bits, 0x8000, 0x7c00);
  if (len == 4) return float_key(bits, 0x80000000, 0x7f800000);
  return float_key(bits, (uint64_t)1 << 63, (uint64_t)0x7ff << 52);
}

/* The key of PLAIN bytes, of which there are key_len. */
static uint64_t key_of(const pq_condition *c, const uint8_t *p) {
  uint64_t bits = pq_rdn(p, c->key_len);
  switch (c->key_kind) {
    case PQ_KEY_SIGNED: return bits ^ (uint64_t)1 << (8 * c->key_len - 1);
    case PQ_KEY_UNSIGNED: return bits;
    case PQ_KEY_FLOAT: return float_key_of(bits, c->key_len);
  }
  pq_unreachable("key kind");
}

/* ---- orders of bytes ---- */

/* Without the bytes that only repeat the sign. */
static pq_slice strip_sign(pq_slice s, uint8_t pad) {
  while (s.n > 0 && s.p[0] == pad)
    s = (pq_slice){s.p + 1, s.n - 1};
  return s;
}

static int decimal_cmp(pq_slice a, pq_slice b) {
  bool is_negative = a.n > 0 && a.p[0] >= 0x80;
  if (is_negative != (b.n > 0 && b.p[0] >= 0x80)) return is_negative ? -1 : 1;
  a = strip_sign(a, is_negative ? 0xff : 0);
  b = strip_sign(b, is_negative ? 0xff : 0);
  if (a.n != b.n) return (a.n < b.n) != is_negative ? -1 : 1;
  return pq_slice_cmp(a, b);
}

static int value_cmp(const pq_condition *c, pq_slice a, pq_slice b) {
  return c->order == PQ_ORDER_DECIMAL ? decimal_cmp(a, b) : pq_slice_cmp(a, b);
}

/* ---- making a condition ---- */

static int invalid(pq_cx *cx, const pq_leaf *leaf, const char *what) {
  return pq_fail(cx, PQ_EINVALID, "predicate on %.*s: %s",
                 (int)(leaf->path.n < 80 ? leaf->path.n : 80), (const char *)leaf->path.p, what);
}

static void set_keys(pq_condition *c, pq_key_kind kind, unsigned len) {
  c->order = PQ_ORDER_KEYS;
  c->key_kind = kind;
  c->key_len = len;
}

static void set_order(pq_condition *c, const pq_leaf *leaf) {
  unsigned len = leaf->phys == PQ_PHYS_BOOL ? 1 : (unsigned)pq_phys_len(leaf->phys, 0);
  bool is_float = leaf->phys == PQ_PHYS_FLOAT || leaf->phys == PQ_PHYS_DOUBLE;
  switch (leaf->sort) {
    case PQ_SORT_NONE: /* annotations that say nothing to us stand on numbers too */
      if (pq_phys_is_slice(leaf->phys))
        c->order = PQ_ORDER_EQUAL;
      else
        set_keys(c, is_float ? PQ_KEY_FLOAT : PQ_KEY_UNSIGNED, len);
      break;
    case PQ_SORT_SIGNED:
      set_keys(c, leaf->phys == PQ_PHYS_BOOL ? PQ_KEY_UNSIGNED : PQ_KEY_SIGNED, len);
      break;
    case PQ_SORT_UNSIGNED: set_keys(c, PQ_KEY_UNSIGNED, len); break;
    case PQ_SORT_FLOAT: set_keys(c, PQ_KEY_FLOAT, len); break;
    case PQ_SORT_FLOAT16: set_keys(c, PQ_KEY_FLOAT, FLOAT16_LEN); break;
    case PQ_SORT_BYTES: c->order = PQ_ORDER_BYTES; break;
    case PQ_SORT_DECIMAL: c->order = PQ_ORDER_DECIMAL; break;
  }
}

static int check_values(pq_cx *cx, const pq_leaf *leaf, const pq_predicate *p) {
  uint32_t len = leaf->phys == PQ_PHYS_BOOL ? 1 : pq_phys_len(leaf->phys, leaf->type_len);
  bool is_null_test = p->test == PQ_TEST_IS_NULL || p->test == PQ_TEST_NOT_NULL;
  bool is_any_count = p->test == PQ_TEST_IN;
  bool is_equality = p->test == PQ_TEST_EQ || p->test == PQ_TEST_NE || p->test == PQ_TEST_IN;
  if (!is_any_count && p->value_count != (is_null_test ? 0u : 1u))
    return invalid(cx, leaf, "a wrong number of values");
  if (leaf->sort == PQ_SORT_NONE && !is_equality && !is_null_test)
    return invalid(cx, leaf, "its type has no order");
  for (uint32_t i = 0; i < p->value_count; i++) {
    if (leaf->phys != PQ_PHYS_BYTES && p->values[i].n != len)
      return invalid(cx, leaf, "a value has the wrong length for the column's type");
    if (leaf->phys == PQ_PHYS_BOOL && p->values[i].p[0] > 1)
      return invalid(cx, leaf, "a boolean is 0 or 1");
  }
  return PQ_OK;
}

/* The interval of keys that a comparison with `key` leaves. */
static void set_interval(pq_condition *c, uint64_t key) {
  uint64_t top = mask_of(c->key_len);
  c->lo = 0;
  c->hi = top;
  switch (c->test) {
    case PQ_TEST_EQ:
    case PQ_TEST_NE: c->lo = c->hi = key; break;
    case PQ_TEST_LT:
    case PQ_TEST_LE:
      c->hi = key;
      if (c->test == PQ_TEST_LE) break;
      if (key == 0)
        c->lo = 1; /* nothing is below the lowest */
      else
        c->hi--;
      break;
    case PQ_TEST_GT:
    case PQ_TEST_GE:
      c->lo = key;
      if (c->test == PQ_TEST_GE) break;
      if (key == top)
        c->hi = key - 1; /* nothing is above the highest */
      else
        c->lo++;
      break;
    default: break;
  }
  if (c->lo > c->hi) {
    c->lo = 1;
    c->hi = 0;
  }
}

static int key_cmp(const void *a, const void *b, const void *ud) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  (void)ud;
  return x < y ? -1 : x > y;
}

static int slice_cmp(const void *a, const void *b, const void *ud) {
  return value_cmp(ud, *(const pq_slice *)a, *(const pq_slice *)b);
}

static int copy_values(pq_condition *c, pq_arena *arena, const pq_predicate *p) {
  if (c->order == PQ_ORDER_KEYS) {
    uint64_t *keys = pq_arena_calloc(arena, p->value_count, sizeof *keys);
    if (keys == NULL) return arena->cx->code;
    for (uint32_t i = 0; i < p->value_count; i++)
      keys[i] = key_of(c, p->values[i].p);
    PQ_TRY(pq_sort_items(arena->cx, keys, p->value_count, sizeof *keys, key_cmp, NULL));
    c->keys = keys;
    if (p->value_count > 0) set_interval(c, keys[0]);
  } else {
    pq_slice *values = pq_arena_calloc(arena, p->value_count, sizeof *values);
    if (values == NULL) return arena->cx->code;
    if (p->value_count > 0) memcpy(values, p->values, p->value_count * sizeof *values);
    PQ_TRY(pq_sort_items(arena->cx, values, p->value_count, sizeof *values, slice_cmp, c));
    c->values = values;
  }
  c->value_count = p->value_count;
  return PQ_OK;
}

/* May a bloom filter be asked for this value? Only where equal values have equal bytes: there are
 * two zeros and many NaNs, and a DECIMAL of any length may be padded. */
static bool has_one_form(const pq_condition *c, pq_slice value) {
  if (c->order == PQ_ORDER_EQUAL || c->phys == PQ_PHYS_BOOL) return false;
  if (c->order == PQ_ORDER_DECIMAL) return c->phys == PQ_PHYS_FIXED;
  if (c->order == PQ_ORDER_KEYS && c->key_kind == PQ_KEY_FLOAT) {
    uint64_t key = key_of(c, value.p), top = mask_of(c->key_len);
    return key != top && key != top / 2 + 1;
  }
  return true;
}

static int hash_values(pq_condition *c, pq_arena *arena, const pq_predicate *p) {
  uint64_t *hashes;
  if (p->test != PQ_TEST_EQ && p->test != PQ_TEST_IN) return PQ_OK;
  for (uint32_t i = 0; i < p->value_count; i++)
    if (!has_one_form(c, p->values[i])) return PQ_OK;
  hashes = pq_arena_calloc(arena, p->value_count, sizeof *hashes);
  if (hashes == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < p->value_count; i++)
    hashes[i] = pq_hash(p->values[i], 0);
  c->hashes = hashes;
  return PQ_OK;
}

int pq_condition_init(pq_condition *c, pq_arena *arena, const pq_footer *footer,
                      const pq_predicate *p) {
  const pq_leaf *leaf;
  *c = (pq_condition){0};
  if (p->leaf >= footer->leaf_count)
    return pq_fail(arena->cx, PQ_EINVALID, "predicate on column %u, but there are %u",
                   (unsigned)p->leaf, (unsigned)footer->leaf_count);
  leaf = &footer->leaves[p->leaf];
  if (leaf->rep_max > 0 || leaf->def_max > 1) return invalid(arena->cx, leaf, "it is nested");
  if ((unsigned)p->test > PQ_TEST_NOT_NULL) return invalid(arena->cx, leaf, "an unknown test");
  *c = (pq_condition){
      .leaf = p->leaf, .test = p->test, .phys = leaf->phys, .type_len = leaf->type_len};
  set_order(c, leaf);
  PQ_TRY(check_values(arena->cx, leaf, p));
  PQ_TRY(copy_values(c, arena, p));
  return hash_values(c, arena, p);
}

/* ---- bounds ---- */

pq_bounds pq_bounds_of_chunk(const pq_leaf *leaf, const pq_chunk *chunk) {
  const pq_stats *s = &chunk->stats;
  bool has_bound = s->has_min || s->has_max;
  return (pq_bounds){
      /* null_count of all values beside a bound is a contradiction: believe neither */
      .is_all_null = s->has_null_count && s->null_count == chunk->value_count && !has_bound,
      /* Arrow C++ 4 counted no nulls in dictionary columns that had some: 0 proves nothing */
      .may_have_null = leaf->def_max > 0,
      .has_min = s->has_min,
      .has_max = s->has_max,
      .is_nan_free = s->is_nan_free,
      .min = s->min,
      .max = s->max};
}

pq_bounds pq_bounds_of_page(const pq_leaf *leaf, const pq_page_info *page) {
  return (pq_bounds){.is_all_null = page->is_null_page,
                     .may_have_null = leaf->def_max > 0,
                     .has_min = page->has_bounds,
                     .has_max = page->has_bounds,
                     .is_nan_free = page->is_nan_free,
                     .min = page->min,
                     .max = page->max};
}

/* All keys lie in [*lo, *hi]. */
static void key_bounds(const pq_condition *c, const pq_bounds *b, uint64_t *lo, uint64_t *hi) {
  uint64_t top = mask_of(c->key_len);
  bool is_float = c->key_kind == PQ_KEY_FLOAT;
  *lo = b->has_min && b->min.n == c->key_len ? key_of(c, b->min.p) : 0;
  *hi = b->has_max && b->max.n == c->key_len ? key_of(c, b->max.p) : top;
  if (*lo > *hi || (is_float && *lo == top)) *lo = 0, *hi = top;
  if (is_float && !b->is_nan_free) *hi = top; /* bounds leave NaNs out */
}

static bool keys_may_match(const pq_condition *c, const pq_bounds *b) {
  uint64_t lo, hi;
  key_bounds(c, b, &lo, &hi);
  if (c->test == PQ_TEST_NE) return lo != hi || lo != c->lo;
  if (c->test != PQ_TEST_IN) return c->lo <= c->hi && c->lo <= hi && c->hi >= lo;
  for (uint32_t i = 0; i < c->value_count; i++)
    if (c->keys[i] >= lo && c->keys[i] <= hi) return true;
  return false;
}

static bool slice_may_match(const pq_condition *c, pq_slice value, const pq_bounds *b) {
  int low = b->has_min ? value_cmp(c, b->min, value) : -1;
  int high = b->has_max ? value_cmp(c, b->max, value) : 1;
  switch (c->test) {
    case PQ_TEST_NE: return low != 0 || high != 0; /* both equal: all values are this one */
    case PQ_TEST_LT: return low < 0;
    case PQ_TEST_LE: return low <= 0;
    case PQ_TEST_GT: return high > 0;
    case PQ_TEST_GE: return high >= 0;
    default: return low <= 0 && high >= 0;
  }
}

static bool slices_may_match(const pq_condition *c, const pq_bounds *b) {
  pq_bounds known = *b;
  if (c->order == PQ_ORDER_EQUAL) return true;
  /* A DECIMAL that has been cut short is another number, and only FIXED shows it. */
  if (c->order == PQ_ORDER_DECIMAL) {
    known.has_min = b->has_min && c->phys == PQ_PHYS_FIXED && b->min.n == c->type_len;
    known.has_max = b->has_max && c->phys == PQ_PHYS_FIXED && b->max.n == c->type_len;
  }
  if (known.has_min && known.has_max && value_cmp(c, known.min, known.max) > 0) return true;
  for (uint32_t i = 0; i < c->value_count; i++)
    if (slice_may_match(c, c->values[i], &known)) return true;
  return false;
}

bool pq_condition_may_match(const pq_condition *c, const pq_bounds *b) {
  if (c->test == PQ_TEST_IS_NULL) return b->may_have_null;
  if (b->is_all_null) return false;
  if (c->test == PQ_TEST_NOT_NULL) return true;
  return c->order == PQ_ORDER_KEYS ? keys_may_match(c, b) : slices_may_match(c, b);
}

/* ---- values ---- */

static bool is_key_listed(const pq_condition *c, uint64_t key) {
  uint32_t low = 0, high = c->value_count;
  while (low < high) {
    uint32_t mid = low + (high - low) / 2;
    if (c->keys[mid] < key)
      low = mid + 1;
    else
      high = mid;
  }
  return low < c->value_count && c->keys[low] == key;
}

static bool is_value_listed(const pq_condition *c, pq_slice value) {
  uint32_t low = 0, high = c->value_count;
  while (low < high) {
    uint32_t mid = low + (high - low) / 2;
    if (value_cmp(c, c->values[mid], value) < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return low < c->value_count && value_cmp(c, c->values[low], value) == 0;
}

static uint32_t f32_bits(float v) {
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

static uint64_t f64_bits(double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

/* The slots of nulls are zeroed slices, which are tested as well. */
static uint64_t f16_key(pq_slice s) {
  return s.n < FLOAT16_LEN ? 0 : float_key_of(pq_rd16(s.p), FLOAT16_LEN);
}

#define SIGN32 0x80000000u
#define SIGN64 ((uint64_t)1 << 63)

/* A loop for each type: its keys against the interval, or against the list. */
#define TEST_KEYS(name, type, key_of_v)                                                   \
  static void name(const pq_condition *c, const type *values, uint32_t n, uint8_t *out) { \
    uint64_t lo = c->lo, width = c->hi - c->lo;                                           \
    if (c->test == PQ_TEST_IN) {                                                          \
      for (uint32_t i = 0; i < n; i++) {                                                  \
        type v = values[i];                                                               \
        out[i] = is_key_listed(c, (key_of_v));                                            \
      }                                                                                   \
      return;                                                                             \
    }                                                                                     \
    for (uint32_t i = 0; i < n; i++) {                                                    \
      type v = values[i];                                                                 \
      out[i] = (uint64_t)(key_of_v)-lo <= width;                                          \
    }                                                                                     \
  }
TEST_KEYS(test_b, uint8_t, v)
TEST_KEYS(test_i32, int32_t, (uint32_t)v ^ SIGN32)
TEST_KEYS(test_u32, int32_t, (uint32_t)v)
TEST_KEYS(test_i64, int64_t, (uint64_t)v ^ SIGN64)
TEST_KEYS(test_u64, int64_t, (uint64_t)v)
TEST_KEYS(test_f32, float, float_key(f32_bits(v), SIGN32, 0x7f800000))
TEST_KEYS(test_f64, double, float_key(f64_bits(v), SIGN64, (uint64_t)0x7ff << 52))
TEST_KEYS(test_f16, pq_slice, f16_key(v))

static void flip(uint8_t *out, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    out[i] ^= 1;
}

static void test_keys(const pq_condition *c, const void *values, uint32_t n, uint8_t *out) {
  bool is_unsigned = c->key_kind == PQ_KEY_UNSIGNED;
  if (c->test != PQ_TEST_IN && c->lo > c->hi) {
    memset(out, 0, n);
    return;
  }
  switch (c->phys) {
    case PQ_PHYS_BOOL: test_b(c, values, n, out); break;
    case PQ_PHYS_INT32: (is_unsigned ? test_u32 : test_i32)(c, values, n, out); break;
    case PQ_PHYS_INT64: (is_unsigned ? test_u64 : test_i64)(c, values, n, out); break;
    case PQ_PHYS_FLOAT: test_f32(c, values, n, out); break;
    case PQ_PHYS_DOUBLE: test_f64(c, values, n, out); break;
    default: test_f16(c, values, n, out); break;
  }
  if (c->test == PQ_TEST_NE) flip(out, n);
}

static bool is_equal(pq_slice a, pq_slice b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void test_equal(pq_slice value, const pq_slice *values, uint32_t n, uint8_t *out) {
  for (uint32_t i = 0; i < n; i++)
    out[i] = is_equal(values[i], value);
}

static void test_slices(const pq_condition *c, const pq_slice *values, uint32_t n, uint8_t *out) {
  bool is_below = c->test == PQ_TEST_LT || c->test == PQ_TEST_LE;
  bool is_with = c->test == PQ_TEST_LE || c->test == PQ_TEST_GE;
  if (c->test == PQ_TEST_IN) {
    for (uint32_t i = 0; i < n; i++)
      out[i] = is_value_listed(c, values[i]);
  } else if (c->test == PQ_TEST_EQ || c->test == PQ_TEST_NE) {
    if (c->order != PQ_ORDER_DECIMAL)
      test_equal(c->values[0], values, n, out);
    else
      for (uint32_t i = 0; i < n; i++)
        out[i] = decimal_cmp(values[i], c->values[0]) == 0;
    if (c->test == PQ_TEST_NE) flip(out, n);
  } else {
    for (uint32_t i = 0; i < n; i++) {
      int cmp = value_cmp(c, values[i], c->values[0]);
      out[i] = is_below ? cmp < 0 || (is_with && cmp == 0) : cmp > 0 || (is_with && cmp == 0);
    }
  }
}

void pq_condition_test_values(const pq_condition *c, const void *values, uint32_t n, uint8_t *out) {
  pq_assert(c->test != PQ_TEST_IS_NULL && c->test != PQ_TEST_NOT_NULL);
  if (c->order == PQ_ORDER_KEYS)
    test_keys(c, values, n, out);
  else
    test_slices(c, values, n, out);
}

/* IS_NULL, NOT_NULL. */
static void test_nulls(const pq_condition *c, const pq_column *column, uint8_t *keep) {
  uint32_t n = column->row_count;
  uint8_t flip = c->test == PQ_TEST_NOT_NULL;
  for (uint32_t i = 0; i < n; i++)
    keep[i] &= (uint8_t)((column->nulls == NULL ? 0 : column->nulls[i]) ^ flip);
}

void pq_condition_test(const pq_condition *c, const pq_column *column, const uint8_t *matches,
                       uint8_t *scratch, uint8_t *keep) {
  uint32_t n = column->row_count;
  if (c->test == PQ_TEST_IS_NULL || c->test == PQ_TEST_NOT_NULL) {
    test_nulls(c, column, keep);
    return;
  }
  if (column->dictionary != NULL) {
    for (uint32_t i = 0; i < n; i++)
      keep[i] &= matches[column->v.codes[i]];
  } else {
    pq_condition_test_values(c, column->v.any, n, scratch);
    for (uint32_t i = 0; i < n; i++)
      keep[i] &= scratch[i];
  }
  for (uint32_t i = 0; i < n && column->nulls != NULL; i++)
    keep[i] &= (uint8_t)(column->nulls[i] ^ 1);
}
