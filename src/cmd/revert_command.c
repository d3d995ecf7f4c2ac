/* cmd/revert_command.c - revert: an entity, or a whole collection, is made what it was.
 *
 *   to ─► snapshot `then`     ids: the one, or those with events since (changed_ids.c)
 *   now ─► snapshot             └─► a block of them read in both:
 *
 *          then         now            becomes
 *          there        there          UPDATE to the document of then, unless it is the same
 *          there        soft-deleted   UPDATE: it is back
 *          there        gone           CREATE, with the createdAt of then
 *          not there    there          DELETE, a soft one
 *
 *   edges that leave what was there then: the same as then (revert_edges.c)
 *   ─► unique fields ─► edges ─► one commit, whose events say {"revert": {"seq": S}}
 *
 * Nothing is taken back: what happened in between stays in the history.
 */
#include "cmd/command_int.h"
#include "cmd/document_diff.h"
#include "cmd/revert_int.h"
#include "db/schema_of.h"
#include "db/txn.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { BLOCK = 256 };

/* ---- one entity ---- */

/* An entity at both moments, and where it is now. */
typedef struct pair {
  pq_slice id;
  pq_entity then, now; /* id.p NULL: not there */
  const pq_location *at;
} pair;

static bool is_live(const pq_entity *e) {
  return e->id.p != NULL && !e->is_deleted;
}

/* The document of then, in the form of the schema that counts now. */
static int document_then(pq_command *c, const pair *p, pq_value *out) {
  *out = p->then.data;
  return pq_schema_before(c->s.space, &c->op.scratch, p->id, c->s.then.view.seq, UINT64_MAX, out);
}

/* The same, checked by the schema and the validator. */
static int take_document(pq_command *c, const pair *p, pq_value *out) {
  pq_value doc;
  PQ_TRY(document_then(c, p, &doc));
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, doc));
  PQ_TRY(pq_builder_finish(c->db->builder, &c->op.arena, out));
  return pq_typed_document(c, &(pq_write){.index = c->s.node}, out);
}

static int add(pq_command *c, pq_event *e) {
  PQ_TRY(pq_arena_copy(&c->op.arena, e->type, &e->type));
  return pq_commit_add(&c->s.commit, &c->op.arena, e);
}

/* It is there, live or soft-deleted, and was there then. What is as it was stays, whatever a schema
 * or validator that came later says of it. */
static int put_back(pq_command *c, const pair *p) {
  bool is_kept = is_live(&p->now) && pq_slice_eq(p->now.type, p->then.type);
  pq_event e;
  pq_value doc;
  PQ_TRY(document_then(c, p, &doc));
  if (is_kept && pq_document_is_same(p->now.data, doc)) return PQ_OK;
  PQ_TRY(take_document(c, p, &doc));
  if (is_kept && pq_document_is_same(p->now.data, doc)) return PQ_OK;
  PQ_TRY(pq_event_next(c, p->at, &p->now, &e));
  e.op = PQ_EVENT_UPDATE;
  e.type = p->then.type;
  e.after = doc;
  c->s.outcome.modified++;
  return add(c, &e);
}

/* It is gone, and was there then. */
static int create(pq_command *c, const pair *p) {
  pq_event e = {.target = PQ_TARGET_ENTITY,
                .op = PQ_EVENT_CREATE,
                .type = p->then.type,
                .version = 1,
                .created_at = p->then.created_at,
                .actor = pq_actor_of(c),
                .metadata = c->s.args.metadata,
                .prev = p->at->event != NULL ? p->at->event->seq : 0};
  PQ_TRY(pq_arena_copy(&c->op.arena, p->id, &e.id));
  PQ_TRY(pq_arena_copy(&c->op.arena, p->then.created_by, &e.created_by));
  PQ_TRY(take_document(c, p, &e.after));
  c->s.outcome.inserted++;
  PQ_TRY(pq_revert_add_back(c, e.id));
  return add(c, &e);
}

/* It is there, and was not then. */
static int take_away(pq_command *c, const pair *p) {
  pq_event e;
  PQ_TRY(pq_event_next(c, p->at, &p->now, &e));
  e.op = PQ_EVENT_DELETE;
  c->s.outcome.deleted++;
  if (p->then.id.p != NULL) { /* soft-deleted, with a document of then */
    PQ_TRY(take_document(c, p, &e.after));
    return add(c, &e);
  }
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, p->now.data));
  PQ_TRY(pq_builder_finish(c->db->builder, &c->op.arena, &e.after));
  return add(c, &e);
}

static int check_version(pq_command *c, const pair *p) {
  uint64_t version = p->now.id.p == NULL ? 0 : p->now.version;
  if (!(c->s.args.given & PQ_OPT_EXPECTED_VERSION) ||
      (uint64_t)c->s.args.expected_version == version)
    return PQ_OK;
  return pq_fail(c->op.cx, PQ_EVERSION, "%.*s: expected version %lld, it has version %llu",
                 TEXT_ARGS(p->id), (long long)c->s.args.expected_version,
                 (unsigned long long)version);
}

static int decide(pq_command *c, const pair *p) {
  PQ_TRY(check_version(c, p));
  if (is_live(&p->then)) return p->now.id.p == NULL ? create(c, p) : put_back(c, p);
  return is_live(&p->now) ? take_away(c, p) : PQ_OK;
}

