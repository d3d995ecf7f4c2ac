/* match/functions.c - the functions of terms; doc/match.md lists them.
 *
 * What a function cannot take makes null, as null does.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "match/match_int.h"
#include "value/compare.h"

typedef enum function_kind {
  F_ID,
  F_LABELS,
  F_TYPE,
  F_PROPERTIES,
  F_KEYS,
  F_COALESCE,
  F_LOWER,
  F_UPPER,
  F_TRIM,
  F_LTRIM,
  F_RTRIM,
  F_SIZE,
  F_LENGTH,
  F_ABS,
  F_ROUND,
  F_FLOOR,
  F_CEIL,
  F_SQRT,
  F_SIGN,
  F_NODES,
  F_RELATIONSHIPS,
  F_HEAD,
  F_LAST,
  F_TO_STRING,
  F_TO_INTEGER,
  F_TO_FLOAT,
  F_TO_BOOLEAN,
  F_SUBSTRING,
  F_LEFT,
  F_RIGHT,
  F_REPLACE,
  F_SPLIT,
  F_DATETIME,
  F_COUNT,
  F_SUM,
  F_AVG,
  F_MIN,
  F_MAX,
  F_COLLECT
} function_kind;

typedef struct known_function {
  const char *name, *shown;
  function_kind kind;
  uint32_t min, max;          /* arguments */
  bool is_aggregate, is_bare; /* bare: needs no document of a node or edge */
} known_function;

static const known_function functions[] = {
    {"id", "id", F_ID, 1, 1, false, true},
    {"elementid", "elementId", F_ID, 1, 1, false, true},
    {"labels", "labels", F_LABELS, 1, 1, false, false},
    {"type", "type", F_TYPE, 1, 1, false, true},
    {"properties", "properties", F_PROPERTIES, 1, 1, false, false},
    {"keys", "keys", F_KEYS, 1, 1, false, false},
    {"coalesce", "coalesce", F_COALESCE, 1, 1000, false, false},
    {"tolower", "toLower", F_LOWER, 1, 1, false, false},
    {"lower", "lower", F_LOWER, 1, 1, false, false},
    {"toupper", "toUpper", F_UPPER, 1, 1, false, false},
    {"upper", "upper", F_UPPER, 1, 1, false, false},
    {"trim", "trim", F_TRIM, 1, 1, false, false},
    {"ltrim", "ltrim", F_LTRIM, 1, 1, false, false},
    {"rtrim", "rtrim", F_RTRIM, 1, 1, false, false},
    {"size", "size", F_SIZE, 1, 1, false, false},
    {"length", "length", F_LENGTH, 1, 1, false, true},
    {"abs", "abs", F_ABS, 1, 1, false, false},
    {"round", "round", F_ROUND, 1, 1, false, false},
    {"floor", "floor", F_FLOOR, 1, 1, false, false},
    {"ceil", "ceil", F_CEIL, 1, 1, false, false},
    {"sqrt", "sqrt", F_SQRT, 1, 1, false, false},
    {"sign", "sign", F_SIGN, 1, 1, false, false},
    {"nodes", "nodes", F_NODES, 1, 1, false, false},
    {"relationships", "relationships", F_RELATIONSHIPS, 1, 1, false, false},
    {"head", "head", F_HEAD, 1, 1, false, false},
    {"last", "last", F_LAST, 1, 1, false, false},
    {"tostring", "toString", F_TO_STRING, 1, 1, false, false},
    {"tointeger", "toInteger", F_TO_INTEGER, 1, 1, false, false},
    {"tofloat", "toFloat", F_TO_FLOAT, 1, 1, false, false},
    {"toboolean", "toBoolean", F_TO_BOOLEAN, 1, 1, false, false},
    {"substring", "substring", F_SUBSTRING, 2, 3, false, false},
    {"left", "left", F_LEFT, 2, 2, false, false},
    {"right", "right", F_RIGHT, 2, 2, false, false},
    {"replace", "replace", F_REPLACE, 3, 3, false, false},
    {"split", "split", F_SPLIT, 2, 2, false, false},
    {"datetime", "datetime", F_DATETIME, 1, 1, false, false},
    {"date", "date", F_DATETIME, 1, 1, false, false},
    {"count", "count", F_COUNT, 1, 1, true, true},
    {"sum", "sum", F_SUM, 1, 1, true, false},
    {"avg", "avg", F_AVG, 1, 1, true, false},
    {"min", "min", F_MIN, 1, 1, true, false},
    {"max", "max", F_MAX, 1, 1, true, false},
    {"collect", "collect", F_COLLECT, 1, 1, true, false}};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

