/* cmd/parse_command.c - command documents: which commands and options there are, checked. */
#include <string.h>

#include "base/text.h"
#include "cmd/command_int.h"
#include "db/txn.h"

/* Options of one command alone. */
static const char *const own_link[] = {"replace", NULL};
/* What all commands that walk the graph take. */
#define OPT_GRAPH \
  (PQ_OPT_READS | PQ_OPT_MAX_TIME | PQ_OPT_COMMENT | PQ_OPT_COLLATION | PQ_OPT_LET | PQ_OPT_PLAIN)
static const char *const own_traverse[] = {"direction", "uniqueness", "order",    "return", "depth",
                                           "cycles",    "filter",     "maxPaths", NULL};
static const char *const own_path[] = {"predicates",    "direction", "filter", "edgeFilter",
                                       "maxHops",       "k",         "all",    "weight",
                                       "defaultWeight", "heuristic", "return", NULL};
static const char *const own_connected[] = {"predicates", "direction", "filter",
                                            "edgeFilter", "maxHops",   NULL};
static const char *const own_subgraph[] = {"predicates", "direction", "filter", "edgeFilter",
                                           "maxHops",    "maxNodes",  NULL};
/* What is computed of the whole graph; each has its own beside. */
#define OPT_WHOLE                                                                               \
  (PQ_OPT_READS | PQ_OPT_MAX_TIME | PQ_OPT_COMMENT | PQ_OPT_SORT | PQ_OPT_SKIP | PQ_OPT_LIMIT | \
   PQ_OPT_ACTOR | PQ_OPT_METADATA)
#define OWN_WHOLE "predicates", "writeAs"
static const char *const own_whole[] = {OWN_WHOLE, NULL};
static const char *const own_degree[] = {OWN_WHOLE, "direction", NULL};
static const char *const own_rank[] = {OWN_WHOLE,    "direction", "damping",
                                       "iterations", "tolerance", NULL};
static const char *const own_communities[] = {OWN_WHOLE, "iterations", NULL};
static const char *const own_related[] = {"predicate",     "direction", "edgeFilter",
                                          "minConfidence", "mode",      NULL};

/* New documents without _id get one: MongoDB's drivers expect it of an upsert. */
static const char *const own_upsert[] = {"objectIds", NULL};
static const char *const own_match[] = {"params", "maxRows", NULL};

static const char *const own_create[] = {"options", NULL};
static const char *const own_create_indexes[] = {"indexes", NULL};
static const char *const own_drop_indexes[] = {"index", NULL};
static const char *const own_rename[] = {"to", "dropTarget", NULL};
static const char *const own_alter[] = {"options", "index", NULL};

