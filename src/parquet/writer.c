/* parquet/writer.c - see writer.h. Chunks are written by chunk_write.c, the footer by
 * footer_write.c; this file is the order of things.
 */
#include <string.h>

#include "parquet/footer_write_int.h"

enum { LEVEL_DEFAULT = 3, VARIANT_PAGE_LEN = 64 << 10, UUID_LEN = 16, COLUMNS_MAX = 1 << 16 };

#define MAGIC PQ_SLICE("PAR1")
#define CREATED_BY "parquedb version 0.1.0"
#define FPP_DEFAULT 0.01

/* ---- new ---- */

static int check_spec(pq_cx *cx, const pq_column_spec *s) {
  const char *bad = NULL;
  switch (s->logical) {
    case PQ_LOGICAL_STRING:
      if (s->phys != PQ_PHYS_BYTES) bad = "a string column must be BYTES";
      break;
    case PQ_LOGICAL_TIMESTAMP_MS:
    case PQ_LOGICAL_TIMESTAMP_US:
      if (s->phys != PQ_PHYS_INT64) bad = "a timestamp column must be INT64";
      break;
    case PQ_LOGICAL_DATE:
      if (s->phys != PQ_PHYS_INT32) bad = "a date column must be INT32";
      break;
    case PQ_LOGICAL_UUID:
      if (s->phys != PQ_PHYS_FIXED || s->type_len != UUID_LEN) bad = "a UUID must be FIXED of 16";
      break;
    case PQ_LOGICAL_VARIANT: return PQ_OK;
    case PQ_LOGICAL_OTHER: bad = "a logical type that is only read"; break;
    case PQ_LOGICAL_NONE: break;
  }
  if (s->phys == PQ_PHYS_INT96) bad = "INT96 is only read";
  if (s->phys == PQ_PHYS_FIXED && (s->type_len == 0 || s->type_len > INT32_MAX))
    bad = "FIXED needs a length";
  if (bad == NULL) return PQ_OK;
  return pq_fail(cx, PQ_EINVALID, "column %s: %s", s->name, bad);
}

static pq_leaf_spec leaf_of(const pq_column_spec *s) {
  return (pq_leaf_spec){.top = s,
                        .phys = s->phys,
                        .type_len = s->phys == PQ_PHYS_FIXED ? s->type_len : 0,
                        .is_optional = s->is_optional,
                        .is_text = s->logical == PQ_LOGICAL_STRING,
                        .has_stats = s->has_stats,
                        .has_bloom = s->has_bloom && s->phys != PQ_PHYS_BOOL,
                        .hint = s->hint,
                        .page_len = s->page_len};
}

/* Metadata repeats, so it may get a dictionary; documents do not. */
static pq_leaf_spec variant_leaf(const pq_column_spec *s, const char *child, pq_hint hint) {
  return (pq_leaf_spec){.top = s,
                        .child = child,
                        .phys = PQ_PHYS_BYTES,
                        .is_optional = s->is_optional,
                        .hint = hint,
                        .page_len = s->page_len == 0 ? VARIANT_PAGE_LEN : s->page_len};
}

static int copy_specs(pq_writer *w, const pq_column_spec *specs, uint32_t count) {
  pq_leaf_spec *leaf;
  w->specs = pq_arena_calloc(&w->arena, count, sizeof *w->specs);
  w->leaves = pq_arena_calloc(&w->arena, (size_t)count * 2, sizeof *w->leaves);
  if (w->specs == NULL || w->leaves == NULL) return w->cx->code;
  leaf = w->leaves;
  for (uint32_t i = 0; i < count; i++) {
    pq_column_spec *s = &w->specs[i];
    PQ_TRY(check_spec(w->cx, &specs[i]));
    *s = specs[i];
    s->name = pq_arena_str(&w->arena, pq_str(specs[i].name));
    if (s->name == NULL) return w->cx->code;
    if (s->logical == PQ_LOGICAL_VARIANT) {
      *leaf++ = variant_leaf(s, "metadata", PQ_HINT_AUTO);
      *leaf++ = variant_leaf(s, "value", PQ_HINT_PLAIN);
    } else {
      *leaf++ = leaf_of(s);
    }
  }
  w->spec_count = count;
  w->leaf_count = (uint32_t)(leaf - w->leaves);
  return PQ_OK;
}

