/* test/spec/graph_property.c - random graphs: every graph command against the naive graph.
 *
 *   seed ─► nodes, density, hub ─► steps: insert, link, unlink, delete, restore, transactions │
 *                                  flush, compact, checkpoint, vacuum, reopen                 │
 *                                  questions: now, flushed, in the transaction, as of a seq ──┘
 *
 * `spec test/spec graph SEED [COUNT]` runs seeds alone. Writes are made on the model of property.c
 * (model.h); graph_ask.c makes of it the naive graph of a moment (test/naive).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph_run.h"
#include "spec_suites.h"

enum { STEPS = 90, EDGES_MAX = 64 };

static const char *const collections[] = {"cats", "dogs", "e"};
static const char *const types[] = {"Cat", "Dog", "E"};
static const char *const predicates[] = {"likes", "p", "q"};
static const char *const reverses[] = {"likes_of", "p_of", "z"};

static const pq_slice actor = {(const uint8_t *)"system/anonymous", 16};
static const pq_slice none;

/* ---- the model's side ---- */

/* The time of what is written next: in a transaction it is that of its beginning. */
void graph_begin_commit(graph_run *g) {
  if (g->txn == 0) model_commit(&g->p.model, g->p.db.now_us);
}

void graph_end_write(graph_run *g) {
  if (g->txn != 0) random_put(&g->p.command, ",\"txn\":%llu", (unsigned long long)g->txn);
  random_put(&g->p.command, "}");
  property_run(&g->p, false);
}

static model_key *any_key(graph_run *g, bool is_edge) {
  model *m = &g->p.model;
  for (uint32_t tries = 0; m->count > 0 && tries < 30; tries++) {
    model_key *k = &m->keys[random_below(&g->p.random, m->count)];
    if (k->is_edge != is_edge) continue;
    if (!is_edge || model_edge(k, m->seq) || random_chance(&g->p.random, 5)) return k;
  }
  return NULL;
}

/* An id of the world, there or not. */
static char *any_id(graph_run *g) {
  random_text *r = &g->p.random;
  if (random_chance(r, g->hub)) return spec_format("cats/k00");
  return spec_format("%s/k%02u", collections[random_below(r, 3)], random_below(r, r->ids));
}

/* One that is live, if luck wants it. */
char *graph_live_id(graph_run *g) {
  for (int tries = 0; tries < 20; tries++) {
    char *id = any_id(g);
    if (model_is_live(&g->p.model, pq_str(id), g->p.model.seq)) return id;
    free(id);
  }
  return any_id(g);
}

static pq_value document(graph_run *g, pq_buf *out) {
  random_text *r = &g->p.random;
  size_t from = out->len;
  pq_value v;
  random_put(out, "{");
  if (random_chance(r, 80)) random_put(out, "\"a\":%u", random_below(r, 6));
  if (random_chance(r, 60))
    random_put(out, "%s\"h\":0.%u", out->len > from + 1 ? "," : "", random_below(r, 10));
  if (random_chance(r, 30)) random_put(out, "%s\"s\":\"x\"", out->len > from + 1 ? "," : "");
  random_put(out, "}");
  v = spec_json(&g->p.model.arena, (pq_slice){out->p + from, out->len - from});
  return v;
}

/* ---- writes ---- */

