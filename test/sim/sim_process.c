/* test/sim/sim_process.c - an engine, its command and the requests of it. See sim_world.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_world.h"
#include "value/json.h"

enum { ROUNDS_MAX = 100000, WAITS_MAX = 20, TXN_AGE_US = 300000000 };

static void *count_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  sim_engine *p = ud;
  p->live_len += (int64_t)new_size - (int64_t)old_size;
  if (new_size > 0) return sim_grow(ptr, new_size);
  free(ptr);
  return NULL;
}

void sim_engine_open(sim_world *w, sim_engine *e, bool is_writer) {
  uint8_t seed[16];
  pq_wr64(seed, sim_random_next(&w->random));
  pq_wr64(seed + 8, sim_random_next(&w->random));
  e->is_open = true;
  e->is_writer = is_writer;
  e->is_superseded = e->is_fenced = false;
  e->seq_known = 0;
  e->live_len = 0;
  e->clock_shift = 0;
  e->session_count = w->session_count;
  if (w->store.is_on[SIM_CLOCK])
    e->clock_shift = ((int64_t)sim_below(&w->random, 5) - 2) * 43200000000;
  pq_cx_init(&e->cx, count_alloc, e);
  if (w->tail_len_max > 0) e->cx.limits.tail_len_max = w->tail_len_max;
  if (pq_db_init(&e->db, &e->cx, is_writer, w->durability, seed) != PQ_OK) sim_die("out of memory");
  e->db.steps_all = true;
  e->db.thresholds.bulk = w->bulk;
  e->db.thresholds.segment_edges = 1 + (uint32_t)w->works_events % 4;
  if (w->works_events > 0) {
    e->db.thresholds.flush_events = w->works_events;
    e->db.thresholds.files = 2 + (uint32_t)w->works_events % 3;
  }
  sim_note(w, &e->sessions[0], is_writer ? "open writer" : "open reader", 0, (pq_slice){0});
}

bool sim_engine_is_idle(const sim_engine *e) {
  for (uint32_t i = 0; i < e->session_count; i++)
    if (e->sessions[i].command != NULL) return false;
  return true;
}

static void release(sim_world *w, sim_engine *e) {
  for (uint32_t i = 0; i < e->session_count; i++) {
    sim_session *p = &e->sessions[i];
    pq_command_close(p->command);
    sim_copy_free(p);
    p->command = NULL;
    p->txn.number = 0;
    if (p->sleep > 0) w->is_stalled = false;
    p->sleep = 0;
  }
  pq_db_release(&e->db);
  e->is_open = false;
  if (e->live_len != 0) sim_fail(w, &e->sessions[0], "%lld bytes leaked", (long long)e->live_len);
}

void sim_engine_close(sim_world *w, sim_engine *e) {
  pq_assert(sim_engine_is_idle(e));
  sim_note(w, &e->sessions[0], "close", 0, (pq_slice){0});
  release(w, e);
}

/* ---- requests ---- */

static pq_driver *driver_of(sim_world *w, const sim_session *p) {
  return p->engine->is_writer ? w->store.writer : w->store.reader;
}

/* doc/formats/hot.md, Durability. A read is no commit. */
static bool is_synced(const sim_world *w, const pq_io_req *r) {
  if (r->len == 0 || r->buf[0] == PQ_HOT_READ) return false;
  return r->buf[0] == PQ_HOT_OPEN || (r->buf[0] == PQ_HOT_APPEND && w->durability == 0);
}

/* The hot tier took the call: who writes now, and what. */
static void hot_done(sim_world *w, sim_session *p, const pq_io_req *r) {
  pq_arena arena;
  pq_hot_request q;
  pq_arena_init(&arena, &w->store.cx, SIZE_MAX / 2);
  if (pq_hot_parse_request(&arena, (pq_slice){r->buf, r->len}, &q) != PQ_OK)
    sim_die("a hot-tier call that cannot be read");
  if (q.op == PQ_HOT_OPEN) {
    for (uint32_t i = 0; i < SIM_ENGINES; i++)
      w->engines[i].is_superseded = &w->engines[i] != p->engine;
  }
  if (q.op == PQ_HOT_APPEND) sim_check_append(w, p, &q);
  if (is_synced(w, r) && !p->is_probe) w->seq_synced = w->model.count;
  pq_arena_release(&arena);
}

