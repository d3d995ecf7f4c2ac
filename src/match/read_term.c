/* match/read_term.c - terms: OR, XOR, AND, NOT, comparisons, + -, * / %, ^, signs, what follows.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "match/match_int.h"

enum { TERMS_MAX = 2000 }; /* chains like 1 + 1 + … nest to the left: this is how deep at most */

pq_term *pq_match_term(pq_match *m, pq_term_kind kind, uint32_t off, uint32_t count) {
  pq_term *t = pq_arena_calloc(&m->arena, 1, sizeof *t);
  if (t == NULL) return NULL;
  t->kids = pq_arena_calloc(&m->arena, count, sizeof *t->kids);
  if (t->kids == NULL) return NULL;
  t->kind = kind;
  t->off = off;
  t->count = count;
  return t;
}

static int make(pq_match *m, pq_term_kind kind, uint32_t off, pq_term *a, pq_term *b,
                pq_term **out) {
  pq_term *t = pq_match_term(m, kind, off, b != NULL ? 2 : 1);
  if (t == NULL) return m->cx->code;
  if (++m->term_count > TERMS_MAX)
    return pq_fail(m->cx, PQ_ELIMIT, "match: more than %d terms", TERMS_MAX);
  t->kids[0] = a;
  if (b != NULL) t->kids[1] = b;
  *out = t;
  return PQ_OK;
}

/* One more kid of an n-ary term. */
static int add_kid(pq_match *m, pq_term *t, uint32_t *cap, pq_term *kid) {
  if (++m->term_count > TERMS_MAX)
    return pq_fail(m->cx, PQ_ELIMIT, "match: more than %d terms", TERMS_MAX);
  PQ_TRY(pq_match_grow(&m->arena, &t->kids, t->count, cap, sizeof(pq_term *)));
  t->kids[t->count++] = kid;
  return PQ_OK;
}

/* ---- constants ---- */

static int constant(pq_match *m, uint32_t off, pq_term **out, pq_eval *e) {
  *e = m->eval;
  e->arena = &m->arena;
  *out = pq_match_term(m, PQ_TERM_CONST, off, 0);
  return *out != NULL ? PQ_OK : m->cx->code;
}

static int make_whole(pq_eval *e, int64_t v, pq_value *out) {
  return v >= INT32_MIN && v <= INT32_MAX ? pq_make_i32(e, (int32_t)v, out)
                                          : pq_make_i64(e, v, out);
}

static int read_number(pq_match *m, pq_term **out) {
  const pq_token *t = pq_match_now(m);
  pq_eval e;
  bool is_whole = true;
  int64_t n = 0;
  double d;
  char text[64];
  size_t len = 0;
  PQ_TRY(constant(m, t->off, out, &e));
  for (size_t i = 0; i < t->text.n; i++) {
    uint8_t c = t->text.p[i];
    is_whole =
        is_whole && c >= '0' && c <= '9' && pq_mul_i64(n, 10, &n) && pq_add_i64(n, c - '0', &n);
  }
  m->token++;
  if (is_whole) return make_whole(&e, n, &(*out)->value);
  if (t->text.n + 2 > sizeof text) return pq_match_fail(m, t->off, "a number of so many digits");
  if (t->text.p[0] == '.') text[len++] = '0';
  memcpy(text + len, t->text.p, t->text.n);
  len += t->text.n;
  if (!pq_double_parse((pq_slice){(const uint8_t *)text, len}, &d))
    return pq_match_fail(m, t->off, "no number that a double can be");
  return pq_make_double(&e, d, &(*out)->value);
}

static int read_parameter(pq_match *m, pq_term **out) {
  uint32_t off = pq_match_now(m)->off;
  pq_eval e;
  pq_slice name;
  pq_value v;
  m->token++;
  if (pq_match_now(m)->kind == PQ_TOKEN_NUMBER) {
    name = pq_match_now(m)->text;
    m->token++;
  } else {
    PQ_TRY(pq_match_name(m, "the name of a parameter", &name));
  }
  v = pq_object_get(m->params, name);
  if (pq_value_is_missing(v))
    return pq_match_fail(m, off, "parameter $%.*s is not among 'params'",
                         (int)pq_utf8_prefix(name, 40), (const char *)name.p);
  PQ_TRY(constant(m, off, out, &e));
  (*out)->value = pq_match_is_null(v) ? (pq_value){0} : v;
  return PQ_OK;
}

