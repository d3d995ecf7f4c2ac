/* test/sim/sim_check_read.c - is what a process read what the model has? See sim_world.h.
 *
 *     seq of the reply ─► the model as of then ─► its items
 *     pages, tails: the caller's place moves on, and the next command goes on there
 */
#include <stdlib.h>
#include <string.h>

#include "sim_model_int.h"
#include "sim_world.h"

enum { EVENT_ID_LEN = 35 }; /* {"id":"…26 characters…", */

/* ---- lines of events ---- */

/* The items without the ids of the events, which are not the model's to know. */
static void cut_ids(sim_text *t) {
  size_t to = 0, from = 0;
  while (from < t->len) {
    const char *line = t->p + from, *end = memchr(line, '\n', t->len - from);
    size_t n = end == NULL ? t->len - from : (size_t)(end - line) + 1;
    size_t cut = n > EVENT_ID_LEN ? EVENT_ID_LEN : 0;
    memmove(t->p + to, line + cut, n - cut);
    to += n - cut;
    from += n;
  }
  t->len = to;
}

/* What was before edges and schemas is not shown where it is in files alone. Records have random
 * numbers: what is after a schema is not compared where there are some. */
static void blank_before(sim_text *t, bool has_records) {
  static const char name[] = ",\"before\":";
  size_t to = 0, from = 0;
  while (from < t->len) {
    const char *line = t->p + from, *end = memchr(line, '\n', t->len - from);
    size_t n = end == NULL ? t->len - from : (size_t)(end - line) + 1, keep = n, skip = n;
    const char *at = strstr(line, name), *kind = strstr(line, "\"target\":\"");
    if (at != NULL && at < line + n && kind != NULL && kind < at && kind[10] != 'e') {
      keep = (size_t)(at - line) + sizeof name - 1;
      skip = keep;
      const char *end_name = has_records && kind[10] == 'c' ? ",\"actor\":" : ",\"after\":";
      while (skip < n && (line[skip] != ',' || strncmp(line + skip, end_name, 9) != 0))
        skip++;
    }
    memmove(t->p + to, line, keep);
    to += keep;
    memmove(t->p + to, t->p + from + skip, n - skip);
    to += n - skip;
    from += n;
  }
  t->len = to;
}

/* The seq in the first or the last line; 0: there is none. */
static uint32_t seq_of_line(const sim_text *t, bool is_last) {
  size_t at = is_last && t->len > 0 ? t->len - 1 : 0;
  while (is_last && at > 0 && t->p[at - 1] != '\n')
    at--;
  return t->len < 7 ? 0 : (uint32_t)strtoul(t->p + at + 6, NULL, 10);
}

/* ---- history that was dropped ---- */

static bool is_before(const sim_world *w, uint64_t seq, uint32_t floor) {
  return seq < floor && seq <= w->model.count;
}

bool sim_is_dropped(const sim_world *w, const sim_op *op, uint32_t floor) {
  if (floor == 0 || floor > w->model.count) return false;
  if (op->instant == 's' && is_before(w, op->as_of_seq, floor)) return true;
  if (op->instant == 't' && op->as_of_ms * 1000 < w->model.events[floor - 1].ts) return true;
  if (op->kind == SIM_EVENTS) return op->from > 0 && op->from < floor;
  return (op->kind == SIM_DIFF || op->kind == SIM_REVERT) && is_before(w, op->from, floor);
}

/* Of an entity that has a later version as of what is asked: the events of this one are gone. */
static bool is_version_dropped(const sim_world *w, const sim_session *p) {
  uint32_t lo, hi;
  if (p->op.kind != SIM_AT_VERSION || w->floor == 0) return false;
  for (sim_read_range(w, p, &lo, &hi); lo <= hi; lo++) {
    const sim_event *e = sim_model_entity(&w->model, p->op.entity, lo);
    if (e != NULL && e->version > p->op.version) return true;
  }
  return false;
}

static bool is_page_dropped(const sim_session *p, uint32_t floor) {
  return p->op.kind == SIM_PAGE && p->op.is_snapshot && !p->op.is_first && p->page_seq < floor;
}

void sim_check_dropped(sim_world *w, sim_session *p) {
  if (p->commits > 0) sim_fail(w, p, "history is dropped, but its events are stored");
  if (p->op.in_txn && p->txn.seq < w->floor) return; /* where the transaction began */
  if (!sim_is_dropped(w, &p->op, w->floor) && !is_page_dropped(p, w->floor) &&
      !is_version_dropped(w, p))
    sim_fail(w, p, "%s; history begins at %u", p->engine->cx.msg, (unsigned)w->floor);
  if (p->op.kind == SIM_PAGE) sim_text_clear(&p->page_token);
  if (p->op.is_tail) sim_text_clear(&p->tail_cursor);
}

/* May it not know yet that history was dropped? A reader does not ask for the boundary while the
 * hot tier gives nothing away, and what it has read before stays right; of two writers one may not
 * know what the other does. */
static bool may_lag(const sim_world *w, const sim_session *p) {
  return !p->engine->is_writer || w->has_rivals;
}

/* The model's answer. Where history was dropped while the command ran, it may be that of before,
 * and a superseded writer does not know. */
