/* cmd/explain_plan.c - the stages of planning and the budget. See explain_plan.h.
 *
 *   begin ─► step: scan, look-up, edges, bound ─► its cost ─► next step … ─► more steps? ─► end
 */
#include <string.h>

#include "cmd/command_int.h"
#include "table/read_bound.h"

/* ---- costs ---- */

/* Without temporary objects, which are no part of the warehouse. */
static pq_cost cost_now(const pq_command *c) {
  const pq_fetch *f = &c->op.fetch;
  return (pq_cost){.requests = f->stat_requests - f->stat_aside_requests,
                   .bytes = f->stat_bytes - f->stat_aside_bytes,
                   .rounds = c->op.rounds - c->aside_rounds,
                   .listings = f->stat_kinds[PQ_IO_LIST],
                   .hot = f->stat_kinds[PQ_IO_HOT],
                   .hot_bytes = f->stat_hot_bytes};
}

static pq_cost noted_now(const pq_command *c) {
  const pq_fetch *f = &c->op.fetch;
  return (pq_cost){
      .requests = f->noted_requests, .bytes = f->noted_bytes, .rounds = f->noted_rounds};
}

static pq_cost kept_now(const pq_command *c) {
  return (pq_cost){.requests = c->op.fetch.kept_requests, .bytes = c->op.fetch.kept_bytes};
}

static pq_cost minus(pq_cost a, pq_cost b) {
  return (pq_cost){a.requests - b.requests, a.bytes - b.bytes, a.rounds - b.rounds,
                   a.listings - b.listings, a.hot - b.hot,     a.hot_bytes - b.hot_bytes};
}

static pq_cost plus(pq_cost a, pq_cost b) {
  return (pq_cost){pq_count_add(a.requests, b.requests),
                   pq_count_add(a.bytes, b.bytes),
                   pq_count_add(a.rounds, b.rounds),
                   a.listings + b.listings,
                   a.hot + b.hot,
                   a.hot_bytes + b.hot_bytes};
}

static pq_cost times(pq_cost a, uint64_t n) {
  return (pq_cost){.requests = pq_count_mul(a.requests, n),
                   .bytes = pq_count_mul(a.bytes, n),
                   .rounds = pq_count_mul(a.rounds, n)};
}

pq_cost pq_explain_predicted(const pq_forecast *f) {
  return plus(plus(f->load, f->planning), f->execution);
}

pq_cost pq_explain_actual(const pq_command *c) {
  return c->s.forecast.is_there ? minus(cost_now(c), c->s.forecast.planning) : cost_now(c);
}

/* ---- the budget ---- */

static int refuse(pq_command *c, const char *what, uint64_t may, uint64_t allowed) {
  const pq_forecast *f = &c->s.forecast;
  if (may == UINT64_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT,
                   "%s: nobody can say how many %s it takes, the budget allows %llu: %s",
                   c->s.spec->name, what, (unsigned long long)allowed, f->why);
  return pq_fail(c->op.cx, PQ_ELIMIT,
                 "%s: it %s %llu %s, the budget allows %llu: nothing was read but metadata",
                 c->s.spec->name, f->is_upper ? "may take" : "takes", (unsigned long long)may, what,
                 (unsigned long long)allowed);
}

static int check_budget(pq_command *c, pq_cost all) {
  const pq_explain_args *e = &c->s.explain;
  if (all.requests > e->requests_max) return refuse(c, "requests", all.requests, e->requests_max);
  return all.bytes > e->bytes_max ? refuse(c, "bytes", all.bytes, e->bytes_max) : PQ_OK;
}

int pq_budget_check(pq_command *c) {
  const pq_explain_args *e = &c->s.explain;
  pq_cost cost = cost_now(c);
  const char *what = cost.requests > e->requests_max ? "requests" : "bytes";
  if (!e->has_budget || e->is_plan) return PQ_OK;
  if (cost.requests <= e->requests_max && cost.bytes <= e->bytes_max) return PQ_OK;
  return pq_fail(c->op.cx, PQ_ELIMIT, "%s: the %s of the budget are used up%s", c->s.spec->name,
                 what, c->s.forecast.is_there ? "" : " by planning alone");
}

/* ---- the sum ---- */

