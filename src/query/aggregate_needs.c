/* query/aggregate_needs.c - which fields of its input a pipeline can read.
 *
 *   [$match {a}] [$set {c: "$b"}] [$group {_id: "$c.x"}] …      a, b, c
 *                                  └─ nothing behind it sees the input: a cut
 *
 * Read off the stages as they were written: texts that begin with "$" are
 * paths, "$$ROOT" alone is everything. Too many names is harmless, too few
 * would be wrong: a stage not known here needs all. A pipeline without a cut
 * gives out its input, so it needs all too.
 */
#include <string.h>

#include "query/flow_int.h"

typedef struct needs {
  pq_arena *arena;
  pq_slice *names;
  uint32_t count, cap;
  bool is_all;
} needs;

static void add(needs *n, pq_slice path) {
  const uint8_t *dot = path.n == 0 ? NULL : memchr(path.p, '.', path.n);
  pq_slice name = dot == NULL ? path : (pq_slice){path.p, (size_t)(dot - path.p)};
  for (uint32_t i = 0; i < n->count; i++)
    if (pq_slice_eq(n->names[i], name)) return;
  if (n->count == n->cap) {
    uint32_t cap = n->cap == 0 ? 16 : n->cap * 2;
    pq_slice *names = pq_arena_calloc(n->arena, cap, sizeof *names);
    if (names == NULL || cap > 1024) {
      n->is_all = true;
      return;
    }
    if (n->count > 0) memcpy(names, n->names, n->count * sizeof *names);
    n->names = names;
    n->cap = cap;
  }
  n->names[n->count++] = name;
}

static bool begins(pq_slice text, const char *with) {
  size_t len = strlen(with);
  return text.n >= len && memcmp(text.p, with, len) == 0;
}

/* "$a.b", "$$ROOT.a", "$$x" (a variable: nothing of the document). */
static void add_text(needs *n, pq_slice text) {
  static const char *const roots[] = {"$$ROOT", "$$CURRENT"};
  if (text.n < 2 || text.p[0] != '$') return;
  for (int i = 0; i < 2; i++) {
    size_t len = strlen(roots[i]);
    if (!begins(text, roots[i])) continue;
    if (text.n == len) n->is_all = true;
    if (text.n > len + 1 && text.p[len] == '.')
      add(n, (pq_slice){text.p + len + 1, text.n - len - 1});
  }
  if (text.p[1] != '$') add(n, (pq_slice){text.p + 1, text.n - 1});
}

static void add_keys(needs *n, pq_value v);

/* All paths in an expression. Recursion is bounded by the depth of commands. */
static void add_expression(needs *n, pq_value v) {
  pq_slice text;
  if (pq_value_string(v, &text)) {
    add_text(n, text);
  } else if (pq_value_type(v) == PQ_TYPE_ARRAY) {
    for (uint32_t i = 0; i < pq_value_count(v); i++)
      add_expression(n, pq_array_at(v, i));
  } else if (pq_value_type(v) == PQ_TYPE_OBJECT) {
    uint32_t count;
    pq_field *fields = pq_object_fields(n->arena, v, &count);
    n->is_all |= fields == NULL && pq_value_count(v) > 0;
    for (uint32_t i = 0; i < count; i++) {
      add_expression(n, fields[i].value);
      /* Two ways to name fields without a dollar: of the document, and of those of $top. */
      n->is_all |= pq_slice_is(fields[i].name, "$getField");
      if (pq_slice_is(fields[i].name, "sortBy") && pq_value_type(fields[i].value) == PQ_TYPE_OBJECT)
        add_keys(n, fields[i].value);
    }
  }
}

/* The paths of a filter, or the names of an object of paths. */
static void add_keys(needs *n, pq_value v) {
  uint32_t count;
  pq_field *fields = pq_object_fields(n->arena, v, &count);
  n->is_all |= fields == NULL && pq_value_count(v) > 0;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    if (pq_slice_is(name, "$and") || pq_slice_is(name, "$or") || pq_slice_is(name, "$nor")) {
      for (uint32_t k = 0; k < pq_value_count(fields[i].value); k++)
        add_keys(n, pq_array_at(fields[i].value, k));
    } else if (pq_slice_is(name, "$expr")) {
      add_expression(n, fields[i].value);
    } else if (name.n > 0 && name.p[0] == '$' && !pq_is_system_field(name)) {
      n->is_all |= !pq_slice_is(name, "$comment");
    } else {
      add(n, name);
    }
  }
}

/* Its own names when it includes; *is_cut then. */
static void add_project(needs *n, pq_value spec, bool *is_cut) {
  uint32_t count;
  pq_field *fields = pq_object_fields(n->arena, spec, &count);
  n->is_all |= fields == NULL && pq_value_count(spec) > 0;
  for (uint32_t i = 0; i < count; i++) {
    bool is_on;
    if (pq_raw_is_flag(fields[i].value, &is_on) && !is_on) continue;
    *is_cut = true;
    add(n, fields[i].name); /* through arrays the old field decides what becomes
                               of a new one */
    add_expression(n, fields[i].value);
  }
  if (!*is_cut) return;
  add(n, PQ_SLICE("$id"));
  add(n, PQ_SLICE("_id"));
}

static bool is_one_of(const char *name, const char *const *names) {
  while (*names != NULL && strcmp(name, *names) != 0)
    names++;
  return *names != NULL;
}

