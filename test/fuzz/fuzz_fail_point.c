/* test/fuzz/fuzz_fail_point.c - configureFailPoint: lines of JSON, each an order; after each some
 * commands are held against what was ordered. */
#include "fuzz.h"

#include "server/fail_point.h"
#include "value/json.h"

static pq_request *request_of(pq_cx *cx, pq_builder *b, pq_slice text) {
  pq_request *r = pq_request_new(cx);
  pq_field *fields;
  uint32_t count;
  FUZZ_CHECK(r != NULL);
  if (pq_json_value(b, text, &r->arena, &r->command) == PQ_OK &&
      pq_value_type(r->command) == PQ_TYPE_OBJECT) {
    fields = pq_object_fields(&r->arena, r->command, &count);
    if (fields != NULL && count > 0) {
      r->name = fields[0].name;
      return r;
    }
  }
  pq_request_free(r);
  return NULL;
}

static void check_commands(pq_fail_point *f, pq_cx *cx, pq_builder *b, const pq_client *client) {
  static const char *const commands[] = {"{\"insert\":\"c\",\"txnNumber\":1}", "{\"find\":\"c\"}",
                                         "{\"getMore\":1}", "{\"hello\":1}"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    pq_request *r = request_of(cx, b, pq_str(commands[i]));
    FUZZ_CHECK(r != NULL);
    r->client = (pq_client *)(uintptr_t)client;
    FUZZ_CHECK(pq_fail_point_check(f, r) == PQ_OK);
    FUZZ_CHECK(r->fail.code >= 0);
    if (r->fail.is_done_first) pq_fail_point_give_back(f);
    pq_request_free(r);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static pq_client client = {.app = "fuzz"};
  pq_slice in = {data, size};
  pq_fail_point *f;
  pq_builder *b;
  pq_cx cx;
  fuzz_cx_init(&cx);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  f = pq_fail_point_new(&cx);
  FUZZ_CHECK(f != NULL);
  while (in.n > 0) {
    pq_request *r = request_of(&cx, b, fuzz_until(&in, '\n'));
    pq_bson_out o;
    pq_buf out;
    if (r == NULL) continue;
    pq_buf_init(&out, &cx, 1 << 20);
    pq_bson_begin(&o, &out);
    if (pq_fail_point_set(f, r, &o) == PQ_OK)
      FUZZ_CHECK(pq_bson_finish(&o) == PQ_OK);
    else
      pq_bson_abandon(&o);
    pq_request_free(r);
    pq_buf_release(&out);
    check_commands(f, &cx, b, &client);
  }
  pq_fail_point_free(f);
  pq_builder_free(b);
  return 0;
}
