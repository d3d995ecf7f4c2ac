/* base/arena.h - memory that is freed all at once.
 *
 *   chunk -> chunk -> chunk      each a block of the allocator, bump-filled
 *
 * An operation owns one arena, a stage another that is cleared when the stage runs again. The
 * maximum is set at initialisation; growth past it is PQ_ELIMIT, recorded in the context.
 */
#ifndef PQ_BASE_ARENA_H
#define PQ_BASE_ARENA_H

#include "base/base.h"

typedef struct pq_arena {
  pq_cx *cx;                    /* borrowed */
  struct pq_arena_chunk *head;  /* owned */
  struct pq_arena_chunk *spare; /* owned: emptied chunks, kept for reuse */
  uint64_t used_len;            /* bytes held from the allocator */
  uint64_t len_max;
} pq_arena;

/* Prepare an empty arena of at most `len_max` bytes. Allocates nothing. */
void pq_arena_init(pq_arena *a, pq_cx *cx, uint64_t len_max);

/* Free everything. Safe on a zeroed arena; it may be initialised again. */
void pq_arena_release(pq_arena *a);

/* Forget all allocations; up to 16 MiB of chunks are kept for reuse. */
void pq_arena_clear(pq_arena *a);

/* Give chunks that are kept for reuse back, down to `len` bytes in all. */
void pq_arena_trim(pq_arena *a, uint64_t len);

/* `len` bytes aligned to 16, uninitialised; NULL after recording PQ_ENOMEM or PQ_ELIMIT in the
 * context (return a->cx->code then). `len` 0 gives a valid pointer. */
void *pq_arena_alloc(pq_arena *a, size_t len);

/* The same for an array; checks the product. */
void *pq_arena_array(pq_arena *a, size_t count, size_t size);
/* The same, zeroed. */
void *pq_arena_calloc(pq_arena *a, size_t count, size_t size);

/* Copy bytes into the arena. PQ_OK or the recorded failure; the empty slice on failure. */
int pq_arena_copy(pq_arena *a, pq_slice in, pq_slice *out) PQ_MUST_CHECK;

/* A NUL-terminated copy; NULL as pq_arena_alloc. */
char *pq_arena_str(pq_arena *a, pq_slice in);

/* A formatted NUL-terminated string; NULL as pq_arena_alloc. */
char *pq_arena_printf(pq_arena *a, const char *fmt, ...) PQ_PRINTF(2, 3);

#endif
