/* cmd/aggregate_command.c - a pipeline over a collection, pulled batch by batch: each is given out
 * before the next is pulled. See query/flow.h.
 *
 *   open snapshot ─► pull ─► items (yield) ─► pull ─► … ─► end ─► [$out, $merge: pipeline_write.c]
 *                     ▲ PQ_NEED_IO                                       └─► temporary objects
 *                                                                            dropped ─► summary
 *   fails, or is closed early ─► pq_command_abandon: temporary objects dropped
 */
#include <string.h>

#include "cmd/derived.h"
#include "cmd/pipeline_run.h"

static const char *const system_names[] = {"$id",       "$type",     "name",      "createdAt",
                                           "createdBy", "updatedAt", "updatedBy", "version",
                                           "deletedAt", "deletedBy", NULL};

enum { PORTION = 500 }; /* documents are given out, and copied for that, so many at a time */

/* ---- life ---- */

void pq_pipeline_run_free(pq_command *c) {
  struct pq_pipeline_run *r = c->s.run;
  if (r == NULL) return;
  pq_operator_free(r->root, &r->flow);
  pq_spill_free(r->spill);
  pq_arena_release(&r->arena);
  pq_alloc(c->db->cx, r, sizeof *r, 0);
  c->s.run = NULL;
}

int pq_pipeline_run_abandon(pq_command *c) {
  struct pq_pipeline_run *r = c->s.run;
  if (r->spill == NULL || !pq_spill_is_used(r->spill)) return PQ_OK;
  if (!r->is_abandoned) {
    pq_fetch_clear(&c->op.fetch); /* requests nobody took, with bodies that the runs hold */
    pq_operator_free(r->root, &r->flow);
    r->root = NULL;
    r->is_abandoned = true;
  }
  return pq_spill_drop(r->spill, &c->op.fetch);
}

/* Documents to be stored come without system fields, but for $id and those that
 * a stage names. */
static int choose_system(pq_command *c, struct pq_pipeline_run *r) {
  if (pq_pipeline_write(c->s.pipeline)->kind == PQ_PIPE_NONE) return PQ_OK;
  (void)pq_pipeline_take_filter(c->s.pipeline); /* a scan knows the system fields by itself */
  r->views.system = 1;
  for (uint32_t i = 1; system_names[i] != NULL; i++)
    if (pq_pipeline_mentions(c->s.pipeline, &c->arena, pq_str(system_names[i])))
      r->views.system |= 1u << i;
  return PQ_OK;
}

static int run_new(pq_command *c, struct pq_pipeline_run **out) {
  struct pq_pipeline_run *r = pq_alloc(c->op.cx, NULL, 0, sizeof *r);
  uint8_t random[10];
  *out = r;
  if (r == NULL) return pq_fail_nomem(c->op.cx);
  *r = (struct pq_pipeline_run){0};
  pq_arena_init(&r->arena, c->op.cx, c->op.cx->limits.op_len_max);
  c->s.run = r;
  r->views = (pq_view_store){.view = &c->s.snapshot.view,
                             .includes_deleted = c->s.args.includes_deleted,
                             .is_plain = c->s.args.is_plain,
                             .shows_key = c->s.args.shows_key,
                             .merger = c->db->merger,
                             .windows = pq_read_windows(c)};
  r->store = (pq_store){&r->views, pq_view_open};
  pq_db_random(c->db, random);
  if (!(c->s.args.given & PQ_OPT_ALLOW_DISK_USE) || c->s.args.allows_disk_use)
    PQ_TRY(pq_spill_new(c->op.cx, pq_rd64(random), &r->spill));
  r->flow = (pq_flow){.cx = c->op.cx,
                      .fetch = &c->op.fetch,
                      .store = &r->store,
                      .spill = r->spill,
                      .is_paced = true};
  pq_env_eval(c, &r->flow.eval);
  return choose_system(c, r);
}

/* ---- stages ---- */

static int stage_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_pipe_write *w = pq_pipeline_write(c->s.pipeline);
  if (c->s.run->spill != NULL) PQ_TRY(pq_spill_drop(c->s.run->spill, &op->fetch));
  if (c->s.args.is_explain) {
    c->s.scan.stats = c->s.run->views.stats;
    PQ_TRY(pq_explain_scan(c, &c->s.scan.stats));
  }
  if (c->s.derived != NULL && c->s.derived->end != NULL) return c->s.derived->end(c);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  if (w->kind != PQ_PIPE_NONE && !c->s.args.is_explain) {
    PQ_TRY(pq_summary_count(c, "insertedCount", c->s.outcome.inserted));
    PQ_TRY(pq_summary_count(c, "modifiedCount", c->s.outcome.modified));
    PQ_TRY(pq_summary_count(c, "deletedCount", c->s.outcome.deleted));
    return pq_summary_end(c, c->s.space->seq);
  }
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int all_came(pq_command *c) {
  struct pq_pipeline_run *r = c->s.run;
  pq_operator_free(r->root, &r->flow);
  r->root = NULL;
  c->op.stage = stage_end;
  if (pq_pipeline_write(c->s.pipeline)->kind == PQ_PIPE_NONE || c->s.args.is_explain) return PQ_OK;
  return pq_pipe_write_begin(c, stage_end);
}

