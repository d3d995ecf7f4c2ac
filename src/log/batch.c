/* log/batch.c - see batch.h; doc/formats/batch.md has every byte.
 *
 *   record:  head | [ts] | id | [names] | [to_id] | [actor] | [after] | ...
 *
 * The head's bits say which fields follow. A text that is left out is the one of an earlier
 * record: `last` remembers where it stands in the raw bytes, as offsets while they still grow,
 * as slices when they are read. A small edge event costs 1 byte besides its two ids.
 */
#include "log/batch.h"

#include "base/hash.h"
#include "log/log_int.h"
#include "parquet/bloom.h"

enum {
  HEAD_TARGET_SHIFT = 2,
  HEAD_TS = 1 << 4,
  HEAD_NAME = 1 << 5,
  HEAD_AFTER = 1 << 6,
  HEAD_META_SAME = 1 << 7,
  HEAD_VERSION = 1 << 8,
  HEAD_PREV = 1 << 9,
  HEAD_WHERE = 1 << 10,
  HEAD_WHERE_FILE = 1 << 11,
  HEAD_CREATED_AT = 1 << 12,
  HEAD_ACTOR = 1 << 13,
  HEAD_CREATED_BY = 1 << 14,
  HEAD_METADATA = 1 << 15,
  HEAD_TXN = 1 << 16,
  HEAD_END = 1 << 17
};

#define FILTER_FPP 0.02

enum {
  FLAG_ZSTD = 1,
  FLAG_FILES = 2,
  FLAG_LINK = 4,
  FLAG_FILTER = 8,
  FLAG_FOREIGN = 16,
  FILTER_EVENTS_MIN = 64, /* fewer are unpacked as fast as a filter is asked */
  FILTER_LEN_MAX = 64 << 10,
  ZSTD_LEVEL = 1,
  COMPRESS_LEN_MIN = 64, /* below this a zstd frame does not pay */
  RECORD_LEN_MIN = 5     /* head, length of the id, "a/b" */
};

/* ---- writing ---- */

static size_t raw_len_max(const pq_cx *cx) {
  uint64_t n = cx->limits.tail_len_max;
  return n > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)n;
}

void pq_batch_writer_init(pq_batch_writer *w, pq_cx *cx) {
  *w = (pq_batch_writer){.cx = cx};
  pq_buf_init(&w->raw, cx, raw_len_max(cx) + PQ_DIGEST_LEN);
  pq_buf_init(&w->hashes, cx, SIZE_MAX / 2);
  pq_digest_init(&w->digest);
}

void pq_batch_writer_release(pq_batch_writer *w) {
  pq_buf_release(&w->raw);
  pq_buf_release(&w->hashes);
  *w = (pq_batch_writer){0};
}

static bool is_last(const pq_batch_writer *w, int which, pq_slice s) {
  pq_batch_span span = w->last[which];
  return span.len == s.n && (s.n == 0 || memcmp(w->raw.p + span.off, s.p, s.n) == 0);
}

static int put_block(pq_batch_writer *w, pq_slice s) {
  PQ_TRY(pq_buf_put_varint(&w->raw, s.n));
  return pq_buf_put_slice(&w->raw, s);
}

/* A block that later records may refer to. */
static int put_last(pq_batch_writer *w, int which, pq_slice s) {
  PQ_TRY(put_block(w, s));
  w->last[which] = (pq_batch_span){w->raw.len - s.n, s.n};
  return PQ_OK;
}

static uint32_t name_bits(const pq_batch_writer *w, const pq_event *e) {
  if (e->target == PQ_TARGET_ENTITY) return is_last(w, PQ_BATCH_TYPE, e->type) ? 0 : HEAD_NAME;
  if (e->target != PQ_TARGET_REL) return 0;
  return is_last(w, PQ_BATCH_PREDICATE, e->predicate) && is_last(w, PQ_BATCH_REVERSE, e->reverse)
             ? 0
             : HEAD_NAME;
}

