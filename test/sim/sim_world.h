/* test/sim/sim_world.h - one simulated run: processes, their commands, crashes, one thread.
 *
 *   seed ─► world ── store (faults) ── clock ── model
 *             ├─ writer        one command each at a time; its requests are answered one by one,
 *             ├─ rival          in any order, between those of the others
 *             └─ readers
 *
 *   tick: a process starts a command │ some of its requests are answered │ it crashes │ a late
 *         write lands │ it falls asleep │ the clock moves
 *
 * The order of writes is that in which the hot tier took them: when it takes an APPEND of a
 * process, the model does that process's command, and must find as many events. A reply says as of
 * which seq it is; it must be the model's answer as of that seq, and no older than what was there
 * when the command began.
 */
#ifndef PQ_TEST_SIM_WORLD_H
#define PQ_TEST_SIM_WORLD_H

#include "cmd/command.h"
#include "naive/naive_graph.h"
#include "sim_model.h"
#include "sim_store.h"

enum { SIM_ENGINES = 5, SIM_SESSIONS = 3, SIM_TXN_OPS = 6 };

/* A transaction of a session; its writes are in the model when it is committed. */
typedef struct sim_txn {
  uint64_t number;  /* 0: none is open */
  int64_t begun_us; /* no later than the engine has it */
  bool is_old;      /* the clock went on so far that it may have been aborted */
  uint32_t seq;     /* what it sees */
  uint32_t count;
  sim_op ops[SIM_TXN_OPS];
} sim_txn;

/* A caller of a process: one command at a time. */
typedef struct sim_session {
  uint32_t number;
  struct sim_engine *engine;
  uint32_t sleep;      /* ticks */
  uint32_t turns;      /* of its command, where a collector may have stalled */
  uint32_t waits;      /* steps in a row in which its command waited for another one */
  bool is_probe;       /* after a power cut: its first reply says what is left */
  pq_command *command; /* that runs; NULL: none */
  sim_op op;
  naive_query question;           /* of SIM_GRAPH */
  sim_text text, payload;         /* of the command */
  sim_text items;                 /* of the reply so far */
  uint64_t faults;                /* of its process when it began */
  uint64_t deletes;               /* of objects, by all, when it began */
  uint32_t seq_start;             /* what it must see */
  int64_t step_us, least_us;      /* the time of its last step, and the least of its command's */
  uint32_t commits;               /* of this command */
  uint32_t seq_first, seq_commit; /* of its events */
  sim_answer answer;              /* the model's, of the commit */
  sim_txn txn;
  uint32_t floor_start; /* where history began when the command did */
  /* what its caller goes on with, whatever becomes of the process: a find's next page, the place
   * in the events */
  sim_op page, tail;
  uint32_t page_seq;
  sim_text page_token, tail_cursor; /* empty: there is none */
  struct sim_copy *copy;            /* of a backup that runs, owned */
} sim_session;

/* A process: the engine with its memory, gone in a crash. */
typedef struct sim_engine {
  uint32_t number;
  bool is_open, is_writer;
  bool is_superseded; /* another writer opened the hot tier after it */
  bool is_fenced;     /* and it was told so */
  pq_cx cx;
  pq_db db;
  int64_t live_len;    /* bytes that it has allocated */
  int64_t clock_shift; /* µs */
  uint64_t faults;     /* of its requests */
  uint32_t seq_known;  /* the largest seq that a reply told */
  sim_session sessions[SIM_SESSIONS];
  uint32_t session_count;
} sim_engine;

typedef struct sim_world {
  uint64_t seed;
  sim_random random;
  sim_store store;
  sim_model model, scratch;
  sim_answer expected;
  sim_engine engines[SIM_ENGINES]; /* the last one opens only for questions of the simulator */
  uint32_t engine_count;
  uint32_t session_count; /* of a writer */
  uint32_t tags;
  int64_t now_us, store_us; /* the machines' clock; the store's own, which never goes back */
  uint32_t locals;          /* ids in use of a collection */
  uint32_t crash_per_mille, flush_per_mille, txn_per_mille;
  bool may_rival, has_rivals; /* two writers may be, were open at a time */
  uint64_t tail_len_max;      /* 0: the default */
  uint64_t works_events;      /* in the tail when a flush is due, 0: the default */
  uint32_t bulk;              /* documents that make an insert a bulk write, 0: the default */
  bool has_schema;            /* dogs get one */
  bool has_catalog;           /* collections are made, indexed, renamed, dropped */
  bool has_retention;         /* history is dropped */
  bool has_no_copies;         /* nobody makes backups */
  int64_t age_min_us;         /* the shortest retention that was ever asked for */
  bool is_stalled;            /* a collector sleeps in the middle of its work */
  uint64_t entry;             /* the newest of the log */
  uint32_t floor;             /* where history begins, as entries say; 0: it is all there */
  uint32_t durability;
  uint32_t seq_synced; /* what no power cut can take: synced in the hot tier, or in files */
  uint64_t tick;
  uint64_t crashes, commands, unclear, bulks;
  uint64_t trace; /* hash of all that happened */
  bool is_verbose, is_quiet, has_failed;
} sim_world;

/* What a run was like. */
typedef struct sim_result {
  bool is_right;
  uint64_t trace, ticks, crashes, commands, events, unclear, bulks;
} sim_result;

