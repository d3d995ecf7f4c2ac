/* parquet/footer.c - FileMetaData to a pq_footer, and how it is fetched.
 *
 *   … | FileMetaData (Thrift compact) | len:u32 | PAR1 |          last 8 bytes fixed
 *       └─ copied into the arena once; names, bounds and keys are slices of that copy ─┘
 *
 * What a reader must rely on is checked here: the tree of the schema, that each row group has one
 * chunk per leaf with the leaf's type, that chunks lie between the magic and the footer, that the
 * rows of the groups add up. Positions of indexes and bloom filters are checked by those who read
 * them, so that a file with a bad one can still be read without it. Statistics that cannot be
 * trusted count as absent.
 *
 * Source: parquet-format: parquet.thrift.
 */
#include <string.h>

#include "parquet/reader.h"
#include "parquet/schema_int.h"
#include "parquet/stats_int.h"

/* 4 bytes of magic in front; length and magic behind. One guess of the tail covers most footers. */
enum { MAGIC_LEN = 4, TAIL_LEN = PQ_FOOTER_TAIL_LEN, FILE_LEN_MIN = 12, TAIL_GUESS_LEN = 64 << 10 };

/* The fewest bytes of a struct with its required fields: bounds arrays by the bytes there are. */
enum { ROW_GROUP_LEN_MIN = 7, CHUNK_LEN_MIN = 16, KEY_VALUE_LEN_MIN = 3, ORDER_LEN_MIN = 1 };

enum { PAGE_HEADER_SLACK_LEN = 100 };

enum { ORDER_TYPE_DEFINED = 1, ORDER_IEEE_754_TOTAL = 2 };

/* ---- look-ups ---- */

int pq_footer_leaf(const pq_footer *f, const char *path) {
  pq_slice want = pq_str(path);
  for (uint32_t i = 0; i < f->leaf_count && i <= INT32_MAX; i++)
    if (pq_slice_eq(f->leaves[i].path, want)) return (int)i;
  return -1;
}

pq_slice pq_footer_key(const pq_footer *f, const char *key) {
  pq_slice want = pq_str(key);
  for (uint32_t i = 0; i < f->key_value_count; i++)
    if (pq_slice_eq(f->key_values[i].key, want)) return f->key_values[i].value;
  return (pq_slice){0};
}

/* ---- parse ---- */

typedef struct parse {
  pq_thrift t;
  pq_arena *arena;
  pq_place at;
  pq_footer *out;
  uint8_t *orders; /* per leaf: a member of ColumnOrder; NULL: no column orders */
  bool has_row_count;
} parse;

static int corrupt(const parse *p, const char *what) {
  return pq_place_corrupt(&p->at, what);
}

/* Report what broke Thrift, with the offset where. */
static int thrift_failure(const parse *p) {
  pq_place at = p->at;
  at.off += pq_thrift_pos(&p->t);
  return pq_place_corrupt(&at, p->t.error);
}

/* A position that may be wrong: negative ones become huge and fail later range checks. */
static uint64_t read_u64(parse *p, const pq_thrift_field *f) {
  return (uint64_t)pq_thrift_int(&p->t, f, 64);
}

/* Older writers gave min and max in fields 1 and 2, always as signed numbers. They stand in where
 * the others are absent and the type is one that compares so. */
