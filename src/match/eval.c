/* match/eval.c - the value of a term for a row, with openCypher's three truths.
 *
 * Null is the missing value. What does not fit together, as "a" < 1, is null too, never a failure:
 * filters may run in any order.
 */
#include <math.h>
#include <string.h>

#include "match/match_int.h"
#include "value/compare.h"

enum { EQUAL_DEPTH_MAX = 64 };

bool pq_match_is_null(pq_value v) {
  return pq_value_is_missing(v) || pq_value_type(v) == PQ_TYPE_NULL;
}

int pq_match_truth(pq_value v) {
  bool b;
  return pq_value_bool(v, &b) ? b : -1;
}

static int make_truth(pq_match *m, int truth, pq_value *out) {
  *out = (pq_value){0};
  return truth < 0 ? PQ_OK : pq_make_bool(&m->eval, truth != 0, out);
}

static bool is_nan(pq_value v) {
  double d;
  return pq_value_double(v, &d) && isnan(d);
}

static int equal_at(pq_value a, pq_value b, uint32_t depth);

/* Item by item: one that differs decides, else one that is null. */
static int equal_lists(pq_value a, pq_value b, uint32_t depth) {
  uint32_t n = pq_value_count(a);
  int all = 1;
  if (n != pq_value_count(b)) return 0;
  for (uint32_t i = 0; i < n; i++) {
    int one = equal_at(pq_array_at(a, i), pq_array_at(b, i), depth);
    if (one == 0) return 0;
    if (one < 0) all = -1;
  }
  return all;
}

static int equal_maps(pq_value a, pq_value b, uint32_t depth) {
  uint32_t n = pq_value_count(a);
  int all = 1;
  if (n != pq_value_count(b)) return 0;
  for (uint32_t i = 0; i < n; i++) {
    pq_field f = {0};
    pq_value y = pq_object_at(a, i, &f) ? pq_object_get(b, f.name) : (pq_value){0};
    int one = pq_value_is_missing(y) ? 0 : equal_at(f.value, y, depth);
    if (one == 0) return 0;
    if (one < 0) all = -1;
  }
  return all;
}

static int equal_at(pq_value a, pq_value b, uint32_t depth) {
  pq_type x, y;
  if (pq_match_is_null(a) || pq_match_is_null(b)) return -1;
  if (is_nan(a) || is_nan(b)) return 0;
  x = pq_value_type(a);
  y = pq_value_type(b);
  if (depth < EQUAL_DEPTH_MAX && x == PQ_TYPE_ARRAY && y == PQ_TYPE_ARRAY)
    return equal_lists(a, b, depth + 1);
  if (depth < EQUAL_DEPTH_MAX && x == PQ_TYPE_OBJECT && y == PQ_TYPE_OBJECT)
    return equal_maps(a, b, depth + 1);
  return pq_value_compare(a, b) == 0;
}

int pq_match_equal(pq_value a, pq_value b) {
  return equal_at(a, b, 0);
}

/* -1: null. */
static int compare(pq_term_kind kind, pq_value a, pq_value b) {
  int equal = pq_match_equal(a, b), order;
  if (kind == PQ_TERM_EQ) return equal;
  if (kind == PQ_TERM_NE) return equal < 0 ? -1 : !equal;
  if (equal < 0) return -1;
  if (pq_type_bracket(pq_value_type(a)) != pq_type_bracket(pq_value_type(b))) return -1;
  if (is_nan(a) || is_nan(b)) return 0;
  order = pq_value_compare(a, b);
  if (kind == PQ_TERM_LT) return order < 0;
  if (kind == PQ_TERM_LE) return order <= 0;
  return kind == PQ_TERM_GT ? order > 0 : order >= 0;
}

/* Nodes and relationships are compared by number. */
static bool compare_cells(const pq_row *row, const pq_term *t, int *truth) {
  const pq_term *a = t->kids[0], *b = t->kids[1];
  uint32_t x, y;
  if ((t->kind != PQ_TERM_EQ && t->kind != PQ_TERM_NE) || a->kind != PQ_TERM_VAR ||
      b->kind != PQ_TERM_VAR)
    return false;
  if (row->part->vars[a->at].kind != row->part->vars[b->at].kind ||
      row->part->vars[a->at].kind > PQ_VAR_EDGE)
    return false;
  x = row->cells[a->at];
  y = row->cells[b->at];
  *truth = x == PQ_NULL_CELL || y == PQ_NULL_CELL ? -1 : (x == y) == (t->kind == PQ_TERM_EQ);
  return true;
}

