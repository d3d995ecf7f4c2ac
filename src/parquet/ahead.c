/* parquet/ahead.c - see ahead_int.h. */
#include "parquet/ahead_int.h"

#include <string.h>

/* A thread costs some 50 µs to start, and unpacks PART_LEN in five times that. Pages whose memory
 * would else be shared are unpacked ahead up to SHARED_LEN_MAX. */
enum { PAGES_MIN = 8, PART_LEN = 256 << 10, PARTS_MAX = 16, SHARED_LEN_MAX = 8 << 20 };

/* Pages [lo, hi) of one task. */
typedef struct part {
  pq_ahead *a;
  pq_cx cx;
  uint32_t lo, hi;
} part;

void pq_ahead_init(pq_ahead *a, const pq_chunk_ref *ref, pq_arena *arena, pq_body_cache *bodies) {
  *a = (pq_ahead){.ref = ref, .arena = arena, .bodies = bodies};
}

int pq_ahead_measure(pq_ahead *a, const pq_page *p, pq_ahead_page *out) {
  const pq_body *b = NULL;
  pq_page checked = *p;
  *out = (pq_ahead_page){.p = *p};
  if (a->bodies != NULL)
    b = pq_body_cache_find(a->bodies, p->at.key, p->at.off, p->h.uncompressed_len);
  if (b != NULL) checked.h.has_crc = false; /* it was compared when the body was made */
  PQ_TRY(pq_page_measure(a->ref, &checked, &out->needs));
  if (b == NULL || out->needs.body_len != b->len) return PQ_OK;
  out->body = b->bytes;
  out->is_unpacked = true;
  return PQ_OK;
}

int pq_ahead_place(pq_ahead *a, pq_ahead_page *page) {
  size_t len = page->needs.body_len;
  if (len == 0) return PQ_OK;
  if (a->bodies != NULL && page->needs.has_slices)
    PQ_TRY(pq_body_cache_add(a->bodies, page->p.at.key, page->p.at.off, len, &page->kept));
  page->body = page->kept != NULL ? page->kept->bytes : pq_arena_alloc(a->arena, len);
  return page->body == NULL ? a->arena->cx->code : PQ_OK;
}

int pq_ahead_add(pq_ahead *a, const pq_page *p) {
  pq_ahead_page *page;
  if (a->count == a->cap) {
    uint32_t cap = a->cap == 0 ? PAGES_MIN : a->cap * 2;
    pq_ahead_page *pages = pq_arena_array(a->arena, cap, sizeof *pages);
    if (pages == NULL) return a->arena->cx->code;
    if (a->count > 0) memcpy(pages, a->pages, a->count * sizeof *pages);
    a->pages = pages;
    a->cap = cap;
  }
  page = &a->pages[a->count];
  PQ_TRY(pq_ahead_measure(a, p, page));
  if (!page->is_unpacked) a->len += page->needs.body_len;
  a->has_slices |= page->needs.has_slices;
  a->count++;
  return PQ_OK;
}

/* The context is the task's own, for what a failure says; nobody reads it. */
static void run_part(void *ctx, uint32_t i) {
  part *t = &((part *)ctx)[i];
  pq_chunk_ref ref = *t->a->ref;
  pq_decompressor decompressor;
  ref.at.cx = &t->cx;
  pq_decompressor_init(&decompressor, &t->cx);
  for (uint32_t k = t->lo; k < t->hi; k++) {
    pq_ahead_page *page = &t->a->pages[k];
    pq_page_env env = {.decompressor = &decompressor, .body = page->body};
    pq_page own = page->p;
    own.at.cx = &t->cx;
    if (page->body != NULL && !page->is_unpacked)
      page->is_unpacked = pq_page_unpack(&ref, &own, &env) == PQ_OK;
  }
  pq_decompressor_release(&decompressor);
}

/* Cut the pages into parts of about the same length. */
static uint32_t cut(pq_ahead *a, part *parts) {
  uint64_t count = a->len / PART_LEN > PARTS_MAX ? PARTS_MAX : a->len / PART_LEN, len = 0;
  uint32_t n = 0;
  for (uint32_t i = 0; i < a->count; i++) {
    if (i == 0 || (n < count && len >= a->len / count * n)) {
      parts[n] = (part){.a = a, .lo = i};
      pq_task_cx(&parts[n++].cx, a->arena->cx);
    }
    parts[n - 1].hi = i + 1;
    if (!a->pages[i].is_unpacked) len += a->pages[i].needs.body_len;
  }
  return n;
}

int pq_ahead_run(pq_ahead *a, const pq_task_runner *runner) {
  part *parts;
  if (a->count < PAGES_MIN || a->len < 2 * PART_LEN) return PQ_OK;
  if (!a->has_slices && a->len > SHARED_LEN_MAX) return PQ_OK;
  parts = pq_arena_array(a->arena, PARTS_MAX, sizeof *parts);
  if (parts == NULL) return a->arena->cx->code;
  for (uint32_t i = 0; i < a->count; i++) {
    if (a->pages[i].body == NULL) PQ_TRY(pq_ahead_place(a, &a->pages[i]));
  }
  pq_tasks_run(runner, run_part, parts, cut(a, parts));
  return PQ_OK;
}

pq_ahead_page *pq_ahead_find(pq_ahead *a, const pq_page *p) {
  while (a->next < a->count && a->pages[a->next].p.at.off < p->at.off)
    a->next++;
  if (a->next == a->count || a->pages[a->next].p.at.off != p->at.off) return NULL;
  return &a->pages[a->next];
}
