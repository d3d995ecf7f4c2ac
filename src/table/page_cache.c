/* table/page_cache.c - see page_cache.h.
 *
 * One allocation holds a page:   header │ values or slices │ checked │ nulls │ def │ rep │ text
 */
#include "table/page_cache.h"

#include <string.h>

enum {
  BODY_SHARE = 4, /* of the room, for bodies */
  MEMO_COUNT = 64,
  WORK_LEN = 128 << 10,  /* most pages are decoded in it */
  WORK_LEN_MAX = 1 << 20 /* more than that is given back */
};

/* Texts copied already, by where they were: those of a dictionary come again and again. */
typedef struct memo {
  const uint8_t *from[MEMO_COUNT];
  const uint8_t *to[MEMO_COUNT];
  size_t len[MEMO_COUNT];
} memo;

void pq_page_cache_init(pq_page_cache *c, pq_cx *cx) {
  *c = (pq_page_cache){.cx = cx, .len_max = cx->limits.page_cache_len_max};
  pq_body_cache_init(&c->bodies, cx, c->len_max);
  pq_arena_init(&c->work, cx, cx->limits.op_len_max);
}

static void unlink_page(pq_page_cache *c, pq_cached_page *p) {
  if (p->newer != NULL)
    p->newer->older = p->older;
  else
    c->newest = p->older;
  if (p->older != NULL)
    p->older->newer = p->newer;
  else
    c->oldest = p->newer;
  p->newer = p->older = NULL;
}

static void link_newest(pq_page_cache *c, pq_cached_page *p) {
  p->older = c->newest;
  if (c->newest != NULL)
    c->newest->newer = p;
  else
    c->oldest = p;
  c->newest = p;
}

static void free_oldest(pq_page_cache *c) {
  pq_cached_page *p = c->oldest;
  unlink_page(c, p);
  if (p->slot != NULL) *p->slot = NULL;
  c->held_len -= p->len;
  pq_alloc(c->cx, p, p->len, 0);
}

void pq_page_cache_release(pq_page_cache *c) {
  pq_body_cache_release(&c->bodies);
  pq_arena_release(&c->work);
  while (c->oldest != NULL)
    free_oldest(c);
  *c = (pq_page_cache){0};
}

/* What may stay: caches shrink before anything else has to do without. */
static uint64_t len_to_keep(const pq_page_cache *c) {
  uint64_t held = c->held_len + c->bodies.held_len, wanted, left;
  if (c->cx->meter == NULL) return c->len_max;
  wanted = c->cx->meter->max / 4;
  left = pq_memory_left(c->cx);
  if (left >= wanted) return c->len_max;
  held = held > wanted - left ? held - (wanted - left) : 0;
  return held < c->len_max ? held : c->len_max;
}

/* Look-ups would fill the cache with pages alone, though they need filters and scans need bodies:
 * a share is theirs as soon as they ask for it. */
void pq_page_cache_trim(pq_page_cache *c) {
  uint64_t len = len_to_keep(c), share = len / BODY_SHARE;
  if (!c->bodies.is_short && c->bodies.held_len < share) share = c->bodies.held_len;
  while (c->held_len > len - share)
    free_oldest(c);
  pq_body_cache_trim(&c->bodies, len - c->held_len);
}

bool pq_page_cache_drop(pq_page_cache *c) {
  bool had_some = c->held_len > 0 || c->bodies.held_len > 0;
  pq_body_cache_trim(&c->bodies, 0);
  while (c->oldest != NULL)
    free_oldest(c);
  return had_some;
}