uint32_t pq_match_function(pq_slice name) {
  char lower[16];
  if (name.n >= sizeof lower) return PQ_NO_FUNCTION;
  for (size_t i = 0; i < name.n; i++)
    lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
  lower[name.n] = 0;
  for (uint32_t f = 0; f < FUNCTION_COUNT; f++)
    if (strcmp(functions[f].name, lower) == 0) return f;
  return PQ_NO_FUNCTION;
}

bool pq_match_function_is_aggregate(uint32_t function) {
  return functions[function].is_aggregate;
}

const char *pq_match_function_name(uint32_t function) {
  return functions[function].shown;
}

bool pq_match_function_needs_document(uint32_t function) {
  return !functions[function].is_bare;
}

static pq_var_kind kind_of(const pq_match *m, const pq_term *t) {
  return t->kind == PQ_TERM_VAR ? m->part->vars[t->at].kind : PQ_VAR_VALUE;
}

int pq_match_function_check(pq_match *m, const pq_term *call, pq_slice name) {
  const known_function *f = &functions[call->function];
  pq_var_kind kind;
  if (call->count < f->min || call->count > f->max)
    return pq_match_fail(m, call->off, "%.*s takes %u argument%s", (int)name.n,
                         (const char *)name.p, f->min, f->min == 1 ? "" : "s");
  kind = kind_of(m, call->kids[0]);
  if (f->kind == F_ID && kind == PQ_VAR_EDGE)
    return pq_match_fail(m, call->off,
                         "a relationship has no id of its own: r.from, type(r) and r.to name it");
  if (f->kind == F_SIZE && call->kids[0]->kind == PQ_TERM_PATTERN)
    return pq_match_unsupported(m, call->off,
                                "the size of a pattern is not supported: OPTIONAL MATCH and count "
                                "are");
  if (f->kind == F_LENGTH && (kind == PQ_VAR_NODE || kind == PQ_VAR_EDGE))
    return pq_match_fail(m, call->off, "length takes a path");
  if (f->kind == F_LENGTH && kind == PQ_VAR_EDGES)
    return pq_match_fail(m, call->off, "length takes a path: of a list it is size");
  if (f->kind == F_ID && kind != PQ_VAR_NODE && kind != PQ_VAR_VALUE)
    return pq_match_fail(m, call->off, "id takes a node");
  if (f->kind == F_LABELS && kind != PQ_VAR_NODE && kind != PQ_VAR_VALUE)
    return pq_match_fail(m, call->off, "labels takes a node");
  if (f->kind == F_TYPE && kind != PQ_VAR_EDGE && kind != PQ_VAR_VALUE)
    return pq_match_fail(m, call->off, "type takes a relationship");
  return PQ_OK;
}

/* ---- text ---- */

static int fold(pq_match *m, pq_slice s, bool is_lower, pq_value *out) {
  uint8_t *p = pq_arena_alloc(&m->scratch, s.n);
  if (p == NULL) return m->cx->code;
  for (size_t i = 0; i < s.n; i++) {
    uint8_t c = s.p[i];
    bool is_other = is_lower ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
    p[i] = is_other ? c ^ 32 : c;
  }
  return pq_make_text(&m->eval, (pq_slice){p, s.n}, out);
}

static bool is_blank(uint8_t c) {
  return c == ' ' || (c >= 9 && c <= 13);
}

static int trim(pq_match *m, pq_slice s, function_kind kind, pq_value *out) {
  while (kind != F_RTRIM && s.n > 0 && is_blank(s.p[0])) {
    s.p++;
    s.n--;
  }
  while (kind != F_LTRIM && s.n > 0 && is_blank(s.p[s.n - 1]))
    s.n--;
  return pq_make_text(&m->eval, s, out);
}

static uint64_t length_of(pq_slice s) {
  uint64_t n = 0;
  for (size_t i = 0; i < s.n; i++)
    n += (s.p[i] & 0xc0) != 0x80;
  return n;
}

/* `count` characters from character `from` on. */
static pq_slice part_of(pq_slice s, uint64_t from, uint64_t count) {
  size_t begin = 0, end;
  for (uint64_t i = 0; i < from && begin < s.n; i++)
    for (begin++; begin < s.n && (s.p[begin] & 0xc0) == 0x80;)
      begin++;
  end = begin;
  for (uint64_t i = 0; i < count && end < s.n; i++)
    for (end++; end < s.n && (s.p[end] & 0xc0) == 0x80;)
      end++;
  return (pq_slice){s.p + begin, end - begin};
}

