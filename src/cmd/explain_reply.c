/* cmd/explain_reply.c - what a plan found, as fields of a reply.
 *
 *   "bound" "because" "predicted" {… "load" "planning" "execution"} "levels" "price"
 *                                                                               pq_explain_forecast
 *   and of "plan":  "cache" "budget" "rows" "columns" "steps" [ … ] "files" [ … ]
 */
#include "cmd/command_int.h"
#include "table/read_bound.h"

/* ---- the forecast ---- */

static int put_amount(pq_builder *b, const char *name, uint64_t n) {
  if (n < UINT64_MAX) return pq_put_count(b, name, n);
  PQ_TRY(pq_builder_key_str(b, name)); /* no bound */
  return pq_builder_null(b);
}

static int put_amounts(pq_builder *b, pq_cost cost) {
  PQ_TRY(put_amount(b, "requests", cost.requests));
  PQ_TRY(put_amount(b, "bytes", cost.bytes));
  return put_amount(b, "rounds", cost.rounds);
}

static int put_cost(pq_builder *b, const char *name, pq_cost cost) {
  PQ_TRY(pq_builder_key_str(b, name));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_amounts(b, cost));
  return pq_builder_end(b);
}

/* Of `factor` such reads; rounded once more, as the product has digits that look like noise. */
static int put_dollars(pq_builder *b, const char *name, const pq_price *p, pq_cost cost,
                       double factor) {
  double dollars = factor * pq_price_of(p, &cost);
  PQ_TRY(pq_builder_key_str(b, name));
  if (cost.requests == UINT64_MAX || cost.bytes == UINT64_MAX) return pq_builder_null(b);
  if (dollars < 1e6) dollars = (double)(uint64_t)(dollars * 1e9 + 0.5) / 1e9;
  return pq_builder_double(b, dollars);
}

static int put_price(pq_command *c, bool has_run) {
  pq_builder *b = c->db->builder;
  const pq_price *p = &c->s.explain.price;
  pq_cost cost = pq_explain_predicted(&c->s.forecast);
  if (p->name == NULL) return PQ_OK;
  PQ_TRY(pq_builder_key_str(b, "price"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "list", pq_str(p->name)));
  PQ_TRY(put_dollars(b, "predicted", p, cost, 1));
  if (has_run) PQ_TRY(put_dollars(b, "actual", p, pq_explain_actual(c), 1));
  PQ_TRY(put_dollars(b, "perMillion", p, cost, 1e6));
  return pq_builder_end(b);
}

static const char *bound_name(bool is_upper, bool is_unbounded) {
  if (is_unbounded) return "none";
  return is_upper ? "upper" : "exact";
}

/* ---- files ---- */

/* What excluded a file of a scan: the first level that left none of its row groups. */
static pq_file_level level_of(const pq_plan_file *file) {
  const pq_scan_stats *s = &file->stats;
  if (file->is_of_other_types) return PQ_LEVEL_TYPES;
  if (file->rows_left > 0 || s->rows_grouped > 0) return PQ_LEVEL_READ;
  if (s->row_groups == s->row_groups_by_stats) return PQ_LEVEL_STATISTICS;
  if (s->row_groups_by_index > 0) return PQ_LEVEL_INDEX;
  return s->row_groups_by_bloom > 0 ? PQ_LEVEL_BLOOM : PQ_LEVEL_DELETES;
}

static const struct {
  const char *name; /* in the counts */
  const char *what;
} levels[PQ_LEVEL_LAST + 1] = {
    [PQ_LEVEL_READ] = {"read", "read"},
    [PQ_LEVEL_ID_RANGE] = {"idRange", "excluded by id range of the log"},
    [PQ_LEVEL_TYPES] = {"types", "excluded by types of the log"},
    [PQ_LEVEL_NAMESPACE] = {"namespace", "excluded by bloom filter of the namespace"},
    [PQ_LEVEL_FILE] = {"file", "excluded by bloom filter of the file"},
    [PQ_LEVEL_STATISTICS] = {"statistics", "excluded by statistics"},
    [PQ_LEVEL_BLOOM] = {"rowGroup", "excluded by bloom filter of row groups"},
    [PQ_LEVEL_INDEX] = {"pageIndex", "excluded by page index"},
    [PQ_LEVEL_DELETES] = {"deletes", "excluded: deleted or changed"},
};

