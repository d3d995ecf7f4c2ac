/* query/scan_order.c - a sort with a limit: which rows cannot be among the first.
 *
 *   row       value of the column   key                     keep 2, ascending
 *    7        missing               0                   ◄ first
 *    3        -5                    5 below the middle  ◄ second: the bound
 *    9        -5                    the same                stays: the next sort key decides
 *    1        12                    12 above the middle     left out, its document is not read
 *
 * A key is 64 bits that never order two values wrongly, but may be equal for different ones (text
 * gives its first 8 bytes; missing, NaN and the least value all give 0): such rows stay. Once
 * `keep` rows have keys up to a bound, rows of other row groups above it are not needed either.
 *
 * Keys of columns of two types say nothing to each other: the bound is of one. Rounded floats are
 * ordered as their values are, but for equal ones.
 *
 * By $id no column is read: a row group has its rows in that order, and no id twice.
 */
#include <string.h>

#include "query/scan_int.h"

enum { KEYS_MAX = 1024 /* of a row group, kept until the bound of its window is known */ };

#define SIGN ((uint64_t)1 << 63)

static uint64_t text_key(pq_slice v) {
  uint64_t key = 0;
  for (size_t i = 0; i < 8; i++)
    key = key << 8 | (i < v.n ? v.p[i] : 0);
  return key;
}

/* Binary data is ordered by its length first. */
static uint64_t binary_key(pq_slice v) {
  uint64_t len = v.n < UINT32_MAX ? v.n : UINT32_MAX;
  return len << 32 | text_key(v) >> 32;
}

static uint64_t real_key(double v) {
  uint64_t bits;
  if (v != v) return 0;
  if (v == 0) v = 0; /* one zero */
  memcpy(&bits, &v, sizeof bits);
  return (bits & SIGN) != 0 ? ~bits : bits | SIGN;
}

/* Of slot `i` of values of a type. */
static uint64_t key_at(const pq_path_column *c, const void *values, uint32_t i) {
  switch (c->type) {
    case PQ_INDEX_DECIMAL:
      if (c->is_wide) return text_key(((const pq_slice *)values)[i]) ^ SIGN;
      return (uint64_t)((const int64_t *)values)[i] ^ SIGN;
    case PQ_INDEX_INT64:
    case PQ_INDEX_TIMESTAMP: return (uint64_t)((const int64_t *)values)[i] ^ SIGN;
    case PQ_INDEX_DOUBLE: return real_key(((const double *)values)[i]);
    case PQ_INDEX_BOOL: return ((const uint8_t *)values)[i];
    case PQ_INDEX_BINARY: return binary_key(((const pq_slice *)values)[i]);
    default: return text_key(((const pq_slice *)values)[i]);
  }
}

static uint64_t key_of_row(const pq_window *w, const pq_unit *u, uint32_t at) {
  const pq_column *c = &u->order.column;
  uint64_t key = 0;
  if (!pq_column_is_null(c, at))
    key = c->dictionary == NULL ? key_at(&u->order_column, c->v.any, at)
                                : key_at(&u->order_column, c->dictionary->values, c->v.codes[at]);
  return w->order.is_descending ? ~key : key;
}

static uint64_t key_of_bound(const pq_path_column *c, pq_slice plain) {
  int64_t i;
  double d;
  if (c->is_wide) return text_key(plain) ^ SIGN;
  switch (c->type) {
    case PQ_INDEX_BOOL: return plain.n == 1 ? plain.p[0] : 0;
    case PQ_INDEX_STRING:
    case PQ_INDEX_UUID:
    case PQ_INDEX_OBJECT_ID: return text_key(plain);
    default: break;
  }
  if (plain.n != 8) return 0;
  memcpy(&i, plain.p, sizeof i);
  memcpy(&d, plain.p, sizeof d);
  return c->type == PQ_INDEX_DOUBLE ? real_key(d) : (uint64_t)i ^ SIGN;
}

/* What keys are compared with keys of: decimals of one scale and width. */
static int key_type(const pq_path_column *c) {
  return (int)c->type << 9 | c->scale << 1 | c->is_wide;
}

/* Has the bound another type than the unit's column? */
static bool is_foreign(const pq_window *w, const pq_unit *u) {
  return w->order.has_bound && w->order.type != key_type(&u->order_column);
}

