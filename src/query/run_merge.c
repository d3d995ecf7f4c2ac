/* query/run_merge.c - see run_merge.h.
 *
 * The sources of a merge are neighbouring runs; source i stands before source i + 1 when their
 * records are equal. The heap holds the numbers of sources that have a record. The source whose
 * record was given out last is advanced by the next call, as its record is borrowed until then.
 */
#include "query/run_merge.h"

#include <string.h>

enum { FAN_MAX = 64, FAN_MIN = 4, SOURCE_LEN = 1 << 20, RUNS_MAX = 1 << 24, VALUES_MAX = 8 };

int pq_record_load(const pq_record_order *order, pq_arena *arena, pq_record *record) {
  pq_value doc = record->values[order->key_count];
  if (order->sort == NULL) return PQ_OK;
  record->keys = pq_arena_calloc(arena, order->sort->count, sizeof *record->keys);
  record->empties = pq_arena_calloc(arena, order->sort->count, sizeof *record->empties);
  if (record->keys == NULL || record->empties == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < order->sort->count; i++)
    record->keys[i] = pq_sort_key(order->sort, i, doc, (pq_value){0}, &record->empties[i]);
  return PQ_OK;
}

int pq_record_compare(const pq_record_order *order, const pq_record *a, const pq_record *b) {
  for (uint32_t i = 0; i < order->key_count; i++) {
    int c = pq_value_collate(a->values[i], b->values[i], order->collation);
    if (c != 0) return c;
  }
  if (order->sort == NULL) return 0;
  return pq_sort_compare(order->sort, a->keys, a->empties, b->keys, b->empties);
}

/* ---- lists of runs ---- */

static int list_reserve(pq_run_list *l, pq_cx *cx) {
  uint32_t cap = l->cap == 0 ? 16 : l->cap * 2;
  void *items;
  if (l->count < l->cap) return PQ_OK;
  if (l->count >= RUNS_MAX) return pq_fail(cx, PQ_ELIMIT, "too many runs to sort");
  items = pq_alloc(cx, (void *)l->items, l->cap * sizeof *l->items, cap * sizeof *l->items);
  if (items == NULL) return pq_fail_nomem(cx);
  l->items = items;
  l->cap = cap;
  return PQ_OK;
}

int pq_run_list_add(pq_run_list *l, pq_spill *spill, pq_cx *cx) {
  PQ_TRY(list_reserve(l, cx));
  PQ_TRY(pq_spill_run_new(spill, &l->items[l->count]));
  l->count++;
  return PQ_OK;
}

void pq_run_list_release(pq_run_list *l, pq_cx *cx) {
  for (uint32_t i = 0; i < l->count; i++)
    pq_spill_run_free(l->items[i]);
  if (l->items != NULL) pq_alloc(cx, (void *)l->items, l->cap * sizeof *l->items, 0);
  *l = (pq_run_list){0};
}

/* ---- a merge ---- */

typedef struct source {
  pq_spill_run *run; /* borrowed from `runs` */
  pq_value values[VALUES_MAX];
  pq_record record;
  pq_arena arena; /* of the record's keys */
  bool has_record;
} source;

struct pq_run_merge {
  pq_cx *cx;
  pq_spill *spill;
  pq_record_order order;
  uint32_t fan;
  pq_run_list runs;   /* of this pass */
  pq_run_list merged; /* of the next one */
  uint32_t from;      /* runs before it were merged in this pass */
  source *sources;    /* owned, `fan` of them */
  uint32_t source_count;
  bool is_open; /* every source has its first record or is empty */
  uint32_t heap[FAN_MAX];
  uint32_t heap_count;
  bool is_taken; /* the record of heap[0] was given out */
};

int pq_run_merge_new(pq_cx *cx, pq_spill *spill, const pq_record_order *order, uint64_t memory_max,
                     pq_run_merge **out) {
  pq_run_merge *m = pq_alloc(cx, NULL, 0, sizeof *m);
  uint64_t fan = memory_max / SOURCE_LEN;
  *out = NULL;
  if (m == NULL) return pq_fail_nomem(cx);
  pq_assert(order->key_count < VALUES_MAX);
  *m = (pq_run_merge){.cx = cx, .spill = spill, .order = *order};
  m->fan = fan < FAN_MIN ? FAN_MIN : fan > FAN_MAX ? FAN_MAX : (uint32_t)fan;
  m->sources = pq_alloc(cx, NULL, 0, m->fan * sizeof *m->sources);
  if (m->sources == NULL) {
    pq_alloc(cx, m, sizeof *m, 0);
    return pq_fail_nomem(cx);
  }
  memset(m->sources, 0, m->fan * sizeof *m->sources);
  for (uint32_t i = 0; i < m->fan; i++)
    pq_arena_init(&m->sources[i].arena, cx, cx->limits.op_len_max);
  *out = m;
  return PQ_OK;
}

void pq_run_merge_free(pq_run_merge *m) {
  if (m == NULL) return;
  for (uint32_t i = 0; i < m->fan; i++)
    pq_arena_release(&m->sources[i].arena);
  pq_alloc(m->cx, m->sources, m->fan * sizeof *m->sources, 0);
  pq_run_list_release(&m->runs, m->cx);
  pq_run_list_release(&m->merged, m->cx);
  pq_alloc(m->cx, m, sizeof *m, 0);
}

