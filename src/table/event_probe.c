/* table/event_probe.c - see event_probe.h.
 *
 *   hits of all files ─► the newest of them, or those of the version asked for ─► their values
 *
 * Straight-line, as a stage's call must be: each pass asks for all that it can know it needs.
 */
#include "table/event_probe.h"

#include <string.h>

#include "base/merge_sort.h"
#include "table/file_bloom.h"

enum { WIDE_ROWS = 4096 }; /* more of a page no history decodes at a time */

/* One event found: a row of an index, or an event read from a file without one. */
typedef struct probe_hit {
  const pq_event_source *source;
  uint64_t row; /* of the event file */
  pq_event event;
  bool has_values; /* read with the event */
} probe_hit;

typedef struct prober {
  const pq_event_probe *p;
  pq_fetch *f;
  pq_arena *scratch;
  bool is_missing;
  probe_hit *hits;
  uint32_t count, cap;
} prober;

/* Hits in seq order; those from `from` on are wanted, the one at `at` is looked at. */
typedef struct hit_list {
  probe_hit **order;
  uint32_t from, count, at;
} hit_list;

/* ---- cells of a file ---- */

/* Rows of a row group of an open file that are wanted together. */
typedef struct place {
  pq_cached_file *file;
  uint32_t group;
  pq_row_range rows;
} place;

/* Note PQ_NEED_IO and go on; pass failures up. */
static int note(prober *r, int rc) {
  if (rc != PQ_NEED_IO) return rc;
  r->is_missing = true;
  return PQ_OK;
}

static int chunk_of(const prober *r, place at, uint32_t leaf, pq_chunk_pages **out) {
  PQ_TRY(pq_file_cache_chunk(r->p->files, r->f, at.file, at.group, leaf, out));
  if ((*out)->index.page_count > 0) return PQ_OK;
  return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: column %u has no page index", at.file->file.key, leaf);
}

/* A page of a leaf, and the rows in it that are wanted. */
static pq_page_ref ref_of(place at, uint32_t leaf, pq_chunk_pages *chunk, uint32_t page) {
  const pq_page_info *info = &chunk->index.pages[page];
  uint32_t end = info->first_row + info->row_count;
  pq_row_range rows = {at.rows.lo > info->first_row ? at.rows.lo : info->first_row,
                       at.rows.hi < end ? at.rows.hi : end};
  if (leaf == PQ_INDEX_LEAF_KEY || rows.lo >= rows.hi) rows = (pq_row_range){0, 0};
  return (pq_page_ref){.file = &at.file->file,
                       .row_group = at.group,
                       .leaf = leaf,
                       .page = page,
                       .pages = chunk,
                       .rows = rows};
}

/* The decoded page of a leaf that holds a row, and the row in it. */
static int page_of(const prober *r, const pq_page_ref *ref, uint32_t row, pq_cached_page **out,
                   uint32_t *in_page) {
  PQ_TRY(pq_page_cache_want(ref, r->f));
  PQ_TRY(pq_page_cache_get(&r->p->files->pages, ref, r->f, out));
  *in_page = row - (*out)->first_row;
  if (row >= (*out)->first_row && *in_page < (*out)->column.row_count) return PQ_OK;
  return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: row %u of column %u is not there", ref->file->key, row,
                 ref->leaf);
}

/* What all rows of the page say, by its bounds; NULL: they differ, or nobody tells. */
static const pq_page_info *told(const pq_chunk_pages *chunk, uint32_t row) {
  const pq_page_info *page = &chunk->index.pages[pq_chunk_page_of(chunk, row)];
  return page->has_bounds && pq_slice_eq(page->min, page->max) ? page : NULL;
}

