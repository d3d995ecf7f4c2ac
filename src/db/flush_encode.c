/* db/flush_encode.c - second part of a flush: the tail as Parquet files, in memory. See flush.h. */
#include <string.h>

#include "base/merge_sort.h"
#include "base/text.h"
#include "db/flush_int.h"

enum {
  DOC_LEN_FILE = 192 << 20, /* uncompressed bytes of documents or events in one file */
  ROWS_FILE = 4 << 20
};
#define DAY_US 86400000000

/* ---- names ---- */

/* data/%2fodd%20name: bytes other than letters, digits, '-', '_' and inner '.' are encoded. */
static int encode_name(pq_op *op, pq_slice name, const char **out) {
  static const char hex[] = "0123456789ABCDEF";
  char *p = pq_arena_alloc(&op->arena, name.n * 3 + 1);
  size_t n = 0;
  *out = p;
  if (p == NULL) return op->cx->code;
  for (size_t i = 0; i < name.n; i++) {
    uint8_t c = name.p[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || (c == '.' && i > 0);
    if (!is_plain) {
      p[n++] = '%';
      p[n++] = hex[c >> 4];
    }
    p[n++] = is_plain ? (char)c : hex[c & 15];
  }
  p[n] = '\0';
  return PQ_OK;
}

/* A new file of the flush: "<folder>/<epoch>-<n>-<rand>.parquet". The writer is taken. */
static int add_file(pq_flush *f, pq_op *op, const char *folder, pq_file_info info,
                    pq_writer *writer) {
  char token[PQ_TOKEN_LEN + 1];
  pq_flush_file *file;
  char *key;
  if (f->file_count == f->file_cap) {
    uint32_t cap = f->file_cap == 0 ? 16 : f->file_cap * 2;
    pq_flush_file *files = pq_arena_calloc(&op->arena, cap, sizeof *files);
    if (files == NULL) {
      pq_writer_free(writer);
      return op->cx->code;
    }
    if (f->file_count > 0) memcpy(files, f->files, f->file_count * sizeof *files);
    f->files = files;
    f->file_cap = cap;
  }
  file = &f->files[f->file_count++];
  *file = (pq_flush_file){.writer = writer, .info = info};
  pq_db_token(f->space->db, token);
  token[8] = '\0';
  key = pq_arena_printf(&op->arena, "%s/%s/%llu-%llu-%s.parquet", f->space->ns, folder,
                        (unsigned long long)f->space->epoch,
                        (unsigned long long)++f->space->file_no, token);
  if (key == NULL) return op->cx->code;
  file->key = key;
  file->info.name = key + strlen(f->space->ns) + 1;
  file->info.len = pq_writer_bytes(writer).n;
  file->info.footer_len = pq_writer_footer_len(writer);
  file->info.removed = PQ_ENTRY_NONE;
  f->byte_count += file->info.len;
  return PQ_OK;
}

/* ---- entities ---- */

static int compare_entities(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(const pq_entity *const *)a)->id, (*(const pq_entity *const *)b)->id);
}

/* The rows that the tail leaves for a collection, sorted by id. */
static int collection_rows(pq_flush *f, pq_op *op, const pq_overlay_chain *chain, pq_entity **out,
                           uint32_t *count) {
  const pq_overlay *o = f->space->overlay;
  pq_entity *rows = pq_arena_calloc(&op->scratch, chain->count, sizeof *rows);
  pq_entity *sorted = pq_arena_calloc(&op->scratch, chain->count, sizeof *sorted);
  pq_entity **order = pq_arena_calloc(&op->scratch, chain->count, sizeof *order);
  uint32_t n = 0;
  *out = NULL;
  *count = 0;
  if (rows == NULL || sorted == NULL || order == NULL) return op->cx->code;
  for (uint32_t k = chain->head; k != PQ_NONE; k = o->keys[k].next) {
    order[n] = &rows[n];
    if (pq_event_entity(pq_overlay_at(o, k, UINT64_MAX), &rows[n])) n++;
  }
  PQ_TRY(pq_sort_items(op->cx, order, n, sizeof *order, compare_entities, NULL));
  for (uint32_t i = 0; i < n; i++) sorted[i] = *order[i];
  *out = sorted;
  *count = n;
  return PQ_OK;
}

