/* expr/expression_parse.c - expressions as JSON become nodes. See expression.h, expression_int.h.
 *
 *   {"$multiply": ["$a", {"$add": [1, 2]}]}  ──►  $multiply ─┬─ path a
 *                                                            └─ constant 3: folded at once
 *
 * Variables of $let, $map, $filter and $reduce are places in pq_eval.variables, given out like a
 * stack: a name is looked up from the innermost scope outwards.
 */
#include <string.h>

#include "expr/expression_int.h"

/* What MongoDB knows and we do not evaluate, and why. */
static const struct {
  const char *name, *why;
} refused[] = {
    {"$accumulator", "there is no JavaScript"},
    {"$bottom", "it is an accumulator: use it in $group"},
    {"$createObjectId", "an insert without _id makes an id"},
    {"$deserializeEJSON", "$convert reads numbers, dates and the like from text, no documents"},
    {"$encStrContains", "there is no queryable encryption"},
    {"$encStrEndsWith", "there is no queryable encryption"},
    {"$encStrNormalizedEq", "there is no queryable encryption"},
    {"$encStrStartsWith", "there is no queryable encryption"},
    {"$function", "there is no JavaScript"},
    {"$hash", "there are no hash functions"},
    {"$hexHash", "there are no hash functions"},
    {"$meta", "there is no text search whose score it could show"},
    {"$serializeEJSON", "results leave as Extended JSON anyway"},
    {"$similarityCosine", "there are no vector indexes"},
    {"$similarityDotProduct", "there are no vector indexes"},
    {"$similarityEuclidean", "there are no vector indexes"},
    {"$toArray", "text is not read as JSON"},
    {"$toHashedIndexKey", "there are no hashed indexes"},
    {"$toObject", "text is not read as JSON"},
    {"$top", "it is an accumulator: use it in $group"},
    {"$topN", "it is an accumulator: use it in $group"},
    {"$bottomN", "it is an accumulator: use it in $group"},
};
enum { REFUSED_COUNT = sizeof refused / sizeof *refused };

/* Not evaluated before there is a document. */
static const char *const volatile_operators[] = {"$rand", "$sampleRate", NULL};

static const pq_operator *const tables[] = {
    pq_logic_operators, pq_number_operators, pq_sum_operators,     pq_math_operators,
    pq_bit_operators,   pq_object_operators, pq_convert_operators, pq_text_operators,
    pq_array_operators, pq_date_operators,   pq_set_operators,     pq_statistics_operators,
    pq_regex_operators};
enum { TABLE_COUNT = sizeof tables / sizeof *tables, NAMES_MAX = 256 };

typedef struct parser {
  pq_arena *arena;
  pq_cx *cx;
  uint32_t depth, node_count;
  pq_slice variables[PQ_VARIABLES_MAX];
  uint32_t variable_count;
  int32_t current; /* the slot of $$CURRENT, where "$path" begins */
  bool has_redact;
  pq_collation collation;
  pq_builder *builder; /* owned; made when something constant is evaluated */
} parser;

/* What is bound at a place. */
typedef struct scope {
  uint32_t count;
  int32_t current;
} scope;

static scope scope_of(const parser *s) {
  return (scope){s->variable_count, s->current};
}
static void scope_end(parser *s, scope before) {
  s->variable_count = before.count;
  s->current = before.current;
}

static int parse(parser *s, pq_value spec, pq_expression **out);

