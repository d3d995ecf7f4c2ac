/* db/compact_int.h - what the files of compaction share: its jobs, their inputs, their outputs.
 *
 *   inputs   file 0  [window]··········      rows of a window are in memory, sorted by key
 *            file 1  ···[window]·······  ─►  heap of their first rows ─► stream ─► file ─► PUT
 *            file 2  [window]··········
 *
 *   places   row of an input ─► row of the output: where deletes go that came while it ran
 *
 * Nothing is in memory as a whole: a window per input, the row group that is being made, and the
 * bytes of one output file until it is stored.
 */
#ifndef PQ_DB_COMPACT_INT_H
#define PQ_DB_COMPACT_INT_H

#include "db/encode_task_int.h"
#include "db/schema_of.h"
#include "parquet/side_cache.h"

enum {
  PQ_WINDOW_LEN_MAX = 1 << 20,  /* of one of them */
  PQ_WINDOW_ROWS_MIN = 64,      /* of one of them, at least */
  PQ_INDEXES_LEN_MAX = 1 << 20, /* of the page indexes of an input */
  PQ_PLACES_LEN_MAX = 64 << 20, /* of the places of a job, or a quarter of the memory */
  PQ_COMPACT_INPUTS_MAX = 256   /* of a job that is not asked for */
};

/* A file that is read from its first row to its last. */
typedef struct pq_compact_input {
  pq_file_info info; /* as of the beginning */
  pq_cached_file *file;
  pq_file read;            /* the same file, whose page indexes stay in */
  pq_side_cache indexes;   /* as long as its row group is read */
  uint32_t row_group, row; /* where the next window begins */
  uint64_t first_place;    /* of its rows among the places */
  pq_arena arena;          /* what the window borrows from */
  pq_entity *entities;     /* one of the two, in `arena` */
  pq_edge *edges;
  uint64_t *rows; /* their numbers in the file, in `arena` */
  uint32_t count, at;
  bool is_named; /* its edges have the names of now */
  bool is_end;   /* nothing follows the window */
} pq_compact_input;

typedef struct pq_compact_output {
  uint32_t file;      /* of the flush's files */
  uint64_t first_row; /* counted over all outputs of the job */
} pq_compact_output;

/* Files that become one, or as few as can be. */
typedef struct pq_compact_job {
  pq_file_kind kind;
  pq_slice collection;
  pq_compact_input *inputs;
  uint32_t input_count;
  uint64_t windows_len; /* of all windows together, uncompressed */
  /* while it runs */
  pq_entity_table table;
  pq_schema_at schema;
  pq_slice name_field;
  const char *folder;
  bool keeps_data;
  bool is_split;  /* the file ends with the row group */
  uint32_t *heap; /* inputs by their first row */
  uint32_t heap_count;
  pq_entity_stream *entities; /* owned, one of the two; NULL: none begun */
  pq_edge_stream *edges;
  struct pq_compact_names *names; /* owned; compact_names.c. NULL: edges keep theirs */
  pq_adjacency_maker *maker; /* owned: of the forward file that is being made; NULL: no segment */
  uint64_t row_count;        /* of all outputs so far */
  uint32_t *places;          /* owned; row of the outputs + 1, 0: dead. NULL: not kept */
  uint64_t place_count;
  pq_compact_output *outputs;
  uint32_t output_count, output_cap;
  /* of events: all of them, in the first input's arena, and what they become */
  const pq_event **events;
  uint32_t event_count, input;   /* the next to be read */
  pq_event_stream *event_stream; /* owned, one of the two */
  pq_event_index_stream *index_stream;
} pq_compact_job;

typedef struct pq_compaction {
  pq_compact_job *jobs;
  uint32_t job_count, job;
  bool is_begun;
  pq_snapshot now;       /* when the entry is made */
  uint32_t output_count; /* of the flush's files; behind them moved deletes */
} pq_compaction;

/* compact_plan.c: which files; none is no failure. The snapshot is open. */
int pq_compact_plan(pq_flush *f, pq_op *op) PQ_MUST_CHECK;
/* Is the number of live delete files too large? */
bool pq_compact_merges_deletes(const pq_flush *f, const pq_view *v);

/* compact_input.c: read the next window of every input that has none. PQ_NEED_IO. */
int pq_compact_fill(pq_flush *f, pq_op *op, pq_compact_job *job) PQ_MUST_CHECK;

/* compact_names.c: names of the ends of edges. Begin a job; then, while windows have rows that are
 * not named, call the stage's part until *is_done. PQ_NEED_IO. */
int pq_compact_names_begin(pq_flush *f, pq_compact_job *job) PQ_MUST_CHECK;
int pq_compact_names_step(pq_flush *f, pq_op *op, pq_compact_job *job, bool *is_done) PQ_MUST_CHECK;
void pq_compact_names_free(pq_compact_job *job, pq_cx *cx);

static inline bool pq_compact_is_edges(const pq_compact_job *job) {
  return job->kind != PQ_FILE_DATA;
}

/* compact_events.c: jobs for event files, and the stage that does one. */
int pq_compact_plan_events(pq_flush *f, pq_op *op) PQ_MUST_CHECK;
int pq_compact_stage_events(pq_op *op);
/* compact.c: what follows the end of a job. */
int pq_compact_stage_next_job(pq_op *op);

/* compact_entry.c: the deletes that moved, what is removed; then the flush's last part. */
int pq_compact_stage_entry(pq_op *op);

#endif
