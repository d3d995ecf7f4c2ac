/* match/read_query.c - clauses: what a query is made of; and the names in it.
 *
 *   MATCH p, p WHERE t   OPTIONAL MATCH …   WITH items WHERE t   …   RETURN items ORDER BY … LIMIT
 * n └──────────────── part ────────────────────────────────────┘
 *
 * Reading ends with everything resolved: variables are places in rows, parameters constants.
 * MATCHes that follow one another are one group, as one order is sought for all of them.
 */
#include <string.h>

#include "base/text.h"
#include "match/match_int.h"

/* ---- tokens ---- */

int pq_match_grow(pq_arena *arena, void *items, uint32_t count, uint32_t *cap, size_t size) {
  void **list = items;
  uint32_t more = *cap < 8 ? 8 : *cap * 2;
  void *room;
  if (count < *cap) return PQ_OK;
  if (more <= *cap) return pq_fail(arena->cx, PQ_ELIMIT, "match: a list is too long");
  room = pq_arena_array(arena, more, size);
  if (room == NULL) return arena->cx->code;
  if (count > 0) memcpy(room, *list, count * size);
  *list = room;
  *cap = more;
  return PQ_OK;
}

static bool equals(pq_slice text, const char *word) {
  size_t n = strlen(word);
  if (text.n != n) return false;
  for (size_t i = 0; i < n; i++) {
    uint8_t c = text.p[i];
    if (c >= 'A' && c <= 'Z') c = (uint8_t)(c + 32);
    if (c != (uint8_t)word[i]) return false;
  }
  return true;
}

static const pq_token *token_at(const pq_match *m, uint32_t ahead) {
  uint32_t i = m->token + ahead;
  return &m->tokens[i < m->token_count ? i : m->token_count - 1];
}

bool pq_match_is_at(const pq_match *m, uint32_t ahead, const char *sign) {
  const pq_token *t = token_at(m, ahead);
  return t->kind == PQ_TOKEN_SIGN && pq_slice_is(t->text, sign);
}

bool pq_match_is(const pq_match *m, const char *sign) {
  return pq_match_is_at(m, 0, sign);
}

bool pq_match_is_word_at(const pq_match *m, uint32_t ahead, const char *word) {
  const pq_token *t = token_at(m, ahead);
  return t->kind == PQ_TOKEN_WORD && equals(t->text, word);
}

bool pq_match_is_word(const pq_match *m, const char *word) {
  return pq_match_is_word_at(m, 0, word);
}

bool pq_match_take(pq_match *m, const char *sign) {
  bool is = pq_match_is(m, sign);
  if (is) m->token++;
  return is;
}

bool pq_match_take_word(pq_match *m, const char *word) {
  bool is = pq_match_is_word(m, word);
  if (is) m->token++;
  return is;
}

int pq_match_expect(pq_match *m, const char *sign, const char *where) {
  const char *what;
  if (pq_match_take(m, sign)) return PQ_OK;
  what = pq_arena_printf(&m->arena, "'%s' %s", sign, where);
  return what != NULL ? pq_match_expected(m, what) : m->cx->code;
}

int pq_match_name(pq_match *m, const char *what, pq_slice *out) {
  const pq_token *t = pq_match_now(m);
  *out = (pq_slice){0};
  if (t->kind != PQ_TOKEN_WORD && t->kind != PQ_TOKEN_QUOTED) return pq_match_expected(m, what);
  if (t->text.n == 0) return pq_match_fail(m, t->off, "a name has at least one character");
  *out = t->text;
  m->token++;
  return PQ_OK;
}

int pq_match_enter(pq_match *m) {
  if (++m->depth <= m->cx->limits.depth_max) return PQ_OK;
  return pq_fail(m->cx, PQ_ELIMIT, "match: terms nest deeper than %u", m->cx->limits.depth_max);
}

/* ---- names ---- */

uint32_t pq_match_find_var(const pq_match *m, pq_slice name) {
  const pq_match_part *p = m->part;
  for (uint32_t i = 0; i < p->var_count; i++)
    if (!p->vars[i].is_hidden && p->vars[i].name.n > 0 && pq_slice_eq(p->vars[i].name, name))
      return i;
  return PQ_NO_END;
}

int pq_match_new_var(pq_match *m, pq_slice name, pq_var_kind kind, uint32_t *out) {
  pq_match_part *p = m->part;
  *out = p->var_count;
  if (p->var_count == PQ_MATCH_VARS)
    return pq_fail(m->cx, PQ_ELIMIT,
                   "match: more than %d nodes, relationships and values between two WITHs",
                   PQ_MATCH_VARS);
  p->vars[p->var_count++] = (pq_match_var){.name = name, .kind = kind};
  return PQ_OK;
}