static int eval_in(pq_value v, pq_value list) {
  bool has_null = false;
  uint32_t n = pq_value_count(list);
  if (pq_value_type(list) != PQ_TYPE_ARRAY) return -1;
  for (uint32_t i = 0; i < n; i++) {
    int equal = pq_match_equal(v, pq_array_at(list, i));
    if (equal == 1) return 1;
    has_null |= equal < 0;
  }
  return has_null ? -1 : 0;
}

static bool contains(pq_slice text, pq_slice part) {
  for (size_t i = 0; part.n <= text.n && i <= text.n - part.n; i++)
    if (part.n == 0 || memcmp(text.p + i, part.p, part.n) == 0) return true;
  return false;
}

static int eval_text(const pq_term *t, pq_value a, pq_value b) {
  pq_slice text, part;
  if (!pq_value_string(a, &text)) return -1;
  if (t->kind == PQ_TERM_REGEX) return pq_regex_match(t->regex, text);
  if (!pq_value_string(b, &part)) return -1;
  if (t->kind == PQ_TERM_CONTAINS) return contains(text, part);
  if (part.n > text.n) return 0;
  return t->kind == PQ_TERM_STARTS
             ? part.n == 0 || memcmp(text.p, part.p, part.n) == 0
             : part.n == 0 || memcmp(text.p + text.n - part.n, part.p, part.n) == 0;
}

/* ---- arithmetic ---- */

static bool whole(pq_term_kind kind, int64_t a, int64_t b, int64_t *out) {
  switch (kind) {
    case PQ_TERM_ADD: return pq_add_i64(a, b, out);
    case PQ_TERM_SUB: return pq_sub_i64(a, b, out);
    case PQ_TERM_MUL: return pq_mul_i64(a, b, out);
    case PQ_TERM_DIV:
    case PQ_TERM_MOD:
      if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
      *out = kind == PQ_TERM_DIV ? a / b : a % b;
      return true;
    default: return false;
  }
}

static double real(pq_term_kind kind, double a, double b) {
  switch (kind) {
    case PQ_TERM_ADD: return a + b;
    case PQ_TERM_SUB: return a - b;
    case PQ_TERM_MUL: return a * b;
    case PQ_TERM_DIV: return a / b;
    case PQ_TERM_MOD: return fmod(a, b);
    default: return pow(a, b);
  }
}

static int join_texts(pq_match *m, pq_slice a, pq_slice b, pq_value *out) {
  uint8_t *p = pq_arena_alloc(&m->scratch, a.n + b.n);
  if (p == NULL) return m->cx->code;
  if (a.n > 0) memcpy(p, a.p, a.n);
  if (b.n > 0) memcpy(p + a.n, b.p, b.n);
  return pq_make_text(&m->eval, (pq_slice){p, a.n + b.n}, out);
}

/* One of them is a list; what is none is one item. */
static int join_lists(pq_match *m, pq_value a, pq_value b, pq_value *out) {
  bool is_a = pq_value_type(a) == PQ_TYPE_ARRAY, is_b = pq_value_type(b) == PQ_TYPE_ARRAY;
  uint32_t na = is_a ? pq_value_count(a) : 1, nb = is_b ? pq_value_count(b) : 1;
  pq_value *items = pq_arena_calloc(&m->scratch, (size_t)na + nb, sizeof *items);
  if (items == NULL) return m->cx->code;
  for (uint32_t i = 0; i < na; i++)
    items[i] = is_a ? pq_array_at(a, i) : a;
  for (uint32_t i = 0; i < nb; i++)
    items[na + i] = is_b ? pq_array_at(b, i) : b;
  return pq_make_array(&m->eval, items, na + nb, out);
}