/* The collection's index columns, with new ones chosen from these documents; noted in the entry
 * when the set grew or the collection is new. */
static int choose_columns(pq_flush *f, pq_op *op, pq_slice collection, const pq_entity *rows,
                          uint32_t count, pq_index_column **columns, uint32_t *column_count) {
  const pq_collection_info *info = pq_manifest_collection(&f->space->manifest, collection);
  pq_value *docs = pq_arena_calloc(&op->scratch, count, sizeof *docs);
  pq_collection_info *note;
  *columns = NULL;
  *column_count = 0;
  if (docs == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++) docs[i] = rows[i].data;
  PQ_TRY(pq_index_choose(&op->arena, docs, count, info == NULL ? NULL : info->index_columns,
                         info == NULL ? 0 : info->index_count, columns, column_count));
  if (info != NULL && info->index_count == *column_count) return PQ_OK;
  note = &f->collections[f->collection_count];
  *note = (pq_collection_info){.index_columns = *columns, .index_count = *column_count};
  note->internal_id = info != NULL ? info->internal_id
                                   : f->space->manifest.next_internal_id + f->collection_count;
  PQ_TRY(pq_arena_copy(&op->arena, collection, &note->name));
  f->collection_count++;
  return PQ_OK;
}

static int encode_collection(pq_flush *f, pq_op *op, const pq_overlay_chain *chain) {
  pq_index_column *columns;
  pq_entity *rows = NULL;
  const char *name = NULL, *folder;
  uint32_t count = 0, column_count, n;
  PQ_TRY(collection_rows(f, op, chain, &rows, &count));
  if (count == 0) return PQ_OK;
  PQ_TRY(choose_columns(f, op, chain->name, rows, count, &columns, &column_count));
  PQ_TRY(encode_name(op, chain->name, &name));
  folder = pq_arena_printf(&op->arena, "data/%s", name);
  if (folder == NULL) return op->cx->code;
  for (uint32_t from = 0; from < count; from += n) {
    pq_file_info info = {.kind = PQ_FILE_DATA};
    pq_writer *writer;
    uint64_t len = 0;
    for (n = 0; from + n < count && n < ROWS_FILE && len < DOC_LEN_FILE; n++)
      len += rows[from + n].data.len + rows[from + n].data.meta_len;
    info.row_count = n;
    PQ_TRY(pq_arena_copy(&op->arena, chain->name, &info.collection));
    PQ_TRY(pq_arena_copy(&op->arena, rows[from].id, &info.id_min));
    PQ_TRY(pq_arena_copy(&op->arena, rows[from + n - 1].id, &info.id_max));
    PQ_TRY(pq_entity_file_write(op->cx, chain->name, columns, column_count, rows + from, n,
                                &writer));
    PQ_TRY(add_file(f, op, folder, info, writer));
  }
  return PQ_OK;
}

/* ---- edges ---- */

/* Name and type of an edge's end: from the tail, else from the files. */
static void name_end(const pq_flush *f, pq_slice id, pq_slice *name, pq_slice *type) {
  const pq_event *e = pq_overlay_entity(f->space->overlay, id, UINT64_MAX);
  uint32_t i;
  if (e != NULL) {
    *name = pq_entity_name(id, e->after);
    *type = e->type;
    return;
  }
  i = pq_flush_find(f->end_ids, f->end_count, id);
  if (i == UINT32_MAX) return;
  *name = f->end_names[i];
  *type = f->end_types[i];
}

static int encode_direction(pq_flush *f, pq_op *op, pq_edge *edges, uint32_t count,
                            bool is_reverse) {
  pq_file_info info = {.kind = is_reverse ? PQ_FILE_REVERSE : PQ_FILE_FORWARD, .row_count = count};
  pq_slice min = {0}, max = {0};
  pq_writer *writer;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice id = is_reverse ? edges[i].to_id : edges[i].from_id;
    if (i == 0 || pq_slice_cmp(id, min) < 0) min = id;
    if (i == 0 || pq_slice_cmp(id, max) > 0) max = id;
  }
  PQ_TRY(pq_arena_copy(&op->arena, min, &info.id_min));
  PQ_TRY(pq_arena_copy(&op->arena, max, &info.id_max));
  PQ_TRY(pq_edge_file_write(op->cx, pq_str(f->space->ns), edges, count, is_reverse, &writer));
  return add_file(f, op, is_reverse ? "rels/reverse" : "rels/forward", info, writer);
}

