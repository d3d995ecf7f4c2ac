/* parquet/decode.c - the values of a page, in every encoding that we read.
 *
 *   PLAIN             copied (fixed width) or cut into slices of the page (strings)
 *   dictionary        codes in batches of BATCH: unpack, compare the highest code, gather
 *   DELTA_LENGTH      lengths in batches, slices of the page
 *   DELTA_BYTE_ARRAY  prefix of the value before + suffix, joined in the arena; a value without
 *                     suffix is a slice of the one before
 *   BYTE_STREAM_SPLIT put together once, then PLAIN
 *
 * What can be checked once for all values (lengths of fixed-width data) is checked in init, so
 * that reading is a loop without branches. Little-endian machines only, as PLAIN is.
 */
#include <string.h>

#include "parquet/decode_int.h"

enum { BATCH = 512, INT96_LEN = 12 };

/* Short strings are copied in blocks of this many bytes. The arena memory for joined strings is
 * longer by one block, so that a block may go beyond the last string. */
enum { BLOCK_LEN = 16, SHORT_LEN_MAX = 64 };

size_t pq_phys_size(pq_phys phys) {
  switch (phys) {
    case PQ_PHYS_BOOL: return 1;
    case PQ_PHYS_INT32:
    case PQ_PHYS_FLOAT: return 4;
    case PQ_PHYS_INT64:
    case PQ_PHYS_DOUBLE: return 8;
    case PQ_PHYS_INT96:
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: return sizeof(pq_slice);
  }
  pq_unreachable("physical type");
}

bool pq_phys_is_slice(pq_phys phys) {
  return phys == PQ_PHYS_INT96 || phys == PQ_PHYS_BYTES || phys == PQ_PHYS_FIXED;
}

uint32_t pq_phys_len(pq_phys phys, uint32_t type_len) {
  switch (phys) {
    case PQ_PHYS_INT32:
    case PQ_PHYS_FLOAT: return 4;
    case PQ_PHYS_INT64:
    case PQ_PHYS_DOUBLE: return 8;
    case PQ_PHYS_INT96: return INT96_LEN;
    case PQ_PHYS_FIXED: return type_len;
    default: return 0;
  }
}

static bool is_dictionary(pq_encoding e) {
  return e == PQ_ENC_RLE_DICTIONARY || e == PQ_ENC_PLAIN_DICTIONARY;
}

static bool is_string(pq_phys phys) {
  return phys == PQ_PHYS_BYTES || phys == PQ_PHYS_FIXED;
}

/* Does the type have this encoding? */
static bool suits(pq_phys phys, pq_encoding encoding) {
  switch (encoding) {
    case PQ_ENC_PLAIN: return true;
    case PQ_ENC_PLAIN_DICTIONARY:
    case PQ_ENC_RLE_DICTIONARY: return phys != PQ_PHYS_BOOL;
    case PQ_ENC_RLE: return phys == PQ_PHYS_BOOL;
    case PQ_ENC_DELTA_BINARY_PACKED: return phys == PQ_PHYS_INT32 || phys == PQ_PHYS_INT64;
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY: return phys == PQ_PHYS_BYTES;
    case PQ_ENC_DELTA_BYTE_ARRAY: return is_string(phys);
    case PQ_ENC_BYTE_STREAM_SPLIT:
      return phys != PQ_PHYS_BOOL && phys != PQ_PHYS_BYTES && phys != PQ_PHYS_INT96;
    default: return false;
  }
}

/* ---- init ---- */

static int init_plain(pq_values *v, pq_slice in) {
  uint64_t count = v->spec.count, len = pq_phys_len(v->spec.phys, v->spec.type_len), need;
  if (v->spec.phys == PQ_PHYS_BOOL)
    need = (count + 7) / 8;
  else if (v->spec.phys == PQ_PHYS_BYTES)
    need = count * 4; /* the length prefixes */
  else
    need = count * len; /* two factors of 32 bits */
  if (v->spec.phys == PQ_PHYS_FIXED && len == 0)
    return pq_place_corrupt(v->at, "fixed length of 0");
  if (need > in.n) return pq_place_corrupt(v->at, "values end too early");
  v->in = pq_reader_of(in);
  return PQ_OK;
}

static int init_dictionary(pq_values *v, pq_slice in) {
  if (v->spec.dictionary == NULL) return pq_place_corrupt(v->at, "dictionary page missing");
  if (in.n == 0) return pq_place_corrupt(v->at, "dictionary codes missing");
  if (in.p[0] > 32) return pq_place_corrupt(v->at, "dictionary code width above 32");
  pq_hybrid_init(&v->hybrid, (pq_slice){in.p + 1, in.n - 1}, in.p[0]);
  return PQ_OK;
}

