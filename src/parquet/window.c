/* parquet/window.c - see window_int.h. */
#include "parquet/window_int.h"

#include <string.h>

enum { WINDOW_CAP_MIN = 4 };

/* ---- budget ---- */

int pq_windows_hold(pq_windows *w, uint64_t more) {
  pq_budget *b = w->budget;
  if (b->used > b->max || more > b->max - b->used)
    return pq_fail(w->cx, PQ_ELIMIT, "%s: reading it takes more than %llu bytes of memory", w->key,
                   (unsigned long long)b->max);
  b->used += more;
  return PQ_OK;
}

void pq_windows_let_go(pq_windows *w, uint64_t less) {
  pq_assert(w->budget->used >= less);
  w->budget->used -= less;
}

void pq_windows_free(pq_windows *w, pq_block *b) {
  if (b->p != NULL) pq_alloc(w->cx, b->p, b->cap, 0);
  pq_windows_let_go(w, b->cap);
  *b = (pq_block){0};
}

int pq_windows_reserve(pq_windows *w, pq_block *b, size_t used, size_t len) {
  size_t cap;
  uint8_t *p;
  if (len <= b->cap) return PQ_OK;
  if (!pq_add_size(len, len / 4, &cap)) cap = len; /* sizes of pages differ a little */
  if (used == 0) pq_windows_free(w, b);            /* nothing to copy */
  PQ_TRY(pq_windows_hold(w, cap - b->cap));
  p = pq_alloc(w->cx, b->p, b->cap, cap);
  if (p == NULL) {
    pq_windows_let_go(w, cap - b->cap);
    return pq_fail_nomem(w->cx);
  }
  *b = (pq_block){p, cap};
  return PQ_OK;
}

/* ---- memory of pages ---- */

void pq_memory_free(pq_windows *w, pq_memory *m) {
  if (m == NULL) return;
  pq_windows_free(w, &m->body);
  pq_windows_let_go(w, m->arena_len);
  pq_arena_release(&m->arena);
  pq_alloc(w->cx, m, sizeof *m, 0);
}

void pq_memory_free_all(pq_windows *w, pq_memory *list) {
  while (list != NULL) {
    pq_memory *next = list->next;
    pq_memory_free(w, list);
    list = next;
  }
}

void pq_memory_give_back(pq_windows *w, pq_memory **spare, pq_memory *m) {
  if (m == NULL) return;
  pq_arena_clear(&m->arena);
  if (m->arena.used_len > m->arena_len) { /* a failure came before it was counted */
    pq_arena_release(&m->arena);
    pq_arena_init(&m->arena, w->cx, 0);
  }
  pq_windows_let_go(w, m->arena_len - m->arena.used_len);
  m->arena_len = m->arena.used_len;
  m->next = *spare;
  *spare = m;
}

int pq_memory_take(pq_windows *w, pq_memory **spare, size_t len, pq_memory **out) {
  pq_memory **at = spare, *m;
  *out = NULL;
  while (*at != NULL && (*at)->body.cap < len)
    at = &(*at)->next;
  if (*at == NULL) at = spare; /* one that has to grow */
  m = *at;
  if (m != NULL) {
    *at = m->next;
  } else {
    m = pq_alloc(w->cx, NULL, 0, sizeof *m);
    if (m == NULL) return pq_fail_nomem(w->cx);
    *m = (pq_memory){0};
    pq_arena_init(&m->arena, w->cx, 0);
  }
  m->next = NULL;
  *out = m;
  return pq_windows_reserve(w, &m->body, 0, len);
}

void pq_memory_start(const pq_windows *w, pq_memory *m) {
  m->arena.len_max = m->arena.used_len + (w->budget->max - w->budget->used);
}

int pq_memory_close(pq_windows *w, pq_memory *m) {
  uint64_t more = m->arena.used_len - m->arena_len;
  PQ_TRY(pq_windows_hold(w, more));
  m->arena_len = m->arena.used_len;
  return PQ_OK;
}

/* ---- sets ---- */

void pq_windows_init(pq_windows *w, pq_cx *cx, const char *key, pq_budget *budget) {
  *w = (pq_windows){.cx = cx, .key = key, .budget = budget};
  pq_fetch_init(&w->sets[0].fetch, cx);
  pq_fetch_init(&w->sets[1].fetch, cx);
}

static void set_clear(pq_windows *w, pq_window_set *s) {
  pq_fetch_clear(&s->fetch);
  pq_windows_let_go(w, s->held_len);
  s->held_len = 0;
  s->count = 0;
  s->high = 0;
  s->is_pinned = false;
}

void pq_windows_clear(pq_windows *w) {
  set_clear(w, &w->sets[0]);
  set_clear(w, &w->sets[1]);
  w->page_set = 0;
  w->joined_len = 0;
}

