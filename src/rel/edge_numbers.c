/* rel/edge_numbers.c - one number of each edge. See edge_numbers.h. */
#include "rel/edge_numbers.h"

#include <math.h>

#include "rel/edge_int.h"

/* ---- of a value ---- */

static double number_of(pq_value v) {
  double out;
  return pq_value_number(v, &out) ? out : NAN;
}

/* Edges with a mode show it, and the confidence, beside the rest of their data. */
static bool is_beside(pq_value data, pq_slice field) {
  pq_edge e = {.data = data};
  return (pq_slice_is(field, PQ_EDGE_MODE_NAME) || pq_slice_is(field, PQ_EDGE_CONFIDENCE_NAME)) &&
         pq_edge_mode(&e).n > 0;
}

/* `path` begins with "data". */
static double number_of_data(pq_value data, const pq_path *path) {
  pq_path rest = {.text = path->text, .parts = path->parts + 1, .count = path->count - 1};
  if (pq_value_is_missing(data)) return NAN;
  if (rest.count > 0 && is_beside(data, rest.parts[0].name)) return NAN;
  return number_of(pq_path_get(data, &rest));
}

/* ---- which columns ---- */

typedef enum number_source { FROM_NOTHING, FROM_DATA, FROM_CONFIDENCE, FROM_VERSION } number_source;

static number_source source_of(const pq_path *path) {
  if (pq_slice_is(path->parts[0].name, "data")) return FROM_DATA;
  if (path->count > 1) return FROM_NOTHING;
  if (pq_slice_is(path->parts[0].name, "confidence")) return FROM_CONFIDENCE;
  return pq_slice_is(path->parts[0].name, "version") ? FROM_VERSION : FROM_NOTHING;
}

double pq_edge_number(const pq_edge *e, const pq_path *path) {
  double confidence;
  switch (source_of(path)) {
    case FROM_DATA: return number_of_data(e->data, path);
    case FROM_CONFIDENCE: return pq_edge_confidence(e, &confidence) ? confidence : NAN;
    case FROM_VERSION: return (double)e->version;
    default: return NAN;
  }
}

typedef struct leaf_source {
  const char *name;
  uint32_t leaf;
  pq_phys phys;
} leaf_source;

static const leaf_source of_data[] = {{"data.metadata", PQ_EDGE_DATA_META, PQ_PHYS_BYTES},
                                      {"data.value", PQ_EDGE_DATA_VALUE, PQ_PHYS_BYTES}};
static const leaf_source of_confidence[] = {{"confidence", PQ_EDGE_CONFIDENCE, PQ_PHYS_DOUBLE}};
static const leaf_source of_version[] = {{"version", PQ_EDGE_VERSION, PQ_PHYS_INT64}};

static uint32_t leaves_of(const pq_path *path, const leaf_source **out) {
  switch (source_of(path)) {
    case FROM_DATA: *out = of_data; return 2;
    case FROM_CONFIDENCE: *out = of_confidence; return 1;
    case FROM_VERSION: *out = of_version; return 1;
    default: *out = NULL; return 0;
  }
}

/* ---- of a row group ---- */

uint64_t pq_edge_numbers_len(const pq_file *file, uint32_t row_group, const pq_path *path) {
  const pq_row_group *group = &file->footer->row_groups[row_group];
  const leaf_source *leaves;
  uint32_t count = leaves_of(path, &leaves);
  uint64_t len = 0;
  for (uint32_t i = 0; i < count; i++)
    if (leaves[i].leaf < file->footer->leaf_count) len += group->chunks[leaves[i].leaf].len;
  return len;
}

int pq_edge_numbers_want(pq_fetch *f, const pq_file *file, uint32_t row_group,
                         const pq_path *path) {
  const pq_footer *footer = file->footer;
  const leaf_source *leaves;
  uint32_t count = leaves_of(path, &leaves);
  bool is_missing = false;
  for (uint32_t i = 0; i < count; i++) {
    const leaf_source *l = &leaves[i];
    int rc;
    if (pq_footer_leaf(footer, l->name) != (int)l->leaf || footer->leaves[l->leaf].phys != l->phys)
      return pq_fail(f->cx, PQ_ECORRUPT, "%s: column %s is not where it belongs", file->key,
                     l->name);
    rc = pq_chunk_want(f, file, row_group, l->leaf, NULL, NULL, 0);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* Values are bytes from outside: each is checked before it is looked into. */
static int take_data(pq_cx *cx, const pq_file *file, const pq_column *cols, uint32_t count,
                     const pq_path *path, double *out) {
  for (uint32_t i = 0; i < count; i++) {
    pq_value data;
    out[i] = NAN;
    if (pq_column_is_null(&cols[1], i)) continue;
    if (pq_column_is_null(&cols[0], i) ||
        pq_value_check(cx, cols[0].v.bytes[i], cols[1].v.bytes[i], &data) != PQ_OK)
      return pq_fail(cx, PQ_ECORRUPT, "%s: data of an edge is no value", file->key);
    out[i] = number_of_data(data, path);
  }
  return PQ_OK;
}

static int take(pq_cx *cx, const pq_file *file, const pq_column *cols, uint32_t count,
                const pq_path *path, double *out) {
  switch (source_of(path)) {
    case FROM_DATA: return take_data(cx, file, cols, count, path, out);
    case FROM_CONFIDENCE:
      for (uint32_t i = 0; i < count; i++)
        out[i] = pq_column_is_null(&cols[0], i) ? NAN : cols[0].v.f64[i];
      return PQ_OK;
    case FROM_VERSION:
      for (uint32_t i = 0; i < count; i++)
        out[i] = (double)(uint64_t)cols[0].v.i64[i];
      return PQ_OK;
    default:
      for (uint32_t i = 0; i < count; i++)
        out[i] = NAN;
      return PQ_OK;
  }
}

int pq_edge_numbers_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                         const pq_path *path, double *out) {
  uint32_t rows = (uint32_t)file->footer->row_groups[row_group].row_count, count;
  const leaf_source *leaves;
  pq_column cols[2];
  PQ_TRY(pq_edge_numbers_want(f, file, row_group, path));
  count = leaves_of(path, &leaves);
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_chunk_decode(f, arena, file, row_group, leaves[i].leaf, NULL, NULL, 0, &cols[i]));
    if (cols[i].row_count != rows)
      return pq_fail(f->cx, PQ_ECORRUPT, "%s: column %s has %u rows, not %u", file->key,
                     leaves[i].name, cols[i].row_count, rows);
  }
  return take(f->cx, file, cols, rows, path, out);
}
