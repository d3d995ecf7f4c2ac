/* test/sim/sim_catalog.c - random commands of the catalog: create, createIndexes, dropIndexes,
 * alter, drop, rename, expire; and their text. See sim_command.c. */
#include "sim_model_int.h"
#include "sim_world.h"

static bool is_empty(const sim_world *w, uint32_t collection) {
  const sim_model *m = &w->model;
  const sim_event *e = sim_model_schema(m, collection, m->count);
  if (e != NULL && e->record.is_there) return false;
  for (uint32_t i = 0; i < SIM_LOCALS; i++)
    if (sim_model_entity(m, collection * SIM_LOCALS + i, m->count) != NULL) return false;
  return true;
}

static bool has_ttl(const sim_world *w, uint32_t collection) {
  const sim_event *e = sim_model_schema(&w->model, collection, w->model.count);
  for (uint32_t i = 0; e != NULL && i < e->record.count; i++)
    if (e->record.indexes[i] == SIM_TTL) return true;
  return false;
}

/* Documents are over by one index at a time, so that an expire is one commit. */
static void choose_index(sim_world *w, sim_op *op) {
  op->index = sim_below(&w->random, SIM_INDEXES);
  if (op->index != SIM_TTL) return;
  op->collection = SIM_COLLECTIONS - 1;
  for (uint32_t c = 0; c + 1 < SIM_COLLECTIONS; c++)
    if (has_ttl(w, c)) op->index = SIM_TTL + 1;
}

/* To a name that is free, if there is one. */
static void choose_names(sim_world *w, sim_op *op) {
  op->to = (op->collection + 1 + sim_below(&w->random, SIM_COLLECTIONS - 1)) % SIM_COLLECTIONS;
  for (uint32_t c = 0; c < SIM_COLLECTIONS; c++)
    if (c != op->collection && is_empty(w, c)) op->to = c;
}

/* What several callers may do at a time holds the place of the writer, so that it is one step; the
 * others go by a snapshot. */
void sim_catalog_choose(sim_world *w, sim_session *p) {
  static const sim_kind kinds[] = {SIM_MAKE,   SIM_MAKE,   SIM_INDEX, SIM_INDEX, SIM_UNINDEX,
                                   SIM_ALTER,  SIM_ALTER,  SIM_DROP,  SIM_DROP,  SIM_RENAME,
                                   SIM_RENAME, SIM_EXPIRE, SIM_EXPIRE};
  sim_random *r = &w->random;
  sim_op *op = &p->op;
  uint32_t n = sizeof kinds / sizeof *kinds - (p->engine->session_count > 1 ? 4 : 0);
  op->kind = kinds[sim_below(r, n)];
  op->tag = ++w->tags;
  op->actor = op->kind == SIM_EXPIRE ? 1 : sim_below(r, SIM_ACTORS);
  op->collection = sim_below(r, SIM_COLLECTIONS);
  op->hours = 6 * sim_below(r, 5);
  op->validator = sim_below(r, 3);
  if (op->kind == SIM_INDEX) choose_index(w, op);
  if (op->kind == SIM_UNINDEX) op->index = sim_below(r, SIM_INDEXES + 1);
  if (op->kind == SIM_ALTER && sim_chance(r, 300)) op->index = SIM_TTL;
  if (op->kind == SIM_RENAME) choose_names(w, op);
}

/* ---- text ---- */

static void put_validator(sim_text *t, uint32_t validator, bool is_change) {
  static const char *const validators[] = {"null", "{\"a\":{\"$not\":{\"$gte\":6}}}",
                                           "{\"s\":{\"$exists\":true}}"};
  if (validator == 0 && !is_change) return;
  sim_put(t, ",\"options\":{\"validator\":%s}", validators[validator]);
}

void sim_catalog_text(sim_text *t, const sim_op *op) {
  static const char *const names[] = {"create", "createIndexes", "dropIndexes", "alter",
                                      "drop",   "rename",        "expire"};
  static const char *const indexes[] = {"b", "as", "t", "d", "s", "*"};
  const sim_record fresh = {.ttl_hours = op->hours};
  if (op->kind == SIM_EXPIRE)
    sim_put(t, "{\"expire\":1");
  else
    sim_put(t, "{\"%s\":\"%s\"", names[op->kind - SIM_MAKE], sim_collection_name(op->collection));
  switch (op->kind) {
    case SIM_MAKE: put_validator(t, op->validator, false); break;
    case SIM_INDEX:
      sim_put(t, ",\"indexes\":[");
      sim_put_index(t, op->index, &fresh);
      sim_put(t, "]");
      break;
    case SIM_UNINDEX: sim_put(t, ",\"index\":\"%s\"", indexes[op->index]); break;
    case SIM_ALTER:
      if (op->index == SIM_TTL)
        sim_put(t, ",\"index\":{\"name\":\"d\",\"expireAfterSeconds\":%u}",
                (unsigned)op->hours * 3600);
      else
        put_validator(t, op->validator, true);
      break;
    case SIM_RENAME: sim_put(t, ",\"to\":\"%s\"", sim_collection_name(op->to)); break;
    default: break;
  }
}
