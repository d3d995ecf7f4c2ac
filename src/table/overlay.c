/* table/overlay.c - see overlay.h. */
#include "table/overlay.h"

#include <string.h>

#include "log/batch.h"
#include "shred/key_id.h"

/* What an item counts for in held_len: its room on a 64-bit machine, taken to be the same on every
 * machine, since when a flush is forced hangs on it. */
enum {
  CAP_MIN = 64,
  VERSION_LEN = 320,
  KEY_LEN = 32,
  PLACE_LEN = 12,
  CHAIN_LEN = 32,
  BATCH_LEN = 64
};
_Static_assert(sizeof(pq_version) <= VERSION_LEN && sizeof(pq_overlay_key) <= KEY_LEN &&
                   sizeof(pq_overlay_place) <= PLACE_LEN && sizeof(pq_overlay_chain) <= CHAIN_LEN &&
                   sizeof(pq_overlay_batch) <= BATCH_LEN,
               "an item of an overlay counts for less than it is");

void pq_overlay_init(pq_overlay *o, pq_cx *cx) {
  *o = (pq_overlay){.cx = cx};
  pq_table_init(&o->by_key, cx);
  pq_table_init(&o->collections.by_name, cx);
  pq_table_init(&o->from.by_name, cx);
  pq_table_init(&o->to.by_name, cx);
  pq_table_init(&o->files.by_name, cx);
}

static void chains_release(pq_cx *cx, pq_chains *c) {
  if (c->items != NULL) pq_alloc(cx, c->items, c->cap * sizeof *c->items, 0);
  pq_table_release(&c->by_name);
}

void pq_overlay_release(pq_overlay *o) {
  if (o->cx == NULL) return;
  if (o->derived != NULL) o->derived->free(o->derived);
  if (o->by_value != NULL) o->by_value->free(o->by_value);
  for (uint32_t i = 0; i < o->batch_count; i++)
    pq_buf_release(&o->batches[i].raw);
  if (o->batches != NULL) pq_alloc(o->cx, o->batches, o->batch_cap * sizeof *o->batches, 0);
  if (o->versions != NULL) pq_alloc(o->cx, o->versions, o->version_cap * sizeof *o->versions, 0);
  if (o->keys != NULL) pq_alloc(o->cx, o->keys, o->key_cap * sizeof *o->keys, 0);
  if (o->places != NULL) pq_alloc(o->cx, o->places, o->place_cap * sizeof *o->places, 0);
  pq_table_release(&o->by_key);
  chains_release(o->cx, &o->collections);
  chains_release(o->cx, &o->from);
  chains_release(o->cx, &o->to);
  chains_release(o->cx, &o->files);
  *o = (pq_overlay){0};
}

/* Make room for one more item of `size` bytes, which counts for `held`, in an owned array. */
static int reserve(pq_overlay *o, void **items, uint32_t count, uint32_t *cap, size_t size,
                   uint32_t held) {
  uint32_t new_cap = *cap < CAP_MIN ? CAP_MIN : *cap * 2;
  size_t len;
  void *p;
  if (count < *cap) return PQ_OK;
  if (*cap > UINT32_MAX / 4 || !pq_mul_size(new_cap, size, &len))
    return pq_fail(o->cx, PQ_ELIMIT, "more than %u unflushed changes", count);
  p = pq_alloc(o->cx, *items, *cap * size, len);
  if (p == NULL) return pq_fail_nomem(o->cx);
  o->held_len += (uint64_t)(new_cap - *cap) * held;
  *items = p;
  *cap = new_cap;
  return PQ_OK;
}

int pq_overlay_expect(pq_overlay *o, uint32_t count) {
  size_t version_len, key_len;
  pq_assert(o->version_cap == 0 && o->key_cap == 0);
  if (count < CAP_MIN) count = CAP_MIN;
  if (!pq_mul_size(count, sizeof *o->versions, &version_len) ||
      !pq_mul_size(count, sizeof *o->keys, &key_len))
    return pq_fail(o->cx, PQ_ELIMIT, "%u changes at once are too many", count);
  o->versions = pq_alloc(o->cx, NULL, 0, version_len);
  if (o->versions == NULL) return pq_fail_nomem(o->cx);
  o->version_cap = count;
  o->keys = pq_alloc(o->cx, NULL, 0, key_len);
  if (o->keys == NULL) return pq_fail_nomem(o->cx);
  o->key_cap = count;
  o->held_len += (uint64_t)count * (VERSION_LEN + KEY_LEN);
  return PQ_OK;
}

