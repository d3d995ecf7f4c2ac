/* query/flow_reads.c - see flow_reads.h.
 *
 *   stage          documents in [a, b]        out
 *   $set, $sort    one for one                [a, b]
 *   $match …       fewer                      [0, b]
 *   $group …       at least one of some       [a > 0, b]
 *   $unwind …      more                       [0, ?]
 *   $limit n                                  [min(a, n), min(b, n)]
 */
#include "query/flow_reads.h"

#include <string.h>

#include "query/flow_int.h"
#include "table/read_bound.h"
#include "table/tail.h"

enum {
  GIVES_SAME = 1, /* as many documents as it takes */
  GIVES_SOME = 2, /* at least one if it takes any, never more */
  GIVES_MORE = 4, /* perhaps */
  GIVES_ONE = 8,  /* exactly */
  SEES_ALL = 16   /* before it gives any out */
};

static const struct behaviour {
  const char *name;
  unsigned flags;
  int (*reads)(pq_flow_reads *r, const pq_pipe_stage *g, pq_doc_range *docs);
} behaviours[] = {
    {"$sort", GIVES_SAME | SEES_ALL, NULL},
    {"$setWindowFields", GIVES_SAME | SEES_ALL, NULL},
    {"$fill", GIVES_SAME | SEES_ALL, NULL},
    {"$group", GIVES_SOME | SEES_ALL, NULL},
    {"$bucket", GIVES_SOME | SEES_ALL, NULL},
    {"$bucketAuto", GIVES_SOME | SEES_ALL, NULL},
    {"$sortByCount", GIVES_SOME | SEES_ALL, NULL},
    {"$densify", GIVES_MORE | SEES_ALL, NULL},
    {"$unwind", GIVES_MORE, NULL},
    {"$sample", SEES_ALL, NULL},
    {"$count", SEES_ALL, NULL},
    {"$facet", GIVES_ONE | SEES_ALL, pq_reads_facet},
    {"$lookup", GIVES_SAME, pq_reads_lookup},
    {"$graphLookup", GIVES_SAME, pq_reads_graph},
    {"$unionWith", 0, pq_reads_union},
};

static const struct behaviour *behaviour_of(const pq_pipe_stage *g) {
  static const struct behaviour same = {NULL, GIVES_SAME, NULL}, fewer = {NULL, 0, NULL};
  for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
    if (strcmp(behaviours[i].name, g->kind->name) == 0) return &behaviours[i];
  return g->kind->flags & PQ_STAGE_EACH ? &same : &fewer;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* ---- documents ---- */

static void take_skip(pq_doc_range *docs, uint64_t n) {
  docs->min = docs->min > n ? docs->min - n : 0;
  if (docs->max != UINT64_MAX) docs->max = docs->max > n ? docs->max - n : 0;
}

/* The range behind a stage that reads nothing else. */
static void pass(const pq_pipe_stage *g, unsigned flags, pq_doc_range *docs) {
  if (g->kind->open == pq_open_limit || g->kind->open == pq_open_sample) {
    docs->min = smaller(docs->min, g->number);
    docs->max = smaller(docs->max, g->number);
  } else if (g->kind->open == pq_open_skip) {
    take_skip(docs, g->number);
  } else if (g->kind->open == pq_open_count_stage) {
    docs->min = smaller(docs->min, 1);
    docs->max = smaller(docs->max, 1);
  } else if (flags & GIVES_ONE) {
    docs->min = docs->max = 1;
  } else if (flags & GIVES_SOME) {
    docs->min = smaller(docs->min, 1);
  } else if (!(flags & GIVES_SAME)) {
    docs->min = 0;
    if (flags & GIVES_MORE) docs->max = UINT64_MAX;
  }
  docs->batches = docs->max; /* how a stage cuts them nobody says */
  docs->len = UINT64_MAX;
}

/* May what stands before stage `i` be left before its end? */
static bool may_end_before(const pq_pipeline *p, uint32_t i) {
  for (; i < p->count; i++) {
    if (p->stages[i].kind->open == pq_open_limit) return true;
    if (behaviour_of(&p->stages[i])->flags & SEES_ALL) return false;
  }
  return false;
}

uint64_t pq_flow_reads_rows(const pq_flow_reads *r, pq_slice collection) {
  const pq_view *v = r->store->view;
  uint64_t rows = pq_tail_count(v, PQ_TAIL_ENTITIES, collection);
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (info->kind == PQ_FILE_DATA && pq_view_has_file(v, info) &&
        pq_slice_eq(info->collection, collection))
      rows = pq_count_add(rows, info->row_count);
  }
  return rows;
}

