/* db/pending.c - see pending.h. */
#include "db/pending.h"

#include <string.h>

#include "db/flush_int.h"

enum { ADOPTED_MAX = 64 }; /* bulk writes of one entry, so that it stays small */

/* ---- the list ---- */

void pq_pendings_release(pq_cx *cx, pq_pendings *p) {
  if (p->items != NULL) pq_alloc(cx, p->items, p->cap * sizeof *p->items, 0);
  *p = (pq_pendings){0};
}

int pq_pendings_reserve(pq_cx *cx, pq_pendings *p) {
  uint32_t cap = p->cap == 0 ? 8 : p->cap * 2;
  pq_pending *items;
  if (p->count < p->cap) return PQ_OK;
  if (p->cap > UINT32_MAX / 4) return pq_fail(cx, PQ_ELIMIT, "%u bulk writes are pending", p->cap);
  items = pq_alloc(cx, p->items, p->cap * sizeof *items, cap * sizeof *items);
  if (items == NULL) return pq_fail_nomem(cx);
  p->items = items;
  p->cap = cap;
  return PQ_OK;
}

void pq_pendings_add(pq_pendings *p, const pq_pending *item) {
  pq_assert(p->count < p->cap);
  pq_assert(p->count == 0 || p->items[p->count - 1].seq_hi < item->seq_lo);
  p->items[p->count++] = *item;
}

void pq_pendings_drop(pq_pendings *p, uint64_t seq) {
  uint32_t n = 0;
  while (n < p->count && p->items[n].seq_hi <= seq)
    n++;
  p->count -= n;
  if (n > 0 && p->count > 0) memmove(p->items, p->items + n, p->count * sizeof *p->items);
}

/* ---- questions ---- */

uint64_t pq_space_filed_seq(const pq_space *s) {
  const pq_pendings *p = &s->pendings;
  return p->count == 0 ? s->manifest.seq_hi : p->items[p->count - 1].seq_hi;
}

bool pq_space_is_filed(const pq_space *s, uint64_t seq, uint64_t *last) {
  uint64_t filed = s->manifest.seq_hi;
  for (uint32_t i = 0; i < s->pendings.count; i++) {
    const pq_pending *p = &s->pendings.items[i];
    if (p->seq_lo == filed + 1) { /* it follows files: one run */
      filed = p->seq_hi;
      continue;
    }
    if (seq <= filed) break;
    *last = p->seq_lo - 1;
    if (seq < p->seq_lo) return false;
    filed = p->seq_hi;
  }
  *last = seq <= filed ? filed : UINT64_MAX;
  return seq <= filed;
}

bool pq_space_is_within_bulk(const pq_space *s, uint64_t seq) {
  for (uint32_t i = 0; i < s->pendings.count; i++) {
    const pq_pending *p = &s->pendings.items[i];
    if (p->seq_lo <= seq && seq < p->seq_hi) return true;
  }
  return false;
}

uint64_t pq_space_bulk_seq_at(const pq_space *s, int64_t ts) {
  uint64_t seq = 0;
  for (uint32_t i = 0; i < s->pendings.count && s->pendings.items[i].ts <= ts; i++)
    seq = s->pendings.items[i].seq_hi;
  return seq;
}

int pq_space_take_pending(pq_space *s, pq_pendings *p, const pq_bulk_record *r,
                          const uint8_t link[PQ_DIGEST_LEN]) {
  pq_pending item = {.seq_lo = r->seq_lo,
                     .seq_hi = r->seq_hi,
                     .ts = r->ts,
                     .has_columns = r->collection_count > 0};
  memcpy(item.link, link, sizeof item.link);
  PQ_TRY(pq_pendings_reserve(s->db->cx, p));
  PQ_TRY(pq_manifest_add_pending(&s->manifest, r->seq_hi, r->files, r->file_count, r->collections,
                                 r->collection_count));
  pq_pendings_add(p, &item);
  return PQ_OK;
}

void pq_space_forget_pending(pq_space *s) {
  for (uint32_t i = 0; i < s->manifest.file_count; i++) {
    pq_file_info *f = &s->manifest.files[i];
    bool is_there = !pq_file_is_pending(f);
    for (uint32_t k = 0; k < s->pendings.count && !is_there; k++)
      is_there = s->pendings.items[k].seq_hi == f->pending_seq;
    if (!is_there) f->pending_seq = 0;
  }
}

/* ---- flush ---- */

void pq_flush_bound(pq_flush *f) {
  const pq_pendings *p = &f->space->pendings;
  uint32_t last = 0;
  if (p->count == 0) return;
  while (last + 1 < p->count && last + 1 < ADOPTED_MAX &&
         p->items[last + 1].seq_lo == p->items[last].seq_hi + 1)
    last++;
  f->seq_hi = p->items[last].seq_hi;
  f->ts_hi = p->items[last].ts;
  f->adopts = true;
  f->event_count = pq_overlay_count(f->overlay, f->seq_hi);
}

/* Its entry notes the columns of the collection, as the manifest knows them by now. */
static int note_columns(pq_flush *f, pq_op *op, pq_slice collection) {
  const pq_collection_info *info = pq_manifest_collection(&f->space->manifest, collection);
  pq_collection_info *notes;
  if (info == NULL) return PQ_OK;
  for (uint32_t i = 0; i < f->collection_count; i++)
    if (pq_slice_eq(f->collections[i].name, collection)) return PQ_OK;
  notes = pq_arena_calloc(&op->arena, (size_t)f->collection_count + 1, sizeof *notes);
  if (notes == NULL) return op->cx->code;
  if (f->collection_count > 0) memcpy(notes, f->collections, f->collection_count * sizeof *notes);
  notes[f->collection_count] = *info;
  notes[f->collection_count].schema_count = 0; /* none is new */
  f->collections = notes;
  f->collection_count++;
  return PQ_OK;
}

static int add_stored(pq_flush *f, pq_op *op, const pq_file_info *info) {
  pq_flush_file *files;
  if (f->file_count == f->file_cap) {
    uint32_t cap = f->file_cap == 0 ? 16 : f->file_cap * 2;
    files = pq_arena_calloc(&op->arena, cap, sizeof *files);
    if (files == NULL) return op->cx->code;
    if (f->file_count > 0) memcpy(files, f->files, f->file_count * sizeof *files);
    f->files = files;
    f->file_cap = cap;
  }
  f->files[f->file_count++] = (pq_flush_file){.info = *info};
  return PQ_OK;
}

int pq_flush_adopt(pq_flush *f, pq_op *op) {
  const pq_manifest *m = &f->space->manifest;
  const pq_pendings *p = &f->space->pendings;
  bool has_columns = false;
  if (!f->adopts) return PQ_OK;
  pq_assert(p->count > 0);
  for (uint32_t i = 0; i < p->count && p->items[i].seq_hi <= f->seq_hi; i++) {
    f->event_count += p->items[i].seq_hi - p->items[i].seq_lo + 1;
    has_columns |= p->items[i].has_columns;
  }
  for (uint32_t i = 0; i < m->file_count; i++) {
    if (!pq_file_is_pending(&m->files[i]) || m->files[i].pending_seq > f->seq_hi) continue;
    PQ_TRY(add_stored(f, op, &m->files[i]));
    if (m->files[i].kind == PQ_FILE_DATA && has_columns)
      PQ_TRY(note_columns(f, op, m->files[i].collection));
  }
  return PQ_OK;
}