static uint32_t head_of(const pq_batch_writer *w, const pq_event *e) {
  uint32_t head = (uint32_t)e->op | (uint32_t)e->target << HEAD_TARGET_SHIFT | name_bits(w, e);
  if (e->ts != w->ts) head |= HEAD_TS;
  if (!pq_value_is_missing(e->after)) {
    head |= HEAD_AFTER;
    if (is_last(w, PQ_BATCH_META, pq_value_meta(e->after))) head |= HEAD_META_SAME;
  }
  if (e->version != 1) head |= HEAD_VERSION;
  if (e->prev != 0) head |= HEAD_PREV;
  if (e->where_file.n > 0) {
    head |= HEAD_WHERE;
    if (!is_last(w, PQ_BATCH_FILE, e->where_file)) head |= HEAD_WHERE_FILE;
  }
  if (e->created_at != e->ts) head |= HEAD_CREATED_AT;
  if (!is_last(w, PQ_BATCH_ACTOR, e->actor)) head |= HEAD_ACTOR;
  if (!pq_slice_eq(e->created_by, e->actor)) head |= HEAD_CREATED_BY;
  if (!pq_value_is_missing(e->metadata)) head |= HEAD_METADATA;
  if (e->txn != 0) head |= HEAD_TXN;
  return head;
}

/* Differences are taken modulo 2^64, so that none can overflow. */
static int put_difference(pq_batch_writer *w, int64_t a, int64_t b) {
  return pq_buf_put_zigzag(&w->raw, (int64_t)((uint64_t)a - (uint64_t)b));
}

/* ts to actor. */
static int put_names(pq_batch_writer *w, const pq_event *e, uint32_t head) {
  if (head & HEAD_TS) PQ_TRY(put_difference(w, e->ts, w->ts));
  PQ_TRY(put_block(w, e->id));
  if ((head & HEAD_NAME) && e->target == PQ_TARGET_ENTITY)
    PQ_TRY(put_last(w, PQ_BATCH_TYPE, e->type));
  if ((head & HEAD_NAME) && e->target == PQ_TARGET_REL) {
    PQ_TRY(put_last(w, PQ_BATCH_PREDICATE, e->predicate));
    PQ_TRY(put_last(w, PQ_BATCH_REVERSE, e->reverse));
  }
  if (e->target == PQ_TARGET_REL) PQ_TRY(put_block(w, e->to_id));
  if (head & HEAD_ACTOR) PQ_TRY(put_last(w, PQ_BATCH_ACTOR, e->actor));
  return PQ_OK;
}

/* after to txn. */
static int put_rest(pq_batch_writer *w, const pq_event *e, uint32_t head) {
  if (head & HEAD_AFTER) {
    if (!(head & HEAD_META_SAME)) PQ_TRY(put_last(w, PQ_BATCH_META, pq_value_meta(e->after)));
    PQ_TRY(put_block(w, pq_value_bytes(e->after)));
  }
  if (head & HEAD_VERSION) PQ_TRY(pq_buf_put_varint(&w->raw, e->version));
  if (head & HEAD_PREV) PQ_TRY(pq_buf_put_varint(&w->raw, e->seq - e->prev));
  if (head & HEAD_WHERE_FILE) PQ_TRY(put_last(w, PQ_BATCH_FILE, e->where_file));
  if (head & HEAD_WHERE) PQ_TRY(pq_buf_put_varint(&w->raw, e->where_row));
  if (head & HEAD_CREATED_AT) PQ_TRY(put_difference(w, e->ts, e->created_at));
  if (head & HEAD_CREATED_BY) PQ_TRY(put_block(w, e->created_by));
  if (head & HEAD_METADATA) {
    PQ_TRY(put_block(w, pq_value_meta(e->metadata)));
    PQ_TRY(put_block(w, pq_value_bytes(e->metadata)));
  }
  if (head & HEAD_TXN) PQ_TRY(pq_buf_put_varint(&w->raw, e->txn));
  return PQ_OK;
}

