/* test/unit/test_entity_document.c - documents of typed collections as columns, and back: the form
 * that columns tell (schema_normal.c), which columns a file has (entity_fields.c, field_tree.c,
 * leaf_cell.c), and what is made of them (entity_document.c). */
#include <stdarg.h>

#include "parquet_util.h"
#include "shred/entity.h"
#include "value/json.h"

#define STRICT "\"$mode\": \"strict\", \"$options\": {\"includeDataVariant\": false}"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
  pq_schema *schema;
  pq_index_set set;
  pq_writer *writer;
} fixture;

static int value_of(fixture *f, const char *json, pq_value *out) {
  pq_builder_clear(f->builder);
  return pq_json_value(f->builder, pq_str(json), &f->arena, out);
}

static int setup(fixture *f, const char *schema) {
  pq_value spec;
  *f = (fixture){.cx = f->cx};
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  PQ_TRY(pq_builder_new(&f->cx, &f->builder));
  PQ_TRY(value_of(f, schema, &spec));
  PQ_TRY(pq_schema_parse(&f->arena, spec, NULL, &f->schema));
  PQ_TRY(pq_schema_columns_all(&f->arena, NULL, f->schema, &f->set));
  return pq_schema_columns_written(&f->arena, &f->set, f->schema, &f->set);
}

static void teardown(fixture *f) {
  pq_writer_free(f->writer);
  pq_builder_free(f->builder);
  pq_arena_release(&f->arena);
}

/* The document as a collection stores it. */
static int stored(fixture *f, const char *json, pq_value *out) {
  const pq_problem *problems;
  uint32_t count;
  pq_value doc;
  pq_eval eval = {.cx = &f->cx, .arena = &f->arena, .builder = f->builder};
  *out = (pq_value){0};
  PQ_TRY(value_of(f, json, &doc));
  return pq_schema_validate(f->schema, f->schema->mode, &eval, &f->arena, doc, out, &problems,
                            &count);
}

/* Every number typed, so that equal texts are equal values of equal types in equal order. */
static char *text_of(fixture *f, pq_value v) {
  char *text = NULL;
  pq_buf buf;
  pq_buf_init(&buf, &f->cx, 1u << 24);
  if (pq_json_print(&buf, v, PQ_JSON_CANONICAL) == PQ_OK)
    text = pq_arena_str(&f->arena, pq_buf_slice(&buf));
  pq_buf_release(&buf);
  return text == NULL ? "(no text)" : text;
}

static int write_file(fixture *f, pq_entity *entities, uint32_t count) {
  pq_entity_table table = {PQ_SLICE("things"), f->set.columns, f->set.count, f->schema};
  for (uint32_t i = 0; i < count; i++) {
    char *id = pq_arena_printf(&f->arena, "things/t%06u", i);
    if (id == NULL) return f->cx.code;
    entities[i].id = pq_str(id);
    entities[i].type = PQ_SLICE("Thing");
    entities[i].version = 1;
  }
  return pq_entity_file_write(&f->cx, NULL, &table, entities, count, &f->writer);
}

static int read_rows(opened *o, uint32_t group, const pq_row_range *ranges, uint32_t count,
                     pq_entity_rows *out) {
  int rc;
  DRIVE(rc, &o->f, o->bytes,
        pq_entity_rows_want(&o->f, &o->file, group, PQ_WANT_ALL, ranges, count, &o->arena));
  if (rc != PQ_OK) return rc;
  return pq_entity_rows_read(&o->f, &o->arena, &o->file, group, PQ_WANT_ALL, ranges, count, out);
}

/* ---- the form that columns tell ---- */

