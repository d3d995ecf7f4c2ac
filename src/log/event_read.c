/* log/event_read.c - reading event files. See event_file.h and doc/formats/events.md.
 *
 *   bounds of the row group ──► selecting leaves ──► keep[row] ──► row ranges
 *          (no I/O)                 (round 1)                          │
 *   events  ◄── assemble ◄── the other leaves of those rows ◄──────────┘
 *                                   (round 2)
 *
 * When the bounds show that every row is wanted there is one round. Re-running after PQ_NEED_IO
 * decodes the selecting leaves again: nothing but the arena and the fetch set is touched.
 */
#include <string.h>

#include "log/event_file.h"
#include "log/event_leaf_int.h"

enum { GAP_MAX = 16 }; /* unwanted rows that are decoded rather than start a range */

/* One call of pq_event_file_read. */
typedef struct event_scan {
  pq_fetch *f;
  pq_arena *arena;
  const pq_file *file;
  uint32_t group;
  const pq_event_want *want;
  uint32_t row_count;
  uint32_t index[LEAF_COUNT];   /* of the leaf in the footer */
  bool is_wanted[LEAF_COUNT];   /* read at all */
  bool is_selector[LEAF_COUNT]; /* read in the first round, for all rows */
  pq_page_index pages[LEAF_COUNT];
  pq_column columns[LEAF_COUNT];
  uint8_t *keep; /* per row; NULL: all */
  uint32_t keep_count;
  pq_row_range *ranges; /* that hold the rows to keep */
  uint32_t range_count; /* 0: all rows */
} event_scan;

static int find_leaves(event_scan *s) {
  const pq_footer *footer = s->file->footer;
  pq_slice version = pq_footer_key(footer, "parquedb.events");
  if (version.p != NULL && !pq_slice_is(version, "1"))
    return pq_fail(s->f->cx, PQ_EUNSUPPORTED, "%s: its layout is newer than this program",
                   s->file->key);
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++) {
    int i = pq_footer_leaf(footer, pq_event_leaves[l].path);
    const pq_leaf *found = i < 0 ? NULL : &footer->leaves[i];
    if (found == NULL || found->phys != pq_event_leaves[l].phys || found->rep_max != 0 ||
        found->def_max != (pq_event_leaves[l].is_optional ? 1 : 0))
      return pq_fail(s->f->cx, PQ_ECORRUPT, "%s: column '%s' is missing or of another type",
                     s->file->key, pq_event_leaves[l].path);
    s->index[l] = (uint32_t)i;
  }
  return PQ_OK;
}

/* The bounds of an INT64 leaf in the row group; the whole range when it states none. */
static void bounds_of(const event_scan *s, pq_event_leaf l, int64_t *lo, int64_t *hi) {
  const pq_footer *footer = s->file->footer;
  const pq_stats *stats = &footer->row_groups[s->group].chunks[s->index[l]].stats;
  *lo = INT64_MIN;
  *hi = INT64_MAX;
  if (!footer->has_column_orders || !stats->has_min || !stats->has_max || stats->min.n != 8 ||
      stats->max.n != 8)
    return;
  *lo = (int64_t)pq_rd64(stats->min.p);
  *hi = (int64_t)pq_rd64(stats->max.p);
}

/* What the bounds say: *is_empty no row is wanted; the leaves that select; the leaves to read. */
static void plan(event_scan *s, bool *is_empty) {
  const pq_event_want *want = s->want;
  int64_t seq_lo, seq_hi, ts_lo, ts_hi;
  uint64_t want_hi = want->seq_hi > INT64_MAX ? INT64_MAX : want->seq_hi;
  bounds_of(s, LEAF_SEQ, &seq_lo, &seq_hi);
  bounds_of(s, LEAF_TS, &ts_lo, &ts_hi);
  if (seq_lo < 1) seq_lo = 1;
  *is_empty = want->seq_lo > want_hi || seq_hi < 1 || (uint64_t)seq_hi < want->seq_lo ||
              (uint64_t)seq_lo > want_hi || ts_lo > want->ts_hi;
  s->is_selector[LEAF_SEQ] = (uint64_t)seq_lo < want->seq_lo || (uint64_t)seq_hi > want_hi;
  s->is_selector[LEAF_TS] = ts_hi > want->ts_hi;
  s->is_selector[LEAF_TARGET] = want->target != 0;
  s->is_selector[LEAF_COLLECTION] = want->id.n > 0 || want->collection.n > 0;
  s->is_selector[LEAF_ENTITY_ID] = want->id.n > 0;
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++)
    s->is_wanted[l] = true;
  s->is_wanted[LEAF_ID] = s->is_wanted[LEAF_NS] = false;
  s->is_wanted[LEAF_HASH] = want->needs_hash;
  s->is_wanted[LEAF_AFTER_META] = s->is_wanted[LEAF_AFTER] = want->needs_values;
  s->is_wanted[LEAF_BEFORE_META] = s->is_wanted[LEAF_BEFORE] = want->needs_before;
  s->is_wanted[LEAF_NOTE_META] = s->is_wanted[LEAF_NOTE] = want->needs_before;
}

