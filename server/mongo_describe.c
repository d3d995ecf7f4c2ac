/* server/mongo_describe.c - what an update did, from the documents before and after it: the
 * updateDescription of a change (mongo_change.h).
 *
 *   {a: 1, b: {c: 1, d: 2}, t: [1, 2, 3], x: 0}       updatedFields    {"b.c": 5, "t.0": 9}
 *   {a: 1, b: {c: 5, d: 2}, t: [9, 2]}                removedFields    ["x"]
 *                                                     truncatedArrays  [{field: "t", newSize: 2}]
 *
 * Objects are compared field by field, arrays place by place; an array of which more than half
 * would be told is told as a whole. (MongoDB: change-events/update.)
 *
 * A path of which a name has a dot, or could be a place in an array, is ambiguous: with
 * showExpandedEvents disambiguatedPaths has its parts, places as numbers.
 */
#include <string.h>

#include "base/limits.h"
#include "cmd/document_diff.h"
#include "server/mongo_change.h"

typedef enum said { SAID_UPDATED = 1, SAID_REMOVED, SAID_TRUNCATED } said;

/* A field or a place in an array, and what it is in. */
typedef struct spot {
  const struct spot *parent; /* NULL: it is at the top */
  pq_slice name;
  uint32_t index;
  bool is_index, is_ambiguous;
  pq_slice path;
} spot;

typedef struct item {
  said what;
  const spot *at;
  pq_value value;
  uint32_t size;
} item;

typedef struct describer {
  pq_arena *arena;
  item *items;
  uint32_t count, cap;
  bool is_ambiguous; /* two places may have one path */
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

/* Has it a dot, or only digits? */
static bool is_name_ambiguous(pq_slice name) {
  size_t digits = 0;
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] == '.') return true;
    digits += name.p[i] >= '0' && name.p[i] <= '9';
  }
  return name.n > 0 && digits == name.n;
}

static int join(describer *d, spot *s) {
  pq_slice before = s->parent == NULL ? (pq_slice){0} : s->parent->path;
  uint8_t *text = pq_arena_alloc(d->arena, before.n + 1 + s->name.n);
  size_t n = 0;
  if (text == NULL) return d->arena->cx->code;
  if (s->parent != NULL) {
    memcpy(text, before.p, before.n);
    n = before.n;
    text[n++] = '.';
  }
  if (s->name.n > 0) memcpy(text + n, s->name.p, s->name.n);
  s->path = (pq_slice){text, n + s->name.n};
  d->is_ambiguous |= s->is_ambiguous;
  return PQ_OK;
}

static int field_of(describer *d, const spot *parent, pq_slice name, const spot **out) {
  spot *s = pq_arena_calloc(d->arena, 1, sizeof *s);
  *out = s;
  if (s == NULL) return d->arena->cx->code;
  s->parent = parent;
  s->name = name;
  s->is_ambiguous = is_name_ambiguous(name) || (parent != NULL && parent->is_ambiguous);
  return join(d, s);
}

static int place_of(describer *d, const spot *parent, uint32_t index, const spot **out) {
  spot *s = pq_arena_calloc(d->arena, 1, sizeof *s);
  char *text = pq_arena_printf(d->arena, "%u", (unsigned)index);
  *out = s;
  if (s == NULL || text == NULL) return d->arena->cx->code;
  s->parent = parent;
  s->name = pq_str(text);
  s->index = index;
  s->is_index = true;
  s->is_ambiguous = parent->is_ambiguous;
  return join(d, s);
}

static bool is_inside(pq_value before, pq_value after) {
  pq_type type = pq_value_type(after);
  return (type == PQ_TYPE_OBJECT || type == PQ_TYPE_ARRAY) && pq_value_type(before) == type;
}

/* How many places of `after` have something else than in `before`; what differs within objects and
 * arrays is told there. */
static uint32_t changed_count(pq_value before, pq_value after) {
  uint32_t n = 0, before_count = pq_value_count(before), count = pq_value_count(after);
  for (uint32_t i = 0; i < count; i++) {
    pq_value old = i < before_count ? pq_array_at(before, i) : (pq_value){0};
    pq_value now = pq_array_at(after, i);
    n += !is_inside(old, now) && !pq_document_is_same(old, now);
  }
  return n;
}

static int walk(describer *d, const spot *at, pq_value before, pq_value after, uint32_t depth);

static int walk_array(describer *d, const spot *at, pq_value before, pq_value after,
                      uint32_t depth) {
  uint32_t before_count = pq_value_count(before), count = pq_value_count(after);
  const spot *place;
  if (count == 0 || (uint64_t)changed_count(before, after) * 2 > count)
    return add(d, (item){.what = SAID_UPDATED, .at = at, .value = after});
  for (uint32_t i = 0; i < count; i++) {
    pq_value old = i < before_count ? pq_array_at(before, i) : (pq_value){0};
    if (pq_document_is_same(old, pq_array_at(after, i))) continue;
    PQ_TRY(place_of(d, at, i, &place));
    PQ_TRY(walk(d, place, old, pq_array_at(after, i), depth + 1));
  }
  if (count >= before_count) return PQ_OK;
  return add(d, (item){.what = SAID_TRUNCATED, .at = at, .size = count});
}

