/* parquet/thrift_int.h - what the reader and the writer of Thrift's compact protocol share.
 *
 *   field   delta:4 type:4           or   0:4 type:4 zigzag(id), values follow
 *   list    count:4 type:4           or   15:4 type:4 varint(count), elements follow
 *   map     varint(count) key:4 value:4 (absent when empty), pairs follow
 *
 * Booleans are the field's type itself, but a byte inside lists. Integers are zigzag varints,
 * binaries a varint length and bytes, doubles 8 bytes little-endian; a struct ends with STOP.
 *
 * Source: thrift: doc/specs/thrift-compact-protocol.md.
 */
#ifndef PQ_PARQUET_THRIFT_INT_H
#define PQ_PARQUET_THRIFT_INT_H

typedef enum pq_thrift_type {
  PQ_THRIFT_STOP = 0,
  PQ_THRIFT_TRUE = 1,
  PQ_THRIFT_FALSE = 2,
  PQ_THRIFT_I8 = 3,
  PQ_THRIFT_I16 = 4,
  PQ_THRIFT_I32 = 5,
  PQ_THRIFT_I64 = 6,
  PQ_THRIFT_DOUBLE = 7,
  PQ_THRIFT_BINARY = 8,
  PQ_THRIFT_LIST = 9,
  PQ_THRIFT_SET = 10,
  PQ_THRIFT_MAP = 11,
  PQ_THRIFT_STRUCT = 12,
  PQ_THRIFT_UUID = 13
} pq_thrift_type;

#endif
