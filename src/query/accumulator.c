/* query/accumulator.c - states of accumulators. See accumulator.h.
 *
 *   state:  plain numbers │ slots: values in memory of their own │ numbers │ order, hash
 *
 *   $push, $addToSet …    one slot a value; $addToSet finds equal ones by hash
 *   $first, $min …        one slot, overwritten in place
 *   $lastN                n slots in a ring
 *   $minN, $topN …        n rows of slots, `order` lists them sorted; the row that falls out is
 *                         overwritten by the one that comes in
 *   $percentile           doubles
 *
 * A slot keeps its bytes when its value is replaced, so memory grows with the largest value only.
 */
#include <string.h>

#include "query/accumulator_int.h"
#include "query/gathered.h"
#include "query/trim.h"

/* ---- growing ---- */

static int grow(pq_arena *arena, void **items, uint32_t count, uint32_t *cap, size_t size) {
  uint32_t more = *cap == 0 ? 4 : *cap * 2;
  void *p;
  if (count < *cap) return PQ_OK;
  if (count >= 1u << 28) return pq_fail(arena->cx, PQ_ELIMIT, "a group has too many values");
  p = pq_arena_calloc(arena, more, size);
  if (p == NULL) return arena->cx->code;
  if (count > 0) memcpy(p, *items, count * size);
  *items = p;
  *cap = more;
  return PQ_OK;
}

/* Copy a value into a slot; scalars leave their document's dictionary behind. */
static int slot_set(pq_arena *arena, pq_slot *slot, pq_value v) {
  pq_value trimmed = pq_value_trim(v);
  bool is_scalar = trimmed.meta != v.meta;
  size_t meta_len = is_scalar ? 0 : v.meta_len, len = meta_len + v.len;
  if (len > slot->cap) {
    size_t cap = slot->cap == 0 ? len : len + len / 2;
    slot->bytes = pq_arena_alloc(arena, cap);
    slot->cap = slot->bytes == NULL ? 0 : cap;
    if (slot->bytes == NULL) return arena->cx->code;
  }
  slot->value = trimmed;
  if (pq_value_is_missing(v)) return PQ_OK;
  memmove(slot->bytes + meta_len, v.p, v.len);
  slot->value.p = slot->bytes + meta_len;
  if (is_scalar) return PQ_OK;
  memcpy(slot->bytes, v.meta, meta_len);
  slot->value.meta = slot->bytes;
  return PQ_OK;
}

static int slot_at(pq_gathered *g, uint32_t i, pq_value v) {
  void *slots = g->slots;
  PQ_TRY(grow(g->arena, &slots, i, &g->slot_cap, sizeof *g->slots));
  g->slots = slots;
  PQ_TRY(slot_set(g->arena, &g->slots[i], v));
  if (i == g->fixed.slot_count) g->fixed.slot_count++;
  return PQ_OK;
}

static int append(pq_gathered *g, pq_value v) {
  return slot_at(g, g->fixed.slot_count, v);
}

/* ---- sets ---- */

static void set_place(pq_gathered *g, uint32_t index, uint64_t hash) {
  uint32_t at = (uint32_t)hash & (g->bucket_count - 1);
  while (g->buckets[at].index != 0)
    at = (at + 1) & (g->bucket_count - 1);
  g->buckets[at] = (pq_bucket){(uint32_t)(hash >> 32), index + 1};
}

static int set_grow(pq_gathered *g, pq_collation collation) {
  uint32_t count = g->bucket_count == 0 ? 16 : g->bucket_count * 2;
  pq_bucket *buckets = pq_arena_calloc(g->arena, count, sizeof *buckets);
  if (buckets == NULL) return g->arena->cx->code;
  g->buckets = buckets;
  g->bucket_count = count;
  for (uint32_t i = 0; i < g->fixed.slot_count; i++)
    set_place(g, i, pq_value_hash_collated(g->slots[i].value, collation));
  return PQ_OK;
}

static int set_add(pq_gathered *g, pq_value v, pq_collation collation) {
  uint64_t hash = pq_value_hash_collated(v, collation);
  if (g->fixed.slot_count >= g->bucket_count / 2) PQ_TRY(set_grow(g, collation));
  for (uint32_t at = (uint32_t)hash & (g->bucket_count - 1); g->buckets[at].index != 0;
       at = (at + 1) & (g->bucket_count - 1)) {
    const pq_bucket *b = &g->buckets[at];
    if (b->tag == (uint32_t)(hash >> 32) &&
        pq_value_collate(g->slots[b->index - 1].value, v, collation) == 0)
      return PQ_OK;
  }
  PQ_TRY(append(g, v));
  set_place(g, g->fixed.slot_count - 1, hash);
  return PQ_OK;
}

