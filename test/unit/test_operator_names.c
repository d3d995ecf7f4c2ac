/* test/unit/test_operator_names.c - every name of MongoDB's query language is known here: it does
 * what it does there, or is refused by its name with a reason. None is "unknown".
 *
 *   name ──► parsed with operands that are mostly wrong ──► no error, or one that names it (in
 *                                                           filters and updates the path too)
 *                                                       └─► NOT_SUPPORTED that names it, and why
 *
 * The names are those of the manual's reference (version 8), by the place where they stand. The
 * second list of a kind is what we refuse; doc/mongodb-review.md tells it in short.
 */
#include "expr/expression.h"
#include "expr/filter.h"
#include "expr/update.h"
#include "query/aggregate.h"
#include "unit.h"
#include "warehouse_util.h"

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
} bench;

typedef struct kind {
  const char *form; /* Extended JSON with %s for the name, and for the operand */
  const char *path; /* that messages name too */
  int (*parse)(bench *t, pq_value spec);
  const char *const *there, *const *refused;
} kind;

static int parse_expression(bench *t, pq_value spec) {
  pq_expression *e;
  return pq_expression_parse(&t->arena, NULL, spec, &e);
}

static int parse_filter(bench *t, pq_value spec) {
  pq_filter *f;
  return pq_filter_parse(&t->arena, NULL, spec, &f);
}

static int parse_update(bench *t, pq_value spec) {
  pq_update *u;
  return pq_update_parse(&t->arena, NULL, spec, (pq_value){0}, &u);
}

static int parse_pipeline(bench *t, pq_value spec) {
  pq_pipeline *p;
  return pq_pipeline_parse(&t->arena, NULL, spec, &p);
}

static const char *const none[] = {NULL};

static const char *const stages[] = {
    "$addFields",   "$bucket",      "$bucketAuto",  "$count",           "$densify", "$documents",
    "$facet",       "$fill",        "$graphLookup", "$group",           "$limit",   "$lookup",
    "$match",       "$merge",       "$out",         "$project",         "$redact",  "$replaceRoot",
    "$sample",      "$replaceWith", "$set",         "$setWindowFields", "$skip",    "$sort",
    "$sortByCount", "$unionWith",   "$unset",       "$unwind",          NULL};
static const char *const stages_refused[] = {"$changeStream",
                                             "$changeStreamSplitLargeEvent",
                                             "$collStats",
                                             "$currentOp",
                                             "$geoNear",
                                             "$indexStats",
                                             "$listClusterCatalog",
                                             "$listLocalSessions",
                                             "$listSampledQueries",
                                             "$listSearchIndexes",
                                             "$listSessions",
                                             "$planCacheStats",
                                             "$querySettings",
                                             "$queryStats",
                                             "$rankFusion",
                                             "$score",
                                             "$scoreFusion",
                                             "$search",
                                             "$searchMeta",
                                             "$shardedDataDistribution",
                                             "$vectorSearch",
                                             NULL};

