/* db/compact.c - files of a table become fewer ones, without the rows that are deleted. See flush.h
 * and compact_int.h.
 *
 *   open ─► plan ─► [fence] ─► job: open its files
 *                               └► fill the windows ◄───────────┐
 *                               └► [names of edges' ends]       │
 *                               └► merge: rows into the stream ─┤ a window is empty
 *                               └► encode: 256 KB a step ◄────┘ a row group is full
 *                               └► file: PUT, its bytes are freed; a large one in parts
 * (put_parts.c) ─► next job … ─► entry: new files added, old ones removed (compact_entry.c)
 *
 * The old files stay in the store: the manifest of an older entry still names them, so every past
 * instant reads as before. Several steps lie between beginning and entry, and flushes in between
 * may delete rows of the inputs: such deletes move along to the outputs.
 */
#include <string.h>

#include "db/compact_int.h"
#include "db/works.h"

static int stage_fill(pq_op *op);
static int stage_merge(pq_op *op);
static int stage_put(pq_op *op);
static int stage_stored(pq_op *op);

static pq_compact_job *job_of(const pq_flush *f) {
  return &f->compaction->jobs[f->compaction->job];
}

/* What only a job that runs needs. */
static void release_inputs(pq_compact_job *job) {
  for (uint32_t i = 0; i < job->input_count; i++) {
    pq_arena_release(&job->inputs[i].arena);
    pq_side_cache_release(&job->inputs[i].indexes);
  }
}

static void release_job(pq_compact_job *job, pq_cx *cx) {
  release_inputs(job);
  pq_compact_names_free(job, cx);
  pq_entity_stream_free(job->entities);
  pq_edge_stream_free(job->edges);
  pq_adjacency_maker_free(job->maker);
  pq_event_stream_free(job->event_stream);
  pq_event_index_stream_free(job->index_stream);
  if (job->places != NULL)
    pq_alloc(cx, job->places, (size_t)job->place_count * sizeof *job->places, 0);
  job->entities = NULL;
  job->edges = NULL;
  job->maker = NULL;
  job->event_stream = NULL;
  job->index_stream = NULL;
  job->places = NULL;
}

void pq_compact_release(pq_flush *f) {
  pq_compaction *p = f->compaction;
  if (p == NULL) return;
  for (uint32_t i = 0; i < p->job_count; i++)
    release_job(&p->jobs[i], f->space->db->cx);
  pq_snapshot_close(&p->now);
  f->compaction = NULL;
}

/* ---- the order of rows ---- */

static int compare(const pq_compact_job *job, uint32_t a, uint32_t b) {
  const pq_compact_input *x = &job->inputs[a], *y = &job->inputs[b];
  int c = pq_compact_is_edges(job)
              ? pq_edge_compare(&x->edges[x->at], &y->edges[y->at], job->kind == PQ_FILE_REVERSE)
              : pq_slice_cmp(x->entities[x->at].id, y->entities[y->at].id);
  return c != 0 ? c : (a > b) - (a < b);
}

static void sift_down(pq_compact_job *job, uint32_t at) {
  for (;;) {
    uint32_t child = 2 * at + 1, tmp;
    if (child >= job->heap_count) return;
    if (child + 1 < job->heap_count && compare(job, job->heap[child + 1], job->heap[child]) < 0)
      child++;
    if (compare(job, job->heap[at], job->heap[child]) <= 0) return;
    tmp = job->heap[at];
    job->heap[at] = job->heap[child];
    job->heap[child] = tmp;
    at = child;
  }
}

/* All inputs that have rows. */
static void make_heap(pq_compact_job *job) {
  job->heap_count = 0;
  for (uint32_t i = 0; i < job->input_count; i++)
    if (job->inputs[i].at < job->inputs[i].count) job->heap[job->heap_count++] = i;
  for (uint32_t i = job->heap_count / 2; i > 0; i--)
    sift_down(job, i - 1);
}

