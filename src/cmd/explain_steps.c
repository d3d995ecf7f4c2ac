/* cmd/explain_steps.c - which steps a command takes, as far as a plan knows. See explain_plan.h.
 *
 *   get       id ─► [populate]
 *   exists    scan, or id, or edge ─► its ends
 *   find      scan ─► [populate: edges ─► entities, level by level] ─► [total: scan]
 *   related   id ─► its edges ─► entities at their ends ─► [populate] ─► [total: entities]
 *   match     the graph ─► scans ─► entities, edges that are looked at (match_plan.c)
 *   traverse  id ─► its edges ─► entities, or the graph ─► entities, edges that are judged or shown
 *
 * A command's list is asked for in phases: the next ones when all before are planned, as their
 * answers tell what can follow.
 */
#include <string.h>

#include "cmd/graph_search.h"
#include "cmd/pipeline_run.h"
#include "cmd/populate.h"
#include "query/flow_reads.h"
#include "table/read_bound.h"
#include "table/tail.h"

/* ---- what can be planned ---- */

pq_plan_kind_of pq_plan_kind(const pq_command *c) {
  int (*open)(pq_command * c, pq_value target) = c->s.spec->open;
  if (open == pq_open_aggregate || c->s.derived != NULL)
    return pq_pipeline_directions(c->s.pipeline) == 0 ? PQ_PLAN_PIPELINE : PQ_PLAN_NONE;
  if (open == pq_open_exists && c->s.edge.from.n > 0) return PQ_PLAN_GRAPH;
  if (open == pq_open_get || (open == pq_open_exists && c->s.id.n > 0)) return PQ_PLAN_POINT;
  if (open == pq_open_find || open == pq_open_find_one || open == pq_open_count ||
      open == pq_open_exists || open == pq_open_distinct)
    return PQ_PLAN_SCAN;
  return open == pq_open_related || open == pq_open_traverse || open == pq_open_subgraph ||
                 open == pq_open_path || open == pq_open_connected ||
                 open == pq_open_neighbourhood || open == pq_open_whole ||
                 open == pq_open_match_text
             ? PQ_PLAN_GRAPH
             : PQ_PLAN_NONE;
}

/* ---- rows of the tail ---- */

uint64_t pq_tail_rows(const pq_command *c, pq_slice collection) {
  pq_tail_walk w = pq_tail_begin(&c->s.snapshot.view, PQ_TAIL_ENTITIES, collection);
  uint64_t n = 0;
  while (pq_tail_next(&w) != NULL)
    n++;
  return n;
}

uint64_t pq_tail_len(const pq_command *c, pq_slice collection) {
  pq_tail_walk w = pq_tail_begin(&c->s.snapshot.view, PQ_TAIL_ENTITIES, collection);
  const pq_event *e;
  uint64_t len = 0;
  while ((e = pq_tail_next(&w)) != NULL)
    len += (uint64_t)e->after.meta_len + e->after.len;
  return len;
}

static uint64_t dead_of(const pq_overlay *o) {
  uint64_t n = 0;
  for (uint32_t i = 0; o != NULL && i < o->version_count; i++) {
    const pq_event *e = &o->versions[i].event;
    bool is_loose = e->target == PQ_TARGET_REL &&
                    !pq_value_is_missing(pq_object_get_str(e->metadata, "replay"));
    n += is_loose ? 2 : e->target == PQ_TARGET_ENTITY && e->op == PQ_EVENT_DELETE;
  }
  return n;
}

uint64_t pq_tail_dead(const pq_command *c) {
  const pq_view *v = &c->s.snapshot.view;
  return dead_of(v->overlay) + (v->own == v->overlay ? 0 : dead_of(v->own));
}

uint64_t pq_tail_edges(const pq_command *c) {
  const pq_overlay *o = c->s.snapshot.view.overlay;
  return o == NULL ? 0 : o->key_count;
}

/* ---- the list ---- */

