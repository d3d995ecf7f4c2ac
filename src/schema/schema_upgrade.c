/* schema/schema_upgrade.c - see schema_upgrade.h.
 *
 *   a move     from ─► to     from "": there is no old value     fallback: for documents without
 * one to "":   it is hidden              inside: moves of its own fields
 *
 *   A name without a move stays. No two moves of a list have the same `from` or the same `to`, and
 *   where `to` is a name that documents may have, a move hides or moves that. So a list of moves is
 *   a map of names that gives no name twice, and two such maps in a row are one again.
 *
 * Recursion follows the plan, whose depth is that of schemas (PQ_SCHEMA_DEPTH_MAX). Pure but for
 * arena and builder.
 */
#include "schema/schema_upgrade.h"

#include <string.h>

typedef struct move {
  pq_slice from, to;
  bool is_cover; /* hidden because a field was given its name */
  pq_value fallback;
  const pq_upgrade *inside; /* NULL: the value stays as it is */
} move;

struct pq_upgrade {
  move *moves;
  uint32_t count;
};

/* ---- between two versions ---- */

typedef struct field_list {
  const pq_schema_field *at;
  uint32_t count;
} field_list;

/* Fields mostly keep their place, so look there first. */
static const pq_schema_field *by_id(field_list list, uint32_t id, uint32_t hint) {
  if (hint < list.count && list.at[hint].id == id) return &list.at[hint];
  for (uint32_t i = 0; i < list.count; i++)
    if (list.at[i].id == id) return &list.at[i];
  return NULL;
}

static const pq_schema_field *by_name(field_list list, pq_slice name) {
  for (uint32_t i = 0; i < list.count; i++)
    if (pq_slice_eq(list.at[i].name, name)) return &list.at[i];
  return NULL;
}

/* Relationships are in no document, and `_id` is nobody's to move. */
static bool is_stored(const pq_schema_field *f) {
  return f->type != PQ_FIELD_EDGE && !pq_slice_is(f->name, "_id");
}

static int plan_list(pq_arena *arena, field_list old, field_list fresh, bool is_filled,
                     const pq_upgrade **out);

/* A field that both have. */
static int plan_field(pq_arena *arena, const pq_schema_field *o, const pq_schema_field *f,
                      bool is_filled, move *m, bool *is_there) {
  *m = (move){.from = o->name, .to = f->name};
  if (o->type == PQ_FIELD_OBJECT && f->type == PQ_FIELD_OBJECT && o->is_list == f->is_list)
    PQ_TRY(plan_list(arena, (field_list){o->fields, o->field_count},
                     (field_list){f->fields, f->field_count}, is_filled, &m->inside));
  *is_there = m->inside != NULL || !pq_slice_eq(o->name, f->name);
  return PQ_OK;
}

/* The moves of a new field into moves[0 .. *n). */
static int plan_fresh(pq_arena *arena, field_list old, const pq_schema_field *f, uint32_t place,
                      bool is_filled, pq_upgrade *u) {
  const pq_schema_field *o = by_id(old, f->id, place), *namesake = by_name(old, f->name);
  move *m = &u->moves[u->count];
  bool is_there = false;
  if (o != NULL && is_stored(o)) {
    PQ_TRY(plan_field(arena, o, f, is_filled, m, &is_there));
    u->count += is_there;
    if (is_there && namesake == NULL) /* no field had the name, but documents may */
      u->moves[u->count++] = (move){.from = f->name, .is_cover = true};
    return PQ_OK;
  }
  if (o != NULL || !is_filled) return PQ_OK;
  *m = (move){.to = f->name, .fallback = f->default_value};
  if (namesake == NULL) m->from = f->name; /* what documents have there becomes the field's */
  if (namesake == NULL && f->type == PQ_FIELD_OBJECT)
    PQ_TRY(plan_list(arena, (field_list){0}, (field_list){f->fields, f->field_count}, true,
                     &m->inside));
  u->count += m->inside != NULL || !pq_value_is_missing(m->fallback);
  return PQ_OK;
}

