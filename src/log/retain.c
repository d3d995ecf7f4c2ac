/* log/retain.c - what of the past is kept: retained instants, free files, where history begins. See
 * manifest.h and doc/formats/log.md.
 *
 *   entry 12   forget [3,5]      marks 1 2 3 4 5 … 11  ->  1 2 4 … 11 12
 *              gone ["data/…"]   files that no mark sees: their objects may be deleted from now on
 *              history {seq,ts}  instants before it cannot be read; its mark is the first
 *              parentAt          the store's time of entry 11, from which ages are counted
 *
 * An entry is checked as a whole before any of it is published. Every reader that applies the same
 * entries comes to the same marks, so all agree on what is free.
 */
#include "base/text.h"
#include "log/log_int.h"

enum { SPACING_MIN = 10000 };

/* ---- checks ---- */

static const char *archive_defect(pq_slice archive) {
  if (archive.n > PQ_ARCHIVE_LEN_MAX) return "the path of the archive is too long";
  for (size_t i = 0; i < archive.n; i++)
    if (archive.p[i] == 0) return "the path of the archive has a zero byte";
  return NULL;
}

const char *pq_log_retain_defect(const pq_cx *cx, const pq_log_entry *e) {
  if (e->is_fence && (e->forget_count > 0 || e->gone_count > 0 || e->history.seq > 0))
    return "a fence that forgets";
  if (e->parent_at < 0) return "parentAt is no time";
  for (uint32_t i = 0; i < e->forget_count; i++)
    if (e->forget[i] == 0 || e->forget[i] >= e->entry ||
        (i > 0 && e->forget[i] <= e->forget[i - 1]))
      return "forget is not ascending or not before the entry";
  for (uint32_t i = 0; i < e->gone_count; i++) {
    const char *defect = pq_file_name_defect(cx, pq_str(e->gone[i]));
    if (defect != NULL) return defect;
  }
  if (e->history.seq > e->seq_hi) return "history begins after the entry";
  if (!pq_log_hash_is_valid(e->history.hash)) return "the hash of history is not 64 hex digits";
  if ((e->retention.age_us | e->retention.len) > INT64_MAX) return "a number has more than 63 bits";
  return archive_defect(e->retention.archive);
}

/* ---- as text ---- */

static int put_history(pq_buf *out, const pq_history_start *h) {
  if (h->seq == 0) return PQ_OK;
  PQ_TRY(pq_buf_printf(out, ",\"history\":{\"seq\":%llu,\"ts\":%lld", (unsigned long long)h->seq,
                       (long long)h->ts));
  PQ_TRY(pq_log_hash_put(out, h->hash));
  return pq_buf_put_byte(out, '}');
}

static int put_retention(pq_buf *out, const pq_retention *r) {
  PQ_TRY(pq_buf_printf(out, ",\"retention\":{\"ageUs\":%llu,\"bytes\":%llu",
                       (unsigned long long)r->age_us, (unsigned long long)r->len));
  if (r->archive.n > 0) PQ_TRY(pq_buf_put_str(out, ",\"archive\":"));
  if (r->archive.n > 0) PQ_TRY(pq_buf_put_json_str(out, r->archive));
  return pq_buf_put_byte(out, '}');
}

#define LOOSE ",\"loose\":true"

int pq_log_retain_put(pq_buf *out, const pq_log_entry *e) {
  if (e->parent_at > 0) PQ_TRY(pq_buf_printf(out, ",\"parentAt\":%lld", (long long)e->parent_at));
  for (uint32_t i = 0; i < e->forget_count; i++)
    PQ_TRY(pq_buf_printf(out, "%s%llu", i == 0 ? ",\"forget\":[" : ",",
                         (unsigned long long)e->forget[i]));
  if (e->forget_count > 0) PQ_TRY(pq_buf_put_byte(out, ']'));
  for (uint32_t i = 0; i < e->gone_count; i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? ",\"gone\":[" : ","));
    PQ_TRY(pq_buf_put_json_str(out, pq_str(e->gone[i])));
  }
  if (e->gone_count > 0) PQ_TRY(pq_buf_put_byte(out, ']'));
  PQ_TRY(put_history(out, &e->history));
  if (e->is_loose) PQ_TRY(pq_buf_put_str(out, LOOSE));
  return e->has_retention ? put_retention(out, &e->retention) : PQ_OK;
}

