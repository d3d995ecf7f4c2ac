/* db/flush_encode.c - second part of a flush: the tail as Parquet files, in memory. See flush.h. */
#include <string.h>

#include "base/merge_sort.h"
#include "base/text.h"
#include "db/flush_int.h"
#include "db/schema_of.h"

enum {
  DOC_LEN_FILE = 192 << 20, /* uncompressed bytes of documents or events in one file */
  ROWS_FILE = 4 << 20
};
#define DAY_US 86400000000

/* What can be encoded side by side: each collection, each edge direction, the events, the deletes.
 * A task has its own context and memory and only reads what it shares; its files join the flush
 * when all tasks have ended, in this order, so that the result does not depend on who was first. */
typedef enum task_kind {
  TASK_COLLECTION,
  TASK_FORWARD,
  TASK_REVERSE,
  TASK_EVENTS,
  TASK_DELETES
} task_kind;

typedef struct encoded_file {
  const char *folder;
  pq_file_info info; /* strings in the task's arena */
  pq_writer *writer; /* owned */
  struct encoded_file *next;
} encoded_file;

typedef struct encode_task {
  pq_flush *f;
  task_kind kind;
  const pq_overlay_chain *chain; /* TASK_COLLECTION */
  pq_cx cx;
  pq_arena scratch;
  pq_arena arena; /* lives as long as the task */
  encoded_file *files, **tail;
  pq_collection_info *note; /* index columns to put into the entry, or NULL */
  pq_forms forms;           /* its own, because tasks run side by side */
  int rc;
} encode_task;

/* Row groups of a task's files are tasks in turn. */
static const pq_task_runner *runner_of(const encode_task *t) {
  return &t->f->space->db->runner;
}

/* A file that a task has encoded; the writer is taken. */
static int task_file(encode_task *t, const char *folder, pq_file_info info, pq_writer *writer) {
  encoded_file *file = pq_arena_alloc(&t->arena, sizeof *file);
  if (file == NULL) {
    pq_writer_free(writer);
    return t->cx.code;
  }
  *file = (encoded_file){folder, info, writer, NULL};
  *t->tail = file;
  t->tail = &file->next;
  return PQ_OK;
}

/* Bring what was written at seq `from` into the form of seq `to`. */
static int bring(encode_task *t, pq_slice collection, uint64_t from, uint64_t to, pq_value *doc) {
  pq_form_source s = {&t->f->space->manifest, t->f->space->overlay, collection};
  return pq_forms_bring(&t->forms, &t->scratch, &s, from, to, doc);
}

/* ---- entities ---- */

static int compare_entities(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(const pq_entity *const *)a)->id, (*(const pq_entity *const *)b)->id);
}

/* *rows in the order of their ids. */
static int sort_rows(encode_task *t, pq_entity **rows, uint32_t count) {
  pq_entity *sorted = pq_arena_array(&t->scratch, count, sizeof *sorted);
  pq_entity **order = pq_arena_array(&t->scratch, count, sizeof *order);
  if (sorted == NULL || order == NULL) return t->cx.code;
  for (uint32_t i = 0; i < count; i++)
    order[i] = &(*rows)[i];
  PQ_TRY(pq_sort_items(&t->cx, order, count, sizeof *order, compare_entities, NULL));
  for (uint32_t i = 0; i < count; i++)
    sorted[i] = *order[i];
  *rows = sorted;
  return PQ_OK;
}

