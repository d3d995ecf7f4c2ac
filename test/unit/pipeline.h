/* test/unit/pipeline.h - pipelines over documents in memory, for the tests that
 * need no database.
 *
 *   collections: {"c": [doc, doc], "d": [doc]}      a pq_store on them; "" is
 * the input
 */
#ifndef PQ_TEST_PIPELINE_H
#define PQ_TEST_PIPELINE_H

#include "query/flow.h"

typedef struct pipeline_bench {
  pq_cx *cx;
  pq_arena *arena;      /* what was parsed, and lists */
  pq_builder *b;        /* not in use by anything else */
  pq_value docs;        /* the input: an array */
  pq_value collections; /* an object of arrays, or missing */
  const pq_env *env;
  uint64_t memory_max;
  uint64_t opened; /* how often a collection was opened */
} pipeline_bench;

typedef int (*pipeline_sink)(void *ud, pq_value doc);

static inline bool pipeline_has_id(const pq_source_want *want, pq_value doc) {
  pq_slice id;
  if (want->ids == NULL || want->is_by_key) return true;
  if (!pq_value_string(pq_object_get_str(doc, "$id"), &id)) return false;
  for (uint32_t i = 0; i < want->id_count; i++)
    if (pq_slice_eq(want->ids[i], id)) return true;
  return false;
}

/* A pq_store.open. */
static inline int pipeline_open(void *ud, pq_flow *f, const pq_source_want *want,
                                pq_operator **out) {
  pipeline_bench *t = ud;
  pq_value docs =
      want->collection.n == 0 ? t->docs : pq_object_get(t->collections, want->collection);
  uint32_t count = pq_value_count(docs), kept = 0;
  pq_value *list = pq_arena_calloc(t->arena, (size_t)count + 1, sizeof *list);
  *out = NULL;
  t->opened++;
  if (list == NULL) return t->cx->code;
  f->eval.arena = t->arena;
  for (uint32_t i = 0; i < count; i++) {
    pq_value doc = pq_array_at(docs, i);
    if (pq_value_type(doc) != PQ_TYPE_OBJECT || !pipeline_has_id(want, doc)) continue;
    if (want->filter != NULL) {
      bool is_match = pq_filter_match(want->filter, &f->eval, doc, (pq_value){0});
      PQ_TRY(pq_filter_status(want->filter));
      if (!is_match) continue;
    }
    list[kept++] = doc;
  }
  return pq_list_source(f, list, kept, out);
}

/* Parse and run; each document that comes out goes to `sink`, whose PQ_YIELD
 * ends it. */
static inline int pipeline_run(pipeline_bench *t, pq_value stages, pipeline_sink sink, void *ud) {
  pq_store store = {t, pipeline_open};
  pq_flow flow = {.cx = t->cx, .store = &store, .memory_max = t->memory_max};
  pq_operator *root = NULL;
  pq_pipeline *p;
  pq_doc_batch batch;
  int rc = pq_pipeline_parse(t->arena, t->env, stages, &p);
  if (rc != PQ_OK) return rc;
  pq_builder_clear(t->b);
  flow.eval = (pq_eval){.cx = t->cx, .builder = t->b, .random = 1};
  if (t->env != NULL) flow.eval.collation = t->env->collation;
  rc = pq_flow_open_on(&flow, p, (pq_slice){0}, &root);
  while (rc == PQ_OK) {
    rc = pq_operator_next(root, &flow, &batch);
    if (rc == PQ_OK && batch.count == 0) break;
    for (uint64_t i = 0; rc == PQ_OK && i < batch.count; i++)
      rc = sink(ud, batch.docs[i]);
  }
  pq_operator_free(root, &flow);
  return rc == PQ_YIELD ? PQ_OK : rc;
}

#endif
