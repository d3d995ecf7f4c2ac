/* Unit tests of log/record_text.c: what is read in the quick way, and what is left to the
 * document's reader. That both say the same is the fuzzer's part (test/fuzz/fuzz_log_entry.c). */
#include "log/log_int.h"
#include "unit.h"

#define EVENTS                                                                                 \
  "{\"kind\":\"events\",\"name\":\"events/day=2026-01-01/1\",\"len\":500,\"footerLen\":100,"   \
  "\"rows\":3,\"crc\":4294967295,\"footerCrc\":7,\"seqLo\":1,\"seqHi\":3,\"tsLo\":-5,\"tsHi\"" \
  ":9,\"added\":2}"
#define DATA                                                                                    \
  "{\"kind\":\"data\",\"name\":\"data/posts/1\",\"collection\":\"posts\",\"formSeq\":4,\"len\"" \
  ":900,\"footerLen\":100,\"rows\":7,\"idMin\":\"a\",\"idMax\":\"z\",\"blooms\":[{\"off\":4,"   \
  "\"len\":3,\"crc\":891568578,\"min\":\"a\",\"max\":\"m\",\"bytes\":\"YWJj\"},{\"off\":7,"     \
  "\"len\":9,\"crc\":1,\"min\":\"m\",\"max\":\"z\"}],\"types\":[\"Post\",\"Draft\"],\"added\""  \
  ":1,\"removed\":2,\"freedAt\":6}"
#define LINE(records) "{\"entry\":3,\"files\":[" records "],\"collections\":[]}"

static uint32_t read(pq_arena *arena, const char *line, bool is_checkpoint, pq_file_records *out) {
  pq_log_doc d = {.cx = arena->cx, .arena = arena, .key = "k", .is_checkpoint = is_checkpoint};
  CHECK(pq_file_records_read(&d, "files", pq_str(line), out) == PQ_OK);
  return out->count;
}

static void test_records(void) {
  static const char line[] = LINE(DATA "," EVENTS);
  pq_file_records r;
  pq_arena arena;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(read(&arena, line, true, &r) == 2);
  if (r.count == 2) {
    const pq_file_info *f = &r.files[0], *e = &r.files[1];
    CHECK(f->kind == PQ_FILE_DATA && pq_slice_is(f->collection, "posts") && f->added == 1);
    CHECK(f->has_form && f->form_seq == 4 && f->len == 900 && f->footer_len == 100);
    CHECK(f->row_count == 7 && !f->has_crc && f->removed == 2 && f->freed_at == 6);
    CHECK(pq_slice_is(f->id_min, "a") && pq_slice_is(f->id_max, "z") && f->bloom_count == 2);
    CHECK(pq_slice_is(f->blooms[0].bytes, "abc") && pq_slice_is(f->blooms[0].max, "m"));
    CHECK(f->blooms[1].bytes.n == 0 && f->blooms[1].off == 7 && f->blooms[1].len == 9);
    CHECK(f->type_count == 2 && pq_slice_is(f->types[1], "Draft"));
    CHECK(e->kind == PQ_FILE_EVENTS && pq_slice_is(pq_str(e->name), "events/day=2026-01-01/1"));
    CHECK(e->has_crc && e->crc == UINT32_MAX && e->footer_crc == 7 && e->seq_hi == 3);
    CHECK(e->ts_lo == -5 && e->ts_hi == 9 && e->removed == PQ_ENTRY_NONE);
    CHECK(line[r.from - 1] == '[' && line[r.to] == ']');
  }
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* One change to a line that is read; nothing of it is. */
static void test_records_left(void) {
  static const struct {
    const char *from, *to;
  } changes[] = {{"{\"kind", " {\"kind"},
                 {"\"data\"", "\"date\""},
                 {"data/posts/1", "data/posts/\\u0031"},
                 {"data/posts/1", "data/../1"},
                 {"\"formSeq\":4,", "\"other\":4,"},
                 {"\"len\":900", "\"len\":0900"},
                 {"\"len\":900", "\"len\":-900"},
                 {"\"len\":900", "\"len\":9e2"},
                 {"\"len\":900", "\"len\":9000000000000000000"},
                 {"\"len\":900", "\"len\":50"},
                 {"\"rows\":7", "\"rows\":7,\"crc\":4294967296,\"footerCrc\":1"},
                 {"\"idMin\":\"a\"", "\"idMin\":\"zz\""},
                 {"\"idMin\":\"a\"", "\"idMin\":\"\xff\""},
                 {",\"min\":\"m\",\"max\":\"z\"", ""},
                 {"YWJj", "YWJ"},
                 {"YWJj", "YWJk"},
                 {"891568578", "891568579"},
                 {"\"len\":3,", "\"len\":3000000000,"},
                 {"[\"Post\"", "[\"\",\"Post\""},
                 {"[\"Post\"", "[1,\"Post\""},
                 {"[\"Post\"", "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"Post\""},
                 {",\"added\":1", ""},
                 {",\"freedAt\":6", ",\"freedAt\":0"},
                 {"}],\"coll", "},],\"coll"},
                 {"}],\"coll", "}"},
                 {"\"files\"", "\"other\""},
                 {"\"entry\":3", "\"entry\":[3]"},
                 {"\"entry\":3", "\"entry\":{\"a\":3}"},
                 {"\"entry\":3", "\"entry\":\"\\\"\""}};
  static const char line[] = LINE(DATA);
  pq_file_records r;
  pq_arena arena;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(read(&arena, line, true, &r) == 1);
  CHECK(read(&arena, line, false, &r) == 0); /* an entry's has no lifetime */
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    const char *at = strstr(line, changes[i].from);
    char changed[2048];
    if (at == NULL) at = line;
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - line), line, changes[i].to,
             at + strlen(changes[i].from));
    if (read(&arena, changed, true, &r) != 0) printf("  %s\n", changed);
    CHECK(r.count == 0);
  }
  for (size_t n = 0; n < sizeof line - 20; n++) {
    char *cut = malloc(n + 1);
    memcpy(cut, line, n);
    cut[n] = '\0';
    CHECK(read(&arena, cut, true, &r) == 0);
    free(cut);
  }
  pq_arena_release(&arena);
}

static void test_records_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_file_records r;
    pq_arena arena;
    pq_cx cx;
    unit_cx_init(&cx);
    pq_arena_init(&arena, &cx, 1 << 20);
    unit_fail_at = n;
    rc = pq_file_records_read(&(pq_log_doc){.cx = &cx, .arena = &arena, .is_checkpoint = true},
                              "files", PQ_SLICE(LINE(DATA "," EVENTS)), &r);
    if (rc != PQ_OK) CHECK(r.count == 0);
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_records);
  RUN(test_records_left);
  RUN(test_records_oom);
  return unit_end();
}
