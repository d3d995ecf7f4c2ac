/* table/file_cache.c - see file_cache.h. */
#include "table/file_cache.h"

#include <string.h>

void pq_file_cache_init(pq_file_cache *c, pq_cx *cx, const char *ns) {
  *c = (pq_file_cache){.cx = cx, .ns = ns};
  pq_arena_init(&c->arena, cx, cx->limits.op_len_max);
  pq_table_init(&c->by_name, cx);
  pq_page_cache_init(&c->pages, cx);
  pq_forms_init(&c->forms, cx);
}

void pq_file_cache_release(pq_file_cache *c) {
  pq_page_cache_release(&c->pages); /* its pages point into the arena */
  pq_forms_release(&c->forms);
  pq_live_files_clear(&c->live, c->cx);
  pq_arena_release(&c->arena);
  pq_table_release(&c->by_name);
  *c = (pq_file_cache){0};
}

static pq_cached_file *find(pq_file_cache *c, pq_slice name, uint64_t hash) {
  size_t pos;
  uint32_t i = pq_table_first(&c->by_name, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&c->by_name, hash, &pos))
    if (pq_slice_eq(c->files[i]->name, name)) return c->files[i];
  return NULL;
}

static int grow(pq_file_cache *c) {
  uint32_t cap = c->cap == 0 ? 16 : c->cap * 2;
  pq_cached_file **files;
  if (c->count < c->cap) return PQ_OK;
  files = pq_arena_calloc(&c->arena, cap, sizeof *files);
  if (files == NULL) return c->cx->code;
  if (c->count > 0) memcpy(files, c->files, c->count * sizeof *files);
  c->files = files;
  c->cap = cap;
  return PQ_OK;
}

int pq_file_cache_record(pq_file_cache *c, const pq_file_info *info, pq_cached_file **out) {
  pq_slice name = pq_str(info->name);
  uint64_t hash = pq_hash(name, 0);
  pq_cached_file *file = find(c, name, hash);
  *out = file;
  if (file != NULL) return PQ_OK;
  PQ_TRY(grow(c));
  file = pq_arena_calloc(&c->arena, 1, sizeof *file);
  if (file == NULL) return c->cx->code;
  file->file.key = pq_arena_printf(&c->arena, "%s/%s", c->ns, info->name);
  if (file->file.key == NULL) return c->cx->code;
  file->name = pq_str(file->file.key + strlen(c->ns) + 1);
  PQ_TRY(pq_table_add(&c->by_name, hash, c->count));
  c->files[c->count++] = file;
  *out = file;
  return PQ_OK;
}

int pq_file_cache_open(pq_file_cache *c, pq_fetch *f, const pq_file_info *info,
                       pq_cached_file **out) {
  pq_cached_file *file;
  pq_chunk_pages *chunks;
  pq_footer *footer;
  size_t count;
  int rc;
  PQ_TRY(pq_file_cache_record(c, info, &file));
  *out = file;
  if (file->file.footer != NULL) return PQ_OK;
  rc = pq_footer_fetch(f, &c->arena, file->file.key, info->len, info->footer_len, &footer);
  if (rc == PQ_ENOTFOUND)
    return pq_fail(c->cx, PQ_ECORRUPT, "%s: the file is missing", file->file.key);
  if (rc != PQ_OK) return rc;
  if (info->has_crc) /* a part of what was just read */
    PQ_TRY(pq_crc_check(f, file->file.key, info->len - PQ_FOOTER_TAIL_LEN - footer->footer_len,
                        footer->footer_len, info->footer_crc));
  if (footer->row_count != info->row_count)
    return pq_fail(c->cx, PQ_ECORRUPT, "%s: %llu rows, the log says %llu", file->file.key,
                   (unsigned long long)footer->row_count, (unsigned long long)info->row_count);
  if (!pq_mul_size(footer->row_group_count, footer->leaf_count, &count))
    return pq_fail(c->cx, PQ_ELIMIT, "%s: too many column chunks", file->file.key);
  chunks = pq_arena_calloc(&c->arena, count, sizeof *chunks);
  if (chunks == NULL) return c->cx->code;
  file->chunks = chunks;
  file->file.footer = footer;
  return PQ_OK;
}

int pq_file_cache_chunk(pq_file_cache *c, pq_fetch *f, pq_cached_file *file, uint32_t row_group,
                        uint32_t leaf, pq_chunk_pages **out) {
  const pq_footer *footer = file->file.footer;
  pq_chunk_pages *chunk = &file->chunks[(size_t)row_group * footer->leaf_count + leaf];
  pq_page_index index;
  *out = chunk;
  if (chunk->cached != NULL) return PQ_OK;
  PQ_TRY(pq_page_index_fetch(f, &c->arena, &file->file, row_group, leaf, &index));
  chunk->cached = pq_arena_calloc(&c->arena, index.page_count, 2 * sizeof(pq_cached_page *));
  if (chunk->cached == NULL) return c->cx->code;
  chunk->parts = chunk->cached + index.page_count;
  chunk->index = index;
  return PQ_OK;
}

static bool is_of_file_before(const pq_position *positions, uint32_t i) {
  return i > 0 && pq_slice_eq(positions[i].file, positions[i - 1].file);
}

int pq_cached_file_set_positions(pq_arena *arena, pq_cached_file *file, pq_position *positions,
                                 uint32_t count) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++)
    n += !is_of_file_before(positions, i);
  file->spans = pq_arena_calloc(arena, n, sizeof *file->spans);
  if (file->spans == NULL) return arena->cx->code;
  file->span_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!is_of_file_before(positions, i))
      file->spans[file->span_count++] = (pq_position_span){.file = positions[i].file, .first = i};
    file->spans[file->span_count - 1].end = i + 1;
  }
  file->position_count = count;
  file->positions = positions;
  return PQ_OK;
}

int pq_file_cache_positions(pq_file_cache *c, pq_fetch *f, pq_arena *scratch,
                            const pq_file_info *info, pq_cached_file **out) {
  pq_cached_file *file;
  pq_position *read, *kept;
  uint32_t count;
  PQ_TRY(pq_file_cache_open(c, f, info, &file));
  *out = file;
  if (file->positions != NULL || info->row_count == 0) return PQ_OK;
  PQ_TRY(pq_delete_file_read(f, scratch, &file->file, &read, &count));
  kept = pq_arena_calloc(&c->arena, count, sizeof *kept);
  if (kept == NULL) return c->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    kept[i].row = read[i].row;
    if (is_of_file_before(read, i))
      kept[i].file = kept[i - 1].file; /* names repeat: one copy each */
    else
      PQ_TRY(pq_arena_copy(&c->arena, read[i].file, &kept[i].file));
  }
  return pq_cached_file_set_positions(&c->arena, file, kept, count);
}
