/* cmd/edge_rules.c - see edge_rules.h. */
#include "cmd/edge_rules.h"

#include <string.h>

#include "db/schema_of.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

void pq_edge_rules_init(pq_edge_rules *r, pq_command *c, pq_arena *arena) {
  *r = (pq_edge_rules){.c = c, .arena = arena};
  pq_table_init(&r->forms_by_name, c->op.cx);
  pq_table_init(&r->rules_by_key, c->op.cx);
}

void pq_edge_rules_release(pq_edge_rules *r) {
  pq_table_release(&r->forms_by_name);
  pq_table_release(&r->rules_by_key);
}

/* ---- collections ---- */

/* Of a foreign id with its namespace: schemas of here say nothing about that collection. */
static pq_slice collection_of(pq_slice id) {
  pq_slice collection = {0}, local, ns, there;
  (void)pq_id_split(id, &collection, &local);
  if (!pq_id_split_foreign(id, &ns, &there)) return collection;
  (void)pq_id_split(there, &collection, &local);
  return (pq_slice){id.p, id.n - local.n - 1};
}

static int make_form(pq_edge_rules *r, pq_slice collection, pq_edge_form **out) {
  pq_command *c = r->c;
  pq_edge_form *f = pq_arena_calloc(r->arena, 1, sizeof *f);
  pq_schema *schema = NULL;
  pq_schema_at at;
  *out = f;
  if (f == NULL) return c->op.cx->code;
  PQ_TRY(pq_arena_copy(r->arena, collection, &f->collection));
  pq_schema_of(&c->s.snapshot.view, collection, &at);
  PQ_TRY(pq_schema_open(r->arena, collection, &at, &schema));
  f->schema = schema;
  f->mode = schema == NULL ? PQ_VALIDATE_OFF : schema->mode;
  if (schema != NULL && c->s.args.validate.n > 0)
    PQ_TRY(pq_parse_mode(c, "validate", c->s.args.validate, &f->mode));
  if (schema != NULL) f->type = schema->type_name;
  return f->type.n > 0 ? PQ_OK : pq_type_of_collection(r->arena, collection, &f->type);
}

/* Room for one more pointer. */
static int grow(pq_arena *arena, void *items, uint32_t count, uint32_t *cap) {
  void **old = *(void ***)items, **grown;
  if (count < *cap) return PQ_OK;
  *cap = *cap == 0 ? 8 : *cap * 2;
  grown = pq_arena_calloc(arena, *cap, sizeof *grown);
  if (grown == NULL) return arena->cx->code;
  if (count > 0) memcpy(grown, old, count * sizeof *grown);
  *(void ***)items = grown;
  return PQ_OK;
}

int pq_edge_form_of(pq_edge_rules *r, pq_slice collection, const pq_edge_form **out) {
  uint64_t hash = pq_hash(collection, 3);
  pq_edge_form *made;
  size_t pos;
  *out = NULL;
  for (uint32_t i = pq_table_first(&r->forms_by_name, hash, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&r->forms_by_name, hash, &pos))
    if (pq_slice_eq(r->forms[i]->collection, collection)) {
      *out = r->forms[i];
      return PQ_OK;
    }
  PQ_TRY(make_form(r, collection, &made));
  PQ_TRY(grow(r->arena, &r->forms, r->form_count, &r->form_cap));
  PQ_TRY(pq_table_add(&r->forms_by_name, hash, r->form_count));
  r->forms[r->form_count++] = made;
  *out = made;
  return PQ_OK;
}

/* ---- rules ---- */

bool pq_edge_is_target(const pq_edge_form *f, pq_slice target) {
  return pq_slice_eq(f->collection, target) || pq_slice_eq(f->type, target);
}

const pq_schema_field *pq_edge_field_of(const pq_edge_form *f, pq_slice name) {
  for (uint32_t i = 0; f->schema != NULL && i < f->schema->field_count; i++)
    if (f->schema->fields[i].type == PQ_FIELD_EDGE && pq_slice_eq(f->schema->fields[i].name, name))
      return &f->schema->fields[i];
  return NULL;
}

/* The field that is the other side of edges `predicate` that come from there. */
static const pq_schema_field *find_back(const pq_edge_form *f, const pq_edge_form *from,
                                        pq_slice predicate) {
  for (uint32_t i = 0; f->schema != NULL && i < f->schema->field_count; i++) {
    const pq_schema_field *g = &f->schema->fields[i];
    if (g->type == PQ_FIELD_EDGE && g->is_backward && pq_slice_eq(g->reverse, predicate) &&
        pq_edge_is_target(from, g->target))
      return g;
  }
  return NULL;
}

static int name_reverse(pq_edge_rules *r, pq_edge_rule *rule) {
  const pq_schema_field *f = rule->field;
  if (f != NULL && !f->is_reverse_inferred)
    rule->reverse = f->reverse;
  else if (rule->back != NULL)
    rule->reverse = rule->back->name;
  else
    PQ_TRY(pq_reverse_default(r->arena, rule->predicate, &rule->reverse));
  return pq_check_predicate(r->c, rule->reverse);
}

