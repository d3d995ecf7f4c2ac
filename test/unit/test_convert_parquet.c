/* test/unit/test_convert_parquet.c - Parquet in and out through the converter: round trips, files
 * of the warehouse, hostile bytes, running out of memory. All types of other writers, and the
 * columns that are refused, are in test/interop/convert_interop.py.
 */
#include "convert_util.h"
#include "parquet/writer.h"
#include "parquet_util.h"

static conversion c;
static const pqdb_reader_options plain;

static int write_parquet(FILE *f, const char *const *documents, size_t count) {
  pqdb_writer_options options = {.size = sizeof options, .format = PQDB_FORMAT_PARQUET};
  pqdb_writer *w;
  int rc = pq_writer_handle_open(unit_alloc, NULL, fileno(f), "out", &options, &w);
  for (size_t i = 0; rc == PQDB_OK && i < count; i++)
    rc = pqdb_writer_add(w, documents[i], strlen(documents[i]));
  if (rc == PQDB_OK) rc = pqdb_writer_finish(w);
  pqdb_writer_close(w);
  return rc;
}

/* Write the documents, read them back. */
static void round_trip(const char *const *documents, size_t count, const char *wanted) {
  FILE *f = tmpfile();
  int rc = write_parquet(f, documents, count);
  CHECK(rc == PQDB_OK);
  convert(f, PQDB_FORMAT_PARQUET, plain, &c);
  CHECK(c.rc == PQDB_DONE && c.rows == count);
  if (c.rc != PQDB_DONE) fprintf(stderr, "  %s\n", c.message);
  CHECK(is_text(c.text, wanted));
  (void)fclose(f);
}

static bool has_type(const char *name, const char *type) {
  char text[100];
  (void)snprintf(text, sizeof text, "{\"name\":\"%s\",\"type\":\"%s\"", name, type);
  return strstr(c.description, text) != NULL;
}

static void test_parquet_scalars(void) {
  static const char *const documents[] = {
      "{\"i\":1,\"x\":1.5,\"s\":\"a\",\"ok\":true,\"t\":{\"$date\":\"2026-03-01T12:00:00.000001Z\"}"
      ","
      "\"u\":{\"$uuid\":\"00112233-4455-6677-8899-aabbccddeeff\"},"
      "\"b\":{\"$binary\":{\"base64\":\"AAE=\",\"subType\":\"00\"}}}",
      "{\"i\":9007199254740993,\"x\":2,\"s\":\"\",\"ok\":false,\"late\":\"z\"}"};
  round_trip(documents, 2,
             "{\"i\":1,\"x\":1.5,\"s\":\"a\",\"ok\":true,\"t\":{\"$date\":\"2026-03-01T12:00:00."
             "000001Z\"},\"u\":{\"$uuid\":\"00112233-4455-6677-8899-aabbccddeeff\"},"
             "\"b\":{\"$binary\":{\"base64\":\"AAE=\",\"subType\":\"00\"}}}\n"
             "{\"i\":9007199254740993,\"x\":2.0,\"s\":\"\",\"ok\":false,\"late\":\"z\"}\n");
  CHECK(has_type("i", "int64") && has_type("x", "double") && has_type("s", "text"));
  CHECK(has_type("ok", "bool") && has_type("t", "timestamp") && has_type("u", "uuid"));
  CHECK(has_type("b", "binary") && strstr(c.description, "\"rowsTotal\":2") != NULL);
}

static void test_parquet_variants(void) {
  static const char *const documents[] = {
      "{\"m\":1,\"o\":{\"k\":[1,2.5]},\"n\":null,\"z\":null,\"g\":9007199254740993}",
      "{\"m\":\"x\",\"o\":{},\"z\":{\"$numberDecimal\":\"1.50\"},\"g\":0.5}", "{}"};
  round_trip(documents, 3,
             "{\"m\":{\"$numberInt\":\"1\"},\"o\":{\"k\":[{\"$numberInt\":\"1\"},"
             "{\"$numberDouble\":\"2.5\"}]},\"n\":null,\"z\":null,"
             "\"g\":{\"$numberLong\":\"9007199254740993\"}}\n"
             "{\"m\":\"x\",\"o\":{},\"z\":{\"$numberDecimal\":\"1.50\"},"
             "\"g\":{\"$numberDouble\":\"0.5\"}}\n{}\n");
  CHECK(has_type("m", "variant") && has_type("o", "variant") && has_type("n", "variant"));
  CHECK(has_type("z", "variant") && has_type("g", "variant"));
}

static void test_parquet_empty(void) {
  static const char *const documents[] = {"{}", "{}"};
  round_trip(documents, 0, "");
  round_trip(documents, 2, "{}\n{}\n");
}

