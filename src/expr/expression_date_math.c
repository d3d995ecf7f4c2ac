/* expr/expression_date_math.c - $dateAdd, $dateSubtract, $dateDiff, $dateTrunc, $dateFromParts.
 *
 *   $dateDiff counts the bounds between two dates, $dateTrunc finds the one below:
 *
 *        ┊ 1998     ┊ 1999     ┊ 2000-01-01 local     ┊ 2001       bins of a year, counted from
 * 2000
 *
 * Units from a day on are local: a day is what the clock calls one. Shorter ones are elapsed time.
 * MONGO.md 1, rule 62.
 */
#include <string.h>

#include "expr/date_int.h"

typedef enum unit { MS, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR, UNIT_COUNT } unit;

static const char *const unit_names[] = {"millisecond", "second", "minute",  "hour", "day",
                                         "week",        "month",  "quarter", "year", NULL};
static const int64_t unit_ms[] = {1, 1000, 60000, PQ_HOUR_MS, PQ_DAY_MS, 7 * PQ_DAY_MS};
static const int months_of[UNIT_COUNT] = {[MONTH] = 1, [QUARTER] = 3, [YEAR] = 12};

enum { DAY_OF_2000 = 10957, MONTH_OF_2000 = 24000 };

static int read_unit(const pq_expression *e, pq_eval *s, pq_value v, unit *out) {
  pq_slice name;
  *out = MS;
  if (!pq_value_string(v, &name)) return pq_fail_argument(e, s, v, "a string as unit");
  for (int i = 0; i < UNIT_COUNT; i++) {
    if (!pq_slice_is(name, unit_names[i])) continue;
    *out = (unit)i;
    return PQ_OK;
  }
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' knows no unit '%.*s'%s%s%s", e->op->name,
                 PQ_SHOW(name), pq_nearest(name, unit_names) == NULL ? "" : ": did you mean '",
                 pq_nearest(name, unit_names) == NULL ? "" : pq_nearest(name, unit_names),
                 pq_nearest(name, unit_names) == NULL ? "" : "'?");
}

/* args[at] as a day of the week, 0 = Sunday, which is the default. */
static int read_week_start(const pq_expression *e, pq_eval *s, const pq_value *args, uint32_t at,
                           int *out) {
  pq_slice name;
  *out = 0;
  if (e->args[at] == NULL) return PQ_OK;
  if (!pq_value_string(args[at], &name))
    return pq_fail_argument(e, s, args[at], "a string as startOfWeek");
  if (name.n > 0 && pq_name_prefix(name, pq_week_day_names, 7, out) == name.n) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' knows no day of the week '%.*s'", e->op->name,
                 PQ_SHOW(name));
}

static int64_t month_of(const pq_civil *d) {
  return d->year * 12 + d->month - 1;
}

/* The local midnight of a month's first day, which it may not reach. */
static bool month_start(int64_t month, int64_t *local) {
  return pq_mul_i64(pq_day_of(pq_floor_div(month, 12), pq_floor_mod(month, 12) + 1, 1), PQ_DAY_MS,
                    local);
}

/* ---- $dateAdd ---- */

/* Months beyond this have no milliseconds; adding them cannot overflow. */
enum { MONTHS_MAX = INT32_MAX };

static bool add_months(const pq_zone *z, int64_t ms, int64_t months, int64_t *out) {
  int64_t local, month, start;
  int last;
  pq_civil d;
  if (!pq_date_local(z, ms, &local) || months > (int64_t)MONTHS_MAX * 4 ||
      months < -(int64_t)MONTHS_MAX * 4)
    return false;
  pq_civil_of(pq_floor_div(local, PQ_DAY_MS), &d);
  month = month_of(&d) + months;
  last = pq_days_of_month(pq_floor_div(month, 12), (int)pq_floor_mod(month, 12) + 1);
  return month_start(month, &start) &&
         pq_add_i64(start, ((d.day < last ? d.day : last) - 1) * (int64_t)PQ_DAY_MS, &start) &&
         pq_add_i64(start, pq_floor_mod(local, PQ_DAY_MS), &local) &&
         pq_date_instant(z, local, out);
}

static bool add_units(const pq_zone *z, int64_t ms, unit u, int64_t amount, int64_t *out) {
  int64_t local;
  *out = ms;
  if (amount == 0) return true;
  if (u >= MONTH)
    return pq_mul_i64(amount, months_of[u], &amount) && add_months(z, ms, amount, out);
  if (!pq_mul_i64(amount, unit_ms[u], &amount)) return false;
  if (u < DAY) return pq_add_i64(ms, amount, out);
  return pq_date_local(z, ms, &local) && pq_add_i64(local, amount, &local) &&
         pq_date_instant(z, local, out);
}

