/* db/encode_task_int.h - what of the tail is encoded side by side, or step by step.
 *
 *   task:  a collection │ an edge direction │ the events │ the deletes
 *   whole  all tasks at once through the task runner, their row groups too       flush_encode.c
 *   steps  one task after the other, about 256 KB each time                      encode_step.c
 *
 * A task has its own context and memory and only reads what it shares; its files join the flush
 * when it has ended, in the order of tasks, so that the result does not depend on who was first.
 */
#ifndef PQ_DB_ENCODE_TASK_INT_H
#define PQ_DB_ENCODE_TASK_INT_H

#include "db/flush_int.h"
#include "log/event_index.h"
#include "rel/adjacency.h"

enum { PQ_STEP_LEN = 256 << 10 }; /* encoded in a step: some milliseconds */

typedef enum pq_encode_kind {
  PQ_ENCODE_COLLECTION,
  PQ_ENCODE_FORWARD,
  PQ_ENCODE_REVERSE,
  PQ_ENCODE_EVENTS,
  PQ_ENCODE_DELETES
} pq_encode_kind;

typedef struct pq_encoded_file {
  const char *folder;
  pq_file_info info;   /* strings in the task's arena */
  pq_writer *writer;   /* owned */
  const pq_slice *ids; /* DATA: of its rows, borrowed from the tail; in the task's arena */
  struct pq_encoded_file *next;
} pq_encoded_file;

/* Where a task that is done in steps stands. */
typedef struct pq_encode_place {
  bool is_begun;
  pq_entity *rows; /* one of the three, all of the task, in its scratch arena */
  pq_edge *edges;
  const pq_event **events;
  uint32_t count;
  uint32_t from, to, at; /* of the file that is being made: first row, end, next row */
  bool keeps_data;
  pq_entity_stream *entity_stream; /* owned, one of the five */
  pq_edge_stream *edge_stream;
  pq_event_stream *event_stream;
  pq_event_index_stream *index_stream;
  pq_adjacency_maker *maker; /* owned: of a forward file that is finished */
} pq_encode_place;

typedef struct pq_encode_task {
  pq_flush *f;
  pq_encode_kind kind;
  uint32_t chain; /* COLLECTION: of the overlay's collections */
  pq_cx cx;
  pq_arena scratch; /* until the task is done */
  pq_arena arena;   /* lives as long as the task */
  pq_encoded_file *files, **tail;
  pq_collection_info *note; /* index columns to put into the entry, or NULL */
  pq_forms forms;           /* its own, because tasks run side by side */
  pq_schema_at schema;      /* COLLECTION */
  pq_entity_table table;
  const char *folder;
  pq_encode_place place;
  bool is_done;
  int rc;
} pq_encode_task;

/* flush_encode.c: what a task has to encode. */
int pq_encode_rows(pq_encode_task *t, pq_entity **rows, uint32_t *count) PQ_MUST_CHECK;
/* In the order of the direction. */
int pq_encode_edges(pq_encode_task *t, pq_edge **out, uint32_t *count) PQ_MUST_CHECK;
/* Has the task's file of so many edges a segment? Then it is made behind the file. */
bool pq_encode_wants_segment(const pq_encode_task *t, uint32_t count);
int pq_encode_segment(pq_encode_task *t, const pq_adjacency *a) PQ_MUST_CHECK;
int pq_encode_events(pq_encode_task *t, const pq_event ***out) PQ_MUST_CHECK;
/* How many of the events, from the first on, are one file. */
uint32_t pq_encode_day(const pq_event *const *events, uint32_t count);
/* A file is finished; the writer is taken. */
int pq_encode_file(pq_encode_task *t, const char *folder, pq_file_info info,
                   pq_writer *writer) PQ_MUST_CHECK;
int pq_encode_entities_done(pq_encode_task *t, const pq_entity *rows, uint32_t count,
                            pq_writer *writer) PQ_MUST_CHECK;
int pq_encode_edges_done(pq_encode_task *t, const pq_edge *edges, uint32_t count,
                         pq_writer *writer) PQ_MUST_CHECK;
int pq_encode_events_done(pq_encode_task *t, const pq_event *const *events, uint32_t count,
                          pq_writer *writer) PQ_MUST_CHECK;
/* Their by-entity index too; its writer is taken. */
int pq_encode_index_done(pq_encode_task *t, const pq_event *const *events, uint32_t count,
                         const pq_event_index *index) PQ_MUST_CHECK;
int pq_encode_deletes(pq_encode_task *t) PQ_MUST_CHECK;

/* encode_step.c: encode about *len_left bytes, which are taken off; t->rc, t->is_done. */
void pq_encode_step(pq_encode_task *t, uint64_t *len_left);
void pq_encode_step_release(pq_encode_task *t);

#endif
