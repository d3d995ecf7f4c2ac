/* cmd/write_turn.c - the stages that every write of entities goes through, and its end.
 *
 *   stage_turn          a bulk write: the next operations that one commit can hold
 *     └► stage_open     snapshot
 *         ├► stage_keyed   ids are known: locate, read, decide each               (write_apply.c)
 *         └► stage_scan …  a filter: events as entities match, or the best one by sort
 *              └► nothing matched and upsert: an id is made ─► stage_keyed
 *     └► unique fields of the schema                                            (unique_check.c)
 *     └► edges: $link, $unlink, those of hard-deleted entities                    (edge_write.c)
 *     └► stage_join        held against all that came meanwhile: overtaken ─► the turn again
 *     └► stage_send        one append with all who joined                            (db/group.c)
 *     └► stage_append      durable, then visible
 *     └► records of links to other namespaces (refs.h)
 *     └► stage_stored      [flush if the tail is long]
 *   stage_turn_end      the next turn, or the summary
 *
 * In a transaction a turn ends in its own events instead (db/txn.h), and nothing is stored.
 *
 * A single command is one turn and fails as a whole. In a bulk write the turns are commits of their
 * own: a failure of the store in the middle leaves what earlier turns did, and is the command's
 * failure; an operation's own failure is noted by its index.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "cmd/refs.h"
#include "db/bulk.h"
#include "db/schema_of.h"
#include "db/txn.h"
#include "table/tail.h"

enum { AGAIN_MAX = 1000 }; /* of 64 callers that change one entity the last is overtaken 63 times */

/* ---- notes ---- */

int pq_note_add(pq_command *c, pq_write_notes *notes, pq_write_note note) {
  if (notes->count == notes->cap) {
    uint32_t cap = notes->cap == 0 ? 16 : notes->cap * 2;
    pq_write_note *items = pq_arena_calloc(&c->arena, cap, sizeof *items);
    if (items == NULL) return c->op.cx->code;
    if (notes->count > 0) memcpy(items, notes->items, notes->count * sizeof *items);
    notes->items = items;
    notes->cap = cap;
  }
  PQ_TRY(pq_arena_copy(&c->arena, note.text, &note.text));
  notes->items[notes->count++] = note;
  return PQ_OK;
}

/* Is it the operation's fault? Else nothing more can be done. */
static bool is_of_operation(int rc) {
  switch (rc) {
    case PQ_EINVALID:
    case PQ_EFILTER:
    case PQ_EUPDATE:
    case PQ_EEXISTS:
    case PQ_ENOENTITY:
    case PQ_EVERSION:
    case PQ_EUNSUPPORTED:
    case PQ_ETARGET:
    case PQ_EINDEX:
    case PQ_EUNIQUE:
    case PQ_ELIMIT: return true;
    default: return false;
  }
}

int pq_note_error(pq_command *c, uint32_t index, int rc) {
  pq_write_notes *errors = &c->s.outcome.errors;
  pq_write_note note = {.index = index, .code = rc, .text = pq_str(c->op.cx->msg)};
  if (!c->s.is_bulk || !is_of_operation(rc)) return rc;
  if (!c->s.is_ordered) return pq_note_add(c, errors, note);
  c->s.is_stopped = true;
  if (errors->count > 0 && errors->items[0].index <= index) return PQ_OK;
  errors->count = 0; /* the first one is what counts */
  return pq_note_add(c, errors, note);
}

/* ---- once more ---- */

static int stage_turn(pq_op *op);

/* Before a turn is taken again: what overtook it may have left the namespace stale. A load that has
 * to forget all waits for whoever has the write slot, so it is given back first. */
static int stage_load_again(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_space_release(c->s.space, c);
  PQ_TRY(pq_command_load(c));
  if (!c->s.space->is_loaded) return PQ_OK; /* once more, from where the log begins by now */
  if (c->s.needs_slot) PQ_TRY(pq_space_acquire(c->s.space, c));
  op->stage = c->s.ending != NULL ? c->s.turn : stage_turn;
  return PQ_OK;
}