static int plan_list(pq_arena *arena, field_list old, field_list fresh, bool is_filled,
                     const pq_upgrade **out) {
  pq_upgrade *u = pq_arena_calloc(arena, 1, sizeof *u);
  *out = NULL;
  if (u == NULL) return arena->cx->code;
  u->moves = pq_arena_calloc(arena, 2 * (size_t)fresh.count + old.count, sizeof *u->moves);
  if (u->moves == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < fresh.count; i++)
    if (is_stored(&fresh.at[i])) PQ_TRY(plan_fresh(arena, old, &fresh.at[i], i, is_filled, u));
  for (uint32_t i = 0; i < old.count; i++)
    if (is_stored(&old.at[i]) && by_id(fresh, old.at[i].id, i) == NULL)
      u->moves[u->count++] = (move){.from = old.at[i].name};
  if (u->count > 0) *out = u;
  return PQ_OK;
}

int pq_upgrade_between(pq_arena *arena, const pq_schema *old, const pq_schema *fresh,
                       const pq_upgrade **out) {
  field_list before = {0};
  if (old != NULL) before = (field_list){old->fields, old->field_count};
  return plan_list(arena, before, (field_list){fresh->fields, fresh->field_count},
                   fresh->mode != PQ_VALIDATE_OFF, out);
}

/* ---- on documents ---- */

static const move *move_of(const pq_upgrade *u, pq_slice name) {
  for (uint32_t i = 0; i < u->count; i++)
    if (u->moves[i].from.n > 0 && pq_slice_eq(u->moves[i].from, name)) return &u->moves[i];
  return NULL;
}

/* Is it an object with fields of its own, not a value in the form of one? */
static bool has_fields(pq_value v) {
  pq_field f;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return false;
  return pq_value_count(v) != 1 || !pq_object_at(v, 0, &f) || f.name.n == 0 || f.name.p[0] != '$';
}

/* Has the object anything that the plan changes, or lacks it what the plan adds? */
static bool is_touched(const pq_upgrade *u, pq_value object) {
  for (uint32_t i = 0; i < u->count; i++) {
    const move *m = &u->moves[i];
    bool is_there = m->from.n > 0 && !pq_value_is_missing(pq_object_get(object, m->from));
    if (!is_there && !pq_value_is_missing(m->fallback)) return true;
    if (is_there && (m->inside != NULL || !pq_slice_eq(m->from, m->to))) return true;
  }
  return false;
}

static int put_object(const pq_upgrade *u, pq_builder *b, pq_arena *arena, pq_value v);

/* As paths do it: into objects, and into those that a list has. */
static int put_value(const pq_upgrade *u, pq_builder *b, pq_arena *arena, pq_value v) {
  uint32_t count = pq_value_count(v);
  if (u != NULL && has_fields(v)) return put_object(u, b, arena, v);
  if (u == NULL || pq_value_type(v) != PQ_TYPE_ARRAY) return pq_builder_value(b, v);
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < count; i++) {
    pq_value item = pq_array_at(v, i);
    PQ_TRY(has_fields(item) ? put_object(u, b, arena, item) : pq_builder_value(b, item));
  }
  return pq_builder_end(b);
}

static int put_object(const pq_upgrade *u, pq_builder *b, pq_arena *arena, pq_value v) {
  uint32_t count;
  const pq_field *fields = pq_object_fields(arena, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return arena->cx->code;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    const move *m = move_of(u, fields[i].name);
    if (m != NULL && m->to.n == 0) continue;
    PQ_TRY(pq_builder_key(b, m == NULL ? fields[i].name : m->to));
    PQ_TRY(put_value(m == NULL ? NULL : m->inside, b, arena, fields[i].value));
  }
  for (uint32_t i = 0; i < u->count; i++) {
    const move *m = &u->moves[i];
    if (pq_value_is_missing(m->fallback)) continue;
    if (m->from.n > 0 && !pq_value_is_missing(pq_object_get(v, m->from))) continue;
    PQ_TRY(pq_builder_key(b, m->to));
    PQ_TRY(pq_builder_value(b, m->fallback));
  }
  return pq_builder_end(b);
}

