/* codec/crc32.c - CRC-32 (see codec.h) of many bytes at a time, in plain C.
 *
 * A message is a polynomial over GF(2), first bit highest, and its CRC the remainder by P. Adding
 * a multiple of P changes no remainder. One multiple is sparse:
 *
 *     x^(8·300) + x^(8·155) + x^(8·117) + x^(8·89) + 1
 *
 * so a byte may be struck out if it is added to those 145, 183, 211 and 300 bytes later:
 *
 *     | … struck out … | s[i] … s[i + 127] | not yet reached                          |
 *                         |  |  |       └──────────────────────────────────► i + 300
 *                         |  |  └────────────────────────────► i + 211
 *                         |  └────────────────────► i + 183
 *                         └───────────────► i + 145
 *
 * Read from the receiving end, s[i] = in[i] ^ s[i-145] ^ s[i-183] ^ s[i-211] ^ s[i-300]: no table,
 * and 128 bytes at once do not depend on each other, which compilers turn into vector code. Only
 * the last 300 to 427 bytes are divided with tables, a nibble at a time. (The idea of striking out
 * is Chorba's, arXiv 2412.16398; that the exponents are multiples of 8 because squaring keeps a
 * multiple a multiple, x^300 + x^155 + x^117 + x^89 + 1 being one.)
 */
#include <string.h>

#include "codec/codec.h"

enum { REACH = 300, RUN = 128, BLOCK = 32 * RUN };

static const size_t distances[4] = {145, 183, 211, REACH};

/* Of four bits: each combination of their remainders. */
#define ROW(a, b, c, d)                                                                       \
  {                                                                                           \
    0, a, b, a ^ b, c, a ^ c, b ^ c, a ^ b ^ c, d, a ^ d, b ^ d, a ^ b ^ d, c ^ d, a ^ c ^ d, \
        b ^ c ^ d, a ^ b ^ c ^ d                                                              \
  }

/* remainders[k][v]: of the value v in nibble k of 8 bytes, little-endian; bits are reversed. */
static const uint32_t remainders[16][16] = {
    ROW(0xccaa009e, 0x4225077d, 0x844a0efa, 0xd3e51bb5),
    ROW(0x7cbb312b, 0xf9766256, 0x299dc2ed, 0x533b85da),
    ROW(0xa6770bb4, 0x979f1129, 0xf44f2413, 0x33ef4e67),
    ROW(0x67de9cce, 0xcfbd399c, 0x440b7579, 0x8816eaf2),
    ROW(0xcb5cd3a5, 0x4dc8a10b, 0x9b914216, 0xec53826d),
    ROW(0x03d6029b, 0x07ac0536, 0x0f580a6c, 0x1eb014d8),
    ROW(0x3d6029b0, 0x7ac05360, 0xf580a6c0, 0x30704bc1),
    ROW(0x60e09782, 0xc1c12f04, 0x58f35849, 0xb1e6b092),
    ROW(0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef),
    ROW(0x5019579f, 0xa032af3e, 0x9b14583d, 0xed59b63b),
    ROW(0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8),
    ROW(0x1c26a370, 0x384d46e0, 0x709a8dc0, 0xe1351b80),
    ROW(0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08),
    ROW(0x4ac21251, 0x958424a2, 0xf0794f05, 0x3b83984b),
    ROW(0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832),
    ROW(0x1db71064, 0x3b6e20c8, 0x76dc4190, 0xedb88320),
};

static uint32_t divide(uint32_t state, const uint8_t *p, size_t n) {
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t v = pq_rd64(p) ^ state;
    state = 0;
    for (unsigned k = 0; k < 16; k++)
      state ^= remainders[k][v >> 4 * k & 15];
  }
  for (; n > 0; p++, n--) {
    state ^= *p;
    state = state >> 4 ^ remainders[15][state & 15];
    state = state >> 4 ^ remainders[15][state & 15];
  }
  return state;
}

/* s[0 … RUN): what `in` is after the bytes before s were struck out. */
static inline void strike_run(uint8_t *s, const uint8_t *in) {
  uint64_t v[RUN / 8], w;
  for (size_t i = 0; i < RUN / 8; i++) {
    memcpy(&v[i], in + 8 * i, 8);
    for (size_t k = 0; k < 4; k++) {
      memcpy(&w, s - distances[k] + 8 * i, 8);
      v[i] ^= w;
    }
  }
  memcpy(s, v, sizeof v);
}

uint32_t pq_crc32_more(uint32_t crc, pq_slice bytes) {
  uint8_t s[REACH + BLOCK], last[REACH + RUN], first[RUN];
  const uint8_t *p = bytes.p, *in = first;
  size_t n = bytes.n, len = 0;
  if (n < REACH + RUN) return ~divide(~crc, p, n);
  /* The state before the message, all ones at its beginning, is added to its first bytes. */
  memcpy(first, p, RUN);
  pq_wr32(first, ~crc ^ pq_rd32(first));
  memset(s, 0, REACH);
  for (; n >= REACH + RUN; p += RUN, n -= RUN, in = p) {
    if (len == BLOCK) {
      memcpy(s, s + BLOCK, REACH);
      len = 0;
    }
    strike_run(s + REACH + len, in);
    len += RUN;
  }
  memcpy(last, p, n);
  for (size_t k = 0; k < 4; k++)
    for (size_t i = 0; i < distances[k]; i++)
      last[i] ^= s[REACH + len - distances[k] + i];
  return ~divide(0, last, n);
}

uint32_t pq_crc32(pq_slice bytes) {
  return pq_crc32_more(0, bytes);
}
