/* query/stage_graph.c - $graphLookup: from values to documents to their values, and so on.
 *
 *   startWith ─► frontier ─ load ─► documents with connectToField in it ─► connectFromField
 *                   ▲                    │ those not seen yet: results, depth n      │
 *                   └────────────────────┴── the next frontier ◄─────────────────────┘
 *
 * One load (flow_join.c) per depth, none for values that were asked for before:
 * the join stays for the next documents until it has outgrown the memory.
 *
 * connectFromField may be edges: "->knows" stands for the ids at the other ends of the edges that
 * leave a document, "<-knows" of those that enter it, "<->knows" of both; connectToField is "$id"
 * then. They are found in the flow's graph (graph/graph.h), without a request.
 */
#include <string.h>

#include "graph/graph.h"
#include "query/flow_int.h"
#include "query/flow_reads.h"
#include "table/read_bound.h"

typedef struct graph {
  pq_hash_join_spec join;
  pq_expression *start;
  pq_path from, as, depth_field;
  bool has_depth_field;
  uint64_t depth_max; /* UINT64_MAX: none */
  /* Instead of `from`; 0: not */
  unsigned directions;
  pq_slice predicate; /* empty: any */
} graph;

typedef struct graph_result {
  uint32_t number; /* of the join */
  int64_t depth;
} graph_result;

typedef struct grapher {
  pq_operator base;
  pq_hash_join *join;
  bool is_waiting; /* the last call ended with PQ_NEED_IO: go on with the same
                      document */
  bool has_begun, is_asked;
  pq_value *frontier; /* in base.keep, which is emptied for each document */
  uint32_t frontier_count, frontier_cap;
  int64_t depth;
  graph_result *results; /* in base.keep */
  uint32_t result_count, result_cap;
  uint64_t result_len;
  uint8_t *seen; /* by number of the join; owned */
  uint32_t seen_cap;
} grapher;

static grapher *grapher_of(pq_operator *o) {
  return (grapher *)(void *)o;
}

/* ---- parse ---- */

/* "->knows", "<-knows", "<->knows", or without a name. */
static bool is_edges(pq_value v, graph *p) {
  static const struct arrow {
    const char *text;
    unsigned directions;
  } arrows[] = {{"<->", PQ_BOTH}, {"->", PQ_OUT}, {"<-", PQ_IN}};
  pq_slice text;
  if (!pq_value_string(v, &text)) return false;
  for (size_t i = 0; i < sizeof arrows / sizeof arrows[0]; i++) {
    size_t n = strlen(arrows[i].text);
    if (text.n < n || memcmp(text.p, arrows[i].text, n) != 0) continue;
    p->directions = arrows[i].directions;
    p->predicate = (pq_slice){text.p + n, text.n - n};
    return true;
  }
  return false;
}

static int parse_from(pq_pipe_parser *s, pq_pipe_stage *g, graph *p, const pq_field *field) {
  if (!is_edges(field->value, p)) return pq_stage_path(s, g, field->name, field->value, &p->from);
  *s->directions |= p->directions;
  return PQ_OK;
}

static int parse_option(pq_pipe_parser *s, pq_pipe_stage *g, graph *p, const pq_field *field) {
  static const char *const known[] = {
      "from", "startWith", "connectFromField", "connectToField",
      "as",   "maxDepth",  "depthField",       "restrictSearchWithMatch",
      NULL};
  pq_slice name = field->name;
  pq_value v = field->value;
  pq_filter *ignored;
  if (pq_slice_is(name, "from")) return pq_hash_join_from(s, g, v, &p->join);
  if (pq_slice_is(name, "startWith")) return pq_expression_parse(s->arena, s->env, v, &p->start);
  if (pq_slice_is(name, "connectFromField")) return parse_from(s, g, p, field);
  if (pq_slice_is(name, "connectToField")) return pq_stage_path(s, g, name, v, &p->join.path);
  if (pq_slice_is(name, "as")) return pq_stage_path(s, g, name, v, &p->as);
  if (pq_slice_is(name, "maxDepth")) {
    if (pq_stage_number(v, &p->depth_max)) return PQ_OK;
    return pq_stage_fail_option(s, g, name, "must be a whole number, 0 or more");
  }
  if (pq_slice_is(name, "depthField")) {
    p->has_depth_field = true;
    return pq_stage_path(s, g, name, v, &p->depth_field);
  }
  if (!pq_slice_is(name, "restrictSearchWithMatch"))
    return pq_stage_fail_unknown(s, g, name, known);
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_stage_fail_option(s, g, name, "must be a filter");
  p->join.also = v;
  PQ_TRY(pq_filter_parse(s->arena, s->env, v, &ignored));
  if (!pq_filter_needs_eval(ignored)) return PQ_OK;
  return pq_fail(s->cx, PQ_EUNSUPPORTED,
                 "stage '$graphLookup': $expr in restrictSearchWithMatch is "
                 "not supported");
}

