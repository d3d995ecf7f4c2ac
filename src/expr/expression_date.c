/* expr/expression_date.c - parts of dates in expressions, and their table. See date_int.h.
 *
 *   { date, timezone } ──► local ms ──► $year … $isoWeek, $dateToParts
 */
#include "expr/date_int.h"

#include <string.h>

/* ---- dates ---- */

static int hex_digit(uint8_t c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

bool pq_date_of(pq_value v, int64_t *ms, int *us) {
  pq_slice hex;
  int64_t seconds = 0;
  *ms = 0;
  *us = 0;
  switch (pq_value_type(v)) {
    case PQ_TYPE_DATE: return pq_value_date_parts(v, ms, us);
    case PQ_TYPE_TIMESTAMP:
      if (!pq_value_i64(pq_object_get_str(pq_object_get_str(v, "$timestamp"), "t"), &seconds))
        return false;
      break;
    case PQ_TYPE_OBJECT_ID:
      if (!pq_value_object_id(v, &hex) || hex.n < 8) return false;
      for (int i = 0; i < 8; i++)
        seconds = seconds * 16 + hex_digit(hex.p[i]);
      break;
    default: return false;
  }
  return pq_mul_i64(seconds, 1000, ms);
}

int pq_date_argument(const pq_expression *e, pq_eval *s, pq_value v, int64_t *ms) {
  int us;
  if (pq_date_of(v, ms, &us)) return PQ_OK;
  return pq_fail_argument(e, s, v, "a date, a timestamp or an ObjectId");
}

int pq_make_date_ms(pq_eval *s, int64_t ms, pq_value *out) {
  int64_t us;
  if (pq_mul_i64(ms, 1000, &us)) return pq_make_date(s, us, out);
  pq_builder_clear(s->builder);
  *out = (pq_value){0};
  PQ_TRY(pq_builder_date_ms(s->builder, ms));
  return pq_builder_finish(s->builder, s->arena, out);
}

int pq_fail_date(const pq_expression *e, pq_eval *s) {
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' makes a date that is out of range",
                 e->op->name);
}

/* ---- zones ---- */

int pq_zone_find(pq_cx *cx, pq_slice name, pq_zone *out) {
  pq_slice tzif;
  int rc = PQ_ENOTFOUND;
  if (pq_zone_of_offset(name, out)) return PQ_OK;
  if (pq_zone_name_is_valid(name)) {
    if (cx->zone == NULL)
      return pq_fail(cx, PQ_EUNSUPPORTED,
                     "the time zone '%.*s': zones are not known by name here, offsets like "
                     "'+05:30' and 'UTC' are",
                     PQ_SHOW(name));
    rc = cx->zone(cx->zone_ud, name, &tzif);
  }
  if (rc == PQ_OK && pq_zone_read(tzif, out)) return PQ_OK;
  if (rc == PQ_ENOMEM) return pq_fail_nomem(cx);
  return pq_fail(cx, PQ_EINVALID, "the time zone '%.*s' is not known", PQ_SHOW(name));
}

int pq_zone_argument(const pq_expression *e, pq_eval *s, const pq_value *args, uint32_t at,
                     pq_zone *out, bool *is_null) {
  pq_slice name;
  *out = (pq_zone){0};
  *is_null = false;
  if (e->args[at] == NULL) return PQ_OK;
  if (e->zone != NULL) {
    *out = *e->zone;
    return PQ_OK;
  }
  *is_null = pq_is_nullish(args[at]);
  if (*is_null) return PQ_OK;
  if (!pq_value_string(args[at], &name))
    return pq_fail_argument(e, s, args[at], "a string as timezone");
  return pq_zone_find(s->cx, name, out);
}

int pq_prepare_zone(pq_arena *arena, pq_expression *e, uint32_t at) {
  pq_slice name;
  if (e->args[at] == NULL || e->args[at]->kind != PQ_EXPR_CONSTANT ||
      !pq_value_string(e->args[at]->constant, &name))
    return PQ_OK;
  e->zone = pq_arena_calloc(arena, 1, sizeof *e->zone);
  return e->zone == NULL ? arena->cx->code : pq_zone_find(arena->cx, name, e->zone);
}

bool pq_date_local(const pq_zone *z, int64_t ms, int64_t *local) {
  return pq_add_i64(ms, pq_zone_at(z, pq_floor_div(ms, 1000)) * (int64_t)1000, local);
}

bool pq_date_instant(const pq_zone *z, int64_t local, int64_t *ms) {
  int64_t seconds = pq_floor_div(local, 1000);
  return pq_add_i64(local, (pq_zone_instant(z, seconds) - seconds) * 1000, ms);
}

bool pq_date_split(const pq_zone *z, int64_t ms, pq_date_parts *out) {
  int64_t local, rest;
  *out = (pq_date_parts){0};
  if (!pq_date_local(z, ms, &local)) return false;
  pq_civil_of(pq_floor_div(local, PQ_DAY_MS), &out->day);
  rest = pq_floor_mod(local, PQ_DAY_MS);
  out->hour = (int)(rest / PQ_HOUR_MS);
  out->minute = (int)(rest / 60000 % 60);
  out->second = (int)(rest / 1000 % 60);
  out->millisecond = (int)(rest % 1000);
  out->offset = pq_zone_at(z, pq_floor_div(ms, 1000));
  return true;
}

/* ---- parts ---- */

enum {
  YEAR,
  MONTH,
  DAY,
  HOUR,
  MINUTE,
  SECOND,
  MILLISECOND,
  WEEK_DAY,
  YEAR_DAY,
  WEEK,
  ISO_WEEK_DAY,
  ISO_WEEK,
  ISO_YEAR
};

