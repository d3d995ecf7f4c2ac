/* query/spill.h - temporary files of one operation: runs of values that did not fit into memory.
 *
 *   writer:  value value value │ value value │ …     blocks of about 1 MB, one object each
 *   reader:  block by block, the next one asked for when the one before is empty
 *
 * The objects are named "~tmp/<operation>-<n>": a name that no warehouse has. A driver keeps them
 * where temporary things are kept (a file of the operating system that nobody else sees, memory);
 * one that has no such place answers PQ_EUNSUPPORTED, and the operation ends with PQ_ELIMIT.
 * Readers delete what they have read. A hash of each block stays in memory: what is read back is
 * what was written, or PQ_ECORRUPT.
 *
 * Nothing here borrows from the fetch set once a call returned PQ_OK: it may be cleared then. A
 * call that returned PQ_NEED_IO has changed nothing and is made again.
 */
#ifndef PQ_QUERY_SPILL_H
#define PQ_QUERY_SPILL_H

#include "base/arena.h"
#include "io/fetch.h"
#include "value/variant.h"

typedef struct pq_spill pq_spill;

/* `name` is unique among running operations of the warehouse. PQ_ENOMEM. */
int pq_spill_new(pq_cx *cx, uint64_t name, pq_spill **out) PQ_MUST_CHECK;
/* Free; takes NULL. Objects that are left are removed with pq_spill_drop before. Runs are freed
 * before too. */
void pq_spill_free(pq_spill *s);
/* Delete all objects that are left; nothing is written or read any more. PQ_NEED_IO. */
int pq_spill_drop(pq_spill *s, pq_fetch *f) PQ_MUST_CHECK;
/* What was written so far, for explain. */
uint64_t pq_spill_bytes(const pq_spill *s);
/* Are objects left, so that pq_spill_drop has something to do? */
bool pq_spill_is_used(const pq_spill *s);

typedef struct pq_spill_run pq_spill_run;
int pq_spill_run_new(pq_spill *s, pq_spill_run **out) PQ_MUST_CHECK;
void pq_spill_run_free(pq_spill_run *r);
/* Append a value. PQ_NEED_IO: a block is being written, call again with the same value. */
int pq_spill_put(pq_spill_run *r, pq_fetch *f, pq_value v) PQ_MUST_CHECK;
/* No more values; then read from the first on. */
int pq_spill_rewind(pq_spill_run *r, pq_fetch *f) PQ_MUST_CHECK;
/* The next value, borrowed until the next call for this run; missing behind the last. */
int pq_spill_get(pq_spill_run *r, pq_fetch *f, pq_value *out) PQ_MUST_CHECK;

/* ---- records: `count` values, missing ones too, that are written and read together ---- */
int pq_spill_put_record(pq_spill_run *r, pq_fetch *f, const pq_value *values,
                        uint32_t count) PQ_MUST_CHECK;
/* The next record with the `count` it was written with; *is_end behind the last. */
int pq_spill_get_record(pq_spill_run *r, pq_fetch *f, pq_value *out, uint32_t count,
                        bool *is_end) PQ_MUST_CHECK;
/* Write the block if it is full: the next put of a record will not have to wait. */
int pq_spill_ready(pq_spill_run *r, pq_fetch *f) PQ_MUST_CHECK;

#endif
