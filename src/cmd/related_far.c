/* cmd/related_far.c - what lies beyond the namespace of a `related`.
 *
 *   far ends   nodes that are foreign ids ─► of each namespace together: its entities, now or as of
 *              the instant ─► r->far_ends
 *   entering   refs of '_system': from which namespaces is the target linked? ─► each of them: the
 *              edges that enter it, as it has them ─► r->entering
 *
 * So an edge is shown as its own namespace has it: refs only tell where to look, and may lag. What
 * cannot be read, or is not there, is left out and counted.
 */
#include <string.h>

#include "cmd/refs.h"
#include "cmd/related_int.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { ORIGINS_MAX = 1000, ENTERING_MAX = 1 << 20 };

/* ---- far ends ---- */

bool pq_related_far_is_known(const pq_command *c) {
  const struct pq_related *r = c->s.related;
  uint32_t end = r->node + pq_related_next_count(c, r->is_counting);
  for (uint32_t i = r->far_to > r->node ? r->far_to : r->node; i < end; i++)
    if (pq_id_is_foreign(r->nodes[i])) return false;
  return true;
}

static int stage_far_open(pq_op *op);

/* The nodes of one namespace were looked up, or could not be. */
static void take_far(pq_command *c) {
  struct pq_related *r = c->s.related;
  for (uint32_t i = r->far_to, n = 0; i < r->far_group; i++) {
    if (!pq_id_is_foreign(r->nodes[i])) continue;
    if (r->far.entities != NULL) r->far_ends[i] = r->far.entities[n++];
    if (r->far_ends[i].id.p == NULL && !r->is_counting) r->unreachable++;
  }
  r->far_to = r->far_group;
  pq_inner_close(c);
  c->op.stage = stage_far_open;
}

static int stage_far_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_inner_step(c);
  if (rc == PQ_NEED_IO || rc == PQ_YIELD) return rc;
  if (rc < 0 && !pq_far_is_unreachable(rc)) return rc;
  take_far(c);
  return PQ_OK;
}

/* The foreign ids of the next namespace, which stand together but for ids of here. */
static int next_namespace(pq_command *c, uint32_t first) {
  struct pq_related *r = c->s.related;
  pq_slice *ids = pq_arena_calloc(&r->part, r->far_end - first, sizeof *ids), ns, there;
  if (ids == NULL) return c->op.cx->code;
  r->far = (pq_far){.ids = ids, .want = r->far.want, .is_flushed = c->s.args.is_flushed};
  (void)pq_id_split_foreign(r->nodes[first], &r->far.ns, &there);
  for (r->far_group = first; r->far_group < r->far_end; r->far_group++) {
    if (!pq_id_split_foreign(r->nodes[r->far_group], &ns, &there)) continue;
    if (!pq_slice_eq(ns, r->far.ns)) break;
    ids[r->far.id_count++] = r->nodes[r->far_group];
  }
  return pq_far_as_of(c, ids[0], &r->far.as_of);
}

static int stage_far_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_related *r = c->s.related;
  uint32_t first = r->far_to;
  int rc;
  while (first < r->far_end && !pq_id_is_foreign(r->nodes[first]))
    first++;
  if (first == r->far_end) {
    r->far_to = r->far_end;
    op->stage = r->after_far;
    return PQ_OK;
  }
  PQ_TRY(next_namespace(c, first));
  rc = pq_inner_read(c, &r->far, &r->part);
  if (rc != PQ_OK && !pq_far_is_unreachable(rc)) return rc;
  if (rc != PQ_OK)
    take_far(c);
  else
    op->stage = stage_far_read;
  return PQ_OK;
}

int pq_related_far_begin(pq_command *c, unsigned want, pq_stage_fn after) {
  struct pq_related *r = c->s.related;
  if (r->far_ends == NULL)
    r->far_ends = pq_arena_calloc(&r->part, r->node_count, sizeof *r->far_ends);
  if (r->far_ends == NULL) return c->op.cx->code;
  if (r->far_to < r->node) r->far_to = r->node;
  r->far_end = r->node + pq_related_next_count(c, r->is_counting);
  r->far.want = want;
  r->after_far = after;
  c->op.stage = stage_far_open;
  return PQ_OK;
}

/* ---- edges that enter ---- */

static int stage_entering_open(pq_op *op);

