/* expr/expression_date.c - parts of dates in expressions, in UTC. See expression.h.
 *
 * Years before 0 and after 9999, and time zones other than UTC, are not supported.
 */
#include <string.h>

#include "expr/expression_int.h"

typedef struct date_parts {
  int year, month, day, hour, minute, second, millisecond;
  int week_day; /* 1 = Sunday */
  int year_day; /* 1 .. 366 */
} date_parts;

#define DAY_MS 86400000

/* Days since 1970 to the civil date, by eras of 400 years that begin in March. */
static void split_day(int64_t days, date_parts *d) {
  static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  int64_t era, day_of_era, year_of_era, day_of_year, month;
  bool is_leap;
  days += 719468;
  era = (days >= 0 ? days : days - 146096) / 146097;
  day_of_era = days - era * 146097;
  year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  month = (5 * day_of_year + 2) / 153;
  d->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
  d->month = (int)(month < 10 ? month + 3 : month - 9);
  d->year = (int)(year_of_era + era * 400 + (d->month <= 2));
  is_leap = (d->year % 4 == 0 && d->year % 100 != 0) || d->year % 400 == 0;
  d->year_day = before_month[d->month - 1] + d->day + (is_leap && d->month > 2);
}

static int split_date(pq_eval *s, int64_t us, date_parts *d) {
  int64_t ms = us / 1000 - (us % 1000 < 0), days = ms / DAY_MS - (ms % DAY_MS < 0);
  int64_t rest = ms - days * DAY_MS;
  if (days < -719528 || days > 2932896)
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "a date outside of the years 0 to 9999");
  split_day(days, d);
  d->week_day = (int)((days % 7 + 7 + 4) % 7) + 1; /* 1970 began on a Thursday */
  d->hour = (int)(rest / 3600000);
  d->minute = (int)(rest / 60000 % 60);
  d->second = (int)(rest / 1000 % 60);
  d->millisecond = (int)(rest % 1000);
  return PQ_OK;
}

static int check_zone(pq_eval *s, pq_value zone) {
  pq_slice name;
  if (pq_value_string(zone, &name) &&
      (pq_slice_is(name, "UTC") || pq_slice_is(name, "GMT") || pq_slice_is(name, "Z") ||
       pq_slice_is(name, "+00:00") || pq_slice_is(name, "+0000") || pq_slice_is(name, "+00")))
    return PQ_OK;
  return pq_fail(s->cx, PQ_EUNSUPPORTED, "time zones other than UTC are not supported yet");
}

enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND, WEEK_DAY, YEAR_DAY };

static int part_of(const date_parts *d, int which) {
  switch (which) {
    case YEAR: return d->year;
    case MONTH: return d->month;
    case DAY: return d->day;
    case HOUR: return d->hour;
    case MINUTE: return d->minute;
    case SECOND: return d->second;
    case MILLISECOND: return d->millisecond;
    case WEEK_DAY: return d->week_day;
    default: return d->year_day;
  }
}

/* A date, or the time in front of an ObjectId. */
static bool read_date(pq_value v, int64_t *us) {
  pq_slice hex;
  int64_t seconds = 0;
  if (pq_value_date_us(v, us)) return true;
  if (!pq_value_object_id(v, &hex) || hex.n < 8) return false;
  for (int i = 0; i < 8; i++)
    seconds = seconds * 16 + (hex.p[i] <= '9' ? hex.p[i] - '0' : (hex.p[i] | 0x20) - 'a' + 10);
  *us = seconds * 1000000;
  return true;
}

/* args: date, timezone */
static int eval_part(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  date_parts d;
  int64_t us;
  if (e->args[1] != NULL) {
    if (pq_is_nullish(args[1])) return pq_make_null(s, out);
    PQ_TRY(check_zone(s, args[1]));
  }
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!read_date(args[0], &us)) return pq_fail_argument(e, s, args[0], "a date");
  PQ_TRY(split_date(s, us, &d));
  return pq_make_i32(s, part_of(&d, e->op->variant), out);
}

