/* test/spec/steps.c - work on files in steps: how long they are, and in how much memory.
 *
 *   write ─► one step ─► write ─► one step ─► …      what the library does after each write
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/works.h"
#include "spec_db.h"
#include "spec_suites.h"

static bool has_failed;

#define EXPECT(cond)                                                  \
  do {                                                                \
    if (!(cond)) {                                                    \
      fprintf(stderr, "%s:%d: FAIL %s\n", __FILE__, __LINE__, #cond); \
      has_failed = true;                                              \
    }                                                                 \
  } while (0)

/* Insert documents of some 600 bytes that do not compress to nothing. */
static void insert(spec_db *s, uint32_t from, uint32_t count) {
  pq_buf payload;
  spec_reply r;
  uint32_t x = from * 7919 + 1;
  int rc = PQ_OK;
  pq_buf_init(&payload, spec_cx(), SIZE_MAX / 4);
  for (uint32_t i = from; i < from + count && rc == PQ_OK; i++) {
    rc = pq_buf_printf(&payload, "{\"$id\": \"d%06u\", \"n\": %u, \"text\": \"", i * 7 % 100000, i);
    for (int k = 0; k < 60 && rc == PQ_OK; k++) {
      x = x * 1664525 + 1013904223;
      rc = pq_buf_printf(&payload, "%08x ", x >> 3);
    }
    if (rc == PQ_OK) rc = pq_buf_put_str(&payload, "\"}\n");
  }
  if (rc != PQ_OK) spec_die("out of memory");
  s->now_us += 1000;
  spec_run(s, PQ_SLICE("{\"insert\": \"t\"}"), pq_buf_slice(&payload), &r);
  EXPECT(r.rc == PQ_OK);
  if (r.rc != PQ_OK) fprintf(stderr, "  %s\n", r.message);
  spec_reply_release(&r);
  pq_buf_release(&payload);
}

static void expect_count(spec_db *s, unsigned count) {
  char *text = spec_text(s, "{\"count\": \"t\"}");
  char *want = spec_format("\"count\":{\"$numberInt\":\"%u\"}", count);
  EXPECT(strstr(text, want) != NULL);
  free(want);
  free(text);
}

/* A flush of 3 MB of documents, their events beside them, takes a step for each megabyte, and what
 * is written meanwhile is read at once. */
static void test_flush_in_steps(void) {
  spec_db s;
  uint32_t steps = 0, more = 0;
  spec_start(&s, SPEC_MEMORY, 1);
  s.db.thresholds = (pq_thresholds){.flush_events = 5000};
  insert(&s, 0, 5000);
  for (; steps < 100 && (steps == 0 || pq_works_is_running(s.db.spaces[0]->works, PQ_WORK_FLUSH));
       steps++) {
    free(spec_text(&s, "{\"maintain\": 1}"));
    insert(&s, 5000 + more++, 1);
    if (steps % 2 == 0) expect_count(&s, 5000 + more);
  }
  EXPECT(steps >= 6 && steps < 100);
  EXPECT(s.db.spaces[0]->manifest.seq_hi == 5000);
  EXPECT(s.db.spaces[0]->overlay->version_count == more);
  EXPECT(spec_reopen(&s) == PQ_OK);
  expect_count(&s, 5000 + more);
  EXPECT(spec_end(&s) == 0);
}

/* Much more than the memory that there is, a step of work after each write. */
static void test_import_in_little_memory(void) {
  enum { WRITES = 30, DOCUMENTS = 1000 };
  uint64_t before = spec_memory_max;
  spec_db s;
  spec_memory_max = 32 << 20;
  spec_start(&s, SPEC_MEMORY, 1);
  s.db.thresholds = (pq_thresholds){.flush_len = 1 << 20, .files = 4, .dead_percent = 33};
  for (uint32_t i = 0; i < WRITES && !has_failed; i++) {
    insert(&s, i * DOCUMENTS, DOCUMENTS);
    free(spec_text(&s, "{\"maintain\": 2}"));
  }
  expect_count(&s, WRITES * DOCUMENTS);
  free(spec_text(&s, "{\"maintain\": 0}"));
  EXPECT(s.db.spaces[0]->works->failures == 0);
  if (s.db.spaces[0]->works->failures > 0)
    fprintf(stderr, "  %s\n", s.db.spaces[0]->works->message);
  EXPECT(s.db.spaces[0]->works->counts.compactions > 0);
  expect_count(&s, WRITES * DOCUMENTS);
  EXPECT(spec_end(&s) == 0);
  spec_memory_max = before;
}

/* A failure is told, waited for and made good. */
static void test_failure_is_tried_again(void) {
  spec_db s;
  char *text;
  spec_start(&s, SPEC_MEMORY, 1);
  s.db.thresholds = (pq_thresholds){.flush_events = 10};
  insert(&s, 0, 20);
  s.faults = (spec_faults){.fail_at = 2, .only_writes = true}; /* a file: an entry is read back */
  text = spec_text(&s, "{\"maintain\": 0}");
  EXPECT(strstr(text, "\"error\"") != NULL);
  free(text);
  s.faults = (spec_faults){0};
  insert(&s, 20, 1); /* no write notices */
  expect_count(&s, 21);
  text = spec_text(&s, "{\"stats\": 1}");
  EXPECT(strstr(text, "\"failures\":") != NULL);
  free(text);
  EXPECT(s.db.spaces[0]->manifest.seq_hi == 0);
  s.now_us += 2000000;
  text = spec_text(&s, "{\"maintain\": 0}");
  EXPECT(strstr(text, "\"error\"") == NULL);
  free(text);
  EXPECT(s.db.spaces[0]->manifest.seq_hi == 21);
  expect_count(&s, 21);
  EXPECT(spec_end(&s) == 0);
}

static const struct {
  const char *name;
  void (*run)(void);
} tests[] = {{"a flush in steps", test_flush_in_steps},
             {"an import in little memory", test_import_in_little_memory},
             {"a failure is tried again", test_failure_is_tried_again}};

void spec_steps_run(const char *only, uint64_t *passed, uint64_t *failed) {
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    if (only != NULL && strstr(tests[i].name, only) == NULL) continue;
    has_failed = false;
    tests[i].run();
    *(has_failed ? failed : passed) += 1;
    if (has_failed) fprintf(stderr, "steps: %s failed\n", tests[i].name);
  }
}
