/* schema/schema_ids.c - ids of fields, which outlive their names, and fields by path.
 *
 *   old  {a: 1, b: 2, c: 3}  next 4        {"a": …, "bb": …, "d": …, "$rename": {"b": "bb"}}
 *         │      └──── renamed ────┐              a keeps 1, bb is 2, d is new: 4
 *         └── the same name ──┐    │              c is dropped; 3 is never given again
 *   new  {a: 1, bb: 2, d: 4}  next 5
 *
 * A schema that was stored brings its ids along as "$ids": {path: id} and "$nextId".
 */
#include <string.h>

#include "schema/notation_int.h"

/* Names of paths never have a dot inside: pq_schema_name_mistake(). */
const pq_schema_field *pq_schema_find(const pq_schema *s, pq_slice path) {
  const pq_schema_field *fields = s->fields, *f = NULL;
  uint32_t count = s->field_count;
  while (path.n > 0) {
    const uint8_t *dot = memchr(path.p, '.', path.n);
    size_t n = dot == NULL ? path.n : (size_t)(dot - path.p);
    f = pq_schema_field_of(fields, count, (pq_slice){path.p, n});
    if (f == NULL || dot == NULL) return f;
    fields = f->fields;
    count = f->field_count;
    path = (pq_slice){dot + 1, path.n - n - 1};
    if (path.n == 0) return NULL;
  }
  return NULL;
}

typedef struct numbering {
  pq_schema_parser *s;
  pq_value ids, renames; /* "$ids", "$rename"; missing */
  const pq_schema *old;  /* NULL: none */
  uint32_t next_id, id_count;
} numbering;

static int fail_path(const numbering *n, const char *directive, pq_slice path, const char *what) {
  return pq_fail(n->s->cx, PQ_EINVALID, "directive '%s': '%.*s' %s", directive, PQ_QUOTED(path),
                 what);
}

/* The last part of a path; *parent gets what is in front of its dot. */
static pq_slice last_part(pq_slice path, pq_slice *parent) {
  size_t n = path.n;
  while (n > 0 && path.p[n - 1] != '.')
    n--;
  *parent = (pq_slice){path.p, n == 0 ? 0 : n - 1};
  return (pq_slice){path.p + n, path.n - n};
}

/* Which field gets this name, or which name does this field get? */
static bool is_renamed(const numbering *n, pq_slice path, bool is_target) {
  pq_field f;
  pq_slice to;
  for (uint32_t i = 0; pq_object_at(n->renames, i, &f); i++)
    if (is_target ? pq_value_string(f.value, &to) && pq_slice_eq(to, path)
                  : pq_slice_eq(f.name, path))
      return true;
  return false;
}

/* A rename stays in its object: both paths differ in the last part. Names may change places: one
 * that is in use is free when its field is renamed, too. */
static int check_renames(const numbering *n, const pq_schema *new_schema) {
  pq_field f;
  if (pq_value_is_missing(n->renames)) return PQ_OK;
  if (n->old == NULL || pq_value_type(n->renames) != PQ_TYPE_OBJECT)
    return pq_fail(n->s->cx, PQ_EINVALID, "directive '$rename' %s",
                   n->old == NULL ? "needs a schema that is there already"
                                  : "needs an object of old and new names");
  for (uint32_t i = 0; pq_object_at(n->renames, i, &f); i++) {
    pq_slice to, old_parent, new_parent;
    if (!pq_value_string(f.value, &to)) return fail_path(n, "$rename", f.name, "needs a new name");
    if (pq_schema_find(n->old, f.name) == NULL)
      return fail_path(n, "$rename", f.name, "is no field of the old schema");
    if (pq_schema_find(n->old, to) != NULL && !is_renamed(n, to, false))
      return fail_path(n, "$rename", to, "is a field of the old schema already");
    for (uint32_t k = 0; k < i; k++) {
      pq_field before;
      pq_slice other;
      if (pq_object_at(n->renames, k, &before) && pq_value_string(before.value, &other) &&
          pq_slice_eq(other, to))
        return fail_path(n, "$rename", to, "is the new name of two fields");
    }
    if (pq_schema_find(new_schema, to) == NULL)
      return fail_path(n, "$rename", to, "is no field of the new schema");
    if (pq_schema_find(new_schema, f.name) != NULL && !is_renamed(n, f.name, true))
      return fail_path(n, "$rename", f.name, "is still a field of the new schema");
    (void)last_part(f.name, &old_parent);
    (void)last_part(to, &new_parent);
    if (!pq_slice_eq(old_parent, new_parent))
      return fail_path(n, "$rename", f.name, "would move to another object");
  }
  return PQ_OK;
}

/* The name that the field `path` had before. */
static pq_slice old_name(const numbering *n, pq_slice path, pq_slice name) {
  pq_slice to, parent;
  pq_field f;
  for (uint32_t i = 0; pq_object_at(n->renames, i, &f); i++)
    if (pq_value_string(f.value, &to) && pq_slice_eq(to, path)) return last_part(f.name, &parent);
  return name;
}

