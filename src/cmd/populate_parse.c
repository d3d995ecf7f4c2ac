/* cmd/populate_parse.c - the option `populate`: names, or names with options, nested.
 *
 *   ["author"]     {"author": {}, "comments": {"limit", "sort", "project", "filter", "edgeFilter",
 *                                              "direction", "predicate", "populate"}}
 *
 * The list of nodes is the queue of a walk by level: a node's own `populate` waits until all nodes
 * of its level are there.
 */
#include "base/text.h"
#include "cmd/own_options.h"
#include "cmd/populate.h"

typedef struct parser {
  pq_command *c;
  pq_populate *p;
  pq_value *specs; /* by node: its `populate`, or missing */
} parser;

#define TEXT_ARGS(s) (int)((s).n > 40 ? 40 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

static int bad(parser *s, pq_slice name, const char *what) {
  return pq_fail(s->c->op.cx, PQ_EINVALID, "%s: option 'populate': '%.*s': %s", s->c->s.spec->name,
                 TEXT_ARGS(name), what);
}

static int parse_direction(parser *s, pq_populate_node *n, pq_value v) {
  pq_slice text = {0};
  (void)pq_value_string(v, &text);
  n->is_forward_only = pq_slice_is(text, "forward");
  n->is_reverse_only = pq_slice_is(text, "reverse");
  if (n->is_forward_only || n->is_reverse_only) return PQ_OK;
  return bad(s, n->name, "'direction' must be \"forward\" or \"reverse\"");
}

static int parse_limit(parser *s, pq_populate_node *n, pq_value v) {
  int64_t i;
  double d;
  n->has_limit = true;
  if (pq_value_double(v, &d) && d >= 0 && d < 9e15 && d == (double)(int64_t)d)
    i = (int64_t)d;
  else if (!pq_value_i64(v, &i) || i < 0)
    return bad(s, n->name, "'limit' must be a whole number, 0 or more");
  n->limit = (uint64_t)i;
  return PQ_OK;
}

static int parse_predicates(parser *s, pq_populate_node *n, pq_value v) {
  pq_names names;
  PQ_TRY(pq_own_predicates(s->c, "populate", v, &names));
  n->predicates = names.items;
  n->predicate_count = names.count;
  return PQ_OK;
}

static int parse_filter(parser *s, pq_populate_node *n, pq_value v, pq_filter **out) {
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return bad(s, n->name, "a filter must be an object");
  return pq_filter_parse(&s->c->arena, s->c->s.env, v, out);
}

