/* parquet/writer.c - see writer.h. The schema is checked by writer_schema.c, chunks are written by
 * chunk_write.c, the footer by footer_write.c; this file is the order of things.
 *
 *   bytes given away │ file buffer            offsets count from the start of the file:
 *   0              base               len     base + place in the buffer
 */
#include <string.h>

#include "parquet/footer_write_int.h"

enum {
  LEVEL_DEFAULT = 3,
  PAGE_LEN = 32 << 10, /* of the database's columns: a point lookup reads one */
  VARIANT_PAGE_LEN = 64 << 10,
  COLUMNS_MAX = 1 << 16,
  OFFSET_LEN = 16 /* about what a page takes in the offset index */
};

#define MAGIC PQ_SLICE("PAR1")
#define CREATED_BY "parquedb version 0.1.0"
#define FPP_DEFAULT 0.01

/* ---- flat columns as nodes ---- */

static pq_note note_of(pq_logical logical) {
  switch (logical) {
    case PQ_LOGICAL_STRING: return (pq_note){.kind = PQ_NOTE_TEXT};
    case PQ_LOGICAL_DATE: return (pq_note){.kind = PQ_NOTE_DATE};
    case PQ_LOGICAL_UUID: return (pq_note){.kind = PQ_NOTE_UUID};
    case PQ_LOGICAL_VARIANT: return (pq_note){.kind = PQ_NOTE_VARIANT};
    case PQ_LOGICAL_TIMESTAMP_MS:
      return (pq_note){.kind = PQ_NOTE_TIMESTAMP, .digits = 3, .is_utc = true};
    case PQ_LOGICAL_TIMESTAMP_US:
      return (pq_note){.kind = PQ_NOTE_TIMESTAMP, .digits = 6, .is_utc = true};
    case PQ_LOGICAL_OTHER: return (pq_note){.kind = PQ_NOTE_OTHER}; /* refused */
    case PQ_LOGICAL_NONE: break;
  }
  return (pq_note){.kind = PQ_NOTE_NONE};
}

/* Metadata repeats, so it may get a dictionary; documents do not. */
static pq_node_spec variant_child(const pq_column_spec *s, const char *name, pq_hint hint) {
  return (pq_node_spec){.name = name,
                        .repetition = PQ_REQUIRED,
                        .field_id = -1,
                        .phys = PQ_PHYS_BYTES,
                        .hint = hint,
                        .page_len = s->page_len == 0 ? VARIANT_PAGE_LEN : s->page_len};
}

uint32_t pq_column_spec_nodes(const pq_column_spec *s, pq_node_spec out[3]) {
  out[0] = (pq_node_spec){.name = s->name,
                          .repetition = s->is_optional ? PQ_OPTIONAL : PQ_REQUIRED,
                          .note = note_of(s->logical),
                          .field_id = s->field_id,
                          .phys = s->phys,
                          .type_len = s->type_len,
                          .hint = s->hint,
                          .has_bloom = s->has_bloom,
                          .has_stats = s->has_stats,
                          .page_len = s->page_len == 0 ? PAGE_LEN : s->page_len};
  if (s->logical != PQ_LOGICAL_VARIANT) return 1;
  out[0].child_count = 2;
  out[1] = variant_child(s, "metadata", PQ_HINT_AUTO);
  out[2] = variant_child(s, "value", PQ_HINT_PLAIN);
  return 3;
}

static int set_flat(pq_writer *w, const pq_column_spec *specs, uint32_t count) {
  pq_node_spec *nodes = pq_arena_calloc(&w->arena, (size_t)count * 3, sizeof *nodes);
  uint32_t *leaves = pq_arena_calloc(&w->arena, count, sizeof *leaves), node_count = 0, leaf = 0;
  if (nodes == NULL || leaves == NULL) return w->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    node_count += pq_column_spec_nodes(&specs[i], nodes + node_count);
    leaves[i] = leaf;
    leaf += specs[i].logical == PQ_LOGICAL_VARIANT ? 2 : 1;
  }
  w->sort_leaves = leaves;
  w->sort_leaf_count = count;
  return pq_writer_set_schema(w, nodes, node_count);
}

/* ---- new ---- */

