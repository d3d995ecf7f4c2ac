/* expr/filter_match.c - evaluating a parsed filter on Variant bytes. See filter.h.
 *
 * The idea: a leaf asks "does one of the values that the path reaches pass?" and the walk hands
 * them to the test one by one until one does (the order and the set are MongoDB's):
 *
 *   {a: [ {b: 1}, {b: [2, 3]}, 4 ]}   path a.b reaches   1   2   3   [2,3]
 *   {a: {}} or {a: 4}                 path a.b reaches   missing
 *   {a: []} or {a: [4, [..]]}         path a.b reaches   nothing at all
 *
 * A numeric part is an index of an array on the way (a.5 of [1] reaches missing) and a name in its
 * object elements; the value found by index at the END of a path is tested as a whole, its
 * elements are not looked into.
 *
 * No allocation, no failure but those of regular expressions (pq_filter_status). Recursion is
 * bounded by the parts of the path and the nesting of the filter, both at most limits.depth_max.
 */
#include <string.h>

#include "expr/expr_int.h"

static bool is_number(pq_type t) {
  return t >= PQ_TYPE_INT32 && t <= PQ_TYPE_DECIMAL;
}

static bool is_nan(pq_value v, pq_type t) {
  double d;
  if (t != PQ_TYPE_DOUBLE && t != PQ_TYPE_DECIMAL) return false;
  return pq_value_number(v, &d) && d != d;
}

static bool holds(pq_leaf_op op, int c) {
  switch (op) {
    case PQ_LEAF_EQ: return c == 0;
    case PQ_LEAF_GT: return c > 0;
    case PQ_LEAF_GTE: return c >= 0;
    case PQ_LEAF_LT: return c < 0;
    case PQ_LEAF_LTE: return c <= 0;
    default: return false;
  }
}

static bool test_number(const pq_filter_node *n, pq_value v, pq_type t) {
  int64_t i;
  if ((n->type == PQ_TYPE_INT32 || n->type == PQ_TYPE_INT64) && pq_value_i64(v, &i))
    return holds(n->op, (i > n->integer) - (i < n->integer));
  if (!is_number(t)) return false;
  if (is_nan(v, t) != is_nan(n->operand, n->type)) return false;
  return holds(n->op, pq_number_compare(v, n->operand));
}

static bool test_string(const pq_filter_node *n, pq_value v) {
  pq_slice s;
  if (!pq_value_string(v, &s)) return false;
  if (n->op == PQ_LEAF_EQ) return pq_slice_eq(s, n->text);
  return holds(n->op, pq_slice_cmp(s, n->text));
}

/* $eq, $gt ..: only values of the operand's bracket pass (rules 9-11). */
static bool test_compare(const pq_filter_node *n, pq_value v) {
  pq_type t = pq_value_type(v);
  switch (n->bracket) {
    case PQ_TYPE_INT32: return test_number(n, v, t);
    case PQ_TYPE_STRING: return test_string(n, v);
    case PQ_TYPE_MISSING:
    case PQ_TYPE_NULL: return (t == PQ_TYPE_NULL || t == PQ_TYPE_MISSING) && holds(n->op, 0);
    case PQ_TYPE_MIN_KEY:
    case PQ_TYPE_MAX_KEY:
      if (t == PQ_TYPE_MISSING) return false;
      return holds(n->op, (t > n->bracket) - (t < n->bracket));
    default: return t == n->bracket && holds(n->op, pq_value_compare(v, n->operand));
  }
}

/* Text by the expression, a stored regular expression by equality (rule 59). */
static bool test_regex(const pq_filter_node *n, pq_value v) {
  pq_slice text;
  if (pq_value_string(v, &text)) return pq_regex_match(n->regex, text);
  return pq_value_type(v) == PQ_TYPE_REGEX && pq_value_is_equal(v, n->operand);
}