static int substring(pq_match *m, function_kind kind, const pq_value *v, uint32_t count,
                     pq_value *out) {
  pq_slice s;
  int64_t a, b = INT64_MAX;
  uint64_t n;
  if (!pq_value_string(v[0], &s) || !pq_value_i64(v[1], &a) || a < 0) return PQ_OK;
  if (count == 3 && (!pq_value_i64(v[2], &b) || b < 0)) return PQ_OK;
  n = length_of(s);
  if (kind == F_LEFT)
    s = part_of(s, 0, (uint64_t)a);
  else if (kind == F_RIGHT)
    s = part_of(s, (uint64_t)a < n ? n - (uint64_t)a : 0, n);
  else
    s = part_of(s, (uint64_t)a, (uint64_t)b);
  return pq_make_text(&m->eval, s, out);
}

static bool is_at(pq_slice s, size_t i, pq_slice what) {
  return what.n <= s.n - i && memcmp(s.p + i, what.p, what.n) == 0;
}

static int replace(pq_match *m, const pq_value *v, pq_value *out) {
  pq_slice s, what, by;
  pq_buf buf;
  int rc = PQ_OK;
  if (!pq_value_string(v[0], &s) || !pq_value_string(v[1], &what) || !pq_value_string(v[2], &by))
    return PQ_OK;
  if (what.n == 0) return pq_make_text(&m->eval, s, out);
  pq_buf_init(&buf, m->cx, m->cx->limits.doc_len_max);
  for (size_t i = 0; i < s.n && rc == PQ_OK;) {
    bool is_here = is_at(s, i, what);
    rc = is_here ? pq_buf_put_slice(&buf, by) : pq_buf_put_byte(&buf, s.p[i]);
    i += is_here ? what.n : 1;
  }
  if (rc == PQ_OK) rc = pq_make_text(&m->eval, pq_buf_slice(&buf), out);
  pq_buf_release(&buf);
  return rc;
}

static int split(pq_match *m, const pq_value *v, pq_value *out) {
  pq_slice s, by;
  pq_value *items = NULL;
  uint32_t count = 0, cap = 0;
  size_t begin = 0;
  if (!pq_value_string(v[0], &s) || !pq_value_string(v[1], &by)) return PQ_OK;
  for (size_t i = 0; i <= s.n; i++) {
    if (i < s.n && (by.n == 0 || !is_at(s, i, by))) continue;
    PQ_TRY(pq_match_grow(&m->scratch, &items, count, &cap, sizeof *items));
    PQ_TRY(pq_make_text(&m->eval, (pq_slice){s.p + begin, i - begin}, &items[count++]));
    i += i < s.n ? by.n - 1 : 0;
    begin = i + 1;
  }
  return pq_make_array(&m->eval, items, count, out);
}

static int to_string(pq_match *m, pq_value v, pq_value *out) {
  char text[PQ_DOUBLE_CAP + PQ_TIME_CAP];
  pq_slice s;
  int64_t n;
  double d;
  bool b;
  if (pq_value_string(v, &s)) {
    *out = v;
    return PQ_OK;
  }
  if (pq_value_bool(v, &b)) return pq_make_text(&m->eval, pq_str(b ? "true" : "false"), out);
  if (pq_value_i64(v, &n)) {
    size_t len = 0;
    if (n < 0) text[len++] = '-';
    len += pq_u64_print(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, text + len);
    return pq_make_text(&m->eval, (pq_slice){(const uint8_t *)text, len}, out);
  }
  if (pq_value_date_us(v, &n)) {
    pq_time_print(n, text);
    return pq_make_text(&m->eval, pq_str(text), out);
  }
  if (!pq_value_number(v, &d)) return PQ_OK;
  (void)pq_double_print(d, text);
  return pq_make_text(&m->eval, pq_str(text), out);
}

/* ---- numbers ---- */

static int make_whole(pq_match *m, double d, pq_value *out) {
  if (!(d >= -9.2e18 && d <= 9.2e18)) return PQ_OK;
  return d >= INT32_MIN && d <= INT32_MAX ? pq_make_i32(&m->eval, (int32_t)d, out)
                                          : pq_make_i64(&m->eval, (int64_t)d, out);
}

static int to_number(pq_match *m, pq_value v, bool is_whole, pq_value *out) {
  pq_slice s;
  double d;
  int64_t n;
  if (is_whole && pq_value_i64(v, &n)) {
    *out = v;
    return PQ_OK;
  }
  if (pq_value_string(v, &s)) {
    bool is_negative = s.n > 0 && s.p[0] == '-';
    if (is_negative || (s.n > 0 && s.p[0] == '+')) s = (pq_slice){s.p + 1, s.n - 1};
    if (!pq_double_parse(s, &d)) return PQ_OK;
    if (is_negative) d = -d;
  } else if (!pq_value_number(v, &d)) {
    return PQ_OK;
  }
  return is_whole ? make_whole(m, trunc(d), out) : pq_make_double(&m->eval, d, out);
}

