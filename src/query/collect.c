/* query/collect.c - see collect.h. */
#include "query/collect.h"

#include <string.h>

#include "base/merge_sort.h"

enum { SLACK = 256 };

void pq_collector_init(pq_collector *c, pq_cx *cx, pq_arena *arena, pq_arena *scratch,
                       pq_builder *builder) {
  *c = (pq_collector){.cx = cx, .arena = arena, .scratch = scratch, .builder = builder};
}

/* How many results can matter: the page and one more. 0: all. */
static uint64_t keep_count(const pq_collector *c) {
  if (c->limit == 0 || c->limit > UINT32_MAX / 4 || c->skip > UINT32_MAX / 4) return 0;
  return c->skip + c->limit + 1;
}

static pq_slice id_of(pq_value entity) {
  pq_slice id = {0};
  (void)pq_value_string(pq_object_get_str(entity, "$id"), &id);
  return id;
}

static int compare(const void *a, const void *b, const void *ud) {
  const pq_result *x = a, *y = b;
  const pq_collector *c = ud;
  int order = pq_sort_compare(&c->sort, x->keys, x->empties, y->keys, y->empties);
  return order != 0 ? order : pq_slice_cmp(id_of(x->entity), id_of(y->entity));
}

/* Sort what is there and forget all but the best `keep`. */
static int cut(pq_collector *c, uint64_t keep) {
  PQ_TRY(pq_sort_items(c->cx, c->items, c->count, sizeof *c->items, compare, c));
  if (keep == 0 || c->count <= keep) return PQ_OK;
  c->count = (uint32_t)keep;
  c->has_worst = true;
  return PQ_OK;
}

/* Does the entity sort behind everything that still counts? Only sure when the document itself has
 * the fields. */
static bool is_hopeless(const pq_collector *c, uint64_t keep, const pq_entity *e) {
  pq_value keys[32];
  bool empties[32];
  const pq_result *worst;
  if (!c->has_worst || c->sort.count > 32) return false;
  worst = &c->items[keep - 1];
  for (uint32_t i = 0; i < c->sort.count; i++) {
    if (pq_value_is_missing(pq_object_get(e->data, c->sort.fields[i].path.parts[0].name)))
      return false;
    keys[i] = pq_sort_key(&c->sort, i, e->data, (pq_value){0}, &empties[i]);
  }
  return pq_sort_compare(&c->sort, keys, empties, worst->keys, worst->empties) > 0;
}

static int reserve(pq_collector *c) {
  uint32_t cap = c->cap == 0 ? 64 : c->cap * 2;
  pq_result *items;
  if (c->count < c->cap) return PQ_OK;
  items = pq_arena_calloc(c->arena, cap, sizeof *items);
  if (items == NULL) return c->cx->code;
  if (c->count > 0) memcpy(items, c->items, c->count * sizeof *items);
  c->items = items;
  c->cap = cap;
  return PQ_OK;
}

static int add(pq_collector *c, const pq_entity *e) {
  pq_result *r;
  PQ_TRY(reserve(c));
  r = &c->items[c->count];
  *r = (pq_result){0};
  pq_builder_clear(c->builder);
  PQ_TRY(pq_entity_merge(c->builder, c->scratch, e));
  PQ_TRY(pq_builder_finish(c->builder, c->arena, &r->entity));
  if (c->sort.count > 0) {
    r->keys = pq_arena_calloc(c->arena, c->sort.count, sizeof *r->keys);
    r->empties = pq_arena_calloc(c->arena, c->sort.count, sizeof *r->empties);
    if (r->keys == NULL || r->empties == NULL) return c->cx->code;
  }
  for (uint32_t i = 0; i < c->sort.count; i++)
    r->keys[i] = pq_sort_key(&c->sort, i, r->entity, (pq_value){0}, &r->empties[i]);
  c->count++;
  return PQ_OK;
}

int pq_collector_sink(void *ud, const pq_entity *entity, uint64_t count) {
  pq_collector *c = ud;
  uint64_t keep = keep_count(c);
  (void)count;
  if (c->sort.count == 0) {
    if (c->skipped < c->skip) {
      c->skipped++;
      return PQ_OK;
    }
    if (c->limit > 0 && c->emitted + c->count == c->limit) {
      c->has_more = true;
      return PQ_YIELD;
    }
    return add(c, entity);
  }
  if (is_hopeless(c, keep, entity)) {
    c->has_more = true;
    return PQ_OK;
  }
  PQ_TRY(add(c, entity));
  return keep > 0 && c->count >= 2 * keep + SLACK ? cut(c, keep) : PQ_OK;
}

int pq_collector_finish(pq_collector *c) {
  uint64_t from = c->skip, left;
  if (c->sort.count == 0) return PQ_OK;
  PQ_TRY(cut(c, keep_count(c)));
  if (from > c->count) from = c->count;
  left = c->count - from;
  if (from > 0) c->items += from; /* there may be none: NULL */
  c->has_more = c->limit > 0 && left > c->limit;
  c->count = (uint32_t)(c->has_more ? c->limit : left);
  return PQ_OK;
}
