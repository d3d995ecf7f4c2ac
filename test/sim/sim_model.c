/* test/sim/sim_model.c - the naive database: state and writes. See sim_model.h. */
#include "sim_model.h"

#include <stdlib.h>
#include <string.h>

#include "sim_model_int.h"

void sim_model_release(sim_model *m) {
  free(m->events);
  *m = (sim_model){0};
}

sim_event *sim_model_add(sim_model *m, sim_event e) {
  if (m->count == m->cap) {
    m->cap = m->cap * 2 + 64;
    m->events = sim_grow(m->events, m->cap * sizeof *m->events);
  }
  m->events[m->count] = e;
  return &m->events[m->count++];
}

void sim_model_copy(sim_model *m, const sim_model *other, uint32_t count) {
  if (count > m->cap) {
    m->cap = count + 64;
    m->events = sim_grow(m->events, m->cap * sizeof *m->events);
  }
  if (count > 0) memcpy(m->events, other->events, count * sizeof *m->events);
  m->count = count;
}

int64_t sim_model_ts(const sim_model *m) {
  return m->count == 0 ? 0 : m->events[m->count - 1].ts;
}

uint32_t sim_model_at(const sim_model *m, int64_t ts) {
  uint32_t n = m->count;
  while (n > 0 && m->events[n - 1].ts > ts)
    n--;
  return n;
}

const sim_event *sim_model_entity(const sim_model *m, uint32_t entity, uint32_t count) {
  for (uint32_t i = count; i > 0; i--) {
    const sim_event *e = &m->events[i - 1];
    if (!e->is_edge && !e->is_schema && e->entity == entity) return e->has_document ? e : NULL;
  }
  return NULL;
}

bool sim_model_is_live(const sim_model *m, uint32_t entity, uint32_t count) {
  const sim_event *e = sim_model_entity(m, entity, count);
  return e != NULL && e->op != SIM_REMOVE;
}

const sim_event *sim_model_edge(const sim_model *m, sim_edge edge, uint32_t count) {
  for (uint32_t i = count; i > 0; i--) {
    const sim_event *e = &m->events[i - 1];
    if (e->is_edge && e->edge.from == edge.from && e->edge.predicate == edge.predicate &&
        e->edge.to == edge.to)
      return e->op != SIM_REMOVE ? e : NULL;
  }
  return NULL;
}

bool sim_model_matches(const sim_op *op, const sim_document *d) {
  const sim_field *f = NULL;
  if (op->compare == SIM_ALL) return true;
  for (uint32_t i = 0; i < d->count; i++)
    if (d->fields[i].name == op->by) f = &d->fields[i];
  switch (op->compare) {
    case SIM_EQUAL: return f != NULL && f->value == op->than;
    case SIM_AT_LEAST: return f != NULL && f->value >= op->than;
    case SIM_BELOW: return f != NULL && f->value < op->than;
    default: return f == NULL || f->value != op->than;
  }
}

/* ---- writes ---- */

void sim_answer_number(sim_answer *out, const char *name, int64_t n) {
  out->names[out->number_count] = name;
  out->numbers[out->number_count++] = n;
}

sim_event *sim_model_create(sim_writing *w, uint32_t entity, sim_document d) {
  const sim_event *old = sim_model_entity(w->m, entity, w->m->count);
  return sim_model_add(w->m, (sim_event){.op = SIM_CREATE,
                                         .has_document = true,
                                         .entity = entity,
                                         .type = entity / SIM_LOCALS,
                                         .actor = w->op->actor,
                                         .created_by = w->op->actor,
                                         .version = old != NULL ? old->version + 1 : 1,
                                         .ts = w->ts,
                                         .created_at = w->ts,
                                         .document = d,
                                         .tag = w->op->tag});
}

sim_event *sim_model_next(sim_writing *w, const sim_event *old, sim_event_op op) {
  sim_event e = *old;
  e.op = op;
  e.actor = w->op->actor;
  e.version++;
  e.ts = w->ts;
  e.tag = w->op->tag;
  e.txn = 0;
  e.note = SIM_PLAIN;
  return sim_model_add(w->m, e);
}

