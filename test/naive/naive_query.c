/* test/naive/naive_query.c - random questions, and their words. */
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

/* ---- choosing ---- */

typedef struct chooser {
  const naive_world *w;
  naive_random *r;
  naive_query *q;
} chooser;

static uint32_t below(chooser *c, uint32_t n) {
  return c->r->below(c->r->ud, n);
}

static bool chance(chooser *c, uint32_t per_cent) {
  return below(c, 100) < per_cent;
}

/* The number of a filter, mostly none. */
static uint32_t choose_filter(chooser *c, bool is_of_edges, uint32_t per_cent) {
  naive_query *q = c->q;
  if (q->filter_count == NAIVE_FILTERS || !chance(c, per_cent)) return 0;
  q->filters[q->filter_count] = c->w->any_filter(c->w->ud, is_of_edges);
  q->is_of_edges[q->filter_count] = is_of_edges;
  return q->filter_count++;
}

static void choose_edges(chooser *c, naive_step *s) {
  uint32_t all = (1u << c->w->predicate_count) - 1;
  s->min = s->max = 1;
  if (chance(c, 60)) s->predicates = 1u << below(c, c->w->predicate_count);
  if (s->predicates != 0 && chance(c, 30)) s->predicates |= 1u << below(c, c->w->predicate_count);
  if (chance(c, 5)) s->predicates = all;
  if (chance(c, 60)) s->direction = (naive_direction)(NAIVE_FORWARD + below(c, 3));
}

static void choose_hops(chooser *c, naive_step *s) {
  bool by_node = c->q->unique == NAIVE_BY_NODE;
  if (chance(c, 60)) return;
  s->min = below(c, 3);
  s->max = s->min + below(c, by_node || c->w->is_small ? 3 : 2);
  if (s->max == 0 || (by_node && chance(c, 20))) s->max = by_node ? 0 : 1;
}

/* All paths are counted: few hops where there are many edges. */
static void bound_hops(chooser *c) {
  naive_query *q = c->q;
  uint32_t left = c->w->is_small ? 3 : 2;
  for (uint32_t i = 0; i < q->step_count; i++) {
    naive_step *s = &q->steps[i];
    if (s->max == 0 || s->max > left) s->max = left;
    if (s->min > s->max) s->min = s->max;
    left -= s->max;
    if (left == 0) q->step_count = i + 1;
  }
}

static void choose_traverse(chooser *c) {
  naive_query *q = c->q;
  q->is_plain = chance(c, 30);
  q->step_count = 1 + below(c, NAIVE_STEPS);
  if (!q->is_plain) {
    q->returns = (naive_return)below(c, 6);
    if (chance(c, 30)) q->unique = (naive_unique)(1 + below(c, 2));
    if (q->returns == NAIVE_PATHS && q->unique == NAIVE_BY_NODE && chance(c, 50))
      q->unique = NAIVE_BY_EDGE;
    q->is_deep = chance(c, 20);
    q->is_broad = !q->is_deep && chance(c, 30);
    q->has_depth = (q->returns == NAIVE_ENDS || q->returns == NAIVE_NODES) && chance(c, 30);
    q->wants_cycles = (q->returns == NAIVE_PATHS || q->returns == NAIVE_COUNTED) && chance(c, 20);
    if (q->returns != NAIVE_COUNTED && chance(c, 20)) q->limit = 1 + below(c, 10);
    if (q->returns != NAIVE_COUNTED && chance(c, 15)) q->skip = below(c, 6);
  }
  for (uint32_t i = 0; i < q->step_count; i++) {
    naive_step *s = &q->steps[i];
    choose_edges(c, s);
    if (q->is_plain) {
      if (s->direction == NAIVE_BOTH) s->direction = NAIVE_REVERSE;
      s->predicates = 1u << below(c, c->w->predicate_count);
      continue;
    }
    choose_hops(c, s);
    s->filter = choose_filter(c, false, 15);
    s->edge_filter = choose_filter(c, true, 15);
  }
  if (!q->is_plain) q->end_filter = choose_filter(c, false, 10);
  if (q->unique != NAIVE_BY_NODE) bound_hops(c);
}

