/* query/window_frame.c - the window of each document, and accumulators over it.
 *
 *   documents  0  1  2  3  4  5  6         both ends only ever move forward
 *   window of 3   [low ──── high)
 *
 * What comes in is added. What goes out is taken away where that can be done exactly ($sum, $avg,
 * $count); $min and $max keep a queue of candidates; $first and $last look at the ends. For all
 * others the window is gathered anew, and the work of that is bounded.
 */
#include "query/accumulator_int.h"
#include "query/window_spec.h"

/* Documents gathered again in one partition by one output: some seconds of work. */
static const uint64_t STEPS_MAX = 200000000;

int pq_window_work(const pq_partition *p, const pq_window_output *o, pq_window_state *w,
                   uint64_t steps) {
  w->steps += steps;
  if (w->steps <= STEPS_MAX) return PQ_OK;
  return pq_fail(p->cx, PQ_ELIMIT,
                 "stage '$setWindowFields': the windows of '%s' are too large for its partition of "
                 "%lu documents",
                 o->name, (unsigned long)p->count);
}

/* ---- the ends ---- */

static int check_key(const pq_partition *p, const pq_window_output *o, pq_value key) {
  double at;
  bool is_date = pq_value_type(key) == PQ_TYPE_DATE;
  if (pq_axis_at(key, &at) && is_date == (o->range_unit != PQ_UNIT_NONE)) return PQ_OK;
  return pq_fail(p->cx, PQ_EINVALID,
                 "stage '$setWindowFields': the range of '%s' needs %s in the sortBy field, not %s",
                 o->name, o->range_unit != PQ_UNIT_NONE ? "dates" : "numbers",
                 pq_value_is_missing(key) ? "missing" : pq_type_name(pq_value_type(key)));
}

static int bound_value(const pq_window_output *o, pq_eval *s, pq_value key, const pq_bound *b,
                       pq_value *out) {
  int64_t us;
  pq_value zero = b->amount;
  if (o->range_unit == PQ_UNIT_NONE) return pq_step_from(s, key, zero, PQ_UNIT_NONE, 1, out);
  if (!pq_value_date_us(key, &us) || !pq_unit_shift(o->range_unit, us, b->offset, &us))
    return pq_fail(s->cx, PQ_EINVALID, "a date is out of range");
  return pq_make_date(s, us, out);
}

static int move_range(const pq_partition *p, const pq_window_output *o, pq_eval *s,
                      pq_window_state *w, uint32_t i) {
  pq_value end;
  PQ_TRY(check_key(p, o, w->keys[i]));
  if (o->lower.kind == PQ_BOUND_CURRENT) w->low = i;
  if (o->lower.kind == PQ_BOUND_OFFSET) {
    PQ_TRY(bound_value(o, s, w->keys[i], &o->lower, &end));
    while (w->low < p->count && pq_value_compare(w->keys[w->low], end) < 0)
      w->low++;
  }
  if (o->upper.kind == PQ_BOUND_CURRENT) w->high = i + 1;
  if (o->upper.kind == PQ_BOUND_NONE) w->high = p->count;
  if (o->upper.kind == PQ_BOUND_OFFSET) {
    PQ_TRY(bound_value(o, s, w->keys[i], &o->upper, &end));
    while (w->high < p->count && pq_value_compare(w->keys[w->high], end) <= 0)
      w->high++;
  }
  return PQ_OK;
}

static uint32_t clamp(int64_t v, uint32_t max) {
  return v < 0 ? 0 : v > (int64_t)max ? max : (uint32_t)v;
}

int pq_window_move(const pq_partition *p, const pq_window_output *o, pq_eval *s, pq_window_state *w,
                   uint32_t i) {
  uint32_t low = w->low, high = w->high;
  if (o->is_range) {
    PQ_TRY(move_range(p, o, s, w, i));
  } else {
    w->low = o->lower.kind == PQ_BOUND_NONE ? 0 : clamp((int64_t)i + o->lower.offset, p->count);
    w->high = o->upper.kind == PQ_BOUND_NONE ? p->count
                                             : clamp((int64_t)i + o->upper.offset + 1, p->count);
  }
  if (w->high < w->low) w->high = w->low;
  if (w->low != low || w->high != high) w->is_fresh = false;
  return PQ_OK;
}

/* ---- accumulators ---- */

static uint32_t width_of(const pq_window_output *o) {
  uint32_t width = pq_accumulator_width(&o->gather);
  return width == 0 ? 1 : width;
}

