/* test/sim/sim_check.c - is what a process answered what the model answers? See sim_world.h. */
#include <string.h>

#include "log/batch.h"
#include "log/bulk_record.h"
#include "sim_model_int.h"
#include "sim_world.h"

enum { EVENT_ID_LEN = 35 }; /* {"id":"…26 characters…", */

/* ---- appends ---- */

/* What an append holds of one command, as its tag tells. */
typedef struct run {
  uint32_t tag, count;
  int64_t ts;
  bool is_bulk; /* its events are in files: how many of a transaction's are whose is not told */
} run;

enum { RUNS_MAX = 64 };

static void take_event(sim_world *w, const sim_session *p, const pq_event *e, run *runs,
                       uint32_t *count) {
  int64_t tag = 0;
  (void)pq_value_i64(pq_object_get_str(e->metadata, "n"), &tag);
  if (*count == 0 || runs[*count - 1].tag != tag) {
    if (*count == RUNS_MAX) sim_die("an append of too many commands");
    runs[(*count)++] = (run){.tag = (uint32_t)tag, .ts = e->ts};
  }
  runs[*count - 1].count++;
  if (e->ts != runs[*count - 1].ts) sim_fail(w, p, "the events of one command differ in time");
}

static void read_batch(sim_world *w, const sim_session *p, pq_slice body, run *runs,
                       uint32_t *count) {
  pq_cx *cx = &w->store.cx;
  pq_batch_reader r;
  pq_buf raw;
  pq_event e;
  uint64_t seq;
  uint32_t n;
  bool is_end = false;
  pq_buf_init(&raw, cx, SIZE_MAX / 2);
  if (pq_batch_open(cx, body, &raw, &seq, &n) != PQ_OK) sim_die("%s", cx->msg);
  pq_batch_reader_init(&r, cx, pq_buf_slice(&raw), seq, n);
  while (!is_end) {
    if (pq_batch_next(&r, &e, &is_end) != PQ_OK) sim_die("%s", cx->msg);
    if (!is_end) take_event(w, p, &e, runs, count);
  }
  pq_buf_release(&raw);
}

/* The row of a bulk write: its events stand in the files that it names, all of one command or of
 * one transaction. */
static void read_bulk(sim_world *w, const sim_session *p, const pq_hot_batch *b, run *runs,
                      uint32_t *count) {
  pq_cx *cx = &w->store.cx;
  pq_bulk_record record;
  pq_arena arena;
  pq_buf raw;
  uint64_t seq;
  uint32_t n;
  size_t link = pq_batch_has_link(b->body) ? PQ_DIGEST_LEN : 0;
  pq_arena_init(&arena, cx, SIZE_MAX / 2);
  pq_buf_init(&raw, cx, SIZE_MAX / 2);
  if (pq_batch_open(cx, b->body, &raw, &seq, &n) != PQ_OK ||
      pq_bulk_record_parse(&arena, (pq_slice){raw.p, raw.len - link}, b->seq_lo, b->seq_hi,
                           &record) != PQ_OK)
    sim_die("%s", cx->msg);
  w->bulks++;
  if (p->op.kind != SIM_COMMIT)
    runs[(*count)++] = (run){.tag = p->op.tag, .count = n, .ts = record.ts, .is_bulk = true};
  for (uint32_t i = 0; p->op.kind == SIM_COMMIT && i < p->txn.count; i++)
    runs[(*count)++] = (run){.tag = p->txn.ops[i].tag, .ts = record.ts, .is_bulk = true};
  pq_buf_release(&raw);
  pq_arena_release(&arena);
}

