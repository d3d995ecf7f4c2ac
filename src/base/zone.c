/* base/zone.c - see zone.h. */
#include "base/zone.h"

#include <string.h>

#include "base/buf.h"
#include "base/civil.h"

enum {
  HEADER_LEN = 44,
  TYPE_LEN = 6,
  DAY_S = 86400,
  OFFSET_MAX = 26 * 3600, /* RFC 8536, 3.2 */
  RULE_HOURS_MAX = 167
};

static uint32_t be32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t time_at(const pq_zone *z, uint32_t i) {
  const uint8_t *p = z->times + (size_t)i * z->time_len;
  if (z->time_len == 4) return (int32_t)be32(p);
  return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static int32_t type_offset(const pq_zone *z, uint32_t type) {
  return (int32_t)be32(z->types + (size_t)type * TYPE_LEN);
}

/* ---- names and fixed offsets ---- */

bool pq_zone_name_is_valid(pq_slice name) {
  uint8_t before = '/';
  if (name.n == 0 || name.n > 64) return false;
  for (size_t i = 0; i < name.n; i++) {
    uint8_t c = name.p[i], lower = c | 0x20;
    bool is_word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '+' || c == '-';
    if (!is_word && (c != '/' || before == '/')) return false;
    before = c;
  }
  return before != '/';
}

static bool two_digits(const uint8_t *p, int max, int *out) {
  if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') return false;
  *out = (p[0] - '0') * 10 + p[1] - '0';
  return *out <= max;
}

bool pq_zone_of_offset(pq_slice text, pq_zone *out) {
  int hours, minutes = 0;
  *out = (pq_zone){0};
  if (pq_slice_is(text, "Z") || pq_slice_is(text, "UTC") || pq_slice_is(text, "GMT")) return true;
  if (text.n != 3 && text.n != 5 && text.n != 6) return false;
  if (text.p[0] != '+' && text.p[0] != '-') return false;
  if (!two_digits(text.p + 1, 99, &hours)) return false;
  if (text.n == 6 && text.p[3] != ':') return false;
  if (text.n > 3 && !two_digits(text.p + text.n - 2, 59, &minutes)) return false;
  out->offset = (hours * 60 + minutes) * (text.p[0] == '-' ? -60 : 60);
  return true;
}

/* ---- the TZ string: EST5EDT,M3.2.0,M11.1.0 ---- */

typedef struct cursor {
  const uint8_t *p, *end;
} cursor;

static bool accept(cursor *c, char letter) {
  if (c->p == c->end || *c->p != (uint8_t)letter) return false;
  c->p++;
  return true;
}

static bool read_number(cursor *c, int max, int *out) {
  const uint8_t *start = c->p;
  for (*out = 0; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
    *out = *out * 10 + (*c->p - '0');
    if (*out > max) return false;
  }
  return c->p > start;
}

/* Letters, or anything in <>. */
static bool skip_name(cursor *c) {
  const uint8_t *start = c->p;
  if (accept(c, '<')) {
    while (c->p < c->end && *c->p != '>')
      c->p++;
    return accept(c, '>');
  }
  while (c->p < c->end && (*c->p | 0x20) >= 'a' && (*c->p | 0x20) <= 'z')
    c->p++;
  return c->p - start >= 3;
}

/* [+-]hh[:mm[:ss]] as seconds */
static bool read_time(cursor *c, int hours_max, int32_t *out) {
  int h, m = 0, s = 0;
  bool is_negative = accept(c, '-');
  if (!is_negative) (void)accept(c, '+');
  if (!read_number(c, hours_max, &h)) return false;
  if (accept(c, ':')) {
    if (!read_number(c, 59, &m)) return false;
    if (accept(c, ':') && !read_number(c, 59, &s)) return false;
  }
  *out = h * 3600 + m * 60 + s;
  if (is_negative) *out = -*out;
  return true;
}

static bool read_rule(cursor *c, pq_zone_rule *r) {
  *r = (pq_zone_rule){.kind = 'D', .time = 7200};
  if (!accept(c, ',')) return false;
  if (accept(c, 'M')) {
    r->kind = 'M';
    if (!read_number(c, 12, &r->month) || r->month == 0 || !accept(c, '.')) return false;
    if (!read_number(c, 5, &r->week) || r->week == 0 || !accept(c, '.')) return false;
    if (!read_number(c, 6, &r->day)) return false;
  } else {
    if (accept(c, 'J')) r->kind = 'J';
    if (!read_number(c, 365, &r->day) || (r->kind == 'J' && r->day == 0)) return false;
  }
  return !accept(c, '/') || read_time(c, RULE_HOURS_MAX, &r->time);
}

static bool read_posix(pq_slice text, pq_zone *z) {
  cursor c;
  int32_t west;
  if (text.n == 0) return true; /* unknown: as after the last change */
  c = (cursor){text.p, text.p + text.n};
  if (!skip_name(&c) || !read_time(&c, 24, &west)) return false;
  z->offset = -west;
  if (c.p == c.end) return true;
  if (!skip_name(&c)) return false;
  z->dst_offset = z->offset + 3600;
  if (c.p < c.end && *c.p != ',') {
    if (!read_time(&c, 24, &west)) return false;
    z->dst_offset = -west;
  }
  z->has_rule = true;
  return read_rule(&c, &z->dst_start) && read_rule(&c, &z->dst_end) && c.p == c.end;
}

/* ---- TZif ---- */

typedef struct block {
  uint32_t utc_count, std_count, leap_count, time_count, type_count, name_len;
  uint8_t version;
} block;

static bool read_header(pq_reader *r, block *b) {
  pq_slice head;
  if (!pq_read_bytes(r, HEADER_LEN, &head) || memcmp(head.p, "TZif", 4) != 0) return false;
  b->version = head.p[4];
  b->utc_count = be32(head.p + 20);
  b->std_count = be32(head.p + 24);
  b->leap_count = be32(head.p + 28);
  b->time_count = be32(head.p + 32);
  b->type_count = be32(head.p + 36);
  b->name_len = be32(head.p + 40);
  return b->type_count >= 1 && b->type_count <= 256 && b->time_count <= UINT16_MAX &&
         b->leap_count <= UINT16_MAX && b->name_len <= UINT16_MAX && b->utc_count <= 256 &&
         b->std_count <= 256;
}

static bool skip(pq_reader *r, size_t len) {
  pq_slice out;
  return pq_read_bytes(r, len, &out);
}

static bool read_block(pq_reader *r, const block *b, uint32_t time_len, pq_zone *z) {
  pq_slice times, indexes, types;
  if (!pq_read_bytes(r, (size_t)b->time_count * time_len, &times)) return false;
  if (!pq_read_bytes(r, b->time_count, &indexes)) return false;
  if (!pq_read_bytes(r, (size_t)b->type_count * TYPE_LEN, &types)) return false;
  *z = (pq_zone){.times = times.p,
                 .indexes = indexes.p,
                 .types = types.p,
                 .time_count = b->time_count,
                 .time_len = time_len};
  return skip(r, (size_t)b->name_len + (size_t)b->leap_count * (time_len + 4) + b->std_count +
                     b->utc_count);
}

static bool is_consistent(const pq_zone *z, const block *b) {
  if (b->leap_count > 0) return false;
  for (uint32_t i = 0; i < b->type_count; i++)
    if (type_offset(z, i) > OFFSET_MAX || type_offset(z, i) < -OFFSET_MAX) return false;
  for (uint32_t i = 0; i < z->time_count; i++) {
    if (z->indexes[i] >= b->type_count) return false;
    if (i > 0 && time_at(z, i) <= time_at(z, i - 1)) return false;
  }
  return true;
}

bool pq_zone_read(pq_slice tzif, pq_zone *out) {
  pq_reader r = pq_reader_of(tzif);
  pq_zone z = {0};
  pq_slice footer = {0};
  block b;
  *out = (pq_zone){0};
  if (!read_header(&r, &b) || !read_block(&r, &b, 4, &z)) return false;
  if (b.version >= '2') {
    if (!read_header(&r, &b) || !read_block(&r, &b, 8, &z)) return false;
    if (pq_reader_left(&r) < 2 || r.p[0] != '\n' || r.end[-1] != '\n') return false;
    footer = (pq_slice){r.p + 1, pq_reader_left(&r) - 2};
  }
  if (!is_consistent(&z, &b)) return false;
  z.offset = type_offset(&z, z.time_count == 0 ? 0 : z.indexes[z.time_count - 1]);
  if (!read_posix(footer, &z)) return false;
  *out = z;
  return true;
}

/* ---- answers ---- */

/* Seconds since 1970 of a change in `year`, as local time. */
static int64_t change_of(const pq_zone_rule *r, int64_t year) {
  int64_t day, first;
  if (r->kind == 'J') {
    day = pq_day_of(year, 1, r->day) + (r->day > 59 && pq_is_leap_year(year));
  } else if (r->kind == 'D') {
    day = pq_day_of(year, 1, 1) + r->day;
  } else {
    first = pq_day_of(year, r->month, 1);
    day = first + pq_floor_mod(r->day - (first + 4), 7) + (r->week - 1) * 7;
    if (day >= first + pq_days_of_month(year, r->month)) day -= 7;
  }
  return day * DAY_S + r->time;
}

static int32_t offset_by_rule(const pq_zone *z, int64_t instant) {
  pq_civil d;
  int64_t start, end;
  bool is_dst;
  pq_civil_of(pq_floor_div(instant + z->offset, DAY_S), &d);
  start = change_of(&z->dst_start, d.year) - z->offset;
  end = change_of(&z->dst_end, d.year) - z->dst_offset;
  is_dst = start < end ? instant >= start && instant < end : instant >= start || instant < end;
  return is_dst ? z->dst_offset : z->offset;
}

int32_t pq_zone_at(const pq_zone *z, int64_t instant) {
  uint32_t from = 0, to = z->time_count;
  if (z->times == NULL) return z->offset;
  while (from < to) { /* the first change after the instant */
    uint32_t middle = from + (to - from) / 2;
    if (time_at(z, middle) <= instant)
      from = middle + 1;
    else
      to = middle;
  }
  if (from < z->time_count) return type_offset(z, from == 0 ? 0 : z->indexes[from - 1]);
  return z->has_rule ? offset_by_rule(z, instant) : z->offset;
}

int64_t pq_zone_instant(const pq_zone *z, int64_t local) {
  int32_t before = pq_zone_at(z, local - OFFSET_MAX), after = pq_zone_at(z, local + OFFSET_MAX);
  if (before == after || pq_zone_at(z, local - before) == before) return local - before;
  return pq_zone_at(z, local - after) == after ? local - after : local - before;
}
