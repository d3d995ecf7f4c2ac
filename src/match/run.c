/* match/run.c - operators: rows in, rows out, a chunk at a time; in the order of their input.
 *
 *   pq_oper_next(last) ─► its input's next ─► … ─► ARGUMENT
 *        ◄─ chunk ◄─ PQ_YIELD or PQ_MATCH_ASKED: everything stays as it is, call it again
 *
 * An operator keeps its input chunk until it is through with it; a chunk is valid until its
 * operator is asked for the next one.
 */
#include <string.h>

#include "match/match_int.h"

int pq_match_overflow(pq_match *m) {
  return pq_fail(m->cx, PQ_ELIMIT, "match: a pattern is there more than 2^64 times");
}

/* ---- rows ---- */

static int make_room(pq_match *m, pq_oper *o) {
  uint32_t stride = o->out.stride;
  if (o->out.cells != NULL) return PQ_OK;
  o->out.cells = pq_arena_array(&m->arena, (size_t)PQ_MATCH_CHUNK * stride, sizeof(uint32_t));
  o->out.weights = pq_arena_array(&m->arena, PQ_MATCH_CHUNK, sizeof(uint64_t));
  o->out.tags = pq_arena_array(&m->arena, PQ_MATCH_CHUNK, sizeof(uint32_t));
  if (o->out.cells == NULL || o->out.weights == NULL || o->out.tags == NULL) return m->cx->code;
  return PQ_OK;
}

bool pq_oper_is_full(const pq_oper *o) {
  return o->out.count == PQ_MATCH_CHUNK;
}

static const uint32_t *row_of(const pq_oper *o) {
  return o->in->cells + (size_t)o->at * o->in->stride;
}

uint32_t *pq_oper_put(pq_oper *o) {
  pq_rows *out = &o->out;
  uint32_t *cells = out->cells + (size_t)out->count * out->stride;
  pq_assert(out->count < PQ_MATCH_CHUNK);
  memcpy(cells, row_of(o), out->stride * sizeof *cells);
  out->weights[out->count] = o->in->weights[o->at];
  out->tags[out->count] = o->in->tags[o->at];
  out->count++;
  return cells;
}

int pq_oper_row(pq_match *m, pq_oper *o, bool *has_row) {
  *has_row = false;
  for (;;) {
    while (o->in != NULL && o->at < o->in->count && o->done != NULL &&
           o->done[o->in->tags[o->at]] != 0 && !o->is_begun)
      o->at++;
    if (o->in != NULL && o->at < o->in->count) break;
    if (o->is_end) return PQ_OK;
    o->in = NULL; /* its rows are overwritten from here on */
    PQ_TRY(pq_oper_next(m, o->input));
    o->in = &o->input->out;
    o->at = 0;
    o->is_ready = false;
    o->is_begun = false;
    o->is_end = o->in->count == 0;
    if (o->is_end) return PQ_OK;
  }
  *has_row = true;
  return PQ_OK;
}

static void next_row(pq_oper *o) {
  o->at++;
  o->is_begun = false;
}

void pq_oper_reset(pq_oper *o) {
  for (; o != NULL; o = o->input) {
    o->in = NULL;
    o->at = 0;
    o->is_begun = o->is_end = o->is_partial = o->is_ready = o->is_waiting = false;
    o->out.count = 0;
    o->pos = 0;
    o->buf_count = o->buf_at = o->depth = 0;
    o->next_tag = 0;
    o->is_grown = false;
  }
}

/* ---- ARGUMENT ---- */

static int run_argument(pq_match *m, pq_oper *o) {
  (void)m;
  if (!o->is_fed) return PQ_OK;
  o->is_fed = false;
  if (o->in == NULL) { /* of the whole query: one row without anything */
    for (uint32_t i = 0; i < o->out.stride; i++)
      o->out.cells[i] = PQ_NULL_CELL;
    o->out.weights[0] = 1;
    o->out.tags[0] = 0;
    o->out.count = 1;
    return PQ_OK;
  }
  for (o->at = 0; o->at < o->in->count; o->at++) {
    (void)pq_oper_put(o);
    o->out.weights[o->at] = 1;
    o->out.tags[o->at] = o->at;
  }
  return PQ_OK;
}

/* The rows of an outer operator's chunk for its inner plan. */
static void feed(pq_oper *o, const pq_rows *rows) {
  for (pq_oper *i = o->sub; i != NULL; i = i->input)
    i->done = o->done_room;
  pq_oper_reset(o->sub);
  o->argument->in = rows;
  o->argument->is_fed = true;
  o->argument->done = NULL;
}

/* ---- SCAN ---- */

/* "collection/localId"; anything else names no entity. */
static bool is_id(const pq_match *m, pq_slice id) {
  const uint8_t *slash = id.n > 0 ? memchr(id.p, '/', id.n) : NULL;
  size_t before = slash != NULL ? (size_t)(slash - id.p) : 0;
  return before > 0 && before <= m->cx->limits.name_len_max && before + 1 < id.n &&
         id.n - before - 1 <= m->cx->limits.id_len_max;
}

