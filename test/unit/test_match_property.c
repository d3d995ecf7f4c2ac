/* Random patterns on random small graphs, held against loops over all nodes and edges.
 *
 * A query is made twice: as text, and as the clauses that the loops go over. Clauses are matched
 * one after the other, as they are written, so that no plan of ours is trusted.
 */
#include <stdarg.h>

#include "match_world.h"

enum { VARS = 5, EDGES = 5, CLAUSES = 3, TESTS = 4, ROWS_MAX = 30000, TEXT = 4000, NONE = -1 };

typedef struct step {
  int left, right, direction; /* 0 ->, 1 <-, 2 - */
  int predicates;             /* bits; 0: any */
  bool is_long;
  int min, max;
  int weight; /* {w: …} of each edge; NONE */
  int clause;
} step;

typedef enum test_kind {
  X_LESS,
  X_SAME,
  DIFFERENT,
  LINKED,
  NOT_LINKED,
  W_IS,
  X_NULL,
  ID_IS,
  EITHER,
  HAS_CHAIN,
  KINDS
} test_kind;

typedef struct test {
  test_kind kind;
  int a, b, k;
} test;

typedef struct clause {
  bool is_optional;
  int first_step, step_count; /* steps are a chain, or several */
  int lone;                   /* a node without edges; NONE */
  int labels[VARS];           /* bits of each variable's labels in this clause; 0: any */
  test tests[TESTS];
  int test_count;
} clause;

typedef struct query {
  clause clauses[CLAUSES];
  int clause_count;
  step steps[EDGES];
  int step_count, var_count;
  int shape; /* of RETURN */
  int shown[VARS], shown_count;
  int most, skip, limit; /* shapes 7 and 8 */
  bool is_descending;
  bool has_path; /* the first clause is p = … */
  char text[TEXT];
  size_t len;
} query;

typedef struct binding {
  int nodes[VARS];
  int edges[EDGES][4], counts[EDGES]; /* of each step; count NONE: not bound */
} binding;

static binding *rows, *next_rows;
static int row_count, next_count;
static bool is_too_many;

/* ---- making queries ---- */

static void say(query *q, const char *fmt, ...) PQ_PRINTF(2, 3);
static void say(query *q, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  q->len += (size_t)vsnprintf(q->text + q->len, TEXT - q->len, fmt, args);
  va_end(args);
}

static void say_node(query *q, clause *c, int var) {
  say(q, "(n%d", var);
  if (c->labels[var] == 0 && world_random(3) == 0) c->labels[var] = 1 + world_random(15);
  if (c->labels[var] != 0) {
    const char *sign = ":";
    for (int l = 0; l < WORLD_LABELS; l++)
      if ((c->labels[var] >> l & 1) != 0) {
        say(q, "%s%s", sign, world_labels[l]);
        sign = "|";
      }
  }
  say(q, ")");
}

static void say_step(query *q, const step *s, int i) {
  say(q, "%s-[r%d", s->direction == 1 ? "<" : "", i);
  for (int p = 0, n = 0; p < 3; p++)
    if ((s->predicates >> p & 1) != 0) say(q, "%s%s", n++ == 0 ? ":" : "|", world_predicates[p]);
  if (s->is_long) say(q, "*%d..%d", s->min, s->max);
  if (s->weight != NONE) say(q, " {w: %d}", s->weight);
  say(q, "]-%s", s->direction == 0 ? ">" : "");
}

static int pick_var(query *q) {
  if (q->var_count < VARS && world_random(2) == 0) return q->var_count++;
  return world_random(q->var_count);
}

static void make_step(query *q, int clause_at, int left) {
  step *s = &q->steps[q->step_count++];
  *s = (step){.left = left, .direction = world_random(3), .clause = clause_at};
  s->predicates = world_random(4) == 0 ? 0 : 1 + world_random(7);
  s->is_long = world_random(5) == 0;
  s->min = s->is_long ? world_random(3) : 1;
  s->max = s->is_long ? s->min + world_random(3 - s->min + 1) : 1;
  s->weight = world_random(6) == 0 ? world_random(3) : NONE;
  s->right = pick_var(q);
}

