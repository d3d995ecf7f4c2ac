/* query/prune.c - see prune_int.h. */
#include <string.h>

#include "query/prune_int.h"

/* "<other> <null_explicit>" of an index column; false when absent or not "0 0". */
static bool is_exact_column(pq_arena *scratch, const pq_footer *footer, pq_slice path) {
  char *key = pq_arena_printf(scratch, "parquedb.index.%.*s", (int)path.n, (const char *)path.p);
  return key != NULL && pq_slice_is(pq_footer_key(footer, key), "0 0");
}

static pq_phys phys_of(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_INT64:
    case PQ_INDEX_TIMESTAMP: return PQ_PHYS_INT64;
    case PQ_INDEX_DOUBLE: return PQ_PHYS_DOUBLE;
    case PQ_INDEX_BOOL: return PQ_PHYS_BOOL;
    default: return PQ_PHYS_BYTES;
  }
}

/* The term for one conjunct; false when no column of the file can judge it. */
static bool find_term(pq_arena *scratch, const pq_scan *s, const pq_file *file,
                      const pq_conjunct *c, pq_column_term *out) {
  *out = (pq_column_term){.conjunct = c};
  if (pq_slice_is(c->path->text, "$id")) {
    *out = (pq_column_term){c, 0, PQ_INDEX_STRING, true};
    return true;
  }
  if (pq_slice_is(c->path->text, "name")) { /* the system column, where it agrees with $data */
    int leaf = pq_footer_leaf(file->footer, "name");
    if (leaf < 0 || file->footer->leaves[leaf].phys != PQ_PHYS_BYTES) return false;
    if (!is_exact_column(scratch, file->footer, c->path->text)) return false;
    *out = (pq_column_term){c, (uint32_t)leaf, PQ_INDEX_STRING, true};
    return true;
  }
  if (pq_is_system_field(c->path->parts[0].name)) return false; /* the document need not have it */
  for (uint32_t i = 0; s->info != NULL && i < s->info->index_count; i++) {
    const pq_index_column *column = &s->info->index_columns[i];
    char *name;
    int leaf;
    if (!pq_slice_eq(column->path, c->path->text)) continue;
    name =
        pq_arena_printf(scratch, "$index_%.*s", (int)column->path.n, (const char *)column->path.p);
    leaf = name == NULL ? -1 : pq_footer_leaf(file->footer, name);
    if (leaf < 0 || file->footer->leaves[leaf].phys != phys_of(column->type)) return false;
    *out = (pq_column_term){c, (uint32_t)leaf, column->type,
                            is_exact_column(scratch, file->footer, column->path)};
    return true;
  }
  return false;
}

int pq_prune_plan(pq_arena *scratch, const pq_scan *s, const pq_file *file, pq_prune *out) {
  uint32_t count;
  bool is_whole;
  const pq_conjunct *conjuncts = pq_filter_conjuncts(s->filter, &count, &is_whole);
  *out = (pq_prune){.is_decisive = is_whole};
  out->terms = pq_arena_calloc(scratch, count, sizeof *out->terms);
  if (out->terms == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_column_term t;
    if (find_term(scratch, s, file, &conjuncts[i], &t)) {
      out->terms[out->term_count++] = t;
      out->is_decisive &= t.is_exact;
    } else {
      out->is_decisive = false;
    }
  }
  return PQ_OK;
}

/* Could a value x with min <= x <= max satisfy `op operand`? */
static bool bounds_may(pq_compare_op op, pq_value operand, pq_value min, pq_value max) {
  pq_type bracket = pq_type_bracket(pq_value_type(operand));
  bool is_same = bracket == pq_type_bracket(pq_value_type(min));
  switch (op) {
    case PQ_OP_EQ:
      return is_same && pq_value_compare(min, operand) <= 0 && pq_value_compare(operand, max) <= 0;
    case PQ_OP_GT: return is_same && pq_value_compare(max, operand) > 0;
    case PQ_OP_GTE: return is_same && pq_value_compare(max, operand) >= 0;
    case PQ_OP_LT: return is_same && pq_value_compare(min, operand) < 0;
    case PQ_OP_LTE: return is_same && pq_value_compare(min, operand) <= 0;
    default: return true;
  }
}

/* Operands that a missing field satisfies, or that statistics say nothing about (NaN). */
static bool is_prunable(pq_value operand) {
  double d;
  switch (pq_type_bracket(pq_value_type(operand))) {
    case PQ_TYPE_INT32: return !pq_value_double(operand, &d) || d == d;
    case PQ_TYPE_STRING:
    case PQ_TYPE_BOOL:
    case PQ_TYPE_DATE:
    case PQ_TYPE_OBJECT_ID: return true;
    default: return false;
  }
}

static bool in_bounds_may(pq_value list, pq_value min, pq_value max) {
  uint32_t n = pq_value_count(list);
  for (uint32_t i = 0; i < n; i++) {
    pq_value operand = pq_array_at(list, i);
    if (!is_prunable(operand) || bounds_may(PQ_OP_EQ, operand, min, max)) return true;
  }
  return false;
}

int pq_prune_bounds(pq_arena *scratch, const pq_column_term *t, pq_slice min, pq_slice max,
                    bool *may) {
  pq_cell min_cell, max_cell;
  pq_value lo, hi;
  *may = true;
  if (!t->is_exact || t->conjunct->op == PQ_OP_EXISTS) return PQ_OK;
  /* A double column may hold NaN, which statistics leave out and $lt, $lte and $eq may mean. */
  if (t->type == PQ_INDEX_DOUBLE && t->conjunct->op != PQ_OP_EQ) return PQ_OK;
  PQ_TRY(pq_index_bound(scratch, min, t->type, &min_cell, &lo));
  PQ_TRY(pq_index_bound(scratch, max, t->type, &max_cell, &hi));
  if (pq_value_is_missing(lo) || pq_value_is_missing(hi)) return PQ_OK;
  if (t->conjunct->op == PQ_OP_IN)
    *may = in_bounds_may(t->conjunct->operand, lo, hi);
  else if (is_prunable(t->conjunct->operand))
    *may = bounds_may(t->conjunct->op, t->conjunct->operand, lo, hi);
  return PQ_OK;
}

int pq_prune_row(pq_arena *scratch, const pq_column_term *t, const pq_column *column, uint32_t row,
                 bool *may) {
  pq_cell cell;
  pq_value v;
  *may = true;
  if (pq_column_is_null(column, row) && !t->is_exact) return PQ_OK;
  PQ_TRY(pq_index_value(scratch, column, row, t->type, &cell, &v));
  *may = pq_conjunct_match(t->conjunct, v);
  return PQ_OK;
}

int pq_prune_bloom(pq_fetch *f, const pq_file *file, uint32_t row_group, const pq_column_term *t,
                   bool *may) {
  pq_slice text;
  *may = true;
  if (t->conjunct->op != PQ_OP_EQ || !t->is_exact) return PQ_OK;
  if (t->type == PQ_INDEX_STRING && pq_value_string(t->conjunct->operand, &text))
    return pq_bloom_check(f, file, row_group, t->leaf, pq_hash(text, 0), may);
  if (t->type == PQ_INDEX_OBJECT_ID && pq_value_object_id(t->conjunct->operand, &text))
    return pq_bloom_check(f, file, row_group, t->leaf, pq_hash(text, 0), may);
  return PQ_OK;
}
