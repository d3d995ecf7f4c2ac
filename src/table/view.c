/* table/view.c - see view.h: delete files, what the overlay hides, documents in the view's form. */
#include "table/view.h"

#include "table/tail.h"

int pq_view_load(pq_view *v, pq_fetch *f, pq_arena *arena, pq_arena *scratch) {
  const pq_live_list *live;
  bool is_missing = false;
  pq_cached_file **deletes;
  PQ_TRY(pq_live_files_of(&v->files->live, v->manifest, v->entry, &live));
  deletes = pq_arena_calloc(scratch, live->delete_count, sizeof *deletes);
  if (deletes == NULL) return v->cx->code;
  for (uint32_t i = 0; i < live->delete_count; i++) {
    const pq_file_info *info = &v->manifest->files[live->data[live->data_count + i]];
    int rc = pq_file_cache_positions(v->files, f, scratch, info, &deletes[i]);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  v->deletes = pq_arena_calloc(arena, live->delete_count, sizeof *deletes);
  if (v->deletes == NULL) return v->cx->code;
  for (uint32_t i = 0; i < live->delete_count; i++)
    v->deletes[i] = deletes[i];
  v->delete_count = live->delete_count;
  return PQ_OK;
}

/* The positions of a file in a delete file; NULL: there are none. */
static const pq_position_span *span_of(const pq_cached_file *d, pq_slice file) {
  uint32_t lo = 0, hi = d->span_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    int c = pq_slice_cmp(d->spans[mid].file, file);
    if (c == 0) return &d->spans[mid];
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return NULL;
}

/* Index of the first position of a span at or behind the row. */
static uint32_t lower_bound(const pq_cached_file *d, const pq_position_span *span, uint64_t row) {
  uint32_t lo = span->first, hi = span->end;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (d->positions[mid].row < row)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

bool pq_view_is_deleted(const pq_view *v, pq_slice file, uint64_t row) {
  for (uint32_t i = 0; i < v->delete_count; i++) {
    const pq_cached_file *d = v->deletes[i];
    const pq_position_span *span = span_of(d, file);
    uint32_t at = span == NULL ? 0 : lower_bound(d, span, row);
    if (span != NULL && at < span->end && d->positions[at].row == row) return true;
  }
  return false;
}

void pq_view_mark_deleted(const pq_view *v, pq_slice file, uint64_t first, uint32_t count,
                          uint8_t *hidden) {
  for (uint32_t i = 0; i < v->delete_count; i++) {
    const pq_cached_file *d = v->deletes[i];
    const pq_position_span *span = span_of(d, file);
    uint32_t at = span == NULL ? 0 : lower_bound(d, span, first);
    for (; span != NULL && at < span->end && d->positions[at].row - first < count; at++)
      hidden[d->positions[at].row - first] = 1;
  }
}

bool pq_view_hint_is_valid(const pq_view *v, const pq_event *e) {
  const pq_file_info *info;
  if (e->where_file.n == 0) return false;
  info = pq_manifest_file(v->manifest, e->where_file);
  return info != NULL && pq_view_has_file(v, info);
}

void pq_view_mark_overlay(const pq_view *v, pq_slice file, uint64_t first, uint32_t count,
                          uint8_t *hidden) {
  pq_tail_walk w = pq_tail_begin(v, PQ_TAIL_FILE, file);
  const pq_event *e;
  while ((e = pq_tail_next_first(&w)) != NULL)
    if (e->where_row >= first && e->where_row - first < count) hidden[e->where_row - first] = 1;
}

bool pq_view_hides_rows(const pq_view *v, pq_slice file) {
  pq_tail_walk w = pq_tail_begin(v, PQ_TAIL_FILE, file);
  for (uint32_t i = 0; i < v->delete_count; i++)
    if (span_of(v->deletes[i], file) != NULL) return true;
  return pq_tail_next_first(&w) != NULL;
}

/* Does an event of the layer change a row of the collection, in a file that the view lacks or at a
 * place that nobody noted? A chain's first events are in order. */
static bool has_unresolved(const pq_view *v, const pq_overlay *layer, uint64_t seq,
                           pq_slice collection) {
  for (uint32_t i = 0; layer != NULL && i < layer->files.count; i++) {
    uint32_t k = layer->files.items[i].head;
    pq_slice of, local;
    if (k == PQ_NONE) continue; /* memory ended before its first key */
    if (pq_view_hint_is_valid(v, &layer->versions[layer->keys[k].first].event)) continue;
    for (; k != PQ_NONE; k = layer->keys[k].next_to) {
      const pq_event *e = &layer->versions[layer->keys[k].first].event;
      if (e->seq > seq) break;
      if (e->version > 1 && pq_id_split(e->id, &of, &local) && pq_slice_eq(of, collection))
        return true;
    }
  }
  return false;
}

bool pq_view_has_unresolved(const pq_view *v, pq_slice collection) {
  return has_unresolved(v, v->overlay, v->seq, collection) ||
         has_unresolved(v, v->own, v->own_seq, collection);
}

bool pq_event_entity(const pq_event *e, pq_entity *out) {
  *out = (pq_entity){.id = e->id,
                     .type = e->type,
                     .created_at = e->created_at,
                     .updated_at = e->ts,
                     .created_by = e->created_by,
                     .updated_by = e->actor,
                     .version = e->version,
                     .is_deleted = e->op == PQ_EVENT_DELETE,
                     .data = e->after};
  return !pq_value_is_missing(e->after);
}

/* The plan from the form of seq `from` to the view's. */
static int plan_of(const pq_view *v, pq_arena *arena, pq_slice collection, uint64_t from,
                   const pq_upgrade **out) {
  pq_form_source s = {v->manifest, v->overlay, collection};
  return pq_forms_plan(&v->files->forms, arena, &s, from, v->seq, out);
}

int pq_view_file_form(const pq_view *v, pq_arena *arena, const pq_file_info *info,
                      const pq_upgrade **out) {
  return plan_of(v, arena, info->collection, pq_file_form_seq(v->manifest, info), out);
}

pq_slice pq_view_name_field(const pq_view *v, pq_slice collection) {
  pq_schema_at schema;
  pq_schema_at_seq(&(pq_form_source){v->manifest, v->overlay, collection}, v->seq, &schema);
  return pq_schema_name_field(&schema);
}

bool pq_view_has_other_names(const pq_view *v, const pq_file_info *info) {
  pq_form_source s = {v->manifest, v->overlay, info->collection};
  pq_schema_at of_file, of_view;
  pq_schema_at_seq(&s, pq_file_form_seq(v->manifest, info), &of_file);
  pq_schema_at_seq(&s, v->seq, &of_view);
  return !pq_slice_eq(pq_schema_name_field(&of_file), pq_schema_name_field(&of_view));
}

int pq_view_bring(const pq_view *v, pq_arena *arena, const pq_upgrade *plan, pq_value *doc) {
  return pq_forms_apply(&v->files->forms, plan, arena, doc);
}

void pq_view_form_of(const pq_view *v, pq_slice collection, pq_view_form *out) {
  pq_schema_at schema;
  pq_schema_at_seq(&(pq_form_source){v->manifest, v->overlay, collection}, v->seq, &schema);
  *out = (pq_view_form){collection, .has_schema = schema.version != 0, .seq = schema.seq};
  out->name_field = pq_schema_name_field(&schema);
}

int pq_view_entity_of(const pq_view *v, const pq_view_form *form, pq_arena *arena,
                      const pq_event *e, pq_entity *out, bool *is_there) {
  const pq_upgrade *plan;
  *is_there = pq_event_entity(e, out);
  if (!*is_there || !form->has_schema) return PQ_OK; /* of most events nothing else is asked */
  out->name_field = form->name_field;
  /* A transaction writes in the form of its snapshot; its events have no place in the order yet. */
  if (e->seq >= form->seq) return PQ_OK;
  PQ_TRY(plan_of(v, arena, form->collection, e->seq, &plan));
  return pq_view_bring(v, arena, plan, &out->data);
}

int pq_view_entity(const pq_view *v, pq_arena *arena, const pq_event *e, pq_entity *out,
                   bool *is_there) {
  pq_slice collection, local;
  pq_view_form form = {0};
  if (pq_id_split(e->id, &collection, &local)) pq_view_form_of(v, collection, &form);
  return pq_view_entity_of(v, &form, arena, e, out, is_there);
}
