/* db/copy_parts.c - see copy_parts.h. */
#include "db/copy_parts.h"

#include <string.h>

#include "db/space_int.h"

enum { BATCH_EVENTS = 1000, BATCH_LEN = 4 << 20, TEXT_LEN_MAX = 256 << 20 };

void pq_backup_init(pq_backup *b, pq_space *space, pq_as_of as_of) {
  *b = (pq_backup){.space = space, .as_of = as_of};
  pq_buf_init(&b->text, space->db->cx, TEXT_LEN_MAX);
}

void pq_backup_release(pq_backup *b) {
  if (b->space == NULL) return;
  pq_snapshot_close(&b->snapshot);
  pq_buf_release(&b->text);
  *b = (pq_backup){0};
}

static int begin(pq_backup *b, pq_op *op) {
  const pq_manifest *m = &b->space->manifest;
  PQ_TRY(pq_snapshot_open(&b->snapshot, b->space, op, b->as_of, false));
  b->seq_to = b->snapshot.view.seq;
  b->mark = pq_manifest_mark_between(m, b->seq_to);
  PQ_TRY(pq_manifest_at(m, &b->mark, &op->arena, &b->past));
  b->seq = b->mark.seq_hi;
  b->epoch = m->epoch;
  b->part = PQ_BACKUP_FILE;
  return PQ_OK;
}

void pq_backup_progress(const pq_backup *b, uint64_t *done, uint64_t *total) {
  *done = *total = 0;
  for (uint32_t i = 0; i < b->past.file_count; i++) {
    *total += b->past.files[i].len;
    if (i < b->file) *done += b->past.files[i].len;
  }
}

static int next_file(pq_backup *b, pq_op *op, pq_backup_item *out) {
  const pq_manifest *m = &b->past;
  if (b->file == m->file_count) {
    b->part = b->mark.entry == 0 ? PQ_BACKUP_BATCH : PQ_BACKUP_CHECKPOINT;
    return PQ_OK;
  }
  *out = (pq_backup_item){.part = PQ_BACKUP_FILE,
                          .len = m->files[b->file].len,
                          .has_crc = m->files[b->file].has_crc,
                          .crc = m->files[b->file].crc};
  out->key = pq_arena_printf(&op->scratch, "%s/%s", b->space->ns, m->files[b->file].name);
  if (out->key == NULL) return op->cx->code;
  b->file++;
  return PQ_OK;
}

/* Nothing is dropped behind a pin, but a collector that looked for pins before it stood. */
static int check_history(const pq_backup *b, pq_op *op, uint64_t seq) {
  uint64_t dropped = b->space->manifest.history.seq;
  if (seq > dropped || dropped == b->past.history.seq) return PQ_OK;
  return pq_fail(op->cx, PQ_ENOTFOUND,
                 "namespace '%s': history up to event %llu was dropped while it was copied: begin "
                 "again",
                 b->space->ns, (unsigned long long)dropped);
}

/* The chain's link at the mark: the manifest's own, or that of the event there. */
static int link_at_mark(pq_backup *b, pq_op *op) {
  const pq_manifest *m = &b->space->manifest;
  pq_event_want want = {
      .seq_lo = b->mark.seq_hi, .seq_hi = b->mark.seq_hi, .ts_hi = INT64_MAX, .needs_hash = true};
  pq_event *events;
  uint32_t count;
  memset(b->link, 0, sizeof b->link);
  if (b->mark.entry == m->entry || b->mark.seq_hi == m->seq_hi) {
    (void)pq_link_parse(m->hash, b->link);
    return PQ_OK;
  }
  if (b->mark.seq_hi == 0) return PQ_OK;
  if (b->mark.seq_hi == b->past.history.seq) { /* its event was dropped */
    (void)pq_link_parse(b->past.history.hash, b->link);
    return PQ_OK;
  }
  PQ_TRY(check_history(b, op, b->mark.seq_hi));
  PQ_TRY(pq_space_events(b->space, op, &want, &events, &count));
  if (count == 1 && events[0].hash.n == PQ_DIGEST_LEN)
    memcpy(b->link, events[0].hash.p, PQ_DIGEST_LEN);
  return PQ_OK;
}

static int checkpoint(pq_backup *b, pq_op *op, pq_backup_item *out) {
  char name[PQ_LOG_KEY_CAP], hex[PQ_LINK_CAP];
  pq_manifest past = b->past;
  PQ_TRY(link_at_mark(b, op));
  pq_ckpt_key(b->mark.entry, name);
  pq_link_print(b->link, hex);
  *out = (pq_backup_item){.part = PQ_BACKUP_CHECKPOINT};
  out->key = pq_arena_printf(&op->scratch, "%s/%s", b->space->ns, name);
  if (out->key == NULL) return op->cx->code;
  past.hash = pq_link_is_set(b->link) ? pq_str(hex) : (pq_slice){0};
  pq_buf_clear(&b->text);
  PQ_TRY(pq_manifest_print(&past, &b->text));
  out->body = pq_buf_slice(&b->text);
  b->part = PQ_BACKUP_BATCH;
  return PQ_OK;
}

