/* cmd/stats_command.c - {"stats": COLL}: which paths of a collection have columns, and why.
 *
 *   footers of the files ──► of each column, file by file: values, nulls, misfits  ─┐
 *   a sample of documents ─► statistics of paths (shred/index_choice.c) ────────────┴► one item
 *                                                                                     per path
 *
 * Nothing of this is stored: what a file holds stands in its metadata, and the sample is judged
 * with the rules that choose columns at a flush. First the columns in their order, then the other
 * paths that a tenth of the sample has, with the reason why they have none.
 */
#include <string.h>

#include "cmd/command_int.h"
#include "db/schema_of.h"

enum { SAMPLE_MAX = 4096 };

struct pq_stats_run {
  pq_arena arena; /* owned: the survey's paths */
  pq_index_survey *survey;
  pq_schema *schema; /* NULL: there is none */
  uint32_t file_count;
  pq_cached_file **files; /* live ones of the collection; of the last stage */
};

void pq_stats_free(pq_command *c) {
  struct pq_stats_run *r = c->s.stats;
  if (r == NULL) return;
  pq_arena_release(&r->arena);
  pq_alloc(c->db->cx, r, sizeof *r, 0);
  c->s.stats = NULL;
}

const char *pq_index_type_name(pq_index_type type) {
  static const char *const names[] = {
      [PQ_INDEX_INT64] = "int64",
      [PQ_INDEX_DOUBLE] = "double",
      [PQ_INDEX_STRING] = "string",
      [PQ_INDEX_BOOL] = "bool",
      [PQ_INDEX_TIMESTAMP] = "timestamp",
      [PQ_INDEX_OBJECT_ID] = "objectId",
      [PQ_INDEX_FLOAT] = "float",
      [PQ_INDEX_DATE] = "date",
      [PQ_INDEX_TIMESTAMP_MS] = "timestampMs",
      [PQ_INDEX_UUID] = "uuid",
      [PQ_INDEX_BINARY] = "binary",
      [PQ_INDEX_DECIMAL] = "decimal",
  };
  pq_assert((size_t)type < sizeof names / sizeof *names && names[type] != NULL);
  return names[type];
}

/* ---- what files hold ---- */

typedef struct column_facts {
  uint64_t rows, values, nulls, others;
  bool is_there;
} column_facts;

/* "<other> <null>[ …]" of the key parquedb.index.<path>. */
static void read_counts(pq_slice text, column_facts *out) {
  uint64_t *numbers[] = {&out->others, &out->nulls};
  size_t at = 0;
  for (size_t k = 0; k < 2; k++) {
    for (; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++)
      if (*numbers[k] < UINT64_MAX / 10 - 1) *numbers[k] = *numbers[k] * 10 + (text.p[at] - '0');
    if (at < text.n && text.p[at] == ' ') at++;
  }
}

/* What the column of a path holds in a file; without a column of that name nothing. */
static int facts_of(pq_command *c, const pq_cached_file *file, const pq_index_column *column,
                    column_facts *out) {
  pq_arena *scratch = &c->op.scratch;
  const pq_footer *footer = file->file.footer;
  char *key = pq_arena_printf(scratch, "parquedb.index.%.*s", (int)column->path.n,
                              (const char *)column->path.p);
  char *name = column->name.n > 0 ? pq_arena_str(scratch, column->name)
                                  : pq_arena_printf(scratch, "$index_%.*s", (int)column->path.n,
                                                    (const char *)column->path.p);
  int leaf;
  *out = (column_facts){0};
  if (key == NULL || name == NULL) return c->op.cx->code;
  leaf = pq_footer_leaf(footer, name);
  if (leaf < 0) return PQ_OK;
  out->is_there = true;
  read_counts(pq_footer_key(footer, key), out);
  for (uint32_t g = 0; g < footer->row_group_count; g++) {
    const pq_stats *s = &footer->row_groups[g].chunks[leaf].stats;
    uint64_t rows = footer->row_groups[g].row_count;
    out->rows += rows;
    if (s->has_null_count && s->null_count <= rows) out->values += rows - s->null_count;
  }
  return PQ_OK;
}

static int put_facts(pq_builder *b, const column_facts *f) {
  PQ_TRY(pq_put_count(b, "rows", f->rows));
  PQ_TRY(pq_put_count(b, "values", f->values));
  PQ_TRY(pq_put_count(b, "nulls", f->nulls));
  return pq_put_count(b, "others", f->others);
}