static void choose_path(chooser *c) {
  naive_query *q = c->q;
  uint32_t n = below(c, 10);
  q->k = 1;
  if (chance(c, 30)) q->hops_max = 1 + below(c, 5);
  if (q->kind == NAIVE_CONNECTED) return;
  if (n < 2) {
    q->wants_all = true;
    q->limit = chance(c, 50) ? 1 + below(c, 5) : 100;
  } else if (n < 4) {
    q->k = 2 + below(c, 4);
  }
  q->has_weight = n > 6;
  if (q->has_weight) {
    q->has_default_weight = chance(c, 50);
    q->default_weight = below(c, 4);
    if (chance(c, 30)) q->k = 1 + below(c, 4);
    q->has_heuristic = q->k == 1 && c->w->has_estimates && chance(c, 50);
    if (q->has_heuristic && q->default_weight < 1) q->default_weight = 1;
  }
  q->wants_entities = chance(c, 20);
}

static void choose_related(chooser *c) {
  naive_query *q = c->q;
  uint32_t n;
  q->wants_edges = chance(c, 40);
  q->end_filter = choose_filter(c, false, 20);
  q->steps[0].edge_filter = choose_filter(c, true, 20);
  if (!q->wants_edges && chance(c, 40)) q->sort = chance(c, 50) ? 1 : -1;
  if (chance(c, 25)) q->page = 1 + below(c, 4);
  if (q->page == 0 && chance(c, 30)) q->limit = 1 + below(c, 8);
  if (q->page == 0 && chance(c, 20)) q->skip = below(c, 5);
  n = c->w->has_fuzzy ? below(c, 10) : 10;
  q->has_min = n < 3;
  q->is_exact = n == 3;
  q->is_only_fuzzy = n == 4;
  if (q->has_min) q->confidence_min = below(c, 5) / 4.0;
}

static const char *any_name(chooser *c) {
  uint32_t i = below(c, c->w->predicate_count);
  return chance(c, 50) ? c->w->predicates[i] : c->w->reverses[i];
}

static void choose_populate(chooser *c) {
  static const char *const fields[NAIVE_EMBEDS] = {"f0", "f1", "f2", "f3"};
  naive_query *q = c->q;
  q->embed_count = 1 + below(c, NAIVE_EMBEDS);
  for (uint32_t i = 0; i < q->embed_count; i++) {
    naive_embed *e = &q->embeds[i];
    if (i > 0) e->parent = below(c, i + 1);
    e->names[e->name_count++] = any_name(c);
    e->is_named = i > 0 || chance(c, 50);
    e->field = e->is_named ? fields[i] : e->names[0];
    if (e->is_named && chance(c, 40)) e->names[e->name_count++] = any_name(c);
    if (e->name_count == 2 && strcmp(e->names[0], e->names[1]) == 0) e->name_count = 1;
    if (chance(c, 30)) e->direction = (naive_direction)(NAIVE_FORWARD + below(c, 2));
    if (chance(c, 40)) e->limit = 1 + below(c, 4);
    if (chance(c, 30)) e->sort = chance(c, 50) ? 1 : -1;
    e->filter = choose_filter(c, false, 15);
    e->edge_filter = choose_filter(c, true, 15);
  }
}

static void choose_lookup(chooser *c) {
  naive_query *q = c->q;
  naive_step *s = &q->steps[0];
  s->predicates = chance(c, 30) ? 0 : 1u << below(c, c->w->predicate_count);
  s->direction = (naive_direction)(NAIVE_FORWARD + below(c, 3));
  s->filter = choose_filter(c, false, 20);
  q->collection = c->w->collections[below(c, c->w->collection_count)];
  for (uint32_t i = 0, own = chance(c, 70); own != 0 && i < c->w->collection_count; i++)
    if (naive_is_of(c->w->collections[i], q->from[0])) q->collection = c->w->collections[i];
  q->hops_max = chance(c, 40) ? UINT32_MAX : below(c, 4);
}

static void choose_pattern(chooser *c) {
  naive_pattern *p = &c->q->pattern;
  p->edge_count = 1 + below(c, 3);
  p->node_count = 1;
  for (uint32_t i = 0; i < p->edge_count; i++) {
    naive_step s = {0};
    naive_pattern_edge *e = &p->edges[i];
    choose_edges(c, &s);
    *e = (naive_pattern_edge){.predicates = s.predicates,
                              .direction = s.direction == 0 ? NAIVE_FORWARD : s.direction,
                              .from = below(c, p->node_count)};
    if (p->node_count < NAIVE_VARIABLES && !chance(c, p->node_count > 2 ? 60 : 15))
      e->to = p->node_count++;
    else
      e->to = below(c, p->node_count);
  }
  for (uint32_t i = 0; i < p->node_count; i++)
    if (chance(c, 25)) p->labels[i] = 1 + below(c, c->w->collection_count);
  p->is_count = chance(c, 60);
  p->is_distinct = !p->is_count && chance(c, 40);
  if (!c->w->has_conditions) return;
  if (chance(c, 30)) p->less = 1 + below(c, p->node_count);
  p->less_than = 1 + below(c, 5);
  if (chance(c, 20)) p->alone = 1 + below(c, p->node_count);
  p->no_edge = below(c, c->w->predicate_count);
  if (!p->is_count && chance(c, 40)) p->limit = 1 + below(c, 10);
  if (p->limit > 0 && chance(c, 50)) p->skip = below(c, 5);
}