static bool is_hot_write(const pq_io_req *r) {
  return r->len > 0 && r->buf[0] != PQ_HOT_READ;
}

static void serve_hot(sim_world *w, sim_session *p, pq_fetch *f, const pq_io_req *r) {
  sim_store *s = &w->store;
  sim_fault lost = is_hot_write(r) ? SIM_HOT_LOST : SIM_READ_FAILS;
  bool is_unheard = false;
  pq_slice reply;
  int rc;
  if (sim_store_strikes(s, lost)) {
    pq_fetch_done(f, r->id, PQ_EIO, (pq_slice){0}, "the hot tier does not answer");
    return;
  }
  if (is_hot_write(r)) is_unheard = sim_store_strikes(s, SIM_HOT_UNHEARD);
  rc = sim_store_hot(s, driver_of(w, p), r, is_synced(w, r), &reply);
  if (rc == PQ_OK && is_hot_write(r)) hot_done(w, p, r);
  if (is_unheard)
    pq_fetch_done(f, r->id, PQ_EIO, (pq_slice){0}, "the hot tier's reply was lost");
  else
    pq_fetch_done(f, r->id, rc, reply, rc == PQ_OK ? NULL : s->cx.msg);
}

static void serve(sim_world *w, sim_session *p, pq_fetch *f, const pq_io_req *r) {
  static const char *const names[] = {"",    "read",    "get",  "list", "put", "delete",
                                      "hot", "replace", "stat", "part", "end"};
  static const char *const hot_names[] = {"hot", "hot open", "hot read", "hot append", "hot trim"};
  uint64_t before;
  sim_note(w, p, r->kind == PQ_IO_HOT ? hot_names[r->buf[0] % 5] : names[r->kind],
           r->kind == PQ_IO_READ ? r->off
           : r->buf != NULL      ? r->len
                                 : 0,
           pq_str(r->key));
  before = w->store.injected;
  switch (r->kind) {
    case PQ_IO_READ:
    case PQ_IO_GET:
    case PQ_IO_LIST:
    case PQ_IO_STAT: sim_store_read(&w->store, f, r); break;
    case PQ_IO_PUT_NEW:
    case PQ_IO_PUT_IF:
    case PQ_IO_PUT_PART:
    case PQ_IO_PUT_END:
    case PQ_IO_DELETE: sim_store_write(&w->store, driver_of(w, p), f, r); break;
    case PQ_IO_HOT: serve_hot(w, p, f, r); break;
  }
  p->engine->faults += w->store.injected - before;
}

/* Nobody of the process waits in vain so far. */
static void went_on(sim_engine *e) {
  for (uint32_t i = 0; i < e->session_count; i++)
    e->sessions[i].waits = 0;
}

/* Answer the pending requests: all, or one, or some; never none. */
static void serve_some(sim_world *w, sim_session *p, bool is_all) {
  pq_fetch *f = pq_command_fetch(p->command);
  bool is_slow = !is_all && w->store.is_on[SIM_SLOW] && sim_chance(&w->random, 500);
  uint32_t left = f->unfinished;
  pq_io_req r;
  if (left == 0) return; /* it waits for another command */
  went_on(p->engine);
  if (is_slow) left = 1 + sim_below(&w->random, left);
  for (; left > 0 && f->unfinished > 0; left--) {
    uint32_t nth = is_all ? 0 : sim_below(&w->random, f->unfinished);
    if (!pq_fetch_take_nth(f, nth, &r)) sim_die("a request that cannot be taken");
    serve(w, p, f, &r);
  }
}

/* ---- commands ---- */

