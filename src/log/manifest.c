/* log/manifest.c - what the entries add up to. See manifest.h and doc/formats/log.md.
 *
 *   files   [ a  b  c  d  e | staged … ]     everything up to file_count is published
 *   table     hash(name) -> index            may know staged ones: lookups stop at file_count
 *
 * pq_manifest_apply stages everything beyond the counts, marks removals (which it can take back),
 * and publishes by raising the counts, so a failure anywhere leaves the manifest as it was.
 * Arrays live in the arena: growing makes a new array of twice the size and abandons the old.
 */
#include <string.h>

#include "base/limits.h"
#include "base/merge_sort.h"
#include "base/text.h"
#include "log/log_int.h"

enum {
  CAP_MIN = 16,
  BLOOMS_LEN_MAX = 4 << 20,      /* what a manifest ever holds of filters */
  CKPT_BLOOMS_LEN_MAX = 64 << 10 /* a checkpoint is read whenever a namespace is opened */
};

static const char ckpt_word[] = "parquedb-ckpt";

void pq_manifest_init(pq_manifest *m, pq_cx *cx) {
  *m = (pq_manifest){.cx = cx, .next_internal_id = 1};
  pq_arena_init(&m->arena, cx, cx->limits.op_len_max);
  pq_table_init(&m->file_table, cx);
  pq_table_init(&m->collection_table, cx);
}

void pq_manifest_release(pq_manifest *m) {
  pq_arena_release(&m->arena);
  pq_table_release(&m->file_table);
  pq_table_release(&m->collection_table);
  *m = (pq_manifest){0};
}

/* ---- looking up ---- */

/* Index of the file among the first `count`, or PQ_TABLE_NONE. */
static uint32_t file_index(const pq_manifest *m, uint32_t count, pq_slice name) {
  uint64_t hash = pq_hash(name, 0);
  size_t pos;
  uint32_t i = pq_table_first(&m->file_table, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&m->file_table, hash, &pos))
    if (i < count && pq_slice_is(name, m->files[i].name)) return i;
  return PQ_TABLE_NONE;
}

static uint32_t collection_index(const pq_manifest *m, const pq_collection_info *infos,
                                 uint32_t count, pq_slice name) {
  uint64_t hash = pq_hash(name, 0);
  size_t pos;
  uint32_t i = pq_table_first(&m->collection_table, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&m->collection_table, hash, &pos))
    if (i < count && pq_slice_eq(name, infos[i].name)) return i;
  return PQ_TABLE_NONE;
}

const pq_file_info *pq_manifest_file(const pq_manifest *m, pq_slice name) {
  uint32_t i = file_index(m, m->file_count, name);
  return i == PQ_TABLE_NONE ? NULL : &m->files[i];
}

const pq_file_info *pq_manifest_segment(const pq_manifest *m, const pq_file_info *forward) {
  static const char folder[] = PQ_SEGMENT_FOLDER;
  const char *base = strrchr(forward->name, '/');
  size_t n = base == NULL ? 0 : strlen(base);
  char name[PQ_KEY_LEN_MAX];
  const pq_file_info *segment;
  if (n == 0 || n > sizeof name - sizeof folder) return NULL;
  memcpy(name, folder, sizeof folder - 1);
  memcpy(name + sizeof folder - 1, base, n);
  segment = pq_manifest_file(m, (pq_slice){(const uint8_t *)name, sizeof folder - 1 + n});
  if (segment == NULL || segment->kind != PQ_FILE_ADJACENCY || segment->is_gone ||
      segment->added > forward->added || segment->removed < forward->removed)
    return NULL;
  return segment;
}

const pq_collection_info *pq_manifest_collection(const pq_manifest *m, pq_slice name) {
  uint32_t i = collection_index(m, m->collections, m->collection_count, name);
  return i == PQ_TABLE_NONE ? NULL : &m->collections[i];
}

pq_entry_mark pq_manifest_mark(const pq_manifest *m, uint64_t seq) {
  uint32_t lo = 0, hi = m->mark_count; /* the first mark above stands in [lo, hi] */
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (m->marks[mid].seq_hi <= seq) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return lo == 0 ? (pq_entry_mark){0} : m->marks[lo - 1];
}

