/* test/spec/graph_ask.c - a question of graph_property.c: the naive graph of the moment, the
 * command, both answers side by side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/filter.h"
#include "graph_run.h"
#include "value/json.h"

static const char *const collections[] = {"cats", "dogs", "e"};
static const char *const predicates[] = {"likes", "p", "q"};
static const char *const labels[] = {"cats", "Dog", "e"};
static const char *const reverses[] = {"likes_of", "p_of", "z"};

static void must(int rc) {
  if (rc != PQ_OK) spec_die("%s", spec_cx()->msg);
}

static char *print_relaxed(pq_value v) {
  pq_buf b;
  char *text;
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  must(pq_json_print(&b, v, PQ_JSON_RELAXED));
  text = spec_format("%.*s", (int)b.len, (const char *)b.p);
  pq_buf_release(&b);
  return text;
}

/* ---- choosing ---- */

static uint32_t below(void *ud, uint32_t n) {
  return random_below(ud, n);
}

static char *any_id(void *ud) {
  graph_run *g = ud;
  random_text *r = &g->p.random;
  model *m = &g->p.model;
  for (int tries = 0; m->count > 0 && tries < 10; tries++) { /* an end of an edge that is there */
    const model_key *k = &m->keys[random_below(r, m->count)];
    pq_slice id = random_chance(r, 50) || k->to.n == 0 ? k->id : k->to;
    if (k->is_edge || random_chance(r, 10))
      return spec_format("%.*s", (int)id.n, (const char *)id.p);
  }
  return spec_format("%s/k%02u", collections[random_below(r, 3)], random_below(r, r->ids));
}

static char *any_filter(void *ud, bool is_of_edges) {
  static const char *const operators[] = {"$gte", "$lt", "$ne", "$eq"};
  graph_run *g = ud;
  random_text *r = &g->p.random;
  const char *operator= operators[random_below(r, 4)];
  uint32_t n = random_below(r, 8);
  if (is_of_edges && n == 0) return spec_format("{\"data.k\":\"w\"}");
  if (is_of_edges && n == 1) return spec_format("{\"version\":{\"$gt\":1}}");
  if (is_of_edges && n == 2) return spec_format("{\"data\":{\"$exists\":false}}");
  if (is_of_edges && n == 3) return spec_format("{\"predicate\":{\"$ne\":\"p\"}}");
  if (is_of_edges && n == 4) return spec_format("{\"confidence\":{\"%s\":0.5}}", operator);
  if (is_of_edges) return spec_format("{\"data.w\":{\"%s\":%u}}", operator, random_below(r, 4));
  if (n == 0) return spec_format("{\"s\":\"x\"}");
  if (n == 1) return spec_format("{\"$id\":{\"$regex\":\"^cats\"}}");
  return spec_format("{\"a\":{\"%s\":%u}}", operator, random_below(r, 6));
}

/* ---- the naive graph of a moment ---- */

typedef struct moment {
  uint64_t seq;
  bool is_short; /* entities are shown by their ids alone */
  pq_arena arena;
  pq_filter *filters[NAIVE_FILTERS];
} moment;

static pq_value finish(graph_run *g, pq_arena *arena) {
  pq_value v;
  must(pq_builder_finish(g->p.model.builder, arena, &v));
  return v;
}

static uint32_t passes(const naive_query *q, moment *m, bool is_of_edges, pq_value doc,
                       pq_value system) {
  uint32_t bits = 1;
  for (uint32_t i = 1; i < q->filter_count; i++)
    if (q->is_of_edges[i] == is_of_edges && pq_filter_match(m->filters[i], NULL, doc, system))
      bits |= 1u << i;
  return bits;
}

static bool number_of(pq_value v, double *out) {
  return pq_value_number(v, out);
}

static void add_node(graph_run *g, const naive_query *q, moment *m, const model_key *k,
                     naive_graph *out) {
  pq_builder *b = g->p.model.builder;
  char *id = spec_format("%.*s", (int)k->id.n, (const char *)k->id.p), *text;
  pq_entity e;
  pq_value system;
  naive_node *node;
  if (!model_entity(k, m->seq, &e) || e.is_deleted) {
    free(id);
    return;
  }
  must(pq_entity_system(b, &m->arena, &e, &system));
  pq_builder_clear(b);
  must(pq_entity_merge(b, &m->arena, &e));
  text = m->is_short ? spec_format("{\"$id\":\"%s\"}", id) : print_relaxed(finish(g, &m->arena));
  node = naive_graph_node(out, id, text);
  node->passes = passes(q, m, false, e.data, system);
  node->has_key = number_of(pq_object_get_str(e.data, "a"), &node->key);
  free(id);
}

