/* match/plan.c - from patterns to operators.
 *
 *   group ─► leaves that nobody looks at are taken off: they only multiply (trees)
 *         ─► nodes left are ordered by cost ─► SCAN | BIND | LONG for each, then what is known:
 *            CHECK (edges between bound nodes), FILTER and EXISTS, WEIGHT (the trees)
 *
 *   (:Country)<-[:in]-(p:Person)-[:likes]->(:Post)<-[:reply]-(:Comment)    RETURN p.name, count(*)
 *       └─tree──────────┘ └──────tree────────────────────────────┘         one SCAN, two WEIGHTs
 *
 * A group's operators form a chain; OPTIONAL and EXISTS have chains of their own, which begin with
 * an ARGUMENT that hands them the outer rows.
 */
#include <string.h>

#include "match/match_int.h"

typedef struct building {
  pq_match *m;
  pq_match_part *part;
  pq_group *g;
  uint64_t begun, bound, edges, conjuncts; /* variables; edges and conjuncts left */
  pq_match_tree *trees[PQ_MATCH_VARS];
  pq_node_guess guesses[PQ_MATCH_VARS];
  pq_oper *last;
  double rows;
} building;

static uint64_t bit(uint32_t i) {
  return UINT64_C(1) << i;
}

static int build_group(pq_match *m, pq_match_part *part, pq_group *g, uint64_t *bound,
                       pq_oper *input, pq_oper **out);

int pq_oper_new(pq_match *m, pq_oper_kind kind, pq_match_part *part, pq_oper *input,
                pq_oper **out) {
  pq_oper *o = pq_arena_calloc(&m->arena, 1, sizeof *o);
  *out = o;
  if (o == NULL) return m->cx->code;
  o->kind = kind;
  o->part = part;
  o->input = input;
  o->out.stride = part->var_count;
  o->estimate = input != NULL ? input->estimate : 1;
  return PQ_OK;
}

/* Variables that must be bound for a term: of a path, those of its elements. */
static uint64_t needs_of(const pq_match_part *part, uint64_t vars) {
  uint64_t needs = 0;
  for (uint64_t left = vars; left != 0; left &= left - 1) {
    uint32_t var = pq_trailing_zeros(left);
    const pq_match_path *p = part->vars[var].path;
    if (p == NULL) {
      needs |= bit(var);
      continue;
    }
    for (uint32_t i = 0; i <= p->edge_count; i++)
      needs |= bit(p->nodes[i]) | (i < p->edge_count ? bit(p->edges[i]) : 0);
  }
  return needs;
}

/* ---- what is looked at ---- */

static int add_field(pq_match *m, pq_slice name) {
  for (uint32_t i = 0; i < m->field_count; i++)
    if (pq_slice_eq(m->fields[i], name)) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->arena, &m->fields, m->field_count, &m->field_cap, sizeof(pq_slice)));
  m->fields[m->field_count++] = name;
  return PQ_OK;
}

static int look(pq_match *m, pq_match_part *part, const pq_term *t);

static int look_group(pq_match *m, pq_match_part *part, const pq_group *g) {
  for (uint32_t i = 0; i < g->conjunct_count; i++) {
    part->used |= needs_of(part, pq_term_vars(g->conjuncts[i]));
    PQ_TRY(look(m, part, g->conjuncts[i]));
  }
  return PQ_OK;
}

