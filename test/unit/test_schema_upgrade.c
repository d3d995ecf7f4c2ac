/* Unit tests of schema/schema_upgrade: plans by hand, and random schemas and documents against a
 * model that does each version's change by itself, name by name.
 *
 *   schema 1 ─► schema 2 ─► … ─► schema n        model: n - 1 changes of the document, one by one
 *      └───────── one joined plan ──────┘        the same document, and the same for every split
 */
#include "schema/schema_upgrade.h"

#include "schema_util.h"
#include "value/compare.h"

/* ---- by hand ---- */

static const pq_upgrade *plan(bench *t, const char *const *schemas, uint32_t count) {
  const pq_upgrade *all = NULL, *step;
  const pq_schema *old = NULL;
  for (uint32_t i = 0; i < count; i++) {
    pq_schema *s = bench_schema(t, schemas[i], old);
    if (i > 0) {
      CHECK(pq_upgrade_between(&t->arena, old, s, &step) == PQ_OK);
      CHECK(pq_upgrade_join(&t->arena, t->b, all, step, &all) == PQ_OK);
    }
    old = s;
  }
  return all;
}

static bool gives(bench *t, const pq_upgrade *u, const char *before, const char *after) {
  pq_value doc = bench_json(t, before), out;
  CHECK(pq_upgrade_apply(u, t->b, &t->arena, doc, &out) == PQ_OK);
  return unit_same(bench_text(t, out), bench_text(t, bench_json(t, after)));
}

static bool comes_from(bench *t, const pq_upgrade *u, const char *path, pq_path_origin expected,
                       const char *old) {
  pq_path_origin origin;
  pq_slice from;
  CHECK(pq_upgrade_path(u, &t->arena, pq_str(path), &from, &origin) == PQ_OK);
  return origin == expected && (old == NULL || pq_slice_is(from, old));
}

static void test_upgrade_moves(void) {
  const char *const chain[] = {
      "{\"a\": \"int\", \"o\": {\"x\": \"int\", \"y\": \"int\"}, \"l\": [{\"k\": \"int\"}]}",
      "{\"b\": \"int\", \"o\": {\"z\": \"int\"}, \"l\": [{\"m\": \"int\", \"d\": \"int = 1\"}],"
      " \"$rename\": {\"a\": \"b\", \"o.x\": \"o.z\", \"l.k\": \"l.m\"}}",
      "{\"c\": \"int\", \"p\": {\"z\": \"int\"}, \"l\": [{\"m\": \"int\", \"d\": \"int\"}],"
      " \"n\": \"string = 'n'\", \"$rename\": {\"b\": \"c\", \"o\": \"p\"}}"};
  bench t;
  const pq_upgrade *u;
  bench_open(&t);
  u = plan(&t, chain, 3);
  CHECK(gives(&t, u,
              "{\"e\": 1, \"a\": 5, \"o\": {\"x\": 1, \"y\": 2, \"w\": 3}, \"l\": [{\"k\": 1}, 2,"
              " {\"d\": 7}], \"b\": \"hidden\"}",
              "{\"e\": 1, \"c\": 5, \"p\": {\"z\": 1, \"w\": 3}, \"l\": [{\"m\": 1, \"d\": 1}, 2,"
              " {\"d\": 7}], \"n\": \"n\"}"));
  CHECK(gives(&t, u, "{\"o\": null, \"l\": 5, \"n\": 0}", "{\"p\": null, \"l\": 5, \"n\": 0}"));
  CHECK(gives(&t, u, "{\"n\": null}", "{\"n\": null}"));
  CHECK(comes_from(&t, u, "c", PQ_PATH_MOVED, "a"));
  CHECK(comes_from(&t, u, "c.x.y", PQ_PATH_MOVED, "a.x.y"));
  CHECK(comes_from(&t, u, "p.z", PQ_PATH_MOVED, "o.x"));
  CHECK(comes_from(&t, u, "p.w.v", PQ_PATH_MOVED, "o.w.v"));
  CHECK(comes_from(&t, u, "p.x", PQ_PATH_MADE, NULL));
  CHECK(comes_from(&t, u, "p.0", PQ_PATH_MADE, NULL));
  CHECK(comes_from(&t, u, "p", PQ_PATH_MADE, NULL));
  CHECK(comes_from(&t, u, "a", PQ_PATH_MADE, NULL));
  CHECK(comes_from(&t, u, "b", PQ_PATH_MADE, NULL));
  CHECK(comes_from(&t, u, "n", PQ_PATH_MADE, NULL));
  CHECK(comes_from(&t, u, "l.m", PQ_PATH_MOVED, "l.k"));
  CHECK(comes_from(&t, u, "e.f", PQ_PATH_SAME, "e.f"));
  CHECK(comes_from(&t, NULL, "a", PQ_PATH_SAME, "a"));
  bench_close(&t);
}