/* ---- what a term begins with ---- */

static int read_list(pq_match *m, pq_term **out) {
  uint32_t cap = 0;
  *out = pq_match_term(m, PQ_TERM_LIST, pq_match_now(m)->off, 0);
  if (*out == NULL) return m->cx->code;
  m->token++;
  if (pq_match_take(m, "]")) return PQ_OK;
  if (pq_match_now(m)->kind == PQ_TOKEN_WORD && pq_match_is_word_at(m, 1, "in") &&
      pq_match_find_var(m, pq_match_now(m)->text) == PQ_NO_END)
    return pq_match_unsupported(m, (*out)->off, "list comprehensions are not supported");
  do {
    pq_term *kid;
    PQ_TRY(pq_match_read_term(m, &kid));
    PQ_TRY(add_kid(m, *out, &cap, kid));
  } while (pq_match_take(m, ","));
  if (pq_match_is(m, "|") || pq_match_is_word(m, "where"))
    return pq_match_unsupported(m, pq_match_now(m)->off, "list comprehensions are not supported");
  return pq_match_expect(m, "]", "of a list");
}

static int read_map(pq_match *m, pq_term **out) {
  uint32_t cap = 0, cap2 = 0;
  pq_term *t = pq_match_term(m, PQ_TERM_MAP, pq_match_now(m)->off, 0);
  if (t == NULL) return m->cx->code;
  *out = t;
  m->token++;
  if (pq_match_take(m, "}")) return PQ_OK;
  do {
    pq_term *kid;
    uint32_t off = pq_match_now(m)->off;
    PQ_TRY(pq_match_grow(&m->arena, &t->names, t->name_count, &cap2, sizeof(pq_slice)));
    PQ_TRY(pq_match_name(m, "the name of a field", &t->names[t->name_count]));
    for (uint32_t i = 0; i < t->name_count; i++)
      if (pq_slice_eq(t->names[i], t->names[t->name_count]))
        return pq_match_fail(m, off, "a field stands twice");
    t->name_count++;
    PQ_TRY(pq_match_expect(m, ":", "behind the name of a field"));
    PQ_TRY(pq_match_read_term(m, &kid));
    PQ_TRY(add_kid(m, t, &cap, kid));
  } while (pq_match_take(m, ","));
  return pq_match_expect(m, "}", "of a map");
}

/* An aggregate's place among those of the projection; the same one twice is one. */
static int place_aggregate(pq_match *m, pq_term *t) {
  pq_match_project *p = m->aggregates;
  if (p == NULL)
    return pq_match_fail(m, t->off, "%s() can only stand in RETURN, WITH and their ORDER BY",
                         pq_match_function_name(t->function));
  if (m->is_in_aggregate) return pq_match_fail(m, t->off, "an aggregate within an aggregate");
  for (t->at = 0; t->at < p->aggregate_count; t->at++)
    if (pq_term_is_same(p->aggregates[t->at], t)) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->arena, &p->aggregates, p->aggregate_count, &p->aggregate_cap,
                       sizeof(pq_term *)));
  p->aggregates[p->aggregate_count++] = t;
  return PQ_OK;
}

/* name ( … ) */
static int read_call(pq_match *m, pq_term **out) {
  const pq_token *token = pq_match_now(m);
  uint32_t function = pq_match_function(token->text), cap = 0;
  bool was_in = m->is_in_aggregate;
  pq_term *t;
  if (function == PQ_NO_FUNCTION) return pq_match_no_function(m, token);
  t = pq_match_term(m, PQ_TERM_CALL, token->off, 0);
  if (t == NULL) return m->cx->code;
  t->function = function;
  if (pq_match_function_is_aggregate(function)) t->kind = PQ_TERM_AGGREGATE;
  m->token += 2;
  if (t->kind == PQ_TERM_AGGREGATE) {
    t->is_distinct = pq_match_take_word(m, "distinct");
    if (m->is_in_aggregate) return pq_match_fail(m, t->off, "an aggregate within an aggregate");
    m->is_in_aggregate = m->aggregates != NULL;
  }
  if (t->kind == PQ_TERM_AGGREGATE && !t->is_distinct && pq_match_is(m, "*")) {
    m->token++;
    PQ_TRY(pq_match_expect(m, ")", "behind '*'"));
    if (!pq_slice_is((pq_slice){(const uint8_t *)pq_match_function_name(function), 5}, "count"))
      return pq_match_fail(m, t->off, "'*' is for count alone");
    m->is_in_aggregate = was_in;
    *out = t;
    return place_aggregate(m, t);
  }
  if (!pq_match_take(m, ")")) {
    do {
      pq_term *kid;
      PQ_TRY(pq_match_read_term(m, &kid));
      PQ_TRY(add_kid(m, t, &cap, kid));
    } while (pq_match_take(m, ","));
    PQ_TRY(pq_match_expect(m, ")", "behind the arguments"));
  }
  m->is_in_aggregate = was_in;
  *out = t;
  PQ_TRY(pq_match_function_check(m, t, token->text));
  return t->kind == PQ_TERM_AGGREGATE ? place_aggregate(m, t) : PQ_OK;
}

