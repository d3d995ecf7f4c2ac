/* query/collect.c - see collect.h. */
#include "query/collect.h"

#include <string.h>

#include "base/merge_sort.h"
#include "expr/expression.h"
#include "query/shown.h"

enum { SLACK = 256, ORDER_KEEP_MAX = 10000, KEYS_MAX = 32 };

void pq_collector_init(pq_collector *c, pq_arena *arena, pq_arena *scratch, pq_builder *builder,
                       pq_merger *merger) {
  *c = (pq_collector){
      .cx = arena->cx, .arena = arena, .scratch = scratch, .builder = builder, .merger = merger};
}

bool pq_collector_is_ordered(const pq_collector *c) {
  return c->sort.count > 0 || c->is_by_id;
}

/* How many results can matter: the page and one more. 0: all. */
static uint64_t keep_count(const pq_collector *c) {
  if (c->limit == 0 || c->limit > UINT32_MAX / 4 || c->skip > UINT32_MAX / 4) return 0;
  return c->skip + c->limit + !c->ends_at_limit;
}

static int compare_places(const pq_collector *c, const pq_place *a, const pq_place *b) {
  int order = pq_sort_compare(&c->sort, a->keys, a->empties, b->keys, b->empties);
  return order != 0 ? order : pq_slice_cmp(a->id, b->id);
}

static int compare(const void *a, const void *b, const void *ud) {
  return compare_places(ud, &((const pq_result *)a)->place, &((const pq_result *)b)->place);
}

/* Sort what is there and forget all but the best `keep`. */
static int cut(pq_collector *c, uint64_t keep) {
  PQ_TRY(pq_sort_items(c->cx, c->items, c->count, sizeof *c->items, compare, c));
  if (keep == 0 || c->count <= keep) return PQ_OK;
  c->count = (uint32_t)keep;
  c->has_worst = true;
  return PQ_OK;
}

/* Does a key come from the system's fields? */
static bool needs_system(const pq_collector *c, const pq_entity *e) {
  for (uint32_t i = 0; !c->is_plain && i < c->sort.count; i++) {
    pq_slice first = c->sort.fields[i].path.parts[0].name;
    if (pq_is_system_field(first) && pq_value_is_missing(pq_object_get(e->data, first)))
      return true;
  }
  return false;
}

/* Does a key come from the `_id` that documents are shown with? */
static bool needs_key(const pq_collector *c) {
  for (uint32_t i = 0; c->shows_key && i < c->sort.count; i++)
    if (pq_slice_is(c->sort.fields[i].path.parts[0].name, "_id")) return true;
  return false;
}

/* The place of an entity; it borrows from the entity and the stage. */
static int find_place(pq_collector *c, const pq_entity *e, pq_place *place) {
  pq_value doc = e->data, system = {0};
  place->id = e->id;
  if (needs_system(c, e)) PQ_TRY(pq_entity_system(c->builder, c->scratch, e, &system));
  if (needs_key(c)) PQ_TRY(pq_shown_document(c->builder, c->scratch, e, &doc, NULL));
  for (uint32_t i = 0; i < c->sort.count; i++)
    place->keys[i] = pq_sort_key(&c->sort, i, doc, system, &place->empties[i]);
  return PQ_OK;
}

static int reserve(pq_collector *c) {
  uint32_t cap = c->cap == 0 ? 8 : c->cap * 2;
  pq_result *items;
  if (c->count < c->cap) return PQ_OK;
  items = pq_arena_array(c->arena, cap, sizeof *items);
  if (items == NULL) return c->cx->code;
  if (c->count > 0) memcpy(items, c->items, c->count * sizeof *items);
  c->items = items;
  c->cap = cap;
  return PQ_OK;
}

/* A copy of a document; the dictionary is the one of the result before where it is the same. */
static int copy_document(const pq_collector *c, pq_value data, pq_value *out) {
  pq_slice bytes;
  pq_value before = c->count == 0 ? (pq_value){0} : c->items[c->count - 1].entity;
  bool is_same = before.meta != NULL && before.meta_len == data.meta_len && data.meta_len > 0 &&
                 memcmp(before.meta, data.meta, data.meta_len) == 0;
  if (!is_same) return pq_value_copy(c->arena, data, out);
  PQ_TRY(pq_arena_copy(c->arena, pq_value_bytes(data), &bytes));
  *out = data;
  out->meta = before.meta;
  out->p = bytes.p;
  return PQ_OK;
}