/* The first step that is not exact tells why. */
static void add_step(pq_forecast *f, const pq_plan_step *s) {
  bool is_worse = s->is_unbounded && !f->is_unbounded;
  f->execution = plus(f->execution, s->execution);
  if (is_worse || (s->is_upper && f->why == NULL)) f->why = s->why;
  f->is_upper |= s->is_upper || s->is_unbounded;
  f->is_unbounded |= s->is_unbounded;
}

/* The forecast is there: tell it, refuse, or begin the command. */
static int plan_end(pq_command *c) {
  pq_forecast *f = &c->s.forecast;
  pq_cost all, kept = kept_now(c);
  f->planning = minus(cost_now(c), f->load);
  f->again = minus(f->planning, kept);
  for (uint32_t i = 0; i < f->step_count; i++)
    add_step(f, &f->steps[i]);
  f->is_planning = false;
  f->is_there = true;
  all = pq_explain_predicted(f);
  if (c->s.explain.is_plan)
    return pq_explain_reply_plan(
        c, all.requests <= c->s.explain.requests_max && all.bytes <= c->s.explain.bytes_max);
  if (c->s.explain.has_budget) PQ_TRY(check_budget(c, plus(all, f->again)));
  pq_pipeline_run_free(c);
  pq_snapshot_close(&c->s.snapshot);
  c->op.stage = c->s.start;
  return PQ_OK;
}

/* ---- a step ---- */

static int stage_plan_step(pq_op *op);

/* Steps with no more to do are followed by those that their answers bring. */
static int next_step(pq_command *c) {
  pq_forecast *f = &c->s.forecast;
  bool has_more = true;
  pq_plan_step *s;
  while (f->step == f->step_count && has_more)
    PQ_TRY(pq_plan_more_steps(c, &has_more));
  if (f->step == f->step_count) return plan_end(c);
  s = &f->steps[f->step];
  if (s->kind == PQ_STEP_SCAN)
    PQ_TRY(pq_scan_cost_init(&s->plan, &s->scan, s->enough, &c->op.arena));
  f->begun = cost_now(c);
  f->noted = noted_now(c);
  f->kept = kept_now(c);
  c->op.stage = stage_plan_step;
  return pq_read_again(c);
}

/* `more` runs beyond the first, of which footers stay. */
static void end_step(pq_command *c, pq_plan_step *s, pq_cost execution, uint64_t more) {
  pq_forecast *f = &c->s.forecast;
  pq_cost run;
  s->planning = minus(cost_now(c), f->begun);
  s->kept = minus(kept_now(c), f->kept);
  run = plus(execution, minus(s->planning, s->kept));
  s->execution = plus(execution, times(run, more));
  s->is_unbounded |= s->execution.requests == UINT64_MAX || s->execution.bytes == UINT64_MAX;
  s->is_upper |= s->is_unbounded;
  f->step++;
}

/* Would documents of the collection fill the memory of a pipeline's stage? Then it reads more
 * often. */
static void choose_times(pq_command *c, pq_plan_step *s, const pq_read_bound *b) {
  uint64_t len = pq_count_add(b->decoded, pq_tail_len(c, s->collection));
  if (len > c->op.cx->limits.sort_len_max)
    s->times = s->times_full;
  else
    s->times_full = s->times;
}

/* A scan opens the footers one after the other: they are looked at when that is planned. */
static int check_memory(pq_command *c, pq_plan_step *s) {
  pq_bound_query q = {.kind = PQ_FILE_DATA, .collection = s->collection, .is_scan = true};
  pq_read_bound b;
  if (s->times == s->times_full) return PQ_OK;
  PQ_TRY(pq_view_read_bound(&c->s.snapshot.view, &c->op.fetch, &q, &b));
  choose_times(c, s, &b);
  return PQ_OK;
}

static int plan_scan(pq_command *c, pq_plan_step *s) {
  pq_cost noted;
  uint64_t runs;
  if (s->times == 0) PQ_TRY(check_memory(c, s));
  if (s->times > 0) {
    if (!s->scan.is_done)
      PQ_TRY(pq_scan_cost_next(&s->plan, &s->scan, &c->op.fetch, &c->op.scratch));
    if (!s->scan.is_done) return PQ_OK;
  }
  PQ_TRY(check_memory(c, s));
  if (s->plan.is_point) s->point = s->plan.point;
  s->rows_min = s->plan.rows_min;
  s->rows_max = s->plan.rows_max;
  s->is_upper = s->times > 0 && (s->plan.is_upper || !s->is_certain || s->times > 1);
  if (s->plan.is_upper || s->why == NULL) s->why = s->plan.why;
  noted = minus(noted_now(c), c->s.forecast.noted);
  runs = pq_count_mul(s->times, s->plan.times == 0 ? 1 : s->plan.times);
  end_step(c, s, noted, runs == 0 ? 0 : runs - 1);
  return PQ_OK;
}

