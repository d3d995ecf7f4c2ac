/* graph/whole_list.c - some nodes of an answer in the order of their values or ids. See whole.h.
 *
 * Nodes are in the order of ids from the start. Values become numbers of 64 bits in the same order
 * (scores are not negative), which are sorted digit by digit, from the lowest: equal ones stay as
 * they were. Digits that are the same in all are passed over.
 */
#include <string.h>

#include "graph/whole_int.h"

enum { DIGIT_BITS = 11, DIGITS = 6, DIGIT_COUNT = 1 << DIGIT_BITS };

typedef struct keyed {
  uint64_t key;
  uint32_t node;
} keyed;

typedef struct list_state {
  pq_whole_order order;
  uint32_t *listed;
  keyed *items, *other;
  uint32_t *counts; /* [DIGITS][DIGIT_COUNT] */
  uint32_t digit;
} list_state;

static uint32_t digit_of(uint64_t key, uint32_t digit) {
  return (uint32_t)(key >> digit * DIGIT_BITS) & (DIGIT_COUNT - 1);
}

/* The nth node in the order of ids that was asked for. */
static uint32_t nth(const pq_whole_order *o, uint32_t i) {
  return o->is_id_falling ? o->first + o->count - 1 - i : o->first + i;
}

static uint64_t key_of(const pq_whole *w, uint32_t node) {
  uint64_t key = 0;
  if (w->numbers != NULL)
    key = w->numbers[node];
  else if (w->labels != NULL)
    key = w->labels[node];
  else
    memcpy(&key, &w->scores[node], sizeof key);
  return key;
}

static int take_out(pq_whole *w, uint64_t *work) {
  list_state *s = w->state;
  uint32_t i = w->at, n = s->order.count;
  for (; i<n && * work> 0; i++) {
    s->listed[i] = s->order.is_by_id ? nth(&s->order, i) : s->items[i].node;
    pq_whole_spend(work, 0);
  }
  if (i < n) return pq_whole_go(w, i, n, NULL);
  w->listed = s->listed;
  w->listed_count = n;
  return pq_whole_next(w, NULL);
}

static int sort_digit(pq_whole *w, uint64_t *work);

/* The next digit that is not the same in all; where each of its values begins. */
static int next_digit(pq_whole *w, uint64_t *work) {
  list_state *s = w->state;
  (void)work;
  for (; s->digit < DIGITS; s->digit++) {
    uint32_t *counts = s->counts + (size_t)s->digit * DIGIT_COUNT, at = 0;
    if (s->order.count == 0 || counts[digit_of(s->items[0].key, s->digit)] == s->order.count)
      continue;
    for (uint32_t d = 0; d < DIGIT_COUNT; d++) {
      uint32_t count = counts[d];
      counts[d] = at;
      at += count;
    }
    return pq_whole_next(w, sort_digit);
  }
  return pq_whole_next(w, take_out);
}

static int sort_digit(pq_whole *w, uint64_t *work) {
  list_state *s = w->state;
  uint32_t *counts = s->counts + (size_t)s->digit * DIGIT_COUNT;
  uint32_t i = w->at, n = s->order.count;
  keyed *items;
  for (; i<n && * work> 0; i++) {
    s->other[counts[digit_of(s->items[i].key, s->digit)]++] = s->items[i];
    pq_whole_spend(work, 1);
  }
  if (i < n) return pq_whole_go(w, i, n, NULL);
  items = s->other;
  s->other = s->items;
  s->items = items;
  s->digit++;
  return pq_whole_next(w, next_digit);
}

static int make_keys(pq_whole *w, uint64_t *work) {
  list_state *s = w->state;
  uint32_t i = w->at, n = s->order.count;
  for (; i<n && * work> 0; i++) {
    uint32_t node = nth(&s->order, i);
    uint64_t key = key_of(w, node);
    if (!s->order.is_rising) key = ~key;
    s->items[i] = (keyed){key, node};
    for (uint32_t d = 0; d < DIGITS; d++)
      s->counts[(size_t)d * DIGIT_COUNT + digit_of(key, d)]++;
    pq_whole_spend(work, DIGITS);
  }
  return pq_whole_go(w, i, n, next_digit);
}

int pq_whole_list(pq_whole *w, const pq_whole_order *order) {
  list_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  uint32_t n = order->count;
  if (s == NULL) return w->arena->cx->code;
  pq_assert(order->first <= w->node_count && n <= w->node_count - order->first);
  s->order = *order;
  s->listed = pq_whole_u32(w->arena, n);
  if (s->listed == NULL) return w->arena->cx->code;
  w->state = s;
  if (order->is_by_id) return pq_whole_next(w, take_out);
  s->items = pq_arena_array(w->scratch, n, sizeof *s->items);
  s->other = pq_arena_array(w->scratch, n, sizeof *s->other);
  s->counts = pq_whole_zeros(w->scratch, DIGITS * DIGIT_COUNT);
  if (s->items == NULL || s->other == NULL || s->counts == NULL) return w->arena->cx->code;
  return pq_whole_next(w, make_keys);
}
