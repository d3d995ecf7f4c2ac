/* schema/schema_validate.c - a document against a schema: one walk, side by side.
 *
 *   document  {title: "x", tags: ["a", 5], extra: 1}
 *                 │           │                │
 *   schema     string!    string[] ── item 1   none ─► strict: a problem; permissive: fine
 *                 │           │
 *                 │       problem at 'tags.1': expects string, got int 5
 *              fields that are missing: required ─► a problem; with a default ─► added at the end
 *
 * A level is written anew only where something in it changed. Recursion follows the schema, whose
 * depth is limited. The mode says whether a problem is kept or is the failure of the validation.
 */
#include <string.h>

#include "schema/notation_int.h"

/* Where the walk is: names and indexes up to the document. */
typedef struct place {
  const struct place *up;
  pq_slice name;
  bool is_item; /* of a list: no name but an index */
  uint32_t index;
} place;

typedef struct walk {
  pq_checker c;
  pq_schema_mode mode;
  pq_problem *problems;
  uint32_t problem_count;
} walk;

/* "a.b.2" */
static int print_place(pq_arena *arena, const place *at, pq_slice *out) {
  char digits[PQ_U64_CAP];
  pq_buf buf;
  const place *stack[2 * PQ_SCHEMA_DEPTH_MAX + 2];
  size_t depth = 0;
  int rc = PQ_OK;
  *out = (pq_slice){0};
  for (; at != NULL && depth < sizeof stack / sizeof stack[0]; at = at->up)
    stack[depth++] = at;
  pq_buf_init(&buf, arena->cx, arena->cx->limits.doc_len_max);
  while (depth > 0 && rc == PQ_OK) {
    at = stack[--depth];
    rc = pq_buf_put_slice(&buf, at->name);
    if (rc == PQ_OK && at->is_item) rc = pq_buf_put(&buf, digits, pq_u64_print(at->index, digits));
    if (rc == PQ_OK && depth > 0) rc = pq_buf_put_byte(&buf, '.');
  }
  if (rc == PQ_OK) rc = pq_arena_copy(arena, pq_buf_slice(&buf), out);
  pq_buf_release(&buf);
  return rc;
}

static int report(walk *w, const place *at, const char *text) {
  pq_arena *arena = w->c.arena;
  pq_slice path;
  if (w->problem_count == PQ_SCHEMA_PROBLEMS_MAX) return PQ_OK;
  PQ_TRY(print_place(arena, at, &path));
  if (w->mode != PQ_VALIDATE_WARN)
    return pq_fail(arena->cx, PQ_EINVALID, "field '%.*s': %s", (int)pq_utf8_prefix(path, 200),
                   (const char *)path.p, text);
  if (w->problems == NULL)
    w->problems = pq_arena_calloc(arena, PQ_SCHEMA_PROBLEMS_MAX, sizeof *w->problems);
  if (w->problems == NULL) return arena->cx->code;
  w->problems[w->problem_count++] = (pq_problem){path, text};
  return PQ_OK;
}

/* Report what the checker found. */
static int report_found(walk *w, const place *at) {
  const char *text = w->c.problem;
  w->c.problem = NULL;
  return text == NULL ? PQ_OK : report(w, at, text);
}

static int report_unknown(walk *w, const place *at, const pq_schema_field *fields, uint32_t count) {
  pq_arena *arena = w->c.arena;
  const char *text = "the schema has no such field", *near = NULL;
  const char **names;
  if (w->problem_count == PQ_SCHEMA_PROBLEMS_MAX) return PQ_OK;
  names = pq_arena_calloc(arena, (size_t)count + 1, sizeof *names);
  if (names == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    names[i] = pq_arena_str(arena, fields[i].name);
    if (names[i] == NULL) return arena->cx->code;
  }
  near = pq_nearest(at->name, names);
  if (near != NULL) text = pq_arena_printf(arena, "%s, did you mean '%.40s'?", text, near);
  return text == NULL ? arena->cx->code : report(w, at, text);
}

/* ---- defaults ---- */

