/* expr/update_apply.c - a document and an update become the next document. See update.h.
 *
 * The idea: one pass over the old document writes the new one. At each container the sorted terms
 * of that path are one span; fields without a group are copied, fields with one are rewritten,
 * and groups without a field are appended in the order of the terms, which is by name:
 *
 *   {a: {x: 1}, c: 2}   +   a.x INC 1 | a.y SET 5 | b SET 0
 *   {a: {x: 2,              y: 5}, c: 2,            b: 0}
 *
 * Bounded recursion: by the parts of the paths. Nothing is kept between calls.
 */
#include <string.h>

#include "expr/update_int.h"

/* MongoDB pads an array with at most this many nulls to reach an index. */
enum { PAD_COUNT_MAX = 1500000 };

/* ---- sameness: equal in value, type and order, so that nothing needs to be written ---- */
static int check_same_objects(pq_applier *s, pq_value a, pq_value b, bool *out) {
  uint32_t a_count, b_count;
  pq_field *x = pq_object_fields(s->arena, a, &a_count);
  pq_field *y = pq_object_fields(s->arena, b, &b_count);
  *out = false;
  if ((x == NULL && pq_value_count(a) > 0) || (y == NULL && pq_value_count(b) > 0))
    return s->cx->code;
  *out = a_count == b_count;
  for (uint32_t i = 0; *out && i < a_count; i++) {
    *out = pq_slice_eq(x[i].name, y[i].name);
    if (*out) PQ_TRY(pq_applier_same(s, x[i].value, y[i].value, out));
  }
  return PQ_OK;
}

/* Recursion is bounded by the depth that both values were checked for. */
int pq_applier_same(pq_applier *s, pq_value a, pq_value b, bool *out) {
  pq_type t = pq_value_type(a);
  double x, y;
  *out = false;
  if (t != pq_value_type(b)) return PQ_OK;
  if (pq_value_double(a, &x) && pq_value_double(b, &y)) {
    *out = memcmp(&x, &y, sizeof x) == 0;
    return PQ_OK;
  }
  if (t == PQ_TYPE_DECIMAL) {
    pq_decimal d, e;
    *out = pq_value_decimal(a, &d) && pq_value_decimal(b, &e) && d.scale == e.scale &&
           pq_number_compare(a, b) == 0;
    return PQ_OK;
  }
  if (t == PQ_TYPE_OBJECT) return check_same_objects(s, a, b, out);
  if (t == PQ_TYPE_ARRAY) {
    uint32_t count = pq_value_count(a);
    *out = count == pq_value_count(b);
    for (uint32_t i = 0; *out && i < count; i++)
      PQ_TRY(pq_applier_same(s, pq_array_at(a, i), pq_array_at(b, i), out));
    return PQ_OK;
  }
  *out = pq_value_is_equal(a, b);
  return PQ_OK;
}

/* Write `v` where `old` stands or nothing stood. */
static int put_changed(pq_applier *s, pq_value old, pq_value v) {
  bool is_same = false;
  if (!pq_value_is_missing(old)) PQ_TRY(pq_applier_same(s, old, v, &is_same));
  if (!is_same) s->is_changed = true;
  return pq_builder_value(s->b, v);
}

/* ---- $rename ---- */

/* The value at the source; missing when there is none. Arrays on the way are refused. */
static int find_source(pq_applier *s, const pq_term *term, pq_value *out) {
  const pq_path *path = &s->sources[term->source];
  pq_value v = s->doc;
  *out = (pq_value){0};
  for (uint32_t i = 0; i < path->count; i++) {
    pq_type t = pq_value_type(v);
    if (t == PQ_TYPE_MISSING) return PQ_OK;
    if (t != PQ_TYPE_OBJECT)
      return pq_fail(s->cx, PQ_EUPDATE, "operator '$rename' cannot follow path '%.*s' through %s",
                     PQ_SHOW(path->text), pq_type_name(t));
    v = pq_object_get(v, path->parts[i].name);
  }
  *out = v;
  return PQ_OK;
}

/* All sources are looked at before anything is written, so later look-ups cannot fail. */
static int check_sources(pq_applier *s) {
  pq_value source;
  for (uint32_t i = 0; i < s->count; i++)
    if (s->terms[i].op == PQ_UPDATE_RENAME_TO) PQ_TRY(find_source(s, &s->terms[i], &source));
  return PQ_OK;
}

