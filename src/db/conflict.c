/* db/conflict.c - see conflict.h. */
#include "db/conflict.h"

#include "base/hash.h"
#include "value/compare.h"

pq_value pq_unique_at(pq_value doc, const pq_path *path) {
  for (uint32_t i = 0; i < path->count; i++)
    doc = pq_object_get(doc, path->parts[i].name);
  return doc;
}

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

/* ---- unique fields ---- */

static bool value_of(const pq_event *e, const pq_unique_rule *rule, pq_value *out) {
  pq_slice collection, local;
  *out = (pq_value){0};
  if (e->target != PQ_TARGET_ENTITY || e->op == PQ_EVENT_DELETE) return false;
  if (!pq_id_split(e->id, &collection, &local) || !pq_slice_eq(collection, rule->collection))
    return false;
  *out = pq_unique_at(e->after, &rule->path);
  return !pq_value_is_missing(*out) && pq_value_type(*out) != PQ_TYPE_NULL;
}

/* Is the value of `e` in mine, for another entity? */
static bool has_twin(const pq_intent *mine, const pq_table *values, const pq_unique_rule *rule,
                     const pq_event *e) {
  pq_value theirs, own;
  uint64_t hash;
  size_t pos;
  if (!value_of(e, rule, &theirs)) return false;
  hash = pq_value_hash(theirs);
  for (uint32_t i = pq_table_first(values, hash, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(values, hash, &pos))
    if (value_of(&mine->events[i], rule, &own) && pq_value_is_equal(own, theirs) &&
        !pq_slice_eq(mine->events[i].id, e->id))
      return true;
  return false;
}

static int on_value(const pq_overlay *o, uint64_t after, const pq_intent *mine,
                    const pq_unique_rule *rule, pq_table *values, const pq_event **out) {
  pq_table_clear(values);
  for (uint32_t i = 0; i < mine->count; i++) {
    pq_value v;
    if (value_of(&mine->events[i], rule, &v)) PQ_TRY(pq_table_add(values, pq_value_hash(v), i));
  }
  for (uint32_t v = o->version_count; v-- > 0 && o->versions[v].event.seq > after;)
    if (has_twin(mine, values, rule, &o->versions[v].event)) {
      *out = &o->versions[v].event;
      return PQ_OK;
    }
  return PQ_OK;
}

int pq_conflict_find(pq_cx *cx, const pq_overlay *theirs, uint64_t after, const pq_intent *mine,
                     const pq_event **out) {
  pq_table values;
  int rc = PQ_OK;
  *out = NULL;
  if (theirs->version_count == 0 || theirs->versions[theirs->version_count - 1].event.seq <= after)
    return PQ_OK;
  for (uint32_t i = 0; i < mine->count && *out == NULL; i++) {
    const pq_event *e = &mine->events[i];
    *out = on_key(theirs, after, e);
    if (*out == NULL) *out = on_schema(theirs, after, e);
    if (*out == NULL) *out = on_end(theirs, after, e);
    if (*out == NULL) *out = on_edge(theirs, after, e);
    if (*out == NULL) *out = on_limit(theirs, after, e);
  }
  pq_table_init(&values, cx);
  for (uint32_t i = 0; i < mine->rule_count && rc == PQ_OK && *out == NULL; i++)
    rc = on_value(theirs, after, mine, &mine->rules[i], &values, out);
  pq_table_release(&values);
  return rc;
}
