/* port/drive_shuffle.c - see drive_shuffle.h. */
#include "port/drive_shuffle.h"

#include "port/driver_int.h"

typedef struct shuffle {
  pq_driver base;   /* first */
  pq_cx *cx;        /* borrowed, for its allocator */
  pq_driver *inner; /* owned */
  uint64_t seed;
} shuffle;

static void shuffle_run(pq_driver *d, pq_fetch *f) {
  shuffle *s = (shuffle *)d;
  pq_io_req r;
  uint32_t nth;
  if (f->unfinished == 0) return;
  nth = (uint32_t)(pq_random_next(&s->seed) % f->unfinished);
  if (pq_fetch_take_nth(f, nth, &r)) s->inner->vt->serve(s->inner, f, &r);
}

static void shuffle_serve(pq_driver *d, pq_fetch *f, const pq_io_req *r) {
  shuffle *s = (shuffle *)d;
  s->inner->vt->serve(s->inner, f, r);
}

static int64_t shuffle_now_us(pq_driver *d) {
  return pq_driver_now_us(((shuffle *)d)->inner);
}

static void shuffle_random(pq_driver *d, uint8_t *out, size_t n) {
  pq_driver_random(((shuffle *)d)->inner, out, n);
}

static void shuffle_close(pq_driver *d) {
  shuffle *s = (shuffle *)d;
  pq_driver_close(s->inner);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

static const pq_driver_vtable shuffle_vtable = {.run = shuffle_run,
                                                .serve = shuffle_serve,
                                                .now_us = shuffle_now_us,
                                                .random = shuffle_random,
                                                .close = shuffle_close};

int pq_shuffle_open(pq_cx *cx, pq_driver *inner, uint64_t seed, pq_driver **out) {
  shuffle *s = pq_alloc(cx, NULL, 0, sizeof *s);
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (shuffle){.base = {&shuffle_vtable}, .cx = cx, .inner = inner, .seed = seed};
  *out = &s->base;
  return PQ_OK;
}
