/* test/sim/sim_command.c - random commands: what they do, and their text. */
#include "sim_world.h"

/* ---- choosing ---- */

static uint32_t any_entity(sim_world *w) {
  return sim_below(&w->random, SIM_COLLECTIONS) * SIM_LOCALS + sim_below(&w->random, w->locals);
}

static char any_field(sim_world *w) {
  return sim_field_names[sim_below(&w->random, SIM_FIELDS)];
}

static int32_t any_value(sim_world *w, char field) {
  return field < 'm' ? (int32_t)sim_below(&w->random, 12) - 3 : (int32_t)sim_below(&w->random, 6);
}

static sim_document any_document(sim_world *w) {
  sim_document d = {0};
  uint32_t first = sim_below(&w->random, SIM_FIELDS);
  for (uint32_t i = 0; i < SIM_FIELDS; i++) {
    char name = sim_field_names[(first + i) % SIM_FIELDS];
    if (sim_chance(&w->random, 350)) continue;
    d.fields[d.count++] = (sim_field){name, any_value(w, name)};
  }
  if (w->has_catalog && sim_chance(&w->random, 500))
    d.fields[d.count++] = (sim_field){'d', (int32_t)sim_below(&w->random, 12) - 3};
  return d;
}

static void any_filter(sim_world *w, sim_op *op) {
  op->compare =
      sim_chance(&w->random, 300) ? SIM_ALL : (sim_comparison)(1 + sim_below(&w->random, 4));
  op->by = any_field(w);
  op->than = any_value(w, op->by);
}

/* As an id, which at times no event has. */
static void choose_id(const sim_world *w, sim_op *op) {
  uint64_t seq = op->as_of_seq, last = w->model.count;
  op->is_id = true;
  op->as_of_ms = w->model.events[(seq < last ? seq : last) - 1].ts / 1000;
  if (seq % 5 == 1) op->as_of_ms += seq % 2 == 0 ? 1 : -1;
}

/* Any seq, half of the time one of the last: what is not flushed yet, or not there yet. */
static void any_instant(sim_world *w, sim_op *op) {
  uint32_t n = sim_below(&w->random, 10), last = w->model.count + 2;
  if (n < 3) op->is_flushed = n == 0 && (op->kind < SIM_HISTORY || op->kind == SIM_GROUP);
  if (n < 6 || w->model.count == 0) return;
  if (n < 8) {
    op->instant = 's';
    op->as_of_seq = sim_below(&w->random, last);
    if (last > 8 && sim_chance(&w->random, 500)) op->as_of_seq = last - 1 - op->as_of_seq % 8;
    if (op->as_of_seq % 3 == 1) choose_id(w, op);
  } else {
    const sim_event *e = &w->model.events[sim_below(&w->random, w->model.count)];
    op->instant = 't';
    op->as_of_ms = e->ts / 1000 + (int64_t)sim_below(&w->random, 3) - 1;
  }
}

static void choose_change(sim_world *w, sim_op *op) {
  op->change = "=+-="[sim_below(&w->random, 4)];
  op->field.name = op->change == '+' ? "ab"[sim_below(&w->random, 2)] : any_field(w);
  op->field.value = any_value(w, op->field.name);
}

/* An edge that is there already has no event, so nothing holds its ends while others write. */
static void choose_edges(sim_world *w, sim_op *op) {
  op->count = w->session_count > 1 ? 1 : 1 + sim_below(&w->random, 2);
  for (uint32_t i = 0; i < op->count; i++) {
    op->edges[i] = (sim_edge){any_entity(w), sim_below(&w->random, SIM_PREDICATES), any_entity(w)};
    op->has_data[i] = op->kind == SIM_LINK && sim_chance(&w->random, 500);
    op->documents[i] = any_document(w);
  }
}

/* Events of somewhere else: the same things as here, so that they meet. */
static void choose_replay(sim_world *w, sim_op *op) {
  sim_random *r = &w->random;
  op->count = w->session_count > 1 ? 1 : 1 + sim_below(r, SIM_ITEMS);
  for (uint32_t i = 0; i < op->count; i++) {
    op->ids[i] = any_entity(w);
    op->edges[i] = (sim_edge){any_entity(w), sim_below(r, SIM_PREDICATES), any_entity(w)};
    op->is_edge[i] = sim_chance(r, 400);
    op->ops[i] = (sim_event_op)(SIM_CREATE + sim_below(r, 3));
    op->has_data[i] = op->is_edge[i] ? op->ops[i] != SIM_REMOVE && sim_chance(r, 500)
                                     : op->ops[i] != SIM_REMOVE || sim_chance(r, 500);
    op->documents[i] = any_document(w);
  }
}

