/* cmd/admin_commands.c - files, stats. */
#include <string.h>

#include "cmd/command_int.h"
#include "db/schema_of.h"

/* ---- files ---- */

static const struct file_kind {
  const char *name;
  pq_file_kind kind;
} file_kinds[] = {{"data", PQ_FILE_DATA},
                  {"edges", PQ_FILE_FORWARD},
                  {"edges-reverse", PQ_FILE_REVERSE},
                  {"adjacency", PQ_FILE_ADJACENCY},
                  {"events", PQ_FILE_EVENTS}};

static pq_file_kind wanted_kind(const pq_command *c) {
  if (c->s.args.kind.n == 0) return PQ_FILE_DATA;
  for (size_t i = 0; i < sizeof file_kinds / sizeof *file_kinds; i++)
    if (pq_slice_is(c->s.args.kind, file_kinds[i].name)) return file_kinds[i].kind;
  return 0;
}

static bool is_wanted(const pq_command *c, const pq_file_info *info, pq_file_kind kind) {
  if (!pq_view_has_file(&c->s.snapshot.view, info) || info->kind != kind) return false;
  return kind != PQ_FILE_DATA || pq_slice_eq(info->collection, c->s.collection);
}

/* Does a delete file hold positions of the wanted files? */
static bool touches(const pq_command *c, const pq_cached_file *deletes, pq_file_kind kind) {
  for (uint32_t i = 0; i < deletes->position_count; i++) {
    const pq_file_info *info = pq_manifest_file(&c->s.space->manifest, deletes->positions[i].file);
    if (info != NULL && is_wanted(c, info, kind)) return true;
  }
  return false;
}

static int reply_file(pq_command *c, const pq_file_info *info, const char *kind) {
  pq_builder *b = c->db->builder;
  pq_value item;
  char *path = pq_arena_printf(&c->op.scratch, "%s/%s", c->s.space->ns, info->name);
  if (path == NULL) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "path", pq_str(path)));
  PQ_TRY(pq_put_text(b, "kind", pq_str(kind)));
  PQ_TRY(pq_put_count(b, "rows", info->row_count));
  PQ_TRY(pq_put_count(b, "bytes", info->len));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  c->s.count++;
  return pq_reply_item(c, item);
}

/* A SQL string literal. */
static int put_literal(pq_buf *out, const char *a, const char *b, const char *c) {
  const char *parts[] = {a, b, c};
  PQ_TRY(pq_buf_put_byte(out, '\''));
  for (int p = 0; p < 3; p++)
    for (const char *s = parts[p]; *s != '\0'; s++) {
      if (*s == '\'') PQ_TRY(pq_buf_put_byte(out, '\''));
      PQ_TRY(pq_buf_put_byte(out, (uint8_t)*s));
    }
  return pq_buf_put_byte(out, '\'');
}

/* "read_parquet([...], options)" over the wanted files, or over the delete files that touch them;
 * *count gets how many. */
static int put_file_list(pq_command *c, pq_buf *out, const char *prefix, bool is_deletes,
                         uint32_t *count) {
  pq_file_kind kind = wanted_kind(c);
  const pq_view *v = &c->s.snapshot.view;
  *count = 0;
  PQ_TRY(pq_buf_put_str(out, "["));
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    bool is_listed = !is_deletes && is_wanted(c, info, kind);
    for (uint32_t d = 0; is_deletes && d < v->delete_count && !is_listed; d++)
      is_listed = info->kind == PQ_FILE_DELETES && pq_slice_is(v->deletes[d]->name, info->name) &&
                  touches(c, v->deletes[d], kind);
    if (!is_listed) continue;
    if ((*count)++ > 0) PQ_TRY(pq_buf_put_str(out, ", "));
    PQ_TRY(put_literal(out, prefix, "", info->name));
  }
  return pq_buf_put_str(out, "]");
}

/* The SELECT that gives the live rows of the files, as DuckDB runs it: rows whose (file, position)
 * no delete file names, without soft-deleted entities. */
