/* expr/filter_parse.c - a filter object becomes a tree of nodes. See filter.h and expr_int.h.
 *
 * The idea: two tables. `predicates` holds the operators that stand at a path and are evaluated;
 * pq_filter_operators all that MongoDB knows. A name in neither is unknown, a name only in the
 * second is not supported yet, and each mistake is told with the operator, the path and the
 * nearest name.
 *
 * $ne, $nin and $exists: false are leaves turned round, $nor is NOT of OR, $all is an AND of
 * equalities, an AND inside an AND is flattened, so that the positive leaves of the root are the
 * conjuncts for pushdown.
 *
 * Recursion is checked against limits.depth_max, the number of nodes against filter_nodes_max.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "expr/expr_int.h"

const char *const pq_filter_operators[] = {"$eq",
                                           "$ne",
                                           "$gt",
                                           "$gte",
                                           "$lt",
                                           "$lte",
                                           "$in",
                                           "$nin",
                                           "$and",
                                           "$or",
                                           "$nor",
                                           "$not",
                                           "$exists",
                                           "$type",
                                           "$size",
                                           "$all",
                                           "$elemMatch",
                                           "$mod",
                                           "$startsWith",
                                           "$endsWith",
                                           "$contains",
                                           "$comment",
                                           "$regex",
                                           "$options",
                                           "$expr",
                                           "$jsonSchema",
                                           "$text",
                                           "$where",
                                           "$bitsAllClear",
                                           "$bitsAllSet",
                                           "$bitsAnyClear",
                                           "$bitsAnySet",
                                           "$geoIntersects",
                                           "$geoWithin",
                                           "$near",
                                           "$nearSphere",
                                           "$within",
                                           "$geometry",
                                           "$maxDistance",
                                           "$minDistance",
                                           "$center",
                                           "$centerSphere",
                                           "$box",
                                           "$polygon",
                                           "$uniqueDocs",
                                           "$geoNear",
                                           "$vector",
                                           "$geo",
                                           "$rand",
                                           "$sampleRate",
                                           "$alwaysTrue",
                                           "$alwaysFalse",
                                           "$search",
                                           "$language",
                                           "$caseSensitive",
                                           "$diacriticSensitive",
                                           NULL};

/* Known, but they take no path in front of them. */
static const char *const top_operators[] = {"$and", "$or", "$nor", "$comment", NULL};

/* Names with a dollar that are fields: of the system, and of MongoDB's references to documents. */
static const char *const system_fields[] = {"$id",       "$type",     "name",      "createdAt",
                                            "createdBy", "updatedAt", "updatedBy", "version",
                                            "deletedAt", "deletedBy", NULL};
static const char *const reference_fields[] = {"$ref", "$id", "$db", NULL};

const char *const pq_rare_type_keys[] = {"$undefined", "$dbPointer", "$code", "$symbol", NULL};

/* Truth values for normalised operands: an empty dictionary, then the primitive's header. */
static const uint8_t empty_meta[] = {0x01, 0x00, 0x00}, true_byte = 0x04, false_byte = 0x08;

typedef struct parser {
  pq_arena *arena;
  pq_cx *cx;
  uint32_t node_count;
  uint32_t depth;
  uint32_t element_depth; /* inside so many $elemMatch */
  bool uses_system;
  bool is_element; /* leaves outside of $elemMatch test the subject itself */
  pq_regex_set *regexes;
} parser;

typedef pq_filter_node node;
typedef int (*predicate_fn)(parser *s, const pq_path *path, pq_value operand, node *out);

bool pq_is_system_field(pq_slice name) {
  return pq_name_in(name, system_fields);
}

/* ---- nodes ---- */
static int new_node(parser *s, pq_node_kind kind, node **out) {
  *out = NULL;
  if (++s->node_count > s->cx->limits.filter_nodes_max)
    return pq_fail(s->cx, PQ_ELIMIT, "the filter has more than %u predicates",
                   (unsigned)s->cx->limits.filter_nodes_max);
  *out = pq_arena_calloc(s->arena, 1, sizeof **out);
  if (*out == NULL) return s->cx->code;
  (*out)->kind = kind;
  return PQ_OK;
}