int pq_plan_add(pq_command *c, pq_step_kind kind, pq_plan_step **out) {
  pq_forecast *f = &c->s.forecast;
  *out = NULL;
  if (f->step_count == f->step_cap) {
    uint32_t cap = f->step_cap == 0 ? 8 : f->step_cap * 2;
    pq_plan_step *steps = pq_arena_calloc(&c->op.arena, cap, sizeof *steps);
    if (steps == NULL) return c->op.cx->code;
    if (f->step_count > 0) memcpy(steps, f->steps, f->step_count * sizeof *steps);
    f->steps = steps;
    f->step_cap = cap;
  }
  *out = &f->steps[f->step_count++];
  **out = (pq_plan_step){.kind = kind, .is_certain = true, .times = 1, .times_full = 1};
  return PQ_OK;
}

static int add_get(pq_command *c, unsigned want) {
  pq_plan_step *s;
  PQ_TRY(pq_plan_add(c, PQ_STEP_GET, &s));
  s->id = c->s.id;
  s->want = want;
  return PQ_OK;
}

int pq_plan_add_scan(pq_command *c, const pq_scan *scan, uint64_t enough, pq_plan_step **out) {
  PQ_TRY(pq_plan_add(c, PQ_STEP_SCAN, out));
  (*out)->scan = *scan;
  (*out)->collection = scan->collection;
  (*out)->enough = enough;
  return PQ_OK;
}

int pq_plan_add_ids(pq_command *c, uint64_t ids, uint64_t turns, unsigned want) {
  pq_plan_step *s;
  if (ids == 0 || turns == 0) return PQ_OK;
  PQ_TRY(pq_plan_add(c, PQ_STEP_SOME_IDS, &s));
  s->ids = ids;
  s->times = s->times_full = turns;
  s->want = want;
  s->why = "edges tell which entities are read";
  return PQ_OK;
}

static int add_some_edges(pq_command *c, bool is_reverse, uint64_t turns) {
  pq_plan_step *s;
  PQ_TRY(pq_plan_add(c, PQ_STEP_SOME_EDGES, &s));
  s->edges.is_reverse = is_reverse;
  s->times = s->times_full = turns;
  s->why = "entities tell whose edges are read";
  return PQ_OK;
}

/* The edges of the command's target; of `related` the first part of them. */
static int add_edges(pq_command *c, pq_edge_query q, bool is_certain) {
  pq_plan_step *s;
  PQ_TRY(pq_plan_add(c, PQ_STEP_EDGES, &s));
  q.nodes = &c->s.id;
  q.node_count = 1;
  s->edges = q;
  s->is_certain = is_certain;
  s->is_part = c->s.spec->open == pq_open_related;
  s->why = "edges are read if the entity is there";
  return PQ_OK;
}

/* What the last `count` steps give, with the tail's edges. */
static uint64_t rows_of_last(const pq_command *c, uint32_t count) {
  const pq_forecast *f = &c->s.forecast;
  uint64_t rows = 0;
  for (uint32_t i = f->step_count - count; i < f->step_count; i++)
    rows = pq_count_add(rows, f->steps[i].rows_max);
  return rows;
}

/* ---- populate ---- */

/* One level of the tree for sources that nobody knows, in `turns`; its edges. */
static int add_level_edges(pq_command *c, uint32_t level, uint64_t turns, uint32_t *count) {
  const pq_populate *p = c->s.populate;
  *count = 0;
  for (uint32_t i = 0; i < p->node_count; i++) {
    const pq_populate_node *n = &p->nodes[i];
    uint64_t times = pq_count_mul(turns, n->predicate_count);
    if (n->level != level) continue;
    if (!n->is_reverse_only) PQ_TRY(add_some_edges(c, false, times));
    if (!n->is_forward_only) PQ_TRY(add_some_edges(c, true, times));
    *count += !n->is_reverse_only;
    *count += !n->is_forward_only;
  }
  return PQ_OK;
}

/* The first level of one entity that is known. */
static int add_target_edges(pq_command *c, uint32_t *count) {
  const pq_populate *p = c->s.populate;
  *count = 0;
  for (uint32_t i = 0; i < p->node_count && p->nodes[i].level == 0; i++) {
    const pq_populate_node *n = &p->nodes[i];
    for (uint32_t k = 0; k < n->predicate_count; k++) {
      pq_edge_query out, in;
      pq_populate_query(n, k, false, &out);
      pq_populate_query(n, k, true, &in);
      if (!n->is_reverse_only) PQ_TRY(add_edges(c, out, false));
      if (!n->is_forward_only) PQ_TRY(add_edges(c, in, false));
      *count += !n->is_reverse_only;
      *count += !n->is_forward_only;
    }
  }
  return PQ_OK;
}