/* ---- the output ---- */

static bool is_full(const pq_compact_job *job) {
  if (job->entities != NULL) return pq_entity_stream_is_full(job->entities);
  return job->edges != NULL && pq_edge_stream_is_full(job->edges);
}

static bool has_stream(const pq_compact_job *job) {
  return job->entities != NULL || job->edges != NULL;
}

static int open_stream(pq_flush *f, pq_op *op, pq_compact_job *job) {
  if (job->kind == PQ_FILE_FORWARD && f->space->db->thresholds.segment_edges > 0)
    PQ_TRY(pq_adjacency_maker_new(op->cx, NULL, &job->maker));
  if (pq_compact_is_edges(job))
    return pq_edge_stream_new(op->cx, pq_str(f->space->ns), job->kind == PQ_FILE_REVERSE,
                              &job->edges);
  return pq_entity_stream_new(op->cx, &job->table, job->keeps_data, &job->entities);
}

static int note_output(pq_flush *f, pq_op *op, pq_compact_job *job, uint64_t first_row) {
  if (job->output_count == job->output_cap) {
    uint32_t cap = job->output_cap == 0 ? 4 : job->output_cap * 2;
    pq_compact_output *outputs = pq_arena_calloc(&op->arena, cap, sizeof *outputs);
    if (outputs == NULL) return op->cx->code;
    if (job->output_count > 0) memcpy(outputs, job->outputs, job->output_count * sizeof *outputs);
    job->outputs = outputs;
    job->output_cap = cap;
  }
  job->outputs[job->output_count++] = (pq_compact_output){f->file_count - 1, first_row};
  return PQ_OK;
}

static const char *folder_of(const pq_compact_job *job) {
  if (!pq_compact_is_edges(job)) return job->folder;
  return job->kind == PQ_FILE_REVERSE ? "rels/reverse" : "rels/forward";
}

static void drop_maker(pq_compact_job *job) {
  pq_adjacency_maker_free(job->maker);
  job->maker = NULL;
}

/* An edge of the forward file, for its segment. Edges that need more than an eighth of the memory,
 * and as much again in the end, have none. */
static int put_edge(pq_op *op, pq_compact_job *job, const pq_edge *e) {
  uint64_t len_max = op->cx->limits.op_len_max;
  int rc;
  if (job->maker == NULL) return PQ_OK;
  if (op->cx->meter != NULL) len_max = op->cx->meter->max;
  rc = pq_adjacency_maker_len(job->maker) > len_max / 8 ? PQ_ELIMIT
                                                        : pq_adjacency_maker_put(job->maker, e);
  if (rc != PQ_ELIMIT && rc != PQ_EINVALID) return rc;
  drop_maker(job);
  return PQ_OK;
}

/* The stream becomes a file. */
static int close_stream(pq_flush *f, pq_op *op, pq_compact_job *job) {
  pq_file_info info = {.kind = job->kind, .collection = job->collection};
  pq_writer *writer;
  if (job->entities != NULL) {
    info.has_form = true;
    info.form_seq = job->schema.seq;
    info.row_count = pq_entity_stream_rows(job->entities, &info.id_min, &info.id_max);
  } else {
    info.collection = (pq_slice){0};
    info.row_count = pq_edge_stream_rows(job->edges, &info.id_min, &info.id_max);
    info.has_foreign = pq_edge_stream_has_foreign(job->edges);
  }
  PQ_TRY(pq_arena_copy(&op->arena, info.id_min, &info.id_min));
  PQ_TRY(pq_arena_copy(&op->arena, info.id_max, &info.id_max));
  PQ_TRY(job->entities != NULL ? pq_entity_stream_finish(job->entities, &writer)
                               : pq_edge_stream_finish(job->edges, &writer));
  PQ_TRY(pq_flush_add_file(f, op, folder_of(job), info, writer));
  PQ_TRY(note_output(f, op, job, job->row_count - info.row_count));
  pq_entity_stream_free(job->entities);
  pq_edge_stream_free(job->edges);
  job->entities = NULL;
  job->edges = NULL;
  if (info.row_count < f->space->db->thresholds.segment_edges) drop_maker(job);
  return PQ_OK;
}

