/* parquet/file_scan.c - see file_scan.h.
 *
 *   row group ─► slice ─► filter columns ─► test ─► the other columns ─► batch
 *                  ^                          │ no row left        │
 *                  └──────────────────────────┴────────────────────┘
 *
 * A slice is a run of rows that the plan left, at most as many as fit a batch. Its filter columns
 * are read whole. The other columns are read
 *
 *   whole and handed over as they are     when every row matches
 *   only where rows match                 when that saves reading 64 rows or more for each run
 *   whole, and the matching rows copied   when matching and other rows alternate quickly
 *
 * Every column has a cursor with a fetch set of its own; after PQ_NEED_IO all of them have asked
 * for what they can know they need, so a step costs one round.
 */
#include "parquet/file_scan.h"

#include <string.h>

#include "parquet/file_scan_int.h"

#define MEMORY_MAX_DEFAULT ((uint64_t)64 << 20)
#define COLUMN_MEMORY_DEFAULT ((uint64_t)4 << 20)

enum {
  BATCH_ROWS_DEFAULT = 8192,
  BATCH_ROWS_MAX = 1 << 24,
  WINDOW_LEN_MAX = 1 << 20,
  WINDOW_LEN_MIN = 16 << 10,
  RUN_COST_ROWS = 64 /* what beginning another run costs, in rows decoded: measured */
};

typedef enum scan_phase {
  PHASE_GROUP,
  PHASE_SLICE,
  PHASE_FILTER,
  PHASE_GIVE,
  PHASE_END
} scan_phase;

struct pq_file_scan {
  pq_cx *cx;
  const pq_file *file;
  pq_arena arena; /* as long as the scan */
  pq_scan_plan plan;
  bool has_codes;
  uint32_t batch_rows_max;
  uint64_t memory_max;
  pq_budget budget;
  pq_decompressor decompressor; /* of all columns */
  uint64_t plan_len;            /* of the plan's memory in the budget */

  pq_condition *conditions;
  uint32_t condition_count;
  pq_scan_column *columns; /* by slot: those with predicates first */
  uint32_t slot_count, filter_count;
  uint32_t *leaves;         /* by slot */
  uint32_t *slot_of_output; /* by position in options.leaves */
  pq_column *outputs;
  uint32_t output_count;

  scan_phase phase;
  const pq_scan_group *group;
  uint32_t group_rows; /* in its ranges */
  uint32_t range, row; /* of the group: where the next slice begins */
  uint32_t batch_rows; /* for this group */
  uint32_t lo, hi;     /* the slice */
  uint32_t filter;     /* the next filter column to test */
  uint8_t *keep, *scratch;
  uint32_t *chosen; /* rows of the slice that match */
  uint32_t chosen_count;
  pq_row_range *runs; /* the same as runs */
  uint32_t run_count;
  uint64_t *rows;
  uint32_t take_pos; /* fetch sets before it have no new requests */
  pq_file_scan_stats stats;
};

/* ---- new ---- */

static int check_options(pq_cx *cx, const pq_file *file, const pq_file_scan_options *o) {
  const pq_footer *f = file->footer;
  for (uint32_t i = 0; i < o->leaf_count; i++)
    if (o->leaves[i] >= f->leaf_count)
      return pq_fail(cx, PQ_EINVALID, "%s: column %u is asked for, but there are %u", file->key,
                     (unsigned)o->leaves[i], (unsigned)f->leaf_count);
  if (o->row_group_hi > f->row_group_count || o->row_group_lo > f->row_group_count ||
      (o->row_group_hi != 0 && o->row_group_lo > o->row_group_hi))
    return pq_fail(cx, PQ_EINVALID, "%s: row groups %u to %u are asked for, but there are %u",
                   file->key, (unsigned)o->row_group_lo, (unsigned)o->row_group_hi,
                   (unsigned)f->row_group_count);
  return PQ_OK;
}

static int make_conditions(pq_file_scan *s, const pq_file_scan_options *o) {
  s->conditions = pq_arena_calloc(&s->arena, o->predicate_count, sizeof *s->conditions);
  if (s->conditions == NULL) return s->cx->code;
  s->condition_count = o->predicate_count;
  for (uint32_t i = 0; i < o->predicate_count; i++)
    PQ_TRY(pq_condition_init(&s->conditions[i], &s->arena, s->file->footer, &o->predicates[i]));
  return PQ_OK;
}