static int walk_object(describer *d, const spot *at, pq_value before, pq_value after,
                       uint32_t depth) {
  uint32_t before_count = pq_value_count(before), count = pq_value_count(after);
  const spot *place;
  pq_field f;
  for (uint32_t i = 0; i < count && pq_object_at(after, i, &f); i++) {
    pq_value old = pq_object_get(before, f.name);
    if (pq_document_is_same(old, f.value)) continue;
    PQ_TRY(field_of(d, at, f.name, &place));
    PQ_TRY(walk(d, place, old, f.value, depth + 1));
  }
  for (uint32_t i = 0; i < before_count && pq_object_at(before, i, &f); i++) {
    if (!pq_value_is_missing(pq_object_get(after, f.name))) continue;
    PQ_TRY(field_of(d, at, f.name, &place));
    PQ_TRY(add(d, (item){.what = SAID_REMOVED, .at = place}));
  }
  return PQ_OK;
}

/* The two differ. */
static int walk(describer *d, const spot *at, pq_value before, pq_value after, uint32_t depth) {
  pq_type type = pq_value_type(after);
  if (depth > PQ_DEPTH_MAX)
    return pq_fail(d->arena->cx, PQ_ELIMIT, "a document nests deeper than %u levels", PQ_DEPTH_MAX);
  if (type == PQ_TYPE_OBJECT && pq_value_type(before) == PQ_TYPE_OBJECT)
    return walk_object(d, at, before, after, depth);
  if (type == PQ_TYPE_ARRAY && pq_value_type(before) == PQ_TYPE_ARRAY)
    return walk_array(d, at, before, after, depth);
  return add(d, (item){.what = SAID_UPDATED, .at = at, .value = after});
}

/* ---- as fields ---- */

/* Was that path told already, by `what` or, 0, by any? */
static bool is_told(const describer *d, uint32_t at, said what) {
  for (uint32_t i = 0; d->is_ambiguous && i < at; i++)
    if ((what == 0 || d->items[i].what == what) &&
        pq_slice_eq(d->items[i].at->path, d->items[at].at->path))
      return true;
  return false;
}

static int put_updated(const describer *d, pq_builder *b) {
  PQ_TRY(pq_builder_key_str(b, "updatedFields"));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < d->count; i++) {
    if (d->items[i].what != SAID_UPDATED || is_told(d, i, SAID_UPDATED)) continue;
    PQ_TRY(pq_builder_key(b, d->items[i].at->path));
    PQ_TRY(pq_builder_value(b, d->items[i].value));
  }
  return pq_builder_end(b);
}

static int put_truncated(pq_builder *b, const item *one) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "field"));
  PQ_TRY(pq_builder_string(b, one->at->path));
  PQ_TRY(pq_builder_key_str(b, "newSize"));
  PQ_TRY(pq_builder_i32(b, (int32_t)one->size));
  return pq_builder_end(b);
}

static int put_list(const describer *d, pq_builder *b, const char *name, said what) {
  PQ_TRY(pq_builder_key_str(b, name));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < d->count; i++) {
    if (d->items[i].what != what) continue;
    PQ_TRY(what == SAID_REMOVED ? pq_builder_string(b, d->items[i].at->path)
                                : put_truncated(b, &d->items[i]));
  }
  return pq_builder_end(b);
}

static int put_parts(pq_builder *b, const spot *s, uint32_t depth) {
  if (s == NULL || depth > PQ_DEPTH_MAX) return PQ_OK;
  PQ_TRY(put_parts(b, s->parent, depth + 1));
  return s->is_index ? pq_builder_i32(b, (int32_t)s->index) : pq_builder_string(b, s->name);
}

static int put_ambiguous(const describer *d, pq_builder *b) {
  PQ_TRY(pq_builder_key_str(b, "disambiguatedPaths"));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < d->count; i++) {
    if (!d->items[i].at->is_ambiguous || is_told(d, i, 0)) continue;
    PQ_TRY(pq_builder_key(b, d->items[i].at->path));
    PQ_TRY(pq_builder_begin_array(b));
    PQ_TRY(put_parts(b, d->items[i].at, 0));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

int pq_change_describe(pq_builder *b, pq_arena *arena, pq_value before, pq_value after,
                       bool tells_ambiguous) {
  describer d = {.arena = arena};
  PQ_TRY(walk_object(&d, NULL, before, after, 0));
  PQ_TRY(put_updated(&d, b));
  PQ_TRY(put_list(&d, b, "removedFields", SAID_REMOVED));
  PQ_TRY(put_list(&d, b, "truncatedArrays", SAID_TRUNCATED));
  return tells_ambiguous ? put_ambiguous(&d, b) : PQ_OK;
}
