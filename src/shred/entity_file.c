/* shred/entity_file.c - writing entity files. See entity.h for the columns. */
#include <string.h>

#include "shred/entity.h"
#include "shred/entity_fields.h"
#include "shred/shadow_count.h"

enum {
  ROWS_FILE = 4 << 20, /* of a file */
  DOC_LEN_FILE = 192 << 20,
  SPEC_ID = 0,
  SPEC_TYPE,
  SPEC_NAME,
  SPEC_CREATED_AT,
  SPEC_CREATED_BY,
  SPEC_UPDATED_AT,
  SPEC_UPDATED_BY,
  SPEC_VERSION,
  SPEC_DELETED,
  SPEC_DATA,
  SPEC_COUNT,
  LEAF_COUNT = PQ_ENTITY_LEAVES, /* $data has two */
  PAGE_LEN = 32 << 10,
  WIDE_PAGE = 256 << 10, /* for columns that compress to nothing */
  ORDERED_ROWS = 1024,   /* doc/decisions/0061 */
  PARTS_MAX = 16         /* row groups in memory beyond the first */
};

static const pq_column_spec fixed_specs[SPEC_COUNT] = {
    {.name = "$id",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = 1,
     .hint = PQ_HINT_SORTED,
     .has_bloom = true,
     .has_stats = true},
    {.name = "$type",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = 2,
     .has_stats = true,
     .page_len = WIDE_PAGE},
    {.name = "name",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = 3,
     .has_stats = true},
    {.name = "createdAt",
     .phys = PQ_PHYS_INT64,
     .logical = PQ_LOGICAL_TIMESTAMP_US,
     .field_id = 4,
     .has_stats = true},
    {.name = "createdBy",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = 5,
     .has_stats = true,
     .page_len = WIDE_PAGE},
    {.name = "updatedAt",
     .phys = PQ_PHYS_INT64,
     .logical = PQ_LOGICAL_TIMESTAMP_US,
     .field_id = 6,
     .has_stats = true},
    {.name = "updatedBy",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = 7,
     .has_stats = true,
     .page_len = WIDE_PAGE},
    {.name = "version", .phys = PQ_PHYS_INT64, .field_id = 8, .has_stats = true},
    {.name = "deleted",
     .phys = PQ_PHYS_BOOL,
     .field_id = 9,
     .has_stats = true,
     .page_len = WIDE_PAGE},
    {.name = "$data", .logical = PQ_LOGICAL_VARIANT, .field_id = 10, .hint = PQ_HINT_PLAIN},
};

typedef struct file_writer {
  pq_cx *cx;
  pq_arena arena; /* names and paths, for the whole file */
  pq_arena group; /* columns of one row group */
  pq_writer *writer;
  const pq_index_column *columns;
  const pq_entity_fields *fields; /* of the whole file */
  pq_entity_leaf_set leaves;      /* of trees */
  pq_index_walk *walk;
  pq_index_hit *hits; /* of one document, by column */
  uint32_t column_count;
  uint64_t *other, *null_explicit, *retyped, *unlike; /* by column */
  pq_shadow_count shadows;
} file_writer;

static int counters_new(file_writer *w) {
  w->hits = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->hits);
  w->other = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->other);
  w->null_explicit = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->null_explicit);
  w->retyped = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->retyped);
  w->unlike = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->unlike);
  if (w->hits == NULL || w->other == NULL || w->null_explicit == NULL || w->retyped == NULL ||
      w->unlike == NULL)
    return w->cx->code;
  return pq_index_walk_new(&w->arena, w->columns, w->column_count, &w->walk);
}

static int flat_node(file_writer *w, const pq_index_column *c, pq_node_spec *out) {
  char *name = c->name.n > 0 ? pq_arena_str(&w->arena, c->name)
                             : pq_arena_printf(&w->arena, "$index_%.*s", (int)c->path.n,
                                               (const char *)c->path.p);
  if (name == NULL) return w->cx->code;
  *out = pq_leaf_node(c);
  out->name = name;
  out->has_bloom = c->has_bloom || c->type == PQ_INDEX_OBJECT_ID;
  out->page_len = PAGE_LEN;
  return PQ_OK;
}

