/* cmd/command_env.c - what a command says about its language: variables, collation, hint.
 *
 *   {"find": …, "let": {"max": {"$add": [1, 2]}}, "collation": {"locale": "en", "strength": 2}}
 *        │ names to the parsers (pq_env)      │ values, computed once, to each evaluation (pq_eval)
 */
#include "cmd/catalog.h"
#include "db/schema_of.h"
#include "value/compare.h"
#include "expr/expression.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* A name begins with a lower-case letter; what follows is letters, digits and '_'. */
static bool is_variable_name(pq_slice name) {
  if (name.n == 0 || name.p[0] < 'a' || name.p[0] > 'z') return false;
  for (size_t i = 1; i < name.n; i++) {
    uint8_t b = name.p[i];
    bool is_letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b >= 0x80;
    if (!is_letter && !(b >= '0' && b <= '9') && b != '_') return false;
  }
  return true;
}

/* The values of `let` know neither the document nor each other. */
static int open_let(pq_command *c, pq_value let, pq_arena *arena) {
  pq_env *env = c->s.env;
  uint32_t count;
  pq_field *fields = pq_object_fields(arena, let, &count);
  if (fields == NULL && pq_value_count(let) > 0) return c->op.cx->code;
  if (count > PQ_VARIABLES_MAX / 2)
    return pq_fail(c->op.cx, PQ_ELIMIT, "%s: 'let' has more than %d variables", c->s.spec->name,
                   PQ_VARIABLES_MAX / 2);
  c->s.variables = pq_arena_calloc(arena, count, sizeof *c->s.variables);
  if (c->s.variables == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_expression *e;
    pq_eval eval = {
        .cx = c->op.cx, .arena = arena, .builder = c->db->builder, .now_us = c->op.now_us};
    if (!is_variable_name(fields[i].name))
      return pq_fail(c->op.cx, PQ_EINVALID,
                     "%s: 'let': '%.*s' is no name of a variable: they begin with a lower-case "
                     "letter",
                     c->s.spec->name, TEXT_ARGS(fields[i].name));
    PQ_TRY(pq_expression_parse(arena, NULL, fields[i].value, &e));
    PQ_TRY(pq_expression_eval(e, &eval, &c->s.variables[i]));
    if (!pq_value_is_missing(c->s.variables[i]))
      PQ_TRY(pq_value_copy(arena, c->s.variables[i], &c->s.variables[i]));
    env->variables[env->variable_count++] = fields[i].name;
  }
  return PQ_OK;
}

int pq_env_open(pq_command *c, const pq_args *args, pq_arena *arena) {
  uint8_t random[10];
  pq_db_random(c->db, random);
  c->s.random = pq_rd64(random);
  c->s.env = NULL;
  c->s.variables = NULL;
  if (!(args->given & (PQ_OPT_LET | PQ_OPT_COLLATION))) return PQ_OK;
  c->s.env = pq_arena_calloc(arena, 1, sizeof *c->s.env);
  if (c->s.env == NULL) return c->op.cx->code;
  PQ_TRY(pq_collation_parse(c->op.cx, args->collation, &c->s.env->collation));
  return pq_value_is_missing(args->let) ? PQ_OK : open_let(c, args->let, arena);
}

void pq_env_eval(pq_command *c, pq_eval *out) {
  *out = (pq_eval){.cx = c->op.cx,
                   .arena = &c->op.scratch,
                   .builder = c->db->builder,
                   .now_us = c->op.now_us,
                   .random = c->s.random};
  if (c->s.env == NULL) return;
  out->collation = c->s.env->collation;
  for (uint32_t i = 0; i < c->s.env->variable_count; i++)
    out->variables[i] = c->s.variables[i];
}

static int no_index(pq_command *c, pq_value hint) {
  pq_slice name = {0};
  pq_field field;
  if (!pq_value_string(hint, &name) && pq_object_at(hint, 0, &field)) name = field.name;
  return pq_fail(c->op.cx, PQ_EINDEX,
                 "%s: there is no index '%.*s': hint provided does not correspond to an existing "
                 "index ('hint' may be $id or $natural, too)",
                 c->s.spec->name, TEXT_ARGS(name));
}

/* Is the index's name or its key the hint? */
static bool is_hinted(pq_value spec, pq_value hint) {
  pq_slice name, own;
  pq_value key = pq_object_get_str(spec, "key");
  if (pq_value_string(hint, &name))
    return pq_value_string(pq_object_get_str(spec, "name"), &own) && pq_slice_eq(name, own);
  return pq_value_type(key) == PQ_TYPE_OBJECT && pq_value_is_equal(key, hint);
}

int pq_check_hint(pq_command *c) {
  pq_value hint = c->s.hint, list;
  pq_schema_at at;
  if (pq_value_is_missing(hint)) return PQ_OK;
  pq_schema_within(c->s.space, pq_txn_own(c), c->s.collection, &at);
  list = pq_object_get_str(pq_object_get_str(at.document, PQ_COLLECTION_DIRECTIVE), "indexes");
  for (uint32_t i = 0; i < pq_value_count(list); i++)
    if (is_hinted(pq_array_at(list, i), hint)) return PQ_OK;
  return no_index(c, hint);
}

/* What an index other than ours may be named by. In a turn of a bulk write they are known. */
static int keep_hint(pq_command *c, pq_value hint) {
  int rc;
  c->s.hint = hint;
  if (c->s.take == NULL) return PQ_OK;
  rc = pq_check_hint(c);
  c->s.hint = (pq_value){0};
  return rc;
}

int pq_parse_hint(pq_command *c, pq_value hint, bool *is_natural) {
  pq_slice name = {0};
  pq_field field;
  double direction = 1;
  *is_natural = false;
  if (pq_value_is_missing(hint)) return PQ_OK;
  if (pq_value_type(hint) == PQ_TYPE_OBJECT && pq_object_at(hint, 0, &field)) {
    name = field.name;
    if (!pq_value_number(field.value, &direction) || (direction != 1 && direction != -1))
      return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'hint': a direction is 1 or -1",
                     c->s.spec->name);
    if (pq_value_count(hint) > 1) return keep_hint(c, hint);
  } else if (!pq_value_string(hint, &name)) {
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'hint' must be text or an object of fields",
                   c->s.spec->name);
  }
  *is_natural = pq_slice_is(name, "$natural");
  if (*is_natural && direction < 0)
    return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                   "%s: option 'hint': a scan backwards is not supported", c->s.spec->name);
  if (*is_natural || pq_slice_is(name, "$id") || pq_slice_is(name, "_id") ||
      pq_slice_is(name, "_id_"))
    return PQ_OK;
  return keep_hint(c, hint);
}
