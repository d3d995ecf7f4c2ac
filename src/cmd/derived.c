/* cmd/derived.c - what a view shows: its pipeline, put before a command's own. See derived.h. */
#include "cmd/derived.h"

#include "base/limits.h"
#include "cmd/pipeline_run.h"
#include "db/schema_of.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* A pipeline being put together: `names` are the views that are open, the outermost first. */
typedef struct opener {
  pq_command *c;
  pq_builder *b;
  pq_slice names[PQ_VIEW_DEPTH_MAX + 1];
  uint32_t depth;
  uint32_t count;     /* of views that were opened so far */
  pq_value collation; /* of the view that the command names; missing: none */
} opener;

/* ---- what is a view ---- */

static pq_value options_at(const pq_schema_at *at) {
  return pq_object_get_str(pq_object_get_str(at->document, PQ_COLLECTION_DIRECTIVE), "options");
}

/* Its options; missing: it is none. */
static pq_value options_of(const pq_command *c, pq_slice collection) {
  pq_schema_at at;
  pq_value options;
  pq_schema_of(&c->s.snapshot.view, collection, &at);
  options = options_at(&at);
  return pq_value_is_missing(pq_object_get_str(options, "viewOn")) ? (pq_value){0} : options;
}

bool pq_derived_is(const pq_command *c) {
  return c->s.derived != NULL || !pq_value_is_missing(options_of(c, c->s.collection));
}

int pq_derived_refuse(pq_command *c, pq_slice collection) {
  pq_schema_at at;
  pq_schema_now(c->s.space, collection, &at);
  if (pq_value_is_missing(pq_object_get_str(options_at(&at), "viewOn"))) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EVIEW, "%s: '%.*s' is a view, not a collection", c->s.spec->name,
                 TEXT_ARGS(collection));
}

static bool is_same_collation(pq_collation a, pq_collation b) {
  return a.is_folded == b.is_folded && a.minds_case == b.minds_case;
}

/* ---- stages ---- */

static int put_stages(opener *x, pq_value stages);

/* In the order of the document. */
static int fields_of(opener *x, pq_value spec, pq_field **out, uint32_t *count) {
  *out = pq_object_fields(&x->c->op.scratch, spec, count);
  return *out == NULL && pq_value_count(spec) > 0 ? x->c->op.cx->code : PQ_OK;
}

/* The name is that of a view: *options. Not one that is open already, nor too many. */
static int enter(opener *x, pq_slice name, pq_value *options) {
  pq_cx *cx = x->c->op.cx;
  for (uint32_t i = 0; i < x->depth; i++)
    if (pq_slice_eq(x->names[i], name))
      return pq_fail(cx, PQ_EINVALID, "%s: view cycle: '%.*s' would show itself",
                     x->c->s.spec->name, TEXT_ARGS(name));
  *options = options_of(x->c, name);
  if (pq_value_is_missing(*options)) return PQ_OK;
  if (x->depth == PQ_VIEW_DEPTH_MAX || x->count == PQ_VIEWS_OPENED_MAX)
    return pq_fail(cx, PQ_ELIMIT, "%s: view depth: '%.*s' stands on more than %d views",
                   x->c->s.spec->name, TEXT_ARGS(x->names[0]),
                   x->depth == PQ_VIEW_DEPTH_MAX ? PQ_VIEW_DEPTH_MAX : PQ_VIEWS_OPENED_MAX);
  x->names[x->depth++] = name;
  x->count++;
  return PQ_OK;
}

/* Do two views have the same collation? */
static int check_collation(opener *x, pq_slice name, pq_value options) {
  pq_collation own, outer;
  PQ_TRY(pq_collation_parse(x->c->op.cx, pq_object_get_str(options, "collation"), &own));
  PQ_TRY(pq_collation_parse(x->c->op.cx, x->collation, &outer));
  if (is_same_collation(own, outer)) return PQ_OK;
  return pq_fail(x->c->op.cx, PQ_EVIEW,
                 "%s: option 'collation': view '%.*s' has another default collation",
                 x->c->s.spec->name, TEXT_ARGS(name));
}

/* The stages of a view that is entered, those of the views below it first; *base: the collection
 * below them. */
