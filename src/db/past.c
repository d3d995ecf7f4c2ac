/* db/past.c - see past.h. */
#include "db/past.h"

#include <string.h>

static void past_free(pq_past *p) {
  pq_cx *cx = p->overlay.cx;
  pq_overlay_release(&p->overlay);
  pq_arena_release(&p->arena);
  pq_alloc(cx, p, sizeof *p, 0);
}

static uint64_t held_len(const pq_past_shelf *shelf) {
  uint64_t len = 0;
  for (uint32_t i = 0; i < shelf->count; i++)
    len += shelf->items[i]->overlay.held_len + shelf->items[i]->arena.used_len;
  return len;
}

static bool is_crowded(const pq_past_shelf *shelf) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < shelf->count; i++)
    count += shelf->items[i]->overlay.key_count;
  return shelf->entity_max > 0 && count > shelf->entity_max;
}

/* Drop the least recently used one that nobody reads; false: there is none. */
static bool drop_oldest(pq_past_shelf *shelf) {
  uint32_t at = PQ_PASTS_MAX;
  for (uint32_t i = 0; i < shelf->count; i++)
    if (shelf->items[i]->reader_count == 0 &&
        (at == PQ_PASTS_MAX || shelf->items[i]->used < shelf->items[at]->used))
      at = i;
  if (at == PQ_PASTS_MAX) return false;
  past_free(shelf->items[at]);
  shelf->items[at] = shelf->items[--shelf->count];
  return true;
}

pq_past *pq_past_find(pq_past_shelf *shelf, uint64_t entry, uint64_t seq) {
  for (uint32_t i = 0; i < shelf->count; i++) {
    pq_past *p = shelf->items[i];
    if (p->entry != entry || p->seq_hi < seq) continue;
    p->used = ++shelf->clock;
    p->reader_count++;
    return p;
  }
  return NULL;
}

/* ---- making ---- */

/* Texts of neighbours are mostly the same: type, actor, file. One copy of each run. */
typedef struct text_run {
  pq_slice from, kept;
} text_run;

static int keep_text(pq_arena *arena, text_run *run, pq_slice *text) {
  if (text->n == 0) {
    *text = (pq_slice){0};
    return PQ_OK;
  }
  if (!pq_slice_eq(run->kept, *text)) PQ_TRY(pq_arena_copy(arena, *text, &run->kept));
  *text = run->kept;
  return PQ_OK;
}

static int keep_value(pq_arena *arena, text_run *names, pq_value *v) {
  pq_slice meta, bytes;
  if (pq_value_is_missing(*v)) return PQ_OK;
  meta = pq_value_meta(*v);
  PQ_TRY(keep_text(arena, names, &meta));
  PQ_TRY(pq_arena_copy(arena, pq_value_bytes(*v), &bytes));
  v->meta = meta.p;
  v->p = bytes.p;
  return PQ_OK;
}

enum { TEXTS = 6, RUNS = TEXTS + 2, FILES = 64 };

/* Files are few and take turns: each name once, so that whoever judged one knows it again by its
 * place in memory (table/view.c). */
static int keep_file(pq_arena *arena, pq_slice names[FILES], pq_slice *name) {
  size_t slot = name->n == 0 ? 0 : pq_hash(*name, 0) % FILES;
  if (name->n == 0) return PQ_OK;
  if (!pq_slice_eq(names[slot], *name)) PQ_TRY(pq_arena_copy(arena, *name, &names[slot]));
  *name = names[slot];
  return PQ_OK;
}

/* Readers of the past need the state, not what was before it. An event of the tail keeps its
 * metadata, as `events` finds it nowhere else. */
static int keep_event(pq_arena *arena, text_run runs[RUNS], pq_slice files[FILES], pq_event *e) {
  pq_slice *texts[TEXTS] = {&e->type,  &e->predicate, &e->reverse,
                            &e->to_id, &e->actor,     &e->created_by};
  for (size_t i = 0; i < TEXTS; i++)
    PQ_TRY(keep_text(arena, &runs[i], texts[i]));
  PQ_TRY(keep_file(arena, files, &e->where_file));
  PQ_TRY(pq_arena_copy(arena, e->id, &e->id));
  e->before = (pq_value){0};
  e->hash = (pq_slice){0};
  PQ_TRY(keep_value(arena, &runs[TEXTS], &e->metadata));
  return keep_value(arena, &runs[TEXTS + 1], &e->after);
}

static int fill(pq_past *p, pq_event *events, uint32_t count) {
  text_run runs[RUNS] = {{{0}, {0}}};
  pq_slice files[FILES] = {{0}};
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(keep_event(&p->arena, runs, files, &events[i]));
    PQ_TRY(pq_overlay_add(&p->overlay, &events[i]));
  }
  return PQ_OK;
}

int pq_past_new(pq_past_shelf *shelf, pq_cx *cx, uint64_t entry, uint64_t seq_hi, pq_event *events,
                uint32_t count, pq_past **out) {
  pq_past *p = pq_alloc(cx, NULL, 0, sizeof *p);
  int rc;
  *out = NULL;
  if (p == NULL) return pq_fail_nomem(cx);
  *p = (pq_past){.entry = entry, .seq_hi = seq_hi, .reader_count = 1};
  pq_overlay_init(&p->overlay, cx);
  pq_arena_init(&p->arena, cx, cx->limits.op_len_max);
  rc = fill(p, events, count);
  if (rc != PQ_OK) {
    past_free(p);
    return rc;
  }
  *out = p;
  if (shelf == NULL) return PQ_OK;
  if (shelf->count == PQ_PASTS_MAX && !drop_oldest(shelf)) return PQ_OK; /* the reader's own */
  p->used = ++shelf->clock;
  shelf->items[shelf->count++] = p;
  return PQ_OK;
}

static bool is_on_shelf(const pq_past_shelf *shelf, const pq_past *p) {
  for (uint32_t i = 0; i < shelf->count; i++)
    if (shelf->items[i] == p) return true;
  return false;
}

void pq_past_leave(pq_past_shelf *shelf, pq_past *p) {
  uint64_t len_max = p->overlay.cx->limits.page_cache_len_max / 4;
  pq_assert(p->reader_count > 0);
  p->reader_count--;
  if (!is_on_shelf(shelf, p)) {
    past_free(p);
    return;
  }
  while (shelf->count > 0 && (held_len(shelf) > len_max || is_crowded(shelf)))
    if (!drop_oldest(shelf)) break;
}

void pq_past_clear(pq_past_shelf *shelf) {
  while (drop_oldest(shelf)) {
  }
  pq_assert(shelf->count == 0);
}
