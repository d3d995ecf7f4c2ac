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
 * No allocation and no failure but those of regular expressions, $expr and $jsonSchema
 * (pq_filter_status). Recursion is bounded by the parts of the path and the nesting of the filter,
 * both at most limits.depth_max.
 */
#include <string.h>

#include "expr/filter_int.h"
#include "expr/json_schema.h"

/* One evaluation of a filter. */
typedef struct match {
  const pq_filter *filter;
  pq_eval *eval;    /* borrowed; may be NULL when nothing needs it */
  pq_value system;  /* of the subject */
  int64_t position; /* in the outermost array that the last passing leaf looked into; -1: none */
  bool is_placing;  /* the position is asked for */
} match;

/* Element `i` passed. Called on the way back, so that the outermost array stays. */
static bool found_at(match *m, uint32_t i) {
  m->position = i;
  return true;
}

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
  if (n->op == PQ_LEAF_EQ && !n->collation.is_folded) return pq_slice_eq(s, n->text);
  return holds(n->op, pq_text_compare(s, n->text, n->collation));
}

/* As expressions compare: across types, and missing between MinKey and null (rule 12). */
static bool test_unbracketed(const pq_filter_node *n, pq_value v) {
  pq_type t = pq_value_type(v);
  if (t != PQ_TYPE_MISSING) return holds(n->op, pq_value_collate(v, n->operand, n->collation));
  return holds(n->op, n->type == PQ_TYPE_MIN_KEY ? 1 : -1);
}

/* $eq, $gt ..: only values of the operand's bracket pass (rules 9-11). */
static bool test_compare(const pq_filter_node *n, pq_value v) {
  pq_type t = pq_value_type(v);
  if (n->is_unbracketed) return test_unbracketed(n, v);
  switch (n->bracket) {
    case PQ_TYPE_INT32: return test_number(n, v, t);
    case PQ_TYPE_STRING: return test_string(n, v);
    case PQ_TYPE_MISSING:
    case PQ_TYPE_NULL: return (t == PQ_TYPE_NULL || t == PQ_TYPE_MISSING) && holds(n->op, 0);
    case PQ_TYPE_MIN_KEY:
    case PQ_TYPE_MAX_KEY:
      if (t == PQ_TYPE_MISSING) return false;
      return holds(n->op, (t > n->bracket) - (t < n->bracket));
    default: return t == n->bracket && holds(n->op, pq_value_collate(v, n->operand, n->collation));
  }
}

/* Text by the expression, a stored regular expression by equality (rule 59). */
static bool test_regex(const pq_filter_node *n, pq_value v) {
  pq_slice text;
  if (pq_value_string(v, &text)) return pq_regex_match(n->regex, text);
  return pq_value_type(v) == PQ_TYPE_REGEX && pq_value_is_equal(v, n->operand);
}