static void choose_whole(chooser *c) {
  naive_query *q = c->q;
  q->collection = chance(c, 60) ? "" : c->w->collections[below(c, c->w->collection_count)];
  q->iterations = q->kind == NAIVE_PAGE_RANK ? 20 : 10;
  q->damping = 0.85;
  if (chance(c, 30)) q->iterations = 1 + below(c, 30);
  if (q->kind == NAIVE_PAGE_RANK && chance(c, 30)) q->damping = 0.5;
  if (q->kind != NAIVE_DEGREE && q->kind != NAIVE_PAGE_RANK) q->steps[0].direction = NAIVE_DEFAULT;
  q->by_id = chance(c, 40);
  if (q->kind == NAIVE_PAGE_RANK && !q->by_id) return; /* equal ranks are not quite equal */
  if (chance(c, 25)) q->limit = 1 + below(c, 10);
  if (chance(c, 15)) q->skip = below(c, 5);
}

void naive_query_choose(const naive_world *w, naive_random *r, naive_kind kind, naive_query *out) {
  chooser c = {w, r, out};
  *out = (naive_query){.kind = kind, .filter_count = 1, .step_count = 1};
  out->from_count = 1;
  if (kind == NAIVE_TRAVERSE || kind == NAIVE_SUBGRAPH)
    out->from_count = chance(&c, 60) ? 1 : 1 + below(&c, NAIVE_SOURCES);
  out->is_listed = out->from_count > 1 || (kind == NAIVE_SUBGRAPH && chance(&c, 20));
  for (uint32_t i = 0; i < out->from_count && (kind < NAIVE_DEGREE || kind > NAIVE_MATCH); i++)
    out->from[i] = w->any_id(w->ud);
  if (kind == NAIVE_PATH || kind == NAIVE_CONNECTED) out->to = w->any_id(w->ud);
  if (kind != NAIVE_TRAVERSE && kind < NAIVE_MATCH) choose_edges(&c, &out->steps[0]);
  if (kind == NAIVE_SUBGRAPH || kind == NAIVE_PATH || kind == NAIVE_CONNECTED) {
    out->steps[0].filter = choose_filter(&c, false, 20);
    out->steps[0].edge_filter = choose_filter(&c, true, 20);
  }
  out->hops_max = 2;
  out->nodes_max = 1000;
  if (kind == NAIVE_SUBGRAPH || kind == NAIVE_NEIGHBOURHOOD) {
    if (chance(&c, 60)) out->hops_max = below(&c, 5);
    if (kind == NAIVE_SUBGRAPH && chance(&c, 30)) out->nodes_max = 1 + below(&c, 12);
  } else {
    out->hops_max = 0;
  }
  switch (kind) {
    case NAIVE_RELATED: choose_related(&c); break;
    case NAIVE_POPULATE: choose_populate(&c); break;
    case NAIVE_LOOKUP: choose_lookup(&c); break;
    case NAIVE_TRAVERSE: choose_traverse(&c); break;
    case NAIVE_PATH:
    case NAIVE_CONNECTED: choose_path(&c); break;
    case NAIVE_MATCH: choose_pattern(&c); break;
    case NAIVE_SUBGRAPH:
    case NAIVE_NEIGHBOURHOOD: break;
    default: choose_whole(&c);
  }
}

/* ---- words ---- */

static const char *const kinds[] = {"related",    "traverse",      "subgraph",    "path",
                                    "connected",  "neighbourhood", "degree",      "pageRank",
                                    "components", "triangles",     "communities", "kCore",
                                    "match",      "get",           "aggregate"};
static const char *const directions[] = {"", "forward", "reverse", "both"};

