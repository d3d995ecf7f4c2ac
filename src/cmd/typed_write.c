/* cmd/typed_write.c - writes to a collection that has a schema: what a document must look like.
 *
 *   document ─► $id: 'field' gives the id ─► validate: strict │ permissive │ warn │ off
 *                                               ├─► defaults filled in, values as they are stored
 *                                               └─► an error, or warnings for the summary
 *
 * The schema is the newest one. If another one is set before the write joins, it is decided anew.
 */
#include <string.h>

#include "cmd/derived.h"
#include "db/schema_of.h"

enum { WARNINGS_MAX = 100 };

typedef struct pq_warning {
  uint32_t index; /* of the document or operation */
  pq_slice path, text;
} pq_warning;

struct pq_typing {
  uint64_t seq;      /* of the namespace, when it was looked at last, */
  uint64_t form_seq; /* and of the schema */
  pq_schema *schema; /* NULL: none */
  pq_schema_mode mode;
  pq_warning *warnings;  /* WARNINGS_MAX */
  pq_unique_key *unique; /* fields with '##', then unique indexes */
  uint32_t unique_count;
  pq_collection_record record; /* validator, indexes */
  bool is_unchecked;           /* validate: "off" */
};

static const struct mode_word {
  const char *name;
  pq_schema_mode mode;
} mode_words[] = {{"strict", PQ_VALIDATE_STRICT},
                  {"permissive", PQ_VALIDATE_PERMISSIVE},
                  {"warn", PQ_VALIDATE_WARN},
                  {"off", PQ_VALIDATE_OFF}};

int pq_parse_mode(pq_command *c, const char *option, pq_slice text, pq_schema_mode *out) {
  *out = 0;
  for (size_t i = 0; i < sizeof mode_words / sizeof *mode_words; i++)
    if (pq_slice_is(text, mode_words[i].name)) *out = mode_words[i].mode;
  if (*out != 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: option '%s' must be \"strict\", \"permissive\", \"warn\" or \"off\"",
                 c->s.spec->name, option);
}

const char *pq_mode_name(pq_schema_mode mode) {
  return mode >= PQ_VALIDATE_STRICT && mode <= PQ_VALIDATE_OFF ? mode_words[mode - 1].name : "off";
}

static uint32_t count_unique(const pq_schema_field *fields, uint32_t count) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++)
    n += fields[i].is_unique + count_unique(fields[i].fields, fields[i].field_count);
  return n;
}

/* Nested as deep as a schema may be. */
static int add_unique(pq_arena *arena, const pq_schema_field *fields, uint32_t field_count,
                      pq_slice prefix, pq_unique_field *out, uint32_t *count) {
  for (uint32_t i = 0; i < field_count; i++) {
    const pq_schema_field *f = &fields[i];
    char *text;
    if (count_unique(f, 1) == 0) continue;
    text = pq_arena_printf(arena, "%.*s%s%.*s", (int)prefix.n,
                           prefix.n == 0 ? "" : (const char *)prefix.p, prefix.n == 0 ? "" : ".",
                           (int)f->name.n, (const char *)f->name.p);
    if (text == NULL) return arena->cx->code;
    if (f->is_unique) {
      out[*count].field = f;
      PQ_TRY(pq_path_parse(arena, pq_str(text), &out[(*count)++].path));
    }
    PQ_TRY(add_unique(arena, f->fields, f->field_count, pq_str(text), out, count));
  }
  return PQ_OK;
}

