/* test/sim/sim_model_time.c - the naive database: what happened, what differs, going back.
 *
 *     events   [1 ─ 2 ─ 3 ─ 4 ─ 5]        each as a line, with what was before it
 *     diff      ──────T───────►now        every entity looked up at both ends
 *     revert    ◄─────T                   the same, and what differs becomes new events
 */
#include "sim_model_int.h"

/* ---- events ---- */

static void put_or_null(sim_text *out, const char *name, const sim_event *e) {
  sim_put(out, ",\"%s\":", name);
  if (e != NULL && e->has_document)
    sim_put_document(out, &e->document);
  else
    sim_put(out, "null");
}

static void put_metadata(sim_text *out, const sim_event *e) {
  sim_put(out, ",\"metadata\":{\"n\":%u", (unsigned)e->tag);
  if (e->note == SIM_OF_REVERT) sim_put(out, ",\"revert\":{\"seq\":%u}", (unsigned)e->note_seq);
  if (e->note == SIM_OF_REPLAY) {
    sim_put(out, ",\"replay\":{\"id\":\"");
    sim_put_source(out, e->note_seq);
    sim_put(out, "\"}");
  }
  if (e->note == SIM_OF_DROP) sim_put(out, ",\"drop\":true");
  if (e->note == SIM_END_OF_DROP) sim_put(out, ",\"drop\":\"last\"");
  if (e->note == SIM_OF_RENAME) sim_put(out, ",\"rename\":true");
  if (e->note == SIM_END_OF_RENAME)
    sim_put(out, ",\"rename\":{\"to\":\"%s\"}", sim_collection_name(e->note_seq));
  sim_put(out, "}");
}

void sim_put_source(sim_text *out, uint32_t seq) {
  sim_put(out, "000000000000000000000000%c%c", '0' + (int)(seq / 8 % 8), '0' + (int)(seq % 8));
}

/* What an event is about, where events of many things are shown. */
static void put_target(sim_text *out, const sim_event *e) {
  if (e->is_edge) {
    sim_put(out, ",\"predicate\":\"%s\",\"to\":\"", sim_predicate_name(e->edge.predicate));
    sim_put_id(out, e->edge.to);
    sim_put(out, "\",\"reverse\":\"%s_of\"", sim_predicate_name(e->edge.predicate));
  } else if (!e->is_schema) {
    sim_put(out, ",\"type\":\"%s\"", sim_type_name(e->type));
  }
}

/* An event without its "id", which the reader of a reply cuts off, and without what was before an
 * edge or a schema where events of all kinds are shown: the tail may not know. */
static void put_event(sim_text *out, const sim_event *e, uint32_t seq, const sim_event *before,
                      bool has_target) {
  static const char *const ops[] = {"", "CREATE", "UPDATE", "DELETE"};
  sim_put(out, "\"seq\":%u,\"ts\":", seq);
  sim_put_date(out, e->ts);
  sim_put(out, ",\"op\":\"%s\",\"ns\":\"default\"", ops[e->op]);
  if (has_target)
    sim_put(out, ",\"target\":\"%s\"", e->is_edge ? "rel" : e->is_schema ? "collection" : "entity");
  sim_put(out, ",\"entityId\":\"");
  if (e->is_schema)
    sim_put(out, "%s", sim_collection_name(e->entity / SIM_LOCALS));
  else
    sim_put_id(out, e->is_edge ? e->edge.from : e->entity);
  sim_put(out, "\"");
  if (has_target) put_target(out, e);
  sim_put(out, ",\"version\":%u", (unsigned)e->version);
  put_or_null(out, "before", e->op == SIM_CREATE ? NULL : before);
  if (e->is_schema)
    sim_put(out, ",\"after\":{\"b\":\"int%s\",\"$ids\":{\"b\":1},\"$nextId\":2}",
            e->is_unique ? "##" : "");
  else
    put_or_null(out, "after", e);
  sim_put(out, ",\"actor\":\"%s\"", sim_actor_name(e->actor));
  put_metadata(out, e);
  if (e->txn > 0) sim_put(out, ",\"txn\":%u", (unsigned)e->txn);
  sim_put(out, "}\n");
}

static bool is_edge_of(const sim_event *e, const sim_edge *edge) {
  return e->is_edge && e->edge.from == edge->from && e->edge.predicate == edge->predicate &&
         e->edge.to == edge->to;
}

static bool is_entity_of(const sim_event *e, uint32_t entity) {
  return !e->is_edge && !e->is_schema && e->entity == entity;
}

