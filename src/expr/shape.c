/* expr/shape.c - see shape.h. Plain projections are left to project.c. */
#include "expr/shape.h"

#include <string.h>

#include "expr/expr_int.h"

typedef enum node_kind {
  NODE_KEEP,
  NODE_DROP, /* an id */
  NODE_COMPUTED,
  NODE_TREE
} node_kind;

typedef struct node node;
struct node {
  node_kind kind;
  pq_slice name;
  pq_expression *expression; /* COMPUTED */
  uint32_t value;            /* COMPUTED: index of its value */
  bool has_computed;         /* here or somewhere below */
  node *kids, *last, *next;
};

struct pq_shape {
  pq_projection *plain; /* nothing is computed */
  bool is_add;
  node root;
  uint32_t value_count;
};

typedef struct parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  const char *stage;
  pq_shape *shape;
  uint32_t depth;
} parser;

static bool is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

static int read_fields(parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

/* ---- parse ---- */

static node *find(const node *parent, pq_slice name) {
  for (node *n = parent->kids; n != NULL; n = n->next)
    if (pq_slice_eq(n->name, name)) return n;
  return NULL;
}

static int add_kid(parser *s, node *parent, pq_slice name, node_kind kind, node **out) {
  node *n = pq_arena_calloc(s->arena, 1, sizeof *n);
  *out = n;
  if (n == NULL) return s->cx->code;
  n->kind = kind;
  n->name = name;
  if (parent->last == NULL)
    parent->kids = n;
  else
    parent->last->next = n;
  parent->last = n;
  return PQ_OK;
}

static int fail_conflict(parser *s, pq_slice text) {
  return pq_fail(s->cx, PQ_EINVALID, "stage '%s': the path '%.*s' conflicts with another one",
                 s->stage, PQ_SHOW(text));
}

static int check_part(parser *s, const pq_path *path, uint32_t i) {
  pq_slice name = path->parts[i].name;
  if (!is_dollar(name) || (i == 0 && !s->shape->is_add && pq_is_system_field(name))) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "stage '%s': the part '%.*s' of path '%.*s' begins with '$'",
                 s->stage, PQ_SHOW(name), PQ_SHOW(path->text));
}

/* The node at the end of a path below `parent`; nodes on the way are trees. */
static int add_path(parser *s, node *parent, pq_slice text, node_kind kind, node **out) {
  pq_path path;
  PQ_TRY(pq_path_parse(s->arena, text, &path));
  for (uint32_t i = 0; i < path.count; i++) {
    bool is_end = i + 1 == path.count;
    node *kid = find(parent, path.parts[i].name);
    if (parent == &s->shape->root) PQ_TRY(check_part(s, &path, i));
    if (is_dollar(path.parts[i].name) && parent != &s->shape->root)
      return pq_fail(s->cx, PQ_EINVALID, "stage '%s': the path '%.*s' has a '$'", s->stage,
                     PQ_SHOW(text));
    if (kid != NULL && (kid->kind != NODE_TREE || (is_end && kind != NODE_TREE)))
      return fail_conflict(s, text);
    if (kid == NULL)
      PQ_TRY(add_kid(s, parent, path.parts[i].name, is_end ? kind : NODE_TREE, &kid));
    parent = kid;
  }
  *out = parent;
  return PQ_OK;
}

static bool is_id(pq_slice text) {
  return pq_slice_is(text, "_id") || pq_slice_is(text, "$id");
}

static bool is_choice(pq_value v, bool *is_kept) {
  double number;
  if (pq_value_bool(v, is_kept)) return true;
  if (!pq_value_number(v, &number)) return false;
  *is_kept = number != 0;
  return true;
}

static int parse_kids(parser *s, node *parent, pq_value spec);

