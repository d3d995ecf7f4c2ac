/* test/unit/test_oracle_update.c - answers of DocumentDB's own regression tests for updates and for
 * projections of find.
 *
 *   {"src": file, "fn": "bson_update_document", "args": [document, {"": update}, filter, {"": array
 *    filters}], "rows": [document] | [""] | "error"}          "": the update changed nothing
 *   {"fn": "bson_dollar_project_find", "args": [document, projection, filter], "rows" | "error"}
 *
 * The answer must be ours in value, type and order of fields; where they gave an error, ours must
 * be one too. An update of {} is an upsert. Where we differ on purpose stands below, by line of the
 * file, and with the reasons in doc/mongodb-review.md. The folder: see test_oracle.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "expr/filter.h"
#include "expr/project.h"
#include "expr/update.h"
#include "unit.h"
#include "value/json.h"

enum { LINE_CAP = 1 << 20, SHOWN_MAX = 200 };

static const int deviations[] = {
    /* the filter's part: $ne finds no element */
    3578,
    /* names that begin with "$" are not for users at the top of a document */
    3437, 3438, 3444, 3445, 3446,
    /* "$[]" beside "$" under one field conflicts */
    3537};

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value line, args[4];
  int number, skipped_count, run_count, error_count, unsupported_count, deviation_count,
      failed_count;
} bench;

static pq_value get(pq_value v, const char *name) {
  return pq_object_get_str(v, name);
}

static pq_slice text_of(bench *t, pq_value v) {
  pq_buf buf;
  pq_slice out = {0};
  pq_buf_init(&buf, &t->cx, 1 << 24);
  if (pq_json_print(&buf, v, PQ_JSON_CANONICAL) == PQ_OK)
    CHECK(pq_arena_copy(&t->arena, pq_buf_slice(&buf), &out) == PQ_OK);
  pq_buf_release(&buf);
  return out;
}

/* A row is a document, or a record with one in quotes: ("{ ""a"" : 1 }",) */
static void unquote(char *text) {
  char *to = text, *from = text + 2;
  if (strncmp(text, "(\"", 2) != 0) return;
  for (; *from != '\0' && strcmp(from, "\",)") != 0; from++) {
    if (from[0] == '"' && from[1] == '"') from++;
    *to++ = *from;
  }
  *to = '\0';
}

/* They print numbers inside of some types as documents; Extended JSON has them plain. */
static void make_plain(char *text) {
  static const char *const heads[] = {"\"$minKey\" : ", "\"$maxKey\" : ", "\"t\" : ", "\"i\" : "};
  static const char number[] = "{ \"$numberInt\" : \"";
  for (size_t h = 0; h < sizeof heads / sizeof *heads; h++)
    for (char *p = text; (p = strstr(p, heads[h])) != NULL;) {
      p += strlen(heads[h]);
      if (strncmp(p, number, sizeof number - 1) != 0) continue;
      memset(p, ' ', sizeof number - 1);
      for (p += sizeof number - 1; *p >= '0' && *p <= '9';)
        p++;
      memset(p, ' ', 3);
    }
}

/* The JSON text in `v` as a value; what is no text, or empty, is missing. */
static int read_json(bench *t, pq_value v, pq_value *out) {
  pq_slice text;
  char *copy;
  *out = (pq_value){0};
  if (!pq_value_string(v, &text) || text.n == 0) return PQ_OK;
  if (text.p[text.n - 1] == ',') text.n--;
  copy = pq_arena_str(&t->arena, text);
  if (copy == NULL) return t->cx.code;
  unquote(copy);
  make_plain(copy);
  pq_builder_clear(t->b);
  return pq_json_value(t->b, pq_str(copy), &t->arena, out);
}

static pq_eval eval_of(bench *t) {
  return (pq_eval){.cx = &t->cx, .arena = &t->arena, .builder = t->b, .root = t->args[0]};
}

static int find_position(bench *t, pq_eval *eval, int64_t *out) {
  pq_filter *filter;
  *out = -1;
  if (pq_value_is_missing(t->args[2])) return PQ_OK;
  PQ_TRY(pq_filter_parse(&t->arena, NULL, t->args[2], &filter));
  if (!pq_filter_match(filter, eval, t->args[0], (pq_value){0})) return PQ_OK;
  *out = pq_filter_position(filter, eval, t->args[0], (pq_value){0});
  return PQ_OK;
}

static int run_projection(bench *t, pq_value *out) {
  pq_eval eval = eval_of(t);
  pq_projection *p;
  int64_t position;
  PQ_TRY(pq_projection_parse(&t->arena, NULL, t->args[1], &p));
  PQ_TRY(find_position(t, &eval, &position));
  eval.root = t->args[0];
  return pq_projection_apply(p, &eval, &t->arena, position, out);
}

/* Nothing in *out: the update changed nothing. */
static int run_update(bench *t, pq_value *out) {
  pq_eval eval = eval_of(t);
  pq_update_at at = {0};
  pq_update *update;
  pq_filter *filter;
  bool is_changed;
  if (pq_value_is_missing(t->args[0]) || pq_value_is_missing(t->args[1])) return PQ_EINVALID;
  PQ_TRY(pq_update_parse(&t->arena, NULL, get(t->args[1], ""), get(t->args[3], ""), &update));
  if (pq_value_count(t->args[0]) == 0) {
    PQ_TRY(pq_filter_parse(&t->arena, NULL, t->args[2], &filter));
    return pq_update_upsert(update, filter, &eval, &t->arena, out);
  }
  if (pq_update_is_positional(update)) PQ_TRY(find_position(t, &eval, &at.position));
  PQ_TRY(pq_update_apply(update, &eval, &t->arena, t->args[0], at, out, &is_changed));
  if (!is_changed) *out = (pq_value){0};
  return PQ_OK;
}