static void do_insert(graph_run *g) {
  property *p = &g->p;
  uint32_t c = random_below(&p->random, 3), n = 0, first = random_below(&p->random, p->random.ids);
  uint32_t count = random_chance(&p->random, 30) ? p->random.ids : 1 + random_below(&p->random, 4);
  pq_value documents[64];
  char *ids[64];
  random_put(&p->command, "{\"insert\":\"%s\",\"documents\":[", collections[c]);
  for (uint32_t i = 0; i < p->random.ids && n < count; i++) {
    uint32_t local = (first + i) % p->random.ids;
    char *id = spec_format("%s/k%02u", collections[c], local);
    pq_buf text;
    if (model_is_live(&p->model, pq_str(id), p->model.seq)) {
      free(id);
      continue;
    }
    pq_buf_init(&text, spec_cx(), SIZE_MAX / 2);
    documents[n] = document(g, &text);
    random_put(&p->command, "%s{\"$id\":\"k%02u\"%s%.*s", n > 0 ? "," : "", local,
               text.len > 2 ? "," : "", (int)text.len - 1, (const char *)text.p + 1);
    pq_buf_release(&text);
    ids[n++] = id;
  }
  random_put(&p->command, "]");
  graph_end_write(g);
  if (property_expect(p, PQ_OK) && n > 0) graph_begin_commit(g);
  for (uint32_t i = 0; i < n; i++) {
    model_key *k = model_key_of(&p->model, pq_str(ids[i]), none, none);
    pq_entity old;
    uint64_t version = model_entity(k, p->model.seq, &old) ? old.version + 1 : 1;
    model_add(&p->model, k,
              (model_event){.op = PQ_EVENT_CREATE,
                            .version = version,
                            .created_by = actor,
                            .actor = actor,
                            .type = pq_str(types[c]),
                            .after = documents[i]});
    free(ids[i]);
  }
}

void graph_add_version(graph_run *g, model_key *k, const pq_entity *e, pq_event_op op,
                       pq_value after) {
  model_add(&g->p.model, k,
            (model_event){.op = op,
                          .version = e->version + 1,
                          .actor = actor,
                          .created_at = e->created_at,
                          .created_by = e->created_by,
                          .type = e->type,
                          .after = after});
}

static void do_replace(graph_run *g) {
  property *p = &g->p;
  char *id = graph_live_id(g);
  model_key *k = model_find(&p->model, pq_str(id), none, none);
  pq_entity e;
  bool is_there = k != NULL && model_entity(k, p->model.seq, &e) && !e.is_deleted;
  pq_value after;
  random_put(&p->command, "{\"replace\":\"%s\",\"document\":", id);
  after = document(g, &p->command);
  graph_end_write(g);
  if (property_expect(p, PQ_OK) && property_number(p, "modifiedCount") != 0) {
    if (!is_there) property_fail(p, "replaces what is not there");
    if (is_there) graph_begin_commit(g);
    if (is_there) graph_add_version(g, k, &e, PQ_EVENT_UPDATE, after);
  }
  free(id);
}

static void do_restore(graph_run *g) {
  property *p = &g->p;
  model_key *k = NULL;
  pq_entity e = {0};
  bool is_deleted = false;
  for (int tries = 0; tries < 60 && !is_deleted; tries++) {
    k = any_key(g, false);
    is_deleted = k != NULL && model_entity(k, p->model.seq, &e) && e.is_deleted;
  }
  if (k == NULL) return;
  random_put(&p->command, "{\"restore\":\"%.*s\"", (int)k->id.n, (const char *)k->id.p);
  graph_end_write(g);
  if (property_expect(p, PQ_OK) && property_number(p, "restoredCount") != is_deleted)
    property_fail(p, "%d expected", is_deleted);
  if (!is_deleted) return;
  graph_begin_commit(g);
  graph_add_version(g, k, &e, PQ_EVENT_UPDATE, e.data);
}

/* ---- edges ---- */

typedef struct edge_args {
  char *from, *to;
  uint32_t predicate;
  pq_value data;
} edge_args;

static bool is_same_data(pq_value a, pq_value b) {
  if (pq_value_is_missing(a) || pq_value_is_missing(b))
    return pq_value_is_missing(a) && pq_value_is_missing(b);
  return pq_value_is_equal(a, b);
}

