/* rel/edge_scan.c - all edges of one row group, with every column: what compaction rewrites. */
#include <string.h>

#include "rel/edge_int.h"

static const char *const paths[PQ_EDGE_LEAVES] = {
    "from_ns", "from_id",   "from_name",  "from_type",     "predicate", "reverse",
    "to_ns",   "to_id",     "to_name",    "to_type",       "createdAt", "createdBy",
    "version", "matchMode", "confidence", "data.metadata", "data.value"};

static bool is_read(int leaf) {
  return leaf != PQ_EDGE_FROM_NS && leaf != PQ_EDGE_TO_NS && leaf != PQ_EDGE_MATCH_MODE &&
         leaf != PQ_EDGE_CONFIDENCE;
}

static pq_slice text_at(const pq_column *c, uint32_t row) {
  return pq_column_is_null(c, row) ? (pq_slice){0} : c->v.bytes[row];
}

static int make_edge(pq_cx *cx, const pq_file *file, const pq_column *cols, uint32_t i,
                     pq_edge *e) {
  *e = (pq_edge){.from_id = text_at(&cols[PQ_EDGE_FROM_ID], i),
                 .predicate = text_at(&cols[PQ_EDGE_PREDICATE], i),
                 .reverse = text_at(&cols[PQ_EDGE_REVERSE], i),
                 .to_id = text_at(&cols[PQ_EDGE_TO_ID], i),
                 .from_name = text_at(&cols[PQ_EDGE_FROM_NAME], i),
                 .from_type = text_at(&cols[PQ_EDGE_FROM_TYPE], i),
                 .to_name = text_at(&cols[PQ_EDGE_TO_NAME], i),
                 .to_type = text_at(&cols[PQ_EDGE_TO_TYPE], i),
                 .created_at = cols[PQ_EDGE_CREATED_AT].v.i64[i],
                 .created_by = text_at(&cols[PQ_EDGE_CREATED_BY], i),
                 .version = (uint64_t)cols[PQ_EDGE_VERSION].v.i64[i]};
  if (pq_column_is_null(&cols[PQ_EDGE_DATA_VALUE], i)) return PQ_OK;
  if (pq_value_check(cx, text_at(&cols[PQ_EDGE_DATA_META], i),
                     text_at(&cols[PQ_EDGE_DATA_VALUE], i), &e->data) == PQ_OK)
    return PQ_OK;
  return pq_fail(cx, PQ_ECORRUPT, "%s: data: %s", file->key, cx->msg);
}

/* Rows of a row group: all, or a part of them with the page index. */
typedef struct part_source {
  pq_fetch *f;
  pq_arena *arena;
  const pq_file *file;
  uint32_t row_group;
  pq_row_range range;
  bool is_all;
} part_source;

/* The page index of a leaf, if a part is wanted. */
static int index_of(const part_source *s, uint32_t leaf, pq_page_index *out) {
  *out = (pq_page_index){0};
  return s->is_all ? PQ_OK : pq_page_index_fetch(s->f, s->arena, s->file, s->row_group, leaf, out);
}

static int want_columns(const part_source *s) {
  const pq_footer *footer = s->file->footer;
  bool is_missing = false;
  for (int l = 0; l < PQ_EDGE_LEAVES; l++) {
    bool is_number = l == PQ_EDGE_CREATED_AT || l == PQ_EDGE_VERSION;
    pq_page_index index;
    int rc;
    if (!is_read(l)) continue;
    if (pq_footer_leaf(footer, paths[l]) != l ||
        footer->leaves[l].phys != (is_number ? PQ_PHYS_INT64 : PQ_PHYS_BYTES))
      return pq_fail(s->arena->cx, PQ_ECORRUPT, "%s: column %s is not where it belongs",
                     s->file->key, paths[l]);
    rc = index_of(s, (uint32_t)l, &index);
    if (rc == PQ_OK)
      rc = pq_chunk_want(s->f, s->file, s->row_group, (uint32_t)l, &index, &s->range, !s->is_all);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int read_part(const part_source *s, uint32_t n, pq_edge **out) {
  pq_column cols[PQ_EDGE_LEAVES];
  *out = NULL;
  PQ_TRY(want_columns(s));
  for (uint32_t l = 0; l < PQ_EDGE_LEAVES; l++) {
    pq_page_index index;
    if (!is_read((int)l)) continue;
    PQ_TRY(index_of(s, l, &index));
    PQ_TRY(pq_chunk_decode(s->f, s->arena, s->file, s->row_group, l, &index, &s->range, !s->is_all,
                           &cols[l]));
    if (cols[l].row_count != n)
      return pq_fail(s->arena->cx, PQ_ECORRUPT, "%s: column %s has %u rows, not %u", s->file->key,
                     paths[l], cols[l].row_count, n);
  }
  *out = pq_arena_calloc(s->arena, n, sizeof **out);
  if (*out == NULL) return s->arena->cx->code;
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(make_edge(s->arena->cx, s->file, cols, i, &(*out)[i]));
  return PQ_OK;
}

int pq_edge_rows_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                      pq_edge **out, uint32_t *count) {
  part_source s = {.f = f, .arena = arena, .file = file, .row_group = row_group, .is_all = true};
  uint32_t n = (uint32_t)file->footer->row_groups[row_group].row_count;
  *count = 0;
  PQ_TRY(read_part(&s, n, out));
  *count = n;
  return PQ_OK;
}

int pq_edge_rows_read_part(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                           uint32_t first, uint32_t count, pq_edge **out) {
  part_source s = {f, arena, file, row_group, {first, first + count}, false};
  return read_part(&s, count, out);
}
