/* shred/entity_read.c - reading rows of entity files. See entity.h.
 *
 * `want` and `read` walk the same plan: the leaves that the wanted set needs, each with its page
 * index when only some rows are asked for.
 */
#include <string.h>

#include "shred/entity_document.h"
#include "value/variant_raw.h"

typedef enum leaf_id {
  LEAF_ID,
  LEAF_TYPE,
  LEAF_NAME,
  LEAF_CREATED_AT,
  LEAF_CREATED_BY,
  LEAF_UPDATED_AT,
  LEAF_UPDATED_BY,
  LEAF_VERSION,
  LEAF_DELETED,
  LEAF_META,
  LEAF_VALUE,
  LEAF_COUNT
} leaf_id;

_Static_assert((int)LEAF_COUNT == (int)PQ_ENTITY_LEAVES && (int)LEAF_META == (int)PQ_ENTITY_META &&
                   (int)LEAF_VALUE == (int)PQ_ENTITY_VALUE,
               "columns are numbered as entity.h says");

static const struct leaf_plan {
  const char *path;
  unsigned want;
  pq_phys phys;
} plan[LEAF_COUNT] = {
    {"$id", PQ_WANT_ID, PQ_PHYS_BYTES},           {"$type", PQ_WANT_SYSTEM, PQ_PHYS_BYTES},
    {"name", PQ_WANT_NAME, PQ_PHYS_BYTES},        {"createdAt", PQ_WANT_SYSTEM, PQ_PHYS_INT64},
    {"createdBy", PQ_WANT_SYSTEM, PQ_PHYS_BYTES}, {"updatedAt", PQ_WANT_SYSTEM, PQ_PHYS_INT64},
    {"updatedBy", PQ_WANT_SYSTEM, PQ_PHYS_BYTES}, {"version", PQ_WANT_SYSTEM, PQ_PHYS_INT64},
    {"deleted", PQ_WANT_DELETED, PQ_PHYS_BOOL},   {"$data.metadata", PQ_WANT_DATA, PQ_PHYS_BYTES},
    {"$data.value", PQ_WANT_DATA, PQ_PHYS_BYTES},
};

/* The leaf of a planned column, checked: there, and of the type that we write. */
static int find_leaf(pq_cx *cx, const pq_file *file, leaf_id id, uint32_t *leaf) {
  int i = pq_footer_leaf(file->footer, plan[id].path);
  *leaf = 0;
  if (i < 0) return pq_fail(cx, PQ_ECORRUPT, "%s: no column %s", file->key, plan[id].path);
  *leaf = (uint32_t)i;
  if (file->footer->leaves[i].phys != plan[id].phys)
    return pq_fail(cx, PQ_ECORRUPT, "%s: column %s has the wrong type", file->key, plan[id].path);
  return PQ_OK;
}

/* `names`: a dictionary that was found good. Rows of a page mostly share one. */
static int check_document(pq_cx *cx, const pq_file *file, pq_slice meta, pq_slice bytes,
                          pq_slice names, pq_value *out) {
  bool is_known = meta.p == names.p && meta.n == names.n && meta.n <= UINT32_MAX && meta.n > 0;
  int rc = is_known ? pq_value_check_part(cx, meta, bytes, 0, out)
                    : pq_value_check(cx, meta, bytes, out);
  if (rc == PQ_OK && !pq_value_is_raw_object(*out))
    rc = pq_fail(cx, PQ_ECORRUPT, "a document is no object");
  return rc == PQ_OK ? PQ_OK : pq_fail(cx, rc, "%s: $data: %s", file->key, cx->msg);
}

/* ---- single rows ---- */

int pq_entity_leaves(pq_cx *cx, const pq_file *file, uint32_t out[PQ_ENTITY_LEAVES]) {
  int count = pq_entity_is_columnar(file->footer) ? LEAF_META : LEAF_COUNT;
  out[LEAF_META] = out[LEAF_VALUE] = PQ_NO_NODE;
  for (int id = 0; id < count; id++)
    PQ_TRY(find_leaf(cx, file, (leaf_id)id, &out[id]));
  return PQ_OK;
}

bool pq_entity_leaf_is_wanted(uint32_t column, unsigned want) {
  return (plan[column].want & want) != 0;
}

void pq_entity_set(pq_entity *e, pq_slice *name, uint32_t column, const pq_column *c,
                   uint32_t row) {
  switch ((leaf_id)column) {
    case LEAF_ID: e->id = c->v.bytes[row]; break;
    case LEAF_TYPE: e->type = c->v.bytes[row]; break;
    case LEAF_NAME:
      if (name != NULL) *name = c->v.bytes[row];
      break;
    case LEAF_CREATED_AT: e->created_at = c->v.i64[row]; break;
    case LEAF_CREATED_BY: e->created_by = c->v.bytes[row]; break;
    case LEAF_UPDATED_AT: e->updated_at = c->v.i64[row]; break;
    case LEAF_UPDATED_BY: e->updated_by = c->v.bytes[row]; break;
    case LEAF_VERSION: e->version = (uint64_t)c->v.i64[row]; break;
    case LEAF_DELETED: e->is_deleted = c->v.b[row] != 0; break;
    default: break; /* pq_entity_set_data */
  }
}

