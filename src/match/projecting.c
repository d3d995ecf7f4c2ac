/* match/projecting.c - WITH and RETURN: columns, groups, DISTINCT, ORDER BY, SKIP, LIMIT.
 *
 *   rows ─► [groups: key columns ─► accumulators] ─► records ─► [each once] ─► [sorted] ─► rows
 *
 * Without groups, DISTINCT and ORDER BY rows go through as they come, and a LIMIT that is reached
 * asks for no more. With ORDER BY and LIMIT no more records are kept than twice what may come out.
 * A row of weight w counts as w rows everywhere.
 */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "match/match_int.h"
#include "value/compare.h"

enum { KEEP_MORE = 4096 };

typedef struct accumulator {
  uint64_t count;
  pq_total total;
  pq_value best;
  pq_value *items;
  uint32_t item_count, item_cap;
} accumulator;

typedef struct record {
  uint32_t *cells;  /* of columns that are nodes or edges */
  pq_value *values; /* of others */
  pq_value *keys;   /* of ORDER BY */
  uint64_t weight;
  uint32_t *row; /* groups: a row of theirs */
  accumulator *accumulators;
} record;

/* What DISTINCT within an aggregate has seen. */
typedef struct seen {
  uint32_t group, aggregate, cell;
  pq_value value;
} seen;

struct pq_projecting {
  struct pq_projecting *next; /* of the query: what is owned goes with it */
  pq_match *m;
  pq_table table;      /* owned: records by hash of their columns */
  pq_table seen_table; /* owned */
  record **records;
  uint32_t count, cap;
  seen *seen;
  uint32_t seen_count, seen_cap;
  uint64_t documents; /* variables whose documents the terms look at */
  uint64_t skipped, given;
  uint64_t left; /* of the record that is given */
  uint32_t at;
  const record *worst; /* of those that may come out; NULL: not known */
  bool is_gathered, is_done;
};

static bool is_gathering(const pq_match_project *p) {
  return p->aggregate_count > 0 || p->is_distinct || p->order_count > 0;
}

int pq_projecting_new(pq_match *m, pq_oper *o) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = pq_arena_calloc(&m->arena, 1, sizeof *g);
  if (g == NULL) return m->cx->code;
  g->m = m;
  pq_table_init(&g->table, m->cx);
  pq_table_init(&g->seen_table, m->cx);
  for (uint32_t i = 0; i < p->item_count; i++) {
    const pq_term *t = p->items[i].term;
    bool is_bare = t->kind == PQ_TERM_VAR && o->part->vars[t->at].kind <= PQ_VAR_EDGE;
    if (!is_bare) g->documents |= pq_term_documents(o->part, t);
  }
  for (uint32_t i = 0; i < p->order_count; i++)
    g->documents |= pq_term_documents(o->part, p->orders[i].term);
  g->next = m->projectings;
  m->projectings = g;
  o->projecting = g;
  if (p->aggregate_count > 0 || p->limit < 1000)
    o->estimate = o->estimate < 1000 ? o->estimate : 1000;
  return PQ_OK;
}

void pq_projecting_free_all(pq_match *m) {
  for (struct pq_projecting *g = m->projectings; g != NULL; g = g->next) {
    pq_table_release(&g->table);
    pq_table_release(&g->seen_table);
  }
}

/* ---- values ---- */

static bool is_cell(const pq_oper *o, uint32_t item) {
  const pq_term *t = o->part->project.items[item].term;
  return t->kind == PQ_TERM_VAR && o->part->vars[t->at].kind <= PQ_VAR_EDGE;
}

static uint64_t hash_value(pq_value v) {
  return pq_match_is_null(v) ? 7 : pq_value_hash(v);
}

static bool is_same(pq_value a, pq_value b) {
  bool is_null = pq_match_is_null(a);
  if (is_null || pq_match_is_null(b)) return is_null && pq_match_is_null(b);
  return pq_value_is_equal(a, b);
}

static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
  return h ^ h >> 31;
}

/* openCypher's order of types: maps, lists, texts, truth, numbers, what is no number, null. */
static int rank_of(pq_value v) {
  double d;
  if (pq_match_is_null(v)) return 7;
  if (pq_value_double(v, &d) && isnan(d)) return 6;
  switch (pq_type_bracket(pq_value_type(v))) {
    case PQ_TYPE_OBJECT: return 0;
    case PQ_TYPE_ARRAY: return 1;
    case PQ_TYPE_STRING: return 3;
    case PQ_TYPE_BOOL: return 4;
    case PQ_TYPE_INT32: return 5;
    default: return 2; /* dates and others */
  }
}

