/* shred/index_walk.c - what a document holds at the paths of all columns, in one walk.
 *
 *   columns  likes  author.id  author.name         nodes   1 likes      (column 0)
 *                                                          2 author     opened once
 *                                                          3   id       (column 1)
 *                                                          4   name     (column 2)
 *
 * Parents stand before their children, so that one loop over the nodes is the walk. Where a field
 * was found in the last document it mostly is in this one: that place is looked at before a search.
 */
#include <string.h>

#include "shred/field_tree.h"
#include "value/variant_raw.h"

#define INNER UINT32_MAX

typedef struct node {
  pq_slice name;
  uint32_t parent;
  uint32_t column;      /* INNER: an object on the way */
  uint32_t guess;       /* where the name stood last among the object's fields */
  pq_index_found state; /* of an inner node; PQ_FOUND_VALUE: `object` is open */
  pq_container object;
} node;

struct pq_index_walk {
  const pq_index_column *columns; /* borrowed */
  node *nodes;                    /* [0] is the document */
  uint32_t count;
};

/* The inner node `name` below `parent`; 0: none yet. */
static uint32_t inner_below(const pq_index_walk *w, uint32_t parent, pq_slice name) {
  for (uint32_t i = parent + 1; i < w->count; i++) {
    const node *n = &w->nodes[i];
    if (n->parent == parent && n->column == INNER && pq_slice_eq(n->name, name)) return i;
  }
  return 0;
}

static void add_path(pq_index_walk *w, const pq_path *path, uint32_t column) {
  uint32_t at = 0;
  for (uint32_t p = 0; p + 1 < path->count; p++) {
    uint32_t below = inner_below(w, at, path->parts[p].name);
    if (below == 0) {
      below = w->count++;
      w->nodes[below] = (node){.name = path->parts[p].name, .parent = at, .column = INNER};
    }
    at = below;
  }
  w->nodes[w->count++] =
      (node){.name = path->parts[path->count - 1].name, .parent = at, .column = column};
}

int pq_index_walk_new(pq_arena *arena, const pq_index_column *columns, uint32_t count,
                      pq_index_walk **out) {
  pq_index_walk *w = pq_arena_alloc(arena, sizeof *w);
  pq_path *paths = pq_arena_calloc(arena, count, sizeof *paths);
  size_t nodes = 1;
  *out = NULL;
  if (w == NULL || paths == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_path_parse(arena, columns[i].path, &paths[i]));
    nodes += paths[i].count;
  }
  *w = (pq_index_walk){.columns = columns, .nodes = pq_arena_calloc(arena, nodes, sizeof(node))};
  if (w->nodes == NULL) return arena->cx->code;
  w->nodes[w->count++].column = INNER;
  for (uint32_t i = 0; i < count; i++)
    add_path(w, &paths[i], i);
  *out = w;
  return PQ_OK;
}

/* An object of several fields is just that; others may stand for a type of Extended JSON. */
static void open_object(node *n, pq_value v) {
  bool is_open = pq_container_open(v, &n->object);
  n->state = PQ_FOUND_VALUE;
  if (is_open && n->object.ids == NULL)
    n->state = PQ_FOUND_OTHER;
  else if (!is_open || (n->object.count == 1 && pq_value_type(v) != PQ_TYPE_OBJECT))
    n->state = PQ_FOUND_MISSING;
}

static bool is_at(const pq_container *c, const pq_names *names, uint32_t i, pq_slice name) {
  return i < c->count && pq_slice_eq(pq_names_at(names, pq_container_id(c, i)), name);
}

static pq_value field(const pq_container *c, const pq_names *names, node *n) {
  uint32_t lo = 0, hi = c->count;
  if (is_at(c, names, n->guess, n->name)) return pq_container_value(c, n->guess);
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (pq_slice_cmp(pq_names_at(names, pq_container_id(c, mid)), n->name) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (!is_at(c, names, lo, n->name)) return (pq_value){0};
  n->guess = lo;
  return pq_container_value(c, lo);
}

/* Whether a decimal fits the column's digits too says. */
static pq_index_hit fit(pq_value v, const pq_index_column *c) {
  if (c->type != PQ_INDEX_DECIMAL || pq_value_type(v) == PQ_TYPE_NULL)
    return pq_index_fit(v, c->type);
  if (!pq_leaf_fits(v, c)) return (pq_index_hit){.found = PQ_FOUND_OTHER};
  return (pq_index_hit){PQ_FOUND_VALUE, v};
}

void pq_index_walk_find(pq_index_walk *w, pq_value doc, pq_index_hit *hits) {
  pq_names names = pq_names_of(doc);
  open_object(&w->nodes[0], doc);
  for (uint32_t i = 1; i < w->count; i++) {
    node *n = &w->nodes[i];
    const node *parent = &w->nodes[n->parent];
    pq_value v = {0};
    pq_index_found found = parent->state;
    if (found == PQ_FOUND_VALUE) {
      v = field(&parent->object, &names, n);
      if (pq_value_is_missing(v)) found = PQ_FOUND_MISSING;
    }
    if (n->column != INNER)
      hits[n->column] =
          found == PQ_FOUND_VALUE ? fit(v, &w->columns[n->column]) : (pq_index_hit){.found = found};
    else if (found == PQ_FOUND_VALUE)
      open_object(n, v);
    else
      n->state = found;
  }
}
