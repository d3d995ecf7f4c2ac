/* graph/graph_tail.c - the edges of an overlay by number, made as its events come.
 *
 *   overlay key   17 a ─knows→ b        keys[17]  7 knows 2, next out of 7: key 4, next into 2: –
 *                 18 people/a (entity)  keys[18]  no edge
 *
 *   by_ends       (7, knows, 2) → 17    does the overlay know about an edge of a file?
 *   heads         7: out 17, in 3       what it adds
 *   changed       versions that delete an entity: whose edges are hidden
 *
 * It stands for all seqs: who reads as of one asks the overlay what a key was then.
 */
#include <string.h>

#include "graph/graph_int.h"

enum { CAP_MIN = 64 };

static void release(pq_graph_tail *t) {
  pq_cx *cx = t->cx;
  pq_alloc(cx, t->keys, t->key_cap * sizeof *t->keys, 0);
  pq_alloc(cx, t->heads, 2 * (size_t)t->node_cap * sizeof *t->heads, 0);
  pq_alloc(cx, t->changed, t->changed_cap * sizeof *t->changed, 0);
  pq_alloc(cx, t->doubts, t->doubt_cap * sizeof *t->doubts, 0);
  pq_table_release(&t->by_ends);
  pq_alloc(cx, t, sizeof *t, 0);
}

void pq_graph_tail_close(pq_graph_tail *t) {
  if (t != NULL && --t->holder_count == 0) release(t);
}

static void forget(pq_derived *d) {
  pq_graph_tail_close((pq_graph_tail *)(void *)d);
}

static int reserve(pq_cx *cx, void *items, uint32_t count, uint32_t *cap, size_t size) {
  void **owned = items;
  uint32_t bigger = *cap < CAP_MIN ? CAP_MIN : *cap;
  size_t len;
  void *p;
  if (count < *cap) return PQ_OK;
  while (bigger <= count) {
    if (bigger > UINT32_MAX / 4) return pq_fail(cx, PQ_ELIMIT, "a graph of too many changes");
    bigger *= 2;
  }
  if (!pq_mul_size(bigger, size, &len)) return pq_fail_nomem(cx);
  p = pq_alloc(cx, *owned, *cap * size, len);
  if (p == NULL) return pq_fail_nomem(cx);
  *owned = p;
  *cap = bigger;
  return PQ_OK;
}

static uint64_t hash_ends(uint32_t from, uint32_t predicate, uint32_t to) {
  uint64_t h = ((uint64_t)from << 32 | to) * UINT64_C(0x9e3779b97f4a7c15);
  h = (h ^ h >> 29 ^ predicate) * UINT64_C(0xbf58476d1ce4e5b9);
  return h ^ h >> 32;
}

uint32_t pq_graph_tail_find(const pq_graph_tail *t, uint32_t from, uint32_t predicate,
                            uint32_t to) {
  uint64_t hash = hash_ends(from, predicate, to);
  size_t pos;
  uint32_t i = pq_table_first(&t->by_ends, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&t->by_ends, hash, &pos)) {
    const pq_tail_key *k = &t->keys[i];
    if (k->from == from && k->predicate == predicate && k->to == to) return i;
  }
  return PQ_NONE;
}

/* Room for the heads of a node. */
static int reserve_heads(pq_graph_tail *t, uint32_t node) {
  uint32_t cap = t->node_cap < CAP_MIN ? CAP_MIN : t->node_cap;
  uint32_t *heads;
  size_t len, old = 2 * (size_t)t->node_cap * sizeof *heads;
  if (node < t->node_cap) return PQ_OK;
  while (cap <= node)
    cap *= 2; /* numbers end far below 2^31 */
  if (cap < t->s->nodes.count) cap = t->s->nodes.count;
  if (!pq_mul_size(2 * (size_t)cap, sizeof *heads, &len)) return pq_fail_nomem(t->cx);
  heads = pq_alloc(t->cx, t->heads, old, len);
  if (heads == NULL) return pq_fail_nomem(t->cx);
  memset((uint8_t *)heads + old, 0xff, len - old); /* PQ_NONE */
  t->heads = heads;
  t->node_cap = cap;
  return PQ_OK;
}

/* Was the edge made by a command that does not ask whether its ends are there? Events of files
 * come without their metadata: the log says whether any was (pq_manifest.is_loose). */
static bool is_unchecked(const pq_event *e) {
  return !pq_value_is_missing(pq_object_get_str(e->metadata, "replay"));
}

static int add_doubt(pq_graph_tail *t, uint32_t node) {
  PQ_TRY(reserve(t->cx, &t->doubts, t->doubt_count, &t->doubt_cap, sizeof *t->doubts));
  t->doubts[t->doubt_count++] = node;
  return PQ_OK;
}