static void insert(sim_writing *w) {
  const sim_op *op = w->op;
  for (uint32_t i = 0; i < op->count; i++)
    if (sim_model_is_live(w->m, op->ids[i], w->m->count)) w->out->rc = PQ_EEXISTS;
  for (uint32_t i = 0; i < op->count; i++)
    for (uint32_t j = 0; j < i; j++)
      if (op->ids[i] == op->ids[j]) w->out->rc = PQ_EEXISTS;
  for (uint32_t i = 0; i < op->count; i++)
    if (sim_model_refuses(w->m, op->collection, &op->documents[i])) w->out->rc_too = PQ_EINVALID;
  if (w->out->rc != PQ_OK) return;
  w->out->rc_too = PQ_OK;
  for (uint32_t i = 0; i < op->count; i++)
    sim_model_create(w, op->ids[i], op->documents[i]);
  sim_answer_number(w->out, "insertedCount", op->count);
}

/* True when the document is another one afterwards. */
static bool change(const sim_op *op, sim_document *d) {
  uint32_t i = 0;
  while (i < d->count && d->fields[i].name != op->field.name)
    i++;
  if (op->change == '-') {
    if (i == d->count) return false;
    memmove(d->fields + i, d->fields + i + 1, (d->count - i - 1u) * sizeof *d->fields);
    d->count--;
    return true;
  }
  if (i == d->count) {
    d->fields[d->count++] = op->field;
    return true;
  }
  if (op->change == '+') {
    d->fields[i].value += op->field.value;
    return op->field.value != 0;
  }
  if (d->fields[i].value == op->field.value) return false;
  d->fields[i].value = op->field.value;
  return true;
}

bool sim_document_is_same(const sim_document *a, const sim_document *b) {
  if (a->count != b->count) return false;
  for (uint32_t i = 0; i < a->count; i++)
    if (a->fields[i].name != b->fields[i].name || a->fields[i].value != b->fields[i].value)
      return false;
  return true;
}

static void remove_edge(sim_writing *w, const sim_event *old) {
  sim_event e = *old;
  e.has_document = false;
  sim_model_next(w, &e, SIM_REMOVE);
}

/* How linking to an entity fails. */
static int end_status(const sim_writing *w, uint32_t entity) {
  if (sim_model_is_live(w->m, entity, w->m->count)) return PQ_OK;
  return sim_model_entity(w->m, entity, w->m->count) != NULL ? PQ_ETARGET : PQ_ENOENTITY;
}

/* $unlink, then $link, which leaves an edge that is there as it is. True: something changed. */
static bool change_edges(sim_writing *w) {
  const sim_op *op = w->op;
  bool is_changed = op->has_unlink && sim_model_unlink(w, op->edges[1]);
  if (op->has_link && sim_model_edge(w->m, op->edges[0], w->m->count) == NULL)
    is_changed = sim_model_link(w, op->edges[0], NULL);
  return is_changed;
}

static const sim_field *field_b(const sim_event *e) {
  for (uint32_t i = 0; i < e->document.count; i++)
    if (e->document.fields[i].name == 'b') return &e->document.fields[i];
  return NULL;
}

/* Have two dogs that are live the same b? */
static bool has_twins(const sim_model *m) {
  const sim_field *seen[SIM_LOCALS];
  uint32_t n = 0;
  for (uint32_t i = SIM_DOGS * SIM_LOCALS; i < (SIM_DOGS + 1) * SIM_LOCALS; i++) {
    const sim_field *b;
    if (!sim_model_is_live(m, i, m->count)) continue;
    b = field_b(sim_model_entity(m, i, m->count));
    for (uint32_t j = 0; b != NULL && j < n; j++)
      if (seen[j]->value == b->value) return true;
    if (b != NULL) seen[n++] = b;
  }
  return false;
}

static bool breaks_unique(const sim_writing *w) {
  uint32_t version;
  for (uint32_t c = 0; c < SIM_COLLECTIONS; c++)
    if (sim_model_has_twins(w->m, c)) return true;
  return sim_model_is_unique(w->m, &version) && has_twins(w->m);
}

/* How what was written since `before` fails, if it does: each document is looked at before what is
 * unique. */
static int refused(const sim_writing *w, uint32_t before) {
  for (uint32_t i = before; i < w->m->count && w->op->kind != SIM_RESTORE; i++) {
    const sim_event *e = &w->m->events[i];
    if (e->is_edge || e->is_schema || e->op == SIM_REMOVE) continue;
    if (sim_model_refuses(w->m, e->entity / SIM_LOCALS, &e->document)) return PQ_EINVALID;
  }
  return w->m->count > before && breaks_unique(w) ? PQ_EUNIQUE : PQ_OK;
}

