/* shred/variant_field.c - see variant_field.h. */
#include "shred/variant_field.h"

#include <string.h>

#include "base/text.h"
#include "shred/variant_join.h"

/* ---- paths ---- */

typedef struct path_reader {
  pq_arena *arena;
  pq_slice text;
  size_t at;
} path_reader;

static int wrong(const path_reader *r) {
  return pq_fail(r->arena->cx, PQ_EINVALID, "field path \"%.*s\": malformed at byte %zu",
                 (int)pq_utf8_prefix(r->text, 40), (const char *)r->text.p, r->at);
}

/* The next name; or an element, which is p == NULL. */
static int next_part(path_reader *r, pq_slice *out) {
  const uint8_t *p = r->text.p + r->at;
  size_t left = r->text.n - r->at, n = 0;
  bool is_quoted;
  *out = (pq_slice){0};
  if (left >= 2 && p[0] == '[' && p[1] == ']') {
    r->at += 2;
    return PQ_OK;
  }
  if (r->at > 0) {
    if (left == 0 || p[0] != '.') return wrong(r);
    p++;
    left--;
    r->at++;
  }
  is_quoted = left > 0 && p[0] == '"';
  if (is_quoted) {
    p++;
    left--;
  }
  while (n < left && (is_quoted ? p[n] != '"' : p[n] != '.' && p[n] != '[' && p[n] != '"'))
    n++;
  if (is_quoted ? n == left : n == 0) return wrong(r);
  r->at += n + (is_quoted ? 2 : 0);
  return pq_arena_copy(r->arena, (pq_slice){p, n}, out);
}

