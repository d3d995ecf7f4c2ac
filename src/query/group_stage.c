/* query/group_stage.c - $group, $bucket, $sortByCount at work. See blocking.h.
 *
 *   document ─► key, arguments ─► group in memory? ──yes──► its states
 *                                      │no
 *                     memory half full? ──no──► a new group
 *                                      │yes
 *                                      ▼
 *              one of FANOUT runs by the key's hash          (raw records: key, arguments)
 *
 * Groups in memory stay and go on. When they grow beyond the memory (lists), all of them are
 * written to the runs too, as states, and from then on everything is. A key's records thus stand
 * in one run in their order, a state first and, behind everything, one of what columns gave
 * (group_fold.h): reading the run back gives the same groups, bit by bit, as endless memory would.
 * Runs are worked off one by one in the same way, with another hash; results of all go through a
 * sorter, as they come in the order of their keys.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "query/group_spec.h"
#include "query/group_table.h"
#include "query/run_merge.h"
#include "query/sorter.h"

enum { FANOUT = 16, DEPTH_MAX = 10, NO_RUN = FANOUT };

typedef enum phase { TAKE, EVICT, GIVE_MEMORY, DRAIN, READ_RUN, SORT, GIVE_SORTED } phase;

/* Runs that wait to be worked off, the last one first. */
typedef struct waiting {
  pq_spill_run *run; /* owned */
  uint32_t depth;
} waiting;

typedef struct group_stage {
  pq_blocking base; /* first */
  pq_blocking_cx x;
  const pq_group_spec *spec;
  uint64_t memory_max;
  pq_collation collation;
  uint32_t width; /* values of a record: marker, key, arguments or states */
  pq_value *record;
  phase phase;
  pq_group_table table;
  pq_arena scratch;
  bool is_ended;
  bool is_full;   /* new keys go to runs */
  bool is_closed; /* all keys do */
  uint32_t at;    /* EVICT, DRAIN, GIVE_MEMORY: next group */
  uint32_t *order;
  uint32_t order_count;
  pq_spill_run *runs[FANOUT]; /* owned; of the keys that the table did not take */
  uint32_t last_run;          /* that may be full */
  uint32_t depth;
  waiting *waiting; /* owned */
  uint32_t waiting_count, waiting_cap;
  pq_spill_run *current; /* owned: READ_RUN */
  pq_sorter *sorter;
} group_stage;

/* ---- runs ---- */

/* Other bits of the hash at each depth. */
static uint32_t run_of(const group_stage *g, uint64_t hash) {
  uint64_t z = hash + (g->depth + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)(z >> 60);
}

static int open_runs(group_stage *g) {
  if (g->x.spill == NULL)
    return pq_fail(g->x.cx, PQ_ELIMIT,
                   "stage '%s' needs more than %llu bytes of memory, and may not use temporary "
                   "files",
                   g->spec->name, (unsigned long long)g->memory_max);
  if (g->depth >= DEPTH_MAX)
    return pq_fail(g->x.cx, PQ_ELIMIT, "stage '%s': the groups do not fit into %llu bytes",
                   g->spec->name, (unsigned long long)g->memory_max);
  for (uint32_t i = 0; i < FANOUT; i++)
    if (g->runs[i] == NULL) PQ_TRY(pq_spill_run_new(g->x.spill, &g->runs[i]));
  g->is_full = true;
  return PQ_OK;
}

/* Append g->record; the run was ready, so this does not wait. */
static int put_record(group_stage *g, pq_fetch *f, uint64_t hash) {
  g->last_run = run_of(g, hash);
  return pq_spill_put_record(g->runs[g->last_run], f, g->record, g->width);
}

/* ---- eviction: all groups as states ---- */

static int fail_group(group_stage *g) {
  const pq_group_spec *spec = g->spec;
  for (uint32_t i = 0; i < spec->accumulator_count; i++)
    if (pq_accumulator_grows(&spec->accumulators[i]))
      return pq_fail(g->x.cx, PQ_ELIMIT,
                     "stage '%s': the accumulator '%s' needs more than %llu bytes for one group",
                     spec->name, pq_accumulator_name(&spec->accumulators[i]),
                     (unsigned long long)g->memory_max);
  return pq_fail(g->x.cx, PQ_ELIMIT, "stage '%s': one group needs more than %llu bytes", spec->name,
                 (unsigned long long)g->memory_max);
}

static int evict_group(group_stage *g, pq_fetch *f, const pq_eval *eval, const pq_group *group) {
  pq_eval s = *eval;
  s.arena = &g->scratch;
  pq_arena_clear(&g->scratch);
  memset(g->record, 0, g->width * sizeof *g->record);
  PQ_TRY(pq_make_bool(&s, true, &g->record[0]));
  g->record[1] = group->key;
  for (uint32_t i = 0; i < g->spec->accumulator_count; i++)
    PQ_TRY(pq_gathered_save(&g->spec->accumulators[i], &s, group->states[i], &g->record[2 + i]));
  return put_record(g, f, group->hash);
}

