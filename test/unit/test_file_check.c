/* test/unit/test_file_check.c - a file read from end to end: the facts of its chunks, no problem in
 * a whole file, a problem for every damaged byte of a page, running out of memory. Also the text of
 * a schema. The file is Arrow's sample of parquet_util.h.
 */
#include "parquet/file_check.h"

#include "parquet/schema_text.h"
#include "parquet_util.h"

static unsigned problem_count;
static char last_problem[300];

static void found(void *ud, const char *problem) {
  (void)ud;
  problem_count++;
  (void)snprintf(last_problem, sizeof last_problem, "%s", problem);
}

/* Check all chunks; the facts of the last are in *out. */
static int check_all(opened *o, pq_cx *cx, bool only_headers, pq_chunk_facts *out) {
  pq_file_check_options options = {.only_headers = only_headers, .found = found};
  const pq_footer *f = o->file.footer;
  pq_file_check *c;
  int rc = pq_file_check_new(cx, &o->file, options, &c);
  problem_count = 0;
  if (rc == PQ_OK) rc = pq_file_check_footer(c);
  for (uint32_t i = 0; rc == PQ_OK && i < f->row_group_count * f->leaf_count; i++)
    DRIVE(rc, pq_file_check_fetch(c), o->bytes, pq_file_check_next(c, out));
  pq_file_check_free(c);
  return rc;
}

static void test_file_check_whole(void) {
  pq_chunk_facts facts;
  opened o;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, (pq_slice){sample, sizeof sample}) == PQ_OK);
  CHECK(check_all(&o, &cx, false, &facts) == PQ_OK);
  CHECK(problem_count == 0);
  if (problem_count > 0) fprintf(stderr, "  %s\n", last_problem);
  CHECK(facts.row_group == 1 && facts.leaf == SAMPLE_LEAVES - 1);
  CHECK(facts.data_page_count == 2 && facts.v2_page_count == 2 && facts.crc_page_count == 2);
  CHECK(facts.encodings == 1u << PQ_ENC_PLAIN && facts.dictionary_page_count == 0);
  CHECK(facts.row_count == SAMPLE_ROWS - SAMPLE_GROUP_ROWS && facts.null_count == 0);
  CHECK(check_all(&o, &cx, true, &facts) == PQ_OK);
  CHECK(facts.data_page_count == 2 && facts.row_count == 0 && facts.entry_count == 15);
  opened_release(&o);
}

static void test_file_check_damage(void) {
  static uint8_t copy[sizeof sample];
  uint64_t end;
  pq_chunk_facts facts;
  opened o;
  pq_cx cx;
  unsigned missed = 0;
  unit_cx_init(&cx);
  memcpy(copy, sample, sizeof sample);
  CHECK(open_bytes(&o, &cx, (pq_slice){copy, sizeof copy}) == PQ_OK);
  end = o.file.footer->row_groups[1].chunks[SAMPLE_LEAVES - 1].off +
        o.file.footer->row_groups[1].chunks[SAMPLE_LEAVES - 1].len;
  for (uint64_t at = 4; at < end; at++) {
    copy[at] ^= 0x10;
    CHECK(check_all(&o, &cx, false, &facts) == PQ_OK);
    missed += problem_count == 0;
    copy[at] ^= 0x10;
  }
  CHECK(missed < end / 10); /* fields of page headers that nobody needs */
  opened_release(&o);
}

/* Statistics that are not true. */
static void test_file_check_stats(void) {
  uint8_t nine[8] = {9};
  pq_chunk_facts facts;
  pq_stats *s;
  opened o;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, (pq_slice){sample, sizeof sample}) == PQ_OK);
  s = &o.file.footer->row_groups[0].chunks[1].stats; /* n: -7 and more */
  CHECK(s->has_min && s->has_null_count);
  s->min = (pq_slice){nine, sizeof nine};
  CHECK(check_all(&o, &cx, false, &facts) == PQ_OK);
  CHECK(problem_count == 1 && strstr(last_problem, "row group 0, column n: a value outside"));
  s->has_min = false;
  s->null_count++;
  CHECK(check_all(&o, &cx, false, &facts) == PQ_OK);
  CHECK(problem_count == 1 && strstr(last_problem, "column n: nulls: 5, but the file says 6"));
  opened_release(&o);
}

static void test_file_check_no_memory(void) {
  for (long n = 1; n > 0;) {
    pq_chunk_facts facts;
    opened o;
    pq_cx cx;
    int rc;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = open_bytes(&o, &cx, (pq_slice){sample, sizeof sample});
    if (rc == PQ_OK) rc = check_all(&o, &cx, false, &facts);
    opened_release(&o);
    n = unit_oom_next(n, rc);
  }
}

static void test_file_check_schema_text(void) {
  static const char wanted[] =
      "  required binary id (STRING);\n"
      "  optional int64 n;\n"
      "  optional binary s (STRING);\n"
      "  required boolean ok;\n"
      "  required int64 at (TIMESTAMP(MICROS,true));\n"
      "  required double x;\n"
      "}\n";
  opened o;
  pq_cx cx;
  pq_buf b;
  unit_cx_init(&cx);
  pq_buf_init(&b, &cx, 1 << 20);
  CHECK(open_bytes(&o, &cx, (pq_slice){sample, sizeof sample}) == PQ_OK);
  CHECK(pq_schema_text_print(&b, o.file.footer, false) == PQ_OK);
  CHECK(pq_buf_put_byte(&b, 0) == PQ_OK);
  CHECK(strstr((const char *)b.p, wanted) != NULL);
  if (strstr((const char *)b.p, wanted) == NULL) fprintf(stderr, "  %s\n", (const char *)b.p);
  pq_buf_release(&b);
  opened_release(&o);
}

int main(void) {
  RUN(test_file_check_whole);
  RUN(test_file_check_damage);
  RUN(test_file_check_stats);
  RUN(test_file_check_no_memory);
  RUN(test_file_check_schema_text);
  return unit_end();
}
