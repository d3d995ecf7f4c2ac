/* The writer of any schema: what it refuses, annotations, levels, page versions, giving bytes away.
 *
 *   chain ──random levels──► pq_column ──write──► bytes ──cursor──► compare entry by entry
 */
#include "parquet_util.h"

#include "parquet/cursor_int.h"
#include "parquet/encode_int.h"
#include "parquet/writer.h"

enum { ENTRIES_MAX = 4000, TEXT_CAP = 16, FIXED_LEN = 5 };

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

#define LEAF(n, r, p) \
  { .name = n, .repetition = r, .phys = p, .field_id = -1 }
#define GROUP(n, r, count, k) \
  { .name = n, .repetition = r, .child_count = count, .note = {.kind = k}, .field_id = -1 }

/* ---- schemas ---- */

static void test_nested_refused(void) {
  static const pq_node_spec bad[][5] = {
      {GROUP("a", PQ_REQUIRED, 2, PQ_NOTE_NONE), LEAF("b", PQ_REQUIRED, PQ_PHYS_INT32)},
      {GROUP("a", PQ_OPTIONAL, 1, PQ_NOTE_LIST), LEAF("b", PQ_REQUIRED, PQ_PHYS_INT32)},
      {GROUP("a", PQ_REPEATED, 1, PQ_NOTE_LIST), LEAF("b", PQ_REPEATED, PQ_PHYS_INT32)},
      {GROUP("a", PQ_OPTIONAL, 2, PQ_NOTE_LIST), LEAF("b", PQ_REPEATED, PQ_PHYS_INT32),
       LEAF("c", PQ_REPEATED, PQ_PHYS_INT32)},
      {GROUP("a", PQ_OPTIONAL, 1, PQ_NOTE_MAP), LEAF("b", PQ_REPEATED, PQ_PHYS_INT32)},
      {GROUP("a", PQ_OPTIONAL, 1, PQ_NOTE_VARIANT), LEAF("value", PQ_OPTIONAL, PQ_PHYS_BYTES)},
      {GROUP("a", PQ_OPTIONAL, 1, PQ_NOTE_TEXT), LEAF("b", PQ_REQUIRED, PQ_PHYS_BYTES)},
      {LEAF("a", PQ_REQUIRED, PQ_PHYS_INT32), LEAF("a", PQ_REQUIRED, PQ_PHYS_INT64)},
      {LEAF("a", PQ_REQUIRED, PQ_PHYS_FIXED)},
      {LEAF("a", (pq_repetition)3, PQ_PHYS_INT32)},
      {LEAF("a", PQ_REQUIRED, (pq_phys)8)},
  };
  static const pq_node_spec leaves[] = {
      {.name = "a", .phys = PQ_PHYS_INT32, .note = {.kind = PQ_NOTE_TEXT}},
      {.name = "a", .phys = PQ_PHYS_BYTES, .note = {.kind = PQ_NOTE_TEXT, .id = 12}},
      {.name = "a", .phys = PQ_PHYS_INT32, .note = {.kind = PQ_NOTE_JSON}},
      {.name = "a", .phys = PQ_PHYS_INT64, .note = {.kind = PQ_NOTE_DATE}},
      {.name = "a", .phys = PQ_PHYS_INT64, .note = {.kind = PQ_NOTE_TIME, .digits = 3}},
      {.name = "a", .phys = PQ_PHYS_INT32, .note = {.kind = PQ_NOTE_TIME, .digits = 6}},
      {.name = "a", .phys = PQ_PHYS_INT32, .note = {.kind = PQ_NOTE_TIMESTAMP, .digits = 3}},
      {.name = "a", .phys = PQ_PHYS_INT64, .note = {.kind = PQ_NOTE_TIMESTAMP, .digits = 4}},
      {.name = "a", .phys = PQ_PHYS_INT64, .note = {.kind = PQ_NOTE_INTEGER, .bits = 32}},
      {.name = "a", .phys = PQ_PHYS_INT32, .note = {.kind = PQ_NOTE_INTEGER, .bits = 7}},
      {.name = "a", .phys = PQ_PHYS_INT32, .note = {.kind = PQ_NOTE_DECIMAL, .precision = 10}},
      {.name = "a", .phys = PQ_PHYS_INT64, .note = {.kind = PQ_NOTE_DECIMAL, .precision = 19}},
      {.name = "a", .phys = PQ_PHYS_INT64, .note = {.kind = PQ_NOTE_DECIMAL}},
      {.name = "a",
       .phys = PQ_PHYS_INT64,
       .note = {.kind = PQ_NOTE_DECIMAL, .precision = 4, .scale = 5}},
      {.name = "a",
       .phys = PQ_PHYS_FIXED,
       .type_len = 2,
       .note = {.kind = PQ_NOTE_DECIMAL, .precision = 5}},
      {.name = "a", .phys = PQ_PHYS_DOUBLE, .note = {.kind = PQ_NOTE_DECIMAL, .precision = 5}},
      {.name = "a", .phys = PQ_PHYS_FIXED, .type_len = 15, .note = {.kind = PQ_NOTE_UUID}},
      {.name = "a", .phys = PQ_PHYS_FIXED, .type_len = 4, .note = {.kind = PQ_NOTE_FLOAT16}},
      {.name = "a", .phys = PQ_PHYS_FIXED, .type_len = 8, .note = {.kind = PQ_NOTE_INTERVAL}},
      {.name = "a", .phys = PQ_PHYS_INT32, .note = {.kind = PQ_NOTE_OTHER, .id = 11}},
      {.name = "a", .phys = PQ_PHYS_BYTES, .note = {.kind = PQ_NOTE_OTHER}},
      {.name = "a", .phys = PQ_PHYS_BYTES, .note = {.kind = PQ_NOTE_LIST}},
      {.name = "a", .phys = PQ_PHYS_BYTES, .has_encoding = true, .encoding = PQ_ENC_RLE},
      {.name = "a", .phys = PQ_PHYS_BOOL, .has_encoding = true, .encoding = PQ_ENC_RLE_DICTIONARY},
  };
  pq_node_spec deep[70];
  pq_cx cx;
  pq_writer *w;
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint32_t count = 0;
    while (count < 5 && bad[i][count].name != NULL)
      count++;
    CHECK(pq_writer_new_nested(&cx, bad[i], count, (pq_writer_options){0}, &w) == PQ_EINVALID);
    CHECK(w == NULL && strstr(cx.msg, "column a") != NULL);
  }
  for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
    CHECK(pq_writer_new_nested(&cx, &leaves[i], 1, (pq_writer_options){0}, &w) == PQ_EINVALID);
    CHECK(w == NULL && strstr(cx.msg, "column a: ") != NULL);
  }
  for (int i = 0; i < 70; i++)
    deep[i] = (pq_node_spec){.name = "a", .child_count = i < 69, .field_id = -1};
  CHECK(pq_writer_new_nested(&cx, deep, 70, (pq_writer_options){0}, &w) == PQ_EINVALID);
  CHECK(unit_live_len == 0);
}

