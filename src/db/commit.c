/* db/commit.c - events become batches of ~1,000, and those one request to the hot tier. See db.h.
 *
 * Batches of one commit are encoded side by side through the driver's task runner; where one ends
 * and the next begins depends on the events alone, so the bytes are the same whoever ran.
 */
#include <string.h>

#include "db/space_int.h"

enum { BATCH_EVENTS = 1000, BATCH_LEN = 8 << 20 };

/* One batch to encode: a context of its own, results that the commit takes. */
typedef struct batch_task {
  const pq_event *events; /* borrowed */
  uint32_t count;
  pq_compressor *compressor; /* NULL: one of its own */
  pq_cx cx;
  pq_buf body, raw; /* owned until taken */
  int rc;
} batch_task;

int pq_commit_expect(pq_commit *c, pq_arena *arena, uint32_t count) {
  pq_event *events;
  if (count <= c->cap - c->count) return PQ_OK;
  if (count > UINT32_MAX - c->count)
    return pq_fail(arena->cx, PQ_ELIMIT, "more than %u changes at once", UINT32_MAX);
  events = pq_arena_array(arena, c->count + count, sizeof *events);
  if (events == NULL) return arena->cx->code;
  if (c->count > 0) memcpy(events, c->events, c->count * sizeof *events);
  c->events = events;
  c->cap = c->count + count;
  return PQ_OK;
}

int pq_commit_add(pq_commit *c, pq_arena *arena, const pq_event *e) {
  if (c->count == c->cap) PQ_TRY(pq_commit_expect(c, arena, c->cap == 0 ? 16 : c->cap * 3));
  c->events[c->count++] = *e;
  return PQ_OK;
}

void pq_commit_release(pq_commit *c) {
  pq_commit_leave(c);
  pq_bulk_free(c->bulk);
  for (uint32_t i = 0; i < c->raw_count; i++)
    pq_buf_release(&c->raws[i]);
  pq_buf_release(&c->request);
  *c = (pq_commit){0};
}

/* ---- batches ---- */

/* About what the raw bytes take, so that they need not be moved as they grow. */
static size_t raw_len(const batch_task *t, size_t max) {
  uint64_t len = 0;
  for (uint32_t i = 0; i < t->count; i++)
    len += (uint64_t)t->events[i].after.len + t->events[i].id.n + 16;
  return len < max ? (size_t)len : max;
}

static int encode_batch(batch_task *t) {
  pq_batch_writer w;
  pq_compressor own;
  int rc;
  pq_batch_writer_init(&w, &t->cx);
  pq_compressor_init(&own, &t->cx);
  pq_buf_init(&t->body, &t->cx, SIZE_MAX / 2);
  rc = pq_buf_reserve(&w.raw, raw_len(t, w.raw.len_max));
  for (uint32_t i = 0; i < t->count && rc == PQ_OK; i++)
    rc = pq_batch_add(&w, &t->events[i]);
  if (rc == PQ_OK)
    rc = pq_batch_finish(&w, t->compressor != NULL ? t->compressor : &own, &t->body, &t->raw);
  pq_compressor_release(&own);
  pq_batch_writer_release(&w);
  return rc;
}

static void run_batch(void *ctx, uint32_t i) {
  batch_task *t = &((batch_task *)ctx)[i];
  t->rc = encode_batch(t);
}

/* Cut the events into batches. */
static int make_tasks(const pq_space *s, pq_op *op, const pq_event *events, uint32_t event_count,
                      batch_task **out, uint32_t *count) {
  uint32_t cap = event_count / BATCH_EVENTS + 2, n = 0;
  uint64_t len = 0, total = 0;
  bool is_late = /* a chain begins here: log/chain.h */
      pq_digest_is_there() && s->seq > 0 && !pq_link_is_set(s->link);
  batch_task *tasks;
  *out = NULL;
  *count = 0;
  for (uint32_t i = 0; i < event_count; i++)
    total += events[i].after.len;
  cap += (uint32_t)(total / BATCH_LEN < event_count ? total / BATCH_LEN : event_count);
  tasks = pq_arena_calloc(&op->arena, cap, sizeof *tasks);
  if (tasks == NULL) return op->cx->code;
  for (uint32_t i = 0; i < event_count; i++) {
    const pq_event *e = &events[i];
    if (i == 0 || tasks[n - 1].count == BATCH_EVENTS || len > BATCH_LEN || (i == 1 && is_late)) {
      tasks[n++].events = e;
      len = 0;
    }
    tasks[n - 1].count++;
    len += e->after.len;
  }
  for (uint32_t i = 0; i < n; i++)
    pq_task_cx(&tasks[i].cx, op->cx);
  *out = tasks;
  *count = n;
  return PQ_OK;
}

/* The raw bytes become the commit's, the bodies the request's. */
static int take_batches(pq_commit *c, const pq_space *s, pq_op *op, batch_task *tasks,
                        uint32_t count) {
  pq_hot_request request = {
      .op = PQ_HOT_APPEND, .epoch = s->epoch, .durability = s->db->durability};
  request.batches = pq_arena_calloc(&op->arena, count, sizeof *request.batches);
  c->raws = pq_arena_calloc(&op->arena, count, sizeof *c->raws);
  c->raw_seq = pq_arena_calloc(&op->arena, count, sizeof *c->raw_seq);
  c->raw_events = pq_arena_calloc(&op->arena, count, sizeof *c->raw_events);
  if (c->raws == NULL || c->raw_seq == NULL || c->raw_events == NULL || request.batches == NULL)
    return op->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    batch_task *t = &tasks[i];
    uint64_t seq_lo = t->events[0].seq;
    if (t->rc != PQ_OK) return pq_fail(op->cx, t->rc, "%s", t->cx.msg);
    pq_batch_seal(&t->body, &t->raw, i == 0 ? s->link : c->link, c->link);
    c->raws[i] = t->raw;
    c->raws[i].cx = op->cx; /* the overlay keeps it longer than the task */
    t->raw = (pq_buf){0};
    c->raw_count = i + 1;
    c->raw_seq[i] = seq_lo;
    c->raw_events[i] = t->count;
    request.batches[i] = (pq_hot_batch){seq_lo, seq_lo + t->count - 1, pq_buf_slice(&t->body)};
  }
  request.batch_count = count;
  pq_buf_init(&c->request, op->cx, SIZE_MAX / 2);
  return pq_hot_put_request(&c->request, &request);
}

int pq_commit_encode(pq_commit *c, pq_space *s, pq_op *op, const pq_event *events,
                     uint32_t event_count) {
  const pq_task_runner *runner = &s->db->runner;
  batch_task *tasks;
  uint32_t count;
  int rc;
  pq_assert(event_count > 0 && c->raw_count == 0);
  PQ_TRY(make_tasks(s, op, events, event_count, &tasks, &count));
  if (count > 1 && runner->run != NULL) {
    runner->run(runner->ud, run_batch, tasks, count);
  } else {
    for (uint32_t i = 0; i < count; i++) {
      tasks[i].compressor = &s->db->compressor;
      run_batch(tasks, i);
    }
  }
  rc = take_batches(c, s, op, tasks, count);
  for (uint32_t i = 0; i < count; i++) {
    pq_buf_release(&tasks[i].raw);
    pq_buf_release(&tasks[i].body);
  }
  return rc;
}