bool pq_order_excludes(const pq_window *w, const pq_unit *u) {
  const pq_path_column *c = &u->order_column;
  const pq_stats *s;
  uint8_t room[8];
  pq_slice bound;
  bool may_be_null;
  if (!w->order.has_bound || !c->is_exact || is_foreign(w, u)) return false;
  s = &u->file->file.footer->row_groups[u->row_group].chunks[c->leaf].stats;
  may_be_null = !(s->has_null_count && s->null_count == 0);
  if (!s->has_min || !s->has_max || c->type == PQ_INDEX_BINARY) return false;
  bound = pq_typed_bound(c->stored, w->order.is_descending ? s->max : s->min, room);
  if (c->type != c->stored && bound.n == 0) return false;
  if (c->type == PQ_INDEX_DECIMAL && bound.n != (c->is_wide ? 16u : 8u)) return false;
  if (w->order.is_descending) return ~key_of_bound(c, bound) > w->order.bound;
  /* NaN, which no bound shows, sorts first. */
  return !may_be_null && c->type != PQ_INDEX_DOUBLE && key_of_bound(c, bound) > w->order.bound;
}

/* The largest of the `keep` smallest keys: a heap with the largest on top. */
static void sift(uint64_t *heap, uint32_t count, uint32_t at) {
  for (;;) {
    uint32_t kid = 2 * at + 1;
    uint64_t v = heap[at];
    if (kid >= count) return;
    if (kid + 1 < count && heap[kid + 1] > heap[kid]) kid++;
    if (heap[kid] <= v) return;
    heap[at] = heap[kid];
    heap[kid] = v;
    at = kid;
  }
}

static uint64_t bound_of(uint64_t *heap, uint32_t keep, const uint64_t *keys, uint32_t count) {
  memcpy(heap, keys, keep * sizeof *heap);
  for (uint32_t i = keep / 2; i-- > 0;)
    sift(heap, keep, i);
  for (uint32_t i = keep; i < count; i++) {
    if (keys[i] >= heap[0]) continue;
    heap[0] = keys[i];
    sift(heap, keep, 0);
  }
  return heap[0];
}

bool pq_order_is_by_id(const pq_window *w) {
  return w->order.keep > 0 && pq_slice_is(w->order.path, "$id");
}

void pq_order_ids(const pq_window *w, pq_unit *u) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < u->row_count; i++) {
    uint8_t *row = &u->rows[w->order.is_descending ? u->row_count - 1 - i : i];
    if (*row != PQ_YES || n++ < w->order.keep) continue;
    *row = PQ_NO;
    u->stats.rows_by_order++;
  }
}

/* Leave out the rows behind the bound; `keys` are those of the rows that are YES, and of the rows
 * that stay so afterwards. How many these are. */
static uint32_t refuse_rows(const pq_window *w, pq_unit *u, uint64_t *keys) {
  uint32_t at = 0, n = 0;
  for (uint32_t i = 0; i < u->row_count; i++) {
    if (u->rows[i] != PQ_YES) continue;
    if (keys[at] <= w->order.bound) {
      keys[n++] = keys[at++];
      continue;
    }
    u->rows[i] = PQ_NO;
    u->stats.rows_by_order++;
    at++;
  }
  return n;
}

int pq_order_rows(pq_window *w, pq_unit *u) {
  uint64_t *keys = pq_arena_calloc(w->work, u->row_count, sizeof *keys);
  uint32_t n = 0;
  if (keys == NULL) return w->work->cx->code;
  if (is_foreign(w, u)) return PQ_OK;
  for (uint32_t r = 0, at = 0; r < u->left_count; r++)
    for (uint32_t i = u->left[r].lo; i < u->left[r].hi; i++, at++)
      if (u->rows[i] == PQ_YES) keys[n++] = key_of_row(w, u, at);
  if (n >= w->order.keep) {
    uint32_t keep = (uint32_t)w->order.keep;
    uint64_t *heap = pq_arena_calloc(w->work, keep, sizeof *heap), bound;
    if (heap == NULL) return w->work->cx->code;
    bound = bound_of(heap, keep, keys, n);
    if (!w->order.has_bound || bound < w->order.bound) w->order.bound = bound;
    w->order.has_bound = true;
    w->order.type = key_type(&u->order_column);
  }
  if (!w->order.has_bound) return PQ_OK;
  n = refuse_rows(w, u, keys);
  if (n > KEYS_MAX) return PQ_OK;
  u->order_keys = pq_arena_alloc(w->scratch, n * sizeof *keys);
  if (u->order_keys == NULL) return w->scratch->cx->code;
  memcpy(u->order_keys, keys, n * sizeof *keys);
  return PQ_OK;
}

bool pq_order_again(const pq_window *w, pq_unit *u) {
  if (u->order_keys == NULL || is_foreign(w, u)) return false;
  (void)refuse_rows(w, u, u->order_keys);
  u->order_keys = NULL;
  return true;
}
