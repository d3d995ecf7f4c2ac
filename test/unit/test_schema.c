/* test/unit/test_schema.c - the notation of schemas: what is read, printed, refused; ids. */
#include "schema_util.h"

#include "schema/notation_int.h"

/* ---- notations: as written, as printed ---- */

static const char *const notations[][2] = {
    {"string", "string"},
    {"string!", "string!"},
    {"int?", "int"},
    {"string[]", "string[]"},
    {"string[]!", "string[]!"},
    {"string![]", "string![]"},
    {"string![]!", "string![]!"},
    {" string ! # ", "string!#"},
    {"string#!", "string!#"},
    {"email##!", "email!##"},
    {"text#fts", "text#fts"},
    {"text#fts##", "text#fts##"},
    {"vector(3)#vec", "vector(3)#vec"},
    {"uuid#hash", "uuid#hash"},
    {"string = 'x'", "string = x"},
    {"string = \"it's\"", "string = 'it\\'s'"},
    {"string = 'a\\\\b'", "string = 'a\\\\b'"},
    {"string = 'true'", "string = 'true'"},
    {"string = ''", "string = ''"},
    {"int = 0 #", "int = 0 #"},
    {"int=-5#", "int = -5 #"},
    {"number = 1.5!", "number! = 1.5"},
    {"boolean = true", "boolean = true"},
    {"enum(a,b) = a", "enum(a,b) = a"},
    {"enum( in stock , 'a,b' )#", "enum(in stock,'a,b')#"},
    {"enum(\"x\")[]", "enum(x)[]"},
    {"decimal(10,2)", "decimal(10,2)"},
    {"decimal( 5 )", "decimal(5,0)"},
    {"varchar(20)", "varchar(20)"},
    {"char(2)!#", "char(2)!#"},
    {"number", "number"},
    {"double", "number"},
    {"float", "float"},
    {"timestamp", "datetime"},
    {"datetime = now()", "datetime = now()"},
    {"uuid! = uuid()", "uuid! = uuid()"},
    {"markdown", "markdown"},
    {"url", "url"},
    {"json", "json"},
    {"binary", "binary"},
    {"date", "date"},
    {"-> User", "-> User"},
    {"->User.posts", "-> User.posts"},
    {"-> Category.items[]", "-> Category.items[]"},
    {"<- Post.author[]", "<- Post.author[]"},
    {"~> Topic.x", "~> Topic.x"},
    {"<~ Topic.x", "<~ Topic.x"},
};

static void test_schema_notations(void) {
  char json[200];
  bench t;
  bench_open(&t);
  for (size_t i = 0; i < sizeof notations / sizeof notations[0]; i++) {
    pq_schema *s;
    pq_slice text;
    pq_value spec;
    pq_builder_clear(t.b);
    CHECK(pq_builder_begin_object(t.b) == PQ_OK);
    CHECK(pq_builder_key_str(t.b, "f") == PQ_OK);
    CHECK(pq_builder_str(t.b, notations[i][0]) == PQ_OK);
    CHECK(pq_builder_end(t.b) == PQ_OK);
    CHECK(pq_builder_finish(t.b, &t.arena, &spec) == PQ_OK);
    CHECK(pq_schema_parse(&t.arena, spec, NULL, &s) == PQ_OK);
    if (s == NULL) {
      fprintf(stderr, "%s\n", t.cx.msg);
      continue;
    }
    CHECK(s->field_count == 1);
    CHECK(s->fields[0].id == 1);
    CHECK(pq_schema_notation(&t.arena, &s->fields[0], &text) == PQ_OK);
    snprintf(json, sizeof json, "%.*s", (int)text.n, (const char *)text.p);
    CHECK(unit_same(json, notations[i][1]));
  }
  bench_close(&t);
}