static int init_rle(pq_values *v, pq_slice in) {
  uint32_t len;
  if (in.n < 4) return pq_place_corrupt(v->at, "run lengths missing");
  len = pq_rd32(in.p);
  if (len > in.n - 4) return pq_place_corrupt(v->at, "run lengths end too early");
  pq_hybrid_init(&v->hybrid, (pq_slice){in.p + 4, len}, 1);
  return PQ_OK;
}

/* Start a delta stream that must hold exactly the page's values. */
static int init_delta(pq_values *v, pq_slice in, pq_delta *d) {
  uint64_t count;
  PQ_TRY(pq_delta_init(d, v->at, in, &count));
  if (count != v->spec.count) return pq_place_corrupt(v->at, "delta count differs from the page");
  return PQ_OK;
}

static int init_delta_strings(pq_values *v, pq_slice in) {
  pq_slice rest;
  PQ_TRY(init_delta(v, in, &v->delta));
  PQ_TRY(pq_delta_rest(&v->delta, v->at, &rest));
  if (v->spec.encoding == PQ_ENC_DELTA_BYTE_ARRAY) {
    PQ_TRY(init_delta(v, rest, &v->suffixes));
    PQ_TRY(pq_delta_rest(&v->suffixes, v->at, &rest));
  }
  v->in = pq_reader_of(rest);
  v->previous = (pq_slice){rest.p, 0};
  return PQ_OK;
}

/* Byte k of all values stands together: turn that into PLAIN. */
static int init_split(pq_values *v, pq_slice in) {
  size_t len = pq_phys_len(v->spec.phys, v->spec.type_len), count = v->spec.count;
  uint8_t *plain;
  PQ_TRY(init_plain(v, in));
  plain = pq_arena_alloc(v->arena, count * len); /* fits: init_plain saw as many bytes */
  if (plain == NULL) return v->at->cx->code;
  for (size_t k = 0; k < len; k++) {
    const uint8_t *from = in.p + k * count;
    for (size_t i = 0; i < count; i++)
      plain[i * len + k] = from[i];
  }
  v->in = pq_reader_of((pq_slice){plain, count * len});
  v->spec.encoding = PQ_ENC_PLAIN;
  return PQ_OK;
}

int pq_values_init(pq_values *v, const pq_place *at, pq_arena *arena, pq_values_spec spec,
                   pq_slice in) {
  *v = (pq_values){.at = at, .arena = arena, .spec = spec};
  if (!suits(spec.phys, spec.encoding)) {
    pq_fail(at->cx, PQ_EUNSUPPORTED, "encoding %d of type %d is not readable", (int)spec.encoding,
            (int)spec.phys);
    return pq_place_fail(at, PQ_EUNSUPPORTED, at->cx->msg);
  }
  if (spec.count == 0) return PQ_OK; /* a page of nulls may have no bytes at all */
  switch (spec.encoding) {
    case PQ_ENC_PLAIN_DICTIONARY:
    case PQ_ENC_RLE_DICTIONARY: return init_dictionary(v, in);
    case PQ_ENC_RLE: return init_rle(v, in);
    case PQ_ENC_DELTA_BINARY_PACKED: return init_delta(v, in, &v->delta);
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY:
    case PQ_ENC_DELTA_BYTE_ARRAY: return init_delta_strings(v, in);
    case PQ_ENC_BYTE_STREAM_SPLIT: return init_split(v, in);
    default: return init_plain(v, in);
  }
}

/* ---- PLAIN ---- */

static void read_bools(pq_values *v, uint32_t n, uint8_t *out) {
  const uint8_t *bits = v->in.p;
  uint32_t pos = v->pos;
  for (uint32_t i = 0; i < n; i++, pos++)
    out[i] = bits[pos >> 3] >> (pos & 7) & 1;
}

static int read_plain_strings(pq_values *v, uint32_t n, pq_slice *out) {
  const uint8_t *p = v->in.p, *end = v->in.end;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t len;
    if (end - p < 4) return pq_place_corrupt(v->at, "string length missing");
    len = pq_rd32(p);
    p += 4;
    if (len > (size_t)(end - p)) return pq_place_corrupt(v->at, "string ends too early");
    out[i] = (pq_slice){p, len};
    p += len;
  }
  v->in.p = p;
  return PQ_OK;
}

static int read_plain(pq_values *v, uint32_t n, void *out) {
  size_t len = pq_phys_len(v->spec.phys, v->spec.type_len);
  if (v->spec.phys == PQ_PHYS_BOOL) {
    read_bools(v, n, out);
  } else if (v->spec.phys == PQ_PHYS_BYTES) {
    return read_plain_strings(v, n, out);
  } else if (!pq_phys_is_slice(v->spec.phys)) {
    memcpy(out, v->in.p, n * len);
    v->in.p += n * len;
  } else {
    pq_slice *slices = out;
    for (uint32_t i = 0; i < n; i++, v->in.p += len)
      slices[i] = (pq_slice){v->in.p, len};
  }
  return PQ_OK;
}