/* ---- rows in order: $minN, $maxN, $top … $bottomN ---- */

static int compare_rows(const pq_accumulator *a, const pq_value *x, const pq_value *y,
                        pq_collation collation) {
  int64_t x_mask = 0, y_mask = 0;
  if (a->sort.count == 0) {
    int c = pq_value_collate(x[0], y[0], collation);
    return a->op->kind == PQ_GATHER_MAX_N ? -c : c;
  }
  (void)pq_value_i64(x[0], &x_mask);
  (void)pq_value_i64(y[0], &y_mask);
  for (uint32_t i = 0; i < a->sort.count; i++) {
    pq_sort one = {.fields = &a->sort.fields[i], .count = 1, .collation = a->sort.collation};
    bool x_empty = x_mask >> i & 1, y_empty = y_mask >> i & 1;
    int c = pq_sort_compare(&one, &x[1 + i], &x_empty, &y[1 + i], &y_empty);
    if (c != 0) return c;
  }
  return 0;
}

enum { WIDTH_MAX = 34 };

static void load_row(const pq_gathered *g, uint32_t width, uint32_t row, pq_value *out) {
  for (uint32_t i = 0; i < width; i++)
    out[i] = g->slots[row * width + i].value;
}

/* The place behind all rows that are not greater. */
static uint32_t row_place(const pq_accumulator *a, const pq_gathered *g, const pq_value *values,
                          pq_collation collation) {
  uint32_t low = 0, high = g->fixed.row_count, width = pq_accumulator_width(a);
  while (low < high) {
    uint32_t mid = low + (high - low) / 2;
    pq_value row[WIDTH_MAX];
    load_row(g, width, g->order[mid], row);
    if (compare_rows(a, row, values, collation) <= 0) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

static int add_row(const pq_accumulator *a, pq_gathered *g, const pq_value *values,
                   pq_collation collation) {
  uint32_t width = pq_accumulator_width(a), row = g->fixed.row_count, at;
  bool is_bottom = a->op->kind == PQ_GATHER_BOTTOM;
  void *order = g->order;
  at = row_place(a, g, values, collation);
  if (row == g->fixed.n) { /* one falls out: its row is used again */
    if (at == (is_bottom ? 0 : row)) return PQ_OK;
    row = g->order[is_bottom ? 0 : row - 1];
    if (is_bottom) memmove(g->order, g->order + 1, --at * sizeof *g->order);
    if (!is_bottom)
      memmove(g->order + at + 1, g->order + at, (g->fixed.n - 1 - at) * sizeof *g->order);
    g->order[at] = row;
  } else {
    if (row >= (1u << 28) / width)
      return pq_fail(g->arena->cx, PQ_ELIMIT, "the accumulator '%s' has too many values",
                     a->op->name);
    PQ_TRY(grow(g->arena, &order, row, &g->order_cap, sizeof *g->order));
    g->order = order;
    memmove(g->order + at + 1, g->order + at, (row - at) * sizeof *g->order);
    g->order[at] = row;
    g->fixed.row_count++;
  }
  for (uint32_t i = 0; i < width; i++)
    PQ_TRY(slot_at(g, row * width + i, values[i]));
  return PQ_OK;
}

/* ---- adding ---- */

static int add_number(pq_gathered *g, pq_value v) {
  void *numbers = g->numbers;
  double x;
  if (!pq_value_number(v, &x) || x != x) return PQ_OK;
  PQ_TRY(grow(g->arena, &numbers, g->fixed.number_count, &g->number_cap, sizeof *g->numbers));
  g->numbers = numbers;
  g->numbers[g->fixed.number_count++] = x;
  return PQ_OK;
}

static int merge(const pq_accumulator *a, pq_eval *s, pq_gathered *g, pq_value v) {
  pq_value both[2], merged;
  if (pq_value_is_nullish(v)) return PQ_OK;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EINVALID, "the accumulator '%s' takes objects, not %s", a->op->name,
                   pq_type_name(pq_value_type(v)));
  if (g->fixed.slot_count == 0) return append(g, v);
  both[0] = g->slots[0].value;
  both[1] = v;
  PQ_TRY(pq_merge_objects(s, both, 2, &merged));
  return slot_at(g, 0, merged);
}

static int add_elements(const pq_accumulator *a, pq_eval *s, pq_gathered *g, pq_value v) {
  uint32_t count = pq_value_count(v);
  if (pq_value_is_missing(v)) return PQ_OK;
  if (pq_value_type(v) != PQ_TYPE_ARRAY)
    return pq_fail(s->cx, PQ_EINVALID, "the accumulator '%s' takes arrays, not %s", a->op->name,
                   pq_type_name(pq_value_type(v)));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(a->op->kind == PQ_GATHER_UNION ? set_add(g, pq_array_at(v, i), s->collation)
                                          : append(g, pq_array_at(v, i)));
  return PQ_OK;
}

static int add_extreme(pq_gathered *g, pq_value v, int direction, pq_collation collation) {
  if (pq_value_is_nullish(v)) return PQ_OK;
  if (g->fixed.slot_count > 0 && pq_value_collate(v, g->slots[0].value, collation) * direction <= 0)
    return PQ_OK;
  return slot_at(g, 0, v);
}

int pq_gathered_add(const pq_accumulator *a, pq_eval *s, pq_gathered *g, const pq_value *values) {
  pq_value v = a->expression != NULL ? values[0] : (pq_value){0};
  double real;
  switch (a->op->kind) {
    case PQ_GATHER_SUM:
    case PQ_GATHER_AVG: pq_total_add(&g->fixed.total, v); return PQ_OK;
    case PQ_GATHER_MIN: return add_extreme(g, v, -1, s->collation);
    case PQ_GATHER_MAX: return add_extreme(g, v, 1, s->collation);
    case PQ_GATHER_FIRST: return g->fixed.slot_count > 0 ? PQ_OK : append(g, v);
    case PQ_GATHER_LAST: return slot_at(g, 0, v);
    case PQ_GATHER_PUSH: return pq_value_is_missing(v) ? PQ_OK : append(g, v);
    case PQ_GATHER_SET: return pq_value_is_missing(v) ? PQ_OK : set_add(g, v, s->collation);
    case PQ_GATHER_CONCAT:
    case PQ_GATHER_UNION: return add_elements(a, s, g, v);
    case PQ_GATHER_COUNT: g->fixed.count++; return PQ_OK;
    case PQ_GATHER_MERGE: return merge(a, s, g, v);
    case PQ_GATHER_DEVIATION_POP:
    case PQ_GATHER_DEVIATION_SAMPLE:
      if (pq_value_number(v, &real)) pq_deviation_add(&g->fixed.deviation, real);
      return PQ_OK;
    case PQ_GATHER_FIRST_N: return g->fixed.slot_count < g->fixed.n ? append(g, v) : PQ_OK;
    case PQ_GATHER_LAST_N: return slot_at(g, (uint32_t)(g->fixed.count++ % g->fixed.n), v);
    case PQ_GATHER_MIN_N:
    case PQ_GATHER_MAX_N:
      return pq_value_is_nullish(v) ? PQ_OK : add_row(a, g, values, s->collation);
    case PQ_GATHER_TOP:
    case PQ_GATHER_BOTTOM: return add_row(a, g, values, s->collation);
    case PQ_GATHER_PERCENTILE: return add_number(g, v);
    case PQ_GATHER_REFUSED: break;
  }
  pq_unreachable("accumulator");
}

bool pq_gathered_remove(const pq_accumulator *a, pq_gathered *g, const pq_value *values) {
  if (a->op->kind == PQ_GATHER_COUNT) {
    g->fixed.count--;
    return true;
  }
  if (a->op->kind != PQ_GATHER_SUM && a->op->kind != PQ_GATHER_AVG) return false;
  return g->fixed.total.decimals == 0 && pq_total_subtract(&g->fixed.total, values[0]);
}

bool pq_accumulator_grows(const pq_accumulator *a) {
  switch (a->op->kind) {
    case PQ_GATHER_SUM:
    case PQ_GATHER_AVG:
    case PQ_GATHER_COUNT:
    case PQ_GATHER_DEVIATION_POP:
    case PQ_GATHER_DEVIATION_SAMPLE:
    case PQ_GATHER_MIN:
    case PQ_GATHER_MAX:
    case PQ_GATHER_FIRST:
    case PQ_GATHER_LAST: return false;
    default: return true;
  }
}

int pq_accumulator_args(const pq_accumulator *a, pq_eval *s, pq_value *values) {
  int64_t mask = 0;
  if (a->expression == NULL) return PQ_OK;
  if (a->sort.count == 0) return pq_expression_eval(a->expression, s, values);
  for (uint32_t i = 0; i < a->sort.count; i++) {
    bool is_empty;
    values[1 + i] = pq_sort_key(&a->sort, i, s->root, (pq_value){0}, &is_empty);
    mask |= (int64_t)is_empty << i;
  }
  PQ_TRY(pq_make_i64(s, mask, &values[0]));
  return pq_expression_eval(a->expression, s, &values[1 + a->sort.count]);
}

/* ---- life ---- */

static int count_of(const pq_accumulator *a, pq_eval *s, uint32_t *out) {
  pq_value v;
  double n;
  *out = 1;
  if (a->n == NULL) return PQ_OK;
  PQ_TRY(pq_expression_eval(a->n, s, &v));
  if (!pq_value_number(v, &n) || !(n >= 1) || !(n < 0x1p63) || (double)(int64_t)n != n)
    return pq_fail(s->cx, PQ_EINVALID, "the accumulator '%s' needs a whole number above 0 as n",
                   a->op->name);
  *out = n > INT32_MAX ? INT32_MAX : (uint32_t)n; /* more values than fit into a group */
  return PQ_OK;
}

int pq_gathered_new(const pq_accumulator *a, pq_eval *s, pq_arena *arena, pq_gathered **out) {
  pq_gathered *g = pq_arena_calloc(arena, 1, sizeof *g);
  *out = NULL;
  if (g == NULL) return arena->cx->code;
  g->arena = arena;
  PQ_TRY(count_of(a, s, &g->fixed.n));
  *out = g;
  return PQ_OK;
}

void pq_gathered_reset(pq_gathered *g) {
  g->fixed = (pq_gathered_fixed){.n = g->fixed.n};
  if (g->bucket_count > 0) memset(g->buckets, 0, g->bucket_count * sizeof *g->buckets);
}

static int save(const pq_eval *s, const pq_gathered *g) {
  pq_builder *b = s->builder;
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_binary(b, (pq_slice){(const uint8_t *)&g->fixed, sizeof g->fixed}));
  PQ_TRY(pq_builder_binary(
      b, (pq_slice){(const uint8_t *)g->numbers, g->fixed.number_count * sizeof *g->numbers}));
  PQ_TRY(pq_builder_binary(
      b, (pq_slice){(const uint8_t *)g->order, g->fixed.row_count * sizeof *g->order}));
  for (uint32_t i = 0; i < g->fixed.slot_count; i++) {
    pq_value v = g->slots[i].value;
    PQ_TRY(pq_value_is_missing(v) ? pq_builder_null(b) : pq_builder_value(b, v));
  }
  return pq_builder_end(b);
}

