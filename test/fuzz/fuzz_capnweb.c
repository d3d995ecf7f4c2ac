/* test/fuzz/fuzz_capnweb.c - messages of a Cap'n Web client, a line each, over a host that answers
 * every command with the same; whatever is said, what is sent is JSON, and nothing stays behind. A
 * line that begins with '!' is not a message: commands so far fail instead; with '?', the client
 * stops reading, or goes on. */
#include "fuzz.h"

#include "server/capnweb.h"
#include "value/json.h"

enum { LINES = 200, COMMANDS = 256 };

typedef struct host {
  pq_cx cx;
  pq_builder *builder; /* reads what is sent */
  uint64_t numbers[COMMANDS];
  bool has_more[COMMANDS];
  uint32_t count;
  bool is_full;
} host;

static int hear(void *ud, pq_slice message) {
  host *h = ud;
  pq_arena arena;
  pq_value v;
  pq_arena_init(&arena, &h->cx, 1 << 26);
  pq_builder_clear(h->builder);
  FUZZ_CHECK(message.n > 0 && memchr(message.p, '\n', message.n) == NULL);
  FUZZ_CHECK(pq_json_value(h->builder, message, &arena, &v) == PQ_OK);
  pq_arena_release(&arena);
  return PQ_OK;
}

static int start(void *ud, const pq_rpc_command *c) {
  host *h = ud;
  FUZZ_CHECK(pq_value_type(c->command) == PQ_TYPE_OBJECT && pq_value_count(c->command) > 0);
  if (h->count == COMMANDS) return pq_fail(&h->cx, PQ_ELIMIT, "too many");
  h->has_more[h->count] = c->part_len > 0;
  h->numbers[h->count++] = c->number;
  return PQ_OK;
}

static void go_on(void *ud, uint64_t number) {
  host *h = ud;
  if (h->count == COMMANDS) return;
  h->has_more[h->count] = false;
  h->numbers[h->count++] = number;
}

static void cancel(void *ud, uint64_t number) {
  host *h = ud;
  for (uint32_t i = 0; i < h->count; i++)
    if (h->numbers[i] == number) h->numbers[i] = UINT64_MAX;
}

static bool is_full(void *ud) {
  return ((host *)ud)->is_full;
}

/* {items: [{$id, n, list: [..]}, 7], summary: {ok, txn, count}} */
static int put_answer(host *h, pq_builder *b, pq_buf *out) {
  static const char text[] =
      "{\"items\":[{\"$id\":\"a/"
      "b\",\"n\":1,\"list\":[1,[2],{\"$date\":{\"$numberLong\":\"5\"}}]},7],"
      "\"summary\":{\"ok\":1,\"txn\":1,\"count\":3}}";
  pq_arena arena;
  pq_value v;
  int rc;
  pq_arena_init(&arena, &h->cx, 1 << 20);
  pq_buf_init(out, &h->cx, 1 << 20);
  pq_builder_clear(b);
  FUZZ_CHECK(pq_json_value(b, PQ_SLICE(text), &arena, &v) == PQ_OK);
  rc = pq_buf_put_u32(out, v.meta_len);
  if (rc == PQ_OK) rc = pq_buf_put(out, v.meta, v.meta_len);
  if (rc == PQ_OK) rc = pq_buf_put(out, v.p, v.len);
  pq_arena_release(&arena);
  return rc;
}

/* Answer those that have been started, and not those that start by that. */
static int answer(host *h, pq_rpc_session *s, int rc) {
  uint32_t count = h->count;
  int end = PQ_OK;
  for (uint32_t i = 0; i < count && end == PQ_OK; i++) {
    pq_rpc_result r = {.rc = rc, .message = "no", .has_more = h->has_more[i]};
    FUZZ_CHECK(rc != PQ_OK || put_answer(h, h->builder, &r.bytes) == PQ_OK);
    end = pq_rpc_answer(s, h->numbers[i], &r);
    FUZZ_CHECK(r.bytes.p == NULL);
  }
  memmove(h->numbers, h->numbers + count, (h->count - count) * sizeof *h->numbers);
  memmove(h->has_more, h->has_more + count, (h->count - count) * sizeof *h->has_more);
  h->count -= count;
  return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static host h; /* large */
  pq_slice in = {data, size};
  pq_rpc_options options = {.table_max = 50,
                            .call_max = 100,
                            .pending_max = 200,
                            .map_max = 200,
                            .memory_max = 32u << 20,
                            .answer_max = 1 << 16,
                            .host = {hear, start, go_on, cancel, is_full, &h}};
  pq_rpc_session *s;
  int rc = PQ_OK;
  h = (host){0};
  fuzz_cx_init(&h.cx);
  h.cx.limits.depth_max = 1000;
  FUZZ_CHECK(pq_builder_new(&h.cx, &h.builder) == PQ_OK);
  options.cx = &h.cx;
  options.is_batch = (fuzz_byte(&in) & 1) != 0;
  FUZZ_CHECK(pq_rpc_open(&options, &s) == PQ_OK);
  for (int i = 0; i < LINES && in.n > 0 && rc == PQ_OK; i++) {
    pq_slice line = fuzz_until(&in, '\n'), copy = fuzz_copy(line);
    bool is_failure = line.n > 0 && line.p[0] == '!', is_turn = line.n > 0 && line.p[0] == '?';
    h.is_full = h.is_full != is_turn;
    if (is_turn)
      rc = pq_rpc_go_on(s);
    else if (!is_failure)
      rc = pq_rpc_receive(s, copy);
    free((void *)(uintptr_t)copy.p);
    if (rc == PQ_OK && (i % 3 == 2 || is_failure))
      rc = answer(&h, s, is_failure ? PQ_EINVALID : PQ_OK);
  }
  for (int i = 0; i < 20 && rc == PQ_OK && h.count > 0; i++)
    rc = answer(&h, s, PQ_OK);
  if (rc != PQ_OK) FUZZ_CHECK(pq_rpc_message(s)[0] != '\0');
  pq_rpc_close(s);
  pq_builder_free(h.builder);
  return 0;
}
