/* test/sim/sim_model_read.c - the naive database: reads, as the text of their items. */
#include <stdlib.h>
#include <string.h>

#include "sim_model_int.h"

static const char *const collections[] = {"cats", "dogs", "emus"};
static const char *const types[] = {"Cat", "Dog", "Emu"};
static const char *const actors[] = {"system/anonymous", "u1", "u2"};
static const char *const predicates[] = {"p", "q"};
const char sim_field_names[] = "abst";

const char *sim_collection_name(uint32_t collection) {
  return collections[collection];
}

const char *sim_type_name(uint32_t collection) {
  return types[collection];
}

const char *sim_actor_name(uint32_t actor) {
  return actors[actor];
}

const char *sim_predicate_name(uint32_t predicate) {
  return predicates[predicate];
}

/* ---- text ---- */

void sim_put_id(sim_text *out, uint32_t entity) {
  sim_put(out, "%s/k%u", collections[entity / SIM_LOCALS], (unsigned)(entity % SIM_LOCALS));
}

void sim_put_fields(sim_text *out, const sim_document *d) {
  for (uint32_t i = 0; i < d->count; i++) {
    const sim_field *f = &d->fields[i];
    if (f->name == 'd') {
      sim_put(out, "%s\"d\":", i > 0 ? "," : "");
      sim_put_date(out, sim_d_us(f->value));
      continue;
    }
    sim_put(out, f->name < 'm' ? "%s\"%c\":%d" : "%s\"%c\":\"v%d\"", i > 0 ? "," : "", f->name,
            (int)f->value);
  }
}

void sim_put_document(sim_text *out, const sim_document *d) {
  sim_put(out, "{");
  sim_put_fields(out, d);
  sim_put(out, "}");
}

