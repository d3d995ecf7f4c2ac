/* db/compact.c - many files of a table become one, without the rows that are deleted. See flush.h.
 *
 *   jobs:  each collection, forward edges, reverse edges; those with one file and no deletes are
 *          left alone
 *   job:   read its row groups, one a stage ─► drop deleted rows ─► sort ─► one new file
 *   end:   one log entry: new files added, old ones removed, delete files that only touch removed
 *          files removed too
 *
 * The old files stay in the store: the manifest of an older entry still names them, so every past
 * instant reads as before.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "db/flush_int.h"
#include "db/schema_of.h"

enum { EDGES_FILE = 4 << 20 }; /* rows */

typedef struct pq_compact_job {
  pq_file_kind kind;
  pq_slice collection;
  const pq_file_info **files;
  uint32_t file_count;
} pq_compact_job;

/* Rows read so far of the running job; one of the two arrays is used. */
typedef struct pq_compact_rows {
  pq_entity *entities;
  pq_edge *edges;
  uint32_t count, cap;
} pq_compact_rows;

static int stage_next_job(pq_op *op);

/* ---- what to rewrite ---- */

static bool has_deletes(const pq_flush *f, const pq_file_info *info) {
  const pq_view *v = &f->snapshot.view;
  for (uint32_t d = 0; d < v->delete_count; d++)
    for (uint32_t i = 0; i < v->deletes[d]->position_count; i++)
      if (pq_slice_is(v->deletes[d]->positions[i].file, info->name)) return true;
  return false;
}

/* Add a job for the live files of a kind (and collection) if there is anything to gain. */
static int add_job(pq_flush *f, pq_op *op, pq_file_kind kind, pq_slice collection) {
  const pq_manifest *m = f->snapshot.view.manifest;
  pq_compact_job *job = &f->jobs[f->job_count];
  bool is_useful = false;
  *job = (pq_compact_job){.kind = kind, .collection = collection};
  job->files = pq_arena_calloc(&op->arena, m->file_count, sizeof *job->files);
  if (job->files == NULL) return op->cx->code;
  for (uint32_t i = 0; i < m->file_count; i++) {
    const pq_file_info *info = &m->files[i];
    if (info->kind != kind || !pq_file_is_live(info, f->snapshot.view.entry)) continue;
    if (kind == PQ_FILE_DATA && !pq_slice_eq(info->collection, collection)) continue;
    job->files[job->file_count++] = info;
    is_useful |= has_deletes(f, info);
  }
  if (job->file_count > 1 || is_useful) f->job_count++;
  return PQ_OK;
}

static int plan_jobs(pq_flush *f, pq_op *op) {
  const pq_manifest *m = f->snapshot.view.manifest;
  f->jobs = pq_arena_calloc(&op->arena, (size_t)m->collection_count + 2, sizeof *f->jobs);
  f->rows = pq_arena_calloc(&op->arena, 1, sizeof *f->rows);
  f->remove = pq_arena_calloc(&op->arena, m->file_count, sizeof *f->remove);
  if (f->jobs == NULL || f->rows == NULL || f->remove == NULL) return op->cx->code;
  for (uint32_t i = 0; i < m->collection_count; i++)
    if (f->only.n == 0 || pq_slice_eq(m->collections[i].name, f->only))
      PQ_TRY(add_job(f, op, PQ_FILE_DATA, m->collections[i].name));
  if (f->only.n > 0) return PQ_OK;
  PQ_TRY(add_job(f, op, PQ_FILE_FORWARD, (pq_slice){0}));
  return add_job(f, op, PQ_FILE_REVERSE, (pq_slice){0});
}

/* ---- reading a job's rows ---- */

static int keep_text(pq_arena *arena, pq_slice *text) {
  return text->n == 0 ? PQ_OK : pq_arena_copy(arena, *text, text);
}

static int keep_value(pq_arena *arena, pq_value *v) {
  pq_event e = {.after = *v};
  PQ_TRY(pq_event_keep(arena, &e));
  *v = e.after;
  return PQ_OK;
}