static pq_overlay_chain *chain_find(const pq_chains *c, pq_slice name, uint64_t hash) {
  size_t pos;
  uint32_t i = pq_table_first(&c->by_name, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&c->by_name, hash, &pos))
    if (pq_slice_eq(c->items[i].name, name)) return &c->items[i];
  return NULL;
}

static int chain_of(pq_overlay *o, pq_chains *c, pq_slice name, pq_overlay_chain **out) {
  uint64_t hash = pq_hash(name, 0);
  void *items = c->items;
  *out = chain_find(c, name, hash);
  if (*out != NULL) return PQ_OK;
  PQ_TRY(reserve(o, &items, c->count, &c->cap, sizeof *c->items, CHAIN_LEN));
  c->items = items;
  PQ_TRY(pq_table_add(&c->by_name, hash, c->count));
  *out = &c->items[c->count++];
  **out = (pq_overlay_chain){.name = name, .head = PQ_NONE, .tail = PQ_NONE};
  return PQ_OK;
}

uint32_t pq_chain_first(const pq_chains *c, pq_slice name) {
  const pq_overlay_chain *chain = chain_find(c, name, pq_hash(name, 0));
  return chain == NULL ? PQ_NONE : chain->head;
}

bool pq_overlay_is_keyed(const pq_overlay *o, pq_slice collection) {
  const pq_overlay_chain *chain = chain_find(&o->collections, collection, pq_hash(collection, 0));
  return chain == NULL || !chain->has_other_keys;
}

/* Note a document whose _id gives another id, or none. */
static void note_key(pq_overlay *o, const pq_event *e) {
  pq_value key = e->target == PQ_TARGET_ENTITY ? pq_object_get_str(e->after, "_id") : (pq_value){0};
  pq_slice collection, local;
  pq_overlay_chain *chain;
  if (pq_value_is_missing(key) || pq_id_is_of_key(e->id, key)) return;
  if (!pq_id_split(e->id, &collection, &local)) return;
  chain = chain_find(&o->collections, collection, pq_hash(collection, 0));
  if (chain != NULL) chain->has_other_keys = true;
}

static uint64_t edge_hash(pq_slice from, pq_slice predicate, pq_slice to) {
  return pq_hash(to, pq_hash(predicate, pq_hash(from, 1)));
}

static bool is_key(const pq_overlay *o, uint32_t key, const pq_event *e) {
  const pq_event *have = &o->versions[o->keys[key].newest].event;
  if (have->target != e->target || !pq_slice_eq(have->id, e->id)) return false;
  return e->target != PQ_TARGET_REL ||
         (pq_slice_eq(have->to_id, e->to_id) && pq_slice_eq(have->predicate, e->predicate));
}

static uint64_t key_hash(const pq_event *e) {
  if (e->target == PQ_TARGET_REL) return edge_hash(e->id, e->predicate, e->to_id);
  return pq_hash(e->id, 0);
}

static uint32_t key_find(const pq_overlay *o, const pq_event *e, uint64_t hash) {
  size_t pos;
  uint32_t i = pq_table_first(&o->by_key, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&o->by_key, hash, &pos))
    if (is_key(o, i, e)) return i;
  return PQ_NONE;
}

/* Append key or spot `k` to a chain. */
static void chain_append(pq_overlay *o, pq_overlay_chain *chain, uint32_t k, bool is_to) {
  if (chain->tail == PQ_NONE)
    chain->head = k;
  else if (is_to)
    o->keys[chain->tail].next_to = k;
  else if (chain->tail & PQ_SPOT_PLACE)
    o->places[chain->tail & ~PQ_SPOT_PLACE].next = k;
  else
    o->keys[chain->tail].next = k;
  chain->tail = k;
  chain->count++;
}

/* Does an entity that was deleted hard begin again with the event? */
static bool is_made_again(const pq_event *before, const pq_event *e) {
  return e->target == PQ_TARGET_ENTITY && before->op == PQ_EVENT_DELETE &&
         pq_value_is_missing(before->after) && e->op != PQ_EVENT_DELETE;
}

