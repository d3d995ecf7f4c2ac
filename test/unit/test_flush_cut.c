/* A flush for which memory was short takes the first commits of the tail, whole ones, with what
 * belongs to them: the last sequence, its time, the number of events. */
#include "db/flush.h"
#include "unit.h"

enum { COMMITS_MAX = 8, EVENTS_MAX = 64 };

static pq_version versions[EVENTS_MAX];
static pq_overlay_batch batches[COMMITS_MAX];
static pq_overlay overlay;

/* A tail of commits with so many events each, behind sequence 100; ends with 0. */
static pq_flush flush_of(const uint32_t *lens) {
  uint32_t count = 0, n = 0;
  for (; lens[n] > 0; n++) {
    batches[n] = (pq_overlay_batch){.seq_lo = 101 + count, .count = lens[n]};
    for (uint32_t i = 0; i < lens[n]; i++, count++)
      versions[count] = (pq_version){.event = {.seq = 101 + count, .ts = 1000 + n}};
  }
  overlay = (pq_overlay){
      .versions = versions, .version_count = count, .batches = batches, .batch_count = n};
  return (pq_flush){
      .overlay = &overlay, .event_count = count, .seq_hi = 100 + count, .ts_hi = 999 + n};
}

static void cut(const uint32_t *lens, uint32_t halvings, uint32_t count, int64_t ts) {
  pq_flush f = flush_of(lens);
  pq_flush_cut(&f, halvings);
  CHECK(f.event_count == count);
  CHECK(f.seq_hi == 100 + count);
  CHECK(f.ts_hi == ts);
}

static void test_whole_commits(void) {
  static const uint32_t even[] = {4, 4, 4, 4, 0}, late[] = {2, 30, 0}, early[] = {30, 2, 0},
                        one[] = {9, 0}, none[] = {0};
  cut(even, 0, 16, 1003);
  cut(even, 1, 8, 1001);
  cut(even, 2, 4, 1000);
  cut(even, 12, 4, 1000); /* a commit is the least */
  cut(late, 1, 2, 1000);  /* the second would be all of it */
  cut(early, 1, 30, 1000);
  cut(one, 3, 9, 1000);
  cut(none, 1, 0, 999);
}

int main(void) {
  RUN(test_whole_commits);
  return unit_end();
}