void sim_model_history(sim_reading *r) {
  const sim_op *op = r->op;
  const sim_event *before = NULL;
  uint32_t n = 0;
  for (uint32_t i = 0; i < r->count; i++) {
    const sim_event *e = &r->m->events[i];
    if (op->is_one ? !is_edge_of(e, &op->edges[0]) : !is_entity_of(e, op->entity)) continue;
    if (i >= r->dropped) {
      put_event(&r->out->items, e, i + 1, before, op->is_one);
      n++;
    }
    before = e;
  }
  sim_answer_number(r->out, "n", n);
}

static uint32_t collection_of(const sim_event *e) {
  return (e->is_edge ? e->edge.from : e->entity) / SIM_LOCALS;
}

static bool is_asked_for(const sim_op *op, const sim_event *e) {
  if (op->collection < SIM_COLLECTIONS && collection_of(e) != op->collection) return false;
  if (op->event_op != 0 && e->op != op->event_op) return false;
  return op->target == 0 || (op->target == 'r' ? e->is_edge : !e->is_edge && !e->is_schema);
}

void sim_model_events(sim_reading *r) {
  const sim_op *op = r->op;
  uint32_t n = 0, from = op->from > r->dropped ? op->from : r->dropped;
  r->out->tells_more = true;
  for (uint32_t i = from; i < r->count; i++) {
    const sim_event *e = &r->m->events[i], *before = NULL;
    if (!is_asked_for(op, e)) continue;
    r->out->has_more = op->limit > 0 && n == op->limit;
    if (r->out->has_more) break;
    if (!e->is_edge && !e->is_schema) before = sim_model_entity(r->m, e->entity, i);
    put_event(&r->out->items, e, i + 1, before, true);
    n++;
  }
  sim_answer_number(r->out, "n", n);
}

void sim_model_at_version(sim_reading *r) {
  const sim_op *op = r->op;
  uint32_t n = 0;
  const sim_event *newest = sim_model_entity(r->m, op->entity, r->count);
  for (uint32_t i = r->count; i > 0; i--) {
    const sim_event *e = &r->m->events[i - 1];
    if (!is_entity_of(e, op->entity) || e->version != op->version) continue;
    if (i <= r->dropped && e != newest) break; /* the row of the newest one is there */
    if (!e->has_document || (e->op == SIM_REMOVE && !op->includes_deleted)) break;
    sim_put_entity(&r->out->items, e);
    n = 1;
    break;
  }
  sim_answer_number(r->out, "n", n);
}

/* ---- what differs ---- */

static const char names_in_order[] = "abdst";

static const sim_event *live(const sim_model *m, uint32_t entity, uint32_t count) {
  const sim_event *e = sim_model_entity(m, entity, count);
  return e != NULL && e->op != SIM_REMOVE ? e : NULL;
}

static const sim_field *field_of(const sim_event *e, char name) {
  for (uint32_t i = 0; e != NULL && i < e->document.count; i++)
    if (e->document.fields[i].name == name) return &e->document.fields[i];
  return NULL;
}

/* 'a' added, 'r' removed, 'c' changed, 0: the same */
static char change_of(const sim_event *a, const sim_event *b, char name) {
  const sim_field *x = field_of(a, name), *y = field_of(b, name);
  if (x == NULL) return y == NULL ? 0 : 'a';
  if (y == NULL) return 'r';
  return x->value == y->value ? 0 : 'c';
}

/* After a rename, or a drop and a rename, there may be another kind of thing under an id. */
static bool has_other_type(const sim_event *a, const sim_event *b) {
  return a != NULL && b != NULL && a->type != b->type;
}

static void put_names(sim_text *out, const char *title, char change, const sim_event *a,
                      const sim_event *b) {
  const char *comma = "";
  sim_put(out, ",\"%s\":[", title);
  if (change == 'c' && has_other_type(a, b)) {
    sim_put(out, "\"$type\"");
    comma = ",";
  }
  for (const char *name = names_in_order; *name != '\0'; name++) {
    if (change_of(a, b, *name) != change) continue;
    sim_put(out, "%s\"%c\"", comma, *name);
    comma = ",";
  }
  sim_put(out, "]");
}

static void put_value(sim_text *out, const char *title, const sim_field *f) {
  if (f->name == 'd') {
    sim_put(out, "\"%s\":", title);
    sim_put_date(out, sim_d_us(f->value));
    return;
  }
  sim_put(out, f->name < 'm' ? "\"%s\":%d" : "\"%s\":\"v%d\"", title, (int)f->value);
}