static bool is_live_rename(pq_applier *s, const pq_term *term) {
  pq_value source;
  return find_source(s, term, &source) == PQ_OK && !pq_value_is_missing(source);
}

/* ---- one term at the end of its path ---- */

/* The time of the update, in whole milliseconds as MongoDB has them. */
static int put_now(pq_applier *s, pq_value old) {
  int64_t now = s->now_us - (s->now_us % 1000 + 1000) % 1000, before;
  if (!pq_value_date_us(old, &before) || before != now) s->is_changed = true;
  return pq_builder_date_us(s->b, now);
}

/* The same as a BSON timestamp, which has seconds and a counter. */
static int put_timestamp(pq_applier *s) {
  int64_t seconds = s->now_us / 1000000;
  s->is_changed = true;
  if (seconds < 0 || seconds > UINT32_MAX)
    return pq_fail(s->cx, PQ_EUPDATE, "operator '$currentDate': the time is no timestamp");
  return pq_builder_timestamp(s->b, (uint32_t)seconds, 1);
}

/* Write the value of a term that leaves one; `old` may be missing. */
static int put_term(pq_applier *s, const pq_term *term, pq_value old) {
  bool is_missing = pq_value_is_missing(old), takes;
  pq_value source;
  int c;
  switch ((pq_update_op)term->op) {
    case PQ_UPDATE_SET: return put_changed(s, old, term->operand);
    case PQ_UPDATE_INC:
    case PQ_UPDATE_MUL: return pq_applier_put_arith(s, term, old);
    case PQ_UPDATE_MIN:
    case PQ_UPDATE_MAX:
      c = pq_value_collate(term->operand, old, s->collation);
      takes = is_missing || (term->op == PQ_UPDATE_MIN ? c < 0 : c > 0);
      return takes ? put_changed(s, old, term->operand) : pq_builder_value(s->b, old);
    case PQ_UPDATE_BIT: return pq_applier_put_bit(s, term, old);
    case PQ_UPDATE_CURRENT_DATE: return put_now(s, old);
    case PQ_UPDATE_CURRENT_TIMESTAMP: return put_timestamp(s);
    case PQ_UPDATE_RENAME_TO:
      PQ_TRY(find_source(s, term, &source));
      return put_changed(s, old, pq_value_is_missing(source) ? old : source);
    case PQ_UPDATE_UNSET:
    case PQ_UPDATE_RENAME_FROM: return pq_builder_value(s->b, old);
    default: break;
  }
  if (pq_is_array_change(term->op)) return pq_applier_put_array(s, term, old);
  return pq_fail(s->cx, PQ_EUPDATE, "unknown term at path '%.*s'", PQ_SHOW(term->path.text));
}

/* ---- spans ---- */

static bool term_creates(pq_applier *s, const pq_term *term) {
  switch ((pq_update_op)term->op) {
    case PQ_UPDATE_UNSET:
    case PQ_UPDATE_RENAME_FROM: return false;
    case PQ_UPDATE_RENAME_TO: return is_live_rename(s, term);
    default: return !pq_is_array_change(term->op) || pq_array_change_creates(term);
  }
}

/* The first term that makes a value where none is; NULL: the span only removes. */
static const pq_term *span_creator(pq_applier *s, pq_span span) {
  for (uint32_t i = span.from; i < span.to; i++)
    if (term_creates(s, &s->terms[i])) return &s->terms[i];
  return NULL;
}

static bool span_removes(pq_applier *s, pq_span span) {
  int op = s->terms[span.from].op;
  return pq_span_is_leaf(s->terms, span) && (op == PQ_UPDATE_UNSET || op == PQ_UPDATE_RENAME_FROM);
}

static int put_span(pq_applier *s, pq_span span, pq_value old);

/* One field of an object that has a group: rewritten, or left out. */
static int put_field(pq_applier *s, pq_span group, const pq_field *field) {
  if (span_removes(s, group)) {
    s->is_changed = true;
    return PQ_OK;
  }
  PQ_TRY(pq_builder_key(s->b, field->name));
  return put_span(s, group, field->value);
}

