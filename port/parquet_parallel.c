/* port/parquet_parallel.c - the row groups of one file side by side.
 *
 *   parts of the file:   0  1  2  3  4  5  …          the next one is a counter
 *   worker 0: one scan,  0 ──► 2 ──► 3 ──► …          batches go to the caller's function
 *   worker 1: one scan,  1 ──────► 4 ──► …
 *
 * A worker keeps its scan and moves it to its next part, so that buffers are made once. The first
 * failure, or the first status of the caller's function that is not 0, ends all of them.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "port/parquet_int.h"
#include "port/tasks.h"

enum {
  PARTS_MAX = 256, /* of a scan */
  WORKERS_MAX = 16 /* tasks that take them */
};

typedef struct parallel {
  pqdb_parquet *file;
  const pqdb_parquet_scan_options *options;
  pqdb_parquet_take take;
  void *ud;
  uint32_t lo, hi, part_len; /* row groups */
  uint32_t part_count;
  atomic_uint next; /* part that nobody has taken */
  atomic_int rc;    /* the first that was not 0 */
  pqdb_parquet_scan_stats stats;
} parallel;

static void add_stats(pqdb_parquet_scan_stats *to, const pqdb_parquet_scan_stats *s) {
  to->requests += s->requests;
  to->bytes += s->bytes;
  to->rounds += s->rounds;
  to->row_groups += s->row_groups;
  to->row_groups_kept += s->row_groups_kept;
  to->pages += s->pages;
  to->pages_kept += s->pages_kept;
  to->rows += s->rows;
  to->rows_tested += s->rows_tested;
  to->rows_kept += s->rows_kept;
}

/* Note how a worker ended; the first failure gives the message. */
static void end_worker(parallel *p, const pqdb_parquet_scan *s, int rc) {
  pqdb_parquet_scan_stats stats = {0};
  int none = 0;
  if (s != NULL) stats = pqdb_parquet_scan_so_far(s);
  pthread_mutex_lock(&p->file->mutex);
  add_stats(&p->stats, &stats);
  if (rc != 0 && atomic_compare_exchange_strong(&p->rc, &none, rc)) {
    p->file->cx.code = rc;
    snprintf(p->file->cx.msg, sizeof p->file->cx.msg, "%s", pqdb_parquet_scan_message(s));
  }
  pthread_mutex_unlock(&p->file->mutex);
}

/* Begin the next part with the worker's scan, which the first one opens. PQDB_DONE: no part is
 * left, or it is of no use any more. */
static int begin_part(parallel *p, pqdb_parquet_scan **s) {
  uint32_t i = atomic_load(&p->rc) != 0 ? p->part_count : atomic_fetch_add(&p->next, 1);
  pqdb_parquet_scan_options options = *p->options;
  if (i >= p->part_count) return PQDB_DONE;
  options.row_group_lo = p->lo + i * p->part_len;
  options.row_group_hi =
      p->hi - options.row_group_lo < p->part_len ? p->hi : options.row_group_lo + p->part_len;
  if (*s == NULL) return pqdb_parquet_scan_open(p->file, &options, s);
  pq_file_scan_move((*s)->scan, options.row_group_lo, options.row_group_hi);
  return PQDB_OK;
}

/* One scan goes from part to part, so that its buffers are allocated once. */
static void scan_parts(void *ud, uint32_t worker) {
  parallel *p = ud;
  pqdb_parquet_scan *s = NULL;
  pqdb_parquet_batch batch;
  int rc, taken = 0;
  (void)worker;
  while ((rc = begin_part(p, &s)) == PQDB_OK) {
    while (rc == PQDB_OK && atomic_load(&p->rc) == 0) {
      rc = pqdb_parquet_next(s, &batch);
      if (rc == PQDB_ROW) rc = taken = p->take(p->ud, &batch);
    }
    if (rc != PQDB_DONE || taken != 0) break;
  }
  end_worker(p, s, rc == PQDB_DONE ? taken : rc);
  pqdb_parquet_scan_close(s);
}

int pqdb_parquet_scan_parallel(pqdb_parquet *file, const pqdb_parquet_scan_options *options,
                               pqdb_parquet_take take, void *ud, pqdb_parquet_scan_stats *stats) {
  static const pqdb_parquet_scan_options defaults = {.size = sizeof defaults};
  pq_task_runner runner = pq_threads_runner();
  parallel p = {.file = file, .take = take, .ud = ud};
  uint32_t count = pqdb_parquet_row_group_count(file);
  p.options = options == NULL ? &defaults : options;
  if (stats != NULL) *stats = p.stats;
  if (p.options->size != sizeof defaults)
    return pq_fail(&file->cx, PQ_EINVALID, "pqdb_parquet_scan_options.size is %zu, expected %zu",
                   p.options->size, sizeof defaults);
  p.lo = p.options->row_group_lo;
  p.hi = p.options->row_group_hi == 0 ? count : p.options->row_group_hi;
  if (p.lo > p.hi || p.hi > count)
    return pq_fail(&file->cx, PQ_EINVALID, "row groups %u to %u are asked for, but there are %u",
                   (unsigned)p.lo, (unsigned)p.hi, (unsigned)count);
  if (p.lo == p.hi) return PQDB_OK;
  p.part_len = (p.hi - p.lo - 1) / PARTS_MAX + 1;
  p.part_count = (p.hi - p.lo - 1) / p.part_len + 1;
  runner.run(runner.ud, scan_parts, &p, p.part_count < WORKERS_MAX ? p.part_count : WORKERS_MAX);
  if (stats != NULL) *stats = p.stats;
  return atomic_load(&p.rc);
}
