/* expr/project.c - choosing fields of an entity. See project.h.
 *
 * The idea: the paths are sorted terms (expr_int.h), and each container is written once, in its
 * own order, with the span of terms that belongs to it:
 *
 *   {_id: 1, a: [1, {b: 2, c: 3}, [{b: 4}]], d: 5}
 *   inclusion a.b  ->  {_id: 1, a: [{b: 2}, [{b: 4}]]}
 *   exclusion a.b  ->  {_id: 1, a: [1, {c: 3}, [{}]], d: 5}
 *
 * Numbers in paths are names here, never indexes. The ids "$id" and "_id" are kept unless they
 * are excluded by name.
 */
#include "expr/project.h"

#include <string.h>

#include "expr/expr_int.h"

struct pq_projection {
  bool is_inclusion;
  bool keeps_ids[2]; /* in the order of id_names */
  pq_term *terms;    /* sorted, without conflicts */
  uint32_t count;
};

static const char *const id_names[] = {"$id", "_id", NULL};

/* ---- parse ---- */

typedef struct parser {
  pq_arena *arena;
  pq_cx *cx;
  pq_projection *p;
  size_t cap;
  bool is_decided; /* a path that is no id has said which kind it is */
} parser;

static int read_fields(parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

/* 0 and false exclude, other numbers and true include. */
static bool read_choice(pq_value v, bool *out) {
  double number;
  if (pq_value_bool(v, out)) return true;
  if (!pq_value_number(v, &number)) return false;
  *out = number != 0;
  return true;
}

static int fail_value(parser *s, pq_slice text, pq_value v) {
  return pq_fail(s->cx, PQ_EUNSUPPORTED,
                 "a projection of '%.*s' by %s is not supported yet: use 1 or 0", PQ_SHOW(text),
                 pq_type_name(pq_value_type(v)));
}

/* Only "$id" and "$type" may begin with a dollar, at the front. */
static int check_parts(parser *s, const pq_path *path) {
  for (uint32_t i = 0; i < path->count; i++) {
    pq_slice name = path->parts[i].name;
    if (name.p[0] != '$' || (i == 0 && pq_is_system_field(name))) continue;
    if (i > 0 && name.n == 1)
      return pq_fail(s->cx, PQ_EUNSUPPORTED,
                     "the positional projection '%.*s' is not supported yet", PQ_SHOW(path->text));
    if (i > 0 &&
        (pq_slice_is(name, "$ref") || pq_slice_is(name, "$id") || pq_slice_is(name, "$db")))
      continue;
    return pq_fail(s->cx, PQ_EINVALID, "the part '%.*s' of path '%.*s' begins with '$'",
                   PQ_SHOW(name), PQ_SHOW(path->text));
  }
  return PQ_OK;
}

static int add_path(parser *s, pq_slice text, bool is_included) {
  pq_term *term;
  for (int i = 0; id_names[i] != NULL; i++)
    if (pq_slice_is(text, id_names[i])) {
      s->p->keeps_ids[i] = is_included;
      return PQ_OK;
    }
  if (s->is_decided && s->p->is_inclusion != is_included)
    return pq_fail(s->cx, PQ_EINVALID, "the projection mixes inclusion and exclusion at '%.*s'",
                   PQ_SHOW(text));
  s->is_decided = true;
  s->p->is_inclusion = is_included;
  pq_assert(s->p->count < s->cap);
  term = &s->p->terms[s->p->count];
  PQ_TRY(pq_path_parse(s->arena, text, &term->path));
  PQ_TRY(check_parts(s, &term->path));
  s->p->count++;
  return PQ_OK;
}

/* Add the number of leaves of a specification to *total. */
static int count_leaves(parser *s, pq_value v, uint32_t depth, size_t *total) {
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) {
    ++*total;
    return PQ_OK;
  }
  if (depth > s->cx->limits.depth_max)
    return pq_fail(s->cx, PQ_ELIMIT, "the projection is nested deeper than %u",
                   (unsigned)s->cx->limits.depth_max);
  PQ_TRY(read_fields(s, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(count_leaves(s, fields[i].value, depth + 1, total));
  return PQ_OK;
}

/* "prefix.name" in the arena, or the name when there is no prefix. */
static int join(parser *s, pq_slice prefix, pq_slice name, pq_slice *out) {
  uint8_t *p;
  size_t len;
  *out = name;
  if (prefix.n == 0) return PQ_OK;
  if (!pq_add_size(prefix.n, name.n, &len) || !pq_add_size(len, 1, &len))
    return pq_fail(s->cx, PQ_ELIMIT, "the path '%.*s' is too long", PQ_SHOW(prefix));
  p = pq_arena_alloc(s->arena, len);
  if (p == NULL) return s->cx->code;
  memcpy(p, prefix.p, prefix.n);
  p[prefix.n] = '.';
  if (name.n > 0) memcpy(p + prefix.n + 1, name.p, name.n);
  *out = (pq_slice){p, len};
  return PQ_OK;
}

/* {"a": {"b": 1}} is {"a.b": 1}. `prefix` is the path so far, empty at the top. The depth was
 * checked by count_leaves(). */
static int parse_object(parser *s, pq_slice prefix, pq_value spec) {
  pq_field *fields;
  uint32_t count;
  bool is_included;
  PQ_TRY(read_fields(s, spec, &fields, &count));
  if (count == 0)
    return pq_fail(s->cx, PQ_EINVALID, "the projection of '%.*s' is empty", PQ_SHOW(prefix));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice text = fields[i].name;
    if (prefix.n > 0 && text.n > 0 && text.p[0] == '$')
      return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%.*s' at path '%.*s' is not supported yet",
                     PQ_SHOW(text), PQ_SHOW(prefix));
    PQ_TRY(join(s, prefix, text, &text));
    if (read_choice(fields[i].value, &is_included)) {
      PQ_TRY(add_path(s, text, is_included));
    } else if (pq_value_type(fields[i].value) == PQ_TYPE_OBJECT) {
      PQ_TRY(parse_object(s, text, fields[i].value));
    } else {
      return fail_value(s, text, fields[i].value);
    }
  }
  return PQ_OK;
}