static void test_parquet_many_rows(void) {
  FILE *f = tmpfile();
  pqdb_writer_options options = {.size = sizeof options, .format = PQDB_FORMAT_PARQUET};
  pqdb_writer *w;
  CHECK(pqdb_writer_open_fd(fileno(f), "out", &options, &w) == PQDB_OK);
  for (int i = 0; i < 70000; i++) {
    char text[64];
    int len = snprintf(text, sizeof text, i % 3 ? "{\"n\":%d,\"s\":\"v%d\"}" : "{\"n\":%d}", i, i);
    if (pqdb_writer_add(w, text, (size_t)len) != PQDB_OK) CHECK(false);
  }
  CHECK(pqdb_writer_finish(w) == PQDB_OK);
  pqdb_writer_close(w);
  convert(f, PQDB_FORMAT_PARQUET, plain, &c);
  CHECK(c.rc == PQDB_DONE && c.rows == 70000);
  CHECK(strncmp(c.text, "{\"n\":0}\n{\"n\":1,\"s\":\"v1\"}\n", 25) == 0);
  (void)fclose(f);
}

/* The sample that Arrow wrote: see parquet_util.h. */
static void test_parquet_of_arrow(void) {
  convert_bytes(sample, sizeof sample, PQDB_FORMAT_PARQUET, plain, &c);
  CHECK(c.rc == PQDB_DONE && c.rows == 40 && are_objects(&c));
  c.text[strcspn(c.text, "\n")] = '\0';
  CHECK(is_text(c.text,
                "{\"id\":\"k0000\",\"n\":-7,\"s\":\"red\",\"ok\":true,"
                "\"at\":{\"$date\":\"2026-01-01T00:00:00Z\"},\"x\":0.0}"));
  convert_bytes(sample, sizeof sample, PQDB_FORMAT_PARQUET, (pqdb_reader_options){.id_field = "id"},
                &c);
  CHECK(strncmp(c.text, "{\"$id\":\"k0000\",\"id\":\"k0000\"", 27) == 0);
  convert_bytes(sample, sizeof sample, PQDB_FORMAT_PARQUET, (pqdb_reader_options){.id_field = "x"},
                &c);
  CHECK(c.rc == PQDB_VALIDATION_FAILED && strstr(c.message, "column x is double") != NULL);
}

/* A pipe has no end that one could read first. */
static void test_parquet_from_pipe(void) {
  int fds[2];
  pqdb_reader_options options = {.size = sizeof options, .format = PQDB_FORMAT_PARQUET};
  pqdb_reader *r;
  CHECK(pipe(fds) == 0 && write(fds[1], sample, sizeof sample) == (ssize_t)sizeof sample);
  (void)close(fds[1]);
  memset(&c, 0, sizeof c);
  CHECK(pqdb_reader_open_fd(fds[0], "pipe", &options, &r) == PQDB_OK);
  read_blocks(r, &c);
  CHECK(c.rc == PQDB_DONE && c.rows == 40);
  pqdb_reader_close(r);
  (void)close(fds[0]);
}

/* ---- a file of the warehouse ---- */

static int make_ours(pq_cx *cx, pq_writer **out) {
  static const pq_column_spec specs[] = {
      {.name = "$id", .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING, .field_id = 1},
      {.name = "$type", .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING, .field_id = 2},
      {.name = "version", .phys = PQ_PHYS_INT64, .field_id = 8},
      {.name = "deleted", .phys = PQ_PHYS_BOOL, .field_id = 9},
      {.name = "$data", .logical = PQ_LOGICAL_VARIANT, .field_id = 10}};
  static const char *const texts[] = {"{\"b\":{\"$numberLong\":\"5\"},\"a\":[1]}", "{\"x\":1}",
                                      "{}"};
  pq_slice ids[] = {PQ_SLICE("posts/a"), PQ_SLICE("posts/b"), PQ_SLICE("posts/c%2Fd")};
  pq_slice types[] = {PQ_SLICE("Post"), PQ_SLICE("Post"), PQ_SLICE("Note")};
  int64_t versions[] = {1, 2, 3};
  uint8_t deleted[] = {0, 1, 0};
  pq_slice metas[3], values[3];
  pq_column columns[] = {{.phys = PQ_PHYS_BYTES, .row_count = 3, .v = {.bytes = ids}},
                         {.phys = PQ_PHYS_BYTES, .row_count = 3, .v = {.bytes = types}},
                         {.phys = PQ_PHYS_INT64, .row_count = 3, .v = {.i64 = versions}},
                         {.phys = PQ_PHYS_BOOL, .row_count = 3, .v = {.b = deleted}},
                         {.phys = PQ_PHYS_BYTES, .row_count = 3, .v = {.bytes = metas}},
                         {.phys = PQ_PHYS_BYTES, .row_count = 3, .v = {.bytes = values}}};
  pq_arena arena;
  pq_builder *b;
  int rc;
  pq_arena_init(&arena, cx, 1 << 20);
  PQ_TRY(pq_builder_new(cx, &b));
  for (int i = 0; i < 3; i++) {
    pq_value v;
    PQ_TRY(pq_json_value(b, pq_str(texts[i]), &arena, &v));
    metas[i] = pq_value_meta(v);
    values[i] = pq_value_bytes(v);
  }
  rc = pq_writer_new(cx, specs, 5, (pq_writer_options){0}, out);
  if (rc == PQ_OK) rc = pq_writer_add(*out, columns, 6);
  if (rc == PQ_OK) rc = pq_writer_finish(*out, NULL, 0);
  pq_builder_free(b);
  pq_arena_release(&arena);
  return rc;
}