int pq_match_label_of(pq_match *m, pq_slice name, uint32_t *out) {
  for (*out = 0; *out < m->label_count; ++*out)
    if (pq_slice_eq(m->labels[*out].name, name)) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->arena, &m->labels, m->label_count, &m->label_cap, sizeof *m->labels));
  m->labels[m->label_count++] = (pq_match_label){.name = name};
  return PQ_OK;
}

int pq_match_test_of(pq_match *m, uint32_t var, const pq_slice *names, uint32_t count,
                     pq_label_test *out) {
  uint32_t *labels = pq_arena_array(&m->arena, count, sizeof *labels);
  if (labels == NULL) return m->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_match_label_of(m, names[i], &labels[i]));
  *out = (pq_label_test){.var = var, .labels = labels, .count = count};
  return PQ_OK;
}

int pq_match_conjunct(pq_match *m, pq_group *g, pq_term *t) {
  if (t->kind == PQ_TERM_AND) {
    for (uint32_t i = 0; i < t->count; i++)
      PQ_TRY(pq_match_conjunct(m, g, t->kids[i]));
    return PQ_OK;
  }
  if (t->kind == PQ_TERM_LABELS) {
    PQ_TRY(pq_match_grow(&m->arena, &g->tests, g->test_count, &g->test_cap, sizeof *g->tests));
    return pq_match_test_of(m, t->kids[0]->at, t->names, t->name_count, &g->tests[g->test_count++]);
  }
  PQ_TRY(pq_match_grow(&m->arena, &g->conjuncts, g->conjunct_count, &g->conjunct_cap,
                       sizeof(pq_term *)));
  g->conjuncts[g->conjunct_count++] = t;
  return PQ_OK;
}

/* ---- clauses ---- */

static int new_part(pq_match *m) {
  pq_match_part *p = pq_arena_calloc(&m->arena, 1, sizeof *p);
  if (p == NULL) return m->cx->code;
  p->vars = pq_arena_calloc(&m->arena, PQ_MATCH_VARS, sizeof *p->vars);
  if (p->vars == NULL) return m->cx->code;
  p->project.limit = UINT64_MAX;
  PQ_TRY(pq_match_grow(&m->arena, &m->parts, m->part_count, &m->part_cap, sizeof(pq_match_part *)));
  m->parts[m->part_count++] = p;
  m->part = p;
  return PQ_OK;
}

static int open_group(pq_match *m, bool is_optional) {
  pq_match_part *p = m->part;
  pq_group *g = p->group_count > 0 ? p->groups[p->group_count - 1] : NULL;
  m->scope++;
  if (g != NULL && !g->is_optional && !is_optional) {
    m->group = g;
    return PQ_OK;
  }
  g = pq_arena_calloc(&m->arena, 1, sizeof *g);
  if (g == NULL) return m->cx->code;
  g->is_optional = is_optional;
  PQ_TRY(pq_match_grow(&m->arena, &p->groups, p->group_count, &p->group_cap, sizeof(pq_group *)));
  p->groups[p->group_count++] = g;
  m->group = g;
  return PQ_OK;
}

static int read_match(pq_match *m, bool is_optional) {
  pq_term *where;
  PQ_TRY(open_group(m, is_optional));
  PQ_TRY(pq_match_read_patterns(m, true));
  if (!pq_match_take_word(m, "where")) return PQ_OK;
  PQ_TRY(pq_match_read_term(m, &where));
  return pq_match_conjunct(m, m->group, where);
}

/* A whole number, or a parameter that is one. */
static int read_count(pq_match *m, const char *what, uint64_t *out) {
  const pq_token *t = pq_match_now(m);
  pq_term *term;
  int64_t n;
  PQ_TRY(pq_match_read_term(m, &term));
  if (term->kind != PQ_TERM_CONST || !pq_value_i64(term->value, &n) || n < 0)
    return pq_match_fail(m, t->off, "%s takes a whole number of at least 0, or a parameter", what);
  *out = (uint64_t)n;
  return PQ_OK;
}

static int add_item(pq_match *m, pq_term *t, pq_slice name, uint32_t off) {
  pq_match_project *p = &m->part->project;
  for (uint32_t i = 0; i < p->item_count; i++)
    if (pq_slice_eq(p->items[i].name, name))
      return pq_match_fail(m, off, "two columns have the name '%.*s': AS names one otherwise",
                           (int)pq_utf8_prefix(name, 40), (const char *)name.p);
  if (p->item_count == PQ_MATCH_VARS)
    return pq_fail(m->cx, PQ_ELIMIT, "match: more than %d columns", PQ_MATCH_VARS);
  PQ_TRY(pq_match_grow(&m->arena, &p->items, p->item_count, &p->item_cap, sizeof *p->items));
  p->items[p->item_count++] =
      (pq_match_item){.term = t, .name = name, .has_aggregate = pq_term_has_aggregate(t)};
  return PQ_OK;
}