int pq_parse_graph(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_field *fields;
  uint32_t count;
  graph *p;
  void *data;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return pq_stage_fail(s, g, "needs an object");
  PQ_TRY(pq_stage_data(s, g, sizeof *p, &data));
  p = data;
  p->depth_max = UINT64_MAX;
  p->join.is_distinct = true;
  PQ_TRY(pq_pipe_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_option(s, g, p, &fields[i]));
  if (p->join.collection.n == 0 || p->start == NULL || (p->from.count == 0 && p->directions == 0) ||
      p->join.path.count == 0 || p->as.count == 0)
    return pq_stage_fail(s, g, "needs from, startWith, connectFromField, connectToField and as");
  if (p->directions != 0 && !pq_slice_is(p->join.path.text, "$id"))
    return pq_stage_fail(s, g, "goes over edges to ids: connectToField must be \"$id\"");
  return PQ_OK;
}

/* A load for each document and depth; each of them asks for a value that is new, found in a
 * document at the depth before. */
int pq_reads_graph(pq_flow_reads *r, const pq_pipe_stage *g, pq_doc_range *docs) {
  const graph *p = g->data;
  uint64_t depths = pq_count_add(pq_flow_reads_rows(r, p->join.collection), 1);
  pq_flow_read read = {.collection = p->join.collection,
                       .is_join = true,
                       .values = UINT64_MAX,
                       .why = "documents tell what $graphLookup looks up next"};
  pq_doc_range through;
  if (p->depth_max < depths) depths = p->depth_max + 1;
  if (docs->max == 0) return PQ_OK;
  if (p->join.through != NULL)
    return pq_flow_reads_pipeline(r, p->join.through, p->join.collection,
                                  pq_count_mul(docs->max, depths), false, &through);
  pq_hash_join_kind(&p->join, r->f, &read.is_by_id, &read.is_by_key);
  read.times = read.times_full = pq_count_mul(docs->max, depths);
  return pq_flow_reads_add(r, &read);
}

/* ---- the search of one document ---- */

static int reserve(pq_operator *o, pq_flow *f, void **items, uint32_t count, uint32_t *cap,
                   size_t size) {
  uint32_t more = *cap == 0 ? 16 : *cap * 2;
  void *bigger;
  if (count < *cap) return PQ_OK;
  if (more > (1u << 28))
    return pq_fail(f->cx, PQ_ELIMIT, "stage '$graphLookup': too many documents");
  bigger = pq_arena_calloc(&o->keep, more, size);
  if (bigger == NULL) return f->cx->code;
  if (count > 0) memcpy(bigger, *items, count * size);
  *items = bigger;
  *cap = more;
  return PQ_OK;
}

typedef struct taker {
  pq_operator *o;
  pq_flow *f;
} taker;

/* A value of the next frontier. Those of the join live as long as it; the first
 * ones are of the document, in the batch. */
static int take_value(void *ud, pq_value v) {
  const taker *t = ud;
  grapher *r = grapher_of(t->o);
  void *items = r->frontier;
  PQ_TRY(reserve(t->o, t->f, &items, r->frontier_count, &r->frontier_cap, sizeof v));
  r->frontier = items;
  r->frontier[r->frontier_count++] = v;
  return PQ_OK;
}

static void forget(pq_operator *o) {
  grapher *r = grapher_of(o);
  pq_arena_clear(&o->keep);
  r->frontier = NULL;
  r->results = NULL;
  r->frontier_count = r->frontier_cap = r->result_count = r->result_cap = 0;
  r->result_len = 0;
  r->depth = 0;
  r->is_asked = false;
  if (r->seen_cap > 0) memset(r->seen, 0, r->seen_cap);
}