/* args: startDate, unit, amount, timezone; variant -1: $dateSubtract */
int pq_eval_date_add(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t ms, amount;
  pq_zone zone;
  bool is_null;
  int us;
  unit u;
  PQ_TRY(pq_zone_argument(e, s, args, 3, &zone, &is_null));
  for (int i = 0; i < 3; i++)
    is_null |= pq_is_nullish(args[i]);
  if (is_null) return pq_make_null(s, out);
  if (!pq_date_of(args[0], &ms, &us))
    return pq_fail_argument(e, s, args[0], "a date, a timestamp or an ObjectId as startDate");
  PQ_TRY(read_unit(e, s, args[1], &u));
  if (!pq_value_whole(args[2], &amount))
    return pq_fail_argument(e, s, args[2], "a whole number of 64 bits as amount");
  if (!pq_mul_i64(amount, e->op->variant, &amount) || !add_units(&zone, ms, u, amount, &ms))
    return pq_fail_date(e, s);
  if (us == 0) return pq_make_date_ms(s, ms, out);
  if (!pq_mul_i64(ms, 1000, &ms) || !pq_add_i64(ms, us, &ms)) return pq_fail_date(e, s);
  return pq_make_date(s, ms, out);
}

/* ---- $dateDiff ---- */

/* The number of the bin of a unit that a date is in. */
static bool bin_of(const pq_zone *z, int64_t ms, unit u, int week_start, int64_t *out) {
  int64_t local, day;
  pq_civil d;
  if (!pq_date_local(z, ms, &local)) return false;
  day = pq_floor_div(local, PQ_DAY_MS);
  if (u >= MONTH) {
    pq_civil_of(day, &d);
    *out = pq_floor_div(month_of(&d), months_of[u]);
  } else if (u == WEEK) {
    *out = pq_floor_div(day + 4 - week_start, 7);
  } else if (u == DAY) {
    *out = day;
  } else { /* clocks that are set in between do not count */
    *out = pq_floor_div(local, unit_ms[u]) - (local - ms) / unit_ms[u];
  }
  return true;
}

/* args: startDate, endDate, unit, timezone, startOfWeek */
int pq_eval_date_diff(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t from, to;
  int week_start = 0;
  bool is_null;
  pq_zone zone;
  unit u;
  PQ_TRY(pq_zone_argument(e, s, args, 3, &zone, &is_null));
  for (int i = 0; i < 3; i++)
    is_null |= pq_is_nullish(args[i]);
  if (is_null) return pq_make_null(s, out);
  PQ_TRY(pq_date_argument(e, s, args[0], &from));
  PQ_TRY(pq_date_argument(e, s, args[1], &to));
  PQ_TRY(read_unit(e, s, args[2], &u));
  if (u == WEEK && e->args[4] != NULL && pq_is_nullish(args[4])) return pq_make_null(s, out);
  if (u == WEEK) PQ_TRY(read_week_start(e, s, args, 4, &week_start));
  if (u != MS &&
      (!bin_of(&zone, from, u, week_start, &from) || !bin_of(&zone, to, u, week_start, &to)))
    return pq_fail_date(e, s);
  if (from == INT64_MIN || !pq_add_i64(to, -from, &to))
    return pq_fail(s->cx, PQ_EINVALID, "operator '%s' makes a number beyond 64 bits", e->op->name);
  return pq_make_i64(s, to, out);
}

/* ---- $dateTrunc ---- */

enum { BIN_DAYS_MAX = INT32_MAX }; /* of days, weeks and months in a bin: beyond all dates */

static bool trunc_time(const pq_zone *z, int64_t ms, int64_t bin, int64_t *out) {
  int64_t origin, shifted;
  if (!pq_date_instant(z, (int64_t)DAY_OF_2000 * PQ_DAY_MS, &origin)) return false;
  return pq_add_i64(ms, -origin, &shifted) && pq_add_i64(ms, -pq_floor_mod(shifted, bin), out);
}

static bool trunc_date(const pq_zone *z, int64_t ms, unit u, int64_t size, int week_start,
                       int64_t *out) {
  int64_t local, day, origin = DAY_OF_2000, month;
  pq_civil d;
  if (u < DAY) return pq_mul_i64(size, unit_ms[u], &size) && trunc_time(z, ms, size, out);
  if (size > BIN_DAYS_MAX || !pq_date_local(z, ms, &local)) return false;
  day = pq_floor_div(local, PQ_DAY_MS);
  if (u >= MONTH) {
    pq_civil_of(day, &d);
    month = month_of(&d);
    month -= pq_floor_mod(month - MONTH_OF_2000, size * months_of[u]);
    return month_start(month, &local) && pq_date_instant(z, local, out);
  }
  if (u == WEEK) {
    origin += pq_floor_mod(week_start - (DAY_OF_2000 + 4), 7);
    size *= 7;
  }
  day -= pq_floor_mod(day - origin, size);
  return pq_mul_i64(day, PQ_DAY_MS, &local) && pq_date_instant(z, local, out);
}

