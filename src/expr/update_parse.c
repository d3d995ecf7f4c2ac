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
static const char *const system_dollars[] = {"$id", "$type", NULL};
static const char *const reference_fields[] = {"$ref", "$id", "$db", NULL};

typedef struct parser {
  pq_arena *arena;
  pq_cx *cx;
  pq_update *u;
  uint32_t cap; /* room in u->terms, half of it in u->sources */
  uint32_t source_count;
} parser;

typedef int (*operator_fn)(parser *s, const pq_field *field);

static int read_fields(parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

static bool is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

/* Dollars in a path: positions are not built, system names and other dollars are refused. */
static int check_parts(parser *s, const pq_path *path) {
  for (uint32_t i = 0; i < path->count; i++) {
    pq_slice name = path->parts[i].name;
    if (!is_dollar(name)) continue;
    if (i == 0 && pq_name_in(name, system_dollars))
      return pq_fail(s->cx, PQ_EUPDATE, "the system field '%.*s' cannot be updated",
                     PQ_SHOW(path->text));
    if (name.n == 1 || name.p[1] == '[')
      return pq_fail(s->cx, PQ_EUNSUPPORTED,
                     "the positional operator '%.*s' in path '%.*s' is not supported yet",
                     PQ_SHOW(name), PQ_SHOW(path->text));
    if (i == 0 || !pq_name_in(name, reference_fields))
      return pq_fail(s->cx, PQ_EUPDATE, "the part '%.*s' of path '%.*s' begins with '$'",
                     PQ_SHOW(name), PQ_SHOW(path->text));
  }
  return PQ_OK;
}

/* Parse a path into a new term at the end. */
static int add_term(parser *s, pq_slice text, pq_update_op op, pq_value operand, pq_term **out) {
  pq_term *term;
  int rc;
  *out = NULL;
  pq_assert(s->u->count < s->cap);
  term = &s->u->terms[s->u->count];
  rc = pq_path_parse(s->arena, text, &term->path);
  if (rc == PQ_EINVALID)
    return pq_fail(s->cx, PQ_EUPDATE, "'%.*s' is no valid path", PQ_SHOW(text));
  PQ_TRY(rc);
  PQ_TRY(check_parts(s, &term->path));
  term->op = (int)op;
  term->operand = operand;
  s->u->count++;
  *out = term;
  return PQ_OK;
}

static int add_plain(parser *s, const pq_field *field, pq_update_op op) {
  pq_term *term;
  return add_term(s, field->name, op, field->value, &term);
}
static int parse_set(parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_SET);
}
static int parse_unset(parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_UNSET);
}
static int parse_min(parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_MIN);
}
static int parse_max(parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_MAX);
}
static int parse_set_on_insert(parser *s, const pq_field *field) {
  return add_plain(s, field, PQ_UPDATE_SET_ON_INSERT);
}

static int add_number(parser *s, const pq_field *field, pq_update_op op) {
  pq_quantity number;
  if (!pq_quantity_of(field->value, &number))
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' at path '%.*s' needs a number, not %s",
                   op == PQ_UPDATE_INC ? "$inc" : "$mul", PQ_SHOW(field->name),
                   pq_type_name(pq_value_type(field->value)));
  return add_plain(s, field, op);
}
static int parse_inc(parser *s, const pq_field *field) {
  return add_number(s, field, PQ_UPDATE_INC);
}
static int parse_mul(parser *s, const pq_field *field) {
  return add_number(s, field, PQ_UPDATE_MUL);
}

/* Two terms: the old name and the new one. */
static int parse_rename(parser *s, const pq_field *field) {
  pq_term *from, *to;
  pq_slice name;
  if (!pq_value_string(field->value, &name))
    return pq_fail(s->cx, PQ_EUPDATE, "operator '$rename' at path '%.*s' needs a string, not %s",
                   PQ_SHOW(field->name), pq_type_name(pq_value_type(field->value)));
  PQ_TRY(add_term(s, field->name, PQ_UPDATE_RENAME_FROM, (pq_value){0}, &from));
  PQ_TRY(add_term(s, name, PQ_UPDATE_RENAME_TO, (pq_value){0}, &to));
  from->source = to->source = s->source_count;
  s->u->sources[s->source_count++] = from->path;
  return PQ_OK;
}

/* A new entry of u->changes, and the term that names it. */
static int add_change(parser *s, const pq_field *field, pq_update_op op, pq_array_change **out) {
  pq_term *term;
  *out = NULL;
  PQ_TRY(add_term(s, field->name, op, field->value, &term));
  term->source = s->u->change_count;
  *out = &s->u->changes[s->u->change_count++];
  return PQ_OK;
}

static int fail_modifier(parser *s, const char *name, pq_slice path, const char *what) {
  return pq_fail(s->cx, PQ_EUPDATE, "'%s' at path '%.*s' needs %s", name, PQ_SHOW(path), what);
}

/* A whole number of any type. */
static bool read_integer(pq_value v, int64_t *out) {
  double real;
  return pq_value_number(v, &real) && pq_value_truncate(v, out) && (double)*out == real;
}

