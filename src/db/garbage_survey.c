/* db/garbage_survey.c - what is there, what of it is garbage, and why. See garbage.h.
 *
 *   LIST log/ ckpt/ pins/ data/ rels/… deletes/ events/ …  GET boundary   STAT log/<newest>
 *   ─► LIST data/<each>/ events/<each>/   GET, STAT pins/<each>
 *   ─► marks to forget, where history begins, files that are free then
 *   ─► STAT of entries, checkpoints and unknown files that may go
 *
 * A listing only says what might be deleted; what must stay is what the manifest and pins say. One
 * that lags behind shows less, never more than what was there.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "db/garbage_int.h"

enum { ITEMS_MAX = 4096, FOLDERS_MAX = 100000, NUMBER_LEN = 20, PIN_LEN_MAX = 4096 };
#define US_PER_SECOND 1000000

typedef struct folder {
  const char *prefix; /* "data/posts/" */
  pq_slice names;     /* of the listing, not looked at yet */
} folder;

typedef struct survey {
  pq_collect *g; /* not changed before all is there */
  pq_op *op;
  const pq_manifest *m;
  folder *folders;
  uint32_t folder_count;
  pq_slice logs, ckpts, pin_names, boundary_text;
  uint64_t boundary_was, boundary;
  int64_t now_us, newest_us; /* by the store's clock: when it answered; of the newest entry */
  pq_hold *pins;             /* that are not over */
  uint32_t pin_count;
  pq_history_start history; /* seq 0: as it was */
  uint64_t *forget;
  uint32_t forget_count;
  pq_entry_mark *marks; /* that stay */
  uint32_t mark_count;
  const char **remove, **gone;
  uint32_t remove_count, gone_count;
  pq_garbage *items;
  uint32_t count;
  uint64_t unarchived, kept_young, kept_pinned, orphans;
  bool has_more, needs_checkpoint;
} survey;

static const char *full_key(const survey *v, const char *name) {
  return pq_arena_printf(&v->op->scratch, "%s/%s", v->g->space->ns, name);
}

/* The next line of a listing; false at the end. */
static bool next_name(pq_slice *names, pq_slice *out) {
  const uint8_t *end = names->n == 0 ? NULL : memchr(names->p, '\n', names->n);
  if (end == NULL) return false;
  *out = (pq_slice){names->p, (size_t)(end - names->p)};
  *names = (pq_slice){end + 1, names->n - out->n - 1};
  return true;
}

/* The number that a name of the log is; 0: it is none. */
static uint64_t number_of(pq_slice name) {
  uint64_t n = 0;
  if (name.n != NUMBER_LEN) return 0;
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] < '0' || name.p[i] > '9' || n > (UINT64_MAX - 9) / 10) return 0;
    n = n * 10 + (uint64_t)(name.p[i] - '0');
  }
  return n;
}

static int add_item(survey *v, pq_garbage_kind kind, const char *name, uint64_t len,
                    const char *why) {
  if (name == NULL || why == NULL) return v->op->cx->code;
  if (v->items == NULL) v->items = pq_arena_calloc(&v->op->scratch, ITEMS_MAX, sizeof *v->items);
  if (v->items == NULL) return v->op->cx->code;
  pq_assert(v->count < ITEMS_MAX);
  v->items[v->count++] = (pq_garbage){kind, name, len, why};
  return PQ_OK;
}

static bool is_full(survey *v) {
  v->has_more = v->has_more || v->count == ITEMS_MAX;
  return v->count == ITEMS_MAX;
}

/* PQ_ENOTFOUND: it has gone meanwhile. */
static int stat_of(survey *v, const char *name, pq_stat *out) {
  const char *key = name == NULL ? NULL : full_key(v, name);
  return key == NULL ? v->op->cx->code : pq_fetch_stat(&v->op->fetch, key, out);
}

static bool is_old(const survey *v, int64_t since_us) {
  if (v->g->min_age_us == 0) return true;
  return since_us > 0 && since_us <= v->now_us && v->now_us - since_us >= v->g->min_age_us;
}

/* ---- listings ---- */

static int list(survey *v, const char *prefix, pq_slice *out) {
  const char *key = full_key(v, prefix);
  return key == NULL ? v->op->cx->code : pq_fetch_list(&v->op->fetch, key, out);
}