static int read_fields(parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

static int new_node(parser *s, pq_expression_kind kind, uint32_t arg_count, pq_expression **out) {
  *out = NULL;
  if (++s->node_count > s->cx->limits.filter_nodes_max * 16)
    return pq_fail(s->cx, PQ_ELIMIT, "the expression has more than %u parts",
                   (unsigned)s->cx->limits.filter_nodes_max * 16);
  *out = pq_arena_calloc(s->arena, 1, sizeof **out);
  if (*out == NULL) return s->cx->code;
  (*out)->kind = kind;
  (*out)->arg_count = arg_count;
  (*out)->args = pq_arena_calloc(s->arena, arg_count, sizeof *(*out)->args);
  return (*out)->args == NULL ? s->cx->code : PQ_OK;
}

static int make_constant(parser *s, pq_value v, pq_expression **out) {
  PQ_TRY(new_node(s, PQ_EXPR_CONSTANT, 0, out));
  (*out)->constant = v;
  return PQ_OK;
}

/* ---- paths and variables ---- */

static int split(parser *s, pq_slice text, pq_expression *e) {
  size_t from = 0;
  uint32_t count = 1;
  for (size_t i = 0; i < text.n; i++)
    count += text.p[i] == '.';
  if (count > s->cx->limits.depth_max)
    return pq_fail(s->cx, PQ_ELIMIT, "the path '%.*s' has too many parts", PQ_SHOW(text));
  e->path = pq_arena_calloc(s->arena, count, sizeof *e->path);
  if (e->path == NULL) return s->cx->code;
  for (size_t i = 0; i <= text.n; i++) {
    if (i < text.n && text.p[i] != '.') continue;
    if (i == from)
      return pq_fail(s->cx, PQ_EINVALID, "the path '%.*s' has an empty part", PQ_SHOW(text));
    if (memchr(text.p + from, 0, i - from) != NULL)
      return pq_fail(s->cx, PQ_EINVALID, "the path '%.*s' holds a NUL", PQ_SHOW(text));
    e->path[e->path_count++] = (pq_slice){text.p + from, i - from};
    from = i + 1;
  }
  return PQ_OK;
}

static int check_parts(parser *s, const pq_expression *e, pq_slice text) {
  for (uint32_t i = 0; i < e->path_count; i++)
    if (e->path[i].p[0] == '$' && !pq_is_system_field(e->path[i]))
      return pq_fail(s->cx, PQ_EINVALID, "the part '%.*s' of the path '%.*s' begins with '$'",
                     PQ_SHOW(e->path[i]), PQ_SHOW(text));
  return PQ_OK;
}

/* What $redact decides by, as strings; and what we do not have. */
static int parse_system_variable(parser *s, pq_slice name, pq_expression *e) {
  static const char *const decisions[] = {"DESCEND", "PRUNE", "KEEP", NULL};
  static const char *const others[] = {"CLUSTER_TIME", "IS_MR",      "JS_SCOPE",
                                       "SEARCH_META",  "USER_ROLES", NULL};
  pq_eval eval = {.cx = s->cx, .arena = s->arena};
  if (pq_name_in(name, others))
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "the variable '$$%.*s' is not supported", PQ_SHOW(name));
  if (!pq_name_in(name, decisions))
    return pq_fail(s->cx, PQ_EINVALID, "the variable '$$%.*s' is not defined here", PQ_SHOW(name));
  if (!s->has_redact)
    return pq_fail(s->cx, PQ_EINVALID, "the variable '$$%.*s' is only for $redact", PQ_SHOW(name));
  if (e->path_count > 0)
    return pq_fail(s->cx, PQ_EINVALID, "the variable '$$%.*s' has no fields", PQ_SHOW(name));
  e->kind = PQ_EXPR_CONSTANT;
  return pq_make_text(&eval,
                      name.p[0] == 'D'   ? PQ_SLICE("descend")
                      : name.p[0] == 'P' ? PQ_SLICE("prune")
                                         : PQ_SLICE("keep"),
                      &e->constant);
}