/* The slot of a leaf, a new one if it has none. `slots` has slot + 1 by leaf. */
static uint32_t slot_for(pq_file_scan *s, uint32_t *slots, uint32_t leaf) {
  if (slots[leaf] == 0) {
    s->leaves[s->slot_count++] = leaf;
    slots[leaf] = s->slot_count;
  }
  return slots[leaf] - 1;
}

static int make_slots(pq_file_scan *s, const pq_file_scan_options *o) {
  size_t max = (size_t)o->leaf_count + o->predicate_count;
  uint32_t *slots = pq_arena_calloc(&s->arena, s->file->footer->leaf_count, sizeof *slots);
  s->leaves = pq_arena_calloc(&s->arena, max, sizeof *s->leaves);
  s->slot_of_output = pq_arena_calloc(&s->arena, o->leaf_count, sizeof *s->slot_of_output);
  s->outputs = pq_arena_calloc(&s->arena, o->leaf_count, sizeof *s->outputs);
  s->columns = pq_arena_calloc(&s->arena, max, sizeof *s->columns);
  if (slots == NULL || s->leaves == NULL || s->slot_of_output == NULL || s->outputs == NULL ||
      s->columns == NULL)
    return s->cx->code;
  for (uint32_t i = 0; i < o->predicate_count; i++)
    slot_for(s, slots, o->predicates[i].leaf);
  s->filter_count = s->slot_count;
  for (uint32_t i = 0; i < o->leaf_count; i++)
    s->slot_of_output[i] = slot_for(s, slots, o->leaves[i]);
  s->output_count = o->leaf_count;
  return PQ_OK;
}

static int make_tests(pq_file_scan *s, pq_scan_column *c) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < s->condition_count; i++)
    count += s->conditions[i].leaf == c->leaf;
  c->tests = pq_alloc(s->cx, NULL, 0, count * sizeof *c->tests);
  if (c->tests == NULL) return pq_fail_nomem(s->cx);
  memset(c->tests, 0, count * sizeof *c->tests);
  for (uint32_t i = 0; i < s->condition_count; i++)
    if (s->conditions[i].leaf == c->leaf) c->tests[c->test_count++].condition = &s->conditions[i];
  return PQ_OK;
}

static int make_columns(pq_file_scan *s) {
  uint64_t share = s->memory_max / 4 / (s->slot_count + 1), window = WINDOW_LEN_MAX;
  if (share < window) window = share < WINDOW_LEN_MIN ? WINDOW_LEN_MIN : share;
  for (uint32_t i = 0; i < s->slot_count; i++) {
    pq_scan_column *c = &s->columns[i];
    const pq_leaf *leaf = &s->file->footer->leaves[s->leaves[i]];
    *c = (pq_scan_column){.cx = s->cx,
                          .leaf = s->leaves[i],
                          .is_flat = leaf->rep_max == 0 && leaf->def_max <= 1,
                          .options = {.has_codes = s->has_codes || i < s->filter_count,
                                      .window_len = (uint32_t)window,
                                      .budget = &s->budget,
                                      .decompressor = &s->decompressor}};
    if (i < s->filter_count) PQ_TRY(make_tests(s, c));
  }
  for (uint32_t i = 0; i < s->output_count; i++)
    s->columns[s->slot_of_output[i]].is_output = true;
  return PQ_OK;
}

static int make_buffers(pq_file_scan *s) {
  uint32_t n = s->batch_rows_max;
  if (s->condition_count == 0) return PQ_OK;
  s->keep = pq_arena_alloc(&s->arena, n);
  s->scratch = pq_arena_alloc(&s->arena, n);
  s->chosen = pq_arena_alloc(&s->arena, n * sizeof *s->chosen);
  s->runs = pq_arena_alloc(&s->arena, (n / 2 + 1) * sizeof *s->runs);
  s->rows = pq_arena_alloc(&s->arena, n * sizeof *s->rows);
  if (s->keep == NULL || s->scratch == NULL || s->chosen == NULL || s->runs == NULL ||
      s->rows == NULL)
    return s->cx->code;
  return PQ_OK;
}

