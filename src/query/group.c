/* query/group.c - $group: documents by key, accumulators per group. See aggregate.h.
 *
 *   key ─hash─► slots ─► index of the group ─► states[group][accumulator]
 *
 * Keys are equal as values are (1, 1L, 1.0; null and missing: rule 35); results come in the order
 * of their keys, so that they do not depend on where the documents were stored. All memory is the
 * pipeline's `keep` arena.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "query/aggregate_int.h"

/* Distinct values in the order of their coming. */
typedef struct value_set {
  uint32_t *slots; /* index + 1, 0: empty */
  uint32_t slot_count;
  pq_value *items;
  uint64_t *hashes;
  uint32_t count, cap;
} value_set;

typedef struct state {
  bool is_set;
  uint64_t count;
  pq_sum sum;
  pq_value value; /* its bytes stand in `bytes`, which the next value takes over if it fits */
  uint8_t *bytes;
  size_t cap;
  pq_value_list list;
  value_set set;
} state;

struct pq_group_state {
  value_set keys;
  state **states; /* per key, an array of one per accumulator */
  uint32_t cap;
  uint32_t *order; /* indexes of keys, sorted, once the results are asked for */
};

/* ---- the set ---- */

static void set_slot(value_set *s, uint32_t index) {
  uint32_t at = (uint32_t)s->hashes[index] & (s->slot_count - 1);
  while (s->slots[at] != 0)
    at = (at + 1) & (s->slot_count - 1);
  s->slots[at] = index + 1;
}

static int set_grow(pq_arena *arena, value_set *s) {
  uint32_t cap = s->cap == 0 ? 8 : s->cap * 2;
  pq_value *items;
  uint64_t *hashes;
  if (cap > (1u << 28)) return pq_fail(arena->cx, PQ_ELIMIT, "too many distinct values");
  items = pq_arena_calloc(arena, cap, sizeof *items);
  hashes = pq_arena_calloc(arena, cap, sizeof *hashes);
  s->slots = pq_arena_calloc(arena, (size_t)cap * 2, sizeof *s->slots);
  if (items == NULL || hashes == NULL || s->slots == NULL) {
    *s = (value_set){0};
    return arena->cx->code;
  }
  if (s->count > 0) {
    memcpy(items, s->items, s->count * sizeof *items);
    memcpy(hashes, s->hashes, s->count * sizeof *hashes);
  }
  s->items = items;
  s->hashes = hashes;
  s->cap = cap;
  s->slot_count = cap * 2;
  for (uint32_t i = 0; i < s->count; i++)
    set_slot(s, i);
  return PQ_OK;
}

/* The index of `v`, added as a copy when it is new. */
static int set_add(pq_arena *arena, value_set *s, pq_value v, uint32_t *index) {
  uint64_t hash = pq_value_hash(v);
  if (s->count == s->cap) PQ_TRY(set_grow(arena, s));
  for (uint32_t at = (uint32_t)hash & (s->slot_count - 1); s->slots[at] != 0;
       at = (at + 1) & (s->slot_count - 1)) {
    *index = s->slots[at] - 1;
    if (s->hashes[*index] == hash && pq_value_is_equal(s->items[*index], v)) return PQ_OK;
  }
  *index = s->count;
  PQ_TRY(pq_value_copy(arena, v, &s->items[s->count]));
  s->hashes[s->count++] = hash;
  set_slot(s, *index);
  return PQ_OK;
}

/* ---- accumulators ---- */

static int list_add(pq_arena *arena, pq_value_list *l, pq_value v) {
  if (l->count == l->cap) {
    uint32_t cap = l->cap == 0 ? 4 : l->cap * 2;
    pq_value *items = pq_arena_calloc(arena, cap, sizeof *items);
    if (items == NULL) return arena->cx->code;
    if (l->count > 0) memcpy(items, l->items, l->count * sizeof *items);
    l->items = items;
    l->cap = cap;
  }
  PQ_TRY(pq_value_copy(arena, v, &l->items[l->count]));
  l->count++;
  return PQ_OK;
}

