/* query/stage_lookup.c - $lookup: documents of another collection as an array in each document.
 *
 *   equality   the values of localField of a part of the batch ─► one load of the join
 *              (flow_join.c); each document ─► what its values found, in the order of the scan
 *   pipeline   without variables of `let`: it runs once. Else per document, with the variables set,
 *              over the foreign documents in memory if they fit, else over a new scan
 *   both       equality first, the pipeline over what it found
 *
 * `from` may be {collection, pipeline}: the documents that it makes of the collection.
 *
 * Rule 54: null and missing are the same on both sides. An array stands for its
 * elements; an empty one for null, as no value was found.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "query/flow_int.h"
#include "query/flow_reads.h"
#include "table/read_bound.h"

enum { ROUND_DOCS = 4096 };

typedef struct lookup {
  pq_hash_join_spec join; /* path.count 0: no equality */
  pq_path local, as;
  pq_pipeline *pipeline; /* NULL: none */
  pq_expression **lets;
  uint32_t let_first, let_count;
  bool is_once; /* the pipeline gives the same for each document */
} lookup;

typedef struct value_list {
  pq_value *items; /* owned */
  uint32_t count, cap;
  uint64_t len;
} value_list;

typedef struct looker {
  pq_operator base;
  pq_hash_join *join;
  uint64_t loaded; /* documents of the input batch before it are in the join */
  uint64_t round;  /* how many at once */
  bool is_waiting; /* the last call ended with PQ_NEED_IO: the batch so far
                      stays */
  bool is_loading;
  bool is_cached, is_uncachable; /* `foreign` has all documents that the
                                    pipeline begins with */
  bool has_result;               /* `results` is for all documents */
  value_list foreign, results, matches;
  pq_arena results_arena;
  pq_operator *source; /* fills `foreign` */
  pq_operator *sub;    /* the pipeline that is running */
} looker;

static looker *looker_of(pq_operator *o) {
  return (looker *)(void *)o;
}

/* ---- parse ---- */

static int parse_options(pq_pipe_parser *s, pq_pipe_stage *g, lookup *l, pq_value spec,
                         pq_value *lets, pq_value *stages) {
  static const char *const known[] = {"from", "localField", "foreignField", "let", "pipeline",
                                      "as",   NULL};
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return pq_stage_fail(s, g, "needs an object");
  PQ_TRY(pq_pipe_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    pq_value v = fields[i].value;
    if (pq_slice_is(name, "from"))
      PQ_TRY(pq_hash_join_from(s, g, v, &l->join));
    else if (pq_slice_is(name, "localField"))
      PQ_TRY(pq_stage_path(s, g, name, v, &l->local));
    else if (pq_slice_is(name, "foreignField"))
      PQ_TRY(pq_stage_path(s, g, name, v, &l->join.path));
    else if (pq_slice_is(name, "let"))
      *lets = v;
    else if (pq_slice_is(name, "pipeline"))
      *stages = v;
    else if (pq_slice_is(name, "as"))
      PQ_TRY(pq_stage_path(s, g, name, v, &l->as));
    else
      return pq_stage_fail_unknown(s, g, name, known);
  }
  if (l->as.count == 0) return pq_stage_fail(s, g, "needs as");
  if (l->join.through != NULL && l->local.count == 0)
    return pq_stage_fail(s, g, "takes a pipeline in 'from' only with localField and foreignField");
  if ((l->local.count == 0) != (l->join.path.count == 0))
    return pq_stage_fail(s, g, "needs localField and foreignField, both or none");
  if (l->local.count == 0 && pq_value_is_missing(*stages))
    return pq_stage_fail(s, g, "needs localField and foreignField, or a pipeline");
  if (!pq_value_is_missing(*lets) && pq_value_is_missing(*stages))
    return pq_stage_fail(s, g, "takes let only with a pipeline");
  return PQ_OK;
}

