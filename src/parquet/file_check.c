/* parquet/file_check.c - see file_check.h.
 *
 *   begin ─► page ─► page ─► … ─► finish        a chunk; each step runs again after PQ_NEED_IO
 *
 *   window:  | page | page | pa…                bytes of the chunk, asked for at once
 *
 * A page that cannot be read is reported and passed over; its chunk is then `is_broken`, and what
 * needs all of its values (counts, "does the minimum occur") is not compared.
 */
#include "parquet/file_check.h"

#include <string.h>

#include "base/text.h"
#include "parquet/bloom.h"
#include "parquet/check_bounds_int.h"
#include "parquet/page_int.h"
#include "parquet/record.h"

enum { WINDOW_LEN = 1 << 20, HEADER_WINDOW_LEN = 4 << 10, TEXT_CAP = 700 };

/* The levels of a leaf inside a group, for comparison with its neighbour's. */
typedef struct level_set {
  pq_arena arena;
  uint32_t leaf; /* PQ_NO_NODE: none */
  pq_column column;
  uint32_t cap;
} level_set;

struct pq_file_check {
  pq_cx *cx;
  const pq_file *file;
  pq_file_check_options options;
  pq_fetch fetch;
  pq_arena chunk_arena, page_arena;
  pq_decompressor decompressor;
  level_set levels[2]; /* of this chunk, of the one before */
  uint32_t row_group, leaf;
  /* the chunk */
  bool has_begun, is_broken;
  pq_chunk_ref ref;
  uint64_t off, end;               /* the next page */
  uint64_t window_off, window_len; /* bytes asked for */
  pq_page_index index;
  pq_slice bloom;
  bool has_dictionary;
  pq_dictionary dictionary;
  pq_bounds_check bounds;
  uint64_t bloom_misses;
  pq_chunk_facts facts;
};

const char *pq_encoding_name(unsigned encoding) {
  static const char *const names[] = {"PLAIN",
                                      NULL,
                                      "PLAIN_DICTIONARY",
                                      "RLE",
                                      "BIT_PACKED",
                                      "DELTA_BINARY_PACKED",
                                      "DELTA_LENGTH_BYTE_ARRAY",
                                      "DELTA_BYTE_ARRAY",
                                      "RLE_DICTIONARY",
                                      "BYTE_STREAM_SPLIT"};
  return encoding < sizeof names / sizeof names[0] ? names[encoding] : NULL;
}

int pq_file_check_new(pq_cx *cx, const pq_file *file, pq_file_check_options options,
                      pq_file_check **out) {
  pq_file_check *c = pq_alloc(cx, NULL, 0, sizeof *c);
  *out = c;
  if (c == NULL) return pq_fail_nomem(cx);
  *c = (pq_file_check){.cx = cx, .file = file, .options = options};
  pq_fetch_init(&c->fetch, cx);
  pq_arena_init(&c->chunk_arena, cx, cx->limits.op_len_max);
  pq_arena_init(&c->page_arena, cx, cx->limits.op_len_max);
  pq_decompressor_init(&c->decompressor, cx);
  for (int i = 0; i < 2; i++) {
    pq_arena_init(&c->levels[i].arena, cx, cx->limits.op_len_max);
    c->levels[i].leaf = PQ_NO_NODE;
  }
  return PQ_OK;
}

void pq_file_check_free(pq_file_check *c) {
  pq_cx *cx;
  if (c == NULL) return;
  cx = c->cx;
  pq_fetch_release(&c->fetch);
  pq_arena_release(&c->chunk_arena);
  pq_arena_release(&c->page_arena);
  pq_decompressor_release(&c->decompressor);
  for (int i = 0; i < 2; i++)
    pq_arena_release(&c->levels[i].arena);
  pq_alloc(cx, c, sizeof *c, 0);
}

pq_fetch *pq_file_check_fetch(pq_file_check *c) {
  return &c->fetch;
}

/* ---- what is wrong ---- */

static void report(pq_file_check *c, const char *text) {
  if (c->options.found != NULL) c->options.found(c->options.ud, text);
}

/* A sentence about the chunk. */
static int problem(pq_file_check *c, const char *what) {
  pq_slice path = c->ref.leaf->path;
  char *text = pq_arena_printf(&c->chunk_arena, "row group %u, column %.*s: %s", c->row_group,
                               (int)pq_utf8_prefix(path, 200),
                               path.n == 0 ? "" : (const char *)path.p, what);
  if (text == NULL) return c->cx->code;
  report(c, text);
  return PQ_OK;
}