/* Fields of the groups that `old` (an object or missing) has not, in the order of the terms. */
static int put_new_fields(pq_applier *s, pq_span span, pq_value old) {
  pq_span group = pq_span_begin(span);
  while (pq_span_next(s->terms, span, &group)) {
    pq_slice name = pq_span_part(s->terms, group)->name;
    if (!pq_value_is_missing(pq_object_get(old, name))) continue;
    if (span_creator(s, group) == NULL) continue;
    s->is_changed = true;
    PQ_TRY(pq_builder_key(s->b, name));
    PQ_TRY(put_span(s, group, (pq_value){0}));
  }
  return PQ_OK;
}

/* The document's own `_id` was checked by check_id() and is copied as it is. */
static int put_object(pq_applier *s, pq_span span, pq_value old) {
  uint32_t count;
  pq_field *fields = pq_object_fields(s->arena, old, &count);
  pq_span group;
  if (fields == NULL && pq_value_count(old) > 0) return s->cx->code;
  PQ_TRY(pq_builder_begin_object(s->b));
  for (uint32_t i = 0; i < count; i++) {
    bool is_id = span.depth == 0 && pq_slice_is(fields[i].name, "_id");
    if (!is_id && pq_span_find(s->terms, span, fields[i].name, &group)) {
      PQ_TRY(put_field(s, group, &fields[i]));
    } else {
      PQ_TRY(pq_builder_key(s->b, fields[i].name));
      PQ_TRY(pq_builder_value(s->b, fields[i].value));
    }
  }
  PQ_TRY(put_new_fields(s, span, old));
  return pq_builder_end(s->b);
}

/* What an array refuses: names that are no index, and renaming into it. */
static int check_element_group(pq_applier *s, pq_span group) {
  const pq_path_part *part = pq_span_part(s->terms, group);
  const pq_term *creator = span_creator(s, group);
  const pq_term *first = &s->terms[group.from];
  if (creator == NULL && first->op == PQ_UPDATE_UNSET) creator = first;
  if (creator != NULL && part->index == PQ_PATH_NO_INDEX)
    return pq_fail(
        s->cx, PQ_EUPDATE, "operator '%s': path '%.*s' names the field '%.*s' of an array",
        pq_update_op_name(creator->op), PQ_SHOW(creator->path.text), PQ_SHOW(part->name));
  for (uint32_t i = group.from; i < group.to; i++)
    if (s->terms[i].op == PQ_UPDATE_RENAME_TO && is_live_rename(s, &s->terms[i]))
      return pq_fail(s->cx, PQ_EUPDATE, "operator '$rename' cannot write the array element '%.*s'",
                     PQ_SHOW(s->terms[i].path.text));
  return PQ_OK;
}

static int put_element(pq_applier *s, pq_span group, pq_value old) {
  if (!span_removes(s, group)) return put_span(s, group, old);
  if (pq_value_type(old) != PQ_TYPE_NULL) s->is_changed = true;
  return pq_builder_null(s->b);
}

/* A group beyond the end: pad with null up to it. */
static int put_new_element(pq_applier *s, pq_span group, uint32_t *at) {
  uint32_t index = pq_span_part(s->terms, group)->index;
  if (span_creator(s, group) == NULL) {
    /* DocumentDB: an $unset through [] leaves [null]. */
    if (*at > 0 || s->terms[group.from].op != PQ_UPDATE_UNSET) return PQ_OK;
    s->is_changed = true;
    ++*at;
    return pq_builder_null(s->b);
  }
  if (index - *at > PAD_COUNT_MAX)
    return pq_fail(s->cx, PQ_ELIMIT,
                   "operator '%s': path '%.*s' would pad an array with more than %d nulls",
                   pq_update_op_name(s->terms[group.from].op),
                   PQ_SHOW(s->terms[group.from].path.text), PAD_COUNT_MAX);
  s->is_changed = true;
  for (; *at < index; ++*at)
    PQ_TRY(pq_builder_null(s->b));
  ++*at;
  return put_span(s, group, (pq_value){0});
}

