/* expr/expression_text.c - strings in expressions. See expression.h.
 *
 * "CP" operators count code points, the others bytes. Upper and lower case are ASCII's (MONGO.md 1,
 * rule 57). null and missing make null, or "" where MongoDB says so.
 */
#include <string.h>

#include "expr/expression_int.h"

/* A buffer of the right size in the arena, as text. */
static int new_text(pq_eval *s, size_t len, uint8_t **p) {
  *p = pq_arena_alloc(s->arena, len);
  return *p == NULL ? s->cx->code : PQ_OK;
}

static int need_text(const pq_expression *e, pq_eval *s, pq_value v, pq_slice *out) {
  if (pq_value_string(v, out)) return PQ_OK;
  return pq_fail_argument(e, s, v, "a string");
}

/* Strings, numbers and dates as text, null as ""; what $toLower and $substr accept. */
static int coerce(const pq_expression *e, pq_eval *s, pq_value v, pq_slice *out) {
  char *text;
  int64_t n;
  *out = PQ_SLICE("");
  if (pq_is_nullish(v) || pq_value_string(v, out)) return PQ_OK;
  if (pq_value_i64(v, &n)) {
    text = pq_arena_printf(s->arena, "%lld", (long long)n);
    if (text == NULL) return s->cx->code;
    *out = pq_str(text);
    return PQ_OK;
  }
  if (pq_value_date_us(v, &n)) {
    char buf[PQ_TIME_CAP];
    pq_time_print(n - (n % 1000 + 1000) % 1000, buf);
    text = pq_arena_str(s->arena, pq_str(buf));
    if (text == NULL) return s->cx->code;
    *out = pq_str(text);
    if (out->n == 20) { /* MongoDB always prints milliseconds */
      text = pq_arena_printf(s->arena, "%.19s.000Z", text);
      if (text == NULL) return s->cx->code;
      *out = pq_str(text);
    }
    return PQ_OK;
  }
  if (pq_value_type(v) == PQ_TYPE_DOUBLE || pq_value_type(v) == PQ_TYPE_DECIMAL)
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%s' of a %s is not supported yet",
                   e->op->name, pq_type_name(pq_value_type(v)));
  return pq_fail_argument(e, s, v, "a string");
}

static int eval_concat(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  size_t len = 0;
  pq_slice part;
  uint8_t *p;
  bool has_null = false;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (pq_is_nullish(args[i])) {
      has_null = true;
      continue;
    }
    PQ_TRY(need_text(e, s, args[i], &part));
    if (!pq_add_size(len, part.n, &len)) return pq_fail(s->cx, PQ_ELIMIT, "too long a text");
  }
  if (has_null) return pq_make_null(s, out);
  PQ_TRY(new_text(s, len, &p));
  len = 0;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    (void)pq_value_string(args[i], &part);
    if (part.n > 0) memcpy(p + len, part.p, part.n);
    len += part.n;
  }
  return pq_make_text(s, (pq_slice){p, len}, out);
}

/* variant: first letter of the range that changes */
static int eval_case(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  uint8_t first = (uint8_t)e->op->variant;
  pq_slice text;
  uint8_t *p;
  PQ_TRY(coerce(e, s, args[0], &text));
  PQ_TRY(new_text(s, text.n, &p));
  for (size_t i = 0; i < text.n; i++) {
    uint8_t c = text.p[i];
    p[i] = c >= first && c <= first + 25 ? c ^ 0x20 : c;
  }
  return pq_make_text(s, (pq_slice){p, text.n}, out);
}

static size_t count_points(pq_slice s) {
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++)
    n += (s.p[i] & 0xc0) != 0x80;
  return n;
}

static bool is_boundary(pq_slice s, size_t at) {
  return at >= s.n || (s.p[at] & 0xc0) != 0x80;
}

/* Where code point number `n`, counted from `from`, begins; the end when there are fewer. */
static size_t skip_points(pq_slice s, size_t from, int64_t n) {
  for (; from < s.n && n > 0; n--)
    do
      from++;
    while (!is_boundary(s, from));
  return from;
}