static int list_add(pq_match *m, pq_oper *o, pq_value id) {
  pq_slice text;
  uint32_t node;
  if (!pq_value_string(id, &text) || !is_id(m, text)) return PQ_OK;
  PQ_TRY(pq_match_node_of(m, text, &node));
  if (!pq_match_passes(m, o->group, o->var, node)) return PQ_OK;
  for (uint32_t i = 0; i < o->list_count; i++)
    if (o->list[i] == node) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->arena, &o->list, o->list_count, &o->list_cap, sizeof(uint32_t)));
  o->list[o->list_count++] = node;
  return PQ_OK;
}

/* Nodes that a row names; those that do not live are left out, if no edge tells. */
static int list_ids(pq_match *m, pq_oper *o) {
  pq_row row = {.part = o->part, .cells = row_of(o)};
  uint32_t n = 0;
  pq_value v;
  if (!o->is_listed) {
    pq_arena_clear(&m->scratch);
    PQ_TRY(pq_term_eval(m, &row, o->ids, &v));
    o->list_count = 0;
    PQ_TRY(list_add(m, o, v));
    for (uint32_t i = 0; pq_value_type(v) == PQ_TYPE_ARRAY && i < pq_value_count(v); i++)
      PQ_TRY(list_add(m, o, pq_array_at(v, i)));
    o->is_listed = true;
  }
  if (o->is_closed) return PQ_OK;
  for (uint32_t i = 0; i < o->list_count; i++)
    if (pq_match_node_slot(m, o->list[i]) == NULL)
      return pq_match_ask_nodes(m, o->list, o->list_count);
  for (uint32_t i = 0; i < o->list_count; i++)
    if (pq_match_node_slot(m, o->list[i])->is_there) o->list[n++] = o->list[i];
  o->list_count = n;
  return PQ_OK;
}

static int ask_store(pq_match *m, pq_oper *o) {
  pq_arena_clear(&m->asks);
  m->ask = (pq_match_ask){.kind = PQ_MATCH_SCAN, .filter = o->filter};
  PQ_TRY(pq_match_labels_of(m, &m->asks, o->group, o->var, &m->ask));
  m->asking = o;
  o->is_listed = true;
  return PQ_MATCH_ASKED;
}

static bool next_of_graph(const pq_match *m, pq_oper *o, uint32_t *node) {
  for (; o->pos < m->node_count; o->pos++) {
    if (!pq_graph_is_live(m->graph, o->pos)) continue;
    if (!pq_match_passes(m, o->group, o->var, o->pos)) continue;
    *node = o->pos++;
    return true;
  }
  return false;
}

static bool next_node(const pq_match *m, pq_oper *o, uint32_t *node) {
  if (o->how == PQ_BY_GRAPH) return next_of_graph(m, o, node);
  if (o->pos == o->list_count) return false;
  *node = o->list[o->pos++];
  return true;
}

static int run_scan(pq_match *m, pq_oper *o) {
  bool has_row;
  uint32_t node;
  while (!pq_oper_is_full(o)) {
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    if (o->how == PQ_BY_STORE && !o->is_listed) return ask_store(m, o);
    if (!o->is_begun) {
      if (o->how == PQ_BY_ID) PQ_TRY(list_ids(m, o));
      o->is_begun = true;
      o->is_listed = o->how != PQ_BY_ID;
      o->pos = 0;
    }
    PQ_TRY(pq_match_spend(m, 64));
    while (!pq_oper_is_full(o) && next_node(m, o, &node))
      pq_oper_put(o)[o->var] = node;
    if (!pq_oper_is_full(o)) next_row(o);
  }
  return PQ_OK;
}

/* ---- FILTER, TEST ---- */

static uint64_t documents_of(const pq_oper *o) {
  uint64_t vars = 0;
  for (uint32_t i = 0; i < o->term_count; i++)
    vars |= pq_term_documents(o->part, o->terms[i]);
  return vars;
}

static int passes(pq_match *m, pq_oper *o, bool *does) {
  pq_row row = {.part = o->part, .cells = row_of(o)};
  *does = true;
  for (uint32_t i = 0; i < o->term_count && *does; i++) {
    pq_value v;
    pq_arena_clear(&m->scratch);
    PQ_TRY(pq_term_eval(m, &row, o->terms[i], &v));
    *does = pq_match_truth(v) == 1;
  }
  return pq_regex_set_status(m->regexes);
}

static int run_filter(pq_match *m, pq_oper *o) {
  bool has_row, does;
  while (!pq_oper_is_full(o)) {
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    if (!o->is_ready) PQ_TRY(pq_match_documents(m, o->part, o->in, documents_of(o)));
    o->is_ready = true;
    PQ_TRY(pq_match_spend(m, 20));
    PQ_TRY(passes(m, o, &does));
    if (does) (void)pq_oper_put(o);
    next_row(o);
  }
  return PQ_OK;
}