/* The command with a tag: a session's own, or one of its transaction that is being committed. */
static sim_session *find_writer(const sim_session *p, uint32_t tag, const sim_op **op) {
  for (uint32_t i = 0; i < p->engine->session_count; i++) {
    sim_session *s = &p->engine->sessions[i];
    if (s->command == NULL) continue;
    *op = &s->op;
    if (s->op.kind < SIM_WRITE_KINDS && !s->op.in_txn && s->op.tag == tag) return s;
    for (uint32_t j = 0; s->op.kind == SIM_COMMIT && j < s->txn.count; j++) {
      *op = &s->txn.ops[j];
      if (s->txn.ops[j].tag == tag) return s;
    }
  }
  return NULL;
}

/* The time of a commit: that of the clock, later than the one before. A bulk write has taken it
 * when it began with its files. */
static void check_time(sim_world *w, const sim_session *s, const run *r, bool is_same) {
  int64_t last = sim_model_ts(&w->model), now = s->step_us;
  bool is_free = s->engine->session_count > 1 || is_same || r->is_bulk;
  if ((is_same && r->ts == last) ||
      (r->ts > last && (is_free ? !is_same || r->is_bulk : r->ts == (now > last ? now : last + 1))))
    return;
  sim_fail(w, s, "events of time %lld, the clock says %lld, the last ones are of %lld",
           (long long)r->ts, (long long)now, (long long)last);
}

static void apply(sim_world *w, sim_session *p, const run *r, const sim_session **last) {
  uint32_t before = w->model.count;
  const sim_op *op = NULL;
  sim_session *s = find_writer(p, r->tag, &op);
  if (s == NULL || (s->commits > 0 && s != *last)) {
    sim_fail(w, p, "stores events that nobody asked for (%u)", (unsigned)r->tag);
    return;
  }
  check_time(w, s, r, s == *last);
  sim_model_write(&w->model, op, r->ts, &s->answer);
  if (s->commits++ == 0) s->seq_first = before + 1;
  for (uint32_t i = before; i < w->model.count; i++)
    w->model.events[i].stored_us = w->store_us;
  for (uint32_t i = before; s->op.kind == SIM_COMMIT && i < w->model.count; i++)
    w->model.events[i].txn = s->seq_first;
  s->seq_commit = w->model.count;
  *last = s;
  if (s->answer.rc != PQ_OK)
    sim_fail(w, s, "stores events, but must fail with %s", pq_status_name(s->answer.rc));
  else if (!r->is_bulk && w->model.count - before != r->count)
    sim_fail(w, s, "stores %u events, %u are expected (%u)", (unsigned)r->count,
             (unsigned)(w->model.count - before), (unsigned)r->tag);
}

void sim_check_append(sim_world *w, sim_session *p, const pq_hot_request *q) {
  uint64_t seq_lo = q->batches[0].seq_lo;
  const sim_session *last = NULL;
  run runs[RUNS_MAX];
  uint32_t count = 0;
  sim_note(w, p, "commit", q->batches[q->batch_count - 1].seq_hi, (pq_slice){0});
  if (seq_lo != w->model.count + 1ull) {
    sim_fail(w, p, "stores events from %llu on, but there are %u", (unsigned long long)seq_lo,
             (unsigned)w->model.count);
    return;
  }
  for (uint32_t i = 0; i < q->batch_count; i++)
    if (pq_batch_has_files(q->batches[i].body))
      read_bulk(w, p, &q->batches[i], runs, &count);
    else
      read_batch(w, p, q->batches[i].body, runs, &count);
  for (uint32_t i = 0; i < count && !w->has_failed; i++)
    apply(w, p, &runs[i], &last);
  if (w->model.count != q->batches[q->batch_count - 1].seq_hi)
    sim_fail(w, p, "stores events up to %llu, expected %u",
             (unsigned long long)q->batches[q->batch_count - 1].seq_hi, (unsigned)w->model.count);
}

/* ---- comparing ---- */

static int64_t number_of(pq_value summary, const char *name) {
  int64_t n = INT64_MIN;
  (void)pq_value_i64(pq_object_get_str(summary, name), &n);
  return n;
}