static int order_of(pq_value a, pq_value b) {
  int x = rank_of(a), y = rank_of(b);
  if (x != y) return x < y ? -1 : 1;
  return x >= 6 ? 0 : pq_value_compare(a, b);
}

static int keep_value(pq_arena *arena, pq_value v, pq_value *out) {
  *out = (pq_value){0};
  return pq_match_is_null(v) ? PQ_OK : pq_value_copy(arena, v, out);
}

/* The columns of a row that are no aggregates: into cells and values, which are in scratch. */
static int columns_of(pq_match *m, pq_oper *o, const pq_row *row, bool has_aggregates,
                      uint32_t *cells, pq_value *values) {
  const pq_match_project *p = &o->part->project;
  for (uint32_t i = 0; i < p->item_count; i++) {
    cells[i] = PQ_NULL_CELL;
    values[i] = (pq_value){0};
    if (p->items[i].has_aggregate != has_aggregates) continue;
    if (is_cell(o, i))
      cells[i] = row->cells[p->items[i].term->at];
    else
      PQ_TRY(pq_term_eval(m, row, p->items[i].term, &values[i]));
  }
  return PQ_OK;
}

static uint64_t hash_columns(const pq_oper *o, const uint32_t *cells, const pq_value *values,
                             bool is_of_keys) {
  const pq_match_project *p = &o->part->project;
  uint64_t h = 1;
  for (uint32_t i = 0; i < p->item_count; i++)
    if (!is_of_keys || !p->items[i].has_aggregate)
      h = mix(h, is_cell(o, i) ? cells[i] : hash_value(values[i]));
  return h;
}

static record *find_record(const pq_oper *o, uint64_t h, const uint32_t *cells,
                           const pq_value *values, bool is_of_keys) {
  const pq_match_project *p = &o->part->project;
  const struct pq_projecting *g = o->projecting;
  size_t pos;
  for (uint32_t r = pq_table_first(&g->table, h, &pos); r != PQ_TABLE_NONE;
       r = pq_table_next(&g->table, h, &pos)) {
    bool is = true;
    for (uint32_t i = 0; i < p->item_count && is; i++) {
      if (is_of_keys && p->items[i].has_aggregate) continue;
      is = is_cell(o, i) ? g->records[r]->cells[i] == cells[i]
                         : is_same(g->records[r]->values[i], values[i]);
    }
    if (is) return g->records[r];
  }
  return NULL;
}

static int new_record(pq_match *m, pq_oper *o, const uint32_t *cells, const pq_value *values,
                      record **out) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  record *r = pq_arena_calloc(&m->arena, 1, sizeof *r);
  if (r == NULL) return m->cx->code;
  if (g->count >= m->rows_max)
    return pq_fail(m->cx, PQ_ELIMIT,
                   "match: more than %llu rows to sort, to group or to tell apart: raise 'maxRows'",
                   (unsigned long long)m->rows_max);
  r->cells = pq_arena_array(&m->arena, p->item_count, sizeof *r->cells);
  r->values = pq_arena_calloc(&m->arena, p->item_count, sizeof *r->values);
  r->keys = pq_arena_calloc(&m->arena, p->order_count, sizeof *r->keys);
  if (r->cells == NULL || r->values == NULL || r->keys == NULL) return m->cx->code;
  for (uint32_t i = 0; i < p->item_count; i++) {
    r->cells[i] = cells[i];
    PQ_TRY(keep_value(&m->arena, values[i], &r->values[i]));
  }
  PQ_TRY(pq_match_grow(&m->arena, &g->records, g->count, &g->cap, sizeof(record *)));
  g->records[g->count++] = r;
  *out = r;
  return PQ_OK;
}

/* ---- aggregates ---- */