/* Groups of digits come first and by number, so that one pass merges them with the elements. */
static int put_array(pq_applier *s, pq_span span, pq_value old) {
  uint32_t count = pq_value_count(old), at = 0;
  pq_span group = pq_span_begin(span);
  PQ_TRY(pq_builder_begin_array(s->b));
  while (pq_span_next(s->terms, span, &group)) {
    uint32_t index = pq_span_part(s->terms, group)->index;
    PQ_TRY(check_element_group(s, group));
    if (index == PQ_PATH_NO_INDEX) continue;
    for (; at < count && at < index; at++)
      PQ_TRY(pq_builder_value(s->b, pq_array_at(old, at)));
    if (index < count) {
      PQ_TRY(put_element(s, group, pq_array_at(old, index)));
      at++;
    } else {
      PQ_TRY(put_new_element(s, group, &at));
    }
  }
  for (; at < count; at++)
    PQ_TRY(pq_builder_value(s->b, pq_array_at(old, at)));
  return pq_builder_end(s->b);
}

/* Write the value of a span that leaves one; `old` may be missing. */
static int put_span(pq_applier *s, pq_span span, pq_value old) {
  pq_type t = pq_value_type(old);
  const pq_term *creator;
  if (pq_span_is_leaf(s->terms, span)) return put_term(s, &s->terms[span.from], old);
  if (t == PQ_TYPE_OBJECT) return put_object(s, span, old);
  if (t == PQ_TYPE_ARRAY) return put_array(s, span, old);
  creator = span_creator(s, span);
  if (t == PQ_TYPE_MISSING) {
    PQ_TRY(pq_builder_begin_object(s->b));
    PQ_TRY(put_new_fields(s, span, old));
    return pq_builder_end(s->b);
  }
  if (creator == NULL) return pq_builder_value(s->b, old);
  return pq_fail(s->cx, PQ_EUPDATE, "operator '%s': path '%.*s' leads through a value of type %s",
                 pq_update_op_name(creator->op), PQ_SHOW(creator->path.text), pq_type_name(t));
}

/* ---- the whole document ---- */

/* `name` of an operator, or what else would do it. */
static int fail_id(pq_applier *s, const char *name) {
  return pq_fail(s->cx, PQ_EUPDATE, "%s: the field '_id' cannot be changed", name);
}

static int fail_id_term(pq_applier *s, pq_span group) {
  return fail_id(s, pq_update_op_name(s->terms[group.from].op));
}

static int check_new_id(pq_applier *s, pq_span group) {
  pq_value id;
  if (span_creator(s, group) == NULL) return PQ_OK;
  PQ_TRY(put_span(s, group, (pq_value){0}));
  PQ_TRY(pq_builder_view(s->b, &id));
  PQ_TRY(pq_update_check_id(s, id));
  pq_builder_clear(s->b);
  return PQ_OK;
}

/* A document's "_id" may only be set to the value it has. Its terms are the group of that first
 * part. */
static int check_id(pq_applier *s, pq_span all) {
  pq_value id = pq_object_get_str(s->doc, "_id"), result;
  pq_span group;
  bool was_changed;
  if (!pq_span_find(s->terms, all, PQ_SLICE("_id"), &group)) return PQ_OK;
  if (pq_value_is_missing(id)) return check_new_id(s, group);
  if (span_removes(s, group)) return fail_id_term(s, group);
  s->is_changed = false;
  PQ_TRY(put_span(s, group, id));
  was_changed = s->is_changed;
  s->is_changed = false;
  PQ_TRY(pq_builder_view(s->b, &result));
  if (was_changed && !pq_value_is_equal(result, id)) return fail_id_term(s, group);
  pq_builder_clear(s->b);
  return PQ_OK;
}

int pq_update_check_id(pq_applier *s, pq_value id) {
  pq_type t = pq_value_type(id);
  pq_field *fields;
  uint32_t count;
  if (t == PQ_TYPE_ARRAY || t == PQ_TYPE_REGEX)
    return pq_fail(s->cx, PQ_EUPDATE, "the field '_id' cannot be of type %s", pq_type_name(t));
  if (t != PQ_TYPE_OBJECT) return PQ_OK;
  fields = pq_object_fields(s->arena, id, &count);
  if (fields == NULL && pq_value_count(id) > 0) return s->cx->code;
  for (uint32_t i = 0; i < count; i++)
    if (pq_is_dollar(fields[i].name))
      return pq_fail(s->cx, PQ_EUPDATE, "the field '_id' cannot have the field '%.*s'",
                     PQ_SHOW(fields[i].name));
  return PQ_OK;
}

