/* parquet/chunk_choose.c - which encoding makes a chunk smallest, found by trying.
 *
 *   chunk:   ....####........####........####........####....     # sample: 4 runs of neighbours
 *   each candidate:  encode(sample) ──► compress ──► bytes, scaled to the chunk
 *                    dictionary: codes of the sample, and the dictionary page on top
 *
 * Estimates of bits per value mislead, because the codec works on top of the encoding; a trial
 * costs a few per cent of writing the chunk. Candidates are tried in order of preference, a later
 * one must be smaller by a clear margin.
 */
#include "parquet/chunk_write_int.h"
#include "parquet/decode_int.h"

enum {
  CANDIDATES_MAX = 3,
  CONSTANT_VALUES_MIN = 64, /* fewer are smaller without a dictionary */
  RUN_COUNT = 4,
  RUN_VALUES = 1024,
  RUN_VALUES_MIN = 512, /* and this part of a large chunk, or trials cost more than the writing: */
  RUN_PART = 4 * RUN_COUNT,
  RUN_LEN = 16 << 10, /* PLAIN bytes */
  SAMPLE_VALUES = RUN_COUNT * RUN_VALUES,
  DICT_TRIAL_LEN = 64 << 10, /* PLAIN bytes */
  FRAME_LEN = 12,            /* what zstd adds to anything, once a page */
  DICT_PAGE_COST = 45,       /* header, and footer entries */
  MARGIN_PERCENT = 4,
  WIDTH_MARGIN_PERCENT = 6,  /* unpacking bytes is slower than no unpacking */
  SPLIT_MARGIN_PERCENT = 10, /* Spark refused BYTE_STREAM_SPLIT until 2026 */
  PAGE_ROWS = 20000,         /* pages are for skipping, too */
  PAGE_ROWS_MAX = 1 << 20,
  PAGE_PACKED_LEN_MIN = 256, /* below, header and index entry weigh too much */
  ZSTD_LEVEL = 3,            /* the default, below which there are lighter ones */
  ZSTD_LIGHTEST_LEVEL = 1,
  LIGHT_MORE_PARTS = 1024 /* of the size may be lost for its speed: a sample is not exact */
};

typedef struct sample {
  pq_dense values;
  uint64_t plain_len, all_plain_len; /* of these and of all values */
  uint32_t starts[RUN_COUNT], counts[RUN_COUNT];
  uint32_t run_count;
} sample;

typedef struct trial {
  uint64_t raw;        /* encoded bytes of the sample */
  uint64_t raw_packed; /* these compressed */
  uint64_t packed;     /* compressed, of the whole chunk */
  int level;           /* the lightest that makes it as small */
  unsigned width;      /* bits of a code */
} trial;

/* Values from `start` on that make a run. */
static uint32_t run_values(const pq_dense *v, uint32_t start) {
  uint64_t len = 0;
  uint32_t n = 0, max = v->count / RUN_PART;
  if (max < RUN_VALUES_MIN) max = RUN_VALUES_MIN;
  if (max > RUN_VALUES || v->count <= SAMPLE_VALUES) max = RUN_VALUES;
  while (n < max && start + n < v->count && len < RUN_LEN) {
    if (pq_phys_is_slice(v->phys)) len += v->v.bytes[start + n].n;
    n++;
  }
  return n;
}

/* Copy elements [start, start + count) of the runs from an array of elements. */
static int copy_runs(const sample *s, const void *from, size_t size, pq_buf *out) {
  PQ_TRY(pq_chunk_scratch(out, SAMPLE_VALUES, size));
  for (uint32_t r = 0; r < s->run_count; r++)
    PQ_TRY(pq_buf_put(out, (const uint8_t *)from + s->starts[r] * size, s->counts[r] * size));
  return PQ_OK;
}

static int take_sample(pq_chunk_writer *w, const pq_dense *v, sample *out) {
  uint32_t next = 0; /* runs do not overlap */
  *out = (sample){.values = *v};
  out->values.count = 0;
  for (uint32_t r = 0; r < RUN_COUNT; r++) {
    uint32_t start = v->count / RUN_COUNT * r;
    if (start < next || v->count <= SAMPLE_VALUES) start = next;
    out->starts[r] = start;
    out->counts[r] = run_values(v, start);
    out->values.count += out->counts[r];
    next = start + out->counts[r];
  }
  out->run_count = RUN_COUNT;
  PQ_TRY(copy_runs(out, v->v.any, pq_dense_size(v->phys), &w->sample));
  out->values.v.any = w->sample.p;
  out->plain_len = pq_dense_plain_len(&out->values);
  out->all_plain_len = pq_dense_plain_len(v);
  return PQ_OK;
}

