/* schema/notation.c - the notation of one field: 'decimal(10,2)![]! = [] ##'.
 *
 *   type ─┬─ (parameters) ─┬─ ! ? [] # ## #fts … in any order ─┬─ = default ─┬─ # …
 *         └────────────────┘      '!' in front of '[]' is of the items        └─ end
 *
 *   -> Target.reverse[]      <- Target.field[]      ~> Target.reverse      <~ Target.field
 *
 * One pass with a cursor; every failure names the field and the column (in bytes, from 1) of the
 * text. Pure but for the arena.
 */
#include "schema/notation_int.h"

#include <string.h>

#include "value/json.h"

static const pq_type_word words[] = {
    {"string", PQ_FIELD_STRING, NULL},
    {"text", PQ_FIELD_STRING, "text"},
    {"markdown", PQ_FIELD_STRING, "markdown"},
    {"email", PQ_FIELD_STRING, "email"},
    {"url", PQ_FIELD_STRING, "url"},
    {"varchar", PQ_FIELD_STRING, NULL},
    {"char", PQ_FIELD_STRING, NULL},
    {"int", PQ_FIELD_INT, NULL},
    {"number", PQ_FIELD_DOUBLE, NULL},
    {"double", PQ_FIELD_DOUBLE, NULL},
    {"float", PQ_FIELD_FLOAT, NULL},
    {"boolean", PQ_FIELD_BOOL, NULL},
    {"date", PQ_FIELD_DATE, NULL},
    {"datetime", PQ_FIELD_TIMESTAMP, NULL},
    {"timestamp", PQ_FIELD_TIMESTAMP, NULL},
    {"uuid", PQ_FIELD_UUID, NULL},
    {"decimal", PQ_FIELD_DECIMAL, NULL},
    {"enum", PQ_FIELD_ENUM, NULL},
    {"json", PQ_FIELD_JSON, NULL},
    {"binary", PQ_FIELD_BINARY, NULL},
    {"vector", PQ_FIELD_VECTOR, NULL},
};
enum { WORD_COUNT = sizeof words / sizeof words[0], LENGTH_MAX = 16777216 };

static const char *const word_names[] = {
    "string", "text",     "markdown",  "email", "url",     "varchar", "char", "int",
    "number", "double",   "float",     "date",  "boolean", "uuid",    "enum", "decimal",
    "vector", "datetime", "timestamp", "json",  "binary",  NULL};
static const char *const index_names[] = {"fts", "vec", "hash", NULL};
static const char *const call_names[] = {"now", "uuid", NULL};

/* The text of one field while it is read. */
typedef struct notation {
  pq_schema_parser *s;
  const char *path;
  pq_slice text;
  size_t at;
  pq_schema_field *f;
  bool has_optional, has_default;
} notation;

const char *pq_schema_type_word(const pq_schema_field *f) {
  if (f->type == PQ_FIELD_STRING && f->format != NULL) return f->format;
  if (f->type == PQ_FIELD_TIMESTAMP) return "datetime";
  if (f->type == PQ_FIELD_OBJECT) return "object";
  if (f->type == PQ_FIELD_EDGE) return "relationship";
  for (uint32_t i = 0; i < WORD_COUNT; i++)
    if (words[i].type == f->type) return words[i].name;
  pq_unreachable("a field without a type");
}

bool pq_schema_is_text(const pq_schema_field *f) {
  return f->type == PQ_FIELD_STRING || f->type == PQ_FIELD_ENUM;
}

static bool is_letter(uint8_t c) {
  return (unsigned)((c | 0x20) - 'a') < 26u || c == '_';
}
static bool is_digit(uint8_t c) {
  return (unsigned)(c - '0') < 10u;
}

bool pq_schema_is_word(pq_slice name) {
  if (name.n == 0 || !is_letter(name.p[0])) return false;
  for (size_t i = 1; i < name.n; i++)
    if (!is_letter(name.p[i]) && !is_digit(name.p[i])) return false;
  return true;
}

/* ---- messages ---- */

static int fail(const notation *n, size_t at, const char *what) {
  return pq_fail(n->s->cx, PQ_EINVALID, "field '%s': %s at column %llu of '%.*s'", n->path, what,
                 (unsigned long long)at + 1, PQ_QUOTED(n->text));
}