const pq_command_spec pq_command_specs[] = {
    {"insert",
     PQ_OPT_DOCUMENTS | PQ_OPT_LINE | PQ_OPT_ORDERED | PQ_OPT_PLAIN | PQ_OPT_VALIDATE |
         PQ_OPT_WRITES,
     true, true, pq_open_insert, NULL},
    {"get",
     PQ_OPT_INCLUDE_DELETED | PQ_OPT_SHOW | PQ_OPT_PLAIN | PQ_OPT_MAX_TIME | PQ_OPT_COMMENT |
         PQ_OPT_READS,
     false, false, pq_open_get, NULL},
    {"find",
     PQ_OPT_SELECT | PQ_OPT_SHOW | PQ_OPT_SORT | PQ_OPT_SKIP | PQ_OPT_LIMIT | PQ_OPT_CURSOR |
         PQ_OPT_SNAPSHOT | PQ_OPT_TOTAL,
     false, false, pq_open_find, NULL},
    {"findOne", PQ_OPT_SELECT | PQ_OPT_SHOW | PQ_OPT_SORT | PQ_OPT_SKIP, false, false,
     pq_open_find_one, NULL},
    {"count", PQ_OPT_SELECT | PQ_OPT_SKIP | PQ_OPT_LIMIT, false, false, pq_open_count, NULL},
    {"estimatedCount", PQ_OPT_MAX_TIME | PQ_OPT_COMMENT | PQ_OPT_AS_OF | PQ_OPT_FLUSHED, false,
     false, pq_open_estimated_count, NULL},
    {"exists", PQ_OPT_SELECT, false, false, pq_open_exists, NULL},
    {"distinct", PQ_OPT_SELECT | PQ_OPT_KEY, false, false, pq_open_distinct, NULL},
    {"update",
     PQ_OPT_OPS | PQ_OPT_UPSERT | PQ_OPT_ARRAY_FILTERS | PQ_OPT_RETURN_DOCUMENT | PQ_OPT_PROJECT |
         PQ_OPT_PLAIN | PQ_OPT_COLLATION | PQ_OPT_LET | PQ_OPT_EXPECTED_VERSION | PQ_OPT_VALIDATE |
         PQ_OPT_WRITES,
     true, false, pq_open_change, NULL},
    {"replace",
     PQ_OPT_DOCUMENT | PQ_OPT_UPSERT | PQ_OPT_RETURN_DOCUMENT | PQ_OPT_PROJECT | PQ_OPT_PLAIN |
         PQ_OPT_EXPECTED_VERSION | PQ_OPT_VALIDATE | PQ_OPT_WRITES,
     true, false, pq_open_change, NULL},
    {"upsert",
     PQ_OPT_RETURN_DOCUMENT | PQ_OPT_PROJECT | PQ_OPT_CHANGE_ONE | PQ_OPT_VALIDATE | PQ_OPT_WRITES,
     true, false, pq_open_change, NULL},
    {"updateOne", PQ_OPT_UPSERT | PQ_OPT_CHANGE_ONE | PQ_OPT_VALIDATE | PQ_OPT_WRITES, true, false,
     pq_open_change, NULL},
    {"updateMany",
     PQ_OPT_FILTER | PQ_OPT_LANGUAGE | PQ_OPT_UPDATE | PQ_OPT_UPSERT | PQ_OPT_ARRAY_FILTERS |
         PQ_OPT_VALIDATE | PQ_OPT_WRITES,
     true, false, pq_open_change, NULL},
    {"replaceOne",
     PQ_OPT_REPLACEMENT | PQ_OPT_UPSERT | PQ_OPT_CHOOSE_ONE | PQ_OPT_VALIDATE | PQ_OPT_WRITES, true,
     false, pq_open_change, NULL},
    {"deleteOne",
     PQ_OPT_HARD | PQ_OPT_EDGES | PQ_OPT_INCLUDE_DELETED | PQ_OPT_CHOOSE_ONE | PQ_OPT_WRITES, true,
     false, pq_open_change, NULL},
    {"deleteMany",
     PQ_OPT_FILTER | PQ_OPT_LANGUAGE | PQ_OPT_HARD | PQ_OPT_EDGES | PQ_OPT_INCLUDE_DELETED |
         PQ_OPT_WRITES,
     true, false, pq_open_change, NULL},
    {"findOneAndUpdate",
     PQ_OPT_UPSERT | PQ_OPT_RETURN_DOCUMENT | PQ_OPT_PROJECT | PQ_OPT_CHANGE_ONE | PQ_OPT_VALIDATE |
         PQ_OPT_WRITES,
     true, false, pq_open_change, own_upsert},
    {"findOneAndReplace",
     PQ_OPT_REPLACEMENT | PQ_OPT_UPSERT | PQ_OPT_RETURN_DOCUMENT | PQ_OPT_PROJECT |
         PQ_OPT_CHOOSE_ONE | PQ_OPT_VALIDATE | PQ_OPT_WRITES,
     true, false, pq_open_change, own_upsert},
    {"findOneAndDelete",
     PQ_OPT_HARD | PQ_OPT_EDGES | PQ_OPT_INCLUDE_DELETED | PQ_OPT_PROJECT | PQ_OPT_CHOOSE_ONE |
         PQ_OPT_WRITES,
     true, false, pq_open_change, NULL},
    {"bulkWrite", PQ_OPT_OPERATIONS | PQ_OPT_ORDERED | PQ_OPT_LET | PQ_OPT_VALIDATE | PQ_OPT_WRITES,
     true, false, pq_open_bulk, own_upsert},
    {"upsertMany",
     PQ_OPT_OPERATIONS | PQ_OPT_ORDERED | PQ_OPT_LET | PQ_OPT_VALIDATE | PQ_OPT_WRITES, true, false,
     pq_open_bulk, NULL},
    {"delete", PQ_OPT_HARD | PQ_OPT_EDGES | PQ_OPT_EXPECTED_VERSION | PQ_OPT_WRITES, true, false,
     pq_open_change, NULL},
    {"link", PQ_OPT_LINE | PQ_OPT_WRITES, true, true, pq_open_link, own_link},
    {"unlink", PQ_OPT_WRITES, true, false, pq_open_unlink, NULL},
    {"related",
     PQ_OPT_EDGES | PQ_OPT_FILTER | PQ_OPT_SORT | PQ_OPT_SKIP | PQ_OPT_LIMIT | PQ_OPT_CURSOR |
         PQ_OPT_SNAPSHOT | PQ_OPT_TOTAL | PQ_OPT_SHOW | PQ_OPT_MAX_TIME | PQ_OPT_COMMENT |
         PQ_OPT_READS | PQ_OPT_LANGUAGE,
     false, false, pq_open_related, own_related},
    {"traverse", PQ_OPT_PATH | PQ_OPT_LIMIT | PQ_OPT_SKIP | PQ_OPT_PROJECT | OPT_GRAPH, false,
     false, pq_open_traverse, own_traverse},
    {"subgraph", PQ_OPT_PROJECT | OPT_GRAPH, false, false, pq_open_subgraph, own_subgraph},
    {"degree", OPT_WHOLE, false, false, pq_open_whole, own_degree},
    {"pageRank", OPT_WHOLE, false, false, pq_open_whole, own_rank},
    {"components", OPT_WHOLE, false, false, pq_open_whole, own_whole},
    {"triangles", OPT_WHOLE, false, false, pq_open_whole, own_whole},
    {"communities", OPT_WHOLE, false, false, pq_open_whole, own_communities},
    {"kCore", OPT_WHOLE, false, false, pq_open_whole, own_whole},
    {"path", PQ_OPT_LIMIT | PQ_OPT_PROJECT | OPT_GRAPH, false, false, pq_open_path, own_path},
    {"connected", OPT_GRAPH, false, false, pq_open_connected, own_connected},
    {"neighbourhood", OPT_GRAPH, false, false, pq_open_neighbourhood, own_connected},
    {"match", PQ_OPT_LIMIT | PQ_OPT_MAX_TIME | PQ_OPT_COMMENT | PQ_OPT_READS, false, false,
     pq_open_match_text, own_match},
    {"history", PQ_OPT_EVENT_CHOICE, false, false, pq_open_history, NULL},
    {"aggregate",
     PQ_OPT_PIPELINE | PQ_OPT_INCLUDE_DELETED | PQ_OPT_READS | PQ_OPT_LANGUAGE | PQ_OPT_COMMENT |
         PQ_OPT_ALLOW_DISK_USE | PQ_OPT_MAX_TIME | PQ_OPT_BATCH_SIZE | PQ_OPT_ACTOR |
         PQ_OPT_METADATA,
     false, false, pq_open_aggregate, NULL},
    {"restore", PQ_OPT_EXPECTED_VERSION | PQ_OPT_WRITES, true, false, pq_open_change, NULL},
    {"events", PQ_OPT_EVENT_CHOICE | PQ_OPT_ENTITY | PQ_OPT_TARGET | PQ_OPT_PREDICATE, false, false,
     pq_open_events, NULL},
    {"begin", 0, false, false, pq_open_begin, NULL},
    {"commit", 0, false, false, pq_open_commit, NULL},
    {"abort", 0, false, false, pq_open_abort, NULL},
    {"getAtVersion",
     PQ_OPT_VERSION | PQ_OPT_INCLUDE_DELETED | PQ_OPT_PROJECT | PQ_OPT_PLAIN | PQ_OPT_COMMENT |
         PQ_OPT_AS_OF | PQ_OPT_FLUSHED,
     false, false, pq_open_get_at_version, NULL},
    {"reconstruct",
     PQ_OPT_INCLUDE_DELETED | PQ_OPT_PROJECT | PQ_OPT_PLAIN | PQ_OPT_COMMENT | PQ_OPT_AS_OF |
         PQ_OPT_FLUSHED,
     false, false, pq_open_reconstruct, NULL},
    {"appendEvent", PQ_OPT_HARD | PQ_OPT_VALIDATE | PQ_OPT_WRITES, true, false,
     pq_open_append_event, NULL},
    {"diff",
     PQ_OPT_FROM | PQ_OPT_TO | PQ_OPT_LIMIT | PQ_OPT_CURSOR | PQ_OPT_FLUSHED | PQ_OPT_MAX_TIME |
         PQ_OPT_COMMENT,
     false, false, pq_open_diff, NULL},
    {"revert", PQ_OPT_TO | PQ_OPT_EDGES | PQ_OPT_EXPECTED_VERSION | PQ_OPT_VALIDATE | PQ_OPT_WRITES,
     true, false, pq_open_revert, NULL},
    {"replay", PQ_OPT_LINE | PQ_OPT_ACTOR | PQ_OPT_COMMENT, true, true, pq_open_replay, NULL},
    {"flush", 0, true, false, pq_open_flush, NULL},
    {"files", PQ_OPT_KIND | PQ_OPT_SQL | PQ_OPT_ROOT, false, false, pq_open_files, NULL},
    {"stats", 0, false, false, pq_open_stats, NULL},
    {"collections", PQ_OPT_AS_OF | PQ_OPT_FLUSHED, false, false, pq_open_collections, NULL},
    {"compact", 0, true, false, pq_open_compact, NULL},
    {"maintain", 0, true, false, pq_open_maintain, NULL},
    {"checkpoint", 0, true, false, pq_open_checkpoint, NULL},
    {"vacuum", PQ_OPT_DRY_RUN | PQ_OPT_MIN_AGE | PQ_OPT_TO, false, false, pq_open_vacuum, NULL},
    {"retention", 0, false, false, pq_open_retention, NULL},
    {"refs", PQ_OPT_DRY_RUN | PQ_OPT_COMMENT, false, false, pq_open_refs, NULL},
    {"backup", PQ_OPT_AS_OF, false, false, pq_open_backup, NULL},
    {"verify", PQ_OPT_QUICK, false, false, pq_open_verify, NULL},
    {"schema",
     PQ_OPT_SET | PQ_OPT_MODE | PQ_OPT_FORCE | PQ_OPT_DIFF | PQ_OPT_INFER | PQ_OPT_LIMIT |
         PQ_OPT_AS_OF | PQ_OPT_FLUSHED | (PQ_OPT_WRITES & ~PQ_OPT_TXN),
     false, false, pq_open_schema, NULL},
    {"create", PQ_OPT_WRITES, true, false, pq_open_catalog, own_create},
    {"createIndexes", PQ_OPT_WRITES, true, false, pq_open_catalog, own_create_indexes},
    {"dropIndexes", PQ_OPT_WRITES & ~PQ_OPT_TXN, true, false, pq_open_catalog, own_drop_indexes},
    {"alter", PQ_OPT_WRITES & ~PQ_OPT_TXN, true, false, pq_open_catalog, own_alter},
    {"indexes", PQ_OPT_AS_OF | PQ_OPT_FLUSHED | PQ_OPT_COMMENT | PQ_OPT_TXN, false, false,
     pq_open_catalog, NULL},
    {"drop", PQ_OPT_WRITES & ~PQ_OPT_TXN, true, false, pq_open_drop, NULL},
    {"rename", PQ_OPT_WRITES & ~PQ_OPT_TXN, true, false, pq_open_rename, own_rename},
    {"expire", PQ_OPT_WRITES & ~PQ_OPT_TXN, true, false, pq_open_expire, NULL},
};
enum { SPEC_COUNT = sizeof pq_command_specs / sizeof *pq_command_specs };