/* Fields of documents that a term looks at, or whole documents. */
static int look(pq_match *m, pq_match_part *part, const pq_term *t) {
  const pq_term *kid = t->count > 0 ? t->kids[0] : NULL;
  bool is_node = kid != NULL && kid->kind == PQ_TERM_VAR && part->vars[kid->at].kind == PQ_VAR_NODE;
  if (t->kind == PQ_TERM_PATTERN) return look_group(m, part, t->group);
  if (t->kind == PQ_TERM_PROP && is_node)
    return pq_slice_is(t->name, "$id") ? PQ_OK : add_field(m, t->name);
  if (t->kind == PQ_TERM_CALL && is_node &&
      strcmp(pq_match_function_name(t->function), "labels") == 0)
    return add_field(m, PQ_SLICE("$type"));
  if (t->kind == PQ_TERM_CALL && kid != NULL && kid->kind == PQ_TERM_VAR &&
      part->vars[kid->at].kind == PQ_VAR_PATH) {
    m->wants_whole |= strcmp(pq_match_function_name(t->function), "nodes") == 0;
    return PQ_OK;
  }
  if (t->kind == PQ_TERM_VAR) {
    m->wants_whole |= part->vars[t->at].kind == PQ_VAR_NODE;
    return PQ_OK;
  }
  if (pq_term_documents(part, t) == 0) return PQ_OK;
  for (uint32_t i = 0; i < t->count; i++)
    PQ_TRY(look(m, part, t->kids[i]));
  return PQ_OK;
}

static int look_pattern(pq_match *m, pq_term *t, void *ud) {
  return look_group(m, ud, t->group);
}

/* Everything in a term, patterns of it that look at no document too. */
static int look_all(pq_match *m, pq_match_part *part, pq_term *t) {
  part->used |= needs_of(part, pq_term_vars(t));
  PQ_TRY(look(m, part, t));
  return pq_term_patterns(m, t, look_pattern, part);
}

static int look_part(pq_match *m, pq_match_part *part, const pq_match_part *before) {
  const pq_match_project *p = &part->project;
  uint64_t once = 0;
  for (uint32_t i = 0; i < part->group_count; i++) {
    pq_group *g = part->groups[i];
    part->used |= once & g->nodes;
    once |= g->nodes;
    for (uint32_t k = 0; k < g->edge_count; k++)
      part->vars[g->edges[k].var].edge = &g->edges[k];
    for (uint32_t k = 0; k < g->conjunct_count; k++)
      PQ_TRY(look_all(m, part, g->conjuncts[k]));
  }
  for (uint32_t i = 0; i < p->item_count; i++) {
    pq_term *t = p->items[i].term;
    bool is_bare = t->kind == PQ_TERM_VAR && part->vars[t->at].kind <= PQ_VAR_EDGE;
    part->used |= needs_of(part, pq_term_vars(t));
    if (!is_bare) PQ_TRY(look_all(m, part, t));
    if (is_bare && p->is_return) m->wants_whole |= part->vars[t->at].kind == PQ_VAR_NODE;
  }
  for (uint32_t i = 0; i < p->order_count; i++)
    PQ_TRY(look_all(m, part, p->orders[i].term));
  return before != NULL && before->project.where != NULL ? look_all(m, part, before->project.where)
                                                         : PQ_OK;
}

/* ---- edges ---- */

/* May two relationships of a pattern be the same edge, which they must not be? */
static bool are_rivals(const pq_pattern_edge *a, const pq_pattern_edge *b) {
  if (a == b || a->scope != b->scope) return false;
  if (a->name_count == 0 || b->name_count == 0) return true;
  for (uint32_t i = 0; i < a->name_count; i++)
    for (uint32_t k = 0; k < b->name_count; k++)
      if (pq_slice_eq(a->names[i], b->names[k])) return true;
  return false;
}

static bool has_rival(const building *b, const pq_pattern_edge *e, uint64_t among) {
  for (uint32_t i = 0; i < b->g->edge_count; i++)
    if ((among >> i & 1) != 0 && are_rivals(e, &b->g->edges[i])) return true;
  return false;
}

