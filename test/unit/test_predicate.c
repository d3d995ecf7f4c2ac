/* test/unit/test_predicate.c - conditions on values, bounds and bloom hashes, by hand and against a
 * slow model. */
#include "parquet/predicate_int.h"

#include <math.h>

#include "base/hash.h"
#include "unit.h"

static pq_leaf leaf_of(pq_phys phys, pq_note note, uint32_t type_len) {
  pq_leaf leaf = {.phys = phys, .note = note, .type_len = type_len, .def_max = 1};
  leaf.path = PQ_SLICE("c");
  leaf.is_ordered = leaf.has_known_order = true;
  leaf.sort = PQ_SORT_SIGNED;
  if (phys == PQ_PHYS_FLOAT || phys == PQ_PHYS_DOUBLE) leaf.sort = PQ_SORT_FLOAT;
  if (phys == PQ_PHYS_BYTES || phys == PQ_PHYS_FIXED) leaf.sort = PQ_SORT_BYTES;
  if (phys == PQ_PHYS_INT96) leaf.sort = PQ_SORT_NONE;
  return leaf;
}

typedef struct bed {
  pq_cx cx;
  pq_arena arena;
  pq_leaf leaf;
  pq_footer footer;
} bed;

static void bed_init(bed *b, pq_leaf leaf) {
  unit_cx_init(&b->cx);
  pq_arena_init(&b->arena, &b->cx, 1 << 20);
  b->leaf = leaf;
  b->footer = (pq_footer){.leaves = &b->leaf, .leaf_count = 1};
}

static void bed_release(bed *b) {
  pq_arena_release(&b->arena);
  CHECK(unit_live_len == 0);
}

static int make(bed *b, pq_test test, const pq_slice *values, uint32_t count, pq_condition *out) {
  pq_predicate p = {.leaf = 0, .test = test, .values = values, .value_count = count};
  return pq_condition_init(out, &b->arena, &b->footer, &p);
}

#define BYTES_OF(v) ((pq_slice){(const uint8_t *)&(v), sizeof(v)})

static const pq_test comparisons[] = {PQ_TEST_EQ, PQ_TEST_NE, PQ_TEST_LT,
                                      PQ_TEST_LE, PQ_TEST_GT, PQ_TEST_GE};
enum { COMPARISON_COUNT = sizeof comparisons / sizeof comparisons[0] };

static bool holds(pq_test test, int cmp) {
  switch (test) {
    case PQ_TEST_EQ: return cmp == 0;
    case PQ_TEST_NE: return cmp != 0;
    case PQ_TEST_LT: return cmp < 0;
    case PQ_TEST_LE: return cmp <= 0;
    case PQ_TEST_GT: return cmp > 0;
    default: return cmp >= 0;
  }
}

/* ---- every pair of values of a type, against its comparison ---- */

typedef int (*model_cmp)(const void *a, const void *b);

/* Values as slots (to test) and as PLAIN bytes (to compare with). */
typedef struct samples {
  const void *slots;
  const pq_slice *plain;
  uint32_t count;
  model_cmp cmp; /* of plain slices */
} samples;

static void check_bounds(const samples *s, const pq_condition *c, pq_test test, uint32_t probe) {
  for (uint32_t lo = 0; lo < s->count; lo++) {
    for (uint32_t hi = 0; hi < s->count; hi++) {
      pq_bounds b = {.has_min = true, .has_max = true, .min = s->plain[lo], .max = s->plain[hi]};
      bool may = pq_condition_may_match(c, &b), does = false;
      if (s->cmp(&s->plain[lo], &s->plain[hi]) > 0) continue;
      for (uint32_t i = 0; i < s->count; i++)
        if (s->cmp(&s->plain[i], &s->plain[lo]) >= 0 && s->cmp(&s->plain[i], &s->plain[hi]) <= 0)
          does = does || holds(test, s->cmp(&s->plain[i], &s->plain[probe]));
      if (does && !may) CHECK(may); /* rows would be lost */
    }
  }
}

