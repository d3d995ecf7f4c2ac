/* table/live_files.c - see live_files.h. */
#include "table/live_files.h"

#include <string.h>

#include "base/merge_sort.h"

static void list_free(pq_live_list *x, pq_cx *cx) {
  if (x->data != NULL)
    pq_alloc(cx, x->data, ((size_t)x->data_count + x->delete_count) * sizeof *x->data, 0);
  *x = (pq_live_list){0};
}

static void sources_free(pq_live_files *l, pq_cx *cx) {
  if (l->sources != NULL) pq_alloc(cx, l->sources, l->source_count * sizeof *l->sources, 0);
  l->sources = NULL;
  l->source_count = 0;
  l->source_stamp = (pq_live_stamp){0};
}

void pq_live_files_clear(pq_live_files *l, pq_cx *cx) {
  for (uint32_t i = 0; i < PQ_LIVE_LISTS_MAX; i++)
    list_free(&l->lists[i], cx);
  sources_free(l, cx);
  *l = (pq_live_files){0};
}

static pq_live_stamp stamp_of(const pq_manifest *m, uint64_t entry) {
  return (pq_live_stamp){m->files, m->file_count, m->entry, entry};
}

static bool is_same(pq_live_stamp a, pq_live_stamp b) {
  return a.files == b.files && a.file_count == b.file_count && a.newest == b.newest &&
         a.entry == b.entry;
}

/* ---- the files of an entry ---- */

static bool is_data(const pq_file_info *f, uint64_t entry) {
  if (f->kind != PQ_FILE_DATA) return false;
  return pq_file_is_live(f, entry) || (f->pending_seq > 0 && entry < f->added);
}

static bool is_deletes(const pq_file_info *f, uint64_t entry) {
  return f->kind == PQ_FILE_DELETES && pq_file_is_live(f, entry);
}

static int list_make(const pq_manifest *m, uint64_t entry, pq_live_list *x) {
  uint32_t data = 0, deletes = 0;
  for (uint32_t i = 0; i < m->file_count; i++) {
    x->data_count += is_data(&m->files[i], entry);
    x->delete_count += is_deletes(&m->files[i], entry);
  }
  if (x->data_count + x->delete_count > 0) {
    x->data = pq_alloc(m->cx, NULL, 0, ((size_t)x->data_count + x->delete_count) * sizeof *x->data);
    if (x->data == NULL) {
      *x = (pq_live_list){0};
      return pq_fail_nomem(m->cx);
    }
  }
  for (uint32_t i = 0; i < m->file_count; i++) {
    if (is_data(&m->files[i], entry)) x->data[data++] = i;
    if (is_deletes(&m->files[i], entry)) x->data[x->data_count + deletes++] = i;
  }
  x->stamp = stamp_of(m, entry);
  return PQ_OK;
}

int pq_live_files_of(pq_live_files *l, const pq_manifest *m, uint64_t entry,
                     const pq_live_list **out) {
  pq_live_stamp stamp = stamp_of(m, entry);
  pq_live_list *x = &l->lists[0];
  for (uint32_t i = 0; i < PQ_LIVE_LISTS_MAX; i++) {
    pq_live_list *y = &l->lists[i];
    if (y->used > 0 && is_same(y->stamp, stamp)) {
      y->used = ++l->clock;
      *out = y;
      return PQ_OK;
    }
    if (y->used < x->used) x = y;
  }
  *out = NULL;
  list_free(x, m->cx);
  PQ_TRY(list_make(m, entry, x));
  x->used = ++l->clock;
  *out = x;
  return PQ_OK;
}

/* ---- event files ---- */

static int by_seq(const void *a, const void *b, const void *ud) {
  const pq_file_info *x = ((const pq_event_source *)a)->events;
  const pq_file_info *y = ((const pq_event_source *)b)->events;
  (void)ud;
  return x->seq_lo < y->seq_lo ? -1 : x->seq_lo > y->seq_lo;
}

static bool is_read(const pq_manifest *m, const pq_file_info *f) {
  return pq_file_is_live(f, m->entry) || pq_file_is_pending(f);
}

/* The files of a kind as sources, sorted; room for all of them is there. */
static int list_kind(const pq_manifest *m, pq_file_kind kind, pq_event_source *out,
                     uint32_t *count) {
  *count = 0;
  for (uint32_t i = 0; i < m->file_count; i++)
    if (m->files[i].kind == kind && is_read(m, &m->files[i]))
      out[(*count)++] = (pq_event_source){.events = &m->files[i]};
  return pq_sort_items(m->cx, out, *count, sizeof *out, by_seq, NULL);
}

/* Both lists side by side: an index is of the file with the same seqs, which must be dense. */
static void join(pq_event_source *events, uint32_t count, const pq_event_source *indexes,
                 uint32_t index_count) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < count; i++) {
    const pq_file_info *e = events[i].events, *x;
    while (at < index_count && indexes[at].events->seq_lo < e->seq_lo)
      at++;
    if (at == index_count) return;
    x = indexes[at].events;
    if (x->seq_lo == e->seq_lo && x->seq_hi == e->seq_hi &&
        e->seq_hi - e->seq_lo == e->row_count - 1)
      events[i].index = x;
  }
}

static int make_sources(pq_live_files *l, const pq_manifest *m, pq_arena *arena) {
  uint32_t count, index_count;
  pq_event_source *indexes = pq_arena_array(arena, m->file_count, sizeof *indexes);
  pq_event_source *events = pq_arena_array(arena, m->file_count, sizeof *events);
  if (indexes == NULL || events == NULL) return arena->cx->code;
  PQ_TRY(list_kind(m, PQ_FILE_EVENTS, events, &count));
  PQ_TRY(list_kind(m, PQ_FILE_EVENT_INDEX, indexes, &index_count));
  join(events, count, indexes, index_count);
  sources_free(l, m->cx);
  if (count > 0) {
    l->sources = pq_alloc(m->cx, NULL, 0, count * sizeof *events);
    if (l->sources == NULL) return pq_fail_nomem(m->cx);
    memcpy(l->sources, events, count * sizeof *events);
  }
  l->source_count = count;
  l->source_stamp = stamp_of(m, m->entry);
  return PQ_OK;
}

static bool is_in_range(const pq_manifest *m, const pq_file_info *f, const pq_event_want *want) {
  return is_read(m, f) && f->seq_hi >= want->seq_lo && f->ts_lo <= want->ts_hi;
}

int pq_live_files_events(pq_live_files *l, const pq_manifest *m, pq_arena *arena,
                         const pq_event_want *want, pq_event_source **out, uint32_t *count) {
  uint32_t lo = 0, end;
  *out = NULL;
  *count = 0;
  if (l->source_stamp.newest == 0 || !is_same(l->source_stamp, stamp_of(m, m->entry)))
    PQ_TRY(make_sources(l, m, arena));
  for (uint32_t hi = l->source_count; lo < hi;) { /* the first one that ends at or behind seq_lo */
    uint32_t mid = lo + (hi - lo) / 2;
    if (l->sources[mid].events->seq_hi < want->seq_lo)
      lo = mid + 1;
    else
      hi = mid;
  }
  for (end = lo; end < l->source_count && l->sources[end].events->seq_lo <= want->seq_hi; end++)
    continue;
  *out = pq_arena_array(arena, end - lo, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  for (; lo < end; lo++) {
    pq_event_source source = l->sources[lo];
    if (!is_in_range(m, source.events, want)) continue;
    if (source.index != NULL && !is_read(m, source.index)) source.index = NULL;
    (*out)[(*count)++] = source;
  }
  return PQ_OK;
}
