/* match/plan_text.c - the plan as a tree: what comes first stands on top, plans within an operator
 * are its `inner`.
 *
 *   {"operator": "scan a: from the store, filtered there", "estimate": 5, "rows": 3}
 *   {"operator": "bind b: a -[:knows]->", "estimate": 40, "rows": 37}
 */
#include "base/text.h"
#include "match/match_int.h"

enum { DEPTH_MAX = 16 };

typedef struct telling {
  const pq_match *m;
  pq_builder *b;
  pq_buf line;
} telling;

/* A variable's name, or what it is. */
static int put_var(telling *t, const pq_oper *o, uint32_t var) {
  pq_slice name = o->part->vars[var].name;
  size_t n = pq_utf8_prefix(name, 40);
  if (n > 0) return pq_buf_put(&t->line, name.p, n);
  return pq_buf_printf(&t->line, "(%u)", var + 1);
}

static int put_edge(telling *t, const pq_pattern_edge *e, pq_direction d) {
  PQ_TRY(pq_buf_printf(&t->line, d == PQ_IN ? " <-[" : " -["));
  for (uint32_t i = 0; i < e->name_count; i++)
    PQ_TRY(pq_buf_printf(&t->line, "%s%.*s", i == 0 ? ":" : "|",
                         (int)pq_utf8_prefix(e->names[i], 40), (const char *)e->names[i].p));
  if (e->is_long && e->max == UINT32_MAX) PQ_TRY(pq_buf_printf(&t->line, "*%u..", e->min));
  if (e->is_long && e->max != UINT32_MAX)
    PQ_TRY(pq_buf_printf(&t->line, "*%u..%u", e->min, e->max));
  return pq_buf_printf(&t->line, d == PQ_OUT ? "]->" : "]-");
}

static int put_labels(telling *t, const pq_oper *o) {
  for (uint32_t i = 0; o->group != NULL && i < o->group->test_count; i++) {
    const pq_label_test *test = &o->group->tests[i];
    if (test->var != o->var) continue;
    for (uint32_t k = 0; k < test->count; k++)
      PQ_TRY(pq_buf_printf(&t->line, "%s%.*s", k == 0 ? ":" : "|",
                           (int)pq_utf8_prefix(t->m->labels[test->labels[k]].name, 40),
                           (const char *)t->m->labels[test->labels[k]].name.p));
  }
  return PQ_OK;
}

static int put_binds(telling *t, const pq_oper *o) {
  for (uint32_t i = 0; i < o->bind_count; i++) {
    PQ_TRY(pq_buf_printf(&t->line, i == 0 ? ": " : " and "));
    PQ_TRY(put_var(t, o, o->binds[i].from));
    PQ_TRY(put_edge(t, o->binds[i].edge, o->binds[i].direction));
  }
  if (o->bind_count > 1) PQ_TRY(pq_buf_printf(&t->line, ", intersected"));
  return o->is_counted ? pq_buf_printf(&t->line, ", counted") : PQ_OK;
}

static int put_tree(telling *t, const pq_oper *o, const pq_match_tree *tree, uint32_t depth) {
  for (; tree != NULL && depth < DEPTH_MAX; tree = tree->next) {
    PQ_TRY(put_edge(t, tree->edge, tree->direction));
    PQ_TRY(put_var(t, o, tree->var));
    if (tree->kids == NULL) continue;
    PQ_TRY(pq_buf_printf(&t->line, " {"));
    PQ_TRY(put_tree(t, o, tree->kids, depth + 1));
    PQ_TRY(pq_buf_printf(&t->line, " }"));
  }
  return PQ_OK;
}

/* (a {name: …}) */
static int put_braces(telling *t, const pq_oper *o, const pq_term *term) {
  const pq_term *field = term->count > 0 ? term->kids[0] : NULL;
  if (field == NULL || field->kind != PQ_TERM_PROP || field->kids[0]->kind != PQ_TERM_VAR)
    return pq_buf_printf(&t->line, "fields in braces");
  PQ_TRY(put_var(t, o, field->kids[0]->at));
  return pq_buf_printf(&t->line, ".%.*s = …", (int)pq_utf8_prefix(field->name, 40),
                       (const char *)field->name.p);
}

/* A condition as it stands in the query. */
static int put_condition(telling *t, const pq_oper *o, const pq_term *term) {
  pq_slice text = {t->m->text.p + term->off, term->end > term->off ? term->end - term->off : 0};
  size_t n = pq_utf8_prefix(text, 60);
  if (n == 0) return put_braces(t, o, term);
  PQ_TRY(pq_buf_put(&t->line, text.p, n));
  return n < text.n ? pq_buf_printf(&t->line, "…") : PQ_OK;
}