pq_entry_mark pq_manifest_mark_at(const pq_manifest *m, int64_t ts) {
  uint32_t lo = 0, hi = m->mark_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (m->marks[mid].ts_hi <= ts) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return lo == 0 ? (pq_entry_mark){0} : m->marks[lo - 1];
}

/* ---- growing and copying: the published state stays as it is ---- */

int pq_manifest_reserve(pq_manifest *m, void **array, uint32_t *cap, uint32_t count, uint32_t more,
                        size_t size) {
  uint64_t need = (uint64_t)count + more, n = *cap < CAP_MIN ? CAP_MIN : *cap;
  size_t bytes;
  void *p;
  if (need <= *cap) return PQ_OK;
  while (n < need)
    n *= 2;
  if (n >= UINT32_MAX || !pq_mul_size((size_t)n, size, &bytes))
    return pq_fail(m->cx, PQ_ELIMIT, "manifest with %llu records", (unsigned long long)need);
  p = pq_arena_alloc(&m->arena, bytes);
  if (p == NULL) return m->cx->code;
  if (count > 0) memcpy(p, *array, count * size);
  *array = p;
  *cap = (uint32_t)n;
  return PQ_OK;
}

static int reserve_files(pq_manifest *m, uint32_t more) {
  void *array = m->files;
  int rc = pq_manifest_reserve(m, &array, &m->file_cap, m->file_count, more, sizeof *m->files);
  m->files = array;
  return rc;
}

/* Copy a file to slot `i`, which has room, and make its name known. */
static int stage_file(pq_manifest *m, const pq_file_info *in, uint32_t i) {
  pq_slice name = pq_str(in->name);
  pq_file_info f = *in;
  f.name = pq_arena_str(&m->arena, name);
  if (f.name == NULL) return m->cx->code;
  PQ_TRY(pq_arena_copy(&m->arena, in->collection, &f.collection));
  PQ_TRY(pq_arena_copy(&m->arena, in->id_min, &f.id_min));
  PQ_TRY(pq_arena_copy(&m->arena, in->id_max, &f.id_max));
  PQ_TRY(pq_blooms_copy(&m->arena, in, (size_t)(BLOOMS_LEN_MAX - m->blooms_len), &f));
  PQ_TRY(pq_table_add(&m->file_table, pq_hash(name, 0), i));
  m->blooms_len += pq_blooms_len(&f);
  m->files[i] = f;
  return PQ_OK;
}

static int copy_value(pq_arena *arena, pq_value in, pq_value *out) {
  pq_slice meta, bytes;
  *out = in;
  PQ_TRY(pq_arena_copy(arena, pq_value_meta(in), &meta));
  PQ_TRY(pq_arena_copy(arena, pq_value_bytes(in), &bytes));
  out->meta = meta.p;
  out->p = bytes.p;
  return PQ_OK;
}

/* The versions known before, then those that come. */
static int copy_schemas(pq_arena *arena, const pq_collection_info *old,
                        const pq_collection_info *in, pq_collection_info *out) {
  uint32_t n = old == NULL ? 0 : old->schema_count;
  out->schema_count = n + in->schema_count;
  out->schemas = pq_arena_calloc(arena, out->schema_count, sizeof *out->schemas);
  if (out->schemas == NULL) return arena->cx->code;
  if (n > 0) memcpy(out->schemas, old->schemas, n * sizeof *out->schemas);
  for (uint32_t i = 0; i < in->schema_count; i++) {
    out->schemas[n + i] = in->schemas[i];
    PQ_TRY(copy_value(arena, in->schemas[i].schema, &out->schemas[n + i].schema));
  }
  return PQ_OK;
}

/* `old` is the record before of the same collection, in the same arena, or NULL. */
static int copy_collection(pq_arena *arena, const pq_collection_info *old,
                           const pq_collection_info *in, pq_collection_info *out) {
  pq_collection_info before = old == NULL ? (pq_collection_info){0} : *old; /* *out may be *old */
  *out = *in;
  PQ_TRY(pq_arena_copy(arena, in->name, &out->name));
  out->index_columns = pq_arena_calloc(arena, in->index_count, sizeof *in->index_columns);
  if (out->index_columns == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < in->index_count; i++) {
    out->index_columns[i] = in->index_columns[i];
    PQ_TRY(pq_arena_copy(arena, in->index_columns[i].path, &out->index_columns[i].path));
    PQ_TRY(pq_arena_copy(arena, in->index_columns[i].name, &out->index_columns[i].name));
  }
  return copy_schemas(arena, &before, in, out);
}