static int make_rule(pq_edge_rules *r, const pq_edge_form *from, pq_slice predicate,
                     const pq_edge_form *to, pq_edge_rule **out) {
  pq_edge_rule *rule = pq_arena_calloc(r->arena, 1, sizeof *rule);
  const pq_schema_field *f = pq_edge_field_of(from, predicate);
  *out = rule;
  if (rule == NULL) return r->c->op.cx->code;
  PQ_TRY(pq_arena_copy(r->arena, predicate, &rule->predicate));
  rule->from = from;
  rule->to = to;
  if (f != NULL && f->is_backward) rule->wrong = f;
  if (f != NULL && !f->is_backward) rule->field = f;
  rule->back = find_back(to, from, predicate);
  rule->is_one = rule->field != NULL && !f->is_list && from->mode != PQ_VALIDATE_OFF;
  rule->is_one_source = rule->back != NULL && !rule->back->is_list && to->mode != PQ_VALIDATE_OFF;
  rule->is_fitting = rule->field == NULL || pq_edge_is_target(to, f->target) ||
                     memchr(to->collection.p, '/', to->collection.n) != NULL;
  return name_reverse(r, rule);
}

int pq_edge_rule_of(pq_edge_rules *r, pq_slice from, pq_slice predicate, pq_slice to,
                    const pq_edge_rule **out) {
  pq_slice from_name = collection_of(from), to_name = collection_of(to);
  uint64_t hash = pq_hash(predicate, pq_hash(to_name, pq_hash(from_name, 5)));
  const pq_edge_form *from_form, *to_form;
  pq_edge_rule *made;
  size_t pos;
  *out = NULL;
  for (uint32_t i = pq_table_first(&r->rules_by_key, hash, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&r->rules_by_key, hash, &pos)) {
    const pq_edge_rule *rule = r->rules[i];
    if (!pq_slice_eq(rule->predicate, predicate) ||
        !pq_slice_eq(rule->from->collection, from_name) ||
        !pq_slice_eq(rule->to->collection, to_name))
      continue;
    *out = rule;
    return PQ_OK;
  }
  PQ_TRY(pq_edge_form_of(r, from_name, &from_form));
  PQ_TRY(pq_edge_form_of(r, to_name, &to_form));
  PQ_TRY(make_rule(r, from_form, predicate, to_form, &made));
  PQ_TRY(grow(r->arena, &r->rules, r->rule_count, &r->rule_cap));
  PQ_TRY(pq_table_add(&r->rules_by_key, hash, r->rule_count));
  r->rules[r->rule_count++] = made;
  *out = made;
  return PQ_OK;
}

/* ---- a command's edges ---- */

int pq_edge_refuse(pq_command *c, pq_schema_mode mode, const pq_edge_arg *e, const char *text) {
  uint32_t index = (uint32_t)(e - c->s.edges);
  if (text == NULL) return c->op.cx->code;
  if (mode == PQ_VALIDATE_OFF) return PQ_OK;
  if (mode == PQ_VALIDATE_WARN)
    return pq_typing_warn(c, e->is_of_update ? 0 : index, e->predicate, text);
  if (e->line > 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "line %llu: %.*s: field '%.*s' %s",
                   (unsigned long long)e->line, TEXT_ARGS(e->from), TEXT_ARGS(e->predicate), text);
  return pq_fail(c->op.cx, PQ_EINVALID, "%.*s: field '%.*s' %s", TEXT_ARGS(e->from),
                 TEXT_ARGS(e->predicate), text);
}

static int refuse_wrong(pq_command *c, const pq_edge_arg *e) {
  const pq_schema_field *f = e->rule->wrong;
  if (f == NULL) return PQ_OK;
  return pq_edge_refuse(c, e->rule->from->mode, e,
                        pq_arena_printf(&c->op.scratch,
                                        "is made of edges '%.*s' that come from a %.*s: link from "
                                        "there",
                                        TEXT_ARGS(f->reverse), TEXT_ARGS(f->target)));
}

static int rule_edges(pq_command *c, pq_edge_rules *r) {
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    pq_edge_arg *e = &c->s.edges[i];
    if (e->is_unlink || e->is_unchecked) continue;
    PQ_TRY(pq_edge_rule_of(r, e->from, e->predicate, e->to, &e->rule));
    if (e->reverse.n == 0) e->reverse = e->rule->reverse;
    PQ_TRY(refuse_wrong(c, e));
  }
  return PQ_OK;
}

int pq_edges_rule(pq_command *c) {
  pq_edge_rules r;
  int rc;
  pq_edge_rules_init(&r, c, &c->op.arena);
  rc = rule_edges(c, &r);
  pq_edge_rules_release(&r);
  return rc;
}

int pq_edge_check_type(pq_command *c, const pq_edge_arg *e, pq_slice type) {
  const pq_edge_rule *rule = e->rule;
  if (rule == NULL || rule->is_fitting) return PQ_OK;
  if (type.n == 0) type = rule->to->type;
  if (pq_slice_eq(type, rule->field->target)) return PQ_OK;
  return pq_edge_refuse(
      c, rule->from->mode, e,
      pq_arena_printf(&c->op.scratch, "leads to a %.*s, and %.*s is a %.*s",
                      TEXT_ARGS(rule->field->target), TEXT_ARGS(e->to), TEXT_ARGS(type)));
}
