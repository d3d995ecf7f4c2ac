/* server/mongo_describe.c - what an update did, from the documents before and after it: the
 * updateDescription of a change (mongo_change.h).
 *
 *   {a: 1, b: {c: 1, d: 2}, t: [1, 2, 3], x: 0}       updatedFields    {"b.c": 5, "t.0": 9}
 *   {a: 1, b: {c: 5, d: 2}, t: [9, 2]}                removedFields    ["x"]
 *                                                     truncatedArrays  [{field: "t", newSize: 2}]
 *
 * Objects are compared field by field, arrays place by place; an array of which more than half
 * would be told is told as a whole. (MongoDB: change-events/update.)
 */
#include <string.h>

#include "base/limits.h"
#include "cmd/document_diff.h"
#include "server/mongo_change.h"

typedef enum said { SAID_UPDATED, SAID_REMOVED, SAID_TRUNCATED } said;

typedef struct item {
  said what;
  pq_slice path;
  pq_value value;
  uint32_t size;
} item;

typedef struct describer {
  pq_arena *arena;
  item *items;
  uint32_t count, cap;
  bool has_dots; /* in a name: two places may have one path */
} describer;

static int add(describer *d, item one) {
  if (d->count == d->cap) {
    uint32_t cap = d->cap == 0 ? 16 : d->cap * 2;
    item *items = pq_arena_calloc(d->arena, cap, sizeof *items);
    if (items == NULL) return d->arena->cx->code;
    if (d->count > 0) memcpy(items, d->items, d->count * sizeof *items);
    d->items = items;
    d->cap = cap;
  }
  d->items[d->count++] = one;
  return PQ_OK;
}

static int join(describer *d, pq_slice prefix, pq_slice name, pq_slice *out) {
  uint8_t *text = pq_arena_alloc(d->arena, prefix.n + 1 + name.n);
  size_t n = 0;
  *out = (pq_slice){0};
  if (text == NULL) return d->arena->cx->code;
  d->has_dots |= name.n > 0 && memchr(name.p, '.', name.n) != NULL;
  if (prefix.p != NULL) {
    memcpy(text, prefix.p, prefix.n);
    n = prefix.n;
    text[n++] = '.';
  }
  if (name.n > 0) memcpy(text + n, name.p, name.n);
  *out = (pq_slice){text, n + name.n};
  return PQ_OK;
}

static int index_path(describer *d, pq_slice prefix, uint32_t i, pq_slice *out) {
  const char *text = pq_arena_printf(d->arena, "%u", (unsigned)i);
  *out = (pq_slice){0};
  return text == NULL ? d->arena->cx->code : join(d, prefix, pq_str(text), out);
}

/* How many places of `after` are others than in `before`. */
static uint32_t changed_count(pq_value before, pq_value after) {
  uint32_t n = 0, before_count = pq_value_count(before), count = pq_value_count(after);
  for (uint32_t i = 0; i < count; i++)
    n += i >= before_count || !pq_document_is_same(pq_array_at(before, i), pq_array_at(after, i));
  return n;
}

static int walk(describer *d, pq_slice path, pq_value before, pq_value after, uint32_t depth);

static int walk_array(describer *d, pq_slice path, pq_value before, pq_value after,
                      uint32_t depth) {
  uint32_t before_count = pq_value_count(before), count = pq_value_count(after);
  pq_slice place;
  if (count == 0 || (uint64_t)changed_count(before, after) * 2 > count)
    return add(d, (item){.what = SAID_UPDATED, .path = path, .value = after});
  for (uint32_t i = 0; i < count; i++) {
    pq_value old = i < before_count ? pq_array_at(before, i) : (pq_value){0};
    if (pq_document_is_same(old, pq_array_at(after, i))) continue;
    PQ_TRY(index_path(d, path, i, &place));
    PQ_TRY(walk(d, place, old, pq_array_at(after, i), depth + 1));
  }
  if (count >= before_count) return PQ_OK;
  return add(d, (item){.what = SAID_TRUNCATED, .path = path, .size = count});
}

static int walk_object(describer *d, pq_slice path, pq_value before, pq_value after,
                       uint32_t depth) {
  uint32_t before_count = pq_value_count(before), count = pq_value_count(after);
  pq_slice place;
  pq_field f;
  for (uint32_t i = 0; i < count && pq_object_at(after, i, &f); i++) {
    pq_value old = pq_object_get(before, f.name);
    if (pq_document_is_same(old, f.value)) continue;
    PQ_TRY(join(d, path, f.name, &place));
    PQ_TRY(walk(d, place, old, f.value, depth + 1));
  }
  for (uint32_t i = 0; i < before_count && pq_object_at(before, i, &f); i++) {
    if (!pq_value_is_missing(pq_object_get(after, f.name))) continue;
    PQ_TRY(join(d, path, f.name, &place));
    PQ_TRY(add(d, (item){.what = SAID_REMOVED, .path = place}));
  }
  return PQ_OK;
}

/* The two differ. */
static int walk(describer *d, pq_slice path, pq_value before, pq_value after, uint32_t depth) {
  pq_type type = pq_value_type(after);
  if (depth > PQ_DEPTH_MAX)
    return pq_fail(d->arena->cx, PQ_ELIMIT, "a document nests deeper than %u levels", PQ_DEPTH_MAX);
  if (type == PQ_TYPE_OBJECT && pq_value_type(before) == PQ_TYPE_OBJECT)
    return walk_object(d, path, before, after, depth);
  if (type == PQ_TYPE_ARRAY && pq_value_type(before) == PQ_TYPE_ARRAY)
    return walk_array(d, path, before, after, depth);
  return add(d, (item){.what = SAID_UPDATED, .path = path, .value = after});
}

/* ---- as fields ---- */

/* Was a field of that path told already? */
static bool is_told(const describer *d, uint32_t at) {
  for (uint32_t i = 0; i < at; i++)
    if (d->items[i].what == SAID_UPDATED && pq_slice_eq(d->items[i].path, d->items[at].path))
      return true;
  return false;
}

static int put_updated(const describer *d, pq_builder *b) {
  PQ_TRY(pq_builder_key_str(b, "updatedFields"));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < d->count; i++) {
    if (d->items[i].what != SAID_UPDATED || (d->has_dots && is_told(d, i))) continue;
    PQ_TRY(pq_builder_key(b, d->items[i].path));
    PQ_TRY(pq_builder_value(b, d->items[i].value));
  }
  return pq_builder_end(b);
}

static int put_truncated(pq_builder *b, const item *one) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "field"));
  PQ_TRY(pq_builder_string(b, one->path));
  PQ_TRY(pq_builder_key_str(b, "newSize"));
  PQ_TRY(pq_builder_i32(b, (int32_t)one->size));
  return pq_builder_end(b);
}

static int put_list(const describer *d, pq_builder *b, const char *name, said what) {
  PQ_TRY(pq_builder_key_str(b, name));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < d->count; i++) {
    if (d->items[i].what != what) continue;
    PQ_TRY(what == SAID_REMOVED ? pq_builder_string(b, d->items[i].path)
                                : put_truncated(b, &d->items[i]));
  }
  return pq_builder_end(b);
}

int pq_change_describe(pq_builder *b, pq_arena *arena, pq_value before, pq_value after) {
  describer d = {.arena = arena};
  PQ_TRY(walk_object(&d, (pq_slice){0}, before, after, 0));
  PQ_TRY(put_updated(&d, b));
  PQ_TRY(put_list(&d, b, "removedFields", SAID_REMOVED));
  return put_list(&d, b, "truncatedArrays", SAID_TRUNCATED);
}