static int eval_len(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice text;
  PQ_TRY(need_text(e, s, args[0], &text));
  return pq_make_i32(s, (int32_t)(e->op->variant ? text.n : count_points(text)), out);
}

static int read_two(const pq_expression *e, pq_eval *s, const pq_value *args, int64_t *from,
                    int64_t *len) {
  if (!pq_value_whole(args[1], from)) return pq_fail_argument(e, s, args[1], "whole numbers");
  if (!pq_value_whole(args[2], len)) return pq_fail_argument(e, s, args[2], "whole numbers");
  return PQ_OK;
}

static int eval_substr_cp(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice text;
  int64_t from, len;
  size_t start, end;
  PQ_TRY(coerce(e, s, args[0], &text));
  PQ_TRY(read_two(e, s, args, &from, &len));
  if (from < 0 || len < 0)
    return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs numbers, 0 or more", e->op->name);
  start = skip_points(text, 0, from);
  end = skip_points(text, start, len);
  return pq_make_text(s, (pq_slice){text.p + start, end - start}, out);
}

static int eval_substr_bytes(const pq_expression *e, pq_eval *s, const pq_value *args,
                             pq_value *out) {
  pq_slice text;
  int64_t from, len;
  size_t start, end;
  PQ_TRY(coerce(e, s, args[0], &text));
  if (!pq_value_truncate(args[1], &from)) return pq_fail_argument(e, s, args[1], "numbers");
  if (!pq_value_truncate(args[2], &len)) return pq_fail_argument(e, s, args[2], "numbers");
  if (from < 0)
    return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs a start, 0 or more", e->op->name);
  if ((uint64_t)from >= text.n) return pq_make_text(s, (pq_slice){0}, out);
  start = (size_t)from;
  end = len < 0 || (uint64_t)len > text.n - start ? text.n : start + (size_t)len;
  if (!is_boundary(text, start) || !is_boundary(text, end))
    return pq_fail(s->cx, PQ_EINVALID, "operator '%s' splits a code point", e->op->name);
  return pq_make_text(s, (pq_slice){text.p + start, end - start}, out);
}

/* First place of `part` in text[from ..); false: none. */
static bool find_text(pq_slice text, pq_slice part, size_t from, size_t *at) {
  for (*at = from; part.n <= text.n - *at; ++*at) {
    const uint8_t *hit =
        part.n == 0 ? text.p + *at : memchr(text.p + *at, part.p[0], text.n - *at - part.n + 1);
    if (hit == NULL) return false;
    *at = (size_t)(hit - text.p);
    if (part.n == 0 || memcmp(hit, part.p, part.n) == 0) return true;
  }
  return false;
}

static int eval_split(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice text, mark;
  size_t from = 0, at, count = 1;
  uint32_t n = 0;
  pq_value *items;
  if (pq_is_nullish(args[0]) || pq_is_nullish(args[1])) return pq_make_null(s, out);
  PQ_TRY(need_text(e, s, args[0], &text));
  PQ_TRY(need_text(e, s, args[1], &mark));
  if (mark.n == 0) return pq_fail(s->cx, PQ_EINVALID, "operator '$split' needs a separator");
  for (at = 0; find_text(text, mark, at, &at); at += mark.n)
    count++;
  items = pq_arena_calloc(s->arena, count, sizeof *items);
  if (items == NULL) return s->cx->code;
  for (; find_text(text, mark, from, &at); from = at + mark.n)
    PQ_TRY(pq_make_text(s, (pq_slice){text.p + from, at - from}, &items[n++]));
  PQ_TRY(pq_make_text(s, (pq_slice){text.p + from, text.n - from}, &items[n++]));
  return pq_make_array(s, items, n, out);
}

/* What $trim takes off without `chars` (its manual page). */
static const char white_space[] =
    "\x09\x0a\x0b\x0c\x0d\x20\xc2\xa0\xe1\x9a\x80\xe2\x80\x80\xe2\x80\x81\xe2\x80\x82\xe2\x80\x83"
    "\xe2\x80\x84\xe2\x80\x85\xe2\x80\x86\xe2\x80\x87\xe2\x80\x88\xe2\x80\x89\xe2\x80\x8a";