/* The id that "$ids" has for a path; 0: none. */
static int stored_id(numbering *n, pq_slice path, uint32_t *out) {
  pq_value v = pq_object_get(n->ids, path);
  int64_t id;
  *out = 0;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (!pq_value_i64(v, &id) || id < 1 || id >= INT32_MAX)
    return fail_path(n, "$ids", path, "needs a whole number above 0");
  n->id_count++;
  *out = (uint32_t)id;
  return PQ_OK;
}

static int number_field(numbering *n, pq_slice path, const pq_schema_field *old,
                        pq_schema_field *f) {
  uint32_t stored;
  PQ_TRY(stored_id(n, path, &stored));
  if (old != NULL) {
    if (stored > 0 && stored != old->id)
      return fail_path(n, "$ids", path, "has another id in the old schema");
    f->id = old->id;
    return PQ_OK;
  }
  if (n->old == NULL && !pq_value_is_missing(n->ids)) {
    if (stored == 0) return fail_path(n, "$ids", path, "has no id");
    f->id = stored;
    return PQ_OK;
  }
  if (stored > 0) return fail_path(n, "$ids", path, "has no id in the old schema");
  f->id = n->next_id++;
  return PQ_OK;
}

static int number_fields(numbering *n, pq_slice path, const pq_schema_field *old_fields,
                         uint32_t old_count, const pq_schema_field *fields, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    pq_schema_field *f = pq_schema_field_of(fields + i, 1, fields[i].name);
    const pq_schema_field *old;
    pq_slice here = f->name;
    if (path.n > 0) {
      char *text = pq_arena_printf(n->s->arena, "%.*s.%.*s", (int)path.n, (const char *)path.p,
                                   (int)f->name.n, (const char *)f->name.p);
      if (text == NULL) return n->s->cx->code;
      here = pq_str(text);
    }
    old = pq_schema_field_of(old_fields, old_count, old_name(n, here, f->name));
    PQ_TRY(number_field(n, here, old, f));
    PQ_TRY(number_fields(n, here, old == NULL ? NULL : old->fields,
                         old == NULL ? 0 : old->field_count, f->fields, f->field_count));
  }
  return PQ_OK;
}

/* Collect the ids, to see that none stands twice and all are below `next`. */
static bool mark_ids(const pq_schema_field *fields, uint32_t count, uint32_t *list, uint32_t *n) {
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t k = 0; k < *n; k++)
      if (list[k] == fields[i].id) return false;
    list[(*n)++] = fields[i].id;
    if (!mark_ids(fields[i].fields, fields[i].field_count, list, n)) return false;
  }
  return true;
}

static int check_stored(numbering *n, pq_value next, pq_schema *out) {
  uint32_t *list = pq_arena_calloc(n->s->arena, n->s->field_count, sizeof *list), count = 0;
  int64_t v = 0;
  if (list == NULL) return n->s->cx->code;
  if (!mark_ids(out->fields, out->field_count, list, &count))
    return pq_fail(n->s->cx, PQ_EINVALID, "directive '$ids' has an id twice");
  for (uint32_t i = 0; i < count; i++)
    if (list[i] >= n->next_id) n->next_id = list[i] + 1;
  if (pq_value_is_missing(next)) return PQ_OK;
  if (!pq_value_i64(next, &v) || v < n->next_id || v > INT32_MAX)
    return pq_fail(n->s->cx, PQ_EINVALID, "directive '$nextId' needs a number above all ids");
  n->next_id = (uint32_t)v;
  return PQ_OK;
}

int pq_schema_give_ids(pq_schema_parser *s, pq_value spec, const pq_schema *old, pq_schema *out) {
  numbering n = {.s = s, .old = old, .next_id = old == NULL ? 1 : old->next_id};
  pq_value next = pq_object_get_str(spec, "$nextId");
  n.ids = pq_object_get_str(spec, "$ids");
  n.renames = pq_object_get_str(spec, "$rename");
  if (!pq_value_is_missing(n.ids) && pq_value_type(n.ids) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EINVALID, "directive '$ids' needs an object");
  if (pq_value_is_missing(n.ids) && !pq_value_is_missing(next))
    return pq_fail(s->cx, PQ_EINVALID, "directive '$nextId' needs '$ids' beside it");
  PQ_TRY(check_renames(&n, out));
  PQ_TRY(number_fields(&n, (pq_slice){0}, old == NULL ? NULL : old->fields,
                       old == NULL ? 0 : old->field_count, out->fields, out->field_count));
  if (old == NULL && n.id_count != pq_value_count(n.ids))
    return pq_fail(s->cx, PQ_EINVALID, "directive '$ids' names what is no field");
  if (old == NULL) PQ_TRY(check_stored(&n, next, out));
  out->next_id = n.next_id;
  return PQ_OK;
}