static int problem_of_two(pq_file_check *c, const char *what, uint64_t there, uint64_t said) {
  char *text = pq_arena_printf(&c->chunk_arena, "%s: %llu, but the file says %llu", what,
                               (unsigned long long)there, (unsigned long long)said);
  return text == NULL ? c->cx->code : problem(c, text);
}

/* A failure of the file becomes a problem; others go on to the caller. */
static int failed(pq_file_check *c, int rc) {
  const char *what = c->cx->msg;
  size_t key_len = strlen(c->file->key);
  char *text;
  if (rc == PQ_OK || rc == PQ_NEED_IO) return rc;
  if (rc != PQ_ECORRUPT && rc != PQ_EUNSUPPORTED && rc != PQ_ELIMIT) return rc;
  if (strncmp(what, c->file->key, key_len) == 0 && strncmp(what + key_len, ": ", 2) == 0)
    what += key_len + 2;
  text = pq_arena_printf(&c->chunk_arena, "row group %u, %s", c->row_group, what);
  if (text == NULL) return c->cx->code;
  report(c, text);
  c->is_broken = true;
  return PQ_OK;
}

/* ---- the footer ---- */

int pq_file_check_footer(pq_file_check *c) {
  const pq_footer *f = c->file->footer;
  uint64_t rows = 0;
  char text[TEXT_CAP];
  pq_buf b;
  int rc;
  for (uint32_t i = 0; i < f->row_group_count; i++)
    rows += f->row_groups[i].row_count; /* bounded by the parser */
  if (rows == f->row_count) return PQ_OK;
  pq_buf_init(&b, c->cx, sizeof text);
  rc = pq_buf_printf(&b, "footer: %llu rows, but its row groups have %llu",
                     (unsigned long long)f->row_count, (unsigned long long)rows);
  if (rc == PQ_OK) rc = pq_buf_put_byte(&b, 0);
  if (rc == PQ_OK) report(c, (const char *)b.p);
  pq_buf_release(&b);
  return rc;
}

/* ---- bytes ---- */

/* Bytes of the chunk from `off` on, `len` of them or all that it has. */
static int get_bytes(pq_file_check *c, uint64_t len, pq_slice *out) {
  uint64_t most = c->options.only_headers ? HEADER_WINDOW_LEN : WINDOW_LEN, skip;
  pq_slice window;
  *out = (pq_slice){0};
  if (len > c->end - c->off) len = c->end - c->off;
  if (c->off < c->window_off || c->off - c->window_off > c->window_len ||
      len > c->window_len - (c->off - c->window_off)) {
    pq_fetch_clear(&c->fetch);
    c->window_off = c->off;
    c->window_len = len > most ? len : most;
    if (c->window_len > c->end - c->off) c->window_len = c->end - c->off;
  }
  PQ_TRY(pq_fetch_read(&c->fetch, c->file->key, c->window_off, c->window_len, &window));
  skip = c->off - c->window_off;
  *out = (pq_slice){window.p + skip, window.n - (size_t)skip};
  return PQ_OK;
}

/* ---- values ---- */

/* The values of a page without the gaps of its nulls. */
static uint32_t pack_values(const pq_sink *s, size_t size) {
  uint8_t *to = s->values;
  uint32_t n = 0;
  if (!s->has_nulls) return s->count;
  for (uint32_t i = 0; i < s->count; i++) {
    if (s->nulls[i]) continue;
    if (n != i) memmove(to + n * size, to + i * size, size);
    n++;
  }
  return n;
}

/* Of the value's PLAIN bytes; a boolean has none of its own, and no bloom filter. */
static uint64_t hash_of(const pq_leaf *leaf, const void *values, uint32_t i) {
  uint8_t bytes[8];
  uint32_t v32;
  uint64_t v64;
  if (pq_phys_is_slice(leaf->phys)) return pq_hash(((const pq_slice *)values)[i], 0);
  if (pq_phys_size(leaf->phys) == sizeof v32) {
    memcpy(&v32, (const uint8_t *)values + i * sizeof v32, sizeof v32);
    pq_wr32(bytes, v32);
    return pq_hash((pq_slice){bytes, sizeof v32}, 0);
  }
  memcpy(&v64, (const uint8_t *)values + i * sizeof v64, sizeof v64);
  pq_wr64(bytes, v64);
  return pq_hash((pq_slice){bytes, sizeof v64}, 0);
}

