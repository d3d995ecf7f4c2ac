/* query/aggregate_parse.c - a pipeline as JSON becomes stages: which there are, where they may
 * stand. See aggregate.h.
 *
 *   array ─► rows of pq_stage_kinds ─► optimised ─► places checked ─► each parsed by its file
 */
#include <string.h>

#include "query/flow_int.h"

const pq_stage_kind pq_stage_kinds[] = {
    {"$match", 0, pq_parse_match, pq_open_match},
    {"$project", PQ_STAGE_EACH, pq_parse_project, pq_open_shape},
    {"$addFields", PQ_STAGE_EACH, pq_parse_add_fields, pq_open_shape},
    {"$set", PQ_STAGE_EACH, pq_parse_add_fields, pq_open_shape},
    {"$unset", PQ_STAGE_EACH, pq_parse_unset, pq_open_shape},
    {"$replaceRoot", PQ_STAGE_EACH, pq_parse_replace_root, pq_open_replace},
    {"$replaceWith", PQ_STAGE_EACH, pq_parse_replace_with, pq_open_replace},
    {"$redact", 0, pq_parse_redact, pq_open_redact},
    {"$unwind", 0, pq_parse_unwind, pq_open_unwind},
    {"$skip", 0, pq_parse_number, pq_open_skip},
    {"$limit", 0, pq_parse_number, pq_open_limit},
    {"$count", 0, pq_parse_count, pq_open_count_stage},
    {"$sample", 0, pq_parse_sample, pq_open_sample},
    {"$sort", 0, pq_parse_sort, pq_open_blocking},
    {"$group", 0, pq_parse_group, pq_open_blocking},
    {"$bucket", 0, pq_parse_group, pq_open_blocking},
    {"$bucketAuto", 0, pq_parse_bucket_auto, pq_open_blocking},
    {"$sortByCount", 0, pq_parse_group, pq_open_blocking},
    {"$setWindowFields", 0, pq_parse_set_window, pq_open_blocking},
    {"$densify", 0, pq_parse_densify, pq_open_blocking},
    {"$fill", 0, pq_parse_fill, pq_open_blocking},
    {"$lookup", PQ_STAGE_EACH, pq_parse_lookup, pq_open_lookup},
    {"$graphLookup", PQ_STAGE_EACH, pq_parse_graph, pq_open_graph},
    {"$unionWith", 0, pq_parse_union, pq_open_union},
    {"$documents", PQ_STAGE_FIRST | PQ_STAGE_NO_FACET, pq_parse_documents, pq_open_documents},
    {"$facet", PQ_STAGE_NO_FACET, pq_parse_facet, pq_open_facet},
    {"$out", PQ_STAGE_LAST | PQ_STAGE_NO_FACET, pq_parse_out, NULL},
    {"$merge", PQ_STAGE_LAST | PQ_STAGE_NO_FACET, pq_parse_merge, NULL},
    {NULL, 0, NULL, NULL}};

/* Stages of MongoDB that are not here, with the reason. */
static const struct {
  const char *name, *why;
} refused[] = {
    {"$geoNear", "there is no geospatial index"},
    {"$search", "there is no text index"},
    {"$searchMeta", "there is no text index"},
    {"$listSearchIndexes", "there is no text index"},
    {"$vectorSearch", "there is no vector index"},
    {"$rankFusion", "there is no text index"},
    {"$scoreFusion", "there is no text index"},
    {"$score", "there is no text index"},
    {"$rerank", "there is no text index"},
    {"$changeStream", "the command 'events' gives the changes"},
    {"$changeStreamSplitLargeEvent", "the command 'events' gives the changes"},
    {"$collStats", "the command 'stats' gives the figures"},
    {"$indexStats", "the command 'stats' lists the index columns"},
    {"$planCacheStats", "plans are not cached"},
    {"$currentOp", "there is no list of running commands"},
    {"$listClusterCatalog", "the command 'collections' lists the collections"},
    {"$listSessions", "there are no sessions"},
    {"$listLocalSessions", "there are no sessions"},
    {"$listSampledQueries", "there are no shards"},
    {"$shardedDataDistribution", "there are no shards"},
    {"$querySettings", "there are no query settings"},
    {"$queryStats", "there are no query statistics"},
};
enum { REFUSED = sizeof refused / sizeof *refused };

