/* port/drive_aside.c - see drive_aside.h.
 *
 * A request that goes aside becomes a fetch set of its own, which the thread runs through its
 * driver. What the set borrows of the caller's stays, as that set waits for its requests before it
 * forgets them (pq_fetch_settle).
 */
#include "port/drive_aside.h"

#include <pthread.h>
#include <string.h>

#include "port/driver_int.h"

typedef struct task {
  struct task *next;
  pq_fetch *asker; /* borrowed */
  uint32_t id;     /* in it */
  pq_cx cx;        /* the thread's while it serves */
  pq_fetch fetch;
} task;

typedef struct queue {
  task *first, *last;
} queue;

typedef struct aside aside;

typedef struct lane {
  aside *a;
  pq_driver *driver; /* owned */
  queue in;
  pthread_cond_t arrived;
  pthread_t thread;
  bool has_thread;
} lane;

struct aside {
  pq_driver base; /* first */
  pq_cx *cx;      /* borrowed */
  pq_driver *front;
  lane hot, files;
  pthread_mutex_t lock; /* of the queues and is_stopping */
  pthread_cond_t served;
  queue out;
  bool is_stopping;
  uint64_t under_way; /* tasks that are not collected; the caller's */
  void (*wake)(void *ud);
  void *ud;
};

static void push(queue *q, task *t) {
  t->next = NULL;
  *(q->last == NULL ? &q->first : &q->last->next) = t;
  q->last = t;
}

static task *pop(queue *q) {
  task *t = q->first;
  if (t == NULL) return NULL;
  q->first = t->next;
  if (q->first == NULL) q->last = NULL;
  return t;
}

/* ---- the threads ---- */

static void *serve_lane(void *ud) {
  lane *l = ud;
  aside *a = l->a;
  for (;;) {
    task *t;
    pthread_mutex_lock(&a->lock);
    while (l->in.first == NULL && !a->is_stopping)
      pthread_cond_wait(&l->arrived, &a->lock);
    t = pop(&l->in);
    pthread_mutex_unlock(&a->lock);
    if (t == NULL) return NULL;
    pq_driver_run(l->driver, &t->fetch);
    pthread_mutex_lock(&a->lock);
    push(&a->out, t);
    pthread_cond_signal(&a->served);
    pthread_mutex_unlock(&a->lock);
    if (a->wake != NULL) a->wake(a->ud);
  }
}

/* ---- tasks ---- */

/* Ask for the same in the task's own set. */
static int ask(pq_fetch *f, const pq_io_req *r) {
  pq_slice body = {r->buf, r->len}, reply;
  switch (r->kind) {
    case PQ_IO_HOT: return pq_fetch_hot(f, r->key, body, &reply);
    case PQ_IO_PUT_NEW: return pq_fetch_put_new(f, r->key, body);
    case PQ_IO_PUT_PART:
    case PQ_IO_PUT_END: return pq_fetch_put_part(f, r->key, r->off, body, r->kind == PQ_IO_PUT_END);
    case PQ_IO_PUT_IF:
      return pq_fetch_put_if(f, r->key, (pq_slice){r->buf, (size_t)r->off},
                             (pq_slice){r->buf + r->off, r->len - (size_t)r->off});
    case PQ_IO_DELETE: return pq_fetch_delete(f, r->key);
    case PQ_IO_READ:
    case PQ_IO_GET:
    case PQ_IO_LIST:
    case PQ_IO_STAT: break;
  }
  return pq_fail(f->cx, PQ_EUNSUPPORTED, "unknown request kind %d", (int)r->kind);
}

static void task_free(aside *a, task *t) {
  pq_fetch_release(&t->fetch);
  pq_alloc(a->cx, t, sizeof *t, 0);
}

/* NULL: no memory. */
static task *task_new(aside *a, pq_fetch *f, const pq_io_req *r) {
  task *t = pq_alloc(a->cx, NULL, 0, sizeof *t);
  if (t == NULL) return NULL;
  *t = (task){.asker = f, .id = r->id};
  pq_cx_init(&t->cx, a->cx->alloc, a->cx->alloc_ud);
  t->cx.limits = a->cx->limits;
  pq_fetch_init(&t->fetch, &t->cx);
  if (ask(&t->fetch, r) == PQ_NEED_IO) return t;
  task_free(a, t);
  return NULL;
}

static lane *lane_of(aside *a, const pq_io_req *r) {
  bool is_read = r->kind == PQ_IO_READ || r->kind == PQ_IO_GET || r->kind == PQ_IO_LIST ||
                 r->kind == PQ_IO_STAT;
  if (is_read || pq_key_is_temporary(r->key)) return NULL;
  return r->kind == PQ_IO_HOT ? &a->hot : &a->files;
}

/* ---- the driver ---- */

