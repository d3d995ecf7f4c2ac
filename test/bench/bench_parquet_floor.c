/* test/bench/bench_parquet_floor.c - the floor under any reader: reads the file and unpacks its
 * pages.
 *
 *   footer ──► each column chunk ──► read() into one buffer
 *                                    header, page, header, page … : decompress into another
 *
 * One decompression context and two buffers for the whole file; no levels, no values, no checks of
 * checksums. A reader that gives values cannot be faster on the same file with the same libraries.
 * It looks below the public header for page headers and codecs.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench_parquet.h"
#include "codec/codec.h"
#include "parquet/chunk_int.h"

typedef struct bytes {
  uint8_t *p;
  size_t cap;
} bytes;

static uint8_t *room(bytes *b, size_t len) {
  if (len > b->cap) {
    free(b->p);
    b->p = bench_alloc(b->cap = len + len / 2 + 64, 1);
  }
  return b->p;
}

static void read_at(int fd, const char *path, uint64_t off, size_t len, uint8_t *to) {
  for (ssize_t n; len > 0; off += (uint64_t)n, to += n, len -= (size_t)n)
    if ((n = pread(fd, to, len, (off_t)off)) <= 0) bench_die(path, "cannot be read");
}

/* Unpack one page; bytes that came out. */
static double page(pq_decompressor *d, pq_codec codec, const pq_page_header *h, const uint8_t *p,
                   bytes *to) {
  bool is_v2 = h->type == PQ_PAGE_DATA_V2;
  size_t levels = is_v2 ? (size_t)h->def_len + h->rep_len : 0;
  if (codec == PQ_CODEC_NONE || (is_v2 && !h->is_compressed)) return 0;
  size_t packed = h->stored_len - levels, unpacked = h->uncompressed_len - levels;
  if (unpacked == 0) return 0;
  if (pq_decompress(d, codec, (pq_slice){p + levels, packed}, room(to, unpacked), unpacked) !=
      PQ_OK)
    bench_die("floor", d->cx->msg);
  return (double)unpacked;
}

static double chunk(pq_decompressor *d, const pq_place *at, pq_codec codec, pq_slice in,
                    bytes *to) {
  double sum = 0;
  while (in.n > 0) {
    pq_page_header h;
    bool is_cut;
    if (pq_page_header_parse(at, in, in.n, &h, &is_cut) != PQ_OK || is_cut)
      bench_die("floor", is_cut ? "a page header is cut" : d->cx->msg);
    sum += page(d, codec, &h, in.p + h.header_len, to);
    size_t len = (size_t)h.header_len + h.stored_len;
    in.p += len;
    in.n -= len;
  }
  return sum;
}

double bench_floor(const char *path) {
  pq_cx cx;
  pq_decompressor d;
  bytes in = {0}, out = {0};
  double sum = 0;
  pq_cx_init(&cx, NULL, NULL);
  pq_decompressor_init(&d, &cx);
  pqdb_parquet *file = bench_open(path);
  int fd = open(path, O_RDONLY);
  if (fd < 0) bench_die(path, "cannot be opened");
  uint32_t groups = pqdb_parquet_row_group_count(file), leaves = pqdb_parquet_leaf_count(file);
  for (uint32_t g = 0; g < groups; g++)
    for (uint32_t l = 0; l < leaves; l++) {
      pqdb_parquet_chunk c;
      if (pqdb_parquet_chunk_of(file, g, l, &c) < 0) bench_die(path, pqdb_parquet_message(file));
      pq_place at = {.cx = &cx, .key = path, .off = c.off};
      read_at(fd, path, c.off, (size_t)c.len, room(&in, (size_t)c.len));
      sum += chunk(&d, &at, (pq_codec)c.codec, (pq_slice){in.p, (size_t)c.len}, &out);
    }
  close(fd);
  pqdb_parquet_close(file);
  free(in.p);
  free(out.p);
  pq_decompressor_release(&d);
  return sum;
}
