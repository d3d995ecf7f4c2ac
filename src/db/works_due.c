/* db/works_due.c - is a flush or a compaction due? See works.h. */
#include "db/works.h"

static bool is_old(const pq_thresholds *t, int64_t ts, int64_t now_us) {
  return t->flush_age_us > 0 && now_us - ts >= t->flush_age_us;
}

static bool is_flush_due(const pq_space *s, int64_t now_us) {
  const pq_thresholds *t = &s->db->thresholds;
  const pq_overlay *o = s->overlay;
  uint64_t left = pq_memory_left(s->db->cx);
  if (s->pendings.count >= PQ_PENDING_MAX) return true;
  if (s->pendings.count > 0 && is_old(t, s->pendings.items[0].ts, now_us)) return true;
  if (o->version_count == 0) return false;
  /* Memory is short, and the tail has some of it. */
  if (s->db->cx->meter != NULL && left < s->db->cx->meter->max / 4 &&
      o->held_len >= s->db->cx->meter->max / 32)
    return true;
  if (t->flush_len > 0 && o->held_len >= t->flush_len) return true;
  if (t->flush_events > 0 && o->version_count >= t->flush_events) return true;
  return is_old(t, o->versions[0].event.ts, now_us);
}

/* After a failure the same is not tried for a while, nor what can wait. A flush waits for none but
 * its own: the tail would outgrow the memory meanwhile. A clock that was set back does not prolong
 * that. */
static bool is_pausing(const pq_works *u, int64_t now_us) {
  return u != NULL && u->failures > 0 && now_us >= u->failed_us && now_us < u->retry_us;
}

/* Files have come or gone since a compaction found nothing to do: it looks again. */
static bool is_look_due(const pq_space *s) {
  const pq_thresholds *t = &s->db->thresholds;
  if (s->works == NULL || (t->files == 0 && t->dead_percent == 0)) return false;
  return s->manifest.entry > s->works->looked_entry;
}

pq_work_kind pq_works_due(const pq_space *s, int64_t now_us) {
  const pq_works *u = s->works;
  pq_work_kind committing = pq_works_committing(u);
  if (s->is_stale || !s->is_loaded) return PQ_WORK_NONE;
  if (committing != PQ_WORK_NONE) return committing;
  if (is_pausing(u, now_us) && u->failed_kind == PQ_WORK_FLUSH) return PQ_WORK_NONE;
  if (u != NULL && pq_works_is_running(u, PQ_WORK_COLLECT)) return PQ_WORK_COLLECT;
  if (u != NULL && pq_works_is_running(u, PQ_WORK_FLUSH)) return PQ_WORK_FLUSH;
  if (is_flush_due(s, now_us)) return PQ_WORK_FLUSH;
  if (is_pausing(u, now_us)) return PQ_WORK_NONE;
  if (u != NULL && pq_works_is_running(u, PQ_WORK_COMPACT)) return PQ_WORK_COMPACT;
  if (is_look_due(s)) return PQ_WORK_COMPACT;
  if (u != NULL && u->has_garbage) return PQ_WORK_COLLECT;
  return PQ_WORK_NONE;
}
