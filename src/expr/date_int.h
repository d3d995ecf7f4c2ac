/* expr/date_int.h - what the operators on dates share.
 *
 *   instant (ms since 1970 UTC) ──zone──► local ms ──► day + time of day ──► parts
 *
 * Dates are whole milliseconds here, as in MongoDB; $dateAdd and $dateSubtract carry the
 * microseconds that our dates may have. All years that fit 64 bits of milliseconds work; only text
 * knows but the years 0 to 9999.
 */
#ifndef PQ_EXPR_DATE_INT_H
#define PQ_EXPR_DATE_INT_H

#include "base/civil.h"
#include "base/zone.h"
#include "expr/expression_int.h"

#define PQ_DAY_MS 86400000
#define PQ_HOUR_MS 3600000

typedef struct pq_date_parts {
  pq_civil day;
  int hour, minute, second, millisecond;
  int32_t offset; /* seconds east of UTC */
} pq_date_parts;

/* pq_date_of() for an argument of an operator: PQ_EINVALID says that it is no date. */
int pq_date_argument(const pq_expression *e, pq_eval *s, pq_value v, int64_t *ms) PQ_MUST_CHECK;

/* The zone in argument `at`; *is_null when it is null or missing. Without the argument UTC. */
int pq_zone_argument(const pq_expression *e, pq_eval *s, const pq_value *args, uint32_t at,
                     pq_zone *out, bool *is_null) PQ_MUST_CHECK;

/* A zone by offset or name. PQ_EINVALID for an unknown one, PQ_EUNSUPPORTED when this build knows
 * none by name. */
int pq_zone_find(pq_cx *cx, pq_slice name, pq_zone *out) PQ_MUST_CHECK;

/* Between instants and local milliseconds; false beyond 64 bits. */
bool pq_date_local(const pq_zone *z, int64_t ms, int64_t *local);
bool pq_date_instant(const pq_zone *z, int64_t local, int64_t *ms);
bool pq_date_split(const pq_zone *z, int64_t ms, pq_date_parts *out);
int pq_fail_date(const pq_expression *e, pq_eval *s); /* beyond 64 bits: PQ_EINVALID */

/* ---- text ---- */
extern const char *const pq_month_names[12];
extern const char *const pq_week_day_names[7]; /* Sunday first */

/* Three letters or the whole name, in any case, in front of text: its length, 0 for none. */
size_t pq_name_prefix(pq_slice text, const char *const *names, int count, int *index);

/* The instant that `text` names, by `format` (NULL: by one of the usual forms). Text without a
 * zone is local in `zone`; text with one allows only NULL there, which stands for UTC. NULL, or
 * what is wrong. */
const char *pq_date_read(pq_cx *cx, pq_slice text, const pq_slice *format, const pq_zone *zone,
                         int64_t *ms);

/* "2024-02-29T13:05:09.007Z" in the arena; the years 0 to 9999. */
int pq_date_text(pq_eval *s, int64_t ms, pq_slice *out) PQ_MUST_CHECK;

int pq_eval_date_to_string(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out);
int pq_eval_date_from_string(const pq_expression *e, pq_eval *s, const pq_value *args,
                             pq_value *out);
/* ---- arithmetic ---- */
int pq_eval_date_from_parts(const pq_expression *e, pq_eval *s, const pq_value *args,
                            pq_value *out);
int pq_eval_date_add(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out);
int pq_eval_date_diff(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out);
int pq_eval_date_trunc(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out);

#endif