static int put_record(pq_batch_writer *w, const pq_event *e) {
  uint32_t head = head_of(w, e);
  PQ_TRY(pq_buf_put_varint(&w->raw, head));
  PQ_TRY(put_names(w, e, head));
  return put_rest(w, e, head);
}

static const char *order_defect(const pq_batch_writer *w, const pq_event *e) {
  if (w->count == 0) return NULL;
  if (w->count == UINT32_MAX) return "too many events in one batch";
  if (e->seq != w->seq_lo + w->count) return "seq does not follow the event before";
  return e->ts < w->ts ? "ts is before that of the event before" : NULL;
}

/* There is room for it. */
static void note_hash(pq_batch_writer *w, uint64_t hash) {
  pq_wr64(w->hashes.p + w->hashes.len, hash);
  w->hashes.len += 8;
}

int pq_batch_add(pq_batch_writer *w, const pq_event *e) {
  pq_batch_span saved[PQ_BATCH_LAST_COUNT];
  size_t len = w->raw.len;
  const char *defect;
  int rc;
  PQ_TRY(pq_event_check(w->cx, e));
  defect = order_defect(w, e);
  if (defect != NULL)
    return pq_fail(w->cx, PQ_EINVALID, "event %llu: %s", (unsigned long long)e->seq, defect);
  PQ_TRY(pq_buf_reserve(&w->hashes, 8));
  memcpy(saved, w->last, sizeof saved);
  rc = put_record(w, e);
  if (rc != PQ_OK) {
    memcpy(w->last, saved, sizeof saved);
    w->raw.len = len;
    return rc;
  }
  pq_digest_event(&w->digest, e);
  if (e->target == PQ_TARGET_ENTITY) note_hash(w, pq_hash(e->id, 0));
  w->has_schema |= e->target == PQ_TARGET_COLLECTION;
  w->has_foreign |= e->target == PQ_TARGET_REL && pq_id_is_foreign(e->to_id);
  if (w->count == 0) w->seq_lo = e->seq;
  w->count++;
  w->ts = e->ts;
  return PQ_OK;
}

/* What a body holds. */
typedef struct batch_content {
  pq_slice raw;
  uint64_t seq_lo, count;
  pq_slice digest; /* empty in a build without hashes */
  bool has_files, has_filter, has_foreign;
  pq_slice hashes; /* with has_filter: what stands in it */
} batch_content;

/* Which entities the events are of. It has a CRC of its own, since it is asked without the rest. */
static int put_filter(pq_slice hashes, pq_buf *body) {
  size_t len = pq_bloom_len_for(hashes.n / 8, FILTER_FPP), start;
  if (len > FILTER_LEN_MAX) len = FILTER_LEN_MAX;
  PQ_TRY(pq_buf_put_varint(body, len));
  PQ_TRY(pq_buf_reserve(body, len));
  start = body->len;
  memset(body->p + start, 0, len);
  for (size_t i = 0; i < hashes.n; i += 8)
    pq_bloom_insert(body->p + start, len, pq_rd64(hashes.p + i));
  body->len += len;
  return pq_buf_put_u32(body, pq_crc32((pq_slice){body->p + start, len}));
}

/* All of the body before the CRC. */
static int put_header(const batch_content *c, pq_buf *body) {
  unsigned flags = FLAG_ZSTD | (c->digest.n > 0 ? FLAG_LINK : 0) | (c->has_files ? FLAG_FILES : 0) |
                   (c->has_filter ? FLAG_FILTER : 0) | (c->has_foreign ? FLAG_FOREIGN : 0);
  PQ_TRY(pq_buf_put_str(body, "PQB1"));
  PQ_TRY(pq_buf_put_byte(body, (uint8_t)flags));
  PQ_TRY(pq_buf_put_varint(body, c->count));
  PQ_TRY(pq_buf_put_varint(body, c->seq_lo));
  PQ_TRY(pq_buf_put_varint(body, c->raw.n));
  PQ_TRY(pq_buf_put_slice(body, c->digest));
  return c->has_filter ? put_filter(c->hashes, body) : PQ_OK;
}