static int eval_arithmetic(pq_match *m, pq_term_kind kind, pq_value a, pq_value b, pq_value *out) {
  int64_t x, y, n;
  double p, q;
  pq_slice s, t;
  bool is_whole = pq_value_i64(a, &x) && pq_value_i64(b, &y);
  *out = (pq_value){0};
  if (is_whole && (kind == PQ_TERM_DIV || kind == PQ_TERM_MOD) && y == 0) return PQ_OK;
  if (is_whole && whole(kind, x, y, &n))
    return n >= INT32_MIN && n <= INT32_MAX ? pq_make_i32(&m->eval, (int32_t)n, out)
                                            : pq_make_i64(&m->eval, n, out);
  if (pq_value_number(a, &p) && pq_value_number(b, &q))
    return pq_make_double(&m->eval, real(kind, p, q), out);
  if (kind != PQ_TERM_ADD) return PQ_OK;
  if (pq_value_string(a, &s) && pq_value_string(b, &t)) return join_texts(m, s, t, out);
  if (pq_value_type(a) == PQ_TYPE_ARRAY || pq_value_type(b) == PQ_TYPE_ARRAY)
    return join_lists(m, a, b, out);
  return PQ_OK;
}

/* ---- fields ---- */

pq_value pq_match_value(const pq_match *m, uint32_t cell) {
  return cell == PQ_NULL_CELL ? (pq_value){0} : m->values[cell];
}

static int list_value(pq_match *m, uint32_t cell, pq_value *out) {
  uint32_t n = m->lists[cell];
  pq_value *items = pq_arena_calloc(&m->scratch, n, sizeof *items);
  bool is_known;
  if (items == NULL) return m->cx->code;
  for (uint32_t i = 0; i < n; i++)
    items[i] = pq_match_edge_value(m, m->lists[cell + 1 + i], &is_known);
  return pq_make_array(&m->eval, items, n, out);
}

/* {length, nodes: [id …], edges: [edge …]} */
static int path_value(pq_match *m, const pq_row *row, uint32_t var, pq_value *out) {
  uint32_t *nodes, *edges, count;
  pq_value *ids, *items, length, list, edge_list;
  bool is_there, is_known;
  PQ_TRY(pq_match_path_of(m, row->part, row->cells, row->part->vars[var].path, &nodes, &edges,
                          &count, &is_there));
  if (!is_there) return PQ_OK;
  ids = pq_arena_calloc(&m->scratch, (size_t)count + 1, sizeof *ids);
  items = pq_arena_calloc(&m->scratch, count, sizeof *items);
  if (ids == NULL || items == NULL) return m->cx->code;
  for (uint32_t i = 0; i <= count; i++)
    PQ_TRY(pq_make_text(&m->eval, pq_match_id(m, nodes[i]), &ids[i]));
  for (uint32_t i = 0; i < count; i++)
    items[i] = pq_match_edge_value(m, edges[i], &is_known);
  PQ_TRY(pq_make_i32(&m->eval, (int32_t)count, &length));
  PQ_TRY(pq_make_array(&m->eval, ids, count + 1, &list));
  PQ_TRY(pq_make_array(&m->eval, items, count, &edge_list));
  return pq_make_object(
      &m->eval,
      (pq_field[]){
          {PQ_SLICE("length"), length}, {PQ_SLICE("nodes"), list}, {PQ_SLICE("edges"), edge_list}},
      3, out);
}

int pq_match_cell_value(pq_match *m, const pq_row *row, uint32_t var, pq_value *out) {
  uint32_t cell = row->cells[var];
  const pq_node_slot *slot;
  bool is_known;
  *out = (pq_value){0};
  if (row->part->vars[var].kind == PQ_VAR_PATH) return path_value(m, row, var, out);
  if (cell == PQ_NULL_CELL) return PQ_OK;
  switch (row->part->vars[var].kind) {
    case PQ_VAR_NODE:
      slot = pq_match_node_slot(m, cell);
      if (slot != NULL) *out = slot->document;
      return PQ_OK;
    case PQ_VAR_EDGE: *out = pq_match_edge_value(m, cell, &is_known); return PQ_OK;
    case PQ_VAR_EDGES: return list_value(m, cell, out);
    case PQ_VAR_BOOL: return pq_make_bool(&m->eval, cell != 0, out);
    default: *out = pq_match_value(m, cell); return PQ_OK;
  }
}

