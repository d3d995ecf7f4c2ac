/* expr/shape.c - a new document out of an old one, by a tree of names. See shape_int.h.
 *
 * All expressions are evaluated first; then each container is written once, in its own order:
 *
 *   {_id: 1, a: [1, {b: 2, c: 3}, [{b: 4}]], d: 5}
 *   inclusion a.b  ->  {_id: 1, a: [{b: 2}, [{b: 4}]]}
 *   exclusion a.b  ->  {_id: 1, a: [1, {c: 3}, [{}]], d: 5}
 *   add a.z = 7    ->  {_id: 1, a: [{z: 7}, {b: 2, c: 3, z: 7}, [{b: 4, z: 7}]], d: 5}
 *
 * Numbers in paths are names here, never indexes. Recursion is bounded by the depth of the old
 * document, which was checked, and by the parts of the paths. Nothing is kept between calls.
 */
#include "expr/shape_int.h"

typedef struct writer {
  const pq_shape *shape;
  pq_builder *b;
  pq_arena *arena;
  const pq_value *values;
  int64_t position; /* what "$" stands for */
} writer;

/* How many arrays are around a value: "a.$" is about the first, $slice about no array that stands
 * directly in an array. */
typedef enum nesting { AROUND_NOTHING, AROUND_ARRAY, AROUND_NESTED } nesting;

/* ---- evaluation ---- */

/* [the first element that matches], or missing. */
static int eval_match(const pq_shape_leaf *leaf, pq_eval *s, pq_value *out) {
  pq_value v = pq_object_get(s->root, leaf->name), element;
  int64_t at;
  *out = (pq_value){0};
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return PQ_OK;
  at = pq_filter_position(leaf->filter, s, v, (pq_value){0});
  PQ_TRY(pq_filter_status(leaf->filter));
  if (at < 0) return PQ_OK;
  element = pq_array_at(v, (uint32_t)at);
  return pq_make_array(s, &element, 1, out);
}

static int eval_values(const pq_shape *p, pq_eval *s, pq_value *values) {
  for (uint32_t i = 0; i < p->leaf_count; i++) {
    const pq_shape_leaf *leaf = &p->leaves[i];
    if (leaf->kind == PQ_SHAPE_COMPUTED)
      PQ_TRY(pq_expression_eval(leaf->expression, s, &values[leaf->value]));
    if (leaf->kind == PQ_SHAPE_MATCH) PQ_TRY(eval_match(leaf, s, &values[leaf->value]));
  }
  return PQ_OK;
}

/* ---- writing ---- */

static int put_tree(const writer *w, const pq_shape_node *n, pq_value old, nesting around);

static int put_value(const writer *w, pq_slice name, pq_value v) {
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(pq_builder_key(w->b, name));
  return pq_builder_value(w->b, v);
}

static bool is_container(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_OBJECT || t == PQ_TYPE_ARRAY;
}

/* $slice: [skip, limit]; a skip from the end stops at the first element. */
static int put_slice(const writer *w, const pq_shape_leaf *leaf, const pq_field *field) {
  int64_t count = pq_value_count(field->value), from = leaf->skip, to;
  if (from < 0) from = from < -count ? 0 : count + from;
  if (from > count) from = count;
  to = leaf->limit < count - from ? from + leaf->limit : count;
  PQ_TRY(pq_builder_key(w->b, field->name));
  PQ_TRY(pq_builder_begin_array(w->b));
  for (; from < to; from++)
    PQ_TRY(pq_builder_value(w->b, pq_array_at(field->value, (uint32_t)from)));
  return pq_builder_end(w->b);
}

/* The index that "a.$" picks from the first array on its way. */
static int pick(const writer *w, const pq_shape_node *n, pq_value array, uint32_t *out) {
  uint32_t count = pq_value_count(array);
  *out = 0;
  if (w->position < 0)
    return pq_fail(w->arena->cx, PQ_EINVALID,
                   "projection: the filter did not look into an array, so '$' behind '%.*s' has no "
                   "index",
                   PQ_SHOW(n->name));
  if (w->position >= count)
    return pq_fail(w->arena->cx, PQ_EINVALID,
                   "projection: '%.*s' has %u elements, and '$' stands for number %llu",
                   PQ_SHOW(n->name), (unsigned)count, (unsigned long long)w->position);
  *out = (uint32_t)w->position;
  return PQ_OK;
}

static int put_kept(const writer *w, const pq_shape_node *n, const pq_field *field,
                    nesting around) {
  uint32_t at;
  if (!n->is_positional || around != AROUND_NOTHING || pq_value_type(field->value) != PQ_TYPE_ARRAY)
    return put_value(w, field->name, field->value);
  PQ_TRY(pick(w, n, field->value, &at));
  PQ_TRY(pq_builder_key(w->b, field->name));
  PQ_TRY(pq_builder_begin_array(w->b));
  PQ_TRY(pq_builder_value(w->b, pq_array_at(field->value, at)));
  return pq_builder_end(w->b);
}

/* Does a tree leave something where `old` stands? */
static bool leaves(const writer *w, pq_value old) {
  return w->shape->mode != PQ_SHAPE_INCLUDE || is_container(old);
}

