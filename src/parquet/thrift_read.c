/* parquet/thrift_read.c - see thrift_read.h. */
#include "parquet/thrift_read.h"

enum { SKIP_DEPTH_MAX = 64, DOUBLE_LEN = 8, UUID_LEN = 16 };

/* A varint of 64 bits. */
enum { VARINT_LEN_MAX = 10 };

pq_thrift pq_thrift_of(pq_slice bytes) {
  return (pq_thrift){.in = pq_reader_of(bytes), .start = bytes.p};
}

size_t pq_thrift_pos(const pq_thrift *t) {
  return t->start == NULL ? 0 : (size_t)(t->in.p - t->start);
}

void pq_thrift_bad(pq_thrift *t, const char *what) {
  if (t->error == NULL) t->error = what;
}

/* The bytes end inside of a value. */
static void cut(pq_thrift *t, const char *what) {
  if (t->error == NULL) t->is_cut = true;
  pq_thrift_bad(t, what);
}

static inline uint8_t read_byte(pq_thrift *t) {
  if (t->error == NULL && t->in.p < t->in.end) return *t->in.p++;
  cut(t, "thrift ends too early");
  return 0;
}

static uint64_t read_long_varint(pq_thrift *t) {
  uint64_t v = 0;
  if (t->error != NULL || pq_read_varint(&t->in, &v)) return v;
  if (pq_reader_left(&t->in) < VARINT_LEN_MAX) t->is_cut = true;
  pq_thrift_bad(t, "malformed thrift varint");
  return 0;
}

