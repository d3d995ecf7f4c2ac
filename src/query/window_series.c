/* query/window_series.c - window operators that are no accumulators: ranks, neighbours, rates,
 * averages that forget, gaps filled. See window_spec.h.
 *
 * Each walks over the partition once and leaves a value per document. Values are small: numbers,
 * or borrowed from the documents.
 */
#include <math.h>

#include "expr/total.h"
#include "query/accumulator_int.h"
#include "query/window_spec.h"

typedef struct series {
  const pq_partition *p;
  const pq_window_output *o;
  pq_eval *s;
  pq_window_state *w;
  pq_value *input, *second; /* of each document */
} series;

static int fail(const series *c, const char *what) {
  return pq_fail(c->p->cx, PQ_EINVALID, "stage '$setWindowFields': '%s' %s", c->o->name, what);
}

static int eval_all(const series *c, const pq_expression *e, pq_value **out) {
  *out = pq_arena_calloc(c->p->arena, c->p->count, sizeof **out);
  if (*out == NULL) return c->p->cx->code;
  for (uint32_t i = 0; i < c->p->count; i++) {
    c->s->root = c->p->docs[i];
    PQ_TRY(pq_expression_eval(e, c->s, &(*out)[i]));
  }
  return PQ_OK;
}

/* ---- ranks ---- */

static bool is_same_place(const series *c, uint32_t a, uint32_t b) {
  const pq_sort *sort = &c->p->spec->sort;
  bool a_empty, b_empty;
  pq_value x = pq_sort_key(sort, 0, c->p->docs[a], (pq_value){0}, &a_empty);
  pq_value y = pq_sort_key(sort, 0, c->p->docs[b], (pq_value){0}, &b_empty);
  return pq_sort_compare(&(pq_sort){sort->fields, 1, sort->collation}, &x, &a_empty, &y,
                         &b_empty) == 0;
}

static int rank(const series *c) {
  uint32_t at = 0, dense = 0;
  for (uint32_t i = 0; i < c->p->count; i++) {
    bool is_new = i == 0 || c->o->kind == PQ_WINDOW_NUMBER || !is_same_place(c, i - 1, i);
    if (is_new) at = i + 1;
    dense += is_new;
    PQ_TRY(pq_make_i32(c->s, (int32_t)(c->o->kind == PQ_WINDOW_DENSE_RANK ? dense : at),
                       &c->w->results[i]));
  }
  return PQ_OK;
}

/* ---- neighbours ---- */

static int shift(const series *c) {
  pq_value other = {0};
  c->s->root = (pq_value){0};
  if (c->o->second != NULL) PQ_TRY(pq_expression_eval(c->o->second, c->s, &other));
  if (pq_value_is_missing(other)) PQ_TRY(pq_make_null(c->s, &other));
  for (uint32_t i = 0; i < c->p->count; i++) {
    int64_t at = (int64_t)i + c->o->by;
    pq_value *out = &c->w->results[i];
    bool is_inside = at >= 0 && at < (int64_t)c->p->count;
    *out = is_inside ? c->input[at] : other;
    if (pq_value_is_missing(*out)) PQ_TRY(pq_make_null(c->s, out));
  }
  return PQ_OK;
}

/* ---- filling ---- */

static int locf(const series *c) {
  pq_value last;
  PQ_TRY(pq_make_null(c->s, &last));
  for (uint32_t i = 0; i < c->p->count; i++) {
    if (!pq_value_is_nullish(c->input[i])) last = c->input[i];
    c->w->results[i] = last;
  }
  return PQ_OK;
}

static int place_of(const series *c, uint32_t i, double *out) {
  return pq_axis_at(c->w->keys[i], out) ? PQ_OK : fail(c, "needs numbers or dates to sort by");
}

/* Fill the documents between `from` and `to`, which have values, on a straight line. */
static int fill_between(const series *c, uint32_t from, uint32_t to) {
  double x0, x1, x, y0, y1;
  PQ_TRY(place_of(c, from, &x0));
  PQ_TRY(place_of(c, to, &x1));
  (void)pq_value_number(c->input[from], &y0);
  (void)pq_value_number(c->input[to], &y1);
  for (uint32_t i = from + 1; i < to; i++) {
    PQ_TRY(place_of(c, i, &x));
    PQ_TRY(pq_make_double(c->s, y0 + (x - x0) * ((y1 - y0) / (x1 - x0)), &c->w->results[i]));
  }
  return PQ_OK;
}