static int start(pq_writer *w, const pq_column_spec *specs, uint32_t count,
                 pq_writer_options options) {
  const char *created_by = options.created_by == NULL ? CREATED_BY : options.created_by;
  if (count > COLUMNS_MAX) return pq_fail(w->cx, PQ_ELIMIT, "a file with %u columns", count);
  w->chunk.codec = options.codec == PQ_CODEC_NONE ? PQ_CODEC_ZSTD : options.codec;
  if (options.is_uncompressed) w->chunk.codec = PQ_CODEC_NONE;
  w->chunk.level = options.level == 0 ? LEVEL_DEFAULT : options.level;
  w->chunk.bloom_fpp = options.bloom_fpp > 0 ? options.bloom_fpp : FPP_DEFAULT;
  w->created_by = pq_arena_str(&w->arena, pq_str(created_by));
  if (w->created_by == NULL) return w->cx->code;
  PQ_TRY(copy_specs(w, specs, count));
  return pq_buf_put_slice(&w->chunk.file, MAGIC);
}

int pq_writer_new(pq_cx *cx, const pq_column_spec *specs, uint32_t spec_count,
                  pq_writer_options options, pq_writer **out) {
  pq_writer *w = pq_alloc(cx, NULL, 0, sizeof *w);
  int rc;
  *out = NULL;
  if (w == NULL) return pq_fail_nomem(cx);
  *w = (pq_writer){.cx = cx};
  pq_chunk_writer_init(&w->chunk, cx);
  pq_arena_init(&w->arena, cx, cx->limits.op_len_max);
  rc = start(w, specs, spec_count, options);
  if (rc != PQ_OK) {
    pq_writer_free(w);
    return rc;
  }
  *out = w;
  return PQ_OK;
}

void pq_writer_free(pq_writer *w) {
  if (w == NULL) return;
  pq_chunk_writer_release(&w->chunk);
  pq_arena_release(&w->arena);
  pq_alloc(w->cx, w, sizeof *w, 0);
}

/* ---- row groups ---- */

int pq_writer_sorting(pq_writer *w, const pq_sort_column *columns, uint32_t count) {
  pq_sort_column *copy = pq_arena_calloc(&w->arena, count, sizeof *copy);
  if (copy == NULL) return w->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t leaf = 0;
    pq_assert(columns[i].spec < w->spec_count);
    while (w->leaves[leaf].top != &w->specs[columns[i].spec])
      leaf++;
    copy[i] = columns[i];
    copy[i].spec = leaf;
  }
  w->sorting = copy;
  w->sorting_count = count;
  return PQ_OK;
}

/* Both leaves of a VARIANT are null in the same rows. */
static int check_variant(pq_writer *w, const pq_column *metadata, const pq_column *value,
                         const char *name) {
  for (uint32_t i = 0; i < value->row_count; i++)
    if (pq_column_is_null(metadata, i) != pq_column_is_null(value, i))
      return pq_fail(w->cx, PQ_EINVALID, "column %s: half of a variant is null in row %u", name, i);
  return PQ_OK;
}

static int add_chunks(pq_writer *w, const pq_column *columns, pq_written_group *g) {
  for (uint32_t i = 0; i < w->leaf_count; i++) {
    const pq_leaf_spec *leaf = &w->leaves[i];
    pq_assert(columns[i].phys == leaf->phys && columns[i].row_count == g->row_count);
    if (i > 0 && leaf->child != NULL && leaf->top == w->leaves[i - 1].top)
      PQ_TRY(check_variant(w, &columns[i - 1], &columns[i], leaf->top->name));
    PQ_TRY(pq_chunk_write(&w->chunk, leaf, &columns[i], &w->arena, &g->chunks[i]));
  }
  return PQ_OK;
}

int pq_writer_add(pq_writer *w, const pq_column *columns, uint32_t column_count) {
  size_t file_len = w->chunk.file.len, bloom_len = w->chunk.blooms.len;
  size_t column_len = w->chunk.column_indexes.len, offset_len = w->chunk.offset_indexes.len;
  pq_written_group *g = pq_arena_calloc(&w->arena, 1, sizeof *g);
  int rc;
  pq_assert(!w->is_finished && column_count == w->leaf_count && column_count > 0);
  pq_assert(columns[0].row_count > 0);
  if (g == NULL) return w->cx->code;
  g->row_count = columns[0].row_count;
  g->sorting = w->sorting;
  g->sorting_count = w->sorting_count;
  g->chunks = pq_arena_calloc(&w->arena, w->leaf_count, sizeof *g->chunks);
  rc = g->chunks == NULL ? w->cx->code : add_chunks(w, columns, g);
  if (rc != PQ_OK) { /* as if it had not been called */
    w->chunk.file.len = file_len;
    w->chunk.blooms.len = bloom_len;
    w->chunk.column_indexes.len = column_len;
    w->chunk.offset_indexes.len = offset_len;
    return rc;
  }
  if (w->last == NULL)
    w->first = g;
  else
    w->last->next = g;
  w->last = g;
  w->group_count++;
  w->row_count += g->row_count;
  return PQ_OK;
}

