/* test/spec/property.c - random commands against the naive model.
 *
 *   seed ─► store, noise, sizes ─► steps: a write (engine and model) or a read (engine vs. model)
 *                                         flush, compact, reopen, time passing in between
 *
 * Reads ask for the present, the flushed state and any earlier instant. A failure prints the seed:
 * `spec test/spec property SEED` runs it alone.
 */
#include "property.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/update.h"
#include "spec_suites.h"
#include "value/compare.h"

enum { STEPS = 240, STEPS_LARGE = 50 };

static const char *const actors[] = {"system/anonymous", "users/u1", "users/u2"};

/* ---- running ---- */

void property_fail(property *p, const char *format, ...) {
  va_list args;
  if (p->has_failed) return;
  p->has_failed = true;
  fprintf(stderr, "%s seed %llu, step %u: %.*s\n  ", p->name, (unsigned long long)p->seed, p->step,
          (int)(p->command.len < 4000 ? p->command.len : 4000), (const char *)p->command.p);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
}

void property_run(property *p, bool is_read) {
  bool by_reader = is_read && p->db.reader_driver != NULL && random_chance(&p->random, 50);
  spec_reply_release(&p->reply);
  if (getenv("SPEC_TRACE") != NULL)
    fprintf(stderr, "%u: %.*s\n%.*s", p->step, (int)p->command.len, (const char *)p->command.p,
            (int)p->payload.len, (const char *)p->payload.p);
  if (by_reader)
    spec_run_reader(&p->db, pq_buf_slice(&p->command), (pq_slice){0}, &p->reply);
  else
    spec_run(&p->db, pq_buf_slice(&p->command), pq_buf_slice(&p->payload), &p->reply);
}

bool property_expect(property *p, int rc) {
  if (p->reply.rc == rc) return true;
  property_fail(p, "%s (%s), expected %s", pq_status_name(p->reply.rc), p->reply.message,
                rc == PQ_OK ? "success" : pq_status_name(rc));
  return false;
}

int64_t property_number(const property *p, const char *name) {
  int64_t n = -1;
  (void)pq_value_i64(pq_object_get_str(p->reply.summary, name), &n);
  return n;
}

static pq_slice keep(property *p, pq_slice text) {
  pq_slice copy = {0};
  if (text.n > 0 && pq_arena_copy(&p->model.arena, text, &copy) != PQ_OK) spec_die("out of memory");
  return copy;
}

/* The end of every write command: an actor perhaps. */
static pq_slice put_actor(property *p) {
  uint32_t n = random_below(&p->random, 3);
  if (n > 0) random_put(&p->command, ", \"actor\": \"%s\"", actors[n]);
  random_put(&p->command, "}");
  return pq_str(actors[n]);
}

/* ---- insert ---- */

typedef struct insertion {
  pq_slice id;
  pq_value data;
} insertion;

/* One document: its text goes to `out`, id and data to *in. */
static void put_document(property *p, pq_buf *out, const char *collection, const char *local,
                         insertion *in) {
  pq_buf fields, id;
  pq_buf_init(&fields, spec_cx(), SIZE_MAX / 2);
  pq_buf_init(&id, spec_cx(), 1000);
  random_put(&fields, "{");
  random_fields(&p->random, &fields);
  random_put(&fields, "}");
  random_put(&id, "%s/%s", collection, local);
  in->id = keep(p, pq_buf_slice(&id));
  in->data = spec_json(&p->model.arena, pq_buf_slice(&fields));
  random_put(out, "{\"$id\": \"%s\"%s", local, fields.len > 2 ? ", " : "");
  if (pq_buf_put(out, fields.p + 1, fields.len - 1) != PQ_OK) spec_die("out of memory");
  pq_buf_release(&fields);
  pq_buf_release(&id);
}

