/* graph/triangles.c - how many triangles each node is in. See whole.h.
 *
 *   names     nodes by falling degree: hubs have small ones, so that what is looked at most lies
 *             together
 *   up   a:   neighbours of a with a lesser name, rising: at most sqrt(2 * edges) of them
 *
 *   for each a: mark up[a]; for each b of up[a]: for each c of up[b]:
 *     c is marked: a, b, c is a triangle, seen this once
 *
 * Whether c is marked is random, so the marks of a list are added up without a branch; only a list
 * that has some is gone over again, to tell whose triangles they are. The other way round (mark the
 * neighbours of b, go over the shorter lists of all a below it) looks at fewer nodes, but a are all
 * over memory: four times slower with 1,000,000 edges.
 */
#include "graph/whole_int.h"

typedef struct triangle_state {
  uint32_t *nodes; /* by name */
  uint32_t *names; /* by node */
  uint32_t *first, *far;
  pq_flat up;
  uint8_t *marks; /* by name: a neighbour of the running a; 0 between them */
  uint64_t *sums; /* by name */
  uint64_t *numbers;
} triangle_state;

/* Back from names to nodes. */
static int tell(pq_whole *w, uint64_t *work) {
  triangle_state *s = w->state;
  uint32_t b = w->at, n = w->node_count;
  for (; b<n && * work> 0; b++) {
    s->numbers[s->nodes[b]] = s->sums[b];
    pq_whole_spend(work, 0);
  }
  if (b == n) w->numbers = s->numbers;
  return pq_whole_go(w, b, n, NULL);
}

/* How many of a list are marked: nothing branches on it. */
static uint32_t count_marked(const uint32_t *far, uint32_t count, const uint8_t *marks) {
  uint32_t even = 0, odd = 0, i = 0;
  for (; i + 2 <= count; i += 2) {
    even += marks[far[i]];
    odd += marks[far[i + 1]];
  }
  return even + odd + (i < count ? marks[far[i]] : 0);
}

static int intersect(pq_whole *w, uint64_t *work) {
  triangle_state *s = w->state;
  const uint32_t *first = s->up.first, *far = s->up.far;
  uint32_t a = w->at, n = w->node_count;
  for (; a<n && * work> 0; a++) {
    uint32_t begin = first[a], end = first[a + 1];
    uint64_t looked = end - begin, sum = 0;
    if (end - begin < 2) continue;
    for (uint32_t i = begin; i < end; i++)
      s->marks[far[i]] = 1;
    for (uint32_t i = begin; i < end; i++) {
      uint32_t b = far[i], count = first[b + 1] - first[b];
      const uint32_t *c = far + first[b];
      uint32_t found = count_marked(c, count, s->marks);
      looked += count;
      if (found == 0) continue;
      s->sums[b] += found;
      sum += found;
      for (uint32_t k = 0; k < count; k++)
        s->sums[c[k]] += s->marks[c[k]];
    }
    for (uint32_t i = begin; i < end; i++)
      s->marks[far[i]] = 0;
    s->sums[a] += sum;
    w->total += sum;
    pq_whole_spend(work, looked);
  }
  return pq_whole_go(w, a, n, tell);
}

static int begin_intersect(pq_whole *w, uint64_t *work) {
  triangle_state *s = w->state;
  (void)work;
  s->marks = pq_arena_calloc(w->scratch, w->node_count, 1);
  s->sums = pq_arena_calloc(w->scratch, w->node_count, sizeof *s->sums);
  s->numbers = pq_arena_array(w->arena, w->node_count, sizeof *s->numbers);
  if (s->marks == NULL || s->sums == NULL || s->numbers == NULL) return w->arena->cx->code;
  return pq_whole_next(w, intersect);
}

/* up, by rising names of the far ends, because they are put by them. */
static int put_up(pq_whole *w, uint64_t *work) {
  triangle_state *s = w->state;
  const pq_flat *g = &w->simple;
  uint32_t b = w->at, n = w->node_count;
  for (; b<n && * work> 0; b++) {
    uint32_t node = s->nodes[b];
    for (uint32_t e = g->first[node]; e < g->first[node + 1]; e++) {
      uint32_t a = s->names[g->far[e]];
      if (a > b) s->far[s->first[a + 1]++] = b;
    }
    pq_whole_spend(work, (uint64_t)2 * pq_flat_degree(g, node));
  }
  if (b < n) return pq_whole_go(w, b, n, NULL);
  s->up = (pq_flat){.node_count = n, .edge_count = s->first[n], .first = s->first, .far = s->far};
  return pq_whole_next(w, begin_intersect);
}

static int count_up(pq_whole *w, uint64_t *work) {
  triangle_state *s = w->state;
  const pq_flat *g = &w->simple;
  uint32_t a = w->at, n = w->node_count;
  for (; a<n && * work> 0; a++) {
    uint32_t node = s->nodes[a], count = 0;
    for (uint32_t e = g->first[node]; e < g->first[node + 1]; e++)
      count += s->names[g->far[e]] < a;
    /* Where those of a begin; put_up moves it to where those of a + 1 do. */
    if (a + 1 < n) s->first[a + 2] = s->first[a + 1] + count;
    pq_whole_spend(work, pq_flat_degree(g, node));
  }
  return pq_whole_go(w, a, n, put_up);
}

/* Names: by falling degree, then by id. */
static int name_nodes(pq_whole *w, triangle_state *s) {
  uint32_t n = w->node_count, at = 0;
  uint32_t *begin = pq_whole_zeros(w->scratch, (uint64_t)n + 1);
  if (begin == NULL) return w->arena->cx->code;
  for (uint32_t v = 0; v < n; v++)
    begin[pq_flat_degree(&w->simple, v)]++;
  for (uint32_t d = n; d-- > 0;) {
    uint32_t count = begin[d];
    begin[d] = at;
    at += count;
  }
  for (uint32_t v = 0; v < n; v++) {
    s->names[v] = begin[pq_flat_degree(&w->simple, v)]++;
    s->nodes[s->names[v]] = v;
  }
  return PQ_OK;
}

static int begin(pq_whole *w, uint64_t *work) {
  triangle_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  uint32_t n = w->node_count;
  if (s == NULL) return w->arena->cx->code;
  s->nodes = pq_whole_u32(w->scratch, n);
  s->names = pq_whole_u32(w->scratch, n);
  s->first = pq_whole_zeros(w->scratch, (uint64_t)n + 2);
  s->far = pq_whole_u32(w->scratch, w->simple.edge_count / 2);
  if (s->nodes == NULL || s->names == NULL || s->first == NULL || s->far == NULL)
    return w->arena->cx->code;
  PQ_TRY(name_nodes(w, s));
  pq_whole_spend(work, (uint64_t)n * 4);
  w->state = s;
  return pq_whole_next(w, count_up);
}

int pq_whole_triangles(pq_whole *w, uint64_t *work) {
  (void)work;
  return pq_whole_need_simple(w, begin);
}
