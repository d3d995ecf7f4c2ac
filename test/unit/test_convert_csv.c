/* test/unit/test_convert_csv.c - CSV in: RFC 4180, types, errors with their place, hostile text;
 * CSV and NDJSON out.
 */
#include "convert_util.h"

static conversion c;

static const pqdb_reader_options plain;

static void check_csv(const char *csv, pqdb_reader_options options, const char *wanted) {
  convert_bytes(csv, strlen(csv), PQDB_FORMAT_CSV, options, &c);
  CHECK(c.rc == PQDB_DONE);
  if (c.rc != PQDB_DONE) fprintf(stderr, "  %s: %s\n", csv, c.message);
  CHECK(is_text(c.text, wanted));
}

/* `rows`: what came before the failure. */
static void check_bad(const char *csv, pqdb_reader_options options, const char *rows,
                      const char *message) {
  convert_bytes(csv, strlen(csv), PQDB_FORMAT_CSV, options, &c);
  CHECK(c.rc == PQDB_VALIDATION_FAILED);
  CHECK(is_text(c.text, rows));
  CHECK(is_text(c.message, message));
}

static void test_csv_rfc4180(void) {
  check_csv("a,b\n1,x\n2,y\n", plain, "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n");
  check_csv("a,b\r\n1,x\r\n2,y", plain, "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n");
  check_csv("\"a,1\",\"b\"\"q\"\n\"x,\ny\",\"\"\"\"\n", plain,
            "{\"a,1\":\"x,\\ny\",\"b\\\"q\":\"\\\"\"}\n");
  check_csv("a,b\n5\" pipe,\"q\"\r\n", plain, "{\"a\":\"5\\\" pipe\",\"b\":\"q\"}\n");
  check_csv(
      "\xEF\xBB\xBF"
      "a,b\n\n1,2\n\n",
      plain, "{\"a\":1,\"b\":2}\n");
  check_csv("a\nx\r\n\"y\"", plain, "{\"a\":\"x\"}\n{\"a\":\"y\"}\n");
  check_csv("a,,b\n1,2,3\n", plain, "{\"a\":1,\"column2\":2,\"b\":3}\n");
  check_csv("", plain, "");
  check_csv("\n\n", plain, "");
  check_csv("a,b\n", plain, "");
}

static void test_csv_delimiters(void) {
  check_csv("a;b\n1,5;2\n3,5;4\n", plain, "{\"a\":\"1,5\",\"b\":2}\n{\"a\":\"3,5\",\"b\":4}\n");
  check_csv("a\tb\n1\t2\n", plain, "{\"a\":1,\"b\":2}\n");
  check_csv("a|b\n1|2\n", plain, "{\"a\":1,\"b\":2}\n");
  check_csv("a,b|c\n1,2\n", plain, "{\"a\":1,\"b|c\":2}\n");
  check_csv("a,b;c\n1,2;3\n", (pqdb_reader_options){.delimiter = ';'},
            "{\"a,b\":\"1,2\",\"c\":3}\n");
  CHECK(strstr(c.description, "\"delimiter\":\";\"") != NULL);
}

static void test_csv_types(void) {
  check_csv("i,d,b,t,s,z\n1,1.5,true,2026-03-01,x,007\n-2,3,FALSE,2026-03-01T12:00:00Z,,1\n", plain,
            "{\"i\":1,\"d\":1.5,\"b\":true,\"t\":{\"$date\":\"2026-03-01\"},\"s\":\"x\","
            "\"z\":\"007\"}\n"
            "{\"i\":-2,\"d\":3.0,\"b\":false,\"t\":{\"$date\":\"2026-03-01T12:00:00Z\"},"
            "\"z\":\"1\"}\n");
  CHECK(are_objects(&c));
  check_csv("a,b\n9223372036854775807,1e400\n-9223372036854775808,1e5\n", plain,
            "{\"a\":9223372036854775807,\"b\":\"1e400\"}\n"
            "{\"a\":-9223372036854775808,\"b\":\"1e5\"}\n");
  check_csv("a,b\n9223372036854775808,9007199254740993\n1,0.5\n", plain,
            "{\"a\":\"9223372036854775808\",\"b\":9007199254740993}\n{\"a\":\"1\",\"b\":0.5}\n");
  check_csv("a,b\nNaN,2026-02-30\n-Infinity,2026-02-28\n-0,x\n", plain,
            "{\"a\":{\"$numberDouble\":\"NaN\"},\"b\":\"2026-02-30\"}\n"
            "{\"a\":{\"$numberDouble\":\"-Infinity\"},\"b\":\"2026-02-28\"}\n"
            "{\"a\":-0.0,\"b\":\"x\"}\n");
  check_csv("a,b\n+1,.5\n1_0,5.\n0x1,1e\n--1,-\n", plain,
            "{\"a\":\"+1\",\"b\":\".5\"}\n{\"a\":\"1_0\",\"b\":\"5.\"}\n"
            "{\"a\":\"0x1\",\"b\":\"1e\"}\n{\"a\":\"--1\",\"b\":\"-\"}\n");
  check_csv("$id,s,n\n5,\"\",\"\"\n6,x,1\n", plain,
            "{\"$id\":\"5\",\"s\":\"\"}\n{\"$id\":\"6\",\"s\":\"x\",\"n\":1}\n");
}