static void check_pairs(pq_leaf leaf, const samples *s) {
  bed b;
  uint8_t out[64];
  bed_init(&b, leaf);
  for (uint32_t t = 0; t < COMPARISON_COUNT; t++) {
    for (uint32_t k = 0; k < s->count; k++) {
      pq_condition c;
      uint32_t wrong = 0;
      CHECK(make(&b, comparisons[t], &s->plain[k], 1, &c) == PQ_OK);
      pq_condition_test_values(&c, s->slots, s->count, out);
      for (uint32_t i = 0; i < s->count; i++)
        wrong += out[i] != holds(comparisons[t], s->cmp(&s->plain[i], &s->plain[k]));
      CHECK(wrong == 0);
      check_bounds(s, &c, comparisons[t], k);
    }
  }
  for (uint32_t k = 0; k <= s->count; k++) { /* IN: the first k */
    pq_condition c;
    uint32_t wrong = 0;
    CHECK(make(&b, PQ_TEST_IN, s->plain, k, &c) == PQ_OK);
    pq_condition_test_values(&c, s->slots, s->count, out);
    for (uint32_t i = 0; i < s->count; i++) {
      bool is_in = false;
      for (uint32_t j = 0; j < k; j++)
        is_in = is_in || s->cmp(&s->plain[i], &s->plain[j]) == 0;
      wrong += out[i] != is_in;
    }
    CHECK(wrong == 0);
  }
  bed_release(&b);
}

#define MODEL(name, type)                           \
  static int name(const void *a, const void *b) {   \
    type x, y;                                      \
    memcpy(&x, ((const pq_slice *)a)->p, sizeof x); \
    memcpy(&y, ((const pq_slice *)b)->p, sizeof y); \
    return x < y ? -1 : x > y;                      \
  }
MODEL(model_u8, uint8_t)
MODEL(model_i32, int32_t)
MODEL(model_u32, uint32_t)
MODEL(model_i64, int64_t)
MODEL(model_u64, uint64_t)

/* A NaN equals a NaN and is above all others. */
#define MODEL_FLOAT(name, type)                       \
  static int name(const void *a, const void *b) {     \
    type x, y;                                        \
    memcpy(&x, ((const pq_slice *)a)->p, sizeof x);   \
    memcpy(&y, ((const pq_slice *)b)->p, sizeof y);   \
    if (x != x || y != y) return (x != x) - (y != y); \
    return x < y ? -1 : x > y;                        \
  }
MODEL_FLOAT(model_f32, float)
MODEL_FLOAT(model_f64, double)

static int model_bytes(const void *a, const void *b) {
  return pq_slice_cmp(*(const pq_slice *)a, *(const pq_slice *)b);
}

#define CHECK_NUMBERS(leaf, values, model)                      \
  do {                                                          \
    enum { COUNT = sizeof(values) / sizeof(values)[0] };        \
    pq_slice plain[COUNT];                                      \
    for (uint32_t i = 0; i < COUNT; i++)                        \
      plain[i] = BYTES_OF((values)[i]);                         \
    check_pairs(leaf, &(samples){values, plain, COUNT, model}); \
  } while (0)