static int put_files(pq_command *c, const pq_index_column *column) {
  const struct pq_stats_run *r = c->s.stats;
  pq_builder *b = c->db->builder;
  column_facts sum = {0}, f;
  for (uint32_t i = 0; i < r->file_count; i++) {
    PQ_TRY(facts_of(c, r->files[i], column, &f));
    sum.rows += f.rows;
    sum.values += f.values;
    sum.nulls += f.nulls;
    sum.others += f.others;
  }
  PQ_TRY(put_facts(b, &sum));
  PQ_TRY(pq_builder_key_str(b, "files"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < r->file_count; i++) {
    PQ_TRY(facts_of(c, r->files[i], column, &f));
    if (!f.is_there) continue;
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_text(b, "name", r->files[i]->name));
    PQ_TRY(put_facts(b, &f));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

/* ---- why ---- */

static const char *share_of(pq_command *c, const pq_index_verdict *v) {
  uint32_t documents = pq_index_survey_documents(c->s.stats->survey);
  uint64_t share = documents == 0 ? 0 : (uint64_t)v->documents * 100 / documents;
  return pq_arena_printf(&c->op.scratch, "in %s%llu %% of %u documents",
                         share == 0 && v->documents > 0 ? "less than " : "",
                         (unsigned long long)(share == 0 && v->documents > 0 ? 1 : share),
                         documents);
}

static bool find_verdict(const pq_command *c, pq_slice path, pq_index_verdict *out) {
  for (uint32_t i = 0; pq_index_survey_path(c->s.stats->survey, i, out); i++)
    if (pq_slice_eq(out->path, path)) return true;
  return false;
}

/* What the sample says of a path. */
static const char *verdict_text(pq_command *c, const pq_index_verdict *v) {
  pq_arena *scratch = &c->op.scratch;
  const char *share = share_of(c, v);
  const char *type = v->type == 0 ? "" : pq_index_type_name(v->type);
  if (share == NULL) return NULL;
  switch (v->reason) {
    case PQ_INDEX_FITS:
      if (v->type != PQ_INDEX_STRING) return pq_arena_printf(scratch, "%s, always %s", share, type);
      return pq_arena_printf(scratch, "%s, always string, of %.0f bytes on average", share,
                             v->text_len);
    case PQ_INDEX_IS_RARE: return pq_arena_printf(scratch, "too rare: %s, half is needed", share);
    case PQ_INDEX_IS_MIXED: return pq_arena_printf(scratch, "of several types: %s", share);
    case PQ_INDEX_IS_LONG:
      return pq_arena_printf(scratch, "too long: %s, text of %.0f bytes on average, 64 at most",
                             share, v->text_len);
    case PQ_INDEX_IS_PROSE:
      return pq_arena_printf(scratch,
                             "too long: %s, text of %.0f bytes on average, 40 at most where it is "
                             "of words and little repeats",
                             share, v->text_len);
    case PQ_INDEX_IS_OTHER:
      if (v->arrays > 0) return pq_arena_printf(scratch, "%s, in %u an array", share, v->arrays);
      if (v->nulls > 0) return pq_arena_printf(scratch, "%s, in %u null", share, v->nulls);
      return pq_arena_printf(scratch, "%s, of a type that has no column", share);
  }
  pq_unreachable("reason");
}

/* The mark of a path of the schema: "#", "##"; NULL: the schema does not name it. */
static const pq_schema_field *field_of(const pq_command *c, pq_slice path) {
  const pq_schema *schema = c->s.stats->schema;
  const pq_schema_field *fields = schema == NULL ? NULL : schema->fields, *found = NULL;
  uint32_t count = schema == NULL ? 0 : schema->field_count;
  while (path.n > 0) { /* each turn takes a part of the path away */
    const uint8_t *dot = memchr(path.p, '.', path.n);
    pq_slice name = {path.p, dot == NULL ? path.n : (size_t)(dot - path.p)};
    found = NULL;
    for (uint32_t i = 0; i < count && found == NULL; i++)
      if (pq_slice_eq(fields[i].name, name)) found = &fields[i];
    if (found == NULL || dot == NULL) return found;
    fields = found->fields;
    count = found->field_count;
    path = (pq_slice){dot + 1, path.n - name.n - 1};
  }
  return found;
}

/* Why the column is there. */
static const char *why_column(pq_command *c, const pq_index_column *column) {
  const pq_schema_field *field = field_of(c, column->path);
  pq_index_verdict v;
  const char *text;
  if (field != NULL && field->is_unique) return "'##' in the schema";
  if (field != NULL && field->is_indexed) return "'#' in the schema";
  if (field != NULL) return "a field of the schema";
  if (column->name.n > 0) return "a field of an earlier schema";
  if (!find_verdict(c, column->path, &v)) return "chosen at an earlier flush; now in no document";
  text = verdict_text(c, &v);
  if (v.reason == PQ_INDEX_FITS || text == NULL) return text;
  return pq_arena_printf(&c->op.scratch, "chosen at an earlier flush; now %s", text);
}

/* Why there is none. */
static const char *why_none(pq_command *c, const pq_index_verdict *v, uint32_t chosen) {
  const char *text = verdict_text(c, v);
  if (text == NULL || v->reason != PQ_INDEX_FITS) return text;
  if (chosen >= PQ_INDEX_COLUMNS_MAX)
    return pq_arena_printf(&c->op.scratch, "the collection has its %d columns: %s",
                           PQ_INDEX_COLUMNS_MAX, text);
  return pq_arena_printf(&c->op.scratch, "the next flush may choose it: %s", text);
}

/* ---- items ---- */

static int reply_path(pq_command *c) {
  pq_builder *b = c->db->builder;
  pq_value item;
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  c->s.count++;
  return pq_reply_item(c, item);
}

static int reply_column(pq_command *c, const pq_index_column *column) {
  pq_builder *b = c->db->builder;
  const char *why = why_column(c, column);
  char *name = pq_arena_printf(&c->op.scratch, "$index_%.*s", (int)column->path.n,
                               (const char *)column->path.p);
  if (why == NULL || name == NULL) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "path", column->path));
  PQ_TRY(pq_put_text(b, "column", column->name.n > 0 ? column->name : pq_str(name)));
  PQ_TRY(pq_put_text(b, "type", pq_str(pq_index_type_name(column->type))));
  PQ_TRY(pq_builder_key_str(b, "inFilters"));
  PQ_TRY(pq_builder_bool(b, pq_index_is_pushed(column->type) &&
                                !(column->name.n > 0 && pq_index_is_system(column->path))));
  PQ_TRY(pq_put_text(b, "why", pq_str(why)));
  PQ_TRY(put_files(c, column));
  return reply_path(c);
}

