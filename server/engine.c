/* server/engine.c - see engine.h. */
#include "server/engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "server/metrics.h"
#include "server/native.h"

enum {
  REST_US = 1000000,            /* a scan that nobody reads on keeps its window for so long */
  DOCUMENTS_LEN_MAX = 96 << 20, /* of a command of ours, which may hold a whole message */
  EXPIRE_SECONDS = 10,
  /* How long a step of one command may take, alone and while others wait, where it can end. */
  STEP_US = 10000,
  SHARED_STEP_US = 1000,
  FORESEE_US = 30000, /* a step that does not end: see who wants to end it */
  /* Passes in which all waits for each other: a few at once, then with longer and longer rests. */
  STUCK_FREE = 8,
  REST_MS_MAX = 20
};

static const pq_job_class *const kinds[PQ_JOB_KIND_COUNT] = {[PQ_JOB_MONGO] = &pq_mongo_job,
                                                             [PQ_JOB_NATIVE] = &pq_native_job,
                                                             [PQ_JOB_RPC] = &pq_rpc_job_class};

typedef struct queue {
  pq_request *first, *last;
} queue;

struct pq_engine {
  pthread_t thread;
  pthread_mutex_t lock; /* of the queues and is_stopping */
  pthread_cond_t arrived;
  queue in, out;
  bool is_stopping;
  bool is_poked;
  atomic_bool has_arrived; /* something for the queue since it was emptied */
  void (*wake)(void *ud);
  void *wake_ud;
  /* The thread's own from here on. */
  pqdb *db;
  const pq_server *server; /* borrowed */
  pq_cx cx;                /* answers and commands: malloc, not the engine's meter */
  void *shared[PQ_JOB_KIND_COUNT];
  pq_job *jobs;
  uint32_t job_count;
  uint32_t waiting_count; /* of them */
  uint32_t busy_count;    /* of them: have more to do at once */
  int64_t wake_ms;        /* when the first of those has waited long enough; 0: none waits */
  pqdb_replies *work;     /* on files */
  uint32_t stuck_count;   /* passes that did nothing, one after the other */
  int64_t foreseen_us;    /* of the step: when the queue was looked at last */
  bool has_windows;       /* of scans, which rest soon */
};

static void push(queue *q, pq_request *r) {
  r->next = NULL;
  *(q->last == NULL ? &q->first : &q->last->next) = r;
  q->last = r;
}

static pq_request *pop(queue *q) {
  pq_request *r = q->first;
  if (r == NULL) return NULL;
  q->first = r->next;
  if (q->first == NULL) q->last = NULL;
  r->next = NULL;
  return r;
}

/* ---- the thread ---- */

static void finish(pq_engine *e, pq_request *r) {
  pthread_mutex_lock(&e->lock);
  push(&e->out, r);
  pthread_mutex_unlock(&e->lock);
  e->wake(e->wake_ud);
}

static void put_job(pq_engine *e, pq_job *j) {
  j->next = e->jobs;
  e->jobs = j;
  e->job_count++;
}

static void begin_job(pq_engine *e, pq_request *r) {
  pq_job *j = kinds[r->kind]->begin(e->shared[r->kind], r);
  if (j == NULL) {
    finish(e, r); /* without an answer: the connection is closed */
    return;
  }
  j->kind = kinds[r->kind];
  j->request = r;
  put_job(e, j);
}

/* The next part of an answer. */
static void resume_job(pq_engine *e, pq_request *r) {
  pq_job *j = r->job;
  r->job = NULL;
  if (r->is_cancelled) {
    j->kind->end(j);
    finish(e, r);
    return;
  }
  j->is_done = j->has_more = false;
  put_job(e, j);
}

static void begin_all(pq_engine *e, pq_request *r) {
  while (r != NULL) {
    pq_request *next = r->next;
    if (r->job != NULL)
      resume_job(e, r);
    else
      begin_job(e, r);
    r = next;
  }
}

static bool is_asleep(pq_job *j, int64_t now_ms) {
  return j->wait_until_ms > now_ms && !j->request->client->is_leaving &&
         (j->kind->is_awake == NULL || !j->kind->is_awake(j));
}

static void note_waiting(pq_engine *e, const pq_job *j) {
  if (j->wait_until_ms == 0) return;
  e->waiting_count++;
  j->request->has_waited = true;
  if (e->wake_ms == 0 || j->wait_until_ms < e->wake_ms) e->wake_ms = j->wait_until_ms;
}

static void advance(pq_job *j, int64_t now_ms) {
  if (j->is_done || is_asleep(j, now_ms)) return;
  j->wait_until_ms = 0;
  j->is_busy = false;
  j->kind->advance(j);
}

