/* test/unit/test_parquet_roundtrip.c - what the writer writes, the reader reads: all types, nulls,
 * many pages, several row groups, ranges of rows, page index, statistics, bloom filters, damage.
 *
 * The value of a cell is a function of (leaf, row), so that nothing has to be kept to compare.
 */
#include "base/hash.h"
#include "parquet/writer.h"
#include "parquet_util.h"

static const pq_column_spec specs[] = {
    {"id", PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, false, 1, PQ_HINT_SORTED, true, true, 512},
    {"city", PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, true, 2, PQ_HINT_AUTO, true, true, 512},
    {"note", PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, true, -1, PQ_HINT_PLAIN, false, false, 512},
    {"seq", PQ_PHYS_INT64, PQ_LOGICAL_NONE, 0, false, -1, PQ_HINT_SORTED, true, true, 512},
    {"n", PQ_PHYS_INT64, PQ_LOGICAL_NONE, 0, true, -1, PQ_HINT_AUTO, false, true, 512},
    {"day", PQ_PHYS_INT32, PQ_LOGICAL_DATE, 0, true, -1, PQ_HINT_AUTO, false, true, 256},
    {"ts", PQ_PHYS_INT64, PQ_LOGICAL_TIMESTAMP_US, 0, false, -1, PQ_HINT_AUTO, false, true, 512},
    {"ok", PQ_PHYS_BOOL, PQ_LOGICAL_NONE, 0, true, -1, PQ_HINT_AUTO, false, true, 64},
    {"f", PQ_PHYS_FLOAT, PQ_LOGICAL_NONE, 0, true, -1, PQ_HINT_AUTO, false, true, 512},
    {"d", PQ_PHYS_DOUBLE, PQ_LOGICAL_NONE, 0, true, -1, PQ_HINT_PLAIN, false, true, 512},
    {"u", PQ_PHYS_FIXED, PQ_LOGICAL_UUID, 16, false, -1, PQ_HINT_AUTO, true, true, 512},
    {"raw", PQ_PHYS_BYTES, PQ_LOGICAL_NONE, 0, false, -1, PQ_HINT_AUTO, false, true, 2048},
    {"void", PQ_PHYS_INT64, PQ_LOGICAL_NONE, 0, true, -1, PQ_HINT_AUTO, false, true, 512},
    {"$data", PQ_PHYS_BYTES, PQ_LOGICAL_VARIANT, 0, true, 9, PQ_HINT_PLAIN, false, false, 1024},
};
enum { SPECS = sizeof specs / sizeof specs[0], LEAVES = SPECS + 1, VOID = 12, META = 13 };

static const uint32_t group_rows[] = {1, 3000, 777};
enum { GROUPS = 3 };

static uint32_t first_row_of(uint32_t group) {
  uint32_t row = 0;
  for (uint32_t g = 0; g < group; g++)
    row += group_rows[g];
  return row;
}

static const pq_column_spec *spec_of(uint32_t leaf) {
  return &specs[leaf < SPECS ? leaf : SPECS - 1];
}

/* ---- the cells ---- */

static uint64_t mix(uint32_t leaf, uint64_t row) {
  uint64_t v = (row + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)(leaf + 1) * 0xc2b2ae3d27d4eb4fu;
  v ^= v >> 29;
  v *= 0xbf58476d1ce4e5b9u;
  return v ^ v >> 32;
}

static bool cell_is_null(uint32_t leaf, uint32_t row) {
  if (!spec_of(leaf)->is_optional) return false;
  if (leaf == VOID) return true;
  if (leaf == 4 && row >= 1000 && row < 1600) return true; /* whole pages of nulls */
  if (leaf == 5 && row > 500) return false;                /* pages without any */
  return mix(leaf < META ? leaf + 100 : META, row) % 4 == 0;
}

typedef struct cell {
  uint8_t bytes[128];
  pq_slice s; /* of `bytes` */
  int64_t i;
  double d;
} cell;

