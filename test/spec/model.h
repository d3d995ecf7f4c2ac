/* test/spec/model.h - the naive database: every event ever, nothing else, looked through each time.
 *
 *   keys:    t/a  ─► e1 CREATE, e4 UPDATE, e9 DELETE        t/a ─p→ t/b ─► e5 CREATE
 *   state at seq S = the newest event of the key with seq <= S
 *
 * It shares with the engine only what has tests of its own: values, filters, updates, merging.
 */
#ifndef PQ_TEST_MODEL_H
#define PQ_TEST_MODEL_H

#include "base/hash.h"
#include "log/event.h"
#include "shred/entity.h"

typedef struct model_event {
  pq_event_op op;
  uint64_t seq, version;
  int64_t ts, created_at;
  pq_slice created_by, actor, type, reverse;
  pq_value after; /* missing: gone (entities), no data (edges) */
} model_event;

typedef struct model_key {
  bool is_edge;
  pq_slice id, predicate, to;
  model_event *events; /* owned */
  uint32_t count, cap;
} model_key;

typedef struct model {
  pq_arena arena; /* all texts and values */
  pq_builder *builder;
  model_key *keys; /* owned */
  uint32_t count, cap;
  pq_table by_id; /* of keys; edges under their three names together */
  uint64_t seq;
  int64_t ts;
} model;

void model_init(model *m);
void model_release(model *m);

/* The key, or NULL. Edges: all three names; entities: empty predicate and to. */
model_key *model_find(model *m, pq_slice id, pq_slice predicate, pq_slice to);
/* The same, made when it is new. */
model_key *model_key_of(model *m, pq_slice id, pq_slice predicate, pq_slice to);

/* Add an event: seq is the next one, ts the model's. Texts and values must live in m->arena. */
void model_add(model *m, model_key *k, model_event e);
/* Begin a commit at a time. */
void model_commit(model *m, int64_t now_us);

/* The newest event at or before `seq`, or NULL. */
const model_event *model_at(const model_key *k, uint64_t seq);

/* The entity at `seq`, soft-deleted ones too; false: not there. */
bool model_entity(const model_key *k, uint64_t seq, pq_entity *out);
/* Is there a live entity with this id? */
bool model_is_live(model *m, pq_slice id, uint64_t seq);
/* Is the edge there (its ends may be deleted)? */
bool model_edge(const model_key *k, uint64_t seq);
/* The seq of the last event at or before an instant. */
uint64_t model_seq_at(const model *m, int64_t ts);

#endif