static void say_test(query *q, const test *t) {
  switch (t->kind) {
    case X_LESS: say(q, "n%d.x < %d", t->a, t->k); break;
    case X_SAME: say(q, "n%d.x = n%d.x", t->a, t->b); break;
    case DIFFERENT: say(q, "n%d <> n%d", t->a, t->b); break;
    case LINKED: say(q, "(n%d)-[:k|l]->(n%d)", t->a, t->b); break;
    case NOT_LINKED: say(q, "NOT (n%d)-[:m]-(n%d)", t->a, t->b); break;
    case W_IS: say(q, "r%d.w = %d", t->a, t->k); break;
    case X_NULL: say(q, "n%d.x IS NULL", t->a); break;
    case ID_IS: say(q, "id(n%d) IN ['P/%02d', 'Q/%02d', 'zz']", t->a, t->k, t->b); break;
    case EITHER: say(q, "(n%d.x > %d OR n%d.x = 1)", t->a, t->k, t->b); break;
    default: say(q, "EXISTS { (n%d)-[:k]->(z:P|T)-[:l|m]-(y) WHERE z.x < %d }", t->a, t->k); break;
  }
}

/* Variables of patterns so far. */
static void make_tests(query *q, clause *c) {
  int n = world_random(3);
  for (int i = 0; i < n; i++) {
    test t = {.kind = (test_kind)world_random(KINDS),
              .a = world_random(q->var_count),
              .b = world_random(q->var_count),
              .k = world_random(6)};
    if (t.kind == W_IS) {
      if (c->step_count == 0) continue;
      t.a = c->first_step + world_random(c->step_count);
      t.k = world_random(3);
      if (q->steps[t.a].is_long) continue;
    }
    if (t.kind == ID_IS) t.b = world_random(8);
    say(q, "%s", c->test_count == 0 ? " WHERE " : " AND ");
    say_test(q, &t);
    c->tests[c->test_count++] = t;
  }
}

static void make_clause(query *q) {
  int at = q->clause_count, steps = world_random(4);
  clause *c = &q->clauses[q->clause_count++];
  int var = q->var_count == 0 ? q->var_count++ : pick_var(q);
  *c = (clause){.first_step = q->step_count, .lone = NONE};
  c->is_optional = at > 0 && world_random(2) == 0;
  say(q, "%s", c->is_optional ? "OPTIONAL MATCH " : "MATCH ");
  if (at == 0 && world_random(3) == 0) {
    q->has_path = true;
    say(q, "p = ");
  }
  if (steps == 0) c->lone = var;
  say_node(q, c, var);
  for (int i = 0; i < steps && q->step_count < EDGES; i++) {
    if (i > 0 && !q->has_path && world_random(3) == 0) {
      say(q, ", ");
      var = pick_var(q);
      say_node(q, c, var);
    }
    make_step(q, at, var);
    say_step(q, &q->steps[q->step_count - 1], q->step_count - 1);
    var = q->steps[q->step_count - 1].right;
    say_node(q, c, var);
    c->step_count++;
  }
  if (c->step_count == 0) c->lone = var;
  make_tests(q, c);
  say(q, " ");
}

/* By a field that may be missing, then by ids. */
static void make_order(query *q) {
  say(q, "n%d.x AS x", q->shown[0]);
  for (int i = 0; i < q->shown_count; i++)
    say(q, ", id(n%d) AS c%d", q->shown[i], i);
  say(q, " ORDER BY ");
  if (world_random(2) == 0)
    say(q, "x");
  else
    say(q, "n%d.x", q->shown[0]);
  say(q, "%s", q->is_descending ? " DESC" : "");
  for (int i = 0; i < q->shown_count; i++)
    say(q, ", c%d", i);
  say(q, " SKIP %d LIMIT %d", q->skip, q->limit);
}

static void make_return(query *q) {
  q->shape = world_random(9);
  if (q->shape == 6 && !q->has_path) q->shape = 0;
  for (int v = 0; v < q->var_count; v++)
    if (world_random(2) == 0) q->shown[q->shown_count++] = v;
  if (q->shown_count == 0) q->shown[q->shown_count++] = 0;
  q->is_descending = world_random(2) == 0;
  q->skip = world_random(4);
  q->limit = 1 + world_random(12);
  q->most = world_random(4);
  if (q->shape == 8) say(q, "WITH n%d AS q, count(*) AS c WHERE c > %d ", q->shown[0], q->most);
  say(q, "RETURN ");
  if (q->shape == 8) say(q, "id(q) AS i, c");
  if (q->shape == 7) make_order(q);
  if (q->shape == 0) say(q, "count(*) AS n");
  if (q->shape == 2) say(q, "DISTINCT ");
  if (q->shape >= 1 && q->shape <= 3)
    for (int i = 0; i < q->shown_count; i++)
      say(q, "%sid(n%d) AS c%d", i > 0 ? ", " : "", q->shown[i], i);
  if (q->shape == 3) say(q, ", count(*) AS n");
  if (q->shape == 4)
    say(q,
        "count(n%d) AS a, count(DISTINCT n%d) AS b, min(n%d.x) AS c, sum(n%d.x) AS d, "
        "max(n%d.x) AS e, size(collect(n%d.x)) AS f",
        q->shown[0], q->shown[0], q->shown[0], q->shown[0], q->shown[0], q->shown[0]);
  if (q->shape == 5) say(q, "n%d.x AS x, count(DISTINCT n%d.x) AS n", q->shown[0], 0);
  if (q->shape == 6) say(q, "length(p) AS l, id(n%d) AS c0", q->shown[0]);
}