static pq_stats read_stats(parse *p, const pq_thrift_field *field, const pq_leaf *leaf) {
  bool is_signed = leaf->sort == PQ_SORT_SIGNED || leaf->sort == PQ_SORT_FLOAT;
  pq_slice old_min = {0}, old_max = {0};
  pq_stats s = {0};
  pq_thrift_field f = {0};
  int64_t null_count;
  if (!pq_thrift_struct(&p->t, field)) return s;
  while (pq_thrift_next(&p->t, &f)) {
    switch (f.id) {
      case 1: old_max = pq_thrift_binary(&p->t, &f); break;
      case 2: old_min = pq_thrift_binary(&p->t, &f); break;
      case 3:
        null_count = pq_thrift_int(&p->t, &f, 64);
        s.has_null_count = null_count >= 0;
        s.null_count = null_count >= 0 ? (uint64_t)null_count : 0;
        break;
      case 5:
        s.max = pq_thrift_binary(&p->t, &f);
        s.has_max = true;
        break;
      case 6:
        s.min = pq_thrift_binary(&p->t, &f);
        s.has_min = true;
        break;
      case 7: s.max_is_exact = pq_thrift_bool(&p->t, &f); break;
      case 8: s.min_is_exact = pq_thrift_bool(&p->t, &f); break;
      case 9: s.is_nan_free = pq_thrift_int(&p->t, &f, 64) == 0; break;
      default: pq_thrift_skip(&p->t, &f); break;
    }
  }
  if (is_signed && !s.has_min && !s.has_max && old_min.p != NULL && old_max.p != NULL) {
    s.min = old_min;
    s.max = old_max;
    s.has_min = s.has_max = s.is_legacy = true;
  }
  return s;
}

/* Where the pages begin: the lower of two positions, of which some writers leave one 0 or let
 * data_page_offset point at the dictionary page. */
static uint64_t chunk_start(const pq_chunk *c) {
  if (c->dictionary_page_off < MAGIC_LEN) return c->data_page_off;
  if (c->data_page_off < MAGIC_LEN) return c->dictionary_page_off;
  return c->dictionary_page_off < c->data_page_off ? c->dictionary_page_off : c->data_page_off;
}

static int check_chunk(parse *p, uint32_t leaf, int64_t type, pq_chunk *c) {
  uint64_t end = p->out->file_len - TAIL_LEN - p->out->footer_len;
  if (type != (int64_t)p->out->leaves[leaf].phys)
    return corrupt(p, "chunk type differs from the schema");
  if (c->value_count > INT64_MAX || c->len > INT64_MAX || c->uncompressed_len > INT64_MAX)
    return corrupt(p, "negative count in a chunk");
  c->off = chunk_start(c);
  if (c->off < MAGIC_LEN || c->off > end || c->len > end - c->off)
    return corrupt(p, "chunk lies outside the file");
  return PQ_OK;
}

/* ColumnMetaData. */
static int read_chunk_meta(parse *p, const pq_thrift_field *field, uint32_t leaf, pq_chunk *c) {
  pq_thrift *t = &p->t;
  pq_thrift_field f = {0};
  int64_t type = -1, codec = -1;
  if (!pq_thrift_struct(t, field)) return PQ_OK;
  while (pq_thrift_next(t, &f)) {
    switch (f.id) {
      case 1: type = pq_thrift_int(t, &f, 32); break;
      case 4: codec = pq_thrift_int(t, &f, 32); break;
      case 5: c->value_count = read_u64(p, &f); break;
      case 6: c->uncompressed_len = read_u64(p, &f); break;
      case 7: c->len = read_u64(p, &f); break;
      case 9: c->data_page_off = read_u64(p, &f); break;
      case 11: c->dictionary_page_off = read_u64(p, &f); break;
      case 12: c->stats = read_stats(p, &f, &p->out->leaves[leaf]); break;
      case 14: c->bloom_off = read_u64(p, &f); break;
      case 15: c->bloom_len = read_u64(p, &f); break;
      default: pq_thrift_skip(t, &f); break;
    }
  }
  if (t->error != NULL) return PQ_OK;
  if (codec < 0 || codec > INT16_MAX) return corrupt(p, "chunk without codec");
  c->codec = (pq_codec)codec;
  return check_chunk(p, leaf, type, c);
}

