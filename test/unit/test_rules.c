/* test/unit/test_rules.c - the one-line rules of the oracle about filters, sorts and expressions.
 *
 *   {"n": name, "ex": filter | [filter, options] | expression, "docs": [...], "d": DocumentDB's
 * answer}
 *
 * The texts inside are JSON with shell notations, which become Extended JSON before they are read:
 *
 *   {"v": L(1)}  ──►  {"v": {"$numberLong": "1"}}
 *
 * Filters are asked twice: by plain evaluation, and as a find over flushed files.
 *
 * The answer of a filter is the list of `_id`, that of an expression {"r": value}, an error begins
 * with ERR. Rules about updates, projections and stages are left to their own tests. The folder is
 * $PARQUEDB_ORACLE, else ../shared/oracle.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/expression.h"
#include "expr/filter.h"
#include "expr/project.h"
#include "unit.h"
#include "value/json.h"
#include "warehouse_util.h"

/* Where the rules of a kind stand in the file. */
enum { FILTERS_END = 48, COLLATION_BEGIN = 55, COLLATION_END = 57 };
enum { EXPRESSIONS_BEGIN = 89, EXPRESSIONS_END = 133 };
enum { FILE_CAP = 1 << 20, TEXT_CAP = 1 << 14, DOCS_MAX = 32 };

/* Where we differ on purpose; see doc/mongodb-review.md. */
static const char *const deviations[] = {
    "order of types asc",            /* null and missing are equal: any order is right */
    "array sort desc uses max elem", /* [] sorts below null, descending too */
    "$jsonSchema bsonType/required", /* DocumentDB does not know `required` */
    "$toString 1e21",                /* on the oracle's list of suspected deviations */
    NULL};

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  warehouse w;
  int run_count, unsupported_count;
} bench;

typedef struct row {
  pq_value doc;
  pq_value keys[4];
  bool empty[4];
} row;

static pq_value get(pq_value v, const char *name) {
  return pq_object_get_str(v, name);
}

/* ---- shell notations ---- */

typedef struct notation {
  const char *head, *key;
} notation;
static const notation notations[] = {
    {"DEC(", "$numberDecimal"}, {"Date(", "$date"}, {"D(", "$numberDouble"}, {"L(", "$numberLong"}};

static void expand(pq_slice in, char *out, size_t cap) {
  size_t n = 0, i = 0;
  bool is_string = false;
  while (i < in.n && n + 64 < cap) {
    const notation *found = NULL;
    for (size_t k = 0; !is_string && k < 4 && found == NULL; k++) {
      size_t len = strlen(notations[k].head);
      if (in.n - i > len && memcmp(in.p + i, notations[k].head, len) == 0) found = &notations[k];
    }
    if (found == NULL) {
      if (in.p[i] == '"' && (i == 0 || in.p[i - 1] != '\\')) is_string = !is_string;
      out[n++] = (char)in.p[i++];
      continue;
    }
    n += (size_t)sprintf(out + n, "{\"%s\": \"", found->key);
    for (i += strlen(found->head); i < in.n && in.p[i] != ')'; i++)
      out[n++] = (char)in.p[i];
    n += (size_t)sprintf(out + n, "\"}");
    i++;
  }
  out[n] = 0;
}

static pq_value read_text(bench *t, pq_value text) {
  static char expanded[TEXT_CAP], quoted[TEXT_CAP + 2];
  const char *json = expanded;
  pq_value out = {0};
  pq_slice s;
  if (!pq_value_string(text, &s)) return out;
  expand(s, expanded, sizeof expanded);
  if (expanded[0] == '$') { /* a path, without quotes */
    snprintf(quoted, sizeof quoted, "\"%s\"", expanded);
    json = quoted;
  }
  pq_builder_clear(t->b);
  CHECK(pq_json_value(t->b, pq_str(json), &t->arena, &out) == PQ_OK);
  return out;
}

/* ---- filters and sorts ---- */

static void sort_rows(const pq_sort *sort, row *rows, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    row moving = rows[i];
    uint32_t k = i;
    for (; k > 0 && pq_sort_compare(sort, rows[k - 1].keys, rows[k - 1].empty, moving.keys,
                                    moving.empty) > 0;
         k--)
      rows[k] = rows[k - 1];
    rows[k] = moving;
  }
}

