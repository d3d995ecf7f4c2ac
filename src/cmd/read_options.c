/* cmd/read_options.c - what get, find, count, exists and distinct have in common.
 *
 *   {"find": "posts", "filter": …, "hint": …, "collation": …, "let": …, "maxTimeMs": …, …}
 *        └─ target ─► hint ─► let, collation ─► filter ─► projection ─► populate
 *
 * maxTimeMs is looked at when a stage begins. A stage's time is that of its step, so commands with
 * a limit end the step after each part of their work; the caller's next step brings the new time.
 */
#include "cmd/command_int.h"
#include "db/txn.h"

int pq_read_open(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_collection(c, target));
  return pq_read_language(c);
}

int pq_read_language(pq_command *c) {
  const pq_args *args = &c->s.args;
  bool is_natural; /* a filter that names an id is answered by the page index either way */
  PQ_TRY(pq_parse_hint(c, args->hint, &is_natural));
  PQ_TRY(pq_env_open(c, args, &c->arena));
  c->s.eval = pq_arena_alloc(&c->arena, sizeof *c->s.eval);
  if (c->s.eval == NULL) return c->op.cx->code;
  pq_env_eval(c, c->s.eval);
  PQ_TRY(pq_filter_parse(&c->arena, c->s.env, args->filter, &c->s.filter));
  PQ_TRY(pq_projection_parse(&c->arena, c->s.env, args->project, &c->s.projection));
  return pq_populate_open(c);
}

/* The files of a plan that is to say what a cold read costs are kept apart. */
static pq_file_cache *files_of(const pq_command *c) {
  bool is_apart = c->s.forecast.is_planning && c->plan_files != NULL;
  return is_apart ? c->plan_files : &c->s.space->files;
}

/* In a transaction: its instant, and above it what it did (db/txn.h). */
int pq_read_snapshot(pq_command *c) {
  const pq_txn *t = c->s.txn;
  pq_as_of as_of = c->s.args.as_of;
  if (t != NULL) as_of = (pq_as_of){.is_set = true, .is_seq = true, .seq = t->seq, .name = "txn"};
  PQ_TRY(pq_snapshot_open_on(&c->s.snapshot, c->s.space, files_of(c), &c->op, as_of,
                             c->s.args.is_flushed));
  if (t == NULL) return PQ_OK;
  c->s.snapshot.view.own = &t->own;
  c->s.snapshot.view.own_seq = pq_txn_last(t);
  return PQ_OK;
}

int pq_read_graph(pq_command *c, pq_direction directions) {
  if (c->s.graph != NULL) return PQ_OK;
  return pq_graph_open(c->s.space->graphs, &c->s.snapshot.view, directions, &c->op.fetch,
                       &c->op.scratch, &c->s.graph);
}

int pq_read_point_snapshot(pq_command *c) {
  if (c->s.populate != NULL || c->s.txn != NULL) return pq_read_snapshot(c);
  return pq_snapshot_open_point(&c->s.snapshot, c->s.space, files_of(c), &c->op, c->s.args.as_of,
                                c->s.args.is_flushed);
}

int pq_read_events_snapshot(pq_command *c) {
  if (c->s.populate != NULL || c->s.txn != NULL) return pq_read_snapshot(c);
  return pq_snapshot_open_events(&c->s.snapshot, c->s.space, &c->op, c->s.args.as_of,
                                 c->s.args.is_flushed);
}

int pq_read_rows_of(pq_command *c, pq_view *v) {
  *v = c->s.snapshot.view;
  return pq_view_load(v, &c->op.fetch, &c->op.scratch, &c->op.scratch);
}

/* What a budget counts is asked for once. */
pq_scan_windows *pq_read_windows(pq_command *c) {
  return c->s.explain.has_budget ? NULL : &c->db->windows;
}

void pq_read_scan(pq_command *c, const pq_filter *filter) {
  pq_scan_release(&c->s.scan);
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, filter);
  c->s.scan.eval = c->s.eval;
  c->s.scan.includes_deleted = c->s.args.includes_deleted;
  c->s.scan.is_plain = c->s.args.is_plain;
  c->s.scan.shows_key = c->s.args.shows_key;
  c->s.scan.windows = pq_read_windows(c);
}

int pq_read_in_time(pq_command *c) {
  uint64_t max = c->s.args.max_time_ms;
  int64_t now = c->op.now_us, start = c->s.started_us; /* a clock may be set back */
  if (max == 0 || now < start || (uint64_t)(now - start) / 1000 < max) return PQ_OK;
  return pq_fail(c->op.cx, PQ_ETIMEOUT, "%s: it took more than %llu ms", c->s.spec->name,
                 (unsigned long long)max);
}

int pq_read_again(const pq_command *c) {
  return c->s.args.max_time_ms > 0 ? PQ_YIELD : PQ_OK;
}

void pq_read_drop(pq_command *c) {
  c->items = NULL;
  c->item_count = c->item_cap = c->item_next = 0;
}

int pq_read_end(pq_command *c, pq_stage_fn end) {
  c->op.stage = end;
  if (!c->s.args.is_explain) return PQ_OK;
  pq_read_drop(c);
  return PQ_YIELD;
}

int pq_count_sink(void *ud, const pq_entity *entity, uint64_t count) {
  (void)entity;
  *(uint64_t *)ud += count;
  return PQ_OK;
}