static int linear_fill(const series *c) {
  uint32_t last = UINT32_MAX;
  for (uint32_t i = 0; i < c->p->count; i++) {
    double y;
    if (i > 0 && is_same_place(c, i - 1, i)) return fail(c, "needs a sortBy without equal values");
    PQ_TRY(pq_make_null(c->s, &c->w->results[i]));
    if (pq_value_is_nullish(c->input[i])) continue;
    if (!pq_value_number(c->input[i], &y)) return fail(c, "fills numbers only");
    c->w->results[i] = c->input[i];
    if (last != UINT32_MAX) PQ_TRY(fill_between(c, last, i));
    last = i;
  }
  return PQ_OK;
}

/* ---- averages that forget ---- */

static int exp_average(const series *c) {
  double average = 0;
  bool has_average = false;
  for (uint32_t i = 0; i < c->p->count; i++) {
    double v;
    if (pq_value_number(c->input[i], &v)) {
      average = has_average ? v * c->o->weight + average * (1 - c->o->weight) : v;
      has_average = true;
    }
    PQ_TRY(has_average ? pq_make_double(c->s, average, &c->w->results[i])
                       : pq_make_null(c->s, &c->w->results[i]));
  }
  return PQ_OK;
}

/* ---- rates and areas ---- */

/* The distance of two documents on the sort's axis, in the operator's unit. */
static int distance(const series *c, uint32_t from, uint32_t to, double *out) {
  double x0, x1;
  bool is_date = pq_value_type(c->w->keys[from]) == PQ_TYPE_DATE;
  PQ_TRY(place_of(c, from, &x0));
  PQ_TRY(place_of(c, to, &x1));
  if (is_date != (pq_value_type(c->w->keys[to]) == PQ_TYPE_DATE))
    return fail(c, "cannot go from numbers to dates");
  if (is_date != (c->o->unit != PQ_UNIT_NONE))
    return fail(c, is_date ? "needs a unit to sort by dates" : "takes a unit with dates only");
  *out = (x1 - x0) / (is_date ? (double)pq_unit_len_us(c->o->unit) : 1);
  return PQ_OK;
}

static int derivative(const series *c, uint32_t low, uint32_t high, pq_value *out) {
  double run, y0, y1;
  if (high - low < 2) return pq_make_null(c->s, out);
  if (pq_value_is_nullish(c->input[low]) || pq_value_is_nullish(c->input[high - 1]))
    return pq_make_null(c->s, out);
  if (!pq_value_number(c->input[low], &y0) || !pq_value_number(c->input[high - 1], &y1))
    return fail(c, "needs numbers");
  PQ_TRY(distance(c, low, high - 1, &run));
  return run == 0 ? pq_make_null(c->s, out) : pq_make_double(c->s, (y1 - y0) / run, out);
}

/* The trapezoids between neighbours that have numbers. */
static int area_between(const series *c, uint32_t low, uint32_t high, double *out) {
  uint32_t last = UINT32_MAX;
  double sum = 0, y0 = 0, y1, run;
  for (uint32_t i = low; i < high; i++) {
    if (!pq_value_number(c->input[i], &y1)) continue;
    if (last != UINT32_MAX) {
      PQ_TRY(distance(c, last, i, &run));
      sum += run * (y0 + y1) / 2;
    }
    last = i;
    y0 = y1;
  }
  *out = sum;
  return PQ_OK;
}

static int integral(const series *c, uint32_t low, uint32_t high, pq_value *out) {
  double area;
  PQ_TRY(pq_window_work(c->p, c->o, c->w, high - low));
  PQ_TRY(area_between(c, low, high, &area));
  return pq_make_double(c->s, area, out);
}

