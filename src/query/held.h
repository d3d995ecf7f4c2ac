/* query/held.h - one value kept in a buffer that is used again for the next one. */
#ifndef PQ_QUERY_HELD_H
#define PQ_QUERY_HELD_H

#include "base/buf.h"
#include "query/trim.h"

typedef struct pq_held {
  pq_buf bytes;
  pq_value value; /* in `bytes`; missing: none */
} pq_held;

static inline void pq_held_init(pq_held *h, pq_cx *cx) {
  *h = (pq_held){{0}, {0}};
  pq_buf_init(&h->bytes, cx, SIZE_MAX / 4);
}

static inline void pq_held_release(pq_held *h) {
  pq_buf_release(&h->bytes);
  h->value = (pq_value){0};
}

/* `v` must not be in this buffer. */
static inline PQ_MUST_CHECK int pq_held_set(pq_held *h, pq_value v) {
  v = pq_value_trim(v);
  h->value = (pq_value){0};
  pq_buf_clear(&h->bytes);
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(pq_buf_put(&h->bytes, v.meta, v.meta_len));
  PQ_TRY(pq_buf_put(&h->bytes, v.p, v.len));
  h->value = (pq_value){h->bytes.p, h->bytes.p + v.meta_len, v.meta_len, v.len};
  return PQ_OK;
}

#endif
