/* query/set_window.c - $setWindowFields at work. See window_spec.h.
 *
 *   document ─► sorter by (partition, sort) ─► one partition into memory ─► its documents, each
 *                                                                           with its windows
 *
 * The sorter may spill; one partition must fit into memory. A partition ends with the first record
 * of the next one, which the sorter keeps until it is asked for another: it begins the next.
 */
#include <string.h>

#include "query/sorter.h"
#include "query/window_spec.h"

typedef struct window_stage {
  pq_blocking base; /* first */
  pq_blocking_cx x;
  const pq_window_spec *spec;
  uint64_t memory_max;
  pq_sorter *sorter;
  pq_arena arena; /* of the partition */
  pq_partition partition;
  uint32_t doc_cap;
  pq_value key;           /* of the partition, in `arena` */
  const pq_value *record; /* the first one behind the partition; NULL: not read, or the end */
  bool is_gathering, is_end;
  pq_window_state *states; /* one an output */
  uint32_t at;             /* next document to give out */
} window_stage;

static int add(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value doc) {
  window_stage *g = (window_stage *)b;
  pq_value record[2] = {{0}, doc};
  PQ_TRY(pq_sorter_ready(g->sorter, f));
  eval->root = doc;
  if (g->spec->partition != NULL) PQ_TRY(pq_expression_eval(g->spec->partition, eval, &record[0]));
  if (pq_value_type(record[0]) == PQ_TYPE_ARRAY)
    return pq_fail(g->x.cx, PQ_EINVALID, "stage '$setWindowFields': partitionBy gives an array");
  if (pq_value_is_missing(record[0])) PQ_TRY(pq_make_null(eval, &record[0]));
  return pq_sorter_add(g->sorter, f, record);
}

static int end(pq_blocking *b, pq_fetch *f, pq_eval *eval) {
  (void)eval;
  return pq_sorter_end(((window_stage *)b)->sorter, f);
}

/* ---- one partition ---- */

static int check_memory(const window_stage *g) {
  if (g->arena.used_len <= g->memory_max) return PQ_OK;
  return pq_fail(g->x.cx, PQ_ELIMIT,
                 "stage '$setWindowFields': one partition needs more than %llu bytes",
                 (unsigned long long)g->memory_max);
}

static int keep_document(window_stage *g, pq_value doc) {
  pq_partition *p = &g->partition;
  if (p->count == g->doc_cap) {
    uint32_t cap = g->doc_cap == 0 ? 16 : g->doc_cap * 2;
    pq_value *docs = pq_arena_calloc(&g->arena, cap, sizeof *docs);
    if (docs == NULL) return g->x.cx->code;
    if (p->count > 0) memcpy(docs, p->docs, p->count * sizeof *docs);
    p->docs = docs;
    g->doc_cap = cap;
  }
  PQ_TRY(pq_value_copy(&g->arena, doc, &p->docs[p->count]));
  p->count++;
  return check_memory(g);
}

/* Forget the partition that was given out; the record behind it is still the sorter's. */
static int begin_partition(window_stage *g) {
  pq_arena_release(&g->arena);
  pq_arena_init(&g->arena, g->x.cx, UINT64_MAX / 4); /* check_memory watches its length */
  g->partition = (pq_partition){.cx = g->x.cx, .arena = &g->arena, .spec = g->spec};
  g->doc_cap = 0;
  g->states = NULL;
  g->at = 0;
  g->is_gathering = true;
  if (g->record == NULL) return PQ_OK;
  PQ_TRY(pq_value_copy(&g->arena, g->record[0], &g->key));
  PQ_TRY(keep_document(g, g->record[1]));
  g->record = NULL;
  return PQ_OK;
}

/* Read records until one belongs to the next partition. */
static int gather_partition(window_stage *g, pq_fetch *f, const pq_eval *eval) {
  while (!g->is_end && g->record == NULL) {
    const pq_value *record;
    PQ_TRY(pq_sorter_next(g->sorter, f, &record));
    if (record == NULL) {
      g->is_end = true;
    } else if (g->partition.count == 0) {
      PQ_TRY(pq_value_copy(&g->arena, record[0], &g->key));
      PQ_TRY(keep_document(g, record[1]));
    } else if (pq_value_collate(record[0], g->key, eval->collation) == 0) {
      PQ_TRY(keep_document(g, record[1]));
    } else {
      g->record = record;
    }
  }
  g->is_gathering = false;
  return PQ_OK;
}

static int begin_outputs(window_stage *g, const pq_eval *eval) {
  pq_eval s = *eval;
  s.arena = &g->arena;
  g->states = pq_arena_calloc(&g->arena, g->spec->output_count, sizeof *g->states);
  if (g->states == NULL) return g->x.cx->code;
  for (uint32_t i = 0; i < g->spec->output_count; i++) {
    PQ_TRY(pq_window_begin(&g->partition, &g->spec->outputs[i], &s, &g->states[i]));
    PQ_TRY(check_memory(g));
  }
  return PQ_OK;
}

static int give_document(window_stage *g, pq_eval *eval, pq_value *out) {
  const pq_window_spec *spec = g->spec;
  pq_field *fields = pq_arena_calloc(eval->arena, spec->output_count, sizeof *fields);
  pq_value doc = g->partition.docs[g->at];
  if (fields == NULL) return g->x.cx->code;
  for (uint32_t i = 0; i < spec->output_count; i++) {
    eval->root = doc;
    fields[i].name = spec->names[i];
    PQ_TRY(pq_window_at(&g->partition, &spec->outputs[i], eval, &g->states[i], g->at,
                        &fields[i].value));
    PQ_TRY(check_memory(g));
  }
  PQ_TRY(pq_make_object(eval, fields, spec->output_count, &eval->variables[spec->variable]));
  eval->root = doc;
  PQ_TRY(pq_shape_apply(spec->shape, eval, out));
  g->at++;
  return PQ_OK;
}

static int next(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value *out) {
  window_stage *g = (window_stage *)b;
  *out = (pq_value){0};
  if (!g->is_gathering && g->at == g->partition.count) {
    if (g->is_end && g->record == NULL) return PQ_OK;
    PQ_TRY(begin_partition(g));
  }
  if (g->is_gathering) PQ_TRY(gather_partition(g, f, eval));
  if (g->partition.count == 0) return PQ_OK;
  if (g->states == NULL) PQ_TRY(begin_outputs(g, eval));
  return give_document(g, eval, out);
}

static void release(pq_blocking *b) {
  window_stage *g = (window_stage *)b;
  pq_sorter_free(g->sorter);
  pq_arena_release(&g->arena);
  pq_alloc(g->x.cx, g, sizeof *g, 0);
}

int pq_set_window_new(const pq_blocking_cx *x, const pq_window_spec *spec, pq_blocking **out) {
  window_stage *g = pq_alloc(x->cx, NULL, 0, sizeof *g);
  pq_sorter_spec sorted = {.key_count = 1,
                           .sort = spec->sort.count > 0 ? &spec->sort : NULL,
                           .collation = spec->collation,
                           .name = "$setWindowFields"};
  int rc;
  *out = NULL;
  if (g == NULL) return pq_fail_nomem(x->cx);
  *g = (window_stage){.base = {add, end, next, release}, .x = *x, .spec = spec};
  g->memory_max = x->memory_max != 0 ? x->memory_max : x->cx->limits.sort_len_max;
  rc = pq_sorter_new(x, &sorted, &g->sorter);
  if (rc != PQ_OK) {
    release(&g->base);
    return rc;
  }
  *out = &g->base;
  return PQ_OK;
}