static int put_sql(pq_command *c, pq_buf *out, pq_buf *files, pq_buf *deletes) {
  pq_slice root = c->s.args.root;
  bool is_data = wanted_kind(c) == PQ_FILE_DATA;
  const char *prefix = pq_arena_printf(
      &c->op.scratch, "%.*s%s%s/", (int)root.n, root.n == 0 ? "" : (const char *)root.p,
      root.n > 0 && root.p[root.n - 1] != '/' ? "/" : "", c->s.space->ns);
  uint32_t file_count, delete_count;
  if (prefix == NULL) return c->op.cx->code;
  PQ_TRY(put_file_list(c, files, prefix, false, &file_count));
  PQ_TRY(put_file_list(c, deletes, prefix, true, &delete_count));
  if (file_count == 0) return pq_buf_put_str(out, "SELECT NULL AS \"$id\" WHERE false");
  PQ_TRY(pq_buf_put_str(out, "SELECT * EXCLUDE (filename, file_row_number) FROM read_parquet("));
  PQ_TRY(pq_buf_put_slice(out, pq_buf_slice(files)));
  PQ_TRY(pq_buf_put_str(out,
                        ", union_by_name = true, filename = true, file_row_number = true, "
                        "hive_partitioning = false) AS live"));
  if (delete_count > 0) {
    PQ_TRY(pq_buf_put_str(out, " ANTI JOIN (SELECT "));
    PQ_TRY(put_literal(out, prefix, "", ""));
    PQ_TRY(pq_buf_put_str(out,
                          " || file_path AS filename, pos AS file_row_number FROM "
                          "read_parquet("));
    PQ_TRY(pq_buf_put_slice(out, pq_buf_slice(deletes)));
    PQ_TRY(pq_buf_put_str(out, ")) AS gone USING (filename, file_row_number)"));
  }
  return is_data ? pq_buf_put_str(out, " WHERE NOT deleted") : PQ_OK;
}

static int reply_sql(pq_command *c) {
  pq_builder *b = c->db->builder;
  pq_buf out, files, deletes;
  pq_value item;
  int rc;
  pq_buf_init(&out, c->op.cx, SIZE_MAX / 2);
  pq_buf_init(&files, c->op.cx, SIZE_MAX / 2);
  pq_buf_init(&deletes, c->op.cx, SIZE_MAX / 2);
  rc = put_sql(c, &out, &files, &deletes);
  pq_builder_clear(b);
  if (rc == PQ_OK) rc = pq_builder_begin_object(b);
  if (rc == PQ_OK) rc = pq_put_text(b, "sql", pq_buf_slice(&out));
  if (rc == PQ_OK) rc = pq_builder_end(b);
  if (rc == PQ_OK) rc = pq_builder_finish(b, &c->replies, &item);
  pq_buf_release(&out);
  pq_buf_release(&files);
  pq_buf_release(&deletes);
  PQ_TRY(rc);
  c->s.count++;
  return pq_reply_item(c, item);
}

static int reply_files(pq_command *c) {
  pq_file_kind kind = wanted_kind(c);
  const pq_view *v = &c->s.snapshot.view;
  pq_slice name = c->s.args.kind.n == 0 ? PQ_SLICE("data") : c->s.args.kind;
  char *label = pq_arena_str(&c->op.scratch, name);
  if (label == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (is_wanted(c, info, kind)) PQ_TRY(reply_file(c, info, label));
  }
  for (uint32_t d = 0; d < v->delete_count; d++)
    if (touches(c, v->deletes[d], kind))
      PQ_TRY(reply_file(c, pq_manifest_file(v->manifest, v->deletes[d]->name), "deletes"));
  return PQ_OK;
}

static int stage_files(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, true));
  c->s.snapshot.view.pending_to = c->s.space->seq; /* they hold nothing that other files have */
  PQ_TRY(c->s.args.is_sql ? reply_sql(c) : reply_files(c));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

