/* query/flow_scan.c - a store on a view of the database: collections as sources.
 *
 *   row group ─► pq_scan ─► entities that match ─► merged documents, copied ─► a batch
 *   ids       ─► pq_view_locate ─► pq_view_read ─► the same
 *   keys      ─► ids, if all files are keyed, then the overlay; else the first line
 *
 * A batch is what one step of the scan gives: a row group's matches, or the
 * overlay's. The scan's own memory (decoded columns) is `scan_arena`, emptied
 * before each step, re-runs included.
 */
#include "expr/expression.h"
#include <string.h>

#include "query/flow_int.h"
#include "query/group_fold.h"
#include "query/scan_int.h"
#include "query/shown.h"

typedef struct scan_source {
  pq_operator base;
  pq_view_store *store;
  pq_arena scan_arena;
  pq_flow *flow; /* of the call, for the sink */
  pq_scan scan;
  bool is_main;
  const pq_slice *ids;
  uint32_t id_count, id_at;
  bool is_files_only; /* the ids; what the overlay has is scanned behind them */
  uint64_t limit;     /* 0: none */
  uint64_t counted;
  pq_grouping groups;
  bool shows_key;            /* documents are given an `_id` */
  bool is_bare;              /* no system field is needed: documents go out as they are stored */
  const uint8_t *names_from; /* the dictionary copied last, */
  pq_slice names;            /* and where to */
} scan_source;

enum { IDS_AT_ONCE = 1024, ARENA_KEPT_LEN = 256 << 10 };

static scan_source *source_of(pq_operator *o) {
  return (scan_source *)(void *)o;
}

/* ---- documents ---- */

/* The merged entity with only the system fields of store->system. */
static int merge_some(scan_source *s, pq_builder *b, const pq_entity *e) {
  pq_value system;
  uint32_t count;
  pq_field *fields;
  PQ_TRY(pq_entity_system(b, &s->scan_arena, e, &system));
  fields = pq_object_fields(&s->scan_arena, system, &count);
  if (fields == NULL) return s->flow->cx->code;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (!(s->store->system & (1u << i))) continue;
    if (!pq_value_is_missing(pq_object_get(e->data, fields[i].name))) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  fields = pq_object_fields(&s->scan_arena, e->data, &count);
  if (fields == NULL && pq_value_count(e->data) > 0) return s->flow->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  return pq_builder_end(b);
}

/* The document alone, copied; the dictionary once for all that follow each other with it. */
static int copy_data(scan_source *s, pq_value v, pq_value *out) {
  static const uint8_t empty[] = {1, 0, 0, 2, 0, 0}; /* a dictionary, an object */
  uint8_t *p;
  if (pq_value_is_missing(v)) { /* no field of it is needed */
    *out = (pq_value){empty, empty + 3, 3, 3};
    return PQ_OK;
  }
  *out = v;
  p = pq_arena_alloc(&s->base.arena, v.len);
  if (p == NULL) return s->flow->cx->code;
  memcpy(p, v.p, v.len);
  out->p = p;
  if (s->names_from != v.meta || s->names.n != v.meta_len) {
    PQ_TRY(pq_arena_copy(&s->base.arena, pq_value_meta(v), &s->names));
    s->names_from = v.meta;
  }
  out->meta = s->names.p;
  return PQ_OK;
}

static int make_document(scan_source *s, const pq_entity *e, pq_value *doc) {
  pq_builder *b = s->flow->eval.builder;
  if (s->shows_key && !pq_value_is_missing(e->data)) {
    pq_value shown;
    PQ_TRY(pq_shown_document(b, &s->scan_arena, e, &shown, NULL));
    return copy_data(s, shown, doc);
  }
  if (s->is_bare) return copy_data(s, e->data, doc);
  if (s->store->system == 0 && s->store->merger != NULL)
    return pq_merger_entity(s->store->merger, &s->base.arena, e, doc);
  pq_builder_clear(b);
  PQ_TRY(s->store->system == 0 ? pq_entity_merge(b, &s->scan_arena, e) : merge_some(s, b, e));
  return pq_builder_finish(b, &s->base.arena, doc);
}