/* The entity of key `k` goes to the end of its collection with what is about to become version
 * `v`. */
static int place_new(pq_overlay *o, uint32_t k, uint32_t v) {
  pq_overlay_chain *chain;
  pq_slice collection, local;
  void *places = o->places;
  uint32_t p = o->place_count, newest = o->keys[k].place;
  if (!pq_id_split(o->versions[v].event.id, &collection, &local))
    return pq_fail(o->cx, PQ_ECORRUPT, "event %llu: id without '/'",
                   (unsigned long long)o->versions[v].event.seq);
  PQ_TRY(chain_of(o, &o->collections, collection, &chain));
  PQ_TRY(reserve(o, &places, p, &o->place_cap, sizeof *o->places, PLACE_LEN));
  o->places = places;
  o->places[p] = (pq_overlay_place){
      .version = v, .newer = newest == PQ_NONE ? p : o->places[newest].newer, .next = PQ_NONE};
  if (newest != PQ_NONE) o->places[newest].newer = p;
  o->keys[k].place = p;
  o->place_count++;
  chain_append(o, chain, p | PQ_SPOT_PLACE, false);
  return PQ_OK;
}

/* A new key for the event that is about to become version `v`. */
static int key_new(pq_overlay *o, const pq_event *e, uint64_t hash, uint32_t v, uint32_t *out) {
  pq_overlay_chain *chain, *to_chain = NULL;
  pq_slice collection, local;
  void *keys = o->keys;
  *out = PQ_NONE;
  PQ_TRY(reserve(o, &keys, o->key_count, &o->key_cap, sizeof *o->keys, KEY_LEN));
  o->keys = keys;
  if (e->target == PQ_TARGET_REL) {
    PQ_TRY(chain_of(o, &o->from, e->id, &chain));
    PQ_TRY(chain_of(o, &o->to, e->to_id, &to_chain));
  } else if (e->target == PQ_TARGET_COLLECTION) {
    chain = NULL;
  } else {
    if (!pq_id_split(e->id, &collection, &local))
      return pq_fail(o->cx, PQ_ECORRUPT, "event %llu: id without '/'", (unsigned long long)e->seq);
    PQ_TRY(chain_of(o, &o->collections, collection, &chain));
    if (e->where_file.n > 0 || e->version > 1)
      PQ_TRY(chain_of(o, &o->files, e->where_file, &to_chain));
  }
  PQ_TRY(pq_table_add(&o->by_key, hash, o->key_count));
  o->keys[o->key_count] = (pq_overlay_key){.newest = v,
                                           .first = v,
                                           .next = PQ_NONE,
                                           .next_to = PQ_NONE,
                                           .place = PQ_NONE,
                                           .hash = hash,
                                           .target = e->target};
  if (chain != NULL) chain_append(o, chain, o->key_count, false);
  if (to_chain != NULL) chain_append(o, to_chain, o->key_count, true);
  *out = o->key_count++;
  return PQ_OK;
}

int pq_overlay_add(pq_overlay *o, const pq_event *e) {
  uint64_t hash = key_hash(e);
  uint32_t v = o->version_count, key;
  void *versions = o->versions;
  if (e->target == PQ_TARGET_COLLECTION &&
      (e->op != PQ_EVENT_UPDATE || pq_value_type(e->after) != PQ_TYPE_OBJECT))
    return pq_fail(
        o->cx, PQ_EUNSUPPORTED,
        "event %llu changes a collection otherwise than by a schema: this version cannot "
        "read it",
        (unsigned long long)e->seq);
  pq_assert(v == 0 || o->versions[v - 1].event.seq < e->seq);
  PQ_TRY(reserve(o, &versions, v, &o->version_cap, sizeof *o->versions, VERSION_LEN));
  o->versions = versions;
  key = key_find(o, e, hash);
  o->versions[v] = (pq_version){.event = *e, .older = PQ_NONE};
  if (key == PQ_NONE) {
    pq_event *first = &o->versions[v].event;
    if (o->place != NULL && e->target == PQ_TARGET_ENTITY &&
        (e->version > 1 || e->where_file.n > 0))
      o->place(o->place_ud, first);
    PQ_TRY(key_new(o, first, hash, v, &key));
  } else {
    if (is_made_again(&o->versions[o->keys[key].newest].event, e)) PQ_TRY(place_new(o, key, v));
    o->versions[v].older = o->keys[key].newest;
    o->keys[key].newest = v;
  }
  o->versions[v].key = key;
  o->version_count++;
  note_key(o, e);
  return PQ_OK;
}

