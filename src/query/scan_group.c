/* query/scan_group.c - see scan_group.h.
 *
 *   rows left      3  7  8 12 …        positions in the decoded columns
 *   key column     a  b  a  a          codes of the file's dictionary, or values
 *   numbers        1  2  1  1          of the key's values: a code is looked up once
 *   groups         0  1  0  0          of the tuples of numbers
 *   sum of x      +4 +1 +2 …           states[group]
 */
#include <string.h>

#include "expr/expression.h"
#include "query/scan_int.h"
#include "query/scan_number.h"

enum { GROUPS_MAX = 1 << 20 };

void pq_grouping_init(pq_grouping *fold, pq_arena *keep, const pq_slice *keys, uint32_t key_count,
                      const pq_fold_item *items, uint32_t item_count) {
  pq_assert(key_count + item_count <= PQ_FOLD_PATHS_MAX);
  *fold = (pq_grouping){.keep = keep,
                        .keys = keys,
                        .key_count = key_count,
                        .items = items,
                        .item_count = item_count,
                        .group_max = GROUPS_MAX};
}

/* ---- which columns ---- */

/* The paths are the keys and then the items; a COUNT has none. */
static uint32_t path_count(const pq_grouping *fold) {
  return fold->key_count + fold->item_count;
}

static bool has_path(const pq_grouping *fold, uint32_t i) {
  return i < fold->key_count || fold->items[i - fold->key_count].op != PQ_FOLD_COUNT;
}

int pq_fold_columns(pq_window *w, pq_prune *p) {
  const pq_grouping *fold = w->s->fold;
  uint32_t count = path_count(fold);
  bool is_found;
  pq_path_column *columns = pq_arena_calloc(w->scratch, count, sizeof *columns);
  p->fold = NULL;
  p->fold_count = 0;
  if (columns == NULL) return w->scratch->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice path = i < fold->key_count ? fold->keys[i] : fold->items[i - fold->key_count].path;
    if (!has_path(fold, i)) continue;
    PQ_TRY(pq_path_column_find(w->scratch, w->s, p, path, &columns[i], &is_found));
    if (!is_found || !columns[i].has_values) return PQ_OK;
  }
  p->fold = columns;
  p->fold_count = count;
  return PQ_OK;
}

static const pq_stats *stats_of(const pq_unit *u, uint32_t leaf) {
  return &u->file->file.footer->row_groups[u->row_group].chunks[leaf].stats;
}

/* The extreme of a whole row group as its statistics have it; *is_known is false when they do not
 * have it for certain. Missing: there is no value. */
static int extreme_of_statistics(pq_arena *scratch, const pq_unit *u, const pq_path_column *c,
                                 bool is_max, pq_cell *cell, pq_value *out, bool *is_known) {
  const pq_stats *s = stats_of(u, c->leaf);
  bool is_exact = is_max ? s->max_is_exact : s->min_is_exact;
  bool is_text = c->type == PQ_INDEX_STRING || c->type == PQ_INDEX_OBJECT_ID;
  uint8_t room[8];
  double d;
  *out = (pq_value){0};
  *is_known = s->has_null_count && s->null_count == u->row_count;
  if (*is_known) return PQ_OK;
  if (!s->has_min || !s->has_max || (is_text && !is_exact)) return PQ_OK;
  if (c->type == PQ_INDEX_BINARY) return PQ_OK; /* whose bounds are of another order */
  PQ_TRY(pq_index_bound(scratch, pq_typed_bound(c->stored, is_max ? s->max : s->min, room), c->type,
                        cell, out));
  pq_index_narrow(cell, c->type, out);
  *is_known = !pq_value_is_missing(*out);
  /* NaN is the least number and in no bound; bounds do not tell one zero from the other. */
  if (c->type == PQ_INDEX_DOUBLE && (!is_max || !pq_value_double(*out, &d) || d == 0))
    *is_known = false;
  return PQ_OK;
}

