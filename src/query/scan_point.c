/* query/scan_point.c - a filter that fixes the id: entities are looked up instead of scanned for.
 *
 *   {"_id": 5, "n": {"$gt": 1}}
 *      AND ─┬─ TERM _id = 5 ─► ids ─► pq_view_locate ─► pq_view_read ─► the whole filter ─► sink
 *           └─ …                 └──► the overlay's versions of these ids
 *
 * `$id` is the id itself. A value of `_id` gives one where the file is keyed (shred/key_id.h);
 * where one file of the collection is not, or a value is none that ids are made of, the scan goes
 * on as for any filter, and prune_key.c finds rows by the column $id in the files that are keyed.
 * Look-ups are for a few ids: bloom filters and pages that were decoded are asked of them.
 */
#include <string.h>

#include "base/slices.h"
#include "query/scan_int.h"
#include "shred/key_id.h"

/* ---- which ids ---- */

/* Is it an id of the collection? No other entity of it has another. */
static bool is_of_collection(pq_slice collection, pq_slice id) {
  return id.n > collection.n + 1 && memcmp(id.p, collection.p, collection.n) == 0 &&
         id.p[collection.n] == '/';
}

int pq_ids_of_term(pq_arena *arena, pq_slice collection, const pq_push *term, pq_slice **out,
                   uint32_t *count) {
  bool is_key = pq_slice_is(term->path->text, "_id");
  pq_slice *ids = pq_arena_calloc(arena, 2 * (size_t)term->operand_count + 1, sizeof *ids);
  uint32_t n = 0;
  *out = NULL;
  *count = 0;
  if (ids == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < term->operand_count; i++) {
    pq_value v = term->operands[i];
    if (is_key) {
      PQ_TRY(pq_id_of_key(arena, collection, v, &ids[n]));
      if (ids[n++].n == 0) return PQ_OK; /* perhaps it is that of any entity */
      PQ_TRY(pq_id_shown_as(arena, collection, v, &ids[n]));
      n += ids[n].n > 0;
    } else if (pq_value_string(v, &ids[n]) && is_of_collection(collection, ids[n])) {
      n++;
    }
  }
  PQ_TRY(pq_slices_sort(arena->cx, ids, &n));
  *out = ids;
  *count = n;
  return PQ_OK;
}

/* The term that every match satisfies and that fixes the id. Nested as deep as the filter. */
static const pq_push *find_term(const pq_scan *s, const pq_push *push) {
  const pq_push *found = NULL;
  bool is_equality = push->op == PQ_PUSH_EQ || push->op == PQ_PUSH_IN;
  if (push->kind == PQ_PUSH_AND)
    for (uint32_t i = 0; i < push->kid_count && found == NULL; i++)
      found = find_term(s, &push->kids[i]);
  if (push->kind != PQ_PUSH_TERM || !is_equality || push->is_folded) return found;
  if (push->operand_count > PQ_POINTS_MAX) return NULL;
  if (pq_slice_is(push->path->text, "_id")) return push;
  return pq_slice_is(push->path->text, "$id") && !s->is_plain ? push : NULL;
}

/* Is nothing asked but that? */
static bool is_alone(const pq_push *push, const pq_push *term) {
  while (push->kind == PQ_PUSH_AND && push->kid_count == 1)
    push = &push->kids[0];
  return push == term;
}

int pq_points_find(const pq_scan *s, pq_arena *scratch, pq_points *out) {
  const pq_push *root, *term;
  *out = (pq_points){0};
  if (s->filter == NULL) return PQ_OK;
  PQ_TRY(pq_filter_pushdown(s->filter, scratch, &root));
  term = find_term(s, root);
  if (term == NULL) return PQ_OK;
  out->is_key = pq_slice_is(term->path->text, "_id");
  out->is_decided = !out->is_key && is_alone(root, term);
  PQ_TRY(pq_ids_of_term(scratch, s->collection, term, &out->ids, &out->count));
  out->is_found = out->ids != NULL && out->count <= PQ_POINTS_MAX;
  return PQ_OK;
}

