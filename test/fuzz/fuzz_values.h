/* test/fuzz/fuzz_values.h - the values of one page in one encoding; a target for each is a few
 * lines over this.
 *
 *   input: type | type_len | u16 count | dictionary entries | seed | page bytes
 *
 *   read all at once ─┬─ the same as: in pieces, some of them skipped
 *                     ├─ the same as: with the machine's SIMD kernels
 *                     ├─ encoded again and read again: the same
 *                     └─ the codes of a dictionary: they stand for the same
 */
#ifndef PQ_TEST_FUZZ_VALUES_H
#define PQ_TEST_FUZZ_VALUES_H

#include "fuzz.h"
#include "parquet/decode_int.h"
#include "parquet/encode_int.h"
#include "port/cpu.h"

enum { FUZZ_COUNT_MAX = 8191, FUZZ_SLOT_LEN_MAX = sizeof(pq_slice), FUZZ_PHYS_COUNT = 8 };

typedef struct fuzz_page {
  pq_values_spec spec;
  pq_dictionary dictionary;
  uint32_t seed;
  pq_slice bytes; /* owned */
} fuzz_page;

/* One reading of the page. */
typedef struct fuzz_reading {
  pq_cx cx;
  pq_place at;
  pq_arena arena;
  int rc;
  uint8_t *slots; /* owned, spec.count of them */
} fuzz_reading;

static inline uint32_t fuzz_random(uint32_t *state, uint32_t below) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) % below;
}

static inline bool fuzz_slot_eq(pq_phys phys, const uint8_t *a, const uint8_t *b) {
  pq_slice x, y;
  if (!pq_phys_is_slice(phys)) return memcmp(a, b, pq_phys_size(phys)) == 0;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return pq_slice_eq(x, y);
}

static inline void fuzz_reading_init(fuzz_reading *r, const fuzz_page *page, unsigned cpu) {
  size_t len = (size_t)page->spec.count * FUZZ_SLOT_LEN_MAX;
  fuzz_cx_init(&r->cx);
  r->cx.cpu = cpu;
  r->at = (pq_place){.cx = &r->cx, .key = "a.parquet", .column = pq_str("c")};
  pq_arena_init(&r->arena, &r->cx, r->cx.limits.op_len_max);
  r->slots = calloc(len + 1, 1);
  FUZZ_CHECK(r->slots != NULL);
}

static inline void fuzz_reading_release(fuzz_reading *r) {
  pq_arena_release(&r->arena);
  free(r->slots);
}

/* Read all values at once, or in pieces. With `skips` every other piece, more or less, is passed
 * over, and its slots stay zero; `is_read` (may be NULL) says which were not. */
static inline void fuzz_read(fuzz_reading *r, const fuzz_page *page, pq_slice bytes,
                             bool has_pieces, uint8_t *is_read) {
  uint32_t state = page->seed, count = page->spec.count;
  size_t size = pq_phys_size(page->spec.phys);
  pq_values v;
  r->rc = pq_values_init(&v, &r->at, &r->arena, page->spec, bytes);
  for (uint32_t pos = 0, n; r->rc == PQ_OK && pos < count; pos += n) {
    n = has_pieces ? fuzz_random(&state, 1u << fuzz_random(&state, 13)) + 1 : count;
    if (n > count - pos) n = count - pos;
    if (is_read != NULL && fuzz_random(&state, 2) == 0) {
      r->rc = pq_values_skip(&v, n);
    } else {
      r->rc = pq_values_read(&v, n, r->slots + pos * size);
      if (is_read != NULL) memset(is_read + pos, 1, n);
    }
  }
}

static inline bool fuzz_is_limit(int rc) {
  return rc == PQ_ELIMIT || rc == PQ_ENOMEM;
}

/* Every slot read by `b` is as `a` has it. */
static inline void fuzz_same(const fuzz_page *page, const fuzz_reading *a, const fuzz_reading *b,
                             const uint8_t *is_read) {
  size_t size = pq_phys_size(page->spec.phys);
  if (a->rc != PQ_OK || b->rc != PQ_OK) return;
  for (uint32_t i = 0; i < page->spec.count; i++) {
    if (is_read != NULL && is_read[i] == 0) continue;
    FUZZ_CHECK(fuzz_slot_eq(page->spec.phys, a->slots + i * size, b->slots + i * size));
  }
}

static inline void fuzz_in_pieces(const fuzz_page *page, const fuzz_reading *whole) {
  fuzz_reading r;
  uint8_t *is_read = calloc(page->spec.count + 1u, 1);
  FUZZ_CHECK(is_read != NULL);
  fuzz_reading_init(&r, page, 0);
  fuzz_read(&r, page, page->bytes, true, NULL);
  if (!fuzz_is_limit(r.rc) && !fuzz_is_limit(whole->rc)) FUZZ_CHECK(r.rc == whole->rc);
  fuzz_same(page, whole, &r, NULL);
  fuzz_reading_release(&r);
  fuzz_reading_init(&r, page, pq_cpu_features());
  fuzz_read(&r, page, page->bytes, true, is_read);
  if (whole->rc == PQ_OK && !fuzz_is_limit(r.rc)) FUZZ_CHECK(r.rc == PQ_OK);
  fuzz_same(page, whole, &r, is_read);
  fuzz_reading_release(&r);
  free(is_read);
}

