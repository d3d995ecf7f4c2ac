/* test/server/capnweb_world.h - a session of Cap'n Web over a warehouse in memory: what the client
 * says in, what it hears out, the commands run in between. */
#ifndef PQ_TEST_CAPNWEB_WORLD_H
#define PQ_TEST_CAPNWEB_WORLD_H

#include "server/capnweb_run.h"
#include "unit.h"

enum { WORLD_RUNS = 64, WORLD_HEARD = 4 << 20 };

typedef struct world {
  pqdb *db;
  pq_cx engine_cx; /* of the commands */
  pq_cx cx;        /* of the session: memory is counted, and may fail */
  pq_rpc_session *s;
  struct {
    uint64_t number; /* 0: free */
    pq_rpc_run run;
  } runs[WORLD_RUNS];
  char *heard; /* messages, each with a newline */
  size_t heard_len;
  uint32_t started, cancelled;
  bool is_deaf; /* the transport takes nothing */
  bool is_full; /* the client reads nothing */
} world;

static inline int world_send(void *ud, pq_slice message) {
  world *w = ud;
  if (w->is_deaf || message.n + 2 > WORLD_HEARD - w->heard_len) return PQ_EIO;
  memcpy(w->heard + w->heard_len, message.p, message.n);
  w->heard_len += message.n;
  w->heard[w->heard_len++] = '\n';
  w->heard[w->heard_len] = '\0';
  return PQ_OK;
}

static inline int world_start(void *ud, const pq_rpc_command *c) {
  world *w = ud;
  size_t i = 0;
  int rc;
  while (i < WORLD_RUNS && w->runs[i].number != 0)
    i++;
  if (i == WORLD_RUNS) return pq_fail(&w->cx, PQ_ELIMIT, "too many commands at a time");
  rc = pq_rpc_run_open(&w->runs[i].run, w->db, &w->engine_cx, c);
  if (rc != PQ_OK) {
    (void)pq_fail(&w->cx, rc, "%s", w->runs[i].run.message);
    pq_rpc_run_close(&w->runs[i].run);
    return rc;
  }
  w->runs[i].number = c->number;
  w->started++;
  return PQ_OK;
}

static inline void world_end_run(world *w, size_t i) {
  pq_rpc_run_close(&w->runs[i].run);
  w->runs[i].number = 0;
}

static inline void world_go_on(void *ud, uint64_t number) {
  world *w = ud;
  for (size_t i = 0; i < WORLD_RUNS; i++)
    if (w->runs[i].number == number) pq_rpc_run_go_on(&w->runs[i].run);
}

static inline void world_cancel(void *ud, uint64_t number) {
  world *w = ud;
  w->cancelled++;
  for (size_t i = 0; i < WORLD_RUNS; i++)
    if (w->runs[i].number == number) world_end_run(w, i);
}

static inline bool world_is_full(void *ud) {
  return ((world *)ud)->is_full;
}

/* `options`: limits and actor; its cx and host are the world's. */
static inline int world_open(world *w, pq_rpc_options options) {
  *w = (world){0};
  CHECK(pqdb_open_memory(NULL, &w->db) == PQDB_OK);
  pq_cx_init(&w->engine_cx, NULL, NULL);
  w->engine_cx.limits.doc_len_max = 96 << 20;
  unit_cx_init(&w->cx);
  w->heard = malloc(WORLD_HEARD);
  w->heard[0] = '\0';
  options.cx = &w->cx;
  options.host =
      (pq_rpc_host){world_send, world_start, world_go_on, world_cancel, world_is_full, w};
  return pq_rpc_open(&options, &w->s);
}

/* Give what run `i` has to the session. */
static inline void world_answer(world *w, size_t i) {
  uint64_t number = w->runs[i].number;
  pq_rpc_result r = w->runs[i].run.result;
  char message[PQ_MESSAGE_CAP] = "";
  int rc;
  w->runs[i].run.result.bytes = (pq_buf){0};
  if (r.message != NULL) snprintf(message, sizeof message, "%s", r.message);
  r.message = message;
  if (!r.has_more || r.rc != PQ_OK) world_end_run(w, i);
  rc = pq_rpc_answer(w->s, number, &r);
  (void)rc; /* the session says why it ended */
}

/* Until nothing moves. */
static inline void world_run(world *w) {
  for (bool has_moved = true; has_moved;) {
    has_moved = pqdb_poll(w->db) > 0;
    for (size_t i = 0; i < WORLD_RUNS; i++) {
      if (w->runs[i].number == 0) continue;
      if (pq_rpc_run_advance(&w->runs[i].run)) {
        world_answer(w, i);
        has_moved = true;
      } else if (!pq_rpc_run_sleeps(&w->runs[i].run)) {
        has_moved = true;
      }
    }
  }
}

/* The client's next message. */
static inline int world_say(world *w, const char *message) {
  return pq_rpc_receive(w->s, pq_str(message));
}

/* What was heard since the last call is exactly this. */
static inline bool world_heard(world *w, const char *want) {
  bool is_same = strcmp(w->heard, want) == 0;
  if (!is_same) fprintf(stderr, "heard: %s\nnot:   %s\n", w->heard, want);
  w->heard[w->heard_len = 0] = '\0';
  return is_same;
}

/* … has this in it. */
static inline bool world_heard_in(world *w, const char *want) {
  bool is_there = strstr(w->heard, want) != NULL;
  if (!is_there) fprintf(stderr, "heard: %.2000s\nnot in it: %s\n", w->heard, want);
  w->heard[w->heard_len = 0] = '\0';
  return is_there;
}

/* Say, run, hear. */
static inline bool world_ask(world *w, const char *message, const char *want) {
  bool is_fine = world_say(w, message) == PQ_OK;
  world_run(w);
  return world_heard_in(w, want) && is_fine;
}

static inline void world_close(world *w) {
  pq_rpc_close(w->s);
  w->s = NULL;
  for (int i = 0; i < 100; i++) {
    (void)pqdb_poll(w->db);
    for (size_t j = 0; j < WORLD_RUNS; j++)
      if (w->runs[j].number != 0 && pq_rpc_run_advance(&w->runs[j].run)) world_end_run(w, j);
  }
  for (size_t i = 0; i < WORLD_RUNS; i++)
    if (w->runs[i].number != 0) world_end_run(w, i);
  pqdb_close(w->db);
  free(w->heard);
}

#endif