/* Ask for the page indexes of leaves, side by side. */
static int want_chunks(const prober *r, place at, uint32_t first, uint32_t count) {
  const pq_chunk_pages *chunks =
      &at.file->chunks[(size_t)at.group * at.file->file.footer->leaf_count];
  bool is_missing = false;
  uint32_t unknown = 0;
  for (uint32_t leaf = first; leaf < first + count; leaf++)
    unknown += chunks[leaf].cached == NULL;
  if (unknown > 1) PQ_TRY(pq_page_index_want(r->f, &at.file->file, at.group, first, count));
  for (uint32_t leaf = first; leaf < first + count; leaf++) {
    pq_chunk_pages *chunk;
    int rc = chunk_of(r, at, leaf, &chunk);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* Ask for the pages of a leaf that hold the rows, unless their bounds tell all. */
static int want_pages(const prober *r, place at, uint32_t leaf) {
  bool is_missing = false;
  pq_chunk_pages *chunk;
  PQ_TRY(chunk_of(r, at, leaf, &chunk));
  for (uint32_t row = at.rows.lo; row < at.rows.hi;) {
    uint32_t page = pq_chunk_page_of(chunk, row);
    const pq_page_info *info = &chunk->index.pages[page];
    pq_page_ref ref = ref_of(at, leaf, chunk, page);
    int rc =
        told(chunk, row) != NULL || info->is_null_page ? PQ_OK : pq_page_cache_want(&ref, r->f);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (info->row_count == 0 || info->first_row + info->row_count <= row) break; /* the last one */
    row = info->first_row + info->row_count;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int text_cell(const prober *r, place at, uint32_t leaf, uint32_t row, pq_slice *out) {
  pq_chunk_pages *chunk;
  const pq_page_info *page;
  pq_cached_page *decoded;
  pq_page_ref ref;
  uint32_t i;
  *out = (pq_slice){0};
  PQ_TRY(chunk_of(r, at, leaf, &chunk));
  page = told(chunk, row);
  if (page != NULL) {
    *out = page->min;
    return PQ_OK;
  }
  ref = ref_of(at, leaf, chunk, pq_chunk_page_of(chunk, row));
  PQ_TRY(page_of(r, &ref, row, &decoded, &i));
  if (!pq_column_is_null(&decoded->column, i)) *out = decoded->column.v.bytes[i];
  return PQ_OK;
}

static int number_cell(const prober *r, place at, uint32_t leaf, uint32_t row, int64_t *out) {
  pq_chunk_pages *chunk;
  const pq_page_info *page;
  pq_cached_page *decoded;
  pq_page_ref ref;
  uint32_t i;
  *out = 0;
  PQ_TRY(chunk_of(r, at, leaf, &chunk));
  page = told(chunk, row);
  if (page != NULL && page->min.n == 8) {
    *out = (int64_t)pq_rd64(page->min.p);
    return PQ_OK;
  }
  ref = ref_of(at, leaf, chunk, pq_chunk_page_of(chunk, row));
  PQ_TRY(page_of(r, &ref, row, &decoded, &i));
  if (!pq_column_is_null(&decoded->column, i)) *out = decoded->column.v.i64[i];
  return PQ_OK;
}

/* ---- rows of an index ---- */

/* Does every key of the page lie before the bound that is looked for? Bounds may be cut, but never
 * say less than is there. */
static bool is_page_before(const pq_page_info *page, pq_slice id, bool is_upper) {
  int order = page->has_bounds ? pq_slice_cmp(page->max, id) : 1;
  return is_upper ? order <= 0 : order < 0;
}

/* The first page that may have a key not below the id, or, with `is_upper`, above it. */
static uint32_t key_page(const pq_chunk_pages *chunk, pq_slice id, bool is_upper) {
  uint32_t lo = 0, hi = chunk->index.page_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (is_page_before(&chunk->index.pages[mid], id, is_upper))
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* First row of the row group whose key is not below the id, or, with `is_upper`, above it. Pages
 * are judged by their bounds first, so that one page is decoded, or none. */
static int key_bound(const prober *r, place at, bool is_upper, uint32_t *out) {
  pq_chunk_pages *chunk;
  pq_cached_page *page;
  pq_page_ref ref;
  uint32_t lo, hi;
  PQ_TRY(chunk_of(r, at, PQ_INDEX_LEAF_KEY, &chunk));
  lo = key_page(chunk, r->p->id, is_upper);
  *out = (uint32_t)at.file->file.footer->row_groups[at.group].row_count;
  if (lo == chunk->index.page_count) return PQ_OK;
  *out = chunk->index.pages[lo].first_row;
  if (chunk->index.pages[lo].has_bounds && pq_slice_cmp(chunk->index.pages[lo].min, r->p->id) > 0)
    return PQ_OK;
  ref = ref_of(at, PQ_INDEX_LEAF_KEY, chunk, lo);
  ref.key = r->p->id;
  PQ_TRY(pq_page_cache_want(&ref, r->f));
  PQ_TRY(pq_page_cache_get(&r->p->files->pages, &ref, r->f, &page));
  for (lo = 0, hi = page->column.row_count; lo < hi;) {
    uint32_t mid = lo + (hi - lo) / 2;
    int order = pq_slice_cmp(page->column.v.bytes[mid], r->p->id);
    if (order < 0 || (is_upper && order == 0))
      lo = mid + 1;
    else
      hi = mid;
  }
  *out = page->first_row + lo;
  return PQ_OK;
}

static int add_hit(prober *r, const probe_hit *hit) {
  if (r->count == r->cap) {
    uint32_t cap = r->cap == 0 ? 16 : r->cap * 2;
    probe_hit *hits = pq_arena_array(r->scratch, cap, sizeof *hits);
    if (hits == NULL) return r->scratch->cx->code;
    if (r->count > 0) memcpy(hits, r->hits, r->count * sizeof *hits);
    r->hits = hits;
    r->cap = cap;
  }
  r->hits[r->count++] = *hit;
  return PQ_OK;
}

/* The event of an index's row; of one that is not wanted *is_wanted is false. */
static int read_hit(prober *r, const pq_event_source *s, place at, uint32_t row, bool *is_wanted) {
  probe_hit hit = {.source = s, .event = {.target = PQ_TARGET_ENTITY, .id = r->p->id}};
  pq_event *e = &hit.event;
  int64_t seq, version, txn, age;
  pq_slice op;
  *is_wanted = false;
  PQ_TRY(number_cell(r, at, PQ_INDEX_LEAF_SEQ, row, &seq));
  e->seq = (uint64_t)seq;
  if (e->seq < s->events->seq_lo || e->seq > s->events->seq_hi)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: row %u: event %llu is not of its event file",
                   at.file->file.key, row, (unsigned long long)e->seq);
  if (e->seq < r->p->seq_lo || e->seq > r->p->seq_hi) return PQ_OK;
  PQ_TRY(number_cell(r, at, PQ_INDEX_LEAF_VERSION, row, &version));
  e->version = (uint64_t)version;
  if (r->p->version != 0 && e->version != r->p->version) return PQ_OK;
  *is_wanted = true;
  hit.row = e->seq - s->events->seq_lo;
  PQ_TRY(number_cell(r, at, PQ_INDEX_LEAF_TS, row, &e->ts));
  PQ_TRY(number_cell(r, at, PQ_INDEX_LEAF_AGE, row, &age));
  e->created_at = (int64_t)((uint64_t)e->ts - (uint64_t)age);
  PQ_TRY(number_cell(r, at, PQ_INDEX_LEAF_TXN, row, &txn));
  PQ_TRY(text_cell(r, at, PQ_INDEX_LEAF_OP, row, &op));
  PQ_TRY(text_cell(r, at, PQ_INDEX_LEAF_TYPE, row, &e->type));
  PQ_TRY(text_cell(r, at, PQ_INDEX_LEAF_CREATED_BY, row, &e->created_by));
  PQ_TRY(text_cell(r, at, PQ_INDEX_LEAF_ACTOR, row, &e->actor));
  e->op = pq_event_op_of(op);
  e->txn = (uint64_t)txn;
  if (e->op == 0 || version < 0 || txn < 0)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: row %u: op, version or txn is not valid",
                   at.file->file.key, row);
  return add_hit(r, &hit);
}

/* Is the page of keys that may hold the id decoded? */
static bool is_key_decoded(const prober *r, place at) {
  pq_chunk_pages *chunk =
      &at.file->chunks[(size_t)at.group * at.file->file.footer->leaf_count + PQ_INDEX_LEAF_KEY];
  pq_page_ref ref;
  uint32_t page;
  if (chunk->cached == NULL) return false;
  page = key_page(chunk, r->p->id, false);
  if (page == chunk->index.page_count) return true;
  ref = ref_of(at, PQ_INDEX_LEAF_KEY, chunk, page);
  ref.key = r->p->id;
  return pq_page_cache_find(&ref) != NULL;
}

/* May the row group hold the id? By role and bounds, then by the bloom filter. */
static int may_hold(const prober *r, place at, bool *may) {
  const pq_row_group *g = &at.file->file.footer->row_groups[at.group];
  const pq_stats *role = &g->chunks[PQ_INDEX_LEAF_ROLE].stats;
  const pq_stats *key = &g->chunks[PQ_INDEX_LEAF_KEY].stats;
  uint64_t hash = pq_hash(r->p->id, 0);
  *may = false;
  if (role->has_min && !pq_slice_is(role->min, pq_event_role_name(PQ_ROLE_ENTITY))) return PQ_OK;
  if (key->has_min && pq_slice_cmp(r->p->id, key->min) < 0) return PQ_OK;
  if (key->has_max && pq_slice_cmp(r->p->id, key->max) > 0) return PQ_OK;
  *may = true;
  if (is_key_decoded(r, at)) return PQ_OK;
  if (at.file->is_asked && at.file->may_hold && at.file->asked_hash == hash &&
      at.file->file.footer->row_group_count == 1)
    return PQ_OK; /* it would say so again */
  return pq_file_cache_bloom(r->p->files, r->f, &at.file->file, at.group, PQ_INDEX_LEAF_KEY, hash,
                             may);
}

/* Ask for all that the rows of the index say. */
static int want_rows(const prober *r, place at) {
  bool is_missing = false;
  for (uint32_t leaf = PQ_INDEX_LEAF_SEQ; leaf < PQ_INDEX_LEAVES; leaf++) {
    int rc = want_pages(r, at, leaf);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int probe_group(prober *r, const pq_event_source *s, place at) {
  uint32_t lo, hi;
  bool may, is_wanted = false;
  int rc, rc2;
  PQ_TRY(may_hold(r, at, &may));
  if (!may) return PQ_OK;
  PQ_TRY(want_chunks(r, at, 0, PQ_INDEX_LEAVES));
  rc = key_bound(r, at, false, &lo);
  rc2 = rc < 0 ? rc : key_bound(r, at, true, &hi);
  if (rc != PQ_OK || rc2 != PQ_OK) return rc < 0 || rc2 == PQ_OK ? rc : rc2;
  at.rows = (pq_row_range){lo, hi};
  PQ_TRY(want_rows(r, at));
  for (uint32_t i = lo; i < hi; i++) { /* newest first: one may be enough */
    PQ_TRY(read_hit(r, s, at, lo + hi - 1 - i, &is_wanted));
    if (is_wanted && r->p->is_newest) break;
  }
  return PQ_OK;
}

static int probe_index(prober *r, const pq_event_source *s) {
  place at = {0};
  bool may;
  if (pq_slice_cmp(r->p->id, s->index->id_min) < 0 || pq_slice_cmp(r->p->id, s->index->id_max) > 0)
    return PQ_OK;
  PQ_TRY(pq_file_may_hold(r->p->files, r->f, s->index, &r->p->id, 1, &may));
  if (!may) return PQ_OK;
  PQ_TRY(pq_file_cache_open(r->p->files, r->f, s->index, &at.file));
  PQ_TRY(pq_event_index_check(r->f->cx, &at.file->file));
  for (; at.group < at.file->file.footer->row_group_count; at.group++)
    PQ_TRY(note(r, probe_group(r, s, at)));
  return PQ_OK;
}

/* ---- files without an index ---- */

static int read_unindexed(prober *r, const pq_event_source *s) {
  pq_event_want want = {.seq_lo = r->p->seq_lo,
                        .seq_hi = r->p->seq_hi,
                        .ts_hi = INT64_MAX,
                        .target = PQ_TARGET_ENTITY,
                        .id = r->p->id,
                        .needs_values = r->p->needs_values,
                        .needs_before = r->p->needs_before};
  pq_cached_file *file;
  PQ_TRY(pq_file_cache_open(r->p->files, r->f, s->events, &file));
  for (uint32_t g = 0; g < file->file.footer->row_group_count; g++) {
    pq_event *events;
    uint32_t count = 0;
    PQ_TRY(note(r, pq_event_file_read(r->f, r->scratch, &file->file, g, &want, &events, &count)));
    for (uint32_t i = 0; i < count; i++) {
      probe_hit hit = {.source = s, .event = events[i], .has_values = true};
      if (r->p->version == 0 || events[i].version == r->p->version) PQ_TRY(add_hit(r, &hit));
    }
  }
  return PQ_OK;
}

/* ---- values ---- */

/* One value of a VARIANT's leaf: where it is read. */
typedef struct value_part {
  uint32_t leaf;
  pq_page_ref ref;
  pq_slice bytes;
  bool is_null;
  uint8_t *checked;
} value_part;

/* Rows of the hit that is looked at and of those after it in its page, if they are near, as they
 * stand in the row group that begins at `base`. Those before it were read with the first of them.
 */
static pq_row_range hits_in(const pq_page_info *page, const hit_list *h, uint64_t base) {
  const probe_hit *hit = h->order[h->at];
  uint64_t hi = base + page->first_row + page->row_count;
  uint32_t to = h->at;
  if (hi > hit->row + WIDE_ROWS) hi = hit->row + WIDE_ROWS;
  while (to + 1 < h->count && h->order[to + 1]->source == hit->source && h->order[to + 1]->row < hi)
    to++;
  return (pq_row_range){(uint32_t)(hit->row - base), (uint32_t)(h->order[to]->row - base) + 1};
}

static int want_part(const prober *r, place at, const hit_list *h, value_part *part) {
  uint32_t row = at.rows.lo;
  pq_chunk_pages *chunk;
  const pq_page_info *page;
  PQ_TRY(chunk_of(r, at, part->leaf, &chunk));
  part->ref = ref_of(at, part->leaf, chunk, pq_chunk_page_of(chunk, row));
  page = &chunk->index.pages[part->ref.page];
  if (pq_page_cache_find(&part->ref) != NULL) return PQ_OK;
  part->ref.is_rare = !r->p->is_newest && page->row_count > WIDE_ROWS;
  if (part->ref.rows.hi > 0) part->ref.rows = hits_in(page, h, h->order[h->at]->row - row);
  return pq_page_cache_want(&part->ref, r->f);
}

static int read_part(const prober *r, place at, value_part *part) {
  pq_cached_page *page;
  const pq_column *column;
  uint32_t i = 0;
  PQ_TRY(page_of(r, &part->ref, at.rows.lo, &page, &i));
  column = &page->column;
  part->checked = &page->checked[i];
  if (!pq_phys_is_slice(column->phys) || column->def != NULL)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: column %u is of another type", at.file->file.key,
                   part->leaf);
  part->is_null = pq_column_is_null(column, i);
  if (!part->is_null) part->bytes = column->v.bytes[i];
  return PQ_OK;
}

/* Is every value of the leaf null, as the footer says? */
static bool is_all_null(place at, uint32_t leaf) {
  const pq_chunk *chunk = &at.file->file.footer->row_groups[at.group].chunks[leaf];
  return chunk->stats.has_null_count && chunk->stats.null_count == chunk->value_count;
}

/* A VARIANT of an event's row: missing where it is null. */
static int value_cell(prober *r, place at, const hit_list *h, const char *path, pq_value *out) {
  int leaf = pq_footer_leaf(at.file->file.footer, path);
  value_part meta = {.leaf = (uint32_t)leaf}, value = {.leaf = (uint32_t)leaf + 1};
  pq_chunk_pages *chunk;
  int rc, rc2;
  *out = (pq_value){0};
  if (leaf < 0 || (uint32_t)leaf + 1 >= at.file->file.footer->leaf_count)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: column '%s' is missing", at.file->file.key, path);
  if (is_all_null(at, meta.leaf) && is_all_null(at, value.leaf)) return PQ_OK;
  PQ_TRY(want_chunks(r, at, (uint32_t)leaf, 2));
  PQ_TRY(chunk_of(r, at, (uint32_t)leaf, &chunk));
  if (chunk->index.pages[pq_chunk_page_of(chunk, at.rows.lo)].is_null_page) return PQ_OK;
  rc = want_part(r, at, h, &meta);
  rc2 = rc < 0 ? rc : want_part(r, at, h, &value);
  if (rc != PQ_OK || rc2 != PQ_OK) return rc < 0 || rc2 == PQ_OK ? rc : rc2;
  PQ_TRY(read_part(r, at, &meta));
  PQ_TRY(read_part(r, at, &value));
  if (meta.is_null != value.is_null)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: '%s' and its value differ in nulls at row %u",
                   at.file->file.key, path, at.rows.lo);
  if (meta.is_null) return PQ_OK;
  if (*value.checked == 0) PQ_TRY(pq_value_check(r->f->cx, meta.bytes, value.bytes, out));
  *value.checked = 1;
  *out = (pq_value){meta.bytes.p, value.bytes.p, (uint32_t)meta.bytes.n, (uint32_t)value.bytes.n};
  return PQ_OK;
}

/* Is the state before the event what the one before it left, in the same form? Then it need not be
 * read. */
static bool is_successor(const prober *r, const probe_hit *before, const probe_hit *hit) {
  const pq_collection_info *info;
  pq_slice collection, local;
  if (before == NULL || before->has_values || !r->p->needs_values) return false;
  if (hit->event.op == PQ_EVENT_CREATE || hit->event.version != before->event.version + 1 ||
      hit->event.created_at != before->event.created_at ||
      !pq_id_split(hit->event.id, &collection, &local))
    return false;
  info = pq_manifest_collection(r->p->manifest, collection);
  return info != NULL && info->schema_count == 0;
}

/* The values of the hit at h->at. */
static int read_values(prober *r, const hit_list *h) {
  probe_hit *hit = h->order[h->at];
  const probe_hit *before = h->at > h->from ? h->order[h->at - 1] : NULL;
  const pq_footer *footer;
  place at = {0};
  uint64_t row = hit->row;
  if (hit->has_values || (!r->p->needs_values && !r->p->needs_before)) return PQ_OK;
  PQ_TRY(pq_file_cache_open(r->p->files, r->f, hit->source->events, &at.file));
  footer = at.file->file.footer;
  while (at.group < footer->row_group_count && row >= footer->row_groups[at.group].row_count)
    row -= footer->row_groups[at.group++].row_count;
  if (at.group == footer->row_group_count)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: row %llu is not there", at.file->file.key,
                   (unsigned long long)hit->row);
  at.rows = (pq_row_range){(uint32_t)row, (uint32_t)row + 1};
  if (r->p->needs_values)
    PQ_TRY(note(r, value_cell(r, at, h, "after.metadata", &hit->event.after)));
  if (!r->p->needs_before) return PQ_OK;
  if (is_successor(r, before, hit))
    hit->event.before = before->event.after;
  else
    PQ_TRY(note(r, value_cell(r, at, h, "before.metadata", &hit->event.before)));
  return note(r, value_cell(r, at, h, "metadata.metadata", &hit->event.metadata));
}

static int by_event_seq(const void *a, const void *b, const void *ud) {
  const probe_hit *const *x = a, *const *y = b;
  (void)ud;
  return (*x)->event.seq < (*y)->event.seq ? -1 : (*x)->event.seq > (*y)->event.seq;
}

/* The hits that are wanted, in seq order, with their values. */
static int finish(prober *r, pq_event **out, uint32_t *count) {
  hit_list h = {.count = r->count};
  pq_event *events;
  h.order = pq_arena_calloc(r->scratch, r->count, sizeof(probe_hit *));
  if (h.order == NULL) return r->scratch->cx->code;
  if (r->p->is_newest && r->count > 0) h.from = r->count - 1;
  for (uint32_t i = 0; i < r->count; i++)
    h.order[i] = &r->hits[i];
  PQ_TRY(pq_sort_items(r->scratch->cx, h.order, r->count, sizeof *h.order, by_event_seq, NULL));
  for (h.at = h.from; h.at < h.count; h.at++)
    PQ_TRY(note(r, read_values(r, &h)));
  if (r->is_missing) return PQ_NEED_IO;
  events = pq_arena_calloc(r->scratch, h.count - h.from, sizeof *events);
  if (events == NULL) return r->scratch->cx->code;
  for (uint32_t i = h.from; i < h.count; i++)
    events[i - h.from] = h.order[i]->event;
  *out = events;
  *count = h.count - h.from;
  return PQ_OK;
}

int pq_event_probe_run(const pq_event_probe *p, pq_fetch *f, pq_arena *scratch, pq_event **out,
                       uint32_t *count) {
  const pq_event_want want = {.seq_lo = p->seq_lo, .seq_hi = p->seq_hi, .ts_hi = INT64_MAX};
  prober r = {.p = p, .f = f, .scratch = scratch};
  pq_event_source *sources;
  uint32_t source_count;
  *out = NULL;
  *count = 0;
  PQ_TRY(
      pq_live_files_events(&p->files->live, p->manifest, scratch, &want, &sources, &source_count));
  for (uint32_t i = source_count; i > 0; i--) { /* the newest first: it may be enough */
    const pq_event_source *s = &sources[i - 1];
    PQ_TRY(note(&r, s->index != NULL ? probe_index(&r, s) : read_unindexed(&r, s)));
    if (p->is_newest && r.count > 0 && !r.is_missing) break;
  }
  if (r.is_missing) return PQ_NEED_IO;
  return finish(&r, out, count);
}

/* ---- instants ---- */

/* The seq of the last event of a file with a time up to `ts`; 0: none. Times never fall. */
static int seq_in_file(prober *r, const pq_file_info *info, int64_t ts, uint64_t *out) {
  const pq_footer *footer;
  place at = {0};
  int ts_leaf, seq_leaf;
  *out = 0;
  PQ_TRY(pq_file_cache_open(r->p->files, r->f, info, &at.file));
  footer = at.file->file.footer;
  ts_leaf = pq_footer_leaf(footer, "ts");
  seq_leaf = pq_footer_leaf(footer, "seq");
  if (ts_leaf < 0 || footer->leaves[ts_leaf].phys != PQ_PHYS_INT64 || seq_leaf < 0 ||
      footer->leaves[seq_leaf].phys != PQ_PHYS_INT64)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: column 'ts' or 'seq' is missing", at.file->file.key);
  for (; at.group < footer->row_group_count; at.group++) {
    uint32_t lo = 0, hi = (uint32_t)footer->row_groups[at.group].row_count;
    uint32_t count = hi;
    int64_t cell;
    while (lo < hi) {
      uint32_t mid = lo + (hi - lo) / 2;
      PQ_TRY(number_cell(r, at, (uint32_t)ts_leaf, mid, &cell));
      if (cell <= ts)
        lo = mid + 1;
      else
        hi = mid;
    }
    if (lo > 0) PQ_TRY(number_cell(r, at, (uint32_t)seq_leaf, lo - 1, &cell));
    if (lo > 0) *out = (uint64_t)cell;
    if (lo < count) return PQ_OK;
  }
  return PQ_OK;
}

int pq_event_seq_at(const pq_manifest *m, pq_file_cache *files, pq_fetch *f, pq_arena *scratch,
                    int64_t ts, uint64_t floor, uint64_t *out) {
  const pq_event_probe p = {.manifest = m, .files = files};
  const pq_event_want want = {.seq_lo = floor + 1, .seq_hi = UINT64_MAX, .ts_hi = ts};
  prober r = {.p = &p, .f = f, .scratch = scratch};
  pq_event_source *sources;
  uint32_t count;
  *out = floor;
  PQ_TRY(pq_live_files_events(&files->live, m, scratch, &want, &sources, &count));
  if (count == 0) return PQ_OK;
  *out = sources[count - 1].events->seq_hi;
  if (sources[count - 1].events->ts_hi <= ts) return PQ_OK;
  PQ_TRY(seq_in_file(&r, sources[count - 1].events, ts, out));
  if (*out < floor) *out = floor;
  return PQ_OK;
}
