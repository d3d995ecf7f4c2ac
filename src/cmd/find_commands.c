/* cmd/find_commands.c - get, find, count: open a snapshot, read, reply. */
#include "cmd/command_int.h"

static int open_filter(pq_command *c) {
  PQ_TRY(pq_filter_parse(&c->arena, NULL, c->s.args.filter, &c->s.filter));
  return pq_projection_parse(&c->arena, NULL, c->s.args.project, &c->s.projection);
}

/* ---- explain ---- */

static int put_requests(pq_command *c) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_put_count(b, "requests", c->op.fetch.stat_requests));
  PQ_TRY(pq_put_count(b, "bytes", c->op.fetch.stat_bytes));
  return pq_put_count(b, "rounds", c->op.rounds);
}

static int begin_explain(pq_command *c, const char *plan) {
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

static int end_explain(pq_command *c) {
  pq_builder *b = c->db->builder;
  pq_value item;
  PQ_TRY(put_requests(c));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  c->items = NULL; /* the answers were only counted */
  c->item_count = c->item_cap = c->item_next = 0;
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

int pq_explain_scan(pq_command *c) {
  const pq_scan_stats *s = &c->s.scan.stats;
  pq_builder *b = c->db->builder;
  PQ_TRY(begin_explain(c, s->is_metadata_only ? "scan, from metadata alone" : "scan"));
  PQ_TRY(put_part(b, "files", (const char *const[]){"read"}, (uint64_t[]){s->files}, 1));
  PQ_TRY(put_part(b, "rowGroups",
                  (const char *const[]){"all", "skippedByStatistics", "skippedByBloom"},
                  (uint64_t[]){s->row_groups, s->row_groups_by_stats, s->row_groups_by_bloom}, 3));
  PQ_TRY(put_part(b, "filterPages", (const char *const[]){"all", "skippedByIndex"},
                  (uint64_t[]){s->pages, s->pages_skipped}, 2));
  PQ_TRY(put_part(
      b, "rows", (const char *const[]){"refusedByColumns", "documentsRead", "inTail", "matched"},
      (uint64_t[]){s->rows_by_column, s->rows_read, s->overlay_rows, s->rows_matched}, 4));
  PQ_TRY(pq_put_count(b, "termsAnsweredByColumns", s->columns_used));
  if (c->s.pipeline != NULL) PQ_TRY(put_stages(c));
  return end_explain(c);
}

/* ---- get ---- */

static int stage_get_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  pq_location at;
  pq_entity e;
  bool is_there;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, &c->s.id, 1, false, &at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, &at, 1, PQ_WANT_ALL, &e, NULL));
  is_there = e.id.p != NULL && (!e.is_deleted || c->s.args.includes_deleted);
  if (is_there) PQ_TRY(pq_reply_entity(c, &e));
  if (c->s.args.is_explain) {
    PQ_TRY(begin_explain(c, at.event != NULL  ? "get from the unflushed tail"
                            : at.info != NULL ? "get by bloom filter and page index"
                                              : "get: excluded by metadata, bloom or page index"));
    PQ_TRY(end_explain(c));
  }
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", is_there));
  return pq_summary_end(c, v->seq);
}

static int stage_get(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  op->stage = stage_get_read;
  return PQ_OK;
}

int pq_open_get(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_id(c, target));
  c->s.start = stage_get;
  return pq_projection_parse(&c->arena, NULL, c->s.args.project, &c->s.projection);
}

/* ---- find ---- */

/* Turn the collector's results into items. */
static int give_out(pq_command *c) {
  pq_collector *k = &c->s.collector;
  for (uint32_t i = 0; i < k->count; i++) {
    pq_value entity = k->items[i].entity;
    if (c->s.projection != NULL) {
      pq_builder *b = c->db->builder;
      pq_builder_clear(b);
      PQ_TRY(pq_projection_apply(c->s.projection, b, &c->op.scratch, entity));
      PQ_TRY(pq_builder_finish(b, &c->replies, &entity));
    }
    PQ_TRY(pq_reply_item(c, entity));
  }
  c->s.count += k->count;
  k->emitted += k->count;
  k->count = k->cap = 0;
  k->items = NULL;
  return PQ_OK;
}

