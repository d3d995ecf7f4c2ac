/* parquet/cursor.c - see cursor_int.h.
 *
 *   rows     0 … row        row + skip_left            the next read begins after the rows to skip
 *   pages    |  open page  |  page  |  page  |
 *                 ^ pos                                  entries of the open page that are done
 *
 * `advance` is all there is to it: go on for some rows, reading or passing over them. Between pages
 * it looks for the next one, and passes over whole pages whose rows are known from their header or
 * from the page index. A row of a list ends where another one begins, so in pages that may end
 * inside of a row the next page has to be opened to know.
 *
 * A page's memory (its unpacked bytes, the arena of its values) is used again at once when the
 * batch has no slices of it, else after the next clear.
 */
#include <string.h>

#include "parquet/kernels_int.h"
#include "parquet/page_int.h"
#include "parquet/window_int.h"

enum {
  WINDOW_LEN = 1 << 20,
  HEADER_GUESS_LEN = 64,
  GAP_LEN_MAX = 16 << 10, /* reading this much in vain costs less than another request */
  ROWS_CAP_MIN = 256
};

struct pq_cursor {
  pq_cx *cx;    /* borrowed */
  pq_file file; /* its key and footer borrowed */
  uint32_t leaf;
  pq_cursor_options options;
  pq_chunk_ref ref;
  const pq_page_index *index; /* borrowed; NULL: none */
  pq_windows bytes;
  pq_budget own;                /* if the caller gave none */
  pq_decompressor decompressor; /* if the caller gave none */
  /* where it stands */
  uint64_t off, end;    /* the next page's header; the end of the chunk */
  uint32_t entry_count; /* of the pages before it; without index */
  uint32_t page_idx;    /* it; with index */
  uint32_t row;         /* rows that have begun */
  uint32_t skip_left;   /* rows to pass over before the next read */
  uint32_t read_left;   /* of the read that returned PQ_NEED_IO */
  bool is_reading;
  bool is_skipping; /* that read has not reached its first row; its last skipped one may be open */
  bool has_page;    /* `page` is open */
  bool is_row_open; /* the last row may go on in the next page */
  bool is_past_dictionary;
  uint64_t page_len; /* of the last data page that was opened: the next one may be as long */
  pq_page_reader page;
  bool page_is_given; /* the batch may have slices of it */
  pq_memory *page_memory;
  pq_block levels;
  uint64_t asked_end, asked_len; /* with index: the last request */
  /* the dictionary */
  bool has_dictionary;
  pq_dictionary dictionary;
  pq_memory *dictionary_memory;
  pq_memory *given, *spare; /* pages that the batch has slices of; free ones */
  /* the batch */
  pq_sink out;
  uint32_t out_rows, out_cap; /* rows; entries that there is room for */
  pq_block values, codes, nulls, def, rep;
};

/* ---- the batch ---- */

/* Make room for `more` entries. */
static int reserve(pq_cursor *c, uint32_t more) {
  const pq_leaf *leaf = c->ref.leaf;
  size_t size = c->out.is_coded ? sizeof(uint32_t) : pq_phys_size(leaf->phys), count, cap, len;
  pq_block *slots = c->out.is_coded ? &c->codes : &c->values;
  if (!pq_add_size(c->out.count, more, &count) || count > UINT32_MAX ||
      !pq_mul_size(count, size, &len))
    return pq_place_fail(&c->ref.at, PQ_ELIMIT, "too many rows for the memory");
  if (len > slots->cap || count > c->out_cap) {
    cap = c->out_cap * (size_t)2 < ROWS_CAP_MIN ? ROWS_CAP_MIN : c->out_cap * (size_t)2;
    if (count <= c->out_cap) cap = c->out_cap;
    if (cap < count || cap > UINT32_MAX || !pq_mul_size(cap, size, &len)) cap = count;
    PQ_TRY(pq_windows_reserve(&c->bytes, slots, c->out.count * size, cap * size));
    if (leaf->def_max > 0) PQ_TRY(pq_windows_reserve(&c->bytes, &c->nulls, c->out.count, cap));
    if (!pq_leaf_is_flat(leaf)) PQ_TRY(pq_windows_reserve(&c->bytes, &c->def, c->out.count, cap));
    if (leaf->rep_max > 0) PQ_TRY(pq_windows_reserve(&c->bytes, &c->rep, c->out.count, cap));
    c->out_cap = (uint32_t)cap;
  }
  c->out.values = slots->p;
  c->out.nulls = c->nulls.p;
  c->out.def = c->def.p;
  c->out.rep = c->rep.p;
  return PQ_OK;
}