static bool is_at_end(const pq_compact_job *job) {
  for (uint32_t i = 0; i < job->input_count; i++)
    if (job->inputs[i].at < job->inputs[i].count || !job->inputs[i].is_end) return false;
  return true;
}

/* The forward file is stored: its segment, if it has one. */
static int stage_segment(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = job_of(f);
  pq_file_info info = {.kind = PQ_FILE_ADJACENCY};
  pq_adjacency_maker *maker = job->maker;
  pq_adjacency adjacency;
  pq_writer *writer = NULL;
  int rc = pq_adjacency_maker_finish(maker, &op->scratch, &adjacency);
  if (rc == PQ_OK && pq_adjacency_is_storable(&adjacency))
    rc = pq_adjacency_write(op->cx, &adjacency, &writer);
  job->maker = NULL;
  pq_adjacency_maker_free(maker);
  op->stage = stage_stored;
  if (rc == PQ_EINVALID) rc = PQ_OK; /* rows that are there twice: verify tells */
  if (rc != PQ_OK || writer == NULL) return rc;
  info.row_count = adjacency.node_count;
  op->stage = stage_put;
  return pq_flush_add_file(f, op, PQ_SEGMENT_FOLDER, info, writer);
}

/* The file is stored, and its bytes are not needed any more. */
static int stage_stored(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_flush_file *file = &f->files[f->file_count - 1];
  pq_writer_free(file->writer);
  file->writer = NULL;
  op->stage = is_at_end(job_of(f)) ? pq_compact_stage_next_job : stage_merge;
  if (job_of(f)->maker != NULL) op->stage = stage_segment;
  return PQ_OK;
}

static int stage_put(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  if (f->put.key != NULL) {
    pq_flush_put_rest(f, op, stage_stored);
    return PQ_OK;
  }
  PQ_TRY(pq_flush_put_file(f, op, &f->files[f->file_count - 1]));
  op->stage = stage_stored;
  return PQ_OK;
}

/* A step of the row group. */
static int stage_encode(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = job_of(f);
  uint64_t left = PQ_STEP_LEN, len;
  PQ_TRY(job->entities != NULL ? pq_entity_stream_step(job->entities, &left)
                               : pq_edge_stream_step(job->edges, &left));
  f->encoded = PQ_STEP_LEN - left;
  if (is_full(job)) return PQ_YIELD;
  len =
      job->entities != NULL ? pq_entity_stream_len(job->entities) : pq_edge_stream_len(job->edges);
  if (len < op->cx->limits.file_len_max && !is_at_end(job) && !job->is_split) {
    pq_writer *writer = job->entities != NULL ? pq_entity_stream_writer(job->entities)
                                              : pq_edge_stream_writer(job->edges);
    PQ_TRY(pq_flush_put_parts(f, op, folder_of(job), writer, stage_merge));
    return PQ_YIELD;
  }
  job->is_split = false;
  PQ_TRY(close_stream(f, op, job));
  op->stage = stage_put;
  return PQ_YIELD;
}

/* ---- merging ---- */

/* The smallest row into the stream. A document that the columns do not tell ends the file; the
 * next ones have $data. */
