/* db/flush_encode.c - second part of a flush: the tail as Parquet files, in memory. See flush.h. */
#include <string.h>

#include "base/key_sort.h"
#include "base/slices.h"
#include "base/text.h"
#include "db/encode_task_int.h"
#include "db/schema_of.h"
#include "log/event_index.h"
#include "schema/collection_record.h"

enum {
  DOC_LEN_FILE = 192 << 20, /* uncompressed bytes of documents or events in one file */
  ROWS_FILE = 4 << 20
};
#define DAY_US 86400000000

typedef pq_encode_task encode_task;

/* Row groups of a task's files are tasks in turn. */
static const pq_task_runner *runner_of(const encode_task *t) {
  return &t->f->space->db->runner;
}

/* A file that a task has encoded; the writer is taken. */
int pq_encode_file(encode_task *t, const char *folder, pq_file_info info, pq_writer *writer) {
  pq_encoded_file *file = pq_arena_alloc(&t->arena, sizeof *file);
  if (file == NULL) {
    pq_writer_free(writer);
    return t->cx.code;
  }
  *file = (pq_encoded_file){.folder = folder, .info = info, .writer = writer};
  *t->tail = file;
  t->tail = &file->next;
  return PQ_OK;
}

/* Bring what was written at seq `from` into the form of seq `to`. */
static int bring(encode_task *t, pq_slice collection, uint64_t from, uint64_t to, pq_value *doc) {
  pq_form_source s = {&t->f->space->manifest, t->f->overlay, collection};
  return pq_forms_bring(&t->forms, &t->scratch, &s, from, to, doc);
}

/* ---- entities ---- */

static int compare_entities(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(const pq_entity *const *)a)->id, (*(const pq_entity *const *)b)->id);
}

static pq_slice id_of(const void *item, const void *ud) {
  (void)ud;
  return (*(const pq_entity *const *)item)->id;
}

/* *rows in the order of their ids. */
static int sort_rows(encode_task *t, pq_entity **rows, uint32_t count) {
  pq_entity *sorted = pq_arena_array(&t->scratch, count, sizeof *sorted);
  pq_entity **order = pq_arena_array(&t->scratch, count, sizeof *order);
  if (sorted == NULL || order == NULL) return t->cx.code;
  for (uint32_t i = 0; i < count; i++)
    order[i] = &(*rows)[i];
  PQ_TRY(pq_sort_by_key(&t->cx, order, count, sizeof *order, id_of, compare_entities, NULL));
  for (uint32_t i = 0; i < count; i++)
    sorted[i] = *order[i];
  *rows = sorted;
  return PQ_OK;
}

/* The rows that the tail leaves for a collection, sorted by id: as they came, in most imports. */
static int collection_rows(encode_task *t, const pq_overlay_chain *chain, pq_entity **out,
                           uint32_t *count) {
  const pq_overlay *o = t->f->overlay;
  pq_entity *rows = pq_arena_array(&t->scratch, chain->count, sizeof *rows);
  pq_slice name_field = pq_flush_name_field(t->f, chain->name);
  bool is_sorted = true;
  uint32_t n = 0;
  *out = NULL;
  *count = 0;
  if (rows == NULL) return t->cx.code;
  for (uint32_t at = chain->head; at != PQ_NONE; at = pq_overlay_next(o, at)) {
    const pq_event *e = pq_overlay_spot(o, at, t->f->seq_hi);
    if (e == NULL || !pq_event_entity(e, &rows[n])) continue;
    rows[n].name_field = name_field;
    PQ_TRY(bring(t, chain->name, e->seq, t->f->seq_hi, &rows[n].data));
    is_sorted = is_sorted && (n == 0 || pq_slice_cmp(rows[n - 1].id, rows[n].id) < 0);
    n++;
  }
  if (!is_sorted) PQ_TRY(sort_rows(t, &rows, n));
  *out = rows;
  *count = n;
  return PQ_OK;
}

/* The columns of the new files: the schema's, and chosen ones with new ones chosen from these
 * documents; noted in the entry when the collection's set grew or the collection is new. */
