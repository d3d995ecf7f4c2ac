/* test/server/test_mongo_change.c - resume tokens, there and back and in order; what an update did;
 * events as changes; out of memory. */
#include "server/mongo_change.h"

#include "unit.h"
#include "value/json.h"

static pq_cx cx;
static pq_arena arena;
static pq_builder *builder;

static void begin(void) {
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 64u << 20);
  CHECK(pq_builder_new(&cx, &builder) == PQ_OK);
}

static void end(void) {
  pq_builder_free(builder);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static pq_value value_of(const char *text) {
  pq_value v = {0};
  CHECK(pq_json_value(builder, pq_str(text), &arena, &v) == PQ_OK);
  return v;
}

/* ---- tokens ---- */

static bool read_text(const char *text, pq_mongo_token *out) {
  pq_value v = {0};
  CHECK(pq_builder_begin_object(builder) == PQ_OK);
  CHECK(pq_builder_key_str(builder, "_data") == PQ_OK);
  CHECK(pq_builder_str(builder, text) == PQ_OK);
  CHECK(pq_builder_end(builder) == PQ_OK);
  CHECK(pq_builder_finish(builder, &arena, &v) == PQ_OK);
  return pq_token_read(v, out);
}

static void test_tokens(void) {
  static const pq_mongo_token tokens[] = {
      {1, 0, PQ_TOKEN_PLACE, "a"},
      {5, 7, PQ_TOKEN_CHANGE, "a"},
      {5, 7, PQ_TOKEN_DATABASE, "a"},
      {5, 7, PQ_TOKEN_INVALIDATE, "a"},
      {5, 8, PQ_TOKEN_CHANGE, "a"},
      {5, 1, PQ_TOKEN_CHANGE, "ab"},
      {5, 0, PQ_TOKEN_PLACE, "~"},
      {INT64_C(1772323200000041), UINT64_C(1) << 40, PQ_TOKEN_CHANGE, "%4dy%41pp"}};
  char text[PQ_TOKEN_CAP], before[PQ_TOKEN_CAP] = "";
  pq_mongo_token back;
  begin();
  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
    pq_token_text(&tokens[i], text);
    CHECK(strcmp(before, text) < 0);
    memcpy(before, text, sizeof text);
    CHECK(read_text(text, &back));
    CHECK(back.ts == tokens[i].ts && back.seq == tokens[i].seq && back.kind == tokens[i].kind);
    CHECK(strcmp(back.ns, tokens[i].ns) == 0);
  }
  end();
}

static void test_wrong_tokens(void) {
  const pq_mongo_token token = {5, 7, PQ_TOKEN_CHANGE, "abc"};
  char text[PQ_TOKEN_CAP], wrong[2 * PQ_TOKEN_CAP];
  pq_mongo_token back;
  size_t len;
  begin();
  pq_token_text(&token, text);
  len = strlen(text);
  for (size_t i = 0; i < len; i++) { /* cut off, another digit, a zero byte in the name */
    memcpy(wrong, text, len + 1);
    wrong[i] = '\0';
    CHECK(!read_text(wrong, &back) || back.ns[0] != '\0');
    memcpy(wrong, text, len + 1);
    wrong[i] = 'g';
    CHECK(!read_text(wrong, &back));
  }
  CHECK(!read_text("", &back) && !read_text("02", &back));
  memset(wrong, 'A', sizeof wrong);
  wrong[sizeof wrong - 1] = '\0';
  CHECK(!read_text(wrong, &back));
  wrong[2 * PQ_TOKEN_CAP - 2] = '\0';
  CHECK(!read_text(wrong, &back));
  CHECK(!pq_token_read((pq_value){0}, &back));
  CHECK(!pq_token_read(value_of("{\"_data\": 5}"), &back));
  end();
}

/* ---- what an update did ---- */