static void test_predicate_numbers(void) {
  static const uint8_t bools[] = {0, 1};
  static const int32_t i32[] = {INT32_MIN, INT32_MIN + 1, -5,       -1, 0, 1,
                                7,         INT32_MAX - 1, INT32_MAX};
  static const int64_t i64[] = {INT64_MIN, INT64_MIN + 1, -5,       -1, 0, 1,
                                7,         INT64_MAX - 1, INT64_MAX};
  static const float f32[] = {-INFINITY, -1.5f, -1e-45f, -0.0f, 0.0f, 1e-45f, 2, INFINITY, NAN};
  static const double f64[] = {-INFINITY, -1.5, -4.9e-324, -0.0, 0.0, 4.9e-324, 2, INFINITY, NAN};
  pq_note none = {0};
  pq_leaf u32 = leaf_of(PQ_PHYS_INT32, none, 0), u64 = leaf_of(PQ_PHYS_INT64, none, 0);
  u32.sort = u64.sort = PQ_SORT_UNSIGNED;
  CHECK_NUMBERS(leaf_of(PQ_PHYS_BOOL, none, 0), bools, model_u8);
  CHECK_NUMBERS(leaf_of(PQ_PHYS_INT32, none, 0), i32, model_i32);
  CHECK_NUMBERS(leaf_of(PQ_PHYS_INT64, none, 0), i64, model_i64);
  CHECK_NUMBERS(u32, i32, model_u32);
  CHECK_NUMBERS(u64, i64, model_u64);
  CHECK_NUMBERS(leaf_of(PQ_PHYS_FLOAT, none, 0), f32, model_f32);
  CHECK_NUMBERS(leaf_of(PQ_PHYS_DOUBLE, none, 0), f64, model_f64);
}

/* Numbers whose annotation is unknown have no order, but they are equal or not. */
static void test_predicate_unknown(void) {
  static const double two[] = {2, 3};
  pq_slice v = BYTES_OF(two[0]);
  pq_leaf leaf = leaf_of(PQ_PHYS_DOUBLE, (pq_note){.kind = PQ_NOTE_OTHER}, 0);
  pq_condition c;
  uint8_t out[2];
  bed b;
  leaf.sort = PQ_SORT_NONE;
  bed_init(&b, leaf);
  CHECK(make(&b, PQ_TEST_LT, &v, 1, &c) == PQ_EINVALID);
  CHECK(make(&b, PQ_TEST_EQ, &v, 1, &c) == PQ_OK);
  pq_condition_test_values(&c, two, 2, out);
  CHECK(out[0] == 1 && out[1] == 0);
  bed_release(&b);
}

static void test_predicate_bytes(void) {
  static const pq_slice strings[] = {PQ_SLICE(""),     PQ_SLICE("a"),       PQ_SLICE("a\0"),
                                     PQ_SLICE("ab"),   PQ_SLICE("b"),       PQ_SLICE("\x7f"),
                                     PQ_SLICE("\x80"), PQ_SLICE("\xff\xff")};
  samples s = {strings, strings, sizeof strings / sizeof strings[0], model_bytes};
  check_pairs(leaf_of(PQ_PHYS_BYTES, (pq_note){0}, 0), &s);
}

/* Big-endian numbers, some padded: in the order of `number`. */
static const struct {
  pq_slice bytes;
  int number;
} decimals[] = {
    {PQ_SLICE("\xfe\xff"), -257}, {PQ_SLICE("\xff\x7f"), -129}, {PQ_SLICE("\x80"), -128},
    {PQ_SLICE("\xff\x80"), -128}, {PQ_SLICE("\xff\xff"), -1},   {PQ_SLICE("\xff"), -1},
    {PQ_SLICE("\0"), 0},          {PQ_SLICE("\0\0"), 0},        {PQ_SLICE("\x01"), 1},
    {PQ_SLICE("\x7f"), 127},      {PQ_SLICE("\0\x80"), 128},    {PQ_SLICE("\x01\0"), 256}};
enum { DECIMAL_COUNT = sizeof decimals / sizeof decimals[0] };

static int decimal_number(pq_slice s) {
  for (uint32_t i = 0; i < DECIMAL_COUNT; i++)
    if (pq_slice_eq(decimals[i].bytes, s)) return decimals[i].number;
  return 0;
}

static int model_decimal(const void *a, const void *b) {
  int x = decimal_number(*(const pq_slice *)a), y = decimal_number(*(const pq_slice *)b);
  return x < y ? -1 : x > y;
}