int pq_open_files(pq_command *c, pq_value target) {
  pq_file_kind kind = wanted_kind(c);
  pq_slice name;
  c->s.start = stage_files;
  if (kind == 0)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "files: option 'kind' must be data, edges, edges-reverse, adjacency or events");
  if (kind == PQ_FILE_DATA) return pq_target_collection(c, target);
  if (pq_value_string(target, &name) && name.n == 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID, "files: kind '%.*s' takes \"\" as the collection",
                 (int)c->s.args.kind.n, (const char *)c->s.args.kind.p);
}

/* ---- stats ---- */

static uint64_t kind_sum(const pq_command *c, pq_file_kind kind, uint64_t *files, uint64_t *bytes) {
  const pq_view *v = &c->s.snapshot.view;
  uint64_t rows = 0;
  *files = *bytes = 0;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (info->kind != kind || !pq_view_has_file(v, info)) continue;
    rows += info->row_count;
    *bytes += info->len;
    ++*files;
  }
  return rows;
}

/* Rows that delete files hide in files of a kind (and collection). */
static uint64_t deleted_rows(const pq_command *c, pq_file_kind kind, pq_slice collection) {
  const pq_view *v = &c->s.snapshot.view;
  uint64_t n = 0;
  for (uint32_t d = 0; d < v->delete_count; d++)
    for (uint32_t i = 0; i < v->deletes[d]->position_count; i++) {
      const pq_file_info *info = pq_manifest_file(v->manifest, v->deletes[d]->positions[i].file);
      n += info != NULL && info->kind == kind &&
           (kind != PQ_FILE_DATA || pq_slice_eq(info->collection, collection));
    }
  return n;
}

/* What the tail adds to the rows of a collection: entities there now, less rows replaced. */
static uint64_t add_tail_rows(const pq_command *c, pq_slice collection, uint64_t rows) {
  const pq_overlay *o = c->s.space->overlay;
  for (uint32_t k = pq_chain_first(&o->collections, collection); k != PQ_NONE;
       k = pq_overlay_next(o, k)) {
    const pq_event *first;
    pq_entity e;
    if (k & PQ_SPOT_PLACE) continue;
    first = &o->versions[o->keys[k].first].event;
    rows += pq_event_entity(&o->versions[o->keys[k].newest].event, &e);
    if (rows > 0) rows -= first->where_file.n > 0;
  }
  return rows;
}

/* Chosen ones as "indexColumns", if `is_typed` those of schemas as "typedColumns". */
static int put_columns(pq_command *c, const pq_collection_info *info, bool is_typed) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, is_typed ? "typedColumns" : "indexColumns"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < info->index_count; i++) {
    const pq_index_column *x = &info->index_columns[i];
    if ((x->name.n > 0) != is_typed) continue;
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_text(b, "path", x->path));
    PQ_TRY(pq_put_text(b, "type", pq_str(pq_index_type_name(x->type))));
    if (is_typed) PQ_TRY(pq_put_text(b, "column", x->name));
    if (is_typed) PQ_TRY(pq_builder_key_str(b, "inFilters"));
    if (is_typed)
      PQ_TRY(pq_builder_bool(b, pq_index_is_pushed(x->type) && !pq_index_is_system(x->path)));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

static int put_collection(pq_command *c, const pq_collection_info *info) {
  pq_schema_at schema;
  pq_builder *b = c->db->builder;
  const pq_view *v = &c->s.snapshot.view;
  uint64_t rows = 0, files = 0, bytes = 0;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *f = &v->manifest->files[i];
    if (f->kind != PQ_FILE_DATA || !pq_view_has_file(v, f)) continue;
    if (!pq_slice_eq(f->collection, info->name)) continue;
    rows += f->row_count;
    bytes += f->len;
    files++;
  }
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "name", info->name));
  rows -= deleted_rows(c, PQ_FILE_DATA, info->name);
  PQ_TRY(pq_put_count(b, "rows", add_tail_rows(c, info->name, rows)));
  PQ_TRY(pq_put_count(b, "files", files));
  PQ_TRY(pq_put_count(b, "bytes", bytes));
  PQ_TRY(put_columns(c, info, false));
  pq_schema_now(c->s.space, info->name, &schema);
  if (schema.version > 0) {
    PQ_TRY(put_columns(c, info, true));
    PQ_TRY(pq_put_count(b, "schemaVersion", schema.version));
  }
  return pq_builder_end(b);
}

