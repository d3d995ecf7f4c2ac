/* port/drive_shuffle.h - a test driver that answers one request at a time, in random order.
 *
 * Each run() completes exactly one of the pending requests of the set, chosen by the seed, through
 * another driver. So every stage is re-run with every kind of partial answer, which finds stages
 * that break the restart rule.
 */
#ifndef PQ_PORT_DRIVE_SHUFFLE_H
#define PQ_PORT_DRIVE_SHUFFLE_H

#include "port/driver.h"

/* Wrap `inner`, which is taken: closing the new driver closes it. On failure it stays the
 * caller's. Clock and random bytes are those of `inner`. PQ_ENOMEM. */
int pq_shuffle_open(pq_cx *cx, pq_driver *inner, uint64_t seed, pq_driver **out) PQ_MUST_CHECK;

#endif
