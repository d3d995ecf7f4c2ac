/* query/column_test.c - see column_test.h. */
#include "query/column_test.h"

#include <string.h>

#include "base/merge_sort.h"
#include "base/slices.h"
#include "value/compare.h"

#define SIGN ((uint64_t)1 << 63)
#define INFINITY_BITS ((uint64_t)0x7ff << 52)

pq_type pq_index_bracket(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_INT64:
    case PQ_INDEX_DECIMAL:
    case PQ_INDEX_DOUBLE: return PQ_TYPE_INT32;
    case PQ_INDEX_STRING: return PQ_TYPE_STRING;
    case PQ_INDEX_BOOL: return PQ_TYPE_BOOL;
    case PQ_INDEX_TIMESTAMP: return PQ_TYPE_DATE;
    case PQ_INDEX_OBJECT_ID: return PQ_TYPE_OBJECT_ID;
    case PQ_INDEX_UUID:
    case PQ_INDEX_BINARY: return PQ_TYPE_BINARY;
    default: break;
  }
  pq_unreachable("index type");
}

int pq_path_column_bound(pq_arena *scratch, const pq_path_column *c, pq_slice plain, pq_cell *cell,
                         pq_value *out) {
  *out = (pq_value){0};
  if (c->type != PQ_INDEX_DECIMAL) return pq_index_bound(scratch, plain, c->type, cell, out);
  if (c->is_wide)
    *out = pq_cell_wide_decimal(cell, plain, c->scale);
  else if (plain.n == 8)
    *out = pq_cell_decimal(cell, (int64_t)pq_rd64(plain.p), c->scale);
  return PQ_OK;
}

