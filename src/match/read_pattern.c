/* match/read_pattern.c - patterns: (a:Person {name: "x"})-[r:knows*1..3]->(b), p = …
 *
 * Nodes and relationships become variables, named or not; what stands in braces becomes filters.
 */
#include "match/match_int.h"

/* { name: term, … }: names and terms. */
static int read_props(pq_match *m, pq_slice **names, pq_term ***terms, uint32_t *count) {
  uint32_t cap = 0, cap2 = 0;
  *count = 0;
  *names = NULL;
  *terms = NULL;
  PQ_TRY(pq_match_expect(m, "{", "before fields"));
  if (pq_match_take(m, "}")) return PQ_OK;
  do {
    PQ_TRY(pq_match_grow(&m->arena, names, *count, &cap, sizeof(pq_slice)));
    PQ_TRY(pq_match_grow(&m->arena, terms, *count, &cap2, sizeof(pq_term *)));
    PQ_TRY(pq_match_name(m, "the name of a field", &(*names)[*count]));
    PQ_TRY(pq_match_expect(m, ":", "behind the name of a field"));
    PQ_TRY(pq_match_read_term(m, &(*terms)[*count]));
    ++*count;
  } while (pq_match_take(m, ","));
  return pq_match_expect(m, "}", "behind fields");
}

/* var.name = term */
static int add_prop(pq_match *m, uint32_t var, pq_slice name, pq_term *value) {
  pq_term *v = pq_match_term(m, PQ_TERM_VAR, value->off, 0);
  pq_term *prop = pq_match_term(m, PQ_TERM_PROP, value->off, 1);
  pq_term *is = pq_match_term(m, PQ_TERM_EQ, value->off, 2);
  if (v == NULL || prop == NULL || is == NULL) return m->cx->code;
  v->at = var;
  prop->kids[0] = v;
  prop->name = name;
  is->kids[0] = prop;
  is->kids[1] = value;
  return pq_match_conjunct(m, m->group, is);
}

/* A|B or A|:B */
static int read_names(pq_match *m, const char *what, pq_slice **names, uint32_t *count) {
  uint32_t cap = 0;
  *names = NULL;
  *count = 0;
  do {
    (void)pq_match_take(m, ":");
    PQ_TRY(pq_match_grow(&m->arena, names, *count, &cap, sizeof(pq_slice)));
    PQ_TRY(pq_match_name(m, what, &(*names)[*count]));
    ++*count;
  } while (pq_match_take(m, "|"));
  return PQ_OK;
}

static int read_labels(pq_match *m, uint32_t var) {
  pq_group *g = m->group;
  while (pq_match_is(m, ":")) {
    pq_slice *names;
    uint32_t count;
    PQ_TRY(read_names(m, "a label", &names, &count));
    PQ_TRY(pq_match_grow(&m->arena, &g->tests, g->test_count, &g->test_cap, sizeof *g->tests));
    PQ_TRY(pq_match_test_of(m, var, names, count, &g->tests[g->test_count]));
    g->test_count++;
  }
  return PQ_OK;
}

/* The variable that a pattern names: new, or one of a node. */
static int node_var(pq_match *m, pq_slice name, uint32_t off, uint32_t *out) {
  *out = name.n > 0 ? pq_match_find_var(m, name) : PQ_NO_END;
  if (*out == PQ_NO_END) return pq_match_new_var(m, name, PQ_VAR_NODE, out);
  if (m->part->vars[*out].kind == PQ_VAR_NODE) return PQ_OK;
  return pq_match_fail(m, off, "'%.*s' is no node", (int)(name.n > 40 ? 40 : name.n),
                       (const char *)name.p);
}

static bool is_name(const pq_match *m) {
  pq_token_kind kind = pq_match_now(m)->kind;
  return kind == PQ_TOKEN_WORD || kind == PQ_TOKEN_QUOTED;
}