static void link_one(graph_run *g, const edge_args *a, int64_t *changed) {
  model *m = &g->p.model;
  model_key *k = model_key_of(m, pq_str(a->from), pq_str(predicates[a->predicate]), pq_str(a->to));
  const model_event *old = model_edge(k, m->seq) ? model_at(k, m->seq) : NULL;
  model_event e = {.op = PQ_EVENT_CREATE,
                   .version = 1,
                   .created_by = actor,
                   .actor = actor,
                   .reverse = pq_str(reverses[a->predicate]),
                   .after = a->data};
  if (old != NULL) {
    if (is_same_data(old->after, a->data)) return;
    e.op = PQ_EVENT_UPDATE;
    e.version = old->version + 1;
    e.created_at = old->created_at;
    e.created_by = old->created_by;
  }
  if (++*changed == 1) graph_begin_commit(g);
  model_add(m, k, e);
}

/* How an edge came about. */
static const char *label_of(random_text *r) {
  static const char *const labels[] = {
      "\"mode\":\"fuzzy\",\"confidence\":0.25", "\"mode\":\"fuzzy\",\"confidence\":0.5",
      "\"mode\":\"fuzzy\",\"confidence\":0.75", "\"mode\":\"fuzzy\",\"confidence\":1.0"};
  return labels[random_below(r, 4)];
}

/* The data of an edge as events have it: with a label, and without the braces of the given one. */
static pq_value stored_data(graph_run *g, const char *fuzzy, pq_slice data) {
  char *text;
  pq_value v;
  if (fuzzy == NULL && data.n == 0) return (pq_value){0};
  if (fuzzy == NULL) return spec_json(&g->p.model.arena, data);
  text = spec_format("{\"$matchMode\":\"fuzzy\",\"$confidence\":%s%s%.*s", strrchr(fuzzy, ':') + 1,
                     data.n > 0 ? "," : "}", data.n > 0 ? (int)data.n - 1 : 0,
                     data.n > 0 ? (const char *)data.p + 1 : "");
  v = spec_json(&g->p.model.arena, pq_str(text));
  free(text);
  return v;
}

/* Mostly a target that the schema takes, and where there is one mostly that. */
static void keep_rule(graph_run *g, edge_args *a) {
  random_text *r = &g->p.random;
  uint32_t tries = random_chance(r, 97) ? 40 : 0;
  for (uint32_t i = 0; i < tries; i++) {
    if (graph_may_lead(a->to) &&
        (i > 30 || graph_others(g, a->from, predicates[a->predicate], a->to) == 0))
      return;
    free(a->to);
    a->to = graph_live_id(g);
  }
  if (tries > 0) a->predicate = 0; /* there is no cat, or another one */
}

static void put_edge(graph_run *g, pq_buf *out, edge_args *a) {
  static const char *const weights[] = {"1", "1", "2", "3", "2.5", "7", "0"};
  random_text *r = &g->p.random;
  const char *fuzzy = NULL;
  pq_slice data = {0};
  size_t from = 0, len = 0;
  a->from = graph_live_id(g);
  a->to = random_chance(r, 3) ? spec_format("%s", a->from) : graph_live_id(g);
  a->predicate = random_below(r, 3);
  if (random_chance(r, 30)) a->predicate = 1;
  if (graph_is_ruled(g, a->from, predicates[a->predicate])) keep_rule(g, a);
  random_put(out, "{\"from\":\"%s\",\"predicate\":\"%s\",\"to\":\"%s\"", a->from,
             predicates[a->predicate], a->to);
  if (a->predicate == 2) random_put(out, ",\"reverse\":\"z\"");
  if (random_chance(r, 20)) fuzzy = label_of(r);
  if (fuzzy != NULL) random_put(out, ",%s", fuzzy);
  if (random_chance(r, 70)) {
    random_put(out, ",\"data\":");
    from = out->len;
    if (random_chance(r, 85))
      random_put(out, "{\"w\":%s%s}", weights[random_below(r, g->has_estimates ? 6 : 7)],
                 random_chance(r, 20) ? ",\"k\":[1]" : "");
    else
      random_put(out, "{\"k\":\"w\"}");
    len = out->len - from;
  }
  random_put(out, "}");
  data = (pq_slice){out->p + from, len};
  a->data = stored_data(g, fuzzy, data);
}

