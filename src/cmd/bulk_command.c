/* cmd/bulk_command.c - bulkWrite, upsertMany: several operations in one command, told about one by
 * one. Those of upsertMany are updateOne, or replaceOne if there is a replacement, with upsert.
 *
 *   [insertOne a] [updateOne _id b] [deleteOne _id c] │ [updateMany {…}] │ [updateOne _id b] …
 *    └───────────── one turn, one commit ───────────┘   └── alone ─────┘
 *
 * Later operations see earlier ones. Those that each name an entity of their own do not touch each
 * other, so a run of them is read at once and becomes one commit; anything else has a commit of its
 * own. Operations are parsed when it is their turn, as filters may be wrong one by one; their names
 * and options are checked before anything is done.
 */
#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/text.h"
#include "cmd/own_options.h"

#define TEXT_ARGS(s) (int)((s).n > 40 ? 40 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { OPERATIONS_MAX = 1 << 20, TURN_MAX = 1000 };

/* ---- one operation: {"updateOne": {"filter": …, "update": …}}, of upsertMany what is in it ----
 */

static bool is_upserting(const pq_command *c) {
  return pq_slice_is(pq_str(c->s.spec->name), "upsertMany");
}

static int unknown_operation(pq_command *c, pq_slice name) {
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "unknown operation '%.*s': there are insertOne, updateOne, updateMany, "
                 "replaceOne, deleteOne and deleteMany",
                 TEXT_ARGS(name));
}

static int read_operation(pq_command *c, pq_arena *arena, uint32_t i, pq_slice *name,
                          pq_args *args) {
  pq_value v = pq_array_at(c->s.args.operations, i);
  pq_field *fields;
  uint32_t count;
  uint64_t allowed;
  *args = (pq_args){.is_upsert = is_upserting(c)};
  if (is_upserting(c)) {
    bool is_update = pq_value_is_missing(pq_object_get_str(v, "replacement"));
    *name = is_update ? PQ_SLICE("updateOne") : PQ_SLICE("replaceOne");
  } else {
    if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) != 1)
      return pq_fail(c->op.cx, PQ_EINVALID, "an operation is an object of one field that names it");
    fields = pq_object_fields(arena, v, &count);
    if (fields == NULL) return c->op.cx->code;
    *name = fields[0].name;
    v = fields[0].value;
  }
  allowed = pq_write_options(*name);
  if (allowed == 0) return unknown_operation(c, *name);
  if (is_upserting(c)) allowed &= ~PQ_OPT_UPSERT;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "%.*s: expects an object of options", TEXT_ARGS(*name));
  fields = pq_object_fields(arena, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return c->op.cx->code;
  return pq_parse_options(c, allowed, fields, count, args);
}

static int parse_operation(pq_command *c, uint32_t i, pq_write *out) {
  pq_arena *arena = &c->turn;
  pq_slice name;
  pq_args args;
  PQ_TRY(read_operation(c, arena, i, &name, &args));
  args.let = c->s.args.let;
  args.given |= c->s.args.given & PQ_OPT_LET;
  PQ_TRY(pq_env_open(c, &args, arena));
  PQ_TRY(pq_write_parse(c, arena, name, &args, out));
  out->index = i;
  return PQ_OK;
}

/* ---- turns ---- */

/* Does it touch one entity and nothing else? */
static bool is_apart(const pq_write *w) {
  uint32_t edges = 0;
  if (w->id.n == 0 || (w->change != NULL && w->change->is_hard)) return false;
  if (w->kind == PQ_WRITE_UPDATE) (void)pq_update_edges(w->change->update, &edges);
  return edges == 0;
}

static bool is_named(const pq_command *c, const pq_table *ids, pq_slice id) {
  uint64_t hash = pq_hash(id, 7);
  size_t pos;
  uint32_t i = pq_table_first(ids, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(ids, hash, &pos))
    if (pq_slice_eq(c->s.writes[i].id, id)) return true;
  return false;
}

/* Take operations as long as they are apart. One that cannot be parsed ends the turn; as the first
 * of the next one it fails. */
