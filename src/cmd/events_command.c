/* cmd/events_command.c - all events of a namespace or of a collection, in order of seq.
 *
 *   event files:  [from + 1 ··· window ···][··· window ···] …   a stage per window
 *   tail:                                                     … seq of the snapshot
 *      first events of entities: the state before is in the files' rows
 *   and files again, of bulk writes that are pending, and tail behind them (db/pending.h)
 *
 * A window bounds what one stage holds in memory; the events of one entity are one window. Both
 * ends are fixed when the snapshot is opened; a flush in between moves events from the tail into
 * files, where they are found as well.
 */
#include "base/merge_sort.h"
#include "cmd/command_int.h"
#include "db/schema_of.h"

enum { WINDOW = 4096, BLOCK = 1000 };

static bool is_of_collection(const pq_command *c, const pq_event *e) {
  pq_slice collection, local;
  if (c->s.collection.n == 0) return true;
  if (e->target == PQ_TARGET_COLLECTION) return pq_slice_eq(e->id, c->s.collection);
  return pq_id_split(e->id, &collection, &local) && pq_slice_eq(collection, c->s.collection);
}

/* Is the state before an event in the row of a file alone? */
static bool needs_row(const pq_event *e, const pq_event *before) {
  return e->target == PQ_TARGET_ENTITY && e->op != PQ_EVENT_CREATE && before == NULL &&
         pq_value_is_missing(e->before);
}

/* The next events of the tail up to `last` that are chosen, in scratch, with the state before where
 * the tail has it. `*rows`: those that lack it. */
static int list_tail(pq_command *c, uint64_t last, pq_event **out, uint32_t *count,
                     pq_event ***rows, uint32_t *row_count) {
  pq_arena *arena = &c->op.scratch;
  const pq_overlay *o = c->s.snapshot.view.overlay;
  uint32_t from = o == NULL ? 0 : pq_overlay_count(o, c->s.event_seq - 1);
  uint32_t cap = o == NULL ? 0 : o->version_count - from;
  pq_event *events;
  if (cap > BLOCK) cap = BLOCK;
  events = pq_arena_calloc(arena, cap, sizeof *events);
  *rows = pq_arena_calloc(arena, cap, sizeof **rows);
  *out = events;
  *count = *row_count = 0;
  if (events == NULL || *rows == NULL) return c->op.cx->code;
  for (uint32_t i = from; o != NULL && i < o->version_count && *count < cap; i++) {
    const pq_event *source = &o->versions[i].event, *before = pq_overlay_before(o, source);
    pq_event *e = &events[*count];
    if (source->seq > last) break;
    if (!is_of_collection(c, source) || !pq_event_is_chosen(c, source)) continue;
    *e = *source;
    ++*count;
    if (needs_row(e, before)) (*rows)[(*row_count)++] = e;
    if (e->op == PQ_EVENT_CREATE) continue; /* of a soft-deleted one, too: as in files */
    if (before == NULL || !pq_value_is_missing(e->before)) continue;
    e->before = before->after;
    if (e->target == PQ_TARGET_ENTITY)
      PQ_TRY(pq_schema_before(c->s.space, arena, e->id, before->seq, e->seq, &e->before));
  }
  return PQ_OK;
}

static int compare_ids(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(pq_event *const *)a)->id, (*(pq_event *const *)b)->id);
}

/* The state before the first events of entities, from the rows that they replace. */
static int read_rows(pq_command *c, pq_event **rows, uint32_t n) {
  pq_op *op = &c->op;
  const pq_view *v = &c->s.snapshot.view;
  pq_slice *ids = pq_arena_calloc(&op->scratch, n, sizeof *ids);
  pq_location *at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  pq_entity *entities = pq_arena_calloc(&op->scratch, n, sizeof *entities);
  if (ids == NULL || at == NULL || entities == NULL) return op->cx->code;
  PQ_TRY(pq_sort_items(op->cx, rows, n, sizeof(pq_event *), compare_ids, NULL));
  for (uint32_t i = 0; i < n; i++)
    ids[i] = rows[i]->id;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, n, true, at));
  PQ_TRY(
      pq_view_read(v, &op->fetch, &op->scratch, at, n, PQ_WANT_ID | PQ_WANT_DATA, entities, NULL));
  for (uint32_t i = 0; i < n; i++)
    if (entities[i].id.p != NULL) rows[i]->before = entities[i].data;
  return PQ_OK;
}

static int stage_events_files(pq_op *op);

static int stage_events_tail(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_event *events, **rows;
  uint64_t last;
  uint32_t count, row_count;
  PQ_TRY(pq_read_in_time(c));
  if (pq_space_is_filed(c->s.space, c->s.event_seq, &last)) { /* by now */
    op->stage = stage_events_files;
    return PQ_OK;
  }
  if (last > c->s.choice.seq_hi) last = c->s.choice.seq_hi;
  PQ_TRY(list_tail(c, last, &events, &count, &rows, &row_count));
  if (row_count > 0) PQ_TRY(read_rows(c, rows, row_count));
  for (uint32_t i = 0; i < count; i++) {
    int rc = pq_event_take(c, &events[i], true);
    if (rc == PQ_YIELD) return pq_event_finish(c);
    PQ_TRY(rc);
  }
  c->s.event_seq = count < BLOCK ? last + 1 : events[count - 1].seq + 1;
  op->stage = stage_events_files;
  return c->item_count > 0 ? PQ_YIELD : pq_read_again(c);
}

static int stage_events_files(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_event_choice *k = &c->s.choice;
  uint64_t last;
  bool is_filed = pq_space_is_filed(c->s.space, c->s.event_seq, &last);
  pq_event_want want = {.seq_lo = c->s.event_seq,
                        .ts_hi = k->ts_hi,
                        .target = k->target,
                        .id = c->s.args.entity,
                        .collection = c->s.collection,
                        .needs_values = true,
                        .needs_before = true};
  pq_event *events;
  uint32_t count;
  PQ_TRY(pq_read_in_time(c));
  if (c->s.event_seq > k->seq_hi) return pq_event_finish(c);
  if (!is_filed) {
    op->stage = stage_events_tail;
    return PQ_OK;
  }
  if (last > k->seq_hi) last = k->seq_hi;
  want.seq_hi = last;
  if (want.id.n == 0 && last - c->s.event_seq >= WINDOW) want.seq_hi = c->s.event_seq + WINDOW - 1;
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  for (uint32_t i = 0; i < count; i++) {
    int rc = pq_event_take(c, &events[i], true);
    if (rc == PQ_YIELD) return pq_event_finish(c);
    PQ_TRY(rc);
  }
  c->s.event_seq = want.seq_hi + 1;
  return c->item_count > 0 ? PQ_YIELD : pq_read_again(c);
}

int pq_stage_events(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_event_choice_check(c));
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  pq_event_choice_range(c);
  PQ_TRY(pq_history_floor(c));
  c->s.event_seq = c->s.choice.seq_lo;
  op->stage = stage_events_files;
  return PQ_OK;
}

int pq_open_events(pq_command *c, pq_value target) {
  pq_slice name;
  if (!pq_value_string(target, &name) || name.n > 0) PQ_TRY(pq_target_collection(c, target));
  c->s.start = pq_stage_events;
  return pq_event_choice_open(c);
}