int pq_parse_lookup(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_value lets = {0}, stages = {0};
  pq_env *env;
  lookup *l;
  void *data;
  PQ_TRY(pq_stage_data(s, g, sizeof *l, &data));
  l = data;
  PQ_TRY(parse_options(s, g, l, spec, &lets, &stages));
  if (!pq_value_is_missing(stages)) {
    PQ_TRY(pq_stage_lets(s, g, lets, &env, &l->lets, &l->let_first));
    l->let_count = env->variable_count - l->let_first;
    PQ_TRY(pq_sub_pipeline(s, env, PQ_IN_LOOKUP, stages, &l->pipeline));
    l->is_once = l->local.count == 0 && !pq_raw_is_random(s->arena, stages);
    for (uint32_t i = l->let_first; l->is_once && i < env->variable_count; i++)
      l->is_once = !pq_raw_uses_variable(s->arena, stages, env->variables[i]);
  }
  if (l->join.collection.n > 0) return PQ_OK;
  if (l->pipeline == NULL || !pq_pipeline_has_documents(l->pipeline) || l->local.count > 0)
    return pq_stage_fail(s, g, "needs from, or a pipeline that begins with $documents");
  return PQ_OK;
}

/* ---- what it reads ---- */

/* A load for each round of a batch; where matches do not fit into the memory rounds are halved, as
 * often as that can be done, down to a load for each document. */
static int reads_equality(pq_flow_reads *r, const lookup *l, const pq_doc_range *docs) {
  enum { HALVINGS = 13 };
  uint64_t longest = pq_count_add(l->join.collection.n, 3); /* the shortest id that may match */
  pq_flow_read read = {.collection = l->join.collection,
                       .is_join = true,
                       .why = "values of the documents are what $lookup looks up"};
  pq_doc_range through;
  if (l->join.through != NULL)
    return pq_flow_reads_pipeline(r, l->join.through, l->join.collection,
                                  pq_count_add(docs->max, HALVINGS), false, &through);
  pq_hash_join_kind(&l->join, r->f, &read.is_by_id, &read.is_by_key);
  read.times = pq_count_add(docs->batches, docs->max / ROUND_DOCS);
  if (docs->max < read.times) read.times = docs->max;
  read.times_full = pq_count_add(docs->max, HALVINGS);
  read.values = docs->len == UINT64_MAX ? UINT64_MAX : pq_count_add(docs->len / longest, docs->max);
  return pq_flow_reads_add(r, &read);
}

/* A pipeline with variables runs for each document: over what it begins with, read once and kept,
 * or over a scan each time if that is too much. */
static int reads_correlated(pq_flow_reads *r, const lookup *l, const pq_doc_range *docs) {
  pq_source_want want = {.collection = l->join.collection};
  pq_doc_range in = {0, pq_flow_reads_rows(r, want.collection), UINT64_MAX, UINT64_MAX};
  pq_flow_read read = {.collection = want.collection,
                       .is_certain = docs->min > 0,
                       .why = "nobody may ask for what $lookup looks up",
                       .times = 1,
                       .times_full = 1};
  uint32_t first;
  want.filter = pq_pipeline_take_filter(l->pipeline);
  PQ_TRY(pq_view_scan(r->store, r->f, &want, r->arena, NULL, &read.scan));
  PQ_TRY(pq_flow_reads_add(r, &read));
  first = r->count;
  PQ_TRY(pq_flow_reads_source(r, l->pipeline, want.collection));
  if (r->count > first) {
    pq_flow_read *again = &r->items[first];
    again->times = 0;
    again->times_full = pq_count_mul(again->times_full, docs->max);
    again->is_certain = false;
    again->why = "what $lookup begins with may be more than its memory";
  }
  return pq_flow_reads_over(r, l->pipeline, docs->max, &in);
}