/* Compressed bytes of w->body beyond what every page costs anyway. */
static int packed_len(pq_chunk_writer *w, int level, uint64_t *out) {
  *out = w->body.len;
  if (w->codec == PQ_CODEC_NONE || w->body.len == 0) return PQ_OK;
  pq_buf_clear(&w->packed);
  PQ_TRY(pq_compress(&w->compressor, w->codec, level, pq_buf_slice(&w->body), &w->packed));
  if (w->packed.len < w->body.len + FRAME_LEN)
    *out = w->packed.len > FRAME_LEN ? w->packed.len - FRAME_LEN : 1;
  return PQ_OK;
}

/* Where nothing repeats, as in ids, the search for more and shorter matches takes three quarters of
 * the time and makes pages no smaller; digits become larger by what it finds. Asked of the best
 * trial so far, which w->body still holds. */
static int try_light(pq_chunk_writer *w, trial *best) {
  uint64_t len, least = best->raw_packed;
  best->level = w->level;
  if (w->codec != PQ_CODEC_ZSTD || w->level != ZSTD_LEVEL) return PQ_OK;
  for (int level = ZSTD_LEVEL - 1; level >= ZSTD_LIGHTEST_LEVEL; level--) {
    PQ_TRY(packed_len(w, level, &len));
    if (len > least + least / LIGHT_MORE_PARTS) continue;
    best->level = level;
    if (len < least) least = len;
  }
  return PQ_OK;
}

static uint64_t scaled(uint64_t len, uint64_t whole, uint64_t part) {
  return part == 0 ? 0 : len * whole / part;
}

static int try_plain(pq_chunk_writer *w, const sample *s, pq_encoding encoding, trial *out) {
  pq_buf_clear(&w->body);
  PQ_TRY(pq_encode(&w->body, encoding, &s->values, &w->lengths));
  PQ_TRY(packed_len(w, w->level, &out->raw_packed));
  out->raw = w->body.len;
  out->packed = scaled(out->raw_packed, s->all_plain_len, s->plain_len);
  return PQ_OK;
}

static int try_width(pq_chunk_writer *w, const sample *s, unsigned width, trial *out) {
  const uint32_t *codes = (const uint32_t *)(const void *)w->numbers.p;
  pq_buf_clear(&w->body);
  PQ_TRY(pq_encode_rle(&w->body, codes, s->values.count, width));
  PQ_TRY(packed_len(w, w->level, &out->raw_packed));
  out->raw = w->body.len;
  out->width = width;
  return PQ_OK;
}

/* A codec that counts bytes packs what comes often into fewer bits, if codes are bytes. */
static int try_codes(pq_chunk_writer *w, const sample *s, unsigned width, trial *out) {
  unsigned whole = (width + 7) / 8 * 8;
  trial wide = {0};
  if (w->codec == PQ_CODEC_ZSTD && whole > width) PQ_TRY(try_width(w, s, whole, &wide));
  PQ_TRY(try_width(w, s, width, out));
  wide.packed = out->raw_packed - out->raw_packed * WIDTH_MARGIN_PERCENT / 100;
  if (wide.width == 0 || wide.raw_packed >= wide.packed) return PQ_OK;
  return try_width(w, s, whole, out); /* again, for w->body */
}

static int try_dict(pq_chunk_writer *w, const pq_dense *v, const sample *s, trial *out) {
  uint64_t entries;
  uint32_t n = 0;
  pq_buf_clear(&w->body);
  while (n < w->dict.count && w->body.len < DICT_TRIAL_LEN) {
    pq_dense one = pq_dense_part(v, w->dict.firsts[n], w->dict.firsts[n] + 1);
    PQ_TRY(pq_encode_plain(&w->body, &one));
    n++;
  }
  PQ_TRY(packed_len(w, w->level, &entries));
  entries = scaled(entries, w->dict.plain_len, w->body.len) + DICT_PAGE_COST;
  PQ_TRY(copy_runs(s, w->dict.ids, sizeof *w->dict.ids, &w->numbers));
  PQ_TRY(try_codes(w, s, pq_bit_width(w->dict.count - 1), out));
  out->packed = scaled(out->raw_packed, v->count, s->values.count) + entries;
  return PQ_OK;
}

