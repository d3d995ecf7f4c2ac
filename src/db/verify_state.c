/* db/verify_state.c - what the events add up to, against the live rows. See verify.h.
 *
 *   event ──► slot of its id: hashes of what it left          (the last one counts)
 *   row   ──► the slot: must be there, live, with the same hashes; marks it
 *   end   ──► each live slot was marked: an entity once, an edge once in each direction
 *
 * Slots are of the files' events only: what the tail changes is not in rows yet, and is told by the
 * tail itself. A key whose hash % parts is not the pass's waits for its own pass.
 */
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "db/verify_int.h"
#include "value/compare.h"

enum { CAP_MIN = 1024, TEXT_LEN = 300 };

/* ---- the table ---- */

void pq_verify_table_release(pq_verify *v) {
  pq_alloc(v->cx, v->table.slots, (size_t)v->table.cap * sizeof *v->table.slots, 0);
  v->table = (pq_verify_table){0};
}

static pq_verify_key *slot_of(const pq_verify_table *t, uint64_t hash) {
  for (uint64_t i = 0; i < t->cap; i++) {
    pq_verify_key *k = &t->slots[(hash / 7 + i) & (t->cap - 1)];
    if (k->hash == 0 || k->hash == hash) return k;
  }
  return NULL;
}

static bool is_of_pass(const pq_verify *v, uint64_t hash) {
  return hash % v->parts == v->pass;
}

/* Move the slots of this pass into a table of `cap`. */
static int rebuild(pq_verify *v, uint64_t cap) {
  pq_verify_table next = {.cap = cap};
  size_t len;
  if (cap > SIZE_MAX || !pq_mul_size((size_t)cap, sizeof *next.slots, &len))
    return pq_fail(v->cx, PQ_ELIMIT, "verify: too many keys");
  next.slots = pq_alloc(v->cx, NULL, 0, len);
  if (next.slots == NULL) return pq_fail_nomem(v->cx);
  memset(next.slots, 0, len);
  for (uint64_t i = 0; i < v->table.cap; i++) {
    const pq_verify_key *k = &v->table.slots[i];
    if (k->hash == 0 || !is_of_pass(v, k->hash)) continue;
    *slot_of(&next, k->hash) = *k;
    next.count++;
  }
  pq_verify_table_release(v);
  v->table = next;
  return PQ_OK;
}

/* Room for one more; with too many keys more passes, and this one's keys become fewer. */
static int make_room(pq_verify *v) {
  if (v->table.count * 2 < v->table.cap) return PQ_OK;
  if (v->table.count < v->keys_max || v->pass > 0)
    return rebuild(v, v->table.cap == 0 ? CAP_MIN : v->table.cap * 2);
  v->parts *= 2;
  return rebuild(v, v->table.cap);
}

/* ---- what is hashed ---- */

static uint64_t key_hash(pq_slice id, pq_slice predicate, pq_slice to) {
  uint64_t h = pq_hash(to, pq_hash(predicate, pq_hash(id, 11)));
  return h == 0 ? 1 : h;
}

static uint64_t number_hash(uint64_t n, uint64_t seed) {
  uint8_t bytes[8];
  pq_wr64(bytes, n);
  return pq_hash((pq_slice){bytes, 8}, seed);
}

static void hash_entity(const pq_entity *e, pq_verify_key *k) {
  uint64_t h = pq_hash(e->type, 1);
  h = number_hash((uint64_t)e->created_at, h);
  h = number_hash((uint64_t)e->updated_at, h);
  h = pq_hash(e->created_by, h);
  h = pq_hash(e->updated_by, h);
  h = number_hash(e->version * 2 + e->is_deleted, h);
  k->hash = key_hash(e->id, (pq_slice){0}, (pq_slice){0});
  k->system = h;
  k->document = pq_value_hash(e->data);
}

static void hash_edge(const pq_edge *e, pq_verify_key *k) {
  uint64_t h = pq_hash(e->reverse, 2);
  h = number_hash((uint64_t)e->created_at, h);
  h = pq_hash(e->created_by, h);
  h = number_hash(e->version, h);
  k->hash = key_hash(e->from_id, e->predicate, e->to_id);
  k->system = h;
  k->document = pq_value_is_missing(e->data) ? 0 : pq_value_hash(e->data);
}

/* What an event leaves; false for one of a collection. */
static bool key_of(const pq_event *e, pq_verify_key *k) {
  pq_entity entity;
  pq_edge edge;
  *k = (pq_verify_key){.seq = e->seq};
  if (e->target == PQ_TARGET_ENTITY) {
    k->is_live = pq_event_entity(e, &entity);
    if (k->is_live) hash_entity(&entity, k);
    k->hash = key_hash(e->id, (pq_slice){0}, (pq_slice){0});
    return true;
  }
  if (e->target != PQ_TARGET_REL) return false;
  k->is_live = pq_event_edge(e, &edge);
  if (k->is_live) hash_edge(&edge, k);
  k->hash = key_hash(e->id, e->predicate, e->to_id);
  return true;
}

