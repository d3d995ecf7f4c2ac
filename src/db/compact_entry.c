/* db/compact_entry.c - the end of a compaction: what came meanwhile, what is removed. See
 * compact_int.h.
 *
 *   deletes at the beginning   d1 d2       rows left out of the outputs
 *   deletes now                d1 d2 d3    d3 names rows of inputs: they get the rows of outputs
 *   the tail                   e7 e8 e9    where they replace rows of inputs, the same: a scan
 * would have to compare ids until the next flush
 *
 * A delete file whose positions all lie in files that are gone has done its work and is removed.
 * Where many are left they become one.
 */
#include <string.h>

#include "db/compact_int.h"

static bool is_removed(const pq_flush *f, pq_slice name) {
  for (uint32_t i = 0; i < f->remove_count; i++)
    if (pq_slice_is(name, f->remove[i])) return true;
  return false;
}

static bool is_live_now(const pq_flush *f, pq_slice name) {
  const pq_view *v = &f->compaction->now.view;
  const pq_file_info *info = pq_manifest_file(v->manifest, name);
  return info != NULL && pq_file_is_live(info, v->entry);
}

static bool was_known(const pq_flush *f, const pq_cached_file *deletes) {
  const pq_view *v = &f->snapshot.view;
  for (uint32_t d = 0; d < v->delete_count; d++)
    if (v->deletes[d] == deletes) return true;
  return false;
}

/* A forward file takes its segment with it. */
static void add_segment(pq_flush *f, const char *name) {
  const pq_manifest *m = f->compaction->now.view.manifest;
  const pq_file_info *segment = pq_manifest_segment(m, pq_manifest_file(m, pq_str(name)));
  if (segment != NULL) f->remove[f->remove_count++] = segment->name;
}

/* The inputs, in f->remove; they must still be live. */
static int list_inputs(pq_flush *f, pq_op *op) {
  const pq_compaction *p = f->compaction;
  uint32_t count = p->now.view.delete_count;
  for (uint32_t j = 0; j < p->job_count; j++)
    count += 2 * p->jobs[j].input_count; /* and segments */
  f->remove = pq_arena_calloc(&op->arena, count, sizeof *f->remove);
  if (f->remove == NULL) return op->cx->code;
  f->remove_count = 0;
  for (uint32_t j = 0; j < p->job_count; j++)
    for (uint32_t i = 0; i < p->jobs[j].input_count; i++) {
      const char *name = p->jobs[j].inputs[i].info.name;
      if (!is_live_now(f, pq_str(name)))
        return pq_fail(op->cx, PQ_EBUSY, "%s was removed while it was being compacted", name);
      f->remove[f->remove_count++] = name;
      if (p->jobs[j].kind == PQ_FILE_FORWARD) add_segment(f, name);
    }
  return PQ_OK;
}

/* The input that has this name, and its job. */
static const pq_compact_input *find_input(const pq_flush *f, pq_slice name,
                                          const pq_compact_job **job) {
  const pq_compaction *p = f->compaction;
  for (uint32_t j = 0; j < p->job_count; j++)
    for (uint32_t i = 0; i < p->jobs[j].input_count; i++) {
      *job = &p->jobs[j];
      if (pq_slice_is(name, p->jobs[j].inputs[i].info.name)) return &p->jobs[j].inputs[i];
    }
  return NULL;
}

/* The file and the row that a row of an input has become; false: it was dead before, or places were
 * not kept. */
static bool place_of(const pq_flush *f, const pq_compact_job *job, const pq_compact_input *in,
                     uint64_t row, pq_position *out) {
  const pq_compact_output *o = job->outputs;
  uint32_t i = 0;
  if (job->places == NULL || row >= in->info.row_count) return false;
  row = job->places[in->first_place + row];
  if (row-- == 0) return false;
  while (i + 1 < job->output_count && o[i + 1].first_row <= row)
    i++;
  pq_assert(i < job->output_count && o[i].first_row <= row);
  *out = (pq_position){pq_str(f->files[o[i].file].info.name), row - o[i].first_row};
  return true;
}

/* A row of an input was deleted meanwhile: delete the row of the output. */
static int move_delete(pq_flush *f, pq_op *op, const pq_position *at) {
  const pq_compact_job *job = NULL;
  const pq_compact_input *in = find_input(f, at->file, &job);
  pq_position to;
  if (in == NULL) return PQ_OK;
  if (job->places == NULL)
    return pq_fail(op->cx, PQ_EBUSY, "rows of %s were deleted while it was being compacted",
                   in->info.name);
  return place_of(f, job, in, at->row, &to) ? pq_flush_delete(f, op, to.file, to.row) : PQ_OK;
}

static bool is_needed(const pq_flush *f, const pq_cached_file *deletes) {
  for (uint32_t i = 0; i < deletes->position_count; i++) {
    pq_slice name = deletes->positions[i].file;
    bool is_same = i > 0 && pq_slice_eq(name, deletes->positions[i - 1].file);
    if (!is_same && is_live_now(f, name) && !is_removed(f, name)) return true;
  }
  return false;
}

/* Positions that still count. */
static int take_positions(pq_flush *f, pq_op *op, const pq_cached_file *deletes) {
  bool is_counting = false;
  for (uint32_t i = 0; i < deletes->position_count; i++) {
    const pq_position *at = &deletes->positions[i];
    if (i == 0 || !pq_slice_eq(at->file, deletes->positions[i - 1].file))
      is_counting = is_live_now(f, at->file) && !is_removed(f, at->file);
    if (is_counting) PQ_TRY(pq_flush_delete(f, op, at->file, at->row));
  }
  return PQ_OK;
}