/* Has the aggregate of this group seen the value before? */
static int see(pq_match *m, pq_oper *o, uint32_t group, uint32_t aggregate, uint32_t cell,
               pq_value v, bool *is_new) {
  struct pq_projecting *g = o->projecting;
  uint64_t h = mix(mix(group, aggregate), cell != PQ_NULL_CELL ? cell : hash_value(v));
  size_t pos;
  for (uint32_t i = pq_table_first(&g->seen_table, h, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&g->seen_table, h, &pos)) {
    const seen *s = &g->seen[i];
    *is_new =
        s->group != group || s->aggregate != aggregate || s->cell != cell || !is_same(s->value, v);
    if (!*is_new) return PQ_OK;
  }
  *is_new = true;
  if (g->seen_count >= m->rows_max)
    return pq_fail(m->cx, PQ_ELIMIT,
                   "match: more than %llu different values to aggregate: raise 'maxRows'",
                   (unsigned long long)m->rows_max);
  PQ_TRY(pq_match_grow(&m->arena, &g->seen, g->seen_count, &g->seen_cap, sizeof *g->seen));
  g->seen[g->seen_count] = (seen){.group = group, .aggregate = aggregate, .cell = cell};
  PQ_TRY(keep_value(&m->arena, v, &g->seen[g->seen_count].value));
  return pq_table_add(&g->seen_table, h, g->seen_count++);
}

/* v, `weight` times: doubled as often as needed. */
static void add_times(pq_total *total, pq_value v, uint64_t weight) {
  pq_total power = {0};
  pq_total_add(&power, v);
  for (; weight > 0; weight >>= 1) {
    pq_total twice = power;
    if ((weight & 1) != 0) pq_total_merge(total, &power);
    pq_total_merge(&twice, &power);
    power = twice;
  }
}

static int collect(pq_match *m, accumulator *a, pq_value v, uint64_t weight) {
  pq_value kept;
  PQ_TRY(keep_value(&m->arena, v, &kept));
  for (uint64_t i = 0; i < weight; i++) {
    if (a->item_count >= m->rows_max)
      return pq_fail(m->cx, PQ_ELIMIT, "match: collect has more than %llu values: raise 'maxRows'",
                     (unsigned long long)m->rows_max);
    PQ_TRY(pq_match_grow(&m->arena, &a->items, a->item_count, &a->item_cap, sizeof *a->items));
    a->items[a->item_count++] = kept;
  }
  return PQ_OK;
}

static int take_value(pq_match *m, const pq_term *t, accumulator *a, pq_value v, uint64_t weight) {
  const char *name = pq_match_function_name(t->function);
  bool is_min = strcmp(name, "min") == 0;
  if (strcmp(name, "collect") == 0) return collect(m, a, v, weight);
  if (is_min || strcmp(name, "max") == 0) {
    int order = pq_value_is_missing(a->best) ? 0 : order_of(v, a->best);
    if (!pq_value_is_missing(a->best) && (is_min ? order >= 0 : order <= 0)) return PQ_OK;
    return keep_value(&m->arena, v, &a->best);
  }
  add_times(&a->total, v, weight);
  return PQ_OK;
}

static int take_row(pq_match *m, pq_oper *o, const pq_row *row, uint32_t group, uint64_t weight) {
  const pq_match_project *p = &o->part->project;
  record *r = o->projecting->records[group];
  for (uint32_t i = 0; i < p->aggregate_count; i++) {
    const pq_term *t = p->aggregates[i], *kid = t->count > 0 ? t->kids[0] : NULL;
    accumulator *a = &r->accumulators[i];
    bool is_new = true, is_count = strcmp(pq_match_function_name(t->function), "count") == 0;
    bool is_bare =
        kid != NULL && kid->kind == PQ_TERM_VAR &&
        row->part->vars[kid->at].kind <= (is_count && !t->is_distinct ? PQ_VAR_EDGES : PQ_VAR_EDGE);
    uint32_t cell = is_bare ? row->cells[kid->at] : PQ_NULL_CELL;
    pq_value v = {0};
    if (kid == NULL) {
      if (!pq_add_u64(a->count, weight, &a->count)) return pq_match_overflow(m);
      continue;
    }
    if (!is_bare || !is_count) PQ_TRY(pq_term_eval(m, row, kid, &v));
    if (is_bare ? cell == PQ_NULL_CELL : pq_match_is_null(v)) continue;
    if (t->is_distinct) PQ_TRY(see(m, o, group, i, cell, is_bare ? (pq_value){0} : v, &is_new));
    if (!is_new) continue;
    if (!pq_add_u64(a->count, t->is_distinct ? 1 : weight, &a->count)) return pq_match_overflow(m);
    if (!is_count) PQ_TRY(take_value(m, t, a, v, t->is_distinct ? 1 : weight));
  }
  return PQ_OK;
}

