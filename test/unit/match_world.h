/* test/unit/match_world.h - a random world in memory for the tests of match/: nodes with labels and
 * a field, edges with data, and whoever answers what a query asks for.
 */
#ifndef PQ_TEST_MATCH_WORLD_H
#define PQ_TEST_MATCH_WORLD_H

#include "expr/filter.h"
#include "match/match_int.h"
#include "unit.h"
#include "value/json.h"

enum { WORLD_NODES = 40, WORLD_EDGES = 400, WORLD_LABELS = 4 };

/* Three collections and a type that runs across them. */
static const char *const world_labels[WORLD_LABELS] = {"P", "Q", "R", "T"};
static const char *const world_predicates[3] = {"k", "l", "m"};

typedef struct world_node {
  char id[16];
  int label; /* collection */
  bool is_t;
  int x; /* -1: none */
} world_node;

typedef struct world_edge {
  int from, predicate, to, w;
} world_edge;

typedef struct world {
  world_node nodes[WORLD_NODES];
  world_edge edges[WORLD_EDGES];
  int node_count, edge_count;
} world;

static uint64_t world_seed;

static inline int world_random(int n) {
  world_seed = world_seed * 6364136223846793005u + 1442695040888963407u;
  return (int)((world_seed >> 33) % (unsigned)n);
}

static inline bool world_has(const world *w, int node, int label) {
  return label == 3 ? w->nodes[node].is_t : w->nodes[node].label == label;
}

static inline void world_make(world *w, int nodes, int edges) {
  *w = (world){.node_count = nodes};
  for (int i = 0; i < nodes; i++) {
    world_node *n = &w->nodes[i];
    n->label = world_random(3);
    n->is_t = world_random(2) == 0;
    n->x = world_random(6) - 1;
    (void)snprintf(n->id, sizeof n->id, "%s/%02d", world_labels[n->label], i);
  }
  for (int i = 0; i < edges; i++) {
    world_edge e = {world_random(nodes), world_random(3), world_random(nodes), world_random(3)};
    bool is_new = true;
    for (int k = 0; k < w->edge_count && is_new; k++)
      is_new = w->edges[k].from != e.from || w->edges[k].predicate != e.predicate ||
               w->edges[k].to != e.to;
    if (is_new) w->edges[w->edge_count++] = e;
  }
}

static inline int world_graph(pq_cx *cx, const world *w, pq_graph **out) {
  pq_edge edges[WORLD_EDGES];
  for (int i = 0; i < w->edge_count; i++)
    edges[i] = (pq_edge){.from_id = pq_str(w->nodes[w->edges[i].from].id),
                         .predicate = pq_str(world_predicates[w->edges[i].predicate]),
                         .to_id = pq_str(w->nodes[w->edges[i].to].id)};
  return pq_graph_of(cx, edges, (uint32_t)w->edge_count, out);
}

/* ---- answers ---- */

typedef struct world_run {
  pq_cx *cx;
  const world *w;
  const pq_graph *g;
  pq_match *m;
  pq_arena arena;      /* of the answers */
  pq_builder *builder; /* the same */
  char **rows;         /* items as text, by malloc */
  int row_count, row_cap;
  int rows_max;
} world_run;

static inline int world_entity(world_run *r, int node, pq_value *out) {
  const world_node *n = &r->w->nodes[node];
  pq_builder *b = r->builder;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$id"));
  PQ_TRY(pq_builder_str(b, n->id));
  PQ_TRY(pq_builder_key_str(b, "$type"));
  PQ_TRY(pq_builder_str(b, n->is_t ? "T" : "U"));
  if (n->x >= 0) {
    PQ_TRY(pq_builder_key_str(b, "x"));
    PQ_TRY(pq_builder_i32(b, n->x));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &r->arena, out);
}

static inline int world_find(const world *w, pq_slice id) {
  for (int i = 0; i < w->node_count; i++)
    if (pq_slice_is(id, w->nodes[i].id)) return i;
  return -1;
}

static inline int world_label(world_run *r, pq_slice label) {
  for (int i = 0; i < 3; i++)
    if (pq_slice_is(label, world_labels[i])) PQ_TRY(pq_match_label_all(r->m, label));
  if (!pq_slice_is(label, "T")) return PQ_OK;
  for (int i = 0; i < r->w->node_count; i++)
    if (r->w->nodes[i].is_t) PQ_TRY(pq_match_label_entity(r->m, pq_str(r->w->nodes[i].id)));
  return PQ_OK;
}