/* ColumnChunk. */
static int read_chunk(parse *p, uint32_t leaf, pq_chunk *c) {
  pq_thrift *t = &p->t;
  pq_thrift_field f = {0};
  bool has_meta = false, is_encrypted = false;
  p->at.column = p->out->leaves[leaf].path;
  while (pq_thrift_next(t, &f)) {
    switch (f.id) {
      case 1:
        if (pq_thrift_binary(t, &f).n > 0)
          return pq_place_fail(&p->at, PQ_EUNSUPPORTED, "column is in another file");
        break;
      case 3:
        if (has_meta) return corrupt(p, "chunk with two descriptions");
        has_meta = true;
        PQ_TRY(read_chunk_meta(p, &f, leaf, c));
        break;
      case 4: c->offset_index_off = read_u64(p, &f); break;
      case 5: c->offset_index_len = read_u64(p, &f); break;
      case 6: c->column_index_off = read_u64(p, &f); break;
      case 7: c->column_index_len = read_u64(p, &f); break;
      case 8:
      case 9:
        is_encrypted = true;
        pq_thrift_skip(t, &f);
        break;
      default: pq_thrift_skip(t, &f); break;
    }
  }
  if (t->error != NULL) return PQ_OK;
  if (is_encrypted) return pq_place_fail(&p->at, PQ_EUNSUPPORTED, "column is encrypted");
  if (!has_meta) return corrupt(p, "chunk without description");
  p->at.column = (pq_slice){0};
  return PQ_OK;
}

static int read_chunks(parse *p, const pq_thrift_field *field, pq_row_group *g) {
  pq_thrift_field item;
  uint32_t count = pq_thrift_list(&p->t, field, PQ_THRIFT_STRUCT, CHUNK_LEN_MIN, &item);
  size_t len;
  if (p->t.error != NULL) return PQ_OK;
  if (count != p->out->leaf_count || g->chunks != NULL)
    return corrupt(p, "row group has another number of columns than the schema");
  if (!pq_mul_size(count, sizeof *g->chunks, &len)) return corrupt(p, "too many columns");
  g->chunks = pq_arena_alloc(p->arena, len);
  if (g->chunks == NULL) return p->arena->cx->code;
  for (uint32_t i = 0; i < count && p->t.error == NULL; i++) {
    g->chunks[i] = (pq_chunk){0};
    PQ_TRY(read_chunk(p, i, &g->chunks[i]));
  }
  return PQ_OK;
}

static int read_row_group(parse *p, uint64_t first_row, pq_row_group *g) {
  pq_thrift_field f = {0};
  uint64_t end;
  g->first_row = first_row;
  while (pq_thrift_next(&p->t, &f)) {
    switch (f.id) {
      case 1: PQ_TRY(read_chunks(p, &f, g)); break;
      case 3: g->row_count = read_u64(p, &f); break;
      default: pq_thrift_skip(&p->t, &f); break;
    }
  }
  if (p->t.error != NULL) return PQ_OK;
  if (g->chunks == NULL) return corrupt(p, "row group without columns");
  if (g->row_count > INT64_MAX && p->arena->cx->is_forgiving) g->row_count = 0;
  if (g->row_count > INT64_MAX || !pq_add_u64(first_row, g->row_count, &end) || end > INT64_MAX)
    return corrupt(p, "impossible number of rows");
  return PQ_OK;
}

static int read_row_groups(parse *p, const pq_thrift_field *field) {
  pq_footer *out = p->out;
  pq_thrift_field item;
  uint32_t count = pq_thrift_list(&p->t, field, PQ_THRIFT_STRUCT, ROW_GROUP_LEN_MIN, &item);
  uint64_t row = 0;
  if (p->t.error != NULL) return PQ_OK;
  if (out->leaves == NULL) return corrupt(p, "row groups before the schema");
  if (out->row_groups != NULL) return corrupt(p, "two lists of row groups");
  out->row_groups = pq_arena_calloc(p->arena, count, sizeof *out->row_groups);
  if (out->row_groups == NULL) return p->arena->cx->code;
  out->row_group_count = count;
  for (uint32_t i = 0; i < count && p->t.error == NULL; i++) {
    PQ_TRY(read_row_group(p, row, &out->row_groups[i]));
    row += out->row_groups[i].row_count;
  }
  return PQ_OK;
}

/* Some writers put other things there, which nobody can use. */
static pq_slice read_text(parse *p, const pq_thrift_field *f) {
  if (f->type == PQ_THRIFT_BINARY) return pq_thrift_binary(&p->t, f);
  pq_thrift_skip(&p->t, f);
  return (pq_slice){0};
}