/* Turn the codes of the batch into values. */
static int look_up(pq_cursor *c) {
  const pq_kernels *kernels = pq_kernels_of(c->cx);
  size_t size = pq_phys_size(c->ref.leaf->phys);
  const uint8_t *from = c->dictionary.values;
  uint32_t n = c->out.count;
  const uint32_t *codes;
  uint8_t *to;
  c->out.is_coded = false;
  c->out.count = 0; /* of values */
  PQ_TRY(reserve(c, n));
  c->out.count = n;
  codes = (const void *)c->codes.p;
  to = c->values.p;
  if (!c->out.has_nulls && pq_phys_is_slice(c->ref.leaf->phys)) {
    kernels->gather_slices((const void *)from, codes, n, (void *)to);
  } else if (!c->out.has_nulls && size == 4) {
    kernels->gather4(from, codes, n, to);
  } else if (!c->out.has_nulls && size == 8) {
    kernels->gather8(from, codes, n, to);
  } else { /* the dictionary may be empty where all are null */
    for (uint32_t i = 0; i < n; i++, to += size) {
      if (c->out.has_nulls && c->out.nulls[i] != 0)
        memset(to, 0, size);
      else
        memcpy(to, from + codes[i] * size, size);
    }
  }
  return PQ_OK;
}

/* Pass over the next `n` entries of the page. */
static int pass(pq_cursor *c, uint32_t n) {
  if (n == 0) return PQ_OK;
  pq_memory_start(&c->bytes, c->page_memory);
  PQ_TRY(pq_page_skip(&c->page, n));
  return pq_memory_close(&c->bytes, c->page_memory);
}

/* Append the next `n` entries of the page. */
static int give(pq_cursor *c, uint32_t n) {
  if (n == 0) return PQ_OK;
  if (c->out.count == 0)
    c->out.is_coded = c->options.has_codes && c->page.is_coded && c->has_dictionary;
  else if (c->out.is_coded && !c->page.is_coded)
    PQ_TRY(look_up(c));
  PQ_TRY(reserve(c, n));
  pq_memory_start(&c->bytes, c->page_memory);
  PQ_TRY(pq_page_read(&c->page, n, &c->out));
  c->page_is_given = true;
  return pq_memory_close(&c->bytes, c->page_memory);
}

void pq_cursor_clear(pq_cursor *c) {
  pq_assert(!c->is_reading);
  while (c->given != NULL) {
    pq_memory *m = c->given;
    c->given = m->next;
    pq_memory_give_back(&c->bytes, &c->spare, m);
  }
  c->bytes.sets[0].is_pinned = c->bytes.sets[1].is_pinned = false;
  c->page_is_given = false;
  c->out.count = 0;
  c->out.has_nulls = c->out.is_coded = false;
  c->out_rows = 0;
}

void pq_cursor_batch(const pq_cursor *c, pq_column *out) {
  *out = (pq_column){.phys = c->ref.leaf->phys,
                     .row_count = c->out_rows,
                     .entry_count = c->out.count,
                     .nulls = c->out.has_nulls ? c->out.nulls : NULL};
  out->v.any = c->out.is_coded ? (void *)c->codes.p : (void *)c->values.p;
  if (!pq_leaf_is_flat(c->ref.leaf)) out->def = c->def.p;
  if (c->ref.leaf->rep_max > 0) out->rep = c->rep.p;
  if (c->out.is_coded) out->dictionary = &c->dictionary;
}

/* ---- pages ---- */