static int keep_entering(pq_command *c) {
  struct pq_related *r = c->s.related;
  uint32_t n = r->far.edge_count, count = r->entering_count;
  pq_edge *all;
  if (n == 0) return PQ_OK;
  if (n > ENTERING_MAX - count)
    return pq_fail(c->op.cx, PQ_ELIMIT,
                   "related: more than %d edges enter %.*s from other namespaces", ENTERING_MAX,
                   TEXT_ARGS(c->s.id));
  all = pq_arena_array(&r->beyond, (size_t)count + n, sizeof *all);
  if (all == NULL) return c->op.cx->code;
  if (count > 0) memcpy(all, r->entering, count * sizeof *all);
  memcpy(all + count, r->far.edges, n * sizeof *all);
  r->entering = all;
  r->entering_count = count + n;
  return PQ_OK;
}

static int stage_entering_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_related *r = c->s.related;
  int rc = pq_inner_step(c);
  if (rc == PQ_NEED_IO || rc == PQ_YIELD) return rc;
  if (rc < 0 && !pq_far_is_unreachable(rc)) return rc;
  if (rc < 0)
    r->unreachable++;
  else
    PQ_TRY(keep_entering(c));
  pq_inner_close(c);
  op->stage = stage_entering_open;
  return PQ_OK;
}

/* The next namespace is asked for its edges to the target, as the target is called there. */
static int stage_entering_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_related *r = c->s.related;
  int rc;
  if (r->origin == r->origin_count) {
    op->stage = r->after_far;
    return PQ_OK;
  }
  r->far = (pq_far){.ns = r->origins[r->origin++],
                    .target = r->called_there,
                    .predicates = r->predicates.items,
                    .predicate_count = r->predicates.count,
                    .is_flushed = c->s.args.is_flushed};
  PQ_TRY(pq_far_as_of(c, c->s.id, &r->far.as_of));
  rc = pq_inner_read(c, &r->far, &r->beyond);
  if (rc == PQ_OK) {
    op->stage = stage_entering_read;
    return PQ_OK;
  }
  r->unreachable++;
  return pq_far_is_unreachable(rc) ? PQ_OK : rc;
}

/* The names that refs has. Whoever wrote there, it is only where we look. */
static int take_origins(pq_command *c, pq_value names) {
  struct pq_related *r = c->s.related;
  uint32_t n = pq_value_count(names);
  pq_slice name;
  if (n > ORIGINS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "related: edges enter %.*s from more than %d namespaces",
                   TEXT_ARGS(c->s.id), ORIGINS_MAX);
  r->origins = pq_arena_calloc(&r->beyond, n, sizeof *r->origins);
  if (r->origins == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++) {
    if (!pq_value_string(pq_array_at(names, i), &name) || pq_slice_is(name, c->s.space->ns))
      continue;
    PQ_TRY(pq_arena_copy(&r->beyond, name, &r->origins[r->origin_count++]));
  }
  return PQ_OK;
}

static int stage_origins_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_inner_step(c);
  if (rc == PQ_NEED_IO || rc == PQ_YIELD) return rc;
  if (rc < 0 && !pq_far_is_unreachable(rc)) return rc;
  if (rc < 0)
    c->s.related->unreachable++;
  else
    PQ_TRY(take_origins(c, pq_object_get_str(pq_command_summary(c->inner), "values")));
  pq_inner_close(c);
  op->stage = stage_entering_open;
  return PQ_OK;
}

/* Of an instant those that were unlinked since count, too. */
static int stage_origins_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_related *r = c->s.related;
  char *id = pq_arena_printf(&r->beyond, "%s/%.*s", c->s.space->ns, (int)c->s.id.n,
                             (const char *)c->s.id.p);
  pq_buf text;
  int rc;
  if (id == NULL) return op->cx->code;
  r->called_there = pq_str(id);
  pq_buf_init(&text, op->cx, op->cx->limits.command_len_max);
  rc = pq_refs_put_question(&text, r->called_there, c->s.args.as_of.is_set);
  if (rc == PQ_OK) rc = pq_inner_open(c, pq_str(PQ_SYSTEM_NS), pq_buf_slice(&text));
  pq_buf_release(&text);
  op->stage = stage_origins_read;
  return rc;
}

void pq_related_entering_begin(pq_command *c, pq_stage_fn after) {
  c->s.related->after_far = after;
  c->op.stage = stage_origins_open;
}
