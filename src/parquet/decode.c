/* parquet/decode.c - the values of a page, in every encoding that we read.
 *
 *   PLAIN             copied (fixed width) or cut into slices of the page (strings)
 *   dictionary        codes in batches of BATCH: unpack, compare the highest code, gather
 *   DELTA_LENGTH      lengths in batches, slices of the page
 *   DELTA_BYTE_ARRAY  prefix of the value before + suffix, joined in the arena; a value without
 *                     suffix is a slice of the one before
 *   BYTE_STREAM_SPLIT put together as read; FIXED in the arena
 *
 * What can be checked once for all values (lengths of fixed-width data) is checked in init, what
 * can be checked once for a batch before its loop, so that loops are without branches. The loops
 * that count are in kernels_int.h. Little-endian machines only, as PLAIN is.
 */
#include <string.h>

#include "parquet/decode_int.h"

enum { BATCH = 512, INT96_LEN = 12, PREFIX_LEN = 4 /* of the length of a PLAIN string */ };

/* Strings read between guesses that the next ones are all of one length; and how far in front of
 * them memory is asked for: a page of many megabytes has left the caches since it was unpacked, and
 * where a string begins is only known when the length of the one before has come. */
enum { STRING_STEP = 32, PREFETCH_LEN = 2048 };

/* Short strings are copied in blocks of this many bytes, values of up to HEAD_LEN are joined as a
 * whole. The memory for joined strings is longer by that, so that a copy may go beyond the last. */
enum { BLOCK_LEN = 16, SHORT_LEN_MAX = 64, HEAD_LEN = 32 };

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
    case PQ_ENC_RLE_DICTIONARY: return true;
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

/* Start a delta stream, which must hold the page's values; more of them do no harm. */
static int init_delta(pq_values *v, pq_slice in, pq_delta *d) {
  uint64_t count;
  PQ_TRY(pq_delta_init(d, v->at, in, &count));
  if (count < v->spec.count) return pq_place_corrupt(v->at, "delta values missing");
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
  v->strings = rest.p;
  v->previous = (pq_slice){rest.p, 0};
  return PQ_OK;
}

int pq_values_init(pq_values *v, const pq_place *at, pq_arena *arena, pq_values_spec spec,
                   pq_slice in) {
  *v = (pq_values){.at = at, .arena = arena, .kernels = pq_kernels_of(at->cx), .spec = spec};
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
    default: return init_plain(v, in); /* BYTE_STREAM_SPLIT has as many bytes */
  }
}

/* ---- PLAIN ---- */

static void read_bools(pq_values *v, uint32_t n, uint8_t *out) {
  pq_slice bits = {v->in.p, pq_reader_left(&v->in)};
  v->kernels->unpack8(bits, v->pos, 1, n, out);
}

/* Cut off one string. */
static int plain_string(pq_values *v, pq_slice *out) {
  size_t left = pq_reader_left(&v->in), len;
  *out = (pq_slice){0};
  if (left < PREFIX_LEN) return pq_place_corrupt(v->at, "string length missing");
  len = pq_rd32(v->in.p);
  if (len > left - PREFIX_LEN) return pq_place_corrupt(v->at, "string ends too early");
  *out = (pq_slice){v->in.p + PREFIX_LEN, len};
  v->in.p += PREFIX_LEN + len;
  return PQ_OK;
}

/* Cut off strings while they are as long as the one before: the processor then guesses where the
 * next one begins, and does not wait for its length. Returns where the first one of another length,
 * or too near to the end, begins; *i counts them. */
static const uint8_t *equal_strings(const uint8_t *p, const uint8_t *end, uint32_t n, pq_slice *out,
                                    uint32_t *i) {
  size_t len = pq_rd32(p);
  uint64_t left = (uint64_t)(end - p), step = (uint64_t)len + PREFIX_LEN;
  while (*i < n && left >= step + PREFIX_LEN && pq_rd32(p) == len) {
    out[(*i)++] = (pq_slice){p + PREFIX_LEN, len};
    p += step;
    left -= step;
  }
  return p;
}