/* The schema of the file, node by node. */
static int make_nodes(file_writer *w, pq_node_spec **out, uint32_t *count) {
  const pq_entity_fields *f = w->fields;
  pq_node_spec *nodes = pq_arena_calloc(
      &w->arena, (size_t)SPEC_COUNT + 2 + w->column_count + f->tree_nodes, sizeof *nodes);
  uint32_t n = 0;
  *out = nodes;
  if (nodes == NULL) return w->cx->code;
  for (uint32_t i = 0; i < SPEC_COUNT; i++)
    if (i != SPEC_DATA || f->has_data) n += pq_column_spec_nodes(&fixed_specs[i], nodes + n);
  for (uint32_t i = 0; i < f->slot_count; i++) {
    uint32_t idx = f->slots[i].idx;
    if (f->slots[i].is_tree) {
      PQ_TRY(pq_field_tree_nodes(&w->arena, f->trees[idx], nodes + n));
      n += f->trees[idx]->node_count;
    } else {
      PQ_TRY(flat_node(w, &w->columns[idx], &nodes[n++]));
    }
  }
  *count = n;
  return PQ_OK;
}

static int open_writer(file_writer *w) {
  pq_writer_options options = {.created_by = "ParqueDB",
                               .is_compact = true,
                               .ordered_rows = ORDERED_ROWS,
                               .codec = w->fields->storage.codec,
                               .is_uncompressed = w->fields->storage.is_uncompressed,
                               .bloom_fpp = w->fields->storage.bloom_rate};
  pq_sort_column by_id = {.spec = SPEC_ID};
  pq_node_spec *nodes;
  uint32_t count = 0;
  PQ_TRY(counters_new(w));
  PQ_TRY(make_nodes(w, &nodes, &count));
  PQ_TRY(pq_writer_new_nested(w->cx, nodes, count, options, &w->writer));
  return pq_writer_sorting(w->writer, &by_id, 1);
}

/* An empty column of a row group: storage by physical type. */
static int column_new(file_writer *w, pq_phys phys, uint32_t count, bool is_optional,
                      pq_column *c) {
  *c = (pq_column){.phys = phys, .row_count = count};
  c->v.any = pq_arena_calloc(&w->group, count, pq_phys_size(phys));
  if (c->v.any == NULL) return w->cx->code;
  if (!is_optional) return PQ_OK;
  c->nulls = pq_arena_calloc(&w->group, count, 1);
  return c->nulls == NULL ? w->cx->code : PQ_OK;
}

static int fixed_columns(file_writer *w, uint32_t count, pq_column *cols) {
  for (uint32_t s = 0; s < SPEC_DATA; s++)
    PQ_TRY(column_new(w, fixed_specs[s].phys, count, false, &cols[s]));
  PQ_TRY(column_new(w, PQ_PHYS_BYTES, count, false, &cols[SPEC_DATA]));
  return column_new(w, PQ_PHYS_BYTES, count, false, &cols[SPEC_DATA + 1]);
}

static void fill_fixed(file_writer *w, const pq_entity *e, uint32_t i, pq_column *cols) {
  cols[SPEC_ID].v.bytes[i] = e->id;
  cols[SPEC_TYPE].v.bytes[i] = e->type;
  cols[SPEC_NAME].v.bytes[i] = pq_entity_name(e->id, e->data, e->name_field);
  pq_shadow_add(&w->shadows, e, cols[SPEC_NAME].v.bytes[i]);
  cols[SPEC_CREATED_AT].v.i64[i] = e->created_at;
  cols[SPEC_CREATED_BY].v.bytes[i] = e->created_by;
  cols[SPEC_UPDATED_AT].v.i64[i] = e->updated_at;
  cols[SPEC_UPDATED_BY].v.bytes[i] = e->updated_by;
  cols[SPEC_VERSION].v.i64[i] = (int64_t)e->version;
  cols[SPEC_DELETED].v.b[i] = e->is_deleted;
  cols[SPEC_DATA].v.bytes[i] = pq_value_meta(e->data);
  cols[SPEC_DATA + 1].v.bytes[i] = pq_value_bytes(e->data);
}

static int put_hit(file_writer *w, uint32_t column, const pq_index_hit *hit, uint32_t row,
                   pq_column *c) {
  pq_index_type type = w->columns[column].type;
  c->nulls[row] = hit->found != PQ_FOUND_VALUE;
  w->other[column] += hit->found == PQ_FOUND_OTHER;
  w->null_explicit[column] += hit->found == PQ_FOUND_NULL;
  if (hit->found != PQ_FOUND_VALUE) return PQ_OK;
  w->retyped[column] += !pq_index_is_kept(hit->value, type);
  w->unlike[column] += !pq_typed_is_like(hit->value, type);
  PQ_TRY(pq_leaf_set(&w->group, hit->value, &w->columns[column], c, row));
  return PQ_OK;
}

