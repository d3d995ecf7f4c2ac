/* test/fuzz/fuzz_bloom.c - a bloom filter with its header, of stated or unknown length: asked for
 * one hash and fetched whole, the answers are the same.
 *
 *   input: as in fuzz_leaf.h | hash, 8 bytes | 1: the footer knows the length | header and bits
 */
#include "fuzz_leaf.h"
#include "parquet/bloom.h"

enum { HASH_LEN = 8 };

/* Set, the hash is found. */
static void insert(pq_slice bits, uint64_t hash) {
  pq_slice copy = fuzz_copy(bits);
  uint8_t *p = (uint8_t *)(uintptr_t)copy.p;
  pq_bloom_insert(p, copy.n, hash);
  FUZZ_CHECK(pq_bloom_contains(p, copy.n, hash));
  free(p);
}

static void ask(read_all *r, uint64_t hash) {
  bool may = false;
  pq_slice bits;
  int rc, whole;
  FUZZ_DRIVE(rc, &r->fetch, r->bytes, pq_bloom_check(&r->fetch, &r->file, 0, 0, hash, &may));
  FUZZ_DRIVE(whole, &r->fetch, r->bytes, pq_bloom_fetch(&r->fetch, &r->file, 0, 0, &bits));
  FUZZ_CHECK(rc != PQ_NEED_IO && whole != PQ_NEED_IO);
  if (rc != PQ_OK || whole != PQ_OK || bits.n == 0) return;
  FUZZ_CHECK(bits.n % PQ_BLOOM_BLOCK_LEN == 0);
  FUZZ_CHECK(may == pq_bloom_contains(bits.p, bits.n, hash));
  insert(bits, hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, head, bytes;
  leaf_file f;
  read_all r;
  pq_cx cx;
  bool is_known;
  leaf_file_init(&f, &in);
  head = fuzz_cut(&in, HASH_LEN);
  is_known = fuzz_byte(&in) == 1;
  bytes = leaf_file_bytes(&f, (pq_slice){0}, 0, in);
  f.chunk.bloom_off = LEAF_HEAD_LEN;
  f.chunk.bloom_len = is_known ? in.n : 0;
  fuzz_cx_init(&cx);
  leaf_file_open(&r, &cx, &f, bytes);
  ask(&r, head.n == HASH_LEN ? pq_rd64(head.p) : 0);
  read_all_release(&r);
  free((void *)(uintptr_t)bytes.p);
  return 0;
}
