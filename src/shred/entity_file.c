/* shred/entity_file.c - writing entity files. See entity.h for the columns. */
#include <string.h>

#include "shred/entity.h"

enum {
  DOC_LEN_MAX = 16 << 20, /* bytes of documents in a row group (PARQUET.md 3: 8-16 MB) */
  ROWS_FILE = 4 << 20,    /* of a file */
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
  WIDE_PAGE = 256 << 10,         /* for columns that compress to nothing */
  UUID_LEN = 16
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
     .has_stats = true,
     .page_len = WIDE_PAGE},
    {.name = "createdBy",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = 5,
     .page_len = WIDE_PAGE},
    {.name = "updatedAt",
     .phys = PQ_PHYS_INT64,
     .logical = PQ_LOGICAL_TIMESTAMP_US,
     .field_id = 6,
     .has_stats = true,
     .page_len = WIDE_PAGE},
    {.name = "updatedBy",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = 7,
     .page_len = WIDE_PAGE},
    {.name = "version",
     .phys = PQ_PHYS_INT64,
     .field_id = 8,
     .has_stats = true,
     .page_len = WIDE_PAGE},
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
  pq_index_walk *walk;
  pq_index_hit *hits; /* of one document, by column */
  uint32_t column_count;
  uint64_t *other, *null_explicit, *retyped; /* by column */
  /* Documents with a field that is not what the system column of its name says. */
  uint64_t system_other[SPEC_COUNT];
} file_writer;

static pq_phys index_phys(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_INT64:
    case PQ_INDEX_TIMESTAMP_MS:
    case PQ_INDEX_TIMESTAMP: return PQ_PHYS_INT64;
    case PQ_INDEX_DOUBLE: return PQ_PHYS_DOUBLE;
    case PQ_INDEX_FLOAT: return PQ_PHYS_FLOAT;
    case PQ_INDEX_DATE: return PQ_PHYS_INT32;
    case PQ_INDEX_UUID: return PQ_PHYS_FIXED;
    case PQ_INDEX_BOOL: return PQ_PHYS_BOOL;
    default: return PQ_PHYS_BYTES;
  }
}

static pq_logical index_logical(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_TIMESTAMP: return PQ_LOGICAL_TIMESTAMP_US;
    case PQ_INDEX_TIMESTAMP_MS: return PQ_LOGICAL_TIMESTAMP_MS;
    case PQ_INDEX_DATE: return PQ_LOGICAL_DATE;
    case PQ_INDEX_UUID: return PQ_LOGICAL_UUID;
    case PQ_INDEX_STRING:
    case PQ_INDEX_OBJECT_ID: return PQ_LOGICAL_STRING;
    default: return PQ_LOGICAL_NONE;
  }
}

static int open_writer(file_writer *w) {
  uint32_t count = SPEC_COUNT + w->column_count;
  pq_column_spec *specs = pq_arena_calloc(&w->arena, count, sizeof *specs);
  pq_sort_column by_id = {.spec = SPEC_ID};
  w->hits = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->hits);
  w->other = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->other);
  w->null_explicit = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->null_explicit);
  w->retyped = pq_arena_calloc(&w->arena, w->column_count, sizeof *w->retyped);
  if (specs == NULL || w->hits == NULL || w->other == NULL || w->null_explicit == NULL ||
      w->retyped == NULL)
    return w->cx->code;
  PQ_TRY(pq_index_walk_new(&w->arena, w->columns, w->column_count, &w->walk));
  memcpy(specs, fixed_specs, sizeof fixed_specs);
  for (uint32_t i = 0; i < w->column_count; i++) {
    const pq_index_column *c = &w->columns[i];
    char *name = c->name.n > 0 ? pq_arena_str(&w->arena, c->name)
                               : pq_arena_printf(&w->arena, "$index_%.*s", (int)c->path.n,
                                                 (const char *)c->path.p);
    if (name == NULL) return w->cx->code;
    specs[SPEC_COUNT + i] =
        (pq_column_spec){.name = name,
                         .phys = index_phys(c->type),
                         .logical = index_logical(c->type),
                         .type_len = c->type == PQ_INDEX_UUID ? UUID_LEN : 0,
                         .is_optional = true,
                         .field_id = c->field_id,
                         .has_bloom = c->has_bloom || c->type == PQ_INDEX_OBJECT_ID,
                         .has_stats = true};
  }
  PQ_TRY(pq_writer_new(w->cx, specs, count, (pq_writer_options){.created_by = "ParqueDB"},
                       &w->writer));
  return pq_writer_sorting(w->writer, &by_id, 1);
}