static int fail_word(const notation *n, size_t at, const char *what, pq_slice word,
                     const char *near) {
  return pq_fail(n->s->cx, PQ_EINVALID,
                 "field '%s': unknown %s '%.*s'%s%s%s at column %llu of '%.*s'", n->path, what,
                 PQ_QUOTED(word), near == NULL ? "" : ", did you mean '", near == NULL ? "" : near,
                 near == NULL ? "" : "'?", (unsigned long long)at + 1, PQ_QUOTED(n->text));
}

/* ---- the cursor ---- */

static void skip_space(notation *n) {
  while (n->at < n->text.n && (n->text.p[n->at] == ' ' || n->text.p[n->at] == '\t'))
    n->at++;
}

/* The byte at the cursor, 0 at the end. */
static uint8_t peek(const notation *n) {
  return n->at < n->text.n ? n->text.p[n->at] : 0;
}

static bool take(notation *n, const char *token) {
  size_t len = strlen(token);
  if (n->text.n - n->at < len || memcmp(n->text.p + n->at, token, len) != 0) return false;
  n->at += len;
  return true;
}

static pq_slice take_word(notation *n) {
  size_t start = n->at;
  while (is_letter(peek(n)) || (n->at > start && is_digit(peek(n))))
    n->at++;
  return (pq_slice){n->text.p + start, n->at - start};
}

static int take_number(notation *n, uint32_t min, uint32_t max, uint32_t *out) {
  uint64_t v = 0;
  size_t start;
  skip_space(n);
  start = n->at;
  while (is_digit(peek(n)) && n->at - start < 10)
    v = v * 10 + (peek(n) - '0'), n->at++;
  if (n->at == start) return fail(n, start, "expects a number");
  if (v < min || v > max || is_digit(peek(n)))
    return pq_fail(n->s->cx, PQ_EINVALID,
                   "field '%s': expects a number from %u to %u at column %llu of '%.*s'", n->path,
                   min, max, (unsigned long long)start + 1, PQ_QUOTED(n->text));
  *out = (uint32_t)v;
  skip_space(n);
  return PQ_OK;
}

/* 'it''s' is written 'it\'s'; a backslash stands in front of quotes and backslashes only. */
static int take_quoted(notation *n, pq_slice *out) {
  uint8_t quote = peek(n), *text;
  size_t start = n->at++, len = 0;
  text = pq_arena_alloc(n->s->arena, n->text.n - start);
  if (text == NULL) return n->s->cx->code;
  while (n->at < n->text.n && n->text.p[n->at] != quote) {
    if (n->text.p[n->at] == '\\') {
      n->at++;
      if (peek(n) != '\\' && peek(n) != '\'' && peek(n) != '"')
        return fail(n, n->at - 1, "a backslash stands only before quotes and backslashes:");
    }
    text[len++] = n->text.p[n->at++];
  }
  if (n->at == n->text.n) return fail(n, start, "a quote is not closed");
  n->at++;
  *out = (pq_slice){text, len};
  return PQ_OK;
}

/* ---- parameters ---- */

static int take_end(notation *n) {
  return take(n, ")") ? PQ_OK : fail(n, n->at, "expects ')'");
}

static int take_decimal(notation *n) {
  PQ_TRY(take_number(n, 1, PQ_DECIMAL_DIGITS_MAX, &n->f->precision));
  if (take(n, ",")) PQ_TRY(take_number(n, 0, n->f->precision, &n->f->scale));
  return take_end(n);
}

static int take_length(notation *n, uint32_t max, bool is_exact) {
  PQ_TRY(take_number(n, 1, max, &n->f->length_max));
  n->f->length_min = is_exact ? n->f->length_max : 0;
  return take_end(n);
}

static int take_enum_value(notation *n, pq_slice *out) {
  size_t start = n->at, end;
  if (peek(n) == '\'' || peek(n) == '"') {
    PQ_TRY(take_quoted(n, out));
    skip_space(n);
    return PQ_OK;
  }
  while (n->at < n->text.n && strchr(",()'\"\\", peek(n)) == NULL)
    n->at++;
  for (end = n->at; end > start && (n->text.p[end - 1] == ' ' || n->text.p[end - 1] == '\t');)
    end--;
  if (end == start) return fail(n, start, "expects a value of the enum");
  *out = (pq_slice){n->text.p + start, end - start};
  return PQ_OK;
}

