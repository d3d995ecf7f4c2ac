/* graph/whole_turn.c - edges the other way, and both ways without their directions.
 *
 *   out 0: 1 2   ─ turned ─►  in 0:            simple 0: 1 2     out and in of a node rise: they
 *       1: 2 2                   1: 0     ─►          1: 0 2     are merged, what comes again and
 *       2: 2                     2: 0 1 1 2           2: 0 1     the node itself are left out
 */
#include "graph/whole_int.h"

/* ---- turned ---- */

/* first[v + 2] counts the edges that come to v; added up, first[v + 1] is where they begin. Each
 * edge that is put there moves it on, so that at the end it is where those of v + 1 begin. */
typedef struct turn_state {
  const pq_flat *from;
  pq_flat *to;
  uint32_t *first, *far;
  pq_whole_phase then;
} turn_state;

static int turn_put(pq_whole *w, uint64_t *work) {
  turn_state *s = w->part;
  const pq_flat *from = s->from;
  uint32_t *first = s->first + 1, *to = s->far;
  uint32_t v = w->at, n = from->node_count;
  for (; v<n && * work> 0; v++) {
    const uint32_t *far = from->far + from->first[v];
    uint32_t count = pq_flat_degree(from, v);
    for (uint32_t k = 0; k < count; k++)
      to[first[far[k]]++] = v;
    pq_whole_spend(work, count);
  }
  if (v < n) return pq_whole_go(w, v, n, NULL);
  *s->to =
      (pq_flat){.node_count = n, .edge_count = from->edge_count, .first = s->first, .far = s->far};
  return pq_whole_next(w, s->then);
}

static int turn_add(pq_whole *w, uint64_t *work) {
  turn_state *s = w->part;
  uint32_t v = w->at, n = s->from->node_count;
  for (; v<n && * work> 0; v++) {
    s->first[v + 1] += s->first[v];
    pq_whole_spend(work, 0);
  }
  return pq_whole_go(w, v, n, turn_put);
}

static int turn_count(pq_whole *w, uint64_t *work) {
  turn_state *s = w->part;
  const pq_flat *from = s->from;
  uint32_t *first = s->first + 2;
  uint32_t v = w->at, n = from->node_count;
  for (; v<n && * work> 0; v++) {
    const uint32_t *far = from->far + from->first[v];
    uint32_t count = pq_flat_degree(from, v);
    for (uint32_t k = 0; k < count; k++)
      first[far[k]]++;
    pq_whole_spend(work, count);
  }
  return pq_whole_go(w, v, n, turn_add);
}

int pq_whole_turn(pq_whole *w, const pq_flat *from, pq_flat *to, pq_whole_phase then) {
  turn_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  if (s == NULL) return w->arena->cx->code;
  *s = (turn_state){.from = from, .to = to, .then = then};
  s->first = pq_whole_zeros(w->scratch, (uint64_t)from->node_count + 2);
  s->far = pq_whole_u32(w->scratch, from->edge_count);
  if (s->first == NULL || s->far == NULL) return w->arena->cx->code;
  w->part = s;
  return pq_whole_next(w, turn_count);
}

int pq_whole_need_in(pq_whole *w, pq_whole_phase then) {
  if (w->in.first != NULL) return pq_whole_next(w, then);
  return pq_whole_turn(w, &w->out, &w->in, then);
}

/* ---- simple ---- */

typedef struct simple_state {
  uint32_t *first, *far;
  pq_whole_phase then;
} simple_state;

/* Two rising lists as one without equals and without `self`; one element of room behind it is
 * written. Without branches that depend on what is in them. */
static uint32_t merge_lists(const uint32_t *a, uint32_t a_count, const uint32_t *b,
                            uint32_t b_count, uint32_t self, uint32_t *out) {
  uint32_t i = 0, k = 0, n = 0, last = self;
  while (i < a_count || k < b_count) {
    uint32_t x = i < a_count ? a[i] : UINT32_MAX, y = k < b_count ? b[k] : UINT32_MAX;
    uint32_t least = x < y ? x : y;
    i += x == least;
    k += y == least;
    out[n] = least;
    n += (least != last) & (least != self);
    last = least;
  }
  return n;
}

static int merge_both(pq_whole *w, uint64_t *work) {
  simple_state *s = w->part;
  const pq_flat *out = &w->out, *in = &w->in;
  uint32_t v = w->at, n = w->node_count;
  for (; v<n && * work> 0; v++) {
    uint32_t out_count = pq_flat_degree(out, v), in_count = pq_flat_degree(in, v);
    s->first[v + 1] =
        s->first[v] + merge_lists(out->far + out->first[v], out_count, in->far + in->first[v],
                                  in_count, v, s->far + s->first[v]);
    pq_whole_spend(work, (uint64_t)out_count + in_count);
  }
  if (v < n) return pq_whole_go(w, v, n, NULL);
  w->simple =
      (pq_flat){.node_count = n, .edge_count = s->first[n], .first = s->first, .far = s->far};
  return pq_whole_next(w, s->then);
}

static int begin_merge(pq_whole *w, uint64_t *work) {
  simple_state *s = w->state;
  (void)work;
  s->first = pq_whole_zeros(w->scratch, (uint64_t)w->node_count + 1);
  s->far = pq_whole_u32(w->scratch, w->edge_count * 2 + 1);
  if (s->first == NULL || s->far == NULL) return w->arena->cx->code;
  w->part = s;
  return pq_whole_next(w, merge_both);
}

int pq_whole_need_simple(pq_whole *w, pq_whole_phase then) {
  simple_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  if (s == NULL) return w->arena->cx->code;
  s->then = then;
  w->state = s;
  return pq_whole_need_in(w, begin_merge);
}
