/* cmd/edge_gone.c - a hard delete and the edges of what it deletes.
 *
 *   c->s.gone ─► edges that leave: unlinked
 *      ▲     └─► edges that enter, each by its field's onDelete, else the command's `edges`:
 *      │            unlink     it goes
 *      └─────────── cascade    the entity that it leaves goes, too
 *                   restrict   it stands, and so does everything: unless that entity goes anyway
 *
 * A turn has one hard delete at most, so nothing else of the commit is about these entities. Edges
 * of soft-deleted entities count as others do: a restore would show them.
 */
#include <string.h>

#include "base/slices.h"
#include "cmd/edge_rules.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { CASCADE_MAX = 100000 };

/* An edge that enters, to be unlinked unless it goes with the entity that it leaves. */
typedef struct held_edge {
  pq_event event; /* its texts are in the operation's arena */
  bool restricts;
} held_edge;

struct pq_gone {
  pq_stage_fn after;
  pq_slice *ids; /* all that go, in the order in which they were found */
  uint32_t count, cap;
  pq_slice *round; /* those that are looked at now, sorted */
  uint32_t round_count, looked_at;
  uint32_t *slots; /* a hash set of ids: indexes plus one, 0: empty */
  uint32_t slot_cap;
  held_edge *held;
  uint32_t held_count, held_cap;
};

/* ---- growing lists ---- */

/* The slot of the id, or the empty one where it would be. */
static uint32_t *slot_of(const struct pq_gone *g, pq_slice id) {
  uint32_t i = (uint32_t)pq_hash(id, 9) & (g->slot_cap - 1);
  while (g->slots[i] != 0 && !pq_slice_eq(g->ids[g->slots[i] - 1], id))
    i = (i + 1) & (g->slot_cap - 1);
  return &g->slots[i];
}

static bool is_gone(const struct pq_gone *g, pq_slice id) {
  return *slot_of(g, id) != 0;
}

/* Half of the slots are empty at least, with so many ids. */
static int make_slots(pq_command *c, struct pq_gone *g, uint32_t count) {
  if (count < g->slot_cap / 2) return PQ_OK;
  while (g->slot_cap / 2 <= count)
    g->slot_cap = g->slot_cap == 0 ? 16 : g->slot_cap * 2;
  g->slots = pq_arena_calloc(&c->op.arena, g->slot_cap, sizeof *g->slots);
  if (g->slots == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < g->count; i++)
    *slot_of(g, g->ids[i]) = i + 1;
  return PQ_OK;
}

static int add_id(pq_command *c, struct pq_gone *g, pq_slice id) {
  if (g->count == g->cap) {
    uint32_t cap = g->cap * 2;
    pq_slice *ids = pq_arena_calloc(&c->op.arena, cap, sizeof *ids);
    if (ids == NULL) return c->op.cx->code;
    memcpy(ids, g->ids, g->count * sizeof *ids);
    g->ids = ids;
    g->cap = cap;
  }
  PQ_TRY(make_slots(c, g, g->count + 1));
  *slot_of(g, id) = g->count + 1;
  g->ids[g->count++] = id;
  return PQ_OK;
}

static int add_held(pq_command *c, struct pq_gone *g, const pq_event *e, bool restricts) {
  if (g->held_count == g->held_cap) {
    uint32_t cap = g->held_cap == 0 ? 16 : g->held_cap * 2;
    held_edge *held = pq_arena_calloc(&c->op.arena, cap, sizeof *held);
    if (held == NULL) return c->op.cx->code;
    if (g->held_count > 0) memcpy(held, g->held, g->held_count * sizeof *held);
    g->held = held;
    g->held_cap = cap;
  }
  g->held[g->held_count++] = (held_edge){*e, restricts};
  return PQ_OK;
}

/* ---- the end ---- */

static int refuse(pq_command *c, const held_edge *first, uint32_t count) {
  const pq_event *e = &first->event;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%.*s cannot be deleted: %u %s to it or to what would go with it, such as "
                 "'%.*s' of %.*s, and %s: unlink %s first",
                 TEXT_ARGS(e->to_id), count, count == 1 ? "edge leads" : "edges lead",
                 TEXT_ARGS(e->predicate), TEXT_ARGS(e->id),
                 count == 1 ? "restricts that" : "restrict that", count == 1 ? "it" : "them");
}

/* Nothing more goes: what enters is unlinked, if nothing stands against it. */
static int finish(pq_command *c, struct pq_gone *g) {
  const held_edge *first = NULL;
  uint32_t standing = 0;
  for (uint32_t i = 0; i < g->held_count; i++) {
    held_edge *h = &g->held[i];
    if (is_gone(g, h->event.id)) continue; /* it left, and is unlinked */
    if (h->restricts && standing++ == 0) first = h;
    PQ_TRY(pq_commit_add(&c->s.commit, &c->op.arena, &h->event));
  }
  if (first != NULL) return refuse(c, first, standing);
  return pq_write_commit(c, g->after);
}

/* ---- what follows ---- */

static int stage_gone_leaving(pq_op *op);

