/* expr/filter_parse.c - a filter object becomes a tree of nodes. See filter.h and filter_int.h.
 *
 * The idea: what a name means is decided by where it stands. At the top: $and, $expr …, or a path.
 * Behind a path: an object whose first name begins with '$' holds predicates, which are rows of
 * tables; anything else is a value to be equal to.
 *
 *   {"a": {"$gt": 1, "$lt": 5}, "$or": [{"b": 2}, {"c": {"d": 3}}]}
 *
 *   AND ─┬─ a GT 1
 *        ├─ a LT 5
 *        └─ OR ─┬─ b EQ 2
 *               └─ c EQ {"d": 3}
 *
 * $nor is NOT of OR, $all is an AND of equalities, an AND inside an AND is flattened, so that the
 * kids of the root are what must hold. Recursion is checked against limits.depth_max, the number of
 * nodes against filter_nodes_max.
 */
#include "expr/filter_int.h"
#include "expr/json_schema.h"

typedef pq_filter_parser parser;
typedef pq_filter_node node;

/* Operators that let $elemMatch hold a filter, not predicates. */
static const char *const logic_operators[] = {"$and", "$or", "$nor", NULL};

/* Names with a dollar that are fields: of the system, and of MongoDB's references to documents. */
static const char *const system_fields[] = {"$id",       "$type",     "name",      "createdAt",
                                            "createdBy", "updatedAt", "updatedBy", "version",
                                            "deletedAt", "deletedBy", NULL};
static const char *const reference_fields[] = {"$ref", "$id", "$db", NULL};

bool pq_is_system_field(pq_slice name) {
  return pq_name_in(name, system_fields);
}

/* ---- nodes ---- */
int pq_filter_count_node(parser *s) {
  if (++s->node_count <= s->cx->limits.filter_nodes_max) return PQ_OK;
  return pq_fail(s->cx, PQ_ELIMIT, "the filter has more than %u predicates",
                 (unsigned)s->cx->limits.filter_nodes_max);
}

int pq_filter_new_node(parser *s, pq_node_kind kind, node **out) {
  *out = NULL;
  PQ_TRY(pq_filter_count_node(s));
  *out = pq_arena_calloc(s->arena, 1, sizeof **out);
  if (*out == NULL) return s->cx->code;
  (*out)->kind = kind;
  return PQ_OK;
}

void pq_filter_append(node *parent, node *kid) {
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

/* Names that are looked up in the system object too. */
static void mark_first(parser *s, pq_slice name, node *leaf) {
  bool is_key = pq_slice_is(name, "_id"), is_system = pq_is_system_field(name);
  leaf->is_system = is_key || is_system;
  s->uses_key |= is_key;
  s->uses_system |= is_system;
}

int pq_filter_new_leaf(parser *s, const pq_path *path, pq_leaf_op op, node *parent, node **out) {
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_LEAF, out));
  (*out)->op = op;
  (*out)->path = path;
  (*out)->collation = s->collation;
  if (path != NULL && s->element_depth == 0) mark_first(s, path->parts[0].name, *out);
  (*out)->is_element = s->is_element && s->element_depth == 0;
  pq_filter_append(parent, *out);
  return PQ_OK;
}

int pq_filter_enter(parser *s) {
  if (++s->depth <= s->cx->limits.depth_max) return PQ_OK;
  return pq_fail(s->cx, PQ_ELIMIT, "the filter is nested deeper than %u",
                 (unsigned)s->cx->limits.depth_max);
}