/* The civil date of a time, by counting days from 2025 on. */
void sim_put_date(sim_text *out, int64_t us) {
  static const int days_of[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t days = us / 86400000000 - 20089, rest = us % 86400000000;
  int year = 2025, month = 0;
  while (days >= days_of[month] + (month == 1 && year % 4 == 0)) { /* no century's end is near */
    days -= days_of[month] + (month == 1 && year % 4 == 0);
    year += month == 11;
    month = (month + 1) % 12;
  }
  sim_put(out, "{\"$date\":\"%04d-%02d-%02dT%02d:%02d:%02d", year, month + 1, (int)days + 1,
          (int)(rest / 3600000000), (int)(rest / 60000000 % 60), (int)(rest / 1000000 % 60));
  if (rest % 1000 != 0)
    sim_put(out, ".%06d", (int)(rest % 1000000));
  else if (rest % 1000000 != 0)
    sim_put(out, ".%03d", (int)(rest % 1000000 / 1000));
  sim_put(out, "Z\"}");
}

void sim_put_entity(sim_text *out, const sim_event *e) {
  sim_put(out, "{\"$id\":\"");
  sim_put_id(out, e->entity);
  sim_put(out, "\",\"$type\":\"%s\",\"name\":\"k%u\",\"createdAt\":", types[e->type],
          (unsigned)(e->entity % SIM_LOCALS));
  sim_put_date(out, e->created_at);
  sim_put(out, ",\"createdBy\":\"%s\",\"updatedAt\":", actors[e->created_by]);
  sim_put_date(out, e->ts);
  sim_put(out, ",\"updatedBy\":\"%s\",\"version\":%u", actors[e->actor], (unsigned)e->version);
  if (e->op == SIM_REMOVE) {
    sim_put(out, ",\"deletedAt\":");
    sim_put_date(out, e->ts);
    sim_put(out, ",\"deletedBy\":\"%s\"", actors[e->actor]);
  }
  if (e->document.count > 0) sim_put(out, ",");
  sim_put_fields(out, &e->document);
  sim_put(out, "}\n");
}

void sim_put_edge(sim_text *out, const sim_event *e) {
  sim_put(out, "{\"from\":\"");
  sim_put_id(out, e->edge.from);
  sim_put(out, "\",\"predicate\":\"%s\",\"to\":\"", predicates[e->edge.predicate]);
  sim_put_id(out, e->edge.to);
  sim_put(out, "\",\"reverse\":\"%s_of\",\"createdAt\":", predicates[e->edge.predicate]);
  sim_put_date(out, e->created_at);
  sim_put(out, ",\"createdBy\":\"%s\",\"version\":%u", actors[e->created_by], e->version);
  if (e->has_document) {
    sim_put(out, ",\"data\":");
    sim_put_document(out, &e->document);
  }
  sim_put(out, "}\n");
}

/* ---- reads ---- */

static void get(sim_reading *r) {
  const sim_event *e = sim_model_entity(r->m, r->op->entity, r->count);
  bool is_there = e != NULL && (e->op != SIM_REMOVE || r->op->includes_deleted);
  if (is_there) sim_put_entity(&r->out->items, e);
  sim_answer_number(r->out, "n", is_there);
}

/* The value of the sort field; what has none comes first. */
static int64_t sort_key(const sim_event *e, char name) {
  for (uint32_t i = 0; i < e->document.count; i++)
    if (e->document.fields[i].name == name) return e->document.fields[i].value;
  return INT64_MIN;
}

static void put_group(sim_text *out, char by, int64_t key, int64_t rows, int64_t sum,
                      int64_t largest) {
  if (key == INT64_MIN)
    sim_put(out, "{\"_id\":null");
  else
    sim_put(out, by < 'm' ? "{\"_id\":%lld" : "{\"_id\":\"v%lld\"", (long long)key);
  sim_put(out, ",\"n\":%lld,\"a\":%lld", (long long)rows, (long long)sum);
  if (largest == INT64_MIN)
    sim_put(out, ",\"m\":null}\n");
  else
    sim_put(out, ",\"m\":%lld}\n", (long long)largest);
}

/* Insertion into a list that stays sorted; equal ones in the order of their ids. */
static void insert_sorted(const sim_event **list, uint32_t n, const sim_event *e,
                          const sim_op *op) {
  while (n > 0) {
    int64_t a = sort_key(list[n - 1], op->sort), b = sort_key(e, op->sort);
    if (op->is_descending ? a >= b : a <= b) break;
    list[n] = list[n - 1];
    n--;
  }
  list[n] = e;
}

static void find(sim_reading *r) {
  const sim_op *op = r->op;
  const sim_event *found[SIM_LOCALS];
  uint32_t n = 0, from, end;
  for (uint32_t i = 0; i < SIM_LOCALS; i++) {
    uint32_t entity = op->collection * SIM_LOCALS + i;
    const sim_event *e = sim_model_entity(r->m, entity, r->count);
    if (e == NULL || (e->op == SIM_REMOVE && !op->includes_deleted)) continue;
    if (!sim_model_matches(op, &e->document)) continue;
    if (op->kind == SIM_PAGE && !op->is_snapshot && entity < op->behind) continue;
    if (op->sort != 0)
      insert_sorted(found, n, e, op);
    else
      found[n] = e;
    n++;
  }
  if (op->kind == SIM_COUNT) {
    sim_answer_number(r->out, "count", n);
    return;
  }
  from = op->kind == SIM_PAGE && op->is_snapshot ? op->behind : op->skip;
  if (from > n) from = n;
  end = op->limit > 0 && op->limit < n - from ? from + op->limit : n;
  for (uint32_t i = from; i < end; i++)
    sim_put_entity(&r->out->items, found[i]);
  r->out->is_unordered = op->sort == 0 && op->kind == SIM_FIND;
  r->out->tells_more = true;
  r->out->has_more = end < n;
  sim_answer_number(r->out, "n", end - from);
}

/* One step from a set of entities (bits) along a predicate to the live ones at the other end. */
static uint32_t step(sim_reading *r, uint32_t nodes, uint32_t predicate, bool is_reverse) {
  uint32_t reached = 0;
  for (uint32_t near = 0; near < SIM_ENTITIES; near++) {
    if ((nodes >> near & 1) == 0) continue;
    for (uint32_t far = 0; far < SIM_ENTITIES; far++) {
      sim_edge edge = {is_reverse ? far : near, predicate, is_reverse ? near : far};
      const sim_event *e = sim_model_edge(r->m, edge, r->count);
      if (e == NULL || !sim_model_is_live(r->m, far, r->count)) continue;
      reached |= 1u << far;
      if (r->op->is_edges) sim_put_edge(&r->out->items, e);
    }
  }
  return reached;
}

static void follow(sim_reading *r) {
  const sim_op *op = r->op;
  uint32_t nodes = sim_model_is_live(r->m, op->entity, r->count) ? 1u << op->entity : 0, n = 0;
  for (uint32_t i = 0; i < op->count; i++)
    nodes = step(r, nodes, op->edges[i].predicate, op->is_reverse[i]);
  for (uint32_t i = 0; i < SIM_ENTITIES; i++) {
    if ((nodes >> i & 1) == 0) continue;
    n++;
    if (!op->is_edges) sim_put_entity(&r->out->items, sim_model_entity(r->m, i, r->count));
  }
  r->out->is_unordered = op->is_edges;
  sim_answer_number(r->out, "n", n);
}

/* What find and group look at, in the order of ids. */
static uint32_t list(const sim_reading *r, const sim_event *found[SIM_LOCALS]) {
  const sim_op *op = r->op;
  uint32_t n = 0;
  for (uint32_t i = 0; i < SIM_LOCALS; i++) {
    const sim_event *e = sim_model_entity(r->m, op->collection * SIM_LOCALS + i, r->count);
    if (e == NULL || (e->op == SIM_REMOVE && !op->includes_deleted)) continue;
    if (sim_model_matches(op, &e->document)) found[n++] = e;
  }
  return n;
}

/* Groups in the order of their keys: what has none, then numbers or texts from below. */
static void group(sim_reading *r) {
  const sim_event *found[SIM_LOCALS];
  const sim_op *op = r->op;
  uint32_t n = list(r, found), groups = 0, done = 0;
  for (int64_t after = INT64_MIN; done < n; groups++) {
    int64_t key = INT64_MAX, rows = 0, sum = 0, largest = INT64_MIN;
    for (uint32_t i = 0; i < n; i++) {
      int64_t k = sort_key(found[i], op->sort);
      if ((k > after || groups == 0) && k < key) key = k;
    }
    for (uint32_t i = 0; i < n; i++) {
      int64_t a = sort_key(found[i], 'a'), b = sort_key(found[i], 'b');
      if (sort_key(found[i], op->sort) != key) continue;
      rows++;
      if (a != INT64_MIN) sum += a;
      if (b > largest) largest = b;
    }
    put_group(&r->out->items, op->sort, key, rows, sum, largest);
    done += (uint32_t)rows;
    after = key;
  }
  sim_answer_number(r->out, "n", groups);
}

void sim_model_read(const sim_model *m, const sim_op *op, uint32_t count, uint32_t dropped,
                    sim_answer *out) {
  sim_reading r = {m, op, count, dropped, out};
  sim_answer_clear(out);
  switch (op->kind) {
    case SIM_GET:
    case SIM_RECONSTRUCT: get(&r); break;
    case SIM_FIND:
    case SIM_COUNT:
    case SIM_PAGE: find(&r); break;
    case SIM_RELATED:
    case SIM_TRAVERSE: follow(&r); break;
    case SIM_HISTORY: sim_model_history(&r); break;
    case SIM_EVENTS: sim_model_events(&r); break;
    case SIM_DIFF: sim_model_diff(&r); break;
    case SIM_AT_VERSION: sim_model_at_version(&r); break;
    case SIM_GROUP: group(&r); break;
    case SIM_RECORD: sim_model_indexes(&r); break;
    case SIM_VERIFY: sim_answer_number(out, "problems", 0); break;
    default: break;
  }
}
