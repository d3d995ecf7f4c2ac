/* db/bulk.c - see bulk.h: stages of a bulk write, between the decision and the overlay's next seq.
 *
 *   begin: seqs, times, links ─► encode (flush_encode.c) ─► row ─► PUT files ─► APPEND ─► after
 *
 * Its state is a flush that never makes an entry: of an overlay that holds the commit's events.
 */
#include "db/bulk.h"

#include <string.h>

#include "db/flush_int.h"
#include "db/txn.h"
#include "db/works.h"

/* A link of the hash chain covers so much at most, as one of an ordinary batch does. */
enum { LINK_EVENTS = 1000, LINK_LEN = 4 << 20 };

struct pq_bulk {
  pq_flush flush; /* first, as the stages of a flush find it by op->sub */
  pq_space *space;
  const void *owner; /* of the write slot */
  pq_overlay events; /* the commit's */
  uint64_t seq_lo;
  int64_t ts;
  uint8_t link[PQ_DIGEST_LEN];
  pq_bulk_record record;
  pq_buf request; /* the APPEND call, owned */
  pq_stage_fn after;
  bool is_sent; /* the append is under way */
};

static pq_bulk *bulk_of(pq_op *op) {
  return op->sub;
}

void pq_bulk_free(pq_bulk *b) {
  pq_cx *cx;
  if (b == NULL) return;
  cx = b->space->db->cx;
  if (b->is_sent) b->space->is_stale = true; /* whether it is stored, the hot tier knows */
  pq_flush_release(&b->flush);
  pq_overlay_release(&b->events);
  pq_buf_release(&b->request);
  pq_alloc(cx, b, sizeof *b, 0);
}

/* ---- which commits ---- */

static bool is_new(const pq_event *e, const pq_overlay *tail) {
  if (e->target != PQ_TARGET_ENTITY || e->op != PQ_EVENT_CREATE || e->version != 1) return false;
  if (e->prev != 0 || e->where_file.n > 0) return false;
  return pq_overlay_entity(tail, e->id, UINT64_MAX) == NULL;
}

bool pq_bulk_fits(const pq_commit *c, const pq_space *s) {
  uint32_t min = s->db->thresholds.bulk;
  bool is_late = /* a chain begins here, with a batch of one event: log/chain.h */
      pq_digest_is_there() && s->seq > 0 && !pq_link_is_set(s->link);
  if (min == 0 || c->count < min || is_late || c->is_ordinary) return false;
  for (uint32_t i = 0; i < c->count; i++)
    if (!is_new(&c->events[i], s->overlay)) return false;
  return true;
}

bool pq_bulk_is_barred(pq_space *s) {
  pq_works *u = s->works;
  const pq_work *flush, *compact;
  if (u == NULL) return false;
  if (pq_works_committing(u) != PQ_WORK_NONE) return true;
  flush = &u->items[PQ_WORK_FLUSH];
  compact = &u->items[PQ_WORK_COMPACT];
  if (flush->is_running && flush->flush.event_count > 0) return true;
  if (compact->is_running && compact->flush.collection_count > 0) pq_works_drop(u, PQ_WORK_COMPACT);
  return false;
}

/* ---- beginning ---- */

/* Links of the chain for the events, which have their seqs. */
static int link_events(pq_bulk *b, pq_op *op, pq_commit *c) {
  pq_digest digest;
  uint64_t len = 0;
  uint32_t first = 0;
  memcpy(b->link, b->space->link, sizeof b->link);
  if (!pq_digest_is_there()) return PQ_OK;
  pq_digest_init(&digest);
  for (uint32_t i = 0; i < c->count; i++) {
    uint8_t bytes[PQ_DIGEST_LEN];
    pq_digest_event(&digest, &c->events[i]);
    len += c->events[i].after.len;
    if (i + 1 < c->count && i + 1 - first < LINK_EVENTS && len < LINK_LEN) continue;
    pq_digest_end(&digest, bytes);
    pq_chain_link(b->link, bytes, b->link);
    PQ_TRY(pq_arena_copy(&op->arena, (pq_slice){b->link, PQ_DIGEST_LEN}, &c->events[i].hash));
    pq_digest_init(&digest);
    first = i + 1;
    len = 0;
  }
  return PQ_OK;
}

static int prepare(pq_commit *c, pq_space *s, pq_op *op, pq_bulk *b) {
  pq_overlay_init(&b->events, op->cx);
  b->seq_lo = s->seq + 1;
  b->ts = c->ts;
  pq_commit_number(c, c->events, b->seq_lo, s->manifest.seq_hi);
  for (uint32_t i = 0; i < c->count; i++)
    PQ_TRY(pq_event_check(op->cx, &c->events[i]));
  PQ_TRY(link_events(b, op, c));
  PQ_TRY(pq_overlay_expect(&b->events, c->count));
  for (uint32_t i = 0; i < c->count; i++)
    PQ_TRY(pq_overlay_add(&b->events, &c->events[i]));
  b->flush = (pq_flush){.space = s,
                        .overlay = &b->events,
                        .schemas = s->overlay,
                        .is_whole = true,
                        .event_count = c->count,
                        .seq_hi = s->seq + c->count,
                        .ts_hi = c->ts};
  return PQ_OK;
}

