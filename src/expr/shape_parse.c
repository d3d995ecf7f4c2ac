/* expr/shape_parse.c - the specification of a projection becomes a tree. See shape_int.h.
 *
 * The idea: every leaf of the specification is a term with its path ("a": {"b": 1} is a.b). Sorted,
 * the terms show what collides and are a tree already (expr_int.h); each node of it gets its kids
 * in two orders, by name to find them and as written for those that are computed.
 */
#include "expr/shape_int.h"

#include <string.h>

#include "base/merge_sort.h"

static int read_fields(pq_shape_parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

static bool is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

/* ---- leaves ---- */

/* "$id" and "$type" may stand in front of what is no $addFields, those of a DBRef behind. */
static int check_parts(pq_shape_parser *s, const pq_path *path) {
  static const char *const reference_fields[] = {"$ref", "$id", "$db", NULL};
  for (uint32_t i = 0; i < path->count; i++) {
    pq_slice name = path->parts[i].name;
    if (!is_dollar(name)) continue;
    if (i == 0 ? !s->is_add && pq_is_system_field(name) : pq_name_in(name, reference_fields))
      continue;
    return pq_fail(s->cx, PQ_EINVALID, "%s: the part '%.*s' of path '%.*s' begins with '$'",
                   s->where, PQ_SHOW(name), PQ_SHOW(path->text));
  }
  return PQ_OK;
}

static int reserve(pq_shape_parser *s) {
  uint32_t count = s->shape->leaf_count, cap = s->cap == 0 ? 8 : s->cap * 2;
  pq_term *terms;
  pq_shape_leaf *leaves;
  if (count < s->cap) return PQ_OK;
  if (count > UINT32_MAX / 4) return pq_fail(s->cx, PQ_ELIMIT, "%s has too many paths", s->where);
  terms = pq_arena_calloc(s->arena, cap, sizeof *terms);
  leaves = pq_arena_calloc(s->arena, cap, sizeof *leaves);
  if (terms == NULL || leaves == NULL) return s->cx->code;
  if (count > 0) {
    memcpy(terms, s->terms, count * sizeof *terms);
    memcpy(leaves, s->shape->leaves, count * sizeof *leaves);
  }
  s->terms = terms;
  s->shape->leaves = leaves;
  s->cap = cap;
  return PQ_OK;
}

/* A path that is no id says whether fields are included or excluded; all must say the same. */
static int decide(pq_shape_parser *s, pq_slice path, pq_shape_kind kind) {
  pq_shape_mode mode = kind == PQ_SHAPE_DROP ? PQ_SHAPE_EXCLUDE : PQ_SHAPE_INCLUDE;
  if (s->is_add) return PQ_OK;
  if (kind == PQ_SHAPE_SLICE || kind == PQ_SHAPE_MATCH) {
    s->has_slice |= kind == PQ_SHAPE_SLICE;
    s->has_match |= kind == PQ_SHAPE_MATCH;
    return PQ_OK;
  }
  if (kind != PQ_SHAPE_COMPUTED && pq_shape_is_id(path)) {
    s->keeps_all_ids &= kind == PQ_SHAPE_KEEP;
    return PQ_OK;
  }
  if (s->is_decided && s->shape->mode != mode)
    return pq_fail(s->cx, PQ_EINVALID, "%s mixes inclusion and exclusion: it cannot %s '%.*s'",
                   s->where,
                   kind == PQ_SHAPE_DROP       ? "exclude"
                   : kind == PQ_SHAPE_COMPUTED ? "compute"
                                               : "include",
                   PQ_SHOW(path));
  s->is_decided = true;
  s->shape->mode = mode;
  return PQ_OK;
}

int pq_shape_add_leaf(pq_shape_parser *s, pq_slice path, pq_shape_leaf leaf) {
  pq_shape *shape = s->shape;
  pq_term *term;
  PQ_TRY(decide(s, path, leaf.kind));
  PQ_TRY(reserve(s));
  term = &s->terms[shape->leaf_count];
  PQ_TRY(pq_path_parse(s->arena, path, &term->path));
  PQ_TRY(check_parts(s, &term->path));
  if (leaf.kind == PQ_SHAPE_COMPUTED || leaf.kind == PQ_SHAPE_MATCH)
    leaf.value = shape->value_count++;
  term->source = shape->leaf_count;
  shape->leaves[shape->leaf_count++] = leaf;
  return PQ_OK;
}

int pq_shape_add_computed(pq_shape_parser *s, pq_slice path, pq_value v) {
  pq_shape_leaf leaf = {.kind = PQ_SHAPE_COMPUTED};
  PQ_TRY(pq_expression_parse(s->arena, s->env, v, &leaf.expression));
  return pq_shape_add_leaf(s, path, leaf);
}

/* ---- entries ---- */

/* 0 and false exclude, other numbers and true include. */
static bool is_choice(pq_value v, bool *is_kept) {
  pq_type t = pq_value_type(v);
  double number;
  if (pq_value_bool(v, is_kept)) return true;
  if (t < PQ_TYPE_INT32 || t > PQ_TYPE_DECIMAL) return false;
  *is_kept = !pq_value_number(v, &number) || number != 0; /* a NaN is no zero */
  return true;
}

/* "prefix.name" in the arena, or the name when there is no prefix. */
static int join(pq_shape_parser *s, pq_slice prefix, pq_slice name, pq_slice *out) {
  uint8_t *p;
  size_t len;
  *out = name;
  if (prefix.n == 0) return PQ_OK;
  if (!pq_add_size(prefix.n, name.n, &len) || !pq_add_size(len, 1, &len))
    return pq_fail(s->cx, PQ_ELIMIT, "%s: the path '%.*s' is too long", s->where, PQ_SHOW(prefix));
  p = pq_arena_alloc(s->arena, len);
  if (p == NULL) return s->cx->code;
  memcpy(p, prefix.p, prefix.n);
  p[prefix.n] = '.';
  if (name.n > 0) memcpy(p + prefix.n + 1, name.p, name.n);
  *out = (pq_slice){p, len};
  return PQ_OK;
}

/* "a.b.$": cut the last part. */
static int cut_position(pq_shape_parser *s, pq_slice *path, pq_value v) {
  bool is_kept;
  path->n -= 2;
  if (!is_choice(v, &is_kept) || !is_kept)
    return pq_fail(s->cx, PQ_EINVALID, "%s: '%.*s.$' takes nothing but 1", s->where,
                   PQ_SHOW(*path));
  if (s->shape->is_positional)
    return pq_fail(s->cx, PQ_EINVALID, "%s: '%.*s.$' is the second path with '$'", s->where,
                   PQ_SHOW(*path));
  s->shape->is_positional = true;
  return PQ_OK;
}

static int parse_kids(pq_shape_parser *s, pq_slice prefix, pq_value spec);

/* An object: operators of find, an expression, or paths below. */
static int parse_object(pq_shape_parser *s, pq_slice path, pq_value v) {
  pq_field *fields;
  uint32_t count;
  bool is_done = false;
  PQ_TRY(read_fields(s, v, &fields, &count));
  if (count == 0 && !s->is_add)
    return pq_fail(s->cx, PQ_EINVALID, "%s: '%.*s' is an empty object", s->where, PQ_SHOW(path));
  if (count > 0 && !is_dollar(fields[0].name)) return parse_kids(s, path, v);
  if (count == 1 && s->is_find) PQ_TRY(pq_shape_parse_find_operator(s, path, v, &is_done));
  return is_done ? PQ_OK : pq_shape_add_computed(s, path, v);
}

static int parse_entry(pq_shape_parser *s, pq_slice path, pq_value v) {
  pq_shape_leaf leaf = {.kind = PQ_SHAPE_DROP};
  bool is_kept;
  if (s->is_find && path.n > 2 && memcmp(path.p + path.n - 2, ".$", 2) == 0) {
    PQ_TRY(cut_position(s, &path, v));
    leaf.is_positional = true;
  }
  if (!s->is_add && is_choice(v, &is_kept)) {
    if (is_kept) leaf.kind = PQ_SHAPE_KEEP;
    return pq_shape_add_leaf(s, path, leaf);
  }
  if (pq_value_type(v) == PQ_TYPE_OBJECT) return parse_object(s, path, v);
  return pq_shape_add_computed(s, path, v);
}

static int parse_kids(pq_shape_parser *s, pq_slice prefix, pq_value spec) {
  pq_field *fields;
  uint32_t count;
  if (++s->depth > s->cx->limits.depth_max)
    return pq_fail(s->cx, PQ_ELIMIT, "%s is nested deeper than %u", s->where,
                   (unsigned)s->cx->limits.depth_max);
  PQ_TRY(read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice path;
    if (prefix.n > 0 && is_dollar(fields[i].name))
      return pq_fail(s->cx, PQ_EINVALID, "%s: '%.*s' stands among the fields of '%.*s'", s->where,
                     PQ_SHOW(fields[i].name), PQ_SHOW(prefix));
    PQ_TRY(join(s, prefix, fields[i].name, &path));
    PQ_TRY(parse_entry(s, path, fields[i].value));
  }
  s->depth--;
  return PQ_OK;
}

/* ---- the tree ---- */

static int compare_names(const void *a, const void *b, const void *ud) {
  const pq_shape_node *const *x = a, *const *y = b;
  (void)ud;
  return pq_slice_cmp((*x)->name, (*y)->name);
}

/* $elemMatch comes behind all that is computed. */
static int compare_ordinals(const void *a, const void *b, const void *ud) {
  const pq_shape_node *const *x = a, *const *y = b;
  bool x_is_match = (*x)->leaf.kind == PQ_SHAPE_MATCH;
  (void)ud;
  if (x_is_match != ((*y)->leaf.kind == PQ_SHAPE_MATCH)) return x_is_match ? 1 : -1;
  return (*x)->ordinal < (*y)->ordinal ? -1 : (*x)->ordinal > (*y)->ordinal;
}

const pq_shape_node *pq_shape_find(const pq_shape_node *parent, pq_slice name) {
  uint32_t low = 0, high = parent->kid_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int c = pq_slice_cmp(parent->kids[middle]->name, name);
    if (c == 0) return parent->kids[middle];
    if (c < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static int build(pq_shape_parser *s, pq_span span, pq_shape_node *n);

/* Is a leaf written behind the fields that stay? In $addFields only when it is new. */
static bool is_late(const pq_shape_parser *s, pq_shape_kind kind) {
  if (kind == PQ_SHAPE_COMPUTED) return true;
  return kind == PQ_SHAPE_MATCH && s->shape->mode == PQ_SHAPE_INCLUDE;
}

static int build_kid(pq_shape_parser *s, pq_span group, pq_shape_node *kid) {
  kid->name = pq_span_part(s->terms, group)->name;
  if (!pq_span_is_leaf(s->terms, group)) return build(s, group, kid);
  kid->ordinal = s->terms[group.from].source;
  kid->leaf = s->shape->leaves[kid->ordinal];
  kid->is_late = is_late(s, kid->leaf.kind);
  kid->is_positional = kid->leaf.is_positional;
  return PQ_OK;
}

/* Bounded by the parts of the paths. */
static int build(pq_shape_parser *s, pq_span span, pq_shape_node *n) {
  pq_span group = pq_span_begin(span);
  pq_shape_node *kids;
  while (pq_span_next(s->terms, span, &group))
    n->kid_count++;
  kids = pq_arena_calloc(s->arena, n->kid_count, sizeof *kids);
  n->kids = pq_arena_calloc(s->arena, n->kid_count, sizeof(pq_shape_node *));
  n->late = pq_arena_calloc(s->arena, n->kid_count, sizeof(pq_shape_node *));
  if (kids == NULL || n->kids == NULL || n->late == NULL) return s->cx->code;
  n->ordinal = UINT32_MAX;
  group = pq_span_begin(span);
  for (uint32_t i = 0; pq_span_next(s->terms, span, &group); i++) {
    pq_shape_node *kid = &kids[i];
    PQ_TRY(build_kid(s, group, kid));
    n->kids[i] = kid;
    if (kid->is_late) n->late[n->late_count++] = kid;
    if (kid->ordinal < n->ordinal) n->ordinal = kid->ordinal;
    n->is_positional |= kid->is_positional;
  }
  n->is_late = n->late_count > 0;
  PQ_TRY(pq_sort_items(s->cx, n->kids, n->kid_count, sizeof *n->kids, compare_names, NULL));
  return pq_sort_items(s->cx, n->late, n->late_count, sizeof *n->late, compare_ordinals, NULL);
}

int pq_shape_parse_spec(pq_shape_parser *s, pq_value spec) {
  pq_shape *shape = pq_arena_calloc(s->arena, 1, sizeof *shape);
  uint32_t conflict;
  if (shape == NULL) return s->cx->code;
  s->shape = shape;
  s->keeps_all_ids = true;
  PQ_TRY(parse_kids(s, (pq_slice){0}, spec));
  /* Nothing decided: {"a": {"$slice": 1}} and {"_id": 0} keep the rest, {"_id": 1} and
   * {"a": {"$elemMatch": …}} ask for nothing else. */
  if (s->is_add)
    shape->mode = PQ_SHAPE_ADD;
  else if (!s->is_decided && !s->has_slice && (s->has_match || s->keeps_all_ids))
    shape->mode = PQ_SHAPE_INCLUDE;
  if (shape->is_positional && (s->has_match || shape->mode == PQ_SHAPE_EXCLUDE))
    return pq_fail(s->cx, PQ_EINVALID, "%s: a path with '$' cannot stand beside %s", s->where,
                   s->has_match ? "'$elemMatch'" : "exclusions");
  PQ_TRY(pq_terms_sort(s->cx, s->terms, shape->leaf_count, &conflict));
  if (conflict < shape->leaf_count)
    return pq_fail(s->cx, PQ_EINVALID, "%s: the path '%.*s' conflicts with '%.*s'", s->where,
                   PQ_SHOW(s->terms[conflict + 1].path.text),
                   PQ_SHOW(s->terms[conflict].path.text));
  return build(s, (pq_span){0, shape->leaf_count, 0}, &shape->root);
}

/* ---- the stages ---- */

static int begin(pq_shape_parser *s, const char *name) {
  s->cx = s->arena->cx;
  s->where = pq_arena_printf(s->arena, "stage '%s'", name);
  return s->where == NULL ? s->cx->code : PQ_OK;
}

int pq_shape_parse(pq_arena *arena, const pq_env *env, const char *name, pq_value spec, bool is_add,
                   pq_shape **out) {
  pq_shape_parser s = {.arena = arena, .env = env, .is_add = is_add};
  pq_value copy;
  *out = NULL;
  PQ_TRY(begin(&s, name));
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || (pq_value_count(spec) == 0 && !is_add))
    return pq_fail(s.cx, PQ_EINVALID, "%s needs an object of at least one field", s.where);
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  PQ_TRY(pq_shape_parse_spec(&s, copy));
  *out = s.shape;
  return PQ_OK;
}

int pq_shape_parse_unset(pq_arena *arena, const char *name, pq_value spec, pq_shape **out) {
  pq_shape_parser s = {.arena = arena};
  bool is_array = pq_value_type(spec) == PQ_TYPE_ARRAY;
  uint32_t count = is_array ? pq_value_count(spec) : 1, conflict;
  *out = NULL;
  PQ_TRY(begin(&s, name));
  s.shape = pq_arena_calloc(arena, 1, sizeof *s.shape);
  if (s.shape == NULL) return s.cx->code;
  if (count == 0) return pq_fail(s.cx, PQ_EINVALID, "%s needs at least one name", s.where);
  for (uint32_t i = 0; i < count; i++) {
    pq_slice path;
    if (!pq_value_string(is_array ? pq_array_at(spec, i) : spec, &path))
      return pq_fail(s.cx, PQ_EINVALID, "%s needs a name or an array of names", s.where);
    PQ_TRY(pq_shape_add_leaf(&s, path, (pq_shape_leaf){.kind = PQ_SHAPE_DROP}));
  }
  PQ_TRY(pq_terms_sort(s.cx, s.terms, s.shape->leaf_count, &conflict));
  if (conflict < s.shape->leaf_count)
    return pq_fail(s.cx, PQ_EINVALID, "%s: the path '%.*s' conflicts with '%.*s'", s.where,
                   PQ_SHOW(s.terms[conflict + 1].path.text), PQ_SHOW(s.terms[conflict].path.text));
  PQ_TRY(build(&s, (pq_span){0, s.shape->leaf_count, 0}, &s.shape->root));
  *out = s.shape;
  return PQ_OK;
}
