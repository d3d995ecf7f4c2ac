/* parquet/window_int.h - the bytes of a column chunk, a window at a time, for cursors.
 *
 *   chunk:    | dictionary | page 0 | page 1 | page 2 | page 3 | …
 *   windows:  [ set A                    ][ set B              ]
 *   joined:                         [ page 2 ]            what lies on both sides of an end
 *
 * Windows are requests of two fetch sets. A set is emptied and used again once all its windows lie
 * before what is still needed and nobody holds slices of them; so one is filled while the other is
 * being read. At most one set has requests that are not done.
 *
 * All memory is counted in a budget that many cursors share.
 */
#ifndef PQ_PARQUET_WINDOW_INT_H
#define PQ_PARQUET_WINDOW_INT_H

#include "base/arena.h"
#include "parquet/cursor_int.h"

/* Memory that grows, counted in the budget. Owned. */
typedef struct pq_block {
  uint8_t *p;
  size_t cap;
} pq_block;

/* A range that was asked for. */
typedef struct pq_window {
  uint64_t off, end;
  const uint8_t *p; /* NULL: not known to be resident; borrowed from the set */
} pq_window;

typedef struct pq_window_set {
  pq_fetch fetch;
  pq_window *windows; /* owned */
  uint32_t count, cap;
  uint64_t high;     /* the highest end */
  uint64_t held_len; /* counted in the budget */
  bool is_pinned;    /* a batch has slices of it */
} pq_window_set;

typedef struct pq_windows {
  pq_cx *cx; /* borrowed, as the next two */
  const char *key;
  pq_budget *budget;
  pq_window_set sets[2];
  unsigned set;      /* the one filled last */
  unsigned page_set; /* set + 1 whose bytes the open page uses in place; 0: none */
  pq_block joined;   /* bytes from joined_off on */
  uint64_t joined_off;
  size_t joined_len; /* 0: not in use */
} pq_windows;

void pq_windows_init(pq_windows *w, pq_cx *cx, const char *key, pq_budget *budget);
void pq_windows_release(pq_windows *w);
/* Forget all bytes, keep the memory for the list. */
void pq_windows_clear(pq_windows *w);

/* Count `more` bytes: PQ_ELIMIT beyond the budget. */
int pq_windows_hold(pq_windows *w, uint64_t more) PQ_MUST_CHECK;
void pq_windows_let_go(pq_windows *w, uint64_t less);
/* Make a block at least `len` long; `used` bytes of it are kept. */
int pq_windows_reserve(pq_windows *w, pq_block *b, size_t used, size_t len) PQ_MUST_CHECK;
void pq_windows_free(pq_windows *w, pq_block *b);

/* What a page's values point into. */
typedef struct pq_memory {
  struct pq_memory *next;
  pq_block body;
  pq_arena arena;
  uint64_t arena_len; /* of it, counted in the budget */
} pq_memory;

/* Take one with a body of `len` bytes from a list of free ones, or make one. *out is the caller's
 * also on failure. */
int pq_memory_take(pq_windows *w, pq_memory **spare, size_t len, pq_memory **out) PQ_MUST_CHECK;
/* Empty it and put it on the list. NULL is allowed, as in `free`. */
void pq_memory_give_back(pq_windows *w, pq_memory **spare, pq_memory *m);
void pq_memory_free(pq_windows *w, pq_memory *m);
void pq_memory_free_all(pq_windows *w, pq_memory *list);
/* Before its arena is used: let it take what the budget has left. Afterwards: count what it
 * took. */
void pq_memory_start(const pq_windows *w, pq_memory *m);
int pq_memory_close(pq_windows *w, pq_memory *m) PQ_MUST_CHECK;

/* The window that holds the byte at `off`; NULL: none was asked for. */
const pq_window *pq_windows_find(const pq_windows *w, uint64_t off);
/* Ask for [off, end). Bytes below `low` are not needed any more. Not resident afterwards. */
int pq_windows_ask(pq_windows *w, uint64_t off, uint64_t end, uint64_t low) PQ_MUST_CHECK;
/* At least `len` bytes at `off` in one piece, and what follows them in the window. What nobody has
 * asked for yet it asks for up to `ask_end`. PQ_NEED_IO. *set: the set they stand in plus 1, or 0
 * if they were joined. */
int pq_windows_peek(pq_windows *w, uint64_t off, size_t len, uint64_t ask_end, pq_slice *out,
                    unsigned *set) PQ_MUST_CHECK;

/* The set with requests to run, else the one filled last. */
pq_fetch *pq_windows_fetch(pq_windows *w);

#endif