/* "name.path" behind "$$" */
static int parse_variable(parser *s, pq_slice text, pq_expression *e) {
  pq_slice name;
  PQ_TRY(split(s, text, e));
  name = e->path[0];
  e->path++;
  e->path_count--;
  for (uint32_t i = s->variable_count; i > 0; i--)
    if (pq_slice_eq(s->variables[i - 1], name)) {
      e->slot = (int32_t)i - 1;
      return check_parts(s, e, text);
    }
  if (pq_slice_is(name, "ROOT"))
    e->slot = PQ_SLOT_ROOT;
  else if (pq_slice_is(name, "CURRENT"))
    e->slot = s->current;
  else if (pq_slice_is(name, "REMOVE"))
    e->slot = PQ_SLOT_REMOVE;
  else if (pq_slice_is(name, "NOW"))
    e->slot = PQ_SLOT_NOW;
  else
    return parse_system_variable(s, name, e);
  return check_parts(s, e, text);
}

static int parse_path(parser *s, pq_slice text, pq_expression **out) {
  PQ_TRY(new_node(s, PQ_EXPR_PATH, 0, out));
  (*out)->slot = s->current;
  if (text.n >= 2 && text.p[1] == '$')
    return text.n == 2 ? pq_fail(s->cx, PQ_EINVALID, "'$$' names no variable")
                       : parse_variable(s, (pq_slice){text.p + 2, text.n - 2}, *out);
  if (text.n == 1) return pq_fail(s->cx, PQ_EINVALID, "'$' names no field");
  PQ_TRY(split(s, (pq_slice){text.p + 1, text.n - 1}, *out));
  return check_parts(s, *out, text);
}

/* A place for a variable until scope_end(). */
static int bind(parser *s, pq_slice name, int32_t *slot) {
  if (s->variable_count == PQ_VARIABLES_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "more than %d variables at once", PQ_VARIABLES_MAX);
  *slot = (int32_t)s->variable_count;
  s->variables[s->variable_count++] = name;
  if (pq_slice_is(name, "CURRENT")) s->current = *slot;
  return PQ_OK;
}

static int check_variable_name(parser *s, pq_slice name) {
  bool is_good = name.n > 0 && (name.p[0] >= 0x80 || (name.p[0] >= 'a' && name.p[0] <= 'z'));
  for (size_t i = 1; is_good && i < name.n; i++) {
    uint8_t c = name.p[i];
    is_good = c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
              (c >= 'A' && c <= 'Z');
  }
  if (is_good || pq_slice_is(name, "CURRENT")) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "'%.*s' is no name for a variable: it must begin with a-z",
                 PQ_SHOW(name));
}

/* ---- arguments by name ---- */

/* Find `name` in "if then else"; *is_optional when "?" follows. -1: not there. */
static int field_index(const char *fields, pq_slice name, bool *is_optional) {
  int index = 0;
  for (const char *p = fields; *p != '\0'; index++) {
    size_t len = strcspn(p, "? ");
    *is_optional = p[len] == '?';
    if (name.n == len && memcmp(p, name.p, len) == 0) return index;
    p += len + (*is_optional ? 1u : 0u);
    while (*p == ' ')
      p++;
  }
  return -1;
}

static int check_named(parser *s, const pq_expression *e, const bool *given) {
  int index = 0;
  for (const char *p = e->op->fields; *p != '\0'; index++) {
    size_t len = strcspn(p, "? ");
    bool is_optional = p[len] == '?';
    if (!is_optional && !given[index])
      return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs '%.*s'", e->op->name, (int)len, p);
    p += len + (is_optional ? 1u : 0u);
    while (*p == ' ')
      p++;
  }
  return PQ_OK;
}

static uint32_t count_named(const char *fields) {
  uint32_t n = 1;
  for (const char *p = fields; *p != '\0'; p++)
    n += *p == ' ';
  return n;
}