/* Nearly all take one byte or two. */
static inline uint64_t read_varint(pq_thrift *t) {
  const uint8_t *p = t->in.p;
  if (t->error == NULL && pq_reader_left(&t->in) >= 2) {
    if (p[0] < 0x80) {
      t->in.p = p + 1;
      return p[0];
    }
    if (p[1] < 0x80) {
      t->in.p = p + 2;
      return (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
    }
  }
  return read_long_varint(t);
}

static inline int64_t read_zigzag(pq_thrift *t) {
  uint64_t v = read_varint(t);
  return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

static inline pq_slice read_block(pq_thrift *t) {
  uint64_t n = read_varint(t);
  pq_slice out = {0};
  if (n > pq_reader_left(&t->in)) cut(t, "thrift ends too early");
  if (t->error != NULL) return out;
  out = (pq_slice){t->in.p, (size_t)n};
  t->in.p += (size_t)n;
  return out;
}

bool pq_thrift_next_any(pq_thrift *t, pq_thrift_field *f) {
  uint8_t head = read_byte(t);
  unsigned delta = head >> 4;
  int64_t id;
  f->type = head & 15;
  if (t->error != NULL || f->type == PQ_THRIFT_STOP) return false;
  id = delta != 0 ? (int64_t)f->id + (int64_t)delta : read_zigzag(t);
  if (id < INT16_MIN || id > INT16_MAX) pq_thrift_bad(t, "thrift field id out of range");
  if (t->error != NULL) return false;
  f->id = (int16_t)id;
  return true;
}

int64_t pq_thrift_int(pq_thrift *t, const pq_thrift_field *f, unsigned bits) {
  int64_t v;
  if (t->error != NULL) return 0;
  if (f->type == PQ_THRIFT_I8) {
    uint8_t byte = read_byte(t);
    return byte < 128 ? byte : (int64_t)byte - 256;
  }
  if (f->type < PQ_THRIFT_I16 || f->type > PQ_THRIFT_I64) {
    pq_thrift_bad(t, "thrift field is no integer");
    return 0;
  }
  v = read_zigzag(t);
  if (bits < 64 && (v < -((int64_t)1 << (bits - 1)) || v >= (int64_t)1 << (bits - 1))) {
    pq_thrift_bad(t, "thrift integer out of range");
    return 0;
  }
  return t->error == NULL ? v : 0;
}

bool pq_thrift_bool(pq_thrift *t, const pq_thrift_field *f) {
  if (f->type != PQ_THRIFT_TRUE && f->type != PQ_THRIFT_FALSE)
    pq_thrift_bad(t, "thrift field is no boolean");
  return f->type == PQ_THRIFT_TRUE;
}

bool pq_thrift_bool_item(pq_thrift *t) {
  uint8_t byte = read_byte(t);
  if (byte > PQ_THRIFT_FALSE) pq_thrift_bad(t, "malformed thrift boolean");
  return byte == PQ_THRIFT_TRUE;
}

pq_slice pq_thrift_binary(pq_thrift *t, const pq_thrift_field *f) {
  if (f->type != PQ_THRIFT_BINARY) pq_thrift_bad(t, "thrift field is no binary");
  return read_block(t);
}

bool pq_thrift_struct(pq_thrift *t, const pq_thrift_field *f) {
  if (f->type != PQ_THRIFT_STRUCT) pq_thrift_bad(t, "thrift field is no struct");
  return t->error == NULL;
}

/* The header of a list or set. */
static uint64_t list_head(pq_thrift *t, uint8_t *type) {
  uint8_t head = read_byte(t);
  *type = head & 15;
  return head >> 4 == 15 ? read_varint(t) : (uint64_t)(head >> 4);
}

uint32_t pq_thrift_list(pq_thrift *t, const pq_thrift_field *f, pq_thrift_type type,
                        unsigned len_min, pq_thrift_field *item) {
  uint64_t count;
  bool is_same;
  *item = (pq_thrift_field){0};
  if (f->type != PQ_THRIFT_LIST) pq_thrift_bad(t, "thrift field is no list");
  count = list_head(t, &item->type);
  is_same = item->type == type || (type == PQ_THRIFT_TRUE && item->type == PQ_THRIFT_FALSE);
  if (count == 0 && t->error == NULL) return 0; /* some writers leave the type out */
  if (!is_same) pq_thrift_bad(t, "thrift list of another type");
  if (t->error != NULL) return 0;
  if (count > pq_reader_left(&t->in) / len_min || count > UINT32_MAX) {
    cut(t, "thrift list longer than its bytes");
    return 0;
  }
  return (uint32_t)count;
}

static void skip_value(pq_thrift *t, uint8_t type, bool is_item, unsigned depth);

static inline void skip_varint(pq_thrift *t) {
  const uint8_t *p = t->in.p, *end = t->in.end;
  for (unsigned i = 1; p < end && i < VARINT_LEN_MAX; i++)
    if (*p++ < 0x80) {
      t->in.p = p;
      return;
    }
  read_long_varint(t); /* to find out what is wrong */
}

static void skip_list(pq_thrift *t, unsigned depth) {
  uint8_t type;
  uint64_t count = list_head(t, &type);
  if (count > pq_reader_left(&t->in)) cut(t, "thrift list longer than its bytes");
  if (type >= PQ_THRIFT_I16 && type <= PQ_THRIFT_I64) { /* those of histograms are long */
    for (uint64_t i = 0; i < count && t->error == NULL; i++)
      skip_varint(t);
    return;
  }
  for (uint64_t i = 0; i < count && t->error == NULL; i++)
    skip_value(t, type, true, depth);
}

static void skip_map(pq_thrift *t, unsigned depth) {
  uint64_t count = read_varint(t);
  uint8_t types;
  if (count == 0 || t->error != NULL) return;
  types = read_byte(t);
  if (count > pq_reader_left(&t->in)) cut(t, "thrift map longer than its bytes");
  for (uint64_t i = 0; i < count && t->error == NULL; i++) {
    skip_value(t, types >> 4, true, depth);
    skip_value(t, types & 15, true, depth);
  }
}

static void skip_struct(pq_thrift *t, unsigned depth) {
  pq_thrift_field f = {0};
  while (pq_thrift_next(t, &f))
    skip_value(t, f.type, false, depth);
}

static void skip_bytes(pq_thrift *t, size_t n) {
  if (n > pq_reader_left(&t->in)) cut(t, "thrift ends too early");
  if (t->error == NULL) t->in.p += n;
}

static void skip_value(pq_thrift *t, uint8_t type, bool is_item, unsigned depth) {
  if (depth == 0) {
    pq_thrift_bad(t, "thrift nested too deep");
    return;
  }
  switch (type) {
    case PQ_THRIFT_TRUE:
    case PQ_THRIFT_FALSE:
      if (is_item) skip_bytes(t, 1);
      break;
    case PQ_THRIFT_I8: skip_bytes(t, 1); break;
    case PQ_THRIFT_I16:
    case PQ_THRIFT_I32:
    case PQ_THRIFT_I64: skip_varint(t); break;
    case PQ_THRIFT_DOUBLE: skip_bytes(t, DOUBLE_LEN); break;
    case PQ_THRIFT_BINARY: read_block(t); break;
    case PQ_THRIFT_LIST:
    case PQ_THRIFT_SET: skip_list(t, depth - 1); break;
    case PQ_THRIFT_MAP: skip_map(t, depth - 1); break;
    case PQ_THRIFT_STRUCT: skip_struct(t, depth - 1); break;
    case PQ_THRIFT_UUID: skip_bytes(t, UUID_LEN); break;
    default: pq_thrift_bad(t, "unknown thrift type"); break;
  }
}

void pq_thrift_skip(pq_thrift *t, const pq_thrift_field *f) {
  skip_value(t, f->type, false, SKIP_DEPTH_MAX);
}