/* A pq_scan_sink. */
static int take_entity(void *ud, const pq_entity *e, uint64_t count) {
  scan_source *s = ud;
  pq_value doc;
  if (s->scan.is_count) {
    s->counted += count;
    return PQ_OK;
  }
  PQ_TRY(make_document(s, e, &doc));
  PQ_TRY(pq_doc_batch_add(&s->base, s->flow, doc));
  return s->limit > 0 && s->base.seen + s->base.doc_count >= s->limit ? PQ_YIELD : PQ_OK;
}

/* ---- all that match ---- */

static int scan_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  scan_source *s = source_of(o);
  s->flow = f;
  do {
    if (s->scan.is_done) return PQ_OK;
    pq_doc_batch_clear(o);
    pq_arena_clear(&s->scan_arena);
    s->names_from = NULL;
    s->counted = 0;
    PQ_TRY(pq_scan_next(&s->scan, f->fetch, &s->scan_arena, f->eval.builder, take_entity, s));
    pq_flow_fetched(f);
    pq_arena_clear(&s->scan_arena);
    pq_arena_trim(&s->scan_arena, ARENA_KEPT_LEN);
    if (s->is_main) s->store->stats = s->scan.stats;
  } while (o->doc_count == 0 && s->counted == 0);
  *out = s->scan.is_count ? (pq_doc_batch){NULL, s->counted} : pq_doc_batch_of(o);
  o->seen += out->count;
  return PQ_OK;
}

/* ---- some ids ---- */

static int read_ids(scan_source *s, const pq_slice *ids, uint32_t count) {
  pq_arena *arena = &s->scan_arena;
  const pq_view *view = s->store->view;
  pq_location *at = pq_arena_calloc(arena, count, sizeof *at);
  pq_entity *rows = pq_arena_calloc(arena, count, sizeof *rows);
  pq_fetch *fetch = s->flow->fetch;
  if (at == NULL || rows == NULL) return s->flow->cx->code;
  PQ_TRY(pq_view_locate(view, fetch, arena, ids, count, false, at));
  PQ_TRY(pq_view_read(view, fetch, arena, at, count, PQ_WANT_ALL, rows, NULL));
  for (uint32_t i = 0; i < count; i++) {
    pq_value system = {0};
    bool is_match;
    if (rows[i].id.p == NULL || (rows[i].is_deleted && !s->store->includes_deleted)) continue;
    if (s->is_files_only && at[i].event != NULL) continue;
    s->scan.stats.rows_read += at[i].event == NULL;
    if (s->scan.filter != NULL) {
      pq_value doc = rows[i].data;
      if (!s->store->is_plain && pq_filter_uses_system(s->scan.filter))
        PQ_TRY(pq_entity_system(s->flow->eval.builder, arena, &rows[i], &system));
      if (s->store->shows_key)
        PQ_TRY(pq_shown_subject(s->scan.filter, s->flow->eval.builder, arena, &rows[i], &doc,
                                &system));
      is_match = pq_filter_match(s->scan.filter, &s->flow->eval, doc, system);
      PQ_TRY(pq_filter_status(s->scan.filter));
      if (!is_match) continue;
    }
    s->scan.stats.rows_matched++;
    PQ_TRY(take_entity(s, &rows[i], 1));
  }
  return PQ_OK;
}

static int ids_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  scan_source *s = source_of(o);
  s->flow = f;
  do {
    uint32_t left = s->id_count - s->id_at, count = left < IDS_AT_ONCE ? left : IDS_AT_ONCE;
    if (count == 0) return s->is_files_only ? scan_next(o, f, out) : PQ_OK;
    pq_doc_batch_clear(o);
    pq_arena_clear(&s->scan_arena);
    s->names_from = NULL;
    f->eval.arena = &s->scan_arena;
    PQ_TRY(read_ids(s, s->ids + s->id_at, count));
    pq_flow_fetched(f);
    s->id_at += count;
  } while (o->doc_count == 0);
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

/* ---- some keys ---- */

/* The first call decides. The overlay stands behind the last file. */
static int keys_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  scan_source *s = source_of(o);
  bool is_keyed;
  s->flow = f;
  PQ_TRY(pq_scan_is_keyed(&s->scan, f->fetch, &is_keyed));
  pq_flow_fetched(f);
  s->is_files_only = is_keyed;
  if (is_keyed) s->scan.file = s->store->view->manifest->file_count;
  o->next = is_keyed ? ids_next : scan_next;
  return o->next(o, f, out);
}

