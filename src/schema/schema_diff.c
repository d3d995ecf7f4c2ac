/* schema/schema_diff.c - what changed between two schemas, and whether documents survive it.
 *
 *   old field ──────── id ─────► new field
 *      │ none there: drop          │ another name: rename
 *      ▼                           ▼
 *   everything the old one takes, does the new one take it?    no: narrow, with the reason
 *                                 and the other way around?    no: widen     yes: other
 *
 * Nested fields are compared one by one under their paths. Pure but for the arena.
 */
#include <string.h>

#include "schema/notation_int.h"

const char *pq_change_kind_name(pq_change_kind kind) {
  static const char *const names[] = {"add", "drop", "rename", "widen", "narrow", "other"};
  pq_assert(kind >= PQ_CHANGE_ADD);
  pq_assert(kind <= PQ_CHANGE_OTHER);
  return names[kind - PQ_CHANGE_ADD];
}

typedef struct differ {
  pq_arena *arena;
  pq_schema_change *changes;
  uint32_t count;
} differ;

/* What one comparison found. The first reason to narrow is the one that is told. */
typedef struct verdict {
  bool widens, differs;
  const char *reason;
} verdict;

static void narrow(verdict *v, const char *reason) {
  if (v->reason == NULL) v->reason = reason;
}

/* `low` says that the new side takes less, `high` that it takes more. */
static void judge(verdict *v, bool low, bool high, const char *reason) {
  if (low) narrow(v, reason);
  v->widens = v->widens || high;
}

/* ---- one field against another ---- */

static bool has_format(const pq_schema_field *f) {
  return f->format != NULL && (strcmp(f->format, "email") == 0 || strcmp(f->format, "url") == 0);
}

/* Does type b take every value of type a? Limits aside. */
static bool takes(const pq_schema_field *b, const pq_schema_field *a) {
  uint32_t whole = b->precision - b->scale;
  if (b->type == PQ_FIELD_JSON) return true;
  switch (a->type) {
    case PQ_FIELD_ENUM: return b->type == PQ_FIELD_ENUM || (pq_schema_is_text(b) && !has_format(b));
    case PQ_FIELD_STRING:
      if (b->type != PQ_FIELD_STRING) return false;
      return !has_format(b) || (a->format != NULL && strcmp(a->format, b->format) == 0);
    case PQ_FIELD_INT:
      if (b->type == PQ_FIELD_DECIMAL) return whole >= 19; /* digits of an int64 */
      return b->type == PQ_FIELD_INT || b->type == PQ_FIELD_DOUBLE;
    case PQ_FIELD_FLOAT: return b->type == PQ_FIELD_FLOAT || b->type == PQ_FIELD_DOUBLE;
    case PQ_FIELD_DECIMAL:
      if (b->type == PQ_FIELD_DOUBLE) return true;
      return b->type == PQ_FIELD_DECIMAL && b->scale >= a->scale &&
             whole >= a->precision - a->scale;
    case PQ_FIELD_DATE: return b->type == PQ_FIELD_DATE || b->type == PQ_FIELD_TIMESTAMP;
    default: return a->type == b->type;
  }
}

static bool has_value(const pq_schema_field *f, pq_value v) {
  for (uint32_t i = 0; i < f->value_count; i++)
    if (pq_value_compare(f->values[i], v) == 0) return true;
  return f->value_count == 0;
}

static bool has_all_values(const pq_schema_field *f, const pq_schema_field *of) {
  if (of->value_count == 0) return f->value_count == 0;
  for (uint32_t i = 0; i < of->value_count; i++)
    if (!has_value(f, of->values[i])) return false;
  return true;
}

/* An upper limit where 0 is none. */
static bool is_below(uint32_t a, uint32_t b) {
  return a != 0 && (b == 0 || a < b);
}

/* -1, 0, 1: bound b is looser than a, the same, tighter. */
static int tighter(pq_value a, pq_value b, int sign) {
  if (pq_value_is_missing(b)) return pq_value_is_missing(a) ? 0 : -1;
  return pq_value_is_missing(a) ? 1 : sign * pq_value_compare(b, a);
}

static void compare_limits(verdict *v, const pq_schema_field *a, const pq_schema_field *b) {
  int min = tighter(a->min, b->min, 1), max = tighter(a->max, b->max, -1);
  bool same_pattern = pq_slice_eq(a->pattern, b->pattern);
  judge(v, b->length_min > a->length_min, b->length_min < a->length_min,
        "existing values may be shorter");
  judge(v, is_below(b->length_max, a->length_max), is_below(a->length_max, b->length_max),
        "existing values may be longer");
  judge(v, b->count_min > a->count_min, b->count_min < a->count_min,
        "existing lists may be shorter");
  judge(v, is_below(b->count_max, a->count_max), is_below(a->count_max, b->count_max),
        "existing lists may be longer");
  judge(v, min > 0, min < 0, "existing values may be below min");
  judge(v, max > 0, max < 0, "existing values may be above max");
  judge(v, !same_pattern && b->pattern.n > 0, !same_pattern && b->pattern.n == 0,
        "existing values may not match the pattern");
  judge(v, !has_all_values(b, a), !has_all_values(a, b), "existing values may be others");
}

