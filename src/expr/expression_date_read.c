/* expr/expression_date_read.c - text as dates: by a format, or in one of the usual forms.
 *
 *   2024-02-29   20240229   2024/2/29   29.2.2024   2/29/2024   2024-060   2024-W09-4
 *   29-Feb-2024   29 February 2024   Feb 29th, 2024   2024-Feb-29   Thu, 29 Feb 2024
 *        then  T13:05   13:05:09.007   1pm   1:05 pm   130509   noon   midnight
 *        then  Z   +02:00   +0200   +2   UTC   GMT+2   EST …   Europe/Berlin
 *
 * What is read goes into numbered parts; together they must name a day. Two digits are never a
 * year. MongoDB reads more than this (its library knows "tomorrow"); we refuse the rest.
 */
#include <string.h>

#include "expr/date_int.h"

enum { YEAR, MONTH, DAY, YEAR_DAY, ISO_YEAR, ISO_WEEK, ISO_DAY, HOUR, MINUTE, SECOND, MS };
enum { PART_COUNT = MS + 1 };

typedef struct reading {
  pq_cx *cx;
  pq_slice text;
  size_t at;
  int part[PART_COUNT];
  bool has[PART_COUNT];
  bool has_zone;
  pq_zone zone;
} reading;

/* ---- pieces ---- */

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}

static uint8_t peek(const reading *r) {
  return r->at < r->text.n ? r->text.p[r->at] : 0;
}

static pq_slice rest(const reading *r) {
  return (pq_slice){r->text.p + r->at, r->text.n - r->at};
}

static bool accept(reading *r, char c) {
  if (r->at >= r->text.n || peek(r) != (uint8_t)c) return false;
  r->at++;
  return true;
}

static void skip_blanks(reading *r) {
  while (peek(r) == ' ' || peek(r) == '\t')
    r->at++;
}

/* A number of `low` to `high` digits; more are left there. */
static bool number(reading *r, int low, int high, int *out) {
  int n = 0;
  for (*out = 0; n < high && is_digit(peek(r)); n++)
    *out = *out * 10 + (r->text.p[r->at++] - '0');
  return n >= low;
}

static void set(reading *r, int part, int v) {
  r->part[part] = v;
  r->has[part] = true;
}

static bool read_into(reading *r, int part, int low, int high) {
  int v;
  if (!number(r, low, high, &v)) return false;
  set(r, part, v);
  return true;
}

/* Digits of a fraction of a second; those behind the third are dropped. */
static bool read_fraction(reading *r, int high) {
  int ms = 0, n = 0;
  for (; n < high && is_digit(peek(r)); n++, r->at++)
    if (n < 3) ms = ms * 10 + (peek(r) - '0');
  for (int i = n; i < 3; i++)
    ms *= 10;
  set(r, MS, ms);
  return n > 0;
}

static bool read_month_name(reading *r) {
  int index;
  size_t n = pq_name_prefix(rest(r), pq_month_names, 12, &index);
  r->at += n;
  if (n > 0) set(r, MONTH, index + 1);
  return n > 0;
}

/* In any case; a letter must not follow. */
static bool word(reading *r, const char *text) {
  size_t n = strlen(text);
  if (r->text.n - r->at < n) return false;
  for (size_t i = 0; i < n; i++)
    if ((r->text.p[r->at + i] | 0x20) != (uint8_t)text[i]) return false;
  if (r->at + n < r->text.n && (r->text.p[r->at + n] | 0x20) >= 'a' &&
      (r->text.p[r->at + n] | 0x20) <= 'z')
    return false;
  r->at += n;
  return true;
}

/* ---- zones ---- */

/* [+-]h, hh, hmm, hhmm, hh:mm */
static bool read_offset(reading *r) {
  bool is_west = peek(r) == '-';
  size_t start = ++r->at;
  int n, minutes = 0;
  if (!number(r, 1, 4, &n)) return false;
  if (r->at - start > 2) {
    minutes = n % 100;
    n /= 100;
  } else if (accept(r, ':') && !number(r, 2, 2, &minutes)) {
    return false;
  }
  if (minutes > 59) return false;
  r->zone.offset = (n * 60 + minutes) * (is_west ? -60 : 60);
  return true;
}