/* An object field as a place of its own; *is_there: it is. */
static int enter(const pq_log_doc *d, const char *field, pq_log_doc *out, bool *is_there) {
  *out = *d;
  out->value = pq_object_get_str(d->value, field);
  *is_there = !pq_value_is_missing(out->value);
  if (!*is_there || pq_value_type(out->value) == PQ_TYPE_OBJECT) return PQ_OK;
  return pq_log_doc_fail(d, field, "is no object");
}

static int get_history(const pq_log_doc *d, pq_history_start *out) {
  pq_log_doc h;
  bool is_there;
  *out = (pq_history_start){0};
  PQ_TRY(enter(d, "history", &h, &is_there));
  if (!is_there) return PQ_OK;
  PQ_TRY(pq_log_doc_u64(&h, "seq", &out->seq));
  PQ_TRY(pq_log_doc_i64(&h, "ts", &out->ts));
  PQ_TRY(pq_log_doc_hash(&h, &out->hash));
  return out->seq > 0 ? PQ_OK : pq_log_doc_fail(d, "history", "begins at 0");
}

static int get_retention(const pq_log_doc *d, bool *is_there, pq_retention *out) {
  pq_log_doc r;
  *out = (pq_retention){0};
  PQ_TRY(enter(d, "retention", &r, is_there));
  if (!*is_there) return PQ_OK;
  PQ_TRY(pq_log_doc_u64(&r, "ageUs", &out->age_us));
  PQ_TRY(pq_log_doc_u64(&r, "bytes", &out->len));
  if (pq_value_is_missing(pq_object_get_str(r.value, "archive"))) return PQ_OK;
  return pq_log_doc_text(&r, "archive", &out->archive);
}

static int get_loose(const pq_log_doc *d, bool *out) {
  pq_value loose = pq_object_get_str(d->value, "loose");
  *out = false;
  if (pq_value_is_missing(loose) || pq_value_bool(loose, out)) return PQ_OK;
  return pq_log_doc_fail(d, "loose", "is neither true nor false");
}

int pq_log_retain_get(const pq_log_doc *d, pq_log_entry *e) {
  pq_value array;
  if (!pq_value_is_missing(pq_object_get_str(d->value, "parentAt")))
    PQ_TRY(pq_log_doc_i64(d, "parentAt", &e->parent_at));
  PQ_TRY(pq_log_doc_array(d, "forget", &array, &e->forget_count));
  e->forget = pq_arena_calloc(d->arena, e->forget_count, sizeof *e->forget);
  if (e->forget == NULL) return d->cx->code;
  for (uint32_t i = 0; i < e->forget_count; i++) {
    int64_t entry;
    if (!pq_value_i64(pq_array_at(array, i), &entry) || entry <= 0)
      return pq_log_doc_fail(d, "forget", "has an element that is no entry");
    e->forget[i] = (uint64_t)entry;
  }
  PQ_TRY(pq_log_doc_names(d, "gone", &e->gone, &e->gone_count));
  PQ_TRY(get_history(d, &e->history));
  PQ_TRY(get_loose(d, &e->is_loose));
  return get_retention(d, &e->has_retention, &e->retention);
}

int pq_manifest_retain_put(pq_buf *out, const pq_manifest *m) {
  PQ_TRY(put_history(out, &m->history));
  if (m->is_loose) PQ_TRY(pq_buf_put_str(out, LOOSE));
  if (m->retention.age_us > 0 || m->retention.len > 0 || m->retention.archive.n > 0)
    PQ_TRY(put_retention(out, &m->retention));
  PQ_TRY(pq_buf_put_str(out, ",\"marks\":["));
  for (uint32_t i = 0; i < m->mark_count; i++) {
    const pq_entry_mark *k = &m->marks[i];
    PQ_TRY(pq_buf_printf(out, "%s[%llu,%llu,%lld", i == 0 ? "" : ",", (unsigned long long)k->entry,
                         (unsigned long long)k->seq_hi, (long long)k->ts_hi));
    if (k->at > 0) PQ_TRY(pq_buf_printf(out, ",%lld", (long long)k->at));
    PQ_TRY(pq_buf_put_byte(out, ']'));
  }
  return pq_buf_put_byte(out, ']');
}