static void compare_numbers(sim_world *w, const sim_session *p, const sim_answer *a,
                            pq_value summary) {
  for (uint32_t i = 0; i < a->number_count; i++)
    if (number_of(summary, a->names[i]) != a->numbers[i])
      sim_fail(w, p, "%s is %lld, expected %lld", a->names[i],
               (long long)number_of(summary, a->names[i]), (long long)a->numbers[i]);
}

static bool is_equal(const sim_session *p, const sim_answer *a, pq_value summary) {
  for (uint32_t i = 0; i < a->number_count; i++)
    if (number_of(summary, a->names[i]) != a->numbers[i]) return false;
  return pq_slice_eq(sim_text_slice(&p->items), sim_text_slice(&a->items));
}

void sim_compare(sim_world *w, sim_session *p, sim_answer *a, pq_value summary) {
  bool has_more = false;
  compare_numbers(w, p, a, summary);
  if (a->tells_more && pq_value_bool(pq_object_get_str(summary, "hasMore"), &has_more) &&
      has_more != a->has_more)
    sim_fail(w, p, has_more ? "says that there is more" : "says that there is no more");
  if (a->is_unordered) {
    sim_text_sort(&p->items, 0);
    sim_text_sort(&a->items, 0);
  }
  if (pq_slice_eq(sim_text_slice(&p->items), sim_text_slice(&a->items))) return;
  sim_fail(w, p, "the items differ\nexpected\n%.*sgot\n%.*s", (int)a->items.len,
           a->items.len > 0 ? a->items.p : "", (int)p->items.len,
           p->items.len > 0 ? p->items.p : "");
}

/* ---- failures ---- */

/* Did a request of its process fail since it began? One append may serve several commands. */
bool sim_has_faults(const sim_session *p) {
  return p->engine->faults > p->faults;
}

/* Was something deleted that the command may have needed? The vacuums here wait for nobody: who is
 * slower than the age they are given misses files. So does a command that does not know of them and
 * cannot begin again, because it has given something out. */
bool sim_may_miss(const sim_world *w, const sim_session *p) {
  bool has_given = p->items.len > 0 || p->copy != NULL;
  return w->store.deletes > (has_given ? 0 : p->deletes);
}

bool sim_may_name_gone(const sim_world *w, const sim_session *p) {
  return sim_may_miss(w, p) || (p->engine->is_superseded && w->store.deletes > 0);
}

/* May a command of this process fail so, after what was done to it? */
static bool is_allowed(const sim_world *w, const sim_session *p, int rc) {
  switch (rc) {
    case PQ_EIO: return sim_has_faults(p) || sim_may_miss(w, p);
    case PQ_ENOTFOUND: return sim_may_miss(w, p);
    case PQ_ECORRUPT:
      return (sim_has_faults(p) && w->store.is_on[SIM_SHORT_BODY]) || sim_may_miss(w, p);
    case PQ_EFENCED: /* the newer of two writers, too, whose place an older one has collected */
      return p->engine->is_superseded || w->store.late_total > 0 ||
             (w->has_rivals && w->store.has_collected);
    case PQ_EBUSY: return w->has_rivals || w->store.late_total > 0;
    default: return false;
  }
}

static bool has_txn(const sim_engine *e) {
  for (uint32_t i = 0; i < e->session_count; i++)
    if (e->sessions[i].txn.number != 0) return true;
  return false;
}

static void check_failure(sim_world *w, sim_session *p, int rc) {
  w->unclear += rc == PQ_EIO;
  if (rc == PQ_EFENCED) p->engine->is_fenced = true;
  if (rc != PQ_EIO && p->commits > 0)
    sim_fail(w, p, "fails with %s (%s), but its events are stored", pq_status_name(rc),
             p->engine->cx.msg);
}

/* ---- replies ---- */

int64_t sim_seq_of(pq_value summary) {
  int64_t seq = -1;
  (void)pq_value_i64(pq_object_get_str(summary, "seq"), &seq);
  return seq;
}

