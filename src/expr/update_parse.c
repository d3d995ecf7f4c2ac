/* expr/update_parse.c - an update object becomes a sorted list of terms. See update.h.
 *
 *   {"$set": {"b": 1, "a.x": 2}, "$unset": {"a.y": ""}}   ->   a.x SET 2 | a.y UNSET | b SET 1
 *
 * Sorting by path puts conflicting paths side by side (MONGO.md 1, rule 42).
 */
#include "expr/update_int.h"

const char *const pq_update_operators[] = {
    "$set",    "$unset",       "$inc",   "$mul",         "$min",      "$max",
    "$rename", "$setOnInsert", "$push",  "$currentDate", "$addToSet", "$pop",
    "$pull",   "$pullAll",     "$bit",   "$link",        "$unlink",   "$embed",
    "$each",   "$position",    "$slice", "$sort",        NULL};

static const char *const push_modifiers[] = {"$each", "$position", "$slice", "$sort", NULL};
static const char *const edge_operators[] = {"$link", "$unlink", NULL};
static const char *const system_dollars[] = {"$id", "$type", NULL};
static const char *const reference_fields[] = {"$ref", "$id", "$db", NULL};

typedef int (*operator_fn)(pq_update_parser *s, const pq_field *field);

int pq_update_read_fields(pq_update_parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

const char *pq_update_op_name(int op) {
  static const char *const names[] = {[PQ_UPDATE_SET] = "$set",
                                      [PQ_UPDATE_UNSET] = "$unset",
                                      [PQ_UPDATE_INC] = "$inc",
                                      [PQ_UPDATE_MUL] = "$mul",
                                      [PQ_UPDATE_MIN] = "$min",
                                      [PQ_UPDATE_MAX] = "$max",
                                      [PQ_UPDATE_PUSH] = "$push",
                                      [PQ_UPDATE_PUSH_EACH] = "$push",
                                      [PQ_UPDATE_ADD_TO_SET] = "$addToSet",
                                      [PQ_UPDATE_ADD_EACH] = "$addToSet",
                                      [PQ_UPDATE_PULL] = "$pull",
                                      [PQ_UPDATE_PULL_ALL] = "$pullAll",
                                      [PQ_UPDATE_POP] = "$pop",
                                      [PQ_UPDATE_BIT] = "$bit",
                                      [PQ_UPDATE_CURRENT_DATE] = "$currentDate",
                                      [PQ_UPDATE_CURRENT_TIMESTAMP] = "$currentDate",
                                      [PQ_UPDATE_RENAME_FROM] = "$rename",
                                      [PQ_UPDATE_RENAME_TO] = "$rename",
                                      [PQ_UPDATE_SET_ON_INSERT] = "$setOnInsert"};
  pq_assert(op >= 0 && (size_t)op < sizeof names / sizeof *names);
  return names[op];
}

int pq_update_fail_conflict(pq_cx *cx, const pq_term *a, const pq_term *b) {
  return pq_fail(cx, PQ_EUPDATE, "operator '%s': the path '%.*s' conflicts with '%.*s' of '%s'",
                 pq_update_op_name(b->op), PQ_SHOW(b->path.text), PQ_SHOW(a->path.text),
                 pq_update_op_name(a->op));
}

/* Dollars in a path: system names, and others that are neither positions nor of a DBRef. */
static int check_parts(pq_update_parser *s, const pq_term *term) {
  const pq_path *path = &term->path;
  const char *operator= pq_update_op_name(term->op);
  for (uint32_t i = 0; i < path->count; i++) {
    pq_slice name = path->parts[i].name;
    if (!pq_is_dollar(name)) continue;
    if (i == 0 && pq_name_in(name, system_dollars))
      return pq_fail(s->cx, PQ_EUPDATE,
                     "operator '%s': the system field '%.*s' cannot be updated", operator,
                     PQ_SHOW(path->text));
    if (pq_position_of(name) != PQ_POSITION_NONE) continue;
    if (i == 0 || !pq_name_in(name, reference_fields))
      return pq_fail(s->cx, PQ_EUPDATE,
                     "operator '%s': the part '%.*s' of path '%.*s' begins with '$'", operator,
                     PQ_SHOW(name), PQ_SHOW(path->text));
  }
  return PQ_OK;
}

/* Parse a path into a new term at the end. */
int pq_update_add_term(pq_update_parser *s, pq_slice text, pq_update_op op, pq_value operand,
                       pq_term **out) {
  pq_term *term;
  int rc;
  *out = NULL;
  pq_assert(s->u->count < s->cap);
  term = &s->u->terms[s->u->count];
  rc = pq_path_parse(s->arena, text, &term->path);
  if (rc == PQ_EINVALID)
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s': '%.*s' is no valid path",
                   pq_update_op_name((int)op), PQ_SHOW(text));
  PQ_TRY(rc);
  term->op = (int)op;
  term->operand = operand;
  PQ_TRY(check_parts(s, term));
  PQ_TRY(pq_update_note_positions(s, term));
  s->u->count++;
  *out = term;
  return PQ_OK;
}