/* exists(a.b): a field that is there; exists((a)-->()), EXISTS { … }: a pattern. */
static int read_exists(pq_match *m, pq_term **out) {
  uint32_t off = pq_match_now(m)->off;
  pq_term *kid, *is_null;
  m->token++;
  if (pq_match_take(m, "{")) {
    PQ_TRY(pq_match_read_exists(m, true, out));
    return pq_match_expect(m, "}", "of EXISTS");
  }
  PQ_TRY(pq_match_expect(m, "(", "or '{' behind EXISTS"));
  if (pq_match_is_pattern(m)) {
    PQ_TRY(pq_match_read_exists(m, false, out));
    return pq_match_expect(m, ")", "of exists");
  }
  PQ_TRY(pq_match_read_term(m, &kid));
  if (kid->kind != PQ_TERM_PROP)
    return pq_match_fail(m, off, "exists takes a pattern or a field of something");
  PQ_TRY(pq_match_expect(m, ")", "of exists"));
  PQ_TRY(make(m, PQ_TERM_IS_NULL, off, kid, NULL, &is_null));
  return make(m, PQ_TERM_NOT, off, is_null, NULL, out);
}

/* CASE [x] WHEN a THEN b … [ELSE c] END */
static int read_case(pq_match *m, pq_term **out) {
  uint32_t off = pq_match_now(m)->off, cap = 0;
  pq_term *subject = NULL, *kid, *t = pq_match_term(m, PQ_TERM_CASE, off, 0);
  if (t == NULL) return m->cx->code;
  m->token++;
  if (!pq_match_is_word(m, "when")) PQ_TRY(pq_match_read_term(m, &subject));
  if (!pq_match_is_word(m, "when")) return pq_match_expected(m, "WHEN");
  while (pq_match_take_word(m, "when")) {
    PQ_TRY(pq_match_read_term(m, &kid));
    if (subject != NULL) PQ_TRY(make(m, PQ_TERM_EQ, off, subject, kid, &kid));
    PQ_TRY(add_kid(m, t, &cap, kid));
    if (!pq_match_take_word(m, "then")) return pq_match_expected(m, "THEN");
    PQ_TRY(pq_match_read_term(m, &kid));
    PQ_TRY(add_kid(m, t, &cap, kid));
  }
  if (pq_match_take_word(m, "else")) {
    PQ_TRY(pq_match_read_term(m, &kid));
    PQ_TRY(add_kid(m, t, &cap, kid));
  }
  *out = t;
  return pq_match_take_word(m, "end") ? PQ_OK : pq_match_expected(m, "WHEN, ELSE or END");
}

static int read_variable(pq_match *m, pq_term **out) {
  static const char *const reserved[] = {"where",    "return", "with", "match", "and",   "or",
                                         "xor",      "in",     "is",   "as",    "order", "limit",
                                         "skip",     "then",   "end",  "else",  "when",  "optional",
                                         "distinct", "asc",    "desc"};
  const pq_token *token = pq_match_now(m);
  uint32_t var = pq_match_find_var(m, token->text);
  if (var == PQ_NO_END) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
      if (pq_match_is_word(m, reserved[i])) return pq_match_expected(m, "a term");
    return pq_match_fail(m, token->off, "there is no variable '%.*s' here",
                         (int)pq_utf8_prefix(token->text, 40), (const char *)token->text.p);
  }
  *out = pq_match_term(m, PQ_TERM_VAR, token->off, 0);
  if (*out == NULL) return m->cx->code;
  (*out)->at = var;
  m->token++;
  return PQ_OK;
}

