/* Variables, scopes, constants that are evaluated at once, and what is refused. */
#include "expression_util.h"

static void test_let(void) {
  fixture f;
  begin(&f);
  CHECK(gives(
      &f, "{\"$let\": {\"vars\": {\"a\": 1, \"b\": 2}, \"in\": {\"$add\": [\"$$a\", \"$$b\"]}}}",
      INT("3")));
  /* The values of one $let do not see each other. */
  CHECK(gives(&f,
              "{\"$let\": {\"vars\": {\"a\": 1}, \"in\": {\"$let\": {\"vars\": {\"a\": 2, \"b\": "
              "\"$$a\"}, \"in\": \"$$b\"}}}}",
              INT("1")));
  CHECK(fails(&f, "{\"$let\": {\"vars\": {\"A\": 1}, \"in\": 1}}", PQ_EINVALID,
              "must begin with a-z"));
  CHECK(fails(&f, "{\"$let\": {\"vars\": {\"a\": 1}, \"in\": \"$$b\"}}", PQ_EINVALID,
              "'$$b' is not defined"));
  CHECK(fails(&f, "[{\"$let\": {\"vars\": {\"a\": 1}, \"in\": 1}}, \"$$a\"]", PQ_EINVALID,
              "'$$a' is not defined"));
  end(&f);
}

/* A new $$CURRENT is where paths begin, as long as its scope lasts. */
static void test_current(void) {
  fixture f;
  const char *doc = "{\"a\": 1, \"o\": {\"a\": 2}}";
  begin(&f);
  CHECK(is(result(&f, doc, "{\"$let\": {\"vars\": {\"CURRENT\": \"$o\"}, \"in\": \"$a\"}}"),
           INT("2")));
  CHECK(is(result(&f, doc,
                  "{\"$let\": {\"vars\": {\"CURRENT\": \"$o\"}, \"in\": [\"$$CURRENT.a\", "
                  "\"$$ROOT.a\", {\"$getField\": \"a\"}]}}"),
           "[" INT("2") "," INT("1") "," INT("2") "]"));
  CHECK(
      is(result(&f, doc, "[{\"$let\": {\"vars\": {\"CURRENT\": \"$o\"}, \"in\": \"$a\"}}, \"$a\"]"),
         "[" INT("2") "," INT("1") "]"));
  end(&f);
}

static void test_depth(void) {
  fixture f;
  char text[16384];
  begin(&f);
  for (int count = PQ_VARIABLES_MAX; count <= PQ_VARIABLES_MAX + 1; count++) {
    size_t n = 0;
    n += (size_t)snprintf(text + n, sizeof text - n, "{\"$let\": {\"vars\": {");
    for (int i = 0; i < count; i++)
      n += (size_t)snprintf(text + n, sizeof text - n, "%s\"v%d\": %d", i == 0 ? "" : ", ", i, i);
    snprintf(text + n, sizeof text - n, "}, \"in\": \"$$v0\"}}");
    if (count == PQ_VARIABLES_MAX)
      CHECK(gives(&f, text, INT("0")));
    else
      CHECK(fails(&f, text, PQ_ELIMIT, "64 variables"));
  }
  end(&f);
}

static void test_system_variables(void) {
  fixture f;
  begin(&f);
  CHECK(fails(&f, "\"$$USER_ROLES\"", PQ_EUNSUPPORTED, "'$$USER_ROLES' is not supported"));
  CHECK(fails(&f, "\"$$CLUSTER_TIME\"", PQ_EUNSUPPORTED, "CLUSTER_TIME"));
  CHECK(fails(&f, "\"$$PRUNE\"", PQ_EINVALID, "only for $redact"));
  f.env.has_redact = true;
  CHECK(gives(&f, "{\"$cond\": [true, \"$$DESCEND\", \"$$PRUNE\"]}", "\"descend\""));
  CHECK(gives(&f, "\"$$PRUNE\"", "\"prune\""));
  CHECK(gives(&f, "\"$$KEEP\"", "\"keep\""));
  CHECK(fails(&f, "\"$$KEEP.a\"", PQ_EINVALID, "has no fields"));
  end(&f);
}

