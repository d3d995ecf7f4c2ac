/* expr/expression_array.c - arrays and objects in expressions. See expression.h.
 *
 * $map, $filter and $reduce bind their variables in s->variables from e->slot on and evaluate
 * their body per element.
 */
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "expr/expression_int.h"

static int new_items(pq_eval *s, size_t count, pq_value **out) {
  *out = pq_arena_calloc(s->arena, count, sizeof **out);
  return *out == NULL ? s->cx->code : PQ_OK;
}

static bool is_array(pq_value v) {
  return pq_value_type(v) == PQ_TYPE_ARRAY;
}

static int eval_size(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array");
  return pq_make_i32(s, (int32_t)pq_value_count(args[0]), out);
}

/* Element `at`, from the end when negative; missing when there is none (rule 52). */
static pq_value element(pq_value array, int64_t at) {
  int64_t count = pq_value_count(array);
  if (at < 0) at += count;
  return at < 0 || at >= count ? (pq_value){0} : pq_array_at(array, (uint32_t)at);
}

static int eval_array_elem_at(const pq_expression *e, pq_eval *s, const pq_value *args,
                              pq_value *out) {
  int64_t at;
  if (pq_is_nullish(args[0]) || pq_is_nullish(args[1])) return pq_make_null(s, out);
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array first");
  if (!pq_value_whole(args[1], &at) || at < INT32_MIN || at > INT32_MAX)
    return pq_fail_argument(e, s, args[1], "a whole number of 32 bits");
  *out = element(args[0], at);
  return PQ_OK;
}

/* $first, $last of an array (variant: 0, -1) */
static int eval_end(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array");
  *out = element(args[0], e->op->variant);
  return PQ_OK;
}

static bool holds(const pq_eval *s, pq_value array, pq_value v, uint32_t from, uint32_t to,
                  uint32_t *at) {
  for (*at = from; *at < to && !pq_value_is_missing(v); ++*at)
    if (pq_value_collate(pq_array_at(array, *at), v, s->collation) == 0) return true;
  return false;
}

static int eval_in(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  uint32_t at;
  if (!is_array(args[1])) return pq_fail_argument(e, s, args[1], "an array second");
  return pq_make_bool(s, holds(s, args[1], args[0], 0, pq_value_count(args[1]), &at), out);
}

static int eval_index_of_array(const pq_expression *e, pq_eval *s, const pq_value *args,
                               pq_value *out) {
  int64_t bounds[2] = {0, INT32_MAX};
  uint32_t at, count = pq_value_count(args[0]);
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array first");
  for (uint32_t i = 2; i < e->arg_count; i++)
    if (!pq_value_whole(args[i], &bounds[i - 2]) || bounds[i - 2] < 0 || bounds[i - 2] > INT32_MAX)
      return pq_fail_argument(e, s, args[i], "whole numbers of 32 bits, 0 or more, as bounds");
  if (bounds[1] > count) bounds[1] = count;
  if (bounds[0] > bounds[1] ||
      !holds(s, args[0], args[1], (uint32_t)bounds[0], (uint32_t)bounds[1], &at))
    return pq_make_i32(s, -1, out);
  return pq_make_i32(s, (int32_t)at, out);
}

static int eval_concat_arrays(const pq_expression *e, pq_eval *s, const pq_value *args,
                              pq_value *out) {
  size_t count = 0;
  uint32_t n = 0;
  pq_value *items;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (pq_is_nullish(args[i])) return pq_make_null(s, out);
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (!is_array(args[i])) return pq_fail_argument(e, s, args[i], "arrays");
    if (!pq_add_size(count, pq_value_count(args[i]), &count) || count > INT32_MAX)
      return pq_fail(s->cx, PQ_ELIMIT, "operator '$concatArrays' makes too long an array");
  }
  PQ_TRY(new_items(s, count, &items));
  for (uint32_t i = 0; i < e->arg_count; i++)
    for (uint32_t k = 0; k < pq_value_count(args[i]); k++)
      items[n++] = pq_array_at(args[i], k);
  return pq_make_array(s, items, n, out);
}

