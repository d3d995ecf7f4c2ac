/* db/verify.c - log and files of a verification. See verify.h; history and state stand in
 * verify_history.c and verify_state.c.
 *
 *   part: log ─► checkpoints ─► files ─► [history ─► state] once or more ─► end
 *
 * A part does one step and sets the next one. Files are read by parquet/file_check.h, which has
 * requests of its own: while one waits, the driver runs those (pq_verify_fetch).
 */
#include "db/verify.h"

#include <string.h>

#include "codec/codec.h"
#include "db/verify_int.h"

enum {
  ENTRIES_PER_STEP = 64,
  ENTRY_LEN_MAX = 64 << 20,
  CKPT_LEN_MAX = 256 << 20,
  MEMORY_PER_KEY = 640 /* at most an eighth of the memory, in a table half full */
};

bool pq_verify_is_finding(int rc) {
  return rc == PQ_ECORRUPT || rc == PQ_ENOTFOUND || rc == PQ_EUNSUPPORTED || rc == PQ_EIO ||
         rc == PQ_ELIMIT;
}

int pq_verify_problem(pq_verify *v, pq_op *op, const char *name, const char *problem) {
  char *key = pq_arena_printf(&op->scratch, "%s/%s", v->space->ns, name);
  if (key == NULL) return op->cx->code;
  v->counts.problems++;
  return v->options.found(v->options.ud, key, problem);
}

/* ---- how far it is ---- */

void pq_verify_file_done(pq_verify *v, const pq_file_info *info) {
  v->done_len += info->len;
  v->file_len = 0;
}

void pq_verify_progress(const pq_verify *v, uint64_t *done, uint64_t *total) {
  *done = v->done_len + v->file_len;
  *total = 0;
  for (uint32_t i = 0; i < v->file_count; i++) {
    const pq_file_info *f = &v->files[i];
    bool is_read = !v->options.is_quick && (pq_verify_has_rows(v, f) || pq_verify_has_events(v, f));
    *total += f->len * (1 + (is_read ? v->parts : 0));
  }
  if (*done > *total) *done = *total;
}

/* ---- files ---- */

static int part_files(pq_verify *v, pq_op *op);

/* From pq_file_check: it cannot take a failure back, so that is kept. */
static void on_problem(void *ud, const char *problem) {
  pq_verify *v = ud;
  int rc;
  v->file_problems++;
  v->counts.problems++;
  rc = v->options.found(v->options.ud, v->checked_key, problem);
  if (rc != PQ_OK) v->found_rc = rc;
}

static int check_positions(pq_verify *v, pq_op *op, const pq_file_info *info) {
  pq_cached_file *file;
  PQ_TRY(pq_file_cache_positions(&v->space->files, &op->fetch, &op->scratch, info, &file));
  for (uint32_t i = 0; i < file->position_count; i++) {
    const pq_position *p = &file->positions[i];
    const pq_file_info *target = pq_manifest_file(&v->space->manifest, p->file);
    if (target != NULL && p->row >= target->row_count)
      return pq_fail(op->cx, PQ_ECORRUPT, "%s: position %llu of %.*s does not exist",
                     file->file.key, (unsigned long long)p->row, (int)p->file.n,
                     (const char *)p->file.p);
  }
  return PQ_OK;
}

/* What is left once all bytes and every page were looked at: what its kind demands. */
static int finish_file(pq_verify *v, pq_op *op, const pq_file_info *info) {
  pq_cached_file *file;
  uint64_t rows = 0;
  bool is_other = info->has_crc && v->file_crc != info->crc;
  if (is_other && (v->options.is_quick || v->file_problems > 0))
    return pq_fail(op->cx, PQ_ECORRUPT, "%s/%s: CRC of the %llu bytes differs from the log's",
                   v->space->ns, info->name, (unsigned long long)info->len);
  PQ_TRY(pq_file_cache_open(&v->space->files, &op->fetch, info, &file));
  if (is_other) return pq_verify_gap(op->cx, &file->file);
  for (uint32_t g = 0; g < file->file.footer->row_group_count; g++)
    rows += file->file.footer->row_groups[g].row_count;
  if (rows != info->row_count)
    return pq_fail(op->cx, PQ_ECORRUPT, "%s: %llu rows, but the log says %llu", file->file.key,
                   (unsigned long long)rows, (unsigned long long)info->row_count);
  PQ_TRY(pq_verify_blooms(op->cx, info, &file->file));
  if (info->kind == PQ_FILE_ADJACENCY && !v->options.is_quick)
    return pq_verify_segment(v, op, info);
  return info->kind == PQ_FILE_DELETES ? check_positions(v, op, info) : PQ_OK;
}

