/* server/wire.h - MongoDB's wire protocol without a socket: bytes in, messages out, and back.
 *
 *   every message   | length | request id | response to | opcode | … |      four int32
 *
 *   OP_MSG 2013         flags u32 | section … | CRC-32C if flag 0 is set
 *                       section   0 | document                              the command, once
 *                                 1 | length | name \0 | document …         one of its arrays
 *   OP_COMPRESSED 2012  opcode | length when unpacked | compressor u8 | the rest of the message
 *   OP_QUERY 2004       flags | "db.$cmd" \0 | skip | count | document      old handshakes
 *   OP_REPLY 1          flags | cursor i64 | from | count | document        what they want back
 *
 * (MongoDB: source/reference/mongodb-wire-protocol, specifications: message/OP_MSG, compression.)
 *
 *     pq_wire_init(&w, cx);
 *     PQ_TRY(pq_wire_measure(cx, received, &len));     0: more bytes are needed
 *     PQ_TRY(pq_wire_read(&w, (pq_slice){received.p, len}, &m));
 *     … m.body, m.sequences: BSON that ends where it says, not looked into (bson_value.h) …
 *     if (!m.is_silent) PQ_TRY(pq_wire_reply(&w, &reply, &out));
 *
 * After a failure the connection is of no use: nobody knows where the next message begins. All
 * bytes are hostile: lengths are checked before anything is allocated, what is packed by what its
 * own headers can give. One pq_wire belongs to one thread at a time.
 */
#ifndef PQ_SERVER_WIRE_H
#define PQ_SERVER_WIRE_H

#include "codec/codec.h"

enum {
  PQ_WIRE_HEADER_LEN = 16,
  /* MongoDB's maxMessageSizeBytes; no driver sends more. */
  PQ_WIRE_LEN_MAX = 48000000,
  /* `documents`, `updates`, `deletes`, `ops` with `nsInfo`: no command has more than two. */
  PQ_WIRE_SEQUENCES_MAX = 4
};

/* The numbers of the protocol, less one kind that packs nothing. */
typedef enum pq_wire_packer {
  PQ_WIRE_PLAIN = 0, /* 0 on the wire is "noop" */
  PQ_WIRE_SNAPPY = 1,
  PQ_WIRE_ZLIB = 2,
  PQ_WIRE_ZSTD = 3
} pq_wire_packer;

/* An array of documents beside the command: a field of it, in effect. */
typedef struct pq_wire_sequence {
  pq_slice name;
  pq_slice documents; /* one after the other */
  uint32_t count;
} pq_wire_sequence;

typedef struct pq_wire_message {
  int32_t request_id, response_to;
  bool is_query;       /* an OP_QUERY: the answer must be an OP_REPLY */
  bool is_silent;      /* moreToCome: nobody waits for an answer */
  bool has_checksum;   /* and it fits: the answer should have one */
  bool allows_exhaust; /* several answers may follow each other */
  bool is_compressed;  /* it was an OP_COMPRESSED, with `packer`: the answer should be one */
  pq_wire_packer packer;
  pq_slice ns;   /* of an OP_QUERY: "admin.$cmd"; else empty */
  pq_slice body; /* the command */
  pq_wire_sequence sequences[PQ_WIRE_SEQUENCES_MAX];
  uint32_t sequence_count;
} pq_wire_message;

/* What reading and writing need between messages. */
typedef struct pq_wire {
  pq_cx *cx; /* borrowed */
  pq_decompressor decompressor;
  pq_compressor compressor;
  pq_buf unpacked;
} pq_wire;

void pq_wire_init(pq_wire *w, pq_cx *cx);
/* Safe on a zeroed one. */
void pq_wire_release(pq_wire *w);

/* The length of the message that `bytes` begin with; 0: they are too few to know. Fails as soon as
 * a header is wrong: PQ_EINVALID a length below a header's, PQ_ELIMIT one above PQ_WIRE_LEN_MAX,
 * PQ_EUNSUPPORTED another opcode. */
int pq_wire_measure(pq_cx *cx, pq_slice bytes, size_t *len) PQ_MUST_CHECK;

/* Take a whole message apart. *out borrows from `message` and from `w` until its next call.
 * PQ_EINVALID: malformed, a checksum that does not fit, required flags that are unknown;
 * PQ_ELIMIT; PQ_EUNSUPPORTED: a compressor or opcode that is unknown; PQ_ENOMEM. */
int pq_wire_read(pq_wire *w, pq_slice message, pq_wire_message *out) PQ_MUST_CHECK;

/* Take the first document off `documents`, which pq_wire_read has checked. False: none is left. */
bool pq_wire_next(pq_slice *documents, pq_slice *document);

typedef struct pq_wire_answer {
  pq_slice body;       /* borrowed: one BSON document */
  int32_t request_id;  /* of the answer itself */
  int32_t response_to; /* the request's request_id */
  bool is_reply;       /* an OP_REPLY */
  bool is_followed;    /* moreToCome: another answer follows */
  bool has_checksum;   /* of an OP_MSG, as it is before it is packed */
  bool is_compressed;
  pq_wire_packer packer;
} pq_wire_answer;

/* Append an answer. An OP_REPLY is never compressed. PQ_ELIMIT beyond PQ_WIRE_LEN_MAX, PQ_ENOMEM;
 * `out` is then as it was. */
int pq_wire_reply(pq_wire *w, const pq_wire_answer *answer, pq_buf *out) PQ_MUST_CHECK;

/* The compressor of that name in a handshake ("snappy", "zlib", "zstd"); PLAIN: none of ours. */
pq_wire_packer pq_wire_packer_of(pq_slice name);

/* The CRC-32C (Castagnoli) of bytes behind others whose CRC-32C is `crc` (0: none). */
uint32_t pq_crc32c(uint32_t crc, pq_slice bytes);

#endif
