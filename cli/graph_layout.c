/* cli/graph_layout.c - see graph_layout.h. */
#include "graph_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_items.h"

enum {
  STEP = 92,           /* one hop in the picture, before boxes are pushed apart */
  FAR = 255,           /* a distance that is not known */
  ROUNDS = 300,        /* of stress */
  WORK_MAX = 60000000, /* boxes x boxes x rounds */
  PUSHES = 400,
  DODGES = 200
};
static const double PULL = 0.05;
static const double GIVE = 0.4;     /* of what would be enough, in each round */
static const double STRETCH = 1.55; /* boxes are wide: so is the picture */

typedef struct layout {
  cli_box *boxes;
  size_t count;
  size_t *first, *near; /* neighbours of box i, of either direction: near[first[i]] to [i + 1] */
  uint8_t *far;         /* hops from the box that is looked at */
  uint8_t *hops;        /* [count * count], or NULL */
  size_t *queue, *parent, *leaves;
} layout;

/* ---- the graph ---- */

static void list_near(layout *l, const cli_tie *ties, size_t tie_count) {
  size_t *at = cli_graph_alloc(l->count + 1, sizeof *at);
  l->first = cli_graph_alloc(l->count + 1, sizeof *l->first);
  l->near = cli_graph_alloc(tie_count * 2, sizeof *l->near);
  for (size_t i = 0; i < tie_count; i++) {
    l->first[ties[i].from + 1]++;
    l->first[ties[i].to + 1]++;
  }
  for (size_t i = 0; i < l->count; i++)
    l->first[i + 1] += l->first[i];
  memcpy(at, l->first, (l->count + 1) * sizeof *at);
  for (size_t i = 0; i < tie_count; i++) {
    l->near[at[ties[i].from]++] = ties[i].to;
    l->near[at[ties[i].to]++] = ties[i].from;
  }
  free(at);
}

/* Breadth first from what is in the queue already; the length of the queue afterwards. */
static size_t spread(layout *l, size_t queued) {
  for (size_t i = 0; i < queued; i++) {
    size_t a = l->queue[i];
    for (size_t k = l->first[a]; k < l->first[a + 1]; k++) {
      size_t b = l->near[k];
      if (l->far[b] != FAR) continue;
      l->far[b] = l->far[a] < FAR - 1 ? (uint8_t)(l->far[a] + 1) : FAR - 1;
      l->parent[b] = a;
      l->queue[queued++] = b;
    }
  }
  return queued;
}

static void start_from(layout *l, size_t *queued, size_t box) {
  l->far[box] = 0;
  l->parent[box] = SIZE_MAX;
  l->queue[(*queued)++] = box;
}

/* ---- a tree around the roots ---- */

/* A point of the unit circle, by a parabola for each half turn and a correction. */
static double wave(double turn) {
  double x = turn - floor(turn), y;
  double sign = x < 0.5 ? 1 : -1;
  x = x < 0.5 ? x : x - 0.5;
  y = 16 * x * (0.5 - x);
  return sign * (0.775 * y + 0.225 * y * y);
}

/* Each box stands in its part of the circle, which it shares out to its children. `lo` and `width`
 * are by box, in turns. */
