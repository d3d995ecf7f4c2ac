/* Unit tests of shred/index_choice.c, index_column.c and index_walk.c: which paths get a column,
 * what a document holds there, and that a cell means the value it was made of. */
#include "shred/index_column.h"
#include "unit.h"
#include "value/compare.h"
#include "value/json.h"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
} fixture;

static int setup(fixture *f) {
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  f->builder = NULL;
  return pq_builder_new(&f->cx, &f->builder);
}

static void teardown(fixture *f) {
  pq_builder_free(f->builder);
  pq_arena_release(&f->arena);
}

static int value_of(fixture *f, const char *json, pq_value *out) {
  pq_builder_clear(f->builder);
  return pq_json_value(f->builder, pq_str(json), &f->arena, out);
}

/* ---- choice ---- */

enum { DOCS_MAX = 8 };

static int choose(fixture *f, const char *const *json, const pq_index_column *old,
                  uint32_t old_count, pq_index_column **out, uint32_t *count) {
  pq_value docs[DOCS_MAX];
  uint32_t n = 0;
  for (; json[n] != NULL; n++)
    PQ_TRY(value_of(f, json[n], &docs[n]));
  return pq_index_choose(&f->arena, docs, n, old, old_count, out, count);
}

/* The type chosen for a path, 0: none. */
static pq_index_type type_at(const pq_index_column *columns, uint32_t count, const char *path) {
  for (uint32_t i = 0; i < count; i++)
    if (pq_slice_is(columns[i].path, path)) return columns[i].type;
  return 0;
}

static const char *const sample[] = {
    "{\"i\": 1, \"d\": 1.5, \"mix\": 1, \"s\": \"x\", \"b\": true, \"rare\": 1, \"odd\": 1,"
    " \"a\": {\"b\": {\"c\": 7}}, \"t\": {\"$date\": \"2026-03-01T12:00:00Z\"},"
    " \"o\": {\"$oid\": \"0123456789abcdef01234567\"}, \"name\": \"n\", \"x\": {\"name\": \"n\"}}",
    "{\"i\": 5000000000, \"d\": 2.5, \"mix\": 2.5, \"s\": \"y\", \"b\": false, \"half\": 1,"
    " \"odd\": \"text\", \"nul\": 1, \"list\": [1], \"a\": {\"b\": {\"c\": 8}},"
    " \"t\": {\"$date\": \"2026-03-02T12:00:00Z\"}, \"name\": \"m\", \"x\": {\"name\": \"n\"},"
    " \"o\": {\"$oid\": \"1123456789abcdef01234567\"}, \"long\": \"0123456789012345678901234567890"
    "123456789012345678901234567890123456789\"}",
    "{\"i\": 3, \"d\": 3.5, \"mix\": 3, \"s\": \"z\", \"b\": true, \"half\": 2, \"odd\": 2,"
    " \"nul\": null, \"list\": [2], \"deep\": {\"a\": {\"b\": {\"c\": {\"d\": 1}}}}, \"a.b\": 1,"
    " \"long\": \"01234567890123456789012345678901234567890123456789012345678901234567890\"}",
    "{\"i\": 4, \"d\": 4.5, \"mix\": 4, \"nul\": 1, \"a\": {\"b\": {\"c\": 8}}, \"s\": \"z\","
    " \"b\": true, \"t\": {\"$date\": \"2026-03-02T12:00:00Z\"}, \"list\": 1, \"odd\": 2,"
    " \"deep\": {\"a\": {\"b\": {\"c\": {\"d\": 1}}}}, \"a.b\": 2,"
    " \"o\": {\"$oid\": \"2123456789abcdef01234567\"}}",
    NULL};