static void count_file(pq_verify *v, int kind, uint64_t len) {
  v->counts.kinds[kind].files++;
  v->counts.kinds[kind].bytes += len;
}

static void next_file(pq_verify *v) {
  pq_file_check_free(v->check);
  v->check = NULL;
  count_file(v, (int)v->files[v->file].kind, v->files[v->file].len);
  pq_verify_file_done(v, &v->files[v->file]);
  v->file++;
  v->part = part_files;
}

/* The end of a file, after `rc`. What a page's check has told already is not told again: the CRC of
 * the whole would only repeat it. */
static int end_file(pq_verify *v, pq_op *op, int rc) {
  const char *name = v->files[v->file].name;
  if (rc < 0 && !pq_verify_is_finding(rc)) return rc;
  if (rc < 0 && v->file_problems == 0) PQ_TRY(pq_verify_problem(v, op, name, op->cx->msg));
  if (rc < 0 || v->file_problems > 0) v->is_bad[v->file] = true;
  next_file(v);
  return PQ_OK;
}

static int part_finish_file(pq_verify *v, pq_op *op) {
  int rc = finish_file(v, op, &v->files[v->file]);
  return rc == PQ_NEED_IO ? rc : end_file(v, op, rc);
}

/* A part of the whole file, whose CRC covers headers and indexes too. */
static int part_crc(pq_verify *v, pq_op *op) {
  const pq_file_info *info = &v->files[v->file];
  const char *key = pq_arena_printf(&op->scratch, "%s/%s", v->space->ns, info->name);
  uint64_t len = info->len - v->file_crc_len;
  pq_slice bytes;
  int rc;
  if (key == NULL) return op->cx->code;
  if (len > op->cx->limits.part_len) len = op->cx->limits.part_len;
  rc = pq_fetch_read(&op->fetch, key, v->file_crc_len, len, &bytes);
  if (rc != PQ_OK) return rc == PQ_NEED_IO ? rc : end_file(v, op, rc);
  v->file_crc = pq_crc32_more(v->file_crc, bytes);
  v->file_crc_len += len;
  if (v->file_crc_len == info->len) v->part = part_finish_file;
  return PQ_OK;
}

static void begin_bytes(pq_verify *v) {
  v->file_crc = 0;
  v->file_crc_len = 0;
  v->part = v->files[v->file].has_crc ? part_crc : part_finish_file;
}

static void note_pages(pq_verify *v, const pq_chunk_facts *facts) {
  v->counts.kinds[v->files[v->file].kind].pages +=
      (uint64_t)facts->data_page_count + facts->dictionary_page_count + facts->other_page_count;
  v->file_len += facts->stored_len;
}

static int part_pages(pq_verify *v, pq_op *op) {
  const pq_footer *footer;
  pq_cached_file *file;
  pq_chunk_facts facts;
  int rc = pq_file_cache_open(&v->space->files, &op->fetch, &v->files[v->file], &file);
  if (rc != PQ_OK) return rc == PQ_NEED_IO ? rc : end_file(v, op, rc);
  footer = file->file.footer;
  if (v->check == NULL) {
    pq_file_check_options options = {.found = on_problem, .ud = v};
    PQ_TRY(pq_file_check_new(op->cx, &file->file, options, &v->check));
    v->checked_key = file->file.key;
    v->row_group = 0;
    rc = pq_file_check_footer(v->check);
    return rc == PQ_OK ? v->found_rc : rc;
  }
  if (footer->leaf_count == 0 || v->row_group >= footer->row_group_count) {
    begin_bytes(v);
    return PQ_OK;
  }
  rc = pq_file_check_next(v->check, &facts);
  v->is_check_waiting = rc == PQ_NEED_IO;
  if (rc != PQ_OK) return rc == PQ_NEED_IO || rc == PQ_ENOMEM ? rc : end_file(v, op, rc);
  if (facts.leaf + 1 == footer->leaf_count) v->row_group = facts.row_group + 1;
  note_pages(v, &facts);
  return v->found_rc;
}

