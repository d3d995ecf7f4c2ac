/* base/civil.c - see civil.h. */
#include "base/civil.h"

bool pq_is_leap_year(int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int pq_days_of_month(int64_t year, int month) {
  static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && pq_is_leap_year(year));
}

int64_t pq_day_of(int64_t year, int64_t month, int64_t day) {
  int64_t era, year_of_era, day_of_year;
  year += pq_floor_div(month - 3, 12); /* of the years that begin in March */
  month = pq_floor_mod(month - 3, 12);
  era = pq_floor_div(year, 400);
  year_of_era = year - era * 400;
  day_of_year = (153 * month + 2) / 5;
  return era * PQ_ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year +
         day - 1 - 719468;
}

void pq_civil_of(int64_t day, pq_civil *out) {
  static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  int64_t shifted = day + 719468, era = pq_floor_div(shifted, PQ_ERA_DAYS);
  int64_t day_of_era = shifted - era * PQ_ERA_DAYS;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153;
  out->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
  out->month = (int)(month < 10 ? month + 3 : month - 9);
  out->year = year_of_era + era * 400 + (out->month <= 2);
  out->year_day =
      before_month[out->month - 1] + out->day + (out->month > 2 && pq_is_leap_year(out->year));
  out->week_day = (int)pq_floor_mod(day + 4, 7);
}

int64_t pq_iso_year_start(int64_t year) {
  int64_t fourth = pq_day_of(year, 1, 4);
  return fourth - pq_floor_mod(fourth + 3, 7); /* day 0 is a Thursday: -3 is a Monday */
}

void pq_iso_week_of(const pq_civil *d, int64_t *year, int *week) {
  int64_t day = pq_day_of(d->year, 1, 0) + d->year_day;
  *year = d->year + 1;
  while (day < pq_iso_year_start(*year)) /* at most twice */
    --*year;
  *week = (int)((day - pq_iso_year_start(*year)) / 7) + 1;
}