/* Are counts and extremes of all rows all that is asked? */
static int check_statistics(pq_window *w, pq_unit *u) {
  const pq_grouping *fold = w->s->fold;
  u->is_statistical = fold->key_count == 0 && !u->deleted.is_wanted && !u->id.is_wanted &&
                      memchr(u->rows, PQ_NO, u->row_count) == NULL &&
                      memchr(u->rows, PQ_MAYBE, u->row_count) == NULL;
  for (uint32_t i = 0; u->is_statistical && i < fold->item_count; i++) {
    pq_cell cell;
    pq_value v;
    if (fold->items[i].op == PQ_FOLD_COUNT) continue;
    if (fold->items[i].op == PQ_FOLD_SUM) {
      u->is_statistical = false;
      break;
    }
    PQ_TRY(extreme_of_statistics(w->scratch, u, &u->prune->fold[i],
                                 fold->items[i].op == PQ_FOLD_MAX, &cell, &v, &u->is_statistical));
  }
  return PQ_OK;
}

/* The first path with the same column: a column is read once. */
static uint32_t first_of(const pq_unit *u, uint32_t path) {
  uint32_t i = 0;
  while (!u->fold[i].is_wanted || u->fold[i].leaf != u->prune->fold[path].leaf)
    i++;
  return i;
}

int pq_fold_plan(pq_window *w, pq_unit *u) {
  const pq_grouping *fold = w->s->fold;
  uint64_t rows = 0;
  u->can_fold = false;
  if (fold == NULL || (u->prune->fold == NULL && path_count(fold) > 0)) return PQ_OK;
  for (const pq_unit *x = w->units; x <= u; x++)
    rows += x->can_fold || x == u ? x->row_count : 0;
  if (fold->key_count > 0 && fold->group_count + rows > fold->group_max) return PQ_OK;
  if (fold->len_max > 0 && fold->keep->used_len > fold->len_max) return PQ_OK;
  u->fold = pq_arena_calloc(w->scratch, path_count(fold), sizeof *u->fold);
  if (u->fold == NULL) return w->scratch->cx->code;
  u->can_fold = true;
  PQ_TRY(check_statistics(w, u));
  for (uint32_t i = 0; i < path_count(fold); i++) {
    bool is_new = has_path(fold, i) && !u->is_statistical;
    for (uint32_t k = 0; is_new && k < i; k++)
      is_new = !u->fold[k].is_wanted || u->fold[k].leaf != u->prune->fold[i].leaf;
    u->fold[i] = (pq_unit_column){
        .leaf = u->prune->fold[i].leaf, .stored = u->prune->fold[i].stored, .is_wanted = is_new};
  }
  return PQ_OK;
}

/* ---- groups ---- */

/* The rows that are folded: position in the decoded columns, group. */
typedef struct rows {
  uint32_t *at;
  uint32_t *groups;
  uint32_t count;
} rows;

static int rows_init(pq_arena *scratch, const pq_unit *u, rows *out) {
  uint32_t n = 0;
  *out = (rows){0};
  out->at = pq_arena_alloc(scratch, (size_t)u->row_count * sizeof *out->at);
  out->groups = pq_arena_calloc(scratch, u->row_count, sizeof *out->groups);
  if (out->at == NULL || out->groups == NULL) return scratch->cx->code;
  for (uint32_t r = 0, at = 0; r < u->left_count; r++)
    for (uint32_t i = u->left[r].lo; i < u->left[r].hi; i++, at++)
      if (u->rows[i] == PQ_YES) out->at[n++] = at;
  out->count = n;
  return PQ_OK;
}

static const pq_column *column_of(const pq_unit *u, uint32_t path) {
  return &u->fold[first_of(u, path)].column;
}

static pq_fold_cells cells_of(const pq_unit *u, uint32_t path) {
  const pq_column *c = column_of(u, path);
  return (pq_fold_cells){.any = c->dictionary == NULL ? c->v.any : c->dictionary->values,
                         .phys = c->phys,
                         .type = u->prune->fold[path].type};
}