/* An empty column of a row group: storage by physical type. */
static int column_new(file_writer *w, pq_phys phys, uint32_t count, bool is_optional,
                      pq_column *c) {
  bool is_bytes = phys == PQ_PHYS_BYTES || phys == PQ_PHYS_FIXED;
  size_t width = phys == PQ_PHYS_BOOL ? 1 : is_bytes ? sizeof(pq_slice) : 8;
  *c = (pq_column){.phys = phys, .row_count = count};
  c->v.any = pq_arena_calloc(&w->group, count, width);
  if (c->v.any == NULL) return w->cx->code;
  if (!is_optional) return PQ_OK;
  c->nulls = pq_arena_calloc(&w->group, count, 1);
  return c->nulls == NULL ? w->cx->code : PQ_OK;
}

/* Would a filter on `name` see what the column says? It looks into the document first. */
static bool is_name_of(const pq_entity *e, pq_slice name) {
  pq_value v = pq_object_get_str(e->data, "name");
  pq_slice text;
  return pq_value_is_missing(v) || (pq_value_string(v, &text) && pq_slice_eq(text, name));
}

/* Columns whose names documents may have as well. */
static bool is_shadowed(uint32_t spec) {
  return spec >= SPEC_NAME && spec <= SPEC_VERSION;
}

static void count_shadows(file_writer *w, const pq_entity *e, pq_slice name) {
  w->system_other[SPEC_NAME] += !is_name_of(e, name);
  for (uint32_t s = SPEC_NAME + 1; is_shadowed(s); s++)
    w->system_other[s] += !pq_value_is_missing(pq_object_get_str(e->data, fixed_specs[s].name));
}

static int fixed_columns(file_writer *w, const pq_entity *rows, uint32_t count, pq_column *cols) {
  for (uint32_t s = 0; s < SPEC_DATA; s++)
    PQ_TRY(column_new(w, fixed_specs[s].phys, count, false, &cols[s]));
  PQ_TRY(column_new(w, PQ_PHYS_BYTES, count, false, &cols[SPEC_DATA]));
  PQ_TRY(column_new(w, PQ_PHYS_BYTES, count, false, &cols[SPEC_DATA + 1]));
  for (uint32_t i = 0; i < count; i++) {
    const pq_entity *e = &rows[i];
    cols[SPEC_ID].v.bytes[i] = e->id;
    cols[SPEC_TYPE].v.bytes[i] = e->type;
    cols[SPEC_NAME].v.bytes[i] = pq_entity_name(e->id, e->data);
    count_shadows(w, e, cols[SPEC_NAME].v.bytes[i]);
    cols[SPEC_CREATED_AT].v.i64[i] = e->created_at;
    cols[SPEC_CREATED_BY].v.bytes[i] = e->created_by;
    cols[SPEC_UPDATED_AT].v.i64[i] = e->updated_at;
    cols[SPEC_UPDATED_BY].v.bytes[i] = e->updated_by;
    cols[SPEC_VERSION].v.i64[i] = (int64_t)e->version;
    cols[SPEC_DELETED].v.b[i] = e->is_deleted;
    cols[SPEC_DATA].v.bytes[i] = pq_value_meta(e->data);
    cols[SPEC_DATA + 1].v.bytes[i] = pq_value_bytes(e->data);
  }
  return PQ_OK;
}

static void set_cell(pq_column *c, uint32_t row, pq_index_type type, pq_value v) {
  bool flag = false;
  switch (type) {
    case PQ_INDEX_INT64: (void)pq_value_i64(v, &c->v.i64[row]); break;
    case PQ_INDEX_DOUBLE: (void)pq_value_number(v, &c->v.f64[row]); break;
    case PQ_INDEX_TIMESTAMP: (void)pq_value_date_us(v, &c->v.i64[row]); break;
    case PQ_INDEX_STRING: (void)pq_value_string(v, &c->v.bytes[row]); break;
    case PQ_INDEX_OBJECT_ID: (void)pq_value_object_id(v, &c->v.bytes[row]); break;
    case PQ_INDEX_BOOL:
      (void)pq_value_bool(v, &flag);
      c->v.b[row] = flag;
      break;
    default: pq_unreachable("index type");
  }
}