static const struct {
  const char *schema, *given, *normal;
  bool is_told; /* so that no $data is needed */
} forms[] = {
    {"\"a\": \"int\"", "{\"a\":5}", NULL, true},
    {"\"a\": \"int\"", "{\"a\":{\"$numberLong\":\"5\"}}", "{\"a\":{\"$numberInt\":\"5\"}}", true},
    {"\"a\": \"int\"", "{\"a\":5000000000}", NULL, true},
    {"\"a\": \"int\", \"b\": \"string\"", "{\"b\":\"x\",\"a\":null}", "{\"b\":\"x\"}", true},
    {"\"a\": \"int\", \"b\": \"string\"", "{\"b\":\"x\",\"a\":1,\"_id\":7}",
     "{\"_id\":7,\"a\":1,\"b\":\"x\"}", true},
    {"\"a\": \"int\"", "{\"_id\":{\"$oid\":\"0123456789abcdef01234567\"},\"a\":1}", NULL, true},
    {"\"a\": \"int\"", "{\"_id\":{\"x\":1,\"y\":[2.5]}}", NULL, true},
    {"\"a\": \"int\"", "{\"_id\":null,\"a\":1}", NULL, false},
    {"\"a\": \"number\"", "{\"a\":5}", "{\"a\":5.0}", true},
    {"\"a\": \"number\"", "{\"a\":9007199254740993}", NULL, false},
    {"\"a\": \"number\"", "{\"a\":{\"$numberDecimal\":\"1.5\"}}", NULL, false},
    {"\"a\": \"number\"", "{\"a\":{\"$numberDouble\":\"NaN\"}}", NULL, true},
    {"\"a\": \"number\"", "{\"a\":-0.0}", NULL, true},
    {"\"a\": \"float\"", "{\"a\":3}", "{\"a\":3.0}", true},
    {"\"a\": \"float\"", "{\"a\":0.1}", "{\"a\":0.10000000149011612}", true},
    {"\"a\": \"decimal(9,2)\"", "{\"a\":-19.99}", "{\"a\":{\"$numberDecimal\":\"-19.99\"}}", true},
    {"\"a\": \"decimal(18,2)\"", "{\"a\":-1}", "{\"a\":{\"$numberDecimal\":\"-1.00\"}}", true},
    {"\"a\": \"decimal(38,3)\"",
     "{\"a\":{\"$numberDecimal\":\"-12345678901234567890123456789012345.678\"}}", NULL, true},
    {"\"a\": \"decimal(38,38)\"", "{\"a\":{\"$numberDecimal\":\"0.5\"}}",
     "{\"a\":{\"$numberDecimal\":\"0.50000000000000000000000000000000000000\"}}", true},
    {"\"a\": \"string\"", "{\"a\":{\"$symbol\":\"x\"}}", "{\"a\":\"x\"}", true},
    {"\"a\": \"date\"", "{\"a\":\"1969-02-28\"}", "{\"a\":{\"$date\":\"1969-02-28T00:00:00Z\"}}",
     true},
    {"\"a\": \"datetime\"", "{\"a\":\"1969-02-28T01:02:03.004Z\"}",
     "{\"a\":{\"$date\":\"1969-02-28T01:02:03.004Z\"}}", true},
    {"\"a\": \"uuid\"", "{\"a\":{\"$uuid\":\"550e8400-e29b-41d4-a716-446655440000\"}}", NULL, true},
    {"\"a\": \"binary\"", "{\"a\":{\"$binary\":{\"base64\":\"AAAA\",\"subType\":\"00\"}}}", NULL,
     true},
    {"\"a\": \"binary\"", "{\"a\":{\"$binary\":{\"base64\":\"AAAA\",\"subType\":\"05\"}}}", NULL,
     false},
    {"\"a\": \"vector(2)\"", "{\"a\":[1,0.5]}", "{\"a\":[1.0,0.5]}", true},
    {"\"a\": \"vector(2)[]\"", "{\"a\":[[1,0.5],null,[2.5,3.5]]}",
     "{\"a\":[[1.0,0.5],null,[2.5,3.5]]}", true},
    {"\"a\": \"int[]\"", "{\"a\":[1,null,{\"$numberLong\":\"3\"}]}", "{\"a\":[1,null,3]}", true},
    {"\"a\": \"string[]\"", "{\"a\":[]}", NULL, true},
    {"\"a\": \"json\"", "{\"a\":{\"z\":1,\"b\":[null,{\"c\":2.5}]}}", NULL, true},
    {"\"a\": \"json[]\"", "{\"a\":[1,null,\"x\"]}", NULL, true},
    {"\"a\": {\"x\": \"int\", \"y\": \"string\"}", "{\"a\":{\"y\":\"s\",\"x\":null}}",
     "{\"a\":{\"y\":\"s\"}}", true},
    {"\"a\": {\"x\": \"int\", \"y\": \"string\"}", "{\"a\":{\"y\":\"s\",\"x\":1}}",
     "{\"a\":{\"x\":1,\"y\":\"s\"}}", true},
    {"\"a\": {\"x\": \"int\"}", "{\"a\":{}}", NULL, true},
    {"\"a\": [{\"x\": \"int[]\"}]", "{\"a\":[{},{\"x\":[1]},null,{\"x\":[]}]}", NULL, true},
    {"\"version\": \"int\", \"name\": \"string\", \"$name\": \"name\"",
     "{\"version\":7,\"name\":\"n\"}", NULL, true},
};