static const char *const expressions[] = {"$abs",
                                          "$acos",
                                          "$acosh",
                                          "$add",
                                          "$allElementsTrue",
                                          "$and",
                                          "$anyElementTrue",
                                          "$arrayElemAt",
                                          "$arrayToObject",
                                          "$asin",
                                          "$asinh",
                                          "$atan",
                                          "$atan2",
                                          "$atanh",
                                          "$avg",
                                          "$binarySize",
                                          "$bitAnd",
                                          "$bitNot",
                                          "$bitOr",
                                          "$bitXor",
                                          "$bsonSize",
                                          "$ceil",
                                          "$cmp",
                                          "$concat",
                                          "$concatArrays",
                                          "$cond",
                                          "$convert",
                                          "$cos",
                                          "$cosh",
                                          "$dateAdd",
                                          "$dateDiff",
                                          "$dateFromParts",
                                          "$dateFromString",
                                          "$dateSubtract",
                                          "$dateToParts",
                                          "$dateToString",
                                          "$dateTrunc",
                                          "$dayOfMonth",
                                          "$dayOfWeek",
                                          "$dayOfYear",
                                          "$degreesToRadians",
                                          "$divide",
                                          "$eq",
                                          "$exp",
                                          "$filter",
                                          "$first",
                                          "$firstN",
                                          "$floor",
                                          "$getField",
                                          "$gt",
                                          "$gte",
                                          "$hour",
                                          "$ifNull",
                                          "$in",
                                          "$indexOfArray",
                                          "$indexOfBytes",
                                          "$indexOfCP",
                                          "$isArray",
                                          "$isNumber",
                                          "$isoDayOfWeek",
                                          "$isoWeek",
                                          "$isoWeekYear",
                                          "$last",
                                          "$lastN",
                                          "$let",
                                          "$literal",
                                          "$ln",
                                          "$log",
                                          "$log10",
                                          "$lt",
                                          "$lte",
                                          "$ltrim",
                                          "$map",
                                          "$max",
                                          "$maxN",
                                          "$median",
                                          "$mergeObjects",
                                          "$millisecond",
                                          "$min",
                                          "$minN",
                                          "$minute",
                                          "$mod",
                                          "$month",
                                          "$multiply",
                                          "$ne",
                                          "$not",
                                          "$objectToArray",
                                          "$or",
                                          "$percentile",
                                          "$pow",
                                          "$radiansToDegrees",
                                          "$rand",
                                          "$range",
                                          "$reduce",
                                          "$regexFind",
                                          "$regexFindAll",
                                          "$regexMatch",
                                          "$replaceAll",
                                          "$replaceOne",
                                          "$reverseArray",
                                          "$round",
                                          "$rtrim",
                                          "$sampleRate",
                                          "$second",
                                          "$setDifference",
                                          "$setEquals",
                                          "$setField",
                                          "$setIntersection",
                                          "$setIsSubset",
                                          "$setUnion",
                                          "$sigmoid",
                                          "$sin",
                                          "$sinh",
                                          "$size",
                                          "$slice",
                                          "$sortArray",
                                          "$split",
                                          "$sqrt",
                                          "$stdDevPop",
                                          "$stdDevSamp",
                                          "$strLenBytes",
                                          "$strLenCP",
                                          "$strcasecmp",
                                          "$substr",
                                          "$substrBytes",
                                          "$substrCP",
                                          "$subtract",
                                          "$subtype",
                                          "$sum",
                                          "$switch",
                                          "$tan",
                                          "$tanh",
                                          "$toBool",
                                          "$toDate",
                                          "$toDecimal",
                                          "$toDouble",
                                          "$toInt",
                                          "$toLong",
                                          "$toLower",
                                          "$toObjectId",
                                          "$toString",
                                          "$toUUID",
                                          "$toUpper",
                                          "$trim",
                                          "$trunc",
                                          "$tsIncrement",
                                          "$tsSecond",
                                          "$type",
                                          "$unsetField",
                                          "$week",
                                          "$year",
                                          "$zip",
                                          NULL};
static const char *const expressions_refused[] = {"$accumulator",
                                                  "$bottom",
                                                  "$bottomN",
                                                  "$createObjectId",
                                                  "$deserializeEJSON",
                                                  "$encStrContains",
                                                  "$encStrEndsWith",
                                                  "$encStrNormalizedEq",
                                                  "$encStrStartsWith",
                                                  "$function",
                                                  "$hash",
                                                  "$hexHash",
                                                  "$meta",
                                                  "$serializeEJSON",
                                                  "$similarityCosine",
                                                  "$similarityDotProduct",
                                                  "$similarityEuclidean",
                                                  "$toArray",
                                                  "$toHashedIndexKey",
                                                  "$toObject",
                                                  "$top",
                                                  "$topN",
                                                  NULL};

static const char *const accumulators[] = {
    "$addToSet", "$avg",  "$bottom",     "$bottomN", "$concatArrays", "$count",     "$first",
    "$firstN",   "$last", "$lastN",      "$max",     "$maxN",         "$median",    "$mergeObjects",
    "$min",      "$minN", "$percentile", "$push",    "$setUnion",     "$stdDevPop", "$stdDevSamp",
    "$sum",      "$top",  "$topN",       NULL};
static const char *const accumulators_refused[] = {"$accumulator", NULL};

static const char *const windows[] = {"$addToSet",
                                      "$avg",
                                      "$bottom",
                                      "$bottomN",
                                      "$concatArrays",
                                      "$count",
                                      "$covariancePop",
                                      "$covarianceSamp",
                                      "$denseRank",
                                      "$derivative",
                                      "$documentNumber",
                                      "$expMovingAvg",
                                      "$first",
                                      "$firstN",
                                      "$integral",
                                      "$last",
                                      "$lastN",
                                      "$linearFill",
                                      "$locf",
                                      "$max",
                                      "$maxN",
                                      "$median",
                                      "$min",
                                      "$minMaxScaler",
                                      "$minN",
                                      "$percentile",
                                      "$push",
                                      "$rank",
                                      "$setUnion",
                                      "$shift",
                                      "$stdDevPop",
                                      "$stdDevSamp",
                                      "$sum",
                                      "$top",
                                      "$topN",
                                      NULL};