/* A cell as a value; missing for a null cell. */
static int value_of(const pq_column_test *t, pq_arena *arena, const pq_column *column, uint32_t row,
                    pq_cell *cell, pq_value *out) {
  if (t->type != PQ_INDEX_DECIMAL) return pq_index_value(arena, column, row, t->type, cell, out);
  *out = (pq_value){0};
  if (pq_column_is_null(column, row)) return PQ_OK;
  *out = t->is_wide ? pq_cell_wide_decimal(cell, column->v.bytes[row], t->scale)
                    : pq_cell_decimal(cell, column->v.i64[row], t->scale);
  return PQ_OK;
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
static int compare_key(const pq_column_test *t, uint64_t key, pq_value operand) {
  pq_cell cell;
  pq_value v;
  if (t->type == PQ_INDEX_DOUBLE)
    v = pq_cell_double(&cell, real_of(key));
  else if (t->type == PQ_INDEX_TIMESTAMP)
    v = pq_cell_date(&cell, integer_of(key));
  else if (t->type == PQ_INDEX_DECIMAL)
    v = pq_cell_decimal(&cell, integer_of(key), t->scale);
  else
    v = pq_cell_i64(&cell, integer_of(key));
  return pq_value_compare(v, operand);
}

/* The first key in [lo, hi] whose value is not below the operand (`is_above`: above it); *is_there
 * is false when there is none. */
static uint64_t first_key(const pq_column_test *t, pq_value operand, bool is_above,
                          bool *is_there) {
  uint64_t lo = 0, hi = UINT64_MAX;
  if (t->type == PQ_INDEX_DOUBLE) {
    lo = ~(INFINITY_BITS | SIGN);
    hi = INFINITY_BITS | SIGN;
  }
  *is_there = compare_key(t, hi, operand) >= (is_above ? 1 : 0);
  while (lo < hi) {
    uint64_t mid = lo + (hi - lo) / 2;
    if (compare_key(t, mid, operand) >= (is_above ? 1 : 0))
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
static interval interval_of(const pq_column_test *t, pq_push_op op, pq_value operand) {
  uint64_t bottom = 0, top = UINT64_MAX, at_least, above;
  bool has_at_least, has_above;
  interval none = {.is_empty = true};
  if (t->type == PQ_INDEX_DOUBLE) {
    bottom = ~(INFINITY_BITS | SIGN);
    top = INFINITY_BITS | SIGN;
  }
  at_least = first_key(t, operand, false, &has_at_least);
  above = first_key(t, operand, true, &has_above);
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
  interval i = interval_of(t, t->op, operand);
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
  t->integers = pq_arena_calloc(arena, t->operand_count, sizeof *t->integers);
  t->reals = pq_arena_calloc(arena, t->operand_count, sizeof *t->reals);
  if (t->integers == NULL || t->reals == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < t->operand_count; i++) {
    pq_value v = t->operands[i];
    interval at;
    if (pq_type_bracket(pq_value_type(v)) != pq_index_bracket(t->type) || is_nan(v)) continue;
    at = interval_of(t, PQ_PUSH_EQ, v);
    if (at.is_empty) continue;
    t->integers[t->count] = integer_of(at.lo);
    t->reals[t->count++] = real_of(at.lo);
  }
  return PQ_OK;
}

/* ---- text ---- */

/* The bytes of a column's cell that holds the value; false when it holds no such value. */
static int text_of(pq_arena *arena, pq_index_type type, pq_value v, pq_slice *out, bool *is_ok) {
  pq_binary binary;
  uint8_t *p;
  *out = (pq_slice){0};
  *is_ok = type == PQ_INDEX_OBJECT_ID ? pq_value_object_id(v, out) : pq_value_string(v, out);
  if (type != PQ_INDEX_UUID && type != PQ_INDEX_BINARY) return PQ_OK;
  *is_ok = pq_value_any_binary(v, &binary);
  *is_ok &= type == PQ_INDEX_UUID ? binary.subtype == 4 && binary.len == 16 : binary.subtype == 0;
  if (!*is_ok) return PQ_OK;
  p = pq_arena_alloc(arena, binary.len);
  if (p == NULL) return arena->cx->code;
  for (size_t i = 0; i < binary.len; i++)
    p[i] = pq_binary_at(&binary, i);
  *out = (pq_slice){p, binary.len};
  return PQ_OK;
}

/* Ordered as their bytes are? Binary data is by its length first, ObjectIds by more than digits. */
static bool is_byte_order(pq_index_type type) {
  return type == PQ_INDEX_STRING || type == PQ_INDEX_UUID;
}

static int set_texts(pq_column_test *t, pq_arena *arena) {
  bool is_list = t->op == PQ_PUSH_IN;
  t->texts = pq_arena_calloc(arena, t->operand_count, sizeof *t->texts);
  if (t->texts == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < t->operand_count; i++) {
    bool is_ok;
    PQ_TRY(text_of(arena, t->type, t->operands[i], &t->texts[t->count], &is_ok));
    t->count += is_ok;
  }
  t->kind = is_list ? PQ_COLUMN_TEST_TEXT_IN : PQ_COLUMN_TEST_TEXT;
  if (is_list && !is_byte_order(t->type)) return pq_slices_sort(arena->cx, t->texts, &t->count);
  if (!is_list && t->count != 1) t->kind = PQ_COLUMN_TEST_VALUES;
  if (t->op != PQ_PUSH_EQ && !is_byte_order(t->type)) t->kind = PQ_COLUMN_TEST_VALUES;
  return PQ_OK;
}

/* ---- preparing ---- */

static bool is_bytes(pq_index_type type) {
  return type == PQ_INDEX_STRING || type == PQ_INDEX_OBJECT_ID || type == PQ_INDEX_UUID ||
         type == PQ_INDEX_BINARY;
}

/* A comparison with an operand of another bracket than the column's, or with NaN: it is the same
 * for all values of the column, NaN left out. */
static bool is_foreign(const pq_column_test *t) {
  pq_value x;
  if (t->op > PQ_PUSH_LTE) return false; /* of one operand */
  x = t->operands[0];
  return pq_type_bracket(pq_value_type(x)) != pq_index_bracket(t->type) || is_nan(x);
}

static int set_foreign(pq_column_test *t, pq_arena *arena) {
  static const char zeros[] = "000000000000000000000000"; /* of an ObjectId, a UUID */
  uint64_t zero = 0;
  pq_slice text = PQ_SLICE("");
  pq_column one = {.phys = PQ_PHYS_INT64, .row_count = 1, .v.any = &zero};
  pq_cell cell;
  pq_value v;
  if (t->type == PQ_INDEX_OBJECT_ID) text = pq_str(zeros);
  if (t->type == PQ_INDEX_UUID || t->is_wide) text = (pq_slice){(const uint8_t *)zeros, 16};
  if (is_bytes(t->type) || t->is_wide) one.v.bytes = &text;
  PQ_TRY(value_of(t, arena, &one, 0, &cell, &v));
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

/* ---- hints: operands as the cells that they would be ---- */

static int compare_operands(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_value_compare(*(const pq_value *)a, *(const pq_value *)b);
}

/* The value of an operand's cell; missing when no value of the column equals the operand. */
static int operand_cell(pq_arena *arena, pq_value operand, pq_index_type stored, pq_value *out) {
  pq_typed_room *room = pq_arena_alloc(arena, sizeof *room);
  pq_cell *cell = pq_arena_alloc(arena, sizeof *cell);
  pq_column one;
  bool is_there;
  *out = (pq_value){0};
  if (room == NULL || cell == NULL) return arena->cx->code;
  PQ_TRY(pq_typed_cell(arena, operand, stored, room, &one, &is_there));
  if (!is_there) return PQ_OK;
  PQ_TRY(pq_typed_widen(arena, stored, &one));
  return pq_index_value(arena, &one, 0, pq_typed_seen(stored), cell, out);
}

/* What is equal, and what is ordered like it, has cells that are: typed_cell.c. */
static bool is_usable(const pq_column_test *t, pq_value operand) {
  bool is_in_bracket = pq_type_bracket(pq_value_type(operand)) == pq_index_bracket(t->type);
  pq_slice text;
  if (is_nan(operand)) return false; /* many cells equal it, and not by their bytes */
  if (t->op == PQ_PUSH_EQ || t->op == PQ_PUSH_IN)
    return !(t->term->is_folded && pq_value_string(operand, &text));
  return is_in_bracket && t->type != PQ_INDEX_BINARY;
}

/* Sets op and operands; *is_known is false when cells say nothing of the term. */
static int set_hint(pq_column_test *t, pq_arena *arena, pq_index_type stored, bool *is_known) {
  pq_value *cells = pq_arena_calloc(arena, t->operand_count, sizeof *cells);
  uint32_t n = 0;
  bool is_equality = t->op == PQ_PUSH_EQ || t->op == PQ_PUSH_IN;
  *is_known = t->op <= PQ_PUSH_IN;
  if (cells == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < t->operand_count && *is_known; i++) {
    *is_known = is_usable(t, t->operands[i]);
    if (!*is_known) break;
    cells[n] = t->operands[i];
    /* Decimals are what their cells are, and in an order dates are. */
    if (t->type != PQ_INDEX_DECIMAL && (is_equality || t->type != PQ_INDEX_TIMESTAMP))
      PQ_TRY(operand_cell(arena, t->operands[i], stored, &cells[n]));
    n += !pq_value_is_missing(cells[n]);
  }
  if (t->op == PQ_PUSH_GT) t->op = PQ_PUSH_GTE;
  if (t->op == PQ_PUSH_LT) t->op = PQ_PUSH_LTE;
  if (n < t->operand_count && !is_equality) *is_known = false;
  t->operands = cells;
  t->operand_count = n;
  return pq_sort_items(arena->cx, cells, n, sizeof *cells, compare_operands, NULL);
}

/* ---- all of it ---- */

static int set_kind(pq_column_test *t, pq_arena *arena) {
  if (is_foreign(t)) return set_foreign(t, arena);
  if (t->op == PQ_PUSH_PREFIX) {
    if (t->type == PQ_INDEX_STRING && !t->term->is_folded) t->kind = PQ_COLUMN_TEST_PREFIX;
    return PQ_OK;
  }
  if (is_bytes(t->type))
    return t->term->is_folded && t->type == PQ_INDEX_STRING ? PQ_OK : set_texts(t, arena);
  if (t->is_wide) return PQ_OK; /* too wide for intervals */
  if (t->op == PQ_PUSH_IN) return set_number_list(t, arena);
  set_numbers(t, t->operands[0]);
  return PQ_OK;
}

int pq_column_test_init(pq_column_test *t, pq_arena *arena, const pq_push *term,
                        const pq_path_column *column) {
  bool is_known;
  *t = (pq_column_test){.term = term,
                        .type = column->type,
                        .kind = PQ_COLUMN_TEST_VALUES,
                        .op = term->op,
                        .scale = column->scale,
                        .is_wide = column->is_wide,
                        .operands = term->operands,
                        .operand_count = term->operand_count,
                        .is_hint = column->is_hint && term->op != PQ_PUSH_EXISTS};
  t->of_missing = PQ_MAYBE;
  if (column->is_exact) t->of_missing = pq_push_match(term, (pq_value){0}) ? PQ_YES : PQ_NO;
  if (t->type == PQ_INDEX_DOUBLE) t->of_nan = matches_nan(term);
  if (t->type == PQ_INDEX_BOOL) return set_bools(t, arena);
  if (term->op == PQ_PUSH_EXISTS) t->kind = PQ_COLUMN_TEST_ALL;
  if (t->is_hint) {
    PQ_TRY(set_hint(t, arena, column->stored, &is_known));
    if (!is_known) t->kind = PQ_COLUMN_TEST_UNKNOWN;
    if (is_known && t->operand_count == 0) t->kind = PQ_COLUMN_TEST_NONE;
    if (t->kind != PQ_COLUMN_TEST_VALUES) return PQ_OK;
  }
  /* A remainder or bits of an integer need not be those of the decimal that equals it. */
  if (term->op == PQ_PUSH_OTHER && t->type == PQ_INDEX_DECIMAL) t->kind = PQ_COLUMN_TEST_UNKNOWN;
  if (term->op == PQ_PUSH_EXISTS || term->op == PQ_PUSH_OTHER) return PQ_OK;
  return set_kind(t, arena);
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
  return pq_slices_find(t->texts, t->count, v) < t->count;
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
  pq_push_op op = t->op;
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
    PQ_TRY(value_of(t, scratch, values, i, &cell, &v));
    out[i] = yes_if(pq_push_match(t->term, v));
  }
  return PQ_OK;
}

static int test_values(const pq_column_test *t, pq_arena *scratch, const pq_column *values,
                       uint8_t *out) {
  uint32_t n = values->row_count;
  switch (t->kind) {
    case PQ_COLUMN_TEST_UNKNOWN: memset(out, PQ_MAYBE, n); break;
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
  for (uint32_t i = 0; t->is_hint && i < column->row_count; i++)
    out[i] &= PQ_MAYBE;
  for (uint32_t i = 0; column->nulls != NULL && i < column->row_count; i++)
    if (column->nulls[i]) out[i] = t->of_missing;
  return PQ_OK;
}