/* Document by document: each is read once for all columns. */
static int fill_indexes(file_writer *w, pq_value doc, uint32_t row, pq_column *cols) {
  if (w->column_count == 0) return PQ_OK;
  pq_index_walk_find(w->walk, doc, w->hits);
  for (uint32_t i = 0; i < w->column_count; i++)
    PQ_TRY(put_hit(w, i, &w->hits[i], row, &cols[i]));
  return PQ_OK;
}

/* Flat columns and those of trees in the order of the file; their number. */
static uint32_t order_columns(const file_writer *w, const pq_column *flat, uint32_t count,
                              pq_column *out) {
  const pq_entity_fields *f = w->fields;
  uint32_t n = 0, leaf = 0;
  for (uint32_t i = 0; i < f->slot_count; i++) {
    uint32_t idx = f->slots[i].idx;
    if (!f->slots[i].is_tree) {
      out[n++] = flat[idx];
      continue;
    }
    for (uint32_t k = 0; k < f->trees[idx]->leaf_count; k++)
      out[n++] = pq_leaf_column_view(&w->leaves.columns[leaf++], count);
  }
  return n;
}

/* The columns of a row group on their way. */
typedef struct group_columns {
  pq_column *cols, *flat; /* in w->group */
  uint32_t count, filled; /* rows */
} group_columns;

static int begin_group(file_writer *w, uint32_t count, group_columns *g) {
  *g = (group_columns){.count = count};
  pq_shadow_forget(&w->shadows);
  pq_arena_clear(&w->group);
  g->cols = pq_arena_calloc(
      &w->group, (size_t)LEAF_COUNT + w->column_count + w->fields->tree_leaves, sizeof *g->cols);
  g->flat = pq_arena_calloc(&w->group, w->column_count, sizeof *g->flat);
  if (g->cols == NULL || g->flat == NULL) return w->cx->code;
  PQ_TRY(fixed_columns(w, count, g->cols));
  for (uint32_t i = 0; i < w->column_count; i++)
    PQ_TRY(column_new(w, pq_leaf_node(&w->columns[i]).phys, count, true, &g->flat[i]));
  return pq_entity_leaf_set_begin(&w->leaves, w->fields, w->cx);
}

/* The next `n` rows, of `rows`, into the columns. */
static int fill_group(file_writer *w, group_columns *g, const pq_entity *rows, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    fill_fixed(w, &rows[i], g->filled + i, g->cols);
    PQ_TRY(fill_indexes(w, rows[i].data, g->filled + i, g->flat));
  }
  g->filled += n;
  return pq_entity_leaf_set_add(&w->leaves, w->fields, &w->group, rows, n);
}

/* All rows are filled in: the columns as the writer takes them, and their number. */
static uint32_t end_group(file_writer *w, group_columns *g) {
  uint32_t n = w->fields->has_data ? LEAF_COUNT : PQ_ENTITY_META;
  return n + order_columns(w, g->flat, g->count, g->cols + n);
}

static int write_group(file_writer *w, const pq_entity *rows, uint32_t count) {
  group_columns g;
  PQ_TRY(begin_group(w, count, &g));
  PQ_TRY(fill_group(w, &g, rows, count));
  return pq_writer_add(w->writer, g.cols, end_group(w, &g));
}

