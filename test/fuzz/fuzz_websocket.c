/* test/fuzz/fuzz_websocket.c - frames of a client; however its bytes are cut, the same messages
 * arrive. (What goes back may differ: a pong may overtake an answer, and wslay looks at a close's
 * reason only where it comes in one piece.) */
#include "fuzz.h"

#include "server/websocket.h"

enum { MESSAGE_MAX = 4096 };

typedef struct taken {
  uint64_t sum;
  uint32_t count;
  pq_websocket *w;
} taken;

static int take(void *ud, pq_slice text) {
  taken *t = ud;
  FUZZ_CHECK(text.n <= MESSAGE_MAX);
  for (size_t i = 0; i < text.n; i++)
    t->sum = t->sum * 31 + text.p[i];
  t->count++;
  return pq_websocket_send(t->w, (pq_slice){text.p, text.n < 10 ? text.n : 10});
}

static void run(pq_cx *cx, pq_slice bytes, size_t step, taken *t) {
  pq_websocket_options o = {.cx = cx, .message_max = MESSAGE_MAX, .message = take, .ud = t};
  *t = (taken){.sum = 0};
  FUZZ_CHECK(pq_websocket_new(&o, &t->w) == PQ_OK);
  while (bytes.n > 0 && !pq_websocket_is_over(t->w)) {
    size_t n = bytes.n < step ? bytes.n : step;
    FUZZ_CHECK(pq_websocket_receive(t->w, (pq_slice){bytes.p, n}) == PQ_OK);
    bytes = (pq_slice){bytes.p + n, bytes.n - n};
  }
  pq_websocket_free(t->w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_cx cx;
  taken one, all;
  fuzz_cx_init(&cx);
  if (size > 1 << 16) return 0;
  run(&cx, (pq_slice){data, size}, size == 0 ? 1 : size, &all);
  run(&cx, (pq_slice){data, size}, 1, &one);
  FUZZ_CHECK(one.count == all.count && one.sum == all.sum);
  return 0;
}