static int add_plain(pq_update_parser *s, const pq_field *field, pq_update_op op) {
  pq_term *term;
  return pq_update_add_term(s, field->name, op, field->value, &term);
}
static int parse_set(pq_update_parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_SET);
}
static int parse_unset(pq_update_parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_UNSET);
}
static int parse_min(pq_update_parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_MIN);
}
static int parse_max(pq_update_parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_MAX);
}
static int parse_set_on_insert(pq_update_parser *s, const pq_field *field) {
  s->u->is_dynamic = true;
  return add_plain(s, field, PQ_UPDATE_SET_ON_INSERT);
}

static int add_number(pq_update_parser *s, const pq_field *field, pq_update_op op) {
  pq_quantity number;
  if (!pq_quantity_of(field->value, &number))
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' at path '%.*s' needs a number, not %s",
                   op == PQ_UPDATE_INC ? "$inc" : "$mul", PQ_SHOW(field->name),
                   pq_type_name(pq_value_type(field->value)));
  return add_plain(s, field, op);
}
static int parse_inc(pq_update_parser *s, const pq_field *field) {
  return add_number(s, field, PQ_UPDATE_INC);
}
static int parse_mul(pq_update_parser *s, const pq_field *field) {
  return add_number(s, field, PQ_UPDATE_MUL);
}

static int check_rename(pq_update_parser *s, pq_slice text) {
  const pq_path *path = &s->u->terms[s->u->count - 1].path;
  for (uint32_t i = 0; i < path->count; i++)
    if (pq_position_of(path->parts[i].name) != PQ_POSITION_NONE)
      return pq_fail(s->cx, PQ_EUPDATE, "operator '$rename' cannot take '%.*s' in path '%.*s'",
                     PQ_SHOW(path->parts[i].name), PQ_SHOW(text));
  return PQ_OK;
}

/* Two terms: the old name and the new one. */
static int parse_rename(pq_update_parser *s, const pq_field *field) {
  pq_term *from, *to;
  pq_slice name;
  if (!pq_value_string(field->value, &name))
    return pq_fail(s->cx, PQ_EUPDATE, "operator '$rename' at path '%.*s' needs a string, not %s",
                   PQ_SHOW(field->name), pq_type_name(pq_value_type(field->value)));
  PQ_TRY(pq_update_add_term(s, field->name, PQ_UPDATE_RENAME_FROM, (pq_value){0}, &from));
  PQ_TRY(check_rename(s, field->name));
  PQ_TRY(pq_update_add_term(s, name, PQ_UPDATE_RENAME_TO, (pq_value){0}, &to));
  PQ_TRY(check_rename(s, name));
  from->source = to->source = s->source_count;
  s->u->sources[s->source_count++] = from->path;
  return PQ_OK;
}

static int fail_operand(pq_update_parser *s, const char *name, pq_slice path, const char *what) {
  return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' at path '%.*s' needs %s", name, PQ_SHOW(path),
                 what);
}