static void expect(sim_world *w, const sim_session *p, uint32_t seq) {
  uint32_t first = seq_of_line(&p->items, false), floors[4], n = 0;
  floors[n++] = w->floor;
  if (p->floor_start != w->floor) floors[n++] = p->floor_start;
  if (n > 1 || may_lag(w, p)) floors[n++] = 0;
  if (n > 1 && first > 0) floors[n++] = first - 1;
  while (n-- > 0) {
    sim_model_read(&w->model, &p->op, seq, floors[n], &w->expected);
    if (p->op.kind == SIM_EVENTS) blank_before(&w->expected.items, w->has_catalog);
    if (pq_slice_eq(sim_text_slice(&p->items), sim_text_slice(&w->expected.items))) return;
  }
}

/* ---- going on ---- */

static void keep_text(sim_text *to, pq_value summary) {
  pq_slice text;
  sim_text_clear(to);
  if (pq_value_string(pq_object_get_str(summary, "nextCursor"), &text) && text.n > 0)
    sim_put_bytes(to, text.p, text.n);
}

static bool has_more(pq_value summary) {
  bool is = false;
  (void)pq_value_bool(pq_object_get_str(summary, "hasMore"), &is);
  return is;
}

/* {"$id":"cats/k3" in the last line */
static uint32_t local_of_last(const sim_text *t) {
  size_t at = t->len > 0 ? t->len - 1 : 0;
  while (at > 0 && t->p[at - 1] != '\n')
    at--;
  return (uint32_t)(strstr(t->p + at, "/k")[2] - '0');
}

static void turn_page(sim_session *p, pq_value summary, uint32_t seq) {
  uint32_t n = 0;
  for (size_t i = 0; i < p->items.len; i++)
    n += p->items.p[i] == '\n';
  if (p->op.is_first) p->page_seq = seq;
  p->page = p->op;
  p->page.is_first = false;
  keep_text(&p->page_token, summary);
  if (p->op.is_snapshot)
    p->page.behind += n;
  else if (n > 0)
    p->page.behind = p->op.collection * SIM_LOCALS + local_of_last(&p->items) + 1;
}

static void move_tail(sim_session *p, pq_value summary, uint32_t seq) {
  p->tail = p->op;
  p->tail.from = has_more(summary)  ? seq_of_line(&p->items, true)
                 : seq > p->op.from ? seq
                                    : p->op.from;
  keep_text(&p->tail_cursor, summary);
}

/* ---- a read ---- */

/* Is its moment an id that no event has? */
static bool is_strange(const sim_world *w, const sim_op *op) {
  if (op->instant != 's' || !op->is_id || op->as_of_seq > w->model.count) return false;
  return w->model.events[op->as_of_seq - 1].ts / 1000 != op->as_of_ms;
}

void sim_check_ahead(sim_world *w, const sim_session *p) {
  if (p->op.instant == 's' && (p->op.as_of_seq > p->seq_start || is_strange(w, &p->op))) return;
  sim_fail(w, p, "%s; it must see %u events", p->engine->cx.msg, (unsigned)p->seq_start);
}

/* As of a seq is as of that seq, or nothing. */
void sim_read_range(const sim_world *w, const sim_session *p, uint32_t *lo, uint32_t *hi) {
  const sim_op *op = &p->op;
  uint32_t target = UINT32_MAX;
  *lo = op->is_flushed ? 0 : p->seq_start;
  *hi = w->model.count;
  if (op->instant == 's') target = (uint32_t)op->as_of_seq;
  if (op->instant == 's' && !op->is_flushed) *lo = target;
  if (op->instant == 't') target = sim_model_at(&w->model, op->as_of_ms * 1000);
  if (op->kind == SIM_PAGE && op->is_snapshot && !op->is_first) target = p->page_seq;
  if (*lo > target) *lo = target;
  if (*hi > target) *hi = target;
}

void sim_check_read(sim_world *w, sim_session *p, pq_value summary) {
  const sim_op *op = &p->op;
  bool is_of_events = op->kind == SIM_HISTORY || op->kind == SIM_EVENTS;
  uint32_t lo, hi;
  int64_t seq = sim_seq_of(summary);
  sim_read_range(w, p, &lo, &hi);
  if (seq < lo || seq > hi) {
    sim_fail(w, p, "as of seq %lld, expected %u to %u", (long long)seq, (unsigned)lo, (unsigned)hi);
    return;
  }
  if (is_strange(w, op) || (op->instant == 's' && op->as_of_seq > w->model.count))
    sim_fail(w, p, "answers as of an event that is not there");
  if (!may_lag(w, p) &&
      (sim_is_dropped(w, op, p->floor_start) || is_page_dropped(p, p->floor_start)))
    sim_fail(w, p, "answers as of what was dropped: history begins at %u",
             (unsigned)p->floor_start);
  if (seq > p->engine->seq_known && !op->is_flushed) p->engine->seq_known = (uint32_t)seq;
  if (op->kind == SIM_GRAPH) {
    sim_graph_check(w, p, &w->model, (uint32_t)seq, summary);
    return;
  }
  if (is_of_events) cut_ids(&p->items);
  if (op->kind == SIM_EVENTS) blank_before(&p->items, w->has_catalog);
  expect(w, p, (uint32_t)seq);
  sim_compare(w, p, &w->expected, summary);
  if (op->kind == SIM_PAGE) turn_page(p, summary, (uint32_t)seq);
  if (op->is_tail) move_tail(p, summary, (uint32_t)seq);
}