static void compare_marks(verdict *v, const pq_schema_field *a, const pq_schema_field *b) {
  judge(v, b->is_required && !a->is_required, a->is_required && !b->is_required,
        "existing documents may lack it");
  judge(v, b->is_item_required && !a->is_item_required, a->is_item_required && !b->is_item_required,
        "existing lists may hold nulls");
  judge(v, b->is_unique && !a->is_unique, a->is_unique && !b->is_unique,
        "existing documents may share a value");
  v->differs = v->differs || a->is_indexed != b->is_indexed ||
               !pq_slice_eq(a->index_kind, b->index_kind) || a->default_call != b->default_call ||
               !pq_value_is_equal(a->default_value, b->default_value) ||
               pq_value_is_missing(a->default_value) != pq_value_is_missing(b->default_value) ||
               !pq_value_is_equal(a->options, b->options);
}

static void compare_edges(verdict *v, const pq_schema_field *a, const pq_schema_field *b) {
  if (a->type != b->type || a->is_backward != b->is_backward || a->is_fuzzy != b->is_fuzzy ||
      !pq_slice_eq(a->target, b->target) || !pq_slice_eq(a->reverse, b->reverse))
    narrow(v, "a relationship cannot become another thing: drop it and add one of a new name");
  judge(v, a->is_list && !b->is_list, b->is_list && !a->is_list,
        "existing documents may have several");
  v->differs = v->differs || !pq_value_is_equal(a->options, b->options);
}

static void compare_fields(verdict *v, const pq_schema_field *a, const pq_schema_field *b) {
  bool is_anything = b->type == PQ_FIELD_JSON && !b->is_list;
  if (a->type == PQ_FIELD_EDGE || b->type == PQ_FIELD_EDGE) {
    compare_edges(v, a, b);
    return;
  }
  if (a->is_list != b->is_list && !is_anything)
    narrow(v, a->is_list ? "existing values are lists" : "existing values are no lists");
  if (a->is_list != b->is_list && is_anything) v->widens = true;
  if (a->type == PQ_FIELD_VECTOR && b->type == a->type && a->length_max != b->length_max)
    narrow(v, "existing vectors have another length");
  judge(v, !takes(b, a), !takes(a, b), "existing values are of another type");
  if (a->type != b->type || a->format != b->format || a->precision != b->precision ||
      a->scale != b->scale)
    v->differs = true;
  compare_marks(v, a, b);
  /* Limits of another type are not comparable; json has but those that it names itself. */
  if (v->reason == NULL) compare_limits(v, a, b);
}

/* ---- the list of changes ---- */

static int add_text(differ *d, pq_schema_change change) {
  d->changes[d->count++] = change;
  return PQ_OK;
}

static int add(differ *d, pq_change_kind kind, pq_slice path, const pq_schema_field *before,
               const pq_schema_field *after, const char *reason) {
  pq_schema_change change = {.kind = kind, .path = path, .reason = reason};
  if (before != NULL) PQ_TRY(pq_schema_notation(d->arena, before, &change.before));
  if (after != NULL) PQ_TRY(pq_schema_notation(d->arena, after, &change.after));
  return add_text(d, change);
}

static int join(differ *d, pq_slice path, pq_slice name, pq_slice *out) {
  char *text;
  *out = name;
  if (path.n == 0) return PQ_OK;
  text = pq_arena_printf(d->arena, "%.*s.%.*s", (int)path.n, (const char *)path.p, (int)name.n,
                         (const char *)name.p);
  if (text == NULL) return d->arena->cx->code;
  *out = pq_str(text);
  return PQ_OK;
}

typedef struct field_list {
  const pq_schema_field *at;
  uint32_t count;
} field_list;

/* Names may change places, ids do not. */
static const pq_schema_field *counterpart(const pq_schema_field *f, field_list others) {
  for (uint32_t i = 0; i < others.count; i++)
    if (others.at[i].id == f->id) return &others.at[i];
  return NULL;
}

static int diff_lists(differ *d, pq_slice path, field_list old, field_list now);

static int diff_field(differ *d, pq_slice path, const pq_schema_field *a,
                      const pq_schema_field *b) {
  bool is_nested = a->type == PQ_FIELD_OBJECT && b->type == PQ_FIELD_OBJECT;
  verdict v = {0};
  if (!pq_slice_eq(a->name, b->name))
    PQ_TRY(add_text(d, (pq_schema_change){PQ_CHANGE_RENAME, path, a->name, b->name, NULL}));
  compare_fields(&v, a, b);
  if (v.reason != NULL)
    PQ_TRY(add(d, PQ_CHANGE_NARROW, path, a, b, v.reason));
  else if (v.widens)
    PQ_TRY(add(d, PQ_CHANGE_WIDEN, path, a, b, NULL));
  else if (v.differs)
    PQ_TRY(add(d, PQ_CHANGE_OTHER, path, a, b, NULL));
  if (!is_nested || a->is_list != b->is_list) return PQ_OK;
  return diff_lists(d, path, (field_list){a->fields, a->field_count},
                    (field_list){b->fields, b->field_count});
}