static void test_normal_form(void) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    const char *wanted = forms[i].normal == NULL ? forms[i].given : forms[i].normal;
    char schema[400];
    fixture f;
    opened o;
    pq_entity entity = {0};
    pq_entity_rows rows;
    pq_value doc;
    unit_cx_init(&f.cx);
    snprintf(schema, sizeof schema, "{%s, " STRICT "}", forms[i].schema);
    CHECK(setup(&f, schema) == PQ_OK && stored(&f, forms[i].given, &entity.data) == PQ_OK);
    CHECK(value_of(&f, wanted, &doc) == PQ_OK);
    if (strcmp(text_of(&f, doc), text_of(&f, entity.data)) != 0)
      fprintf(stderr, "%s: %s\n", forms[i].schema, text_of(&f, entity.data));
    CHECK(strcmp(text_of(&f, doc), text_of(&f, entity.data)) == 0);
    CHECK(write_file(&f, &entity, 1) == PQ_OK);
    CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
    CHECK(pq_entity_is_columnar(o.file.footer) == forms[i].is_told);
    CHECK(read_rows(&o, 0, NULL, 0, &rows) == PQ_OK && rows.count == 1);
    if (rows.count == 1 && strcmp(text_of(&f, doc), text_of(&f, rows.rows[0].data)) != 0)
      fprintf(stderr, "%s: %s\n", forms[i].schema, text_of(&f, rows.rows[0].data));
    CHECK(rows.count == 1 && strcmp(text_of(&f, doc), text_of(&f, rows.rows[0].data)) == 0);
    opened_release(&o);
    teardown(&f);
    CHECK(unit_live_len == 0);
  }
}

/* ---- random documents ---- */

#define ALL_TYPES                                                                                 \
  "{\"s\": \"string\", \"i\": \"int#\", \"n\": \"number\", \"b\": \"boolean\", \"f\": \"float\"," \
  " \"d\": \"date\", \"at\": \"datetime\", \"u\": \"uuid\", \"x\": \"binary\","                   \
  " \"m\": \"decimal(8,2)\", \"w\": \"decimal(30,5)\", \"e\": \"enum(en,de)\","                   \
  " \"tags\": \"string[]\", \"prices\": \"decimal(12,3)[]\", \"v\": \"vector(3)\","               \
  " \"j\": \"json\", \"js\": \"json[]\", \"updatedAt\": \"string\","                              \
  " \"o\": {\"p\": \"int#\", \"q\": {\"r\": \"string[]\", \"t\": \"datetime\"}},"                 \
  " \"os\": [{\"k\": \"string\", \"vs\": [{\"z\": \"int\", \"y\": \"number[]\"}]}], " STRICT "}"

static uint64_t random_state;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % n;
}

static bool chance(uint32_t percent) {
  return random_below(100) < percent;
}

typedef struct writer {
  char text[16384];
  size_t n;
} writer;

static void say(writer *w, const char *form, ...) {
  va_list args;
  va_start(args, form);
  w->n += (size_t)vsnprintf(w->text + w->n, sizeof w->text - w->n, form, args);
  va_end(args);
}

static void say_json(writer *w, int depth) {
  switch (random_below(depth > 2 ? 5 : 7)) {
    case 0: say(w, "null"); return;
    case 1: say(w, "%u", random_below(1000)); return;
    case 2: say(w, "%u.25", random_below(1000)); return;
    case 3: say(w, "\"t%u\"", random_below(1000)); return;
    case 4: say(w, "{\"$numberDecimal\": \"%u.5\"}", random_below(1000)); return;
    case 5: say(w, "{\"b\": "), say_json(w, depth + 1), say(w, ", \"a\": 1}"); return;
    default: say(w, "[2, "), say_json(w, depth + 1), say(w, "]"); return;
  }
}

static void say_list(writer *w, int kind) {
  uint32_t n = random_below(4);
  say(w, "[");
  for (uint32_t i = 0; i < n; i++) {
    if (i > 0) say(w, ", ");
    if (chance(15))
      say(w, "null");
    else if (kind == 0)
      say(w, "\"g%u\"", random_below(30));
    else if (kind == 1)
      say(w, "%s%u.%03u", chance(50) ? "-" : "", random_below(100000), random_below(1000));
    else
      say_json(w, 0);
  }
  say(w, "]");
}