uint64_t pq_writer_len(const pq_writer *w) {
  return w->chunk.file.len + w->chunk.blooms.len + w->chunk.column_indexes.len +
         w->chunk.offset_indexes.len;
}

/* ---- finish ---- */

static pq_slice side_bytes(const pq_buf *b, pq_side side) {
  return (pq_slice){b->p == NULL ? NULL : b->p + side.off, side.len};
}

/* The value of PQ_CRC_KEY (format.h). */
static int put_crcs(const pq_writer *w, pq_buf *out) {
  for (const pq_written_group *g = w->first; g != NULL; g = g->next) {
    for (uint32_t i = 0; i < w->leaf_count; i++) {
      const pq_written_chunk *c = &g->chunks[i];
      uint32_t crc = pq_crc32(side_bytes(&w->chunk.offset_indexes, c->offset_index)) ^
                     pq_crc32(side_bytes(&w->chunk.column_indexes, c->column_index));
      PQ_TRY(pq_buf_printf(out, "%08x", crc));
      if (c->bloom.len == 0) continue;
      PQ_TRY(pq_buf_printf(out, "%08x", pq_crc32(side_bytes(&w->chunk.blooms, c->bloom))));
    }
  }
  return PQ_OK;
}

/* The footer with one more key-value entry than was asked for. */
static int put_footer(pq_writer *w, const pq_side_places *places, const pq_key_value *key_values,
                      uint32_t count) {
  pq_key_value *all = pq_arena_calloc(&w->arena, (size_t)count + 1, sizeof *all);
  pq_buf crcs;
  int rc;
  if (all == NULL) return w->cx->code;
  if (count > 0) memcpy(all, key_values, count * sizeof *all);
  pq_buf_init(&crcs, w->cx, INT32_MAX);
  rc = put_crcs(w, &crcs);
  all[count] = (pq_key_value){PQ_SLICE(PQ_CRC_KEY), pq_buf_slice(&crcs)};
  if (rc == PQ_OK) rc = pq_footer_put(w, places, all, count + 1);
  pq_buf_release(&crcs);
  return rc;
}

static int finish(pq_writer *w, const pq_key_value *key_values, uint32_t count) {
  pq_buf *file = &w->chunk.file;
  pq_side_places places;
  size_t footer_off;
  places.bloom_off = file->len;
  PQ_TRY(pq_buf_put_slice(file, pq_buf_slice(&w->chunk.blooms)));
  places.column_index_off = file->len;
  PQ_TRY(pq_buf_put_slice(file, pq_buf_slice(&w->chunk.column_indexes)));
  places.offset_index_off = file->len;
  PQ_TRY(pq_buf_put_slice(file, pq_buf_slice(&w->chunk.offset_indexes)));
  footer_off = file->len;
  PQ_TRY(put_footer(w, &places, key_values, count));
  if (file->len - footer_off > INT32_MAX)
    return pq_fail(w->cx, PQ_ELIMIT, "a footer of %zu bytes", file->len - footer_off);
  w->footer_len = file->len - footer_off;
  PQ_TRY(pq_buf_put_u32(file, (uint32_t)w->footer_len));
  return pq_buf_put_slice(file, MAGIC);
}

int pq_writer_finish(pq_writer *w, const pq_key_value *key_values, uint32_t count) {
  size_t file_len = w->chunk.file.len;
  int rc;
  pq_assert(!w->is_finished);
  rc = finish(w, key_values, count);
  w->is_finished = rc == PQ_OK;
  if (rc != PQ_OK) w->chunk.file.len = file_len;
  return rc;
}

pq_slice pq_writer_bytes(const pq_writer *w) {
  pq_assert(w->is_finished);
  return pq_buf_slice(&w->chunk.file);
}

uint64_t pq_writer_footer_len(const pq_writer *w) {
  return w->footer_len;
}