/* One of startWith; over edges a document stands for its id. */
static int take_start(taker *t, pq_value v) {
  const graph *p = t->o->stage->data;
  if (p->directions != 0 && pq_value_type(v) == PQ_TYPE_OBJECT) v = pq_object_get_str(v, "$id");
  return pq_value_is_missing(v) ? PQ_OK : take_value(t, v);
}

/* The ids at the other ends of a document's edges, as far as they are of the collection. */
static int take_ends(taker *t, pq_value doc) {
  const graph *p = t->o->stage->data;
  const pq_graph *g = t->f->graph;
  pq_slice collection = p->join.collection, id;
  uint32_t number = pq_graph_predicate(g, p->predicate), node = PQ_NO_NODE;
  pq_predicates predicates = {&number, 1, p->predicate.n == 0};
  pq_arc_walk w;
  pq_arcs arcs;
  if (pq_value_string(pq_object_get_str(doc, "$id"), &id)) node = pq_graph_node(g, id);
  if (node == PQ_NO_NODE) return PQ_OK;
  w = pq_arcs_begin(g, node, (pq_direction)p->directions, &predicates);
  while (pq_arcs_next(&w, &arcs))
    for (uint32_t i = 0; i < arcs.count; i++) {
      pq_value end;
      id = pq_graph_id(g, arcs.far[i]);
      if (id.n <= collection.n || id.p[collection.n] != '/' ||
          memcmp(id.p, collection.p, collection.n) != 0)
        continue;
      t->f->eval.arena = &t->o->keep;
      PQ_TRY(pq_make_text(&t->f->eval, id, &end));
      PQ_TRY(take_value(t, end));
    }
  return PQ_OK;
}

static int begin_search(pq_operator *o, pq_flow *f, pq_value doc) {
  const graph *p = o->stage->data;
  grapher *r = grapher_of(o);
  taker t = {o, f};
  pq_value start;
  /* What earlier documents brought goes when it is half of what is allowed. */
  if (pq_hash_join_len(r->join) > pq_flow_memory(f) / 2) pq_hash_join_clear(r->join);
  forget(o);
  f->eval.arena = &o->arena;
  f->eval.root = doc;
  PQ_TRY(pq_expression_eval(p->start, &f->eval, &start));
  if (pq_value_type(start) != PQ_TYPE_ARRAY) return take_start(&t, start);
  for (uint32_t i = 0; i < pq_value_count(start); i++)
    PQ_TRY(take_start(&t, pq_array_at(start, i)));
  return PQ_OK;
}

static int grow_seen(grapher *r, pq_flow *f) {
  uint32_t cap = pq_hash_join_count(r->join) + 256;
  uint8_t *seen;
  if (pq_hash_join_count(r->join) <= r->seen_cap) return PQ_OK;
  seen = pq_alloc(f->cx, r->seen, r->seen_cap, cap);
  if (seen == NULL) return pq_fail_nomem(f->cx);
  memset(seen + r->seen_cap, 0, cap - r->seen_cap);
  r->seen = seen;
  r->seen_cap = cap;
  return PQ_OK;
}

static int add_result(pq_operator *o, pq_flow *f, uint32_t number) {
  const graph *p = o->stage->data;
  grapher *r = grapher_of(o);
  taker t = {o, f};
  void *items = r->results;
  pq_value doc = pq_hash_join_doc(r->join, number);
  r->seen[number] = 1;
  r->result_len += pq_doc_len(doc);
  if (r->result_len > pq_flow_memory(f))
    return pq_fail(f->cx, PQ_ELIMIT,
                   "stage '$graphLookup': the documents found for one have "
                   "more than %llu bytes",
                   (unsigned long long)pq_flow_memory(f));
  PQ_TRY(reserve(o, f, &items, r->result_count, &r->result_cap, sizeof *r->results));
  r->results = items;
  r->results[r->result_count++] = (graph_result){number, r->depth};
  if (p->directions != 0) return take_ends(&t, doc);
  return pq_values_at(doc, &p->from, false, take_value, &t);
}

/* The documents of the frontier, which the join has; their values are the next
 * frontier. */
