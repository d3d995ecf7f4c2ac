/* cmd/diff_command.c - diff: what changed between two moments, of one entity or of a collection.
 *
 *   from ─► snapshot `then` ─┐
 *                            ├─► ids: the one, or those with events between (changed_ids.c)
 *   to ───► snapshot ────────┘      └─► a block of them read in both ─► document_diff.c ─► items
 *
 * A soft-deleted entity counts as not there: so it is for everybody who reads.
 */
#include "cmd/command_int.h"
#include "cmd/document_diff.h"

enum { LIMIT_DEFAULT = 1000, BLOCK = 64 };

/* An entity at both moments. */
typedef struct pair {
  pq_entity before, after; /* id.p NULL: not there */
} pair;

static int read_entities(pq_command *c, const pq_view *v, const pq_slice *ids, uint32_t n,
                         pq_entity **out) {
  pq_op *op = &c->op;
  pq_location *at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  *out = pq_arena_calloc(&op->scratch, n, sizeof **out);
  if (at == NULL || *out == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, n, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, n, PQ_WANT_ALL, *out, NULL));
  for (uint32_t i = 0; i < n; i++)
    if ((*out)[i].is_deleted) (*out)[i] = (pq_entity){0};
  return PQ_OK;
}

static const char *change_of(const pair *p, uint32_t differences) {
  if (p->before.id.p == NULL) return "created";
  if (p->after.id.p == NULL) return "deleted";
  return differences > 0 ? "changed" : "none";
}

/* A type is a field of the document as far as differences go. */
static int add_type(pq_command *c, const pair *p, pq_difference **items, uint32_t *count) {
  pq_arena *arena = &c->op.scratch;
  pq_difference *more;
  if (p->before.id.p == NULL || p->after.id.p == NULL || pq_slice_eq(p->before.type, p->after.type))
    return PQ_OK;
  more = pq_arena_calloc(arena, (size_t)*count + 1, sizeof *more);
  if (more == NULL) return c->op.cx->code;
  more[0].path = PQ_SLICE("$type");
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_string(c->db->builder, p->before.type));
  PQ_TRY(pq_builder_finish(c->db->builder, arena, &more[0].before));
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_string(c->db->builder, p->after.type));
  PQ_TRY(pq_builder_finish(c->db->builder, arena, &more[0].after));
  for (uint32_t i = 0; i < *count; i++)
    more[i + 1] = (*items)[i];
  *items = more;
  ++*count;
  return PQ_OK;
}

static int put_version(pq_builder *b, const char *name, const pq_entity *e) {
  if (e->id.p != NULL) return pq_put_count(b, name, e->version);
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_null(b);
}

static int reply(pq_command *c, pq_slice id, const pair *p, const pq_difference *items,
                 uint32_t count) {
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "$id", id));
  PQ_TRY(pq_put_text(b, "change", pq_str(change_of(p, count))));
  PQ_TRY(pq_builder_key_str(b, "version"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_version(b, "before", &p->before));
  PQ_TRY(put_version(b, "after", &p->after));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_put_differences(b, items, count));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  c->s.count++;
  return pq_reply_item(c, item);
}

/* One entity. PQ_YIELD: it differs, but the page is full. */
static int take(pq_command *c, pq_slice id, const pair *p) {
  uint64_t limit = c->s.args.given & PQ_OPT_LIMIT ? c->s.args.limit : LIMIT_DEFAULT;
  bool is_there = p->before.id.p != NULL || p->after.id.p != NULL;
  pq_difference *items;
  uint32_t count;
  if (!is_there) return PQ_OK;
  PQ_TRY(pq_document_diff(&c->op.scratch, p->before.data, p->after.data, &items, &count));
  PQ_TRY(add_type(c, p, &items, &count));
  if (count == 0 && c->s.id.n == 0 && (p->before.id.p == NULL) == (p->after.id.p == NULL))
    return PQ_OK;
  if (c->s.id.n == 0 && limit > 0 && c->s.count == limit) {
    c->s.has_more = true;
    return PQ_YIELD;
  }
  c->s.next_cursor = id;
  return reply(c, id, p, items, count);
}

static int finish(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.has_more));
  if (c->s.has_more) PQ_TRY(pq_put_text(c->db->builder, "nextCursor", c->s.next_cursor));
  PQ_TRY(pq_summary_count(c, "fromSeq", c->s.then.view.seq));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_diff_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_slice *ids = c->s.nodes + c->s.node;
  uint32_t left = c->s.node_count - c->s.node, n = left < BLOCK ? left : BLOCK;
  pq_entity *before, *after;
  int rc, rc2;
  PQ_TRY(pq_read_in_time(c));
  if (n == 0) return finish(c);
  rc = read_entities(c, &c->s.then.view, ids, n, &before);
  if (rc < 0) return rc;
  rc2 = read_entities(c, &c->s.snapshot.view, ids, n, &after);
  if (rc2 < 0) return rc2;
  if (rc == PQ_NEED_IO || rc2 == PQ_NEED_IO) return PQ_NEED_IO;
  for (uint32_t i = 0; i < n; i++) {
    rc = take(c, ids[i], &(pair){before[i], after[i]});
    if (rc == PQ_YIELD) return finish(c);
    PQ_TRY(rc);
  }
  c->s.node += n;
  return c->item_count > 0 ? PQ_YIELD : pq_read_again(c);
}

/* The ids are known: go on behind the cursor. */
static int stage_diff_ids(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_slice after = {0};
  if (c->s.args.given & PQ_OPT_CURSOR) (void)pq_value_string(c->s.args.cursor, &after);
  while (c->s.node < c->s.node_count && after.n > 0 &&
         pq_slice_cmp(c->s.nodes[c->s.node], after) <= 0)
    c->s.node++;
  op->stage = stage_diff_read;
  return PQ_OK;
}

static int stage_diff_after(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.to, c->s.args.is_flushed));
  if (c->s.id.n == 0) return pq_changed_begin(c, false, stage_diff_ids);
  c->s.nodes = &c->s.id;
  c->s.node_count = 1;
  op->stage = stage_diff_read;
  return PQ_OK;
}

static int stage_diff(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.then, c->s.space, op, c->s.args.from, c->s.args.is_flushed));
  op->stage = stage_diff_after;
  return PQ_OK;
}

static int check_cursor(pq_command *c) {
  pq_slice text;
  if (!(c->s.args.given & PQ_OPT_CURSOR)) return PQ_OK;
  if (pq_value_type(c->s.args.cursor) == PQ_TYPE_NULL) return PQ_OK;
  if (pq_value_string(c->s.args.cursor, &text) && (text.n == 0 || c->s.id.n == 0)) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "diff: option 'cursor' is the 'nextCursor' of the page before, of a collection");
}

/* An id, or the name of a collection. */
int pq_target_either(pq_command *c, pq_value target) {
  pq_slice text, collection, local;
  if (pq_value_string(target, &text) && text.n > 0 && !pq_id_split(text, &collection, &local))
    return pq_target_collection(c, target);
  return pq_target_id(c, target);
}

int pq_open_diff(pq_command *c, pq_value target) {
  c->s.start = stage_diff;
  PQ_TRY(pq_target_either(c, target));
  if (!c->s.args.from.is_set)
    return pq_fail(c->op.cx, PQ_EINVALID, "diff: option 'from' is missing: the earlier moment");
  return check_cursor(c);
}