static int make_call(walk *w, const pq_schema_field *f, pq_value *out) {
  pq_eval *eval = w->c.eval;
  const int64_t step = f->type == PQ_FIELD_DATE ? 86400000000 : 1000;
  uint8_t bytes[16];
  if (strcmp(f->default_call, "now") == 0) {
    int64_t rest = eval->now_us % step;
    return pq_make_date(eval, eval->now_us - (rest < 0 ? rest + step : rest), out);
  }
  pq_wr64(bytes, pq_eval_random(eval));
  pq_wr64(bytes + 8, pq_eval_random(eval));
  bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 10 */
  bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
  pq_builder_clear(eval->builder);
  PQ_TRY(pq_builder_uuid(eval->builder, bytes));
  return pq_builder_finish(eval->builder, w->c.arena, out);
}

/* A field that the document lacks; *out is missing when it stays so. */
static int fill_missing(walk *w, const place *at, const pq_schema_field *f, pq_value *out) {
  *out = f->default_value;
  if (f->default_call != NULL) return make_call(w, f, out);
  if (!pq_value_is_missing(*out) || !f->is_required) return PQ_OK;
  return report(w, at, "is required");
}

/* ---- the walk ---- */

static int walk_object(walk *w, const place *at, const pq_schema_field *f, pq_value v,
                       pq_value *out);

static int walk_item(walk *w, const place *at, const pq_schema_field *f, pq_value v,
                     pq_value *out) {
  *out = v;
  if (f->type == PQ_FIELD_OBJECT) {
    if (pq_value_type(v) == PQ_TYPE_OBJECT) return walk_object(w, at, f, v, out);
    PQ_TRY(pq_check_mismatch(&w->c, "an object", v));
  } else {
    PQ_TRY(pq_check_scalar(&w->c, f, v, out));
  }
  return report_found(w, at);
}

static int check_count(walk *w, const place *at, const pq_schema_field *f, uint32_t count) {
  bool is_few = count < f->count_min;
  char *text;
  if (!is_few && (f->count_max == 0 || count <= f->count_max)) return PQ_OK;
  text = pq_arena_printf(w->c.arena, "expects at %s %u items, got %u", is_few ? "least" : "most",
                         is_few ? f->count_min : f->count_max, count);
  return text == NULL ? w->c.arena->cx->code : report(w, at, text);
}

static int walk_list(walk *w, const place *at, const pq_schema_field *f, pq_value v,
                     pq_value *out) {
  uint32_t count = pq_value_count(v);
  bool is_same = true;
  pq_value *items;
  *out = v;
  if (pq_value_type(v) != PQ_TYPE_ARRAY) {
    PQ_TRY(pq_check_mismatch(&w->c, "a list", v));
    return report_found(w, at);
  }
  PQ_TRY(check_count(w, at, f, count));
  items = pq_arena_calloc(w->c.arena, count, sizeof *items);
  if (items == NULL) return w->c.arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    place here = {.up = at, .is_item = true, .index = i};
    pq_value item = pq_array_at(v, i);
    items[i] = item;
    if (pq_value_type(item) != PQ_TYPE_NULL)
      PQ_TRY(walk_item(w, &here, f, item, &items[i]));
    else if (f->is_item_required)
      PQ_TRY(report(w, &here, "no item of this list may be null"));
    is_same = is_same && items[i].p == item.p;
  }
  return is_same ? PQ_OK : pq_make_array(w->c.eval, items, count, out);
}

static int walk_field(walk *w, const place *at, const pq_schema_field *f, pq_value v,
                      pq_value *out) {
  bool has_value = f->type != PQ_FIELD_EDGE || pq_field_has_texts(f);
  *out = v;
  if (pq_value_type(v) == PQ_TYPE_NULL && has_value)
    return f->is_required ? report(w, at, "is required, got null") : PQ_OK;
  if (f->is_list && has_value) return walk_list(w, at, f, v, out);
  return walk_item(w, at, f, v, out);
}

/* The field of a name; most documents have the order of the schema, so look at *next first. */
static const pq_schema_field *find(const pq_schema_field *fields, uint32_t count, pq_slice name,
                                   uint32_t *next) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t k = *next + i < count ? *next + i : *next + i - count;
    if (!pq_slice_eq(fields[k].name, name)) continue;
    *next = k + 1 < count ? k + 1 : 0;
    return &fields[k];
  }
  return NULL;
}