static int put_body(const batch_content *c, pq_compressor *compressor, pq_buf *body) {
  size_t start = body->len, header_end;
  pq_slice raw = c->raw;
  uint32_t crc = pq_crc32(raw);
  PQ_TRY(put_header(c, body));
  header_end = body->len;
  PQ_TRY(pq_buf_put_u32(body, 0));
  if (raw.n >= COMPRESS_LEN_MIN)
    PQ_TRY(pq_compress(compressor, PQ_CODEC_ZSTD, ZSTD_LEVEL, raw, body));
  if (raw.n < COMPRESS_LEN_MIN || body->len - header_end - 4 >= raw.n) { /* store it plain */
    body->p[start + 4] &= (uint8_t)~FLAG_ZSTD;
    body->len = header_end + 4;
    PQ_TRY(pq_buf_put_slice(body, raw));
  }
  crc ^= pq_crc32((pq_slice){body->p + start, header_end - start});
  pq_wr32(body->p + header_end, crc);
  return PQ_OK;
}

int pq_batch_finish(pq_batch_writer *w, pq_compressor *compressor, pq_buf *body, pq_buf *raw) {
  size_t len = body->len;
  uint8_t bytes[PQ_DIGEST_LEN];
  pq_slice digest = {bytes, pq_digest_is_there() && !w->is_unchained ? PQ_DIGEST_LEN : 0};
  bool has_filter = w->count >= FILTER_EVENTS_MIN && !w->has_schema;
  batch_content content = {.raw = pq_buf_slice(&w->raw),
                           .seq_lo = w->seq_lo,
                           .count = w->count,
                           .digest = digest,
                           .has_filter = has_filter,
                           .has_foreign = w->has_foreign,
                           .hashes = pq_buf_slice(&w->hashes)};
  int rc;
  if (raw != NULL) *raw = (pq_buf){0};
  if (w->count == 0) return pq_fail(w->cx, PQ_EINVALID, "a batch without events");
  pq_digest_end(&w->digest, bytes);
  rc = put_body(&content, compressor, body);
  if (rc == PQ_OK && raw != NULL) rc = pq_buf_put_slice(&w->raw, digest);
  if (rc != PQ_OK) {
    body->len = len;
    return rc;
  }
  if (raw != NULL) {
    *raw = w->raw;
    pq_buf_init(&w->raw, w->cx, raw_len_max(w->cx) + PQ_DIGEST_LEN);
  }
  pq_digest_init(&w->digest);
  pq_buf_clear(&w->raw);
  pq_buf_clear(&w->hashes);
  w->has_schema = w->has_foreign = false;
  w->seq_lo = 0;
  w->count = 0;
  w->ts = 0;
  memset(w->last, 0, sizeof w->last);
  return PQ_OK;
}

int pq_batch_put_files(pq_compressor *compressor, pq_slice text, uint64_t seq_lo, uint64_t count,
                       const uint8_t link[PQ_DIGEST_LEN], pq_buf *body) {
  pq_slice digest = {link, pq_digest_is_there() ? PQ_DIGEST_LEN : 0};
  batch_content content = {
      .raw = text, .seq_lo = seq_lo, .count = count, .digest = digest, .has_files = true};
  size_t len = body->len;
  int rc = put_body(&content, compressor, body);
  if (rc != PQ_OK) body->len = len;
  return rc;
}

bool pq_batch_has_files(pq_slice body) {
  return body.n > 4 && (body.p[4] & FLAG_FILES) != 0;
}

