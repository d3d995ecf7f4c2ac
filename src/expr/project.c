/* expr/project.c - projections of find. See project.h; the work is done in shape_parse.c, shape.c.
 *
 *   {"a": {"$slice": [-2, 1]}}        the arrays at a path cut
 *   {"a": {"$elemMatch": {"x": 1}}}   the first element that matches; top-level fields only
 *   {"a.$": 1}                        the element that let the filter match
 */
#include "expr/project.h"

#include "expr/shape_int.h"

/* Numbers of any type, cut to integers; infinite ones as far as they go; NaN is 0. */
static bool read_count(pq_value v, int64_t *out) {
  pq_type t = pq_value_type(v);
  double number = 0;
  *out = 0;
  if (t < PQ_TYPE_INT32 || t > PQ_TYPE_DECIMAL) return false;
  if (pq_value_i64(v, out)) return true;
  if (!pq_value_number(v, &number) || number != number) return true;
  *out = number >= 9e18 ? INT64_MAX : number <= -9e18 ? -INT64_MAX : (int64_t)number;
  return true;
}

/* 5, -5 or [skip, limit]; ["$a", 5] are the arguments of the expression $slice. */
static int parse_slice(pq_shape_parser *s, pq_slice path, pq_value v, bool *is_done) {
  pq_shape_leaf leaf = {.kind = PQ_SHAPE_SLICE, .limit = INT64_MAX};
  int64_t n;
  *is_done = true;
  if (read_count(v, &n)) {
    if (n < 0)
      leaf.skip = n;
    else
      leaf.limit = n;
    return pq_shape_add_leaf(s, path, leaf);
  }
  if (pq_value_type(v) != PQ_TYPE_ARRAY || pq_value_count(v) != 2)
    return pq_fail(s->cx, PQ_EINVALID, "%s: operator '$slice' at path '%.*s' needs a number or two",
                   s->where, PQ_SHOW(path));
  *is_done =
      read_count(pq_array_at(v, 0), &leaf.skip) && read_count(pq_array_at(v, 1), &leaf.limit);
  if (!*is_done) return PQ_OK;
  if (leaf.limit <= 0)
    return pq_fail(s->cx, PQ_EINVALID,
                   "%s: operator '$slice' at path '%.*s' needs a positive number of elements",
                   s->where, PQ_SHOW(path));
  return pq_shape_add_leaf(s, path, leaf);
}

static int parse_match(pq_shape_parser *s, pq_slice path, pq_value v) {
  pq_shape_leaf leaf = {.kind = PQ_SHAPE_MATCH, .name = path};
  bool needs_object;
  for (size_t i = 0; i < path.n; i++)
    if (path.p[i] == '.')
      return pq_fail(s->cx, PQ_EINVALID,
                     "%s: operator '$elemMatch' cannot be used on the nested field '%.*s'",
                     s->where, PQ_SHOW(path));
  if (!pq_value_is_missing(pq_object_get_str(pq_object_get_str(v, "$elemMatch"), "$jsonSchema")))
    return pq_fail(s->cx, PQ_EINVALID,
                   "%s: operator '$elemMatch' at path '%.*s' cannot hold '$jsonSchema'", s->where,
                   PQ_SHOW(path));
  PQ_TRY(pq_filter_parse_element(s->arena, s->env, v, &leaf.filter, &needs_object));
  if (pq_filter_needs_eval(leaf.filter))
    return pq_fail(s->cx, PQ_EINVALID,
                   "%s: operator '$elemMatch' at path '%.*s' cannot hold '$expr'", s->where,
                   PQ_SHOW(path));
  return pq_shape_add_leaf(s, path, leaf);
}

int pq_shape_parse_find_operator(pq_shape_parser *s, pq_slice path, pq_value v, bool *is_done) {
  pq_value operand;
  *is_done = true;
  operand = pq_object_get_str(v, "$slice");
  if (!pq_value_is_missing(operand)) return parse_slice(s, path, operand, is_done);
  if (!pq_value_is_missing(pq_object_get_str(v, "$elemMatch"))) return parse_match(s, path, v);
  *is_done = false;
  if (pq_value_is_missing(pq_object_get_str(v, "$meta"))) return PQ_OK;
  return pq_fail(s->cx, PQ_EUNSUPPORTED, "%s: operator '$meta' at path '%.*s' is not supported yet",
                 s->where, PQ_SHOW(path));
}

int pq_projection_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_projection **out) {
  pq_shape_parser s = {
      .arena = arena, .env = env, .cx = arena->cx, .where = "projection", .is_find = true};
  pq_value copy;
  *out = NULL;
  if (pq_value_is_missing(spec)) return PQ_OK;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s.cx, PQ_EINVALID, "a projection must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  if (pq_value_count(spec) == 0) return PQ_OK;
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  PQ_TRY(pq_shape_parse_spec(&s, copy));
  *out = s.shape;
  return PQ_OK;
}

bool pq_projection_is_positional(const pq_projection *p) {
  return p != NULL && p->is_positional;
}

int pq_projection_apply(const pq_projection *p, pq_eval *eval, pq_arena *arena, int64_t position,
                        pq_value *out) {
  *out = (pq_value){0};
  if (p == NULL) return pq_value_copy(arena, eval->root, out);
  if (pq_value_type(eval->root) != PQ_TYPE_OBJECT)
    return pq_fail(arena->cx, PQ_EINVALID, "a value of type %s cannot be projected",
                   pq_type_name(pq_value_type(eval->root)));
  return pq_shape_write(p, eval, arena, position, out);
}

bool pq_projection_needs(const pq_projection *p, pq_slice name) {
  const pq_shape_node *n;
  if (p == NULL || p->value_count > 0) return true;
  n = pq_shape_find(&p->root, name);
  if (n == NULL) return p->mode != PQ_SHAPE_INCLUDE || pq_shape_is_id(name);
  return n->leaf.kind != PQ_SHAPE_DROP;
}
