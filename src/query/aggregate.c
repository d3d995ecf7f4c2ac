/* query/aggregate.c - documents through the stages of a pipeline. See aggregate.h. */
#include <string.h>

#include "base/merge_sort.h"
#include "query/aggregate_int.h"

enum { SORT_SLACK = 256 };

pq_filter *pq_pipeline_take_filter(pq_pipeline *p) {
  if (p->count == 0 || p->stages[0].kind != PQ_STAGE_MATCH) return NULL;
  p->first = 1;
  return p->stages[0].filter;
}

void pq_pipeline_begin(pq_pipeline *p, pq_eval eval, pq_arena *keep, pq_pipeline_sink sink,
                       void *ud) {
  p->eval = eval;
  p->keep = keep;
  p->sink = sink;
  p->ud = ud;
}

const char *pq_pipeline_stage_name(const pq_pipeline *p, uint32_t i) {
  return i < p->count ? p->stages[i].name : NULL;
}

bool pq_pipeline_is_count(const pq_pipeline *p) {
  return p->first < p->count && p->stages[p->first].kind == PQ_STAGE_COUNT;
}

void pq_pipeline_push_count(pq_pipeline *p, uint64_t count) {
  pq_assert(pq_pipeline_is_count(p));
  p->stages[p->first].seen += count;
}

uint32_t pq_pipeline_taken(const pq_pipeline *p) {
  return p->first;
}

static int push(pq_pipeline *p, uint32_t at, pq_value doc);

/* ---- $unwind ---- */

/* `old` with `v` at the rest of the path (missing: without it). What is in the way and no object
 * is replaced. Recursion by the parts of the path. */
static int put_at(pq_pipeline *p, const pq_path *path, uint32_t part, pq_value old, pq_value v) {
  pq_builder *b = p->eval.builder;
  pq_slice name = path->parts[part].name;
  bool is_last = part + 1 == path->count, is_there = false;
  uint32_t count = 0;
  pq_field *fields = NULL;
  if (pq_value_type(old) == PQ_TYPE_OBJECT) {
    fields = pq_object_fields(p->eval.arena, old, &count);
    if (fields == NULL && pq_value_count(old) > 0) return p->eval.cx->code;
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
                   : put_at(p, path, part + 1, is_here ? fields[i].value : (pq_value){0}, v));
  }
  return pq_builder_end(b);
}

static int with_value(pq_pipeline *p, const pq_path *path, pq_value doc, pq_value v,
                      pq_value *out) {
  pq_builder_clear(p->eval.builder);
  PQ_TRY(put_at(p, path, 0, doc, v));
  return pq_builder_finish(p->eval.builder, p->eval.arena, out);
}

/* One result of an $unwind; index below 0 stands for null. */
static int push_unwound(pq_pipeline *p, uint32_t at, pq_value doc, int64_t index) {
  const pq_pipe_stage *g = &p->stages[at];
  pq_value v;
  if (g->has_index) {
    PQ_TRY(index < 0 ? pq_make_null(&p->eval, &v) : pq_make_i64(&p->eval, index, &v));
    PQ_TRY(with_value(p, &g->index_path, doc, v, &doc));
  }
  return push(p, at + 1, doc);
}

/* The value at a path of objects; arrays are not looked into. */
static pq_value value_at(pq_value v, const pq_path *path) {
  for (uint32_t i = 0; i < path->count; i++)
    v = pq_value_type(v) == PQ_TYPE_OBJECT ? pq_object_get(v, path->parts[i].name) : (pq_value){0};
  return v;
}

static int unwind(pq_pipeline *p, uint32_t at, pq_value doc) {
  const pq_pipe_stage *g = &p->stages[at];
  pq_value array = value_at(doc, &g->path), one;
  pq_type t = pq_value_type(array);
  uint32_t count = pq_value_count(array);
  if (t == PQ_TYPE_MISSING || t == PQ_TYPE_NULL)
    return g->is_preserving ? push_unwound(p, at, doc, -1) : PQ_OK;
  if (t != PQ_TYPE_ARRAY) return push_unwound(p, at, doc, -1);
  if (count == 0 && g->is_preserving) {
    PQ_TRY(with_value(p, &g->path, doc, (pq_value){0}, &one));
    return push_unwound(p, at, one, -1);
  }
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(with_value(p, &g->path, doc, pq_array_at(array, i), &one));
    PQ_TRY(push_unwound(p, at, one, i));
  }
  return PQ_OK;
}

/* ---- $sort ---- */

static int compare_sorted(const void *a, const void *b, const void *ud) {
  const pq_sorted *x = a, *y = b;
  return pq_sort_compare(ud, x->keys, x->empties, y->keys, y->empties);
}

/* Stable, so that equal documents stay in the order of their coming. */
static int sort_items(pq_pipeline *p, pq_pipe_stage *g) {
  PQ_TRY(pq_sort_items(p->eval.cx, g->items, g->item_count, sizeof *g->items, compare_sorted,
                       &g->sort));
  if (g->number > 0 && g->item_count > g->number) g->item_count = (uint32_t)g->number;
  return PQ_OK;
}

static int reserve(pq_pipeline *p, pq_pipe_stage *g) {
  uint32_t cap = g->item_cap == 0 ? 64 : g->item_cap * 2;
  pq_sorted *items;
  if (g->item_count < g->item_cap) return PQ_OK;
  if (cap > (1u << 30)) return pq_fail(p->eval.cx, PQ_ELIMIT, "too many documents to sort");
  items = pq_arena_calloc(p->keep, cap, sizeof *items);
  if (items == NULL) return p->keep->cx->code;
  if (g->item_count > 0) memcpy(items, g->items, g->item_count * sizeof *items);
  g->items = items;
  g->item_cap = cap;
  return PQ_OK;
}

