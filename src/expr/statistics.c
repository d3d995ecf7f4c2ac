/* expr/statistics.c - see statistics.h. */
#include "expr/statistics.h"

#include <math.h>

#include "base/merge_sort.h"
#include "expr/expr_int.h"

void pq_deviation_add(pq_deviation *d, double v) {
  double delta = v - d->mean;
  if (!isfinite(v)) {
    d->strange_count++;
    return;
  }
  d->count++;
  d->mean += delta / (double)d->count;
  d->squares += delta * (v - d->mean);
}

bool pq_deviation_get(const pq_deviation *d, bool is_sample, double *out) {
  uint64_t count = d->count + d->strange_count;
  *out = 0;
  if (count <= (is_sample ? 1u : 0u)) return false;
  *out = d->strange_count > 0 ? (double)NAN : sqrt(d->squares / (double)(count - is_sample));
  return true;
}

static int compare_doubles(const void *a, const void *b, const void *ud) {
  const double *x = a, *y = b;
  (void)ud;
  return (*x > *y) - (*x < *y);
}

int pq_sort_doubles(pq_cx *cx, double *values, size_t count) {
  return pq_sort_items(cx, values, count, sizeof *values, compare_doubles, NULL);
}

double pq_percentile(const double *sorted, size_t count, double p) {
  double rank = ceil(p * (double)count);
  size_t at = rank < 1 ? 0 : (size_t)rank - 1;
  return sorted[at < count ? at : count - 1];
}

int pq_percentile_parse(pq_arena *arena, const char *name, pq_value p, pq_value method,
                        double **out, uint32_t *count) {
  pq_slice text;
  *out = NULL;
  *count = 0;
  if (!pq_value_string(method, &text) || !pq_slice_is(text, "approximate"))
    return pq_fail(arena->cx, PQ_EINVALID, "'method' of '%s' must be \"approximate\"", name);
  if (pq_value_type(p) != PQ_TYPE_ARRAY || pq_value_count(p) == 0)
    return pq_fail(arena->cx, PQ_EINVALID, "'p' of '%s' must be an array of numbers, not empty",
                   name);
  *out = pq_arena_calloc(arena, pq_value_count(p), sizeof **out);
  if (*out == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < pq_value_count(p); i++)
    if (!pq_value_number(pq_array_at(p, i), &(*out)[i]) || !((*out)[i] >= 0 && (*out)[i] <= 1))
      return pq_fail(arena->cx, PQ_EINVALID, "'p' of '%s' must hold numbers from 0 to 1", name);
  *count = pq_value_count(p);
  return PQ_OK;
}
