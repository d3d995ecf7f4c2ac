/* Unit tests of table/live_files.c: the files of an entry, event files by seq, new lists when the
 * manifest has changed. */
#include "table/live_files.h"

#include "unit.h"

enum { FILES = 9 };

static pq_file_info file(pq_file_kind kind, uint64_t added, uint64_t removed) {
  return (pq_file_info){.kind = kind, .name = "x", .added = added, .removed = removed};
}

static pq_file_info events(pq_file_kind kind, uint64_t seq_lo, uint64_t seq_hi, uint64_t added) {
  pq_file_info f = file(kind, added, PQ_ENTRY_NONE);
  f.seq_lo = seq_lo;
  f.seq_hi = seq_hi;
  f.ts_lo = (int64_t)seq_lo;
  f.ts_hi = (int64_t)seq_hi;
  f.row_count = seq_hi - seq_lo + 1;
  return f;
}

/* Entry 1 adds 0 and deletes 1; entry 2 replaces both by 2; events 1 to 30 in three files, the
 * second of which has no index. */
static void fill(pq_file_info files[FILES]) {
  files[0] = file(PQ_FILE_DATA, 1, 2);
  files[1] = file(PQ_FILE_DELETES, 1, 2);
  files[2] = file(PQ_FILE_DATA, 2, PQ_ENTRY_NONE);
  files[3] = events(PQ_FILE_EVENTS, 21, 30, 3);
  files[4] = events(PQ_FILE_EVENTS, 1, 10, 1);
  files[5] = events(PQ_FILE_EVENTS, 11, 20, 2);
  files[6] = events(PQ_FILE_EVENT_INDEX, 1, 10, 1);
  files[7] = events(PQ_FILE_EVENT_INDEX, 21, 30, 3);
  files[8] = file(PQ_FILE_DATA, PQ_ENTRY_NONE, PQ_ENTRY_NONE); /* of a bulk write */
  files[8].pending_seq = 35;
}

static void test_live_files_lists(void) {
  pq_file_info files[FILES];
  pq_cx cx;
  pq_live_files l = {0};
  const pq_live_list *list;
  pq_manifest m = {.cx = &cx, .entry = 3, .files = files, .file_count = FILES - 1};
  pq_cx_init(&cx, NULL, NULL);
  fill(files);
  CHECK(pq_live_files_of(&l, &m, 1, &list) == PQ_OK);
  CHECK(list->data_count == 1 && list->delete_count == 1);
  CHECK(list->data[0] == 0 && list->data[1] == 1);
  CHECK(pq_live_files_of(&l, &m, 3, &list) == PQ_OK);
  CHECK(list->data_count == 1 && list->delete_count == 0 && list->data[0] == 2);
  CHECK(pq_live_files_of(&l, &m, 0, &list) == PQ_OK);
  CHECK(list->data_count == 0 && list->delete_count == 0);
  m.file_count = FILES; /* a bulk write comes */
  CHECK(pq_live_files_of(&l, &m, 3, &list) == PQ_OK);
  CHECK(list->data_count == 2 && list->data[1] == 8);
  files[2].removed = m.entry = 4;
  for (uint64_t entry = 0; entry < 3 * PQ_LIVE_LISTS_MAX; entry++) { /* the oldest ones go */
    CHECK(pq_live_files_of(&l, &m, entry % 5, &list) == PQ_OK);
    CHECK(list->data_count == (entry % 5 == 0 || entry % 5 == 4 ? 1 : 2));
    CHECK(pq_live_files_of(&l, &m, 100 + entry, &list) == PQ_OK);
  }
  pq_live_files_clear(&l, &cx);
}

static uint32_t ask(pq_live_files *l, const pq_manifest *m, pq_arena *arena, pq_event_want want,
                    pq_event_source **out) {
  uint32_t count = 0;
  CHECK(pq_live_files_events(l, m, arena, &want, out, &count) == PQ_OK);
  return count;
}

static void test_live_files_events(void) {
  pq_file_info files[FILES];
  pq_cx cx;
  pq_arena arena;
  pq_live_files l = {0};
  pq_event_source *s;
  pq_manifest m = {.cx = &cx, .entry = 3, .files = files, .file_count = FILES};
  pq_cx_init(&cx, NULL, NULL);
  pq_arena_init(&arena, &cx, 1 << 20);
  fill(files);
  CHECK(ask(&l, &m, &arena, (pq_event_want){.seq_hi = UINT64_MAX, .ts_hi = 100}, &s) == 3);
  CHECK(s[0].events == &files[4] && s[0].index == &files[6]);
  CHECK(s[1].events == &files[5] && s[1].index == NULL);
  CHECK(s[2].events == &files[3] && s[2].index == &files[7]);
  CHECK(ask(&l, &m, &arena, (pq_event_want){.seq_lo = 10, .seq_hi = 11, .ts_hi = 100}, &s) == 2);
  CHECK(ask(&l, &m, &arena, (pq_event_want){.seq_lo = 11, .seq_hi = 20, .ts_hi = 100}, &s) == 1);
  CHECK(s[0].events == &files[5]);
  CHECK(ask(&l, &m, &arena, (pq_event_want){.seq_lo = 5, .seq_hi = 30, .ts_hi = 20}, &s) == 2);
  CHECK(ask(&l, &m, &arena, (pq_event_want){.seq_lo = 31, .seq_hi = 90, .ts_hi = 100}, &s) == 0);
  files[4].removed = files[6].removed = m.entry = 4; /* history is dropped */
  CHECK(ask(&l, &m, &arena, (pq_event_want){.seq_hi = UINT64_MAX, .ts_hi = 100}, &s) == 2);
  pq_live_files_clear(&l, &cx);
  pq_arena_release(&arena);
}

int main(void) {
  RUN(test_live_files_lists);
  RUN(test_live_files_events);
  return unit_end();
}