/* Is the code point text[at .. at + len) one of `chars`? */
static bool is_one_of(pq_slice chars, const uint8_t *p, size_t len) {
  for (size_t i = 0; i < chars.n;) {
    size_t end = skip_points(chars, i, 1);
    if (end - i == len && memcmp(chars.p + i, p, len) == 0) return true;
    i = end;
  }
  return false;
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static int eval_trim(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice text, chars = {(const uint8_t *)white_space, sizeof white_space}; /* and NUL */
  size_t from = 0, to;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  PQ_TRY(need_text(e, s, args[0], &text));
  if (e->args[1] != NULL) {
    if (pq_is_nullish(args[1])) return pq_make_null(s, out);
    PQ_TRY(need_text(e, s, args[1], &chars));
  }
  to = text.n;
  while ((e->op->variant & TRIM_LEFT) != 0 && from < to) {
    size_t end = skip_points(text, from, 1);
    if (!is_one_of(chars, text.p + from, end - from)) break;
    from = end;
  }
  while ((e->op->variant & TRIM_RIGHT) != 0 && to > from) {
    size_t start = to - 1;
    while (!is_boundary(text, start))
      start--;
    if (!is_one_of(chars, text.p + start, to - start)) break;
    to = start;
  }
  return pq_make_text(s, (pq_slice){text.p + from, to - from}, out);
}

/* [text, part, start, end]; variant 1 counts bytes */
static int eval_index_of(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t bounds[2] = {0, INT64_MAX};
  size_t from, to, at;
  pq_slice text, part;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  PQ_TRY(need_text(e, s, args[0], &text));
  PQ_TRY(need_text(e, s, args[1], &part));
  for (uint32_t i = 2; i < e->arg_count; i++)
    if (!pq_value_whole(args[i], &bounds[i - 2]) || bounds[i - 2] < 0 || bounds[i - 2] > INT32_MAX)
      return pq_fail_argument(e, s, args[i], "whole numbers of 32 bits, 0 or more, as bounds");
  if (e->op->variant) {
    from = (uint64_t)bounds[0] > text.n ? text.n + 1 : (size_t)bounds[0];
    to = (uint64_t)bounds[1] > text.n ? text.n : (size_t)bounds[1];
  } else {
    from = (uint64_t)bounds[0] > count_points(text) ? text.n + 1 : skip_points(text, 0, bounds[0]);
    to = skip_points(text, 0, bounds[1]);
  }
  if (from > to || !find_text((pq_slice){text.p, to}, part, from, &at))
    return pq_make_i32(s, -1, out);
  if (!e->op->variant) at = count_points((pq_slice){text.p, at});
  return pq_make_i32(s, (int32_t)at, out);
}

/* {"input", "find", "replacement"}; variant 1: all */
static int eval_replace(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice part[3];
  size_t from = 0, at;
  pq_buf text;
  bool is_found;
  int rc = PQ_OK;
  bool has_null = false;
  for (int i = 0; i < 3; i++) {
    part[i] = PQ_SLICE("");
    has_null |= pq_is_nullish(args[i]);
    if (!pq_is_nullish(args[i])) PQ_TRY(need_text(e, s, args[i], &part[i]));
  }
  if (has_null) return pq_make_null(s, out);
  if (part[1].n == 0)
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%s' of an empty text is not supported yet",
                   e->op->name);
  pq_buf_init(&text, s->cx, s->cx->limits.doc_len_max);
  do {
    is_found = find_text(part[0], part[1], from, &at);
    if (!is_found) at = part[0].n;
    rc = pq_buf_put(&text, part[0].p + from, at - from);
    if (rc == PQ_OK && is_found) rc = pq_buf_put_slice(&text, part[2]);
    from = is_found ? at + part[1].n : at;
  } while (rc == PQ_OK && is_found && e->op->variant);
  if (rc == PQ_OK && is_found) rc = pq_buf_put(&text, part[0].p + from, part[0].n - from);
  if (rc == PQ_OK) rc = pq_make_text(s, pq_buf_slice(&text), out);
  pq_buf_release(&text);
  return rc;
}