static int start(pq_file_scan *s, const pq_file_scan_options *o) {
  pq_scan_target target = {.cx = s->cx,
                           .file = s->file,
                           .cache = o->cache,
                           .is_unpruned = o->is_unpruned,
                           .row_group_lo = o->row_group_lo,
                           .row_group_hi = o->row_group_hi};
  if (target.row_group_hi == 0) target.row_group_hi = s->file->footer->row_group_count;
  PQ_TRY(check_options(s->cx, s->file, o));
  PQ_TRY(make_conditions(s, o));
  PQ_TRY(make_slots(s, o));
  if (s->memory_max == 0) {
    s->memory_max = s->slot_count * COLUMN_MEMORY_DEFAULT;
    if (s->memory_max < MEMORY_MAX_DEFAULT) s->memory_max = MEMORY_MAX_DEFAULT;
  }
  s->budget.max = s->memory_max;
  PQ_TRY(make_columns(s));
  PQ_TRY(make_buffers(s));
  target.conditions = s->conditions;
  target.condition_count = s->condition_count;
  target.leaves = s->leaves;
  target.slot_count = s->slot_count;
  target.filter_count = s->filter_count;
  target.memory_max = s->memory_max;
  return pq_scan_plan_init(&s->plan, target);
}

int pq_file_scan_new(pq_cx *cx, const pq_file *file, pq_file_scan_options options,
                     pq_file_scan **out) {
  pq_file_scan *s = pq_alloc(cx, NULL, 0, sizeof *s);
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (pq_file_scan){.cx = cx, .file = file};
  pq_arena_init(&s->arena, cx, cx->limits.op_len_max);
  pq_decompressor_init(&s->decompressor, cx);
  s->has_codes = options.has_codes;
  s->memory_max = options.memory_max;
  s->batch_rows_max = options.batch_rows == 0 ? BATCH_ROWS_DEFAULT : options.batch_rows;
  if (s->batch_rows_max > BATCH_ROWS_MAX) s->batch_rows_max = BATCH_ROWS_MAX;
  rc = start(s, &options);
  if (rc != PQ_OK) {
    pq_file_scan_free(s);
    return rc;
  }
  *out = s;
  return PQ_OK;
}