static void test_index_choice(void) {
  fixture f;
  pq_index_column *c;
  uint32_t n;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  CHECK(choose(&f, sample, NULL, 0, &c, &n) == PQ_OK);
  CHECK(type_at(c, n, "i") == PQ_INDEX_INT64);
  CHECK(type_at(c, n, "d") == PQ_INDEX_DOUBLE);
  CHECK(type_at(c, n, "mix") == PQ_INDEX_DOUBLE); /* integers and doubles */
  CHECK(type_at(c, n, "s") == PQ_INDEX_STRING);
  CHECK(type_at(c, n, "b") == PQ_INDEX_BOOL);
  CHECK(type_at(c, n, "t") == PQ_INDEX_TIMESTAMP);
  CHECK(type_at(c, n, "o") == PQ_INDEX_OBJECT_ID);
  CHECK(type_at(c, n, "a.b.c") == PQ_INDEX_INT64);
  CHECK(type_at(c, n, "half") == PQ_INDEX_INT64); /* half of the documents is enough */
  CHECK(type_at(c, n, "rare") == 0);
  CHECK(type_at(c, n, "odd") == 0);  /* two types */
  CHECK(type_at(c, n, "nul") == 0);  /* an explicit null */
  CHECK(type_at(c, n, "list") == 0); /* an array */
  CHECK(type_at(c, n, "long") == 0); /* text of more than 64 bytes */
  CHECK(type_at(c, n, "name") == 0); /* a system column has it */
  CHECK(type_at(c, n, "x.name") == PQ_INDEX_STRING);
  CHECK(type_at(c, n, "deep.a.b.c.d") == 0);
  CHECK(type_at(c, n, "a.b") == 0); /* a dot in a name */
  for (uint32_t i = 0; i < n; i++)
    CHECK(c[i].field_id == PQ_INDEX_FIELD_ID_FIRST + (int32_t)i);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_index_survey(void) {
  static const struct {
    const char *path;
    pq_index_reason reason;
    uint32_t documents;
  } wanted[] = {{"i", PQ_INDEX_FITS, 4},        {"rare", PQ_INDEX_IS_RARE, 1},
                {"odd", PQ_INDEX_IS_MIXED, 4},  {"nul", PQ_INDEX_IS_OTHER, 3},
                {"list", PQ_INDEX_IS_OTHER, 3}, {"long", PQ_INDEX_IS_LONG, 2}};
  fixture f;
  pq_index_survey *survey;
  pq_index_verdict v;
  pq_value doc;
  uint32_t found = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  CHECK(pq_index_survey_new(&f.arena, &survey) == PQ_OK);
  for (uint32_t n = 0; sample[n] != NULL; n++) {
    CHECK(value_of(&f, sample[n], &doc) == PQ_OK);
    CHECK(pq_index_survey_add(survey, &f.arena, doc) == PQ_OK);
  }
  CHECK(pq_index_survey_documents(survey) == 4);
  for (uint32_t i = 0; pq_index_survey_path(survey, i, &v); i++)
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
      if (!pq_slice_is(v.path, wanted[k].path)) continue;
      CHECK(v.reason == wanted[k].reason && v.documents == wanted[k].documents);
      CHECK(v.nulls == (k == 3) && v.arrays == (k == 4 ? 2 : 0));
      if (k == 5) CHECK(v.text_len == 70.5);
      found++;
    }
  CHECK(found == sizeof wanted / sizeof *wanted);
  teardown(&f);
}

static void test_index_choice_grows(void) {
  static const char *const later[] = {"{\"i\": \"now text\", \"new\": 1}", NULL};
  static const char *const none[] = {NULL};
  static const pq_index_column old[] = {
      {.path = PQ_SLICE("i"), .type = PQ_INDEX_INT64, .field_id = 100},
      {.path = PQ_SLICE("gone"), .type = PQ_INDEX_BOOL, .field_id = 101}};
  fixture f;
  pq_index_column *c;
  uint32_t n;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  CHECK(choose(&f, later, old, 2, &c, &n) == PQ_OK && n == 3);
  CHECK(c[0].type == PQ_INDEX_INT64 && pq_slice_is(c[0].path, "i")); /* never changes type */
  CHECK(pq_slice_is(c[1].path, "gone") && c[1].field_id == 101);
  CHECK(pq_slice_is(c[2].path, "new") && c[2].field_id == 102);
  CHECK(choose(&f, none, old, 2, &c, &n) == PQ_OK && n == 2);
  CHECK(choose(&f, none, NULL, 0, &c, &n) == PQ_OK && n == 0);
  teardown(&f);
}

