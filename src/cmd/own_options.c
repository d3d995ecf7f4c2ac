/* cmd/own_options.c - options of one command alone. See own_options.h. */
#include "cmd/own_options.h"

#include "base/text.h"

enum { PREDICATES_MAX = 1000 };

static int wrong(pq_command *c, const char *name, const char *expected) {
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: '%s' must be %s", c->s.spec->name, name, expected);
}

int pq_own_count(pq_command *c, const char *name, pq_value v, uint64_t max, uint64_t *out) {
  int64_t i;
  double d;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (pq_value_double(v, &d) && d >= 0 && d < 9e15 && d == (double)(int64_t)d)
    i = (int64_t)d;
  else if (!pq_value_i64(v, &i) || i < 0)
    return wrong(c, name, "a whole number, 0 or more");
  if ((uint64_t)i > max)
    return pq_fail(c->op.cx, PQ_ELIMIT, "%s: '%s' is at most %llu", c->s.spec->name, name,
                   (unsigned long long)max);
  *out = (uint64_t)i;
  return PQ_OK;
}

bool pq_own_number(pq_value v, double *out) {
  return pq_value_number(v, out) && *out == *out;
}

int pq_own_put_number(pq_builder *b, uint64_t n) {
  if (n <= INT32_MAX) return pq_builder_i32(b, (int32_t)n);
  return pq_builder_i64(b, n <= INT64_MAX ? (int64_t)n : INT64_MAX);
}

int pq_own_flag(pq_command *c, const char *name, pq_value v, bool *out) {
  if (pq_value_is_missing(v) || pq_value_bool(v, out)) return PQ_OK;
  return wrong(c, name, "true or false");
}

int pq_own_text(pq_command *c, const char *name, pq_value v, pq_slice *out) {
  if (pq_value_is_missing(v)) return PQ_OK;
  if (pq_value_string(v, out) && out->n > 0) return PQ_OK;
  return wrong(c, name, "text");
}

int pq_own_word(pq_command *c, const char *name, pq_value v, const char *const *words,
                uint32_t *out) {
  pq_slice text;
  const char *near = NULL;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (pq_value_string(v, &text)) {
    for (uint32_t i = 0; words[i] != NULL; i++) {
      if (!pq_slice_is(text, words[i])) continue;
      *out = i;
      return PQ_OK;
    }
    near = pq_nearest(text, words);
  }
  if (near != NULL)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: '%s': did you mean \"%s\"?", c->s.spec->name, name,
                   near);
  if (words[2] != NULL && words[3] == NULL)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: '%s' must be \"%s\", \"%s\" or \"%s\"",
                   c->s.spec->name, name, words[0], words[1], words[2]);
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: '%s' must be a word like \"%s\" or \"%s\"",
                 c->s.spec->name, name, words[0], words[1]);
}

int pq_own_direction(pq_command *c, const char *name, pq_value v, pq_direction *out) {
  static const char *const words[] = {"forward", "reverse", "both", NULL};
  uint32_t i = (uint32_t)*out - 1;
  pq_slice text;
  if (!pq_value_is_missing(v) && !pq_value_string(v, &text))
    return wrong(c, name, "\"forward\", \"reverse\" or \"both\"");
  PQ_TRY(pq_own_word(c, name, v, words, &i));
  *out = (pq_direction)(i + 1);
  return PQ_OK;
}

int pq_own_filter(pq_command *c, const char *name, pq_value v, pq_filter **out) {
  *out = NULL;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return wrong(c, name, "an object");
  if (pq_value_count(v) == 0) return PQ_OK;
  return pq_filter_parse(&c->arena, c->s.env, v, out);
}

int pq_own_predicates(pq_command *c, const char *name, pq_value v, pq_names *out) {
  bool is_array = pq_value_type(v) == PQ_TYPE_ARRAY;
  uint32_t count = is_array ? pq_value_count(v) : 1;
  *out = (pq_names){.is_any = true};
  if (pq_value_is_missing(v)) return PQ_OK;
  if (count == 0 || count > PREDICATES_MAX) return wrong(c, name, "1 to 1000 predicates");
  out->items = pq_arena_calloc(&c->arena, count, sizeof *out->items);
  if (out->items == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value item = is_array ? pq_array_at(v, i) : v;
    if (!pq_value_string(item, &out->items[i]) || out->items[i].n == 0)
      return wrong(c, name, "a predicate, or an array of predicates");
  }
  out->count = count;
  out->is_any = false;
  return PQ_OK;
}
