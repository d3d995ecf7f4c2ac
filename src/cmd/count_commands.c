/* cmd/count_commands.c - count, exists, estimatedCount: how many, without showing them.
 *
 *   count            a scan whose sink needs numbers only; columns and statistics answer if they
 *                    can; of a whole collection as estimatedCount, if that is exact
 *   exists           the same, ended by the first match; by id a look at the page index; of an
 *                    edge its filter, then the page index (doc/decisions/0041)
 *   estimatedCount   rows of the files − deleted positions − rows that the tail replaces
 *                    + live entities of the tail: footers say it, no data page is read
 */
#include <string.h>

#include "base/slices.h"
#include "cmd/derived.h"
#include "table/tail.h"

static int start_counting(pq_command *c, pq_stage_fn next) {
  PQ_TRY(pq_read_snapshot(c));
  if (pq_derived_is(c)) return pq_derived_begin(c);
  pq_read_scan(c, c->s.filter);
  c->s.scan.is_count = true;
  c->op.stage = next;
  return PQ_OK;
}

/* ---- from metadata ---- */

/* Rows of a row group that delete files and the overlay do not hide. Its statistics tell whether
 * they are live; of a mixed one the soft-deleted are counted, too. */
static int live_rows(pq_command *c, const pq_cached_file *file, uint32_t row_group, bool hides,
                     uint64_t *rows, bool *is_exact) {
  const pq_view *v = &c->s.snapshot.view;
  const pq_row_group *group = &file->file.footer->row_groups[row_group];
  int leaf = pq_footer_leaf(file->file.footer, "deleted");
  const pq_stats *s = leaf < 0 ? NULL : &group->chunks[leaf].stats;
  bool has_both = s != NULL && s->has_min && s->has_max && s->min.n == 1 && s->max.n == 1;
  uint32_t count = (uint32_t)group->row_count;
  uint8_t *hidden;
  if (has_both && s->min.p[0] != 0) return PQ_OK;
  if (!has_both || s->max.p[0] != 0) *is_exact = false;
  if (!hides) {
    *rows += count;
    return PQ_OK;
  }
  hidden = pq_arena_calloc(&c->op.scratch, count, 1);
  if (hidden == NULL) return c->op.cx->code;
  pq_view_mark_deleted(v, file->name, group->first_row, count, hidden);
  pq_view_mark_overlay(v, file->name, group->first_row, count, hidden);
  for (uint32_t i = 0; i < count; i++)
    *rows += hidden[i] == 0;
  return PQ_OK;
}

static int count_files(pq_command *c, uint64_t *rows, bool *is_exact) {
  const pq_view *v = &c->s.snapshot.view;
  bool is_missing = false;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    pq_cached_file *file;
    bool hides;
    int rc;
    if (info->kind != PQ_FILE_DATA || !pq_view_has_file(v, info)) continue;
    if (!pq_slice_eq(info->collection, c->s.collection)) continue;
    rc = pq_file_cache_open(v->files, &c->op.fetch, info, &file);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    hides = !is_missing && pq_view_hides_rows(v, file->name);
    for (uint32_t g = 0; !is_missing && g < file->file.footer->row_group_count; g++)
      PQ_TRY(live_rows(c, file, g, hides, rows, is_exact));
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* Live entities of the tail. One whose row in a file no hint names is counted there already. */
static void count_tail(pq_command *c, uint64_t *rows, bool *is_exact) {
  const pq_view *v = &c->s.snapshot.view;
  pq_tail_walk w = pq_tail_begin(v, PQ_TAIL_ENTITIES, c->s.collection);
  const pq_event *e;
  while ((e = pq_tail_next(&w)) != NULL) {
    pq_entity entity;
    *rows += pq_event_entity(e, &entity) && !entity.is_deleted;
  }
  if (pq_view_has_unresolved(v, c->s.collection)) *is_exact = false;
}

static int count_metadata(pq_command *c, uint64_t *rows, bool *is_exact) {
  *rows = 0;
  *is_exact = true;
  PQ_TRY(count_files(c, rows, is_exact));
  count_tail(c, rows, is_exact);
  return PQ_OK;
}

/* ---- count ---- */

/* Enough is skip + limit; a limit of 0 is none. */
static int limited_sink(void *ud, const pq_entity *entity, uint64_t count) {
  pq_command *c = ud;
  const pq_args *args = &c->s.args;
  (void)entity;
  c->s.count += count;
  if (args->limit == 0 || c->s.count < args->limit) return PQ_OK;
  return c->s.count - args->limit >= args->skip ? PQ_YIELD : PQ_OK;
}

static int stage_count_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_args *args = &c->s.args;
  uint64_t n = c->s.count > args->skip ? c->s.count - args->skip : 0;
  if (args->limit > 0 && n > args->limit) n = args->limit;
  if (args->is_explain) PQ_TRY(pq_explain_scan(c, &c->s.scan.stats));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "count", n));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_count_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, limited_sink, c));
  return c->s.scan.is_done ? pq_read_end(c, stage_count_end) : pq_read_again(c);
}

/* All of a collection: row by row only where metadata is not sure. */
static int stage_count_all(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint64_t rows;
  bool is_exact;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(count_metadata(c, &rows, &is_exact));
  /* What is explained is the scan, which answers from metadata as well, if slower. */
  is_exact &= !c->s.args.is_explain;
  c->s.count = is_exact ? rows : 0;
  op->stage = is_exact ? stage_count_end : stage_count_scan;
  return PQ_OK;
}