static int choose_columns(encode_task *t, pq_slice collection, const pq_schema_at *at,
                          const pq_entity *rows, uint32_t count, pq_entity_table *out) {
  const pq_collection_info *info = pq_manifest_collection(&t->f->space->manifest, collection);
  pq_value *docs = pq_arena_calloc(&t->scratch, count, sizeof *docs);
  pq_collection_info *note;
  pq_index_set known, all, set;
  pq_index_wanted wanted = {0};
  pq_schema *schema;
  pq_slice *paths;
  *out = (pq_entity_table){0};
  if (docs == NULL) return t->cx.code;
  for (uint32_t i = 0; i < count; i++)
    docs[i] = rows[i].data;
  PQ_TRY(pq_schema_open(&t->arena, collection, at, &schema));
  PQ_TRY(pq_schema_columns_all(&t->arena, info, schema, &known));
  PQ_TRY(pq_schema_index_paths(&t->arena, schema, &paths, &wanted.count));
  wanted.paths = paths;
  PQ_TRY(pq_index_choose_with(&t->arena, docs, count, known.columns, known.count, &wanted,
                              &all.columns, &all.count));
  PQ_TRY(pq_schema_columns_written(&t->arena, &all, schema, &set));
  *out = (pq_entity_table){collection, set.columns, set.count, schema};
  if (info != NULL && info->index_count == all.count) return PQ_OK;
  note = pq_arena_alloc(&t->arena, sizeof *note);
  if (note == NULL) return t->cx.code;
  *note = (pq_collection_info){.name = collection,
                               .internal_id = info != NULL ? info->internal_id : 0,
                               .index_columns = all.columns,
                               .index_count = all.count};
  t->note = note;
  return PQ_OK;
}

int pq_encode_rows(encode_task *t, pq_entity **rows, uint32_t *count) {
  const pq_overlay_chain *chain = &t->f->overlay->collections.items[t->chain];
  PQ_TRY(collection_rows(t, chain, rows, count));
  if (*count == 0) return PQ_OK;
  pq_flush_schema(t->f, chain->name, &t->schema);
  PQ_TRY(choose_columns(t, chain->name, &t->schema, *rows, *count, &t->table));
  return pq_flush_folder(&t->arena, chain->name, &t->folder);
}

int pq_encode_entities_done(encode_task *t, const pq_entity *rows, uint32_t count,
                            pq_writer *writer) {
  pq_file_info info = {
      .kind = PQ_FILE_DATA, .row_count = count, .has_form = true, .form_seq = t->schema.seq};
  pq_slice *ids = pq_arena_array(&t->arena, count, sizeof *ids);
  pq_encoded_file **last;
  int rc = pq_arena_copy(&t->arena, t->table.collection, &info.collection);
  if (rc == PQ_OK) rc = pq_arena_copy(&t->arena, rows[0].id, &info.id_min);
  if (rc == PQ_OK) rc = pq_arena_copy(&t->arena, rows[count - 1].id, &info.id_max);
  if (rc == PQ_OK && ids == NULL) rc = t->cx.code;
  if (rc != PQ_OK) {
    pq_writer_free(writer);
    return rc;
  }
  for (uint32_t i = 0; i < count; i++)
    ids[i] = rows[i].id;
  last = t->tail;
  PQ_TRY(pq_encode_file(t, t->folder, info, writer));
  (*last)->ids = ids;
  return PQ_OK;
}

static int encode_collection(encode_task *t) {
  pq_entity *rows = NULL;
  uint32_t count = 0, n;
  PQ_TRY(pq_encode_rows(t, &rows, &count));
  for (uint32_t from = 0; from < count; from += n) {
    pq_writer *writer;
    n = pq_entity_file_rows(rows + from, count - from);
    PQ_TRY(pq_entity_file_write(&t->cx, runner_of(t), &t->table, rows + from, n, &writer));
    PQ_TRY(pq_encode_entities_done(t, rows + from, n, writer));
  }
  return PQ_OK;
}

/* ---- edges ---- */

/* Name and type of an edge's end: from the tail, else from the files. */
static void name_end(const pq_flush *f, pq_slice id, pq_slice *name, pq_slice *type) {
  const pq_event *e = pq_overlay_entity(f->overlay, id, f->seq_hi);
  pq_slice collection, local;
  uint32_t i;
  if (e != NULL) {
    if (!pq_id_split(id, &collection, &local)) collection = (pq_slice){0};
    if (pq_value_is_missing(e->after)) return; /* deleted hard, with a link left by a replay */
    *name = pq_entity_name(id, e->after, pq_flush_name_field(f, collection));
    *type = e->type;
    return;
  }
  i = pq_slices_find(f->end_ids, f->end_count, id);
  if (i == f->end_count) return;
  *name = f->end_names[i];
  *type = f->end_types[i];
}