/* Those of the edges bound by now. */
static int find_rivals(building *b, const pq_pattern_edge *e, pq_bind_edge *out) {
  out->rivals = pq_arena_calloc(&b->m->arena, b->g->edge_count, sizeof *out->rivals);
  if (out->rivals == NULL) return b->m->cx->code;
  for (uint32_t i = 0; i < b->g->edge_count; i++) {
    pq_pattern_edge *other = &b->g->edges[i];
    if ((b->bound & bit(other->var)) == 0 || !are_rivals(e, other)) continue;
    out->rivals[out->rival_count++] = other;
  }
  return PQ_OK;
}

static int number_predicates(pq_match *m, pq_group *g) {
  for (uint32_t i = 0; i < g->edge_count; i++) {
    pq_pattern_edge *e = &g->edges[i];
    uint32_t *numbers = pq_arena_array(&m->arena, e->name_count, sizeof *numbers);
    if (numbers == NULL) return m->cx->code;
    for (uint32_t k = 0; k < e->name_count; k++)
      numbers[k] = m->graph == NULL ? PQ_NO_PREDICATE : pq_graph_predicate(m->graph, e->names[k]);
    e->predicates = (pq_predicates){numbers, e->name_count, e->name_count == 0};
    e->needs_list = (m->part->used & bit(e->var)) != 0;
    for (uint32_t k = 0; k < g->edge_count && e->is_long; k++)
      e->needs_list |= are_rivals(e, &g->edges[k]);
  }
  return PQ_OK;
}

static pq_direction reversed(pq_direction d) {
  return d == PQ_BOTH ? d : d == PQ_OUT ? PQ_IN : PQ_OUT;
}

static pq_direction direction_from(const pq_pattern_edge *e, uint32_t from) {
  return e->left == from ? e->direction : reversed(e->direction);
}

/* ---- leaves ---- */

/* The only edge of a node that nobody looks at, when it only multiplies. */
static uint32_t leaf_edge(const building *b, uint32_t var) {
  uint32_t found = PQ_NO_END, degree = 0;
  const pq_pattern_edge *e;
  if (((b->bound | b->part->used) & bit(var)) != 0) return PQ_NO_END;
  for (uint32_t i = 0; i < b->g->edge_count; i++) {
    e = &b->g->edges[i];
    if ((b->edges & bit(i)) == 0 || (e->left != var && e->right != var)) continue;
    degree += e->left == e->right ? 2 : 1;
    found = i;
  }
  if (degree != 1) return PQ_NO_END;
  e = &b->g->edges[found];
  if (e->is_long || (b->part->used & bit(e->var)) != 0 || has_rival(b, e, UINT64_MAX))
    return PQ_NO_END;
  return found;
}

static int strip_leaves(building *b, uint64_t *todo) {
  bool is_changed = true;
  while (is_changed) {
    is_changed = false;
    for (uint32_t var = 0; var < b->part->var_count; var++) {
      uint32_t i = (*todo & bit(var)) != 0 ? leaf_edge(b, var) : PQ_NO_END;
      pq_match_tree *t;
      const pq_pattern_edge *e;
      uint32_t above;
      if (i == PQ_NO_END) continue;
      t = pq_arena_calloc(&b->m->arena, 1, sizeof *t);
      if (t == NULL) return b->m->cx->code;
      e = &b->g->edges[i];
      above = e->left == var ? e->right : e->left;
      *t = (pq_match_tree){.edge = e,
                           .direction = direction_from(e, above),
                           .var = var,
                           .kids = b->trees[var],
                           .next = b->trees[above]};
      b->trees[above] = t;
      b->trees[var] = NULL;
      b->edges &= ~bit(i);
      *todo &= ~bit(var);
      is_changed = true;
    }
  }
  return PQ_OK;
}

/* ---- operators ---- */

static int add_oper(building *b, pq_oper_kind kind, pq_oper **out) {
  PQ_TRY(pq_oper_new(b->m, kind, b->part, b->last, out));
  (*out)->group = b->g;
  (*out)->estimate = b->rows;
  b->last = *out;
  return PQ_OK;
}