static void test_predicate_decimals(void) {
  pq_slice all[DECIMAL_COUNT], two[DECIMAL_COUNT];
  pq_leaf leaf = leaf_of(PQ_PHYS_BYTES, (pq_note){.kind = PQ_NOTE_DECIMAL}, 0);
  uint32_t count = 0;
  leaf.sort = PQ_SORT_DECIMAL;
  for (uint32_t i = 0; i < DECIMAL_COUNT; i++) {
    all[i] = decimals[i].bytes;
    if (all[i].n == 2) two[count++] = all[i];
  }
  check_pairs(leaf, &(samples){all, all, DECIMAL_COUNT, model_decimal});
  leaf.phys = PQ_PHYS_FIXED;
  leaf.type_len = 2;
  check_pairs(leaf, &(samples){two, two, count, model_decimal});
}

static int f16_number(pq_slice s) { /* only small whole numbers, and NaN */
  unsigned bits = pq_rd16(s.p), exponent = bits >> 10 & 31, fraction = bits & 1023;
  int v = exponent == 0 ? 0 : (int)((1024 + fraction) << exponent >> 25);
  if (exponent == 31) v = fraction != 0 ? 1 << 20 : 1 << 19;
  return (bits >> 15 && v != 1 << 20) ? -v : v;
}

static int model_f16(const void *a, const void *b) {
  int x = f16_number(*(const pq_slice *)a), y = f16_number(*(const pq_slice *)b);
  return x < y ? -1 : x > y;
}

static void test_predicate_float16(void) {
  static const uint16_t bits[] = {0xfc00, 0xc000, 0xbc00, 0x8000, 0,
                                  0x3c00, 0x4000, 0x7c00, 0x7e00, 0xfe01};
  pq_slice plain[10];
  pq_leaf leaf = leaf_of(PQ_PHYS_FIXED, (pq_note){.kind = PQ_NOTE_FLOAT16}, 2);
  leaf.sort = PQ_SORT_FLOAT16;
  for (uint32_t i = 0; i < 10; i++)
    plain[i] = BYTES_OF(bits[i]);
  check_pairs(leaf, &(samples){plain, plain, 10, model_f16});
}

/* ---- what cannot be ---- */

static void test_predicate_refused(void) {
  static const int64_t eight = 8;
  static const uint8_t long96[12] = {0}, two = 2;
  pq_slice v8 = BYTES_OF(eight), v12 = {long96, 12}, v1 = BYTES_OF(two);
  pq_leaf nested = leaf_of(PQ_PHYS_INT64, (pq_note){0}, 0);
  pq_condition c;
  bed b;
  bed_init(&b, leaf_of(PQ_PHYS_INT32, (pq_note){0}, 0));
  CHECK(make(&b, PQ_TEST_EQ, &v8, 1, &c) == PQ_EINVALID);
  CHECK(make(&b, PQ_TEST_EQ, NULL, 0, &c) == PQ_EINVALID);
  CHECK(make(&b, PQ_TEST_IS_NULL, &v8, 1, &c) == PQ_EINVALID);
  CHECK(make(&b, PQ_TEST_IS_NULL, NULL, 0, &c) == PQ_OK);
  CHECK(make(&b, (pq_test)77, &v8, 1, &c) == PQ_EINVALID);
  b.footer.leaf_count = 0;
  CHECK(make(&b, PQ_TEST_IS_NULL, NULL, 0, &c) == PQ_EINVALID);
  bed_release(&b);
  nested.rep_max = 1;
  bed_init(&b, nested);
  CHECK(make(&b, PQ_TEST_EQ, &v8, 1, &c) == PQ_EINVALID);
  bed_release(&b);
  bed_init(&b, leaf_of(PQ_PHYS_INT96, (pq_note){0}, 0));
  CHECK(make(&b, PQ_TEST_LT, &v12, 1, &c) == PQ_EINVALID);
  CHECK(make(&b, PQ_TEST_EQ, &v12, 1, &c) == PQ_OK && c.hashes == NULL);
  CHECK(strstr(b.cx.msg, "predicate on c: ") == b.cx.msg);
  bed_release(&b);
  bed_init(&b, leaf_of(PQ_PHYS_BOOL, (pq_note){0}, 0));
  CHECK(make(&b, PQ_TEST_EQ, &v1, 1, &c) == PQ_EINVALID);
  bed_release(&b);
}