int pq_reads_lookup(pq_flow_reads *r, const pq_pipe_stage *g, pq_doc_range *docs) {
  const lookup *l = g->data;
  pq_doc_range in = {0, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  bool may_end = r->may_end;
  int rc = PQ_OK;
  if (docs->max == 0) return PQ_OK;
  r->may_end = false; /* a pipeline for a document runs to its end */
  if (l->local.count > 0) rc = reads_equality(r, l, docs);
  if (rc == PQ_OK && l->pipeline != NULL) {
    if (l->local.count > 0)
      rc = pq_flow_reads_over(r, l->pipeline, docs->max, &in);
    else if (l->is_once)
      rc = pq_flow_reads_pipeline(r, l->pipeline, l->join.collection, 1, docs->min > 0, &in);
    else if (pq_pipeline_has_documents(l->pipeline))
      rc = pq_flow_reads_over(r, l->pipeline, docs->max, &in);
    else
      rc = reads_correlated(r, l, docs);
  }
  r->may_end = may_end;
  return rc;
}

/* ---- lists ---- */

static int list_add(pq_flow *f, value_list *l, pq_value v) {
  PQ_TRY(pq_docs_reserve(f, "$lookup", &l->items, l->count, &l->cap));
  l->items[l->count++] = v;
  l->len += pq_doc_len(v);
  return PQ_OK;
}

static int list_copy(pq_flow *f, value_list *l, pq_arena *arena, pq_value v) {
  PQ_TRY(pq_value_copy(arena, v, &v));
  return list_add(f, l, v);
}

static void list_free(pq_flow *f, value_list *l) {
  pq_alloc(f->cx, l->items, l->cap * sizeof *l->items, 0);
}

/* ---- equality ---- */

typedef struct asker {
  pq_hash_join *join;
  uint32_t count;
} asker;

static int ask_value(void *ud, pq_value v) {
  asker *a = ud;
  a->count++;
  return pq_hash_join_ask(a->join, v);
}

/* The values of a document, null when there is none. */
static int each_value(pq_flow *f, const lookup *l, pq_value doc, uint32_t *count,
                      pq_take_value take, void *ud) {
  pq_value null;
  PQ_TRY(pq_values_at(doc, &l->local, false, take, ud));
  if (*count > 0) return PQ_OK;
  PQ_TRY(pq_make_null(&f->eval, &null));
  return take(ud, null);
}

/* Load the join for the next documents of the batch; fewer when their matches
 * do not fit. */
static int load_round(pq_operator *o, pq_flow *f) {
  looker *k = looker_of(o);
  const lookup *l = o->stage->data;
  bool is_full;
  for (;;) {
    uint64_t left = o->in.count - o->at;
    uint64_t count = left < k->round ? left : k->round;
    if (!k->is_loading) {
      pq_hash_join_clear(k->join);
      f->eval.arena = &o->arena;
      for (uint64_t i = 0; i < count; i++) {
        asker a = {.join = k->join};
        PQ_TRY(each_value(f, l, o->in.docs[o->at + i], &a.count, ask_value, &a));
      }
      k->is_loading = true;
    }
    PQ_TRY(pq_hash_join_load(k->join, f, &is_full));
    k->is_loading = false;
    k->loaded = o->at + count;
    if (!is_full) return PQ_OK;
    if (count == 1)
      return pq_fail(f->cx, PQ_ELIMIT,
                     "stage '$lookup': the matches of one document have more "
                     "than %llu bytes",
                     (unsigned long long)pq_flow_memory(f));
    k->round = count / 2;
  }
}

typedef struct finder {
  looker *k;
  pq_flow *f;
  uint32_t *numbers;
  uint32_t count, cap, value_count;
} finder;

static int find_value(void *ud, pq_value v) {
  finder *d = ud;
  uint32_t n;
  const uint32_t *numbers = pq_hash_join_find(d->k->join, v, &n);
  d->value_count++;
  if (n == 0) return PQ_OK;
  if (d->count + n > d->cap) {
    uint32_t cap = (d->count + n) * 2;
    uint32_t *bigger = pq_arena_calloc(d->f->eval.arena, cap, sizeof *bigger);
    if (bigger == NULL) return d->f->cx->code;
    if (d->count > 0) memcpy(bigger, d->numbers, d->count * sizeof *bigger);
    d->numbers = bigger;
    d->cap = cap;
  }
  memcpy(d->numbers + d->count, numbers, n * sizeof *numbers);
  d->count += n;
  return PQ_OK;
}

static int compare_numbers(const void *a, const void *b, const void *ud) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  (void)ud;
  return (x > y) - (x < y);
}