/* Cut off `n` strings. Where a string leaves room for the length of the next one, which all but the
 * last of a page do, one comparison checks both. */
static int read_plain_strings(pq_values *v, uint32_t n, pq_slice *out) {
  const uint8_t *p = v->in.p, *end = v->in.end;
  uint32_t i = 0;
  while (i < n && end - p >= PREFIX_LEN) {
    uint32_t stop = n - i > STRING_STEP ? i + STRING_STEP : n;
    for (; i < stop; i++) {
      uint32_t len = pq_rd32(p);
      PQ_PREFETCH(p, PREFETCH_LEN);
      if ((int64_t)len > (int64_t)(end - p) - 2 * PREFIX_LEN) break;
      out[i] = (pq_slice){p + PREFIX_LEN, len};
      p += PREFIX_LEN + len;
    }
    if (i < stop || i < 2) break;
    if (out[i - 1].n == out[i - 2].n) p = equal_strings(p, end, n, out, &i);
  }
  v->in.p = p;
  for (; i < n; i++)
    PQ_TRY(plain_string(v, &out[i]));
  return PQ_OK;
}

static void cut(const uint8_t *p, size_t len, uint32_t n, pq_slice *out) {
  for (uint32_t i = 0; i < n; i++)
    out[i] = (pq_slice){p + i * len, len};
}

static int read_plain(pq_values *v, uint32_t n, void *out) {
  size_t len = pq_phys_len(v->spec.phys, v->spec.type_len);
  if (v->spec.phys == PQ_PHYS_BOOL) {
    read_bools(v, n, out);
    return PQ_OK;
  }
  if (v->spec.phys == PQ_PHYS_BYTES) return read_plain_strings(v, n, out);
  if (pq_phys_is_slice(v->spec.phys))
    cut(v->in.p, len, n, out);
  else
    memcpy(out, v->in.p, n * len);
  v->in.p += n * len;
  return PQ_OK;
}

static int read_split(pq_values *v, uint32_t n, void *out) {
  size_t len = pq_phys_len(v->spec.phys, v->spec.type_len);
  uint8_t *to = out;
  if (v->spec.phys == PQ_PHYS_FIXED) {
    to = pq_arena_alloc(v->arena, n * len); /* fits: init saw as many bytes */
    if (to == NULL) return v->at->cx->code;
    cut(to, len, n, out);
  }
  v->kernels->merge_streams(v->in.p, v->spec.count, v->pos, n, len, to);
  return PQ_OK;
}

/* ---- dictionary ---- */

/* The next `n` codes, checked. */
static int read_codes(pq_values *v, uint32_t n, uint32_t *out) {
  uint32_t count = v->spec.dictionary->count;
  PQ_TRY(pq_hybrid_read(&v->hybrid, v->at, n, out));
  if ((uint64_t)1 << v->hybrid.width <= count) return PQ_OK; /* no code can be too high */
  if (count == 0 || v->kernels->max32(out, n) >= count)
    return pq_place_corrupt(v->at, "dictionary code beyond the dictionary");
  return PQ_OK;
}

static void gather(const pq_values *v, const uint32_t *codes, uint32_t n, void *out) {
  const void *from = v->spec.dictionary->values;
  if (pq_phys_is_slice(v->spec.phys)) {
    v->kernels->gather_slices(from, codes, n, out);
  } else if (v->spec.phys == PQ_PHYS_BOOL) {
    uint8_t *to = out;
    for (uint32_t i = 0; i < n; i++)
      to[i] = ((const uint8_t *)from)[codes[i]];
  } else if (pq_phys_size(v->spec.phys) == 4) {
    v->kernels->gather4(from, codes, n, out);
  } else {
    v->kernels->gather8(from, codes, n, out);
  }
}

