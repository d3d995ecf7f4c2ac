/* test/spec/spec_match.c - see spec_match.h. */
#include "spec_match.h"

#include <stdlib.h>
#include <string.h>

#include "spec_db.h"

/* Does the text fit a pattern whose '*' stand for any text? */
static bool fits(pq_slice pattern, pq_slice text) {
  size_t p = 0, t = 0, star = SIZE_MAX, again = 0;
  while (t < text.n) {
    if (p < pattern.n && pattern.p[p] == '*') {
      star = p++;
      again = t;
    } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
      p++;
      t++;
    } else if (star != SIZE_MAX) {
      p = star + 1;
      t = ++again;
    } else {
      return false;
    }
  }
  while (p < pattern.n && pattern.p[p] == '*')
    p++;
  return p == pattern.n;
}

static bool match_objects(pq_arena *arena, pq_value expected, pq_value got, bool is_subset) {
  uint32_t n, m, g = 0;
  pq_field *want = pq_object_fields(arena, expected, &n);
  pq_field *have = pq_object_fields(arena, got, &m);
  if (!is_subset && n != m) return false;
  for (uint32_t i = 0; i < n; i++) {
    while (is_subset && g < m && !pq_slice_eq(have[g].name, want[i].name))
      g++;
    if (g == m || !pq_slice_eq(have[g].name, want[i].name)) return false;
    if (!spec_match(want[i].value, have[g++].value, false)) return false;
  }
  return true;
}

bool spec_match(pq_value expected, pq_value got, bool is_subset) {
  pq_type type = pq_value_type(expected);
  pq_slice pattern, text;
  char *a, *b;
  bool is_same;
  if (pq_value_string(expected, &pattern) && memchr(pattern.p, '*', pattern.n) != NULL)
    return pq_slice_is(pattern, "*") || (pq_value_string(got, &text) && fits(pattern, text));
  if (type != pq_value_type(got)) return false;
  if (type == PQ_TYPE_OBJECT) {
    pq_arena arena;
    pq_arena_init(&arena, spec_cx(), SIZE_MAX / 2);
    is_same = match_objects(&arena, expected, got, is_subset);
    pq_arena_release(&arena);
    return is_same;
  }
  if (type == PQ_TYPE_ARRAY) {
    if (pq_value_count(expected) != pq_value_count(got)) return false;
    for (uint32_t i = 0; i < pq_value_count(expected); i++)
      if (!spec_match(pq_array_at(expected, i), pq_array_at(got, i), false)) return false;
    return true;
  }
  a = spec_print(expected);
  b = spec_print(got);
  is_same = strcmp(a, b) == 0;
  free(a);
  free(b);
  return is_same;
}