static bool test_in(const pq_filter_node *n, pq_value v) {
  uint32_t low = 0, high = n->list_count;
  if (n->is_in_array && pq_value_is_missing(v)) return false;
  for (const pq_filter_node *r = n->regexes; r != NULL; r = r->next)
    if (test_regex(r, v)) return true;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int c = pq_value_compare(v, n->list[middle]);
    if (c == 0) return true;
    if (c < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return false;
}

static bool test_type(const pq_filter_node *n, pq_value v) {
  pq_type t = pq_value_type(v);
  if (t == PQ_TYPE_MISSING) return false;
  if ((n->type_mask >> (unsigned)t & 1) != 0) return true;
  if (t != PQ_TYPE_CODE || n->rare_mask == 0) return false;
  for (unsigned i = 0; pq_rare_type_keys[i] != NULL; i++) {
    if (pq_value_is_missing(pq_object_get_str(v, pq_rare_type_keys[i]))) continue;
    return (n->rare_mask >> i & 1) != 0;
  }
  return false;
}

static bool test_text(const pq_filter_node *n, pq_value v) {
  pq_slice s, want = n->text;
  if (!pq_value_string(v, &s) || s.n < want.n) return false;
  if (want.n == 0) return true;
  if (n->op == PQ_LEAF_STARTS) return memcmp(s.p, want.p, want.n) == 0;
  if (n->op == PQ_LEAF_ENDS) return memcmp(s.p + (s.n - want.n), want.p, want.n) == 0;
  for (size_t i = 0; i <= s.n - want.n; i++) {
    const uint8_t *hit = memchr(s.p + i, want.p[0], s.n - want.n - i + 1);
    if (hit == NULL) return false;
    if (memcmp(hit, want.p, want.n) == 0) return true;
    i = (size_t)(hit - s.p);
  }
  return false;
}

static bool test_mod(const pq_filter_node *n, pq_value v) {
  int64_t i;
  if (!pq_value_truncate(v, &i)) return false;
  if (n->integer == -1) return n->remainder == 0;
  return i % n->integer == n->remainder;
}

static bool match_node(const pq_filter_node *n, pq_value doc, pq_value system);

/* $elemMatch: nested arrays count as objects, scalars do not (rule 16). */
static bool test_elements(const pq_filter_node *n, pq_value v) {
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return false;
  count = pq_value_count(v);
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(v, i);
    if (n->op == PQ_LEAF_ELEM_OBJECT) {
      pq_type t = pq_value_type(element);
      if (t != PQ_TYPE_OBJECT && t != PQ_TYPE_ARRAY) continue;
    }
    if (match_node(n->kids, element, (pq_value){0})) return true;
  }
  return false;
}

static bool test(const pq_filter_node *n, pq_value v) {
  switch (n->op) {
    case PQ_LEAF_EQ:
    case PQ_LEAF_GT:
    case PQ_LEAF_GTE:
    case PQ_LEAF_LT:
    case PQ_LEAF_LTE: return test_compare(n, v);
    case PQ_LEAF_IN: return test_in(n, v);
    case PQ_LEAF_EXISTS: return !pq_value_is_missing(v);
    case PQ_LEAF_TYPE: return test_type(n, v);
    case PQ_LEAF_SIZE:
      return pq_value_type(v) == PQ_TYPE_ARRAY && (int64_t)pq_value_count(v) == n->integer;
    case PQ_LEAF_MOD: return test_mod(n, v);
    case PQ_LEAF_STARTS:
    case PQ_LEAF_ENDS:
    case PQ_LEAF_CONTAINS: return test_text(n, v);
    case PQ_LEAF_REGEX: return test_regex(n, v);
    case PQ_LEAF_ELEM_VALUE:
    case PQ_LEAF_ELEM_OBJECT: return test_elements(n, v);
  }
  return false;
}

/* ---- the walk ---- */

/* The end of the path: elements first, then the array itself. */
static bool reach_end(const pq_filter_node *n, pq_value v) {
  bool looks_inside = n->op != PQ_LEAF_SIZE && n->op < PQ_LEAF_ELEM_VALUE;
  if (looks_inside && pq_value_type(v) == PQ_TYPE_ARRAY) {
    uint32_t count = pq_value_count(v);
    for (uint32_t i = 0; i < count; i++)
      if (test(n, pq_array_at(v, i))) return true;
  }
  return test(n, v);
}

static bool reach(const pq_filter_node *n, pq_value v, uint32_t part);