static int take_enum(notation *n) {
  pq_schema_parser *s = n->s;
  uint32_t count = 0, cap = 1;
  pq_value *values;
  for (size_t i = n->at; i < n->text.n; i++)
    cap += n->text.p[i] == ',';
  PQ_TRY(pq_schema_count_values(s, n->path, cap));
  values = pq_arena_calloc(s->arena, cap, sizeof *values);
  if (values == NULL) return s->cx->code;
  do {
    pq_slice text, other;
    size_t start;
    skip_space(n);
    start = n->at;
    PQ_TRY(take_enum_value(n, &text));
    for (uint32_t i = 0; i < count; i++)
      if (pq_value_string(values[i], &other) && pq_slice_eq(text, other))
        return fail(n, start, "a value of the enum stands there twice:");
    PQ_TRY(pq_make_text(&s->eval, text, &values[count++]));
  } while (take(n, ","));
  n->f->values = values;
  n->f->value_count = count;
  return take_end(n);
}

static int take_type(notation *n) {
  size_t start = n->at;
  pq_slice word = take_word(n);
  bool is_varchar = pq_slice_is(word, "varchar"), is_char = pq_slice_is(word, "char");
  uint32_t i = 0;
  if (word.n == 0) return fail(n, start, "expects a type");
  while (i < WORD_COUNT && !pq_slice_is(word, words[i].name))
    i++;
  if (i == WORD_COUNT)
    return fail_word(n, start, "type", word,
                     pq_slice_is(word, "bool") ? "boolean" : pq_nearest(word, word_names));
  n->f->type = words[i].type;
  n->f->format = words[i].format;
  if (peek(n) != '(') {
    if (is_varchar || is_char || n->f->type == PQ_FIELD_DECIMAL)
      return fail(n, n->at, "expects '('");
    return PQ_OK;
  }
  n->at++;
  if (is_varchar || is_char) return take_length(n, LENGTH_MAX, is_char);
  if (n->f->type == PQ_FIELD_DECIMAL) return take_decimal(n);
  if (n->f->type == PQ_FIELD_VECTOR) return take_length(n, PQ_SCHEMA_VECTOR_MAX, true);
  if (n->f->type == PQ_FIELD_ENUM) return take_enum(n);
  return fail(n, n->at - 1, "this type takes no parameters:");
}

/* ---- the default ---- */

/* What stands without quotes: a number, true, false, a word, a call. */
static int take_bare(notation *n) {
  pq_schema_parser *s = n->s;
  size_t start = n->at;
  pq_slice bare;
  while (n->at < n->text.n && strchr(" \t#!?[],", peek(n)) == NULL)
    n->at++;
  bare = (pq_slice){n->text.p + start, n->at - start};
  if (bare.n == 0) return fail(n, start, "expects a default");
  if (pq_slice_is(bare, "null")) return fail(n, start, "null is no default:");
  if (bare.n > 2 && memcmp(bare.p + bare.n - 2, "()", 2) == 0) {
    bare.n -= 2;
    for (uint32_t i = 0; call_names[i] != NULL; i++)
      if (pq_slice_is(bare, call_names[i])) n->f->default_call = call_names[i];
    if (n->f->default_call != NULL) return PQ_OK;
    return fail_word(n, start, "function", bare, pq_nearest(bare, call_names));
  }
  if (pq_slice_is(bare, "true") || pq_slice_is(bare, "false"))
    return pq_make_bool(&s->eval, bare.n == 4, &n->f->default_value);
  if (pq_schema_is_word(bare)) return pq_make_text(&s->eval, bare, &n->f->default_value);
  pq_builder_clear(s->builder);
  if (pq_json_value(s->builder, bare, s->arena, &n->f->default_value) == PQ_OK) return PQ_OK;
  if (s->cx->code == PQ_ENOMEM) return PQ_ENOMEM;
  return fail(n, start, "expects a default: a number, true, false, a word or 'quoted text'");
}

static int take_default(notation *n) {
  pq_schema_parser *s = n->s;
  pq_slice text;
  size_t start, used;
  skip_space(n);
  start = n->at;
  n->has_default = true;
  if (peek(n) == '\'' || peek(n) == '"') {
    PQ_TRY(take_quoted(n, &text));
    return pq_make_text(&s->eval, text, &n->f->default_value);
  }
  if (peek(n) != '[' && peek(n) != '{') return take_bare(n);
  pq_builder_clear(s->builder);
  text = (pq_slice){n->text.p + start, n->text.n - start};
  if (pq_json_parse(s->builder, text, (pq_json_options){0}, &used) == PQ_OK &&
      pq_builder_finish(s->builder, s->arena, &n->f->default_value) == PQ_OK) {
    n->at += used;
    return PQ_OK;
  }
  if (s->cx->code == PQ_ENOMEM || s->cx->code == PQ_ELIMIT) return s->cx->code;
  return fail(n, start, "the default is no JSON:");
}

