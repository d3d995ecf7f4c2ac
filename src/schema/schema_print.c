/* schema/schema_print.c - a schema as the object it would be parsed from, in one normal form.
 *
 *   field ─ all of it fits a notation ──► "decimal(10,2)![]# "      type ! [] ! = default kind ##
 *         ├ nested fields alone ────────► {…} or [{…}]
 *         └ else ───────────────────────► {"type": notation or {…}, option: …}
 *
 * Printing what was parsed from a print gives the same bytes: parse(print(s)) is s.
 */
#include <string.h>

#include "schema/notation_int.h"
#include "value/json.h"

typedef struct printer {
  pq_builder *b;
  pq_arena *arena;
  pq_buf text; /* of one notation; its memory is used again */
} printer;

/* ---- notations ---- */

/* Does nothing in `text` need quotes? Words do not, and in an enum no plain text. */
static bool is_bare(pq_slice text, bool is_enum) {
  if (!is_enum)
    return pq_schema_is_word(text) && !pq_slice_is(text, "true") && !pq_slice_is(text, "false") &&
           !pq_slice_is(text, "null");
  if (text.n == 0 || text.p[0] <= ' ' || text.p[text.n - 1] <= ' ') return false;
  for (size_t i = 0; i < text.n; i++)
    if (strchr(",()'\"\\", text.p[i]) != NULL) return false; /* NUL too */
  return true;
}

static int put_text(pq_buf *out, pq_slice text, bool is_enum) {
  if (is_bare(text, is_enum)) return pq_buf_put_slice(out, text);
  PQ_TRY(pq_buf_put_byte(out, '\''));
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] == '\'' || text.p[i] == '\\') PQ_TRY(pq_buf_put_byte(out, '\\'));
    PQ_TRY(pq_buf_put_byte(out, text.p[i]));
  }
  return pq_buf_put_byte(out, '\'');
}

/* Lengths that varchar(n) or char(n) says. */
static bool has_length_word(const pq_schema_field *f) {
  return f->type == PQ_FIELD_STRING && f->format == NULL && f->length_max > 0 &&
         (f->length_min == 0 || f->length_min == f->length_max);
}

static int put_type(pq_buf *out, const pq_schema_field *f) {
  pq_slice text;
  switch (f->type) {
    case PQ_FIELD_STRING:
      if (!has_length_word(f)) break;
      return pq_buf_printf(out, "%s(%u)", f->length_min == 0 ? "varchar" : "char", f->length_max);
    case PQ_FIELD_DECIMAL: return pq_buf_printf(out, "decimal(%u,%u)", f->precision, f->scale);
    case PQ_FIELD_VECTOR: return pq_buf_printf(out, "vector(%u)", f->length_max);
    case PQ_FIELD_EDGE:
      PQ_TRY(pq_buf_printf(out, "%s%s%s ",
                           f->is_backward ? "<"
                           : f->is_fuzzy  ? "~"
                                          : "-",
                           f->is_backward && !f->is_fuzzy ? "-" : "",
                           !f->is_backward ? ">"
                           : f->is_fuzzy   ? "~"
                                           : ""));
      PQ_TRY(pq_buf_put_slice(out, f->target));
      if (f->is_reverse_inferred) return PQ_OK;
      PQ_TRY(pq_buf_put_byte(out, '.'));
      return pq_buf_put_slice(out, f->reverse);
    case PQ_FIELD_ENUM:
      for (uint32_t i = 0; i < f->value_count; i++) {
        PQ_TRY(pq_buf_put_str(out, i == 0 ? "enum(" : ","));
        if (pq_value_string(f->values[i], &text)) PQ_TRY(put_text(out, text, true));
      }
      return pq_buf_put_byte(out, ')');
    default: break;
  }
  return pq_buf_put_str(out, pq_schema_type_word(f));
}

/* Defaults that a notation reads back as the same value. */
static bool has_short_default(const pq_schema_field *f) {
  double d;
  if (f->default_call != NULL) return true;
  switch (pq_value_type(f->default_value)) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64:
    case PQ_TYPE_STRING:
    case PQ_TYPE_BOOL: return true;
    case PQ_TYPE_DOUBLE: return pq_value_double(f->default_value, &d) && d - d == 0;
    default: return false;
  }
}

static int put_default(pq_buf *out, const pq_schema_field *f) {
  pq_slice text;
  PQ_TRY(pq_buf_put_str(out, " = "));
  if (f->default_call != NULL) return pq_buf_printf(out, "%s()", f->default_call);
  if (pq_value_string(f->default_value, &text)) return put_text(out, text, false);
  return pq_json_print(out, f->default_value, PQ_JSON_RELAXED);
}

