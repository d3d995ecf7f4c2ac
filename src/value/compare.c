/* value/compare.c - MongoDB's order across all types, equality, hash.
 *
 * Numbers compare by exact value. Whatever is not two integers or two doubles becomes
 *
 *     (-1)^sign * m * 2^two * 10^ten            m of 128 bits
 *
 * and two of those are compared as big integers after moving negative powers to the other side:
 * at most 128 + 1074 + log2(10^420) bits, which LIMBS holds.
 */
#include "value/compare.h"

#include <string.h>

#include "base/hash.h"
#include "value/variant_int.h"

/* No finite double but 0 is outside of 1e-330 .. 1e310. */
enum { SCRATCH_LEN = 4096 };
enum { LIMBS = 96, DOUBLE_TEN_MIN = -330, DOUBLE_TEN_MAX = 310, E9 = 1000000000 };

/* ---- exact comparison of numbers ---- */

typedef struct exact {
  pq_number n;
  int32_t two;
  bool is_double;
} exact;

typedef struct big {
  uint32_t limb[LIMBS];
  int count;
} big;

static void big_mul(big *b, uint32_t factor) {
  uint64_t carry = 0;
  for (int i = 0; i < b->count; i++) {
    carry += (uint64_t)b->limb[i] * factor;
    b->limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry == 0) return;
  pq_assert(b->count < LIMBS);
  b->limb[b->count++] = (uint32_t)carry;
}

/* m * 2^two * 10^ten, both powers >= 0. */
static void big_set(big *b, const pq_number *n, int32_t two, int32_t ten) {
  *b = (big){
      .limb = {(uint32_t)n->lo, (uint32_t)(n->lo >> 32), (uint32_t)n->hi, (uint32_t)(n->hi >> 32)},
      .count = 4};
  for (; ten >= 9; ten -= 9)
    big_mul(b, E9);
  for (; ten > 0; ten--)
    big_mul(b, 10);
  for (; two >= 31; two -= 31)
    big_mul(b, 1u << 31);
  big_mul(b, 1u << two);
}

