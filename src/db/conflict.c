/* db/conflict.c - see conflict.h. */
#include "db/conflict.h"

#include "base/hash.h"

/* ---- one of my events ---- */

static const pq_event *later(const pq_event *e, uint64_t after) {
  return e != NULL && e->seq > after ? e : NULL;
}

/* Their event on the key that mine is on. */
static const pq_event *on_key(const pq_overlay *o, uint64_t after, const pq_event *mine) {
  if (mine->target == PQ_TARGET_REL)
    return later(pq_overlay_edge(o, mine->id, mine->predicate, mine->to_id, UINT64_MAX), after);
  if (mine->target == PQ_TARGET_ENTITY)
    return later(pq_overlay_entity(o, mine->id, UINT64_MAX), after);
  return later(pq_overlay_collection(o, mine->id, UINT64_MAX), after);
}

/* The schema that mine was checked by. */
static const pq_event *on_schema_of(const pq_overlay *o, uint64_t after, pq_slice id) {
  pq_slice collection, local;
  if (!pq_id_split(id, &collection, &local)) return NULL;
  return later(pq_overlay_collection(o, collection, UINT64_MAX), after);
}

static const pq_event *on_schema(const pq_overlay *o, uint64_t after, const pq_event *mine) {
  const pq_event *e;
  if (mine->target == PQ_TARGET_COLLECTION) return NULL;
  e = on_schema_of(o, after, mine->id);
  return e != NULL || mine->target == PQ_TARGET_ENTITY ? e : on_schema_of(o, after, mine->to_id);
}

/* An entity of the collection that mine makes or indexes. */
static const pq_event *on_entity(const pq_overlay *o, uint64_t after, const pq_event *mine) {
  const pq_event *e = NULL;
  if (mine->target != PQ_TARGET_COLLECTION) return NULL;
  for (uint32_t k = pq_chain_first(&o->collections, mine->id); k != PQ_NONE && e == NULL;
       k = o->keys[k].next)
    e = later(pq_overlay_at(o, k, UINT64_MAX), after);
  return e;
}

/* An end of a new edge that is gone. */
static const pq_event *on_end(const pq_overlay *o, uint64_t after, const pq_event *mine) {
  pq_slice ends[2] = {mine->id, mine->to_id};
  if (mine->target != PQ_TARGET_REL || mine->op == PQ_EVENT_DELETE) return NULL;
  for (int i = 0; i < 2; i++) {
    const pq_event *e = later(pq_overlay_entity(o, ends[i], UINT64_MAX), after);
    if (e != NULL && e->op == PQ_EVENT_DELETE) return e;
  }
  return NULL;
}

/* An edge of an entity that mine deletes with its edges. */
static const pq_event *on_edge(const pq_overlay *o, uint64_t after, const pq_event *mine) {
  if (mine->target != PQ_TARGET_ENTITY || mine->op != PQ_EVENT_DELETE ||
      !pq_value_is_missing(mine->after))
    return NULL;
  for (uint32_t k = pq_chain_first(&o->from, mine->id); k != PQ_NONE; k = o->keys[k].next) {
    const pq_event *e = later(pq_overlay_at(o, k, UINT64_MAX), after);
    if (e != NULL) return e;
  }
  for (uint32_t k = pq_chain_first(&o->to, mine->id); k != PQ_NONE; k = o->keys[k].next_to) {
    const pq_event *e = later(pq_overlay_at(o, k, UINT64_MAX), after);
    if (e != NULL) return e;
  }
  return NULL;
}

static const pq_event *second(const pq_event *e, uint64_t after, const pq_event *mine) {
  bool is_other = later(e, after) != NULL && e->op != PQ_EVENT_DELETE &&
                  pq_slice_eq(e->predicate, mine->predicate) &&
                  !(pq_slice_eq(e->id, mine->id) && pq_slice_eq(e->to_id, mine->to_id));
  return is_other ? e : NULL;
}

/* An edge that stands where mine is to be the only one. */
static const pq_event *on_limit(const pq_overlay *o, uint64_t after, const pq_event *mine) {
  const pq_event *e = NULL;
  if (mine->target != PQ_TARGET_REL || mine->op == PQ_EVENT_DELETE) return NULL;
  if (mine->edge_limits & PQ_ONE_TARGET)
    for (uint32_t k = pq_chain_first(&o->from, mine->id); k != PQ_NONE && e == NULL;
         k = o->keys[k].next)
      e = second(pq_overlay_at(o, k, UINT64_MAX), after, mine);
  if (mine->edge_limits & PQ_ONE_SOURCE)
    for (uint32_t k = pq_chain_first(&o->to, mine->to_id); k != PQ_NONE && e == NULL;
         k = o->keys[k].next_to)
      e = second(pq_overlay_at(o, k, UINT64_MAX), after, mine);
  return e;
}

