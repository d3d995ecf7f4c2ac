/* table/tail_keys.c - see tail_keys.h. */
#include "table/tail_keys.h"

#include <string.h>

#include "table/form.h"

enum { ITEMS_MAX = 64 };

typedef struct shelf_item {
  pq_arena arena; /* of the next two */
  pq_slice collection;
  pq_unique_key key;
  uint64_t form_seq; /* of the schema in whose form documents were looked at */
  pq_table by_hash;  /* versions of the overlay */
  uint32_t upto;     /* so many of them */
  uint64_t used;     /* the shelf's clock */
} shelf_item;

typedef struct shelf {
  pq_derived derived; /* first: of the overlay */
  pq_cx *cx;
  shelf_item *items[ITEMS_MAX];
  uint32_t count;
  uint64_t clock;
} shelf;

static void item_free(pq_cx *cx, shelf_item *item) {
  pq_table_release(&item->by_hash);
  pq_arena_release(&item->arena);
  pq_alloc(cx, item, sizeof *item, 0);
}

static void shelf_free(pq_derived *d) {
  shelf *s = (shelf *)(void *)d;
  for (uint32_t i = 0; i < s->count; i++)
    item_free(s->cx, s->items[i]);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

static int shelf_of(pq_overlay *o, shelf **out) {
  shelf *s = (shelf *)(void *)o->by_value;
  *out = s;
  if (s != NULL) return PQ_OK;
  s = pq_alloc(o->cx, NULL, 0, sizeof *s);
  if (s == NULL) return pq_fail_nomem(o->cx);
  *s = (shelf){.derived.free = shelf_free, .cx = o->cx};
  o->by_value = &s->derived;
  *out = s;
  return PQ_OK;
}

/* A place for a new item: behind the others, or that of the one which was not used for longest. */
static uint32_t place_of(shelf *s) {
  uint32_t oldest = 0;
  if (s->count < ITEMS_MAX) return s->count++;
  for (uint32_t i = 1; i < s->count; i++)
    if (s->items[i]->used < s->items[oldest]->used) oldest = i;
  item_free(s->cx, s->items[oldest]);
  return oldest;
}

static int item_new(shelf *s, pq_slice collection, const pq_unique_key *u, shelf_item **out) {
  shelf_item *item = pq_alloc(s->cx, NULL, 0, sizeof *item);
  int rc;
  *out = NULL;
  if (item == NULL) return pq_fail_nomem(s->cx);
  *item = (shelf_item){0};
  pq_arena_init(&item->arena, s->cx, s->cx->limits.op_len_max);
  pq_table_init(&item->by_hash, s->cx);
  rc = pq_arena_copy(&item->arena, collection, &item->collection);
  if (rc == PQ_OK) rc = pq_unique_copy(&item->arena, u, &item->key);
  if (rc != PQ_OK) {
    item_free(s->cx, item);
    return rc;
  }
  s->items[place_of(s)] = item;
  *out = item;
  return PQ_OK;
}

static int item_of(shelf *s, pq_slice collection, const pq_unique_key *u, uint64_t form_seq,
                   shelf_item **out) {
  shelf_item *item = NULL;
  for (uint32_t i = 0; i < s->count && item == NULL; i++)
    if (pq_slice_eq(s->items[i]->collection, collection) && pq_unique_is_same(&s->items[i]->key, u))
      item = s->items[i];
  if (item == NULL) PQ_TRY(item_new(s, collection, u, &item));
  if (item->form_seq != form_seq) { /* documents may look otherwise now */
    pq_table_clear(&item->by_hash);
    item->upto = 0;
    item->form_seq = form_seq;
  }
  item->used = ++s->clock;
  *out = item;
  return PQ_OK;
}

/* Older versions may have what the index of today refuses: they are no entity's any more. */
static int add_version(const pq_view *v, pq_arena *scratch, const pq_overlay *o, shelf_item *item,
                       uint32_t i) {
  const pq_event *e = &o->versions[i].event;
  pq_slice collection, local;
  pq_key_list keys;
  pq_entity entity;
  bool is_there;
  int rc;
  if (e->target != PQ_TARGET_ENTITY || e->op == PQ_EVENT_DELETE) return PQ_OK;
  if (!pq_id_split(e->id, &collection, &local) || !pq_slice_eq(collection, item->collection))
    return PQ_OK;
  PQ_TRY(pq_view_entity(v, scratch, e, &entity, &is_there));
  if (!is_there) return PQ_OK;
  rc = pq_unique_keys(&item->key, scratch, entity.data, &keys);
  if (rc == PQ_EINVALID || rc == PQ_ELIMIT) return PQ_OK;
  PQ_TRY(rc);
  for (uint32_t k = 0; k < keys.count; k++)
    PQ_TRY(pq_table_add(&item->by_hash, keys.hashes[k], i));
  return PQ_OK;
}

static int catch_up(const pq_view *v, const pq_overlay *o, shelf_item *item) {
  pq_arena scratch;
  int rc = PQ_OK;
  pq_arena_init(&scratch, v->cx, v->cx->limits.op_len_max);
  while (item->upto < o->version_count && rc == PQ_OK) {
    pq_arena_clear(&scratch);
    rc = add_version(v, &scratch, o, item, item->upto);
    item->upto += rc == PQ_OK;
  }
  pq_arena_release(&scratch);
  return rc;
}

typedef struct search {
  const pq_view *v;
  pq_arena *scratch;
  const pq_unique_key *u;
  const pq_key_list *keys;
  uint32_t k;
  int (*take)(void *ud, const pq_entity *e);
  void *ud;
} search;

static int try_version(const search *x, const pq_event *e) {
  pq_key_list keys;
  pq_entity entity;
  bool is_there;
  int rc;
  if (pq_tail_entity(x->v, e->id) != e) return PQ_OK; /* changed since, or not yet there */
  PQ_TRY(pq_view_entity(x->v, x->scratch, e, &entity, &is_there));
  if (!is_there || entity.is_deleted) return PQ_OK;
  rc = pq_unique_keys(x->u, x->scratch, entity.data, &keys);
  if (rc == PQ_EINVALID || rc == PQ_ELIMIT) return PQ_OK;
  PQ_TRY(rc);
  return pq_unique_has(x->u, &keys, x->keys, x->k) ? x->take(x->ud, &entity) : PQ_OK;
}

static int find_in(const search *x, pq_overlay *o, pq_slice collection, uint64_t form_seq) {
  uint64_t hash = x->keys->hashes[x->k];
  shelf_item *item;
  shelf *s;
  size_t pos;
  PQ_TRY(shelf_of(o, &s));
  PQ_TRY(item_of(s, collection, x->u, form_seq, &item));
  PQ_TRY(catch_up(x->v, o, item));
  for (uint32_t i = pq_table_first(&item->by_hash, hash, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&item->by_hash, hash, &pos))
    PQ_TRY(try_version(x, &o->versions[i].event));
  return PQ_OK;
}

int pq_tail_find_key(const pq_view *v, pq_arena *scratch, pq_slice collection,
                     const pq_unique_key *u, const pq_key_list *keys, uint32_t k,
                     int (*take)(void *ud, const pq_entity *e), void *ud) {
  search x = {v, scratch, u, keys, k, take, ud};
  pq_form_source source = {v->manifest, v->overlay, collection};
  pq_schema_at form;
  pq_schema_at_seq(&source, v->seq, &form);
  /* What is derived is kept with the layer: it changes nothing that anybody reads. */
  if (v->own != NULL) PQ_TRY(find_in(&x, (pq_overlay *)(uintptr_t)v->own, collection, form.seq));
  return v->overlay == NULL ? PQ_OK : find_in(&x, v->overlay, collection, form.seq);
}