/* 1, -1 or {"a.b": 1, "c": -1} */
static int parse_push_sort(parser *s, pq_slice path, pq_value v, pq_array_change *change) {
  int64_t direction;
  if (pq_value_type(v) == PQ_TYPE_OBJECT && pq_value_count(v) > 0) {
    int rc = pq_sort_parse(s->arena, NULL, v, &change->sort);
    if (rc == PQ_EINVALID) return fail_modifier(s, "$sort", path, "directions of 1 or -1");
    return rc;
  }
  if (!read_integer(v, &direction) || (direction != 1 && direction != -1))
    return fail_modifier(s, "$sort", path, "1, -1, or an object of those");
  change->whole_sort = (int)direction;
  return PQ_OK;
}

static int parse_modifier(parser *s, pq_slice path, const pq_field *m, pq_array_change *change) {
  if (pq_slice_is(m->name, "$each")) return PQ_OK;
  if (pq_slice_is(m->name, "$sort")) return parse_push_sort(s, path, m->value, change);
  if (pq_slice_is(m->name, "$slice")) {
    change->has_slice = true;
    if (read_integer(m->value, &change->slice)) return PQ_OK;
    return fail_modifier(s, "$slice", path, "a whole number");
  }
  if (pq_slice_is(m->name, "$position")) {
    change->has_position = true;
    if (read_integer(m->value, &change->position)) return PQ_OK;
    return fail_modifier(s, "$position", path, "a whole number");
  }
  return pq_fail(s->cx, PQ_EUPDATE, "unknown operator '%.*s' of '$push' at path '%.*s'",
                 PQ_SHOW(m->name), PQ_SHOW(path));
}

/* The array behind $each; missing when the value has no modifiers. */
static int read_each(parser *s, const pq_field *field, pq_value *each) {
  *each = (pq_value){0};
  if (pq_value_type(field->value) != PQ_TYPE_OBJECT) return PQ_OK;
  *each = pq_object_get_str(field->value, "$each");
  if (pq_value_is_missing(*each) || pq_value_type(*each) == PQ_TYPE_ARRAY) return PQ_OK;
  return fail_modifier(s, "$each", field->name, "an array");
}

