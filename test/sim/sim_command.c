/* test/sim/sim_command.c - random commands: what they do, and their text. */
#include "sim_world.h"

/* ---- choosing ---- */

static uint32_t any_entity(sim_world *w) {
  return sim_below(&w->random, SIM_COLLECTIONS) * SIM_LOCALS + sim_below(&w->random, w->locals);
}

static char any_field(sim_world *w) {
  return "abst"[sim_below(&w->random, SIM_FIELDS)];
}

static int32_t any_value(sim_world *w, char field) {
  return field < 'm' ? (int32_t)sim_below(&w->random, 12) - 3 : (int32_t)sim_below(&w->random, 6);
}

static sim_document any_document(sim_world *w) {
  sim_document d = {0};
  uint32_t first = sim_below(&w->random, SIM_FIELDS);
  for (uint32_t i = 0; i < SIM_FIELDS; i++) {
    char name = "abst"[(first + i) % SIM_FIELDS];
    if (sim_chance(&w->random, 350)) continue;
    d.fields[d.count++] = (sim_field){name, any_value(w, name)};
  }
  return d;
}

static void any_filter(sim_world *w, sim_op *op) {
  op->compare = sim_chance(&w->random, 300) ? SIM_ALL : (sim_compare)(1 + sim_below(&w->random, 4));
  op->by = any_field(w);
  op->than = any_value(w, op->by);
}

