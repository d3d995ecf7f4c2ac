/* shred/variant_shape_text.c - shapes from text and as text; the grammar is in variant_shape.h.
 *
 *     {kind: string, "a b": [int64*], price: decimal(9,2), rest: variant}
 */
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "shred/variant_shape.h"

enum { FIELDS_MAX = 10000 };

static const struct {
  const char *name;
  uint8_t primitive;
} types[] = {{"boolean", PQ_PRIM_TRUE},
             {"int8", PQ_PRIM_INT8},
             {"int16", PQ_PRIM_INT16},
             {"int32", PQ_PRIM_INT32},
             {"int64", PQ_PRIM_INT64},
             {"float", PQ_PRIM_FLOAT},
             {"double", PQ_PRIM_DOUBLE},
             {"date", PQ_PRIM_DATE},
             {"time", PQ_PRIM_TIME},
             {"timestamp", PQ_PRIM_TIMESTAMP},
             {"timestamp_ntz", PQ_PRIM_TIMESTAMP_NTZ},
             {"timestamp_ns", PQ_PRIM_TIMESTAMP_NS},
             {"timestamp_ntz_ns", PQ_PRIM_TIMESTAMP_NTZ_NS},
             {"binary", PQ_PRIM_BINARY},
             {"string", PQ_PRIM_STRING},
             {"uuid", PQ_PRIM_UUID}};

/* ---- parsing ---- */

typedef struct parser {
  pq_arena *arena;
  pq_slice text;
  size_t at;
} parser;

static int wrong(const parser *p, const char *what) {
  return pq_fail(p->arena->cx, PQ_EINVALID, "shape: %s at byte %zu", what, p->at);
}

static uint8_t peek(parser *p) {
  while (p->at < p->text.n && (p->text.p[p->at] == ' ' || p->text.p[p->at] == '\n'))
    p->at++;
  return p->at < p->text.n ? p->text.p[p->at] : 0;
}

static bool accept(parser *p, char c) {
  if (peek(p) != (uint8_t)c) return false;
  p->at++;
  return true;
}

static bool is_word(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c >= 0x80;
}

static pq_slice word(parser *p) {
  size_t from;
  peek(p);
  from = p->at;
  while (p->at < p->text.n && is_word(p->text.p[p->at]))
    p->at++;
  return (pq_slice){p->text.p + from, p->at - from};
}

/* A name in quotes; of escapes only \" and \\. */
static int quoted(parser *p, pq_slice *out) {
  uint8_t *to = pq_arena_alloc(p->arena, p->text.n - p->at);
  *out = (pq_slice){to, 0};
  if (to == NULL) return p->arena->cx->code;
  for (; p->at < p->text.n && p->text.p[p->at] != '"'; p->at++) {
    if (p->text.p[p->at] == '\\' && ++p->at == p->text.n) break;
    to[out->n++] = p->text.p[p->at];
  }
  return accept(p, '"') ? PQ_OK : wrong(p, "a name without its closing quote");
}

static int name_of(parser *p, pq_slice *out) {
  *out = (pq_slice){0};
  if (accept(p, '"')) {
    PQ_TRY(quoted(p, out));
  } else {
    pq_slice text = word(p);
    if (text.n == 0) return wrong(p, "a name is missing");
    PQ_TRY(pq_arena_copy(p->arena, text, out));
  }
  return pq_utf8_is_valid(*out) ? PQ_OK : wrong(p, "a name that is not UTF-8");
}

static int number_of(parser *p, uint32_t max, uint8_t *out) {
  pq_slice text = word(p);
  uint32_t v = 0;
  for (size_t i = 0; i < text.n && v <= max; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return wrong(p, "a number is missing");
    v = v * 10 + (uint32_t)(text.p[i] - '0');
  }
  *out = (uint8_t)v;
  return text.n > 0 && v <= max ? PQ_OK : wrong(p, "a number is missing or too large");
}

static int decimal_of(parser *p, pq_pair *s) {
  if (!accept(p, '(')) return wrong(p, "decimal needs (precision,scale)");
  PQ_TRY(number_of(p, 38, &s->precision));
  if (!accept(p, ',')) return wrong(p, "decimal needs (precision,scale)");
  PQ_TRY(number_of(p, s->precision, &s->scale));
  if (s->precision == 0 || !accept(p, ')')) return wrong(p, "decimal needs (precision,scale)");
  s->primitive = s->precision <= 9    ? PQ_PRIM_DECIMAL4
                 : s->precision <= 18 ? PQ_PRIM_DECIMAL8
                                      : PQ_PRIM_DECIMAL16;
  return PQ_OK;
}

static int type_of(parser *p, pq_pair *s) {
  pq_slice name = word(p);
  if (pq_slice_is(name, "variant")) return PQ_OK;
  s->kind = PQ_PAIR_PRIMITIVE;
  if (pq_slice_is(name, "decimal")) return decimal_of(p, s);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (pq_slice_is(name, types[i].name)) s->primitive = types[i].primitive;
  if (s->primitive == 0) return wrong(p, "no type of that name");
  if (!accept(p, '*')) return PQ_OK;
  s->is_wide = (s->primitive > PQ_PRIM_INT8 && s->primitive <= PQ_PRIM_INT64) ||
               s->primitive == PQ_PRIM_DOUBLE;
  return s->is_wide ? PQ_OK : wrong(p, "a * only stands after int16, int32, int64 and double");
}