static int read_dictionary(pq_values *v, uint32_t n, void *out) {
  size_t size = pq_phys_size(v->spec.phys);
  uint32_t codes[BATCH];
  uint8_t *to = out;
  while (n > 0) {
    uint32_t k = n < BATCH ? n : BATCH;
    PQ_TRY(read_codes(v, k, codes));
    gather(v, codes, k, to);
    to += k * size;
    n -= k;
  }
  return PQ_OK;
}

/* ---- strings with lengths apart ---- */

/* Do the strings of these lengths stand in what is left? */
static int check_lengths(const pq_values *v, const uint32_t *lens, uint32_t n, size_t *sum) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < n; i++)
    total += lens[i];
  *sum = (size_t)total;
  if (total <= pq_reader_left(&v->in)) return PQ_OK;
  return pq_place_corrupt(v->at, "string ends too early");
}

static int read_delta_lengths(pq_values *v, uint32_t n, pq_slice *out) {
  const uint8_t *p = v->in.p;
  uint32_t lens[BATCH];
  size_t sum;
  PQ_TRY(pq_delta_read32(&v->delta, v->at, n, lens));
  PQ_TRY(check_lengths(v, lens, n, &sum));
  for (uint32_t i = 0; i < n; i++) {
    out[i] = (pq_slice){p, lens[i]};
    p += lens[i];
  }
  v->in.p = p;
  return PQ_OK;
}