static void say_lines(writer *w) {
  uint32_t n = random_below(3);
  say(w, "[");
  for (uint32_t i = 0; i < n; i++) {
    if (i > 0) say(w, ", ");
    if (chance(10)) {
      say(w, "null");
      continue;
    }
    say(w, "{");
    if (chance(60)) say(w, "\"k\": \"k%u\"", random_below(9));
    if (chance(60)) {
      say(w, "%s\"vs\": [", w->text[w->n - 1] == '{' ? "" : ", ");
      for (uint32_t k = 0, count = random_below(3); k < count; k++)
        say(w, "%s{\"y\": [%u, 1.5], \"z\": %u}", k > 0 ? ", " : "", random_below(9), k);
      say(w, "]");
    }
    say(w, "}");
  }
  say(w, "]");
}

static void say_value(writer *w, int field) {
  switch (field) {
    case 0: say(w, "\"s\": \"text %u\"", random_below(100000)); return;
    case 1: say(w, "\"i\": %s%u", chance(50) ? "-" : "", 1 + random_below(1000)); return;
    case 2: say(w, "\"i\": %u00000000000", 1 + random_below(1000)); return;
    case 3: say(w, "\"n\": %u.5", random_below(1000)); return;
    case 4: say(w, "\"n\": %u", random_below(1000)); return;
    case 5: say(w, "\"b\": %s", chance(50) ? "true" : "false"); return;
    case 6: say(w, "\"f\": 0.%u", random_below(100000)); return;
    case 7: say(w, "\"d\": \"19%02u-02-%02u\"", random_below(100), 1 + random_below(28)); return;
    case 8:
      say(w, "\"at\": \"20%02u-02-03T04:05:06.%03uZ\"", random_below(99), random_below(999));
      return;
    case 9: say(w, "\"u\": \"550e8400-e29b-41d4-a716-4466554%05u\"", random_below(99999)); return;
    case 10:
      say(w, "\"x\": {\"$binary\": {\"base64\": \"AAA%c\", \"subType\": \"00\"}}",
          'A' + (char)random_below(26));
      return;
    case 11:
      say(w, "\"m\": %s%u.%02u", chance(50) ? "-" : "", random_below(100000), random_below(100));
      return;
    case 12:
      say(w, "\"w\": {\"$numberDecimal\": \"%s%u000000000000000.%05u\"}", chance(50) ? "-" : "",
          random_below(100000), random_below(100000));
      return;
    case 13: say(w, "\"e\": \"de\""); return;
    case 14: say(w, "\"tags\": "), say_list(w, 0); return;
    case 15: say(w, "\"prices\": "), say_list(w, 1); return;
    case 16: say(w, "\"v\": [%u, 0.5, -%u]", random_below(99), random_below(99)); return;
    case 17: say(w, "\"j\": "), say_json(w, 0); return;
    case 18: say(w, "\"js\": "), say_list(w, 2); return;
    case 19: say(w, "\"updatedAt\": \"u%u\"", random_below(99)); return;
    case 20:
      say(w, "\"o\": {\"q\": {\"r\": "), say_list(w, 0), say(w, "}, \"p\": %u}", random_below(99));
      return;
    case 21: say(w, "\"o\": {\"q\": {}}"); return;
    case 22: say(w, "\"os\": "), say_lines(w); return;
    default: say(w, "\"_id\": %u", random_below(1000)); return;
  }
}

/* Fields that are different (a value each), in any order. */
static void say_document(writer *w) {
  static const int groups[][2] = {{0, 0},   {1, 2},   {3, 4},   {5, 5},   {6, 6},   {7, 7},
                                  {8, 8},   {9, 9},   {10, 10}, {11, 11}, {12, 12}, {13, 13},
                                  {14, 14}, {15, 15}, {16, 16}, {17, 17}, {18, 18}, {19, 19},
                                  {20, 21}, {22, 22}, {23, 23}};
  enum { N = sizeof groups / sizeof *groups };
  uint32_t from = random_below(N), step = 1 + random_below(N - 1), count = random_below(N);
  bool is_said[N] = {false};
  w->n = 0;
  say(w, "{");
  for (uint32_t i = 0; i < count; i++) {
    uint32_t g = (from + i * step) % N;
    if (is_said[g]) continue;
    is_said[g] = true;
    if (w->text[w->n - 1] != '{') say(w, ", ");
    say_value(w, groups[g][chance(50)]);
  }
  say(w, "}");
}

static int make_documents(fixture *f, pq_entity *entities, uint32_t count) {
  writer *w = pq_arena_calloc(&f->arena, 1, sizeof *w);
  if (w == NULL) return f->cx.code;
  for (uint32_t i = 0; i < count; i++) {
    int rc;
    say_document(w);
    rc = stored(f, w->text, &entities[i].data);
    if (rc != PQ_OK) fprintf(stderr, "%s: %s\n", w->text, f->cx.msg);
    PQ_TRY(rc);
  }
  return PQ_OK;
}

