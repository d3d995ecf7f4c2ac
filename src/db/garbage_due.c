/* db/garbage_due.c - is it time to collect? See works.h.
 *
 *   free files    more than thresholds.garbage_len, and an eighth of what is live
 *   history       a retained instant is older than retention allows, or event files are larger;
 *                 not where an archive must be filled first: that is for the command
 *   log           LOG_ENTRIES entries that a checkpoint covers
 *
 * Only the manifest is asked, and after a collection the answer is no, whoever opens next. This
 * clock only says when to look: what goes is decided by the store's.
 */
#include "db/works.h"

enum { LOG_ENTRIES = 1000 };

uint64_t pq_garbage_len(const pq_manifest *m) {
  uint64_t len = 0;
  for (uint32_t i = 0; i < m->file_count; i++)
    if (!m->files[i].is_gone && pq_manifest_is_free(m, &m->files[i])) len += m->files[i].len;
  return len;
}

/* Of free files that have been so for long enough. */
static bool has_garbage(const pq_space *s, int64_t now_us) {
  const pq_manifest *m = &s->manifest;
  uint64_t len = 0, live = 0;
  for (uint32_t i = 0; i < m->file_count; i++) {
    const pq_file_info *f = &m->files[i];
    if (f->removed == PQ_ENTRY_NONE) live += f->len;
    if (f->is_gone || f->freed_at == 0 || now_us - f->freed_at < PQ_GARBAGE_MIN_AGE_US) continue;
    if (pq_manifest_is_free(m, f)) len += f->len;
  }
  return len >= s->db->thresholds.garbage_len && len >= live / 8;
}

/* The newest instant that may be dropped by its age; 0: none. */
static uint64_t seq_beyond_age(const pq_manifest *m, int64_t now_us) {
  uint64_t age_us = m->retention.age_us, seq = 0;
  for (uint32_t i = 0; i < m->mark_count && age_us > 0; i++) {
    const pq_entry_mark *k = &m->marks[i];
    if (k->at > 0 && now_us > k->at && (uint64_t)(now_us - k->at) >= age_us) seq = k->seq_hi;
  }
  return seq;
}

static bool has_old_history(const pq_manifest *m, int64_t now_us) {
  uint64_t len = 0, seq = seq_beyond_age(m, now_us);
  uint32_t count = 0;
  if (m->retention.archive.n > 0) return false;
  for (uint32_t i = 0; i < m->file_count; i++) {
    const pq_file_info *f = &m->files[i];
    if (!pq_file_has_seqs(f->kind) || f->removed != PQ_ENTRY_NONE) continue;
    if (f->seq_hi <= seq) return true;
    len += f->len;
    count++;
  }
  return m->retention.len > 0 && len > m->retention.len && count > 0;
}

bool pq_garbage_is_due(const pq_space *s, int64_t now_us) {
  const pq_manifest *m = &s->manifest;
  if (s->db->thresholds.garbage_len == 0) return false;
  if (s->boundary > 0 && m->checkpoint > s->boundary + LOG_ENTRIES) return true;
  return has_garbage(s, now_us) || has_old_history(m, now_us);
}
