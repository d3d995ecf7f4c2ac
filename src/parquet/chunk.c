/* parquet/chunk.c - the rows of one column chunk: which bytes, and those bytes to a pq_column.
 *
 *   chunk:   | dictionary | page 0 | page 1 | page 2 |  …  | page 9 |     rows wanted: in 1, 2, 9
 *   spans:   └─ one request ──────────────┘ (gap <= 16 KiB)└─ one ──┘
 *
 * A cursor walks what is needed, in file order: the dictionary page, then each page that holds a
 * wanted row; without a page index all of the chunk. `want` and `decode` walk alike, so decode
 * finds exactly the spans that want asked for.
 *
 * decode goes over the page headers twice. The first time it only compares: counts with the
 * page index and the row group, so that the column is allocated for rows that the pages at least
 * claim to have. The second time it unpacks and decodes straight into the column:
 *
 *   page rows    first_row |----[ lo …… hi )--------|     skip, read, skip
 *   column                      ^ done                    values dense, then spread over nulls
 *
 * Pages whose values are slices are unpacked into memory that stays; all others share a scratch.
 */
#include <string.h>

#include "parquet/chunk_int.h"
#include "parquet/decode_int.h"

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
  pq_codec codec = s->ref.chunk->codec;
  uint32_t row = 0;
  PQ_TRY(pq_chunk_ref_check(&s->ref));
  if (!pq_codec_is_readable(codec)) {
    pq_fail(s->f->cx, PQ_EUNSUPPORTED, "codec %s is not built in", pq_codec_name(codec));
    return pq_place_fail(&s->ref.at, PQ_EUNSUPPORTED, s->f->cx->msg);
  }
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

typedef struct cursor {
  bool has_begun;
  uint32_t page;  /* next page of the index */
  uint32_t range; /* the first range that may hold rows of it */
} cursor;

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

static bool cursor_next(const scan *s, cursor *c, part *out) {
  *out = (part){0};
  if (!c->has_begun) {
    c->has_begun = true;
    if (first_part(s, out)) return true;
  }
  if (s->index == NULL) return false;
  while (c->page < s->index->page_count) {
    const pq_page_info *p = &s->index->pages[c->page++];
    if (!is_wanted(s, p->first_row, p->first_row + p->row_count, &c->range)) continue;
    *out = (part){.off = p->off, .end = p->off + p->len, .page = p};
    return true;
  }
  return false;
}

/* Extend `first` over the near parts that follow; `c` is a copy that looks ahead. */
static part span_of(const scan *s, cursor c, part first) {
  part next;
  while (cursor_next(s, &c, &next) && next.off - first.end <= GAP_LEN_MAX)
    first.end = next.end;
  return first;
}

int pq_chunk_want(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t leaf,
                  const pq_page_index *index, const pq_row_range *ranges, uint32_t range_count) {
  scan s = {.f = f, .ref = pq_chunk_ref_of(f->cx, file, row_group, leaf)};
  cursor c = {0};
  uint64_t end = 0;
  int out = PQ_OK;
  part p;
  PQ_TRY(scan_init(&s, index, ranges, range_count));
  while (cursor_next(&s, &c, &p)) {
    pq_slice bytes;
    int rc;
    if (p.end <= end) continue;
    p = span_of(&s, c, p);
    end = p.end;
    rc = pq_fetch_read(f, file->key, p.off, p.end - p.off, &bytes);
    if (rc < 0) return rc;
    if (rc != PQ_OK) out = rc;
  }
  return out;
}

/* ---- pages ---- */

typedef struct walk {
  const scan *s;
  cursor c;
  pq_slice span; /* resident bytes [span_off, span_off + span.n) */
  uint64_t span_off;
  pq_slice left;            /* not walked yet of the current part */
  uint64_t off;             /* of `left` */
  const pq_page_info *info; /* of the current part */
  uint32_t next_row;        /* without index: first row of the next data page */
  bool is_past_dictionary;
} walk;