int pq_filter_read_fields(parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

static bool is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

int pq_filter_check_operators(parser *s, pq_value v, bool *out) {
  pq_field *fields;
  uint32_t count;
  *out = false;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return PQ_OK;
  PQ_TRY(pq_filter_read_fields(s, v, &fields, &count));
  if (count == 0 || !is_dollar(fields[0].name)) return PQ_OK;
  *out = !pq_name_in(fields[0].name, reference_fields) && !pq_slice_is(fields[0].name, "$literal");
  return PQ_OK;
}

/* ---- predicates that hold others ---- */
static int parse_predicates(parser *s, const pq_path *path, pq_value spec, node *out);
static int parse_object(parser *s, pq_value spec, node *out);

static int parse_not(parser *s, const pq_path *path, pq_value operand, node *out) {
  bool is_operators;
  node *negation, *inner;
  bool is_regex = pq_value_type(operand) == PQ_TYPE_REGEX;
  PQ_TRY(pq_filter_check_operators(s, operand, &is_operators));
  if (!is_operators && !is_regex)
    return pq_fail_operand(s, "$not", path, "needs an object of operators or a regular expression");
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_NOT, &negation));
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_AND, &inner));
  PQ_TRY(is_regex ? pq_filter_parse_regex_value(s, path, operand, inner)
                  : parse_predicates(s, path, operand, inner));
  pq_filter_append(negation, inner);
  pq_filter_append(out, negation);
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
    return pq_fail_operand(s, "$elemMatch", path, "needs an object");
  PQ_TRY(pq_filter_check_operators(s, operand, &is_operators));
  if (is_operators) {
    PQ_TRY(pq_filter_read_fields(s, operand, &fields, &count));
    is_operators = !pq_name_in(fields[0].name, logic_operators);
  }
  PQ_TRY(pq_filter_new_leaf(s, path, is_operators ? PQ_LEAF_ELEM_VALUE : PQ_LEAF_ELEM_OBJECT, out,
                            &leaf));
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_AND, &inner));
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
  PQ_TRY(pq_filter_check_operators(s, v, &is_operators));
  if (is_operators) match = pq_object_get_str(v, "$elemMatch");
  if (is_operators && (pq_value_is_missing(match) || pq_value_count(v) != 1 || !wants_match))
    return pq_fail_operand(s, "$all", path, "cannot hold operators");
  if (wants_match && !is_operators)
    return pq_fail_operand(s, "$all", path, "cannot mix $elemMatch and values");
  if (wants_match) return parse_elem_match(s, path, match, out);
  if (pq_value_type(v) == PQ_TYPE_REGEX) return pq_filter_parse_regex_value(s, path, v, out);
  return pq_filter_parse_eq(s, path, v, out);
}

static int parse_all(parser *s, const pq_path *path, pq_value operand, node *out) {
  uint32_t count = pq_value_count(operand);
  bool wants_match;
  node *nothing;
  if (pq_value_type(operand) != PQ_TYPE_ARRAY)
    return pq_fail_operand(s, "$all", path, "needs an array");
  if (count == 0) {
    PQ_TRY(pq_filter_new_node(s, PQ_NODE_FALSE, &nothing));
    pq_filter_append(out, nothing);
    return PQ_OK;
  }
  PQ_TRY(pq_filter_check_operators(s, pq_array_at(operand, 0), &wants_match));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(add_all_member(s, path, pq_array_at(operand, i), wants_match, out));
    out->last->is_placeless = i > 0;
  }
  return PQ_OK;
}

static const pq_predicate nesting_predicates[] = {
    {"$not", parse_not}, {"$all", parse_all}, {"$elemMatch", parse_elem_match}, {NULL, NULL}};

static const pq_predicate *const predicate_tables[] = {pq_compare_predicates, pq_test_predicates,
                                                       pq_bits_predicates, nesting_predicates};

static int parse_predicate(parser *s, const pq_path *path, const pq_field *field, node *out) {
  for (size_t i = 0; i < sizeof predicate_tables / sizeof *predicate_tables; i++)
    for (const pq_predicate *p = predicate_tables[i]; p->name != NULL; p++)
      if (pq_slice_is(field->name, p->name)) return p->parse(s, path, field->value, out);
  return pq_fail_operator(s, field->name, path);
}

