/* expr/expression_statistics.c - $stdDevPop, $stdDevSamp, $percentile, $median over arrays.
 *
 * As accumulators they stand in src/query; the arithmetic of both is in statistics.h.
 */
#include <math.h>

#include "expr/expression_int.h"
#include "expr/statistics.h"

/* One argument that is an array stands for its elements. */
static pq_value operand(const pq_expression *e, const pq_value *args, uint32_t *count, uint32_t i) {
  bool is_list = e->arg_count == 1 && pq_value_type(args[0]) == PQ_TYPE_ARRAY;
  *count = is_list ? pq_value_count(args[0]) : e->arg_count;
  if (i >= *count) return (pq_value){0};
  return is_list ? pq_array_at(args[0], i) : args[i];
}

/* variant 1: of a sample */
static int eval_deviation(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_deviation d = {0};
  uint32_t count = 1;
  double v;
  for (uint32_t i = 0; i < count; i++) {
    pq_value item = operand(e, args, &count, i);
    if (pq_value_number(item, &v)) pq_deviation_add(&d, v);
  }
  if (!pq_deviation_get(&d, e->op->variant != 0, &v)) return pq_make_null(s, out);
  return pq_make_double(s, v, out);
}

/* The numbers of an array, or the one number, sorted. */
static int read_numbers(pq_eval *s, pq_value v, double **out, size_t *count) {
  bool is_list = pq_value_type(v) == PQ_TYPE_ARRAY;
  uint32_t n = is_list ? pq_value_count(v) : 1;
  double x;
  *count = 0;
  *out = pq_arena_calloc(s->arena, n, sizeof **out);
  if (*out == NULL) return s->cx->code;
  for (uint32_t i = 0; i < n; i++)
    if (pq_value_number(is_list ? pq_array_at(v, i) : v, &x) && !isnan(x)) (*out)[(*count)++] = x;
  return pq_sort_doubles(s->cx, *out, *count);
}

/* args: input, p, method */
static int eval_percentile(const pq_expression *e, pq_eval *s, const pq_value *args,
                           pq_value *out) {
  double *p, *sorted;
  uint32_t n;
  size_t count;
  pq_value *items;
  PQ_TRY(pq_percentile_parse(s->arena, e->op->name, args[1], args[2], &p, &n));
  PQ_TRY(read_numbers(s, args[0], &sorted, &count));
  items = pq_arena_calloc(s->arena, n, sizeof *items);
  if (items == NULL) return s->cx->code;
  for (uint32_t i = 0; i < n && count > 0; i++)
    PQ_TRY(pq_make_double(s, pq_percentile(sorted, count, p[i]), &items[i]));
  return pq_make_array(s, items, n, out);
}

/* args: input, method */
static int eval_median(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  double *sorted;
  size_t count;
  pq_slice method;
  if (!pq_value_string(args[1], &method) || !pq_slice_is(method, "approximate"))
    return pq_fail(s->cx, PQ_EINVALID, "'method' of '%s' must be \"approximate\"", e->op->name);
  PQ_TRY(read_numbers(s, args[0], &sorted, &count));
  if (count == 0) return pq_make_null(s, out);
  return pq_make_double(s, pq_percentile(sorted, count, 0.5), out);
}

const pq_operator pq_statistics_operators[] = {
    {"$stdDevPop", 0, PQ_ARGS_ANY, false, NULL, eval_deviation, 0},
    {"$stdDevSamp", 0, PQ_ARGS_ANY, false, NULL, eval_deviation, 1},
    {"$percentile", 3, 3, false, "input p method", eval_percentile, 0},
    {"$median", 2, 2, false, "input method", eval_median, 0},
    {NULL, 0, 0, false, NULL, NULL, 0}};