static void test_schema_fields(void) {
  bench t;
  const pq_schema_field *f;
  pq_schema *s;
  bench_open(&t);
  s = bench_schema(&t,
                   "{\"a\": \"string![]!\", \"b\": \"-> User\", \"c\": \"<~ Post.author[]\","
                   " \"d\": {\"e\": [{\"f\": \"char(2)##\"}]}}",
                   NULL);
  CHECK(s == NULL);
  CHECK(strstr(t.cx.msg, "field 'd.e.f': '##' is for single values") != NULL);
  s = bench_schema(&t,
                   "{\"a\": \"string![]!\", \"b\": \"-> User\", \"c\": \"<~ Post.author[]\","
                   " \"d\": {\"e\": [{\"f\": \"char(2)#\"}]}, \"g\": \"int##\"}",
                   NULL);
  CHECK(s != NULL);
  f = &s->fields[0];
  CHECK(f->is_required && f->is_list && f->is_item_required && f->type == PQ_FIELD_STRING);
  f = &s->fields[1];
  CHECK(f->type == PQ_FIELD_EDGE && !f->is_list && f->is_reverse_inferred);
  CHECK(pq_slice_is(f->target, "User") && pq_slice_is(f->reverse, "b_of"));
  f = &s->fields[2];
  CHECK(f->is_backward && f->is_fuzzy && f->is_list && pq_slice_is(f->reverse, "author"));
  f = pq_schema_find(s, pq_str("d.e.f"));
  CHECK(f != NULL && f->length_min == 2 && f->length_max == 2 && f->id == 6);
  CHECK(pq_schema_find(s, pq_str("d.e.x")) == NULL);
  CHECK(pq_schema_find(s, pq_str("d.")) == NULL);
  CHECK(pq_schema_find(s, pq_str("")) == NULL);
  CHECK(s->fields[4].is_unique && s->fields[4].is_indexed);
  CHECK(s->next_id == 8);
  CHECK(s->mode == PQ_VALIDATE_PERMISSIVE && s->has_data);
  bench_close(&t);
}

/* ---- what is refused ---- */