/* {"$gt": 1, "$lt": 5} */
static int parse_predicates(parser *s, const pq_path *path, pq_value spec, node *out) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(pq_filter_enter(s));
  PQ_TRY(pq_filter_read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    /* The two are one predicate; $regex takes both. */
    bool is_regex = pq_slice_is(fields[i].name, "$regex");
    bool is_options = pq_slice_is(fields[i].name, "$options");
    if (is_options && !pq_value_is_missing(pq_object_get_str(spec, "$regex"))) continue;
    PQ_TRY(is_regex || is_options ? pq_filter_parse_regex(s, path, spec, out)
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
  PQ_TRY(pq_filter_check_operators(s, field->value, &is_operators));
  if (is_operators) return parse_predicates(s, path, field->value, out);
  if (pq_value_type(field->value) == PQ_TYPE_REGEX)
    return pq_filter_parse_regex_value(s, path, field->value, out);
  return pq_filter_parse_eq(s, path, field->value, out);
}

/* $and, $or, $nor: an array of filters, at least one. */
static int parse_logic(parser *s, const pq_field *field, node *out) {
  uint32_t count = pq_value_count(field->value);
  node *group = out, *negation, *kid;
  if (pq_value_type(field->value) != PQ_TYPE_ARRAY || count == 0)
    return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' needs an array of at least one filter",
                   PQ_SHOW(field->name));
  if (!pq_slice_is(field->name, "$and")) PQ_TRY(pq_filter_new_node(s, PQ_NODE_OR, &group));
  for (uint32_t i = 0; i < count; i++) {
    pq_value filter = pq_array_at(field->value, i);
    if (pq_value_type(filter) != PQ_TYPE_OBJECT)
      return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' holds a value that is no filter",
                     PQ_SHOW(field->name));
    PQ_TRY(pq_filter_new_node(s, PQ_NODE_AND, &kid));
    PQ_TRY(parse_object(s, filter, kid));
    pq_filter_append(group, kid);
  }
  if (group == out) return PQ_OK;
  if (pq_slice_is(field->name, "$or")) {
    pq_filter_append(out, group);
    return PQ_OK;
  }
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_NOT, &negation));
  pq_filter_append(negation, group);
  pq_filter_append(out, negation);
  return PQ_OK;
}

/* {"$alwaysFalse": 1} */
static int parse_always(parser *s, const pq_field *field, node *out) {
  int64_t one;
  node *nothing;
  if (!pq_value_i64(field->value, &one) || one != 1)
    return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' needs the number 1", PQ_SHOW(field->name));
  if (pq_slice_is(field->name, "$alwaysTrue")) return PQ_OK;
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_FALSE, &nothing));
  pq_filter_append(out, nothing);
  return PQ_OK;
}

static int parse_sample(parser *s, pq_value v, node *out) {
  double rate;
  node *sample;
  if (!pq_value_number(v, &rate) || !(rate >= 0 && rate <= 1))
    return pq_fail(s->cx, PQ_EFILTER, "operator '$sampleRate' needs a number from 0 to 1");
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_SAMPLE, &sample));
  sample->rate = rate;
  s->needs_eval = true;
  pq_filter_append(out, sample);
  return PQ_OK;
}

static int parse_schema(parser *s, pq_value v, node *out) {
  node *schema;
  PQ_TRY(pq_filter_new_node(s, PQ_NODE_SCHEMA, &schema));
  PQ_TRY(pq_json_schema_parse(s, v, &schema->schema));
  s->sees_key_whole = true;
  pq_filter_append(out, schema);
  return PQ_OK;
}

static int parse_top_operator(parser *s, const pq_field *field, node *out) {
  pq_slice name = field->name;
  if (pq_slice_is(name, "$comment")) return PQ_OK;
  if (pq_name_in(name, logic_operators)) return parse_logic(s, field, out);
  if (pq_slice_is(name, "$expr")) return pq_filter_parse_expr(s, field->value, out);
  if (pq_slice_is(name, "$jsonSchema")) return parse_schema(s, field->value, out);
  if (pq_slice_is(name, "$sampleRate")) return parse_sample(s, field->value, out);
  if (pq_slice_is(name, "$alwaysTrue") || pq_slice_is(name, "$alwaysFalse"))
    return parse_always(s, field, out);
  return pq_fail_operator(s, name, NULL);
}