static bool read_zone(reading *r) {
  static const struct {
    const char *name;
    int hours;
  } short_names[] = {{"z", 0},    {"utc", 0},  {"gmt", 0},  {"est", -5}, {"edt", -4}, {"cst", -6},
                     {"cdt", -5}, {"mst", -7}, {"mdt", -6}, {"pst", -8}, {"pdt", -7}, {"wet", 0},
                     {"west", 1}, {"bst", 1},  {"cet", 1},  {"cest", 2}, {"eet", 2},  {"eest", 3},
                     {"msk", 3},  {"jst", 9},  {"ut", 0}};
  size_t from = r->at;
  pq_slice name, tzif;
  r->zone = (pq_zone){0};
  r->has_zone = true;
  if (peek(r) == '+' || peek(r) == '-') return read_offset(r);
  for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++) {
    if (!word(r, short_names[i].name)) continue;
    r->zone.offset = short_names[i].hours * 3600;
    if (i == 1 || i == 2) return (peek(r) != '+' && peek(r) != '-') || read_offset(r);
    return true;
  }
  while (r->at < r->text.n && peek(r) > ' ' && peek(r) != ')')
    r->at++;
  name = (pq_slice){r->text.p + from, r->at - from};
  return pq_zone_name_is_valid(name) && r->cx->zone != NULL &&
         r->cx->zone(r->cx->zone_ud, name, &tzif) == PQ_OK && pq_zone_read(tzif, &r->zone);
}

/* ---- by a format ---- */

/* What % and `letter` stand for. tidy: long */
static const char *read_letter(reading *r, uint8_t letter) {
  bool is_good, is_west;
  int n = 0;
  switch (letter) {
    case 'Y': is_good = read_into(r, YEAR, 1, 4); break;
    case 'G': is_good = read_into(r, ISO_YEAR, 1, 4); break;
    case 'm': is_good = read_into(r, MONTH, 1, 2); break;
    case 'b':
    case 'B': is_good = read_month_name(r); break;
    case 'd': is_good = read_into(r, DAY, 1, 2); break;
    case 'j': is_good = read_into(r, YEAR_DAY, 1, 3); break;
    case 'V': is_good = read_into(r, ISO_WEEK, 1, 2); break;
    case 'u': is_good = read_into(r, ISO_DAY, 1, 1); break;
    case 'H': is_good = read_into(r, HOUR, 1, 2); break;
    case 'M': is_good = read_into(r, MINUTE, 1, 2); break;
    case 'S': is_good = read_into(r, SECOND, 1, 2); break;
    case 'L': is_good = read_fraction(r, 3); break;
    case 'z': is_good = read_zone(r); break;
    case 'Z':
      is_west = accept(r, '-');
      if (!is_west) (void)accept(r, '+');
      is_good = number(r, 1, 4, &n);
      r->zone = (pq_zone){.offset = is_west ? -n * 60 : n * 60};
      r->has_zone = true;
      break;
    case '%': is_good = accept(r, '%'); break;
    default: return "the format has an unknown letter";
  }
  return is_good ? NULL : "it does not fit the format";
}

static const char *read_format(reading *r, pq_slice format) {
  const char *why;
  for (size_t i = 0; i < format.n; i++) {
    if (format.p[i] != '%') {
      if (!accept(r, (char)format.p[i])) return "it does not fit the format";
      continue;
    }
    if (++i == format.n) return "the format ends with '%'";
    why = read_letter(r, format.p[i]);
    if (why != NULL) return why;
  }
  return r->at == r->text.n ? NULL : "it goes on behind the format";
}

/* ---- the usual forms ---- */

static void skip_ordinal(reading *r) {
  (void)(word(r, "st") || word(r, "nd") || word(r, "rd") || word(r, "th"));
}

