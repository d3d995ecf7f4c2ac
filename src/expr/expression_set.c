/* expr/expression_set.c - arrays as sets: $setUnion, $setIntersection, $setDifference, $setEquals,
 * $setIsSubset.
 *
 *   [3, 1, 3] ──hash of each value──► items: 3, 1     equal by the collation, 1 = 1.0
 *                                     seen:  2  0     how many of the arrays so far had it
 *
 * Linear in the number of elements. A union and an intersection come out sorted by value, a
 * difference in the order of its first array.
 */
#include "base/hash.h"
#include "base/merge_sort.h"
#include "expr/expression_int.h"

typedef struct set {
  pq_eval *s;      /* borrowed */
  pq_table table;  /* owned */
  pq_value *items; /* in the arena; room for all that may come */
  uint32_t *seen;
  uint32_t count;
} set;

enum { ABSENT = -1 };

static int64_t find(const set *t, pq_value v, uint64_t hash) {
  size_t pos;
  for (uint32_t i = pq_table_first(&t->table, hash, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&t->table, hash, &pos))
    if (pq_value_collate(t->items[i], v, t->s->collation) == 0) return i;
  return ABSENT;
}

/* The index of `v`, which is put in when `may_add`; else ABSENT. */
static int place(set *t, pq_value v, bool may_add, int64_t *out) {
  uint64_t hash = pq_value_hash_collated(v, t->s->collation);
  *out = find(t, v, hash);
  if (*out != ABSENT || !may_add) return PQ_OK;
  PQ_TRY(pq_table_add(&t->table, hash, t->count));
  *out = t->count;
  t->items[t->count++] = v;
  return PQ_OK;
}

static int set_init(set *t, pq_eval *s, const pq_expression *e, const pq_value *args) {
  size_t cap = 0;
  *t = (set){.s = s};
  pq_table_init(&t->table, s->cx);
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (!pq_add_size(cap, pq_value_count(args[i]), &cap) || cap > INT32_MAX)
      return pq_fail(s->cx, PQ_ELIMIT, "operator '%s' gets too many elements", e->op->name);
  t->items = pq_arena_calloc(s->arena, cap, sizeof *t->items);
  t->seen = pq_arena_calloc(s->arena, cap, sizeof *t->seen);
  return t->items == NULL || t->seen == NULL ? s->cx->code : PQ_OK;
}

/* Mark the elements of array number `n` that all arrays before had: seen = n + 1. Those of the
 * first array, or of all with `may_add`, are put in. */
static int mark(set *t, pq_value array, uint32_t n, bool may_add) {
  int64_t at;
  for (uint32_t i = 0; i < pq_value_count(array); i++) {
    PQ_TRY(place(t, pq_array_at(array, i), may_add, &at));
    if (at != ABSENT && t->seen[at] == n) t->seen[at] = n + 1;
  }
  return PQ_OK;
}

static int compare_items(const void *a, const void *b, const void *ud) {
  const pq_eval *s = ud;
  const pq_value *x = a, *y = b;
  return pq_value_collate(*x, *y, s->collation);
}

/* The items that were seen exactly `seen` times; 0: all. */
static int give(set *t, uint32_t seen, bool is_sorted, pq_value *out) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->count; i++)
    if (seen == 0 || t->seen[i] == seen) t->items[n++] = t->items[i];
  if (is_sorted)
    PQ_TRY(pq_sort_items(t->s->cx, t->items, n, sizeof *t->items, compare_items, t->s));
  return pq_make_array(t->s, t->items, n, out);
}

static bool has_null(const pq_expression *e, const pq_value *args) {
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (pq_is_nullish(args[i])) return true;
  return false;
}

static int need_arrays(const pq_expression *e, pq_eval *s, const pq_value *args) {
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (pq_value_type(args[i]) != PQ_TYPE_ARRAY) return pq_fail_argument(e, s, args[i], "arrays");
  return PQ_OK;
}

enum { UNION, INTERSECTION, DIFFERENCE };