static int read_word(pq_match *m, pq_term **out) {
  const pq_token *t = pq_match_now(m);
  bool is_true = pq_match_is_word(m, "true"), is_call = pq_match_is_at(m, 1, "(");
  pq_eval e;
  if (pq_match_is_word(m, "exists") && (is_call || pq_match_is_at(m, 1, "{")))
    return read_exists(m, out);
  if (pq_match_is_word(m, "count") && pq_match_is_at(m, 1, "{"))
    return pq_match_unsupported(m, t->off,
                                "COUNT { … } is not supported: OPTIONAL MATCH and count are");
  if (pq_match_is_word(m, "collect") && pq_match_is_at(m, 1, "{"))
    return pq_match_unsupported(m, t->off, "COLLECT { … } is not supported: collect() is");
  if (t->kind == PQ_TOKEN_WORD && is_call) return read_call(m, out);
  if (pq_match_is_word(m, "case")) return read_case(m, out);
  if (is_true || pq_match_is_word(m, "false")) {
    PQ_TRY(constant(m, t->off, out, &e));
    m->token++;
    return pq_make_bool(&e, is_true, &(*out)->value);
  }
  if (pq_match_is_word(m, "null")) {
    m->token++;
    return constant(m, t->off, out, &e);
  }
  return read_variable(m, out);
}

static int read_first(pq_match *m, pq_term **out) {
  const pq_token *t = pq_match_now(m);
  pq_eval e;
  if (t->kind == PQ_TOKEN_NUMBER) return read_number(m, out);
  if (t->kind == PQ_TOKEN_TEXT) {
    PQ_TRY(constant(m, t->off, out, &e));
    m->token++;
    return pq_make_text(&e, t->text, &(*out)->value);
  }
  if (t->kind == PQ_TOKEN_WORD || t->kind == PQ_TOKEN_QUOTED) return read_word(m, out);
  if (pq_match_is(m, "$")) return read_parameter(m, out);
  if (pq_match_is(m, "[")) return read_list(m, out);
  if (pq_match_is(m, "{")) return read_map(m, out);
  if (pq_match_is_pattern(m)) return pq_match_read_exists(m, false, out);
  if (!pq_match_take(m, "(")) return pq_match_expected(m, "a term");
  PQ_TRY(pq_match_read_term(m, out));
  (*out)->off = t->off;
  return pq_match_expect(m, ")", "that closes");
}

/* ---- what follows, from tight to loose ---- */

static int read_label_test(pq_match *m, pq_term **out) {
  pq_term *t;
  uint32_t cap = 0, label;
  if ((*out)->kind != PQ_TERM_VAR || m->part->vars[(*out)->at].kind != PQ_VAR_NODE)
    return pq_match_fail(m, pq_match_now(m)->off, "only nodes have labels");
  PQ_TRY(make(m, PQ_TERM_LABELS, (*out)->off, *out, NULL, &t));
  m->token++;
  do {
    (void)pq_match_take(m, ":");
    PQ_TRY(pq_match_grow(&m->arena, &t->names, t->name_count, &cap, sizeof(pq_slice)));
    PQ_TRY(pq_match_name(m, "a label", &t->names[t->name_count]));
    PQ_TRY(pq_match_label_of(m, t->names[t->name_count], &label));
    t->name_count++;
  } while (pq_match_take(m, "|"));
  *out = t;
  return PQ_OK;
}

static int read_behind(pq_match *m, pq_term **out) {
  PQ_TRY(read_first(m, out));
  for (;;) {
    pq_term *t = *out, *kid;
    uint32_t off = pq_match_now(m)->off;
    if (pq_match_take(m, ".")) {
      if (t->kind == PQ_TERM_VAR && m->part->vars[t->at].kind == PQ_VAR_PATH)
        return pq_match_fail(m, off, "a path has no fields: length(p), nodes(p), relationships(p)");
      PQ_TRY(make(m, PQ_TERM_PROP, t->off, t, NULL, out));
      PQ_TRY(pq_match_name(m, "the name of a field", &(*out)->name));
    } else if (pq_match_take(m, "[")) {
      PQ_TRY(pq_match_read_term(m, &kid));
      if (pq_match_is(m, ".."))
        return pq_match_unsupported(m, off, "slices of lists are not supported");
      PQ_TRY(pq_match_expect(m, "]", "of an index"));
      PQ_TRY(make(m, PQ_TERM_INDEX, t->off, t, kid, out));
    } else if (pq_match_is(m, ":") && t->kind == PQ_TERM_VAR) {
      PQ_TRY(read_label_test(m, out));
    } else {
      return PQ_OK;
    }
  }
}

