/* query/aggregate_optimize.c - stages as they were written, in a better order.
 *
 *   [$set b] [$match a, b] [$match c]    ─►   [$match a and c] [$set b] [$match b]
 *   [$project] [$skip] [$limit]          ─►   [$skip] [$limit] [$project]
 *
 * A $match is cut by its top-level fields: each part moves ahead on its own,
 * past stages that neither write its paths nor count documents. What cannot be
 * read here (a malformed stage, $expr, $jsonSchema) stays where it is, and the
 * parser says what is wrong with it. Each step moves one stage by one place
 * towards the front, or makes the list shorter: so it ends.
 */
#include <string.h>

#include "query/flow_int.h"

static bool is_kind(const pq_raw_stage *g, const char *name) {
  return strcmp(g->kind->name, name) == 0;
}

static pq_slice first_part(pq_slice path) {
  const uint8_t *dot = path.n == 0 ? NULL : memchr(path.p, '.', path.n);
  return dot == NULL ? path : (pq_slice){path.p, (size_t)(dot - path.p)};
}

/* Are the first parts of the two paths the same? */
static bool is_same_field(pq_slice a, pq_slice b) {
  return pq_slice_eq(first_part(a), first_part(b));
}

bool pq_stage_number(pq_value v, uint64_t *out) {
  double real;
  int64_t whole;
  *out = 0;
  if (pq_value_i64(v, &whole)) {
    *out = whole < 0 ? 0 : (uint64_t)whole;
    return whole >= 0;
  }
  if (!pq_value_number(v, &real) || !(real >= 0) || real >= 0x1p63 ||
      (double)(uint64_t)real != real)
    return false;
  *out = (uint64_t)real;
  return true;
}

/* ---- which fields a stage writes ---- */

static bool text_is_field(pq_value v, pq_slice path) {
  pq_slice text;
  return pq_value_string(v, &text) && is_same_field(text, path);
}

static bool list_has_field(pq_value list, pq_slice path) {
  if (pq_value_type(list) != PQ_TYPE_ARRAY) return text_is_field(list, path);
  for (uint32_t i = 0; i < pq_value_count(list); i++)
    if (text_is_field(pq_array_at(list, i), path)) return true;
  return false;
}

static bool keys_have_field(const pq_field *fields, uint32_t count, pq_slice path) {
  for (uint32_t i = 0; i < count; i++)
    if (is_same_field(fields[i].name, path)) return true;
  return false;
}

bool pq_raw_is_flag(pq_value v, bool *is_on) {
  double number = 0;
  if (pq_value_bool(v, is_on)) return true;
  *is_on = pq_value_number(v, &number) && number != 0;
  return pq_type_bracket(pq_value_type(v)) == PQ_TYPE_INT32;
}

/* Does the $project leave the field as it is? An inclusion must name it whole. */
static bool is_kept_by_project(const pq_field *fields, uint32_t count, pq_slice path) {
  bool is_exclusion = count > 0;
  for (uint32_t i = 0; i < count; i++) {
    bool is_on, is_flag = pq_raw_is_flag(fields[i].value, &is_on);
    if (is_same_field(fields[i].name, path))
      return is_flag && is_on && pq_slice_eq(fields[i].name, first_part(path));
    if (!is_flag || is_on) is_exclusion = false;
  }
  return is_exclusion;
}

static bool is_unwound(pq_value spec, pq_slice path) {
  pq_slice text;
  if (pq_value_type(spec) == PQ_TYPE_OBJECT) {
    if (text_is_field(pq_object_get_str(spec, "includeArrayIndex"), path)) return true;
    spec = pq_object_get_str(spec, "path");
  }
  if (!pq_value_string(spec, &text) || text.n < 2) return true;
  return is_same_field((pq_slice){text.p + 1, text.n - 1}, path);
}