/* Every annotation comes back as it was given. */
static void test_nested_notes(void) {
  static const struct {
    pq_phys phys;
    uint32_t type_len;
    pq_note note;
  } cases[] = {
      {PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_TEXT, .id = 1}},
      {PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_TEXT, .id = 4}},
      {PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_JSON, .id = 12}},
      {PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_BYTES, .id = 13}},
      {PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_BYTES, .id = 17}},
      {PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_BYTES, .id = 18}},
      {PQ_PHYS_FIXED, 16, {.kind = PQ_NOTE_UUID, .id = 14}},
      {PQ_PHYS_FIXED, 2, {.kind = PQ_NOTE_FLOAT16, .id = 15}},
      {PQ_PHYS_FIXED, 12, {.kind = PQ_NOTE_INTERVAL}},
      {PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_DATE, .id = 6}},
      {PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_TIME, .digits = 3, .is_utc = true, .id = 7}},
      {PQ_PHYS_INT64, 0, {.kind = PQ_NOTE_TIME, .digits = 9, .id = 7}},
      {PQ_PHYS_INT64, 0, {.kind = PQ_NOTE_TIMESTAMP, .digits = 6, .id = 8}},
      {PQ_PHYS_INT64, 0, {.kind = PQ_NOTE_TIMESTAMP, .digits = 9, .is_utc = true, .id = 8}},
      {PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_INTEGER, .bits = 8, .id = 10}},
      {PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_INTEGER, .bits = 16, .is_unsigned = true, .id = 10}},
      {PQ_PHYS_INT64, 0, {.kind = PQ_NOTE_INTEGER, .bits = 64, .is_unsigned = true, .id = 10}},
      {PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_DECIMAL, .precision = 9, .scale = 2, .id = 5}},
      {PQ_PHYS_FIXED, 16, {.kind = PQ_NOTE_DECIMAL, .precision = 38, .scale = 38, .id = 5}},
      {PQ_PHYS_BYTES, 0, {.kind = PQ_NOTE_DECIMAL, .precision = 100, .id = 5}},
      {PQ_PHYS_INT32, 0, {.kind = PQ_NOTE_OTHER, .id = 11}},
      {PQ_PHYS_INT96, 0, {.kind = PQ_NOTE_NONE}},
  };
  enum { COUNT = sizeof cases / sizeof *cases };
  static char names[COUNT][16];
  pq_node_spec nodes[COUNT];
  pq_cx cx;
  pq_writer *w;
  opened o;
  unit_cx_init(&cx);
  for (int i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof names[i], "c%d", i);
    nodes[i] = (pq_node_spec){.name = names[i],
                              .repetition = PQ_OPTIONAL,
                              .note = cases[i].note,
                              .field_id = i,
                              .phys = cases[i].phys,
                              .type_len = cases[i].type_len};
  }
  CHECK(pq_writer_new_nested(&cx, nodes, COUNT, (pq_writer_options){0}, &w) == PQ_OK);
  CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
  CHECK(open_bytes(&o, &cx, pq_writer_bytes(w)) == PQ_OK);
  for (uint32_t i = 0; o.file.footer != NULL && i < COUNT; i++) {
    const pq_note *want = &cases[i].note, *got = &o.file.footer->leaves[i].note;
    CHECK(got->kind == want->kind && got->bits == want->bits && got->digits == want->digits);
    CHECK(got->is_unsigned == want->is_unsigned && got->is_utc == want->is_utc);
    CHECK(got->scale == want->scale && got->precision == want->precision && got->id == want->id);
    CHECK(o.file.footer->leaves[i].field_id == (int32_t)i);
  }
  opened_release(&o);
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