static int put_view(opener *x, pq_value options, pq_slice *base) {
  pq_value below;
  PQ_TRY(check_collation(x, x->names[x->depth - 1], options));
  (void)pq_value_string(pq_object_get_str(options, "viewOn"), base);
  PQ_TRY(enter(x, *base, &below));
  if (!pq_value_is_missing(below)) PQ_TRY(put_view(x, below, base));
  PQ_TRY(put_stages(x, pq_object_get_str(options, "pipeline")));
  x->depth--;
  return PQ_OK;
}

/* The view's stages, then those of the stage that named it: the value of a field "pipeline". */
static int put_both(opener *x, pq_value options, pq_value own, pq_slice *base) {
  PQ_TRY(pq_builder_begin_array(x->b));
  PQ_TRY(put_view(x, options, base));
  PQ_TRY(put_stages(x, own));
  return pq_builder_end(x->b);
}

/* {collection: the view's, pipeline: its stages} */
static int put_from(opener *x, pq_value options) {
  pq_slice base;
  PQ_TRY(pq_builder_begin_object(x->b));
  PQ_TRY(pq_builder_key_str(x->b, "pipeline"));
  PQ_TRY(put_both(x, options, (pq_value){0}, &base));
  PQ_TRY(pq_put_text(x->b, "collection", base));
  return pq_builder_end(x->b);
}

/* The stage whose pipeline begins with a view: `coll` or `from` becomes the collection below. */
static int put_joined(opener *x, const char *name_field, pq_value spec, pq_value options) {
  pq_field *fields;
  uint32_t count;
  pq_slice base;
  PQ_TRY(fields_of(x, spec, &fields, &count));
  PQ_TRY(pq_builder_begin_object(x->b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, name_field) || pq_slice_is(fields[i].name, "pipeline"))
      continue;
    PQ_TRY(pq_builder_key(x->b, fields[i].name));
    PQ_TRY(pq_builder_value(x->b, fields[i].value));
  }
  PQ_TRY(pq_builder_key_str(x->b, "pipeline"));
  PQ_TRY(put_both(x, options, pq_object_get_str(spec, "pipeline"), &base));
  PQ_TRY(pq_put_text(x->b, name_field, base));
  return pq_builder_end(x->b);
}

/* The same fields, with what is in `from` and `pipeline` opened. */
static int put_plain(opener *x, pq_value spec, pq_value options) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(fields_of(x, spec, &fields, &count));
  PQ_TRY(pq_builder_begin_object(x->b));
  for (uint32_t i = 0; i < count; i++) {
    pq_field f = fields[i];
    PQ_TRY(pq_builder_key(x->b, f.name));
    if (pq_slice_is(f.name, "from") && !pq_value_is_missing(options)) {
      PQ_TRY(put_from(x, options));
    } else if (pq_slice_is(f.name, "pipeline") && pq_value_type(f.value) == PQ_TYPE_ARRAY) {
      PQ_TRY(pq_builder_begin_array(x->b));
      PQ_TRY(put_stages(x, f.value));
      PQ_TRY(pq_builder_end(x->b));
    } else {
      PQ_TRY(pq_builder_value(x->b, f.value));
    }
  }
  return pq_builder_end(x->b);
}

/* $lookup, $graphLookup, $unionWith as an object. */
static int put_join(opener *x, bool is_union, bool is_lookup, pq_value spec) {
  const char *name_field = is_union ? "coll" : "from";
  pq_value options = {0};
  uint32_t depth = x->depth;
  pq_slice name;
  if (pq_value_string(pq_object_get_str(spec, name_field), &name)) PQ_TRY(enter(x, name, &options));
  if (pq_value_is_missing(options) || !(is_union || is_lookup) ||
      !pq_value_is_missing(pq_object_get_str(spec, "localField"))) {
    PQ_TRY(put_plain(x, spec, options));
  } else {
    PQ_TRY(put_joined(x, name_field, spec, options));
  }
  pq_assert(x->depth == depth);
  return PQ_OK;
}

