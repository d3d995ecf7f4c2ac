/* parquet/ahead_int.h - pages of a chunk unpacked before their turn, side by side.
 *
 *   pages wanted    | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
 *   parts           └── thread ──┘└── thread ──┘└ … ┘    each with a decompressor of its own
 *   decode            0   1   2   3   4   5   6   7      in order, by the caller, as ever
 *
 * Decompression is most of what reading documents costs, and needs nothing but bytes that are
 * there. All memory is taken by the caller before the tasks begin. A page that could not be
 * unpacked is left to the caller, who finds the same failure when its turn has come. So answers,
 * failures and requests are those of a reader without threads.
 */
#ifndef PQ_PARQUET_AHEAD_INT_H
#define PQ_PARQUET_AHEAD_INT_H

#include "base/task_runner.h"
#include "parquet/body_cache.h"
#include "parquet/page_int.h"

typedef struct pq_ahead_page {
  pq_page p;
  pq_page_needs needs;
  uint8_t *body;    /* NULL: it has no memory yet */
  pq_body *kept;    /* the body's, to be made ready once it is filled; NULL: nobody's */
  bool is_unpacked; /* the body is filled */
} pq_ahead_page;

typedef struct pq_ahead {
  const pq_chunk_ref *ref; /* borrowed, as are the next two */
  pq_arena *arena;
  pq_body_cache *bodies; /* NULL: none are kept */
  pq_ahead_page *pages;  /* in file order */
  uint32_t count, cap;
  uint32_t next;   /* to be found */
  uint64_t len;    /* to unpack */
  bool has_slices; /* of some page: they are kept anyway */
} pq_ahead;

void pq_ahead_init(pq_ahead *a, const pq_chunk_ref *ref, pq_arena *arena, pq_body_cache *bodies);

/* What a page needs; its body, if it was unpacked before. What pq_page_measure says. */
int pq_ahead_measure(pq_ahead *a, const pq_page *p, pq_ahead_page *out) PQ_MUST_CHECK;
/* Memory for its body that stays: of the cache, or of the arena. PQ_ENOMEM, PQ_ELIMIT. */
int pq_ahead_place(pq_ahead *a, pq_ahead_page *page) PQ_MUST_CHECK;

/* Note a data page that will be decoded. Pages come in file order. What pq_page_measure says. */
int pq_ahead_add(pq_ahead *a, const pq_page *p) PQ_MUST_CHECK;

/* Unpack them, unless there are too few. PQ_ENOMEM, PQ_ELIMIT. */
int pq_ahead_run(pq_ahead *a, const pq_task_runner *runner) PQ_MUST_CHECK;

/* The page, if it was noted. Asked in file order. */
pq_ahead_page *pq_ahead_find(pq_ahead *a, const pq_page *p);

#endif