static void make_query(query *q) {
  int clauses = 1 + world_random(CLAUSES);
  *q = (query){0};
  for (int i = 0; i < clauses; i++)
    make_clause(q);
  make_return(q);
}

/* ---- the loops ---- */

static const world *in;

static bool has_labels(int node, int labels) {
  bool has = labels == 0;
  for (int l = 0; l < WORLD_LABELS && !has; l++)
    has = (labels >> l & 1) != 0 && world_has(in, node, l);
  return has;
}

/* Does edge e lead from `from` to anywhere, in the direction? The other end. */
static int leads(int e, int from, int direction, int predicates) {
  const world_edge *x = &in->edges[e];
  if (predicates != 0 && (predicates >> x->predicate & 1) == 0) return NONE;
  if (direction != 1 && x->from == from) return x->to;
  return direction != 0 && x->to == from ? x->from : NONE;
}

static bool is_linked(int a, int b, int direction, int predicates) {
  for (int e = 0; e < in->edge_count; e++) {
    const world_edge *x = &in->edges[e];
    if ((predicates >> x->predicate & 1) == 0) continue;
    if (x->from == a && x->to == b) return true;
    if (direction == 2 && x->from == b && x->to == a) return true;
  }
  return false;
}

/* EXISTS { (a)-[:k]->(z:P|T)-[:l|m]-(y) WHERE z.x < k } */
static bool has_chain(int a, int k) {
  for (int e = 0; e < in->edge_count; e++) {
    int z = leads(e, a, 0, 1);
    if (z == NONE || !has_labels(z, 9) || in->nodes[z].x < 0 || in->nodes[z].x >= k) continue;
    for (int f = 0; f < in->edge_count; f++)
      if (leads(f, z, 2, 6) != NONE) return true;
  }
  return false;
}

static int x_of(const binding *b, int var) {
  return b->nodes[var] == NONE ? -1 : in->nodes[b->nodes[var]].x;
}

/* Null counts as false: none of these is negated. */
static bool holds(const binding *b, const test *t) {
  int a = b->nodes[t->kind == W_IS ? 0 : t->a];
  int o = t->kind == ID_IS ? 0 : b->nodes[t->kind == W_IS ? 0 : t->b];
  switch (t->kind) {
    case X_LESS: return x_of(b, t->a) >= 0 && x_of(b, t->a) < t->k;
    case X_SAME: return x_of(b, t->a) >= 0 && x_of(b, t->a) == x_of(b, t->b);
    case DIFFERENT: return a != NONE && o != NONE && a != o;
    case LINKED: return a != NONE && o != NONE && is_linked(a, o, 0, 3);
    case NOT_LINKED: return a == NONE || o == NONE || !is_linked(a, o, 2, 4);
    case W_IS: return b->counts[t->a] == 1 && in->edges[b->edges[t->a][0]].w == t->k;
    case X_NULL: return x_of(b, t->a) < 0;
    case ID_IS:
      return a != NONE &&
             ((in->nodes[a].label == 0 && a == t->k) || (in->nodes[a].label == 1 && a == t->b));
    case EITHER: return x_of(b, t->a) > t->k || x_of(b, t->b) == 1;
    default: return a != NONE && has_chain(a, t->k);
  }
}

static void put_row(const binding *b) {
  if (next_count == ROWS_MAX) {
    is_too_many = true;
    return;
  }
  next_rows[next_count++] = *b;
}

static bool is_used(const query *q, const clause *c, const binding *b, int edge) {
  for (int s = c->first_step; s < c->first_step + c->step_count; s++)
    for (int i = 0; i < b->counts[s] && q->step_count > 0; i++)
      if (b->edges[s][i] == edge) return true;
  return false;
}