const pq_command_spec *pq_command_spec_of(const char *name) {
  size_t i = 0;
  while (i < SPEC_COUNT && strcmp(pq_command_specs[i].name, name) != 0)
    i++;
  pq_assert(i < SPEC_COUNT);
  return &pq_command_specs[i];
}

typedef enum option_type {
  TYPE_OBJECT,
  TYPE_ARRAY,
  TYPE_OBJECT_OR_ARRAY,
  TYPE_ANY,
  TYPE_COUNT,
  TYPE_BOOL,
  TYPE_TEXT,
  TYPE_TIME,
  TYPE_PLAIN, /* a bool, or "keyed" */
  TYPE_EDGES  /* a policy in commands that delete, else whether there are any */
} option_type;

static const struct option {
  const char *name;
  uint64_t bit;
  option_type type;
  size_t off; /* of the member of pq_args */
} options[] = {
    {"filter", PQ_OPT_FILTER, TYPE_OBJECT, offsetof(pq_args, filter)},
    {"sort", PQ_OPT_SORT, TYPE_OBJECT, offsetof(pq_args, sort)},
    {"skip", PQ_OPT_SKIP, TYPE_COUNT, offsetof(pq_args, skip)},
    {"limit", PQ_OPT_LIMIT, TYPE_COUNT, offsetof(pq_args, limit)},
    {"project", PQ_OPT_PROJECT, TYPE_OBJECT, offsetof(pq_args, project)},
    {"asOf", PQ_OPT_AS_OF, TYPE_TIME, offsetof(pq_args, as_of)},
    {"flushed", PQ_OPT_FLUSHED, TYPE_BOOL, offsetof(pq_args, is_flushed)},
    {"quick", PQ_OPT_QUICK, TYPE_BOOL, offsetof(pq_args, is_quick)},
    {"explain", PQ_OPT_EXPLAIN, TYPE_ANY, offsetof(pq_args, explain)},
    {"price", PQ_OPT_PRICE, TYPE_ANY, offsetof(pq_args, price)},
    {"budget", PQ_OPT_BUDGET, TYPE_ANY, offsetof(pq_args, budget)},
    {"includeDeleted", PQ_OPT_INCLUDE_DELETED, TYPE_BOOL, offsetof(pq_args, includes_deleted)},
    {"txn", PQ_OPT_TXN, TYPE_COUNT, offsetof(pq_args, txn)},
    {"actor", PQ_OPT_ACTOR, TYPE_TEXT, offsetof(pq_args, actor)},
    {"metadata", PQ_OPT_METADATA, TYPE_OBJECT, offsetof(pq_args, metadata)},
    {"documents", PQ_OPT_DOCUMENTS, TYPE_ARRAY, offsetof(pq_args, documents)},
    {"line", PQ_OPT_LINE, TYPE_COUNT, offsetof(pq_args, line)},
    {"ops", PQ_OPT_OPS, TYPE_OBJECT_OR_ARRAY, offsetof(pq_args, ops)},
    {"expectedVersion", PQ_OPT_EXPECTED_VERSION, TYPE_COUNT, offsetof(pq_args, expected_version)},
    {"hard", PQ_OPT_HARD, TYPE_BOOL, offsetof(pq_args, is_hard)},
    {"predicate", PQ_OPT_PREDICATE, TYPE_TEXT, offsetof(pq_args, predicate)},
    {"direction", PQ_OPT_DIRECTION, TYPE_TEXT, offsetof(pq_args, is_reverse)},
    {"edges", PQ_OPT_EDGES, TYPE_EDGES, offsetof(pq_args, is_edges)},
    {"path", PQ_OPT_PATH, TYPE_ARRAY, offsetof(pq_args, path)},
    {"op", PQ_OPT_OP, TYPE_TEXT, offsetof(pq_args, op)},
    {"kind", PQ_OPT_KIND, TYPE_TEXT, offsetof(pq_args, kind)},
    {"sql", PQ_OPT_SQL, TYPE_BOOL, offsetof(pq_args, is_sql)},
    {"root", PQ_OPT_ROOT, TYPE_TEXT, offsetof(pq_args, root)},
    {"pipeline", PQ_OPT_PIPELINE, TYPE_ARRAY, offsetof(pq_args, pipeline)},
    {"from", PQ_OPT_FROM, TYPE_TIME, offsetof(pq_args, from)},
    {"to", PQ_OPT_TO, TYPE_TIME, offsetof(pq_args, to)},
    {"version", PQ_OPT_VERSION, TYPE_COUNT, offsetof(pq_args, version)},
    {"entity", PQ_OPT_ENTITY, TYPE_TEXT, offsetof(pq_args, entity)},
    {"target", PQ_OPT_TARGET, TYPE_TEXT, offsetof(pq_args, target)},
    {"collation", PQ_OPT_COLLATION, TYPE_OBJECT, offsetof(pq_args, collation)},
    {"let", PQ_OPT_LET, TYPE_OBJECT, offsetof(pq_args, let)},
    {"hint", PQ_OPT_HINT, TYPE_ANY, offsetof(pq_args, hint)},
    {"comment", PQ_OPT_COMMENT, TYPE_ANY, offsetof(pq_args, comment)},
    {"update", PQ_OPT_UPDATE, TYPE_OBJECT_OR_ARRAY, offsetof(pq_args, ops)},
    {"replacement", PQ_OPT_REPLACEMENT, TYPE_OBJECT, offsetof(pq_args, replacement)},
    {"document", PQ_OPT_DOCUMENT, TYPE_OBJECT, offsetof(pq_args, document)},
    {"upsert", PQ_OPT_UPSERT, TYPE_BOOL, offsetof(pq_args, is_upsert)},
    {"arrayFilters", PQ_OPT_ARRAY_FILTERS, TYPE_ARRAY, offsetof(pq_args, array_filters)},
    {"returnDocument", PQ_OPT_RETURN_DOCUMENT, TYPE_TEXT, offsetof(pq_args, returns_before)},
    {"operations", PQ_OPT_OPERATIONS, TYPE_ARRAY, offsetof(pq_args, operations)},
    {"ordered", PQ_OPT_ORDERED, TYPE_BOOL, offsetof(pq_args, is_ordered)},
    {"allowDiskUse", PQ_OPT_ALLOW_DISK_USE, TYPE_BOOL, offsetof(pq_args, allows_disk_use)},
    {"maxTimeMs", PQ_OPT_MAX_TIME, TYPE_COUNT, offsetof(pq_args, max_time_ms)},
    {"batchSize", PQ_OPT_BATCH_SIZE, TYPE_COUNT, offsetof(pq_args, batch_size)},
    {"cursor", PQ_OPT_CURSOR, TYPE_ANY, offsetof(pq_args, cursor)},
    {"snapshot", PQ_OPT_SNAPSHOT, TYPE_BOOL, offsetof(pq_args, is_snapshot)},
    {"total", PQ_OPT_TOTAL, TYPE_BOOL, offsetof(pq_args, wants_total)},
    {"plain", PQ_OPT_PLAIN, TYPE_PLAIN, offsetof(pq_args, is_plain)},
    {"populate", PQ_OPT_POPULATE, TYPE_OBJECT_OR_ARRAY, offsetof(pq_args, populate)},
    {"maxInbound", PQ_OPT_MAX_INBOUND, TYPE_COUNT, offsetof(pq_args, max_inbound)},
    {"key", PQ_OPT_KEY, TYPE_TEXT, offsetof(pq_args, key)},
    {"validate", PQ_OPT_VALIDATE, TYPE_TEXT, offsetof(pq_args, validate)},
    {"set", PQ_OPT_SET, TYPE_OBJECT, offsetof(pq_args, set)},
    {"mode", PQ_OPT_MODE, TYPE_TEXT, offsetof(pq_args, mode)},
    {"force", PQ_OPT_FORCE, TYPE_BOOL, offsetof(pq_args, is_force)},
    {"diff", PQ_OPT_DIFF, TYPE_OBJECT, offsetof(pq_args, diff)},
    {"infer", PQ_OPT_INFER, TYPE_BOOL, offsetof(pq_args, is_infer)},
    {"dryRun", PQ_OPT_DRY_RUN, TYPE_BOOL, offsetof(pq_args, is_dry_run)},
    {"minAge", PQ_OPT_MIN_AGE, TYPE_TEXT, offsetof(pq_args, min_age)},
};
enum { OPTION_COUNT = sizeof options / sizeof *options, OWN_OPTIONS_MAX = 32 };