/* A folder of files, or of folders of files. */
static int list_files(survey *v, const char *prefix, bool is_deep) {
  pq_slice names, name;
  bool is_missing = false;
  int rc = list(v, prefix, &names);
  if (rc != PQ_OK) return rc;
  if (!is_deep) {
    if (v->folder_count == FOLDERS_MAX)
      return pq_fail(v->op->cx, PQ_ELIMIT, "%s: more than %d folders", v->g->space->ns,
                     (int)FOLDERS_MAX);
    v->folders[v->folder_count++] = (folder){prefix, names};
    return PQ_OK;
  }
  while (next_name(&names, &name)) {
    char *below;
    if (name.n == 0 || name.p[name.n - 1] != '/') continue;
    below = pq_arena_printf(&v->op->scratch, "%s%.*s", prefix, (int)name.n, (const char *)name.p);
    if (below == NULL) return v->op->cx->code;
    rc = list_files(v, below, false);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int get_boundary(survey *v) {
  const char *key = full_key(v, "boundary");
  int rc;
  v->boundary_was = 1;
  if (key == NULL) return v->op->cx->code;
  rc = pq_fetch_get(&v->op->fetch, key, PQ_BOUNDARY_LEN_MAX, &v->boundary_text);
  if (rc == PQ_ENOTFOUND) return PQ_OK;
  PQ_TRY(rc);
  return pq_boundary_parse(&v->op->scratch, key, v->boundary_text, &v->boundary_was);
}

/* The store's time. An entry below the boundary may be gone; the boundary then is there. */
static int get_time(survey *v) {
  char name[PQ_LOG_KEY_CAP];
  pq_stat stat = {0};
  int rc;
  if (v->m->entry == 0) return PQ_OK;
  pq_log_key(v->m->entry, name);
  rc = stat_of(v, name, &stat);
  if (rc == PQ_ENOTFOUND) rc = stat_of(v, "boundary", &stat);
  if (rc == PQ_ENOTFOUND) return PQ_OK;
  v->now_us = stat.now_us;
  v->newest_us = stat.modified_us;
  return rc;
}

static int look(survey *v) {
  static const struct {
    const char *prefix;
    bool is_deep;
  } folders[] = {{"data/", true},     {"rels/forward/", false}, {"rels/reverse/", false},
                 {"deletes/", false}, {"events/", true},        {"indexes/", true}};
  int rcs[12], n = 0;
  bool is_missing = false;
  v->folders = pq_arena_calloc(&v->op->scratch, FOLDERS_MAX, sizeof *v->folders);
  if (v->folders == NULL) return v->op->cx->code;
  rcs[n++] = list(v, "log/", &v->logs);
  rcs[n++] = list(v, "ckpt/", &v->ckpts);
  rcs[n++] = list(v, "pins/", &v->pin_names);
  rcs[n++] = get_boundary(v);
  rcs[n++] = get_time(v);
  for (size_t i = 0; !v->g->skips_unknown && i < sizeof folders / sizeof *folders; i++)
    rcs[n++] = list_files(v, folders[i].prefix, folders[i].is_deep);
  for (int i = 0; i < n; i++) {
    if (rcs[i] < 0) return rcs[i];
    is_missing |= rcs[i] == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* ---- pins ---- */

static int look_at_pin(survey *v, const char *name) {
  const char *key = full_key(v, name), *why;
  pq_stat stat;
  pq_slice text;
  pq_pin pin;
  int rc, rc2;
  int64_t age_us;
  if (key == NULL) return v->op->cx->code;
  rc = pq_fetch_get(&v->op->fetch, key, PIN_LEN_MAX, &text);
  rc2 = pq_fetch_stat(&v->op->fetch, key, &stat);
  if (rc == PQ_ENOTFOUND || rc2 == PQ_ENOTFOUND) return PQ_OK; /* taken away meanwhile */
  if (rc != PQ_OK || rc2 != PQ_OK) return rc < 0 ? rc : rc2 < 0 ? rc2 : PQ_NEED_IO;
  PQ_TRY(pq_pin_parse(&v->op->scratch, key, text, &pin));
  age_us = stat.now_us - stat.modified_us;
  if (age_us < 0 || (uint64_t)age_us / US_PER_SECOND < pin.seconds) {
    uint64_t passed = age_us < 0 ? 0 : (uint64_t)age_us / US_PER_SECOND;
    v->pins[v->pin_count++] = (pq_hold){name, pin.entry, pin.seconds - passed};
    return PQ_OK;
  }
  if (is_full(v)) return PQ_OK;
  why = pq_arena_printf(&v->op->scratch, "pinned entry %llu for %llu seconds, which are over",
                        (unsigned long long)pin.entry, (unsigned long long)pin.seconds);
  return add_item(v, PQ_GARBAGE_PIN, name, stat.len, why);
}

static int look_at_pins(survey *v) {
  pq_slice names = v->pin_names, name;
  bool is_missing = false;
  v->pins = pq_arena_calloc(&v->op->scratch, names.n, sizeof *v->pins); /* more than lines */
  if (v->pins == NULL) return v->op->cx->code;
  while (next_name(&names, &name)) {
    int rc;
    char *pin = pq_arena_printf(&v->op->scratch, "pins/%.*s", (int)name.n, (const char *)name.p);
    if (pin == NULL) return v->op->cx->code;
    rc = look_at_pin(v, pin);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static uint64_t first_pin(const survey *v) {
  uint64_t first = UINT64_MAX;
  for (uint32_t i = 0; i < v->pin_count; i++)
    if (v->pins[i].entry < first) first = v->pins[i].entry;
  return first;
}

static bool is_pinned(const survey *v, const pq_file_info *f) {
  for (uint32_t i = 0; i < v->pin_count; i++)
    if (pq_file_is_live(f, v->pins[i].entry)) return true;
  return false;
}

/* ---- marks and history ---- */

static int compare_seq(const void *a, const void *b, const void *ud) {
  uint64_t x = (*(const pq_file_info *const *)a)->seq_hi;
  uint64_t y = (*(const pq_file_info *const *)b)->seq_hi;
  (void)ud;
  return x > y ? -1 : x < y;
}

/* *seq: the last one of history that the limit of bytes lets go; 0: none. */
static int seq_beyond_len(const survey *v, uint64_t *seq) {
  const pq_manifest *m = v->m;
  uint64_t left = m->retention.len;
  uint32_t n = 0;
  const pq_file_info **files = pq_arena_calloc(&v->op->scratch, m->file_count, sizeof *files);
  *seq = 0;
  if (files == NULL) return v->op->cx->code;
  if (left == 0) return PQ_OK;
  for (uint32_t i = 0; i < m->file_count; i++)
    if (pq_file_has_seqs(m->files[i].kind) && m->files[i].removed == PQ_ENTRY_NONE)
      files[n++] = &m->files[i];
  PQ_TRY(pq_sort_items(v->op->cx, files, n, sizeof *files, compare_seq, NULL));
  for (uint32_t i = 0; i < n && *seq == 0; i++) {
    if (files[i]->len > left)
      *seq = files[i]->seq_hi;
    else
      left -= files[i]->len;
  }
  return PQ_OK;
}

/* Is history before this mark to be dropped? */
static bool is_beyond(const survey *v, const pq_entry_mark *mark, uint64_t seq_limit) {
  uint64_t age_us = v->m->retention.age_us;
  int64_t since = mark->at > 0 ? mark->at : mark->entry == v->m->entry ? v->newest_us : 0;
  if (mark->seq_hi <= seq_limit) return true;
  return age_us > 0 && since > 0 && since <= v->now_us && (uint64_t)(v->now_us - since) >= age_us;
}

/* Where history begins from now on: the newest mark that is beyond what is kept. Events of a file
 * that reaches over the limit of bytes go too, when their mark has come. Where there is an archive
 * only what it has; while somebody reads (a pin) nothing. */
static int plan_history(survey *v) {
  const pq_retention *r = &v->m->retention;
  uint64_t seq_limit;
  if ((r->age_us == 0 && r->len == 0) || v->pin_count > 0) return PQ_OK;
  PQ_TRY(seq_beyond_len(v, &seq_limit));
  for (uint32_t i = 0; i < v->m->mark_count; i++) {
    const pq_entry_mark *mark = &v->m->marks[i];
    if (mark->seq_hi <= v->m->history.seq || !is_beyond(v, mark, seq_limit)) continue;
    if (r->archive.n > 0 && mark->seq_hi > v->g->archived_seq)
      v->unarchived = mark->seq_hi;
    else
      v->history = (pq_history_start){.seq = mark->seq_hi, .ts = mark->ts_hi};
  }
  return PQ_OK;
}

static int plan_marks(survey *v) {
  const pq_manifest *m = v->m;
  uint64_t from = v->history.seq > 0 ? v->history.seq : m->history.seq;
  uint32_t next = 0, freed = 0;
  PQ_TRY(pq_manifest_thin(m, &v->op->scratch, from, &v->forget, &v->forget_count));
  v->marks = pq_arena_calloc(&v->op->scratch, m->mark_count, sizeof *v->marks);
  if (v->marks == NULL) return v->op->cx->code;
  for (uint32_t i = 0; i < m->mark_count; i++) {
    if (next < v->forget_count && v->forget[next] == m->marks[i].entry)
      next++;
    else
      v->marks[v->mark_count++] = m->marks[i];
  }
  for (uint32_t i = 0; i < m->file_count; i++)
    freed += !pq_manifest_is_free(m, &m->files[i]) &&
             pq_file_is_free(v->marks, v->mark_count, &m->files[i]);
  if ((freed > 0 || v->history.seq > 0) && v->pin_count == 0) return PQ_OK;
  v->forget_count = 0; /* nothing would be gained, or somebody reads */
  v->marks = m->marks;
  v->mark_count = m->mark_count;
  return PQ_OK;
}

/* ---- files that entries name ---- */

static int plan_gone(survey *v, const pq_file_info *f, const char *why) {
  if (is_full(v)) return PQ_OK;
  v->gone[v->gone_count++] = f->name;
  return add_item(v, PQ_GARBAGE_FILE, f->name, f->len, why);
}

static int plan_file(survey *v, const pq_file_info *f) {
  bool is_dropped =
      pq_file_has_seqs(f->kind) && f->removed == PQ_ENTRY_NONE && f->seq_hi <= v->history.seq;
  int64_t freed_at = f->freed_at;
  const char *why;
  if (f->is_gone) return PQ_OK;
  if (is_dropped) v->remove[v->remove_count++] = f->name;
  if (!is_dropped && !pq_file_is_free(v->marks, v->mark_count, f)) return PQ_OK;
  if (is_pinned(v, f)) {
    v->kept_pinned++;
    return PQ_OK;
  }
  if (is_dropped || !pq_manifest_is_free(v->m, f))
    freed_at = 0;
  else if (freed_at == 0)
    freed_at = v->newest_us;
  if (!is_old(v, freed_at)) {
    v->kept_young++;
    return PQ_OK;
  }
  why = is_dropped ? "its events are older than what is kept"
                   : pq_arena_printf(&v->op->scratch,
                                     "removed by entry %llu, no retained instant needs it",
                                     (unsigned long long)f->removed);
  return plan_gone(v, f, why);
}

static int plan_files(survey *v) {
  pq_arena *scratch = &v->op->scratch;
  v->remove = pq_arena_calloc(scratch, v->m->file_count, sizeof *v->remove);
  v->gone = pq_arena_calloc(scratch, v->m->file_count, sizeof *v->gone);
  if (v->remove == NULL || v->gone == NULL) return v->op->cx->code;
  for (uint32_t i = 0; i < v->m->file_count; i++)
    PQ_TRY(plan_file(v, &v->m->files[i]));
  return PQ_OK;
}

/* ---- files that no entry names ---- */

/* The epoch in a file's name, "<folder>/<epoch>-<n>-<rand>.parquet"; 0: it is not one of ours. */
static uint64_t epoch_of(pq_slice name) {
  uint64_t epoch = 0;
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] == '-') return i == 0 ? 0 : epoch;
    if (name.p[i] < '0' || name.p[i] > '9' || epoch > INT64_MAX / 100) return 0;
    epoch = epoch * 10 + (uint64_t)(name.p[i] - '0');
  }
  return 0;
}

/* The file that a name belongs to: what is derived from x.parquet may be called x.parquet.<more>.
 */
static pq_slice base_of(pq_slice name) {
  static const char end[] = ".parquet";
  size_t n = sizeof end - 1;
  for (size_t i = 0; i + n <= name.n; i++)
    if (memcmp(name.p + i, end, n) == 0) return (pq_slice){name.p, i + n};
  return name;
}

/* Files of my own epoch may be on their way into the log; those of older ones have lost it. */
static int look_at_file(survey *v, const char *prefix, pq_slice name) {
  const pq_space *s = v->g->space;
  uint64_t epoch = epoch_of(name), mine = s->epoch > 0 ? s->epoch : v->m->epoch;
  char *full =
      pq_arena_printf(&v->op->scratch, "%s%.*s", prefix, (int)name.n, (const char *)name.p);
  const pq_file_info *info;
  const char *why;
  pq_stat stat;
  if (full == NULL) return v->op->cx->code;
  info = pq_manifest_file(v->m, base_of(pq_str(full)));
  if (epoch == 0 || (info != NULL && !info->is_gone)) return PQ_OK;
  if (info == NULL && epoch >= mine) return PQ_OK;
  if (info != NULL && v->pin_count > 0) { /* a pin may be older than the entry that says so */
    v->kept_pinned++;
    return PQ_OK;
  }
  if (is_full(v)) return PQ_OK;
  PQ_TRY(stat_of(v, full, &stat));
  if (!is_old(v, stat.modified_us)) {
    v->kept_young++;
    return PQ_OK;
  }
  why = pq_arena_printf(&v->op->scratch, "no entry names it, and its writer (epoch %llu) is over",
                        (unsigned long long)epoch);
  if (info != NULL) why = "an entry says that it is gone";
  v->orphans++;
  return add_item(v, PQ_GARBAGE_ORPHAN, full, stat.len, why);
}

static int look_at_files(survey *v) {
  bool is_missing = false;
  for (uint32_t i = 0; i < v->folder_count; i++) {
    pq_slice names = v->folders[i].names, name;
    while (next_name(&names, &name)) {
      int rc = look_at_file(v, v->folders[i].prefix, name);
      if (rc < 0 && rc != PQ_ENOTFOUND) return rc;
      is_missing |= rc == PQ_NEED_IO;
    }
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* ---- the log ---- */

/* When a checkpoint was at least as old as now, by the store's clock; 0: unknown. */
static int64_t time_of(const survey *v, uint64_t entry) {
  for (uint32_t i = 0; i < v->m->mark_count; i++)
    if (v->m->marks[i].entry >= entry && v->m->marks[i].at > 0) return v->m->marks[i].at;
  return entry <= v->m->entry ? v->newest_us : 0;
}

/* Up to where the boundary may rise: behind a checkpoint that is old enough. */
static void plan_boundary(survey *v) {
  pq_slice names = v->ckpts, name;
  uint64_t best = 0, limit = first_pin(v), last = 0;
  if (limit > v->m->entry) limit = v->m->entry;
  while (next_name(&names, &name)) {
    uint64_t n = number_of(name);
    if (n > best && n <= limit && is_old(v, time_of(v, n))) best = n;
  }
  v->boundary = best + 1 > v->boundary_was ? best + 1 : v->boundary_was;
  for (names = v->logs; next_name(&names, &name);) {
    uint64_t n = number_of(name);
    if (n > last && n <= v->m->entry) last = n;
  }
  if (v->g->min_age_us > 0 || v->pin_count > 0 || last < v->boundary) return;
  v->needs_checkpoint = true; /* of the newest entry */
  v->boundary = v->m->entry + 1;
}

static int look_at_log(survey *v, pq_slice names, const char *prefix, bool is_entry) {
  uint64_t end = is_entry ? v->boundary : v->boundary - 1; /* the checkpoint before it stays */
  bool is_missing = false;
  pq_slice name;
  while (next_name(&names, &name)) {
    uint64_t n = number_of(name);
    pq_stat stat;
    char *full;
    int rc;
    if (n == 0 || n >= end || is_full(v)) continue;
    full = pq_arena_printf(&v->op->scratch, "%s%.*s", prefix, (int)name.n, (const char *)name.p);
    rc = stat_of(v, full, &stat);
    if (rc == PQ_ENOTFOUND) continue;
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (rc != PQ_OK) continue;
    PQ_TRY(add_item(v, is_entry ? PQ_GARBAGE_ENTRY : PQ_GARBAGE_CHECKPOINT, full, stat.len,
                    is_entry ? "a checkpoint covers it" : "a later checkpoint covers it"));
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* ---- the stage ---- */

static int keep_names(pq_arena *arena, const char **names, uint32_t count, const char ***out) {
  const char **kept = pq_arena_calloc(arena, count, sizeof *kept);
  *out = kept;
  if (kept == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    kept[i] = pq_arena_str(arena, pq_str(names[i]));
    if (kept[i] == NULL) return arena->cx->code;
  }
  return PQ_OK;
}

/* Log entries first, then what they named: whatever is left by a crash can be told by its name. */
static int keep_items(survey *v, pq_garbage *out) {
  static const pq_garbage_kind order[] = {PQ_GARBAGE_ENTRY, PQ_GARBAGE_CHECKPOINT, PQ_GARBAGE_FILE,
                                          PQ_GARBAGE_ORPHAN, PQ_GARBAGE_PIN};
  pq_arena *arena = &v->op->arena;
  uint32_t n = 0;
  for (size_t k = 0; k < sizeof order / sizeof *order; k++)
    for (uint32_t i = 0; i < v->count; i++) {
      if (v->items[i].kind != order[k]) continue;
      out[n] = v->items[i];
      out[n].name = pq_arena_str(arena, pq_str(v->items[i].name));
      out[n].why = pq_arena_str(arena, pq_str(v->items[i].why));
      if (out[n].name == NULL || out[n].why == NULL) return arena->cx->code;
      n++;
    }
  return PQ_OK;
}

static int keep(survey *v) {
  pq_collect *g = v->g;
  pq_flush *f = &g->flush;
  pq_arena *arena = &v->op->arena;
  g->items = pq_arena_calloc(arena, v->count, sizeof *g->items);
  f->forget = pq_arena_calloc(arena, v->forget_count, sizeof *f->forget);
  if (g->items == NULL || f->forget == NULL) return arena->cx->code;
  g->holds = pq_arena_calloc(arena, v->pin_count, sizeof *g->holds);
  if (g->holds == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < v->pin_count; i++) {
    g->holds[i] = v->pins[i];
    g->holds[i].name = pq_arena_str(arena, pq_str(v->pins[i].name));
    if (g->holds[i].name == NULL) return arena->cx->code;
  }
  PQ_TRY(keep_items(v, g->items));
  PQ_TRY(keep_names(arena, v->remove, v->remove_count, &f->remove));
  PQ_TRY(keep_names(arena, v->gone, v->gone_count, &f->gone));
  PQ_TRY(pq_arena_copy(arena, v->boundary_text, &g->boundary_text));
  PQ_TRY(pq_arena_copy(arena, v->pin_names, &g->pin_names));
  if (v->forget_count > 0) memcpy(f->forget, v->forget, v->forget_count * sizeof *f->forget);
  f->forget_count = v->forget_count;
  f->remove_count = v->remove_count;
  f->gone_count = v->gone_count;
  f->history = v->history;
  g->count = v->count;
  g->forgotten = v->forget_count;
  g->hold_count = v->pin_count;
  g->unarchived = v->unarchived;
  g->kept_young = v->kept_young;
  g->kept_pinned = v->kept_pinned;
  g->has_more = v->has_more;
  g->surveyed = v->m->entry;
  g->boundary_was = v->boundary_was;
  g->boundary = v->boundary;
  g->needs_checkpoint = v->needs_checkpoint;
  g->needs_entry = v->forget_count > 0 || v->remove_count > 0 || v->gone_count > 0 ||
                   v->history.seq > 0 || (v->orphans > 0 && !g->space->has_fence);
  return PQ_OK;
}

int pq_collect_stage_survey(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  survey v = {.g = g, .op = op, .m = &g->space->manifest};
  int rc, rc2, rc3;
  PQ_TRY(look(&v));
  PQ_TRY(look_at_pins(&v));
  PQ_TRY(plan_history(&v));
  PQ_TRY(plan_marks(&v));
  PQ_TRY(plan_files(&v));
  plan_boundary(&v);
  rc = look_at_log(&v, v.logs, "log/", true);
  rc2 = look_at_log(&v, v.ckpts, "ckpt/", false);
  rc3 = look_at_files(&v);
  if (rc < 0 || rc2 < 0 || rc3 < 0) return rc < 0 ? rc : rc2 < 0 ? rc2 : rc3;
  if (rc != PQ_OK || rc2 != PQ_OK || rc3 != PQ_OK) return PQ_NEED_IO;
  PQ_TRY(keep(&v));
  op->stage = g->is_dry_run ? g->done : pq_collect_stage_run;
  return PQ_OK;
}
