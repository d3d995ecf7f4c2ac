/* query/sort_stage.c - $sort: a sorter of whole documents. See blocking.h, sorter.h. */
#include "query/sorter.h"

typedef struct sort_stage {
  pq_blocking base; /* first */
  pq_cx *cx;
  pq_sorter *sorter;
} sort_stage;

static int add(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value doc) {
  (void)eval;
  return pq_sorter_add(((sort_stage *)b)->sorter, f, &doc);
}

static int end(pq_blocking *b, pq_fetch *f, pq_eval *eval) {
  (void)eval;
  return pq_sorter_end(((sort_stage *)b)->sorter, f);
}

static int next(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value *out) {
  const pq_value *record;
  (void)eval;
  *out = (pq_value){0};
  PQ_TRY(pq_sorter_next(((sort_stage *)b)->sorter, f, &record));
  if (record != NULL) *out = record[0];
  return PQ_OK;
}

static void release(pq_blocking *b) {
  sort_stage *s = (sort_stage *)b;
  pq_sorter_free(s->sorter);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

int pq_sort_new(const pq_blocking_cx *x, const pq_sort *sort, uint64_t limit, pq_blocking **out) {
  sort_stage *s = pq_alloc(x->cx, NULL, 0, sizeof *s);
  pq_sorter_spec spec = {.sort = sort, .limit = limit, .name = "$sort"};
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(x->cx);
  *s = (sort_stage){.base = {add, end, next, release}, .cx = x->cx};
  rc = pq_sorter_new(x, &spec, &s->sorter);
  if (rc != PQ_OK) {
    release(&s->base);
    return rc;
  }
  *out = &s->base;
  return PQ_OK;
}