/* The events that follow: of files, among them those of bulk writes, or of the tail. */
static int read_events(pq_backup *b, pq_op *op, pq_event **out, uint32_t *count) {
  const pq_overlay *o = b->space->overlay;
  uint64_t last = b->seq + BATCH_EVENTS, end;
  bool is_filed = pq_space_is_filed(b->space, b->seq + 1, &end);
  pq_event_want want = {.seq_lo = b->seq + 1,
                        .ts_hi = INT64_MAX,
                        .needs_values = true,
                        .needs_before = true, /* metadata */
                        .needs_hash = true};
  if (last > b->seq_to) last = b->seq_to;
  if (last > end) last = end;
  *count = 0;
  want.seq_hi = last;
  if (is_filed) return pq_space_events(b->space, op, &want, out, count);
  *out = pq_arena_calloc(&op->scratch, BATCH_EVENTS, sizeof **out);
  if (*out == NULL) return op->cx->code;
  for (uint32_t i = 0; i < o->version_count && *count < BATCH_EVENTS; i++)
    if (o->versions[i].event.seq > b->seq && o->versions[i].event.seq <= last)
      (*out)[(*count)++] = o->versions[i].event;
  return PQ_OK;
}

/* The first events, as a batch. */
static int encode(pq_backup *b, pq_op *op, const pq_event *events, uint32_t count,
                  bool is_unchained, pq_backup_item *out) {
  uint8_t link[PQ_DIGEST_LEN];
  pq_batch_writer w;
  pq_buf raw = {0};
  int rc = PQ_OK;
  pq_batch_writer_init(&w, op->cx);
  w.is_unchained = is_unchained;
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++)
    rc = pq_batch_add(&w, &events[i]);
  pq_buf_clear(&b->text);
  if (rc == PQ_OK) rc = pq_batch_finish(&w, &b->space->db->compressor, &b->text, &raw);
  pq_batch_writer_release(&w);
  if (rc == PQ_OK) pq_batch_seal(&b->text, &raw, b->link, link);
  pq_buf_release(&raw);
  PQ_TRY(rc);
  *out = (pq_backup_item){.part = PQ_BACKUP_BATCH,
                          .body = pq_buf_slice(&b->text),
                          .seq_lo = events[0].seq,
                          .seq_hi = events[count - 1].seq};
  memcpy(b->link, link, sizeof link);
  return PQ_OK;
}

/* How many events the next batch has: as it was, up to a link; fewer when the instant cuts it or
 * its documents are large. *is_unchained: they were written before there were hashes. */
static uint32_t batch_of(const pq_backup *b, const pq_event *events, uint32_t count,
                         bool *is_unchained) {
  bool has_link = pq_link_is_set(b->link);
  uint64_t len = 0;
  uint32_t n = 0;
  while (n < count && events[n].hash.n == 0 && len < BATCH_LEN)
    len += (uint64_t)events[n++].after.len;
  *is_unchained = !has_link && n > 0 && (b->seq > 0 || b->is_late);
  if (*is_unchained || n == count || events[n].hash.n == 0) return n;
  return n + 1;
}

static int encode_next(pq_backup *b, pq_op *op, const pq_event *events, uint32_t count,
                       pq_backup_item *out) {
  bool is_unchained;
  uint32_t n = batch_of(b, events, count, &is_unchained);
  pq_slice hash = events[n - 1].hash;
  PQ_TRY(encode(b, op, events, n, is_unchained, out));
  if (hash.n == 0 || !pq_digest_is_there() || memcmp(hash.p, b->link, PQ_DIGEST_LEN) == 0) {
    b->seq = events[n - 1].seq;
    return PQ_OK;
  }
  if (b->seq == 0 && !b->is_late && n > 1) { /* a chain that begins with its last event? */
    *out = (pq_backup_item){0};
    b->is_late = true;
    memset(b->link, 0, sizeof b->link);
    return PQ_OK;
  }
  return pq_fail(op->cx, PQ_ECORRUPT,
                 "%s: event %llu: the events up to it are not those that its hash was made of",
                 b->space->ns, (unsigned long long)events[n - 1].seq);
}

static int next_batch(pq_backup *b, pq_op *op, pq_backup_item *out) {
  pq_event *events;
  uint32_t count;
  PQ_TRY(check_history(b, op, b->seq + 1));
  PQ_TRY(read_events(b, op, &events, &count));
  if (count == 0 || events[0].seq != b->seq + 1)
    return pq_fail(op->cx, PQ_ECORRUPT, "%s: event %llu is missing", b->space->ns,
                   (unsigned long long)b->seq + 1);
  return encode_next(b, op, events, count, out);
}

int pq_backup_step(pq_backup *b, pq_op *op, pq_backup_item *out, bool *is_end) {
  *out = (pq_backup_item){0};
  *is_end = b->part == PQ_BACKUP_BATCH && b->seq >= b->seq_to;
  if (*is_end) return PQ_OK;
  switch (b->part) {
    case PQ_BACKUP_FILE: return next_file(b, op, out);
    case PQ_BACKUP_CHECKPOINT: return checkpoint(b, op, out);
    case PQ_BACKUP_BATCH: return next_batch(b, op, out);
    default: return begin(b, op);
  }
}