/* First what was there before, then what is new. */
static void put_values(sim_text *out, const sim_event *a, const sim_event *b) {
  const char *comma = "";
  sim_put(out, ",\"values\":{");
  if (has_other_type(a, b)) {
    sim_put(out, "\"$type\":{\"before\":\"%s\",\"after\":\"%s\"}", sim_type_name(a->type),
            sim_type_name(b->type));
    comma = ",";
  }
  for (int pass = 0; pass < 2; pass++)
    for (const char *name = names_in_order; *name != '\0'; name++) {
      const sim_field *x = field_of(a, *name), *y = field_of(b, *name);
      if (change_of(a, b, *name) == 0 || (x == NULL) != (pass == 1)) continue;
      sim_put(out, "%s\"%c\":{", comma, *name);
      if (x != NULL) put_value(out, "before", x);
      if (x != NULL && y != NULL) sim_put(out, ",");
      if (y != NULL) put_value(out, "after", y);
      sim_put(out, "}");
      comma = ",";
    }
  sim_put(out, "}}\n");
}

static void put_version(sim_text *out, const char *title, const sim_event *e) {
  if (e == NULL)
    sim_put(out, "\"%s\":null", title);
  else
    sim_put(out, "\"%s\":%u", title, (unsigned)e->version);
}

static bool differs(const sim_event *a, const sim_event *b) {
  bool is_other = (a == NULL) != (b == NULL) || has_other_type(a, b);
  for (const char *name = names_in_order; *name != '\0'; name++)
    is_other |= change_of(a, b, *name) != 0;
  return is_other;
}

static uint32_t diff_one(sim_reading *r, uint32_t entity) {
  const sim_event *a = live(r->m, entity, r->op->from), *b = live(r->m, entity, r->count);
  sim_text *out = &r->out->items;
  if ((a == NULL && b == NULL) || (!r->op->is_one && !differs(a, b))) return 0;
  sim_put(out, "{\"$id\":\"");
  sim_put_id(out, entity);
  sim_put(out, "\",\"change\":\"%s\",\"version\":{",
          a == NULL        ? "created"
          : b == NULL      ? "deleted"
          : !differs(a, b) ? "none"
                           : "changed");
  put_version(out, "before", a);
  sim_put(out, ",");
  put_version(out, "after", b);
  sim_put(out, "}");
  put_names(out, "added", 'a', a, b);
  put_names(out, "removed", 'r', a, b);
  put_names(out, "changed", 'c', a, b);
  put_values(out, a, b);
  return 1;
}

void sim_model_diff(sim_reading *r) {
  const sim_op *op = r->op;
  uint32_t n = 0, first = op->collection * SIM_LOCALS;
  if (op->is_one) {
    n = diff_one(r, op->entity);
  } else {
    for (uint32_t i = first; i < first + SIM_LOCALS; i++)
      n += diff_one(r, i);
  }
  sim_answer_number(r->out, "n", n);
}

/* ---- going back ---- */

typedef struct reverting {
  sim_writing *w;
  uint32_t then, now; /* events */
  uint32_t reverted, created, deleted, edges, lost;
  bool is_back[SIM_ENTITIES]; /* created again */
} reverting;

static void note_all(sim_writing *w, uint32_t from, sim_note_kind note, uint32_t seq) {
  for (uint32_t i = from; i < w->m->count; i++) {
    w->m->events[i].note = note;
    w->m->events[i].note_seq = seq;
  }
}

static void revert_entity(reverting *v, uint32_t entity) {
  sim_model *m = v->w->m;
  const sim_event *then = sim_model_entity(m, entity, v->then);
  const sim_event *now = sim_model_entity(m, entity, v->now);
  bool was_live = then != NULL && then->op != SIM_REMOVE;
  bool is_live = now != NULL && now->op != SIM_REMOVE;
  sim_event e;
  if (was_live && now == NULL) {
    e = *then;
    e.version = 0;
    sim_model_next(v->w, &e, SIM_CREATE);
    v->is_back[entity] = true;
    v->created++;
  } else if (was_live && !(is_live && now->type == then->type &&
                           sim_document_is_same(&then->document, &now->document))) {
    e = *now;
    e.type = then->type;
    e.document = then->document;
    sim_model_next(v->w, &e, SIM_CHANGE);
    v->reverted++;
  } else if (!was_live && is_live) {
    e = *now;
    if (then != NULL) e.document = then->document;
    if (then != NULL && sim_model_refuses(m, entity / SIM_LOCALS, &e.document))
      v->w->out->rc = PQ_EINVALID;
    sim_model_next(v->w, &e, SIM_REMOVE);
    v->deleted++;
  }
}

