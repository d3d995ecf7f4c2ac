/* parquet/reader.h - reading Parquet without doing I/O.
 *
 * Everything goes through a fetch set (io/fetch.h) and obeys its restart rule: functions that
 * return PQ_NEED_IO changed nothing but the fetch set and the arena given.
 *
 *    pq_footer_fetch ──► pq_footer          schema, row groups, chunk positions, statistics
 *    pq_bloom_check                         one hash against a row group's bloom filter
 *    pq_page_index_fetch                    pages of a chunk: rows, positions, bounds
 *    pq_chunk_want   (all columns first)    asks for just the pages that hold the rows
 *    pq_chunk_decode (then each)            those rows as a pq_column
 *
 * `want` all columns of a stage, return PQ_NEED_IO if any did, then decode: one round trip.
 * All bytes are hostile: every count and offset is checked against what is there, CRCs are
 * verified when present, a wrong byte is PQ_ECORRUPT naming the key, the column and the offset.
 * Decoded memory (nulls, values, decompressed pages) lives in the arena given.
 *
 * With pq_cx.is_forgiving a damaged file is read as far as it goes, as readers without checks do:
 * a page whose CRC differs is decoded, a row group that states fewer than 0 rows has none.
 */
#ifndef PQ_PARQUET_READER_H
#define PQ_PARQUET_READER_H

#include "io/fetch.h"
#include "parquet/format.h"

/* A file to read: its key, and its footer once fetched. */
typedef struct pq_file {
  const char *key; /* borrowed */
  pq_footer *footer;
  struct pq_side_cache *indexes; /* borrowed: page indexes that were read before; NULL: none */
} pq_file;

/* Parse footer bytes (the Thrift struct alone). All of *out lives in `arena`; strings are copied.
 * PQ_ECORRUPT, PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_footer_parse(pq_arena *arena, const char *key, pq_slice thrift, uint64_t file_len,
                    pq_footer **out) PQ_MUST_CHECK;

/* Fetch and parse the footer of a file of `file_len` bytes. `footer_len` (Thrift bytes, known from
 * the log) 0: unknown, then it is read from the tail (64 KiB in one request). */
int pq_footer_fetch(pq_fetch *f, pq_arena *arena, const char *key, uint64_t file_len,
                    uint64_t footer_len, pq_footer **out) PQ_MUST_CHECK;

/* Compare `len` bytes at `off` with their CRC-32, which somebody else recorded. PQ_NEED_IO,
 * PQ_ECORRUPT. */
int pq_crc_check(pq_fetch *f, const char *key, uint64_t off, uint64_t len,
                 uint32_t crc) PQ_MUST_CHECK;

/* May the chunk hold a value with this hash (pq_hash of its PLAIN bytes, seed 0)? *may is true
 * when there is no bloom filter. */
int pq_bloom_check(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t leaf,
                   uint64_t hash, bool *may) PQ_MUST_CHECK;

/* All bits of a chunk's bloom filter, for pq_bloom_contains; empty when it has none or a longer
 * one than is read whole (256 KiB). Borrowed from the fetch set. Changes nothing of the footer. */
int pq_bloom_fetch(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t leaf,
                   pq_slice *bits) PQ_MUST_CHECK;

/* The bytes of a filter, header included, at a known place; `crc` NULL: not known. Borrowed from
 * the fetch set. PQ_NEED_IO, PQ_ENOTFOUND, PQ_ECORRUPT. */
int pq_bloom_read(pq_fetch *f, const char *key, uint64_t off, uint32_t len, const uint32_t *crc,
                  pq_slice *out) PQ_MUST_CHECK;
/* The bits of the filter whose bytes, header included, stand at `off` of the file. */
int pq_bloom_open(pq_cx *cx, const char *key, uint64_t off, pq_slice bytes,
                  pq_slice *bits) PQ_MUST_CHECK;

/* The pages of a chunk from its offset and column indexes; page_count 0 when it has no offset
 * index. Contradictory indexes (null_pages against null_counts included) are PQ_ECORRUPT in files
 * with our checksums; those of other writers count as absent. */
int pq_page_index_fetch(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                        uint32_t leaf, pq_page_index *out) PQ_MUST_CHECK;

/* Ask in one request for the page indexes of `count` leaves from `first` on, if they stand together
 * as writers put them; else for nothing. pq_page_index_fetch then finds them. */
int pq_page_index_want(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t first,
                       uint32_t count) PQ_MUST_CHECK;

/* Ask for the bytes that rows `ranges` of a chunk need: with a page index (`index` not NULL and
 * not empty) the dictionary page and the pages that hold such rows, near ones merged; else the
 * whole chunk. Zero ranges mean all rows. PQ_OK when all are resident. A plan (io/fetch.h) only
 * notes the requests; `may_be_fewer`: as many as any part of these rows could need. */
int pq_chunk_want(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t leaf,
                  const pq_page_index *index, const pq_row_range *ranges,
                  uint32_t range_count) PQ_MUST_CHECK;

/* Decode exactly those rows, one after the other. Same arguments as the `want` before. Columns that
 * are not flat come as entries with levels. The column borrows from the fetch set and `arena`. */
int pq_chunk_decode(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                    uint32_t leaf, const pq_page_index *index, const pq_row_range *ranges,
                    uint32_t range_count, pq_column *out) PQ_MUST_CHECK;

/* The same, but a flat column that is dictionary-encoded throughout comes as codes (format.h): its
 * values can be judged, or counted, once for each distinct one. */
int pq_chunk_decode_codes(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                          uint32_t leaf, const pq_page_index *index, const pq_row_range *ranges,
                          uint32_t range_count, pq_column *out) PQ_MUST_CHECK;

#endif