static int evict(group_stage *g, pq_fetch *f, const pq_eval *eval) {
  for (; g->at < g->table.count; g->at++) {
    if (g->last_run != NO_RUN) PQ_TRY(pq_spill_ready(g->runs[g->last_run], f));
    PQ_TRY(evict_group(g, f, eval, &g->table.groups[g->at]));
  }
  pq_group_table_clear(&g->table);
  g->is_closed = true;
  g->at = 0;
  return PQ_OK;
}

/* End what has to wait, so that the next record can be taken at once. */
static int make_ready(group_stage *g, pq_fetch *f, const pq_eval *eval, phase back) {
  if (g->phase != EVICT && pq_group_table_len(&g->table) > g->memory_max) {
    if (g->table.count <= 1) return fail_group(g);
    PQ_TRY(open_runs(g));
    g->phase = EVICT;
    g->at = 0;
  }
  if (g->phase == EVICT) PQ_TRY(evict(g, f, eval));
  g->phase = back;
  return g->last_run == NO_RUN ? PQ_OK : pq_spill_ready(g->runs[g->last_run], f);
}

/* ---- taking records ---- */

static int fill_states(group_stage *g, pq_eval *s, const pq_group *group) {
  const pq_value *values = g->record + 2;
  bool is_state = !pq_value_is_missing(g->record[0]);
  for (uint32_t i = 0; i < g->spec->accumulator_count; i++) {
    const pq_accumulator *a = &g->spec->accumulators[i];
    PQ_TRY(is_state ? pq_gathered_restore(a, s, group->states[i], g->record[2 + i])
                    : pq_gathered_add(a, s, group->states[i], values));
    values += pq_accumulator_width(a);
  }
  return PQ_OK;
}

/* The group of the key in g->record; *out is NULL when it belongs into a run. */
static int find_place(group_stage *g, pq_eval *s, uint64_t hash, pq_group **out) {
  pq_group *group = pq_group_table_find(&g->table, g->record[1], hash, s->collation);
  *out = group;
  if (group == NULL && !g->is_full && g->table.count > 0 &&
      pq_group_table_len(&g->table) > g->memory_max / 2 &&
      (g->x.spill != NULL || pq_group_table_len(&g->table) > g->memory_max))
    PQ_TRY(open_runs(g));
  if (group != NULL || (g->is_full && (g->is_closed || g->table.count > 0))) return PQ_OK;
  return pq_group_table_add(&g->table, s, g->record[1], hash, out);
}

/* g->record into a group or a run. Does not wait. */
static int take(group_stage *g, pq_fetch *f, pq_eval *s) {
  uint64_t hash = pq_value_hash_collated(g->record[1], s->collation);
  pq_group *group;
  PQ_TRY(find_place(g, s, hash, &group));
  return group == NULL ? put_record(g, f, hash) : fill_states(g, s, group);
}

static int add(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value doc) {
  group_stage *g = (group_stage *)b;
  pq_value *values = g->record + 2;
  PQ_TRY(make_ready(g, f, eval, TAKE));
  memset(g->record, 0, g->width * sizeof *g->record);
  eval->root = doc;
  PQ_TRY(pq_group_key(g->spec, eval, &g->record[1]));
  for (uint32_t i = 0; i < g->spec->accumulator_count; i++) {
    PQ_TRY(pq_accumulator_args(&g->spec->accumulators[i], eval, values));
    values += pq_accumulator_width(&g->spec->accumulators[i]);
  }
  return take(g, f, eval);
}

/* ---- groups of columns ---- */

/* A group that columns made, whose key is in the record, into a run: as states. */
static int put_folded(group_stage *g, pq_fetch *f, pq_eval *s, const pq_grouping *fold,
                      uint32_t group, uint64_t hash) {
  const pq_group_spec *spec = g->spec;
  PQ_TRY(pq_make_bool(s, true, &g->record[0]));
  for (uint32_t i = 0; i < spec->accumulator_count; i++) {
    const pq_accumulator *a = &spec->accumulators[i];
    pq_gathered *state;
    PQ_TRY(pq_gathered_new(a, s, s->arena, &state));
    PQ_TRY(pq_group_fold_add(spec->fold, fold, group, i, a, s, state));
    PQ_TRY(pq_gathered_save(a, s, state, &g->record[2 + i]));
  }
  return put_record(g, f, hash);
}

