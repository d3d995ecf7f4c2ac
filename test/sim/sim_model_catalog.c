/* test/sim/sim_model_catalog.c - the naive database: collections that are recorded, indexed,
 * renamed, dropped; documents that are over.
 *
 *     a record is an event of its collection, the newest one counts
 */
#include "sim_model_int.h"

int64_t sim_d_us(int32_t value) {
  return SIM_EPOCH_US + (int64_t)value * SIM_D_HOURS * 3600 * 1000000;
}

void sim_put_index(sim_text *out, uint32_t index, const sim_record *r) {
  static const char *const texts[] = {
      "\"name\":\"b\",\"key\":{\"b\":1},\"unique\":true,\"sparse\":true",
      "\"name\":\"as\",\"key\":{\"a\":1,\"s\":-1},\"unique\":true,"
      "\"partialFilterExpression\":{\"a\":{\"$gte\":2}}",
      "\"name\":\"t\",\"key\":{\"t\":1},\"unique\":true",
      NULL,
      "\"name\":\"s\",\"key\":{\"s\":1}",
  };
  if (index != SIM_TTL)
    sim_put(out, "{%s}", texts[index]);
  else
    sim_put(out, "{%s%s%s,\"expireAfterSeconds\":%u}", r->ttl_is_altered ? "" : "\"name\":\"d\",",
            "\"key\":{\"d\":1}", r->ttl_is_altered ? ",\"name\":\"d\"" : "",
            (unsigned)r->ttl_hours * 3600);
}

const sim_event *sim_model_schema(const sim_model *m, uint32_t collection, uint32_t count) {
  for (uint32_t i = count; i > 0; i--) {
    const sim_event *e = &m->events[i - 1];
    if (e->is_schema && e->entity / SIM_LOCALS == collection) return e;
  }
  return NULL;
}

static sim_record record_of(const sim_model *m, uint32_t collection, uint32_t count) {
  const sim_event *e = sim_model_schema(m, collection, count);
  return e == NULL ? (sim_record){0} : e->record;
}

/* Where an index stands in a record; count: nowhere. */
static uint32_t place_of(const sim_record *r, uint32_t index) {
  uint32_t i = 0;
  while (i < r->count && r->indexes[i] != index)
    i++;
  return i;
}

static const sim_field *field_of(const sim_document *d, char name) {
  for (uint32_t i = 0; i < d->count; i++)
    if (d->fields[i].name == name) return &d->fields[i];
  return NULL;
}

/* ---- what is refused ---- */

bool sim_model_refuses(const sim_model *m, uint32_t collection, const sim_document *d) {
  uint32_t validator = record_of(m, collection, m->count).validator;
  const sim_field *a = field_of(d, 'a');
  if (validator == 1) return a != NULL && a->value >= 6;
  return validator == 2 && field_of(d, 's') == NULL;
}

static bool is_same(const sim_field *a, const sim_field *b) {
  return a == NULL || b == NULL ? a == b : a->value == b->value;
}

static bool is_twin(uint32_t index, const sim_document *x, const sim_document *y) {
  const sim_field *a = field_of(x, 'a'), *b = field_of(x, 'b');
  if (index == 0) return b != NULL && is_same(b, field_of(y, 'b'));
  if (index == 1)
    return a != NULL && a->value >= 2 && is_same(a, field_of(y, 'a')) &&
           is_same(field_of(x, 's'), field_of(y, 's'));
  return index == 2 && is_same(field_of(x, 't'), field_of(y, 't'));
}

static bool has_twins_by(const sim_model *m, uint32_t collection, uint32_t index) {
  uint32_t first = collection * SIM_LOCALS;
  for (uint32_t i = first; i < first + SIM_LOCALS; i++)
    for (uint32_t j = first; j < i; j++)
      if (sim_model_is_live(m, i, m->count) && sim_model_is_live(m, j, m->count) &&
          is_twin(index, &sim_model_entity(m, i, m->count)->document,
                  &sim_model_entity(m, j, m->count)->document))
        return true;
  return false;
}

bool sim_model_has_twins(const sim_model *m, uint32_t collection) {
  sim_record r = record_of(m, collection, m->count);
  for (uint32_t i = 0; i < r.count; i++)
    if (has_twins_by(m, collection, r.indexes[i])) return true;
  return false;
}

/* ---- writes ---- */

static sim_event *add_record(sim_writing *w, uint32_t collection, sim_record r) {
  const sim_event *old = sim_model_schema(w->m, collection, w->m->count);
  return sim_model_add(w->m, (sim_event){.op = SIM_CHANGE,
                                         .is_schema = true,
                                         .record = r,
                                         .entity = collection * SIM_LOCALS,
                                         .actor = w->op->actor,
                                         .version = old == NULL ? 1 : old->version + 1,
                                         .ts = w->ts,
                                         .tag = w->op->tag});
}