static size_t text_of(uint32_t leaf, uint32_t row, char *out, size_t cap) {
  uint64_t v = mix(leaf, row);
  int n;
  switch (leaf) {
    case 0: n = snprintf(out, cap, "01hq%010u", row * 3); break;
    case 1: n = snprintf(out, cap, "city-%u", (unsigned)(v % 17)); break;
    case 2:
      n = snprintf(out, cap, "%.*s%llu", (int)(v % 40), "some text that differs by its length",
                   (unsigned long long)(v >> 40));
      break;
    case 11: n = snprintf(out, cap, "%0100u-%u", (unsigned)(v % 90), row); break;
    case META: n = snprintf(out, cap, "\x01%c", (char)('a' + row / 500)); break;
    default: n = snprintf(out, cap, "{value %llu}", (unsigned long long)v); break;
  }
  return (size_t)n;
}

static cell cell_of(uint32_t leaf, uint32_t row) {
  uint64_t v = mix(leaf, row);
  cell c = {0};
  switch (spec_of(leaf)->phys) {
    case PQ_PHYS_BOOL: c.i = v % 3 == 0; break;
    case PQ_PHYS_INT32: c.i = (int32_t)(v % 4000) - 2000; break;
    case PQ_PHYS_INT64:
      c.i = leaf == 3 ? (int64_t)row * 10 : leaf == 4 ? (int64_t)v : 1767225600000000 + row * 977;
      break;
    case PQ_PHYS_FLOAT: c.d = (float)((double)(v % 1000) / 8 - 50); break;
    case PQ_PHYS_DOUBLE: c.d = (double)(v % 100000) / 7 - 5000; break;
    case PQ_PHYS_FIXED:
      pq_wr64(c.bytes, v);
      pq_wr64(c.bytes + 8, ~v);
      c.s.n = 16;
      break;
    default: c.s.n = text_of(leaf, row, (char *)c.bytes, sizeof c.bytes); break;
  }
  return c;
}

/* The same cell as the hash of a bloom filter sees it. */
static uint64_t cell_hash(uint32_t leaf, const cell *c) {
  uint8_t plain[8];
  if (c->s.n > 0) return pq_hash((pq_slice){c->bytes, c->s.n}, 0);
  pq_wr64(plain, (uint64_t)c->i);
  return pq_hash((pq_slice){plain, spec_of(leaf)->phys == PQ_PHYS_INT32 ? 4 : 8}, 0);
}

/* ---- writing ---- */

static void fill_slot(pq_arena *arena, pq_column *col, uint32_t i, const cell *c) {
  switch (col->phys) {
    case PQ_PHYS_BOOL: col->v.b[i] = (uint8_t)c->i; break;
    case PQ_PHYS_INT32: col->v.i32[i] = (int32_t)c->i; break;
    case PQ_PHYS_INT64: col->v.i64[i] = c->i; break;
    case PQ_PHYS_FLOAT: col->v.f32[i] = (float)c->d; break;
    case PQ_PHYS_DOUBLE: col->v.f64[i] = c->d; break;
    default:
      CHECK(pq_arena_copy(arena, (pq_slice){c->bytes, c->s.n}, &col->v.bytes[i]) == PQ_OK);
      break;
  }
}

static pq_column make_column(pq_arena *arena, uint32_t leaf, uint32_t first, uint32_t count) {
  pq_column col = {.phys = spec_of(leaf)->phys, .row_count = count};
  col.v.any = pq_arena_calloc(arena, count, sizeof(pq_slice));
  if (spec_of(leaf)->is_optional) col.nulls = pq_arena_calloc(arena, count, 1);
  for (uint32_t i = 0; i < count; i++) {
    cell c = cell_of(leaf, first + i);
    if (cell_is_null(leaf, first + i))
      col.nulls[i] = 1;
    else
      fill_slot(arena, &col, i, &c);
  }
  return col;
}

/* A file of the first `group_count` groups; its bytes in `arena`. */
static pq_slice write_file(pq_cx *cx, pq_arena *arena, pq_writer_options options,
                           uint32_t group_count) {
  static const pq_sort_column sorting = {0, false, false};
  pq_key_value kv = {PQ_SLICE("key"), PQ_SLICE("word")};
  pq_writer *w = NULL;
  pq_slice out = {0};
  CHECK(pq_writer_new(cx, specs, SPECS, options, &w) == PQ_OK);
  if (w == NULL) return out;
  CHECK(pq_writer_sorting(w, &sorting, 1) == PQ_OK);
  for (uint32_t g = 0; g < group_count; g++) {
    pq_column columns[LEAVES];
    for (uint32_t l = 0; l < LEAVES; l++)
      columns[l] = make_column(arena, l, first_row_of(g), group_rows[g]);
    CHECK(pq_writer_add(w, columns, LEAVES) == PQ_OK);
  }
  CHECK(pq_writer_finish(w, &kv, 1) == PQ_OK);
  CHECK(pq_arena_copy(arena, pq_writer_bytes(w), &out) == PQ_OK);
  pq_writer_free(w);
  return out;
}