/* update and replace of one entity */
static void update(sim_writing *w) {
  const sim_op *op = w->op;
  const sim_event *old = sim_model_entity(w->m, op->entity, w->m->count);
  bool is_live = old != NULL && old->op != SIM_REMOVE, is_changed = false;
  uint32_t before = w->m->count;
  sim_document d = {0};
  if (is_live && op->has_version && op->version != old->version) {
    w->out->rc = PQ_EVERSION;
    return;
  }
  if (is_live) d = old->document;
  if (op->kind == SIM_REPLACE) {
    is_changed = !sim_document_is_same(&d, &op->documents[0]);
    d = op->documents[0];
  } else {
    is_changed = change(op, &d);
  }
  if (is_live && is_changed) {
    sim_event e = *old;
    e.document = d;
    sim_model_next(w, &e, SIM_CHANGE);
  } else if (!is_live && op->is_upsert) {
    sim_model_create(w, op->entity, d);
  }
  if (is_live && op->has_link) w->out->rc = end_status(w, op->edges[0].to);
  if (w->out->rc != PQ_OK) { /* what is unique is looked at before edges are */
    int rc = refused(w, before);
    if (rc != PQ_OK) w->out->rc = rc;
    w->m->count = before;
    return;
  }
  if (is_live && change_edges(w)) is_changed = true;
  if (is_live || op->is_upsert)
    sim_put_entity(&w->out->items, sim_model_entity(w->m, op->entity, w->m->count));
  sim_answer_number(w->out, "matchedCount", is_live);
  sim_answer_number(w->out, "modifiedCount", is_live && is_changed);
  sim_answer_number(w->out, "upsertedCount", !is_live && op->is_upsert);
}

void sim_model_unlink_all(sim_writing *w, uint32_t entity, bool is_entering) {
  for (uint32_t p = 0; p < SIM_PREDICATES; p++)
    for (uint32_t far = 0; far < SIM_ENTITIES; far++) {
      sim_edge edge = is_entering ? (sim_edge){far, p, entity} : (sim_edge){entity, p, far};
      const sim_event *e = sim_model_edge(w->m, edge, w->m->count);
      if (e != NULL) remove_edge(w, e);
    }
}

/* Those that leave it, then those that enter, each by its names. */
static void remove_edges(sim_writing *w, uint32_t entity) {
  sim_model_unlink_all(w, entity, false);
  sim_model_unlink_all(w, entity, true);
}

/* Does an edge of another entity lead there? */
static bool is_held(const sim_writing *w, uint32_t entity) {
  for (uint32_t i = 0; i < SIM_ENTITIES * SIM_PREDICATES; i++) {
    sim_edge edge = {i / SIM_PREDICATES, i % SIM_PREDICATES, entity};
    if (edge.from != entity && sim_model_edge(w->m, edge, w->m->count) != NULL) return true;
  }
  return false;
}

/* The edges that leave the entities of a round, by their names. */
static void remove_leaving(sim_writing *w, const uint32_t *round, uint32_t depth) {
  for (uint32_t from = 0; from < SIM_ENTITIES; from++)
    for (uint32_t i = 0; i < SIM_PREDICATES * SIM_ENTITIES && round[from] == depth; i++) {
      sim_edge edge = {from, i / SIM_ENTITIES, i % SIM_ENTITIES};
      const sim_event *e = sim_model_edge(w->m, edge, w->m->count);
      if (e != NULL) remove_edge(w, e);
    }
}

/* Whatever leads to the entity goes, too, and so on: a round of entities, then the edges that leave
 * them. round[i]: that in which an entity goes, from 1; 0: it stays. */