static const char *reason_of(const pq_plan_file *file) {
  if (file->rows_left == 0 && file->stats.rows_grouped > 0) return "answered by statistics";
  return levels[level_of(file)].what;
}

/* How many files each level excluded, and how many are read. */
static int put_levels(pq_command *c) {
  const pq_forecast *f = &c->s.forecast;
  pq_builder *b = c->db->builder;
  uint64_t counts[PQ_LEVEL_LAST + 1] = {0};
  for (uint32_t i = 0; i < f->step_count; i++) {
    const pq_plan_step *s = &f->steps[i];
    for (uint32_t k = 0; k < s->plan.file_count; k++)
      counts[level_of(&s->plan.files[k])]++;
    for (uint32_t k = 0; k < s->point.file_count; k++)
      counts[s->point.files[k].level]++;
  }
  PQ_TRY(pq_builder_key_str(b, "levels"));
  PQ_TRY(pq_builder_begin_object(b));
  for (int i = PQ_LEVEL_LAST; i >= 0; i--)
    if (counts[i] > 0) PQ_TRY(pq_put_count(b, levels[i].name, counts[i]));
  return pq_builder_end(b);
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
  if (file->unpushed.n > 0) PQ_TRY(pq_put_text(b, "schemaChanged", file->unpushed));
  return pq_builder_end(b);
}

/* Of a look-up: a file that is read gives one row at most. */
static int put_point_file(pq_command *c, const pq_point_file *file) {
  const pq_file_info *info = &c->s.snapshot.view.manifest->files[file->file];
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "file", pq_str(info->name)));
  PQ_TRY(pq_put_text(b, "what", pq_str(levels[file->level].what)));
  PQ_TRY(pq_put_count(b, "rows", info->row_count));
  PQ_TRY(pq_put_count(b, "rowsLeft", file->level == PQ_LEVEL_READ));
  PQ_TRY(pq_put_count(b, "rowGroups", file->row_groups));
  PQ_TRY(pq_put_count(b, "byStatistics", file->by_statistics));
  PQ_TRY(pq_put_count(b, "byBloom", file->by_bloom));
  PQ_TRY(pq_put_count(b, "byIndex", file->by_index));
  return pq_builder_end(b);
}

static int put_files(pq_command *c) {
  const pq_forecast *f = &c->s.forecast;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "files"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < f->step_count; i++) {
    const pq_plan_step *s = &f->steps[i];
    for (uint32_t k = 0; k < s->plan.file_count; k++)
      PQ_TRY(put_file(c, &s->plan.files[k]));
    for (uint32_t k = 0; k < s->point.file_count; k++)
      PQ_TRY(put_point_file(c, &s->point.files[k]));
  }
  return pq_builder_end(b);
}

int pq_explain_forecast(pq_command *c, bool has_run) {
  const pq_forecast *f = &c->s.forecast;
  pq_builder *b = c->db->builder;
  if (!f->is_there) return PQ_OK;
  PQ_TRY(pq_put_text(b, "bound", pq_str(bound_name(f->is_upper, f->is_unbounded))));
  if (f->is_upper && f->why != NULL) PQ_TRY(pq_put_text(b, "because", pq_str(f->why)));
  PQ_TRY(pq_builder_key_str(b, "predicted"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_amounts(b, pq_explain_predicted(f)));
  PQ_TRY(put_cost(b, "load", f->load));
  PQ_TRY(put_cost(b, "planning", f->planning));
  PQ_TRY(put_cost(b, "execution", f->execution));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(put_levels(c));
  return put_price(c, has_run);
}

/* ---- steps ---- */

static const char *step_name(const pq_plan_step *s) {
  switch (s->kind) {
    case PQ_STEP_SCAN: return s->plan.is_point ? "look up ids" : "scan";
    case PQ_STEP_FOOTERS: return "footers";
    case PQ_STEP_GET: return "look up an id";
    case PQ_STEP_EDGES: return "edges of it";
    case PQ_STEP_SOME_EDGES: return "edges";
    case PQ_STEP_GRAPH: return "load the graph";
    case PQ_STEP_SOME_IDS: return "look up ids";
    case PQ_STEP_JOIN: return s->is_by_id ? "look up ids" : "look up values";
  }
  pq_unreachable("step");
}

static int put_step(pq_command *c, const pq_plan_step *s) {
  pq_builder *b = c->db->builder;
  pq_cost cost = {.requests = pq_count_add(s->planning.requests, s->execution.requests),
                  .bytes = pq_count_add(s->planning.bytes, s->execution.bytes),
                  .rounds = pq_count_add(s->planning.rounds, s->execution.rounds)};
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "step", pq_str(step_name(s))));
  if (s->collection.n > 0) PQ_TRY(pq_put_text(b, "of", s->collection));
  if (s->stage != NULL) PQ_TRY(pq_put_text(b, "for", pq_str(s->stage)));
  PQ_TRY(put_amount(b, "times", s->times));
  PQ_TRY(pq_put_text(b, "bound", pq_str(bound_name(s->is_upper, s->is_unbounded))));
  PQ_TRY(put_amounts(b, cost));
  if (s->is_upper && s->why != NULL) PQ_TRY(pq_put_text(b, "because", pq_str(s->why)));
  return pq_builder_end(b);
}

