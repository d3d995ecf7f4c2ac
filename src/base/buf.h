/* base/buf.h - a growable byte buffer that knows its maximum.
 *
 * Growth past the maximum is PQ_ELIMIT; out of memory is PQ_ENOMEM. Failed appends leave the
 * content as it was.
 */
#ifndef PQ_BASE_BUF_H
#define PQ_BASE_BUF_H

#include <string.h>

#include "base/base.h"

typedef struct pq_buf {
  pq_cx *cx;  /* borrowed */
  uint8_t *p; /* owned */
  size_t len;
  size_t cap;
  size_t len_max;
} pq_buf;

/* Prepare an empty buffer of at most `len_max` bytes. Allocates nothing. */
void pq_buf_init(pq_buf *b, pq_cx *cx, size_t len_max);
/* Free it. Safe on a zeroed buffer. */
void pq_buf_release(pq_buf *b);
/* Make it empty, keep the memory. */
void pq_buf_clear(pq_buf *b);

/* Make room for `more` bytes beyond `len`. */
int pq_buf_reserve(pq_buf *b, size_t more) PQ_MUST_CHECK;
int pq_buf_put(pq_buf *b, const void *p, size_t n) PQ_MUST_CHECK;
int pq_buf_put_slice(pq_buf *b, pq_slice s) PQ_MUST_CHECK;
int pq_buf_put_str(pq_buf *b, const char *text) PQ_MUST_CHECK;
static inline PQ_MUST_CHECK int pq_buf_put_byte(pq_buf *b, uint8_t v) {
  if (b->len == b->cap) PQ_TRY(pq_buf_reserve(b, 1));
  b->p[b->len++] = v;
  return PQ_OK;
}
int pq_buf_put_u32(pq_buf *b, uint32_t v) PQ_MUST_CHECK;    /* little-endian */
int pq_buf_put_u64(pq_buf *b, uint64_t v) PQ_MUST_CHECK;    /* little-endian */
int pq_buf_put_varint(pq_buf *b, uint64_t v) PQ_MUST_CHECK; /* LEB128 */
int pq_buf_put_zigzag(pq_buf *b, int64_t v) PQ_MUST_CHECK;  /* zigzag, then LEB128 */
int pq_buf_printf(pq_buf *b, const char *fmt, ...) PQ_PRINTF(2, 3) PQ_MUST_CHECK;

static inline pq_slice pq_buf_slice(const pq_buf *b) {
  return (pq_slice){b->p, b->len};
}

/* ---- a bounded reader over untrusted bytes ---- */
typedef struct pq_reader {
  const uint8_t *p;   /* next byte */
  const uint8_t *end; /* one past the last */
} pq_reader;

static inline pq_reader pq_reader_of(pq_slice s) {
  return (pq_reader){s.p, s.p == NULL ? NULL : s.p + s.n};
}
static inline size_t pq_reader_left(const pq_reader *r) {
  return (size_t)(r->end - r->p);
}
/* Each returns false, leaving the reader alone, when the bytes do not suffice or are malformed. */
bool pq_read_u8(pq_reader *r, uint8_t *out);
bool pq_read_u32(pq_reader *r, uint32_t *out);
bool pq_read_u64(pq_reader *r, uint64_t *out);
bool pq_read_varint(pq_reader *r, uint64_t *out); /* at most 10 bytes, no overflow */
bool pq_read_zigzag(pq_reader *r, int64_t *out);
bool pq_read_bytes(pq_reader *r, size_t n, pq_slice *out);
/* A varint length, then that many bytes. */
bool pq_read_block(pq_reader *r, pq_slice *out);

#endif