/* ---- unique keys ---- */

typedef struct twin_search {
  pq_arena arena; /* of the keys of mine */
  pq_arena scratch;
  const pq_intent *mine;
  const pq_unique_rule *rule;
  pq_key_list *lists; /* by event of mine */
  pq_table values;
} twin_search;

/* The keys of an event's document; none of what has no keys, or none that can be. */
static int keys_of(pq_arena *arena, const pq_event *e, const pq_unique_rule *rule,
                   pq_key_list *out) {
  pq_slice collection, local;
  int rc;
  *out = (pq_key_list){0};
  if (e->target != PQ_TARGET_ENTITY || e->op == PQ_EVENT_DELETE) return PQ_OK;
  if (!pq_id_split(e->id, &collection, &local) || !pq_slice_eq(collection, rule->collection))
    return PQ_OK;
  rc = pq_unique_keys(rule->key, arena, e->after, out);
  if (rc == PQ_ENOMEM) return rc;
  if (rc != PQ_OK) *out = (pq_key_list){0};
  return PQ_OK;
}

/* Has another entity of mine a key of `e`? */
static int has_twin(twin_search *x, const pq_event *e, bool *out) {
  pq_key_list theirs;
  size_t pos;
  *out = false;
  pq_arena_clear(&x->scratch);
  PQ_TRY(keys_of(&x->scratch, e, x->rule, &theirs));
  for (uint32_t k = 0; k < theirs.count && !*out; k++)
    for (uint32_t i = pq_table_first(&x->values, theirs.hashes[k], &pos);
         i != PQ_TABLE_NONE && !*out; i = pq_table_next(&x->values, theirs.hashes[k], &pos))
      *out = !pq_slice_eq(x->mine->events[i].id, e->id) &&
             pq_unique_has(x->rule->key, &x->lists[i], &theirs, k);
  return PQ_OK;
}

static int find_twin(twin_search *x, const pq_overlay *o, uint64_t after, const pq_event **out) {
  const pq_intent *mine = x->mine;
  x->lists = pq_arena_calloc(&x->arena, mine->count, sizeof *x->lists);
  if (x->lists == NULL) return x->arena.cx->code;
  for (uint32_t i = 0; i < mine->count; i++) {
    PQ_TRY(keys_of(&x->arena, &mine->events[i], x->rule, &x->lists[i]));
    for (uint32_t k = 0; k < x->lists[i].count; k++)
      PQ_TRY(pq_table_add(&x->values, x->lists[i].hashes[k], i));
  }
  for (uint32_t v = o->version_count; v-- > 0 && o->versions[v].event.seq > after;) {
    bool is_twin;
    PQ_TRY(has_twin(x, &o->versions[v].event, &is_twin));
    if (!is_twin) continue;
    *out = &o->versions[v].event;
    return PQ_OK;
  }
  return PQ_OK;
}

static int on_value(pq_cx *cx, const pq_overlay *o, uint64_t after, const pq_intent *mine,
                    const pq_unique_rule *rule, const pq_event **out) {
  twin_search x = {.mine = mine, .rule = rule};
  int rc;
  pq_arena_init(&x.arena, cx, cx->limits.op_len_max);
  pq_arena_init(&x.scratch, cx, cx->limits.op_len_max);
  pq_table_init(&x.values, cx);
  rc = find_twin(&x, o, after, out);
  pq_table_release(&x.values);
  pq_arena_release(&x.scratch);
  pq_arena_release(&x.arena);
  return rc;
}

int pq_conflict_find(pq_cx *cx, const pq_overlay *theirs, uint64_t after, const pq_intent *mine,
                     const pq_event **out) {
  int rc = PQ_OK;
  *out = NULL;
  if (theirs->version_count == 0 || theirs->versions[theirs->version_count - 1].event.seq <= after)
    return PQ_OK;
  for (uint32_t i = 0; i < mine->count && *out == NULL; i++) {
    const pq_event *e = &mine->events[i];
    *out = on_key(theirs, after, e);
    if (*out == NULL && !mine->ignores_schemas) *out = on_schema(theirs, after, e);
    if (*out == NULL && mine->is_txn) *out = on_entity(theirs, after, e);
    if (*out == NULL) *out = on_end(theirs, after, e);
    if (*out == NULL) *out = on_edge(theirs, after, e);
    if (*out == NULL) *out = on_limit(theirs, after, e);
  }
  for (uint32_t i = 0; i < mine->rule_count && rc == PQ_OK && *out == NULL; i++)
    rc = on_value(cx, theirs, after, mine, &mine->rules[i], out);
  return rc;
}