static int shape_of(parser *p, uint32_t depth, pq_pair *out);

/* Fields are gathered in an array that doubles: the arena keeps the smaller ones until its end. */
static int fields_of(parser *p, uint32_t depth, pq_pair *s) {
  uint32_t cap = 0;
  s->kind = PQ_PAIR_OBJECT;
  do {
    pq_slice name;
    if (s->child_count == FIELDS_MAX) return wrong(p, "too many fields");
    if (s->child_count == cap) {
      pq_pair *more = pq_arena_calloc(p->arena, cap == 0 ? 8 : cap * 2, sizeof *more);
      if (more == NULL) return p->arena->cx->code;
      if (cap > 0) memcpy(more, s->children, cap * sizeof *more);
      s->children = more;
      cap = cap == 0 ? 8 : cap * 2;
    }
    PQ_TRY(name_of(p, &name));
    if (!accept(p, ':')) return wrong(p, "a : is missing after a name");
    PQ_TRY(shape_of(p, depth + 1, &s->children[s->child_count]));
    s->children[s->child_count++].name = name;
  } while (accept(p, ','));
  return accept(p, '}') ? PQ_OK : wrong(p, "a } is missing");
}

static int shape_of(parser *p, uint32_t depth, pq_pair *out) {
  *out = (pq_pair){0};
  if (depth > p->arena->cx->limits.depth_max)
    return pq_fail(p->arena->cx, PQ_ELIMIT, "shape: nested too deep");
  if (accept(p, '{')) return fields_of(p, depth, out);
  if (!accept(p, '[')) return type_of(p, out);
  out->kind = PQ_PAIR_ARRAY;
  out->child_count = 1;
  out->children = pq_arena_calloc(p->arena, 1, sizeof *out->children);
  if (out->children == NULL) return p->arena->cx->code;
  PQ_TRY(shape_of(p, depth + 1, out->children));
  return accept(p, ']') ? PQ_OK : wrong(p, "a ] is missing");
}

int pq_variant_shape_parse(pq_arena *arena, pq_slice text, pq_variant_levels at,
                           pq_variant_shape **out) {
  parser p = {.arena = arena, .text = text};
  pq_pair root;
  *out = NULL;
  PQ_TRY(shape_of(&p, 0, &root));
  if (peek(&p) != 0) return wrong(&p, "something follows the shape");
  return pq_variant_shape_number(arena, root, at, out);
}

/* ---- printing ---- */

static int put_name(pq_buf *b, pq_slice name) {
  bool is_plain = name.n > 0;
  for (size_t i = 0; i < name.n; i++)
    is_plain = is_plain && is_word(name.p[i]);
  if (is_plain) return pq_buf_put_slice(b, name);
  PQ_TRY(pq_buf_put_byte(b, '"'));
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] == '"' || name.p[i] == '\\') PQ_TRY(pq_buf_put_byte(b, '\\'));
    PQ_TRY(pq_buf_put_byte(b, name.p[i]));
  }
  return pq_buf_put_byte(b, '"');
}

static int put_type(pq_buf *b, const pq_pair *s) {
  if (s->primitive >= PQ_PRIM_DECIMAL4 && s->primitive <= PQ_PRIM_DECIMAL16)
    return pq_buf_printf(b, "decimal(%u,%u)", s->precision, s->scale);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (s->primitive == types[i].primitive) PQ_TRY(pq_buf_put_str(b, types[i].name));
  return s->is_wide ? pq_buf_put_byte(b, '*') : PQ_OK;
}

static int put_shape(pq_buf *b, const pq_pair *s) {
  switch (s->kind) {
    case PQ_PAIR_ANY: return pq_buf_put_str(b, "variant");
    case PQ_PAIR_PRIMITIVE: return put_type(b, s);
    case PQ_PAIR_ARRAY:
      PQ_TRY(pq_buf_put_byte(b, '['));
      PQ_TRY(put_shape(b, s->children));
      return pq_buf_put_byte(b, ']');
    case PQ_PAIR_OBJECT: break;
  }
  for (uint32_t i = 0; i < s->child_count; i++) {
    PQ_TRY(pq_buf_put_str(b, i == 0 ? "{" : ", "));
    PQ_TRY(put_name(b, s->children[i].name));
    PQ_TRY(pq_buf_put_str(b, ": "));
    PQ_TRY(put_shape(b, &s->children[i]));
  }
  return pq_buf_put_byte(b, '}');
}

int pq_variant_shape_print(pq_arena *arena, const pq_pair *s, pq_slice *out) {
  pq_buf b;
  int rc;
  *out = (pq_slice){0};
  pq_buf_init(&b, arena->cx, arena->cx->limits.command_len_max);
  rc = put_shape(&b, s);
  if (rc == PQ_OK) rc = pq_arena_copy(arena, pq_buf_slice(&b), out);
  pq_buf_release(&b);
  return rc;
}