static void test_csv_given_types(void) {
  check_csv("a,b,c,d\n1,{\"x\": [1]},12.50,zz\n",
            (pqdb_reader_options){.types = "a:text,b:json,c:decimal,d:skip"},
            "{\"a\":\"1\",\"b\":{\"x\":[{\"$numberInt\":\"1\"}]},"
            "\"c\":{\"$numberDecimal\":\"12.50\"}}\n");
  check_csv("a,b\n00112233-4455-6677-8899-aabbccddeeff,0123456789abcdef01234567\nx,y\n",
            (pqdb_reader_options){.types = "a:uuid,b:oid"},
            "{\"a\":{\"$uuid\":\"00112233-4455-6677-8899-aabbccddeeff\"},"
            "\"b\":{\"$oid\":\"0123456789abcdef01234567\"}}\n{\"a\":\"x\",\"b\":\"y\"}\n");
  CHECK(strstr(c.description, "\"misfits\":2,") != NULL);
  CHECK(are_objects(&c));
  check_bad("a\n1\n", (pqdb_reader_options){.types = "b:int"}, "", "types: t has no column 'b'");
  check_bad("a\n1\n", (pqdb_reader_options){.types = "a:integers"}, "",
            "types: 'integers' is none of int double decimal bool date text json uuid oid skip");
  check_bad("a\n1\n", (pqdb_reader_options){.types = "a"}, "", "types: 'a' is not name:type");
}

/* The sample says int, row 10,001 says otherwise. */
static void test_csv_misfits(void) {
  static char text[1 << 17];
  size_t len = 0;
  len += (size_t)snprintf(text, sizeof text, "n,m\n");
  for (int i = 0; i < PQ_CONVERT_SAMPLE_ROWS; i++)
    len += (size_t)snprintf(text + len, sizeof text - len, "%d,1\n", i);
  len += (size_t)snprintf(text + len, sizeof text - len, "1.5,x\n7,2\n");
  convert_bytes(text, len, PQDB_FORMAT_CSV, plain, &c);
  CHECK(c.rc == PQDB_DONE && c.rows == PQ_CONVERT_SAMPLE_ROWS + 2);
  CHECK(strstr(c.description, "\"misfits\":2,\"shortRows\":0") != NULL);
  convert_bytes(text, len, PQDB_FORMAT_CSV, (pqdb_reader_options){.is_strict = 1}, &c);
  CHECK(c.rc == PQDB_VALIDATION_FAILED && c.rows == PQ_CONVERT_SAMPLE_ROWS);
  CHECK(is_text(c.message, "t: line 10002, column 1: '1.5' is no int (column n)"));
}