/* Add a kid; an AND in an AND hands over its kids. */
static void append(node *parent, node *kid) {
  node *last = kid;
  if (parent->kind == PQ_NODE_AND && kid->kind == PQ_NODE_AND) {
    last = kid->last;
    kid = kid->kids;
    if (kid == NULL) return;
  }
  if (parent->last == NULL) {
    parent->kids = kid;
  } else {
    parent->last->next = kid;
  }
  parent->last = last;
}

static int new_leaf(parser *s, const pq_path *path, pq_leaf_op op, node *parent, node **out) {
  PQ_TRY(new_node(s, PQ_NODE_LEAF, out));
  (*out)->op = op;
  (*out)->path = path;
  (*out)->is_system =
      path != NULL && s->element_depth == 0 && pq_is_system_field(path->parts[0].name);
  if ((*out)->is_system) s->uses_system = true;
  (*out)->is_element = s->is_element && s->element_depth == 0;
  append(parent, *out);
  return PQ_OK;
}

void pq_filter_prepare(node *n, pq_value operand) {
  n->operand = operand;
  n->type = pq_value_type(operand);
  n->bracket = pq_type_bracket(n->type);
  /* Each leaves the field alone when the type is another. */
  (void)pq_value_i64(operand, &n->integer);
  (void)pq_value_string(operand, &n->text);
}

/* ---- failures ---- */
static pq_slice path_text(const pq_path *path) {
  return path == NULL ? PQ_SLICE("(element)") : path->text;
}

/* "operator '$in' at path 'a' <what>" */
static int fail_operand(parser *s, const char *operator, const pq_path * path, const char *what) {
  return pq_fail(s->cx, PQ_EFILTER, "operator '%s' at path '%.*s' %s", operator,
                 PQ_SHOW(path_text(path)), what);
}

static int fail_unsupported(parser *s, pq_slice operator, const pq_path * path) {
  if (path == NULL && s->element_depth == 0)
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%.*s' is not supported yet",
                   PQ_SHOW(operator));
  return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%.*s' at path '%.*s' is not supported yet",
                 PQ_SHOW(operator), PQ_SHOW(path_text(path)));
}

/* An operator at a path that is no predicate of ours. */
static int fail_operator(parser *s, pq_slice name, const pq_path *path) {
  const char *nearest;
  if (pq_name_in(name, top_operators))
    return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' does not apply to a path, here '%.*s'",
                   PQ_SHOW(name), PQ_SHOW(path_text(path)));
  if (pq_name_in(name, pq_filter_operators)) return fail_unsupported(s, name, path);
  nearest = pq_nearest(name, pq_filter_operators);
  if (nearest != NULL)
    return pq_fail(s->cx, PQ_EFILTER, "unknown operator '%.*s' at path '%.*s': did you mean '%s'?",
                   PQ_SHOW(name), PQ_SHOW(path_text(path)), nearest);
  return pq_fail(s->cx, PQ_EFILTER, "unknown operator '%.*s' at path '%.*s'", PQ_SHOW(name),
                 PQ_SHOW(path_text(path)));
}

static int enter(parser *s) {
  if (++s->depth > s->cx->limits.depth_max)
    return pq_fail(s->cx, PQ_ELIMIT, "the filter is nested deeper than %u",
                   (unsigned)s->cx->limits.depth_max);
  return PQ_OK;
}