/* {"$unionWith": "v"} */
static int put_union_text(opener *x, pq_value spec) {
  pq_value options = {0};
  pq_slice name, base;
  if (pq_value_string(spec, &name)) PQ_TRY(enter(x, name, &options));
  if (pq_value_is_missing(options)) return pq_builder_value(x->b, spec);
  PQ_TRY(pq_builder_begin_object(x->b));
  PQ_TRY(pq_builder_key_str(x->b, "pipeline"));
  PQ_TRY(put_both(x, options, (pq_value){0}, &base));
  PQ_TRY(pq_put_text(x->b, "coll", base));
  return pq_builder_end(x->b);
}

static int put_facets(opener *x, pq_value spec) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(fields_of(x, spec, &fields, &count));
  PQ_TRY(pq_builder_begin_object(x->b));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(x->b, fields[i].name));
    PQ_TRY(pq_builder_begin_array(x->b));
    PQ_TRY(put_stages(x, fields[i].value));
    PQ_TRY(pq_builder_end(x->b));
  }
  return pq_builder_end(x->b);
}

/* May a stage name collections? */
static bool is_joining(pq_slice name) {
  return pq_slice_is(name, "$lookup") || pq_slice_is(name, "$graphLookup") ||
         pq_slice_is(name, "$unionWith") || pq_slice_is(name, "$facet");
}

static int put_stage(opener *x, pq_value stage) {
  bool is_object;
  pq_field f;
  if (pq_value_type(stage) != PQ_TYPE_OBJECT || pq_value_count(stage) != 1 ||
      !pq_object_at(stage, 0, &f) || !is_joining(f.name))
    return pq_builder_value(x->b, stage);
  is_object = pq_value_type(f.value) == PQ_TYPE_OBJECT;
  PQ_TRY(pq_builder_begin_object(x->b));
  PQ_TRY(pq_builder_key(x->b, f.name));
  if (is_object && pq_slice_is(f.name, "$facet"))
    PQ_TRY(put_facets(x, f.value));
  else if (is_object)
    PQ_TRY(put_join(x, pq_slice_is(f.name, "$unionWith"), pq_slice_is(f.name, "$lookup"), f.value));
  else if (pq_slice_is(f.name, "$unionWith"))
    PQ_TRY(put_union_text(x, f.value));
  else
    PQ_TRY(pq_builder_value(x->b, f.value));
  return pq_builder_end(x->b);
}

/* Nested as deep as a document may be. */
static int put_stages(opener *x, pq_value stages) {
  for (uint32_t i = 0; i < pq_value_count(stages); i++)
    PQ_TRY(put_stage(x, pq_array_at(stages, i)));
  return PQ_OK;
}

/* ---- a view that is to be ---- */

/* $out and $merge change something, which reading does not. */
static int check_last(pq_command *c, const pq_pipeline *p) {
  if (pq_pipeline_write(p)->kind == PQ_PIPE_NONE && !pq_pipeline_has_documents(p)) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: the pipeline of a view has no '$out', '$merge' or '$documents'",
                 c->s.spec->name);
}

int pq_derived_check(pq_command *c, pq_slice collection, const pq_collection_record *record) {
  opener x = {.c = c, .b = c->db->builder, .collation = record->view_collation};
  pq_pipeline *parsed;
  pq_value stages;
  pq_slice base;
  if (record->view_on.n == 0) return PQ_OK;
  if (c->s.txn != NULL)
    return pq_fail(c->op.cx, PQ_EUNSUPPORTED, "%s: a view is not made in a transaction",
                   c->s.spec->name);
  PQ_TRY(pq_check_collection(c->op.cx, record->view_on));
  if (!pq_value_is_missing(record->view_pipeline))
    PQ_TRY(pq_pipeline_parse(&c->op.scratch, NULL, record->view_pipeline, &parsed));
  x.names[x.depth++] = collection;
  pq_builder_clear(x.b);
  PQ_TRY(pq_builder_begin_array(x.b));
  PQ_TRY(put_view(&x, record->options, &base));
  PQ_TRY(pq_builder_end(x.b));
  PQ_TRY(pq_builder_finish(x.b, &c->op.scratch, &stages));
  PQ_TRY(pq_pipeline_parse(&c->op.scratch, NULL, stages, &parsed));
  return check_last(c, parsed);
}

/* ---- commands ---- */

