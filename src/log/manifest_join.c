/* log/manifest_join.c - see manifest_join.h.
 *
 *   file         in the newer one         not in the newer one
 *   live at a    as the newer one says    no instant after a needs it: removed by the newer one's
 *                                         first mark behind a
 *   events,      live, unless a file that was merged from them stands in the newer one
 *   live at a
 *   removed      as the newer one says    as the older one says
 */
#include "log/manifest_join.h"

#include <string.h>

/* ---- are they of one namespace? ---- */

static const pq_entry_mark *find_mark(const pq_manifest *m, uint64_t entry) {
  for (uint32_t i = 0; i < m->mark_count; i++)
    if (m->marks[i].entry == entry) return &m->marks[i];
  return NULL;
}

/* Marks are only ever forgotten, and what is live now and was there at a was live at a. */
static bool is_continued(const pq_manifest *older, const pq_manifest *newer) {
  if (newer->entry < older->entry || newer->seq_hi < older->seq_hi) return false;
  for (uint32_t i = 0; i < newer->mark_count && newer->marks[i].entry <= older->entry; i++) {
    const pq_entry_mark *mark = &newer->marks[i], *was = find_mark(older, mark->entry);
    if (was == NULL || was->seq_hi != mark->seq_hi || was->ts_hi != mark->ts_hi) return false;
  }
  for (uint32_t i = 0; i < newer->file_count; i++) {
    const pq_file_info *f = &newer->files[i], *was;
    if (f->added > older->entry) continue;
    was = pq_manifest_file(older, pq_str(f->name));
    if (was == NULL || was->len != f->len || was->added != f->added) return false;
  }
  return newer->entry > older->entry || pq_slice_eq(newer->commit, older->commit);
}

static int check(const pq_manifest *older, const pq_manifest *newer, const char *key,
                 pq_arena *scratch) {
  if (!is_continued(older, newer))
    return pq_fail(scratch->cx, PQ_EINVALID,
                   "%s: this is no older copy of the namespace: choose another folder", key);
  if (newer->history.seq <= older->seq_hi) return PQ_OK;
  return pq_fail(scratch->cx, PQ_EINVALID,
                 "%s: the copy ends at event %llu, and events up to %llu were dropped since: "
                 "choose another folder, this one keeps what it has",
                 key, (unsigned long long)older->seq_hi, (unsigned long long)newer->history.seq);
}

/* ---- joining ---- */

/* Does a live file of the same kind in `m` hold all events of this one? */
static bool is_merged(const pq_manifest *m, const pq_file_info *f) {
  for (uint32_t i = 0; i < m->file_count; i++) {
    const pq_file_info *g = &m->files[i];
    if (g->kind == f->kind && g->removed == PQ_ENTRY_NONE && g->seq_lo <= f->seq_lo &&
        g->seq_hi >= f->seq_hi)
      return true;
  }
  return false;
}

/* The record of a file that only the older one has. */
static pq_file_info kept_file(const pq_file_info *f, const pq_manifest *newer, uint64_t behind) {
  pq_file_info kept = *f;
  if (f->removed != PQ_ENTRY_NONE) return kept;
  if (!pq_file_has_seqs(f->kind) || is_merged(newer, f)) kept.removed = behind;
  return kept;
}

/* The record of a file that the newer one has. Events that it has removed without merging them were
 * dropped there; here they stay. */
static pq_file_info newer_file(const pq_file_info *f, const pq_manifest *older,
                               const pq_manifest *newer) {
  const pq_file_info *was = pq_manifest_file(older, pq_str(f->name));
  pq_file_info kept = *f;
  if (pq_file_has_seqs(f->kind) && was != NULL && was->removed == PQ_ENTRY_NONE &&
      !is_merged(newer, f))
    kept.removed = PQ_ENTRY_NONE;
  return kept;
}

/* Both lists are in order of `added`, and so is the result. */
static int join_files(const pq_manifest *older, const pq_manifest *newer, uint64_t behind,
                      pq_arena *scratch, pq_manifest *out) {
  uint32_t i = 0, j = 0;
  size_t room;
  if (!pq_add_size(older->file_count, newer->file_count, &room))
    return pq_fail(scratch->cx, PQ_ELIMIT, "too many files");
  out->files = pq_arena_calloc(scratch, room, sizeof *out->files);
  if (out->files == NULL) return scratch->cx->code;
  out->file_count = 0;
  while (i < older->file_count || j < newer->file_count) {
    const pq_file_info *f = i < older->file_count ? &older->files[i] : NULL;
    if (f != NULL && (f->is_gone || pq_manifest_file(newer, pq_str(f->name)) != NULL)) {
      i++;
      continue;
    }
    if (f != NULL && (j == newer->file_count || f->added <= newer->files[j].added)) {
      out->files[out->file_count++] = kept_file(f, newer, behind);
      i++;
    } else {
      out->files[out->file_count++] = newer_file(&newer->files[j++], older, newer);
    }
  }
  return PQ_OK;
}

static int join_marks(const pq_manifest *older, const pq_manifest *newer, pq_arena *scratch,
                      pq_manifest *out) {
  size_t room;
  if (!pq_add_size(older->mark_count, newer->mark_count, &room))
    return pq_fail(scratch->cx, PQ_ELIMIT, "too many retained instants");
  out->marks = pq_arena_calloc(scratch, room, sizeof *out->marks);
  if (out->marks == NULL) return scratch->cx->code;
  out->mark_count = older->mark_count;
  if (older->mark_count > 0)
    memcpy(out->marks, older->marks, older->mark_count * sizeof *out->marks);
  for (uint32_t i = 0; i < newer->mark_count; i++)
    if (newer->marks[i].entry > older->entry) out->marks[out->mark_count++] = newer->marks[i];
  return PQ_OK;
}

int pq_manifest_join(const pq_manifest *older, const pq_manifest *newer, const char *key,
                     pq_arena *scratch, pq_buf *out) {
  pq_manifest all = *newer;
  uint64_t behind = newer->entry;
  PQ_TRY(check(older, newer, key, scratch));
  for (uint32_t i = newer->mark_count; i > 0 && newer->marks[i - 1].entry > older->entry; i--)
    behind = newer->marks[i - 1].entry;
  PQ_TRY(join_files(older, newer, behind, scratch, &all));
  PQ_TRY(join_marks(older, newer, scratch, &all));
  all.history = older->history;
  all.retention = (pq_retention){0};
  all.is_loose = older->is_loose || newer->is_loose;
  return pq_manifest_print(&all, out);
}
