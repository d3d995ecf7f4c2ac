/* query/group_table.c - see group_table.h. Open addressing with linear probing, half full at most.
 */
#include "query/group_table.h"

#include <string.h>

#include "query/trim.h"

enum { GROUPS_MAX = 1 << 27 };

void pq_group_table_init(pq_group_table *t, pq_cx *cx, const pq_accumulator *accumulators,
                         uint32_t accumulator_count) {
  *t = (pq_group_table){.accumulators = accumulators, .accumulator_count = accumulator_count};
  pq_arena_init(&t->arena, cx, UINT64_MAX / 4); /* the stage watches its length */
}

void pq_group_table_release(pq_group_table *t) {
  pq_arena_release(&t->arena);
}

void pq_group_table_clear(pq_group_table *t) {
  pq_cx *cx = t->arena.cx;
  pq_arena_release(&t->arena);
  pq_group_table_init(t, cx, t->accumulators, t->accumulator_count);
}

static void place(pq_group_table *t, uint32_t index) {
  uint32_t at = (uint32_t)t->groups[index].hash & (t->bucket_count - 1);
  while (t->buckets[at] != 0)
    at = (at + 1) & (t->bucket_count - 1);
  t->buckets[at] = index + 1;
}

static int grow(pq_group_table *t) {
  uint32_t cap = t->cap == 0 ? 8 : t->cap * 2;
  pq_group *groups;
  uint32_t *buckets;
  if (t->count < t->cap) return PQ_OK;
  if (t->count >= GROUPS_MAX) return pq_fail(t->arena.cx, PQ_ELIMIT, "too many groups");
  groups = pq_arena_calloc(&t->arena, cap, sizeof *groups);
  buckets = pq_arena_calloc(&t->arena, (size_t)cap * 2, sizeof *buckets);
  if (groups == NULL || buckets == NULL) return t->arena.cx->code;
  if (t->count > 0) memcpy(groups, t->groups, t->count * sizeof *groups);
  t->groups = groups;
  t->cap = cap;
  t->buckets = buckets;
  t->bucket_count = cap * 2;
  for (uint32_t i = 0; i < t->count; i++)
    place(t, i);
  return PQ_OK;
}

pq_group *pq_group_table_find(const pq_group_table *t, pq_value key, uint64_t hash,
                              pq_collation collation) {
  if (t->bucket_count == 0) return NULL;
  for (uint32_t at = (uint32_t)hash & (t->bucket_count - 1); t->buckets[at] != 0;
       at = (at + 1) & (t->bucket_count - 1)) {
    pq_group *g = &t->groups[t->buckets[at] - 1];
    if (g->hash == hash && pq_value_collate(g->key, key, collation) == 0) return g;
  }
  return NULL;
}

int pq_group_table_add(pq_group_table *t, pq_eval *s, pq_value key, uint64_t hash, pq_group **out) {
  pq_group *g;
  *out = NULL;
  PQ_TRY(grow(t));
  g = &t->groups[t->count];
  *g = (pq_group){.hash = hash};
  PQ_TRY(pq_value_copy(&t->arena, pq_value_trim(key), &g->key));
  g->states = pq_arena_calloc(&t->arena, t->accumulator_count, sizeof *g->states);
  if (g->states == NULL) return t->arena.cx->code;
  s->root = g->key;
  for (uint32_t i = 0; i < t->accumulator_count; i++)
    PQ_TRY(pq_gathered_new(&t->accumulators[i], s, &t->arena, &g->states[i]));
  t->count++;
  place(t, t->count - 1);
  *out = g;
  return PQ_OK;
}

int pq_group_document(const pq_group_table *t, pq_eval *s, const pq_group *g, pq_value *out) {
  pq_field *fields = pq_arena_calloc(s->arena, (size_t)t->accumulator_count + 1, sizeof *fields);
  *out = (pq_value){0};
  if (fields == NULL) return s->arena->cx->code;
  fields[0] = (pq_field){PQ_SLICE("_id"), g->key};
  for (uint32_t i = 0; i < t->accumulator_count; i++) {
    fields[i + 1].name = t->accumulators[i].name;
    PQ_TRY(pq_gathered_result(&t->accumulators[i], s, g->states[i], &fields[i + 1].value));
  }
  return pq_make_object(s, fields, t->accumulator_count + 1, out);
}