static void advance_all(pq_engine *e) {
  int64_t now_ms = pq_handle_now_us(e->db) / 1000;
  e->waiting_count = e->busy_count = 0;
  e->wake_ms = 0;
  for (pq_job **at = &e->jobs; *at != NULL;) {
    pq_job *j = *at;
    pq_request *r = j->request;
    advance(j, now_ms);
    if (!j->is_done) {
      note_waiting(e, j);
      e->busy_count += j->is_busy;
      at = &j->next;
      continue;
    }
    *at = j->next;
    e->job_count--;
    if (j->has_more)
      r->job = j;
    else
      j->kind->end(j);
    finish(e, r);
  }
}

/* Work on files goes on beside the commands, a command of some steps after the other. */
static void do_work(pq_engine *e) {
  if (e->work != NULL && pq_handle_is_worked(e->work)) {
    pqdb_replies_close(e->work);
    e->work = NULL;
  }
  if (e->work == NULL && pq_handle_work(e->db, &e->work) != PQ_OK) e->work = NULL;
}

/* ---- in the midst of a step ---- */

/* What waits in the queue may end what runs (killOp). */
static void foresee(pq_engine *e) {
  pthread_mutex_lock(&e->lock);
  for (const pq_request *r = e->in.first; r != NULL; r = r->next)
    if (r->job == NULL && kinds[r->kind]->foresee != NULL)
      kinds[r->kind]->foresee(e->shared[r->kind], r);
  pthread_mutex_unlock(&e->lock);
}

static bool must_end(pq_job *j, int64_t now_us) {
  return pq_job_is_late(j, now_us) || (j->kind->must_end != NULL && j->kind->must_end(j));
}

/* A pq_handle_host.ask. */
static int ask(void *ud, void *job, int64_t took_us) {
  pq_engine *e = ud;
  pq_job *j = job;
  bool has_others = e->has_arrived || e->job_count - e->waiting_count > 1;
  if (took_us < e->foreseen_us) e->foreseen_us = 0; /* another step */
  if (e->has_arrived && took_us - e->foreseen_us >= FORESEE_US) {
    e->foreseen_us = took_us;
    foresee(e);
  }
  if (j != NULL && must_end(j, pq_handle_now_us(e->db))) return PQ_ETIMEOUT;
  return took_us >= (has_others ? SHARED_STEP_US : STEP_US);
}

/* ---- rests ---- */

/* Everything waits for something else, or for a time. */
static int64_t rest_ms(const pq_engine *e, bool is_busy) {
  int64_t ms = e->has_windows ? REST_US / 1000 : EXPIRE_SECONDS * 1000;
  if (!is_busy) return ms;
  ms = e->stuck_count - STUCK_FREE;
  return ms > REST_MS_MAX ? REST_MS_MAX : ms;
}

static bool must_rest(const pq_engine *e, bool is_busy) {
  return (!is_busy || e->stuck_count > STUCK_FREE) && e->in.first == NULL && !e->is_stopping &&
         !e->is_poked;
}

/* The end of a sleep that nothing interrupts. */
static void sleep_end(const pq_engine *e, bool is_busy, struct timespec *out) {
  int64_t ms = rest_ms(e, is_busy);
  if (e->wake_ms > 0) {
    int64_t left = e->wake_ms - pq_handle_now_us(e->db) / 1000;
    if (left < ms) ms = left > 0 ? left : 0;
  }
  clock_gettime(CLOCK_REALTIME, out);
  out->tv_sec += ms / 1000;
  out->tv_nsec += ms % 1000 * 1000000;
  if (out->tv_nsec < 1000000000) return;
  out->tv_nsec -= 1000000000;
  out->tv_sec++;
}

/* All requests that are there; waits for some while nothing runs. *must_end: there will be no more.
 */
static pq_request *take_requests(pq_engine *e, bool is_busy, bool *must_end) {
  pq_request *r;
  struct timespec until;
  pthread_mutex_lock(&e->lock);
  if (must_rest(e, is_busy)) {
    sleep_end(e, is_busy, &until);
    (void)pthread_cond_timedwait(&e->arrived, &e->lock, &until);
  }
  e->is_poked = false;
  e->has_arrived = false;
  r = e->in.first;
  e->in = (queue){0};
  *must_end = e->is_stopping && r == NULL && e->job_count == 0;
  pthread_mutex_unlock(&e->lock);
  return r;
}

static int start_kinds(pq_engine *e, const pq_server *server) {
  pq_job_host host = {.cx = &e->cx, .db = e->db, .server = server};
  for (size_t i = 0; i < PQ_JOB_KIND_COUNT; i++)
    PQ_TRY(kinds[i]->start(&host, &e->shared[i]));
  return PQ_OK;
}

static void stop_kinds(pq_engine *e) {
  for (size_t i = 0; i < PQ_JOB_KIND_COUNT; i++)
    kinds[i]->stop(e->shared[i]);
}

