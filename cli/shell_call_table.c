/* cli/shell_call_table.c - the calls of the shell and the changes of their results. See
 * shell_call_table.h.
 */
#include "shell_call_table.h"

#include <string.h>

#define ROW_COUNT(rows) (sizeof rows / sizeof rows[0])

static const cli_call_row calls[] = {
    {"find", "find", SHAPE_FIND, 0, 2, true, "filter, fields, options"},
    {"findOne", "find", SHAPE_FIND, 0, 2, true, "filter, fields, options"},
    {"count", "count", SHAPE_FILTER, 0, 1, true, "filter, options"},
    {"countDocuments", "count", SHAPE_FILTER, 0, 1, true, "filter, options"},
    {"estimatedDocumentCount", "count", SHAPE_NONE, 0, 0, true, "options"},
    {"exists", "exists", SHAPE_FILTER, 0, 1, true, "filter, options"},
    {"distinct", "distinct", SHAPE_DISTINCT, 1, 2, true, "field, filter, options"},
    {"aggregate", "aggregate", SHAPE_JSON, 1, 1, true, "[stage, …], options"},
    {"insertOne", "insert", SHAPE_JSON, 1, 1, true, "document, options"},
    {"insertMany", "insert", SHAPE_JSON, 1, 1, true, "[document, …], options"},
    {"insert", "insert", SHAPE_JSON, 1, 1, true, "document, options"},
    {"updateOne", "update-one", SHAPE_CHANGE, 2, 2, true, "filter or id, {$set: …}, options"},
    {"updateMany", "update-many", SHAPE_CHANGE, 2, 2, true, "filter, {$set: …}, options"},
    {"replaceOne", "replace-one", SHAPE_CHANGE, 2, 2, true, "filter or id, document, options"},
    {"deleteOne", "delete-one", SHAPE_CHANGE, 1, 1, true, "filter or id, options"},
    {"deleteMany", "delete-many", SHAPE_CHANGE, 1, 1, true, "filter, options"},
    {"findOneAndUpdate", "find-one-and-update", SHAPE_CHANGE, 2, 2, true,
     "filter or id, {$set: …}, options"},
    {"findOneAndReplace", "find-one-and-replace", SHAPE_CHANGE, 2, 2, true,
     "filter or id, document, options"},
    {"findOneAndDelete", "find-one-and-delete", SHAPE_CHANGE, 1, 1, true, "filter or id, options"},
    {"upsert", "upsert", SHAPE_CHANGE, 2, 2, true, "filter or id, {$set: …}, options"},
    {"upsertMany", "upsert-many", SHAPE_JSON, 1, 1, true, "[{filter: …, update: …}, …], options"},
    {"bulkWrite", "bulk-write", SHAPE_JSON, 1, 1, true, "[operation, …], options"},
    {"get", "get", SHAPE_ID, 1, 1, true, "id, options"},
    {"history", "history", SHAPE_TARGET, 0, 1, true, "id if of one, options"},
    {"getAtVersion", "get-at-version", SHAPE_STEPS, 2, 2, true, "id, version, options"},
    {"reconstruct", "reconstruct", SHAPE_ID, 1, 1, true, "id, options"},
    {"diff", "diff", SHAPE_TARGET, 0, 1, true, "id if of one, {from: …, to: …}"},
    {"revert", "revert", SHAPE_TARGET, 0, 1, true, "id if of one, {to: …}"},
    {"restore", "restore", SHAPE_ID, 1, 1, false, "id"},
    {"link", "link", SHAPE_LINK, 3, 4, false, "id, predicate, \"coll/id\", data"},
    {"unlink", "unlink", SHAPE_LINK, 3, 3, false, "id, predicate, \"coll/id\""},
    {"related", "related", SHAPE_STEPS, 2, 2, true, "id, predicate, options"},
    {"traverse", "traverse", SHAPE_STEPS, 2, CLI_ARGS_MAX, false, "id, predicate, …"},
    {"path", "path", SHAPE_STEPS, 2, 2, true, "id, \"coll/id\", options"},
    {"connected", "connected", SHAPE_STEPS, 2, 2, true, "id, \"coll/id\", options"},
    {"neighbourhood", "neighbourhood", SHAPE_ID, 1, 1, true, "id, options"},
    {"degree", "degree", SHAPE_NONE, 0, 0, true, "options"},
    {"pageRank", "pagerank", SHAPE_NONE, 0, 0, true, "options"},
    {"components", "components", SHAPE_NONE, 0, 0, true, "options"},
    {"triangles", "triangles", SHAPE_NONE, 0, 0, true, "options"},
    {"communities", "communities", SHAPE_NONE, 0, 0, true, "options"},
    {"kCore", "kcore", SHAPE_NONE, 0, 0, true, "options"},
    {"events", "events", SHAPE_NONE, 0, 0, true, "options"},
    {"files", "files", SHAPE_NONE, 0, 0, false, ""},
    {"stats", "stats", SHAPE_NONE, 0, 0, false, ""},
    {"compact", "compact", SHAPE_NONE, 0, 0, false, ""},
    {0},
};