int pq_encode_edges_done(encode_task *t, const pq_edge *edges, uint32_t count, pq_writer *writer) {
  bool is_reverse = t->kind == PQ_ENCODE_REVERSE;
  pq_file_info info = {.kind = is_reverse ? PQ_FILE_REVERSE : PQ_FILE_FORWARD, .row_count = count};
  pq_slice min = {0}, max = {0};
  int rc;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice id = is_reverse ? edges[i].to_id : edges[i].from_id;
    info.has_foreign |= pq_id_is_foreign(edges[i].to_id);
    if (i == 0 || pq_slice_cmp(id, min) < 0) min = id;
    if (i == 0 || pq_slice_cmp(id, max) > 0) max = id;
  }
  rc = pq_arena_copy(&t->arena, min, &info.id_min);
  if (rc == PQ_OK) rc = pq_arena_copy(&t->arena, max, &info.id_max);
  if (rc == PQ_OK)
    return pq_encode_file(t, is_reverse ? "rels/reverse" : "rels/forward", info, writer);
  pq_writer_free(writer);
  return rc;
}

static int compare_edges(const void *a, const void *b, const void *ud) {
  return pq_edge_compare(*(const pq_edge *const *)a, *(const pq_edge *const *)b, ud != NULL);
}

static pq_slice key_of(const void *item, const void *ud) {
  const pq_edge *e = *(const pq_edge *const *)item;
  return ud != NULL ? e->to_id : e->from_id;
}

/* In the order of the direction; moved by pointers, because an edge is wide. */
static int sort_edges(encode_task *t, pq_edge **edges, uint32_t count) {
  const pq_edge **order = pq_arena_calloc(&t->scratch, count, sizeof *order);
  pq_edge *sorted = pq_arena_calloc(&t->scratch, count, sizeof *sorted);
  if (order == NULL || sorted == NULL) return t->cx.code;
  for (uint32_t i = 0; i < count; i++)
    order[i] = &(*edges)[i];
  PQ_TRY(pq_sort_by_key(&t->cx, order, count, sizeof *order, key_of, compare_edges,
                        t->kind == PQ_ENCODE_REVERSE ? t : NULL));
  for (uint32_t i = 0; i < count; i++)
    sorted[i] = *order[i];
  *edges = sorted;
  return PQ_OK;
}

int pq_encode_edges(encode_task *t, pq_edge **out, uint32_t *count) {
  const pq_overlay *o = t->f->overlay;
  pq_edge *edges;
  uint32_t n = 0;
  *out = NULL;
  *count = 0;
  if (o->from.count == 0) return PQ_OK;
  edges = pq_arena_calloc(&t->scratch, o->key_count, sizeof *edges);
  if (edges == NULL) return t->cx.code;
  for (uint32_t k = 0; k < o->key_count; k++) {
    const pq_event *newest = pq_overlay_at(o, k, t->f->seq_hi);
    pq_edge *e = &edges[n];
    if (newest == NULL || o->keys[k].target != PQ_TARGET_REL) continue;
    if (!pq_event_edge(newest, e)) continue;
    name_end(t->f, e->from_id, &e->from_name, &e->from_type);
    name_end(t->f, e->to_id, &e->to_name, &e->to_type);
    n++;
  }
  PQ_TRY(sort_edges(t, &edges, n));
  *out = edges;
  *count = n;
  return PQ_OK;
}

bool pq_encode_wants_segment(const encode_task *t, uint32_t count) {
  uint32_t least = t->f->space->db->thresholds.segment_edges;
  return t->kind == PQ_ENCODE_FORWARD && least > 0 && count >= least;
}

int pq_encode_segment(encode_task *t, const pq_adjacency *a) {
  pq_file_info info = {.kind = PQ_FILE_ADJACENCY, .row_count = a->node_count};
  pq_writer *writer;
  if (!pq_adjacency_is_storable(a)) return PQ_OK;
  PQ_TRY(pq_adjacency_write(&t->cx, a, &writer));
  return pq_encode_file(t, PQ_SEGMENT_FOLDER, info, writer);
}