static bool get_mark(pq_value v, pq_entry_mark *out) {
  int64_t entry, seq_hi;
  uint32_t n = pq_value_count(v);
  *out = (pq_entry_mark){0};
  if (n < 3 || n > 4 || !pq_value_i64(pq_array_at(v, 0), &entry) ||
      !pq_value_i64(pq_array_at(v, 1), &seq_hi) || !pq_value_i64(pq_array_at(v, 2), &out->ts_hi))
    return false;
  if (n == 4 && (!pq_value_i64(pq_array_at(v, 3), &out->at) || out->at <= 0)) return false;
  out->entry = (uint64_t)entry;
  out->seq_hi = (uint64_t)seq_hi;
  return entry > 0 && seq_hi >= 0;
}

static int reserve_marks(pq_manifest *m, uint32_t more) {
  void *array = m->marks;
  int rc = pq_manifest_reserve(m, &array, &m->mark_cap, m->mark_count, more, sizeof *m->marks);
  m->marks = array;
  return rc;
}

static int get_marks(pq_manifest *m, const pq_log_doc *d) {
  pq_entry_mark mark = {0};
  pq_value array;
  uint32_t n;
  PQ_TRY(pq_log_doc_array(d, "marks", &array, &n));
  PQ_TRY(reserve_marks(m, n));
  for (uint32_t i = 0; i < n; i++) {
    pq_entry_mark before = mark;
    if (!get_mark(pq_array_at(array, i), &mark))
      return pq_log_doc_fail(d, "marks", "has a malformed element");
    if (i > 0 &&
        (mark.entry <= before.entry || mark.seq_hi < before.seq_hi || mark.ts_hi < before.ts_hi))
      return pq_log_doc_fail(d, "marks", "is out of order");
    m->marks[m->mark_count++] = mark;
  }
  if (n == 0 || mark.entry != m->entry || mark.seq_hi != m->seq_hi || mark.ts_hi != m->ts_hi)
    return pq_log_doc_fail(d, "marks", "does not end with the checkpoint's own entry");
  return PQ_OK;
}

int pq_manifest_retain_get(pq_manifest *m, const pq_log_doc *d) {
  bool is_there;
  PQ_TRY(get_history(d, &m->history));
  PQ_TRY(pq_arena_copy(&m->arena, m->history.hash, &m->history.hash));
  PQ_TRY(get_loose(d, &m->is_loose));
  PQ_TRY(get_retention(d, &is_there, &m->retention));
  if ((m->retention.age_us | m->retention.len) > INT64_MAX)
    return pq_log_doc_fail(d, "retention", "has more than 63 bits");
  if (archive_defect(m->retention.archive) != NULL)
    return pq_log_doc_fail(d, "retention", archive_defect(m->retention.archive));
  PQ_TRY(pq_arena_copy(&m->arena, m->retention.archive, &m->retention.archive));
  PQ_TRY(get_marks(m, d));
  if (m->history.seq > 0 && m->marks[0].seq_hi != m->history.seq)
    return pq_log_doc_fail(d, "history", "does not begin at the first mark");
  return PQ_OK;
}

/* ---- applying ---- */

/* Does one of the marks see the file? */
static bool is_seen(const pq_entry_mark *marks, uint32_t count, const pq_file_info *f) {
  uint32_t lo = 0, hi = count; /* the first mark at or after `added` stands in [lo, hi] */
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (marks[mid].entry < f->added)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < count && marks[lo].entry < f->removed;
}

bool pq_file_is_free(const pq_entry_mark *marks, uint32_t count, const pq_file_info *f) {
  if (f->removed == PQ_ENTRY_NONE) return false;
  return pq_file_has_seqs(f->kind) || !is_seen(marks, count, f);
}

bool pq_manifest_is_free(const pq_manifest *m, const pq_file_info *f) {
  return pq_file_is_free(m->marks, m->mark_count, f);
}

/* The marks without those to be forgotten; false: one of these is none. */
static bool forget(const pq_manifest *m, const pq_log_entry *e, pq_log_retain *s) {
  uint32_t next = 0;
  for (uint32_t i = 0; i < m->mark_count; i++) {
    if (next < e->forget_count && e->forget[next] == m->marks[i].entry) {
      next++;
      continue;
    }
    s->marks[s->mark_count++] = m->marks[i];
  }
  return next == e->forget_count;
}