static void check_bloom(pq_file_check *c, const void *values, uint32_t n) {
  if (c->bloom.n == 0 || c->ref.leaf->phys == PQ_PHYS_BOOL) return;
  for (uint32_t i = 0; i < n; i++)
    c->bloom_misses += !pq_bloom_contains(c->bloom.p, c->bloom.n, hash_of(c->ref.leaf, values, i));
}

static int check_text(pq_file_check *c, const void *values, uint32_t n) {
  const pq_slice *texts = values;
  pq_note_kind kind = c->ref.leaf->note.kind;
  if (c->ref.leaf->phys != PQ_PHYS_BYTES || (kind != PQ_NOTE_TEXT && kind != PQ_NOTE_JSON))
    return PQ_OK;
  for (uint32_t i = 0; i < n; i++)
    if (!pq_utf8_is_valid(texts[i])) return problem(c, "a text that is not UTF-8");
  return PQ_OK;
}

/* A data page against its entry in the page index. */
static int check_index(pq_file_check *c, const pq_page *p, const pq_page_reader *r,
                       uint32_t value_count, const void *values, uint8_t *scratch) {
  uint32_t at = c->facts.data_page_count - 1;
  const pq_page_info *info = &c->index.pages[at];
  pq_bounds bounds;
  pq_bounds_check check;
  if (c->index.page_count == 0) return PQ_OK;
  if (at >= c->index.page_count) return PQ_OK; /* finish compares the numbers */
  if (info->off != p->at.off || info->len != (uint64_t)p->h.header_len + p->h.stored_len)
    return problem_of_two(c, "the page index has a page at another place", p->at.off, info->off);
  if (info->first_row != c->facts.row_count - r->row_count || info->row_count != r->row_count)
    return problem_of_two(c, "the page index has other rows for a page",
                          c->facts.row_count - r->row_count, info->first_row);
  if (info->is_null_page && value_count > 0)
    return problem(c, "the page index says that a page is all null, which it is not");
  bounds = pq_bounds_of_page(c->ref.leaf, info);
  PQ_TRY(pq_bounds_check_init(&check, &c->page_arena, c->ref.leaf, &bounds));
  pq_bounds_check_values(&check, values, value_count, scratch);
  if (check.is_broken) return problem(c, "a value outside of its page's bounds in the page index");
  return PQ_OK;
}

/* ---- levels ---- */

static int keep_levels(pq_file_check *c, const pq_sink *s, uint32_t row_count) {
  level_set *l = &c->levels[0];
  pq_column *to = &l->column;
  uint64_t count = (uint64_t)to->entry_count + s->count;
  if (c->ref.leaf->depth == 0 || c->is_broken || count > UINT32_MAX) return PQ_OK;
  if (count > l->cap) {
    uint32_t cap = count > UINT32_MAX / 2 ? UINT32_MAX : (uint32_t)count * 2;
    uint8_t *def = pq_arena_alloc(&l->arena, cap), *rep = pq_arena_alloc(&l->arena, cap);
    if (def == NULL || rep == NULL) return c->cx->code;
    if (to->entry_count > 0) {
      memcpy(def, to->def, to->entry_count);
      memcpy(rep, to->rep, to->entry_count);
    }
    to->def = def;
    to->rep = rep;
    l->cap = cap;
  }
  for (uint32_t i = 0; i < s->count; i++) {
    uint32_t at = to->entry_count + i;
    bool is_null = s->has_nulls && s->nulls[i];
    to->def[at] = s->def != NULL ? s->def[i] : is_null ? 0 : (uint8_t)c->ref.leaf->def_max;
    to->rep[at] = s->rep != NULL ? s->rep[i] : 0;
  }
  to->entry_count = (uint32_t)count;
  to->row_count += row_count;
  l->leaf = c->leaf;
  return PQ_OK;
}

