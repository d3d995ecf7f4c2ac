/* db/tail_load.c - what a reader decodes of the tail.
 *
 *   hot tier:   b1  b2  b3  b4        the first command of a process is about posts/p1: batches
 *   overlay:    ·   p1  ·   p1        whose filter has it are opened, and its events are taken
 *                                     ("partial"), as nobody knows whether a second one will come
 *   hot tier:   b1  b2  b3  b4  b5    the next one, about whatever: all of them
 *   overlay:    b1  b2  b3  b4  b5
 *   hot tier:   b1  …  b5  b6         from then on only what came since: a reader reads the hot
 *   overlay:    b1  …  b5 +b6         tier before each command, and most of it is what it was
 *
 * The CRC of a batch is checked before anything of it is used, and that of its filter before it is
 * believed. Batches are told apart by all their bytes, since a hot tier may be lost and made anew
 * with the same seqs.
 */
#include "db/space_int.h"

static uint64_t mark_of(const pq_hot_batch *batch) {
  uint64_t mark = pq_hash(batch->body, batch->seq_lo);
  return mark == 0 ? 1 : mark;
}

bool pq_tail_is_known(const pq_space *s, const pq_hot_state *hot, uint32_t *known) {
  const pq_overlay *o = s->overlay;
  uint32_t at = 0, i = 0;
  *known = 0;
  if (s->db->is_writer || !s->is_loaded || o->is_partial || s->pendings.count > 0 ||
      o->base_seq != s->manifest.seq_hi)
    return false;
  for (; i < hot->batch_count; i++) {
    const pq_hot_batch *batch = &hot->batches[i];
    if (batch->seq_hi <= s->manifest.seq_hi) continue;
    if (pq_batch_has_files(batch->body)) return false;
    if (at == o->batch_count) continue;
    if (o->batches[at].mark == 0 || o->batches[at].mark != mark_of(batch)) return false;
    *known = i + 1;
    at++;
  }
  return at == o->batch_count && (at > 0 || hot->batch_count == 0);
}

int pq_tail_may_take(const pq_space *s, pq_overlay *o, const pq_hot_batch *batch, bool *may) {
  *may = true;
  if (s->only.n == 0) return PQ_OK;
  PQ_TRY(pq_batch_may_hold(s->db->cx, batch->body, batch->seq_lo, batch->seq_hi, s->only, may));
  if (!*may) o->is_partial = true;
  return PQ_OK;
}

int pq_tail_take(const pq_space *s, pq_overlay *o, const pq_hot_batch *batch, pq_buf *raw) {
  uint32_t count = (uint32_t)(batch->seq_hi - batch->seq_lo + 1);
  uint64_t after = s->manifest.seq_hi;
  if (s->only.n > 0) return pq_overlay_add_only(o, raw, batch->seq_lo, count, after, s->only);
  PQ_TRY(pq_overlay_add_batch(o, raw, batch->seq_lo, count, after));
  o->batches[o->batch_count - 1].mark = mark_of(batch);
  return PQ_OK;
}
