/* query/step.c - see step.h. */
#include "query/step.h"

#include "base/civil.h"
#include "base/text.h"
#include "expr/total.h"
#include "query/stage_parse.h"

#define DAY_US INT64_C(86400000000)

static const struct {
  const char *name;
  int64_t len_us; /* 0: months */
  int64_t months;
} units[] = {[PQ_UNIT_YEAR] = {"year", 0, 12},
             [PQ_UNIT_QUARTER] = {"quarter", 0, 3},
             [PQ_UNIT_MONTH] = {"month", 0, 1},
             [PQ_UNIT_WEEK] = {"week", 7 * DAY_US, 0},
             [PQ_UNIT_DAY] = {"day", DAY_US, 0},
             [PQ_UNIT_HOUR] = {"hour", DAY_US / 24, 0},
             [PQ_UNIT_MINUTE] = {"minute", 60000000, 0},
             [PQ_UNIT_SECOND] = {"second", 1000000, 0},
             [PQ_UNIT_MILLISECOND] = {"millisecond", 1000, 0}};

enum { UNIT_END = sizeof units / sizeof units[0] };

int pq_unit_parse(pq_cx *cx, const char *stage, pq_value v, pq_unit *out) {
  const char *names[UNIT_END], *nearest;
  pq_slice text = {0};
  *out = PQ_UNIT_NONE;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (!pq_value_string(v, &text))
    return pq_fail(cx, PQ_EINVALID, "stage '%s': a unit is a string", stage);
  for (int i = PQ_UNIT_YEAR; i < UNIT_END; i++) {
    names[i - 1] = units[i].name;
    if (pq_slice_is(text, units[i].name)) *out = (pq_unit)i;
  }
  names[UNIT_END - 1] = NULL;
  if (*out != PQ_UNIT_NONE) return PQ_OK;
  nearest = pq_nearest(text, names);
  return pq_fail(cx, PQ_EINVALID, "stage '%s': unknown unit '%.*s'%s%s%s", stage, PQ_SHOWN(text),
                 nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                 nearest == NULL ? "" : "'?");
}

int64_t pq_unit_len_us(pq_unit unit) {
  return units[unit].len_us;
}

bool pq_unit_shift(pq_unit unit, int64_t us, int64_t amount, int64_t *out) {
  int64_t day = pq_floor_div(us, DAY_US), more, month;
  pq_civil c;
  int day_max;
  *out = 0;
  if (units[unit].len_us > 0)
    return pq_mul_i64(amount, units[unit].len_us, &more) && pq_add_i64(us, more, out);
  if (!pq_mul_i64(amount, units[unit].months, &more)) return false;
  if (more > INT64_C(12000000) || more < -INT64_C(12000000)) return false; /* a million years */
  pq_civil_of(day, &c);
  month = c.year * 12 + (c.month - 1) + more;
  day_max = pq_days_of_month(pq_floor_div(month, 12), (int)pq_floor_mod(month, 12) + 1);
  if (c.day > day_max) c.day = day_max;
  day = pq_day_of(pq_floor_div(month, 12), pq_floor_mod(month, 12) + 1, c.day);
  return pq_mul_i64(day, DAY_US, &more) && pq_add_i64(more, pq_floor_mod(us, DAY_US), out);
}

int pq_step_from(pq_eval *s, pq_value from, pq_value amount, pq_unit unit, int64_t times,
                 pq_value *out) {
  pq_total total = {0};
  int64_t us;
  double count;
  *out = (pq_value){0};
  if (pq_value_type(from) == PQ_TYPE_DATE) {
    int64_t whole;
    if (!pq_value_number(amount, &count) || !(count > -0x1p53 && count < 0x1p53) ||
        !pq_value_date_us(from, &us) || !pq_mul_i64((int64_t)count, times, &whole) ||
        !pq_unit_shift(unit, us, whole, &us))
      return pq_fail(s->cx, PQ_EINVALID, "a date is out of range");
    return pq_make_date(s, us, out);
  }
  pq_total_add(&total, from);
  for (int64_t i = 0; i < times; i++)
    pq_total_add(&total, amount);
  return pq_total_sum(&total, s, out);
}

bool pq_axis_at(pq_value v, double *out) {
  int64_t us;
  *out = 0;
  if (pq_value_type(v) != PQ_TYPE_DATE) return pq_value_number(v, out);
  if (!pq_value_date_us(v, &us)) return false;
  *out = (double)us;
  return true;
}
