/* expr/expression_text.c - strings in expressions. See expression.h.
 *
 * "CP" operators count code points, the others bytes. Upper and lower case are ASCII's (MONGO.md 1,
 * rule 57). null and missing make null, or "" where MongoDB says so.
 */
#include <string.h>

#include "expr/date_int.h"
#include "value/decimal.h"

/* A buffer of the right size in the arena, as text. */
static int new_text(pq_eval *s, size_t len, uint8_t **p) {
  *p = pq_arena_alloc(s->arena, len);
  return *p == NULL ? s->cx->code : PQ_OK;
}

static int need_text(const pq_expression *e, pq_eval *s, pq_value v, pq_slice *out) {
  if (pq_value_string(v, out)) return PQ_OK;
  return pq_fail_argument(e, s, v, "a string");
}

/* "2024-02-29T13:05:09.007Z": MongoDB always prints milliseconds. */
int pq_date_text(pq_eval *s, int64_t ms, pq_slice *out) {
  pq_civil d;
  int64_t rest = pq_floor_mod(ms, PQ_DAY_MS);
  char *text;
  pq_civil_of(pq_floor_div(ms, PQ_DAY_MS), &d);
  if (d.year < 0 || d.year > 9999)
    return pq_fail(s->cx, PQ_EINVALID, "a date of the year %lld cannot be text: 0 to 9999 can",
                   (long long)d.year);
  text = pq_arena_printf(s->arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)d.year, d.month,
                         d.day, (int)(rest / PQ_HOUR_MS), (int)(rest / 60000 % 60),
                         (int)(rest / 1000 % 60), (int)(rest % 1000));
  *out = text == NULL ? (pq_slice){0} : pq_str(text);
  return text == NULL ? s->cx->code : PQ_OK;
}

/* "Dec 25 18:02:06:000", as timestamps have always been printed there. */
static int print_timestamp(pq_eval *s, pq_value v, pq_slice *out) {
  pq_value inner = pq_object_get_str(v, "$timestamp");
  int64_t seconds = 0, count = 0, rest;
  pq_civil d;
  char *text;
  (void)pq_value_i64(pq_object_get_str(inner, "t"), &seconds);
  (void)pq_value_i64(pq_object_get_str(inner, "i"), &count);
  rest = pq_floor_mod(seconds, 86400);
  pq_civil_of(pq_floor_div(seconds, 86400), &d);
  text = pq_arena_printf(s->arena, "%.3s %02d %02d:%02d:%02d:%03lld", pq_month_names[d.month - 1],
                         d.day, (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60),
                         (long long)count);
  *out = text == NULL ? (pq_slice){0} : pq_str(text);
  return text == NULL ? s->cx->code : PQ_OK;
}