static int encode_edges(pq_flush *f, pq_op *op) {
  const pq_overlay *o = f->space->overlay;
  pq_edge *edges = pq_arena_calloc(&op->scratch, o->key_count, sizeof *edges);
  uint32_t n = 0;
  if (edges == NULL) return op->cx->code;
  for (uint32_t k = 0; k < o->key_count; k++) {
    pq_edge *e = &edges[n];
    if (o->keys[k].target != PQ_TARGET_REL) continue;
    if (!pq_event_edge(pq_overlay_at(o, k, UINT64_MAX), e)) continue;
    name_end(f, e->from_id, &e->from_name, &e->from_type);
    name_end(f, e->to_id, &e->to_name, &e->to_type);
    n++;
  }
  if (n == 0) return PQ_OK;
  PQ_TRY(encode_direction(f, op, edges, n, false));
  return encode_direction(f, op, edges, n, true);
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

/* Fill in what the state was before the event, and where its row was. */
static void set_before(const pq_flush *f, const pq_event *source, pq_event *e) {
  const pq_event *older = pq_overlay_before(f->space->overlay, source);
  const pq_edge *edge;
  uint32_t i;
  bool has_before = e->op != PQ_EVENT_CREATE; /* what was deleted softly is not before it */
  if (older != NULL) {
    if (has_before) e->before = older->after;
    return;
  }
  if (e->version <= 1) return;
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

/* One file per day, more when a day's events are many. */
static int encode_events(pq_flush *f, pq_op *op) {
  const pq_overlay *o = f->space->overlay;
  uint32_t count = o->version_count, n;
  pq_event *events = pq_arena_calloc(&op->scratch, count, sizeof *events);
  if (events == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    events[i] = o->versions[i].event;
    set_before(f, &o->versions[i].event, &events[i]);
  }
  for (uint32_t from = 0; from < count; from += n) {
    const pq_event *first = &events[from];
    int64_t day = first->ts / DAY_US - (first->ts % DAY_US < 0);
    pq_file_info info = {.kind = PQ_FILE_EVENTS, .seq_lo = first->seq, .ts_lo = first->ts};
    char day_text[PQ_DAY_CAP];
    const char *folder;
    pq_writer *writer;
    uint64_t len = 0;
    for (n = 0; from + n < count && n < ROWS_FILE && len < DOC_LEN_FILE; n++) {
      const pq_event *e = first + n;
      if (e->ts / DAY_US - (e->ts % DAY_US < 0) != day) break;
      len += (uint64_t)e->after.len + e->before.len + 16;
    }
    info.row_count = n;
    info.seq_hi = first[n - 1].seq;
    info.ts_hi = first[n - 1].ts;
    pq_day_print(day, day_text);
    folder = pq_arena_printf(&op->arena, "events/day=%s", day_text);
    if (folder == NULL) return op->cx->code;
    PQ_TRY(pq_event_file_write(op->cx, pq_str(f->space->ns), first, n, &writer));
    PQ_TRY(add_file(f, op, folder, info, writer));
  }
  return PQ_OK;
}

static int encode_deletes(pq_flush *f, pq_op *op) {
  pq_file_info info = {.kind = PQ_FILE_DELETES, .row_count = f->delete_count};
  pq_writer *writer;
  if (f->delete_count == 0) return PQ_OK;
  PQ_TRY(pq_delete_file_write(op->cx, f->deletes, f->delete_count, &writer));
  return add_file(f, op, "deletes", info, writer);
}

int pq_flush_stage_encode(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  const pq_overlay *o = f->space->overlay;
  f->collections = pq_arena_calloc(&op->arena, o->collections.count, sizeof *f->collections);
  if (f->collections == NULL) return op->cx->code;
  for (uint32_t c = 0; c < o->collections.count; c++) {
    pq_arena_clear(&op->scratch);
    PQ_TRY(encode_collection(f, op, &o->collections.items[c]));
  }
  pq_arena_clear(&op->scratch);
  PQ_TRY(encode_edges(f, op));
  pq_arena_clear(&op->scratch);
  PQ_TRY(encode_events(f, op));
  PQ_TRY(encode_deletes(f, op));
  op->stage = pq_flush_stage_fence;
  return PQ_OK;
}