/* [array, n] or [array, position, n] */
static int eval_slice(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t count = pq_value_count(args[0]), from = 0, n;
  pq_value *items;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (pq_is_nullish(args[i])) return pq_make_null(s, out);
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array first");
  for (uint32_t i = 1; i < e->arg_count; i++)
    if (!pq_value_whole(args[i], &n) || n < INT32_MIN || n > INT32_MAX)
      return pq_fail_argument(e, s, args[i], "whole numbers of 32 bits");
  (void)pq_value_whole(args[1], &n);
  if (e->arg_count == 3) {
    from = n;
    (void)pq_value_whole(args[2], &n);
    if (n <= 0) return pq_fail_argument(e, s, args[2], "a number above 0 third");
    if (from < 0) from = from + count < 0 ? 0 : from + count;
  } else if (n < 0) {
    from = n + count < 0 ? 0 : n + count;
    n = -n;
  }
  if (from > count) from = count;
  if (n > count - from) n = count - from;
  PQ_TRY(new_items(s, (size_t)n, &items));
  for (int64_t i = 0; i < n; i++)
    items[i] = pq_array_at(args[0], (uint32_t)(from + i));
  return pq_make_array(s, items, (uint32_t)n, out);
}

static int eval_reverse(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  uint32_t count = pq_value_count(args[0]);
  pq_value *items;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array");
  PQ_TRY(new_items(s, count, &items));
  for (uint32_t i = 0; i < count; i++)
    items[count - 1 - i] = pq_array_at(args[0], i);
  return pq_make_array(s, items, count, out);
}

enum { RANGE_COUNT_MAX = 1000000 };

static int eval_range(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t bounds[3] = {0, 0, 1};
  pq_value *items;
  uint32_t n = 0;
  size_t count;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (!pq_value_whole(args[i], &bounds[i]) || bounds[i] < INT32_MIN || bounds[i] > INT32_MAX)
      return pq_fail_argument(e, s, args[i], "whole numbers of 32 bits");
  if (bounds[2] == 0) return pq_fail(s->cx, PQ_EINVALID, "operator '$range' needs a step, not 0");
  count = (size_t)((bounds[1] - bounds[0]) / bounds[2] + 1);
  if ((bounds[2] > 0) != (bounds[1] > bounds[0]) || bounds[0] == bounds[1]) count = 0;
  if (count > RANGE_COUNT_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "operator '$range' makes more than %d numbers",
                   RANGE_COUNT_MAX);
  PQ_TRY(new_items(s, count, &items));
  for (int64_t v = bounds[0]; n < count && (bounds[2] > 0 ? v < bounds[1] : v > bounds[1]);
       v += bounds[2])
    PQ_TRY(pq_make_i32(s, (int32_t)v, &items[n++]));
  return pq_make_array(s, items, n, out);
}

typedef struct ordering {
  const pq_sort *sort; /* by fields; NULL: by the elements */
  int direction;
  pq_collation collation;
} ordering;

static int compare_items(const void *a, const void *b, const void *ud) {
  const ordering *o = ud;
  const pq_value *x = a, *y = b;
  if (o->sort != NULL) return pq_sort_elements(o->sort, *x, *y);
  return pq_value_collate(*x, *y, o->collation) * o->direction;
}

static int eval_sort_array(const pq_expression *e, pq_eval *s, const pq_value *args,
                           pq_value *out) {
  ordering by = {e->sort.count > 0 ? &e->sort : NULL, e->sort_whole, s->collation};
  uint32_t count = pq_value_count(args[0]);
  pq_value *items;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array");
  PQ_TRY(new_items(s, count, &items));
  for (uint32_t i = 0; i < count; i++)
    items[i] = pq_array_at(args[0], i);
  PQ_TRY(pq_sort_items(s->cx, items, count, sizeof *items, compare_items, &by));
  return pq_make_array(s, items, count, out);
}

/* ---- some of the elements ---- */

static int read_n(const pq_expression *e, pq_eval *s, const pq_value *args, uint32_t *n) {
  int64_t v;
  *n = 0;
  if (!pq_value_whole(args[1], &v) || v <= 0)
    return pq_fail_argument(e, s, args[1], "a whole number above 0 as n");
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array as input");
  *n = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
  return PQ_OK;
}

