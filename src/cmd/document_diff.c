/* cmd/document_diff.c - see document_diff.h. */
#include "cmd/document_diff.h"

#include <string.h>

#include "base/limits.h"
#include "value/compare.h"

typedef struct differ {
  pq_arena *arena;
  pq_difference *items;
  uint32_t count, cap;
} differ;

/* ---- sameness ---- */

static bool is_same(pq_value a, pq_value b, uint32_t depth);

static bool is_same_object(pq_value a, pq_value b, uint32_t depth) {
  uint32_t n = pq_value_count(a);
  pq_field x, y;
  if (n != pq_value_count(b)) return false;
  for (uint32_t i = 0; i < n; i++) {
    if (!pq_object_at(a, i, &x) || !pq_object_at(b, i, &y)) return false;
    if (!pq_slice_eq(x.name, y.name) || !is_same(x.value, y.value, depth + 1)) return false;
  }
  return true;
}

/* Deeper than documents may nest is not looked at: a stored document is not. */
static bool is_same(pq_value a, pq_value b, uint32_t depth) {
  pq_type type = pq_value_type(a);
  if (type != pq_value_type(b) || depth > PQ_DEPTH_MAX) return false;
  if (type == PQ_TYPE_OBJECT) return is_same_object(a, b, depth);
  if (type != PQ_TYPE_ARRAY) return pq_value_is_equal(a, b);
  if (pq_value_count(a) != pq_value_count(b)) return false;
  for (uint32_t i = 0; i < pq_value_count(a); i++)
    if (!is_same(pq_array_at(a, i), pq_array_at(b, i), depth + 1)) return false;
  return true;
}

bool pq_document_is_same(pq_value a, pq_value b) {
  if (pq_value_is_missing(a) || pq_value_is_missing(b))
    return pq_value_is_missing(a) && pq_value_is_missing(b);
  return is_same(a, b, 0) && pq_value_is_equal(a, b); /* which sees the order of fields */
}

/* ---- differences ---- */

/* `prefix`.name, escaped. */
static int join(pq_arena *arena, pq_slice prefix, pq_slice name, pq_slice *out) {
  size_t n = prefix.n + 1;
  uint8_t *text = pq_arena_alloc(arena, prefix.n + 1 + name.n * 2);
  *out = (pq_slice){0};
  if (text == NULL) return arena->cx->code;
  if (prefix.n > 0) memcpy(text, prefix.p, prefix.n);
  text[prefix.n] = '.';
  if (prefix.p == NULL) n = 0;
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] == '.' || name.p[i] == '\\') text[n++] = '\\';
    text[n++] = name.p[i];
  }
  *out = (pq_slice){text, n};
  return PQ_OK;
}

static int add(differ *d, pq_slice path, pq_value before, pq_value after) {
  if (d->count == d->cap) {
    uint32_t cap = d->cap == 0 ? 16 : d->cap * 2;
    pq_difference *items = pq_arena_calloc(d->arena, cap, sizeof *items);
    if (items == NULL) return d->arena->cx->code;
    if (d->count > 0) memcpy(items, d->items, d->count * sizeof *items);
    d->items = items;
    d->cap = cap;
  }
  d->items[d->count++] = (pq_difference){path, before, after};
  return PQ_OK;
}

static int walk(differ *d, pq_slice prefix, pq_value before, pq_value after, uint32_t depth) {
  uint32_t before_count = pq_value_count(before), after_count = pq_value_count(after);
  pq_slice path;
  pq_field f;
  if (depth > PQ_DEPTH_MAX)
    return pq_fail(d->arena->cx, PQ_ELIMIT, "a document nests deeper than %u levels", PQ_DEPTH_MAX);
  for (uint32_t i = 0; i < before_count && pq_object_at(before, i, &f); i++) {
    pq_value now = pq_object_get(after, f.name);
    bool is_inside =
        pq_value_type(f.value) == PQ_TYPE_OBJECT && pq_value_type(now) == PQ_TYPE_OBJECT;
    if (!is_inside && pq_document_is_same(f.value, now)) continue;
    PQ_TRY(join(d->arena, prefix, f.name, &path));
    PQ_TRY(is_inside ? walk(d, path, f.value, now, depth + 1) : add(d, path, f.value, now));
  }
  for (uint32_t i = 0; i < after_count && pq_object_at(after, i, &f); i++) {
    if (!pq_value_is_missing(pq_object_get(before, f.name))) continue;
    PQ_TRY(join(d->arena, prefix, f.name, &path));
    PQ_TRY(add(d, path, (pq_value){0}, f.value));
  }
  return PQ_OK;
}

int pq_document_diff(pq_arena *arena, pq_value before, pq_value after, pq_difference **out,
                     uint32_t *count) {
  differ d = {.arena = arena};
  *out = NULL;
  *count = 0;
  PQ_TRY(walk(&d, (pq_slice){0}, before, after, 0));
  *out = d.items;
  *count = d.count;
  return PQ_OK;
}

/* ---- as fields ---- */

static bool is_of(const pq_difference *d, const char *name) {
  bool is_added = pq_value_is_missing(d->before), is_removed = pq_value_is_missing(d->after);
  return strcmp(name, is_added ? "added" : is_removed ? "removed" : "changed") == 0;
}

int pq_put_differences(pq_builder *b, const pq_difference *items, uint32_t count) {
  static const char *const names[] = {"added", "removed", "changed"};
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    PQ_TRY(pq_builder_key_str(b, names[k]));
    PQ_TRY(pq_builder_begin_array(b));
    for (uint32_t i = 0; i < count; i++)
      if (is_of(&items[i], names[k])) PQ_TRY(pq_builder_string(b, items[i].path));
    PQ_TRY(pq_builder_end(b));
  }
  PQ_TRY(pq_builder_key_str(b, "values"));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, items[i].path));
    PQ_TRY(pq_builder_begin_object(b));
    if (!pq_value_is_missing(items[i].before)) {
      PQ_TRY(pq_builder_key_str(b, "before"));
      PQ_TRY(pq_builder_value(b, items[i].before));
    }
    if (!pq_value_is_missing(items[i].after)) {
      PQ_TRY(pq_builder_key_str(b, "after"));
      PQ_TRY(pq_builder_value(b, items[i].after));
    }
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}
