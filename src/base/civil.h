/* base/civil.h - days and the calendar: Gregorian, before 1582 too, for any year.
 *
 *   day 0 = 1970-01-01, a Thursday        … -1  0  1 …  ◄──►  year, month, day
 *
 * The idea (Howard Hinnant, "chrono-compatible low-level date algorithms"): years begin in March,
 * so that the leap day is the last one, and 400 of them are an era of 146,097 days, always. Pure
 * functions; days must be within a billion times a thousand, which all callers' types keep.
 */
#ifndef PQ_BASE_CIVIL_H
#define PQ_BASE_CIVIL_H

#include "base/base.h"

enum { PQ_ERA_DAYS = 146097 };

typedef struct pq_civil {
  int64_t year;
  int month;    /* 1 .. 12 */
  int day;      /* 1 .. 31 */
  int year_day; /* 1 .. 366 */
  int week_day; /* 0 = Sunday */
} pq_civil;

static inline int64_t pq_floor_div(int64_t a, int64_t b) { /* b > 0 */
  return a / b - (a % b < 0);
}
static inline int64_t pq_floor_mod(int64_t a, int64_t b) {
  return a % b < 0 ? a % b + b : a % b;
}

bool pq_is_leap_year(int64_t year);
int pq_days_of_month(int64_t year, int month);

/* The day number of a date; a month and a day beyond their ranges carry. */
int64_t pq_day_of(int64_t year, int64_t month, int64_t day);

void pq_civil_of(int64_t day, pq_civil *out);

/* ISO 8601: weeks begin on Mondays, week 1 holds the year's first Thursday. */
void pq_iso_week_of(const pq_civil *d, int64_t *year, int *week);
/* The Monday of week 1. */
int64_t pq_iso_year_start(int64_t year);

#endif