/* The entities of this round get their events. */
static int delete_round(pq_command *c, struct pq_gone *g) {
  pq_op *op = &c->op;
  const pq_view *v = &c->s.snapshot.view;
  uint32_t n = g->round_count;
  pq_location *at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  pq_entity *entities = pq_arena_calloc(&op->scratch, n, sizeof *entities);
  if (at == NULL || entities == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, g->round, n, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, n,
                      PQ_WANT_ID | PQ_WANT_SYSTEM | PQ_WANT_DELETED, entities, NULL));
  for (uint32_t i = 0; i < n; i++) {
    pq_event e;
    if (entities[i].id.p == NULL) continue; /* an edge of nothing: it goes alone */
    PQ_TRY(pq_event_next(c, &at[i], &entities[i], &e));
    e.op = PQ_EVENT_DELETE;
    PQ_TRY(pq_commit_add(&c->s.commit, &op->arena, &e));
    c->s.outcome.cascaded++;
  }
  op->stage = stage_gone_leaving;
  return PQ_OK;
}

static int stage_gone_entities(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, delete_round(c, c->s.going));
}

/* What was found in this round is the next one. */
static int next_round(pq_command *c, struct pq_gone *g) {
  uint32_t n = g->count - g->looked_at;
  if (n == 0) return finish(c, g);
  g->round = pq_arena_calloc(&c->op.arena, n, sizeof *g->round);
  if (g->round == NULL) return c->op.cx->code;
  memcpy(g->round, g->ids + g->looked_at, n * sizeof *g->round);
  PQ_TRY(pq_slices_sort(c->op.cx, g->round, &n));
  g->round_count = n;
  g->looked_at = g->count;
  c->op.stage = stage_gone_entities;
  return PQ_OK;
}

/* ---- edges that enter ---- */

/* What becomes of the edge, and of the entity that it leaves. */
static int policy_of(pq_command *c, pq_edge_rules *rules, const pq_edge *e, pq_on_delete *out) {
  pq_on_delete own = PQ_ON_DELETE_NONE, said = c->s.gone_policy;
  const pq_edge_rule *rule;
  PQ_TRY(pq_edge_rule_of(rules, e->from_id, e->predicate, e->to_id, &rule));
  if (rule->field != NULL && rule->from->mode != PQ_VALIDATE_OFF) own = rule->field->on_delete;
  *out = own != PQ_ON_DELETE_NONE ? own : said;
  if (own == PQ_ON_DELETE_RESTRICT || said == PQ_ON_DELETE_RESTRICT) *out = PQ_ON_DELETE_RESTRICT;
  return PQ_OK;
}

static int take_entering(pq_command *c, struct pq_gone *g, pq_edge_rules *rules, const pq_edge *e) {
  pq_on_delete policy;
  pq_event event;
  pq_slice id;
  PQ_TRY(policy_of(c, rules, e, &policy));
  if (policy != PQ_ON_DELETE_CASCADE) {
    PQ_TRY(pq_edge_unlink_event(c, e, &event));
    return add_held(c, g, &event, policy == PQ_ON_DELETE_RESTRICT);
  }
  if (is_gone(g, e->from_id)) return PQ_OK;
  if (g->count >= CASCADE_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT,
                   "more than %d entities would be deleted with their targets (cascade): delete "
                   "some of them first",
                   CASCADE_MAX);
  PQ_TRY(pq_arena_copy(&c->op.arena, e->from_id, &id));
  return add_id(c, g, id);
}

static int take_all_entering(pq_command *c, struct pq_gone *g, const pq_edge *edges,
                             uint32_t count) {
  pq_edge_rules rules;
  int rc = PQ_OK;
  pq_edge_rules_init(&rules, c, &c->op.scratch);
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++)
    rc = take_entering(c, g, &rules, &edges[i]);
  pq_edge_rules_release(&rules);
  return rc;
}

static int read_round(pq_command *c, const struct pq_gone *g, bool is_reverse, pq_edge **edges,
                      uint32_t *count) {
  pq_edge_query q = {.nodes = g->round,
                     .node_count = g->round_count,
                     .is_reverse = is_reverse,
                     .needs_data = true};
  return pq_edges_read(&c->s.snapshot.view, &c->op.fetch, &c->op.scratch, &q, edges, count);
}

static int stage_gone_entering(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_gone *g = c->s.going;
  pq_edge *edges;
  uint32_t count;
  int rc = read_round(c, g, true, &edges, &count);
  if (rc == PQ_OK) rc = take_all_entering(c, g, edges, count);
  if (rc == PQ_OK) rc = next_round(c, g);
  return pq_turn_result(c, rc);
}

/* ---- edges that leave ---- */

static int stage_gone_leaving(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_edge *edges;
  uint32_t count;
  int rc = read_round(c, c->s.going, false, &edges, &count);
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++) {
    pq_event e;
    rc = pq_edge_unlink_event(c, &edges[i], &e);
    if (rc == PQ_OK) rc = pq_commit_add(&c->s.commit, &op->arena, &e);
  }
  if (rc == PQ_OK) op->stage = stage_gone_entering;
  return pq_turn_result(c, rc);
}

int pq_edges_unlink_gone(pq_command *c, pq_stage_fn after) {
  struct pq_gone *g = pq_arena_calloc(&c->op.arena, 1, sizeof *g);
  if (g == NULL) return c->op.cx->code;
  PQ_TRY(pq_slices_sort(c->op.cx, c->s.gone, &c->s.gone_count));
  g->after = after;
  g->ids = c->s.gone;
  g->round = c->s.gone;
  g->count = g->cap = g->round_count = g->looked_at = c->s.gone_count;
  PQ_TRY(make_slots(c, g, g->count));
  c->s.going = g;
  c->op.stage = stage_gone_leaving;
  return PQ_OK;
}