static int take_frontier(pq_operator *o, pq_flow *f) {
  grapher *r = grapher_of(o);
  const pq_value *frontier = r->frontier;
  uint32_t frontier_count = r->frontier_count, count;
  PQ_TRY(grow_seen(r, f));
  r->frontier = NULL;
  r->frontier_count = r->frontier_cap = 0;
  for (uint32_t i = 0; i < frontier_count; i++) {
    const uint32_t *numbers = pq_hash_join_find(r->join, frontier[i], &count);
    for (uint32_t k = 0; k < count; k++)
      if (!r->seen[numbers[k]]) PQ_TRY(add_result(o, f, numbers[k]));
  }
  return PQ_OK;
}

/* May end with PQ_NEED_IO and go on when called again. */
static int search(pq_operator *o, pq_flow *f, pq_value doc) {
  const graph *p = o->stage->data;
  grapher *r = grapher_of(o);
  if (!r->has_begun) PQ_TRY(begin_search(o, f, doc));
  r->has_begun = true;
  while (r->frontier_count > 0 && (uint64_t)r->depth <= p->depth_max) {
    bool is_full;
    for (uint32_t i = 0; !r->is_asked && i < r->frontier_count; i++)
      PQ_TRY(pq_hash_join_ask(r->join, r->frontier[i]));
    r->is_asked = true;
    PQ_TRY(pq_hash_join_load(r->join, f, &is_full));
    r->is_asked = false;
    if (is_full)
      return pq_fail(f->cx, PQ_ELIMIT,
                     "stage '$graphLookup': the documents looked at have more "
                     "than %llu bytes",
                     (unsigned long long)pq_flow_memory(f));
    PQ_TRY(take_frontier(o, f));
    r->depth++;
  }
  r->has_begun = false;
  return PQ_OK;
}

/* ---- run ---- */

static int graph_row(pq_operator *o, pq_flow *f, pq_value doc) {
  const graph *p = o->stage->data;
  grapher *r = grapher_of(o);
  pq_value *list, array;
  PQ_TRY(search(o, f, doc));
  f->eval.arena = &o->arena;
  list = pq_arena_calloc(&o->arena, (size_t)r->result_count + 1, sizeof *list);
  if (list == NULL) return f->cx->code;
  for (uint32_t i = 0; i < r->result_count; i++) {
    pq_value depth;
    list[i] = pq_hash_join_doc(r->join, r->results[i].number);
    if (!p->has_depth_field) continue;
    PQ_TRY(pq_make_i64(&f->eval, r->results[i].depth, &depth));
    PQ_TRY(pq_doc_put(f, &p->depth_field, list[i], depth, &list[i]));
  }
  PQ_TRY(pq_make_array(&f->eval, list, r->result_count, &array));
  PQ_TRY(pq_doc_put(f, &p->as, doc, array, &doc));
  return pq_doc_batch_add(o, f, doc);
}

static int fill_batch(pq_operator *o, pq_flow *f) {
  while (o->doc_count == 0 && !o->is_over) {
    PQ_TRY(pq_input_more(o, f));
    while (!o->is_over && o->at < o->in.count && !pq_doc_batch_is_full(o)) {
      PQ_TRY(graph_row(o, f, o->in.docs[o->at]));
      o->at++;
      PQ_TRY(pq_spend(f->cx, PQ_WORK_DOC));
      if (pq_flow_must_pause(f)) return PQ_OK;
    }
  }
  return PQ_OK;
}

static int graph_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  grapher *r = grapher_of(o);
  int rc;
  if (!r->is_waiting) pq_doc_batch_clear(o);
  rc = fill_batch(o, f);
  r->is_waiting = rc == PQ_NEED_IO;
  PQ_TRY(rc);
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

static void graph_release(pq_operator *o, pq_flow *f) {
  grapher *r = grapher_of(o);
  pq_hash_join_free(r->join, f);
  pq_alloc(f->cx, r->seen, r->seen_cap, 0);
}

int pq_open_graph(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  const graph *p = g->data;
  int rc;
  if (p->directions != 0 && f->graph == NULL) {
    pq_operator_free(input, f);
    *out = NULL;
    return pq_fail(f->cx, PQ_EUNSUPPORTED, "stage '$graphLookup': no edges can be followed here");
  }
  PQ_TRY(pq_operator_new(f, sizeof(grapher), input, out));
  (*out)->next = graph_next;
  (*out)->release = graph_release;
  rc = pq_hash_join_new(f, &p->join, &grapher_of(*out)->join);
  if (rc == PQ_OK) return PQ_OK;
  pq_operator_free(*out, f);
  *out = NULL;
  return rc;
}