enum { RANDOM_ROWS = 1500 };

static bool is_same(fixture *f, const pq_entity *a, const pq_entity *b) {
  bool same = pq_slice_eq(a->id, b->id) && strcmp(text_of(f, a->data), text_of(f, b->data)) == 0;
  if (!same) fprintf(stderr, "wrote %s\nread  %s\n", text_of(f, a->data), text_of(f, b->data));
  return same;
}

static void test_random_documents(void) {
  fixture f;
  opened o;
  pq_entity *entities;
  pq_entity_rows rows;
  const pq_row_range some[] = {{3, 4}, {10, 700}, {1100, 1101}, {1499, 1500}};
  uint32_t wrong = 0, at = 0;
  unit_cx_init(&f.cx);
  random_state = 7;
  CHECK(setup(&f, ALL_TYPES) == PQ_OK);
  entities = pq_arena_calloc(&f.arena, RANDOM_ROWS, sizeof *entities);
  CHECK(entities != NULL && make_documents(&f, entities, RANDOM_ROWS) == PQ_OK);
  CHECK(write_file(&f, entities, RANDOM_ROWS) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(pq_entity_is_columnar(o.file.footer));
  CHECK(read_rows(&o, 0, NULL, 0, &rows) == PQ_OK && rows.count == RANDOM_ROWS);
  for (uint32_t i = 0; i < rows.count; i++)
    wrong += !is_same(&f, &entities[i], &rows.rows[i]);
  CHECK(wrong == 0);
  CHECK(read_rows(&o, 0, some, 4, &rows) == PQ_OK && rows.count == 693);
  for (uint32_t r = 0; r < 4; r++)
    for (uint32_t i = some[r].lo; i < some[r].hi && at < rows.count; i++)
      wrong += !is_same(&f, &entities[i], &rows.rows[at++]);
  CHECK(wrong == 0 && at == 693);
  opened_release(&o);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* One document that columns do not tell: the file keeps $data, and the lists of scalars. */
static void test_document_kept(void) {
  fixture f;
  opened o;
  pq_entity entities[3] = {0};
  pq_entity_rows rows;
  unit_cx_init(&f.cx);
  CHECK(setup(&f,
              "{\"a\": \"int\", \"tags\": \"string[]\", \"v\": \"vector(2)\", \"j\": \"json\", "
              "\"o\": {\"x\": \"int\"}, " STRICT "}") == PQ_OK);
  CHECK(stored(&f, "{\"a\": 1, \"tags\": [\"x\"]}", &entities[0].data) == PQ_OK);
  CHECK(value_of(&f, "{\"more\": 1, \"tags\": [\"x\", 5]}", &entities[1].data) == PQ_OK);
  CHECK(stored(&f, "{\"tags\": []}", &entities[2].data) == PQ_OK);
  CHECK(write_file(&f, entities, 3) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(!pq_entity_is_columnar(o.file.footer));
  CHECK(pq_footer_leaf(o.file.footer, "tags.list.element") >= 0);
  CHECK(pq_footer_leaf(o.file.footer, "v.list.element") < 0);
  CHECK(pq_footer_leaf(o.file.footer, "o.x") < 0 && pq_footer_leaf(o.file.footer, "j.value") < 0);
  CHECK(read_rows(&o, 0, NULL, 0, &rows) == PQ_OK && rows.count == 3);
  for (uint32_t i = 0; i < rows.count; i++)
    CHECK(is_same(&f, &entities[i], &rows.rows[i]));
  opened_release(&o);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_documents_oom(void) {
  int rc;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f = {0};
    opened o = {0};
    pq_entity entities[2] = {0};
    pq_entity_rows rows;
    bool is_open = false;
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    rc = setup(&f, "{\"a\": \"int\", \"o\": [{\"x\": \"string[]\"}], \"j\": \"json\", " STRICT "}");
    if (rc == PQ_OK) rc = stored(&f, "{\"j\": 1, \"o\": [{\"x\": [\"y\"]}]}", &entities[0].data);
    if (rc == PQ_OK) rc = stored(&f, "{\"a\": 1}", &entities[1].data);
    if (rc == PQ_OK) rc = write_file(&f, entities, 2);
    if (rc == PQ_OK) {
      is_open = true;
      rc = open_bytes(&o, &f.cx, pq_writer_bytes(f.writer));
    }
    if (rc == PQ_OK) rc = read_rows(&o, 0, NULL, 0, &rows);
    if (is_open) opened_release(&o);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_normal_form);
  RUN(test_random_documents);
  RUN(test_document_kept);
  RUN(test_documents_oom);
  return unit_end();
}