bool pq_batch_has_link(pq_slice body) {
  return body.n > 4 && (body.p[4] & FLAG_LINK) != 0;
}

/* Bytes before the link, and before the CRC, in a body that pq_batch_finish made. */
static void find_link(pq_slice body, size_t *link, size_t *crc) {
  pq_reader r = pq_reader_of(body);
  pq_slice part = {0};
  uint64_t number;
  bool is_there = pq_read_bytes(&r, 5, &part);
  for (int i = 0; i < 3; i++)
    is_there = is_there && pq_read_varint(&r, &number);
  *link = (size_t)(r.p - body.p);
  is_there = is_there && pq_read_bytes(&r, PQ_DIGEST_LEN, &part);
  if (body.p[4] & FLAG_FILTER)
    is_there = is_there && pq_read_block(&r, &part) && pq_read_bytes(&r, 4, &part);
  pq_assert(is_there && pq_reader_left(&r) >= 4);
  *crc = (size_t)(r.p - body.p);
}

void pq_batch_seal(pq_buf *body, pq_buf *raw, const uint8_t before[PQ_DIGEST_LEN],
                   uint8_t out[PQ_DIGEST_LEN]) {
  size_t link_off, crc_off;
  uint8_t *link;
  uint32_t crc;
  if (out != before) memcpy(out, before, PQ_DIGEST_LEN);
  if (!(body->p[4] & FLAG_LINK)) return;
  find_link(pq_buf_slice(body), &link_off, &crc_off);
  link = body->p + link_off;
  crc = pq_rd32(body->p + crc_off) ^ pq_crc32((pq_slice){body->p, crc_off});
  pq_chain_link(out, link, out);
  memcpy(link, out, PQ_DIGEST_LEN);
  crc ^= pq_crc32((pq_slice){body->p, crc_off});
  pq_wr32(body->p + crc_off, crc);
  memcpy(raw->p + raw->len - PQ_DIGEST_LEN, out, PQ_DIGEST_LEN);
}

/* ---- reading ---- */

typedef struct batch_header {
  uint8_t flags;
  pq_slice link;   /* empty: none */
  pq_slice filter; /* empty: none */
  uint64_t count, seq_lo, raw_len;
  uint32_t crc;        /* as stored */
  uint32_t header_crc; /* of the bytes before it */
} batch_header;

static int read_filter(pq_cx *cx, pq_reader *r, pq_slice *out) {
  uint32_t crc;
  if (!pq_read_block(r, out) || !pq_read_u32(r, &crc))
    return pq_fail(cx, PQ_ECORRUPT, "batch: truncated filter");
  if (out->n == 0 || out->n % PQ_BLOOM_BLOCK_LEN != 0 || out->n > FILTER_LEN_MAX)
    return pq_fail(cx, PQ_ECORRUPT, "batch: a filter of %zu bytes", out->n);
  if (pq_crc32(*out) != crc) return pq_fail(cx, PQ_ECORRUPT, "batch: CRC mismatch in its filter");
  return PQ_OK;
}