static int find(bench *t, pq_value filter, pq_value options, pq_value docs, pq_value *out) {
  pq_eval eval = {.cx = &t->cx, .arena = &t->arena, .builder = t->b};
  pq_env env = {0};
  pq_filter *f;
  pq_sort sort;
  row rows[DOCS_MAX];
  pq_value ids[DOCS_MAX];
  uint32_t n = 0;
  PQ_TRY(pq_collation_parse(&t->cx, get(options, "collation"), &env.collation));
  PQ_TRY(pq_filter_parse(&t->arena, &env, filter, &f));
  PQ_TRY(pq_sort_parse(&t->arena, &env, get(options, "sort"), &sort));
  CHECK(sort.count <= 4 && pq_value_count(docs) <= DOCS_MAX);
  for (uint32_t i = 0; i < pq_value_count(docs) && i < DOCS_MAX; i++) {
    row r = {.doc = pq_array_at(docs, i)};
    bool is_match = pq_filter_match(f, &eval, r.doc, (pq_value){0});
    PQ_TRY(pq_filter_status(f));
    if (!is_match) continue;
    for (uint32_t k = 0; k < sort.count && k < 4; k++)
      r.keys[k] = pq_sort_key(&sort, k, r.doc, (pq_value){0}, &r.empty[k]);
    rows[n++] = r;
  }
  sort_rows(&sort, rows, n);
  for (uint32_t i = 0; i < n; i++)
    ids[i] = get(rows[i].doc, "_id");
  return pq_make_array(&eval, ids, n, out);
}

static int run_filter(bench *t, pq_value rule, pq_value *out) {
  pq_value ex = read_text(t, get(rule, "ex")), docs = read_text(t, get(rule, "docs"));
  if (pq_value_type(ex) != PQ_TYPE_ARRAY) return find(t, ex, (pq_value){0}, docs, out);
  return find(t, pq_array_at(ex, 0), pq_array_at(ex, 1), docs, out);
}

/* The same documents in a file, collection `i`. */
static void check_find(bench *t, uint32_t i, pq_value rule, int rc, pq_value expected) {
  pq_value ex = read_text(t, get(rule, "ex")), docs = read_text(t, get(rule, "docs"));
  pq_value filter = ex, options = {0}, ids[DOCS_MAX], ours = {0};
  pq_eval eval = {.cx = &t->cx, .arena = &t->arena, .builder = t->b};
  uint32_t count;
  reply r;
  if (pq_value_type(ex) == PQ_TYPE_ARRAY) {
    filter = pq_array_at(ex, 0);
    options = pq_array_at(ex, 1);
  }
  begin(&t->w, "insert", i);
  put_option(&t->w, "documents", docs);
  must_run(&t->w);
  pq_buf_clear(&t->w.text);
  put_text(&t->w, "{\"flush\":1");
  must_run(&t->w);
  begin(&t->w, "find", i);
  put_option(&t->w, "filter", filter);
  put_option(&t->w, "sort", get(options, "sort"));
  put_option(&t->w, "collation", get(options, "collation"));
  put_text(&t->w, ",\"plain\":true");
  r = run(&t->w);
  CHECK((r.status == PQDB_OK) == (rc == PQ_OK));
  if (r.status != PQDB_OK) return;
  count = pq_value_count(r.docs);
  CHECK(count <= DOCS_MAX);
  for (uint32_t k = 0; k < count && k < DOCS_MAX; k++)
    ids[k] = get(pq_array_at(r.docs, k), "_id");
  CHECK(pq_make_array(&eval, ids, count, &ours) == PQ_OK);
  CHECK(pq_value_is_equal(ours, expected));
  if (!pq_value_is_equal(ours, expected))
    fprintf(stderr, "  rule %u of the file, asked of a flushed file\n", i);
}