static bool may_insert(property *p, const insertion *in, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (model_is_live(&p->model, in[i].id, p->model.seq)) return false;
    if (count > 100) continue; /* payloads count up */
    for (uint32_t j = 0; j < i; j++)
      if (pq_slice_eq(in[i].id, in[j].id)) return false;
  }
  return true;
}

static void apply_insert(property *p, const insertion *in, uint32_t count, const char *type,
                         pq_slice actor) {
  model_commit(&p->model, p->db.now_us);
  for (uint32_t i = 0; i < count; i++) {
    model_key *k = model_key_of(&p->model, in[i].id, (pq_slice){0}, (pq_slice){0});
    pq_entity old;
    uint64_t version = model_entity(k, p->model.seq, &old) ? old.version + 1 : 1;
    model_add(&p->model, k,
              (model_event){.op = PQ_EVENT_CREATE,
                            .version = version,
                            .created_by = actor,
                            .actor = actor,
                            .type = pq_str(type),
                            .after = in[i].data});
  }
}

static void do_insert(property *p, uint32_t count, bool is_payload) {
  const char *collection = random_collection(&p->random);
  const char *type = collection[0] == 'c' ? "Cat" : collection[0] == 'd' ? "Dog" : "E";
  insertion *in = calloc(count, sizeof *in);
  pq_slice actor;
  if (in == NULL) spec_die("out of memory");
  random_put(&p->command, "{\"insert\": \"%s\"%s", collection,
             is_payload ? "" : ", \"documents\": [");
  for (uint32_t i = 0; i < count; i++) {
    char local[32];
    if (is_payload)
      snprintf(local, sizeof local, "m%05u", p->random.large_count++);
    else
      snprintf(local, sizeof local, "k%02u", random_below(&p->random, p->random.ids));
    put_document(p, is_payload ? &p->payload : &p->command, collection, local, &in[i]);
    random_put(is_payload ? &p->payload : &p->command, is_payload      ? "\n"
                                                       : i + 1 < count ? ", "
                                                                       : "");
  }
  if (!is_payload) random_put(&p->command, "]");
  p->random.has_large_ids |= is_payload;
  actor = put_actor(p);
  property_run(p, false);
  if (!may_insert(p, in, count)) {
    property_expect(p, PQ_EEXISTS);
  } else if (property_expect(p, PQ_OK)) {
    apply_insert(p, in, count, type, actor);
    if (property_number(p, "insertedCount") != count) property_fail(p, "insertedCount");
  }
  free(in);
}

/* ---- update, delete ---- */

static model_key *put_target(property *p, bool *is_there, pq_entity *e) {
  model_key *k;
  size_t from;
  random_put(&p->command, "\"");
  from = p->command.len;
  random_put(&p->command, "%s/", random_collection(&p->random));
  random_local(&p->random, &p->command);
  k = model_find(&p->model, (pq_slice){p->command.p + from, p->command.len - from}, (pq_slice){0},
                 (pq_slice){0});
  random_put(&p->command, "\"");
  *is_there = k != NULL && model_entity(k, p->model.seq, e);
  return k;
}