/* The levels of the chunk that ends, alone and beside those of the one before it. */
static int check_levels(pq_file_check *c) {
  level_set *now = &c->levels[0], *before = &c->levels[1], other;
  int rc = PQ_OK;
  if (now->leaf != PQ_NO_NODE && !c->is_broken) {
    const uint32_t leaves[2] = {before->leaf, now->leaf};
    const pq_column *const columns[2] = {&before->column, &now->column};
    rc = pq_record_check_leaf(c->cx, c->file->footer, now->leaf, &now->column);
    if (rc == PQ_OK && before->leaf != PQ_NO_NODE)
      rc = pq_record_check_pair(c->cx, c->file->footer, leaves, columns);
  } else {
    now->leaf = PQ_NO_NODE;
  }
  other = *before;
  *before = *now;
  *now = other;
  pq_arena_clear(&now->arena);
  now->column = (pq_column){0};
  now->cap = 0;
  now->leaf = PQ_NO_NODE;
  return failed(c, rc);
}

/* ---- pages ---- */

static int sink_new(pq_file_check *c, uint32_t count, pq_sink *out) {
  const pq_leaf *leaf = c->ref.leaf;
  *out = (pq_sink){0};
  out->values = pq_arena_calloc(&c->page_arena, count, pq_phys_size(leaf->phys));
  out->nulls = pq_arena_calloc(&c->page_arena, count, 1);
  if (out->values == NULL || out->nulls == NULL) return c->cx->code;
  if (pq_leaf_is_flat(leaf)) return PQ_OK;
  out->def = pq_arena_calloc(&c->page_arena, count, 1);
  out->rep = leaf->rep_max == 0 ? NULL : pq_arena_calloc(&c->page_arena, count, 1);
  return out->def == NULL || (leaf->rep_max > 0 && out->rep == NULL) ? c->cx->code : PQ_OK;
}

/* The counts in a v2 header, which readers do not need. */
static int check_header(pq_file_check *c, const pq_page *p, const pq_page_reader *r,
                        uint32_t value_count) {
  if (p->h.row_count != r->row_count)
    PQ_TRY(problem_of_two(c, "rows of a page", r->row_count, p->h.row_count));
  if (!pq_leaf_is_flat(c->ref.leaf) || p->h.null_count == r->entry_count - value_count)
    return PQ_OK;
  return problem_of_two(c, "nulls of a page", r->entry_count - value_count, p->h.null_count);
}

static int check_data(pq_file_check *c, const pq_page *p, pq_page_env env) {
  pq_page_reader r;
  pq_sink sink;
  uint8_t *scratch;
  uint32_t value_count;
  if (c->has_dictionary) env.dictionary = &c->dictionary;
  PQ_TRY(pq_page_open(&c->ref, p, env, &r));
  PQ_TRY(sink_new(c, r.entry_count, &sink));
  PQ_TRY(pq_page_read(&r, r.entry_count, &sink));
  PQ_TRY(keep_levels(c, &sink, r.row_count));
  scratch = pq_arena_alloc(&c->page_arena, r.entry_count);
  if (scratch == NULL) return c->cx->code;
  value_count = pack_values(&sink, pq_phys_size(c->ref.leaf->phys));
  c->facts.row_count += r.row_count;
  c->facts.null_count += r.entry_count - value_count;
  if (p->h.type == PQ_PAGE_DATA_V2) PQ_TRY(check_header(c, p, &r, value_count));
  pq_bounds_check_values(&c->bounds, sink.values, value_count, scratch);
  check_bloom(c, sink.values, value_count);
  PQ_TRY(check_text(c, sink.values, value_count));
  return check_index(c, p, &r, value_count, sink.values, scratch);
}

static int check_page(pq_file_check *c, pq_page *p) {
  bool is_data = pq_page_is_data(&p->h);
  pq_page_env env = {.decompressor = &c->decompressor,
                     .arena = is_data ? &c->page_arena : &c->chunk_arena};
  pq_page_needs needs;
  if (p->h.has_crc && pq_crc32(p->stored) != p->h.crc) {
    PQ_TRY(failed(c, pq_place_corrupt(&p->at, "page CRC differs")));
    c->is_broken = false; /* the page may well be whole: go on */
  }
  p->h.has_crc = false;
  if (!is_data && p->h.type != PQ_PAGE_DICTIONARY) return PQ_OK;
  PQ_TRY(pq_page_measure(&c->ref, p, &needs));
  env.body = pq_arena_alloc(env.arena, needs.body_len);
  env.levels = pq_arena_alloc(env.arena, needs.levels_len);
  if (env.body == NULL || env.levels == NULL) return c->cx->code;
  if (is_data) return check_data(c, p, env);
  if (!needs.has_slices || needs.body_len > 0) {
    PQ_TRY(pq_page_dictionary(&c->ref, p, env, &c->dictionary));
  } else { /* its values are slices of the stored bytes, which do not stay */
    PQ_TRY(pq_arena_copy(&c->chunk_arena, p->stored, &p->stored));
    PQ_TRY(pq_page_dictionary(&c->ref, p, env, &c->dictionary));
  }
  c->has_dictionary = true;
  return PQ_OK;
}