static void test_index_choice_limit(void) {
  fixture f;
  pq_index_column *c;
  pq_value doc;
  uint32_t n;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  CHECK(pq_builder_begin_object(f.builder) == PQ_OK);
  for (int i = 0; i < 700; i++) { /* more than are counted, too */
    char name[16];
    snprintf(name, sizeof name, "f%d", i);
    CHECK(pq_builder_key_str(f.builder, name) == PQ_OK);
    CHECK(pq_builder_i32(f.builder, i) == PQ_OK);
  }
  CHECK(pq_builder_end(f.builder) == PQ_OK);
  CHECK(pq_builder_finish(f.builder, &f.arena, &doc) == PQ_OK);
  CHECK(pq_index_choose(&f.arena, &doc, 1, NULL, 0, &c, &n) == PQ_OK);
  CHECK(n == PQ_INDEX_COLUMNS_MAX);
  CHECK(pq_slice_is(c[0].path, "f0") && pq_slice_is(c[15].path, "f15"));
  teardown(&f);
}

static void test_index_choice_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f;
    pq_index_column *c;
    uint32_t count;
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    rc = setup(&f);
    if (rc == PQ_OK) rc = choose(&f, sample, NULL, 0, &c, &count);
    teardown(&f);
  }
}

/* Sentences have no column unless they repeat; long words without blanks have. */
static void test_index_choice_prose(void) {
  fixture f;
  pq_value docs[40];
  pq_index_column *c;
  uint32_t n;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  for (int i = 0; i < 40; i++) {
    char json[400];
    snprintf(json, sizeof json,
             "{\"gloss\": \"number %d of the things that are told in some words\","
             " \"status\": \"number %d of the things that are told in some words\","
             " \"key\": \"number-%d-of-the-things-that-are-told-in-no-words\","
             " \"title\": \"the title %d\"}",
             i, i % 3, i, i);
    CHECK(value_of(&f, json, &docs[i]) == PQ_OK);
  }
  CHECK(pq_index_choose(&f.arena, docs, 40, NULL, 0, &c, &n) == PQ_OK && n == 3);
  CHECK(type_at(c, n, "gloss") == 0);
  CHECK(type_at(c, n, "status") == PQ_INDEX_STRING);
  CHECK(type_at(c, n, "key") == PQ_INDEX_STRING);
  CHECK(type_at(c, n, "title") == PQ_INDEX_STRING);
  teardown(&f);
}

/* ---- what is at a path ---- */

static pq_index_found find(fixture *f, const char *json, const char *path, pq_index_type type) {
  pq_index_column column = {.path = pq_str(path), .type = type};
  pq_index_walk *walk;
  pq_index_hit hit;
  pq_value doc;
  CHECK(value_of(f, json, &doc) == PQ_OK);
  CHECK(pq_index_walk_new(&f->arena, &column, 1, &walk) == PQ_OK);
  pq_index_walk_find(walk, doc, &hit);
  CHECK((hit.found == PQ_FOUND_VALUE) == !pq_value_is_missing(hit.value));
  return hit.found;
}

static void test_index_find(void) {
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  CHECK(find(&f, "{\"a\": 1}", "a", PQ_INDEX_INT64) == PQ_FOUND_VALUE);
  CHECK(find(&f, "{\"a\": 5000000000}", "a", PQ_INDEX_INT64) == PQ_FOUND_VALUE);
  CHECK(find(&f, "{\"a\": 1.5}", "a", PQ_INDEX_INT64) == PQ_FOUND_OTHER);
  CHECK(find(&f, "{\"a\": 1.0}", "a", PQ_INDEX_INT64) == PQ_FOUND_OTHER);
  CHECK(find(&f, "{\"a\": 1}", "a", PQ_INDEX_DOUBLE) == PQ_FOUND_VALUE);
  CHECK(find(&f, "{\"a\": 9007199254740992}", "a", PQ_INDEX_DOUBLE) == PQ_FOUND_VALUE);
  CHECK(find(&f, "{\"a\": 9007199254740993}", "a", PQ_INDEX_DOUBLE) == PQ_FOUND_OTHER);
  CHECK(find(&f, "{\"a\": \"1\"}", "a", PQ_INDEX_INT64) == PQ_FOUND_OTHER);
  CHECK(find(&f, "{\"a\": null}", "a", PQ_INDEX_INT64) == PQ_FOUND_NULL);
  CHECK(find(&f, "{\"b\": 1}", "a", PQ_INDEX_INT64) == PQ_FOUND_MISSING);
  CHECK(find(&f, "{}", "a.b", PQ_INDEX_INT64) == PQ_FOUND_MISSING);
  CHECK(find(&f, "{\"a\": 1}", "a.b", PQ_INDEX_INT64) == PQ_FOUND_MISSING);
  CHECK(find(&f, "{\"a\": null}", "a.b", PQ_INDEX_INT64) == PQ_FOUND_MISSING);
  CHECK(find(&f, "{\"a\": {\"b\": 2}}", "a.b", PQ_INDEX_INT64) == PQ_FOUND_VALUE);
  CHECK(find(&f, "{\"a\": [{\"b\": 2}]}", "a.b", PQ_INDEX_INT64) == PQ_FOUND_OTHER);
  CHECK(find(&f, "{\"a\": [1]}", "a", PQ_INDEX_INT64) == PQ_FOUND_OTHER);
  CHECK(find(&f, "{\"a\": {}}", "a", PQ_INDEX_INT64) == PQ_FOUND_OTHER);
  /* An ObjectId is a value, not an object with a field. */
  CHECK(find(&f, "{\"a\": {\"$oid\": \"0123456789abcdef01234567\"}}", "a", PQ_INDEX_OBJECT_ID) ==
        PQ_FOUND_VALUE);
  CHECK(find(&f, "{\"a\": {\"$oid\": \"0123456789abcdef01234567\"}}", "a.$oid", PQ_INDEX_STRING) ==
        PQ_FOUND_MISSING);
  teardown(&f);
}