/* Non-dictionary candidates in order of preference; their number. */
static unsigned candidates(const pq_leaf_spec *spec, pq_encoding out[CANDIDATES_MAX]) {
  bool is_sorted = spec->hint == PQ_HINT_SORTED;
  out[0] = spec->has_encoding ? spec->encoding : PQ_ENC_PLAIN;
  if (spec->has_encoding) return 1;
  if (spec->hint == PQ_HINT_PLAIN) return 1;
  switch (spec->phys) {
    case PQ_PHYS_BOOL: out[1] = PQ_ENC_RLE; return 2;
    case PQ_PHYS_INT32:
    case PQ_PHYS_INT64:
      out[is_sorted ? 0 : 1] = PQ_ENC_DELTA_BINARY_PACKED;
      return is_sorted ? 1 : 2;
    case PQ_PHYS_BYTES:
      out[is_sorted ? 0 : 1] = PQ_ENC_DELTA_BYTE_ARRAY;
      if (is_sorted) return 1;
      if (spec->order == PQ_BOUNDS_DECIMAL) return 2; /* DuckDB reads it of strings only: */
      out[1] = PQ_ENC_DELTA_LENGTH_BYTE_ARRAY;
      out[2] = PQ_ENC_DELTA_BYTE_ARRAY;
      return 3;
    case PQ_PHYS_FLOAT:
    case PQ_PHYS_DOUBLE: out[1] = PQ_ENC_BYTE_STREAM_SPLIT; return 2;
    case PQ_PHYS_FIXED: /* DuckDB does not read BYTE_STREAM_SPLIT of it */
      out[is_sorted ? 0 : 1] = PQ_ENC_DELTA_BYTE_ARRAY;
      return is_sorted ? 1 : 2;
    case PQ_PHYS_INT96: break;
  }
  return 1;
}

static bool is_better(const trial *a, const trial *b, unsigned margin_percent) {
  return a->packed < b->packed - b->packed * margin_percent / 100;
}

/* Do equal values stand together? Ids appear in ascending order. */
static bool is_clustered(const pq_chunk_writer *w, uint32_t count) {
  for (uint32_t i = 1; i < count; i++)
    if (w->dict.ids[i] < w->dict.ids[i - 1]) return false;
  return true;
}

static bool is_ascending_text(const pq_dense *v) {
  if (!pq_phys_is_slice(v->phys)) return false;
  for (uint32_t i = 1; i < v->count; i++)
    if (pq_slice_cmp(v->v.bytes[i - 1], v->v.bytes[i]) > 0) return false;
  return true;
}

/* Do bounds of pages tell where a value can only be? Numbers in order are quickly skipped. */
static bool is_in_order(const pq_chunk_writer *w, const pq_dense *v, bool is_dict) {
  return is_dict ? is_clustered(w, v->count) : is_ascending_text(v);
}

/* Rows in a page at most. Skipping pages is useless where they all hold the same values, so there
 * pages grow until their content outweighs header and index entry. */
static uint32_t page_rows(const pq_chunk_writer *w, const pq_leaf_spec *spec, const pq_dense *v,
                          const trial *best, bool is_dict) {
  uint64_t packed = scaled(best->packed, PAGE_ROWS, v->count);
  bool may_be_short = w->ordered_rows > 0 && spec->hint != PQ_HINT_SORTED;
  if (may_be_short && is_in_order(w, v, is_dict)) return w->ordered_rows;
  if (!is_dict && v->phys != PQ_PHYS_BOOL) return PAGE_ROWS;
  if (packed >= PAGE_PACKED_LEN_MIN) return PAGE_ROWS;
  if (is_dict && is_clustered(w, v->count)) return PAGE_ROWS;
  packed = (uint64_t)PAGE_ROWS * PAGE_PACKED_LEN_MIN / (packed + 1);
  return packed < PAGE_ROWS_MAX ? (uint32_t)packed : PAGE_ROWS_MAX;
}

static unsigned margin_of(pq_encoding encoding) {
  return encoding == PQ_ENC_BYTE_STREAM_SPLIT ? SPLIT_MARGIN_PERCENT : MARGIN_PERCENT;
}

/* Where neighbours share a few bytes by chance, as numbers of ids do behind the name of their
 * collection, the lengths of what they share cost more than it is worth: no codec packs them. Then
 * each takes what all share from the one before, and so all such lengths are the same. */
static int try_common_prefix(pq_chunk_writer *w, const pq_leaf_spec *spec, const sample *s,
                             pq_choice *out, trial *best) {
  sample capped = *s;
  trial other;
  if (spec->phys != PQ_PHYS_BYTES || spec->order == PQ_BOUNDS_DECIMAL) return PQ_OK;
  capped.values.prefix_max = pq_dense_prefix(&s->values);
  if (capped.values.prefix_max == 0) return PQ_OK;
  PQ_TRY(try_plain(w, &capped, PQ_ENC_DELTA_BYTE_ARRAY, &other));
  if (!is_better(&other, best, MARGIN_PERCENT)) return PQ_OK;
  *best = other;
  out->encoding = PQ_ENC_DELTA_BYTE_ARRAY;
  out->prefix_max = capped.values.prefix_max;
  return try_light(w, best);
}