/* The seq of a moment of the past that every process has seen. */
static uint32_t any_moment(sim_world *w, const sim_session *p) {
  uint32_t n = sim_seq_to_see(w, p);
  return n == 0 ? 0 : n - sim_below(&w->random, sim_chance(&w->random, 500) && n > 8 ? 8 : n + 1);
}

static void choose_revert(sim_world *w, const sim_session *p, sim_op *op) {
  op->is_one = sim_chance(&w->random, 600);
  op->is_edges = p->engine->session_count == 1 && sim_chance(&w->random, 600);
  op->from = any_moment(w, p);
}

/* A write that appendEvent can say, too. */
static void choose_append(sim_world *w, sim_op *op) {
  bool is_able = (op->kind == SIM_DELETE && op->policy == SIM_POLICY_NONE) ||
                 op->kind == SIM_REPLACE || op->kind == SIM_INSERT || op->kind == SIM_LINK ||
                 op->kind == SIM_UNLINK;
  if (!is_able || op->is_upsert || !sim_chance(&w->random, 200)) return;
  if (op->kind != SIM_DELETE && op->kind != SIM_REPLACE) op->count = 1;
  op->is_append = true;
}

/* $link and $unlink of an update. An edge that is there already is not held against other callers:
 * they are for processes with one. */
static void choose_links(sim_world *w, const sim_session *p, sim_op *op) {
  sim_random *r = &w->random;
  bool is_alone = p->engine->session_count == 1 && p->txn.number == 0;
  if (op->kind != SIM_UPDATE || op->is_upsert || !is_alone) return;
  op->has_link = sim_chance(r, 300);
  op->has_unlink = sim_chance(r, 300);
  for (uint32_t i = 0; i < 2; i++) {
    op->edges[i].from = op->entity;
    op->edges[i].predicate = sim_below(r, SIM_PREDICATES);
    op->edges[i].to = any_entity(w);
  }
}

static void choose_write(sim_world *w, const sim_session *p, sim_op *op) {
  sim_random *r = &w->random;
  op->tag = ++w->tags;
  op->actor = sim_below(r, SIM_ACTORS);
  op->entity = any_entity(w);
  op->collection = op->entity / SIM_LOCALS;
  switch (op->kind) {
    case SIM_INSERT: /* in the order of ids, some of them twice */
      op->count = 1 + sim_below(r, SIM_ITEMS);
      for (uint32_t i = 0; i < op->count; i++) {
        uint32_t local = sim_below(r, w->locals);
        op->ids[i] = op->collection * SIM_LOCALS + local;
        if (i > 0 && op->ids[i] < op->ids[i - 1]) op->ids[i] = op->ids[i - 1];
        op->documents[i] = any_document(w);
      }
      if (op->count > 1 && op->ids[0] == op->ids[1]) op->count = 1;
      break;
    case SIM_UPDATE:
    case SIM_REPLACE:
      choose_change(w, op);
      op->documents[0] = any_document(w);
      op->is_upsert = sim_chance(r, 250);
      op->has_version = !op->is_upsert && sim_chance(r, 200);
      op->version = 1 + sim_below(r, 4);
      choose_links(w, p, op);
      break;
    case SIM_DELETE:
      op->is_hard = sim_chance(r, 400);
      if (op->is_hard && sim_chance(r, 500))
        op->policy = (sim_policy)(SIM_POLICY_UNLINK + sim_below(r, 3));
      break;
    case SIM_UPDATE_MANY:
    case SIM_DELETE_MANY:
      choose_change(w, op);
      any_filter(w, op);
      break;
    case SIM_LINK:
    case SIM_UNLINK: choose_edges(w, op); break;
    case SIM_REVERT: choose_revert(w, p, op); break;
    case SIM_REPLAY: choose_replay(w, op); break;
    case SIM_SCHEMA: op->is_unique = sim_chance(r, 700); break;
    default: break;
  }
  choose_append(w, op);
}

/* The next page of a find, or the first one of another. */
static void choose_page(sim_world *w, const sim_session *p, sim_op *op) {
  sim_random *r = &w->random;
  if (p->page_token.len > 0 && !sim_chance(r, 150)) {
    *op = p->page;
    return;
  }
  op->is_first = true;
  op->is_snapshot = sim_chance(r, 500);
  op->limit = 1 + sim_below(r, 3);
  if (op->is_snapshot && sim_chance(r, 500)) {
    op->sort = any_field(w);
    op->is_descending = sim_chance(r, 500);
  }
  any_filter(w, op);
}

