/* port/driver_int.h - what the drivers share with each other. */
#ifndef PQ_PORT_DRIVER_INT_H
#define PQ_PORT_DRIVER_INT_H

#include "base/buf.h"
#include "port/driver.h"

/* Objects that are being written carry a name with this beginning; listings hide them. */
#define PQ_TEMPORARY_PREFIX ".tmp."

/* A vtable's `run` for drivers that answer in the order of asking: take, serve, repeat. */
void pq_driver_serve_all(pq_driver *d, pq_fetch *f);

/* PQ_OK when `key` names an object (or with `is_prefix` a folder: "" or ending with '/') that
 * lies inside the warehouse and is not one of its own files; else PQ_EPATH with a message. */
int pq_key_check(pq_cx *cx, const char *key, bool is_prefix) PQ_MUST_CHECK;

/* True for "~tmp/<name>": temporary objects (query/spill.h), which are never of the warehouse. */
bool pq_key_is_temporary(const char *key);
/* Is it "<namespace>/pins/<name>"? Those who only read put and delete such objects, too. */
bool pq_key_is_pin(const char *key);

/* True when a name of `n` bytes can be one part of a key. */
bool pq_key_part_is_valid(const char *part, size_t n);

/* True for the warehouse's own files, which stand at its top and are no objects. */
bool pq_key_is_reserved(const char *part, size_t n);

/* The next number of the splitmix64 sequence. */
uint64_t pq_random_next(uint64_t *state);
/* Fill `out` from the sequence. */
void pq_random_fill(uint64_t *state, uint8_t *out, size_t n);

#endif