static int read_key_values(parse *p, const pq_thrift_field *field) {
  pq_footer *out = p->out;
  pq_thrift_field item;
  uint32_t count = pq_thrift_list(&p->t, field, PQ_THRIFT_STRUCT, KEY_VALUE_LEN_MIN, &item);
  if (p->t.error != NULL) return PQ_OK;
  if (out->key_values != NULL) return corrupt(p, "two lists of key-value pairs");
  out->key_values = pq_arena_calloc(p->arena, count, sizeof *out->key_values);
  if (out->key_values == NULL) return p->arena->cx->code;
  out->key_value_count = count;
  for (uint32_t i = 0; i < count; i++) {
    pq_key_value *kv = &out->key_values[i];
    pq_thrift_field f = {0};
    while (pq_thrift_next(&p->t, &f)) {
      switch (f.id) {
        case 1: kv->key = read_text(p, &f); break;
        case 2: kv->value = read_text(p, &f); break;
        default: pq_thrift_skip(&p->t, &f); break;
      }
    }
  }
  return PQ_OK;
}

/* One union per leaf; a member that we do not know means an order that we do not know. */
static int read_column_orders(parse *p, const pq_thrift_field *field) {
  pq_thrift_field item;
  uint32_t count = pq_thrift_list(&p->t, field, PQ_THRIFT_STRUCT, ORDER_LEN_MIN, &item);
  if (p->t.error != NULL) return PQ_OK;
  if (p->out->leaves == NULL || count != p->out->leaf_count || p->orders != NULL)
    return corrupt(p, "column orders do not match the schema");
  p->orders = pq_arena_calloc(p->arena, count, 1);
  if (p->orders == NULL) return p->arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_thrift_field f = {0};
    while (pq_thrift_next(&p->t, &f)) {
      p->orders[i] = f.id > 0 && f.id <= UINT8_MAX ? (uint8_t)f.id : 0;
      pq_thrift_skip(&p->t, &f);
    }
  }
  p->out->has_column_orders = true;
  return PQ_OK;
}

static int read_field(parse *p, const pq_thrift_field *f) {
  pq_footer *out = p->out;
  switch (f->id) {
    case 2: return pq_schema_read(&p->t, f, p->arena, &p->at, out);
    case 3:
      out->row_count = read_u64(p, f);
      p->has_row_count = true;
      break;
    case 4: return read_row_groups(p, f);
    case 5: return read_key_values(p, f);
    case 6: out->created_by = pq_thrift_binary(&p->t, f); break;
    case 7: return read_column_orders(p, f);
    case 8: return pq_place_fail(&p->at, PQ_EUNSUPPORTED, "file is encrypted");
    default: pq_thrift_skip(&p->t, f); break;
  }
  return PQ_OK;
}

/* Do bounds of the leaf stand in the order that we know its type to have? */
static bool is_order_known(const parse *p, uint32_t i) {
  const pq_leaf *leaf = &p->out->leaves[i];
  if (p->orders == NULL || leaf->sort == PQ_SORT_NONE) return false;
  if (p->orders[i] == ORDER_IEEE_754_TOTAL) return pq_leaf_has_nan(leaf);
  return p->orders[i] == ORDER_TYPE_DEFINED;
}

/* Drop what cannot be trusted. */
static void check_stats(const pq_leaf *leaf, pq_chunk *c) {
  pq_stats *s = &c->stats;
  bool is_known = leaf->has_known_order || s->is_legacy;
  if (!is_known || !s->has_min || !pq_bound_is_valid(leaf, s->min)) s->has_min = false;
  if (!is_known || !s->has_max || !pq_bound_is_valid(leaf, s->max)) s->has_max = false;
  if (s->has_min && s->has_max && !pq_bounds_are_ordered(leaf, s->min, s->max))
    s->has_min = s->has_max = false;
  if (!s->has_min) {
    s->min = (pq_slice){0};
    s->min_is_exact = false;
  }
  if (!s->has_max) {
    s->max = (pq_slice){0};
    s->max_is_exact = false;
  }
  if (s->null_count > c->value_count) s->has_null_count = false;
  if (!s->has_null_count) s->null_count = 0;
}