static void place_tree(layout *l, size_t queued) {
  double *lo = cli_graph_alloc(l->count, sizeof *lo),
         *taken = cli_graph_alloc(l->count, sizeof *lo);
  double *width = cli_graph_alloc(l->count, sizeof *width), at = 0;
  size_t total = 0, roots = 0;
  for (size_t i = 0; i < l->count; i++)
    l->leaves[i] = 1;
  for (size_t i = queued; i-- > 0;)
    if (l->parent[l->queue[i]] != SIZE_MAX)
      l->leaves[l->parent[l->queue[i]]] += l->leaves[l->queue[i]];
  for (size_t i = 0; i < queued; i++)
    if (l->parent[l->queue[i]] == SIZE_MAX) {
      total += l->leaves[l->queue[i]];
      roots++;
    }
  for (size_t i = 0; i < queued; i++) {
    size_t a = l->queue[i], p = l->parent[a];
    double radius = l->far[a] + (roots > 1 ? 0.6 : 0), middle;
    if (p == SIZE_MAX) {
      lo[a] = at;
      width[a] = (double)l->leaves[a] / (double)total;
      at += width[a];
    } else {
      width[a] = width[p] * (double)l->leaves[a] / (double)(l->leaves[p] - 1);
      lo[a] = lo[p] + taken[p];
      taken[p] += width[a];
    }
    middle = lo[a] + width[a] / 2;
    l->boxes[a].x = wave(middle + 0.25) * radius * STEP;
    l->boxes[a].y = wave(middle) * radius * STEP;
  }
  free(lo);
  free(taken);
  free(width);
}

static void place(layout *l) {
  size_t queued = 0;
  memset(l->far, FAR, l->count);
  for (size_t i = 0; i < l->count; i++)
    if (l->boxes[i].is_root) start_from(l, &queued, i);
  queued = spread(l, queued);
  for (size_t i = 0; i < l->count; i++) {
    if (l->far[i] != FAR) continue;
    start_from(l, &queued, i);
    queued = spread(l, queued);
  }
  place_tree(l, queued);
}

/* ---- distances ---- */

static void measure(layout *l) {
  for (size_t i = 0; i < l->count; i++) {
    size_t queued = 0;
    memset(l->far, FAR, l->count);
    start_from(l, &queued, i);
    (void)spread(l, queued);
    memcpy(l->hops + i * l->count, l->far, l->count);
  }
}

/* Box i goes to the mean of where the others would like it. */
static void relax(layout *l, size_t i) {
  cli_box *a = &l->boxes[i];
  double x = 0, y = 0, sum = 0;
  for (size_t k = 0; k < l->count; k++) {
    const cli_box *b = &l->boxes[k];
    double hops = l->hops[i * l->count + k], dx = a->x - b->x, dy = a->y - b->y, length, weight;
    if (k == i) continue;
    if (hops > 6) hops = 6; /* what is not connected need not be far */
    weight = 1 / (hops * hops);
    length = sqrt(dx * dx + dy * dy);
    if (length < 1) { /* on the same place: apart, in an order */
      dx = i < k ? -1 : 1;
      dy = 0.5;
      length = 1;
    }
    x += weight * (b->x + hops * STEP * dx / length);
    y += weight * (b->y + hops * STEP * dy / length);
    sum += weight;
  }
  if (sum > 0) {
    a->x = x / sum;
    a->y = y / sum;
  }
}

static void majorize(layout *l) {
  size_t rounds = l->count < 2 ? 0 : WORK_MAX / (l->count * l->count);
  if (rounds > ROUNDS) rounds = ROUNDS;
  if (rounds < 3) return; /* too many: the tree stays */
  l->hops = cli_graph_alloc(l->count, l->count);
  measure(l);
  for (size_t r = 0; r < rounds; r++)
    for (size_t i = 0; i < l->count; i++)
      relax(l, i);
}

/* ---- boxes apart ---- */

/* Move both by half of what they overlap, the short way. */
static bool push(cli_box *a, cli_box *b, bool is_before) {
  double dx = b->x - a->x, dy = b->y - a->y;
  double over_x = (a->width + b->width) / 2 - fabs(dx);
  double over_y = (a->height + b->height) / 2 - fabs(dy);
  double part = a->is_root == b->is_root ? 0.5 : a->is_root ? 0 : 1; /* of the way, that a goes */
  if (over_x <= 0.01 || over_y <= 0.01) return false;
  if (over_y * 1.6 <= over_x) {
    double sign = dy > 0 || (dy >= 0 && is_before) ? 1 : -1;
    a->y -= sign * over_y * part;
    b->y += sign * over_y * (1 - part);
  } else {
    double sign = dx > 0 || (dx >= 0 && is_before) ? 1 : -1;
    a->x -= sign * over_x * part;
    b->x += sign * over_x * (1 - part);
  }
  return true;
}

