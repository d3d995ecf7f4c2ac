/* cmd/whole_write.c - writeAs: what was computed of the graph becomes a field of its entities.
 *
 *   page by id ─► the schemas know the field ─► turns of at most 1,000 entities of one collection
 *                                                 └─► {"$set": {field: value}} of each: one commit
 *                                                        (write_turn.c)
 *
 * They are ordinary updates of the present, also where the graph was that of another instant:
 * entities that have the value are left alone, those that are gone by now are passed over. A value
 * that a schema refuses ends it; what was committed before stays.
 */
#include "base/merge_sort.h"
#include "cmd/whole_run.h"
#include "db/schema_of.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { TURN_MAX = 1000 };

/* ---- the option ---- */

static int make_update(pq_command *c, pq_arena *arena, const uint32_t *node, pq_update **out) {
  const pq_whole_run *run = c->s.whole;
  pq_builder *b = c->db->builder;
  pq_value spec;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$set"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key(b, run->field));
  PQ_TRY(node == NULL ? pq_builder_null(b) : pq_whole_put_value(run, b, *node));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, arena, &spec));
  return pq_update_parse(arena, NULL, spec, (pq_value){0}, out);
}

int pq_whole_field(pq_command *c) {
  pq_whole_run *run = c->s.whole;
  pq_update *update;
  pq_filter *all;
  PQ_TRY(pq_own_text(c, "writeAs", pq_own_option(c, "writeAs"), &run->field));
  if (run->field.n == 0) {
    if (!(c->s.args.given & (PQ_OPT_ACTOR | PQ_OPT_METADATA))) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: options 'actor' and 'metadata' go with 'writeAs'",
                   c->s.spec->name);
  }
  if (pq_slice_is(run->field, "_id"))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'writeAs' cannot be '_id'", c->s.spec->name);
  PQ_TRY(pq_filter_parse(&run->arena, NULL, (pq_value){0}, &all));
  run->all = all;
  return make_update(c, &run->arena, NULL, &update); /* a path that $set takes */
}

/* ---- schemas ---- */

static const char *value_name(const pq_whole *w) {
  return w->scores != NULL ? "a double" : w->labels != NULL ? "an id as text" : "a whole number";
}

static bool fits(const pq_whole *w, const pq_schema_field *f) {
  if (f->is_list) return false;
  if (f->type == PQ_FIELD_JSON) return true;
  if (w->labels != NULL) return f->type == PQ_FIELD_STRING;
  return f->type == PQ_FIELD_DOUBLE || f->type == PQ_FIELD_FLOAT || f->type == PQ_FIELD_DECIMAL ||
         (f->type == PQ_FIELD_INT && w->scores == NULL);
}

static int check_collection(pq_command *c, pq_slice collection) {
  const pq_whole_run *run = c->s.whole;
  const pq_schema_field *f;
  pq_schema_at at;
  pq_schema *schema;
  pq_schema_now(c->s.space, collection, &at);
  PQ_TRY(pq_schema_open(&c->op.scratch, collection, &at, &schema));
  if (schema == NULL || schema->mode == PQ_VALIDATE_OFF || schema->mode == PQ_VALIDATE_WARN)
    return PQ_OK;
  f = pq_schema_find(schema, run->field);
  if (f == NULL && schema->mode == PQ_VALIDATE_PERMISSIVE) return PQ_OK;
  if (f == NULL)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: the schema of '%.*s' has no field '%.*s': add it, or write another one",
                   c->s.spec->name, TEXT_ARGS(collection), TEXT_ARGS(run->field));
  if (fits(&run->whole, f)) return PQ_OK;
  return pq_fail(
      c->op.cx, PQ_EINVALID, "%s: field '%.*s' of '%.*s' does not take %s, as its schema has it",
      c->s.spec->name, TEXT_ARGS(run->field), TEXT_ARGS(collection), value_name(&run->whole));
}

static pq_slice collection_of(pq_slice id) {
  pq_slice collection, local;
  (void)pq_id_split(id, &collection, &local);
  return collection;
}

