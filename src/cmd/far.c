/* cmd/far.c - commands in other namespaces. See far.h. */
#include "cmd/far.h"

#include <string.h>

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* ---- ids of there ---- */

static int make_foreign(pq_arena *arena, pq_slice ns, pq_slice id, pq_slice *out) {
  char *text = pq_arena_printf(arena, "%.*s/%.*s", (int)ns.n, (const char *)ns.p, (int)id.n,
                               (const char *)id.p);
  *out = (pq_slice){0};
  if (text == NULL) return arena->cx->code;
  *out = pq_str(text);
  return PQ_OK;
}

static pq_slice id_there(pq_slice foreign) {
  pq_slice ns, there;
  return pq_id_split_foreign(foreign, &ns, &there) ? there : foreign;
}

/* ---- what is read there ---- */

static int keep_entity(pq_arena *arena, const pq_entity *e, pq_slice id, pq_entity *out) {
  *out = *e;
  out->id = id;
  PQ_TRY(pq_arena_copy(arena, e->type, &out->type));
  PQ_TRY(pq_arena_copy(arena, e->created_by, &out->created_by));
  PQ_TRY(pq_arena_copy(arena, e->updated_by, &out->updated_by));
  PQ_TRY(pq_arena_copy(arena, e->name_field, &out->name_field));
  return pq_value_is_missing(e->data) ? PQ_OK : pq_value_copy(arena, e->data, &out->data);
}

static int finish(pq_command *c) {
  c->op.stage = NULL;
  return PQ_OK;
}

static int stage_entities(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_far *far = c->far;
  const pq_view *v = &c->s.snapshot.view;
  uint32_t n = far->id_count;
  pq_slice *ids = pq_arena_calloc(&op->scratch, n, sizeof *ids);
  pq_location *at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  pq_entity *found = pq_arena_calloc(&op->scratch, n, sizeof *found), *kept;
  if (ids == NULL || at == NULL || found == NULL) return op->cx->code;
  for (uint32_t i = 0; i < n; i++)
    ids[i] = id_there(far->ids[i]);
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, n, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, n, far->want, found, NULL));
  kept = pq_arena_calloc(c->far_arena, n, sizeof *kept);
  if (kept == NULL) return op->cx->code;
  for (uint32_t i = 0; i < n; i++)
    if (found[i].id.p != NULL && !found[i].is_deleted)
      PQ_TRY(keep_entity(c->far_arena, &found[i], far->ids[i], &kept[i]));
  far->entities = kept;
  return finish(c);
}

static int stage_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_far *far = c->far;
  pq_edge_query q = {.nodes = &far->target,
                     .node_count = 1,
                     .predicates = far->predicates,
                     .predicate_count = far->predicate_count,
                     .is_reverse = true,
                     .needs_data = true};
  pq_edge *found = NULL, *kept;
  uint32_t n = 0;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &found, &n));
  kept = pq_arena_calloc(c->far_arena, n, sizeof *kept);
  if (kept == NULL) return op->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    kept[i] = found[i];
    kept[i].info = NULL; /* whole: there is no file to look into */
    kept[i].to_id = id_there(found[i].to_id);
    PQ_TRY(make_foreign(&op->scratch, far->ns, found[i].from_id, &kept[i].from_id));
    PQ_TRY(pq_edge_keep(c->far_arena, &kept[i]));
  }
  far->edges = kept;
  far->edge_count = n;
  return finish(c);
}

static int stage_far(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_snapshot(c));
  op->stage = c->far->target.n > 0 ? stage_edges : stage_entities;
  return PQ_OK;
}

int pq_far_parse(pq_command *c) {
  c->s.spec = pq_command_spec_of("related"); /* for messages: it reads, as that does */
  c->s.args.as_of = c->far->as_of;
  c->s.args.is_flushed = c->far->is_flushed;
  c->s.start = stage_far;
  return PQ_OK;
}

/* ---- inner commands ---- */

/* The handle's transaction is of the outer command's namespace. */
static int open_inner(pq_command *c, pq_slice ns, pq_slice json, pq_far *far, pq_arena *arena) {
  uint64_t txn = c->db->txn_current;
  int rc;
  pq_assert(c->inner == NULL && !c->is_inner);
  c->db->txn_current = 0;
  rc = pq_command_open_inner(c->db, ns, json, far, arena, c->op.now_us, &c->inner);
  c->db->txn_current = txn;
  return rc;
}

int pq_inner_open(pq_command *c, pq_slice ns, pq_slice json) {
  return open_inner(c, ns, json, NULL, NULL);
}

int pq_inner_read(pq_command *c, pq_far *far, pq_arena *arena) {
  far->entities = NULL;
  far->edges = NULL;
  far->edge_count = 0;
  if ((c->reach & PQ_REACH_CONFINED) != 0)
    return pq_fail(c->op.cx, PQ_EPERM, "namespace '%.*s' may not be read", TEXT_ARGS(far->ns));
  return open_inner(c, far->ns, (pq_slice){0}, far, arena);
}

int pq_inner_step(pq_command *c) {
  uint64_t txn = c->db->txn_current;
  int rc;
  c->db->txn_current = 0;
  c->inner_asks = false;
  rc = pq_command_step(c->inner, c->op.now_us);
  c->inner_asks = rc == PQ_NEED_IO;
  c->db->txn_current = txn;
  if (rc != PQ_OK) return rc;
  return pq_command_is_stopped(c->inner) ? PQ_OK : PQ_YIELD;
}

void pq_inner_close(pq_command *c) {
  if (c->inner == NULL) return;
  c->op.fetch.stat_requests += c->inner->op.fetch.stat_requests;
  c->op.fetch.stat_bytes += c->inner->op.fetch.stat_bytes;
  pq_command_close(c->inner);
  c->inner = NULL;
  c->inner_asks = false;
}

bool pq_far_is_unreachable(int rc) {
  switch (rc) {
    case PQ_EINVALID: /* no name of a namespace */
    case PQ_EPATH:
    case PQ_ECORRUPT:
    case PQ_EUNSUPPORTED:
    case PQ_EHISTORY:
    case PQ_EPERM: return true;
    default: return false;
  }
}

int pq_far_as_of(pq_command *c, pq_slice id, pq_as_of *out) {
  *out = c->s.args.as_of;
  if (!out->is_set || !out->is_seq) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: 'asOf' is an event of this namespace, which says nothing about %.*s: name an "
                 "instant",
                 c->s.spec->name, TEXT_ARGS(id));
}