static int read_node(pq_match *m, uint32_t *var) {
  uint32_t off = pq_match_now(m)->off, count;
  pq_slice name = {0}, *names;
  pq_term **terms;
  PQ_TRY(pq_match_expect(m, "(", "of a node"));
  if (is_name(m) && !pq_match_is_word(m, "where")) PQ_TRY(pq_match_name(m, "a variable", &name));
  PQ_TRY(node_var(m, name, off, var));
  m->group->nodes |= UINT64_C(1) << *var;
  PQ_TRY(read_labels(m, *var));
  if (pq_match_is(m, "{")) {
    PQ_TRY(read_props(m, &names, &terms, &count));
    for (uint32_t i = 0; i < count; i++)
      PQ_TRY(add_prop(m, *var, names[i], terms[i]));
  }
  if (pq_match_is_word(m, "where"))
    return pq_match_unsupported(
        m, pq_match_now(m)->off,
        "WHERE within a node is not supported: it stands behind the patterns");
  return pq_match_expect(m, ")", "of a node");
}

static int read_bound(pq_match *m, uint32_t *out) {
  const pq_token *t = pq_match_now(m);
  uint64_t n = 0;
  for (size_t i = 0; i < t->text.n; i++) {
    if (t->text.p[i] < '0' || t->text.p[i] > '9' || n > 1000000)
      return pq_match_expected(m, "a number of steps up to 1000000");
    n = n * 10 + (uint64_t)(t->text.p[i] - '0');
  }
  if (n > 1000000) return pq_match_expected(m, "a number of steps up to 1000000");
  *out = (uint32_t)n;
  m->token++;
  return PQ_OK;
}

/* *, *2, *1..3, *..3, *2.. */
static int read_length(pq_match *m, pq_pattern_edge *e) {
  uint32_t off = pq_match_now(m)->off;
  e->min = 1;
  e->max = 1;
  if (!pq_match_take(m, "*")) return PQ_OK;
  e->is_long = true;
  e->max = UINT32_MAX;
  if (pq_match_now(m)->kind == PQ_TOKEN_NUMBER) {
    PQ_TRY(read_bound(m, &e->min));
    if (!pq_match_is(m, "..")) e->max = e->min;
  }
  if (pq_match_take(m, "..") && pq_match_now(m)->kind == PQ_TOKEN_NUMBER)
    PQ_TRY(read_bound(m, &e->max));
  if (e->max < e->min) return pq_match_fail(m, off, "the most steps are fewer than the least");
  return PQ_OK;
}

static int read_edge_props(pq_match *m, pq_pattern_edge *e) {
  pq_slice *names;
  pq_term **terms;
  uint32_t count;
  PQ_TRY(read_props(m, &names, &terms, &count));
  if (e->is_long) {
    e->props = names;
    e->prop_values = terms;
    e->prop_count = count;
    for (uint32_t i = 0; i < count; i++)
      if (terms[i]->kind != PQ_TERM_CONST)
        return pq_match_unsupported(m, terms[i]->off,
                                    "fields of a relationship of variable length are compared with "
                                    "constants and parameters only");
    return PQ_OK;
  }
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_prop(m, e->var, names[i], terms[i]));
  return PQ_OK;
}

/* [r:a|b*1..2 {…}] */
static int read_details(pq_match *m, pq_pattern_edge *e) {
  uint32_t off = pq_match_now(m)->off;
  pq_slice name = {0};
  if (is_name(m)) PQ_TRY(pq_match_name(m, "a variable", &name));
  if (name.n > 0 && pq_match_find_var(m, name) != PQ_NO_END)
    return pq_match_unsupported(m, off,
                                "'%.*s' is there already: the same relationship twice is not "
                                "supported",
                                (int)(name.n > 40 ? 40 : name.n), (const char *)name.p);
  if (pq_match_is(m, ":")) PQ_TRY(read_names(m, "a predicate", &e->names, &e->name_count));
  PQ_TRY(read_length(m, e));
  PQ_TRY(pq_match_new_var(m, name, e->is_long ? PQ_VAR_EDGES : PQ_VAR_EDGE, &e->var));
  if (pq_match_is(m, "{")) PQ_TRY(read_edge_props(m, e));
  if (pq_match_is_word(m, "where"))
    return pq_match_unsupported(
        m, pq_match_now(m)->off,
        "WHERE within a relationship is not supported: it stands behind the "
        "patterns");
  return pq_match_expect(m, "]", "of a relationship");
}

