/* test/sim/sim_copy.c - a backup becomes a warehouse of its own, which must be the model's as of
 * the backup's seq.
 *
 *     items of `backup` ─► objects, copied when they are named ─┐
 *                       ─► checkpoint                           ├─► a second store ─► its answers
 *                       ─► batches ─► its hot tier              ┘
 *
 * The store of the copy has no faults: what is put to the test is what the engine says a copy is
 * made of, while others write, flush, compact and collect.
 */
#include <stdlib.h>
#include <string.h>

#include "log/boundary.h"
#include "sim_world.h"
#include "value/json.h"

enum { BATCHES_MAX = 512 };

typedef struct sim_copy {
  pq_cx cx;
  pq_memory_store *memory;
  pq_driver *driver;
  pq_fetch fetch;
  pq_arena arena;
  pq_hot_batch batches[BATCHES_MAX];
  uint32_t batch_count;
  bool is_missed; /* an object was gone when it was to be copied */
} sim_copy;

static sim_copy *copy_new(sim_world *w) {
  sim_copy *c = sim_grow(NULL, sizeof *c);
  *c = (sim_copy){0};
  pq_cx_init(&c->cx, NULL, NULL);
  c->memory = pq_memory_store_new();
  if (c->memory == NULL || pq_memory_open(c->memory, PQ_OPEN_CREATE, &c->driver) != PQ_OK)
    sim_die("out of memory");
  pq_memory_store_set_clock(c->memory, w->store_us, false);
  pq_fetch_init(&c->fetch, &c->cx);
  pq_arena_init(&c->arena, &c->cx, SIZE_MAX / 2);
  return c;
}

void sim_copy_free(sim_session *p) {
  sim_copy *c = p->copy;
  if (c == NULL) return;
  pq_fetch_release(&c->fetch);
  pq_arena_release(&c->arena);
  pq_driver_close(c->driver);
  pq_memory_store_free(c->memory);
  free(c);
  p->copy = NULL;
}

/* ---- objects ---- */

static int put(sim_copy *c, const char *key, pq_slice body) {
  int rc;
  pq_fetch_clear(&c->fetch);
  rc = pq_fetch_put_new(&c->fetch, key, body);
  if (rc != PQ_NEED_IO) return rc;
  pq_driver_run(c->driver, &c->fetch);
  return pq_fetch_put_new(&c->fetch, key, body);
}

static void copy_object(sim_world *w, sim_session *p, const char *key, int64_t len) {
  pq_fetch f;
  pq_slice body;
  int rc;
  pq_fetch_init(&f, &p->copy->cx);
  rc = pq_fetch_read(&f, key, 0, (uint64_t)len, &body);
  if (rc == PQ_NEED_IO) {
    pq_driver_run(w->store.reader, &f);
    rc = pq_fetch_read(&f, key, 0, (uint64_t)len, &body);
  }
  if (rc == PQ_ENOTFOUND && sim_may_name_gone(w, p))
    p->copy->is_missed = true;
  else if (rc != PQ_OK)
    sim_fail(w, p, "the backup names %s: %s", key, p->copy->cx.msg);
  else if (put(p->copy, key, body) != PQ_OK)
    sim_fail(w, p, "the backup names %s twice", key);
  pq_fetch_release(&f);
}

static int64_t number(pq_value object, const char *name) {
  int64_t n = 0;
  (void)pq_value_i64(pq_object_get_str(object, name), &n);
  return n;
}

static void keep_batch(sim_copy *c, pq_value item) {
  pq_hot_batch *b = &c->batches[c->batch_count];
  pq_slice body = {0};
  if (c->batch_count++ == BATCHES_MAX) sim_die("a backup of too many batches");
  (void)pq_value_binary(pq_object_get_str(item, "body"), &body);
  *b = (pq_hot_batch){.seq_lo = (uint64_t)number(item, "batch"),
                      .seq_hi = (uint64_t)number(item, "last")};
  if (pq_arena_copy(&c->arena, body, &b->body) != PQ_OK) sim_die("out of memory");
}

void sim_copy_take(sim_world *w, sim_session *p, pq_value item) {
  pq_slice name, body;
  char *key;
  if (p->copy == NULL) p->copy = copy_new(w);
  if (!pq_value_string(pq_object_get_str(item, "object"), &name)) {
    keep_batch(p->copy, item);
    return;
  }
  key = pq_arena_str(&p->copy->arena, name);
  if (key == NULL) sim_die("out of memory");
  if (!pq_value_binary(pq_object_get_str(item, "body"), &body))
    copy_object(w, p, key, number(item, "length"));
  else if (put(p->copy, key, body) != PQ_OK)
    sim_fail(w, p, "the backup puts %s: %s", key, p->copy->cx.msg);
}

/* ---- its hot tier ---- */

static void hot(sim_copy *c, const pq_hot_request *q, pq_hot_state *state) {
  pq_buf body;
  pq_slice reply;
  int rc;
  pq_buf_init(&body, &c->cx, SIZE_MAX / 2);
  if (pq_hot_put_request(&body, q) != PQ_OK) sim_die("out of memory");
  pq_fetch_clear(&c->fetch);
  rc = pq_fetch_hot(&c->fetch, "default", pq_buf_slice(&body), &reply);
  pq_driver_run(c->driver, &c->fetch);
  if (rc == PQ_NEED_IO) rc = pq_fetch_hot(&c->fetch, "default", pq_buf_slice(&body), &reply);
  if (rc == PQ_OK && q->op == PQ_HOT_OPEN) rc = pq_hot_parse_state(&c->arena, reply, state);
  if (rc != PQ_OK) sim_die("the hot tier of a copy: %s", c->cx.msg);
  pq_buf_release(&body);
}