/* {"$push": {"a": 1}} or {"$push": {"a": {"$each": [1, 2], "$slice": -5}}} */
static int parse_push(parser *s, const pq_field *field) {
  pq_array_change *change;
  pq_value each;
  pq_field *fields;
  uint32_t count;
  PQ_TRY(read_each(s, field, &each));
  if (pq_value_is_missing(each)) return add_change(s, field, PQ_UPDATE_PUSH, &change);
  PQ_TRY(add_change(s, &(pq_field){field->name, each}, PQ_UPDATE_PUSH_EACH, &change));
  PQ_TRY(read_fields(s, field->value, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_modifier(s, field->name, &fields[i], change));
  return PQ_OK;
}

static int parse_add_to_set(parser *s, const pq_field *field) {
  pq_array_change *change;
  pq_value each;
  PQ_TRY(read_each(s, field, &each));
  if (pq_value_is_missing(each)) return add_change(s, field, PQ_UPDATE_ADD_TO_SET, &change);
  if (pq_value_count(field->value) > 1)
    return fail_modifier(s, "$addToSet", field->name, "nothing beside '$each'");
  return add_change(s, &(pq_field){field->name, each}, PQ_UPDATE_ADD_EACH, &change);
}

/* A value, {"$gt": 3} on elements, or {"x": 1} on elements that are objects (rule 29). */
static int parse_pull(parser *s, const pq_field *field) {
  pq_array_change *change;
  pq_type t = pq_value_type(field->value);
  PQ_TRY(add_change(s, field, PQ_UPDATE_PULL, &change));
  if (t != PQ_TYPE_OBJECT && t != PQ_TYPE_REGEX) return PQ_OK;
  return pq_filter_parse_element(s->arena, field->value, &change->filter, &change->needs_object);
}

static int parse_pull_all(parser *s, const pq_field *field) {
  pq_array_change *change;
  if (pq_value_type(field->value) != PQ_TYPE_ARRAY)
    return fail_modifier(s, "$pullAll", field->name, "an array");
  return add_change(s, field, PQ_UPDATE_PULL_ALL, &change);
}

static int parse_pop(parser *s, const pq_field *field) {
  pq_array_change *change;
  int64_t end;
  if (!read_integer(field->value, &end) || (end != 1 && end != -1))
    return fail_modifier(s, "$pop", field->name, "1 (the last element) or -1 (the first)");
  PQ_TRY(add_change(s, field, PQ_UPDATE_POP, &change));
  change->is_from_front = end < 0;
  return PQ_OK;
}

static int parse_bit(parser *s, const pq_field *field) {
  static const char *const names[] = {"and", "or", "xor", NULL};
  pq_field *fields;
  uint32_t count;
  int64_t mask;
  if (pq_value_type(field->value) != PQ_TYPE_OBJECT || pq_value_count(field->value) == 0)
    return fail_modifier(s, "$bit", field->name, "an object of \"and\", \"or\", \"xor\"");
  PQ_TRY(read_fields(s, field->value, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!pq_name_in(fields[i].name, names) || !pq_value_i64(fields[i].value, &mask))
      return fail_modifier(s, "$bit", field->name, "integers under \"and\", \"or\" or \"xor\"");
  return add_plain(s, field, PQ_UPDATE_BIT);
}

/* true or {"$type": "date"}; BSON timestamps need a counter that we have not. */
static int parse_current_date(parser *s, const pq_field *field) {
  pq_value type = pq_object_get_str(field->value, "$type");
  pq_slice name;
  bool flag;
  if (pq_value_bool(field->value, &flag)) return add_plain(s, field, PQ_UPDATE_CURRENT_DATE);
  if (pq_value_count(field->value) == 1 && pq_value_string(type, &name)) {
    if (pq_slice_is(name, "date")) return add_plain(s, field, PQ_UPDATE_CURRENT_DATE);
    if (pq_slice_is(name, "timestamp"))
      return pq_fail(s->cx, PQ_EUNSUPPORTED,
                     "'$currentDate' at path '%.*s' with type 'timestamp' is not supported yet",
                     PQ_SHOW(field->name));
  }
  return fail_modifier(s, "$currentDate", field->name, "true or {\"$type\": \"date\"}");
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
                                            {"$push", parse_push},
                                            {"$addToSet", parse_add_to_set},
                                            {"$pull", parse_pull},
                                            {"$pullAll", parse_pull_all},
                                            {"$pop", parse_pop},
                                            {"$bit", parse_bit},
                                            {"$currentDate", parse_current_date}};

/* The path that an operator is applied to first, for messages. */
static pq_slice first_path(parser *s, pq_value spec) {
  uint32_t count = 0;
  pq_field *fields = NULL;
  if (pq_value_type(spec) == PQ_TYPE_OBJECT) fields = pq_object_fields(s->arena, spec, &count);
  return fields == NULL || count == 0 ? PQ_SLICE("") : fields[0].name;
}

static int fail_operator(parser *s, const pq_field *field) {
  pq_slice path = first_path(s, field->value);
  const char *nearest;
  if (!is_dollar(field->name))
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

static int parse_operator(parser *s, const pq_field *field) {
  const update_operator *operator= find_operator(field->name);
  pq_field *fields;
  uint32_t count;
  if (operator== NULL) return fail_operator(s, field);
  if (pq_value_type(field->value) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%.*s' needs an object of paths, not %s",
                   PQ_SHOW(field->name), pq_type_name(pq_value_type(field->value)));
  PQ_TRY(read_fields(s, field->value, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(operator->parse(s, &fields[i]));
  return PQ_OK;
}

static int parse_operators(parser *s, const pq_field *fields, uint32_t count) {
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
  PQ_TRY(pq_terms_sort(s->cx, u->terms, u->count, &conflict));
  if (conflict < u->count)
    return pq_fail(s->cx, PQ_EUPDATE, "updating the path '%.*s' conflicts with '%.*s'",
                   PQ_SHOW(u->terms[conflict + 1].path.text),
                   PQ_SHOW(u->terms[conflict].path.text));
  return PQ_OK;
}

static int parse_replacement(parser *s, pq_value spec, const pq_field *fields, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (!is_dollar(fields[i].name)) continue;
    if (pq_name_in(fields[i].name, system_dollars))
      return pq_fail(s->cx, PQ_EUPDATE, "the system field '%.*s' cannot be updated",
                     PQ_SHOW(fields[i].name));
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%.*s' stands among the fields of a replacement",
                   PQ_SHOW(fields[i].name));
  }
  s->u->is_replacement = true;
  s->u->replacement = spec;
  return PQ_OK;
}

int pq_update_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_value array_filters,
                    pq_update **out) {
  parser s = {.arena = arena, .cx = arena->cx};
  pq_field *fields;
  uint32_t count;
  pq_value copy;
  bool is_system;
  *out = NULL;
  (void)env, (void)array_filters;
  if (pq_value_type(spec) == PQ_TYPE_ARRAY)
    return pq_fail(s.cx, PQ_EUNSUPPORTED, "an update by a pipeline is not supported yet");
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s.cx, PQ_EUPDATE, "an update must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  PQ_TRY(pq_value_copy(arena, spec, &copy));
  s.u = pq_arena_calloc(arena, 1, sizeof *s.u);
  if (s.u == NULL) return s.cx->code;
  PQ_TRY(read_fields(&s, copy, &fields, &count));
  is_system = count > 0 && pq_name_in(fields[0].name, system_dollars);
  if (count > 0 && is_dollar(fields[0].name) && !is_system) {
    PQ_TRY(parse_operators(&s, fields, count));
  } else {
    PQ_TRY(parse_replacement(&s, copy, fields, count));
  }
  *out = s.u;
  return PQ_OK;
}