static bool is_value_leaf(pq_event_leaf l) {
  return l == LEAF_AFTER_META || l == LEAF_AFTER || l == LEAF_BEFORE_META || l == LEAF_BEFORE ||
         l == LEAF_NOTE_META || l == LEAF_NOTE;
}

/* Remember PQ_NEED_IO and go on asking; true: a failure, stop with *rc. */
static bool is_failed(int *rc, int step) {
  if (step != PQ_OK) *rc = step;
  return step < 0;
}

/* First round: the selecting leaves, and the page positions of the values. */
static int fetch_selectors(event_scan *s) {
  int rc = PQ_OK;
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++) {
    if (s->is_selector[l] &&
        is_failed(&rc, pq_chunk_want(s->f, s->file, s->group, s->index[l], NULL, NULL, 0)))
      return rc;
    if (s->is_wanted[l] && is_value_leaf(l) &&
        is_failed(
            &rc, pq_page_index_fetch(s->f, s->arena, s->file, s->group, s->index[l], &s->pages[l])))
      return rc;
  }
  return rc;
}

static int decode(event_scan *s, pq_event_leaf l, bool is_all) {
  const pq_page_index *pages = is_all || s->pages[l].page_count == 0 ? NULL : &s->pages[l];
  return pq_chunk_decode(s->f, s->arena, s->file, s->group, s->index[l], pages,
                         is_all ? NULL : s->ranges, is_all ? 0 : s->range_count, &s->columns[l]);
}

static void keep_equal(event_scan *s, pq_event_leaf l, pq_slice text) {
  const pq_column *c = &s->columns[l];
  for (uint32_t i = 0; i < s->row_count; i++) {
    if (s->keep[i] == 0) continue;
    s->keep[i] = pq_column_is_null(c, i) ? text.n == 0 : pq_slice_eq(c->v.bytes[i], text);
  }
}

static void keep_between(event_scan *s, pq_event_leaf l, int64_t lo, int64_t hi) {
  const pq_column *c = &s->columns[l];
  for (uint32_t i = 0; i < s->row_count; i++)
    s->keep[i] = (uint8_t)(s->keep[i] & (c->v.i64[i] >= lo && c->v.i64[i] <= hi));
}

static void select_rows(event_scan *s) {
  const pq_event_want *want = s->want;
  pq_slice collection, local;
  pq_event_id_split(want->id, &collection, &local);
  memset(s->keep, 1, s->row_count);
  if (s->is_selector[LEAF_SEQ])
    keep_between(s, LEAF_SEQ, want->seq_lo > INT64_MAX ? INT64_MAX : (int64_t)want->seq_lo,
                 want->seq_hi > INT64_MAX ? INT64_MAX : (int64_t)want->seq_hi);
  if (s->is_selector[LEAF_TS]) keep_between(s, LEAF_TS, INT64_MIN, want->ts_hi);
  if (want->target != 0) keep_equal(s, LEAF_TARGET, pq_str(pq_target_name(want->target)));
  if (want->collection.n > 0) keep_equal(s, LEAF_COLLECTION, want->collection);
  if (want->id.n > 0) {
    keep_equal(s, LEAF_COLLECTION, collection);
    keep_equal(s, LEAF_ENTITY_ID, local);
  }
}