static void put_boundary(sim_copy *c, uint64_t entry) {
  pq_buf text;
  pq_buf_init(&text, &c->cx, PQ_BOUNDARY_LEN_MAX);
  if (pq_boundary_print(entry, &text) != PQ_OK || put(c, "default/boundary", pq_buf_slice(&text)))
    sim_die("the boundary of a copy: %s", c->cx.msg);
  pq_buf_release(&text);
}

/* As port/backup.c does it. */
static void finish(sim_copy *c, pq_value summary) {
  uint64_t flushed = (uint64_t)number(summary, "flushedSeq"), entry;
  pq_hot_request open = {.op = PQ_HOT_OPEN, .epoch = (uint64_t)number(summary, "epoch") + 1};
  pq_hot_request trim = {.op = PQ_HOT_TRIM, .seq_hi = flushed};
  pq_hot_request append = {.op = PQ_HOT_APPEND, .batches = c->batches};
  pq_hot_state state = {0};
  entry = (uint64_t)number(summary, "entry");
  if (entry > 0) put_boundary(c, entry + 1);
  hot(c, &open, &state);
  trim.ts_hi = number(summary, "flushedTs");
  trim.epoch = append.epoch = state.epoch;
  append.batch_count = c->batch_count;
  if (flushed > 0) hot(c, &trim, &state);
  if (append.batch_count > 0) hot(c, &append, &state);
}

/* ---- its answers ---- */

/* Run a command on the copy: its items, as lines. */
static int run(sim_copy *c, pq_db *db, pq_slice text, int64_t now_us, sim_text *items) {
  pq_command *command = NULL;
  pq_value item;
  pq_buf line;
  int rc = pq_command_open(db, PQ_SLICE("default"), text, (pq_slice){0}, now_us, &command);
  pq_buf_init(&line, &c->cx, SIZE_MAX / 2);
  sim_text_clear(items);
  while (rc >= 0 && !pq_command_is_done(command)) {
    rc = pq_command_step(command, now_us);
    if (rc == PQ_NEED_IO) pq_driver_run(c->driver, pq_command_fetch(command));
    while (rc == PQ_OK && pq_command_next(command, &item)) {
      pq_buf_clear(&line);
      if (pq_json_print(&line, item, PQ_JSON_RELAXED) != PQ_OK) sim_die("out of memory");
      sim_put_bytes(items, line.p, line.len);
      sim_put_bytes(items, "\n", 1);
    }
  }
  pq_buf_release(&line);
  pq_command_close(command);
  return rc;
}

static void ask(sim_world *w, sim_session *p, pq_db *db, const sim_op *op, uint32_t seq) {
  sim_copy *c = p->copy;
  sim_session asker = {.engine = p->engine, .op = *op};
  int rc;
  if (w->has_failed) return;
  sim_command_text(&asker);
  rc = run(c, db, sim_text_slice(&asker.text), w->now_us, &asker.items);
  sim_model_read(&w->model, op, seq, 0, &w->expected);
  sim_text_sort(&asker.items, 0);
  sim_text_sort(&w->expected.items, 0);
  if (rc < 0)
    sim_fail(w, p, "its copy: %.*s: %s", (int)asker.text.len, asker.text.p, c->cx.msg);
  else if (!pq_slice_eq(sim_text_slice(&asker.items), sim_text_slice(&w->expected.items)))
    sim_fail(w, p, "its copy: %.*s\nexpected\n%.*sgot\n%.*s", (int)asker.text.len, asker.text.p,
             (int)w->expected.items.len, w->expected.items.len > 0 ? w->expected.items.p : "",
             (int)asker.items.len, asker.items.len > 0 ? asker.items.p : "");
  sim_text_release(&asker.text);
  sim_text_release(&asker.payload);
  sim_text_release(&asker.items);
}

static void ask_all(sim_world *w, sim_session *p, pq_db *db, uint32_t seq) {
  uint32_t past = w->floor < seq ? w->floor + sim_below(&w->random, seq - w->floor + 1) : seq;
  for (uint32_t i = 0; i < SIM_COLLECTIONS; i++)
    ask(w, p, db, &(sim_op){.kind = SIM_FIND, .collection = i, .includes_deleted = true}, seq);
  for (uint32_t i = 0; i < SIM_PREDICATES; i++)
    ask(w, p, db,
        &(sim_op){.kind = SIM_RELATED,
                  .entity = sim_below(&w->random, SIM_ENTITIES),
                  .is_edges = true,
                  .count = 1,
                  .edges = {{.predicate = i}}},
        seq);
  ask(w, p, db, &(sim_op){.kind = SIM_FIND, .instant = 's', .as_of_seq = past}, past);
  ask(w, p, db, &(sim_op){.kind = SIM_VERIFY}, seq);
}

void sim_copy_check(sim_world *w, sim_session *p, pq_value summary) {
  static const uint8_t seed[16] = {1};
  int64_t seq = sim_seq_of(summary);
  uint32_t lo, hi;
  sim_copy *c = p->copy;
  pq_db db;
  sim_read_range(w, p, &lo, &hi);
  if (seq < lo || seq > hi)
    sim_fail(w, p, "as of seq %lld, expected %u to %u", (long long)seq, (unsigned)lo, (unsigned)hi);
  if (c == NULL || c->is_missed || w->has_failed) return;
  finish(c, summary);
  pq_cx_init(&c->cx, NULL, NULL);
  if (pq_db_init(&db, &c->cx, sim_chance(&w->random, 300), 0, seed) != PQ_OK)
    sim_die("out of memory");
  ask_all(w, p, &db, (uint32_t)seq);
  pq_db_release(&db);
}