/* ---- columns of one leaf below a chain of groups ---- */

typedef struct chain {
  uint32_t group_count;
  pq_repetition repetitions[5]; /* of the groups, then of the leaf */
} chain;

static const chain chains[] = {
    {0, {PQ_REQUIRED}},
    {0, {PQ_OPTIONAL}},
    {0, {PQ_REPEATED}},
    {1, {PQ_OPTIONAL, PQ_OPTIONAL}},
    {2, {PQ_OPTIONAL, PQ_REPEATED, PQ_OPTIONAL}},
    {4, {PQ_REQUIRED, PQ_REPEATED, PQ_OPTIONAL, PQ_REPEATED, PQ_REQUIRED}},
};

typedef struct column_room {
  uint8_t def[ENTRIES_MAX], rep[ENTRIES_MAX], nulls[ENTRIES_MAX];
  union {
    uint8_t b[ENTRIES_MAX];
    int32_t i32[ENTRIES_MAX];
    int64_t i64[ENTRIES_MAX];
    float f32[ENTRIES_MAX];
    double f64[ENTRIES_MAX];
    pq_slice bytes[ENTRIES_MAX];
  } v;
  uint8_t text[ENTRIES_MAX][TEXT_CAP];
} column_room;

static column_room room;

static uint32_t chain_nodes(const chain *c, pq_node_spec leaf, pq_node_spec *out) {
  static const char *const names[] = {"a", "b", "c", "d", "e"};
  for (uint32_t i = 0; i < c->group_count; i++)
    out[i] = (pq_node_spec){
        .name = names[i], .repetition = c->repetitions[i], .child_count = 1, .field_id = -1};
  leaf.name = names[c->group_count];
  leaf.repetition = c->repetitions[c->group_count];
  out[c->group_count] = leaf;
  return c->group_count + 1;
}

