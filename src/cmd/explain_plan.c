/* cmd/explain_plan.c - the stages of planning, the budget, and the reply to "plan". See
 * explain_plan.h.
 */
#include "cmd/command_int.h"

/* ---- costs ---- */

static pq_cost cost_now(const pq_command *c) {
  const pq_fetch *f = &c->op.fetch;
  return (pq_cost){.requests = f->stat_requests,
                   .bytes = f->stat_bytes,
                   .rounds = c->op.rounds,
                   .listings = f->stat_kinds[PQ_IO_LIST],
                   .hot = f->stat_kinds[PQ_IO_HOT],
                   .hot_bytes = f->stat_hot_bytes};
}

static pq_cost minus(pq_cost a, pq_cost b) {
  return (pq_cost){a.requests - b.requests, a.bytes - b.bytes, a.rounds - b.rounds,
                   a.listings - b.listings, a.hot - b.hot,     a.hot_bytes - b.hot_bytes};
}

static pq_cost plus(pq_cost a, pq_cost b) {
  return (pq_cost){a.requests + b.requests, a.bytes + b.bytes, a.rounds + b.rounds,
                   a.listings + b.listings, a.hot + b.hot,     a.hot_bytes + b.hot_bytes};
}

static pq_cost predicted(const pq_forecast *f) {
  return plus(plus(f->load, f->planning), f->execution);
}

pq_cost pq_explain_actual(const pq_command *c) {
  return c->s.forecast.is_there ? minus(cost_now(c), c->s.forecast.planning) : cost_now(c);
}

/* ---- what can be planned ---- */

pq_plan_kind_of pq_plan_kind(const pq_command *c) {
  if (c->s.spec->open == pq_open_get || (c->s.spec->open == pq_open_exists && c->s.id.n > 0))
    return PQ_PLAN_POINT;
  if (c->s.spec->open == pq_open_find || c->s.spec->open == pq_open_find_one ||
      c->s.spec->open == pq_open_count || c->s.spec->open == pq_open_exists ||
      c->s.spec->open == pq_open_distinct)
    return PQ_PLAN_SCAN;
  return PQ_PLAN_NONE;
}

/* How many rows the command's sink takes. 0: all. */
static uint64_t enough_of(const pq_command *c) {
  const pq_collector *k = &c->s.collector;
  uint64_t n;
  if (c->s.spec->open == pq_open_exists) return 1;
  if (c->s.spec->open == pq_open_distinct || c->s.args.limit == 0) return 0;
  if (!pq_add_u64(c->s.args.skip, c->s.args.limit, &n) || n == UINT64_MAX) return 0;
  if (c->s.spec->open == pq_open_count) return n;
  if (pq_collector_is_ordered(k)) return 0;
  return k->ends_at_limit ? n : n + 1;
}

/* ---- the reply ---- */

static int put_cost(pq_builder *b, const char *name, pq_cost cost) {
  PQ_TRY(pq_builder_key_str(b, name));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "requests", cost.requests));
  PQ_TRY(pq_put_count(b, "bytes", cost.bytes));
  PQ_TRY(pq_put_count(b, "rounds", cost.rounds));
  return pq_builder_end(b);
}

static int put_dollars(pq_builder *b, const char *name, double dollars) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_double(b, dollars);
}

static int put_price(pq_command *c, bool has_run) {
  pq_builder *b = c->db->builder;
  const pq_price *p = &c->s.explain.price;
  pq_cost cost = predicted(&c->s.forecast), actual = pq_explain_actual(c);
  if (p->name == NULL) return PQ_OK;
  PQ_TRY(pq_builder_key_str(b, "price"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "list", pq_str(p->name)));
  PQ_TRY(put_dollars(b, "predicted", pq_price_of(p, &cost)));
  if (has_run) PQ_TRY(put_dollars(b, "actual", pq_price_of(p, &actual)));
  PQ_TRY(put_dollars(b, "perMillion", 1e6 * pq_price_of(p, &cost)));
  return pq_builder_end(b);
}

int pq_explain_forecast(pq_command *c, bool has_run) {
  const pq_forecast *f = &c->s.forecast;
  pq_builder *b = c->db->builder;
  pq_cost sum = predicted(f);
  if (!f->is_there) return PQ_OK;
  PQ_TRY(pq_put_text(b, "bound", pq_str(f->is_upper ? "upper" : "exact")));
  if (f->is_upper && f->why != NULL) PQ_TRY(pq_put_text(b, "because", pq_str(f->why)));
  PQ_TRY(pq_builder_key_str(b, "predicted"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "requests", sum.requests));
  PQ_TRY(pq_put_count(b, "bytes", sum.bytes));
  PQ_TRY(pq_put_count(b, "rounds", sum.rounds));
  PQ_TRY(put_cost(b, "load", f->load));
  PQ_TRY(put_cost(b, "planning", f->planning));
  PQ_TRY(put_cost(b, "execution", f->execution));
  PQ_TRY(pq_builder_end(b));
  return put_price(c, has_run);
}