/* RETURN *: all that has a name. */
static int add_all(pq_match *m, uint32_t off) {
  const pq_match_part *p = m->part;
  for (uint32_t i = 0; i < p->var_count; i++) {
    pq_term *t;
    if (p->vars[i].is_hidden || p->vars[i].name.n == 0) continue;
    t = pq_match_term(m, PQ_TERM_VAR, off, 0);
    if (t == NULL) return m->cx->code;
    t->at = i;
    PQ_TRY(add_item(m, t, p->vars[i].name, off));
  }
  if (p->project.item_count == 0) return pq_match_fail(m, off, "'*' needs at least one variable");
  return PQ_OK;
}

static int read_item(pq_match *m, bool is_return) {
  uint32_t off = pq_match_now(m)->off, end;
  pq_slice name;
  pq_term *t;
  PQ_TRY(pq_match_read_term(m, &t));
  end = m->tokens[m->token].off;
  while (end > off && (m->text.p[end - 1] == ' ' || m->text.p[end - 1] == '\n' ||
                       m->text.p[end - 1] == '\t' || m->text.p[end - 1] == '\r'))
    end--;
  name = (pq_slice){m->text.p + off, end - off};
  if (t->kind == PQ_TERM_VAR) name = m->part->vars[t->at].name;
  if (pq_match_take_word(m, "as"))
    PQ_TRY(pq_match_name(m, "a name behind AS", &name));
  else if (!is_return && t->kind != PQ_TERM_VAR)
    return pq_match_fail(m, off, "in WITH what is no variable needs a name: AS …");
  return add_item(m, t, name, off);
}

/* In ORDER BY a column's name means the column, whatever it was before. */
static pq_term *of_column(pq_match_project *p, const pq_token *t) {
  for (uint32_t i = 0; i < p->item_count; i++)
    if (pq_slice_eq(p->items[i].name, t->text)) return p->items[i].term;
  return NULL;
}

static bool ends_sort_key(const pq_match *m) {
  const pq_token *t = &m->tokens[m->token + 1];
  return t->kind == PQ_TOKEN_END || pq_match_is_at(m, 1, ",") || t->kind == PQ_TOKEN_WORD;
}

static int read_order(pq_match *m) {
  pq_match_project *p = &m->part->project;
  do {
    const pq_token *t = pq_match_now(m);
    bool is_name = t->kind == PQ_TOKEN_WORD || t->kind == PQ_TOKEN_QUOTED;
    pq_term *term = is_name && ends_sort_key(m) ? of_column(p, t) : NULL;
    if (term != NULL)
      m->token++;
    else
      PQ_TRY(pq_match_read_term(m, &term));
    PQ_TRY(pq_match_grow(&m->arena, &p->orders, p->order_count, &p->order_cap, sizeof *p->orders));
    p->orders[p->order_count] = (pq_match_order){.term = term};
    if (pq_match_take_word(m, "desc") || pq_match_take_word(m, "descending"))
      p->orders[p->order_count].is_descending = true;
    else if (pq_match_take_word(m, "asc") || pq_match_take_word(m, "ascending"))
      p->orders[p->order_count].is_descending = false;
    p->order_count++;
  } while (pq_match_take(m, ","));
  return PQ_OK;
}

/* Does a term only look at what the columns are, or at aggregates? */
static bool is_covered(const pq_match_project *p, const pq_term *t) {
  if (t->kind == PQ_TERM_AGGREGATE || t->kind == PQ_TERM_CONST) return true;
  for (uint32_t i = 0; i < p->item_count; i++)
    if (!p->items[i].has_aggregate && pq_term_is_same(p->items[i].term, t)) return true;
  if (t->kind == PQ_TERM_VAR || t->kind == PQ_TERM_PATTERN) return false;
  for (uint32_t i = 0; i < t->count; i++)
    if (!is_covered(p, t->kids[i])) return false;
  return true;
}

/* An aggregate that only ORDER BY has would make groups of what are none. */
static int check_orders(pq_match *m) {
  const pq_match_project *p = &m->part->project;
  for (uint32_t i = 0; i < p->item_count; i++)
    if (p->items[i].has_aggregate) return PQ_OK;
  for (uint32_t i = 0; i < p->order_count; i++)
    if (pq_term_has_aggregate(p->orders[i].term))
      return pq_match_fail(m, p->orders[i].term->off,
                           "ORDER BY takes an aggregate only beside one among the columns");
  return PQ_OK;
}

