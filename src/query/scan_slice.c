/* query/scan_slice.c - a window that is handed out in slices. See scan.h.
 *
 *   fetch set ─ all of the window is there ─► held: the stored bytes, the verdicts of rows
 *                                              └► slice: its pages unpacked, its documents ─► sink
 *
 * A window is asked for at once, as a round of requests costs the same for much as for little; but
 * its documents, unpacked, take several times what is stored. So they are made of the stored bytes
 * a slice at a time. Whoever gets the slice may let much time pass before the next: then the stored
 * bytes are let go, and the scan reads a window again from the row where it stands. Rows before
 * that are NO (hide_rows).
 *
 * Between two calls a scan holds its window and nothing else; a slice begins with a first one that
 * is small, as what follows may never be asked for.
 */
#include "query/scan_int.h"

enum {
  STORED_LEN = 10 << 20, /* of a window: 100 ms of a fast network, a fraction of its latency */
  SLICE_LEN = 3 << 19,
  SLICE_LEN_FIRST = 256 << 10,
  SLICE_LEN_COUNT = 6 << 20, /* of a scan that only counts, of which nobody keeps copies */
  ROW_LEN = 256 /* that a row takes beside its bytes: entity, slices of its columns, verdicts */
};

struct pq_scan_held {
  struct pq_scan_held *newer, *older;
  pq_scan_windows *list; /* that it is in */
  pq_scan *scan;         /* whose it is */
  pq_fetch fetch;        /* all that the window's documents need */
  pq_window window;
  int64_t used_us;
};

typedef struct pq_scan_held held;

/* ---- windows that are held ---- */

static void link_newest(held *h) {
  pq_scan_windows *list = h->list;
  h->newer = NULL;
  h->older = list->newest;
  *(list->newest != NULL ? &list->newest->newer : &list->oldest) = h;
  list->newest = h;
}

static void unlink_held(held *h) {
  *(h->newer != NULL ? &h->newer->older : &h->list->newest) = h->older;
  *(h->older != NULL ? &h->older->newer : &h->list->oldest) = h->newer;
}

void pq_scan_release(pq_scan *s) {
  held *h = s->held;
  pq_cx *cx;
  if (h == NULL) return;
  cx = h->fetch.cx;
  unlink_held(h);
  pq_fetch_release(&h->fetch);
  pq_alloc(cx, h, sizeof *h, 0);
  s->held = NULL;
}

bool pq_scan_windows_drop(pq_scan_windows *w) {
  if (w->oldest == NULL) return false;
  pq_scan_release(w->oldest->scan);
  return true;
}

bool pq_scan_windows_rest(pq_scan_windows *w, int64_t since_us) {
  while (w->oldest != NULL && w->oldest->used_us < since_us)
    pq_scan_release(w->oldest->scan);
  return w->oldest != NULL;
}

/* ---- which windows are ---- */

static bool has_slices(const pq_scan *s) {
  return s->windows != NULL && s->fold == NULL && s->order.keep == 0;
}

uint64_t pq_scan_window_len(const pq_scan *s, bool *is_short) {
  *is_short = has_slices(s) && s->windows->window_len > 0 && s->windows->window_len < STORED_LEN;
  if (!has_slices(s)) return UINT64_MAX;
  return *is_short ? s->windows->window_len : STORED_LEN;
}

/* Of the next slice. */
static uint64_t slice_len(const pq_scan *s) {
  uint64_t len = s->slice_len == 0 ? SLICE_LEN_FIRST : s->slice_len, max = s->windows->slice_len;
  uint64_t most = s->is_count ? SLICE_LEN_COUNT : SLICE_LEN;
  if (max == 0 || max > most) max = most;
  return len < max && !s->is_count ? len : max;
}