static int part_files(pq_verify *v, pq_op *op) {
  (void)op;
  v->file_problems = 0;
  if (v->file == v->file_count)
    v->part = v->options.is_quick ? NULL : pq_verify_begin_pass;
  else if (v->options.is_quick)
    begin_bytes(v);
  else
    v->part = part_pages;
  return PQ_OK;
}

/* ---- the log ---- */

/* Fetch the entry or checkpoint; *key gets its name. */
static int get(pq_verify *v, pq_op *op, const char *name, size_t len_max, const char **key,
               pq_slice *text) {
  *key = pq_arena_printf(&op->scratch, "%s/%s", v->space->ns, name);
  if (*key == NULL) return op->cx->code;
  return pq_fetch_get(&op->fetch, *key, len_max, text);
}

static int check_entry(pq_verify *v, pq_op *op, uint64_t n) {
  char name[PQ_LOG_KEY_CAP];
  const char *key;
  pq_log_entry entry;
  pq_slice text;
  int rc;
  pq_log_key(n, name);
  rc = get(v, op, name, ENTRY_LEN_MAX, &key, &text);
  if (rc != PQ_NEED_IO) count_file(v, PQ_VERIFY_LOG, text.n);
  if (rc == PQ_OK) rc = pq_log_entry_parse(&op->scratch, key, text, &entry);
  if (rc == PQ_OK || rc == PQ_NEED_IO) return rc;
  if (!pq_verify_is_finding(rc)) return rc;
  return pq_verify_problem(v, op, name,
                           rc == PQ_ENOTFOUND ? "the log entry is missing" : op->cx->msg);
}

/* Have all of these names answers? */
static int ask(pq_verify *v, pq_op *op, uint64_t from, uint64_t to) {
  bool is_missing = false;
  for (uint64_t n = from; n <= to; n++) {
    char name[PQ_LOG_KEY_CAP];
    const char *key;
    pq_slice text;
    pq_log_key(n, name);
    is_missing |= get(v, op, name, ENTRY_LEN_MAX, &key, &text) == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int part_log(pq_verify *v, pq_op *op) {
  uint64_t last = v->snapshot.view.entry, from = v->entry + 1, to;
  to = last - v->entry < ENTRIES_PER_STEP ? last : v->entry + ENTRIES_PER_STEP;
  PQ_TRY(ask(v, op, from, to));
  for (uint64_t n = from; n <= to; n++) {
    PQ_TRY(check_entry(v, op, n));
  }
  v->entry = to;
  if (to == last) v->part = part_files;
  return PQ_OK;
}

/* Number of a log object's name; 0: it is none. */
static uint64_t number_of(pq_slice name) {
  uint64_t n = 0;
  if (name.n != 20) return 0;
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] < '0' || name.p[i] > '9' || n > UINT64_MAX / 10 - 1) return 0;
    n = n * 10 + (uint64_t)(name.p[i] - '0');
  }
  return n;
}

/* The next name of a listing; false at its end. */
static bool next_name(pq_slice *names, pq_slice *out) {
  const uint8_t *end = names->n == 0 ? NULL : memchr(names->p, '\n', names->n);
  if (end == NULL) return false;
  *out = (pq_slice){names->p, (size_t)(end - names->p)};
  *names = (pq_slice){end + 1, names->n - out->n - 1};
  return true;
}

static int check_checkpoint(pq_verify *v, pq_op *op, uint64_t n) {
  char name[PQ_LOG_KEY_CAP];
  const char *key;
  pq_manifest manifest;
  pq_slice text;
  int rc;
  pq_ckpt_key(n, name);
  rc = get(v, op, name, CKPT_LEN_MAX, &key, &text);
  if (rc == PQ_NEED_IO || rc == PQ_ENOTFOUND) return rc == PQ_NEED_IO ? rc : PQ_OK;
  pq_manifest_init(&manifest, op->cx);
  if (rc == PQ_OK) rc = pq_manifest_parse(&manifest, key, text);
  pq_manifest_release(&manifest);
  count_file(v, PQ_VERIFY_CHECKPOINTS, text.n);
  if (rc == PQ_OK || !pq_verify_is_finding(rc)) return rc;
  return pq_verify_problem(v, op, name, op->cx->msg);
}

