/* cmd/write_commands.c - commands that change entities: one table says how they differ, one parser
 * makes a pq_write of each, and of the operations of a bulk write.
 *
 *   update ID, replace ID, delete ID, restore ID      the id chooses
 *   updateOne COLL, filter, sort …                    an equality on $id or _id, or a scan
 *                        └─► pq_write ─► write_turn.c (stages) ─► write_apply.c (events)
 */
#include <string.h>

#include "cmd/own_options.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { /* how a row of the table differs */
       IS_BY_ID = 1,
       IS_MANY = 2,
       IS_UPSERT = 4,      /* always */
       IS_OPERATION = 8,   /* may stand in a bulk write */
       IS_REPLY = 16,      /* the entity is the reply … */
       IS_REPLY_AFTER = 32 /* … as it is afterwards, unless returnDocument says otherwise */
};

static const struct row {
  const char *name;
  pq_write_kind kind;
  uint64_t body; /* the option that holds the update, 0: none */
  unsigned flags;
} rows[] = {
    {"update", PQ_WRITE_UPDATE, PQ_OPT_OPS, IS_BY_ID | IS_REPLY | IS_REPLY_AFTER},
    {"replace", PQ_WRITE_UPDATE, PQ_OPT_DOCUMENT, IS_BY_ID | IS_REPLY | IS_REPLY_AFTER},
    {"delete", PQ_WRITE_DELETE, 0, IS_BY_ID},
    {"restore", PQ_WRITE_RESTORE, 0, IS_BY_ID},
    {"upsert", PQ_WRITE_UPDATE, PQ_OPT_UPDATE, IS_UPSERT | IS_REPLY | IS_REPLY_AFTER},
    {"findOneAndUpdate", PQ_WRITE_UPDATE, PQ_OPT_UPDATE, IS_REPLY},
    {"findOneAndReplace", PQ_WRITE_UPDATE, PQ_OPT_REPLACEMENT, IS_REPLY},
    {"findOneAndDelete", PQ_WRITE_DELETE, 0, IS_REPLY},
    {"updateOne", PQ_WRITE_UPDATE, PQ_OPT_UPDATE, IS_OPERATION},
    {"updateMany", PQ_WRITE_UPDATE, PQ_OPT_UPDATE, IS_OPERATION | IS_MANY},
    {"replaceOne", PQ_WRITE_UPDATE, PQ_OPT_REPLACEMENT, IS_OPERATION},
    {"deleteOne", PQ_WRITE_DELETE, 0, IS_OPERATION},
    {"deleteMany", PQ_WRITE_DELETE, 0, IS_OPERATION | IS_MANY},
    {"insertOne", PQ_WRITE_INSERT, PQ_OPT_DOCUMENT, IS_OPERATION},
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

static const struct row *find_row(pq_slice name) {
  for (uint32_t i = 0; i < ROW_COUNT; i++)
    if (pq_slice_is(name, rows[i].name)) return &rows[i];
  return NULL;
}

uint64_t pq_write_options(pq_slice name) {
  const struct row *row = find_row(name);
  uint64_t choice = PQ_OPT_FILTER | PQ_OPT_COLLATION | PQ_OPT_HINT | PQ_OPT_PLAIN;
  if (row == NULL || !(row->flags & IS_OPERATION)) return 0;
  if (row->kind == PQ_WRITE_INSERT) return row->body | PQ_OPT_PLAIN;
  if (!(row->flags & IS_MANY)) choice |= PQ_OPT_SORT | PQ_OPT_EXPECTED_VERSION;
  if (row->kind == PQ_WRITE_DELETE)
    return choice | PQ_OPT_HARD | PQ_OPT_EDGES | PQ_OPT_INCLUDE_DELETED;
  if (row->body == PQ_OPT_UPDATE) choice |= PQ_OPT_ARRAY_FILTERS;
  return choice | row->body | PQ_OPT_UPSERT;
}

/* ---- the update ---- */

static const char *option_name(uint64_t body) {
  if (body == PQ_OPT_OPS) return "ops";
  if (body == PQ_OPT_UPDATE) return "update";
  return body == PQ_OPT_DOCUMENT ? "document" : "replacement";
}

/* The edges of $link and $unlink name ids and predicates as the command link does. */
static int check_edges(pq_command *c, const pq_update *u) {
  uint32_t count;
  const pq_update_edge *edges = pq_update_edges(u, &count);
  for (uint32_t i = 0; i < count; i++) {
    pq_slice to = edges[i].to;
    PQ_TRY(pq_check_predicate(c, edges[i].predicate));
    if (to.n > 0) PQ_TRY(pq_check_end(c, &to));
  }
  return PQ_OK;
}

/* updateOne and its like take operators or a pipeline, replaceOne and its like a document; the
 * command update takes all. */
static int parse_update(pq_command *c, pq_arena *arena, const struct row *row, const pq_args *args,
                        pq_change *change) {
  bool is_replacement;
  pq_value body = row->body == PQ_OPT_REPLACEMENT ? args->replacement
                  : row->body == PQ_OPT_DOCUMENT  ? args->document
                                                  : args->ops;
  if (!(args->given & row->body))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option '%s' is missing", row->name,
                   option_name(row->body));
  PQ_TRY(pq_update_parse(arena, c->s.env, body, args->array_filters, &change->update));
  if (args->is_plain) pq_update_take_dollars(change->update);
  is_replacement = pq_update_kind_of(change->update) == PQ_UPDATE_REPLACE;
  if (row->body == PQ_OPT_UPDATE && (is_replacement || pq_value_count(body) == 0))
    return pq_fail(c->op.cx, PQ_EUPDATE,
                   "%s: 'update' must have update operators such as $set, or be a pipeline: to "
                   "replace the document, use %s",
                   row->name, row->flags & IS_REPLY ? "findOneAndReplace" : "replaceOne");
  if (row->body != PQ_OPT_UPDATE && row->body != PQ_OPT_OPS && !is_replacement &&
      pq_value_count(body) > 0)
    return pq_fail(c->op.cx, PQ_EUPDATE, "%s: '%s' must be a document without update operators",
                   row->name, option_name(row->body));
  return check_edges(c, change->update);
}

