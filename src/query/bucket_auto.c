/* query/bucket_auto.c - $bucketAuto: buckets of about the same number of documents. See blocking.h.
 *
 *   sorted by groupBy:   1 1 2 | 3 5 5 5 | 8 9        12 documents / 3 buckets …
 *                        a bucket goes on while the next value equals its last one
 *   {_id: {min: 1, max: 3}}  {min: 3, max: 8}  {min: 8, max: 9}     max is the next one's min
 *
 * With a granularity the ends are numbers of a series: each bucket goes on up to the member above
 * its last value. One bucket is in memory at a time.
 */
#include <math.h>
#include <string.h>

#include "query/gathered.h"
#include "query/granularity.h"
#include "query/group_spec.h"
#include "query/held.h"
#include "query/sorter.h"
#include "query/stage_parse.h"

static const char STAGE[] = "$bucketAuto";

struct pq_auto_spec {
  pq_expression *by;
  uint32_t bucket_count;
  pq_accumulator *accumulators;
  uint32_t accumulator_count;
  pq_collation collation;
  bool has_granularity;
  pq_granularity granularity;
};

static int fail(pq_cx *cx, const char *what) {
  return pq_fail(cx, PQ_EINVALID, "stage '%s' %s", STAGE, what);
}

static int parse_granularity(pq_cx *cx, pq_value v, pq_auto_spec *a) {
  pq_slice text;
  const char *nearest;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (!pq_value_string(v, &text)) return fail(cx, "needs the name of a series as granularity");
  a->has_granularity = pq_granularity_find(text, &a->granularity);
  if (a->has_granularity) return PQ_OK;
  nearest = pq_nearest(text, pq_granularity_names);
  return pq_fail(cx, PQ_EINVALID, "stage '%s': unknown granularity '%.*s'%s%s%s", STAGE,
                 PQ_SHOWN(text), nearest == NULL ? "" : ": did you mean '",
                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

int pq_bucket_auto_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_auto_spec **out) {
  static const char *const names[] = {"groupBy", "buckets", "output", "granularity"};
  pq_cx *cx = arena->cx;
  pq_auto_spec *a = pq_arena_calloc(arena, 1, sizeof *a);
  pq_value by;
  pq_field *fields;
  uint32_t count;
  double buckets;
  *out = NULL;
  if (a == NULL) return cx->code;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return fail(cx, "needs an object");
  PQ_TRY(pq_value_copy(arena, spec, &spec));
  PQ_TRY(pq_stage_fields(arena, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    int n = 0;
    while (n < 4 && !pq_slice_is(fields[i].name, names[n]))
      n++;
    if (n == 4)
      return pq_fail(cx, PQ_EINVALID,
                     "stage '%s' has no '%.*s': it knows groupBy, buckets, output and granularity",
                     STAGE, PQ_SHOWN(fields[i].name));
  }
  if (env != NULL) a->collation = env->collation;
  by = pq_object_get_str(spec, "groupBy");
  if (!pq_value_is_field_path(by) && pq_value_type(by) != PQ_TYPE_OBJECT)
    return fail(cx, "needs a path or an expression as groupBy");
  PQ_TRY(pq_expression_parse(arena, env, by, &a->by));
  if (!pq_value_number(pq_object_get_str(spec, "buckets"), &buckets) || !(buckets >= 1) ||
      buckets > INT32_MAX || floor(buckets) != buckets)
    return fail(cx, "needs a whole number above 0 as buckets");
  a->bucket_count = (uint32_t)buckets;
  PQ_TRY(pq_group_parse_output(arena, env, STAGE, pq_object_get_str(spec, "output"),
                               &a->accumulators, &a->accumulator_count));
  PQ_TRY(parse_granularity(cx, pq_object_get_str(spec, "granularity"), a));
  *out = a;
  return PQ_OK;
}

/* ---- at work ---- */

typedef struct auto_stage {
  pq_blocking base; /* first */
  pq_blocking_cx x;
  const pq_auto_spec *spec;
  uint64_t memory_max;
  pq_sorter *sorter;
  const pq_value *record; /* the next one; NULL: not read yet */
  bool is_end;
  uint64_t bucket_len; /* documents that a bucket should have */
  uint32_t bucket_idx;
  /* the bucket */
  pq_arena arena;
  pq_gathered **states;
  pq_value *args;
  uint64_t count;
  pq_held min, max;
  double edge; /* with a granularity: where the bucket before ended */
} auto_stage;

static int check_number(const auto_stage *g, pq_value v) {
  double real;
  if (!g->spec->has_granularity) return PQ_OK;
  if (!pq_value_number(v, &real) || !(real >= 0) || isinf(real))
    return fail(g->x.cx, "needs numbers of 0 or more for a granularity");
  return PQ_OK;
}

static int add(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value doc) {
  auto_stage *g = (auto_stage *)b;
  pq_value record[2] = {{0}, doc};
  PQ_TRY(pq_sorter_ready(g->sorter, f));
  eval->root = doc;
  PQ_TRY(pq_expression_eval(g->spec->by, eval, &record[0]));
  if (pq_value_is_missing(record[0])) PQ_TRY(pq_make_null(eval, &record[0]));
  PQ_TRY(check_number(g, record[0]));
  return pq_sorter_add(g->sorter, f, record);
}

static int end(pq_blocking *b, pq_fetch *f, pq_eval *eval) {
  auto_stage *g = (auto_stage *)b;
  double len = round((double)pq_sorter_count(g->sorter) / g->spec->bucket_count);
  (void)eval;
  g->bucket_len = len < 1 ? 1 : (uint64_t)len;
  return pq_sorter_end(g->sorter, f);
}

static double real_of(pq_value v) {
  double real = 0;
  (void)pq_value_number(v, &real);
  return real;
}

/* Does the next record belong to the bucket? */
static bool is_inside(const auto_stage *g, const pq_eval *eval) {
  pq_value v = g->record[0];
  if (g->count < g->bucket_len || g->bucket_idx + 1 >= g->spec->bucket_count) return true;
  if (!g->spec->has_granularity) return pq_value_collate(v, g->max.value, eval->collation) == 0;
  return real_of(v) < pq_granularity_up(&g->spec->granularity, real_of(g->max.value));
}

static int begin_bucket(auto_stage *g, const pq_eval *eval) {
  pq_eval s = *eval;
  uint32_t width = 1, count = g->spec->accumulator_count;
  pq_arena_clear(&g->arena);
  s.arena = &g->arena;
  s.root = g->record[0];
  g->states = pq_arena_calloc(&g->arena, count, sizeof *g->states);
  if (g->states == NULL) return g->x.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    const pq_accumulator *a = &g->spec->accumulators[i];
    if (pq_accumulator_width(a) > width) width = pq_accumulator_width(a);
    PQ_TRY(pq_gathered_new(a, &s, &g->arena, &g->states[i]));
  }
  g->args = pq_arena_calloc(&g->arena, width, sizeof *g->args);
  if (g->args == NULL) return g->x.cx->code;
  return pq_held_set(&g->min, g->record[0]);
}

static int take_record(auto_stage *g, const pq_eval *eval) {
  pq_eval s = *eval;
  if (g->count == 0) PQ_TRY(begin_bucket(g, eval));
  s.root = g->record[1];
  for (uint32_t i = 0; i < g->spec->accumulator_count; i++) {
    PQ_TRY(pq_accumulator_args(&g->spec->accumulators[i], &s, g->args));
    PQ_TRY(pq_gathered_add(&g->spec->accumulators[i], &s, g->states[i], g->args));
  }
  PQ_TRY(pq_held_set(&g->max, g->record[0]));
  g->count++;
  g->record = NULL;
  if (g->arena.used_len <= g->memory_max) return PQ_OK;
  return pq_fail(g->x.cx, PQ_ELIMIT, "stage '%s': one bucket needs more than %llu bytes", STAGE,
                 (unsigned long long)g->memory_max);
}

static int make_ends(auto_stage *g, pq_eval *eval, pq_value *min, pq_value *max) {
  const pq_granularity *series = &g->spec->granularity;
  double low, high;
  *min = g->min.value;
  *max = g->record != NULL ? g->record[0] : g->max.value;
  if (!g->spec->has_granularity) return PQ_OK;
  low = g->bucket_idx == 0 ? pq_granularity_down(series, real_of(*min)) : g->edge;
  high = pq_granularity_up(series, real_of(g->max.value));
  /* A bucket of zeros ends below the next value, as there is no member above 0 to end at. */
  if (high == 0 && g->record != NULL) high = pq_granularity_down(series, real_of(g->record[0]));
  g->edge = high;
  PQ_TRY(pq_make_double(eval, low, min));
  return pq_make_double(eval, high, max);
}

static int give_bucket(auto_stage *g, pq_eval *eval, pq_value *out) {
  uint32_t count = g->spec->accumulator_count;
  pq_field ends[2] = {{PQ_SLICE("min"), {0}}, {PQ_SLICE("max"), {0}}};
  pq_field *fields = pq_arena_calloc(eval->arena, (size_t)count + 1, sizeof *fields);
  if (fields == NULL) return g->x.cx->code;
  PQ_TRY(make_ends(g, eval, &ends[0].value, &ends[1].value));
  fields[0].name = PQ_SLICE("_id");
  PQ_TRY(pq_make_object(eval, ends, 2, &fields[0].value));
  for (uint32_t i = 0; i < count; i++) {
    const pq_accumulator *a = &g->spec->accumulators[i];
    fields[i + 1].name = a->name;
    PQ_TRY(pq_gathered_result(a, eval, g->states[i], &fields[i + 1].value));
  }
  PQ_TRY(pq_make_object(eval, fields, count + 1, out));
  g->count = 0;
  g->bucket_idx++;
  return PQ_OK;
}

static int next(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value *out) {
  auto_stage *g = (auto_stage *)b;
  *out = (pq_value){0};
  for (;;) {
    if (g->record == NULL && !g->is_end) {
      PQ_TRY(pq_sorter_next(g->sorter, f, &g->record));
      g->is_end = g->record == NULL;
    }
    if (g->record == NULL || !is_inside(g, eval)) break;
    PQ_TRY(take_record(g, eval));
  }
  return g->count > 0 ? give_bucket(g, eval, out) : PQ_OK;
}

static void release(pq_blocking *b) {
  auto_stage *g = (auto_stage *)b;
  pq_sorter_free(g->sorter);
  pq_arena_release(&g->arena);
  pq_held_release(&g->min);
  pq_held_release(&g->max);
  pq_alloc(g->x.cx, g, sizeof *g, 0);
}

int pq_bucket_auto_new(const pq_blocking_cx *x, const pq_auto_spec *spec, pq_blocking **out) {
  auto_stage *g = pq_alloc(x->cx, NULL, 0, sizeof *g);
  pq_sorter_spec sorted = {.key_count = 1, .collation = spec->collation, .name = STAGE};
  int rc;
  *out = NULL;
  if (g == NULL) return pq_fail_nomem(x->cx);
  *g = (auto_stage){.base = {add, end, next, release}, .x = *x, .spec = spec};
  g->memory_max = x->memory_max != 0 ? x->memory_max : x->cx->limits.sort_len_max;
  pq_arena_init(&g->arena, x->cx, UINT64_MAX / 4); /* take_record watches its length */
  pq_held_init(&g->min, x->cx);
  pq_held_init(&g->max, x->cx);
  rc = pq_sorter_new(x, &sorted, &g->sorter);
  if (rc != PQ_OK) {
    release(&g->base);
    return rc;
  }
  *out = &g->base;
  return PQ_OK;
}