int pq_bulk_begin(pq_commit *c, pq_space *s, pq_op *op, const pq_txn *ending, const void *owner) {
  int rc;
  pq_assert(c->space == NULL);
  pq_assert(c->bulk == NULL);
  rc = pq_space_acquire(s, owner);
  if (rc != PQ_OK) return rc;
  rc = pq_commit_check(c, s, op, ending);
  if (rc == PQ_OK) {
    c->bulk = pq_alloc(op->cx, NULL, 0, sizeof *c->bulk);
    if (c->bulk == NULL) rc = pq_fail_nomem(op->cx);
  }
  if (rc == PQ_OK) {
    *c->bulk = (pq_bulk){.space = s, .owner = owner};
    pq_commit_set_ts(c, s, op->now_us);
    rc = prepare(c, s, op, c->bulk);
  }
  if (rc != PQ_OK) pq_space_release(s, owner);
  return rc;
}

/* ---- the row ---- */

/* The row is stored: the files are part of what everybody sees, once the next load has read it if
 * memory has no room. */
static void stored(pq_bulk *b) {
  pq_space *s = b->space;
  if (pq_space_take_pending(s, &s->pendings, &b->record, b->link) != PQ_OK) {
    s->unread += b->record.seq_hi - s->seq;
    s->is_stale = true;
  }
  s->seq = b->record.seq_hi;
  s->ts = b->ts;
  memcpy(s->link, b->link, sizeof s->link);
}

static int stage_bulk_append(pq_op *op) {
  pq_bulk *b = bulk_of(op);
  pq_space *s = b->space;
  pq_slice reply;
  int rc = pq_fetch_hot(&op->fetch, s->ns, pq_buf_slice(&b->request), &reply);
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_EFENCED) s->is_fenced = true;
  if (rc == PQ_OK) stored(b);
  if (rc != PQ_OK) s->is_stale = true;
  b->is_sent = false;
  pq_flush_release(&b->flush);
  pq_overlay_release(&b->events);
  pq_space_release(s, b->owner);
  op->stage = b->after;
  op->sub = NULL;
  return rc;
}

static int stage_bulk_put(pq_op *op) {
  pq_bulk *b = bulk_of(op);
  bool is_missing = false;
  for (uint32_t i = 0; i < b->flush.file_count; i++) {
    const pq_flush_file *file = &b->flush.files[i];
    int rc = file->writer == NULL ? PQ_OK : pq_flush_put_file(&b->flush, op, file);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  b->is_sent = true;
  op->stage = stage_bulk_append;
  return PQ_OK;
}

static int make_request(pq_bulk *b, pq_op *op, pq_buf *text, pq_buf *body) {
  const pq_space *s = b->space;
  pq_hot_batch batch = {.seq_lo = b->record.seq_lo, .seq_hi = b->record.seq_hi};
  pq_hot_request request = {.op = PQ_HOT_APPEND,
                            .epoch = s->epoch,
                            .durability = s->db->durability,
                            .batches = &batch,
                            .batch_count = 1};
  PQ_TRY(pq_bulk_record_print(&b->record, text));
  PQ_TRY(pq_batch_put_files(&s->db->compressor, pq_buf_slice(text), batch.seq_lo,
                            batch.seq_hi - batch.seq_lo + 1, b->link, body));
  batch.body = pq_buf_slice(body);
  pq_buf_init(&b->request, op->cx, SIZE_MAX / 2);
  return pq_hot_put_request(&b->request, &request);
}

/* All files are encoded: what the row says. */
static int stage_bulk_row(pq_op *op) {
  pq_bulk *b = bulk_of(op);
  pq_flush *f = &b->flush;
  pq_buf text, body;
  int rc;
  b->record = (pq_bulk_record){.seq_lo = b->seq_lo,
                               .seq_hi = f->seq_hi,
                               .ts = b->ts,
                               .file_count = f->file_count,
                               .collections = f->collections,
                               .collection_count = f->collection_count};
  b->record.files = pq_arena_calloc(&op->arena, f->file_count, sizeof *b->record.files);
  if (b->record.files == NULL) return op->cx->code;
  for (uint32_t i = 0; i < f->file_count; i++)
    b->record.files[i] = f->files[i].info;
  pq_buf_init(&text, op->cx, SIZE_MAX / 2);
  pq_buf_init(&body, op->cx, SIZE_MAX / 2);
  rc = make_request(b, op, &text, &body);
  pq_buf_release(&text);
  pq_buf_release(&body);
  if (rc == PQ_OK) op->stage = stage_bulk_put;
  return rc;
}

void pq_bulk_run(pq_commit *c, pq_op *op, pq_stage_fn after) {
  c->bulk->after = after;
  c->bulk->flush.after_encode = stage_bulk_row;
  c->bulk->flush.base = c->bulk->space->manifest.entry;
  /* The files rest on columns and internal ids of the log: no older writer may put entries any more
   * that give them to others. */
  c->bulk->flush.after_fence = pq_flush_stage_encode;
  op->sub = &c->bulk->flush;
  op->stage = pq_flush_stage_fence;
}
