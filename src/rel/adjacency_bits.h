/* rel/adjacency_bits.h - the edges of a node as bits: reading and writing the codes.
 *
 *   bit i of the stream is bit i % 8 (from the least) of byte i / 8
 *
 *   unary(n)    n zeros and a one
 *   gamma(n)    n >= 1 with b bits below its highest: unary(b), then those b bits
 *   rice(n, k)  unary(n >> k), then the k low bits; from PQ_RICE_ESCAPE on: that many zeros, a one,
 *               then n as 32 bits
 *
 * Numbers of several bits stand with their least bit first. doc/formats/adjacency.md. Behind the
 * end a reader finds zeros, which end no unary number: it stops there, and nothing outside is read.
 */
#ifndef PQ_REL_ADJACENCY_BITS_H
#define PQ_REL_ADJACENCY_BITS_H

#include "base/base.h"

enum {
  PQ_RICE_ESCAPE = 20,    /* it and 32 bits are fewer than a window has for certain: 57 */
  PQ_GAMMA_BITS_MAX = 28, /* twice that and one likewise */
  PQ_GAMMA_MAX = (1 << (PQ_GAMMA_BITS_MAX + 1)) - 1,
  PQ_RICE_K_MAX = 31
};

static inline unsigned pq_bit_width(uint64_t n) { /* 0: 0 */
  return n == 0 ? 0 : 64 - pq_leading_zeros(n);
}

/* The k that a run of `count` far ends among `node_count` nodes would have if they were spread
 * evenly; what it has is stored as the difference. */
static inline unsigned pq_rice_guess(uint32_t node_count, uint32_t count) {
  return count == 0 || node_count <= count ? 0 : pq_bit_width(node_count / count) - 1;
}

/* Bits of a predicate's number. */
static inline unsigned pq_predicate_width(uint32_t predicate_count) {
  return predicate_count < 2 ? 0 : pq_bit_width(predicate_count - 1);
}

/* ---- reading ---- */

typedef struct pq_bit_reader {
  const uint8_t *p;
  size_t len; /* bytes */
  uint64_t pos;
  bool is_bad; /* a number was too long, or not there */
} pq_bit_reader;

/* At least 57 bits from the position on, zeros behind the end. */
static inline uint64_t pq_bits_window(const pq_bit_reader *r) {
  size_t at = (size_t)(r->pos / 8);
  uint64_t bits;
  if (PQ_LIKELY(r->len >= 8 && at <= r->len - 8))
    bits = pq_rd64(r->p + at);
  else if (at >= r->len)
    bits = 0;
  else if (r->len >= 8)
    bits = pq_rd64(r->p + r->len - 8) >> 8 * (at - (r->len - 8));
  else
    bits = pq_rdn(r->p + at, (unsigned)(r->len - at));
  return bits >> r->pos % 8;
}

static inline uint64_t pq_bits_read(pq_bit_reader *r, unsigned n) { /* at most 57 */
  uint64_t bits = pq_bits_window(r) & (((uint64_t)1 << n) - 1);
  r->pos += n;
  return bits;
}

/* 0: it is bad. */
static inline uint32_t pq_gamma_read(pq_bit_reader *r) {
  uint64_t w = pq_bits_window(r);
  unsigned b = w == 0 ? 64 : pq_trailing_zeros(w);
  if (b > PQ_GAMMA_BITS_MAX) {
    r->is_bad = true;
    return 0;
  }
  r->pos += 2 * b + 1;
  return (uint32_t)(1u << b | (uint32_t)(w >> (b + 1) & ((1u << b) - 1)));
}

/* k is below 32. */
static inline uint32_t pq_rice_read(pq_bit_reader *r, unsigned k) {
  uint64_t w = pq_bits_window(r);
  unsigned q = pq_trailing_zeros(w | (uint64_t)1 << 63);
  if (PQ_LIKELY(q < PQ_RICE_ESCAPE)) {
    r->pos += q + 1 + k;
    return (uint32_t)((uint64_t)q << k | (w >> (q + 1) & (((uint64_t)1 << k) - 1)));
  }
  r->is_bad |= q > PQ_RICE_ESCAPE;
  r->pos += PQ_RICE_ESCAPE + 1 + 32;
  return (uint32_t)(w >> (PQ_RICE_ESCAPE + 1));
}

/* Is all of it read, but fewer than 8 bits, which are 0? */
static inline bool pq_bits_are_read(const pq_bit_reader *r) {
  uint64_t end = (uint64_t)r->len * 8;
  return !r->is_bad && r->pos <= end && end - r->pos < 8 && pq_bits_window(r) == 0;
}

/* ---- writing, into room that is known to be enough ---- */

typedef struct pq_bit_writer {
  uint8_t *p; /* where the next byte goes */
  uint64_t bits;
  unsigned count; /* of `bits`, below 8 between calls */
} pq_bit_writer;

static inline void pq_bits_write(pq_bit_writer *w, uint64_t bits, unsigned n) { /* at most 56 */
  w->bits |= bits << w->count;
  for (w->count += n; w->count >= 8; w->count -= 8, w->bits >>= 8)
    *w->p++ = (uint8_t)w->bits;
}

static inline void pq_gamma_write(pq_bit_writer *w, uint32_t n) {
  unsigned b = pq_bit_width(n) - 1;
  pq_bits_write(w, (uint64_t)1 << b, b + 1);
  pq_bits_write(w, n & (((uint64_t)1 << b) - 1), b);
}

static inline void pq_rice_write(pq_bit_writer *w, uint32_t n, unsigned k) {
  uint32_t q = n >> k;
  if (q >= PQ_RICE_ESCAPE) {
    pq_bits_write(w, (uint64_t)1 << PQ_RICE_ESCAPE, PQ_RICE_ESCAPE + 1);
    pq_bits_write(w, n, 32);
    return;
  }
  pq_bits_write(w, (uint64_t)1 << q, q + 1);
  pq_bits_write(w, n & (((uint64_t)1 << k) - 1), k);
}

static inline void pq_bits_end(pq_bit_writer *w) {
  if (w->count > 0) *w->p++ = (uint8_t)w->bits;
  w->bits = w->count = 0;
}

#endif
