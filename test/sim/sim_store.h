/* test/sim/sim_store.h - the store below the processes: memory, and what can go wrong with it.
 *
 *      process ── request ─► [ the faults of this seed ] ─► port/drive_memory.h
 *                               │   │
 *                     an error ◄┘   └► kept back: done later, after its error reply
 *
 * | request        | what may happen to it                                                     |
 * | READ GET LIST  | fails; a GET's body is short; a LIST is that of some time ago             |
 * | PUT DELETE     | lost; done and the reply lost; done later; undone or garbage after a crash |
 * | PUT_IF STAT    | as PUT, but never garbage; as READ                                         |
 * | HOT            | lost; done and the reply lost; after a power cut: as of a commit before   |
 *
 * A hot tier is SQLite, which recognises torn frames by their sums: of SQLite's three outcomes of
 * an unsynced write (written, dropped, garbage) the last two are one here. An object that was being
 * written may stay as garbage, but not under the name of a log entry or a checkpoint, which a disk
 * gives to whole files only (link) and an object store makes whole.
 */
#ifndef PQ_TEST_SIM_STORE_H
#define PQ_TEST_SIM_STORE_H

#include "io/hot.h"
#include "port/drive_memory.h"
#include "sim_random.h"
#include "sim_text.h"

typedef enum sim_fault {
  SIM_READ_FAILS = 0,
  SIM_SHORT_BODY,
  SIM_STALE_LIST,
  SIM_PUT_LOST,
  SIM_PUT_UNHEARD, /* done, but the reply is lost */
  SIM_PUT_LATE,    /* done some time after its error reply */
  SIM_HOT_LOST,
  SIM_HOT_UNHEARD,
  SIM_SLOW,       /* some requests wait while others are answered */
  SIM_SLEEP,      /* processes stop for a while, in the middle of a command too */
  SIM_STALL,      /* collectors stop for long, and a rival comes meanwhile */
  SIM_CLOCK,      /* clocks jump, and differ */
  SIM_POWER_CUT,  /* everything stops at once; what was not synced may be gone */
  SIM_CRASH_PUTS, /* requests in flight at a crash: done, not done, garbage or late */
  SIM_FAULTS
} sim_fault;

/* A write that is done later. */
typedef struct sim_late {
  pq_io_kind kind;
  char *key;     /* owned */
  uint8_t *body; /* owned */
  size_t len;
  uint64_t off; /* of a PUT_IF */
} sim_late;

enum { SIM_UNSYNCED_MAX = 16 };

typedef struct sim_store {
  pq_cx cx;
  pq_memory_store *memory;
  pq_driver *writer, *reader; /* of the store; a reader's writes are refused */
  pq_fetch aside;             /* for requests whose reply the engine does not see */
  bool is_on[SIM_FAULTS];
  uint32_t per_mille; /* of requests that go wrong, where a fault is on */
  sim_random *random; /* borrowed */
  sim_late *late;     /* owned */
  uint32_t late_count, late_cap;
  uint64_t late_total; /* ever */
  uint64_t injected;   /* faults so far */
  uint64_t deletes;    /* of objects so far */
  bool has_collected;  /* objects were deleted, or the boundary rose, which comes first */
  /* the hot tier before each call that is not synced yet: a power cut goes back to one of them */
  pq_memory_hot *unsynced[SIM_UNSYNCED_MAX];
  uint32_t unsynced_count;
  /* told of each object that has been stored, when it is there */
  void (*stored)(void *ud, const pq_io_req *r);
  void *ud;
} sim_store;

void sim_store_init(sim_store *s, sim_random *random);
void sim_store_release(sim_store *s);

/* Does the fault happen now? Counts it. */
bool sim_store_strikes(sim_store *s, sim_fault fault);

/* Answer a read that the caller took from `f`: READ, GET, LIST, STAT. */
void sim_store_read(sim_store *s, pq_fetch *f, const pq_io_req *r);
/* The same for PUT_NEW, PUT_IF and DELETE. */
void sim_store_write(sim_store *s, pq_driver *d, pq_fetch *f, const pq_io_req *r);
/* Do a hot-tier call; the reply is valid until the next one. `is_synced`: it is durable when done,
 * with all before it. */
int sim_store_hot(sim_store *s, pq_driver *d, const pq_io_req *r, bool is_synced, pq_slice *reply);

/* The power fails: what was not synced is there, or not from some call on. */
void sim_store_cut_power(sim_store *s);

/* What becomes of a PUT_NEW, PUT_IF or DELETE whose process dies. */
void sim_store_orphan(sim_store *s, const pq_io_req *r);

/* Do the n-th of the late writes, or drop it. */
void sim_store_land(sim_store *s, uint32_t n, bool is_done);

#endif