/* An array on the way: object elements are walked by name, one element also by index. */
static bool reach_array(const pq_filter_node *n, pq_value v, uint32_t part) {
  uint32_t count = pq_value_count(v), index = n->path->parts[part].index;
  bool is_last = part + 1 == n->path->count;
  pq_filter_node inside;
  /* DocumentDB: beyond an index of an array $in does not take missing for null. */
  if (n->op == PQ_LEAF_IN && index != PQ_PATH_NO_INDEX && !n->is_in_array) {
    inside = *n;
    inside.is_in_array = true;
    n = &inside;
  }
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(v, i);
    pq_type t = pq_value_type(element);
    if (t == PQ_TYPE_OBJECT && reach(n, element, part)) return true;
    if (i != index) continue;
    if (is_last ? test(n, element) : reach(n, element, part + 1)) return true;
  }
  return index != PQ_PATH_NO_INDEX && index >= count && test(n, (pq_value){0});
}

/* `v` stands where parts [0, part) lead to. Bounded by the number of parts. */
static bool reach(const pq_filter_node *n, pq_value v, uint32_t part) {
  for (; part < n->path->count; part++) {
    pq_type t = pq_value_type(v);
    if (t == PQ_TYPE_ARRAY) return reach_array(n, v, part);
    if (t != PQ_TYPE_OBJECT) return test(n, (pq_value){0});
    v = pq_object_get(v, n->path->parts[part].name);
  }
  return reach_end(n, v);
}

static bool match_leaf(const pq_filter_node *n, pq_value doc, pq_value system) {
  const pq_path_part *first;
  pq_value v;
  if (n->path == NULL) return test(n, doc);
  if (n->is_element) return reach(n, doc, 1);
  first = &n->path->parts[0];
  /* An array stands for a document only inside $elemMatch: its names are its indexes. */
  if (pq_value_type(doc) == PQ_TYPE_ARRAY) {
    v = pq_array_at(doc, first->index);
  } else {
    v = pq_object_get(doc, first->name);
  }
  if (n->is_system && pq_value_is_missing(v)) v = pq_object_get(system, first->name);
  return reach(n, v, 1);
}

static bool match_node(const pq_filter_node *n, pq_value doc, pq_value system) {
  const pq_filter_node *kid;
  switch (n->kind) {
    case PQ_NODE_LEAF: return match_leaf(n, doc, system) != n->is_negated;
    case PQ_NODE_AND:
      for (kid = n->kids; kid != NULL; kid = kid->next)
        if (!match_node(kid, doc, system)) return false;
      return true;
    case PQ_NODE_OR:
      for (kid = n->kids; kid != NULL; kid = kid->next)
        if (match_node(kid, doc, system)) return true;
      return false;
    case PQ_NODE_NOT: return !match_node(n->kids, doc, system);
    case PQ_NODE_FALSE: return false;
  }
  return false;
}

bool pq_filter_match(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system) {
  (void)eval;
  return match_node(f->root, doc, system);
}

int pq_filter_status(const pq_filter *f) {
  return f->regexes == NULL ? PQ_OK : pq_regex_set_status(f->regexes);
}

bool pq_conjunct_match(const pq_conjunct *c, pq_value v) {
  pq_filter_node n = {.kind = PQ_NODE_LEAF, .op = (pq_leaf_op)c->op};
  uint32_t count;
  bool want;
  if (c->op == PQ_OP_EXISTS)
    return pq_value_bool(c->operand, &want) && want != pq_value_is_missing(v);
  if (c->op != PQ_OP_IN) {
    pq_filter_prepare(&n, c->operand);
    return test_compare(&n, v);
  }
  count = pq_value_count(c->operand);
  for (uint32_t i = 0; i < count; i++)
    if (pq_value_is_equal(v, pq_array_at(c->operand, i))) return true;
  return false;
}

bool pq_filter_needs_eval(const pq_filter *f) {
  (void)f;
  return false;
}

int64_t pq_filter_position(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system) {
  (void)f, (void)eval, (void)doc, (void)system;
  return -1;
}

int pq_filter_equalities(const pq_filter *f, pq_arena *arena, const pq_equality **out,
                         uint32_t *count) {
  (void)f, (void)arena;
  *out = NULL;
  *count = 0;
  return PQ_OK;
}
