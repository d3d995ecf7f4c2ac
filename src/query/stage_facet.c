/* query/stage_facet.c - $facet: several pipelines over the same documents, their results side by
 * side in one document.
 *
 *   input ─► [ memory ] ─┬─► pipeline 1 ─► [ … ]
 *                        └─► pipeline 2 ─► [ … ]   ─► {"one": [ … ], "two": [ … ]}
 *
 *   more than memory_max:  a spilled run for each pipeline, as a run can be read once
 */
#include "query/flow_int.h"
#include "query/flow_reads.h"

typedef struct facet {
  pq_slice *names;
  pq_pipeline **pipelines;
  uint32_t count;
} facet;

typedef struct doc_list {
  pq_value *items; /* owned */
  uint32_t count, cap;
} doc_list;

typedef struct faceter {
  pq_operator base;
  doc_list input;
  uint64_t input_len;
  pq_spill_run **runs; /* one per pipeline; in base.keep; NULL: all is in memory */
  uint32_t run;        /* where the document goes next */
  uint32_t moved;      /* documents of `input` that are in all runs */
  bool is_gathered;
  uint32_t at; /* the pipeline that runs */
  pq_operator *sub;
  doc_list results;
  uint64_t results_len;
  pq_arena results_arena;
  pq_value *arrays; /* per pipeline; in results_arena */
} faceter;

static faceter *faceter_of(pq_operator *o) {
  return (faceter *)(void *)o;
}

/* ---- parse ---- */

int pq_parse_facet(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_field *fields;
  uint32_t count;
  facet *p;
  void *data;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_count(spec) == 0)
    return pq_stage_fail(s, g, "needs an object of at least one pipeline");
  PQ_TRY(pq_stage_data(s, g, sizeof *p, &data));
  p = data;
  PQ_TRY(pq_pipe_fields(s, spec, &fields, &count));
  p->names = pq_arena_calloc(s->arena, count, sizeof *p->names);
  p->pipelines = pq_arena_calloc(s->arena, count, sizeof *p->pipelines);
  if (p->names == NULL || p->pipelines == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_path path;
    PQ_TRY(pq_path_parse(s->arena, fields[i].name, &path));
    if (path.count != 1 || fields[i].name.p[0] == '$')
      return pq_fail(s->cx, PQ_EINVALID, "stage '$facet': '%.*s' is no name for a field",
                     PQ_SHOW(fields[i].name));
    p->names[i] = fields[i].name;
    PQ_TRY(pq_sub_pipeline(s, s->env, PQ_IN_FACET, fields[i].value, &p->pipelines[i]));
    p->count++;
  }
  return PQ_OK;
}

/* Each pipeline runs over all that came, to its end. */
int pq_reads_facet(pq_flow_reads *r, const pq_pipe_stage *g, pq_doc_range *docs) {
  const facet *p = g->data;
  bool may_end = r->may_end;
  r->may_end = false;
  for (uint32_t i = 0; i < p->count; i++) {
    pq_doc_range in = {docs->min, docs->max, docs->max, UINT64_MAX};
    PQ_TRY(pq_flow_reads_over(r, p->pipelines[i], 1, &in));
  }
  r->may_end = may_end;
  return PQ_OK;
}

/* ---- the input ---- */

static int list_add(pq_flow *f, doc_list *l, pq_arena *arena, pq_value v) {
  PQ_TRY(pq_docs_reserve(f, "$facet", &l->items, l->count, &l->cap));
  PQ_TRY(pq_value_copy(arena, v, &l->items[l->count]));
  l->count++;
  return PQ_OK;
}

static int open_runs(pq_operator *o, pq_flow *f) {
  faceter *k = faceter_of(o);
  const facet *p = o->stage->data;
  if (f->spill == NULL)
    return pq_fail(f->cx, PQ_ELIMIT,
                   "stage '$facet': more than %llu bytes of documents, and "
                   "nothing may be spilled",
                   (unsigned long long)pq_flow_memory(f));
  k->runs = pq_arena_calloc(&o->keep, p->count, sizeof *k->runs);
  if (k->runs == NULL) return f->cx->code;
  for (uint32_t i = 0; i < p->count; i++)
    PQ_TRY(pq_spill_run_new(f->spill, &k->runs[i]));
  return PQ_OK;
}

/* Into every run; k->run tells where a call that had to wait goes on. */
static int spill_doc(pq_operator *o, pq_flow *f, pq_value doc) {
  faceter *k = faceter_of(o);
  const facet *p = o->stage->data;
  for (; k->run < p->count; k->run++) {
    PQ_TRY(pq_spill_put(k->runs[k->run], f->fetch, doc));
    pq_flow_fetched(f);
  }
  k->run = 0;
  return PQ_OK;
}

/* A document of the input, kept or spilled. */
static int take_doc(pq_operator *o, pq_flow *f, pq_value doc) {
  faceter *k = faceter_of(o);
  if (k->runs != NULL) return spill_doc(o, f, doc);
  k->input_len += pq_doc_len(doc);
  return list_add(f, &k->input, &o->keep, doc);
}

