/* log/batch.h - up to about 1,000 events as one BLOB of the hot tier.
 *
 *   body:  "PQB1" | flags:u8 (bit 0: zstd, bit 1: files, bit 2: link, bit 3: filter)
 *          | count:varint | seq_lo:varint | raw_len:varint | [link: 32 bytes]
 *          | [filter: block of bits, crc:u32 of them] | crc:u32 of header and raw bytes
 *          | raw bytes, compressed or not
 *   raw:   count events: head of flag bits | the fields that they announce
 *          (doc/formats/batch.md has every byte)
 *
 * Writing gives both the body (for the hot tier) and the raw bytes; reading gives the raw bytes
 * again; events borrow from the raw bytes, so the overlay keeps those and copies nothing. Own
 * writes and a re-read tail go through the same decoder; of own ones it does not check again what
 * pq_batch_add has checked and what a builder made.
 */
#ifndef PQ_LOG_BATCH_H
#define PQ_LOG_BATCH_H

#include "base/buf.h"
#include "codec/codec.h"
#include "log/chain.h"

/* Texts that a record leaves out when they are those of an earlier record. */
enum {
  PQ_BATCH_ACTOR,
  PQ_BATCH_TYPE,
  PQ_BATCH_PREDICATE,
  PQ_BATCH_REVERSE,
  PQ_BATCH_FILE,
  PQ_BATCH_META, /* Variant metadata of `after` */
  PQ_BATCH_LAST_COUNT
};

typedef struct pq_batch_span {
  size_t off, len; /* in the raw bytes */
} pq_batch_span;

typedef struct pq_batch_writer {
  pq_cx *cx;
  pq_buf raw;
  uint64_t seq_lo;
  uint32_t count;
  int64_t ts; /* of the event before, delta base */
  pq_batch_span last[PQ_BATCH_LAST_COUNT];
  pq_digest digest;  /* of the events so far */
  pq_buf hashes;     /* u64 each: of the ids of entities, for the filter */
  bool has_schema;   /* an event of a collection is among them: whoever reads any needs it */
  bool has_foreign;  /* an edge to another namespace: no older program may read the batch */
  bool is_unchained; /* to be set after init: events of before there were hashes, no link */
} pq_batch_writer;

void pq_batch_writer_init(pq_batch_writer *w, pq_cx *cx);
void pq_batch_writer_release(pq_batch_writer *w);

/* Append an event. The first one fixes seq_lo; the others must follow without a gap and their ts
 * must not fall. PQ_EINVALID for an event that pq_batch_next would refuse; PQ_ELIMIT beyond
 * limits.tail_len_max. `before` is not stored: `prev` and `where` lead to it. On failure the
 * writer is unchanged. */
int pq_batch_add(pq_batch_writer *w, const pq_event *e) PQ_MUST_CHECK;

/* Append the finished body to `body`; when `raw` is not NULL the raw bytes become the caller's
 * (*raw is overwritten; free with pq_buf_release), and behind them the link, if there are hashes.
 * Where the link will be stands the digest of the events until pq_batch_seal. The writer is empty
 * after, and unchanged on failure (but it can take no more events). A batch without events is
 * PQ_EINVALID. */
int pq_batch_finish(pq_batch_writer *w, pq_compressor *compressor, pq_buf *body,
                    pq_buf *raw) PQ_MUST_CHECK;

/* Make the batch the one after `before` in the chain: its link goes into the body (all of `body`),
 * behind `raw`, and into `out`, which may be `before`. Without hashes `out` is `before`. */
void pq_batch_seal(pq_buf *body, pq_buf *raw, const uint8_t before[PQ_DIGEST_LEN],
                   uint8_t out[PQ_DIGEST_LEN]);

/* Append the body of a bulk write, whose raw bytes are a record of files (bulk_record.h) instead of
 * events; `link` is that of its last event. */
int pq_batch_put_files(pq_compressor *compressor, pq_slice text, uint64_t seq_lo, uint64_t count,
                       const uint8_t link[PQ_DIGEST_LEN], pq_buf *body) PQ_MUST_CHECK;
/* Is the body one of a bulk write? */
bool pq_batch_has_files(pq_slice body);
/* Does a link stand behind the raw bytes that pq_batch_open gives? */
bool pq_batch_has_link(pq_slice body);

/* Decompress and check the header and CRC of a body, of either kind; raw bytes go into `raw`
 * (initialised by the caller), and behind them the link, if it has one. PQ_ECORRUPT. */
int pq_batch_open(pq_cx *cx, pq_slice body, pq_buf *raw, uint64_t *seq_lo,
                  uint32_t *count) PQ_MUST_CHECK;

/* May a reader of one entity alone (pq_batch_reader.only) want events of the body, as far as the
 * header tells? Else it need not be opened. PQ_ECORRUPT, also where the header has other seqs. */
int pq_batch_may_hold(pq_cx *cx, pq_slice body, uint64_t seq_lo, uint64_t seq_hi, pq_slice id,
                      bool *may) PQ_MUST_CHECK;

typedef struct pq_batch_reader {
  pq_cx *cx;
  pq_reader r;
  uint64_t seq;
  uint32_t left;
  int64_t ts;
  bool is_started; /* an event was read, so `ts` is its */
  bool is_own;     /* the raw bytes are what pq_batch_finish just gave */
  /* Not empty: events of this entity and of collections are wanted. Of the others only the bounds
   * are checked, and they are not to be used. */
  pq_slice only;
  bool is_lax;                        /* the record that is read is not checked */
  pq_slice last[PQ_BATCH_LAST_COUNT]; /* borrowed from the raw bytes */
} pq_batch_reader;

void pq_batch_reader_init(pq_batch_reader *r, pq_cx *cx, pq_slice raw, uint64_t seq_lo,
                          uint32_t count);
/* May the event be used, by r->only? */
bool pq_batch_is_wanted(const pq_batch_reader *r, const pq_event *e);
/* The next event; *is_end when there is none. Every field is validated (values by
 * pq_value_check), so the event can be trusted. PQ_ECORRUPT. */
int pq_batch_next(pq_batch_reader *r, pq_event *out, bool *is_end) PQ_MUST_CHECK;

#endif