static void do_update(property *p) {
  pq_arena arena;
  pq_entity e = {0};
  pq_update *update;
  pq_value after = {0};
  pq_buf ops;
  pq_slice actor;
  uint64_t version = 0;
  bool is_there, is_changed = false, has_version = random_chance(&p->random, 20);
  model_key *k;
  int rc;
  pq_arena_init(&arena, spec_cx(), SIZE_MAX / 2);
  pq_buf_init(&ops, spec_cx(), SIZE_MAX / 2);
  random_put(&p->command, "{\"update\": ");
  k = put_target(p, &is_there, &e);
  random_update(&p->random, &ops);
  random_put(&p->command, ", \"ops\": ");
  if (pq_buf_put_slice(&p->command, pq_buf_slice(&ops)) != PQ_OK) spec_die("out of memory");
  if (has_version) version = random_below(&p->random, 4);
  if (has_version) random_put(&p->command, ", \"expectedVersion\": %u", (unsigned)version);
  actor = put_actor(p);
  is_there = is_there && !e.is_deleted;
  rc = pq_update_parse(&arena, NULL, spec_json(&arena, pq_buf_slice(&ops)), (pq_value){0}, &update);
  if (rc == PQ_OK && is_there && has_version && version != e.version) rc = PQ_EVERSION;
  pq_builder_clear(p->model.builder);
  if (rc == PQ_OK && is_there)
    rc = pq_update_apply(
        update,
        &(pq_eval){
            .cx = (&p->model.arena)->cx, .arena = &p->model.arena, .builder = p->model.builder},
        &p->model.arena, e.data, (pq_update_at){.position = -1}, &after, &is_changed);
  property_run(p, false);
  if (property_expect(p, rc) && rc == PQ_OK) {
    if (property_number(p, "matchedCount") != is_there ||
        property_number(p, "modifiedCount") != is_changed)
      property_fail(p, "matched %d, modified %d expected", is_there, is_changed);
    if (is_changed) {
      model_commit(&p->model, p->db.now_us);
      model_add(&p->model, k,
                (model_event){.op = PQ_EVENT_UPDATE,
                              .version = e.version + 1,
                              .actor = actor,
                              .created_at = e.created_at,
                              .created_by = e.created_by,
                              .type = e.type,
                              .after = after});
    }
  }
  pq_buf_release(&ops);
  pq_arena_release(&arena);
}

static int compare_edge_keys(const void *a, const void *b, bool is_reverse) {
  const model_key *x = *(model_key *const *)a, *y = *(model_key *const *)b;
  int order = is_reverse ? 0 : pq_slice_cmp(x->predicate, y->predicate);
  if (is_reverse)
    order = pq_slice_cmp(x->events[x->count - 1].reverse, y->events[y->count - 1].reverse);
  if (order == 0) order = is_reverse ? pq_slice_cmp(x->id, y->id) : pq_slice_cmp(x->to, y->to);
  return order != 0 ? order : pq_slice_cmp(x->predicate, y->predicate);
}

static int compare_forward(const void *a, const void *b) {
  return compare_edge_keys(a, b, false);
}

static int compare_reverse(const void *a, const void *b) {
  return compare_edge_keys(a, b, true);
}

static void remove_edge(property *p, model_key *k, pq_slice actor) {
  const model_event *e = &k->events[k->count - 1];
  model_add(&p->model, k,
            (model_event){.op = PQ_EVENT_DELETE,
                          .version = e->version + 1,
                          .actor = actor,
                          .created_at = e->created_at,
                          .created_by = e->created_by,
                          .reverse = e->reverse});
}

/* A hard delete takes the edges with it: those that leave, then those that enter. */
static void remove_edges(property *p, pq_slice id, pq_slice actor, bool is_reverse) {
  model *m = &p->model;
  model_key **edges = malloc((m->count + 1) * sizeof *edges);
  uint32_t n = 0;
  if (edges == NULL) spec_die("out of memory");
  for (uint32_t i = 0; i < m->count; i++)
    if (model_edge(&m->keys[i], m->seq) &&
        pq_slice_eq(is_reverse ? m->keys[i].to : m->keys[i].id, id))
      edges[n++] = &m->keys[i];
  if (n > 0) qsort(edges, n, sizeof *edges, is_reverse ? compare_reverse : compare_forward);
  for (uint32_t i = 0; i < n; i++)
    remove_edge(p, edges[i], actor);
  free(edges);
}

void property_remove_edges(property *p, pq_slice id, pq_slice actor) {
  remove_edges(p, id, actor, false);
  remove_edges(p, id, actor, true);
}