static int run_test(pq_match *m, pq_oper *o) {
  bool has_row;
  while (!pq_oper_is_full(o)) {
    uint32_t node;
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    node = row_of(o)[o->var];
    if (node != PQ_NULL_CELL && pq_match_passes(m, o->group, o->var, node)) (void)pq_oper_put(o);
    next_row(o);
  }
  return PQ_OK;
}

/* ---- EXISTS, OPTIONAL ---- */

/* All rows of the input chunk at once: a cell says whether the inner plan gave any for it. */
static int run_exists(pq_match *m, pq_oper *o) {
  bool has_row;
  if (!o->is_grown) {
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    if (o->done_room == NULL) o->done_room = pq_arena_calloc(&m->arena, PQ_MATCH_CHUNK, 1);
    if (o->done_room == NULL) return m->cx->code;
    memset(o->done_room, 0, PQ_MATCH_CHUNK);
    feed(o, o->in);
    o->is_grown = true;
  }
  for (;;) {
    const pq_rows *found = &o->sub->out;
    PQ_TRY(pq_oper_next(m, o->sub));
    if (found->count == 0) break;
    for (uint32_t i = 0; i < found->count; i++)
      o->done_room[found->tags[i]] = 1;
  }
  for (; o->at < o->in->count; o->at++)
    pq_oper_put(o)[o->var] = o->done_room[o->at];
  o->is_grown = false;
  return PQ_OK;
}

/* Rows before `tag` for which there was nothing go out as they are. */
static void put_lone(pq_oper *o, uint32_t tag) {
  for (; o->next_tag < tag && !pq_oper_is_full(o); o->next_tag++) {
    o->at = o->next_tag;
    (void)pq_oper_put(o);
  }
}

static int put_found(pq_match *m, pq_oper *o, uint32_t i) {
  const pq_rows *found = &o->sub->out;
  pq_rows *out = &o->out;
  uint32_t tag = found->tags[i];
  memcpy(out->cells + (size_t)out->count * out->stride, found->cells + (size_t)i * found->stride,
         out->stride * sizeof(uint32_t));
  PQ_TRY(pq_match_times(m, found->weights[i], o->in->weights[tag], &out->weights[out->count]));
  out->tags[out->count++] = o->in->tags[tag];
  o->next_tag = tag + 1;
  return PQ_OK;
}

/* `pos` is the place in the inner plan's chunk; is_grown: the input chunk was handed to it. */
static int run_optional(pq_match *m, pq_oper *o) {
  const pq_rows *found = &o->sub->out;
  bool has_row;
  while (!pq_oper_is_full(o)) {
    if (!o->is_grown) {
      PQ_TRY(pq_oper_row(m, o, &has_row));
      if (!has_row) return PQ_OK;
      feed(o, o->in);
      o->is_grown = true;
      o->next_tag = o->pos = 0;
    }
    if (o->is_waiting || o->pos == found->count) {
      o->is_waiting = true;
      PQ_TRY(pq_oper_next(m, o->sub));
      o->is_waiting = false;
      o->pos = 0;
    }
    if (found->count == 0) {
      put_lone(o, o->in->count);
      if (o->next_tag < o->in->count) return PQ_OK;
      o->at = o->in->count;
      o->is_grown = false;
      continue;
    }
    while (o->pos < found->count) {
      put_lone(o, found->tags[o->pos]);
      if (pq_oper_is_full(o)) return PQ_OK;
      PQ_TRY(put_found(m, o, o->pos));
      o->pos++;
    }
  }
  return PQ_OK;
}

/* ---- all ---- */

int pq_oper_next(pq_match *m, pq_oper *o) {
  static int (*const run[PQ_OPER_LAST + 1])(pq_match *, pq_oper *) = {
      [PQ_OPER_ARGUMENT] = run_argument, [PQ_OPER_SCAN] = run_scan,
      [PQ_OPER_BIND] = pq_run_bind,      [PQ_OPER_CHECK] = pq_run_check,
      [PQ_OPER_LONG] = pq_run_long,      [PQ_OPER_WEIGHT] = pq_run_weight,
      [PQ_OPER_FILTER] = run_filter,     [PQ_OPER_TEST] = run_test,
      [PQ_OPER_EXISTS] = run_exists,     [PQ_OPER_OPTIONAL] = run_optional,
      [PQ_OPER_PROJECT] = pq_run_project};
  PQ_TRY(make_room(m, o));
  if (!o->is_partial) o->out.count = 0;
  o->is_partial = true;
  PQ_TRY(run[o->kind](m, o));
  o->is_partial = false;
  o->rows += o->out.count;
  return PQ_OK;
}