/* ---- comparing ---- */

static bool slot_is(const pq_column *col, uint32_t i, uint32_t leaf, uint32_t row) {
  cell c;
  if (pq_column_is_null(col, i) != cell_is_null(leaf, row)) return false;
  if (cell_is_null(leaf, row)) return true;
  c = cell_of(leaf, row);
  switch (col->phys) {
    case PQ_PHYS_BOOL: return col->v.b[i] == c.i;
    case PQ_PHYS_INT32: return col->v.i32[i] == c.i;
    case PQ_PHYS_INT64: return col->v.i64[i] == c.i;
    case PQ_PHYS_FLOAT: return col->v.f32[i] == (float)c.d;
    case PQ_PHYS_DOUBLE: return col->v.f64[i] == c.d;
    default: return pq_slice_eq(col->v.bytes[i], (pq_slice){c.bytes, c.s.n});
  }
}

static bool reads_right(opened *o, read_spec s) {
  pq_row_range all = {0, group_rows[s.row_group]};
  const pq_row_range *ranges = s.range_count > 0 ? s.ranges : &all;
  uint32_t count = s.range_count > 0 ? s.range_count : 1, i = 0;
  pq_column c;
  if (read_chunk_of(o, s, &c) != PQ_OK) {
    fprintf(stderr, "%s\n", o->f.cx->msg);
    return false;
  }
  for (uint32_t r = 0; r < count; r++)
    for (uint32_t row = ranges[r].lo; row < ranges[r].hi; row++, i++)
      if (i >= c.row_count || !slot_is(&c, i, s.leaf, first_row_of(s.row_group) + row))
        return false;
  return i == c.row_count;
}

/* <0, 0, >0 for a cell against a bound. */
static int cell_cmp(pq_phys phys, const cell *c, pq_slice bound) {
  int64_t i = 0;
  double d = 0;
  float f;
  switch (phys) {
    case PQ_PHYS_BOOL: i = bound.p[0]; break;
    case PQ_PHYS_INT32: i = (int32_t)pq_rd32(bound.p); break;
    case PQ_PHYS_INT64: i = (int64_t)pq_rd64(bound.p); break;
    case PQ_PHYS_FLOAT:
      memcpy(&f, bound.p, 4);
      d = (double)f;
      break;
    case PQ_PHYS_DOUBLE: memcpy(&d, bound.p, 8); break;
    default: return pq_slice_cmp((pq_slice){c->bytes, c->s.n}, bound);
  }
  if (phys == PQ_PHYS_FLOAT || phys == PQ_PHYS_DOUBLE) return c->d < d ? -1 : c->d > d;
  return c->i < i ? -1 : c->i > i;
}

/* ---- tests ---- */

static void check_schema(const pq_footer *f) {
  CHECK(f->leaf_count == LEAVES && f->row_group_count == GROUPS && f->has_column_orders);
  CHECK(f->row_count == first_row_of(GROUPS));
  CHECK(pq_slice_is(pq_footer_key(f, "key"), "word"));
  CHECK(pq_footer_leaf(f, "$data.metadata") == META &&
        pq_footer_leaf(f, "$data.value") == META + 1);
  for (uint32_t l = 0; l < f->leaf_count; l++) {
    const pq_leaf *leaf = &f->leaves[l];
    CHECK(leaf->phys == spec_of(l)->phys && leaf->logical == spec_of(l)->logical);
    CHECK(leaf->def_max == spec_of(l)->is_optional && leaf->rep_max == 0);
    CHECK(leaf->field_id == spec_of(l)->field_id);
    CHECK(leaf->phys != PQ_PHYS_FIXED || leaf->type_len == spec_of(l)->type_len);
  }
}

