/* cmd/txn_commands.c - begin, commit, abort. What a transaction is: db/txn.h.
 *
 *   {"begin": 1} ─► {"txn": 7} ─► {"insert": …, "txn": 7}, {"find": …, "txn": 7} … ─► {"commit": 7}
 *
 *   commit   did anybody change what it rests on? ─► its events ─► join, send, append
 * (write_turn.c) ▲ others were stored meanwhile ─────────────────────────┘
 *
 * However a commit ends, the transaction has ended with it.
 */
#include "cmd/command_int.h"
#include "db/txn.h"

static int reply(pq_command *c, uint64_t number, uint64_t events, uint64_t seq) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "txn", number));
  if (c->s.spec->open != pq_open_begin) PQ_TRY(pq_summary_count(c, "events", events));
  return pq_summary_end(c, seq);
}

/* ---- begin ---- */

static int stage_begin(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_txn *t;
  int rc;
  PQ_TRY(pq_txn_begin(c->s.space, op->now_us, &t));
  t->owner = c->owner;
  rc = reply(c, t->number, 0, t->seq);
  if (rc != PQ_OK) pq_txn_end(t);
  return rc;
}

int pq_open_begin(pq_command *c, pq_value target) {
  int64_t one;
  if (!pq_value_i64(target, &one) || one != 1)
    return pq_fail(c->op.cx, PQ_EINVALID, "begin: expects 1");
  c->s.start = stage_begin;
  return PQ_OK;
}

/* ---- commit, abort ---- */

static int stage_commit_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return reply(c, c->s.args.txn, c->s.commit.count, c->s.space->seq);
}

static int stage_check(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_space_may_write(c->s.space));
  PQ_TRY(pq_txn_check(c->s.ending, op));
  PQ_TRY(pq_txn_take(c->s.ending, &op->arena, &c->s.commit));
  return pq_write_commit(c, stage_commit_end);
}

static int stage_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_abort = c->s.spec->open == pq_open_abort;
  pq_txn *t;
  PQ_TRY(pq_txn_find(c->s.space, c->s.args.txn, c->owner, op->now_us, &t));
  if (t->user_count > 0)
    return pq_fail(op->cx, PQ_EBUSY, "%s: %u commands are at work in transaction %llu",
                   c->s.spec->name, t->user_count, (unsigned long long)t->number);
  t->is_ending = true;
  c->s.ending = t;
  if (is_abort || t->own.version_count == 0)
    return reply(c, t->number, t->own.version_count, c->s.space->seq);
  c->s.turn = op->stage = stage_check;
  return PQ_OK;
}

const pq_overlay *pq_txn_own(const pq_command *c) {
  return c->s.txn == NULL ? NULL : &c->s.txn->own;
}

void pq_txn_command_failed(pq_command *c) {
  pq_db *db = c->db;
  if (c->s.start != stage_end || c->s.ending != NULL) return;
  for (uint32_t i = 0; i < db->txn_count; i++) {
    pq_txn *t = db->txns[i];
    if (t->number != c->s.args.txn || t->owner != c->owner || t->space != c->s.space ||
        t->user_count > 0)
      continue;
    t->is_ending = true;
    c->s.ending = t; /* and it goes with the command */
    return;
  }
}

static int open_end(pq_command *c, pq_value target) {
  int64_t number;
  if (!pq_value_i64(target, &number) || number < 1)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: expects the number of a transaction, as begin gave",
                   c->s.spec->name);
  c->s.args.txn = (uint64_t)number;
  c->s.start = stage_end;
  return PQ_OK;
}

int pq_open_commit(pq_command *c, pq_value target) {
  return open_end(c, target);
}

int pq_open_abort(pq_command *c, pq_value target) {
  return open_end(c, target);
}