bool pq_entity_set_told(pq_entity *e, pq_slice *name, uint32_t column, const pq_page_info *page) {
  pq_slice text = page->min;
  int64_t number = 0;
  uint8_t flag = 0;
  pq_column one = {.phys = plan[column].phys, .row_count = 1};
  if (column >= LEAF_META || !page->has_bounds || !pq_slice_eq(page->min, page->max)) return false;
  switch (one.phys) {
    case PQ_PHYS_BYTES: one.v.bytes = &text; break;
    case PQ_PHYS_INT64:
      if (page->min.n != sizeof number) return false;
      memcpy(&number, page->min.p, sizeof number);
      one.v.i64 = &number;
      break;
    default:
      if (page->min.n != 1) return false;
      flag = page->min.p[0];
      one.v.b = &flag;
      break;
  }
  pq_entity_set(e, name, column, &one, 0);
  return true;
}

int pq_entity_set_data(pq_cx *cx, const pq_file *file, const pq_column *meta, uint32_t meta_row,
                       const pq_column *value, uint32_t value_row, uint8_t *is_checked,
                       pq_entity *e) {
  pq_slice names = meta->v.bytes[meta_row], bytes = value->v.bytes[value_row];
  if (*is_checked == 0) {
    PQ_TRY(check_document(cx, file, names, bytes, (pq_slice){0}, &e->data));
    *is_checked = 1;
    return PQ_OK;
  }
  e->data = (pq_value){names.p, bytes.p, (uint32_t)names.n, (uint32_t)bytes.n};
  return PQ_OK;
}

/* ---- rows of a row group ---- */

/* Which rows, and where they come from. */
typedef struct row_source {
  pq_fetch *f;
  pq_arena *arena;
  const pq_file *file;
  uint32_t row_group;
  const pq_row_range *ranges;
  uint32_t range_count; /* 0: all rows */
} row_source;

static int want_leaf(const row_source *s, uint32_t leaf, bool *is_missing) {
  pq_page_index index = {0};
  int rc = PQ_OK;
  if (s->range_count > 0)
    rc = pq_page_index_fetch(s->f, s->arena, s->file, s->row_group, leaf, &index);
  if (rc == PQ_OK)
    rc = pq_chunk_want(s->f, s->file, s->row_group, leaf, index.page_count > 0 ? &index : NULL,
                       s->ranges, s->range_count);
  *is_missing |= rc == PQ_NEED_IO;
  return rc == PQ_NEED_IO ? PQ_OK : rc;
}

static int read_leaf(const row_source *s, uint32_t leaf, pq_column *out) {
  pq_page_index index = {0};
  if (s->range_count > 0)
    PQ_TRY(pq_page_index_fetch(s->f, s->arena, s->file, s->row_group, leaf, &index));
  return pq_chunk_decode(s->f, s->arena, s->file, s->row_group, leaf,
                         index.page_count > 0 ? &index : NULL, s->ranges, s->range_count, out);
}

/* Is a planned column there and wanted? $data is not in a file of columns. */
static bool is_read(const pq_file *file, leaf_id id, unsigned want) {
  if ((plan[id].want & want) == 0) return false;
  return id < LEAF_META || !pq_entity_is_columnar(file->footer);
}

bool pq_entity_reads_leaf(const pq_footer *footer, uint32_t leaf, unsigned want) {
  bool is_columnar = pq_entity_is_columnar(footer);
  if (leaf < (uint32_t)(is_columnar ? LEAF_META : LEAF_COUNT)) return (plan[leaf].want & want) != 0;
  return is_columnar && (want & PQ_WANT_DATA) && pq_entity_is_document_leaf(footer, leaf);
}