static void put_text(pq_builder *b, const char *name, pq_slice text) {
  must(pq_builder_key_str(b, name));
  must(pq_builder_string(b, text));
}

/* The data of an edge: how it came about stands beside what else there is. */
static void put_data(pq_arena *arena, pq_builder *b, pq_value data) {
  pq_value mode = pq_object_get_str(data, "$matchMode");
  pq_value confidence = pq_object_get_str(data, "$confidence");
  pq_field *fields, *f;
  uint32_t shown = 0, count;
  if (pq_value_is_missing(data)) return;
  if (pq_value_is_missing(mode)) {
    must(pq_builder_key_str(b, "data"));
    must(pq_builder_value(b, data));
    return;
  }
  must(pq_builder_key_str(b, "matchMode"));
  must(pq_builder_value(b, mode));
  if (!pq_value_is_missing(confidence)) {
    must(pq_builder_key_str(b, "confidence"));
    must(pq_builder_value(b, confidence));
  }
  fields = pq_object_fields(arena, data, &count);
  for (f = fields; f < fields + count; f++) {
    if (f->name.p[0] == '$') continue;
    if (shown++ == 0) {
      must(pq_builder_key_str(b, "data"));
      must(pq_builder_begin_object(b));
    }
    must(pq_builder_key(b, f->name));
    must(pq_builder_value(b, f->value));
  }
  if (shown > 0) must(pq_builder_end(b));
}

static pq_value edge_value(graph_run *g, moment *m, const model_key *k, const model_event *e) {
  pq_builder *b = g->p.model.builder;
  pq_builder_clear(b);
  must(pq_builder_begin_object(b));
  put_text(b, "from", k->id);
  put_text(b, "predicate", k->predicate);
  put_text(b, "to", k->to);
  put_text(b, "reverse", e->reverse);
  must(pq_builder_key_str(b, "createdAt"));
  must(pq_builder_date_us(b, e->created_at));
  put_text(b, "createdBy", e->created_by);
  must(pq_builder_key_str(b, "version"));
  must(pq_builder_i32(b, (int32_t)e->version));
  put_data(&m->arena, b, e->after);
  must(pq_builder_end(b));
  return finish(g, &m->arena);
}

static void add_edge(graph_run *g, const naive_query *q, moment *m, const model_key *k,
                     naive_graph *out) {
  const model_event *e = model_at(k, m->seq);
  char *from = spec_format("%.*s", (int)k->id.n, (const char *)k->id.p);
  char *to = spec_format("%.*s", (int)k->to.n, (const char *)k->to.p);
  int64_t a = naive_graph_find(out, from), b = naive_graph_find(out, to);
  uint32_t predicate = 0;
  while (!pq_slice_is(k->predicate, predicates[predicate]))
    predicate++;
  if (a >= 0 && b >= 0 && model_edge(k, m->seq)) {
    pq_value shown = edge_value(g, m, k, e);
    naive_edge *edge =
        naive_graph_edge(out, (uint32_t)a, predicate, (uint32_t)b, print_relaxed(shown));
    edge->passes = passes(q, m, true, shown, (pq_value){0});
    edge->has_weight = number_of(pq_object_get_str(e->after, "w"), &edge->weight);
    edge->is_fuzzy = number_of(pq_object_get_str(e->after, "$confidence"), &edge->confidence);
  }
  free(from);
  free(to);
}

static void graph_of(graph_run *g, const naive_query *q, moment *m, naive_graph *out) {
  const model *all = &g->p.model;
  *out = (naive_graph){.predicates = predicates, .reverses = reverses, .collections = collections};
  for (uint32_t i = 1; i < q->filter_count; i++)
    must(pq_filter_parse(&m->arena, NULL, spec_json(&m->arena, pq_str(q->filters[i])),
                         &m->filters[i]));
  for (uint32_t i = 0; i < all->count; i++)
    if (!all->keys[i].is_edge) add_node(g, q, m, &all->keys[i], out);
  naive_graph_sort(out);
  for (uint32_t i = 0; i < all->count; i++)
    if (all->keys[i].is_edge) add_edge(g, q, m, &all->keys[i], out);
  naive_graph_sort(out);
}

