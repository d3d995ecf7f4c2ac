/* query/aggregate_int.h - stages of a pipeline, shared by aggregate.c, aggregate_parse.c and
 * group.c. */
#ifndef PQ_QUERY_AGGREGATE_INT_H
#define PQ_QUERY_AGGREGATE_INT_H

#include "expr/shape.h"
#include "query/aggregate.h"

typedef enum pq_stage_kind {
  PQ_STAGE_MATCH,
  PQ_STAGE_SHAPE, /* $project, $addFields, $set, $unset */
  PQ_STAGE_GROUP, /* $group, $sortByCount (a $sort follows), $count */
  PQ_STAGE_SORT,
  PQ_STAGE_SKIP,
  PQ_STAGE_LIMIT,
  PQ_STAGE_COUNT,
  PQ_STAGE_UNWIND,
  PQ_STAGE_REPLACE
} pq_stage_kind;

typedef enum pq_accumulator_kind {
  PQ_ACC_SUM,
  PQ_ACC_AVG,
  PQ_ACC_MIN,
  PQ_ACC_MAX,
  PQ_ACC_FIRST,
  PQ_ACC_LAST,
  PQ_ACC_PUSH,
  PQ_ACC_ADD_TO_SET,
  PQ_ACC_COUNT,
  PQ_ACC_MERGE_OBJECTS
} pq_accumulator_kind;

typedef struct pq_accumulator {
  pq_slice name; /* of the field */
  pq_accumulator_kind kind;
  pq_expression *expression;
} pq_accumulator;

/* A list that grows in an arena. */
typedef struct pq_value_list {
  pq_value *items;
  uint32_t count, cap;
} pq_value_list;

typedef struct pq_group_state pq_group_state;

/* A document that a $sort holds. */
typedef struct pq_sorted {
  pq_value doc;
  pq_value *keys;
  bool *empties;
} pq_sorted;

typedef struct pq_pipe_stage {
  pq_stage_kind kind;
  const char *name;
  pq_filter *filter;            /* MATCH */
  pq_shape *shape;              /* SHAPE */
  pq_expression *expression;    /* REPLACE; GROUP: _id */
  pq_accumulator *accumulators; /* GROUP */
  uint32_t accumulator_count;
  pq_sort sort;
  uint64_t number;          /* SKIP, LIMIT; SORT: how many can matter, 0: all */
  pq_path path, index_path; /* UNWIND */
  bool has_index, is_preserving;
  pq_slice field; /* COUNT; GROUP: of an _id that is an object of one field */
  /* while it runs */
  uint64_t seen;
  pq_group_state *groups;
  pq_sorted *items;
  uint32_t item_count, item_cap;
} pq_pipe_stage;

struct pq_pipeline {
  pq_pipe_stage *stages;
  uint32_t count;
  uint32_t first; /* 1: a leading $match was taken */
  pq_eval eval;
  pq_arena *keep;
  pq_pipeline_sink sink;
  void *ud;
};

/* ---- group.c ---- */
int pq_group_add(pq_pipeline *p, pq_pipe_stage *g, pq_value doc) PQ_MUST_CHECK;
uint32_t pq_group_count(const pq_pipe_stage *g);
/* Put the groups in order; then the results may be asked for. */
int pq_group_finish(pq_pipeline *p, pq_pipe_stage *g) PQ_MUST_CHECK;
/* The i-th result. */
int pq_group_result(pq_pipeline *p, const pq_pipe_stage *g, uint32_t i,
                    pq_value *out) PQ_MUST_CHECK;

#endif