uint32_t pq_chunk_page_of(const pq_chunk_pages *p, uint32_t row) {
  uint32_t lo = 0, hi = p->index.page_count;
  while (hi - lo > 1) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (p->index.pages[mid].first_row <= row)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

static pq_row_range rows_of(const pq_page_ref *ref) {
  const pq_page_info *info = &ref->pages->index.pages[ref->page];
  return (pq_row_range){info->first_row, info->first_row + info->row_count};
}

/* Does a part hold all that is wanted? A key's part was made of all of its rows. */
static bool has_wanted(const pq_cached_page *part, const pq_page_ref *ref) {
  if (ref->key.p != NULL)
    return pq_phys_is_slice(part->column.phys) && pq_slice_eq(part->column.v.bytes[0], ref->key);
  return ref->rows.hi > 0 && ref->rows.lo >= part->first_row &&
         ref->rows.hi - part->first_row <= part->column.row_count;
}

pq_cached_page *pq_page_cache_find(const pq_page_ref *ref) {
  pq_cached_page *part;
  if (ref->pages->cached[ref->page] != NULL) return ref->pages->cached[ref->page];
  part = ref->pages->parts[ref->page];
  return part != NULL && has_wanted(part, ref) ? part : NULL;
}

int pq_page_cache_want(const pq_page_ref *ref, pq_fetch *f) {
  pq_row_range rows = rows_of(ref);
  if (pq_page_cache_find(ref) != NULL) return PQ_OK;
  return pq_chunk_want(f, ref->file, ref->row_group, ref->leaf, &ref->pages->index, &rows, 1);
}

/* ---- copying a column into one allocation ---- */

static size_t memo_place(const uint8_t *p) {
  return (size_t)(((uintptr_t)p >> 3) * 0x9e3779b1u >> 7) % MEMO_COUNT;
}

/* Bytes of text that the copy needs; the same walk as copy_text. */
static bool text_len(const pq_column *c, memo *m, size_t *out) {
  size_t sum = 0;
  for (uint32_t i = 0; i < pq_column_entries(c); i++) {
    pq_slice s = c->v.bytes[i];
    size_t at = memo_place(s.p);
    if (pq_column_is_null(c, i) || s.n == 0 || (m->from[at] == s.p && m->len[at] == s.n)) continue;
    m->from[at] = s.p;
    m->len[at] = s.n;
    if (!pq_add_size(sum, s.n, &sum)) return false;
  }
  *out = sum;
  return true;
}

static void copy_text(const pq_column *c, memo *m, pq_slice *slices, uint8_t *text) {
  for (uint32_t i = 0; i < pq_column_entries(c); i++) {
    pq_slice s = c->v.bytes[i];
    size_t at = memo_place(s.p);
    slices[i] = (pq_slice){text, 0};
    if (pq_column_is_null(c, i) || s.n == 0) continue;
    if (m->from[at] != s.p || m->len[at] != s.n) {
      memcpy(text, s.p, s.n);
      m->from[at] = s.p;
      m->to[at] = text;
      m->len[at] = s.n;
      text += s.n;
    }
    slices[i] = (pq_slice){m->to[at], s.n};
  }
}

/* Copy bytes, one an entry, to *at and move past them; NULL: there are none. */
static uint8_t *keep_bytes(const uint8_t *from, size_t count, uint8_t **at) {
  uint8_t *to = *at;
  if (from == NULL) return NULL;
  if (count > 0) memcpy(to, from, count);
  *at += count;
  return to;
}

static int keep(pq_page_cache *c, const pq_column *column, uint32_t first_row,
                pq_cached_page **out) {
  bool is_text = pq_phys_is_slice(column->phys);
  size_t rows = column->row_count, entries = pq_column_entries(column), text = 0, len;
  size_t values = entries * pq_phys_size(column->phys);
  size_t arrays = column->nulls != NULL;
  memo m = {0};
  pq_cached_page *p;
  uint8_t *at;
  arrays += column->def != NULL;
  arrays += column->rep != NULL;
  if (is_text && !text_len(column, &m, &text)) return pq_fail_nomem(c->cx);
  len = sizeof *p + values + rows + entries * arrays; /* no more than what was decoded */
  if (!pq_add_size(len, text, &len)) return pq_fail_nomem(c->cx);
  p = pq_alloc(c->cx, NULL, 0, len);
  if (p == NULL) return pq_fail_nomem(c->cx);
  *p = (pq_cached_page){.column = *column, .first_row = first_row, .len = len};
  at = (uint8_t *)(p + 1);
  p->column.v.any = at;
  p->checked = at + values;
  memset(p->checked, 0, rows);
  at = p->checked + rows;
  p->column.nulls = keep_bytes(column->nulls, entries, &at);
  p->column.def = keep_bytes(column->def, entries, &at);
  p->column.rep = keep_bytes(column->rep, entries, &at);
  m = (memo){0};
  if (is_text)
    copy_text(column, &m, p->column.v.bytes, at);
  else if (values > 0)
    memcpy(p->column.v.any, column->v.any, values);
  *out = p;
  return PQ_OK;
}

/* Rows begin where rep is 0; the decoder has counted them. */
pq_column pq_cached_page_row(const pq_cached_page *p, uint32_t row) {
  pq_column c = p->column;
  uint32_t lo = row, end, count = pq_column_entries(&c), rows = 0;
  if (c.rep != NULL)
    for (lo = 0; lo < count; lo++)
      if (c.rep[lo] == 0 && rows++ == row) break;
  pq_assert(lo < count);
  end = lo + 1;
  while (c.rep != NULL && end < count && c.rep[end] != 0)
    end++;
  c.row_count = 1;
  c.entry_count = end - lo;
  c.v.b += lo * pq_phys_size(c.phys);
  if (c.nulls != NULL) c.nulls += lo;
  if (c.def != NULL) c.def += lo;
  if (c.rep != NULL) c.rep += lo;
  return c;
}

/* ---- decoding ---- */

/* Memory for the next page: what the last one was decoded in. */
static int begin_work(pq_page_cache *c) {
  if (c->work.used_len > 0) return PQ_OK;
  if (pq_arena_alloc(&c->work, WORK_LEN) == NULL) return c->cx->code;
  pq_arena_clear(&c->work);
  return PQ_OK;
}

static void end_work(pq_page_cache *c) {
  uint64_t len_max = c->work.len_max;
  if (c->work.used_len <= WORK_LEN_MAX) {
    pq_arena_clear(&c->work);
    return;
  }
  pq_arena_release(&c->work);
  pq_arena_init(&c->work, c->cx, len_max);
}

/* The first row of a sorted column whose text is not below the key, or, with `is_upper`, above. */
static uint32_t bound_of(const pq_column *column, pq_slice key, bool is_upper) {
  uint32_t lo = 0, hi = column->row_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    int order = pq_slice_cmp(column->v.bytes[mid], key);
    if (order < 0 || (is_upper && order == 0))
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* Narrow a decoded page to the rows of the key; false: it has none. */
static bool pick_key(pq_column *column, pq_slice key, pq_row_range *rows) {
  uint32_t lo, hi;
  if (!pq_phys_is_slice(column->phys) || column->nulls != NULL || column->def != NULL) return false;
  lo = bound_of(column, key, false);
  hi = bound_of(column, key, true);
  if (lo >= hi) return false;
  column->v.bytes += lo;
  column->row_count = column->entry_count = hi - lo;
  *rows = (pq_row_range){rows->lo + lo, rows->lo + hi};
  return true;
}

/* Decode a page, or of it what is wanted, and keep it. */
static int decode(pq_page_cache *c, const pq_page_ref *ref, bool is_whole, pq_fetch *f,
                  pq_cached_page **out) {
  pq_row_range page = rows_of(ref), rows = is_whole || ref->key.p != NULL ? page : ref->rows;
  pq_cached_page **slot, *p;
  pq_column column;
  PQ_TRY(pq_chunk_decode(f, &c->work, ref->file, ref->row_group, ref->leaf, &ref->pages->index,
                         &rows, 1, &column));
  if (!is_whole && ref->key.p != NULL) is_whole = !pick_key(&column, ref->key, &rows);
  PQ_TRY(keep(c, &column, rows.lo, &p));
  slot = is_whole ? &ref->pages->cached[ref->page] : &ref->pages->parts[ref->page];
  if (*slot != NULL) (*slot)->slot = NULL; /* borrowed until the step ends */
  p->slot = slot;
  *slot = p;
  link_newest(c, p);
  c->held_len += p->len;
  *out = p;
  return PQ_OK;
}

int pq_page_cache_get(pq_page_cache *c, const pq_page_ref *ref, pq_fetch *f, pq_cached_page **out) {
  pq_row_range page = rows_of(ref);
  pq_cached_page *p = pq_page_cache_find(ref);
  bool is_part = ref->key.p != NULL || ref->rows.hi > 0, is_second;
  int rc;
  *out = p;
  if (p != NULL) {
    if (p == c->newest) return PQ_OK;
    unlink_page(c, p);
    link_newest(c, p);
    return PQ_OK;
  }
  if (ref->key.p == NULL && ref->rows.lo == page.lo && ref->rows.hi == page.hi) is_part = false;
  is_second = ref->pages->parts[ref->page] != NULL && !ref->is_rare;
  PQ_TRY(begin_work(c));
  c->bodies.is_closed = true;
  rc = decode(c, ref, !is_part || is_second, f, out);
  c->bodies.is_closed = false;
  end_work(c);
  return rc;
}
