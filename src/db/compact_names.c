/* db/compact_names.c - display names and types of the ends of edges, as they are when a compaction
 * rewrites the rows. See compact_int.h.
 *
 *   windows ─► ends that are not known yet, some at a time ─► looked up ─► known ─► the rows
 *
 * Names in edge files are hints for outside readers: rows keep what they had when they were written
 * until a compaction comes by. It looks only if an entity may have changed since the oldest of its
 * inputs, and up to a number of ends: a merge of files must not become a read of the whole
 * database.
 */
#include <string.h>

#include "base/slices.h"
#include "db/compact_int.h"

enum {
  IDS_AT_ONCE = 1024,
  LOOKED_MAX = 200000,     /* ends of a job; rows of others keep their hints */
  NAMES_LEN_MAX = 16 << 20 /* of what is known of them */
};

typedef struct known_end {
  pq_slice id, name, type; /* without an entity: none */
} known_end;

struct pq_compact_names {
  pq_cx *cx;
  pq_arena arena; /* owned */
  pq_table table; /* owned: by id */
  known_end *items;
  uint32_t count, cap;
  uint64_t looked;
  bool is_over; /* enough: no more are looked up */
};

void pq_compact_names_free(pq_compact_job *job, pq_cx *cx) {
  struct pq_compact_names *n = job->names;
  if (n == NULL) return;
  pq_table_release(&n->table);
  pq_arena_release(&n->arena);
  pq_alloc(cx, n, sizeof *n, 0);
  job->names = NULL;
}

/* Has a file of entities come since the oldest input? */
static bool may_have_changed(const pq_flush *f, const pq_compact_job *job) {
  const pq_manifest *m = f->snapshot.view.manifest;
  uint64_t oldest = UINT64_MAX;
  for (uint32_t i = 0; i < job->input_count; i++)
    if (job->inputs[i].info.added < oldest) oldest = job->inputs[i].info.added;
  for (uint32_t i = 0; i < m->file_count; i++)
    if (m->files[i].kind == PQ_FILE_DATA && m->files[i].added > oldest &&
        pq_view_has_file(&f->snapshot.view, &m->files[i]))
      return true;
  return false;
}

int pq_compact_names_begin(pq_flush *f, pq_compact_job *job) {
  pq_cx *cx = f->space->db->cx;
  if (!pq_compact_is_edges(job) || job->names != NULL || !may_have_changed(f, job)) return PQ_OK;
  job->names = pq_alloc(cx, NULL, 0, sizeof *job->names);
  if (job->names == NULL) return pq_fail_nomem(cx);
  *job->names = (struct pq_compact_names){.cx = cx};
  pq_arena_init(&job->names->arena, cx, cx->limits.op_len_max);
  pq_table_init(&job->names->table, cx);
  return PQ_OK;
}

static const known_end *find(const struct pq_compact_names *n, pq_slice id) {
  uint64_t hash = pq_hash(id, 0);
  size_t pos;
  uint32_t i = pq_table_first(&n->table, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&n->table, hash, &pos))
    if (pq_slice_eq(n->items[i].id, id)) return &n->items[i];
  return NULL;
}

static int reserve(struct pq_compact_names *n) {
  uint32_t cap = n->cap == 0 ? IDS_AT_ONCE : n->cap * 2;
  known_end *items;
  if (n->count < n->cap) return PQ_OK;
  items = pq_arena_calloc(&n->arena, cap, sizeof *items);
  if (items == NULL) return n->cx->code;
  if (n->count > 0) memcpy(items, n->items, n->count * sizeof *items);
  n->items = items;
  n->cap = cap;
  return PQ_OK;
}

static int copy_text(pq_arena *arena, pq_slice in, pq_slice *out) {
  *out = (pq_slice){0};
  return in.p == NULL ? PQ_OK : pq_arena_copy(arena, in, out);
}