static void do_delete(property *p) {
  pq_entity e = {0};
  pq_slice actor;
  bool is_there, is_hard = random_chance(&p->random, 40);
  model_key *k;
  random_put(&p->command, "{\"delete\": ");
  k = put_target(p, &is_there, &e);
  if (is_hard) random_put(&p->command, ", \"hard\": true");
  actor = put_actor(p);
  is_there = is_there && (!e.is_deleted || is_hard);
  property_run(p, false);
  if (!property_expect(p, PQ_OK)) return;
  if (property_number(p, "deletedCount") != is_there) property_fail(p, "%d expected", is_there);
  if (!is_there) return;
  model_commit(&p->model, p->db.now_us);
  model_add(&p->model, k,
            (model_event){.op = PQ_EVENT_DELETE,
                          .version = e.version + 1,
                          .actor = actor,
                          .created_at = e.created_at,
                          .created_by = e.created_by,
                          .type = e.type,
                          .after = is_hard ? (pq_value){0} : e.data});
  if (!is_hard) return;
  property_remove_edges(p, k->id, actor);
}

/* ---- link, unlink ---- */

typedef struct edge_args {
  pq_slice from, predicate, to, reverse;
  pq_value data;
} edge_args;

static pq_slice put_end(property *p, pq_buf *out, bool is_live) {
  size_t from = out->len;
  if (is_live && random_chance(&p->random, 50)) { /* a few that are linked again and again */
    random_put(out, "cats/k0%u", random_below(&p->random, 5));
    return keep(p, (pq_slice){out->p + from, out->len - from});
  }
  for (int tries = 0; is_live && tries < 50; tries++) { /* one that is there, if luck wants it */
    const model_key *k = &p->model.keys[random_below(&p->random, p->model.count)];
    if (k->is_edge || !model_is_live(&p->model, k->id, p->model.seq)) continue;
    random_put(out, "%.*s", (int)k->id.n, (const char *)k->id.p);
    return k->id;
  }
  random_put(out, "%s/", random_collection(&p->random));
  random_local(&p->random, out);
  return keep(p, (pq_slice){out->p + from, out->len - from});
}

static void put_edge(property *p, pq_buf *out, bool is_link, bool is_live, edge_args *e) {
  static const char *const data[] = {"{\"w\": 1}", "{\"w\": 2}", "{\"w\": 1.0}",
                                     "{\"k\": [1, null]}"};
  const char *predicate = random_chance(&p->random, 70) ? "p" : "q";
  *e = (edge_args){.predicate = pq_str(predicate)};
  if (!is_link) { /* one that is there, if luck wants it */
    const model_key *k = &p->model.keys[random_below(&p->random, p->model.count)];
    for (int tries = 0; tries < 60 && !model_edge(k, p->model.seq); tries++)
      k = &p->model.keys[random_below(&p->random, p->model.count)];
    if (k->is_edge) {
      *e = (edge_args){.from = k->id, .predicate = k->predicate, .to = k->to};
      random_put(out, "{\"from\": \"%.*s\", \"predicate\": \"%.*s\", \"to\": \"%.*s\"}",
                 (int)k->id.n, (const char *)k->id.p, (int)k->predicate.n,
                 (const char *)k->predicate.p, (int)k->to.n, (const char *)k->to.p);
      return;
    }
  }
  random_put(out, "{\"from\": \"");
  e->from = put_end(p, out, is_live);
  random_put(out, "\", \"predicate\": \"%s\", \"to\": \"", predicate);
  e->to = put_end(p, out, is_live);
  random_put(out, "\"");
  e->reverse = predicate[0] == 'p' ? PQ_SLICE("p_of") : PQ_SLICE("q_of");
  if (is_link && random_chance(&p->random, 30)) {
    const char *reverse = random_chance(&p->random, 50) ? "a" : "z";
    random_put(out, ", \"reverse\": \"%s\"", reverse);
    e->reverse = pq_str(reverse);
  }
  if (is_link && random_chance(&p->random, 50)) {
    const char *text = data[random_below(&p->random, 4)];
    random_put(out, ", \"data\": %s", text);
    e->data = spec_json(&p->model.arena, pq_str(text));
  }
  random_put(out, "}");
}