static const char *reason_of(const pq_plan_file *file) {
  const pq_scan_stats *s = &file->stats;
  if (file->rows_left > 0) return "read";
  if (s->row_groups == s->row_groups_by_stats) return "excluded by statistics";
  if (s->row_groups_by_index > 0) return "excluded by page index";
  if (s->row_groups_by_bloom > 0) return "excluded by bloom filter";
  return "excluded: deleted or changed";
}

static int put_file(pq_command *c, const pq_plan_file *file) {
  const pq_file_info *info = &c->s.snapshot.view.manifest->files[file->file];
  const pq_scan_stats *s = &file->stats;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "file", pq_str(info->name)));
  PQ_TRY(pq_put_text(b, "what", pq_str(reason_of(file))));
  PQ_TRY(pq_put_count(b, "rows", info->row_count));
  PQ_TRY(pq_put_count(b, "rowsLeft", file->rows_left));
  PQ_TRY(pq_put_count(b, "rowGroups", s->row_groups));
  PQ_TRY(pq_put_count(b, "byStatistics", s->row_groups_by_stats));
  PQ_TRY(pq_put_count(b, "byBloom", s->row_groups_by_bloom));
  PQ_TRY(pq_put_count(b, "byIndex", s->row_groups_by_index));
  PQ_TRY(pq_put_count(b, "byDeletes", s->row_groups_by_deletes));
  PQ_TRY(pq_put_count(b, "pages", s->pages));
  PQ_TRY(pq_put_count(b, "pagesSkipped", s->pages_skipped));
  return pq_builder_end(b);
}

static uint64_t tail_rows(const pq_command *c) {
  const pq_view *v = &c->s.snapshot.view;
  const pq_overlay *o = v->overlay;
  uint32_t k = o == NULL ? PQ_NONE : pq_chain_first(&o->collections, c->s.collection);
  uint64_t n = 0;
  for (; k != PQ_NONE; k = o->keys[k].next)
    n += pq_overlay_at(o, k, v->seq) != NULL;
  return n;
}

static int put_scan(pq_command *c) {
  const pq_scan_cost *p = &c->s.forecast.plan;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "rows"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "atLeast", p->rows_min));
  PQ_TRY(pq_put_count(b, "atMost", p->rows_max));
  PQ_TRY(pq_put_count(b, "inTail", tail_rows(c)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "columns"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < p->column_count; i++)
    PQ_TRY(pq_builder_string(b, p->columns[i]));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "files"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < p->file_count; i++)
    PQ_TRY(put_file(c, &p->files[i]));
  return pq_builder_end(b);
}

/* "isWithin": would the budget allow it? */
static int put_budget(pq_command *c, bool is_within) {
  const pq_explain_args *e = &c->s.explain;
  pq_builder *b = c->db->builder;
  if (!e->has_budget) return PQ_OK;
  PQ_TRY(pq_builder_key_str(b, "budget"));
  PQ_TRY(pq_builder_begin_object(b));
  if (e->requests_max < UINT64_MAX) PQ_TRY(pq_put_count(b, "requests", e->requests_max));
  if (e->bytes_max < UINT64_MAX) PQ_TRY(pq_put_count(b, "bytes", e->bytes_max));
  PQ_TRY(pq_builder_key_str(b, "isWithin"));
  PQ_TRY(pq_builder_bool(b, is_within));
  return pq_builder_end(b);
}

static const char *plan_name(const pq_command *c) {
  const pq_forecast *f = &c->s.forecast;
  bool reads = f->execution.requests > 0;
  if (pq_plan_kind(c) == PQ_PLAN_SCAN) return reads ? "scan" : "scan, from metadata alone";
  return reads ? "get by bloom filter and page index"
               : "get: in the tail, or excluded by metadata, bloom or page index";
}

