/* io/hot.c - see hot.h. All numbers little-endian:
 *
 *   request  | u8 op | u64 epoch |                                       OPEN, READ
 *            | ...   | u64 seq_hi | i64 ts_hi |                          TRIM
 *            | ...   | u32 durability | u32 count | batch ... |          APPEND
 *   state    | u8 'S' | u64 epoch | u64 seq_hi | i64 ts_hi | u32 count | batch ... |
 *   batch    | u64 seq_lo | u64 seq_hi | u32 len | body[len] |
 *
 * Invariants, checked when writing (assertions) and when reading (PQ_ECORRUPT): batches follow
 * each other without a gap, the first of a state reaches past the flush position and does not
 * leave a gap after it, nothing stands behind the last one.
 */
#include "io/hot.h"

enum { STATE_TAG = 'S', BATCH_HEAD_LEN = 20, REQUEST_HEAD_LEN = 9, STATE_HEAD_LEN = 29 };
enum { DURABILITY_MAX = 2 };

/* Bytes of the batches; checked, because bodies may add up to more than memory. */
static bool batches_len(const pq_hot_batch *batches, uint32_t count, size_t *out) {
  size_t len = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (batches[i].body.n > UINT32_MAX) return false;
    if (!pq_add_size(len, BATCH_HEAD_LEN, &len)) return false;
    if (!pq_add_size(len, batches[i].body.n, &len)) return false;
  }
  *out = len;
  return true;
}

static int put_batch_head(pq_buf *out, uint64_t seq_lo, uint64_t seq_hi, size_t len) {
  pq_assert(seq_lo > 0);
  pq_assert(seq_lo <= seq_hi);
  PQ_TRY(pq_buf_put_u64(out, seq_lo));
  PQ_TRY(pq_buf_put_u64(out, seq_hi));
  return pq_buf_put_u32(out, (uint32_t)len);
}

static int put_batches(pq_buf *out, const pq_hot_batch *batches, uint32_t count) {
  PQ_TRY(pq_buf_put_u32(out, count));
  for (uint32_t i = 0; i < count; i++) {
    const pq_hot_batch *b = &batches[i];
    pq_assert(i == 0 || b->seq_lo == batches[i - 1].seq_hi + 1);
    PQ_TRY(put_batch_head(out, b->seq_lo, b->seq_hi, b->body.n));
    PQ_TRY(pq_buf_put_slice(out, b->body));
  }
  return PQ_OK;
}

/* Reserve everything at once: a failure leaves `out` as it was, and no growth by doubling. */
static int reserve(pq_buf *out, size_t head_len, const pq_hot_batch *batches, uint32_t count) {
  size_t len;
  if (!batches_len(batches, count, &len) || !pq_add_size(len, head_len, &len))
    return pq_fail(out->cx, PQ_ELIMIT, "hot tier: %u batches are too long", (unsigned)count);
  return pq_buf_reserve(out, len);
}

int pq_hot_put_request(pq_buf *out, const pq_hot_request *r) {
  uint32_t count = r->op == PQ_HOT_APPEND ? r->batch_count : 0;
  pq_assert(r->op >= PQ_HOT_OPEN);
  pq_assert(r->op <= PQ_HOT_TRIM);
  PQ_TRY(reserve(out, REQUEST_HEAD_LEN + 16, r->batches, count));
  PQ_TRY(pq_buf_put_byte(out, (uint8_t)r->op));
  PQ_TRY(pq_buf_put_u64(out, r->epoch));
  if (r->op == PQ_HOT_TRIM) {
    PQ_TRY(pq_buf_put_u64(out, r->seq_hi));
    return pq_buf_put_u64(out, (uint64_t)r->ts_hi);
  }
  if (r->op != PQ_HOT_APPEND) return PQ_OK;
  pq_assert(r->durability <= DURABILITY_MAX);
  pq_assert(count > 0);
  PQ_TRY(pq_buf_put_u32(out, r->durability));
  return put_batches(out, r->batches, count);
}

static int put_state_head(pq_buf *out, const pq_hot_state *s) {
  PQ_TRY(pq_buf_put_byte(out, STATE_TAG));
  PQ_TRY(pq_buf_put_u64(out, s->epoch));
  PQ_TRY(pq_buf_put_u64(out, s->seq_hi));
  return pq_buf_put_u64(out, (uint64_t)s->ts_hi);
}

int pq_hot_put_state(pq_buf *out, const pq_hot_state *s) {
  PQ_TRY(reserve(out, STATE_HEAD_LEN, s->batches, s->batch_count));
  PQ_TRY(put_state_head(out, s));
  return put_batches(out, s->batches, s->batch_count);
}

int pq_hot_begin_state(pq_hot_writer *w, pq_buf *out, const pq_hot_state *s) {
  *w = (pq_hot_writer){.out = out};
  pq_assert(s->batch_count == 0);
  PQ_TRY(put_state_head(out, s));
  w->count_off = out->len;
  return put_batches(out, NULL, 0);
}