/* ---- the choice ---- */

static bool is_path(const pq_equality *t, const char *name) {
  return pq_slice_is(t->path->text, name);
}

/* Values of `_id` that equal only what gives the same id: see entity_id.c. */
static bool is_key(pq_value v) {
  pq_type type = pq_value_type(v);
  pq_slice text;
  if (pq_value_string(v, &text)) return text.n > 0;
  return type != PQ_TYPE_NULL && type != PQ_TYPE_ARRAY && type != PQ_TYPE_REGEX &&
         type != PQ_TYPE_MISSING;
}

/* A filter with an equality on `$id` is about one entity. So is one on `_id` as a rule: but an
 * entity with a `$id` of its own may have any `_id`, so that a miss is no answer, and a hit not the
 * only one. */
static int find_id(pq_command *c, pq_arena *arena, pq_write *w, pq_change *change) {
  const pq_equality *terms;
  uint32_t count;
  pq_slice id, collection, local;
  int rc;
  if (c->s.env != NULL && c->s.env->collation.is_folded) return PQ_OK;
  PQ_TRY(pq_filter_equalities(change->filter, arena, &terms, &count));
  for (uint32_t i = 0; i < count; i++) {
    if (!is_path(&terms[i], "$id") || !pq_value_string(terms[i].value, &id)) continue;
    if (!pq_id_split(id, &collection, &local) || !pq_slice_eq(collection, c->s.collection))
      return PQ_OK; /* matches nothing: the scan reads nothing */
    w->id = id;
    return PQ_OK;
  }
  if (change->is_many || change->sort.count > 0) return PQ_OK;
  for (uint32_t i = 0; i < count; i++) {
    if (!is_path(&terms[i], "_id") || !is_key(terms[i].value)) continue;
    rc = pq_id_of_value(c, arena, terms[i].value, &id);
    if (rc == PQ_OK) rc = pq_check_id(c->op.cx, id);
    if (rc != PQ_OK) return rc == PQ_ENOMEM ? rc : PQ_OK; /* no entity has such an id */
    w->id = id;
    change->is_id_derived = true;
    return PQ_OK;
  }
  return PQ_OK;
}

static int parse_choice(pq_command *c, pq_arena *arena, const struct row *row, const pq_args *args,
                        pq_write *w, pq_change *change) {
  bool is_natural;
  PQ_TRY(pq_parse_hint(c, args->hint, &is_natural));
  PQ_TRY(pq_filter_parse(arena, c->s.env, args->filter, &change->filter));
  PQ_TRY(pq_sort_parse(arena, c->s.env, args->sort, &change->sort));
  if (row->flags & IS_BY_ID) {
    w->id = c->s.id;
    return PQ_OK;
  }
  if (!(args->given & PQ_OPT_FILTER))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'filter' is missing ({} chooses %s)",
                   row->name, change->is_many ? "all" : "any");
  return is_natural ? PQ_OK : find_id(c, arena, w, change);
}

static int parse_policy(pq_command *c, const char *name, const pq_args *args, pq_on_delete *out) {
  *out = PQ_ON_DELETE_NONE;
  if (!(args->given & PQ_OPT_EDGES)) return PQ_OK;
  if (!args->is_hard)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: option 'edges' goes with \"hard\": true: a soft delete only hides edges",
                   name);
  *out = pq_on_delete_of(args->edges);
  if (*out != PQ_ON_DELETE_NONE) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: option 'edges' must be \"unlink\", \"restrict\" or \"cascade\"", name);
}