/* $firstN, $lastN (variant 1); args: input, n */
static int eval_end_n(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  uint32_t count = pq_value_count(args[0]), n, from;
  pq_value *items;
  PQ_TRY(read_n(e, s, args, &n));
  if (n > count) n = count;
  from = e->op->variant ? count - n : 0;
  PQ_TRY(new_items(s, n, &items));
  for (uint32_t i = 0; i < n; i++)
    items[i] = pq_array_at(args[0], from + i);
  return pq_make_array(s, items, n, out);
}

/* $minN, $maxN (variant: 1, -1), null left out; args: input, n */
static int eval_extreme_n(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  ordering by = {NULL, e->op->variant, s->collation};
  uint32_t count = 0, n;
  pq_value *items;
  PQ_TRY(read_n(e, s, args, &n));
  PQ_TRY(new_items(s, pq_value_count(args[0]), &items));
  for (uint32_t i = 0; i < pq_value_count(args[0]); i++) {
    items[count] = pq_array_at(args[0], i);
    count += !pq_is_nullish(items[count]);
  }
  PQ_TRY(pq_sort_items(s->cx, items, count, sizeof *items, compare_items, &by));
  return pq_make_array(s, items, n < count ? n : count, out);
}

/* ---- $zip ---- */

/* How long the result is. *is_null: one of the inputs is. */
static int measure_zip(const pq_expression *e, pq_eval *s, pq_value inputs, bool is_longest,
                       uint32_t *out, bool *is_null) {
  *out = is_longest ? 0 : UINT32_MAX;
  *is_null = false;
  for (uint32_t i = 0; i < pq_value_count(inputs); i++) {
    pq_value v = pq_array_at(inputs, i);
    uint32_t count = pq_value_count(v);
    if (pq_is_nullish(v))
      *is_null = true;
    else if (!is_array(v))
      return pq_fail_argument(e, s, v, "arrays as inputs");
    if (is_longest ? count > *out : count < *out) *out = count;
  }
  return PQ_OK;
}

static int make_zip(pq_eval *s, pq_value inputs, pq_value defaults, uint32_t count, pq_value *out) {
  uint32_t width = pq_value_count(inputs);
  pq_value *items, *row;
  PQ_TRY(new_items(s, count, &items));
  PQ_TRY(new_items(s, width, &row));
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t k = 0; k < width; k++) {
      row[k] = pq_array_at(pq_array_at(inputs, k), i);
      if (pq_value_is_missing(row[k])) row[k] = pq_array_at(defaults, k);
    }
    PQ_TRY(pq_make_array(s, row, width, &items[i]));
  }
  return pq_make_array(s, items, count, out);
}

/* args: inputs, useLongestLength, defaults */
static int eval_zip(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  bool is_longest = false, is_null, has_defaults = e->args[2] != NULL && !pq_is_nullish(args[2]);
  uint32_t count;
  if (e->args[1] != NULL && !pq_value_bool(args[1], &is_longest))
    return pq_fail_argument(e, s, args[1], "a bool as useLongestLength");
  if (has_defaults && !is_longest)
    return pq_fail(s->cx, PQ_EINVALID, "operator '$zip' takes defaults with useLongestLength only");
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!is_array(args[0]) || pq_value_count(args[0]) == 0)
    return pq_fail_argument(e, s, args[0], "an array of arrays, not empty, as inputs");
  if (has_defaults && (!is_array(args[2]) || pq_value_count(args[2]) != pq_value_count(args[0])))
    return pq_fail_argument(e, s, args[2], "an array, as long as inputs, as defaults");
  PQ_TRY(measure_zip(e, s, args[0], is_longest, &count, &is_null));
  if (is_null) return pq_make_null(s, out);
  return make_zip(s, args[0], args[2], count, out);
}

/* ---- with a body ---- */

/* args: input, body, limit; variant 1: $filter */
static int eval_each(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  bool is_filter = e->op->variant != 0;
  pq_value input, limit_value, v, *items;
  int64_t limit = INT64_MAX;
  uint32_t count, n = 0;
  (void)args;
  PQ_TRY(pq_expression_eval(e->args[0], s, &input));
  if (is_filter && e->args[3] != NULL) {
    PQ_TRY(pq_expression_eval(e->args[3], s, &limit_value));
    if (!pq_is_nullish(limit_value) &&
        (!pq_value_whole(limit_value, &limit) || limit <= 0 || limit > INT32_MAX))
      return pq_fail_argument(e, s, limit_value, "a whole number of 32 bits, above 0, as limit");
  }
  if (pq_is_nullish(input)) return pq_make_null(s, out);
  if (!is_array(input)) return pq_fail_argument(e, s, input, "an array as input");
  count = pq_value_count(input);
  PQ_TRY(new_items(s, count, &items));
  for (uint32_t i = 0; i < count && n < limit; i++) {
    s->variables[e->slot] = pq_array_at(input, i);
    PQ_TRY(pq_expression_eval(e->args[1], s, &v));
    if (!is_filter)
      items[n++] = v;
    else if (pq_value_is_true(v))
      items[n++] = pq_array_at(input, i);
  }
  return pq_make_array(s, items, n, out);
}

