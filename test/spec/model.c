/* test/spec/model.c - see model.h. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "spec_db.h"

void model_init(model *m) {
  *m = (model){0};
  pq_arena_init(&m->arena, spec_cx(), SIZE_MAX / 2);
  pq_table_init(&m->by_id, spec_cx());
  if (pq_builder_new(spec_cx(), &m->builder) != PQ_OK) spec_die("out of memory");
}

void model_release(model *m) {
  for (uint32_t i = 0; i < m->count; i++)
    free(m->keys[i].events);
  free(m->keys);
  pq_table_release(&m->by_id);
  pq_builder_free(m->builder);
  pq_arena_release(&m->arena);
}

static uint64_t hash_of(pq_slice id, pq_slice predicate, pq_slice to) {
  return pq_hash(to, pq_hash(predicate, pq_hash(id, 3)));
}

model_key *model_find(model *m, pq_slice id, pq_slice predicate, pq_slice to) {
  uint64_t hash = hash_of(id, predicate, to);
  size_t pos;
  uint32_t i = pq_table_first(&m->by_id, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&m->by_id, hash, &pos)) {
    model_key *k = &m->keys[i];
    if (pq_slice_eq(k->id, id) && pq_slice_eq(k->predicate, predicate) && pq_slice_eq(k->to, to))
      return k;
  }
  return NULL;
}

static pq_slice keep(model *m, pq_slice text) {
  pq_slice copy = {0};
  if (text.n > 0 && pq_arena_copy(&m->arena, text, &copy) != PQ_OK) spec_die("out of memory");
  return copy;
}

model_key *model_key_of(model *m, pq_slice id, pq_slice predicate, pq_slice to) {
  model_key *k = model_find(m, id, predicate, to);
  if (k != NULL) return k;
  if (m->count == m->cap) {
    m->cap = m->cap == 0 ? 64 : m->cap * 2;
    m->keys = realloc(m->keys, m->cap * sizeof *m->keys);
    if (m->keys == NULL) spec_die("out of memory");
  }
  if (pq_table_add(&m->by_id, hash_of(id, predicate, to), m->count) != PQ_OK)
    spec_die("out of memory");
  k = &m->keys[m->count++];
  *k = (model_key){.is_edge = predicate.n > 0,
                   .id = keep(m, id),
                   .predicate = keep(m, predicate),
                   .to = keep(m, to)};
  return k;
}

void model_commit(model *m, int64_t now_us) {
  m->ts = now_us > m->ts ? now_us : m->ts + 1;
}

void model_add(model *m, model_key *k, model_event e) {
  if (k->count == k->cap) {
    k->cap = k->cap == 0 ? 2 : k->cap * 2;
    k->events = realloc(k->events, k->cap * sizeof *k->events);
    if (k->events == NULL) spec_die("out of memory");
  }
  e.seq = ++m->seq;
  e.ts = m->ts;
  if (e.created_at == 0) e.created_at = m->ts;
  k->events[k->count++] = e;
}

const model_event *model_at(const model_key *k, uint64_t seq) {
  uint32_t n = k == NULL ? 0 : k->count;
  while (n > 0 && k->events[n - 1].seq > seq)
    n--;
  return n == 0 ? NULL : &k->events[n - 1];
}

bool model_entity(const model_key *k, uint64_t seq, pq_entity *out) {
  const model_event *e = model_at(k, seq);
  *out = (pq_entity){0};
  if (e == NULL || k->is_edge || pq_value_is_missing(e->after)) return false;
  *out = (pq_entity){.id = k->id,
                     .type = e->type,
                     .created_at = e->created_at,
                     .updated_at = e->ts,
                     .created_by = e->created_by,
                     .updated_by = e->actor,
                     .version = e->version,
                     .is_deleted = e->op == PQ_EVENT_DELETE,
                     .data = e->after};
  return true;
}

bool model_is_live(model *m, pq_slice id, uint64_t seq) {
  pq_entity e;
  return model_entity(model_find(m, id, (pq_slice){0}, (pq_slice){0}), seq, &e) && !e.is_deleted;
}

bool model_edge(const model_key *k, uint64_t seq) {
  const model_event *e = model_at(k, seq);
  return e != NULL && k->is_edge && e->op != PQ_EVENT_DELETE;
}

uint64_t model_seq_at(const model *m, int64_t ts) {
  uint64_t best = 0;
  for (uint32_t i = 0; i < m->count; i++)
    for (uint32_t j = 0; j < m->keys[i].count; j++)
      if (m->keys[i].events[j].ts <= ts && m->keys[i].events[j].seq > best)
        best = m->keys[i].events[j].seq;
  return best;
}