/* The best candidate that is no dictionary. */
static int try_all_plain(pq_chunk_writer *w, const pq_leaf_spec *spec, const sample *s,
                         pq_choice *out, trial *best) {
  pq_encoding encodings[CANDIDATES_MAX];
  unsigned count = candidates(spec, encodings);
  out->encoding = encodings[0];
  PQ_TRY(try_plain(w, s, encodings[0], best));
  PQ_TRY(try_light(w, best));
  for (unsigned i = 1; i < count; i++) {
    trial other;
    PQ_TRY(try_plain(w, s, encodings[i], &other));
    if (!is_better(&other, best, margin_of(encodings[i]))) continue;
    *best = other;
    out->encoding = encodings[i];
    PQ_TRY(try_light(w, best));
  }
  return count > 1 ? try_common_prefix(w, spec, s, out, best) : PQ_OK;
}

/* Without a choice only the encoded length is of interest. */
static int measure(pq_chunk_writer *w, const sample *s, pq_encoding encoding, trial *best) {
  *best = (trial){.raw = s->plain_len};
  if (encoding == PQ_ENC_PLAIN) return PQ_OK;
  pq_buf_clear(&w->body);
  PQ_TRY(pq_encode(&w->body, encoding, &s->values, &w->lengths));
  best->raw = w->body.len;
  return PQ_OK;
}

/* A dictionary if it may pay, or if it was asked for. */
static int build_dict(pq_chunk_writer *w, const pq_leaf_spec *spec, const pq_dense *v,
                      bool *has_dict) {
  bool is_forced = spec->has_encoding && spec->encoding == PQ_ENC_RLE_DICTIONARY;
  uint64_t len_max = w->layout == PQ_LAYOUT_OPERATIONAL ? PQ_DICT_LOOKUP_LEN_MAX : PQ_DICT_LEN_MAX;
  *has_dict = false;
  if (!is_forced && (spec->has_encoding || spec->hint != PQ_HINT_AUTO)) return PQ_OK;
  if (v->phys == PQ_PHYS_BOOL) return PQ_OK;
  return pq_dict_build(&w->dict, v, is_forced ? 0 : len_max, has_dict);
}

static int choose_plain(pq_chunk_writer *w, const pq_leaf_spec *spec, const sample *s,
                        pq_choice *out, trial *best) {
  pq_encoding encodings[CANDIDATES_MAX];
  if (candidates(spec, encodings) > 1 || out->has_dict) return try_all_plain(w, spec, s, out, best);
  out->encoding = encodings[0];
  return measure(w, s, out->encoding, best);
}

int pq_chunk_choose(pq_chunk_writer *w, const pq_leaf_spec *spec, const pq_dense *v,
                    pq_choice *out) {
  bool is_dict = spec->has_encoding && spec->encoding == PQ_ENC_RLE_DICTIONARY;
  trial best = {0}, other;
  sample s;
  uint64_t part;
  *out = (pq_choice){.encoding = PQ_ENC_PLAIN, .page_rows_max = PAGE_ROWS_MAX, .level = w->level};
  if (spec->has_encoding) out->encoding = spec->encoding;
  PQ_TRY(build_dict(w, spec, v, &out->has_dict));
  if (v->count == 0) return PQ_OK;
  if (out->has_dict && w->dict.count == 1 && v->count >= CONSTANT_VALUES_MIN) {
    out->encoding = PQ_ENC_RLE_DICTIONARY; /* a run of one code a page, and the fastest to read */
    return PQ_OK;
  }
  PQ_TRY(take_sample(w, v, &s));
  if (!is_dict) PQ_TRY(choose_plain(w, spec, &s, out, &best));
  if (out->has_dict) {
    PQ_TRY(try_dict(w, v, &s, &other));
    is_dict = is_dict || is_better(&other, &best, MARGIN_PERCENT);
    if (is_dict) {
      best = other;
      out->width = best.width;
      PQ_TRY(try_light(w, &best));
    }
  }
  if (is_dict) out->encoding = PQ_ENC_RLE_DICTIONARY;
  if (best.level > 0) out->level = best.level;
  part = spec->phys == PQ_PHYS_BYTES && !is_dict ? s.plain_len : s.values.count;
  out->cost = (best.raw << 16) / part;
  out->page_rows_max = page_rows(w, spec, v, &best, is_dict);
  return PQ_OK;
}