static void test_csv_errors(void) {
  pqdb_reader_options strict = {.is_strict = 1};
  check_bad("a,b\n1,2\n3,4,5\n", plain, "{\"a\":1,\"b\":2}\n",
            "t: line 3, column 5: more fields than the header has");
  check_bad("a,b\n\"1\n2\",\"x\"y\n", plain, "",
            "t: line 3, column 7: text behind the closing quote of a field");
  check_bad("a,b\n1,2\n3,\"x\n", plain, "{\"a\":1,\"b\":2}\n",
            "t: line 3, column 3: the quoted field that begins here has no end");
  check_bad("a,b\n1,x\n2,\xff\xfe\n", plain, "{\"a\":1,\"b\":\"x\"}\n",
            "t: line 3, column 3: not UTF-8");
  check_bad("a,a\n1,2\n", plain, "", "t: two columns are named 'a'");
  check_bad("a\rb\r1\r", plain, "",
            "t: line 1, column 1: a carriage return in a name: lines must end with a line feed");
  check_bad(
      "\xff\xfe"
      "a",
      plain, "", "t is UTF-16: convert it to UTF-8");
  check_bad("a,b\n1\n", strict, "", "t: line 2, column 1: fewer fields than the header has");
  check_bad("a,b\nx\"y,1\n", strict, "",
            "t: line 2, column 1: a quote inside a field without quotes");
  check_csv("a,b\n1\n", plain, "{\"a\":1}\n");
  CHECK(strstr(c.description, "\"shortRows\":1") != NULL);
}

static void test_csv_id_field(void) {
  pqdb_reader_options by_n = {.id_field = "n"};
  check_csv("n,a\n7,x\n", by_n, "{\"$id\":\"7\",\"n\":7,\"a\":\"x\"}\n");
  check_bad("n,a\n7,x\n,y\n", by_n, "{\"$id\":\"7\",\"n\":7,\"a\":\"x\"}\n",
            "t: line 3, column 1: the field of the id is empty");
  check_bad("m,a\n7,x\n", by_n, "", "t has no column 'n' for the id");
  check_bad("n,$id\n7,x\n", by_n, "", "t has a column $id: the id cannot come from n");
}

/* Any bytes give rows of JSON or an error, never a crash. */
static void test_csv_random(void) {
  static const char alphabet[] = "a1,,;\n\n\"\"\r-.e:{}[]\xc3\xa9\xff\0\t|2026-01-01";
  uint64_t state = 12345;
  for (int round = 0; round < 3000; round++) {
    char text[200];
    size_t len;
    state = state * 6364136223846793005u + 1442695040888963407u;
    len = (state >> 33) % sizeof text;
    for (size_t i = 0; i < len; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text[i] = alphabet[(state >> 33) % (sizeof alphabet - 1)];
    }
    convert_bytes(
        text, len, PQDB_FORMAT_CSV,
        (pqdb_reader_options){
            .is_strict = round % 3 == 0, .types = NULL, .block_row_max = (uint64_t)(round % 5)},
        &c);
    if (c.rc != PQDB_DONE && c.rc != PQDB_VALIDATION_FAILED) CHECK(c.rc == PQDB_DONE);
    if (!are_objects(&c)) CHECK(false);
  }
  CHECK(true);
}

/* A field far larger than the window that is read at once. */
static void test_csv_large_field(void) {
  size_t len = 3 << 20;
  char *text = malloc(len + 32);
  FILE *f;
  pqdb_reader *r;
  pqdb_reader_options options = {.size = sizeof options, .format = PQDB_FORMAT_CSV};
  const char *json;
  size_t json_len;
  uint64_t rows;
  CHECK(text != NULL);
  if (text == NULL) return;
  memcpy(text, "a,b\n1,\"", 7);
  memset(text + 7, 'x', len);
  memcpy(text + 7 + len, "\"\n2,y\n", 6);
  f = file_of(text, len + 13);
  CHECK(pqdb_reader_open_fd(fileno(f), "t", &options, &r) == PQDB_OK);
  CHECK(pqdb_reader_next(r, &json, &json_len, &rows) == PQDB_ROW);
  CHECK(rows == 2 && json_len == len + strlen("{\"a\":1,\"b\":\"\"}\n{\"a\":2,\"b\":\"y\"}\n"));
  pqdb_reader_close(r);
  (void)fclose(f);
  free(text);
}

static void test_csv_no_memory(void) {
  static const char text[] = "id,b,j\n1,\"x\"\"y\",\"{\"\"a\"\":1}\"\n2,y,[]\n";
  FILE *f = file_of(text, sizeof text - 1);
  pqdb_reader_options options = {.types = "j:json", .id_field = "id"};
  pq_cx cx;
  CHECK(f != NULL);
  for (long n = 1; n > 0; n = unit_oom_next(n, c.rc == PQDB_DONE ? PQ_OK : c.rc)) {
    unit_cx_init(&cx);
    (void)lseek(fileno(f), 0, SEEK_SET);
    unit_fail_at = n;
    convert(f, PQDB_FORMAT_CSV, options, &c);
  }
  (void)fclose(f);
}