static int put_filter(telling *t, const pq_oper *o) {
  for (uint32_t i = 0; i < o->term_count; i++) {
    PQ_TRY(pq_buf_printf(&t->line, i == 0 ? "" : " and "));
    PQ_TRY(put_condition(t, o, o->terms[i]));
  }
  return PQ_OK;
}

static int put_project(telling *t, const pq_oper *o) {
  const pq_match_project *p = &o->part->project;
  PQ_TRY(pq_buf_printf(&t->line, p->is_return ? "return" : "with"));
  if (p->aggregate_count > 0) PQ_TRY(pq_buf_printf(&t->line, ", grouped"));
  if (p->is_distinct) PQ_TRY(pq_buf_printf(&t->line, ", distinct"));
  if (p->order_count > 0) PQ_TRY(pq_buf_printf(&t->line, ", sorted"));
  if (p->skip > 0) PQ_TRY(pq_buf_printf(&t->line, ", skip %llu", (unsigned long long)p->skip));
  return p->limit != UINT64_MAX
             ? pq_buf_printf(&t->line, ", limit %llu", (unsigned long long)p->limit)
             : PQ_OK;
}

static int put_what(telling *t, const pq_oper *o) {
  static const char *const names[PQ_OPER_LAST + 1] = {
      "",        "scan ", "bind ",  "check ",   "steps to ", "times the patterns at ",
      "filter ", "test ", "exists", "optional", ""};
  static const char *const how[] = {": nodes of the graph", ": from the store", ": by id"};
  PQ_TRY(pq_buf_printf(&t->line, "%s", names[o->kind]));
  if (o->kind == PQ_OPER_PROJECT) return put_project(t, o);
  if (o->kind == PQ_OPER_FILTER) return put_filter(t, o);
  if (o->kind == PQ_OPER_EXISTS || o->kind == PQ_OPER_OPTIONAL) return PQ_OK;
  PQ_TRY(put_var(t, o, o->var));
  if (o->kind == PQ_OPER_WEIGHT) {
    PQ_TRY(pq_buf_printf(&t->line, ":"));
    return put_tree(t, o, o->tree, 0);
  }
  PQ_TRY(put_labels(t, o));
  if (o->kind != PQ_OPER_SCAN) return put_binds(t, o);
  PQ_TRY(pq_buf_printf(&t->line, "%s", how[o->how]));
  return pq_value_is_missing(o->filter) ? PQ_OK : pq_buf_printf(&t->line, ", filtered there");
}

static int put_number(telling *t, const char *name, double n) {
  PQ_TRY(pq_builder_key_str(t->b, name));
  if (n < INT32_MAX) return pq_builder_i32(t->b, (int32_t)(n + 0.5));
  return pq_builder_i64(t->b, (int64_t)(n < 9e15 ? n : 9e15));
}

static int tell(telling *t, const pq_oper *last, uint32_t depth);

static int tell_one(telling *t, const pq_oper *o, uint32_t depth) {
  PQ_TRY(pq_builder_begin_object(t->b));
  pq_buf_clear(&t->line);
  PQ_TRY(put_what(t, o));
  PQ_TRY(pq_builder_key_str(t->b, "operator"));
  PQ_TRY(pq_builder_string(t->b, pq_buf_slice(&t->line)));
  PQ_TRY(put_number(t, "estimate", o->estimate));
  if (!t->m->is_guess) PQ_TRY(put_number(t, "rows", (double)o->rows));
  if (o->sub != NULL) {
    PQ_TRY(pq_builder_key_str(t->b, "inner"));
    PQ_TRY(tell(t, o->sub, depth + 1));
  }
  return pq_builder_end(t->b);
}

/* A chain, from its first operator on. */
static int tell(telling *t, const pq_oper *last, uint32_t depth) {
  const pq_oper *chain[PQ_MATCH_VARS * 8];
  uint32_t n = 0;
  for (const pq_oper *o = last; o != NULL && n < sizeof chain / sizeof *chain; o = o->input)
    if (o->kind != PQ_OPER_ARGUMENT) chain[n++] = o;
  PQ_TRY(pq_builder_begin_array(t->b));
  while (n > 0 && depth < DEPTH_MAX)
    PQ_TRY(tell_one(t, chain[--n], depth));
  return pq_builder_end(t->b);
}

int pq_match_explain(const pq_match *m, pq_builder *b) {
  telling t = {.m = m, .b = b};
  int rc;
  pq_buf_init(&t.line, m->cx, 1u << 20);
  rc = tell(&t, m->last, 0);
  pq_buf_release(&t.line);
  return rc;
}
