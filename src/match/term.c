/* match/term.c - what can be said of a term without a row.
 */
#include "match/match_int.h"

static uint64_t bit(uint32_t var) {
  return UINT64_C(1) << var;
}

/* The variables of patterns are looked at by the operator that looks for them, which comes first:
 * outer ones must be bound by then. */
static uint64_t group_vars(const pq_group *g) {
  uint64_t vars = g->nodes;
  for (uint32_t i = 0; i < g->conjunct_count; i++)
    vars |= pq_term_vars(g->conjuncts[i]);
  return vars & ~g->locals;
}

uint64_t pq_term_vars(const pq_term *t) {
  uint64_t vars = t->kind == PQ_TERM_VAR ? bit(t->at) : 0;
  if (t->kind == PQ_TERM_PATTERN) vars = group_vars(t->group);
  for (uint32_t i = 0; i < t->count; i++)
    vars |= pq_term_vars(t->kids[i]);
  return vars;
}

static bool is_element(const pq_match_part *part, const pq_term *t) {
  return t->kind == PQ_TERM_VAR && part->vars[t->at].kind <= PQ_VAR_PATH;
}

/* id(a), a.$id, a IS NULL, a = b, count(a) and the length of a path need no document. */
static bool is_bare(const pq_match_part *part, const pq_term *t) {
  bool is_all = t->count > 0;
  for (uint32_t i = 0; i < t->count; i++)
    is_all = is_all && is_element(part, t->kids[i]);
  if (!is_all) return false;
  switch (t->kind) {
    case PQ_TERM_IS_NULL:
    case PQ_TERM_LABELS: return true;
    case PQ_TERM_EQ:
    case PQ_TERM_NE:
      return part->vars[t->kids[0]->at].kind == part->vars[t->kids[1]->at].kind &&
             part->vars[t->kids[0]->at].kind <= PQ_VAR_EDGE;
    case PQ_TERM_PROP:
      return part->vars[t->kids[0]->at].kind == PQ_VAR_NODE && pq_slice_is(t->name, "$id");
    case PQ_TERM_CALL:
    case PQ_TERM_AGGREGATE: return !pq_match_function_needs_document(t->function);
    default: return false;
  }
}

uint64_t pq_term_documents(const pq_match_part *part, const pq_term *t) {
  uint64_t vars = 0;
  if (is_element(part, t)) return bit(t->at);
  if (t->kind == PQ_TERM_PATTERN || is_bare(part, t)) return 0;
  for (uint32_t i = 0; i < t->count; i++)
    vars |= pq_term_documents(part, t->kids[i]);
  return vars;
}

bool pq_term_is_same(const pq_term *a, const pq_term *b) {
  if (a == b) return true;
  if (a->kind != b->kind || a->count != b->count || a->name_count != b->name_count) return false;
  if (a->kind == PQ_TERM_PATTERN || a->is_distinct != b->is_distinct) return false;
  if (a->kind == PQ_TERM_VAR && a->at != b->at) return false;
  if (a->function != b->function || !pq_slice_eq(a->name, b->name)) return false;
  if (a->kind == PQ_TERM_CONST && (pq_value_is_missing(a->value) != pq_value_is_missing(b->value) ||
                                   pq_value_type(a->value) != pq_value_type(b->value) ||
                                   !pq_value_is_equal(a->value, b->value)))
    return false;
  for (uint32_t i = 0; i < a->name_count; i++)
    if (!pq_slice_eq(a->names[i], b->names[i])) return false;
  for (uint32_t i = 0; i < a->count; i++)
    if (!pq_term_is_same(a->kids[i], b->kids[i])) return false;
  return true;
}

bool pq_term_has_aggregate(const pq_term *t) {
  bool has = t->kind == PQ_TERM_AGGREGATE;
  for (uint32_t i = 0; i < t->count && !has; i++)
    has = pq_term_has_aggregate(t->kids[i]);
  return has;
}

int pq_term_patterns(pq_match *m, pq_term *t, int (*take)(pq_match *, pq_term *, void *),
                     void *ud) {
  if (t->kind == PQ_TERM_PATTERN) return take(m, t, ud);
  for (uint32_t i = 0; i < t->count; i++)
    PQ_TRY(pq_term_patterns(m, t->kids[i], take, ud));
  return PQ_OK;
}