static int encode_edges(encode_task *t) {
  pq_adjacency adjacency;
  pq_edge *edges;
  uint32_t n;
  pq_writer *writer;
  PQ_TRY(pq_encode_edges(t, &edges, &n));
  if (n == 0) return PQ_OK;
  PQ_TRY(pq_edge_file_write(&t->cx, pq_str(t->f->space->ns), edges, n, t->kind == PQ_ENCODE_REVERSE,
                            &writer));
  PQ_TRY(pq_encode_edges_done(t, edges, n, writer));
  if (!pq_encode_wants_segment(t, n)) return PQ_OK;
  PQ_TRY(pq_adjacency_of(&t->scratch, edges, n, &adjacency));
  return pq_encode_segment(t, &adjacency);
}

/* ---- events ---- */

static const pq_edge *old_edge(const pq_flush *f, const pq_event *e) {
  pq_edge probe = {.from_id = e->id, .predicate = e->predicate, .to_id = e->to_id};
  uint32_t lo = 0, hi = f->old_edge_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (pq_edge_compare(&f->old_edges[mid], &probe, false) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo == f->old_edge_count || pq_edge_compare(&f->old_edges[lo], &probe, false) != 0)
    return NULL;
  return &f->old_edges[lo];
}

/* The first event of the tail on its key: what files say was before it, and where. */
static void set_flushed_before(const pq_flush *f, bool has_before, pq_event *e) {
  const pq_edge *edge;
  uint32_t i;
  if (e->version <= 1) return;
  if (e->target == PQ_TARGET_COLLECTION) {
    const pq_collection_info *info = pq_manifest_collection(&f->space->manifest, e->id);
    if (info != NULL && info->schema_count == e->version - 1)
      e->before = info->schemas[info->schema_count - 1].schema;
    return;
  }
  if (e->target == PQ_TARGET_REL) {
    edge = old_edge(f, e);
    if (edge != NULL) e->before = edge->data;
    return;
  }
  i = pq_slices_find(f->ids, f->id_count, e->id);
  if (i == f->id_count || f->rows[i].at.info == NULL) return;
  if (has_before) e->before = f->rows[i].before;
  e->where_file = f->rows[i].at.file->name;
  e->where_row = pq_location_row(&f->rows[i].at);
}

/* Fill in what the state was before the event, in the form of its schema, and where its row was. */
static int set_before(encode_task *t, const pq_event *source, pq_event *e) {
  const pq_event *older = pq_overlay_before(t->f->overlay, source);
  uint64_t form = older == NULL ? t->f->snapshot.view.seq : older->seq;
  bool has_before = e->op != PQ_EVENT_CREATE; /* what was deleted softly is not before it */
  pq_slice collection, local;
  if (older == NULL)
    set_flushed_before(t->f, has_before, e);
  else if (has_before)
    e->before = older->after;
  if (e->target != PQ_TARGET_ENTITY || !pq_id_split(e->id, &collection, &local)) return PQ_OK;
  return bring(t, collection, form, e->seq, &e->before);
}

/* The events of the tail; a copy of those whose `before` is filled in. */
int pq_encode_events(encode_task *t, const pq_event ***out) {
  const pq_overlay *o = t->f->overlay;
  uint32_t count = (uint32_t)t->f->event_count;
  const pq_event **events = pq_arena_array(&t->scratch, count, sizeof *events);
  *out = events;
  if (events == NULL) return t->cx.code;
  for (uint32_t i = 0; i < count; i++) {
    const pq_version *v = &o->versions[i];
    pq_event *mine;
    events[i] = &v->event;
    /* What it stands in may move while there are steps to come. */
    if (t->f->is_whole && v->event.version <= 1 && v->older == PQ_NONE) continue;
    mine = pq_arena_alloc(&t->scratch, sizeof *mine);
    if (mine == NULL) return t->cx.code;
    *mine = v->event;
    PQ_TRY(set_before(t, &v->event, mine));
    events[i] = mine;
  }
  return PQ_OK;
}

int pq_encode_index_done(encode_task *t, const pq_event *const *events, uint32_t count,
                         const pq_event_index *index) {
  const pq_event *first = events[0], *last = events[count - 1];
  pq_file_info info = {.kind = PQ_FILE_EVENT_INDEX,
                       .row_count = index->rows,
                       .seq_lo = first->seq,
                       .ts_lo = first->ts,
                       .seq_hi = last->seq,
                       .ts_hi = last->ts,
                       .id_min = index->key_min, /* borrowed from the tail; join_task copies them */
                       .id_max = index->key_max};
  return pq_encode_file(t, "indexes/events", info, index->writer);
}

