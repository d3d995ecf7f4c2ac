/* parquet/decode_int.h - the decoders of page contents: dictionary codes, values.
 *
 *   page body (v1):   def levels (len:u32, hybrid) | values
 *   page body (v2):   def levels (hybrid)          | values, compressed alone
 *   values:           PLAIN | width:u8 hybrid codes | DELTA_… | RLE booleans | BYTE_STREAM_SPLIT
 *   hybrid:           runs:  varint(count << 1) value        repeated
 *                            varint(groups << 1 | 1) bits    bit-packed, 8 values a group
 *
 * A decoder is a stream of the page's non-null values: `read` writes the next ones densely,
 * `skip` passes over them; neither looks at nulls. A decoder that has been initialised never
 * reads outside its bytes, whatever they hold.
 *
 * Sources: parquet-format: Encodings.md.
 */
#ifndef PQ_PARQUET_DECODE_INT_H
#define PQ_PARQUET_DECODE_INT_H

#include "parquet/kernels_int.h"
#include "parquet/place_int.h"

/* What a page may unpack to, and what the strings of one DELTA_BYTE_ARRAY page may take. */
#define PQ_PAGE_LEN_MAX (256u << 20)

/* ---- RLE / bit-packed hybrid ---- */
typedef struct pq_hybrid {
  pq_reader in;
  unsigned width;    /* 0..32 */
  uint64_t left;     /* values left in the current run */
  bool is_packed;    /* the current run is bit-packed */
  uint32_t repeated; /* its value if not */
  pq_slice packed;   /* if so: its bytes and all that follow */
  uint64_t pos;      /* bit of its next value */
} pq_hybrid;

void pq_hybrid_init(pq_hybrid *h, pq_slice in, unsigned width);
/* Make `left` > 0, reading run headers as needed. */
int pq_hybrid_run(pq_hybrid *h, const pq_place *at) PQ_MUST_CHECK;
int pq_hybrid_read(pq_hybrid *h, const pq_place *at, uint32_t n, uint32_t *out) PQ_MUST_CHECK;
/* The same to bytes, for widths up to 8. */
int pq_hybrid_read8(pq_hybrid *h, const pq_place *at, uint32_t n, uint8_t *out) PQ_MUST_CHECK;
int pq_hybrid_skip(pq_hybrid *h, const pq_place *at, uint32_t n) PQ_MUST_CHECK;

/* ---- DELTA_BINARY_PACKED ---- */
typedef struct pq_delta {
  pq_reader in;
  uint32_t mini_len;   /* values in a miniblock */
  uint32_t mini_count; /* miniblocks in a block */
  uint32_t mini;       /* next miniblock of the block */
  const uint8_t *widths;
  pq_sum sum;         /* the minimal delta of the block, the last value */
  uint64_t left;      /* values not read yet */
  uint32_t mini_left; /* of them, in the current miniblock */
  unsigned width;     /* of the current miniblock */
  pq_slice packed;    /* its bytes and all that follow */
  uint64_t pos;       /* bit of its next value */
  bool has_first;     /* the last value is the first one, not handed out yet */
} pq_delta;

/* Read the header. *count is how many values the stream says it has: unchecked. */
int pq_delta_init(pq_delta *d, const pq_place *at, pq_slice in, uint64_t *count) PQ_MUST_CHECK;
/* The next `n` values into `out`, modulo 2^64 or 2^32; reading beyond the count is PQ_ECORRUPT. */
int pq_delta_read64(pq_delta *d, const pq_place *at, uint32_t n, uint64_t *out) PQ_MUST_CHECK;
int pq_delta_read32(pq_delta *d, const pq_place *at, uint32_t n, uint32_t *out) PQ_MUST_CHECK;
/* Pass over them; miniblocks of equal differences take no time. */
int pq_delta_skip(pq_delta *d, const pq_place *at, uint32_t n) PQ_MUST_CHECK;
/* The bytes that follow the stream of a decoder that was just initialised. */
int pq_delta_rest(const pq_delta *d, const pq_place *at, pq_slice *rest) PQ_MUST_CHECK;

/* ---- values ---- */

/* Bytes of one PLAIN value; 0 for BOOL and BYTES. */
uint32_t pq_phys_len(pq_phys phys, uint32_t type_len);

/* What a page's values are. */
typedef struct pq_values_spec {
  pq_phys phys;
  uint32_t type_len;
  pq_encoding encoding;
  uint32_t count;                  /* non-null values */
  const pq_dictionary *dictionary; /* for dictionary encodings; NULL: none was found */
} pq_values_spec;

typedef struct pq_values {
  const pq_place *at; /* borrowed */
  pq_arena *arena;    /* borrowed */
  const pq_kernels *kernels;
  pq_values_spec spec;
  uint32_t pos;      /* next value */
  pq_reader in;      /* PLAIN: next value. DELTA_LENGTH, DELTA_BYTE_ARRAY: next (part of a) string.
                        BYTE_STREAM_SPLIT: all streams */
  pq_hybrid hybrid;  /* dictionary codes, RLE booleans */
  pq_delta delta;    /* integers; DELTA_LENGTH: lengths; DELTA_BYTE_ARRAY: lengths of prefixes */
  pq_delta suffixes; /* DELTA_BYTE_ARRAY: lengths of suffixes */
  pq_slice previous; /* DELTA_BYTE_ARRAY: the value before */
  const uint8_t *strings; /* DELTA_BYTE_ARRAY: where the strings begin */
  size_t strings_len;     /* DELTA_BYTE_ARRAY: bytes taken from the arena */
} pq_values;

/* Prepare to read `count` values from `in`. Slices read later borrow from `in`, the dictionary
 * and `arena`. PQ_ECORRUPT, PQ_EUNSUPPORTED for an encoding the type does not have. */
int pq_values_init(pq_values *v, const pq_place *at, pq_arena *arena, pq_values_spec spec,
                   pq_slice in) PQ_MUST_CHECK;
/* The next `n` values, densely, in slots of pq_phys_size. pos + n <= count. */
int pq_values_read(pq_values *v, uint32_t n, void *out) PQ_MUST_CHECK;
/* Of a dictionary encoding: the codes of the next `n` values, all below the dictionary's count. */
int pq_values_codes(pq_values *v, uint32_t n, uint32_t *out) PQ_MUST_CHECK;
int pq_values_skip(pq_values *v, uint32_t n) PQ_MUST_CHECK;

#endif