static int read_header(pq_cx *cx, pq_slice body, pq_reader *r, batch_header *h) {
  pq_slice magic;
  if (!pq_read_bytes(r, 4, &magic) || memcmp(magic.p, "PQB", 3) != 0)
    return pq_fail(cx, PQ_ECORRUPT, "batch: bad magic");
  if (magic.p[3] != '1')
    return pq_fail(cx, PQ_EUNSUPPORTED, "batch: version 0x%02x is newer than this program",
                   magic.p[3]);
  if (!pq_read_u8(r, &h->flags) || !pq_read_varint(r, &h->count) ||
      !pq_read_varint(r, &h->seq_lo) || !pq_read_varint(r, &h->raw_len))
    return pq_fail(cx, PQ_ECORRUPT, "batch: truncated header");
  if ((h->flags & FLAG_LINK) && !pq_read_bytes(r, PQ_DIGEST_LEN, &h->link))
    return pq_fail(cx, PQ_ECORRUPT, "batch: truncated header");
  if (h->flags & FLAG_FILTER) PQ_TRY(read_filter(cx, r, &h->filter));
  h->header_crc = pq_crc32((pq_slice){body.p, (size_t)(r->p - body.p)});
  if (!pq_read_u32(r, &h->crc)) return pq_fail(cx, PQ_ECORRUPT, "batch: truncated header");
  if (h->flags & ~(FLAG_ZSTD | FLAG_FILES | FLAG_LINK | FLAG_FILTER | FLAG_FOREIGN))
    return pq_fail(cx, PQ_EUNSUPPORTED, "batch: unknown flags 0x%02x", h->flags);
  if (h->seq_lo == 0 || h->seq_lo > INT64_MAX || h->count == 0 || h->count >= UINT32_MAX ||
      h->count - 1 > INT64_MAX - h->seq_lo)
    return pq_fail(cx, PQ_ECORRUPT, "batch: %llu events from seq %llu",
                   (unsigned long long)h->count, (unsigned long long)h->seq_lo);
  if (h->raw_len > raw_len_max(cx))
    return pq_fail(cx, PQ_ELIMIT, "batch: %llu bytes of events", (unsigned long long)h->raw_len);
  if (!(h->flags & FLAG_FILES) && h->count > h->raw_len / RECORD_LEN_MIN)
    return pq_fail(cx, PQ_ECORRUPT, "batch: %llu events in %llu bytes",
                   (unsigned long long)h->count, (unsigned long long)h->raw_len);
  return PQ_OK;
}

/* Append the raw bytes to `raw`. */
static int read_payload(pq_cx *cx, const batch_header *h, pq_slice payload, pq_buf *raw) {
  size_t len = (size_t)h->raw_len; /* at most raw_len_max */
  pq_decompressor d;
  int rc;
  if (!(h->flags & FLAG_ZSTD)) {
    if (payload.n != len)
      return pq_fail(cx, PQ_ECORRUPT, "batch: %zu bytes of events instead of %zu", payload.n, len);
    return pq_buf_put_slice(raw, payload);
  }
  PQ_TRY(pq_buf_reserve(raw, len + PQ_DIGEST_LEN));
  pq_decompressor_init(&d, cx);
  rc = pq_decompress(&d, PQ_CODEC_ZSTD, payload, raw->p + raw->len, len);
  pq_decompressor_release(&d);
  if (rc == PQ_OK) raw->len += len;
  return rc;
}

int pq_batch_open(pq_cx *cx, pq_slice body, pq_buf *raw, uint64_t *seq_lo, uint32_t *count) {
  pq_reader r = pq_reader_of(body);
  batch_header h = {0};
  size_t start = raw->len;
  *seq_lo = 0;
  *count = 0;
  PQ_TRY(read_header(cx, body, &r, &h));
  PQ_TRY(read_payload(cx, &h, (pq_slice){r.p, pq_reader_left(&r)}, raw));
  if ((pq_crc32((pq_slice){raw->p + start, raw->len - start}) ^ h.header_crc) != h.crc) {
    raw->len = start;
    return pq_fail(cx, PQ_ECORRUPT, "batch from seq %llu: CRC mismatch",
                   (unsigned long long)h.seq_lo);
  }
  *seq_lo = h.seq_lo;
  *count = (uint32_t)h.count;
  return pq_buf_put_slice(raw, h.link);
}

int pq_batch_may_hold(pq_cx *cx, pq_slice body, uint64_t seq_lo, uint64_t seq_hi, pq_slice id,
                      bool *may) {
  pq_reader r = pq_reader_of(body);
  batch_header h = {0};
  *may = true;
  PQ_TRY(read_header(cx, body, &r, &h));
  if (h.seq_lo != seq_lo || h.seq_lo + h.count - 1 != seq_hi)
    return pq_fail(cx, PQ_ECORRUPT, "batch from event %llu holds others",
                   (unsigned long long)seq_lo);
  if (h.filter.n > 0) *may = pq_bloom_contains(h.filter.p, h.filter.n, pq_hash(id, 0));
  return PQ_OK;
}

