/* test/server/wire_util.h - messages and documents made by hand, for the tests of the server. */
#ifndef PQ_TEST_WIRE_UTIL_H
#define PQ_TEST_WIRE_UTIL_H

#include "server/wire.h"
#include "unit.h"

enum { WIRE_CAP = 4096 };

/* Bytes that grow. */
typedef struct wire_bytes {
  uint8_t p[WIRE_CAP];
  size_t n;
} wire_bytes;

static inline void wire_put(wire_bytes *b, const void *p, size_t n) {
  if (n > sizeof b->p - b->n) abort();
  if (n > 0) memcpy(b->p + b->n, p, n);
  b->n += n;
}

static inline void wire_u32(wire_bytes *b, uint32_t v) {
  uint8_t p[4];
  pq_wr32(p, v);
  wire_put(b, p, sizeof p);
}

static inline void wire_u8(wire_bytes *b, uint8_t v) {
  wire_put(b, &v, 1);
}

/* With its zero byte. */
static inline void wire_name(wire_bytes *b, const char *text) {
  wire_put(b, text, strlen(text) + 1);
}

/* {name: int32} */
static inline void wire_document(wire_bytes *b, const char *name, uint32_t v) {
  wire_u32(b, (uint32_t)(4 + 1 + strlen(name) + 1 + 4 + 1));
  wire_u8(b, 0x10);
  wire_name(b, name);
  wire_u32(b, v);
  wire_u8(b, 0);
}

static inline void wire_begin(wire_bytes *b, uint32_t opcode) {
  b->n = 0;
  wire_u32(b, 0);
  wire_u32(b, 77);
  wire_u32(b, 0);
  wire_u32(b, opcode);
}

static inline pq_slice wire_end(wire_bytes *b) {
  pq_wr32(b->p, (uint32_t)b->n);
  return (pq_slice){b->p, b->n};
}

/* A section of kind 1 with `count` documents {i: …}. */
static inline void wire_sequence(wire_bytes *b, const char *name, uint32_t count) {
  size_t from;
  wire_u8(b, 1);
  from = b->n;
  wire_u32(b, 0);
  wire_name(b, name);
  for (uint32_t i = 0; i < count; i++)
    wire_document(b, "i", i);
  pq_wr32(b->p + from, (uint32_t)(b->n - from));
}

#endif
