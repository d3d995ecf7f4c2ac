/* match/plan_find.c - where the nodes of a pattern may be found, and what a query may ask for
 * before anybody knows the graph.
 *
 *   id(a) = "x/y"          by id          the ids stand in the query, or come with rows
 *   a.name < constant      by the store   a filter for scans
 *   no edge                by the store   every entity with its labels
 *   else                   the nodes of the graph are gone through
 */
#include <string.h>

#include "match/match_int.h"

static uint64_t bit(uint32_t i) {
  return UINT64_C(1) << i;
}

/* ---- by id ---- */

static bool is_id_of(const pq_match_part *part, const pq_term *t, uint32_t var) {
  const pq_term *kid = t->count == 1 ? t->kids[0] : NULL;
  if (kid == NULL || kid->kind != PQ_TERM_VAR || kid->at != var) return false;
  if (part->vars[var].kind != PQ_VAR_NODE) return false;
  if (t->kind == PQ_TERM_PROP) return pq_slice_is(t->name, "$id");
  return t->kind == PQ_TERM_CALL && strcmp(pq_match_function_name(t->function), "labels") != 0 &&
         !pq_match_function_needs_document(t->function);
}

pq_term *pq_match_ids_of(const pq_match_part *part, const pq_group *g, uint64_t bound,
                         uint32_t var) {
  pq_term *found = NULL;
  for (uint32_t i = 0; i < g->conjunct_count; i++) {
    pq_term *t = g->conjuncts[i];
    for (uint32_t side = 0; side < (t->kind == PQ_TERM_EQ ? 2u : t->kind == PQ_TERM_IN); side++) {
      pq_term *other = t->kids[1 - side];
      if (!is_id_of(part, t->kids[side], var)) continue;
      if ((pq_term_vars(other) & ~bound) == 0 && pq_term_documents(part, other) == 0) found = other;
    }
  }
  return found;
}

/* ---- by the store ---- */

static bool is_simple(pq_value v) {
  switch (pq_type_bracket(pq_value_type(v))) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_STRING:
    case PQ_TYPE_BOOL:
    case PQ_TYPE_DATE: return true;
    default: return false;
  }
}

/* The operator of the store's filters that lets through at least as much. */
static const char *filter_operator(const pq_term *t) {
  switch (t->kind) {
    case PQ_TERM_EQ: return "$eq";
    case PQ_TERM_LT: return "$lt";
    case PQ_TERM_LE: return "$lte";
    case PQ_TERM_GT: return "$gt";
    case PQ_TERM_GE: return "$gte";
    case PQ_TERM_IN: return "$in";
    case PQ_TERM_STARTS: return "$startsWith";
    case PQ_TERM_ENDS: return "$endsWith";
    case PQ_TERM_CONTAINS: return "$contains";
    default: return NULL;
  }
}

/* a.name < constant, of the variable: is the store's to answer. */
static bool is_pushable(const pq_term *t, uint32_t var) {
  const pq_term *field, *value;
  pq_slice text;
  if (filter_operator(t) == NULL) return false;
  field = t->kids[0];
  value = t->kids[1];
  if (field->kind != PQ_TERM_PROP || value->kind != PQ_TERM_CONST) return false;
  if (field->kids[0]->kind != PQ_TERM_VAR || field->kids[0]->at != var) return false;
  if (field->name.p[0] == '$' || memchr(field->name.p, '.', field->name.n) != NULL) return false;
  for (size_t i = 0; i < field->name.n; i++)
    if (field->name.p[i] == 0) return false;
  if (t->kind == PQ_TERM_IN) {
    uint32_t n = pq_value_count(value->value);
    bool all = pq_value_type(value->value) == PQ_TYPE_ARRAY && n <= 1000;
    for (uint32_t i = 0; i < n && all; i++)
      all = is_simple(pq_array_at(value->value, i));
    return all;
  }
  if (t->kind >= PQ_TERM_STARTS) return pq_value_string(value->value, &text) && text.n > 0;
  return is_simple(value->value);
}

bool pq_match_is_pushed(const pq_group *g, uint32_t var) {
  bool is = false;
  for (uint32_t i = 0; i < g->conjunct_count && !is; i++)
    is = is_pushable(g->conjuncts[i], var);
  return is;
}

int pq_match_filter_of(pq_match *m, const pq_group *g, uint32_t var, pq_value *out) {
  pq_builder *to = m->builder;
  *out = (pq_value){0};
  if (!pq_match_is_pushed(g, var)) return PQ_OK;
  pq_builder_clear(to);
  PQ_TRY(pq_builder_begin_object(to));
  PQ_TRY(pq_builder_key_str(to, "$and"));
  PQ_TRY(pq_builder_begin_array(to));
  for (uint32_t i = 0; i < g->conjunct_count; i++) {
    const pq_term *t = g->conjuncts[i];
    if (!is_pushable(t, var)) continue;
    PQ_TRY(pq_builder_begin_object(to));
    PQ_TRY(pq_builder_key(to, t->kids[0]->name));
    PQ_TRY(pq_builder_begin_object(to));
    PQ_TRY(pq_builder_key_str(to, filter_operator(t)));
    PQ_TRY(pq_builder_value(to, t->kids[1]->value));
    PQ_TRY(pq_builder_end(to));
    PQ_TRY(pq_builder_end(to));
  }
  PQ_TRY(pq_builder_end(to));
  PQ_TRY(pq_builder_end(to));
  return pq_builder_finish(to, &m->arena, out);
}