const char *const pq_pipeline_stages[] = {"$match",
                                          "$project",
                                          "$addFields",
                                          "$set",
                                          "$unset",
                                          "$replaceRoot",
                                          "$replaceWith",
                                          "$redact",
                                          "$unwind",
                                          "$skip",
                                          "$limit",
                                          "$count",
                                          "$sample",
                                          "$sort",
                                          "$group",
                                          "$bucket",
                                          "$bucketAuto",
                                          "$sortByCount",
                                          "$setWindowFields",
                                          "$densify",
                                          "$fill",
                                          "$lookup",
                                          "$graphLookup",
                                          "$unionWith",
                                          "$documents",
                                          "$facet",
                                          "$out",
                                          "$merge",
                                          "$geoNear",
                                          "$search",
                                          "$searchMeta",
                                          "$vectorSearch",
                                          "$changeStream",
                                          "$collStats",
                                          "$indexStats",
                                          "$currentOp",
                                          "$listSessions",
                                          "$planCacheStats",
                                          NULL};

/* ---- what the stages' files use ---- */

int pq_stage_fail(pq_pipe_parser *s, const pq_pipe_stage *g, const char *what) {
  return pq_fail(s->cx, PQ_EINVALID, "stage '%s' %s", g->kind->name, what);
}

int pq_stage_fail_option(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option,
                         const char *what) {
  return pq_fail(s->cx, PQ_EINVALID, "stage '%s': option '%.*s' %s", g->kind->name, PQ_SHOW(option),
                 what);
}

int pq_stage_fail_unknown(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option,
                          const char *const *known) {
  const char *near = pq_nearest(option, known);
  return pq_fail(s->cx, PQ_EINVALID, "stage '%s': unknown option '%.*s'%s%s%s", g->kind->name,
                 PQ_SHOW(option), near ? ": did you mean '" : "", near ? near : "",
                 near ? "'?" : "");
}