/* Documents of a collection: the live ones, or also those that were deleted softly. */
static uint32_t count_of(const sim_model *m, uint32_t collection, bool includes_deleted,
                         uint32_t count) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < SIM_LOCALS; i++) {
    uint32_t entity = collection * SIM_LOCALS + i;
    n += includes_deleted ? sim_model_entity(m, entity, count) != NULL
                          : sim_model_is_live(m, entity, count);
  }
  return n;
}

static void make(sim_writing *w, sim_record r) {
  if (r.is_there || count_of(w->m, w->op->collection, false, w->m->count) > 0) {
    w->out->rc = PQ_EEXISTS;
    return;
  }
  r.is_there = true;
  r.validator = w->op->validator;
  add_record(w, w->op->collection, r);
}

static void make_index(sim_writing *w, sim_record r) {
  const sim_op *op = w->op;
  bool is_new = place_of(&r, op->index) == r.count;
  sim_answer_number(w->out, "indexesBefore", r.count);
  if (!is_new && op->index == SIM_TTL && op->hours != r.ttl_hours) {
    w->out->rc = PQ_EINVALID; /* another one has the name */
    return;
  }
  if (is_new && has_twins_by(w->m, op->collection, op->index)) {
    w->out->rc = PQ_EUNIQUE;
    return;
  }
  if (is_new) r.indexes[r.count++] = op->index;
  if (is_new && op->index == SIM_TTL) r.ttl_is_altered = false;
  if (is_new && op->index == SIM_TTL) r.ttl_hours = op->hours;
  sim_answer_number(w->out, "indexesAfter", r.count);
  is_new |= !r.is_there;
  r.is_there = true;
  if (is_new) add_record(w, op->collection, r);
}

static void drop_index(sim_writing *w, sim_record r) {
  uint32_t at = place_of(&r, w->op->index), before = r.count;
  if (w->op->index == SIM_INDEXES) {
    r.count = 0;
  } else if (at == r.count) {
    w->out->rc = PQ_EINDEX;
    return;
  } else {
    for (r.count--; at < r.count; at++)
      r.indexes[at] = r.indexes[at + 1];
  }
  sim_answer_number(w->out, "indexesBefore", before);
  sim_answer_number(w->out, "indexesAfter", r.count);
  if (before != r.count) add_record(w, w->op->collection, r);
}

static void alter(sim_writing *w, sim_record r) {
  const sim_op *op = w->op;
  if (op->index == SIM_TTL && place_of(&r, SIM_TTL) == r.count) {
    w->out->rc = PQ_EINDEX;
    return;
  }
  if (!r.is_there && count_of(w->m, op->collection, false, w->m->count) == 0) {
    w->out->rc = PQ_ENOENTITY;
    return;
  }
  r.is_there = true;
  if (op->index == SIM_TTL) {
    r.ttl_is_altered = true;
    r.ttl_hours = op->hours;
  } else {
    r.validator = op->validator;
  }
  add_record(w, op->collection, r);
}

/* Entities (bits) are deleted hard, by their ids. */
static void remove_all(sim_writing *w, uint32_t gone, sim_note_kind note) {
  for (uint32_t i = 0; i < SIM_ENTITIES; i++) {
    sim_event *e;
    if ((gone >> i & 1) == 0) continue;
    e = sim_model_next(w, sim_model_entity(w->m, i, w->m->count), SIM_REMOVE);
    e->has_document = false;
    e->note = note;
  }
}

/* All that leave one of them, then those that enter. */
static void unlink_gone(sim_writing *w, uint32_t gone, sim_note_kind note) {
  uint32_t before = w->m->count;
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t i = 0; i < SIM_ENTITIES; i++)
      if (gone >> i & 1) sim_model_unlink_all(w, i, pass == 1);
  for (uint32_t i = before; i < w->m->count; i++)
    w->m->events[i].note = note;
}

static void drop(sim_writing *w, sim_record r) {
  uint32_t c = w->op->collection, gone = 0;
  int64_t n = 0;
  for (uint32_t i = c * SIM_LOCALS; i < (c + 1) * SIM_LOCALS; i++) {
    if (sim_model_entity(w->m, i, w->m->count) == NULL) continue;
    gone |= 1u << i;
    n++;
  }
  remove_all(w, gone, SIM_OF_DROP);
  if (r.is_there) add_record(w, c, (sim_record){0});
  if (r.is_there || n > 0) w->m->events[w->m->count - 1].note = SIM_END_OF_DROP;
  unlink_gone(w, gone, SIM_OF_DROP);
  sim_answer_number(w->out, "deletedCount", n);
  sim_answer_number(w->out, "indexes", r.count);
}