static int collect(pq_pipeline *p, pq_pipe_stage *g, pq_value doc) {
  pq_sorted *item;
  PQ_TRY(reserve(p, g));
  item = &g->items[g->item_count];
  PQ_TRY(pq_value_copy(p->keep, doc, &item->doc));
  item->keys = pq_arena_calloc(p->keep, g->sort.count, sizeof *item->keys);
  item->empties = pq_arena_calloc(p->keep, g->sort.count, sizeof *item->empties);
  if (item->keys == NULL || item->empties == NULL) return p->keep->cx->code;
  for (uint32_t i = 0; i < g->sort.count; i++)
    item->keys[i] = pq_sort_key(&g->sort, i, item->doc, (pq_value){0}, &item->empties[i]);
  g->item_count++;
  if (g->number > 0 && g->number < UINT32_MAX / 4 && g->item_count >= 2 * g->number + SORT_SLACK)
    return sort_items(p, g);
  return PQ_OK;
}

/* ---- one document, one stage ---- */

static int push_shaped(pq_pipeline *p, uint32_t at, pq_value doc) {
  p->eval.root = doc;
  PQ_TRY(pq_shape_apply(p->stages[at].shape, &p->eval, &doc));
  return push(p, at + 1, doc);
}

static int push_replaced(pq_pipeline *p, uint32_t at, pq_value doc) {
  pq_value root;
  p->eval.root = doc;
  PQ_TRY(pq_expression_eval(p->stages[at].expression, &p->eval, &root));
  if (pq_value_type(root) != PQ_TYPE_OBJECT)
    return pq_fail(p->eval.cx, PQ_EINVALID, "stage '%s' needs an object, not %s",
                   p->stages[at].name,
                   pq_value_is_missing(root) ? "missing" : pq_type_name(pq_value_type(root)));
  return push(p, at + 1, root);
}

static int push_limited(pq_pipeline *p, uint32_t at, pq_value doc) {
  pq_pipe_stage *g = &p->stages[at];
  if (g->seen >= g->number) return PQ_YIELD;
  g->seen++;
  PQ_TRY(push(p, at + 1, doc));
  return g->seen == g->number ? PQ_YIELD : PQ_OK;
}

/* Recursion is bounded by the number of stages. */
static int push(pq_pipeline *p, uint32_t at, pq_value doc) {
  pq_pipe_stage *g = &p->stages[at];
  bool is_match;
  if (at == p->count) return p->sink(p->ud, doc);
  switch (g->kind) {
    case PQ_STAGE_MATCH:
      is_match = pq_filter_match(g->filter, &p->eval, doc, (pq_value){0});
      PQ_TRY(pq_filter_status(g->filter));
      return is_match ? push(p, at + 1, doc) : PQ_OK;
    case PQ_STAGE_SHAPE: return push_shaped(p, at, doc);
    case PQ_STAGE_REPLACE: return push_replaced(p, at, doc);
    case PQ_STAGE_UNWIND: return unwind(p, at, doc);
    case PQ_STAGE_SKIP: return g->seen < g->number ? (g->seen++, PQ_OK) : push(p, at + 1, doc);
    case PQ_STAGE_LIMIT: return push_limited(p, at, doc);
    case PQ_STAGE_GROUP: return pq_group_add(p, g, doc);
    case PQ_STAGE_SORT: return collect(p, g, doc);
    case PQ_STAGE_COUNT: g->seen++; return PQ_OK;
  }
  pq_unreachable("stage");
}

int pq_pipeline_push(pq_pipeline *p, pq_value doc) {
  return push(p, p->first, doc);
}

/* ---- the end ---- */

/* Result `i` of a blocking stage; *is_there is false behind the last. */
static int result_at(pq_pipeline *p, pq_pipe_stage *g, uint32_t i, pq_value *out, bool *is_there) {
  pq_field field;
  *is_there = false;
  switch (g->kind) {
    case PQ_STAGE_GROUP:
      if (i >= pq_group_count(g)) return PQ_OK;
      *is_there = true;
      return pq_group_result(p, g, i, out);
    case PQ_STAGE_SORT:
      if (i >= g->item_count) return PQ_OK;
      *is_there = true;
      *out = g->items[i].doc;
      return PQ_OK;
    case PQ_STAGE_COUNT: /* nothing in, nothing out (MongoDB's manual) */
      if (i > 0 || g->seen == 0) return PQ_OK;
      *is_there = true;
      field.name = g->field;
      PQ_TRY(g->seen > INT32_MAX ? pq_make_i64(&p->eval, (int64_t)g->seen, &field.value)
                                 : pq_make_i32(&p->eval, (int32_t)g->seen, &field.value));
      return pq_make_object(&p->eval, &field, 1, out);
    default: return PQ_OK;
  }
}

int pq_pipeline_finish(pq_pipeline *p) {
  for (uint32_t at = p->first; at < p->count; at++) {
    pq_pipe_stage *g = &p->stages[at];
    if (g->kind == PQ_STAGE_SORT) PQ_TRY(sort_items(p, g));
    if (g->kind == PQ_STAGE_GROUP) PQ_TRY(pq_group_finish(p, g));
    for (uint32_t i = 0;; i++) {
      pq_value doc;
      bool is_there;
      int rc;
      pq_arena_clear(p->eval.arena);
      PQ_TRY(result_at(p, g, i, &doc, &is_there));
      if (!is_there) break;
      rc = push(p, at + 1, doc);
      if (rc == PQ_YIELD) break;
      PQ_TRY(rc);
    }
  }
  return PQ_OK;
}