/* One name, or a list of them. */
static void put_predicates(naive_text *t, const naive_world *w, uint32_t predicates) {
  uint32_t n = 0;
  bool is_one = (predicates & (predicates - 1)) == 0;
  if (!is_one) naive_put(t, "[");
  for (uint32_t i = 0; i < w->predicate_count; i++)
    if ((predicates >> i & 1) != 0) naive_put(t, "%s\"%s\"", n++ > 0 ? "," : "", w->predicates[i]);
  if (!is_one) naive_put(t, "]");
}

/* The predicates, the direction and the filters, each behind a comma. */
static void put_choice(naive_text *t, const naive_world *w, const naive_query *q,
                       const naive_step *s, const char *predicates) {
  bool is_alone = strcmp(predicates, "predicate") == 0;
  if (s->predicates != 0) {
    bool is_one = (s->predicates & (s->predicates - 1)) == 0;
    naive_put(t, ",\"%s\":%s", predicates, is_one && !is_alone ? "[" : "");
    put_predicates(t, w, s->predicates);
    if (is_one && !is_alone) naive_put(t, "]");
  }
  if (s->direction != NAIVE_DEFAULT)
    naive_put(t, ",\"direction\":\"%s\"", directions[s->direction]);
  if (s->edge_filter != 0) naive_put(t, ",\"edgeFilter\":%s", q->filters[s->edge_filter]);
}

static void put_step(naive_text *t, const naive_world *w, const naive_query *q,
                     const naive_step *s) {
  size_t from = t->len;
  bool is_short = (s->predicates & (s->predicates - 1)) == 0 && s->predicates != 0 &&
                  s->direction == NAIVE_DEFAULT && s->min == 1 && s->max == 1 && s->filter == 0 &&
                  s->edge_filter == 0;
  if (is_short) {
    put_predicates(t, w, s->predicates);
    return;
  }
  put_choice(t, w, q, s, "predicate");
  if (s->filter != 0) naive_put(t, ",\"filter\":%s", q->filters[s->filter]);
  if (s->min != 1 || s->max != 1) naive_put(t, ",\"min\":%u", s->min);
  if (s->max != s->min || s->max == 0) naive_put(t, ",\"max\":%u", s->max);
  if (t->len == from) naive_put(t, " ");
  t->p[from] = '{'; /* in place of the comma */
  naive_put(t, "}");
}

static void put_traverse(naive_text *t, const naive_world *w, const naive_query *q) {
  static const char *const returns[] = {"ends", "nodes", "edges", "paths", "ids", "count"};
  static const char *const uniques[] = {"node", "edge", "none"};
  naive_put(t, ",\"path\":[");
  for (uint32_t i = 0; i < q->step_count; i++) {
    if (i > 0) naive_put(t, ",");
    put_step(t, w, q, &q->steps[i]);
  }
  naive_put(t, "]");
  if (q->returns != NAIVE_ENDS) naive_put(t, ",\"return\":\"%s\"", returns[q->returns]);
  if (q->unique != NAIVE_BY_NODE) naive_put(t, ",\"uniqueness\":\"%s\"", uniques[q->unique]);
  if (q->is_deep) naive_put(t, ",\"order\":\"depth\"");
  if (q->is_broad) naive_put(t, ",\"order\":\"breadth\"");
  if (q->has_depth) naive_put(t, ",\"depth\":true");
  if (q->wants_cycles) naive_put(t, ",\"cycles\":true");
  if (q->end_filter != 0) naive_put(t, ",\"filter\":%s", q->filters[q->end_filter]);
}

static void put_path(naive_text *t, const naive_world *w, const naive_query *q) {
  if (q->hops_max > 0) naive_put(t, ",\"maxHops\":%u", q->hops_max);
  if (q->k > 1) naive_put(t, ",\"k\":%u", q->k);
  if (q->wants_all) naive_put(t, ",\"all\":true");
  if (q->has_weight) naive_put(t, ",\"weight\":\"%s\"", w->edge_number);
  if (q->has_weight && q->has_default_weight)
    naive_put(t, ",\"defaultWeight\":%g", q->default_weight);
  if (q->has_heuristic) naive_put(t, ",\"heuristic\":{\"property\":\"%s\"}", w->node_number);
  if (q->wants_entities) naive_put(t, ",\"return\":\"entities\"");
  if (q->steps[0].filter != 0) naive_put(t, ",\"filter\":%s", q->filters[q->steps[0].filter]);
}