int pq_unique_fields(pq_arena *arena, const pq_schema *schema, pq_unique_field **out,
                     uint32_t *count) {
  uint32_t n = schema == NULL ? 0 : count_unique(schema->fields, schema->field_count);
  *count = 0;
  *out = pq_arena_calloc(arena, n, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  if (n == 0) return PQ_OK;
  return add_unique(arena, schema->fields, schema->field_count, (pq_slice){0}, *out, count);
}

void pq_unique_of_field(const pq_unique_field *field, pq_unique_key *out) {
  *out = (pq_unique_key){
      .name = field->path.text, .paths = (pq_path *)(uintptr_t)&field->path, .path_count = 1};
}

/* What no two documents may have: fields of the schema, unique indexes of the record. */
static int add_unique_keys(pq_arena *arena, struct pq_typing *t) {
  pq_unique_field *fields;
  uint32_t count;
  PQ_TRY(pq_unique_fields(arena, t->schema, &fields, &count));
  t->unique = pq_arena_calloc(arena, (size_t)count + t->record.index_count, sizeof *t->unique);
  if (t->unique == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++)
    pq_unique_of_field(&fields[i], &t->unique[t->unique_count++]);
  for (uint32_t i = 0; i < t->record.index_count; i++)
    if (t->record.indexes[i].is_unique) t->unique[t->unique_count++] = t->record.indexes[i].key;
  return PQ_OK;
}

int pq_typing_open(pq_command *c) {
  pq_arena *arena = &c->arena;
  struct pq_typing *t = c->s.typing, *old = t;
  pq_schema_at at;
  pq_schema_within(c->s.space, pq_txn_own(c), c->s.collection, &at);
  if (t != NULL && t->form_seq == at.seq) {
    t->seq = c->s.space->seq;
    return PQ_OK;
  }
  if (c->s.spec->open != pq_open_drop) PQ_TRY(pq_derived_refuse(c, c->s.collection));
  t = pq_arena_calloc(arena, 1, sizeof *t);
  if (t == NULL) return c->op.cx->code;
  t->seq = c->s.space->seq;
  t->form_seq = at.seq;
  PQ_TRY(pq_schema_open(arena, c->s.collection, &at, &t->schema));
  PQ_TRY(pq_collection_record_of(arena, at.document, &t->record));
  if (!pq_schema_says_something(at.document)) t->schema = NULL; /* a record alone */
  PQ_TRY(add_unique_keys(arena, t));
  t->mode = t->schema == NULL ? PQ_VALIDATE_OFF : t->schema->mode;
  if (c->s.args.validate.n > 0) {
    pq_schema_mode mode;
    PQ_TRY(pq_parse_mode(c, "validate", c->s.args.validate, &mode));
    if (t->schema != NULL) t->mode = mode;
    t->is_unchecked = mode == PQ_VALIDATE_OFF;
  }
  t->warnings =
      old != NULL ? old->warnings : pq_arena_calloc(arena, WARNINGS_MAX, sizeof *t->warnings);
  if (t->warnings == NULL) return c->op.cx->code;
  c->s.typing = t;
  return PQ_OK;
}

uint64_t pq_typing_seq(const pq_command *c) {
  return c->s.typing == NULL ? UINT64_MAX : c->s.typing->seq;
}

const pq_unique_key *pq_typing_unique(const pq_command *c, uint32_t *count) {
  *count = c->s.typing == NULL ? 0 : c->s.typing->unique_count;
  return *count == 0 ? NULL : c->s.typing->unique;
}

pq_slice pq_typing_type(const pq_command *c) {
  bool is_named =
      c->s.typing != NULL && c->s.typing->schema != NULL && c->s.typing->schema->type_name.n > 0;
  return is_named ? c->s.typing->schema->type_name : c->s.type;
}

static int warn(pq_command *c, uint32_t index, const pq_problem *p) {
  pq_warning *w;
  if (c->s.outcome.warnings++ >= WARNINGS_MAX) return PQ_OK;
  w = &c->s.typing->warnings[c->s.outcome.warnings - 1];
  w->index = index;
  PQ_TRY(pq_arena_copy(&c->arena, p->path, &w->path));
  return pq_arena_copy(&c->arena, pq_str(p->text), &w->text);
}

int pq_typing_warn(pq_command *c, uint32_t index, pq_slice path, const char *text) {
  pq_arena *arena = &c->arena;
  pq_problem p = {path, text};
  if (c->s.typing == NULL) { /* a command that writes no documents */
    struct pq_typing *t = pq_arena_calloc(arena, 1, sizeof *t);
    if (t == NULL) return c->op.cx->code;
    t->seq = t->form_seq = UINT64_MAX;
    t->warnings = pq_arena_calloc(arena, WARNINGS_MAX, sizeof *t->warnings);
    if (t->warnings == NULL) return c->op.cx->code;
    c->s.typing = t;
  }
  return warn(c, index, &p);
}

static int matches(pq_command *c, pq_value doc, bool *out) {
  const pq_filter *f = c->s.typing->record.validator;
  pq_eval eval;
  pq_env_eval(c, &eval);
  eval.collation = (pq_collation){0};
  *out = pq_filter_match(f, &eval, doc, (pq_value){0});
  return pq_filter_status(f);
}

/* The collection's validator. `before` is missing for a new document. */
static int check_validator(pq_command *c, const pq_write *w, pq_value before, pq_value after) {
  const struct pq_typing *t = c->s.typing;
  bool is_match = true;
  if (t == NULL || t->record.validator == NULL || t->is_unchecked) return PQ_OK;
  if (t->record.level == PQ_LEVEL_OFF) return PQ_OK;
  PQ_TRY(matches(c, after, &is_match));
  if (is_match) return PQ_OK;
  if (t->record.level == PQ_LEVEL_MODERATE && !pq_value_is_missing(before)) {
    PQ_TRY(matches(c, before, &is_match));
    if (!is_match) return PQ_OK;
  }
  if (t->record.only_warns)
    return pq_typing_warn(c, w->index, (pq_slice){0}, "document failed validation");
  return pq_fail(c->op.cx, PQ_EINVALID, "document failed validation by the validator of '%.*s'",
                 (int)(c->s.collection.n > 60 ? 60 : c->s.collection.n),
                 (const char *)c->s.collection.p);
}

int pq_typed_document(pq_command *c, const pq_write *w, pq_value *doc) {
  return pq_typed_update(c, w, (pq_value){0}, doc);
}

int pq_typed_update(pq_command *c, const pq_write *w, pq_value before, pq_value *doc) {
  const struct pq_typing *t = c->s.typing;
  const pq_problem *problems;
  pq_value filled;
  uint32_t count;
  pq_eval eval;
  if (t == NULL || t->schema == NULL || t->mode == PQ_VALIDATE_OFF)
    return check_validator(c, w, before, *doc);
  pq_env_eval(c, &eval);
  PQ_TRY(pq_schema_validate(t->schema, t->mode, &eval, &c->op.arena, *doc, &filled, &problems,
                            &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(warn(c, w->index, &problems[i]));
  *doc = filled;
  return check_validator(c, w, before, *doc);
}

bool pq_typing_has_texts(const pq_command *c) {
  const pq_schema *s = c->s.typing == NULL ? NULL : c->s.typing->schema;
  for (uint32_t i = 0; s != NULL && i < s->field_count; i++)
    if (pq_field_has_texts(&s->fields[i])) return c->s.typing->mode != PQ_VALIDATE_OFF;
  return false;
}

/* One text, or the texts of a list, each as an edge. */
static int add_texts(pq_command *c, const pq_edge_arg *proto, pq_value v) {
  uint32_t count = pq_value_type(v) == PQ_TYPE_ARRAY ? pq_value_count(v) : 0;
  pq_edge_arg e = *proto;
  if (pq_value_string(v, &e.match) && e.match.n > 0) return pq_edges_add(c, &c->op.arena, &e);
  for (uint32_t i = 0; i < count; i++)
    if (pq_value_string(pq_array_at(v, i), &e.match) && e.match.n > 0)
      PQ_TRY(pq_edges_add(c, &c->op.arena, &e));
  return PQ_OK;
}

int pq_typed_links(pq_command *c, const pq_write *w, pq_slice id, pq_value before, pq_value after) {
  const pq_schema *s = c->s.typing == NULL ? NULL : c->s.typing->schema;
  if (!pq_typing_has_texts(c)) return PQ_OK;
  for (uint32_t i = 0; i < s->field_count; i++) {
    const pq_schema_field *f = &s->fields[i];
    pq_value old = pq_object_get(before, f->name), now = pq_object_get(after, f->name);
    pq_edge_arg e = {.from = id, .predicate = f->name, .index = w->index, .is_of_update = true};
    bool is_missing = pq_value_is_missing(old);
    if (!pq_field_has_texts(f)) continue;
    if (is_missing == pq_value_is_missing(now) && (is_missing || pq_value_is_equal(old, now)))
      continue;
    e.is_unlink = e.is_fuzzy_only = true;
    if (!is_missing) PQ_TRY(pq_edges_add(c, &c->op.arena, &e));
    e.is_unlink = e.is_fuzzy_only = false;
    e.is_of_text = true;
    PQ_TRY(add_texts(c, &e, now));
  }
  return PQ_OK;
}

bool pq_typing_has_id(const pq_command *c) {
  return c->s.typing != NULL && c->s.typing->schema != NULL && c->s.typing->schema->id_field.n > 0;
}

int pq_typed_id(pq_command *c, pq_arena *arena, pq_value doc, pq_slice *id) {
  const struct pq_typing *t = c->s.typing;
  pq_slice field, text;
  if (!pq_typing_has_id(c)) return PQ_OK;
  field = t->schema->id_field;
  if (!pq_value_string(pq_object_get(doc, field), &text) || text.n == 0 ||
      memchr(text.p, '/', text.n) != NULL)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "field '%.*s' is the id: it must be text that is not empty, without '/'",
                   (int)field.n, (const char *)field.p);
  PQ_TRY(pq_id_of_text(c, arena, pq_object_get(doc, field), id));
  return pq_check_id(c->op.cx, *id);
}

int pq_typed_insert(pq_command *c, pq_write *w) {
  if (w->is_id_made) PQ_TRY(pq_typed_id(c, &c->op.arena, w->data, &w->id));
  return pq_typed_document(c, w, &w->data);
}

int pq_summary_warnings(pq_command *c) {
  pq_builder *b = c->db->builder;
  uint32_t n = c->s.outcome.warnings < WARNINGS_MAX ? c->s.outcome.warnings : WARNINGS_MAX;
  if (n == 0) return PQ_OK;
  PQ_TRY(pq_put_count(b, "warningCount", c->s.outcome.warnings));
  PQ_TRY(pq_builder_key_str(b, "warnings"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < n; i++) {
    const pq_warning *w = &c->s.typing->warnings[i];
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_count(b, "index", w->index));
    PQ_TRY(pq_put_text(b, "path", w->path));
    PQ_TRY(pq_put_text(b, "text", w->text));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}