/* A write that changed nothing: as of some seq that must be right. */
static void check_unchanged(sim_world *w, sim_session *p, int rc, pq_value summary) {
  uint32_t lo = p->seq_start, hi = w->model.count;
  if (rc == PQ_OK) {
    int64_t seq = sim_seq_of(summary);
    if (seq < lo || seq > hi) {
      sim_fail(w, p, "as of seq %lld, expected %u to %u", (long long)seq, (unsigned)lo,
               (unsigned)hi);
      return;
    }
    if (p->engine->session_count == 1) lo = hi = (uint32_t)seq;
    hi = (uint32_t)seq; /* a reply of others may have come between */
  }
  for (uint32_t seq = hi + 1; seq-- > lo;) {
    sim_model_copy(&w->scratch, &w->model, seq);
    sim_model_write(&w->scratch, &p->op, SIM_EPOCH_US, &w->expected);
    if ((w->expected.rc != rc && (rc == PQ_OK || w->expected.rc_too != rc)) ||
        w->scratch.count != seq)
      continue;
    if (rc != PQ_OK || is_equal(p, &w->expected, summary)) return;
  }
  sim_model_copy(&w->scratch, &w->model, hi);
  sim_model_write(&w->scratch, &p->op, SIM_EPOCH_US, &w->expected);
  if (w->expected.rc == rc && w->scratch.count == hi) {
    sim_compare(w, p, &w->expected, summary);
    return;
  }
  sim_fail(w, p, "%s (%s), but no events; expected %s, %u events",
           rc == PQ_OK ? "success" : pq_status_name(rc), p->engine->cx.msg,
           w->expected.rc == PQ_OK ? "success" : pq_status_name(w->expected.rc),
           (unsigned)(w->scratch.count - hi));
}

static void check_write(sim_world *w, sim_session *p, int rc, pq_value summary) {
  int64_t seq = rc == PQ_OK ? sim_seq_of(summary) : 0;
  if (p->commits == 0) {
    check_unchanged(w, p, rc, summary);
  } else if (rc != PQ_OK) {
    sim_fail(w, p, "%s (%s), but its events are stored", pq_status_name(rc), p->engine->cx.msg);
  } else {
    if (seq < p->seq_commit || seq > w->model.count ||
        (p->engine->session_count == 1 && seq != p->seq_commit))
      sim_fail(w, p, "seq %lld, expected %u", (long long)seq, (unsigned)p->seq_commit);
    sim_compare(w, p, &p->answer, summary);
    if (p->seq_commit > p->engine->seq_known) p->engine->seq_known = p->seq_commit;
  }
}

/* ---- transactions ---- */

size_t sim_cut_dates(char *p, size_t len) {
  static const char name[] = "{\"$date\":\"";
  size_t to = 0;
  for (size_t from = 0; from < len; from++) {
    bool is_date = len - from >= sizeof name && memcmp(p + from, name, sizeof name - 1) == 0;
    while (is_date && from < len && p[from] != '}')
      from++;
    if (from < len) p[to++] = p[from];
  }
  return to;
}

/* What it reads: the scratch model has its writes. */
static void check_read_in_txn(sim_world *w, sim_session *p, int rc, pq_value summary) {
  if (rc != PQ_OK) {
    sim_fail(w, p, "%s: %s", pq_status_name(rc), p->engine->cx.msg);
    return;
  }
  if (p->op.kind == SIM_GRAPH) {
    sim_graph_check(w, p, &w->scratch, w->scratch.count, summary);
    return;
  }
  sim_model_read(&w->scratch, &p->op, w->scratch.count, 0, &w->expected);
  p->items.len = sim_cut_dates(p->items.p, p->items.len);
  w->expected.items.len = sim_cut_dates(w->expected.items.p, w->expected.items.len);
  sim_compare(w, p, &w->expected, summary);
}