/* The whole new document `next`, made by a replacement or a pipeline: the `_id` of the old one
 * stays, in front. */
static int put_whole(pq_applier *s, pq_value next) {
  pq_value old_id = pq_object_get_str(s->doc, "_id");
  pq_value new_id = pq_object_get_str(next, "_id");
  uint32_t count;
  pq_field *fields = pq_object_fields(s->arena, next, &count);
  if (fields == NULL && pq_value_count(next) > 0) return s->cx->code;
  if (!pq_value_is_missing(new_id) && !pq_value_is_missing(old_id) &&
      !pq_value_is_equal(old_id, new_id))
    return fail_id(s, s->u->kind == PQ_UPDATE_PIPELINE ? "a stage" : "the replacement");
  if (pq_value_is_missing(old_id)) {
    PQ_TRY(pq_update_check_id(s, new_id));
    old_id = new_id;
  }
  PQ_TRY(pq_builder_begin_object(s->b));
  if (!pq_value_is_missing(old_id)) {
    PQ_TRY(pq_builder_key_str(s->b, "_id"));
    PQ_TRY(pq_builder_value(s->b, old_id));
  }
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "_id")) continue;
    if (pq_is_dollar(fields[i].name) && !(s->u->takes_dollars && s->u->kind == PQ_UPDATE_PIPELINE))
      return pq_fail(s->cx, PQ_EUPDATE, "the field '%.*s' of the new document begins with '$'",
                     PQ_SHOW(fields[i].name));
    PQ_TRY(pq_builder_key(s->b, fields[i].name));
    PQ_TRY(pq_builder_value(s->b, fields[i].value));
  }
  return pq_builder_end(s->b);
}

static int apply_whole(pq_applier *s, pq_value next, pq_arena *arena, pq_value *out) {
  bool is_same;
  PQ_TRY(put_whole(s, next));
  PQ_TRY(pq_builder_finish(s->b, arena, out));
  PQ_TRY(pq_applier_same(s, s->doc, *out, &is_same));
  s->is_changed = !is_same;
  return PQ_OK;
}

static int apply_operators(pq_applier *s, pq_update_at at, pq_arena *arena, pq_value *out) {
  pq_span all;
  PQ_TRY(pq_applier_place(s, at));
  all = (pq_span){0, s->count, 0};
  PQ_TRY(check_sources(s));
  PQ_TRY(check_id(s, all));
  PQ_TRY(put_object(s, all, s->doc));
  if (s->is_changed) return pq_builder_finish(s->b, arena, out);
  return PQ_OK;
}

static int apply(pq_applier *s, pq_eval *eval, pq_update_at at, pq_arena *arena, pq_value *out) {
  pq_value next;
  switch (s->u->kind) {
    case PQ_UPDATE_REPLACE: return apply_whole(s, s->u->replacement, arena, out);
    case PQ_UPDATE_PIPELINE:
      PQ_TRY(pq_update_run_stages(s, eval, &next));
      pq_builder_clear(s->b);
      return apply_whole(s, next, arena, out);
    case PQ_UPDATE_OPERATORS: break;
  }
  return apply_operators(s, at, arena, out);
}

int pq_update_apply(const pq_update *u, pq_eval *eval, pq_arena *arena, pq_value doc,
                    pq_update_at at, pq_value *out, bool *is_changed) {
  pq_applier s = {.cx = arena->cx,
                  .b = eval->builder,
                  .arena = eval->arena,
                  .u = u,
                  .terms = u->terms,
                  .count = u->count,
                  .sources = u->sources,
                  .changes = u->changes,
                  .collation = u->collation,
                  .now_us = eval->now_us,
                  .doc = doc};
  int rc;
  *out = (pq_value){0};
  *is_changed = false;
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(s.cx, PQ_EUPDATE, "a value of type %s cannot be updated: it is no document",
                   pq_type_name(pq_value_type(doc)));
  pq_builder_clear(s.b);
  rc = apply(&s, eval, at, arena, out);
  pq_builder_clear(s.b); /* what was written of a document that did not change */
  if (rc != PQ_OK) {
    *out = (pq_value){0};
    return rc;
  }
  *is_changed = s.is_changed;
  if (!s.is_changed) *out = doc;
  return PQ_OK;
}