static int diff_lists(differ *d, pq_slice path, field_list old, field_list now) {
  pq_slice here;
  for (uint32_t i = 0; i < now.count; i++) {
    const pq_schema_field *f = &now.at[i];
    const pq_schema_field *before = counterpart(f, old);
    bool is_lacking =
        f->is_required && pq_value_is_missing(f->default_value) && f->default_call == NULL;
    PQ_TRY(join(d, path, f->name, &here));
    if (before != NULL)
      PQ_TRY(diff_field(d, here, before, f));
    else if (is_lacking)
      PQ_TRY(add(d, PQ_CHANGE_NARROW, here, NULL, f, "existing documents lack it"));
    else
      PQ_TRY(add(d, PQ_CHANGE_ADD, here, NULL, f, NULL));
  }
  for (uint32_t i = 0; i < old.count; i++) {
    const pq_schema_field *f = &old.at[i];
    if (counterpart(f, now) != NULL) continue;
    PQ_TRY(join(d, path, f->name, &here));
    PQ_TRY(add(d, PQ_CHANGE_DROP, here, f, NULL, NULL));
  }
  return PQ_OK;
}

/* ---- directives ---- */

static void diff_text(differ *d, const char *name, pq_slice before, pq_slice after) {
  if (pq_slice_eq(before, after)) return;
  d->changes[d->count++] = (pq_schema_change){PQ_CHANGE_OTHER, pq_str(name), before, after, NULL};
}

static void diff_directives(differ *d, const pq_schema *a, const pq_schema *b) {
  pq_schema_change *c;
  diff_text(d, "$type", a->type_name, b->type_name);
  diff_text(d, "$id", a->id_field, b->id_field);
  diff_text(d, "$name", a->name_field, b->name_field);
  diff_text(d, "$description", a->description, b->description);
  if (a->mode != b->mode) {
    c = &d->changes[d->count++];
    *c = (pq_schema_change){b->mode < a->mode ? PQ_CHANGE_NARROW : PQ_CHANGE_WIDEN, pq_str("$mode"),
                            pq_str(pq_schema_mode_name(a->mode)),
                            pq_str(pq_schema_mode_name(b->mode)), NULL};
    if (c->kind == PQ_CHANGE_NARROW) c->reason = "existing documents may break the schema";
  }
  if (a->has_data != b->has_data) {
    c = &d->changes[d->count++];
    *c = (pq_schema_change){
        a->has_data ? PQ_CHANGE_NARROW : PQ_CHANGE_WIDEN, pq_str("$options.includeDataVariant"),
        pq_str(a->has_data ? "true" : "false"), pq_str(b->has_data ? "true" : "false"), NULL};
    if (a->has_data) c->reason = "existing documents may have other fields";
  } else if (!pq_value_is_equal(a->options, b->options)) {
    c = &d->changes[d->count++];
    *c = (pq_schema_change){.kind = PQ_CHANGE_OTHER, .path = pq_str("$options")};
  }
}

static uint32_t count_fields(const pq_schema_field *fields, uint32_t count) {
  uint32_t sum = count;
  for (uint32_t i = 0; i < count; i++)
    sum += count_fields(fields[i].fields, fields[i].field_count);
  return sum;
}

static int add_all(differ *d, const pq_schema *s) {
  for (uint32_t i = 0; i < s->field_count; i++)
    PQ_TRY(add(d, PQ_CHANGE_ADD, s->fields[i].name, NULL, &s->fields[i], NULL));
  return PQ_OK;
}

int pq_schema_diff(pq_arena *arena, const pq_schema *old, const pq_schema *new_schema,
                   const pq_schema_change **out, uint32_t *count) {
  differ d = {.arena = arena};
  size_t cap = 8 + 2 * (size_t)count_fields(new_schema->fields, new_schema->field_count);
  *out = NULL;
  *count = 0;
  if (old != NULL) cap += count_fields(old->fields, old->field_count);
  d.changes = pq_arena_calloc(arena, cap, sizeof *d.changes);
  if (d.changes == NULL) return arena->cx->code;
  if (old == NULL) {
    PQ_TRY(add_all(&d, new_schema));
  } else {
    PQ_TRY(diff_lists(&d, (pq_slice){0}, (field_list){old->fields, old->field_count},
                      (field_list){new_schema->fields, new_schema->field_count}));
    diff_directives(&d, old, new_schema);
  }
  pq_assert(d.count <= cap);
  *out = d.changes;
  *count = d.count;
  return PQ_OK;
}