static int eval_field(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  const pq_term *kid = t->kids[0];
  pq_var_kind kind = kid->kind == PQ_TERM_VAR ? row->part->vars[kid->at].kind : PQ_VAR_VALUE;
  pq_value v;
  *out = (pq_value){0};
  if (kind == PQ_VAR_NODE && pq_slice_is(t->name, "$id")) {
    if (row->cells[kid->at] == PQ_NULL_CELL) return PQ_OK;
    return pq_make_text(&m->eval, pq_match_id(m, row->cells[kid->at]), out);
  }
  PQ_TRY(pq_term_eval(m, row, kid, &v));
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return PQ_OK;
  if (kind == PQ_VAR_EDGE) *out = pq_object_get(pq_object_get_str(v, "data"), t->name);
  if (pq_value_is_missing(*out)) *out = pq_object_get(v, t->name);
  /* as they are stored, they are shown without the $ */
  if (kind == PQ_VAR_EDGE && pq_value_is_missing(*out) &&
      (pq_slice_is(t->name, PQ_EDGE_CONFIDENCE_NAME) || pq_slice_is(t->name, PQ_EDGE_MODE_NAME)))
    *out = pq_object_get(v, (pq_slice){t->name.p + 1, t->name.n - 1});
  if (pq_match_is_null(*out)) *out = (pq_value){0};
  return PQ_OK;
}

static int eval_index(pq_value list, pq_value at, pq_value *out) {
  int64_t i;
  pq_slice name;
  *out = (pq_value){0};
  if (pq_value_type(list) == PQ_TYPE_OBJECT && pq_value_string(at, &name))
    *out = pq_object_get(list, name);
  if (pq_value_type(list) != PQ_TYPE_ARRAY || !pq_value_i64(at, &i)) return PQ_OK;
  if (i < 0) i += pq_value_count(list);
  if (i >= 0 && i < pq_value_count(list)) *out = pq_array_at(list, (uint32_t)i);
  return PQ_OK;
}

/* ---- terms ---- */

/* AND and OR: one that decides is enough, else null if one is. */
static int eval_words(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  int decides = t->kind == PQ_TERM_OR, result = !decides;
  for (uint32_t i = 0; i < t->count && result != decides; i++) {
    pq_value v;
    int truth;
    PQ_TRY(pq_term_eval(m, row, t->kids[i], &v));
    truth = pq_match_truth(v);
    if (truth < 0 || truth == decides) result = truth;
  }
  return make_truth(m, result, out);
}

static int eval_xor(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  int result = 0;
  for (uint32_t i = 0; i < t->count; i++) {
    pq_value v;
    int truth;
    PQ_TRY(pq_term_eval(m, row, t->kids[i], &v));
    truth = pq_match_truth(v);
    result = result < 0 || truth < 0 ? -1 : result ^ truth;
  }
  return make_truth(m, result, out);
}

static int eval_kids(pq_match *m, const pq_row *row, const pq_term *t, pq_value **out) {
  *out = pq_arena_calloc(&m->scratch, t->count, sizeof **out);
  if (*out == NULL) return m->cx->code;
  for (uint32_t i = 0; i < t->count; i++)
    PQ_TRY(pq_term_eval(m, row, t->kids[i], &(*out)[i]));
  return PQ_OK;
}

static int eval_map(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  pq_value *values;
  pq_field *fields = pq_arena_calloc(&m->scratch, t->count, sizeof *fields);
  if (fields == NULL) return m->cx->code;
  PQ_TRY(eval_kids(m, row, t, &values));
  for (uint32_t i = 0; i < t->count; i++) {
    fields[i] = (pq_field){t->names[i], values[i]};
    if (pq_value_is_missing(values[i])) PQ_TRY(pq_make_null(&m->eval, &fields[i].value));
  }
  return pq_make_object(&m->eval, fields, t->count, out);
}

static int eval_case(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  *out = (pq_value){0};
  for (uint32_t i = 0; i + 1 < t->count; i += 2) {
    pq_value v;
    PQ_TRY(pq_term_eval(m, row, t->kids[i], &v));
    if (pq_match_truth(v) == 1) return pq_term_eval(m, row, t->kids[i + 1], out);
  }
  return t->count % 2 == 1 ? pq_term_eval(m, row, t->kids[t->count - 1], out) : PQ_OK;
}