int pq_write_parse(pq_command *c, pq_arena *arena, pq_slice name, const pq_args *args,
                   pq_write *out) {
  const struct row *row = find_row(name);
  pq_change *change;
  *out = (pq_write){0};
  pq_assert(row != NULL);
  if (row->kind == PQ_WRITE_INSERT) {
    if (!(args->given & PQ_OPT_DOCUMENT))
      return pq_fail(c->op.cx, PQ_EINVALID, "insertOne: option 'document' is missing");
    return (args->is_plain ? pq_write_of_plain : pq_write_of_document)(c, arena, args->document,
                                                                       out);
  }
  change = pq_arena_calloc(arena, 1, sizeof *change);
  if (change == NULL) return c->op.cx->code;
  *change =
      (pq_change){.is_many = (row->flags & IS_MANY) != 0,
                  .is_upsert = args->is_upsert || (row->flags & IS_UPSERT) != 0,
                  .is_hard = args->is_hard,
                  .is_plain = args->is_plain,
                  .shows_key = args->shows_key,
                  .includes_deleted = row->kind == PQ_WRITE_RESTORE || args->includes_deleted ||
                                      ((row->flags & IS_BY_ID) && args->is_hard),
                  .has_version = (args->given & PQ_OPT_EXPECTED_VERSION) != 0,
                  .expected_version = args->expected_version};
  if (row->kind == PQ_WRITE_DELETE) PQ_TRY(parse_policy(c, row->name, args, &change->edges));
  *out = (pq_write){.kind = row->kind, .type = c->s.type, .change = change};
  PQ_TRY(parse_choice(c, arena, row, args, out, change));
  return row->body == 0 ? PQ_OK : parse_update(c, arena, row, args, change);
}

/* ---- the commands ---- */

static int stage_change_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_outcome *o = &c->s.outcome;
  pq_write_kind kind = c->s.writes[0].kind;
  pq_builder *b = c->db->builder;
  if (!pq_value_is_missing(c->s.reply_item)) PQ_TRY(pq_reply_item(c, c->s.reply_item));
  PQ_TRY(pq_summary_begin(c));
  if (kind == PQ_WRITE_UPDATE) {
    PQ_TRY(pq_summary_count(c, "matchedCount", o->matched));
    PQ_TRY(pq_summary_count(c, "modifiedCount", o->modified));
    PQ_TRY(pq_summary_count(c, "upsertedCount", o->upserted));
    PQ_TRY(pq_builder_key_str(b, "upsertedId"));
    PQ_TRY(o->upserted > 0 ? pq_builder_string(b, o->upserted_ids.items[0].text)
                           : pq_builder_null(b));
  } else if (kind == PQ_WRITE_DELETE) {
    PQ_TRY(pq_summary_count(c, "deletedCount", o->deleted));
    if (o->cascaded > 0) PQ_TRY(pq_summary_count(c, "cascadedCount", o->cascaded));
  } else {
    PQ_TRY(pq_summary_count(c, "restoredCount", o->restored));
  }
  return pq_summary_end(c, c->s.space->seq);
}

int pq_open_change(pq_command *c, pq_value target) {
  pq_slice name = pq_str(c->s.spec->name);
  const struct row *row = find_row(name);
  pq_assert(row != NULL);
  PQ_TRY(row->flags & IS_BY_ID ? pq_target_id(c, target) : pq_target_collection(c, target));
  if (c->s.spec->own != NULL)
    PQ_TRY(pq_own_flag(c, "objectIds", pq_own_option(c, "objectIds"), &c->s.makes_object_ids));
  PQ_TRY(pq_type_default(c));
  PQ_TRY(pq_env_open(c, &c->s.args, &c->arena));
  PQ_TRY(pq_projection_parse(&c->arena, c->s.env, c->s.args.project, &c->s.projection));
  if (c->s.projection != NULL && pq_projection_is_positional(c->s.projection))
    return pq_fail(c->op.cx, PQ_EUNSUPPORTED, "%s: 'project' may not hold the positional operator",
                   c->s.spec->name);
  PQ_TRY(pq_turn_grow(c, &c->arena, 0));
  PQ_TRY(pq_write_parse(c, &c->arena, name, &c->s.args, &c->s.writes[0]));
  c->s.write_count = c->s.operation_count = 1;
  c->s.wants_reply = (row->flags & IS_REPLY) != 0;
  c->s.is_reply_after = c->s.args.given & PQ_OPT_RETURN_DOCUMENT
                            ? !c->s.args.returns_before
                            : (row->flags & IS_REPLY_AFTER) != 0;
  pq_turn_begin(c, stage_change_end);
  return PQ_OK;
}
