/* shred/entity_read.c - reading rows of entity files. See entity.h.
 *
 * `want` and `read` walk the same plan: the leaves that the wanted set needs, each with its page
 * index when only some rows are asked for.
 */
#include <string.h>

#include "shred/entity.h"

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

static int check_document(pq_cx *cx, const pq_file *file, pq_slice meta, pq_slice bytes,
                          pq_value *out) {
  int rc = pq_value_check(cx, meta, bytes, out);
  if (rc == PQ_OK && !pq_value_is_raw_object(*out))
    rc = pq_fail(cx, PQ_ECORRUPT, "a document is no object");
  return rc == PQ_OK ? PQ_OK : pq_fail(cx, rc, "%s: $data: %s", file->key, cx->msg);
}

/* ---- single rows ---- */

int pq_entity_leaves(pq_cx *cx, const pq_file *file, uint32_t out[PQ_ENTITY_LEAVES]) {
  for (int id = 0; id < LEAF_COUNT; id++)
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

int pq_entity_set_data(pq_cx *cx, const pq_file *file, const pq_column *meta, uint32_t meta_row,
                       const pq_column *value, uint32_t value_row, uint8_t *is_checked,
                       pq_entity *e) {
  pq_slice names = meta->v.bytes[meta_row], bytes = value->v.bytes[value_row];
  if (*is_checked == 0) {
    PQ_TRY(check_document(cx, file, names, bytes, &e->data));
    *is_checked = 1;
    return PQ_OK;
  }
  e->data = (pq_value){names.p, bytes.p, (uint32_t)names.n, (uint32_t)bytes.n};
  return PQ_OK;
}

/* ---- rows of a row group ---- */

int pq_entity_rows_want(pq_fetch *f, const pq_file *file, uint32_t row_group, unsigned want,
                        const pq_row_range *ranges, uint32_t range_count, pq_arena *scratch) {
  bool is_missing = false;
  for (int id = 0; id < LEAF_COUNT; id++) {
    pq_page_index index = {0};
    uint32_t leaf;
    int rc = PQ_OK;
    if ((plan[id].want & want) == 0) continue;
    PQ_TRY(find_leaf(scratch->cx, file, (leaf_id)id, &leaf));
    if (range_count > 0) rc = pq_page_index_fetch(f, scratch, file, row_group, leaf, &index);
    if (rc == PQ_OK)
      rc = pq_chunk_want(f, file, row_group, leaf, index.page_count > 0 ? &index : NULL, ranges,
                         range_count);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int read_column(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                       leaf_id id, const pq_row_range *ranges, uint32_t range_count,
                       pq_column *out) {
  pq_page_index index = {0};
  uint32_t leaf;
  PQ_TRY(find_leaf(arena->cx, file, id, &leaf));
  if (range_count > 0) PQ_TRY(pq_page_index_fetch(f, arena, file, row_group, leaf, &index));
  PQ_TRY(pq_chunk_decode(f, arena, file, row_group, leaf, index.page_count > 0 ? &index : NULL,
                         ranges, range_count, out));
  if (out->nulls == NULL) return PQ_OK;
  for (uint32_t i = 0; i < out->row_count; i++)
    if (out->nulls[i])
      return pq_fail(arena->cx, PQ_ECORRUPT, "%s: null in column %s", file->key, plan[id].path);
  return PQ_OK;
}

static int set_documents(pq_arena *arena, const pq_file *file, const pq_column *meta,
                         const pq_column *value, pq_entity *rows) {
  for (uint32_t i = 0; i < meta->row_count; i++)
    PQ_TRY(check_document(arena->cx, file, meta->v.bytes[i], value->v.bytes[i], &rows[i].data));
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

int pq_entity_rows_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                        unsigned want, const pq_row_range *ranges, uint32_t range_count,
                        pq_entity_rows *out) {
  pq_column c, meta = {0};
  *out = (pq_entity_rows){.count = rows_of(file, row_group, ranges, range_count)};
  out->rows = pq_arena_calloc(arena, out->count, sizeof *out->rows);
  if (want & PQ_WANT_NAME) out->names = pq_arena_calloc(arena, out->count, sizeof *out->names);
  if (out->rows == NULL || ((want & PQ_WANT_NAME) && out->names == NULL)) return arena->cx->code;
  for (int id = 0; id < LEAF_COUNT; id++) {
    if ((plan[id].want & want) == 0) continue;
    PQ_TRY(read_column(f, arena, file, row_group, (leaf_id)id, ranges, range_count, &c));
    if (c.row_count != out->count)
      return pq_fail(arena->cx, PQ_ECORRUPT, "%s: column %s has %u rows, not %u", file->key,
                     plan[id].path, c.row_count, out->count);
    if (id == LEAF_META)
      meta = c;
    else if (id == LEAF_VALUE)
      PQ_TRY(set_documents(arena, file, &meta, &c, out->rows));
    else
      set_field(out, (leaf_id)id, &c);
  }
  return PQ_OK;
}
