/* Chunks: which encoding is chosen for which values, and that every choice can be read back with
 * every pattern of nulls, extreme values included; bounds hold for all of them.
 *
 *   case ──make──► pq_column ──write, page_len 2 KiB──► bytes ──read──► compare value by value
 */
#include "parquet/chunk_write_int.h"
#include "parquet_util.h"

enum { ROWS = 12000, SECOND_ROWS = 100, TEXT_CAP = 96 };

typedef enum nulls_kind { NONE, NEVER, SOME, BLOCKS, ALL } nulls_kind;

typedef enum values_kind {
  CONSTANT,
  SEQUENCE,
  SMALL, /* few distinct values */
  RANDOM,
  IDS,     /* all begin with the same bytes, then there are random ones */
  EXTREME, /* NaN, zeros, ends of the range, empty and long strings of 0xff */
  LONG     /* text beyond the length of bounds, without a successor */
} values_kind;

typedef struct column_case {
  pq_phys phys;
  pq_logical logical;
  uint32_t type_len;
  pq_hint hint;
  values_kind values;
  pq_encoding encoding; /* expected */
} column_case;

static const column_case cases[] = {
    {PQ_PHYS_BOOL, PQ_LOGICAL_NONE, 0, PQ_HINT_AUTO, RANDOM, PQ_ENC_PLAIN},
    {PQ_PHYS_BOOL, PQ_LOGICAL_NONE, 0, PQ_HINT_AUTO, CONSTANT, PQ_ENC_RLE},
    {PQ_PHYS_INT32, PQ_LOGICAL_NONE, 0, PQ_HINT_AUTO, RANDOM, PQ_ENC_PLAIN},
    {PQ_PHYS_INT32, PQ_LOGICAL_DATE, 0, PQ_HINT_AUTO, SMALL, PQ_ENC_RLE_DICTIONARY},
    {PQ_PHYS_INT32, PQ_LOGICAL_NONE, 0, PQ_HINT_SORTED, EXTREME, PQ_ENC_DELTA_BINARY_PACKED},
    {PQ_PHYS_INT64, PQ_LOGICAL_NONE, 0, PQ_HINT_AUTO, CONSTANT, PQ_ENC_RLE_DICTIONARY},
    {PQ_PHYS_INT64, PQ_LOGICAL_TIMESTAMP_US, 0, PQ_HINT_AUTO, SEQUENCE, PQ_ENC_DELTA_BINARY_PACKED},
    {PQ_PHYS_INT64, PQ_LOGICAL_NONE, 0, PQ_HINT_SORTED, EXTREME, PQ_ENC_DELTA_BINARY_PACKED},
    {PQ_PHYS_INT64, PQ_LOGICAL_NONE, 0, PQ_HINT_PLAIN, SMALL, PQ_ENC_PLAIN},
    {PQ_PHYS_FLOAT, PQ_LOGICAL_NONE, 0, PQ_HINT_AUTO, EXTREME, PQ_ENC_RLE_DICTIONARY},
    {PQ_PHYS_DOUBLE, PQ_LOGICAL_NONE, 0, PQ_HINT_AUTO, RANDOM, PQ_ENC_PLAIN},
    {PQ_PHYS_DOUBLE, PQ_LOGICAL_NONE, 0, PQ_HINT_AUTO, SEQUENCE, PQ_ENC_BYTE_STREAM_SPLIT},
    {PQ_PHYS_DOUBLE, PQ_LOGICAL_NONE, 0, PQ_HINT_PLAIN, EXTREME, PQ_ENC_PLAIN},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_SORTED, SEQUENCE, PQ_ENC_DELTA_BYTE_ARRAY},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_SORTED, EXTREME, PQ_ENC_DELTA_BYTE_ARRAY},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_AUTO, SMALL, PQ_ENC_RLE_DICTIONARY},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_AUTO, CONSTANT, PQ_ENC_RLE_DICTIONARY},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_AUTO, SEQUENCE, PQ_ENC_DELTA_BYTE_ARRAY},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_AUTO, RANDOM, PQ_ENC_DELTA_LENGTH_BYTE_ARRAY},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_AUTO, IDS, PQ_ENC_DELTA_BYTE_ARRAY},
    {PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, PQ_HINT_PLAIN, LONG, PQ_ENC_PLAIN},
    {PQ_PHYS_BYTES, PQ_LOGICAL_NONE, 0, PQ_HINT_PLAIN, EXTREME, PQ_ENC_PLAIN},
    {PQ_PHYS_FIXED, PQ_LOGICAL_UUID, 16, PQ_HINT_AUTO, RANDOM, PQ_ENC_PLAIN},
    {PQ_PHYS_FIXED, PQ_LOGICAL_NONE, 3, PQ_HINT_AUTO, SMALL, PQ_ENC_RLE_DICTIONARY},
};