static int read_fields(parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

static bool is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

/* {"$gt": 1}: an object whose first field is an operator. {"$ref": …} and the like are values. */
static int check_operators(parser *s, pq_value v, bool *out) {
  pq_field *fields;
  uint32_t count;
  *out = false;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return PQ_OK;
  PQ_TRY(read_fields(s, v, &fields, &count));
  if (count == 0 || !is_dollar(fields[0].name)) return PQ_OK;
  *out = !pq_name_in(fields[0].name, reference_fields) && !pq_slice_is(fields[0].name, "$literal");
  return PQ_OK;
}

/* ---- predicates: each adds to `out`, an AND ---- */
static int add_compare(parser *s, const pq_path *path, pq_leaf_op op, pq_value operand, node *out) {
  node *leaf;
  if (op != PQ_LEAF_EQ && pq_value_type(operand) == PQ_TYPE_REGEX)
    return fail_operand(s, "$gt, $gte, $lt or $lte", path, "cannot take a regular expression");
  PQ_TRY(new_leaf(s, path, op, out, &leaf));
  pq_filter_prepare(leaf, operand);
  return PQ_OK;
}
static int parse_eq(parser *s, const pq_path *path, pq_value operand, node *out) {
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
  node *leaf;
  if (pq_value_type(operand) == PQ_TYPE_REGEX)
    return fail_operand(s, "$ne", path, "cannot take a regular expression");
  PQ_TRY(new_leaf(s, path, PQ_LEAF_EQ, out, &leaf));
  pq_filter_prepare(leaf, operand);
  leaf->is_negated = true;
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

static int set_regex(parser *s, node *leaf, pq_slice pattern, pq_slice options) {
  if (s->regexes == NULL) PQ_TRY(pq_regex_set_new(s->arena, &s->regexes));
  PQ_TRY(pq_regex_compile(s->regexes, pattern, options, &leaf->regex));
  return pq_regex_prefix(s->arena, pattern, options, &leaf->prefix);
}

/* A REGEX value where a predicate is expected. */
static int parse_regex_value(parser *s, const pq_path *path, pq_value v, node *out) {
  pq_slice pattern, options;
  node *leaf;
  if (!pq_value_regex(v, &pattern, &options))
    return fail_operand(s, "$regex", path, "is no regular expression");
  PQ_TRY(new_leaf(s, path, PQ_LEAF_REGEX, out, &leaf));
  pq_filter_prepare(leaf, v);
  return set_regex(s, leaf, pattern, options);
}

/* {"$regex": "…" or a REGEX value, "$options": "i"} */
static int parse_regex(parser *s, const pq_path *path, pq_value spec, node *out) {
  pq_value operand = pq_object_get_str(spec, "$regex");
  pq_value option_value = pq_object_get_str(spec, "$options");
  pq_slice pattern, options = {0}, own_options = {0};
  node *leaf;
  if (pq_value_is_missing(operand)) return fail_operand(s, "$options", path, "needs a $regex");
  if (!pq_value_string(operand, &pattern) && !pq_value_regex(operand, &pattern, &own_options))
    return fail_operand(s, "$regex", path, "needs a string or a regular expression");
  if (!pq_value_is_missing(option_value) && !pq_value_string(option_value, &options))
    return fail_operand(s, "$options", path, "needs a string");
  if (own_options.n > 0 && !pq_value_is_missing(option_value))
    return fail_operand(s, "$options", path, "repeats the options of the regular expression");
  if (own_options.n > 0) options = own_options;
  PQ_TRY(new_leaf(s, path, PQ_LEAF_REGEX, out, &leaf));
  if (pq_value_type(operand) == PQ_TYPE_REGEX) pq_filter_prepare(leaf, operand);
  return set_regex(s, leaf, pattern, options);
}

static int compare_values(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_value_compare(*(const pq_value *)a, *(const pq_value *)b);
}

static int add_in(parser *s, const pq_path *path, const char *operator, pq_value operand,
                  node *out) {
  uint32_t count = pq_value_count(operand);
  bool is_operators;
  pq_value *list;
  node *leaf, *regexes;
  if (pq_value_type(operand) != PQ_TYPE_ARRAY)
    return fail_operand(s, operator, path, "needs an array");
  list = pq_arena_calloc(s->arena, count, sizeof *list);
  if (list == NULL) return s->cx->code;
  PQ_TRY(new_node(s, PQ_NODE_OR, &regexes));
  for (uint32_t i = 0; i < count; i++) {
    list[i] = pq_array_at(operand, i);
    if (pq_value_type(list[i]) == PQ_TYPE_REGEX)
      PQ_TRY(parse_regex_value(s, NULL, list[i], regexes));
    PQ_TRY(check_operators(s, list[i], &is_operators));
    if (is_operators) return fail_operand(s, operator, path, "cannot hold operators");
  }
  PQ_TRY(pq_sort_items(s->cx, list, count, sizeof *list, compare_values, NULL));
  PQ_TRY(new_leaf(s, path, PQ_LEAF_IN, out, &leaf));
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

bool pq_value_is_true(pq_value v) {
  bool as_bool;
  double number;
  pq_type t = pq_value_type(v);
  if (pq_value_bool(v, &as_bool)) return as_bool;
  if (pq_value_number(v, &number)) return number != 0;
  return t != PQ_TYPE_NULL && t != PQ_TYPE_MISSING;
}

static int parse_exists(parser *s, const pq_path *path, pq_value operand, node *out) {
  bool want = pq_value_is_true(operand);
  node *leaf;
  PQ_TRY(new_leaf(s, path, PQ_LEAF_EXISTS, out, &leaf));
  pq_filter_prepare(leaf,
                    (pq_value){empty_meta, want ? &true_byte : &false_byte, sizeof empty_meta, 1});
  leaf->is_negated = !want;
  return PQ_OK;
}

/* ---- $type ---- */
typedef struct type_name {
  const char *name;
  int code;
  uint32_t mask;      /* of pq_type */
  uint32_t rare_mask; /* of pq_rare_type_keys */
} type_name;

#define BIT(t) (1u << PQ_TYPE_##t)
static const type_name type_names[] = {
    {"double", 1, BIT(DOUBLE), 0},
    {"string", 2, BIT(STRING), 0},
    {"object", 3, BIT(OBJECT), 0},
    {"array", 4, BIT(ARRAY), 0},
    {"binData", 5, BIT(BINARY), 0},
    {"undefined", 6, 0, 1},
    {"objectId", 7, BIT(OBJECT_ID), 0},
    {"bool", 8, BIT(BOOL), 0},
    {"date", 9, BIT(DATE), 0},
    {"null", 10, BIT(NULL), 0},
    {"regex", 11, BIT(REGEX), 0},
    {"dbPointer", 12, 0, 2},
    {"javascript", 13, 0, 4},
    {"symbol", 14, 0, 8},
    {"javascriptWithScope", 15, 0, 0},
    {"int", 16, BIT(INT32), 0},
    {"timestamp", 17, BIT(TIMESTAMP), 0},
    {"long", 18, BIT(INT64), 0},
    {"decimal", 19, BIT(DECIMAL), 0},
    {"minKey", -1, BIT(MIN_KEY), 0},
    {"maxKey", 127, BIT(MAX_KEY), 0},
    {"number", 1000, BIT(INT32) | BIT(INT64) | BIT(DOUBLE) | BIT(DECIMAL), 0}};

static int add_type(parser *s, const pq_path *path, pq_value v, node *leaf) {
  pq_slice name = {0};
  double code = 0;
  bool is_name = pq_value_string(v, &name);
  if (!is_name && !pq_value_number(v, &code))
    return fail_operand(s, "$type", path, "needs names or numbers of types");
  for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
    const type_name *t = &type_names[i];
    if (is_name ? !pq_slice_is(name, t->name) : t->code == 1000 || code != t->code) continue;
    if ((t->mask | t->rare_mask) == 0)
      return pq_fail(s->cx, PQ_EUNSUPPORTED, "type '%s' at path '%.*s' is not supported yet",
                     t->name, PQ_SHOW(path_text(path)));
    leaf->type_mask |= t->mask;
    leaf->rare_mask |= t->rare_mask;
    return PQ_OK;
  }
  return fail_operand(s, "$type", path, "names an unknown type");
}

static int parse_type(parser *s, const pq_path *path, pq_value operand, node *out) {
  uint32_t count = pq_value_count(operand);
  node *leaf;
  PQ_TRY(new_leaf(s, path, PQ_LEAF_TYPE, out, &leaf));
  if (pq_value_type(operand) != PQ_TYPE_ARRAY) return add_type(s, path, operand, leaf);
  if (count == 0) return fail_operand(s, "$type", path, "needs at least one type");
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_type(s, path, pq_array_at(operand, i), leaf));
  return PQ_OK;
}

/* ---- $size, $mod, text ---- */
bool pq_value_truncate(pq_value v, int64_t *out) {
  pq_decimal d;
  double real;
  if (pq_value_i64(v, out)) return true;
  if (pq_value_decimal(v, &d)) {
    /* Divide the 128 bits by ten, 32 bits at a time. */
    for (; d.scale > 0; d.scale--) {
      uint64_t rest = d.hi % 10, upper;
      d.hi /= 10;
      upper = rest << 32 | d.lo >> 32;
      rest = upper % 10;
      d.lo = upper / 10 << 32 | (rest << 32 | (d.lo & UINT32_MAX)) / 10;
    }
    if (d.hi != 0 || d.lo > (uint64_t)INT64_MAX) return false;
    *out = d.is_negative ? -(int64_t)d.lo : (int64_t)d.lo;
    return true;
  }
  /* 2^63 itself does not fit; the comparison is false for NaN. */
  if (!pq_value_number(v, &real) || !(real >= -0x1p63 && real < 0x1p63)) return false;
  *out = (int64_t)real;
  return true;
}

static int parse_size(parser *s, const pq_path *path, pq_value operand, node *out) {
  double number;
  int64_t size;
  node *leaf;
  if (!pq_value_number(operand, &number) || !pq_value_truncate(operand, &size) || size < 0 ||
      (double)size != number)
    return fail_operand(s, "$size", path, "needs a whole number that is not negative");
  PQ_TRY(new_leaf(s, path, PQ_LEAF_SIZE, out, &leaf));
  leaf->integer = size;
  return PQ_OK;
}

static int parse_mod(parser *s, const pq_path *path, pq_value operand, node *out) {
  int64_t divisor, remainder;
  node *leaf;
  if (pq_value_type(operand) != PQ_TYPE_ARRAY || pq_value_count(operand) != 2 ||
      !pq_value_truncate(pq_array_at(operand, 0), &divisor) ||
      !pq_value_truncate(pq_array_at(operand, 1), &remainder))
    return fail_operand(s, "$mod", path, "needs [divisor, remainder], two numbers");
  if (divisor == 0) return fail_operand(s, "$mod", path, "cannot divide by 0");
  PQ_TRY(new_leaf(s, path, PQ_LEAF_MOD, out, &leaf));
  leaf->integer = divisor;
  leaf->remainder = remainder;
  return PQ_OK;
}

static int add_text(parser *s, const pq_path *path, pq_leaf_op op, pq_value operand, node *out) {
  pq_slice text;
  node *leaf;
  if (!pq_value_string(operand, &text))
    return fail_operand(s,
                        op == PQ_LEAF_STARTS ? "$startsWith"
                        : op == PQ_LEAF_ENDS ? "$endsWith"
                                             : "$contains",
                        path, "needs a string");
  PQ_TRY(new_leaf(s, path, op, out, &leaf));
  leaf->text = text;
  return PQ_OK;
}
static int parse_starts(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_text(s, path, PQ_LEAF_STARTS, operand, out);
}
static int parse_ends(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_text(s, path, PQ_LEAF_ENDS, operand, out);
}
static int parse_contains(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_text(s, path, PQ_LEAF_CONTAINS, operand, out);
}

/* ---- predicates that hold others ---- */
static int parse_predicates(parser *s, const pq_path *path, pq_value spec, node *out);
static int parse_object(parser *s, pq_value spec, node *out);

static int parse_not(parser *s, const pq_path *path, pq_value operand, node *out) {
  bool is_operators;
  node *negation, *inner;
  bool is_regex = pq_value_type(operand) == PQ_TYPE_REGEX;
  PQ_TRY(check_operators(s, operand, &is_operators));
  if (!is_operators && !is_regex)
    return fail_operand(s, "$not", path, "needs an object of operators or a regular expression");
  PQ_TRY(new_node(s, PQ_NODE_NOT, &negation));
  PQ_TRY(new_node(s, PQ_NODE_AND, &inner));
  PQ_TRY(is_regex ? parse_regex_value(s, path, operand, inner)
                  : parse_predicates(s, path, operand, inner));
  append(negation, inner);
  append(out, negation);
  return PQ_OK;
}

/* Operators test the element itself, unless the first is $and, $or or $nor: those stand at the
 * top of a filter. */
static int parse_elem_match(parser *s, const pq_path *path, pq_value operand, node *out) {
  pq_field *fields;
  uint32_t count;
  bool is_operators;
  node *leaf, *inner;
  int rc;
  if (pq_value_type(operand) != PQ_TYPE_OBJECT)
    return fail_operand(s, "$elemMatch", path, "needs an object");
  PQ_TRY(check_operators(s, operand, &is_operators));
  if (is_operators) {
    PQ_TRY(read_fields(s, operand, &fields, &count));
    is_operators = !pq_name_in(fields[0].name, top_operators);
  }
  PQ_TRY(new_leaf(s, path, is_operators ? PQ_LEAF_ELEM_VALUE : PQ_LEAF_ELEM_OBJECT, out, &leaf));
  PQ_TRY(new_node(s, PQ_NODE_AND, &inner));
  s->element_depth++;
  rc = is_operators ? parse_predicates(s, NULL, operand, inner) : parse_object(s, operand, inner);
  s->element_depth--;
  leaf->kids = inner;
  return rc;
}

/* One member of $all: a value, or {"$elemMatch": …} when the first member is one. */
static int add_all_member(parser *s, const pq_path *path, pq_value v, bool wants_match, node *out) {
  pq_value match = {0};
  bool is_operators;
  PQ_TRY(check_operators(s, v, &is_operators));
  if (is_operators) match = pq_object_get_str(v, "$elemMatch");
  if (is_operators && (pq_value_is_missing(match) || pq_value_count(v) != 1 || !wants_match))
    return fail_operand(s, "$all", path, "cannot hold operators");
  if (wants_match && !is_operators)
    return fail_operand(s, "$all", path, "cannot mix $elemMatch and values");
  if (wants_match) return parse_elem_match(s, path, match, out);
  if (pq_value_type(v) == PQ_TYPE_REGEX) return parse_regex_value(s, path, v, out);
  return parse_eq(s, path, v, out);
}

static int parse_all(parser *s, const pq_path *path, pq_value operand, node *out) {
  uint32_t count = pq_value_count(operand);
  bool wants_match;
  node *nothing;
  if (pq_value_type(operand) != PQ_TYPE_ARRAY)
    return fail_operand(s, "$all", path, "needs an array");
  if (count == 0) {
    PQ_TRY(new_node(s, PQ_NODE_FALSE, &nothing));
    append(out, nothing);
    return PQ_OK;
  }
  PQ_TRY(check_operators(s, pq_array_at(operand, 0), &wants_match));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_all_member(s, path, pq_array_at(operand, i), wants_match, out));
  return PQ_OK;
}