/* ---- applying an entry ---- */

/* Collections are replaced in place, so they are staged as a whole new array. */
typedef struct staged_collections {
  pq_collection_info *infos;
  uint32_t count, cap;
  uint64_t next_internal_id;
} staged_collections;

static int fail_entry(const pq_manifest *m, const pq_log_entry *e, const char *what,
                      const char *name) {
  char key[PQ_LOG_KEY_CAP];
  pq_log_key(e->entry, key);
  return pq_fail(m->cx, PQ_ECORRUPT, "%s: %s%s%s", key, what, name[0] == '\0' ? "" : ": ", name);
}

static const char *order_defect(const pq_manifest *m, const pq_log_entry *e) {
  if (m->entry == UINT64_MAX || e->entry != m->entry + 1) return "it is not the next entry";
  if (e->seq_hi < m->seq_hi) return "seqHi falls";
  if (m->entry > 0 && e->ts_hi < m->ts_hi) return "tsHi falls";
  if (e->epoch < m->epoch) return "the epoch falls";
  return pq_slice_eq(e->parent, m->commit) ? NULL : "its parent is not the entry before";
}

/* Is it the file that a bulk write named, and does the entry cover the write? */
static bool is_adopted(const pq_file_info *pending, const pq_file_info *f, uint64_t seq_hi) {
  return pq_file_is_pending(pending) && pending->pending_seq <= seq_hi &&
         pending->kind == f->kind && pending->len == f->len && pending->crc == f->crc &&
         pending->row_count == f->row_count;
}

/* *count: the new ones. Those of bulk writes stand there already. */
static int stage_files(pq_manifest *m, const pq_log_entry *e, uint32_t *count) {
  *count = 0;
  PQ_TRY(reserve_files(m, e->add_count));
  for (uint32_t i = 0; i < e->add_count; i++) {
    pq_file_info f = e->add[i];
    uint32_t at = file_index(m, m->file_count + *count, pq_str(f.name));
    if (at < m->file_count && is_adopted(&m->files[at], &f, e->seq_hi)) continue;
    f.added = e->entry;
    f.removed = PQ_ENTRY_NONE;
    if (at != PQ_TABLE_NONE) return fail_entry(m, e, "adds a file that was there before", f.name);
    PQ_TRY(stage_file(m, &f, m->file_count + *count));
    ++*count;
  }
  return PQ_OK;
}

/* The entry adds them: nothing can fail any more. */
static void adopt_files(pq_manifest *m, const pq_log_entry *e) {
  for (uint32_t i = 0; i < e->add_count; i++) {
    uint32_t at = file_index(m, m->file_count, pq_str(e->add[i].name));
    if (at != PQ_TABLE_NONE && pq_file_is_pending(&m->files[at])) m->files[at].added = e->entry;
  }
}

static bool has_column(const pq_collection_info *c, const pq_index_column *x) {
  for (uint32_t i = 0; i < c->index_count; i++) {
    const pq_index_column *y = &c->index_columns[i];
    if (x->type == y->type && x->field_id == y->field_id && pq_slice_eq(x->path, y->path) &&
        pq_slice_eq(x->name, y->name))
      return true;
  }
  return false;
}

/* Same collection: the set of columns only grows. */
static bool index_extends(const pq_collection_info *old, const pq_collection_info *c) {
  for (uint32_t i = 0; i < old->index_count; i++)
    if (!has_column(c, &old->index_columns[i])) return false;
  return true;
}