static const char *const predicates[] = {
    "$all",       "$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet",
    "$elemMatch", "$eq",           "$exists",     "$gt",           "$gte",
    "$in",        "$lt",           "$lte",        "$mod",          "$ne",
    "$nin",       "$not",          "$options",    "$regex",        "$size",
    "$type",      "$startsWith",   "$endsWith",   "$contains",     NULL};
static const char *const predicates_refused[] = {
    "$box",       "$center",     "$centerSphere", "$geoIntersects",
    "$geoWithin", "$geometry",   "$maxDistance",  "$minDistance",
    "$near",      "$nearSphere", "$polygon",      "$uniqueDocs",
    NULL};

static const char *const tops[] = {"$alwaysFalse", "$alwaysTrue", "$and", "$comment",    "$expr",
                                   "$jsonSchema",  "$nor",        "$or",  "$sampleRate", NULL};
static const char *const tops_refused[] = {"$rand", "$text", "$where", NULL};

static const char *const updates[] = {
    "$addToSet", "$bit",     "$currentDate", "$inc",    "$max", "$min",         "$mul",   "$pop",
    "$pull",     "$pullAll", "$push",        "$rename", "$set", "$setOnInsert", "$unset", NULL};
static const char *const modifiers[] = {"$position", "$slice", "$sort", NULL};

static const char *const variables[] = {"$$CURRENT", "$$NOW",  "$$REMOVE", "$$ROOT",
                                        "$$DESCEND", "$$KEEP", "$$PRUNE",  NULL};
static const char *const variables_refused[] = {"$$CLUSTER_TIME", "$$IS_MR",      "$$JS_SCOPE",
                                                "$$SEARCH_META",  "$$USER_ROLES", NULL};

static const kind kinds[] = {
    {"[{\"%s\": %s}]", "", parse_pipeline, stages, stages_refused},
    {"{\"%s\": %s}", "", parse_expression, expressions, expressions_refused},
    {"[{\"$group\": {\"_id\": null, \"r\": {\"%s\": %s}}}]", "", parse_pipeline, accumulators,
     accumulators_refused},
    {"[{\"$setWindowFields\": {\"sortBy\": {\"a\": 1}, \"output\": {\"r\": {\"%s\": %s}}}}]", "",
     parse_pipeline, windows, accumulators_refused},
    {"{\"a\": {\"%s\": %s}}", "'a'", parse_filter, predicates, predicates_refused},
    {"{\"%s\": %s}", "", parse_filter, tops, tops_refused},
    {"{\"%s\": {\"a\": %s}}", "'a'", parse_update, updates, none},
    {"{\"%s\": %s}", "", parse_update, updates, none},
    {"{\"$push\": {\"a\": {\"$each\": [1], \"%s\": %s}}}", "'a'", parse_update, modifiers, none}};

static const char *const operands[] = {"1",
                                       "\"x\"",
                                       "[]",
                                       "{}",
                                       "null",
                                       "true",
                                       "-1",
                                       "2.5",
                                       "\"$a\"",
                                       "\"\"",
                                       "{\"bogus\": 1}",
                                       "[1, \"a\", {}, [], null, 2.5]",
                                       "[[[]]]",
                                       "{\"$bogus\": 1}",
                                       "[{\"$bogus\": 1}]",
                                       "{\"$numberDecimal\": \"NaN\"}",
                                       "{\"\": 1}",
                                       "{\"a.b\": {\"$gt\": 1}}"};

/* Stages are always named. Else what is wrong inside of the operand may be named instead. */
static bool names_it(const bench *t, const kind *k, const char *name) {
  static const char *const inner[] = {"bogus", "''", "'a.b'", "'$gt'", "'$a'", NULL};
  for (int i = 0; k->there != stages && inner[i] != NULL; i++)
    if (strstr(t->cx.msg, inner[i]) != NULL) return true;
  return strstr(t->cx.msg, name) != NULL && strstr(t->cx.msg, k->path) != NULL;
}