static int add(pq_collector *c, const pq_entity *e) {
  pq_value doc = e->data;
  pq_result *r;
  if (c->shows_key) PQ_TRY(pq_shown_document(c->builder, c->scratch, e, &doc, NULL));
  PQ_TRY(reserve(c));
  r = &c->items[c->count];
  *r = (pq_result){0};
  if (c->is_plain)
    PQ_TRY(copy_document(c, doc, &r->entity));
  else
    PQ_TRY(pq_merger_entity(c->merger, c->arena, e, &r->entity));
  PQ_TRY(pq_arena_copy(c->arena, e->id, &r->place.id));
  if (c->sort.count > 0) {
    r->place.keys = pq_arena_calloc(c->arena, c->sort.count, sizeof *r->place.keys);
    r->place.empties = pq_arena_calloc(c->arena, c->sort.count, sizeof *r->place.empties);
    if (r->place.keys == NULL || r->place.empties == NULL) return c->cx->code;
  }
  for (uint32_t i = 0; i < c->sort.count; i++)
    r->place.keys[i] = pq_sort_key(&c->sort, i, r->entity, (pq_value){0}, &r->place.empties[i]);
  c->count++;
  return PQ_OK;
}

/* The page and whether there is more; PQ_YIELD when that is known. */
static int take_unordered(pq_collector *c, const pq_entity *e) {
  if (c->skipped < c->skip) {
    c->skipped++;
    return PQ_OK;
  }
  if (c->limit > 0 && c->emitted + c->count == c->limit) {
    c->has_more = true;
    return PQ_YIELD;
  }
  PQ_TRY(add(c, e));
  return c->ends_at_limit && c->emitted + c->count == c->limit ? PQ_YIELD : PQ_OK;
}

int pq_collector_sink(void *ud, const pq_entity *entity, uint64_t count) {
  pq_collector *c = ud;
  pq_value keys[KEYS_MAX];
  bool empties[KEYS_MAX];
  pq_place place = {.keys = keys, .empties = empties};
  uint64_t keep = keep_count(c);
  (void)count;
  if (!pq_collector_is_ordered(c)) return take_unordered(c, entity);
  pq_assert(c->sort.count <= KEYS_MAX);
  if (c->after != NULL || c->has_worst) PQ_TRY(find_place(c, entity, &place));
  if (c->after != NULL && compare_places(c, &place, c->after) <= 0) return PQ_OK;
  if (c->has_worst && compare_places(c, &place, &c->items[keep - 1].place) > 0) return PQ_OK;
  PQ_TRY(add(c, entity));
  return keep > 0 && c->count >= 2 * keep + SLACK ? cut(c, keep) : PQ_OK;
}

void pq_collector_order(const pq_collector *c, pq_scan_order *out) {
  uint64_t keep = keep_count(c);
  pq_slice first;
  *out = (pq_scan_order){0};
  if (!pq_collector_is_ordered(c) || keep == 0 || keep > ORDER_KEEP_MAX) return;
  if (c->sort.collation.is_folded) return;
  first = c->sort.count == 0 ? PQ_SLICE("$id") : c->sort.fields[0].path.text;
  /* The system's columns are not the document's. */
  if (c->is_plain && (c->sort.count == 0 || pq_is_system_field(first))) return;
  /* What stands before the cursor sorts first; only by $id does the filter leave it out. */
  if (c->after != NULL && !pq_slice_is(first, "$id")) return;
  *out = (pq_scan_order){.path = first,
                         .is_descending = c->sort.count > 0 && c->sort.fields[0].is_descending,
                         .keep = keep};
}

int pq_collector_finish(pq_collector *c) {
  uint64_t from = c->skip, left;
  if (!pq_collector_is_ordered(c)) return PQ_OK;
  PQ_TRY(cut(c, keep_count(c)));
  if (from > c->count) from = c->count;
  left = c->count - from;
  if (from > 0) c->items += from; /* there may be none: NULL */
  c->has_more = c->limit > 0 && left > c->limit;
  c->count = (uint32_t)(c->has_more ? c->limit : left);
  return PQ_OK;
}