/* The versions of its schema follow those known, and are of events that the entry covers. */
static bool schemas_follow(const pq_collection_info *old, const pq_collection_info *c,
                           uint64_t seq_hi) {
  uint64_t version = old == NULL ? 0 : old->schema_count, seq = 0;
  if (old != NULL && old->schema_count > 0) seq = old->schemas[old->schema_count - 1].seq;
  for (uint32_t i = 0; i < c->schema_count; i++) {
    const pq_schema_record *r = &c->schemas[i];
    if (r->version != ++version || r->seq <= seq || r->seq > seq_hi) return false;
    seq = r->seq;
  }
  return version <= PQ_SCHEMA_VERSIONS_MAX;
}

/* Bulk writes take internal ids before their entry is in the log, so that these do not come there
 * in their order. */
static bool is_taken(const staged_collections *s, uint64_t internal_id) {
  for (uint32_t i = 0; i < s->count; i++)
    if (s->infos[i].internal_id == internal_id) return true;
  return false;
}

static int stage_collection(pq_manifest *m, const pq_log_entry *e, const pq_collection_info *c,
                            staged_collections *s) {
  uint32_t i = collection_index(m, s->infos, s->count, c->name);
  bool is_known = i != PQ_TABLE_NONE && s->infos[i].internal_id == c->internal_id;
  if (is_known && !index_extends(&s->infos[i], c))
    return fail_entry(m, e, "changes the index columns of a collection", "");
  if (!is_known &&
      (is_taken(s, c->internal_id) || (i != PQ_TABLE_NONE && c->internal_id < s->next_internal_id)))
    return fail_entry(m, e, "uses the internal id of another collection", "");
  if (!schemas_follow(is_known ? &s->infos[i] : NULL, c, e->seq_hi))
    return fail_entry(m, e, "has schema versions out of order", "");
  if (i == PQ_TABLE_NONE) {
    i = s->count;
    PQ_TRY(pq_table_add(&m->collection_table, pq_hash(c->name, 0), i));
  }
  PQ_TRY(copy_collection(&m->arena, is_known ? &s->infos[i] : NULL, c, &s->infos[i]));
  if (i == s->count) s->count++;
  if (c->internal_id >= s->next_internal_id) s->next_internal_id = c->internal_id + 1;
  return PQ_OK;
}

/* Those known, with room for more; without more, the manifest's own. */
static int copy_collections(pq_manifest *m, uint32_t more, staged_collections *s) {
  uint64_t cap = (uint64_t)m->collection_count + more;
  *s = (staged_collections){m->collections, m->collection_count, m->collection_cap,
                            m->next_internal_id};
  if (more == 0) return PQ_OK;
  if (cap >= UINT32_MAX) return pq_fail(m->cx, PQ_ELIMIT, "too many collections");
  s->cap = (uint32_t)cap;
  s->infos = pq_arena_calloc(&m->arena, s->cap, sizeof *s->infos);
  if (s->infos == NULL) return m->cx->code;
  for (uint32_t i = 0; i < m->collection_count; i++)
    s->infos[i] = m->collections[i];
  return PQ_OK;
}

static int stage_collections(pq_manifest *m, const pq_log_entry *e, staged_collections *s) {
  PQ_TRY(copy_collections(m, e->collection_count, s));
  for (uint32_t i = 0; i < e->collection_count; i++)
    PQ_TRY(stage_collection(m, e, &e->collections[i], s));
  return PQ_OK;
}

/* Nothing was removed by this entry before, so its number tells what to take back. */
static void restore_removed(pq_manifest *m, const pq_log_entry *e) {
  for (uint32_t i = 0; i < e->remove_count; i++) {
    uint32_t at = file_index(m, m->file_count, pq_str(e->remove[i]));
    if (at != PQ_TABLE_NONE && m->files[at].removed == e->entry)
      m->files[at].removed = PQ_ENTRY_NONE;
  }
}

/* The last step that can fail. */
static int remove_files(pq_manifest *m, const pq_log_entry *e) {
  for (uint32_t i = 0; i < e->remove_count; i++) {
    uint32_t at = file_index(m, m->file_count, pq_str(e->remove[i]));
    if (at == PQ_TABLE_NONE || m->files[at].removed != PQ_ENTRY_NONE ||
        m->files[at].added == PQ_ENTRY_NONE) {
      restore_removed(m, e);
      return fail_entry(m, e, "removes a file that is not live", e->remove[i]);
    }
    m->files[at].removed = e->entry;
  }
  return PQ_OK;
}

