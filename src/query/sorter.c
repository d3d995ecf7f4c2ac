/* query/sorter.c - see sorter.h.
 *
 *   COLLECT ─full─► WRITE (a run) ─► COLLECT … ─end─► WRITE ─► MERGE … ─► READ
 *                                        └─ nothing was spilled ────────► READ
 *
 * Every call first ends what a call before left waiting, so a record is taken only by the call
 * that returns PQ_OK.
 */
#include "query/sorter.h"

#include <string.h>

#include "base/sort_steps.h"
#include "query/run_merge.h"
#include "query/trim.h"

enum { TOP_SLACK = 256, ITEMS_MAX = 1 << 28 };

typedef enum phase { COLLECT, WRITE, MERGE, READ } phase;

struct pq_sorter {
  pq_cx *cx;
  pq_spill *spill;
  uint64_t memory_max;
  pq_record_order order;
  uint64_t limit;
  const char *name;
  phase phase;
  bool is_ended;
  pq_arena arena;   /* values of the items */
  pq_arena scratch; /* keys of a record that may not be taken */
  pq_record *items;
  uint32_t count, cap;
  uint32_t cut; /* the first `cut` items are the best so far, in order */
  uint32_t at;  /* next item to write or to give out */
  uint64_t counted, given;
  pq_sort_steps steps; /* of the last sort */
  pq_run_list runs;
  pq_run_merge *merge;
};

int pq_sorter_new(const pq_blocking_cx *x, const pq_sorter_spec *spec, pq_sorter **out) {
  pq_sorter *s = pq_alloc(x->cx, NULL, 0, sizeof *s);
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(x->cx);
  pq_assert(spec->key_count <= PQ_SORTER_KEYS_MAX);
  *s = (pq_sorter){.cx = x->cx, .spill = x->spill, .limit = spec->limit, .name = spec->name};
  s->memory_max = x->memory_max != 0 ? x->memory_max : x->cx->limits.sort_len_max;
  s->order = (pq_record_order){spec->key_count, spec->sort, spec->collation};
  pq_arena_init(&s->arena, s->cx, UINT64_MAX / 4); /* bounded by memory_max and one record */
  pq_arena_init(&s->scratch, s->cx, s->cx->limits.op_len_max);
  *out = s;
  return PQ_OK;
}