/* Two phases a level, from `phase` on: its edges, then the entities at their ends, looked at once
 * to see which are live and once more to read them. `turns`: pages that are populated. */
static int populate_steps(pq_command *c, uint32_t phase, uint64_t turns, bool *has_more) {
  pq_forecast *f = &c->s.forecast;
  uint32_t level = phase / 2;
  *has_more = c->s.populate != NULL && turns > 0 && level < c->s.populate->level_count;
  if (!*has_more) return PQ_OK;
  if (phase % 2 == 0) {
    bool is_known = level == 0 && c->s.spec->open == pq_open_get;
    return is_known ? add_target_edges(c, &f->level_steps)
                    : add_level_edges(c, level, turns, &f->level_steps);
  }
  return pq_plan_add_ids(
      c, pq_count_mul(2 * turns, pq_count_add(rows_of_last(c, f->level_steps), pq_tail_edges(c))),
      2 * turns, PQ_WANT_ALL);
}

/* ---- scans ---- */

/* How many rows the command's sink takes. 0: all. */
static uint64_t enough_of(const pq_command *c) {
  const pq_collector *k = &c->s.collector;
  uint64_t n;
  if (c->s.spec->open == pq_open_exists) return 1;
  if (c->s.spec->open == pq_open_distinct || c->s.args.limit == 0) return 0;
  if (!pq_add_u64(c->s.args.skip, c->s.args.limit, &n) || n == UINT64_MAX) return 0;
  if (c->s.spec->open == pq_open_count) return n;
  if (pq_collector_is_ordered(k)) return 0;
  return k->ends_at_limit ? n : n + 1;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* Entities that a page shows at most. */
static uint64_t shown_max(const pq_command *c, uint64_t rows) {
  return c->s.args.limit == 0 ? rows : smaller(rows, c->s.args.limit);
}

/* How often the items of a find are populated: once for an ordered page, else for each window. */
static uint64_t page_turns(const pq_command *c) {
  const pq_plan_step *s = &c->s.forecast.steps[0];
  uint64_t tail = pq_tail_rows(c, c->s.collection), rows = pq_count_add(s->rows_max, tail);
  uint64_t windows = pq_count_mul(s->plan.windows + 1, s->plan.times == 0 ? 1 : s->plan.times);
  if (pq_collector_is_ordered(&c->s.collector)) return rows > 0;
  return smaller(shown_max(c, rows), windows);
}

/* Is there a scan that counts the total? It is left out when the page has shown everything. */
static int add_total(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  const pq_plan_step *page = &c->s.forecast.steps[0];
  uint64_t rows = pq_count_add(page->rows_max, pq_tail_rows(c, c->s.collection));
  bool is_asked = k->skip > 0 || k->after != NULL;
  uint64_t limit = c->s.args.limit, rows_min = page->rows_min;
  pq_plan_step *s;
  if (!c->s.args.wants_total || (!is_asked && (limit == 0 || rows <= limit))) return PQ_OK;
  pq_read_scan(c, c->s.filter);
  c->s.scan.is_count = true;
  PQ_TRY(pq_plan_add_scan(c, &c->s.scan, 0, &s));
  s->stage = "total";
  s->is_certain = is_asked || rows_min > limit;
  s->why = "the total is counted if the page does not show everything";
  return PQ_OK;
}

static int scan_steps(pq_command *c, uint32_t phase, bool *has_more) {
  pq_plan_step *s;
  if (phase == 0 && pq_count_is_of_all(c)) {
    PQ_TRY(pq_plan_add(c, PQ_STEP_FOOTERS, &s));
    s->collection = c->s.collection;
    s->times = s->times_full = 0; /* the scan counts them */
  }
  if (phase == 0) return pq_plan_add_scan(c, &c->s.scan, enough_of(c), &s);
  if (phase == 1) return add_total(c);
  return populate_steps(c, phase - 2, c->s.populate == NULL ? 0 : page_turns(c), has_more);
}

static int point_steps(pq_command *c, uint32_t phase, bool *has_more) {
  if (phase == 0)
    return add_get(c, c->s.spec->open == pq_open_get ? PQ_WANT_ALL : PQ_WANT_ID | PQ_WANT_DELETED);
  return populate_steps(c, phase - 1, c->s.forecast.steps[0].rows_max, has_more);
}

/* ---- pipelines ---- */

static int add_read(pq_command *c, const pq_flow_read *r) {
  pq_plan_step *s;
  PQ_TRY(pq_plan_add(c, r->is_join ? PQ_STEP_JOIN : PQ_STEP_SCAN, &s));
  s->stage = r->stage;
  s->collection = r->collection;
  s->is_certain = r->is_certain;
  s->why = r->why;
  s->times = r->times;
  s->times_full = r->times_full;
  s->scan = r->scan;
  s->enough = r->enough;
  s->ids = r->values;
  s->is_by_id = r->is_by_id;
  s->is_by_key = r->is_by_key;
  return PQ_OK;
}

/* Documents that the first scan gives. */
static pq_doc_range source_docs(const pq_command *c) {
  const pq_plan_step *s = &c->s.forecast.steps[0];
  pq_doc_range docs = {s->rows_min, pq_count_add(s->rows_max, pq_tail_rows(c, s->collection)), 0,
                       UINT64_MAX};
  if (s->enough > 0) {
    docs.min = smaller(docs.min, s->enough);
    docs.max = smaller(docs.max, s->enough);
  }
  docs.batches =
      smaller(docs.max, pq_count_mul(s->plan.windows + 1, s->plan.times == 0 ? 1 : s->plan.times));
  if (s->scan.fold != NULL) docs.min = 0;
  return docs;
}

static int pipeline_steps(pq_command *c, uint32_t phase, bool *has_more) {
  struct pq_pipeline_run *run = c->s.run;
  pq_pipeline *p = c->s.pipeline;
  pq_flow_reads r = {
      .f = &run->flow, .store = &run->views, .arena = &c->op.arena, .times = 1, .is_certain = true};
  *has_more = phase < 2;
  if (phase == 0)
    PQ_TRY(pq_flow_reads_source(&r, p, c->s.collection));
  else if (phase == 1)
    PQ_TRY(pq_flow_reads_stages(
        &r, p, pq_pipeline_has_documents(p) ? pq_flow_reads_documents(p) : source_docs(c)));
  for (uint32_t i = 0; i < r.count; i++)
    PQ_TRY(add_read(c, &r.items[i]));
  return PQ_OK;
}

/* ---- graphs ---- */

enum { NODES_AT_ONCE = 4096 };

/* The entities at the ends of the target's edges: pages of them, and all again for a total. */
static int related_entities(pq_command *c, uint64_t nodes, uint64_t parts) {
  const pq_args *args = &c->s.args;
  pq_forecast *f = &c->s.forecast;
  uint64_t page = pq_count_add(pq_count_add(args->limit, args->skip), 1);
  bool is_chosen = !pq_value_is_missing(args->filter);
  bool is_page =
      c->s.collector.sort.count == 0 && args->limit > 0 && page < NODES_AT_ONCE && !is_chosen;
  bool has_documents = !args->is_edges || c->s.collector.sort.count > 0 || is_chosen;
  unsigned want = has_documents ? PQ_WANT_ALL : PQ_WANT_ID | PQ_WANT_DELETED;
  if (nodes > 0) {
    PQ_TRY(pq_plan_add_ids(c, nodes, is_page ? parts : parts + nodes / NODES_AT_ONCE, want));
    f->steps[f->step_count - 1].page = is_page ? page : 0;
    f->steps[f->step_count - 1].is_in_order = true;
  }
  if (!args->wants_total) return PQ_OK;
  PQ_TRY(pq_plan_add_ids(c, nodes + 1, parts + nodes / NODES_AT_ONCE,
                         want)); /* the target, if it is not there */
  f->steps[f->step_count - 1].is_in_order = true;
  return PQ_OK;
}

/* May the target be there? */
static bool may_be_there(const pq_command *c) {
  const pq_point_plan *p = &c->s.forecast.steps[0].point;
  return p->is_live || p->is_upper;
}

/* Of a node with very many edges, in parts: each may ask for all of them, if in smaller pieces. */
static int related_parts(pq_command *c, uint64_t *most) {
  pq_forecast *f = &c->s.forecast;
  uint32_t count = f->step_count;
  *most = 1;
  for (uint32_t i = 1; i < count; i++) {
    uint64_t parts = 5 + f->steps[i].rows_max / PQ_EDGES_AT_ONCE;
    if (f->steps[i].is_whole) continue;
    *most = pq_count_add(*most, parts);
    if (c->s.args.wants_total) parts *= 2;
    PQ_TRY(add_some_edges(c, f->steps[i].edges.is_reverse, parts));
    f->steps[f->step_count - 1].why = "how many edges a page looks at shows when it is full";
  }
  return PQ_OK;
}

static int related_edges(pq_command *c) {
  for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
    pq_edge_query q;
    bool is_there;
    PQ_TRY(pq_related_query(c, is_reverse != 0, &q, &is_there));
    if (is_there) PQ_TRY(add_edges(c, q, c->s.forecast.steps[0].point.is_live));
  }
  return PQ_OK;
}