/* The rows to keep as ranges; small gaps are decoded too. */
static int make_ranges(event_scan *s) {
  uint32_t n = 0, cap = s->row_count / (GAP_MAX + 2) + 1;
  s->ranges = pq_arena_calloc(s->arena, cap, sizeof *s->ranges);
  if (s->ranges == NULL) return s->arena->cx->code;
  s->keep_count = 0;
  for (uint32_t i = 0; i < s->row_count; i++) {
    if (s->keep[i] == 0) continue;
    s->keep_count++;
    if (n == 0 || i - s->ranges[n - 1].hi > GAP_MAX) {
      pq_assert(n < cap);
      s->ranges[n++].lo = i;
    }
    s->ranges[n - 1].hi = i + 1;
  }
  s->range_count = n;
  return PQ_OK;
}

static int select_stage(event_scan *s) {
  bool has_selector = false;
  s->keep_count = s->row_count;
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++)
    has_selector = has_selector || s->is_selector[l];
  if (!has_selector) return PQ_OK;
  PQ_TRY(fetch_selectors(s));
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++)
    if (s->is_selector[l]) PQ_TRY(decode(s, l, true));
  s->keep = pq_arena_alloc(s->arena, s->row_count);
  if (s->keep == NULL) return s->arena->cx->code;
  select_rows(s);
  return make_ranges(s);
}

/* Second round: everything else, of the rows that are left. */
static int rest_stage(event_scan *s) {
  int rc = PQ_OK;
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++) {
    const pq_page_index *pages = s->pages[l].page_count == 0 ? NULL : &s->pages[l];
    if (!s->is_wanted[l] || s->is_selector[l]) continue;
    if (is_failed(&rc, pq_chunk_want(s->f, s->file, s->group, s->index[l], pages, s->ranges,
                                     s->range_count)))
      return rc;
  }
  if (rc != PQ_OK) return rc;
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++)
    if (s->is_wanted[l] && !s->is_selector[l]) PQ_TRY(decode(s, l, false));
  return PQ_OK;
}

/* ---- from columns to events ---- */

/* A row: its number, and its place in the columns of the second round. */
typedef struct row_place {
  uint32_t row, pos;
} row_place;

static uint32_t place_in(const event_scan *s, pq_event_leaf l, row_place at) {
  return s->is_selector[l] ? at.row : at.pos;
}

static pq_slice get_text(const event_scan *s, pq_event_leaf l, row_place at) {
  uint32_t i = place_in(s, l, at);
  const pq_column *c = &s->columns[l];
  return !s->is_wanted[l] || pq_column_is_null(c, i) ? (pq_slice){0} : c->v.bytes[i];
}

static int64_t get_number(const event_scan *s, pq_event_leaf l, row_place at) {
  uint32_t i = place_in(s, l, at);
  const pq_column *c = &s->columns[l];
  return pq_column_is_null(c, i) ? 0 : c->v.i64[i];
}

static int get_value(const event_scan *s, pq_event_leaf meta, row_place at, pq_value *out) {
  pq_event_leaf value = meta + 1;
  *out = (pq_value){0};
  if (!s->is_wanted[meta]) return PQ_OK;
  if (pq_column_is_null(&s->columns[meta], at.pos) != pq_column_is_null(&s->columns[value], at.pos))
    return pq_fail(s->f->cx, PQ_ECORRUPT, "%s: '%s' and '%s' differ in nulls at row %u",
                   s->file->key, pq_event_leaves[meta].path, pq_event_leaves[value].path,
                   (unsigned)at.row);
  if (pq_column_is_null(&s->columns[meta], at.pos)) return PQ_OK;
  return pq_value_check(s->f->cx, get_text(s, meta, at), get_text(s, value, at), out);
}

/* "collection/localId" in one piece. */
static int join_id(const event_scan *s, row_place at, pq_event *e) {
  pq_slice collection = get_text(s, LEAF_COLLECTION, at), local = get_text(s, LEAF_ENTITY_ID, at);
  size_t n = collection.n;
  uint8_t *p;
  e->id = collection;
  if (e->target == PQ_TARGET_COLLECTION && local.n == 0) return PQ_OK;
  if (!pq_add_size(n, 1, &n) || !pq_add_size(n, local.n, &n))
    return pq_fail(s->f->cx, PQ_ELIMIT, "%s: an id is too long", s->file->key);
  p = pq_arena_alloc(s->arena, n);
  if (p == NULL) return s->arena->cx->code;
  if (collection.n > 0) memcpy(p, collection.p, collection.n);
  p[collection.n] = '/';
  if (local.n > 0) memcpy(p + collection.n + 1, local.p, local.n);
  e->id = (pq_slice){p, n};
  return PQ_OK;
}