static void test_upgrade_idle(void) {
  const char *const there_and_back[] = {"{\"a\": \"int\"}",
                                        "{\"b\": \"int\", \"$rename\": {\"a\": \"b\"}}",
                                        "{\"a\": \"int\", \"$rename\": {\"b\": \"a\"}}"};
  const char *const wider[] = {"{\"a\": \"int\", \"o\": {\"x\": \"date\"}, \"who\": \"-> User.p\"}",
                               "{\"a\": \"number\", \"o\": \"json\", \"e\": \"string\"}"};
  const char *const off[] = {"{\"a\": \"int\"}",
                             "{\"a\": \"int\", \"b\": \"int = 5\", \"$mode\":"
                             " \"off\"}"};
  const pq_schema *old, *fresh;
  bench t;
  pq_slice name;
  const pq_upgrade *u;
  bench_open(&t);
  u = plan(&t, there_and_back, 3);
  CHECK(gives(&t, u, "{\"a\": 1, \"c\": 2}", "{\"a\": 1, \"c\": 2}"));
  CHECK(comes_from(&t, u, "a", PQ_PATH_SAME, "a"));
  CHECK(plan(&t, wider, 2) == NULL);
  CHECK(plan(&t, off, 2) == NULL);
  old = bench_schema(&t, there_and_back[0], NULL);
  fresh = bench_schema(&t, there_and_back[1], old);
  CHECK(pq_upgrade_between(&t.arena, old, fresh, &u) == PQ_OK);
  CHECK(pq_upgrade_covers(u, bench_json(&t, "{\"a\": 1, \"b\": 2}"), &name));
  CHECK(pq_slice_is(name, "b"));
  CHECK(!pq_upgrade_covers(u, bench_json(&t, "{\"a\": 1, \"c\": 2}"), &name));
  bench_close(&t);
}

/* ---- against the model ---- */

enum { NAMES = 5, VERSIONS_MAX = 6, ROUNDS = 3000 };
static const char *const names[NAMES] = {"a", "b", "c", "d", "e"};

/* A level of fields: which name has which field (0: none). Field o of the top level holds another
 * such level under each of its names. */
typedef struct level {
  uint32_t id[NAMES];
  bool has_default[NAMES]; /* when it was added */
  bool is_new[NAMES];
  int from[NAMES]; /* the name before; -1: it is new */
} level;

static uint64_t random_state;

static uint32_t below(uint32_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 33) % n;
}

/* The next version: fields stay, go, come or take the places of one another. */
static level change(const level *old, uint32_t *next_id) {
  level out = {{0}, {false}, {false}, {0}};
  int kept[NAMES], n = 0, shift;
  for (int i = 0; i < NAMES; i++)
    if (old->id[i] != 0 && below(5) > 0) kept[n++] = i;
  shift = n > 1 && below(2) > 0 ? 1 : 0; /* all kept ones change places in a ring */
  for (int i = 0; i < n; i++) {
    int to = kept[(i + shift) % n];
    out.id[to] = old->id[kept[i]];
    out.from[to] = kept[i];
  }
  for (int i = 0; i < NAMES; i++) {
    bool was_used = old->id[i] != 0;
    if (out.id[i] != 0) continue;
    out.from[i] = -1;
    if (!was_used && n > 0 && shift == 0 && below(4) == 0) { /* one kept field moves here */
      int k = kept[below((uint32_t)n)];
      if (out.id[k] == 0 || out.from[k] != k) continue;
      out.id[i] = out.id[k];
      out.from[i] = k;
      out.id[k] = 0;
      out.from[k] = -1;
    } else if (!was_used && below(3) == 0) {
      out.id[i] = (*next_id)++;
      out.is_new[i] = true;
      out.has_default[i] = below(2) == 0;
    }
  }
  return out;
}

/* The notation of a level, with the renames from the version before in *renames. */
static size_t print_level(const level *l, const char *prefix, char *text, char *renames,
                          size_t *renames_len) {
  size_t n = 0;
  for (int i = 0; i < NAMES; i++) {
    if (l->id[i] == 0) continue;
    n += (size_t)sprintf(text + n, "\"%s\": \"json%s\", ", names[i],
                         l->has_default[i] ? " = 7" : "");
    if (!l->is_new[i] && l->from[i] != i)
      *renames_len += (size_t)sprintf(renames + *renames_len, "%s\"%s%s\": \"%s%s\"",
                                      *renames_len > 0 ? ", " : "", prefix, names[l->from[i]],
                                      prefix, names[i]);
  }
  return n;
}

/* The model: every name by itself. */
static void model(const level *old, const level *now, int *values) {
  int out[NAMES];
  for (int i = 0; i < NAMES; i++) {
    out[i] = 0;
    if (now->id[i] != 0 && !now->is_new[i])
      out[i] = values[now->from[i]]; /* of the field, whatever it was called */
    else if (old->id[i] == 0)
      out[i] = values[i]; /* of no field */
    if (now->id[i] != 0 && now->is_new[i] && now->has_default[i] && out[i] == 0) out[i] = 7;
  }
  memcpy(values, out, sizeof out);
}