/* Moved deletes; delete files that are not needed, or that become one. */
static int list_deletes(pq_flush *f, pq_op *op) {
  const pq_view *v = &f->compaction->now.view;
  uint32_t inputs = f->remove_count, needed = 0;
  bool is_merging;
  f->delete_count = 0;
  for (uint32_t d = 0; d < v->delete_count; d++) {
    for (uint32_t i = 0; !was_known(f, v->deletes[d]) && i < v->deletes[d]->position_count; i++)
      PQ_TRY(move_delete(f, op, &v->deletes[d]->positions[i]));
    needed += is_needed(f, v->deletes[d]);
  }
  is_merging = pq_compact_merges_deletes(f, v) && needed > 1;
  for (uint32_t d = 0; d < v->delete_count; d++) {
    bool stays = !is_merging && is_needed(f, v->deletes[d]);
    if (is_merging) {
      uint32_t count = f->remove_count;
      f->remove_count = inputs; /* names of delete files are no names of data */
      PQ_TRY(take_positions(f, op, v->deletes[d]));
      f->remove_count = count;
    }
    if (!stays) f->remove[f->remove_count++] = (const char *)v->deletes[d]->name.p;
  }
  return PQ_OK;
}

static int add_deletes(pq_flush *f, pq_op *op) {
  pq_file_info info = {.kind = PQ_FILE_DELETES};
  pq_writer *writer;
  if (f->delete_count == 0) return PQ_OK;
  PQ_TRY(pq_delete_file_write(op->cx, f->deletes, f->delete_count, &writer));
  info.row_count = f->delete_count;
  return pq_flush_add_file(f, op, "deletes", info, writer);
}

/* Deletes were written for an entry that another one came before of. */
static void forget_deletes(pq_flush *f) {
  while (f->file_count > f->compaction->output_count)
    pq_writer_free(f->files[--f->file_count].writer);
}

/* The set of columns has grown by a flush: ours is not a continuation of it. */
static int check_columns(pq_flush *f, pq_op *op) {
  for (uint32_t i = 0; i < f->collection_count; i++) {
    const pq_collection_info *mine = &f->collections[i];
    const pq_collection_info *now = pq_manifest_collection(&f->space->manifest, mine->name);
    if (now->index_count >= mine->index_count)
      return pq_fail(op->cx, PQ_EBUSY, "collection '%.*s' got columns while it was being compacted",
                     (int)mine->name.n, (const char *)mine->name.p);
  }
  return PQ_OK;
}

int pq_compact_stage_entry(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compaction *p = f->compaction;
  const pq_manifest *m = &f->space->manifest;
  pq_snapshot now = {0};
  PQ_TRY(pq_snapshot_open(&now, f->space, op, (pq_as_of){0}, true));
  pq_snapshot_let_tail_go(&now);
  pq_snapshot_close(&p->now);
  p->now = now;
  forget_deletes(f);
  PQ_TRY(list_inputs(f, op));
  PQ_TRY(list_deletes(f, op));
  PQ_TRY(add_deletes(f, op));
  PQ_TRY(check_columns(f, op));
  f->base = m->entry;
  f->seq_hi = m->seq_hi;
  f->ts_hi = m->ts_hi;
  f->recheck = pq_compact_stage_entry;
  op->stage = pq_flush_stage_put_files;
  return PQ_OK;
}

/* ---- hints of the tail ---- */

/* An event of the tail changes a row of an input: its hint becomes that of the output. */
static void move_hint(void *ud, pq_event *e) {
  const pq_flush *f = ud;
  const pq_compact_job *job;
  const pq_compact_input *in = e->where_file.n == 0 ? NULL : find_input(f, e->where_file, &job);
  pq_position to;
  if (in == NULL || !place_of(f, job, in, e->where_row, &to)) return;
  e->where_file = pq_str(pq_manifest_file(&f->space->manifest, to.file)->name);
  e->where_row = to.row;
}

static bool has_hints(const pq_flush *f, const pq_overlay *o) {
  const pq_compact_job *job;
  for (uint32_t i = 0; i < o->files.count; i++) {
    const pq_overlay_chain *chain = &o->files.items[i];
    if (chain->head == PQ_NONE) continue;
    if (find_input(f, o->versions[o->keys[chain->head].first].event.where_file, &job) != NULL)
      return true;
  }
  return false;
}

int pq_compact_move_hints(pq_flush *f, pq_op *op) {
  pq_space *s = f->space;
  pq_overlay *next;
  int rc;
  if (!has_hints(f, s->overlay)) return PQ_OK;
  next = pq_alloc(op->cx, NULL, 0, sizeof *next);
  if (next == NULL) return pq_fail_nomem(op->cx);
  pq_overlay_init(next, op->cx);
  next->place = move_hint;
  next->place_ud = f;
  rc = pq_overlay_copy(next, s->overlay);
  next->place = NULL;
  if (rc == PQ_OK) rc = pq_space_replace_overlay(s, next);
  if (rc == PQ_OK) return rc;
  pq_overlay_release(next);
  pq_alloc(op->cx, next, sizeof *next, 0);
  return rc;
}