static bool push_all(layout *l) {
  bool has_moved = false;
  for (size_t i = 0; i < l->count; i++)
    for (size_t k = i + 1; k < l->count; k++)
      has_moved |= push(&l->boxes[i], &l->boxes[k], true);
  return has_moved;
}

/* A box that stands on the way of an edge of others goes aside. */
static bool dodge(layout *l, const cli_tie *t, size_t i) {
  const cli_box *a = &l->boxes[t->from], *b = &l->boxes[t->to];
  cli_box *c = &l->boxes[i];
  double dx = b->x - a->x, dy = b->y - a->y, length = sqrt(dx * dx + dy * dy), along, off, need;
  if (i == t->from || i == t->to || c->is_root || length < 1) return false;
  dx /= length;
  dy /= length;
  along = (c->x - a->x) * dx + (c->y - a->y) * dy;
  if (along <= 0 || along >= length) return false;
  off = (c->y - a->y) * dx - (c->x - a->x) * dy; /* to the left of it or right */
  need = (fabs(dy) * c->width + fabs(dx) * c->height) / 2 - fabs(off);
  if (need <= 0) return false;
  need *= off < 0 ? -GIVE : GIVE;
  c->x -= dy * need;
  c->y += dx * need;
  return true;
}

/* An edge that has become long draws its ends together. */
static void draw_together(layout *l, const cli_tie *t) {
  cli_box *a = &l->boxes[t->from], *b = &l->boxes[t->to];
  double dx = b->x - a->x, dy = b->y - a->y, length = sqrt(dx * dx + dy * dy);
  double part = length > STEP ? PULL * (length - STEP) / length : 0;
  if (!a->is_root) {
    a->x += dx * part;
    a->y += dy * part;
  }
  if (!b->is_root) {
    b->x -= dx * part;
    b->y -= dy * part;
  }
}

static void dodge_all(layout *l, const cli_tie *ties, size_t tie_count) {
  size_t rounds = tie_count == 0 ? 0 : WORK_MAX / 10 / (tie_count * l->count);
  if (rounds > DODGES) rounds = DODGES;
  for (size_t n = 0; n < rounds; n++) {
    bool has_moved = false;
    for (size_t t = 0; t < tie_count && n < rounds / 2; t++)
      draw_together(l, &ties[t]);
    for (size_t t = 0; t < tie_count; t++)
      for (size_t i = 0; i < l->count; i++)
        has_moved |= dodge(l, &ties[t], i);
    has_moved |= push_all(l);
    if (!has_moved && n >= rounds / 2) return;
  }
}

/* When pushing does not end, there is not room enough between others: everything gets more. */
static void separate(layout *l) {
  for (;;) {
    for (size_t n = 0; n < PUSHES; n++)
      if (!push_all(l)) return;
    for (size_t i = 0; i < l->count; i++) {
      l->boxes[i].x *= 1.08;
      l->boxes[i].y *= 1.08;
    }
  }
}

void cli_layout(cli_box *boxes, size_t box_count, const cli_tie *ties, size_t tie_count) {
  layout l = {.boxes = boxes, .count = box_count};
  if (box_count == 0) return;
  l.far = cli_graph_alloc(box_count, 1);
  l.queue = cli_graph_alloc(box_count, sizeof *l.queue);
  l.parent = cli_graph_alloc(box_count, sizeof *l.parent);
  l.leaves = cli_graph_alloc(box_count, sizeof *l.leaves);
  list_near(&l, ties, tie_count);
  place(&l);
  majorize(&l);
  for (size_t i = 0; i < box_count; i++)
    boxes[i].x *= STRETCH;
  separate(&l);
  dodge_all(&l, ties, tie_count);
  separate(&l);
  free(l.far);
  free(l.queue);
  free(l.parent);
  free(l.leaves);
  free(l.first);
  free(l.near);
  free(l.hops);
}