/* parquet-mr before 1.2.9 left the header of the dictionary page out of the lengths (PARQUET-816).
 * What is read too much is not looked at, since values are counted. */
static bool has_short_chunks(pq_slice created_by) {
  static const char name[] = "parquet-mr", version[] = "parquet-mr version 1.2.";
  size_t name_len = sizeof name - 1, len = sizeof version - 1;
  if (created_by.n < name_len || memcmp(created_by.p, name, name_len) != 0) return false;
  if (created_by.n == name_len) return true; /* older than versions */
  return created_by.n > len && memcmp(created_by.p, version, len) == 0 && created_by.p[len] < '9' &&
         (created_by.n == len + 1 || created_by.p[len + 1] < '0');
}

static void lengthen(const pq_footer *f, pq_chunk *c) {
  uint64_t left = f->file_len - TAIL_LEN - f->footer_len - c->off - c->len;
  c->len += left < PAGE_HEADER_SLACK_LEN ? left : PAGE_HEADER_SLACK_LEN;
}

static int check_footer(parse *p) {
  pq_footer *out = p->out;
  bool is_short = has_short_chunks(out->created_by);
  uint64_t rows = 0;
  if (out->leaves == NULL) return corrupt(p, "footer without schema");
  if (!p->has_row_count || out->row_groups == NULL)
    return corrupt(p, "footer without rows or row groups");
  for (uint32_t i = 0; i < out->leaf_count; i++) {
    pq_leaf *leaf = &out->leaves[i];
    leaf->has_known_order = is_order_known(p, i);
    leaf->is_ordered = leaf->has_known_order && pq_leaf_has_plain_order(leaf);
  }
  for (uint32_t g = 0; g < out->row_group_count; g++) {
    rows += out->row_groups[g].row_count;
    for (uint32_t i = 0; i < out->leaf_count; i++) {
      check_stats(&out->leaves[i], &out->row_groups[g].chunks[i]);
      if (is_short) lengthen(out, &out->row_groups[g].chunks[i]);
    }
  }
  if (rows != out->row_count && !p->arena->cx->is_forgiving)
    return corrupt(p, "rows of the row groups do not add up");
  out->row_count = rows;
  return PQ_OK;
}

/* Take 8 hex digits off the front of *text. */
static bool take_crc(pq_slice *text, uint32_t *out) {
  static const char hex[] = "0123456789abcdef";
  *out = 0;
  if (text->n < PQ_CRC_DIGITS) return false;
  for (size_t i = 0; i < PQ_CRC_DIGITS; i++) {
    const char *at = memchr(hex, text->p[i], sizeof hex - 1);
    if (at == NULL) return false;
    *out = *out << 4 | (uint32_t)(at - hex);
  }
  *text = (pq_slice){text->p + PQ_CRC_DIGITS, text->n - PQ_CRC_DIGITS};
  return true;
}

/* Hand out what stands under PQ_CRC_KEY. */
static int read_crcs(parse *p) {
  pq_slice text = pq_footer_key(p->out, PQ_CRC_KEY);
  if (text.p == NULL) return PQ_OK;
  for (uint32_t g = 0; g < p->out->row_group_count; g++) {
    for (uint32_t i = 0; i < p->out->leaf_count; i++) {
      pq_chunk *c = &p->out->row_groups[g].chunks[i];
      c->has_crc =
          take_crc(&text, &c->index_crc) && (c->bloom_off == 0 || take_crc(&text, &c->bloom_crc));
      if (!c->has_crc) return corrupt(p, "checksums do not match the row groups");
    }
  }
  return text.n == 0 ? PQ_OK : corrupt(p, "checksums do not match the row groups");
}