/* With aggregates or DISTINCT the rows of before are gone: what is looked at must be a column. */
static int check_columns(pq_match *m) {
  const pq_match_project *p = &m->part->project;
  PQ_TRY(check_orders(m));
  for (uint32_t i = 0; i < p->item_count; i++)
    if (p->items[i].has_aggregate && !is_covered(p, p->items[i].term))
      return pq_match_fail(m, p->items[i].term->off,
                           "beside an aggregate only what is a column of its own can stand");
  if (p->aggregate_count == 0 && !p->is_distinct) return PQ_OK;
  for (uint32_t i = 0; i < p->order_count; i++) {
    bool is_item = false;
    for (uint32_t k = 0; k < p->item_count; k++)
      is_item |= pq_term_is_same(p->items[k].term, p->orders[i].term);
    if (!is_item && !is_covered(p, p->orders[i].term))
      return pq_match_fail(m, p->orders[i].term->off,
                           "with DISTINCT or aggregates ORDER BY can only look at columns");
  }
  return PQ_OK;
}

static int read_projection(pq_match *m, bool is_return) {
  pq_match_project *p = &m->part->project;
  uint32_t off;
  bool has_more;
  p->is_return = is_return;
  p->is_distinct = pq_match_take_word(m, "distinct");
  m->aggregates = p;
  off = pq_match_now(m)->off;
  has_more = true;
  if (pq_match_take(m, "*")) {
    PQ_TRY(add_all(m, off));
    has_more = pq_match_take(m, ",");
  }
  for (; has_more; has_more = pq_match_take(m, ","))
    PQ_TRY(read_item(m, is_return));
  if (pq_match_take_word(m, "order")) {
    if (!pq_match_take_word(m, "by")) return pq_match_expected(m, "BY");
    PQ_TRY(read_order(m));
  }
  m->aggregates = NULL;
  if (pq_match_take_word(m, "skip") || pq_match_take_word(m, "offset"))
    PQ_TRY(read_count(m, "SKIP", &p->skip));
  if (pq_match_take_word(m, "limit")) PQ_TRY(read_count(m, "LIMIT", &p->limit));
  return check_columns(m);
}

static pq_var_kind kind_of(const pq_match_part *p, const pq_term *t) {
  pq_var_kind kind = t->kind == PQ_TERM_VAR ? p->vars[t->at].kind : PQ_VAR_VALUE;
  return kind == PQ_VAR_NODE || kind == PQ_VAR_EDGE ? kind : PQ_VAR_VALUE;
}

/* The part behind a projection begins with its columns. */
static int next_part(pq_match *m) {
  const pq_match_part *before = m->part;
  const pq_match_project *p = &before->project;
  PQ_TRY(new_part(m));
  for (uint32_t i = 0; i < p->item_count; i++) {
    uint32_t var;
    PQ_TRY(pq_match_new_var(m, p->items[i].name, kind_of(before, p->items[i].term), &var));
  }
  return PQ_OK;
}

static int read_with(pq_match *m) {
  pq_match_part *before = m->part;
  PQ_TRY(read_projection(m, false));
  PQ_TRY(next_part(m));
  if (pq_match_take_word(m, "where")) PQ_TRY(pq_match_read_term(m, &before->project.where));
  return PQ_OK;
}

int pq_match_read(pq_match *m) {
  bool has_match = false;
  PQ_TRY(new_part(m));
  for (;;) {
    if (pq_match_take_word(m, "match")) {
      PQ_TRY(read_match(m, false));
      has_match = true;
    } else if (pq_match_is_word(m, "optional") && pq_match_is_word_at(m, 1, "match")) {
      m->token += 2;
      PQ_TRY(read_match(m, true));
      has_match = true;
    } else if (has_match && pq_match_take_word(m, "with")) {
      PQ_TRY(read_with(m));
    } else if (has_match && pq_match_take_word(m, "return")) {
      break;
    } else if (!has_match && (pq_match_is_word(m, "return") || pq_match_is_word(m, "with"))) {
      return pq_match_unsupported(m, pq_match_now(m)->off,
                                  "a query without MATCH is not supported: nothing is read");
    } else {
      return pq_match_expected(
          m, has_match ? "MATCH, OPTIONAL MATCH, WITH or RETURN" : "MATCH or OPTIONAL MATCH");
    }
  }
  PQ_TRY(read_projection(m, true));
  (void)pq_match_take(m, ";");
  if (pq_match_now(m)->kind == PQ_TOKEN_END) return next_part(m);
  return pq_match_expected(m, "',', ORDER BY, SKIP, LIMIT or the end");
}