static void aside_collect(pq_driver *d, bool waits) {
  aside *a = (aside *)d;
  queue out;
  task *t;
  if (a->under_way == 0) return;
  pthread_mutex_lock(&a->lock);
  while (waits && a->out.first == NULL)
    pthread_cond_wait(&a->served, &a->lock);
  out = a->out;
  a->out = (queue){0};
  pthread_mutex_unlock(&a->lock);
  while ((t = pop(&out)) != NULL) {
    pq_fetch_pass(&t->fetch, 1, t->asker, t->id);
    task_free(a, t);
    a->under_way--;
  }
}

static void settle(void *ud, pq_fetch *f) {
  aside *a = ud;
  while (f->taken > 0)
    aside_collect(&a->base, true);
}

static void hand_to(aside *a, lane *l, pq_fetch *f, const pq_io_req *r) {
  task *t = task_new(a, f, r);
  if (t == NULL) {
    pq_fetch_done(f, r->id, PQ_ENOMEM, (pq_slice){0}, NULL);
    return;
  }
  f->settle = settle;
  f->settle_ud = a;
  a->under_way++;
  pthread_mutex_lock(&a->lock);
  push(&l->in, t);
  pthread_cond_signal(&l->arrived);
  pthread_mutex_unlock(&a->lock);
}

static void aside_serve(pq_driver *d, pq_fetch *f, const pq_io_req *r) {
  aside *a = (aside *)d;
  lane *l = lane_of(a, r);
  if (l == NULL)
    a->front->vt->serve(a->front, f, r);
  else
    hand_to(a, l, f, r);
}

static void aside_run(pq_driver *d, pq_fetch *f) {
  pq_driver_serve_all(d, f);
  aside_collect(d, false);
}

static int64_t aside_now_us(pq_driver *d) {
  return pq_driver_now_us(((aside *)d)->front);
}

static void aside_random(pq_driver *d, uint8_t *out, size_t n) {
  pq_driver_random(((aside *)d)->front, out, n);
}

static void wait_for_all(aside *a) {
  while (a->under_way > 0)
    aside_collect(&a->base, true);
}

/* Its thread counts: it has to rest first. */
static void aside_hot_counts(pq_driver *d, pq_hot_counts *out) {
  aside *a = (aside *)d;
  *out = (pq_hot_counts){0};
  wait_for_all(a);
  if (a->hot.driver->vt->hot_counts != NULL) a->hot.driver->vt->hot_counts(a->hot.driver, out);
}

static void lane_start(aside *a, lane *l, pq_driver *driver) {
  l->a = a;
  l->driver = driver;
  pthread_cond_init(&l->arrived, NULL);
  l->has_thread = pthread_create(&l->thread, NULL, serve_lane, l) == 0;
}

static void lane_stop(lane *l) {
  if (l->has_thread) {
    pthread_mutex_lock(&l->a->lock);
    l->a->is_stopping = true;
    pthread_cond_signal(&l->arrived);
    pthread_mutex_unlock(&l->a->lock);
    (void)pthread_join(l->thread, NULL);
  }
  pthread_cond_destroy(&l->arrived);
}

static void aside_free(aside *a) {
  lane_stop(&a->hot);
  lane_stop(&a->files);
  pthread_cond_destroy(&a->served);
  pthread_mutex_destroy(&a->lock);
  pq_alloc(a->cx, a, sizeof *a, 0);
}

pq_driver *pq_aside_end(pq_driver *d) {
  aside *a = (aside *)d;
  pq_driver *front = a->front, *hot = a->hot.driver, *files = a->files.driver;
  wait_for_all(a);
  aside_free(a);
  pq_driver_close(front);
  pq_driver_close(hot);
  return files;
}

static void aside_close(pq_driver *d) {
  pq_driver_close(pq_aside_end(d));
}

static const pq_driver_vtable aside_vtable = {.run = aside_run,
                                              .serve = aside_serve,
                                              .now_us = aside_now_us,
                                              .random = aside_random,
                                              .close = aside_close,
                                              .hot_counts = aside_hot_counts,
                                              .collect = aside_collect};

int pq_aside_open(pq_cx *cx, const pq_aside_drivers *drivers, void (*wake)(void *ud), void *ud,
                  pq_driver **out) {
  aside *a = pq_alloc(cx, NULL, 0, sizeof *a);
  *out = NULL;
  if (a == NULL) return pq_fail_nomem(cx);
  *a = (aside){.base = {&aside_vtable}, .cx = cx, .front = drivers->front, .wake = wake, .ud = ud};
  pthread_mutex_init(&a->lock, NULL);
  pthread_cond_init(&a->served, NULL);
  lane_start(a, &a->hot, drivers->hot);
  lane_start(a, &a->files, drivers->files);
  if (!a->hot.has_thread || !a->files.has_thread) {
    aside_free(a);
    return pq_fail(cx, PQ_ELIMIT, "the system gives no thread for the work on files");
  }
  *out = &a->base;
  return PQ_OK;
}