/* What is constant is evaluated when it is parsed: its errors come though no document asks. */
static void test_constants(void) {
  fixture f;
  pq_expression *e;
  begin(&f);
  CHECK(fails(&f, "{\"$cond\": [true, 1, {\"$divide\": [1, 0]}]}", PQ_EINVALID, "divide by 0"));
  CHECK(pq_expression_parse(&f.arena, NULL, value_of(&f, "{\"$divide\": [1, 0]}"), &e) ==
        PQ_EINVALID);
  CHECK(gives(&f, "{\"$cond\": [true, 1, {\"$divide\": [1, \"$none\"]}]}", INT("1")));
  CHECK(gives(
      &f, "{\"$map\": {\"input\": {\"$range\": [0, 3]}, \"in\": {\"$multiply\": [\"$$this\", 2]}}}",
      "[" INT("0") "," INT("2") "," INT("4") "]"));
  CHECK(gives(&f, "{\"a\": {\"b\": {\"$add\": [1, 1]}}}", "{\"a\":{\"b\":" INT("2") "}}"));
  end(&f);
}

static void test_refused(void) {
  fixture f;
  begin(&f);
  CHECK(fails(&f, "{\"$function\": {}}", PQ_EUNSUPPORTED, "no JavaScript"));
  CHECK(fails(&f, "{\"$meta\": \"textScore\"}", PQ_EUNSUPPORTED, "text search"));
  CHECK(fails(&f, "{\"$toHashedIndexKey\": 1}", PQ_EUNSUPPORTED, "hashed"));
  CHECK(fails(&f, "{\"$ad\": [1]}", PQ_EINVALID, "did you mean '$a"));
  CHECK(fails(&f, "{\"$add\": [1], \"b\": 1}", PQ_EINVALID, "only field"));
  CHECK(fails(&f, "{\"$subtract\": [1]}", PQ_EINVALID, "takes 2 arguments, not 1"));
  CHECK(fails(&f, "\"$a..b\"", PQ_EINVALID, "empty part"));
  end(&f);
}

static void test_collation(void) {
  fixture f;
  const char *doc = "{\"a\": \"X\", \"b\": \"x\"}";
  begin(&f);
  CHECK(is(result(&f, doc, "{\"$eq\": [\"$a\", \"$b\"]}"), "false"));
  f.eval.collation.is_folded = true;
  CHECK(is(result(&f, doc, "{\"$eq\": [\"$a\", \"$b\"]}"), "true"));
  CHECK(is(result(&f, doc, "{\"$cmp\": [\"$a\", \"y\"]}"), INT("-1")));
  end(&f);
}

/* Every allocation fails once. */
static void test_memory(void) {
  static const char text[] =
      "{\"$let\": {\"vars\": {\"x\": {\"$add\": [1, {\"$numberDecimal\": \"1E+50\"}]}}, \"in\": "
      "[\"$$x\", {\"$toString\": \"$a\"}, {\"$setField\": {\"field\": \"f\", \"input\": "
      "\"$$ROOT\", "
      "\"value\": {\"$convert\": {\"input\": \"AQ==\", \"to\": {\"type\": \"binData\", "
      "\"subtype\": "
      "5}, \"format\": \"base64\"}}}}]}}";
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_arena arena;
    pq_builder *b;
    pq_expression *e;
    pq_value spec, doc, out;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1 << 24);
    rc = pq_builder_new(&cx, &b);
    if (rc == PQ_OK) rc = pq_json_value(b, PQ_SLICE(text), &arena, &spec);
    if (rc == PQ_OK) rc = pq_json_value(b, PQ_SLICE("{\"a\": 1.5}"), &arena, &doc);
    if (rc == PQ_OK) rc = pq_expression_parse(&arena, NULL, spec, &e);
    if (rc == PQ_OK) {
      pq_eval eval = {.cx = &cx, .arena = &arena, .builder = b, .root = doc};
      rc = pq_expression_eval(e, &eval, &out);
    }
    pq_builder_free(b);
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_let);
  RUN(test_current);
  RUN(test_depth);
  RUN(test_system_variables);
  RUN(test_constants);
  RUN(test_refused);
  RUN(test_collation);
  RUN(test_memory);
  return unit_end();
}