int pq_manifest_apply(pq_manifest *m, const pq_log_entry *e) {
  const char *defect = pq_log_entry_defect(m->cx, e);
  staged_collections s;
  pq_log_retain retain;
  pq_slice commit, hash;
  uint32_t file_count;
  if (defect == NULL) defect = order_defect(m, e);
  if (defect != NULL) return fail_entry(m, e, defect, "");
  PQ_TRY(stage_files(m, e, &file_count));
  PQ_TRY(stage_collections(m, e, &s));
  PQ_TRY(pq_manifest_retain_stage(m, e, &retain, &defect));
  if (defect != NULL) return fail_entry(m, e, defect, "");
  PQ_TRY(pq_arena_copy(&m->arena, e->commit, &commit));
  PQ_TRY(pq_arena_copy(&m->arena, e->hash, &hash));
  PQ_TRY(remove_files(m, e));
  defect = pq_manifest_gone_defect(m, e, &retain);
  if (defect != NULL) {
    restore_removed(m, e);
    return fail_entry(m, e, "takes away a file that is still read", defect);
  }
  pq_manifest_retain_publish(m, e, &retain);
  adopt_files(m, e);
  m->file_count += file_count;
  m->collections = s.infos;
  m->collection_count = s.count;
  m->collection_cap = s.cap;
  m->next_internal_id = s.next_internal_id;
  m->entry = e->entry;
  m->seq_hi = e->seq_hi;
  m->ts_hi = e->ts_hi;
  m->epoch = e->epoch;
  m->commit = commit;
  m->hash = hash;
  if (e->checkpoint > m->checkpoint) m->checkpoint = e->checkpoint;
  return PQ_OK;
}

/* ---- bulk writes ---- */

/* Collections of a bulk write; what is known already is left out. */
static int stage_pending(pq_manifest *m, const pq_collection_info *collections, uint32_t count,
                         staged_collections *s) {
  pq_log_entry e = {0};
  PQ_TRY(copy_collections(m, count, s));
  for (uint32_t i = 0; i < count; i++) {
    uint32_t at = collection_index(m, s->infos, s->count, collections[i].name);
    if (at != PQ_TABLE_NONE && s->infos[at].internal_id == collections[i].internal_id &&
        index_extends(&collections[i], &s->infos[at]))
      continue;
    PQ_TRY(stage_collection(m, &e, &collections[i], s));
  }
  return PQ_OK;
}

int pq_manifest_add_pending(pq_manifest *m, uint64_t seq, const pq_file_info *files, uint32_t count,
                            const pq_collection_info *collections, uint32_t collection_count) {
  staged_collections s;
  uint32_t n = 0;
  PQ_TRY(reserve_files(m, count));
  for (uint32_t i = 0; i < count; i++) {
    pq_file_info f = files[i];
    uint32_t at = file_index(m, m->file_count + n, pq_str(f.name));
    if (at < m->file_count && pq_file_is_pending(&m->files[at])) continue;
    if (at != PQ_TABLE_NONE)
      return pq_fail(m->cx, PQ_ECORRUPT, "a bulk write up to event %llu names %s, which is not its",
                     (unsigned long long)seq, f.name);
    f.added = f.removed = PQ_ENTRY_NONE;
    f.pending_seq = seq;
    PQ_TRY(stage_file(m, &f, m->file_count + n));
    n++;
  }
  PQ_TRY(stage_pending(m, collections, collection_count, &s));
  m->file_count += n;
  m->collections = s.infos;
  m->collection_count = s.count;
  m->collection_cap = s.cap;
  m->next_internal_id = s.next_internal_id;
  return PQ_OK;
}

/* ---- checkpoints ---- */

static int by_added(const void *a, const void *b, const void *ud) {
  const pq_file_info *files = ud;
  uint64_t x = files[*(const uint32_t *)a].added, y = files[*(const uint32_t *)b].added;
  return x < y ? -1 : x > y;
}