static bool has_event_of(const sim_model *m, uint32_t before, sim_edge edge) {
  for (uint32_t i = before; i < m->count; i++) {
    const sim_edge *e = &m->events[i].edge;
    if (m->events[i].is_edge && e->from == edge.from && e->predicate == edge.predicate &&
        e->to == edge.to)
      return true;
  }
  return false;
}

/* Leave out of a link or an unlink the edges that it found as they should be. */
static void drop_unchanged(const sim_model *m, uint32_t before, sim_op *op) {
  uint32_t n = 0;
  if (op->kind != SIM_LINK && op->kind != SIM_UNLINK) return;
  for (uint32_t i = 0; i < op->count; i++) {
    if (!has_event_of(m, before, op->edges[i])) continue;
    op->edges[n] = op->edges[i];
    op->has_data[n] = op->has_data[i];
    op->documents[n++] = op->documents[i];
  }
  op->count = n;
}

/* Did its collection get another record since the transaction began? What it writes is held against
 * the new one at once. */
static bool has_new_record(const sim_world *w, const sim_session *p) {
  uint32_t c = p->op.kind == SIM_INSERT ? p->op.ids[0] / SIM_LOCALS : p->op.entity / SIM_LOCALS;
  const sim_event *e = sim_model_schema(&w->model, c, w->model.count);
  return w->has_catalog && e != NULL && (uint32_t)(e - w->model.events) >= p->txn.seq;
}

/* What is done in a transaction is as of its seq, behind what it did before. The time of its
 * entities is not decided yet, so that is not compared, and of writes only the numbers are. What
 * changed nothing then is no part of the commit, whatever it would meet by now. */
static void check_in_txn(sim_world *w, sim_session *p, int rc, pq_value summary) {
  sim_txn *t = &p->txn;
  uint32_t before;
  if (sim_txn_has_aged(p, rc)) {
    t->number = 0;
    return;
  }
  if (rc == PQ_EVERSION && p->op.kind < SIM_WRITE_KINDS) return; /* somebody was there first */
  if ((rc == PQ_EINVALID || rc == PQ_EUNIQUE) && has_new_record(w, p)) return;
  sim_model_copy(&w->scratch, &w->model, t->seq);
  for (uint32_t i = 0; i < t->count; i++)
    sim_model_write(&w->scratch, &t->ops[i], SIM_EPOCH_US, &w->expected);
  before = w->scratch.count;
  if (p->op.kind >= SIM_WRITE_KINDS) {
    check_read_in_txn(w, p, rc, summary);
    return;
  }
  sim_model_write(&w->scratch, &p->op, SIM_EPOCH_US, &w->expected);
  if (rc != w->expected.rc && (rc == PQ_OK || rc != w->expected.rc_too)) {
    sim_fail(w, p, "%s (%s) in a transaction, expected %s", pq_status_name(rc), p->engine->cx.msg,
             pq_status_name(w->expected.rc));
    return;
  }
  if (rc != PQ_OK) return;
  compare_numbers(w, p, &w->expected, summary);
  if (w->scratch.count == before) return;
  t->ops[t->count] = p->op;
  drop_unchanged(&w->scratch, before, &t->ops[t->count++]);
}

/* Success without events: there was nothing to change. */
static void check_empty_commit(sim_world *w, const sim_session *p) {
  const sim_txn *t = &p->txn;
  sim_model_copy(&w->scratch, &w->model, t->seq);
  for (uint32_t i = 0; i < t->count; i++)
    sim_model_write(&w->scratch, &t->ops[i], SIM_EPOCH_US, &w->expected);
  if (w->scratch.count != t->seq)
    sim_fail(w, p, "success, but none of %u events is stored",
             (unsigned)(w->scratch.count - t->seq));
}