static int read_sign(pq_match *m, pq_term **out) {
  uint32_t off = pq_match_now(m)->off;
  pq_eval e;
  int64_t n;
  double d;
  if (pq_match_take(m, "+")) return read_sign(m, out);
  if (!pq_match_is(m, "-")) return read_behind(m, out);
  m->token++;
  PQ_TRY(pq_match_enter(m));
  PQ_TRY(read_sign(m, out));
  m->depth--;
  if ((*out)->kind != PQ_TERM_CONST) return make(m, PQ_TERM_NEG, off, *out, NULL, out);
  if (pq_value_i64((*out)->value, &n) && n != INT64_MIN) {
    PQ_TRY(constant(m, off, out, &e));
    return make_whole(&e, -n, &(*out)->value);
  }
  if (!pq_value_number((*out)->value, &d)) return make(m, PQ_TERM_NEG, off, *out, NULL, out);
  PQ_TRY(constant(m, off, out, &e));
  return pq_make_double(&e, -d, &(*out)->value);
}

typedef struct sign_kind {
  const char *sign;
  pq_term_kind kind;
} sign_kind;

/* Terms of one level with the signs of the level between them, from left to right. */
static int read_chain(pq_match *m, const sign_kind *signs, int (*next)(pq_match *, pq_term **),
                      pq_term **out) {
  PQ_TRY(next(m, out));
  for (;;) {
    const sign_kind *s = signs;
    pq_term *right;
    while (s->sign != NULL && !pq_match_is(m, s->sign))
      s++;
    if (s->sign == NULL) return PQ_OK;
    m->token++;
    PQ_TRY(next(m, &right));
    PQ_TRY(make(m, s->kind, (*out)->off, *out, right, out));
  }
}

static int read_power(pq_match *m, pq_term **out) {
  static const sign_kind signs[] = {{"^", PQ_TERM_POW}, {NULL, 0}};
  return read_chain(m, signs, read_sign, out);
}

static int read_product(pq_match *m, pq_term **out) {
  static const sign_kind signs[] = {
      {"*", PQ_TERM_MUL}, {"/", PQ_TERM_DIV}, {"%", PQ_TERM_MOD}, {NULL, 0}};
  return read_chain(m, signs, read_power, out);
}

static int read_sum(pq_match *m, pq_term **out) {
  static const sign_kind signs[] = {{"+", PQ_TERM_ADD}, {"-", PQ_TERM_SUB}, {NULL, 0}};
  return read_chain(m, signs, read_product, out);
}

/* The whole text must match. */
static int compile(pq_match *m, pq_term *t) {
  pq_slice pattern;
  uint8_t *p;
  if (t->kids[1]->kind != PQ_TERM_CONST || !pq_value_string(t->kids[1]->value, &pattern))
    return pq_match_fail(m, t->kids[1]->off, "=~ takes a text or a parameter that is one");
  p = pq_arena_alloc(&m->arena, pattern.n + 9);
  if (p == NULL) return m->cx->code;
  memcpy(p, "\\A(?:", 5);
  memcpy(p + 5, pattern.p, pattern.n);
  memcpy(p + 5 + pattern.n, ")\\z", 3);
  return pq_regex_compile(m->regexes, (pq_slice){p, pattern.n + 8}, (pq_slice){0}, &t->regex);
}

/* IS [NOT] NULL */
static int read_is_null(pq_match *m, pq_term **out) {
  bool is_not;
  m->token++;
  is_not = pq_match_take_word(m, "not");
  if (!pq_match_take_word(m, "null")) return pq_match_expected(m, is_not ? "NULL" : "NULL or NOT");
  PQ_TRY(make(m, PQ_TERM_IS_NULL, (*out)->off, *out, NULL, out));
  return is_not ? make(m, PQ_TERM_NOT, (*out)->off, *out, NULL, out) : PQ_OK;
}