/* ---- cells ---- */

typedef struct cell_case {
  pq_index_type type;
  const char *json;
} cell_case;

static const cell_case cells[] = {
    {PQ_INDEX_INT64, "0"},
    {PQ_INDEX_INT64, "-7"},
    {PQ_INDEX_INT64, "9223372036854775807"},
    {PQ_INDEX_DOUBLE, "1.5"},
    {PQ_INDEX_DOUBLE, "-0.0"},
    {PQ_INDEX_DOUBLE, "3"},
    {PQ_INDEX_BOOL, "true"},
    {PQ_INDEX_BOOL, "false"},
    {PQ_INDEX_TIMESTAMP, "{\"$date\": \"2026-03-01T12:00:00.123456Z\"}"},
    {PQ_INDEX_TIMESTAMP, "{\"$date\": \"1969-12-31T00:00:00Z\"}"},
    {PQ_INDEX_STRING, "\"\""},
    {PQ_INDEX_STRING, "\"short\""},
    {PQ_INDEX_STRING, "\"sixty-three bytes are the longest that the short form can hold 123\""},
    {PQ_INDEX_STRING, "\"sixty-four bytes are too many for the short form, but fit the cell\""},
    {PQ_INDEX_STRING,
     "\"more than ninety-six bytes do not fit the cell: 0123456789 0123456789 "
     "0123456789 0123456789 0123456789\""},
    {PQ_INDEX_OBJECT_ID, "{\"$oid\": \"0123456789abcdef01234567\"}"}};

/* The value as a column of one row; *plain gets its PLAIN bytes, as a statistic has them. */
static void set_column(pq_index_type type, pq_value v, pq_column *c, uint8_t word[8],
                       pq_slice *plain) {
  bool flag = false;
  *plain = (pq_slice){word, 8};
  if (type == PQ_INDEX_INT64) CHECK(pq_value_i64(v, c->v.i64));
  if (type == PQ_INDEX_TIMESTAMP) CHECK(pq_value_date_us(v, c->v.i64));
  if (type == PQ_INDEX_DOUBLE) CHECK(pq_value_number(v, c->v.f64));
  if (type == PQ_INDEX_STRING) CHECK(pq_value_string(v, c->v.bytes));
  if (type == PQ_INDEX_OBJECT_ID) CHECK(pq_value_object_id(v, c->v.bytes));
  if (type == PQ_INDEX_BOOL) {
    CHECK(pq_value_bool(v, &flag));
    *c->v.b = flag;
    plain->n = 1;
  }
  if (type == PQ_INDEX_STRING || type == PQ_INDEX_OBJECT_ID)
    *plain = *c->v.bytes;
  else
    memcpy(word, c->v.any, plain->n);
}

