/* expr/update_position.c - "$", "$[]" and "$[name]" in the paths of an update. See update.h.
 *
 * The idea: for one document they are indexes. The terms are rewritten to what they mean there,
 * sorted again, and applied like any others:
 *
 *   a.$[x].n INC 1   x: {"x.k": {"$gt": 5}}     {a: [{k: 9}, {k: 1}, {k: 7}]}
 *        ──►  a.0.n INC 1 | a.2.n INC 1
 *
 * $setOnInsert is decided at the same time: its terms become SET, or go. Two terms that end in one
 * place are a conflict, found by the sort. Bounded recursion: by the parts of a path. Nothing is
 * kept between calls.
 */
#include <string.h>

#include "base/text.h"
#include "expr/update_int.h"

/* Terms that one update may come to for one document: some 150 bytes each. */
enum { PLACED_COUNT_MAX = 1000000 };

pq_position_kind pq_position_of(pq_slice part) {
  if (part.n == 0 || part.p[0] != '$') return PQ_POSITION_NONE;
  if (part.n == 1) return PQ_POSITION_MATCH;
  if (part.n < 3 || part.p[1] != '[' || part.p[part.n - 1] != ']') return PQ_POSITION_NONE;
  return part.n == 3 ? PQ_POSITION_ALL : PQ_POSITION_FILTER;
}

/* ---- parse ---- */

/* A lower-case letter, then letters and digits. */
static bool is_filter_name(pq_slice name) {
  if (name.n == 0 || name.p[0] < 'a' || name.p[0] > 'z') return false;
  for (size_t i = 1; i < name.n; i++) {
    uint8_t c = name.p[i];
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')) return false;
  }
  return true;
}

static int set_name(pq_update_parser *s, pq_array_filter *f, pq_slice path) {
  const uint8_t *dot = path.n == 0 ? NULL : memchr(path.p, '.', path.n);
  pq_slice name = {path.p, dot == NULL ? path.n : (size_t)(dot - path.p)};
  if (!is_filter_name(name))
    return pq_fail(
        s->cx, PQ_EUPDATE,
        "arrayFilters: the name '%.*s' must begin with a lower-case letter and have only "
        "letters and digits",
        PQ_SHOW(name));
  if (f->name.p != NULL && !pq_slice_eq(f->name, name))
    return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters: one filter has the names '%.*s' and '%.*s'",
                   PQ_SHOW(f->name), PQ_SHOW(name));
  f->name = name;
  return PQ_OK;
}

/* The first part of every path in the filter, through $and, $or and $nor. */
static int find_name(pq_update_parser *s, pq_array_filter *f, pq_value spec, uint32_t depth) {
  static const char *const logical[] = {"$and", "$or", "$nor", NULL};
  pq_field *fields;
  uint32_t count;
  if (depth > s->cx->limits.depth_max)
    return pq_fail(s->cx, PQ_ELIMIT, "arrayFilters: a filter is nested deeper than %u",
                   (unsigned)s->cx->limits.depth_max);
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters: a filter must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  PQ_TRY(pq_update_read_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    uint32_t more =
        pq_value_type(fields[i].value) == PQ_TYPE_ARRAY ? pq_value_count(fields[i].value) : 0;
    if (!pq_is_dollar(fields[i].name)) {
      PQ_TRY(set_name(s, f, fields[i].name));
      continue;
    }
    if (pq_slice_is(fields[i].name, "$comment")) continue;
    if (!pq_name_in(fields[i].name, logical))
      return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters: operator '%.*s' cannot stand at the top",
                     PQ_SHOW(fields[i].name));
    for (uint32_t k = 0; k < more; k++)
      PQ_TRY(find_name(s, f, pq_array_at(fields[i].value, k), depth + 1));
  }
  return PQ_OK;
}

static pq_array_filter *find_filter(pq_update *u, pq_slice name) {
  for (uint32_t i = 0; i < u->filter_count; i++)
    if (pq_slice_eq(u->filters[i].name, name)) return &u->filters[i];
  return NULL;
}