/* -[…]-> <-[…]- -[…]- --> <-- -- */
static int read_edge(pq_match *m, uint32_t left, uint32_t *at) {
  pq_group *g = m->group;
  bool is_in = pq_match_take(m, "<"), is_out;
  pq_pattern_edge e = {.left = left, .min = 1, .max = 1, .scope = m->scope};
  PQ_TRY(pq_match_expect(m, "-", "of a relationship"));
  if (pq_match_take(m, "["))
    PQ_TRY(read_details(m, &e));
  else
    PQ_TRY(pq_match_new_var(m, (pq_slice){0}, PQ_VAR_EDGE, &e.var));
  PQ_TRY(pq_match_expect(m, "-", "of a relationship"));
  is_out = pq_match_take(m, ">");
  e.direction = is_in == is_out ? PQ_BOTH : is_out ? PQ_OUT : PQ_IN;
  PQ_TRY(pq_match_grow(&m->arena, &g->edges, g->edge_count, &g->edge_cap, sizeof *g->edges));
  *at = g->edge_count;
  g->edges[g->edge_count++] = e;
  return PQ_OK;
}

static int add_to_path(pq_match *m, pq_match_path *p, uint32_t edge, uint32_t node) {
  uint32_t cap = p->edge_count,
           cap2 = p->edge_count + 1; /* one more each time: patterns are short */
  uint32_t *edges = pq_arena_array(&m->arena, cap + 1, sizeof *edges);
  uint32_t *nodes = pq_arena_array(&m->arena, cap2 + 1, sizeof *nodes);
  if (edges == NULL || nodes == NULL) return m->cx->code;
  for (uint32_t i = 0; i < p->edge_count; i++)
    edges[i] = p->edges[i];
  for (uint32_t i = 0; i <= p->edge_count; i++)
    nodes[i] = p->nodes[i];
  edges[cap] = edge;
  nodes[cap2] = node;
  p->edges = edges;
  p->nodes = nodes;
  p->edge_count++;
  return PQ_OK;
}

static int read_pattern(pq_match *m, pq_match_path *path) {
  uint32_t node, edge;
  PQ_TRY(read_node(m, &node));
  if (path != NULL) {
    path->nodes = pq_arena_array(&m->arena, 1, sizeof *path->nodes);
    if (path->nodes == NULL) return m->cx->code;
    path->nodes[0] = node;
  }
  while (pq_match_is(m, "-") || (pq_match_is(m, "<") && pq_match_is_at(m, 1, "-"))) {
    PQ_TRY(read_edge(m, node, &edge));
    PQ_TRY(read_node(m, &node));
    m->group->edges[edge].right = node;
    if (path != NULL) PQ_TRY(add_to_path(m, path, m->group->edges[edge].var, node));
  }
  return PQ_OK;
}

static int read_path(pq_match *m) {
  uint32_t off = pq_match_now(m)->off, var;
  pq_match_path *path;
  pq_slice name;
  PQ_TRY(pq_match_name(m, "a variable", &name));
  PQ_TRY(pq_match_expect(m, "=", "behind the variable of a path"));
  if (pq_match_find_var(m, name) != PQ_NO_END)
    return pq_match_fail(m, off, "'%.*s' is there already: a path needs a name of its own",
                         (int)(name.n > 40 ? 40 : name.n), (const char *)name.p);
  if (is_name(m) && pq_match_is_at(m, 1, "("))
    return pq_match_unsupported(
        m, pq_match_now(m)->off,
        "shortestPath and its like are not supported: see the command 'path'");
  path = pq_arena_calloc(&m->arena, 1, sizeof *path);
  if (path == NULL) return m->cx->code;
  PQ_TRY(read_pattern(m, path));
  PQ_TRY(pq_match_new_var(m, name, PQ_VAR_PATH, &var));
  m->part->vars[var].path = path;
  return PQ_OK;
}