/* Checkpoints, one a step; and where the entries begin: those below the boundary may be gone. */
static int part_checkpoints(pq_verify *v, pq_op *op) {
  const char *ckpts = pq_arena_printf(&op->scratch, "%s/ckpt/", v->space->ns);
  uint64_t next = UINT64_MAX, boundary;
  pq_slice kept, name;
  int rc, rc2;
  if (ckpts == NULL) return op->cx->code;
  rc = pq_space_read_boundary(v->space, op, &boundary);
  rc2 = pq_fetch_list(&op->fetch, ckpts, &kept);
  if (rc < 0 || rc2 == PQ_OK) PQ_TRY(rc);
  PQ_TRY(rc2);
  while (next_name(&kept, &name)) {
    uint64_t n = number_of(name);
    if (n > v->entry && n < next) next = n;
  }
  if (next <= v->snapshot.view.entry) {
    PQ_TRY(check_checkpoint(v, op, next));
    v->entry = next;
    return PQ_OK;
  }
  v->entry = boundary - 1 < v->snapshot.view.entry ? boundary - 1 : v->snapshot.view.entry;
  v->part = part_log;
  return PQ_OK;
}

/* ---- the object ---- */

static int part_open(pq_verify *v, pq_op *op) {
  const pq_manifest *m = &v->space->manifest;
  PQ_TRY(pq_snapshot_open(&v->snapshot, v->space, op, (pq_as_of){0}, false));
  v->files = pq_arena_calloc(&v->arena, m->file_count, sizeof *v->files);
  v->is_bad = pq_arena_calloc(&v->arena, m->file_count, sizeof *v->is_bad);
  v->event_files = pq_arena_calloc(&v->arena, m->file_count, sizeof *v->event_files);
  if (v->files == NULL || v->is_bad == NULL || v->event_files == NULL) return op->cx->code;
  for (uint32_t i = 0; i < m->file_count; i++) {
    pq_file_info *file = &v->files[v->file_count];
    if (m->files[i].is_gone) continue;
    *file = m->files[i];
    file->name = pq_arena_str(&v->arena, pq_str(m->files[i].name));
    if (file->name == NULL) return op->cx->code;
    PQ_TRY(pq_arena_copy(&v->arena, m->files[i].collection, &file->collection));
    PQ_TRY(pq_arena_copy(&v->arena, m->files[i].id_min, &file->id_min));
    PQ_TRY(pq_arena_copy(&v->arena, m->files[i].id_max, &file->id_max));
    PQ_TRY(pq_blooms_copy(&v->arena, &m->files[i], 0, file));
    v->file_count++;
  }
  v->seq_hi = m->seq_hi;
  v->part = part_checkpoints;
  return PQ_OK;
}

int pq_verify_new(pq_space *space, pq_verify_options options, pq_verify **out) {
  pq_cx *cx = space->db->cx;
  pq_verify *v = pq_alloc(cx, NULL, 0, sizeof *v);
  *out = v;
  if (v == NULL) return pq_fail_nomem(cx);
  *v = (pq_verify){.cx = cx, .space = space, .options = options, .part = part_open, .parts = 1};
  v->keys_max = options.keys_max;
  if (v->keys_max == 0) v->keys_max = cx->limits.op_len_max / MEMORY_PER_KEY;
  pq_arena_init(&v->arena, cx, cx->limits.op_len_max);
  return PQ_OK;
}

void pq_verify_free(pq_verify *v) {
  pq_cx *cx = v == NULL ? NULL : v->cx;
  if (v == NULL) return;
  pq_file_check_free(v->check);
  pq_snapshot_close(&v->snapshot);
  pq_verify_table_release(v);
  pq_arena_release(&v->arena);
  pq_alloc(cx, v, sizeof *v, 0);
}

int pq_verify_step(pq_verify *v, pq_op *op, bool *is_end) {
  *is_end = v->part == NULL;
  if (v->part == NULL) return PQ_OK;
  v->is_check_waiting = false;
  return v->part(v, op);
}

pq_fetch *pq_verify_fetch(const pq_verify *v) {
  return v->is_check_waiting ? pq_file_check_fetch(v->check) : NULL;
}

pq_verify_counts pq_verify_result(const pq_verify *v) {
  return v->counts;
}

void pq_verify_head(const pq_verify *v, char out[PQ_LINK_CAP], uint64_t *from) {
  pq_link_print(v->chain.link, out);
  if (!pq_link_is_set(v->chain.link)) out[0] = '\0';
  *from = v->chain.from_seq;
}