static int parse_entry(parser *s, node *parent, const pq_field *field) {
  bool is_top = parent == &s->shape->root, is_kept;
  pq_value v = field->value;
  pq_slice first = {0};
  node *n;
  if (!s->shape->is_add && is_choice(v, &is_kept)) {
    if (!is_kept && !(is_top && is_id(field->name)))
      return pq_fail(s->cx, PQ_EINVALID,
                     "stage '%s' cannot exclude '%.*s' beside fields that it includes", s->stage,
                     PQ_SHOW(field->name));
    return add_path(s, parent, field->name, is_kept ? NODE_KEEP : NODE_DROP, &n);
  }
  if (pq_value_type(v) == PQ_TYPE_OBJECT) {
    uint32_t count;
    pq_field *fields;
    PQ_TRY(read_fields(s, v, &fields, &count));
    if (count > 0) first = fields[0].name;
    if (count == 0 && !s->shape->is_add)
      return pq_fail(s->cx, PQ_EINVALID, "stage '%s': '%.*s' is an empty object", s->stage,
                     PQ_SHOW(field->name));
    if (count > 0 && !is_dollar(first)) {
      PQ_TRY(add_path(s, parent, field->name, NODE_TREE, &n));
      return parse_kids(s, n, v);
    }
  }
  PQ_TRY(add_path(s, parent, field->name, NODE_COMPUTED, &n));
  n->value = s->shape->value_count++;
  return pq_expression_parse(s->arena, s->env, v, &n->expression);
}

static int parse_kids(parser *s, node *parent, pq_value spec) {
  pq_field *fields;
  uint32_t count;
  if (++s->depth > s->cx->limits.depth_max)
    return pq_fail(s->cx, PQ_ELIMIT, "stage '%s' is nested deeper than %u", s->stage,
                   (unsigned)s->cx->limits.depth_max);
  PQ_TRY(read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_entry(s, parent, &fields[i]));
  s->depth--;
  return PQ_OK;
}

/* Set has_computed. The depth was checked by parse_kids() and the paths' limit. */
static bool mark_computed(node *n) {
  n->has_computed = n->kind == NODE_COMPUTED;
  for (node *kid = n->kids; kid != NULL; kid = kid->next)
    n->has_computed |= mark_computed(kid);
  return n->has_computed;
}

/* Does a $project compute nothing, so that it is a projection as find has them? */
static int check_plain(parser *s, pq_value spec, uint32_t depth, bool *is_plain) {
  pq_field *fields;
  uint32_t count;
  bool is_kept;
  *is_plain = false;
  if (depth > s->cx->limits.depth_max) return PQ_OK;
  PQ_TRY(read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    bool is_inner = pq_value_type(fields[i].value) == PQ_TYPE_OBJECT;
    if (depth > 0 && is_dollar(fields[i].name)) return PQ_OK;
    if (is_inner) PQ_TRY(check_plain(s, fields[i].value, depth + 1, &is_inner));
    if (!is_inner && !is_choice(fields[i].value, &is_kept)) return PQ_OK;
  }
  *is_plain = count > 0;
  return PQ_OK;
}

int pq_shape_parse(pq_arena *arena, const pq_env *env, const char *name, pq_value spec, bool is_add,
                   pq_shape **out) {
  parser s = {.arena = arena, .env = env, .cx = arena->cx, .stage = name};
  pq_value copy;
  bool is_plain = false;
  *out = NULL;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_count(spec) == 0)
    return pq_fail(s.cx, PQ_EINVALID, "stage '%s' needs an object of at least one field", name);
  s.shape = pq_arena_calloc(arena, 1, sizeof *s.shape);
  if (s.shape == NULL) return s.cx->code;
  s.shape->is_add = is_add;
  s.shape->root.kind = NODE_TREE;
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  if (!is_add) PQ_TRY(check_plain(&s, copy, 0, &is_plain));
  PQ_TRY(is_plain ? pq_projection_parse(arena, env, copy, &s.shape->plain)
                  : parse_kids(&s, &s.shape->root, copy));
  (void)mark_computed(&s.shape->root);
  *out = s.shape;
  return PQ_OK;
}

/* ---- apply ---- */

typedef struct writer {
  const pq_shape *shape;
  pq_builder *b;
  pq_arena *arena;
  const pq_value *values;
} writer;

static int eval_values(const node *parent, pq_eval *s, pq_value *values) {
  for (const node *n = parent->kids; n != NULL; n = n->next) {
    if (n->kind == NODE_COMPUTED)
      PQ_TRY(pq_expression_eval(n->expression, s, &values[n->value]));
    else
      PQ_TRY(eval_values(n, s, values));
  }
  return PQ_OK;
}