static int plan_get(pq_command *c, pq_plan_step *s) {
  pq_point_plan point;
  pq_point_file *files;
  int rc;
  c->op.fetch.is_plan = true;
  rc = pq_view_point_cost(&c->s.snapshot.view, &c->op.fetch, &c->op.scratch, &s->id, 1, s->want,
                          &point);
  c->op.fetch.is_plan = false;
  PQ_TRY(rc);
  files = pq_arena_calloc(&c->op.arena, (size_t)point.file_count + 1, sizeof *files);
  if (files == NULL) return c->op.cx->code;
  if (point.file_count > 0) memcpy(files, point.files, point.file_count * sizeof *files);
  s->point = point;
  s->point.files = files;
  s->is_upper = point.is_upper;
  s->why = "only its page of $id tells where the entity is, and whether";
  s->rows_max = point.is_in_tail || point.is_upper;
  end_step(c, s, minus(noted_now(c), c->s.forecast.noted), 0);
  return PQ_OK;
}

static int plan_edges(pq_command *c, pq_plan_step *s) {
  const pq_view *v = &c->s.snapshot.view;
  s->is_whole = true;
  if (s->is_part)
    PQ_TRY(
        pq_edges_part_cost(v, &c->op.fetch, &c->op.scratch, &s->edges, &s->rows_max, &s->is_whole));
  else
    PQ_TRY(pq_edges_cost(v, &c->op.fetch, &c->op.scratch, &s->edges, &s->rows_max));
  end_step(c, s, minus(noted_now(c), c->s.forecast.noted), s->times - 1);
  s->is_upper = !s->is_certain;
  return PQ_OK;
}

static int plan_graph(pq_command *c, pq_plan_step *s) {
  const pq_view *v = &c->s.snapshot.view;
  uint64_t doubts = 0;
  if (c->s.forecast.is_cold || !pq_graph_is_warm(c->s.space->graphs, v))
    PQ_TRY(pq_graph_cost(v, &c->op.fetch, &c->op.scratch, &s->rows_max, &doubts));
  s->ids = doubts;
  end_step(c, s, minus(noted_now(c), c->s.forecast.noted), 0);
  return PQ_OK;
}

/* Rounds are never more than requests. */
static pq_cost cost_of(pq_bound b, uint64_t rounds) {
  return (pq_cost){b.requests, b.bytes, rounds < b.requests ? rounds : b.requests, 0, 0, 0};
}

enum { IDS_AT_ONCE = 1024, ROUNDS_OF_IDS = 80 };

static pq_cost cost_of_ids(const pq_plan_step *s, const pq_read_bound *b) {
  uint64_t turns = pq_count_add(s->times, s->ids == UINT64_MAX ? s->ids : s->ids / IDS_AT_ONCE);
  pq_bound bound = s->is_in_order ? pq_bound_of_ids_in_order(b, s->ids, turns)
                                  : pq_bound_of_ids(b, s->ids, turns);
  if (b->file_count == 0 || s->times == 0) return (pq_cost){0};
  return cost_of(bound, pq_count_mul(turns, ROUNDS_OF_IDS));
}

/* A page is full when so many are live: beyond them only the dead are looked at. */
static void cut_ids(const pq_command *c, pq_plan_step *s, const pq_read_bound *b) {
  uint64_t dead = pq_count_add(b->dead, pq_tail_dead(c));
  uint64_t most = pq_count_add(s->page, dead);
  if (s->page == 0) return;
  if (most < s->ids && !c->s.snapshot.view.manifest->is_loose) s->ids = most;
  s->times = pq_count_add(s->times, s->ids / s->page);
  s->page = 0;
}

static pq_cost cost_of_all(const pq_read_bound *b, uint64_t turns) {
  pq_bound all = {pq_count_mul(b->all.requests, turns), pq_count_mul(b->all.bytes, turns)};
  return cost_of(all, pq_count_mul(b->rounds, turns));
}

