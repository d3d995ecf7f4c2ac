/* expr/expression_regex.c - $regexMatch, $regexFind, $regexFindAll.
 *
 *   "häß", "(.)ß"  ──►  {match: "äß", idx: 1, captures: ["ä"]}      idx counts code points
 *
 * A constant pattern is compiled once, by the parser; one that is computed for each document.
 */
#include <string.h>

#include "expr/expression_int.h"

enum { MATCH, FIND, FIND_ALL };
enum { MATCHES_MAX = 1000000 };

/* Compile; *out stays NULL for a null pattern. Errors of patterns are errors of the input. */
static int compile(pq_arena *arena, const pq_expression *e, pq_value pattern_value,
                   pq_value options_value, pq_regex_set **set, pq_regex **out) {
  pq_slice pattern, options = {0}, own = {0};
  bool has_options = !pq_is_nullish(options_value);
  pq_cx *cx = arena->cx;
  int rc;
  *set = NULL;
  *out = NULL;
  if (has_options && !pq_value_string(options_value, &options))
    return pq_fail(cx, PQ_EINVALID, "operator '%s' needs a string as options, not %s", e->op->name,
                   pq_type_name(pq_value_type(options_value)));
  if (pq_is_nullish(pattern_value)) return PQ_OK;
  if (!pq_value_string(pattern_value, &pattern) && !pq_value_regex(pattern_value, &pattern, &own))
    return pq_fail(cx, PQ_EINVALID,
                   "operator '%s' needs a string or a regular expression as regex, not %s",
                   e->op->name, pq_type_name(pq_value_type(pattern_value)));
  if (own.n > 0 && has_options)
    return pq_fail(cx, PQ_EINVALID, "operator '%s' has options twice", e->op->name);
  PQ_TRY(pq_regex_set_new(arena, set));
  rc = pq_regex_compile(*set, pattern, own.n > 0 ? own : options, out);
  if (rc == PQ_EFILTER) rc = cx->code = PQ_EINVALID;
  return rc;
}

int pq_prepare_regex(pq_arena *arena, pq_expression *e) {
  bool is_constant = e->args[1]->kind == PQ_EXPR_CONSTANT &&
                     (e->args[2] == NULL || e->args[2]->kind == PQ_EXPR_CONSTANT);
  pq_value options = {0};
  if (!is_constant) return PQ_OK;
  if (e->args[2] != NULL) options = e->args[2]->constant;
  return compile(arena, e, e->args[1]->constant, options, &e->regexes, &e->regex);
}

static size_t count_points(pq_slice s, size_t from, size_t to) {
  size_t n = 0;
  for (; from < to; from++)
    n += (s.p[from] & 0xc0) != 0x80;
  return n;
}

static int make_span(pq_eval *s, pq_slice text, pq_regex_span at, pq_value *out) {
  if (at.from < 0) return pq_make_null(s, out);
  return pq_make_text(s, (pq_slice){text.p + at.from, (size_t)(at.to - at.from)}, out);
}

static int make_match(pq_eval *s, pq_slice text, const pq_regex_span *spans, uint32_t group_count,
                      size_t point, pq_value *out) {
  pq_field fields[3] = {
      {PQ_SLICE("match"), {0}}, {PQ_SLICE("idx"), {0}}, {PQ_SLICE("captures"), {0}}};
  pq_value *groups = pq_arena_calloc(s->arena, group_count, sizeof *groups);
  if (groups == NULL) return s->cx->code;
  for (uint32_t i = 0; i < group_count; i++)
    PQ_TRY(make_span(s, text, spans[i + 1], &groups[i]));
  PQ_TRY(make_span(s, text, spans[0], &fields[0].value));
  PQ_TRY(pq_make_i32(s, (int32_t)point, &fields[1].value));
  PQ_TRY(pq_make_array(s, groups, group_count, &fields[2].value));
  return pq_make_object(s, fields, 3, out);
}

typedef struct match_list {
  pq_value *items; /* in the arena */
  uint32_t count, cap;
  size_t len; /* of all matches: together they must fit a document */
} match_list;