/* Do the edges before it in the command say another target? */
static bool has_rival(const edge_args *edges, uint32_t i) {
  for (uint32_t j = 0; j < i; j++)
    if (edges[j].predicate == edges[i].predicate && strcmp(edges[j].from, edges[i].from) == 0 &&
        strcmp(edges[j].to, edges[i].to) != 0)
      return true;
  return false;
}

/* Are all ends there, and as the schema wants them? Else the command is refused. */
static bool are_right(graph_run *g, const edge_args *edges, uint32_t count, bool replaces) {
  for (uint32_t i = 0; i < count; i++) {
    const char *predicate = predicates[edges[i].predicate];
    uint32_t others = graph_others(g, edges[i].from, predicate, edges[i].to);
    if (!graph_is_ruled(g, edges[i].from, predicate)) continue;
    if (!graph_may_lead(edges[i].to) || has_rival(edges, i) || (others > 0 && !replaces))
      return false;
  }
  for (uint32_t i = 0; i < count; i++)
    if (!model_is_live(&g->p.model, pq_str(edges[i].from), g->p.model.seq) ||
        !model_is_live(&g->p.model, pq_str(edges[i].to), g->p.model.seq))
      return false;
  return true;
}

static void do_link(graph_run *g) {
  property *p = &g->p;
  uint32_t count = 1 + random_below(&p->random, g->edges_at_once);
  edge_args edges[EDGES_MAX] = {0};
  int64_t changed = 0, gone = 0;
  bool is_right, replaces = false;
  random_put(&p->command, "{\"link\":[]");
  for (uint32_t i = 0; i < count; i++) {
    put_edge(g, &p->payload, &edges[i]);
    random_put(&p->payload, "\n");
  }
  if (count == 1 && random_chance(&p->random, 50))
    replaces = graph_others(g, edges[0].from, predicates[edges[0].predicate], edges[0].to) < 2;
  if (replaces) random_put(&p->command, ",\"replace\":true");
  is_right = are_right(g, edges, count, replaces);
  graph_end_write(g);
  if (!is_right) {
    if (p->reply.rc == PQ_OK) property_fail(p, "links what is not there");
  } else if (property_expect(p, PQ_OK)) {
    if (replaces)
      graph_make_way(g, edges[0].from, predicates[edges[0].predicate], edges[0].to, &gone);
    changed = gone; /* the commit may have begun */
    for (uint32_t i = 0; i < count; i++)
      link_one(g, &edges[i], &changed);
    if (property_number(p, "linkedCount") != changed - gone)
      property_fail(p, "%lld new edges expected", (long long)(changed - gone));
    if (replaces && property_number(p, "unlinkedCount") != gone)
      property_fail(p, "%lld edges less expected", (long long)gone);
  }
  for (uint32_t i = 0; i < count; i++) {
    free(edges[i].from);
    free(edges[i].to);
  }
}

void graph_unlink(graph_run *g, model_key *k, int64_t *changed) {
  model *m = &g->p.model;
  const model_event *e = model_at(k, m->seq);
  if (!model_edge(k, m->seq)) return;
  if (++*changed == 1) graph_begin_commit(g);
  model_add(m, k,
            (model_event){.op = PQ_EVENT_DELETE,
                          .version = e->version + 1,
                          .actor = actor,
                          .created_at = e->created_at,
                          .created_by = e->created_by,
                          .reverse = e->reverse});
}