/* Before it has joined a group: what was forgotten meanwhile is read again. */
int pq_commit_again(pq_command *c) {
  pq_space_release(c->s.space, c);
  pq_commit_release(&c->s.commit);
  pq_arena_clear(&c->op.arena);
  c->op.stage = stage_load_again;
  return PQ_OK;
}

/* What the write rests on has changed since its view: it is decided anew on what is there now. In a
 * bulk write that is this turn, of which nothing is stored; else the whole command. */
static int take_turn_again(pq_command *c) {
  pq_command_state *s = &c->s;
  if (++s->again_count > AGAIN_MAX)
    return pq_fail(c->op.cx, PQ_EBUSY, "others changed the same %u times: try again", AGAIN_MAX);
  if (s->ending == NULL) {
    if (s->take == NULL) return pq_command_again(c);
    s->next_operation = s->writes[0].index;
    s->outcome = s->outcome_before;
    s->is_stopped = false;
  }
  pq_commit_release(&s->commit);
  c->op.stage = stage_load_again;
  return PQ_OK;
}

/* ---- the end of every write ---- */

/* The entity that was asked for, before the change or as the commit, which has its time, has it. It
 * is made before the append, so that a projection that fails has changed nothing, and given out
 * behind. */
static int make_reply(pq_command *c) {
  const pq_commit *commit = &c->s.commit;
  pq_entity e = c->s.reply;
  if (!c->s.wants_reply) return PQ_OK;
  if (c->s.is_reply_after && commit->count > 0 && commit->events[0].target == PQ_TARGET_ENTITY)
    (void)pq_event_entity(&commit->events[0], &e);
  else if (!c->s.has_reply)
    return PQ_OK;
  e.name_field = pq_name_field_now(c->s.space, c->s.collection);
  PQ_TRY(pq_reply_entity(c, &e));
  c->s.reply_item = c->items[--c->item_count];
  return PQ_OK;
}

/* [A flush, if the tail is long.] */
static int stage_stored(pq_op *op) {
  pq_command *c = pq_command_of(op);
  op->stage = c->s.start;
  if (c->s.space->overlay->held_len <= op->cx->limits.tail_len_max) return PQ_OK;
  if (c->s.space->write_owner != NULL && c->s.space->write_owner != c)
    return PQ_OK; /* who has the slot may be at it */
  PQ_TRY(pq_space_acquire(c->s.space, c));
  pq_command_relieve(c, c->s.start);
  return PQ_OK;
}

static int stage_append(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_commit_append(&c->s.commit, c->s.space, op));
  c->s.is_committed = true;
  op->stage = stage_stored;
  if (pq_refs_are_due(c)) pq_refs_begin(c, stage_stored);
  return PQ_OK;
}

static int stage_send(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_commit_send(&c->s.commit, c->s.space, op));
  op->stage = stage_append;
  return PQ_OK;
}

/* The events become part of the command's transaction: there is nothing to store yet. */
static int join_txn(pq_command *c) {
  pq_commit *commit = &c->s.commit;
  int rc;
  for (uint32_t i = 0; i < commit->count; i++)
    commit->events[i].ts = c->s.txn->ts;
  PQ_TRY(make_reply(c));
  rc = pq_txn_write(c->s.txn, commit, c->op.now_us);
  if (rc == PQ_ENOMEM) c->s.txn->is_ending = true; /* it may hold half of the write */
  if (rc == PQ_OVERTAKEN) return take_turn_again(c);
  c->op.stage = c->s.start;
  return rc;
}

static int stage_bulk_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  c->s.is_committed = true;
  op->stage = c->s.start;
  return PQ_OK;
}

static int stage_join(pq_op *op);