static int parse_filter(pq_update_parser *s, pq_value spec) {
  pq_array_filter f = {0};
  PQ_TRY(find_name(s, &f, spec, 0));
  if (f.name.p == NULL)
    return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters: a filter names no element");
  if (find_filter(s->u, f.name) != NULL)
    return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters: the name '%.*s' has two filters",
                   PQ_SHOW(f.name));
  PQ_TRY(pq_filter_parse(s->arena, s->env, spec, &f.filter));
  if (pq_filter_needs_eval(f.filter))
    return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters: '$expr' cannot be used for '%.*s'",
                   PQ_SHOW(f.name));
  s->u->filters[s->u->filter_count++] = f;
  return PQ_OK;
}

/* Names are looked up one after another, so there may be only a few. */
enum { FILTERS_MAX = 256 };

int pq_update_parse_filters(pq_update_parser *s, pq_value array_filters) {
  uint32_t count = pq_value_count(array_filters);
  pq_value copy;
  if (pq_value_is_missing(array_filters)) return PQ_OK;
  if (pq_value_type(array_filters) != PQ_TYPE_ARRAY)
    return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters must be an array of filters, not %s",
                   pq_type_name(pq_value_type(array_filters)));
  if (count > FILTERS_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "arrayFilters has more than %d filters", FILTERS_MAX);
  PQ_TRY(pq_value_copy(s->arena, array_filters, &copy));
  s->u->filters = pq_arena_calloc(s->arena, count, sizeof *s->u->filters);
  if (s->u->filters == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_filter(s, pq_array_at(copy, i)));
  return PQ_OK;
}

static pq_slice name_inside(pq_slice part) {
  return (pq_slice){part.p + 2, part.n - 3};
}

int pq_update_note_positions(pq_update_parser *s, const pq_term *term) {
  const pq_path *path = &term->path;
  const char *operator= pq_update_op_name(term->op);
  bool is_match_known = false;
  for (uint32_t i = 0; i < path->count; i++) {
    pq_slice part = path->parts[i].name;
    pq_position_kind kind = pq_position_of(part);
    pq_array_filter *f;
    if (kind == PQ_POSITION_NONE) continue;
    if (i == 0)
      return pq_fail(s->cx, PQ_EUPDATE,
                     "operator '%s': the path '%.*s' begins with '%.*s'", operator,
                     PQ_SHOW(path->text), PQ_SHOW(part));
    if (kind == PQ_POSITION_MATCH && is_match_known)
      return pq_fail(s->cx, PQ_EUPDATE, "operator '%s': the path '%.*s' has '$' twice", operator,
                     PQ_SHOW(path->text));
    is_match_known |= kind == PQ_POSITION_MATCH;
    s->u->is_dynamic = true;
    s->u->is_positional |= is_match_known;
    if (kind != PQ_POSITION_FILTER) continue;
    f = find_filter(s->u, name_inside(part));
    if (f == NULL)
      return pq_fail(s->cx, PQ_EUPDATE,
                     "operator '%s': no array filter for the name '%.*s' in path '%.*s'", operator,
                     PQ_SHOW(name_inside(part)), PQ_SHOW(path->text));
    f->is_used = true;
  }
  return PQ_OK;
}

static bool is_each(pq_slice part) {
  pq_position_kind kind = pq_position_of(part);
  return kind == PQ_POSITION_ALL || kind == PQ_POSITION_FILTER;
}

/* Below one field either all parts are "$[…]" or none is: "a.$[]" beside "a.0" conflicts whatever
 * the document is. Terms are sorted, so two neighbours show it. */
static int check_neighbours(pq_update_parser *s, const pq_term *left, const pq_term *right) {
  const pq_path *a = &left->path, *b = &right->path;
  uint32_t i = 0;
  while (i < a->count && i < b->count && pq_slice_eq(a->parts[i].name, b->parts[i].name))
    i++;
  if (i == a->count || i == b->count || is_each(a->parts[i].name) == is_each(b->parts[i].name))
    return PQ_OK;
  return pq_update_fail_conflict(s->cx, left, right);
}