static int reply_none(pq_command *c, const pq_index_verdict *v, uint32_t chosen) {
  pq_builder *b = c->db->builder;
  const char *why = why_none(c, v, chosen);
  if (why == NULL) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "path", v->path));
  PQ_TRY(pq_builder_key_str(b, "column"));
  PQ_TRY(pq_builder_null(b));
  PQ_TRY(pq_put_text(b, "why", pq_str(why)));
  return reply_path(c);
}

static int reply_paths(pq_command *c) {
  const pq_collection_info *info =
      pq_manifest_collection(c->s.snapshot.view.manifest, c->s.collection);
  uint32_t documents = pq_index_survey_documents(c->s.stats->survey), chosen = 0;
  pq_index_verdict v;
  for (uint32_t i = 0; info != NULL && i < info->index_count; i++) {
    chosen += info->index_columns[i].name.n == 0;
    PQ_TRY(reply_column(c, &info->index_columns[i]));
  }
  for (uint32_t i = 0; pq_index_survey_path(c->s.stats->survey, i, &v); i++) {
    bool has_column = false;
    for (uint32_t k = 0; info != NULL && k < info->index_count && !has_column; k++)
      has_column = pq_slice_eq(info->index_columns[k].path, v.path);
    if (!has_column && (uint64_t)v.documents * 10 >= documents) PQ_TRY(reply_none(c, &v, chosen));
  }
  return PQ_OK;
}

/* ---- stages ---- */

/* The footers of the collection's live files. */
static int open_files(pq_command *c) {
  pq_op *op = &c->op;
  struct pq_stats_run *r = c->s.stats;
  const pq_view *v = &c->s.snapshot.view;
  uint32_t count = 0;
  bool is_missing = false;
  r->files = pq_arena_calloc(&op->scratch, v->manifest->file_count, sizeof *r->files);
  if (r->files == NULL) return op->cx->code;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    int rc;
    if (info->kind != PQ_FILE_DATA || !pq_view_has_file(v, info)) continue;
    if (!pq_slice_eq(info->collection, c->s.collection)) continue;
    rc = pq_file_cache_open(v->files, &op->fetch, info, &r->files[count++]);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  r->file_count = count;
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int stage_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(open_files(c));
  PQ_TRY(reply_paths(c));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_summary_count(c, "documentsSampled", pq_index_survey_documents(c->s.stats->survey)));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* A pq_scan_sink. */
static int sample_sink(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_stats_run *r = c->s.stats;
  (void)count;
  PQ_TRY(pq_index_survey_add(r->survey, &c->op.scratch, e->data));
  return pq_index_survey_documents(r->survey) < SAMPLE_MAX ? PQ_OK : PQ_YIELD;
}

static int stage_sample(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, sample_sink, c));
  if (c->s.scan.is_done) op->stage = stage_end;
  return PQ_OK;
}

static int stage_paths(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_schema_at at;
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, false));
  pq_schema_of(&c->s.snapshot.view, c->s.collection, &at);
  PQ_TRY(pq_schema_open(&c->s.stats->arena, c->s.collection, &at, &c->s.stats->schema));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, c->s.filter);
  op->stage = stage_sample;
  return PQ_OK;
}

int pq_open_path_stats(pq_command *c, pq_value target) {
  struct pq_stats_run *r;
  PQ_TRY(pq_target_collection(c, target));
  PQ_TRY(pq_filter_parse(&c->arena, NULL, (pq_value){0}, &c->s.filter));
  r = pq_alloc(c->op.cx, NULL, 0, sizeof *r);
  if (r == NULL) return pq_fail_nomem(c->op.cx);
  *r = (struct pq_stats_run){0};
  pq_arena_init(&r->arena, c->op.cx, c->op.cx->limits.op_len_max);
  c->s.stats = r;
  c->s.start = stage_paths;
  return pq_index_survey_new(&r->arena, &r->survey);
}