static int parse_bit(pq_update_parser *s, const pq_field *field) {
  static const char *const names[] = {"and", "or", "xor", NULL};
  pq_field *fields;
  uint32_t count;
  int64_t mask;
  if (pq_value_type(field->value) != PQ_TYPE_OBJECT || pq_value_count(field->value) == 0)
    return fail_operand(s, "$bit", field->name, "an object of \"and\", \"or\", \"xor\"");
  PQ_TRY(pq_update_read_fields(s, field->value, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!pq_name_in(fields[i].name, names) || !pq_value_i64(fields[i].value, &mask))
      return fail_operand(s, "$bit", field->name, "integers under \"and\", \"or\" or \"xor\"");
  return add_plain(s, field, PQ_UPDATE_BIT);
}

/* true, false, {"$type": "date"} or {"$type": "timestamp"} */
static int parse_current_date(pq_update_parser *s, const pq_field *field) {
  pq_slice name;
  bool flag;
  if (pq_value_bool(field->value, &flag)) return add_plain(s, field, PQ_UPDATE_CURRENT_DATE);
  if (pq_value_count(field->value) == 1 &&
      pq_value_string(pq_object_get_str(field->value, "$type"), &name)) {
    if (pq_slice_is(name, "date")) return add_plain(s, field, PQ_UPDATE_CURRENT_DATE);
    if (pq_slice_is(name, "timestamp")) return add_plain(s, field, PQ_UPDATE_CURRENT_TIMESTAMP);
  }
  return fail_operand(s, "$currentDate", field->name,
                      "true, {\"$type\": \"date\"} or {\"$type\": \"timestamp\"}");
}

typedef struct update_operator {
  const char *name;
  operator_fn parse;
} update_operator;

static const update_operator operators[] = {{"$set", parse_set},
                                            {"$unset", parse_unset},
                                            {"$inc", parse_inc},
                                            {"$mul", parse_mul},
                                            {"$min", parse_min},
                                            {"$max", parse_max},
                                            {"$rename", parse_rename},
                                            {"$setOnInsert", parse_set_on_insert},
                                            {"$push", pq_update_parse_push},
                                            {"$addToSet", pq_update_parse_add_to_set},
                                            {"$pull", pq_update_parse_pull},
                                            {"$pullAll", pq_update_parse_pull_all},
                                            {"$pop", pq_update_parse_pop},
                                            {"$bit", parse_bit},
                                            {"$currentDate", parse_current_date}};

/* The path that an operator is applied to first, for messages. */
static pq_slice first_path(pq_update_parser *s, pq_value spec) {
  uint32_t count = 0;
  pq_field *fields = NULL;
  if (pq_value_type(spec) == PQ_TYPE_OBJECT) fields = pq_object_fields(s->arena, spec, &count);
  return fields == NULL || count == 0 ? PQ_SLICE("") : fields[0].name;
}

static int fail_operator(pq_update_parser *s, const pq_field *field) {
  pq_slice path = first_path(s, field->value);
  const char *nearest;
  if (!pq_is_dollar(field->name))
    return pq_fail(s->cx, PQ_EUPDATE, "field '%.*s' stands among update operators",
                   PQ_SHOW(field->name));
  if (pq_name_in(field->name, push_modifiers))
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%.*s' stands only inside '$push'",
                   PQ_SHOW(field->name));
  if (pq_name_in(field->name, pq_update_operators))
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%.*s' at path '%.*s' is not supported yet",
                   PQ_SHOW(field->name), PQ_SHOW(path));
  nearest = pq_nearest(field->name, pq_update_operators);
  if (nearest == NULL)
    return pq_fail(s->cx, PQ_EUPDATE, "unknown operator '%.*s' at path '%.*s'",
                   PQ_SHOW(field->name), PQ_SHOW(path));
  return pq_fail(s->cx, PQ_EUPDATE, "unknown operator '%.*s' at path '%.*s': did you mean '%s'?",
                 PQ_SHOW(field->name), PQ_SHOW(path), nearest);
}

static const update_operator *find_operator(pq_slice name) {
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
    if (pq_slice_is(name, operators[i].name)) return &operators[i];
  return NULL;
}