static int skip_delta_lengths(pq_values *v, uint32_t n) {
  uint32_t lens[BATCH];
  size_t sum;
  PQ_TRY(pq_delta_read32(&v->delta, v->at, n, lens));
  PQ_TRY(check_lengths(v, lens, n, &sum));
  v->in.p += sum;
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

/* The lengths of a batch of DELTA_BYTE_ARRAY. */
typedef struct joints {
  uint32_t prefixes[BATCH], suffixes[BATCH];
  uint64_t joined_len;  /* of all values that have a suffix */
  uint64_t longest_len; /* of any value */
} joints;

/* Read and check them: after this no value can fail. */
static int read_joints(pq_values *v, uint32_t n, joints *j) {
  uint64_t before = v->previous.n, type_len = v->spec.type_len;
  bool is_wrong = false, is_other = false;
  size_t sum;
  j->joined_len = j->longest_len = 0;
  PQ_TRY(pq_delta_read32(&v->delta, v->at, n, j->prefixes));
  PQ_TRY(pq_delta_read32(&v->suffixes, v->at, n, j->suffixes));
  PQ_TRY(check_lengths(v, j->suffixes, n, &sum));
  for (uint32_t i = 0; i < n; i++) {
    uint64_t len = (uint64_t)j->prefixes[i] + j->suffixes[i];
    is_wrong |= j->prefixes[i] > before;
    is_other |= len != type_len;
    j->joined_len += j->suffixes[i] > 0 ? len : 0;
    j->longest_len = len > j->longest_len ? len : j->longest_len;
    before = len;
  }
  if (is_wrong) return pq_place_corrupt(v->at, "prefix longer than the string before");
  if (is_other && v->spec.phys == PQ_PHYS_FIXED)
    return pq_place_corrupt(v->at, "string of another length than the type");
  return PQ_OK;
}

/* Memory for `len` bytes of strings of the page, and as much more as a copy may go beyond. */
static int string_room(pq_values *v, uint64_t len, uint8_t **out) {
  *out = NULL;
  if (len > PQ_PAGE_LEN_MAX - v->strings_len)
    return pq_place_fail(v->at, PQ_ELIMIT, "strings of the page take more than 256 MiB");
  *out = pq_arena_alloc(v->arena, (size_t)len + HEAD_LEN);
  if (*out == NULL) return v->at->cx->code;
  v->strings_len += (size_t)len;
  return PQ_OK;
}

/* The first bytes of a value, which the next one may begin with. Kept in registers: to load again
 * what was stored in other pieces a moment ago would wait for the stores. */
typedef struct head {
  uint64_t a, b, c, d;
} head;

static inline head head_of(const uint8_t *p) {
  return (head){pq_rd64(p), pq_rd64(p + 8), pq_rd64(p + 16), pq_rd64(p + 24)};
}

/* The bits of `old` where `mask` has ones, of `new` elsewhere. */
static inline uint64_t either(uint64_t old, uint64_t new, const uint8_t *mask) {
  return ((old ^ new) & pq_rd64(mask)) ^ new;
}

/* `new` behind the first `prefix` bytes of `h`. */
static inline head head_join(head h, size_t prefix, head new) {
  static const uint8_t masks[2 * HEAD_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  const uint8_t *mask = masks + HEAD_LEN - prefix;
  return (head){either(h.a, new.a, mask), either(h.b, new.b, mask + 8),
                either(h.c, new.c, mask + 16), either(h.d, new.d, mask + 24)};
}

static inline void head_put(head h, uint8_t *to) { /* by words, so that they stay in registers */
  memcpy(to, &h.a, 8);
  memcpy(to + 8, &h.b, 8);
  memcpy(to + 16, &h.c, 8);
  memcpy(to + 24, &h.d, 8);
}

/* Join `n` values in `room`, which has their bytes and HEAD_LEN more. A value without suffix is a
 * part of the one before. */
static void join(pq_values *v, const joints *j, uint32_t n, uint8_t *room, pq_slice *out) {
  const uint8_t *last = v->previous.p, *in = v->in.p, *end = v->in.end;
  head h = {0};
  if (v->previous.n > 0) h = head_of(last);
  for (uint32_t i = 0; i < n; i++) {
    size_t prefix = j->prefixes[i], suffix = j->suffixes[i], len = prefix + suffix;
    if (suffix == 0) {
      out[i] = (pq_slice){last, len};
      continue;
    }
    if (len <= HEAD_LEN && (size_t)(in - v->strings) >= prefix && end - in >= HEAD_LEN) {
      h = head_join(h, prefix, head_of(in - prefix));
      head_put(h, room);
    } else { /* a value that lends a prefix was joined as well, so a block may follow it */
      copy_blocks(room, last, prefix, true);
      copy_blocks(room + prefix, in, suffix, (size_t)(end - in) - suffix >= BLOCK_LEN);
      h = head_of(room);
    }
    out[i] = (pq_slice){room, len};
    last = room;
    room += len;
    in += suffix;
  }
  v->in.p = in;
  v->previous = out[n - 1];
}

static int read_delta_strings(pq_values *v, uint32_t n, pq_slice *out) {
  joints j;
  uint8_t *room;
  PQ_TRY(read_joints(v, n, &j));
  PQ_TRY(string_room(v, j.joined_len, &room));
  join(v, &j, n, room, out);
  return PQ_OK;
}

/* Values that are passed over are made in one place, each over the one before: its prefix stands
 * there already. */
static int skip_delta_strings(pq_values *v, uint32_t n) {
  joints j;
  uint8_t *room;
  PQ_TRY(read_joints(v, n, &j));
  if (j.joined_len > 0) {
    PQ_TRY(string_room(v, j.longest_len, &room));
    memcpy(room, v->previous.p, j.prefixes[0]);
    for (uint32_t i = 0; i < n; i++) {
      size_t suffix = j.suffixes[i];
      copy_blocks(room + j.prefixes[i], v->in.p, suffix,
                  pq_reader_left(&v->in) - suffix >= BLOCK_LEN);
      v->in.p += suffix;
    }
    v->previous.p = room;
  }
  v->previous.n = (size_t)j.prefixes[n - 1] + j.suffixes[n - 1];
  return PQ_OK;
}

/* In batches; `out` NULL: pass over them. */
static int read_strings(pq_values *v, uint32_t n, pq_slice *out) {
  bool has_prefixes = v->spec.encoding == PQ_ENC_DELTA_BYTE_ARRAY;
  while (n > 0) {
    uint32_t k = n < BATCH ? n : BATCH;
    if (out == NULL) {
      PQ_TRY(has_prefixes ? skip_delta_strings(v, k) : skip_delta_lengths(v, k));
    } else {
      PQ_TRY(has_prefixes ? read_delta_strings(v, k, out) : read_delta_lengths(v, k, out));
      out += k;
    }
    n -= k;
  }
  return PQ_OK;
}

/* ---- all ---- */

static int read_any(pq_values *v, uint32_t n, void *out) {
  switch (v->spec.encoding) {
    case PQ_ENC_PLAIN_DICTIONARY:
    case PQ_ENC_RLE_DICTIONARY: return read_dictionary(v, n, out);
    case PQ_ENC_RLE: return pq_hybrid_read8(&v->hybrid, v->at, n, out);
    case PQ_ENC_DELTA_BINARY_PACKED:
      if (v->spec.phys == PQ_PHYS_INT32) return pq_delta_read32(&v->delta, v->at, n, out);
      return pq_delta_read64(&v->delta, v->at, n, out);
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY:
    case PQ_ENC_DELTA_BYTE_ARRAY: return read_strings(v, n, out);
    case PQ_ENC_BYTE_STREAM_SPLIT: return read_split(v, n, out);
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

int pq_values_codes(pq_values *v, uint32_t n, uint32_t *out) {
  pq_assert(is_dictionary(v->spec.encoding));
  pq_assert(n <= v->spec.count - v->pos);
  if (n == 0) return PQ_OK;
  PQ_TRY(read_codes(v, n, out));
  v->pos += n;
  return PQ_OK;
}

/* As read_plain_strings, without the slices. */
static int skip_plain_strings(pq_values *v, uint32_t n) {
  const uint8_t *p = v->in.p, *end = v->in.end;
  pq_slice ignored;
  for (; n > 0 && end - p >= PREFIX_LEN; n--) {
    uint32_t len = pq_rd32(p);
    PQ_PREFETCH(p, PREFETCH_LEN);
    if ((int64_t)len > (int64_t)(end - p) - 2 * PREFIX_LEN) break;
    p += PREFIX_LEN + len;
  }
  v->in.p = p;
  for (; n > 0; n--)
    PQ_TRY(plain_string(v, &ignored));
  return PQ_OK;
}

static int skip_plain(pq_values *v, uint32_t n) {
  size_t len = pq_phys_len(v->spec.phys, v->spec.type_len);
  if (v->spec.phys != PQ_PHYS_BYTES) {
    v->in.p += n * len; /* 0 for BOOL, which goes by `pos` */
    return PQ_OK;
  }
  return skip_plain_strings(v, n);
}

static int skip_any(pq_values *v, uint32_t n) {
  switch (v->spec.encoding) {
    case PQ_ENC_PLAIN_DICTIONARY:
    case PQ_ENC_RLE_DICTIONARY:
    case PQ_ENC_RLE: return pq_hybrid_skip(&v->hybrid, v->at, n);
    case PQ_ENC_DELTA_BINARY_PACKED: return pq_delta_skip(&v->delta, v->at, n);
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY:
    case PQ_ENC_DELTA_BYTE_ARRAY: return read_strings(v, n, NULL);
    case PQ_ENC_BYTE_STREAM_SPLIT: return PQ_OK; /* goes by `pos` */
    default: return skip_plain(v, n);
  }
}

int pq_values_skip(pq_values *v, uint32_t n) {
  pq_assert(n <= v->spec.count - v->pos);
  if (n == 0) return PQ_OK;
  PQ_TRY(skip_any(v, n));
  v->pos += n;
  return PQ_OK;
}