int pq_projection_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_projection **out) {
  (void)env;
  parser s = {.arena = arena, .cx = arena->cx};
  pq_value copy;
  uint32_t conflict;
  *out = NULL;
  if (pq_value_is_missing(spec)) return PQ_OK;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s.cx, PQ_EINVALID, "a projection must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  if (pq_value_count(spec) == 0) return PQ_OK;
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  s.p = pq_arena_calloc(arena, 1, sizeof *s.p);
  if (s.p == NULL) return s.cx->code;
  s.p->keeps_ids[0] = s.p->keeps_ids[1] = true;
  PQ_TRY(count_leaves(&s, copy, 0, &s.cap));
  s.p->terms = pq_arena_calloc(arena, s.cap, sizeof *s.p->terms);
  if (s.p->terms == NULL) return s.cx->code;
  PQ_TRY(parse_object(&s, (pq_slice){0}, copy));
  /* Only ids: {"_id": 1} asks for nothing else, {"_id": 0} for all the rest. */
  if (!s.is_decided) s.p->is_inclusion = s.p->keeps_ids[0] && s.p->keeps_ids[1];
  PQ_TRY(pq_terms_sort(s.cx, s.p->terms, s.p->count, &conflict));
  if (conflict < s.p->count)
    return pq_fail(s.cx, PQ_EINVALID, "the projected path '%.*s' conflicts with '%.*s'",
                   PQ_SHOW(s.p->terms[conflict + 1].path.text),
                   PQ_SHOW(s.p->terms[conflict].path.text));
  *out = s.p;
  return PQ_OK;
}