bool pq_filter_list_has(const pq_value *list, uint32_t count, pq_value v, pq_collation collation) {
  uint32_t low = 0, high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int c = pq_value_collate(v, list[middle], collation);
    if (c == 0) return true;
    if (c < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return false;
}

static bool test_in(const pq_filter_node *n, pq_value v) {
  if ((n->is_in_array || n->is_unbracketed) && pq_value_is_missing(v)) return false;
  for (const pq_filter_node *r = n->regexes; r != NULL; r = r->next)
    if (test_regex(r, v)) return true;
  return pq_filter_list_has(n->list, n->list_count, v, n->collation);
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

static bool match_node(match *m, const pq_filter_node *n, pq_value doc);

/* $elemMatch: nested arrays count as objects, scalars do not (rule 16). */
static bool test_elements(match *m, const pq_filter_node *n, pq_value v) {
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return false;
  count = pq_value_count(v);
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(v, i);
    if (n->op == PQ_LEAF_ELEM_OBJECT) {
      pq_type t = pq_value_type(element);
      if (t != PQ_TYPE_OBJECT && t != PQ_TYPE_ARRAY) continue;
    }
    if (match_node(m, n->kids, element)) return found_at(m, i);
  }
  return false;
}

static bool test(match *m, const pq_filter_node *n, pq_value v) {
  switch (n->op) {
    case PQ_LEAF_EQ:
    case PQ_LEAF_GT:
    case PQ_LEAF_GTE:
    case PQ_LEAF_LT:
    case PQ_LEAF_LTE: return test_compare(n, v);
    case PQ_LEAF_IN: return test_in(n, v);
    case PQ_LEAF_EXISTS: return !pq_value_is_missing(v);
    case PQ_LEAF_TYPE: return pq_type_set_has(n->types, v);
    case PQ_LEAF_SIZE:
      return pq_value_type(v) == PQ_TYPE_ARRAY && (int64_t)pq_value_count(v) == n->integer;
    case PQ_LEAF_MOD: return test_mod(n, v);
    case PQ_LEAF_BITS: return pq_bits_match(n->bits, v);
    case PQ_LEAF_STARTS:
    case PQ_LEAF_ENDS:
    case PQ_LEAF_CONTAINS: return test_text(n, v);
    case PQ_LEAF_REGEX: return test_regex(n, v);
    case PQ_LEAF_ELEM_VALUE:
    case PQ_LEAF_ELEM_OBJECT: return test_elements(m, n, v);
  }
  return false;
}

/* ---- the walk ---- */

/* The end of the path: elements first, then the array itself. */
static bool reach_end(match *m, const pq_filter_node *n, pq_value v) {
  bool looks_inside = n->op != PQ_LEAF_SIZE && n->op < PQ_LEAF_ELEM_VALUE;
  if (looks_inside && pq_value_type(v) == PQ_TYPE_ARRAY) {
    uint32_t count = pq_value_count(v);
    for (uint32_t i = 0; i < count; i++)
      if (test(m, n, pq_array_at(v, i))) return found_at(m, i);
  }
  return test(m, n, v);
}

static bool reach(match *m, const pq_filter_node *n, pq_value v, uint32_t part);

/* An array on the way: object elements are walked by name, one element also by index. */
static bool reach_array(match *m, const pq_filter_node *n, pq_value v, uint32_t part) {
  uint32_t count = pq_value_count(v), index = n->path->parts[part].index;
  bool is_last = part + 1 == n->path->count;
  pq_filter_node inside;
  /* DocumentDB: beyond an index of an array $in of several values does not take missing for null.
   * Of one value it is $eq. */
  if (n->op == PQ_LEAF_IN && n->list_count > 1 && index != PQ_PATH_NO_INDEX && !n->is_in_array) {
    inside = *n;
    inside.is_in_array = true;
    n = &inside;
  }
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(v, i);
    pq_type t = pq_value_type(element);
    if (t == PQ_TYPE_OBJECT && reach(m, n, element, part)) return found_at(m, i);
    if (i != index) continue;
    if (is_last ? test(m, n, element) : reach(m, n, element, part + 1)) return found_at(m, i);
  }
  return index != PQ_PATH_NO_INDEX && index >= count && test(m, n, (pq_value){0});
}

/* `v` stands where parts [0, part) lead to. Bounded by the number of parts. */
static bool reach(match *m, const pq_filter_node *n, pq_value v, uint32_t part) {
  for (; part < n->path->count; part++) {
    pq_type t = pq_value_type(v);
    if (t == PQ_TYPE_ARRAY) return reach_array(m, n, v, part);
    if (t != PQ_TYPE_OBJECT) return test(m, n, (pq_value){0});
    v = pq_object_get(v, n->path->parts[part].name);
  }
  return reach_end(m, n, v);
}

static bool match_leaf(match *m, const pq_filter_node *n, pq_value doc) {
  const pq_path_part *first;
  pq_value v;
  if (n->path == NULL) return test(m, n, doc);
  if (n->is_element) return reach(m, n, doc, 1);
  first = &n->path->parts[0];
  /* An array stands for a document only inside $elemMatch: its names are its indexes. */
  if (pq_value_type(doc) == PQ_TYPE_ARRAY) {
    v = pq_array_at(doc, first->index);
  } else {
    v = pq_object_get(doc, first->name);
  }
  if (n->is_system && pq_value_is_missing(v)) v = pq_object_get(m->system, first->name);
  return reach(m, n, v, 1);
}

/* ---- what is not a leaf ---- */

static bool match_expression(match *m, const pq_filter_node *n) {
  pq_value v;
  int *failure = m->filter->failure;
  if (*failure != PQ_OK) return false;
  *failure = pq_expression_eval(n->expression, m->eval, &v);
  return *failure == PQ_OK && pq_value_is_true(v);
}

static bool match_schema(match *m, const pq_filter_node *n, pq_value doc) {
  bool is_match = false;
  int *failure = m->filter->failure;
  if (*failure != PQ_OK) return false;
  *failure = pq_json_schema_match(n->schema, m->filter->cx, doc, &is_match);
  return is_match;
}