static void fill_value(pq_phys phys, uint32_t i) {
  uint64_t r = next_random() % 200;
  switch (phys) {
    case PQ_PHYS_BOOL: room.v.b[i] = r & 1; break;
    case PQ_PHYS_INT32: room.v.i32[i] = (int32_t)r - 100; break;
    case PQ_PHYS_INT64: room.v.i64[i] = (int64_t)(r << 40) - 100; break;
    case PQ_PHYS_FLOAT: room.v.f32[i] = (float)r / 4; break;
    case PQ_PHYS_DOUBLE: room.v.f64[i] = (double)r / 4; break;
    default:
      memset(room.text[i], (int)('a' + r % 20), TEXT_CAP);
      room.v.bytes[i].p = room.text[i];
      room.v.bytes[i].n = phys == PQ_PHYS_INT96   ? 12
                          : phys == PQ_PHYS_FIXED ? FIXED_LEN
                                                  : (size_t)(r % TEXT_CAP);
  }
}

/* Random levels that a chain can have, and values. */
static pq_column make_column(const chain *c, pq_phys phys, uint32_t row_count) {
  uint8_t rep_defs[6] = {0}, def_max = 0, rep_max = 0;
  pq_column col = {.phys = phys, .row_count = row_count};
  uint32_t n = 0, rows = 0;
  for (uint32_t i = 0; i <= c->group_count; i++) {
    def_max = (uint8_t)(def_max + (c->repetitions[i] != PQ_REQUIRED));
    if (c->repetitions[i] == PQ_REPEATED) rep_defs[++rep_max] = def_max;
  }
  for (; n < ENTRIES_MAX; n++) {
    uint8_t rep = (uint8_t)(next_random() % (rep_max + 1u));
    uint8_t def = (uint8_t)(next_random() % 3 == 0 ? next_random() % (def_max + 1u) : def_max);
    if (n == 0 || room.def[n - 1] < rep_defs[rep]) rep = 0;
    if (rep == 0 && rows++ == row_count) break;
    if (def < rep_defs[rep]) def = rep_defs[rep];
    room.rep[n] = rep;
    room.def[n] = def;
    room.nulls[n] = def != def_max;
    fill_value(phys, n);
  }
  CHECK(n < ENTRIES_MAX);
  col.v.any = &room.v;
  if (rep_max > 0 || def_max > 1) {
    col.entry_count = n;
    col.def = room.def;
    col.rep = rep_max > 0 ? room.rep : NULL;
  } else if (def_max == 1) {
    col.nulls = room.nulls;
  }
  return col;
}

static bool is_same(const pq_column *a, const pq_column *b, uint32_t type_len) {
  pq_dense x = {.phys = a->phys, .type_len = type_len}, y = x;
  uint8_t tmp[2][8];
  if (a->row_count != b->row_count || pq_column_entries(a) != pq_column_entries(b)) return false;
  x.count = y.count = pq_column_entries(a);
  x.v.any = a->v.any;
  y.v.any = b->v.any;
  for (uint32_t i = 0; i < x.count; i++) {
    if (a->def != NULL && a->def[i] != b->def[i]) return false;
    if (a->rep != NULL && a->rep[i] != (b->rep == NULL ? 0 : b->rep[i])) return false;
    if (room.nulls[i] != 0) continue;
    if (a->def == NULL && pq_column_is_null(b, i)) return false;
    if (!pq_slice_eq(pq_dense_plain(&x, i, tmp[0]), pq_dense_plain(&y, i, tmp[1]))) return false;
  }
  return true;
}