int pq_text_of(const pq_expression *e, pq_eval *s, pq_value v, pq_slice *out) {
  char buf[PQ_DECIMAL_CAP];
  pq_number decimal;
  size_t len;
  int64_t n;
  double real;
  int us;
  *out = PQ_SLICE("");
  if (pq_is_nullish(v) || pq_value_string(v, out)) return PQ_OK;
  if (pq_value_type(v) == PQ_TYPE_TIMESTAMP) return print_timestamp(s, v, out);
  if (pq_value_date_parts(v, &n, &us)) return pq_date_text(s, n, out);
  if (pq_value_i64(v, &n)) {
    buf[0] = '-';
    len = n < 0;
    len += pq_u64_print(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, buf + len);
  } else if (pq_value_double(v, &real)) {
    len = pq_print_real(real, buf);
  } else if (pq_value_decimal_number(v, &decimal)) {
    len = pq_number_print(decimal, buf);
  } else {
    return pq_fail_argument(e, s, v, "a string");
  }
  return pq_arena_copy(s->arena, (pq_slice){(const uint8_t *)buf, len}, out);
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
    if (!pq_add_size(len, part.n, &len) || len > s->cx->limits.doc_len_max)
      return pq_fail(s->cx, PQ_ELIMIT, "operator '$concat' makes a text longer than a document");
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
  PQ_TRY(pq_text_of(e, s, args[0], &text));
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
  PQ_TRY(pq_text_of(e, s, args[0], &text));
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
  PQ_TRY(pq_text_of(e, s, args[0], &text));
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

/* Where a part stands in a text. A short part is compared at every place where its first byte is;
 * a long one is looked for as Knuth, Morris and Pratt do: fail[i] is the length of the longest
 * beginning of the part that ends part[0 .. i] too, so that no byte of the text is read twice. */
typedef struct finder {
  pq_slice text, part;
  uint32_t *fail; /* NULL: a short part */
} finder;

enum { SHORT_PART_MAX = 64 };

static int finder_init(finder *f, pq_eval *s, pq_slice text, pq_slice part) {
  uint32_t n = 0;
  *f = (finder){.text = text, .part = part};
  if (part.n <= SHORT_PART_MAX) return PQ_OK;
  f->fail = pq_arena_calloc(s->arena, part.n, sizeof *f->fail);
  if (f->fail == NULL) return s->cx->code;
  for (size_t i = 1; i < part.n; i++) {
    while (n > 0 && part.p[i] != part.p[n])
      n = f->fail[n - 1];
    if (part.p[i] == part.p[n]) n++;
    f->fail[i] = n;
  }
  return PQ_OK;
}

static bool find_long(const finder *f, size_t from, size_t *at) {
  uint32_t n = 0;
  for (size_t i = from; i < f->text.n; i++) {
    while (n > 0 && f->text.p[i] != f->part.p[n])
      n = f->fail[n - 1];
    if (f->text.p[i] == f->part.p[n]) n++;
    if (n < f->part.n) continue;
    *at = i + 1 - n;
    return true;
  }
  return false;
}

/* The first place in text[from ..); false: none. */
static bool find_text(const finder *f, size_t from, size_t *at) {
  pq_slice text = f->text, part = f->part;
  *at = from;
  if (f->fail != NULL) return find_long(f, from, at);
  if (part.n == 0) return from <= text.n;
  for (; *at <= text.n && part.n <= text.n - *at; ++*at) {
    const uint8_t *hit = memchr(text.p + *at, part.p[0], text.n - *at - part.n + 1);
    if (hit == NULL) return false;
    *at = (size_t)(hit - text.p);
    if (memcmp(hit, part.p, part.n) == 0) return true;
  }
  return false;
}

static int eval_split(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice text, mark;
  size_t from = 0, at, count = 1;
  uint32_t n = 0;
  pq_value *items;
  finder f;
  if (pq_is_nullish(args[0]) || pq_is_nullish(args[1])) return pq_make_null(s, out);
  PQ_TRY(need_text(e, s, args[0], &text));
  PQ_TRY(need_text(e, s, args[1], &mark));
  if (mark.n == 0) return pq_fail(s->cx, PQ_EINVALID, "operator '$split' needs a separator");
  PQ_TRY(finder_init(&f, s, text, mark));
  for (at = 0; find_text(&f, at, &at); at += mark.n)
    count++;
  items = pq_arena_calloc(s->arena, count, sizeof *items);
  if (items == NULL) return s->cx->code;
  for (; find_text(&f, from, &at); from = at + mark.n)
    PQ_TRY(pq_make_text(s, (pq_slice){text.p + from, at - from}, &items[n++]));
  PQ_TRY(pq_make_text(s, (pq_slice){text.p + from, text.n - from}, &items[n++]));
  return pq_make_array(s, items, n, out);
}

/* What $trim takes off without `chars` (its manual page). */
static const char white_space[] =
    "\x09\x0a\x0b\x0c\x0d\x20\xc2\xa0\xe1\x9a\x80\xe2\x80\x80\xe2\x80\x81\xe2\x80\x82\xe2\x80\x83"
    "\xe2\x80\x84\xe2\x80\x85\xe2\x80\x86\xe2\x80\x87\xe2\x80\x88\xe2\x80\x89\xe2\x80\x8a";

/* The code points that are taken off; a bit each when there are many to look through. */
typedef struct point_set {
  pq_slice chars;
  uint8_t *bits; /* NULL: few */
} point_set;

enum { FEW_CHARS = sizeof white_space, POINT_COUNT = 0x110000 };

/* The code point of well-formed bytes. */
static uint32_t point_at(const uint8_t *p, size_t len) {
  uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
  for (size_t i = 1; i < len; i++)
    c = c << 6 | (p[i] & 0x3f);
  return c;
}

static int point_set_init(point_set *t, pq_eval *s, pq_slice chars) {
  *t = (point_set){.chars = chars};
  if (chars.n <= FEW_CHARS) return PQ_OK;
  t->bits = pq_arena_calloc(s->arena, POINT_COUNT / 8, 1);
  if (t->bits == NULL) return s->cx->code;
  for (size_t i = 0, end; i < chars.n; i = end) {
    uint32_t c;
    end = skip_points(chars, i, 1);
    c = point_at(chars.p + i, end - i);
    t->bits[c / 8] |= (uint8_t)(1u << c % 8);
  }
  return PQ_OK;
}

static bool is_one_of(const point_set *t, const uint8_t *p, size_t len) {
  pq_slice chars = t->chars;
  if (t->bits != NULL) {
    uint32_t c = point_at(p, len);
    return (t->bits[c / 8] >> c % 8 & 1) != 0;
  }
  for (size_t i = 0, end; i < chars.n; i = end) {
    end = skip_points(chars, i, 1);
    if (end - i == len && memcmp(chars.p + i, p, len) == 0) return true;
  }
  return false;
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static int eval_trim(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice text, chars = {(const uint8_t *)white_space, sizeof white_space}; /* and NUL */
  point_set set;
  size_t from = 0, to;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  PQ_TRY(need_text(e, s, args[0], &text));
  if (e->args[1] != NULL) {
    if (pq_is_nullish(args[1])) return pq_make_null(s, out);
    PQ_TRY(need_text(e, s, args[1], &chars));
  }
  PQ_TRY(point_set_init(&set, s, chars));
  to = text.n;
  while ((e->op->variant & TRIM_LEFT) != 0 && from < to) {
    size_t end = skip_points(text, from, 1);
    if (!is_one_of(&set, text.p + from, end - from)) break;
    from = end;
  }
  while ((e->op->variant & TRIM_RIGHT) != 0 && to > from) {
    size_t start = to - 1;
    while (!is_boundary(text, start))
      start--;
    if (!is_one_of(&set, text.p + start, to - start)) break;
    to = start;
  }
  return pq_make_text(s, (pq_slice){text.p + from, to - from}, out);
}

/* [text, part, start, end]; variant 1 counts bytes */
static int eval_index_of(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t bounds[2] = {0, INT64_MAX};
  size_t from, to, at;
  pq_slice text, part;
  finder f;
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
  PQ_TRY(finder_init(&f, s, (pq_slice){text.p, to}, part));
  if (from > to || !find_text(&f, from, &at)) return pq_make_i32(s, -1, out);
  if (!e->op->variant) at = count_points((pq_slice){text.p, at});
  return pq_make_i32(s, (int32_t)at, out);
}

/* The next place from `from` on. An empty part stands in front of every code point and at the end.
 */
static bool find_next(const finder *f, size_t from, bool is_first, size_t *at) {
  if (f->part.n > 0 || is_first) return find_text(f, from, at);
  *at = skip_points(f->text, from, 1);
  return from < f->text.n;
}

static int replace(const finder *f, pq_slice with, bool is_all, pq_buf *out) {
  size_t from = 0, at;
  bool is_first = true;
  for (size_t next = 0; find_next(f, next, is_first, &at); is_first = false) {
    PQ_TRY(pq_buf_put(out, f->text.p + from, at - from));
    PQ_TRY(pq_buf_put_slice(out, with));
    next = from = at + f->part.n;
    if (!is_all) break;
  }
  return pq_buf_put(out, f->text.p + from, f->text.n - from);
}

/* {"input", "find", "replacement"}; variant 1: all */
static int eval_replace(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  static const char *const whats[] = {"a string as input", "a string as find",
                                      "a string as replacement"};
  pq_slice part[3];
  pq_buf text;
  finder f;
  int rc;
  bool has_null = false;
  for (int i = 0; i < 3; i++) {
    part[i] = PQ_SLICE("");
    has_null |= pq_is_nullish(args[i]);
    if (!pq_is_nullish(args[i]) && !pq_value_string(args[i], &part[i]))
      return pq_fail_argument(e, s, args[i], whats[i]);
  }
  if (has_null) return pq_make_null(s, out);
  PQ_TRY(finder_init(&f, s, part[0], part[1]));
  pq_buf_init(&text, s->cx, s->cx->limits.doc_len_max);
  rc = replace(&f, part[2], e->op->variant != 0, &text);
  if (rc == PQ_OK) rc = pq_make_text(s, pq_buf_slice(&text), out);
  pq_buf_release(&text);
  return rc;
}

static int eval_strcasecmp(const pq_expression *e, pq_eval *s, const pq_value *args,
                           pq_value *out) {
  pq_slice text[2];
  uint8_t *p[2];
  int c;
  for (int k = 0; k < 2; k++) {
    PQ_TRY(pq_text_of(e, s, args[k], &text[k]));
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
    {"$strcasecmp", 2, 2, false, NULL, eval_strcasecmp, 0},
    {NULL, 0, 0, false, NULL, NULL, 0}};
