/* log/delete_file.c - position deletes as Parquet. See event_file.h and doc/formats/deletes.md.
 *
 *   file_path                    pos
 *   data/posts/1-1-ab.parquet      3      strictly rising by both, so a reader can merge files
 *   data/posts/1-1-ab.parquet      7      and turn one data file's rows into a bitset
 *   data/users/1-1-ab.parquet      0
 */
#include "log/event_file.h"

#include "base/merge_sort.h"
#include "log/log_int.h"

enum {
  ROWS_MAX = 100000,
  PAGE_LEN = 1 << 18,
  FIELD_FILE_PATH = 2147483546, /* Iceberg's reserved field ids */
  FIELD_POS = 2147483545
};

static const pq_column_spec specs[2] = {
    {.name = "file_path",
     .phys = PQ_PHYS_BYTES,
     .logical = PQ_LOGICAL_STRING,
     .field_id = FIELD_FILE_PATH,
     .has_stats = true,
     .page_len = PAGE_LEN},
    {.name = "pos",
     .phys = PQ_PHYS_INT64,
     .field_id = FIELD_POS,
     .hint = PQ_HINT_SORTED,
     .has_stats = true,
     .page_len = PAGE_LEN},
};

static int compare(const pq_position *a, const pq_position *b) {
  int order = a->file.p == b->file.p && a->file.n == b->file.n ? 0 : pq_slice_cmp(a->file, b->file);
  if (order != 0) return order;
  return a->row < b->row ? -1 : a->row > b->row;
}

static int compare_items(const void *a, const void *b, const void *ud) {
  (void)ud;
  return compare(a, b);
}

static uint32_t remove_duplicates(pq_position *p, uint32_t n) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; i++)
    if (kept == 0 || compare(&p[kept - 1], &p[i]) != 0) p[kept++] = p[i];
  return kept;
}

/* ---- writing ---- */

static int check_positions(pq_cx *cx, const pq_position *p, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const char *defect;
    if (p[i].row > INT64_MAX) return pq_fail(cx, PQ_EINVALID, "a position has 64 bits");
    if (i > 0 && p[i].file.p == p[i - 1].file.p && p[i].file.n == p[i - 1].file.n) continue;
    defect = pq_file_name_defect(cx, p[i].file);
    if (defect != NULL) return pq_fail(cx, PQ_EINVALID, "position delete: %s", defect);
  }
  return PQ_OK;
}

static int write_group(pq_arena *arena, pq_writer *w, const pq_position *p, uint32_t n) {
  pq_column columns[2] = {{.phys = PQ_PHYS_BYTES, .row_count = n},
                          {.phys = PQ_PHYS_INT64, .row_count = n}};
  columns[0].v.bytes = pq_arena_calloc(arena, n, sizeof(pq_slice));
  columns[1].v.i64 = pq_arena_calloc(arena, n, sizeof(int64_t));
  if (columns[0].v.bytes == NULL || columns[1].v.i64 == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    columns[0].v.bytes[i] = p[i].file;
    columns[1].v.i64[i] = (int64_t)p[i].row;
  }
  return pq_writer_add(w, columns, 2);
}

static int write_all(pq_arena *arena, pq_writer *w, const pq_position *p, uint32_t count) {
  const pq_sort_column order[2] = {{.spec = 0}, {.spec = 1}};
  const pq_key_value version = {PQ_SLICE("parquedb.deletes"), PQ_SLICE("1")};
  uint32_t n;
  PQ_TRY(pq_writer_sorting(w, order, 2));
  for (; count > 0; p += n, count -= n) {
    n = count < ROWS_MAX ? count : ROWS_MAX;
    PQ_TRY(write_group(arena, w, p, n));
    pq_arena_clear(arena);
  }
  return pq_writer_finish(w, &version, 1);
}

int pq_delete_file_write(pq_cx *cx, pq_position *positions, uint32_t count, pq_writer **out) {
  pq_arena arena;
  pq_writer *w;
  int rc;
  *out = NULL;
  PQ_TRY(check_positions(cx, positions, count));
  PQ_TRY(pq_sort_items(cx, positions, count, sizeof *positions, compare_items, NULL));
  count = remove_duplicates(positions, count);
  PQ_TRY(pq_writer_new(cx, specs, 2, (pq_writer_options){0}, &w));
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  rc = write_all(&arena, w, positions, count);
  pq_arena_release(&arena);
  if (rc != PQ_OK) {
    pq_writer_free(w);
    return rc;
  }
  *out = w;
  return PQ_OK;
}