int pq_match_labels_of(pq_match *m, pq_arena *arena, const pq_group *g, uint32_t var,
                       pq_match_ask *out) {
  pq_match_labels *labels = pq_arena_array(arena, g->test_count, sizeof *labels);
  uint32_t n = 0;
  if (labels == NULL) return m->cx->code;
  for (uint32_t i = 0; i < g->test_count; i++) {
    const pq_label_test *t = &g->tests[i];
    pq_slice *names = pq_arena_array(arena, t->count, sizeof *names);
    if (names == NULL) return m->cx->code;
    if (t->var != var) continue;
    for (uint32_t k = 0; k < t->count; k++)
      names[k] = m->labels[t->labels[k]].name;
    labels[n++] = (pq_match_labels){names, t->count};
  }
  out->labels = labels;
  out->label_count = n;
  return PQ_OK;
}

/* ---- what may be asked for ---- */

typedef struct reading {
  pq_match *m;
  const pq_match_part *part;
  pq_match_reads *out;
  pq_match_ask *asks;
  uint32_t cap;
  uint64_t bound;
  uint32_t found; /* node variables that are looked for */
} reading;

static int add_ask(reading *r, pq_match_ask ask) {
  PQ_TRY(pq_match_grow(&r->m->arena, &r->asks, r->out->ask_count, &r->cap, sizeof ask));
  r->asks[r->out->ask_count++] = ask;
  r->out->asks = r->asks;
  return PQ_OK;
}

/* A node that may be the first of its pattern. */
static int add_start(reading *r, const pq_group *g, uint32_t var) {
  const pq_term *ids = pq_match_ids_of(r->part, g, r->bound, var);
  pq_match_ask ask = {.kind = PQ_MATCH_SCAN};
  bool has_edge = false;
  r->found++;
  if (ids != NULL) {
    uint64_t n = 1;
    if (ids->kind != PQ_TERM_CONST)
      n = UINT64_MAX;
    else if (pq_value_type(ids->value) == PQ_TYPE_ARRAY)
      n = pq_value_count(ids->value);
    r->out->id_count = n > UINT64_MAX - r->out->id_count ? UINT64_MAX : r->out->id_count + n;
    return PQ_OK;
  }
  for (uint32_t i = 0; i < g->edge_count; i++)
    has_edge |= g->edges[i].min > 0 && (g->edges[i].left == var || g->edges[i].right == var);
  PQ_TRY(pq_match_filter_of(r->m, g, var, &ask.filter));
  if (has_edge && pq_value_is_missing(ask.filter)) return PQ_OK;
  PQ_TRY(pq_match_labels_of(r->m, &r->m->arena, g, var, &ask));
  return add_ask(r, ask);
}

static int read_term(reading *r, pq_term *t);

static int read_group(reading *r, const pq_group *g, uint64_t vars) {
  for (uint64_t left = vars & ~r->bound; left != 0; left &= left - 1)
    PQ_TRY(add_start(r, g, pq_trailing_zeros(left)));
  for (uint32_t i = 0; i < g->edge_count; i++)
    r->out->has_edges |= g->edges[i].prop_count > 0;
  for (uint32_t i = 0; i < g->conjunct_count; i++)
    PQ_TRY(read_term(r, g->conjuncts[i]));
  return PQ_OK;
}

static int read_pattern(pq_match *m, pq_term *t, void *ud) {
  (void)m;
  return read_group(ud, t->group, t->group->nodes & t->group->locals);
}

static int read_term(reading *r, pq_term *t) {
  for (uint64_t left = pq_term_documents(r->part, t); left != 0; left &= left - 1) {
    pq_var_kind kind = r->part->vars[pq_trailing_zeros(left)].kind;
    r->out->has_edges |= kind == PQ_VAR_EDGE || kind == PQ_VAR_EDGES || kind == PQ_VAR_PATH;
  }
  return pq_term_patterns(r->m, t, read_pattern, r);
}

static int read_part(reading *r, const pq_match_part *before) {
  const pq_match_project *p = &r->part->project;
  r->bound = 0;
  for (uint32_t i = 0; before != NULL && i < before->project.item_count; i++)
    r->bound |= bit(i);
  if (before != NULL && before->project.where != NULL) PQ_TRY(read_term(r, before->project.where));
  for (uint32_t i = 0; i < r->part->group_count; i++) {
    PQ_TRY(read_group(r, r->part->groups[i], r->part->groups[i]->nodes));
    r->bound |= r->part->groups[i]->nodes;
  }
  for (uint32_t i = 0; i < p->item_count; i++)
    if (p->is_return || p->items[i].term->kind != PQ_TERM_VAR)
      PQ_TRY(read_term(r, p->items[i].term));
  for (uint32_t i = 0; i < p->order_count; i++)
    PQ_TRY(read_term(r, p->orders[i].term));
  return PQ_OK;
}

int pq_match_reads_of(pq_match *m, pq_match_reads *out) {
  reading r = {.m = m, .out = out};
  uint32_t labels;
  *out = (pq_match_reads){0};
  for (uint32_t i = 0; i < m->label_count; i++)
    PQ_TRY(add_ask(&r, (pq_match_ask){.kind = PQ_MATCH_LABEL, .label = m->labels[i].name}));
  labels = out->sure_count = out->ask_count;
  for (uint32_t i = 0; i + 1 < m->part_count; i++) {
    r.part = m->parts[i];
    PQ_TRY(read_part(&r, i > 0 ? m->parts[i - 1] : NULL));
  }
  /* A scan that is alone is certain, and brings all documents. */
  out->has_nodes = m->field_count > 0 || m->wants_whole || out->id_count > 0;
  if (r.found == 1 && out->ask_count == labels + 1 && out->id_count == 0) {
    out->has_nodes = false;
    out->sure_count++;
  }
  return PQ_OK;
}