typedef struct predicate {
  const char *name;
  predicate_fn parse;
} predicate;

static const predicate predicates[] = {{"$eq", parse_eq},         {"$ne", parse_ne},
                                       {"$gt", parse_gt},         {"$gte", parse_gte},
                                       {"$lt", parse_lt},         {"$lte", parse_lte},
                                       {"$in", parse_in},         {"$nin", parse_nin},
                                       {"$exists", parse_exists}, {"$not", parse_not},
                                       {"$type", parse_type},     {"$size", parse_size},
                                       {"$all", parse_all},       {"$elemMatch", parse_elem_match},
                                       {"$mod", parse_mod},       {"$startsWith", parse_starts},
                                       {"$endsWith", parse_ends}, {"$contains", parse_contains}};

static int parse_predicate(parser *s, const pq_path *path, const pq_field *field, node *out) {
  for (size_t i = 0; i < sizeof predicates / sizeof *predicates; i++)
    if (pq_slice_is(field->name, predicates[i].name))
      return predicates[i].parse(s, path, field->value, out);
  return fail_operator(s, field->name, path);
}

/* {"$gt": 1, "$lt": 5} */
static int parse_predicates(parser *s, const pq_path *path, pq_value spec, node *out) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(enter(s));
  PQ_TRY(read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    /* The two are one predicate; $regex takes both. */
    bool is_regex = pq_slice_is(fields[i].name, "$regex");
    bool is_options = pq_slice_is(fields[i].name, "$options");
    if (is_options && !pq_value_is_missing(pq_object_get_str(spec, "$regex"))) continue;
    PQ_TRY(is_regex || is_options ? parse_regex(s, path, spec, out)
                                  : parse_predicate(s, path, &fields[i], out));
  }
  s->depth--;
  return PQ_OK;
}