/* The child of a pair that a part of the path means; NULL: it is not shredded. */
static const pq_pair *child_of(const pq_pair *s, pq_slice part) {
  uint32_t lo = 0, hi = s->child_count;
  if (part.p == NULL) return s->kind == PQ_PAIR_ARRAY ? s->children : NULL;
  if (s->kind != PQ_PAIR_OBJECT) return NULL;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    int order = pq_slice_cmp(s->children[mid].name, part);
    if (order == 0) return &s->children[mid];
    if (order < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return NULL;
}

bool pq_variant_field_is_whole(const pq_variant_field *f) {
  return f->rest_count == 0 && (f->part->kind == PQ_PAIR_OBJECT || f->part->kind == PQ_PAIR_ARRAY);
}

int pq_variant_field_find(pq_arena *arena, const pq_variant_shape *shape, pq_slice path,
                          pq_variant_field *out) {
  path_reader r = {.arena = arena, .text = path};
  pq_slice *rest = pq_arena_calloc(arena, path.n + 1, sizeof *rest);
  bool has_elements = false;
  *out = (pq_variant_field){.shape = shape, .part = &shape->root, .typed_leaf = PQ_NO_NODE};
  if (rest == NULL) return arena->cx->code;
  out->rest = rest;
  while (r.at < path.n) {
    const pq_pair *child;
    pq_slice part;
    PQ_TRY(next_part(&r, &part));
    child = out->rest_count == 0 ? child_of(out->part, part) : NULL;
    has_elements = has_elements || part.p == NULL;
    if (child != NULL) {
      out->part = child;
    } else {
      if (part.p == NULL)
        return pq_fail(arena->cx, PQ_EUNSUPPORTED, "field path \"%.*s\": not a shredded array",
                       (int)pq_utf8_prefix(path, 40), (const char *)path.p);
      rest[out->rest_count++] = part;
    }
  }
  if (has_elements && (pq_variant_field_is_whole(out) ||
                       (out->rest_count > 0 && out->part->value_leaf == PQ_NO_NODE)))
    return pq_fail(arena->cx, PQ_EUNSUPPORTED, "field path \"%.*s\": elements that are shredded",
                   (int)pq_utf8_prefix(path, 40), (const char *)path.p);
  if (out->rest_count == 0 && out->part->kind == PQ_PAIR_PRIMITIVE)
    out->typed_leaf = out->part->typed_leaf;
  return PQ_OK;
}

/* ---- what has to be read ---- */

/* Are all of a leaf's entries in the row group known to be null? */
static bool is_all_null(const pq_footer *footer, uint32_t leaf, uint32_t row_group) {
  const pq_chunk *c = &footer->row_groups[row_group].chunks[leaf];
  return c->stats.has_null_count && c->stats.null_count >= c->value_count;
}

/* Is nothing of the field in `value`? */
static bool is_value_empty(const pq_footer *footer, const pq_variant_field *f, uint32_t row_group) {
  return f->part->value_leaf == PQ_NO_NODE || is_all_null(footer, f->part->value_leaf, row_group);
}

bool pq_variant_field_is_alone(const pq_footer *footer, const pq_variant_field *f,
                               uint32_t row_group) {
  return f->typed_leaf != PQ_NO_NODE && is_value_empty(footer, f, row_group);
}

uint32_t pq_variant_field_leaves(const pq_footer *footer, const pq_variant_field *f,
                                 uint32_t row_group, uint32_t *leaves) {
  const pq_pair *s = f->part;
  uint32_t n = 0;
  if (pq_variant_field_is_whole(f)) {
    uint32_t metadata = f->shape->metadata_leaf;
    for (uint32_t i = s->first_leaf; i < s->first_leaf + s->leaf_count; i++)
      if (i != metadata) leaves[n++] = i;
    leaves[n++] = metadata;
    return n;
  }
  if (f->typed_leaf != PQ_NO_NODE) leaves[n++] = f->typed_leaf;
  if (!is_value_empty(footer, f, row_group)) {
    leaves[n++] = s->value_leaf;
    leaves[n++] = f->shape->metadata_leaf;
  } else if (n == 0) {
    /* the field is nowhere; some leaf has to say how many entries there are */
    leaves[n++] = s->value_leaf != PQ_NO_NODE ? s->value_leaf : f->shape->metadata_leaf;
  }
  return n;
}

bool pq_variant_field_bounds(const pq_footer *footer, const pq_variant_field *f, uint32_t row_group,
                             pq_slice *min, pq_slice *max) {
  const pq_stats *stats;
  *min = *max = (pq_slice){0};
  if (!pq_variant_field_is_alone(footer, f, row_group) || !footer->leaves[f->typed_leaf].is_ordered)
    return false;
  stats = &footer->row_groups[row_group].chunks[f->typed_leaf].stats;
  if (!stats->has_min || !stats->has_max) return false;
  *min = stats->min;
  *max = stats->max;
  return true;
}

/* ---- reading ---- */

static uint32_t *leaves_of(pq_arena *arena, const pq_variant_field *f, pq_variant_field_rows rows,
                           uint32_t *count) {
  uint32_t *leaves = pq_arena_calloc(arena, f->shape->leaf_count + 1, sizeof *leaves);
  *count = 0;
  if (leaves != NULL)
    *count = pq_variant_field_leaves(rows.file->footer, f, rows.row_group, leaves);
  return leaves;
}

/* The page index of a leaf, if only some rows are wanted. */
static int index_of(pq_fetch *f, pq_arena *arena, pq_variant_field_rows rows, uint32_t leaf,
                    pq_page_index *out) {
  *out = (pq_page_index){0};
  if (rows.range_count == 0) return PQ_OK;
  return pq_page_index_fetch(f, arena, rows.file, rows.row_group, leaf, out);
}

int pq_variant_field_want(pq_fetch *f, pq_arena *arena, const pq_variant_field *field,
                          pq_variant_field_rows rows) {
  uint32_t count;
  const uint32_t *leaves = leaves_of(arena, field, rows, &count);
  int all = PQ_OK;
  if (leaves == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_page_index index;
    int rc = index_of(f, arena, rows, leaves[i], &index);
    if (rc == PQ_OK)
      rc = pq_chunk_want(f, rows.file, rows.row_group, leaves[i], &index, rows.ranges,
                         rows.range_count);
    if (rc < 0) return rc;
    if (rc == PQ_NEED_IO) all = rc;
  }
  return all;
}

/* The rest of the path inside a value. */
static pq_value look_up(const pq_variant_field *f, pq_value v) {
  for (uint32_t i = 0; i < f->rest_count && v.p != NULL; i++)
    v = pq_object_get(v, f->rest[i]);
  return v;
}

/* `value` and metadata to values. The entries of one Variant share its metadata. */
static int read_others(pq_arena *arena, const pq_variant_field *f, const pq_footer *footer,
                       const pq_column **columns, pq_variant_field_column *out) {
  const pq_column *value = columns[f->part->value_leaf];
  const pq_column *metadata = columns[f->shape->metadata_leaf];
  uint32_t row = 0, rep_max = footer->leaves[f->shape->metadata_leaf].rep_max;
  if (pq_column_entries(value) != out->entry_count)
    return pq_fail(arena->cx, PQ_ECORRUPT,
                   "variant column: value and typed_value differ in length");
  out->others = pq_arena_calloc(arena, out->entry_count, sizeof *out->others);
  if (out->others == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < out->entry_count; i++) {
    pq_value v;
    row += i > 0 && (value->rep == NULL || value->rep[i] <= rep_max);
    if (pq_column_is_null(value, i) || (out->has_typed && !pq_column_is_null(&out->typed, i)))
      continue;
    if (row >= pq_column_entries(metadata) || pq_column_is_null(metadata, row))
      return pq_fail(arena->cx, PQ_ECORRUPT, "variant column: a value without metadata");
    PQ_TRY(pq_value_check(arena->cx, metadata->v.bytes[row], value->v.bytes[i], &v));
    out->others[i] = look_up(f, v);
  }
  return PQ_OK;
}

/* A shredded object or array is joined row by row. */
static int read_whole(pq_arena *arena, const pq_variant_field *f, pq_variant_field_rows rows,
                      const pq_column **columns, pq_variant_field_column *out) {
  const pq_variant_shape *shape = f->shape;
  const pq_column *metadata = columns[shape->metadata_leaf];
  pq_tree all = {.first_leaf = shape->first_leaf, .leaf_count = shape->leaf_count};
  pq_record record;
  pq_join *join;
  int rc = PQ_OK;
  out->entry_count = pq_column_entries(metadata);
  out->others = pq_arena_calloc(arena, out->entry_count, sizeof *out->others);
  if (out->others == NULL) return arena->cx->code;
  PQ_TRY(pq_record_init(&record, arena, rows.file->footer, &all, columns));
  PQ_TRY(pq_join_new(arena->cx, rows.file->key, shape, true, &join));
  for (uint32_t i = 0; i < out->entry_count && rc == PQ_OK; i++) {
    pq_slice meta = {0};
    if (!pq_column_is_null(metadata, i)) meta = metadata->v.bytes[i];
    rc = pq_join_part(join, &record, f->part, meta, arena, &out->others[i]);
  }
  pq_join_free(join);
  return rc;
}

int pq_variant_field_read(pq_fetch *f, pq_arena *arena, const pq_variant_field *field,
                          pq_variant_field_rows rows, pq_variant_field_column *out) {
  uint32_t count, leaf_count = rows.file->footer->leaf_count;
  const uint32_t *leaves = leaves_of(arena, field, rows, &count);
  const pq_column **by_leaf = pq_arena_calloc(arena, leaf_count, sizeof *by_leaf);
  pq_column *columns;
  *out = (pq_variant_field_column){0};
  if (leaves == NULL || by_leaf == NULL) return arena->cx->code;
  columns = pq_arena_calloc(arena, count, sizeof *columns);
  if (columns == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_page_index index;
    PQ_TRY(index_of(f, arena, rows, leaves[i], &index));
    PQ_TRY(pq_chunk_decode(f, arena, rows.file, rows.row_group, leaves[i], &index, rows.ranges,
                           rows.range_count, &columns[i]));
    by_leaf[leaves[i]] = &columns[i];
  }
  if (pq_variant_field_is_whole(field)) return read_whole(arena, field, rows, by_leaf, out);
  out->entry_count = pq_column_entries(&columns[0]);
  out->has_typed = field->typed_leaf != PQ_NO_NODE;
  if (out->has_typed) out->typed = columns[0];
  if (field->part->value_leaf == PQ_NO_NODE || by_leaf[field->part->value_leaf] == NULL ||
      by_leaf[field->shape->metadata_leaf] == NULL)
    return PQ_OK;
  return read_others(arena, field, rows.file->footer, by_leaf, out);
}