/* ---- the heap ---- */

static bool is_before(const pq_run_merge *m, uint32_t a, uint32_t b) {
  int c = pq_record_compare(&m->order, &m->sources[a].record, &m->sources[b].record);
  return c != 0 ? c < 0 : a < b;
}

static void sift_down(pq_run_merge *m, uint32_t i) {
  uint32_t v = m->heap[i];
  for (uint32_t kid = 2 * i + 1; kid < m->heap_count; kid = 2 * i + 1) {
    if (kid + 1 < m->heap_count && is_before(m, m->heap[kid + 1], m->heap[kid])) kid++;
    if (!is_before(m, m->heap[kid], v)) break;
    m->heap[i] = m->heap[kid];
    i = kid;
  }
  m->heap[i] = v;
}

/* ---- sources ---- */

static int advance(pq_run_merge *m, source *s, pq_fetch *f) {
  bool is_end;
  PQ_TRY(pq_spill_get_record(s->run, f, s->values, m->order.key_count + 1, &is_end));
  s->has_record = !is_end;
  if (is_end) return PQ_OK;
  pq_arena_clear(&s->arena);
  s->record.values = s->values;
  return pq_record_load(&m->order, &s->arena, &s->record);
}

/* Sources for runs [from, from + count). */
static void set_sources(pq_run_merge *m, uint32_t from, uint32_t count) {
  m->source_count = count;
  m->is_open = false;
  m->is_taken = false;
  for (uint32_t i = 0; i < count; i++) {
    m->sources[i].run = m->runs.items[from + i];
    m->sources[i].has_record = false;
  }
}

/* The first records, all asked for in one round. */
static int open_sources(pq_run_merge *m, pq_fetch *f) {
  bool is_waiting = false;
  if (m->is_open) return PQ_OK;
  for (uint32_t i = 0; i < m->source_count; i++) {
    int rc = m->sources[i].has_record ? PQ_OK : advance(m, &m->sources[i], f);
    if (rc < 0) return rc;
    is_waiting |= rc == PQ_NEED_IO;
  }
  if (is_waiting) return PQ_NEED_IO;
  m->heap_count = 0;
  for (uint32_t i = 0; i < m->source_count; i++)
    if (m->sources[i].has_record) m->heap[m->heap_count++] = i;
  for (uint32_t i = m->heap_count / 2; i > 0; i--)
    sift_down(m, i - 1);
  m->is_open = true;
  return PQ_OK;
}

/* *out: the source with the smallest record; NULL: none is left. */
static int smallest(pq_run_merge *m, pq_fetch *f, source **out) {
  *out = NULL;
  PQ_TRY(open_sources(m, f));
  if (m->is_taken) {
    source *top = &m->sources[m->heap[0]];
    PQ_TRY(advance(m, top, f));
    if (!top->has_record) m->heap[0] = m->heap[--m->heap_count];
    m->is_taken = false;
    if (m->heap_count > 1) sift_down(m, 0);
  }
  if (m->heap_count > 0) *out = &m->sources[m->heap[0]];
  return PQ_OK;
}

/* ---- passes ---- */

/* Write the sources as one run of the next pass. */
static int merge_group(pq_run_merge *m, pq_fetch *f) {
  pq_spill_run *to = m->merged.items[m->merged.count - 1];
  for (;;) {
    source *s;
    PQ_TRY(pq_spill_ready(to, f)); /* so that the put does not wait with the record taken */
    PQ_TRY(smallest(m, f, &s));
    if (s == NULL) break;
    PQ_TRY(pq_spill_put_record(to, f, s->values, m->order.key_count + 1));
    m->is_taken = true;
  }
  return pq_spill_rewind(to, f);
}

/* One pass over the runs; m->source_count is 0 between groups. */
static int merge_pass(pq_run_merge *m, pq_fetch *f) {
  while (m->from < m->runs.count) {
    uint32_t left = m->runs.count - m->from, count = left < m->fan ? left : m->fan;
    if (m->source_count == 0) {
      PQ_TRY(pq_run_list_add(&m->merged, m->spill, m->cx));
      set_sources(m, m->from, count);
    }
    PQ_TRY(merge_group(m, f));
    m->source_count = 0;
    m->from += count;
  }
  pq_run_list_release(&m->runs, m->cx);
  m->runs = m->merged;
  m->merged = (pq_run_list){0};
  m->from = 0;
  return PQ_OK;
}

int pq_run_merge_prepare(pq_run_merge *m, pq_fetch *f, pq_run_list *runs) {
  if (runs->count > 0) {
    m->runs = *runs;
    *runs = (pq_run_list){0};
  }
  while (m->runs.count > m->fan)
    PQ_TRY(merge_pass(m, f));
  if (m->source_count == 0) set_sources(m, 0, m->runs.count);
  return open_sources(m, f);
}

int pq_run_merge_next(pq_run_merge *m, pq_fetch *f, const pq_value **out) {
  source *s;
  *out = NULL;
  PQ_TRY(smallest(m, f, &s));
  if (s == NULL) return PQ_OK;
  m->is_taken = true;
  *out = s->values;
  return PQ_OK;
}