int pq_gathered_save(const pq_accumulator *a, pq_eval *s, const pq_gathered *g, pq_value *out) {
  int rc;
  *out = (pq_value){0};
  pq_builder_clear(s->builder);
  rc = save(s, g);
  if (rc == PQ_OK) rc = pq_builder_finish(s->builder, s->arena, out);
  if (rc != PQ_ELIMIT) return rc;
  return pq_fail(s->cx, PQ_ELIMIT, "the accumulator '%s' has more than %u bytes for one group",
                 a->op->name, (unsigned)s->cx->limits.doc_len_max);
}

static int restore_bytes(pq_gathered *g, pq_value v, void **out, uint32_t *cap, size_t size) {
  pq_slice bytes = {0};
  pq_assert(pq_value_binary(v, &bytes));
  if (bytes.n == 0) return PQ_OK;
  *out = pq_arena_alloc(g->arena, bytes.n);
  if (*out == NULL) return g->arena->cx->code;
  memcpy(*out, bytes.p, bytes.n);
  *cap = (uint32_t)(bytes.n / size);
  return PQ_OK;
}

int pq_gathered_restore(const pq_accumulator *a, pq_eval *s, pq_gathered *g, pq_value saved) {
  uint32_t count = pq_value_count(saved);
  bool is_set = a->op->kind == PQ_GATHER_SET || a->op->kind == PQ_GATHER_UNION;
  pq_gathered_fixed fixed;
  pq_slice bytes;
  void *p = NULL;
  pq_assert(pq_value_binary(pq_array_at(saved, 0), &bytes));
  pq_assert(bytes.n == sizeof fixed);
  memcpy(&fixed, bytes.p, sizeof fixed);
  switch (a->op->kind) { /* states of columns come behind others: these are added up */
    case PQ_GATHER_SUM:
    case PQ_GATHER_AVG: pq_total_merge(&g->fixed.total, &fixed.total); return PQ_OK;
    case PQ_GATHER_COUNT: g->fixed.count += fixed.count; return PQ_OK;
    case PQ_GATHER_MIN: return add_extreme(g, pq_array_at(saved, 3), -1, s->collation);
    case PQ_GATHER_MAX: return add_extreme(g, pq_array_at(saved, 3), 1, s->collation);
    default: break;
  }
  PQ_TRY(restore_bytes(g, pq_array_at(saved, 1), &p, &g->number_cap, sizeof *g->numbers));
  g->numbers = p;
  p = NULL;
  PQ_TRY(restore_bytes(g, pq_array_at(saved, 2), &p, &g->order_cap, sizeof *g->order));
  g->order = p;
  for (uint32_t i = 3; i < count; i++)
    PQ_TRY(is_set ? set_add(g, pq_array_at(saved, i), s->collation)
                  : append(g, pq_array_at(saved, i)));
  g->fixed = fixed;
  return PQ_OK;
}