/* Many new documents become files, and a row that names them is the commit. */
static int write_bulk(pq_command *c) {
  int rc;
  PQ_TRY(pq_space_acquire(c->s.space, c));
  if (pq_bulk_is_barred(c->s.space)) {
    pq_command_settle(c, stage_join);
    return PQ_OK;
  }
  rc = pq_bulk_begin(&c->s.commit, c->s.space, &c->op, c->s.ending, c);
  if (rc == PQ_OVERTAKEN) return take_turn_again(c);
  if (rc != PQ_OK) return rc;
  PQ_TRY(make_reply(c));
  pq_bulk_run(&c->s.commit, &c->op, stage_bulk_end);
  return PQ_OK;
}

static int join(pq_command *c) {
  pq_commit *commit = &c->s.commit;
  int rc;
  if (c->s.txn != NULL) return join_txn(c);
  if (pq_bulk_fits(commit, c->s.space)) return write_bulk(c);
  rc = pq_commit_join(commit, c->s.space, &c->op, c->s.ending, c);
  if (rc == PQ_OVERTAKEN) return take_turn_again(c);
  PQ_TRY(rc);
  c->op.stage = stage_send;
  rc = make_reply(c);
  if (rc != PQ_OK) pq_commit_release(commit); /* out of the group, before somebody sends it */
  return rc;
}

static int stage_join(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, join(c));
}

/* What is written to our own namespace is derived, or the program's: its users. */
static int check_space(const pq_command *c) {
  if (c->is_inner || (c->reach & PQ_REACH_SYSTEM) != 0 || strcmp(c->s.space->ns, PQ_SYSTEM_NS) != 0)
    return PQ_OK;
  return pq_fail(
      c->op.cx, PQ_EPERM,
      "%s: namespace '" PQ_SYSTEM_NS
      "' is the program's own: for links see the command refs, for users `parquedb user`",
      c->s.spec->name);
}

int pq_write_commit(pq_command *c, pq_stage_fn finish) {
  pq_commit *commit = &c->s.commit;
  PQ_TRY(check_space(c));
  if (c->s.snapshot.space != NULL) {
    commit->base_seq = c->s.snapshot.view.seq;
    commit->own_seq = c->s.snapshot.view.own_seq;
    if (pq_typing_seq(c) < commit->base_seq) commit->base_seq = pq_typing_seq(c);
  }
  pq_snapshot_close(&c->s.snapshot);
  c->s.start = finish;
  c->op.stage = commit->count > 0 ? stage_join : finish;
  return commit->count > 0 ? PQ_OK : make_reply(c);
}

/* ---- turns ---- */

/* The next turn, which is to see what the last one stored, or the summary. */
static int stage_turn_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool has_more = !c->s.is_stopped && c->s.next_operation < c->s.operation_count;
  op->stage = !has_more ? c->s.finish : c->s.space->is_stale ? stage_load_again : stage_turn;
  return PQ_OK;
}

int pq_turn_result(pq_command *c, int rc) {
  pq_command_state *s = &c->s;
  uint32_t index;
  if (rc >= 0 || !s->is_bulk || s->write_count == 0) return rc;
  index = s->writes[0].index;
  if (s->write_count > 1) { /* whose fault it is, turns of one operation will tell */
    if (!is_of_operation(rc) || s->group_max <= 1) return rc;
    s->group_max = 1;
    s->next_operation = index;
    s->outcome = s->outcome_before;
    s->is_stopped = false;
  } else {
    s->outcome = s->outcome_before;
    PQ_TRY(pq_note_error(c, index, rc));
  }
  pq_snapshot_close(&s->snapshot);
  pq_commit_release(&s->commit);
  c->op.stage = stage_turn_end;
  return PQ_OK;
}

static int compare_events(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(pq_event *const *)a)->id, (*(pq_event *const *)b)->id);
}

static int after_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.gone_count > 0) return pq_turn_result(c, pq_edges_unlink_gone(c, stage_turn_end));
  return pq_turn_result(c, pq_write_commit(c, stage_turn_end));
}

static int stage_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.is_bulk && c->s.writes[0].kind == PQ_WRITE_INSERT) PQ_TRY(pq_edges_drop_left_out(c));
  if (c->s.edge_count > 0)
    pq_edges_write(c, after_edges);
  else
    op->stage = after_edges;
  return PQ_OK;
}