static int64_t part_of(const pq_date_parts *d, int which) {
  int64_t iso_year;
  int iso_week;
  pq_iso_week_of(&d->day, &iso_year, &iso_week);
  switch (which) {
    case YEAR: return d->day.year;
    case MONTH: return d->day.month;
    case DAY: return d->day.day;
    case HOUR: return d->hour;
    case MINUTE: return d->minute;
    case SECOND: return d->second;
    case MILLISECOND: return d->millisecond;
    case WEEK_DAY: return d->day.week_day + 1;
    case YEAR_DAY: return d->day.year_day;
    case WEEK: return (d->day.year_day + 6 - d->day.week_day) / 7;
    case ISO_WEEK_DAY: return (d->day.week_day + 6) % 7 + 1;
    case ISO_WEEK: return iso_week;
    default: return iso_year;
  }
}

/* args: date, timezone */
static int eval_part(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_date_parts d;
  pq_zone zone;
  bool is_null;
  int64_t ms, part;
  PQ_TRY(pq_zone_argument(e, s, args, 1, &zone, &is_null));
  if (is_null || pq_is_nullish(args[0])) return pq_make_null(s, out);
  PQ_TRY(pq_date_argument(e, s, args[0], &ms));
  if (!pq_date_split(&zone, ms, &d)) return pq_fail_date(e, s);
  part = part_of(&d, e->op->variant);
  return e->op->variant == ISO_YEAR ? pq_make_i64(s, part, out)
                                    : pq_make_i32(s, (int32_t)part, out);
}

/* args: date, timezone, iso8601 */
static int eval_to_parts(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  static const struct {
    const char *name;
    int part;
  } forms[2][7] = {{{"year", YEAR},
                    {"month", MONTH},
                    {"day", DAY},
                    {"hour", HOUR},
                    {"minute", MINUTE},
                    {"second", SECOND},
                    {"millisecond", MILLISECOND}},
                   {{"isoWeekYear", ISO_YEAR},
                    {"isoWeek", ISO_WEEK},
                    {"isoDayOfWeek", ISO_WEEK_DAY},
                    {"hour", HOUR},
                    {"minute", MINUTE},
                    {"second", SECOND},
                    {"millisecond", MILLISECOND}}};
  pq_field fields[7];
  pq_date_parts d;
  pq_zone zone;
  bool is_null, is_iso = false;
  int64_t ms;
  PQ_TRY(pq_zone_argument(e, s, args, 1, &zone, &is_null));
  if (e->args[2] != NULL && pq_is_nullish(args[2])) is_null = true;
  if (e->args[2] != NULL && !is_null && !pq_value_bool(args[2], &is_iso))
    return pq_fail_argument(e, s, args[2], "a bool as iso8601");
  if (is_null || pq_is_nullish(args[0])) return pq_make_null(s, out);
  PQ_TRY(pq_date_argument(e, s, args[0], &ms));
  if (!pq_date_split(&zone, ms, &d)) return pq_fail_date(e, s);
  for (int i = 0; i < 7; i++) {
    fields[i].name = pq_str(forms[is_iso][i].name);
    PQ_TRY(pq_make_i32(s, (int32_t)part_of(&d, forms[is_iso][i].part), &fields[i].value));
  }
  return pq_make_object(s, fields, 7, out);
}

/* $tsSecond, $tsIncrement (variant: name of the number) */
static int eval_timestamp(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  static const char *const names[] = {"t", "i"};
  int64_t n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_type(args[0]) != PQ_TYPE_TIMESTAMP ||
      !pq_value_i64(
          pq_object_get_str(pq_object_get_str(args[0], "$timestamp"), names[e->op->variant]), &n))
    return pq_fail_argument(e, s, args[0], "a timestamp");
  return pq_make_i64(s, n, out);
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
    {"$week", 1, 2, false, "date timezone?", eval_part, WEEK},
    {"$isoDayOfWeek", 1, 2, false, "date timezone?", eval_part, ISO_WEEK_DAY},
    {"$isoWeek", 1, 2, false, "date timezone?", eval_part, ISO_WEEK},
    {"$isoWeekYear", 1, 2, false, "date timezone?", eval_part, ISO_YEAR},
    {"$dateToParts", 1, 3, false, "date timezone? iso8601?", eval_to_parts, 0},
    {"$dateToString", 1, 4, false, "date format? timezone? onNull?", pq_eval_date_to_string, 0},
    {"$dateFromString", 1, 5, false, "dateString format? timezone? onError? onNull?",
     pq_eval_date_from_string, 0},
    {"$dateFromParts", 1, 11, false,
     "year? month? day? hour? minute? second? millisecond? isoWeekYear? isoWeek? isoDayOfWeek? "
     "timezone?",
     pq_eval_date_from_parts, 0},
    {"$dateAdd", 3, 4, false, "startDate unit amount timezone?", pq_eval_date_add, 1},
    {"$dateSubtract", 3, 4, false, "startDate unit amount timezone?", pq_eval_date_add, -1},
    {"$dateDiff", 3, 5, false, "startDate endDate unit timezone? startOfWeek?", pq_eval_date_diff,
     0},
    {"$dateTrunc", 2, 5, false, "date unit binSize? timezone? startOfWeek?", pq_eval_date_trunc, 0},
    {"$tsSecond", 1, 1, false, NULL, eval_timestamp, 0},
    {"$tsIncrement", 1, 1, false, NULL, eval_timestamp, 1},
    {NULL, 0, 0, false, NULL, NULL, 0}};