/* One alone is told by the plan itself. */
static bool has_steps(const pq_forecast *f) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < f->step_count; i++)
    count += f->steps[i].times > 0;
  return count > 1;
}

static int put_steps(pq_command *c) {
  const pq_forecast *f = &c->s.forecast;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "steps"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < f->step_count; i++)
    if (f->steps[i].times > 0) PQ_TRY(put_step(c, &f->steps[i]));
  return pq_builder_end(b);
}

/* ---- the plan ---- */

/* Of the scan that the command begins with. */
static int put_scan(pq_command *c) {
  const pq_forecast *f = &c->s.forecast;
  const pq_plan_step *s = f->steps;
  pq_builder *b = c->db->builder;
  if (f->step_count > 1 && s->kind == PQ_STEP_FOOTERS) s++;
  if (f->step_count == 0 || s->kind != PQ_STEP_SCAN) return PQ_OK;
  PQ_TRY(pq_builder_key_str(b, "rows"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "atLeast", s->rows_min));
  PQ_TRY(pq_put_count(b, "atMost", s->rows_max));
  PQ_TRY(pq_put_count(b, "inTail", pq_tail_rows(c, s->collection)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "columns"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < s->plan.column_count; i++)
    PQ_TRY(pq_builder_string(b, s->plan.columns[i]));
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
  bool is_point = f->step_count > 0 && f->steps[0].plan.is_point;
  pq_plan_kind_of kind = pq_plan_kind(c);
  switch (is_point && kind == PQ_PLAN_SCAN ? PQ_PLAN_POINT : kind) {
    case PQ_PLAN_POINT:
      return reads ? "get by bloom filter and page index"
                   : "get: in the tail, or excluded by metadata, bloom or page index";
    case PQ_PLAN_PIPELINE: return reads ? "pipeline" : "pipeline, from metadata alone";
    case PQ_PLAN_GRAPH:
      if (c->s.match != NULL) return PQ_MATCH_PLAN;
      return c->s.spec->open == pq_open_whole ? PQ_WHOLE_PLAN : PQ_GRAPH_PLAN;
    default: return reads ? "scan" : "scan, from metadata alone";
  }
}

int pq_explain_reply_plan(pq_command *c, bool is_within) {
  pq_builder *b = c->db->builder;
  pq_value item;
  if (c->s.match != NULL) PQ_TRY(pq_match_plan_guess(c));
  PQ_TRY(pq_explain_begin(c, plan_name(c)));
  PQ_TRY(pq_put_text(b, "cache", pq_str(c->s.explain.is_warm ? "warm" : "cold")));
  PQ_TRY(pq_explain_forecast(c, false));
  PQ_TRY(put_budget(c, is_within));
  PQ_TRY(put_scan(c));
  if (has_steps(&c->s.forecast)) PQ_TRY(put_steps(c));
  if (c->s.match != NULL) PQ_TRY(pq_match_plan_shown(c));
  PQ_TRY(put_files(c));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  PQ_TRY(pq_reply_item(c, item));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", 0));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}
