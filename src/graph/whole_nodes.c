/* graph/whole_nodes.c - a graph's nodes that have an edge, in the order of their ids, and the edges
 * between their new numbers.
 *
 *   mark ─► list ─► [sort: parts, then merged] ─► edges with new numbers ─► [turned twice]
 *                    if ids do not rise            none, if all have an edge  if ids did not rise:
 *                                                  and ids rise               far ends rise then
 */
#include <string.h>

#include "base/merge_sort.h"
#include "graph/whole_int.h"

enum { SORT_PART = 4096 };

typedef struct nodes_state {
  uint8_t *marks;    /* by the graph's number: it has an edge */
  uint32_t *nodes;   /* numbers of the graph */
  uint32_t *other;   /* of the sort */
  uint32_t *numbers; /* by the graph's number: the new one */
  bool is_rising;    /* ids do, in the order of the graph's numbers */
  uint32_t width;    /* parts of that length are sorted */
  uint32_t left, a,
      b; /* the two parts that are merged begin at `left`, they have come to a and b */
  uint32_t *first, *far;
  pq_flat renamed;
} nodes_state;

/* ---- edges ---- */

static int done(pq_whole *w, uint64_t *work) {
  (void)work;
  w->state = NULL;
  return pq_whole_next(w, w->then);
}

static int turn_back(pq_whole *w, uint64_t *work) {
  (void)work;
  return pq_whole_turn(w, &w->in, &w->out, done);
}

static int rename_far(pq_whole *w, uint64_t *work) {
  nodes_state *s = w->state;
  uint32_t i = w->at, n = w->node_count;
  for (; i<n && * work> 0; i++) {
    uint32_t node = s->nodes[i], count = pq_flat_degree(&w->given, node);
    const uint32_t *from = w->given.far + w->given.first[node];
    uint32_t *to = s->far + s->first[i];
    for (uint32_t k = 0; k < count; k++)
      to[k] = s->numbers[from[k]];
    s->first[i + 1] = s->first[i] + count;
    pq_whole_spend(work, count);
  }
  if (i < n) return pq_whole_go(w, i, n, NULL);
  s->renamed =
      (pq_flat){.node_count = n, .edge_count = w->edge_count, .first = s->first, .far = s->far};
  if (!s->is_rising) return pq_whole_turn(w, &s->renamed, &w->in, turn_back);
  w->out = s->renamed;
  return pq_whole_next(w, done);
}

static int number(pq_whole *w, uint64_t *work) {
  nodes_state *s = w->state;
  uint32_t i = w->at, n = w->node_count;
  for (; i<n && * work> 0; i++) {
    s->numbers[s->nodes[i]] = i;
    pq_whole_spend(work, 0);
  }
  return pq_whole_go(w, i, n, rename_far);
}

static int begin_edges(pq_whole *w, uint64_t *work) {
  nodes_state *s = w->state;
  (void)work;
  w->nodes = s->nodes;
  if (s->is_rising && w->node_count == w->given.node_count) {
    w->out = w->given;
    return pq_whole_next(w, done);
  }
  s->numbers = pq_whole_u32(w->scratch, w->given.node_count);
  s->first = pq_whole_zeros(w->scratch, (uint64_t)w->node_count + 1);
  s->far = pq_whole_u32(w->scratch, w->edge_count);
  if (s->numbers == NULL || s->first == NULL || s->far == NULL) return w->arena->cx->code;
  return pq_whole_next(w, number);
}

/* ---- their order ---- */

static int compare_ids(const void *a, const void *b, const void *ud) {
  const pq_slice *ids = ud;
  return pq_slice_cmp(ids[*(const uint32_t *)a], ids[*(const uint32_t *)b]);
}

static void merge_begin(nodes_state *s, uint32_t left, uint32_t n) {
  s->left = s->a = left;
  s->b = n - left > s->width ? left + s->width : n;
}

/* Two parts that stand beside each other, into `other`; all of them: they change places. */
static int merge(pq_whole *w, uint64_t *work) {
  nodes_state *s = w->state;
  uint32_t n = w->node_count;
  while (*work > 0 && s->width < n) {
    uint32_t middle = n - s->left > s->width ? s->left + s->width : n;
    uint32_t end = n - middle > s->width ? middle + s->width : n;
    uint32_t at = s->a + s->b - middle;
    if (at < end) {
      bool is_first = s->b == end ||
                      (s->a < middle && compare_ids(&s->nodes[s->a], &s->nodes[s->b], w->ids) <= 0);
      s->other[at] = is_first ? s->nodes[s->a++] : s->nodes[s->b++];
      pq_whole_spend(work, 7);
    } else if (end < n) {
      merge_begin(s, end, n);
    } else {
      uint32_t *sorted = s->other;
      s->other = s->nodes;
      s->nodes = sorted;
      s->width = s->width > n / 2 ? n : s->width * 2;
      merge_begin(s, 0, n);
    }
  }
  return s->width < n ? PQ_OK : pq_whole_next(w, begin_edges);
}

static int sort_parts(pq_whole *w, uint64_t *work) {
  nodes_state *s = w->state;
  uint32_t i = w->at, n = w->node_count;
  while (i<n && * work> 0) {
    uint32_t count = n - i < SORT_PART ? n - i : SORT_PART;
    PQ_TRY(pq_sort_items(w->arena->cx, s->nodes + i, count, sizeof *s->nodes, compare_ids, w->ids));
    pq_whole_spend(work, (uint64_t)count * 64);
    i += count;
  }
  if (i < n) return pq_whole_go(w, i, n, NULL);
  s->width = SORT_PART;
  merge_begin(s, 0, n);
  return pq_whole_next(w, merge);
}

/* ---- which ---- */

static int list(pq_whole *w, uint64_t *work) {
  nodes_state *s = w->state;
  uint32_t v = w->at, n = w->given.node_count;
  for (; v<n && * work> 0; v++) {
    pq_whole_spend(work, 0);
    if (s->marks[v] == 0) continue;
    if (w->node_count > 0 && s->is_rising)
      s->is_rising = pq_slice_cmp(w->ids[s->nodes[w->node_count - 1]], w->ids[v]) < 0;
    s->nodes[w->node_count++] = v;
  }
  if (v < n) return pq_whole_go(w, v, n, NULL);
  if (s->is_rising) return pq_whole_next(w, begin_edges);
  s->other = pq_whole_u32(w->arena, w->node_count);
  return s->other == NULL ? w->arena->cx->code : pq_whole_next(w, sort_parts);
}

static int mark(pq_whole *w, uint64_t *work) {
  nodes_state *s = w->state;
  uint32_t v = w->at, n = w->given.node_count;
  for (; v<n && * work> 0; v++) {
    uint32_t count = pq_flat_degree(&w->given, v);
    const uint32_t *far = w->given.far + w->given.first[v];
    if (count > 0) s->marks[v] = 1;
    for (uint32_t k = 0; k < count; k++)
      s->marks[far[k]] = 1;
    pq_whole_spend(work, count);
  }
  return pq_whole_go(w, v, n, list);
}

int pq_whole_order_nodes(pq_whole *w, uint64_t *work) {
  nodes_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  (void)work;
  if (s == NULL) return w->arena->cx->code;
  s->is_rising = true;
  s->marks = pq_arena_calloc(w->scratch, w->given.node_count, 1);
  s->nodes = pq_whole_u32(w->arena, w->given.node_count);
  if (s->marks == NULL || s->nodes == NULL) return w->arena->cx->code;
  w->state = s;
  return pq_whole_next(w, mark);
}