static void match_step(const query *q, const clause *c, binding *b, int at);

static void end_clause(const query *q, const clause *c, binding *b) {
  (void)q;
  for (int i = 0; i < c->test_count; i++)
    if (!holds(b, &c->tests[i])) return;
  put_row(b);
}

/* The step's path so far ends at `node`. */
static void go_on(const query *q, const clause *c, binding *b, int at, int node) {
  const step *s = &q->steps[at];
  int n = b->counts[at];
  if (is_too_many) return;
  if (n >= s->min) {
    int was = b->nodes[s->right];
    if ((was == NONE || was == node) && has_labels(node, c->labels[s->right])) {
      b->nodes[s->right] = node;
      match_step(q, c, b, at + 1);
      b->nodes[s->right] = was;
    }
  }
  if (n == s->max) return;
  for (int e = 0; e < in->edge_count; e++) {
    int far = leads(e, node, s->direction, s->predicates);
    if (far == NONE || is_used(q, c, b, e)) continue;
    if (s->weight != NONE && in->edges[e].w != s->weight) continue;
    b->edges[at][b->counts[at]++] = e;
    go_on(q, c, b, at, far);
    b->counts[at]--;
  }
}

static void match_step(const query *q, const clause *c, binding *b, int at) {
  const step *s = &q->steps[at];
  int was;
  if (at == c->first_step + c->step_count) {
    end_clause(q, c, b);
    return;
  }
  was = b->nodes[s->left];
  for (int node = 0; node < in->node_count; node++) {
    if ((was != NONE && was != node) || !has_labels(node, c->labels[s->left])) continue;
    b->nodes[s->left] = node;
    b->counts[at] = 0;
    go_on(q, c, b, at, node);
    b->counts[at] = NONE;
  }
  b->nodes[s->left] = was;
}

/* A node that an outer OPTIONAL MATCH left null matches nothing. */
static bool has_null(const query *q, const clause *c, const binding *b, const bool *is_bound) {
  bool has = c->lone != NONE && is_bound[c->lone] && b->nodes[c->lone] == NONE;
  for (int s = c->first_step; s < c->first_step + c->step_count; s++) {
    has |= is_bound[q->steps[s].left] && b->nodes[q->steps[s].left] == NONE;
    has |= is_bound[q->steps[s].right] && b->nodes[q->steps[s].right] == NONE;
  }
  return has;
}

static void match_clause(const query *q, const clause *c, const bool *is_bound) {
  next_count = 0;
  for (int r = 0; r < row_count && !is_too_many; r++) {
    binding b = rows[r];
    int before = next_count;
    if (!has_null(q, c, &b, is_bound)) {
      if (c->step_count > 0) match_step(q, c, &b, c->first_step);
      for (int node = 0; node < in->node_count && c->step_count == 0; node++) {
        b = rows[r];
        if (b.nodes[c->lone] != NONE && b.nodes[c->lone] != node) continue;
        if (!has_labels(node, c->labels[c->lone])) continue;
        b.nodes[c->lone] = node;
        end_clause(q, c, &b);
      }
    }
    if (c->is_optional && next_count == before) put_row(&rows[r]);
  }
}

static void match_naive(const query *q) {
  bool is_bound[VARS] = {false};
  row_count = 1;
  is_too_many = false;
  for (int i = 0; i < VARS; i++)
    rows[0].nodes[i] = NONE;
  for (int i = 0; i < EDGES; i++)
    rows[0].counts[i] = NONE;
  for (int i = 0; i < q->clause_count && !is_too_many; i++) {
    const clause *c = &q->clauses[i];
    binding *other = rows;
    match_clause(q, c, is_bound);
    rows = next_rows;
    next_rows = other;
    row_count = next_count;
    if (c->lone != NONE) is_bound[c->lone] = true;
    for (int s = c->first_step; s < c->first_step + c->step_count; s++)
      is_bound[q->steps[s].left] = is_bound[q->steps[s].right] = true;
  }
}

/* ---- what comes out ---- */

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *copy(const char *text) {
  char *p = calloc(1, strlen(text) + 1);
  memcpy(p, text, strlen(text));
  return p;
}