/* {"input": …, "cond": …}; names in `skip` are kept out for the caller. */
static int parse_named(parser *s, pq_value spec, const char *skip, pq_expression *e) {
  bool given[16] = {false}, is_optional;
  pq_field *fields;
  uint32_t count;
  int zone;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs an object of: %s", e->op->name,
                   e->op->fields);
  PQ_TRY(read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    int at = field_index(e->op->fields, fields[i].name, &is_optional);
    if (at < 0)
      return pq_fail(s->cx, PQ_EINVALID, "operator '%s' has no argument '%.*s': %s", e->op->name,
                     PQ_SHOW(fields[i].name), e->op->fields);
    given[at] = true;
    if (skip != NULL && field_index(skip, fields[i].name, &is_optional) >= 0) continue;
    PQ_TRY(parse(s, fields[i].value, &e->args[at]));
  }
  PQ_TRY(check_named(s, e, given));
  zone = field_index(e->op->fields, PQ_SLICE("timezone"), &is_optional);
  return zone < 0 ? PQ_OK : pq_prepare_zone(s->arena, e, (uint32_t)zone);
}

/* ---- operators with a form of their own ---- */

/* $map, $filter: {"input": …, "as": name, "in" or "cond": …}; args: input, body, limit */
static int parse_each(parser *s, pq_value spec, pq_expression *e) {
  scope before = scope_of(s);
  bool is_map = pq_slice_is(pq_str(e->op->name), "$map");
  pq_value body = pq_object_get_str(spec, is_map ? "in" : "cond");
  pq_value as = pq_object_get_str(spec, "as");
  pq_slice name = PQ_SLICE("this");
  PQ_TRY(parse_named(s, spec, "in cond as", e));
  if (!pq_value_is_missing(as)) {
    if (!pq_value_string(as, &name))
      return pq_fail(s->cx, PQ_EINVALID, "'as' of operator '%s' must be a name", e->op->name);
    PQ_TRY(check_variable_name(s, name));
  }
  PQ_TRY(bind(s, name, &e->slot));
  PQ_TRY(parse(s, body, &e->args[1]));
  scope_end(s, before);
  return PQ_OK;
}

static int parse_reduce(parser *s, pq_value spec, pq_expression *e) {
  scope before = scope_of(s);
  int32_t slot;
  PQ_TRY(parse_named(s, spec, "in", e));
  PQ_TRY(bind(s, PQ_SLICE("value"), &e->slot));
  PQ_TRY(bind(s, PQ_SLICE("this"), &slot));
  PQ_TRY(parse(s, pq_object_get_str(spec, "in"), &e->args[2]));
  scope_end(s, before);
  return PQ_OK;
}

static int parse_let(parser *s, pq_value spec, pq_expression **out) {
  pq_value vars = pq_object_get_str(spec, "vars"), body = pq_object_get_str(spec, "in");
  const pq_operator *op = (*out)->op;
  scope before = scope_of(s);
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(vars) != PQ_TYPE_OBJECT || pq_value_is_missing(body) ||
      pq_value_count(spec) != 2)
    return pq_fail(s->cx, PQ_EINVALID, "operator '$let' needs {\"vars\": {…}, \"in\": …}");
  PQ_TRY(read_fields(s, vars, &fields, &count));
  PQ_TRY(new_node(s, PQ_EXPR_OPERATOR, count + 1, out));
  (*out)->op = op;
  (*out)->slot = (int32_t)before.count;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(check_variable_name(s, fields[i].name));
    PQ_TRY(parse(s, fields[i].value, &(*out)->args[i]));
  }
  for (uint32_t i = 0; i < count; i++) {
    int32_t slot;
    PQ_TRY(bind(s, fields[i].name, &slot));
  }
  PQ_TRY(parse(s, body, &(*out)->args[count]));
  scope_end(s, before);
  return PQ_OK;
}