static int find_end(pq_command *c) {
  PQ_TRY(pq_collector_finish(&c->s.collector));
  PQ_TRY(give_out(c));
  if (c->s.args.is_explain) PQ_TRY(pq_explain_scan(c));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.collector.has_more));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_find_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_streaming = c->s.collector.sort.count == 0;
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, pq_collector_sink,
                      &c->s.collector));
  if (c->s.scan.is_done) return find_end(c);
  if (!is_streaming || c->s.collector.count == 0) return PQ_OK;
  PQ_TRY(give_out(c));
  return c->s.args.is_explain ? PQ_OK : PQ_YIELD;
}

static int stage_find(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_sort sort = c->s.collector.sort;
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, c->s.filter);
  c->s.scan.includes_deleted = c->s.args.includes_deleted;
  /* Streamed results live until the caller has taken them, sorted ones until the end. */
  pq_collector_init(&c->s.collector, op->cx, sort.count == 0 ? &c->replies : &op->arena,
                    &op->scratch, c->db->builder);
  c->s.collector.sort = sort;
  c->s.collector.skip = c->s.args.skip;
  c->s.collector.limit = c->s.args.limit;
  op->stage = stage_find_scan;
  return PQ_OK;
}

int pq_open_find(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_collection(c, target));
  PQ_TRY(open_filter(c));
  c->s.start = stage_find;
  return pq_sort_parse(&c->arena, NULL, c->s.args.sort, &c->s.collector.sort);
}

/* ---- count ---- */

static int count_sink(void *ud, const pq_entity *entity, uint64_t count) {
  (void)entity;
  *(uint64_t *)ud += count;
  return PQ_OK;
}

static int stage_count_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(
      pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, count_sink, &c->s.count));
  if (!c->s.scan.is_done) return PQ_OK;
  if (c->s.args.is_explain) PQ_TRY(pq_explain_scan(c));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "count", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_count(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, c->s.filter);
  c->s.scan.includes_deleted = c->s.args.includes_deleted;
  c->s.scan.is_count = true;
  op->stage = stage_count_scan;
  return PQ_OK;
}

int pq_open_count(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_collection(c, target));
  c->s.start = stage_count;
  return open_filter(c);
}

/* ---- collections ---- */

/* The i-th collection name: those of the manifest, then those only in the tail. False: no more. */
static bool collection_name(const pq_command *c, uint32_t i, pq_slice *out) {
  const pq_view *v = &c->s.snapshot.view;
  uint32_t known = v->manifest->collection_count;
  if (i < known) {
    *out = v->manifest->collections[i].name;
    return true;
  }
  if (v->overlay == NULL || i - known >= v->overlay->collections.count) return false;
  *out = v->overlay->collections.items[i - known].name;
  return true;
}

static int stage_collections_next(pq_op *op);

static int stage_collections_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  pq_value item;
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, b, count_sink, &c->s.count));
  if (!c->s.scan.is_done) return PQ_OK;
  op->stage = stage_collections_next;
  if (c->s.count == 0) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "name", c->s.scan.collection));
  PQ_TRY(pq_put_count(b, "count", c->s.count));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  c->s.collections_listed++;
  PQ_TRY(pq_reply_item(c, item));
  return PQ_YIELD; /* the next collection may have to wait for its files */
}

static int stage_collections_next(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  pq_slice name;
  bool is_known;
  do {
    if (!collection_name(c, c->s.collection_at++, &name)) {
      PQ_TRY(pq_summary_begin(c));
      PQ_TRY(pq_summary_count(c, "n", c->s.collections_listed));
      return pq_summary_end(c, v->seq);
    }
    is_known = c->s.collection_at > v->manifest->collection_count &&
               pq_manifest_collection(v->manifest, name) != NULL;
  } while (is_known);
  c->s.count = 0;
  pq_scan_init(&c->s.scan, v, name, c->s.filter);
  c->s.scan.is_count = true;
  op->stage = stage_collections_scan;
  return PQ_OK;
}

static int stage_collections(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  op->stage = stage_collections_next;
  return PQ_OK;
}

int pq_open_collections(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_collections;
  return open_filter(c);
}