/* What can be left out of a world, behind the bits of sim_fault. */
enum {
  SIM_OFF_CRASHES = 1 << SIM_FAULTS,
  SIM_OFF_TXNS = SIM_OFF_CRASHES << 1,
  SIM_OFF_PROCESSES = SIM_OFF_CRASHES << 2,
  SIM_OFF_CALLERS = SIM_OFF_CRASHES << 3,
  SIM_OFF_WORKS = SIM_OFF_CRASHES << 4,
  SIM_OFF_SCHEMA = SIM_OFF_CRASHES << 5,
  SIM_OFF_RETENTION = SIM_OFF_CRASHES << 6,
  SIM_OFF_BULK = SIM_OFF_CRASHES << 7,
  SIM_OFF_COPIES = SIM_OFF_CRASHES << 8,
  SIM_OFF_CATALOG = SIM_OFF_CRASHES << 9,
  SIM_OFF_BITS = SIM_FAULTS + 10
};

enum { SIM_TICKS = 1500 };

typedef struct sim_options {
  uint32_t ticks; /* 0: SIM_TICKS */
  uint32_t off;   /* bits of what is left out */
  bool is_verbose, is_quiet;
} sim_options;

/* Run one seed. A failure prints the seed, the tick, the command and both answers. */
void sim_run(uint64_t seed, const sim_options *options, sim_result *out);

/* Find the fewest ticks and faults with which the seed still fails, and print them. False: it does
 * not fail. */
bool sim_shrink(uint64_t seed);

/* ---- sim_process.c ---- */

void sim_engine_open(sim_world *w, sim_engine *e, bool is_writer);
/* Close it as a program does that ends; nothing may run. */
void sim_engine_close(sim_world *w, sim_engine *e);
/* It dies: requests in flight are done, or not, or later. */
void sim_engine_crash(sim_world *w, sim_engine *e);
bool sim_engine_is_idle(const sim_engine *e);

/* The seq that a command must see: callers of one process see each other's writes when those were
 * replied, another process at once. */
uint32_t sim_seq_to_see(const sim_world *w, const sim_session *p);
/* Callers forget where they were: of a snapshot or events that a power cut took. */
void sim_session_forget(sim_session *p);
/* Does a failure of its command say that its transaction was aborted for its age, as it may have
 * been? A write of one that is old but lives fails as any other. */
bool sim_txn_has_aged(const sim_session *p, int rc);
/* Begin the command p->op, with the text p->text. */
void sim_session_start(sim_world *w, sim_session *p);
/* Answer some of its requests (or all), and let it go on. */
void sim_session_go_on(sim_world *w, sim_session *p, bool is_all);
/* Start a command, run it to its end. */
void sim_session_run(sim_world *w, sim_session *p);
/* All processes stop at once, and what was not synced may be gone. What is left is asked of a new
 * writer without faults; the model forgets the rest. */
void sim_power_cut(sim_world *w);

/* ---- sim_check.c ---- */

/* The hot tier took an append of the session's process: events of one or more commands. */
void sim_check_append(sim_world *w, sim_session *p, const pq_hot_request *q);
/* A command ended with `rc`; its items are in p->items. */
void sim_check_reply(sim_world *w, sim_session *p, int rc, pq_value summary);
/* May the command miss a file that is deleted, without a fault? */
bool sim_may_miss(const sim_world *w, const sim_session *p);
/* May it speak of a file that is gone? A writer that was superseded names what it knows, and where
 * it need not read a file it is not told what the newer one has deleted. */
bool sim_may_name_gone(const sim_world *w, const sim_session *p);

/* Its items and numbers against the answer. */
void sim_compare(sim_world *w, sim_session *p, sim_answer *a, pq_value summary);
/* Take the dates out of a text; its length without them. */
size_t sim_cut_dates(char *p, size_t len);
int64_t sim_seq_of(pq_value summary);
/* Did a request of its process fail since it began? One append may serve several commands. */
bool sim_has_faults(const sim_session *p);

/* ---- sim_check_read.c ---- */

/* The seqs that its answer may be as of. */
void sim_read_range(const sim_world *w, const sim_session *p, uint32_t *lo, uint32_t *hi);
void sim_check_read(sim_world *w, sim_session *p, pq_value summary);
/* It says that its moment is of an event that is not there: rightly? */
void sim_check_ahead(sim_world *w, const sim_session *p);
/* It says that history was dropped: rightly? */
void sim_check_dropped(sim_world *w, sim_session *p);
/* Is its moment before what was dropped already when it began? */
bool sim_is_dropped(const sim_world *w, const sim_op *op, uint32_t floor);

/* ---- sim_graph.c ---- */

/* Choose a question about the graph: p->question; its words, into p->text. */
void sim_graph_choose(sim_world *w, sim_session *p);
void sim_graph_text(sim_session *p);
/* Its answer against the first `count` events. */
void sim_graph_check(sim_world *w, sim_session *p, const sim_model *m, uint32_t count,
                     pq_value summary);

/* ---- sim_copy.c ---- */

/* An item of a backup; and its end, after which the copy must be the model. */
void sim_copy_take(sim_world *w, sim_session *p, pq_value item);
void sim_copy_check(sim_world *w, sim_session *p, pq_value summary);
void sim_copy_free(sim_session *p);

/* ---- sim_command.c ---- */

/* Choose a command: p->op and its text. */
void sim_command_choose(sim_world *w, sim_session *p);
/* ---- sim_command_text.c ---- */

/* ---- sim_catalog.c ---- */

/* Choose a command of the catalog; its text, without the end. */
void sim_catalog_choose(sim_world *w, sim_session *p);
void sim_catalog_text(sim_text *t, const sim_op *op);

/* The text of p->op. */
void sim_command_text(sim_session *p);

/* ---- sim_world.c ---- */

/* Report what is wrong, once; p may be NULL. */
void sim_fail(sim_world *w, const sim_session *p, const char *format, ...) PQ_PRINTF(3, 4);
/* Note what happened: into the hash of the trace, and printed when asked for. */
void sim_note(sim_world *w, const sim_session *p, const char *what, uint64_t number, pq_slice text);

#endif
