/* test/spec/graph_write.c - the random writes of graph_property.c that touch entities and edges at
 * once, on the engine and on the model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph_run.h"

static const pq_slice actor = {(const uint8_t *)"system/anonymous", 16};
static const pq_slice none;

/* ---- deletes ---- */

static int compare_keys(const void *a, const void *b) {
  const model_key *x = *(model_key *const *)a, *y = *(model_key *const *)b;
  int order = pq_slice_cmp(x->id, y->id);
  if (order == 0) order = pq_slice_cmp(x->predicate, y->predicate);
  return order != 0 ? order : pq_slice_cmp(x->to, y->to);
}

static bool is_among(model_key **list, uint32_t n, pq_slice id) {
  for (uint32_t i = 0; i < n; i++)
    if (pq_slice_eq(list[i]->id, id)) return true;
  return false;
}

/* How many edges from other entities lead there. */
static uint32_t entering(const model *m, pq_slice id) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->count; i++)
    n += model_edge(&m->keys[i], m->seq) && pq_slice_eq(m->keys[i].to, id) &&
         !pq_slice_eq(m->keys[i].id, id);
  return n;
}

/* The edges that leave entities of a round, all of them. */
static void unlink_round(graph_run *g, model_key **round, uint32_t n) {
  model *m = &g->p.model;
  model_key **edges = malloc((m->count + 1) * sizeof *edges);
  uint32_t count = 0;
  int64_t changed = 1; /* the commit has begun */
  if (edges == NULL) spec_die("out of memory");
  for (uint32_t i = 0; i < m->count; i++)
    if (model_edge(&m->keys[i], m->seq) && is_among(round, n, m->keys[i].id))
      edges[count++] = &m->keys[i];
  if (count > 0) qsort(edges, count, sizeof *edges, compare_keys);
  for (uint32_t i = 0; i < count; i++)
    graph_unlink(g, edges[i], &changed);
  free(edges);
}

/* The entities whose edges lead to a round, and that are not gone yet: behind those, sorted. */
static uint32_t next_round(graph_run *g, model_key **gone, uint32_t from, uint32_t count,
                           const bool *was_edge) {
  model *m = &g->p.model;
  uint32_t n = count;
  for (uint32_t i = 0; i < m->count; i++) {
    model_key *k = &m->keys[i], *source;
    if (!was_edge[i] || !is_among(gone + from, count - from, k->to)) continue;
    if (is_among(gone, n, k->id)) continue;
    source = model_find(m, k->id, none, none);
    if (source != NULL) gone[n++] = source;
  }
  if (n > count) qsort(gone + count, n - count, sizeof *gone, compare_keys);
  return n;
}

/* Whatever leads to it goes, too, and so on. How many entities beside it. */
static int64_t cascade(graph_run *g, model_key *first) {
  model *m = &g->p.model;
  model_key **gone = malloc((m->count + 1) * sizeof *gone);
  bool *was_edge = calloc(m->count + 1, 1);
  uint32_t count = 1, from = 0;
  int64_t cascaded = 0;
  if (gone == NULL || was_edge == NULL) spec_die("out of memory");
  for (uint32_t i = 0; i < m->count; i++)
    was_edge[i] = model_edge(&m->keys[i], m->seq);
  gone[0] = first;
  while (from < count) {
    uint32_t end = count;
    for (uint32_t i = from; i < end && from > 0; i++) {
      pq_entity e;
      if (!model_entity(gone[i], m->seq, &e)) continue;
      graph_add_version(g, gone[i], &e, PQ_EVENT_DELETE, (pq_value){0});
      cascaded++;
    }
    unlink_round(g, gone + from, end - from);
    count = next_round(g, gone, from, end, was_edge);
    from = end;
  }
  free(gone);
  free(was_edge);
  return cascaded;
}

