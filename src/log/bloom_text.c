/* log/bloom_text.c - what a file's record says of its bloom filters and types. See manifest.h.
 *
 *   "blooms":[{"off":4096,"len":79,"crc":…,"min":"posts/a","max":"posts/k","bytes":"HEAcFQg…"},
 *             {"off":4175,…}]                       a row group each
 *   "types":["Post","Draft"]
 *
 * A file of one row group has no bounds here: its idMin and idMax are the same. The filter's own
 * bytes stand here only where they are few, so that entries and checkpoints stay short.
 */
#include <string.h>

#include "base/text.h"
#include "codec/codec.h"
#include "log/log_int.h"

/* ---- checks ---- */

static const char *place_defect(const pq_file_info *f, const pq_bloom_place *b) {
  if (b->len == 0 || b->len > PQ_BLOOM_PLACE_LEN_MAX) return "a bloom filter has a bad length";
  if (b->off > f->len || b->len > f->len - b->off) return "a bloom filter lies outside its file";
  if (!pq_utf8_is_valid(b->min) || !pq_utf8_is_valid(b->max) || pq_slice_cmp(b->min, b->max) > 0)
    return "bounds of a bloom filter are not UTF-8 or not in order";
  if (b->bytes.n > 0 && (b->bytes.n != b->len || pq_crc32(b->bytes) != b->crc))
    return "the bytes of a bloom filter are not those of its file";
  return NULL;
}

const char *pq_blooms_defect(const pq_file_info *f) {
  const char *defect = NULL;
  if (f->bloom_count > PQ_FILE_BLOOMS_MAX) return "too many bloom filters";
  if (f->type_count > PQ_FILE_TYPES_MAX) return "too many types";
  if (f->type_count > 0 && f->kind != PQ_FILE_DATA) return "types in a file without entities";
  for (uint32_t i = 0; i < f->bloom_count && defect == NULL; i++)
    defect = place_defect(f, &f->blooms[i]);
  for (uint32_t i = 0; i < f->type_count && defect == NULL; i++)
    if (f->types[i].n == 0 || !pq_utf8_is_valid(f->types[i])) defect = "a type is empty or no text";
  return defect;
}

size_t pq_blooms_len(const pq_file_info *f) {
  size_t len = 0;
  for (uint32_t i = 0; i < f->bloom_count; i++)
    len += f->blooms[i].bytes.n;
  return len;
}

/* ---- writing ---- */

static int put_base64(pq_buf *out, pq_slice in) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  PQ_TRY(pq_buf_reserve(out, in.n / 3 * 4 + 4));
  for (size_t i = 0; i < in.n; i += 3) {
    size_t n = in.n - i < 3 ? in.n - i : 3;
    uint32_t word = (uint32_t)in.p[i] << 16;
    char four[4];
    if (n > 1) word |= (uint32_t)in.p[i + 1] << 8;
    if (n > 2) word |= in.p[i + 2];
    for (size_t k = 0; k < 4; k++)
      four[k] = k <= n ? digits[word >> (18 - 6 * k) & 63] : '=';
    PQ_TRY(pq_buf_put(out, four, sizeof four));
  }
  return PQ_OK;
}

static int put_place(pq_buf *out, const pq_bloom_place *b, bool has_bounds, bool has_bytes) {
  PQ_TRY(pq_buf_printf(out, "{\"off\":%llu,\"len\":%u,\"crc\":%u", (unsigned long long)b->off,
                       (unsigned)b->len, (unsigned)b->crc));
  if (has_bounds) {
    PQ_TRY(pq_buf_put_str(out, ",\"min\":"));
    PQ_TRY(pq_buf_put_json_str(out, b->min));
    PQ_TRY(pq_buf_put_str(out, ",\"max\":"));
    PQ_TRY(pq_buf_put_json_str(out, b->max));
  }
  if (has_bytes && b->bytes.n > 0) {
    PQ_TRY(pq_buf_put_str(out, ",\"bytes\":\""));
    PQ_TRY(put_base64(out, b->bytes));
    PQ_TRY(pq_buf_put_byte(out, '"'));
  }
  return pq_buf_put_byte(out, '}');
}

int pq_blooms_put(pq_buf *out, const pq_file_info *f, bool has_bytes) {
  for (uint32_t i = 0; i < f->bloom_count; i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? ",\"blooms\":[" : ","));
    PQ_TRY(put_place(out, &f->blooms[i], f->bloom_count > 1, has_bytes));
  }
  if (f->bloom_count > 0) PQ_TRY(pq_buf_put_byte(out, ']'));
  for (uint32_t i = 0; i < f->type_count; i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? ",\"types\":[" : ","));
    PQ_TRY(pq_buf_put_json_str(out, f->types[i]));
  }
  return f->type_count > 0 ? pq_buf_put_byte(out, ']') : PQ_OK;
}

/* ---- reading ---- */

/* Values of the digits; -1: it is none. */
static const int8_t digit_values[128] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62,
    -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0,
    1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
    23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
    39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1};

static int32_t value_of(uint8_t c) {
  return c < sizeof digit_values ? digit_values[c] : -1;
}

/* The four digits at `p`; negative if one of them is none. */
static int32_t word_of_digits(const uint8_t *p) {
  int32_t a = value_of(p[0]), b = value_of(p[1]), c = value_of(p[2]), d = value_of(p[3]);
  return (a | b | c | d) < 0 ? -1 : a << 18 | b << 12 | c << 6 | d;
}