uint32_t pq_encode_day(const pq_event *const *events, uint32_t count) {
  int64_t day = events[0]->ts / DAY_US - (events[0]->ts % DAY_US < 0);
  uint64_t len = 0;
  uint32_t n = 0;
  for (; n < count && n < ROWS_FILE && len < DOC_LEN_FILE; n++) {
    const pq_event *e = events[n];
    if (e->ts / DAY_US - (e->ts % DAY_US < 0) != day) break;
    len += (uint64_t)e->after.len + e->before.len + 16;
  }
  return n;
}

int pq_encode_events_done(encode_task *t, const pq_event *const *events, uint32_t count,
                          pq_writer *writer) {
  const pq_event *first = events[0], *last = events[count - 1];
  pq_file_info info = {.kind = PQ_FILE_EVENTS,
                       .row_count = count,
                       .seq_lo = first->seq,
                       .ts_lo = first->ts,
                       .seq_hi = last->seq,
                       .ts_hi = last->ts};
  char day_text[PQ_DAY_CAP];
  const char *folder;
  pq_day_print(first->ts / DAY_US - (first->ts % DAY_US < 0), day_text);
  folder = pq_arena_printf(&t->arena, "events/day=%s", day_text);
  if (folder == NULL) {
    pq_writer_free(writer);
    return t->cx.code;
  }
  return pq_encode_file(t, folder, info, writer);
}

/* One file per day, more when a day's events are many. */
static int encode_events(encode_task *t) {
  const pq_event **events;
  uint32_t count = (uint32_t)t->f->event_count, n;
  PQ_TRY(pq_encode_events(t, &events));
  for (uint32_t from = 0; from < count; from += n) {
    pq_writer *writer;
    pq_event_index index;
    n = pq_encode_day(events + from, count - from);
    PQ_TRY(pq_event_file_write(&t->cx, runner_of(t), pq_str(t->f->space->ns), events + from, n,
                               &writer));
    PQ_TRY(pq_encode_events_done(t, events + from, n, writer));
    PQ_TRY(pq_event_index_write(&t->cx, events + from, n, &index));
    PQ_TRY(pq_encode_index_done(t, events + from, n, &index));
  }
  return PQ_OK;
}

int pq_encode_deletes(encode_task *t) {
  pq_file_info info = {.kind = PQ_FILE_DELETES, .row_count = t->f->delete_count};
  pq_writer *writer;
  if (t->f->delete_count == 0) return PQ_OK;
  PQ_TRY(pq_delete_file_write(&t->cx, t->f->deletes, t->f->delete_count, &writer));
  return pq_encode_file(t, "deletes", info, writer);
}

/* Copy what a note borrows from its task. */
static int keep_note(pq_op *op, pq_collection_info *note) {
  pq_index_column *columns = pq_arena_calloc(&op->arena, note->index_count, sizeof *columns);
  if (columns == NULL) return op->cx->code;
  for (uint32_t i = 0; i < note->index_count; i++) {
    columns[i] = note->index_columns[i];
    PQ_TRY(pq_arena_copy(&op->arena, columns[i].path, &columns[i].path));
    PQ_TRY(pq_arena_copy(&op->arena, columns[i].name, &columns[i].name));
  }
  note->index_columns = columns;
  return pq_arena_copy(&op->arena, note->name, &note->name);
}

static void run_task(void *ctx, uint32_t i) {
  encode_task *t = &((encode_task *)ctx)[i];
  switch (t->kind) {
    case PQ_ENCODE_COLLECTION: t->rc = encode_collection(t); break;
    case PQ_ENCODE_FORWARD:
    case PQ_ENCODE_REVERSE: t->rc = encode_edges(t); break;
    case PQ_ENCODE_EVENTS: t->rc = encode_events(t); break;
    case PQ_ENCODE_DELETES: t->rc = pq_encode_deletes(t); break;
  }
  t->is_done = true;
  pq_forms_release(&t->forms);
  pq_arena_release(&t->scratch);
}

/* The rows of the file, for events that come while the flush is under way. */
static int keep_ids(pq_flush *f, pq_op *op, const pq_encoded_file *file) {
  size_t count = (size_t)file->info.row_count;
  pq_slice *ids;
  if (file->ids == NULL || f->is_whole) return PQ_OK;
  ids = pq_arena_array(&op->arena, count, sizeof *ids);
  if (ids == NULL) return op->cx->code;
  memcpy(ids, file->ids, count * sizeof *ids);
  f->files[f->file_count - 1].ids = ids;
  return PQ_OK;
}