/* All entities are decided: events of many in the order of their ids, unique fields, edges. */
static int decided(pq_command *c) {
  pq_command_state *s = &c->s;
  if (s->writes[0].id.n == 0) PQ_TRY(pq_edges_sort(c));
  PQ_TRY(pq_sort_items(c->op.cx, s->found, s->found_count, sizeof *s->found, compare_events, NULL));
  for (uint32_t i = 0; i < s->found_count; i++)
    PQ_TRY(pq_commit_add(&s->commit, &c->op.arena, s->found[i]));
  if (s->seal != NULL) PQ_TRY(s->seal(c));
  return pq_unique_begin(c, stage_edges);
}

/* ---- writes that name their entities ---- */

static int compare_order(const void *a, const void *b, const void *ud) {
  const pq_write *writes = ud;
  return pq_slice_cmp(writes[*(const uint32_t *)a].id, writes[*(const uint32_t *)b].id);
}

typedef struct keyed {
  pq_slice *ids;   /* sorted */
  uint32_t *order; /* ids[i] is of writes[order[i]] */
  pq_location *at; /* of ids[i] */
  pq_entity *entities;
} keyed;

static int sort_keys(pq_command *c, keyed *k) {
  pq_arena *scratch = &c->op.scratch;
  uint32_t n = c->s.write_count;
  k->ids = pq_arena_calloc(scratch, n, sizeof *k->ids);
  k->order = pq_arena_calloc(scratch, n, sizeof *k->order);
  k->at = pq_arena_calloc(scratch, n, sizeof *k->at);
  k->entities = pq_arena_calloc(scratch, n, sizeof *k->entities);
  if (k->ids == NULL || k->order == NULL || k->at == NULL || k->entities == NULL)
    return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    k->order[i] = i;
  PQ_TRY(pq_sort_items(c->op.cx, k->order, n, sizeof *k->order, compare_order, c->s.writes));
  for (uint32_t i = 0; i < n; i++)
    k->ids[i] = c->s.writes[k->order[i]].id;
  return PQ_OK;
}

static int stage_scan_open(pq_op *op);

/* Write `i` missed, and a scan may find what it means: those before it are committed, then it
 * begins a turn; a turn that it begins goes on with the scan. */
static int scan_instead(pq_command *c, uint32_t i) {
  pq_write *w = &c->s.writes[i];
  c->s.next_operation = w->index + (i == 0);
  c->s.write_count = i == 0 ? 1 : i;
  if (i > 0) return decided(c);
  w->id = (pq_slice){0};
  c->op.stage = stage_scan_open;
  return PQ_OK;
}

static int decide_keyed(pq_command *c, const keyed *k) {
  uint32_t n = c->s.write_count;
  uint32_t *rank = pq_arena_calloc(&c->op.scratch, n, sizeof *rank);
  if (rank == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    rank[k->order[i]] = i;
  PQ_TRY(pq_commit_expect(&c->s.commit, &c->op.arena, n));
  for (uint32_t i = 0; i < n; i++) {
    const pq_write *w = &c->s.writes[i];
    int rc;
    if (c->s.is_stopped && w->index > c->s.outcome.errors.items[0].index) break;
    rc = pq_write_keyed(c, w, &k->at[rank[i]], &k->entities[rank[i]]);
    if (rc == PQ_NO_MATCH) return scan_instead(c, i);
    if (rc != PQ_OK) PQ_TRY(pq_note_error(c, w->index, rc));
  }
  return decided(c);
}

static int do_keyed(pq_command *c) {
  pq_op *op = &c->op;
  const pq_view *v = &c->s.snapshot.view;
  uint32_t n = c->s.write_count;
  unsigned want = PQ_WANT_ID | PQ_WANT_SYSTEM | PQ_WANT_DELETED;
  keyed k;
  PQ_TRY(sort_keys(c, &k));
  for (uint32_t i = 0; i < n; i++)
    if (c->s.writes[i].kind != PQ_WRITE_INSERT) want = PQ_WANT_ALL;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, k.ids, n, false, k.at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, k.at, n, want, k.entities, NULL));
  return decide_keyed(c, &k);
}

