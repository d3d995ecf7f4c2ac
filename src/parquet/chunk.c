/* parquet/chunk.c - the rows of one column chunk: which bytes, and those bytes to a pq_column.
 *
 *   chunk:   | dictionary | page 0 | page 1 | page 2 |  …  | page 9 |     rows wanted: in 1, 2, 9
 *   spans:   └─ one request ──────────────┘ (gap <= 16 KiB)└─ one ──┘
 *
 * A list of parts says what is needed, in file order: the dictionary page, then each page that
 * holds a wanted row; without a page index all of the chunk. `want` and `decode` go over it alike,
 * so decode finds exactly the spans that want asked for.
 *
 * decode goes over the page headers twice. The first time it only compares: counts with the
 * page index and the row group, so that the column is allocated for entries that the pages at least
 * claim to have. The second time it unpacks and decodes straight into the column:
 *
 *   page rows    first_row |----[ lo …… hi )--------|     skip, read, skip
 *   column                      ^ count                   values dense, then spread over nulls
 *
 * Without a page index a row of a nested leaf may go on in the next page. Its first entries there
 * are read or skipped as the row's beginning was.
 *
 * Pages whose values are slices are unpacked into memory that stays; all others share a scratch.
 * Where the driver has threads, pages are unpacked side by side between the two times
 * (ahead_int.h).
 */
#include "parquet/ahead_int.h"

/* Reading this much in vain costs less than another request. */
enum { GAP_LEN_MAX = 16 << 10 };

/* The call: a chunk and the rows wanted of it. */
typedef struct scan {
  pq_fetch *f;
  pq_chunk_ref ref;
  const pq_page_index *index; /* NULL: none */
  const pq_row_range *ranges; /* at least one, unless there are no rows */
  uint32_t range_count;
  pq_row_range all;
} scan;

static int scan_init(scan *s, const pq_page_index *index, const pq_row_range *ranges,
                     uint32_t range_count) {
  uint32_t row = 0;
  PQ_TRY(pq_chunk_ref_check(&s->ref));
  PQ_TRY(pq_chunk_ref_codec(&s->ref));
  s->all = (pq_row_range){0, s->ref.row_count};
  s->index = index != NULL && index->page_count > 0 ? index : NULL;
  s->ranges = range_count > 0 ? ranges : &s->all;
  s->range_count = range_count > 0 ? range_count : 1;
  for (uint32_t i = 0; i < s->range_count; i++) {
    pq_assert(s->ranges[i].lo >= row && s->ranges[i].lo <= s->ranges[i].hi);
    pq_assert(s->ranges[i].hi <= s->ref.row_count);
    row = s->ranges[i].hi;
  }
  return PQ_OK;
}

/* ---- what is needed, in file order ---- */

typedef struct parts {
  bool has_begun;
  uint32_t page;  /* next page of the index */
  uint32_t range; /* the first range that may hold rows of it */
} parts;

/* A part of the chunk to read. */
typedef struct part {
  uint64_t off, end;
  const pq_page_info *page; /* NULL: the dictionary page, or the whole chunk */
} part;

/* Do the ranges hold any of rows [lo, hi)? Moves *range over those that lie before. */
static bool is_wanted(const scan *s, uint32_t lo, uint32_t hi, uint32_t *range) {
  while (*range < s->range_count && s->ranges[*range].hi <= lo)
    ++*range;
  return *range < s->range_count && s->ranges[*range].lo < hi;
}

/* The part in front of all pages: the dictionary page, or without index the whole chunk. */
static bool first_part(const scan *s, part *out) {
  const pq_chunk *c = s->ref.chunk;
  uint64_t end = s->index == NULL ? c->off + c->len : s->index->pages[0].off;
  *out = (part){.off = c->off, .end = end};
  return end > c->off;
}