/* A command says nothing of a collation, or the view's. */
static int take_collation(pq_command *c, pq_value collation) {
  pq_collation own, given;
  if (c->s.args.given & PQ_OPT_COLLATION) {
    PQ_TRY(pq_collation_parse(c->op.cx, collation, &own));
    PQ_TRY(pq_collation_parse(c->op.cx, c->s.args.collation, &given));
    if (is_same_collation(own, given)) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EVIEW,
                   "%s: option 'collation': the default collation of view '%.*s' is another one",
                   c->s.spec->name, TEXT_ARGS(c->s.collection));
  }
  if (pq_value_is_missing(collation)) return PQ_OK;
  PQ_TRY(pq_value_copy(&c->arena, collation, &c->s.args.collation));
  c->s.args.given |= PQ_OPT_COLLATION;
  return pq_env_open(c, &c->s.args, &c->arena);
}

/* c->s.pipeline and c->s.collection from the view, if it is one, and `put`. */
static int open_view(pq_command *c, pq_value options, int (*put)(opener *x)) {
  opener x = {.c = c, .b = c->db->builder};
  pq_slice base = {0};
  pq_value stages;
  x.collation = pq_object_get_str(options, "collation");
  pq_builder_clear(x.b);
  PQ_TRY(pq_builder_begin_array(x.b));
  if (!pq_value_is_missing(options)) {
    PQ_TRY(enter(&x, c->s.collection, &options));
    PQ_TRY(put_view(&x, options, &base));
  } else {
    x.collation = c->s.args.collation;
  }
  PQ_TRY(put(&x));
  if (x.count == 0) return PQ_OK; /* no name is a view's: it is parsed already */
  PQ_TRY(pq_builder_end(x.b));
  PQ_TRY(pq_builder_finish(x.b, &c->arena, &stages));
  PQ_TRY(pq_pipeline_parse(&c->arena, c->s.env, stages, &c->s.pipeline));
  if (base.n > 0) PQ_TRY(pq_arena_copy(&c->arena, base, &c->s.collection));
  return PQ_OK;
}

static int new_run(pq_command *c) {
  c->s.derived = pq_arena_calloc(&c->arena, 1, sizeof *c->s.derived);
  return c->s.derived == NULL ? c->op.cx->code : PQ_OK;
}

static int put_command(opener *x) {
  return pq_derived_put_command(x->c);
}

int pq_derived_begin(pq_command *c) {
  pq_value options;
  if (c->s.derived != NULL) return pq_pipeline_begin(c); /* after a plan: it is known */
  options = options_of(c, c->s.collection);
  PQ_TRY(pq_derived_options(c));
  PQ_TRY(new_run(c));
  PQ_TRY(take_collation(c, pq_object_get_str(options, "collation")));
  PQ_TRY(open_view(c, options, put_command));
  if (pq_pipeline_directions(c->s.pipeline) != 0 && c->s.forecast.is_planning)
    return pq_fail(
        c->op.cx, PQ_EUNSUPPORTED,
        "%s: what a view with a $graphLookup over edges will cost is not told beforehand",
        c->s.spec->name);
  return pq_pipeline_begin(c);
}

static int put_pipeline(opener *x) {
  return put_stages(x, x->c->s.args.pipeline);
}

/* Does a stage name a collection at all? */
static bool has_joins(pq_value stages) {
  pq_field f;
  for (uint32_t i = 0; i < pq_value_count(stages); i++)
    if (pq_object_at(pq_array_at(stages, i), 0, &f) && is_joining(f.name)) return true;
  return false;
}

int pq_derived_pipeline(pq_command *c) {
  const pq_pipe_write *w = pq_pipeline_write(c->s.pipeline);
  pq_value options = {0};
  if (w->kind != PQ_PIPE_NONE) PQ_TRY(pq_derived_refuse(c, w->into));
  if (c->s.derived != NULL) return PQ_OK; /* after a plan: it is known */
  if (c->s.collection.n > 0) options = options_of(c, c->s.collection);
  if (pq_value_is_missing(options) && !has_joins(c->s.args.pipeline)) return PQ_OK;
  PQ_TRY(new_run(c));
  if (!pq_value_is_missing(options))
    PQ_TRY(take_collation(c, pq_object_get_str(options, "collation")));
  return open_view(c, options, put_pipeline);
}
