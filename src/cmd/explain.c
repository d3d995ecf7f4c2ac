/* cmd/explain.c - how a read was done: one item instead of the answers. The numbers are counted by
 * the scan (query/scan.h) and by the fetch set, the time is the driver's.
 */
#include "cmd/command_int.h"

int pq_explain_begin(pq_command *c, const char *plan) {
  pq_builder *b = c->db->builder;
  const pq_view *v = &c->s.snapshot.view;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "command", pq_str(c->s.spec->name)));
  PQ_TRY(pq_put_text(b, "plan", pq_str(plan)));
  PQ_TRY(pq_put_text(b, "source",
                     pq_str(c->s.snapshot.past != NULL ? "older manifest + events up to the instant"
                            : v->overlay == NULL       ? "files"
                                                       : "files + unflushed tail")));
  PQ_TRY(pq_put_count(b, "entry", v->entry));
  return pq_put_count(b, "seq", v->seq);
}

/* Requests for temporary objects are told apart: they are none of the warehouse. */
static int put_temporary(pq_command *c) {
  const pq_fetch *f = &c->op.fetch;
  pq_builder *b = c->db->builder;
  if (f->stat_aside_requests == 0) return PQ_OK;
  PQ_TRY(pq_builder_key_str(b, "temporary"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "requests", f->stat_aside_requests));
  PQ_TRY(pq_put_count(b, "bytes", f->stat_aside_bytes));
  return pq_builder_end(b);
}

/* Milliseconds since the command came, by the driver's clock, which may be set back. */
static int put_time(pq_command *c) {
  int64_t us = c->op.now_us > c->s.started_us ? c->op.now_us - c->s.started_us : 0;
  PQ_TRY(pq_builder_key_str(c->db->builder, "ms"));
  return pq_builder_double(c->db->builder, (double)us / 1000);
}

int pq_explain_end(pq_command *c) {
  pq_builder *b = c->db->builder;
  pq_cost cost = pq_explain_actual(c);
  pq_value item;
  PQ_TRY(pq_explain_forecast(c, true));
  PQ_TRY(pq_put_count(b, "requests", cost.requests));
  PQ_TRY(pq_put_count(b, "bytes", cost.bytes));
  PQ_TRY(pq_put_count(b, "rounds", cost.rounds));
  PQ_TRY(put_temporary(c));
  PQ_TRY(put_time(c));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  pq_read_drop(c);
  return pq_reply_item(c, item);
}

static int put_part(pq_builder *b, const char *name, const char *const names[],
                    const uint64_t numbers[], uint32_t count) {
  PQ_TRY(pq_builder_key_str(b, name));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_put_count(b, names[i], numbers[i]));
  return pq_builder_end(b);
}

/* The stages of a pipeline, and how many of them the scan did. */
static int put_stages(pq_command *c) {
  pq_builder *b = c->db->builder;
  const char *name;
  PQ_TRY(pq_builder_key_str(b, "stages"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; (name = pq_pipeline_stage_name(c->s.pipeline, i)) != NULL; i++)
    PQ_TRY(pq_builder_str(b, name));
  PQ_TRY(pq_builder_end(b));
  return pq_put_count(b, "stagesInScan", pq_pipeline_taken(c->s.pipeline));
}

static const char *scan_name(const pq_scan_stats *s) {
  if (s->is_point)
    return s->is_metadata_only ? "get: in the tail, or excluded by metadata, bloom or page index"
                               : "get by bloom filter and page index";
  return s->is_metadata_only ? "scan, from metadata alone" : "scan";
}

int pq_explain_scan(pq_command *c, const pq_scan_stats *s) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_explain_begin(c, scan_name(s)));
  PQ_TRY(put_part(b, "files", (const char *const[]){"read"}, (uint64_t[]){s->files}, 1));
  PQ_TRY(put_part(
      b, "rowGroups",
      (const char *const[]){"all", "skippedByStatistics", "skippedByBloom", "skippedByIndex",
                            "skippedByDeletes", "decidedByStatistics"},
      (uint64_t[]){s->row_groups, s->row_groups_by_stats, s->row_groups_by_bloom,
                   s->row_groups_by_index, s->row_groups_by_deletes, s->row_groups_decided},
      6));
  PQ_TRY(put_part(b, "filterPages", (const char *const[]){"all", "skippedByIndex"},
                  (uint64_t[]){s->pages, s->pages_skipped}, 2));
  PQ_TRY(put_part(b, "rows",
                  (const char *const[]){"refusedByColumns", "refusedBySort", "groupedByColumns",
                                        "documentsRead", "inTail", "matched"},
                  (uint64_t[]){s->rows_by_column, s->rows_by_order, s->rows_grouped, s->rows_read,
                               s->overlay_rows, s->rows_matched},
                  6));
  PQ_TRY(pq_put_count(b, "columnsRead", s->columns_read));
  PQ_TRY(pq_put_count(b, "termsAnsweredByColumns", s->columns_used));
  if (c->s.pipeline != NULL) PQ_TRY(put_stages(c));
  return pq_explain_end(c);
}

int pq_explain_other(pq_command *c, const char *plan) {
  PQ_TRY(pq_explain_begin(c, plan));
  PQ_TRY(pq_put_count(c->db->builder, "rows", c->s.count));
  return pq_explain_end(c);
}

const char *pq_explain_get(const pq_location *at) {
  if (at->event != NULL) return "get from the unflushed tail";
  return at->info != NULL ? "get by bloom filter and page index"
                          : "get: excluded by metadata, bloom or page index";
}