pq_doc_range pq_flow_reads_documents(const pq_pipeline *p) {
  pq_value list = p->stages[0].spec;
  uint64_t count = pq_value_count(list);
  if (pq_value_type(list) != PQ_TYPE_ARRAY)
    return (pq_doc_range){0, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  return (pq_doc_range){count, count, 1 + count / PQ_BATCH_DOCS, pq_doc_len(list)};
}

/* ---- reads ---- */

int pq_flow_reads_add(pq_flow_reads *r, const pq_flow_read *read) {
  pq_flow_read *x;
  if (r->count == r->cap) {
    uint32_t cap = r->cap == 0 ? 8 : r->cap * 2;
    pq_flow_read *items = pq_arena_calloc(r->arena, cap, sizeof *items);
    if (items == NULL) return r->arena->cx->code;
    if (r->count > 0) memcpy(items, r->items, r->count * sizeof *items);
    r->items = items;
    r->cap = cap;
  }
  x = &r->items[r->count++];
  *x = *read;
  if (x->stage == NULL) x->stage = r->stage;
  x->is_certain &= r->is_certain;
  x->times = pq_count_mul(x->times, r->times);
  x->times_full = pq_count_mul(x->times_full, r->times);
  x->values = pq_count_mul(x->values, r->times);
  return PQ_OK;
}

int pq_flow_reads_source(pq_flow_reads *r, pq_pipeline *p, pq_slice collection) {
  pq_flow_read read = {.collection = collection, .is_certain = true, .times = 1, .times_full = 1};
  pq_source_want want;
  if (pq_pipeline_has_documents(p)) return PQ_OK;
  pq_flow_want(p, collection, r->arena, &want);
  read.groups = pq_arena_calloc(r->arena, 1, sizeof *read.groups);
  if (read.groups == NULL) return r->arena->cx->code;
  PQ_TRY(pq_view_scan(r->store, r->f, &want, r->arena, read.groups, &read.scan));
  read.enough = want.is_count ? 0 : want.limit;
  if (r->may_end || (want.limit == 0 && may_end_before(p, p->first))) {
    read.is_certain = false;
    read.why = "a $limit may be full before everything is read";
  }
  return pq_flow_reads_add(r, &read);
}

int pq_flow_reads_stages(pq_flow_reads *r, pq_pipeline *p, pq_doc_range docs) {
  return pq_flow_reads_over(r, p, 1, &docs);
}

int pq_flow_reads_over(pq_flow_reads *r, pq_pipeline *p, uint64_t times, pq_doc_range *docs) {
  pq_flow_reads outer = *r;
  r->times = pq_count_mul(r->times, times);
  for (uint32_t i = p->first; i < p->count; i++) {
    const pq_pipe_stage *g = &p->stages[i];
    const struct behaviour *b = behaviour_of(g);
    pq_doc_range in = *docs;
    if (g->kind->open == NULL || g->kind->open == pq_open_documents) continue;
    r->stage = g->kind->name;
    r->may_end = outer.may_end || may_end_before(p, i + 1);
    if (b->reads != NULL) PQ_TRY(b->reads(r, g, docs));
    if (b->reads != pq_reads_union) {
      *docs = in;
      pass(g, b->flags, docs);
    }
  }
  r->times = outer.times;
  r->stage = outer.stage;
  r->may_end = outer.may_end;
  return PQ_OK;
}

int pq_flow_reads_pipeline(pq_flow_reads *r, pq_pipeline *p, pq_slice collection, uint64_t times,
                           bool is_certain, pq_doc_range *docs) {
  pq_flow_reads outer = *r;
  uint32_t first = r->count;
  r->times = pq_count_mul(r->times, times);
  r->is_certain &= is_certain;
  PQ_TRY(pq_flow_reads_source(r, p, collection));
  if (pq_pipeline_has_documents(p))
    *docs = pq_flow_reads_documents(p);
  else
    *docs = (pq_doc_range){0, pq_flow_reads_rows(r, collection), UINT64_MAX, UINT64_MAX};
  if (r->count > first && r->items[first].enough > 0)
    docs->max = smaller(docs->max, r->items[first].enough);
  docs->batches = docs->max;
  PQ_TRY(pq_flow_reads_over(r, p, 1, docs));
  r->times = outer.times;
  r->is_certain = outer.is_certain;
  return PQ_OK;
}