/* From which file on filters stand in a checkpoint: those of the newest files that are live. */
static uint32_t blooms_from(const pq_manifest *m) {
  uint32_t from = m->file_count;
  size_t len = 0;
  for (; from > 0; from--) {
    const pq_file_info *f = &m->files[from - 1];
    if (f->removed == PQ_ENTRY_NONE) len += pq_blooms_len(f);
    if (len > CKPT_BLOOMS_LEN_MAX) break;
  }
  return from;
}

/* The files of a checkpoint in order of `added`: an entry may have added those of a bulk write
 * later than others that stand behind them. */
static int put_files(const pq_manifest *m, pq_buf *out) {
  uint32_t *order = pq_alloc(m->cx, NULL, 0, ((size_t)m->file_count + 1) * sizeof *order);
  uint32_t n = 0, from = blooms_from(m);
  int rc;
  if (order == NULL) return pq_fail_nomem(m->cx);
  for (uint32_t i = 0; i < m->file_count; i++)
    if (!m->files[i].is_gone && m->files[i].added != PQ_ENTRY_NONE) order[n++] = i;
  rc = pq_sort_items(m->cx, order, n, sizeof *order, by_added, m->files);
  for (uint32_t i = 0; i < n && rc == PQ_OK; i++) {
    if (i > 0) rc = pq_buf_put_byte(out, ',');
    if (rc == PQ_OK)
      rc = pq_file_info_put(out, &m->files[order[i]], true,
                            order[i] >= from && m->files[order[i]].removed == PQ_ENTRY_NONE);
  }
  pq_alloc(m->cx, order, ((size_t)m->file_count + 1) * sizeof *order, 0);
  return rc;
}

static int put_checkpoint(const pq_manifest *m, pq_buf *out) {
  size_t line;
  PQ_TRY(pq_log_text_begin(out, ckpt_word, pq_log_version_of(m->files, m->file_count), &line));
  PQ_TRY(pq_buf_printf(out, "{\"entry\":%llu,\"seqHi\":%llu,\"tsHi\":%lld,\"epoch\":%llu",
                       (unsigned long long)m->entry, (unsigned long long)m->seq_hi,
                       (long long)m->ts_hi, (unsigned long long)m->epoch));
  PQ_TRY(pq_buf_put_str(out, ",\"commit\":"));
  PQ_TRY(pq_buf_put_json_str(out, m->commit));
  PQ_TRY(pq_log_hash_put(out, m->hash));
  PQ_TRY(pq_buf_printf(out, ",\"nextInternalId\":%llu,\"files\":[",
                       (unsigned long long)m->next_internal_id));
  PQ_TRY(put_files(m, out));
  PQ_TRY(pq_buf_put_str(out, "],\"collections\":["));
  for (uint32_t i = 0; i < m->collection_count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(pq_collection_info_put(out, &m->collections[i]));
  }
  PQ_TRY(pq_buf_put_byte(out, ']'));
  PQ_TRY(pq_manifest_retain_put(out, m));
  PQ_TRY(pq_buf_put_byte(out, '}'));
  return pq_log_text_end(out, line);
}

int pq_manifest_print(const pq_manifest *m, pq_buf *out) {
  size_t len = out->len;
  int rc;
  if (m->entry == 0) return pq_fail(out->cx, PQ_EINVALID, "a checkpoint before the first entry");
  rc = put_checkpoint(m, out);
  if (rc != PQ_OK) out->len = len;
  return rc;
}

static int get_head(pq_manifest *m, const pq_log_doc *d) {
  pq_slice commit, hash;
  PQ_TRY(pq_log_doc_u64(d, "entry", &m->entry));
  PQ_TRY(pq_log_doc_u64(d, "seqHi", &m->seq_hi));
  PQ_TRY(pq_log_doc_i64(d, "tsHi", &m->ts_hi));
  PQ_TRY(pq_log_doc_u64(d, "epoch", &m->epoch));
  PQ_TRY(pq_log_doc_text(d, "commit", &commit));
  PQ_TRY(pq_log_doc_u64(d, "nextInternalId", &m->next_internal_id));
  if (m->entry == 0) return pq_log_doc_fail(d, "entry", "is 0");
  if (!pq_log_key_agrees(d->key, m->entry))
    return pq_log_doc_fail(d, "entry", "differs from the number in the key");
  if (!pq_log_id_is_valid(commit)) return pq_log_doc_fail(d, "commit", "is not 16 hex digits");
  m->checkpoint = m->entry;
  PQ_TRY(pq_log_doc_hash(d, &hash));
  PQ_TRY(pq_arena_copy(&m->arena, hash, &m->hash));
  return pq_arena_copy(&m->arena, commit, &m->commit);
}