static void add_page(pq_page_sums *s, const pq_page_header *h) {
  s->pages++;
  s->values += h->value_count;
  s->stored_len += (uint64_t)h->header_len + h->stored_len;
  s->unpacked_len += (uint64_t)h->header_len + h->uncompressed_len;
}

static void count_page(pq_file_check *c, const pq_page_header *h) {
  pq_chunk_facts *f = &c->facts;
  f->stored_len += (uint64_t)h->header_len + h->stored_len;
  f->unpacked_len += (uint64_t)h->header_len + h->uncompressed_len;
  f->crc_page_count += h->has_crc;
  if (h->type == PQ_PAGE_DICTIONARY) {
    f->dictionary_page_count++;
    add_page(&f->dictionaries, h);
  } else if (!pq_page_is_data(h)) {
    f->other_page_count++;
  } else {
    f->data_page_count++;
    f->v2_page_count += h->type == PQ_PAGE_DATA_V2;
    f->entry_count += h->value_count;
    if ((unsigned)h->encoding < 32) f->encodings |= 1u << h->encoding;
    if ((unsigned)h->encoding < PQ_ENCODING_COUNT) add_page(&f->by_encoding[h->encoding], h);
  }
}

static int next_page(pq_file_check *c) {
  pq_page p = {.at = c->ref.at};
  uint64_t want = 1, len;
  bool is_cut = true;
  pq_slice bytes;
  int rc = PQ_OK;
  p.at.off = c->off;
  while (rc == PQ_OK && is_cut) {
    PQ_TRY(get_bytes(c, want, &bytes));
    rc = pq_page_header_parse(&p.at, bytes, c->end - c->off, &p.h, &is_cut);
    want = (uint64_t)bytes.n * 2;
  }
  if (rc != PQ_OK) {
    c->off = c->end; /* nothing says where the next page is */
    return failed(c, rc);
  }
  len = (uint64_t)p.h.header_len + p.h.stored_len;
  if (!c->options.only_headers) {
    PQ_TRY(get_bytes(c, len, &bytes));
    p.stored = (pq_slice){bytes.p + p.h.header_len, p.h.stored_len};
  }
  count_page(c, &p.h);
  if (!c->options.only_headers) {
    pq_arena_clear(&c->page_arena);
    PQ_TRY(failed(c, check_page(c, &p)));
  }
  c->off += len;
  return PQ_OK;
}

/* ---- chunks ---- */

/* Page index and bloom filter. What is wrong is reported once both are there, as this is run again
 * after PQ_NEED_IO. */
static int begin_sides(pq_file_check *c) {
  const pq_chunk *chunk = c->ref.chunk;
  pq_slice bits;
  int rc =
      pq_page_index_fetch(&c->fetch, &c->chunk_arena, c->file, c->row_group, c->leaf, &c->index);
  int bloom_rc = pq_bloom_fetch(&c->fetch, c->file, c->row_group, c->leaf, &bits);
  if (rc == PQ_NEED_IO || bloom_rc == PQ_NEED_IO) return PQ_NEED_IO;
  PQ_TRY(failed(c, bloom_rc));
  if (rc != PQ_OK)
    rc = pq_page_index_fetch(&c->fetch, &c->chunk_arena, c->file, c->row_group, c->leaf,
                             &c->index); /* for its message */
  PQ_TRY(failed(c, rc));
  if (rc == PQ_OK && c->index.page_count == 0 && chunk->offset_index_off != 0 &&
      c->ref.group->row_count > 0)
    PQ_TRY(problem(c, "the page index contradicts itself: readers ignore it"));
  c->is_broken = false; /* so far only what stands beside the pages */
  return pq_arena_copy(&c->chunk_arena, bits, &c->bloom);
}