static const cli_call_row database_calls[] = {
    {"runCommand", "run", SHAPE_COMMAND, 1, 1, false, "{command: …}"},
    {"getCollectionNames", "collections", SHAPE_NONE, 0, 0, false, ""},
    {"stats", "stats", SHAPE_NONE, 0, 0, false, ""},
    {"events", "events", SHAPE_NONE, 0, 0, true, "options"},
    {"appendEvent", "append-event", SHAPE_COMMAND, 1, 1, false, "{op: …, entityId: …}"},
    {"flush", "flush", SHAPE_NONE, 0, 0, false, ""},
    {"compact", "compact", SHAPE_NONE, 0, 0, false, ""},
    {"maintain", "maintain", SHAPE_NONE, 0, 0, false, ""},
    {"checkpoint", "checkpoint", SHAPE_NONE, 0, 0, false, ""},
    {"vacuum", "vacuum", SHAPE_NONE, 0, 0, false, ""},
    {"verify", "verify", SHAPE_NONE, 0, 0, false, ""},
    {0},
};

#define AT(field) offsetof(cli_options, field)

static const cli_change_row changes[] = {
    {"filter", CHANGE_JSON, CLI_OPT_FILTER, AT(filter)},
    {"sort", CHANGE_JSON, CLI_OPT_SORT, AT(sort)},
    {"limit", CHANGE_NUMBER, CLI_OPT_LIMIT, AT(limit)},
    {"skip", CHANGE_NUMBER, CLI_OPT_SKIP, AT(skip)},
    {"project", CHANGE_JSON, CLI_OPT_PROJECT, AT(project)},
    {"projection", CHANGE_JSON, CLI_OPT_PROJECT, AT(project)},
    {"cursor", CHANGE_TEXT, CLI_OPT_CURSOR, AT(cursor)},
    {"total", CHANGE_FLAG, CLI_OPT_TOTAL, 0},
    {"count", CHANGE_COUNT, 0, 0},
    {"asOf", CHANGE_TEXT, CLI_OPT_AS_OF, AT(as_of)},
    {"explain", CHANGE_FLAG, CLI_OPT_EXPLAIN, 0},
    {"flushed", CHANGE_FLAG, CLI_OPT_FLUSHED, 0},
    {"includeDeleted", CHANGE_FLAG, CLI_OPT_INCLUDE_DELETED, 0},
    {"collation", CHANGE_JSON, CLI_OPT_COLLATION, AT(collation)},
    {"hint", CHANGE_TEXT, CLI_OPT_HINT, AT(hint)},
    {"maxTimeMS", CHANGE_NUMBER, CLI_OPT_MAX_TIME, AT(max_time)},
    {"populate", CHANGE_JSON, CLI_OPT_POPULATE, AT(populate)},
    {"plain", CHANGE_FLAG, CLI_OPT_PLAIN, 0},
    {"reverse", CHANGE_FLAG, CLI_OPT_REVERSE, 0},
    {"edges", CHANGE_FLAG, CLI_OPT_EDGES, 0},
    {"hard", CHANGE_FLAG, CLI_OPT_HARD, 0},
    {"from", CHANGE_TEXT, CLI_OPT_FROM, AT(from)},
    {"op", CHANGE_TEXT, CLI_OPT_OP, AT(op)},
    {"to", CHANGE_TEXT, CLI_OPT_TO, AT(to)},
    {"metadata", CHANGE_JSON, CLI_OPT_METADATA, AT(metadata)},
    {"expectedVersion", CHANGE_NUMBER, CLI_OPT_EXPECTED_VERSION, AT(expected_version)},
    {"actor", CHANGE_TEXT, CLI_OPT_ACTOR, AT(actor)},
    {"pretty", CHANGE_PRETTY, 0, 0},
    {"toArray", CHANGE_NOTHING, 0, 0},
    {0},
};

static const cli_call_row *find_call(const cli_call_row *rows, const char *name) {
  while (rows->name != NULL && strcmp(rows->name, name) != 0)
    rows++;
  return rows->name == NULL ? NULL : rows;
}

const cli_call_row *cli_call_find(cli_call_place place, const char *name) {
  return find_call(place == CLI_ON_DATABASE ? database_calls : calls, name);
}

const cli_change_row *cli_change_find(const char *name) {
  const cli_change_row *row = changes;
  while (row->name != NULL && strcmp(row->name, name) != 0)
    row++;
  return row->name == NULL ? NULL : row;
}

const char *cli_call_name(cli_call_place place, size_t i) {
  switch (place) {
    case CLI_ON_COLLECTION: return i < ROW_COUNT(calls) ? calls[i].name : NULL;
    case CLI_ON_DATABASE: return i < ROW_COUNT(database_calls) ? database_calls[i].name : NULL;
    case CLI_ON_RESULT: return i < ROW_COUNT(changes) ? changes[i].name : NULL;
  }
  return NULL;
}
