/* test/bench/bench_history_data.c - the items of ./bench history, seeded: the same for ever.
 *
 *   {"$id": "i0000042", "title": "…", "lang": "de", "rank": 812, "at": {"$date": …}, "tags": ["…"]}
 */
#include <stdio.h>

#include "bench_history.h"

static const char *const words[32] = {
    "river",  "stone",  "market",  "evening", "train", "garden", "letter",  "winter",
    "summer", "friend", "window",  "paper",   "music", "street", "harbour", "coffee",
    "bread",  "cloud",  "village", "bird",    "rain",  "light",  "green",   "blue",
    "quiet",  "bright", "early",   "late",    "small", "long",   "first",   "always"};

uint64_t history_pick(uint64_t n, uint64_t items) {
  return bench_mix(7, n) % items;
}

size_t history_item(uint64_t i, uint64_t version, char out[HISTORY_LINE_CAP]) {
  uint64_t seed = i << 32 ^ version, count = 4 + bench_mix(1, seed) % 12;
  size_t n = 1;
  out[0] = '{';
  if (version == 1) n += (size_t)sprintf(out + n, "\"$id\": \"i%07llu\", ", (unsigned long long)i);
  n += (size_t)sprintf(out + n, "\"title\": \"");
  for (uint64_t w = 0; w < count; w++)
    n += (size_t)sprintf(out + n, "%s%s", w == 0 ? "" : " ",
                         words[bench_mix(2, seed * 16 + w) % 32]);
  return n + (size_t)sprintf(
                 out + n,
                 "\", \"lang\": \"%s\", \"rank\": %llu, \"at\": {\"$date\": {\"$numberLong\": "
                 "\"%llu\"}}, \"tags\": [\"%s\", \"%s\"]}",
                 bench_langs[bench_mix(3, i) % BENCH_LANGS],
                 (unsigned long long)(bench_mix(4, seed) % 100000),
                 1700000000000ull + (unsigned long long)version * 977,
                 words[bench_mix(5, seed) % 32], words[bench_mix(6, seed) % 32]);
}

static size_t text_line(uint64_t i, char *out) {
  size_t n = (size_t)sprintf(out, "{\"$id\": \"d%07llu\", \"text\": \"", (unsigned long long)i);
  for (uint64_t w = 0; w < 24; w++)
    n += (size_t)sprintf(out + n, "%s%s", w == 0 ? "" : " ", words[bench_mix(12, i * 32 + w) % 32]);
  return n + (size_t)sprintf(out + n, "\"}");
}

size_t history_kind_line(history_kind kind, uint64_t i, uint64_t count,
                         char out[HISTORY_LINE_CAP]) {
  unsigned long long id = i, a = bench_mix(13, i), b = bench_mix(14, i), c = bench_mix(15, i);
  switch (kind) {
    case HISTORY_TEXT: return text_line(i, out);
    case HISTORY_NUMBERS:
      return (size_t)sprintf(out,
                             "{\"$id\": \"d%07llu\", \"a\": %llu, \"b\": %llu, \"c\": %llu.%02llu}",
                             id, a % 1000, b % 1000000, c % 100000, c / 100000 % 100);
    case HISTORY_TIMES:
      return (size_t)sprintf(out,
                             "{\"$id\": \"d%07llu\", \"made\": {\"$date\": {\"$numberLong\": "
                             "\"%llu\"}}, \"seen\": {\"$date\": {\"$numberLong\": \"%llu\"}}}",
                             id, 1700000000000ull + i * 60000 + a % 60000,
                             1700000000000ull + i * 60000 + b % 86400000);
    case HISTORY_IDS:
      return (size_t)sprintf(out, "{\"$id\": \"d%07llu\", \"user\": \"users/%016llx%08llx\"}", id,
                             a, b & 0xffffffffu);
    default:
      return (size_t)sprintf(out,
                             "{\"from\": \"text/d%07llu\", \"predicate\": \"next\", \"to\": "
                             "\"text/d%07llu\"}",
                             id, a % count);
  }
}
