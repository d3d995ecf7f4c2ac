/* Unit tests of log/manifest_join.c: a copy keeps what its source has dropped. */
#include "log/manifest_join.h"

#include "unit.h"

enum { ENTRIES = 6 };

/* Entry n: event file n with event n; data file n, which replaces that of n - 1. */
static pq_log_entry entry(uint64_t n, pq_file_info files[2], const char **remove) {
  static char names[ENTRIES + 1][2][48], commits[ENTRIES + 1][17];
  pq_log_entry e = {.entry = n, .seq_hi = n, .ts_hi = (int64_t)n * 10, .epoch = 1};
  for (uint64_t i = n - 1; i <= n; i++) {
    snprintf(names[i][0], sizeof names[i][0], "events/day=1970-01-01/1-%u-a.parquet", (unsigned)i);
    snprintf(names[i][1], sizeof names[i][1], "data/t/1-%u-b.parquet", (unsigned)i);
    snprintf(commits[i], sizeof commits[i], "%016x", (unsigned)i);
  }
  files[0] = (pq_file_info){.kind = PQ_FILE_EVENTS,
                            .name = names[n][0],
                            .len = 100,
                            .footer_len = 10,
                            .row_count = 1,
                            .seq_lo = n,
                            .seq_hi = n,
                            .ts_lo = e.ts_hi,
                            .ts_hi = e.ts_hi};
  files[1] = (pq_file_info){.kind = PQ_FILE_DATA,
                            .name = names[n][1],
                            .collection = PQ_SLICE("t"),
                            .len = 200,
                            .footer_len = 10,
                            .row_count = 1,
                            .id_min = PQ_SLICE("t/a"),
                            .id_max = PQ_SLICE("t/a")};
  e.writer = PQ_SLICE("00000000000000a1");
  e.commit = pq_str(commits[n]);
  if (n > 1) e.parent = pq_str(commits[n - 1]);
  e.add = files;
  e.add_count = 2;
  *remove = names[n - 1][1];
  if (n > 1) e.remove = remove;
  if (n > 1) e.remove_count = 1;
  return e;
}

static void grow(pq_manifest *m, uint64_t to) {
  while (m->entry < to) {
    pq_file_info files[2];
    const char *remove;
    pq_log_entry e = entry(m->entry + 1, files, &remove);
    CHECK(pq_manifest_apply(m, &e) == PQ_OK);
  }
}

/* History before event `seq` goes, with its event files. */
static void drop(pq_manifest *m, uint64_t seq) {
  uint64_t forget[ENTRIES];
  const char *remove[ENTRIES];
  static char names[ENTRIES + 1][48];
  pq_log_entry e = {.entry = m->entry + 1, .seq_hi = m->seq_hi, .ts_hi = m->ts_hi, .epoch = 1};
  e.writer = PQ_SLICE("00000000000000a1");
  e.commit = PQ_SLICE("00000000000000ff");
  e.parent = m->commit;
  e.forget = forget;
  e.remove = remove;
  for (uint64_t i = 1; i <= seq; i++) {
    snprintf(names[i], sizeof names[i], "events/day=1970-01-01/1-%u-a.parquet", (unsigned)i);
    remove[e.remove_count++] = names[i];
    if (i < seq) forget[e.forget_count++] = i;
  }
  e.history = (pq_history_start){.seq = seq, .ts = (int64_t)seq * 10};
  CHECK(pq_manifest_apply(m, &e) == PQ_OK);
}

/* What is printed is read again, as a copy does. */
static void copy(const pq_manifest *m, pq_cx *cx, pq_manifest *out) {
  char key[PQ_LOG_KEY_CAP];
  pq_buf text;
  pq_buf_init(&text, cx, 1 << 20);
  pq_ckpt_key(m->entry, key);
  pq_manifest_init(out, cx);
  CHECK(pq_manifest_print(m, &text) == PQ_OK);
  CHECK(pq_manifest_parse(out, key, pq_buf_slice(&text)) == PQ_OK);
  pq_buf_release(&text);
}

static void test_join_keeps(void) {
  pq_cx cx;
  pq_manifest m, older, newer, joined;
  pq_arena scratch;
  pq_buf text;
  uint32_t event_files = 0;
  unit_cx_init(&cx);
  pq_arena_init(&scratch, &cx, 1 << 20);
  pq_buf_init(&text, &cx, 1 << 20);
  pq_manifest_init(&m, &cx);
  pq_manifest_init(&joined, &cx);
  grow(&m, 3);
  copy(&m, &cx, &older);
  drop(&m, 2); /* entry 4 */
  copy(&m, &cx, &newer);
  CHECK(pq_manifest_join(&older, &newer, "k", &scratch, &text) == PQ_OK);
  CHECK(pq_manifest_parse(&joined, "ckpt/00000000000000000004", pq_buf_slice(&text)) == PQ_OK);
  CHECK(joined.entry == 4 && joined.history.seq == 0 && joined.mark_count == 4);
  for (uint64_t n = 1; n <= 3; n++) { /* each instant has the file that it had */
    pq_file_info files[2];
    const char *remove;
    (void)entry(n, files, &remove);
    CHECK(pq_file_is_live(pq_manifest_file(&joined, pq_str(files[1].name)), n));
    CHECK(!pq_file_is_live(pq_manifest_file(&joined, pq_str(files[1].name)), n + 1) || n == 3);
  }
  for (uint32_t i = 0; i < joined.file_count; i++)
    event_files +=
        joined.files[i].kind == PQ_FILE_EVENTS && joined.files[i].removed == PQ_ENTRY_NONE;
  CHECK(event_files == 3);
  pq_manifest_release(&m);
  pq_manifest_release(&older);
  pq_manifest_release(&newer);
  pq_manifest_release(&joined);
  pq_buf_release(&text);
  pq_arena_release(&scratch);
  CHECK(unit_live_len == 0);
}

/* Another namespace, a later copy, and a gap. */
static void test_join_refuses(void) {
  pq_cx cx;
  pq_manifest m, short_one, other, gap;
  pq_arena scratch;
  pq_buf text;
  unit_cx_init(&cx);
  pq_arena_init(&scratch, &cx, 1 << 20);
  pq_buf_init(&text, &cx, 1 << 20);
  pq_manifest_init(&m, &cx);
  grow(&m, 2);
  copy(&m, &cx, &short_one);
  grow(&m, 5);
  CHECK(pq_manifest_join(&m, &short_one, "k", &scratch, &text) == PQ_EINVALID);
  CHECK(strstr(cx.msg, "no older copy") != NULL);
  copy(&short_one, &cx, &other);
  other.marks[0].ts_hi++;
  CHECK(pq_manifest_join(&other, &m, "k", &scratch, &text) == PQ_EINVALID);
  drop(&m, 4);
  copy(&m, &cx, &gap);
  CHECK(pq_manifest_join(&short_one, &gap, "k", &scratch, &text) == PQ_EINVALID);
  CHECK(strstr(cx.msg, "events up to 4 were dropped") != NULL);
  CHECK(text.len == 0);
  pq_manifest_release(&m);
  pq_manifest_release(&short_one);
  pq_manifest_release(&other);
  pq_manifest_release(&gap);
  pq_buf_release(&text);
  pq_arena_release(&scratch);
}

int main(void) {
  RUN(test_join_keeps);
  RUN(test_join_refuses);
  return unit_end();
}