static void choose_events(sim_world *w, const sim_session *p, sim_op *op) {
  sim_random *r = &w->random;
  op->collection = sim_below(r, SIM_COLLECTIONS + 1);
  op->limit = sim_chance(r, 500) ? 0 : 1 + sim_below(r, 6);
  op->is_tail = sim_chance(r, 600);
  if (op->is_tail && p->tail_cursor.len > 0) {
    op->collection = p->tail.collection;
    op->event_op = p->tail.event_op;
    op->target = p->tail.target;
    op->from = p->tail.from;
    return;
  }
  op->event_op = sim_chance(r, 700) ? 0 : (sim_event_op)(SIM_CREATE + sim_below(r, 3));
  op->target = "\0\0er"[sim_below(r, 4)];
  op->from = op->is_tail ? 0 : any_moment(w, p);
}

static void choose_read(sim_world *w, sim_session *p, sim_op *op) {
  sim_random *r = &w->random;
  op->entity = any_entity(w);
  op->collection = op->entity / SIM_LOCALS;
  op->includes_deleted = sim_chance(r, 200);
  switch (op->kind) {
    case SIM_FIND:
      if (sim_chance(r, 400)) {
        op->sort = any_field(w);
        op->is_descending = sim_chance(r, 500);
        op->skip = sim_chance(r, 200) ? sim_below(r, 4) : 0;
        op->limit = sim_chance(r, 400) ? 1 + sim_below(r, 4) : 0;
      } /* fall through */
    case SIM_COUNT: any_filter(w, op); break;
    case SIM_GROUP:
      any_filter(w, op);
      op->sort = any_field(w);
      break;
    case SIM_HISTORY:
      op->is_one = sim_chance(r, 300);
      op->edges[0] = (sim_edge){op->entity, sim_below(r, SIM_PREDICATES), any_entity(w)};
      break;
    case SIM_AT_VERSION: op->version = 1 + sim_below(r, 4); break;
    case SIM_DIFF:
      op->is_one = sim_chance(r, 500);
      op->from = any_moment(w, p);
      break;
    case SIM_EVENTS: choose_events(w, p, op); break;
    case SIM_PAGE: choose_page(w, p, op); return;
    case SIM_GRAPH: sim_graph_choose(w, p); break;
    case SIM_RELATED:
    case SIM_TRAVERSE:
      op->is_edges = op->kind == SIM_RELATED && sim_chance(r, 400);
      op->count = op->kind == SIM_RELATED ? 1 : 1 + sim_below(r, SIM_ITEMS);
      for (uint32_t i = 0; i < op->count; i++) {
        op->edges[i].predicate = sim_below(r, SIM_PREDICATES);
        op->is_reverse[i] = sim_chance(r, 400);
      }
      break;
    default: break;
  }
  if (!op->is_tail) any_instant(w, op);
}

/* Writes by filter see a snapshot: what other callers insert meanwhile is not theirs. The model
 * knows only whole commands, so they are for processes with one caller. */
static sim_kind any_write(sim_world *w, bool is_alone) {
  static const sim_kind kinds[] = {SIM_UPDATE_MANY, SIM_INSERT,  SIM_INSERT, SIM_INSERT,
                                   SIM_UPDATE,      SIM_UPDATE,  SIM_UPDATE, SIM_LINK,
                                   SIM_LINK,        SIM_LINK,    SIM_UNLINK, SIM_DELETE,
                                   SIM_DELETE,      SIM_REPLACE, SIM_RESTORE};
  uint32_t n = sim_below(&w->random, sizeof kinds / sizeof *kinds);
  if (is_alone && sim_chance(&w->random, 20)) return SIM_DELETE_MANY;
  if (is_alone && sim_chance(&w->random, 60)) return SIM_REVERT;
  if (is_alone && !w->has_schema && !w->has_catalog && sim_chance(&w->random, 60))
    return SIM_REPLAY;
  if (is_alone && w->has_schema && sim_chance(&w->random, 30)) return SIM_SCHEMA;
  return n == 0 && !is_alone ? SIM_INSERT : kinds[n];
}

/* By bytes, or by an age; what was allowed once may be dropped later, as the command may be late.
 */