static void check_name(bench *t, const kind *k, const char *name, const char *operand,
                       bool is_there) {
  char text[256];
  pq_value spec;
  int rc;
  bool is_good;
  snprintf(text, sizeof text, k->form, name, operand);
  pq_builder_clear(t->b);
  CHECK(pq_json_value(t->b, pq_str(text), &t->arena, &spec) == PQ_OK);
  rc = k->parse(t, spec);
  if (rc == PQ_OK)
    is_good = is_there;
  else if (is_there)
    is_good = names_it(t, k, name);
  else
    is_good = rc == PQ_EUNSUPPORTED && strstr(t->cx.msg, name) != NULL;
  CHECK(is_good);
  if (!is_good) fprintf(stderr, "  %s: %d %s\n", text, rc, rc == PQ_OK ? "" : t->cx.msg);
  pq_arena_clear(&t->arena);
}

static void check_variable(bench *t, const char *name, bool is_there) {
  char text[64];
  pq_value spec;
  int rc;
  snprintf(text, sizeof text, "\"%s\"", name);
  pq_builder_clear(t->b);
  CHECK(pq_json_value(t->b, pq_str(text), &t->arena, &spec) == PQ_OK);
  rc = parse_expression(t, spec);
  CHECK(is_there ? rc == PQ_OK || strstr(t->cx.msg, "only for $redact") != NULL
                 : rc == PQ_EUNSUPPORTED && strstr(t->cx.msg, name) != NULL);
  pq_arena_clear(&t->arena);
}

static void test_names(void) {
  bench t = {0};
  unit_cx_init(&t.cx);
  pq_arena_init(&t.arena, &t.cx, 1u << 26);
  CHECK(pq_builder_new(&t.cx, &t.b) == PQ_OK);
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (size_t o = 0; o < sizeof operands / sizeof *operands; o++) {
      for (size_t i = 0; kinds[k].there[i] != NULL; i++)
        check_name(&t, &kinds[k], kinds[k].there[i], operands[o], true);
      for (size_t i = 0; kinds[k].refused[i] != NULL; i++)
        check_name(&t, &kinds[k], kinds[k].refused[i], operands[o], false);
    }
  for (size_t i = 0; variables[i] != NULL; i++)
    check_variable(&t, variables[i], true);
  for (size_t i = 0; variables_refused[i] != NULL; i++)
    check_variable(&t, variables_refused[i], false);
  pq_builder_free(t.b);
  pq_arena_release(&t.arena);
  CHECK(unit_live_len == 0);
}

/* ---- options of find ---- */

/* What MongoDB's find takes: what we call it, or NULL: an unknown option, told with its name. */
static const struct option {
  const char *name, *value;
  bool is_there;
} options[] = {{"filter", "{}", true},
               {"sort", "{\"a\":1}", true},
               {"skip", "1", true},
               {"limit", "1", true},
               {"hint", "\"_id\"", true},
               {"let", "{\"x\":1}", true},
               {"collation", "{\"locale\":\"simple\"}", true},
               {"comment", "\"why\"", true},
               {"project", "{\"a\":1}", true},
               {"maxTimeMs", "1000", true},
               {"projection", "{\"a\":1}", false},
               {"maxTimeMS", "1000", false},
               {"batchSize", "10", false},
               {"singleBatch", "true", false},
               {"allowDiskUse", "true", false},
               {"readConcern", "{}", false},
               {"max", "{}", false},
               {"min", "{}", false},
               {"returnKey", "true", false},
               {"showRecordId", "true", false},
               {"tailable", "true", false},
               {"awaitData", "true", false},
               {"noCursorTimeout", "true", false},
               {"allowPartialResults", "true", false},
               {"oplogReplay", "true", false}};

static void test_find_options(void) {
  bench t = {0};
  warehouse w;
  unit_cx_init(&t.cx);
  pq_arena_init(&t.arena, &t.cx, 1u << 26);
  CHECK(pq_builder_new(&t.cx, &t.b) == PQ_OK);
  if (warehouse_open(&w, &t.arena, t.b)) {
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
      reply r;
      bool is_good;
      begin(&w, "find", 0);
      CHECK(pq_buf_printf(&w.text, ",\"%s\":%s", options[i].name, options[i].value) == PQ_OK);
      r = run(&w);
      is_good = options[i].is_there
                    ? r.status == PQDB_OK
                    : r.status != PQDB_OK && strstr(pqdb_message(w.db), options[i].name) != NULL;
      CHECK(is_good);
      if (!is_good) fprintf(stderr, "  %s: %s\n", options[i].name, pqdb_message(w.db));
    }
  }
  warehouse_close(&w);
  pq_builder_free(t.b);
  pq_arena_release(&t.arena);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_names);
  RUN(test_find_options);
  return unit_end();
}