int pq_upgrade_apply(const pq_upgrade *u, pq_builder *b, pq_arena *arena, pq_value doc,
                     pq_value *out) {
  *out = doc;
  if (u == NULL || !pq_value_is_raw_object(doc) || !is_touched(u, doc)) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(put_object(u, b, arena, doc));
  return pq_builder_finish(b, arena, out);
}

bool pq_upgrade_covers(const pq_upgrade *u, pq_value doc, pq_slice *name) {
  uint32_t count;
  *name = (pq_slice){0};
  for (uint32_t i = 0; u != NULL && i < u->count; i++) {
    const move *m = &u->moves[i];
    pq_value v = m->from.n == 0 ? (pq_value){0} : pq_object_get(doc, m->from);
    if (pq_value_is_missing(v)) continue;
    *name = m->from;
    if (m->is_cover) return true;
    if (m->inside == NULL) continue;
    if (has_fields(v) && pq_upgrade_covers(m->inside, v, name)) return true;
    count = pq_value_type(v) == PQ_TYPE_ARRAY ? pq_value_count(v) : 0;
    for (uint32_t k = 0; k < count; k++)
      if (has_fields(pq_array_at(v, k)) && pq_upgrade_covers(m->inside, pq_array_at(v, k), name))
        return true;
  }
  return false;
}

/* ---- two plans in a row ---- */

typedef struct joiner {
  pq_arena *arena;
  pq_builder *builder;
} joiner;

static int join(joiner *j, const pq_upgrade *a, const pq_upgrade *b, const pq_upgrade **out);

static int copy_text(joiner *j, pq_slice text, pq_slice *out) {
  *out = (pq_slice){0};
  return text.n == 0 ? PQ_OK : pq_arena_copy(j->arena, text, out);
}

/* A default as `inside` makes it, copied. */
static int copy_fallback(joiner *j, pq_value v, const pq_upgrade *inside, pq_value *out) {
  *out = (pq_value){0};
  if (pq_value_is_missing(v)) return PQ_OK;
  pq_builder_clear(j->builder);
  PQ_TRY(put_value(inside, j->builder, j->arena, v));
  return pq_builder_finish(j->builder, j->arena, out);
}

/* Move `x` and then `y` (NULL: the name stays) as one. */
static int join_moves(joiner *j, const move *x, const move *y, move *out) {
  bool has_fallback = !pq_value_is_missing(x->fallback);
  *out = (move){0};
  PQ_TRY(copy_text(j, x->from, &out->from));
  PQ_TRY(copy_text(j, y == NULL ? x->to : y->to, &out->to));
  if (out->to.n == 0) return PQ_OK;
  PQ_TRY(join(j, x->inside, y == NULL ? NULL : y->inside, &out->inside));
  if (has_fallback)
    return copy_fallback(j, x->fallback, y == NULL ? NULL : y->inside, &out->fallback);
  return y == NULL ? PQ_OK : copy_fallback(j, y->fallback, NULL, &out->fallback);
}

/* A move that does nothing, or is of a value that is not there. */
static bool is_idle(const move *m) {
  if (!pq_value_is_missing(m->fallback)) return false;
  return m->from.n == 0 || (m->inside == NULL && pq_slice_eq(m->from, m->to));
}

static const move *move_to(const pq_upgrade *u, pq_slice name) {
  for (uint32_t i = 0; u != NULL && i < u->count; i++)
    if (u->moves[i].to.n > 0 && pq_slice_eq(u->moves[i].to, name)) return &u->moves[i];
  return NULL;
}