/* Take the raw bytes and start reading them. */
static int take_batch(pq_overlay *o, pq_buf *raw, uint64_t seq_lo, uint32_t count,
                      pq_batch_reader *r) {
  void *batches = o->batches;
  int rc = reserve(o, &batches, o->batch_count, &o->batch_cap, sizeof *o->batches, BATCH_LEN);
  if (rc != PQ_OK) {
    pq_buf_release(raw);
    return rc;
  }
  o->batches = batches;
  o->batches[o->batch_count++] = (pq_overlay_batch){*raw, seq_lo, count, 0};
  o->held_len += raw->cap;
  pq_batch_reader_init(r, o->cx, pq_buf_slice(raw), seq_lo, count);
  *raw = (pq_buf){0};
  return PQ_OK;
}

static int add_events(pq_overlay *o, pq_batch_reader *r, uint64_t seq_after) {
  pq_event e;
  bool is_end;
  for (;;) {
    PQ_TRY(pq_batch_next(r, &e, &is_end));
    if (is_end) return PQ_OK;
    if (e.seq > seq_after) PQ_TRY(pq_overlay_add(o, &e));
  }
}

int pq_overlay_add_batch(pq_overlay *o, pq_buf *raw, uint64_t seq_lo, uint32_t count,
                         uint64_t seq_after) {
  pq_batch_reader r;
  PQ_TRY(take_batch(o, raw, seq_lo, count, &r));
  return add_events(o, &r, seq_after);
}

int pq_overlay_add_own(pq_overlay *o, pq_buf *raw, uint64_t seq_lo, uint32_t count) {
  pq_batch_reader r;
  PQ_TRY(take_batch(o, raw, seq_lo, count, &r));
  r.is_own = true;
  return add_events(o, &r, 0);
}

int pq_overlay_add_only(pq_overlay *o, pq_buf *raw, uint64_t seq_lo, uint32_t count,
                        uint64_t seq_after, pq_slice only) {
  pq_batch_reader r, taken; /* of the same bytes, which do not move */
  pq_event e;
  bool is_end = false, is_taken = false;
  pq_batch_reader_init(&r, o->cx, pq_buf_slice(raw), seq_lo, count);
  r.only = only;
  o->is_partial = true;
  for (;;) {
    PQ_TRY(pq_batch_next(&r, &e, &is_end));
    if (is_end) return PQ_OK;
    if (e.seq <= seq_after || !pq_batch_is_wanted(&r, &e)) continue;
    if (!is_taken) PQ_TRY(take_batch(o, raw, seq_lo, count, &taken));
    is_taken = true;
    PQ_TRY(pq_overlay_add(o, &e));
  }
}

