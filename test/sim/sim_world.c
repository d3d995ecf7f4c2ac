/* test/sim/sim_world.c - one run: what a seed turns on, the ticks, the end. See sim_world.h. */
#include "sim_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* ---- telling ---- */

void sim_note(sim_world *w, const sim_session *p, const char *what, uint64_t number,
              pq_slice text) {
  uint32_t who = p == NULL ? 99 : p->number;
  w->trace = pq_hash(pq_str(what), pq_hash(text, w->trace * 31 + number * 7 + who));
  if (!w->is_verbose) return;
  printf("%6llu  %u %-12s %6lld %.*s%s", (unsigned long long)w->tick, (unsigned)who, what,
         (long long)number, (int)text.n, text.n > 0 ? (const char *)text.p : "",
         text.n > 0 && text.p[text.n - 1] == '\n' ? "" : "\n");
}

void sim_fail(sim_world *w, const sim_session *p, const char *format, ...) {
  va_list args;
  if (w->has_failed) return;
  w->has_failed = true;
  if (w->is_quiet) return;
  fflush(stdout);
  fprintf(stderr, "sim: seed %llu, tick %llu", (unsigned long long)w->seed,
          (unsigned long long)w->tick);
  if (p != NULL)
    fprintf(stderr, ", process %u%s (%s): %.*s", (unsigned)p->number,
            p->engine->is_superseded ? ", superseded" : "",
            p->engine->is_writer ? "writer" : "reader", (int)p->text.len,
            p->text.len > 0 ? p->text.p : "");
  fprintf(stderr, "\n  ");
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n  again with its trace: sim trace %llu\n", (unsigned long long)w->seed);
}

/* ---- what the log says ---- */