/* The moves of `b` that none of `a` leads to: of names that stayed, or of none. */
static int join_rest(joiner *j, const pq_upgrade *a, const move *y, pq_upgrade *u) {
  move x = {.from = y->from, .to = y->from}, *out = &u->moves[u->count];
  if (y->from.n > 0 && move_to(a, y->from) != NULL) return PQ_OK;
  if (y->from.n > 0 && a != NULL && move_of(a, y->from) != NULL) x.from = (pq_slice){0};
  PQ_TRY(join_moves(j, &x, y, out));
  u->count += !is_idle(out);
  return PQ_OK;
}

static int join(joiner *j, const pq_upgrade *a, const pq_upgrade *b, const pq_upgrade **out) {
  uint32_t first = a == NULL ? 0 : a->count, second = b == NULL ? 0 : b->count;
  pq_upgrade *u = pq_arena_calloc(j->arena, 1, sizeof *u);
  *out = NULL;
  if (u == NULL) return j->arena->cx->code;
  if (first + second == 0) return PQ_OK;
  u->moves = pq_arena_calloc(j->arena, (size_t)first + second, sizeof *u->moves);
  if (u->moves == NULL) return j->arena->cx->code;
  for (uint32_t i = 0; i < first; i++) {
    const move *x = &a->moves[i], *y = b == NULL || x->to.n == 0 ? NULL : move_of(b, x->to);
    PQ_TRY(join_moves(j, x, y, &u->moves[u->count]));
    u->count += !is_idle(&u->moves[u->count]);
  }
  for (uint32_t i = 0; i < second; i++)
    PQ_TRY(join_rest(j, a, &b->moves[i], u));
  if (u->count > 0) *out = u;
  return PQ_OK;
}

int pq_upgrade_join(pq_arena *arena, pq_builder *b, const pq_upgrade *first,
                    const pq_upgrade *second, const pq_upgrade **out) {
  joiner j = {arena, b};
  *out = NULL;
  return first == NULL && second == NULL ? PQ_OK : join(&j, first, second, out);
}

/* ---- paths ---- */

static bool is_number(pq_slice part) {
  for (size_t i = 0; i < part.n; i++)
    if (part.p[i] < '0' || part.p[i] > '9') return false;
  return part.n > 0;
}

static int add_part(pq_arena *arena, pq_slice part, pq_slice *path) {
  char *text =
      pq_arena_printf(arena, "%.*s%s%.*s", (int)path->n, path->n == 0 ? "" : (const char *)path->p,
                      path->n == 0 ? "" : ".", (int)part.n, (const char *)part.p);
  if (text == NULL) return arena->cx->code;
  *path = pq_str(text);
  return PQ_OK;
}

int pq_upgrade_path(const pq_upgrade *u, pq_arena *arena, pq_slice path, pq_slice *from,
                    pq_path_origin *origin) {
  pq_slice rest = path, old = {0};
  bool is_moved = false;
  *from = path;
  *origin = PQ_PATH_SAME;
  while (u != NULL && rest.n > 0) {
    const uint8_t *dot = memchr(rest.p, '.', rest.n);
    pq_slice part = {rest.p, dot == NULL ? rest.n : (size_t)(dot - rest.p)};
    const move *m = move_to(u, part);
    *origin = PQ_PATH_MADE;
    /* An index leads to one of several objects that the plan may change, a name may be hidden. */
    if (m == NULL && (is_number(part) || move_of(u, part) != NULL)) return PQ_OK;
    if (m != NULL && (m->from.n == 0 || !pq_value_is_missing(m->fallback))) return PQ_OK;
    is_moved = is_moved || (m != NULL && !pq_slice_eq(m->from, part));
    PQ_TRY(add_part(arena, m == NULL ? part : m->from, &old));
    rest = dot == NULL ? (pq_slice){0} : (pq_slice){dot + 1, rest.n - part.n - 1};
    u = m == NULL ? NULL : m->inside;
  }
  if (u != NULL) return PQ_OK; /* the value itself is changed inside: MADE, as set above */
  if (rest.n > 0 && old.n > 0) PQ_TRY(add_part(arena, rest, &old));
  *origin = is_moved ? PQ_PATH_MOVED : PQ_PATH_SAME;
  if (is_moved) *from = old;
  return PQ_OK;
}