int pq_pipe_fields(pq_pipe_parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

int pq_stage_data(pq_pipe_parser *s, pq_pipe_stage *g, size_t size, void **out) {
  *out = g->data = pq_arena_calloc(s->arena, 1, size);
  return *out == NULL ? s->cx->code : PQ_OK;
}

int pq_stage_collection(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option, pq_value v,
                        pq_slice *out) {
  if (!pq_value_string(v, out) || out->n == 0)
    return pq_stage_fail_option(s, g, option, "must be the name of a collection");
  if (out->n > s->cx->limits.name_len_max || out->p[0] == '$' || out->p[0] == '_' ||
      memchr(out->p, '/', out->n) != NULL)
    return pq_fail(s->cx, PQ_EINVALID, "stage '%s': '%.*s' is no name of a collection",
                   g->kind->name, PQ_SHOW(*out));
  return PQ_OK;
}

int pq_stage_path(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option, pq_value v,
                  pq_path *out) {
  pq_slice text;
  *out = (pq_path){0};
  if (!pq_value_string(v, &text) || text.n == 0)
    return pq_stage_fail_option(s, g, option, "must be a path");
  if (text.p[0] == '$' && !pq_slice_is(text, "$id") && !pq_slice_is(text, "$type"))
    return pq_stage_fail_option(s, g, option, "must be a path that does not begin with '$'");
  return pq_path_parse(s->arena, text, out);
}

int pq_stage_lets(pq_pipe_parser *s, const pq_pipe_stage *g, pq_value lets, pq_env **env,
                  pq_expression ***out, uint32_t *first) {
  pq_field *fields = NULL;
  uint32_t count = 0;
  *env = pq_arena_calloc(s->arena, 1, sizeof **env);
  *out = NULL;
  *first = s->env == NULL ? 0 : s->env->variable_count;
  if (*env == NULL) return s->cx->code;
  if (s->env != NULL) **env = *s->env;
  if (pq_value_is_missing(lets)) return PQ_OK;
  if (pq_value_type(lets) != PQ_TYPE_OBJECT)
    return pq_stage_fail_option(s, g, PQ_SLICE("let"), "must be an object");
  PQ_TRY(pq_pipe_fields(s, lets, &fields, &count));
  *out = pq_arena_calloc(s->arena, (size_t)count + 1, sizeof **out);
  if (*out == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    if (name.n == 0 || name.p[0] < 'a' || (name.p[0] > 'z' && name.p[0] < 0x80) ||
        memchr(name.p, '.', name.n) != NULL)
      return pq_fail(s->cx, PQ_EINVALID,
                     "stage '%s': a variable begins with a small letter, not '%.*s'", g->kind->name,
                     PQ_SHOW(name));
    if ((*env)->variable_count == PQ_VARIABLES_MAX)
      return pq_fail(s->cx, PQ_ELIMIT, "stage '%s': more than %d variables", g->kind->name,
                     PQ_VARIABLES_MAX);
    PQ_TRY(pq_expression_parse(s->arena, s->env, fields[i].value, &(*out)[i]));
    (*env)->variables[(*env)->variable_count++] = name;
  }
  return PQ_OK;
}

/* ---- the list ---- */

static int fail_name(pq_pipe_parser *s, pq_slice name) {
  const char *near = pq_nearest(name, pq_pipeline_stages);
  for (int i = 0; i < REFUSED; i++)
    if (pq_slice_is(name, refused[i].name))
      return pq_fail(s->cx, PQ_EUNSUPPORTED, "the stage '%s' is not supported: %s", refused[i].name,
                     refused[i].why);
  return pq_fail(s->cx, PQ_EINVALID, "unknown stage '%.*s'%s%s%s", PQ_SHOW(name),
                 near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int read_stage(pq_pipe_parser *s, pq_value v, pq_raw_stage *out) {
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) != 1)
    return pq_fail(s->cx, PQ_EINVALID, "a stage of a pipeline is an object of one field");
  PQ_TRY(pq_pipe_fields(s, v, &fields, &count));
  out->spec = fields[0].value;
  for (out->kind = pq_stage_kinds; out->kind->name != NULL; out->kind++)
    if (pq_slice_is(fields[0].name, out->kind->name)) return PQ_OK;
  return fail_name(s, fields[0].name);
}

static int check_place(pq_pipe_parser *s, const pq_stage_kind *kind, uint32_t at, uint32_t count) {
  if (s->place == PQ_IN_FACET && (kind->flags & PQ_STAGE_NO_FACET))
    return pq_fail(s->cx, PQ_EINVALID, "stage '%s' is not allowed inside of '$facet'", kind->name);
  if (s->place != PQ_IN_COMMAND && (kind->flags & PQ_STAGE_LAST))
    return pq_fail(s->cx, PQ_EINVALID, "stage '%s' is not allowed inside of '%s'", kind->name,
                   s->place == PQ_IN_LOOKUP ? "$lookup" : "$unionWith");
  if ((kind->flags & PQ_STAGE_FIRST) && at > 0)
    return pq_fail(s->cx, PQ_EINVALID, "stage '%s' must be the first of its pipeline", kind->name);
  if ((kind->flags & PQ_STAGE_LAST) && at + 1 < count)
    return pq_fail(s->cx, PQ_EINVALID, "stage '%s' must be the last of the pipeline", kind->name);
  return PQ_OK;
}

static bool is_open(const pq_pipe_stage *g, int (*open)(pq_flow *f, const pq_pipe_stage *g,
                                                        pq_operator *input, pq_operator **out)) {
  return g->kind->open == open;
}

/* A $limit behind a $sort, perhaps with stages between that keep order and
 * number, tells how much the sort must hold. */
static void bound_sorts(pq_pipeline *p) {
  for (uint32_t i = 0; i < p->count; i++) {
    uint64_t skipped = 0;
    if (p->stages[i].kind->parse != pq_parse_sort) continue;
    for (uint32_t k = i + 1; k < p->count; k++) {
      const pq_pipe_stage *g = &p->stages[k];
      if (!is_open(g, pq_open_skip) && !is_open(g, pq_open_limit)) {
        if (g->kind->flags & PQ_STAGE_EACH) continue;
        break;
      }
      if (!pq_add_u64(skipped, g->number, &skipped)) break;
      if (is_open(g, pq_open_skip)) continue;
      p->stages[i].number = skipped;
      break;
    }
  }
}

/* What is wrong inside of a stage, an expression or a path of it, with the stage's name. */
static int fail_inside(pq_pipe_parser *s, const pq_pipe_stage *g, int rc) {
  char inner[PQ_MESSAGE_CAP];
  if (rc == PQ_ENOMEM || strstr(s->cx->msg, g->kind->name) != NULL) return rc;
  memcpy(inner, s->cx->msg, sizeof inner);
  return pq_fail(s->cx, rc, "stage '%s': %s", g->kind->name, inner);
}

static int parse_pipeline(pq_pipe_parser *s, pq_value stages, pq_pipeline **out) {
  uint32_t count = pq_value_count(stages);
  pq_raw_stage *raw;
  int rc;
  *out = NULL;
  if (pq_value_type(stages) != PQ_TYPE_ARRAY)
    return pq_fail(s->cx, PQ_EINVALID, "a pipeline is an array of stages");
  if (s->depth > PQ_PIPELINE_DEPTH_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "pipelines are nested more than %d deep",
                   PQ_PIPELINE_DEPTH_MAX);
  if (count > PQ_PIPELINE_STAGES_MAX - *s->stage_count)
    return pq_fail(s->cx, PQ_ELIMIT, "a pipeline has at most %d stages, with its sub-pipelines",
                   PQ_PIPELINE_STAGES_MAX);
  *s->stage_count += count;
  s->pipeline = pq_arena_calloc(s->arena, 1, sizeof *s->pipeline);
  raw = pq_arena_calloc(s->arena, (size_t)count + 1, sizeof *raw);
  if (s->pipeline == NULL || raw == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(read_stage(s, pq_array_at(stages, i), &raw[i]));
    PQ_TRY(check_place(s, raw[i].kind, i, count));
  }
  PQ_TRY(pq_pipeline_optimize(s->arena, &raw, &count));
  s->pipeline->stages = pq_arena_calloc(s->arena, (size_t)count + 1, sizeof *s->pipeline->stages);
  if (s->pipeline->stages == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_pipe_stage *g = &s->pipeline->stages[i];
    *g = (pq_pipe_stage){.kind = raw[i].kind, .spec = raw[i].spec};
    s->pipeline->count++;
    rc = g->kind->parse(s, g, g->spec);
    if (rc != PQ_OK) return fail_inside(s, g, rc);
  }
  bound_sorts(s->pipeline);
  *out = s->pipeline;
  return PQ_OK;
}

int pq_sub_pipeline(pq_pipe_parser *s, const pq_env *env, pq_pipe_place place, pq_value stages,
                    pq_pipeline **out) {
  pq_pipe_parser sub = *s;
  sub.env = env;
  sub.place = place;
  sub.depth++;
  return parse_pipeline(&sub, stages, out);
}

int pq_pipeline_parse(pq_arena *arena, const pq_env *env, pq_value stages, pq_pipeline **out) {
  uint32_t stage_count = 0;
  unsigned directions = 0;
  pq_pipe_parser s = {.cx = arena->cx,
                      .arena = arena,
                      .env = env,
                      .stage_count = &stage_count,
                      .directions = &directions};
  pq_value copy;
  *out = NULL;
  PQ_TRY(pq_value_copy(arena, stages, &copy));
  PQ_TRY(parse_pipeline(&s, copy, out));
  (*out)->directions = directions;
  return PQ_OK;
}

/* ---- what there is ---- */

pq_filter *pq_pipeline_take_filter(pq_pipeline *p) {
  if (p->count == 0 || !is_open(&p->stages[0], pq_open_match)) return NULL;
  if (p->stages[0].number > 0) return NULL;
  p->first = 1;
  return p->stages[0].data;
}

bool pq_pipeline_has_documents(const pq_pipeline *p) {
  return p->count > 0 && is_open(&p->stages[0], pq_open_documents);
}

unsigned pq_pipeline_directions(const pq_pipeline *p) {
  return p->directions;
}

uint32_t pq_pipeline_taken(const pq_pipeline *p) {
  return p->first;
}

const char *pq_pipeline_stage_name(const pq_pipeline *p, uint32_t i) {
  return i < p->count ? p->stages[i].kind->name : NULL;
}

const pq_pipe_write *pq_pipeline_write(const pq_pipeline *p) {
  return &p->write;
}