typedef struct page {
  pq_page_header h;
  pq_slice stored;
  pq_place at;
  uint32_t first_row; /* data pages */
} page;

/* Make the next part the current one. *has_part is false after the last. */
static int next_part(walk *w, bool *has_part) {
  const scan *s = w->s;
  part p;
  *has_part = cursor_next(s, &w->c, &p);
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

/* Check the order of pages and number their rows. */
static int place_page(walk *w, page *out) {
  if (out->h.type == PQ_PAGE_DICTIONARY) {
    if (w->is_past_dictionary || w->info != NULL)
      return pq_place_corrupt(&out->at, "dictionary page out of place");
    w->is_past_dictionary = true;
    if (w->s->index != NULL) w->left.n = 0;
    return PQ_OK;
  }
  w->is_past_dictionary = true;
  if (w->s->index == NULL) {
    if (out->h.value_count > w->s->ref.row_count - w->next_row)
      return pq_place_corrupt(&out->at, "pages hold more values than the chunk");
    out->first_row = w->next_row;
    w->next_row += out->h.value_count;
    return PQ_OK;
  }
  if (w->info == NULL)
    return pq_place_corrupt(&out->at, "data page in front of those of the offset index");
  if (out->h.value_count != w->info->row_count || w->left.n > 0)
    return pq_place_corrupt(&out->at, "page differs from the offset index");
  out->first_row = w->info->first_row;
  return PQ_OK;
}

/* The next dictionary or data page. *has_page is false at the end, which is where all rows have
 * been seen: bytes after that are nobody's. */
static int walk_next(walk *w, page *out, bool *has_page) {
  *out = (page){0};
  *has_page = false;
  for (;;) {
    if (w->s->index == NULL && w->next_row == w->s->ref.row_count && w->is_past_dictionary)
      return PQ_OK;
    if (w->left.n == 0) {
      PQ_TRY(next_part(w, has_page));
      if (!*has_page) return PQ_OK;
    }
    *has_page = true;
    out->at = w->s->ref.at;
    out->at.off = w->off;
    PQ_TRY(pq_page_header_parse(&out->at, w->left, &out->h));
    out->stored = (pq_slice){w->left.p + out->h.header_len, out->h.stored_len};
    w->left.p = out->stored.p + out->stored.n;
    w->left.n -= out->h.header_len + out->stored.n;
    w->off += out->h.header_len + out->stored.n;
    if (out->h.type == PQ_PAGE_DATA || out->h.type == PQ_PAGE_DATA_V2 ||
        out->h.type == PQ_PAGE_DICTIONARY)
      return place_page(w, out);
    if (w->info != NULL)
      return pq_place_corrupt(&out->at, "the offset index names a page without data");
  }
}

/* Walk all headers. Afterwards the pages are known to have the rows that are wanted. */
static int check_pages(const scan *s) {
  walk w = {.s = s};
  page p;
  bool has_page;
  do
    PQ_TRY(walk_next(&w, &p, &has_page));
  while (has_page);
  if (s->index == NULL && w.next_row != s->ref.row_count)
    return pq_place_corrupt(&s->ref.at, "pages hold fewer values than the chunk");
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
  pq_column *out;
  uint32_t done;               /* rows of the column */
  uint32_t range;              /* the first range that may hold rows of the page */
  const page *dictionary_page; /* NULL: none */
  pq_dictionary dictionary;
  bool has_dictionary; /* decoded */
  scratch body, levels;
  pq_decompressor *decompressor; /* the fetch set's, or `own` */
  pq_decompressor own;
} decode;

static int scratch_reserve(decode *d, scratch *s, size_t len) {
  if (len <= s->cap) return PQ_OK;
  s->p = pq_arena_alloc(d->arena, len);
  s->cap = s->p == NULL ? 0 : len;
  return s->p == NULL ? d->arena->cx->code : PQ_OK;
}

/* Unpack `in` to `len` bytes: into memory that stays, or into the scratch. */
static int unpack(decode *d, const page *p, pq_slice in, size_t len, bool stays, pq_slice *out) {
  pq_codec codec = d->s->ref.chunk->codec;
  scratch own = {0}, *to = stays ? &own : &d->body;
  int rc;
  *out = (pq_slice){0};
  if (len > pq_decompressed_len_max(codec, in))
    return pq_place_corrupt(&p->at, "page cannot unpack to its stated length");
  PQ_TRY(scratch_reserve(d, to, len));
  rc = pq_decompress(d->decompressor, codec, in, to->p, len);
  if (rc == PQ_ECORRUPT) return pq_place_corrupt(&p->at, d->decompressor->cx->msg);
  PQ_TRY(rc);
  *out = (pq_slice){to->p, len};
  return PQ_OK;
}

/* The part of a page that its codec applies to. */
static int page_body(decode *d, const page *p, bool stays, pq_slice *out) {
  size_t levels_len = 0, len = p->h.uncompressed_len;
  bool is_plain = d->s->ref.chunk->codec == PQ_CODEC_NONE;
  pq_slice in = p->stored;
  *out = (pq_slice){0};
  if (p->h.type == PQ_PAGE_DATA_V2) {
    levels_len = p->h.rep_len + p->h.def_len;
    len -= levels_len;
    in = (pq_slice){in.p + levels_len, in.n - levels_len};
    /* Arrow before 3.0 compressed pages that it called uncompressed (ARROW-17100). */
    is_plain = is_plain || (!p->h.is_compressed && in.n == len);
  }
  if (in.n == 0 && len == 0) return PQ_OK;
  if (!is_plain) return unpack(d, p, in, len, stays, out);
  if (in.n != len) return pq_place_corrupt(&p->at, "uncompressed page of another length");
  *out = in;
  return PQ_OK;
}

static int check_crc(const page *p) {
  if (!p->h.has_crc || pq_crc32(p->stored) == p->h.crc) return PQ_OK;
  return pq_place_corrupt(&p->at, "page CRC differs");
}

static int decode_dictionary(decode *d) {
  const page *p = d->dictionary_page;
  const pq_leaf *leaf = d->s->ref.leaf;
  pq_values_spec spec = {.phys = leaf->phys,
                         .type_len = leaf->type_len,
                         .encoding = PQ_ENC_PLAIN,
                         .count = p->h.value_count};
  pq_values v;
  pq_slice body;
  if (p->h.encoding != PQ_ENC_PLAIN && p->h.encoding != PQ_ENC_PLAIN_DICTIONARY)
    return pq_place_fail(&p->at, PQ_EUNSUPPORTED, "dictionary page is not PLAIN");
  PQ_TRY(check_crc(p));
  PQ_TRY(page_body(d, p, true, &body));
  PQ_TRY(pq_values_init(&v, &p->at, d->arena, spec, body)); /* the bytes can hold `count` */
  d->dictionary.values = pq_arena_calloc(d->arena, spec.count, pq_phys_size(leaf->phys));
  if (d->dictionary.values == NULL) return d->arena->cx->code;
  PQ_TRY(pq_values_read(&v, spec.count, d->dictionary.values));
  d->dictionary.count = spec.count;
  d->has_dictionary = true;
  return PQ_OK;
}

/* Split a v1 body into levels and values. */
static int split_v1(const page *p, pq_slice body, pq_slice *levels, pq_slice *values) {
  uint32_t len;
  if (p->h.def_encoding != PQ_ENC_RLE)
    return pq_place_fail(&p->at, PQ_EUNSUPPORTED, "definition levels are not RLE");
  if (body.n < 4) return pq_place_corrupt(&p->at, "definition levels missing");
  len = pq_rd32(body.p);
  if (len > body.n - 4) return pq_place_corrupt(&p->at, "definition levels end too early");
  *levels = (pq_slice){body.p + 4, len};
  *values = (pq_slice){body.p + 4 + len, body.n - 4 - len};
  return PQ_OK;
}

/* Which rows of the page are null: d->levels if *null_count > 0. *values is what follows. */
static int read_levels(decode *d, const page *p, pq_slice body, pq_slice *values,
                       uint32_t *null_count) {
  pq_slice levels;
  *values = body;
  *null_count = 0;
  if (d->s->ref.leaf->def_max == 0) {
    if (p->h.type == PQ_PAGE_DATA_V2 && p->h.null_count > 0)
      return pq_place_corrupt(&p->at, "nulls in a required column");
    return PQ_OK;
  }
  if (p->h.type == PQ_PAGE_DATA_V2)
    levels = (pq_slice){p->stored.p + p->h.rep_len, p->h.def_len};
  else
    PQ_TRY(split_v1(p, body, &levels, values));
  PQ_TRY(scratch_reserve(d, &d->levels, p->h.value_count));
  PQ_TRY(pq_levels_decode(levels, &p->at, p->h.value_count, d->levels.p, null_count));
  if (p->h.type == PQ_PAGE_DATA_V2 && *null_count != p->h.null_count)
    return pq_place_corrupt(&p->at, "number of nulls differs from the page header");
  return PQ_OK;
}

static uint32_t count_nulls(const uint8_t *nulls, uint32_t n) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < n; i++)
    count += nulls[i];
  return count;
}

