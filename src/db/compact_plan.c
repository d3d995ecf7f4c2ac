/* db/compact_plan.c - which files a compaction makes into fewer ones. See compact_int.h.
 *
 *   tier      0: below 1 MB    1: below 8 MB    2: below 64 MB    …
 *   files     a a a a a a a a   b b b            c                    8 of tier 0 ─► one of tier 1
 *
 * A row is rewritten once a tier. Files of half the target length and more stay as they are, but
 * for one of which a third is dead. When someone asked for it all files of a collection are taken.
 */
#include <string.h>

#include "db/compact_int.h"

enum { TIERS = 12 };
#define TIER_LEN (UINT64_C(1) << 20)

static uint32_t tier_of(uint64_t len) {
  uint32_t tier = 0;
  for (uint64_t max = TIER_LEN; len >= max && tier < TIERS - 1; max *= 8)
    tier++;
  return tier;
}

/* Index of the first position in the file, or the count. */
static uint32_t first_position(const pq_cached_file *d, pq_slice file) {
  uint32_t lo = 0, hi = d->position_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (pq_slice_cmp(d->positions[mid].file, file) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* Rows of the file that delete files name; one that two name counts twice, which does no harm. */
static uint64_t dead_rows(const pq_view *v, pq_slice file) {
  uint64_t n = 0;
  for (uint32_t d = 0; d < v->delete_count; d++) {
    const pq_cached_file *deletes = v->deletes[d];
    uint32_t i = first_position(deletes, file);
    for (; i < deletes->position_count && pq_slice_eq(deletes->positions[i].file, file); i++)
      n++;
  }
  return n;
}

/* The live files of a kind (and collection). */
typedef struct candidates {
  const pq_file_info **files;
  uint64_t *dead;
  uint32_t count;
} candidates;

static int list_files(pq_flush *f, pq_op *op, pq_file_kind kind, pq_slice collection,
                      candidates *out) {
  const pq_view *v = &f->snapshot.view;
  const pq_manifest *m = v->manifest;
  *out = (candidates){0};
  out->files = pq_arena_calloc(&op->scratch, m->file_count, sizeof *out->files);
  out->dead = pq_arena_calloc(&op->scratch, m->file_count, sizeof *out->dead);
  if (out->files == NULL || out->dead == NULL) return op->cx->code;
  for (uint32_t i = 0; i < m->file_count; i++) {
    const pq_file_info *info = &m->files[i];
    if (info->kind != kind || !pq_file_is_live(info, v->entry)) continue;
    if (kind == PQ_FILE_DATA && !pq_slice_eq(info->collection, collection)) continue;
    out->dead[out->count] = dead_rows(v, pq_str(info->name));
    out->files[out->count++] = info;
  }
  return PQ_OK;
}

/* Rows of the inputs of a job whose places are kept. */
static uint64_t rows_max(const pq_cx *cx) {
  uint64_t len = cx->limits.op_len_max / 4;
  return (len < PQ_PLACES_LEN_MAX ? len : PQ_PLACES_LEN_MAX) / sizeof(uint32_t);
}

/* Leave of the candidates those that are due. */
static void choose(const pq_flush *f, const pq_cx *cx, candidates *c) {
  const pq_thresholds *t = &f->space->db->thresholds;
  uint64_t target = cx->limits.file_len_max, left = rows_max(cx);
  uint32_t counts[TIERS] = {0}, tier = 0, n = 0;
  bool is_useful = false;
  for (uint32_t i = 0; i < c->count; i++)
    if (c->files[i]->len < target / 2) counts[tier_of(c->files[i]->len)]++;
  while (tier < TIERS && (t->files == 0 || counts[tier] < t->files))
    tier++;
  for (uint32_t i = 0; i < c->count && n < PQ_COMPACT_INPUTS_MAX; i++) {
    const pq_file_info *info = c->files[i];
    bool is_dead = t->dead_percent > 0 && c->dead[i] > 0 &&
                   c->dead[i] >= info->row_count * t->dead_percent / 100;
    bool is_small = tier < TIERS && info->len < target / 2 && tier_of(info->len) <= tier;
    if ((!is_dead && !is_small) || info->row_count > left) continue;
    left -= info->row_count;
    is_useful |= is_dead || n > 0;
    c->files[n++] = info;
  }
  c->count = is_useful ? n : 0;
}

static int add_job(pq_flush *f, pq_op *op, pq_file_kind kind, pq_slice collection) {
  pq_compaction *p = f->compaction;
  pq_compact_job *job = &p->jobs[p->job_count];
  bool is_useful = !f->is_whole;
  candidates c;
  PQ_TRY(list_files(f, op, kind, collection, &c));
  for (uint32_t i = 0; i < c.count; i++)
    is_useful |= c.dead[i] > 0;
  if (!f->is_whole) choose(f, op->cx, &c);
  if (c.count == 0 || (c.count == 1 && !is_useful)) return PQ_OK;
  *job = (pq_compact_job){.kind = kind, .windows_len = op->cx->limits.row_group_len_max};
  PQ_TRY(pq_arena_copy(&op->arena, collection, &job->collection));
  job->inputs = pq_arena_calloc(&op->arena, c.count, sizeof *job->inputs);
  job->heap = pq_arena_calloc(&op->arena, c.count, sizeof *job->heap);
  if (job->inputs == NULL || job->heap == NULL) return op->cx->code;
  for (uint32_t i = 0; i < c.count; i++) {
    pq_compact_input *in = &job->inputs[i];
    in->info = *c.files[i];
    in->first_place = job->place_count;
    job->place_count += in->info.row_count;
    pq_arena_init(&in->arena, op->cx, op->cx->limits.op_len_max);
  }
  job->input_count = c.count;
  p->job_count++;
  return PQ_OK;
}

bool pq_compact_merges_deletes(const pq_flush *f, const pq_view *v) {
  uint32_t files = f->space->db->thresholds.files;
  return files > 0 && v->delete_count >= files;
}

int pq_compact_plan(pq_flush *f, pq_op *op) {
  const pq_manifest *m = f->snapshot.view.manifest;
  pq_compaction *p = pq_arena_calloc(&op->arena, 1, sizeof *p);
  if (p == NULL) return op->cx->code;
  p->jobs =
      pq_arena_calloc(&op->arena, (size_t)m->collection_count + m->file_count + 2, sizeof *p->jobs);
  if (p->jobs == NULL) return op->cx->code;
  f->compaction = p;
  for (uint32_t i = 0; i < m->collection_count && (f->is_whole || p->job_count == 0); i++)
    if (f->only.n == 0 || pq_slice_eq(m->collections[i].name, f->only))
      PQ_TRY(add_job(f, op, PQ_FILE_DATA, m->collections[i].name));
  if (f->only.n > 0) return PQ_OK;
  if (f->is_whole || p->job_count == 0) PQ_TRY(add_job(f, op, PQ_FILE_FORWARD, (pq_slice){0}));
  if (f->is_whole || p->job_count == 0) PQ_TRY(add_job(f, op, PQ_FILE_REVERSE, (pq_slice){0}));
  if (f->is_whole || p->job_count == 0) PQ_TRY(pq_compact_plan_events(f, op));
  return PQ_OK;
}