static int eval_regex_match(const pq_expression *e, pq_eval *s, const pq_value *args,
                            pq_value *out) {
  pq_slice text;
  bool is_match;
  if (pq_is_nullish(args[0]) || e->regex == NULL) {
    if (!pq_is_nullish(args[0])) PQ_TRY(need_text(e, s, args[0], &text));
    return pq_make_bool(s, false, out);
  }
  PQ_TRY(need_text(e, s, args[0], &text));
  is_match = pq_regex_match(e->regex, text);
  PQ_TRY(pq_regex_set_status(e->regexes));
  return pq_make_bool(s, is_match, out);
}

static int eval_to_string(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice text;
  double real;
  bool flag;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_bool(args[0], &flag))
    return pq_make_text(s, flag ? PQ_SLICE("true") : PQ_SLICE("false"), out);
  if (pq_value_object_id(args[0], &text)) return pq_make_text(s, text, out);
  /* Plain doubles print as MongoDB prints them; far exponents differ and are left out. */
  if (pq_value_double(args[0], &real) &&
      ((real < 1e15 && real > -1e15 && (real >= 1e-4 || real <= -1e-4)) || real == 0)) {
    char buf[PQ_DOUBLE_CAP];
    int len = pq_double_print(real, buf);
    if (len > 2 && memcmp(buf + len - 2, ".0", 2) == 0) len -= 2;
    return pq_make_text(s, (pq_slice){(const uint8_t *)buf, (size_t)len}, out);
  }
  PQ_TRY(coerce(e, s, args[0], &text));
  return pq_make_text(s, text, out);
}

static int eval_strcasecmp(const pq_expression *e, pq_eval *s, const pq_value *args,
                           pq_value *out) {
  pq_slice text[2];
  uint8_t *p[2];
  int c;
  for (int k = 0; k < 2; k++) {
    PQ_TRY(coerce(e, s, args[k], &text[k]));
    PQ_TRY(new_text(s, text[k].n, &p[k]));
    for (size_t i = 0; i < text[k].n; i++)
      p[k][i] = text[k].p[i] >= 'a' && text[k].p[i] <= 'z' ? text[k].p[i] ^ 0x20 : text[k].p[i];
    text[k].p = p[k];
  }
  c = pq_slice_cmp(text[0], text[1]);
  return pq_make_i32(s, (c > 0) - (c < 0), out);
}

const pq_operator pq_text_operators[] = {
    {"$concat", 0, PQ_ARGS_ANY, false, NULL, eval_concat, 0},
    {"$toLower", 1, 1, false, NULL, eval_case, 'A'},
    {"$toUpper", 1, 1, false, NULL, eval_case, 'a'},
    {"$strLenCP", 1, 1, false, NULL, eval_len, 0},
    {"$strLenBytes", 1, 1, false, NULL, eval_len, 1},
    {"$substrCP", 3, 3, false, NULL, eval_substr_cp, 0},
    {"$substrBytes", 3, 3, false, NULL, eval_substr_bytes, 0},
    {"$substr", 3, 3, false, NULL, eval_substr_bytes, 0},
    {"$split", 2, 2, false, NULL, eval_split, 0},
    {"$trim", 1, 2, false, "input chars?", eval_trim, TRIM_LEFT | TRIM_RIGHT},
    {"$ltrim", 1, 2, false, "input chars?", eval_trim, TRIM_LEFT},
    {"$rtrim", 1, 2, false, "input chars?", eval_trim, TRIM_RIGHT},
    {"$indexOfCP", 2, 4, false, NULL, eval_index_of, 0},
    {"$indexOfBytes", 2, 4, false, NULL, eval_index_of, 1},
    {"$replaceOne", 3, 3, false, "input find replacement", eval_replace, 0},
    {"$replaceAll", 3, 3, false, "input find replacement", eval_replace, 1},
    {"$regexMatch", 2, 3, false, "input regex options?", eval_regex_match, 0},
    {"$strcasecmp", 2, 2, false, NULL, eval_strcasecmp, 0},
    {"$toString", 1, 1, false, NULL, eval_to_string, 0},
    {NULL, 0, 0, false, NULL, NULL, 0}};
