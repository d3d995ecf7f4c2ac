/* query/column_test.c - see column_test.h. */
#include "query/column_test.h"

#include <string.h>

#define SIGN ((uint64_t)1 << 63)
#define INFINITY_BITS ((uint64_t)0x7ff << 52)

pq_type pq_index_bracket(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_INT64:
    case PQ_INDEX_DOUBLE: return PQ_TYPE_INT32;
    case PQ_INDEX_STRING: return PQ_TYPE_STRING;
    case PQ_INDEX_BOOL: return PQ_TYPE_BOOL;
    case PQ_INDEX_TIMESTAMP: return PQ_TYPE_DATE;
    case PQ_INDEX_OBJECT_ID: return PQ_TYPE_OBJECT_ID;
    default: break;
  }
  pq_unreachable("index type");
}

/* ---- intervals of numbers ----
 *
 * Numbers of a column have keys that sort as they do; NaN has none. */

static double real_of(uint64_t key) {
  uint64_t bits = (key & SIGN) != 0 ? key ^ SIGN : ~key;
  double v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static int64_t integer_of(uint64_t key) {
  uint64_t bits = key ^ SIGN;
  int64_t v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

/* The value of a key against the operand. */
static int compare_key(pq_index_type type, uint64_t key, pq_value operand) {
  pq_cell cell;
  pq_value v;
  if (type == PQ_INDEX_DOUBLE)
    v = pq_cell_double(&cell, real_of(key));
  else if (type == PQ_INDEX_TIMESTAMP)
    v = pq_cell_date(&cell, integer_of(key));
  else
    v = pq_cell_i64(&cell, integer_of(key));
  return pq_value_compare(v, operand);
}

/* The first key in [lo, hi] whose value is not below the operand (`is_above`: above it); *is_there
 * is false when there is none. */
static uint64_t first_key(pq_index_type type, pq_value operand, bool is_above, bool *is_there) {
  uint64_t lo = 0, hi = UINT64_MAX;
  if (type == PQ_INDEX_DOUBLE) {
    lo = ~(INFINITY_BITS | SIGN);
    hi = INFINITY_BITS | SIGN;
  }
  *is_there = compare_key(type, hi, operand) >= (is_above ? 1 : 0);
  while (lo < hi) {
    uint64_t mid = lo + (hi - lo) / 2;
    if (compare_key(type, mid, operand) >= (is_above ? 1 : 0))
      hi = mid;
    else
      lo = mid + 1;
  }
  return lo;
}

typedef struct interval {
  bool is_empty;
  uint64_t lo, hi; /* keys, both inside */
} interval;

/* The values that satisfy a comparison with an operand of their bracket, which is no NaN. */
static interval interval_of(pq_index_type type, pq_push_op op, pq_value operand) {
  uint64_t bottom = 0, top = UINT64_MAX, at_least, above;
  bool has_at_least, has_above;
  interval none = {.is_empty = true};
  if (type == PQ_INDEX_DOUBLE) {
    bottom = ~(INFINITY_BITS | SIGN);
    top = INFINITY_BITS | SIGN;
  }
  at_least = first_key(type, operand, false, &has_at_least);
  above = first_key(type, operand, true, &has_above);
  switch (op) {
    case PQ_PUSH_GT: return has_above ? (interval){false, above, top} : none;
    case PQ_PUSH_GTE: return has_at_least ? (interval){false, at_least, top} : none;
    case PQ_PUSH_LT:
      if (!has_at_least) return (interval){false, bottom, top};
      return at_least > bottom ? (interval){false, bottom, at_least - 1} : none;
    case PQ_PUSH_LTE:
      if (!has_above) return (interval){false, bottom, top};
      return above > bottom ? (interval){false, bottom, above - 1} : none;
    default: break;
  }
  if (!has_at_least || (has_above && above == at_least)) return none;
  return (interval){false, at_least, has_above ? above - 1 : top};
}

static bool is_nan(pq_value v) {
  double d;
  return pq_value_number(v, &d) && d != d;
}

static bool matches_nan(const pq_push *term) {
  pq_cell cell;
  uint64_t bits = INFINITY_BITS | 1 << 20;
  double nan;
  memcpy(&nan, &bits, sizeof nan);
  return pq_push_match(term, pq_cell_double(&cell, nan));
}

static void set_numbers(pq_column_test *t, pq_value operand) {
  interval i = interval_of(t->type, t->term->op, operand);
  t->kind = t->type == PQ_INDEX_DOUBLE ? PQ_COLUMN_TEST_F64 : PQ_COLUMN_TEST_I64;
  t->lo = 1;
  t->real_lo = 1;
  if (i.is_empty) return;
  t->lo = integer_of(i.lo);
  t->hi = integer_of(i.hi);
  t->real_lo = real_of(i.lo);
  t->real_hi = real_of(i.hi);
}

/* The operands come sorted, and so do their values. */
static int set_number_list(pq_column_test *t, pq_arena *arena) {
  t->kind = t->type == PQ_INDEX_DOUBLE ? PQ_COLUMN_TEST_F64 : PQ_COLUMN_TEST_I64;
  t->integers = pq_arena_calloc(arena, t->term->operand_count, sizeof *t->integers);
  t->reals = pq_arena_calloc(arena, t->term->operand_count, sizeof *t->reals);
  if (t->integers == NULL || t->reals == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < t->term->operand_count; i++) {
    pq_value v = t->term->operands[i];
    interval at;
    if (pq_type_bracket(pq_value_type(v)) != pq_index_bracket(t->type) || is_nan(v)) continue;
    at = interval_of(t->type, PQ_PUSH_EQ, v);
    if (at.is_empty) continue;
    t->integers[t->count] = integer_of(at.lo);
    t->reals[t->count++] = real_of(at.lo);
  }
  return PQ_OK;
}

/* ---- text ---- */

static bool text_of(pq_index_type type, pq_value v, pq_slice *out) {
  return type == PQ_INDEX_OBJECT_ID ? pq_value_object_id(v, out) : pq_value_string(v, out);
}

static int set_texts(pq_column_test *t, pq_arena *arena) {
  bool is_list = t->term->op == PQ_PUSH_IN;
  t->texts = pq_arena_calloc(arena, t->term->operand_count, sizeof *t->texts);
  if (t->texts == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < t->term->operand_count; i++)
    t->count += text_of(t->type, t->term->operands[i], &t->texts[t->count]);
  t->kind = is_list ? PQ_COLUMN_TEST_TEXT_IN : PQ_COLUMN_TEST_TEXT;
  if (!is_list && t->count != 1) t->kind = PQ_COLUMN_TEST_VALUES;
  /* ObjectIds are compared as what they are; only their equality is that of the digits. */
  if (t->type == PQ_INDEX_OBJECT_ID && t->term->op != PQ_PUSH_EQ) t->kind = PQ_COLUMN_TEST_VALUES;
  return PQ_OK;
}

/* ---- preparing ---- */

/* A comparison with an operand of another bracket than the column's, or with NaN: it is the same
 * for all values of the column, NaN left out. */
static bool is_foreign(const pq_column_test *t) {
  pq_value x;
  if (t->term->op > PQ_PUSH_LTE) return false;
  x = t->term->operands[0];
  return pq_type_bracket(pq_value_type(x)) != pq_index_bracket(t->type) || is_nan(x);
}

static int set_foreign(pq_column_test *t, pq_arena *arena) {
  static const char digits[] = "000000000000000000000000";
  uint64_t zero = 0;
  pq_slice text = PQ_SLICE("");
  pq_column one = {.phys = PQ_PHYS_INT64, .row_count = 1, .v.any = &zero};
  pq_cell cell;
  pq_value v;
  if (t->type == PQ_INDEX_OBJECT_ID) text = pq_str(digits);
  if (t->type == PQ_INDEX_STRING || t->type == PQ_INDEX_OBJECT_ID) one.v.bytes = &text;
  PQ_TRY(pq_index_value(arena, &one, 0, t->type, &cell, &v));
  t->kind = pq_push_match(t->term, v) ? PQ_COLUMN_TEST_ALL : PQ_COLUMN_TEST_NONE;
  return PQ_OK;
}

static int set_bools(pq_column_test *t, pq_arena *arena) {
  for (uint8_t b = 0; b < 2; b++) {
    pq_column one = {.phys = PQ_PHYS_BOOL, .row_count = 1, .v.b = &b};
    pq_cell cell;
    pq_value v;
    PQ_TRY(pq_index_value(arena, &one, 0, PQ_INDEX_BOOL, &cell, &v));
    t->of_bool[b] = pq_push_match(t->term, v) ? PQ_YES : PQ_NO;
  }
  t->kind = PQ_COLUMN_TEST_BOOL;
  return PQ_OK;
}

int pq_column_test_init(pq_column_test *t, pq_arena *arena, const pq_push *term, pq_index_type type,
                        bool is_exact) {
  bool is_text = type == PQ_INDEX_STRING || type == PQ_INDEX_OBJECT_ID;
  *t = (pq_column_test){.term = term, .type = type, .kind = PQ_COLUMN_TEST_VALUES};
  t->of_missing = PQ_MAYBE;
  if (is_exact) t->of_missing = pq_push_match(term, (pq_value){0}) ? PQ_YES : PQ_NO;
  if (type == PQ_INDEX_DOUBLE) t->of_nan = matches_nan(term);
  if (type == PQ_INDEX_BOOL) return set_bools(t, arena);
  if (term->op == PQ_PUSH_EXISTS) t->kind = PQ_COLUMN_TEST_ALL;
  if (term->op == PQ_PUSH_EXISTS || term->op == PQ_PUSH_OTHER) return PQ_OK;
  if (is_foreign(t)) return set_foreign(t, arena);
  if (term->op == PQ_PUSH_PREFIX) {
    if (type == PQ_INDEX_STRING && !term->is_folded) t->kind = PQ_COLUMN_TEST_PREFIX;
    return PQ_OK;
  }
  if (is_text) return term->is_folded ? PQ_OK : set_texts(t, arena);
  if (term->op == PQ_PUSH_IN) return set_number_list(t, arena);
  set_numbers(t, term->operands[0]);
  return PQ_OK;
}

/* ---- testing ---- */

static uint8_t yes_if(bool is_true) {
  return (uint8_t)(-(int)is_true & PQ_YES);
}

static bool has_integer(const pq_column_test *t, int64_t v) {
  uint32_t lo = 0, hi = t->count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (t->integers[mid] < v)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < t->count && t->integers[lo] == v;
}

static bool has_real(const pq_column_test *t, double v) {
  uint32_t lo = 0, hi = t->count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (t->reals[mid] < v)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < t->count && t->reals[lo] == v;
}

static bool has_text(const pq_column_test *t, pq_slice v) {
  uint32_t lo = 0, hi = t->count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (pq_slice_cmp(t->texts[mid], v) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < t->count && pq_slice_eq(t->texts[lo], v);
}

static void test_i64(const pq_column_test *t, const int64_t *v, uint32_t n, uint8_t *out) {
  uint64_t lo = (uint64_t)t->lo, width = (uint64_t)t->hi - (uint64_t)t->lo;
  if (t->integers != NULL) {
    for (uint32_t i = 0; i < n; i++)
      out[i] = yes_if(has_integer(t, v[i]));
    return;
  }
  if (t->lo > t->hi) {
    memset(out, PQ_NO, n);
    return;
  }
  for (uint32_t i = 0; i < n; i++)
    out[i] = yes_if((uint64_t)v[i] - lo <= width);
}

static void test_f64(const pq_column_test *t, const double *v, uint32_t n, uint8_t *out) {
  double lo = t->real_lo, hi = t->real_hi;
  if (t->reals != NULL) {
    for (uint32_t i = 0; i < n; i++)
      out[i] = yes_if(has_real(t, v[i]));
  } else {
    for (uint32_t i = 0; i < n; i++)
      out[i] = yes_if((v[i] >= lo) & (v[i] <= hi));
  }
  for (uint32_t i = 0; t->of_nan && i < n; i++)
    out[i] |= yes_if(v[i] != v[i]);
}

static void test_text(const pq_column_test *t, const pq_slice *v, uint32_t n, uint8_t *out) {
  pq_slice x = t->texts[0];
  pq_push_op op = t->term->op;
  for (uint32_t i = 0; i < n; i++) {
    bool is_true;
    if (op == PQ_PUSH_EQ) {
      is_true = pq_slice_eq(v[i], x);
    } else {
      int c = pq_slice_cmp(v[i], x);
      is_true = op == PQ_PUSH_GT    ? c > 0
                : op == PQ_PUSH_GTE ? c >= 0
                : op == PQ_PUSH_LT  ? c < 0
                                    : c <= 0;
    }
    out[i] = yes_if(is_true);
  }
}

static bool has_prefix(pq_slice v, pq_slice prefix) {
  return v.n >= prefix.n && (prefix.n == 0 || memcmp(v.p, prefix.p, prefix.n) == 0);
}

/* `values` are dense: a column without nulls, as it is. */
static int test_one_by_one(const pq_column_test *t, pq_arena *scratch, const pq_column *values,
                           uint8_t *out) {
  for (uint32_t i = 0; i < values->row_count; i++) {
    pq_cell cell;
    pq_value v;
    out[i] = PQ_NO;
    if (t->kind == PQ_COLUMN_TEST_PREFIX && !has_prefix(values->v.bytes[i], t->term->prefix))
      continue;
    PQ_TRY(pq_index_value(scratch, values, i, t->type, &cell, &v));
    out[i] = yes_if(pq_push_match(t->term, v));
  }
  return PQ_OK;
}

static int test_values(const pq_column_test *t, pq_arena *scratch, const pq_column *values,
                       uint8_t *out) {
  uint32_t n = values->row_count;
  switch (t->kind) {
    case PQ_COLUMN_TEST_NONE:
    case PQ_COLUMN_TEST_ALL:
      memset(out, t->kind == PQ_COLUMN_TEST_ALL ? PQ_YES : PQ_NO, n);
      for (uint32_t i = 0; t->type == PQ_INDEX_DOUBLE && i < n; i++)
        if (values->v.f64[i] != values->v.f64[i]) out[i] = yes_if(t->of_nan);
      break;
    case PQ_COLUMN_TEST_I64: test_i64(t, values->v.i64, n, out); break;
    case PQ_COLUMN_TEST_F64: test_f64(t, values->v.f64, n, out); break;
    case PQ_COLUMN_TEST_BOOL:
      for (uint32_t i = 0; i < n; i++)
        out[i] = t->of_bool[values->v.b[i] != 0];
      break;
    case PQ_COLUMN_TEST_TEXT: test_text(t, values->v.bytes, n, out); break;
    case PQ_COLUMN_TEST_TEXT_IN:
      for (uint32_t i = 0; i < n; i++)
        out[i] = yes_if(has_text(t, values->v.bytes[i]));
      break;
    default: return test_one_by_one(t, scratch, values, out);
  }
  return PQ_OK;
}

static int test_codes(const pq_column_test *t, pq_arena *scratch, const pq_column *column,
                      uint8_t *out) {
  pq_column values = {.phys = column->phys, .row_count = column->dictionary->count};
  uint8_t *verdicts = pq_arena_alloc(scratch, values.row_count);
  if (verdicts == NULL) return scratch->cx->code;
  values.v.any = column->dictionary->values;
  PQ_TRY(test_values(t, scratch, &values, verdicts));
  for (uint32_t i = 0; i < column->row_count; i++)
    out[i] = pq_column_is_null(column, i) ? PQ_NO : verdicts[column->v.codes[i]];
  return PQ_OK;
}

int pq_column_test_rows(const pq_column_test *t, pq_arena *scratch, const pq_column *column,
                        uint8_t *out) {
  pq_column dense = *column;
  dense.nulls = NULL; /* null slots hold zeroes, whose verdicts are written over */
  if (column->dictionary != NULL)
    PQ_TRY(test_codes(t, scratch, column, out));
  else
    PQ_TRY(test_values(t, scratch, &dense, out));
  for (uint32_t i = 0; column->nulls != NULL && i < column->row_count; i++)
    if (column->nulls[i]) out[i] = t->of_missing;
  return PQ_OK;
}