static bool is_same_data(pq_value a, pq_value b) {
  if (pq_value_is_missing(a) || pq_value_is_missing(b))
    return pq_value_is_missing(a) && pq_value_is_missing(b);
  return pq_value_is_equal(a, b);
}

/* What linking must answer: the smallest end that is not live decides. */
static int link_status(property *p, const edge_args *edges, uint32_t count) {
  pq_slice worst = {0};
  pq_entity e;
  for (uint32_t i = 0; i < 2 * count; i++) {
    pq_slice id = i % 2 == 0 ? edges[i / 2].from : edges[i / 2].to;
    if (model_is_live(&p->model, id, p->model.seq)) continue;
    if (worst.n == 0 || pq_slice_cmp(id, worst) < 0) worst = id;
  }
  if (worst.n == 0) return PQ_OK;
  return model_entity(model_find(&p->model, worst, (pq_slice){0}, (pq_slice){0}), p->model.seq, &e)
             ? PQ_ETARGET
             : PQ_ENOENTITY;
}

static void link_one(property *p, const edge_args *a, pq_slice actor, int64_t *changed) {
  model_key *k = model_key_of(&p->model, a->from, a->predicate, a->to);
  const model_event *old = model_edge(k, p->model.seq) ? model_at(k, p->model.seq) : NULL;
  model_event e = {.op = PQ_EVENT_CREATE,
                   .version = 1,
                   .created_by = actor,
                   .actor = actor,
                   .reverse = a->reverse,
                   .after = a->data};
  if (old != NULL) {
    if (is_same_data(old->after, a->data) && pq_slice_eq(old->reverse, a->reverse)) return;
    e.op = PQ_EVENT_UPDATE;
    e.version = old->version + 1;
    e.created_at = old->created_at;
    e.created_by = old->created_by;
  }
  if (++*changed == 1) model_commit(&p->model, p->db.now_us);
  model_add(&p->model, k, e);
}

static void do_link(property *p, bool is_link, uint32_t count) {
  edge_args *edges = calloc(count, sizeof *edges);
  bool is_payload = is_link && count > 10;
  bool is_live = is_link && p->model.count > 0 && (is_payload || random_chance(&p->random, 60));
  pq_buf *out = is_payload ? &p->payload : &p->command;
  pq_slice actor;
  int64_t changed = 0;
  int rc;
  if (edges == NULL) spec_die("out of memory");
  random_put(&p->command, "{\"%s\": [", is_link ? "link" : "unlink");
  for (uint32_t i = 0; i < count; i++) {
    put_edge(p, out, is_link, is_live, &edges[i]);
    random_put(out, is_payload ? "\n" : i + 1 < count ? ", " : "");
  }
  random_put(&p->command, "]");
  actor = put_actor(p);
  rc = is_link ? link_status(p, edges, count) : PQ_OK;
  property_run(p, false);
  if (property_expect(p, rc) && rc == PQ_OK) {
    for (uint32_t i = 0; i < count; i++) {
      model_key *k = model_find(&p->model, edges[i].from, edges[i].predicate, edges[i].to);
      if (is_link) {
        link_one(p, &edges[i], actor, &changed);
      } else if (k != NULL && model_edge(k, p->model.seq)) {
        if (++changed == 1) model_commit(&p->model, p->db.now_us);
        remove_edge(p, k, actor);
      }
    }
    if (property_number(p, is_link ? "linkedCount" : "unlinkedCount") != changed)
      property_fail(p, "%lld changed edges expected", (long long)changed);
  }
  free(edges);
}

/* ---- the steps ---- */

static void do_flush(property *p) {
  static const char *const commands[] = {"{\"flush\": 1}",          "{\"flush\": 1}",
                                         "{\"flush\": 1}",          "{\"compact\": \"\"}",
                                         "{\"compact\": \"cats\"}", "{\"checkpoint\": 1}"};
  random_put(&p->command, "%s", commands[random_below(&p->random, 6)]);
  property_run(p, false);
  if (property_expect(p, PQ_OK)) p->flushed = p->model.seq;
}