static int add_exists(pq_match *m, pq_term *t, void *ud) {
  building *b = ud;
  pq_oper *o;
  uint64_t bound = b->bound;
  if ((b->bound & bit(t->at)) != 0) return PQ_OK;
  PQ_TRY(add_oper(b, PQ_OPER_EXISTS, &o));
  o->var = t->at;
  PQ_TRY(pq_oper_new(m, PQ_OPER_ARGUMENT, b->part, NULL, &o->argument));
  PQ_TRY(build_group(m, b->part, t->group, &bound, o->argument, &o->sub));
  b->bound |= bit(t->at);
  return PQ_OK;
}

static bool has_pattern(const pq_term *t) {
  bool has = t->kind == PQ_TERM_PATTERN;
  for (uint32_t i = 0; i < t->count && !has; i++)
    has = has_pattern(t->kids[i]);
  return has;
}

/* One FILTER of the conjuncts that can be decided and are of this kind: 0 neither documents nor
 * patterns, 1 patterns, 2 documents. */
static int add_filter(building *b, int kind) {
  pq_term **terms = pq_arena_array(&b->m->arena, b->g->conjunct_count, sizeof *terms);
  uint32_t count = 0;
  pq_oper *o;
  if (terms == NULL) return b->m->cx->code;
  for (uint32_t i = 0; i < b->g->conjunct_count; i++) {
    pq_term *t = b->g->conjuncts[i];
    int its = pq_term_documents(b->part, t) != 0 ? 2 : has_pattern(t) ? 1 : 0;
    if ((b->conjuncts & bit(i)) == 0 || its != kind) continue;
    if ((needs_of(b->part, pq_term_vars(t)) & ~b->bound) != 0) continue;
    PQ_TRY(pq_term_patterns(b->m, t, add_exists, b));
    b->conjuncts &= ~bit(i);
    terms[count++] = t;
  }
  if (count == 0) return PQ_OK;
  PQ_TRY(add_oper(b, PQ_OPER_FILTER, &o));
  o->terms = terms;
  o->term_count = count;
  return PQ_OK;
}

static int add_filters(building *b) {
  for (int kind = 0; kind <= 2; kind++)
    PQ_TRY(add_filter(b, kind));
  return PQ_OK;
}

static int add_weight(building *b, uint32_t var) {
  pq_oper *o;
  if (b->trees[var] == NULL) return PQ_OK;
  PQ_TRY(add_oper(b, PQ_OPER_WEIGHT, &o));
  o->var = var;
  o->tree = b->trees[var];
  b->trees[var] = NULL;
  return PQ_OK;
}

static int set_bind(building *b, pq_oper *o, const pq_pattern_edge *e, uint32_t from) {
  pq_bind_edge *to = &o->binds[o->bind_count++];
  *to = (pq_bind_edge){
      .edge = e, .from = from, .direction = direction_from(e, from), .node = PQ_NULL_CELL};
  return find_rivals(b, e, to);
}

/* Edges whose ends are both bound. */
static int add_checks(building *b) {
  for (uint32_t i = 0; i < b->g->edge_count; i++) {
    pq_pattern_edge *e = &b->g->edges[i];
    uint64_t ends = bit(e->left) | bit(e->right);
    pq_oper *o;
    if ((b->edges & bit(i)) == 0 || (b->bound & ends) != ends) continue;
    b->edges &= ~bit(i);
    PQ_TRY(add_oper(b, e->is_long ? PQ_OPER_LONG : PQ_OPER_CHECK, &o));
    o->var = e->right;
    o->is_closed = true;
    o->binds = pq_arena_calloc(&b->m->arena, 1, sizeof *o->binds);
    if (o->binds == NULL) return b->m->cx->code;
    PQ_TRY(set_bind(b, o, e, e->left));
    o->is_counted = !e->is_long && (b->part->used & bit(e->var)) == 0 && !has_rival(b, e, b->edges);
    b->bound |= bit(e->var);
  }
  return PQ_OK;
}