static int put_bytes(pq_command *c) {
  static const struct {
    const char *name;
    pq_file_kind kinds[3];
  } parts[] = {{"data", {PQ_FILE_DATA, 0, 0}},
               {"edges", {PQ_FILE_FORWARD, PQ_FILE_REVERSE, PQ_FILE_ADJACENCY}},
               {"events", {PQ_FILE_EVENTS, PQ_FILE_EVENT_INDEX, 0}},
               {"deletes", {PQ_FILE_DELETES, 0, 0}}};
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "bytes"));
  PQ_TRY(pq_builder_begin_object(b));
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    uint64_t files, bytes, sum = 0;
    for (int k = 0; k < 3; k++) {
      (void)kind_sum(c, parts[i].kinds[k], &files, &bytes);
      sum += bytes;
    }
    PQ_TRY(pq_put_count(b, parts[i].name, sum));
  }
  return pq_builder_end(b);
}

static int put_stats(pq_command *c) {
  pq_builder *b = c->db->builder;
  const pq_view *v = &c->s.snapshot.view;
  const pq_space *s = c->s.space;
  uint64_t files, bytes, edges = kind_sum(c, PQ_FILE_FORWARD, &files, &bytes);
  uint64_t event_files, events = kind_sum(c, PQ_FILE_EVENTS, &event_files, &bytes);
  PQ_TRY(pq_put_text(b, "ns", pq_str(s->ns)));
  PQ_TRY(pq_put_count(b, "seq", s->seq));
  PQ_TRY(pq_put_count(b, "flushedSeq", v->manifest->seq_hi));
  PQ_TRY(pq_put_count(b, "entry", v->manifest->entry));
  PQ_TRY(pq_put_count(b, "epoch", v->manifest->epoch));
  PQ_TRY(pq_builder_key_str(b, "collections"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < v->manifest->collection_count; i++)
    PQ_TRY(put_collection(c, &v->manifest->collections[i]));
  for (uint32_t i = 0; i < s->overlay->collections.count; i++) {
    pq_collection_info fresh = {.name = s->overlay->collections.items[i].name};
    if (pq_manifest_collection(v->manifest, fresh.name) == NULL) PQ_TRY(put_collection(c, &fresh));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_put_count(b, "edges", edges - deleted_rows(c, PQ_FILE_FORWARD, (pq_slice){0})));
  PQ_TRY(pq_put_count(b, "edgeFiles", files));
  PQ_TRY(pq_put_count(b, "eventCount", events + s->overlay->version_count));
  PQ_TRY(put_bytes(c));
  PQ_TRY(pq_builder_key_str(b, "tail"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "events", s->overlay->version_count));
  PQ_TRY(pq_put_count(b, "bytes", s->overlay->held_len));
  PQ_TRY(pq_put_count(b, "ageSeconds", pq_tail_age(s, c->op.now_us)));
  PQ_TRY(pq_put_count(b, "bulkWrites", s->pendings.count));
  PQ_TRY(pq_builder_end(b));
  return pq_put_work_stats(c);
}

static int stage_stats(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  pq_value item;
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, true));
  c->s.snapshot.view.pending_to = c->s.space->seq; /* the tail's events are counted apart */
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_stats(c));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  PQ_TRY(pq_reply_item(c, item));
  PQ_TRY(pq_summary_begin(c));
  return pq_summary_end(c, c->s.space->seq);
}

/* A collection's name: its paths; anything else stands for all. */
int pq_open_stats(pq_command *c, pq_value target) {
  pq_slice name;
  if (pq_value_string(target, &name) && name.n > 0) return pq_open_path_stats(c, target);
  c->s.start = stage_stats;
  return PQ_OK;
}