static int eval_labels(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  uint32_t cell = row->cells[t->kids[0]->at];
  bool has = false;
  if (cell == PQ_NULL_CELL) return make_truth(m, -1, out);
  for (uint32_t i = 0; i < m->label_count; i++)
    for (uint32_t k = 0; k < t->name_count && !has; k++)
      has = pq_slice_eq(m->labels[i].name, t->names[k]) && pq_match_has_label(m, cell, i);
  return make_truth(m, has, out);
}

/* Is the variable null? Without its value. */
static bool is_null_cell(const pq_row *row, const pq_term *t, bool *is_null) {
  bool is_var = t->kind == PQ_TERM_VAR && row->part->vars[t->at].kind < PQ_VAR_PATH;
  if (is_var) *is_null = row->cells[t->at] == PQ_NULL_CELL;
  return is_var;
}

static int eval_pair(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  pq_value a, b;
  int truth;
  if (compare_cells(row, t, &truth)) return make_truth(m, truth, out);
  PQ_TRY(pq_term_eval(m, row, t->kids[0], &a));
  PQ_TRY(pq_term_eval(m, row, t->kids[1], &b));
  *out = (pq_value){0};
  if (t->kind == PQ_TERM_INDEX) return eval_index(a, b, out);
  if (t->kind >= PQ_TERM_ADD) {
    if (pq_match_is_null(a) || pq_match_is_null(b)) return PQ_OK;
    return eval_arithmetic(m, t->kind, a, b, out);
  }
  if (t->kind == PQ_TERM_IN) return make_truth(m, eval_in(a, b), out);
  if (t->kind >= PQ_TERM_STARTS) return make_truth(m, eval_text(t, a, b), out);
  return make_truth(m, compare(t->kind, a, b), out);
}

static int eval_one(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  pq_value v, zero;
  bool is_null;
  if (t->kind == PQ_TERM_IS_NULL && is_null_cell(row, t->kids[0], &is_null))
    return make_truth(m, is_null, out);
  PQ_TRY(pq_term_eval(m, row, t->kids[0], &v));
  if (t->kind == PQ_TERM_IS_NULL) return make_truth(m, pq_match_is_null(v), out);
  if (t->kind == PQ_TERM_NOT) {
    int truth = pq_match_truth(v);
    return make_truth(m, truth < 0 ? -1 : !truth, out);
  }
  PQ_TRY(pq_make_i32(&m->eval, 0, &zero));
  *out = (pq_value){0};
  return pq_match_is_null(v) ? PQ_OK : eval_arithmetic(m, PQ_TERM_SUB, zero, v, out);
}

int pq_term_eval(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  pq_value *kids;
  switch (t->kind) {
    case PQ_TERM_CONST: *out = t->value; return PQ_OK;
    case PQ_TERM_VAR: return pq_match_cell_value(m, row, t->at, out);
    case PQ_TERM_PATTERN: return make_truth(m, row->cells[t->at] == 1, out);
    case PQ_TERM_PROP: return eval_field(m, row, t, out);
    case PQ_TERM_AND:
    case PQ_TERM_OR: return eval_words(m, row, t, out);
    case PQ_TERM_XOR: return eval_xor(m, row, t, out);
    case PQ_TERM_NOT:
    case PQ_TERM_IS_NULL:
    case PQ_TERM_NEG: return eval_one(m, row, t, out);
    case PQ_TERM_LIST:
      PQ_TRY(eval_kids(m, row, t, &kids));
      return pq_make_array(&m->eval, kids, t->count, out);
    case PQ_TERM_MAP: return eval_map(m, row, t, out);
    case PQ_TERM_CALL: return pq_match_call(m, row, t, out);
    case PQ_TERM_AGGREGATE:
      *out = row->aggregates != NULL ? row->aggregates[t->at] : (pq_value){0};
      return PQ_OK;
    case PQ_TERM_CASE: return eval_case(m, row, t, out);
    case PQ_TERM_LABELS: return eval_labels(m, row, t, out);
    default: return eval_pair(m, row, t, out);
  }
}
