/* test/unit/test_rules.c - the one-line rules of the oracle: filters, sorts, projections, updates,
 * expressions, stages.
 *
 *   {"n": name, "ex": filter | [filter, options] | expression, "docs": [...], "d": DocumentDB's
 * answer}
 *
 * The texts inside are JSON with shell notations, which become Extended JSON before they are read:
 *
 *   {"v": L(1)}  ──►  {"v": {"$numberLong": "1"}}
 *
 * Filters are asked twice: by plain evaluation, and as a find over flushed files. Projections,
 * updates and stages are commands: over the tail, and over flushed files.
 *
 * The answer of a filter is the list of `_id`, that of an expression {"r": value}, that of a
 * command the documents, with their fields in order; an error begins with ERR. The folder is
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
enum { FILTERS_END = 48, PROJECTIONS_END = 55, COLLATION_BEGIN = 55, COLLATION_END = 57 };
enum { UPDATES_BEGIN = 57, UPDATES_END = 89, STAGES_BEGIN = 133, TAIL_COLLECTIONS = 1000 };
enum { EXPRESSIONS_BEGIN = 89, EXPRESSIONS_END = 133 };
enum { FILE_CAP = 1 << 20, TEXT_CAP = 1 << 14, DOCS_MAX = 32 };

/* Where we differ on purpose; see doc/mongodb-review.md. */
static const char *const deviations[] = {
    "order of types asc",                       /* null and missing are equal: any order is right */
    "array sort desc uses max elem",            /* [] sorts below null, descending too */
    "$jsonSchema bsonType/required",            /* DocumentDB does not know `required` */
    "$toString 1e21",                           /* on the oracle's list of suspected deviations */
    "$set new fields sorted lexicographically", /* theirs keeps the order of the $set */
    "$push $slice:0 on missing",                /* on the oracle's list */
    "arrayFilters empty array stays []",        /* on the oracle's list */
    "$count of empty gives no doc",             /* on the oracle's list */
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

/* ---- projections, updates, stages: as commands ---- */

/* What the texts of the rules leave out: the filter of "a.$", the filter of "$[e]". */
static const struct hidden {
  const char *rule, *filter, *array_filters;
} hidden_parts[] = {
    {"positional $", "{\"a\": 5}", NULL},
    {"$[id] arrayFilters", NULL, "[{\"e.x\": {\"$gt\": 2}}]"},
    {"arrayFilters empty array stays []", NULL, "[{\"e.x\": {\"$gt\": 2}}]"},
};

static void put_update(bench *t, pq_value rule, uint32_t i) {
  pq_value ex = read_text(t, get(rule, "ex"));
  const char *filter = "{}", *array_filters = NULL;
  bool is_replacement = pq_value_type(ex) == PQ_TYPE_OBJECT;
  pq_slice name = {0};
  uint32_t count;
  pq_field *fields = is_replacement ? pq_object_fields(&t->arena, ex, &count) : NULL;
  if (fields != NULL) is_replacement = fields[0].name.p[0] != '$';
  CHECK(pq_value_string(get(rule, "n"), &name));
  for (size_t k = 0; k < sizeof hidden_parts / sizeof *hidden_parts; k++) {
    if (!pq_slice_is(name, hidden_parts[k].rule)) continue;
    if (hidden_parts[k].filter != NULL) filter = hidden_parts[k].filter;
    array_filters = hidden_parts[k].array_filters;
  }
  begin(&t->w, is_replacement ? "replaceOne" : "updateOne", i);
  put_text(&t->w, ",\"filter\":");
  put_text(&t->w, filter);
  put_option(&t->w, is_replacement ? "replacement" : "update", ex);
  if (array_filters == NULL) return;
  put_text(&t->w, ",\"arrayFilters\":");
  put_text(&t->w, array_filters);
}

/* `from` of $lookup is the rule's own collection. */
static void put_pipeline(bench *t, pq_value rule, uint32_t i) {
  static const char needle[] = "\"rules\"";
  pq_buf *text = &t->w.text;
  char own[16];
  size_t from, at = 0;
  begin(&t->w, "aggregate", i);
  from = text->len;
  put_option(&t->w, "pipeline", read_text(t, get(rule, "ex")));
  put_text(&t->w, ",\"plain\":true");
  snprintf(own, sizeof own, "\"c%u\"", i);
  for (at = from; at + sizeof needle - 1 <= text->len; at++) {
    if (memcmp(text->p + at, needle, sizeof needle - 1) != 0) continue;
    CHECK(strlen(own) < sizeof needle);
    memset(text->p + at, ' ', sizeof needle - 1);
    memcpy(text->p + at, own, strlen(own));
  }
}

/* The documents that a rule's command leaves or gives, in collection `i`. */
static int run_command(bench *t, pq_value rule, uint32_t kind, uint32_t i, bool is_flushed,
                       pq_value *out) {
  pq_value ex = read_text(t, get(rule, "ex"));
  reply r;
  begin(&t->w, "insert", i);
  put_option(&t->w, "documents", read_text(t, get(rule, "docs")));
  must_run(&t->w);
  if (is_flushed) {
    pq_buf_clear(&t->w.text);
    put_text(&t->w, "{\"flush\":1");
    must_run(&t->w);
  }
  if (kind >= STAGES_BEGIN) {
    put_pipeline(t, rule, i);
  } else {
    if (kind >= UPDATES_BEGIN) {
      put_update(t, rule, i);
      r = run(&t->w);
      if (r.status != PQDB_OK) return r.status;
    }
    begin(&t->w, "find", i);
    put_text(&t->w, ",\"plain\":true");
    if (kind < UPDATES_BEGIN) {
      put_option(&t->w, "filter", pq_array_at(ex, 0));
      put_option(&t->w, "project", get(pq_array_at(ex, 1), "projection"));
    }
  }
  r = run(&t->w);
  *out = r.docs;
  return r.status;
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

/* The same as a command: its driver has time zones. */
static int run_as_stage(bench *t, pq_value rule, pq_value *out) {
  reply r;
  pq_buf_clear(&t->w.text);
  put_text(&t->w, "{\"aggregate\":1,\"pipeline\":[{\"$documents\":");
  put_value(&t->w, read_text(t, get(rule, "docs")));
  put_text(&t->w, "},{\"$replaceWith\":{\"r\":");
  put_value(&t->w, read_text(t, get(rule, "ex")));
  put_text(&t->w, "}}]");
  r = run(&t->w);
  *out = pq_array_at(r.docs, 0);
  return r.status;
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
    printf("not supported: %.*s\n", (int)name.n, (const char *)name.p);
    return;
  }
  t->run_count++;
  if (is_deviation) return;
  if (rc == PQ_OK) ours_text = text_of(t, ours);
  if (want.n > 3 && memcmp(want.p, "ERR", 3) == 0) {
    is_same = rc != PQ_OK;
  } else if (pq_slice_is(want, "(no change)")) {
    is_same = rc == PQ_OK && pq_slice_eq(ours_text, text_of(t, read_text(t, get(rule, "docs"))));
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
    bool is_expression = i >= EXPRESSIONS_BEGIN && i < EXPRESSIONS_END;
    pq_value rule = pq_array_at(rules, i), ours = {0}, flushed = {0};
    int rc;
    if (is_filter) {
      rc = run_filter(t, rule, &ours);
    } else if (is_expression) {
      rc = run_expression(t, rule, &ours);
      if (rc == PQ_EUNSUPPORTED) rc = run_as_stage(t, rule, &ours);
    } else {
      rc = run_command(t, rule, i, i, true, &flushed);
      CHECK(run_command(t, rule, i, TAIL_COLLECTIONS + i, false, &ours) == rc);
      CHECK(pq_value_is_equal(ours, flushed));
    }
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