static int stage_keyed(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, do_keyed(c));
}

/* ---- writes whose filter chooses ---- */

/* Where the entity is that the scan gives out. */
static pq_location where(const pq_command *c, pq_slice id) {
  const pq_view *v = &c->s.snapshot.view;
  pq_location at = c->s.scan.at;
  if (at.info == NULL) at.event = pq_tail_entity(v, id);
  return at;
}

/* The sort keys of an entity, in `arena`. */
static int make_keys(pq_command *c, pq_arena *arena, const pq_entity *e, pq_value **keys,
                     bool **empties) {
  const pq_sort *sort = &c->s.writes[0].change->sort;
  const pq_change *change = c->s.writes[0].change;
  pq_value doc = e->data, system = {0};
  *keys = pq_arena_calloc(arena, sort->count, sizeof **keys);
  *empties = pq_arena_calloc(arena, sort->count, sizeof **empties);
  if (*keys == NULL || *empties == NULL) return c->op.cx->code;
  if (!change->is_plain) PQ_TRY(pq_entity_system(c->db->builder, arena, e, &system));
  if (change->shows_key) PQ_TRY(pq_shown_document(c->db->builder, arena, e, &doc, NULL));
  for (uint32_t i = 0; i < sort->count; i++)
    (*keys)[i] = pq_sort_key(sort, i, doc, system, &(*empties)[i]);
  return PQ_OK;
}

/* Keep the entity and its keys: it is the best so far. */
static int keep_best(pq_command *c, const pq_entity *e) {
  pq_arena *arena = &c->best;
  pq_entity *best = &c->s.best;
  pq_arena_clear(arena);
  c->s.best_at = where(c, e->id);
  *best = *e;
  PQ_TRY(pq_arena_copy(arena, e->id, &best->id));
  PQ_TRY(pq_arena_copy(arena, e->type, &best->type));
  PQ_TRY(pq_arena_copy(arena, e->created_by, &best->created_by));
  PQ_TRY(pq_arena_copy(arena, e->updated_by, &best->updated_by));
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, e->data));
  PQ_TRY(pq_builder_finish(c->db->builder, arena, &best->data));
  c->s.has_best = true;
  return make_keys(c, arena, best, &c->s.best_keys, &c->s.best_empties);
}

static int take_if_better(pq_command *c, const pq_entity *e) {
  const pq_sort *sort = &c->s.writes[0].change->sort;
  pq_value *keys;
  bool *empties;
  int order = -1;
  PQ_TRY(make_keys(c, &c->op.scratch, e, &keys, &empties));
  if (c->s.has_best) {
    order = pq_sort_compare(sort, keys, empties, c->s.best_keys, c->s.best_empties);
    if (order == 0) order = pq_slice_cmp(e->id, c->s.best.id);
  }
  return order < 0 ? keep_best(c, e) : PQ_OK;
}

/* A pq_scan_sink. Without a sort the first match is the one. */
static int take_match(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  const pq_write *w = &c->s.writes[0];
  pq_location at;
  (void)count;
  if (!w->change->is_many && w->change->sort.count > 0) return take_if_better(c, e);
  at = where(c, e->id);
  PQ_TRY(pq_write_match(c, w, &at, e));
  c->s.has_best = true;
  if (!w->change->is_many) return PQ_YIELD;
  return w->change->take_max > 0 && c->s.found_count >= w->change->take_max ? PQ_YIELD : PQ_OK;
}

/* The scan is over. */
static int chosen(pq_command *c) {
  pq_write *w = &c->s.writes[0];
  if (c->s.has_best) {
    if (!w->change->is_many && w->change->sort.count > 0)
      PQ_TRY(pq_write_match(c, w, &c->s.best_at, &c->s.best));
    return decided(c);
  }
  if (!w->change->is_upsert) return decided(c);
  PQ_TRY(pq_write_upsert(c, w));
  c->op.stage = stage_keyed;
  return PQ_OK;
}

