/* query/stage_sample.c - $sample: some documents by chance, $documents: given
 * ones, $unionWith: those of another pipeline.
 *
 *   $sample   a reservoir: the k-th document takes a place with probability
 * size / k, so that each is as likely as any other, and one pass is enough
 */
#include <string.h>

#include "query/flow_int.h"
#include "query/flow_reads.h"
#include "table/read_bound.h"

/* ---- $sample ---- */

/* The memory of a sample is that of its documents. */
enum { SAMPLE_MAX = 1 << 20 };

typedef struct sampler {
  pq_operator base;
  pq_arena spare; /* documents that were replaced leave holes: they are copied
                     over at times */
  pq_value *kept;
  uint64_t count, cap, bytes, live_bytes;
} sampler;

int pq_parse_sample(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_value size = pq_object_get_str(spec, "size");
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_count(spec) != 1 ||
      !pq_stage_number(size, &g->number) || g->number == 0)
    return pq_stage_fail(s, g, "needs a size, a whole number above 0");
  if (g->number > SAMPLE_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "stage '$sample': a size of at most %d", SAMPLE_MAX);
  return PQ_OK;
}

static int grow(sampler *s, pq_flow *f) {
  uint64_t cap = s->cap == 0 ? 64 : s->cap * 2;
  pq_value *kept;
  if (s->count < s->cap) return PQ_OK;
  kept = pq_alloc(f->cx, s->kept, (size_t)s->cap * sizeof *kept, (size_t)cap * sizeof *kept);
  if (kept == NULL) return pq_fail_nomem(f->cx);
  s->kept = kept;
  s->cap = cap;
  return PQ_OK;
}

/* Copy what is kept to a fresh arena, without the holes. */
static int compact(sampler *s) {
  pq_arena held = s->base.keep;
  pq_arena_clear(&s->spare);
  for (uint64_t i = 0; i < s->count; i++)
    PQ_TRY(pq_value_copy(&s->spare, s->kept[i], &s->kept[i]));
  s->base.keep = s->spare;
  s->spare = held;
  s->bytes = s->live_bytes;
  return PQ_OK;
}

static int sample_add(sampler *s, pq_flow *f, pq_value doc) {
  uint64_t place = s->count;
  s->base.seen++;
  if (s->count == s->base.stage->number) {
    place = pq_eval_random(&f->eval) % s->base.seen;
    if (place >= s->count) return PQ_OK;
    s->live_bytes -= pq_doc_len(s->kept[place]);
  } else {
    PQ_TRY(grow(s, f));
    s->kept[s->count++] = (pq_value){0};
  }
  PQ_TRY(pq_value_copy(&s->base.keep, doc, &s->kept[place]));
  s->live_bytes += pq_doc_len(doc);
  s->bytes += pq_doc_len(doc);
  if (s->live_bytes > pq_flow_memory(f))
    return pq_fail(f->cx, PQ_ELIMIT, "stage '$sample': more than %llu bytes of documents",
                   (unsigned long long)pq_flow_memory(f));
  return s->bytes > 2 * s->live_bytes + PQ_BATCH_LEN ? compact(s) : PQ_OK;
}

static int sample_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  sampler *s = (sampler *)(void *)o;
  while (!o->is_over) {
    PQ_TRY(pq_input_more(o, f));
    for (; !o->is_over && o->at < o->in.count; o->at++)
      PQ_TRY(sample_add(s, f, o->in.docs[o->at]));
    if (!o->is_over) continue;
    /* The places are filled in the order of the scan: shuffle. */
    for (uint64_t i = s->count; i > 1; i--) {
      uint64_t k = pq_eval_random(&f->eval) % i;
      pq_value held = s->kept[k];
      s->kept[k] = s->kept[i - 1];
      s->kept[i - 1] = held;
    }
    *out = (pq_doc_batch){s->kept, s->count};
  }
  return PQ_OK;
}

static void sample_release(pq_operator *o, pq_flow *f) {
  sampler *s = (sampler *)(void *)o;
  pq_arena_release(&s->spare);
  pq_alloc(f->cx, s->kept, (size_t)s->cap * sizeof *s->kept, 0);
}

int pq_open_sample(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  PQ_TRY(pq_operator_new(f, sizeof(sampler), input, out));
  (*out)->next = sample_next;
  (*out)->release = sample_release;
  pq_arena_init(&((sampler *)(void *)*out)->spare, f->cx, f->cx->limits.op_len_max);
  return PQ_OK;
}