static void check_read(pq_cx *cx, pq_slice bytes, const pq_column *want) {
  pq_cursor *c = NULL;
  pq_column got;
  opened o;
  int rc;
  CHECK(open_bytes(&o, cx, bytes) == PQ_OK);
  if (o.file.footer != NULL)
    CHECK(pq_cursor_new(cx, &o.file, 0, 0, NULL, (pq_cursor_options){0}, &c) == PQ_OK);
  if (c != NULL) {
    pq_cursor_clear(c);
    while ((rc = pq_cursor_read(c, want->row_count)) == PQ_NEED_IO)
      serve(pq_cursor_fetch(c), bytes);
    CHECK(rc == PQ_OK);
    if (rc != PQ_OK) fprintf(stderr, "%s\n", cx->msg);
    pq_cursor_batch(c, &got);
    CHECK(rc != PQ_OK || is_same(want, &got, o.file.footer->leaves[0].type_len));
  }
  pq_cursor_free(c);
  opened_release(&o);
}

static void check_chain(const chain *k, pq_node_spec leaf, pq_writer_options options) {
  pq_node_spec nodes[5];
  uint32_t count = chain_nodes(k, leaf, nodes);
  pq_column col = make_column(k, leaf.phys, 500);
  pq_cx cx;
  pq_writer *w = NULL;
  unit_cx_init(&cx);
  CHECK(pq_writer_new_nested(&cx, nodes, count, options, &w) == PQ_OK);
  CHECK(pq_writer_add(w, &col, 1) == PQ_OK);
  CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
  check_read(&cx, pq_writer_bytes(w), &col);
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

/* Every type in every encoding that it has, every shape, both page versions. */
static void test_nested_encodings(void) {
  static const pq_codec codecs[] = {PQ_CODEC_NONE, PQ_CODEC_SNAPPY, PQ_CODEC_GZIP, PQ_CODEC_ZSTD,
                                    PQ_CODEC_LZ4_RAW};
  unsigned round = 0;
  for (int phys = PQ_PHYS_BOOL; phys <= PQ_PHYS_FIXED; phys++) {
    for (int encoding = PQ_ENC_PLAIN; encoding <= PQ_ENC_BYTE_STREAM_SPLIT; encoding++) {
      pq_node_spec leaf = {.phys = (pq_phys)phys,
                           .type_len = FIXED_LEN,
                           .field_id = -1,
                           .has_stats = true,
                           .has_encoding = true,
                           .encoding = (pq_encoding)encoding,
                           .page_len = 300};
      if (!pq_encoding_is_legal(leaf.encoding, leaf.phys)) continue;
      for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        for (int v2 = 0; v2 < 2; v2++, round++) {
          pq_writer_options o = {.codec = codecs[round % 5], .is_v2 = v2 != 0};
          o.is_uncompressed = o.codec == PQ_CODEC_NONE;
          if (pq_codec_is_readable(o.codec)) check_chain(&chains[i], leaf, o);
        }
      }
    }
  }
}