static int parse_operator(pq_update_parser *s, const pq_field *field) {
  const update_operator *operator= find_operator(field->name);
  pq_field *fields;
  uint32_t count;
  if (pq_name_in(field->name, edge_operators)) return PQ_OK; /* by pq_update_parse_edges() */
  if (operator== NULL) return fail_operator(s, field);
  if (pq_value_type(field->value) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%.*s' needs an object of paths, not %s",
                   PQ_SHOW(field->name), pq_type_name(pq_value_type(field->value)));
  PQ_TRY(pq_update_read_fields(s, field->value, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(operator->parse(s, &fields[i]));
  return PQ_OK;
}

static int parse_operators(pq_update_parser *s, const pq_field *fields, uint32_t count) {
  pq_update *u = s->u;
  size_t cap = 0;
  uint32_t conflict;
  /* A $rename makes two terms of one field. */
  for (uint32_t i = 0; i < count; i++)
    if (!pq_add_size(cap, (size_t)pq_value_count(fields[i].value) * 2, &cap) || cap > UINT32_MAX)
      return pq_fail(s->cx, PQ_ELIMIT, "the update has too many paths");
  s->cap = (uint32_t)cap;
  u->terms = pq_arena_calloc(s->arena, cap, sizeof *u->terms);
  u->sources = pq_arena_calloc(s->arena, cap / 2, sizeof *u->sources);
  u->changes = pq_arena_calloc(s->arena, cap / 2, sizeof *u->changes);
  if (u->terms == NULL || u->sources == NULL || u->changes == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_operator(s, &fields[i]));
  PQ_TRY(pq_update_parse_edges(s, fields, count));
  PQ_TRY(pq_terms_sort(s->cx, u->terms, u->count, &conflict));
  if (conflict < u->count)
    return pq_update_fail_conflict(s->cx, &u->terms[conflict], &u->terms[conflict + 1]);
  return pq_update_check_positions(s);
}

static int parse_replacement(pq_update_parser *s, pq_value spec, const pq_field *fields,
                             uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (!pq_is_dollar(fields[i].name)) continue;
    if (pq_name_in(fields[i].name, system_dollars))
      return pq_fail(s->cx, PQ_EUPDATE, "the system field '%.*s' cannot be updated",
                     PQ_SHOW(fields[i].name));
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%.*s' stands among the fields of a replacement",
                   PQ_SHOW(fields[i].name));
  }
  s->u->kind = PQ_UPDATE_REPLACE;
  s->u->replacement = spec;
  return PQ_OK;
}

int pq_update_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_value array_filters,
                    pq_update **out) {
  pq_update_parser s = {.arena = arena, .cx = arena->cx, .env = env};
  pq_type type = pq_value_type(spec);
  pq_field *fields;
  uint32_t count;
  pq_value copy;
  bool is_system;
  *out = NULL;
  if (type != PQ_TYPE_OBJECT && type != PQ_TYPE_ARRAY)
    return pq_fail(s.cx, PQ_EUPDATE, "an update must be an object or an array of stages, not %s",
                   pq_type_name(type));
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  s.u = pq_arena_calloc(arena, 1, sizeof *s.u);
  if (s.u == NULL) return s.cx->code;
  if (env != NULL) s.u->collation = env->collation;
  PQ_TRY(pq_update_parse_filters(&s, array_filters));
  if (type == PQ_TYPE_ARRAY) {
    PQ_TRY(pq_update_parse_stages(&s, copy));
    *out = s.u;
    return PQ_OK;
  }
  PQ_TRY(pq_update_read_fields(&s, copy, &fields, &count));
  is_system = count > 0 && pq_name_in(fields[0].name, system_dollars);
  if (count > 0 && pq_is_dollar(fields[0].name) && !is_system) {
    PQ_TRY(parse_operators(&s, fields, count));
  } else {
    PQ_TRY(parse_replacement(&s, copy, fields, count));
  }
  *out = s.u;
  return PQ_OK;
}

void pq_update_take_dollars(pq_update *u) {
  u->takes_dollars = true;
}

pq_update_kind pq_update_kind_of(const pq_update *u) {
  return u->kind;
}

bool pq_update_is_positional(const pq_update *u) {
  return u->is_positional;
}

const pq_update_edge *pq_update_edges(const pq_update *u, uint32_t *count) {
  *count = u->edge_count;
  return u->edges;
}