static int related_steps(pq_command *c, uint32_t phase, bool *has_more) {
  pq_forecast *f = &c->s.forecast;
  uint64_t nodes = 0, turns, parts;
  if (phase == 0) return add_get(c, PQ_WANT_ID | PQ_WANT_DELETED);
  if (phase == 1 && !may_be_there(c)) PQ_TRY(related_entities(c, 0, 1));
  *has_more = may_be_there(c);
  if (!*has_more) return PQ_OK;
  if (phase == 1) return related_edges(c);
  for (uint32_t i = 1; i < f->step_count; i++)
    if (f->steps[i].kind == PQ_STEP_EDGES) nodes = pq_count_add(nodes, f->steps[i].rows_max);
  if (phase == 2) {
    PQ_TRY(related_parts(c, &parts));
    return related_entities(c, nodes, parts);
  }
  turns = smaller(shown_max(c, nodes), 1 + nodes / NODES_AT_ONCE);
  return populate_steps(c, phase - 3, turns, has_more);
}

/* The edge, then its ends. */
static int exists_steps(pq_command *c, uint32_t phase, bool *has_more) {
  pq_forecast *f = &c->s.forecast;
  pq_edge_query q;
  pq_exists_query(c, &q);
  *has_more = phase == 0 || (phase == 1 && f->steps[0].rows_max > 0);
  if (!*has_more) return PQ_OK;
  if (phase == 1) return pq_plan_add_ids(c, 2, 1, PQ_WANT_ID | PQ_WANT_DELETED);
  PQ_TRY(add_edges(c, q, true));
  f->steps[0].edges.nodes = &c->s.edge.from;
  f->steps[0].is_part = true;
  return PQ_OK;
}

