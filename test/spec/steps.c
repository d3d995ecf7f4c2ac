/* test/spec/steps.c - work on files in steps: how long they are, and in how much memory.
 *
 *   write ─► one step ─► write ─► one step ─► …      what the library does after each write
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/compact_int.h"
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

/* ---- how much a step makes ---- */

/* Bytes of files that a work has made so far. */
static uint64_t made_by(const pq_flush *f) {
  uint64_t len = f->byte_count;
  for (uint32_t i = 0; i < f->task_count; i++) {
    const pq_encode_task *t = &f->tasks[i];
    for (const pq_encoded_file *file = t->files; file != NULL; file = file->next)
      len += pq_writer_len(file->writer);
    if (t->place.entity_stream != NULL) len += pq_entity_stream_len(t->place.entity_stream);
    if (t->place.edge_stream != NULL) len += pq_edge_stream_len(t->place.edge_stream);
    if (t->place.event_stream != NULL) len += pq_event_stream_len(t->place.event_stream);
    if (t->place.index_stream != NULL) len += pq_event_index_stream_len(t->place.index_stream);
  }
  if (f->compaction == NULL || f->compaction->job >= f->compaction->job_count) return len;
  if (f->compaction->jobs[f->compaction->job].entities != NULL)
    len += pq_entity_stream_len(f->compaction->jobs[f->compaction->job].entities);
  if (f->compaction->jobs[f->compaction->job].event_stream != NULL)
    len += pq_event_stream_len(f->compaction->jobs[f->compaction->job].event_stream);
  if (f->compaction->jobs[f->compaction->job].index_stream != NULL)
    len += pq_event_index_stream_len(f->compaction->jobs[f->compaction->job].index_stream);
  return len;
}

/* Step a work to its end; the most that a step made of files, and the number of steps. */
static uint64_t step_all(spec_db *s, pq_work_kind kind, uint32_t *steps) {
  uint64_t most = 0, before = 0;
  for (*steps = 0; *steps < 1000; ++*steps) {
    const pq_works *u;
    uint64_t now;
    free(spec_text(s, "{\"maintain\": 1}"));
    u = s->db.spaces[0]->works;
    if (!pq_works_is_running(u, kind)) break;
    now = made_by(&u->items[kind].flush);
    if (now > before + most) most = now - before;
    before = now;
  }
  return most;
}

/* Documents of some 600 bytes, of which half remains in a file: none of the three makes much more
 * than a megabyte a step, however much there is to do. */
static void test_steps_are_short(void) {
  enum { MOST = (1 << 20) + (1 << 18) };
  uint64_t before = spec_memory_max;
  uint32_t steps;
  spec_db s;
  spec_memory_max = 256 << 20; /* so that event files of megabytes are merged, too */
  spec_start(&s, SPEC_MEMORY, 1);
  s.db.thresholds = (pq_thresholds){.flush_events = 6000};
  for (uint32_t i = 0; i < 4; i++) {
    insert(&s, i * 6000, 6000);
    EXPECT(step_all(&s, PQ_WORK_FLUSH, &steps) < MOST);
    EXPECT(steps > 6);
  }
  s.db.thresholds = (pq_thresholds){.files = 2};
  EXPECT(step_all(&s, PQ_WORK_COMPACT, &steps) < MOST); /* of documents */
  EXPECT(steps > 12);
  EXPECT(step_all(&s, PQ_WORK_COMPACT, &steps) < MOST); /* of events */
  EXPECT(steps >= 2);
  EXPECT(s.db.spaces[0]->works->counts.compactions >= 2);
  expect_count(&s, 24000);
  EXPECT(spec_end(&s) == 0);
  spec_memory_max = before;
}

/* ---- files in parts ---- */

static void expect_whole(spec_db *s) {
  char *text = spec_text(s, "{\"verify\": 1}");
  EXPECT(strstr(text, "\"problems\":{\"$numberInt\":\"0\"}") != NULL);
  if (has_failed) fprintf(stderr, "  %s\n", text);
  free(text);
}