/* ---- dictionary ---- */

static void gather(const pq_values *v, const uint32_t *codes, uint32_t n, void *out) {
  const void *from = v->spec.dictionary->values;
  switch (pq_phys_is_slice(v->spec.phys) ? 0 : pq_phys_size(v->spec.phys)) {
    case 4: {
      uint32_t *to = out;
      for (uint32_t i = 0; i < n; i++)
        to[i] = ((const uint32_t *)from)[codes[i]];
      return;
    }
    case 8: {
      uint64_t *to = out;
      for (uint32_t i = 0; i < n; i++)
        to[i] = ((const uint64_t *)from)[codes[i]];
      return;
    }
    default: {
      pq_slice *to = out;
      for (uint32_t i = 0; i < n; i++)
        to[i] = ((const pq_slice *)from)[codes[i]];
      return;
    }
  }
}

/* Values of one run: at most what is left of it, and BATCH if it is packed. */
static int read_codes(pq_values *v, uint32_t n, void *out, uint32_t *done) {
  uint32_t codes[BATCH], max = 0;
  *done = 0;
  PQ_TRY(pq_hybrid_run(&v->hybrid, v->at));
  if (n > v->hybrid.left) n = (uint32_t)v->hybrid.left;
  if (n > BATCH) n = BATCH;
  PQ_TRY(pq_hybrid_read(&v->hybrid, v->at, n, codes));
  for (uint32_t i = 0; i < n; i++)
    max = codes[i] > max ? codes[i] : max;
  if (max >= v->spec.dictionary->count)
    return pq_place_corrupt(v->at, "dictionary code beyond the dictionary");
  gather(v, codes, n, out);
  *done = n;
  return PQ_OK;
}

static int read_dictionary(pq_values *v, uint32_t n, void *out) {
  size_t size = pq_phys_size(v->spec.phys);
  uint8_t *to = out;
  while (n > 0) {
    uint32_t done;
    PQ_TRY(read_codes(v, n, to, &done));
    to += done * size;
    n -= done;
  }
  return PQ_OK;
}

/* ---- runs and deltas ---- */

static int read_rle(pq_values *v, uint32_t n, uint8_t *out) {
  uint32_t bits[BATCH];
  while (n > 0) {
    uint32_t k = n < BATCH ? n : BATCH;
    PQ_TRY(pq_hybrid_read(&v->hybrid, v->at, k, bits));
    for (uint32_t i = 0; i < k; i++)
      out[i] = (uint8_t)bits[i];
    out += k;
    n -= k;
  }
  return PQ_OK;
}

static int read_delta32(pq_values *v, uint32_t n, int32_t *out) {
  int64_t wide[BATCH];
  while (n > 0) {
    uint32_t k = n < BATCH ? n : BATCH;
    PQ_TRY(pq_delta_read(&v->delta, v->at, k, wide));
    for (uint32_t i = 0; i < k; i++)
      out[i] = (int32_t)(uint32_t)wide[i];
    out += k;
    n -= k;
  }
  return PQ_OK;
}

/* The next string of a page of strings without prefixes. */
static int take(pq_values *v, int64_t len, pq_slice *out) {
  *out = (pq_slice){0};
  if (len < 0 || (uint64_t)len > pq_reader_left(&v->in))
    return pq_place_corrupt(v->at, "string ends too early");
  *out = (pq_slice){v->in.p, (size_t)len};
  v->in.p += (size_t)len;
  return PQ_OK;
}

static int read_delta_lengths(pq_values *v, uint32_t n, pq_slice *out) {
  int64_t lens[BATCH];
  PQ_TRY(pq_delta_read(&v->delta, v->at, n, lens));
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(take(v, lens[i], &out[i]));
  return PQ_OK;
}

/* Copy `n` bytes, perhaps a block too many where both sides have room for it. */
static void copy_blocks(uint8_t *to, const uint8_t *from, size_t n, bool has_room) {
  if (!has_room || n > SHORT_LEN_MAX) {
    memcpy(to, from, n);
    return;
  }
  for (size_t i = 0; i < n; i += BLOCK_LEN)
    memmove(to + i, from + i, BLOCK_LEN);
}