static int assemble_one(const event_scan *s, row_place at, pq_event *e) {
  e->seq = (uint64_t)get_number(s, LEAF_SEQ, at); /* negative: above 63 bits, refused below */
  e->ts = get_number(s, LEAF_TS, at);
  e->target = pq_target_of(get_text(s, LEAF_TARGET, at));
  e->op = pq_event_op_of(get_text(s, LEAF_OP, at));
  PQ_TRY(join_id(s, at, e));
  e->type = get_text(s, LEAF_TYPE, at);
  e->predicate = get_text(s, LEAF_PREDICATE, at);
  e->reverse = get_text(s, LEAF_REVERSE, at);
  e->to_id = get_text(s, LEAF_TO_ID, at);
  e->version = (uint64_t)get_number(s, LEAF_VERSION, at);
  e->created_at = get_number(s, LEAF_CREATED_AT, at);
  e->created_by = get_text(s, LEAF_CREATED_BY, at);
  e->actor = get_text(s, LEAF_ACTOR, at);
  PQ_TRY(get_value(s, LEAF_AFTER_META, at, &e->after));
  PQ_TRY(get_value(s, LEAF_BEFORE_META, at, &e->before));
  PQ_TRY(get_value(s, LEAF_NOTE_META, at, &e->metadata));
  e->txn = (uint64_t)get_number(s, LEAF_TXN, at);
  e->prev = (uint64_t)get_number(s, LEAF_PREV, at);
  e->where_file = get_text(s, LEAF_WHERE_FILE, at);
  e->where_row = (uint64_t)get_number(s, LEAF_WHERE_ROW, at);
  e->hash = get_text(s, LEAF_HASH, at);
  return PQ_OK;
}

/* `before` is the event before it, or NULL. */
static int check_one(const event_scan *s, const pq_event *e, const pq_event *before) {
  const char *defect = pq_event_defect(s->f->cx, e);
  if (defect == NULL && s->want->needs_values) defect = pq_event_after_defect(e);
  if (defect == NULL && before != NULL && e->seq <= before->seq) defect = "seq does not rise";
  if (defect == NULL && before != NULL && e->ts < before->ts) defect = "ts falls";
  if (defect == NULL) return PQ_OK;
  return pq_fail(s->f->cx, PQ_ECORRUPT, "%s: event %llu: %s", s->file->key,
                 (unsigned long long)e->seq, defect);
}

static int assemble(const event_scan *s, pq_event **out) {
  pq_event *events = pq_arena_calloc(s->arena, s->keep_count, sizeof *events);
  pq_row_range all = {0, s->row_count};
  const pq_row_range *ranges = s->range_count == 0 ? &all : s->ranges;
  uint32_t range_count = s->range_count == 0 ? 1 : s->range_count, n = 0;
  row_place at = {0};
  if (events == NULL) return s->arena->cx->code;
  for (uint32_t r = 0; r < range_count; r++) {
    for (at.row = ranges[r].lo; at.row < ranges[r].hi; at.row++, at.pos++) {
      if (s->keep != NULL && s->keep[at.row] == 0) continue;
      PQ_TRY(assemble_one(s, at, &events[n]));
      PQ_TRY(check_one(s, &events[n], n == 0 ? NULL : &events[n - 1]));
      n++;
    }
  }
  pq_assert(n == s->keep_count);
  *out = events;
  return PQ_OK;
}

int pq_event_file_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                       const pq_event_want *want, pq_event **out, uint32_t *count) {
  event_scan s = {.f = f, .arena = arena, .file = file, .group = row_group, .want = want};
  uint64_t rows;
  bool is_empty;
  *out = NULL;
  *count = 0;
  pq_assert(row_group < file->footer->row_group_count);
  rows = file->footer->row_groups[row_group].row_count;
  if (rows == 0) return PQ_OK;
  if (rows >= UINT32_MAX)
    return pq_fail(f->cx, PQ_ECORRUPT, "%s: row group %u has %llu rows", file->key,
                   (unsigned)row_group, (unsigned long long)rows);
  s.row_count = (uint32_t)rows;
  PQ_TRY(find_leaves(&s));
  plan(&s, &is_empty);
  if (is_empty) return PQ_OK;
  PQ_TRY(select_stage(&s));
  if (s.keep_count == 0) return PQ_OK;
  PQ_TRY(rest_stage(&s));
  PQ_TRY(assemble(&s, out));
  *count = s.keep_count;
  return PQ_OK;
}