static void close_page(pq_cursor *c) {
  bool is_kept = c->page_is_given && pq_phys_is_slice(c->ref.leaf->phys) && !c->page.is_coded;
  if (!c->has_page) return;
  c->has_page = false;
  if (is_kept && c->bytes.page_set > 0) c->bytes.sets[c->bytes.page_set - 1].is_pinned = true;
  c->bytes.page_set = 0;
  if (is_kept) {
    c->page_memory->next = c->given;
    c->given = c->page_memory;
  } else {
    pq_memory_give_back(&c->bytes, &c->spare, c->page_memory);
  }
  c->page_memory = NULL;
}

/* Memory to unpack `p` to. A page that is used as it stands in joined bytes (*set 0) is copied if
 * slices of it are to live longer than those. *set becomes 0 if the page does not need it. */
static int prepare(pq_cursor *c, pq_page *p, unsigned *set, pq_memory **m, pq_page_env *env) {
  bool is_dictionary = p->h.type == PQ_PAGE_DICTIONARY, is_copied;
  pq_page_needs needs;
  PQ_TRY(pq_page_measure(&c->ref, p, &needs));
  is_copied = needs.body_len == 0 && (is_dictionary || (*set == 0 && needs.has_slices));
  if (needs.body_len > 0 || is_copied) *set = 0;
  PQ_TRY(pq_memory_take(&c->bytes, &c->spare, is_copied ? p->stored.n : needs.body_len, m));
  PQ_TRY(pq_windows_reserve(&c->bytes, &c->levels, 0, needs.levels_len));
  if (is_copied && p->stored.n > 0) {
    memcpy((*m)->body.p, p->stored.p, p->stored.n);
    p->stored.p = (*m)->body.p;
  }
  pq_memory_start(&c->bytes, *m);
  *env = (pq_page_env){
      .decompressor = c->options.decompressor != NULL ? c->options.decompressor : &c->decompressor,
      .arena = &(*m)->arena,
      .dictionary = c->has_dictionary ? &c->dictionary : NULL,
      .body = (*m)->body.p,
      .levels = c->levels.p};
  return PQ_OK;
}

static int read_dictionary(pq_cursor *c, pq_page *p) {
  pq_page_env env;
  unsigned set = 0;
  if (c->is_past_dictionary) return pq_place_corrupt(&p->at, "dictionary page out of place");
  c->is_past_dictionary = true;
  PQ_TRY(prepare(c, p, &set, &c->dictionary_memory, &env));
  PQ_TRY(pq_page_dictionary(&c->ref, p, env, &c->dictionary));
  c->has_dictionary = true;
  return pq_memory_close(&c->bytes, c->dictionary_memory);
}

/* Open a data page that stands in set `set` - 1, or in joined bytes (0). */
static int open_page(pq_cursor *c, pq_page *p, unsigned set) {
  bool begins_row = c->index != NULL || c->row == 0 || p->h.type == PQ_PAGE_DATA_V2;
  pq_page_env env;
  c->is_past_dictionary = true;
  PQ_TRY(prepare(c, p, &set, &c->page_memory, &env));
  PQ_TRY(pq_page_open(&c->ref, p, env, &c->page));
  PQ_TRY(pq_memory_close(&c->bytes, c->page_memory));
  if (begins_row && c->page.rep != NULL && c->page.entry_count > 0 && c->page.rep[0] != 0)
    return pq_place_corrupt(&p->at, "page begins inside a row");
  if (c->page.row_count > c->ref.row_count - c->row)
    return pq_place_corrupt(&p->at, "pages hold more rows than the chunk");
  c->has_page = true;
  c->page_is_given = false;
  c->is_row_open = c->ref.leaf->rep_max > 0 && c->index == NULL && p->h.type == PQ_PAGE_DATA;
  c->bytes.page_set = set;
  return PQ_OK;
}

/* ---- without a page index: pages one after the other ---- */

static uint32_t window_len(const pq_cursor *c) {
  return c->options.window_len > 0 ? c->options.window_len : WINDOW_LEN;
}

/* How much to ask for at once. A page longer than a window would come in two pieces, to be joined;
 * so where the one before was that long, as much and a little more. */
