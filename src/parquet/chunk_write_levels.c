/* parquet/chunk_write_levels.c - definition and repetition levels on their way into pages.
 *
 *   rows:    [1, 2]   []   null   [3]          list of optional group, element required
 *   rep:      0  1    0    0      0            0 begins a row
 *   def:      2  2    1    0      2            2: there is a value
 *
 * They come from the caller, so they are checked: a reader trusts that they fit together.
 *
 * Source: parquet-format: README.md, "Nested Encoding".
 */
#include "parquet/chunk_write_int.h"

static int bad_levels(pq_cx *cx, const pq_leaf_spec *spec, const char *what, uint32_t i) {
  return pq_fail(cx, PQ_EINVALID, "column %.200s: %s, entry %u", spec->name, what, i);
}

static const char *entry_problem(const pq_leaf_spec *spec, const pq_column *c, uint32_t i) {
  uint8_t rep = c->rep == NULL ? 0 : c->rep[i], def = c->def[i];
  if (def > spec->def_max) return "a definition level above the column's";
  if (rep > spec->rep_max) return "a repetition level above the column's";
  if (rep == 0) return NULL;
  if (i == 0) return "the first entry does not begin a row";
  if (def < spec->rep_defs[rep] || c->def[i - 1] < spec->rep_defs[rep])
    return "a further element of a list that is not there";
  return NULL;
}

int pq_chunk_check_levels(pq_cx *cx, const pq_leaf_spec *spec, const pq_column *c, pq_buf *absent) {
  uint32_t row_count = 0;
  PQ_TRY(pq_chunk_scratch(absent, c->entry_count, 1));
  for (uint32_t i = 0; i < c->entry_count; i++) {
    const char *what = entry_problem(spec, c, i);
    if (what != NULL) return bad_levels(cx, spec, what, i);
    row_count += c->rep == NULL || c->rep[i] == 0;
    absent->p[i] = c->def[i] != spec->def_max;
  }
  if (row_count != c->row_count)
    return bad_levels(cx, spec, "levels of another number of rows", c->entry_count);
  return PQ_OK;
}

/* ---- neighbours ---- */

static uint32_t level_of(const pq_leaf_spec *spec, const pq_column *c, uint32_t i) {
  if (c->def != NULL) return c->def[i];
  return pq_column_is_null(c, i) ? spec->def_max - 1 : spec->def_max;
}

/* The next entry at which something begins that both share. */
static uint32_t skip_own(const pq_column *c, uint32_t i, uint32_t shared_rep) {
  while (c->rep != NULL && i < pq_column_entries(c) && c->rep[i] > shared_rep)
    i++;
  return i;
}

int pq_chunk_check_shared(pq_cx *cx, const pq_leaf_spec *specs, const pq_column *columns) {
  const pq_column *a = &columns[0], *b = &columns[1];
  uint32_t def_max = specs[1].shared_def, rep_max = specs[1].shared_rep, i = 0, j = 0;
  uint32_t a_count = pq_column_entries(a), b_count = pq_column_entries(b);
  while (i < a_count && j < b_count) {
    uint32_t x = level_of(&specs[0], a, i), y = level_of(&specs[1], b, j);
    bool is_same = (a->rep == NULL ? 0 : a->rep[i]) == (b->rep == NULL ? 0 : b->rep[j]);
    if (!is_same || (x < def_max ? x : def_max) != (y < def_max ? y : def_max)) break;
    i = skip_own(a, i + 1, rep_max);
    j = skip_own(b, j + 1, rep_max);
  }
  if (i == a_count && j == b_count) return PQ_OK;
  return bad_levels(cx, &specs[1], "the column before it differs in the groups above both", j);
}

/* ---- pages ---- */

int pq_chunk_put_levels(pq_chunk_writer *w, const pq_levels *l) {
  unsigned width = pq_bit_width(l->max);
  pq_buf *out = &w->levels;
  size_t start = out->len;
  uint32_t *numbers;
  if (l->max == 0) return PQ_OK;
  if (l->has_len) PQ_TRY(pq_buf_put_u32(out, 0));
  if (l->levels == NULL && l->absent == NULL) {
    PQ_TRY(pq_encode_rle_run(out, l->same, l->count, width));
  } else {
    PQ_TRY(pq_chunk_scratch(&w->numbers, l->count, sizeof *numbers));
    numbers = (uint32_t *)(void *)w->numbers.p;
    for (uint32_t i = 0; l->levels != NULL && i < l->count; i++)
      numbers[i] = l->levels[i];
    for (uint32_t i = 0; l->levels == NULL && i < l->count; i++)
      numbers[i] = l->same - (l->absent[i] != 0);
    PQ_TRY(pq_encode_rle(out, numbers, l->count, width));
  }
  if (l->has_len) pq_wr32(out->p + start, (uint32_t)(out->len - start - 4));
  return PQ_OK;
}

int pq_chunk_histogram(pq_arena *arena, const pq_leaf_spec *spec, const pq_column *c,
                       const uint32_t range[2], const uint64_t **out) {
  uint32_t count = spec->def_max + spec->rep_max + 2;
  uint64_t *h = pq_arena_calloc(arena, count, sizeof *h), *rep = h + spec->def_max + 1;
  *out = h;
  if (h == NULL) return arena->cx->code;
  for (uint32_t i = range[0]; i < range[1]; i++) {
    h[c->def[i]]++;
    rep[c->rep == NULL ? 0 : c->rep[i]]++;
  }
  return PQ_OK;
}
