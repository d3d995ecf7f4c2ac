/* test/sim/sim_graph.c - graph commands: the naive graph (test/naive) of the model at a seq.
 *
 *   question ─► words ─► engine ─► items ─┐
 *      └── events ─► what is shown as of the reply's seq ─► naive answer ─► the same?
 */
#include <stdlib.h>
#include <string.h>

#include "sim_model_int.h"
#include "sim_world.h"
#include "value/json.h"

static const char *const predicates[] = {"p", "q"};
static const char *const reverses[] = {"p_of", "q_of"};
static const char *const collections[] = {"cats", "dogs", "emus"};
static const char *const labels[] = {"Cat", "dogs", "Emu"};
static const char *const tests[] = {"", "$eq", "$gte", "$lt", "$ne"};

/* ---- choosing ---- */

static uint32_t below(void *ud, uint32_t n) {
  return sim_below(ud, n);
}

static char *text_of(const sim_text *t) {
  return memcpy(sim_grow(NULL, t->len + 1), t->p, t->len + 1);
}

static char *any_id(void *ud) {
  sim_world *w = ud;
  sim_text t = {0};
  uint32_t collection = sim_below(&w->random, SIM_COLLECTIONS);
  char *id;
  sim_put_id(&t, collection * SIM_LOCALS + sim_below(&w->random, w->locals));
  id = text_of(&t);
  sim_text_release(&t);
  return id;
}

/* {"a": {"$gte": 2}}, which sim_model_matches can say, too */
static char *any_filter(void *ud, bool is_of_edges) {
  sim_world *w = ud;
  sim_text t = {0};
  int value = (int)sim_below(&w->random, 8) - 2; /* one after the other: arguments have no order */
  const char *test = tests[1 + sim_below(&w->random, 4)];
  char *filter, field = "ab"[sim_below(&w->random, 2)];
  sim_put(&t, "{\"%s%c\":{\"%s\":%d}}", is_of_edges ? "data." : "", field, test, value);
  filter = text_of(&t);
  sim_text_release(&t);
  return filter;
}

static const naive_world *world_of(sim_world *w) {
  static naive_world out;
  out = (naive_world){.predicates = predicates,
                      .reverses = reverses,
                      .predicate_count = 2,
                      .collections = collections,
                      .labels = labels,
                      .collection_count = 3,
                      .node_number = "a",
                      .edge_number = "data.a",
                      .node_key = "a",
                      .is_small = true,
                      .any_id = any_id,
                      .any_filter = any_filter,
                      .ud = w};
  return &out;
}

/* Weights below zero are refused where they are met: only those from zero on are edges. */
static void keep_weights(naive_query *q) {
  static const char filter[] = "{\"data.a\":{\"$gte\":0}}";
  if (!q->has_weight) return;
  if (q->steps[0].edge_filter == 0 && q->filter_count == NAIVE_FILTERS) {
    q->has_weight = false;
    return;
  }
  if (q->steps[0].edge_filter == 0) q->steps[0].edge_filter = q->filter_count++;
  q->is_of_edges[q->steps[0].edge_filter] = true;
  q->filters[q->steps[0].edge_filter] =
      memcpy(sim_grow(q->filters[q->steps[0].edge_filter], sizeof filter), filter, sizeof filter);
}

void sim_graph_choose(sim_world *w, sim_session *p) {
  static const naive_kind kinds[] = {
      NAIVE_MATCH,      NAIVE_RELATED,   NAIVE_COMMUNITIES, NAIVE_TRAVERSE,      NAIVE_TRAVERSE,
      NAIVE_SUBGRAPH,   NAIVE_PATH,      NAIVE_CONNECTED,   NAIVE_NEIGHBOURHOOD, NAIVE_DEGREE,
      NAIVE_COMPONENTS, NAIVE_TRIANGLES, NAIVE_K_CORE,      NAIVE_PAGE_RANK,     NAIVE_POPULATE,
      NAIVE_POPULATE,   NAIVE_LOOKUP,    NAIVE_LOOKUP,      NAIVE_RELATED};
  naive_random r = {below, &w->random};
  naive_kind kind = kinds[sim_below(&w->random, sizeof kinds / sizeof *kinds)];
  naive_query_release(&p->question);
  naive_query_choose(world_of(w), &r, kind, &p->question);
  keep_weights(&p->question);
}

void sim_graph_text(sim_session *p) {
  naive_text t = {0};
  naive_query_text(world_of(NULL), &p->question, &t);
  sim_put(&p->text, "%s", t.p);
  naive_text_release(&t);
}

/* ---- what is shown at a seq ---- */

static uint32_t passes(const naive_query *q, bool is_of_edges, const sim_event *e) {
  static const sim_document none = {0};
  const sim_document *document = e->has_document ? &e->document : &none;
  uint32_t bits = 1;
  for (uint32_t i = 1; i < q->filter_count; i++) {
    const char *text = q->filters[i] + 2 + (is_of_edges ? 5 : 0), *value = strrchr(text, ':');
    sim_op op = {.by = text[0], .than = (int32_t)strtol(value + 1, NULL, 10)};
    if (q->is_of_edges[i] != is_of_edges) continue;
    for (int t = 1; t <= 4; t++)
      if (strncmp(text + 5, tests[t], strlen(tests[t])) == 0) op.compare = (sim_comparison)t;
    if (sim_model_matches(&op, document)) bits |= 1u << i;
  }
  return bits;
}

