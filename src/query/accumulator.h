/* query/accumulator.h - what $group, $bucket, $bucketAuto and $setWindowFields gather per group.
 *
 *   {"total": {"$sum": "$price"}}     parse ─► pq_accumulator
 *   document ─► arguments (values) ─► add ─► state ─► result
 *
 * Arguments are evaluated apart from adding them, so that they can wait in a temporary file or be
 * added again. A state lives in an arena and uses the memory of values that it replaces again. It
 * can be written as one value and read back, exactly.
 */
#ifndef PQ_QUERY_ACCUMULATOR_H
#define PQ_QUERY_ACCUMULATOR_H

#include "expr/expression.h"
#include "expr/project.h"

typedef struct pq_accumulator {
  pq_slice name;                       /* of the field that gets the result */
  const struct pq_accumulator_row *op; /* of the table in accumulator_parse.c */
  pq_expression *expression;           /* the argument, input or output; NULL: none */
  pq_expression *n;                    /* NULL: one */
  pq_sort sort;                        /* $top … $bottomN */
  double *points;                      /* $percentile, $median */
  uint32_t point_count;
} pq_accumulator;

/* {"$sum": …}. `stage` is for messages. PQ_EINVALID, PQ_EUNSUPPORTED. */
int pq_accumulator_parse(pq_arena *arena, const pq_env *env, const char *stage, pq_slice name,
                         pq_value spec, pq_accumulator *out) PQ_MUST_CHECK;
/* The same for {name of the operator: value} that was taken apart already. */
int pq_accumulator_parse_op(pq_arena *arena, const pq_env *env, const char *stage,
                            const pq_field *field, pq_accumulator *out) PQ_MUST_CHECK;
/* {"$count": {}} */
pq_accumulator pq_accumulator_count(pq_slice name);
/* "$sum" */
const char *pq_accumulator_name(const pq_accumulator *a);

/* How many values an argument consists of: 0, 1 or more for $top. */
uint32_t pq_accumulator_width(const pq_accumulator *a);
/* The argument for s->root. */
int pq_accumulator_args(const pq_accumulator *a, pq_eval *s, pq_value *values) PQ_MUST_CHECK;
/* Does the state grow with every document? */
bool pq_accumulator_grows(const pq_accumulator *a);

typedef struct pq_gathered pq_gathered;
/* A new state in `arena`. s->root is the group's key: n may depend on it. */
int pq_gathered_new(const pq_accumulator *a, pq_eval *s, pq_arena *arena,
                    pq_gathered **out) PQ_MUST_CHECK;
/* Make it as it was when it was new; its memory is used again. */
void pq_gathered_reset(pq_gathered *g);
int pq_gathered_add(const pq_accumulator *a, pq_eval *s, pq_gathered *g,
                    const pq_value *values) PQ_MUST_CHECK;
/* In s->arena, or borrowed from the state. */
int pq_gathered_result(const pq_accumulator *a, pq_eval *s, const pq_gathered *g,
                       pq_value *out) PQ_MUST_CHECK;
/* The whole state as one value, and into a new state; those of $sum, $avg, $count, $min and $max
 * are added to what is there. PQ_ELIMIT names the accumulator when it is larger than a document may
 * be. */
int pq_gathered_save(const pq_accumulator *a, pq_eval *s, const pq_gathered *g,
                     pq_value *out) PQ_MUST_CHECK;
int pq_gathered_restore(const pq_accumulator *a, pq_eval *s, pq_gathered *g,
                        pq_value saved) PQ_MUST_CHECK;
/* Take away what was added first, of $sum, $avg and $count; false: it cannot be done. */
bool pq_gathered_remove(const pq_accumulator *a, pq_gathered *g, const pq_value *values);

#endif