static inline void fuzz_with_kernels(const fuzz_page *page, const fuzz_reading *whole) {
  fuzz_reading r;
  fuzz_reading_init(&r, page, pq_cpu_features());
  fuzz_read(&r, page, page->bytes, false, NULL);
  FUZZ_CHECK(r.rc == whole->rc);
  fuzz_same(page, whole, &r, NULL);
  fuzz_reading_release(&r);
}

/* Codes of a dictionary stand for the values. */
static inline void fuzz_codes(const fuzz_page *page, const fuzz_reading *whole) {
  size_t size = pq_phys_size(page->spec.phys);
  const uint8_t *entries = page->dictionary.values;
  fuzz_reading r;
  pq_values v;
  uint32_t *codes;
  if (page->spec.encoding != PQ_ENC_RLE_DICTIONARY) return;
  fuzz_reading_init(&r, page, pq_cpu_features());
  codes = (uint32_t *)(void *)r.slots; /* slots of 8 bytes at least */
  r.rc = pq_values_init(&v, &r.at, &r.arena, page->spec, page->bytes);
  if (r.rc == PQ_OK) r.rc = pq_values_codes(&v, page->spec.count, codes);
  FUZZ_CHECK(r.rc == whole->rc);
  for (uint32_t i = 0; r.rc == PQ_OK && i < page->spec.count; i++)
    FUZZ_CHECK(fuzz_slot_eq(page->spec.phys, entries + codes[i] * size, whole->slots + i * size));
  fuzz_reading_release(&r);
}

static inline void fuzz_round_trip(const fuzz_page *page, const fuzz_reading *whole) {
  pq_dense v = {.phys = page->spec.phys,
                .type_len = page->spec.type_len,
                .count = page->spec.count,
                .v = {.any = whole->slots}};
  fuzz_reading r;
  pq_buf out, scratch;
  if (whole->rc != PQ_OK || page->spec.encoding == PQ_ENC_RLE_DICTIONARY) return;
  fuzz_reading_init(&r, page, pq_cpu_features());
  pq_buf_init(&out, &r.cx, 256u << 20);
  pq_buf_init(&scratch, &r.cx, 256u << 20);
  FUZZ_CHECK(pq_encode(&out, page->spec.encoding, &v, &scratch) == PQ_OK);
  fuzz_read(&r, page, pq_buf_slice(&out), false, NULL);
  if (!fuzz_is_limit(r.rc)) FUZZ_CHECK(r.rc == PQ_OK);
  fuzz_same(page, whole, &r, NULL);
  pq_buf_release(&out);
  pq_buf_release(&scratch);
  fuzz_reading_release(&r);
}

/* A dictionary of `count` values that differ; slices into `text`. */
static inline void fuzz_dictionary(fuzz_page *page, uint32_t count, const uint8_t *text,
                                   uint8_t *slots) {
  size_t size = pq_phys_size(page->spec.phys);
  for (uint32_t i = 0; i < count; i++) {
    pq_slice s = {text + i, page->spec.phys == PQ_PHYS_BYTES ? i % 20 : page->spec.type_len};
    if (pq_phys_is_slice(page->spec.phys))
      memcpy(slots + i * size, &s, sizeof s);
    else
      memset(slots + i * size, (int)i + 1, size);
  }
  page->dictionary = (pq_dictionary){.count = count, .values = slots};
  if (count > 0) page->spec.dictionary = &page->dictionary;
}

/* Run one input. `types` has a bit for each physical type that the encoding is for. */
static inline int fuzz_values(const uint8_t *data, size_t size, pq_encoding encoding,
                              unsigned types) {
  pq_slice in = {data, size};
  fuzz_page page = {.spec = {.encoding = encoding}};
  uint8_t text[512], slots[256 * FUZZ_SLOT_LEN_MAX];
  fuzz_reading whole;
  page.spec.phys = (pq_phys)(fuzz_byte(&in) % FUZZ_PHYS_COUNT);
  page.spec.type_len = fuzz_byte(&in);
  if (page.spec.phys == PQ_PHYS_INT96) page.spec.type_len = 12;
  page.spec.count = fuzz_byte(&in);
  page.spec.count |= (uint32_t)fuzz_byte(&in) << 8;
  page.spec.count %= FUZZ_COUNT_MAX + 1;
  memset(text, 'x', sizeof text);
  fuzz_dictionary(&page, fuzz_byte(&in), text, slots);
  page.seed = fuzz_byte(&in);
  if ((types >> page.spec.phys & 1) == 0) return 0;
  page.bytes = fuzz_copy(in);
  fuzz_reading_init(&whole, &page, 0);
  fuzz_read(&whole, &page, page.bytes, false, NULL);
  fuzz_in_pieces(&page, &whole);
  fuzz_with_kernels(&page, &whole);
  fuzz_round_trip(&page, &whole);
  fuzz_codes(&page, &whole);
  fuzz_reading_release(&whole);
  free((void *)(uintptr_t)page.bytes.p);
  return 0;
}

#endif
