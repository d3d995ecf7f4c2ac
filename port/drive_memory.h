/* port/drive_memory.h - a warehouse in memory, with a clock and random numbers that repeat.
 *
 *     store ---- objects, hot tier, clock, random state
 *       ^  ^
 *       |  +---- driver (reads)       Several drivers may be open on one store, writers too: as
 *       +------- driver (writes)      on an object store, only the hot tier's epochs fence them.
 *
 * Same calls in the same order: same answers. Not thread-safe, the store included.
 */
#ifndef PQ_PORT_DRIVE_MEMORY_H
#define PQ_PORT_DRIVE_MEMORY_H

#include "port/driver.h"

typedef struct pq_memory_store pq_memory_store;

/* A new empty store, or NULL when out of memory. Its clock is virtual and starts at
 * 2026-01-01T00:00:00Z, its seed is 0. */
pq_memory_store *pq_memory_store_new(void);
/* Another store with the same objects, hot tiers, clock and random state; what is being put in
 * parts is left out. No driver may be open on `s`. NULL: out of memory. */
pq_memory_store *pq_memory_store_copy(pq_memory_store *s);
/* Free it. No driver may be open on it. Safe on NULL. */
void pq_memory_store_free(pq_memory_store *s);

/* Set the clock. A virtual clock advances by 1,000 µs each time it is read, a given one stands. */
void pq_memory_store_set_clock(pq_memory_store *s, int64_t clock_us, bool is_virtual);
/* Restart the random numbers from `seed`. */
void pq_memory_store_set_seed(pq_memory_store *s, uint64_t seed);
/* Have it stand for a store of which nothing is known: it is tried out when it is opened for
 * writing (probe_store.h). With `ignores_new` it replaces objects that are put create-only. */
void pq_memory_store_set_unproven(pq_memory_store *s, bool ignores_new);
/* Bytes of all objects and hot batches, for tests of space. */
uint64_t pq_memory_store_len(const pq_memory_store *s);

/* The hot tiers as they are, to go back to: what a power cut leaves of calls that were not synced.
 * NULL: out of memory. */
typedef struct pq_memory_hot pq_memory_hot;
pq_memory_hot *pq_memory_hot_copy(pq_memory_store *s);
/* Put the hot tiers back to a copy, which is freed; or only free it. Safe on NULL. */
void pq_memory_hot_restore(pq_memory_store *s, pq_memory_hot *copy);
void pq_memory_hot_free(pq_memory_store *s, pq_memory_hot *copy);

/* Open a driver on `s` (borrowed until close). With PQ_OPEN_READ every write fails with PQ_EPERM.
 * PQ_ENOMEM. */
int pq_memory_open(pq_memory_store *s, pq_open_mode mode, pq_driver **out) PQ_MUST_CHECK;

#endif