static int read_tested(pq_match *m, pq_term **out) {
  PQ_TRY(read_sum(m, out));
  for (;;) {
    pq_term_kind kind = PQ_TERM_IN;
    pq_term *right;
    if (pq_match_is_word(m, "is")) {
      PQ_TRY(read_is_null(m, out));
      continue;
    }
    if (pq_match_take_word(m, "starts"))
      kind = PQ_TERM_STARTS;
    else if (pq_match_take_word(m, "ends"))
      kind = PQ_TERM_ENDS;
    else if (pq_match_take_word(m, "contains"))
      kind = PQ_TERM_CONTAINS;
    else if (pq_match_take(m, "=~"))
      kind = PQ_TERM_REGEX;
    else if (!pq_match_take_word(m, "in"))
      return PQ_OK;
    if ((kind == PQ_TERM_STARTS || kind == PQ_TERM_ENDS) && !pq_match_take_word(m, "with"))
      return pq_match_expected(m, "WITH");
    PQ_TRY(read_sum(m, &right));
    PQ_TRY(make(m, kind, (*out)->off, *out, right, out));
    if (kind == PQ_TERM_REGEX) PQ_TRY(compile(m, *out));
  }
}

/* a < b <= c is a < b AND b <= c. */
static int read_comparison(pq_match *m, pq_term **out) {
  static const sign_kind signs[] = {{"=", PQ_TERM_EQ},  {"<>", PQ_TERM_NE}, {"<", PQ_TERM_LT},
                                    {"<=", PQ_TERM_LE}, {">", PQ_TERM_GT},  {">=", PQ_TERM_GE},
                                    {NULL, 0}};
  pq_term *left, *right, *all = NULL, *one;
  PQ_TRY(read_tested(m, &left));
  *out = left;
  for (;;) {
    const sign_kind *s = signs;
    while (s->sign != NULL && !pq_match_is(m, s->sign))
      s++;
    if (s->sign == NULL) return PQ_OK;
    m->token++;
    PQ_TRY(read_tested(m, &right));
    PQ_TRY(make(m, s->kind, left->off, left, right, &one));
    if (all != NULL) PQ_TRY(make(m, PQ_TERM_AND, left->off, all, one, &one));
    all = one;
    *out = all;
    left = right;
  }
}

static int read_not(pq_match *m, pq_term **out) {
  uint32_t off = pq_match_now(m)->off;
  if (!pq_match_take_word(m, "not")) return read_comparison(m, out);
  PQ_TRY(pq_match_enter(m));
  PQ_TRY(read_not(m, out));
  m->depth--;
  return make(m, PQ_TERM_NOT, off, *out, NULL, out);
}

/* Where the text of the term that was just read ends. */
static void set_end(const pq_match *m, pq_term *t) {
  uint32_t end = pq_match_now(m)->off;
  while (end > t->off && (m->text.p[end - 1] == ' ' || m->text.p[end - 1] == '\n' ||
                          m->text.p[end - 1] == '\t' || m->text.p[end - 1] == '\r'))
    end--;
  t->end = end;
}

/* Terms of one level with a word between them: one n-ary term. */
static int read_words(pq_match *m, const char *word, pq_term_kind kind,
                      int (*next)(pq_match *, pq_term **), pq_term **out) {
  pq_term *t, *kid;
  uint32_t cap = 0;
  PQ_TRY(next(m, out));
  set_end(m, *out);
  if (!pq_match_is_word(m, word)) return PQ_OK;
  t = pq_match_term(m, kind, (*out)->off, 0);
  if (t == NULL) return m->cx->code;
  PQ_TRY(add_kid(m, t, &cap, *out));
  while (pq_match_take_word(m, word)) {
    PQ_TRY(next(m, &kid));
    set_end(m, kid);
    PQ_TRY(add_kid(m, t, &cap, kid));
  }
  set_end(m, t);
  *out = t;
  return PQ_OK;
}

static int read_and(pq_match *m, pq_term **out) {
  return read_words(m, "and", PQ_TERM_AND, read_not, out);
}

static int read_xor(pq_match *m, pq_term **out) {
  return read_words(m, "xor", PQ_TERM_XOR, read_and, out);
}

int pq_match_read_term(pq_match *m, pq_term **out) {
  PQ_TRY(pq_match_enter(m));
  PQ_TRY(read_words(m, "or", PQ_TERM_OR, read_xor, out));
  m->depth--;
  return PQ_OK;
}