/* A list of optional numbers, [1, 2] [] null [null]: the bytes of its only page. */
static void test_nested_golden(void) {
  static const chain list = {2, {PQ_OPTIONAL, PQ_REPEATED, PQ_OPTIONAL}};
  static uint8_t def[] = {3, 3, 1, 0, 2}, rep[] = {0, 1, 0, 0, 0};
  static int32_t values[] = {1, 2, 0, 0, 0};
  static const uint8_t v1[] = {2, 0, 0, 0, 3, 2, 3, 0, 0, 0, 3, 0x1f, 2, 1, 0, 0, 0, 2, 0, 0, 0};
  static const uint8_t v2[] = {3, 2, 3, 0x1f, 2, 1, 0, 0, 0, 2, 0, 0, 0};
  pq_node_spec leaf = {.phys = PQ_PHYS_INT32, .field_id = -1, .has_encoding = true};
  pq_node_spec nodes[5];
  pq_column col = {.phys = PQ_PHYS_INT32, .row_count = 4, .entry_count = 5, .def = def, .rep = rep};
  col.v.i32 = values;
  for (int i = 0; i < 2; i++) {
    pq_writer_options o = {.is_uncompressed = true, .is_v2 = i != 0};
    pq_slice body = i == 0 ? (pq_slice){v1, sizeof v1} : (pq_slice){v2, sizeof v2};
    bool is_found = false;
    pq_slice bytes;
    pq_cx cx;
    pq_writer *w;
    unit_cx_init(&cx);
    CHECK(pq_writer_new_nested(&cx, nodes, chain_nodes(&list, leaf, nodes), o, &w) == PQ_OK);
    CHECK(pq_writer_add(w, &col, 1) == PQ_OK && pq_writer_finish(w, NULL, 0) == PQ_OK);
    bytes = pq_writer_bytes(w);
    for (size_t at = 0; at + body.n <= bytes.n; at++)
      is_found = is_found || memcmp(bytes.p + at, body.p, body.n) == 0;
    CHECK(is_found);
    pq_writer_free(w);
    CHECK(unit_live_len == 0);
  }
}

