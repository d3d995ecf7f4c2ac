/* io/hot.h - the hot tier's five calls, as bytes, so that any driver can serve them.
 *
 * The hot tier is a small transactional store: SQLite on a disk, the Durable Object's own SQLite
 * at the edge, arrays in memory. The engine sees only these calls; each is one transaction.
 *
 *   state per namespace:  epoch, seq_hi (flush position), ts_hi, and batches:
 *
 *     seq_lo  seq_hi  body            rows of one batch are chunks of at most 1.9 MB
 *        1     1000   PQB1…           (the driver splits and joins; the engine sees whole bodies)
 *     1001     1734   PQB1…
 *
 * OPEN    raise the epoch by one, and at least to the request's (the caller becomes the writer),
 *         return the state.
 * READ    one read transaction: flush position and all batches after it, in order.
 * APPEND  add batches if the epoch is still mine and seq_lo = last seq + 1, durable on return.
 * TRIM    if the epoch is still mine: set the flush position, remove batches with seq_hi <= it.
 * A wrong epoch is PQ_EFENCED; nothing is changed then.
 *
 * Request bytes: u8 op | u64 epoch | op's own fields, little-endian. All are built and read here,
 * so the drivers and the engine share one definition.
 */
#ifndef PQ_IO_HOT_H
#define PQ_IO_HOT_H

#include "base/arena.h"
#include "base/buf.h"

typedef enum pq_hot_op {
  PQ_HOT_OPEN = 1,
  PQ_HOT_READ = 2,
  PQ_HOT_APPEND = 3,
  PQ_HOT_TRIM = 4
} pq_hot_op;

/* Chunk size of a batch row: a Durable Object's SQLite refuses values above 2 MB. */
enum { PQ_HOT_CHUNK_LEN_MAX = 1900000 };

typedef struct pq_hot_batch {
  uint64_t seq_lo, seq_hi; /* first and last event */
  pq_slice body;           /* opaque here; log/batch.h */
} pq_hot_batch;

typedef struct pq_hot_request {
  pq_hot_op op;
  uint64_t epoch;        /* APPEND, TRIM: the writer's. OPEN: the least that it must become */
  uint64_t seq_hi;       /* TRIM: the new flush position */
  int64_t ts_hi;         /* TRIM: its time, µs */
  uint32_t durability;   /* APPEND: 0 full, 1 normal, 2 off */
  pq_hot_batch *batches; /* APPEND */
  uint32_t batch_count;
} pq_hot_request;

typedef struct pq_hot_state { /* reply of OPEN (no batches) and READ */
  uint64_t epoch;
  uint64_t seq_hi; /* flush position */
  int64_t ts_hi;
  pq_hot_batch *batches; /* READ: after the flush position, in order */
  uint32_t batch_count;
} pq_hot_state;

/* Append the bytes of a request or a state to `out`. */
int pq_hot_put_request(pq_buf *out, const pq_hot_request *r) PQ_MUST_CHECK;
int pq_hot_put_state(pq_buf *out, const pq_hot_state *s) PQ_MUST_CHECK;

/* The bytes of a state as its batches are read, so that bodies are copied once: begin with one that
 * has no batches, then add a batch (which must follow the one before) or more of the last one's
 * body. After a failure what was appended is of no use. */
typedef struct pq_hot_writer {
  pq_buf *out;      /* borrowed */
  size_t count_off; /* of the number of batches */
  size_t len_off;   /* of the length of the last batch */
  pq_hot_batch last;
  uint32_t count;
} pq_hot_writer;
int pq_hot_begin_state(pq_hot_writer *w, pq_buf *out, const pq_hot_state *s) PQ_MUST_CHECK;
int pq_hot_add_batch(pq_hot_writer *w, const pq_hot_batch *b) PQ_MUST_CHECK;
int pq_hot_add_body(pq_hot_writer *w, pq_slice more) PQ_MUST_CHECK;

/* Parse; arrays go into `arena`, bodies borrow from `in`. PQ_ECORRUPT when malformed. */
int pq_hot_parse_request(pq_arena *arena, pq_slice in, pq_hot_request *out) PQ_MUST_CHECK;
int pq_hot_parse_state(pq_arena *arena, pq_slice in, pq_hot_state *out) PQ_MUST_CHECK;

#endif