static int reserve(pq_flush *f, pq_op *op, bool is_edges) {
  pq_compact_rows *r = f->rows;
  uint32_t cap = r->cap == 0 ? 1024 : r->cap * 2;
  size_t size = is_edges ? sizeof *r->edges : sizeof *r->entities;
  void *old = is_edges ? (void *)r->edges : (void *)r->entities, *items;
  if (r->count < r->cap) return PQ_OK;
  items = pq_arena_calloc(&op->arena, cap, size);
  if (items == NULL) return op->cx->code;
  if (r->count > 0) memcpy(items, old, r->count * size);
  if (is_edges)
    r->edges = items;
  else
    r->entities = items;
  r->cap = cap;
  return PQ_OK;
}

static int take_entity(pq_flush *f, pq_op *op, const pq_entity *source) {
  pq_entity e = *source;
  PQ_TRY(keep_text(&op->arena, &e.id));
  PQ_TRY(keep_text(&op->arena, &e.type));
  PQ_TRY(keep_text(&op->arena, &e.created_by));
  PQ_TRY(keep_text(&op->arena, &e.updated_by));
  PQ_TRY(keep_value(&op->arena, &e.data));
  PQ_TRY(reserve(f, op, false));
  f->rows->entities[f->rows->count++] = e;
  return PQ_OK;
}

static int take_edge(pq_flush *f, pq_op *op, const pq_edge *source) {
  pq_edge e = *source;
  pq_slice *texts[] = {&e.from_id,   &e.predicate, &e.reverse, &e.to_id,     &e.from_name,
                       &e.from_type, &e.to_name,   &e.to_type, &e.created_by};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    PQ_TRY(keep_text(&op->arena, texts[i]));
  PQ_TRY(keep_value(&op->arena, &e.data));
  PQ_TRY(reserve(f, op, true));
  f->rows->edges[f->rows->count++] = e;
  return PQ_OK;
}

/* Read one row group; rows that delete files name are left out. */
static int read_row_group(pq_flush *f, pq_op *op, const pq_cached_file *file, bool is_edges) {
  const pq_row_group *group = &file->file.footer->row_groups[f->job_row_group];
  const pq_file_info *info = f->jobs[f->job].files[f->job_file];
  const pq_upgrade *form = NULL;
  pq_slice name_field = {0};
  uint32_t n = (uint32_t)group->row_count;
  uint8_t *hidden = pq_arena_calloc(&op->scratch, n, 1);
  pq_entity_rows rows;
  pq_edge *edges = NULL;
  if (hidden == NULL) return op->cx->code;
  pq_view_mark_deleted(&f->snapshot.view, file->name, group->first_row, n, hidden);
  if (is_edges) {
    PQ_TRY(pq_edge_rows_read(&op->fetch, &op->scratch, &file->file, f->job_row_group, &edges, &n));
  } else {
    PQ_TRY(pq_entity_rows_want(&op->fetch, &file->file, f->job_row_group, PQ_WANT_ALL, NULL, 0,
                               &op->scratch));
    PQ_TRY(pq_entity_rows_read(&op->fetch, &op->scratch, &file->file, f->job_row_group, PQ_WANT_ALL,
                               NULL, 0, &rows));
    PQ_TRY(pq_view_file_form(&f->snapshot.view, &op->scratch, info, &form));
    name_field = pq_view_name_field(&f->snapshot.view, info->collection);
  }
  for (uint32_t i = 0; i < n; i++) {
    if (hidden[i]) continue;
    if (!is_edges) PQ_TRY(pq_view_bring(&f->snapshot.view, &op->scratch, form, &rows.rows[i].data));
    if (!is_edges) rows.rows[i].name_field = name_field;
    PQ_TRY(is_edges ? take_edge(f, op, &edges[i]) : take_entity(f, op, &rows.rows[i]));
  }
  return PQ_OK;
}

/* ---- writing it ---- */