/* ---- reading ---- */

static int find_leaf(pq_fetch *f, const pq_file *file, const pq_column_spec *spec, uint32_t *out) {
  int i = pq_footer_leaf(file->footer, spec->name);
  const pq_leaf *found = i < 0 ? NULL : &file->footer->leaves[i];
  *out = 0;
  if (found == NULL || found->phys != spec->phys || found->def_max != 0 || found->rep_max != 0)
    return pq_fail(f->cx, PQ_ECORRUPT, "%s: column '%s' is missing or of another type", file->key,
                   spec->name);
  *out = (uint32_t)i;
  return PQ_OK;
}

static int want_all(pq_fetch *f, const pq_file *file, const uint32_t leaf[2]) {
  int rc = PQ_OK;
  for (uint32_t g = 0; g < file->footer->row_group_count; g++)
    for (int i = 0; i < 2; i++) {
      int one = pq_chunk_want(f, file, g, leaf[i], NULL, NULL, 0);
      if (one < 0) return one;
      if (one != PQ_OK) rc = one;
    }
  return rc;
}

static int check_rows(pq_fetch *f, const pq_file *file, const pq_position *all, uint32_t start,
                      uint32_t n) {
  for (uint32_t i = start; i < start + n; i++) {
    const pq_position *p = &all[i];
    const char *defect = NULL;
    if (i == start || !pq_slice_eq(p->file, p[-1].file))
      defect = pq_file_name_defect(f->cx, p->file);
    if (p->row > INT64_MAX) defect = "the position is negative";
    if (defect == NULL && i > 0 && compare(p - 1, p) >= 0) defect = "positions do not rise";
    if (defect != NULL)
      return pq_fail(f->cx, PQ_ECORRUPT, "%s: row %u: %s", file->key, (unsigned)i, defect);
  }
  return PQ_OK;
}

static int read_group(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t group,
                      const uint32_t leaf[2], pq_position *out) {
  pq_column path, pos;
  PQ_TRY(pq_chunk_decode(f, arena, file, group, leaf[0], NULL, NULL, 0, &path));
  PQ_TRY(pq_chunk_decode(f, arena, file, group, leaf[1], NULL, NULL, 0, &pos));
  pq_assert(path.row_count == pos.row_count);
  for (uint32_t i = 0; i < path.row_count; i++)
    out[i] = (pq_position){path.v.bytes[i], (uint64_t)pos.v.i64[i]};
  return PQ_OK;
}

/* Rows of the row groups, which the array is made for. */
static int count_rows(pq_fetch *f, const pq_file *file, uint32_t *out) {
  uint64_t rows = 0;
  *out = 0;
  for (uint32_t g = 0; g < file->footer->row_group_count; g++)
    if (!pq_add_u64(rows, file->footer->row_groups[g].row_count, &rows) || rows >= UINT32_MAX)
      return pq_fail(f->cx, PQ_ELIMIT, "%s: too many rows", file->key);
  *out = (uint32_t)rows;
  return PQ_OK;
}

int pq_delete_file_read(pq_fetch *f, pq_arena *arena, const pq_file *file, pq_position **out,
                        uint32_t *count) {
  pq_slice version = pq_footer_key(file->footer, "parquedb.deletes");
  pq_position *positions;
  uint32_t leaf[2], rows, at = 0;
  *out = NULL;
  *count = 0;
  if (version.p != NULL && !pq_slice_is(version, "1"))
    return pq_fail(f->cx, PQ_EUNSUPPORTED, "%s: its layout is newer than this program", file->key);
  PQ_TRY(find_leaf(f, file, &specs[0], &leaf[0]));
  PQ_TRY(find_leaf(f, file, &specs[1], &leaf[1]));
  PQ_TRY(count_rows(f, file, &rows));
  PQ_TRY(want_all(f, file, leaf));
  positions = pq_arena_calloc(arena, rows, sizeof *positions);
  if (positions == NULL) return arena->cx->code;
  for (uint32_t g = 0; g < file->footer->row_group_count; g++) {
    uint32_t n = (uint32_t)file->footer->row_groups[g].row_count;
    if (n == 0) continue;
    PQ_TRY(read_group(f, arena, file, g, leaf, positions + at));
    PQ_TRY(check_rows(f, file, positions, at, n));
    at += n;
  }
  *out = positions;
  *count = rows;
  return PQ_OK;
}