#define TEXT_ARGS(s) (int)((s).n > 40 ? 40 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* ---- names ---- */

int pq_check_collection(pq_cx *cx, pq_slice name) {
  if (name.n == 0 || name.n > cx->limits.name_len_max)
    return pq_fail(cx, PQ_EINVALID, "a collection name has 1 to %u bytes, this one %zu",
                   cx->limits.name_len_max, name.n);
  if (name.p[0] == '_' || name.p[0] == '$')
    return pq_fail(cx, PQ_EINVALID, "collection '%.*s': a leading '%c' is reserved",
                   TEXT_ARGS(name), name.p[0]);
  for (size_t i = 0; i < name.n; i++)
    if (name.p[i] == '/' || name.p[i] < 0x20 || name.p[i] == 0x7f)
      return pq_fail(cx, PQ_EINVALID,
                     "collection '%.*s': '/' and control characters are not allowed",
                     TEXT_ARGS(name));
  return PQ_OK;
}

int pq_check_id(pq_cx *cx, pq_slice id) {
  pq_slice collection, local;
  if (!pq_id_split(id, &collection, &local) || local.n == 0)
    return pq_fail(cx, PQ_EINVALID, "id '%.*s': an id is COLLECTION/LOCAL-ID", TEXT_ARGS(id));
  PQ_TRY(pq_check_collection(cx, collection));
  if (local.n > cx->limits.id_len_max)
    return pq_fail(cx, PQ_ELIMIT, "id '%.*s…': a local id has at most %u bytes, this one %zu",
                   TEXT_ARGS(id), cx->limits.id_len_max, local.n);
  for (size_t i = 0; i < local.n; i++)
    if (local.p[i] == '/' || local.p[i] < 0x20 || local.p[i] == 0x7f)
      return pq_fail(cx, PQ_EINVALID,
                     "id '%.*s': '/' in a local id is written %%2F, control characters are not "
                     "allowed",
                     TEXT_ARGS(id));
  return PQ_OK;
}

