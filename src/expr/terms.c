/* expr/terms.c - sorted lists of paths, and the small helpers of this module. See expr_int.h.
 *
 * Pure functions, any thread.
 */
#include "expr/expr_int.h"

#include "base/merge_sort.h"

int pq_value_copy(pq_arena *arena, pq_value v, pq_value *out) {
  pq_slice meta, bytes;
  *out = (pq_value){0};
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(pq_arena_copy(arena, pq_value_meta(v), &meta));
  PQ_TRY(pq_arena_copy(arena, pq_value_bytes(v), &bytes));
  *out = (pq_value){meta.p, bytes.p, v.meta_len, v.len};
  return PQ_OK;
}

bool pq_name_in(pq_slice name, const char *const *names) {
  for (; *names != NULL; names++)
    if (pq_slice_is(name, *names)) return true;
  return false;
}

/* ---- order of paths ---- */
static bool is_digits(pq_slice s) {
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < '0' || s.p[i] > '9') return false;
  return s.n > 0;
}

static int compare_digits(pq_slice a, pq_slice b) {
  pq_slice x = a, y = b;
  int c;
  for (; x.n > 1 && *x.p == '0'; x.n--)
    x.p++;
  for (; y.n > 1 && *y.p == '0'; y.n--)
    y.p++;
  if (x.n != y.n) return x.n < y.n ? -1 : 1;
  c = pq_slice_cmp(x, y);
  if (c != 0 || a.n == b.n) return c;
  return a.n < b.n ? -1 : 1;
}

static int compare_names(pq_slice a, pq_slice b) {
  bool a_is_digits = is_digits(a), b_is_digits = is_digits(b);
  if (a_is_digits && b_is_digits) return compare_digits(a, b);
  if (a_is_digits != b_is_digits) return a_is_digits ? -1 : 1;
  return pq_slice_cmp(a, b);
}

static int compare_terms(const void *left, const void *right, const void *ud) {
  const pq_path *a = &((const pq_term *)left)->path, *b = &((const pq_term *)right)->path;
  (void)ud;
  for (uint32_t i = 0; i < a->count && i < b->count; i++) {
    int c = compare_names(a->parts[i].name, b->parts[i].name);
    if (c != 0) return c;
  }
  return a->count == b->count ? 0 : a->count < b->count ? -1 : 1;
}

static bool is_prefix(const pq_path *a, const pq_path *b) {
  if (a->count > b->count) return false;
  for (uint32_t i = 0; i < a->count; i++)
    if (!pq_slice_eq(a->parts[i].name, b->parts[i].name)) return false;
  return true;
}

int pq_terms_sort(pq_cx *cx, pq_term *terms, uint32_t count, uint32_t *conflict) {
  *conflict = count;
  PQ_TRY(pq_sort_items(cx, terms, count, sizeof *terms, compare_terms, NULL));
  for (uint32_t i = 0; i + 1 < count && *conflict == count; i++)
    if (is_prefix(&terms[i].path, &terms[i + 1].path)) *conflict = i;
  return PQ_OK;
}

/* The first term in [from, to) whose part at `depth` is not less (or, if `is_after`, greater). */
static uint32_t bound(const pq_term *terms, pq_span s, pq_slice name, bool is_after) {
  uint32_t low = s.from, high = s.to;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int c = compare_names(terms[middle].path.parts[s.depth].name, name);
    if (c < 0 || (is_after && c == 0)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool pq_span_find(const pq_term *terms, pq_span s, pq_slice name, pq_span *group) {
  uint32_t from = bound(terms, s, name, false);
  *group = (pq_span){from, from, s.depth + 1};
  if (from == s.to || !pq_slice_eq(terms[from].path.parts[s.depth].name, name)) return false;
  group->to = bound(terms, (pq_span){from, s.to, s.depth}, name, true);
  return true;
}

bool pq_span_next(const pq_term *terms, pq_span s, pq_span *group) {
  pq_slice name;
  if (group->to == s.to) return false;
  group->from = group->to;
  name = terms[group->from].path.parts[s.depth].name;
  group->to = bound(terms, (pq_span){group->from, s.to, s.depth}, name, true);
  return true;
}
