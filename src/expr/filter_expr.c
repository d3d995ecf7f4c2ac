/* expr/filter_expr.c - $expr: an expression becomes nodes of the filter, as far as it is logic.
 *
 *   {"$expr": {"$and": [{"$eq": ["$a.b", 5]}, {"$lt": [3, "$n"]}, {"$gt": ["$x", "$y"]}]}}
 *
 *     AND ─┬─ EXPR $eq …  ── leaf a.b EQ 5        the leaf says the same where a scalar, or
 * nothing, ├─ EXPR $lt …  ── leaf n GT 3          is all that the path reaches; it compares without
 *          └─ EXPR $gt …                          brackets (MONGO.md 1, rule 12)
 *
 * Documents are tested by the expression, always; the leaves are for scans, which have columns.
 * A list of equalities on one path, {"$or": [{"$eq": ["$a", 1]}, …]}, is one EXPR with a leaf
 * a IN [1, …]: this is how other programs write $in.
 *
 * The subject of the expressions is the document with the system fields under it. It is built only
 * for expressions that could see them.
 */
#include "base/merge_sort.h"
#include "expr/expression_int.h"
#include "expr/filter_int.h"

typedef pq_filter_parser parser;
typedef pq_filter_node node;

/* Longer lists of $or stay one node: nodes are counted. */
enum { LOGIC_ARGS_MAX = 64 };

static bool is_named(const pq_expression *e, const char *name) {
  return e->kind == PQ_EXPR_OPERATOR && pq_slice_is(pq_str(e->op->name), name);
}

/* Could it see a field of the system? Bounded by the nesting of the expression. */
static bool sees_system(const pq_expression *e) {
  if (e->kind == PQ_EXPR_CONSTANT) return false;
  if (e->kind == PQ_EXPR_PATH)
    return e->slot == PQ_SLOT_ROOT && (e->path_count == 0 || pq_is_system_field(e->path[0]));
  if (is_named(e, "$getField")) return true;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (e->args[i] != NULL && sees_system(e->args[i])) return true;
  return false;
}

/* The same of `_id`. */
static bool sees_key(const pq_expression *e) {
  if (e->kind == PQ_EXPR_CONSTANT) return false;
  if (e->kind == PQ_EXPR_PATH)
    return e->slot == PQ_SLOT_ROOT && (e->path_count == 0 || pq_slice_is(e->path[0], "_id"));
  if (is_named(e, "$getField")) return true;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (e->args[i] != NULL && sees_key(e->args[i])) return true;
  return false;
}

/* ---- comparisons of a path with a constant ---- */
typedef struct comparison {
  const pq_expression *path;
  pq_value constant;
  pq_leaf_op op;
  bool is_negated;
} comparison;

static bool find_op(const pq_expression *e, comparison *out) {
  static const struct {
    const char *name;
    pq_leaf_op op, turned; /* with the sides exchanged */
  } ops[] = {{"$eq", PQ_LEAF_EQ, PQ_LEAF_EQ}, {"$ne", PQ_LEAF_EQ, PQ_LEAF_EQ},
             {"$gt", PQ_LEAF_GT, PQ_LEAF_LT}, {"$gte", PQ_LEAF_GTE, PQ_LEAF_LTE},
             {"$lt", PQ_LEAF_LT, PQ_LEAF_GT}, {"$lte", PQ_LEAF_LTE, PQ_LEAF_GTE}};
  bool is_turned = e->arg_count == 2 && e->args[0]->kind == PQ_EXPR_CONSTANT;
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    if (!is_named(e, ops[i].name)) continue;
    out->op = is_turned ? ops[i].turned : ops[i].op;
    out->is_negated = i == 1;
    out->path = e->args[is_turned ? 1 : 0];
    return e->args[is_turned ? 0 : 1]->kind == PQ_EXPR_CONSTANT;
  }
  return false;
}

static bool read_comparison(const pq_expression *e, comparison *out) {
  *out = (comparison){0};
  if (!find_op(e, out)) return false;
  out->constant = e->args[e->args[0]->kind == PQ_EXPR_CONSTANT ? 0 : 1]->constant;
  return out->path->kind == PQ_EXPR_PATH && out->path->slot == PQ_SLOT_ROOT &&
         out->path->path_count > 0 && !pq_value_is_missing(out->constant);
}

static bool is_same_path(const pq_expression *a, const pq_expression *b) {
  if (a->path_count != b->path_count) return false;
  for (uint32_t i = 0; i < a->path_count; i++)
    if (!pq_slice_eq(a->path[i], b->path[i])) return false;
  return true;
}