static int parse_switch(parser *s, pq_value spec, pq_expression **out) {
  pq_value branches = pq_object_get_str(spec, "branches");
  pq_value fallback = pq_object_get_str(spec, "default");
  uint32_t count = pq_value_count(branches);
  const pq_operator *op = (*out)->op;
  if (pq_value_type(branches) != PQ_TYPE_ARRAY || count == 0 ||
      pq_value_count(spec) != (pq_value_is_missing(fallback) ? 1u : 2u))
    return pq_fail(s->cx, PQ_EINVALID,
                   "operator '$switch' needs {\"branches\": [{\"case\": …, \"then\": …}], "
                   "\"default\": …}");
  PQ_TRY(new_node(s, PQ_EXPR_OPERATOR, count * 2 + 1, out));
  (*out)->op = op;
  for (uint32_t i = 0; i < count; i++) {
    pq_value branch = pq_array_at(branches, i);
    pq_value when = pq_object_get_str(branch, "case"), then = pq_object_get_str(branch, "then");
    if (pq_value_is_missing(when) || pq_value_is_missing(then) || pq_value_count(branch) != 2)
      return pq_fail(s->cx, PQ_EINVALID, "a branch of '$switch' needs {\"case\": …, \"then\": …}");
    PQ_TRY(parse(s, when, &(*out)->args[i * 2]));
    PQ_TRY(parse(s, then, &(*out)->args[i * 2 + 1]));
  }
  return pq_value_is_missing(fallback) ? PQ_OK : parse(s, fallback, &(*out)->args[count * 2]);
}

static int parse_sort_array(parser *s, pq_value spec, pq_expression *e) {
  pq_value by = pq_object_get_str(spec, "sortBy");
  int64_t direction;
  PQ_TRY(parse_named(s, spec, "sortBy", e));
  if (pq_value_type(by) == PQ_TYPE_OBJECT && pq_value_count(by) > 0)
    return pq_sort_parse(s->arena, NULL, by, &e->sort);
  if (!pq_value_whole(by, &direction) || (direction != 1 && direction != -1))
    return pq_fail(s->cx, PQ_EINVALID, "'sortBy' of '$sortArray' must be 1, -1 or an object");
  e->sort_whole = (int)direction;
  return PQ_OK;
}

/* The name of the field is known from the start. */
static int parse_set_field(parser *s, pq_value spec, pq_expression *e) {
  pq_slice name;
  PQ_TRY(parse_named(s, spec, NULL, e));
  if (e->args[0]->kind != PQ_EXPR_CONSTANT)
    return pq_fail(s->cx, PQ_EINVALID,
                   "operator '%s' needs a constant as field: write {\"$literal\": …}", e->op->name);
  if (pq_value_string(e->args[0]->constant, &name)) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs a string as field, not %s", e->op->name,
                 pq_show_type(e->args[0]->constant));
}

static int make_current(parser *s, pq_expression **out) {
  PQ_TRY(new_node(s, PQ_EXPR_PATH, 0, out));
  (*out)->slot = s->current;
  return PQ_OK;
}

/* ---- any operator ---- */

static int parse_positional(parser *s, pq_value spec, pq_expression **out) {
  const pq_operator *op = (*out)->op;
  bool is_list = pq_value_type(spec) == PQ_TYPE_ARRAY;
  uint32_t count = is_list ? pq_value_count(spec) : 1;
  if (count < op->arg_min || (op->arg_max != PQ_ARGS_ANY && count > op->arg_max))
    return pq_fail(s->cx, PQ_EINVALID, "operator '%s' takes %s%u argument%s, not %u", op->name,
                   op->arg_max == PQ_ARGS_ANY   ? "at least "
                   : op->arg_max != op->arg_min ? "at most "
                                                : "",
                   op->arg_max == PQ_ARGS_ANY ? op->arg_min : op->arg_max,
                   (op->arg_max == PQ_ARGS_ANY ? op->arg_min : op->arg_max) == 1 ? "" : "s", count);
  PQ_TRY(new_node(s, PQ_EXPR_OPERATOR, count, out));
  (*out)->op = op;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse(s, is_list ? pq_array_at(spec, i) : spec, &(*out)->args[i]));
  return PQ_OK;
}

static bool is_operator(const pq_expression *e, const char *name) {
  return strcmp(e->op->name, name) == 0;
}