static int parse_object(parser *s, pq_value spec, node *out) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(pq_filter_enter(s));
  PQ_TRY(pq_filter_read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    bool is_path =
        !is_dollar(fields[i].name) ||
        pq_name_in(fields[i].name, s->element_depth == 0 ? system_fields : reference_fields);
    PQ_TRY(is_path ? parse_field(s, &fields[i], out) : parse_top_operator(s, &fields[i], out));
  }
  s->depth--;
  return PQ_OK;
}

static int new_filter(parser *s, pq_filter **out) {
  pq_filter *f = pq_arena_calloc(s->arena, 1, sizeof *f);
  *out = f;
  if (f == NULL) return s->cx->code;
  f->failure = pq_arena_calloc(s->arena, 1, sizeof *f->failure);
  if (f->failure == NULL) return s->cx->code;
  return pq_filter_new_node(s, PQ_NODE_AND, &f->root);
}

static pq_filter *finish(const parser *s, pq_filter *f) {
  f->cx = s->cx;
  f->uses_system = s->uses_system;
  f->uses_key = s->uses_key;
  f->sees_key_whole = s->sees_key_whole;
  f->needs_eval = s->needs_eval;
  f->is_merged = s->is_merged;
  f->regexes = s->regexes;
  return f;
}

static parser new_parser(pq_arena *arena, const pq_env *env) {
  parser s = {.arena = arena, .cx = arena->cx, .env = env};
  if (env != NULL) s.collation = env->collation;
  return s;
}

int pq_filter_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_filter **out) {
  parser s = new_parser(arena, env);
  pq_filter *f;
  pq_value copy;
  *out = NULL;
  if (!pq_value_is_missing(spec) && pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s.cx, PQ_EFILTER, "a filter must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  PQ_TRY(new_filter(&s, &f));
  if (!pq_value_is_missing(copy)) PQ_TRY(parse_object(&s, copy, f->root));
  *out = finish(&s, f);
  return PQ_OK;
}

int pq_filter_parse_element(pq_arena *arena, const pq_env *env, pq_value spec, pq_filter **out,
                            bool *needs_object) {
  parser s = new_parser(arena, env);
  pq_field field = {PQ_SLICE("element"), {0}}, *fields;
  uint32_t count;
  pq_filter *f;
  *out = NULL;
  *needs_object = false;
  PQ_TRY(pq_filter_check_operators(&s, spec, &s.is_element));
  if (s.is_element) {
    PQ_TRY(pq_filter_read_fields(&s, spec, &fields, &count));
    s.is_element = !pq_name_in(fields[0].name, logic_operators);
  }
  if (pq_value_type(spec) == PQ_TYPE_REGEX) s.is_element = true;
  *needs_object = !s.is_element;
  if (!s.is_element) {
    PQ_TRY(pq_filter_parse(arena, env, spec, out));
    if (!(*out)->needs_eval) return PQ_OK;
    *out = NULL;
    return pq_fail(s.cx, PQ_EFILTER,
                   "operators '$expr' and '$sampleRate' cannot test elements of arrays");
  }
  PQ_TRY(pq_value_copy(arena, spec, &field.value));
  PQ_TRY(new_filter(&s, &f));
  PQ_TRY(parse_field(&s, &field, f->root));
  *out = finish(&s, f);
  return PQ_OK;
}

bool pq_filter_uses_system(const pq_filter *f) {
  return f->uses_system;
}

pq_key_use pq_filter_key_use(const pq_filter *f) {
  if (f->sees_key_whole) return PQ_KEY_WHOLE;
  return f->uses_key ? PQ_KEY_AT_PATH : PQ_KEY_UNUSED;
}

bool pq_filter_needs_eval(const pq_filter *f) {
  return f->needs_eval;
}

bool pq_filter_is_empty(const pq_filter *f) {
  return f->root->kids == NULL;
}