static void put_pattern(naive_text *t, const naive_world *w, const naive_query *q) {
  const naive_pattern *p = &q->pattern;
  bool is_said[NAIVE_VARIABLES] = {false};
  naive_put(t, "MATCH ");
  for (uint32_t i = 0; i < p->edge_count; i++) {
    const naive_pattern_edge *e = &p->edges[i];
    uint32_t n = 0;
    for (int end = 0; end < 2; end++) {
      uint32_t v = end == 0 ? e->from : e->to;
      naive_put(t, "%s(v%u", end > 0 ? "" : i > 0 ? ", " : "", v);
      if (p->labels[v] != 0 && !is_said[v]) naive_put(t, ":%s", w->labels[p->labels[v] - 1]);
      is_said[v] = true;
      naive_put(t, ")");
      if (end == 1) break;
      naive_put(t, "%s-[", e->direction == NAIVE_REVERSE ? "<" : "");
      for (uint32_t j = 0; j < w->predicate_count; j++)
        if ((e->predicates >> j & 1) != 0)
          naive_put(t, "%s%s", n++ > 0 ? "|" : ":", w->predicates[j]);
      naive_put(t, "]-%s", e->direction == NAIVE_FORWARD ? ">" : "");
    }
  }
  if (p->less > 0) naive_put(t, " WHERE v%u.a < %u", p->less - 1, p->less_than);
  if (p->alone > 0)
    naive_put(t, "%s NOT (v%u)-[:%s]->()", p->less > 0 ? " AND" : " WHERE", p->alone - 1,
              w->predicates[p->no_edge]);
  naive_put(t, p->is_distinct ? " RETURN DISTINCT " : " RETURN ");
  if (p->is_count) naive_put(t, "count(*) AS n");
  for (uint32_t i = 0; i < p->node_count && !p->is_count; i++)
    naive_put(t, "%sid(v%u) AS v%u", i > 0 ? ", " : "", i, i);
  if (p->limit == 0) return;
  for (uint32_t i = 0; i < p->node_count; i++)
    naive_put(t, "%sv%u", i > 0 ? ", " : " ORDER BY ", i);
  naive_put(t, " SKIP %u LIMIT %u", p->skip, p->limit);
}

/* The embeds of a parent, as the object that populate takes. */
static void put_populate(naive_text *t, const naive_world *w, const naive_query *q,
                         uint32_t parent) {
  uint32_t n = 0;
  naive_put(t, ",\"populate\":{");
  for (uint32_t i = 0; i < q->embed_count; i++) {
    const naive_embed *e = &q->embeds[i];
    bool has_kids = false;
    if (e->parent != parent) continue;
    for (uint32_t j = 0; j < q->embed_count; j++)
      has_kids |= q->embeds[j].parent == i + 1;
    naive_put(t, "%s\"%s\":{\"project\":{\"_\":1}", n++ > 0 ? "," : "", e->field);
    if (e->is_named && e->name_count == 1) naive_put(t, ",\"predicate\":\"%s\"", e->names[0]);
    if (e->name_count == 2)
      naive_put(t, ",\"predicate\":[\"%s\",\"%s\"]", e->names[0], e->names[1]);
    if (e->direction != NAIVE_DEFAULT)
      naive_put(t, ",\"direction\":\"%s\"", directions[e->direction]);
    if (e->limit > 0) naive_put(t, ",\"limit\":%u", e->limit);
    if (e->sort != 0) naive_put(t, ",\"sort\":{\"%s\":%d}", w->node_key, e->sort);
    if (e->filter != 0) naive_put(t, ",\"filter\":%s", q->filters[e->filter]);
    if (e->edge_filter != 0) naive_put(t, ",\"edgeFilter\":%s", q->filters[e->edge_filter]);
    if (has_kids) put_populate(t, w, q, i + 1);
    naive_put(t, "}");
  }
  naive_put(t, "}");
}

static void put_lookup(naive_text *t, const naive_world *w, const naive_query *q) {
  static const char *const arrows[] = {"", "->", "<-", "<->"};
  const naive_step *s = &q->steps[0];
  naive_put(t, "\"%.*s\",\"pipeline\":[{\"$match\":{\"$id\":\"%s\"}},",
            (int)strcspn(q->from[0], "/"), q->from[0], q->from[0]);
  naive_put(t, "{\"$graphLookup\":{\"from\":\"%s\",\"startWith\":\"$$ROOT\",", q->collection);
  naive_put(t, "\"connectFromField\":\"%s", arrows[s->direction]);
  for (uint32_t i = 0; i < w->predicate_count; i++)
    if ((s->predicates >> i & 1) != 0) naive_put(t, "%s", w->predicates[i]);
  naive_put(t, "\",\"connectToField\":\"$id\",\"as\":\"r\",\"depthField\":\"dep\"");
  if (q->hops_max != UINT32_MAX) naive_put(t, ",\"maxDepth\":%u", q->hops_max);
  if (s->filter != 0) naive_put(t, ",\"restrictSearchWithMatch\":%s", q->filters[s->filter]);
  naive_put(t,
            "}},{\"$project\":{\"$id\":0,\"r\":{\"$map\":{\"input\":{\"$sortArray\":"
            "{\"input\":\"$r\",\"sortBy\":{\"$id\":1}}},"
            "\"in\":[\"$$this.$id\",\"$$this.dep\"]}}}}]");
}