int pq_target_collection(pq_command *c, pq_value target) {
  if (!pq_value_string(target, &c->s.collection))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: expects a collection name", c->s.spec->name);
  return pq_check_collection(c->op.cx, c->s.collection);
}

int pq_target_id(pq_command *c, pq_value target) {
  pq_slice local;
  if (!pq_value_string(target, &c->s.id))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: expects an id, COLLECTION/LOCAL-ID",
                   c->s.spec->name);
  PQ_TRY(pq_check_id(c->op.cx, c->s.id));
  (void)pq_id_split(c->s.id, &c->s.collection, &local);
  return PQ_OK;
}

/* ---- options ---- */

static int wrong_type(pq_command *c, const char *name, const char *expected) {
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option '%s' must be %s", c->s.spec->name, name,
                 expected);
}

static int parse_count(pq_command *c, const char *name, pq_value v, uint64_t *out) {
  int64_t i;
  double d;
  if (pq_value_double(v, &d) && d >= 0 && d < 9e15 && d == (double)(int64_t)d)
    i = (int64_t)d;
  else if (!pq_value_i64(v, &i) || i < 0)
    return wrong_type(c, name, "a whole number, 0 or more");
  *out = (uint64_t)i;
  return PQ_OK;
}

static int parse_direction(pq_command *c, pq_slice text, bool *is_reverse) {
  *is_reverse = pq_slice_is(text, "reverse");
  if (*is_reverse || pq_slice_is(text, "forward")) return PQ_OK;
  return wrong_type(c, "direction", "\"forward\" or \"reverse\"");
}

