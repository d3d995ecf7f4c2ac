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

int pq_edge_rows_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                      pq_edge **out, uint32_t *count) {
  uint32_t n = (uint32_t)file->footer->row_groups[row_group].row_count;
  pq_column cols[PQ_EDGE_LEAVES];
  bool is_missing = false;
  *count = 0;
  *out = NULL;
  for (int l = 0; l < PQ_EDGE_LEAVES; l++) {
    bool is_number = l == PQ_EDGE_CREATED_AT || l == PQ_EDGE_VERSION;
    int rc;
    if (!is_read(l)) continue;
    if (pq_footer_leaf(file->footer, paths[l]) != l ||
        file->footer->leaves[l].phys != (is_number ? PQ_PHYS_INT64 : PQ_PHYS_BYTES))
      return pq_fail(arena->cx, PQ_ECORRUPT, "%s: column %s is not where it belongs", file->key,
                     paths[l]);
    rc = pq_chunk_want(f, file, row_group, (uint32_t)l, NULL, NULL, 0);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (int l = 0; l < PQ_EDGE_LEAVES; l++)
    if (is_read(l))
      PQ_TRY(pq_chunk_decode(f, arena, file, row_group, (uint32_t)l, NULL, NULL, 0, &cols[l]));
  *out = pq_arena_calloc(arena, n, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(make_edge(arena->cx, file, cols, i, &(*out)[i]));
  *count = n;
  return PQ_OK;
}