static uint32_t cascade(sim_writing *w, uint32_t entity) {
  uint32_t round[SIM_ENTITIES] = {0}, before = w->m->count - 1, gone = 0; /* before its own event */
  bool has_more = true;
  round[entity] = 1;
  for (uint32_t depth = 1; has_more; depth++) {
    for (uint32_t i = 0; i < SIM_ENTITIES && depth > 1; i++) {
      const sim_event *old = sim_model_entity(w->m, i, w->m->count);
      if (round[i] != depth || old == NULL) continue;
      sim_model_next(w, old, SIM_REMOVE)->has_document = false;
      gone++;
    }
    remove_leaving(w, round, depth);
    has_more = false;
    for (uint32_t i = 0; i < SIM_ENTITIES * SIM_PREDICATES * SIM_ENTITIES; i++) {
      uint32_t rest = i % (SIM_PREDICATES * SIM_ENTITIES);
      sim_edge edge = {i / (SIM_PREDICATES * SIM_ENTITIES), rest / SIM_ENTITIES,
                       rest % SIM_ENTITIES};
      if (round[edge.from] != 0 || round[edge.to] != depth) continue;
      if (sim_model_edge(w->m, edge, before) == NULL) continue;
      round[edge.from] = depth + 1;
      has_more = true;
    }
  }
  return gone;
}

static void delete_one(sim_writing *w) {
  const sim_op *op = w->op;
  const sim_event *old = sim_model_entity(w->m, op->entity, w->m->count);
  bool is_there = old != NULL && (old->op != SIM_REMOVE || op->is_hard);
  if (is_there && op->policy == SIM_POLICY_RESTRICT && is_held(w, op->entity)) {
    w->out->rc = PQ_EINVALID;
    return;
  }
  sim_answer_number(w->out, "deletedCount", is_there);
  if (!is_there) return;
  sim_model_next(w, old, SIM_REMOVE)->has_document = !op->is_hard;
  if (op->policy == SIM_POLICY_CASCADE)
    sim_answer_number(w->out, "cascadedCount", cascade(w, op->entity));
  else if (op->is_hard)
    remove_edges(w, op->entity);
}

static void restore(sim_writing *w) {
  const sim_event *old = sim_model_entity(w->m, w->op->entity, w->m->count);
  bool is_deleted = old != NULL && old->op == SIM_REMOVE;
  sim_answer_number(w->out, "restoredCount", is_deleted);
  if (is_deleted) sim_model_next(w, old, SIM_CHANGE);
}

static void change_many(sim_writing *w) {
  const sim_op *op = w->op;
  uint32_t matched = 0, modified = 0, count = w->m->count;
  for (uint32_t i = 0; i < SIM_LOCALS; i++) {
    uint32_t entity = op->collection * SIM_LOCALS + i;
    const sim_event *old = sim_model_entity(w->m, entity, count);
    sim_event e;
    if (old == NULL || old->op == SIM_REMOVE || !sim_model_matches(op, &old->document)) continue;
    matched++;
    e = *old;
    if (op->kind == SIM_DELETE_MANY) {
      sim_model_next(w, &e, SIM_REMOVE);
    } else if (change(op, &e.document)) {
      modified++;
      sim_model_next(w, &e, SIM_CHANGE);
    }
  }
  if (op->kind == SIM_DELETE_MANY) {
    sim_answer_number(w->out, "deletedCount", matched);
  } else {
    sim_answer_number(w->out, "matchedCount", matched);
    sim_answer_number(w->out, "modifiedCount", modified);
  }
}

/* The smallest end that is not live decides how linking fails. */
static int link_status(const sim_writing *w) {
  uint32_t worst = SIM_ENTITIES;
  for (uint32_t i = 0; i < w->op->count; i++) {
    uint32_t ends[] = {w->op->edges[i].from, w->op->edges[i].to};
    for (int j = 0; j < 2; j++)
      if (ends[j] < worst && !sim_model_is_live(w->m, ends[j], w->m->count)) worst = ends[j];
  }
  if (worst == SIM_ENTITIES) return PQ_OK;
  return sim_model_entity(w->m, worst, w->m->count) != NULL ? PQ_ETARGET : PQ_ENOENTITY;
}

bool sim_model_link(sim_writing *w, sim_edge edge, const sim_document *data) {
  const sim_event *old = sim_model_edge(w->m, edge, w->m->count);
  sim_event e = {.is_edge = true, .edge = edge, .created_by = w->op->actor, .created_at = w->ts};
  if (old != NULL && old->has_document == (data != NULL) &&
      (data == NULL || sim_document_is_same(&old->document, data)))
    return false;
  if (old != NULL) e = *old;
  e.has_document = data != NULL;
  if (data != NULL) e.document = *data;
  sim_model_next(w, &e, old != NULL ? SIM_CHANGE : SIM_CREATE);
  return true;
}