/* args: input, initialValue, in */
static int eval_reduce(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_value input, sum;
  (void)args;
  PQ_TRY(pq_expression_eval(e->args[0], s, &input));
  PQ_TRY(pq_expression_eval(e->args[1], s, &sum));
  if (pq_is_nullish(input)) return pq_make_null(s, out);
  if (!is_array(input)) return pq_fail_argument(e, s, input, "an array as input");
  for (uint32_t i = 0; i < pq_value_count(input); i++) {
    s->variables[e->slot] = sum;
    s->variables[e->slot + 1] = pq_array_at(input, i);
    PQ_TRY(pq_expression_eval(e->args[2], s, &sum));
  }
  *out = sum;
  return PQ_OK;
}

/* ---- objects ---- */

/* An object of the fields; of several with one name the first gives the place, the last the
 * value. Moves fields. */
static int make_unique(pq_eval *s, pq_field *fields, uint32_t count, pq_value *out) {
  pq_table table;
  uint32_t n = 0;
  int rc = PQ_OK;
  pq_table_init(&table, s->cx);
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++) {
    uint64_t hash = pq_hash(fields[i].name, 0);
    size_t pos;
    uint32_t k = pq_table_first(&table, hash, &pos);
    while (k != PQ_TABLE_NONE && !pq_slice_eq(fields[k].name, fields[i].name))
      k = pq_table_next(&table, hash, &pos);
    if (k != PQ_TABLE_NONE) {
      fields[k].value = fields[i].value;
      continue;
    }
    fields[n] = fields[i];
    rc = pq_table_add(&table, hash, n++);
  }
  pq_table_release(&table);
  PQ_TRY(rc);
  return pq_make_object(s, fields, n, out);
}

int pq_merge_objects(pq_eval *s, const pq_value *objects, uint32_t count, pq_value *out) {
  size_t cap = 0;
  uint32_t n = 0;
  pq_field *fields;
  for (uint32_t i = 0; i < count; i++)
    if (!pq_add_size(cap, pq_value_count(objects[i]), &cap) || cap > INT32_MAX)
      return pq_fail(s->cx, PQ_ELIMIT, "merging makes too large an object");
  fields = pq_arena_calloc(s->arena, cap, sizeof *fields);
  if (fields == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t more;
    pq_field *own;
    if (pq_is_nullish(objects[i])) continue;
    if (pq_value_type(objects[i]) != PQ_TYPE_OBJECT)
      return pq_fail(s->cx, PQ_EINVALID, "operator '$mergeObjects' needs objects, not %s",
                     pq_type_name(pq_value_type(objects[i])));
    own = pq_object_fields(s->arena, objects[i], &more);
    if (own == NULL && pq_value_count(objects[i]) > 0) return s->cx->code;
    if (more > 0) memcpy(fields + n, own, more * sizeof *own);
    n += more;
  }
  return make_unique(s, fields, n, out);
}

/* One array argument stands for its elements. */
static int eval_merge_objects(const pq_expression *e, pq_eval *s, const pq_value *args,
                              pq_value *out) {
  uint32_t count = e->arg_count;
  pq_value *items;
  if (count != 1 || !is_array(args[0])) return pq_merge_objects(s, args, count, out);
  count = pq_value_count(args[0]);
  PQ_TRY(new_items(s, count, &items));
  for (uint32_t i = 0; i < count; i++)
    items[i] = pq_array_at(args[0], i);
  return pq_merge_objects(s, items, count, out);
}