/* All paths in one walk, in documents whose fields stand in different places. */
static void test_index_walk(void) {
  static const pq_index_column columns[] = {{.path = PQ_SLICE("n"), .type = PQ_INDEX_INT64},
                                            {.path = PQ_SLICE("o.a"), .type = PQ_INDEX_INT64},
                                            {.path = PQ_SLICE("o.s"), .type = PQ_INDEX_STRING},
                                            {.path = PQ_SLICE("o.p.q"), .type = PQ_INDEX_BOOL}};
  static const struct {
    const char *json, *found; /* a letter a column: Value, Null, Other, Missing */
  } cases[] = {
      {"{\"n\": 1, \"o\": {\"a\": 2, \"s\": \"x\", \"p\": {\"q\": true}}}", "VVVV"},
      {"{\"b\": 0, \"n\": 1, \"o\": {\"s\": \"x\", \"p\": {\"a\": 0, \"q\": false}}}", "VMVV"},
      {"{\"n\": null, \"o\": {\"s\": \"x\", \"a\": 2, \"p\": [{\"q\": true}]}}", "NVVO"},
      {"{\"o\": [1], \"n\": \"1\"}", "OOOO"},
      {"{\"o\": {\"$oid\": \"0123456789abcdef01234567\"}, \"n\": 3}", "VMMM"},
      {"{\"o\": 5}", "MMMM"},
      {"{}", "MMMM"},
      {"{\"o\": {\"a\": 7}}", "MVMM"}};
  static const char letters[] = {[PQ_FOUND_MISSING] = 'M',
                                 [PQ_FOUND_VALUE] = 'V',
                                 [PQ_FOUND_NULL] = 'N',
                                 [PQ_FOUND_OTHER] = 'O'};
  pq_index_walk *walk;
  pq_index_hit hits[4];
  pq_value doc;
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  CHECK(pq_index_walk_new(&f.arena, columns, 4, &walk) == PQ_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(value_of(&f, cases[i].json, &doc) == PQ_OK);
    pq_index_walk_find(walk, doc, hits);
    for (int c = 0; c < 4; c++)
      CHECK(letters[hits[c].found] == cases[i].found[c]);
  }
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_index_cells(void) {
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
    uint8_t word[8], null = 0;
    pq_slice slot, plain;
    int64_t number;
    pq_value v, cell_value, checked;
    pq_cell cell;
    pq_column c = {.row_count = 1, .nulls = &null};
    bool is_text = cells[i].type == PQ_INDEX_STRING || cells[i].type == PQ_INDEX_OBJECT_ID;
    c.v.any = is_text ? (void *)&slot : (void *)&number;
    CHECK(value_of(&f, cells[i].json, &v) == PQ_OK);
    set_column(cells[i].type, v, &c, word, &plain);
    CHECK(pq_index_value(&f.arena, &c, 0, cells[i].type, &cell, &cell_value) == PQ_OK);
    CHECK(pq_value_compare(cell_value, v) == 0);
    CHECK(pq_value_hash(cell_value) == pq_value_hash(v));
    CHECK(pq_value_check(&f.cx, pq_value_meta(cell_value), pq_value_bytes(cell_value), &checked) ==
          PQ_OK);
    CHECK(pq_index_bound(&f.arena, plain, cells[i].type, &cell, &cell_value) == PQ_OK);
    CHECK(pq_value_compare(cell_value, v) == 0);
    null = 1;
    CHECK(pq_index_value(&f.arena, &c, 0, cells[i].type, &cell, &cell_value) == PQ_OK);
    CHECK(pq_value_is_missing(cell_value));
  }
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* Bytes of a statistic that do not fit the type are no value. */
static void test_index_bound_misfit(void) {
  static const pq_index_type types[] = {PQ_INDEX_INT64, PQ_INDEX_DOUBLE, PQ_INDEX_TIMESTAMP,
                                        PQ_INDEX_BOOL, PQ_INDEX_OBJECT_ID};
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    pq_cell cell;
    pq_value v;
    CHECK(pq_index_bound(&f.arena, PQ_SLICE("seven b"), types[i], &cell, &v) == PQ_OK);
    CHECK(pq_value_is_missing(v));
    CHECK(pq_index_bound(&f.arena, (pq_slice){0}, types[i], &cell, &v) == PQ_OK);
    CHECK(pq_value_is_missing(v));
  }
  teardown(&f);
}

int main(void) {
  RUN(test_index_choice);
  RUN(test_index_survey);
  RUN(test_index_choice_grows);
  RUN(test_index_choice_limit);
  RUN(test_index_choice_oom);
  RUN(test_index_choice_prose);
  RUN(test_index_find);
  RUN(test_index_walk);
  RUN(test_index_cells);
  RUN(test_index_bound_misfit);
  return unit_end();
}