static void test_roundtrip_rows(pq_writer_options options) {
  static const pq_row_range lists[][3] = {
      {{0, 1}, {1, 2}, {700, 777}},
      {{5, 6}, {100, 101}, {500, 501}},
      {{13, 300}, {301, 302}, {776, 777}},
  };
  pq_cx cx;
  pq_arena arena;
  opened o;
  pq_slice bytes;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 28);
  bytes = write_file(&cx, &arena, options, GROUPS);
  CHECK(open_bytes(&o, &cx, bytes) == PQ_OK);
  if (o.file.footer != NULL) {
    check_schema(o.file.footer);
    for (uint32_t l = 0; l < LEAVES; l++) {
      for (uint32_t g = 0; g < GROUPS; g++) {
        CHECK(reads_right(&o, (read_spec){g, l, false, NULL, 0}));
        CHECK(reads_right(&o, (read_spec){g, l, true, NULL, 0}));
      }
      for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
        CHECK(reads_right(&o, (read_spec){1, l, true, lists[k], 3}));
        CHECK(reads_right(&o, (read_spec){2, l, true, lists[k], 3}));
        CHECK(reads_right(&o, (read_spec){2, l, false, lists[k], 3}));
      }
      pq_fetch_clear(&o.f);
    }
  }
  opened_release(&o);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_roundtrip_all(void) {
  static const pq_codec codecs[] = {PQ_CODEC_SNAPPY, PQ_CODEC_LZ4_RAW, PQ_CODEC_GZIP};
  test_roundtrip_rows((pq_writer_options){0});
  test_roundtrip_rows((pq_writer_options){.is_uncompressed = true});
  for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
    if (pq_codec_is_readable(codecs[i]))
      test_roundtrip_rows((pq_writer_options){.codec = codecs[i], .level = 3});
}

/* Pages and bounds of a chunk against its cells. */
static void check_pages(opened *o, uint32_t g, uint32_t leaf) {
  const pq_stats *s = &o->file.footer->row_groups[g].chunks[leaf].stats;
  uint32_t row = 0, nulls = 0;
  bool has_bounds = spec_of(leaf)->has_stats && leaf != VOID, is_inside = true;
  bool meets_min = false, meets_max = false, null_pages_right = true;
  pq_page_index index;
  int rc;
  DRIVE(rc, &o->f, o->bytes, pq_page_index_fetch(&o->f, &o->arena, &o->file, g, leaf, &index));
  CHECK(rc == PQ_OK && index.page_count > 0);
  for (uint32_t p = 0; p < index.page_count; p++) {
    const pq_page_info *page = &index.pages[p];
    uint32_t page_nulls = 0;
    CHECK(page->first_row == row);
    for (uint32_t end = row + page->row_count; row < end; row++) {
      uint32_t r = first_row_of(g) + row;
      cell c = cell_of(leaf, r);
      if (cell_is_null(leaf, r)) {
        page_nulls++;
        continue;
      }
      if (page->has_bounds)
        is_inside = is_inside && cell_cmp(spec_of(leaf)->phys, &c, page->min) >= 0 &&
                    cell_cmp(spec_of(leaf)->phys, &c, page->max) <= 0;
      if (s->has_min) is_inside = is_inside && cell_cmp(spec_of(leaf)->phys, &c, s->min) >= 0;
      if (s->has_max) is_inside = is_inside && cell_cmp(spec_of(leaf)->phys, &c, s->max) <= 0;
      meets_min = meets_min || (s->has_min && cell_cmp(spec_of(leaf)->phys, &c, s->min) == 0);
      meets_max = meets_max || (s->has_max && cell_cmp(spec_of(leaf)->phys, &c, s->max) == 0);
    }
    nulls += page_nulls;
    /* without a column index nothing is said about nulls */
    if (spec_of(leaf)->has_stats && page->is_null_page != (page_nulls == page->row_count))
      null_pages_right = false;
    if (has_bounds) CHECK(page->has_bounds == !page->is_null_page);
  }
  CHECK(row == group_rows[g] && is_inside && null_pages_right);
  CHECK(s->has_null_count && s->null_count == nulls);
  CHECK(s->has_min == (has_bounds && nulls < row) && s->has_max == s->has_min);
  CHECK(!s->min_is_exact || meets_min);
  CHECK(!s->max_is_exact || meets_max);
  if (s->has_min && leaf != 11) CHECK(s->min_is_exact && s->max_is_exact);
}

