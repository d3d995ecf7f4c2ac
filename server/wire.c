/* server/wire.c - messages taken apart and put together. See wire.h. */
#include "server/wire.h"

#include <string.h>

#include <zlib.h>

enum {
  OP_REPLY = 1,
  OP_QUERY = 2004,
  OP_COMPRESSED = 2012,
  OP_MSG = 2013,
  /* Flags of an OP_MSG. A receiver must refuse those of the lower half that it does not know. */
  FLAG_CHECKSUM = 1,
  FLAG_MORE_TO_COME = 2,
  FLAG_EXHAUST = 1 << 16,
  FLAGS_REQUIRED = 0xffff,
  REPLY_AWAIT_CAPABLE = 8,
  CHECKSUM_LEN = 4,
  DOCUMENT_LEN_MIN = 5, /* its length and the closing zero */
  NAME_LEN_MAX = 256,
  /* opcode, length when unpacked, compressor */
  PACKED_HEADER_LEN = 9,
  NOOP = 0,
  ZLIB_LEVEL = 6,
  ZSTD_LEVEL = 3
};

/* ---- CRC-32C: reflected polynomial 0x82F63B78, four bits at a time ---- */

uint32_t pq_crc32c(uint32_t crc, pq_slice bytes) {
  static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                     0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                     0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                     0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
  crc = ~crc;
  for (size_t i = 0; i < bytes.n; i++) {
    crc ^= bytes.p[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}

/* ---- packers ---- */

void pq_wire_init(pq_wire *w, pq_cx *cx) {
  *w = (pq_wire){.cx = cx};
  pq_decompressor_init(&w->decompressor, cx);
  pq_compressor_init(&w->compressor, cx);
  pq_buf_init(&w->unpacked, cx, PQ_WIRE_LEN_MAX);
}

void pq_wire_release(pq_wire *w) {
  if (w->cx == NULL) return;
  pq_decompressor_release(&w->decompressor);
  pq_compressor_release(&w->compressor);
  pq_buf_release(&w->unpacked);
}

pq_wire_packer pq_wire_packer_of(pq_slice name) {
  if (pq_slice_is(name, "snappy")) return PQ_WIRE_SNAPPY;
  if (pq_slice_is(name, "zlib")) return PQ_WIRE_ZLIB;
  if (pq_slice_is(name, "zstd")) return PQ_WIRE_ZSTD;
  return PQ_WIRE_PLAIN;
}

/* Parquet's GZIP reads zlib's own header too. */
static pq_codec codec_of(pq_wire_packer packer) {
  static const pq_codec codecs[] = {[PQ_WIRE_SNAPPY] = PQ_CODEC_SNAPPY,
                                    [PQ_WIRE_ZLIB] = PQ_CODEC_GZIP,
                                    [PQ_WIRE_ZSTD] = PQ_CODEC_ZSTD};
  return codecs[packer];
}

static int pack_zlib(pq_cx *cx, pq_slice in, pq_buf *out) {
  uLongf len = compressBound((uLong)in.n);
  PQ_TRY(pq_buf_reserve(out, len));
  if (compress2(out->p + out->len, &len, in.p, (uLong)in.n, ZLIB_LEVEL) != Z_OK)
    return pq_fail_nomem(cx); /* there is room, and the level is right */
  out->len += len;
  return PQ_OK;
}

static int pack(pq_wire *w, pq_wire_packer packer, pq_slice in, pq_buf *out) {
  if (packer == PQ_WIRE_PLAIN) return pq_buf_put_slice(out, in);
  if (packer == PQ_WIRE_ZLIB) return pack_zlib(w->cx, in, out);
  return pq_compress(&w->compressor, codec_of(packer), ZSTD_LEVEL, in, out);
}

/* The rest of a message of `len` bytes into w->unpacked. */
static int unpack(pq_wire *w, pq_wire_packer packer, pq_slice in, size_t len) {
  pq_buf *out = &w->unpacked;
  int rc;
  pq_buf_clear(out);
  if (packer == PQ_WIRE_PLAIN && in.n != len)
    return pq_fail(w->cx, PQ_EINVALID, "OP_COMPRESSED: %zu bytes that should be %zu", in.n, len);
  if (packer == PQ_WIRE_PLAIN) return pq_buf_put_slice(out, in);
  if (pq_decompressed_len_max(codec_of(packer), in) < len)
    return pq_fail(w->cx, PQ_EINVALID, "OP_COMPRESSED: %zu bytes cannot become %zu", in.n, len);
  PQ_TRY(pq_buf_reserve(out, len));
  rc = pq_decompress(&w->decompressor, codec_of(packer), in, out->p, len);
  if (rc == PQ_ECORRUPT) rc = PQ_EINVALID; /* nothing stored is damaged */
  if (rc == PQ_OK) out->len = len;
  return rc;
}

/* ---- reading ---- */

typedef struct wire_header {
  int32_t len, request_id, response_to, opcode;
} wire_header;

static wire_header header_of(const uint8_t *p) {
  return (wire_header){(int32_t)pq_rd32(p), (int32_t)pq_rd32(p + 4), (int32_t)pq_rd32(p + 8),
                       (int32_t)pq_rd32(p + 12)};
}

int pq_wire_measure(pq_cx *cx, pq_slice bytes, size_t *len) {
  wire_header h;
  *len = 0;
  if (bytes.n < 4) return PQ_OK;
  h.len = (int32_t)pq_rd32(bytes.p);
  if (h.len < PQ_WIRE_HEADER_LEN)
    return pq_fail(cx, PQ_EINVALID, "a message of %d bytes: its header alone has %d", (int)h.len,
                   PQ_WIRE_HEADER_LEN);
  if (h.len > PQ_WIRE_LEN_MAX)
    return pq_fail(cx, PQ_ELIMIT, "a message of %d bytes: at most %d are allowed", (int)h.len,
                   PQ_WIRE_LEN_MAX);
  if (bytes.n < PQ_WIRE_HEADER_LEN) return PQ_OK;
  h = header_of(bytes.p);
  if (h.opcode != OP_MSG && h.opcode != OP_COMPRESSED && h.opcode != OP_QUERY)
    return pq_fail(cx, PQ_EUNSUPPORTED,
                   "opcode %d is not supported: OP_MSG, OP_COMPRESSED and OP_QUERY are",
                   (int)h.opcode);
  *len = (size_t)h.len;
  return PQ_OK;
}

/* The document that `r` begins with. */
static int take_document(pq_cx *cx, pq_reader *r, const char *where, pq_slice *out) {
  uint32_t len = pq_reader_left(r) < DOCUMENT_LEN_MIN ? 0 : pq_rd32(r->p);
  if (len < DOCUMENT_LEN_MIN || !pq_read_bytes(r, len, out))
    return pq_fail(cx, PQ_EINVALID, "%s: a document of %u bytes where %zu are left", where,
                   (unsigned)len, pq_reader_left(r));
  if (out->p[len - 1] != 0)
    return pq_fail(cx, PQ_EINVALID, "%s: a document does not end with a zero byte", where);
  return PQ_OK;
}

/* Text up to a zero byte. */
static int take_name(pq_cx *cx, pq_reader *r, const char *where, pq_slice *out) {
  size_t left = pq_reader_left(r), cap = left < NAME_LEN_MAX ? left : NAME_LEN_MAX;
  const uint8_t *end = cap == 0 ? NULL : memchr(r->p, 0, cap);
  if (end == NULL)
    return pq_fail(cx, PQ_EINVALID, "%s: a name does not end within %d bytes", where, NAME_LEN_MAX);
  *out = (pq_slice){r->p, (size_t)(end - r->p)};
  r->p = end + 1;
  return PQ_OK;
}

/* A section of kind 1. */
static int take_sequence(pq_cx *cx, pq_reader *r, pq_wire_message *m) {
  pq_wire_sequence *s = &m->sequences[m->sequence_count];
  pq_reader inner;
  pq_slice part, document;
  uint32_t len = pq_reader_left(r) < 4 ? 0 : pq_rd32(r->p);
  if (len < 4 || !pq_read_bytes(r, len, &part))
    return pq_fail(cx, PQ_EINVALID, "OP_MSG: a section of %u bytes where %zu are left",
                   (unsigned)len, pq_reader_left(r));
  if (m->sequence_count == PQ_WIRE_SEQUENCES_MAX)
    return pq_fail(cx, PQ_ELIMIT, "OP_MSG: more than %d sections of documents",
                   PQ_WIRE_SEQUENCES_MAX);
  inner = pq_reader_of((pq_slice){part.p + 4, part.n - 4});
  *s = (pq_wire_sequence){0};
  PQ_TRY(take_name(cx, &inner, "OP_MSG: a section", &s->name));
  for (uint32_t i = 0; i < m->sequence_count; i++)
    if (pq_slice_eq(m->sequences[i].name, s->name))
      return pq_fail(cx, PQ_EINVALID, "OP_MSG: two sections named '%.40s'",
                     (const char *)s->name.p);
  s->documents = (pq_slice){inner.p, pq_reader_left(&inner)};
  for (; pq_reader_left(&inner) > 0; s->count++)
    PQ_TRY(take_document(cx, &inner, "OP_MSG: a section", &document));
  m->sequence_count++;
  return PQ_OK;
}

static int take_section(pq_cx *cx, pq_reader *r, pq_wire_message *m) {
  uint8_t kind;
  if (!pq_read_u8(r, &kind)) kind = UINT8_MAX;
  if (kind == 1) return take_sequence(cx, r, m);
  if (kind != 0) return pq_fail(cx, PQ_EINVALID, "OP_MSG: a section of kind %d", (int)kind);
  if (m->body.n > 0) return pq_fail(cx, PQ_EINVALID, "OP_MSG: two sections of kind 0");
  return take_document(cx, r, "OP_MSG", &m->body);
}

/* `head` is that of the message before it was compressed. */
static int check_crc(pq_cx *cx, const uint8_t *head, pq_slice rest) {
  pq_slice before = {rest.p, rest.n - CHECKSUM_LEN};
  uint32_t crc = pq_crc32c(pq_crc32c(0, (pq_slice){head, PQ_WIRE_HEADER_LEN}), before);
  if (crc == pq_rd32(rest.p + before.n)) return PQ_OK;
  return pq_fail(cx, PQ_EINVALID, "OP_MSG: the checksum is %08x, but the message's %08x",
                 (unsigned)pq_rd32(rest.p + before.n), (unsigned)crc);
}

static int read_msg(pq_cx *cx, const uint8_t *head, pq_slice rest, pq_wire_message *m) {
  pq_reader r;
  uint32_t flags;
  if (rest.n < 4) return pq_fail(cx, PQ_EINVALID, "OP_MSG: cut off before its flags");
  flags = pq_rd32(rest.p);
  if ((flags & FLAGS_REQUIRED & ~(uint32_t)(FLAG_CHECKSUM | FLAG_MORE_TO_COME)) != 0)
    return pq_fail(cx, PQ_EINVALID, "OP_MSG: unknown flags in %08x", (unsigned)flags);
  if ((flags & FLAG_CHECKSUM) != 0) {
    if (rest.n < 4 + CHECKSUM_LEN)
      return pq_fail(cx, PQ_EINVALID, "OP_MSG: cut off before its checksum");
    PQ_TRY(check_crc(cx, head, rest));
    m->has_checksum = true;
    rest.n -= CHECKSUM_LEN;
  }
  m->is_silent = (flags & FLAG_MORE_TO_COME) != 0;
  m->allows_exhaust = (flags & FLAG_EXHAUST) != 0;
  r = pq_reader_of((pq_slice){rest.p + 4, rest.n - 4});
  while (pq_reader_left(&r) > 0)
    PQ_TRY(take_section(cx, &r, m));
  if (m->body.n == 0) return pq_fail(cx, PQ_EINVALID, "OP_MSG: without a section of kind 0");
  return PQ_OK;
}

static int read_query(pq_cx *cx, pq_slice rest, pq_wire_message *m) {
  pq_reader r = pq_reader_of(rest);
  pq_slice numbers, fields;
  m->is_query = true;
  if (!pq_read_bytes(&r, 4, &numbers)) return pq_fail(cx, PQ_EINVALID, "OP_QUERY: cut off");
  PQ_TRY(take_name(cx, &r, "OP_QUERY", &m->ns));
  if (!pq_read_bytes(&r, 8, &numbers)) return pq_fail(cx, PQ_EINVALID, "OP_QUERY: cut off");
  PQ_TRY(take_document(cx, &r, "OP_QUERY", &m->body));
  if (pq_reader_left(&r) > 0) PQ_TRY(take_document(cx, &r, "OP_QUERY", &fields));
  if (pq_reader_left(&r) > 0)
    return pq_fail(cx, PQ_EINVALID, "OP_QUERY: %zu bytes too many", pq_reader_left(&r));
  return PQ_OK;
}

/* What is inside becomes *rest, `head` and *opcode. */
static int open_packed(pq_wire *w, uint8_t *head, pq_slice *rest, int32_t *opcode,
                       pq_wire_message *m) {
  uint32_t len;
  uint8_t number;
  if (rest->n < PACKED_HEADER_LEN) return pq_fail(w->cx, PQ_EINVALID, "OP_COMPRESSED: cut off");
  *opcode = (int32_t)pq_rd32(rest->p);
  len = pq_rd32(rest->p + 4);
  number = rest->p[8];
  if (*opcode != OP_MSG && *opcode != OP_QUERY)
    return pq_fail(w->cx, PQ_EUNSUPPORTED, "OP_COMPRESSED: with opcode %d inside", (int)*opcode);
  if (len > PQ_WIRE_LEN_MAX - PQ_WIRE_HEADER_LEN)
    return pq_fail(w->cx, PQ_ELIMIT, "OP_COMPRESSED: %u bytes when unpacked", (unsigned)len);
  if (number > PQ_WIRE_ZSTD)
    return pq_fail(w->cx, PQ_EUNSUPPORTED, "OP_COMPRESSED: compressor %d is unknown", (int)number);
  m->is_compressed = true;
  m->packer = (pq_wire_packer)number;
  PQ_TRY(unpack(w, m->packer, (pq_slice){rest->p + PACKED_HEADER_LEN, rest->n - PACKED_HEADER_LEN},
                len));
  pq_wr32(head, len + PQ_WIRE_HEADER_LEN);
  pq_wr32(head + 12, (uint32_t)*opcode);
  *rest = pq_buf_slice(&w->unpacked);
  return PQ_OK;
}

int pq_wire_read(pq_wire *w, pq_slice message, pq_wire_message *out) {
  pq_wire_message m = {0};
  uint8_t head[PQ_WIRE_HEADER_LEN];
  pq_slice rest;
  wire_header h;
  size_t len;
  int rc;
  *out = m;
  PQ_TRY(pq_wire_measure(w->cx, message, &len));
  if (len == 0 || len != message.n)
    return pq_fail(w->cx, PQ_EINVALID, "%zu bytes that should be a message of %zu", message.n, len);
  h = header_of(message.p);
  m.request_id = h.request_id;
  m.response_to = h.response_to;
  memcpy(head, message.p, sizeof head);
  rest = (pq_slice){message.p + sizeof head, message.n - sizeof head};
  if (h.opcode == OP_COMPRESSED) PQ_TRY(open_packed(w, head, &rest, &h.opcode, &m));
  rc = h.opcode == OP_MSG ? read_msg(w->cx, head, rest, &m) : read_query(w->cx, rest, &m);
  if (rc == PQ_OK) *out = m;
  return rc;
}

bool pq_wire_next(pq_slice *documents, pq_slice *document) {
  size_t len;
  if (documents->n == 0) return false;
  len = pq_rd32(documents->p);
  *document = (pq_slice){documents->p, len};
  *documents = (pq_slice){documents->p + len, documents->n - len};
  return true;
}

/* ---- writing ---- */

static int put_header(pq_buf *out, const pq_wire_answer *a, int32_t opcode) {
  PQ_TRY(pq_buf_put_u32(out, 0)); /* the length: finish */
  PQ_TRY(pq_buf_put_u32(out, (uint32_t)a->request_id));
  PQ_TRY(pq_buf_put_u32(out, (uint32_t)a->response_to));
  return pq_buf_put_u32(out, (uint32_t)opcode);
}

static int put_reply(const pq_wire_answer *a, pq_buf *out) {
  PQ_TRY(put_header(out, a, OP_REPLY));
  PQ_TRY(pq_buf_put_u32(out, REPLY_AWAIT_CAPABLE));
  PQ_TRY(pq_buf_put_u64(out, 0));
  PQ_TRY(pq_buf_put_u32(out, 0));
  PQ_TRY(pq_buf_put_u32(out, 1));
  return pq_buf_put_slice(out, a->body);
}

static bool has_crc(const pq_wire_answer *a) {
  return a->has_checksum && !a->is_reply;
}

/* Over all that stands before it, the length included. */
static void put_crc(uint8_t *message, size_t len) {
  pq_slice before = {message, len - CHECKSUM_LEN};
  pq_wr32(message + before.n, pq_crc32c(0, before));
}

/* What follows the header of an OP_MSG. */
static int put_msg_rest(const pq_wire_answer *a, pq_buf *out) {
  uint32_t flags = (a->is_followed ? FLAG_MORE_TO_COME : 0) | (has_crc(a) ? FLAG_CHECKSUM : 0);
  PQ_TRY(pq_buf_put_u32(out, flags));
  PQ_TRY(pq_buf_put_byte(out, 0));
  PQ_TRY(pq_buf_put_slice(out, a->body));
  return has_crc(a) ? pq_buf_put_u32(out, 0) : PQ_OK; /* the checksum: put_crc */
}

/* The checksum is that of the message before it is packed. (MongoDB: OpMsg::appendChecksum stands
 * before the compressor.) */
static int put_packed(pq_wire *w, const pq_wire_answer *a, pq_buf *out) {
  pq_buf *plain = &w->unpacked;
  pq_slice rest;
  pq_buf_clear(plain);
  PQ_TRY(put_header(plain, a, OP_MSG));
  PQ_TRY(put_msg_rest(a, plain));
  pq_wr32(plain->p, (uint32_t)plain->len);
  if (has_crc(a)) put_crc(plain->p, plain->len);
  rest = (pq_slice){plain->p + PQ_WIRE_HEADER_LEN, plain->len - PQ_WIRE_HEADER_LEN};
  PQ_TRY(put_header(out, a, OP_COMPRESSED));
  PQ_TRY(pq_buf_put_u32(out, OP_MSG));
  PQ_TRY(pq_buf_put_u32(out, (uint32_t)rest.n));
  PQ_TRY(pq_buf_put_byte(out, (uint8_t)a->packer));
  return pack(w, a->packer, rest, out);
}

static int put_answer(pq_wire *w, const pq_wire_answer *a, pq_buf *out) {
  if (a->is_reply) return put_reply(a, out);
  if (a->is_compressed) return put_packed(w, a, out);
  PQ_TRY(put_header(out, a, OP_MSG));
  return put_msg_rest(a, out);
}

int pq_wire_reply(pq_wire *w, const pq_wire_answer *answer, pq_buf *out) {
  size_t from = out->len, len;
  int rc = put_answer(w, answer, out);
  len = out->len - from;
  if (rc == PQ_OK && len > PQ_WIRE_LEN_MAX)
    rc = pq_fail(w->cx, PQ_ELIMIT, "an answer of %zu bytes: at most %d are allowed", len,
                 PQ_WIRE_LEN_MAX);
  if (rc != PQ_OK) {
    out->len = from;
    return rc;
  }
  pq_wr32(out->p + from, (uint32_t)len);
  if (has_crc(answer) && !answer->is_compressed) put_crc(out->p + from, len);
  return PQ_OK;
}