static size_t show_ids(const query *q, const binding *b, char *out, size_t cap) {
  size_t n = 0;
  for (int i = 0; i < q->shown_count; i++) {
    int node = b->nodes[q->shown[i]];
    const char *quote = node == NONE ? "" : "\"";
    n += (size_t)snprintf(out + n, cap - n, "%s\"c%d\":%s%s%s", i > 0 ? "," : "", i, quote,
                          node == NONE ? "null" : in->nodes[node].id, quote);
  }
  return n;
}

static void show_number(char *out, size_t cap, int x) {
  (void)snprintf(out, cap, x < 0 ? "null" : "%d", x);
}

/* Sorted texts; equal neighbours are one, with their number when `counts`. */
static int unite(char **texts, int count, bool counts) {
  int n = 0;
  for (int i = 0; i < count;) {
    int k = i;
    char text[400];
    while (k < count && strcmp(texts[k], texts[i]) == 0)
      k++;
    if (counts)
      (void)snprintf(text, sizeof text, "%.*s,\"n\":%d}", (int)strlen(texts[i]) - 1, texts[i],
                     k - i);
    else
      (void)snprintf(text, sizeof text, "%s", texts[i]);
    for (int j = i + 1; j < k; j++)
      free(texts[j]);
    free(texts[i]);
    texts[n++] = copy(text);
    i = k;
  }
  return n;
}

static char *show_totals(const query *q) {
  bool seen[WORLD_NODES] = {false};
  int a = 0, b = 0, c = -1, d = 0, e = -1, f = 0, v = q->shown[0];
  char text[200], min[20], max[20];
  for (int r = 0; r < row_count; r++) {
    int node = rows[r].nodes[v], x = x_of(&rows[r], v);
    if (node == NONE) continue;
    a++;
    b += !seen[node];
    seen[node] = true;
    if (x < 0) continue;
    c = c < 0 || x < c ? x : c;
    e = x > e ? x : e;
    f++;
    d += x;
  }
  show_number(min, sizeof min, c);
  show_number(max, sizeof max, e);
  (void)snprintf(text, sizeof text, "{\"a\":%d,\"b\":%d,\"c\":%s,\"d\":%d,\"e\":%s,\"f\":%d}", a, b,
                 min, d, max, f);
  return copy(text);
}

static int show_groups(const query *q, char **out) {
  int n = 0;
  for (int x = -1; x < 5; x++) {
    bool seen[6] = {false}, has = false;
    int different = 0;
    char text[200], number[20];
    for (int r = 0; r < row_count; r++) {
      int other = x_of(&rows[r], 0);
      if (x_of(&rows[r], q->shown[0]) != x) continue;
      has = true;
      if (other >= 0 && !seen[other]) different++;
      if (other >= 0) seen[other] = true;
    }
    show_number(number, sizeof number, x);
    (void)snprintf(text, sizeof text, "{\"x\":%s,\"n\":%d}", number, different);
    if (has) out[n++] = copy(text);
  }
  return n;
}

static char *show_row(const query *q, const binding *b) {
  char text[400] = "{";
  size_t n = 1;
  if (q->shape == 6) {
    int length = 0;
    query one = *q;
    for (int s = 0; s < q->clauses[0].step_count; s++)
      length += b->counts[s];
    n += (size_t)snprintf(text + n, sizeof text - n, "\"l\":%d,", length);
    one.shown_count = 1;
    n += show_ids(&one, b, text + n, sizeof text - n);
  } else {
    n += show_ids(q, b, text + n, sizeof text - n);
  }
  (void)snprintf(text + n, sizeof text - n, "}");
  return copy(text);
}

/* The place of a row in the order: null is the largest, of ids too. */
static const query *ordered;
static int by_order(const void *a, const void *b) {
  const binding *x = a, *y = b;
  int i = x_of(x, ordered->shown[0]), k = x_of(y, ordered->shown[0]);
  if (i < 0) i = 100;
  if (k < 0) k = 100;
  if (i != k) return (i < k ? -1 : 1) * (ordered->is_descending ? -1 : 1);
  for (int s = 0; s < ordered->shown_count; s++) {
    int m = x->nodes[ordered->shown[s]], n = y->nodes[ordered->shown[s]];
    int c = m == NONE || n == NONE ? (m == NONE) - (n == NONE)
                                   : strcmp(in->nodes[m].id, in->nodes[n].id);
    if (c != 0) return c;
  }
  return 0;
}