/* ---- bounds ---- */

static bool may(const pq_condition *c, pq_bounds b) {
  return pq_condition_may_match(c, &b);
}

static void test_predicate_nulls(void) {
  static const int64_t one = 1;
  pq_slice v = BYTES_OF(one);
  pq_bounds none = {0}, all = {.is_all_null = true, .may_have_null = true};
  pq_bounds some = {.may_have_null = true};
  int64_t numbers[] = {0, 1, 1};
  uint8_t nulls[] = {1, 0, 1}, keep[] = {1, 1, 1}, scratch[3];
  pq_column column = {.phys = PQ_PHYS_INT64, .row_count = 3, .nulls = nulls, .v.i64 = numbers};
  pq_condition is_null, not_null, ne;
  bed b;
  bed_init(&b, leaf_of(PQ_PHYS_INT64, (pq_note){0}, 0));
  CHECK(make(&b, PQ_TEST_IS_NULL, NULL, 0, &is_null) == PQ_OK);
  CHECK(make(&b, PQ_TEST_NOT_NULL, NULL, 0, &not_null) == PQ_OK);
  CHECK(make(&b, PQ_TEST_NE, &v, 1, &ne) == PQ_OK);
  CHECK(!may(&is_null, none) && may(&is_null, all) && may(&is_null, some));
  CHECK(may(&not_null, none) && !may(&not_null, all) && may(&not_null, some));
  CHECK(may(&ne, none) && !may(&ne, all) && may(&ne, some));
  pq_condition_test(&ne, &column, NULL, scratch, keep);
  CHECK(keep[0] == 0 && keep[1] == 0 && keep[2] == 0); /* a null is not NE */
  memset(keep, 1, 3);
  pq_condition_test(&is_null, &column, NULL, scratch, keep);
  CHECK(keep[0] == 1 && keep[1] == 0 && keep[2] == 1);
  memset(keep, 1, 3);
  pq_condition_test(&not_null, &column, NULL, scratch, keep);
  CHECK(keep[0] == 0 && keep[1] == 1 && keep[2] == 0);
  bed_release(&b);
}

/* A null count that says "all" beside a bound is not believed. */
static void test_predicate_chunk_bounds(void) {
  pq_leaf leaf = leaf_of(PQ_PHYS_INT64, (pq_note){0}, 0);
  pq_chunk chunk = {.value_count = 10, .stats = {.has_null_count = true, .null_count = 10}};
  CHECK(pq_bounds_of_chunk(&leaf, &chunk).is_all_null);
  chunk.stats.has_min = true;
  CHECK(!pq_bounds_of_chunk(&leaf, &chunk).is_all_null);
  chunk.stats.null_count = 0;
  CHECK(pq_bounds_of_chunk(&leaf, &chunk).may_have_null); /* some writers say 0 and have nulls */
  leaf.def_max = 0;
  CHECK(!pq_bounds_of_chunk(&leaf, &chunk).may_have_null);
}