static int put_hit(file_writer *w, uint32_t column, const pq_index_hit *hit, uint32_t row,
                   pq_column *c) {
  pq_index_type type = w->columns[column].type;
  c->nulls[row] = hit->found != PQ_FOUND_VALUE;
  w->other[column] += hit->found == PQ_FOUND_OTHER;
  w->null_explicit[column] += hit->found == PQ_FOUND_NULL;
  if (hit->found != PQ_FOUND_VALUE) return PQ_OK;
  if (!pq_index_is_pushed(type)) return pq_typed_set(&w->group, hit->value, type, c, row);
  set_cell(c, row, type, hit->value);
  w->retyped[column] += !pq_index_is_kept(hit->value, type);
  return PQ_OK;
}

/* Document by document: each is read once for all columns. */
static int index_columns(file_writer *w, const pq_entity *rows, uint32_t count, pq_column *cols) {
  for (uint32_t i = 0; i < w->column_count; i++)
    PQ_TRY(column_new(w, index_phys(w->columns[i].type), count, true, &cols[i]));
  for (uint32_t row = 0; row < count && w->column_count > 0; row++) {
    pq_index_walk_find(w->walk, rows[row].data, w->hits);
    for (uint32_t i = 0; i < w->column_count; i++)
      PQ_TRY(put_hit(w, i, &w->hits[i], row, &cols[i]));
  }
  return PQ_OK;
}

static int write_group(file_writer *w, const pq_entity *rows, uint32_t count) {
  pq_column *cols;
  pq_arena_clear(&w->group);
  cols = pq_arena_calloc(&w->group, (size_t)LEAF_COUNT + w->column_count, sizeof *cols);
  if (cols == NULL) return w->cx->code;
  PQ_TRY(fixed_columns(w, rows, count, cols));
  PQ_TRY(index_columns(w, rows, count, cols + LEAF_COUNT));
  return pq_writer_add(w->writer, cols, LEAF_COUNT + w->column_count);
}

/* "parquedb.index.<path>": "<other> <null_explicit> <retyped>", and what the file is. */
static int finish(file_writer *w, pq_slice collection) {
  pq_key_value *kv =
      pq_arena_calloc(&w->arena, (size_t)w->column_count + SPEC_COUNT + 2, sizeof *kv);
  uint32_t n = 0;
  if (kv == NULL) return w->cx->code;
  kv[n++] = (pq_key_value){PQ_SLICE("parquedb.kind"), PQ_SLICE("data 1")};
  kv[n++] = (pq_key_value){PQ_SLICE("parquedb.collection"), collection};
  for (uint32_t s = SPEC_NAME; is_shadowed(s); s++) {
    char *key = pq_arena_printf(&w->arena, "parquedb.index.%s", fixed_specs[s].name);
    char *value = pq_arena_printf(&w->arena, s == SPEC_NAME ? "%llu 0" : "%llu 0 0",
                                  (unsigned long long)w->system_other[s]);
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

int pq_entity_file_write(pq_cx *cx, pq_slice collection, const pq_index_column *columns,
                         uint32_t column_count, const pq_entity *entities, uint32_t count,
                         pq_writer **out) {
  file_writer w = {.cx = cx, .columns = columns, .column_count = column_count};
  uint32_t from = 0;
  int rc;
  *out = NULL;
  pq_arena_init(&w.arena, cx, cx->limits.op_len_max);
  pq_arena_init(&w.group, cx, cx->limits.op_len_max);
  rc = open_writer(&w);
  while (rc == PQ_OK && from < count) {
    uint32_t n = 0;
    uint64_t len = 0;
    while (from + n < count && n < cx->limits.row_group_rows_max && len < DOC_LEN_MAX)
      len += entities[from + n++].data.len;
    rc = write_group(&w, entities + from, n);
    from += n;
  }
  if (rc == PQ_OK) rc = finish(&w, collection);
  pq_arena_release(&w.arena);
  pq_arena_release(&w.group);
  if (rc != PQ_OK) {
    pq_writer_free(w.writer);
    return rc;
  }
  *out = w.writer;
  return PQ_OK;
}