void pq_sorter_free(pq_sorter *s) {
  if (s == NULL) return;
  pq_run_merge_free(s->merge);
  pq_sort_steps_release(&s->steps, s->cx);
  pq_run_list_release(&s->runs, s->cx);
  pq_arena_release(&s->arena);
  pq_arena_release(&s->scratch);
  if (s->items != NULL) pq_alloc(s->cx, s->items, s->cap * sizeof *s->items, 0);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

uint64_t pq_sorter_count(const pq_sorter *s) {
  return s->counted;
}

/* ---- memory ---- */

static uint64_t held_len(const pq_sorter *s) {
  return s->arena.used_len + (uint64_t)s->cap * sizeof *s->items;
}

static int compare(const void *a, const void *b, const void *ud) {
  return pq_record_compare(ud, a, b);
}

static int sort_items(pq_sorter *s) {
  PQ_TRY(pq_sort_items(s->cx, s->items, s->count, sizeof *s->items, compare, &s->order));
  if (s->limit > 0 && s->count > s->limit) s->count = (uint32_t)s->limit;
  s->cut = s->count;
  return PQ_OK;
}

static int load(pq_sorter *s, pq_arena *arena, const pq_value *values, pq_record *out) {
  pq_value *copy = pq_arena_calloc(arena, s->order.key_count + 1, sizeof *copy);
  if (copy == NULL) return s->cx->code;
  for (uint32_t i = 0; i <= s->order.key_count; i++)
    PQ_TRY(pq_value_copy(arena, pq_value_trim(values[i]), &copy[i]));
  out->values = copy;
  return pq_record_load(&s->order, arena, out);
}

/* The same, a piece in each step; without a fetch set nobody may wait. */
static int sort_in_steps(pq_sorter *s, const pq_fetch *f) {
  int rc;
  do {
    rc = pq_sort_some(&s->steps, s->cx, s->items, s->count, sizeof *s->items, compare, &s->order);
  } while (rc == PQ_SORT_ON && f == NULL);
  if (rc == PQ_SORT_ON) return PQ_NEED_IO;
  pq_sort_steps_release(&s->steps, s->cx);
  PQ_TRY(rc);
  if (s->limit > 0 && s->count > s->limit) s->count = (uint32_t)s->limit;
  s->cut = s->count;
  return PQ_OK;
}

/* Copy the items that are left into a fresh arena: what was cut away is freed. */
static int compact(pq_sorter *s) {
  pq_arena fresh;
  int rc = PQ_OK;
  pq_arena_init(&fresh, s->cx, UINT64_MAX / 4);
  for (uint32_t i = 0; rc == PQ_OK && i < s->count; i++)
    rc = load(s, &fresh, s->items[i].values, &s->items[i]);
  if (rc != PQ_OK) s->count = 0;
  pq_arena_release(&s->arena);
  s->arena = fresh;
  return rc;
}

/* Does the record sort behind everything that still counts? */
static bool is_hopeless(pq_sorter *s, const pq_value *values) {
  pq_record r = {.values = values};
  if (s->limit == 0 || s->cut < s->limit) return false;
  pq_arena_clear(&s->scratch);
  if (pq_record_load(&s->order, &s->scratch, &r) != PQ_OK) return false;
  return pq_record_compare(&s->order, &r, &s->items[s->cut - 1]) >= 0;
}

static int reserve(pq_sorter *s) {
  uint32_t cap = s->cap == 0 ? 16 : s->cap * 2;
  pq_record *items;
  if (s->count < s->cap) return PQ_OK;
  if (s->count >= ITEMS_MAX) return pq_fail(s->cx, PQ_ELIMIT, "too many documents to sort");
  items = pq_alloc(s->cx, s->items, s->cap * sizeof *items, cap * sizeof *items);
  if (items == NULL) return pq_fail_nomem(s->cx);
  s->items = items;
  s->cap = cap;
  return PQ_OK;
}

/* ---- writing a run ---- */

static int begin_run(pq_sorter *s) {
  if (s->spill == NULL)
    return pq_fail(s->cx, PQ_ELIMIT,
                   "stage '%s' needs more than %llu bytes of memory, and may not use temporary "
                   "files",
                   s->name, (unsigned long long)s->memory_max);
  PQ_TRY(sort_items(s));
  PQ_TRY(pq_run_list_add(&s->runs, s->spill, s->cx));
  s->phase = WRITE;
  s->at = 0;
  return PQ_OK;
}

static int write_run(pq_sorter *s, pq_fetch *f) {
  pq_spill_run *run = s->runs.items[s->runs.count - 1];
  for (; s->at < s->count; s->at++)
    PQ_TRY(pq_spill_put_record(run, f, s->items[s->at].values, s->order.key_count + 1));
  PQ_TRY(pq_spill_rewind(run, f));
  s->phase = COLLECT;
  s->count = s->cut = s->at = 0;
  pq_arena_clear(&s->arena);
  if (s->cap * sizeof *s->items > s->memory_max / 2) { /* or the array alone would be too much */
    pq_alloc(s->cx, s->items, s->cap * sizeof *s->items, 0);
    s->items = NULL;
    s->cap = 0;
  }
  if (s->arena.used_len > s->memory_max / 2) { /* what clear keeps for reuse */
    pq_arena_release(&s->arena);
    pq_arena_init(&s->arena, s->cx, UINT64_MAX / 4);
  }
  return PQ_OK;
}

int pq_sorter_ready(pq_sorter *s, pq_fetch *f) {
  bool is_few = s->limit > 0 && s->limit < ITEMS_MAX / 4;
  pq_assert(!s->is_ended);
  if (s->phase == WRITE) return write_run(s, f);
  if (is_few && s->count >= 2 * s->limit + TOP_SLACK) PQ_TRY(sort_items(s));
  if (held_len(s) <= s->memory_max || s->count == 0) return PQ_OK;
  if (is_few) {
    PQ_TRY(sort_items(s));
    PQ_TRY(compact(s));
    if (held_len(s) <= s->memory_max / 2) return PQ_OK;
  }
  PQ_TRY(begin_run(s));
  return write_run(s, f);
}

int pq_sorter_add(pq_sorter *s, pq_fetch *f, const pq_value *record) {
  PQ_TRY(pq_sorter_ready(s, f));
  s->counted++;
  if (is_hopeless(s, record)) return PQ_OK;
  PQ_TRY(reserve(s));
  PQ_TRY(load(s, &s->arena, record, &s->items[s->count]));
  s->count++;
  return PQ_OK;
}

/* ---- the end ---- */

int pq_sorter_end(pq_sorter *s, pq_fetch *f) {
  s->is_ended = true;
  if (s->phase == COLLECT && s->runs.count == 0) {
    PQ_TRY(sort_in_steps(s, f));
    s->phase = READ;
    return PQ_OK;
  }
  if (s->phase == COLLECT && s->count > 0) PQ_TRY(begin_run(s));
  if (s->phase == WRITE) PQ_TRY(write_run(s, f));
  if (s->phase == COLLECT) {
    PQ_TRY(pq_run_merge_new(s->cx, s->spill, &s->order, s->memory_max, &s->merge));
    s->phase = MERGE;
  }
  if (s->phase == MERGE) PQ_TRY(pq_run_merge_prepare(s->merge, f, &s->runs));
  s->phase = READ;
  return PQ_OK;
}

int pq_sorter_next(pq_sorter *s, pq_fetch *f, const pq_value **out) {
  *out = NULL;
  pq_assert(s->phase == READ);
  if (s->limit > 0 && s->given == s->limit) return PQ_OK;
  if (s->merge != NULL) {
    PQ_TRY(pq_run_merge_next(s->merge, f, out));
  } else if (s->at < s->count) {
    *out = s->items[s->at++].values;
  }
  s->given += *out != NULL;
  return PQ_OK;
}