static int start(pq_writer *w, pq_writer_options options) {
  const char *created_by = options.created_by == NULL ? CREATED_BY : options.created_by;
  w->chunk.codec = options.codec == PQ_CODEC_NONE ? PQ_CODEC_ZSTD : options.codec;
  if (options.is_uncompressed) w->chunk.codec = PQ_CODEC_NONE;
  w->chunk.level = options.level == 0 ? LEVEL_DEFAULT : options.level;
  w->chunk.bloom_fpp = options.bloom_fpp > 0 ? options.bloom_fpp : FPP_DEFAULT;
  w->chunk.is_v2 = options.is_v2;
  w->chunk.layout = options.layout;
  w->chunk.ordered_rows = options.ordered_rows;
  w->created_by = pq_arena_str(&w->arena, pq_str(created_by));
  if (w->created_by == NULL) return w->cx->code;
  return pq_buf_put_slice(&w->chunk.file, MAGIC);
}

static int new_writer(pq_cx *cx, pq_writer_options options, pq_writer **out) {
  pq_writer *w = pq_alloc(cx, NULL, 0, sizeof *w);
  *out = NULL;
  if (w == NULL) return pq_fail_nomem(cx);
  *w = (pq_writer){.cx = cx};
  pq_chunk_writer_init(&w->chunk, cx);
  pq_arena_init(&w->arena, cx, cx->limits.op_len_max);
  *out = w;
  return start(w, options);
}

static int ready(pq_writer **w, int rc) {
  if (rc == PQ_OK) return PQ_OK;
  pq_writer_free(*w);
  *w = NULL;
  return rc;
}

int pq_writer_new(pq_cx *cx, const pq_column_spec *specs, uint32_t spec_count,
                  pq_writer_options options, pq_writer **out) {
  int rc = new_writer(cx, options, out);
  if (rc == PQ_OK && spec_count > COLUMNS_MAX)
    rc = pq_fail(cx, PQ_ELIMIT, "a file with %u columns", spec_count);
  if (rc == PQ_OK) rc = set_flat(*out, specs, spec_count);
  return ready(out, rc);
}

int pq_writer_new_nested(pq_cx *cx, const pq_node_spec *nodes, uint32_t node_count,
                         pq_writer_options options, pq_writer **out) {
  int rc = new_writer(cx, options, out);
  if (rc == PQ_OK) {
    (*out)->has_sizes = !options.is_compact;
    rc = pq_writer_set_schema(*out, nodes, node_count);
  }
  return ready(out, rc);
}

void pq_writer_free(pq_writer *w) {
  if (w == NULL) return;
  pq_chunk_writer_release(&w->chunk);
  pq_arena_release(&w->arena);
  pq_alloc(w->cx, w, sizeof *w, 0);
}

/* ---- row groups ---- */

int pq_writer_sorting(pq_writer *w, const pq_sort_column *columns, uint32_t count) {
  uint32_t column_count = w->sort_leaves == NULL ? w->leaf_count : w->sort_leaf_count;
  pq_sort_column *copy = pq_arena_calloc(&w->arena, count, sizeof *copy);
  if (copy == NULL) return w->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_assert(columns[i].spec < column_count);
    copy[i] = columns[i];
    if (w->sort_leaves != NULL) copy[i].spec = w->sort_leaves[columns[i].spec];
  }
  w->sorting = copy;
  w->sorting_count = count;
  return PQ_OK;
}

/* Go on with the chunks of w->group. */
static int step_chunks(pq_writer *w, uint64_t *len_left, bool *is_done) {
  const pq_column *columns = w->columns;
  for (; w->leaf<w->leaf_count && * len_left> 0; w->leaf++) {
    uint32_t i = w->leaf;
    const pq_leaf_spec *leaf = &w->leaves[i];
    bool is_chunk_done = false;
    pq_assert(columns[i].phys == leaf->phys && columns[i].row_count == w->group->row_count);
    if (!w->is_in_chunk)
      PQ_TRY(pq_chunk_begin(&w->job, &w->chunk, leaf, &columns[i], &w->group->chunks[i]));
    w->is_in_chunk = true;
    while (!is_chunk_done && *len_left > 0)
      PQ_TRY(pq_chunk_step(&w->job, &w->arena, len_left, &is_chunk_done));
    if (!is_chunk_done) return PQ_OK;
    w->is_in_chunk = false;
    if (i > 0 && leaf->shared_def > 0)
      PQ_TRY(pq_chunk_check_shared(w->cx, leaf - 1, &columns[i - 1]));
  }
  *is_done = w->leaf == w->leaf_count;
  return PQ_OK;
}

