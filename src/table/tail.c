/* table/tail.c - see tail.h. */
#include "table/tail.h"

/* The newest event of a layer that the view sees. */
static uint64_t seq_of(const pq_view *v, const pq_overlay *layer) {
  return layer == v->own ? v->own_seq : v->seq;
}

const pq_event *pq_tail_entity(const pq_view *v, pq_slice id) {
  const pq_event *e = v->own == NULL ? NULL : pq_overlay_entity(v->own, id, v->own_seq);
  if (e != NULL || v->overlay == NULL) return e;
  return pq_overlay_entity(v->overlay, id, v->seq);
}

const pq_event *pq_tail_edge(const pq_view *v, pq_slice from, pq_slice predicate, pq_slice to) {
  const pq_event *e =
      v->own == NULL ? NULL : pq_overlay_edge(v->own, from, predicate, to, v->own_seq);
  if (e != NULL || v->overlay == NULL) return e;
  return pq_overlay_edge(v->overlay, from, predicate, to, v->seq);
}

bool pq_tail_is_keyed(const pq_view *v, pq_slice collection) {
  return (v->overlay == NULL || pq_overlay_is_keyed(v->overlay, collection)) &&
         (v->own == NULL || pq_overlay_is_keyed(v->own, collection));
}

/* ---- walks ---- */

static uint32_t first_key(const pq_tail_walk *w, const pq_overlay *layer) {
  const pq_chains *const chains[] = {[PQ_TAIL_ENTITIES] = &layer->collections,
                                     [PQ_TAIL_FROM] = &layer->from,
                                     [PQ_TAIL_TO] = &layer->to,
                                     [PQ_TAIL_FILE] = &layer->files};
  return pq_chain_first(chains[w->kind], w->name);
}

pq_tail_walk pq_tail_begin(const pq_view *v, pq_tail_kind kind, pq_slice name) {
  pq_tail_walk w = {.v = v, .kind = kind, .name = name, .at = v->overlay, .key = PQ_NONE};
  if (w.at == NULL) w.at = v->own;
  if (w.at != NULL) w.key = first_key(&w, w.at);
  return w;
}

/* The key, of entities the spot, that the walk stands at; the walk goes on behind it. False at the
 * end. */
static bool take_key(pq_tail_walk *w, const pq_overlay **layer, uint32_t *key) {
  const pq_view *v = w->v;
  while (w->at != NULL && w->key == PQ_NONE) { /* at most two layers */
    w->at = w->at == v->overlay && v->own != v->overlay ? v->own : NULL;
    if (w->at != NULL) w->key = first_key(w, w->at);
  }
  if (w->at == NULL) return false;
  *layer = w->at;
  *key = w->key;
  if (w->kind == PQ_TAIL_ENTITIES)
    w->key = pq_overlay_next(w->at, w->key);
  else
    w->key = w->kind == PQ_TAIL_FROM ? w->at->keys[w->key].next : w->at->keys[w->key].next_to;
  return true;
}

/* Does the transaction's own layer decide about the key of `e`, an event of the other? */
static bool is_hidden(const pq_view *v, const pq_event *e) {
  if (v->own == NULL) return false;
  if (e->target == PQ_TARGET_ENTITY) return pq_overlay_entity(v->own, e->id, v->own_seq) != NULL;
  return pq_overlay_edge(v->own, e->id, e->predicate, e->to_id, v->own_seq) != NULL;
}

const pq_event *pq_tail_next(pq_tail_walk *w) {
  const pq_overlay *layer;
  uint32_t key;
  while (take_key(w, &layer, &key)) {
    uint64_t seq = seq_of(w->v, layer);
    const pq_event *e = w->kind == PQ_TAIL_ENTITIES ? pq_overlay_spot(layer, key, seq)
                                                    : pq_overlay_at(layer, key, seq);
    if (e != NULL && (layer == w->v->own || !is_hidden(w->v, e))) return e;
  }
  return NULL;
}

const pq_event *pq_tail_next_first(pq_tail_walk *w) {
  const pq_overlay *layer;
  uint32_t key;
  while (take_key(w, &layer, &key)) {
    const pq_event *e;
    if (w->kind == PQ_TAIL_ENTITIES && key & PQ_SPOT_PLACE) continue;
    e = &layer->versions[layer->keys[key].first].event;
    if (e->seq <= seq_of(w->v, layer)) return e;
  }
  return NULL;
}

uint64_t pq_tail_count(const pq_view *v, pq_tail_kind kind, pq_slice name) {
  pq_tail_walk w = pq_tail_begin(v, kind, name);
  uint64_t n = 0;
  while (pq_tail_next_first(&w) != NULL)
    n++;
  return n;
}
