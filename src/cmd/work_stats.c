/* cmd/work_stats.c - what `stats` tells of flushes and compactions: what they cost, what is due.
 *
 *   write amplification   bytes of all files that were put ÷ bytes of the event files among them:
 *                         what is written for each byte of what happened
 *   space amplification   bytes of all files that are kept, those of the past too ÷ bytes that
 *                         live rows of live files take
 *
 * Both come from the log, which knows every file that is not yet forgotten, so they are the same
 * whoever asks.
 */
#include "cmd/command_int.h"
#include "db/works.h"

enum { SECOND_US = 1000000 };

typedef struct sums {
  uint64_t put, events, kept; /* bytes */
  uint64_t rows, dead;        /* of live files of entities and edges */
  uint64_t table_bytes;       /* of those files */
} sums;

static bool is_table(const pq_file_info *info) {
  return info->kind == PQ_FILE_DATA || info->kind == PQ_FILE_FORWARD ||
         info->kind == PQ_FILE_REVERSE;
}

static void add_files(const pq_view *v, sums *s) {
  const pq_manifest *m = v->manifest;
  for (uint32_t i = 0; i < m->file_count; i++) {
    const pq_file_info *info = &m->files[i];
    s->put += info->len;
    s->kept += info->len;
    if (info->kind == PQ_FILE_EVENTS) s->events += info->len;
    if (!is_table(info) || !pq_view_has_file(v, info)) continue;
    s->rows += info->row_count;
    s->table_bytes += info->len;
  }
}

/* Positions are by file, in order: each file is looked up once. */
static void add_dead(const pq_view *v, sums *s) {
  for (uint32_t d = 0; d < v->delete_count; d++) {
    const pq_cached_file *deletes = v->deletes[d];
    bool counts = false;
    for (uint32_t i = 0; i < deletes->position_count; i++) {
      pq_slice name = deletes->positions[i].file;
      if (i == 0 || !pq_slice_eq(name, deletes->positions[i - 1].file)) {
        const pq_file_info *info = pq_manifest_file(v->manifest, name);
        counts = info != NULL && is_table(info) && pq_view_has_file(v, info);
      }
      s->dead += counts;
    }
  }
  if (s->dead > s->rows) s->dead = s->rows;
}

/* a / b with two decimals; null where there is nothing to compare with. */
static int put_ratio(pq_builder *b, const char *name, uint64_t a, uint64_t divisor) {
  PQ_TRY(pq_builder_key_str(b, name));
  if (divisor == 0) return pq_builder_null(b);
  return pq_builder_double(b, (double)(uint64_t)((double)a / (double)divisor * 100 + 0.5) / 100);
}

static uint64_t live_bytes(const sums *s) {
  if (s->rows == 0) return 0;
  return (uint64_t)((double)s->table_bytes / (double)s->rows * (double)(s->rows - s->dead));
}

static int put_amplification(pq_command *c, const sums *s) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "rows"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "live", s->rows - s->dead));
  PQ_TRY(pq_put_count(b, "dead", s->dead));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "amplification"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_ratio(b, "write", s->put, s->events));
  PQ_TRY(put_ratio(b, "space", s->kept, live_bytes(s)));
  PQ_TRY(pq_put_count(b, "putBytes", s->put));
  PQ_TRY(pq_put_count(b, "keptBytes", s->kept));
  PQ_TRY(pq_put_count(b, "liveBytes", live_bytes(s)));
  return pq_builder_end(b);
}

static int put_kind(pq_builder *b, const char *name, pq_work_kind kind) {
  static const char *const names[] = {"flush", "compact", "vacuum"};
  PQ_TRY(pq_builder_key_str(b, name));
  return kind == PQ_WORK_NONE ? pq_builder_null(b) : pq_builder_string(b, pq_str(names[kind]));
}

static pq_work_kind running(const pq_works *u) {
  for (int k = 0; u != NULL && k < PQ_WORK_NONE; k++)
    if (pq_works_is_running(u, (pq_work_kind)k)) return (pq_work_kind)k;
  return PQ_WORK_NONE;
}

static int put_work(pq_command *c) {
  pq_builder *b = c->db->builder;
  const pq_works *u = c->s.space->works;
  int64_t now_us = c->op.now_us;
  PQ_TRY(pq_builder_key_str(b, "work"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_kind(b, "due", c->db->is_writer ? pq_works_due(c->s.space, now_us) : PQ_WORK_NONE));
  PQ_TRY(put_kind(b, "running", running(u)));
  PQ_TRY(pq_put_count(b, "flushes", u == NULL ? 0 : u->counts.flushes));
  PQ_TRY(pq_put_count(b, "compactions", u == NULL ? 0 : u->counts.compactions));
  PQ_TRY(pq_put_count(b, "vacuums", u == NULL ? 0 : u->counts.collections));
  PQ_TRY(pq_put_count(b, "vacuumedBytes", u == NULL ? 0 : u->counts.collected_bytes));
  PQ_TRY(pq_put_count(b, "garbageBytes", pq_garbage_len(&c->s.space->manifest)));
  if (u != NULL && u->failures > 0) {
    int64_t wait_us = u->retry_us > now_us ? u->retry_us - now_us : 0;
    PQ_TRY(pq_put_text(b, "error", pq_str(u->message)));
    PQ_TRY(pq_put_count(b, "failures", u->failures));
    PQ_TRY(pq_put_count(b, "retrySeconds", (uint64_t)(wait_us / SECOND_US)));
  }
  return pq_builder_end(b);
}

uint64_t pq_tail_age(const pq_space *s, int64_t now_us) {
  int64_t first = s->overlay->version_count == 0 ? now_us : s->overlay->versions[0].event.ts;
  if (s->pendings.count > 0 && s->pendings.items[0].ts < first) first = s->pendings.items[0].ts;
  return now_us > first ? (uint64_t)((now_us - first) / SECOND_US) : 0;
}

int pq_put_work_stats(pq_command *c) {
  sums s = {0};
  add_files(&c->s.snapshot.view, &s);
  add_dead(&c->s.snapshot.view, &s);
  PQ_TRY(put_amplification(c, &s));
  return put_work(c);
}
