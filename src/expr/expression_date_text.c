/* expr/expression_date_text.c - $dateToString and $dateFromString. See date_int.h.
 *
 *   2024-02-29T13:05:09.007Z ──"%d %b %Y, %H:%M %z"──► "29 Feb 2024, 13:05 +0000"
 */
#include <string.h>

#include "expr/date_int.h"

const char *const pq_month_names[12] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
const char *const pq_week_day_names[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};

size_t pq_name_prefix(pq_slice text, const char *const *names, int count, int *index) {
  for (*index = 0; *index < count; ++*index) {
    const char *name = names[*index];
    size_t n = 0;
    while (n < text.n && name[n] != '\0' && (text.p[n] | 0x20) == (uint8_t)(name[n] | 0x20))
      n++;
    if (name[n] == '\0') return n;
    if (n >= 3) return 3;
  }
  *index = 0;
  return 0;
}

static int put_sign_zone(pq_buf *b, int32_t offset) {
  int minutes = offset / 60;
  char sign = minutes < 0 ? '-' : '+';
  if (minutes < 0) minutes = -minutes;
  return pq_buf_printf(b, "%c%02d%02d", sign, minutes / 60, minutes % 60);
}

/* Append what % and `letter` stand for. *is_known: there is such a letter. tidy: long */
static int put_part(pq_buf *b, const pq_date_parts *d, uint8_t letter, bool *is_known) {
  int64_t iso_year;
  int iso_week;
  pq_iso_week_of(&d->day, &iso_year, &iso_week);
  *is_known = true;
  switch (letter) {
    case 'Y': return pq_buf_printf(b, "%04lld", (long long)d->day.year);
    case 'G': return pq_buf_printf(b, "%04lld", (long long)iso_year);
    case 'm': return pq_buf_printf(b, "%02d", d->day.month);
    case 'd': return pq_buf_printf(b, "%02d", d->day.day);
    case 'H': return pq_buf_printf(b, "%02d", d->hour);
    case 'M': return pq_buf_printf(b, "%02d", d->minute);
    case 'S': return pq_buf_printf(b, "%02d", d->second);
    case 'L': return pq_buf_printf(b, "%03d", d->millisecond);
    case 'j': return pq_buf_printf(b, "%03d", d->day.year_day);
    case 'w': return pq_buf_printf(b, "%d", d->day.week_day + 1);
    case 'u': return pq_buf_printf(b, "%d", (d->day.week_day + 6) % 7 + 1);
    case 'U': return pq_buf_printf(b, "%02d", (d->day.year_day + 6 - d->day.week_day) / 7);
    case 'V': return pq_buf_printf(b, "%02d", iso_week);
    case 'b': return pq_buf_printf(b, "%.3s", pq_month_names[d->day.month - 1]);
    case 'B': return pq_buf_put_str(b, pq_month_names[d->day.month - 1]);
    case 'z': return put_sign_zone(b, d->offset);
    case 'Z': return pq_buf_printf(b, "%d", (int)d->offset / 60);
    case '%': return pq_buf_put_byte(b, '%');
    default: *is_known = false; return PQ_OK;
  }
}

static int put_date(pq_eval *s, pq_buf *b, const pq_date_parts *d, pq_slice format) {
  bool is_known;
  for (size_t i = 0; i < format.n; i++) {
    if (format.p[i] != '%') {
      PQ_TRY(pq_buf_put_byte(b, format.p[i]));
      continue;
    }
    if (++i == format.n)
      return pq_fail(s->cx, PQ_EINVALID, "the format of '$dateToString' ends with '%%'");
    PQ_TRY(put_part(b, d, format.p[i], &is_known));
    if (!is_known)
      return pq_fail(s->cx, PQ_EINVALID, "unknown letter in the format '%.*s' of '$dateToString'",
                     PQ_SHOW(format));
  }
  return PQ_OK;
}

/* args: date, format, timezone, onNull */
int pq_eval_date_to_string(const pq_expression *e, pq_eval *s, const pq_value *args,
                           pq_value *out) {
  pq_slice format = PQ_SLICE("%Y-%m-%dT%H:%M:%S.%L");
  pq_date_parts d;
  pq_zone zone;
  pq_buf text;
  int64_t ms;
  bool is_null;
  int rc;
  if (e->args[1] != NULL && !pq_is_nullish(args[1]) && !pq_value_string(args[1], &format))
    return pq_fail_argument(e, s, args[1], "a string as format");
  PQ_TRY(pq_zone_argument(e, s, args, 2, &zone, &is_null));
  if (is_null || (e->args[1] != NULL && pq_is_nullish(args[1]))) return pq_make_null(s, out);
  if (pq_is_nullish(args[0])) {
    *out = args[3];
    return e->args[3] != NULL ? PQ_OK : pq_make_null(s, out);
  }
  PQ_TRY(pq_date_argument(e, s, args[0], &ms));
  if (!pq_date_split(&zone, ms, &d)) return pq_fail_date(e, s);
  if (d.day.year < 0 || d.day.year > 9999)
    return pq_fail(s->cx, PQ_EINVALID,
                   "operator '$dateToString' needs a year from 0 to 9999, not %lld",
                   (long long)d.day.year);
  if (e->args[1] == NULL && zone.times == NULL && zone.offset == 0)
    format = PQ_SLICE("%Y-%m-%dT%H:%M:%S.%LZ");
  pq_buf_init(&text, s->cx, s->cx->limits.doc_len_max);
  rc = put_date(s, &text, &d, format);
  if (rc == PQ_OK) rc = pq_make_text(s, pq_buf_slice(&text), out);
  pq_buf_release(&text);
  return rc;
}

/* args: dateString, format, timezone, onError, onNull */
int pq_eval_date_from_string(const pq_expression *e, pq_eval *s, const pq_value *args,
                             pq_value *out) {
  pq_slice text = {0}, format = {0};
  pq_zone zone;
  const char *why;
  int64_t ms = 0;
  bool is_null;
  PQ_TRY(pq_zone_argument(e, s, args, 2, &zone, &is_null));
  if (e->args[1] != NULL && !pq_is_nullish(args[1]) && !pq_value_string(args[1], &format))
    return pq_fail_argument(e, s, args[1], "a string as format");
  if (pq_is_nullish(args[0])) {
    *out = args[4];
    return e->args[4] != NULL ? PQ_OK : pq_make_null(s, out);
  }
  if (!pq_value_string(args[0], &text)) {
    *out = args[3];
    return e->args[3] != NULL ? PQ_OK : pq_fail_argument(e, s, args[0], "a string as dateString");
  }
  if (is_null || (e->args[1] != NULL && pq_is_nullish(args[1]))) return pq_make_null(s, out);
  why = pq_date_read(s->cx, text, e->args[1] == NULL ? NULL : &format,
                     e->args[2] == NULL ? NULL : &zone, &ms);
  if (why == NULL) return pq_make_date_ms(s, ms, out);
  *out = args[3];
  if (e->args[3] != NULL) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "operator '$dateFromString' cannot read '%.*s': %s",
                 PQ_SHOW(text), why);
}