static void take_items(sim_world *w, sim_session *p) {
  pq_value item;
  pq_buf line;
  pq_buf_init(&line, &p->engine->cx, SIZE_MAX / 2);
  while (pq_command_next(p->command, &item)) {
    pq_buf_clear(&line);
    if (p->op.kind == SIM_BACKUP) sim_copy_take(w, p, item);
    if (p->op.kind == SIM_BACKUP) continue;
    if (pq_json_print(&line, item, PQ_JSON_RELAXED) != PQ_OK) sim_die("%s", p->engine->cx.msg);
    sim_put_bytes(&p->items, line.p, line.len);
    sim_put_bytes(&p->items, "\n", 1);
  }
  pq_buf_release(&line);
}

static void finish(sim_world *w, sim_session *p, int rc) {
  pq_value summary = {0};
  if (rc == PQ_OK) summary = pq_command_summary(p->command);
  sim_note(w, p, "reply", (uint64_t)(int64_t)rc, sim_text_slice(&p->items));
  if (rc < 0 && w->is_verbose) printf("      %s\n", p->engine->cx.msg);
  sim_check_reply(w, p, rc, summary);
  sim_copy_free(p);
  pq_command_close(p->command);
  p->command = NULL;
}

/* The time of a step; transactions of the process may be too old by it. */
static void look_at_clock(const sim_world *w, sim_session *p) {
  sim_engine *e = p->engine;
  p->step_us = w->now_us + e->clock_shift;
  if (p->step_us < p->least_us) p->least_us = p->step_us;
  for (uint32_t i = 0; i < e->session_count; i++)
    if (p->step_us - e->sessions[i].txn.begun_us > TXN_AGE_US) e->sessions[i].txn.is_old = true;
}

bool sim_txn_has_aged(const sim_session *p, int rc) {
  bool is_gone = rc == PQ_EINVALID &&
                 strstr(p->engine->cx.msg, "there is no open transaction") == p->engine->cx.msg;
  return p->txn.is_old && (rc == PQ_ETIMEOUT || is_gone);
}

/* A command goes on, or waits for another one of its process, of which one must go on. One that
 * sleeps will. */
static void check_wait(sim_world *w, sim_session *p, bool waits) {
  sim_engine *e = p->engine;
  bool has_other = false;
  if (!waits) went_on(e);
  p->waits += waits;
  for (uint32_t i = 0; i < e->session_count; i++) {
    const sim_session *s = &e->sessions[i];
    has_other = has_other || (s->command != NULL && (s->waits < WAITS_MAX || s->sleep > 0));
  }
  if (waits && !has_other) sim_fail(w, p, "waits, and so does every other command of its process");
}

static void step(sim_world *w, sim_session *p) {
  int rc;
  look_at_clock(w, p);
  p->engine->cx.msg[0] = '\0';
  do {
    rc = pq_command_step(p->command, p->step_us);
    check_wait(w, p, rc == PQ_OK && pq_command_is_waiting(p->command));
    if (p->waits > 0) return;
    if (rc == PQ_OK) take_items(w, p);
  } while (rc == PQ_OK && !pq_command_is_done(p->command));
  if (rc != PQ_NEED_IO) finish(w, p, rc);
}

uint32_t sim_seq_to_see(const sim_world *w, const sim_session *p) {
  const sim_engine *e = p->engine;
  return e->is_writer && (e->is_superseded || e->session_count > 1) ? e->seq_known : w->model.count;
}

void sim_session_forget(sim_session *p) {
  sim_text_clear(&p->page_token);
  sim_text_clear(&p->tail_cursor);
}

/* Where history begins, as far as the process must know. Of several callers of a writer one may
 * have put the entry that raises it and not have been answered: the others do not know of it yet.
 */
static uint32_t floor_to_know(const sim_world *w, const sim_engine *e) {
  uint64_t known;
  if (!e->is_writer || e->session_count < 2 || e->db.space_count == 0) return w->floor;
  known = e->db.spaces[0]->manifest.history.seq;
  return known < w->floor ? (uint32_t)known : w->floor;
}

