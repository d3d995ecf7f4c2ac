/* log/boundary.h - the two small objects that say what a collector has removed, and what it must
 * not.
 *
 *   <ns>/boundary        {"entry": 41}: entries below 41 may be gone, and none of them may be made
 *                        again; ckpt/40 is there to start from. It only rises, by a put that
 *                        replaces what was read (pq_fetch_put_if)
 *   <ns>/pins/<reader>   {"entry": 40, "seconds": 3600}: what entry 40 names is being read until
 *                        an hour after this object was stored, by the store's clock
 *
 * Text as of log entries: "parquedb-boundary 2 <crc>", "parquedb-pin 2 <crc>".
 */
#ifndef PQ_LOG_BOUNDARY_H
#define PQ_LOG_BOUNDARY_H

#include "base/arena.h"
#include "base/buf.h"

enum { PQ_BOUNDARY_LEN_MAX = 4096 };

typedef struct pq_pin {
  uint64_t entry;
  uint64_t seconds;
} pq_pin;

/* Append the text. `entry` is 2 or more: a checkpoint comes before it. */
int pq_boundary_print(uint64_t entry, pq_buf *out) PQ_MUST_CHECK;
/* Parse the object `key`. PQ_ECORRUPT, PQ_EUNSUPPORTED. */
int pq_boundary_parse(pq_arena *scratch, const char *key, pq_slice text,
                      uint64_t *entry) PQ_MUST_CHECK;

int pq_pin_print(const pq_pin *pin, pq_buf *out) PQ_MUST_CHECK;
int pq_pin_parse(pq_arena *scratch, const char *key, pq_slice text, pq_pin *out) PQ_MUST_CHECK;

#endif