static int take_file(pq_manifest *m, const pq_log_doc *d, const pq_file_info *f) {
  uint32_t n = m->file_count;
  if (f->added == 0 || f->added > m->entry || (n > 0 && f->added < m->files[n - 1].added))
    return pq_log_doc_fail(d, "added", "is out of order");
  if (f->removed != PQ_ENTRY_NONE && (f->removed <= f->added || f->removed > m->entry))
    return pq_log_doc_fail(d, "removed", "is out of range");
  if (file_index(m, n, pq_str(f->name)) != PQ_TABLE_NONE)
    return pq_log_doc_fail(d, "name", "stands twice");
  PQ_TRY(stage_file(m, f, n));
  m->file_count++;
  return PQ_OK;
}

static int get_files(pq_manifest *m, const pq_log_doc *d, const pq_file_records *records) {
  pq_value array;
  uint32_t n;
  PQ_TRY(pq_log_doc_array(d, "files", &array, &n));
  if (pq_value_is_missing(array)) return pq_log_doc_fail(d, "files", "is missing");
  if (records->count > 0) n = records->count;
  PQ_TRY(reserve_files(m, n));
  for (uint32_t i = 0; i < n; i++) {
    pq_log_doc place;
    pq_file_info f;
    PQ_TRY(pq_log_doc_file(d, "files", records, i, &place, &f));
    PQ_TRY(take_file(m, &place, &f));
  }
  return PQ_OK;
}

static int get_collections(pq_manifest *m, const pq_log_doc *d) {
  pq_collection_info *infos;
  uint32_t n;
  if (pq_value_is_missing(pq_object_get_str(d->value, "collections")))
    return pq_log_doc_fail(d, "collections", "is missing");
  PQ_TRY(pq_collection_infos_get(d, &infos, &n));
  m->collections = pq_arena_calloc(&m->arena, n, sizeof *infos);
  if (m->collections == NULL) return m->cx->code;
  m->collection_cap = n;
  for (uint32_t i = 0; i < n; i++) {
    if (infos[i].internal_id >= m->next_internal_id)
      return pq_log_doc_fail(d, "nextInternalId", "is in use");
    if (pq_manifest_collection(m, infos[i].name) != NULL)
      return pq_log_doc_fail(d, "collections", "has one name twice");
    if (!schemas_follow(NULL, &infos[i], m->seq_hi))
      return pq_log_doc_fail(d, "schemas", "is out of order");
    PQ_TRY(copy_collection(&m->arena, NULL, &infos[i], &m->collections[i]));
    PQ_TRY(pq_table_add(&m->collection_table, pq_hash(infos[i].name, 0), i));
    m->collection_count++;
  }
  return PQ_OK;
}

static int parse(pq_manifest *m, pq_log_doc *d, pq_slice text) {
  pq_file_records records;
  PQ_TRY(pq_log_text_parse_files(d, ckpt_word, "files", text, &records));
  PQ_TRY(get_head(m, d));
  PQ_TRY(get_files(m, d, &records));
  PQ_TRY(pq_log_version_check(d, m->files, m->file_count));
  PQ_TRY(get_collections(m, d));
  return pq_manifest_retain_get(m, d);
}

int pq_manifest_parse(pq_manifest *m, const char *key, pq_slice text) {
  pq_cx *cx = m->cx;
  pq_arena arena;
  pq_log_doc d = {
      .cx = cx, .arena = &arena, .key = key, .is_checkpoint = true, .is_text_kept = true};
  int rc;
  pq_assert(m->entry == 0);
  pq_assert(m->file_count == 0);
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  rc = parse(m, &d, text);
  pq_arena_release(&arena);
  if (rc != PQ_OK) {
    pq_manifest_release(m);
    pq_manifest_init(m, cx);
  }
  return rc;
}