/* A warehouse with two files of 150 documents, whose union is stored in parts. */
static void start_parts(spec_db *s, spec_store kind) {
  spec_start(s, kind, 1);
  s->cx.limits.row_group_rows_max = 40;
  s->cx.limits.part_len = 16 << 10;
  s->db.thresholds = (pq_thresholds){.flush_events = 1};
  for (uint32_t i = 0; i < 2; i++) {
    insert(s, i * 150, 150);
    free(spec_text(s, "{\"flush\": 1}"));
  }
  s->db.thresholds = (pq_thresholds){.files = 2};
}

static void test_parts(void) {
  spec_db s;
  start_parts(&s, SPEC_DISK);
  s.faults = (spec_faults){.fail_at = UINT64_MAX, .only_writes = true}; /* counts */
  free(spec_text(&s, "{\"maintain\": 0}"));
  EXPECT(s.faults.requests > 6);
  s.faults = (spec_faults){0};
  EXPECT(spec_reopen(&s) == PQ_OK);
  expect_count(&s, 300);
  expect_whole(&s);
  EXPECT(spec_end(&s) == 0);
}

/* Each request of such a compaction fails once, is done or not; then all of them from there on. */
static void test_parts_fail(void) {
  static const spec_faults kinds[] = {{.only_writes = true},
                                      {.only_writes = true, .does_it_anyway = true},
                                      {.only_writes = true, .is_from = true}};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    bool has_struck = true;
    for (uint64_t n = 1; has_struck && n < 100 && !has_failed; n++) {
      spec_db s;
      start_parts(&s, SPEC_MEMORY);
      s.faults = kinds[k];
      s.faults.fail_at = n;
      free(spec_text(&s, "{\"maintain\": 0}"));
      has_struck = s.faults.failed > 0;
      s.faults = (spec_faults){0};
      expect_count(&s, 300);
      s.now_us += 100000000;
      free(spec_text(&s, "{\"maintain\": 0}"));
      EXPECT(s.db.spaces[0]->works->failures == 0);
      EXPECT(s.db.spaces[0]->works->counts.compactions > 0);
      expect_count(&s, 300);
      expect_whole(&s);
      EXPECT(spec_end(&s) == 0);
    }
  }
}

/* ---- many flushes ---- */

static uint32_t live_files(const spec_db *s) {
  const pq_manifest *m = &s->db.spaces[0]->manifest;
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->file_count; i++)
    n += pq_file_is_live(&m->files[i], m->entry);
  return n;
}

static double ratio_of(const char *stats, const char *name) {
  const char *p = strstr(stats, name);
  p = p == NULL ? NULL : strstr(p, "$numberDouble\":\"");
  return p == NULL ? 0 : strtod(p + strlen("$numberDouble\":\""), NULL);
}

/* A thousand flushes leave a few files of each tier, and a row is not written again and again. */
static void test_flushes_leave_few_files(void) {
  enum { FLUSHES = 1000, ROWS = 4 };
  uint32_t most = 0;
  char *stats;
  spec_db s;
  spec_start(&s, SPEC_MEMORY, 1);
  s.db.thresholds = (pq_thresholds){.flush_events = 1, .files = 8, .dead_percent = 33};
  for (uint32_t i = 0; i < FLUSHES && !has_failed; i++) {
    insert(&s, i * ROWS, ROWS);
    free(spec_text(&s, "{\"maintain\": 0}"));
    if (live_files(&s) > most) most = live_files(&s);
  }
  /* Of documents, of events and of their indexes, seven of each of the first tiers. */
  EXPECT(most <= 60);
  EXPECT(s.db.spaces[0]->works->failures == 0);
  expect_count(&s, FLUSHES * ROWS);
  stats = spec_text(&s, "{\"stats\": 1}");
  EXPECT(ratio_of(stats, "\"write\"") > 1 && ratio_of(stats, "\"write\"") < 40);
  printf("%d flushes of %d documents: at most %u live files, write amplification %.2f\n",
         (int)FLUSHES, (int)ROWS, most, ratio_of(stats, "\"write\""));
  free(stats);
  EXPECT(spec_end(&s) == 0);
}

static const struct {
  const char *name;
  void (*run)(void);
} tests[] = {{"a flush in steps", test_flush_in_steps},
             {"steps are short", test_steps_are_short},
             {"files in parts", test_parts},
             {"parts that fail", test_parts_fail},
             {"flushes leave few files", test_flushes_leave_few_files},
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