bool pq_count_is_of_all(const pq_command *c) {
  return c->s.spec->open == pq_open_count && pq_filter_is_empty(c->s.filter) &&
         !c->s.args.includes_deleted && c->s.args.limit == 0;
}

static int stage_count(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return start_counting(c, pq_count_is_of_all(c) ? stage_count_all : stage_count_scan);
}

int pq_open_count(pq_command *c, pq_value target) {
  c->s.start = stage_count;
  return pq_read_open(c, target);
}

/* ---- exists ---- */

static int stage_exists_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.args.is_explain && c->s.explained != NULL)
    PQ_TRY(pq_explain_other(c, c->s.explained));
  else if (c->s.args.is_explain)
    PQ_TRY(pq_explain_scan(c, &c->s.scan.stats));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(c->db->builder, "exists"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.count > 0));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int first_sink(void *ud, const pq_entity *entity, uint64_t count) {
  (void)entity;
  *(uint64_t *)ud += count;
  return PQ_YIELD;
}

static int stage_exists_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(
      pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, first_sink, &c->s.count));
  return c->s.scan.is_done ? pq_read_end(c, stage_exists_end) : pq_read_again(c);
}

static int stage_exists(pq_op *op) {
  return start_counting(pq_command_of(op), stage_exists_scan);
}

static int stage_exists_id_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  pq_location at;
  pq_entity e;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, &c->s.id, 1, false, &at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, &at, 1, PQ_WANT_ID | PQ_WANT_DELETED, &e, NULL));
  c->s.explained = pq_explain_get(&at);
  c->s.count = e.id.p != NULL && (!e.is_deleted || c->s.args.includes_deleted);
  return pq_read_end(c, stage_exists_end);
}

static int stage_exists_id(pq_op *op) {
  PQ_TRY(pq_read_snapshot(pq_command_of(op)));
  op->stage = stage_exists_id_read;
  return PQ_OK;
}

/* ---- exists, of an edge ---- */

static int stage_exists_ends(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  pq_slice ids[] = {c->s.edge.from, c->s.edge.to};
  uint32_t count = pq_id_is_foreign(c->s.edge.to) ? 1 : 2; /* the namespace itself is asked alone */
  pq_location at[2];
  pq_entity ends[2];
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_slices_sort(op->cx, ids, &count));
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, count, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, count, PQ_WANT_ID | PQ_WANT_DELETED, ends,
                      NULL));
  c->s.count = 1;
  for (uint32_t i = 0; i < count; i++)
    if (ends[i].id.p == NULL || (ends[i].is_deleted && !c->s.args.includes_deleted)) c->s.count = 0;
  return pq_read_end(c, stage_exists_end);
}

void pq_exists_query(const pq_command *c, pq_edge_query *out) {
  *out = (pq_edge_query){.nodes = &c->s.edge.from,
                         .node_count = 1,
                         .predicate = c->s.edge.predicate,
                         .far_min = c->s.edge.to,
                         .far_max = c->s.edge.to,
                         .is_one = true};
}

static int stage_exists_edge_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_edge_query q;
  pq_edge_part part;
  pq_exists_query(c, &q);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_edges_read_part(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &part));
  c->s.explained = "edge by its filter and page index";
  op->stage = stage_exists_ends;
  return part.count > 0 ? pq_read_again(c) : pq_read_end(c, stage_exists_end);
}

static int stage_exists_edge(pq_op *op) {
  PQ_TRY(pq_read_snapshot(pq_command_of(op)));
  op->stage = stage_exists_edge_read;
  return PQ_OK;
}

/* A collection's name has no '/', an id has one. */
int pq_open_exists(pq_command *c, pq_value target) {
  const uint64_t of_filter = PQ_OPT_FILTER | PQ_OPT_COLLATION | PQ_OPT_LET | PQ_OPT_HINT;
  pq_slice text;
  if (pq_value_type(target) == PQ_TYPE_OBJECT) {
    c->s.start = stage_exists_edge;
    if (c->s.args.given & of_filter)
      return pq_fail(c->op.cx, PQ_EINVALID,
                     "exists: a filter and its like need a collection, not an edge");
    return pq_edge_of(c, target, &c->s.edge);
  }
  if (!pq_value_string(target, &text) || text.n == 0 || memchr(text.p, '/', text.n) == NULL) {
    c->s.start = stage_exists;
    return pq_read_open(c, target);
  }
  c->s.start = stage_exists_id;
  if (c->s.args.given & of_filter)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "exists: a filter and its like need a collection, not an id");
  return pq_target_id(c, target);
}

/* ---- estimatedCount ---- */

static int stage_estimate_count(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint64_t rows;
  bool is_exact;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(count_metadata(c, &rows, &is_exact));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "count", rows));
  PQ_TRY(pq_builder_key_str(c->db->builder, "isExact"));
  PQ_TRY(pq_builder_bool(c->db->builder, is_exact));
  PQ_TRY(pq_put_text(c->db->builder, "from", PQ_SLICE("footers, delete files and the tail")));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_estimate(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_snapshot(c));
  if (pq_derived_is(c)) return pq_derived_begin(c);
  op->stage = stage_estimate_count;
  return PQ_OK;
}

int pq_open_estimated_count(pq_command *c, pq_value target) {
  c->s.start = stage_estimate;
  return pq_target_collection(c, target);
}