/* ---- marks ---- */

static int take_list(notation *n, size_t start) {
  pq_schema_field *f = n->f;
  if (f->is_list) return fail(n, start, "a list of lists is written json:");
  if (n->has_default) return fail(n, start, "'[]' stands before the default:");
  f->is_list = true;
  f->is_item_required = f->is_required;
  f->is_required = n->has_optional = false;
  return PQ_OK;
}

static int take_index(notation *n, size_t start) {
  pq_schema_field *f = n->f;
  pq_slice word;
  if (take(n, "#")) {
    if (f->is_indexed) return fail(n, start, "one of '#' and '##' is enough:");
    f->is_indexed = f->is_unique = true;
    return PQ_OK;
  }
  word = take_word(n);
  if (word.n == 0) {
    if (f->is_indexed) return fail(n, start, "one of '#' and '##' is enough:");
    f->is_indexed = true;
    return PQ_OK;
  }
  if (f->index_kind.n > 0) return fail(n, start, "a field has one kind of index:");
  for (uint32_t i = 0; index_names[i] != NULL; i++)
    if (pq_slice_is(word, index_names[i])) f->index_kind = word;
  if (f->index_kind.n > 0) return PQ_OK;
  return fail_word(n, start, "index '#', its kind", word, pq_nearest(word, index_names));
}

static int take_mark(notation *n) {
  size_t start = n->at;
  if (take(n, "!") || take(n, "?")) {
    bool is_required = n->text.p[start] == '!';
    if (n->f->is_required || n->has_optional)
      return fail(n, start, "one of '!' and '?' is enough:");
    n->f->is_required = is_required;
    n->has_optional = !is_required;
    return PQ_OK;
  }
  if (take(n, "[]")) return take_list(n, start);
  if (take(n, "#")) return take_index(n, start);
  if (n->has_default || !take(n, "="))
    return fail(n, start,
                n->has_default ? "expects '!', '?', '#' or the end"
                               : "expects '!', '?', '[]', '#', '=' or the end");
  return take_default(n);
}

/* ---- relationships ---- */

static int take_name(notation *n, const char *what, pq_slice *out) {
  size_t start = n->at;
  *out = take_word(n);
  if (out->n == 0) return fail(n, start, what);
  if (out->n > n->s->cx->limits.name_len_max) return fail(n, start, "a name is too long");
  return PQ_OK;
}

static int take_edge(notation *n) {
  pq_schema_field *f = n->f;
  char *name;
  f->type = PQ_FIELD_EDGE;
  skip_space(n);
  PQ_TRY(take_name(n, "expects the name of a type", &f->target));
  if (take(n, ".")) PQ_TRY(take_name(n, "expects a name behind '.'", &f->reverse));
  if (f->reverse.n == 0 && f->is_backward)
    return fail(n, n->at, "expects '.' and the field that comes from there");
  f->is_list = take(n, "[]");
  skip_space(n);
  if (n->at < n->text.n)
    return fail(n, n->at, f->is_list ? "expects the end" : "expects '.', '[]' or the end");
  if (f->reverse.n > 0) return PQ_OK;
  f->is_reverse_inferred = true;
  name = pq_arena_printf(n->s->arena, "%.*s_of", (int)f->name.n, (const char *)f->name.p);
  if (name == NULL) return n->s->cx->code;
  f->reverse = pq_str(name);
  return PQ_OK;
}

int pq_notation_parse(pq_schema_parser *s, const char *path, pq_slice text, pq_schema_field *f) {
  notation n = {.s = s, .path = path, .text = text, .f = f};
  if (text.n > PQ_SCHEMA_NOTATION_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "field '%s': a notation of more than %d bytes", path,
                   PQ_SCHEMA_NOTATION_MAX);
  skip_space(&n);
  f->is_backward = take(&n, "<-") || (f->is_fuzzy = take(&n, "<~"));
  if (f->is_backward) return take_edge(&n);
  if (take(&n, "->") || (f->is_fuzzy = take(&n, "~>"))) return take_edge(&n);
  PQ_TRY(take_type(&n));
  for (skip_space(&n); n.at < n.text.n; skip_space(&n))
    PQ_TRY(take_mark(&n));
  return PQ_OK;
}
