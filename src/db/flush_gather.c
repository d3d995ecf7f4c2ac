/* db/flush_gather.c - first part of a flush: the rows that the tail replaces. See flush.h.
 *
 * An entity or edge with version > 1 at its first event in the tail may have a row in a file. What
 * that said becomes `before` of those first events, its position a position delete: of entities
 * in flush_before.c, of edges here. No `where` hint is needed or trusted.
 */
#include <string.h>

#include "base/slices.h"
#include "db/flush_int.h"

int pq_flush_delete(pq_flush *f, pq_op *op, pq_slice file, uint64_t row) {
  if (f->delete_count == f->delete_cap) {
    uint32_t cap = f->delete_cap == 0 ? 64 : f->delete_cap * 2;
    pq_position *deletes = pq_arena_calloc(&op->arena, cap, sizeof *deletes);
    if (deletes == NULL) return op->cx->code;
    if (f->delete_count > 0) memcpy(deletes, f->deletes, f->delete_count * sizeof *deletes);
    f->deletes = deletes;
    f->delete_cap = cap;
  }
  f->deletes[f->delete_count++] = (pq_position){file, row};
  return PQ_OK;
}

/* The ids whose old rows must be found: entities, and the ends of edges. */
static int list_changed(pq_flush *f, pq_op *op) {
  const pq_overlay *o = f->overlay;
  f->ids = pq_arena_calloc(&op->arena, o->key_count, sizeof *f->ids);
  f->from_ids = pq_arena_calloc(&op->arena, o->key_count, sizeof *f->from_ids);
  f->to_ids = pq_arena_calloc(&op->arena, o->key_count, sizeof *f->to_ids);
  if (f->ids == NULL || f->from_ids == NULL || f->to_ids == NULL) return op->cx->code;
  for (uint32_t k = 0; k < o->key_count; k++) {
    const pq_event *e = &o->versions[o->keys[k].first].event;
    if (e->version <= 1 || e->seq > f->seq_hi) continue;
    if (e->target == PQ_TARGET_ENTITY) f->ids[f->id_count++] = e->id;
    if (e->target == PQ_TARGET_REL) f->from_ids[f->from_count++] = e->id;
    if (e->target == PQ_TARGET_REL) f->to_ids[f->to_count++] = e->to_id;
  }
  PQ_TRY(pq_slices_sort(op->cx, f->ids, &f->id_count));
  PQ_TRY(pq_slices_sort(op->cx, f->from_ids, &f->from_count));
  return pq_slices_sort(op->cx, f->to_ids, &f->to_count);
}

/* The edge ends that the tail does not know: their names come from files. */
static int list_ends(pq_flush *f, pq_op *op) {
  const pq_overlay *o = f->overlay;
  uint32_t cap = 0;
  for (uint32_t k = 0; k < o->key_count; k++)
    cap += o->keys[k].target == PQ_TARGET_REL ? 2 : 0;
  f->end_ids = pq_arena_calloc(&op->arena, cap, sizeof *f->end_ids);
  if (f->end_ids == NULL) return op->cx->code;
  for (uint32_t k = 0; k < o->key_count; k++) {
    const pq_event *e = pq_overlay_at(o, k, f->seq_hi);
    if (e == NULL || e->target != PQ_TARGET_REL || e->op == PQ_EVENT_DELETE) continue;
    if (pq_overlay_entity(o, e->id, f->seq_hi) == NULL) f->end_ids[f->end_count++] = e->id;
    if (pq_overlay_entity(o, e->to_id, f->seq_hi) == NULL) f->end_ids[f->end_count++] = e->to_id;
  }
  PQ_TRY(pq_slices_sort(op->cx, f->end_ids, &f->end_count));
  f->end_names = pq_arena_calloc(&op->arena, f->end_count, sizeof *f->end_names);
  f->end_types = pq_arena_calloc(&op->arena, f->end_count, sizeof *f->end_types);
  return f->end_names == NULL || f->end_types == NULL ? op->cx->code : PQ_OK;
}

int pq_flush_keep(pq_op *op, pq_value *v) {
  pq_event e = {.after = *v};
  PQ_TRY(pq_event_keep(&op->arena, &e));
  *v = e.after;
  return PQ_OK;
}

