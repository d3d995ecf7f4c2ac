/* db/encode_step.c - the tasks of a flush in steps. See encode_task_int.h.
 *
 *   begin: rows, edges or events of the task ─► file by file:
 *     put rows until a row group is full ─► encode it, 256 KB a step ─► … ─► finish the file
 *
 * Events go into their row groups as they stand; a day is a file, and its index another.
 */
#include "db/encode_task_int.h"

void pq_encode_step_release(pq_encode_task *t) {
  pq_encode_place *p = &t->place;
  pq_entity_stream_free(p->entity_stream);
  pq_edge_stream_free(p->edge_stream);
  pq_event_stream_free(p->event_stream);
  pq_event_index_stream_free(p->index_stream);
  pq_adjacency_maker_free(p->maker);
  p->maker = NULL;
  p->entity_stream = NULL;
  p->edge_stream = NULL;
  p->event_stream = NULL;
  p->index_stream = NULL;
}

/* ---- entities ---- */

static int next_entity_file(pq_encode_task *t) {
  pq_encode_place *p = &t->place;
  p->from = p->at;
  p->to = p->from + pq_entity_file_rows(p->rows + p->from, p->count - p->from);
  return pq_entity_stream_new(&t->cx, &t->table, p->keeps_data, &p->entity_stream);
}

/* Rows until a row group is full. A document that the columns do not tell ends the file; those
 * behind it have $data. */
static int put_entities(pq_encode_task *t) {
  pq_encode_place *p = &t->place;
  while (p->at < p->to && !pq_entity_stream_is_full(p->entity_stream)) {
    int rc = pq_entity_stream_put(p->entity_stream, &p->rows[p->at]);
    if (rc == PQ_MISFIT) {
      p->keeps_data = true;
      p->to = p->at;
    } else {
      PQ_TRY(rc);
      p->at++;
    }
  }
  if (p->at == p->to && !pq_entity_stream_is_full(p->entity_stream))
    pq_entity_stream_end(p->entity_stream);
  return PQ_OK;
}

static int step_entities(pq_encode_task *t, uint64_t *len_left) {
  pq_encode_place *p = &t->place;
  pq_writer *writer;
  if (p->at == p->count && p->entity_stream == NULL) {
    t->is_done = true;
    return PQ_OK;
  }
  if (p->entity_stream == NULL) PQ_TRY(next_entity_file(t));
  if (!pq_entity_stream_is_full(p->entity_stream)) PQ_TRY(put_entities(t));
  if (pq_entity_stream_is_full(p->entity_stream))
    PQ_TRY(pq_entity_stream_step(p->entity_stream, len_left));
  if (pq_entity_stream_is_full(p->entity_stream) || p->at < p->to) return PQ_OK;
  if (p->to > p->from) {
    PQ_TRY(pq_entity_stream_finish(p->entity_stream, &writer));
    PQ_TRY(pq_encode_entities_done(t, p->rows + p->from, p->to - p->from, writer));
  }
  pq_encode_step_release(t);
  return PQ_OK;
}

/* ---- edges ---- */

/* The edges pass once more, some thousands a step. */
static int step_segment(pq_encode_task *t, uint64_t *len_left) {
  enum { EDGE_LEN = 64 /* bytes of a step that one counts as */ };
  pq_encode_place *p = &t->place;
  pq_adjacency adjacency;
  for (; p->at<p->count && * len_left> 0; p->at++) {
    PQ_TRY(pq_adjacency_maker_put(p->maker, &p->edges[p->at]));
    *len_left -= *len_left < EDGE_LEN ? *len_left : EDGE_LEN;
  }
  if (p->at < p->count) return PQ_OK;
  PQ_TRY(pq_adjacency_maker_finish(p->maker, &t->scratch, &adjacency));
  t->is_done = true;
  return pq_encode_segment(t, &adjacency);
}