/* Between the parts of a date with a month's name. */
static void skip_separators(reading *r) {
  while (peek(r) == ' ' || peek(r) == '-' || peek(r) == '.' || peek(r) == ',' || peek(r) == '/')
    r->at++;
}

/* Behind four digits of a year. */
static bool read_year_first(reading *r, int year) {
  size_t from;
  int n;
  char mark = (char)peek(r);
  set(r, YEAR, year);
  if (is_digit(peek(r))) return read_into(r, MONTH, 2, 2) && read_into(r, DAY, 2, 2);
  if (mark != '-' && mark != '/' && mark != '.') return false;
  r->at++;
  if (mark == '-' && (accept(r, 'W') || accept(r, 'w'))) {
    r->has[YEAR] = false;
    set(r, ISO_YEAR, year);
    return read_into(r, ISO_WEEK, 2, 2) && (!accept(r, '-') || read_into(r, ISO_DAY, 1, 1));
  }
  if (read_month_name(r)) return accept(r, mark) && read_into(r, DAY, 1, 2);
  from = r->at;
  if (!number(r, 1, 3, &n)) return false;
  if (r->at - from == 3) {
    set(r, YEAR_DAY, n);
    return true;
  }
  set(r, MONTH, n);
  return accept(r, mark) && read_into(r, DAY, 1, 2);
}

/* Behind one or two digits: a month in front of '/', else a day. */
static bool read_day_first(reading *r, int n) {
  skip_ordinal(r);
  if (accept(r, '/')) {
    set(r, MONTH, n);
    return read_into(r, DAY, 1, 2) && accept(r, '/') && read_into(r, YEAR, 4, 4);
  }
  set(r, DAY, n);
  skip_separators(r);
  if (is_digit(peek(r)))
    return read_into(r, MONTH, 1, 2) && (accept(r, '.') || accept(r, '-')) &&
           read_into(r, YEAR, 4, 4);
  if (!read_month_name(r)) return false;
  skip_separators(r);
  return read_into(r, YEAR, 4, 4);
}

static bool read_day(reading *r) {
  int n;
  size_t from;
  from = pq_name_prefix(rest(r), pq_week_day_names, 7, &n);
  if (from > 0) {
    r->at += from;
    skip_separators(r);
  }
  if (read_month_name(r)) {
    skip_separators(r);
    if (!read_into(r, DAY, 1, 2)) return false;
    skip_ordinal(r);
    skip_separators(r);
    return read_into(r, YEAR, 4, 4);
  }
  from = r->at;
  if (!number(r, 1, 4, &n)) return false;
  if (r->at - from == 4) return read_year_first(r, n);
  return r->at - from <= 2 && read_day_first(r, n);
}

static bool read_half_day(reading *r) {
  bool is_pm;
  size_t from = r->at;
  skip_blanks(r);
  is_pm = word(r, "pm");
  if (!is_pm && !word(r, "am")) {
    r->at = from;
    return true;
  }
  if (r->part[HOUR] < 1 || r->part[HOUR] > 12) return false;
  r->part[HOUR] = r->part[HOUR] % 12 + (is_pm ? 12 : 0);
  return true;
}

static bool read_clock(reading *r) {
  size_t from = r->at;
  if (word(r, "noon")) return set(r, HOUR, 12), true;
  if (word(r, "midnight")) return set(r, HOUR, 0), true;
  if (!read_into(r, HOUR, 1, 2)) return false;
  if (r->at - from == 2 && is_digit(peek(r))) { /* hhmm, hhmmss */
    if (!read_into(r, MINUTE, 2, 2)) return false;
    if (is_digit(peek(r)) && !read_into(r, SECOND, 2, 2)) return false;
  } else if (accept(r, ':')) {
    if (!read_into(r, MINUTE, 2, 2)) return false;
    if (accept(r, ':') && !read_into(r, SECOND, 2, 2)) return false;
  } else {
    skip_blanks(r);
    from = r->at;
    return read_half_day(r) && r->at > from;
  }
  if (r->has[SECOND] && (accept(r, '.') || accept(r, ','))) return read_fraction(r, 9);
  return read_half_day(r);
}

