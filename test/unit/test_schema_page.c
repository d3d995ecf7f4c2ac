/* test/unit/test_schema_page.c - the examples of doc/schema.md.
 *
 *   ```json schema     parses; what follows is held against it
 *   ```json accepts    a document a line, "→" and what is stored behind it if that differs
 *   ```json refuses    a document a line, "→" and the beginning of the message
 *   | `notation` …     every `code` in the first cell of a table of notations parses
 *   | `old` | `new` | kind | reason |     of the table of changes
 *
 * Run from the top of the repository.
 */
#include "schema_util.h"

typedef enum block { TEXT, SCHEMA, ACCEPTS, REFUSES, OTHER } block;

typedef struct page {
  bench t;
  pq_schema *s;
  char text[4096]; /* of a schema */
  block block;
  bool is_changes, is_notations;
  unsigned accepted, refused, notations, changes;
} page;

static void check_notation(page *p, const char *text, size_t n) {
  pq_schema *s = NULL;
  pq_value spec;
  pq_builder_clear(p->t.b);
  CHECK(pq_builder_begin_object(p->t.b) == PQ_OK);
  CHECK(pq_builder_key_str(p->t.b, "f") == PQ_OK);
  CHECK(pq_builder_string(p->t.b, (pq_slice){(const uint8_t *)text, n}) == PQ_OK);
  CHECK(pq_builder_end(p->t.b) == PQ_OK);
  CHECK(pq_builder_finish(p->t.b, &p->t.arena, &spec) == PQ_OK);
  CHECK(pq_schema_parse(&p->t.arena, spec, NULL, &s) == PQ_OK);
  if (s == NULL) fprintf(stderr, "%.*s: %s\n", (int)n, text, p->t.cx.msg);
  p->notations++;
}

/* The next `code` before `end`. */
static bool take_code(const char **at, const char *end, const char **code, size_t *n) {
  const char *open = memchr(*at, '`', (size_t)(end - *at)), *close;
  if (open == NULL) return false;
  close = memchr(open + 1, '`', (size_t)(end - open - 1));
  if (close == NULL) return false;
  *code = open + 1;
  *n = (size_t)(close - open - 1);
  *at = close + 1;
  return true;
}

/* {"f": notation}, or {} for "(none)". */
static pq_schema *cell_schema(page *p, const char *cell, const pq_schema *old) {
  const char *code, *end = strstr(cell, " |");
  pq_value spec;
  pq_schema *s;
  size_t n;
  bool has_field = end != NULL && take_code(&cell, end, &code, &n);
  pq_builder_clear(p->t.b);
  CHECK(pq_builder_begin_object(p->t.b) == PQ_OK);
  if (has_field) CHECK(pq_builder_key_str(p->t.b, "f") == PQ_OK);
  if (has_field) CHECK(pq_builder_string(p->t.b, (pq_slice){(const uint8_t *)code, n}) == PQ_OK);
  CHECK(pq_builder_end(p->t.b) == PQ_OK);
  CHECK(pq_builder_finish(p->t.b, &p->t.arena, &spec) == PQ_OK);
  CHECK(pq_schema_parse(&p->t.arena, spec, old, &s) == PQ_OK);
  return s;
}

static void check_change(page *p, const char *line) {
  const char *second = strstr(line + 1, "| "), *third, *fourth, *reason, *kind;
  const pq_schema_change *c;
  pq_schema *a, *b;
  uint32_t count = 0;
  third = second == NULL ? NULL : strstr(second + 1, "| ");
  fourth = third == NULL ? NULL : strstr(third + 1, "| ");
  CHECK(fourth != NULL);
  if (fourth == NULL) return;
  a = cell_schema(p, line + 1, NULL);
  b = cell_schema(p, second + 1, a);
  CHECK(pq_schema_diff(&p->t.arena, a, b, &c, &count) == PQ_OK);
  CHECK(count == 1);
  if (count != 1) return;
  kind = pq_change_kind_name(c->kind);
  if (strncmp(third + 2, kind, strlen(kind)) != 0) fprintf(stderr, "%s: it is %s\n", line, kind);
  CHECK(strncmp(third + 2, kind, strlen(kind)) == 0);
  reason = fourth + 2;
  CHECK((*reason == '|') == (c->reason == NULL)); /* "| |" */
  if (c->reason != NULL && *reason != '|')
    CHECK(strncmp(c->reason, reason, strcspn(reason, "|") - 1) == 0);
  p->changes++;
}

