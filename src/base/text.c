/* base/text.c - see text.h. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_LEN_MAX = 40, NEAREST_MAX = 3 };

/* The number of bytes of the sequence that starts at p, 0 when it is malformed. */
static size_t utf8_len(const uint8_t *p, size_t left) {
  uint8_t c = p[0], lo = 0x80, hi = 0xbf;
  size_t n;
  if (c < 0x80) return 1;
  if (c < 0xc2 || c > 0xf4) return 0;
  n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  if (n > left) return 0;
  if (c == 0xe0) lo = 0xa0;
  if (c == 0xed) hi = 0x9f;
  if (c == 0xf0) lo = 0x90;
  if (c == 0xf4) hi = 0x8f;
  if (p[1] < lo || p[1] > hi) return 0;
  for (size_t i = 2; i < n; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  return n;
}

/* Are all of these fewer than eight bytes ASCII? */
static inline bool is_ascii_tail(const uint8_t *p, size_t n) {
  uint8_t all = 0;
  for (size_t i = 0; i < n; i++)
    all |= p[i];
  return all < 0x80;
}

bool pq_utf8_is_valid(pq_slice s) {
  size_t i = 0;
  while (i < s.n) {
    uint64_t word;
    size_t n;
    if (s.n - i >= 8) { /* eight ASCII bytes at a time */
      memcpy(&word, s.p + i, 8);
      if ((word & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    } else if (is_ascii_tail(s.p + i, s.n - i)) {
      return true;
    }
    n = utf8_len(s.p + i, s.n - i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

size_t pq_utf8_prefix(pq_slice s, size_t n) {
  if (n >= s.n) return s.n;
  while (n > 0 && (s.p[n] & 0xc0) == 0x80)
    n--;
  return n;
}

void pq_ulid(uint64_t ms, const uint8_t rnd[10], char out[PQ_ULID_LEN + 1]) {
  static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
  /* 130 bits: two zero bits, 48 of time, 80 random, MSB first; 13 digits end at bit 65 */
  uint64_t high = ms << 16 | (uint64_t)rnd[0] << 8 | rnd[1], low = 0;
  for (int i = 2; i < 10; i++)
    low = low << 8 | rnd[i];
  for (int i = 0; i < 12; i++)
    out[25 - i] = digits[low >> (5 * i) & 31];
  out[13] = digits[(high << 4 | low >> 60) & 31];
  for (int i = 0; i < 13; i++)
    out[12 - i] = digits[high >> (5 * i + 1) & 31];
  out[PQ_ULID_LEN] = '\0';
}

void pq_ulid_next(uint8_t rnd[10]) {
  for (int i = 9; i >= 0; i--)
    if (++rnd[i] != 0) return;
}

/* Civil date from days since 1970 (Howard Hinnant's algorithm, public domain). */
static void civil(int64_t day, int64_t *y, int *m, int *d) {
  int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  *d = (int)(doy - (153 * mp + 2) / 5 + 1);
  *m = (int)(mp < 10 ? mp + 3 : mp - 9);
  *y = yoe + era * 400 + (*m <= 2);
}

static int64_t days_of(int64_t y, int m, int d) {
  int64_t era, yoe, doy;
  y -= m <= 2;
  era = (y >= 0 ? y : y - 399) / 400;
  yoe = y - era * 400;
  doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

void pq_day_print(int64_t day, char out[PQ_DAY_CAP]) {
  int64_t y;
  int m, d;
  if (day < -719528 || day > 2932896) { /* outside 0000-9999 */
    snprintf(out, PQ_DAY_CAP, "%s", day < 0 ? "0000-01-01" : "9999-12-31");
    return;
  }
  civil(day, &y, &m, &d);
  snprintf(out, PQ_DAY_CAP, "%04d-%02d-%02d", (int)y, m, d);
}

/* `v` as exactly `n` digits. */
static char *put_digits(char *p, int v, int n) {
  for (int i = n - 1; i >= 0; i--, v /= 10)
    p[i] = (char)('0' + v % 10);
  return p + n;
}

void pq_time_print(int64_t us, char out[PQ_TIME_CAP]) {
  int64_t day = floor_div(us, 86400000000), in_day = us - day * 86400000000, year;
  int sec = (int)(in_day / 1000000), frac = (int)(in_day % 1000000), month, mday;
  char *p = out;
  if (day < -719528 || day > 2932896) {
    snprintf(out, PQ_TIME_CAP, "%lld", (long long)us);
    return;
  }
  civil(day, &year, &month, &mday);
  p = put_digits(p, (int)year, 4);
  *p++ = '-';
  p = put_digits(p, month, 2);
  *p++ = '-';
  p = put_digits(p, mday, 2);
  *p++ = 'T';
  p = put_digits(p, sec / 3600, 2);
  *p++ = ':';
  p = put_digits(p, sec / 60 % 60, 2);
  *p++ = ':';
  p = put_digits(p, sec % 60, 2);
  if (frac != 0) *p++ = '.';
  if (frac % 1000 != 0)
    p = put_digits(p, frac, 6);
  else if (frac != 0)
    p = put_digits(p, frac / 1000, 3);
  *p++ = 'Z';
  *p = '\0';
}

/* Read `n` digits at *at. */
static bool digits(pq_slice s, size_t *at, size_t n, int *out) {
  *out = 0;
  if (*at > s.n || n > s.n - *at) return false;
  for (size_t i = 0; i < n; i++) {
    uint8_t c = s.p[*at + i];
    if (c < '0' || c > '9') return false;
    *out = *out * 10 + (c - '0');
  }
  *at += n;
  return true;
}

static bool accept(pq_slice s, size_t *at, char c) {
  if (*at >= s.n || s.p[*at] != (uint8_t)c) return false;
  (*at)++;
  return true;
}

static bool parse_fraction(pq_slice s, size_t *at, int64_t *us) {
  int64_t unit = 100000;
  size_t start = *at;
  while (*at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9') {
    *us += (s.p[*at] - '0') * unit;
    unit /= 10;
    (*at)++;
  }
  return *at > start && *at - start <= 9;
}

static bool parse_zone(pq_slice s, size_t *at, int64_t *us) {
  int h, m, sign;
  if (*at == s.n || accept(s, at, 'Z') || accept(s, at, 'z')) return *at == s.n;
  if (s.p[*at] != '+' && s.p[*at] != '-') return false;
  sign = s.p[(*at)++] == '+' ? 1 : -1;
  if (!digits(s, at, 2, &h)) return false;
  accept(s, at, ':');
  if (!digits(s, at, 2, &m) || h > 23 || m > 59) return false;
  *us -= sign * (h * 60 + m) * (int64_t)60000000;
  return *at == s.n;
}

static bool parse_millis(pq_slice s, int64_t *us) {
  bool is_negative = s.n > 0 && s.p[0] == '-';
  int64_t v = 0;
  if (s.n == (size_t)is_negative || s.n - is_negative > 15) return false;
  for (size_t i = is_negative; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9') return false;
    v = v * 10 + (s.p[i] - '0');
  }
  *us = (is_negative ? -v : v) * 1000;
  return true;
}

bool pq_time_parse(pq_slice s, int64_t *us) {
  static const int days_in[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  size_t at = 0;
  int y, m, d, h = 0, min = 0, sec = 0;
  bool is_leap;
  *us = 0;
  if (parse_millis(s, us)) return true;
  *us = 0;
  if (!digits(s, &at, 4, &y) || !accept(s, &at, '-') || !digits(s, &at, 2, &m) ||
      !accept(s, &at, '-') || !digits(s, &at, 2, &d))
    return false;
  is_leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
  if (m < 1 || m > 12 || d < 1 || d > days_in[m - 1] || (m == 2 && d == 29 && !is_leap))
    return false;
  *us = days_of(y, m, d) * 86400000000;
  if (at == s.n) return true;
  if (!accept(s, &at, 'T') && !accept(s, &at, 't') && !accept(s, &at, ' ')) return false;
  if (!digits(s, &at, 2, &h) || !accept(s, &at, ':') || !digits(s, &at, 2, &min)) return false;
  if (accept(s, &at, ':') && !digits(s, &at, 2, &sec)) return false;
  if (h > 23 || min > 59 || sec > 59) return false;
  *us += ((int64_t)h * 3600 + min * 60 + sec) * 1000000;
  if (accept(s, &at, '.') && !parse_fraction(s, &at, us)) return false;
  return parse_zone(s, &at, us);
}

static size_t edit_distance(pq_slice a, pq_slice b) {
  size_t row[WORD_LEN_MAX + 1];
  for (size_t j = 0; j <= b.n; j++)
    row[j] = j;
  for (size_t i = 1; i <= a.n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
      size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[b.n];
}

const char *pq_nearest(pq_slice word, const char *const *words) {
  const char *best = NULL;
  size_t best_distance = NEAREST_MAX + 1;
  if (word.n > WORD_LEN_MAX) return NULL;
  for (; *words != NULL; words++) {
    pq_slice w = pq_str(*words);
    size_t distance = w.n > WORD_LEN_MAX ? SIZE_MAX : edit_distance(word, w);
    if (distance >= best_distance || distance * 2 > w.n) continue;
    best_distance = distance;
    best = *words;
  }
  return best;
}

int pq_buf_put_json_str(pq_buf *b, pq_slice s) {
  static const char hex[] = "0123456789abcdef";
  size_t from = 0;
  PQ_TRY(pq_buf_put_byte(b, '"'));
  for (size_t i = 0; i < s.n; i++) {
    uint8_t c = s.p[i];
    char esc[7] = {'\\', 0};
    size_t n = 2;
    if (PQ_LIKELY(c >= 0x20 && c != '"' && c != '\\')) continue;
    PQ_TRY(pq_buf_put(b, s.p + from, i - from));
    from = i + 1;
    switch (c) {
      case '"': esc[1] = '"'; break;
      case '\\': esc[1] = '\\'; break;
      case '\n': esc[1] = 'n'; break;
      case '\r': esc[1] = 'r'; break;
      case '\t': esc[1] = 't'; break;
      case '\b': esc[1] = 'b'; break;
      case '\f': esc[1] = 'f'; break;
      default:
        memcpy(esc + 1, "u00", 3);
        esc[4] = hex[c >> 4];
        esc[5] = hex[c & 15];
        n = 6;
    }
    PQ_TRY(pq_buf_put(b, esc, n));
  }
  if (s.n > from) PQ_TRY(pq_buf_put(b, s.p + from, s.n - from));
  return pq_buf_put_byte(b, '"');
}