void sim_session_start(sim_world *w, sim_session *p) {
  int rc;
  w->commands++;
  p->faults = p->engine->faults;
  p->deletes = w->store.deletes;
  p->floor_start = floor_to_know(w, p->engine);
  p->seq_start = sim_seq_to_see(w, p);
  p->commits = p->turns = p->waits = 0;
  sim_text_clear(&p->items);
  sim_note(w, p, "command", p->op.kind, sim_text_slice(&p->text));
  if (p->payload.len > 0) sim_note(w, p, "lines", 0, sim_text_slice(&p->payload));
  p->least_us = INT64_MAX;
  look_at_clock(w, p);
  p->op.now_us = p->step_us;
  rc = pq_command_open(&p->engine->db, PQ_SLICE("default"), sim_text_slice(&p->text),
                       sim_text_slice(&p->payload), p->step_us, &p->command);
  if (rc == PQ_OK)
    step(w, p);
  else if (sim_txn_has_aged(p, rc))
    p->txn = (sim_txn){0}; /* it was aborted for its age */
  else
    sim_fail(w, p, "%s: the command is refused: %s", pq_status_name(rc), p->engine->cx.msg);
}

void sim_session_go_on(sim_world *w, sim_session *p, bool is_all) {
  serve_some(w, p, is_all);
  step(w, p);
}

void sim_session_run(sim_world *w, sim_session *p) {
  uint32_t rounds = 0;
  sim_session_start(w, p);
  while (p->command != NULL && !w->has_failed) {
    if (++rounds > ROUNDS_MAX) sim_fail(w, p, "does not end");
    sim_session_go_on(w, p, true);
  }
}

/* What becomes of the requests of a command whose process dies. */
static void orphan(sim_world *w, sim_session *p) {
  pq_fetch *f = pq_command_fetch(p->command);
  pq_io_req r;
  while (f->unfinished > 0 && pq_fetch_take_nth(f, sim_below(&w->random, f->unfinished), &r)) {
    pq_slice reply;
    if (r.kind == PQ_IO_PUT_NEW || r.kind == PQ_IO_PUT_IF || r.kind == PQ_IO_DELETE ||
        r.kind == PQ_IO_PUT_PART || r.kind == PQ_IO_PUT_END)
      sim_store_orphan(&w->store, &r);
    if (r.kind == PQ_IO_HOT && is_hot_write(&r) && sim_chance(&w->random, 500) &&
        sim_store_hot(&w->store, driver_of(w, p), &r, is_synced(w, &r), &reply) == PQ_OK)
      hot_done(w, p, &r);
    pq_fetch_done(f, r.id, PQ_EIO, (pq_slice){0}, NULL);
  }
}

void sim_engine_crash(sim_world *w, sim_engine *e) {
  sim_note(w, &e->sessions[0], "crash", 0, (pq_slice){0});
  w->crashes++;
  for (uint32_t i = 0; i < e->session_count; i++)
    if (e->sessions[i].command != NULL) orphan(w, &e->sessions[i]);
  release(w, e);
}

void sim_power_cut(sim_world *w) {
  sim_engine *e = &w->engines[SIM_ENGINES - 1];
  sim_session *p = &e->sessions[0];
  bool was_on[SIM_FAULTS];
  for (uint32_t i = 0; i < SIM_ENGINES; i++)
    if (w->engines[i].is_open) sim_engine_crash(w, &w->engines[i]);
  sim_note(w, NULL, "power cut", 0, (pq_slice){0});
  sim_store_cut_power(&w->store);
  memcpy(was_on, w->store.is_on, sizeof was_on);
  memset(w->store.is_on, 0, sizeof was_on);
  sim_engine_open(w, e, true);
  p->is_probe = true;
  p->op = (sim_op){.kind = SIM_COUNT};
  sim_command_text(p);
  sim_session_run(w, p);
  for (uint32_t i = 0; i < SIM_ENGINES; i++)
    for (uint32_t j = 0; j < SIM_SESSIONS; j++)
      sim_session_forget(&w->engines[i].sessions[j]);
  memcpy(w->store.is_on, was_on, sizeof was_on);
  if (w->has_failed) return;
  w->seq_synced = w->model.count; /* its opening was synced */
  sim_engine_close(w, e);
}
