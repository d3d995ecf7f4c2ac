/* port/drive_aside.h - a driver whose slow requests are served by threads of their own, so that
 * who waits for none of them goes on: reads while a commit is synced, commits while a file is.
 *
 *     READ GET LIST STAT, ~tmp ──► front   at once, in the caller's thread
 *     HOT                      ──► hot     a thread that has this driver, in order   ─┐ wake(),
 *     PUT_… DELETE             ──► files   the same                                  ─┴► collect
 *
 * `run` leaves the others under way (pq_fetch.taken), and completes what was served before. The
 * caller has one thread for all calls; only `wake` comes from another. Requests of one kind of
 * thread are served in the order of asking; between the two there is none, as in any store.
 */
#ifndef PQ_PORT_DRIVE_ASIDE_H
#define PQ_PORT_DRIVE_ASIDE_H

#include "port/driver.h"

/* Drivers of one warehouse that may run in several threads (driver.h). */
typedef struct pq_aside_drivers {
  pq_driver *front, *hot;
  pq_driver *files; /* closed last */
} pq_aside_drivers;

/* Start the threads. The drivers are the new one's on success only. `cx` is borrowed until close;
 * its allocator is called from the threads, too. `wake` must be safe to call from any thread; NULL:
 * nobody waits elsewhere than in `collect`. PQ_ENOMEM; PQ_ELIMIT: the system gives no thread. */
int pq_aside_open(pq_cx *cx, const pq_aside_drivers *drivers, void (*wake)(void *ud), void *ud,
                  pq_driver **out) PQ_MUST_CHECK;
/* Wait for what is under way, close it and all but `files`, which is the caller's again. */
pq_driver *pq_aside_end(pq_driver *d);

#endif