static bool is_nullish(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_NULL || t == PQ_TYPE_MISSING;
}

static int keep_value(pq_arena *arena, state *t, pq_value v) {
  size_t len = (size_t)v.meta_len + v.len;
  t->is_set = true;
  t->value = v;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (len > t->cap) {
    size_t cap = len + len / 2;
    t->bytes = pq_arena_alloc(arena, cap);
    t->cap = t->bytes == NULL ? 0 : cap;
    if (t->bytes == NULL) return arena->cx->code;
  }
  memcpy(t->bytes, v.meta, v.meta_len);
  memcpy(t->bytes + v.meta_len, v.p, v.len);
  t->value.meta = t->bytes;
  t->value.p = t->bytes + v.meta_len;
  return PQ_OK;
}

static int keep_extreme(pq_arena *arena, state *t, pq_value v, int direction) {
  if (is_nullish(v)) return PQ_OK;
  if (t->is_set && pq_value_compare(v, t->value) * direction <= 0) return PQ_OK;
  return keep_value(arena, t, v);
}

static int merge_objects(pq_pipeline *p, state *t, pq_value v) {
  pq_value both[2] = {t->value, v}, merged;
  if (is_nullish(v)) return PQ_OK;
  PQ_TRY(pq_merge_objects(&p->eval, both, 2, &merged));
  return keep_value(p->keep, t, merged);
}

static int accumulate(pq_pipeline *p, const pq_accumulator *a, state *t, pq_value v) {
  uint32_t index;
  switch (a->kind) {
    case PQ_ACC_SUM:
    case PQ_ACC_AVG: return pq_sum_add(&p->eval, &t->sum, v);
    case PQ_ACC_MIN: return keep_extreme(p->keep, t, v, -1);
    case PQ_ACC_MAX: return keep_extreme(p->keep, t, v, 1);
    case PQ_ACC_FIRST: return t->is_set ? PQ_OK : keep_value(p->keep, t, v);
    case PQ_ACC_LAST: return keep_value(p->keep, t, v);
    case PQ_ACC_PUSH: return pq_value_is_missing(v) ? PQ_OK : list_add(p->keep, &t->list, v);
    case PQ_ACC_ADD_TO_SET:
      return pq_value_is_missing(v) ? PQ_OK : set_add(p->keep, &t->set, v, &index);
    case PQ_ACC_COUNT: t->count++; return PQ_OK;
    case PQ_ACC_MERGE_OBJECTS: return merge_objects(p, t, v);
  }
  pq_unreachable("accumulator");
}

static int result(pq_pipeline *p, const pq_accumulator *a, const state *t, pq_value *out) {
  *out = t->value;
  switch (a->kind) {
    case PQ_ACC_SUM: return pq_sum_total(&p->eval, &t->sum, out);
    case PQ_ACC_AVG: return pq_sum_average(&p->eval, &t->sum, out);
    case PQ_ACC_PUSH: return pq_make_array(&p->eval, t->list.items, t->list.count, out);
    case PQ_ACC_ADD_TO_SET: return pq_make_array(&p->eval, t->set.items, t->set.count, out);
    case PQ_ACC_COUNT:
      return t->count > INT32_MAX ? pq_make_i64(&p->eval, (int64_t)t->count, out)
                                  : pq_make_i32(&p->eval, (int32_t)t->count, out);
    case PQ_ACC_MERGE_OBJECTS:
      return pq_value_is_missing(t->value) ? pq_make_object(&p->eval, NULL, 0, out) : PQ_OK;
    default: return pq_value_is_missing(t->value) ? pq_make_null(&p->eval, out) : PQ_OK;
  }
}

/* ---- groups ---- */

