/* query/flow.c - operators: life, batches, the chain of a pipeline. See flow.h for the picture.
 *
 *   pq_flow_open:  source ◄─ stage 1 ◄─ stage 2 ◄─ … ◄─ stage n     each owns its input
 */
#include <string.h>

#include "query/flow_int.h"

enum { DOCS_MAX = 1 << 28 }; /* in one list */

/* ---- life ---- */

int pq_operator_new(pq_flow *f, size_t size, pq_operator *input, pq_operator **out) {
  pq_operator *o = pq_alloc(f->cx, NULL, 0, size);
  *out = NULL;
  if (o == NULL) {
    pq_operator_free(input, f);
    return pq_fail_nomem(f->cx);
  }
  memset(o, 0, size);
  o->size = size;
  o->input = input;
  pq_arena_init(&o->arena, f->cx, f->cx->limits.op_len_max);
  pq_arena_init(&o->keep, f->cx, f->cx->limits.op_len_max);
  *out = o;
  return PQ_OK;
}

void pq_operator_free(pq_operator *o, pq_flow *f) {
  while (o != NULL) {
    pq_operator *input = o->input;
    if (o->release != NULL) o->release(o, f);
    pq_arena_release(&o->arena);
    pq_arena_release(&o->keep);
    pq_alloc(f->cx, o->docs, o->doc_cap * sizeof *o->docs, 0);
    pq_alloc(f->cx, o, o->size, 0);
    o = input;
  }
}

int pq_operator_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  *out = (pq_doc_batch){0};
  if (pq_flow_must_pause(f)) return PQ_NEED_IO;
  return o->next(o, f, out);
}

/* ---- batches ---- */

void pq_doc_batch_clear(pq_operator *o) {
  pq_arena_clear(&o->arena);
  o->doc_count = 0;
  o->doc_len = 0;
}

int pq_docs_reserve(pq_flow *f, const char *name, pq_value **items, uint32_t count, uint32_t *cap) {
  uint32_t more = *cap == 0 ? 64 : *cap * 2;
  pq_value *docs;
  if (count < *cap) return PQ_OK;
  if (more > DOCS_MAX) return pq_fail(f->cx, PQ_ELIMIT, "stage '%s': too many documents", name);
  docs = pq_alloc(f->cx, *items, *cap * sizeof *docs, more * sizeof *docs);
  if (docs == NULL) return pq_fail_nomem(f->cx);
  *items = docs;
  *cap = more;
  return PQ_OK;
}

int pq_doc_batch_add(pq_operator *o, pq_flow *f, pq_value doc) {
  const char *name = o->stage != NULL ? o->stage->kind->name : "scan";
  PQ_TRY(pq_docs_reserve(f, name, &o->docs, o->doc_count, &o->doc_cap));
  o->docs[o->doc_count++] = doc;
  o->doc_len += pq_doc_len(doc);
  return PQ_OK;
}

int pq_input_more(pq_operator *o, pq_flow *f) {
  pq_doc_batch in;
  if (o->is_over || o->at < o->in.count) return PQ_OK;
  PQ_TRY(pq_operator_next(o->input, f, &in));
  o->in = in;
  o->at = 0;
  o->is_over = in.count == 0;
  return PQ_OK;
}

int pq_rows_next(pq_operator *o, pq_flow *f, pq_doc_batch *out,
                 int (*row)(pq_operator *o, pq_flow *f, pq_value doc)) {
  pq_doc_batch_clear(o);
  /* What was made may borrow from the input batch: it goes out before the next
   * one comes. */
  while (o->doc_count == 0 && !o->is_over) {
    PQ_TRY(pq_input_more(o, f));
    f->eval.arena = &o->arena;
    while (!o->is_over && o->at < o->in.count && !pq_doc_batch_is_full(o)) {
      pq_value doc = o->in.docs[o->at];
      f->eval.root = doc;
      PQ_TRY(row(o, f, doc));
      o->at += !o->is_staying;
      o->is_staying = false;
      PQ_TRY(pq_spend(f->cx, PQ_WORK_DOC));
      if (pq_flow_must_pause(f)) break;
    }
    if (o->doc_count == 0 && !o->is_over && pq_flow_must_pause(f)) return PQ_NEED_IO;
  }
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

/* ---- a list of documents ---- */

typedef struct list_source {
  pq_operator base;
  const pq_value *list;
  uint64_t count;
} list_source;

static int list_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  list_source *s = (list_source *)(void *)o;
  uint64_t left = s->count - o->seen;
  (void)f;
  *out = (pq_doc_batch){0};
  if (left == 0) return PQ_OK; /* an empty list may have no place at all */
  *out = (pq_doc_batch){s->list + o->seen, left < PQ_BATCH_DOCS ? left : PQ_BATCH_DOCS};
  o->seen += out->count;
  return PQ_OK;
}

int pq_list_source(pq_flow *f, const pq_value *docs, uint64_t count, pq_operator **out) {
  PQ_TRY(pq_operator_new(f, sizeof(list_source), NULL, out));
  (*out)->next = list_next;
  ((list_source *)(void *)*out)->list = docs == NULL ? (*out)->docs : docs;
  ((list_source *)(void *)*out)->count = docs == NULL ? 0 : count;
  return PQ_OK;
}

