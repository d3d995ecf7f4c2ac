/* query/window_spec.h - a parsed $setWindowFields, and a partition at work. */
#ifndef PQ_QUERY_WINDOW_SPEC_H
#define PQ_QUERY_WINDOW_SPEC_H

#include "expr/shape.h"
#include "query/accumulator.h"
#include "query/blocking.h"
#include "query/step.h"

typedef enum pq_window_kind {
  PQ_WINDOW_GATHER, /* an accumulator over the window */
  PQ_WINDOW_RANK,
  PQ_WINDOW_DENSE_RANK,
  PQ_WINDOW_NUMBER, /* $documentNumber */
  PQ_WINDOW_SHIFT,
  PQ_WINDOW_DERIVATIVE,
  PQ_WINDOW_INTEGRAL,
  PQ_WINDOW_EXP_AVG,
  PQ_WINDOW_COVARIANCE_POP,
  PQ_WINDOW_COVARIANCE_SAMPLE,
  PQ_WINDOW_SCALE,
  PQ_WINDOW_LINEAR_FILL,
  PQ_WINDOW_LOCF
} pq_window_kind;

typedef enum pq_bound_kind { PQ_BOUND_NONE, PQ_BOUND_CURRENT, PQ_BOUND_OFFSET } pq_bound_kind;

typedef struct pq_bound {
  pq_bound_kind kind;
  int64_t offset;  /* documents */
  pq_value amount; /* range */
} pq_bound;

typedef struct pq_window_output {
  const char *name; /* "$rank" */
  pq_window_kind kind;
  pq_accumulator gather;
  pq_expression *input, *second; /* second: of a covariance; $shift's default */
  bool has_window, is_range;
  pq_bound lower, upper;
  pq_unit range_unit;
  pq_unit unit;                /* $derivative, $integral */
  int64_t by;                  /* $shift */
  double weight;               /* $expMovingAvg: of the newest value */
  double scale_min, scale_max; /* $minMaxScaler */
} pq_window_output;

struct pq_window_spec {
  pq_expression *partition; /* NULL: one partition */
  pq_sort sort;
  pq_collation collation;
  pq_window_output *outputs;
  uint32_t output_count;
  pq_slice *names;   /* "f0", "f1" …: fields of the variable */
  uint32_t variable; /* that holds the results of all outputs */
  pq_shape *shape;   /* puts them into the document */
};

/* The documents of one partition, sorted. */
typedef struct pq_partition {
  pq_cx *cx;
  pq_arena *arena; /* lives as long as the partition */
  const pq_window_spec *spec;
  pq_value *docs;
  uint32_t count;
} pq_partition;

/* What an output keeps while it goes through a partition. Zeroed at its start. */
typedef struct pq_window_state {
  pq_value *args;           /* GATHER: of each document, width values */
  pq_value *results;        /* of each document; the other kinds */
  pq_value *keys;           /* of the sort's first field */
  pq_gathered *gathered;    /* of documents [low, high) */
  uint32_t low, high;       /* the window's ends so far */
  uint32_t in_low, in_high; /* documents that were added */
  bool is_fresh;            /* `last` holds for the window as it is */
  pq_value last;
  uint32_t *queue; /* $min, $max: candidates, the best first */
  uint32_t queue_at, queue_end;
  uint64_t steps; /* documents added again */
} pq_window_state;

/* Prepare output `o`; s->arena is the partition's. */
int pq_window_begin(const pq_partition *p, const pq_window_output *o, pq_eval *s,
                    pq_window_state *w) PQ_MUST_CHECK;
/* The result for document `i`, asked for in order; in s->arena or borrowed from the partition. */
int pq_window_at(const pq_partition *p, const pq_window_output *o, pq_eval *s, pq_window_state *w,
                 uint32_t i, pq_value *out) PQ_MUST_CHECK;

/* window_series.c: results of an output that is no accumulator, for all documents. */
int pq_window_series(const pq_partition *p, const pq_window_output *o, pq_eval *s,
                     pq_window_state *w) PQ_MUST_CHECK;
/* Move the ends of the window to document `i`. */
int pq_window_move(const pq_partition *p, const pq_window_output *o, pq_eval *s, pq_window_state *w,
                   uint32_t i) PQ_MUST_CHECK;
/* Count work that is done again; PQ_ELIMIT beyond the bound. */
int pq_window_work(const pq_partition *p, const pq_window_output *o, pq_window_state *w,
                   uint64_t steps) PQ_MUST_CHECK;

#endif