static pq_value document(bench *t, const int *values, const int *inner) {
  char text[400];
  size_t n = (size_t)sprintf(text, "{\"z\": {\"y\": 1");
  for (int i = 0; i < NAMES; i++)
    if (inner[i] != 0) n += (size_t)sprintf(text + n, ", \"%s\": %d", names[i], inner[i]);
  n += (size_t)sprintf(text + n, "}");
  for (int i = 0; i < NAMES; i++)
    if (values[i] != 0) n += (size_t)sprintf(text + n, ", \"%s\": %d", names[i], values[i]);
  sprintf(text + n, "}");
  return bench_json(t, text);
}

static bool has_values(pq_value object, const int *values) {
  for (int i = 0; i < NAMES; i++) {
    int64_t v = 0;
    (void)pq_value_i64(pq_object_get_str(object, names[i]), &v);
    if (v != values[i]) return false;
  }
  return true;
}

/* A path that is said to come from another has what that one had. */
static void check_paths(bench *t, const pq_upgrade *u, pq_value before, pq_value after,
                        const char *prefix) {
  for (int i = 0; i < NAMES; i++) {
    char *path = pq_arena_printf(&t->arena, "%s%s", prefix, names[i]);
    pq_path_origin origin;
    pq_path now, old;
    pq_slice from;
    pq_value x, y;
    CHECK(pq_upgrade_path(u, &t->arena, pq_str(path), &from, &origin) == PQ_OK);
    if (origin == PQ_PATH_MADE) continue;
    CHECK(pq_path_parse(&t->arena, pq_str(path), &now) == PQ_OK);
    CHECK(pq_path_parse(&t->arena, from, &old) == PQ_OK);
    x = pq_path_get(before, &old);
    y = pq_path_get(after, &now);
    CHECK(pq_value_is_missing(x) == pq_value_is_missing(y) &&
          (pq_value_is_missing(x) || pq_value_compare(x, y) == 0));
  }
}

static void run_round(uint64_t seed) {
  bench t;
  level outer[VERSIONS_MAX] = {0}, inner[VERSIONS_MAX] = {0};
  const pq_upgrade *all = NULL, *half[2] = {NULL, NULL};
  const pq_schema *old = NULL;
  uint32_t count = 2 + below(VERSIONS_MAX - 1), next_id = 1, split = below(count);
  int values[NAMES], nested[NAMES];
  pq_value doc, out, first, second;
  bench_open(&t);
  for (int i = 0; i < NAMES; i++) {
    values[i] = below(3) == 0 ? 0 : 10 + i;
    nested[i] = below(3) == 0 ? 0 : 20 + i;
  }
  doc = document(&t, values, nested);
  for (uint32_t v = 0; v < count; v++) {
    char text[1500], renames[400];
    size_t n = 1, renames_len = 0;
    const pq_upgrade *step;
    pq_schema *s;
    outer[v] = change(v == 0 ? &outer[0] : &outer[v - 1], &next_id);
    inner[v] = change(v == 0 ? &inner[0] : &inner[v - 1], &next_id);
    text[0] = '{';
    n += print_level(&outer[v], "", text + n, renames, &renames_len);
    n += (size_t)sprintf(text + n, "\"z\": {");
    n += print_level(&inner[v], "z.", text + n, renames, &renames_len);
    n += (size_t)sprintf(text + n, "\"y\": \"int\"}");
    if (renames_len > 0) n += (size_t)sprintf(text + n, ", \"$rename\": {%s}", renames);
    sprintf(text + n, "}");
    s = bench_schema(&t, text, old);
    if (s == NULL) fprintf(stderr, "%s\n%s\n", text, t.cx.msg);
    CHECK(s != NULL);
    if (s == NULL) break;
    if (v > 0) {
      CHECK(pq_upgrade_between(&t.arena, old, s, &step) == PQ_OK);
      CHECK(pq_upgrade_join(&t.arena, t.b, all, step, &all) == PQ_OK);
      CHECK(pq_upgrade_join(&t.arena, t.b, half[v > split], step, &half[v > split]) == PQ_OK);
      model(&outer[v - 1], &outer[v], values);
      model(&inner[v - 1], &inner[v], nested);
    }
    old = s;
  }
  CHECK(pq_upgrade_apply(all, t.b, &t.arena, doc, &out) == PQ_OK);
  CHECK(has_values(out, values) && has_values(pq_object_get_str(out, "z"), nested));
  check_paths(&t, all, doc, out, "");
  check_paths(&t, all, doc, out, "z.");
  CHECK(pq_upgrade_apply(half[0], t.b, &t.arena, doc, &first) == PQ_OK);
  CHECK(pq_upgrade_apply(half[1], t.b, &t.arena, first, &second) == PQ_OK);
  CHECK(unit_same(bench_text(&t, out), bench_text(&t, second))); /* order of fields included */
  if (unit_failed > 0) fprintf(stderr, "round %llu\n", (unsigned long long)seed);
  bench_close(&t);
}

static void test_upgrade_model(void) {
  for (uint64_t seed = 1; seed <= ROUNDS && unit_failed == 0; seed++) {
    random_state = seed * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 10; i++)
      (void)below(2);
    run_round(seed);
  }
}

int main(void) {
  test_upgrade_moves();
  test_upgrade_idle();
  test_upgrade_model();
  return unit_end();
}