/* ---- NDJSON ---- */

static void test_ndjson(void) {
  static const char text[] = "{\"n\": 1, \"a\": null}\n\n  {\"n\": 2.5}\n[1]\n";
  convert_bytes(text, sizeof text - 1, PQDB_FORMAT_NDJSON, plain, &c);
  CHECK(c.rc == PQDB_VALIDATION_FAILED && c.rows == 2);
  CHECK(is_text(c.text, "{\"n\": 1, \"a\": null}\n{\"n\": 2.5}\n"));
  CHECK(is_text(c.message, "t: line 4, column 1: not a JSON object"));
  convert_bytes(text, sizeof text - 5, PQDB_FORMAT_NDJSON, plain, &c);
  CHECK(strstr(c.description, "{\"name\":\"n\",\"type\":\"number\",\"example\":\"1\"") != NULL);
  CHECK(strstr(c.description, "{\"name\":\"a\",\"type\":\"null\"") != NULL);
  convert_bytes(text, sizeof text - 6, PQDB_FORMAT_NDJSON, (pqdb_reader_options){.id_field = "n"},
                &c);
  CHECK(is_text(c.text, "{\"$id\":\"1\",\"n\": 1, \"a\": null}\n"));
  CHECK(c.rc == PQDB_VALIDATION_FAILED && strstr(c.message, "line 3") != NULL);
}

/* ---- out ---- */

static void written(FILE *f, char *text, size_t cap) {
  size_t len;
  (void)lseek(fileno(f), 0, SEEK_SET);
  rewind(f);
  len = fread(text, 1, cap - 1, f);
  text[len] = '\0';
}

static int write_all(FILE *f, pqdb_writer_options options, const char *const *documents) {
  pqdb_writer *w;
  int rc;
  options.size = sizeof options;
  rc = pq_writer_handle_open(unit_alloc, NULL, fileno(f), "out", &options, &w);
  for (; rc == PQDB_OK && *documents != NULL; documents++)
    rc = pqdb_writer_add(w, *documents, strlen(*documents));
  if (rc == PQDB_OK) rc = pqdb_writer_finish(w);
  pqdb_writer_close(w);
  return rc;
}

static const char *const documents[] = {
    "{\"a\":1,\"s\":\"x,\\\"y\\\"\\n\",\"e\":\"\"}",
    "{\"s\":\"plain\",\"d\":{\"$date\":\"2026-03-01T00:00:00Z\"},\"n\":null,\"a\":2.5}",
    "{\"o\":{\"k\":[1,\"z\"]},\"u\":{\"$uuid\":\"00112233-4455-6677-8899-aabbccddeeff\"},"
    "\"d\":{\"$date\":{\"$numberLong\":\"-1000\"}},\"a\":{\"$numberDecimal\":\"1.50\"}}",
    NULL};

static void test_csv_out(void) {
  static const char *const columns[] = {"d", "missing", "a"};
  char text[4096];
  FILE *f = tmpfile();
  CHECK(f != NULL &&
        write_all(f, (pqdb_writer_options){.format = PQDB_FORMAT_CSV}, documents) == PQDB_OK);
  written(f, text, sizeof text);
  CHECK(is_text(text,
                "a,s,e,d,n,o,u\r\n"
                "1,\"x,\"\"y\"\"\n\",\"\",,,,\r\n"
                "2.5,plain,,2026-03-01T00:00:00Z,,,\r\n"
                "1.50,,,1969-12-31T23:59:59Z,,\"{\"\"k\"\":[1,\"\"z\"\"]}\","
                "00112233-4455-6677-8899-aabbccddeeff\r\n"));
  (void)fclose(f);
  f = tmpfile();
  CHECK(f != NULL &&
        write_all(
            f,
            (pqdb_writer_options){
                .format = PQDB_FORMAT_CSV, .columns = columns, .column_count = 3, .delimiter = ';'},
            documents) == PQDB_OK);
  written(f, text, sizeof text);
  CHECK(is_text(text,
                "d;missing;a\r\n;;1\r\n2026-03-01T00:00:00Z;;2.5\r\n"
                "1969-12-31T23:59:59Z;;1.50\r\n"));
  (void)fclose(f);
}