int pq_manifest_retain_stage(pq_manifest *m, const pq_log_entry *e, pq_log_retain *out,
                             const char **defect) {
  *out = (pq_log_retain){.history = m->history, .retention = m->retention};
  *defect = NULL;
  if (e->forget_count == 0) {
    PQ_TRY(reserve_marks(m, 1));
    out->marks = m->marks;
    out->mark_count = m->mark_count;
    out->mark_cap = m->mark_cap;
  } else {
    out->mark_cap = m->mark_count + 1;
    out->marks = pq_arena_calloc(&m->arena, out->mark_cap, sizeof *out->marks);
    if (out->marks == NULL) return m->cx->code;
    if (!forget(m, e, out)) *defect = "forgets an entry that is not retained";
  }
  out->marks[out->mark_count++] = (pq_entry_mark){e->entry, e->seq_hi, e->ts_hi, 0};
  if (out->mark_count > 1 && out->marks[out->mark_count - 2].entry + 1 == e->entry)
    out->marks[out->mark_count - 2].at = e->parent_at;
  if (e->history.seq > 0) {
    if (e->history.seq < m->history.seq) *defect = "lets history begin earlier";
    out->history = e->history;
    PQ_TRY(pq_arena_copy(&m->arena, e->history.hash, &out->history.hash));
  }
  if (out->history.seq > 0 && out->marks[0].seq_hi != out->history.seq)
    *defect = "retains no mark where history begins";
  if (!e->has_retention) return PQ_OK;
  out->retention = e->retention;
  return pq_arena_copy(&m->arena, e->retention.archive, &out->retention.archive);
}

const char *pq_manifest_gone_defect(const pq_manifest *m, const pq_log_entry *e,
                                    const pq_log_retain *s) {
  for (uint32_t i = 0; i < e->gone_count; i++) {
    const pq_file_info *f = pq_manifest_file(m, pq_str(e->gone[i]));
    if (f == NULL || f->is_gone || !pq_file_is_free(s->marks, s->mark_count, f)) return e->gone[i];
  }
  return NULL;
}

void pq_manifest_retain_publish(pq_manifest *m, const pq_log_entry *e, const pq_log_retain *s) {
  for (uint32_t i = 0; i < m->file_count && e->parent_at > 0; i++) {
    pq_file_info *f = &m->files[i];
    if (f->removed < e->entry && f->freed_at == 0 && pq_manifest_is_free(m, f))
      f->freed_at = e->parent_at;
  }
  for (uint32_t i = 0; i < e->gone_count; i++) {
    const pq_file_info *f = pq_manifest_file(m, pq_str(e->gone[i]));
    m->files[f - m->files].is_gone = true;
  }
  m->marks = s->marks;
  m->mark_count = s->mark_count;
  m->mark_cap = s->mark_cap;
  m->history = s->history;
  m->retention = s->retention;
  m->is_loose = m->is_loose || e->is_loose;
}

/* ---- which instants to retain ---- */

uint64_t pq_manifest_spacing(const pq_manifest *m) {
  uint64_t rows = 0;
  if (m->spacing > 0) return m->spacing;
  for (uint32_t i = 0; i < m->file_count; i++)
    if (m->files[i].kind == PQ_FILE_DATA && m->files[i].removed == PQ_ENTRY_NONE &&
        !pq_add_u64(rows, m->files[i].row_count, &rows))
      return INT64_MAX;
  return rows / 4 > SPACING_MIN ? rows / 4 : SPACING_MIN;
}

int pq_manifest_thin(const pq_manifest *m, pq_arena *arena, uint64_t from, uint64_t **forget_out,
                     uint32_t *count) {
  uint64_t *list = pq_arena_calloc(arena, m->mark_count, sizeof *list), kept = from;
  uint64_t spacing = pq_manifest_spacing(m);
  bool has_start = from == 0;
  uint32_t n = 0;
  *forget_out = list;
  *count = 0;
  if (list == NULL) return arena->cx->code;
  for (uint32_t i = 0; i + 1 < m->mark_count; i++) {
    const pq_entry_mark *mark = &m->marks[i];
    bool is_start = !has_start && mark->seq_hi >= from;
    has_start = has_start || is_start;
    if (!has_start || (!is_start && m->marks[i + 1].seq_hi - kept <= spacing))
      list[n++] = mark->entry;
    else
      kept = mark->seq_hi;
  }
  *count = n;
  return PQ_OK;
}