static int stage_end_names(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_location *at = pq_arena_calloc(&op->scratch, f->end_count, sizeof *at);
  pq_entity *rows = pq_arena_calloc(&op->scratch, f->end_count, sizeof *rows);
  pq_slice *names = pq_arena_calloc(&op->scratch, f->end_count, sizeof *names);
  if (at == NULL || rows == NULL || names == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(&f->snapshot.view, &op->fetch, &op->scratch, f->end_ids, f->end_count, true,
                        at));
  PQ_TRY(pq_view_read(&f->snapshot.view, &op->fetch, &op->scratch, at, f->end_count,
                      PQ_WANT_NAME | PQ_WANT_SYSTEM, rows, names));
  for (uint32_t i = 0; i < f->end_count; i++) {
    if (at[i].info == NULL) continue;
    PQ_TRY(pq_arena_copy(&op->arena, names[i], &f->end_names[i]));
    PQ_TRY(pq_arena_copy(&op->arena, rows[i].type, &f->end_types[i]));
  }
  op->stage = pq_flush_stage_encode;
  return PQ_OK;
}

/* Position deletes for the rows of changed edges in the reverse files. */
static int stage_reverse(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_edge_query q = {
      .nodes = f->to_ids, .node_count = f->to_count, .is_reverse = true, .is_files_only = true};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&f->snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  for (uint32_t i = 0; i < count; i++)
    if (pq_overlay_edge(f->overlay, edges[i].from_id, edges[i].predicate, edges[i].to_id,
                        f->seq_hi) != NULL)
      PQ_TRY(pq_flush_delete(f, op, pq_str(edges[i].info->name), edges[i].row));
  PQ_TRY(list_ends(f, op));
  op->stage = stage_end_names;
  return PQ_OK;
}

int pq_flush_stage_edges(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_edge_query q = {
      .nodes = f->from_ids, .node_count = f->from_count, .is_files_only = true, .needs_data = true};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&f->snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  f->old_edges = pq_arena_calloc(&op->arena, count, sizeof *f->old_edges);
  if (f->old_edges == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_edge e = edges[i];
    if (pq_overlay_edge(f->overlay, e.from_id, e.predicate, e.to_id, f->seq_hi) == NULL) continue;
    PQ_TRY(pq_flush_delete(f, op, pq_str(e.info->name), e.row));
    PQ_TRY(pq_arena_copy(&op->arena, e.from_id, &e.from_id));
    PQ_TRY(pq_arena_copy(&op->arena, e.predicate, &e.predicate));
    PQ_TRY(pq_arena_copy(&op->arena, e.to_id, &e.to_id));
    PQ_TRY(pq_flush_keep(op, &e.data));
    f->old_edges[f->old_edge_count++] = e;
  }
  op->stage = stage_reverse;
  return PQ_OK;
}

int pq_flush_stage_open(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  PQ_TRY(pq_snapshot_open(&f->snapshot, f->space, op, (pq_as_of){0}, true));
  f->base = f->snapshot.view.entry;
  PQ_TRY(list_changed(f, op));
  op->stage = pq_flush_stage_before;
  return PQ_OK;
}

void pq_flush_begin(pq_flush *f, pq_space *space, pq_op *op, bool is_whole) {
  pq_overlay *o = space->overlay;
  *f = (pq_flush){.space = space,
                  .overlay = o,
                  .event_count = o->version_count,
                  .seq_hi = space->seq,
                  .ts_hi = space->ts,
                  .is_whole = is_whole};
  pq_flush_bound(f);
  op->sub = f;
  op->stage = f->event_count == 0 && !f->adopts ? NULL : pq_flush_stage_open;
}

void pq_flush_cut(pq_flush *f, uint32_t halvings) {
  const pq_overlay *o = f->overlay;
  uint64_t wanted = f->event_count >> halvings, seq_hi = 0;
  uint32_t count = 0;
  if (halvings == 0 || f->adopts) return;
  for (uint32_t i = 0; i < o->batch_count && (count == 0 || count < wanted); i++) {
    uint64_t last = o->batches[i].seq_lo + o->batches[i].count - 1;
    uint32_t n = pq_overlay_count(o, last);
    if (n >= f->event_count) break; /* that is all of it */
    seq_hi = last;
    count = n;
  }
  if (count == 0) return;
  f->seq_hi = seq_hi;
  f->ts_hi = o->versions[count - 1].event.ts;
  f->event_count = count;
}

void pq_flush_release(pq_flush *f) {
  pq_flush_release_tasks(f);
  pq_compact_release(f);
  for (uint32_t i = 0; i < f->file_count; i++)
    pq_writer_free(f->files[i].writer);
  pq_buf_release(&f->text);
  pq_snapshot_close(&f->snapshot);
  *f = (pq_flush){0};
}