static void test_csv_out_no_memory(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    FILE *f = tmpfile();
    CHECK(f != NULL);
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = write_all(f, (pqdb_writer_options){.format = PQDB_FORMAT_CSV}, documents);
    (void)fclose(f);
  }
}

static void test_out_bad(void) {
  static const char *const no_object[] = {"[1]", NULL};
  static const char *const no_json[] = {"{\"a\":", NULL};
  FILE *f = tmpfile();
  CHECK(write_all(f, (pqdb_writer_options){.format = PQDB_FORMAT_CSV}, no_object) ==
        PQDB_VALIDATION_FAILED);
  CHECK(write_all(f, (pqdb_writer_options){.format = PQDB_FORMAT_CSV}, no_json) ==
        PQDB_VALIDATION_FAILED);
  CHECK(write_all(f, (pqdb_writer_options){.format = PQDB_FORMAT_CSV, .delimiter = '"'},
                  documents) == PQDB_VALIDATION_FAILED);
  (void)fclose(f);
}

/* A file appears when it is finished, and not before; what was there stays until then. */
static void test_out_file(void) {
  char dir[] = "/tmp/parquedb-convert-XXXXXX", path[64], text[64] = "";
  pqdb_writer_options options = {.size = sizeof options};
  pqdb_writer *w;
  FILE *f;
  CHECK(mkdtemp(dir) != NULL);
  (void)snprintf(path, sizeof path, "%s/x.csv", dir);
  CHECK(pqdb_writer_open(path, &options, &w) == PQDB_OK);
  CHECK(pqdb_writer_add(w, "{\"a\":1}", 7) == PQDB_OK);
  CHECK(access(path, F_OK) != 0);
  CHECK(pqdb_writer_finish(w) == PQDB_OK);
  CHECK(pqdb_writer_add(w, "{\"a\":1}", 7) == PQDB_VALIDATION_FAILED);
  pqdb_writer_close(w);
  CHECK(pqdb_writer_open(path, &options, &w) == PQDB_OK);
  CHECK(pqdb_writer_add(w, "{", 1) == PQDB_VALIDATION_FAILED);
  CHECK(pqdb_writer_finish(w) == PQDB_VALIDATION_FAILED);
  pqdb_writer_close(w);
  f = fopen(path, "r");
  CHECK(f != NULL);
  written(f, text, sizeof text);
  (void)fclose(f);
  CHECK(is_text(text, "a\r\n1\r\n"));
  CHECK(unlink(path) == 0 && rmdir(dir) == 0); /* nothing else was left there */
  CHECK(pqdb_writer_open("/nonexistent/x.csv", &options, &w) < 0);
  CHECK(strstr(pqdb_writer_message(w), "/nonexistent/x.csv") != NULL);
  pqdb_writer_close(w);
}

static void test_format_of(void) {
  CHECK(pqdb_format_of("a.CSV") == PQDB_FORMAT_CSV && pqdb_format_of("a.tsv") == PQDB_FORMAT_CSV);
  CHECK(pqdb_format_of("x/y.parquet") == PQDB_FORMAT_PARQUET);
  CHECK(pqdb_format_of("y.jsonl") == PQDB_FORMAT_NDJSON);
  CHECK(pqdb_format_of("csv") == PQDB_FORMAT_GUESS && pqdb_format_of(NULL) == PQDB_FORMAT_GUESS);
}

int main(void) {
  RUN(test_csv_rfc4180);
  RUN(test_csv_delimiters);
  RUN(test_csv_types);
  RUN(test_csv_given_types);
  RUN(test_csv_misfits);
  RUN(test_csv_errors);
  RUN(test_csv_id_field);
  RUN(test_csv_random);
  RUN(test_csv_large_field);
  RUN(test_csv_no_memory);
  RUN(test_ndjson);
  RUN(test_csv_out);
  RUN(test_csv_out_no_memory);
  RUN(test_out_bad);
  RUN(test_out_file);
  RUN(test_format_of);
  return unit_end();
}