int pq_hot_add_batch(pq_hot_writer *w, const pq_hot_batch *b) {
  pq_assert(w->count == 0 || b->seq_lo == w->last.seq_hi + 1);
  if (w->count == UINT32_MAX) return pq_fail(w->out->cx, PQ_ELIMIT, "hot tier: too many batches");
  PQ_TRY(put_batch_head(w->out, b->seq_lo, b->seq_hi, 0));
  w->len_off = w->out->len - 4;
  w->last = (pq_hot_batch){.seq_lo = b->seq_lo, .seq_hi = b->seq_hi};
  pq_wr32(w->out->p + w->count_off, ++w->count);
  return pq_hot_add_body(w, b->body);
}

int pq_hot_add_body(pq_hot_writer *w, pq_slice more) {
  pq_assert(w->count > 0);
  if (more.n > UINT32_MAX - w->last.body.n)
    return pq_fail(w->out->cx, PQ_ELIMIT, "hot tier: a batch is too long");
  PQ_TRY(pq_buf_put_slice(w->out, more));
  w->last.body.n += more.n;
  pq_wr32(w->out->p + w->len_off, (uint32_t)w->last.body.n);
  return PQ_OK;
}

static bool read_i64(pq_reader *r, int64_t *out) {
  uint64_t v;
  bool is_read = pq_read_u64(r, &v);
  *out = (int64_t)v;
  return is_read;
}

static int fail_format(pq_arena *a, const char *what) {
  return pq_fail(a->cx, PQ_ECORRUPT, "hot tier: malformed %s", what);
}

/* Read the batches, which are the rest of the bytes. */
static int parse_batches(pq_arena *a, pq_reader *r, pq_hot_batch **out, uint32_t *out_count) {
  uint32_t count, len;
  pq_hot_batch *batches;
  *out = NULL;
  *out_count = 0;
  if (!pq_read_u32(r, &count)) return fail_format(a, "batch count");
  if (count > pq_reader_left(r) / BATCH_HEAD_LEN) return fail_format(a, "batch count");
  batches = pq_arena_calloc(a, count, sizeof *batches);
  if (batches == NULL) return a->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_hot_batch *b = &batches[i];
    if (!pq_read_u64(r, &b->seq_lo) || !pq_read_u64(r, &b->seq_hi) || !pq_read_u32(r, &len) ||
        !pq_read_bytes(r, len, &b->body))
      return fail_format(a, "batch: it is cut off");
    if (b->seq_lo == 0 || b->seq_lo > b->seq_hi || b->seq_hi > INT64_MAX)
      return fail_format(a, "batch: impossible sequence numbers");
    if (i > 0 && b->seq_lo != batches[i - 1].seq_hi + 1)
      return pq_fail(a->cx, PQ_ECORRUPT, "hot tier: batch at %llu does not follow the one to %llu",
                     (unsigned long long)b->seq_lo, (unsigned long long)batches[i - 1].seq_hi);
  }
  *out = batches;
  *out_count = count;
  return PQ_OK;
}

int pq_hot_parse_request(pq_arena *arena, pq_slice in, pq_hot_request *out) {
  pq_reader r = pq_reader_of(in);
  pq_hot_request q = {0};
  uint8_t op;
  *out = (pq_hot_request){0};
  if (!pq_read_u8(&r, &op) || op < PQ_HOT_OPEN || op > PQ_HOT_TRIM || !pq_read_u64(&r, &q.epoch))
    return fail_format(arena, "request");
  q.op = (pq_hot_op)op;
  if (q.op == PQ_HOT_TRIM) {
    if (!pq_read_u64(&r, &q.seq_hi) || q.seq_hi > INT64_MAX || !read_i64(&r, &q.ts_hi))
      return fail_format(arena, "request");
  } else if (q.op == PQ_HOT_APPEND) {
    if (!pq_read_u32(&r, &q.durability) || q.durability > DURABILITY_MAX)
      return fail_format(arena, "durability");
    PQ_TRY(parse_batches(arena, &r, &q.batches, &q.batch_count));
    if (q.batch_count == 0) return fail_format(arena, "append: it is empty");
  }
  if (pq_reader_left(&r) != 0) return fail_format(arena, "request: bytes behind its end");
  *out = q;
  return PQ_OK;
}

int pq_hot_parse_state(pq_arena *arena, pq_slice in, pq_hot_state *out) {
  pq_reader r = pq_reader_of(in);
  pq_hot_state s = {0};
  uint8_t tag;
  *out = (pq_hot_state){0};
  if (!pq_read_u8(&r, &tag) || tag != STATE_TAG || !pq_read_u64(&r, &s.epoch) ||
      !pq_read_u64(&r, &s.seq_hi) || s.seq_hi > INT64_MAX || !read_i64(&r, &s.ts_hi))
    return fail_format(arena, "state");
  PQ_TRY(parse_batches(arena, &r, &s.batches, &s.batch_count));
  if (pq_reader_left(&r) != 0) return fail_format(arena, "state: bytes behind its end");
  if (s.batch_count > 0 && s.batches[0].seq_hi <= s.seq_hi)
    return fail_format(arena, "state: a batch before the flush position");
  if (s.batch_count > 0 && s.batches[0].seq_lo > s.seq_hi + 1)
    return pq_fail(arena->cx, PQ_ECORRUPT, "hot tier: events %llu to %llu are missing",
                   (unsigned long long)s.seq_hi + 1, (unsigned long long)s.batches[0].seq_lo - 1);
  *out = s;
  return PQ_OK;
}