static uint64_t random_state;

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

/* ---- making columns ---- */

static int64_t number_of(values_kind kind, uint32_t i) {
  static const int64_t ends[] = {INT64_MIN, INT64_MAX, 0, -1, INT32_MIN, INT32_MAX};
  switch (kind) {
    case CONSTANT: return 7;
    case SEQUENCE: return 1700000000000000 + (int64_t)i * 1000;
    case SMALL: return (int64_t)(next_random() % 30) * 1000 - 15000;
    case EXTREME: return ends[next_random() % 6];
    case RANDOM:
    case IDS:
    case LONG: break;
  }
  return (int64_t)next_random();
}

static double double_of(values_kind kind, uint32_t i) {
  double zero = 0, some[] = {zero / zero, 1 / zero, -1 / zero, 0.0, -0.0, 1.5};
  return kind == EXTREME ? some[next_random() % 6] : (double)number_of(kind, i) / 7;
}

static pq_slice text_of(const column_case *k, uint32_t i, char *room) {
  unsigned long long r = next_random();
  size_t n = 0;
  if (k->phys == PQ_PHYS_FIXED) {
    for (; n < k->type_len; n++)
      room[n] = k->values == RANDOM ? (char)next_random() : (char)(r % 5);
    return (pq_slice){(const uint8_t *)room, n};
  }
  switch (k->values) {
    case CONSTANT: return PQ_SLICE("constant");
    case SEQUENCE: n = (size_t)snprintf(room, TEXT_CAP, "prefix/%08u", i); break;
    case SMALL: n = (size_t)snprintf(room, TEXT_CAP, "v%d", (int)(r % 30)); break;
    case RANDOM:
      snprintf(room, TEXT_CAP, "%016llx", r);
      n = 2 + r % 15;
      break;
    case IDS: n = (size_t)snprintf(room, TEXT_CAP, "people/%u", (unsigned)(r % 100000)); break;
    case EXTREME:
      memset(room, 0xff, TEXT_CAP);
      n = r % TEXT_CAP;
      break;
    case LONG:
      for (n = 0; n < r % 20 * 4; n += 4)
        memcpy(room + n, "\xf4\x8f\xbf\xbf", 4);
      break;
  }
  return (pq_slice){(const uint8_t *)room, n};
}

static bool is_null_row(nulls_kind kind, uint32_t i) {
  if (kind == SOME) return next_random() % 3 == 0;
  return kind == ALL || (kind == BLOCKS && i / 3000 % 2 == 1);
}

static pq_column make_column(const column_case *k, nulls_kind nulls, pq_arena *arena) {
  pq_column c = {.phys = k->phys, .row_count = ROWS};
  char *room = pq_arena_alloc(arena, (size_t)ROWS * TEXT_CAP);
  c.v.any = pq_arena_calloc(arena, ROWS, sizeof(pq_slice));
  if (nulls != NONE && nulls != NEVER) c.nulls = pq_arena_calloc(arena, ROWS, 1);
  for (uint32_t i = 0; i < ROWS; i++) {
    if (c.nulls != NULL) c.nulls[i] = is_null_row(nulls, i);
    switch (k->phys) {
      case PQ_PHYS_BOOL: c.v.b[i] = number_of(k->values, i) & 1; break;
      case PQ_PHYS_INT32: c.v.i32[i] = (int32_t)number_of(k->values, i); break;
      case PQ_PHYS_INT64: c.v.i64[i] = number_of(k->values, i); break;
      case PQ_PHYS_FLOAT: c.v.f32[i] = (float)double_of(k->values, i); break;
      case PQ_PHYS_DOUBLE: c.v.f64[i] = double_of(k->values, i); break;
      case PQ_PHYS_FIXED:
      case PQ_PHYS_BYTES:
      case PQ_PHYS_INT96: c.v.bytes[i] = text_of(k, i, room + (size_t)i * TEXT_CAP); break;
    }
  }
  return c;
}

