/* cmd/verify_command.c - verify: db/verify.h's problems as items. */
#include "cmd/command_int.h"
#include "db/verify.h"

static int reply_problem(void *ud, const char *key, const char *problem) {
  pq_command *c = ud;
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "file", pq_str(key)));
  PQ_TRY(pq_put_text(b, "problem", pq_str(problem)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int verify_end(pq_command *c) {
  pq_verify_counts n = pq_verify_result(c->s.verify);
  char head[PQ_LINK_CAP];
  uint64_t from;
  pq_verify_head(c->s.verify, head, &from);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "filesChecked", n.files));
  PQ_TRY(pq_summary_count(c, "bytesChecked", n.bytes));
  if (!c->s.args.is_quick) {
    PQ_TRY(pq_summary_count(c, "events", n.events));
    PQ_TRY(pq_summary_count(c, "entities", n.entities));
    PQ_TRY(pq_summary_count(c, "edges", n.edges));
    PQ_TRY(pq_summary_count(c, "links", n.links));
    if (n.links > 0) PQ_TRY(pq_summary_count(c, "chainFrom", from));
    if (n.links > 0) PQ_TRY(pq_put_text(c->db->builder, "head", pq_str(head)));
  }
  PQ_TRY(pq_summary_count(c, "problems", n.problems));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_verify_step(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_end;
  PQ_TRY(pq_verify_step(c->s.verify, op, &is_end));
  if (is_end) return verify_end(c);
  return c->item_count == 0 ? PQ_OK : PQ_YIELD;
}

static int stage_verify(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_verify_options options = {.is_quick = c->s.args.is_quick, .found = reply_problem, .ud = c};
  op->stage = stage_verify_step;
  return pq_verify_new(c->s.space, options, &c->s.verify);
}

int pq_open_verify(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_verify;
  return PQ_OK;
}