static const struct {
  const char *spec, *message;
} mistakes[] = {
    {"[]", "a schema is an object of fields, got array"},
    {"{\"a\": 5}", "field 'a': expects a notation as 'string!', an object, or a list"},
    {"{\"a\": [\"string\"]}", "a list of texts is 'string[]'"},
    {"{\"a\": \"strng!\"}", "unknown type 'strng', did you mean 'string'? at column 1 of 'strng!'"},
    {"{\"a\": \"bool\"}", "did you mean 'boolean'?"},
    {"{\"a\": \"\"}", "field 'a': expects a type at column 1 of ''"},
    {"{\"price\": \"decimal(10,2\"}", "field 'price': expects ')' at column 13 of 'decimal(10,2'"},
    {"{\"a\": \"decimal\"}", "expects '(' at column 8"},
    {"{\"a\": \"decimal(40)\"}", "expects a number from 1 to 38 at column 9"},
    {"{\"a\": \"decimal(5,6)\"}", "expects a number from 0 to 5 at column 11"},
    {"{\"a\": \"varchar(x)\"}", "expects a number at column 9"},
    {"{\"a\": \"varchar(99999999999)\"}", "expects a number from 1 to 16777216"},
    {"{\"a\": \"string(5)\"}", "this type takes no parameters: at column 7"},
    {"{\"a\": \"enum()\"}", "expects a value of the enum at column 6"},
    {"{\"a\": \"enum(a,b,a)\"}", "a value of the enum stands there twice: at column 10"},
    {"{\"a\": \"enum\"}", "an enum needs its values"},
    {"{\"a\": \"vector\"}", "a vector needs its dimensions"},
    {"{\"a\": \"string!?\"}", "one of '!' and '?' is enough: at column 8"},
    {"{\"a\": \"string!!\"}", "one of '!' and '?' is enough"},
    {"{\"a\": \"string[][]\"}", "a list of lists is written json: at column 9"},
    {"{\"a\": \"string###\"}", "one of '#' and '##' is enough: at column 9"},
    {"{\"a\": \"string#ft\"}", "unknown index '#', its kind 'ft', did you mean 'fts'?"},
    {"{\"a\": \"string x\"}", "expects '!', '?', '[]', '#', '=' or the end at column 8"},
    {"{\"a\": \"string = 'x\"}", "a quote is not closed at column 10"},
    {"{\"a\": \"string = 'x\\\\n'\"}", "a backslash stands only before quotes and backslashes"},
    {"{\"a\": \"string = \"}", "expects a default at column 10"},
    {"{\"a\": \"string = null\"}", "null is no default"},
    {"{\"a\": \"string = 'x' []\"}", "'[]' stands before the default"},
    {"{\"a\": \"string = 5\"}", "field 'a': the default expects string, got int 5"},
    {"{\"a\": \"int = 1.5\"}", "the default expects int, got double 1.5"},
    {"{\"a\": \"date = 2024-01-01\"}", "expects a default: a number, true, false, a word or"},
    {"{\"a\": \"datetime = nw()\"}", "unknown function 'nw', did you mean 'now'?"},
    {"{\"a\": \"string = now()\"}", "as a default now() is for dates, uuid() for uuids"},
    {"{\"a\": \"enum(a,b) = c\"}", "the default expects one of 'a', 'b', got string 'c'"},
    {"{\"a\": \"string[] = [1]\"}", "the default expects string, got int 1"},
    {"{\"a\": \"string[] = [1\"}", "the default is no JSON: at column 12"},
    {"{\"a\": \"int#fts\"}", "'#fts' is for texts"},
    {"{\"a\": \"string#vec\"}", "'#vec' is for vectors"},
    {"{\"a\": \"json#\"}", "'#' is for values of a simple type"},
    {"{\"a\": \"string[]##\"}", "'##' is for single values"},
    {"{\"a\": \"-> \"}", "expects the name of a type at column 4"},
    {"{\"a\": \"-> User.\"}", "expects a name behind '.' at column 9"},
    {"{\"a\": \"<- Post\"}", "expects '.' and the field that comes from there at column 8"},
    {"{\"a\": \"-> User.x!\"}", "expects '.', '[]' or the end at column 10"},
    {"{\"a\": {}}", "an object needs fields"},
    {"{\"a\": {\"$b\": \"int\"}}", "field 'a.$b': the name of a nested field begins with '$'"},
    {"{\"a.b\": \"int\"}", "the name of a field has a '.'"},
    {"{\"\": \"int\"}", "the name of a field is empty"},
    {"{\"a\": {\"type\": \"int\", \"requird\": true}}",
     "beside 'type' there is no option 'requird', did you mean 'required'?"},
    {"{\"a\": {\"type\": 5}}", "option 'type' needs a notation or an object of fields"},
    {"{\"a\": {\"type\": \"int\", \"required\": 1}}", "option 'required' needs true or false"},
    {"{\"a\": {\"type\": \"int\", \"min\": \"x\"}}", "option 'min' expects int, got string 'x'"},
    {"{\"a\": {\"type\": \"int\", \"min\": 5, \"max\": 4}}", "min is above max"},
    {"{\"a\": {\"type\": \"string\", \"min\": 5}}", "lengths have minLength and maxLength"},
    {"{\"a\": {\"type\": \"int\", \"minLength\": 5}}", "is for texts and lists"},
    {"{\"a\": {\"type\": \"string\", \"maxLength\": 0}}", "needs a whole number above 0"},
    {"{\"a\": {\"type\": \"string\", \"minLength\": 5, \"maxLength\": 4}}", "minLength is above"},
    {"{\"a\": {\"type\": \"string\", \"pattern\": \"(\"}}",
     "option 'pattern' is no regular expression"},
    {"{\"a\": {\"type\": \"int\", \"pattern\": \"x\"}}", "option 'pattern' is for texts"},
    {"{\"a\": {\"type\": \"string\", \"enum\": []}}", "needs a list of values"},
    {"{\"a\": {\"type\": \"string\", \"enum\": [1]}}", "option 'enum' expects string, got int 1"},
    {"{\"a\": {\"type\": \"int\", \"enum\": [1, 1]}}", "has a value twice"},
    {"{\"a\": {\"type\": \"int\", \"default\": null}}", "is null, which is no default"},
    {"{\"a\": {\"type\": \"int = 5\", \"default\": 5}}", "stands beside '='"},
    {"{\"a\": {\"type\": \"int\", \"index\": \"x\"}}", "needs true, false, 'unique'"},
    {"{\"a\": {\"type\": \"int\", \"metric\": \"cosine\"}}", "is for vectors"},
    {"{\"a\": {\"type\": \"vector(3)\", \"dimensions\": 4}}", "contradicts the dimensions"},
    {"{\"a\": {\"type\": \"vector(3)\", \"metric\": \"x\"}}", "needs 'cosine'"},
    {"{\"a\": {\"type\": \"-> X\", \"required\": true}}", "is not for relationships"},
    {"{\"a\": {\"type\": \"-> X\", \"threshold\": 0.5}}", "is for relationships with '~'"},
    {"{\"a\": {\"type\": \"~> X\", \"threshold\": 2}}", "needs a number from 0 to 1"},
    {"{\"$idd\": \"a\", \"a\": \"string\"}",
     "a schema has no directive '$idd', did you mean '$id'?"},
    {"{\"$id\": \"b\", \"a\": \"string\"}", "directive '$id' names 'b', which is no field"},
    {"{\"$id\": \"a\", \"a\": \"int\"}", "which is no single text"},
    {"{\"$name\": 5, \"a\": \"int\"}", "directive '$name' needs a text"},
    {"{\"$mode\": \"strickt\"}", "did you mean 'strict'?"},
    {"{\"$shred\": [\"x\"]}", "directive '$shred' names 'x', which is no field"},
    {"{\"$options\": {\"rowGroupsize\": 1}}", "did you mean 'rowGroupSize'?"},
    {"{\"$options\": {\"rowGroupSize\": 0}}", "rowGroupSize needs a whole number"},
    {"{\"$options\": {\"bloomRate\": 0.6}}", "bloomRate needs a number from 0.0001 to 0.5"},
    {"{\"$options\": {\"bloomRate\": 0}}", "bloomRate needs a number"},
    {"{\"$options\": {\"bloomrate\": 0.1}}", "did you mean 'bloomRate'?"},
    {"{\"$options\": {\"compression\": \"zip\"}}", "compression needs 'zstd'"},
    {"{\"$options\": {\"sortBy\": [\"x\"]}}", "names 'x', which is no field"},
    {"{\"$options\": {\"includeDataVariant\": false}}", "needs \"$mode\": \"strict\""},
    {"{\"$rename\": {\"a\": \"b\"}, \"b\": \"int\"}", "needs a schema that is there already"},
    {"{\"$ids\": {\"b\": 1}, \"a\": \"int\"}", "directive '$ids': 'a' has no id"},
    {"{\"$ids\": {\"a\": 1, \"b\": 2}, \"a\": \"int\"}", "names what is no field"},
    {"{\"$ids\": {\"a\": 1, \"b\": 1}, \"a\": \"int\", \"b\": \"int\"}", "has an id twice"},
    {"{\"$ids\": {\"a\": 0}, \"a\": \"int\"}", "needs a whole number above 0"},
    {"{\"$ids\": {\"a\": 3}, \"$nextId\": 3, \"a\": \"int\"}", "needs a number above all ids"},
};