/* One hop by page index: phase 1: edges of the sources; 2: which of their ends are live. */
static int hop_steps(pq_command *c, uint32_t phase, bool *has_more) {
  const pq_hop *h = &c->s.hops[0];
  bool is_one = c->s.node_count == 1;
  uint64_t nodes = phase < 2 ? 0 : rows_of_last(c, 1);
  if (phase == 0 && !is_one)
    return pq_plan_add_ids(c, c->s.node_count, 1, PQ_WANT_ID | PQ_WANT_DELETED);
  if (phase == 0) return add_get(c, PQ_WANT_ID | PQ_WANT_DELETED);
  *has_more = phase < 3 && (!is_one || may_be_there(c));
  if (!*has_more) return PQ_OK;
  if (phase == 1 && !is_one) return add_some_edges(c, h->is_reverse, 1);
  if (phase == 1)
    return add_edges(c, (pq_edge_query){.predicate = h->predicate, .is_reverse = h->is_reverse},
                     c->s.forecast.steps[0].point.is_live);
  if (!is_one) nodes = pq_count_add(nodes, pq_tail_edges(c));
  *has_more = nodes > 0; /* there may be no edges for certain */
  PQ_TRY(pq_plan_add_ids(c, nodes, 1, PQ_WANT_ID | PQ_WANT_DELETED));
  return pq_plan_add_ids(c, nodes, 1, PQ_WANT_ALL);
}

int pq_plan_add_judged(pq_command *c, uint64_t turns) {
  pq_plan_step *s;
  PQ_TRY(add_some_edges(c, false, turns));
  s = &c->s.forecast.steps[c->s.forecast.step_count - 1];
  s->want = 1;
  s->why = "the graph tells which edges are read";
  return PQ_OK;
}

