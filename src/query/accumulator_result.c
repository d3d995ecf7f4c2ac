/* query/accumulator_result.c - results of accumulators. See accumulator.h. */
#include <string.h>

#include "query/accumulator_int.h"
#include "query/gathered.h"

static int make_count(pq_eval *s, uint64_t count, pq_value *out) {
  return count > INT32_MAX ? pq_make_i64(s, (int64_t)count, out)
                           : pq_make_i32(s, (int32_t)count, out);
}

/* Slots `from`, `from` + 1 … round the ring of all slots. */
static int make_list(pq_eval *s, const pq_gathered *g, uint32_t from, pq_value *out) {
  uint32_t count = g->fixed.slot_count;
  pq_value *items = pq_arena_calloc(s->arena, count, sizeof *items);
  *out = (pq_value){0};
  if (items == NULL) return s->arena->cx->code;
  for (uint32_t i = 0; i < count; i++)
    items[i] = g->slots[(from + i) % count].value;
  return pq_make_array(s, items, count, out);
}

static int make_last(pq_eval *s, const pq_gathered *g, pq_value *out) {
  bool is_full = g->fixed.slot_count == g->fixed.n;
  return make_list(s, g, is_full ? (uint32_t)(g->fixed.count % g->fixed.n) : 0, out);
}

/* The last value of each row, in order; one alone for $top and $bottom. */
static int make_rows(const pq_accumulator *a, pq_eval *s, const pq_gathered *g, pq_value *out) {
  uint32_t width = pq_accumulator_width(a), count = g->fixed.row_count;
  pq_value *items = pq_arena_calloc(s->arena, count, sizeof *items);
  *out = (pq_value){0};
  if (items == NULL) return s->arena->cx->code;
  for (uint32_t i = 0; i < count; i++)
    items[i] = g->slots[g->order[i] * width + width - 1].value;
  if (a->op->form != PQ_FORM_TOP) return pq_make_array(s, items, count, out);
  if (count > 0) *out = items[0];
  return pq_value_is_missing(*out) ? pq_make_null(s, out) : PQ_OK;
}

static int make_deviation(const pq_accumulator *a, pq_eval *s, const pq_gathered *g,
                          pq_value *out) {
  double real;
  bool is_sample = a->op->kind == PQ_GATHER_DEVIATION_SAMPLE;
  return pq_deviation_get(&g->fixed.deviation, is_sample, &real) ? pq_make_double(s, real, out)
                                                                 : pq_make_null(s, out);
}

static int make_percentiles(const pq_accumulator *a, pq_eval *s, const pq_gathered *g,
                            pq_value *out) {
  uint32_t count = g->fixed.number_count;
  double *sorted = pq_arena_calloc(s->arena, count, sizeof *sorted);
  pq_value *items = pq_arena_calloc(s->arena, a->point_count, sizeof *items);
  *out = (pq_value){0};
  if (sorted == NULL || items == NULL) return s->arena->cx->code;
  if (count > 0) memcpy(sorted, g->numbers, count * sizeof *sorted);
  PQ_TRY(pq_sort_doubles(s->cx, sorted, count));
  for (uint32_t i = 0; i < a->point_count && count > 0; i++)
    PQ_TRY(pq_make_double(s, pq_percentile(sorted, count, a->points[i]), &items[i]));
  if (a->op->form == PQ_FORM_PERCENTILE) return pq_make_array(s, items, a->point_count, out);
  *out = items[0];
  return count == 0 ? pq_make_null(s, out) : PQ_OK;
}

int pq_gathered_result(const pq_accumulator *a, pq_eval *s, const pq_gathered *g, pq_value *out) {
  *out = (pq_value){0};
  switch (a->op->kind) {
    case PQ_GATHER_SUM: return pq_total_sum(&g->fixed.total, s, out);
    case PQ_GATHER_AVG: return pq_total_average(&g->fixed.total, s, out);
    case PQ_GATHER_MIN:
    case PQ_GATHER_MAX:
    case PQ_GATHER_FIRST:
    case PQ_GATHER_LAST:
      if (g->fixed.slot_count > 0) *out = g->slots[0].value;
      return pq_value_is_missing(*out) ? pq_make_null(s, out) : PQ_OK;
    case PQ_GATHER_PUSH:
    case PQ_GATHER_SET:
    case PQ_GATHER_CONCAT:
    case PQ_GATHER_UNION:
    case PQ_GATHER_FIRST_N: return make_list(s, g, 0, out);
    case PQ_GATHER_LAST_N: return make_last(s, g, out);
    case PQ_GATHER_COUNT: return make_count(s, g->fixed.count, out);
    case PQ_GATHER_MERGE:
      if (g->fixed.slot_count == 0) return pq_make_object(s, NULL, 0, out);
      *out = g->slots[0].value;
      return PQ_OK;
    case PQ_GATHER_DEVIATION_POP:
    case PQ_GATHER_DEVIATION_SAMPLE: return make_deviation(a, s, g, out);
    case PQ_GATHER_MIN_N:
    case PQ_GATHER_MAX_N:
    case PQ_GATHER_TOP:
    case PQ_GATHER_BOTTOM: return make_rows(a, s, g, out);
    case PQ_GATHER_PERCENTILE: return make_percentiles(a, s, g, out);
    case PQ_GATHER_REFUSED: break;
  }
  pq_unreachable("accumulator");
}
