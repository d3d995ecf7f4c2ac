/* port/driver.h - what a store looks like from outside of the engine: four calls and a way to
 * answer one request. Every driver is a struct that begins with a pq_driver.
 *
 *     pq_driver *d;
 *     PQ_TRY(pq_disk_open(cx, "warehouse", PQ_OPEN_WRITE, &d));
 *     while ((rc = step(op, pq_driver_now_us(d))) == PQ_NEED_IO) pq_driver_run(d, &op->fetch);
 *     pq_driver_close(d);
 *
 * A driver never fails by itself: a failure belongs to a request (pq_fetch_done). A driver
 * belongs to one thread at a time; several drivers of one store may run in several threads,
 * except those of drive_memory.h.
 */
#ifndef PQ_PORT_DRIVER_H
#define PQ_PORT_DRIVER_H

#include "io/fetch.h"

typedef enum pq_open_mode {
  PQ_OPEN_READ = 0, /* an existing warehouse, changes nothing */
  PQ_OPEN_WRITE,    /* an existing warehouse */
  PQ_OPEN_CREATE    /* as WRITE, and a missing or empty one is made */
} pq_open_mode;

typedef struct pq_driver {
  const struct pq_driver_vtable *vt;
} pq_driver;

/* What the hot tier has done since it was opened: what somebody pays who pays by the row. Rows of
 * its own tables; SQLite's checks of the file and of its schema read others. */
typedef struct pq_hot_counts {
  uint64_t calls;        /* transactions, each of one namespace */
  uint64_t rows_read;    /* that statements came to */
  uint64_t rows_written; /* inserted, changed, deleted */
} pq_hot_counts;

typedef struct pq_driver_vtable {
  /* Complete pending requests of the set: all of them, or at least one (drive_shuffle.h), or leave
   * some under way (drive_aside.h). */
  void (*run)(pq_driver *d, pq_fetch *f);
  /* Complete one request that the caller has taken from the set. */
  void (*serve)(pq_driver *d, pq_fetch *f, const pq_io_req *r);
  /* Microseconds since 1970. */
  int64_t (*now_us)(pq_driver *d);
  /* Fill `out` with random bytes. */
  void (*random)(pq_driver *d, uint8_t *out, size_t n);
  /* Free the driver and what it holds of the store. */
  void (*close)(pq_driver *d);
  /* NULL: nobody counts. */
  void (*hot_counts)(pq_driver *d, pq_hot_counts *out);
  /* NULL: nothing is ever under way. Complete what has been served since, of all sets; `waits`: and
   * if that is nothing and something is under way, wait for it. */
  void (*collect)(pq_driver *d, bool waits);
} pq_driver_vtable;

static inline void pq_driver_run(pq_driver *d, pq_fetch *f) {
  d->vt->run(d, f);
}
static inline int64_t pq_driver_now_us(pq_driver *d) {
  return d->vt->now_us(d);
}
static inline void pq_driver_random(pq_driver *d, uint8_t *out, size_t n) {
  d->vt->random(d, out, n);
}
static inline void pq_driver_collect(pq_driver *d, bool waits) {
  if (d->vt->collect != NULL) d->vt->collect(d, waits);
}
/* Safe on NULL. */
static inline void pq_driver_close(pq_driver *d) {
  if (d != NULL) d->vt->close(d);
}

#endif