/* Move `dense` values at the start of `n` slots to the slots that are not null, from the end. The
 * others become zero. One function per slot size, so that a move is a load and a store. */
#define SPREAD(name, type)                                                          \
  static void name(type *slots, const uint8_t *nulls, uint32_t n, uint32_t dense) { \
    while (n > dense) {                                                             \
      n--;                                                                          \
      slots[n] = nulls[n] != 0 ? (type){0} : slots[--dense];                        \
    }                                                                               \
  }
SPREAD(spread_1, uint8_t)
SPREAD(spread_4, uint32_t)
SPREAD(spread_8, uint64_t)
SPREAD(spread_slices, pq_slice)

static void spread(pq_phys phys, void *slots, const uint8_t *nulls, uint32_t n, uint32_t dense) {
  switch (pq_phys_is_slice(phys) ? 0 : pq_phys_size(phys)) {
    case 1: spread_1(slots, nulls, n, dense); break;
    case 4: spread_4(slots, nulls, n, dense); break;
    case 8: spread_8(slots, nulls, n, dense); break;
    default: spread_slices(slots, nulls, n, dense); break;
  }
}

/* Decode `n` rows of the page, whose null bytes are `nulls` (NULL: none), to the column. */
static int read_rows(decode *d, pq_values *v, const uint8_t *nulls, uint32_t n) {
  pq_column *out = d->out;
  uint8_t *slots = (uint8_t *)out->v.any + (size_t)d->done * pq_phys_size(out->phys);
  uint32_t null_count = nulls == NULL ? 0 : count_nulls(nulls, n);
  PQ_TRY(pq_values_read(v, n - null_count, slots));
  if (null_count > 0) {
    if (out->nulls == NULL) out->nulls = pq_arena_calloc(d->arena, out->row_count, 1);
    if (out->nulls == NULL) return d->arena->cx->code;
    memcpy(out->nulls + d->done, nulls, n);
    spread(out->phys, slots, nulls, n, n - null_count);
  }
  d->done += n;
  return PQ_OK;
}