/* ---- life ---- */

static void add_stats(pq_scan_stats *sum, const pq_scan_stats *s) {
  sum->files += s->files;
  sum->files_read += s->files_read;
  sum->row_groups += s->row_groups;
  sum->rows_read += s->rows_read;
  sum->overlay_rows += s->overlay_rows;
  sum->rows_matched += s->rows_matched;
}

static void source_release(pq_operator *o, pq_flow *f) {
  scan_source *s = source_of(o);
  (void)f;
  if (!s->is_main) add_stats(&s->store->foreign, &s->scan.stats);
  pq_scan_release(&s->scan);
  pq_arena_release(&s->scan_arena);
}

/* Which fields will be looked at. */
static int set_needs(pq_scan *scan, const pq_source_want *want, pq_arena *keep) {
  pq_slice *needs;
  if (want->needs == NULL) return PQ_OK;
  needs = pq_arena_calloc(keep, (size_t)want->need_count + 1, sizeof *needs);
  if (needs == NULL) return keep->cx->code;
  for (uint32_t i = 0; i < want->need_count; i++)
    needs[i] = want->needs[i];
  scan->needs = needs;
  scan->need_count = want->need_count;
  return PQ_OK;
}

/* Does nobody look at a system field? */
static bool is_bare(const scan_source *s) {
  if (s->store->is_plain) return true;
  for (uint32_t i = 0; i < s->scan.need_count; i++)
    if (pq_is_system_field(s->scan.needs[i])) return false;
  return s->scan.needs != NULL;
}

/* Groups out of columns, as long as they take half of the memory that a stage has. */
static void set_fold(pq_scan *scan, const pq_flow *f, const pq_group_fold *fold, pq_arena *keep,
                     pq_grouping *groups) {
  if (fold == NULL) return;
  pq_grouping_init(groups, keep, fold->keys, fold->key_count, fold->items, fold->item_count);
  groups->len_max = pq_flow_memory(f) / 2;
  scan->fold = groups;
}

int pq_view_scan(const pq_view_store *store, const pq_flow *f, const pq_source_want *want,
                 pq_arena *keep, pq_grouping *groups, pq_scan *out) {
  const pq_filter *filter = want->filter;
  pq_filter *all = NULL;
  if (filter == NULL && want->ids == NULL) {
    PQ_TRY(pq_filter_parse(keep, NULL, (pq_value){0}, &all));
    filter = all;
  }
  pq_scan_init(out, store->view, want->collection, filter);
  out->includes_deleted = store->includes_deleted;
  out->is_count = want->is_count;
  out->is_plain = store->is_plain;
  out->shows_key = store->shows_key;
  out->eval = &f->eval;
  out->windows = store->windows;
  if (want->ids == NULL) set_fold(out, f, want->fold, keep, groups);
  return set_needs(out, want, keep);
}

static int open_scan(scan_source *s, pq_flow *f, const pq_source_want *want) {
  PQ_TRY(pq_view_scan(s->store, f, want, &s->base.keep, &s->groups, &s->scan));
  if (s->scan.fold != NULL) s->base.groups = &s->groups;
  s->is_bare = is_bare(s);
  s->shows_key = s->store->shows_key && s->scan.needs == NULL;
  for (uint32_t i = 0; s->store->shows_key && i < s->scan.need_count; i++)
    s->shows_key |= pq_slice_is(s->scan.needs[i], "_id");
  return PQ_OK;
}

int pq_view_open(void *ud, pq_flow *f, const pq_source_want *want, pq_operator **out) {
  pq_view_store *store = ud;
  scan_source *s;
  int rc;
  PQ_TRY(pq_operator_new(f, sizeof *s, NULL, out));
  s = source_of(*out);
  s->base.release = source_release;
  s->base.next = want->ids == NULL ? scan_next : want->is_by_key ? keys_next : ids_next;
  s->store = store;
  s->ids = want->ids;
  s->id_count = want->id_count;
  s->limit = want->limit;
  s->is_main = !store->has_main;
  pq_arena_init(&s->scan_arena, f->cx, f->cx->limits.op_len_max);
  rc = open_scan(s, f, want);
  if (rc == PQ_OK) {
    store->has_main = true;
    return PQ_OK;
  }
  pq_operator_free(*out, f);
  *out = NULL;
  return rc;
}