/* ---- expressions ---- */
static int run_expression(bench *t, pq_value rule, pq_value *out) {
  pq_eval eval = {.cx = &t->cx, .arena = &t->arena, .builder = t->b};
  pq_expression *e;
  pq_field field = {.name = PQ_SLICE("r")};
  pq_value ex = read_text(t, get(rule, "ex")), docs = read_text(t, get(rule, "docs"));
  PQ_TRY(pq_expression_parse(&t->arena, NULL, ex, &e));
  eval.root = pq_array_at(docs, 0);
  PQ_TRY(pq_expression_eval(e, &eval, &field.value));
  return pq_make_object(&eval, &field, 1, out);
}

/* ---- all ---- */

static pq_slice text_of(bench *t, pq_value v) {
  pq_slice out = {0};
  pq_buf text;
  pq_buf_init(&text, &t->cx, 1 << 20);
  if (pq_json_print(&text, v, PQ_JSON_CANONICAL) == PQ_OK)
    CHECK(pq_arena_copy(&t->arena, pq_buf_slice(&text), &out) == PQ_OK);
  pq_buf_release(&text);
  return out;
}

static void check_rule(bench *t, pq_value rule, int rc, pq_value ours) {
  pq_slice name, want, ours_text = {0}, theirs_text = {0};
  bool is_deviation = false, is_same;
  CHECK(pq_value_string(get(rule, "n"), &name) && pq_value_string(get(rule, "d"), &want));
  for (size_t i = 0; deviations[i] != NULL; i++)
    is_deviation |= pq_slice_is(name, deviations[i]);
  if (rc == PQ_EUNSUPPORTED) {
    t->unsupported_count++;
    return;
  }
  t->run_count++;
  if (is_deviation) return;
  if (rc == PQ_OK) ours_text = text_of(t, ours);
  if (want.n > 3 && memcmp(want.p, "ERR", 3) == 0) {
    is_same = rc != PQ_OK;
  } else {
    theirs_text = text_of(t, read_text(t, get(rule, "d")));
    is_same = rc == PQ_OK && pq_slice_eq(ours_text, theirs_text);
  }
  CHECK(is_same);
  if (is_same) return;
  fprintf(stderr, "rule '%.*s': ours %.*s %s, theirs %.*s\n", (int)name.n, (const char *)name.p,
          (int)ours_text.n, ours_text.p == NULL ? "" : (const char *)ours_text.p,
          rc == PQ_OK ? "" : t->cx.msg, (int)want.n, (const char *)want.p);
}

static void run_rules(bench *t, pq_value rules) {
  for (uint32_t i = 0; i < pq_value_count(rules); i++) {
    bool is_filter = i < FILTERS_END || (i >= COLLATION_BEGIN && i < COLLATION_END);
    pq_value rule = pq_array_at(rules, i), ours = {0};
    int rc;
    if (!is_filter && (i < EXPRESSIONS_BEGIN || i >= EXPRESSIONS_END)) continue;
    rc = is_filter ? run_filter(t, rule, &ours) : run_expression(t, rule, &ours);
    check_rule(t, rule, rc, ours);
    if (is_filter && rc != PQ_EUNSUPPORTED) check_find(t, i, rule, rc, ours);
  }
}

static void test_rules(void) {
  static char text[FILE_CAP];
  const char *folder = getenv("PARQUEDB_ORACLE");
  char path[1024];
  bench t = {0};
  pq_value rules;
  size_t n;
  FILE *file;
  snprintf(path, sizeof path, "%s/rules.json", folder == NULL ? "../shared/oracle" : folder);
  file = fopen(path, "rb");
  if (file == NULL) {
    printf("skipped: oracle not found\n");
    return;
  }
  n = fread(text, 1, sizeof text, file);
  fclose(file);
  unit_cx_init(&t.cx);
  pq_arena_init(&t.arena, &t.cx, 1u << 26);
  CHECK(pq_builder_new(&t.cx, &t.b) == PQ_OK);
  CHECK(pq_json_value(t.b, (pq_slice){(const uint8_t *)text, n}, &t.arena, &rules) == PQ_OK);
  if (warehouse_open(&t.w, &t.arena, t.b)) run_rules(&t, rules);
  warehouse_close(&t.w);
  printf("rules: %d run, %d skipped-unsupported\n", t.run_count, t.unsupported_count);
  pq_builder_free(t.b);
  pq_arena_release(&t.arena);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_rules);
  return unit_end();
}
