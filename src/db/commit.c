/* db/commit.c - a write: events, one hot-tier call, then the overlay. See db.h.
 *
 *   add… ─► prepare: seq, ts, batches of ~1,000 events ─► append: durable, then visible
 *
 * Readers see an event only after its append succeeded. An append that failed or is unclear marks
 * the namespace stale: the next operation reads the tail again and finds out.
 */
#include <string.h>

#include "db/space_int.h"

enum { BATCH_EVENTS = 1000, BATCH_LEN = 8 << 20 };

int pq_commit_add(pq_commit *c, pq_arena *arena, const pq_event *e) {
  if (c->count == c->cap) {
    uint32_t cap = c->cap == 0 ? 16 : c->cap * 2;
    pq_event *events = pq_arena_calloc(arena, cap, sizeof *events);
    if (events == NULL) return arena->cx->code;
    if (c->count > 0) memcpy(events, c->events, c->count * sizeof *events);
    c->events = events;
    c->cap = cap;
  }
  c->events[c->count++] = *e;
  return PQ_OK;
}

void pq_commit_release(pq_commit *c) {
  for (uint32_t i = 0; i < c->raw_count; i++)
    pq_buf_release(&c->raws[i]);
  pq_buf_release(&c->request);
  *c = (pq_commit){0};
}

/* Close the open batch: its body goes to bodies[n], its raw bytes to the commit. */
static int end_batch(pq_commit *c, pq_batch_writer *w, pq_compressor *compressor, pq_op *op,
                     pq_hot_batch *batches) {
  uint32_t n = c->raw_count;
  uint64_t seq_lo = w->seq_lo;
  uint32_t count = w->count;
  pq_buf body;
  pq_slice copy;
  int rc;
  pq_buf_init(&body, op->cx, SIZE_MAX / 2);
  rc = pq_batch_finish(w, compressor, &body, &c->raws[n]);
  if (rc == PQ_OK) rc = pq_arena_copy(&op->arena, pq_buf_slice(&body), &copy);
  pq_buf_release(&body);
  if (c->raws[n].p != NULL) c->raw_count++;
  PQ_TRY(rc);
  c->raw_seq[n] = seq_lo;
  c->raw_events[n] = count;
  batches[n] = (pq_hot_batch){seq_lo, seq_lo + count - 1, copy};
  return PQ_OK;
}

static int encode(pq_commit *c, pq_space *s, pq_op *op, pq_batch_writer *w, pq_hot_batch *batches) {
  uint64_t seq = s->seq;
  for (uint32_t i = 0; i < c->count; i++) {
    pq_event *e = &c->events[i];
    if (w->count == BATCH_EVENTS || (w->count > 0 && w->raw.len > BATCH_LEN))
      PQ_TRY(end_batch(c, w, &s->db->compressor, op, batches));
    e->seq = ++seq;
    e->ts = c->ts;
    if (e->created_at == 0) e->created_at = c->ts; /* created by this very event */
    PQ_TRY(pq_batch_add(w, e));
  }
  if (w->count > 0) PQ_TRY(end_batch(c, w, &s->db->compressor, op, batches));
  c->seq_hi = seq;
  return PQ_OK;
}

int pq_commit_prepare(pq_commit *c, pq_space *s, pq_op *op) {
  uint32_t batch_max = c->count; /* at worst one event each */
  pq_hot_request request = {
      .op = PQ_HOT_APPEND, .epoch = s->epoch, .durability = s->db->durability};
  pq_batch_writer w;
  int rc;
  pq_assert(c->count > 0 && c->raw_count == 0);
  c->ts = op->now_us > s->ts ? op->now_us : s->ts + 1;
  c->raws = pq_arena_calloc(&op->arena, batch_max, sizeof *c->raws);
  c->raw_seq = pq_arena_calloc(&op->arena, batch_max, sizeof *c->raw_seq);
  c->raw_events = pq_arena_calloc(&op->arena, batch_max, sizeof *c->raw_events);
  request.batches = pq_arena_calloc(&op->arena, batch_max, sizeof *request.batches);
  if (c->raws == NULL || c->raw_seq == NULL || c->raw_events == NULL || request.batches == NULL)
    return op->cx->code;
  pq_batch_writer_init(&w, op->cx);
  rc = encode(c, s, op, &w, request.batches);
  pq_batch_writer_release(&w);
  PQ_TRY(rc);
  request.batch_count = c->raw_count;
  pq_buf_init(&c->request, op->cx, SIZE_MAX / 2);
  return pq_hot_put_request(&c->request, &request);
}

int pq_commit_append(pq_commit *c, pq_space *s, pq_op *op) {
  pq_slice reply;
  int rc = pq_fetch_hot(&op->fetch, s->ns, pq_buf_slice(&c->request), &reply);
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_EFENCED) s->is_fenced = true;
  if (rc != PQ_OK) {
    s->is_stale = true;
    return rc;
  }
  for (uint32_t i = 0; i < c->raw_count; i++) {
    rc = pq_overlay_add_batch(s->overlay, &c->raws[i], c->raw_seq[i], c->raw_events[i], s->seq);
    if (rc == PQ_OK) continue;
    s->is_stale = true; /* durable, but not all of it in memory */
    return pq_fail(op->cx, PQ_EIO, "the change is stored, but memory does not have it: %s",
                   op->cx->msg);
  }
  s->seq = c->seq_hi;
  s->ts = c->ts;
  return PQ_OK;
}