int pq_plan_add_doubts(pq_command *c) {
  const pq_manifest *m = c->s.snapshot.view.manifest;
  uint64_t turns = 3; /* the tail, the transaction, all of them */
  for (uint32_t i = 0; i < m->file_count; i++)
    turns += m->files[i].kind == PQ_FILE_FORWARD;
  return pq_plan_add_ids(c, c->s.forecast.steps[0].ids, turns, PQ_WANT_ID | PQ_WANT_DELETED);
}

/* The whole graph, and nothing else. */
static int whole_steps(pq_command *c, uint32_t phase, bool *has_more) {
  pq_plan_step *s;
  *has_more = phase < 2;
  if (phase > 1) return PQ_OK;
  return phase == 0 ? pq_plan_add(c, PQ_STEP_GRAPH, &s) : pq_plan_add_doubts(c);
}

/* The graph; then entities and edges that are judged or shown. */
static int graph_steps(pq_command *c, uint32_t phase, bool *has_more) {
  pq_graph_read_plan p = {0};
  pq_plan_step *s;
  uint64_t edges, nodes;
  *has_more = phase < 2;
  if (phase == 0) return pq_plan_add(c, PQ_STEP_GRAPH, &s);
  if (phase > 1) return PQ_OK;
  edges = pq_count_add(c->s.forecast.steps[0].rows_max, pq_tail_edges(c));
  nodes = pq_count_add(c->s.node_count, edges); /* distinct far ends, and the sources */
  pq_graph_read_plan_of(c, &p);
  PQ_TRY(pq_plan_add_doubts(c));
  if (p.looks_at_seeds)
    PQ_TRY(pq_plan_add_ids(c, c->s.node_count, 1, PQ_WANT_ID | PQ_WANT_DELETED));
  for (uint32_t i = 0; i < p.judged_nodes; i++)
    PQ_TRY(pq_plan_add_ids(c, nodes, nodes, PQ_WANT_ALL));
  if (edges > 0 && (p.judged_edges > 0 || p.path_turns > 0))
    PQ_TRY(pq_plan_add_judged(c, pq_count_add(pq_count_mul(p.judged_edges, edges), p.path_turns)));
  if (edges > 0 && p.shows_edges) PQ_TRY(pq_plan_add_judged(c, 1 + edges / NODES_AT_ONCE));
  if (p.shows_nodes && p.paths_max > 0)
    return pq_plan_add_ids(c, pq_count_mul(nodes, p.paths_max), p.path_turns, PQ_WANT_ALL);
  if (!p.shows_nodes) return PQ_OK;
  return pq_plan_add_ids(c, nodes, 1 + p.seed_turns + nodes / NODES_AT_ONCE, PQ_WANT_ALL);
}

static int walk_steps(pq_command *c, uint32_t phase, bool *has_more) {
  bool is_cold =
      c->s.forecast.is_cold || !pq_graph_is_warm(c->s.space->graphs, &c->s.snapshot.view);
  if (is_cold && c->s.hop_count > 0 && pq_traverse_is_by_index(c))
    return hop_steps(c, phase, has_more);
  return graph_steps(c, phase, has_more);
}

int pq_plan_more_steps(pq_command *c, bool *has_more) {
  uint32_t phase = c->s.forecast.phase++;
  *has_more = true;
  switch (pq_plan_kind(c)) {
    case PQ_PLAN_SCAN: return scan_steps(c, phase, has_more);
    case PQ_PLAN_POINT: return point_steps(c, phase, has_more);
    case PQ_PLAN_PIPELINE: return pipeline_steps(c, phase, has_more);
    case PQ_PLAN_GRAPH:
      if (c->s.spec->open == pq_open_exists) return exists_steps(c, phase, has_more);
      if (c->s.spec->open == pq_open_whole) return whole_steps(c, phase, has_more);
      if (c->s.spec->open == pq_open_match_text) return pq_match_plan_steps(c, phase, has_more);
      return c->s.spec->open == pq_open_related ? related_steps(c, phase, has_more)
                                                : walk_steps(c, phase, has_more);
    case PQ_PLAN_NONE: break;
  }
  pq_unreachable("a command without a plan is refused when it is parsed");
}