void graph_delete(graph_run *g) {
  static const char *const policies[] = {"", "unlink", "restrict", "cascade"};
  property *p = &g->p;
  bool is_hard = random_chance(&p->random, 40), is_there;
  uint32_t policy = is_hard ? random_below(&p->random, 6) : 0;
  char *id = graph_live_id(g);
  model_key *k = model_find(&p->model, pq_str(id), none, none);
  pq_entity e = {0};
  int64_t cascaded = 0;
  if (policy > 3) policy = 0;
  random_put(&p->command, "{\"delete\":\"%s\"%s", id, is_hard ? ",\"hard\":true" : "");
  if (policy > 0) random_put(&p->command, ",\"edges\":\"%s\"", policies[policy]);
  graph_end_write(g);
  is_there = k != NULL && model_entity(k, p->model.seq, &e) && (is_hard || !e.is_deleted);
  free(id);
  if (policy == 2 && is_there && entering(&p->model, k->id) > 0) {
    if (p->reply.rc != PQ_EINVALID) property_fail(p, "deletes what edges lead to");
    return;
  }
  if (!property_expect(p, PQ_OK)) return;
  if (property_number(p, "deletedCount") != is_there) property_fail(p, "%d expected", is_there);
  if (!is_there) return;
  graph_begin_commit(g);
  graph_add_version(g, k, &e, PQ_EVENT_DELETE, is_hard ? (pq_value){0} : e.data);
  if (policy == 3)
    cascaded = cascade(g, k);
  else if (is_hard)
    property_remove_edges(p, k->id, actor);
  if (policy == 3 && property_number(p, "cascadedCount") != cascaded)
    property_fail(p, "%lld entities beside it expected", (long long)cascaded);
}

/* ---- a schema ---- */

bool graph_is_ruled(const graph_run *g, const char *from, const char *predicate) {
  return g->has_schema && strncmp(from, "dogs/", 5) == 0 && strcmp(predicate, "p") == 0;
}

bool graph_may_lead(const char *to) {
  return strncmp(to, "cats/", 5) == 0;
}

static bool is_other(const model *m, const model_key *k, const char *from, const char *predicate,
                     const char *to) {
  return model_edge(k, m->seq) && pq_slice_is(k->id, from) &&
         pq_slice_is(k->predicate, predicate) && !pq_slice_is(k->to, to);
}

uint32_t graph_others(const graph_run *g, const char *from, const char *predicate, const char *to) {
  const model *m = &g->p.model;
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->count; i++)
    n += is_other(m, &m->keys[i], from, predicate, to);
  return n;
}

void graph_make_way(graph_run *g, const char *from, const char *predicate, const char *to,
                    int64_t *changed) {
  model *m = &g->p.model;
  for (uint32_t i = 0; i < m->count; i++)
    if (is_other(m, &m->keys[i], from, predicate, to)) graph_unlink(g, &m->keys[i], changed);
}

/* ---- updates ---- */

/* The document with a field set, as $set does it; missing: it is so already. */
static pq_value with_field(graph_run *g, pq_value doc, const char *name, pq_value value) {
  pq_builder *b = g->p.model.builder;
  pq_value old = pq_object_get_str(doc, name), out = {0};
  uint32_t count;
  pq_field *fields = pq_object_fields(&g->p.model.arena, doc, &count);
  if (!pq_value_is_missing(old) && pq_value_is_equal(old, value)) return out;
  pq_builder_clear(b);
  if (pq_builder_begin_object(b) != PQ_OK) spec_die("out of memory");
  for (uint32_t i = 0; i < count; i++)
    if (pq_builder_key(b, fields[i].name) != PQ_OK ||
        pq_builder_value(b, pq_slice_is(fields[i].name, name) ? value : fields[i].value) != PQ_OK)
      spec_die("out of memory");
  if (pq_value_is_missing(old) &&
      (pq_builder_key_str(b, name) != PQ_OK || pq_builder_value(b, value) != PQ_OK))
    spec_die("out of memory");
  if (pq_builder_end(b) != PQ_OK || pq_builder_finish(b, &g->p.model.arena, &out) != PQ_OK)
    spec_die("out of memory");
  return out;
}

