/* expr/filter_test.c - $exists $type $size $mod $startsWith $endsWith $contains become leaves.
 *
 * A type is a bit of a mask: those of pq_type, and for what is stored as rare objects those of
 * pq_rare_type_keys. "number" is four bits.
 */
#include "expr/filter_int.h"

typedef pq_filter_parser parser;
typedef pq_filter_node node;

const char *const pq_rare_type_keys[] = {"$undefined", "$dbPointer", "$code", "$symbol", NULL};

/* Truth values for normalised operands: an empty dictionary, then the primitive's header. */
static const uint8_t empty_meta[] = {0x01, 0x00, 0x00}, true_byte = 0x04, false_byte = 0x08;

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
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_EXISTS, out, &leaf));
  pq_filter_prepare(leaf,
                    (pq_value){empty_meta, want ? &true_byte : &false_byte, sizeof empty_meta, 1});
  leaf->is_negated = !want;
  return PQ_OK;
}

/* ---- $type ---- */
enum { NUMBER_CODE = 1000 }; /* "number" has no code of its own */

typedef struct type_name {
  const char *name;
  int code;
  pq_type_set set;
} type_name;

#define BIT(t) (1u << PQ_TYPE_##t)
static const type_name type_names[] = {
    {"double", 1, {BIT(DOUBLE), 0}},
    {"string", 2, {BIT(STRING), 0}},
    {"object", 3, {BIT(OBJECT), 0}},
    {"array", 4, {BIT(ARRAY), 0}},
    {"binData", 5, {BIT(BINARY), 0}},
    {"undefined", 6, {0, 1}},
    {"objectId", 7, {BIT(OBJECT_ID), 0}},
    {"bool", 8, {BIT(BOOL), 0}},
    {"date", 9, {BIT(DATE), 0}},
    {"null", 10, {BIT(NULL), 0}},
    {"regex", 11, {BIT(REGEX), 0}},
    {"dbPointer", 12, {0, 2}},
    {"javascript", 13, {0, 4}},
    {"symbol", 14, {0, 8}},
    {"javascriptWithScope", 15, {0, 0}},
    {"int", 16, {BIT(INT32), 0}},
    {"timestamp", 17, {BIT(TIMESTAMP), 0}},
    {"long", 18, {BIT(INT64), 0}},
    {"decimal", 19, {BIT(DECIMAL), 0}},
    {"minKey", -1, {BIT(MIN_KEY), 0}},
    {"maxKey", 127, {BIT(MAX_KEY), 0}},
    {"number", NUMBER_CODE, {BIT(INT32) | BIT(INT64) | BIT(DOUBLE) | BIT(DECIMAL), 0}}};

int pq_filter_add_type(parser *s, const char *operator, const pq_path * path, pq_value v,
                       pq_type_set *set) {
  pq_slice name = {0};
  double code = 0;
  bool is_name = pq_value_string(v, &name);
  if (!is_name && !pq_value_number(v, &code))
    return pq_fail_operand(s, operator, path, "needs names or numbers of types");
  for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
    const type_name *t = &type_names[i];
    bool is_it = is_name ? pq_slice_is(name, t->name) : t->code != NUMBER_CODE && code == t->code;
    if (!is_it) continue;
    if ((t->set.types | t->set.rare) == 0)
      return pq_fail(s->cx, PQ_EUNSUPPORTED,
                     "operator '%s' at path '%.*s': type '%s' is not supported yet", operator,
                     PQ_SHOW(pq_filter_path_text(path)), t->name);
    set->types |= t->set.types;
    set->rare |= t->set.rare;
    return PQ_OK;
  }
  if (is_name)
    return pq_fail(s->cx, PQ_EFILTER,
                   "operator '%s' at path '%.*s' names an unknown type '%.*s'", operator,
                   PQ_SHOW(pq_filter_path_text(path)), PQ_SHOW(name));
  return pq_fail(s->cx, PQ_EFILTER,
                 "operator '%s' at path '%.*s' names an unknown type %g", operator,
                 PQ_SHOW(pq_filter_path_text(path)), code);
}

bool pq_type_set_has(pq_type_set set, pq_value v) {
  pq_type t = pq_value_type(v);
  if (t == PQ_TYPE_MISSING) return false;
  /* Rare types are stored as objects; elsewhere $undefined passes for null, $symbol for text. */
  if ((t == PQ_TYPE_CODE || t == PQ_TYPE_NULL || t == PQ_TYPE_STRING) && pq_value_is_raw_object(v))
    for (unsigned i = 0; pq_rare_type_keys[i] != NULL; i++)
      if (!pq_value_is_missing(pq_object_get_str(v, pq_rare_type_keys[i])))
        return (set.rare >> i & 1) != 0;
  return (set.types >> (unsigned)t & 1) != 0;
}

static int parse_type(parser *s, const pq_path *path, pq_value operand, node *out) {
  uint32_t count = pq_value_count(operand);
  node *leaf;
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_TYPE, out, &leaf));
  if (pq_value_type(operand) != PQ_TYPE_ARRAY)
    return pq_filter_add_type(s, "$type", path, operand, &leaf->types);
  if (count == 0) return pq_fail_operand(s, "$type", path, "needs at least one type");
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_filter_add_type(s, "$type", path, pq_array_at(operand, i), &leaf->types));
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
    return pq_fail_operand(s, "$size", path, "needs a whole number that is not negative");
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_SIZE, out, &leaf));
  leaf->integer = size;
  return PQ_OK;
}

static int parse_mod(parser *s, const pq_path *path, pq_value operand, node *out) {
  int64_t divisor, remainder;
  node *leaf;
  if (pq_value_type(operand) != PQ_TYPE_ARRAY || pq_value_count(operand) != 2 ||
      !pq_value_truncate(pq_array_at(operand, 0), &divisor) ||
      !pq_value_truncate(pq_array_at(operand, 1), &remainder))
    return pq_fail_operand(s, "$mod", path, "needs [divisor, remainder], two numbers");
  if (divisor == 0) return pq_fail_operand(s, "$mod", path, "cannot divide by 0");
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_MOD, out, &leaf));
  leaf->integer = divisor;
  leaf->remainder = remainder;
  return PQ_OK;
}

static int add_text(parser *s, const pq_path *path, pq_leaf_op op, pq_value operand, node *out) {
  static const char *const names[] = {"$startsWith", "$endsWith", "$contains"};
  pq_slice text;
  node *leaf;
  if (!pq_value_string(operand, &text))
    return pq_fail_operand(s, names[op - PQ_LEAF_STARTS], path, "needs a string");
  PQ_TRY(pq_filter_new_leaf(s, path, op, out, &leaf));
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

const pq_predicate pq_test_predicates[] = {{"$exists", parse_exists},     {"$type", parse_type},
                                           {"$size", parse_size},         {"$mod", parse_mod},
                                           {"$startsWith", parse_starts}, {"$endsWith", parse_ends},
                                           {"$contains", parse_contains}, {NULL, NULL}};