static int gather(pq_operator *o, pq_flow *f) {
  faceter *k = faceter_of(o);
  const facet *p = o->stage->data;
  while (!o->is_over) {
    PQ_TRY(pq_input_more(o, f));
    for (; !o->is_over && o->at < o->in.count; o->at++) {
      if (k->runs == NULL && k->input_len > pq_flow_memory(f)) PQ_TRY(open_runs(o, f));
      for (; k->runs != NULL && k->moved < k->input.count; k->moved++)
        PQ_TRY(spill_doc(o, f, k->input.items[k->moved]));
      if (pq_flow_must_pause(f)) return PQ_NEED_IO;
      PQ_TRY(take_doc(o, f, o->in.docs[o->at]));
      PQ_TRY(pq_spend(f->cx, PQ_WORK_DOC));
    }
  }
  for (; k->runs != NULL && k->run < p->count; k->run++) {
    PQ_TRY(pq_spill_rewind(k->runs[k->run], f->fetch));
    pq_flow_fetched(f);
  }
  k->is_gathered = true;
  return PQ_OK;
}

/* ---- a run as a source ---- */

typedef struct run_source {
  pq_operator base;
  pq_spill_run *run; /* borrowed */
} run_source;

static int run_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  pq_value doc;
  if (!o->is_staying) pq_doc_batch_clear(o); /* else the last call had to wait: its batch goes on */
  while (!o->is_over && !pq_doc_batch_is_full(o)) {
    int rc = pq_spill_get(((run_source *)(void *)o)->run, f->fetch, &doc);
    o->is_staying = rc == PQ_NEED_IO;
    PQ_TRY(rc);
    pq_flow_fetched(f);
    o->is_over = pq_value_is_missing(doc);
    if (o->is_over) break;
    PQ_TRY(pq_value_copy(&o->arena, doc, &doc));
    PQ_TRY(pq_doc_batch_add(o, f, doc));
  }
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

static int open_input(pq_operator *o, pq_flow *f, pq_operator **out) {
  faceter *k = faceter_of(o);
  if (k->runs == NULL) return pq_list_source(f, k->input.items, k->input.count, out);
  PQ_TRY(pq_operator_new(f, sizeof(run_source), NULL, out));
  (*out)->next = run_next;
  ((run_source *)(void *)*out)->run = k->runs[k->at];
  return PQ_OK;
}

/* ---- the results ---- */

/* The array of the pipeline k->at. */
static int run_pipeline(pq_operator *o, pq_flow *f) {
  faceter *k = faceter_of(o);
  const facet *p = o->stage->data;
  pq_operator *input;
  pq_doc_batch in;
  if (k->sub == NULL) {
    k->results.count = 0;
    PQ_TRY(open_input(o, f, &input));
    PQ_TRY(pq_flow_open(f, p->pipelines[k->at], input, &k->sub));
  }
  do {
    PQ_TRY(pq_operator_next(k->sub, f, &in));
    for (uint64_t i = 0; i < in.count; i++) {
      k->results_len += pq_doc_len(in.docs[i]);
      if (k->results_len > pq_flow_memory(f))
        return pq_fail(f->cx, PQ_ELIMIT, "stage '$facet': the results have more than %llu bytes",
                       (unsigned long long)pq_flow_memory(f));
      PQ_TRY(list_add(f, &k->results, &k->results_arena, in.docs[i]));
    }
  } while (in.count > 0);
  pq_operator_free(k->sub, f);
  k->sub = NULL;
  f->eval.arena = &k->results_arena;
  return pq_make_array(&f->eval, k->results.items, k->results.count, &k->arrays[k->at]);
}

static int facet_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  faceter *k = faceter_of(o);
  const facet *p = o->stage->data;
  pq_field *fields;
  pq_value doc;
  if (k->at > p->count) return PQ_OK;
  if (!k->is_gathered) PQ_TRY(gather(o, f));
  if (k->arrays == NULL)
    k->arrays = pq_arena_calloc(&k->results_arena, p->count, sizeof *k->arrays);
  if (k->arrays == NULL) return f->cx->code;
  for (; k->at < p->count; k->at++)
    PQ_TRY(run_pipeline(o, f));
  pq_doc_batch_clear(o);
  f->eval.arena = &o->arena;
  fields = pq_arena_calloc(&o->arena, p->count, sizeof *fields);
  if (fields == NULL) return f->cx->code;
  for (uint32_t i = 0; i < p->count; i++)
    fields[i] = (pq_field){p->names[i], k->arrays[i]};
  PQ_TRY(pq_make_object(&f->eval, fields, p->count, &doc));
  PQ_TRY(pq_doc_batch_add(o, f, doc));
  k->at = p->count + 1;
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

static void facet_release(pq_operator *o, pq_flow *f) {
  faceter *k = faceter_of(o);
  const facet *p = o->stage->data;
  pq_operator_free(k->sub, f);
  for (uint32_t i = 0; k->runs != NULL && i < p->count; i++)
    pq_spill_run_free(k->runs[i]);
  pq_alloc(f->cx, k->input.items, k->input.cap * sizeof *k->input.items, 0);
  pq_alloc(f->cx, k->results.items, k->results.cap * sizeof *k->results.items, 0);
  pq_arena_release(&k->results_arena);
}

int pq_open_facet(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  PQ_TRY(pq_operator_new(f, sizeof(faceter), input, out));
  (*out)->next = facet_next;
  (*out)->release = facet_release;
  pq_arena_init(&faceter_of(*out)->results_arena, f->cx, f->cx->limits.op_len_max);
  return PQ_OK;
}