/* $getField and the parts of dates also take their first argument alone. */
static int check_bare(parser *s, const pq_operator *op, pq_value spec, bool *out) {
  pq_field *fields;
  uint32_t count;
  *out = op->fields != NULL &&
         (strcmp(op->fields, "date timezone?") == 0 || strcmp(op->fields, "field input") == 0);
  if (!*out || pq_value_type(spec) != PQ_TYPE_OBJECT) return PQ_OK;
  PQ_TRY(read_fields(s, spec, &fields, &count));
  *out = count > 0 && fields[0].name.n > 0 && fields[0].name.p[0] == '$';
  return PQ_OK;
}

static int parse_operator(parser *s, const pq_operator *op, pq_value spec, pq_expression **out) {
  uint32_t count = op->fields == NULL ? 0 : count_named(op->fields);
  pq_type t = pq_value_type(spec);
  bool is_bare;
  PQ_TRY(new_node(s, PQ_EXPR_OPERATOR, count, out));
  (*out)->op = op;
  if (is_operator(*out, "$let")) return parse_let(s, spec, out);
  if (is_operator(*out, "$switch")) return parse_switch(s, spec, out);
  if (is_operator(*out, "$map") || is_operator(*out, "$filter")) return parse_each(s, spec, *out);
  if (is_operator(*out, "$reduce")) return parse_reduce(s, spec, *out);
  if (is_operator(*out, "$sortArray")) return parse_sort_array(s, spec, *out);
  if (op->fields != NULL && strcmp(op->fields, "input regex options?") == 0) {
    PQ_TRY(parse_named(s, spec, NULL, *out));
    return pq_prepare_regex(s->arena, *out);
  }
  PQ_TRY(check_bare(s, op, spec, &is_bare));
  if (is_bare) {
    PQ_TRY(parse(s, t == PQ_TYPE_ARRAY && pq_value_count(spec) == 1 ? pq_array_at(spec, 0) : spec,
                 &(*out)->args[0]));
    return is_operator(*out, "$getField") ? make_current(s, &(*out)->args[1]) : PQ_OK;
  }
  if (is_operator(*out, "$setField") || is_operator(*out, "$unsetField"))
    return parse_set_field(s, spec, *out);
  /* $cond also takes [if, then, else]. */
  if (op->fields != NULL && (t != PQ_TYPE_ARRAY || !is_operator(*out, "$cond")))
    return parse_named(s, spec, NULL, *out);
  return parse_positional(s, spec, out);
}

static int fail_operator(parser *s, pq_slice name) {
  const char *names[NAMES_MAX + 1];
  uint32_t n = 0;
  const char *nearest;
  for (uint32_t i = 0; i < REFUSED_COUNT; i++)
    if (pq_slice_is(name, refused[i].name))
      return pq_fail(s->cx, PQ_EUNSUPPORTED, "the expression operator '%s' is not supported: %s",
                     refused[i].name, refused[i].why);
  for (uint32_t t = 0; t < TABLE_COUNT; t++)
    for (const pq_operator *op = tables[t]; op->name != NULL && n < NAMES_MAX; op++)
      names[n++] = op->name;
  names[n] = NULL;
  nearest = pq_nearest(name, names);
  return pq_fail(s->cx, PQ_EINVALID, "unknown expression operator '%.*s'%s%s%s", PQ_SHOW(name),
                 nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                 nearest == NULL ? "" : "'?");
}

static int parse_dollar(parser *s, const pq_field *field, pq_expression **out) {
  if (pq_slice_is(field->name, "$literal") || pq_slice_is(field->name, "$const"))
    return make_constant(s, field->value, out);
  for (uint32_t t = 0; t < TABLE_COUNT; t++)
    for (const pq_operator *op = tables[t]; op->name != NULL; op++)
      if (pq_slice_is(field->name, op->name)) return parse_operator(s, op, field->value, out);
  return fail_operator(s, field->name);
}