static const char *described(const char *before, const char *after, bool is_expanded) {
  static char text[1000];
  pq_value a = value_of(before), b = value_of(after), v = {0};
  pq_buf out;
  pq_buf_init(&out, &cx, sizeof text - 1);
  CHECK(pq_builder_begin_object(builder) == PQ_OK);
  CHECK(pq_change_describe(builder, &arena, a, b, is_expanded) == PQ_OK);
  CHECK(pq_builder_end(builder) == PQ_OK);
  CHECK(pq_builder_finish(builder, &arena, &v) == PQ_OK);
  CHECK(pq_json_print(&out, v, PQ_JSON_RELAXED) == PQ_OK);
  memcpy(text, out.p, out.len);
  text[out.len] = '\0';
  pq_buf_release(&out);
  return text;
}

static void test_described(void) {
  static const char *const rows[][3] = {
      {"{\"a\":1}", "{\"a\":1}",
       "{\"updatedFields\":{},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"a\":1,\"b\":{\"c\":1,\"d\":2},\"x\":0}", "{\"a\":1,\"b\":{\"c\":5,\"e\":3}}",
       "{\"updatedFields\":{\"b.c\":5,\"b.e\":3},\"removedFields\":[\"b.d\",\"x\"],"
       "\"truncatedArrays\":[]}"},
      {"{\"t\":[1,2,3]}", "{\"t\":[1,2,3,4]}",
       "{\"updatedFields\":{\"t.3\":4},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"t\":[1,2,3]}", "{\"t\":[9,2]}",
       "{\"updatedFields\":{\"t.0\":9},\"removedFields\":[],"
       "\"truncatedArrays\":[{\"field\":\"t\",\"newSize\":2}]}"},
      {"{\"t\":[1,2,3]}", "{\"t\":[7,8,3]}",
       "{\"updatedFields\":{\"t\":[7,8,3]},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"t\":[1]}", "{\"t\":[]}",
       "{\"updatedFields\":{\"t\":[]},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"t\":[{\"n\":1},{\"n\":2}]}", "{\"t\":[{\"n\":1},{\"n\":3}]}",
       "{\"updatedFields\":{\"t.1.n\":3},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"t\":[{\"n\":1}]}", "{\"t\":[{\"n\":3}]}",
       "{\"updatedFields\":{\"t.0.n\":3},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"a\":{\"b\":1}}", "{\"a\":5}",
       "{\"updatedFields\":{\"a\":5},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"a.b\":1,\"a\":{\"b\":1}}", "{\"a.b\":2,\"a\":{\"b\":3}}",
       "{\"updatedFields\":{\"a.b\":3},\"removedFields\":[],\"truncatedArrays\":[]}"},
      {"{\"a\":1}", "{\"a\":1.0}",
       "{\"updatedFields\":{\"a\":1.0},\"removedFields\":[],\"truncatedArrays\":[]}"}};
  begin();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *got = described(rows[i][0], rows[i][1], false);
    if (strcmp(got, rows[i][2]) != 0) fprintf(stderr, "%s\n%s\n", got, rows[i][2]);
    CHECK(strcmp(got, rows[i][2]) == 0);
  }
  end();
}

static void test_ambiguous(void) {
  begin();
  CHECK(strcmp(described("{\"a\":[{\"1\":1,\"b\":1},0]}", "{\"a\":[{\"1\":2,\"b\":3},0]}", true),
               "{\"updatedFields\":{\"a.0.1\":2,\"a.0.b\":3},\"removedFields\":[],"
               "\"truncatedArrays\":[],\"disambiguatedPaths\":{\"a.0.1\":[\"a\",0,\"1\"]}}") == 0);
  CHECK(strcmp(described("{\"a.b\":{\"c\":1},\"x\":1}", "{\"a.b\":{\"c\":2}}", true),
               "{\"updatedFields\":{\"a.b.c\":2},\"removedFields\":[\"x\"],"
               "\"truncatedArrays\":[],\"disambiguatedPaths\":{\"a.b.c\":[\"a.b\",\"c\"]}}") == 0);
  end();
}

/* ---- changes ---- */