/* "parquedb.index.<path>": "<other> <null_explicit> <retyped>[ <unlike>]", and what the file is. */
static int finish(file_writer *w, pq_slice collection) {
  pq_key_value *kv =
      pq_arena_calloc(&w->arena, (size_t)w->column_count + SPEC_COUNT + 5, sizeof *kv);
  char *keys = pq_arena_printf(&w->arena, "%llu", (unsigned long long)w->shadows.key_other);
  uint32_t n = 0;
  if (kv == NULL || keys == NULL) return w->cx->code;
  kv[n++] = (pq_key_value){PQ_SLICE("parquedb.kind"), PQ_SLICE("data 1")};
  kv[n++] = (pq_key_value){PQ_SLICE("parquedb.collection"), collection};
  if (!w->fields->has_data)
    kv[n++] = (pq_key_value){pq_str(PQ_ENTITY_DOCUMENT_KEY), pq_str(PQ_ENTITY_DOCUMENT_COLUMNS)};
  kv[n++] = (pq_key_value){PQ_SLICE("parquedb.keys"), pq_str(keys)};
  if (w->shadows.keyless == 0)
    kv[n++] = (pq_key_value){PQ_SLICE("parquedb.keyless"), PQ_SLICE("0")};
  for (uint32_t s = 0; s < PQ_SHADOWS; s++) {
    char *key = pq_arena_printf(&w->arena, "parquedb.index.%s", pq_shadow_name(s));
    char *value = pq_arena_printf(&w->arena, s == PQ_SHADOW_NAME ? "%llu 0" : "%llu 0 0",
                                  (unsigned long long)w->shadows.other[s]);
    if (key == NULL || value == NULL) return w->cx->code;
    kv[n++] = (pq_key_value){pq_str(key), pq_str(value)};
  }
  for (uint32_t i = 0; i < w->column_count; i++) {
    pq_slice path = w->columns[i].path;
    char *key, *value;
    /* A filter on a name of a system field looks into the document first: no column can tell. */
    if (!pq_index_is_pushed(w->columns[i].type) || pq_index_is_system(path)) continue;
    key = pq_arena_printf(&w->arena, "parquedb.index.%.*s", (int)path.n, (const char *)path.p);
    value =
        pq_arena_printf(&w->arena, "%llu %llu %llu", (unsigned long long)w->other[i],
                        (unsigned long long)w->null_explicit[i], (unsigned long long)w->retyped[i]);
    if (value != NULL && !pq_index_is_plain(w->columns[i].type))
      value = pq_arena_printf(&w->arena, "%s %llu", value, (unsigned long long)w->unlike[i]);
    if (key == NULL || value == NULL) return w->cx->code;
    kv[n++] = (pq_key_value){pq_str(key), pq_str(value)};
  }
  return pq_writer_finish(w->writer, kv, n);
}

uint32_t pq_entity_file_rows(const pq_entity *entities, uint32_t count) {
  uint64_t len = 0;
  uint32_t n = 0;
  for (; n < count && n < ROWS_FILE && len < DOC_LEN_FILE; n++)
    len += entities[n].data.len + entities[n].data.meta_len;
  return n;
}

/* ---- row groups side by side ---- */

/* A row group on its way: the first one in the file's own writer, the others in one of theirs that
 * then joins it. */
typedef struct part {
  file_writer *w;
  file_writer own;
  pq_cx cx; /* of `own` */
  const pq_entity *rows;
  uint32_t count;
  int rc;
} part;

static void writer_init(file_writer *w, pq_cx *cx, const pq_entity_table *table) {
  *w = (file_writer){.cx = cx, .columns = table->columns, .column_count = table->column_count};
  pq_arena_init(&w->arena, cx, cx->limits.op_len_max);
  pq_arena_init(&w->group, cx, cx->limits.op_len_max);
}

static void writer_release(file_writer *w) {
  pq_entity_leaf_set_release(&w->leaves, w->cx);
  pq_arena_release(&w->arena);
  pq_arena_release(&w->group);
  pq_writer_free(w->writer);
}

static void run_part(void *ctx, uint32_t i) {
  part *p = &((part *)ctx)[i];
  if (p->w->writer == NULL) p->rc = open_writer(p->w);
  if (p->rc == PQ_OK) p->rc = write_group(p->w, p->rows, p->count);
  if (p->w == &p->own) pq_arena_release(&p->own.group); /* the file's is used again */
}

/* What write_group counted is the file's. */
static int join_part(file_writer *w, const part *p) {
  if (p->w == w) return p->rc;
  if (p->rc != PQ_OK) return pq_fail(w->cx, p->rc, "%s", p->cx.msg);
  for (uint32_t i = 0; i < w->column_count; i++) {
    w->other[i] += p->w->other[i];
    w->null_explicit[i] += p->w->null_explicit[i];
    w->retyped[i] += p->w->retyped[i];
    w->unlike[i] += p->w->unlike[i];
  }
  pq_shadow_join(&w->shadows, &p->w->shadows);
  return pq_writer_join(w->writer, p->w->writer);
}

/* Where the next row group ends. */
static uint32_t group_rows(const file_writer *w, const pq_entity *entities, uint32_t count) {
  uint64_t len = 0;
  uint32_t n = 0;
  while (n < count && n < w->fields->storage.rows && len < w->cx->limits.row_group_len_max)
    len += entities[n++].data.len;
  return n;
}