/* The last, padded digits: one or two bytes. */
static bool read_end(const uint8_t *p, uint8_t *out, size_t len) {
  uint8_t four[4] = {p[0], p[1], len == 2 ? p[2] : 'A', 'A'};
  int32_t word = word_of_digits(four);
  if (word < 0 || p[3] != '=' || (len == 1 && p[2] != '=')) return false;
  out[0] = (uint8_t)(word >> 16);
  if (len == 2) out[1] = (uint8_t)(word >> 8);
  return true;
}

/* Exactly `len` bytes, as put_base64 writes them. */
static bool read_base64(pq_slice text, uint8_t *out, size_t len) {
  const uint8_t *p = text.p;
  if (text.n != (len + 2) / 3 * 4) return false;
  for (; len >= 3; len -= 3, p += 4, out += 3) {
    int32_t word = word_of_digits(p);
    if (word < 0) return false;
    out[0] = (uint8_t)(word >> 16);
    out[1] = (uint8_t)(word >> 8);
    out[2] = (uint8_t)word;
  }
  return len == 0 || read_end(p, out, len);
}

int pq_bloom_bytes_get(pq_arena *arena, pq_slice text, size_t len, pq_slice *out) {
  uint8_t *bytes = pq_arena_alloc(arena, len);
  *out = (pq_slice){0};
  if (bytes == NULL) return arena->cx->code;
  if (read_base64(text, bytes, len)) *out = (pq_slice){bytes, len};
  return PQ_OK;
}

static int get_bytes(const pq_log_doc *d, pq_bloom_place *out) {
  pq_slice text;
  if (pq_value_is_missing(pq_object_get_str(d->value, "bytes"))) return PQ_OK;
  PQ_TRY(pq_log_doc_text(d, "bytes", &text));
  if (text.n / 4 > out->len) return pq_log_doc_fail(d, "bytes", "is longer than the filter");
  PQ_TRY(pq_bloom_bytes_get(d->arena, text, out->len, &out->bytes));
  if (out->bytes.p == NULL)
    return pq_log_doc_fail(d, "bytes", "is no base64 of the filter's length");
  return PQ_OK;
}

static int get_place(const pq_log_doc *d, bool has_bounds, pq_bloom_place *out) {
  uint64_t len, crc;
  PQ_TRY(pq_log_doc_u64(d, "off", &out->off));
  PQ_TRY(pq_log_doc_u64(d, "len", &len));
  PQ_TRY(pq_log_doc_u64(d, "crc", &crc));
  if (len > PQ_BLOOM_PLACE_LEN_MAX) return pq_log_doc_fail(d, "len", "is too large");
  if (crc > UINT32_MAX) return pq_log_doc_fail(d, "crc", "has more than 32 bits");
  out->len = (uint32_t)len;
  out->crc = (uint32_t)crc;
  if (has_bounds) PQ_TRY(pq_log_doc_text(d, "min", &out->min));
  if (has_bounds) PQ_TRY(pq_log_doc_text(d, "max", &out->max));
  return get_bytes(d, out);
}

static int get_types(const pq_log_doc *d, pq_file_info *out) {
  pq_value array;
  uint32_t n;
  pq_slice *types;
  PQ_TRY(pq_log_doc_array(d, "types", &array, &n));
  if (n == 0) return PQ_OK;
  if (n > PQ_FILE_TYPES_MAX) return pq_log_doc_fail(d, "types", "is too long");
  types = pq_arena_calloc(d->arena, n, sizeof *types);
  if (types == NULL) return d->cx->code;
  for (uint32_t i = 0; i < n; i++)
    if (!pq_value_string(pq_array_at(array, i), &types[i]))
      return pq_log_doc_fail(d, "types", "has an element that is no string");
  out->types = types;
  out->type_count = n;
  return PQ_OK;
}

int pq_blooms_get(const pq_log_doc *d, pq_file_info *out) {
  pq_bloom_place *blooms;
  pq_value array;
  uint32_t n;
  PQ_TRY(get_types(d, out));
  PQ_TRY(pq_log_doc_array(d, "blooms", &array, &n));
  if (n == 0) return PQ_OK;
  if (n > PQ_FILE_BLOOMS_MAX) return pq_log_doc_fail(d, "blooms", "is too long");
  blooms = pq_arena_calloc(d->arena, n, sizeof *blooms);
  if (blooms == NULL) return d->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_log_doc place;
    PQ_TRY(pq_log_doc_element(d, "blooms", array, i, &place));
    blooms[i].min = out->id_min;
    blooms[i].max = out->id_max;
    PQ_TRY(get_place(&place, n > 1, &blooms[i]));
  }
  out->blooms = blooms;
  out->bloom_count = n;
  return PQ_OK;
}

/* ---- copying ---- */

int pq_blooms_copy(pq_arena *arena, const pq_file_info *in, size_t bytes_max, pq_file_info *out) {
  bool has_bytes = pq_blooms_len(in) <= bytes_max;
  pq_bloom_place *blooms = pq_arena_calloc(arena, in->bloom_count, sizeof *blooms);
  pq_slice *types = pq_arena_calloc(arena, in->type_count, sizeof *types);
  if (blooms == NULL || types == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < in->bloom_count; i++) {
    blooms[i] = in->blooms[i];
    PQ_TRY(pq_arena_copy(arena, in->blooms[i].min, &blooms[i].min));
    PQ_TRY(pq_arena_copy(arena, in->blooms[i].max, &blooms[i].max));
    blooms[i].bytes = (pq_slice){0};
    if (has_bytes) PQ_TRY(pq_arena_copy(arena, in->blooms[i].bytes, &blooms[i].bytes));
  }
  for (uint32_t i = 0; i < in->type_count; i++)
    PQ_TRY(pq_arena_copy(arena, in->types[i], &types[i]));
  out->blooms = blooms;
  out->types = types;
  return PQ_OK;
}