/* k->matches of a document, in the order of the scan, each once. */
static int find_matches(pq_operator *o, pq_flow *f, pq_value doc) {
  looker *k = looker_of(o);
  finder d = {.k = k, .f = f};
  k->matches.count = 0;
  PQ_TRY(each_value(f, o->stage->data, doc, &d.value_count, find_value, &d));
  PQ_TRY(pq_sort_items(f->cx, d.numbers, d.count, sizeof *d.numbers, compare_numbers, NULL));
  for (uint32_t i = 0; i < d.count; i++)
    if (i == 0 || d.numbers[i] != d.numbers[i - 1])
      PQ_TRY(list_add(f, &k->matches, pq_hash_join_doc(k->join, d.numbers[i])));
  return PQ_OK;
}

/* ---- pipeline ---- */

/* All documents that the pipeline begins with, kept if they fit. */
static int fill_cache(pq_operator *o, pq_flow *f) {
  looker *k = looker_of(o);
  const lookup *l = o->stage->data;
  pq_doc_batch in;
  if (k->source == NULL) {
    /* The source as the pipeline's own, with its filter, and no stages. */
    pq_source_want want = {.collection = l->join.collection};
    if (f->store == NULL)
      return pq_fail(f->cx, PQ_EUNSUPPORTED, "collection '%.*s': no collections can be read here",
                     PQ_SHOW(want.collection));
    want.filter = pq_pipeline_take_filter(l->pipeline);
    PQ_TRY(f->store->open(f->store->ud, f, &want, &k->source));
  }
  for (;;) {
    PQ_TRY(pq_operator_next(k->source, f, &in));
    for (uint64_t i = 0; i < in.count && k->foreign.len <= pq_flow_memory(f); i++)
      PQ_TRY(list_copy(f, &k->foreign, &o->keep, in.docs[i]));
    if (in.count == 0 || k->foreign.len > pq_flow_memory(f)) break;
  }
  k->is_cached = in.count == 0;
  k->is_uncachable = !k->is_cached;
  if (k->is_uncachable) {
    k->foreign.count = 0;
    pq_arena_clear(&o->keep);
  }
  pq_operator_free(k->source, f);
  k->source = NULL;
  return PQ_OK;
}

/* The pipeline for one document: over its matches, over what is in memory, or
 * over a scan. */
static int open_sub(pq_operator *o, pq_flow *f) {
  looker *k = looker_of(o);
  const lookup *l = o->stage->data;
  const value_list *list = l->local.count > 0 ? &k->matches : &k->foreign;
  pq_operator *input;
  if (l->local.count == 0 && !k->is_cached)
    return pq_flow_open_on(f, l->pipeline, l->join.collection, &k->sub);
  PQ_TRY(pq_list_source(f, list->items, list->count, &input));
  return pq_flow_open(f, l->pipeline, input, &k->sub);
}

static int set_variables(pq_operator *o, pq_flow *f, pq_value doc) {
  const lookup *l = o->stage->data;
  pq_value values[PQ_VARIABLES_MAX];
  f->eval.root = doc;
  for (uint32_t i = 0; i < l->let_count; i++)
    PQ_TRY(pq_expression_eval(l->lets[i], &f->eval, &values[i]));
  if (l->let_count > 0)
    memcpy(&f->eval.variables[l->let_first], values, l->let_count * sizeof *values);
  return PQ_OK;
}

/* k->results for the document. May end with PQ_NEED_IO and go on when called
 * again. */