/* ---- comparing ---- */

static pq_bounds_order order_of(pq_phys phys) {
  switch (phys) {
    case PQ_PHYS_BOOL: return PQ_BOUNDS_BOOL;
    case PQ_PHYS_INT32: return PQ_BOUNDS_INT32;
    case PQ_PHYS_INT64: return PQ_BOUNDS_INT64;
    case PQ_PHYS_FLOAT: return PQ_BOUNDS_FLOAT;
    case PQ_PHYS_DOUBLE: return PQ_BOUNDS_DOUBLE;
    default: return PQ_BOUNDS_BYTES;
  }
}

static pq_dense dense_of(const pq_column *c) {
  pq_dense v = {.phys = c->phys, .count = c->row_count};
  v.v.any = c->v.any;
  return v;
}

static bool is_nan_at(const pq_column *c, uint32_t i) {
  if (c->phys == PQ_PHYS_FLOAT) return c->v.f32[i] != c->v.f32[i];
  return c->phys == PQ_PHYS_DOUBLE && c->v.f64[i] != c->v.f64[i];
}

/* The same nulls and the same PLAIN bytes, NaN and signs of zeros included. */
static bool is_same(const pq_column *a, const pq_column *b) {
  pq_dense x = dense_of(a), y = dense_of(b);
  uint8_t tmp[2][8];
  if (a->row_count != b->row_count) return false;
  for (uint32_t i = 0; i < a->row_count; i++) {
    if (pq_column_is_null(a, i) != pq_column_is_null(b, i)) return false;
    if (!pq_column_is_null(a, i) &&
        !pq_slice_eq(pq_dense_plain(&x, i, tmp[0]), pq_dense_plain(&y, i, tmp[1])))
      return false;
  }
  return true;
}

/* Do all values of the rows lie within the bounds? */
static bool is_within(const pq_column *c, uint32_t lo, uint32_t hi, pq_slice min, pq_slice max) {
  pq_dense v = dense_of(c);
  for (uint32_t i = lo; i < hi; i++) {
    uint8_t tmp[8];
    pq_slice value = pq_dense_plain(&v, i, tmp);
    if (pq_column_is_null(c, i) || is_nan_at(c, i)) continue;
    if (pq_bounds_cmp(order_of(c->phys), min, value) > 0 ||
        pq_bounds_cmp(order_of(c->phys), value, max) > 0)
      return false;
  }
  return true;
}

static void check_bounds(opened *o, const pq_column *want) {
  const pq_stats *s = &o->file.footer->row_groups[0].chunks[0].stats;
  pq_page_index index = {0};
  uint32_t row = 0;
  int rc;
  CHECK(s->has_null_count && s->has_min == s->has_max);
  if (s->has_min) CHECK(is_within(want, 0, want->row_count, s->min, s->max));
  DRIVE(rc, &o->f, o->bytes, pq_page_index_fetch(&o->f, &o->arena, &o->file, 0, 0, &index));
  CHECK(rc == PQ_OK && index.page_count > 0);
  for (uint32_t i = 0; i < index.page_count; i++) {
    const pq_page_info *p = &index.pages[i];
    CHECK(p->first_row == row);
    row += p->row_count;
    if (p->has_bounds) CHECK(is_within(want, p->first_row, row, p->min, p->max));
  }
  CHECK(row == want->row_count);
}

/* ---- cases ---- */