static int add_match(const pq_expression *e, pq_eval *s, match_list *list, pq_value v) {
  if (list->count == list->cap) {
    uint32_t cap = list->cap == 0 ? 16 : list->cap * 2;
    pq_value *items = pq_arena_calloc(s->arena, cap, sizeof *items);
    if (items == NULL) return s->cx->code;
    if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    list->cap = cap;
  }
  list->items[list->count++] = v;
  list->len += v.len;
  if (list->count > MATCHES_MAX || list->len > s->cx->limits.doc_len_max)
    return pq_fail(s->cx, PQ_ELIMIT, "operator '%s' finds more than fits a document", e->op->name);
  return PQ_OK;
}

/* All matches, left to right. Behind an empty one the search goes on a code point later. */
static int find_all(const pq_expression *e, pq_eval *s, pq_regex *r, pq_slice text,
                    pq_regex_span *spans, pq_value *out) {
  uint32_t groups = pq_regex_group_count(r);
  size_t from = 0, point = 0, counted = 0;
  match_list list = {0};
  while (pq_regex_find(r, text, from, spans)) {
    size_t start = (size_t)spans[0].from, end = (size_t)spans[0].to;
    pq_value v;
    if (start >= counted) point += count_points(text, counted, start); /* else \K went back */
    if (start >= counted) counted = start;
    PQ_TRY(make_match(s, text, spans, groups, point, &v));
    PQ_TRY(add_match(e, s, &list, v));
    if (end > from) {
      from = end;
    } else {
      for (from++; from < text.n && (text.p[from] & 0xc0) == 0x80;)
        from++;
    }
    if (from >= text.n) break;
  }
  return pq_make_array(s, list.items, list.count, out);
}

static int find(const pq_expression *e, pq_eval *s, pq_regex *r, pq_slice text, pq_value *out) {
  uint32_t groups = pq_regex_group_count(r);
  pq_regex_span *spans = pq_arena_calloc(s->arena, (size_t)groups + 1, sizeof *spans);
  if (spans == NULL) return s->cx->code;
  if (e->op->variant == FIND_ALL) return find_all(e, s, r, text, spans, out);
  if (!pq_regex_find(r, text, 0, spans)) return pq_make_null(s, out);
  return make_match(s, text, spans, groups, count_points(text, 0, (size_t)spans[0].from), out);
}

static int make_none(const pq_expression *e, pq_eval *s, pq_value *out) {
  if (e->op->variant == FIND_ALL) return pq_make_array(s, NULL, 0, out);
  return e->op->variant == FIND ? pq_make_null(s, out) : pq_make_bool(s, false, out);
}

/* args: input, regex, options */
static int eval_regex(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_regex_set *set = e->regexes;
  pq_regex *r = e->regex;
  pq_slice text = {0};
  bool is_match;
  bool is_constant = e->args[1]->kind == PQ_EXPR_CONSTANT &&
                     (e->args[2] == NULL || e->args[2]->kind == PQ_EXPR_CONSTANT);
  if (!is_constant) PQ_TRY(compile(s->arena, e, args[1], args[2], &set, &r));
  if (!pq_is_nullish(args[0]) && !pq_value_string(args[0], &text))
    return pq_fail_argument(e, s, args[0], "a string as input");
  if (pq_is_nullish(args[0]) || r == NULL) return make_none(e, s, out);
  if (e->op->variant == MATCH) {
    is_match = pq_regex_match(r, text);
    PQ_TRY(pq_regex_set_status(set));
    return pq_make_bool(s, is_match, out);
  }
  PQ_TRY(find(e, s, r, text, out));
  return pq_regex_set_status(set);
}

const pq_operator pq_regex_operators[] = {
    {"$regexMatch", 2, 3, false, "input regex options?", eval_regex, MATCH},
    {"$regexFind", 2, 3, false, "input regex options?", eval_regex, FIND},
    {"$regexFindAll", 2, 3, false, "input regex options?", eval_regex, FIND_ALL},
    {NULL, 0, 0, false, NULL, NULL, 0}};