/* Does a filter on `path` give the same before the stage as behind it? */
static bool may_pass(pq_arena *arena, const pq_raw_stage *g, pq_slice path, bool *out) {
  pq_field *fields = NULL;
  uint32_t count = 0;
  bool is_object = pq_value_type(g->spec) == PQ_TYPE_OBJECT;
  *out = false;
  if (is_object) {
    fields = pq_object_fields(arena, g->spec, &count);
    if (fields == NULL && pq_value_count(g->spec) > 0) return false;
  }
  if (is_kind(g, "$sort"))
    *out = is_object;
  else if (is_kind(g, "$addFields") || is_kind(g, "$set"))
    *out = is_object && !keys_have_field(fields, count, path);
  else if (is_kind(g, "$project"))
    *out = is_object && is_kept_by_project(fields, count, path);
  else if (is_kind(g, "$unset"))
    *out = !list_has_field(g->spec, path);
  else if (is_kind(g, "$unwind"))
    *out = !is_unwound(g->spec, path);
  else if (is_kind(g, "$lookup") || is_kind(g, "$graphLookup"))
    *out = is_object && !text_is_field(pq_object_get_str(g->spec, "as"), path);
  return true;
}

/* ---- $match ---- */

/* Is every path of the filter untouched by the stage? $and, $or and $nor are
 * looked into. *is_ok is false when memory ran out. */
static bool filter_may_pass(pq_arena *arena, const pq_raw_stage *g, pq_value filter, uint32_t depth,
                            bool *is_ok) {
  uint32_t count;
  pq_field *fields = pq_object_fields(arena, filter, &count);
  if (pq_value_type(filter) != PQ_TYPE_OBJECT || depth > PQ_PIPELINE_DEPTH_MAX) return false;
  *is_ok &= fields != NULL || pq_value_count(filter) == 0;
  for (uint32_t i = 0; *is_ok && i < count; i++) {
    pq_slice name = fields[i].name;
    bool may = false;
    if (pq_slice_is(name, "$and") || pq_slice_is(name, "$or") || pq_slice_is(name, "$nor")) {
      for (uint32_t k = 0; k < pq_value_count(fields[i].value); k++)
        if (!filter_may_pass(arena, g, pq_array_at(fields[i].value, k), depth + 1, is_ok))
          return false;
    } else if (!pq_slice_is(name, "$comment")) {
      if (name.n > 0 && name.p[0] == '$' && !pq_is_system_field(first_part(name))) return false;
      *is_ok &= may_pass(arena, g, name, &may);
      if (!may) return false;
    }
  }
  return *is_ok;
}

/* An object of the fields that `takes` chooses. */
static int pick(pq_arena *arena, pq_builder *b, const pq_field *fields, const bool *takes,
                bool which, uint32_t count, pq_value *out) {
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (takes[i] != which) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

/* One part of a filter: is it free of the stage? */
static int field_may_pass(pq_arena *arena, pq_builder *b, const pq_raw_stage *g,
                          const pq_field *field, bool *out) {
  bool all = true, is_ok = true;
  pq_value alone;
  PQ_TRY(pick(arena, b, field, &all, true, 1, &alone));
  *out = filter_may_pass(arena, g, alone, 0, &is_ok);
  return is_ok ? PQ_OK : arena->cx->code;
}

/* The parts of the $match at `at` that the stage before leaves alone go in
 * front of it. */
static int move_match(pq_arena *arena, pq_builder *b, pq_raw_stage *stages, uint32_t *count,
                      uint32_t at, bool *is_changed) {
  pq_raw_stage before = stages[at - 1], match = stages[at], rest = match;
  uint32_t n, moved = 0;
  pq_field *fields = pq_object_fields(arena, match.spec, &n);
  bool *takes = pq_arena_calloc(arena, (size_t)n + 1, sizeof *takes);
  if (takes == NULL || (fields == NULL && pq_value_count(match.spec) > 0)) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    PQ_TRY(field_may_pass(arena, b, &before, &fields[i], &takes[i]));
    moved += takes[i];
  }
  if (moved == 0) return PQ_OK;
  *is_changed = true;
  if (moved == n) {
    stages[at - 1] = match;
    stages[at] = before;
    return PQ_OK;
  }
  PQ_TRY(pick(arena, b, fields, takes, true, n, &match.spec));
  PQ_TRY(pick(arena, b, fields, takes, false, n, &rest.spec));
  memmove(stages + at + 1, stages + at, (*count - at) * sizeof *stages);
  ++*count;
  stages[at - 1] = match;
  stages[at] = before;
  stages[at + 1] = rest;
  return PQ_OK;
}