static void test_parquet_of_ours(void) {
  pq_cx cx;
  pq_writer *w = NULL;
  pq_slice bytes;
  pq_cx_init(&cx, NULL, NULL);
  CHECK(make_ours(&cx, &w) == PQ_OK);
  bytes = pq_writer_bytes(w);
  convert_bytes(bytes.p, bytes.n, PQDB_FORMAT_PARQUET, plain, &c);
  CHECK(c.rc == PQDB_DONE && strstr(c.description, "\"kind\":\"parquedb\"") != NULL);
  CHECK(is_text(c.text,
                "{\"$id\":\"posts/a\",\"$type\":\"Post\",\"b\":{\"$numberLong\":\"5\"},"
                "\"a\":[{\"$numberInt\":\"1\"}]}\n"
                "{\"$id\":\"posts/c%2Fd\",\"$type\":\"Note\" }\n"));
  CHECK(are_objects(&c) && !has_type("version", "int64"));
  convert_bytes(bytes.p, bytes.n, PQDB_FORMAT_PARQUET,
                (pqdb_reader_options){.collection = "co\"py"}, &c);
  CHECK(c.rc == PQDB_DONE && are_objects(&c));
  CHECK(strstr(c.text, "{\"$id\":\"co\\\"py/c%2Fd\",\"$type\"") != NULL);
  pq_writer_free(w);
}

/* ---- hostile bytes ---- */

/* Whatever the file says, the answer is rows of JSON and then the end, or an error with a message.
 */
static void check_any(const uint8_t *bytes, size_t len) {
  convert_bytes(bytes, len, PQDB_FORMAT_PARQUET, plain, &c);
  if (c.rc != PQDB_DONE && (c.rc >= 0 || c.message[0] == '\0')) CHECK(c.rc == PQDB_DONE);
  if (!are_objects(&c)) CHECK(false);
}

static void damage(const uint8_t *bytes, size_t len, size_t step) {
  uint8_t *copy = malloc(len);
  CHECK(copy != NULL);
  if (copy == NULL) return;
  for (size_t i = 0; i < len; i += step) {
    memcpy(copy, bytes, len);
    copy[i] ^= (uint8_t)(1u << (i / step % 8));
    check_any(copy, len);
    copy[i] = 0xff;
    check_any(copy, len);
  }
  for (size_t n = 0; n < len; n += step * 3)
    check_any(bytes, n);
  free(copy);
}

static void test_parquet_damaged(void) {
  pq_cx cx;
  pq_writer *w = NULL;
  pq_cx_init(&cx, NULL, NULL);
  CHECK(make_ours(&cx, &w) == PQ_OK);
  damage(pq_writer_bytes(w).p, pq_writer_bytes(w).n, 1);
  damage(sample, sizeof sample, 5);
  pq_writer_free(w);
}

/* ---- out of memory ---- */

static void test_parquet_no_memory(void) {
  static const char *const documents[] = {"{\"a\":1,\"v\":[1],\"d\":{\"$date\":\"2026-03-01\"}}",
                                          "{\"a\":2,\"s\":\"x\"}"};
  FILE *f;
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    f = tmpfile();
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = write_parquet(f, documents, 2);
    (void)fclose(f);
  }
  f = tmpfile();
  CHECK(write_parquet(f, documents, 2) == PQDB_OK);
  for (long n = 1; n > 0; n = unit_oom_next(n, c.rc == PQDB_DONE ? PQ_OK : c.rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    convert(f, PQDB_FORMAT_PARQUET, plain, &c);
  }
  (void)fclose(f);
}

int main(void) {
  RUN(test_parquet_scalars);
  RUN(test_parquet_variants);
  RUN(test_parquet_empty);
  RUN(test_parquet_many_rows);
  RUN(test_parquet_of_arrow);
  RUN(test_parquet_from_pipe);
  RUN(test_parquet_of_ours);
  RUN(test_parquet_damaged);
  RUN(test_parquet_no_memory);
  return unit_end();
}