int pq_array_source(pq_flow *f, pq_value array, pq_operator **out) {
  uint32_t count = pq_value_count(array);
  pq_value *list;
  int rc = PQ_OK;
  PQ_TRY(pq_list_source(f, NULL, 0, out));
  list = pq_arena_calloc(&(*out)->keep, (size_t)count + 1, sizeof *list);
  if (list == NULL) rc = f->cx->code;
  if (rc == PQ_OK) rc = pq_value_copy(&(*out)->keep, array, &array);
  for (uint32_t i = 0; rc == PQ_OK && i < count; i++) {
    list[i] = pq_array_at(array, i);
    if (pq_value_type(list[i]) != PQ_TYPE_OBJECT)
      rc = pq_fail(f->cx, PQ_EINVALID, "stage '$documents': element %u is %s, not an object", i,
                   pq_type_name(pq_value_type(list[i])));
  }
  if (rc == PQ_OK) {
    ((list_source *)(void *)*out)->list = list;
    ((list_source *)(void *)*out)->count = count;
    return PQ_OK;
  }
  pq_operator_free(*out, f);
  *out = NULL;
  return rc;
}

/* ---- the chain ---- */

int pq_flow_open(pq_flow *f, const pq_pipeline *p, pq_operator *input, pq_operator **out) {
  *out = NULL;
  for (uint32_t i = p->first; i < p->count; i++) {
    const pq_pipe_stage *g = &p->stages[i];
    if (g->kind->open == NULL) continue;
    PQ_TRY(g->kind->open(f, g, input, &input));
    input->stage = g;
  }
  *out = input;
  return PQ_OK;
}

/* How many documents the stages before the first that is no one-for-one can
 * want; 0: all. */
static uint64_t wanted(const pq_pipeline *p) {
  uint64_t skipped = 0;
  for (uint32_t i = p->first; i < p->count; i++) {
    const pq_pipe_stage *g = &p->stages[i];
    if (g->kind->open == pq_open_limit)
      return pq_add_u64(skipped, g->number, &skipped) ? skipped : 0;
    if (g->kind->open == pq_open_skip) {
      if (!pq_add_u64(skipped, g->number, &skipped)) return 0;
    } else if (!(g->kind->flags & PQ_STAGE_EACH)) {
      return 0;
    }
  }
  return 0;
}

void pq_flow_want(pq_pipeline *p, pq_slice collection, pq_arena *arena, pq_source_want *out) {
  const pq_pipe_stage *first;
  *out = (pq_source_want){.collection = collection, .filter = pq_pipeline_take_filter(p)};
  out->limit = wanted(p);
  first = p->first < p->count ? &p->stages[p->first] : NULL;
  out->is_count = first != NULL && first->kind->open == pq_open_count_stage;
  out->fold = first == NULL ? NULL : pq_stage_fold(first);
  (void)pq_pipeline_needs(p, arena, &out->needs, &out->need_count);
}

int pq_flow_open_on(pq_flow *f, pq_pipeline *p, pq_slice collection, pq_operator **out) {
  pq_source_want want;
  pq_operator *input = NULL;
  pq_arena names;
  int rc;
  *out = NULL;
  if (pq_pipeline_has_documents(p)) return pq_flow_open(f, p, NULL, out);
  if (f->store == NULL)
    return pq_fail(f->cx, PQ_EUNSUPPORTED, "collection '%.*s': no collections can be read here",
                   PQ_SHOW(collection));
  pq_arena_init(&names, f->cx, f->cx->limits.op_len_max);
  pq_flow_want(p, collection, &names, &want);
  rc = f->store->open(f->store->ud, f, &want, &input);
  pq_arena_release(&names);
  return rc == PQ_OK ? pq_flow_open(f, p, input, out) : rc;
}

/* ---- documents ---- */

/* `old` with `v` at the rest of the path, as the next value of the builder. */
static int put_at(pq_flow *f, const pq_path *path, uint32_t part, pq_value old, pq_value v) {
  pq_builder *b = f->eval.builder;
  pq_slice name = path->parts[part].name;
  bool is_last = part + 1 == path->count, is_there = false;
  uint32_t count = 0;
  pq_field *fields = NULL;
  if (pq_value_type(old) == PQ_TYPE_OBJECT) {
    fields = pq_object_fields(f->eval.arena, old, &count);
    if (fields == NULL && pq_value_count(old) > 0) return f->cx->code;
  }
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i <= count; i++) {
    bool is_here = i < count && pq_slice_eq(fields[i].name, name);
    if (i < count && !is_here) {
      PQ_TRY(pq_builder_key(b, fields[i].name));
      PQ_TRY(pq_builder_value(b, fields[i].value));
      continue;
    }
    if ((i == count && is_there) || (is_last && pq_value_is_missing(v))) {
      is_there = true;
      continue;
    }
    is_there = true;
    PQ_TRY(pq_builder_key(b, name));
    PQ_TRY(is_last ? pq_builder_value(b, v)
                   : put_at(f, path, part + 1, is_here ? fields[i].value : (pq_value){0}, v));
  }
  return pq_builder_end(b);
}

int pq_doc_put(pq_flow *f, const pq_path *path, pq_value doc, pq_value v, pq_value *out) {
  *out = (pq_value){0};
  pq_builder_clear(f->eval.builder);
  PQ_TRY(put_at(f, path, 0, doc, v));
  return pq_builder_finish(f->eval.builder, f->eval.arena, out);
}

pq_value pq_doc_get(pq_value v, const pq_path *path) {
  for (uint32_t i = 0; i < path->count; i++)
    v = pq_value_type(v) == PQ_TYPE_OBJECT ? pq_object_get(v, path->parts[i].name) : (pq_value){0};
  return v;
}
