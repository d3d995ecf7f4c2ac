/* Unit tests of log/chain.c and codec/digest.c. */
#include "log/chain.h"
#include "unit.h"

enum { EVENT_COUNT = 40 };

/* A history of batches that end after 7, 8, 20 and 40 events. */
typedef struct fixture {
  pq_event events[EVENT_COUNT];
  uint8_t links[4][PQ_DIGEST_LEN];
  char ids[EVENT_COUNT][8];
} fixture;

static const uint32_t ends[] = {7, 8, 20, 40};

static void digest_of(const pq_event *events, uint32_t count, uint8_t out[PQ_DIGEST_LEN]) {
  pq_digest d;
  pq_digest_init(&d);
  for (uint32_t i = 0; i < count; i++)
    pq_digest_event(&d, &events[i]);
  pq_digest_end(&d, out);
}

static void setup(fixture *f) {
  uint8_t link[PQ_DIGEST_LEN] = {0};
  uint32_t from = 0;
  for (uint32_t i = 0; i < EVENT_COUNT; i++) {
    pq_event *e = &f->events[i];
    *e = (pq_event){.seq = i + 1, .ts = 1000 + i, .version = 1, .created_at = 1000};
    e->target = PQ_TARGET_ENTITY;
    e->op = PQ_EVENT_DELETE;
    snprintf(f->ids[i], sizeof f->ids[i], "t/%u", i);
    e->id = pq_str(f->ids[i]);
  }
  for (int b = 0; b < 4; b++) {
    uint8_t digest[PQ_DIGEST_LEN];
    digest_of(f->events + from, ends[b] - from, digest);
    pq_chain_link(link, digest, f->links[b]);
    memcpy(link, f->links[b], sizeof link);
    f->events[ends[b] - 1].hash = (pq_slice){f->links[b], PQ_DIGEST_LEN};
    from = ends[b];
  }
}

/* Faults of the events from `first` on; *last gets the seq of the last event with one. */
static uint32_t check_from(const fixture *f, uint32_t first, const uint8_t *before,
                           uint64_t *last) {
  pq_chain_check c;
  uint32_t faults = 0;
  *last = 0;
  pq_chain_check_init(&c, first, before);
  for (uint32_t i = first; i < EVENT_COUNT; i++)
    if (pq_chain_check_event(&c, &f->events[i]) != NULL) {
      faults++;
      *last = f->events[i].seq;
    }
  return faults + (pq_chain_check_end(&c) != NULL);
}

static void test_chain_holds(void) {
  fixture f;
  uint64_t last;
  setup(&f);
  CHECK(check_from(&f, 0, NULL, &last) == 0);
  CHECK(check_from(&f, 8, f.links[1], &last) == 0);
  CHECK(check_from(&f, 8, f.links[0], &last) == 1 && last == 20);
  CHECK(check_from(&f, 3, NULL, &last) == 0); /* what was before is gone */
}

/* Every field that the canonical bytes hold. */
static void test_chain_sees_changes(void) {
  fixture f;
  uint64_t last;
  for (int field = 0; field < 13; field++) {
    pq_event *e = &f.events[10];
    static const uint8_t one = 0; /* the Variant null */
    setup(&f);
    switch (field) {
      case 0: e->ts++; break;
      case 1: e->target = PQ_TARGET_REL; break;
      case 2: e->op = PQ_EVENT_UPDATE; break;
      case 3: e->version++; break;
      case 4: e->created_at++; break;
      case 5: e->txn++; break;
      case 6: e->id = PQ_SLICE("t/x"); break;
      case 7: e->type = PQ_SLICE("T"); break;
      case 8: e->predicate = PQ_SLICE("T"); break;
      case 9: e->created_by = PQ_SLICE("T"); break;
      case 10: e->actor = PQ_SLICE("T"); break;
      case 11: e->after = (pq_value){NULL, &one, 0, 1}; break;
      default: e->metadata = (pq_value){NULL, &one, 0, 1}; break;
    }
    CHECK(check_from(&f, 0, NULL, &last) == 1);
    CHECK(last == 20);
  }
  setup(&f);
  f.events[10].prev = 3; /* what a flush fills in is not part of it */
  f.events[10].where_file = PQ_SLICE("data/t/1-1-ab.parquet");
  CHECK(check_from(&f, 0, NULL, &last) == 0);
}

static void test_chain_sees_gaps(void) {
  fixture f;
  uint64_t last;
  setup(&f);
  f.events[39].hash = (pq_slice){0};
  CHECK(check_from(&f, 0, NULL, &last) == 1 && last == 0); /* the end has no hash */
  setup(&f);
  f.events[19].hash = (pq_slice){0};
  CHECK(check_from(&f, 0, NULL, &last) == 1 && last == 40);
  setup(&f);
  f.links[2][5] ^= 1; /* it does not follow, and nothing follows it */
  CHECK(check_from(&f, 0, NULL, &last) == 2 && last == 40);
  setup(&f);
  f.events[19].hash.n = 31;
  CHECK(check_from(&f, 0, NULL, &last) >= 1);
}

/* The first seven events were written without hashes: the next batch holds one. */
static void test_chain_starts_late(void) {
  fixture f;
  pq_chain_check c;
  uint8_t zeros[PQ_DIGEST_LEN] = {0}, digest[PQ_DIGEST_LEN];
  setup(&f);
  f.events[6].hash = (pq_slice){0};
  digest_of(&f.events[7], 1, digest);
  pq_chain_link(zeros, digest, f.links[1]);
  digest_of(&f.events[8], 12, digest);
  pq_chain_link(f.links[1], digest, f.links[2]);
  pq_chain_check_init(&c, 0, NULL);
  for (uint32_t i = 0; i < 20; i++)
    CHECK(pq_chain_check_event(&c, &f.events[i]) == NULL);
  CHECK(c.from_seq == 8);
  CHECK(c.link_seq == 20);
  CHECK(pq_chain_check_end(&c) == NULL);
}

static void test_chain_text(void) {
  uint8_t link[PQ_DIGEST_LEN], again[PQ_DIGEST_LEN];
  char text[PQ_LINK_CAP];
  for (int i = 0; i < PQ_DIGEST_LEN; i++)
    link[i] = (uint8_t)(i * 37 + 5);
  pq_link_print(link, text);
  CHECK(strlen(text) == 64);
  CHECK(pq_link_parse(pq_str(text), again));
  CHECK(memcmp(link, again, sizeof link) == 0);
  CHECK(pq_link_is_set(link));
  text[3] = 'A';
  CHECK(!pq_link_parse(pq_str(text), again));
  CHECK(!pq_link_parse(PQ_SLICE("ab"), again));
  CHECK(!pq_link_parse((pq_slice){0}, again));
  CHECK(!pq_link_is_set(again));
}

int main(void) {
  if (!pq_digest_is_there()) return unit_end();
  RUN(test_chain_holds);
  RUN(test_chain_sees_changes);
  RUN(test_chain_sees_gaps);
  RUN(test_chain_starts_late);
  RUN(test_chain_text);
  return unit_end();
}