static const char *read_usual(reading *r) {
  static const char no[] = "it has none of the forms that are known";
  skip_blanks(r);
  if (!read_day(r)) return no;
  if (accept(r, 'T') || accept(r, 't') || peek(r) == ' ' || peek(r) == ',') {
    (void)accept(r, ',');
    skip_blanks(r);
    if (r->at < r->text.n && (is_digit(peek(r)) || peek(r) == 'n' || peek(r) == 'm') &&
        !read_clock(r))
      return no;
  }
  skip_blanks(r);
  if (r->at < r->text.n && !read_zone(r)) return no;
  skip_blanks(r);
  return r->at == r->text.n ? NULL : no;
}

/* ---- the parts together ---- */

static bool in_range(const reading *r, int part, int low, int high) {
  return !r->has[part] || (r->part[part] >= low && r->part[part] <= high);
}

static const char *day_of(const reading *r, int64_t *day) {
  static const char wrong[] = "there is no such day";
  bool is_iso = r->has[ISO_YEAR] || r->has[ISO_WEEK] || r->has[ISO_DAY];
  bool is_civil = r->has[YEAR] || r->has[MONTH] || r->has[DAY] || r->has[YEAR_DAY];
  int year = r->part[YEAR];
  if (is_iso && is_civil) return "it mixes ISO weeks with months and days";
  if (!in_range(r, MONTH, 1, 12) || !in_range(r, YEAR_DAY, 1, 366) ||
      !in_range(r, ISO_WEEK, 1, 53) || !in_range(r, ISO_DAY, 1, 7))
    return wrong;
  if (r->has[ISO_YEAR]) {
    *day = pq_iso_year_start(r->part[ISO_YEAR]) +
           (r->has[ISO_WEEK] ? r->part[ISO_WEEK] - 1 : 0) * 7 +
           (r->has[ISO_DAY] ? r->part[ISO_DAY] - 1 : 0);
    return NULL;
  }
  if (!r->has[YEAR] || (!r->has[YEAR_DAY] && (!r->has[MONTH] || !r->has[DAY])))
    return "it names no whole date";
  if (r->has[YEAR_DAY]) {
    if (r->part[YEAR_DAY] == 366 && !pq_is_leap_year(year)) return wrong;
    *day = pq_day_of(year, 1, r->part[YEAR_DAY]);
    return NULL;
  }
  if (!in_range(r, DAY, 1, pq_days_of_month(year, r->part[MONTH]))) return wrong;
  *day = pq_day_of(year, r->part[MONTH], r->part[DAY]);
  return NULL;
}

const char *pq_date_read(pq_cx *cx, pq_slice text, const pq_slice *format, const pq_zone *zone,
                         int64_t *ms) {
  reading r = {.cx = cx, .text = text};
  const char *why = format != NULL ? read_format(&r, *format) : read_usual(&r);
  int64_t day = 0, local;
  *ms = 0;
  if (why == NULL) why = day_of(&r, &day);
  if (why != NULL) return why;
  if (!in_range(&r, HOUR, 0, 23) || !in_range(&r, MINUTE, 0, 59) || !in_range(&r, SECOND, 0, 59))
    return "there is no such time of day";
  if (r.has_zone && zone != NULL) return "it has a time zone, and another one is given";
  local = day * PQ_DAY_MS + r.part[HOUR] * (int64_t)PQ_HOUR_MS + r.part[MINUTE] * 60000 +
          r.part[SECOND] * 1000 + r.part[MS];
  return pq_date_instant(zone != NULL ? zone : &r.zone, local, ms) ? NULL : "it is out of range";
}

bool pq_date_parse(pq_cx *cx, pq_slice text, int64_t *ms) {
  return pq_date_read(cx, text, NULL, NULL, ms) == NULL;
}