/* ---- the top ---- */

/* "a.b": value, or "a.b": {operators} */
static int parse_field(parser *s, const pq_field *field, node *out) {
  pq_path *path = pq_arena_calloc(s->arena, 1, sizeof *path);
  bool is_operators;
  int rc;
  if (path == NULL) return s->cx->code;
  rc = pq_path_parse(s->arena, field->name, path);
  if (rc == PQ_EINVALID)
    return pq_fail(s->cx, PQ_EFILTER, "'%.*s' is no valid path", PQ_SHOW(field->name));
  PQ_TRY(rc);
  PQ_TRY(check_operators(s, field->value, &is_operators));
  if (is_operators) return parse_predicates(s, path, field->value, out);
  if (pq_value_type(field->value) == PQ_TYPE_REGEX)
    return parse_regex_value(s, path, field->value, out);
  return parse_eq(s, path, field->value, out);
}

/* $and, $or, $nor: an array of filters, at least one. */
static int parse_logic(parser *s, const pq_field *field, node *out) {
  uint32_t count = pq_value_count(field->value);
  node *group = out, *negation, *kid;
  if (pq_value_type(field->value) != PQ_TYPE_ARRAY || count == 0)
    return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' needs an array of at least one filter",
                   PQ_SHOW(field->name));
  if (!pq_slice_is(field->name, "$and")) PQ_TRY(new_node(s, PQ_NODE_OR, &group));
  for (uint32_t i = 0; i < count; i++) {
    pq_value filter = pq_array_at(field->value, i);
    if (pq_value_type(filter) != PQ_TYPE_OBJECT)
      return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' holds a value that is no filter",
                     PQ_SHOW(field->name));
    PQ_TRY(new_node(s, PQ_NODE_AND, &kid));
    PQ_TRY(parse_object(s, filter, kid));
    append(group, kid);
  }
  if (group == out) return PQ_OK;
  if (pq_slice_is(field->name, "$or")) {
    append(out, group);
    return PQ_OK;
  }
  PQ_TRY(new_node(s, PQ_NODE_NOT, &negation));
  append(negation, group);
  append(out, negation);
  return PQ_OK;
}