/* At least 0 and below 1: SplitMix64, the upper 53 bits. */
static double next_random(uint64_t *state) {
  uint64_t v = *state += 0x9e3779b97f4a7c15;
  v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
  v = (v ^ v >> 27) * 0x94d049bb133111eb;
  return (double)((v ^ v >> 31) >> 11) * 0x1p-53;
}

/* The path of a lone $eq or $in; NULL: something else. */
static const pq_path *listed_path(const pq_filter_node *n) {
  while (n->kind == PQ_NODE_AND && n->kids != NULL && n->kids->next == NULL)
    n = n->kids;
  if (n->kind != PQ_NODE_LEAF || (n->op != PQ_LEAF_EQ && n->op != PQ_LEAF_IN) || n->is_negated)
    return NULL;
  return n->path;
}

/* {"$or": [{"a": 1}, {"a": 2}]} is {"a": {"$in": [1, 2]}}. */
static bool is_list(const pq_filter_node *kids) {
  const pq_path *first = kids == NULL ? NULL : listed_path(kids);
  for (const pq_filter_node *kid = kids; first != NULL && kid != NULL; kid = kid->next) {
    const pq_path *path = listed_path(kid);
    if (path == NULL || !pq_slice_eq(path->text, first->text)) return false;
  }
  return first != NULL;
}

/* A branch tells no place, as in MongoDB, unless it is the only one or all of them are a list: then
 * the first element in the list is the place. */
static bool match_any(match *m, const pq_filter_node *kids, pq_value doc) {
  int64_t before = m->position, least = INT64_MAX;
  bool is_match = false, is_placing = m->is_placing && is_list(kids);
  if (kids != NULL && kids->next == NULL) return match_node(m, kids, doc);
  for (const pq_filter_node *kid = kids; kid != NULL; kid = kid->next) {
    m->position = INT64_MAX;
    if (!match_node(m, kid, doc)) continue;
    is_match = true;
    if (!is_placing) break;
    if (m->position < least) least = m->position;
  }
  m->position = is_placing && least < INT64_MAX ? least : before;
  return is_match;
}

static bool match_all(match *m, const pq_filter_node *kids, pq_value doc) {
  for (const pq_filter_node *kid = kids; kid != NULL; kid = kid->next)
    if (!match_node(m, kid, doc)) return false;
  return true;
}

static bool match_node(match *m, const pq_filter_node *n, pq_value doc) {
  int64_t position = m->position;
  bool is_match;
  switch (n->kind) {
    case PQ_NODE_LEAF:
      is_match = match_leaf(m, n, doc);
      if (!is_match || n->is_negated || n->is_placeless) m->position = position;
      return is_match != n->is_negated;
    case PQ_NODE_AND: return match_all(m, n->kids, doc);
    case PQ_NODE_OR: return match_any(m, n->kids, doc);
    case PQ_NODE_NOT:
      is_match = match_node(m, n->kids, doc);
      m->position = position; /* what was refused has no place */
      return !is_match;
    case PQ_NODE_FALSE: return false;
    case PQ_NODE_EXPR: return match_expression(m, n);
    case PQ_NODE_SCHEMA: return match_schema(m, n, doc);
    case PQ_NODE_SAMPLE: return next_random(&m->eval->random) < n->rate;
  }
  return false;
}

/* ---- the whole ---- */

/* The subject of expressions: the document with the fields of the system under it. */
static int set_root(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system) {
  pq_value both[2] = {system, doc};
  eval->root = doc;
  if (!f->is_merged || pq_value_is_missing(system)) return PQ_OK;
  return pq_merge_objects(eval, both, 2, &eval->root);
}

static bool run(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system,
                int64_t *position) {
  match m = {f, eval, system, -1, position != NULL};
  bool is_match;
  if (position != NULL) *position = -1;
  pq_assert(eval != NULL || !f->needs_eval);
  if (f->needs_eval && *f->failure == PQ_OK) *f->failure = set_root(f, eval, doc, system);
  is_match = match_node(&m, f->root, doc);
  if (is_match && position != NULL) *position = m.position;
  return is_match;
}

bool pq_filter_match(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system) {
  return run(f, eval, doc, system, NULL);
}

int64_t pq_filter_position(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system) {
  int64_t position;
  (void)run(f, eval, doc, system, &position);
  return position;
}

int pq_filter_status(const pq_filter *f) {
  if (*f->failure != PQ_OK) return *f->failure;
  return f->regexes == NULL ? PQ_OK : pq_regex_set_status(f->regexes);
}