void pq_batch_reader_init(pq_batch_reader *r, pq_cx *cx, pq_slice raw, uint64_t seq_lo,
                          uint32_t count) {
  *r = (pq_batch_reader){.cx = cx, .r = pq_reader_of(raw), .seq = seq_lo, .left = count};
}

static int fail_at(const pq_batch_reader *r, const char *what) {
  return pq_fail(r->cx, PQ_ECORRUPT, "batch: event %llu: %s", (unsigned long long)r->seq, what);
}

static bool read_last(pq_batch_reader *r, int which) {
  return pq_read_block(&r->r, &r->last[which]);
}

static const char *head_defect(uint64_t head, const pq_event *e) {
  if (head >= HEAD_END) return "unknown flags";
  if ((head & HEAD_META_SAME) && !(head & HEAD_AFTER)) return "metadata of no document";
  if ((head & HEAD_WHERE_FILE) && !(head & HEAD_WHERE)) return "a file without a row";
  if ((head & HEAD_NAME) && e->target == PQ_TARGET_COLLECTION)
    return "a collection event with a type";
  return NULL;
}

static int read_ts(pq_batch_reader *r, uint32_t head, pq_event *e) {
  int64_t difference;
  e->ts = r->ts;
  if (!(head & HEAD_TS)) return PQ_OK;
  if (!pq_read_zigzag(&r->r, &difference)) return fail_at(r, "truncated");
  e->ts = (int64_t)((uint64_t)r->ts + (uint64_t)difference);
  if (r->is_started && e->ts <= r->ts) return fail_at(r, "ts falls");
  return PQ_OK;
}

/* id to actor. */
static bool read_names(pq_batch_reader *r, uint32_t head, pq_event *e) {
  if (!pq_read_block(&r->r, &e->id)) return false;
  if (e->target == PQ_TARGET_ENTITY) {
    if ((head & HEAD_NAME) && !read_last(r, PQ_BATCH_TYPE)) return false;
    e->type = r->last[PQ_BATCH_TYPE];
  }
  if (e->target == PQ_TARGET_REL) {
    if ((head & HEAD_NAME) &&
        (!read_last(r, PQ_BATCH_PREDICATE) || !read_last(r, PQ_BATCH_REVERSE)))
      return false;
    e->predicate = r->last[PQ_BATCH_PREDICATE];
    e->reverse = r->last[PQ_BATCH_REVERSE];
    if (!pq_read_block(&r->r, &e->to_id)) return false;
  }
  if ((head & HEAD_ACTOR) && !read_last(r, PQ_BATCH_ACTOR)) return false;
  e->actor = r->last[PQ_BATCH_ACTOR];
  return true;
}

static int read_value(const pq_batch_reader *r, pq_slice meta, pq_slice bytes, pq_value *out) {
  if (!r->is_lax) return pq_value_check(r->cx, meta, bytes, out);
  *out = (pq_value){meta.p, bytes.p, (uint32_t)meta.n, (uint32_t)bytes.n};
  return PQ_OK;
}

static int read_after(pq_batch_reader *r, uint32_t head, pq_event *e) {
  pq_slice value;
  if (!(head & HEAD_AFTER)) return PQ_OK;
  if (!(head & HEAD_META_SAME) && !read_last(r, PQ_BATCH_META)) return fail_at(r, "truncated");
  if (!pq_read_block(&r->r, &value)) return fail_at(r, "truncated");
  return read_value(r, r->last[PQ_BATCH_META], value, &e->after);
}