static int make_path(parser *s, const pq_expression *e, const pq_path **out) {
  pq_path *path = pq_arena_calloc(s->arena, 1, sizeof *path);
  pq_buf text;
  int rc = PQ_OK;
  *out = path;
  if (path == NULL) return s->cx->code;
  pq_buf_init(&text, s->cx, s->cx->limits.command_len_max);
  for (uint32_t i = 0; i < e->path_count && rc == PQ_OK; i++) {
    if (i > 0) rc = pq_buf_put(&text, ".", 1);
    if (rc == PQ_OK) rc = pq_buf_put(&text, e->path[i].p, e->path[i].n);
  }
  if (rc == PQ_OK) rc = pq_path_parse(s->arena, pq_buf_slice(&text), path);
  pq_buf_release(&text);
  return rc;
}

/* ---- nodes ---- */
static int add_expression(parser *s, const pq_expression *e, node *out, node **made) {
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_EXPR, made));
  (*made)->expression = e;
  pq_filter_append(out, *made);
  return PQ_OK;
}

static int add_leaf(parser *s, const comparison *c, node *parent) {
  const pq_path *path;
  node *leaf;
  PQ_TRY(make_path(s, c->path, &path));
  PQ_TRY(pq_filter_new_leaf(s, path, c->op, parent, &leaf));
  pq_filter_prepare(leaf, c->constant);
  leaf->is_unbracketed = true;
  leaf->is_negated = c->is_negated;
  return PQ_OK;
}

static int compare_values(const void *a, const void *b, const void *ud) {
  const parser *s = ud;
  return pq_value_collate(*(const pq_value *)a, *(const pq_value *)b, s->collation);
}

/* {"$or": [{"$eq": ["$a", 1]}, {"$eq": ["$a", 2]}]} as a IN [1, 2]; *made NULL: it is not that. */
static int add_list(parser *s, const pq_expression *e, node *out, node **made) {
  comparison c, first = {0};
  pq_value *list = pq_arena_calloc(s->arena, e->arg_count, sizeof *list);
  node *leaf;
  *made = NULL;
  if (list == NULL) return s->cx->code;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (!read_comparison(e->args[i], &c) || c.op != PQ_LEAF_EQ || c.is_negated) return PQ_OK;
    if (i == 0) first = c;
    if (!is_same_path(first.path, c.path)) return PQ_OK;
    list[i] = c.constant;
  }
  if (e->arg_count < 2) return PQ_OK;
  PQ_TRY(pq_sort_items(s->cx, list, e->arg_count, sizeof *list, compare_values, s));
  PQ_TRY(add_expression(s, e, out, made));
  first.op = PQ_LEAF_IN;
  PQ_TRY(add_leaf(s, &first, *made));
  leaf = (*made)->kids;
  leaf->operand = (pq_value){0};
  leaf->list = list;
  leaf->list_count = e->arg_count;
  return PQ_OK;
}

static int add(parser *s, const pq_expression *e, node *out);

/* $or, $not: a group of ANDs. */
static int add_group(parser *s, const pq_expression *e, pq_node_kind kind, node *out) {
  node *group, *kid;
  PQ_TRY(pq_filter_new_node(s, kind, &group));
  for (uint32_t i = 0; i < e->arg_count; i++) {
    PQ_TRY(pq_filter_new_node(s, PQ_NODE_AND, &kid));
    PQ_TRY(add(s, e->args[i], kid));
    pq_filter_append(group, kid);
  }
  pq_filter_append(out, group);
  return PQ_OK;
}

/* Bounded by the nesting of the expression. */
static int add(parser *s, const pq_expression *e, node *out) {
  node *made = NULL;
  comparison c;
  bool is_or = is_named(e, "$or");
  if (is_or) PQ_TRY(add_list(s, e, out, &made));
  if (made != NULL) return PQ_OK;
  if (e->arg_count <= LOGIC_ARGS_MAX) {
    if (is_or) return add_group(s, e, PQ_NODE_OR, out);
    if (is_named(e, "$not")) return add_group(s, e, PQ_NODE_NOT, out);
    for (uint32_t i = 0; is_named(e, "$and") && i < e->arg_count; i++)
      PQ_TRY(add(s, e->args[i], out));
    if (is_named(e, "$and")) return PQ_OK;
  }
  PQ_TRY(add_expression(s, e, out, &made));
  return read_comparison(e, &c) ? add_leaf(s, &c, made) : PQ_OK;
}

int pq_filter_parse_expr(parser *s, pq_value spec, node *out) {
  pq_expression *e;
  if (s->element_depth > 0 || s->is_element)
    return pq_fail(s->cx, PQ_EFILTER,
                   "operator '$expr' stands at the top of a filter, not inside "
                   "of $elemMatch or $pull");
  PQ_TRY(pq_expression_parse(s->arena, s->env, spec, &e));
  s->needs_eval = true;
  if (sees_system(e)) s->is_merged = s->uses_system = true;
  s->sees_key_whole |= sees_key(e);
  return add(s, e, out);
}