static int put_row(pq_flush *f, pq_op *op, pq_compact_job *job, pq_compact_input *in) {
  int rc;
  if (!has_stream(job)) PQ_TRY(open_stream(f, op, job));
  rc = pq_compact_is_edges(job) ? pq_edge_stream_put(job->edges, &in->edges[in->at])
                                : pq_entity_stream_put(job->entities, &in->entities[in->at]);
  if (rc == PQ_MISFIT) {
    pq_slice min, max;
    job->keeps_data = true;
    if (pq_entity_stream_rows(job->entities, &min, &max) > 0) {
      pq_entity_stream_end(job->entities);
      job->is_split = true;
      return PQ_MISFIT;
    }
    pq_entity_stream_free(job->entities);
    job->entities = NULL;
    PQ_TRY(open_stream(f, op, job));
    rc = pq_entity_stream_put(job->entities, &in->entities[in->at]);
  }
  PQ_TRY(rc);
  if (job->maker != NULL) PQ_TRY(put_edge(op, job, &in->edges[in->at]));
  if (job->places != NULL)
    job->places[in->first_place + in->rows[in->at]] = (uint32_t)(job->row_count + 1);
  job->row_count++;
  return PQ_OK;
}

static uint64_t row_len(const pq_compact_job *job, const pq_compact_input *in) {
  return 64 +
         (pq_compact_is_edges(job) ? in->edges[in->at].data.len : in->entities[in->at].data.len);
}

/* Rows until a window is empty, a row group is full or a step is over. */
static int stage_merge(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = job_of(f);
  uint64_t len = 0;
  while (!is_full(job)) {
    pq_compact_input *in;
    int rc;
    if (job->heap_count == 0) { /* the end: what is there is the last row group */
      if (job->entities != NULL) pq_entity_stream_end(job->entities);
      if (job->edges != NULL) pq_edge_stream_end(job->edges);
      if (is_full(job)) break;
      if (has_stream(job)) PQ_TRY(close_stream(f, op, job));
      op->stage = f->file_count > 0 && f->files[f->file_count - 1].writer != NULL
                      ? stage_put
                      : pq_compact_stage_next_job;
      return PQ_OK;
    }
    in = &job->inputs[job->heap[0]];
    if (len >= PQ_STEP_LEN) return PQ_YIELD;
    len += row_len(job, in);
    rc = put_row(f, op, job, in);
    if (rc == PQ_MISFIT) break;
    PQ_TRY(rc);
    if (++in->at == in->count && !in->is_end) {
      op->stage = stage_fill;
      return PQ_OK;
    }
    if (in->at == in->count) job->heap[0] = job->heap[--job->heap_count];
    sift_down(job, 0);
  }
  op->stage = stage_encode;
  return PQ_OK;
}

static int stage_names(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = job_of(f);
  bool is_done;
  PQ_TRY(pq_compact_names_step(f, op, job, &is_done));
  if (!is_done) return PQ_YIELD;
  make_heap(job);
  op->stage = is_full(job) ? stage_encode : stage_merge;
  return PQ_OK;
}

static int stage_fill(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = job_of(f);
  PQ_TRY(pq_compact_fill(f, op, job));
  for (uint32_t i = 0; i < job->input_count; i++)
    if (job->inputs[i].at == job->inputs[i].count && !job->inputs[i].is_end) return PQ_OK;
  op->stage = stage_names;
  return PQ_OK;
}

/* ---- a job ---- */

/* A schema set since the last flush of the collection may bring columns that it never had. */
static int note_columns(pq_flush *f, pq_op *op, const pq_collection_info *info,
                        const pq_index_set *all) {
  pq_assert(info != NULL); /* it has files */
  if (all->count == info->index_count) return PQ_OK;
  if (f->collections == NULL)
    f->collections = pq_arena_calloc(&op->arena, f->compaction->job_count, sizeof *f->collections);
  if (f->collections == NULL) return op->cx->code;
  f->collections[f->collection_count] = *info;
  f->collections[f->collection_count].index_columns = all->columns;
  f->collections[f->collection_count].index_count = all->count;
  f->collections[f->collection_count].schema_count = 0; /* none is new */
  f->collection_count++;
  return PQ_OK;
}

