/* test/fuzz/fuzz_hybrid.c - the hybrid of runs and bit-packed groups: booleans, numbers of any
 * width, levels; and the levels of old files, BIT_PACKED.
 *
 *   input: mode | as in fuzz_values.h
 *          mode 0: booleans; 1 … 33: numbers of mode - 1 bits; 34 … 127: levels, in the hybrid;
 *          else: levels up to mode - 127, BIT_PACKED
 */
#include "fuzz_values.h"
#include "parquet/levels_int.h"

enum { MODE_BOOL = 0, MODE_WIDTH_MAX = 33, MODE_HYBRID_MAX = 127, COUNT_MAX = 8191 };

typedef struct input {
  unsigned width;
  uint32_t count;
  uint32_t seed;
  pq_slice bytes; /* owned */
} input;

static int read_all(const pq_place *at, const input *in, uint32_t *out) {
  pq_hybrid h;
  pq_hybrid_init(&h, in->bytes, in->width);
  return pq_hybrid_read(&h, at, in->count, out);
}

/* In pieces, some passed over: what was read is what `whole` has. */
static int read_pieces(const pq_place *at, const input *in, const uint32_t *whole) {
  static uint32_t part[COUNT_MAX];
  uint32_t state = in->seed;
  pq_hybrid h;
  pq_hybrid_init(&h, in->bytes, in->width);
  for (uint32_t pos = 0, n; pos < in->count; pos += n) {
    n = fuzz_random(&state, 300) + 1;
    if (n > in->count - pos) n = in->count - pos;
    if (fuzz_random(&state, 3) == 0) {
      PQ_TRY(pq_hybrid_skip(&h, at, n));
      continue;
    }
    PQ_TRY(pq_hybrid_read(&h, at, n, part));
    if (whole != NULL) FUZZ_CHECK(memcmp(part, whole + pos, n * sizeof *part) == 0);
  }
  return PQ_OK;
}

static void again(pq_cx *cx, const pq_place *at, const input *in, const uint32_t *whole) {
  static uint32_t part[COUNT_MAX];
  pq_buf out;
  input copy = *in;
  pq_buf_init(&out, cx, 1u << 20);
  FUZZ_CHECK(pq_encode_rle(&out, whole, in->count, in->width) == PQ_OK);
  copy.bytes = pq_buf_slice(&out);
  FUZZ_CHECK(read_all(at, &copy, part) == PQ_OK);
  FUZZ_CHECK(memcmp(part, whole, in->count * sizeof *whole) == 0);
  pq_buf_release(&out);
}

static void numbers(const input *in, unsigned cpu) {
  static uint32_t plain[COUNT_MAX], fast[COUNT_MAX];
  pq_cx cx;
  pq_place at = {.cx = &cx, .key = "a.parquet"};
  int rc;
  fuzz_cx_init(&cx);
  rc = read_all(&at, in, plain);
  FUZZ_CHECK(read_pieces(&at, in, rc == PQ_OK ? plain : NULL) == rc);
  cx.cpu = cpu;
  FUZZ_CHECK(read_all(&at, in, fast) == rc);
  if (rc != PQ_OK) return;
  FUZZ_CHECK(memcmp(plain, fast, in->count * sizeof *plain) == 0);
  again(&cx, &at, in, plain);
}

/* Levels of a flat column: the same as numbers of one bit. */
static void levels(input *in) {
  static uint8_t def[COUNT_MAX];
  static uint32_t bits[COUNT_MAX];
  pq_cx cx;
  pq_place at = {.cx = &cx, .key = "a.parquet"};
  bool is_all_max;
  int rc;
  in->width = 1;
  fuzz_cx_init(&cx);
  rc = read_all(&at, in, bits);
  FUZZ_CHECK(pq_levels_read(&at, PQ_ENC_RLE, 1, in->bytes, in->count, def, &is_all_max) == rc);
  for (uint32_t i = 0; i < in->count && rc == PQ_OK; i++)
    FUZZ_CHECK(bits[i] == (is_all_max ? 1 : def[i]));
}

/* Level `i` of bits that are packed from the highest one on. */
static uint32_t packed_level(pq_slice bits, uint32_t i, unsigned width) {
  uint32_t level = 0;
  for (size_t k = (size_t)i * width; k < (size_t)(i + 1) * width; k++)
    level = level << 1 | (((uint32_t)bits.p[k / 8] >> (7 - k % 8)) & 1u);
  return level;
}

/* BIT_PACKED levels taken off a page body, bit by bit the same. */
static void packed_levels(const input *in, uint32_t max) {
  static uint8_t out[COUNT_MAX];
  pq_cx cx;
  pq_place at = {.cx = &cx, .key = "a.parquet"};
  pq_slice body = in->bytes, bits;
  unsigned width = pq_level_width(max);
  bool is_all_max, is_above = false, is_max = true;
  int rc;
  fuzz_cx_init(&cx);
  rc = pq_levels_take(&at, PQ_ENC_BIT_PACKED, max, in->count, &body, &bits);
  FUZZ_CHECK((rc == PQ_OK) == (((uint64_t)in->count * width + 7) / 8 <= in->bytes.n));
  if (rc != PQ_OK) return;
  FUZZ_CHECK(body.n + bits.n == in->bytes.n);
  rc = pq_levels_read(&at, PQ_ENC_BIT_PACKED, max, bits, in->count, out, &is_all_max);
  for (uint32_t i = 0; i < in->count; i++) {
    uint32_t level = packed_level(bits, i, width);
    is_above = is_above || level > max;
    is_max = is_max && level == max;
    if (rc == PQ_OK) FUZZ_CHECK((is_all_max ? max : out[i]) == level);
  }
  FUZZ_CHECK((rc == PQ_OK) == !is_above);
  if (rc == PQ_OK && is_all_max) FUZZ_CHECK(is_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice all = {data, size}, rest;
  uint8_t mode = fuzz_byte(&all);
  input in;
  if (mode == MODE_BOOL) return fuzz_values(all.p, all.n, PQ_ENC_RLE, 1u << PQ_PHYS_BOOL);
  rest = all;
  (void)fuzz_cut(&rest, 2);
  in.count = fuzz_byte(&rest);
  in.count |= (uint32_t)fuzz_byte(&rest) << 8;
  in.count %= COUNT_MAX + 1;
  (void)fuzz_byte(&rest);
  in.seed = fuzz_byte(&rest);
  in.bytes = fuzz_copy(rest);
  in.width = mode - 1u;
  if (mode <= MODE_WIDTH_MAX)
    numbers(&in, pq_cpu_features());
  else if (mode <= MODE_HYBRID_MAX)
    levels(&in);
  else
    packed_levels(&in, mode - (uint32_t)MODE_HYBRID_MAX);
  free((void *)(uintptr_t)in.bytes.p);
  return 0;
}