static int parse_top_operator(parser *s, const pq_field *field, node *out) {
  const char *nearest;
  if (pq_slice_is(field->name, "$comment")) return PQ_OK;
  if (pq_name_in(field->name, top_operators)) return parse_logic(s, field, out);
  for (size_t i = 0; i < sizeof predicates / sizeof *predicates; i++)
    if (pq_slice_is(field->name, predicates[i].name))
      return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' needs a path: {\"path\": {\"%.*s\": ...}}",
                     PQ_SHOW(field->name), PQ_SHOW(field->name));
  if (pq_name_in(field->name, pq_filter_operators))
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%.*s' is not supported yet",
                   PQ_SHOW(field->name));
  nearest = pq_nearest(field->name, pq_filter_operators);
  if (nearest == NULL)
    return pq_fail(s->cx, PQ_EFILTER, "unknown operator '%.*s'", PQ_SHOW(field->name));
  return pq_fail(s->cx, PQ_EFILTER, "unknown operator '%.*s': did you mean '%s'?",
                 PQ_SHOW(field->name), nearest);
}

static int parse_object(parser *s, pq_value spec, node *out) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(enter(s));
  PQ_TRY(read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    bool is_path =
        !is_dollar(fields[i].name) ||
        pq_name_in(fields[i].name, s->element_depth == 0 ? system_fields : reference_fields);
    PQ_TRY(is_path ? parse_field(s, &fields[i], out) : parse_top_operator(s, &fields[i], out));
  }
  s->depth--;
  return PQ_OK;
}