static int covariance(const series *c, uint32_t low, uint32_t high, pq_value *out) {
  double mean_x = 0, mean_y = 0, sum = 0, count = 0, x, y;
  double less = c->o->kind == PQ_WINDOW_COVARIANCE_SAMPLE ? 1 : 0;
  PQ_TRY(pq_window_work(c->p, c->o, c->w, high - low));
  for (uint32_t i = low; i < high; i++) {
    double from_x;
    if (!pq_value_number(c->input[i], &x) || !pq_value_number(c->second[i], &y)) continue;
    count++;
    from_x = x - mean_x;
    mean_x += from_x / count;
    mean_y += (y - mean_y) / count;
    sum += from_x * (y - mean_y);
  }
  return count <= less ? pq_make_null(c->s, out) : pq_make_double(c->s, sum / (count - less), out);
}

/* An operator over the window of each document. */
static int over_windows(const series *c,
                        int (*fn)(const series *c, uint32_t low, uint32_t high, pq_value *out)) {
  for (uint32_t i = 0; i < c->p->count; i++) {
    PQ_TRY(pq_window_move(c->p, c->o, c->s, c->w, i));
    if (c->w->is_fresh) {
      c->w->results[i] = c->w->last;
      continue;
    }
    PQ_TRY(fn(c, c->w->low, c->w->high, &c->w->results[i]));
    c->w->last = c->w->results[i];
    c->w->is_fresh = true;
  }
  return PQ_OK;
}

/* Where the document's value stands between the least and the greatest of its window. A window that
 * only grows is looked at once. */
static int scale(const series *c) {
  const pq_window_output *o = c->o;
  uint32_t low = 0, high = 0;
  double min = 0, max = 0, x = 0;
  for (uint32_t i = 0; i < c->p->count; i++) {
    PQ_TRY(pq_window_move(c->p, o, c->s, c->w, i));
    if (c->w->low != low || c->w->high < high) {
      low = high = c->w->low;
      if (c->w->high > low) PQ_TRY(pq_window_work(c->p, o, c->w, c->w->high - low));
    }
    for (; high < c->w->high; high++) {
      if (!pq_value_number(c->input[high], &x)) break;
      if (high == low || x < min) min = x;
      if (high == low || x > max) max = x;
    }
    if (high < c->w->high || !pq_value_number(c->input[i], &x))
      return pq_fail(c->p->cx, PQ_EINVALID, "stage '$setWindowFields': '%s' needs numbers",
                     o->name);
    PQ_TRY(low == high ? pq_make_null(c->s, &c->w->results[i])
                       : pq_make_double(
                             c->s,
                             max > min ? (x - min) / (max - min) * (o->scale_max - o->scale_min) +
                                             o->scale_min
                                       : o->scale_min,
                             &c->w->results[i]));
  }
  return PQ_OK;
}

int pq_window_series(const pq_partition *p, const pq_window_output *o, pq_eval *s,
                     pq_window_state *w) {
  series c = {.p = p, .o = o, .s = s, .w = w};
  w->results = pq_arena_calloc(p->arena, p->count, sizeof *w->results);
  if (w->results == NULL) return p->cx->code;
  if (o->input != NULL) PQ_TRY(eval_all(&c, o->input, &c.input));
  switch (o->kind) {
    case PQ_WINDOW_RANK:
    case PQ_WINDOW_DENSE_RANK:
    case PQ_WINDOW_NUMBER: return rank(&c);
    case PQ_WINDOW_SHIFT: return shift(&c);
    case PQ_WINDOW_LOCF: return locf(&c);
    case PQ_WINDOW_LINEAR_FILL: return linear_fill(&c);
    case PQ_WINDOW_EXP_AVG: return exp_average(&c);
    case PQ_WINDOW_DERIVATIVE: return over_windows(&c, derivative);
    case PQ_WINDOW_INTEGRAL: return over_windows(&c, integral);
    case PQ_WINDOW_COVARIANCE_POP:
    case PQ_WINDOW_COVARIANCE_SAMPLE:
      PQ_TRY(eval_all(&c, o->second, &c.second));
      return over_windows(&c, covariance);
    case PQ_WINDOW_SCALE: return scale(&c);
    case PQ_WINDOW_GATHER: break;
  }
  pq_unreachable("window operator");
}