/* Append what % and `letter` stand for. */
static int put_format(pq_eval *s, pq_buf *b, const date_parts *d, uint8_t letter) {
  switch (letter) {
    case 'Y': return pq_buf_printf(b, "%04d", d->year);
    case 'm': return pq_buf_printf(b, "%02d", d->month);
    case 'd': return pq_buf_printf(b, "%02d", d->day);
    case 'H': return pq_buf_printf(b, "%02d", d->hour);
    case 'M': return pq_buf_printf(b, "%02d", d->minute);
    case 'S': return pq_buf_printf(b, "%02d", d->second);
    case 'L': return pq_buf_printf(b, "%03d", d->millisecond);
    case 'j': return pq_buf_printf(b, "%03d", d->year_day);
    case 'w': return pq_buf_printf(b, "%d", d->week_day);
    case 'z': return pq_buf_printf(b, "+0000");
    case 'Z': return pq_buf_printf(b, "0");
    case '%': return pq_buf_printf(b, "%%");
    default: break;
  }
  if (letter == 'G' || letter == 'V' || letter == 'u' || letter == 'U' || letter == 'b' ||
      letter == 'B')
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "'%%%c' of '$dateToString' is not supported yet",
                   letter);
  return pq_fail(s->cx, PQ_EINVALID, "unknown format letter in '$dateToString'");
}

static int put_date(pq_eval *s, pq_buf *b, const date_parts *d, pq_slice format) {
  for (size_t i = 0; i < format.n; i++) {
    if (format.p[i] != '%') {
      PQ_TRY(pq_buf_put_byte(b, format.p[i]));
      continue;
    }
    if (++i == format.n)
      return pq_fail(s->cx, PQ_EINVALID, "the format of '$dateToString' ends with '%%'");
    PQ_TRY(put_format(s, b, d, format.p[i]));
  }
  return PQ_OK;
}

/* args: date, format, timezone, onNull */
static int eval_date_to_string(const pq_expression *e, pq_eval *s, const pq_value *args,
                               pq_value *out) {
  pq_slice format = PQ_SLICE("%Y-%m-%dT%H:%M:%S.%LZ");
  date_parts d;
  pq_buf text;
  int64_t us;
  int rc;
  if (e->args[1] != NULL && pq_is_nullish(args[1])) return pq_make_null(s, out);
  if (e->args[1] != NULL && !pq_value_string(args[1], &format))
    return pq_fail_argument(e, s, args[1], "a string as format");
  if (e->args[2] != NULL && pq_is_nullish(args[2])) return pq_make_null(s, out);
  if (e->args[2] != NULL) PQ_TRY(check_zone(s, args[2]));
  if (pq_is_nullish(args[0])) {
    *out = args[3];
    return e->args[3] != NULL ? PQ_OK : pq_make_null(s, out);
  }
  if (!read_date(args[0], &us)) return pq_fail_argument(e, s, args[0], "a date");
  PQ_TRY(split_date(s, us, &d));
  pq_buf_init(&text, s->cx, s->cx->limits.doc_len_max);
  rc = put_date(s, &text, &d, format);
  if (rc == PQ_OK) rc = pq_make_text(s, pq_buf_slice(&text), out);
  pq_buf_release(&text);
  return rc;
}

const pq_operator pq_date_operators[] = {
    {"$year", 1, 2, false, "date timezone?", eval_part, YEAR},
    {"$month", 1, 2, false, "date timezone?", eval_part, MONTH},
    {"$dayOfMonth", 1, 2, false, "date timezone?", eval_part, DAY},
    {"$hour", 1, 2, false, "date timezone?", eval_part, HOUR},
    {"$minute", 1, 2, false, "date timezone?", eval_part, MINUTE},
    {"$second", 1, 2, false, "date timezone?", eval_part, SECOND},
    {"$millisecond", 1, 2, false, "date timezone?", eval_part, MILLISECOND},
    {"$dayOfWeek", 1, 2, false, "date timezone?", eval_part, WEEK_DAY},
    {"$dayOfYear", 1, 2, false, "date timezone?", eval_part, YEAR_DAY},
    {"$dateToString", 1, 4, false, "date format? timezone? onNull?", eval_date_to_string, 0},
    {NULL, 0, 0, false, NULL, NULL, 0}};