static int show_page(const query *q, char **out) {
  int n = 0;
  ordered = q;
  qsort(rows, (size_t)row_count, sizeof *rows, by_order);
  for (int r = q->skip; r < row_count && n < q->limit; r++) {
    char text[400], number[20];
    size_t len;
    show_number(number, sizeof number, x_of(&rows[r], q->shown[0]));
    len = (size_t)snprintf(text, sizeof text, "{\"x\":%s,", number);
    len += show_ids(q, &rows[r], text + len, sizeof text - len);
    (void)snprintf(text + len, sizeof text - len, "}");
    out[n++] = copy(text);
  }
  return n;
}

/* How often each node is there, if often enough. */
static int show_counts(const query *q, char **out) {
  int n = 0;
  for (int node = NONE; node < in->node_count; node++) {
    char text[200];
    int count = 0;
    for (int r = 0; r < row_count; r++)
      count += rows[r].nodes[q->shown[0]] == node;
    if (count == 0 || count <= q->most) continue;
    if (node == NONE)
      (void)snprintf(text, sizeof text, "{\"i\":null,\"c\":%d}", count);
    else
      (void)snprintf(text, sizeof text, "{\"i\":\"%s\",\"c\":%d}", in->nodes[node].id, count);
    out[n++] = copy(text);
  }
  return n;
}

static int show_all(const query *q, char **out) {
  char text[60];
  if (q->shape == 7) return show_page(q, out);
  if (q->shape == 8) return show_counts(q, out);
  if (q->shape == 0) {
    (void)snprintf(text, sizeof text, "{\"n\":%d}", row_count);
    out[0] = copy(text);
    return 1;
  }
  if (q->shape == 4) {
    out[0] = show_totals(q);
    return 1;
  }
  if (q->shape == 5) return show_groups(q, out);
  for (int r = 0; r < row_count; r++)
    out[r] = show_row(q, &rows[r]);
  qsort(out, (size_t)row_count, sizeof *out, by_text);
  return q->shape == 2 || q->shape == 3 ? unite(out, row_count, q->shape == 3) : row_count;
}

static bool is_failed;

static void compare(const world *w, const pq_graph *g, pq_cx *cx, const query *q) {
  static char *wanted[ROWS_MAX];
  static const int64_t work[] = {1, 7, 200, 4000000, 4000000, 4000000};
  world_run run;
  int count, rc;
  bool is_same;
  in = w;
  match_naive(q);
  if (is_too_many) return;
  count = show_all(q, wanted);
  if (q->shape != 7) qsort(wanted, (size_t)count, sizeof *wanted, by_text);
  rc = world_query(&run, cx, w, g, q->text, (pq_value){0}, work[world_random(6)]);
  if (rc == PQ_OK && run.row_count > 0 && q->shape != 7)
    qsort(run.rows, (size_t)run.row_count, sizeof *run.rows, by_text);
  is_same = rc == PQ_OK && run.row_count == count;
  for (int i = 0; i < count && is_same; i++)
    is_same = strcmp(run.rows[i], wanted[i]) == 0;
  CHECK(is_same);
  if (!is_same) {
    is_failed = true;
    fprintf(stderr, "%s\n  rc %d %s, %d rows, wanted %d\n", q->text, rc, rc < 0 ? cx->msg : "",
            run.row_count, count);
    for (int i = 0; i < 3; i++)
      fprintf(stderr, "  got %s, wanted %s\n", i < run.row_count ? run.rows[i] : "-",
              i < count ? wanted[i] : "-");
  }
  for (int i = 0; i < count; i++)
    free(wanted[i]);
  world_end(&run);
}

static void test_property(uint64_t seed, int worlds) {
  rows = calloc(ROWS_MAX, sizeof *rows);
  next_rows = calloc(ROWS_MAX, sizeof *next_rows);
  for (int i = 0; i < worlds && !is_failed; i++) {
    static world w;
    static query q;
    pq_graph *g;
    pq_cx cx;
    world_seed = seed + (uint64_t)i * 7919;
    world_make(&w, 3 + world_random(10), world_random(40));
    unit_cx_init(&cx);
    CHECK(world_graph(&cx, &w, &g) == PQ_OK);
    for (int k = 0; k < 12 && !is_failed; k++) {
      make_query(&q);
      compare(&w, g, &cx, &q);
    }
    pq_graph_close(g);
    CHECK(unit_live_len == 0);
  }
  free(rows);
  free(next_rows);
}

int main(int argc, char **argv) {
  test_property(argc > 1 ? strtoull(argv[1], NULL, 10) : 1, argc > 2 ? atoi(argv[2]) : 120);
  return unit_end();
}
