/* log/manifest_past.c - see manifest_past.h.
 *
 *   now, entry 9:  a added 2 removed 5 │ b added 4 │ c added 7      marks 2 4 6 9
 *   as of 6:       a added 2 removed 5 │ b added 4                  marks 2 4 6
 */
#include "log/manifest_past.h"

bool pq_file_is_needed_at(const pq_manifest *m, const pq_file_info *f, uint64_t k) {
  for (uint32_t i = 0; i < m->mark_count && m->marks[i].entry <= k; i++)
    if (pq_file_is_live(f, m->marks[i].entry)) return true;
  return false;
}

static int past_files(const pq_manifest *m, uint64_t k, pq_arena *scratch, pq_manifest *out) {
  out->files = pq_arena_calloc(scratch, m->file_count, sizeof *out->files);
  if (out->files == NULL) return scratch->cx->code;
  out->file_count = 0;
  for (uint32_t i = 0; i < m->file_count; i++) {
    pq_file_info *f = &out->files[out->file_count];
    if (m->files[i].is_gone || m->files[i].added > k || !pq_file_is_needed_at(m, &m->files[i], k))
      continue;
    *f = m->files[i];
    if (f->removed > k) f->removed = PQ_ENTRY_NONE;
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

int pq_manifest_print_at(const pq_manifest *m, const pq_entry_mark *mark, pq_slice hash,
                         pq_arena *scratch, pq_buf *out) {
  pq_manifest past = *m;
  past.entry = mark->entry;
  past.seq_hi = mark->seq_hi;
  past.ts_hi = mark->ts_hi;
  past.hash = hash;
  PQ_TRY(past_files(m, mark->entry, scratch, &past));
  PQ_TRY(past_collections(m, mark->seq_hi, scratch, &past));
  while (past.mark_count > 0 && past.marks[past.mark_count - 1].entry > mark->entry)
    past.mark_count--;
  return pq_manifest_print(&past, out);
}