static int set_table(pq_flush *f, pq_op *op, pq_compact_job *job) {
  const pq_view *v = &f->snapshot.view;
  const pq_collection_info *info = pq_manifest_collection(v->manifest, job->collection);
  pq_index_set all, set;
  pq_schema *schema;
  pq_schema_of(v, job->collection, &job->schema);
  job->name_field = pq_view_name_field(v, job->collection);
  PQ_TRY(pq_schema_open(&op->arena, job->collection, &job->schema, &schema));
  PQ_TRY(pq_schema_columns_all(&op->arena, info, schema, &all));
  PQ_TRY(pq_schema_columns_written(&op->arena, &all, schema, &set));
  PQ_TRY(note_columns(f, op, info, &all));
  job->table = (pq_entity_table){job->collection, set.columns, set.count, schema};
  return pq_flush_folder(&op->arena, job->collection, &job->folder);
}

/* While steps lie between beginning and entry, deletes may come. */
static int make_places(pq_flush *f, pq_op *op, pq_compact_job *job) {
  size_t len = (size_t)job->place_count * sizeof *job->places;
  if (f->is_whole || job->place_count == 0) return PQ_OK;
  job->places = pq_alloc(op->cx, NULL, 0, len);
  if (job->places == NULL) return pq_fail_nomem(op->cx);
  memset(job->places, 0, len);
  return PQ_OK;
}

static int stage_job(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = job_of(f);
  bool is_missing = false;
  for (uint32_t i = 0; i < job->input_count; i++) {
    pq_cached_file *file;
    int rc = pq_file_cache_open(&f->space->files, &op->fetch, &job->inputs[i].info, &file);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = 0; i < job->input_count; i++) {
    pq_compact_input *in = &job->inputs[i];
    PQ_TRY(pq_file_cache_open(&f->space->files, &op->fetch, &in->info, &in->file));
    in->read = in->file->file;
    in->read.indexes = &in->indexes;
    pq_side_cache_init(&in->indexes, op->cx, PQ_INDEXES_LEN_MAX);
    in->is_end = in->file->file.footer->row_group_count == 0;
  }
  if (!pq_compact_is_edges(job)) PQ_TRY(set_table(f, op, job));
  PQ_TRY(make_places(f, op, job));
  PQ_TRY(pq_compact_names_begin(f, job));
  op->stage = stage_fill;
  return PQ_OK;
}

int pq_compact_stage_next_job(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compaction *p = f->compaction;
  if (p->is_begun) release_inputs(&p->jobs[p->job++]);
  p->is_begun = true;
  p->output_count = f->file_count;
  op->stage = p->job == p->job_count                   ? pq_compact_stage_entry
              : p->jobs[p->job].kind == PQ_FILE_EVENTS ? pq_compact_stage_events
                                                       : stage_job;
  return PQ_OK;
}

static int stage_open(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  PQ_TRY(pq_snapshot_open(&f->snapshot, f->space, op, (pq_as_of){0}, true));
  pq_snapshot_let_tail_go(&f->snapshot);
  f->base = f->snapshot.view.entry;
  PQ_TRY(pq_compact_plan(f, op));
  if (f->compaction->job_count == 0 && !pq_compact_merges_deletes(f, &f->snapshot.view)) {
    pq_snapshot_close(&f->snapshot);
    op->stage = NULL;
    return PQ_OK;
  }
  f->after_fence = pq_compact_stage_next_job;
  op->stage = pq_flush_stage_fence;
  return PQ_OK;
}

/* What the one before did not finish goes. */
static int stage_forget(pq_op *op) {
  PQ_TRY(pq_works_forget_parts(pq_flush_of(op)->space->works, op));
  op->stage = stage_open;
  return PQ_OK;
}

int pq_compact_begin(pq_flush *f, pq_space *space, pq_op *op, pq_slice collection, bool is_whole) {
  *f = (pq_flush){.space = space, .is_whole = is_whole};
  op->sub = f;
  op->stage = stage_forget;
  return pq_arena_copy(&op->arena, collection, &f->only);
}