/* A string value: an empty dictionary, a header, the length, the bytes. */
static int make_text(parser *s, pq_slice text, pq_value *out) {
  uint8_t *p;
  *out = (pq_value){0};
  if (text.n > UINT32_MAX - 5) return pq_fail(s->cx, PQ_ELIMIT, "a text of the filter is too long");
  p = pq_arena_alloc(s->arena, text.n + 5);
  if (p == NULL) return s->cx->code;
  p[0] = 16 << 2; /* parquet-format: VariantEncoding.md, string */
  pq_wr32(p + 1, (uint32_t)text.n);
  memcpy(p + 5, text.p, text.n);
  *out = (pq_value){empty_meta, p, sizeof empty_meta, (uint32_t)text.n + 5};
  return PQ_OK;
}

/* A text above all that begin with `prefix`: its last ASCII character is grown by one and what
 * stands behind it is cut. Not the least such text, but always UTF-8. Empty: there is none. */
static int text_after(parser *s, pq_slice prefix, pq_slice *out) {
  uint8_t *p;
  size_t n = prefix.n;
  PQ_TRY(pq_arena_copy(s->arena, prefix, out));
  p = (uint8_t *)(uintptr_t)out->p;
  while (n > 0 && p[n - 1] >= 0x7f)
    n--;
  if (n > 0) p[n - 1]++;
  out->n = n;
  return PQ_OK;
}