static int make_count(pq_match *m, uint64_t n, pq_value *out) {
  if (n > INT64_MAX) return pq_match_overflow(m);
  return n <= INT32_MAX ? pq_make_i32(&m->eval, (int32_t)n, out)
                        : pq_make_i64(&m->eval, (int64_t)n, out);
}

static int aggregate_value(pq_match *m, const pq_term *t, const accumulator *a, pq_value *out) {
  const char *name = pq_match_function_name(t->function);
  if (strcmp(name, "count") == 0) return make_count(m, a->count, out);
  if (strcmp(name, "sum") == 0) return pq_total_sum(&a->total, &m->eval, out);
  if (strcmp(name, "avg") == 0) return pq_total_average(&a->total, &m->eval, out);
  if (strcmp(name, "collect") == 0) return pq_make_array(&m->eval, a->items, a->item_count, out);
  *out = a->best;
  return PQ_OK;
}

/* ---- gathering ---- */

static int keys_of(pq_match *m, pq_oper *o, const pq_row *row, pq_arena *arena, pq_value *keys) {
  const pq_match_project *p = &o->part->project;
  for (uint32_t i = 0; i < p->order_count; i++) {
    PQ_TRY(pq_term_eval(m, row, p->orders[i].term, &keys[i]));
    if (arena != NULL) PQ_TRY(keep_value(arena, keys[i], &keys[i]));
  }
  return PQ_OK;
}

static int compare_keys(const pq_match_project *p, const pq_value *a, const pq_value *b) {
  for (uint32_t i = 0; i < p->order_count; i++) {
    int order = order_of(a[i], b[i]);
    if (order != 0) return p->orders[i].is_descending ? -order : order;
  }
  return 0;
}

static int compare_records(const void *a, const void *b, const void *ud) {
  return compare_keys(ud, (*(record *const *)a)->keys, (*(record *const *)b)->keys);
}

/* With a limit, records that cannot come out go. */
static int cut(pq_match *m, pq_oper *o) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  uint64_t most = p->skip > UINT64_MAX - p->limit ? UINT64_MAX : p->skip + p->limit;
  if (p->order_count == 0 || p->is_distinct || p->aggregate_count > 0) return PQ_OK;
  if (most > UINT32_MAX / 4 || g->count < most * 2 + KEEP_MORE) return PQ_OK;
  PQ_TRY(pq_sort_items(m->cx, g->records, g->count, sizeof *g->records, compare_records, p));
  g->count = (uint32_t)most;
  g->worst = most > 0 ? g->records[most - 1] : NULL;
  return PQ_OK;
}

static int gather_plain(pq_match *m, pq_oper *o, const pq_row *row, uint64_t weight) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  uint32_t *cells = pq_arena_array(&m->scratch, p->item_count, sizeof *cells);
  pq_value *values = pq_arena_array(&m->scratch, p->item_count, sizeof *values);
  pq_value *keys = pq_arena_calloc(&m->scratch, p->order_count, sizeof *keys);
  record *r;
  uint64_t h = 0;
  if (cells == NULL || values == NULL || keys == NULL) return m->cx->code;
  PQ_TRY(keys_of(m, o, row, NULL, keys));
  if (g->worst != NULL && compare_keys(p, keys, g->worst->keys) >= 0) return PQ_OK;
  PQ_TRY(columns_of(m, o, row, false, cells, values));
  if (p->is_distinct) {
    h = hash_columns(o, cells, values, false);
    if (find_record(o, h, cells, values, false) != NULL) return PQ_OK;
    PQ_TRY(pq_table_add(&g->table, h, g->count));
  }
  PQ_TRY(new_record(m, o, cells, values, &r));
  for (uint32_t i = 0; i < p->order_count; i++)
    PQ_TRY(keep_value(&m->arena, keys[i], &r->keys[i]));
  r->weight = p->is_distinct ? 1 : weight;
  return cut(m, o);
}

static int new_group(pq_match *m, pq_oper *o, const pq_row *row, const uint32_t *cells,
                     const pq_value *values) {
  const pq_match_project *p = &o->part->project;
  record *r;
  PQ_TRY(new_record(m, o, cells, values, &r));
  r->accumulators = pq_arena_calloc(&m->arena, p->aggregate_count, sizeof *r->accumulators);
  r->row = pq_arena_array(&m->arena, o->part->var_count, sizeof *r->row);
  if (r->accumulators == NULL || r->row == NULL) return m->cx->code;
  for (uint32_t i = 0; i < o->part->var_count; i++)
    r->row[i] = row != NULL ? row->cells[i] : PQ_NULL_CELL;
  r->weight = 1;
  return PQ_OK;
}