static int put_notation(pq_buf *out, const pq_schema_field *f) {
  bool has_index = f->is_indexed || f->index_kind.n > 0;
  pq_buf_clear(out);
  PQ_TRY(put_type(out, f));
  if (f->is_item_required) PQ_TRY(pq_buf_put_byte(out, '!'));
  if (f->is_list) PQ_TRY(pq_buf_put_str(out, "[]"));
  if (f->is_required) PQ_TRY(pq_buf_put_byte(out, '!'));
  if (has_short_default(f)) {
    PQ_TRY(put_default(out, f));
    if (has_index) PQ_TRY(pq_buf_put_byte(out, ' '));
  }
  if (f->index_kind.n > 0) {
    PQ_TRY(pq_buf_put_byte(out, '#'));
    PQ_TRY(pq_buf_put_slice(out, f->index_kind));
  }
  if (f->is_indexed) PQ_TRY(pq_buf_put_str(out, f->is_unique ? "##" : "#"));
  return PQ_OK;
}

/* ---- what a notation or nested fields alone do not say ---- */

static bool has_options(const pq_schema_field *f) {
  bool has_default = !pq_value_is_missing(f->default_value) && !has_short_default(f);
  bool has_length =
      f->type == PQ_FIELD_STRING && !has_length_word(f) && (f->length_min > 0 || f->length_max > 0);
  if (f->type == PQ_FIELD_OBJECT && f->is_required) return true;
  return has_default || has_length || f->pattern.n > 0 || !pq_value_is_missing(f->min) ||
         !pq_value_is_missing(f->max) || f->count_min > 0 || f->count_max > 0 ||
         (f->value_count > 0 && f->type != PQ_FIELD_ENUM) || !pq_value_is_missing(f->options);
}

static int put_key_value(printer *p, const char *key, pq_value v) {
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(pq_builder_key_str(p->b, key));
  return pq_builder_value(p->b, v);
}

static int put_key_text(printer *p, const char *key, pq_slice text) {
  if (text.n == 0) return PQ_OK;
  PQ_TRY(pq_builder_key_str(p->b, key));
  return pq_builder_string(p->b, text);
}

static int put_key_count(printer *p, const char *key, uint32_t count) {
  if (count == 0) return PQ_OK;
  PQ_TRY(pq_builder_key_str(p->b, key));
  return pq_builder_i32(p->b, (int32_t)count);
}

static int put_lengths(printer *p, const pq_schema_field *f) {
  bool has_length = f->type == PQ_FIELD_STRING && !has_length_word(f) && !f->is_list;
  PQ_TRY(put_key_count(p, "minLength", has_length ? f->length_min : f->count_min));
  return put_key_count(p, "maxLength", has_length ? f->length_max : f->count_max);
}

static int put_values(printer *p, const pq_schema_field *f) {
  if (f->value_count == 0 || f->type == PQ_FIELD_ENUM) return PQ_OK;
  PQ_TRY(pq_builder_key_str(p->b, "enum"));
  PQ_TRY(pq_builder_begin_array(p->b));
  for (uint32_t i = 0; i < f->value_count; i++)
    PQ_TRY(pq_builder_value(p->b, f->values[i]));
  return pq_builder_end(p->b);
}

static int put_flag(printer *p, const char *key, bool v) {
  if (!v) return PQ_OK;
  PQ_TRY(pq_builder_key_str(p->b, key));
  return pq_builder_bool(p->b, true);
}

static int put_options(printer *p, const pq_schema_field *f) {
  uint32_t count;
  pq_field *kept;
  if (f->type == PQ_FIELD_OBJECT) {
    PQ_TRY(put_flag(p, "list", f->is_list));
    PQ_TRY(put_flag(p, "required", f->is_required));
  }
  PQ_TRY(put_key_text(p, "pattern", f->pattern));
  PQ_TRY(put_lengths(p, f));
  PQ_TRY(put_values(p, f));
  PQ_TRY(put_key_value(p, "min", f->min));
  PQ_TRY(put_key_value(p, "max", f->max));
  if (!has_short_default(f)) PQ_TRY(put_key_value(p, "default", f->default_value));
  if (pq_value_is_missing(f->options)) return PQ_OK;
  kept = pq_object_fields(p->arena, f->options, &count);
  if (kept == NULL) return p->arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(p->b, kept[i].name));
    PQ_TRY(pq_builder_value(p->b, kept[i].value));
  }
  return PQ_OK;
}

/* ---- fields ---- */

static int put_fields(printer *p, const pq_schema_field *fields, uint32_t count);

static int put_object(printer *p, const pq_schema_field *f) {
  PQ_TRY(pq_builder_begin_object(p->b));
  PQ_TRY(put_fields(p, f->fields, f->field_count));
  return pq_builder_end(p->b);
}