/* Is it there, live or not, or does it come back? */
static bool has_end(const reverting *v, uint32_t entity) {
  return v->is_back[entity] || sim_model_entity(v->w->m, entity, v->now) != NULL;
}

static void revert_edge(reverting *v, sim_edge edge, bool is_entering) {
  const sim_event *then = sim_model_edge(v->w->m, edge, v->then);
  const sim_event *now = sim_model_edge(v->w->m, edge, v->now);
  sim_document data;
  bool is_same;
  if (then == NULL) {
    if (!is_entering) v->edges += sim_model_unlink(v->w, edge);
    return;
  }
  is_same = now != NULL && now->has_document == then->has_document &&
            (!now->has_document || sim_document_is_same(&now->document, &then->document));
  if (is_same && !is_entering) return;
  if (!has_end(v, edge.from) || !has_end(v, edge.to)) {
    v->lost++;
    return;
  }
  data = then->document;
  v->edges += sim_model_link(v->w, edge, then->has_document ? &data : NULL);
}

void sim_model_revert(sim_writing *w) {
  const sim_op *op = w->op;
  reverting v = {.w = w, .now = w->m->count};
  uint32_t first = op->is_one ? op->entity : op->collection * SIM_LOCALS;
  uint32_t end = first + (op->is_one ? 1 : SIM_LOCALS);
  v.then = op->from < v.now ? op->from : v.now;
  for (uint32_t i = first; i < end; i++)
    revert_entity(&v, i);
  for (uint32_t i = first; i < end && op->is_edges; i++)
    for (uint32_t k = 0; k < SIM_PREDICATES * SIM_ENTITIES && live(w->m, i, v.then) != NULL; k++)
      revert_edge(&v, (sim_edge){i, k / SIM_ENTITIES, k % SIM_ENTITIES}, false);
  for (uint32_t i = first; i < end && op->is_edges; i++)
    for (uint32_t k = 0; k < SIM_PREDICATES * SIM_ENTITIES && v.is_back[i]; k++) {
      uint32_t far = k % SIM_ENTITIES;
      if (far < first || far >= end || live(w->m, far, v.then) == NULL)
        revert_edge(&v, (sim_edge){far, k / SIM_ENTITIES, i}, true);
    }
  note_all(w, v.now, SIM_OF_REVERT, v.then);
  sim_answer_number(w->out, "revertedCount", v.reverted);
  sim_answer_number(w->out, "createdCount", v.created);
  sim_answer_number(w->out, "deletedCount", v.deleted);
  sim_answer_number(w->out, "edgeCount", v.edges);
  sim_answer_number(w->out, "edgesWithoutEnd", v.lost);
  sim_answer_number(w->out, "toSeq", v.then);
}

/* ---- replay ---- */

static void replay_entity(sim_writing *w, uint32_t i) {
  const sim_op *op = w->op;
  const sim_event *old = sim_model_entity(w->m, op->ids[i], w->m->count);
  bool is_live = old != NULL && old->op != SIM_REMOVE, is_hard = !op->has_data[i];
  sim_event e, *added;
  if (op->ops[i] == SIM_REMOVE && !(is_hard ? old != NULL : is_live)) return;
  if (old == NULL || (op->ops[i] == SIM_CREATE && !is_live)) {
    sim_model_create(w, op->ids[i], op->documents[i]);
    return;
  }
  e = *old;
  if (op->has_data[i]) e.document = op->documents[i];
  added = sim_model_next(w, &e, op->ops[i] == SIM_CREATE ? SIM_CHANGE : op->ops[i]);
  added->has_document = op->has_data[i];
}

void sim_model_replay(sim_writing *w) {
  const sim_op *op = w->op;
  uint32_t first = w->m->count;
  for (uint32_t i = 0; i < op->count; i++) {
    uint32_t before = w->m->count;
    if (!op->is_edge[i])
      replay_entity(w, i);
    else if (op->ops[i] == SIM_REMOVE)
      (void)sim_model_unlink(w, op->edges[i]);
    else
      (void)sim_model_link(w, op->edges[i], op->has_data[i] ? &op->documents[i] : NULL);
    note_all(w, before, SIM_OF_REPLAY, i + 1);
  }
  sim_answer_number(w->out, "replayedCount", w->m->count - first);
  sim_answer_number(w->out, "skippedCount", op->count - (w->m->count - first));
}
