/* test/server/test_mongo_name.c - names of databases, collections and ids, there and back; commands
 * made of messages, out of memory too. */
#include "server/mongo_name.h"

#include <bson/bson.h>

#include "server/handshake.h"
#include "server/mongo_error.h"
#include "wire_util.h"

static pq_cx cx;

static void test_names(void) {
  static const struct {
    const char *theirs, *ours;
  } databases[] = {{"test", "test"},   {"MyApp", "%4dy%41pp"}, {"_x", "%5fx"},
                   {"a_b-1", "a_b-1"}, {"a%b", "a%25b"},       {"\xc3\xa9", "%c3%a9"}},
    collections[] = {{"posts", "posts"},
                     {"a.b", "a.b"},
                     {"_a/b", "%5fa%2fb"},
                     {"%41", "%2541"},
                     {"Caps", "Caps"}};
  char out[PQ_MONGO_NAME_CAP], back[PQ_MONGO_NAME_CAP];
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof databases / sizeof *databases; i++) {
    CHECK(pq_mongo_namespace(&cx, pq_str(databases[i].theirs), out) == PQ_OK);
    CHECK(strcmp(out, databases[i].ours) == 0);
    pq_mongo_name_back(pq_str(out), back);
    CHECK(strcmp(back, databases[i].theirs) == 0);
  }
  for (size_t i = 0; i < sizeof collections / sizeof *collections; i++) {
    CHECK(pq_mongo_collection(&cx, pq_str(collections[i].theirs), out) == PQ_OK);
    CHECK(strcmp(out, collections[i].ours) == 0);
    pq_mongo_name_back(pq_str(out), back);
    CHECK(strcmp(back, collections[i].theirs) == 0);
  }
}

static void test_wrong_names(void) {
  static const char *const databases[] = {"", "a.b", "a b", "a/b", "$a", "a\"b", "a\\b"};
  static const char *const collections[] = {"", ".a", "a.", "a$b", "system.users"};
  static const char capitals[] = "ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ";
  char out[PQ_MONGO_NAME_CAP];
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
    CHECK(pq_mongo_namespace(&cx, pq_str(databases[i]), out) == PQ_EPATH);
  for (size_t i = 0; i < sizeof collections / sizeof *collections; i++)
    CHECK(pq_mongo_collection(&cx, pq_str(collections[i]), out) == PQ_EPATH);
  CHECK(pq_mongo_namespace(&cx, pq_str(capitals), out) == PQ_EPATH); /* 150 bytes of ours */
  CHECK(pq_mongo_namespace(&cx, (pq_slice){(const uint8_t *)"a\0b", 3}, out) == PQ_EPATH);
  CHECK(pq_mongo_collection(&cx, (pq_slice){(const uint8_t *)"a\0b", 3}, out) == PQ_EPATH);
}

/* The id as libbson prints it. */
static void check_id(const char *id, const char *want) {
  pq_bson_out o;
  pq_buf out;
  bson_t doc;
  char *text;
  pq_buf_init(&out, &cx, 1 << 16);
  pq_bson_begin(&o, &out);
  pq_mongo_put_id(&o, "_id", pq_str(id));
  CHECK(pq_bson_finish(&o) == PQ_OK);
  CHECK(bson_init_static(&doc, out.p, out.len));
  text = bson_as_canonical_extended_json(&doc, NULL);
  CHECK(text != NULL && strcmp(text, want) == 0);
  if (text != NULL && strcmp(text, want) != 0) fprintf(stderr, "%s: %s\n", id, text);
  bson_free(text);
  pq_buf_release(&out);
}

static void test_ids(void) {
  unit_cx_init(&cx);
  check_id("posts/p1", "{ \"_id\" : \"p1\" }");
  check_id("posts/a%2Fb%25", "{ \"_id\" : \"a/b%\" }");
  check_id("posts/~o0123456789abcdef01234567",
           "{ \"_id\" : { \"$oid\" : \"0123456789abcdef01234567\" } }");
  check_id("posts/~x180700000000000000", "{ \"_id\" : { \"$numberLong\" : \"7\" } }");
  check_id("posts/~x04", "{ \"_id\" : true }");
  check_id("posts/~xzz", "{ \"_id\" : \"~xzz\" }"); /* no bytes of a value */
  CHECK(unit_live_len == 0);
}

/* ---- requests ---- */

static void test_request(void) {
  static const char *const first = "ping";
  for (long n = 1, rc; n > 0; n = unit_oom_next(n, (int)rc)) {
    wire_bytes bytes;
    pq_wire wire;
    pq_wire_message m;
    pq_request *r = NULL;
    pq_builder *b = NULL;
    wire_begin(&bytes, 2013);
    wire_u32(&bytes, 0);
    wire_sequence(&bytes, "documents", 3);
    wire_u8(&bytes, 0);
    wire_document(&bytes, first, 1);
    unit_cx_init(&cx);
    pq_wire_init(&wire, &cx);
    unit_fail_at = n;
    rc = pq_builder_new(&cx, &b);
    if (rc == PQ_OK) rc = pq_wire_read(&wire, wire_end(&bytes), &m);
    if (rc == PQ_OK && (r = pq_request_new(&cx)) == NULL) rc = PQ_ENOMEM;
    if (rc == PQ_OK) rc = pq_request_read(r, b, &m);
    if (rc == PQ_OK) {
      pq_serve_options options = {0};
      pq_server server = {.options = &options};
      pq_client client = {.host = "127.0.0.1:1", .peer = "127.0.0.1:2"};
      pq_handshake h = {.server = &server, .client = &client};
      bool is_done;
      CHECK(pq_slice_is(r->name, first) && r->db.n == 0);
      CHECK(pq_value_count(pq_object_get_str(r->command, "documents")) == 3);
      pq_buf_init(&r->answer, &cx, 1 << 16);
      rc = pq_handshake_answer(&h, r, &is_done);
      CHECK(rc != PQ_OK || (is_done && r->answer.len > 0));
    }
    pq_request_free(r);
    pq_builder_free(b);
    pq_wire_release(&wire);
  }
}

static void test_errors(void) {
  char name[40];
  pq_buf out;
  bson_t doc;
  CHECK(pq_mongo_code_of(PQ_EEXISTS) == 11000 && pq_mongo_code_of(-99) == PQ_MONGO_INTERNAL);
  CHECK(pq_mongo_code_of_name(PQ_SLICE("ALREADY_EXISTS")) == 11000);
  CHECK(pq_mongo_code_of_name(PQ_SLICE("")) == PQ_MONGO_INTERNAL);
  for (int rc = PQ_ENOMEM; rc >= PQ_EVIEW; rc--) {
    pq_mongo_code_name(pq_mongo_code_of(rc), name);
    CHECK(strncmp(name, "Location", 8) != 0);
  }
  pq_mongo_code_name(40415, name);
  CHECK(strcmp(name, "Location40415") == 0);
  unit_cx_init(&cx);
  pq_buf_init(&out, &cx, 1 << 16);
  CHECK(pq_mongo_error_put(&out, 59, "no such command: 'x'") == PQ_OK);
  CHECK(pq_mongo_error_put(&out, 59, "no such command: 'y'") == PQ_OK); /* the last one */
  CHECK(bson_init_static(&doc, out.p, out.len) && bson_count_keys(&doc) == 4);
  pq_buf_release(&out);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_names);
  RUN(test_wrong_names);
  RUN(test_ids);
  RUN(test_request);
  RUN(test_errors);
  return unit_end();
}