static int eval_object_to_array(const pq_expression *e, pq_eval *s, const pq_value *args,
                                pq_value *out) {
  uint32_t count;
  pq_field *fields;
  pq_value *items;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_type(args[0]) != PQ_TYPE_OBJECT) return pq_fail_argument(e, s, args[0], "an object");
  fields = pq_object_fields(s->arena, args[0], &count);
  if (fields == NULL && pq_value_count(args[0]) > 0) return s->cx->code;
  PQ_TRY(new_items(s, count, &items));
  for (uint32_t i = 0; i < count; i++) {
    pq_field pair[2] = {{PQ_SLICE("k"), {0}}, {PQ_SLICE("v"), fields[i].value}};
    PQ_TRY(pq_make_text(s, fields[i].name, &pair[0].value));
    PQ_TRY(pq_make_object(s, pair, 2, &items[i]));
  }
  return pq_make_array(s, items, count, out);
}

/* [[k, v], …] or [{"k": …, "v": …}, …] */
static int eval_array_to_object(const pq_expression *e, pq_eval *s, const pq_value *args,
                                pq_value *out) {
  uint32_t count = pq_value_count(args[0]), n = 0;
  bool is_pairs = is_array(pq_array_at(args[0], 0));
  pq_field *fields;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!is_array(args[0])) return pq_fail_argument(e, s, args[0], "an array");
  fields = pq_arena_calloc(s->arena, count, sizeof *fields);
  if (fields == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value item = pq_array_at(args[0], i), name, v;
    pq_field field;
    if (pq_value_type(item) != (is_pairs ? PQ_TYPE_ARRAY : PQ_TYPE_OBJECT) ||
        pq_value_count(item) != 2)
      return pq_fail_argument(e, s, item, "pairs, all [k, v] or all {\"k\": …, \"v\": …}");
    name = is_pairs ? pq_array_at(item, 0) : pq_object_get_str(item, "k");
    v = is_pairs ? pq_array_at(item, 1) : pq_object_get_str(item, "v");
    if (!pq_value_string(name, &field.name) || pq_value_is_missing(v))
      return pq_fail_argument(e, s, name, "pairs of a string and a value");
    if (field.name.n > 0 && memchr(field.name.p, 0, field.name.n) != NULL)
      return pq_fail(s->cx, PQ_EINVALID, "a name for '$arrayToObject' holds a NUL");
    field.value = v;
    fields[n++] = field;
  }
  return make_unique(s, fields, n, out);
}

const pq_operator pq_array_operators[] = {
    {"$size", 1, 1, false, NULL, eval_size, 0},
    {"$arrayElemAt", 2, 2, false, NULL, eval_array_elem_at, 0},
    {"$first", 1, 1, false, NULL, eval_end, 0},
    {"$last", 1, 1, false, NULL, eval_end, -1},
    {"$in", 2, 2, false, NULL, eval_in, 0},
    {"$indexOfArray", 2, 4, false, NULL, eval_index_of_array, 0},
    {"$concatArrays", 0, PQ_ARGS_ANY, false, NULL, eval_concat_arrays, 0},
    {"$slice", 2, 3, false, NULL, eval_slice, 0},
    {"$reverseArray", 1, 1, false, NULL, eval_reverse, 0},
    {"$range", 2, 3, false, NULL, eval_range, 0},
    {"$sortArray", 2, 2, false, "input sortBy", eval_sort_array, 0},
    {"$firstN", 2, 2, false, "input n", eval_end_n, 0},
    {"$lastN", 2, 2, false, "input n", eval_end_n, 1},
    {"$minN", 2, 2, false, "input n", eval_extreme_n, 1},
    {"$maxN", 2, 2, false, "input n", eval_extreme_n, -1},
    {"$zip", 1, 3, false, "inputs useLongestLength? defaults?", eval_zip, 0},
    {"$map", 2, 3, true, "input in as?", eval_each, 0},
    {"$filter", 2, 4, true, "input cond as? limit?", eval_each, 1},
    {"$reduce", 3, 3, true, "input initialValue in", eval_reduce, 0},
    {"$mergeObjects", 0, PQ_ARGS_ANY, false, NULL, eval_merge_objects, 0},
    {"$objectToArray", 1, 1, false, NULL, eval_object_to_array, 0},
    {"$arrayToObject", 1, 1, false, NULL, eval_array_to_object, 0},
    {NULL, 0, 0, false, NULL, NULL, 0}};