static void link(sim_writing *w) {
  const sim_op *op = w->op;
  int64_t linked = 0;
  w->out->rc = link_status(w);
  if (w->out->rc != PQ_OK) return;
  for (uint32_t i = 0; i < op->count; i++)
    linked += sim_model_link(w, op->edges[i], op->has_data[i] ? &op->documents[i] : NULL);
  sim_answer_number(w->out, "linkedCount", linked);
  sim_answer_number(w->out, "unchangedCount", op->count - linked);
}

bool sim_model_unlink(sim_writing *w, sim_edge edge) {
  const sim_event *old = sim_model_edge(w->m, edge, w->m->count);
  if (old == NULL) return false;
  remove_edge(w, old);
  return true;
}

static void unlink(sim_writing *w) {
  int64_t unlinked = 0;
  for (uint32_t i = 0; i < w->op->count; i++)
    unlinked += sim_model_unlink(w, w->op->edges[i]);
  sim_answer_number(w->out, "unlinkedCount", unlinked);
}

/* ---- a schema, and what it forbids ---- */

bool sim_model_is_unique(const sim_model *m, uint32_t *version) {
  *version = 0;
  for (uint32_t i = m->count; i > 0; i--) {
    if (!m->events[i - 1].is_schema) continue;
    *version = m->events[i - 1].version;
    return m->events[i - 1].is_unique;
  }
  return false;
}

/* Setting what is set changes nothing; what shall be unique must be so. */
static void set_schema(sim_writing *w) {
  uint32_t version;
  bool was_unique = sim_model_is_unique(w->m, &version);
  bool is_set = version > 0 && was_unique == w->op->is_unique;
  sim_answer_number(w->out, "version", version + !is_set);
  if (is_set) return;
  if (w->op->is_unique && has_twins(w->m)) {
    w->out->rc = PQ_EUNIQUE;
    return;
  }
  sim_model_add(w->m, (sim_event){.op = SIM_CHANGE,
                                  .is_schema = true,
                                  .is_unique = w->op->is_unique,
                                  .entity = SIM_DOGS * SIM_LOCALS,
                                  .actor = w->op->actor,
                                  .version = version + 1,
                                  .ts = w->ts,
                                  .tag = w->op->tag});
}

static void check_all(sim_writing *w, uint32_t before) {
  int rc = w->op->kind == SIM_REVERT && w->out->rc != PQ_OK ? w->out->rc : refused(w, before);
  if (rc == PQ_OK) return;
  w->m->count = before;
  sim_answer_clear(w->out);
  w->out->rc = rc;
}

void sim_model_write(sim_model *m, const sim_op *op, int64_t ts, sim_answer *out) {
  sim_writing w = {.m = m, .op = op, .out = out, .ts = ts};
  uint32_t before = m->count;
  sim_answer_clear(out);
  switch (op->kind) {
    case SIM_INSERT: insert(&w); break;
    case SIM_UPDATE:
    case SIM_REPLACE: update(&w); break;
    case SIM_DELETE: delete_one(&w); break;
    case SIM_RESTORE: restore(&w); break;
    case SIM_UPDATE_MANY:
    case SIM_DELETE_MANY: change_many(&w); break;
    case SIM_LINK: link(&w); break;
    case SIM_UNLINK: unlink(&w); break;
    case SIM_REVERT: sim_model_revert(&w); break;
    case SIM_REPLAY: sim_model_replay(&w); break;
    case SIM_SCHEMA: set_schema(&w); break;
    case SIM_MAKE:
    case SIM_INDEX:
    case SIM_UNINDEX:
    case SIM_ALTER:
    case SIM_DROP:
    case SIM_RENAME:
    case SIM_EXPIRE: sim_model_catalog(&w); return;
    default: break; /* flushes and the like change nothing that can be seen */
  }
  check_all(&w, before);
}

void sim_answer_clear(sim_answer *a) {
  a->rc = a->rc_too = PQ_OK;
  a->is_unordered = a->tells_more = a->has_more = false;
  a->number_count = 0;
  sim_text_clear(&a->items);
}

void sim_answer_release(sim_answer *a) {
  sim_text_release(&a->items);
}
