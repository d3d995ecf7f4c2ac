/* parquet/thrift_write.c - see thrift_write_int.h. */
#include "parquet/thrift_write_int.h"

enum { SHORT_DELTA_MAX = 15, SHORT_COUNT_MAX = 14 };

static void put_byte(pq_thrift_out *t, unsigned v) {
  if (t->rc == PQ_OK) t->rc = pq_buf_put_byte(t->out, (uint8_t)v);
}

static void put_zigzag(pq_thrift_out *t, int64_t v) {
  if (t->rc == PQ_OK) t->rc = pq_buf_put_zigzag(t->out, v);
}

static void put_binary(pq_thrift_out *t, pq_slice v) {
  if (t->rc == PQ_OK) t->rc = pq_buf_put_varint(t->out, v.n);
  if (t->rc == PQ_OK) t->rc = pq_buf_put_slice(t->out, v);
}

static void put_field(pq_thrift_out *t, uint32_t id, unsigned type) {
  uint32_t *last_id = &t->last_ids[t->depth];
  pq_assert(id > *last_id && id <= INT16_MAX);
  if (id - *last_id <= SHORT_DELTA_MAX) {
    put_byte(t, (id - *last_id) << 4 | type);
  } else {
    put_byte(t, type);
    put_zigzag(t, id);
  }
  *last_id = id;
}

static void deeper(pq_thrift_out *t) {
  pq_assert(t->depth + 1 < PQ_THRIFT_OUT_DEPTH_MAX);
  t->last_ids[++t->depth] = 0;
}

void pq_thrift_out_begin(pq_thrift_out *t, pq_buf *out) {
  *t = (pq_thrift_out){.out = out};
}

int pq_thrift_out_end(pq_thrift_out *t) {
  pq_assert(t->depth == 0);
  put_byte(t, 0);
  return t->rc;
}

void pq_thrift_out_bool(pq_thrift_out *t, uint32_t id, bool v) {
  put_field(t, id, v ? PQ_THRIFT_TRUE : PQ_THRIFT_FALSE);
}

void pq_thrift_out_i8(pq_thrift_out *t, uint32_t id, int8_t v) {
  put_field(t, id, PQ_THRIFT_I8);
  put_byte(t, (uint8_t)v);
}

void pq_thrift_out_i16(pq_thrift_out *t, uint32_t id, int16_t v) {
  put_field(t, id, PQ_THRIFT_I16);
  put_zigzag(t, v);
}

void pq_thrift_out_i32(pq_thrift_out *t, uint32_t id, int32_t v) {
  put_field(t, id, PQ_THRIFT_I32);
  put_zigzag(t, v);
}

void pq_thrift_out_i64(pq_thrift_out *t, uint32_t id, int64_t v) {
  put_field(t, id, PQ_THRIFT_I64);
  put_zigzag(t, v);
}

void pq_thrift_out_binary(pq_thrift_out *t, uint32_t id, pq_slice v) {
  put_field(t, id, PQ_THRIFT_BINARY);
  put_binary(t, v);
}

void pq_thrift_out_open(pq_thrift_out *t, uint32_t id) {
  put_field(t, id, PQ_THRIFT_STRUCT);
  deeper(t);
}

void pq_thrift_out_close(pq_thrift_out *t) {
  pq_assert(t->depth > 0);
  put_byte(t, 0);
  t->depth--;
}

void pq_thrift_out_list(pq_thrift_out *t, uint32_t id, unsigned type, size_t count) {
  put_field(t, id, PQ_THRIFT_LIST);
  if (count <= SHORT_COUNT_MAX) {
    put_byte(t, (unsigned)count << 4 | type);
    return;
  }
  put_byte(t, 0xf0 | type);
  if (t->rc == PQ_OK) t->rc = pq_buf_put_varint(t->out, count);
}

void pq_thrift_out_item_open(pq_thrift_out *t) {
  deeper(t);
}

void pq_thrift_out_item_bool(pq_thrift_out *t, bool v) {
  put_byte(t, v ? PQ_THRIFT_TRUE : PQ_THRIFT_FALSE);
}

void pq_thrift_out_item_int(pq_thrift_out *t, int64_t v) {
  put_zigzag(t, v);
}

void pq_thrift_out_item_binary(pq_thrift_out *t, pq_slice v) {
  put_binary(t, v);
}