/* Where the value of row `at` stands among the cells. */
static uint32_t cell_of(const pq_column *c, uint32_t at) {
  return c->dictionary == NULL ? at : c->v.codes[at];
}

/* The number of each row's value of one key; a dictionary's values are looked up once. */
static int number_rows(pq_window *w, const pq_unit *u, uint32_t key, const rows *r, uint32_t *out) {
  pq_grouping *fold = w->s->fold;
  const pq_column *c = column_of(u, key);
  pq_fold_cells cells = cells_of(u, key);
  uint32_t *known = NULL;
  if (c->dictionary != NULL) {
    known = pq_arena_calloc(w->scratch, c->dictionary->count, sizeof *known);
    if (known == NULL) return w->scratch->cx->code;
  }
  for (uint32_t i = 0; i < r->count; i++) {
    uint32_t at = r->at[i];
    out[i] = 0;
    if (pq_column_is_null(c, at)) continue;
    if (known == NULL) {
      PQ_TRY(pq_fold_number(fold, key, &cells, at, &out[i]));
      continue;
    }
    at = c->v.codes[at];
    if (known[at] == 0) PQ_TRY(pq_fold_number(fold, key, &cells, at, &known[at]));
    out[i] = known[at];
  }
  return PQ_OK;
}

/* The keys of a new group, of the types that the row has: 1 is 1.0 as a key. */
static int set_keys(pq_window *w, const pq_unit *u, uint32_t at, uint32_t *const *numbers,
                    uint32_t row) {
  pq_grouping *fold = w->s->fold;
  pq_value *values = fold->values + (size_t)fold->group_count * fold->key_count;
  for (uint32_t k = 0; k < fold->key_count; k++) {
    pq_fold_cells cells = cells_of(u, k);
    uint32_t number = numbers[k][row];
    pq_cell cell;
    if (number == 0) continue;
    values[k] = fold->numbers[k].values[number];
    if ((pq_value_type(values[k]) == PQ_TYPE_DOUBLE) == (cells.type == PQ_INDEX_DOUBLE)) continue;
    PQ_TRY(pq_fold_value(w->scratch, &cells, cell_of(column_of(u, k), at), &cell, &values[k]));
    PQ_TRY(pq_value_copy(fold->keep, values[k], &values[k]));
  }
  fold->group_count++;
  return PQ_OK;
}

/* The group of a row by the numbers of its keys; a chain of pairs, of one key with nothing. */
static int group_row(pq_window *w, const pq_unit *u, uint32_t at, uint32_t *const *numbers,
                     uint32_t row, uint32_t *out) {
  pq_grouping *fold = w->s->fold;
  *out = fold->key_count < 2 ? 0 : numbers[0][row];
  for (uint32_t k = fold->key_count < 2 ? 0 : 1; k < fold->key_count; k++)
    PQ_TRY(pq_fold_pair(fold->keep, &fold->numbers[k].pairs, *out, numbers[k][row], out));
  if (*out < fold->group_count) return PQ_OK;
  PQ_TRY(pq_fold_groups_grow(fold));
  return set_keys(w, u, at, numbers, row);
}

/* One key: each of its numbers is looked up once. */
static int group_single(pq_window *w, const pq_unit *u, uint32_t *const *numbers, rows *r) {
  const pq_fold_key *key = w->s->fold->numbers;
  uint32_t *groups = pq_arena_calloc(w->scratch, (size_t)key->count + 1, sizeof *groups);
  if (groups == NULL) return w->scratch->cx->code;
  for (uint32_t i = 0; i < r->count; i++) {
    uint32_t *known = &groups[numbers[0][i]];
    if (*known == 0) {
      PQ_TRY(group_row(w, u, r->at[i], numbers, i, known));
      ++*known;
    }
    r->groups[i] = *known - 1;
  }
  return PQ_OK;
}

