/* query/step.h - units of time, and places on the axis of a sort: numbers or dates.
 *
 *   number + number     exact, in the wider type of the two
 *   date + n units      months by the calendar (Jan 31 + 1 month = Feb 28), UTC
 */
#ifndef PQ_QUERY_STEP_H
#define PQ_QUERY_STEP_H

#include "expr/expression.h"

typedef enum pq_unit {
  PQ_UNIT_NONE, /* numbers */
  PQ_UNIT_YEAR,
  PQ_UNIT_QUARTER,
  PQ_UNIT_MONTH,
  PQ_UNIT_WEEK,
  PQ_UNIT_DAY,
  PQ_UNIT_HOUR,
  PQ_UNIT_MINUTE,
  PQ_UNIT_SECOND,
  PQ_UNIT_MILLISECOND
} pq_unit;

/* PQ_EINVALID for an unknown one; missing is NONE. `stage` is for messages. */
int pq_unit_parse(pq_cx *cx, const char *stage, pq_value v, pq_unit *out) PQ_MUST_CHECK;
/* Microseconds of a unit of fixed length; 0 for months, quarters and years. */
int64_t pq_unit_len_us(pq_unit unit);
/* `us` + `amount` units; false beyond 64 bits. */
bool pq_unit_shift(pq_unit unit, int64_t us, int64_t amount, int64_t *out);

/* `from` + `amount` * `times`. Dates need a unit and a whole amount; the caller checked types. */
int pq_step_from(pq_eval *s, pq_value from, pq_value amount, pq_unit unit, int64_t times,
                 pq_value *out) PQ_MUST_CHECK;
/* Where a number or a date stands; dates in microseconds. False for anything else. */
bool pq_axis_at(pq_value v, double *out);

#endif