static uint64_t ask_len(const pq_cursor *c) {
  uint64_t len = c->page_len + c->page_len / 8;
  return c->page_len > window_len(c) ? len : window_len(c);
}

/* Get at least `len` bytes of the page at `off`. */
static int peek(pq_cursor *c, size_t len, pq_slice *out, unsigned *set) {
  uint64_t ask = len > ask_len(c) ? len : ask_len(c);
  if (ask > c->end - c->off) ask = c->end - c->off;
  return pq_windows_peek(&c->bytes, c->off, len, c->off + ask, out, set);
}

/* The header of the next page. */
static int read_header(pq_cursor *c, pq_page *p) {
  uint64_t left = c->end - c->off, want = left < HEADER_GUESS_LEN ? left : HEADER_GUESS_LEN;
  *p = (pq_page){.at = c->ref.at};
  p->at.off = c->off;
  if (left == 0) return pq_place_corrupt(&p->at, "pages hold fewer values than the chunk");
  for (;;) {
    pq_slice bytes;
    unsigned set;
    bool is_cut;
    PQ_TRY(peek(c, (size_t)want, &bytes, &set));
    PQ_TRY(pq_page_header_parse(&p->at, bytes, left, &p->h, &is_cut));
    if (!is_cut) return PQ_OK;
    want = (uint64_t)bytes.n * 2 < left ? (uint64_t)bytes.n * 2 : left;
  }
}

static void pass_page(pq_cursor *c, const pq_page *p) {
  c->off += (uint64_t)p->h.header_len + p->h.stored_len;
  if (!pq_page_is_data(&p->h)) return;
  c->entry_count += p->h.value_count;
  c->is_row_open = false;
}

/* Are the rows of a page known from its header, and are all of them to be passed over? */
static bool is_passed(const pq_cursor *c, const pq_page *p, uint32_t rows_left, uint32_t *rows) {
  return pq_page_rows(c->ref.leaf, &p->h, rows) && *rows <= rows_left &&
         *rows <= c->ref.row_count - c->row;
}

/* Open the next data page, or pass over it: then c->row has changed. */
static int next_page(pq_cursor *c, uint32_t *left, bool is_read) {
  pq_page p;
  pq_slice bytes;
  uint32_t rows;
  unsigned set;
  PQ_TRY(read_header(c, &p));
  if (pq_page_is_data(&p.h)) {
    if (p.h.value_count > c->ref.entry_count - c->entry_count)
      return pq_place_corrupt(&p.at, "pages hold more values than the chunk");
    if (!is_read && is_passed(c, &p, *left, &rows)) {
      c->row += rows;
      *left -= rows;
      pass_page(c, &p);
      return PQ_OK;
    }
  } else if (p.h.type != PQ_PAGE_DICTIONARY) {
    pass_page(c, &p);
    return PQ_OK;
  }
  PQ_TRY(peek(c, (size_t)p.h.header_len + p.h.stored_len, &bytes, &set));
  p.stored = (pq_slice){bytes.p + p.h.header_len, p.h.stored_len};
  if (p.h.type != PQ_PAGE_DICTIONARY) c->page_len = (uint64_t)p.h.header_len + p.h.stored_len;
  pass_page(c, &p);
  return p.h.type == PQ_PAGE_DICTIONARY ? read_dictionary(c, &p) : open_page(c, &p, set);
}

/* ---- with a page index: only the pages that are needed ---- */

/* Ask for pages from `first` on: those that hold rows before `row_end`, and where the last request
 * ended just here, ever more of them in advance. At most a window. */