static int make_groups(pq_window *w, const pq_unit *u, rows *r) {
  pq_grouping *fold = w->s->fold;
  uint32_t *numbers[PQ_FOLD_PATHS_MAX];
  if (fold->numbers == NULL) {
    fold->numbers = pq_arena_calloc(fold->keep, fold->key_count, sizeof *fold->numbers);
    if (fold->numbers == NULL) return fold->keep->cx->code;
  }
  for (uint32_t k = 0; k < fold->key_count; k++) {
    numbers[k] = pq_arena_calloc(w->scratch, r->count, sizeof *numbers[k]);
    if (numbers[k] == NULL) return w->scratch->cx->code;
    PQ_TRY(number_rows(w, u, k, r, numbers[k]));
  }
  if (fold->key_count == 1) return group_single(w, u, numbers, r);
  for (uint32_t i = 0; i < r->count; i++)
    PQ_TRY(group_row(w, u, r->at[i], numbers, i, &r->groups[i]));
  return PQ_OK;
}

/* ---- states ---- */

static pq_fold_state *state_of(const pq_grouping *fold, uint32_t group, uint32_t item) {
  return &fold->states[(size_t)group * fold->item_count + item];
}

static int total_of(const pq_grouping *fold, pq_fold_state *s) {
  if (s->total == NULL) s->total = pq_arena_calloc(fold->keep, 1, sizeof *s->total);
  return s->total == NULL ? fold->keep->cx->code : PQ_OK;
}

static int add_integer(const pq_grouping *fold, pq_fold_state *s, int64_t v) {
  int64_t sum;
  bool is_long = v != (int32_t)v;
  if (pq_add_i64(s->integer, v, &sum)) {
    s->integer = sum;
    s->count++;
    s->has_long |= is_long;
    return PQ_OK;
  }
  PQ_TRY(total_of(fold, s));
  pq_total_add_integer(s->total, v, is_long);
  return PQ_OK;
}

pq_total pq_fold_total(const pq_fold_state *s) {
  pq_total sum = {.ints = s->has_long ? 0 : s->count,
                  .longs = s->has_long ? s->count : 0,
                  .integer = s->integer};
  if (s->total != NULL) pq_total_merge(&sum, s->total);
  return sum;
}

static int sum_rows(const pq_grouping *fold, uint32_t item, const pq_column *c, pq_fold_cells cells,
                    const rows *r) {
  for (uint32_t i = 0; i < r->count; i++) {
    uint32_t at = r->at[i];
    pq_fold_state *s = state_of(fold, r->groups[i], item);
    if (pq_column_is_null(c, at)) continue;
    at = cell_of(c, at);
    if (cells.type == PQ_INDEX_INT64) {
      PQ_TRY(add_integer(fold, s, ((const int64_t *)cells.any)[at]));
    } else if (cells.type == PQ_INDEX_DOUBLE) {
      PQ_TRY(total_of(fold, s));
      pq_total_add_double(s->total, ((const double *)cells.any)[at]);
    }
  }
  return PQ_OK;
}

/* By length, then by bytes; all are of one subtype. */
static bool is_less_binary(pq_slice a, pq_slice b) {
  return a.n != b.n ? a.n < b.n : pq_slice_cmp(a, b) < 0;
}

/* Does slot `a` sort before slot `b`? NaN first. */
static bool is_less(const void *values, pq_index_type type, uint32_t a, uint32_t b) {
  const double *reals = values;
  switch (type) {
    case PQ_INDEX_INT64:
    case PQ_INDEX_TIMESTAMP: return ((const int64_t *)values)[a] < ((const int64_t *)values)[b];
    case PQ_INDEX_DOUBLE:
      if (reals[a] != reals[a]) return reals[b] == reals[b];
      return reals[a] < reals[b];
    case PQ_INDEX_BOOL: return ((const uint8_t *)values)[a] < ((const uint8_t *)values)[b];
    case PQ_INDEX_BINARY:
      return is_less_binary(((const pq_slice *)values)[a], ((const pq_slice *)values)[b]);
    default: return pq_slice_cmp(((const pq_slice *)values)[a], ((const pq_slice *)values)[b]) < 0;
  }
}