static void do_unlink(graph_run *g) {
  property *p = &g->p;
  uint32_t count = 1 + random_below(&p->random, random_chance(&p->random, 80) ? 3 : 30);
  model_key *keys[32];
  int64_t changed = 0;
  uint32_t n = 0;
  random_put(&p->command, "{\"unlink\":[");
  for (uint32_t i = 0; i < count; i++) {
    model_key *k = any_key(g, true);
    if (k == NULL) continue;
    random_put(&p->command, "%s{\"from\":\"%.*s\",\"predicate\":\"%.*s\",\"to\":\"%.*s\"}",
               n > 0 ? "," : "", (int)k->id.n, (const char *)k->id.p, (int)k->predicate.n,
               (const char *)k->predicate.p, (int)k->to.n, (const char *)k->to.p);
    keys[n++] = k;
  }
  random_put(&p->command, "]");
  graph_end_write(g);
  if (!property_expect(p, PQ_OK)) return;
  for (uint32_t i = 0; i < n; i++)
    graph_unlink(g, keys[i], &changed);
  if (property_number(p, "unlinkedCount") != changed)
    property_fail(p, "%lld edges less expected", (long long)changed);
}

/* ---- transactions ---- */

static void do_begin(graph_run *g) {
  model *m = &g->p.model;
  random_put(&g->p.command, "{\"begin\":1}");
  property_run(&g->p, false);
  if (!property_expect(&g->p, PQ_OK)) return;
  g->txn = (uint64_t)property_number(&g->p, "txn");
  g->txn_seq = m->seq;
  g->commit_ts = m->ts;
  model_commit(m, g->p.db.now_us);
}

/* Its events are of the time of the commit, or were never. */
static void finish(graph_run *g, bool is_commit) {
  model *m = &g->p.model;
  int64_t begun = m->ts;
  bool is_empty = m->seq == g->txn_seq;
  m->ts = g->commit_ts;
  if (is_commit && !is_empty) model_commit(m, g->p.db.now_us);
  for (uint32_t i = 0; i < m->count; i++) {
    model_key *k = &m->keys[i];
    while (!is_commit && k->count > 0 && k->events[k->count - 1].seq > g->txn_seq)
      k->count--;
    for (uint32_t j = 0; j < k->count; j++) {
      if (k->events[j].seq <= g->txn_seq) continue;
      k->events[j].ts = m->ts;
      if (k->events[j].created_at == begun) k->events[j].created_at = m->ts;
    }
  }
  if (!is_commit) m->seq = g->txn_seq;
  g->txn = 0;
}

static void do_end(graph_run *g) {
  property *p = &g->p;
  bool is_commit = random_chance(&p->random, 70);
  random_put(&p->command, "{\"%s\":%llu}", is_commit ? "commit" : "abort",
             (unsigned long long)g->txn);
  property_run(p, false);
  if (property_expect(p, PQ_OK) &&
      property_number(p, "events") != (int64_t)(p->model.seq - g->txn_seq))
    property_fail(p, "%lld events expected", (long long)(p->model.seq - g->txn_seq));
  finish(g, is_commit);
}

/* ---- files ---- */

static void do_files(graph_run *g) {
  static const char *const commands[] = {"{\"flush\":1}",      "{\"flush\":1}",
                                         "{\"flush\":1}",      "{\"compact\":\"\"}",
                                         "{\"compact\":\"\"}", "{\"compact\":\"cats\"}",
                                         "{\"checkpoint\":1}", "{\"vacuum\":1,\"minAge\":\"0s\"}"};
  property *p = &g->p;
  uint32_t n = random_below(&p->random, 9);
  if (n == 8) {
    if (g->txn == 0 && spec_reopen(&p->db) != PQ_OK) spec_die("%s", p->db.cx.msg);
    return;
  }

  random_put(&p->command, "%s", commands[n]);
  property_run(p, false);
  if (property_expect(p, PQ_OK) && n < 7) p->flushed = g->txn != 0 ? g->txn_seq : p->model.seq;
}

/* ---- the steps ---- */

static void write_once(graph_run *g) {
  uint32_t n = random_below(&g->p.random, 100);
  if (g->p.step == 1 || n < 12)
    do_insert(g);
  else if (n < 50)
    do_link(g);
  else if (n < 62)
    do_unlink(g);
  else if (n < 72)
    graph_delete(g);
  else if (n < 77)
    do_restore(g);
  else if (n < 81)
    do_replace(g);
  else if (n < 83)
    graph_update_links(g);
  else if (n < 84)
    graph_write_as(g);
  else if (n < 88 && g->txn == 0)
    do_begin(g);
  else if (n < 88)
    do_end(g);
  else
    do_files(g);
}