static int ask_pages(pq_cursor *c, uint32_t first, uint32_t row_end, uint64_t low) {
  const pq_page_info *p = c->index->pages;
  uint64_t off = p[first].off, end = off + p[first].len, ahead = 0, dictionary_end = p[0].off;
  if (c->asked_end == off) ahead = c->asked_len * 2;
  for (uint32_t i = first + 1; i < c->index->page_count; i++) {
    uint64_t len = p[i].off + p[i].len - off;
    if (p[i].off - end > GAP_LEN_MAX || len > window_len(c)) break;
    if (p[i].first_row >= row_end && len > ahead) break;
    end = off + len;
  }
  c->asked_end = end;
  c->asked_len = end - off;
  if (!c->is_past_dictionary && c->ref.chunk->off < dictionary_end &&
      pq_windows_find(&c->bytes, c->ref.chunk->off) == NULL) {
    low = c->ref.chunk->off;
    if (off - dictionary_end <= GAP_LEN_MAX)
      off = low;
    else
      PQ_TRY(pq_windows_ask(&c->bytes, low, dictionary_end, low));
  }
  return pq_windows_ask(&c->bytes, off, end, low);
}

/* A page of known place. */
static int indexed_page(pq_cursor *c, uint64_t off, uint64_t len, pq_page *p, unsigned *set) {
  pq_slice bytes;
  size_t n;
  bool is_cut;
  *p = (pq_page){.at = c->ref.at};
  p->at.off = off;
  if (!pq_to_size(len, &n)) return pq_place_fail(&p->at, PQ_ELIMIT, "page too long");
  PQ_TRY(pq_windows_peek(&c->bytes, off, n, off + len, &bytes, set));
  bytes.n = n;
  PQ_TRY(pq_page_header_parse(&p->at, bytes, len, &p->h, &is_cut));
  p->stored = (pq_slice){bytes.p + p->h.header_len, p->h.stored_len};
  return PQ_OK;
}

/* What stands in front of all data pages. */
static int indexed_dictionary(pq_cursor *c) {
  uint64_t off = c->ref.chunk->off, end = c->index->pages[0].off;
  pq_page p;
  unsigned set;
  if (c->is_past_dictionary || off == end) return PQ_OK;
  PQ_TRY(indexed_page(c, off, end - off, &p, &set));
  if (pq_page_is_data(&p.h))
    return pq_place_corrupt(&p.at, "data page in front of those of the offset index");
  if (p.h.type == PQ_PAGE_DICTIONARY) PQ_TRY(read_dictionary(c, &p));
  c->is_past_dictionary = true;
  return PQ_OK;
}

/* As next_page. */
static int next_indexed_page(pq_cursor *c, uint32_t *left, bool is_read) {
  const pq_page_info *info;
  uint32_t rows;
  pq_page p;
  unsigned set;
  if (c->page_idx == c->index->page_count)
    return pq_place_corrupt(&c->ref.at, "pages hold fewer rows than the chunk");
  info = &c->index->pages[c->page_idx];
  if (!is_read && info->row_count <= *left) {
    c->row += info->row_count;
    *left -= info->row_count;
    c->page_idx++;
    return PQ_OK;
  }
  if (pq_windows_find(&c->bytes, info->off) == NULL) {
    uint64_t row_end = (uint64_t)c->row + *left + (is_read ? 0 : c->read_left);
    PQ_TRY(ask_pages(c, c->page_idx, row_end > UINT32_MAX ? UINT32_MAX : (uint32_t)row_end,
                     info->off));
  }
  PQ_TRY(indexed_dictionary(c));
  PQ_TRY(indexed_page(c, info->off, info->len, &p, &set));
  rows = c->ref.leaf->rep_max == 0 ? p.h.value_count : info->row_count;
  if (!pq_page_is_data(&p.h) || rows != info->row_count)
    return pq_place_corrupt(&p.at, "page differs from the offset index");
  c->page_idx++;
  PQ_TRY(open_page(c, &p, set));
  if (c->page.row_count != info->row_count)
    return pq_place_corrupt(&p.at, "page differs from the offset index");
  return PQ_OK;
}

/* ---- rows ---- */

/* Can the row that was begun last go on behind the open page? */
static bool may_go_on(const pq_cursor *c) {
  return c->is_row_open && c->entry_count < c->ref.entry_count;
}

