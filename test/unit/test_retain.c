/* Unit tests of log/retain.c: marks, free and gone files, where history begins. */
#include "log/manifest_past.h"

#include "unit.h"

#define HEX(n) PQ_SLICE("00000000000000a" n)

/* Entry `n` of a log whose entries have 5,000 events each; `name` (NULL: none) is added. */
static pq_log_entry entry(uint64_t n, const char *name, pq_file_info *file) {
  static const char digits[] = "0123456789abcdef";
  static char ids[17][17];
  pq_log_entry e = {.entry = n, .seq_hi = n * 5000, .ts_hi = (int64_t)n * 100, .epoch = 1};
  for (uint64_t i = n - 1; i <= n; i++) {
    memcpy(ids[i], "00000000000000a0", 17);
    ids[i][15] = digits[i];
  }
  e.writer = HEX("1");
  e.commit = pq_str(ids[n]);
  if (n > 1) e.parent = pq_str(ids[n - 1]);
  e.parent_at = n > 1 ? (int64_t)(n - 1) * 1000 : 0;
  if (name == NULL) return e;
  *file = (pq_file_info){.kind = PQ_FILE_DATA,
                         .name = name,
                         .collection = PQ_SLICE("t"),
                         .len = 100,
                         .footer_len = 10,
                         .row_count = 5,
                         .id_min = PQ_SLICE("t/a"),
                         .id_max = PQ_SLICE("t/b"),
                         .removed = PQ_ENTRY_NONE};
  if (memcmp(name, "events/", 7) == 0) {
    file->kind = PQ_FILE_EVENTS;
    file->seq_lo = e.seq_hi - 4999;
    file->seq_hi = e.seq_hi;
  }
  e.add = file;
  e.add_count = 1;
  return e;
}

/* 1: adds a; 2: adds b, removes a; 3, 4: nothing. */
static void build(pq_manifest *m, pq_cx *cx) {
  static const char *removed = "data/t/1-1-a.parquet";
  pq_manifest_init(m, cx);
  for (uint64_t n = 1; n <= 4; n++) {
    pq_file_info file;
    const char *name = n == 1 ? removed : n == 2 ? "data/t/1-2-b.parquet" : NULL;
    pq_log_entry e = entry(n, name, &file);
    if (n == 2) e.remove = &removed;
    if (n == 2) e.remove_count = 1;
    CHECK(pq_manifest_apply(m, &e) == PQ_OK);
  }
}

static void test_retain_forget_and_gone(void) {
  static const char *gone = "data/t/1-1-a.parquet", *live = "data/t/1-2-b.parquet";
  uint64_t forget[] = {1, 3};
  pq_cx cx;
  pq_manifest m, again;
  pq_log_entry e;
  pq_buf text, other;
  unit_cx_init(&cx);
  build(&m, &cx);
  CHECK(m.mark_count == 4 && m.marks[2].at == 3000 && m.marks[3].at == 0);
  CHECK(!pq_manifest_is_free(&m, &m.files[0])); /* entry 1's instant has it */
  e = entry(5, NULL, NULL);
  e.gone = &gone;
  e.gone_count = 1;
  CHECK(pq_manifest_apply(&m, &e) == PQ_ECORRUPT); /* still read */
  CHECK(m.entry == 4 && m.mark_count == 4);
  e.gone_count = 0;
  e.forget = forget;
  e.forget_count = 2;
  CHECK(pq_manifest_apply(&m, &e) == PQ_OK);
  CHECK(m.mark_count == 3 && m.marks[0].entry == 2 && m.marks[2].entry == 5);
  CHECK(pq_manifest_is_free(&m, &m.files[0]) && m.files[0].freed_at == 0);
  CHECK(pq_manifest_mark(&m, 19999).entry == 2);
  e = entry(6, NULL, NULL);
  e.forget = forget;
  e.forget_count = 1;
  CHECK(pq_manifest_apply(&m, &e) == PQ_ECORRUPT); /* forgotten before */
  e.forget_count = 0;
  CHECK(pq_manifest_apply(&m, &e) == PQ_OK);
  CHECK(m.files[0].freed_at == 5000);
  e = entry(7, NULL, NULL);
  e.gone = &live;
  e.gone_count = 1;
  CHECK(pq_manifest_apply(&m, &e) == PQ_ECORRUPT);
  e.gone = &gone;
  CHECK(pq_manifest_apply(&m, &e) == PQ_OK);
  CHECK(m.files[0].is_gone && !m.files[1].is_gone);
  pq_buf_init(&text, &cx, 1 << 20);
  pq_buf_init(&other, &cx, 1 << 20);
  pq_manifest_init(&again, &cx);
  CHECK(pq_manifest_print(&m, &text) == PQ_OK);
  CHECK(pq_manifest_parse(&again, "ckpt/00000000000000000007", pq_buf_slice(&text)) == PQ_OK);
  CHECK(again.file_count == 1 && strcmp(again.files[0].name, live) == 0);
  CHECK(again.mark_count == m.mark_count && again.marks[1].at == m.marks[1].at);
  CHECK(pq_manifest_print(&again, &other) == PQ_OK);
  CHECK(pq_slice_eq(pq_buf_slice(&text), pq_buf_slice(&other)));
  pq_buf_release(&text);
  pq_buf_release(&other);
  pq_manifest_release(&again);
  pq_manifest_release(&m);
  CHECK(unit_live_len == 0);
}