static int reply_plan(pq_command *c, bool is_within) {
  pq_builder *b = c->db->builder;
  pq_value item;
  PQ_TRY(pq_explain_begin(c, plan_name(c)));
  PQ_TRY(pq_put_text(b, "cache", pq_str(c->s.explain.is_warm ? "warm" : "cold")));
  PQ_TRY(pq_explain_forecast(c, false));
  PQ_TRY(put_budget(c, is_within));
  if (pq_plan_kind(c) == PQ_PLAN_SCAN) PQ_TRY(put_scan(c));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  PQ_TRY(pq_reply_item(c, item));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", 0));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* ---- the budget ---- */

static int refuse(pq_command *c, const char *what, uint64_t may, uint64_t allowed) {
  return pq_fail(c->op.cx, PQ_ELIMIT,
                 "%s: it %s %llu %s, the budget allows %llu: nothing was read but metadata",
                 c->s.spec->name, c->s.forecast.is_upper ? "may take" : "takes",
                 (unsigned long long)may, what, (unsigned long long)allowed);
}

static int check_budget(pq_command *c, pq_cost all) {
  const pq_explain_args *e = &c->s.explain;
  if (all.requests > e->requests_max) return refuse(c, "requests", all.requests, e->requests_max);
  return all.bytes > e->bytes_max ? refuse(c, "bytes", all.bytes, e->bytes_max) : PQ_OK;
}

int pq_budget_check(pq_command *c) {
  const pq_explain_args *e = &c->s.explain;
  const pq_fetch *f = &c->op.fetch;
  const char *what = f->stat_requests > e->requests_max ? "requests" : "bytes";
  if (!e->has_budget || e->is_plan) return PQ_OK;
  if (f->stat_requests <= e->requests_max && f->stat_bytes <= e->bytes_max) return PQ_OK;
  return pq_fail(c->op.cx, PQ_ELIMIT, "%s: the %s of the budget are used up%s", c->s.spec->name,
                 what, c->s.forecast.is_there ? "" : " by planning alone");
}

/* ---- stages ---- */

/* The forecast is there: tell it, refuse, or begin the command. */
static int plan_end(pq_command *c) {
  pq_forecast *f = &c->s.forecast;
  const pq_fetch *fetch = &c->op.fetch;
  uint64_t times = f->plan.times == 0 ? 1 : f->plan.times;
  pq_cost kept = {.requests = fetch->kept_requests, .bytes = fetch->kept_bytes}, all;
  f->planning = minus(cost_now(c), f->load);
  f->again = minus(f->planning, kept);
  f->execution = (pq_cost){.requests = fetch->noted_requests * times,
                           .bytes = fetch->noted_bytes * times,
                           .rounds = fetch->noted_rounds * times};
  for (uint64_t i = 1; i < times; i++)
    f->execution = plus(f->execution, f->planning);
  f->is_planning = false;
  f->is_there = true;
  all = plus(predicted(f), f->again);
  if (c->s.explain.is_plan) {
    all = predicted(f);
    return reply_plan(
        c, all.requests <= c->s.explain.requests_max && all.bytes <= c->s.explain.bytes_max);
  }
  if (c->s.explain.has_budget) PQ_TRY(check_budget(c, all));
  pq_snapshot_close(&c->s.snapshot);
  c->op.stage = c->s.start;
  return PQ_OK;
}

static int stage_plan_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_forecast *f = &c->s.forecast;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_cost_next(&f->plan, &c->s.scan, &op->fetch, &op->scratch));
  if (!c->s.scan.is_done) return pq_read_again(c);
  f->is_upper = f->plan.is_upper;
  f->why = f->plan.why;
  return plan_end(c);
}

static int stage_plan_point(pq_op *op) {
  pq_command *c = pq_command_of(op);
  unsigned want = c->s.spec->open == pq_open_get ? PQ_WANT_ALL : PQ_WANT_ID | PQ_WANT_DELETED;
  bool is_upper;
  int rc;
  op->fetch.is_plan = true;
  rc = pq_view_point_cost(&c->s.snapshot.view, &op->fetch, &op->scratch, c->s.id, want, &is_upper);
  op->fetch.is_plan = false;
  PQ_TRY(rc);
  c->s.forecast.is_upper = is_upper;
  c->s.forecast.why = "only its page of $id tells where the entity is, and whether";
  return plan_end(c);
}

/* The command's own first stage opens the snapshot and makes the scan. */
static int stage_plan_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_forecast *f = &c->s.forecast;
  PQ_TRY(c->s.start(op));
  if (c->s.snapshot.past == NULL) { /* delete files: their positions stay */
    op->fetch.kept_requests = op->fetch.stat_requests - f->load.requests;
    op->fetch.kept_bytes = op->fetch.stat_bytes - f->load.bytes;
  }
  op->stage = stage_plan_point;
  if (pq_plan_kind(c) == PQ_PLAN_POINT) return PQ_OK;
  op->stage = stage_plan_scan;
  return pq_scan_cost_init(&f->plan, &c->s.scan, enough_of(c), &op->arena);
}

int pq_stage_plan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_explain_args *e = &c->s.explain;
  bool is_warm = e->is_warm || (e->has_budget && !e->is_plan);
  c->s.forecast = (pq_forecast){.is_planning = true, .load = cost_now(c)};
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