static int gather_group(pq_match *m, pq_oper *o, const pq_row *row, uint64_t weight) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  uint32_t *cells = pq_arena_array(&m->scratch, p->item_count, sizeof *cells), at;
  pq_value *values = pq_arena_array(&m->scratch, p->item_count, sizeof *values);
  size_t pos;
  uint64_t h;
  if (cells == NULL || values == NULL) return m->cx->code;
  PQ_TRY(columns_of(m, o, row, false, cells, values));
  h = hash_columns(o, cells, values, true);
  if (find_record(o, h, cells, values, true) == NULL) {
    PQ_TRY(new_group(m, o, row, cells, values));
    PQ_TRY(pq_table_add(&g->table, h, g->count - 1));
    at = g->count - 1;
  } else {
    const record *r = find_record(o, h, cells, values, true);
    at = pq_table_first(&g->table, h, &pos);
    while (at != PQ_TABLE_NONE && g->records[at] != r)
      at = pq_table_next(&g->table, h, &pos);
  }
  return take_row(m, o, row, at, weight);
}

static int empty_group(pq_match *m, pq_oper *o) {
  uint32_t count = o->part->project.item_count, *cells;
  pq_value *values;
  pq_arena_clear(&m->scratch);
  cells = pq_arena_calloc(&m->scratch, count, sizeof *cells);
  values = pq_arena_calloc(&m->scratch, count, sizeof *values);
  if (cells == NULL || values == NULL) return m->cx->code;
  return new_group(m, o, NULL, cells, values);
}

/* Aggregates are complete: the columns that hold them, and keys. */
static int finish_groups(pq_match *m, pq_oper *o) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  bool is_one = true; /* without key columns there is always one group */
  for (uint32_t i = 0; i < p->item_count; i++)
    is_one &= p->items[i].has_aggregate;
  if (g->count == 0 && is_one) PQ_TRY(empty_group(m, o));
  for (uint32_t r = 0; r < g->count; r++) {
    record *rec = g->records[r];
    pq_row row = {.part = o->part, .cells = rec->row};
    pq_value *aggregates;
    pq_arena_clear(&m->scratch);
    aggregates = pq_arena_calloc(&m->scratch, p->aggregate_count, sizeof *aggregates);
    if (aggregates == NULL) return m->cx->code;
    for (uint32_t i = 0; i < p->aggregate_count; i++)
      PQ_TRY(aggregate_value(m, p->aggregates[i], &rec->accumulators[i], &aggregates[i]));
    row.aggregates = aggregates;
    for (uint32_t i = 0; i < p->item_count; i++) {
      pq_value v;
      if (!p->items[i].has_aggregate) continue;
      PQ_TRY(pq_term_eval(m, &row, p->items[i].term, &v));
      PQ_TRY(keep_value(&m->arena, v, &rec->values[i]));
    }
    PQ_TRY(keys_of(m, o, &row, &m->arena, rec->keys));
  }
  return PQ_OK;
}

/* RETURN DISTINCT with aggregates: groups that look the same are one. */
static int drop_twins(pq_oper *o) {
  struct pq_projecting *g = o->projecting;
  uint32_t count = g->count;
  pq_table_clear(&g->table);
  g->count = 0;
  for (uint32_t i = 0; i < count; i++) {
    record *r = g->records[i];
    uint64_t h = hash_columns(o, r->cells, r->values, false);
    if (find_record(o, h, r->cells, r->values, false) != NULL) continue;
    g->records[g->count] = r;
    PQ_TRY(pq_table_add(&g->table, h, g->count));
    g->count++;
  }
  return PQ_OK;
}

static int gather_rows(pq_match *m, pq_oper *o) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  bool has_row;
  for (;;) {
    pq_row row = {.part = o->part};
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) break;
    if (!o->is_ready) PQ_TRY(pq_match_documents(m, o->part, o->in, g->documents));
    o->is_ready = true;
    PQ_TRY(pq_match_spend(m, 50));
    pq_arena_clear(&m->scratch);
    row.cells = o->in->cells + (size_t)o->at * o->in->stride;
    if (p->aggregate_count > 0)
      PQ_TRY(gather_group(m, o, &row, o->in->weights[o->at]));
    else
      PQ_TRY(gather_plain(m, o, &row, o->in->weights[o->at]));
    o->at++;
  }
  if (p->aggregate_count > 0) PQ_TRY(finish_groups(m, o));
  if (p->aggregate_count > 0 && p->is_distinct) PQ_TRY(drop_twins(o));
  if (p->order_count > 0)
    PQ_TRY(pq_sort_items(m->cx, g->records, g->count, sizeof *g->records, compare_records, p));
  g->is_gathered = true;
  return PQ_OK;
}

