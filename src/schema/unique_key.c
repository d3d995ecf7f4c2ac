/* schema/unique_key.c - see unique_key.h.
 *
 *   field   at            rest
 *   a.b     the document  a.b    ─walk objects─►  an array: each element is taken in turn, for all
 *   a.c     the document  a.c                     fields that have come to that array
 *
 * (MongoDB: src/mongo/db/index/btree_key_generator.cpp has the rules; indexes "Multikey".)
 */
#include "schema/unique_key.h"

#include <string.h>

#include "expr/expression.h"
#include "value/compare.h"

enum { KEYS_MAX = 100000, ARRAYS_MAX = 16 /* one in another */ };

static const uint8_t no_names[] = {1, 0, 0};
static const uint8_t null_bytes[] = {0};
static const uint8_t empty_bytes[] = {3, 0, 0}; /* an array of nothing */

int pq_unique_paths(pq_arena *arena, pq_value pattern, pq_path **out, uint32_t *count) {
  uint32_t n = pq_value_count(pattern);
  pq_field *fields;
  *count = 0;
  *out = NULL;
  if (pq_value_type(pattern) != PQ_TYPE_OBJECT || n == 0 || n > PQ_INDEX_FIELDS_MAX)
    return pq_fail(arena->cx, PQ_EINVALID, "a key is an object of 1 to %d fields",
                   PQ_INDEX_FIELDS_MAX);
  *out = pq_arena_calloc(arena, n, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  fields = pq_object_fields(arena, pattern, &n); /* in their order */
  if (fields == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(pq_path_parse(arena, fields[i].name, &(*out)[i]));
  *count = n;
  return PQ_OK;
}

int pq_unique_copy(pq_arena *arena, const pq_unique_key *in, pq_unique_key *out) {
  pq_filter *partial;
  *out = *in;
  PQ_TRY(pq_arena_copy(arena, in->name, &out->name));
  out->paths = pq_arena_calloc(arena, in->path_count, sizeof *out->paths);
  if (out->paths == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < in->path_count; i++)
    PQ_TRY(pq_path_parse(arena, in->paths[i].text, &out->paths[i]));
  if (!pq_value_is_missing(in->pattern)) PQ_TRY(pq_value_copy(arena, in->pattern, &out->pattern));
  if (in->partial == NULL) return PQ_OK;
  PQ_TRY(pq_value_copy(arena, in->partial_spec, &out->partial_spec));
  PQ_TRY(pq_filter_parse(arena, NULL, out->partial_spec, &partial));
  out->partial = partial;
  return PQ_OK;
}

static bool is_same_value(pq_value a, pq_value b) {
  if (pq_value_is_missing(a) || pq_value_is_missing(b))
    return pq_value_is_missing(a) == pq_value_is_missing(b);
  return pq_value_is_equal(a, b);
}

bool pq_unique_is_same(const pq_unique_key *a, const pq_unique_key *b) {
  if (a->is_index != b->is_index || a->is_sparse != b->is_sparse) return false;
  if (a->path_count != b->path_count || !pq_slice_eq(a->name, b->name)) return false;
  for (uint32_t i = 0; i < a->path_count; i++)
    if (!pq_slice_eq(a->paths[i].text, b->paths[i].text)) return false;
  return is_same_value(a->partial_spec, b->partial_spec);
}

/* ---- the keys ---- */

typedef struct walker {
  const pq_unique_key *u;
  pq_arena *arena;
  pq_key_list *out;
} walker;

/* Where the walk of a field is. */
typedef struct place {
  pq_value at;
  uint32_t part;
  bool is_end;
} place;

static int grow(walker *w) {
  pq_key_list *l = w->out;
  uint32_t cap = l->cap == 0 ? 1 : l->cap * 4;
  size_t width = w->u->path_count;
  pq_value *parts;
  uint64_t *hashes;
  if (l->count < l->cap) return PQ_OK;
  if (l->count >= KEYS_MAX)
    return pq_fail(w->arena->cx, PQ_ELIMIT, "index '%.*s': a document has more than %d keys",
                   (int)w->u->name.n, (const char *)w->u->name.p, KEYS_MAX);
  parts = pq_arena_calloc(w->arena, cap * width, sizeof *parts);
  hashes = pq_arena_calloc(w->arena, cap, sizeof *hashes);
  if (parts == NULL || hashes == NULL) return w->arena->cx->code;
  if (l->count > 0) {
    memcpy(parts, l->parts, l->count * width * sizeof *parts);
    memcpy(hashes, l->hashes, l->count * sizeof *hashes);
  }
  l->parts = parts;
  l->hashes = hashes;
  l->cap = cap;
  return PQ_OK;
}

static int add_key(walker *w, const place *p) {
  pq_key_list *l = w->out;
  uint32_t n = w->u->path_count, there = 0;
  uint64_t hash = 0;
  PQ_TRY(grow(w));
  for (uint32_t i = 0; i < n; i++) {
    pq_value v = p[i].at;
    there += !pq_value_is_missing(v);
    if (pq_value_is_missing(v)) v = (pq_value){no_names, null_bytes, 3, 1};
    l->parts[(size_t)l->count * n + i] = v;
    hash = (hash ^ pq_value_hash(v)) * UINT64_C(0x9E3779B97F4A7C15);
    hash ^= hash >> 29;
  }
  if (there == 0 && w->u->is_sparse) return PQ_OK;
  l->hashes[l->count] = hash;
  for (uint32_t k = l->count; k-- > 0 && l->count < 64;) /* of many, one may stand twice */
    if (pq_unique_equal(w->u, l, k, l, l->count)) return PQ_OK;
  l->count++;
  return PQ_OK;
}

/* One field, down to an array or to its end. */
static void walk_field(const pq_path *path, place *p) {
  while (!p->is_end) {
    pq_value v = p->at;
    const pq_path_part *part = p->part < path->count ? &path->parts[p->part] : NULL;
    if (pq_value_type(v) == PQ_TYPE_ARRAY) {
      if (part == NULL || part->index == PQ_PATH_NO_INDEX) return;
      p->at = pq_array_at(v, part->index);
      p->part++;
    } else if (part == NULL) {
      p->is_end = true;
    } else {
      p->at = pq_value_type(v) == PQ_TYPE_OBJECT ? pq_object_get(v, part->name) : (pq_value){0};
      p->part++;
      if (pq_value_is_missing(p->at)) p->is_end = true;
    }
  }
}

/* An element in the place of its array; `is_empty`: there is none. */
static void step_into(const pq_path *path, place *p, pq_value element, bool is_empty) {
  bool is_last = p->part == path->count;
  p->at = element;
  if (is_empty)
    p->at = is_last ? (pq_value){no_names, empty_bytes, 3, 3} : (pq_value){0};
  else if (!is_last && pq_value_type(element) != PQ_TYPE_OBJECT)
    p->at = (pq_value){0};
  p->is_end = is_last || is_empty || pq_value_is_missing(p->at);
}

static int walk(walker *w, place *p, uint32_t depth);

/* Each element in its turn, for all fields that have come to that array. */
static int walk_array(walker *w, const place *p, pq_value array, uint32_t depth) {
  const pq_unique_key *u = w->u;
  uint32_t count = pq_value_count(array);
  place *next = pq_arena_calloc(w->arena, u->path_count, sizeof *next);
  if (next == NULL) return w->arena->cx->code;
  for (uint32_t k = 0; k < count || (k == 0 && count == 0); k++) {
    memcpy(next, p, u->path_count * sizeof *next);
    for (uint32_t i = 0; i < u->path_count; i++)
      if (!p[i].is_end) step_into(&u->paths[i], &next[i], pq_array_at(array, k), count == 0);
    PQ_TRY(walk(w, next, depth + 1));
  }
  return PQ_OK;
}

static int walk(walker *w, place *p, uint32_t depth) {
  const pq_unique_key *u = w->u;
  pq_value array = {0};
  for (uint32_t i = 0; i < u->path_count; i++) {
    walk_field(&u->paths[i], &p[i]);
    if (p[i].is_end) continue;
    if (array.p != NULL && array.p != p[i].at.p)
      return pq_fail(w->arena->cx, PQ_EINVALID, "cannot index parallel arrays: index '%.*s'",
                     (int)u->name.n, (const char *)u->name.p);
    array = p[i].at;
  }
  if (array.p == NULL) return add_key(w, p);
  if (depth < ARRAYS_MAX) return walk_array(w, p, array, depth);
  return pq_fail(w->arena->cx, PQ_ELIMIT, "index '%.*s': more than %d arrays in each other",
                 (int)u->name.n, (const char *)u->name.p, ARRAYS_MAX);
}

/* Of a field with '##': its value, if it is one. */
static int field_key(walker *w, pq_value doc) {
  const pq_path *path = &w->u->paths[0];
  for (uint32_t i = 0; i < path->count; i++)
    doc = pq_object_get(doc, path->parts[i].name);
  if (pq_value_is_missing(doc) || pq_value_type(doc) == PQ_TYPE_NULL) return PQ_OK;
  return add_key(w, &(place){.at = doc, .is_end = true});
}

int pq_unique_keys(const pq_unique_key *u, pq_arena *arena, pq_value doc, pq_key_list *out) {
  walker w = {u, arena, out};
  place *p;
  *out = (pq_key_list){0};
  if (!u->is_index) return field_key(&w, doc);
  if (u->partial != NULL) {
    bool is_match = pq_filter_match(u->partial, NULL, doc, (pq_value){0});
    PQ_TRY(pq_filter_status(u->partial));
    if (!is_match) return PQ_OK;
  }
  p = pq_arena_calloc(arena, u->path_count, sizeof *p);
  if (p == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < u->path_count; i++)
    p[i].at = doc;
  return walk(&w, p, 0);
}

int pq_unique_keep_value(pq_arena *arena, pq_value v, pq_value *out) {
  pq_slice bytes = pq_value_bytes(v);
  if (pq_value_is_raw_object(v) || pq_value_type(v) == PQ_TYPE_ARRAY)
    return pq_value_copy(arena, v, out);
  PQ_TRY(pq_arena_copy(arena, bytes, &bytes)); /* a scalar has no names */
  *out = (pq_value){no_names, bytes.p, sizeof no_names, (uint32_t)bytes.n};
  return PQ_OK;
}

bool pq_unique_equal(const pq_unique_key *u, const pq_key_list *a, uint32_t i, const pq_key_list *b,
                     uint32_t k) {
  if (a->hashes[i] != b->hashes[k]) return false;
  for (uint32_t n = 0; n < u->path_count; n++)
    if (!pq_value_is_equal(a->parts[(size_t)i * u->path_count + n],
                           b->parts[(size_t)k * u->path_count + n]))
      return false;
  return true;
}

bool pq_unique_has(const pq_unique_key *u, const pq_key_list *a, const pq_key_list *b, uint32_t k) {
  for (uint32_t i = 0; i < a->count; i++)
    if (pq_unique_equal(u, a, i, b, k)) return true;
  return false;
}
