/* query/stage_blocking.c - stages that must see all documents: from batches to query/blocking.h and
 * back.
 *
 *   input ─► batch ─► add(doc) add(doc) … │ end │ next next next ─► batch
 */
#include "query/flow_int.h"
#include "query/group_spec.h"

/* What was parsed, and what makes a stage of it. */
typedef struct blocking_spec {
  pq_sort sort;
  pq_group_spec *group;
  pq_auto_spec *bucket_auto;
  pq_window_spec *window;
  pq_densify_spec *densify;
  pq_fill_spec *fill;
} blocking_spec;

typedef struct blocker {
  pq_operator base;
  pq_blocking *stage;
  bool is_ended;
} blocker;

/* ---- parse ---- */

static int new_spec(pq_pipe_parser *s, pq_pipe_stage *g, blocking_spec **out) {
  void *data;
  PQ_TRY(pq_stage_data(s, g, sizeof **out, &data));
  *out = data;
  return PQ_OK;
}

int pq_parse_sort(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  blocking_spec *b;
  PQ_TRY(new_spec(s, g, &b));
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_count(spec) == 0)
    return pq_stage_fail(s, g, "needs an object of at least one field");
  return pq_sort_parse(s->arena, s->env, spec, &b->sort);
}

int pq_parse_group(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  blocking_spec *b;
  PQ_TRY(new_spec(s, g, &b));
  return pq_group_parse(s->arena, s->env, g->kind->name, spec, &b->group);
}

int pq_parse_bucket_auto(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  blocking_spec *b;
  PQ_TRY(new_spec(s, g, &b));
  return pq_bucket_auto_parse(s->arena, s->env, spec, &b->bucket_auto);
}

int pq_parse_set_window(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  blocking_spec *b;
  PQ_TRY(new_spec(s, g, &b));
  return pq_set_window_parse(s->arena, s->env, spec, &b->window);
}

int pq_parse_densify(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  blocking_spec *b;
  PQ_TRY(new_spec(s, g, &b));
  return pq_densify_parse(s->arena, s->env, spec, &b->densify);
}

int pq_parse_fill(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  blocking_spec *b;
  PQ_TRY(new_spec(s, g, &b));
  return pq_fill_parse(s->arena, s->env, spec, &b->fill);
}

const pq_group_fold *pq_stage_fold(const pq_pipe_stage *g) {
  const blocking_spec *b = g->data;
  return g->kind->open == pq_open_blocking && b->group != NULL ? b->group->fold : NULL;
}

/* ---- run ---- */

/* What the source made of columns, behind all documents. */
static int take_groups(pq_operator *o, pq_flow *f) {
  blocker *k = (blocker *)(void *)o;
  pq_operator *from = o->input;
  if (from->groups == NULL) return PQ_OK;
  for (; from->group_at < from->groups->group_count; from->group_at++) {
    if (from->group_at % PQ_BATCH_DOCS == 0) pq_arena_clear(&o->arena);
    f->eval.arena = &o->arena;
    PQ_TRY(pq_group_absorb(k->stage, f->fetch, &f->eval, from->groups, from->group_at));
    pq_flow_fetched(f);
  }
  return PQ_OK;
}

static int take_all(pq_operator *o, pq_flow *f) {
  blocker *k = (blocker *)(void *)o;
  while (!o->is_over) {
    PQ_TRY(pq_input_more(o, f));
    for (; !o->is_over && o->at < o->in.count; o->at++) {
      /* What an evaluation makes lives until the document was added. */
      if (o->at % PQ_BATCH_DOCS == 0) pq_arena_clear(&o->arena);
      f->eval.arena = &o->arena;
      f->eval.root = o->in.docs[o->at];
      if (pq_flow_must_pause(f)) return PQ_NEED_IO;
      PQ_TRY(k->stage->add(k->stage, f->fetch, &f->eval, o->in.docs[o->at]));
      pq_flow_fetched(f);
      PQ_TRY(pq_spend(f->cx, PQ_WORK_DOC));
    }
  }
  if (!k->is_ended) {
    PQ_TRY(take_groups(o, f));
    pq_arena_clear(&o->arena);
    f->eval.arena = &o->arena;
    PQ_TRY(k->stage->end(k->stage, f->fetch, &f->eval));
    pq_flow_fetched(f);
  }
  k->is_ended = true;
  return PQ_OK;
}

/* A result may be borrowed until the next one is asked for: each is copied if
 * it is not in the arena of the batch, which only the stage knows; so all are.
 */
static int blocking_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  blocker *k = (blocker *)(void *)o;
  pq_value doc;
  if (!k->is_ended) PQ_TRY(take_all(o, f));
  if (!o->is_staying) pq_doc_batch_clear(o); /* else the last call had to wait: its batch goes on */
  while (!pq_doc_batch_is_full(o) && (o->doc_count == 0 || !pq_flow_must_pause(f))) {
    int rc;
    f->eval.arena = &o->arena;
    rc = k->stage->next(k->stage, f->fetch, &f->eval, &doc);
    o->is_staying = rc == PQ_NEED_IO;
    PQ_TRY(rc);
    pq_flow_fetched(f);
    if (pq_value_is_missing(doc)) break;
    PQ_TRY(pq_value_copy(&o->arena, doc, &doc));
    PQ_TRY(pq_doc_batch_add(o, f, doc));
    PQ_TRY(pq_spend(f->cx, PQ_WORK_DOC));
  }
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

static void blocking_release(pq_operator *o, pq_flow *f) {
  blocker *k = (blocker *)(void *)o;
  (void)f;
  if (k->stage != NULL) k->stage->free(k->stage);
}

static int new_stage(pq_flow *f, const pq_pipe_stage *g, pq_blocking **out) {
  pq_blocking_cx x = {.cx = f->cx, .spill = f->spill, .memory_max = f->memory_max};
  const blocking_spec *b = g->data;
  if (b->group != NULL) return pq_group_new(&x, b->group, out);
  if (b->bucket_auto != NULL) return pq_bucket_auto_new(&x, b->bucket_auto, out);
  if (b->window != NULL) return pq_set_window_new(&x, b->window, out);
  if (b->densify != NULL) return pq_densify_new(&x, b->densify, out);
  if (b->fill != NULL) return pq_fill_new(&x, b->fill, out);
  return pq_sort_new(&x, &b->sort, g->number, out);
}

int pq_open_blocking(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  int rc;
  PQ_TRY(pq_operator_new(f, sizeof(blocker), input, out));
  (*out)->next = blocking_next;
  (*out)->release = blocking_release;
  rc = new_stage(f, g, &((blocker *)(void *)*out)->stage);
  if (rc == PQ_OK) return PQ_OK;
  pq_operator_free(*out, f);
  *out = NULL;
  return rc;
}