static int check_schemas(pq_command *c) {
  const pq_whole_run *run = c->s.whole;
  pq_slice last = {0};
  for (uint32_t i = 0; i < run->end - run->first; i++) {
    pq_slice collection = collection_of(run->entities[i].id);
    if (!pq_slice_eq(collection, last)) PQ_TRY(check_collection(c, collection));
    last = collection;
  }
  return PQ_OK;
}

/* ---- turns ---- */

static int stage_written(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_whole_run *run = c->s.whole;
  const pq_write_notes *errors = &c->s.outcome.errors;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_whole_summary(c, run->end - run->first));
  PQ_TRY(pq_summary_count(c, "modifiedCount", c->s.outcome.modified));
  if (errors->count > 0) {
    PQ_TRY(pq_builder_key_str(b, "errors"));
    PQ_TRY(pq_builder_begin_array(b));
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_text(b, "$id", run->entities[errors->items[0].index].id));
    PQ_TRY(pq_put_text(b, "code", pq_str(pq_status_name(errors->items[0].code))));
    PQ_TRY(pq_put_text(b, "message", errors->items[0].text));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_summary_end(c, c->s.space->seq);
}

/* The next entities, of one collection. */
static int take_entities(pq_command *c) {
  pq_command_state *s = &c->s;
  const pq_whole_run *run = s->whole;
  pq_arena *arena = &c->op.arena;
  s->collection = collection_of(run->entities[s->next_operation].id);
  while (s->write_count < s->group_max && s->next_operation < s->operation_count) {
    const pq_whole_entity *e = &run->entities[s->next_operation];
    pq_change *change;
    pq_update *update;
    if (!pq_slice_eq(collection_of(e->id), s->collection)) break;
    change = pq_arena_calloc(arena, 1, sizeof *change);
    if (change == NULL) return c->op.cx->code;
    PQ_TRY(make_update(c, arena, &e->node, &update));
    change->update = update;
    change->filter = (pq_filter *)run->all;
    PQ_TRY(pq_turn_grow(c, arena, 0));
    s->writes[s->write_count++] = (pq_write){
        .kind = PQ_WRITE_UPDATE, .index = s->next_operation, .id = e->id, .change = change};
    s->next_operation++;
  }
  s->group_max = TURN_MAX;
  return PQ_OK;
}

static int stage_whole_check(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_whole_run *run = c->s.whole;
  PQ_TRY(check_schemas(c));
  c->s.operation_count = run->end - run->first;
  c->s.next_operation = 0;
  c->s.is_bulk = c->s.is_ordered = true;
  c->s.group_max = TURN_MAX;
  c->s.take = take_entities;
  pq_turn_begin(c, stage_written);
  op->stage = c->s.operation_count > 0 ? c->s.start : stage_written;
  return PQ_YIELD;
}

static int compare_ids(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(((const pq_whole_entity *)a)->id, ((const pq_whole_entity *)b)->id);
}

/* The graph and its instant are let go: ids are copied. */
int pq_whole_write(pq_command *c) {
  pq_whole_run *run = c->s.whole;
  uint32_t n = run->end - run->first;
  run->entities = pq_arena_array(&run->arena, n, sizeof *run->entities);
  if (run->entities == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < run->whole.node_count; i++) { /* labels are ids of any of them */
    pq_slice *id = &run->ids[run->whole.nodes[i]];
    PQ_TRY(pq_arena_copy(&run->arena, *id, id));
  }
  for (uint32_t i = 0; i < n; i++) {
    uint32_t node = run->whole.listed[run->first + i];
    run->entities[i] = (pq_whole_entity){pq_whole_id(run, node), node};
  }
  PQ_TRY(pq_sort_items(c->op.cx, run->entities, n, sizeof *run->entities, compare_ids, NULL));
  pq_graph_close(run->graph);
  run->graph = NULL;
  pq_snapshot_close(&c->s.snapshot);
  c->s.args.as_of = (pq_as_of){0};
  c->s.args.is_flushed = false;
  c->op.stage = stage_whole_check;
  return PQ_OK;
}