/* The field a. */
static bool number_of(const sim_event *e, double *out) {
  for (uint32_t i = 0; i < e->document.count && e->has_document; i++) {
    if (e->document.fields[i].name != 'a') continue;
    *out = e->document.fields[i].value;
    return true;
  }
  return false;
}

/* The line without its end. */
static char *line_of(sim_text *t) {
  t->p[--t->len] = '\0';
  return text_of(t);
}

static void add_node(const sim_model *m, uint32_t entity, uint32_t count, const naive_query *q,
                     naive_graph *out) {
  const sim_event *e = sim_model_entity(m, entity, count);
  sim_text id = {0}, shown = {0};
  naive_node *node;
  if (e == NULL || e->op == SIM_REMOVE) return;
  sim_put_id(&id, entity);
  sim_put_entity(&shown, e);
  node = naive_graph_node(out, id.p, line_of(&shown));
  node->passes = passes(q, false, e);
  node->has_key = number_of(e, &node->key);
  sim_text_release(&id);
  sim_text_release(&shown);
}

static void add_edge(const sim_event *e, uint32_t from, uint32_t to, const naive_query *q,
                     naive_graph *out) {
  sim_text shown = {0};
  naive_edge *edge;
  sim_put_edge(&shown, e);
  edge = naive_graph_edge(out, from, e->edge.predicate, to, line_of(&shown));
  edge->passes = passes(q, true, e);
  edge->has_weight = number_of(e, &edge->weight);
  sim_text_release(&shown);
}

static void graph_of(const sim_model *m, uint32_t count, const naive_query *q, naive_graph *out) {
  int64_t numbers[SIM_ENTITIES];
  *out = (naive_graph){.predicates = predicates, .reverses = reverses, .collections = collections};
  for (uint32_t i = 0; i < SIM_ENTITIES; i++)
    add_node(m, i, count, q, out);
  naive_graph_sort(out);
  for (uint32_t i = 0; i < SIM_ENTITIES; i++) {
    sim_text id = {0};
    sim_put_id(&id, i);
    numbers[i] = naive_graph_find(out, id.p);
    sim_text_release(&id);
  }
  for (uint32_t from = 0; from < SIM_ENTITIES; from++) {
    for (uint32_t i = 0; i < SIM_ENTITIES * SIM_PREDICATES && numbers[from] >= 0; i++) {
      sim_edge edge = {from, i % SIM_PREDICATES, i / SIM_PREDICATES};
      const sim_event *e = numbers[edge.to] < 0 ? NULL : sim_model_edge(m, edge, count);
      if (e != NULL) add_edge(e, (uint32_t)numbers[from], (uint32_t)numbers[edge.to], q, out);
    }
  }
  naive_graph_sort(out);
}

/* ---- comparing ---- */

/* Each line of what is expected, "name":value, must be a field of the summary. */
static void compare_summary(sim_world *w, sim_session *p, const naive_answer *want,
                            pq_value summary) {
  const char *line = want->summary.p, *end;
  for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    const char *colon = memchr(line, ':', (size_t)(end - line));
    pq_value v =
        pq_object_get(summary, (pq_slice){(const uint8_t *)line + 1, (size_t)(colon - line) - 2});
    pq_slice expected = {(const uint8_t *)colon + 1, (size_t)(end - colon) - 1};
    pq_buf got;
    pq_buf_init(&got, &p->engine->cx, SIZE_MAX / 2);
    if (!pq_value_is_missing(v) && pq_json_print(&got, v, PQ_JSON_RELAXED) != PQ_OK)
      sim_die("out of memory");
    if (!pq_slice_eq(pq_buf_slice(&got), expected))
      sim_fail(w, p, "in the summary %.*s, not %.*s", (int)(end - line), line, (int)got.len,
               (const char *)got.p);
    pq_buf_release(&got);
  }
}

void sim_graph_check(sim_world *w, sim_session *p, const sim_model *m, uint32_t count,
                     pq_value summary) {
  naive_graph graph;
  naive_answer want;
  char *different;
  graph_of(m, count, &p->question, &graph);
  naive_answer_of(&graph, &p->question, &want);
  if (p->op.in_txn) { /* dates are its commit's to decide */
    p->items.len = sim_cut_dates(p->items.p, p->items.len);
    want.items.len = sim_cut_dates(want.items.p, want.items.len);
    want.items.p[want.items.len] = '\0';
  }
  sim_put(&p->items, "%s", "");
  different = naive_answer_compare(&want, p->items.p);
  if (different != NULL) sim_fail(w, p, "%s\nall that came:\n%s", different, p->items.p);
  if (!want.is_any) compare_summary(w, p, &want, summary);
  free(different);
  naive_answer_release(&want);
  naive_graph_release(&graph);
}