/* ---- $documents ---- */

int pq_parse_documents(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_expression *e;
  PQ_TRY(pq_expression_parse(s->arena, s->env, spec, &e));
  g->data = e;
  return PQ_OK;
}

int pq_open_documents(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  pq_arena arena = {0};
  pq_value list = {0};
  int rc;
  *out = NULL;
  pq_operator_free(input, f);
  pq_arena_init(&arena, f->cx, f->cx->limits.op_len_max);
  f->eval.arena = &arena;
  f->eval.root = (pq_value){0};
  rc = pq_expression_eval(g->data, &f->eval, &list);
  if (rc == PQ_OK && pq_value_type(list) != PQ_TYPE_ARRAY)
    rc = pq_fail(f->cx, PQ_EINVALID, "stage '$documents' needs an array of objects, not %s",
                 pq_value_is_missing(list) ? "missing" : pq_type_name(pq_value_type(list)));
  if (rc == PQ_OK) rc = pq_array_source(f, list, out);
  pq_arena_release(&arena);
  return rc;
}

/* ---- $unionWith ---- */

typedef struct union_with {
  pq_slice collection;
  pq_pipeline *pipeline;
} union_with;

typedef struct unioner {
  pq_operator base;
  pq_operator *other; /* owned; NULL: not begun */
} unioner;

int pq_parse_union(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  static const char *const known[] = {"coll", "pipeline", NULL};
  pq_field *fields;
  pq_value stages = {0};
  uint32_t count;
  union_with *u;
  void *data;
  PQ_TRY(pq_stage_data(s, g, sizeof *u, &data));
  u = data;
  if (pq_value_type(spec) == PQ_TYPE_OBJECT) {
    PQ_TRY(pq_pipe_fields(s, spec, &fields, &count));
    for (uint32_t i = 0; i < count; i++) {
      if (pq_slice_is(fields[i].name, known[0]))
        PQ_TRY(pq_stage_collection(s, g, fields[i].name, fields[i].value, &u->collection));
      else if (pq_slice_is(fields[i].name, known[1]))
        stages = fields[i].value;
      else
        return pq_stage_fail_unknown(s, g, fields[i].name, known);
    }
  } else {
    PQ_TRY(pq_stage_collection(s, g, PQ_SLICE("coll"), spec, &u->collection));
  }
  if (pq_value_is_missing(stages)) {
    if (u->collection.n == 0) return pq_stage_fail(s, g, "needs coll or a pipeline");
    u->pipeline = pq_arena_calloc(s->arena, 1, sizeof *u->pipeline);
    return u->pipeline == NULL ? s->cx->code : PQ_OK;
  }
  PQ_TRY(pq_sub_pipeline(s, s->env, PQ_IN_UNION, stages, &u->pipeline));
  if ((u->collection.n == 0) != pq_pipeline_has_documents(u->pipeline))
    return pq_stage_fail(s, g, "needs coll, or a pipeline that begins with $documents");
  return PQ_OK;
}

static int union_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  unioner *u = (unioner *)(void *)o;
  const union_with *spec = o->stage->data;
  if (!o->is_over) {
    PQ_TRY(pq_operator_next(o->input, f, out));
    if (out->count > 0) return PQ_OK;
    o->is_over = true;
  }
  if (u->other == NULL) PQ_TRY(pq_flow_open_on(f, spec->pipeline, spec->collection, &u->other));
  return pq_operator_next(u->other, f, out);
}

int pq_reads_union(pq_flow_reads *r, const pq_pipe_stage *g, pq_doc_range *docs) {
  const union_with *u = g->data;
  pq_doc_range more;
  PQ_TRY(pq_flow_reads_pipeline(r, u->pipeline, u->collection, 1, !r->may_end, &more));
  docs->min = pq_count_add(docs->min, more.min);
  docs->max = pq_count_add(docs->max, more.max);
  docs->batches = docs->max;
  docs->len = UINT64_MAX;
  return PQ_OK;
}

static void union_release(pq_operator *o, pq_flow *f) {
  pq_operator_free(((unioner *)(void *)o)->other, f);
}

int pq_open_union(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  PQ_TRY(pq_operator_new(f, sizeof(unioner), input, out));
  (*out)->next = union_next;
  (*out)->release = union_release;
  return PQ_OK;
}