uint32_t pq_overlay_count(const pq_overlay *o, uint64_t seq) {
  uint32_t lo = 0, hi = o->version_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (o->versions[mid].event.seq <= seq)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* Events behind `seq`, borrowing from `o`; then the bytes follow, which cannot fail. */
static int move_after(pq_overlay *out, pq_overlay *o, uint64_t seq) {
  void *batches = NULL;
  uint32_t first = 0, n;
  for (uint32_t v = pq_overlay_count(o, seq); v < o->version_count; v++)
    PQ_TRY(pq_overlay_add(out, &o->versions[v].event));
  while (first < o->batch_count && o->batches[first].seq_lo <= seq)
    first++;
  n = o->batch_count - first;
  if (n == 0) return PQ_OK;
  batches = pq_alloc(o->cx, NULL, 0, n * sizeof *out->batches);
  if (batches == NULL) return pq_fail_nomem(o->cx);
  out->batches = batches;
  out->batch_cap = out->batch_count = n;
  for (uint32_t i = 0; i < n; i++) {
    out->batches[i] = o->batches[first + i];
    out->held_len += out->batches[i].raw.cap;
  }
  o->batch_count = first;
  return PQ_OK;
}

/* Add a copy of a batch: its events behind `seq`. */
static int copy_batch(pq_overlay *out, const pq_overlay_batch *b, uint64_t seq) {
  pq_batch_reader r;
  pq_buf raw;
  int rc;
  pq_buf_init(&raw, out->cx, b->raw.len_max);
  rc = pq_buf_put_slice(&raw, pq_buf_slice(&b->raw));
  if (rc != PQ_OK) {
    pq_buf_release(&raw);
    return rc;
  }
  PQ_TRY(take_batch(out, &raw, b->seq_lo, b->count, &r));
  r.is_own = true;
  return add_events(out, &r, seq);
}

int pq_overlay_take_after(pq_overlay *out, pq_overlay *o, uint64_t seq, bool is_last) {
  pq_assert(out->version_count == 0);
  if (is_last) return move_after(out, o, seq);
  for (uint32_t i = 0; i < o->batch_count; i++)
    if (o->batches[i].seq_lo > seq) PQ_TRY(copy_batch(out, &o->batches[i], 0));
  return PQ_OK;
}

int pq_overlay_copy(pq_overlay *out, const pq_overlay *o) {
  uint64_t before = o->version_count == 0 ? UINT64_MAX : o->versions[0].event.seq - 1;
  pq_assert(out->version_count == 0);
  for (uint32_t i = 0; i < o->batch_count; i++)
    PQ_TRY(copy_batch(out, &o->batches[i], before));
  return PQ_OK;
}

const pq_event *pq_overlay_at(const pq_overlay *o, uint32_t key, uint64_t seq) {
  uint32_t v = o->keys[key].newest;
  while (v != PQ_NONE && o->versions[v].event.seq > seq)
    v = o->versions[v].older;
  return v == PQ_NONE ? NULL : &o->versions[v].event;
}

uint32_t pq_overlay_next(const pq_overlay *o, uint32_t spot) {
  return spot & PQ_SPOT_PLACE ? o->places[spot & ~PQ_SPOT_PLACE].next : o->keys[spot].next;
}

const pq_event *pq_overlay_spot(const pq_overlay *o, uint32_t spot, uint64_t seq) {
  bool is_place = (spot & PQ_SPOT_PLACE) != 0;
  uint32_t p = spot & ~PQ_SPOT_PLACE;
  uint32_t key = is_place ? o->versions[o->places[p].version].key : spot;
  uint32_t newest = o->keys[key].place;
  if (is_place && o->versions[o->places[p].version].event.seq > seq) return NULL;
  if (newest != PQ_NONE && spot != (newest | PQ_SPOT_PLACE)) { /* has it gone on already? */
    uint32_t then = is_place ? o->places[p].newer : o->places[newest].newer;
    if (o->versions[o->places[then].version].event.seq <= seq) return NULL;
  }
  return pq_overlay_at(o, key, seq);
}

const pq_event *pq_overlay_before(const pq_overlay *o, const pq_event *e) {
  const pq_version *v = (const pq_version *)(const void *)e; /* the event is its first member */
  return v->older == PQ_NONE ? NULL : &o->versions[v->older].event;
}

const pq_event *pq_overlay_entity(const pq_overlay *o, pq_slice id, uint64_t seq) {
  pq_event probe = {.target = PQ_TARGET_ENTITY, .id = id};
  uint32_t key = key_find(o, &probe, key_hash(&probe));
  return key == PQ_NONE ? NULL : pq_overlay_at(o, key, seq);
}

const pq_event *pq_overlay_collection(const pq_overlay *o, pq_slice name, uint64_t seq) {
  pq_event probe = {.target = PQ_TARGET_COLLECTION, .id = name};
  uint32_t key = key_find(o, &probe, key_hash(&probe));
  return key == PQ_NONE ? NULL : pq_overlay_at(o, key, seq);
}

const pq_event *pq_overlay_edge(const pq_overlay *o, pq_slice from, pq_slice predicate, pq_slice to,
                                uint64_t seq) {
  pq_event probe = {.target = PQ_TARGET_REL, .id = from, .predicate = predicate, .to_id = to};
  uint32_t key = key_find(o, &probe, key_hash(&probe));
  return key == PQ_NONE ? NULL : pq_overlay_at(o, key, seq);
}