static int stage_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_match, c);
  if (rc == PQ_ELIMIT && c->s.writes[0].change->is_many)
    rc = pq_fail(op->cx, rc, "%u entities match so far, too many for one write: %s",
                 c->s.found_count, op->cx->msg);
  if (rc == PQ_OK && c->s.scan.is_done) rc = chosen(c);
  return pq_turn_result(c, rc);
}

static int stage_scan_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_change *change = c->s.writes[0].change;
  pq_scan *scan = &c->s.scan;
  pq_eval *eval = pq_arena_alloc(&op->arena, sizeof *eval);
  if (eval == NULL) return op->cx->code;
  pq_env_eval(c, eval);
  pq_scan_init(scan, &c->s.snapshot.view, c->s.collection, change->filter);
  scan->eval = eval;
  scan->includes_deleted = change->includes_deleted;
  scan->is_plain = change->is_plain;
  scan->shows_key = change->shows_key;
  if (change->is_many || change->sort.count > 0) scan->window = PQ_SCAN_WINDOW_MAX;
  if (!change->is_many && change->sort.count > 0 && !eval->collation.is_folded)
    scan->order = (pq_scan_order){.path = change->sort.fields[0].path.text,
                                  .is_descending = change->sort.fields[0].is_descending,
                                  .keep = 1};
  op->stage = stage_scan;
  return PQ_OK;
}

/* ---- beginning ---- */

static int stage_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_scan = c->s.write_count == 1 && c->s.writes[0].id.n == 0;
  PQ_TRY(pq_read_snapshot(c));
  op->stage = is_scan ? stage_scan_open : stage_keyed;
  return PQ_OK;
}

/* Forget the turn before, all of whose memory is the operation's and `turn`. */
static void forget_turn(pq_command *c) {
  pq_command_state *s = &c->s;
  pq_commit_release(&s->commit);
  pq_arena_clear(&c->op.arena);
  pq_arena_clear(&c->turn);
  s->writes = NULL;
  s->found = NULL;
  s->gone = NULL;
  s->edges = NULL;
  s->write_count = s->write_cap = s->found_count = s->found_cap = 0;
  s->gone_count = s->gone_cap = s->edge_count = s->edge_cap = 0;
  s->has_best = false;
  s->outcome_before = s->outcome;
}

static int stage_turn(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.take != NULL) {
    forget_turn(c);
    PQ_TRY(pq_typing_open(c));
    if (pq_typing_has_id(c)) c->s.group_max = 1;    /* ids are not known before */
    if (pq_typing_has_texts(c)) c->s.group_max = 1; /* what one makes another may find */
    PQ_TRY(c->s.take(c));
    for (uint32_t i = 0; i < c->s.write_count; i++) {
      pq_write *w = &c->s.writes[i];
      int rc = w->kind == PQ_WRITE_INSERT ? pq_typed_insert(c, w) : PQ_OK;
      if (rc != PQ_OK) return pq_turn_result(c, rc);
    }
  }
  PQ_TRY(pq_typing_open(c));
  op->stage = c->s.write_count > 0 ? stage_open : stage_turn_end;
  return PQ_OK;
}

int pq_turn_grow(pq_command *c, pq_arena *arena, uint32_t expected) {
  pq_command_state *s = &c->s;
  uint32_t cap = s->write_cap == 0 ? 16 : s->write_cap * 4;
  pq_write *writes;
  if (s->write_count < s->write_cap) return PQ_OK;
  if (cap < expected) cap = expected;
  writes = pq_arena_array(arena, cap, sizeof *writes);
  if (writes == NULL) return c->op.cx->code;
  if (s->write_count > 0) memcpy(writes, s->writes, s->write_count * sizeof *writes);
  s->writes = writes;
  s->write_cap = cap;
  return PQ_OK;
}

void pq_turn_begin(pq_command *c, pq_stage_fn finish) {
  c->s.start = stage_turn;
  c->s.finish = finish;
  c->s.outcome_before = c->s.outcome;
  if (c->s.take == NULL) c->s.next_operation = c->s.operation_count;
}
