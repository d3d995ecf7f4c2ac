/* cmd/changed_ids.c - which entities of a collection have events between two snapshots, for diff
 * and revert.
 *
 *   seq  ├──── event files, a window a stage ────┤├── tail ──┤     only ids are read
 *           p2  p1  p2  p9 …                        p1            ─► p1 p2 p9, sorted, each once
 *
 * What is between is what changed: an entity without an event there is the same at both ends.
 */
#include <string.h>

#include "base/hash.h"
#include "base/slices.h"
#include "cmd/command_int.h"

enum { WINDOW = 1 << 16 };

struct pq_changed {
  pq_stage_fn after;
  pq_arena arena; /* of the ids */
  pq_slice *ids;  /* owned */
  uint32_t count, cap;
  pq_table by_id;
  bool has_edges;            /* entities whose edges changed, too */
  uint64_t seq, seq_hi;      /* the next one to look at, the last one */
  uint64_t from;             /* the first one */
  uint64_t filed_seq;        /* the last one that files have; the tail has others before it */
  const pq_overlay *overlay; /* of the later snapshot: what files lack; NULL: none */
};

void pq_changed_free(pq_command *c) {
  struct pq_changed *k = c->s.changed_ids;
  if (k == NULL) return;
  pq_table_release(&k->by_id);
  pq_arena_release(&k->arena);
  pq_alloc(c->op.cx, k->ids, k->cap * sizeof *k->ids, 0);
  pq_alloc(c->op.cx, k, sizeof *k, 0);
  c->s.changed_ids = NULL;
}

static int grow(pq_command *c, struct pq_changed *k) {
  uint32_t cap = k->cap == 0 ? 1024 : k->cap * 2;
  pq_slice *ids;
  if (k->cap > UINT32_MAX / 4)
    return pq_fail(c->op.cx, PQ_ELIMIT, "%s: more than %u entities changed; take a shorter time",
                   c->s.spec->name, k->cap);
  ids = pq_alloc(c->op.cx, k->ids, k->cap * sizeof *ids, cap * sizeof *ids);
  if (ids == NULL) return pq_fail_nomem(c->op.cx);
  k->ids = ids;
  k->cap = cap;
  return PQ_OK;
}

static int add_id(pq_command *c, pq_slice id) {
  struct pq_changed *k = c->s.changed_ids;
  uint64_t hash = pq_hash(id, 0);
  size_t pos;
  uint32_t i = pq_table_first(&k->by_id, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&k->by_id, hash, &pos))
    if (pq_slice_eq(k->ids[i], id)) return PQ_OK;
  if (k->count == k->cap) PQ_TRY(grow(c, k));
  PQ_TRY(pq_arena_copy(&k->arena, id, &k->ids[k->count]));
  PQ_TRY(pq_table_add(&k->by_id, hash, k->count));
  k->count++;
  return PQ_OK;
}

static bool is_wanted(const pq_command *c, const pq_event *e) {
  pq_slice collection, local;
  if (e->target == PQ_TARGET_COLLECTION) return false;
  if (e->target == PQ_TARGET_REL && !c->s.changed_ids->has_edges) return false;
  return pq_id_split(e->id, &collection, &local) && pq_slice_eq(collection, c->s.collection);
}

/* Those of a tail, or of what the command's transaction did. */
static int add_versions(pq_command *c, const pq_overlay *o, uint64_t seq_lo, uint64_t seq_hi) {
  for (uint32_t i = 0; o != NULL && i < o->version_count; i++) {
    const pq_event *e = &o->versions[i].event;
    if (e->seq < seq_lo || e->seq > seq_hi || !is_wanted(c, e)) continue;
    PQ_TRY(add_id(c, e->id));
  }
  return PQ_OK;
}

/* The tail's, then all of them in order. */
static int finish(pq_command *c) {
  struct pq_changed *k = c->s.changed_ids;
  PQ_TRY(add_versions(c, k->overlay, k->from, k->seq_hi));
  PQ_TRY(add_versions(c, c->s.snapshot.view.own, 0, UINT64_MAX));
  PQ_TRY(pq_slices_sort(c->op.cx, k->ids, &k->count));
  c->s.nodes = k->ids;
  c->s.node_count = k->count;
  c->op.stage = k->after;
  return PQ_OK;
}

static int stage_changed(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_changed *k = c->s.changed_ids;
  uint64_t last = k->seq_hi < k->filed_seq ? k->seq_hi : k->filed_seq;
  pq_event_want want = {.seq_lo = k->seq,
                        .seq_hi = last,
                        .ts_hi = INT64_MAX,
                        .target = k->has_edges ? 0 : PQ_TARGET_ENTITY,
                        .collection = c->s.collection};
  pq_event *events;
  uint32_t count;
  PQ_TRY(pq_read_in_time(c));
  if (k->seq > last) return finish(c);
  if (last - k->seq >= WINDOW) want.seq_hi = k->seq + WINDOW - 1;
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  for (uint32_t i = 0; i < count; i++)
    if (is_wanted(c, &events[i])) PQ_TRY(add_id(c, events[i].id));
  k->seq = want.seq_hi + 1;
  return pq_read_again(c);
}

int pq_changed_begin(pq_command *c, bool has_edges, pq_stage_fn after) {
  const pq_view *a = &c->s.then.view, *b = &c->s.snapshot.view;
  const pq_snapshot *later = a->seq > b->seq ? &c->s.then : &c->s.snapshot;
  struct pq_changed *k = pq_alloc(c->op.cx, NULL, 0, sizeof *k);
  if (k == NULL) return pq_fail_nomem(c->op.cx);
  *k = (struct pq_changed){.after = after,
                           .has_edges = has_edges,
                           .seq = (a->seq < b->seq ? a->seq : b->seq) + 1,
                           .seq_hi = later->view.seq,
                           .filed_seq = pq_space_filed_seq(c->s.space),
                           .overlay = later->view.overlay};
  pq_arena_init(&k->arena, c->op.cx, c->op.cx->limits.op_len_max);
  pq_table_init(&k->by_id, c->op.cx);
  k->from = k->seq;
  c->s.changed_ids = k;
  c->op.stage = stage_changed;
  return PQ_OK;
}
