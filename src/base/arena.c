/* base/arena.c - see arena.h. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK_LEN_MIN = 4096, CHUNK_LEN_MAX = 1 << 20, ALIGN = 16, KEEP_LEN = 16 << 20 };

typedef struct pq_arena_chunk {
  struct pq_arena_chunk *next;
  size_t cap;  /* bytes after the header */
  size_t used; /* of them, handed out */
  size_t pad;  /* keeps the header a multiple of ALIGN on 64 and on 32 bits */
} chunk;

_Static_assert(sizeof(chunk) % ALIGN == 0, "allocations would be misaligned");

void pq_arena_init(pq_arena *a, pq_cx *cx, uint64_t len_max) {
  *a = (pq_arena){.cx = cx, .len_max = len_max};
}

static void chunk_free(pq_arena *a, chunk *c) {
  a->used_len -= sizeof *c + c->cap;
  pq_alloc(a->cx, c, sizeof *c + c->cap, 0);
}

void pq_arena_clear(pq_arena *a) {
  while (a->head != NULL) {
    chunk *c = a->head;
    a->head = c->next;
    if (a->used_len > KEEP_LEN) {
      chunk_free(a, c);
      continue;
    }
    c->used = 0;
    c->next = a->spare;
    a->spare = c;
  }
}

void pq_arena_trim(pq_arena *a, uint64_t len) {
  while (a->spare != NULL && a->used_len > len) {
    chunk *c = a->spare;
    a->spare = c->next;
    chunk_free(a, c);
  }
}

void pq_arena_release(pq_arena *a) {
  if (a->cx == NULL) return;
  pq_arena_clear(a);
  pq_arena_trim(a, 0);
  *a = (pq_arena){0};
}

/* Take an emptied chunk with room for `len` bytes, if the first spare one has it. */
static bool reuse(pq_arena *a, size_t len) {
  chunk *c = a->spare;
  if (c == NULL || c->cap < len) return false;
  a->spare = c->next;
  c->next = a->head;
  a->head = c;
  return true;
}

/* Add a chunk with room for `len` bytes. Chunks double up to CHUNK_LEN_MAX. */
static int grow(pq_arena *a, size_t len) {
  size_t cap = a->head == NULL ? CHUNK_LEN_MIN : a->head->cap * 2, total;
  chunk *c;
  if (cap > CHUNK_LEN_MAX) cap = CHUNK_LEN_MAX;
  if (cap < len) cap = len;
  if (!pq_add_size(cap, sizeof *c, &total) || total > a->len_max ||
      a->used_len > a->len_max - total)
    return pq_fail(a->cx, PQ_ELIMIT, "the operation needs more than %llu bytes of memory",
                   (unsigned long long)a->len_max);
  c = pq_alloc(a->cx, NULL, 0, total);
  if (c == NULL) return pq_fail_nomem(a->cx);
  *c = (chunk){.next = a->head, .cap = cap};
  a->head = c;
  a->used_len += total;
  return PQ_OK;
}

void *pq_arena_alloc(pq_arena *a, size_t len) {
  chunk *c = a->head;
  void *out;
  if (len > SIZE_MAX - ALIGN) {
    pq_fail(a->cx, PQ_ELIMIT, "allocation of %zu bytes", len);
    return NULL;
  }
  len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  if (c == NULL || len > c->cap - c->used) {
    if (!reuse(a, len) && grow(a, len) != PQ_OK) return NULL;
    c = a->head;
  }
  out = (uint8_t *)(c + 1) + c->used;
  c->used += len;
  return out;
}

void *pq_arena_array(pq_arena *a, size_t count, size_t size) {
  size_t len;
  if (!pq_mul_size(count, size, &len)) {
    pq_fail(a->cx, PQ_ELIMIT, "allocation of %zu x %zu bytes", count, size);
    return NULL;
  }
  return pq_arena_alloc(a, len);
}

void *pq_arena_calloc(pq_arena *a, size_t count, size_t size) {
  void *out = pq_arena_array(a, count, size);
  if (out != NULL && count > 0 && size > 0) memset(out, 0, count * size);
  return out;
}

int pq_arena_copy(pq_arena *a, pq_slice in, pq_slice *out) {
  uint8_t *p;
  *out = (pq_slice){0};
  p = pq_arena_alloc(a, in.n);
  if (p == NULL) return a->cx->code;
  if (in.n > 0) memcpy(p, in.p, in.n);
  *out = (pq_slice){p, in.n};
  return PQ_OK;
}

char *pq_arena_str(pq_arena *a, pq_slice in) {
  char *p;
  if (in.n == SIZE_MAX) return NULL;
  p = pq_arena_alloc(a, in.n + 1);
  if (p == NULL) return NULL;
  if (in.n > 0) memcpy(p, in.p, in.n);
  p[in.n] = '\0';
  return p;
}

char *pq_arena_printf(pq_arena *a, const char *fmt, ...) {
  va_list args, again;
  char *p;
  int n;
  va_start(args, fmt);
  va_copy(again, args);
  n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  pq_assert(n >= 0);
  p = pq_arena_alloc(a, (size_t)n + 1);
  if (p != NULL) vsnprintf(p, (size_t)n + 1, fmt, again);
  va_end(again);
  return p;
}