/* *is_cut: nothing of the input is left behind the stage. */
static void add_stage(needs *n, const pq_pipe_stage *g, bool *is_cut) {
  static const char *const none[] = {"$skip", "$limit", "$sample", "$unset", NULL};
  static const char *const add_all[] = {"$addFields", "$set", "$unwind", NULL};
  static const char *const cuts[] = {"$group",       "$bucket",      "$bucketAuto", "$sortByCount",
                                     "$replaceRoot", "$replaceWith", NULL};
  const char *name = g->kind->name;
  if (is_one_of(name, none)) return;
  if (strcmp(name, "$count") == 0) {
    *is_cut = true;
  } else if (strcmp(name, "$match") == 0 || strcmp(name, "$sort") == 0) {
    add_keys(n, g->spec);
  } else if (strcmp(name, "$project") == 0) {
    add_project(n, g->spec, is_cut);
  } else if (is_one_of(name, add_all) || is_one_of(name, cuts)) {
    add_expression(n, g->spec);
    if (is_one_of(name, add_all) && pq_value_type(g->spec) == PQ_TYPE_OBJECT)
      add_keys(n, g->spec); /* what stands at a path that is written decides how */
    *is_cut = is_one_of(name, cuts);
  } else if (strcmp(name, "$lookup") == 0) {
    pq_slice local;
    if (pq_value_string(pq_object_get_str(g->spec, "localField"), &local)) add(n, local);
    add_expression(n, pq_object_get_str(g->spec, "let"));
  } else {
    n->is_all = true;
  }
}

bool pq_pipeline_needs(const pq_pipeline *p, pq_arena *arena, const pq_slice **names,
                       uint32_t *count) {
  static const pq_slice nothing = {0};
  needs n = {.arena = arena};
  bool is_cut = false;
  for (uint32_t i = p->first; i < p->count && !is_cut && !n.is_all; i++)
    add_stage(&n, &p->stages[i], &is_cut);
  *names = NULL;
  *count = 0;
  if (!is_cut || n.is_all) return false;
  *names = n.names == NULL ? &nothing : n.names;
  *count = n.count;
  return true;
}

/* ---- questions about raw values ---- */

/* Calls `is_it` for each text and name in the value, until it says yes. Values
 * have no lists of fields without memory, so names are found through a small
 * arena. */
typedef struct search {
  pq_slice name;
  bool (*is_it)(const struct search *q, pq_slice text, bool is_name);
} search;

static bool find(pq_arena *arena, const search *q, pq_value v) {
  pq_slice text;
  if (pq_value_string(v, &text)) return q->is_it(q, text, false);
  if (pq_value_type(v) == PQ_TYPE_ARRAY) {
    for (uint32_t i = 0; i < pq_value_count(v); i++)
      if (find(arena, q, pq_array_at(v, i))) return true;
  } else if (pq_value_type(v) == PQ_TYPE_OBJECT) {
    uint32_t count;
    pq_field *fields = pq_object_fields(arena, v, &count);
    if (fields == NULL && pq_value_count(v) > 0) return true;
    for (uint32_t i = 0; i < count; i++)
      if (q->is_it(q, fields[i].name, true) || find(arena, q, fields[i].value)) return true;
  }
  return false;
}

static bool is_variable(const search *q, pq_slice text, bool is_name) {
  if (is_name || text.n < q->name.n + 2 || !begins(text, "$$")) return false;
  if (memcmp(text.p + 2, q->name.p, q->name.n) != 0) return false;
  return text.n == q->name.n + 2 || text.p[q->name.n + 2] == '.';
}

bool pq_raw_uses_variable(pq_arena *arena, pq_value v, pq_slice name) {
  return find(arena, &(search){name, is_variable}, v);
}

static bool is_random(const search *q, pq_slice text, bool is_name) {
  static const char *const names[] = {"$rand", "$sampleRate", "$sample", NULL};
  (void)q;
  for (int i = 0; is_name && names[i] != NULL; i++)
    if (pq_slice_is(text, names[i])) return true;
  return false;
}

bool pq_raw_is_random(pq_arena *arena, pq_value v) {
  return find(arena, &(search){{0}, is_random}, v);
}

/* "name", "name.x", "$name…", "$$ROOT.name…" */
static bool is_mention(const search *q, pq_slice text, bool is_name) {
  static const char *const heads[] = {"$$ROOT.", "$$CURRENT.", "$", NULL};
  (void)is_name;
  if (!begins(q->name, "$") || text.n < q->name.n || memcmp(text.p, q->name.p, q->name.n) != 0)
    for (int i = 0; heads[i] != NULL; i++)
      if (begins(text, heads[i])) {
        size_t len = strlen(heads[i]);
        text = (pq_slice){text.p + len, text.n - len};
        break;
      }
  return text.n >= q->name.n && memcmp(text.p, q->name.p, q->name.n) == 0 &&
         (text.n == q->name.n || text.p[q->name.n] == '.');
}

bool pq_pipeline_mentions(const pq_pipeline *p, pq_arena *arena, pq_slice name) {
  for (uint32_t i = p->first; i < p->count; i++)
    if (p->stages[i].kind->open != NULL &&
        find(arena, &(search){name, is_mention}, p->stages[i].spec))
      return true;
  return false;
}
