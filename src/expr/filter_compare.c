/* expr/filter_compare.c - $eq $ne $gt $gte $lt $lte $in $nin and $regex become leaves.
 *
 * $ne and $nin are their opposites turned round. The list of $in is sorted, so that testing a value
 * is a search by halves; its regular expressions are leaves of their own:
 *
 *   {"$in": [3, "b", /^x/, "a"]}   ──►   list 3 "a" "b" /^x/    regexes ── LEAF REGEX ^x
 */
#include "base/merge_sort.h"
#include "expr/filter_int.h"

typedef pq_filter_parser parser;
typedef pq_filter_node node;

/* 24 bytes of memory each. */
enum { LIST_COUNT_MAX = 1000000 };

void pq_filter_prepare(node *n, pq_value operand) {
  n->operand = operand;
  n->type = pq_value_type(operand);
  n->bracket = pq_type_bracket(n->type);
  /* Each leaves the field alone when the type is another. */
  (void)pq_value_i64(operand, &n->integer);
  (void)pq_value_string(operand, &n->text);
}

static int add_compare(parser *s, const pq_path *path, pq_leaf_op op, pq_value operand, node *out) {
  static const char *const names[] = {"$eq", "$gt", "$gte", "$lt", "$lte"};
  node *leaf;
  if (op != PQ_LEAF_EQ && pq_value_type(operand) == PQ_TYPE_REGEX)
    return pq_fail_operand(s, names[op], path, "cannot take a regular expression");
  PQ_TRY(pq_filter_new_leaf(s, path, op, out, &leaf));
  pq_filter_prepare(leaf, operand);
  return PQ_OK;
}

int pq_filter_parse_eq(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_compare(s, path, PQ_LEAF_EQ, operand, out);
}
static int parse_gt(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_compare(s, path, PQ_LEAF_GT, operand, out);
}
static int parse_gte(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_compare(s, path, PQ_LEAF_GTE, operand, out);
}
static int parse_lt(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_compare(s, path, PQ_LEAF_LT, operand, out);
}
static int parse_lte(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_compare(s, path, PQ_LEAF_LTE, operand, out);
}

static int parse_ne(parser *s, const pq_path *path, pq_value operand, node *out) {
  if (pq_value_type(operand) == PQ_TYPE_REGEX)
    return pq_fail_operand(s, "$ne", path, "cannot take a regular expression");
  PQ_TRY(add_compare(s, path, PQ_LEAF_EQ, operand, out));
  out->last->is_negated = true;
  return PQ_OK;
}

/* ---- regular expressions ---- */
bool pq_value_regex(pq_value v, pq_slice *pattern, pq_slice *options) {
  pq_value body = pq_object_get_str(v, "$regularExpression");
  *pattern = *options = (pq_slice){0};
  return pq_value_type(v) == PQ_TYPE_REGEX &&
         pq_value_string(pq_object_get_str(body, "pattern"), pattern) &&
         pq_value_string(pq_object_get_str(body, "options"), options);
}

int pq_filter_compile(parser *s, pq_slice pattern, pq_slice options, pq_regex **out) {
  *out = NULL;
  if (s->regexes == NULL) PQ_TRY(pq_regex_set_new(s->arena, &s->regexes));
  return pq_regex_compile(s->regexes, pattern, options, out);
}

static int set_regex(parser *s, node *leaf, pq_slice pattern, pq_slice options) {
  PQ_TRY(pq_filter_compile(s, pattern, options, &leaf->regex));
  if (pq_regex_is_plain(pattern, options)) leaf->text = pattern;
  return pq_regex_prefix(s->arena, pattern, options, &leaf->prefix);
}

int pq_filter_parse_regex_value(parser *s, const pq_path *path, pq_value v, node *out) {
  pq_slice pattern, options;
  node *leaf;
  if (!pq_value_regex(v, &pattern, &options))
    return pq_fail_operand(s, "$regex", path, "is no regular expression");
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_REGEX, out, &leaf));
  pq_filter_prepare(leaf, v);
  return set_regex(s, leaf, pattern, options);
}