int pq_match_read_patterns(pq_match *m, bool has_paths) {
  do {
    if (has_paths && is_name(m)) {
      PQ_TRY(read_path(m));
    } else {
      if (!pq_match_is(m, "(")) return pq_match_expected(m, "a node '('");
      PQ_TRY(read_pattern(m, NULL));
    }
  } while (pq_match_take(m, ","));
  return PQ_OK;
}

/* Is there a pattern at '(': a node with a relationship behind it? (a) - (b) is a difference. */
bool pq_match_is_pattern(const pq_match *m) {
  uint32_t i = 1, depth = 0;
  const pq_token *t;
  if (!pq_match_is(m, "(")) return false;
  for (; m->token + i < m->token_count; i++) {
    if (depth == 0 && pq_match_is_at(m, i, ")")) break;
    t = &m->tokens[m->token + i];
    if (pq_match_is_at(m, i, "{")) depth++;
    if (pq_match_is_at(m, i, "}") && depth > 0) depth--;
    if (depth == 0 && t->kind == PQ_TOKEN_SIGN && !pq_match_is_at(m, i, ":") &&
        !pq_match_is_at(m, i, "|") && !pq_match_is_at(m, i, "}"))
      return false;
    if (t->kind == PQ_TOKEN_END) return false;
  }
  i++;
  if (pq_match_is_at(m, i, "<") && pq_match_is_at(m, i + 1, "-"))
    return pq_match_is_at(m, i + 2, "[") || pq_match_is_at(m, i + 2, "-");
  return pq_match_is_at(m, i, "-") &&
         (pq_match_is_at(m, i + 1, "[") || pq_match_is_at(m, i + 1, "-"));
}

static uint64_t vars_between(uint32_t from, uint32_t to) {
  uint64_t vars = 0;
  for (uint32_t i = from; i < to; i++)
    vars |= UINT64_C(1) << i;
  return vars;
}

int pq_match_read_exists(pq_match *m, bool is_braced, pq_term **out) {
  pq_group *outer = m->group, *g = pq_arena_calloc(&m->arena, 1, sizeof *g);
  pq_match_project *aggregates = m->aggregates;
  uint32_t scope = m->scope, vars = m->part->var_count, at;
  pq_term *t = pq_match_term(m, PQ_TERM_PATTERN, pq_match_now(m)->off, 0), *where;
  if (g == NULL || t == NULL) return m->cx->code;
  PQ_TRY(pq_match_enter(m));
  m->group = g;
  m->scope = scope + 1;
  m->aggregates = NULL;
  if (is_braced) (void)pq_match_take_word(m, "match");
  if (is_braced)
    PQ_TRY(pq_match_read_patterns(m, false));
  else
    PQ_TRY(read_pattern(m, NULL));
  if (is_braced && pq_match_take_word(m, "where")) {
    PQ_TRY(pq_match_read_term(m, &where));
    PQ_TRY(pq_match_conjunct(m, g, where));
  }
  for (uint32_t i = vars; i < m->part->var_count; i++)
    m->part->vars[i].is_hidden = true;
  g->locals = vars_between(vars, m->part->var_count);
  PQ_TRY(pq_match_new_var(m, (pq_slice){0}, PQ_VAR_BOOL, &at));
  m->part->vars[at].is_hidden = true;
  m->group = outer;
  m->aggregates = aggregates;
  m->depth--;
  t->group = g;
  t->at = at;
  *out = t;
  return PQ_OK;
}