int pq_scan_is_keyed(const pq_scan *s, pq_fetch *f, bool *is_keyed) {
  const pq_manifest *m = s->view->manifest;
  bool is_missing = false;
  *is_keyed = true;
  for (uint32_t i = pq_scan_next_file(s, 0); i < m->file_count; i = pq_scan_next_file(s, i + 1)) {
    pq_cached_file *file;
    int rc = pq_file_cache_open(s->view->files, f, &m->files[i], &file);
    PQ_TRY(pq_note_missing(rc, &is_missing));
    if (rc == PQ_OK) *is_keyed &= pq_file_is_keyed(file->file.footer);
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

int pq_points_open(const pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_points *out) {
  uint64_t requests = f->stat_requests, bytes = f->stat_bytes;
  int rc = PQ_OK;
  PQ_TRY(pq_points_find(s, scratch, out));
  if (!out->is_found || !out->is_key) return PQ_OK;
  rc = pq_scan_is_keyed(s, f, &out->is_found);
  f->kept_requests += f->stat_requests - requests; /* footers */
  f->kept_bytes += f->stat_bytes - bytes;
  return rc;
}

unsigned pq_points_wanted(const pq_scan *s, const pq_points *p) {
  unsigned want = PQ_WANT_ID | PQ_WANT_DELETED;
  if (!s->is_count) want |= pq_scan_wanted(s);
  if (p->is_decided) return want;
  if (!s->is_plain && pq_filter_uses_system(s->filter)) return PQ_WANT_ALL;
  return want | PQ_WANT_DATA;
}

/* ---- the rows ---- */

/* The order of a scan: file after file, in each by id. */
static void order_by_file(const pq_location *at, uint32_t count, uint32_t *order) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t k = i;
    for (; k > 0 && at[order[k - 1]].info > at[i].info; k--)
      order[k] = order[k - 1];
    order[k] = i;
  }
}

static int emit_row(pq_scan *s, pq_arena *scratch, pq_builder *builder, const pq_points *p,
                    const pq_entity *e, bool *is_match) {
  *is_match = false;
  if (e->id.p == NULL) return PQ_OK;
  s->stats.rows_read++;
  s->stats.is_metadata_only = false;
  if (e->is_deleted && !s->includes_deleted) return PQ_OK;
  *is_match = p->is_decided;
  if (!p->is_decided) PQ_TRY(pq_scan_match(s, builder, scratch, e, is_match));
  s->stats.rows_matched += *is_match;
  return PQ_OK;
}

int pq_scan_points(pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_builder *builder,
                   pq_scan_sink sink, void *ud, bool *is_point) {
  pq_points p;
  pq_location at[PQ_POINTS_MAX];
  pq_entity rows[PQ_POINTS_MAX];
  uint32_t order[PQ_POINTS_MAX];
  int rc = PQ_OK;
  *is_point = false;
  PQ_TRY(pq_points_open(s, f, scratch, &p));
  if (!p.is_found) return PQ_OK;
  PQ_TRY(pq_view_locate(s->view, f, scratch, p.ids, p.count, false, at));
  for (uint32_t i = 0; i < p.count; i++)
    if (at[i].event != NULL) at[i] = (pq_location){0}; /* the overlay comes last */
  PQ_TRY(pq_view_read(s->view, f, scratch, at, p.count, pq_points_wanted(s, &p), rows, NULL));
  *is_point = true;
  s->stats.is_point = true;
  order_by_file(at, p.count, order);
  for (uint32_t i = 0; i < p.count && rc == PQ_OK; i++) {
    bool is_match;
    PQ_TRY(emit_row(s, scratch, builder, &p, &rows[order[i]], &is_match));
    s->at = at[order[i]];
    if (is_match) rc = sink(ud, &rows[order[i]], 1);
  }
  if (rc < 0) return rc;
  s->is_enough = s->is_done = rc == PQ_YIELD;
  s->file = s->view->manifest->file_count;
  s->row_group = 0;
  return PQ_OK;
}
