/* table/page_cache.h - decoded pages of immutable files, for reads of single rows.
 *
 *   file ─ row group ─ leaf ─ page 0 │ page 1 │ page 2 …      slots of the page index
 *                               │        │        │
 *                             (empty)    │      some of its rows ◄──┐
 *                                      all values, text copied ◄────┴──► list, most recent first
 *
 * A point read needs one row of a page; decoding the page for it again each time would cost a
 * hundred times what the row does. A page that was decoded stays, keyed by its place in its file:
 * files never change, so it is never wrong. Values that a page repeats (texts of a dictionary) are
 * held once.
 *
 * Whoever wants few rows of a page and may be the only one who ever comes says which. Only these
 * are kept then, which is a tenth of the work and a hundredth of the memory; who comes second, for
 * others, gets the whole page. Pages are decoded in one place of memory, again and again.
 *
 * Pages are borrowed until the step of the operation ends: only pq_page_cache_trim, which is called
 * between steps, frees the least recently used ones beyond `len_max`. Filling is allowed under the
 * restart rule. One thread.
 */
#ifndef PQ_TABLE_PAGE_CACHE_H
#define PQ_TABLE_PAGE_CACHE_H

#include "parquet/body_cache.h"
#include "parquet/reader.h"

typedef struct pq_cached_page pq_cached_page;
struct pq_cached_page {
  pq_column column;      /* rows of the page, nested ones with their levels; of a part only these */
  uint32_t first_row;    /* of the column, in the row group */
  uint8_t *checked;      /* per row, for whoever validates values once: zero at first */
  size_t len;            /* of the allocation that holds all of it */
  pq_cached_page **slot; /* NULL: another part took its place */
  pq_cached_page *newer, *older;
};

/* The pages of one column chunk, as its page index lists them. */
typedef struct pq_chunk_pages {
  pq_page_index index;
  pq_cached_page **cached; /* index.page_count slots: whole pages */
  pq_cached_page **parts;  /* as many: some rows of pages */
} pq_chunk_pages;

typedef struct pq_page_cache {
  pq_cx *cx;
  uint64_t held_len, len_max;
  pq_cached_page *newest, *oldest; /* owned */
  pq_body_cache bodies;            /* of scans, and filters */
  pq_arena work;                   /* of the page that is being decoded */
} pq_page_cache;

void pq_page_cache_init(pq_page_cache *c, pq_cx *cx);
void pq_page_cache_release(pq_page_cache *c);

/* Free the least recently used pages and bodies beyond the limit, of which bodies have a quarter
 * where they need it, and more where memory is short: a quarter of that is left to others. Between
 * steps only. */
void pq_page_cache_trim(pq_page_cache *c);
/* Free them all: somebody needs the memory more. Were there any? Between steps only. */
bool pq_page_cache_drop(pq_page_cache *c);

/* The page of a chunk that holds `row`. The index must have pages. */
uint32_t pq_chunk_page_of(const pq_chunk_pages *p, uint32_t row);

/* The entries of one row of a page, as a column of one row; borrowed from the page. */
pq_column pq_cached_page_row(const pq_cached_page *p, uint32_t row);

/* Where a page is read from, and what of it is wanted: all rows, unless `rows` or `key` say less.
 */
typedef struct pq_page_ref {
  const pq_file *file;
  uint32_t row_group, leaf, page;
  pq_chunk_pages *pages;
  pq_row_range rows; /* of the row group, all in this page; hi 0: all of it */
  pq_slice key;      /* p not NULL: those with this text, in a sorted flat leaf without nulls */
  bool is_rare;      /* nobody will come for the others: never the whole page on their behalf */
} pq_page_ref;

/* What `get` would give, if it is there; NULL: it must be decoded. */
pq_cached_page *pq_page_cache_find(const pq_page_ref *ref);

/* Ask for a page's bytes unless what is wanted of it is decoded. PQ_OK when `get` will need
 * nothing. */
int pq_page_cache_want(const pq_page_ref *ref, pq_fetch *f) PQ_MUST_CHECK;

/* The decoded page, or a part of it with the rows that are wanted: all rows of a key, if there is
 * one, else the whole page. PQ_NEED_IO, the reader's failures, PQ_ENOMEM. */
int pq_page_cache_get(pq_page_cache *c, const pq_page_ref *ref, pq_fetch *f,
                      pq_cached_page **out) PQ_MUST_CHECK;

#endif
