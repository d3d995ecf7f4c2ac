/* test/sim/sim_command_text.c - commands as text, as a caller writes them. See sim_command.c. */
#include "base/text.h"
#include "log/event.h"
#include "sim_world.h"

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
  static const char *const names[] = {"$link", "$unlink"};
  const char *name = op->change == '-' ? "$unset" : op->change == '+' ? "$inc" : "$set";
  sim_put(t, "{\"%s\":", name);
  sim_put_document(t, &(sim_document){1, {op->field}});
  for (uint32_t i = 0; i < 2; i++) {
    if (!(i == 0 ? op->has_link : op->has_unlink)) continue;
    sim_put(t, ",\"%s\":{\"%s\":\"", names[i], sim_predicate_name(op->edges[i].predicate));
    sim_put_id(t, op->edges[i].to);
    sim_put(t, "\"}");
  }
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

static void put_after(sim_text *t, const sim_document *d) {
  sim_put(t, ",\"after\":");
  sim_put_document(t, d);
}

static void put_edge_ends(sim_text *t, sim_edge edge) {
  sim_put(t, "\"entityId\":\"");
  sim_put_id(t, edge.from);
  sim_put(t, "\",\"predicate\":\"%s\",\"to\":\"", sim_predicate_name(edge.predicate));
  sim_put_id(t, edge.to);
  sim_put(t, "\"");
}

/* The event that the write makes. */
static void put_append(sim_text *t, const sim_op *op) {
  bool is_edge = op->kind == SIM_LINK || op->kind == SIM_UNLINK;
  bool is_removal = op->kind == SIM_DELETE || op->kind == SIM_UNLINK;
  sim_put(t, "{\"appendEvent\":{\"op\":\"%s\",\"target\":\"%s\",",
          is_removal                ? "DELETE"
          : op->kind == SIM_REPLACE ? "UPDATE"
                                    : "CREATE",
          is_edge ? "rel" : "entity");
  if (is_edge) {
    put_edge_ends(t, op->edges[0]);
  } else {
    sim_put(t, "\"entityId\":\"");
    sim_put_id(t, op->kind == SIM_INSERT ? op->ids[0] : op->entity);
    sim_put(t, "\"");
  }
  if (op->kind == SIM_INSERT || op->kind == SIM_REPLACE || op->has_data[0])
    put_after(t, &op->documents[0]);
  if (op->has_version) sim_put(t, ",\"version\":%u", (unsigned)op->version + 1);
  sim_put(t, "}");
}

/* A line as `events` gives it, without what is made anew. */
static void put_line(sim_text *t, const sim_op *op, uint32_t i) {
  static const char *const ops[] = {"", "CREATE", "UPDATE", "DELETE"};
  sim_put(t, "{\"id\":\"");
  sim_put_source(t, i + 1);
  sim_put(t, "\",\"op\":\"%s\",\"target\":\"%s\",", ops[op->ops[i]],
          op->is_edge[i] ? "rel" : "entity");
  if (op->is_edge[i]) {
    put_edge_ends(t, op->edges[i]);
  } else {
    sim_put(t, "\"entityId\":\"");
    sim_put_id(t, op->ids[i]);
    sim_put(t, "\",\"type\":\"%s\"", sim_type_name(op->ids[i] / SIM_LOCALS));
  }
  if (op->has_data[i]) put_after(t, &op->documents[i]);
  sim_put(t, ",\"actor\":\"%s\",\"metadata\":{\"n\":%u}}\n", sim_actor_name(op->actor),
          (unsigned)op->tag);
}

static void put_revert(sim_text *t, const sim_op *op) {
  if (op->is_one)
    put_entity_field(t, "revert", op->entity);
  else
    sim_put(t, "{\"revert\":\"%s\"", sim_collection_name(op->collection));
  sim_put(t, ",\"to\":\"seq:%u\",\"edges\":%s", (unsigned)op->from,
          op->is_edges ? "true" : "false");
}