static void check_row(page *p, const char *line) {
  const char *at = line + 2, *end = strstr(at, " |"), *code;
  size_t n;
  if (p->is_changes && (*at == '`' || *at == '('))
    check_change(p, line);
  else if (p->is_notations && *at == '`' && end != NULL)
    while (take_code(&at, end, &code, &n))
      check_notation(p, code, n);
}

static void check_document(page *p, char *line) {
  const char *arrow = " \xe2\x86\x92 ", *wanted = NULL;
  char *found = strstr(line, arrow);
  pq_value out = {0};
  int rc;
  if (found != NULL) {
    wanted = found + strlen(arrow);
    wanted += strspn(wanted, " ");
    *found = 0;
  }
  CHECK(p->s != NULL);
  if (p->s == NULL) return;
  rc = bench_validate(&p->t, p->s, p->s->mode, line, &out);
  CHECK(rc == (p->block == ACCEPTS ? PQ_OK : PQ_EINVALID));
  if (p->block == REFUSES) {
    CHECK(wanted != NULL && strncmp(p->t.cx.msg, wanted, strlen(wanted)) == 0);
    if (wanted != NULL && strncmp(p->t.cx.msg, wanted, strlen(wanted)) != 0)
      fprintf(stderr, "%s\n  got:    %s\n  wanted: %s\n", line, p->t.cx.msg, wanted);
    p->refused++;
    return;
  }
  if (rc != PQ_OK) fprintf(stderr, "%s: %s\n", line, p->t.cx.msg);
  CHECK(pq_value_is_equal(out, bench_json(&p->t, wanted != NULL ? wanted : line)));
  p->accepted++;
}

static void check_line(page *p, char *line) {
  if (strncmp(line, "```", 3) == 0) {
    block before = p->block;
    p->block = strcmp(line, "```json schema") == 0    ? SCHEMA
               : strcmp(line, "```json accepts") == 0 ? ACCEPTS
               : strcmp(line, "```json refuses") == 0 ? REFUSES
               : before == TEXT                       ? OTHER
                                                      : TEXT;
    if (p->block == SCHEMA) p->text[0] = 0;
    if (before != SCHEMA) return;
    p->s = bench_schema(&p->t, p->text, NULL);
    if (p->s == NULL) fprintf(stderr, "%s\n%s\n", p->text, p->t.cx.msg);
    CHECK(p->s != NULL);
    return;
  }
  if (p->block == SCHEMA)
    snprintf(p->text + strlen(p->text), sizeof p->text - strlen(p->text), "%s\n", line);
  if (p->block == ACCEPTS || p->block == REFUSES) check_document(p, line);
  if (p->block != TEXT || line[0] != '|') return;
  if (strncmp(line, "| notation", 10) == 0 || strncmp(line, "| before", 8) == 0 ||
      strncmp(line, "| directive", 11) == 0 || strncmp(line, "| mode", 6) == 0) {
    p->is_notations = line[2] == 'n';
    p->is_changes = line[2] == 'b';
    return;
  }
  check_row(p, line);
}

static void test_schema_page(void) {
  static page p;
  char line[1000];
  FILE *f = fopen("doc/schema.md", "r");
  CHECK(f != NULL);
  if (f == NULL) return;
  bench_open(&p.t);
  while (fgets(line, sizeof line, f) != NULL) {
    line[strcspn(line, "\n")] = 0;
    check_line(&p, line);
  }
  (void)fclose(f);
  CHECK(p.accepted >= 5 && p.refused >= 10 && p.notations >= 40 && p.changes >= 25);
  bench_close(&p.t);
}

int main(void) {
  RUN(test_schema_page);
  return unit_end();
}
