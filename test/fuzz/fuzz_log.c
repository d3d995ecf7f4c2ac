/* test/fuzz/fuzz_log.c - text of clients in the log: a line stays one line of JSON, and what was
 * valid text and short comes back as it was; addresses to listen on. */
#include "fuzz.h"

#include "base/text.h"
#include "server/address.h"
#include "server/log.h"
#include "value/json.h"

typedef struct taken {
  pq_cx *cx;
  pq_slice name;
} taken;

/* The line is an object with the fields that were put. */
static void take(void *ud, const char *line) {
  const taken *t = ud;
  pq_builder *b;
  pq_arena arena;
  pq_value v;
  pq_slice text;
  pq_arena_init(&arena, t->cx, 1 << 20);
  FUZZ_CHECK(strchr(line, '\n') == NULL);
  FUZZ_CHECK(pq_builder_new(t->cx, &b) == PQ_OK);
  FUZZ_CHECK(pq_json_value(b, pq_str(line), &arena, &v) == PQ_OK);
  FUZZ_CHECK(pq_value_string(pq_object_get_str(v, "text"), &text));
  if (t->name.n < 200 && pq_utf8_is_valid(t->name)) FUZZ_CHECK(pq_slice_eq(text, t->name));
  pq_builder_free(b);
  pq_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_serve_options o = {.log_file = "/dev/null", .log_json = size % 2 == 0};
  char text[200];
  pq_cx cx;
  pq_log *l;
  pq_log_line line;
  pq_address address;
  taken t = {.cx = &cx, .name = {data, size}};
  fuzz_cx_init(&cx);
  FUZZ_CHECK(pq_log_open(&o, &cx, &l) == PQ_OK);
  pq_log_begin(&line, l, PQ_LOG_INFO, "fuzz");
  pq_log_slice(&line, "text", t.name);
  pq_log_u64(&line, "n", size);
  pq_log_end(&line);
  (void)pq_log_recent(l, take, &t);
  pq_log_close(l);
  (void)snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text - 1),
                 (const char *)data);
  if (pq_address_parse(&cx, text, 1, &address) == PQ_OK && address.path == NULL) {
    char printed[PQ_ADDRESS_CAP];
    pq_address again;
    pq_address_print(&address.ip, printed);
    FUZZ_CHECK(pq_address_parse(&cx, printed, 1, &again) == PQ_OK);
    FUZZ_CHECK(again.is_local == address.is_local);
  }
  return 0;
}