static int parse_object(parser *s, pq_value spec, pq_expression **out) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(read_fields(s, spec, &fields, &count));
  if (count > 0 && fields[0].name.n > 0 && fields[0].name.p[0] == '$') {
    if (count == 1) return parse_dollar(s, &fields[0], out);
    return pq_fail(s->cx, PQ_EINVALID, "operator '%.*s' must be the only field of its object",
                   PQ_SHOW(fields[0].name));
  }
  PQ_TRY(new_node(s, PQ_EXPR_OBJECT, count, out));
  (*out)->names = pq_arena_calloc(s->arena, count, sizeof *(*out)->names);
  if ((*out)->names == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    if (name.n == 0 || name.p[0] == '$' || memchr(name.p, '.', name.n) != NULL)
      return pq_fail(s->cx, PQ_EINVALID, "'%.*s' is no name for a field of an object expression",
                     PQ_SHOW(name));
    (*out)->names[i] = name;
    PQ_TRY(parse(s, fields[i].value, &(*out)->args[i]));
  }
  return PQ_OK;
}

static int parse_any(parser *s, pq_value spec, pq_expression **out) {
  pq_slice text;
  if (pq_value_string(spec, &text) && text.n > 0 && text.p[0] == '$')
    return parse_path(s, text, out);
  if (pq_value_type(spec) == PQ_TYPE_OBJECT) return parse_object(s, spec, out);
  if (pq_value_type(spec) != PQ_TYPE_ARRAY) return make_constant(s, spec, out);
  PQ_TRY(new_node(s, PQ_EXPR_ARRAY, pq_value_count(spec), out));
  for (uint32_t i = 0; i < (*out)->arg_count; i++)
    PQ_TRY(parse(s, pq_array_at(spec, i), &(*out)->args[i]));
  return PQ_OK;
}

/* Does it give the same for every document? */
static bool is_constant(const pq_expression *e) {
  if (e->kind == PQ_EXPR_CONSTANT || e->kind == PQ_EXPR_PATH) return false; /* nothing to do */
  if (e->kind == PQ_EXPR_OPERATOR && pq_name_in(pq_str(e->op->name), volatile_operators))
    return false;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (e->args[i] != NULL && e->args[i]->kind != PQ_EXPR_CONSTANT) return false;
  return true;
}

/* Evaluate it once and for all. What fails now would fail for a document, and MongoDB does not wait
 * for one either, not even in a branch that is never taken. */
static int fold(parser *s, pq_expression *e) {
  pq_eval eval = {.cx = s->cx, .arena = s->arena, .collation = s->collation};
  if (!is_constant(e)) return PQ_OK;
  if (s->builder == NULL) PQ_TRY(pq_builder_new(s->cx, &s->builder));
  eval.builder = s->builder;
  PQ_TRY(pq_expression_eval(e, &eval, &e->constant));
  e->kind = PQ_EXPR_CONSTANT;
  return PQ_OK;
}

static int parse(parser *s, pq_value spec, pq_expression **out) {
  *out = NULL;
  if (++s->depth > s->cx->limits.depth_max)
    return pq_fail(s->cx, PQ_ELIMIT, "the expression is nested deeper than %u",
                   (unsigned)s->cx->limits.depth_max);
  PQ_TRY(parse_any(s, spec, out));
  s->depth--;
  return fold(s, *out);
}

int pq_expression_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_expression **out) {
  parser s = {.arena = arena, .cx = arena->cx, .current = PQ_SLOT_ROOT};
  pq_value copy;
  int rc;
  *out = NULL;
  for (uint32_t i = 0; env != NULL && i < env->variable_count; i++) {
    if (pq_slice_is(env->variables[i], "CURRENT")) s.current = (int32_t)i;
    s.variables[s.variable_count++] = env->variables[i];
  }
  if (env != NULL) {
    s.has_redact = env->has_redact;
    s.collation = env->collation;
  }
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  rc = parse(&s, copy, out);
  pq_builder_free(s.builder);
  return rc;
}