static int parse_return_document(pq_command *c, pq_slice text, bool *is_before) {
  *is_before = pq_slice_is(text, "before");
  if (*is_before || pq_slice_is(text, "after")) return PQ_OK;
  return wrong_type(c, "returnDocument", "\"before\" or \"after\"");
}

static int parse_text(pq_command *c, const struct option *o, pq_value v, uint8_t *member) {
  pq_slice text;
  if (!pq_value_string(v, &text)) return wrong_type(c, o->name, "text");
  if (o->bit == PQ_OPT_DIRECTION) return parse_direction(c, text, (bool *)member);
  if (o->bit == PQ_OPT_RETURN_DOCUMENT) return parse_return_document(c, text, (bool *)member);
  memcpy(member, &text, sizeof text);
  return PQ_OK;
}

/* "keyed" is plain, and more. */
static int parse_plain(pq_command *c, const char *name, pq_value v, pq_args *args) {
  pq_slice text = {0};
  args->shows_key = pq_value_string(v, &text) && pq_slice_is(text, "keyed");
  args->is_plain = args->shows_key;
  if (args->shows_key || pq_value_bool(v, &args->is_plain)) return PQ_OK;
  return wrong_type(c, name, "true, false or \"keyed\"");
}

static int parse_option(pq_command *c, const struct option *o, pq_value v, pq_args *args) {
  uint8_t *member = (uint8_t *)args + o->off;
  pq_type type = pq_value_type(v);
  switch (o->type) {
    case TYPE_OBJECT:
      if (type != PQ_TYPE_OBJECT) return wrong_type(c, o->name, "an object");
      memcpy(member, &v, sizeof v);
      return PQ_OK;
    case TYPE_ARRAY:
      if (type != PQ_TYPE_ARRAY) return wrong_type(c, o->name, "an array");
      memcpy(member, &v, sizeof v);
      return PQ_OK;
    case TYPE_OBJECT_OR_ARRAY:
      if (type != PQ_TYPE_OBJECT && type != PQ_TYPE_ARRAY)
        return wrong_type(c, o->name, "an object or an array");
      memcpy(member, &v, sizeof v);
      return PQ_OK;
    case TYPE_ANY: memcpy(member, &v, sizeof v); return PQ_OK;
    case TYPE_COUNT: return parse_count(c, o->name, v, (uint64_t *)(void *)member);
    case TYPE_BOOL:
      if (!pq_value_bool(v, (bool *)member)) return wrong_type(c, o->name, "true or false");
      return PQ_OK;
    case TYPE_TEXT: return parse_text(c, o, v, member);
    case TYPE_PLAIN: return parse_plain(c, o->name, v, args);
    case TYPE_EDGES:
      if (pq_value_bool(v, &args->is_edges) || pq_value_string(v, &args->edges)) return PQ_OK;
      return wrong_type(c, o->name, "true or false, or of a delete a policy");
    case TYPE_TIME:
      return pq_parse_time_point(c, o->name, o->bit != PQ_OPT_AS_OF, v, (pq_as_of *)(void *)member);
  }
  pq_unreachable("option type");
}