/* Write the next row groups, at most PARTS_MAX; *from moves behind them. */
static int write_parts(file_writer *w, const pq_task_runner *runner, const pq_entity_table *table,
                       const pq_entity *entities, uint32_t count, uint32_t *from) {
  part *parts = pq_arena_calloc(&w->arena, PARTS_MAX, sizeof *parts);
  uint32_t n = 0;
  int rc = PQ_OK;
  if (parts == NULL) return w->cx->code;
  for (; n < PARTS_MAX && *from < count; n++) {
    part *p = &parts[n];
    pq_task_cx(&p->cx, w->cx);
    writer_init(&p->own, &p->cx, table);
    p->own.fields = w->fields;
    p->w = n == 0 ? w : &p->own;
    p->rows = entities + *from;
    p->count = group_rows(w, p->rows, count - *from);
    *from += p->count;
  }
  pq_tasks_run(runner, run_part, parts, n);
  for (uint32_t i = 0; i < n; i++) {
    if (rc == PQ_OK) rc = join_part(w, &parts[i]);
    writer_release(&parts[i].own);
  }
  return rc;
}

int pq_entity_file_write(pq_cx *cx, const pq_task_runner *runner, const pq_entity_table *table,
                         const pq_entity *entities, uint32_t count, pq_writer **out) {
  pq_entity_fields fields;
  file_writer w;
  uint32_t from = 0;
  int rc;
  *out = NULL;
  writer_init(&w, cx, table);
  w.fields = &fields;
  rc = pq_entity_fields_choose(&w.arena, table, entities, count, false, &fields);
  if (rc == PQ_OK) rc = open_writer(&w);
  while (rc == PQ_OK && from < count)
    rc = write_parts(&w, runner, table, entities, count, &from);
  if (rc == PQ_OK) rc = finish(&w, table->collection);
  if (rc == PQ_OK) {
    *out = w.writer;
    w.writer = NULL;
  }
  writer_release(&w);
  return rc;
}

/* ---- in steps ---- */

struct pq_entity_stream {
  pq_entity_table table;
  pq_entity_fields fields;
  file_writer w;
  pq_arena rows_arena, scratch; /* what the rows of the row group borrow from */
  pq_entity *rows;              /* owned */
  uint32_t count, cap;
  uint64_t len;  /* bytes of them */
  bool is_full;  /* the row group is complete … */
  bool is_begun; /* … its columns are being filled … */
  bool is_writing;
  group_columns group;
  uint64_t row_count; /* of the file */
  pq_slice id_min;    /* in w.arena */
  pq_buf id_max;      /* owned */
};

int pq_entity_stream_new(pq_cx *cx, const pq_entity_table *table, bool keeps_data,
                         pq_entity_stream **out) {
  pq_entity_stream *s = pq_alloc(cx, NULL, 0, sizeof *s);
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (pq_entity_stream){.table = *table};
  writer_init(&s->w, cx, &s->table);
  pq_arena_init(&s->rows_arena, cx, cx->limits.op_len_max);
  pq_arena_init(&s->scratch, cx, cx->limits.op_len_max);
  pq_buf_init(&s->id_max, cx, SIZE_MAX / 4);
  s->w.fields = &s->fields;
  rc = pq_entity_fields_choose(&s->w.arena, &s->table, NULL, 0, keeps_data, &s->fields);
  if (rc == PQ_OK) rc = open_writer(&s->w);
  if (rc == PQ_OK)
    *out = s;
  else
    pq_entity_stream_free(s);
  return rc;
}

void pq_entity_stream_free(pq_entity_stream *s) {
  pq_cx *cx;
  if (s == NULL) return;
  cx = s->w.cx;
  writer_release(&s->w);
  pq_arena_release(&s->rows_arena);
  pq_arena_release(&s->scratch);
  pq_buf_release(&s->id_max);
  if (s->rows != NULL) pq_alloc(cx, s->rows, s->cap * sizeof *s->rows, 0);
  pq_alloc(cx, s, sizeof *s, 0);
}

static int reserve_row(pq_entity_stream *s) {
  uint32_t cap = s->cap == 0 ? 1024 : s->cap * 2;
  pq_entity *rows;
  if (s->count < s->cap) return PQ_OK;
  rows = pq_alloc(s->w.cx, s->rows, s->cap * sizeof *rows, cap * sizeof *rows);
  if (rows == NULL) return pq_fail_nomem(s->w.cx);
  s->rows = rows;
  s->cap = cap;
  return PQ_OK;
}

