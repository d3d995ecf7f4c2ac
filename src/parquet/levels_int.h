/* parquet/levels_int.h - definition and repetition levels of a page, as a byte each.
 *
 *   v1:   len:u32 hybrid | len:u32 hybrid | values       repetition first, then definition;
 *         bits           | bits           | values       a maximum of 0 has no levels at all.
 *                                                        The second form is BIT_PACKED, MSB first
 *   v2:   hybrid | hybrid | values                       lengths are in the page header
 *
 * A level takes as many bits as its maximum does.
 *
 * Sources: parquet-format: Encodings.md (RLE, BIT_PACKED), README.md "Data Pages".
 */
#ifndef PQ_PARQUET_LEVELS_INT_H
#define PQ_PARQUET_LEVELS_INT_H

#include "parquet/decode_int.h"

/* Bits of a level of at most `max`, 0 to 8. */
unsigned pq_level_width(uint32_t max);

/* Take the levels of a v1 page off the front of *body: `encoding` is RLE or BIT_PACKED, another
 * one PQ_EUNSUPPORTED. */
int pq_levels_take(const pq_place *at, pq_encoding encoding, uint32_t max, uint32_t n,
                   pq_slice *body, pq_slice *levels) PQ_MUST_CHECK;

/* `n` levels of at most `max` (1 to 255) into `out`. *is_all_max: each is `max`, and `out` may have
 * been left unwritten. PQ_ECORRUPT for a level above it. */
int pq_levels_read(const pq_place *at, pq_encoding encoding, uint32_t max, pq_slice levels,
                   uint32_t n, uint8_t *out, bool *is_all_max) PQ_MUST_CHECK;

#endif
