/* cmd/aggregate_command.c - a pipeline over a collection: scan, push, finish. See
 * query/aggregate.h.
 */
#include "cmd/command_int.h"

/* A document out of the pipeline. */
static int reply_document(void *ud, pq_value doc) {
  pq_command *c = ud;
  pq_builder *b = c->db->builder;
  c->s.count++;
  if (c->s.args.is_explain) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_value(b, doc));
  PQ_TRY(pq_builder_finish(b, &c->replies, &doc));
  return pq_reply_item(c, doc);
}

/* An entity into it, merged. */
static int push_entity(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  pq_builder *b = c->db->builder;
  pq_value doc;
  if (pq_pipeline_is_count(c->s.pipeline)) {
    pq_pipeline_push_count(c->s.pipeline, count);
    return PQ_OK;
  }
  pq_builder_clear(b);
  PQ_TRY(pq_entity_merge(b, &c->op.scratch, e));
  PQ_TRY(pq_builder_finish(b, &c->op.scratch, &doc));
  return pq_pipeline_push(c->s.pipeline, doc);
}

static int stage_aggregate_finish(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_pipeline_finish(c->s.pipeline));
  if (c->s.args.is_explain) PQ_TRY(pq_explain_scan(c));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_aggregate_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, push_entity, c));
  if (c->s.scan.is_done) op->stage = stage_aggregate_finish;
  return c->item_count > 0 ? PQ_YIELD : PQ_OK;
}

static int stage_aggregate(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_eval eval = {
      .cx = op->cx, .arena = &op->scratch, .builder = c->db->builder, .now_us = op->now_us};
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, c->s.filter);
  c->s.scan.includes_deleted = c->s.args.includes_deleted;
  c->s.scan.is_count = pq_pipeline_is_count(c->s.pipeline);
  pq_pipeline_begin(c->s.pipeline, eval, &op->arena, reply_document, c);
  op->stage = stage_aggregate_scan;
  return PQ_OK;
}

int pq_open_aggregate(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_collection(c, target));
  if (!(c->s.args.given & PQ_OPT_PIPELINE))
    return pq_fail(c->op.cx, PQ_EINVALID, "aggregate: option 'pipeline' is missing");
  c->s.start = stage_aggregate;
  PQ_TRY(pq_pipeline_parse(&c->arena, NULL, c->s.args.pipeline, &c->s.pipeline));
  c->s.filter = pq_pipeline_take_filter(c->s.pipeline);
  return c->s.filter != NULL ? PQ_OK
                             : pq_filter_parse(&c->arena, NULL, (pq_value){0}, &c->s.filter);
}