static void put_write(sim_text *t, const sim_session *p) {
  static const char *const policies[] = {"", "unlink", "restrict", "cascade"};
  const sim_op *op = &p->op;
  switch (op->is_append ? SIM_KINDS : op->kind) {
    case SIM_KINDS: put_append(t, op); break;
    case SIM_MAKE:
    case SIM_INDEX:
    case SIM_UNINDEX:
    case SIM_ALTER:
    case SIM_DROP:
    case SIM_RENAME:
    case SIM_EXPIRE: sim_catalog_text(t, op); break;
    case SIM_REVERT: put_revert(t, op); break;
    case SIM_SCHEMA:
      sim_put(t, "{\"schema\":\"%s\",\"set\":{\"b\":\"int%s\"}", sim_collection_name(SIM_DOGS),
              op->is_unique ? "##" : "");
      break;
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
  if (op->policy != SIM_POLICY_NONE) sim_put(t, ",\"edges\":\"%s\"", policies[op->policy]);
  if (op->has_version && !op->is_append)
    sim_put(t, ",\"expectedVersion\":%u", (unsigned)op->version);
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

static void put_events(sim_text *t, const sim_session *p) {
  static const char *const ops[] = {"", "CREATE", "UPDATE", "DELETE"};
  const sim_op *op = &p->op;
  sim_put(t, "{\"events\":\"%s\",\"limit\":%u",
          op->collection < SIM_COLLECTIONS ? sim_collection_name(op->collection) : "",
          (unsigned)op->limit);
  if (op->event_op != 0) sim_put(t, ",\"op\":\"%s\"", ops[op->event_op]);
  if (op->target != 0) sim_put(t, ",\"target\":\"%s\"", op->target == 'r' ? "rel" : "entity");
  if (op->is_tail && p->tail_cursor.len > 0)
    sim_put(t, ",\"cursor\":\"%.*s\"", (int)p->tail_cursor.len, p->tail_cursor.p);
  else
    sim_put(t, ",\"cursor\":\"seq:%u\"", (unsigned)op->from);
}

static void put_group(sim_text *t, const sim_op *op) {
  sim_put(t,
          "{\"aggregate\":\"%s\",\"pipeline\":[{\"$match\":", sim_collection_name(op->collection));
  put_filter(t, op);
  sim_put(t,
          "},{\"$group\":{\"_id\":\"$%c\",\"n\":{\"$sum\":1},\"a\":{\"$sum\":\"$a\"},"
          "\"m\":{\"$max\":\"$b\"}}}]",
          op->sort);
}

static void put_history(sim_text *t, const sim_op *op) {
  if (!op->is_one) {
    put_entity_field(t, "history", op->entity);
    return;
  }
  sim_put(t, "{\"history\":");
  put_entity_field(t, "from", op->edges[0].from);
  sim_put(t, ",\"predicate\":\"%s\",\"to\":\"", sim_predicate_name(op->edges[0].predicate));
  sim_put_id(t, op->edges[0].to);
  sim_put(t, "\"}");
}

static void put_diff(sim_text *t, const sim_op *op) {
  if (op->is_one)
    put_entity_field(t, "diff", op->entity);
  else
    sim_put(t, "{\"diff\":\"%s\"", sim_collection_name(op->collection));
  sim_put(t, ",\"from\":\"seq:%u\"", (unsigned)op->from);
}

static void put_id(sim_text *t, const sim_op *op) {
  const pq_event e = {.seq = op->as_of_seq, .ts = op->as_of_ms * 1000};
  char id[PQ_ULID_LEN + 1];
  pq_event_ulid(&e, id);
  sim_put(t, "\"%s\"", id);
}

static void put_instant(sim_text *t, const sim_op *op) {
  if (op->instant == 0) return;
  sim_put(t, op->kind == SIM_DIFF ? ",\"to\":" : ",\"asOf\":");
  if (op->instant == 's' && op->is_id)
    put_id(t, op);
  else if (op->instant == 's')
    sim_put(t, "\"seq:%llu\"", (unsigned long long)op->as_of_seq);
  else if (op->kind == SIM_DIFF) /* there a number is a seq */
    sim_put_date(t, op->as_of_ms * 1000);
  else
    sim_put(t, "%lld", (long long)op->as_of_ms);
}

static bool has_deleted(sim_kind kind) {
  return kind == SIM_GET || kind == SIM_FIND || kind == SIM_COUNT || kind == SIM_PAGE ||
         kind == SIM_GROUP || kind == SIM_RECONSTRUCT || kind == SIM_AT_VERSION;
}

static void put_read(sim_text *t, sim_session *p) {
  const sim_op *op = &p->op;
  switch (op->kind) {
    case SIM_GET: put_entity_field(t, "get", op->entity); break;
    case SIM_HISTORY: put_history(t, op); break;
    case SIM_EVENTS: put_events(t, p); break;
    case SIM_DIFF: put_diff(t, op); break;
    case SIM_GROUP: put_group(t, op); break;
    case SIM_RECORD: sim_put(t, "{\"indexes\":\"%s\"", sim_collection_name(op->collection)); break;
    case SIM_GRAPH: sim_graph_text(p); break;
    case SIM_RECONSTRUCT: put_entity_field(t, "reconstruct", op->entity); break;
    case SIM_AT_VERSION:
      put_entity_field(t, "getAtVersion", op->entity);
      sim_put(t, ",\"version\":%u", (unsigned)op->version);
      break;
    case SIM_FIND:
    case SIM_PAGE:
    case SIM_COUNT:
      sim_put(t, "{\"%s\":\"%s\",\"filter\":", op->kind == SIM_COUNT ? "count" : "find",
              sim_collection_name(op->collection));
      put_filter(t, op);
      if (op->sort != 0) sim_put(t, ",\"sort\":{\"%c\":%d}", op->sort, op->is_descending ? -1 : 1);
      if (op->skip > 0) sim_put(t, ",\"skip\":%u", (unsigned)op->skip);
      if (op->limit > 0) sim_put(t, ",\"limit\":%u", (unsigned)op->limit);
      if (op->kind == SIM_PAGE)
        sim_put(t, ",\"cursor\":\"%.*s\"", op->is_first ? 0 : (int)p->page_token.len,
                op->is_first ? "" : p->page_token.p);
      if (op->kind == SIM_PAGE && op->is_snapshot && op->is_first) sim_put(t, ",\"snapshot\":true");
      break;
    default: put_path(t, op);
  }
  if (op->includes_deleted && has_deleted(op->kind)) sim_put(t, ",\"includeDeleted\":true");
  if (op->is_flushed) sim_put(t, ",\"flushed\":true");
  if (op->in_txn) sim_put(t, ",\"txn\":%llu", (unsigned long long)p->txn.number);
  put_instant(t, op);
}

static void put_other(sim_text *t, const sim_session *p) {
  static const char *const retentions[] = {"\"bytes\":5000", "\"bytes\":20000", "\"age\":\"1s\"",
                                           "\"age\":\"6h\"", "\"age\":\"30h\"", ""};
  const sim_op *op = &p->op;
  switch (op->kind) {
    case SIM_FLUSH: sim_put(t, "{\"flush\":1"); break;
    case SIM_BEGIN: sim_put(t, "{\"begin\":1"); break;
    case SIM_COMMIT:
    case SIM_ABORT:
      sim_put(t, "{\"%s\":%llu", op->kind == SIM_COMMIT ? "commit" : "abort",
              (unsigned long long)p->txn.number);
      break;
    case SIM_MAINTAIN: sim_put(t, "{\"maintain\":%u", (unsigned)op->limit); break;
    case SIM_VACUUM: sim_put(t, "{\"vacuum\":1,\"minAge\":\"%us\"", (unsigned)op->limit); break;
    case SIM_RETENTION: sim_put(t, "{\"retention\":{%s}", retentions[op->than]); break;
    case SIM_COMPACT:
      sim_put(t, "{\"compact\":\"%s\"",
              op->collection < SIM_COLLECTIONS ? sim_collection_name(op->collection) : "");
      break;
    case SIM_CHECKPOINT: sim_put(t, "{\"checkpoint\":1"); break;
    case SIM_BACKUP:
      sim_put(t, "{\"backup\":1");
      put_instant(t, op);
      break;
    default: sim_put(t, op->limit == 1 ? "{\"verify\":1,\"quick\":true" : "{\"verify\":1");
  }
}

void sim_command_text(sim_session *p) {
  const sim_op *op = &p->op;
  sim_text *t = &p->text;
  sim_text_clear(t);
  sim_text_clear(&p->payload);
  if (op->kind == SIM_REPLAY) {
    sim_put(t, "{\"replay\":1}");
    for (uint32_t i = 0; i < op->count; i++)
      put_line(&p->payload, op, i);
    return;
  }
  if (op->kind < SIM_WRITE_KINDS)
    put_write(t, p);
  else if (op->kind < SIM_READ_END)
    put_read(t, p);
  else
    put_other(t, p);
  sim_put(t, "}");
}