int pq_update_check_positions(pq_update_parser *s) {
  const pq_update *u = s->u;
  for (uint32_t i = 0; i < u->filter_count; i++)
    if (!u->filters[i].is_used)
      return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters: no path uses the name '%.*s'",
                     PQ_SHOW(u->filters[i].name));
  for (uint32_t i = 0; i + 1 < u->count; i++)
    PQ_TRY(check_neighbours(s, &u->terms[i], &u->terms[i + 1]));
  return PQ_OK;
}

/* ---- apply ---- */

typedef struct placer {
  pq_applier *s;
  pq_update_at at;
  pq_term *out;
  uint32_t count, cap;
  const pq_term *term; /* being placed */
  pq_path_part *parts; /* its path so far */
  uint32_t depth_last; /* of its last position; from there on the path is as it is */
} placer;

/* The path of the current parts, with its text for messages. */
static int make_path(placer *p, pq_path *out) {
  const pq_path *from = &p->term->path;
  size_t len = from->count - 1u, at = 0;
  pq_path_part *parts = pq_arena_calloc(p->s->arena, from->count, sizeof *parts);
  uint8_t *text;
  if (parts == NULL) return p->s->cx->code;
  for (uint32_t i = 0; i < from->count; i++) {
    parts[i] = i <= p->depth_last ? p->parts[i] : from->parts[i];
    len += parts[i].name.n; /* no more than the text of the path and ten digits for each part */
  }
  text = pq_arena_alloc(p->s->arena, len);
  if (text == NULL) return p->s->cx->code;
  for (uint32_t i = 0; i < from->count; i++) {
    if (i > 0) text[at++] = '.';
    memcpy(text + at, parts[i].name.p, parts[i].name.n);
    at += parts[i].name.n;
  }
  *out = (pq_path){{text, len}, parts, from->count};
  return PQ_OK;
}

static int reserve(placer *p) {
  uint32_t cap = p->cap < 8 ? 16 : p->cap * 2;
  pq_term *out;
  if (p->count < p->cap) return PQ_OK;
  if (p->count >= PLACED_COUNT_MAX)
    return pq_fail(p->s->cx, PQ_ELIMIT, "operator '%s': path '%.*s' stands for more than %d places",
                   pq_update_op_name(p->term->op), PQ_SHOW(p->term->path.text), PLACED_COUNT_MAX);
  out = pq_arena_calloc(p->s->arena, cap, sizeof *out);
  if (out == NULL) return p->s->cx->code;
  if (p->count > 0) memcpy(out, p->out, p->count * sizeof *out);
  p->out = out;
  p->cap = cap;
  return PQ_OK;
}

static int emit(placer *p, bool is_static) {
  PQ_TRY(reserve(p));
  p->out[p->count] = *p->term;
  if (!is_static) PQ_TRY(make_path(p, &p->out[p->count].path));
  if (p->term->op == PQ_UPDATE_SET_ON_INSERT) p->out[p->count].op = PQ_UPDATE_SET;
  p->count++;
  return PQ_OK;
}

static int set_index(placer *p, uint32_t i, uint32_t index) {
  char digits[PQ_U64_CAP];
  size_t len = pq_u64_print(index, digits);
  p->parts[i].index = index;
  return pq_arena_copy(p->s->arena, (pq_slice){(const uint8_t *)digits, len}, &p->parts[i].name);
}

static pq_value child(pq_value v, const pq_path_part *part) {
  if (pq_value_type(v) == PQ_TYPE_OBJECT) return pq_object_get(v, part->name);
  if (part->index == PQ_PATH_NO_INDEX) return (pq_value){0};
  return pq_array_at(v, part->index);
}

/* Does {name: element} match? The builder is free: nothing is written yet. */
static int test_element(placer *p, const pq_array_filter *f, pq_value element, bool *out) {
  pq_builder *b = p->s->b;
  pq_value doc;
  *out = false;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key(b, f->name));
  PQ_TRY(pq_builder_value(b, element));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_view(b, &doc));
  *out = pq_filter_match(f->filter, NULL, doc, (pq_value){0});
  return pq_filter_status(f->filter);
}