static int add_edge(pq_graph_tail *t, const pq_event *e, pq_tail_key *k) {
  PQ_TRY(pq_numbers_add(&t->s->nodes, e->id, &k->from));
  PQ_TRY(pq_numbers_add(&t->s->nodes, e->to_id, &k->to));
  PQ_TRY(pq_numbers_add(&t->s->predicates, e->predicate, &k->predicate));
  PQ_TRY(reserve_heads(t, k->from > k->to ? k->from : k->to));
  PQ_TRY(pq_table_add(&t->by_ends, hash_ends(k->from, k->predicate, k->to), t->key_count));
  k->next_out = t->heads[2 * (size_t)k->from];
  k->next_in = t->heads[2 * (size_t)k->to + 1];
  t->heads[2 * (size_t)k->from] = t->key_count;
  t->heads[2 * (size_t)k->to + 1] = t->key_count;
  t->edge_count++;
  return PQ_OK;
}

/* The keys that the overlay has got since. */
static int add_keys(pq_graph_tail *t) {
  const pq_overlay *o = t->overlay;
  PQ_TRY(reserve(t->cx, &t->keys, o->key_count, &t->key_cap, sizeof *t->keys));
  for (; t->key_count < o->key_count; t->key_count++) {
    pq_tail_key *k = &t->keys[t->key_count];
    *k = (pq_tail_key){PQ_NO_NODE, PQ_NO_PREDICATE, PQ_NO_NODE, PQ_NONE, PQ_NONE};
    if (o->keys[t->key_count].target == PQ_TARGET_REL)
      PQ_TRY(add_edge(t, &o->versions[o->keys[t->key_count].first].event, k));
  }
  return PQ_OK;
}

/* And its versions: after the keys. */
static int add_versions(pq_graph_tail *t) {
  const pq_overlay *o = t->overlay;
  for (; t->version_count < o->version_count; t->version_count++) {
    const pq_version *v = &o->versions[t->version_count];
    uint32_t node;
    if (v->event.target == PQ_TARGET_ENTITY && v->event.op == PQ_EVENT_DELETE) {
      PQ_TRY(pq_numbers_add(&t->s->nodes, v->event.id, &node));
      PQ_TRY(reserve(t->cx, &t->changed, t->changed_count, &t->changed_cap, sizeof *t->changed));
      t->changed[t->changed_count++] = (pq_tail_change){t->version_count, node};
    }
    if (v->event.target == PQ_TARGET_REL && v->event.op != PQ_EVENT_DELETE &&
        (is_unchecked(&v->event) || pq_id_is_foreign(v->event.to_id))) {
      PQ_TRY(add_doubt(t, t->keys[v->key].from));
      PQ_TRY(add_doubt(t, t->keys[v->key].to));
    }
  }
  return PQ_OK;
}

uint64_t pq_graph_tail_doubts(const pq_overlay *o) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < o->version_count; i++) {
    const pq_event *e = &o->versions[i].event;
    if (e->target == PQ_TARGET_REL && e->op != PQ_EVENT_DELETE && is_unchecked(e)) count += 2;
  }
  return count;
}

static int extend(pq_graph_tail *t) {
  if (t->key_count < t->overlay->key_count) PQ_TRY(add_keys(t));
  return add_versions(t);
}

static int make(pq_graphs *s, const pq_overlay *o, pq_graph_tail **out) {
  pq_graph_tail *t = pq_alloc(s->cx, NULL, 0, sizeof *t);
  *out = NULL;
  if (t == NULL) return pq_fail_nomem(s->cx);
  *t = (pq_graph_tail){.cx = s->cx, .s = s, .overlay = o, .holder_count = 1};
  t->derived.free = forget;
  pq_table_init(&t->by_ends, s->cx);
  *out = t;
  return PQ_OK;
}

int pq_graph_tail_own(pq_graphs *s, const pq_overlay *o, pq_graph_tail **out) {
  PQ_TRY(make(s, o, out));
  if (extend(*out) == PQ_OK) return PQ_OK;
  pq_graph_tail_close(*out);
  *out = NULL;
  return s->cx->code;
}

int pq_graph_tail_open(pq_graphs *s, pq_overlay *o, pq_graph_tail **out) {
  pq_graph_tail *t = (pq_graph_tail *)(void *)o->derived;
  *out = NULL;
  if (t == NULL) {
    PQ_TRY(make(s, o, &t));
    o->derived = &t->derived; /* the overlay holds it from now on */
  }
  PQ_TRY(extend(t)); /* goes on where it ended, if it fails */
  t->holder_count++;
  *out = t;
  return PQ_OK;
}
