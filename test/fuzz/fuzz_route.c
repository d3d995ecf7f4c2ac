/* test/fuzz/fuzz_route.c - a request's head and body become commands, or are refused with a status;
 * what becomes one is a document that prints as JSON and is read again as the same. URLs, queries,
 * Last-Event-ID, conditions, Accept, lines of commands, merge patches. */
#include "fuzz.h"

#include "server/http_coding.h"
#include "server/http_route.h"

static const pq_http_limits limits = {
    .head_len_max = 8192, .target_len_max = 4096, .body_len_max = 1 << 16};

/* A command is an object, and JSON can say it. */
static void check_command(pq_cx *cx, pq_builder *b, pq_arena *arena, pq_value command) {
  pq_buf one, two;
  pq_value again;
  pq_buf_init(&one, cx, 1 << 22);
  pq_buf_init(&two, cx, 1 << 22);
  FUZZ_CHECK(pq_value_type(command) == PQ_TYPE_OBJECT);
  FUZZ_CHECK(pq_json_print(&one, command, PQ_JSON_CANONICAL) == PQ_OK);
  if (pq_json_value(b, pq_buf_slice(&one), arena, &again) == PQ_OK) {
    FUZZ_CHECK(pq_json_print(&two, again, PQ_JSON_CANONICAL) == PQ_OK);
    FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&one), pq_buf_slice(&two)));
  }
  pq_buf_release(&one);
  pq_buf_release(&two);
}

static void make_commands(pq_http_call *c) {
  pq_value command;
  int rc, count = 0;
  if (c->route->make == NULL) return;
  do {
    rc = pq_http_call_command(c, &command);
    if (rc == PQ_OK) check_command(c->cx, c->builder, c->arena, command);
  } while (rc == PQ_OK && pq_http_call_has_next(c) && ++count < 50);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pq_http_head head;
  pq_arena arena;
  pq_builder *b;
  char allow[64];
  size_t len;
  int status = 0;
  pq_cx cx;
  pq_http_call c = {.cx = &cx, .head = &head, .arena = &arena, .command_arena = &arena};
  fuzz_cx_init(&cx);
  if (pq_http_measure(&cx, in, &limits, &len, &status) != PQ_OK || len == 0) return 0;
  if (pq_http_read(&cx, (pq_slice){in.p, len}, &limits, &head, &status) != PQ_OK) return 0;
  (void)pq_http_coding_wanted(&head);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  c.builder = b;
  c.body = fuzz_copy((pq_slice){in.p + len, in.n - len});
  data = c.body.p;
  if (pq_http_route_find(&c, allow) != PQ_OK) {
    FUZZ_CHECK(c.route == NULL && (c.status == 404 || c.status == 405));
  } else if (pq_http_call_read(&c) != PQ_OK) {
    FUZZ_CHECK(c.status >= 400 && c.status < 600);
  } else {
    make_commands(&c);
  }
  free((void *)data);
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