/* args: date, unit, binSize, timezone, startOfWeek */
int pq_eval_date_trunc(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t ms, size = 1;
  int week_start = 0;
  bool is_null;
  pq_zone zone;
  unit u;
  PQ_TRY(pq_zone_argument(e, s, args, 3, &zone, &is_null));
  for (int i = 0; i < 3; i++)
    is_null |= e->args[i] != NULL && pq_is_nullish(args[i]);
  if (is_null) return pq_make_null(s, out);
  PQ_TRY(pq_date_argument(e, s, args[0], &ms));
  PQ_TRY(read_unit(e, s, args[1], &u));
  if (e->args[2] != NULL && (!pq_value_whole(args[2], &size) || size <= 0))
    return pq_fail_argument(e, s, args[2], "a whole number of 64 bits, above 0, as binSize");
  if (u == WEEK && e->args[4] != NULL && pq_is_nullish(args[4])) return pq_make_null(s, out);
  if (u == WEEK) PQ_TRY(read_week_start(e, s, args, 4, &week_start));
  if (!trunc_date(&zone, ms, u, size, week_start, &ms)) return pq_fail_date(e, s);
  return pq_make_date_ms(s, ms, out);
}

/* ---- $dateFromParts ---- */

enum {
  P_YEAR,
  P_MONTH,
  P_DAY,
  P_HOUR,
  P_MINUTE,
  P_SECOND,
  P_MS,
  P_ISO_YEAR,
  P_ISO_WEEK,
  P_ISO_DAY
};
enum { PART_COUNT = P_ISO_DAY + 1, P_ZONE = PART_COUNT };

/* Numbers beyond their usual range carry; this only keeps them from overflowing. */
static int read_part(const pq_expression *e, pq_eval *s, pq_value v, int part, int64_t *out) {
  static const char *const names[PART_COUNT] = {
      "year",   "month",       "day",         "hour",    "minute",
      "second", "millisecond", "isoWeekYear", "isoWeek", "isoDayOfWeek"};
  bool is_year = part == P_YEAR || part == P_ISO_YEAR;
  int64_t low = is_year ? 1 : INT16_MIN, high = is_year ? 9999 : INT16_MAX;
  if (part == P_SECOND || part == P_MS) {
    low = INT64_MIN / 4000;
    high = INT64_MAX / 4000;
  }
  if (pq_value_whole(v, out) && *out >= low && *out <= high) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID,
                 "operator '%s' needs a whole number from %lld to %lld as %s, not %s", e->op->name,
                 (long long)low, (long long)high, names[part],
                 pq_value_whole(v, out) ? "this one" : pq_type_name(pq_value_type(v)));
}

/* args: the ten parts, timezone */
int pq_eval_date_from_parts(const pq_expression *e, pq_eval *s, const pq_value *args,
                            pq_value *out) {
  int64_t n[PART_COUNT] = {[P_MONTH] = 1, [P_DAY] = 1, [P_ISO_WEEK] = 1, [P_ISO_DAY] = 1};
  bool is_iso = e->args[P_ISO_YEAR] != NULL, is_null, is_good;
  int64_t day, local, ms;
  pq_zone zone;
  if (is_iso == (e->args[P_YEAR] != NULL) ||
      (is_iso ? e->args[P_MONTH] != NULL || e->args[P_DAY] != NULL
              : e->args[P_ISO_WEEK] != NULL || e->args[P_ISO_DAY] != NULL))
    return pq_fail(s->cx, PQ_EINVALID,
                   "operator '%s' needs either 'year' with 'month' and 'day', or 'isoWeekYear' "
                   "with 'isoWeek' and 'isoDayOfWeek'",
                   e->op->name);
  PQ_TRY(pq_zone_argument(e, s, args, P_ZONE, &zone, &is_null));
  for (int i = 0; i < PART_COUNT; i++)
    is_null |= e->args[i] != NULL && pq_is_nullish(args[i]);
  if (is_null) return pq_make_null(s, out);
  for (int i = 0; i < PART_COUNT; i++)
    if (e->args[i] != NULL) PQ_TRY(read_part(e, s, args[i], i, &n[i]));
  day = is_iso ? pq_iso_year_start(n[P_ISO_YEAR]) + (n[P_ISO_WEEK] - 1) * 7 + n[P_ISO_DAY] - 1
               : pq_day_of(n[P_YEAR], n[P_MONTH], n[P_DAY]);
  local = day * PQ_DAY_MS + n[P_HOUR] * PQ_HOUR_MS + n[P_MINUTE] * 60000;
  is_good = pq_add_i64(local, n[P_SECOND] * 1000, &local) && pq_add_i64(local, n[P_MS], &local) &&
            pq_date_instant(&zone, local, &ms);
  return is_good ? pq_make_date_ms(s, ms, out) : pq_fail_date(e, s);
}
