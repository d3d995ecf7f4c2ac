/* expr/sort_key.c - sort keys of documents and their comparison. See project.h.
 *
 * The idea: a path may reach many values through arrays; the key is the smallest of them
 * ascending, the largest descending (MONGO.md 1, rule 7):
 *
 *   {a: [3, 1, 2]}            a: 1 -> 1          a: -1 -> 3
 *   {a: [{b: 2}, {b: 1}, 7]}  a.b: 1 -> missing (of the 7; sorts as null)
 *   {a: []}                   a -> "empty", between MinKey and null
 *
 * A numeric part on an array is an index when no object element has it as a name.
 * Pure functions but for parsing; recursion is bounded by the parts of the path.
 */
#include "expr/expr_int.h"
#include "expr/project.h"

/* MongoDB's limit for the fields of a compound key. */
enum { SORT_FIELDS_MAX = 32 };

int pq_sort_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_sort *out) {
  pq_cx *cx = arena->cx;
  pq_field *fields;
  pq_sort sort = {0};
  *out = sort;
  if (env != NULL) sort.collation = env->collation;
  if (pq_value_is_missing(spec)) return PQ_OK;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(cx, PQ_EINVALID, "a sort must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  if (pq_value_count(spec) > SORT_FIELDS_MAX)
    return pq_fail(cx, PQ_ELIMIT, "a sort may have at most %d fields", SORT_FIELDS_MAX);
  fields = pq_object_fields(arena, spec, &sort.count);
  if (fields == NULL && pq_value_count(spec) > 0) return cx->code;
  sort.fields = pq_arena_calloc(arena, sort.count, sizeof *sort.fields);
  if (sort.fields == NULL) return cx->code;
  for (uint32_t i = 0; i < sort.count; i++) {
    pq_slice name = fields[i].name;
    double direction;
    if (pq_value_type(fields[i].value) == PQ_TYPE_OBJECT || pq_slice_is(name, "$natural"))
      return pq_fail(cx, PQ_EUNSUPPORTED, "a sort of '%.*s' by an operator is not supported yet",
                     PQ_SHOW(name));
    if (!pq_value_number(fields[i].value, &direction) || (direction != 1 && direction != -1))
      return pq_fail(cx, PQ_EINVALID, "the sort direction of '%.*s' must be 1 or -1",
                     PQ_SHOW(name));
    if (name.n > 0 && name.p[0] == '$' && !pq_is_system_field(name))
      return pq_fail(cx, PQ_EINVALID, "the sort path '%.*s' begins with '$'", PQ_SHOW(name));
    PQ_TRY(pq_path_parse(arena, name, &sort.fields[i].path));
    sort.fields[i].is_descending = direction < 0;
  }
  *out = sort;
  return PQ_OK;
}

/* One candidate for the key. */
typedef struct key {
  pq_value value;
  bool is_empty; /* of an empty array: BSON's old "undefined" */
} key;

static int compare_keys(key a, key b, pq_collation collation) {
  if (a.is_empty && b.is_empty) return 0;
  if (a.is_empty) return pq_value_type(b.value) == PQ_TYPE_MIN_KEY ? 1 : -1;
  if (b.is_empty) return pq_value_type(a.value) == PQ_TYPE_MIN_KEY ? -1 : 1;
  return pq_value_collate(a.value, b.value, collation);
}

typedef struct search {
  const pq_sort_field *field;
  pq_collation collation;
  key best;
  bool has_best;
} search;

static void offer(search *s, pq_value v, bool is_empty) {
  key k = {v, is_empty};
  int c;
  if (s->has_best) {
    c = compare_keys(k, s->best, s->collation);
    if (s->field->is_descending ? c <= 0 : c >= 0) return;
  }
  s->best = k;
  s->has_best = true;
}

static void offer_end(search *s, pq_value v) {
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_ARRAY) {
    offer(s, v, false);
    return;
  }
  count = pq_value_count(v);
  if (count == 0) offer(s, (pq_value){0}, true);
  for (uint32_t i = 0; i < count; i++)
    offer(s, pq_array_at(v, i), false);
}

/* Does an object element have the name, so that a number is not an index here? */
static bool has_name(pq_value array, pq_slice name) {
  uint32_t count = pq_value_count(array);
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(array, i);
    if (pq_value_type(element) != PQ_TYPE_OBJECT) continue;
    if (!pq_value_is_missing(pq_object_get(element, name))) return true;
  }
  return false;
}

/* `v` stands where parts [0, part) lead to. */
static void collect(search *s, pq_value v, uint32_t part, bool is_element) {
  const pq_path *path = &s->field->path;
  for (; part < path->count; part++) {
    const pq_path_part *p = &path->parts[part];
    pq_type t = pq_value_type(v);
    if (t == PQ_TYPE_OBJECT) {
      v = pq_object_get(v, p->name);
    } else if (t == PQ_TYPE_ARRAY && p->index < pq_value_count(v) && !has_name(v, p->name)) {
      v = pq_array_at(v, p->index);
    } else if (t == PQ_TYPE_ARRAY && !is_element && pq_value_count(v) > 0) {
      for (uint32_t i = 0; i < pq_value_count(v); i++)
        collect(s, pq_array_at(v, i), part, true);
      return;
    } else {
      offer(s, (pq_value){0}, false);
      return;
    }
    is_element = false;
  }
  offer_end(s, v);
}

pq_value pq_sort_key(const pq_sort *s, uint32_t i, pq_value doc, pq_value system,
                     bool *is_empty_array) {
  search found = {.field = &s->fields[i], .collation = s->collation};
  pq_slice first = s->fields[i].path.parts[0].name;
  pq_value v = pq_object_get(doc, first);
  if (pq_value_is_missing(v) && pq_is_system_field(first)) v = pq_object_get(system, first);
  collect(&found, v, 1, false);
  *is_empty_array = found.best.is_empty;
  return found.best.value;
}

int pq_sort_compare(const pq_sort *s, const pq_value *a, const bool *a_empty, const pq_value *b,
                    const bool *b_empty) {
  for (uint32_t i = 0; i < s->count; i++) {
    int c = compare_keys((key){a[i], a_empty[i]}, (key){b[i], b_empty[i]}, s->collation);
    if (c != 0) return (c < 0) != s->fields[i].is_descending ? -1 : 1;
  }
  return 0;
}

int pq_sort_elements(const pq_sort *s, pq_value a, pq_value b) {
  for (uint32_t i = 0; i < s->count; i++) {
    const pq_path *path = &s->fields[i].path;
    pq_value x = {0}, y = {0};
    int c;
    if (pq_value_type(a) == PQ_TYPE_OBJECT) x = pq_path_get(a, path);
    if (pq_value_type(b) == PQ_TYPE_OBJECT) y = pq_path_get(b, path);
    c = pq_value_collate(x, y, s->collation);
    if (c != 0) return s->fields[i].is_descending ? -c : c;
  }
  return 0;
}