/* ---- apply ---- */

typedef struct applier {
  const pq_projection *p;
  pq_builder *b;
  pq_arena *scratch;
} applier;

/* What becomes of a field: dropped, copied, or written with the group. */
typedef enum fate { FATE_DROP, FATE_COPY, FATE_DESCEND } fate;

static fate fate_of(const pq_projection *p, pq_span span, pq_slice name, pq_span *group) {
  bool has_group = pq_span_find(p->terms, span, name, group);
  if (span.depth == 0 && !has_group)
    for (int i = 0; id_names[i] != NULL; i++)
      if (pq_slice_is(name, id_names[i])) return p->keeps_ids[i] ? FATE_COPY : FATE_DROP;
  if (!has_group) return p->is_inclusion ? FATE_DROP : FATE_COPY;
  if (pq_span_is_leaf(p->terms, *group)) return p->is_inclusion ? FATE_COPY : FATE_DROP;
  return FATE_DESCEND;
}

static bool is_container(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_OBJECT || t == PQ_TYPE_ARRAY;
}

static int put_object(applier *s, pq_span span, pq_value v);

/* The elements of an array, each with the same span. Bounded by the depth of the entity. */
static int put_array(applier *s, pq_span span, pq_value v) {
  uint32_t count = pq_value_count(v);
  PQ_TRY(pq_builder_begin_array(s->b));
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(v, i);
    pq_type t = pq_value_type(element);
    if (t == PQ_TYPE_OBJECT) {
      PQ_TRY(put_object(s, span, element));
    } else if (t == PQ_TYPE_ARRAY) {
      PQ_TRY(put_array(s, span, element));
    } else if (!s->p->is_inclusion) {
      PQ_TRY(pq_builder_value(s->b, element));
    }
  }
  return pq_builder_end(s->b);
}

/* A field whose path goes on. A scalar has nothing to include and nothing to exclude. */
static int put_deep_field(applier *s, pq_span group, const pq_field *field) {
  if (!is_container(field->value) && s->p->is_inclusion) return PQ_OK;
  PQ_TRY(pq_builder_key(s->b, field->name));
  if (!is_container(field->value)) return pq_builder_value(s->b, field->value);
  if (pq_value_type(field->value) == PQ_TYPE_ARRAY) return put_array(s, group, field->value);
  return put_object(s, group, field->value);
}

static int put_object(applier *s, pq_span span, pq_value v) {
  uint32_t count;
  pq_field *fields = pq_object_fields(s->scratch, v, &count);
  pq_span group;
  if (fields == NULL && pq_value_count(v) > 0) return s->scratch->cx->code;
  PQ_TRY(pq_builder_begin_object(s->b));
  for (uint32_t i = 0; i < count; i++) {
    fate f = fate_of(s->p, span, fields[i].name, &group);
    if (f == FATE_DESCEND) PQ_TRY(put_deep_field(s, group, &fields[i]));
    if (f != FATE_COPY) continue;
    PQ_TRY(pq_builder_key(s->b, fields[i].name));
    PQ_TRY(pq_builder_value(s->b, fields[i].value));
  }
  return pq_builder_end(s->b);
}

int pq_projection_apply(const pq_projection *p, pq_builder *b, pq_arena *scratch, pq_value entity) {
  applier s = {p, b, scratch};
  if (p == NULL) return pq_builder_value(b, entity);
  if (pq_value_type(entity) != PQ_TYPE_OBJECT)
    return pq_fail(scratch->cx, PQ_EINVALID, "a value of type %s cannot be projected",
                   pq_type_name(pq_value_type(entity)));
  return put_object(&s, (pq_span){0, p->count, 0}, entity);
}

bool pq_projection_needs(const pq_projection *p, pq_slice name) {
  pq_span group;
  return p == NULL || fate_of(p, (pq_span){0, p->count, 0}, name, &group) != FATE_DROP;
}