/* ---- the moment ---- */

/* What is there for whoever is not in the transaction. */
static uint64_t committed(const graph_run *g) {
  return g->txn != 0 ? g->txn_seq : g->p.model.seq;
}

static uint64_t put_moment(graph_run *g) {
  property *p = &g->p;
  random_text *r = &p->random;
  uint64_t seq = committed(g), flushed = p->flushed;
  if (g->txn != 0 && random_chance(r, 60)) {
    random_put(&p->command, ",\"txn\":%llu", (unsigned long long)g->txn);
    return p->model.seq;
  }
  if (random_chance(r, 40)) {
    uint64_t last = seq;
    seq = random_below(r, (uint32_t)last + 1);
    if (flushed > 2 && random_chance(r, 30)) seq = flushed - 2 + random_below(r, 4);
    if (last > 9 && random_chance(r, 30)) seq = last - random_below(r, 9);
    if (seq > last) seq = last;
    if (g->txn != 0 || random_chance(r, 60)) {
      random_put(&p->command, ",\"asOf\":\"seq:%llu\"", (unsigned long long)seq);
    } else {
      uint64_t span = (uint64_t)(p->db.now_us - SPEC_EPOCH_US) / 1000 + 2;
      int64_t ms = SPEC_EPOCH_US / 1000 + (int64_t)random_below(r, (uint32_t)span) - 1;
      random_put(&p->command, ",\"asOf\":%lld", (long long)ms);
      seq = model_seq_at(&p->model, ms * 1000);
      if (seq == 0 && g->has_schema && ms * 1000 >= g->schema_ts) seq = 1;
    }
  }
  if (!random_chance(r, 15)) return seq;
  random_put(&p->command, ",\"flushed\":true");
  return seq < flushed ? seq : flushed;
}

/* ---- comparing ---- */

/* Each line of what is expected, "name":value, must be a field of the summary. */
static void compare_summary(graph_run *g, const naive_answer *want) {
  const char *line = want->summary.p, *end;
  for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    const char *colon = memchr(line, ':', (size_t)(end - line));
    char *name = spec_format("%.*s", (int)(colon - line) - 2, line + 1), *got;
    pq_value v = pq_object_get_str(g->p.reply.summary, name);
    got = pq_value_is_missing(v) ? spec_format("nothing") : print_relaxed(v);
    if (strlen(got) != (size_t)(end - colon) - 1 || memcmp(got, colon + 1, strlen(got)) != 0)
      property_fail(&g->p, "summary: %s is %s, expected %.*s\n%s", name, got,
                    (int)(end - colon) - 1, colon + 1, want->items.p);
    free(name);
    free(got);
  }
}

static void put_items(const property *p, naive_text *items) {
  naive_put(items, "%s", "");
  for (uint32_t i = 0; i < p->reply.count; i++) {
    char *text = print_relaxed(p->reply.items[i]);
    naive_put(items, "%s\n", text);
    free(text);
  }
}

/* The command once more for each further page: all items stand one behind the other, and the
 * summary is the last one. */
static void turn_pages(graph_run *g, const naive_query *q, const char *command, naive_text *items) {
  property *p = &g->p;
  pq_slice token;
  for (uint32_t pages = 1; p->reply.rc == PQ_OK; pages++) {
    if (p->reply.count > q->page || pages > 200) property_fail(p, "page %u is too long", pages);
    if (p->has_failed ||
        !pq_value_string(pq_object_get_str(p->reply.summary, "nextCursor"), &token))
      return;
    pq_buf_clear(&p->command);
    random_put(&p->command, "%s,\"limit\":%u,\"cursor\":\"%.*s\"}", command, q->page, (int)token.n,
               (const char *)token.p);
    property_run(p, g->txn == 0);
    if (property_expect(p, PQ_OK)) put_items(p, items);
  }
}

static void compare(graph_run *g, naive_answer *want, uint64_t seq, naive_text *items) {
  property *p = &g->p;
  char *different = naive_answer_compare(want, items->p);
  if (different != NULL) property_fail(p, "%s\nall that came:\n%s", different, items->p);
  if (!want->is_any) compare_summary(g, want);
  if (property_number(p, "seq") != (int64_t)seq && g->txn == 0)
    property_fail(p, "as of seq %lld, expected %llu", (long long)property_number(p, "seq"),
                  (unsigned long long)seq);
  free(different);
}