static bool has_edges(const sim_model *m, uint32_t collection) {
  for (uint32_t i = 0; i < SIM_ENTITIES * SIM_PREDICATES * SIM_ENTITIES; i++) {
    sim_edge edge = {i / SIM_ENTITIES / SIM_PREDICATES, i / SIM_ENTITIES % SIM_PREDICATES,
                     i % SIM_ENTITIES};
    uint32_t from = edge.from / SIM_LOCALS, to = edge.to / SIM_LOCALS;
    if (from != collection && to != collection) continue;
    if (sim_model_entity(m, from == collection ? edge.from : edge.to, m->count) == NULL &&
        sim_model_entity(m, to == collection ? edge.to : edge.from, m->count) == NULL)
      continue;
    if (sim_model_edge(m, edge, m->count) != NULL) return true;
  }
  return false;
}

static int rename_status(const sim_writing *w, const sim_record *r) {
  const sim_op *op = w->op;
  if (record_of(w->m, op->to, w->m->count).is_there ||
      count_of(w->m, op->to, true, w->m->count) > 0)
    return PQ_EEXISTS;
  if (has_edges(w->m, op->collection)) return PQ_EUNSUPPORTED;
  return r->is_there || count_of(w->m, op->collection, true, w->m->count) > 0 ? PQ_OK
                                                                              : PQ_ENOENTITY;
}

static void rename_all(sim_writing *w, sim_record r) {
  const sim_op *op = w->op;
  uint32_t gone = 0, before = w->m->count;
  bool has_schema = sim_model_schema(w->m, op->collection, before) != NULL;
  w->out->rc = rename_status(w, &r);
  if (w->out->rc != PQ_OK) return;
  if (has_schema) add_record(w, op->to, r);
  for (uint32_t i = 0; i < SIM_LOCALS; i++) {
    uint32_t entity = op->collection * SIM_LOCALS + i;
    const sim_event *old = sim_model_entity(w->m, entity, w->m->count);
    sim_event e;
    if (old == NULL) continue;
    gone |= 1u << entity;
    if (old->op == SIM_REMOVE) continue;
    e = *old;
    e.entity = op->to * SIM_LOCALS + i;
    e.version = 0;
    sim_model_next(w, &e, SIM_CREATE);
  }
  remove_all(w, gone, SIM_OF_RENAME);
  if (has_schema) add_record(w, op->collection, (sim_record){0});
  for (uint32_t i = before; i < w->m->count; i++)
    w->m->events[i].note = SIM_OF_RENAME;
  w->m->events[w->m->count - 1].note = SIM_END_OF_RENAME;
  w->m->events[w->m->count - 1].note_seq = op->to;
  sim_answer_number(w->out, "renamedCount", count_of(w->m, op->collection, true, before));
}

/* One collection at most has such an index. */
static void expire(sim_writing *w) {
  uint32_t gone = 0;
  int64_t n = 0, indexes = 0;
  for (uint32_t i = 0; i < SIM_ENTITIES; i++) {
    sim_record r = record_of(w->m, i / SIM_LOCALS, w->m->count);
    const sim_field *d;
    if (place_of(&r, SIM_TTL) == r.count) continue;
    indexes += i % SIM_LOCALS == 0;
    if (!sim_model_is_live(w->m, i, w->m->count)) continue;
    d = field_of(&sim_model_entity(w->m, i, w->m->count)->document, 'd');
    if (d == NULL || sim_d_us(d->value) >= w->op->now_us - (int64_t)r.ttl_hours * 3600000000)
      continue;
    gone |= 1u << i;
    n++;
  }
  remove_all(w, gone, SIM_PLAIN);
  unlink_gone(w, gone, SIM_PLAIN);
  sim_answer_number(w->out, "deletedCount", n);
  sim_answer_number(w->out, "indexes", indexes);
}

void sim_model_catalog(sim_writing *w) {
  sim_record r = record_of(w->m, w->op->collection, w->m->count);
  switch (w->op->kind) {
    case SIM_MAKE: make(w, r); break;
    case SIM_INDEX: make_index(w, r); break;
    case SIM_UNINDEX: drop_index(w, r); break;
    case SIM_ALTER: alter(w, r); break;
    case SIM_DROP: drop(w, r); break;
    case SIM_RENAME: rename_all(w, r); break;
    default: expire(w);
  }
}

/* ---- reads ---- */

void sim_model_indexes(sim_reading *r) {
  sim_record record = record_of(r->m, r->op->collection, r->count);
  for (uint32_t i = 0; i < record.count; i++) {
    sim_put_index(&r->out->items, record.indexes[i], &record);
    sim_put(&r->out->items, "\n");
  }
  sim_answer_number(r->out, "n", record.count);
}