static int step_edges(pq_encode_task *t, uint64_t *len_left) {
  pq_encode_place *p = &t->place;
  pq_writer *writer;
  t->is_done = p->count == 0;
  if (t->is_done) return PQ_OK;
  if (p->maker != NULL) return step_segment(t, len_left);
  if (p->edge_stream == NULL)
    PQ_TRY(pq_edge_stream_new(&t->cx, pq_str(t->f->space->ns), t->kind == PQ_ENCODE_REVERSE,
                              &p->edge_stream));
  while (p->at < p->count && !pq_edge_stream_is_full(p->edge_stream))
    PQ_TRY(pq_edge_stream_put(p->edge_stream, &p->edges[p->at++]));
  if (p->at == p->count && !pq_edge_stream_is_full(p->edge_stream))
    pq_edge_stream_end(p->edge_stream);
  PQ_TRY(pq_edge_stream_step(p->edge_stream, len_left));
  if (pq_edge_stream_is_full(p->edge_stream) || p->at < p->count) return PQ_OK;
  PQ_TRY(pq_edge_stream_finish(p->edge_stream, &writer));
  pq_encode_step_release(t);
  PQ_TRY(pq_encode_edges_done(t, p->edges, p->count, writer));
  t->is_done = !pq_encode_wants_segment(t, p->count);
  if (t->is_done) return PQ_OK;
  p->at = 0;
  return pq_adjacency_maker_new(&t->cx, NULL, &p->maker);
}

/* ---- events ---- */

static int step_index(pq_encode_task *t, uint64_t *len_left) {
  pq_encode_place *p = &t->place;
  const pq_event *const *events = p->events + p->at;
  pq_event_index index;
  bool is_done;
  PQ_TRY(pq_event_index_stream_step(p->index_stream, len_left, &is_done));
  if (!is_done) return PQ_OK;
  PQ_TRY(pq_event_index_stream_finish(p->index_stream, &index));
  pq_encode_step_release(t);
  PQ_TRY(pq_encode_index_done(t, events, p->to - p->at, &index));
  p->at = p->to;
  return PQ_OK;
}

static int step_events(pq_encode_task *t, uint64_t *len_left) {
  pq_encode_place *p = &t->place;
  const pq_event *const *events = p->events + p->at;
  bool is_done = false;
  pq_writer *writer;
  t->is_done = p->at == p->count;
  if (t->is_done) return PQ_OK;
  if (p->index_stream != NULL) return step_index(t, len_left);
  if (p->event_stream == NULL) {
    p->to = p->at + pq_encode_day(events, p->count - p->at);
    PQ_TRY(pq_event_stream_new(&t->cx, pq_str(t->f->space->ns), events, p->to - p->at,
                               &p->event_stream));
  }
  PQ_TRY(pq_event_stream_step(p->event_stream, len_left, &is_done));
  if (!is_done) return PQ_OK;
  PQ_TRY(pq_event_stream_finish(p->event_stream, &writer));
  pq_encode_step_release(t);
  PQ_TRY(pq_encode_events_done(t, events, p->to - p->at, writer));
  return pq_event_index_stream_new(&t->cx, events, p->to - p->at, &p->index_stream);
}

/* ---- any ---- */

static int begin(pq_encode_task *t) {
  pq_encode_place *p = &t->place;
  p->is_begun = true;
  switch (t->kind) {
    case PQ_ENCODE_COLLECTION: return pq_encode_rows(t, &p->rows, &p->count);
    case PQ_ENCODE_EVENTS:
      p->count = (uint32_t)t->f->event_count;
      return pq_encode_events(t, &p->events);
    case PQ_ENCODE_FORWARD:
    case PQ_ENCODE_REVERSE: return pq_encode_edges(t, &p->edges, &p->count);
    case PQ_ENCODE_DELETES: break;
  }
  return PQ_OK;
}

static int step(pq_encode_task *t, uint64_t *len_left) {
  switch (t->kind) {
    case PQ_ENCODE_COLLECTION: return step_entities(t, len_left);
    case PQ_ENCODE_EVENTS: return step_events(t, len_left);
    case PQ_ENCODE_FORWARD:
    case PQ_ENCODE_REVERSE: return step_edges(t, len_left);
    case PQ_ENCODE_DELETES: break;
  }
  t->is_done = true;
  return pq_encode_deletes(t);
}

void pq_encode_step(pq_encode_task *t, uint64_t *len_left) {
  if (!t->place.is_begun) t->rc = begin(t);
  while (t->rc == PQ_OK && !t->is_done && *len_left > 0)
    t->rc = step(t, len_left);
  if (t->rc != PQ_OK || !t->is_done) return;
  pq_encode_step_release(t); /* the next task has the memory */
  pq_forms_release(&t->forms);
  pq_arena_release(&t->scratch);
}