static int unknown_option(pq_command *c, uint64_t options_allowed, const char *const *own,
                          pq_slice name) {
  const char *allowed[OPTION_COUNT + OWN_OPTIONS_MAX + 1];
  uint32_t n = 0;
  const char *near;
  for (uint32_t i = 0; i < OPTION_COUNT; i++)
    if (options[i].bit & options_allowed) allowed[n++] = options[i].name;
  for (uint32_t i = 0; own != NULL && own[i] != NULL; i++) {
    pq_assert(i < OWN_OPTIONS_MAX);
    allowed[n++] = own[i];
  }
  allowed[n] = NULL;
  near = pq_nearest(name, allowed);
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: unknown option '%.*s'%s%s%s", c->s.spec->name,
                 TEXT_ARGS(name), near ? ": did you mean '" : "", near ? near : "",
                 near ? "'?" : "");
}

static bool is_own_option(const char *const *own, pq_slice name) {
  for (; own != NULL && *own != NULL; own++)
    if (pq_slice_is(name, *own)) return true;
  return false;
}

static int parse_options(pq_command *c, uint64_t allowed, const char *const *own,
                         const pq_field *fields, uint32_t count, pq_args *args) {
  for (uint32_t f = 0; f < count; f++) {
    uint32_t i = 0;
    if (is_own_option(own, fields[f].name)) continue;
    while (i < OPTION_COUNT &&
           !(pq_slice_is(fields[f].name, options[i].name) && (options[i].bit & allowed)))
      i++;
    if (i == OPTION_COUNT) return unknown_option(c, allowed, own, fields[f].name);
    PQ_TRY(parse_option(c, &options[i], fields[f].value, args));
    args->given |= options[i].bit;
  }
  if ((args->given & PQ_OPT_EDGES) && (args->edges.n > 0) != ((allowed & PQ_OPT_HARD) != 0))
    return wrong_type(
        c, "edges",
        allowed & PQ_OPT_HARD ? "\"unlink\", \"restrict\" or \"cascade\"" : "true or false");
  return PQ_OK;
}