static bool is_system(const place *at) {
  if (at->up != NULL || at->name.n == 0) return false;
  return at->name.p[0] == '$' || pq_slice_is(at->name, "_id");
}

/* The fields that a document has: stored forms into list[0 .. count), marks into is_seen. */
static int walk_present(walk *w, const place *at, const pq_schema_field *f, pq_field *list,
                        uint32_t count, bool *is_seen) {
  uint32_t next = 0;
  for (uint32_t i = 0; i < count; i++) {
    place here = {.up = at, .name = list[i].name};
    pq_value stored;
    const pq_schema_field *field = find(f->fields, f->field_count, list[i].name, &next);
    if (field != NULL) {
      is_seen[field - f->fields] = true;
      PQ_TRY(walk_field(w, &here, field, list[i].value, &stored));
      list[i].value = stored;
    } else if (w->mode != PQ_VALIDATE_PERMISSIVE && !is_system(&here)) {
      PQ_TRY(report_unknown(w, &here, f->fields, f->field_count));
    }
  }
  return PQ_OK;
}

static int walk_object(walk *w, const place *at, const pq_schema_field *f, pq_value v,
                       pq_value *out) {
  pq_arena *arena = w->c.arena;
  uint32_t count, i, total;
  pq_field *given = pq_object_fields(arena, v, &count), *list;
  bool *is_seen = pq_arena_calloc(arena, f->field_count, sizeof *is_seen), is_same = true;
  *out = v;
  if (is_seen == NULL || (given == NULL && pq_value_count(v) > 0)) return arena->cx->code;
  list = pq_arena_calloc(arena, (size_t)count + f->field_count, sizeof *list);
  if (list == NULL) return arena->cx->code;
  if (count > 0) memcpy(list, given, count * sizeof *list);
  PQ_TRY(walk_present(w, at, f, list, count, is_seen));
  for (i = 0; i < count; i++)
    is_same = is_same && list[i].value.p == given[i].value.p;
  for (i = 0, total = count; i < f->field_count; i++) {
    place here = {.up = at, .name = f->fields[i].name};
    if (is_seen[i]) continue;
    list[total].name = here.name;
    PQ_TRY(fill_missing(w, &here, &f->fields[i], &list[total].value));
    if (!pq_value_is_missing(list[total].value)) total++;
  }
  return is_same && total == count ? PQ_OK : pq_make_object(w->c.eval, list, total, out);
}

int pq_check_field(pq_checker *c, const pq_schema_field *f, pq_value v, pq_value *out) {
  walk w = {.c = *c, .mode = PQ_VALIDATE_WARN};
  place at = {.name = f->name};
  PQ_TRY(walk_field(&w, &at, f, v, out));
  c->problem = w.problem_count > 0 ? w.problems[0].text : NULL;
  return PQ_OK;
}

int pq_schema_validate(const pq_schema *s, pq_schema_mode mode, pq_eval *eval, pq_arena *arena,
                       pq_value doc, pq_value *out, const pq_problem **problems,
                       uint32_t *problem_count) {
  const pq_schema_field root = {.fields = s->fields, .field_count = s->field_count};
  walk w = {.c = {.eval = eval, .arena = arena, .regexes = s->regexes}, .mode = mode};
  pq_arena *lent = eval->arena;
  int rc;
  *out = doc;
  *problems = NULL;
  *problem_count = 0;
  if (mode == PQ_VALIDATE_OFF) return PQ_OK;
  if (s->regexes != NULL) pq_regex_set_renew(s->regexes);
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(arena->cx, PQ_EINVALID, "a document is an object, got %s",
                   pq_type_name(pq_value_type(doc)));
  eval->arena = arena; /* values are made where the caller wants them */
  rc = walk_object(&w, NULL, &root, doc, out);
  if (rc == PQ_OK && !s->has_data) rc = pq_schema_normalise(s, eval, arena, *out, out);
  eval->arena = lent;
  *problems = w.problems;
  *problem_count = w.problem_count;
  if (rc != PQ_OK) *out = (pq_value){0};
  return rc;
}