static void test_schema_mistakes(void) {
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    bench t;
    pq_schema *s;
    bench_open(&t);
    s = bench_schema(&t, mistakes[i].spec, NULL);
    CHECK(s == NULL);
    CHECK(t.cx.code == PQ_EINVALID);
    CHECK(strstr(t.cx.msg, mistakes[i].message) != NULL);
    if (strstr(t.cx.msg, mistakes[i].message) == NULL)
      fprintf(stderr, "%s\n  got:    %s\n  wanted: %s\n", mistakes[i].spec, t.cx.msg,
              mistakes[i].message);
    bench_close(&t);
  }
}

static void test_schema_unsupported(void) {
  static const char *const specs[] = {"{\"$extends\": \"Base\", \"a\": \"int\"}",
                                      "{\"$abstract\": true, \"a\": \"int\"}",
                                      "{\"$indexes\": [{\"fields\": [\"a\"]}], \"a\": \"int\"}"};
  bench t;
  bench_open(&t);
  for (int i = 0; i < 3; i++) {
    CHECK(bench_schema(&t, specs[i], NULL) == NULL);
    CHECK(t.cx.code == PQ_EUNSUPPORTED);
  }
  bench_close(&t);
}

/* ---- limits ---- */

static void test_schema_limits(void) {
  pq_buf text;
  bench t;
  bench_open(&t);
  pq_buf_init(&text, &t.cx, 1 << 24);
  for (int depth = 16; depth <= 17; depth++) {
    pq_buf_clear(&text);
    for (int i = 0; i < depth; i++)
      CHECK(pq_buf_put_str(&text, "{\"a\": ") == PQ_OK);
    CHECK(pq_buf_put_str(&text, "{\"a\": \"int\"}") == PQ_OK);
    for (int i = 0; i < depth; i++)
      CHECK(pq_buf_put_str(&text, "}") == PQ_OK);
    CHECK(pq_buf_put_byte(&text, 0) == PQ_OK);
    CHECK((bench_schema(&t, (const char *)text.p, NULL) != NULL) == (depth == 16));
  }
  CHECK(t.cx.code == PQ_ELIMIT);
  for (int count = PQ_SCHEMA_FIELDS_MAX; count <= PQ_SCHEMA_FIELDS_MAX + 1; count++) {
    pq_buf_clear(&text);
    for (int i = 0; i < count; i++)
      CHECK(pq_buf_printf(&text, "%s\"f%d\": \"int\"", i == 0 ? "{" : ",", i) == PQ_OK);
    CHECK(pq_buf_put(&text, "}", 2) == PQ_OK);
    CHECK((bench_schema(&t, (const char *)text.p, NULL) != NULL) ==
          (count == PQ_SCHEMA_FIELDS_MAX));
  }
  CHECK(t.cx.code == PQ_ELIMIT);
  for (int count = PQ_SCHEMA_VALUES_MAX; count <= PQ_SCHEMA_VALUES_MAX + 1; count++) {
    pq_buf_clear(&text);
    for (int i = 0; i < count; i++)
      CHECK(pq_buf_printf(&text, "%sv%d", i == 0 ? "{\"a\": \"enum(" : ",", i) == PQ_OK);
    CHECK(pq_buf_put(&text, ")\"}", 4) == PQ_OK);
    CHECK((bench_schema(&t, (const char *)text.p, NULL) != NULL) ==
          (count == PQ_SCHEMA_VALUES_MAX));
  }
  CHECK(t.cx.code == PQ_ELIMIT);
  pq_buf_release(&text);
  bench_close(&t);
}