/* Decode the wanted rows of a page. `nulls` NULL: it has none. */
static int read_ranges(decode *d, const page *p, pq_values *v, const uint8_t *nulls) {
  const scan *s = d->s;
  uint32_t row = 0, end = p->h.value_count; /* relative to the page */
  for (uint32_t i = d->range; i < s->range_count; i++) {
    pq_row_range r = s->ranges[i];
    uint32_t lo = r.lo > p->first_row ? r.lo - p->first_row : 0;
    uint32_t hi = r.hi - p->first_row < end ? r.hi - p->first_row : end, skip;
    if (lo >= end) break;
    if (r.hi <= r.lo) continue;
    skip = lo - row;
    if (nulls != NULL) skip -= count_nulls(nulls + row, lo - row);
    PQ_TRY(pq_values_skip(v, skip));
    PQ_TRY(read_rows(d, v, nulls == NULL ? NULL : nulls + lo, hi - lo));
    row = hi;
  }
  return PQ_OK;
}

/* Will values of this page be slices of its unpacked bytes? */
static bool has_slices(const page *p, pq_phys phys) {
  if (!pq_phys_is_slice(phys)) return false;
  return p->h.encoding == PQ_ENC_PLAIN || p->h.encoding == PQ_ENC_DELTA_LENGTH_BYTE_ARRAY;
}