int pq_group_absorb(pq_blocking *b, pq_fetch *f, pq_eval *eval, const pq_grouping *fold,
                    uint32_t group) {
  group_stage *g = (group_stage *)b;
  const pq_group_spec *spec = g->spec;
  pq_value constant = {0};
  pq_group *to;
  uint64_t hash;
  PQ_TRY(make_ready(g, f, eval, TAKE));
  memset(g->record, 0, g->width * sizeof *g->record);
  if (fold->key_count == 0) PQ_TRY(pq_group_key(spec, eval, &constant));
  PQ_TRY(pq_group_fold_key(spec->fold, fold, group, eval, constant, &g->record[1]));
  hash = pq_value_hash_collated(g->record[1], eval->collation);
  PQ_TRY(find_place(g, eval, hash, &to));
  if (to == NULL) return put_folded(g, f, eval, fold, group, hash);
  for (uint32_t i = 0; i < spec->accumulator_count; i++)
    PQ_TRY(
        pq_group_fold_add(spec->fold, fold, group, i, &spec->accumulators[i], eval, to->states[i]));
  return PQ_OK;
}

/* ---- the end ---- */

static int compare_groups(const void *a, const void *b, const void *ud) {
  const group_stage *g = ud;
  const pq_group *x = &g->table.groups[*(const uint32_t *)a];
  const pq_group *y = &g->table.groups[*(const uint32_t *)b];
  if (g->spec->is_by_count && x->states[0]->fixed.count != y->states[0]->fixed.count)
    return x->states[0]->fixed.count > y->states[0]->fixed.count ? -1 : 1;
  return pq_value_collate(x->key, y->key, g->collation);
}

static int order_groups(group_stage *g) {
  uint32_t count = g->table.count;
  if (count > 0) {
    g->order = pq_alloc(g->x.cx, NULL, 0, count * sizeof *g->order);
    if (g->order == NULL) return pq_fail_nomem(g->x.cx);
  }
  g->order_count = count;
  for (uint32_t i = 0; i < count; i++)
    g->order[i] = i;
  return pq_sort_items(g->x.cx, g->order, count, sizeof *g->order, compare_groups, g);
}

/* The results of the groups in memory into the sorter. */
static int drain_groups(group_stage *g, pq_fetch *f, const pq_eval *eval) {
  pq_eval s = *eval;
  s.arena = &g->scratch;
  for (; g->at < g->table.count; g->at++) {
    const pq_group *group = &g->table.groups[g->at];
    pq_value record[3];
    uint32_t n = 0;
    PQ_TRY(pq_sorter_ready(g->sorter, f));
    pq_arena_clear(&g->scratch);
    if (g->spec->is_by_count)
      PQ_TRY(pq_make_i64(&s, -(int64_t)group->states[0]->fixed.count, &record[n++]));
    record[n++] = group->key;
    PQ_TRY(pq_group_document(&g->table, &s, group, &record[n]));
    PQ_TRY(pq_sorter_add(g->sorter, f, record));
  }
  return PQ_OK;
}

static int wait_for(group_stage *g, pq_spill_run *run) {
  if (g->waiting_count == g->waiting_cap) {
    uint32_t cap = g->waiting_cap == 0 ? FANOUT : g->waiting_cap * 2;
    waiting *list =
        pq_alloc(g->x.cx, g->waiting, g->waiting_cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) return pq_fail_nomem(g->x.cx);
    g->waiting = list;
    g->waiting_cap = cap; /* at most FANOUT * DEPTH_MAX */
  }
  g->waiting[g->waiting_count++] = (waiting){run, g->depth + 1};
  return PQ_OK;
}

/* The table is drained: its runs wait, and the next one is begun. */
static int next_run(group_stage *g, pq_fetch *f) {
  bool is_waiting = false;
  pq_group_table_clear(&g->table);
  for (uint32_t i = 0; i < FANOUT; i++) {
    int rc = g->runs[i] == NULL ? PQ_OK : pq_spill_rewind(g->runs[i], f);
    if (rc < 0) return rc;
    is_waiting |= rc == PQ_NEED_IO;
  }
  if (is_waiting) return PQ_NEED_IO;
  for (uint32_t i = 0; i < FANOUT; i++) {
    if (g->runs[i] != NULL) PQ_TRY(wait_for(g, g->runs[i]));
    g->runs[i] = NULL;
  }
  g->is_full = g->is_closed = false;
  g->last_run = NO_RUN;
  g->at = 0;
  pq_spill_run_free(g->current);
  g->current = NULL;
  if (g->waiting_count == 0) {
    g->phase = SORT;
    return PQ_OK;
  }
  g->waiting_count--;
  g->current = g->waiting[g->waiting_count].run;
  g->depth = g->waiting[g->waiting_count].depth;
  g->phase = READ_RUN;
  return PQ_OK;
}