int pq_verify_note_event(pq_verify *v, const pq_event *e) {
  pq_verify_key key, *slot;
  if (!key_of(e, &key)) return PQ_OK;
  if (!is_of_pass(v, key.hash)) return PQ_OK;
  PQ_TRY(make_room(v));
  if (!is_of_pass(v, key.hash)) return PQ_OK; /* there are more passes now */
  slot = slot_of(&v->table, key.hash);
  if (slot->hash == 0) v->table.count++;
  *slot = key;
  return PQ_OK;
}

/* ---- rows ---- */

/* Does the file hold documents as the event of `seq` wrote them? After a change of the schema they
 * may have been brought into another form. */
static bool has_form_of(const pq_verify *v, const pq_file_info *info, uint64_t seq) {
  const pq_collection_info *c = pq_manifest_collection(&v->space->manifest, info->collection);
  uint64_t form = 0;
  if (c == NULL || c->schema_count == 0) return true;
  if (!info->has_form) return false;
  for (uint32_t i = 0; i < c->schema_count && c->schemas[i].seq <= seq; i++)
    form = c->schemas[i].seq;
  return form == info->form_seq;
}

typedef struct row_case {
  const pq_file_info *info;
  pq_slice id;
  uint64_t row;
  uint8_t seen;
} row_case;

static int tell(pq_verify *v, pq_op *op, const row_case *r, const char *what) {
  const char *text =
      pq_arena_printf(&op->scratch, "row %llu, %.*s: %s", (unsigned long long)r->row,
                      (int)pq_utf8_prefix(r->id, TEXT_LEN), (const char *)r->id.p, what);
  return text == NULL ? op->cx->code : pq_verify_problem(v, op, r->info->name, text);
}

/* A live row against its slot. */
static int check_row(pq_verify *v, pq_op *op, const row_case *r, const pq_verify_key *row) {
  pq_verify_key *slot;
  if (!is_of_pass(v, row->hash)) return PQ_OK;
  slot = slot_of(&v->table, row->hash);
  if (slot == NULL || slot->hash == 0) {
    if (v->first_seq > 1 || v->is_incomplete) return PQ_OK; /* its events were dropped, or unread */
    return tell(v, op, r, "no event made it");
  }
  if (!slot->is_live) return tell(v, op, r, "the events say that it is deleted");
  if (slot->seen & r->seen) return tell(v, op, r, "it stands in two rows");
  slot->seen |= r->seen;
  if (v->is_incomplete) return PQ_OK; /* a later event may be among those unread */
  if (slot->system != row->system) return tell(v, op, r, "it is not as its last event left it");
  if (slot->document != row->document && has_form_of(v, r->info, slot->seq))
    return tell(v, op, r, "its document is not as its last event left it");
  return PQ_OK;
}

static const char *bounds_defect(const pq_file_info *info, pq_slice id) {
  if (pq_slice_cmp(id, info->id_min) >= 0 && pq_slice_cmp(id, info->id_max) <= 0) return NULL;
  return "outside of the ids that the log says";
}

static int check_entities(pq_verify *v, pq_op *op, const pq_cached_file *file,
                          const pq_file_info *info, const uint8_t *hidden) {
  const pq_row_group *group = &file->file.footer->row_groups[v->row_group];
  pq_entity_rows rows;
  PQ_TRY(pq_entity_rows_want(&op->fetch, &file->file, v->row_group, PQ_WANT_ALL, NULL, 0,
                             &op->scratch));
  PQ_TRY(pq_entity_rows_read(&op->fetch, &op->scratch, &file->file, v->row_group, PQ_WANT_ALL, NULL,
                             0, &rows));
  for (uint32_t i = 0; i < rows.count; i++) {
    row_case r = {info, rows.rows[i].id, group->first_row + i, PQ_SEEN_ROW};
    const char *defect = bounds_defect(info, r.id);
    pq_verify_key key = {0};
    if (defect != NULL && v->pass == 0) PQ_TRY(tell(v, op, &r, defect));
    if (hidden[i]) continue;
    v->counts.entities += v->pass == 0;
    hash_entity(&rows.rows[i], &key);
    PQ_TRY(check_row(v, op, &r, &key));
  }
  return PQ_OK;
}