static void put_sources(naive_text *t, const naive_query *q) {
  if (q->kind == NAIVE_PATH || q->kind == NAIVE_CONNECTED) {
    naive_put(t, "{\"from\":\"%s\",\"to\":\"%s\"}", q->from[0], q->to);
    return;
  }
  if (q->is_listed) naive_put(t, "[");
  for (uint32_t i = 0; i < q->from_count; i++)
    naive_put(t, "%s\"%s\"", i > 0 ? "," : "", q->from[i]);
  if (q->is_listed) naive_put(t, "]");
}

static void put_whole(naive_text *t, const naive_query *q) {
  if (q->kind == NAIVE_PAGE_RANK && q->iterations != 20)
    naive_put(t, ",\"iterations\":%u", q->iterations);
  if (q->kind == NAIVE_COMMUNITIES && q->iterations != 10)
    naive_put(t, ",\"iterations\":%u", q->iterations);
  if (q->kind == NAIVE_PAGE_RANK && q->damping < 0.8) naive_put(t, ",\"damping\":%g", q->damping);
  if (q->by_id) naive_put(t, ",\"sort\":{\"$id\":1}");
}

static void put_related(naive_text *t, const naive_world *w, const naive_query *q) {
  if (q->sort != 0) naive_put(t, ",\"sort\":{\"%s\":%d}", w->node_key, q->sort);
  if (q->has_min) naive_put(t, ",\"minConfidence\":%g", q->confidence_min);
  if (q->is_exact) naive_put(t, ",\"mode\":\"exact\"");
  if (q->is_only_fuzzy) naive_put(t, ",\"mode\":\"fuzzy\"");
}

void naive_query_text(const naive_world *w, const naive_query *q, naive_text *t) {
  const naive_step *s = &q->steps[0];
  naive_put(t, "{\"%s\":", kinds[q->kind]);
  if (q->kind == NAIVE_MATCH) {
    naive_put(t, "\"");
    put_pattern(t, w, q);
    naive_put(t, "\"");
    return;
  }
  if (q->kind == NAIVE_LOOKUP) {
    put_lookup(t, w, q);
    return;
  }
  if (q->kind == NAIVE_POPULATE) {
    naive_put(t, "\"%s\",\"project\":{\"_\":1},\"maxInbound\":0", q->from[0]);
    put_populate(t, w, q, 0);
    return;
  }
  if (q->kind >= NAIVE_DEGREE)
    naive_put(t, "\"%s\"", q->collection);
  else
    put_sources(t, q);
  if (q->kind == NAIVE_TRAVERSE)
    put_traverse(t, w, q);
  else
    put_choice(t, w, q, s, q->kind == NAIVE_RELATED ? "predicate" : "predicates");
  if (q->kind == NAIVE_RELATED && q->end_filter != 0)
    naive_put(t, ",\"filter\":%s", q->filters[q->end_filter]);
  if (q->kind == NAIVE_RELATED && q->wants_edges) naive_put(t, ",\"edges\":true");
  if (q->kind == NAIVE_RELATED) put_related(t, w, q);
  if (q->kind == NAIVE_SUBGRAPH || q->kind == NAIVE_NEIGHBOURHOOD) {
    if (q->hops_max != 2) naive_put(t, ",\"maxHops\":%u", q->hops_max);
    if (q->nodes_max != 1000) naive_put(t, ",\"maxNodes\":%u", q->nodes_max);
    if (s->filter != 0) naive_put(t, ",\"filter\":%s", q->filters[s->filter]);
  }
  if (q->kind == NAIVE_PATH || q->kind == NAIVE_CONNECTED) put_path(t, w, q);
  if (q->kind >= NAIVE_DEGREE) put_whole(t, q);
  if (q->limit > 0) naive_put(t, ",\"limit\":%u", q->limit);
  if (q->skip > 0) naive_put(t, ",\"skip\":%u", q->skip);
}