static int walk(placer *p, uint32_t i, pq_value v);

static int walk_elements(placer *p, uint32_t i, pq_value v) {
  pq_slice part = p->term->path.parts[i].name;
  const pq_array_filter *f = NULL;
  uint32_t count = pq_value_count(v);
  pq_type t = pq_value_type(v);
  if (pq_position_of(part) == PQ_POSITION_FILTER)
    for (uint32_t k = 0; f == NULL && k < p->s->u->filter_count; k++)
      if (pq_slice_eq(p->s->u->filters[k].name, name_inside(part))) f = &p->s->u->filters[k];
  if (t != PQ_TYPE_ARRAY)
    return pq_fail(p->s->cx, PQ_EUPDATE,
                   "operator '%s': path '%.*s' needs an array for '%.*s', not %s",
                   pq_update_op_name(p->term->op), PQ_SHOW(p->term->path.text), PQ_SHOW(part),
                   t == PQ_TYPE_MISSING ? "a missing field" : pq_type_name(t));
  for (uint32_t k = 0; k < count; k++) {
    pq_value element = pq_array_at(v, k);
    bool takes = true;
    if (f != NULL) PQ_TRY(test_element(p, f, element, &takes));
    if (!takes) continue;
    PQ_TRY(set_index(p, i, k));
    PQ_TRY(walk(p, i + 1, element));
  }
  return PQ_OK;
}

/* Part `i` of the term's path and what follows, at the value `v`. */
static int walk(placer *p, uint32_t i, pq_value v) {
  const pq_path *path = &p->term->path;
  pq_position_kind kind;
  if (i > p->depth_last) return emit(p, false);
  kind = pq_position_of(path->parts[i].name);
  p->parts[i] = path->parts[i];
  if (kind == PQ_POSITION_ALL || kind == PQ_POSITION_FILTER) return walk_elements(p, i, v);
  if (kind == PQ_POSITION_MATCH) {
    if (p->at.position < 0 || p->at.position >= PQ_PATH_NO_INDEX)
      return pq_fail(p->s->cx, PQ_EUPDATE,
                     "operator '%s': the filter did not look into an array, so '$' in path '%.*s' "
                     "has no index",
                     pq_update_op_name(p->term->op), PQ_SHOW(path->text));
    PQ_TRY(set_index(p, i, (uint32_t)p->at.position));
  }
  return walk(p, i + 1, child(v, &p->parts[i]));
}

/* False when the path has no position. */
static bool find_last(placer *p) {
  const pq_path *path = &p->term->path;
  for (uint32_t i = path->count; i > 0; i--)
    if (pq_position_of(path->parts[i - 1].name) != PQ_POSITION_NONE) {
      p->depth_last = i - 1;
      return true;
    }
  return false;
}

int pq_applier_place(pq_applier *s, pq_update_at at) {
  placer p = {.s = s, .at = at};
  uint32_t conflict;
  if (!s->u->is_dynamic) return PQ_OK;
  p.parts = pq_arena_calloc(s->arena, s->cx->limits.depth_max, sizeof *p.parts);
  if (p.parts == NULL) return s->cx->code;
  for (uint32_t i = 0; i < s->u->count; i++) {
    p.term = &s->u->terms[i];
    if (p.term->op == PQ_UPDATE_SET_ON_INSERT && !at.is_insert) continue;
    PQ_TRY(find_last(&p) ? walk(&p, 0, s->doc) : emit(&p, true));
  }
  PQ_TRY(pq_terms_sort(s->cx, p.out, p.count, &conflict));
  if (conflict < p.count)
    return pq_update_fail_conflict(s->cx, &p.out[conflict], &p.out[conflict + 1]);
  pq_builder_clear(s->b);
  s->terms = p.out;
  s->count = p.count;
  return PQ_OK;
}
