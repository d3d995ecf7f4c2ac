/* match/match.c - see match.h: life of a query, questions and items.
 */
#include "match/match_int.h"

enum { WORK_AT_ONCE = 4000000, ROWS_MAX = 10000000 };

int pq_match_new(pq_cx *cx, pq_slice text, const pq_match_options *o, pq_match **out) {
  pq_match *m = pq_alloc(cx, NULL, 0, sizeof *m);
  int rc;
  *out = NULL;
  if (m == NULL) return pq_fail_nomem(cx);
  *m = (pq_match){.cx = cx,
                  .text = text,
                  .params = o->params,
                  .rows_max = o->rows_max > 0 ? o->rows_max : ROWS_MAX,
                  .work_left = WORK_AT_ONCE,
                  .work_at_once = WORK_AT_ONCE};
  pq_arena_init(&m->arena, cx, cx->limits.op_len_max);
  pq_arena_init(&m->scratch, cx, cx->limits.op_len_max);
  pq_arena_init(&m->pool, cx, cx->limits.op_len_max);
  pq_arena_init(&m->asks, cx, cx->limits.op_len_max);
  pq_table_init(&m->extra_table, cx);
  pq_table_init(&m->node_table, cx);
  pq_table_init(&m->edge_table, cx);
  rc = pq_builder_new(cx, &m->builder);
  m->eval = (pq_eval){.cx = cx, .arena = &m->scratch, .builder = m->builder};
  if (rc == PQ_OK) rc = pq_regex_set_new(&m->arena, &m->regexes);
  if (rc == PQ_OK) rc = pq_match_lex(m);
  if (rc == PQ_OK) rc = pq_match_read(m);
  if (rc == PQ_OK) rc = pq_match_look(m);
  if (rc == PQ_OK)
    *out = m;
  else
    pq_match_free(m);
  return rc;
}

void pq_match_free(pq_match *m) {
  if (m == NULL) return;
  pq_projecting_free_all(m);
  pq_table_release(&m->extra_table);
  pq_table_release(&m->node_table);
  pq_table_release(&m->edge_table);
  pq_builder_free(m->builder);
  pq_arena_release(&m->asks);
  pq_arena_release(&m->pool);
  pq_arena_release(&m->scratch);
  pq_arena_release(&m->arena);
  pq_alloc(m->cx, m, sizeof *m, 0);
}

int pq_match_begin(pq_match *m, const pq_graph *g) {
  pq_assert(m->graph == NULL);
  m->graph = g;
  m->node_count = pq_graph_node_count(g);
  return PQ_OK;
}

int pq_match_guess_label(pq_match *m, uint32_t label, pq_slice collection, uint64_t count) {
  m->labels[label].guess += count;
  m->label_asked = label;
  return pq_match_label_all(m, collection);
}

int pq_match_guess(pq_match *m, uint64_t nodes, uint64_t edges) {
  m->is_guess = true;
  m->guess_nodes = nodes;
  m->guess_edges = edges;
  return pq_match_plan(m);
}

const pq_slice *pq_match_fields(const pq_match *m, uint32_t *count, bool *is_all) {
  *count = m->field_count;
  *is_all = m->wants_whole;
  return m->fields;
}

/* The next row of the last chunk: an object by the names of the columns. */
static int make_item(pq_match *m, const pq_rows *rows) {
  const pq_match_part *part = m->parts[m->part_count - 1];
  const pq_match_project *p = &m->parts[m->part_count - 2]->project;
  const uint32_t *cells = rows->cells + (size_t)m->emit_at * rows->stride;
  pq_row row = {.part = part, .cells = cells};
  pq_field *fields;
  pq_arena_clear(&m->scratch);
  fields = pq_arena_calloc(&m->scratch, p->item_count, sizeof *fields);
  if (fields == NULL) return m->cx->code;
  for (uint32_t i = 0; i < p->item_count; i++) {
    fields[i].name = p->items[i].name;
    if (part->vars[i].kind != PQ_VAR_VALUE)
      PQ_TRY(pq_match_cell_value(m, &row, i, &fields[i].value));
    else if (cells[i] != PQ_NULL_CELL)
      fields[i].value = m->pool_values[cells[i]];
    if (pq_value_is_missing(fields[i].value)) PQ_TRY(pq_make_null(&m->eval, &fields[i].value));
  }
  m->ask = (pq_match_ask){.kind = PQ_MATCH_ITEM};
  return pq_make_object(&m->eval, fields, p->item_count, &m->ask.item);
}

static uint64_t shown_documents(const pq_match *m) {
  const pq_match_part *part = m->parts[m->part_count - 1];
  uint64_t vars = 0;
  for (uint32_t i = 0; i < part->var_count; i++)
    if (part->vars[i].kind != PQ_VAR_VALUE) vars |= UINT64_C(1) << i;
  return vars;
}

static int run(pq_match *m) {
  const pq_rows *rows = &m->last->out;
  while (m->emit_left == 0) {
    if (!m->is_pulling && m->emit_at + 1 < rows->count) {
      m->emit_at++;
    } else {
      m->is_pulling = true;
      PQ_TRY(pq_oper_next(m, m->last));
      m->is_pulling = false;
      m->emit_at = 0;
      m->has_documents = false;
      if (rows->count == 0) {
        m->ask = (pq_match_ask){.kind = PQ_MATCH_END};
        return PQ_OK;
      }
    }
    m->emit_left = rows->weights[m->emit_at];
  }
  if (!m->has_documents)
    PQ_TRY(pq_match_documents(m, m->parts[m->part_count - 1], rows, shown_documents(m)));
  m->has_documents = true;
  PQ_TRY(make_item(m, rows));
  m->emit_left--;
  return PQ_OK;
}

int pq_match_step(pq_match *m, const pq_match_ask **out) {
  int rc;
  pq_assert(m->graph != NULL);
  *out = &m->ask;
  m->asking = NULL;
  for (uint32_t i = 0; i < m->label_count; i++) {
    if (m->labels[i].is_known) continue;
    m->labels[i].is_known = true;
    m->label_asked = i;
    m->ask = (pq_match_ask){.kind = PQ_MATCH_LABEL, .label = m->labels[i].name};
    return PQ_OK;
  }
  if (!m->is_planned) PQ_TRY(pq_match_plan(m));
  rc = run(m);
  if (rc == PQ_MATCH_ASKED) return PQ_OK;
  if (rc != PQ_YIELD) return rc;
  m->ask = (pq_match_ask){.kind = PQ_MATCH_TIME};
  return PQ_OK;
}
