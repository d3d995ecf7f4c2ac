/* cmd/time_point.c - how a command says a moment: `asOf`, `from`, `to`.
 *
 *   "2026-03-01"  "2026-03-01T12:00:00Z"  {"$date": …}     an instant
 *   "now"  "now-90s"  "now-2h"  "now-7d"                   an instant, from the command's clock
 *   "seq:17"  {"seq": 17}                                  after the event with that number
 *   "01kjmma2g1000000000000000h"                           after the event with that id
 *
 * A whole number is milliseconds since 1970 in `asOf`, as JavaScript has them, and an event's
 * number in `from` and `to`, which are places in the log. Where it can only be the other it is
 * refused: nothing happened here in 1970, and no log has so many events.
 */
#include <string.h>

#include "base/text.h"
#include "cmd/command_int.h"
#include "log/event.h"

#define TEXT_ARGS(s) (int)((s).n > 40 ? 40 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* In milliseconds this is 1973. */
#define SEQ_NUMBER_MAX INT64_C(100000000000)

static bool parse_digits(pq_slice text, uint64_t *out) {
  *out = 0;
  if (text.n == 0 || text.n > 18) return false;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return false;
    *out = *out * 10 + (uint64_t)(text.p[i] - '0');
  }
  return true;
}

static pq_slice behind(pq_slice text, size_t n) {
  return (pq_slice){text.p + n, text.n - n};
}

static int64_t unit_us(uint8_t unit) {
  switch (unit) {
    case 's': return INT64_C(1000000);
    case 'm': return INT64_C(60000000);
    case 'h': return INT64_C(3600000000);
    case 'd': return INT64_C(86400000000);
    case 'w': return INT64_C(604800000000);
    default: return 0;
  }
}

/* "now", "now-90s". */
static bool parse_now(pq_slice text, int64_t now_us, int64_t *out) {
  uint64_t n;
  int64_t unit, back;
  *out = now_us;
  if (text.n < 3 || memcmp(text.p, "now", 3) != 0) return false;
  if (text.n == 3) return true;
  unit = unit_us(text.p[text.n - 1]);
  if (text.n < 6 || text.p[3] != '-' || unit == 0) return false;
  if (!parse_digits((pq_slice){text.p + 4, text.n - 5}, &n)) return false;
  return pq_mul_i64((int64_t)n, unit, &back) && pq_sub_i64(now_us, back, out);
}

static bool parse_text(pq_slice text, int64_t now_us, pq_as_of *out) {
  out->is_seq = true;
  if (text.n > 4 && memcmp(text.p, "seq:", 4) == 0) return parse_digits(behind(text, 4), &out->seq);
  if (pq_event_seq_of_ulid(text, &out->seq)) {
    out->ts = pq_event_ts_of_ulid(text);
    out->is_id = true;
    return true;
  }
  out->is_seq = false;
  return parse_now(text, now_us, &out->ts) || pq_time_parse(text, &out->ts);
}

static int refuse(pq_command *c, const char *name, pq_value v) {
  pq_slice text;
  if (!pq_value_string(v, &text)) text = (pq_slice){0};
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: option '%s' must be an ISO 8601 instant, \"now-2h\", \"seq:N\", or the id of "
                 "an event%s%.*s",
                 c->s.spec->name, name, text.n > 0 ? ", not " : "", TEXT_ARGS(text));
}

/* A number; of text too. */
static int take_number(pq_command *c, const char *name, bool is_place, int64_t i, pq_as_of *out) {
  if (!is_place && i > 0 && i < SEQ_NUMBER_MAX)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: option '%s' is milliseconds since 1970; %lld looks like the number of an "
                   "event: write \"seq:%lld\"",
                   c->s.spec->name, name, (long long)i, (long long)i);
  if (!is_place) {
    if (!pq_mul_i64(i, 1000, &out->ts)) return refuse(c, name, (pq_value){0});
    return PQ_OK;
  }
  if (i < 0) return refuse(c, name, (pq_value){0});
  if (i >= SEQ_NUMBER_MAX)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: option '%s' is the number of an event; %lld looks like milliseconds: write "
                   "{\"$date\": %lld}, or an ISO 8601 instant",
                   c->s.spec->name, name, (long long)i, (long long)i);
  out->is_seq = true;
  out->seq = (uint64_t)i;
  return PQ_OK;
}

int pq_parse_time_point(pq_command *c, const char *name, bool is_place, pq_value v, pq_as_of *out) {
  pq_as_of at = {.is_set = true, .name = name};
  pq_slice text;
  uint64_t digits;
  int64_t i;
  double d;
  *out = (pq_as_of){0};
  if (pq_value_date_us(v, &at.ts)) {
    *out = at;
    return PQ_OK;
  }
  if (pq_value_double(v, &d) && d >= -9e15 && d <= 9e15 && d == (double)(int64_t)d) {
    PQ_TRY(take_number(c, name, is_place, (int64_t)d, &at));
  } else if (pq_value_i64(v, &i)) {
    PQ_TRY(take_number(c, name, is_place, i, &at));
  } else if (pq_value_type(v) == PQ_TYPE_OBJECT && pq_value_count(v) == 1 &&
             pq_value_i64(pq_object_get_str(v, "seq"), &i) && i >= 0) {
    at.is_seq = true;
    at.seq = (uint64_t)i;
  } else if (!pq_value_string(v, &text)) {
    return refuse(c, name, v);
  } else if (parse_digits(text, &digits)) {
    PQ_TRY(take_number(c, name, is_place, (int64_t)digits, &at));
  } else if (!parse_text(text, c->op.now_us, &at)) {
    return refuse(c, name, v);
  }
  *out = at;
  return PQ_OK;
}