/* Go on for *left rows, to where the next one begins. */
static int advance(pq_cursor *c, uint32_t *left, bool is_read) {
  for (;;) {
    if (c->has_page) {
      uint32_t begun, n = pq_page_span(&c->page, *left, &begun);
      PQ_TRY(is_read ? give(c, n) : pass(c, n));
      c->row += begun;
      *left -= begun;
      if (is_read) c->out_rows += begun;
      if (c->page.pos < c->page.entry_count) return PQ_OK;
      close_page(c);
    }
    if (*left == 0 && !may_go_on(c)) return PQ_OK;
    PQ_TRY(c->index != NULL ? next_indexed_page(c, left, is_read) : next_page(c, left, is_read));
  }
}

void pq_cursor_skip(pq_cursor *c, uint32_t n) {
  pq_assert(!c->is_reading);
  pq_assert(n <= c->ref.row_count - c->row - c->skip_left);
  c->skip_left += n;
}

int pq_cursor_read(pq_cursor *c, uint32_t n) {
  if (!c->is_reading) {
    pq_assert(n <= c->ref.row_count - c->row - c->skip_left);
    c->read_left = n;
    c->is_reading = true;
  }
  if (c->skip_left > 0) c->is_skipping = true;
  if (c->is_skipping) PQ_TRY(advance(c, &c->skip_left, false));
  c->is_skipping = false;
  PQ_TRY(advance(c, &c->read_left, true));
  c->is_reading = false;
  return PQ_OK;
}

/* Bytes that `rows` rows take, by the average and a quarter more. */
static uint64_t guess_len(const pq_cursor *c, uint32_t rows) {
  uint64_t each = c->ref.chunk->len / (c->ref.row_count + (uint64_t)1) + 1;
  return each * rows + each * rows / 4;
}

static int want_stream(pq_cursor *c, uint32_t rows) {
  uint64_t at = c->off, need = guess_len(c, rows);
  const pq_window *w;
  if (need > window_len(c)) need = window_len(c);
  if (c->bytes.joined_len > 0 && c->bytes.joined_off == c->off) at += c->bytes.joined_len;
  while (at < c->end && (w = pq_windows_find(&c->bytes, at)) != NULL) {
    if (w->p == NULL) return PQ_OK; /* on its way */
    at = w->end;
  }
  if (at >= c->end || at - c->off >= need) return PQ_OK;
  need = c->end - at < ask_len(c) ? c->end - at : ask_len(c);
  return pq_windows_ask(&c->bytes, at, at + need, c->off);
}

/* Rows that are wanted: ranges counted from a row of the chunk. */
typedef struct wanted {
  uint32_t first;
  const pq_row_range *ranges;
  uint32_t count, pos; /* ranges before `pos` lie before the page looked at */
} wanted;

/* The first page from `i` on that holds wanted rows; page_count: none. */
static uint32_t wanted_page(const pq_cursor *c, wanted *w, uint32_t i) {
  for (; i < c->index->page_count; i++) {
    const pq_page_info *p = &c->index->pages[i];
    while (w->pos < w->count && w->first + w->ranges[w->pos].hi <= p->first_row)
      w->pos++;
    if (w->pos == w->count) return c->index->page_count;
    if (w->first + w->ranges[w->pos].lo < p->first_row + p->row_count) return i;
  }
  return i;
}

/* Near pages in one request; no more than a window and a request in all. */
static int want_pages(pq_cursor *c, wanted w) {
  const pq_page_info *p = c->index->pages;
  uint32_t i = wanted_page(c, &w, c->page_idx);
  uint64_t len = 0;
  while (i < c->index->page_count && len <= window_len(c)) {
    uint32_t last = i, next = wanted_page(c, &w, i + 1);
    if (pq_windows_find(&c->bytes, p[i].off) == NULL) {
      while (next < c->index->page_count &&
             p[next].off - p[last].off - p[last].len <= GAP_LEN_MAX &&
             pq_windows_find(&c->bytes, p[next].off) == NULL) {
        last = next;
        next = wanted_page(c, &w, next + 1);
      }
      PQ_TRY(ask_pages(c, i, p[last].first_row + p[last].row_count, p[c->page_idx].off));
      len += c->asked_len;
    }
    i = next;
  }
  return PQ_OK;
}