/* Levels that contradict each other, or the schema. */
static void test_nested_bad_levels(void) {
  static const chain list = {2, {PQ_OPTIONAL, PQ_REPEATED, PQ_OPTIONAL}};
  static const struct {
    uint8_t def[3], rep[3];
    uint32_t rows;
  } cases[] = {
      {{3, 3, 4}, {0, 0, 0}, 3},                            /* above the maximum */
      {{3, 3, 3}, {0, 2, 0}, 2}, {{3, 3, 3}, {1, 0, 0}, 2}, /* begins in the middle */
      {{1, 3, 3}, {0, 1, 0}, 2},                            /* goes on with an empty list */
      {{3, 1, 3}, {0, 1, 0}, 2}, {{3, 3, 3}, {0, 1, 0}, 3}, /* another number of rows */
      {{3, 3, 3}, {0, 0, 0}, 2},
  };
  pq_node_spec leaf = {.phys = PQ_PHYS_INT32, .field_id = -1}, nodes[5];
  static int32_t values[3];
  pq_cx cx;
  pq_writer *w;
  unit_cx_init(&cx);
  CHECK(pq_writer_new_nested(&cx, nodes, chain_nodes(&list, leaf, nodes), (pq_writer_options){0},
                             &w) == PQ_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t def[3], rep[3];
    pq_column col = {.phys = PQ_PHYS_INT32, .row_count = cases[i].rows, .entry_count = 3};
    memcpy(def, cases[i].def, 3);
    memcpy(rep, cases[i].rep, 3);
    col.def = def;
    col.rep = rep;
    col.v.i32 = values;
    CHECK(pq_writer_add(w, &col, 1) == PQ_EINVALID && strstr(cx.msg, "column a.b.c: ") != NULL);
    CHECK(pq_writer_len(w) == 4);
    col.def = NULL;
    CHECK(pq_writer_add(w, &col, 1) == PQ_EINVALID);
  }
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

/* Two leaves of a group must agree on where it is null. */
static void test_nested_neighbours(void) {
  static const pq_node_spec nodes[] = {GROUP("g", PQ_OPTIONAL, 2, PQ_NOTE_NONE),
                                       LEAF("a", PQ_REQUIRED, PQ_PHYS_INT32),
                                       LEAF("b", PQ_REPEATED, PQ_PHYS_INT32)};
  static uint8_t nulls[] = {0, 1}, def[] = {2, 2, 0}, rep[] = {0, 1, 0}, other[] = {2, 2, 1};
  static int32_t values[3];
  pq_column c[2] = {{.phys = PQ_PHYS_INT32, .row_count = 2, .nulls = nulls},
                    {.phys = PQ_PHYS_INT32, .row_count = 2, .entry_count = 3}};
  pq_cx cx;
  pq_writer *w;
  unit_cx_init(&cx);
  c[0].v.i32 = c[1].v.i32 = values;
  c[1].def = other;
  c[1].rep = rep;
  CHECK(pq_writer_new_nested(&cx, nodes, 3, (pq_writer_options){0}, &w) == PQ_OK);
  CHECK(pq_writer_add(w, c, 2) == PQ_EINVALID && strstr(cx.msg, "column g.b: ") != NULL);
  CHECK(pq_writer_len(w) == 4);
  c[1].def = def;
  CHECK(pq_writer_add(w, c, 2) == PQ_OK);
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

/* Bytes given away in between are those of the whole file; failures leave no trace. */
static void test_nested_drain(void) {
  static const pq_node_spec node = {.name = "a",
                                    .phys = PQ_PHYS_BYTES,
                                    .field_id = -1,
                                    .has_stats = true,
                                    .has_bloom = true,
                                    .note = {.kind = PQ_NOTE_TEXT}};
  static uint8_t nulls[500] = {1};
  pq_column col = make_column(&chains[0], PQ_PHYS_BYTES, 500), bad = col;
  pq_cx cx;
  pq_writer *whole, *parts;
  pq_buf got;
  unit_cx_init(&cx);
  bad.nulls = nulls;
  pq_buf_init(&got, &cx, 1 << 20);
  CHECK(pq_writer_new_nested(&cx, &node, 1, (pq_writer_options){0}, &whole) == PQ_OK);
  CHECK(pq_writer_new_nested(&cx, &node, 1, (pq_writer_options){0}, &parts) == PQ_OK);
  for (int i = 0; i < 3; i++) {
    CHECK(pq_writer_add(whole, &col, 1) == PQ_OK && pq_writer_add(parts, &col, 1) == PQ_OK);
    if (i != 1) CHECK(pq_buf_put_slice(&got, pq_writer_drain(parts)) == PQ_OK);
    CHECK(pq_writer_add(parts, &bad, 1) == PQ_EINVALID);
    CHECK(pq_writer_len(parts) == pq_writer_len(whole));
  }
  CHECK(pq_writer_finish(whole, NULL, 0) == PQ_OK && pq_writer_finish(parts, NULL, 0) == PQ_OK);
  CHECK(pq_buf_put_slice(&got, pq_writer_drain(parts)) == PQ_OK);
  CHECK(pq_writer_drain(parts).n == 0);
  CHECK(pq_slice_eq(pq_buf_slice(&got), pq_writer_bytes(whole)));
  pq_writer_free(whole);
  pq_writer_free(parts);
  pq_buf_release(&got);
  CHECK(unit_live_len == 0);
}

static int write_some(pq_cx *cx, const pq_column *col, pq_writer **out) {
  pq_node_spec leaf = {
      .phys = PQ_PHYS_BYTES, .field_id = -1, .has_stats = true, .has_bloom = true, .page_len = 300};
  pq_node_spec nodes[5];
  uint32_t count = chain_nodes(&chains[5], leaf, nodes);
  PQ_TRY(pq_writer_new_nested(cx, nodes, count, (pq_writer_options){.is_v2 = true}, out));
  PQ_TRY(pq_writer_add(*out, col, 1));
  return pq_writer_finish(*out, NULL, 0);
}

static void test_nested_oom(void) {
  pq_column col = make_column(&chains[5], PQ_PHYS_BYTES, 100);
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_writer *w = NULL;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = write_some(&cx, &col, &w);
    pq_writer_free(w);
  }
}

int main(void) {
  CHECK(sizeof sample > 0);
  RUN(test_nested_refused);
  RUN(test_nested_notes);
  RUN(test_nested_encodings);
  RUN(test_nested_golden);
  RUN(test_nested_bad_levels);
  RUN(test_nested_neighbours);
  RUN(test_nested_drain);
  RUN(test_nested_oom);
  return unit_end();
}