static bool is_connected(const building *b, uint32_t var) {
  bool is = b->trees[var] != NULL;
  for (uint32_t i = 0; i < b->g->edge_count && !is; i++) {
    const pq_pattern_edge *e = &b->g->edges[i];
    is = (b->edges & bit(i)) != 0 && e->min > 0 && (e->left == var || e->right == var);
  }
  return is;
}

static int add_scan(building *b, uint32_t var) {
  bool is_linked = is_connected(b, var);
  pq_oper *o;
  PQ_TRY(add_oper(b, PQ_OPER_SCAN, &o));
  o->var = var;
  o->is_closed = is_linked; /* edges will tell whether it lives */
  o->ids = pq_match_ids_of(b->part, b->g, b->begun, var);
  if (o->ids != NULL) {
    o->how = PQ_BY_ID;
    return PQ_OK;
  }
  PQ_TRY(pq_match_filter_of(b->m, b->g, var, &o->filter));
  o->how = is_linked && pq_value_is_missing(o->filter) ? PQ_BY_GRAPH : PQ_BY_STORE;
  return PQ_OK;
}

/* The other end, when it is bound and the edge leads from it to `var`. */
static uint32_t bound_end(const building *b, uint32_t edge, uint32_t var) {
  const pq_pattern_edge *e = &b->g->edges[edge];
  uint32_t other = e->left == var ? e->right : e->left;
  if ((b->edges & bit(edge)) == 0 || (e->left != var && e->right != var) || other == var)
    return PQ_NO_END;
  return (b->bound & bit(other)) != 0 ? other : PQ_NO_END;
}

/* Does nobody look at the node, at its edges, and is nothing else to come for them? */
static bool is_counted(const building *b, const pq_oper *o) {
  if ((b->part->used & bit(o->var)) != 0 || b->trees[o->var] != NULL) return false;
  for (uint32_t i = 0; i < o->bind_count; i++) {
    const pq_pattern_edge *e = o->binds[i].edge;
    if ((b->part->used & bit(e->var)) != 0 || has_rival(b, e, b->edges)) return false;
  }
  for (uint32_t i = 0; i < b->g->edge_count; i++) {
    const pq_pattern_edge *e = &b->g->edges[i];
    if ((b->edges & bit(i)) != 0 && (e->left == o->var || e->right == o->var)) return false;
  }
  return true;
}

static int add_bind(building *b, uint32_t var, uint32_t count) {
  pq_oper *o;
  PQ_TRY(add_oper(b, PQ_OPER_BIND, &o));
  o->var = var;
  o->binds = pq_arena_calloc(&b->m->arena, count, sizeof *o->binds);
  if (o->binds == NULL) return b->m->cx->code;
  for (uint32_t i = 0; i < b->g->edge_count; i++) {
    uint32_t from = bound_end(b, i, var);
    pq_pattern_edge *e = &b->g->edges[i];
    if (from == PQ_NO_END || e->is_long) continue;
    PQ_TRY(set_bind(b, o, e, from));
    b->bound |= bit(e->var); /* those that follow may be its rivals */
    b->edges &= ~bit(i);
  }
  o->is_counted = is_counted(b, o);
  return PQ_OK;
}

static int add_long(building *b, uint32_t var, uint32_t edge) {
  pq_pattern_edge *e = &b->g->edges[edge];
  uint32_t from = bound_end(b, edge, var);
  pq_oper *o;
  PQ_TRY(add_oper(b, PQ_OPER_LONG, &o));
  o->var = var;
  o->binds = pq_arena_calloc(&b->m->arena, 1, sizeof *o->binds);
  if (o->binds == NULL) return b->m->cx->code;
  PQ_TRY(set_bind(b, o, e, from));
  b->bound |= bit(e->var);
  b->edges &= ~bit(edge);
  return PQ_OK;
}