/* ---- giving ---- */

static int put_value(pq_match *m, bool is_return, pq_value v, uint32_t *cell) {
  pq_arena *arena = is_return ? &m->pool : &m->arena;
  pq_value **values = is_return ? &m->pool_values : &m->values;
  uint32_t *count = is_return ? &m->pool_count : &m->value_count;
  uint32_t *cap = is_return ? &m->pool_cap : &m->value_cap;
  *cell = PQ_NULL_CELL;
  if (pq_match_is_null(v)) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->arena, values, *count, cap, sizeof **values));
  PQ_TRY(pq_value_copy(arena, v, &(*values)[*count]));
  *cell = (*count)++;
  return PQ_OK;
}

/* How much of a row's weight comes out, after SKIP and LIMIT. */
static uint64_t take_weight(pq_oper *o, uint64_t weight) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  uint64_t skip = p->skip - g->skipped < weight ? p->skip - g->skipped : weight;
  g->skipped += skip;
  weight -= skip;
  if (weight > p->limit - g->given) weight = p->limit - g->given;
  g->given += weight;
  return weight;
}

static int put_row(pq_match *m, pq_oper *o, const uint32_t *cells, const pq_value *values,
                   uint64_t weight) {
  const pq_match_project *p = &o->part->project;
  pq_rows *out = &o->out;
  uint32_t *row = out->cells + (size_t)out->count * out->stride;
  for (uint32_t i = 0; i < out->stride; i++)
    row[i] = PQ_NULL_CELL;
  for (uint32_t i = 0; i < p->item_count; i++) {
    row[i] = cells[i];
    if (!is_cell(o, i)) PQ_TRY(put_value(m, p->is_return, values[i], &row[i]));
  }
  out->weights[out->count] = weight;
  out->tags[out->count++] = 0;
  return PQ_OK;
}

static int give_records(pq_match *m, pq_oper *o) {
  struct pq_projecting *g = o->projecting;
  const pq_match_project *p = &o->part->project;
  for (; g->at < g->count && !pq_oper_is_full(o) && g->given < p->limit; g->at++) {
    const record *r = g->records[g->at];
    uint64_t weight = take_weight(o, r->weight);
    if (weight > 0) PQ_TRY(put_row(m, o, r->cells, r->values, weight));
  }
  return PQ_OK;
}

static int stream(pq_match *m, pq_oper *o) {
  const pq_match_project *p = &o->part->project;
  struct pq_projecting *g = o->projecting;
  bool has_row;
  while (!pq_oper_is_full(o) && g->given < p->limit) {
    pq_row row = {.part = o->part};
    uint32_t *cells;
    pq_value *values;
    uint64_t weight;
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    if (!o->is_ready) PQ_TRY(pq_match_documents(m, o->part, o->in, g->documents));
    o->is_ready = true;
    PQ_TRY(pq_match_spend(m, 50));
    weight = take_weight(o, o->in->weights[o->at]);
    if (weight > 0) {
      pq_arena_clear(&m->scratch);
      cells = pq_arena_array(&m->scratch, p->item_count, sizeof *cells);
      values = pq_arena_array(&m->scratch, p->item_count, sizeof *values);
      if (cells == NULL || values == NULL) return m->cx->code;
      row.cells = o->in->cells + (size_t)o->at * o->in->stride;
      PQ_TRY(columns_of(m, o, &row, false, cells, values));
      PQ_TRY(put_row(m, o, cells, values, weight));
    }
    o->at++;
  }
  return PQ_OK;
}

int pq_run_project(pq_match *m, pq_oper *o) {
  const pq_match_project *p = &o->part->project;
  if (p->is_return && o->out.count == 0) {
    pq_arena_clear(&m->pool);
    m->pool_count = 0;
  }
  if (p->limit == 0) return PQ_OK;
  if (!is_gathering(p)) return stream(m, o);
  if (!o->projecting->is_gathered) PQ_TRY(gather_rows(m, o));
  return give_records(m, o);
}
