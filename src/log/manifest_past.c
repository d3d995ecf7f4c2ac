/* log/manifest_past.c - see manifest_past.h.
 *
 *   now, entry 9:  a added 2 removed 5 │ b added 4 │ c added 7      marks 2 4 6 9
 *   as of 6:       a added 2 removed 5 │ b added 4                  marks 2 4 6
 */
#include "log/manifest_past.h"

static bool reaches_over(const pq_file_info *f, uint64_t seq) {
  return pq_file_has_seqs(f->kind) && f->removed == PQ_ENTRY_NONE && f->seq_lo <= seq &&
         f->seq_hi > seq;
}

pq_entry_mark pq_manifest_mark_between(const pq_manifest *m, uint64_t seq) {
  uint64_t floor = m->history.seq; /* what is before it need not be there */
  pq_entry_mark mark = pq_manifest_mark(m, seq);
  for (uint32_t i = 0; i < m->file_count && mark.seq_hi > floor; i++) {
    const pq_file_info *f = &m->files[i];
    if (!reaches_over(f, mark.seq_hi)) continue;
    mark = pq_manifest_mark(m, f->seq_lo - 1 > floor ? f->seq_lo - 1 : floor);
    i = UINT32_MAX; /* all of them once more */
  }
  return mark;
}

bool pq_file_is_needed_at(const pq_manifest *m, const pq_file_info *f, const pq_entry_mark *mark) {
  if (pq_file_has_seqs(f->kind)) return f->removed == PQ_ENTRY_NONE && f->seq_hi <= mark->seq_hi;
  if (f->is_gone || f->added > mark->entry) return false;
  for (uint32_t i = 0; i < m->mark_count && m->marks[i].entry <= mark->entry; i++)
    if (pq_file_is_live(f, m->marks[i].entry)) return true;
  return false;
}

static int past_files(const pq_manifest *m, const pq_entry_mark *mark, pq_arena *scratch,
                      pq_manifest *out) {
  out->files = pq_arena_calloc(scratch, m->file_count, sizeof *out->files);
  if (out->files == NULL) return scratch->cx->code;
  out->file_count = 0;
  for (uint32_t i = 0; i < m->file_count; i++) {
    pq_file_info *f = &out->files[out->file_count];
    if (!pq_file_is_needed_at(m, &m->files[i], mark)) continue;
    *f = m->files[i];
    if (f->added > mark->entry) f->added = mark->entry; /* of events, merged later */
    if (f->removed > mark->entry) f->removed = PQ_ENTRY_NONE;
    out->file_count++;
  }
  return PQ_OK;
}

static int past_collections(const pq_manifest *m, uint64_t seq, pq_arena *scratch,
                            pq_manifest *out) {
  out->collections = pq_arena_calloc(scratch, m->collection_count, sizeof *out->collections);
  if (out->collections == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < m->collection_count; i++) {
    pq_collection_info *c = &out->collections[i];
    *c = m->collections[i];
    while (c->schema_count > 0 && c->schemas[c->schema_count - 1].seq > seq)
      c->schema_count--;
  }
  return PQ_OK;
}

int pq_manifest_at(const pq_manifest *m, const pq_entry_mark *mark, pq_arena *arena,
                   pq_manifest *out) {
  *out = *m;
  out->entry = mark->entry;
  out->seq_hi = mark->seq_hi;
  out->ts_hi = mark->ts_hi;
  out->hash = (pq_slice){0};
  PQ_TRY(past_files(m, mark, arena, out));
  PQ_TRY(past_collections(m, mark->seq_hi, arena, out));
  while (out->mark_count > 0 && out->marks[out->mark_count - 1].entry > mark->entry)
    out->mark_count--;
  return PQ_OK;
}