/* Drop what was given away. */
static void forget(pq_writer *w) {
  pq_buf *file = &w->chunk.file;
  pq_assert(w->given <= file->len);
  w->chunk.base += w->given;
  file->len -= w->given;
  if (w->given > 0 && file->len > 0) memmove(file->p, file->p + w->given, file->len);
  w->given = 0;
}

static void append_group(pq_writer *w, pq_written_group *g) {
  if (w->last == NULL)
    w->first = g;
  else
    w->last->next = g;
  w->last = g;
  w->group_count++;
  w->row_count += g->row_count;
  for (uint32_t i = 0; i < w->leaf_count; i++)
    w->page_count += g->chunks[i].data_page_count;
}

int pq_writer_begin(pq_writer *w, const pq_column *columns, uint32_t column_count) {
  pq_written_group *g;
  pq_assert(!w->is_finished && w->group == NULL);
  pq_assert(column_count == w->leaf_count && column_count > 0);
  pq_assert(columns[0].row_count > 0);
  w->file_len = w->chunk.file.len - w->given;
  w->bloom_len = w->chunk.blooms.len;
  w->column_len = w->chunk.column_indexes.len;
  forget(w);
  g = pq_arena_calloc(&w->arena, 1, sizeof *g);
  if (g == NULL) return w->cx->code;
  g->row_count = columns[0].row_count;
  g->sorting = w->sorting;
  g->sorting_count = w->sorting_count;
  g->chunks = pq_arena_calloc(&w->arena, w->leaf_count, sizeof *g->chunks);
  if (g->chunks == NULL) return w->cx->code;
  w->group = g;
  w->columns = columns;
  w->leaf = 0;
  w->is_in_chunk = false;
  return PQ_OK;
}

int pq_writer_step(pq_writer *w, uint64_t *len_left, bool *is_done) {
  int rc;
  *is_done = false;
  pq_assert(w->group != NULL);
  rc = step_chunks(w, len_left, is_done);
  if (rc == PQ_OK && !*is_done) return rc;
  if (rc == PQ_OK) {
    append_group(w, w->group);
  } else { /* as if it had not been begun */
    w->chunk.file.len = w->file_len;
    w->chunk.blooms.len = w->bloom_len;
    w->chunk.column_indexes.len = w->column_len;
  }
  w->group = NULL;
  return rc;
}

int pq_writer_add(pq_writer *w, const pq_column *columns, uint32_t column_count) {
  bool is_done = false;
  PQ_TRY(pq_writer_begin(w, columns, column_count));
  while (!is_done) {
    uint64_t len_left = UINT64_MAX;
    PQ_TRY(pq_writer_step(w, &len_left, &is_done));
  }
  return PQ_OK;
}

/* ---- row groups of another writer ---- */

/* How far things move that come from another writer. */
typedef struct shift {
  uint64_t file;
  size_t bloom, column_index;
} shift;

static int join_chunk(pq_writer *w, const shift *by, pq_written_chunk *c) {
  pq_page_place *pages = pq_arena_array(&w->arena, c->data_page_count, sizeof *pages);
  if (pages == NULL) return w->cx->code;
  for (uint32_t i = 0; i < c->data_page_count; i++) {
    pages[i] = c->pages[i];
    pages[i].off += by->file;
  }
  c->pages = pages;
  c->off += by->file;
  c->data_page_off += by->file;
  c->bloom.off += by->bloom;
  c->column_index.off += by->column_index;
  if (!c->bounds.has) return PQ_OK;
  PQ_TRY(pq_arena_copy(&w->arena, c->bounds.min, &c->bounds.min));
  return pq_arena_copy(&w->arena, c->bounds.max, &c->bounds.max);
}

static int join_group(pq_writer *w, const shift *by, const pq_written_group *from,
                      pq_written_group **out) {
  pq_written_group *g = pq_arena_calloc(&w->arena, 1, sizeof *g);
  *out = g;
  if (g == NULL) return w->cx->code;
  g->row_count = from->row_count;
  g->sorting = w->sorting;
  g->sorting_count = w->sorting_count;
  g->chunks = pq_arena_array(&w->arena, w->leaf_count, sizeof *g->chunks);
  if (g->chunks == NULL) return w->cx->code;
  for (uint32_t i = 0; i < w->leaf_count; i++) {
    g->chunks[i] = from->chunks[i];
    PQ_TRY(join_chunk(w, by, &g->chunks[i]));
  }
  return PQ_OK;
}