/* The rows that the tail leaves for a collection, sorted by id: as they came, in most imports. */
static int collection_rows(encode_task *t, const pq_overlay_chain *chain, pq_entity **out,
                           uint32_t *count) {
  const pq_overlay *o = t->f->space->overlay;
  pq_entity *rows = pq_arena_array(&t->scratch, chain->count, sizeof *rows);
  pq_slice name_field = pq_name_field_now(t->f->space, chain->name);
  bool is_sorted = true;
  uint32_t n = 0;
  *out = NULL;
  *count = 0;
  if (rows == NULL) return t->cx.code;
  for (uint32_t k = chain->head; k != PQ_NONE; k = o->keys[k].next) {
    const pq_event *e = pq_overlay_at(o, k, UINT64_MAX);
    if (!pq_event_entity(e, &rows[n])) continue;
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
  pq_schema *schema;
  *out = (pq_entity_table){0};
  if (docs == NULL) return t->cx.code;
  for (uint32_t i = 0; i < count; i++)
    docs[i] = rows[i].data;
  PQ_TRY(pq_schema_open(&t->arena, collection, at, &schema));
  PQ_TRY(pq_schema_columns_all(&t->arena, info, schema, &known));
  PQ_TRY(pq_index_choose(&t->arena, docs, count, known.columns, known.count, &all.columns,
                         &all.count));
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

static int encode_collection(encode_task *t, const pq_overlay_chain *chain) {
  pq_entity_table table;
  pq_schema_at at;
  pq_entity *rows = NULL;
  const char *folder;
  uint32_t count = 0, n;
  PQ_TRY(collection_rows(t, chain, &rows, &count));
  if (count == 0) return PQ_OK;
  pq_schema_now(t->f->space, chain->name, &at);
  PQ_TRY(choose_columns(t, chain->name, &at, rows, count, &table));
  PQ_TRY(pq_flush_folder(&t->arena, chain->name, &folder));
  for (uint32_t from = 0; from < count; from += n) {
    pq_file_info info = {.kind = PQ_FILE_DATA, .has_form = true, .form_seq = at.seq};
    pq_writer *writer;
    n = pq_entity_file_rows(rows + from, count - from);
    info.row_count = n;
    PQ_TRY(pq_arena_copy(&t->arena, chain->name, &info.collection));
    PQ_TRY(pq_arena_copy(&t->arena, rows[from].id, &info.id_min));
    PQ_TRY(pq_arena_copy(&t->arena, rows[from + n - 1].id, &info.id_max));
    PQ_TRY(pq_entity_file_write(&t->cx, runner_of(t), &table, rows + from, n, &writer));
    PQ_TRY(task_file(t, folder, info, writer));
  }
  return PQ_OK;
}

/* ---- edges ---- */

/* Name and type of an edge's end: from the tail, else from the files. */
static void name_end(const pq_flush *f, pq_slice id, pq_slice *name, pq_slice *type) {
  const pq_event *e = pq_overlay_entity(f->space->overlay, id, UINT64_MAX);
  pq_slice collection, local;
  uint32_t i;
  if (e != NULL) {
    if (!pq_id_split(id, &collection, &local)) collection = (pq_slice){0};
    *name = pq_entity_name(id, e->after, pq_name_field_now(f->space, collection));
    *type = e->type;
    return;
  }
  i = pq_flush_find(f->end_ids, f->end_count, id);
  if (i == UINT32_MAX) return;
  *name = f->end_names[i];
  *type = f->end_types[i];
}

static int encode_direction(encode_task *t, pq_edge *edges, uint32_t count, bool is_reverse) {
  pq_file_info info = {.kind = is_reverse ? PQ_FILE_REVERSE : PQ_FILE_FORWARD, .row_count = count};
  pq_slice min = {0}, max = {0};
  pq_writer *writer;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice id = is_reverse ? edges[i].to_id : edges[i].from_id;
    if (i == 0 || pq_slice_cmp(id, min) < 0) min = id;
    if (i == 0 || pq_slice_cmp(id, max) > 0) max = id;
  }
  PQ_TRY(pq_arena_copy(&t->arena, min, &info.id_min));
  PQ_TRY(pq_arena_copy(&t->arena, max, &info.id_max));
  PQ_TRY(pq_edge_file_write(&t->cx, pq_str(t->f->space->ns), edges, count, is_reverse, &writer));
  return task_file(t, is_reverse ? "rels/reverse" : "rels/forward", info, writer);
}

static int encode_edges(encode_task *t) {
  const pq_overlay *o = t->f->space->overlay;
  pq_edge *edges;
  uint32_t n = 0;
  if (o->from.count == 0) return PQ_OK;
  edges = pq_arena_calloc(&t->scratch, o->key_count, sizeof *edges);
  if (edges == NULL) return t->cx.code;
  for (uint32_t k = 0; k < o->key_count; k++) {
    pq_edge *e = &edges[n];
    if (o->keys[k].target != PQ_TARGET_REL) continue;
    if (!pq_event_edge(pq_overlay_at(o, k, UINT64_MAX), e)) continue;
    name_end(t->f, e->from_id, &e->from_name, &e->from_type);
    name_end(t->f, e->to_id, &e->to_name, &e->to_type);
    n++;
  }
  if (n == 0) return PQ_OK;
  return encode_direction(t, edges, n, t->kind == TASK_REVERSE);
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
  i = pq_flush_find(f->ids, f->id_count, e->id);
  if (i == UINT32_MAX || f->locations[i].info == NULL) return;
  if (has_before) e->before = f->before[i];
  e->where_file = f->locations[i].file->name;
  e->where_row = pq_location_row(&f->locations[i]);
}

/* Fill in what the state was before the event, in the form of its schema, and where its row was. */
static int set_before(encode_task *t, const pq_event *source, pq_event *e) {
  const pq_event *older = pq_overlay_before(t->f->space->overlay, source);
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
static int list_events(encode_task *t, const pq_event ***out) {
  const pq_overlay *o = t->f->space->overlay;
  const pq_event **events = pq_arena_array(&t->scratch, o->version_count, sizeof *events);
  *out = events;
  if (events == NULL) return t->cx.code;
  for (uint32_t i = 0; i < o->version_count; i++) {
    const pq_version *v = &o->versions[i];
    pq_event *mine;
    events[i] = &v->event;
    if (v->event.version <= 1 && v->older == PQ_NONE) continue;
    mine = pq_arena_alloc(&t->scratch, sizeof *mine);
    if (mine == NULL) return t->cx.code;
    *mine = v->event;
    PQ_TRY(set_before(t, &v->event, mine));
    events[i] = mine;
  }
  return PQ_OK;
}

/* One file per day, more when a day's events are many. */
static int encode_events(encode_task *t) {
  const pq_event **events;
  uint32_t count = t->f->space->overlay->version_count, n;
  PQ_TRY(list_events(t, &events));
  for (uint32_t from = 0; from < count; from += n) {
    const pq_event *first = events[from];
    int64_t day = first->ts / DAY_US - (first->ts % DAY_US < 0);
    pq_file_info info = {.kind = PQ_FILE_EVENTS, .seq_lo = first->seq, .ts_lo = first->ts};
    char day_text[PQ_DAY_CAP];
    const char *folder;
    pq_writer *writer;
    uint64_t len = 0;
    for (n = 0; from + n < count && n < ROWS_FILE && len < DOC_LEN_FILE; n++) {
      const pq_event *e = events[from + n];
      if (e->ts / DAY_US - (e->ts % DAY_US < 0) != day) break;
      len += (uint64_t)e->after.len + e->before.len + 16;
    }
    info.row_count = n;
    info.seq_hi = events[from + n - 1]->seq;
    info.ts_hi = events[from + n - 1]->ts;
    pq_day_print(day, day_text);
    folder = pq_arena_printf(&t->arena, "events/day=%s", day_text);
    if (folder == NULL) return t->cx.code;
    PQ_TRY(pq_event_file_write(&t->cx, runner_of(t), pq_str(t->f->space->ns), events + from, n,
                               &writer));
    PQ_TRY(task_file(t, folder, info, writer));
  }
  return PQ_OK;
}

static int encode_deletes(encode_task *t) {
  pq_file_info info = {.kind = PQ_FILE_DELETES, .row_count = t->f->delete_count};
  pq_writer *writer;
  if (t->f->delete_count == 0) return PQ_OK;
  PQ_TRY(pq_delete_file_write(&t->cx, t->f->deletes, t->f->delete_count, &writer));
  return task_file(t, "deletes", info, writer);
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
    case TASK_COLLECTION: t->rc = encode_collection(t, t->chain); break;
    case TASK_FORWARD:
    case TASK_REVERSE: t->rc = encode_edges(t); break;
    case TASK_EVENTS: t->rc = encode_events(t); break;
    case TASK_DELETES: t->rc = encode_deletes(t); break;
  }
  pq_forms_release(&t->forms);
  pq_arena_release(&t->scratch);
}

/* The files and notes of a finished task become the flush's. */
static int join_task(pq_flush *f, pq_op *op, encode_task *t) {
  if (t->rc != PQ_OK) return pq_fail(op->cx, t->rc, "%s", t->cx.msg);
  while (t->files != NULL) {
    encoded_file *file = t->files;
    t->files = file->next;
    PQ_TRY(pq_arena_copy(&op->arena, file->info.collection, &file->info.collection));
    PQ_TRY(pq_arena_copy(&op->arena, file->info.id_min, &file->info.id_min));
    PQ_TRY(pq_arena_copy(&op->arena, file->info.id_max, &file->info.id_max));
    PQ_TRY(pq_flush_add_file(f, op, file->folder, file->info, file->writer));
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
  pq_arena_release(&t->arena);
}

static uint32_t make_tasks(pq_flush *f, pq_op *op, encode_task *tasks) {
  const pq_overlay *o = f->space->overlay;
  uint32_t n = 0;
  tasks[n++].kind = TASK_EVENTS; /* the longest first */
  tasks[n++].kind = TASK_FORWARD;
  tasks[n++].kind = TASK_REVERSE;
  for (uint32_t c = 0; c < o->collections.count; c++) {
    tasks[n].kind = TASK_COLLECTION;
    tasks[n++].chain = &o->collections.items[c];
  }
  tasks[n++].kind = TASK_DELETES;
  for (uint32_t i = 0; i < n; i++) {
    tasks[i].f = f;
    tasks[i].tail = &tasks[i].files;
    pq_task_cx(&tasks[i].cx, op->cx);
    pq_forms_init(&tasks[i].forms, &tasks[i].cx);
    pq_arena_init(&tasks[i].scratch, &tasks[i].cx, op->cx->limits.op_len_max);
    pq_arena_init(&tasks[i].arena, &tasks[i].cx, op->cx->limits.op_len_max);
  }
  return n;
}

int pq_flush_stage_encode(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  uint32_t collections = f->space->overlay->collections.count, n;
  /* Writers keep the context of their task: tasks live as long as the operation. */
  encode_task *tasks = pq_arena_calloc(&op->arena, (size_t)collections + 4, sizeof *tasks);
  int rc = PQ_OK;
  f->collections = pq_arena_calloc(&op->arena, (size_t)collections + f->space->overlay->key_count,
                                   sizeof *f->collections);
  if (tasks == NULL || f->collections == NULL) return op->cx->code;
  n = make_tasks(f, op, tasks);
  pq_tasks_run(&f->space->db->runner, run_task, tasks, n);
  for (uint32_t i = 0; i < n && rc == PQ_OK; i++)
    rc = join_task(f, op, &tasks[i]);
  for (uint32_t i = 0; i < n; i++)
    release_task(&tasks[i]);
  if (rc == PQ_OK) rc = pq_flush_note_schemas(f, op);
  if (rc == PQ_OK) op->stage = pq_flush_stage_fence;
  return rc;
}