int pq_cursor_want_ranges(pq_cursor *c, uint32_t first, const pq_row_range *ranges,
                          uint32_t count) {
  uint32_t row = c->row + c->skip_left, in_page, n;
  if (c->is_reading || count == 0) return PQ_OK;
  pq_assert(first + ranges[0].lo >= row && first + ranges[count - 1].hi <= c->ref.row_count);
  n = first + ranges[count - 1].hi - row;
  in_page = c->has_page ? c->page.entry_count - c->page.pos : 0;
  if (c->ref.leaf->rep_max == 0 && in_page >= c->skip_left && in_page - c->skip_left >= n)
    return PQ_OK;
  PQ_TRY(c->index != NULL ? want_pages(c, (wanted){first, ranges, count, 0}) : want_stream(c, n));
  return pq_windows_fetch(&c->bytes)->unfinished > 0 ? PQ_NEED_IO : PQ_OK;
}

int pq_cursor_want(pq_cursor *c, uint32_t n) {
  pq_row_range all = {0, n};
  return n == 0 ? PQ_OK : pq_cursor_want_ranges(c, c->row + c->skip_left, &all, 1);
}

pq_fetch *pq_cursor_fetch(pq_cursor *c) {
  return pq_windows_fetch(&c->bytes);
}

/* ---- life ---- */

int pq_cursor_reopen(pq_cursor *c, uint32_t row_group, const pq_page_index *index) {
  pq_assert(!c->is_reading);
  pq_cursor_clear(c);
  close_page(c);
  pq_windows_clear(&c->bytes);
  pq_memory_give_back(&c->bytes, &c->spare, c->dictionary_memory);
  c->dictionary_memory = NULL;
  c->has_dictionary = c->is_past_dictionary = c->is_row_open = false;
  c->dictionary = (pq_dictionary){0};
  c->row = c->skip_left = c->entry_count = c->page_idx = 0;
  c->asked_end = c->asked_len = 0;
  c->index = index != NULL && index->page_count > 0 ? index : NULL;
  c->ref = pq_chunk_ref_of(c->cx, &c->file, row_group, c->leaf);
  c->off = c->ref.chunk->off;
  c->end = c->off + c->ref.chunk->len;
  PQ_TRY(pq_chunk_ref_check(&c->ref));
  return pq_chunk_ref_codec(&c->ref);
}

int pq_cursor_new(pq_cx *cx, const pq_file *file, uint32_t row_group, uint32_t leaf,
                  const pq_page_index *index, pq_cursor_options options, pq_cursor **out) {
  pq_cursor *c = pq_alloc(cx, NULL, 0, sizeof *c);
  int rc;
  *out = NULL;
  if (c == NULL) return pq_fail_nomem(cx);
  *c = (pq_cursor){.cx = cx, .file = *file, .leaf = leaf, .options = options};
  c->own.max = cx->limits.op_len_max;
  pq_windows_init(&c->bytes, cx, file->key, options.budget != NULL ? options.budget : &c->own);
  pq_decompressor_init(&c->decompressor, cx);
  rc = pq_cursor_reopen(c, row_group, index);
  if (rc != PQ_OK) {
    pq_cursor_free(c);
    return rc;
  }
  *out = c;
  return PQ_OK;
}

void pq_cursor_free(pq_cursor *c) {
  if (c == NULL) return;
  pq_memory_free_all(&c->bytes, c->given);
  pq_memory_free_all(&c->bytes, c->spare);
  pq_memory_free(&c->bytes, c->page_memory);
  pq_memory_free(&c->bytes, c->dictionary_memory);
  pq_windows_free(&c->bytes, &c->levels);
  pq_windows_free(&c->bytes, &c->values);
  pq_windows_free(&c->bytes, &c->codes);
  pq_windows_free(&c->bytes, &c->nulls);
  pq_windows_free(&c->bytes, &c->def);
  pq_windows_free(&c->bytes, &c->rep);
  pq_windows_release(&c->bytes);
  pq_decompressor_release(&c->decompressor);
  pq_alloc(c->cx, c, sizeof *c, 0);
}
