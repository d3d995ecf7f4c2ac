/* test/naive/naive_pattern.c - match: an edge of the pattern after the other, all edges tried, both
 * ways where either way goes; none twice. Then conditions, then order and limit.
 */
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

enum { ROWS_MAX = 100000, WORK_MAX = 20000000 };

typedef struct matching {
  const naive_graph *g;
  const naive_pattern *p;
  int64_t nodes[NAIVE_VARIABLES]; /* NAIVE_NONE: not bound */
  uint32_t used[NAIVE_VARIABLES]; /* edges of the graph */
  uint64_t rows, work;
  naive_text *out;
} matching;

static bool fits(const matching *m, uint32_t variable, uint32_t node) {
  uint32_t label = m->p->labels[variable];
  if (m->nodes[variable] != NAIVE_NONE && m->nodes[variable] != node) return false;
  return label == 0 || naive_is_of(m->g->collections[label - 1], m->g->nodes[node].id);
}

/* The number at "a": in the text of an entity, whose own fields are no objects but numbers'. */
static bool number_of(const char *text, double *out) {
  const char *at = strstr(text, "\"a\":");
  if (at == NULL) return false;
  at += 4;
  while (*at != '\0' && strchr("-0123456789", *at) == NULL && *at != ',')
    at++;
  *out = strtod(at, NULL);
  return *at != '\0' && *at != ',';
}

static bool holds(const matching *m) {
  const naive_pattern *p = m->p;
  double x;
  if (p->less > 0 && (!number_of(m->g->nodes[m->nodes[p->less - 1]].text, &x) || x >= p->less_than))
    return false;
  for (uint32_t i = 0; i < m->g->edge_count && p->alone > 0; i++)
    if (m->g->edges[i].from == m->nodes[p->alone - 1] && m->g->edges[i].predicate == p->no_edge)
      return false;
  return true;
}

static void put_row(matching *m) {
  if (!holds(m)) return;
  m->rows++;
  if (m->p->is_count || m->rows > ROWS_MAX) return;
  for (uint32_t i = 0; i < m->p->node_count; i++)
    naive_put(m->out, "%s\"v%u\":\"%s\"", i > 0 ? "," : "{", i, m->g->nodes[m->nodes[i]].id);
  naive_put(m->out, "}\n");
}

static void bind(matching *m, uint32_t done);

static void try_ends(matching *m, uint32_t done, uint32_t from, uint32_t to) {
  const naive_pattern_edge *e = &m->p->edges[done];
  int64_t old_from = m->nodes[e->from], old_to = m->nodes[e->to];
  if (!fits(m, e->from, from)) return;
  m->nodes[e->from] = from;
  if (fits(m, e->to, to)) {
    m->nodes[e->to] = to;
    bind(m, done + 1);
  }
  m->nodes[e->to] = old_to;
  m->nodes[e->from] = old_from;
}

static void bind(matching *m, uint32_t done) {
  const naive_pattern_edge *e = &m->p->edges[done];
  if (done == m->p->edge_count) {
    put_row(m);
    return;
  }
  for (uint32_t i = 0; i < m->g->edge_count && m->work < WORK_MAX; i++) {
    const naive_edge *x = &m->g->edges[i];
    bool is_used = false;
    m->work++;
    for (uint32_t j = 0; j < done; j++)
      is_used |= m->used[j] == i;
    if (is_used || (e->predicates != 0 && (e->predicates >> x->predicate & 1) == 0)) continue;
    m->used[done] = i;
    if ((e->direction & NAIVE_FORWARD) != 0) try_ends(m, done, x->from, x->to);
    if ((e->direction & NAIVE_REVERSE) != 0 && (e->direction == NAIVE_REVERSE || x->from != x->to))
      try_ends(m, done, x->to, x->from);
  }
}

/* Lines that are there twice, once. */
static void make_distinct(naive_text *t) {
  naive_text out = {0};
  const char *line, *last = NULL;
  size_t last_len = 0;
  naive_text_sort(t);
  naive_put(&out, "%s", "");
  for (line = t->p; line != NULL && *line != '\0';) {
    size_t n = (size_t)(strchr(line, '\n') - line) + 1;
    if (last == NULL || n != last_len || memcmp(line, last, n) != 0)
      naive_put(&out, "%.*s", (int)n, line);
    last = line;
    last_len = n;
    line += n;
  }
  naive_text_release(t);
  *t = out;
}

/* All in order, `skip` of them left out, then `limit`. */
static void cut(naive_text *t, uint32_t skip, uint32_t limit) {
  naive_text out = {0};
  const char *line = t->p;
  naive_put(&out, "%s", "");
  if (line != NULL) naive_text_sort(t);
  line = t->p;
  for (uint32_t i = 0; line != NULL && *line != '\0' && i < skip + limit; i++) {
    size_t n = (size_t)(strchr(line, '\n') - line) + 1;
    if (i >= skip) naive_put(&out, "%.*s", (int)n, line);
    line += n;
  }
  naive_text_release(t);
  *t = out;
}

void naive_match(const naive_graph *g, const naive_query *q, naive_answer *out) {
  matching m = {.g = g, .p = &q->pattern, .out = &out->items};
  for (int i = 0; i < NAIVE_VARIABLES; i++)
    m.nodes[i] = NAIVE_NONE;
  bind(&m, 0);
  out->is_unordered = true;
  out->is_any = m.work >= WORK_MAX || (m.rows > ROWS_MAX && !q->pattern.is_count);
  if (q->pattern.is_count)
    naive_put(&out->items, "{\"n\":%llu}\n", (unsigned long long)m.rows);
  else if (q->pattern.is_distinct)
    make_distinct(&out->items);
  if (q->pattern.limit > 0) {
    cut(&out->items, q->pattern.skip, q->pattern.limit);
    out->is_unordered = false;
  }
}
