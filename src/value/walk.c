/* value/walk.c - the fields of an object in document order, which is the order of their offsets.
 *
 *     storage:   ids   b  c  d   (by name)         order:  c d b
 *                offs  9  0  4                             0 4 9
 */
#include "base/arena.h"
#include "value/variant_int.h"

static void sift(uint64_t *a, size_t i, size_t n, pq_before_fn before, const void *ud) {
  uint64_t v = a[i];
  for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && before(ud, a[child], a[child + 1])) child++;
    if (!before(ud, v, a[child])) break;
    a[i] = a[child];
    i = child;
  }
  a[i] = v;
}

void pq_sort_u64(uint64_t *a, size_t n, pq_before_fn before, const void *ud) {
  for (size_t i = n / 2; i > 0; i--)
    sift(a, i - 1, n, before, ud);
  for (size_t i = n; i > 1; i--) {
    uint64_t v = a[0];
    a[0] = a[i - 1];
    a[i - 1] = v;
    sift(a, 0, i - 1, before, ud);
  }
}

static bool is_less(const void *ud, uint64_t a, uint64_t b) {
  (void)ud;
  return a < b;
}

static bool is_more(const void *ud, uint64_t a, uint64_t b) {
  (void)ud;
  return a > b;
}

static uint64_t entry(const pq_walk *w, uint32_t i) {
  return (uint64_t)pq_container_off(&w->c, i) << 32 | i;
}

/* By offset, few. */
static void sort_entries(uint64_t *a, uint32_t n) {
  for (uint32_t i = 1; i < n; i++) {
    uint64_t v = a[i];
    uint32_t at = i;
    for (; at > 0 && a[at - 1] > v; at--)
      a[at] = a[at - 1];
    a[at] = v;
  }
}

static bool is_ascending(const pq_container *c) {
  for (uint32_t i = 1; i < c->count; i++)
    if (pq_container_off(c, i - 1) > pq_container_off(c, i)) return false;
  return true;
}

/* The smallest entries from `floor` on, as many as there is room for: a heap, its largest on top.
 */
static void next_batch(pq_walk *w) {
  w->count = 0;
  w->at = 0;
  for (uint32_t i = 0; i < w->c.count; i++) {
    uint64_t v = entry(w, i);
    if (v < w->floor) continue;
    if (w->count < w->cap) {
      w->order[w->count++] = v;
      if (w->count == w->cap) pq_sort_u64(w->order, w->count, is_more, NULL);
    } else if (v < w->order[0]) {
      w->order[0] = v;
      sift(w->order, 0, w->count, is_less, NULL);
    }
  }
  pq_sort_u64(w->order, w->count, is_less, NULL);
}

void pq_walk_init(pq_walk *w, pq_value v) {
  w->count = 0;
  w->at = 0;
  w->done_count = 0;
  w->floor = 0;
  w->order = w->batch;
  w->cap = PQ_WALK_BATCH;
  w->is_large = false;
  if (!pq_value_is_raw_object(v) || !pq_container_open(v, &w->c)) {
    w->c = (pq_container){0};
    return;
  }
  w->names = pq_names_of(v);
  if (w->c.count > PQ_WALK_BATCH) {
    w->is_large = !is_ascending(&w->c);
    return;
  }
  for (uint32_t i = 0; i < w->c.count; i++)
    w->batch[i] = entry(w, i);
  w->count = w->c.count;
  sort_entries(w->batch, w->count);
}

static void fill_order(pq_walk *w, uint64_t *order) {
  for (uint32_t i = 0; i < w->c.count; i++)
    order[i] = entry(w, i);
  pq_sort_u64(order, w->c.count, is_less, NULL);
  w->order = order;
  w->cap = w->count = w->c.count;
}

int pq_walk_reserve(pq_walk *w, pq_cx *cx) {
  size_t len;
  uint64_t *order;
  if (!w->is_large) return PQ_OK;
  if (!pq_mul_size(w->c.count, sizeof *order, &len))
    return pq_fail(cx, PQ_ELIMIT, "object with %u fields", w->c.count);
  order = pq_alloc(cx, NULL, 0, len);
  if (order == NULL) return pq_fail_nomem(cx);
  fill_order(w, order);
  return PQ_OK;
}

void pq_walk_release(pq_walk *w, pq_cx *cx) {
  if (w->order != w->batch) pq_alloc(cx, w->order, w->c.count * sizeof *w->order, 0);
  w->order = w->batch;
}

void pq_walk_lend(pq_walk *w, uint64_t *order, uint32_t cap) {
  if (!w->is_large) return;
  w->order = order;
  w->cap = cap;
  w->count = w->at = 0; /* the next batch goes on from `floor` */
}

/* The storage index of the next field. */
static bool next_index(pq_walk *w, uint32_t *i) {
  *i = w->done_count;
  if (w->done_count == w->c.count) return false;
  w->done_count++;
  if (w->c.count > PQ_WALK_BATCH && !w->is_large) return true;
  if (w->at == w->count) next_batch(w);
  if (w->at == w->count) return false;
  w->floor = w->order[w->at] + 1;
  *i = (uint32_t)w->order[w->at++];
  return true;
}

bool pq_walk_bytes(pq_walk *w, uint32_t *id, pq_slice *value) {
  uint32_t i;
  if (!next_index(w, &i)) return false;
  *id = pq_container_id(&w->c, i);
  *value = pq_container_bytes(&w->c, i);
  return true;
}

bool pq_walk_next(pq_walk *w, pq_field *out) {
  const pq_value *self = &w->c.self;
  uint32_t id;
  pq_slice value;
  if (!pq_walk_bytes(w, &id, &value)) return false;
  out->name = pq_names_at(&w->names, id);
  out->value = value.p == NULL ? (pq_value){0}
                               : (pq_value){self->meta, value.p, self->meta_len, (uint32_t)value.n};
  return true;
}

pq_field *pq_object_fields(pq_arena *arena, pq_value v, uint32_t *count) {
  pq_walk w;
  pq_field *fields;
  size_t len;
  *count = 0;
  pq_walk_init(&w, v);
  if (!pq_mul_size(w.c.count, sizeof *fields, &len)) len = SIZE_MAX;
  fields = pq_arena_alloc(arena, len);
  if (fields == NULL) return NULL;
  if (w.is_large) {
    uint64_t *order = pq_arena_alloc(arena, w.c.count * sizeof *order);
    if (order == NULL) return NULL;
    fill_order(&w, order);
  }
  while (*count < w.c.count && pq_walk_next(&w, &fields[*count]))
    ++*count;
  return fields;
}