static int take(pq_command *c, pq_table *ids) {
  pq_command_state *s = &c->s;
  bool is_open = true;
  for (uint32_t n;
       is_open && (n = s->write_count) < s->group_max && s->next_operation < s->operation_count;) {
    pq_env *env = s->env;
    pq_value *variables = s->variables;
    pq_write w;
    int rc = parse_operation(c, s->next_operation, &w);
    if (rc != PQ_OK && (n == 0 || rc == PQ_ENOMEM)) return rc;
    is_open = rc == PQ_OK && is_apart(&w);
    if (n > 0 && (!is_open || is_named(c, ids, w.id))) {
      s->env = env;
      s->variables = variables;
      return PQ_OK;
    }
    PQ_TRY(pq_turn_grow(c, &c->op.arena, 0));
    PQ_TRY(is_open ? pq_table_add(ids, pq_hash(w.id, 7), n) : PQ_OK);
    s->writes[s->write_count++] = w;
    s->next_operation++;
  }
  return PQ_OK;
}

int pq_bulk_take(pq_command *c) {
  pq_table ids;
  int rc;
  pq_table_init(&ids, c->op.cx);
  rc = take(c, &ids);
  pq_table_release(&ids);
  c->s.group_max = TURN_MAX;
  return rc == PQ_OK ? rc : pq_note_error(c, c->s.next_operation++, rc);
}

/* ---- the command ---- */

static int compare_notes(const void *a, const void *b, const void *ud) {
  const pq_write_note *x = a, *y = b;
  (void)ud;
  return x->index < y->index ? -1 : x->index > y->index;
}

int pq_summary_errors(pq_command *c) {
  pq_builder *b = c->db->builder;
  const pq_write_notes *errors = &c->s.outcome.errors;
  PQ_TRY(pq_sort_items(c->op.cx, errors->items, errors->count, sizeof *errors->items, compare_notes,
                       NULL));
  PQ_TRY(pq_builder_key_str(b, "errors"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < errors->count; i++) {
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_count(b, "index", errors->items[i].index));
    PQ_TRY(pq_put_text(b, "code", pq_str(pq_status_name(errors->items[i].code))));
    PQ_TRY(pq_put_text(b, "message", errors->items[i].text));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

/* {"0": "t/a", "3": "t/b"}: by the operation's index. */
static int put_ids(pq_command *c, const char *name, const pq_write_notes *ids) {
  pq_builder *b = c->db->builder;
  char index[PQ_U64_CAP];
  PQ_TRY(pq_builder_key_str(b, name));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < ids->count; i++) {
    size_t n = pq_u64_print(ids->items[i].index, index);
    PQ_TRY(pq_builder_key(b, (pq_slice){(const uint8_t *)index, n}));
    PQ_TRY(pq_builder_string(b, ids->items[i].text));
  }
  return pq_builder_end(b);
}

static int stage_bulk_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_outcome *o = &c->s.outcome;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "insertedCount", o->inserted));
  PQ_TRY(pq_summary_count(c, "matchedCount", o->matched));
  PQ_TRY(pq_summary_count(c, "modifiedCount", o->modified));
  PQ_TRY(pq_summary_count(c, "deletedCount", o->deleted));
  if (o->cascaded > 0) PQ_TRY(pq_summary_count(c, "cascadedCount", o->cascaded));
  PQ_TRY(pq_summary_count(c, "upsertedCount", o->upserted));
  PQ_TRY(put_ids(c, "insertedIds", &o->inserted_ids));
  PQ_TRY(put_ids(c, "upsertedIds", &o->upserted_ids));
  PQ_TRY(pq_summary_errors(c));
  return pq_summary_end(c, c->s.space->seq);
}

int pq_open_bulk(pq_command *c, pq_value target) {
  pq_slice name;
  pq_args args;
  PQ_TRY(pq_target_collection(c, target));
  if (!(c->s.args.given & PQ_OPT_OPERATIONS))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'operations' is missing", c->s.spec->name);
  c->s.operation_count = pq_value_count(c->s.args.operations);
  if (c->s.operation_count > OPERATIONS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "more than %d operations in one bulk write",
                   OPERATIONS_MAX);
  for (uint32_t i = 0; i < c->s.operation_count; i++) {
    int rc = read_operation(c, &c->op.scratch, i, &name, &args);
    pq_arena_clear(&c->op.scratch);
    if (rc != PQ_OK) return pq_fail(c->op.cx, rc, "operation %u: %s", i, c->op.cx->msg);
  }
  if (c->s.spec->own != NULL)
    PQ_TRY(pq_own_flag(c, "objectIds", pq_own_option(c, "objectIds"), &c->s.makes_object_ids));
  PQ_TRY(pq_type_default(c));
  c->s.is_bulk = true;
  c->s.is_ordered = !(c->s.args.given & PQ_OPT_ORDERED) || c->s.args.is_ordered;
  c->s.group_max = TURN_MAX;
  c->s.take = pq_bulk_take;
  pq_turn_begin(c, stage_bulk_end);
  return PQ_OK;
}