static int parse_node_option(parser *s, pq_populate_node *n, const pq_field *f, pq_value *below) {
  static const char *const known[] = {"limit",     "sort",      "project",  "filter", "edgeFilter",
                                      "direction", "predicate", "populate", NULL};
  pq_arena *arena = &s->c->arena;
  const char *near;
  if (pq_slice_is(f->name, "limit")) return parse_limit(s, n, f->value);
  if (pq_slice_is(f->name, "direction")) return parse_direction(s, n, f->value);
  if (pq_slice_is(f->name, "sort")) return pq_sort_parse(arena, s->c->s.env, f->value, &n->sort);
  if (pq_slice_is(f->name, "predicate")) return parse_predicates(s, n, f->value);
  if (pq_slice_is(f->name, "filter")) return parse_filter(s, n, f->value, &n->filter);
  if (pq_slice_is(f->name, "edgeFilter")) return parse_filter(s, n, f->value, &n->edge_filter);
  if (pq_slice_is(f->name, "project")) {
    PQ_TRY(pq_projection_parse(arena, s->c->s.env, f->value, &n->projection));
    return pq_projection_is_positional(n->projection)
               ? bad(s, n->name, "'project' has no filter that '$' could stand for")
               : PQ_OK;
  }
  if (pq_slice_is(f->name, "populate")) {
    *below = f->value;
    return PQ_OK;
  }
  near = pq_nearest(f->name, known);
  return pq_fail(s->c->op.cx, PQ_EINVALID, "%s: option 'populate': '%.*s': unknown '%.*s'%s%s%s",
                 s->c->s.spec->name, TEXT_ARGS(n->name), TEXT_ARGS(f->name),
                 near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* `options`: an object, true or 1, or missing (the name stands in an array). */
static int add_node(parser *s, uint32_t parent, pq_slice name, pq_value options) {
  pq_populate *p = s->p;
  pq_populate_node *n = &p->nodes[p->node_count];
  pq_field *fields;
  uint32_t count;
  bool is_on = false;
  int64_t one = 0;
  if (p->node_count == PQ_POPULATE_NODES_MAX)
    return pq_fail(s->c->op.cx, PQ_ELIMIT, "%s: option 'populate' has more than %d names",
                   s->c->s.spec->name, PQ_POPULATE_NODES_MAX);
  if (name.n == 0 || name.p[0] == '$') return bad(s, name, "this is no predicate");
  for (uint32_t i = 0; i < p->node_count; i++)
    if (p->nodes[i].parent == parent && pq_slice_eq(p->nodes[i].name, name))
      return bad(s, name, "it is there twice");
  *n = (pq_populate_node){.name = name, .parent = parent, .predicate_count = 1};
  n->predicates = &n->name;
  n->level = parent == PQ_POPULATE_ROOT ? 0 : p->nodes[parent].level + 1;
  if (n->level == PQ_POPULATE_DEPTH_MAX)
    return pq_fail(s->c->op.cx, PQ_ELIMIT, "%s: option 'populate' is nested more than %d deep",
                   s->c->s.spec->name, PQ_POPULATE_DEPTH_MAX);
  p->level_count = n->level + 1;
  p->node_count++;
  (void)pq_value_bool(options, &is_on);
  (void)pq_value_i64(options, &one);
  if (pq_value_is_missing(options) || is_on || one == 1) return PQ_OK;
  if (pq_value_type(options) != PQ_TYPE_OBJECT)
    return bad(s, name, "it takes an object of options");
  fields = pq_object_fields(&s->c->arena, options, &count);
  if (fields == NULL && pq_value_count(options) > 0) return s->c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_node_option(s, n, &fields[i], &s->specs[p->node_count - 1]));
  return PQ_OK;
}

static int add_nodes(parser *s, uint32_t parent, pq_value spec) {
  pq_field *fields;
  uint32_t count = pq_value_count(spec);
  pq_slice name;
  if (pq_value_type(spec) == PQ_TYPE_ARRAY) {
    for (uint32_t i = 0; i < count; i++) {
      if (!pq_value_string(pq_array_at(spec, i), &name))
        return bad(s, (pq_slice){0}, "an array of it holds names of predicates");
      PQ_TRY(add_node(s, parent, name, (pq_value){0}));
    }
    return PQ_OK;
  }
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return bad(s, parent == PQ_POPULATE_ROOT ? (pq_slice){0} : s->p->nodes[parent].name,
               "'populate' must be an object or an array");
  fields = pq_object_fields(&s->c->arena, spec, &count);
  if (fields == NULL && pq_value_count(spec) > 0) return s->c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_node(s, parent, fields[i].name, fields[i].value));
  return PQ_OK;
}

int pq_populate_open(pq_command *c) {
  pq_arena *arena = &c->arena;
  parser s = {.c = c};
  if (pq_value_count(c->s.args.populate) == 0) {
    if (!(c->s.args.given & PQ_OPT_MAX_INBOUND)) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'maxInbound' goes with 'populate'",
                   c->s.spec->name);
  }
  if (!(c->s.args.given & PQ_OPT_MAX_INBOUND)) c->s.args.max_inbound = 100;
  s.p = pq_arena_calloc(arena, 1, sizeof *s.p);
  s.specs = pq_arena_calloc(arena, PQ_POPULATE_NODES_MAX, sizeof *s.specs);
  if (s.p == NULL || s.specs == NULL) return c->op.cx->code;
  s.p->nodes = pq_arena_calloc(arena, PQ_POPULATE_NODES_MAX, sizeof *s.p->nodes);
  if (s.p->nodes == NULL) return c->op.cx->code;
  PQ_TRY(add_nodes(&s, PQ_POPULATE_ROOT, c->s.args.populate));
  for (uint32_t i = 0; i < s.p->node_count; i++)
    if (!pq_value_is_missing(s.specs[i])) PQ_TRY(add_nodes(&s, i, s.specs[i]));
  c->s.populate = s.p;
  return PQ_OK;
}