static int add_node(building *b, uint32_t var, double rows) {
  uint32_t plain = 0, is_long = PQ_NO_END;
  for (uint32_t i = 0; i < b->g->edge_count; i++) {
    if (bound_end(b, i, var) == PQ_NO_END) continue;
    if (b->g->edges[i].is_long)
      is_long = i;
    else
      plain++;
  }
  b->rows = rows;
  if (plain > 0)
    PQ_TRY(add_bind(b, var, plain));
  else if (is_long != PQ_NO_END)
    PQ_TRY(add_long(b, var, is_long));
  else
    PQ_TRY(add_scan(b, var));
  b->bound |= bit(var);
  PQ_TRY(add_checks(b));
  PQ_TRY(add_filters(b));
  return add_weight(b, var);
}

/* Labels that nodes bound before must have, and that they are not null. */
static int add_tests(building *b) {
  for (uint32_t var = 0; var < b->part->var_count; var++) {
    bool is_tested = (b->g->nodes & bit(var)) != 0 && !is_connected(b, var);
    pq_oper *o;
    if ((b->bound & bit(var)) == 0) continue;
    for (uint32_t i = 0; i < b->g->test_count; i++)
      is_tested |= b->g->tests[i].var == var;
    if (!is_tested) continue;
    PQ_TRY(add_oper(b, PQ_OPER_TEST, &o));
    o->var = var;
  }
  return PQ_OK;
}

static int build_all(building *b) {
  uint64_t todo = b->g->nodes & ~b->bound, before = b->bound;
  uint32_t order[PQ_MATCH_VARS], count = 0;
  double rows[PQ_MATCH_VARS], base = b->rows;
  for (uint64_t left = todo; left != 0; left &= left - 1)
    count++;
  for (uint64_t left = todo; left != 0; left &= left - 1) {
    uint32_t var = pq_trailing_zeros(left);
    b->guesses[var].is_id = pq_match_ids_of(b->part, b->g, b->bound, var) != NULL;
    b->guesses[var].is_pushed = pq_match_is_pushed(b->g, var);
  }
  PQ_TRY(pq_match_sample(b->m, b->part, b->g, b->guesses));
  PQ_TRY(add_tests(b));
  PQ_TRY(strip_leaves(b, &todo));
  count = 0;
  for (uint64_t left = todo; left != 0; left &= left - 1)
    count++;
  PQ_TRY(pq_match_order_of(b->m, b->g, b->guesses, b->bound, todo, b->edges, order, rows));
  PQ_TRY(add_checks(b));
  PQ_TRY(add_filters(b));
  for (uint64_t left = before; left != 0; left &= left - 1)
    PQ_TRY(add_weight(b, pq_trailing_zeros(left)));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_node(b, order[i], base * rows[i]));
  pq_assert(b->edges == 0);
  return PQ_OK;
}

static int build_group(pq_match *m, pq_match_part *part, pq_group *g, uint64_t *bound,
                       pq_oper *input, pq_oper **out) {
  building *b = pq_arena_calloc(&m->arena, 1, sizeof *b);
  if (b == NULL) return m->cx->code;
  if (g->conjunct_count > 64)
    return pq_fail(m->cx, PQ_ELIMIT, "match: more than 64 conditions of a WHERE");
  m->part = part;
  *b = (building){
      .m = m, .part = part, .g = g, .bound = *bound, .last = input, .rows = input->estimate};
  b->begun = *bound;
  b->edges = g->edge_count == 64 ? UINT64_MAX : bit(g->edge_count) - 1;
  b->conjuncts = g->conjunct_count == 64 ? UINT64_MAX : bit(g->conjunct_count) - 1;
  PQ_TRY(number_predicates(m, g));
  PQ_TRY(build_all(b));
  pq_assert(b->conjuncts == 0);
  *bound = b->bound;
  *out = b->last;
  return PQ_OK;
}