/* ^abc: at least "abc" and below "abd" (rule 59). */
static int add_prefix(parser *s, pq_filter *f, const node *n) {
  pq_value low, high;
  pq_slice end;
  PQ_TRY(make_text(s, n->prefix, &low));
  f->conjuncts[f->conjunct_count++] = (pq_conjunct){n->path, PQ_OP_GTE, low};
  PQ_TRY(text_after(s, n->prefix, &end));
  if (end.n == 0) return PQ_OK;
  PQ_TRY(make_text(s, end, &high));
  f->conjuncts[f->conjunct_count++] = (pq_conjunct){n->path, PQ_OP_LT, high};
  return PQ_OK;
}

static int collect_conjuncts(parser *s, pq_filter *f) {
  /* A regular expression with a prefix gives two. */
  f->conjuncts = pq_arena_calloc(s->arena, (size_t)s->node_count * 2, sizeof *f->conjuncts);
  if (f->conjuncts == NULL) return s->cx->code;
  f->is_whole = true;
  for (const node *n = f->root->kids; n != NULL; n = n->next) {
    bool is_plain = n->kind == PQ_NODE_LEAF && n->op <= PQ_LEAF_EXISTS &&
                    (!n->is_negated || n->op == PQ_LEAF_EXISTS) && n->regexes == NULL;
    if (n->kind == PQ_NODE_LEAF && n->op == PQ_LEAF_REGEX && n->prefix.n > 0)
      PQ_TRY(add_prefix(s, f, n));
    if (is_plain) {
      f->conjuncts[f->conjunct_count++] = (pq_conjunct){n->path, (pq_compare_op)n->op, n->operand};
    } else {
      f->is_whole = false;
    }
  }
  return PQ_OK;
}

static int finish(parser *s, pq_filter *f, pq_filter **out) {
  PQ_TRY(collect_conjuncts(s, f));
  f->uses_system = s->uses_system;
  f->regexes = s->regexes;
  *out = f;
  return PQ_OK;
}

int pq_filter_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_filter **out) {
  parser s = {.arena = arena, .cx = arena->cx};
  pq_filter *f;
  pq_value copy;
  *out = NULL;
  (void)env;
  if (!pq_value_is_missing(spec) && pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s.cx, PQ_EFILTER, "a filter must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  f = pq_arena_calloc(arena, 1, sizeof *f);
  if (f == NULL) return s.cx->code;
  PQ_TRY(new_node(&s, PQ_NODE_AND, &f->root));
  if (!pq_value_is_missing(copy)) PQ_TRY(parse_object(&s, copy, f->root));
  return finish(&s, f, out);
}

int pq_filter_parse_element(pq_arena *arena, pq_value spec, pq_filter **out, bool *needs_object) {
  parser s = {.arena = arena, .cx = arena->cx};
  pq_field field = {PQ_SLICE("element"), {0}}, *fields;
  uint32_t count;
  pq_filter *f;
  *out = NULL;
  *needs_object = false;
  PQ_TRY(check_operators(&s, spec, &s.is_element));
  if (s.is_element) {
    PQ_TRY(read_fields(&s, spec, &fields, &count));
    s.is_element = !pq_name_in(fields[0].name, top_operators);
  }
  if (pq_value_type(spec) == PQ_TYPE_REGEX) s.is_element = true;
  *needs_object = !s.is_element;
  if (!s.is_element) return pq_filter_parse(arena, NULL, spec, out);
  PQ_TRY(pq_value_copy(arena, spec, &field.value));
  f = pq_arena_calloc(arena, 1, sizeof *f);
  if (f == NULL) return s.cx->code;
  PQ_TRY(new_node(&s, PQ_NODE_AND, &f->root));
  PQ_TRY(parse_field(&s, &field, f->root));
  return finish(&s, f, out);
}

bool pq_filter_uses_system(const pq_filter *f) {
  return f->uses_system;
}

bool pq_filter_is_empty(const pq_filter *f) {
  return f->root->kids == NULL;
}

const pq_conjunct *pq_filter_conjuncts(const pq_filter *f, uint32_t *count, bool *is_whole) {
  *count = f->conjunct_count;
  *is_whole = f->is_whole;
  return f->conjuncts;
}