/* ---- a block of them ---- */

static int read_block(pq_command *c, const pq_view *v, const pq_slice *ids, uint32_t n,
                      pq_location *at, pq_entity *out) {
  pq_op *op = &c->op;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, n, false, at));
  return pq_view_read(v, &op->fetch, &op->scratch, at, n, PQ_WANT_ALL, out, NULL);
}

static int stage_revert_commit(pq_op *op);

static int stage_revert_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_slice *ids = c->s.nodes + c->s.node;
  uint32_t left = c->s.node_count - c->s.node, n = left < BLOCK ? left : BLOCK;
  pq_location *at = pq_arena_calloc(&op->scratch, (size_t)n * 2, sizeof *at);
  pq_entity *entities = pq_arena_calloc(&op->scratch, (size_t)n * 2, sizeof *entities);
  int rc, rc_now;
  if (at == NULL || entities == NULL) return op->cx->code;
  rc = read_block(c, &c->s.then.view, ids, n, at, entities);
  if (rc < 0) return rc;
  rc_now = read_block(c, &c->s.snapshot.view, ids, n, at + n, entities + n);
  if (rc_now < 0) return rc_now;
  if (rc == PQ_NEED_IO || rc_now == PQ_NEED_IO) return PQ_NEED_IO;
  for (uint32_t i = 0; i < n; i++) {
    PQ_TRY(decide(c, &(pair){ids[i], entities[i], entities[n + i], &at[n + i]}));
    if (is_live(&entities[i])) PQ_TRY(pq_revert_add_node(c, ids[i]));
  }
  c->s.node += n;
  if (c->s.node < c->s.node_count) return PQ_OK;
  if (c->s.revert->has_edges) return pq_revert_edges_begin(c, stage_revert_commit);
  op->stage = stage_revert_commit;
  return PQ_OK;
}

/* ---- the commit ---- */

static int stage_revert_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_outcome *o = &c->s.outcome;
  (void)op;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "revertedCount", o->modified));
  PQ_TRY(pq_summary_count(c, "createdCount", o->inserted));
  PQ_TRY(pq_summary_count(c, "deletedCount", o->deleted));
  PQ_TRY(pq_summary_count(c, "edgeCount", c->s.changed + c->s.unlinked));
  PQ_TRY(pq_summary_count(c, "edgesWithoutEnd", c->s.revert->lost));
  PQ_TRY(pq_summary_count(c, "toSeq", c->s.revert->seq));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_revert_append(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_snapshot_close(&c->s.then);
  pq_changed_free(c);
  return pq_write_commit(c, stage_revert_end);
}

static int stage_revert_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.edge_count > 0)
    pq_edges_write(c, stage_revert_append);
  else
    op->stage = stage_revert_append;
  return PQ_OK;
}

static int stage_revert_commit(pq_op *op) {
  return pq_unique_begin(pq_command_of(op), stage_revert_edges);
}

/* ---- beginning ---- */

/* The events' metadata: the caller's, and what was reverted to. */
static int make_metadata(pq_command *c) {
  pq_builder *b = c->db->builder;
  const pq_as_of *to = &c->s.args.to;
  uint32_t count;
  pq_field *fields = pq_object_fields(&c->op.scratch, c->s.args.metadata, &count);
  if (fields == NULL && pq_value_count(c->s.args.metadata) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_key_str(b, "revert"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "seq", c->s.then.view.seq));
  if (!to->is_seq) {
    PQ_TRY(pq_builder_key_str(b, "ts"));
    PQ_TRY(pq_builder_date_us(b, to->ts));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->op.arena, &c->s.args.metadata);
}

static int stage_revert_ids(pq_op *op) {
  op->stage = stage_revert_read;
  return PQ_OK;
}

static int stage_revert_now(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.txn != NULL && c->s.then.view.seq > c->s.txn->seq)
    return pq_fail(op->cx, PQ_EINVALID,
                   "revert: option 'to' is a moment that the transaction does not see: it began "
                   "after event %llu",
                   (unsigned long long)c->s.txn->seq);
  PQ_TRY(pq_read_snapshot(c));
  PQ_TRY(pq_typing_open(c));
  PQ_TRY(pq_revert_open(c));
  PQ_TRY(make_metadata(c));
  if (c->s.id.n == 0) return pq_changed_begin(c, c->s.revert->has_edges, stage_revert_ids);
  c->s.nodes = &c->s.id;
  c->s.node_count = 1;
  op->stage = stage_revert_read;
  return PQ_OK;
}

static int stage_revert(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.then, c->s.space, op, c->s.args.to, false));
  op->stage = stage_revert_now;
  return PQ_OK;
}

int pq_open_revert(pq_command *c, pq_value target) {
  c->s.start = stage_revert;
  PQ_TRY(pq_target_either(c, target));
  if (!c->s.args.to.is_set)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "revert: option 'to' is missing: the moment to go back to");
  if (c->s.id.n == 0 && (c->s.args.given & PQ_OPT_EXPECTED_VERSION))
    return pq_fail(c->op.cx, PQ_EINVALID, "revert: 'expectedVersion' goes with an id");
  if (!pq_value_is_missing(pq_object_get_str(c->s.args.metadata, "revert")))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "revert: 'revert' in 'metadata' is what it writes itself");
  return PQ_OK;
}