static int number(pq_match *m, function_kind kind, pq_value v, pq_value *out) {
  double d;
  int64_t n;
  bool is_whole = pq_value_i64(v, &n);
  if (!pq_value_number(v, &d)) return PQ_OK;
  if (kind == F_SIGN) return pq_make_i32(&m->eval, d > 0 ? 1 : d < 0 ? -1 : 0, out);
  if (kind == F_SQRT) return pq_make_double(&m->eval, sqrt(d), out);
  if (is_whole && n != INT64_MIN) {
    bool is_negative = kind == F_ABS && n < 0;
    if (!is_negative) {
      *out = v;
      return PQ_OK;
    }
    return -n <= INT32_MAX ? pq_make_i32(&m->eval, (int32_t)-n, out)
                           : pq_make_i64(&m->eval, -n, out);
  }
  if (kind == F_ABS) d = fabs(d);
  if (kind == F_ROUND) d = floor(d + 0.5);
  if (kind == F_FLOOR) d = floor(d);
  if (kind == F_CEIL) d = ceil(d);
  return pq_make_double(&m->eval, d, out);
}

/* ---- objects and lists ---- */

static int keys(pq_match *m, pq_value v, pq_value *out) {
  uint32_t count;
  pq_field *fields;
  pq_value *items;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return PQ_OK;
  fields = pq_object_fields(&m->scratch, v, &count);
  items = pq_arena_calloc(&m->scratch, count, sizeof *items);
  if (fields == NULL || items == NULL)
    return count == 0 ? pq_make_array(&m->eval, NULL, 0, out) : m->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_make_text(&m->eval, fields[i].name, &items[i]));
  return pq_make_array(&m->eval, items, count, out);
}

static int size_of(pq_match *m, pq_value v, pq_value *out) {
  pq_slice s;
  if (pq_value_string(v, &s)) return pq_make_i64(&m->eval, (int64_t)length_of(s), out);
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return PQ_OK;
  return pq_make_i32(&m->eval, (int32_t)pq_value_count(v), out);
}

/* What is asked of nodes, relationships and paths that a WITH made values of. */
static int of_object(pq_match *m, function_kind kind, pq_value v, pq_value *out) {
  static const struct {
    function_kind kind;
    const char *name;
  } names[] = {{F_ID, "$id"},
               {F_TYPE, "predicate"},
               {F_LENGTH, "length"},
               {F_NODES, "nodes"},
               {F_RELATIONSHIPS, "edges"}};
  if (kind == F_LABELS) {
    pq_value type = pq_object_get_str(v, "$type");
    return pq_value_is_missing(type) ? PQ_OK : pq_make_array(&m->eval, &type, 1, out);
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].kind == kind) *out = pq_object_get_str(v, names[i].name);
  return PQ_OK;
}

static int to_boolean(pq_match *m, pq_value v, pq_value *out) {
  pq_slice s, folded;
  bool b;
  if (pq_value_bool(v, &b)) *out = v;
  if (!pq_value_string(v, &s)) return PQ_OK;
  PQ_TRY(fold(m, s, true, &v));
  if (!pq_value_string(v, &folded)) return PQ_OK;
  if (pq_slice_is(folded, "true")) return pq_make_bool(&m->eval, true, out);
  return pq_slice_is(folded, "false") ? pq_make_bool(&m->eval, false, out) : PQ_OK;
}