static void take_step(property *p, bool is_large) {
  random_text *r = &p->random;
  uint32_t n = random_below(r, 100);
  pq_buf_clear(&p->command);
  pq_buf_clear(&p->payload);
  p->db.now_us += random_chance(r, 20) ? 0 : (int64_t)random_below(r, 5) * 1000;
  if (random_chance(r, 2)) p->db.now_us += 86400000000 / 2; /* event files are per day */
  if (is_large && (p->step == 1 || random_chance(r, 3)))
    do_insert(p, 1500 + random_below(r, 2500), true);
  else if (p->step == 1 || n < 2)
    do_insert(p, 60 + random_below(r, 150), true);
  else if (is_large && n < 6)
    do_link(p, true, 1500);
  else if (n < 12)
    do_insert(p, random_below(r, 3) + 1, false);
  else if (n < 23)
    do_update(p);
  else if (n < 28)
    property_write_filtered(p);
  else if (n < 34)
    do_delete(p);
  else if (n < 42)
    do_link(p, true, random_below(r, 3) + 1);
  else if (n < 45)
    do_link(p, false, random_below(r, 3) + 1);
  else if (n < 49)
    do_flush(p);
  else if (n < 50 && spec_reopen(&p->db) != PQ_OK)
    spec_die("%s", p->db.cx.msg);
  else
    for (int i = 0; i < 3 && !p->has_failed; i++)
      property_read(p);
}

/* Every stored byte can be read. */
static void verify(property *p) {
  pq_buf_clear(&p->command);
  random_put(&p->command, "{\"verify\": 1}");
  property_run(p, true);
  if (property_expect(p, PQ_OK) && (p->reply.count > 0 || property_number(p, "problems") != 0))
    property_fail(p, "%s", spec_reply_text(&p->reply));
}

static bool run_seed(uint64_t seed) {
  property p = {.name = "property",
                .seed = seed,
                .random = {.state = seed * 1000003, .ids = 12},
                .knows_flushed = true};
  bool is_large = seed % 8 == 0;
  int64_t leaked;
  p.random.noise = seed % 3 == 0 ? 3 : seed % 3 == 1 ? 0 : 20;
  if (seed % 4 == 3) p.random.ids = 60;
  spec_start(&p.db, seed % 2 == 0 ? SPEC_MEMORY : seed % 8 == 5 ? SPEC_DISK : SPEC_SHUFFLE, seed);
  if (seed % 7 == 2 && !is_large) { /* flush by itself when the tail is long */
    p.knows_flushed = false;
    p.db.tail_len_max = 100000;
    if (spec_reopen(&p.db) != PQ_OK) spec_die("%s", p.db.cx.msg);
  }
  if (seed % 5 < 2 && spec_open_reader(&p.db) != PQ_OK) spec_die("%s", p.db.reader_cx.msg);
  model_init(&p.model);
  pq_buf_init(&p.command, spec_cx(), SIZE_MAX / 2);
  pq_buf_init(&p.payload, spec_cx(), SIZE_MAX / 2);
  for (p.step = 1; p.step <= (is_large ? STEPS_LARGE : STEPS) && !p.has_failed; p.step++)
    take_step(&p, is_large);
  if (!p.has_failed) property_read_all(&p);
  if (!p.has_failed) verify(&p);
  spec_reply_release(&p.reply);
  pq_buf_release(&p.command);
  pq_buf_release(&p.payload);
  model_release(&p.model);
  leaked = spec_end(&p.db);
  if (leaked != 0)
    fprintf(stderr, "property seed %llu: %lld bytes leaked\n", (unsigned long long)seed,
            (long long)leaked);
  return !p.has_failed && leaked == 0;
}

void spec_property_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed) {
  for (uint64_t seed = first; seed < first + count; seed++)
    *(run_seed(seed) ? passed : failed) += 1;
}