static int begin(pq_file_check *c) {
  pq_bounds bounds;
  int rc;
  c->ref = pq_chunk_ref_of(c->cx, c->file, c->row_group, c->leaf);
  c->facts = (pq_chunk_facts){.row_group = c->row_group, .leaf = c->leaf};
  c->off = c->ref.chunk->off;
  c->end = c->ref.chunk->off + c->ref.chunk->len;
  c->window_len = c->bloom_misses = 0;
  c->is_broken = c->has_dictionary = false;
  c->index = (pq_page_index){0};
  c->bloom = (pq_slice){0};
  c->bounds = (pq_bounds_check){0};
  pq_arena_clear(&c->chunk_arena);
  if (!c->options.only_headers) {
    PQ_TRY(begin_sides(c));
    bounds = pq_bounds_of_chunk(c->ref.leaf, c->ref.chunk);
    PQ_TRY(pq_bounds_check_init(&c->bounds, &c->chunk_arena, c->ref.leaf, &bounds));
  }
  rc = pq_chunk_ref_check(&c->ref);
  if (rc != PQ_OK) c->end = c->off;
  c->has_begun = true;
  return failed(c, rc);
}

/* The footer's statistics, now that all values have been seen. */
static int finish_stats(pq_file_check *c) {
  const pq_stats *s = &c->ref.chunk->stats;
  const pq_chunk_facts *f = &c->facts;
  bool is_nested = c->ref.leaf->rep_max > 0 || c->ref.leaf->def_max > 1;
  bool has_values = f->entry_count > f->null_count;
  if (s->has_null_count &&
      (is_nested ? s->null_count > f->null_count : s->null_count != f->null_count))
    PQ_TRY(problem_of_two(c, "nulls", f->null_count, s->null_count));
  if (c->bounds.is_broken) return problem(c, "a value outside of the bounds in the footer");
  if (has_values && c->bounds.has_min && s->min_is_exact && !c->bounds.has_seen_min)
    PQ_TRY(problem(c, "the minimum in the footer does not occur"));
  if (has_values && c->bounds.has_max && s->max_is_exact && !c->bounds.has_seen_max)
    PQ_TRY(problem(c, "the maximum in the footer does not occur"));
  return PQ_OK;
}

static int finish_counts(pq_file_check *c) {
  const pq_chunk *chunk = c->ref.chunk;
  const pq_chunk_facts *f = &c->facts;
  if (f->entry_count != chunk->value_count)
    PQ_TRY(problem_of_two(c, "values", f->entry_count, chunk->value_count));
  if (f->stored_len != chunk->len) PQ_TRY(problem_of_two(c, "bytes", f->stored_len, chunk->len));
  if (f->unpacked_len != chunk->uncompressed_len)
    PQ_TRY(problem_of_two(c, "bytes when unpacked", f->unpacked_len, chunk->uncompressed_len));
  if (f->row_count != c->ref.group->row_count)
    PQ_TRY(problem_of_two(c, "rows", f->row_count, c->ref.group->row_count));
  if (c->index.page_count > 0 && f->data_page_count != c->index.page_count)
    PQ_TRY(problem_of_two(c, "data pages", f->data_page_count, c->index.page_count));
  if (c->bloom_misses > 0) PQ_TRY(problem(c, "values that its bloom filter does not know"));
  return PQ_OK;
}

static int finish(pq_file_check *c, pq_chunk_facts *out) {
  if (!c->options.only_headers) {
    if (!c->is_broken) {
      PQ_TRY(finish_counts(c));
      PQ_TRY(finish_stats(c));
    }
    PQ_TRY(check_levels(c));
  }
  *out = c->facts;
  pq_fetch_clear(&c->fetch);
  c->has_begun = false;
  if (++c->leaf < c->file->footer->leaf_count) return PQ_OK;
  c->leaf = 0;
  c->row_group++;
  c->levels[1].leaf = PQ_NO_NODE; /* the next row group has levels of its own */
  return PQ_OK;
}

/* Old writers state chunks longer than their pages are; finish says so. */
static bool has_page_left(const pq_file_check *c) {
  bool has_all = c->facts.data_page_count > 0 && c->facts.entry_count >= c->ref.chunk->value_count;
  return c->off < c->end && !has_all;
}

int pq_file_check_next(pq_file_check *c, pq_chunk_facts *out) {
  *out = (pq_chunk_facts){0};
  pq_assert(c->row_group < c->file->footer->row_group_count);
  if (!c->has_begun) PQ_TRY(begin(c));
  while (has_page_left(c))
    PQ_TRY(next_page(c));
  return finish(c, out);
}