static void any_instant(sim_world *w, sim_op *op) {
  uint32_t n = sim_below(&w->random, 10);
  if (n < 3) op->is_flushed = n == 0 && op->kind != SIM_HISTORY;
  if (n < 6 || w->model.count == 0) return;
  if (n < 8) {
    op->instant = 's';
    op->as_of_seq = sim_below(&w->random, w->model.count + 2);
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

static void choose_write(sim_world *w, sim_op *op) {
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
      break;
    case SIM_DELETE: op->is_hard = sim_chance(r, 400); break;
    case SIM_UPDATE_MANY:
    case SIM_DELETE_MANY:
      choose_change(w, op);
      any_filter(w, op);
      break;
    case SIM_LINK:
    case SIM_UNLINK: choose_edges(w, op); break;
    default: break;
  }
}

static void choose_read(sim_world *w, sim_op *op) {
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
  any_instant(w, op);
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
  return n == 0 && !is_alone ? SIM_INSERT : kinds[n];
}

static void choose_maintenance(sim_world *w, sim_op *op) {
  static const sim_kind kinds[] = {SIM_FLUSH,      SIM_FLUSH,    SIM_FLUSH,    SIM_COMPACT,
                                   SIM_COMPACT,    SIM_MAINTAIN, SIM_MAINTAIN, SIM_MAINTAIN,
                                   SIM_CHECKPOINT, SIM_VACUUM};
  op->kind = kinds[sim_below(&w->random, sizeof kinds / sizeof *kinds)];
  op->limit = sim_below(&w->random, 4);
  if (w->works_events > 0 &&
      sim_chance(&w->random, 500)) { /* step by step, between other commands */
    op->kind = sim_chance(&w->random, 150) ? SIM_VACUUM : SIM_MAINTAIN;
    op->limit = op->kind == SIM_MAINTAIN;
  }
  op->collection = sim_below(&w->random, SIM_COLLECTIONS + 1);
}

/* The next command of a session that has a transaction. */
static void choose_in_txn(sim_world *w, const sim_txn *t, sim_op *op) {
  uint32_t n = sim_below(&w->random, 10);
  op->kind = n == 0 ? SIM_ABORT : SIM_COMMIT;
  if (n < 4 || t->count == SIM_TXN_OPS) return;
  op->kind = any_write(w, false);
  op->in_txn = true;
  choose_write(w, op);
}

void sim_command_choose(sim_world *w, sim_session *p) {
  bool is_writer = p->engine->is_writer;
  sim_op *op = &p->op;
  *op = (sim_op){0};
  if (is_writer && sim_chance(&w->random, w->flush_per_mille)) {
    choose_maintenance(w, op);
  } else if (p->txn.number != 0 && sim_chance(&w->random, 800)) {
    choose_in_txn(w, &p->txn, op);
  } else if (is_writer && p->txn.number == 0 && sim_chance(&w->random, w->txn_per_mille)) {
    op->kind = SIM_BEGIN;
  } else if (is_writer && sim_chance(&w->random, 650)) {
    op->kind = any_write(w, p->engine->session_count == 1);
    choose_write(w, op);
  } else if (sim_chance(&w->random, 10)) {
    op->kind = SIM_VERIFY;
  } else {
    op->kind = (sim_kind)(SIM_GET + sim_below(&w->random, SIM_READ_END - SIM_GET));
    choose_read(w, op);
  }
  sim_command_text(p);
}

/* ---- text ---- */

static void put_entity_field(sim_text *t, const char *name, uint32_t entity) {
  sim_put(t, "{\"%s\":\"", name);
  sim_put_id(t, entity);
  sim_put(t, "\"");
}

static void put_insert(sim_text *t, const sim_op *op) {
  sim_put(t, "{\"insert\":\"%s\",\"documents\":[", sim_collection_name(op->collection));
  for (uint32_t i = 0; i < op->count; i++) {
    const sim_document *d = &op->documents[i];
    sim_put(t, "%s{\"$id\":\"k%u\"%s", i > 0 ? "," : "", (unsigned)(op->ids[i] % SIM_LOCALS),
            d->count > 0 ? "," : "");
    sim_put_fields(t, d);
    sim_put(t, "}");
  }
  sim_put(t, "]");
}

static void put_change(sim_text *t, const sim_op *op) {
  const char *name = op->change == '-' ? "$unset" : op->change == '+' ? "$inc" : "$set";
  sim_put(t, "{\"%s\":", name);
  sim_put_document(t, &(sim_document){1, {op->field}});
  sim_put(t, "}");
}

static void put_filter(sim_text *t, const sim_op *op) {
  static const char *const compares[] = {"", "$eq", "$gte", "$lt", "$ne"};
  if (op->compare == SIM_ALL) {
    sim_put(t, "{}");
    return;
  }
  sim_put(t, op->by < 'm' ? "{\"%c\":{\"%s\":%d}}" : "{\"%c\":{\"%s\":\"v%d\"}}", op->by,
          compares[op->compare], (int)op->than);
}

static void put_edges(sim_text *t, const sim_op *op) {
  sim_put(t, "{\"%s\":[", op->kind == SIM_LINK ? "link" : "unlink");
  for (uint32_t i = 0; i < op->count; i++) {
    if (i > 0) sim_put(t, ",");
    put_entity_field(t, "from", op->edges[i].from);
    sim_put(t, ",\"predicate\":\"%s\",\"to\":\"", sim_predicate_name(op->edges[i].predicate));
    sim_put_id(t, op->edges[i].to);
    sim_put(t, "\"");
    if (op->has_data[i]) sim_put(t, ",\"data\":");
    if (op->has_data[i]) sim_put_document(t, &op->documents[i]);
    sim_put(t, "}");
  }
  sim_put(t, "]");
}

static void put_write(sim_text *t, const sim_session *p) {
  const sim_op *op = &p->op;
  switch (op->kind) {
    case SIM_INSERT: put_insert(t, op); break;
    case SIM_UPDATE:
      put_entity_field(t, "update", op->entity);
      sim_put(t, ",\"ops\":");
      put_change(t, op);
      break;
    case SIM_REPLACE:
      put_entity_field(t, "replace", op->entity);
      sim_put(t, ",\"document\":");
      sim_put_document(t, &op->documents[0]);
      break;
    case SIM_DELETE: put_entity_field(t, "delete", op->entity); break;
    case SIM_RESTORE: put_entity_field(t, "restore", op->entity); break;
    case SIM_UPDATE_MANY:
    case SIM_DELETE_MANY:
      sim_put(t, "{\"%s\":\"%s\",\"filter\":",
              op->kind == SIM_UPDATE_MANY ? "updateMany" : "deleteMany",
              sim_collection_name(op->collection));
      put_filter(t, op);
      if (op->kind == SIM_UPDATE_MANY) sim_put(t, ",\"update\":");
      if (op->kind == SIM_UPDATE_MANY) put_change(t, op);
      break;
    default: put_edges(t, op);
  }
  if (op->is_upsert) sim_put(t, ",\"upsert\":true");
  if (op->in_txn) sim_put(t, ",\"txn\":%llu", (unsigned long long)p->txn.number);
  if (op->is_hard) sim_put(t, ",\"hard\":true");
  if (op->has_version) sim_put(t, ",\"expectedVersion\":%u", (unsigned)op->version);
  sim_put(t, ",\"metadata\":{\"n\":%u}", (unsigned)op->tag);
  if (op->actor > 0) sim_put(t, ",\"actor\":\"%s\"", sim_actor_name(op->actor));
}

static void put_path(sim_text *t, const sim_op *op) {
  put_entity_field(t, op->kind == SIM_RELATED ? "related" : "traverse", op->entity);
  if (op->kind == SIM_TRAVERSE) sim_put(t, ",\"path\":[{");
  for (uint32_t i = 0; i < op->count; i++)
    sim_put(t, "%s\"predicate\":\"%s\",\"direction\":\"%s\"",
            i > 0                     ? "},{"
            : op->kind == SIM_RELATED ? ","
                                      : "",
            sim_predicate_name(op->edges[i].predicate), op->is_reverse[i] ? "reverse" : "forward");
  if (op->kind == SIM_TRAVERSE) sim_put(t, "}]");
  if (op->is_edges) sim_put(t, ",\"edges\":true");
}

static void put_read(sim_text *t, const sim_op *op) {
  switch (op->kind) {
    case SIM_GET: put_entity_field(t, "get", op->entity); break;
    case SIM_HISTORY: put_entity_field(t, "history", op->entity); break;
    case SIM_FIND:
    case SIM_COUNT:
      sim_put(t, "{\"%s\":\"%s\",\"filter\":", op->kind == SIM_FIND ? "find" : "count",
              sim_collection_name(op->collection));
      put_filter(t, op);
      if (op->sort != 0) sim_put(t, ",\"sort\":{\"%c\":%d}", op->sort, op->is_descending ? -1 : 1);
      if (op->skip > 0) sim_put(t, ",\"skip\":%u", (unsigned)op->skip);
      if (op->limit > 0) sim_put(t, ",\"limit\":%u", (unsigned)op->limit);
      break;
    default: put_path(t, op);
  }
  if (op->includes_deleted &&
      (op->kind == SIM_GET || op->kind == SIM_FIND || op->kind == SIM_COUNT))
    sim_put(t, ",\"includeDeleted\":true");
  if (op->is_flushed) sim_put(t, ",\"flushed\":true");
  if (op->instant == 's') sim_put(t, ",\"asOf\":\"seq:%llu\"", (unsigned long long)op->as_of_seq);
  if (op->instant == 't') sim_put(t, ",\"asOf\":%lld", (long long)op->as_of_ms);
}

void sim_command_text(sim_session *p) {
  const sim_op *op = &p->op;
  sim_text *t = &p->text;
  sim_text_clear(t);
  if (op->kind < SIM_WRITE_KINDS)
    put_write(t, p);
  else if (op->kind < SIM_READ_END)
    put_read(t, op);
  else if (op->kind == SIM_FLUSH)
    sim_put(t, "{\"flush\":1");
  else if (op->kind == SIM_BEGIN)
    sim_put(t, "{\"begin\":1");
  else if (op->kind == SIM_COMMIT || op->kind == SIM_ABORT)
    sim_put(t, "{\"%s\":%llu", op->kind == SIM_COMMIT ? "commit" : "abort",
            (unsigned long long)p->txn.number);
  else if (op->kind == SIM_MAINTAIN)
    sim_put(t, "{\"maintain\":%u", (unsigned)op->limit);
  else if (op->kind == SIM_VACUUM)
    sim_put(t, "{\"vacuum\":1,\"minAge\":\"%us\"", (unsigned)op->limit);
  else if (op->kind == SIM_COMPACT)
    sim_put(t, "{\"compact\":\"%s\"",
            op->collection < SIM_COLLECTIONS ? sim_collection_name(op->collection) : "");
  else
    sim_put(t, "{\"%s\":1", op->kind == SIM_CHECKPOINT ? "checkpoint" : "verify");
  sim_put(t, "}");
}
