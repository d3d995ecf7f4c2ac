/* test/sim/sim_text.h - text that grows; running out of memory ends the program. */
#ifndef PQ_TEST_SIM_TEXT_H
#define PQ_TEST_SIM_TEXT_H

#include "base/base.h"

typedef struct sim_text {
  char *p; /* owned, NUL-terminated once something was put */
  size_t len, cap;
} sim_text;

void sim_text_release(sim_text *t);
static inline void sim_text_clear(sim_text *t) {
  t->len = 0;
}
void sim_put(sim_text *t, const char *format, ...) PQ_PRINTF(2, 3);
void sim_put_bytes(sim_text *t, const void *bytes, size_t n);
/* Bring the lines from offset `from` on into order. */
void sim_text_sort(sim_text *t, size_t from);
static inline pq_slice sim_text_slice(const sim_text *t) {
  return (pq_slice){(const uint8_t *)t->p, t->len};
}

_Noreturn void sim_die(const char *format, ...) PQ_PRINTF(1, 2);
/* realloc that does not fail. */
void *sim_grow(void *p, size_t size);

#endif