int pq_parse_options(pq_command *c, uint64_t allowed, const pq_field *fields, uint32_t count,
                     pq_args *args) {
  return parse_options(c, allowed, NULL, fields, count, args);
}

pq_value pq_own_option(const pq_command *c, const char *name) {
  pq_assert(is_own_option(c->s.spec->own, pq_str(name)));
  return pq_object_get_str(c->document, name);
}

static int unknown_command(pq_command *c, pq_slice name) {
  const char *names[SPEC_COUNT + 1];
  const char *near;
  for (uint32_t i = 0; i < SPEC_COUNT; i++)
    names[i] = pq_command_specs[i].name;
  names[SPEC_COUNT] = NULL;
  near = pq_nearest(name, names);
  return pq_fail(c->op.cx, PQ_EINVALID, "unknown command '%.*s'%s%s%s", TEXT_ARGS(name),
                 near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* The transaction that the command is part of: the one it names, or the handle's. */
static int find_txn(pq_command *c) {
  bool is_given = (c->s.args.given & PQ_OPT_TXN) != 0;
  uint64_t number = is_given ? c->s.args.txn : c->db->txn_current;
  if (!(c->s.spec->options & PQ_OPT_TXN) || number == 0) return PQ_OK;
  if (c->s.args.given & (PQ_OPT_AS_OF | PQ_OPT_FLUSHED))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: a transaction has its own instant: without 'asOf' and 'flushed'",
                   c->s.spec->name);
  PQ_TRY(pq_txn_find(c->s.space, number, c->owner, c->op.now_us, &c->s.txn));
  c->s.txn->user_count++;
  return PQ_OK;
}

int pq_command_parse(pq_command *c, pq_value document) {
  uint32_t count, i = 0;
  pq_field *fields;
  if (pq_value_type(document) != PQ_TYPE_OBJECT || pq_value_count(document) == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "a command is an object whose first field names it");
  fields = pq_object_fields(&c->arena, document, &count);
  if (fields == NULL) return c->op.cx->code;
  while (i < SPEC_COUNT && !pq_slice_is(fields[0].name, pq_command_specs[i].name))
    i++;
  if (i == SPEC_COUNT) return unknown_command(c, fields[0].name);
  c->s.spec = &pq_command_specs[i];
  PQ_TRY(parse_options(c, c->s.spec->options, c->s.spec->own, fields + 1, count - 1, &c->s.args));
  if (c->payload.n > 0 && !c->s.spec->takes_payload)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s takes no payload", c->s.spec->name);
  PQ_TRY(find_txn(c));
  PQ_TRY(pq_explain_options(c));
  return c->s.spec->open(c, fields[0].value);
}