static int combine(const pq_expression *e, set *t, const pq_value *args, pq_value *out) {
  int what = e->op->variant;
  for (uint32_t i = 0; i < e->arg_count; i++)
    PQ_TRY(mark(t, args[i], i, what == UNION || i == 0));
  if (what == DIFFERENCE) return give(t, 1, false, out);
  return give(t, what == UNION ? 0 : e->arg_count, true, out);
}

static int eval_combine(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  set t;
  int rc;
  if (has_null(e, args)) return pq_make_null(s, out);
  PQ_TRY(need_arrays(e, s, args));
  if (e->arg_count == 0) return pq_make_array(s, NULL, 0, out);
  rc = set_init(&t, s, e, args);
  if (rc == PQ_OK) rc = combine(e, &t, args, out);
  pq_table_release(&t.table);
  return rc;
}

/* Is each of the arrays the same set as the first? */
static int are_equal(const pq_expression *e, set *t, const pq_value *args, bool *out) {
  *out = false;
  PQ_TRY(mark(t, args[0], 0, true));
  for (uint32_t i = 1; i < e->arg_count; i++) {
    uint32_t found = 0;
    for (uint32_t k = 0; k < pq_value_count(args[i]); k++) {
      int64_t at;
      PQ_TRY(place(t, pq_array_at(args[i], k), false, &at));
      if (at == ABSENT) return PQ_OK;
      found += t->seen[at] != i + 1;
      t->seen[at] = i + 1;
    }
    if (found != t->count) return PQ_OK;
  }
  *out = true;
  return PQ_OK;
}

static int eval_set_equals(const pq_expression *e, pq_eval *s, const pq_value *args,
                           pq_value *out) {
  set t;
  int rc;
  bool is_equal = false;
  PQ_TRY(need_arrays(e, s, args));
  rc = set_init(&t, s, e, args);
  if (rc == PQ_OK) rc = are_equal(e, &t, args, &is_equal);
  pq_table_release(&t.table);
  PQ_TRY(rc);
  return pq_make_bool(s, is_equal, out);
}

static int eval_is_subset(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  set t;
  int rc;
  int64_t at = 0;
  PQ_TRY(need_arrays(e, s, args));
  rc = set_init(&t, s, e, args);
  if (rc == PQ_OK) rc = mark(&t, args[1], 0, true);
  for (uint32_t i = 0; rc == PQ_OK && at != ABSENT && i < pq_value_count(args[0]); i++)
    rc = place(&t, pq_array_at(args[0], i), false, &at);
  pq_table_release(&t.table);
  PQ_TRY(rc);
  return pq_make_bool(s, at != ABSENT, out);
}

/* $allElementsTrue, $anyElementTrue (variant 1) */
static int eval_elements_true(const pq_expression *e, pq_eval *s, const pq_value *args,
                              pq_value *out) {
  bool stop = e->op->variant != 0;
  PQ_TRY(need_arrays(e, s, args));
  for (uint32_t i = 0; i < pq_value_count(args[0]); i++)
    if (pq_value_is_true(pq_array_at(args[0], i)) == stop) return pq_make_bool(s, stop, out);
  return pq_make_bool(s, !stop, out);
}

const pq_operator pq_set_operators[] = {
    {"$setUnion", 0, PQ_ARGS_ANY, false, NULL, eval_combine, UNION},
    {"$setIntersection", 0, PQ_ARGS_ANY, false, NULL, eval_combine, INTERSECTION},
    {"$setDifference", 2, 2, false, NULL, eval_combine, DIFFERENCE},
    {"$setEquals", 2, PQ_ARGS_ANY, false, NULL, eval_set_equals, 0},
    {"$setIsSubset", 2, 2, false, NULL, eval_is_subset, 0},
    {"$allElementsTrue", 1, 1, false, NULL, eval_elements_true, 0},
    {"$anyElementTrue", 1, 1, false, NULL, eval_elements_true, 1},
    {NULL, 0, 0, false, NULL, NULL, 0}};
