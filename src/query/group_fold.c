/* query/group_fold.c - see group_fold.h. */
#include "query/group_fold.h"

#include <string.h>

#include "query/accumulator_int.h"
#include "query/gathered.h"
#include "query/stage_parse.h"

/* "$a.b", "$$ROOT.a.b": the path; false for anything else. */
static bool is_path(pq_value v, pq_slice *path) {
  static const char root[] = "$$ROOT.";
  pq_slice text;
  *path = (pq_slice){0};
  if (!pq_value_string(v, &text) || text.n < 2 || text.p[0] != '$') return false;
  if (text.n >= sizeof root && memcmp(text.p, root, sizeof root - 1) == 0)
    *path = (pq_slice){text.p + sizeof root - 1, text.n - sizeof root + 1};
  else if (text.p[1] != '$')
    *path = (pq_slice){text.p + 1, text.n - 1};
  return path->n > 0;
}

static bool is_constant(pq_value v) {
  pq_type t = pq_value_type(v);
  pq_slice text;
  if (pq_value_string(v, &text)) return text.n == 0 || text.p[0] != '$';
  return t != PQ_TYPE_OBJECT && t != PQ_TYPE_ARRAY && t != PQ_TYPE_MISSING;
}

/* *is_ok: the _id is of a shape that keys can make. */
static int find_keys(pq_arena *arena, pq_value id, pq_group_fold *g, bool *is_ok) {
  pq_field *fields;
  pq_slice path;
  *is_ok = is_constant(id);
  if (*is_ok) return PQ_OK;
  g->keys = pq_arena_calloc(arena, PQ_FOLD_PATHS_MAX, sizeof *g->keys);
  if (g->keys == NULL) return arena->cx->code;
  *is_ok = is_path(id, &path);
  if (*is_ok) {
    g->keys[g->key_count++] = path;
    return PQ_OK;
  }
  if (pq_value_type(id) != PQ_TYPE_OBJECT || pq_value_count(id) == 0 ||
      pq_value_count(id) > PQ_FOLD_PATHS_MAX / 2)
    return PQ_OK;
  PQ_TRY(pq_stage_fields(arena, id, &fields, &g->key_count));
  g->names = pq_arena_calloc(arena, g->key_count, sizeof *g->names);
  if (g->names == NULL) return arena->cx->code;
  *is_ok = true;
  for (uint32_t i = 0; i < g->key_count; i++) {
    g->names[i] = fields[i].name;
    *is_ok &= fields[i].name.n > 0 && fields[i].name.p[0] != '$';
    *is_ok &= is_path(fields[i].value, &g->keys[i]);
  }
  return PQ_OK;
}

/* {"$sum": "$x"} as an item. */
static int find_item(pq_arena *arena, pq_value spec, pq_fold_item *item, int64_t *factor,
                     bool *is_ok) {
  pq_field *fields;
  uint32_t count;
  bool is_sum;
  *is_ok = false;
  PQ_TRY(pq_stage_fields(arena, spec, &fields, &count));
  if (count != 1) return PQ_OK;
  is_sum = pq_slice_is(fields[0].name, "$sum");
  *is_ok = true;
  if (pq_slice_is(fields[0].name, "$count")) return PQ_OK;
  /* No sum of an int can overflow: there are fewer than 2^32 rows. */
  if (is_sum && pq_value_type(fields[0].value) == PQ_TYPE_INT32) {
    *is_ok = pq_value_i64(fields[0].value, factor);
    return PQ_OK;
  }
  *is_ok = is_path(fields[0].value, &item->path);
  if (is_sum || pq_slice_is(fields[0].name, "$avg"))
    item->op = PQ_FOLD_SUM;
  else if (pq_slice_is(fields[0].name, "$min"))
    item->op = PQ_FOLD_MIN;
  else if (pq_slice_is(fields[0].name, "$max"))
    item->op = PQ_FOLD_MAX;
  else
    *is_ok = false;
  return PQ_OK;
}

int pq_group_fold_find(pq_arena *arena, pq_value id, const pq_field *accumulators, uint32_t count,
                       pq_group_fold **out) {
  pq_group_fold *g;
  bool is_ok;
  *out = NULL;
  if (count > PQ_FOLD_PATHS_MAX / 2) return PQ_OK;
  g = pq_arena_calloc(arena, 1, sizeof *g);
  if (g == NULL) return arena->cx->code;
  g->items = pq_arena_calloc(arena, count, sizeof *g->items);
  g->factors = pq_arena_calloc(arena, count, sizeof *g->factors);
  if (g->items == NULL || g->factors == NULL) return arena->cx->code;
  g->item_count = count;
  PQ_TRY(find_keys(arena, id, g, &is_ok));
  for (uint32_t i = 0; i < count && is_ok; i++)
    PQ_TRY(find_item(arena, accumulators[i].value, &g->items[i], &g->factors[i], &is_ok));
  if (is_ok) *out = g;
  return PQ_OK;
}

int pq_group_fold_count(pq_arena *arena, pq_value id, pq_group_fold **out) {
  PQ_TRY(pq_group_fold_find(arena, id, NULL, 0, out));
  if (*out == NULL) return PQ_OK;
  (*out)->items = pq_arena_calloc(arena, 1, sizeof *(*out)->items);
  if ((*out)->items == NULL) return arena->cx->code;
  (*out)->item_count = 1; /* a COUNT */
  return PQ_OK;
}

/* ---- groups ---- */

int pq_group_fold_key(const pq_group_fold *g, const pq_grouping *fold, uint32_t group, pq_eval *s,
                      pq_value constant, pq_value *out) {
  const pq_value *values = fold->values + (size_t)group * fold->key_count;
  pq_field fields[PQ_FOLD_PATHS_MAX];
  uint32_t count = 0;
  *out = g->key_count == 0 ? constant : values[0];
  if (g->names == NULL) return pq_value_is_missing(*out) ? pq_make_null(s, out) : PQ_OK;
  for (uint32_t i = 0; i < g->key_count; i++) {
    if (pq_value_is_missing(values[i]) && g->key_count > 1) continue;
    fields[count++] = (pq_field){g->names[i], values[i]};
  }
  /* A key of one field takes missing for null, as pq_group_key() has it. */
  if (g->key_count == 1 && pq_value_is_missing(values[0]))
    PQ_TRY(pq_make_null(s, &fields[0].value));
  return pq_make_object(s, fields, count, out);
}

int pq_group_fold_add(const pq_group_fold *g, const pq_grouping *fold, uint32_t group, uint32_t i,
                      const pq_accumulator *a, pq_eval *s, pq_gathered *state) {
  const pq_fold_state *from = &fold->states[(size_t)group * fold->item_count + i];
  pq_total total;
  switch (g->items[i].op) {
    case PQ_FOLD_COUNT:
      if (a->op->kind == PQ_GATHER_COUNT) {
        state->fixed.count += from->count;
        return PQ_OK;
      }
      total = (pq_total){.ints = from->count, .integer = (int64_t)from->count * g->factors[i]};
      pq_total_merge(&state->fixed.total, &total);
      return PQ_OK;
    case PQ_FOLD_SUM:
      total = pq_fold_total(from);
      pq_total_merge(&state->fixed.total, &total);
      return PQ_OK;
    case PQ_FOLD_MIN:
    case PQ_FOLD_MAX: return pq_gathered_add(a, s, state, &from->extreme);
  }
  pq_unreachable("fold");
}