/* A field of the old object. What is late comes behind all of them. */
static int put_field(const writer *w, const pq_shape_node *parent, const pq_field *field,
                     nesting around) {
  const pq_shape_node *n = pq_shape_find(parent, field->name);
  pq_shape_mode mode = w->shape->mode;
  bool is_top = parent == &w->shape->root;
  if (n == NULL) {
    if (mode == PQ_SHAPE_INCLUDE && !(is_top && pq_shape_is_id(field->name))) return PQ_OK;
    return put_value(w, field->name, field->value);
  }
  switch (n->leaf.kind) {
    case PQ_SHAPE_KEEP: return put_kept(w, n, field, around);
    case PQ_SHAPE_DROP: return PQ_OK;
    case PQ_SHAPE_COMPUTED:
    case PQ_SHAPE_MATCH:
      return mode == PQ_SHAPE_INCLUDE ? PQ_OK : put_value(w, field->name, w->values[n->leaf.value]);
    case PQ_SHAPE_SLICE:
      if (around == AROUND_NESTED || pq_value_type(field->value) != PQ_TYPE_ARRAY)
        return put_value(w, field->name, field->value);
      return put_slice(w, &n->leaf, field);
    case PQ_SHAPE_TREE: break;
  }
  if (!leaves(w, field->value)) return PQ_OK;
  PQ_TRY(pq_builder_key(w->b, field->name));
  return put_tree(w, n, field->value, around);
}

static int put_object(const writer *w, const pq_shape_node *parent, pq_value old, nesting around) {
  uint32_t count = 0;
  pq_field *fields = NULL;
  if (pq_value_type(old) == PQ_TYPE_OBJECT) {
    fields = pq_object_fields(w->arena, old, &count);
    if (fields == NULL && pq_value_count(old) > 0) return w->arena->cx->code;
  }
  PQ_TRY(pq_builder_begin_object(w->b));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(put_field(w, parent, &fields[i], around));
  for (uint32_t i = 0; i < parent->late_count; i++) {
    const pq_shape_node *n = parent->late[i];
    pq_value was = count == 0 ? (pq_value){0} : pq_object_get(old, n->name);
    bool is_new = pq_value_is_missing(was);
    if (n->leaf.kind != PQ_SHAPE_TREE) {
      if (is_new || w->shape->mode == PQ_SHAPE_INCLUDE)
        PQ_TRY(put_value(w, n->name, w->values[n->leaf.value]));
    } else if (is_new || !leaves(w, was)) {
      PQ_TRY(pq_builder_key(w->b, n->name));
      PQ_TRY(put_object(w, n, (pq_value){0}, around));
    }
  }
  return pq_builder_end(w->b);
}

/* One element of an array on the way. */
static int put_element(const writer *w, const pq_shape_node *n, pq_value element, nesting around) {
  if (pq_value_type(element) == PQ_TYPE_ARRAY) return put_tree(w, n, element, AROUND_NESTED);
  if (leaves(w, element)) return put_tree(w, n, element, around);
  return n->is_late ? put_object(w, n, (pq_value){0}, around) : PQ_OK;
}

static int put_array(const writer *w, const pq_shape_node *n, pq_value old, nesting around) {
  uint32_t from = 0, to = pq_value_count(old);
  if (n->is_positional && around == AROUND_NOTHING) {
    PQ_TRY(pick(w, n, old, &from));
    to = from + 1;
  }
  if (around == AROUND_NOTHING) around = AROUND_ARRAY;
  PQ_TRY(pq_builder_begin_array(w->b));
  for (; from < to; from++)
    PQ_TRY(put_element(w, n, pq_array_at(old, from), around));
  return pq_builder_end(w->b);
}

/* `old` is a value for which leaves() said yes. */
static int put_tree(const writer *w, const pq_shape_node *n, pq_value old, nesting around) {
  if (pq_value_type(old) == PQ_TYPE_ARRAY) return put_array(w, n, old, around);
  if (w->shape->mode == PQ_SHAPE_EXCLUDE && !is_container(old)) return pq_builder_value(w->b, old);
  return put_object(w, n, old, around);
}

int pq_shape_write(const pq_shape *p, pq_eval *eval, pq_arena *arena, int64_t position,
                   pq_value *out) {
  writer w = {.shape = p, .b = eval->builder, .arena = eval->arena, .position = position};
  pq_value *values = NULL;
  *out = (pq_value){0};
  if (p->value_count > 0) {
    values = pq_arena_calloc(eval->arena, p->value_count, sizeof *values);
    if (values == NULL) return eval->arena->cx->code;
    PQ_TRY(eval_values(p, eval, values));
  }
  w.values = values;
  pq_builder_clear(eval->builder);
  PQ_TRY(put_object(&w, &p->root, eval->root, AROUND_NOTHING));
  return pq_builder_finish(eval->builder, arena, out);
}

int pq_shape_apply(const pq_shape *p, pq_eval *s, pq_value *out) {
  return pq_shape_write(p, s, s->arena, -1, out);
}