/* {"$and": [a, b]} */
static int merge_matches(pq_arena *arena, pq_builder *b, pq_value one, pq_value two,
                         pq_value *out) {
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$and"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_value(b, one));
  PQ_TRY(pq_builder_value(b, two));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

/* ---- the steps ---- */

static void drop(pq_raw_stage *stages, uint32_t *count, uint32_t at) {
  memmove(stages + at, stages + at + 1, (*count - at - 1) * sizeof *stages);
  --*count;
}

/* Two $limit are the smaller. Two $skip are left alone: they cost nothing. */
static bool merge_limits(pq_raw_stage *stages, uint32_t *count, uint32_t at) {
  uint64_t one, two;
  if (!is_kind(&stages[at - 1], "$limit") || !is_kind(&stages[at], "$limit")) return false;
  if (!pq_stage_number(stages[at - 1].spec, &one) || !pq_stage_number(stages[at].spec, &two))
    return false;
  if (one == 0 || two == 0) return false;
  drop(stages, count, two < one ? at - 1 : at);
  return true;
}

/* One step on the stage at `at` and the one before. */
static int step(pq_arena *arena, pq_builder *b, pq_raw_stage *stages, uint32_t *count, uint32_t at,
                bool *is_changed) {
  pq_raw_stage *before = &stages[at - 1], *g = &stages[at];
  if (is_kind(g, "$match") && pq_value_type(g->spec) == PQ_TYPE_OBJECT) {
    if (!is_kind(before, "$match") || pq_value_type(before->spec) != PQ_TYPE_OBJECT)
      return move_match(arena, b, stages, count, at, is_changed);
    *is_changed = true;
    PQ_TRY(merge_matches(arena, b, before->spec, g->spec, &before->spec));
    drop(stages, count, at);
    return PQ_OK;
  }
  if ((is_kind(g, "$skip") || is_kind(g, "$limit")) && (before->kind->flags & PQ_STAGE_EACH)) {
    pq_raw_stage held = *before;
    *before = *g;
    *g = held;
    *is_changed = true;
    return PQ_OK;
  }
  *is_changed = merge_limits(stages, count, at);
  return PQ_OK;
}

/* A cut of a $match makes one stage more: at most one per field of it, and
 * filters of more than this many fields are not cut. */
enum { CUTS_MAX = 64, STEPS_MAX = 20000 };

int pq_pipeline_optimize(pq_arena *arena, pq_raw_stage **stages, uint32_t *count) {
  uint32_t steps = 0, room = *count + CUTS_MAX;
  pq_raw_stage *list = pq_arena_calloc(arena, (size_t)room + 1, sizeof *list);
  pq_builder *b;
  int rc = PQ_OK;
  if (list == NULL) return arena->cx->code;
  memcpy(list, *stages, *count * sizeof *list);
  *stages = list;
  PQ_TRY(pq_builder_new(arena->cx, &b));
  for (uint32_t at = 1; rc == PQ_OK && at < *count && *count < room && steps < STEPS_MAX;) {
    bool is_changed = false;
    rc = step(arena, b, list, count, at, &is_changed);
    steps++;
    if (is_changed)
      at = at > 1 ? at - 1 : 1;
    else
      at++;
  }
  pq_builder_free(b);
  return rc;
}