static void test_predicate_float_bounds(void) {
  static const double values[] = {1, 2, 3, NAN, -0.0, 0.0};
  pq_slice v[6];
  pq_bounds b;
  pq_condition gt, lt, ne, zero;
  bed on;
  for (int i = 0; i < 6; i++)
    v[i] = BYTES_OF(values[i]);
  b = (pq_bounds){.has_min = true, .has_max = true, .min = v[1], .max = v[1]};
  bed_init(&on, leaf_of(PQ_PHYS_DOUBLE, (pq_note){0}, 0));
  CHECK(make(&on, PQ_TEST_GT, &v[2], 1, &gt) == PQ_OK);
  CHECK(make(&on, PQ_TEST_LT, &v[0], 1, &lt) == PQ_OK);
  CHECK(make(&on, PQ_TEST_NE, &v[1], 1, &ne) == PQ_OK);
  CHECK(make(&on, PQ_TEST_EQ, &v[4], 1, &zero) == PQ_OK);
  CHECK(may(&gt, b)); /* a NaN may be there, and is above 3 */
  CHECK(may(&ne, b));
  CHECK(!may(&lt, b));
  CHECK(zero.hashes == NULL); /* the other zero has another hash */
  b.is_nan_free = true;
  CHECK(!may(&gt, b) && !may(&ne, b));
  b.min = b.max = v[5];
  CHECK(may(&zero, b));
  b.min = b.max = v[3]; /* NaN is no bound */
  CHECK(may(&zero, b) && may(&lt, b));
  bed_release(&on);
}

/* Bounds that were cut short still hold; those that contradict each other are not believed. */
static void test_predicate_cut_bounds(void) {
  static const pq_slice apple = PQ_SLICE("apple"), ap = PQ_SLICE("ap"), aq = PQ_SLICE("aq");
  static const pq_slice zoo = PQ_SLICE("zoo");
  pq_bounds b = {.has_min = true, .has_max = true, .min = ap, .max = aq}, wrong = b, open = b;
  pq_condition eq, z, lt;
  bed on;
  wrong.min = zoo;
  open.has_max = false;
  bed_init(&on, leaf_of(PQ_PHYS_BYTES, (pq_note){0}, 0));
  CHECK(make(&on, PQ_TEST_EQ, &apple, 1, &eq) == PQ_OK);
  CHECK(make(&on, PQ_TEST_EQ, &zoo, 1, &z) == PQ_OK);
  CHECK(make(&on, PQ_TEST_LT, &ap, 1, &lt) == PQ_OK);
  CHECK(may(&eq, b) && !may(&z, b) && !may(&lt, b));
  CHECK(may(&eq, wrong) && may(&z, wrong));
  CHECK(may(&z, open) && !may(&lt, open));
  CHECK(eq.hashes != NULL && eq.hashes[0] == pq_hash(apple, 0));
  bed_release(&on);
}

static void test_predicate_dictionary(void) {
  pq_slice words[] = {PQ_SLICE("a"), PQ_SLICE("b")}, b_word = PQ_SLICE("b");
  pq_dictionary dictionary = {2, words};
  uint32_t codes[] = {1, 0, 1, 0};
  uint8_t nulls[] = {0, 0, 0, 1}, keep[] = {1, 1, 0, 1}, matches[2], scratch[4];
  pq_column column = {.phys = PQ_PHYS_BYTES,
                      .row_count = 4,
                      .nulls = nulls,
                      .dictionary = &dictionary,
                      .v.codes = codes};
  pq_condition c;
  bed on;
  bed_init(&on, leaf_of(PQ_PHYS_BYTES, (pq_note){0}, 0));
  CHECK(make(&on, PQ_TEST_EQ, &b_word, 1, &c) == PQ_OK);
  pq_condition_test_values(&c, words, 2, matches);
  CHECK(matches[0] == 0 && matches[1] == 1);
  pq_condition_test(&c, &column, matches, scratch, keep);
  CHECK(keep[0] == 1 && keep[1] == 0 && keep[2] == 0 && keep[3] == 0);
  bed_release(&on);
}

int main(void) {
  RUN(test_predicate_numbers);
  RUN(test_predicate_unknown);
  RUN(test_predicate_bytes);
  RUN(test_predicate_decimals);
  RUN(test_predicate_float16);
  RUN(test_predicate_refused);
  RUN(test_predicate_nulls);
  RUN(test_predicate_chunk_bounds);
  RUN(test_predicate_float_bounds);
  RUN(test_predicate_cut_bounds);
  RUN(test_predicate_dictionary);
  return unit_end();
}