static int read_run(group_stage *g, pq_fetch *f, pq_eval *eval) {
  pq_eval s = *eval;
  s.arena = &g->scratch;
  for (;;) {
    bool is_end;
    PQ_TRY(make_ready(g, f, eval, READ_RUN));
    PQ_TRY(pq_spill_get_record(g->current, f, g->record, g->width, &is_end));
    if (is_end) break;
    pq_arena_clear(&g->scratch);
    PQ_TRY(take(g, f, &s));
  }
  g->phase = DRAIN;
  g->at = 0;
  return PQ_OK;
}

static int begin_end(group_stage *g, pq_fetch *f, const pq_eval *eval) {
  pq_sorter_spec sorted = {.key_count = g->spec->is_by_count ? 2 : 1,
                           .collation = eval->collation,
                           .name = g->spec->name};
  PQ_TRY(make_ready(g, f, eval, TAKE));
  g->collation = eval->collation;
  if (!g->is_full) {
    PQ_TRY(order_groups(g));
    g->phase = GIVE_MEMORY;
  } else {
    PQ_TRY(pq_sorter_new(&g->x, &sorted, &g->sorter));
    g->phase = DRAIN;
  }
  g->at = 0;
  g->is_ended = true;
  return PQ_OK;
}

static int end(pq_blocking *b, pq_fetch *f, pq_eval *eval) {
  group_stage *g = (group_stage *)b;
  if (!g->is_ended) PQ_TRY(begin_end(g, f, eval));
  while (g->phase != GIVE_MEMORY && g->phase != GIVE_SORTED) {
    if (g->phase == DRAIN) {
      PQ_TRY(drain_groups(g, f, eval));
      PQ_TRY(next_run(g, f));
    } else if (g->phase == SORT) {
      PQ_TRY(pq_sorter_end(g->sorter, f));
      g->phase = GIVE_SORTED;
    } else {
      PQ_TRY(read_run(g, f, eval)); /* READ_RUN, or EVICT on its behalf */
    }
  }
  return PQ_OK;
}

static int next(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value *out) {
  group_stage *g = (group_stage *)b;
  const pq_value *record;
  *out = (pq_value){0};
  if (g->phase == GIVE_MEMORY) {
    if (g->at == g->order_count) return PQ_OK;
    return pq_group_document(&g->table, eval, &g->table.groups[g->order[g->at++]], out);
  }
  PQ_TRY(pq_sorter_next(g->sorter, f, &record));
  if (record != NULL) *out = record[g->spec->is_by_count ? 2 : 1];
  return PQ_OK;
}

static void release(pq_blocking *b) {
  group_stage *g = (group_stage *)b;
  pq_cx *cx = g->x.cx;
  pq_group_table_release(&g->table);
  pq_arena_release(&g->scratch);
  for (uint32_t i = 0; i < FANOUT; i++)
    pq_spill_run_free(g->runs[i]);
  for (uint32_t i = 0; i < g->waiting_count; i++)
    pq_spill_run_free(g->waiting[i].run);
  pq_spill_run_free(g->current);
  pq_sorter_free(g->sorter);
  if (g->waiting != NULL) pq_alloc(cx, g->waiting, g->waiting_cap * sizeof *g->waiting, 0);
  if (g->order != NULL) pq_alloc(cx, g->order, g->order_count * sizeof *g->order, 0);
  if (g->record != NULL) pq_alloc(cx, g->record, g->width * sizeof *g->record, 0);
  pq_alloc(cx, g, sizeof *g, 0);
}

int pq_group_new(const pq_blocking_cx *x, const pq_group_spec *spec, pq_blocking **out) {
  group_stage *g = pq_alloc(x->cx, NULL, 0, sizeof *g);
  uint32_t width = 0;
  *out = NULL;
  if (g == NULL) return pq_fail_nomem(x->cx);
  *g = (group_stage){.base = {add, end, next, release}, .x = *x, .spec = spec};
  g->memory_max = x->memory_max != 0 ? x->memory_max : x->cx->limits.sort_len_max;
  g->last_run = NO_RUN;
  for (uint32_t i = 0; i < spec->accumulator_count; i++)
    width += pq_accumulator_width(&spec->accumulators[i]);
  g->width = 2 + (width > spec->accumulator_count ? width : spec->accumulator_count);
  pq_group_table_init(&g->table, x->cx, spec->accumulators, spec->accumulator_count);
  pq_arena_init(&g->scratch, x->cx, x->cx->limits.op_len_max);
  g->record = pq_alloc(x->cx, NULL, 0, g->width * sizeof *g->record);
  if (g->record == NULL) {
    release(&g->base);
    return pq_fail_nomem(x->cx);
  }
  *out = &g->base;
  return PQ_OK;
}