/* Look-ups by values: scans of the collection, look-ups of ids, or one or the other. */
static int bound_join(pq_command *c, pq_plan_step *s, pq_cost *sum) {
  pq_bound_query q = {
      .kind = PQ_FILE_DATA, .collection = s->collection, .want = PQ_WANT_ALL, .is_scan = true};
  const pq_view *v = &c->s.snapshot.view;
  pq_read_bound b;
  PQ_TRY(pq_view_read_bound(v, &c->op.fetch, &q, &b));
  choose_times(c, s, &b);
  /* What documents of the collection hold may be looked up next. */
  if (s->ids == UINT64_MAX)
    s->ids = pq_count_mul(s->times, pq_count_add(b.decoded / (s->collection.n + 3), 1));
  if (!s->is_by_id) *sum = cost_of_all(&b, s->times);
  if (!s->is_by_id && !s->is_by_key) return PQ_OK;
  q.is_scan = false;
  PQ_TRY(pq_view_read_bound(v, &c->op.fetch, &q, &b));
  *sum = plus(*sum, cost_of_ids(s, &b));
  return PQ_OK;
}

static int plan_bound(pq_command *c, pq_plan_step *s) {
  pq_bound_query q = {.kind = PQ_FILE_DATA, .collection = s->collection, .want = s->want};
  pq_cost sum = {0};
  pq_read_bound b = {0};
  if (s->kind == PQ_STEP_JOIN) {
    PQ_TRY(bound_join(c, s, &sum));
  } else {
    if (s->kind == PQ_STEP_SOME_EDGES)
      q.kind = s->edges.is_reverse ? PQ_FILE_REVERSE : PQ_FILE_FORWARD;
    if (s->kind == PQ_STEP_SOME_EDGES && s->want > 0) q.gap = PQ_GRAPH_EDGES_GAP;
    PQ_TRY(pq_view_read_bound(&c->s.snapshot.view, &c->op.fetch, &q, &b));
    if (s->kind == PQ_STEP_SOME_EDGES) sum = cost_of_all(&b, s->times);
    if (s->kind == PQ_STEP_SOME_IDS) {
      cut_ids(c, s, &b);
      sum = cost_of_ids(s, &b);
    }
  }
  s->rows_max = b.rows;
  s->is_upper = sum.requests > 0;
  end_step(c, s, sum, 0);
  return PQ_OK;
}

static int stage_plan_step(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_forecast *f = &c->s.forecast;
  pq_plan_step *s = &f->steps[f->step];
  uint32_t step = f->step;
  PQ_TRY(pq_read_in_time(c));
  switch (s->kind) {
    case PQ_STEP_SCAN: PQ_TRY(plan_scan(c, s)); break;
    case PQ_STEP_GET: PQ_TRY(plan_get(c, s)); break;
    case PQ_STEP_EDGES: PQ_TRY(plan_edges(c, s)); break;
    case PQ_STEP_GRAPH: PQ_TRY(plan_graph(c, s)); break;
    default: PQ_TRY(plan_bound(c, s)); break;
  }
  return f->step == step ? pq_read_again(c) : next_step(c);
}

/* ---- the beginning ---- */

/* The command's own first stage opens the snapshot and makes what the steps are about. */
static int stage_plan_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_forecast *f = &c->s.forecast;
  PQ_TRY(c->s.start(op));
  if (c->s.snapshot.past == NULL) { /* delete files: their positions stay */
    op->fetch.kept_requests = op->fetch.stat_requests - f->load.requests;
    op->fetch.kept_bytes = op->fetch.stat_bytes - f->load.bytes;
  }
  return next_step(c);
}

int pq_stage_plan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_explain_args *e = &c->s.explain;
  bool is_warm = e->is_warm || (e->has_budget && !e->is_plan);
  c->s.forecast = (pq_forecast){.is_planning = true, .is_cold = !is_warm, .load = cost_now(c)};
  op->stage = stage_plan_open;
  if (is_warm) return PQ_OK;
  c->plan_files = pq_alloc(op->cx, NULL, 0, sizeof *c->plan_files);
  if (c->plan_files == NULL) return pq_fail_nomem(op->cx);
  pq_file_cache_init(c->plan_files, op->cx, c->s.space->ns);
  return PQ_OK;
}

void pq_plan_free(pq_command *c) {
  if (c->plan_files == NULL) return;
  pq_file_cache_release(c->plan_files);
  pq_alloc(c->db->cx, c->plan_files, sizeof *c->plan_files, 0);
  c->plan_files = NULL;
}