static void test_retain_history(void) {
  uint64_t forget[] = {1, 2};
  pq_cx cx;
  pq_manifest m;
  pq_log_entry e;
  unit_cx_init(&cx);
  build(&m, &cx);
  e = entry(5, NULL, NULL);
  e.history = (pq_history_start){.seq = 15000, .ts = 300};
  CHECK(pq_manifest_apply(&m, &e) == PQ_ECORRUPT); /* the first mark is an earlier one */
  e.forget = forget;
  e.forget_count = 2;
  e.history.seq = 15001;
  CHECK(pq_manifest_apply(&m, &e) == PQ_ECORRUPT); /* no mark there */
  e.history.seq = 15000;
  e.has_retention = true;
  e.retention = (pq_retention){60, 70, PQ_SLICE("/cold")};
  CHECK(pq_manifest_apply(&m, &e) == PQ_OK);
  CHECK(m.history.seq == 15000 && m.history.ts == 300 && m.marks[0].entry == 3);
  CHECK(m.retention.age_us == 60 && m.retention.len == 70);
  CHECK(pq_slice_is(m.retention.archive, "/cold"));
  e = entry(6, NULL, NULL);
  e.history = (pq_history_start){.seq = 10000, .ts = 200};
  CHECK(pq_manifest_apply(&m, &e) == PQ_ECORRUPT); /* it never begins earlier */
  forget[0] = 3;
  e.history.seq = 0;
  e.forget = forget;
  e.forget_count = 1;
  CHECK(pq_manifest_apply(&m, &e) == PQ_ECORRUPT); /* its mark stays */
  e.forget_count = 0;
  CHECK(pq_manifest_apply(&m, &e) == PQ_OK);
  CHECK(m.retention.len == 70);
  pq_manifest_release(&m);
  CHECK(unit_live_len == 0);
}

/* Two spans of 5,000 events fit between two marks, three do not. */
static void test_retain_thin(void) {
  pq_cx cx;
  pq_arena arena;
  pq_manifest m;
  uint64_t *forget;
  uint32_t count;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  build(&m, &cx);
  CHECK(pq_manifest_spacing(&m) == 10000);
  CHECK(pq_manifest_thin(&m, &arena, 0, &forget, &count) == PQ_OK);
  CHECK(count == 2 && forget[0] == 1 && forget[1] == 3); /* 0 · 10000 · 20000 */
  CHECK(pq_manifest_thin(&m, &arena, 5000, &forget, &count) == PQ_OK);
  CHECK(count == 1 && forget[0] == 2); /* 5000 · 15000 20000 */
  CHECK(pq_manifest_thin(&m, &arena, 20000, &forget, &count) == PQ_OK);
  CHECK(count == 3 && forget[2] == 3);
  m.files[1].row_count = 80000;
  CHECK(pq_manifest_spacing(&m) == 20000);
  CHECK(pq_manifest_thin(&m, &arena, 0, &forget, &count) == PQ_OK);
  CHECK(count == 3);
  pq_arena_release(&arena);
  pq_manifest_release(&m);
  CHECK(unit_live_len == 0);
}

/* 1 to 3 add events, 4 makes one file of the first two, 5 forgets the first two marks. What a copy
 * as of entry 2 is made of: the merged file, as if it had been there, whatever comes later. */
static void test_retain_as_of(void) {
  static const char *merged[] = {"events/day=2026-01-01/1-1-a.parquet",
                                 "events/day=2026-01-01/1-2-a.parquet"};
  static const char *const names[] = {
      "events/day=2026-01-01/1-1-a.parquet", "events/day=2026-01-01/1-2-a.parquet",
      "events/day=2026-01-01/1-3-a.parquet", "events/day=2026-01-01/1-4-a.parquet", NULL};
  uint64_t forget[] = {1, 2};
  pq_entry_mark mark = {0};
  pq_cx cx;
  pq_arena arena;
  pq_manifest m, past, copy;
  pq_buf text;
  pq_cx_init(&cx, NULL, NULL);
  pq_arena_init(&arena, &cx, 1 << 20);
  pq_buf_init(&text, &cx, 1 << 20);
  pq_manifest_init(&m, &cx);
  pq_manifest_init(&copy, &cx);
  for (uint64_t n = 1; n <= 5; n++) {
    pq_file_info file;
    pq_log_entry e = entry(n, names[n - 1], &file);
    e.seq_hi = n <= 3 ? n * 5000 : 15000;
    if (n == 4) {
      file.seq_lo = 1;
      file.seq_hi = 10000;
      e.remove = merged;
      e.remove_count = 2;
      mark = pq_manifest_mark_between(&m, 12000);
      CHECK(mark.entry == 2);
    }
    if (n == 5) {
      e.forget = forget;
      e.forget_count = 2;
      CHECK(pq_manifest_at(&m, &mark, &arena, &past) == PQ_OK);
    }
    CHECK(pq_manifest_apply(&m, &e) == PQ_OK);
  }
  CHECK(pq_manifest_print(&past, &text) == PQ_OK);
  CHECK(pq_manifest_parse(&copy, "n/ckpt/00000000000000000002", pq_buf_slice(&text)) == PQ_OK);
  CHECK(copy.entry == 2 && copy.seq_hi == 10000 && copy.mark_count == 2);
  CHECK(copy.file_count == 1 && strcmp(copy.files[0].name, names[3]) == 0);
  CHECK(copy.files[0].added == 2 && copy.files[0].removed == PQ_ENTRY_NONE);
  pq_manifest_release(&copy);
  pq_manifest_release(&m);
  pq_buf_release(&text);
  pq_arena_release(&arena);
}

int main(void) {
  RUN(test_retain_forget_and_gone);
  RUN(test_retain_history);
  RUN(test_retain_thin);
  RUN(test_retain_as_of);
  return unit_end();
}