static int parse_all(parse *p) {
  pq_thrift_field f = {0};
  while (pq_thrift_next(&p->t, &f))
    PQ_TRY(read_field(p, &f));
  if (p->t.error != NULL) return thrift_failure(p);
  PQ_TRY(check_footer(p));
  return read_crcs(p);
}

int pq_footer_parse(pq_arena *arena, const char *key, pq_slice thrift, uint64_t file_len,
                    pq_footer **out) {
  parse p = {.arena = arena, .at = {.cx = arena->cx, .key = key}};
  pq_slice copy;
  *out = NULL;
  if (file_len < FILE_LEN_MIN || thrift.n > file_len - FILE_LEN_MIN)
    return corrupt(&p, "footer longer than the file");
  p.at.off = file_len - TAIL_LEN - thrift.n;
  PQ_TRY(pq_arena_copy(arena, thrift, &copy));
  p.t = pq_thrift_of(copy);
  p.out = pq_arena_calloc(arena, 1, sizeof *p.out);
  if (p.out == NULL) return arena->cx->code;
  p.out->file_len = file_len;
  p.out->footer_len = thrift.n;
  PQ_TRY(parse_all(&p));
  *out = p.out;
  return PQ_OK;
}

/* ---- fetch ---- */

/* The last 8 bytes: *len is the footer's length, which the file can hold. */
static int check_tail(const pq_place *at, pq_slice tail, uint64_t file_len, uint64_t *len) {
  const uint8_t *end = tail.p + tail.n;
  *len = 0;
  if (memcmp(end - MAGIC_LEN, "PARE", MAGIC_LEN) == 0)
    return pq_place_fail(at, PQ_EUNSUPPORTED, "file is encrypted");
  if (memcmp(end - MAGIC_LEN, "PAR1", MAGIC_LEN) != 0)
    return pq_place_corrupt(at, "no Parquet magic at the end");
  *len = pq_rd32(end - TAIL_LEN);
  if (*len > file_len - FILE_LEN_MIN) return pq_place_corrupt(at, "footer longer than the file");
  if (tail.n == file_len && memcmp(tail.p, "PAR1", MAGIC_LEN) != 0)
    return pq_place_corrupt(at, "no Parquet magic at the start");
  return PQ_OK;
}

int pq_footer_fetch(pq_fetch *f, pq_arena *arena, const char *key, uint64_t file_len,
                    uint64_t footer_len, pq_footer **out) {
  pq_place at = {.cx = f->cx, .key = key};
  uint64_t want = file_len < TAIL_GUESS_LEN ? file_len : TAIL_GUESS_LEN, len;
  pq_slice tail, thrift;
  *out = NULL;
  if (file_len < FILE_LEN_MIN) return pq_place_corrupt(&at, "file too short for Parquet");
  at.off = file_len - TAIL_LEN;
  if (footer_len > file_len - FILE_LEN_MIN)
    return pq_place_corrupt(&at, "file too short for its footer");
  if (footer_len > 0) want = footer_len + TAIL_LEN;
  PQ_TRY(pq_fetch_read(f, key, file_len - want, want, &tail));
  PQ_TRY(check_tail(&at, tail, file_len, &len));
  if (footer_len > 0 && len != footer_len)
    return pq_place_corrupt(&at, "footer of another length than recorded");
  if (len > want - TAIL_LEN) {
    want = len + TAIL_LEN;
    PQ_TRY(pq_fetch_read(f, key, file_len - want, want, &tail));
  }
  thrift = (pq_slice){tail.p + (tail.n - TAIL_LEN - (size_t)len), (size_t)len};
  return pq_footer_parse(arena, key, thrift, file_len, out);
}

int pq_crc_check(pq_fetch *f, const char *key, uint64_t off, uint64_t len, uint32_t crc) {
  pq_slice bytes;
  PQ_TRY(pq_fetch_read(f, key, off, len, &bytes));
  if (pq_crc32(bytes) == crc) return PQ_OK;
  return pq_fail(f->cx, PQ_ECORRUPT, "%s: CRC of the %llu bytes at %llu differs from the log's",
                 key, (unsigned long long)len, (unsigned long long)off);
}