static int compare_entities(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(const pq_entity *const *)a)->id, (*(const pq_entity *const *)b)->id);
}

static int sort_entities(pq_flush *f, pq_op *op, pq_entity **out) {
  uint32_t n = f->rows->count;
  pq_entity **order = pq_arena_calloc(&op->scratch, n, sizeof *order);
  pq_entity *sorted = pq_arena_calloc(&op->scratch, n, sizeof *sorted);
  if (order == NULL || sorted == NULL) return op->cx->code;
  for (uint32_t i = 0; i < n; i++)
    order[i] = &f->rows->entities[i];
  PQ_TRY(pq_sort_items(op->cx, order, n, sizeof *order, compare_entities, NULL));
  for (uint32_t i = 0; i < n; i++)
    sorted[i] = *order[i];
  *out = sorted;
  return PQ_OK;
}

/* A schema set since the last flush of the collection may bring columns that it never had. */
static int note_columns(pq_flush *f, pq_op *op, const pq_collection_info *info,
                        const pq_index_set *all) {
  pq_assert(info != NULL); /* it has files */
  if (all->count == info->index_count) return PQ_OK;
  if (f->collections == NULL)
    f->collections = pq_arena_calloc(&op->arena, f->job_count, sizeof *f->collections);
  if (f->collections == NULL) return op->cx->code;
  f->collections[f->collection_count] = *info;
  f->collections[f->collection_count].index_columns = all->columns;
  f->collections[f->collection_count].index_count = all->count;
  f->collections[f->collection_count].schema_count = 0; /* none is new */
  f->collection_count++;
  return PQ_OK;
}

static int write_entities(pq_flush *f, pq_op *op, const pq_compact_job *job) {
  const pq_collection_info *info = pq_manifest_collection(&f->space->manifest, job->collection);
  uint32_t n;
  pq_entity *rows = NULL;
  const char *folder;
  pq_entity_table table;
  pq_index_set all, set;
  pq_schema_at at;
  pq_schema *schema;
  pq_schema_now(f->space, job->collection, &at);
  PQ_TRY(pq_schema_open(&op->arena, job->collection, &at, &schema));
  PQ_TRY(pq_schema_columns_all(&op->arena, info, schema, &all));
  PQ_TRY(pq_schema_columns_written(&op->arena, &all, schema, &set));
  PQ_TRY(note_columns(f, op, info, &all));
  PQ_TRY(sort_entities(f, op, &rows));
  PQ_TRY(pq_flush_folder(&op->arena, job->collection, &folder));
  table = (pq_entity_table){job->collection, set.columns, set.count, schema};
  for (uint32_t from = 0; from < f->rows->count; from += n) {
    pq_file_info out = {
        .kind = PQ_FILE_DATA, .collection = job->collection, .has_form = true, .form_seq = at.seq};
    pq_writer *writer;
    n = pq_entity_file_rows(rows + from, f->rows->count - from);
    out.row_count = n;
    out.id_min = rows[from].id;
    out.id_max = rows[from + n - 1].id;
    PQ_TRY(pq_entity_file_write(op->cx, &f->space->db->runner, &table, rows + from, n, &writer));
    PQ_TRY(pq_flush_add_file(f, op, folder, out, writer));
  }
  return PQ_OK;
}

static int write_edge_part(pq_flush *f, pq_op *op, const pq_compact_job *job, pq_edge *edges,
                           uint32_t count) {
  bool is_reverse = job->kind == PQ_FILE_REVERSE;
  pq_file_info out = {.kind = job->kind, .row_count = count};
  pq_writer *writer;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice id = is_reverse ? edges[i].to_id : edges[i].from_id;
    if (i == 0 || pq_slice_cmp(id, out.id_min) < 0) out.id_min = id;
    if (i == 0 || pq_slice_cmp(id, out.id_max) > 0) out.id_max = id;
  }
  PQ_TRY(pq_edge_file_write(op->cx, pq_str(f->space->ns), edges, count, is_reverse, &writer));
  return pq_flush_add_file(f, op, is_reverse ? "rels/reverse" : "rels/forward", out, writer);
}

