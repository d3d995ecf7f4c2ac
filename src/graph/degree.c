/* graph/degree.c - how many edges leave a node, enter it, or both. See whole.h. */
#include "graph/whole_int.h"

static int count(pq_whole *w, uint64_t *work) {
  uint64_t *numbers = w->state;
  bool is_out = (w->options.direction & PQ_OUT) != 0, is_in = (w->options.direction & PQ_IN) != 0;
  uint32_t v = w->at, n = w->node_count;
  for (; v<n && * work> 0; v++) {
    numbers[v] = (is_out ? pq_flat_degree(&w->out, v) : UINT64_C(0)) +
                 (is_in ? pq_flat_degree(&w->in, v) : UINT64_C(0));
    if (numbers[v] > w->total) w->total = numbers[v];
    pq_whole_spend(work, 0);
  }
  if (v == n) w->numbers = numbers;
  return pq_whole_go(w, v, n, NULL);
}

int pq_whole_degree(pq_whole *w, uint64_t *work) {
  (void)work;
  w->state = pq_arena_array(w->arena, w->node_count, sizeof *w->numbers);
  if (w->state == NULL) return w->arena->cx->code;
  return w->options.direction == PQ_OUT ? pq_whole_next(w, count) : pq_whole_need_in(w, count);
}