int pq_entity_rows_want(pq_fetch *f, const pq_file *file, uint32_t row_group, unsigned want,
                        const pq_row_range *ranges, uint32_t range_count, pq_arena *scratch) {
  row_source s = {f, scratch, file, row_group, ranges, range_count};
  bool is_missing = false;
  uint32_t leaf;
  for (int id = 0; id < LEAF_COUNT; id++) {
    if (!is_read(file, (leaf_id)id, want)) continue;
    PQ_TRY(find_leaf(scratch->cx, file, (leaf_id)id, &leaf));
    PQ_TRY(want_leaf(&s, leaf, &is_missing));
  }
  for (leaf = LEAF_META; leaf < file->footer->leaf_count && (want & PQ_WANT_DATA); leaf++)
    if (pq_entity_is_columnar(file->footer) && pq_entity_is_document_leaf(file->footer, leaf))
      PQ_TRY(want_leaf(&s, leaf, &is_missing));
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int read_column(const row_source *s, leaf_id id, pq_column *out) {
  uint32_t leaf;
  PQ_TRY(find_leaf(s->arena->cx, s->file, id, &leaf));
  PQ_TRY(read_leaf(s, leaf, out));
  if (out->nulls == NULL) return PQ_OK;
  for (uint32_t i = 0; i < out->row_count; i++)
    if (out->nulls[i])
      return pq_fail(s->arena->cx, PQ_ECORRUPT, "%s: null in column %s", s->file->key,
                     plan[id].path);
  return PQ_OK;
}

int pq_entity_check(pq_cx *cx, const pq_file *file, const pq_entity *e, const pq_entity *before) {
  pq_slice bytes = {e->data.p, e->data.len}, names = {0};
  pq_value ignored;
  if (before != NULL) names = pq_value_meta(before->data);
  return check_document(cx, file, pq_value_meta(e->data), bytes, names, &ignored);
}

static int set_documents(pq_arena *arena, const pq_file *file, const pq_column *meta,
                         const pq_column *value, pq_entity_rows *out) {
  pq_slice known = {0};
  for (uint32_t i = 0; i < meta->row_count; i++) {
    pq_slice names = meta->v.bytes[i], bytes = value->v.bytes[i];
    pq_value *doc = &out->rows[i].data;
    if (out->is_raw && names.n <= UINT32_MAX && bytes.n <= UINT32_MAX) {
      *doc = (pq_value){names.p, bytes.p, (uint32_t)names.n, (uint32_t)bytes.n};
      continue;
    }
    PQ_TRY(check_document(arena->cx, file, names, bytes, known, doc));
    known = names;
  }
  return PQ_OK;
}

static void set_field(pq_entity_rows *out, leaf_id id, const pq_column *c) {
  for (uint32_t i = 0; i < c->row_count; i++)
    pq_entity_set(&out->rows[i], out->names == NULL ? NULL : &out->names[i], (uint32_t)id, c, i);
}

static uint32_t rows_of(const pq_file *file, uint32_t row_group, const pq_row_range *ranges,
                        uint32_t range_count) {
  uint32_t n = 0;
  if (range_count == 0) return (uint32_t)file->footer->row_groups[row_group].row_count;
  for (uint32_t i = 0; i < range_count; i++)
    n += ranges[i].hi - ranges[i].lo;
  return n;
}

static int fail_count(const row_source *s, pq_slice path, uint32_t has, uint32_t wanted) {
  return pq_fail(s->arena->cx, PQ_ECORRUPT, "%s: column %.*s has %u rows, not %u", s->file->key,
                 (int)path.n, (const char *)path.p, has, wanted);
}

/* Documents of a file without $data. */
static int read_documents(const row_source *s, pq_entity_rows *out) {
  const pq_footer *footer = s->file->footer;
  pq_column *data = pq_arena_calloc(s->arena, footer->leaf_count, sizeof *data);
  const pq_column **columns =
      pq_arena_calloc(s->arena, footer->leaf_count, sizeof(const pq_column *));
  if (data == NULL || columns == NULL) return s->arena->cx->code;
  for (uint32_t leaf = LEAF_META; leaf < footer->leaf_count; leaf++) {
    if (!pq_entity_is_document_leaf(footer, leaf)) continue;
    PQ_TRY(read_leaf(s, leaf, &data[leaf]));
    if (data[leaf].row_count != out->count)
      return fail_count(s, footer->leaves[leaf].path, data[leaf].row_count, out->count);
    columns[leaf] = &data[leaf];
  }
  return pq_entity_documents(s->arena, s->file, columns, out->rows, out->count);
}

int pq_entity_rows_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                        unsigned want, const pq_row_range *ranges, uint32_t range_count,
                        pq_entity_rows *out) {
  row_source s = {f, arena, file, row_group, ranges, range_count};
  pq_column c, meta = {0};
  *out = (pq_entity_rows){.count = rows_of(file, row_group, ranges, range_count)};
  out->is_raw = (want & PQ_WANT_RAW) != 0 && !pq_entity_is_columnar(file->footer);
  out->rows = pq_arena_calloc(arena, out->count, sizeof *out->rows);
  if (want & PQ_WANT_NAME) out->names = pq_arena_calloc(arena, out->count, sizeof *out->names);
  if (out->rows == NULL || ((want & PQ_WANT_NAME) && out->names == NULL)) return arena->cx->code;
  for (int id = 0; id < LEAF_COUNT; id++) {
    if (!is_read(file, (leaf_id)id, want)) continue;
    PQ_TRY(read_column(&s, (leaf_id)id, &c));
    if (c.row_count != out->count)
      return fail_count(&s, pq_str(plan[id].path), c.row_count, out->count);
    if (id == LEAF_META)
      meta = c;
    else if (id == LEAF_VALUE)
      PQ_TRY(set_documents(arena, file, &meta, &c, out));
    else
      set_field(out, (leaf_id)id, &c);
  }
  if ((want & PQ_WANT_DATA) == 0 || !pq_entity_is_columnar(file->footer)) return PQ_OK;
  return read_documents(&s, out);
}
