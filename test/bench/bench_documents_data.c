/* test/bench/bench_documents_data.c - posts of a social network, seeded: the same for ever.
 *
 *   {"$id": "p0000042", "text": "…", "author": {"id": "u17", "name": "…"}, "lang": "de",
 *    "likes": 12, "shares": 3, "score": 0.73, "at": {"$date": …}, "tags": ["…"], "public": true,
 *    "stats": {"views": 1200, "replies": 4}, "campaign": {"name": "…"}}     the last: every 8th
 */
#include "bench_documents.h"

#include <stdio.h>
#include <string.h>

static const char *const words[64] = {
    "river",  "stone",  "market",  "evening", "train", "garden",  "letter", "winter",
    "summer", "friend", "window",  "paper",   "music", "kitchen", "street", "harbour",
    "the",    "a",      "of",      "and",     "to",    "in",      "with",   "from",
    "under",  "before", "after",   "without", "quiet", "bright",  "early",  "late",
    "walked", "found",  "said",    "made",    "saw",   "lost",    "kept",   "brought",
    "coffee", "bread",  "morning", "village", "bird",  "cloud",   "rain",   "light",
    "green",  "red",    "blue",    "old",     "new",   "small",   "long",   "first",
    "second", "third",  "always",  "never",   "once",  "again",   "here",   "there"};

/* Small numbers often, large ones seldom. */
static uint64_t skewed(uint64_t r, uint64_t max) {
  double u = (double)(r >> 11) / 9007199254740992.0;
  return (uint64_t)(u * u * u * u * (double)max);
}

static size_t put_text(uint64_t i, char *out) {
  uint64_t count = 8 + bench_mix(1, i) % 40;
  size_t n = 0;
  for (uint64_t w = 0; w < count; w++)
    n += (size_t)sprintf(out + n, "%s%s", w == 0 ? "" : " ", words[bench_mix(2, i * 64 + w) % 64]);
  return n;
}

size_t bench_post(uint64_t i, char out[BENCH_LINE_CAP]) {
  uint64_t author = skewed(bench_mix(3, i), BENCH_AUTHORS), tags = bench_mix(4, i) % 5;
  size_t n = (size_t)sprintf(out, "{\"$id\":\"p%07llu\",\"text\":\"", (unsigned long long)i);
  n += put_text(i, out + n);
  n += (size_t)sprintf(
      out + n,
      "\",\"author\":{\"id\":\"u%llu\",\"name\":\"%s %s\"},\"lang\":\"%s\",\"likes\":%llu,"
      "\"shares\":%llu,\"score\":0.%04llu,\"at\":{\"$date\":{\"$numberLong\":\"%llu\"}},\"tags\":[",
      (unsigned long long)author, words[author % 64], words[author / 64 % 64],
      bench_langs[skewed(bench_mix(5, i), BENCH_LANGS)],
      (unsigned long long)skewed(bench_mix(6, i), 100000),
      (unsigned long long)skewed(bench_mix(7, i), 5000),
      (unsigned long long)(bench_mix(8, i) % 9000 + 1000),
      1700000000000ull + (unsigned long long)i * 977);
  for (uint64_t t = 0; t < tags; t++)
    n += (size_t)sprintf(out + n, "%s\"%s\"", t == 0 ? "" : ",",
                         words[bench_mix(9, i * 8 + t) % 64]);
  n += (size_t)sprintf(out + n, "],\"public\":%s,\"stats\":{\"views\":%llu,\"replies\":%llu}",
                       bench_mix(10, i) % 10 < 9 ? "true" : "false",
                       (unsigned long long)skewed(bench_mix(11, i), 2000000),
                       (unsigned long long)skewed(bench_mix(12, i), 300));
  if (i % 8 == 0)
    n += (size_t)sprintf(out + n, ",\"campaign\":{\"name\":\"%s\"}", words[bench_mix(13, i) % 16]);
  return n + (size_t)sprintf(out + n, "}");
}