static inline int world_scan(world_run *r, const pq_match_ask *ask) {
  pq_filter *filter;
  PQ_TRY(pq_filter_parse(&r->arena, NULL, ask->filter, &filter));
  for (int i = 0; i < r->w->node_count; i++) {
    bool is = true;
    pq_value entity;
    for (uint32_t g = 0; g < ask->label_count && is; g++) {
      bool has = false;
      for (uint32_t k = 0; k < ask->labels[g].count; k++)
        for (int l = 0; l < WORLD_LABELS; l++)
          has |= pq_slice_is(ask->labels[g].names[k], world_labels[l]) && world_has(r->w, i, l);
      is = has;
    }
    PQ_TRY(world_entity(r, i, &entity));
    if (!is || !pq_filter_match(filter, NULL, entity, (pq_value){0})) continue;
    PQ_TRY(pq_match_scanned(r->m, pq_str(r->w->nodes[i].id), entity));
  }
  return PQ_OK;
}

static inline int world_nodes(world_run *r, const pq_match_ask *ask) {
  for (uint32_t i = 0; i < ask->count; i++) {
    int node = world_find(r->w, ask->ids[i]);
    pq_value entity;
    if (i > 0) CHECK(pq_slice_cmp(ask->ids[i - 1], ask->ids[i]) < 0);
    if (node < 0) continue;
    PQ_TRY(world_entity(r, node, &entity));
    PQ_TRY(pq_match_entity(r->m, i, entity));
  }
  return PQ_OK;
}

static inline int world_weight(const world_run *r, uint32_t edge) {
  pq_edge_ends ends = pq_graph_ends(r->g, edge);
  for (int i = 0; i < r->w->edge_count; i++) {
    const world_edge *e = &r->w->edges[i];
    if (pq_slice_is(pq_graph_id(r->g, ends.from), r->w->nodes[e->from].id) &&
        pq_slice_is(pq_graph_id(r->g, ends.to), r->w->nodes[e->to].id) &&
        pq_slice_is(pq_graph_predicate_name(r->g, ends.predicate), world_predicates[e->predicate]))
      return e->w;
  }
  CHECK(false);
  return -1;
}

static inline int world_edges(world_run *r, const pq_match_ask *ask) {
  for (uint32_t i = 0; i < ask->count; i++) {
    pq_builder *b = r->builder;
    pq_value edge;
    pq_builder_clear(b);
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_key_str(b, "data"));
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_key_str(b, "w"));
    PQ_TRY(pq_builder_i32(b, world_weight(r, ask->numbers[i])));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_finish(b, &r->arena, &edge));
    PQ_TRY(pq_match_edge(r->m, i, edge));
  }
  return PQ_OK;
}

static inline int world_item(world_run *r, pq_value item) {
  pq_buf text;
  int rc;
  pq_buf_init(&text, r->cx, 1u << 20);
  rc = pq_json_print(&text, item, PQ_JSON_RELAXED);
  if (rc == PQ_OK) {
    if (r->row_count == r->row_cap) {
      r->row_cap = r->row_cap * 2 + 64;
      r->rows = realloc(r->rows, (size_t)r->row_cap * sizeof *r->rows);
    }
    r->rows[r->row_count] = calloc(1, text.len + 1);
    memcpy(r->rows[r->row_count++], text.p, text.len);
  }
  pq_buf_release(&text);
  return rc;
}

static inline int world_answers(world_run *r) {
  const pq_match_ask *ask;
  for (;;) {
    PQ_TRY(pq_match_step(r->m, &ask));
    switch (ask->kind) {
      case PQ_MATCH_TIME: break;
      case PQ_MATCH_LABEL: PQ_TRY(world_label(r, ask->label)); break;
      case PQ_MATCH_SCAN: PQ_TRY(world_scan(r, ask)); break;
      case PQ_MATCH_NODES: PQ_TRY(world_nodes(r, ask)); break;
      case PQ_MATCH_EDGES: PQ_TRY(world_edges(r, ask)); break;
      case PQ_MATCH_ITEM: PQ_TRY(world_item(r, ask->item)); break;
      default: return PQ_OK;
    }
  }
}

/* Run a query; the rows are r's, to be freed by world_end. `work`: how often it yields. */
static inline int world_query(world_run *r, pq_cx *cx, const world *w, const pq_graph *g,
                              const char *text, pq_value params, int64_t work) {
  pq_match_options o = {.params = params};
  int rc;
  *r = (world_run){.cx = cx, .w = w, .g = g};
  pq_arena_init(&r->arena, cx, 1u << 30);
  PQ_TRY(pq_builder_new(cx, &r->builder));
  PQ_TRY(pq_match_new(cx, pq_str(text), &o, &r->m));
  r->m->work_at_once = r->m->work_left = work;
  PQ_TRY(pq_match_begin(r->m, g));
  rc = world_answers(r);
  return rc;
}

static inline void world_end(world_run *r) {
  for (int i = 0; i < r->row_count; i++)
    free(r->rows[i]);
  free(r->rows);
  pq_match_free(r->m);
  pq_builder_free(r->builder);
  pq_arena_release(&r->arena);
}

#endif