bool pq_window_is_sliced(const pq_window *w) {
  uint64_t len = 0;
  if (!has_slices(w->s)) return false;
  for (uint32_t i = 0; i < w->unit_count; i++) {
    const pq_unit *u = &w->units[i];
    for (uint32_t k = 0; !u->is_out && k < u->document_count; k++)
      len += (pq_unit_row_len(u) + ROW_LEN) * (u->documents[k].hi - u->documents[k].lo);
  }
  return len > slice_len(w->s);
}

int pq_window_hold(pq_window *w) {
  pq_scan *s = w->s;
  pq_cx *cx = w->f->cx;
  held *h = pq_alloc(cx, NULL, 0, sizeof *h);
  if (h == NULL) return pq_fail_nomem(cx);
  *h = (held){.list = s->windows, .scan = s, .used_us = s->windows->now_us};
  pq_fetch_init(&h->fetch, cx);
  pq_fetch_move(w->f, &h->fetch);
  link_newest(h);
  s->held = h;
  w->f = &h->fetch;
  if (h->fetch.found == NULL) PQ_TRY(pq_window_remember(w));
  h->window = (pq_window){.s = s, .f = &h->fetch};
  if (!pq_window_recall(&h->window)) pq_unreachable("a window that was just remembered");
  for (uint32_t i = 0; i < h->window.unit_count; i++)
    pq_window_tell(s, &h->window.units[i]);
  return PQ_OK;
}

/* ---- slices ---- */

/* The row behind the next slice of a unit, whose ranges of documents are known; *left: bytes that
 * the slice may still have. */
static uint32_t slice_end(const pq_unit *u, uint64_t *left) {
  uint64_t row_len = pq_unit_row_len(u) + ROW_LEN, rows = *left / row_len + 1;
  for (uint32_t k = 0; k < u->document_count; k++) {
    uint32_t n = u->documents[k].hi - u->documents[k].lo;
    uint64_t taken = (n < rows ? n : rows) * row_len;
    *left -= taken < *left ? taken : *left;
    if (n >= rows) return u->documents[k].lo + (uint32_t)rows;
    rows -= n;
  }
  return u->slice.hi;
}

/* The next rows of the window's first unit that has some. */
static int emit_part(pq_window *w, uint64_t *left, pq_scan_sink sink, void *ud) {
  pq_scan *s = w->s;
  pq_unit *u = &w->units[w->unit];
  uint32_t end = u->slice.hi;
  int rc;
  if (u->is_out) {
    w->unit++;
    return PQ_OK;
  }
  PQ_TRY(pq_window_document_ranges(w, u));
  u->slice.hi = slice_end(u, left);
  PQ_TRY(pq_window_document_ranges(w, u));
  u->stats = (pq_scan_stats){0};
  rc = pq_unit_emit(w, u, sink, ud);
  pq_assert(rc != PQ_NEED_IO); /* it is part of what the window asked for */
  if (rc < 0) return rc;
  pq_window_tell(s, u);
  s->file = u->file_number;
  s->row_group = u->row_group;
  s->row = u->slice.hi;
  u->slice = (pq_row_range){u->slice.hi, end};
  w->unit += u->slice.lo == end;
  return rc;
}

int pq_slice_next(pq_scan *s, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink, void *ud) {
  held *h = s->held;
  pq_window *w = &h->window;
  uint64_t left = slice_len(s);
  int rc = PQ_OK;
  s->slice_len = left * 2;
  h->used_us = h->list->now_us;
  unlink_held(h);
  link_newest(h);
  w->scratch = scratch;
  w->builder = builder;
  pq_window_find_files(w);
  while (rc == PQ_OK && left > 0 && w->unit < w->unit_count) {
    rc = emit_part(w, &left, sink, ud);
    if (pq_step_is_over(scratch->cx)) left = 0;
  }
  if (rc < 0) return rc;
  if (rc == PQ_OK && w->unit < w->unit_count) return PQ_OK;
  pq_window_end(w, rc);
  pq_scan_release(s);
  return PQ_OK;
}
