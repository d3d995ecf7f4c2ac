/* test/spec/property_read.c - random reads, each compared with the model. See property.c. */
#include <stdlib.h>
#include <string.h>

#include "expr/filter.h"
#include "expr/project.h"
#include "property.h"

enum { PATH_MAX = 3 };

/* Texts that are expected, with what they are sorted by. */
typedef struct expected {
  char **texts;
  uint32_t count, cap;
} expected;

static void expect_add(expected *x, char *text) {
  if (x->count == x->cap) {
    x->cap = x->cap == 0 ? 64 : x->cap * 2;
    x->texts = realloc(x->texts, x->cap * sizeof *x->texts);
    if (x->texts == NULL) spec_die("out of memory");
  }
  x->texts[x->count++] = text;
}

static void expect_release(expected *x) {
  for (uint32_t i = 0; i < x->count; i++)
    free(x->texts[i]);
  free(x->texts);
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The items must be these: in this order, or in any. */
static void compare_items(property *p, expected *x, bool is_ordered) {
  expected got = {0};
  uint32_t n;
  for (uint32_t i = 0; i < p->reply.count; i++)
    expect_add(&got, spec_print(p->reply.items[i]));
  if (!is_ordered && got.count > 0) qsort(got.texts, got.count, sizeof *got.texts, compare_texts);
  if (!is_ordered && x->count > 0) qsort(x->texts, x->count, sizeof *x->texts, compare_texts);
  n = got.count < x->count ? got.count : x->count;
  for (uint32_t i = 0; i < n && !p->has_failed; i++)
    if (strcmp(got.texts[i], x->texts[i]) != 0)
      property_fail(p, "item %u of %u (expected %u)\n  expected %s\n  got      %s", i, got.count,
                    x->count, x->texts[i], got.texts[i]);
  if (got.count != x->count)
    property_fail(p, "%u items, expected %u; the first without a partner: %s", got.count, x->count,
                  got.count > n ? got.texts[n] : x->texts[n]);
  expect_release(&got);
}

static char *print_built(property *p, pq_arena *arena) {
  pq_value v;
  if (pq_builder_finish(p->model.builder, arena, &v) != PQ_OK) spec_die("%s", spec_cx()->msg);
  return spec_print(v);
}

static void must(int rc) {
  if (rc != PQ_OK) spec_die("%s", spec_cx()->msg);
}

static char *entity_text(property *p, const pq_entity *e) {
  pq_arena scratch;
  char *text;
  pq_arena_init(&scratch, spec_cx(), SIZE_MAX / 2);
  pq_builder_clear(p->model.builder);
  must(pq_entity_merge(p->model.builder, &scratch, e));
  text = print_built(p, &scratch);
  pq_arena_release(&scratch);
  return text;
}

/* ---- the instant of a read ---- */

/* Append asOf and flushed at random; returns the seq that the answer must be as of. */
static uint64_t put_instant(property *p) {
  random_text *r = &p->random;
  model *m = &p->model;
  uint64_t seq = m->seq;
  if (m->seq > 0 && random_chance(r, 40)) {
    seq = random_below(r, (uint32_t)m->seq + 2);
    if (p->flushed > 2 && random_chance(r, 30)) seq = p->flushed - 2 + random_below(r, 4);
    if (seq > m->seq) seq = m->seq; /* what lies ahead is an error: moment.test */
    if (random_chance(r, 50)) {
      random_put(&p->command, ", \"asOf\": \"seq:%llu\"", (unsigned long long)seq);
    } else {
      uint64_t span = (uint64_t)(p->db.now_us - SPEC_EPOCH_US) / 1000 + 2;
      int64_t ms = SPEC_EPOCH_US / 1000 + (int64_t)random_below(r, (uint32_t)span) - 1;
      random_put(&p->command, ", \"asOf\": %lld", (long long)ms);
      seq = model_seq_at(m, ms * 1000);
    }
  }
  if (!p->knows_flushed || !random_chance(r, 15)) return seq;
  random_put(&p->command, ", \"flushed\": true");
  return seq < p->flushed ? seq : p->flushed;
}

static void check_seq(property *p, uint64_t seq) {
  if (property_number(p, "seq") != (int64_t)seq)
    property_fail(p, "as of seq %lld, expected %llu", (long long)property_number(p, "seq"),
                  (unsigned long long)seq);
}

/* ---- find, count, get ---- */

/* A matching entity with what it is sorted by. */
typedef struct match {
  pq_entity entity;
  pq_value merged;
} match;

static const pq_sort *match_sort; /* qsort has no argument for it */

static int compare_matches(const void *a, const void *b) {
  const match *x = a, *y = b;
  pq_value keys[2][8];
  bool empties[2][8];
  int order;
  for (uint32_t i = 0; i < match_sort->count; i++) {
    keys[0][i] = pq_sort_key(match_sort, i, x->merged, (pq_value){0}, &empties[0][i]);
    keys[1][i] = pq_sort_key(match_sort, i, y->merged, (pq_value){0}, &empties[1][i]);
  }
  order = pq_sort_compare(match_sort, keys[0], empties[0], keys[1], empties[1]);
  return order != 0 ? order : pq_slice_cmp(x->entity.id, y->entity.id);
}

typedef struct query {
  const char *collection;
  uint64_t seq;
  bool includes_deleted;
  pq_filter *filter;
  pq_sort sort;
  uint64_t skip, limit;
  match *matches;
  uint32_t count;
} query;

static bool is_of(const char *collection, pq_slice id) {
  size_t n = strlen(collection);
  return id.n > n && memcmp(id.p, collection, n) == 0 && id.p[n] == '/';
}

static void evaluate(property *p, pq_arena *arena, query *q) {
  model *m = &p->model;
  q->matches = malloc((m->count + 1) * sizeof *q->matches);
  if (q->matches == NULL) spec_die("out of memory");
  q->count = 0;
  for (uint32_t i = 0; i < m->count; i++) {
    pq_entity e;
    pq_value system;
    if (!model_entity(&m->keys[i], q->seq, &e) || !is_of(q->collection, e.id)) continue;
    if (e.is_deleted && !q->includes_deleted) continue;
    must(pq_entity_system(m->builder, arena, &e, &system));
    if (!pq_filter_match(q->filter, NULL, e.data, system)) continue;
    q->matches[q->count].entity = e;
    if (q->sort.count > 0) {
      pq_builder_clear(m->builder);
      must(pq_entity_merge(m->builder, arena, &e));
      must(pq_builder_finish(m->builder, arena, &q->matches[q->count].merged));
    }
    q->count++;
  }
  match_sort = &q->sort;
  if (q->sort.count > 0) qsort(q->matches, q->count, sizeof *q->matches, compare_matches);
}

/* Filter and includeDeleted at random, parsed for the model too. Returns the filter's status. */
static int put_filter(property *p, pq_arena *arena, query *q) {
  pq_buf text;
  int rc = PQ_OK;
  pq_buf_init(&text, spec_cx(), SIZE_MAX / 2);
  if (random_chance(&p->random, 85)) {
    random_filter(&p->random, &text, 0);
    random_put(&p->command, ", \"filter\": ");
    must(pq_buf_put_slice(&p->command, pq_buf_slice(&text)));
  } else {
    random_put(&text, "{}");
  }
  rc = pq_filter_parse(arena, NULL, spec_json(arena, pq_buf_slice(&text)), &q->filter);
  pq_buf_release(&text);
  q->includes_deleted = random_chance(&p->random, 20);
  if (q->includes_deleted) random_put(&p->command, ", \"includeDeleted\": true");
  return rc;
}

static void put_page(property *p, pq_arena *arena, query *q) {
  random_text *r = &p->random;
  if (random_chance(r, 40)) {
    pq_buf text;
    pq_buf_init(&text, spec_cx(), SIZE_MAX / 2);
    random_sort(r, &text);
    random_put(&p->command, ", \"sort\": ");
    must(pq_buf_put_slice(&p->command, pq_buf_slice(&text)));
    must(pq_sort_parse(arena, NULL, spec_json(arena, pq_buf_slice(&text)), &q->sort));
    pq_buf_release(&text);
  }
  if (random_chance(r, 25)) q->skip = random_below(r, 20);
  if (random_chance(r, 30)) q->limit = random_below(r, 20);
  if (q->skip > 0) random_put(&p->command, ", \"skip\": %u", (unsigned)q->skip);
  if (q->limit > 0) random_put(&p->command, ", \"limit\": %u", (unsigned)q->limit);
}

static void compare_find(property *p, const query *q) {
  uint64_t from = q->skip < q->count ? q->skip : q->count, n = q->count - from;
  bool has_more = q->limit > 0 && n > q->limit, got = false;
  expected x = {0};
  if (has_more) n = q->limit;
  (void)pq_value_bool(pq_object_get_str(p->reply.summary, "hasMore"), &got);
  if (property_number(p, "n") != (int64_t)n || p->reply.count != n || got != has_more)
    property_fail(p, "n %lld, %u items, hasMore %d; expected %llu, %d",
                  (long long)property_number(p, "n"), p->reply.count, got, (unsigned long long)n,
                  has_more);
  check_seq(p, q->seq);
  if (q->sort.count == 0 && (q->skip > 0 || q->limit > 0)) return; /* any of them may come */
  for (uint64_t i = from; i < from + n; i++)
    expect_add(&x, entity_text(p, &q->matches[i].entity));
  compare_items(p, &x, q->sort.count > 0);
  expect_release(&x);
}

static void read_find(property *p, bool is_count) {
  query q = {.collection = random_collection(&p->random)};
  pq_arena arena;
  int rc;
  pq_arena_init(&arena, spec_cx(), SIZE_MAX / 2);
  random_put(&p->command, "{\"%s\": \"%s\"", is_count ? "count" : "find", q.collection);
  rc = put_filter(p, &arena, &q);
  if (!is_count) put_page(p, &arena, &q);
  q.seq = put_instant(p);
  random_put(&p->command, "}");
  property_run(p, true);
  if (property_expect(p, rc) && rc == PQ_OK) {
    evaluate(p, &arena, &q);
    if (!is_count)
      compare_find(p, &q);
    else if (property_number(p, "count") != (int64_t)q.count)
      property_fail(p, "count %lld, expected %u", (long long)property_number(p, "count"), q.count);
    free(q.matches);
  }
  pq_arena_release(&arena);
}

static pq_slice put_id(property *p) {
  size_t from;
  random_put(&p->command, "\"");
  from = p->command.len;
  random_put(&p->command, "%s/", random_collection(&p->random));
  random_local(&p->random, &p->command);
  random_put(&p->command, "\"");
  return (pq_slice){(const uint8_t *)from, p->command.len - 1 - from};
}

/* The text of the command moves while it grows: an id is kept as an offset until then. */
static pq_slice id_at(const property *p, pq_slice id) {
  return (pq_slice){p->command.p + (size_t)id.p, id.n};
}

static void read_get(property *p) {
  expected x = {0};
  pq_entity e;
  pq_slice id;
  uint64_t seq;
  bool includes_deleted = random_chance(&p->random, 30);
  random_put(&p->command, "{\"get\": ");
  id = put_id(p);
  if (includes_deleted) random_put(&p->command, ", \"includeDeleted\": true");
  seq = put_instant(p);
  random_put(&p->command, "}");
  id = id_at(p, id);
  property_run(p, true);
  if (!property_expect(p, PQ_OK)) return;
  check_seq(p, seq);
  if (model_entity(model_find(&p->model, id, (pq_slice){0}, (pq_slice){0}), seq, &e) &&
      (!e.is_deleted || includes_deleted))
    expect_add(&x, entity_text(p, &e));
  compare_items(p, &x, true);
  expect_release(&x);
}

static void read_collections(property *p) {
  static const char *const names[] = {"cats", "dogs", "e"};
  expected x = {0};
  uint64_t seq;
  random_put(&p->command, "{\"collections\": 1");
  seq = put_instant(p);
  random_put(&p->command, "}");
  property_run(p, true);
  if (!property_expect(p, PQ_OK)) return;
  for (int c = 0; c < 3; c++) {
    uint32_t n = 0;
    pq_entity e;
    for (uint32_t i = 0; i < p->model.count; i++)
      n += model_entity(&p->model.keys[i], seq, &e) && is_of(names[c], e.id) && !e.is_deleted;
    if (n > 0)
      expect_add(&x,
                 spec_format("{\"name\":\"%s\",\"count\":{\"$numberInt\":\"%u\"}}", names[c], n));
  }
  compare_items(p, &x, false);
  expect_release(&x);
}

/* ---- history ---- */

static char *value_text(pq_value v) {
  return pq_value_is_missing(v) ? spec_format("null") : spec_print(v);
}

/* The parts of an event that the model knows, as text. */
static char *event_text(uint64_t seq, uint64_t version, pq_slice op, pq_slice actor,
                        pq_value before, pq_value after) {
  char *was = value_text(before), *is = value_text(after);
  char *text = spec_format("seq %llu version %llu %.*s by %.*s: %s -> %s", (unsigned long long)seq,
                           (unsigned long long)version, (int)op.n, (const char *)op.p, (int)actor.n,
                           (const char *)actor.p, was, is);
  free(was);
  free(is);
  return text;
}

static pq_slice text_of(pq_value object, const char *name) {
  pq_slice text = {0};
  (void)pq_value_string(pq_object_get_str(object, name), &text);
  return text;
}

static char *item_text(pq_value item) {
  int64_t seq = -1, version = -1;
  (void)pq_value_i64(pq_object_get_str(item, "seq"), &seq);
  (void)pq_value_i64(pq_object_get_str(item, "version"), &version);
  return event_text((uint64_t)seq, (uint64_t)version, text_of(item, "op"), text_of(item, "actor"),
                    pq_object_get_str(item, "before"), pq_object_get_str(item, "after"));
}

static void compare_history(property *p, const model_key *k, uint64_t seq) {
  pq_value before = {0};
  uint32_t n = 0;
  for (uint32_t i = 0; k != NULL && i < k->count && k->events[i].seq <= seq; i++, n++) {
    const model_event *e = &k->events[i];
    char *want, *got;
    if (n >= p->reply.count) break;
    if (e->op == PQ_EVENT_CREATE) before = (pq_value){0};
    want =
        event_text(e->seq, e->version, pq_str(pq_event_op_name(e->op)), e->actor, before, e->after);
    got = item_text(p->reply.items[n]);
    if (strcmp(want, got) != 0) property_fail(p, "event\n  expected %s\n  got      %s", want, got);
    free(want);
    free(got);
    before = e->after;
  }
  while (k != NULL && n < k->count && k->events[n].seq <= seq)
    n++;
  if (p->reply.count != n) property_fail(p, "%u events, expected %u", p->reply.count, n);
}

static void read_history(property *p) {
  pq_slice id;
  uint64_t seq;
  random_put(&p->command, "{\"history\": ");
  id = put_id(p);
  seq = put_instant(p);
  random_put(&p->command, "}");
  id = id_at(p, id);
  property_run(p, true);
  if (property_expect(p, PQ_OK))
    compare_history(p, model_find(&p->model, id, (pq_slice){0}, (pq_slice){0}), seq);
}

/* ---- related, traverse ---- */

static void put_text_field(pq_builder *b, const char *name, pq_slice text) {
  must(pq_builder_key_str(b, name));
  must(pq_builder_string(b, text));
}

static char *edge_text(property *p, const model_key *k, const model_event *e) {
  pq_builder *b = p->model.builder;
  pq_arena scratch;
  char *text;
  pq_arena_init(&scratch, spec_cx(), SIZE_MAX / 2);
  pq_builder_clear(b);
  must(pq_builder_begin_object(b));
  put_text_field(b, "from", k->id);
  put_text_field(b, "predicate", k->predicate);
  put_text_field(b, "to", k->to);
  put_text_field(b, "reverse", e->reverse);
  must(pq_builder_key_str(b, "createdAt"));
  must(pq_builder_date_us(b, e->created_at));
  put_text_field(b, "createdBy", e->created_by);
  must(pq_builder_key_str(b, "version"));
  must(pq_builder_i32(b, (int32_t)e->version));
  if (!pq_value_is_missing(e->after)) {
    must(pq_builder_key_str(b, "data"));
    must(pq_builder_value(b, e->after));
  }
  must(pq_builder_end(b));
  text = print_built(p, &scratch);
  pq_arena_release(&scratch);
  return text;
}

static int compare_slices(const void *a, const void *b) {
  return pq_slice_cmp(*(const pq_slice *)a, *(const pq_slice *)b);
}

/* The distinct live far ends of one step from `nodes`; edges too when x is given. */
static uint32_t step(property *p, const pq_slice *nodes, uint32_t count, pq_slice predicate,
                     bool is_reverse, uint64_t seq, pq_slice *out, expected *x) {
  model *m = &p->model;
  uint32_t n = 0, distinct = 0;
  for (uint32_t i = 0; i < m->count; i++) {
    model_key *k = &m->keys[i];
    pq_slice near = is_reverse ? k->to : k->id, far = is_reverse ? k->id : k->to;
    bool is_from = false;
    if (!model_edge(k, seq) || !pq_slice_eq(k->predicate, predicate)) continue;
    for (uint32_t j = 0; j < count && !is_from; j++)
      is_from = pq_slice_eq(nodes[j], near);
    if (!is_from || !model_is_live(m, far, seq)) continue;
    out[n++] = far;
    if (x != NULL) expect_add(x, edge_text(p, k, model_at(k, seq)));
  }
  if (n > 0) qsort(out, n, sizeof *out, compare_slices);
  for (uint32_t i = 0; i < n; i++)
    if (distinct == 0 || !pq_slice_eq(out[distinct - 1], out[i])) out[distinct++] = out[i];
  return distinct;
}

static void expect_entities(property *p, expected *x, const pq_slice *ids, uint32_t n,
                            uint64_t seq) {
  for (uint32_t i = 0; i < n; i++) {
    pq_entity e;
    if (model_entity(model_find(&p->model, ids[i], (pq_slice){0}, (pq_slice){0}), seq, &e))
      expect_add(x, entity_text(p, &e));
  }
}

static pq_slice *node_list(const property *p) {
  pq_slice *nodes = malloc((p->model.count + 1) * sizeof *nodes);
  if (nodes == NULL) spec_die("out of memory");
  return nodes;
}

/* The id of an end of some edge that is or was there; of any entity when there is none. */
static pq_slice put_edge_end(property *p) {
  const model_key *k = NULL;
  pq_slice id;
  size_t from;
  for (int tries = 0; tries < 40 && (k == NULL || !k->is_edge); tries++)
    k = &p->model.keys[random_below(&p->random, p->model.count)];
  if (!k->is_edge) return put_id(p);
  id = random_chance(&p->random, 50) ? k->id : k->to;
  random_put(&p->command, "\"");
  from = p->command.len;
  random_put(&p->command, "%.*s\"", (int)id.n, (const char *)id.p);
  return (pq_slice){(const uint8_t *)from, id.n};
}

static void read_related(property *p) {
  random_text *r = &p->random;
  bool is_reverse = random_chance(r, 50), is_edges = random_chance(r, 40);
  pq_slice id, *ends = node_list(p);
  const char *predicate = random_chance(r, 70) ? "p" : "q";
  expected x = {0};
  uint64_t seq;
  uint32_t n = 0;
  random_put(&p->command, "{\"related\": ");
  id = put_edge_end(p);
  random_put(&p->command, ", \"predicate\": \"%s\"", predicate);
  if (is_reverse) random_put(&p->command, ", \"direction\": \"reverse\"");
  if (is_edges) random_put(&p->command, ", \"edges\": true");
  seq = put_instant(p);
  random_put(&p->command, "}");
  id = id_at(p, id);
  property_run(p, true);
  if (property_expect(p, PQ_OK)) {
    check_seq(p, seq);
    if (model_is_live(&p->model, id, seq))
      n = step(p, &id, 1, pq_str(predicate), is_reverse, seq, ends, is_edges ? &x : NULL);
    if (!is_edges) expect_entities(p, &x, ends, n, seq);
    compare_items(p, &x, !is_edges);
  }
  free(ends);
  expect_release(&x);
}

static void compare_hops(property *p, const uint32_t *hops, uint32_t count) {
  pq_value list = pq_object_get_str(p->reply.summary, "hops");
  if (pq_value_count(list) != count) property_fail(p, "hops: %u", pq_value_count(list));
  for (uint32_t i = 0; i < count; i++) {
    int64_t n = -1;
    (void)pq_value_i64(pq_array_at(list, i), &n);
    if (n != hops[i]) property_fail(p, "hop %u: %lld, expected %u", i, (long long)n, hops[i]);
  }
}

static void read_traverse(property *p) {
  random_text *r = &p->random;
  uint32_t count = random_below(r, PATH_MAX) + 1, hops[PATH_MAX] = {0}, n;
  bool is_reverse[PATH_MAX], is_p[PATH_MAX];
  pq_slice id, *nodes = node_list(p), *next = node_list(p), *swap;
  expected x = {0};
  uint64_t seq;
  random_put(&p->command, "{\"traverse\": ");
  id = put_edge_end(p);
  random_put(&p->command, ", \"path\": [");
  for (uint32_t i = 0; i < count; i++) {
    is_reverse[i] = random_chance(r, 40);
    is_p[i] = random_chance(r, 70);
    random_put(&p->command, "%s{\"predicate\": \"%s\", \"direction\": \"%s\"}", i > 0 ? ", " : "",
               is_p[i] ? "p" : "q", is_reverse[i] ? "reverse" : "forward");
  }
  random_put(&p->command, "]");
  seq = put_instant(p);
  random_put(&p->command, "}");
  nodes[0] = id_at(p, id);
  n = model_is_live(&p->model, nodes[0], seq);
  for (uint32_t i = 0; i < count; i++) {
    n = step(p, nodes, n, is_p[i] ? PQ_SLICE("p") : PQ_SLICE("q"), is_reverse[i], seq, next, NULL);
    hops[i] = n;
    swap = nodes;
    nodes = next;
    next = swap;
  }
  property_run(p, true);
  if (property_expect(p, PQ_OK)) {
    expect_entities(p, &x, nodes, n, seq);
    compare_items(p, &x, true);
    compare_hops(p, hops, count);
  }
  free(nodes);
  free(next);
  expect_release(&x);
}

void property_read(property *p) {
  uint32_t n = random_below(&p->random, 20);
  pq_buf_clear(&p->command);
  if (n < 8)
    read_find(p, false);
  else if (n < 11)
    read_find(p, true);
  else if (n < 14)
    read_get(p);
  else if (n < 16)
    read_related(p);
  else if (n < 17)
    read_traverse(p);
  else if (n < 19)
    read_history(p);
  else
    read_collections(p);
}

void property_read_all(property *p) {
  pq_buf_clear(&p->payload);
  for (uint32_t i = 0; i < p->model.count && !p->has_failed; i++) {
    const model_key *k = &p->model.keys[i];
    if (k->is_edge || k->count < 2) continue; /* only those with a story */
    pq_buf_clear(&p->command);
    random_put(&p->command, "{\"history\": \"%.*s\"}", (int)k->id.n, (const char *)k->id.p);
    property_run(p, true);
    if (property_expect(p, PQ_OK)) compare_history(p, k, p->model.seq);
  }
  for (int i = 0; i < 100 && !p->has_failed; i++) {
    pq_buf_clear(&p->command);
    if (i % 10 == 0)
      property_read(p);
    else
      read_related(p);
  }
}