/* ---- judging ---- */

static void show(bench *t, const char *why, pq_slice ours, pq_value theirs) {
  pq_slice text;
  unit_failed++;
  if (++t->failed_count > SHOWN_MAX) return;
  fprintf(stderr, "line %d: FAIL %s\n", t->number, why);
  for (uint32_t i = 0; i < pq_value_count(get(t->line, "args")); i++)
    if (pq_value_string(pq_array_at(get(t->line, "args"), i), &text))
      fprintf(stderr, "  %.*s\n", (int)text.n, (const char *)text.p);
  fprintf(stderr, "  ours   %.*s\n", (int)ours.n, ours.n == 0 ? "" : (const char *)ours.p);
  if (pq_value_string(theirs, &text))
    fprintf(stderr, "  theirs %.*s\n", (int)text.n, (const char *)text.p);
}

/* Several new fields of one update: theirs are in the order of the update, ours by name. */
static bool is_order_deviation(bench *t, pq_value ours, pq_value theirs) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->arena, ours, &count);
  if (fields == NULL || count != pq_value_count(theirs)) return false;
  for (uint32_t i = 0; i < count; i++)
    if (!pq_slice_eq(text_of(t, fields[i].value),
                     text_of(t, pq_object_get(theirs, fields[i].name))))
      return false;
  return true;
}

static bool is_deviation(const bench *t) {
  for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
    if (deviations[i] == t->number) return true;
  return false;
}

static void judge(bench *t, int rc, pq_value ours) {
  pq_value row = pq_array_at(get(t->line, "rows"), 0), theirs = {0};
  pq_slice text;
  bool is_same;
  if (rc == PQ_EUNSUPPORTED) {
    fprintf(stderr, "line %d: %s\n", t->number, t->cx.msg);
    t->unsupported_count++;
    return;
  }
  t->run_count++;
  if (pq_value_is_missing(row)) {
    t->error_count++;
    is_same = rc != PQ_OK;
  } else {
    CHECK(read_json(t, row, &theirs) == PQ_OK);
    /* They count some updates as changes that leave the document as it is. */
    if (pq_value_is_missing(ours) && !pq_value_is_missing(theirs)) ours = t->args[0];
    is_same = rc == PQ_OK && pq_slice_eq(text_of(t, ours), text_of(t, theirs));
  }
  if (is_same) {
    CHECK(!is_deviation(t));
    unit_passed++;
  } else if (is_deviation(t)) {
    t->deviation_count++;
  } else if (rc == PQ_OK && !pq_value_is_missing(row) && is_order_deviation(t, ours, theirs)) {
    t->deviation_count++;
  } else {
    text = rc == PQ_OK ? text_of(t, ours) : pq_str(t->cx.msg);
    show(t, "another answer", text, pq_value_is_missing(row) ? get(t->line, "error") : row);
  }
}

static void run_line(bench *t, pq_slice text) {
  pq_slice fn = {0};
  pq_value args, ours = {0};
  bool is_update;
  int rc = PQ_OK;
  pq_arena_clear(&t->arena);
  pq_builder_clear(t->b);
  CHECK(pq_json_value(t->b, text, &t->arena, &t->line) == PQ_OK);
  (void)pq_value_string(get(t->line, "fn"), &fn);
  is_update = pq_slice_is(fn, "bson_update_document");
  if (!is_update && !pq_slice_is(fn, "bson_dollar_project_find")) return;
  args = get(t->line, "args");
  for (uint32_t i = 0; i < 4 && rc == PQ_OK; i++)
    rc = read_json(t, pq_array_at(args, i), &t->args[i]);
  if (rc != PQ_OK) { /* NaN without quotes, "+1.0", a field twice */
    t->skipped_count++;
    return;
  }
  pq_builder_clear(t->b);
  if (rc == PQ_OK) rc = is_update ? run_update(t, &ours) : run_projection(t, &ours);
  pq_builder_clear(t->b);
  judge(t, rc, ours);
}

int main(void) {
  static char line[LINE_CAP], path[1024];
  const char *folder = getenv("PARQUEDB_ORACLE");
  bench t = {0};
  FILE *f;
  if (folder == NULL) folder = "../shared/oracle";
  snprintf(path, sizeof path, "%s/documentdb_cases.jsonl", folder);
  f = fopen(path, "rb");
  if (f == NULL) {
    printf("skipped: oracle not found\n");
    return unit_end();
  }
  unit_cx_init(&t.cx);
  pq_arena_init(&t.arena, &t.cx, 1u << 28);
  CHECK(pq_builder_new(&t.cx, &t.b) == PQ_OK);
  while (t.b != NULL && fgets(line, sizeof line, f) != NULL) {
    t.number++;
    run_line(&t, (pq_slice){(const uint8_t *)line, strlen(line)});
  }
  fclose(f);
  printf(
      "%d run (%d of them errors), %d unreadable, %d skipped-unsupported, %d deviations, %d "
      "wrong\n",
      t.run_count, t.error_count, t.skipped_count, t.unsupported_count, t.deviation_count,
      t.failed_count);
  pq_builder_free(t.b);
  pq_arena_release(&t.arena);
  CHECK(unit_live_len == 0);
  return unit_end();
}