void pq_windows_release(pq_windows *w) {
  if (w->cx == NULL) return;
  pq_windows_clear(w);
  for (int i = 0; i < 2; i++) {
    pq_window_set *s = &w->sets[i];
    if (s->windows != NULL) pq_alloc(w->cx, s->windows, s->cap * sizeof *s->windows, 0);
    pq_fetch_release(&s->fetch);
  }
  pq_windows_free(w, &w->joined);
  *w = (pq_windows){0};
}

/* A set to ask through: emptied, if its bytes are of no use any more. */
static pq_window_set *choose_set(pq_windows *w, uint64_t low) {
  for (unsigned i = 0; i < 2; i++) /* the driver runs the requests of one set */
    if (w->sets[i].fetch.unfinished > 0) return &w->sets[w->set = i];
  for (unsigned i = 0; i < 2; i++) {
    unsigned k = (w->set + i) & 1;
    pq_window_set *s = &w->sets[k];
    if (s->is_pinned || w->page_set == k + 1 || s->high > low) continue;
    set_clear(w, s);
    w->set = k;
    return s;
  }
  return &w->sets[w->set];
}

int pq_windows_ask(pq_windows *w, uint64_t off, uint64_t end, uint64_t low) {
  pq_window_set *s = choose_set(w, low);
  pq_slice ignored;
  int rc;
  if (s->count == s->cap) {
    uint32_t cap = s->cap == 0 ? WINDOW_CAP_MIN : s->cap * 2;
    pq_window *grown = pq_alloc(w->cx, s->windows, s->cap * sizeof *grown, cap * sizeof *grown);
    if (grown == NULL) return pq_fail_nomem(w->cx);
    s->windows = grown;
    s->cap = cap;
  }
  PQ_TRY(pq_windows_hold(w, end - off));
  s->held_len += end - off;
  s->windows[s->count++] = (pq_window){.off = off, .end = end};
  if (end > s->high) s->high = end;
  rc = pq_fetch_read(&s->fetch, w->key, off, end - off, &ignored);
  return rc == PQ_NEED_IO ? PQ_OK : rc;
}

static pq_window *find(const pq_windows *w, uint64_t off, unsigned *set) {
  for (unsigned k = 0; k < 2; k++) {
    const pq_window_set *s = &w->sets[k];
    for (uint32_t i = 0; i < s->count; i++) {
      if (off < s->windows[i].off || off >= s->windows[i].end) continue;
      *set = k;
      return &s->windows[i];
    }
  }
  return NULL;
}

const pq_window *pq_windows_find(const pq_windows *w, uint64_t off) {
  unsigned set;
  return find(w, off, &set);
}

/* The window at `off`, resident. NULL: nobody asked for it. */
static int resident(pq_windows *w, uint64_t off, pq_window **out, unsigned *set) {
  pq_slice bytes;
  *out = find(w, off, set);
  if (*out == NULL || (*out)->p != NULL) return PQ_OK;
  PQ_TRY(
      pq_fetch_read(&w->sets[*set].fetch, w->key, (*out)->off, (*out)->end - (*out)->off, &bytes));
  (*out)->p = bytes.p;
  return PQ_OK;
}

/* Append what the window has from where the joined bytes end, up to `len` in all. */
static int join(pq_windows *w, const pq_window *from, size_t len) {
  uint64_t at = w->joined_off + w->joined_len;
  size_t n = len - w->joined_len;
  if (n > from->end - at) n = (size_t)(from->end - at);
  PQ_TRY(pq_windows_reserve(w, &w->joined, w->joined_len, len));
  memcpy(w->joined.p + w->joined_len, from->p + (size_t)(at - from->off), n);
  w->joined_len += n;
  return PQ_OK;
}

int pq_windows_peek(pq_windows *w, uint64_t off, size_t len, uint64_t ask_end, pq_slice *out,
                    unsigned *set) {
  pq_window *at;
  *out = (pq_slice){0};
  pq_assert(len > 0 && off + len <= ask_end);
  if (w->joined_len == 0 || w->joined_off != off) {
    w->joined_off = off;
    w->joined_len = 0;
  }
  for (;;) {
    uint64_t next = off + w->joined_len;
    if (w->joined_len >= len) {
      *out = (pq_slice){w->joined.p, w->joined_len};
      *set = 0;
      return PQ_OK;
    }
    PQ_TRY(resident(w, next, &at, set));
    if (at == NULL) {
      PQ_TRY(pq_windows_ask(w, next, ask_end, next));
      continue; /* to PQ_NEED_IO */
    }
    if (w->joined_len == 0 && at->end - off >= len) {
      *out = (pq_slice){at->p + (size_t)(off - at->off), (size_t)(at->end - off)};
      ++*set;
      return PQ_OK;
    }
    PQ_TRY(join(w, at, len));
  }
}

pq_fetch *pq_windows_fetch(pq_windows *w) {
  for (unsigned i = 0; i < 2; i++)
    if (w->sets[i].fetch.unfinished > 0) return &w->sets[i].fetch;
  return &w->sets[w->set].fetch;
}