static const char event[] =
    "{\"seq\":7,\"ts\":{\"$date\":\"2026-03-01T00:00:00Z\"},\"op\":\"UPDATE\",\"ns\":\"test\","
    "\"target\":\"entity\",\"entityId\":\"posts/p%251\",\"before\":{\"_id\":\"p%1\",\"a\":1},"
    "\"after\":{\"_id\":\"p%1\",\"a\":2},\"metadata\":null}";

static void test_kinds(void) {
  static const struct {
    const char *op, *target, *metadata;
    pq_mongo_change_kind kind;
  } rows[] = {{"CREATE", "entity", "null", PQ_MONGO_CHANGE_INSERT},
              {"UPDATE", "entity", "null", PQ_MONGO_CHANGE_UPDATE},
              {"UPDATE", "entity", "{\"replace\":true}", PQ_MONGO_CHANGE_REPLACE},
              {"UPDATE", "entity", "{\"replace\":1}", PQ_MONGO_CHANGE_UPDATE},
              {"DELETE", "entity", "null", PQ_MONGO_CHANGE_DELETE},
              {"DELETE", "entity", "{\"drop\":true}", PQ_MONGO_CHANGE_NONE},
              {"DELETE", "entity", "{\"drop\":\"last\"}", PQ_MONGO_CHANGE_DROP},
              {"UPDATE", "entity", "{\"drop\":\"last\"}", PQ_MONGO_CHANGE_UPDATE},
              {"UPDATE", "collection", "{\"drop\":\"last\"}", PQ_MONGO_CHANGE_DROP},
              {"UPDATE", "collection", "null", PQ_MONGO_CHANGE_NONE},
              {"CREATE", "rel", "null", PQ_MONGO_CHANGE_NONE}};
  begin();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[400];
    pq_mongo_change c;
    snprintf(text, sizeof text,
             "{\"op\":\"%s\",\"target\":\"%s\",\"metadata\":%s,\"ns\":\"test\",\"seq\":1,"
             "\"entityId\":\"c/1\",\"before\":{\"a\":1},\"after\":{\"a\":2}}",
             rows[i].op, rows[i].target, rows[i].metadata);
    pq_change_read(value_of(text), &c);
    CHECK(c.kind == rows[i].kind);
  }
  end();
}

/* Documents of others have no `_id`: the local id stands for it. */
static void test_keyless(void) {
  static const char keyless[] =
      "{\"seq\":7,\"ts\":{\"$date\":\"2026-03-01T00:00:00Z\"},\"op\":\"UPDATE\",\"ns\":\"test\","
      "\"target\":\"entity\",\"entityId\":\"posts/p%251\",\"before\":{\"a\":1},"
      "\"after\":{\"a\":2},\"metadata\":null}";
  pq_mongo_change_style style = {.shows_document = true, .shows_before = true};
  static const char *const names[] = {"documentKey", "fullDocument", "fullDocumentBeforeChange"};
  pq_mongo_change c;
  pq_value v;
  begin();
  pq_change_read(value_of(keyless), &c);
  CHECK(pq_change_build(&c, style, builder, &arena, &v) == PQ_OK);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    pq_slice text = {0};
    CHECK(pq_value_string(pq_object_get_str(pq_object_get_str(v, names[i]), "_id"), &text));
    CHECK(pq_slice_is(text, "p%1"));
  }
  end();
}

static void test_no_memory(void) {
  pq_mongo_change_style style = {.shows_document = true, .shows_before = true};
  pq_value v;
  int rc = PQ_ENOMEM;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_mongo_change c;
    begin();
    pq_change_read(value_of(event), &c);
    CHECK(c.token.seq == 7 && strcmp(c.token.ns, "test") == 0);
    unit_calls = 0;
    unit_fail_at = n;
    rc = pq_change_build(&c, style, builder, &arena, &v);
    if (rc == PQ_OK) CHECK(pq_value_count(v) == 9);
    pq_builder_free(builder);
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_tokens);
  RUN(test_wrong_tokens);
  RUN(test_described);
  RUN(test_ambiguous);
  RUN(test_kinds);
  RUN(test_keyless);
  RUN(test_no_memory);
  return unit_end();
}