static int check_edges(pq_verify *v, pq_op *op, const pq_cached_file *file,
                       const pq_file_info *info, const uint8_t *hidden) {
  const pq_row_group *group = &file->file.footer->row_groups[v->row_group];
  bool is_reverse = info->kind == PQ_FILE_REVERSE;
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edge_rows_read(&op->fetch, &op->scratch, &file->file, v->row_group, &edges, &count));
  for (uint32_t i = 0; i < count; i++) {
    row_case r = {info, edges[i].from_id, group->first_row + i,
                  is_reverse ? PQ_SEEN_REVERSE : PQ_SEEN_FORWARD};
    const char *defect = bounds_defect(info, is_reverse ? edges[i].to_id : edges[i].from_id);
    pq_verify_key key = {0};
    if (defect != NULL && v->pass == 0) PQ_TRY(tell(v, op, &r, defect));
    if (hidden[i]) continue;
    v->counts.edges += v->pass == 0 && !is_reverse;
    hash_edge(&edges[i], &key);
    PQ_TRY(check_row(v, op, &r, &key));
  }
  return PQ_OK;
}

/* ---- the parts ---- */

static int part_rows(pq_verify *v, pq_op *op);

/* A problem of so many keys: which ids they are, only hashes tell. */
static int tell_count(pq_verify *v, pq_op *op, const char *name, uint64_t count, const char *what) {
  const char *text;
  if (count == 0 || v->is_incomplete) return PQ_OK;
  text = pq_arena_printf(&op->scratch, "%llu %s", (unsigned long long)count, what);
  return text == NULL ? op->cx->code : pq_verify_problem(v, op, name, text);
}

/* Every live slot must have its rows. */
static int end_pass(pq_verify *v, pq_op *op) {
  uint64_t no_row = 0, one_way = 0;
  for (uint64_t i = 0; i < v->table.cap; i++) {
    const pq_verify_key *k = &v->table.slots[i];
    if (k->hash == 0 || !k->is_live) continue;
    if (k->seen == 0) no_row++;
    if (k->seen == PQ_SEEN_FORWARD || k->seen == PQ_SEEN_REVERSE) one_way++;
  }
  pq_verify_table_release(v);
  PQ_TRY(tell_count(v, op, "data", no_row, "entities or edges that events made have no row"));
  PQ_TRY(tell_count(v, op, "rels", one_way, "edges stand in one direction only"));
  v->part = ++v->pass < v->parts ? pq_verify_begin_pass : NULL;
  return PQ_OK;
}

bool pq_verify_has_rows(const pq_verify *v, const pq_file_info *info) {
  return (info->kind == PQ_FILE_DATA || info->kind == PQ_FILE_FORWARD ||
          info->kind == PQ_FILE_REVERSE) &&
         pq_view_has_file(&v->snapshot.view, info);
}

/* Rows that cannot be read are missing below: then nothing is said about what has none. */
static void skip_rows(pq_verify *v) {
  v->is_incomplete = true;
  v->row_group = 0;
  pq_verify_file_done(v, &v->files[v->file++]);
}

static int read_rows(pq_verify *v, pq_op *op, const pq_file_info *info, bool *is_end) {
  const pq_row_group *group;
  pq_cached_file *file;
  uint8_t *hidden;
  PQ_TRY(pq_file_cache_open(&v->space->files, &op->fetch, info, &file));
  *is_end = v->row_group >= file->file.footer->row_group_count;
  if (*is_end) return PQ_OK;
  group = &file->file.footer->row_groups[v->row_group];
  v->file_len = info->len / file->file.footer->row_group_count * v->row_group;
  hidden = pq_arena_calloc(&op->scratch, (size_t)group->row_count, 1);
  if (hidden == NULL) return op->cx->code;
  pq_view_mark_deleted(&v->snapshot.view, file->name, group->first_row, (uint32_t)group->row_count,
                       hidden);
  if (info->kind == PQ_FILE_DATA) return check_entities(v, op, file, info, hidden);
  return check_edges(v, op, file, info, hidden);
}

static int part_rows(pq_verify *v, pq_op *op) {
  const pq_file_info *info;
  bool is_end = false;
  int rc;
  while (v->file < v->file_count && !pq_verify_has_rows(v, &v->files[v->file]))
    v->file++;
  if (v->file == v->file_count) return end_pass(v, op);
  info = &v->files[v->file];
  if (v->is_bad[v->file]) {
    skip_rows(v);
    return PQ_OK;
  }
  rc = read_rows(v, op, info, &is_end);
  if (rc == PQ_NEED_IO) return rc;
  if (rc != PQ_OK) {
    if (!pq_verify_is_finding(rc)) return rc;
    PQ_TRY(pq_verify_problem(v, op, info->name, op->cx->msg));
    skip_rows(v);
    return PQ_OK;
  }
  v->row_group++;
  if (!is_end) return PQ_OK;
  v->row_group = 0;
  pq_verify_file_done(v, &v->files[v->file++]);
  return PQ_OK;
}

int pq_verify_begin_rows(pq_verify *v, pq_op *op) {
  (void)op;
  v->file = v->row_group = 0;
  v->part = part_rows;
  return PQ_OK;
}