/* Of the document's own field a. True: it was another one. */
static bool set_a(graph_run *g, model_key *k, uint32_t a) {
  char *text = spec_format("{\"a\":%u}", a);
  pq_value v = spec_json(&g->p.model.arena, pq_str(text)), after;
  pq_entity e;
  free(text);
  if (!model_entity(k, g->p.model.seq, &e)) return false;
  after = with_field(g, e.data, "a", pq_object_get_str(v, "a"));
  if (pq_value_is_missing(after)) return false;
  graph_begin_commit(g);
  graph_add_version(g, k, &e, PQ_EVENT_UPDATE, after);
  return true;
}

/* New edges as $link makes them: those that are there stay as they are. */
static void link_new(graph_run *g, const char *from, const char *to, int64_t *changed) {
  model *m = &g->p.model;
  model_key *k = model_key_of(m, pq_str(from), pq_str("p"), pq_str(to));
  if (model_edge(k, m->seq)) return;
  if (graph_is_ruled(g, from, "p")) graph_make_way(g, from, "p", to, changed);
  if (++*changed == 1) graph_begin_commit(g);
  k = model_key_of(m, pq_str(from), pq_str("p"), pq_str(to));
  model_add(m, k,
            (model_event){.op = PQ_EVENT_CREATE,
                          .version = 1,
                          .created_by = actor,
                          .actor = actor,
                          .reverse = pq_str("p_of")});
}

/* The next edge of a predicate by its target, behind one; NULL: none. */
static model_key *next_edge(const model *m, const char *from, const char *predicate,
                            const model_key *behind) {
  model_key *next = NULL;
  for (uint32_t i = 0; i < m->count; i++) {
    model_key *k = &m->keys[i];
    if (!model_edge(k, m->seq) || !pq_slice_is(k->id, from) ||
        !pq_slice_is(k->predicate, predicate))
      continue;
    if (behind != NULL && pq_slice_cmp(k->to, behind->to) <= 0) continue;
    if (next == NULL || pq_slice_cmp(k->to, next->to) < 0) next = k;
  }
  return next;
}

static void unlink_all(graph_run *g, const char *from, const char *predicate, int64_t *changed) {
  model_key *k;
  while ((k = next_edge(&g->p.model, from, predicate, NULL)) != NULL)
    graph_unlink(g, k, changed);
}

/* All of them: one at most as "$all", as the order of several is the engine's own; with more than
 * it by their ids. */
static void put_unlink(graph_run *g, const char *from, const char *predicate) {
  const model *m = &g->p.model;
  model_key *k = next_edge(m, from, predicate, NULL);
  pq_buf *out = &g->p.command;
  random_put(out, "\"$unlink\":{\"%s\":", predicate);
  if (k == NULL || next_edge(m, from, predicate, k) == NULL) {
    random_put(out, "\"$all\"}");
    return;
  }
  for (const char *before = "["; k != NULL; before = ",") {
    random_put(out, "%s\"%.*s\"", before, (int)k->to.n, (const char *)k->to.p);
    k = next_edge(m, from, predicate, k);
  }
  random_put(out, "]}");
}