static int run_pipeline(pq_operator *o, pq_flow *f, pq_value doc) {
  looker *k = looker_of(o);
  const lookup *l = o->stage->data;
  bool needs_scan = l->local.count == 0 && !pq_pipeline_has_documents(l->pipeline);
  pq_doc_batch in;
  if (k->has_result) return PQ_OK;
  if (needs_scan && !l->is_once && !k->is_cached && !k->is_uncachable) PQ_TRY(fill_cache(o, f));
  f->eval.arena = &o->arena;
  if (k->sub == NULL) {
    k->results.count = 0;
    k->results.len = 0;
    pq_arena_clear(&k->results_arena);
    if (l->local.count > 0) PQ_TRY(find_matches(o, f, doc));
    PQ_TRY(set_variables(o, f, doc));
    PQ_TRY(open_sub(o, f));
  }
  do {
    PQ_TRY(pq_operator_next(k->sub, f, &in));
    for (uint64_t i = 0; i < in.count; i++) {
      PQ_TRY(list_copy(f, &k->results, &k->results_arena, in.docs[i]));
      if (k->results.len > pq_flow_memory(f))
        return pq_fail(f->cx, PQ_ELIMIT,
                       "stage '$lookup': a pipeline's results have more than %llu bytes",
                       (unsigned long long)pq_flow_memory(f));
    }
  } while (in.count > 0);
  pq_operator_free(k->sub, f);
  k->sub = NULL;
  k->has_result = l->is_once;
  return PQ_OK;
}

/* ---- run ---- */

static int lookup_row(pq_operator *o, pq_flow *f, pq_value doc) {
  looker *k = looker_of(o);
  const lookup *l = o->stage->data;
  const value_list *list = &k->matches;
  pq_value array;
  f->eval.arena = &o->arena;
  if (l->pipeline != NULL) {
    PQ_TRY(run_pipeline(o, f, doc));
    list = &k->results;
  } else {
    PQ_TRY(find_matches(o, f, doc));
  }
  f->eval.arena = &o->arena;
  PQ_TRY(pq_make_array(&f->eval, list->items, list->count, &array));
  PQ_TRY(pq_doc_put(f, &l->as, doc, array, &doc));
  return pq_doc_batch_add(o, f, doc);
}

static int fill_batch(pq_operator *o, pq_flow *f) {
  looker *k = looker_of(o);
  const lookup *l = o->stage->data;
  while (o->doc_count == 0 && !o->is_over) {
    if (o->at == o->in.count) k->loaded = 0;
    PQ_TRY(pq_input_more(o, f));
    while (!o->is_over && o->at < o->in.count && !pq_doc_batch_is_full(o)) {
      if (l->local.count > 0 && o->at >= k->loaded) PQ_TRY(load_round(o, f));
      PQ_TRY(lookup_row(o, f, o->in.docs[o->at]));
      o->at++;
      PQ_TRY(pq_spend(f->cx, PQ_WORK_DOC));
      if (pq_flow_must_pause(f)) return o->doc_count > 0 ? PQ_OK : PQ_NEED_IO;
    }
  }
  return PQ_OK;
}

static int lookup_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  looker *k = looker_of(o);
  int rc;
  if (!k->is_waiting) pq_doc_batch_clear(o);
  rc = fill_batch(o, f);
  k->is_waiting = rc == PQ_NEED_IO;
  PQ_TRY(rc);
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

static void lookup_release(pq_operator *o, pq_flow *f) {
  looker *k = looker_of(o);
  pq_hash_join_free(k->join, f);
  pq_operator_free(k->source, f);
  pq_operator_free(k->sub, f);
  list_free(f, &k->foreign);
  list_free(f, &k->results);
  list_free(f, &k->matches);
  pq_arena_release(&k->results_arena);
}

int pq_open_lookup(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  const lookup *l = g->data;
  looker *k;
  int rc = PQ_OK;
  PQ_TRY(pq_operator_new(f, sizeof *k, input, out));
  k = looker_of(*out);
  k->base.next = lookup_next;
  k->base.release = lookup_release;
  k->round = ROUND_DOCS;
  pq_arena_init(&k->results_arena, f->cx, f->cx->limits.op_len_max);
  if (l->local.count > 0) rc = pq_hash_join_new(f, &l->join, &k->join);
  if (rc == PQ_OK) return PQ_OK;
  pq_operator_free(*out, f);
  *out = NULL;
  return rc;
}
