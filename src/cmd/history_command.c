/* cmd/history_command.c - the events of one entity or edge: flushed ones from the event files, then
 * the tail's. Of a collection they are what events_command.c lists. See doc/commands.md.
 *
 *   event files:  e1 ─ e2 ─ e3      each with the state before it
 *   tail:                      e4 ─ e5      before e4: what e3 left, or what the files' row says
 */
#include <string.h>

#include "cmd/command_int.h"
#include "db/schema_of.h"

typedef struct history {
  pq_command *c;
  bool is_edge;
  pq_value before; /* state after the event before, for events of the tail */
  uint64_t before_seq;
  uint32_t seen;
} history;

/* One event in order: reply it if it is asked for, remember its state for the next. */
static int take(history *h, const pq_event *source) {
  pq_command *c = h->c;
  pq_event e = *source;
  if (e.op != PQ_EVENT_CREATE && pq_value_is_missing(e.before)) {
    e.before = h->before;
    if (!h->is_edge && h->before_seq > 0)
      PQ_TRY(pq_schema_before(c->s.space, &c->op.scratch, e.id, h->before_seq, e.seq, &e.before));
  }
  h->before = e.after;
  h->before_seq = e.seq;
  h->seen++;
  return pq_event_take(c, &e, h->is_edge);
}

static bool is_of_edge(const pq_command *c, const pq_event *e) {
  return pq_slice_eq(e->predicate, c->s.edge.predicate) && pq_slice_eq(e->to_id, c->s.edge.to);
}

/* The versions in the tail after `after`, oldest first. */
static int list_tail(history *h, uint64_t after, const pq_event ***out, uint32_t *count) {
  pq_command *c = h->c;
  const pq_overlay *o = c->s.space->overlay;
  const pq_edge_arg *edge = &c->s.edge;
  uint64_t seq = c->s.choice.seq_hi;
  const pq_event *newest = h->is_edge
                               ? pq_overlay_edge(o, edge->from, edge->predicate, edge->to, seq)
                               : pq_overlay_entity(o, c->s.id, seq);
  uint32_t n = 0;
  *count = 0;
  for (const pq_event *e = newest; e != NULL && e->seq > after; e = pq_overlay_before(o, e))
    n++;
  *out = pq_arena_calloc(&c->op.scratch, n, sizeof **out);
  if (*out == NULL) return c->op.cx->code;
  *count = n;
  for (const pq_event *e = newest; n > 0; e = pq_overlay_before(o, e))
    (*out)[--n] = e;
  return PQ_OK;
}

/* What the files say of the entity: the state before the first event of the tail. */
static int read_entity(history *h) {
  pq_command *c = h->c;
  pq_view v;
  pq_location at;
  pq_entity e;
  PQ_TRY(pq_read_rows_of(c, &v));
  PQ_TRY(pq_view_locate(&v, &c->op.fetch, &c->op.scratch, &c->s.id, 1, true, &at));
  PQ_TRY(pq_view_read(&v, &c->op.fetch, &c->op.scratch, &at, 1, PQ_WANT_ALL, &e, NULL));
  if (e.id.p != NULL) h->before = e.data;
  return PQ_OK;
}

static int read_edge(history *h) {
  pq_command *c = h->c;
  pq_edge_query q = {.nodes = &c->s.edge.from,
                     .node_count = 1,
                     .predicate = c->s.edge.predicate,
                     .is_files_only = true,
                     .needs_data = true};
  pq_edge *edges;
  uint32_t count;
  pq_view v;
  PQ_TRY(pq_read_rows_of(c, &v));
  PQ_TRY(pq_edges_read(&v, &c->op.fetch, &c->op.scratch, &q, &edges, &count));
  for (uint32_t i = 0; i < count; i++)
    if (pq_slice_eq(edges[i].to_id, c->s.edge.to)) h->before = edges[i].data;
  return PQ_OK;
}

/* Is the state before an event of the tail in the files alone? */
static bool needs_row(const pq_command *c, const pq_event *first) {
  return first->op != PQ_EVENT_CREATE && pq_value_is_missing(first->before) &&
         pq_overlay_before(c->s.space->overlay, first) == NULL;
}

static int take_all(history *h, const pq_event *flushed, uint32_t flushed_count,
                    const pq_event **tail, uint32_t tail_count) {
  int rc = PQ_OK;
  if (tail_count > 0) {
    const pq_event *before = pq_overlay_before(h->c->s.space->overlay, tail[0]);
    if (before != NULL && flushed_count == 0) {
      h->before = before->after;
      h->before_seq = before->seq;
    }
  }
  for (uint32_t i = 0; i < flushed_count && rc == PQ_OK; i++)
    rc = take(h, &flushed[i]);
  for (uint32_t i = 0; i < tail_count && rc == PQ_OK; i++)
    rc = take(h, tail[i]);
  return rc == PQ_YIELD ? PQ_OK : rc;
}

static int stage_history_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_event_choice *k = &c->s.choice;
  history h = {.c = c, .is_edge = c->s.edge.from.n > 0};
  pq_event_want want = {.seq_lo = k->seq_lo,
                        .seq_hi = k->seq_hi,
                        .ts_hi = k->ts_hi,
                        .target = h.is_edge ? PQ_TARGET_REL : PQ_TARGET_ENTITY,
                        .id = h.is_edge ? c->s.edge.from : c->s.id,
                        .needs_values = true,
                        .needs_before = true};
  pq_event *events;
  const pq_event **tail = NULL;
  uint32_t count, n = 0, tail_count = 0;
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!h.is_edge || is_of_edge(c, &events[i])) events[n++] = events[i];
  if (!c->s.args.is_flushed) PQ_TRY(list_tail(&h, k->seq_lo - 1, &tail, &tail_count));
  if (n == 0 && tail_count > 0 && needs_row(c, tail[0]))
    PQ_TRY(h.is_edge ? read_edge(&h) : read_entity(&h));
  PQ_TRY(take_all(&h, events, n, tail, tail_count));
  return pq_event_finish(c);
}

static int stage_history(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_event_choice_check(c));
  PQ_TRY(pq_read_events_snapshot(c));
  pq_event_choice_range(c);
  PQ_TRY(pq_history_floor(c));
  op->stage = stage_history_read;
  return PQ_OK;
}

int pq_open_history(pq_command *c, pq_value target) {
  pq_slice text;
  c->s.start = stage_history;
  if (pq_value_type(target) == PQ_TYPE_OBJECT) {
    PQ_TRY(pq_edge_of(c, target, &c->s.edge));
  } else if (pq_value_string(target, &text) && text.n > 0 && memchr(text.p, '/', text.n) == NULL) {
    PQ_TRY(pq_target_collection(c, target));
    c->s.start = pq_stage_events;
  } else {
    PQ_TRY(pq_target_id(c, target));
  }
  return pq_event_choice_open(c);
}