/* Join one value; `room` has its bytes when it has a suffix. */
static int join(pq_values *v, int64_t prefix, int64_t suffix, uint8_t *room, pq_slice *out) {
  pq_slice tail;
  PQ_TRY(take(v, suffix, &tail));
  *out = (pq_slice){v->previous.p, (size_t)prefix};
  if (tail.n > 0) {
    /* A value that lends a prefix was joined as well, so a block may follow it. */
    copy_blocks(room, v->previous.p, (size_t)prefix, true);
    copy_blocks(room + prefix, tail.p, tail.n, pq_reader_left(&v->in) >= BLOCK_LEN);
    *out = (pq_slice){room, (size_t)prefix + tail.n};
  }
  if (v->spec.phys == PQ_PHYS_FIXED && out->n != v->spec.type_len)
    return pq_place_corrupt(v->at, "string of another length than the type");
  v->previous = *out;
  return PQ_OK;
}

static int read_delta_strings(pq_values *v, uint32_t n, pq_slice *out) {
  int64_t prefixes[BATCH], suffixes[BATCH];
  uint64_t total = 0, before = v->previous.n;
  uint8_t *room;
  PQ_TRY(pq_delta_read(&v->delta, v->at, n, prefixes));
  PQ_TRY(pq_delta_read(&v->suffixes, v->at, n, suffixes));
  for (uint32_t i = 0; i < n; i++) {
    if (prefixes[i] < 0 || (uint64_t)prefixes[i] > before)
      return pq_place_corrupt(v->at, "prefix longer than the string before");
    if (suffixes[i] < 0 || (uint64_t)suffixes[i] > pq_reader_left(&v->in))
      return pq_place_corrupt(v->at, "string ends too early");
    before = (uint64_t)prefixes[i] + (uint64_t)suffixes[i];
    if (suffixes[i] > 0) total += before;
    if (total > PQ_PAGE_LEN_MAX - v->strings_len)
      return pq_place_fail(v->at, PQ_ELIMIT, "strings of the page take more than 256 MiB");
  }
  room = pq_arena_alloc(v->arena, (size_t)total + BLOCK_LEN);
  if (room == NULL) return v->at->cx->code;
  v->strings_len += (size_t)total;
  for (uint32_t i = 0; i < n; i++) {
    PQ_TRY(join(v, prefixes[i], suffixes[i], room, &out[i]));
    if (suffixes[i] > 0) room += out[i].n;
  }
  return PQ_OK;
}

static int read_strings(pq_values *v, uint32_t n, pq_slice *out) {
  bool has_prefixes = v->spec.encoding == PQ_ENC_DELTA_BYTE_ARRAY;
  while (n > 0) {
    uint32_t k = n < BATCH ? n : BATCH;
    PQ_TRY(has_prefixes ? read_delta_strings(v, k, out) : read_delta_lengths(v, k, out));
    out += k;
    n -= k;
  }
  return PQ_OK;
}

/* ---- all ---- */

static int read_any(pq_values *v, uint32_t n, void *out) {
  switch (v->spec.encoding) {
    case PQ_ENC_PLAIN_DICTIONARY:
    case PQ_ENC_RLE_DICTIONARY: return read_dictionary(v, n, out);
    case PQ_ENC_RLE: return read_rle(v, n, out);
    case PQ_ENC_DELTA_BINARY_PACKED:
      if (v->spec.phys == PQ_PHYS_INT32) return read_delta32(v, n, out);
      return pq_delta_read(&v->delta, v->at, n, out);
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY:
    case PQ_ENC_DELTA_BYTE_ARRAY: return read_strings(v, n, out);
    default: return read_plain(v, n, out);
  }
}

int pq_values_read(pq_values *v, uint32_t n, void *out) {
  pq_assert(n <= v->spec.count - v->pos);
  if (n == 0) return PQ_OK;
  PQ_TRY(read_any(v, n, out));
  v->pos += n;
  return PQ_OK;
}

int pq_values_skip(pq_values *v, uint32_t n) {
  uint32_t len = pq_phys_len(v->spec.phys, v->spec.type_len);
  pq_assert(n <= v->spec.count - v->pos);
  if (n == 0) return PQ_OK;
  if (is_dictionary(v->spec.encoding) || v->spec.encoding == PQ_ENC_RLE) {
    PQ_TRY(pq_hybrid_skip(&v->hybrid, v->at, n));
  } else if (v->spec.encoding == PQ_ENC_PLAIN && v->spec.phys != PQ_PHYS_BYTES) {
    v->in.p += (size_t)n * len; /* 0 for BOOL, which goes by `pos` */
  } else {
    union {
      pq_slice slices[BATCH];
      int64_t numbers[BATCH];
    } ignored;
    for (uint32_t left = n; left > 0;) {
      uint32_t k = left < BATCH ? left : BATCH;
      PQ_TRY(read_any(v, k, &ignored));
      left -= k;
    }
  }
  v->pos += n;
  return PQ_OK;
}