static void check_case(const column_case *k, nulls_kind nulls, pq_writer_options options) {
  pq_column_spec spec = {.name = "a",
                         .phys = k->phys,
                         .logical = k->logical,
                         .type_len = k->type_len,
                         .is_optional = nulls != NONE,
                         .field_id = -1,
                         .hint = k->hint,
                         .has_stats = true,
                         .page_len = 2048};
  pq_cx cx;
  pq_arena arena;
  pq_writer *w = NULL;
  opened o;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, (uint64_t)1 << 30);
  pq_column c = make_column(k, nulls, &arena), second = c, got;
  second.row_count = SECOND_ROWS;
  CHECK(pq_writer_new(&cx, &spec, 1, options, &w) == PQ_OK);
  CHECK(pq_writer_add(w, &c, 1) == PQ_OK);
  CHECK(pq_writer_add(w, &second, 1) == PQ_OK);
  CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
  CHECK(open_bytes(&o, &cx, pq_writer_bytes(w)) == PQ_OK);
  if (o.file.footer != NULL) {
    CHECK(read_chunk_of(&o, (read_spec){0, 0, false, NULL, 0}, &got) == PQ_OK);
    CHECK(is_same(&c, &got));
    CHECK(read_chunk_of(&o, (read_spec){1, 0, true, NULL, 0}, &got) == PQ_OK);
    CHECK(is_same(&second, &got));
    check_bounds(&o, &c);
  }
  opened_release(&o);
  pq_writer_free(w);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_chunk_write_cases(void) {
  random_state = 88172645463325252u;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (nulls_kind nulls = NONE; nulls <= ALL; nulls++)
      check_case(&cases[i], nulls, (pq_writer_options){.level = 1, .is_uncompressed = i % 4 == 3});
}

static void test_chunk_write_choices(void) {
  random_state = 88172645463325252u;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const column_case *k = &cases[i];
    pq_leaf_spec spec = {.phys = k->phys, .type_len = k->type_len, .hint = k->hint};
    pq_cx cx;
    pq_arena arena;
    pq_chunk_writer w;
    pq_choice choice;
    pq_dense v;
    unit_cx_init(&cx);
    pq_arena_init(&arena, &cx, (uint64_t)1 << 30);
    pq_chunk_writer_init(&w, &cx);
    w.codec = PQ_CODEC_ZSTD;
    w.level = 1;
    pq_column c = make_column(k, NONE, &arena);
    v = dense_of(&c);
    v.type_len = k->type_len;
    CHECK(pq_chunk_choose(&w, &spec, &v, &choice) == PQ_OK);
    CHECK(choice.encoding == k->encoding);
    CHECK(choice.page_rows_max >= 20000 && choice.page_rows_max <= 1 << 20);
    CHECK(k->values != CONSTANT || choice.page_rows_max >= 100000);
    if (choice.encoding != k->encoding)
      fprintf(stderr, "case %zu: encoding %d instead of %d\n", i, (int)choice.encoding,
              (int)k->encoding);
    pq_chunk_writer_release(&w);
    pq_arena_release(&arena);
    CHECK(unit_live_len == 0);
  }
}

/* Pages come out even; a value that fills a page does not share it with others. */
static void test_chunk_write_cut(void) {
  static const pq_column_spec spec = {
      .name = "a", .phys = PQ_PHYS_BYTES, .field_id = -1, .hint = PQ_HINT_PLAIN, .page_len = 1000};
  static uint8_t big[5000];
  pq_slice s[101];
  pq_column c = {.phys = PQ_PHYS_BYTES, .row_count = 101};
  pq_page_index index = {0};
  pq_cx cx;
  pq_writer *w;
  opened o;
  int rc;
  c.v.bytes = s;
  for (int i = 0; i < 101; i++)
    s[i] = (pq_slice){big, i == 50 ? sizeof big : 96};
  unit_cx_init(&cx);
  CHECK(pq_writer_new(&cx, &spec, 1, (pq_writer_options){0}, &w) == PQ_OK);
  CHECK(pq_writer_add(w, &c, 1) == PQ_OK);
  CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
  CHECK(open_bytes(&o, &cx, pq_writer_bytes(w)) == PQ_OK);
  DRIVE(rc, &o.f, o.bytes, pq_page_index_fetch(&o.f, &o.arena, &o.file, 0, 0, &index));
  CHECK(rc == PQ_OK && index.page_count >= 10 && index.page_count <= 13);
  for (uint32_t i = 0; i < index.page_count; i++) {
    const pq_page_info *p = &index.pages[i];
    CHECK(p->row_count <= 12);
    if (p->first_row + p->row_count == 51) CHECK(p->first_row == 50);
  }
  opened_release(&o);
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

int main(void) {
  CHECK(sizeof sample > 0);
  RUN(test_chunk_write_choices);
  RUN(test_chunk_write_cases);
  RUN(test_chunk_write_cut);
  return unit_end();
}