int pq_writer_join(pq_writer *w, const pq_writer *part) {
  const pq_chunk_writer *from = &part->chunk;
  pq_chunk_writer *to = &w->chunk;
  pq_slice groups = {from->file.p + MAGIC.n, from->file.len - MAGIC.n};
  shift by = {.bloom = to->blooms.len, .column_index = to->column_indexes.len};
  pq_written_group *list = NULL, **end = &list;
  pq_assert(!w->is_finished && !part->is_finished && !part->is_drained);
  pq_assert(!w->has_sizes && !part->has_sizes && w->leaf_count == part->leaf_count);
  forget(w);
  by.file = to->base + to->file.len - MAGIC.n;
  for (const pq_written_group *g = part->first; g != NULL; g = g->next) {
    PQ_TRY(join_group(w, &by, g, end));
    end = &(*end)->next;
  }
  PQ_TRY(pq_buf_reserve(&to->file, groups.n));
  PQ_TRY(pq_buf_reserve(&to->blooms, from->blooms.len));
  PQ_TRY(pq_buf_reserve(&to->column_indexes, from->column_indexes.len));
  PQ_TRY(pq_buf_put_slice(&to->file, groups)); /* there is room: from here on nothing fails */
  PQ_TRY(pq_buf_put_slice(&to->blooms, pq_buf_slice(&from->blooms)));
  PQ_TRY(pq_buf_put_slice(&to->column_indexes, pq_buf_slice(&from->column_indexes)));
  for (pq_written_group *g = list, *next; g != NULL; g = next) {
    next = g->next;
    g->next = NULL;
    append_group(w, g);
  }
  return PQ_OK;
}

uint64_t pq_writer_len(const pq_writer *w) {
  return w->chunk.base + w->chunk.file.len + w->chunk.blooms.len + w->chunk.column_indexes.len +
         w->page_count * OFFSET_LEN;
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
  pq_buf_clear(&w->chunk.offset_indexes);
  for (pq_written_group *g = w->first; g != NULL; g = g->next)
    for (uint32_t i = 0; i < w->leaf_count; i++)
      PQ_TRY(pq_chunk_put_offsets(&w->chunk, &w->leaves[i], &g->chunks[i]));
  places.bloom_off = w->bloom_off = w->chunk.base + file->len;
  PQ_TRY(pq_buf_put_slice(file, pq_buf_slice(&w->chunk.blooms)));
  places.column_index_off = w->chunk.base + file->len;
  PQ_TRY(pq_buf_put_slice(file, pq_buf_slice(&w->chunk.column_indexes)));
  places.offset_index_off = w->chunk.base + file->len;
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
  size_t file_len;
  int rc;
  pq_assert(!w->is_finished);
  forget(w);
  file_len = w->chunk.file.len;
  rc = finish(w, key_values, count);
  w->is_finished = rc == PQ_OK;
  if (rc != PQ_OK) w->chunk.file.len = file_len;
  return rc;
}

pq_slice pq_writer_drain_part(pq_writer *w, size_t len) {
  forget(w);
  pq_assert(len <= w->chunk.file.len);
  w->given = len;
  w->is_drained = true;
  return (pq_slice){w->chunk.file.p, len};
}

pq_slice pq_writer_drain(pq_writer *w) {
  return pq_writer_drain_part(w, pq_writer_held(w));
}

size_t pq_writer_held(const pq_writer *w) {
  return w->chunk.file.len - w->given;
}

pq_slice pq_writer_rest(const pq_writer *w) {
  pq_assert(w->is_finished);
  return (pq_slice){w->chunk.file.p + w->given, pq_writer_held(w)};
}

pq_slice pq_writer_bytes(const pq_writer *w) {
  pq_assert(w->is_finished);
  pq_assert(!w->is_drained);
  return pq_buf_slice(&w->chunk.file);
}

uint64_t pq_writer_footer_len(const pq_writer *w) {
  return w->footer_len;
}