/* A document that came out: an item, one to write, or just counted. */
static int give_out(pq_command *c, pq_value doc) {
  if (c->s.derived != NULL && c->s.derived->give != NULL) return c->s.derived->give(c, doc);
  c->s.count++;
  if (c->s.args.is_explain) return PQ_OK;
  if (pq_pipeline_write(c->s.pipeline)->kind != PQ_PIPE_NONE) {
    c->s.count--;
    return pq_pipe_write_add(c, doc);
  }
  PQ_TRY(pq_value_copy(&c->replies, doc, &doc));
  return pq_reply_item(c, doc);
}

static int stage_pull(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_pipeline_run *r = c->s.run;
  uint64_t count;
  PQ_TRY(pq_read_in_time(c));
  if (r->at == r->batch.count) {
    r->at = 0;
    PQ_TRY(pq_operator_next(r->root, &r->flow, &r->batch)); /* empty while it waits */
    if (r->batch.count == 0) return all_came(c);
  }
  count = r->batch.count - r->at;
  if (count > PORTION) count = PORTION;
  if (c->s.args.batch_size > 0 && c->s.args.batch_size < count) count = c->s.args.batch_size;
  for (; count > 0; count--)
    PQ_TRY(give_out(c, r->batch.docs[r->at++]));
  return PQ_YIELD; /* the caller takes the items; it has the clock, too */
}

static int check_namespace(const pq_command *c) {
  pq_slice db = pq_pipeline_write(c->s.pipeline)->db;
  if (db.n == 0 || pq_slice_is(db, c->s.space->ns)) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                 "aggregate: '%.*s' is another namespace than '%s': a pipeline writes to its own",
                 (int)(db.n > 60 ? 60 : db.n), (const char *)db.p, c->s.space->ns);
}

static int begin(pq_command *c) {
  struct pq_pipeline_run *r;
  PQ_TRY(run_new(c, &r));
  r->flow.graph = c->s.graph;
  PQ_TRY(pq_pipe_match_check(c));
  PQ_TRY(pq_flow_open_on(&r->flow, c->s.pipeline, c->s.collection, &r->root));
  c->op.stage = stage_pull;
  return PQ_OK;
}

static int stage_graph(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_read_graph(c, (pq_direction)pq_pipeline_directions(c->s.pipeline)));
  return begin(c);
}

int pq_pipeline_begin(pq_command *c) {
  if (pq_pipeline_directions(c->s.pipeline) == 0) return begin(c);
  c->op.stage = stage_graph;
  return PQ_OK;
}

static int stage_aggregate(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(check_namespace(c));
  PQ_TRY(pq_read_snapshot(c));
  PQ_TRY(pq_derived_pipeline(c));
  return pq_pipeline_begin(c);
}

/* ---- open ---- */

/* A collection, or 1 for a pipeline that begins with $documents. */
static int take_target(pq_command *c, pq_value target) {
  int64_t one;
  bool has_documents = pq_pipeline_has_documents(c->s.pipeline);
  if (pq_value_i64(target, &one) && one == 1) {
    if (has_documents) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "aggregate: without a collection the pipeline begins with "
                   "'$documents'");
  }
  if (has_documents)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "aggregate: '$documents' needs no collection: {\"aggregate\": 1}");
  return pq_target_collection(c, target);
}

int pq_open_aggregate(pq_command *c, pq_value target) {
  const pq_pipe_write *w;
  bool is_natural;
  if (!(c->s.args.given & PQ_OPT_PIPELINE))
    return pq_fail(c->op.cx, PQ_EINVALID, "aggregate: option 'pipeline' is missing");
  PQ_TRY(pq_parse_hint(c, c->s.args.hint, &is_natural));
  PQ_TRY(pq_env_open(c, &c->s.args, &c->arena));
  PQ_TRY(pq_pipeline_parse(&c->arena, c->s.env, c->s.args.pipeline, &c->s.pipeline));
  PQ_TRY(take_target(c, target));
  c->s.start = stage_aggregate;
  if (pq_pipeline_directions(c->s.pipeline) != 0 &&
      (c->s.explain.is_plan || c->s.explain.has_budget))
    return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                   "aggregate: what a $graphLookup over edges will cost is not told beforehand: "
                   "without 'budget', and 'explain' true or false");
  w = pq_pipeline_write(c->s.pipeline);
  if (w->kind != PQ_PIPE_NONE) {
    PQ_TRY(pq_check_collection(c->op.cx, w->into));
    if (c->s.args.as_of.is_set || c->s.args.is_flushed)
      return pq_fail(c->op.cx, PQ_EINVALID,
                     "aggregate: a pipeline that writes reads the present, not "
                     "'asOf' or 'flushed'");
    if (c->s.explain.has_budget && !c->s.args.is_explain)
      return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                     "aggregate: option 'budget' for a pipeline that writes: what its commit takes "
                     "is not told");
    /* It holds the write slot from before its snapshot on: nothing changes until its commit. */
    c->s.needs_slot = !c->s.args.is_explain;
  }
  return PQ_OK;
}