/* What /metrics tells. */
static void publish(pq_engine *e) {
  struct pq_metrics_engine *m;
  const pq_cx *cx = pq_handle_cx(e->db);
  if (e->server->metrics == NULL) return;
  m = &e->server->metrics->engine;
  m->passes++;
  m->jobs = e->job_count;
  m->jobs_waiting = e->waiting_count;
  m->commands_starved = pq_handle_is_starved(e->db);
  if (cx->meter == NULL) return;
  m->memory = cx->meter->used(cx->alloc_ud);
  m->memory_max = cx->meter->max;
}

/* Called by the threads that serve what is written. */
static void note_served(void *ud) {
  pq_engine_poke(ud);
}

static void *run(void *ud) {
  pq_engine *e = ud;
  const pq_handle_host host = {ask, e};
  bool must_end = false;
  pq_handle_set_host(e->db, &host);
  while (!must_end) {
    bool is_busy = e->busy_count > 0 || ((e->job_count > e->waiting_count || e->work != NULL) &&
                                         !pq_handle_must_wait(e->db));
    uint32_t job_count = e->job_count;
    begin_all(e, take_requests(e, is_busy, &must_end));
    (void)pqdb_poll(e->db);
    e->stuck_count =
        pq_handle_is_stuck(e->db) && e->job_count == job_count ? e->stuck_count + 1 : 0;
    advance_all(e);
    if (e->job_count != job_count || e->busy_count > 0) e->stuck_count = 0;
    do_work(e);
    e->has_windows = pq_handle_rest(e->db, REST_US);
    for (size_t i = 0; i < PQ_JOB_KIND_COUNT; i++)
      if (kinds[i]->idle != NULL) kinds[i]->idle(e->shared[i]);
    publish(e);
  }
  pqdb_replies_close(e->work);
  stop_kinds(e);
  pq_handle_write_here(e->db);
  return NULL;
}

static int write_aside(pq_engine *e) {
  int rc = pq_handle_write_aside(e->db, note_served, e);
  return rc == PQ_OK ? PQ_OK : pq_fail(&e->cx, rc, "%s", pq_handle_cx(e->db)->msg);
}

/* ---- from outside ---- */

int pq_engine_start(const pq_server *server, pqdb *db, void (*wake)(void *ud), void *ud,
                    pq_engine **out) {
  pq_engine *e = calloc(1, sizeof *e);
  pq_cx *cx = pq_handle_cx(db);
  int rc;
  *out = NULL;
  if (e == NULL) return pq_fail_nomem(cx);
  e->db = db;
  e->server = server;
  e->wake = wake;
  e->wake_ud = ud;
  pq_cx_init(&e->cx, NULL, NULL);
  e->cx.limits.doc_len_max = DOCUMENTS_LEN_MAX;
  rc = start_kinds(e, server);
  pthread_mutex_init(&e->lock, NULL);
  pthread_cond_init(&e->arrived, NULL);
  if (rc == PQ_OK) rc = write_aside(e);
  if (rc == PQ_OK && pthread_create(&e->thread, NULL, run, e) != 0)
    rc = pq_fail(&e->cx, PQ_ELIMIT, "the system gives no thread for the engine");
  if (rc == PQ_OK) {
    *out = e;
    return PQ_OK;
  }
  rc = pq_fail(cx, rc, "%s", e->cx.msg);
  stop_kinds(e);
  pq_handle_write_here(db);
  pthread_cond_destroy(&e->arrived);
  pthread_mutex_destroy(&e->lock);
  free(e);
  return rc;
}

void pq_engine_submit(pq_engine *e, pq_request *r) {
  pthread_mutex_lock(&e->lock);
  push(&e->in, r);
  e->has_arrived = true;
  pthread_cond_signal(&e->arrived);
  pthread_mutex_unlock(&e->lock);
}

void pq_engine_poke(pq_engine *e) {
  pthread_mutex_lock(&e->lock);
  e->is_poked = true;
  e->has_arrived = true;
  pthread_cond_signal(&e->arrived);
  pthread_mutex_unlock(&e->lock);
}

pq_request *pq_engine_take(pq_engine *e) {
  pq_request *r;
  pthread_mutex_lock(&e->lock);
  r = pop(&e->out);
  pthread_mutex_unlock(&e->lock);
  return r;
}

void pq_engine_stop(pq_engine *e) {
  pq_request *r;
  if (e == NULL) return;
  pthread_mutex_lock(&e->lock);
  e->is_stopping = true;
  pthread_cond_signal(&e->arrived);
  pthread_mutex_unlock(&e->lock);
  (void)pthread_join(e->thread, NULL);
  while ((r = pop(&e->out)) != NULL)
    pq_request_free(r);
  pthread_cond_destroy(&e->arrived);
  pthread_mutex_destroy(&e->lock);
  free(e);
}