int pq_window_begin(const pq_partition *p, const pq_window_output *o, pq_eval *s,
                    pq_window_state *w) {
  uint32_t width = width_of(o);
  *w = (pq_window_state){0};
  if (p->spec->sort.count > 0) {
    w->keys = pq_arena_calloc(p->arena, p->count, sizeof *w->keys);
    if (w->keys == NULL) return p->cx->code;
    for (uint32_t i = 0; i < p->count; i++) {
      bool is_empty;
      w->keys[i] = pq_sort_key(&p->spec->sort, 0, p->docs[i], (pq_value){0}, &is_empty);
    }
  }
  if (o->kind != PQ_WINDOW_GATHER) return pq_window_series(p, o, s, w);
  w->args = pq_arena_calloc(p->arena, (size_t)p->count * width, sizeof *w->args);
  if (w->args == NULL) return p->cx->code;
  for (uint32_t i = 0; i < p->count; i++) {
    s->root = p->docs[i];
    PQ_TRY(pq_accumulator_args(&o->gather, s, &w->args[(size_t)i * width]));
  }
  s->root = p->docs[0];
  PQ_TRY(pq_gathered_new(&o->gather, s, p->arena, &w->gathered));
  if (o->gather.op->kind != PQ_GATHER_MIN && o->gather.op->kind != PQ_GATHER_MAX) return PQ_OK;
  w->queue = pq_arena_calloc(p->arena, p->count, sizeof *w->queue);
  return w->queue != NULL ? PQ_OK : p->cx->code;
}

/* $min, $max: a document that is no better than a later one is no candidate any more. */
static void extreme(const pq_window_output *o, const pq_eval *s, pq_window_state *w,
                    pq_value *out) {
  int direction = o->gather.op->kind == PQ_GATHER_MIN ? -1 : 1;
  for (; w->in_high < w->high; w->in_high++) {
    pq_value v = w->args[w->in_high];
    if (pq_value_is_nullish(v)) continue;
    while (w->queue_end > w->queue_at &&
           pq_value_collate(v, w->args[w->queue[w->queue_end - 1]], s->collation) * direction > 0)
      w->queue_end--;
    w->queue[w->queue_end++] = w->in_high;
  }
  while (w->queue_at < w->queue_end && w->queue[w->queue_at] < w->low)
    w->queue_at++;
  *out = w->queue_at < w->queue_end ? w->args[w->queue[w->queue_at]] : (pq_value){0};
}

/* Make `gathered` hold exactly documents [low, high). */
static int gather(const pq_partition *p, const pq_window_output *o, pq_eval *s,
                  pq_window_state *w) {
  uint32_t width = width_of(o);
  bool is_kept = w->low < w->in_high;
  while (is_kept && w->in_low < w->low) {
    is_kept = pq_gathered_remove(&o->gather, w->gathered, &w->args[(size_t)w->in_low * width]);
    w->in_low += is_kept;
  }
  if (!is_kept) {
    uint32_t again = w->in_high > w->low ? w->in_high - w->low : 0;
    PQ_TRY(pq_window_work(p, o, w, again));
    pq_gathered_reset(w->gathered);
    w->in_low = w->in_high = w->low;
  }
  for (; w->in_high < w->high; w->in_high++)
    PQ_TRY(pq_gathered_add(&o->gather, s, w->gathered, &w->args[(size_t)w->in_high * width]));
  return PQ_OK;
}

static int gather_result(const pq_partition *p, const pq_window_output *o, pq_eval *s,
                         pq_window_state *w, pq_value *out) {
  pq_value v;
  pq_gather_kind kind = o->gather.op->kind;
  bool is_empty = w->low == w->high;
  *out = (pq_value){0};
  if (kind == PQ_GATHER_MIN || kind == PQ_GATHER_MAX) {
    extreme(o, s, w, out);
  } else if (kind == PQ_GATHER_FIRST || kind == PQ_GATHER_LAST) {
    if (!is_empty) *out = w->args[kind == PQ_GATHER_FIRST ? w->low : w->high - 1];
  } else {
    PQ_TRY(gather(p, o, s, w));
    PQ_TRY(pq_gathered_result(&o->gather, s, w->gathered, &v));
    *out = v;
  }
  return pq_value_is_missing(*out) ? pq_make_null(s, out) : PQ_OK;
}

int pq_window_at(const pq_partition *p, const pq_window_output *o, pq_eval *s, pq_window_state *w,
                 uint32_t i, pq_value *out) {
  *out = (pq_value){0};
  if (o->kind != PQ_WINDOW_GATHER) {
    *out = w->results[i];
    return PQ_OK;
  }
  PQ_TRY(pq_window_move(p, o, s, w, i));
  if (w->is_fresh) {
    *out = w->last;
    return PQ_OK;
  }
  PQ_TRY(gather_result(p, o, s, w, out));
  if (o->lower.kind != PQ_BOUND_NONE || o->upper.kind != PQ_BOUND_NONE) return PQ_OK;
  /* One window for the whole partition: its result is kept. */
  PQ_TRY(pq_value_copy(p->arena, *out, &w->last));
  *out = w->last;
  w->is_fresh = true;
  return PQ_OK;
}