/* version to created_by. */
static bool read_numbers(pq_batch_reader *r, uint32_t head, pq_event *e) {
  uint64_t back = 0;
  int64_t age = 0;
  e->version = 1;
  if ((head & HEAD_VERSION) && !pq_read_varint(&r->r, &e->version)) return false;
  if (head & HEAD_PREV) {
    if (!pq_read_varint(&r->r, &back) || back == 0 || back >= e->seq) return false;
    e->prev = e->seq - back;
  }
  if (head & HEAD_WHERE) {
    if ((head & HEAD_WHERE_FILE) && !read_last(r, PQ_BATCH_FILE)) return false;
    e->where_file = r->last[PQ_BATCH_FILE];
    if (e->where_file.n == 0 || !pq_read_varint(&r->r, &e->where_row)) return false;
  }
  if ((head & HEAD_CREATED_AT) && !pq_read_zigzag(&r->r, &age)) return false;
  e->created_at = (int64_t)((uint64_t)e->ts - (uint64_t)age);
  e->created_by = e->actor;
  return !(head & HEAD_CREATED_BY) || pq_read_block(&r->r, &e->created_by);
}

/* metadata and txn. */
static int read_rest(pq_batch_reader *r, uint32_t head, pq_event *e) {
  pq_slice meta, value;
  if (head & HEAD_METADATA) {
    if (!pq_read_block(&r->r, &meta) || !pq_read_block(&r->r, &value))
      return fail_at(r, "truncated");
    PQ_TRY(read_value(r, meta, value, &e->metadata));
  }
  if ((head & HEAD_TXN) && (!pq_read_varint(&r->r, &e->txn) || e->txn == 0))
    return fail_at(r, "bad txn");
  return PQ_OK;
}

bool pq_batch_is_wanted(const pq_batch_reader *r, const pq_event *e) {
  if (r->only.n == 0 || e->target == PQ_TARGET_COLLECTION) return true;
  return e->target == PQ_TARGET_ENTITY && pq_slice_eq(e->id, r->only);
}

static int read_record(pq_batch_reader *r, pq_event *e) {
  uint64_t head64;
  uint32_t head;
  const char *defect;
  if (!pq_read_varint(&r->r, &head64)) return fail_at(r, "truncated");
  e->op = (pq_event_op)(head64 & 3);
  e->target = (pq_target)(head64 >> HEAD_TARGET_SHIFT & 3);
  defect = head_defect(head64, e);
  if (defect != NULL) return fail_at(r, defect);
  head = (uint32_t)head64;
  PQ_TRY(read_ts(r, head, e));
  if (!read_names(r, head, e)) return fail_at(r, "truncated");
  r->is_lax = r->is_own || !pq_batch_is_wanted(r, e);
  PQ_TRY(read_after(r, head, e));
  if (!read_numbers(r, head, e)) return fail_at(r, "truncated or a number out of range");
  PQ_TRY(read_rest(r, head, e));
  if (r->is_lax) return PQ_OK;
  defect = pq_event_defect(r->cx, e);
  if (defect == NULL) defect = pq_event_after_defect(e);
  return defect == NULL ? PQ_OK : fail_at(r, defect);
}

int pq_batch_next(pq_batch_reader *r, pq_event *out, bool *is_end) {
  pq_event e = {.seq = r->seq};
  *out = (pq_event){0};
  *is_end = true;
  if (r->left == 0)
    return pq_reader_left(&r->r) == 0 ? PQ_OK : fail_at(r, "bytes after the last event");
  PQ_TRY(read_record(r, &e));
  if (r->left == 1 && pq_reader_left(&r->r) == PQ_DIGEST_LEN)
    (void)pq_read_bytes(&r->r, PQ_DIGEST_LEN, &e.hash);
  r->is_started = true;
  r->ts = e.ts;
  r->seq++;
  r->left--;
  *out = e;
  *is_end = false;
  return PQ_OK;
}
