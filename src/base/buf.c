/* base/buf.c - see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

enum { CAP_MIN = 64, VARINT_LEN_MAX = 10 };

void pq_buf_init(pq_buf *b, pq_cx *cx, size_t len_max) {
  *b = (pq_buf){.cx = cx, .len_max = len_max};
}

void pq_buf_release(pq_buf *b) {
  if (b->p != NULL) pq_alloc(b->cx, b->p, b->cap, 0);
  *b = (pq_buf){0};
}

void pq_buf_clear(pq_buf *b) {
  b->len = 0;
}

int pq_buf_reserve(pq_buf *b, size_t more) {
  size_t need, cap;
  uint8_t *p;
  if (PQ_LIKELY(more <= b->cap - b->len)) return PQ_OK;
  if (!pq_add_size(b->len, more, &need) || need > b->len_max)
    return pq_fail(b->cx, PQ_ELIMIT, "buffer needs more than %zu bytes", b->len_max);
  cap = b->cap > SIZE_MAX / 2 ? need : b->cap * 2;
  if (cap < CAP_MIN) cap = CAP_MIN;
  if (cap < need) cap = need;
  if (cap > b->len_max) cap = b->len_max;
  p = pq_alloc(b->cx, b->p, b->cap, cap);
  if (p == NULL) return pq_fail_nomem(b->cx);
  b->p = p;
  b->cap = cap;
  return PQ_OK;
}

int pq_buf_put(pq_buf *b, const void *p, size_t n) {
  if (n == 0) return PQ_OK;
  PQ_TRY(pq_buf_reserve(b, n));
  memcpy(b->p + b->len, p, n);
  b->len += n;
  return PQ_OK;
}

int pq_buf_put_slice(pq_buf *b, pq_slice s) {
  return pq_buf_put(b, s.p, s.n);
}

int pq_buf_put_str(pq_buf *b, const char *text) {
  return pq_buf_put(b, text, strlen(text));
}

int pq_buf_put_u32(pq_buf *b, uint32_t v) {
  PQ_TRY(pq_buf_reserve(b, 4));
  pq_wr32(b->p + b->len, v);
  b->len += 4;
  return PQ_OK;
}

int pq_buf_put_u64(pq_buf *b, uint64_t v) {
  PQ_TRY(pq_buf_reserve(b, 8));
  pq_wr64(b->p + b->len, v);
  b->len += 8;
  return PQ_OK;
}

int pq_buf_put_varint(pq_buf *b, uint64_t v) {
  PQ_TRY(pq_buf_reserve(b, VARINT_LEN_MAX));
  while (v >= 0x80) {
    b->p[b->len++] = (uint8_t)(v | 0x80);
    v >>= 7;
  }
  b->p[b->len++] = (uint8_t)v;
  return PQ_OK;
}

int pq_buf_put_zigzag(pq_buf *b, int64_t v) {
  return pq_buf_put_varint(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

int pq_buf_printf(pq_buf *b, const char *fmt, ...) {
  va_list args;
  int n;
  va_start(args, fmt);
  n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  pq_assert(n >= 0);
  PQ_TRY(pq_buf_reserve(b, (size_t)n + 1));
  va_start(args, fmt);
  vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, args);
  va_end(args);
  b->len += (size_t)n;
  return PQ_OK;
}

bool pq_read_u8(pq_reader *r, uint8_t *out) {
  *out = 0;
  if (r->p == r->end) return false;
  *out = *r->p++;
  return true;
}

bool pq_read_u32(pq_reader *r, uint32_t *out) {
  *out = 0;
  if (pq_reader_left(r) < 4) return false;
  *out = pq_rd32(r->p);
  r->p += 4;
  return true;
}

bool pq_read_u64(pq_reader *r, uint64_t *out) {
  *out = 0;
  if (pq_reader_left(r) < 8) return false;
  *out = pq_rd64(r->p);
  r->p += 8;
  return true;
}

bool pq_read_varint(pq_reader *r, uint64_t *out) {
  const uint8_t *p = r->p;
  uint64_t v = 0;
  *out = 0;
  for (unsigned i = 0; i < VARINT_LEN_MAX && p != r->end; i++) {
    uint8_t byte = *p++;
    if (i == VARINT_LEN_MAX - 1 && byte > 1) return false; /* beyond 64 bits */
    v |= (uint64_t)(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) {
      r->p = p;
      *out = v;
      return true;
    }
  }
  return false;
}

bool pq_read_zigzag(pq_reader *r, int64_t *out) {
  uint64_t v;
  *out = 0;
  if (!pq_read_varint(r, &v)) return false;
  *out = (int64_t)(v >> 1 ^ (0 - (v & 1)));
  return true;
}

bool pq_read_bytes(pq_reader *r, size_t n, pq_slice *out) {
  *out = (pq_slice){0};
  if (n > pq_reader_left(r)) return false;
  *out = (pq_slice){r->p, n};
  r->p += n;
  return true;
}

bool pq_read_block(pq_reader *r, pq_slice *out) {
  pq_reader saved = *r;
  uint64_t n;
  size_t len;
  *out = (pq_slice){0};
  if (pq_read_varint(r, &n) && pq_to_size(n, &len) && pq_read_bytes(r, len, out)) return true;
  *r = saved;
  return false;
}