/* {"type": …} around what else would be taken for something else or cannot say all. */
static int put_field(printer *p, const pq_schema_field *f) {
  bool is_object = f->type == PQ_FIELD_OBJECT, is_long = has_options(f);
  if (is_object && !f->is_list)
    is_long = is_long || pq_schema_field_of(f->fields, f->field_count, PQ_SLICE("type")) != NULL;
  if (is_object && f->is_list && !is_long) {
    PQ_TRY(pq_builder_begin_array(p->b));
    PQ_TRY(put_object(p, f));
    return pq_builder_end(p->b);
  }
  if (is_object && !is_long) return put_object(p, f);
  if (is_long) {
    PQ_TRY(pq_builder_begin_object(p->b));
    PQ_TRY(pq_builder_key_str(p->b, "type"));
  }
  if (is_object) {
    PQ_TRY(put_object(p, f));
  } else {
    PQ_TRY(put_notation(&p->text, f));
    PQ_TRY(pq_builder_string(p->b, pq_buf_slice(&p->text)));
  }
  if (!is_long) return PQ_OK;
  PQ_TRY(put_options(p, f));
  return pq_builder_end(p->b);
}

static int put_fields(printer *p, const pq_schema_field *fields, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(p->b, fields[i].name));
    PQ_TRY(put_field(p, &fields[i]));
  }
  return PQ_OK;
}

static int put_ids(printer *p, pq_slice path, const pq_schema_field *fields, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    pq_slice here = fields[i].name;
    if (path.n > 0) {
      char *text = pq_arena_printf(p->arena, "%.*s.%.*s", (int)path.n, (const char *)path.p,
                                   (int)here.n, (const char *)here.p);
      if (text == NULL) return p->arena->cx->code;
      here = pq_str(text);
    }
    PQ_TRY(pq_builder_key(p->b, here));
    PQ_TRY(pq_builder_i32(p->b, (int32_t)fields[i].id));
    PQ_TRY(put_ids(p, here, fields[i].fields, fields[i].field_count));
  }
  return PQ_OK;
}

static int put_schema(printer *p, const pq_schema *s) {
  uint32_t count;
  pq_field *kept;
  PQ_TRY(pq_builder_begin_object(p->b));
  PQ_TRY(put_key_text(p, "$type", s->type_name));
  PQ_TRY(put_key_text(p, "$id", s->id_field));
  PQ_TRY(put_key_text(p, "$name", s->name_field));
  PQ_TRY(put_key_text(p, "$description", s->description));
  if (s->mode != PQ_VALIDATE_PERMISSIVE)
    PQ_TRY(put_key_text(p, "$mode", pq_str(pq_schema_mode_name(s->mode))));
  if (!pq_value_is_missing(s->options)) {
    kept = pq_object_fields(p->arena, s->options, &count);
    if (kept == NULL) return p->arena->cx->code;
    for (uint32_t i = 0; i < count; i++) {
      PQ_TRY(pq_builder_key(p->b, kept[i].name));
      PQ_TRY(pq_builder_value(p->b, kept[i].value));
    }
  }
  PQ_TRY(put_fields(p, s->fields, s->field_count));
  PQ_TRY(pq_builder_key_str(p->b, "$ids"));
  PQ_TRY(pq_builder_begin_object(p->b));
  PQ_TRY(put_ids(p, (pq_slice){0}, s->fields, s->field_count));
  PQ_TRY(pq_builder_end(p->b));
  PQ_TRY(put_key_count(p, "$nextId", s->next_id));
  return pq_builder_end(p->b);
}

int pq_schema_print(const pq_schema *s, pq_builder *b, pq_arena *arena, pq_value *out) {
  printer p = {.b = b, .arena = arena};
  int rc;
  *out = (pq_value){0};
  pq_buf_init(&p.text, arena->cx, arena->cx->limits.doc_len_max);
  pq_builder_clear(b);
  rc = put_schema(&p, s);
  if (rc == PQ_OK) rc = pq_builder_finish(b, arena, out);
  pq_buf_release(&p.text);
  return rc;
}

/* The JSON of a field that no notation can say. */
static int print_long(printer *p, const pq_schema_field *f, pq_slice *out) {
  pq_value v;
  PQ_TRY(put_field(p, f));
  PQ_TRY(pq_builder_finish(p->b, p->arena, &v));
  pq_buf_clear(&p->text);
  PQ_TRY(pq_json_print(&p->text, v, PQ_JSON_RELAXED));
  return pq_arena_copy(p->arena, pq_buf_slice(&p->text), out);
}

int pq_schema_notation(pq_arena *arena, const pq_schema_field *f, pq_slice *out) {
  printer p = {.arena = arena};
  int rc;
  *out = (pq_slice){0};
  PQ_TRY(pq_builder_new(arena->cx, &p.b));
  pq_buf_init(&p.text, arena->cx, arena->cx->limits.doc_len_max);
  if (f->type != PQ_FIELD_OBJECT && !has_options(f)) {
    rc = put_notation(&p.text, f);
    if (rc == PQ_OK) rc = pq_arena_copy(arena, pq_buf_slice(&p.text), out);
  } else {
    rc = print_long(&p, f, out);
  }
  pq_buf_release(&p.text);
  pq_builder_free(p.b);
  return rc;
}