/* In a transaction dates are not those of its commit yet. */
static bool shows_entities(const naive_query *q) {
  return q->kind == NAIVE_RELATED || q->kind == NAIVE_SUBGRAPH ||
         (q->kind == NAIVE_TRAVERSE && q->returns <= NAIVE_NODES);
}

/* Some kinds more often than others. */
static naive_kind any_kind(graph_run *g) {
  static const naive_kind kinds[] = {
      NAIVE_MATCH,     NAIVE_MATCH,         NAIVE_RELATED,  NAIVE_RELATED,   NAIVE_TRAVERSE,
      NAIVE_TRAVERSE,  NAIVE_TRAVERSE,      NAIVE_SUBGRAPH, NAIVE_PATH,      NAIVE_PATH,
      NAIVE_CONNECTED, NAIVE_NEIGHBOURHOOD, NAIVE_DEGREE,   NAIVE_PAGE_RANK, NAIVE_COMPONENTS,
      NAIVE_TRIANGLES, NAIVE_COMMUNITIES,   NAIVE_K_CORE,   NAIVE_RELATED,   NAIVE_RELATED,
      NAIVE_POPULATE,  NAIVE_POPULATE,      NAIVE_LOOKUP,   NAIVE_LOOKUP};
  return kinds[random_below(&g->p.random, sizeof kinds / sizeof *kinds)];
}

void graph_answer_now(graph_run *g, const naive_query *q, naive_answer *out) {
  moment m = {.seq = g->p.model.seq};
  naive_graph graph;
  pq_arena_init(&m.arena, spec_cx(), SIZE_MAX / 2);
  graph_of(g, q, &m, &graph);
  naive_answer_of(&graph, q, out);
  naive_graph_release(&graph);
  pq_arena_release(&m.arena);
}

void graph_ask(graph_run *g) {
  property *p = &g->p;
  naive_world w = {.predicates = predicates,
                   .reverses = reverses,
                   .predicate_count = 3,
                   .collections = collections,
                   .labels = labels,
                   .collection_count = 3,
                   .node_number = "h",
                   .edge_number = "data.w",
                   .node_key = "a",
                   .is_small = g->is_small,
                   .has_conditions = true,
                   .has_fuzzy = true,
                   .has_estimates = g->has_estimates,
                   .any_id = any_id,
                   .any_filter = any_filter,
                   .ud = g};
  naive_random r = {below, &p->random};
  naive_query q;
  naive_graph graph;
  naive_answer want;
  char *whole;
  naive_text text = {0}, items = {0};
  moment m = {.is_short = false};
  pq_arena_init(&m.arena, spec_cx(), SIZE_MAX / 2);
  naive_query_choose(&w, &r, any_kind(g), &q);
  naive_query_text(&w, &q, &text);
  m.is_short = shows_entities(&q) && !q.wants_edges && random_chance(&p->random, 50);
  if (m.is_short) naive_put(&text, ",\"project\":{\"_\":1}");
  pq_buf_clear(&p->command);
  pq_buf_clear(&p->payload);
  must(pq_buf_put(&p->command, text.p, text.len));
  m.seq = put_moment(g);
  whole = spec_format("%.*s", (int)p->command.len, (const char *)p->command.p);
  if (q.page > 0) random_put(&p->command, ",\"limit\":%u,\"cursor\":\"\"", q.page);
  random_put(&p->command, "}");
  property_run(p, g->txn == 0); /* a second handle knows no transaction */
  put_items(p, &items);
  if (q.page > 0) turn_pages(g, &q, whole, &items);
  free(whole);
  graph_of(g, &q, &m, &graph);
  naive_answer_of(&graph, &q, &want);
  if (want.is_any && p->reply.rc == PQ_ELIMIT) { /* too many paths for the engine, too */
    g->refused++;
  } else if (property_expect(p, PQ_OK)) {
    if (q.page > 0) naive_text_release(&want.summary); /* each page has its own */
    if (q.page > 0) naive_put(&want.summary, "%s", "");
    compare(g, &want, m.seq, &items);
  }
  g->asked++;
  naive_answer_release(&want);
  naive_graph_release(&graph);
  naive_query_release(&q);
  naive_text_release(&text);
  naive_text_release(&items);
  pq_arena_release(&m.arena);
}