static void take_step(graph_run *g) {
  property *p = &g->p;
  pq_buf_clear(&p->command);
  pq_buf_clear(&p->payload);
  p->db.now_us += random_chance(&p->random, 20) ? 0 : (int64_t)random_below(&p->random, 5) * 1000;
  if (g->txn == 0 && random_chance(&p->random, 2)) p->db.now_us += 86400000000 / 2;
  if (g->txn != 0 && random_chance(&p->random, 10))
    do_end(g);
  else
    write_once(g);
  for (uint32_t i = random_below(&p->random, 5); i > 0 && !p->has_failed; i--)
    graph_ask(g);
}

static void start(graph_run *g, uint64_t seed) {
  static const uint32_t ids[] = {1, 4, 4, 7, 12, 20, 3}, at_once[] = {3, 10, 40, 60};
  property *p = &g->p;
  *g = (graph_run){.p = {.name = "graph",
                         .seed = seed,
                         .random = {.state = seed * 1000033},
                         .knows_flushed = true}};
  p->random.ids = ids[seed % 7];
  g->edges_at_once = at_once[seed % 4];
  g->is_small = p->random.ids == 1 || g->edges_at_once <= 3;
  g->has_estimates = seed % 3 == 0;
  g->hub = seed % 5 == 3 ? 40 : 0;
  spec_start(&p->db, seed % 2 == 0 ? SPEC_MEMORY : seed % 8 == 5 ? SPEC_DISK : SPEC_SHUFFLE, seed);
  if (seed % 5 < 2 && spec_open_reader(&p->db) != PQ_OK) spec_die("%s", p->db.reader_cx.msg);
  g->has_schema = seed % 4 == 2;
  model_init(&p->model);
  pq_buf_init(&p->command, spec_cx(), SIZE_MAX / 2);
  pq_buf_init(&p->payload, spec_cx(), SIZE_MAX / 2);
}

static void set_schema(graph_run *g) {
  random_put(&g->p.command, "{\"schema\":\"dogs\",\"set\":{\"p\":\"-> Cat\"}");
  graph_end_write(g);
  if (!property_expect(&g->p, PQ_OK)) return;
  graph_begin_commit(g);
  g->schema_ts = g->p.model.ts;
  g->p.model.seq++; /* an event that no key has */
}

static bool run_seed(uint64_t seed, uint64_t *asked) {
  graph_run *g = malloc(sizeof *g);
  bool is_right;
  int64_t leaked;
  if (g == NULL) spec_die("out of memory");
  start(g, seed);
  if (g->has_schema) set_schema(g);
  for (g->p.step = 1; g->p.step <= STEPS && !g->p.has_failed; g->p.step++)
    take_step(g);
  *asked += g->asked;
  if (getenv("SPEC_TRACE") != NULL)
    fprintf(stderr, "seed %llu: %llu questions, %llu refused\n", (unsigned long long)seed,
            (unsigned long long)g->asked, (unsigned long long)g->refused);
  spec_reply_release(&g->p.reply);
  pq_buf_release(&g->p.command);
  pq_buf_release(&g->p.payload);
  model_release(&g->p.model);
  leaked = spec_end(&g->p.db);
  if (leaked != 0)
    fprintf(stderr, "graph seed %llu: %lld bytes leaked\n", (unsigned long long)seed,
            (long long)leaked);
  is_right = !g->p.has_failed && leaked == 0;
  free(g);
  return is_right;
}

void spec_graph_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed) {
  uint64_t asked = 0;
  for (uint64_t seed = first; seed < first + count; seed++)
    *(run_seed(seed, &asked) ? passed : failed) += 1;
  printf("graph: seeds %llu to %llu, %llu questions\n", (unsigned long long)first,
         (unsigned long long)(first + count - 1), (unsigned long long)asked);
}
