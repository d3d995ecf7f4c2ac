/* parquet/thrift_write_int.h - Thrift's compact protocol, written.
 *
 *   field:   (id delta << 4 | type) | value          or   type | zigzag id | value
 *   list:    (count << 4 | type) | elements          or   0xf0 | type, varint count | elements
 *   bool:    in the type nibble of a field (1 true, 2 false), one byte in a list
 *   struct:  fields, then 0
 *
 * The first failure is kept in `rc` and later calls do nothing, so that a struct reads as a list
 * of its fields; whoever began the writer returns pq_thrift_out_end().
 * Source: thrift/doc/specs/thrift-compact-protocol.md.
 */
#ifndef PQ_PARQUET_THRIFT_WRITE_INT_H
#define PQ_PARQUET_THRIFT_WRITE_INT_H

#include "base/buf.h"
#include "parquet/thrift_int.h"

/* Parquet's own structs nest 6 deep at most. */
enum { PQ_THRIFT_OUT_DEPTH_MAX = 8 };

typedef struct pq_thrift_out {
  pq_buf *out; /* borrowed */
  int rc;      /* the first failure */
  unsigned depth;
  uint32_t last_ids[PQ_THRIFT_OUT_DEPTH_MAX]; /* last field id per open struct */
} pq_thrift_out;

/* Begin the outermost struct; pq_thrift_out_end closes it and returns the first failure. */
void pq_thrift_out_begin(pq_thrift_out *t, pq_buf *out);
int pq_thrift_out_end(pq_thrift_out *t) PQ_MUST_CHECK;

/* Fields, in ascending id within a struct. */
void pq_thrift_out_bool(pq_thrift_out *t, uint32_t id, bool v);
void pq_thrift_out_i8(pq_thrift_out *t, uint32_t id, int8_t v);
void pq_thrift_out_i16(pq_thrift_out *t, uint32_t id, int16_t v);
void pq_thrift_out_i32(pq_thrift_out *t, uint32_t id, int32_t v);
void pq_thrift_out_i64(pq_thrift_out *t, uint32_t id, int64_t v);
void pq_thrift_out_binary(pq_thrift_out *t, uint32_t id, pq_slice v);

/* A struct as a field, and its end (also of a list element). */
void pq_thrift_out_open(pq_thrift_out *t, uint32_t id);
void pq_thrift_out_close(pq_thrift_out *t);

/* A list field of `count` elements of `type`; the elements follow. */
void pq_thrift_out_list(pq_thrift_out *t, uint32_t id, unsigned type, size_t count);
void pq_thrift_out_item_open(pq_thrift_out *t); /* a struct; pq_thrift_out_close ends it */
void pq_thrift_out_item_bool(pq_thrift_out *t, bool v);
void pq_thrift_out_item_int(pq_thrift_out *t, int64_t v); /* i16, i32, i64 */
void pq_thrift_out_item_binary(pq_thrift_out *t, pq_slice v);

#endif