/* ---- printing ---- */

static const char *const whole[] = {
    "{\"$ids\":{},\"$nextId\":1}",
    "{\"$type\":\"Post\",\"$id\":\"slug\",\"$name\":\"title\",\"$description\":\"x\",\"$mode\":"
    "\"strict\",\"$ns\":\"u\",\"$shred\":[\"title\"],\"$options\":{\"includeDataVariant\":false,"
    "\"compression\":\"zstd\",\"rowGroupSize\":100,\"sortBy\":[\"$id\"]},\"$layout\":[[1]],"
    "\"$sidebar\":true,\"$studio\":{\"a\":1},\"slug\":\"string!\",\"title\":\"string\","
    "\"$ids\":{\"slug\":1,\"title\":2},\"$nextId\":7}",
    "{\"a\":{\"type\":{\"type\":\"int\"}},\"b\":[{\"type\":\"int\"}],\"c\":{\"x\":{\"y\":"
    "\"string!\"}},\"d\":{\"type\":{\"y\":\"int\"},\"list\":true,\"required\":true,\"minLength\":1}"
    ","
    "\"$ids\":{\"a\":4,\"a.type\":1,\"b\":2,\"b.type\":3,\"c\":5,\"c.x\":6,\"c.x.y\":7,\"d\":8,"
    "\"d.y\":9},\"$nextId\":10}",
    "{\"a\":{\"type\":\"string!\",\"pattern\":\"^a\",\"minLength\":2,\"maxLength\":5},\"b\":"
    "{\"type\":\"int\",\"enum\":[1,2],\"min\":0,\"max\":7},\"c\":{\"type\":\"vector(3)\","
    "\"metric\":\"cosine\"},\"d\":{\"type\":\"~> Topic\",\"threshold\":0.8},\"e\":{\"type\":"
    "\"datetime\",\"default\":{\"$date\":\"2024-01-01T00:00:00Z\"}},\"f\":{\"type\":\"email[]\","
    "\"maxLength\":3},\"g\":{\"type\":\"decimal(5,2)\",\"default\":{\"$numberDecimal\":\"1.50\"}},"
    "\"h\":{\"type\":\"varchar(5)\",\"description\":\"short\"},\"i\":{\"type\":\"int[]\","
    "\"default\":[1,2]},\"$ids\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,"
    "\"i\":9},\"$nextId\":10}",
};

static void test_schema_print(void) {
  bench t;
  bench_open(&t);
  for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
    pq_schema *s = bench_schema(&t, whole[i], NULL);
    if (s == NULL) fprintf(stderr, "%s\n", t.cx.msg);
    CHECK(s != NULL && unit_same(bench_print(&t, s), whole[i]));
  }
  bench_close(&t);
}

static void test_schema_normal_form(void) {
  bench t;
  pq_schema *s;
  bench_open(&t);
  s = bench_schema(&t,
                   "{\"a\": {\"type\": \"string\", \"enum\": [\"x\", \"y z\"], \"required\": true,"
                   " \"default\": \"x\", \"index\": \"unique\"}, \"b\": {\"type\": \"vector\","
                   " \"dimensions\": 2, \"index\": \"vector\"}, \"c\": {\"type\": \"datetime\","
                   " \"default\": \"now()\"}, \"d\": {\"type\": \"string\", \"list\": true},"
                   " \"e\": \"date = '2024-02-29'\", \"f\": {\"type\": {\"x\": \"int\"}}}",
                   NULL);
  CHECK(s != NULL);
  CHECK(unit_same(bench_print(&t, s),
                  "{\"a\":\"enum(x,y z)! = x ##\",\"b\":\"vector(2)#vec\","
                  "\"c\":\"datetime = now()\",\"d\":\"string[]\",\"e\":{\"type\":\"date\","
                  "\"default\":{\"$date\":\"2024-02-29T00:00:00Z\"}},\"f\":{\"x\":\"int\"},"
                  "\"$ids\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"f.x\":7},"
                  "\"$nextId\":8}"));
  bench_close(&t);
}