/* The states of group `index`, made when it is new. */
static int states_of(pq_pipeline *p, const pq_pipe_stage *g, uint32_t index, state **out) {
  pq_group_state *s = g->groups;
  *out = NULL;
  if (index >= s->cap) {
    uint32_t cap = s->cap == 0 ? 64 : s->cap * 2;
    state **states = pq_arena_calloc(p->keep, cap, sizeof *states);
    if (states == NULL) return p->keep->cx->code;
    if (s->cap > 0) memcpy(states, s->states, s->cap * sizeof *states);
    s->states = states;
    s->cap = cap;
  }
  if (s->states[index] == NULL) {
    s->states[index] = pq_arena_calloc(p->keep, g->accumulator_count, sizeof **s->states);
    if (s->states[index] == NULL) return p->keep->cx->code;
  }
  *out = s->states[index];
  return PQ_OK;
}

int pq_group_add(pq_pipeline *p, pq_pipe_stage *g, pq_value doc) {
  state *states;
  uint32_t index;
  pq_value v;
  if (g->groups == NULL) g->groups = pq_arena_calloc(p->keep, 1, sizeof *g->groups);
  if (g->groups == NULL) return p->keep->cx->code;
  p->eval.root = doc;
  PQ_TRY(pq_expression_eval(g->expression, &p->eval, &v));
  if (pq_value_is_missing(v)) PQ_TRY(pq_make_null(&p->eval, &v));
  if (g->field.n > 0 && pq_value_count(v) == 0) {
    /* {"_id": {"a": "$missing"}}: a key of one field takes missing for null, as a plain one. */
    pq_field only = {.name = g->field};
    PQ_TRY(pq_make_null(&p->eval, &only.value));
    PQ_TRY(pq_make_object(&p->eval, &only, 1, &v));
  }
  PQ_TRY(set_add(p->keep, &g->groups->keys, v, &index));
  PQ_TRY(states_of(p, g, index, &states));
  for (uint32_t i = 0; i < g->accumulator_count; i++) {
    const pq_accumulator *a = &g->accumulators[i];
    v = (pq_value){0};
    if (a->expression != NULL) PQ_TRY(pq_expression_eval(a->expression, &p->eval, &v));
    PQ_TRY(accumulate(p, a, &states[i], v));
  }
  return PQ_OK;
}

static int compare_keys(const void *a, const void *b, const void *ud) {
  const pq_value *keys = ud;
  return pq_value_compare(keys[*(const uint32_t *)a], keys[*(const uint32_t *)b]);
}

int pq_group_finish(pq_pipeline *p, pq_pipe_stage *g) {
  pq_group_state *s = g->groups;
  if (s == NULL) return PQ_OK;
  s->order = pq_arena_calloc(p->keep, s->keys.count, sizeof *s->order);
  if (s->order == NULL) return p->keep->cx->code;
  for (uint32_t i = 0; i < s->keys.count; i++)
    s->order[i] = i;
  return pq_sort_items(p->eval.cx, s->order, s->keys.count, sizeof *s->order, compare_keys,
                       s->keys.items);
}

uint32_t pq_group_count(const pq_pipe_stage *g) {
  return g->groups == NULL ? 0 : g->groups->keys.count;
}

int pq_group_result(pq_pipeline *p, const pq_pipe_stage *g, uint32_t i, pq_value *out) {
  pq_field *fields =
      pq_arena_calloc(p->eval.arena, (size_t)g->accumulator_count + 1, sizeof *fields);
  if (fields == NULL) return p->eval.cx->code;
  i = g->groups->order[i];
  fields[0] = (pq_field){PQ_SLICE("_id"), g->groups->keys.items[i]};
  for (uint32_t k = 0; k < g->accumulator_count; k++) {
    fields[k + 1].name = g->accumulators[k].name;
    PQ_TRY(result(p, &g->accumulators[k], &g->groups->states[i][k], &fields[k + 1].value));
  }
  return pq_make_object(&p->eval, fields, g->accumulator_count + 1, out);
}