/* Copy the texts and the document; names that the row before has too are held once. */
static int keep_row(pq_entity_stream *s, pq_entity *e) {
  pq_arena *arena = &s->rows_arena;
  const pq_entity *before = s->count == 0 ? NULL : &s->rows[s->count - 1];
  pq_slice *texts[] = {&e->id, &e->type, &e->created_by, &e->updated_by, &e->name_field};
  pq_slice names = pq_value_meta(e->data), bytes;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    PQ_TRY(pq_arena_copy(arena, *texts[i], texts[i]));
  PQ_TRY(pq_arena_copy(arena, pq_value_bytes(e->data), &bytes));
  if (before != NULL && pq_slice_eq(names, pq_value_meta(before->data))) {
    names = pq_value_meta(before->data);
  } else {
    PQ_TRY(pq_arena_copy(arena, names, &names));
    s->len += names.n;
  }
  e->data.meta = names.p;
  e->data.p = bytes.p;
  s->len += bytes.n + e->id.n + sizeof *e;
  return PQ_OK;
}

int pq_entity_stream_put(pq_entity_stream *s, const pq_entity *e) {
  pq_entity row = *e;
  pq_assert(!s->is_full);
  if (!s->fields.has_data) {
    bool is_normal;
    pq_arena_clear(&s->scratch);
    PQ_TRY(pq_entity_is_normal(&s->scratch, s->table.schema, e, &is_normal));
    if (!is_normal) return PQ_MISFIT;
  }
  PQ_TRY(reserve_row(s));
  PQ_TRY(keep_row(s, &row));
  if (s->row_count == 0) PQ_TRY(pq_arena_copy(&s->w.arena, e->id, &s->id_min));
  pq_buf_clear(&s->id_max);
  PQ_TRY(pq_buf_put_slice(&s->id_max, e->id));
  s->rows[s->count++] = row;
  s->row_count++;
  s->is_full = s->count >= s->fields.storage.rows || s->len >= s->w.cx->limits.row_group_len_max;
  return PQ_OK;
}

void pq_entity_stream_end(pq_entity_stream *s) {
  s->is_full = s->count > 0;
}

bool pq_entity_stream_is_full(const pq_entity_stream *s) {
  return s->is_full;
}

/* Rows into columns, until *len_left bytes of documents have been looked at. */
static int fill_step(pq_entity_stream *s, uint64_t *len_left) {
  group_columns *g = &s->group;
  uint32_t n = 0;
  uint64_t len = 0;
  while (g->filled + n < s->count && len < *len_left)
    len += s->rows[g->filled + n++].data.len;
  *len_left -= len < *len_left ? len : *len_left;
  return fill_group(&s->w, g, s->rows + g->filled, n);
}

int pq_entity_stream_step(pq_entity_stream *s, uint64_t *len_left) {
  bool is_done = false;
  pq_assert(s->is_full);
  if (!s->is_begun) PQ_TRY(begin_group(&s->w, s->count, &s->group));
  s->is_begun = true;
  if (s->group.filled < s->count) PQ_TRY(fill_step(s, len_left));
  if (s->group.filled < s->count) return PQ_OK;
  if (!s->is_writing)
    PQ_TRY(pq_writer_begin(s->w.writer, s->group.cols, end_group(&s->w, &s->group)));
  s->is_writing = true;
  PQ_TRY(pq_writer_step(s->w.writer, len_left, &is_done));
  if (!is_done) return PQ_OK;
  s->is_full = s->is_begun = s->is_writing = false;
  s->count = 0;
  s->len = 0;
  pq_arena_clear(&s->rows_arena);
  return PQ_OK;
}

uint64_t pq_entity_stream_len(const pq_entity_stream *s) {
  return pq_writer_len(s->w.writer);
}

pq_writer *pq_entity_stream_writer(pq_entity_stream *s) {
  return s->w.writer;
}

uint64_t pq_entity_stream_rows(const pq_entity_stream *s, pq_slice *id_min, pq_slice *id_max) {
  *id_min = s->id_min;
  *id_max = pq_buf_slice(&s->id_max);
  return s->row_count;
}

int pq_entity_stream_finish(pq_entity_stream *s, pq_writer **out) {
  *out = NULL;
  pq_assert(!s->is_full && s->count == 0);
  PQ_TRY(finish(&s->w, s->table.collection));
  *out = s->w.writer;
  s->w.writer = NULL;
  return PQ_OK;
}