/* The page of the index that holds the first wanted row. */
static uint32_t first_page(const scan *s) {
  uint32_t lo = 0, hi = s->index == NULL ? 0 : s->index->page_count;
  while (hi - lo > 1) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (s->index->pages[mid].first_row <= s->ranges[0].lo)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

static bool parts_next(const scan *s, parts *c, part *out) {
  *out = (part){0};
  if (!c->has_begun) {
    c->has_begun = true;
    c->page = first_page(s);
    if (first_part(s, out)) return true;
  }
  if (s->index == NULL) return false;
  while (c->page < s->index->page_count && c->range < s->range_count) {
    const pq_page_info *p = &s->index->pages[c->page++];
    if (!is_wanted(s, p->first_row, p->first_row + p->row_count, &c->range)) continue;
    *out = (part){.off = p->off, .end = p->off + p->len, .page = p};
    return true;
  }
  return false;
}

/* Extend `first` over the near parts that follow; `c` is a copy that looks ahead. */
static part span_of(const scan *s, parts c, part first) {
  part next;
  while (parts_next(s, &c, &next) && next.off - first.end <= GAP_LEN_MAX)
    first.end = next.end;
  return first;
}

/* The most requests that some of the rows of a span could take: pages too far from each other to
 * share one. `first` is the span's first part, `c` looks ahead. */
static uint64_t requests_max(const scan *s, parts c, part first, uint64_t end) {
  uint64_t n = 1;
  part next;
  while (parts_next(s, &c, &next) && next.end <= end) {
    if (next.off - first.end <= GAP_LEN_MAX) continue;
    first = next;
    n++;
  }
  return n;
}

int pq_chunk_want(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t leaf,
                  const pq_page_index *index, const pq_row_range *ranges, uint32_t range_count) {
  scan s = {.f = f, .ref = pq_chunk_ref_of(f->cx, file, row_group, leaf)};
  parts c = {0};
  uint64_t end = 0;
  int out = PQ_OK;
  part p;
  PQ_TRY(scan_init(&s, index, ranges, range_count));
  while (parts_next(&s, &c, &p)) {
    part first = p;
    pq_slice bytes;
    int rc;
    if (p.end <= end) continue;
    p = span_of(&s, c, p);
    end = p.end;
    if (f->is_plan) {
      uint64_t n = f->may_be_fewer ? requests_max(&s, c, first, end) : 1;
      PQ_TRY(pq_fetch_note(f, file->key, p.off, p.end - p.off, n));
      continue;
    }
    rc = pq_fetch_read(f, file->key, p.off, p.end - p.off, &bytes);
    if (rc < 0) return rc;
    if (rc != PQ_OK) out = rc;
  }
  return out;
}

/* ---- pages ---- */

typedef struct walk {
  const scan *s;
  parts c;
  pq_slice span; /* resident bytes [span_off, span_off + span.n) */
  uint64_t span_off;
  pq_slice left;            /* not walked yet of the current part */
  uint64_t off;             /* of `left` */
  const pq_page_info *info; /* of the current part */
  uint32_t entry_count;     /* of the data pages so far */
  bool is_past_dictionary;
} walk;

/* Make the next part the current one. *has_part is false after the last. */
static int next_part(walk *w, bool *has_part) {
  const scan *s = w->s;
  part p;
  *has_part = parts_next(s, &w->c, &p);
  if (!*has_part) return PQ_OK;
  if (w->span.n == 0 || p.end > w->span_off + w->span.n) {
    part span = span_of(s, w->c, p);
    PQ_TRY(pq_fetch_read(s->f, s->ref.at.key, span.off, span.end - span.off, &w->span));
    w->span_off = span.off;
  }
  w->left = (pq_slice){w->span.p + (size_t)(p.off - w->span_off), (size_t)(p.end - p.off)};
  w->off = p.off;
  w->info = p.page;
  return PQ_OK;
}

/* Does a data page hold what the offset index says? Rows of v1 pages with lists are counted when
 * they are opened. */
static bool is_as_indexed(const walk *w, const pq_page_header *h) {
  uint32_t rows;
  return !pq_page_rows(w->s->ref.leaf, h, &rows) || rows == w->info->row_count;
}

/* Check the order of pages and count their entries. */
static int place_page(walk *w, const pq_page *p) {
  if (p->h.type == PQ_PAGE_DICTIONARY) {
    if (w->is_past_dictionary || w->info != NULL)
      return pq_place_corrupt(&p->at, "dictionary page out of place");
    w->is_past_dictionary = true;
    if (w->s->index != NULL) w->left.n = 0;
    return PQ_OK;
  }
  w->is_past_dictionary = true;
  if (p->h.value_count > w->s->ref.entry_count - w->entry_count)
    return pq_place_corrupt(&p->at, "pages hold more values than the chunk");
  w->entry_count += p->h.value_count;
  if (w->s->index == NULL) return PQ_OK;
  if (w->info == NULL)
    return pq_place_corrupt(&p->at, "data page in front of those of the offset index");
  if (!is_as_indexed(w, &p->h))
    return pq_place_corrupt(&p->at, "page differs from the offset index");
  w->left.n = 0;
  return PQ_OK;
}

/* The next dictionary or data page. *has_page is false at the end, which is where all entries have
 * been seen: bytes after that are nobody's. */
static int walk_next(walk *w, pq_page *out, bool *has_page) {
  *out = (pq_page){0};
  *has_page = false;
  for (;;) {
    bool is_cut;
    if (w->s->index == NULL && w->entry_count == w->s->ref.entry_count && w->is_past_dictionary)
      return PQ_OK;
    if (w->left.n == 0) {
      PQ_TRY(next_part(w, has_page));
      if (!*has_page) return PQ_OK;
    }
    *has_page = true;
    out->at = w->s->ref.at;
    out->at.off = w->off;
    PQ_TRY(pq_page_header_parse(&out->at, w->left, w->left.n, &out->h, &is_cut));
    out->stored = (pq_slice){w->left.p + out->h.header_len, out->h.stored_len};
    w->left.p = out->stored.p + out->stored.n;
    w->left.n -= out->h.header_len + out->stored.n;
    w->off += out->h.header_len + out->stored.n;
    if (pq_page_is_data(&out->h) || out->h.type == PQ_PAGE_DICTIONARY) return place_page(w, out);
    if (w->info != NULL)
      return pq_place_corrupt(&out->at, "the offset index names a page without data");
  }
}

/* Walk all headers. Afterwards the pages are known to have the entries that are wanted: at most
 * *entry_count of them. *is_coded: all values are codes of a dictionary. */
static int check_pages(const scan *s, uint32_t *entry_count, bool *is_coded) {
  walk w = {.s = s};
  pq_page p;
  bool has_page;
  *is_coded = true;
  do {
    PQ_TRY(walk_next(&w, &p, &has_page));
    if (has_page && pq_page_is_data(&p.h) && p.h.encoding != PQ_ENC_PLAIN_DICTIONARY &&
        p.h.encoding != PQ_ENC_RLE_DICTIONARY)
      *is_coded = false;
  } while (has_page);
  if (s->index == NULL && w.entry_count != s->ref.entry_count)
    return pq_place_corrupt(&s->ref.at, "pages hold fewer values than the chunk");
  *entry_count = w.entry_count;
  return PQ_OK;
}

/* ---- decoding ---- */

typedef struct scratch {
  uint8_t *p;
  size_t cap;
} scratch;

typedef struct decode {
  const scan *s;
  pq_arena *arena;
  pq_sink out;
  uint32_t range;      /* the first range that may hold the next row */
  uint32_t row;        /* the next row to begin */
  bool is_open_wanted; /* the row before it is one of those */
  bool has_dictionary_page;
  pq_page dictionary_page;
  pq_dictionary dictionary;
  bool has_dictionary; /* decoded */
  scratch body, levels;
  pq_ahead ahead;                /* pages unpacked before their turn */
  pq_decompressor *decompressor; /* the fetch set's, or `own` */
  pq_decompressor own;
} decode;

static int scratch_reserve(decode *d, scratch *s, size_t len) {
  if (len <= s->cap) return PQ_OK;
  s->p = pq_arena_alloc(d->arena, len);
  s->cap = s->p == NULL ? 0 : len;
  return s->p == NULL ? d->arena->cx->code : PQ_OK;
}

/* Memory for a page: what slices will point at stays, the rest is used again. *kept: who keeps it
 * for others, or NULL. */
static int prepare(decode *d, const pq_page *p, pq_page_env *env, pq_body **kept) {
  bool is_dictionary = p->h.type == PQ_PAGE_DICTIONARY;
  pq_ahead_page own, *a = pq_ahead_find(&d->ahead, p);
  *env = (pq_page_env){.decompressor = d->decompressor, .arena = d->arena};
  if (a == NULL) {
    a = &own;
    PQ_TRY(pq_ahead_measure(&d->ahead, p, a));
  }
  if (a->body == NULL && (a->needs.has_slices || is_dictionary))
    PQ_TRY(pq_ahead_place(&d->ahead, a));
  if (a->body == NULL) {
    PQ_TRY(scratch_reserve(d, &d->body, a->needs.body_len));
    a->body = d->body.p;
  }
  env->body = a->body;
  env->is_unpacked = a->is_unpacked;
  *kept = a->kept;
  PQ_TRY(scratch_reserve(d, &d->levels, a->needs.levels_len));
  env->levels = d->levels.p;
  return PQ_OK;
}

static int decode_dictionary(decode *d) {
  pq_page_env env;
  pq_body *kept;
  PQ_TRY(prepare(d, &d->dictionary_page, &env, &kept));
  PQ_TRY(pq_page_dictionary(&d->s->ref, &d->dictionary_page, env, &d->dictionary));
  if (kept != NULL) kept->is_ready = true;
  d->has_dictionary = true;
  return PQ_OK;
}

static int read_or_skip(decode *d, pq_page_reader *r, uint32_t n, bool is_read) {
  return is_read ? pq_page_read(r, n, &d->out) : pq_page_skip(r, n);
}

/* Decode the wanted rows of an open page. */
static int read_ranges(decode *d, pq_page_reader *r) {
  const scan *s = d->s;
  uint32_t begun, n = pq_page_span(r, 0, &begun); /* the rest of a row */
  PQ_TRY(read_or_skip(d, r, n, d->is_open_wanted));
  while (r->pos < r->entry_count) {
    uint32_t rows;
    bool is_read = is_wanted(s, d->row, d->row + 1, &d->range);
    if (is_read)
      rows = s->ranges[d->range].hi - d->row;
    else if (d->range < s->range_count)
      rows = s->ranges[d->range].lo - d->row;
    else
      rows = UINT32_MAX;
    n = pq_page_span(r, rows, &begun);
    d->row += begun;
    d->is_open_wanted = is_read;
    if (!is_read && n == r->entry_count - r->pos)
      return PQ_OK; /* what nobody wants is not walked */
    PQ_TRY(read_or_skip(d, r, n, is_read));
  }
  return PQ_OK;
}

/* Does a page, found to have these rows, fit to what is before it and to the index? */
static int check_rows(const decode *d, const pq_page *p, const pq_page_info *info,
                      const pq_page_reader *r) {
  bool begins_row = info != NULL || d->row == 0 || p->h.type == PQ_PAGE_DATA_V2;
  if (begins_row && r->rep != NULL && r->entry_count > 0 && r->rep[0] != 0)
    return pq_place_corrupt(&p->at, "page begins inside a row");
  if (info != NULL ? r->row_count != info->row_count : r->row_count > d->s->ref.row_count - d->row)
    return pq_place_corrupt(&p->at, "page with another number of rows than stated");
  return PQ_OK;
}

static int decode_page(decode *d, const pq_page *p, const pq_page_info *info) {
  uint32_t rows;
  bool is_known = pq_page_rows(d->s->ref.leaf, &p->h, &rows);
  pq_page_reader r;
  pq_page_env env;
  pq_body *kept;
  if (info != NULL) {
    d->row = info->first_row;
    rows = info->row_count;
    is_known = true;
  }
  if (is_known) {
    if (rows > d->s->ref.row_count - d->row)
      return pq_place_corrupt(&p->at, "pages hold more rows than the chunk");
    if (!is_wanted(d->s, d->row, d->row + rows, &d->range)) {
      d->row += rows;
      d->is_open_wanted = false;
      return PQ_OK;
    }
  }
  if (d->has_dictionary_page && !d->has_dictionary) PQ_TRY(decode_dictionary(d));
  PQ_TRY(prepare(d, p, &env, &kept));
  if (d->has_dictionary) env.dictionary = &d->dictionary;
  PQ_TRY(pq_page_open(&d->s->ref, p, env, &r));
  if (kept != NULL) kept->is_ready = true;
  PQ_TRY(check_rows(d, p, info, &r));
  return read_ranges(d, &r);
}

static int decode_pages(decode *d) {
  walk w = {.s = d->s};
  pq_page p;
  bool has_page;
  for (;;) {
    PQ_TRY(walk_next(&w, &p, &has_page));
    if (!has_page) break;
    if (p.h.type == PQ_PAGE_DICTIONARY) {
      d->dictionary_page = p;
      d->has_dictionary_page = true;
    } else {
      PQ_TRY(decode_page(d, &p, w.info));
    }
  }
  if (d->s->index == NULL && d->row != d->s->ref.row_count)
    return pq_place_corrupt(&d->s->ref.at, "pages hold fewer rows than the chunk");
  return PQ_OK;
}

/* Unpack the pages that will be decoded side by side, if that pays. */
static int unpack_ahead(decode *d) {
  const scan *s = d->s;
  bool is_all = s->range_count == 1 && s->ranges[0].lo == 0 && s->ranges[0].hi == s->ref.row_count;
  walk w = {.s = s};
  pq_page p;
  bool has_page;
  if (s->f->runner == NULL || s->f->runner->run == NULL) return PQ_OK;
  if (s->index == NULL && !is_all) return PQ_OK; /* which ones are wanted is not known yet */
  for (;;) {
    PQ_TRY(walk_next(&w, &p, &has_page));
    if (!has_page) break;
    if (pq_page_is_data(&p.h)) PQ_TRY(pq_ahead_add(&d->ahead, &p));
  }
  return pq_ahead_run(&d->ahead, s->f->runner);
}

/* Memory for `cap` entries. */
static int sink_alloc(decode *d, uint32_t cap) {
  const pq_leaf *leaf = d->s->ref.leaf;
  bool is_flat = pq_leaf_is_flat(leaf);
  size_t len;
  if (!pq_mul_size(cap, d->out.is_coded ? sizeof(uint32_t) : pq_phys_size(leaf->phys), &len))
    return pq_place_fail(&d->s->ref.at, PQ_ELIMIT, "too many rows for the memory");
  d->out.values = pq_arena_alloc(d->arena, len);
  if (d->out.values != NULL && leaf->def_max > 0) d->out.nulls = pq_arena_alloc(d->arena, cap);
  if (d->out.nulls != NULL && !is_flat) d->out.def = pq_arena_alloc(d->arena, cap);
  if (d->out.def != NULL && leaf->rep_max > 0) d->out.rep = pq_arena_alloc(d->arena, cap);
  if (d->out.values == NULL || (leaf->def_max > 0 && d->out.nulls == NULL) ||
      (!is_flat && d->out.def == NULL) || (leaf->rep_max > 0 && d->out.rep == NULL))
    return d->arena->cx->code;
  return PQ_OK;
}

static int decode_chunk(decode *d, scan *s, bool has_codes, pq_column *out) {
  pq_dictionary *dictionary = NULL;
  uint32_t row_count = 0, entry_count = 0;
  bool is_coded;
  int rc;
  PQ_TRY(check_pages(s, &entry_count, &is_coded));
  for (uint32_t i = 0; i < s->range_count; i++)
    row_count += s->ranges[i].hi - s->ranges[i].lo;
  if (has_codes && is_coded && pq_leaf_is_flat(s->ref.leaf)) {
    d->out.is_coded = true;
    dictionary = pq_arena_alloc(d->arena, sizeof *dictionary);
    if (dictionary == NULL) return d->arena->cx->code;
  }
  PQ_TRY(sink_alloc(d, s->ref.leaf->rep_max == 0 ? row_count : entry_count));
  pq_decompressor_init(&d->own, s->f->cx);
  d->decompressor = s->f->decompressor != NULL ? s->f->decompressor : &d->own;
  pq_ahead_init(&d->ahead, &s->ref, d->arena, s->f->bodies);
  rc = unpack_ahead(d);
  if (rc == PQ_OK) rc = decode_pages(d);
  pq_decompressor_release(&d->own);
  PQ_TRY(rc);
  if (s->ref.leaf->rep_max == 0 && d->out.count != row_count)
    return pq_place_corrupt(&s->ref.at, "pages lack wanted rows");
  if (dictionary != NULL) *dictionary = d->dictionary;
  out->row_count = row_count;
  out->entry_count = d->out.count;
  out->nulls = d->out.has_nulls ? d->out.nulls : NULL;
  out->def = d->out.def;
  out->rep = d->out.rep;
  out->dictionary = dictionary;
  out->v.any = d->out.values;
  return PQ_OK;
}

int pq_chunk_decode(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                    uint32_t leaf, const pq_page_index *index, const pq_row_range *ranges,
                    uint32_t range_count, pq_column *out) {
  scan s = {.f = f, .ref = pq_chunk_ref_of(f->cx, file, row_group, leaf)};
  decode d = {.s = &s, .arena = arena};
  *out = (pq_column){.phys = s.ref.leaf->phys};
  PQ_TRY(pq_chunk_want(f, file, row_group, leaf, index, ranges, range_count));
  PQ_TRY(scan_init(&s, index, ranges, range_count));
  return decode_chunk(&d, &s, false, out);
}

int pq_chunk_decode_codes(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                          uint32_t leaf, const pq_page_index *index, const pq_row_range *ranges,
                          uint32_t range_count, pq_column *out) {
  scan s = {.f = f, .ref = pq_chunk_ref_of(f->cx, file, row_group, leaf)};
  decode d = {.s = &s, .arena = arena};
  *out = (pq_column){.phys = s.ref.leaf->phys};
  PQ_TRY(pq_chunk_want(f, file, row_group, leaf, index, ranges, range_count));
  PQ_TRY(scan_init(&s, index, ranges, range_count));
  return decode_chunk(&d, &s, true, out);
}
