/* expr/filter_error.c - all operators that MongoDB's filters know, and how those are refused that
 * stand in a wrong place, are not evaluated here, or do not exist.
 *
 *   known to MongoDB?   no:  unknown operator '$gte3' at path 'a': did you mean '$gte'?
 *                       yes: has a reason why we do not have it  ──►  PQ_EUNSUPPORTED with it
 *                            else it stands in a wrong place     ──►  PQ_EFILTER says where
 */
#include "expr/filter_int.h"

const char *const pq_filter_operators[] = {
    /* at a path */
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$not", "$exists", "$type", "$size",
    "$all", "$elemMatch", "$mod", "$startsWith", "$endsWith", "$contains", "$regex", "$options",
    "$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet",
    /* at the top */
    "$and", "$or", "$nor", "$comment", "$expr", "$jsonSchema", "$sampleRate", "$alwaysTrue",
    "$alwaysFalse",
    /* refused */
    "$text", "$where", "$geoIntersects", "$geoWithin", "$near", "$nearSphere", "$within",
    "$geometry", "$maxDistance", "$minDistance", "$center", "$centerSphere", "$box", "$polygon",
    "$uniqueDocs", "$geoNear", "$vector", "$geo", "$rand", "$search", "$language", "$caseSensitive",
    "$diacriticSensitive", NULL};

static const char *const top_operators[] = {
    "$and",        "$or",         "$nor",        "$comment",     "$expr",
    "$jsonSchema", "$sampleRate", "$alwaysTrue", "$alwaysFalse", NULL};

/* What is not evaluated, and why. */
typedef struct refusal {
  const char *const *names;
  const char *why;
} refusal;
static const char *const geo[] = {"$geoIntersects", "$geoWithin",    "$near",        "$nearSphere",
                                  "$within",        "$geometry",     "$maxDistance", "$minDistance",
                                  "$center",        "$centerSphere", "$box",         "$polygon",
                                  "$uniqueDocs",    "$geoNear",      "$geo",         NULL};
static const char *const text[] = {
    "$text", "$search", "$language", "$caseSensitive", "$diacriticSensitive", NULL};
static const char *const script[] = {"$where", NULL};
static const char *const vector[] = {"$vector", NULL};
static const char *const random_value[] = {"$rand", NULL};
static const refusal refusals[] = {
    {geo, "there are no geospatial indexes"},
    {text, "there are no text indexes ($regex and $contains look into texts)"},
    {script, "JavaScript is not run ($expr compares fields with each other)"},
    {vector, "there are no vector indexes"},
    {random_value, "it is an expression: {\"$expr\": {\"$lt\": [{\"$rand\": {}}, 0.5]}}"}};

pq_slice pq_filter_path_text(const pq_path *path) {
  return path == NULL ? PQ_SLICE("(element)") : path->text;
}

int pq_fail_operand(pq_filter_parser *s, const char *operator, const pq_path * path,
                    const char *what) {
  return pq_fail(s->cx, PQ_EFILTER, "operator '%s' at path '%.*s' %s", operator,
                 PQ_SHOW(pq_filter_path_text(path)), what);
}

/* " at path 'a'", or nothing at the top. */
typedef struct place {
  const char *label;
  pq_slice path;
  const char *end;
} place;

static place place_of(const pq_filter_parser *s, const pq_path *path) {
  if (path == NULL && s->element_depth == 0) return (place){"", {0}, ""};
  return (place){" at path '", pq_filter_path_text(path), "'"};
}

static int fail_unknown(pq_filter_parser *s, pq_slice name, place at) {
  const char *nearest = pq_nearest(name, pq_filter_operators);
  return pq_fail(s->cx, PQ_EFILTER, "unknown operator '%.*s'%s%.*s%s%s%s%s", PQ_SHOW(name),
                 at.label, PQ_SHOW(at.path), at.end, nearest == NULL ? "" : ": did you mean '",
                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

int pq_fail_operator(pq_filter_parser *s, pq_slice name, const pq_path *path) {
  place at = place_of(s, path);
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (pq_name_in(name, refusals[i].names))
      return pq_fail(s->cx, PQ_EUNSUPPORTED, "operator '%.*s'%s%.*s%s is not supported: %s",
                     PQ_SHOW(name), at.label, PQ_SHOW(at.path), at.end, refusals[i].why);
  if (!pq_name_in(name, pq_filter_operators)) return fail_unknown(s, name, at);
  if (pq_name_in(name, top_operators))
    return pq_fail(s->cx, PQ_EFILTER,
                   "operator '%.*s' stands at the top of a filter, not at '%.*s'", PQ_SHOW(name),
                   PQ_SHOW(pq_filter_path_text(path)));
  return pq_fail(s->cx, PQ_EFILTER, "operator '%.*s' needs a path: {\"path\": {\"%.*s\": ...}}",
                 PQ_SHOW(name), PQ_SHOW(name));
}