static void choose_retention(sim_world *w, sim_op *op) {
  static const int64_t seconds[] = {0, 0, 1, 6 * 3600, 30 * 3600, INT32_MAX};
  op->than = (int32_t)sim_below(&w->random, 6);
  if (seconds[op->than] * 1000000 < w->age_min_us) w->age_min_us = seconds[op->than] * 1000000;
}

/* Collectors that take all, and while one of them stops, files that it does not know. */
static void choose_in_stall(sim_world *w, sim_op *op) {
  if (w->is_stalled)
    op->kind = SIM_FLUSH;
  else if (sim_chance(&w->random, 200))
    op->kind = SIM_VACUUM;
  if (op->kind == SIM_VACUUM) op->limit = 0;
}

static void choose_maintenance(sim_world *w, sim_op *op) {
  static const sim_kind kinds[] = {SIM_FLUSH,      SIM_FLUSH,    SIM_FLUSH,    SIM_COMPACT,
                                   SIM_COMPACT,    SIM_MAINTAIN, SIM_MAINTAIN, SIM_MAINTAIN,
                                   SIM_CHECKPOINT, SIM_VACUUM,   SIM_BACKUP,   SIM_VERIFY};
  op->kind = kinds[sim_below(&w->random, sizeof kinds / sizeof *kinds)];
  if (op->kind == SIM_BACKUP && w->has_no_copies) op->kind = SIM_VERIFY;
  op->limit = sim_below(&w->random, 4);
  if (w->works_events > 0 &&
      sim_chance(&w->random, 500)) { /* step by step, between other commands */
    op->kind = sim_chance(&w->random, 150) ? SIM_VACUUM : SIM_MAINTAIN;
    op->limit = op->kind == SIM_MAINTAIN;
  }
  if (w->has_retention && sim_chance(&w->random, 60)) op->kind = SIM_RETENTION;
  if (w->has_catalog && op->kind == SIM_MAINTAIN) op->kind = SIM_FLUSH; /* it expires */
  if (w->store.is_on[SIM_STALL]) choose_in_stall(w, op);
  if (op->kind == SIM_RETENTION) choose_retention(w, op);
  if (op->kind == SIM_BACKUP) any_instant(w, op);
  op->is_flushed = false;
  op->collection = sim_below(&w->random, SIM_COLLECTIONS + 1);
}

/* The next command of a session that has a transaction. Its reads are as of where it began. */
static void choose_in_txn(sim_world *w, sim_session *p, sim_op *op) {
  static const sim_kind reads[] = {SIM_GET,      SIM_FIND,  SIM_COUNT, SIM_RELATED,
                                   SIM_TRAVERSE, SIM_GRAPH, SIM_GROUP};
  const sim_txn *t = &p->txn;
  uint32_t n = sim_below(&w->random, 12);
  op->in_txn = n >= 4;
  if (n >= 10) {
    op->kind = reads[sim_below(&w->random, sizeof reads / sizeof *reads)];
    choose_read(w, p, op);
    op->instant = 0;
    op->is_flushed = false;
  } else if (n >= 4 && t->count < SIM_TXN_OPS) {
    op->kind = any_write(w, false);
    choose_write(w, p, op);
  } else {
    op->in_txn = false;
    op->kind = n == 0 ? SIM_ABORT : SIM_COMMIT;
  }
}

void sim_command_choose(sim_world *w, sim_session *p) {
  bool is_writer = p->engine->is_writer;
  sim_op *op = &p->op;
  *op = (sim_op){0};
  if (is_writer && sim_chance(&w->random, w->is_stalled ? 300 : w->flush_per_mille)) {
    choose_maintenance(w, op);
  } else if (p->txn.number != 0 && sim_chance(&w->random, 800)) {
    choose_in_txn(w, p, op);
  } else if (is_writer && p->txn.number == 0 && sim_chance(&w->random, w->txn_per_mille)) {
    op->kind = SIM_BEGIN;
  } else if (is_writer && p->txn.number == 0 && w->has_catalog && sim_chance(&w->random, 120)) {
    sim_catalog_choose(w, p);
  } else if (is_writer && sim_chance(&w->random, 650)) {
    op->kind = any_write(w, p->engine->session_count == 1 && p->txn.number == 0);
    choose_write(w, p, op);
  } else if (sim_chance(&w->random, 10)) {
    op->kind = SIM_VERIFY;
  } else {
    op->kind = (sim_kind)(SIM_GET + sim_below(&w->random, SIM_RECORD - SIM_GET + w->has_catalog));
    choose_read(w, p, op);
  }
  sim_command_text(p);
}