/* The files and notes of a finished task become the flush's. */
static int join_task(pq_flush *f, pq_op *op, encode_task *t) {
  if (t->rc != PQ_OK) return pq_fail(op->cx, t->rc, "%s", t->cx.msg);
  while (t->files != NULL) {
    pq_encoded_file *file = t->files;
    PQ_TRY(pq_arena_copy(&op->arena, file->info.collection, &file->info.collection));
    PQ_TRY(pq_arena_copy(&op->arena, file->info.id_min, &file->info.id_min));
    PQ_TRY(pq_arena_copy(&op->arena, file->info.id_max, &file->info.id_max));
    t->files = file->next; /* until here the task frees its writer */
    PQ_TRY(pq_flush_add_file(f, op, file->folder, file->info, file->writer));
    PQ_TRY(keep_ids(f, op, file));
  }
  if (t->note == NULL) return PQ_OK;
  f->collections[f->collection_count] = *t->note;
  if (t->note->internal_id == 0)
    f->collections[f->collection_count].internal_id =
        f->space->manifest.next_internal_id + f->fresh++;
  f->collection_count++;
  return keep_note(op, &f->collections[f->collection_count - 1]);
}

static void release_task(encode_task *t) {
  for (; t->files != NULL; t->files = t->files->next)
    pq_writer_free(t->files->writer);
  pq_encode_step_release(t);
  pq_forms_release(&t->forms);
  pq_arena_release(&t->scratch);
  pq_arena_release(&t->arena);
}

static int make_tasks(pq_flush *f, pq_op *op) {
  const pq_overlay *o = f->overlay;
  encode_task *tasks;
  uint32_t n = 0;
  /* Writers keep the context of their task: tasks live as long as the operation. */
  tasks = pq_arena_calloc(&op->arena, (size_t)o->collections.count + 4, sizeof *tasks);
  f->collections = pq_arena_calloc(&op->arena, (size_t)o->collections.count + o->key_count,
                                   sizeof *f->collections);
  if (tasks == NULL || f->collections == NULL) return op->cx->code;
  tasks[n++].kind = PQ_ENCODE_EVENTS; /* the longest first */
  tasks[n++].kind = PQ_ENCODE_FORWARD;
  tasks[n++].kind = PQ_ENCODE_REVERSE;
  for (uint32_t c = 0; c < o->collections.count; c++) {
    tasks[n].kind = PQ_ENCODE_COLLECTION;
    tasks[n++].chain = c;
  }
  tasks[n++].kind = PQ_ENCODE_DELETES;
  for (uint32_t i = 0; i < n; i++) {
    tasks[i].f = f;
    tasks[i].tail = &tasks[i].files;
    pq_task_cx(&tasks[i].cx, op->cx);
    pq_forms_init(&tasks[i].forms, &tasks[i].cx);
    pq_arena_init(&tasks[i].scratch, &tasks[i].cx, op->cx->limits.op_len_max);
    pq_arena_init(&tasks[i].arena, &tasks[i].cx, op->cx->limits.op_len_max);
  }
  f->tasks = tasks;
  f->task_count = n;
  return PQ_OK;
}

void pq_flush_release_tasks(pq_flush *f) {
  for (uint32_t i = 0; i < f->task_count; i++)
    release_task(&f->tasks[i]);
  f->task_count = 0;
}

/* About PQ_STEP_LEN of the tasks that are left, or all of them side by side. */
static int stage_tasks(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  uint64_t left = PQ_STEP_LEN;
  if (f->is_whole) pq_tasks_run(&f->space->db->runner, run_task, f->tasks, f->task_count);
  while (f->task < f->task_count && left > 0) {
    encode_task *t = &f->tasks[f->task];
    if (!t->is_done) pq_encode_step(t, &left);
    if (t->rc == PQ_OK && !t->is_done) break;
    PQ_TRY(join_task(f, op, t));
    f->task++;
  }
  f->encoded = PQ_STEP_LEN - left;
  if (f->task < f->task_count) return PQ_YIELD;
  pq_flush_release_tasks(f);
  PQ_TRY(pq_flush_note_schemas(f, op));
  op->stage = f->after_encode != NULL ? f->after_encode : pq_flush_stage_fence;
  return PQ_YIELD;
}

int pq_flush_stage_encode(pq_op *op) {
  PQ_TRY(make_tasks(pq_flush_of(op), op));
  op->stage = stage_tasks;
  return PQ_OK;
}
