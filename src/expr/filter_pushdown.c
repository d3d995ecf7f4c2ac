/* expr/filter_pushdown.c - see pushdown.h.
 *
 *   leaf  tags IN [..]  is_negated   ─►   NOT ─ TERM tags IN [..]
 *   leaf  a MOD, REGEX …             ─►   TERM a OTHER     (values tell, bounds do not)
 *   leaf  a SIZE, TYPE, $elemMatch   ─►   OPAQUE
 *   $expr with a leaf a > 3          ─►   TERM a OTHER     (across types), a = 3: TERM a EQ
 *
 * $type is opaque because a column of integers does not say how wide each of them was. Every term
 * gets a filter of its own, a copy of its leaf without a path: that is how the value itself is
 * tested, by the same code that tests documents. Recursion is bounded as the filter's nesting is.
 */
#include "expr/expr_int.h"
#include "expr/pushdown.h"

static int put_test(const pq_filter *f, const pq_filter_node *n, pq_arena *arena, pq_push *out) {
  pq_filter *test = pq_arena_alloc(arena, sizeof *test);
  pq_filter_node *nodes = pq_arena_calloc(arena, 2, sizeof *nodes);
  if (test == NULL || nodes == NULL) return arena->cx->code;
  nodes[0] = (pq_filter_node){.kind = PQ_NODE_AND, .kids = &nodes[1], .last = &nodes[1]};
  nodes[1] = *n;
  nodes[1].path = NULL;
  nodes[1].next = NULL;
  nodes[1].is_negated = false;
  nodes[1].is_system = false;
  *test = *f;
  test->root = nodes;
  test->needs_eval = false;
  out->test = test;
  return PQ_OK;
}

static int put_operand(pq_arena *arena, pq_value v, pq_push *out) {
  pq_value *one = pq_arena_alloc(arena, sizeof *one);
  if (one == NULL) return arena->cx->code;
  *one = v;
  out->operands = one;
  out->operand_count = 1;
  return PQ_OK;
}

/* What bounds can be asked. */
static int put_op(const pq_filter_node *n, pq_arena *arena, pq_push *out) {
  out->op = PQ_PUSH_OTHER;
  out->is_folded = n->collation.is_folded;
  /* A range of an expression holds values of other brackets too; bounds know nothing of that. */
  if (n->is_unbracketed && n->op != PQ_LEAF_EQ && n->op != PQ_LEAF_IN) return PQ_OK;
  switch (n->op) {
    case PQ_LEAF_EQ: out->op = PQ_PUSH_EQ; break;
    case PQ_LEAF_GT: out->op = PQ_PUSH_GT; break;
    case PQ_LEAF_GTE: out->op = PQ_PUSH_GTE; break;
    case PQ_LEAF_LT: out->op = PQ_PUSH_LT; break;
    case PQ_LEAF_LTE: out->op = PQ_PUSH_LTE; break;
    case PQ_LEAF_IN:
      if (n->regexes != NULL) return PQ_OK;
      out->op = PQ_PUSH_IN;
      out->operands = n->list;
      out->operand_count = n->list_count;
      return PQ_OK;
    case PQ_LEAF_EXISTS: out->op = PQ_PUSH_EXISTS; return PQ_OK;
    case PQ_LEAF_STARTS:
      out->op = PQ_PUSH_PREFIX;
      out->prefix = n->text;
      return PQ_OK;
    case PQ_LEAF_REGEX:
      if (n->prefix.n == 0) return PQ_OK;
      out->op = PQ_PUSH_PREFIX;
      out->prefix = n->prefix;
      return PQ_OK;
    default: return PQ_OK;
  }
  return put_operand(arena, n->operand, out);
}

/* Can a leaf be judged on the one value at its path? */
static bool is_term(const pq_filter_node *n) {
  if (n->path == NULL || n->is_element) return false;
  switch (n->op) {
    case PQ_LEAF_EQ:
    case PQ_LEAF_GT:
    case PQ_LEAF_GTE:
    case PQ_LEAF_LT:
    case PQ_LEAF_LTE:
    case PQ_LEAF_IN:
    case PQ_LEAF_EXISTS:
    case PQ_LEAF_MOD:
    case PQ_LEAF_BITS:
    case PQ_LEAF_STARTS:
    case PQ_LEAF_ENDS:
    case PQ_LEAF_CONTAINS:
    case PQ_LEAF_REGEX: return true;
    default: return false;
  }
}

static int put_leaf(const pq_filter *f, const pq_filter_node *n, pq_arena *arena, pq_push *out) {
  if (!is_term(n)) {
    out->kind = PQ_PUSH_OPAQUE;
    return PQ_OK;
  }
  if (n->is_negated) {
    pq_push *kid = pq_arena_calloc(arena, 1, sizeof *kid);
    if (kid == NULL) return arena->cx->code;
    *out = (pq_push){.kind = PQ_PUSH_NOT, .kids = kid, .kid_count = 1};
    out = kid;
  }
  out->kind = PQ_PUSH_TERM;
  out->path = n->path;
  out->is_folded = n->collation.is_folded;
  PQ_TRY(put_op(n, arena, out));
  return put_test(f, n, arena, out);
}

static int put_node(const pq_filter *f, const pq_filter_node *n, pq_arena *arena, pq_push *out);

static int put_kids(const pq_filter *f, const pq_filter_node *n, pq_arena *arena, pq_push *out) {
  uint32_t count = 0;
  pq_push *kids;
  for (const pq_filter_node *kid = n->kids; kid != NULL; kid = kid->next)
    count++;
  kids = pq_arena_calloc(arena, count, sizeof *kids);
  if (kids == NULL) return arena->cx->code;
  out->kids = kids;
  out->kid_count = count;
  for (const pq_filter_node *kid = n->kids; kid != NULL; kid = kid->next)
    PQ_TRY(put_node(f, kid, arena, kids++));
  return PQ_OK;
}

static int put_node(const pq_filter *f, const pq_filter_node *n, pq_arena *arena, pq_push *out) {
  *out = (pq_push){0};
  switch (n->kind) {
    case PQ_NODE_LEAF: return put_leaf(f, n, arena, out);
    case PQ_NODE_AND: out->kind = PQ_PUSH_AND; return put_kids(f, n, arena, out);
    case PQ_NODE_OR: out->kind = PQ_PUSH_OR; return put_kids(f, n, arena, out);
    case PQ_NODE_NOT: out->kind = PQ_PUSH_NOT; return put_kids(f, n, arena, out);
    case PQ_NODE_FALSE: out->kind = PQ_PUSH_OR; return PQ_OK;
    case PQ_NODE_EXPR: /* its kid says the same where the path reaches a scalar or nothing */
      if (n->kids != NULL && n->kids->kind == PQ_NODE_LEAF) return put_leaf(f, n->kids, arena, out);
      break;
    default: break;
  }
  out->kind = PQ_PUSH_OPAQUE;
  return PQ_OK;
}

int pq_filter_pushdown(const pq_filter *f, pq_arena *arena, const pq_push **out) {
  pq_push *root = pq_arena_alloc(arena, sizeof *root);
  *out = root;
  if (root == NULL) return arena->cx->code;
  return put_node(f, f->root, arena, root);
}

bool pq_push_match(const pq_push *term, pq_value v) {
  return pq_filter_match(term->test, NULL, v, (pq_value){0});
}