static int call_value(pq_match *m, function_kind kind, const pq_value *v, uint32_t count,
                      pq_value *out) { /* tidy: long */
  pq_slice s;
  int64_t us;
  bool is_text = pq_value_string(v[0], &s);
  switch (kind) {
    case F_LOWER:
    case F_UPPER: return is_text ? fold(m, s, kind == F_LOWER, out) : PQ_OK;
    case F_TRIM:
    case F_LTRIM:
    case F_RTRIM: return is_text ? trim(m, s, kind, out) : PQ_OK;
    case F_SIZE: return size_of(m, v[0], out);
    case F_ABS:
    case F_ROUND:
    case F_FLOOR:
    case F_CEIL:
    case F_SQRT:
    case F_SIGN: return number(m, kind, v[0], out);
    case F_HEAD: *out = pq_array_at(v[0], 0); return PQ_OK;
    case F_LAST:
      if (pq_value_type(v[0]) == PQ_TYPE_ARRAY && pq_value_count(v[0]) > 0)
        *out = pq_array_at(v[0], pq_value_count(v[0]) - 1);
      return PQ_OK;
    case F_TO_STRING: return to_string(m, v[0], out);
    case F_TO_INTEGER:
    case F_TO_FLOAT: return to_number(m, v[0], kind == F_TO_INTEGER, out);
    case F_TO_BOOLEAN: return to_boolean(m, v[0], out);
    case F_SUBSTRING:
    case F_LEFT:
    case F_RIGHT: return substring(m, kind, v, count, out);
    case F_REPLACE: return replace(m, v, out);
    case F_SPLIT: return split(m, v, out);
    case F_DATETIME:
      return is_text && pq_time_parse(s, &us) ? pq_make_date(&m->eval, us, out) : PQ_OK;
    case F_KEYS: return keys(m, v[0], out);
    case F_PROPERTIES:
      if (pq_value_type(v[0]) == PQ_TYPE_OBJECT) *out = v[0];
      return PQ_OK;
    default: return of_object(m, kind, v[0], out);
  }
}

/* ---- of variables, without their documents ---- */

static int edges_of(pq_match *m, const uint32_t *edges, uint32_t count, pq_value *out) {
  pq_value *items = pq_arena_calloc(&m->scratch, count, sizeof *items);
  bool is_known;
  if (items == NULL) return m->cx->code;
  for (uint32_t i = 0; i < count; i++)
    items[i] = pq_match_edge_value(m, edges[i], &is_known);
  return pq_make_array(&m->eval, items, count, out);
}

static int nodes_of(pq_match *m, const uint32_t *nodes, uint32_t count, pq_value *out) {
  pq_value *items = pq_arena_calloc(&m->scratch, count, sizeof *items);
  if (items == NULL) return m->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    const pq_node_slot *slot = pq_match_node_slot(m, nodes[i]);
    if (slot != NULL) items[i] = slot->document;
  }
  return pq_make_array(&m->eval, items, count, out);
}

static int call_path(pq_match *m, const pq_row *row, function_kind kind, uint32_t var,
                     pq_value *out) {
  uint32_t *nodes, *edges, count;
  bool is_there;
  PQ_TRY(pq_match_path_of(m, row->part, row->cells, row->part->vars[var].path, &nodes, &edges,
                          &count, &is_there));
  if (!is_there) return PQ_OK;
  if (kind == F_LENGTH) return pq_make_i32(&m->eval, (int32_t)count, out);
  return kind == F_NODES ? nodes_of(m, nodes, count + 1, out) : edges_of(m, edges, count, out);
}

int pq_match_call(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) {
  function_kind kind = functions[t->function].kind;
  const pq_term *first = t->kids[0];
  pq_var_kind var = first->kind == PQ_TERM_VAR ? row->part->vars[first->at].kind : PQ_VAR_VALUE;
  uint32_t cell = first->kind == PQ_TERM_VAR ? row->cells[first->at] : 0;
  pq_value args[3] = {{0}};
  *out = (pq_value){0};
  if (kind == F_COALESCE) {
    for (uint32_t i = 0; i < t->count && pq_match_is_null(*out); i++)
      PQ_TRY(pq_term_eval(m, row, t->kids[i], out));
    return PQ_OK;
  }
  if (var == PQ_VAR_PATH && (kind == F_LENGTH || kind == F_NODES || kind == F_RELATIONSHIPS))
    return call_path(m, row, kind, first->at, out);
  if (var <= PQ_VAR_EDGES && cell == PQ_NULL_CELL) return PQ_OK;
  if (kind == F_ID && var == PQ_VAR_NODE) return pq_make_text(&m->eval, pq_match_id(m, cell), out);
  if (kind == F_TYPE && var == PQ_VAR_EDGE)
    return pq_make_text(
        &m->eval, pq_graph_predicate_name(m->graph, pq_graph_ends(m->graph, cell).predicate), out);
  for (uint32_t i = 0; i < t->count && i < 3; i++) {
    PQ_TRY(pq_term_eval(m, row, t->kids[i], &args[i]));
    if (pq_match_is_null(args[i])) return PQ_OK;
  }
  if (var == PQ_VAR_EDGE && (kind == F_PROPERTIES || kind == F_KEYS))
    args[0] = pq_object_get_str(args[0], "data");
  return pq_value_is_missing(args[0]) ? PQ_OK : call_value(m, kind, args, t->count, out);
}
