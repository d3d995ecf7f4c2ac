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

/* "kinds": what was looked at, a line for each kind that there is. */
static int put_kinds(pq_command *c, const pq_verify_kind *kinds) {
  static const char *const names[PQ_VERIFY_KINDS] = {
      NULL,     "data",       "forward",   "reverse", "deletes",
      "events", "eventIndex", "adjacency", "entry",   "checkpoint"};
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "kinds"));
  PQ_TRY(pq_builder_begin_array(b));
  for (int k = 1; k < PQ_VERIFY_KINDS; k++) {
    if (kinds[k].files == 0) continue;
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_text(b, "kind", pq_str(names[k])));
    PQ_TRY(pq_put_count(b, "files", kinds[k].files));
    if (!c->s.args.is_quick) PQ_TRY(pq_put_count(b, "pages", kinds[k].pages));
    PQ_TRY(pq_put_count(b, "bytes", kinds[k].bytes));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

static pq_verify_kind sum_of(const pq_verify_kind *kinds) {
  pq_verify_kind sum = {0};
  for (int k = 1; k < PQ_VERIFY_KINDS; k++) {
    sum.files += kinds[k].files;
    sum.pages += kinds[k].pages;
    sum.bytes += kinds[k].bytes;
  }
  return sum;
}

static int verify_end(pq_command *c) {
  pq_verify_counts n = pq_verify_result(c->s.verify);
  pq_verify_kind sum = sum_of(n.kinds);
  char head[PQ_LINK_CAP];
  uint64_t from;
  pq_verify_head(c->s.verify, head, &from);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "filesChecked", sum.files));
  PQ_TRY(pq_summary_count(c, "bytesChecked", sum.bytes));
  PQ_TRY(put_kinds(c, n.kinds));
  if (!c->s.args.is_quick) {
    PQ_TRY(pq_summary_count(c, "pages", sum.pages));
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