int pq_filter_parse_regex(parser *s, const pq_path *path, pq_value spec, node *out) {
  pq_value operand = pq_object_get_str(spec, "$regex");
  pq_value option_value = pq_object_get_str(spec, "$options");
  pq_slice pattern, options = {0}, own_options = {0};
  node *leaf;
  if (pq_value_is_missing(operand)) return pq_fail_operand(s, "$options", path, "needs a $regex");
  if (!pq_value_string(operand, &pattern) && !pq_value_regex(operand, &pattern, &own_options))
    return pq_fail_operand(s, "$regex", path, "needs a string or a regular expression");
  if (!pq_value_is_missing(option_value) && !pq_value_string(option_value, &options))
    return pq_fail_operand(s, "$options", path, "needs a string");
  if (own_options.n > 0 && !pq_value_is_missing(option_value))
    return pq_fail_operand(s, "$options", path, "repeats the options of the regular expression");
  if (own_options.n > 0) options = own_options;
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_REGEX, out, &leaf));
  if (pq_value_type(operand) == PQ_TYPE_REGEX) pq_filter_prepare(leaf, operand);
  return set_regex(s, leaf, pattern, options);
}

/* ---- lists ---- */
static int compare_values(const void *a, const void *b, const void *ud) {
  const parser *s = ud;
  return pq_value_collate(*(const pq_value *)a, *(const pq_value *)b, s->collation);
}

int pq_filter_sort_list(parser *s, pq_value array, const char *operator, const pq_path * path,
                        const pq_value **out) {
  uint32_t count = pq_value_count(array);
  pq_value *list;
  *out = NULL;
  if (count > LIST_COUNT_MAX)
    return pq_fail(s->cx, PQ_ELIMIT,
                   "operator '%s' at path '%.*s' has more than %d values", operator,
                   PQ_SHOW(pq_filter_path_text(path)), LIST_COUNT_MAX);
  list = pq_arena_calloc(s->arena, count, sizeof *list);
  if (list == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++)
    list[i] = pq_array_at(array, i);
  *out = list;
  return pq_sort_items(s->cx, list, count, sizeof *list, compare_values, s);
}

static int add_in(parser *s, const pq_path *path, const char *operator, pq_value operand,
                  node *out) {
  uint32_t count = pq_value_count(operand);
  bool is_operators;
  const pq_value *list;
  node *leaf, *regexes;
  if (pq_value_type(operand) != PQ_TYPE_ARRAY)
    return pq_fail_operand(s, operator, path, "needs an array");
  PQ_TRY(pq_filter_sort_list(s, operand, operator, path, &list));
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_OR, &regexes));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_value_type(list[i]) == PQ_TYPE_REGEX)
      PQ_TRY(pq_filter_parse_regex_value(s, NULL, list[i], regexes));
    PQ_TRY(pq_filter_check_operators(s, list[i], &is_operators));
    if (is_operators) return pq_fail_operand(s, operator, path, "cannot hold operators");
  }
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_IN, out, &leaf));
  pq_filter_prepare(leaf, operand);
  leaf->list = list;
  leaf->list_count = count;
  leaf->regexes = regexes->kids;
  leaf->is_negated = operator[1] == 'n';
  return PQ_OK;
}
static int parse_in(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_in(s, path, "$in", operand, out);
}
static int parse_nin(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_in(s, path, "$nin", operand, out);
}

const pq_predicate pq_compare_predicates[] = {
    {"$eq", pq_filter_parse_eq}, {"$ne", parse_ne},   {"$gt", parse_gt},
    {"$gte", parse_gte},         {"$lt", parse_lt},   {"$lte", parse_lte},
    {"$in", parse_in},           {"$nin", parse_nin}, {NULL, NULL}};