void pq_file_scan_free(pq_file_scan *s) {
  if (s == NULL) return;
  for (uint32_t i = 0; i < s->slot_count; i++)
    if (s->columns[i].cx != NULL) pq_scan_column_release(&s->columns[i]);
  pq_scan_plan_release(&s->plan);
  pq_decompressor_release(&s->decompressor);
  pq_arena_release(&s->arena);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

void pq_file_scan_move(pq_file_scan *s, uint32_t row_group_lo, uint32_t row_group_hi) {
  pq_assert(s->phase == PHASE_END || (s->phase == PHASE_GROUP && s->group == NULL));
  pq_assert(row_group_lo <= row_group_hi);
  pq_assert(row_group_hi <= s->file->footer->row_group_count);
  pq_scan_plan_move(&s->plan, row_group_lo, row_group_hi);
  s->phase = PHASE_GROUP;
}

/* ---- row groups and slices ---- */

/* As many rows as a quarter of the memory holds by the row group's average. */
static uint32_t rows_that_fit(const pq_file_scan *s) {
  const pq_row_group *g = &s->file->footer->row_groups[s->group->row_group];
  uint64_t len = 0, fit;
  for (uint32_t i = 0; i < s->slot_count; i++) {
    uint64_t part = g->chunks[s->leaves[i]].uncompressed_len;
    len = part > UINT64_MAX - len ? UINT64_MAX : len + part;
  }
  fit = s->memory_max / 4 / (len / g->row_count + 1);
  if (fit < 1) fit = 1;
  return fit < s->batch_rows_max ? (uint32_t)fit : s->batch_rows_max;
}

static int next_group(pq_file_scan *s) {
  uint64_t plan_len;
  int rc = pq_scan_plan_next(&s->plan, &s->group);
  plan_len = s->plan.arena.used_len;
  s->budget.used = s->budget.used - s->plan_len + plan_len;
  s->plan_len = plan_len;
  if (rc != PQ_OK) return rc;
  s->phase = s->group == NULL ? PHASE_END : PHASE_SLICE;
  if (s->group == NULL) return PQ_OK;
  for (uint32_t i = 0; i < s->slot_count; i++) {
    pq_scan_column_clear(&s->columns[i]);
    s->columns[i].is_open = false;
  }
  s->group_rows = 0;
  for (uint32_t i = 0; i < s->group->range_count; i++)
    s->group_rows += s->group->ranges[i].hi - s->group->ranges[i].lo;
  s->range = 0;
  s->row = s->group->ranges[0].lo;
  s->batch_rows = rows_that_fit(s);
  s->stats.rows += s->group->row_count;
  return PQ_OK;
}

static void next_slice(pq_file_scan *s) {
  const pq_row_range *r = &s->group->ranges[s->range];
  if (s->row == r->hi) {
    if (++s->range == s->group->range_count) {
      s->phase = PHASE_GROUP;
      return;
    }
    s->row = (++r)->lo;
  }
  s->lo = s->row;
  s->hi = r->hi - s->lo > s->batch_rows ? s->lo + s->batch_rows : r->hi;
  s->row = s->hi;
  for (uint32_t i = 0; i < s->slot_count; i++)
    pq_scan_column_clear(&s->columns[i]);
  s->filter = 0;
  if (s->condition_count > 0) memset(s->keep, 1, s->hi - s->lo);
  s->phase = PHASE_FILTER;
}

static int open_column(pq_file_scan *s, uint32_t slot) {
  pq_scan_column *c = &s->columns[slot];
  if (c->is_open) return PQ_OK;
  return pq_scan_column_open(c, s->file, s->group->row_group, s->group->indexes[slot]);
}

/* Ask for what slots [lo, hi) need next. */
static int want_slots(pq_file_scan *s, uint32_t lo, uint32_t hi, const pq_scan_slice *slice) {
  bool is_waiting = false;
  for (uint32_t i = lo; i < hi; i++) {
    int rc;
    PQ_TRY(open_column(s, i));
    rc = pq_scan_column_want(&s->columns[i], slice);
    if (rc < 0) return rc;
    is_waiting = is_waiting || rc == PQ_NEED_IO;
  }
  return is_waiting ? PQ_NEED_IO : PQ_OK;
}

/* ---- filter columns ---- */

static uint32_t choose(pq_file_scan *s) {
  uint32_t n = s->hi - s->lo, count = 0;
  for (uint32_t i = 0; i < n; i++) {
    s->chosen[count] = i;
    count += s->keep[i];
  }
  return count;
}

static void find_runs(pq_file_scan *s) {
  s->run_count = 0;
  for (uint32_t i = 0; i < s->chosen_count; i++) {
    uint32_t row = s->chosen[i];
    if (s->run_count > 0 && s->runs[s->run_count - 1].hi == row)
      s->runs[s->run_count - 1].hi++;
    else
      s->runs[s->run_count++] = (pq_row_range){row, row + 1};
  }
}

static int filter_slice(pq_file_scan *s) {
  pq_row_range all = {0, s->hi - s->lo};
  pq_scan_slice slice = {s->lo, &all, 1};
  s->chosen_count = all.hi;
  if (s->filter == 0) PQ_TRY(want_slots(s, 0, s->filter_count, &slice));
  while (s->filter < s->filter_count) {
    pq_scan_column *c = &s->columns[s->filter];
    PQ_TRY(pq_scan_column_read(c, &slice));
    PQ_TRY(pq_scan_column_test(c, s->group_rows, s->scratch, s->keep));
    s->filter++;
    s->chosen_count = choose(s);
    if (s->chosen_count == 0) break;
  }
  if (s->condition_count > 0) s->stats.rows_tested += all.hi;
  s->stats.rows_kept += s->chosen_count;
  s->phase = s->chosen_count == 0 ? PHASE_SLICE : PHASE_GIVE;
  if (s->chosen_count > 0 && s->chosen_count < all.hi) find_runs(s);
  return PQ_OK;
}

/* ---- the batch ---- */

/* Does reading only the runs save more than it costs? */
static bool is_sparse(const pq_file_scan *s) {
  uint64_t left_out = s->hi - s->lo - s->chosen_count;
  return left_out >= (uint64_t)s->run_count * RUN_COST_ROWS;
}

/* Which rows of the slice a column without predicates reads. Those of nested columns cannot be
 * copied out of a batch. */
static bool reads_runs(const pq_file_scan *s, const pq_scan_column *c) {
  return s->chosen_count < s->hi - s->lo && (!c->is_flat || is_sparse(s));
}

static int read_others(pq_file_scan *s) {
  pq_row_range all = {0, s->hi - s->lo};
  pq_scan_slice whole = {s->lo, &all, 1}, parts = {s->lo, s->runs, s->run_count};
  bool is_waiting = false;
  for (uint32_t i = s->filter_count; i < s->slot_count; i++) {
    const pq_scan_slice *slice = reads_runs(s, &s->columns[i]) ? &parts : &whole;
    int rc = want_slots(s, i, i + 1, slice);
    if (rc == PQ_OK) rc = pq_scan_column_read(&s->columns[i], slice);
    if (rc < 0) return rc;
    is_waiting = is_waiting || rc == PQ_NEED_IO;
  }
  return is_waiting ? PQ_NEED_IO : PQ_OK;
}

static int give_batch(pq_file_scan *s, pq_row_batch *out) {
  uint64_t first = s->file->footer->row_groups[s->group->row_group].first_row + s->lo;
  bool is_all = s->chosen_count == s->hi - s->lo;
  PQ_TRY(read_others(s));
  for (uint32_t i = 0; i < s->output_count; i++) {
    uint32_t slot = s->slot_of_output[i];
    pq_scan_column *c = &s->columns[slot];
    bool is_chosen = is_all || (slot >= s->filter_count && reads_runs(s, c));
    PQ_TRY(pq_scan_column_give(c, is_chosen ? NULL : s->chosen, s->chosen_count, s->has_codes,
                               &s->outputs[i]));
  }
  for (uint32_t i = 0; i < s->chosen_count && !is_all; i++)
    s->rows[i] = first + s->chosen[i];
  *out = (pq_row_batch){.row_count = s->chosen_count,
                        .row_group = s->group->row_group,
                        .first_row = is_all ? first : s->rows[0],
                        .rows = is_all ? NULL : s->rows,
                        .columns = s->outputs,
                        .column_count = s->output_count};
  s->phase = PHASE_SLICE;
  return PQ_OK;
}

static int step(pq_file_scan *s, pq_row_batch *out) {
  switch (s->phase) {
    case PHASE_GROUP: return next_group(s);
    case PHASE_SLICE: next_slice(s); return PQ_OK;
    case PHASE_FILTER: return filter_slice(s);
    case PHASE_GIVE: return give_batch(s, out);
    case PHASE_END: return PQ_OK;
  }
  pq_unreachable("scan phase");
}

int pq_file_scan_next(pq_file_scan *s, pq_row_batch *out) {
  int rc = PQ_OK;
  *out = (pq_row_batch){0};
  while (rc == PQ_OK && out->row_count == 0) {
    rc = step(s, out);
    if (s->phase == PHASE_END) break;
  }
  if (rc == PQ_NEED_IO) {
    s->stats.rounds++;
    s->take_pos = 0;
  }
  return rc;
}

/* ---- driver side ---- */

static pq_fetch *set_of(pq_file_scan *s, uint32_t set) {
  if (set == 0) return &s->plan.fetch;
  return s->columns[set - 1].cursor == NULL ? NULL : pq_cursor_fetch(s->columns[set - 1].cursor);
}

bool pq_file_scan_take(pq_file_scan *s, pq_io_req *out, uint32_t *set) {
  for (; s->take_pos <= s->slot_count; s->take_pos++) {
    pq_fetch *f = set_of(s, s->take_pos);
    *set = s->take_pos;
    if (f == NULL || !pq_fetch_take(f, out)) continue;
    s->stats.requests++;
    s->stats.bytes += out->len;
    return true;
  }
  *out = (pq_io_req){0};
  return false;
}

void pq_file_scan_done(pq_file_scan *s, uint32_t set, uint32_t id, int rc, const char *detail) {
  pq_fetch_done(set_of(s, set), id, rc, (pq_slice){0}, detail);
}

pq_file_scan_stats pq_file_scan_so_far(const pq_file_scan *s) {
  pq_file_scan_stats out = s->stats;
  out.row_groups = s->plan.row_groups;
  out.row_groups_kept = s->plan.row_groups_kept;
  out.pages = s->plan.pages;
  out.pages_kept = s->plan.pages_kept;
  return out;
}