static void check_txn(sim_world *w, sim_session *p, int rc, pq_value summary) {
  int64_t number = 0;
  if (p->op.kind != SIM_BEGIN) {
    p->txn.number = 0;
    if (p->commits > 0 && rc == PQ_OK && p->seq_commit > p->engine->seq_known)
      p->engine->seq_known = p->seq_commit;
    if (p->commits > 0 && rc != PQ_OK)
      sim_fail(w, p, "%s (%s), but its events are stored", pq_status_name(rc), p->engine->cx.msg);
    else if (p->op.kind == SIM_COMMIT && rc == PQ_OK && p->commits == 0)
      check_empty_commit(w, p);
    else if (rc != PQ_OK && !sim_txn_has_aged(p, rc) &&
             (rc != PQ_EVERSION || p->op.kind == SIM_ABORT))
      sim_fail(w, p, "%s: %s", pq_status_name(rc), p->engine->cx.msg);
    return;
  }
  if (rc != PQ_OK) {
    sim_fail(w, p, "%s: %s", pq_status_name(rc), p->engine->cx.msg);
    return;
  }
  (void)pq_value_i64(pq_object_get_str(summary, "txn"), &number);
  p->txn = (sim_txn){
      .number = (uint64_t)number, .begun_us = p->least_us, .seq = (uint32_t)sim_seq_of(summary)};
  if (p->txn.seq < p->seq_start || p->txn.seq > w->model.count)
    sim_fail(w, p, "as of seq %u, expected %u to %u", (unsigned)p->txn.seq, (unsigned)p->seq_start,
             (unsigned)w->model.count);
}

/* After a power cut the present may be that of an earlier commit, if commits are not synced. */
static void learn(sim_world *w, sim_session *p, int rc, pq_value summary) {
  int64_t seq = sim_seq_of(summary);
  p->is_probe = false;
  if (rc != PQ_OK) return;
  if (seq < w->seq_synced || seq > w->model.count) {
    sim_fail(w, p, "after a power cut as of seq %lld, expected %u to %u", (long long)seq,
             (unsigned)w->seq_synced, (unsigned)w->model.count);
    return;
  }
  p->seq_start = w->model.count = (uint32_t)seq;
}

void sim_check_reply(sim_world *w, sim_session *p, int rc, pq_value summary) {
  if (w->has_failed) return;
  if (p->is_probe) learn(w, p, rc, summary);
  if (rc < 0 && is_allowed(w, p, rc)) {
    if (p->op.kind == SIM_COMMIT || p->op.kind == SIM_ABORT) p->txn.number = 0;
    check_failure(w, p, rc);
  } else if (rc == PQ_EHISTORY) {
    sim_check_dropped(w, p);
  } else if (p->op.in_txn) {
    check_in_txn(w, p, rc, summary);
  } else if (rc == PQ_EVERSION && p->op.kind < SIM_WRITE_KINDS && has_txn(p->engine)) {
    check_failure(w, p, rc); /* it is claimed by a transaction */
  } else if (p->op.kind >= SIM_BEGIN && p->op.kind <= SIM_ABORT) {
    check_txn(w, p, rc, summary);
  } else if (p->op.kind < SIM_WRITE_KINDS) {
    check_write(w, p, rc, summary);
  } else if (rc == PQ_EINVALID) {
    sim_check_ahead(w, p);
  } else if (rc < 0) {
    sim_fail(w, p, "%s: %s", pq_status_name(rc), p->engine->cx.msg);
  } else if (p->op.kind < SIM_READ_END) {
    sim_check_read(w, p, summary);
  } else if (p->op.kind == SIM_BACKUP) {
    sim_copy_check(w, p, summary);
  } else if (p->op.kind == SIM_VERIFY && !sim_has_faults(p) && !sim_may_name_gone(w, p)) {
    sim_model_read(&w->model, &p->op, 0, 0, &w->expected);
    sim_compare(w, p, &w->expected, summary);
  }
}