/* The number behind a name in the text of an entry, 0: it is not there. */
static uint64_t number_in(pq_slice text, const char *name) {
  size_t n = strlen(name);
  for (size_t i = 0; i + n < text.n; i++) {
    uint64_t number = 0;
    if (memcmp(text.p + i, name, n) != 0) continue;
    for (i += n; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
      number = number * 10 + (uint64_t)(text.p[i] - '0');
    return number;
  }
  return 0;
}

/* Nothing younger than the retention may be dropped; the store's clock counts. */
static void raise_floor(sim_world *w, uint32_t floor) {
  const sim_event *last = &w->model.events[floor - 1];
  if (floor < w->floor) sim_fail(w, NULL, "history begins earlier than before");
  if (floor > w->floor && w->age_min_us > w->store_us - last->stored_us)
    sim_fail(w, NULL, "history up to %u was dropped, which is too young", (unsigned)floor);
  w->floor = floor;
}

/* An entry is in the log, unless it came so late that a collector had been there. It says up to
 * which event the files hold all, which a power cut cannot take, and where history begins. */
static void look_at_object(void *ud, const pq_io_req *r) {
  sim_world *w = ud;
  pq_slice text = {r->buf, r->len};
  const char *at = strstr(r->key, "/log/");
  uint64_t entry = at == NULL ? 0 : number_in(pq_str(at), "/log/");
  uint64_t synced = number_in(text, "\"seqHi\":"), floor = number_in(text, "\"history\":{\"seq\":");
  if (entry <= w->entry || w->has_failed) return;
  w->entry = entry;
  if (synced > w->model.count || floor > w->model.count) {
    sim_fail(w, NULL, "entry %llu is of events that are not there", (unsigned long long)entry);
    return;
  }
  if (synced > w->seq_synced && w->durability > 0) w->seq_synced = (uint32_t)synced;
  if (floor > 0) raise_floor(w, (uint32_t)floor);
}

/* ---- the beginning ---- */

static void choose_faults(sim_world *w) {
  sim_random *r = &w->random;
  for (int i = 0; i < SIM_FAULTS; i++)
    w->store.is_on[i] = sim_chance(r, 500);
  w->store.per_mille = 5 + sim_below(r, 60);
  w->locals = 2 + sim_below(r, SIM_LOCALS - 1);
  w->crash_per_mille = sim_chance(r, 150)   ? 0
                       : sim_chance(r, 300) ? 2 + sim_below(r, 8)
                                            : 10 + sim_below(r, 60);
  w->flush_per_mille = 20 + sim_below(r, 200);
  w->tail_len_max = sim_chance(r, 250) ? 4000 + sim_below(r, 20000) : 0;
  w->txn_per_mille = sim_chance(r, 500) ? 0 : 20 + sim_below(r, 80);
  w->works_events = sim_chance(r, 500) ? 1 + sim_below(r, 30) : 0;
  w->engine_count = 1 + sim_below(r, 4);
  w->session_count = sim_chance(r, 500) ? 1 : 1 + sim_below(r, SIM_SESSIONS);
  w->bulk = sim_chance(r, 400) ? 1 + sim_below(r, 3) : 0;
  w->has_schema = sim_chance(r, 300);
  w->has_retention = sim_chance(r, 300);
  /* No draw, and no kept seed: other worlds are as they were. */
  w->has_catalog = !w->has_schema && (0x31 >> w->seed % 9 & 1) != 0;
  if (w->store.is_on[SIM_POWER_CUT]) w->durability = sim_below(r, 3);
  /* A write that lands after a power cut could name events that the cut took. A disk has no such
   * writes, and an object store's hot tier is synced. */
  if (w->durability != 0) w->store.is_on[SIM_PUT_LATE] = w->store.is_on[SIM_CRASH_PUTS] = false;
}

/* What is left out of the seed's world, to see whether it matters. */
static void leave_out(sim_world *w, uint32_t off) {
  for (int i = 0; i < SIM_FAULTS; i++)
    if (off >> i & 1) w->store.is_on[i] = false;
  if (off & SIM_OFF_CRASHES) w->crash_per_mille = 0;
  if (off & SIM_OFF_TXNS) w->txn_per_mille = 0;
  if (off & SIM_OFF_PROCESSES) w->engine_count = 1;
  if (off & SIM_OFF_CALLERS) w->session_count = 1;
  if (off & SIM_OFF_WORKS) w->works_events = 0;
  if (off & SIM_OFF_BULK) w->bulk = 0;
  if (off & SIM_OFF_SCHEMA) w->has_schema = false;
  if (off & SIM_OFF_CATALOG) w->has_catalog = false;
  if (off & SIM_OFF_RETENTION) w->has_retention = false;
  w->has_no_copies = (off & SIM_OFF_COPIES) != 0;
}

/* Processes: 0 is the writer, 1 its rival in some worlds, the others read. */
static bool is_writer(const sim_world *w, uint32_t number) {
  return number == 0 || (number == 1 && w->may_rival);
}

static void start(sim_world *w, uint64_t seed, const sim_options *options) {
  *w = (sim_world){.seed = seed,
                   .now_us = SIM_EPOCH_US,
                   .age_min_us = INT64_MAX,
                   .is_verbose = options->is_verbose,
                   .is_quiet = options->is_quiet};
  w->random.state = seed * 0x2545f4914f6cdd1du + 1;
  sim_store_init(&w->store, &w->random);
  w->store.stored = look_at_object;
  w->store.ud = w;
  choose_faults(w);
  leave_out(w, options->off);
  w->may_rival = w->engine_count > 1 && sim_chance(&w->random, 450);
  for (uint32_t i = 0; i < SIM_ENGINES; i++) {
    sim_engine *e = &w->engines[i];
    e->number = i;
    e->session_count = 1;
    for (uint32_t j = 0; j < SIM_SESSIONS; j++)
      e->sessions[j] = (sim_session){.number = i * 10 + j, .engine = e};
  }
}

/* ---- the ticks ---- */

static void open_engine(sim_world *w, sim_engine *e) {
  bool is_one = is_writer(w, e->number);
  for (uint32_t i = 0; is_one && i < w->engine_count; i++)
    if (w->engines[i].is_open && w->engines[i].is_writer) w->has_rivals = true;
  sim_engine_open(w, e, is_one);
}

/* Documents that are over are those of one moment. */
static bool is_expiring(const sim_world *w) {
  for (uint32_t i = 0; i < SIM_ENGINES; i++)
    for (uint32_t j = 0; j < SIM_SESSIONS; j++) {
      const sim_session *p = &w->engines[i].sessions[j];
      if (p->command != NULL && p->op.kind == SIM_EXPIRE) return true;
    }
  return false;
}

static void move_clock(sim_world *w) {
  sim_random *r = &w->random;
  if (is_expiring(w)) return;
  if (sim_chance(r, 600)) w->now_us += (int64_t)sim_below(r, 4) * 1000;
  if (sim_chance(r, 4)) w->now_us += 43200000000; /* event files are per day */
  if (sim_chance(r, 4) && w->store.is_on[SIM_CLOCK])
    w->now_us -= (int64_t)sim_below(r, 86400) * 1000000;
  if (w->now_us > w->store_us) w->store_us = w->now_us;
  pq_memory_store_set_clock(w->store.memory, w->store_us, false);
}

/* A rival opens seldom, as each time one of the two is fenced; more often while the other stalls.
 */
static void tick_closed(sim_world *w, sim_engine *e) {
  uint32_t per_mille = w->is_stalled ? 500 : 60;
  if (e->number == 1 && w->may_rival && !sim_chance(&w->random, per_mille)) return;
  open_engine(w, e);
}

/* Does a collector stop in the middle of its work? Mostly where it has not looked around yet. */
static bool stalls(sim_world *w, sim_session *p) {
  bool is_collecting = p->command != NULL && p->op.kind == SIM_VACUUM;
  if (!is_collecting || !w->store.is_on[SIM_STALL]) return false;
  return sim_chance(&w->random, p->turns++ == 0 ? 400 : 30);
}

static void tick_session(sim_world *w, sim_session *p) {
  sim_random *r = &w->random;
  bool must_end = p->engine->is_fenced || sim_chance(r, 3);
  if (p->sleep > 0) {
    p->sleep--;
    if (p->sleep == 0) w->is_stalled = false;
  } else if (sim_chance(r, 10) && w->store.is_on[SIM_SLEEP]) {
    p->sleep = 1 + sim_below(r, 60);
  } else if (stalls(w, p)) {
    p->sleep = 10 + sim_below(r, 80);
    w->is_stalled = true;
  } else if (p->command != NULL) {
    sim_session_go_on(w, p, false);
  } else if (must_end && sim_engine_is_idle(p->engine)) {
    sim_engine_close(w, p->engine);
  } else {
    sim_command_choose(w, p);
    sim_session_start(w, p);
  }
}

static void tick_engine(sim_world *w, sim_engine *e) {
  if (!e->is_open)
    tick_closed(w, e);
  else if (sim_chance(&w->random, w->is_stalled ? w->crash_per_mille / 8 : w->crash_per_mille))
    sim_engine_crash(w, e);
  else
    tick_session(w, &e->sessions[sim_below(&w->random, e->session_count)]);
}

/* Whose turn it is: half of the time the writer's. */
static uint32_t turn(sim_world *w) {
  uint32_t n = sim_below(&w->random, 2 * w->engine_count);
  return n < w->engine_count ? n : 0;
}

static void take_tick(sim_world *w) {
  move_clock(w);
  if (w->store.late_count > 0 && sim_chance(&w->random, 100))
    sim_store_land(&w->store, sim_below(&w->random, w->store.late_count), true);
  if (sim_chance(&w->random, 4) && w->store.is_on[SIM_POWER_CUT])
    sim_power_cut(w);
  else
    tick_engine(w, &w->engines[turn(w)]);
}

/* ---- the end: no more faults, everything is there ---- */

static void ask(sim_world *w, sim_session *p, sim_op op) {
  if (w->has_failed) return;
  p->op = op;
  sim_command_text(p);
  sim_session_run(w, p);
}

/* Every entity with its past and its edges. */
static void ask_everything(sim_world *w, sim_session *p) {
  for (uint32_t c = 0; c < SIM_COLLECTIONS; c++)
    ask(w, p, (sim_op){.kind = SIM_FIND, .collection = c, .includes_deleted = true});
  for (uint32_t c = 0; c < SIM_COLLECTIONS && w->has_catalog; c++)
    ask(w, p, (sim_op){.kind = SIM_RECORD, .collection = c});
  for (uint32_t i = 0; i < SIM_ENTITIES; i++) {
    if (i % SIM_LOCALS >= w->locals) continue;
    ask(w, p, (sim_op){.kind = SIM_HISTORY, .entity = i});
    for (uint32_t j = 0; j < 2 * SIM_PREDICATES; j++)
      ask(w, p,
          (sim_op){.kind = SIM_RELATED,
                   .entity = i,
                   .is_edges = true,
                   .count = 1,
                   .edges = {{.predicate = j / 2}},
                   .is_reverse = {j % 2 == 1}});
  }
  for (uint32_t i = 0; i < 6; i++)
    ask(w, p,
        (sim_op){.kind = SIM_FIND,
                 .collection = i % SIM_COLLECTIONS,
                 .instant = 's',
                 .as_of_seq = sim_below(&w->random, w->model.count + 1)});
  ask(w, p, (sim_op){.kind = SIM_VERIFY});
}

static void end(sim_world *w) {
  sim_engine *e = &w->engines[SIM_ENGINES - 1];
  sim_session *p = &e->sessions[0];
  memset(w->store.is_on, 0, sizeof w->store.is_on);
  for (uint32_t i = 0; i < SIM_ENGINES; i++)
    if (w->engines[i].is_open) sim_engine_crash(w, &w->engines[i]);
  while (w->store.late_count > 0)
    sim_store_land(&w->store, 0, sim_chance(&w->random, 500));
  if (w->has_failed) return;
  w->session_count = 1;
  sim_engine_open(w, e, true);
  ask_everything(w, p);
  if (sim_chance(&w->random, 300)) {
    ask(w, p, (sim_op){.kind = SIM_COMPACT, .collection = SIM_COLLECTIONS});
    ask_everything(w, p);
  }
  if (p->command == NULL) sim_engine_close(w, e);
}

static void release(sim_world *w) {
  for (uint32_t i = 0; i < SIM_ENGINES; i++) {
    sim_engine *e = &w->engines[i];
    if (e->is_open) sim_engine_crash(w, e); /* after a failure */
    for (uint32_t j = 0; j < SIM_SESSIONS; j++) {
      naive_query_release(&e->sessions[j].question);
      sim_text_release(&e->sessions[j].text);
      sim_text_release(&e->sessions[j].payload);
      sim_text_release(&e->sessions[j].page_token);
      sim_text_release(&e->sessions[j].tail_cursor);
      sim_text_release(&e->sessions[j].items);
      sim_answer_release(&e->sessions[j].answer);
    }
  }
  sim_answer_release(&w->expected);
  sim_model_release(&w->scratch);
  sim_model_release(&w->model);
  sim_store_release(&w->store);
}

void sim_run(uint64_t seed, const sim_options *options, sim_result *out) {
  static sim_world world;
  sim_world *w = &world;
  uint32_t ticks = options->ticks > 0 ? options->ticks : SIM_TICKS;
  start(w, seed, options);
  for (w->tick = 1; w->tick <= ticks && !w->has_failed; w->tick++)
    take_tick(w);
  end(w);
  *out = (sim_result){.is_right = !w->has_failed,
                      .trace = w->trace,
                      .ticks = w->tick - 1,
                      .crashes = w->crashes,
                      .commands = w->commands,
                      .events = w->model.count,
                      .unclear = w->unclear,
                      .bulks = w->bulks};
  release(w);
}