static int write_edges(pq_flush *f, pq_op *op, const pq_compact_job *job) {
  uint32_t n;
  for (uint32_t from = 0; from < f->rows->count; from += n) {
    n = f->rows->count - from < EDGES_FILE ? f->rows->count - from : EDGES_FILE;
    PQ_TRY(write_edge_part(f, op, job, f->rows->edges + from, n));
  }
  return PQ_OK;
}

static int end_job(pq_flush *f, pq_op *op) {
  const pq_compact_job *job = &f->jobs[f->job];
  if (f->rows->count > 0)
    PQ_TRY(job->kind == PQ_FILE_DATA ? write_entities(f, op, job) : write_edges(f, op, job));
  for (uint32_t i = 0; i < job->file_count; i++)
    f->remove[f->remove_count++] = job->files[i]->name;
  *f->rows = (pq_compact_rows){0};
  f->job++;
  f->job_file = f->job_row_group = 0;
  return PQ_OK;
}

/* ---- the stages ---- */

static bool is_removed(const pq_flush *f, pq_slice name) {
  for (uint32_t i = 0; i < f->remove_count; i++)
    if (pq_slice_is(name, f->remove[i])) return true;
  return false;
}

/* Delete files whose positions all lie in removed files have done their work. */
static void remove_delete_files(pq_flush *f) {
  const pq_view *v = &f->snapshot.view;
  uint32_t count = f->remove_count;
  for (uint32_t d = 0; d < v->delete_count; d++) {
    const pq_cached_file *file = v->deletes[d];
    bool is_needed = false;
    for (uint32_t i = 0; i < file->position_count && !is_needed; i++) {
      const pq_file_info *info = pq_manifest_file(v->manifest, file->positions[i].file);
      is_needed = info != NULL && pq_file_is_live(info, v->entry) &&
                  !is_removed(f, file->positions[i].file);
    }
    if (!is_needed) f->remove[count++] = (const char *)file->name.p;
  }
  f->remove_count = count;
}

static int stage_read(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  const pq_compact_job *job = &f->jobs[f->job];
  pq_cached_file *file;
  PQ_TRY(pq_file_cache_open(&f->space->files, &op->fetch, job->files[f->job_file], &file));
  if (f->job_row_group < file->file.footer->row_group_count)
    PQ_TRY(read_row_group(f, op, file, job->kind != PQ_FILE_DATA));
  if (++f->job_row_group >= file->file.footer->row_group_count) {
    f->job_row_group = 0;
    f->job_file++;
  }
  op->stage = stage_next_job;
  return PQ_OK;
}

static int stage_next_job(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  while (f->job < f->job_count && f->job_file == f->jobs[f->job].file_count)
    PQ_TRY(end_job(f, op));
  if (f->job < f->job_count) {
    op->stage = stage_read;
    return PQ_OK;
  }
  if (f->job_count == 0) {
    pq_snapshot_close(&f->snapshot);
    op->stage = f->done;
    return PQ_OK;
  }
  remove_delete_files(f);
  op->stage = pq_flush_stage_fence;
  return PQ_OK;
}

static int stage_open(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  PQ_TRY(pq_snapshot_open(&f->snapshot, f->space, op, (pq_as_of){0}, true));
  PQ_TRY(plan_jobs(f, op));
  op->stage = stage_next_job;
  return PQ_OK;
}

int pq_compact_begin(pq_flush *f, pq_space *space, pq_op *op, pq_slice collection,
                     pq_stage_fn done) {
  pq_assert(space->overlay->version_count == 0);
  *f = (pq_flush){.space = space, .done = done, .only = collection};
  f->seq_hi = space->manifest.seq_hi;
  f->ts_hi = space->manifest.ts_hi;
  op->sub = f;
  op->stage = stage_open;
  return PQ_OK;
}