static int build_optional(pq_match *m, pq_match_part *part, pq_group *g, uint64_t *bound,
                          pq_oper **last) {
  pq_oper *o;
  PQ_TRY(pq_oper_new(m, PQ_OPER_OPTIONAL, part, *last, &o));
  PQ_TRY(pq_oper_new(m, PQ_OPER_ARGUMENT, part, NULL, &o->argument));
  PQ_TRY(build_group(m, part, g, bound, o->argument, &o->sub));
  o->estimate = (*last)->estimate * (o->sub->estimate > 1 ? o->sub->estimate : 1);
  for (uint64_t left = g->nodes; left != 0; left &= left - 1)
    *bound |= left & (~left + 1); /* those that were taken off are null or not looked at */
  *last = o;
  return PQ_OK;
}

/* A WHERE behind WITH, and the patterns in columns. */
static int build_where(building *b, pq_term *where) {
  pq_oper *o;
  PQ_TRY(pq_term_patterns(b->m, where, add_exists, b));
  PQ_TRY(add_oper(b, PQ_OPER_FILTER, &o));
  o->terms = pq_arena_array(&b->m->arena, 1, sizeof *o->terms);
  if (o->terms == NULL) return b->m->cx->code;
  o->terms[0] = where;
  o->term_count = 1;
  return PQ_OK;
}

static int build_part(pq_match *m, pq_match_part *part, const pq_match_part *before,
                      pq_oper **last) {
  pq_match_project *p = &part->project;
  building *b = pq_arena_calloc(&m->arena, 1, sizeof *b);
  uint64_t bound = 0;
  pq_group *none = pq_arena_calloc(&m->arena, 1, sizeof *none);
  if (b == NULL || none == NULL) return m->cx->code;
  m->part = part;
  for (uint32_t i = 0; before != NULL && i < before->project.item_count; i++)
    bound |= bit(i);
  *b = (building){
      .m = m, .part = part, .g = none, .bound = bound, .last = *last, .rows = (*last)->estimate};
  if (before != NULL && before->project.where != NULL)
    PQ_TRY(build_where(b, before->project.where));
  *last = b->last;
  bound = b->bound;
  for (uint32_t i = 0; i < part->group_count; i++) {
    if (part->groups[i]->is_optional)
      PQ_TRY(build_optional(m, part, part->groups[i], &bound, last));
    else
      PQ_TRY(build_group(m, part, part->groups[i], &bound, *last, last));
  }
  m->part = part;
  *b = (building){
      .m = m, .part = part, .g = none, .bound = bound, .last = *last, .rows = (*last)->estimate};
  for (uint32_t i = 0; i < p->item_count; i++)
    PQ_TRY(pq_term_patterns(m, p->items[i].term, add_exists, b));
  for (uint32_t i = 0; i < p->order_count; i++)
    PQ_TRY(pq_term_patterns(m, p->orders[i].term, add_exists, b));
  PQ_TRY(pq_oper_new(m, PQ_OPER_PROJECT, part, b->last, last));
  return pq_projecting_new(m, *last);
}

/* The last part holds nothing but the columns that come out. */
int pq_match_look(pq_match *m) {
  for (uint32_t i = 0; i + 1 < m->part_count; i++)
    PQ_TRY(look_part(m, m->parts[i], i > 0 ? m->parts[i - 1] : NULL));
  return PQ_OK;
}

int pq_match_plan(pq_match *m) {
  pq_oper *last;
  PQ_TRY(pq_oper_new(m, PQ_OPER_ARGUMENT, m->parts[0], NULL, &last));
  last->is_fed = true;
  for (uint32_t i = 0; i + 1 < m->part_count; i++) {
    PQ_TRY(build_part(m, m->parts[i], i > 0 ? m->parts[i - 1] : NULL, &last));
    last->out.stride = m->parts[i + 1]->var_count;
  }
  m->last = last;
  m->is_planned = true;
  return PQ_OK;
}