static void check_bloom(opened *o, uint32_t leaf) {
  uint32_t found = 0, present = 0, wrong = 0;
  bool may, is_whole = true;
  int rc;
  for (uint32_t i = 0; i < group_rows[1]; i++) {
    uint32_t row = first_row_of(1) + i;
    cell c = cell_of(leaf, row), other = cell_of(leaf, row + 1000000);
    if (cell_is_null(leaf, row)) continue;
    present++;
    DRIVE(rc, &o->f, o->bytes, pq_bloom_check(&o->f, &o->file, 1, leaf, cell_hash(leaf, &c), &may));
    is_whole = is_whole && rc == PQ_OK;
    found += may;
    if (leaf == 1) snprintf((char *)other.bytes, sizeof other.bytes, "town-%u", i);
    if (leaf == 1) other.s.n = strlen((char *)other.bytes);
    DRIVE(rc, &o->f, o->bytes,
          pq_bloom_check(&o->f, &o->file, 1, leaf, cell_hash(leaf, &other), &may));
    wrong += may;
  }
  CHECK(is_whole && found == present && present > 0);
  CHECK(wrong < present / 20);
}

static void test_roundtrip_indexes(void) {
  pq_cx cx;
  pq_arena arena;
  opened o;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 28);
  CHECK(open_bytes(&o, &cx, write_file(&cx, &arena, (pq_writer_options){0}, GROUPS)) == PQ_OK);
  if (o.file.footer != NULL) {
    for (uint32_t g = 0; g < GROUPS; g++)
      for (uint32_t l = 0; l < LEAVES; l++)
        check_pages(&o, g, l);
    for (uint32_t l = 0; l < LEAVES; l++) {
      CHECK((o.file.footer->row_groups[1].chunks[l].bloom_off != 0) == spec_of(l)->has_bloom);
      if (spec_of(l)->has_bloom) check_bloom(&o, l);
    }
  }
  opened_release(&o);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* A lookup by id asks for a page, not for the chunk. */
static void test_roundtrip_point(void) {
  static const pq_row_range row = {1234, 1235};
  pq_cx cx;
  pq_arena arena;
  opened o;
  uint64_t len, requests;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 28);
  CHECK(open_bytes(&o, &cx, write_file(&cx, &arena, (pq_writer_options){0}, GROUPS)) == PQ_OK);
  len = o.f.stat_bytes;
  requests = o.f.stat_requests;
  CHECK(reads_right(&o, (read_spec){1, 0, true, &row, 1}));
  CHECK(o.f.stat_requests - requests <= 3); /* two indexes, one page */
  CHECK(o.f.stat_bytes - len < o.file.footer->row_groups[1].chunks[0].len);
  opened_release(&o);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_roundtrip_damaged(void) {
  memory_watch w = {0};
  pq_cx cx, watched;
  pq_arena arena;
  pq_slice bytes;
  uint8_t *copy;
  unit_cx_init(&cx);
  pq_cx_init(&watched, watch_alloc, &w);
  pq_arena_init(&arena, &cx, 1 << 28);
  bytes = write_file(&cx, &arena, (pq_writer_options){0}, 1);
  copy = malloc(bytes.n);
  if (copy == NULL) abort();
  memcpy(copy, bytes.p, bytes.n);
  for (size_t i = 0; i < bytes.n; i++) {
    opened o;
    copy[i] ^= (uint8_t)(i % 2 == 0 ? 0xff : 0x02);
    if (open_bytes(&o, &watched, (pq_slice){copy, bytes.n}) == PQ_OK) read_all(&o, i % 3 == 0);
    opened_release(&o);
    copy[i] = bytes.p[i];
  }
  CHECK(w.live_len == 0 && w.one_max <= 64 * bytes.n + (1 << 20));
  free(copy);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_roundtrip_all);
  RUN(test_roundtrip_indexes);
  RUN(test_roundtrip_point);
  RUN(test_roundtrip_damaged);
  return unit_end();
}