static int put_tree(const writer *w, const node *n, pq_value old);

static int put_value(const writer *w, pq_slice name, pq_value v) {
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(pq_builder_key(w->b, name));
  return pq_builder_value(w->b, v);
}

/* Does the tree leave something where `old` stands? */
static bool leaves(const writer *w, pq_value old) {
  pq_type t = pq_value_type(old);
  return w->shape->is_add || t == PQ_TYPE_OBJECT || t == PQ_TYPE_ARRAY;
}

/* A field of the old object. Computed ones of a $project come later, like new ones. */
static int put_field(const writer *w, const node *parent, const pq_field *field) {
  const node *n = find(parent, field->name);
  bool is_top = parent == &w->shape->root;
  if (n == NULL) {
    if (!w->shape->is_add && !(is_top && is_id(field->name))) return PQ_OK;
    return put_value(w, field->name, field->value);
  }
  switch (n->kind) {
    case NODE_KEEP: return put_value(w, field->name, field->value);
    case NODE_DROP: return PQ_OK;
    case NODE_COMPUTED:
      return w->shape->is_add ? put_value(w, field->name, w->values[n->value]) : PQ_OK;
    case NODE_TREE: break;
  }
  if (!leaves(w, field->value)) return PQ_OK;
  PQ_TRY(pq_builder_key(w->b, field->name));
  return put_tree(w, n, field->value);
}

static int put_object(const writer *w, const node *parent, pq_value old) {
  uint32_t count = 0;
  pq_field *fields = NULL;
  if (pq_value_type(old) == PQ_TYPE_OBJECT) {
    fields = pq_object_fields(w->arena, old, &count);
    if (fields == NULL && pq_value_count(old) > 0) return w->arena->cx->code;
  }
  PQ_TRY(pq_builder_begin_object(w->b));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(put_field(w, parent, &fields[i]));
  for (const node *n = parent->kids; n != NULL; n = n->next) {
    pq_value was = count == 0 ? (pq_value){0} : pq_object_get(old, n->name);
    bool is_new = pq_value_is_missing(was);
    if (n->kind == NODE_COMPUTED && (is_new || !w->shape->is_add)) {
      PQ_TRY(put_value(w, n->name, w->values[n->value]));
    } else if (n->kind == NODE_TREE && n->has_computed && (is_new || !leaves(w, was))) {
      PQ_TRY(pq_builder_key(w->b, n->name));
      PQ_TRY(put_object(w, n, (pq_value){0}));
    }
  }
  return pq_builder_end(w->b);
}

/* `old` is a value for which leaves() said yes. The depth is that of `old`, which was checked. */
static int put_tree(const writer *w, const node *n, pq_value old) {
  uint32_t count = pq_value_count(old);
  if (pq_value_type(old) != PQ_TYPE_ARRAY) return put_object(w, n, old);
  PQ_TRY(pq_builder_begin_array(w->b));
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(old, i);
    if (leaves(w, element))
      PQ_TRY(put_tree(w, n, element));
    else if (n->has_computed)
      PQ_TRY(put_object(w, n, (pq_value){0}));
  }
  return pq_builder_end(w->b);
}

int pq_shape_apply(const pq_shape *p, pq_eval *s, pq_value *out) {
  writer w = {.shape = p, .b = s->builder, .arena = s->arena};
  pq_value *values;
  *out = (pq_value){0};
  if (p->plain != NULL) {
    pq_builder_clear(s->builder);
    PQ_TRY(pq_projection_apply(p->plain, s->builder, s->arena, s->root));
    return pq_builder_finish(s->builder, s->arena, out);
  }
  values = pq_arena_calloc(s->arena, p->value_count, sizeof *values);
  if (values == NULL) return s->cx->code;
  PQ_TRY(eval_values(&p->root, s, values));
  w.values = values;
  pq_builder_clear(s->builder);
  PQ_TRY(put_object(&w, &p->root, s->root));
  return pq_builder_finish(s->builder, s->arena, out);
}