static int keep_extreme(pq_grouping *fold, pq_fold_state *s, pq_value v, bool is_max) {
  if (pq_value_is_missing(v)) return PQ_OK;
  if (!pq_value_is_missing(s->extreme)) {
    int c = pq_value_compare(v, s->extreme);
    if (is_max ? c <= 0 : c >= 0) return PQ_OK;
  }
  return pq_value_copy(fold->keep, v, &s->extreme);
}

/* The best row of each group first, by typed comparisons; then one value a group. */
static int extreme_rows(pq_window *w, const pq_unit *u, uint32_t item, const rows *r) {
  pq_grouping *fold = w->s->fold;
  uint32_t path = fold->key_count + item;
  const pq_column *c = column_of(u, path);
  pq_fold_cells cells = cells_of(u, path);
  bool is_max = fold->items[item].op == PQ_FOLD_MAX;
  uint32_t *best = pq_arena_calloc(w->scratch, fold->group_count, sizeof *best);
  if (best == NULL) return w->scratch->cx->code;
  for (uint32_t i = 0; i < r->count; i++) {
    uint32_t at = r->at[i], *b = &best[r->groups[i]], x, y;
    if (pq_column_is_null(c, at)) continue;
    if (*b == 0) {
      *b = at + 1;
      continue;
    }
    x = cell_of(c, at);
    y = cell_of(c, *b - 1);
    if (is_max ? is_less(cells.any, cells.type, y, x) : is_less(cells.any, cells.type, x, y))
      *b = at + 1;
  }
  for (uint32_t g = 0; g < fold->group_count; g++) {
    pq_cell cell;
    pq_value v;
    if (best[g] == 0) continue;
    PQ_TRY(pq_fold_value(w->scratch, &cells, cell_of(c, best[g] - 1), &cell, &v));
    PQ_TRY(keep_extreme(fold, state_of(fold, g, item), v, is_max));
  }
  return PQ_OK;
}

static int fold_statistics(pq_window *w, pq_unit *u) {
  pq_grouping *fold = w->s->fold;
  PQ_TRY(pq_fold_groups_grow(fold));
  fold->group_count = 1; /* there are no keys */
  for (uint32_t i = 0; i < fold->item_count; i++) {
    bool is_max = fold->items[i].op == PQ_FOLD_MAX, is_known;
    pq_cell cell;
    pq_value v;
    if (fold->items[i].op == PQ_FOLD_COUNT) {
      state_of(fold, 0, i)->count += u->row_count;
      continue;
    }
    PQ_TRY(extreme_of_statistics(w->scratch, u, &u->prune->fold[i], is_max, &cell, &v, &is_known));
    PQ_TRY(keep_extreme(fold, state_of(fold, 0, i), v, is_max));
  }
  u->stats.rows_grouped = u->stats.rows_matched = u->row_count;
  return PQ_OK;
}

int pq_fold_rows(pq_window *w, pq_unit *u) {
  pq_grouping *fold = w->s->fold;
  rows r;
  if (u->is_statistical) return fold_statistics(w, u);
  PQ_TRY(rows_init(w->scratch, u, &r));
  if (r.count == 0) return PQ_OK;
  PQ_TRY(make_groups(w, u, &r));
  for (uint32_t i = 0; i < fold->item_count; i++) {
    uint32_t path = fold->key_count + i;
    if (fold->items[i].op == PQ_FOLD_COUNT)
      for (uint32_t k = 0; k < r.count; k++)
        state_of(fold, r.groups[k], i)->count++;
    else if (fold->items[i].op == PQ_FOLD_SUM)
      PQ_TRY(sum_rows(fold, i, column_of(u, path), cells_of(u, path), &r));
    else
      PQ_TRY(extreme_rows(w, u, i, &r));
  }
  u->stats.rows_grouped += r.count;
  u->stats.rows_matched += r.count;
  return PQ_OK;
}