static int big_compare(const big *a, const big *b) {
  int n = a->count > b->count ? a->count : b->count;
  for (int i = n - 1; i >= 0; i--) {
    uint32_t x = i < a->count ? a->limb[i] : 0, y = i < b->count ? b->limb[i] : 0;
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

static exact exact_of_double(double v) {
  exact e = {.is_double = true};
  uint64_t bits, fraction;
  int32_t power;
  memcpy(&bits, &v, sizeof bits);
  fraction = bits & (((uint64_t)1 << 52) - 1);
  power = (int32_t)(bits >> 52 & 0x7ff);
  e.n.is_negative = bits >> 63 != 0;
  if (power == 0x7ff) {
    e.n.kind = fraction != 0 ? PQ_NUMBER_NAN : PQ_NUMBER_INFINITE;
    return e;
  }
  e.n.lo = power == 0 ? fraction : fraction | (uint64_t)1 << 52;
  e.two = (power == 0 ? 1 : power) - 1075;
  return e;
}

static exact exact_of(pq_value v) {
  exact e = {0};
  int64_t i;
  double d;
  if (pq_value_double(v, &d)) return exact_of_double(d);
  if (pq_value_i64(v, &i)) {
    e.n.is_negative = i < 0;
    e.n.lo = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    return e;
  }
  if (!pq_value_decimal_number(v, &e.n)) e.n.kind = PQ_NUMBER_NAN;
  return e;
}

/* -infinity -2, negative -1, zero 0, positive 1, infinity 2; NaN below all. */
static int class_of(const exact *e) {
  int size = e->n.kind == PQ_NUMBER_INFINITE ? 2 : (e->n.hi | e->n.lo) != 0;
  if (e->n.kind == PQ_NUMBER_NAN) return -3;
  return e->n.is_negative ? -size : size;
}

/* Of two magnitudes that are neither zero nor infinite. */
static int compare_magnitude(const exact *a, const exact *b) {
  int32_t a_ten = pq_number_digits(a->n) + a->n.exponent;
  int32_t b_ten = pq_number_digits(b->n) + b->n.exponent, ten, two;
  big x, y;
  if (!a->is_double && !b->is_double && a_ten != b_ten) return a_ten < b_ten ? -1 : 1;
  if (a->is_double && !b->is_double && (b_ten < DOUBLE_TEN_MIN || b_ten > DOUBLE_TEN_MAX))
    return b_ten > 0 ? -1 : 1;
  if (b->is_double && !a->is_double && (a_ten < DOUBLE_TEN_MIN || a_ten > DOUBLE_TEN_MAX))
    return a_ten > 0 ? 1 : -1;
  ten = a->n.exponent - b->n.exponent;
  two = a->two - b->two;
  big_set(&x, &a->n, two > 0 ? two : 0, ten > 0 ? ten : 0);
  big_set(&y, &b->n, two < 0 ? -two : 0, ten < 0 ? -ten : 0);
  return big_compare(&x, &y);
}

static int compare_exact(const exact *a, const exact *b) {
  int x = class_of(a), y = class_of(b);
  if (x != y) return x < y ? -1 : 1;
  if (x != 1 && x != -1) return 0;
  return x * compare_magnitude(a, b);
}

int pq_number_compare(pq_value a, pq_value b) {
  int64_t i, j;
  double d, e;
  exact x, y;
  if (pq_value_i64(a, &i) && pq_value_i64(b, &j)) return (i > j) - (i < j);
  if (pq_value_double(a, &d) && pq_value_double(b, &e) && d == d && e == e)
    return (d > e) - (d < e);
  x = exact_of(a);
  y = exact_of(b);
  return compare_exact(&x, &y);
}

/* ---- the other types ---- */

static int compare_u64(uint64_t a, uint64_t b) {
  return (a > b) - (a < b);
}

static int compare_int(int64_t a, int64_t b) {
  return (a > b) - (a < b);
}

static pq_type bracket_of(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_MISSING ? PQ_TYPE_NULL : pq_type_bracket(t);
}

/* What large objects, whose fields are stored in another order than the document's, are sorted in:
 * a batch of fields at a time, as nothing is allocated here. One for all levels of nesting: an
 * object inside takes it, and the one outside picks its batch anew. */
typedef struct scratch {
  uint64_t orders[2][SCRATCH_LEN];
  const pq_walk *user;
} scratch;

static int collate(pq_value a, pq_value b, pq_collation collation, scratch *s);

/* Type, then name, then value, pair by pair, then the shorter one first. */
static int compare_fields(pq_walk *x, pq_walk *y, pq_collation collation, scratch *s) {
  pq_field f, g;
  bool is_lent = false;
  for (;;) {
    bool has_f, has_g;
    int order;
    if ((x->is_large || y->is_large) && (!is_lent || s->user != x)) {
      pq_walk_lend(x, s->orders[0], SCRATCH_LEN);
      pq_walk_lend(y, s->orders[1], SCRATCH_LEN);
      s->user = x;
      is_lent = true;
    }
    has_f = pq_walk_next(x, &f);
    has_g = pq_walk_next(y, &g);
    if (!has_f || !has_g) return has_f - has_g;
    order = compare_int(bracket_of(f.value), bracket_of(g.value));
    if (order == 0) order = pq_slice_cmp(f.name, g.name);
    if (order == 0) order = collate(f.value, g.value, collation, s);
    if (order != 0) return order;
  }
}

/* Apart from its caller, which recurses: at most one frame is that large. */
static int compare_large(pq_walk *x, pq_walk *y, pq_collation collation) {
  scratch s;
  s.user = NULL;
  return compare_fields(x, y, collation, &s);
}

static int compare_objects(pq_value a, pq_value b, pq_collation collation, scratch *s) {
  pq_walk x, y;
  pq_walk_init(&x, a);
  pq_walk_init(&y, b);
  if (!x.is_large && !y.is_large) return compare_fields(&x, &y, collation, s);
  if (pq_slice_eq(pq_value_bytes(a), pq_value_bytes(b)) &&
      pq_slice_eq(pq_value_meta(a), pq_value_meta(b)))
    return 0;
  return s == NULL ? compare_large(&x, &y, collation) : compare_fields(&x, &y, collation, s);
}

static int compare_arrays(pq_value a, pq_value b, pq_collation collation, scratch *s) {
  uint32_t m = pq_value_count(a), n = pq_value_count(b);
  for (uint32_t i = 0; i < m && i < n; i++) {
    int order = collate(pq_array_at(a, i), pq_array_at(b, i), collation, s);
    if (order != 0) return order;
  }
  return compare_u64(m, n);
}

static int compare_binary(pq_value a, pq_value b) {
  pq_binary x, y;
  if (!pq_value_any_binary(a, &x) || !pq_value_any_binary(b, &y)) return 0;
  if (x.len != y.len) return compare_u64(x.len, y.len);
  if (x.subtype != y.subtype) return compare_u64(x.subtype, y.subtype);
  if (x.base64.p == NULL && y.base64.p == NULL) return pq_slice_cmp(x.bytes, y.bytes);
  for (size_t i = 0; i < x.len; i++) {
    int order = compare_u64(pq_binary_at(&x, i), pq_binary_at(&y, i));
    if (order != 0) return order;
  }
  return 0;
}

static int compare_dates(pq_value a, pq_value b) {
  int64_t x, y;
  int x_us, y_us;
  if (!pq_value_date_parts(a, &x, &x_us) || !pq_value_date_parts(b, &y, &y_us)) return 0;
  return x != y ? compare_int(x, y) : compare_int(x_us, y_us);
}

static pq_value part(pq_value v, const char *name) {
  pq_value inner;
  if (pq_extended_open(v, &inner) == PQ_EXTENDED_NONE) return (pq_value){0};
  return pq_object_get_str(inner, name);
}

/* By the first part of the object inside, then by the second. */
static int compare_parts(pq_value a, pq_value b, const char *first, const char *second) {
  int order = pq_value_compare(part(a, first), part(b, first));
  return order != 0 ? order : pq_value_compare(part(a, second), part(b, second));
}

static int compare_strings(pq_value a, pq_value b, pq_collation collation) {
  pq_slice x = {0}, y = {0};
  if (!pq_value_string(a, &x) || !pq_value_string(b, &y)) return 0;
  return pq_text_compare(x, y, collation);
}

static int compare_object_ids(pq_value a, pq_value b) {
  pq_slice x = {0}, y = {0};
  if (!pq_value_object_id(a, &x) || !pq_value_object_id(b, &y)) return 0;
  return pq_slice_cmp(x, y);
}

static int collate(pq_value a, pq_value b, pq_collation collation, scratch *s) {
  pq_type type = bracket_of(a), t = bracket_of(b);
  bool p, q;
  if (type != t) return type < t ? -1 : 1;
  switch (type) {
    case PQ_TYPE_INT32: return pq_number_compare(a, b);
    case PQ_TYPE_STRING: return compare_strings(a, b, collation);
    case PQ_TYPE_OBJECT_ID: return compare_object_ids(a, b);
    case PQ_TYPE_OBJECT: return compare_objects(a, b, collation, s);
    case PQ_TYPE_CODE: return compare_objects(a, b, (pq_collation){0}, s);
    case PQ_TYPE_ARRAY: return compare_arrays(a, b, collation, s);
    case PQ_TYPE_BINARY: return compare_binary(a, b);
    case PQ_TYPE_BOOL: return pq_value_bool(a, &p) && pq_value_bool(b, &q) ? p - q : 0;
    case PQ_TYPE_DATE: return compare_dates(a, b);
    case PQ_TYPE_TIMESTAMP: return compare_parts(a, b, "t", "i");
    case PQ_TYPE_REGEX: return compare_parts(a, b, "pattern", "options");
    default: return 0; /* null, minKey, maxKey */
  }
}

int pq_value_collate(pq_value a, pq_value b, pq_collation collation) {
  return collate(a, b, collation, NULL);
}

int pq_value_compare(pq_value a, pq_value b) {
  return pq_value_collate(a, b, (pq_collation){0});
}

bool pq_value_is_equal(pq_value a, pq_value b) {
  return pq_value_compare(a, b) == 0;
}

/* ---- hash ---- */

static uint64_t mix(uint64_t seed, uint64_t v) {
  uint8_t bytes[8];
  pq_wr64(bytes, v);
  return pq_hash((pq_slice){bytes, sizeof bytes}, seed);
}

static uint64_t hash_double(double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return mix(PQ_TYPE_DOUBLE, bits);
}

/* Move trailing zeros into the exponent. Not for zero. */
static void strip_zeros(pq_number *n) {
  for (;;) {
    uint64_t hi = n->hi, lo = n->lo;
    if (pq_div_u128(&hi, &lo, 10) != 0) return;
    n->hi = hi;
    n->lo = lo;
    n->exponent++;
  }
}

/* A decimal that is a whole number of 64 bits. */
static bool whole_decimal(pq_number n, int64_t *out) {
  uint64_t max = (uint64_t)INT64_MAX + n.is_negative;
  *out = 0;
  if (n.kind != PQ_NUMBER_FINITE) return false;
  if ((n.hi | n.lo) == 0) return true;
  strip_zeros(&n);
  if (n.exponent < 0 || n.exponent > 19) return false;
  for (; n.exponent > 0; n.exponent--)
    if (!pq_mul_u128(&n.hi, &n.lo, 10, 0)) return false;
  if (n.hi != 0 || n.lo > max) return false;
  *out = (int64_t)(n.is_negative ? 0 - n.lo : n.lo);
  return true;
}

static bool whole_double(double d, int64_t *out) {
  bool is_near = d >= -9223372036854775808.0 && d < 9223372036854775808.0;
  *out = is_near ? (int64_t)d : 0;
  return is_near && (double)*out == d;
}

/* Equal numbers take the same way: whole numbers of 64 bits as such, then what is a double
 * exactly as that double, then decimals without trailing zeros. */
static uint64_t hash_number(pq_value v) {
  exact e, as_double;
  double d;
  int64_t i;
  if (pq_value_i64(v, &i)) return mix(PQ_TYPE_INT64, (uint64_t)i);
  e = exact_of(v);
  if (e.n.kind == PQ_NUMBER_NAN) return mix(PQ_TYPE_DOUBLE, UINT64_MAX);
  if (!pq_value_number(v, &d)) return 0;
  if (e.is_double ? whole_double(d, &i) : whole_decimal(e.n, &i))
    return mix(PQ_TYPE_INT64, (uint64_t)i);
  as_double = exact_of_double(d);
  if (compare_exact(&e, &as_double) == 0) return hash_double(d);
  strip_zeros(&e.n);
  return mix(mix(mix(PQ_TYPE_DECIMAL, e.n.hi), e.n.lo ^ e.n.is_negative), (uint64_t)e.n.exponent);
}

/* The fields in document order; those of large objects in the order they are stored in, by name,
 * which costs no search for the next one. */
static uint64_t hash_object(pq_value v, uint64_t seed, pq_collation collation) {
  pq_walk w;
  pq_field f;
  uint64_t h = seed;
  pq_walk_init(&w, v);
  w.is_large = false;
  while (pq_walk_next(&w, &f))
    h = mix(pq_hash(f.name, h), pq_value_hash_collated(f.value, collation));
  return h;
}

static uint64_t hash_array(pq_value v, pq_collation collation) {
  uint32_t n = pq_value_count(v);
  uint64_t h = PQ_TYPE_ARRAY;
  for (uint32_t i = 0; i < n; i++)
    h = mix(h, pq_value_hash_collated(pq_array_at(v, i), collation));
  return h;
}

static uint64_t hash_binary(pq_value v) {
  pq_binary b;
  uint64_t h;
  if (!pq_value_any_binary(v, &b)) return 0;
  h = mix(PQ_TYPE_BINARY, b.len << 8 | b.subtype);
  for (size_t i = 0; i < b.len;) { /* in pieces, as base64 is decoded on the way */
    uint8_t piece[256];
    size_t n = 0;
    while (n < sizeof piece && i < b.len)
      piece[n++] = pq_binary_at(&b, i++);
    h = pq_hash((pq_slice){piece, n}, h);
  }
  return h;
}

static uint64_t hash_parts(pq_value v, uint64_t seed, const char *first, const char *second) {
  return mix(mix(seed, pq_value_hash(part(v, first))), pq_value_hash(part(v, second)));
}

uint64_t pq_value_hash_collated(pq_value v, pq_collation collation) {
  pq_type t = bracket_of(v);
  pq_slice text = {0};
  int64_t ms;
  int us;
  bool is_true;
  switch (t) {
    case PQ_TYPE_INT32: return hash_number(v);
    case PQ_TYPE_STRING: return pq_value_string(v, &text) ? pq_text_hash(text, t, collation) : 0;
    case PQ_TYPE_OBJECT_ID: return pq_value_object_id(v, &text) ? pq_hash(text, t) : 0;
    case PQ_TYPE_OBJECT: return hash_object(v, t, collation);
    case PQ_TYPE_CODE: return hash_object(v, t, (pq_collation){0});
    case PQ_TYPE_ARRAY: return hash_array(v, collation);
    case PQ_TYPE_BINARY: return hash_binary(v);
    case PQ_TYPE_BOOL: return mix(t, pq_value_bool(v, &is_true) && is_true);
    case PQ_TYPE_DATE:
      if (!pq_value_date_parts(v, &ms, &us)) return 0;
      return mix(mix(t, (uint64_t)ms), (uint64_t)us);
    case PQ_TYPE_TIMESTAMP: return hash_parts(v, t, "t", "i");
    case PQ_TYPE_REGEX: return hash_parts(v, t, "pattern", "options");
    default: return mix(t, 0);
  }
}

uint64_t pq_value_hash(pq_value v) {
  return pq_value_hash_collated(v, (pq_collation){0});
}