/* ---- ids ---- */

static void test_schema_ids(void) {
  bench t;
  pq_schema *a, *b, *c;
  bench_open(&t);
  a = bench_schema(&t, "{\"a\": \"int\", \"b\": \"int\", \"o\": {\"x\": \"int\"}}", NULL);
  b = bench_schema(&t,
                   "{\"d\": \"int\", \"bb\": \"int\", \"o\": {\"xx\": \"int\", \"y\": \"int\"},"
                   " \"$rename\": {\"b\": \"bb\", \"o.x\": \"o.xx\"}}",
                   a);
  CHECK(a != NULL && b != NULL);
  CHECK(unit_same(bench_print(&t, b),
                  "{\"d\":\"int\",\"bb\":\"int\",\"o\":{\"xx\":\"int\",\"y\":\"int\"},\"$ids\":"
                  "{\"d\":5,\"bb\":2,\"o\":3,\"o.xx\":4,\"o.y\":6},\"$nextId\":7}"));
  /* What show prints can be edited and set again; 5 is never given twice. */
  c = bench_schema(&t,
                   "{\"bb\": \"int\", \"z\": \"int\", \"$ids\": {\"d\": 5, \"bb\": 2},"
                   " \"$nextId\": 7}",
                   b);
  CHECK(c != NULL && c->fields[0].id == 2 && c->fields[1].id == 7 && c->next_id == 8);
  CHECK(bench_schema(&t, "{\"bb\": \"int\", \"$ids\": {\"bb\": 3}}", b) == NULL);
  CHECK(strstr(t.cx.msg, "'bb' has another id in the old schema") != NULL);
  CHECK(bench_schema(&t, "{\"q\": \"int\", \"$rename\": {\"x\": \"q\"}}", b) == NULL);
  CHECK(strstr(t.cx.msg, "'x' is no field of the old schema") != NULL);
  CHECK(bench_schema(&t, "{\"d\": \"int\", \"bb\": \"int\", \"$rename\": {\"bb\": \"d\"}}", b) ==
        NULL);
  CHECK(bench_schema(&t, "{\"q\": \"int\", \"$rename\": {\"o.y\": \"q\"}}", b) == NULL);
  CHECK(strstr(t.cx.msg, "would move to another object") != NULL);
  CHECK(bench_schema(&t, "{\"q\": \"int\", \"$rename\": {\"d\": \"q\", \"bb\": \"q\"}}", b) ==
        NULL);
  CHECK(strstr(t.cx.msg, "is the new name of two fields") != NULL);
  bench_close(&t);
}

/* ---- every allocation fails once ---- */

static int parse_and_print(bench *t, pq_value *spec) {
  pq_schema *s, *again;
  pq_value printed;
  PQ_TRY(pq_builder_new(&t->cx, &t->b));
  PQ_TRY(pq_json_value(t->b, pq_str(whole[3]), &t->arena, spec));
  PQ_TRY(pq_schema_parse(&t->arena, *spec, NULL, &s));
  PQ_TRY(pq_schema_print(s, t->b, &t->arena, &printed));
  return pq_schema_parse(&t->arena, printed, s, &again);
}

static void test_schema_out_of_memory(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    bench t;
    pq_value spec;
    CHECK(bench_try_open(&t) == PQ_OK);
    unit_fail_at = n;
    rc = parse_and_print(&t, &spec);
    pq_builder_free(t.b);
    pq_arena_release(&t.arena);
  }
}

int main(void) {
  RUN(test_schema_notations);
  RUN(test_schema_fields);
  RUN(test_schema_mistakes);
  RUN(test_schema_unsupported);
  RUN(test_schema_limits);
  RUN(test_schema_print);
  RUN(test_schema_normal_form);
  RUN(test_schema_ids);
  RUN(test_schema_out_of_memory);
  return unit_end();
}