static int add(struct pq_compact_names *n, known_end end) {
  known_end *e;
  PQ_TRY(reserve(n));
  e = &n->items[n->count];
  *e = (known_end){0};
  PQ_TRY(pq_arena_copy(&n->arena, end.id, &e->id));
  PQ_TRY(copy_text(&n->arena, end.name, &e->name));
  PQ_TRY(copy_text(&n->arena, end.type, &e->type));
  PQ_TRY(pq_table_add(&n->table, pq_hash(e->id, 0), n->count));
  n->count++;
  return PQ_OK;
}

/* Ends of rows that wait for their names and are not known. */
static int list_unknown(pq_op *op, const pq_compact_job *job, pq_slice **out, uint32_t *count) {
  pq_slice *ids = pq_arena_calloc(&op->scratch, 2 * IDS_AT_ONCE, sizeof *ids);
  uint32_t n = 0;
  if (ids == NULL) return op->cx->code;
  for (uint32_t i = 0; i < job->input_count; i++) {
    const pq_compact_input *in = &job->inputs[i];
    for (uint32_t r = 0; !in->is_named && r < in->count && n < 2 * IDS_AT_ONCE - 1; r++) {
      const pq_edge *e = &in->edges[r];
      if (find(job->names, e->from_id) == NULL && (n == 0 || !pq_slice_eq(ids[n - 1], e->from_id)))
        ids[n++] = e->from_id;
      if (find(job->names, e->to_id) == NULL) ids[n++] = e->to_id;
    }
  }
  *out = ids;
  *count = n;
  return pq_slices_sort(op->cx, ids, count);
}

static int look_up(pq_flush *f, pq_op *op, struct pq_compact_names *n, const pq_slice *ids,
                   uint32_t count) {
  const pq_view *v = &f->snapshot.view;
  pq_location *at = pq_arena_calloc(&op->scratch, count, sizeof *at);
  pq_entity *rows = pq_arena_calloc(&op->scratch, count, sizeof *rows);
  pq_slice *names = pq_arena_calloc(&op->scratch, count, sizeof *names);
  if (at == NULL || rows == NULL || names == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, count, true, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, count, PQ_WANT_NAME | PQ_WANT_SYSTEM, rows,
                      names));
  for (uint32_t i = 0; i < count; i++) {
    known_end e = {.id = ids[i]};
    if (at[i].info != NULL) {
      e.name = names[i];
      e.type = rows[i].type;
    }
    PQ_TRY(add(n, e));
  }
  n->looked += count;
  n->is_over = n->looked >= LOOKED_MAX || n->arena.used_len >= NAMES_LEN_MAX;
  return PQ_OK;
}

static int name_end(pq_arena *arena, const struct pq_compact_names *n, pq_slice id, pq_slice *name,
                    pq_slice *type) {
  const known_end *e = find(n, id);
  if (e == NULL) return PQ_OK;
  PQ_TRY(copy_text(arena, e->name, name));
  return copy_text(arena, e->type, type);
}

static int name_rows(const struct pq_compact_names *n, pq_compact_input *in) {
  for (uint32_t r = 0; r < in->count; r++) {
    pq_edge *e = &in->edges[r];
    PQ_TRY(name_end(&in->arena, n, e->from_id, &e->from_name, &e->from_type));
    PQ_TRY(name_end(&in->arena, n, e->to_id, &e->to_name, &e->to_type));
  }
  in->is_named = true;
  return PQ_OK;
}

int pq_compact_names_step(pq_flush *f, pq_op *op, pq_compact_job *job, bool *is_done) {
  struct pq_compact_names *n = job->names;
  pq_slice *ids = NULL;
  uint32_t count = 0;
  *is_done = true;
  if (n == NULL) return PQ_OK;
  if (!n->is_over) PQ_TRY(list_unknown(op, job, &ids, &count));
  *is_done = count == 0;
  if (count > 0) return look_up(f, op, n, ids, count);
  for (uint32_t i = 0; i < job->input_count; i++)
    if (!job->inputs[i].is_named) PQ_TRY(name_rows(n, &job->inputs[i]));
  return PQ_OK;
}