static int decode_page(decode *d, const page *p) {
  const pq_leaf *leaf = d->s->ref.leaf;
  pq_values_spec spec = {.phys = leaf->phys, .type_len = leaf->type_len, .encoding = p->h.encoding};
  bool has_codes =
      spec.encoding == PQ_ENC_RLE_DICTIONARY || spec.encoding == PQ_ENC_PLAIN_DICTIONARY;
  pq_slice body, values;
  uint32_t null_count;
  pq_values v;
  if (!is_wanted(d->s, p->first_row, p->first_row + p->h.value_count, &d->range)) return PQ_OK;
  if (has_codes && !d->has_dictionary && d->dictionary_page != NULL) PQ_TRY(decode_dictionary(d));
  if (d->has_dictionary) spec.dictionary = &d->dictionary;
  PQ_TRY(check_crc(p));
  PQ_TRY(page_body(d, p, has_slices(p, leaf->phys), &body));
  PQ_TRY(read_levels(d, p, body, &values, &null_count));
  spec.count = p->h.value_count - null_count;
  PQ_TRY(pq_values_init(&v, &p->at, d->arena, spec, values));
  return read_ranges(d, p, &v, null_count > 0 ? d->levels.p : NULL);
}

static int decode_pages(decode *d) {
  walk w = {.s = d->s};
  page p, dictionary;
  bool has_page;
  for (;;) {
    PQ_TRY(walk_next(&w, &p, &has_page));
    if (!has_page) return PQ_OK;
    if (p.h.type == PQ_PAGE_DICTIONARY) {
      dictionary = p;
      d->dictionary_page = &dictionary;
    } else {
      PQ_TRY(decode_page(d, &p));
    }
  }
}

int pq_chunk_decode(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                    uint32_t leaf, const pq_page_index *index, const pq_row_range *ranges,
                    uint32_t range_count, pq_column *out) {
  scan s = {.f = f, .ref = pq_chunk_ref_of(f->cx, file, row_group, leaf)};
  pq_column column = {.phys = s.ref.leaf->phys};
  decode d = {.s = &s, .arena = arena, .out = &column};
  size_t len;
  int rc;
  *out = (pq_column){.phys = column.phys};
  PQ_TRY(pq_chunk_want(f, file, row_group, leaf, index, ranges, range_count));
  PQ_TRY(scan_init(&s, index, ranges, range_count));
  PQ_TRY(check_pages(&s));
  for (uint32_t i = 0; i < s.range_count; i++)
    column.row_count += s.ranges[i].hi - s.ranges[i].lo;
  if (!pq_mul_size(column.row_count, pq_phys_size(column.phys), &len))
    return pq_place_fail(&s.ref.at, PQ_ELIMIT, "too many rows for the memory");
  column.v.any = pq_arena_alloc(arena, len);
  if (column.v.any == NULL) return arena->cx->code;
  pq_decompressor_init(&d.own, f->cx);
  d.decompressor = f->decompressor != NULL ? f->decompressor : &d.own;
  rc = decode_pages(&d);
  pq_decompressor_release(&d.own);
  PQ_TRY(rc);
  if (d.done != column.row_count) return pq_place_corrupt(&s.ref.at, "pages lack wanted rows");
  *out = column;
  return PQ_OK;
}
