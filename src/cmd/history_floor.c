/* cmd/history_floor.c - what is asked of history that was dropped (retention).
 *
 *   events   1 ··········· floor │ floor + 1 ─────────── now
 *   from, cursor, to:   before the floor: HISTORY_DROPPED     no from: it begins here, and the
 *                                                             summary says so (historyFrom)
 *   version, newest event of an entity: among those that are there, else in the row that the files
 *   hold, else it was dropped
 *
 * A file of events may reach over the floor; what of it is older is not shown.
 */
#include "base/text.h"
#include "cmd/command_int.h"

static const pq_history_start *start_of(const pq_command *c) {
  return &c->s.space->manifest.history;
}

int pq_history_dropped(pq_command *c, const char *what) {
  const pq_history_start *h = start_of(c);
  char time[PQ_TIME_CAP];
  pq_time_print(h->ts, time);
  return pq_fail(c->op.cx, PQ_EHISTORY, "history before %s (event %llu) was dropped, and %s", time,
                 (unsigned long long)h->seq, what);
}

static bool is_before(const pq_history_start *h, const pq_as_of *at) {
  if (!at->is_set) return false;
  return at->is_seq ? at->seq < h->seq : at->ts < h->ts;
}

int pq_history_floor(pq_command *c) {
  const pq_history_start *h = start_of(c);
  pq_event_choice *k = &c->s.choice;
  if (h->seq == 0) return PQ_OK;
  if (is_before(h, &c->s.args.from)) return pq_history_dropped(c, "'from' is before that");
  if (is_before(h, &c->s.args.to)) return pq_history_dropped(c, "'to' is before that");
  if (k->after.seq > 0 && k->after.seq < h->seq)
    return pq_history_dropped(c, "'cursor' is before that: some events behind it are gone");
  if (k->seq_lo <= h->seq) k->seq_lo = h->seq + 1;
  return PQ_OK;
}

bool pq_history_lacks(const pq_command *c, uint64_t seq) {
  return start_of(c)->seq >= seq;
}

int pq_history_put(pq_command *c) {
  const pq_history_start *h = start_of(c);
  if (h->seq == 0) return PQ_OK;
  PQ_TRY(pq_summary_count(c, "historyFromSeq", h->seq));
  PQ_TRY(pq_builder_key_str(c->db->builder, "historyFrom"));
  return pq_builder_date_us(c->db->builder, h->ts);
}

int pq_history_row(pq_command *c, pq_entity *e, bool *is_there) {
  pq_view v;
  pq_location at;
  *e = (pq_entity){0};
  *is_there = false;
  if (start_of(c)->seq == 0) return PQ_OK;
  PQ_TRY(pq_read_rows_of(c, &v));
  PQ_TRY(pq_view_locate(&v, &c->op.fetch, &c->op.scratch, &c->s.id, 1, false, &at));
  PQ_TRY(pq_view_read(&v, &c->op.fetch, &c->op.scratch, &at, 1, PQ_WANT_ALL, e, NULL));
  *is_there = e->id.p != NULL;
  return PQ_OK;
}