void graph_update_links(graph_run *g) {
  property *p = &g->p;
  model *m = &p->model;
  random_text *r = &p->random;
  char *id = graph_live_id(g), *to = graph_live_id(g);
  model_key *k = model_find(m, pq_str(id), none, none);
  bool sets = random_chance(r, 50), links = random_chance(r, 70), unlinks = random_chance(r, 50);
  bool is_there = model_is_live(m, pq_str(id), m->seq), is_modified = false;
  const char *predicate = random_chance(r, 50) ? "p" : "likes";
  uint32_t a = random_below(r, 6);
  bool is_wrong;
  int64_t changed = 0;
  if (!sets && !unlinks) links = true;
  random_put(&p->command, "{\"update\":\"%s\",\"ops\":{", id);
  if (sets) random_put(&p->command, "\"$set\":{\"a\":%u}%s", a, links || unlinks ? "," : "");
  if (links) random_put(&p->command, "\"$link\":{\"p\":\"%s\"}%s", to, unlinks ? "," : "");
  if (unlinks) put_unlink(g, id, predicate);
  random_put(&p->command, "}");
  graph_end_write(g);
  is_wrong = is_there && links && graph_is_ruled(g, id, "p") && !graph_may_lead(to);
  if (is_wrong || (is_there && links && !model_is_live(m, pq_str(to), m->seq))) {
    if (p->reply.rc == PQ_OK) property_fail(p, "links what is not there");
  } else if (property_expect(p, PQ_OK)) {
    if (property_number(p, "matchedCount") != is_there) property_fail(p, "%d expected", is_there);
    is_modified = is_there && sets && set_a(g, k, a);
    changed = is_modified;
    if (is_there && unlinks) unlink_all(g, id, predicate, &changed);
    if (is_there && links) link_new(g, id, to, &changed);
    if (property_number(p, "modifiedCount") != (changed > 0))
      property_fail(p, "%d modified expected", changed > 0);
  }
  free(id);
  free(to);
}

/* ---- writeAs ---- */

/* {"$id":"cats/k00","value":3}: of a collection, or any. Is a commit begun: *changed. */
static void write_line(graph_run *g, const char *line, size_t len, const char *collection,
                       int64_t *changed) {
  model *m = &g->p.model;
  pq_value item = spec_json(&m->arena, (pq_slice){(const uint8_t *)line, len}), after;
  pq_slice id;
  pq_entity e;
  model_key *k;
  if (!pq_value_string(pq_object_get_str(item, "$id"), &id)) spec_die("an item without $id");
  if (id.n <= strlen(collection) || memcmp(id.p, collection, strlen(collection)) != 0 ||
      id.p[strlen(collection)] != '/')
    return;
  k = model_find(m, id, none, none);
  if (k == NULL || !model_entity(k, m->seq, &e)) return;
  after = with_field(g, e.data, "rank", pq_object_get_str(item, "value"));
  if (pq_value_is_missing(after)) return;
  if (++*changed == 1) graph_begin_commit(g);
  graph_add_version(g, k, &e, PQ_EVENT_UPDATE, after);
}

/* A commit for each collection, in the order of the ids. */
void graph_write_as(graph_run *g) {
  static const char *const names[] = {"degree", "components", "triangles", "communities", "kCore"};
  static const naive_kind kinds[] = {NAIVE_DEGREE, NAIVE_COMPONENTS, NAIVE_TRIANGLES,
                                     NAIVE_COMMUNITIES, NAIVE_K_CORE};
  static const char *const collections[] = {"cats", "dogs", "e"};
  property *p = &g->p;
  uint32_t which = random_below(&p->random, 5), n = random_below(&p->random, 4);
  naive_query q = {.kind = kinds[which],
                   .collection = n == 3 ? "" : collections[n],
                   .filter_count = 1,
                   .step_count = 1,
                   .by_id = true,
                   .iterations = 10};
  naive_answer want;
  int64_t modified = 0;
  if (g->txn != 0) return;
  random_put(&p->command, "{\"%s\":\"%s\",\"writeAs\":\"rank\"", names[which], q.collection);
  if (random_chance(&p->random, 30)) random_put(&p->command, ",\"sort\":{\"$id\":1}");
  graph_end_write(g);
  if (!property_expect(p, PQ_OK)) return;
  graph_answer_now(g, &q, &want);
  for (int c = 0; c < 3; c++) {
    int64_t changed = 0;
    const char *line = want.items.p, *end;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
      write_line(g, line, (size_t)(end - line), collections[c], &changed);
    modified += changed;
  }
  if (property_number(p, "modifiedCount") != modified)
    property_fail(p, "%lld modified expected", (long long)modified);
  naive_answer_release(&want);
}
