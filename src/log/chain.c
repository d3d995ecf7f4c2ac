/* log/chain.c - canonical bytes of events, links, and the check of a chain. See chain.h. */
#include "log/chain.h"

#include <string.h>

enum {
  CANONICAL_LEN = 42, /* the numbers of an event */
  GATHER_LEN = 512    /* short texts go to the library together */
};

typedef struct gather {
  pq_digest *digest;
  size_t len;
  uint8_t bytes[GATHER_LEN];
} gather;

static void gather_flush(gather *g) {
  pq_digest_add(g->digest, (pq_slice){g->bytes, g->len});
  g->len = 0;
}

/* u32 length, little-endian, and the bytes. Texts and values are shorter than 4 GiB. */
static void gather_block(gather *g, pq_slice s) {
  if (g->len + 4 + s.n > GATHER_LEN) gather_flush(g);
  pq_wr32(g->bytes + g->len, (uint32_t)s.n);
  g->len += 4;
  if (4 + s.n > GATHER_LEN) {
    gather_flush(g);
    pq_digest_add(g->digest, s);
    return;
  }
  if (s.n > 0) memcpy(g->bytes + g->len, s.p, s.n);
  g->len += s.n;
}

static void gather_numbers(gather *g, const pq_event *e) {
  uint8_t *p = g->bytes;
  pq_wr64(p, e->seq);
  pq_wr64(p + 8, (uint64_t)e->ts);
  p[16] = (uint8_t)e->target;
  p[17] = (uint8_t)e->op;
  pq_wr64(p + 18, e->version);
  pq_wr64(p + 26, (uint64_t)e->created_at);
  pq_wr64(p + 34, e->txn);
  g->len = CANONICAL_LEN;
}

void pq_digest_event(pq_digest *d, const pq_event *e) {
  gather g;
  g.digest = d;
  gather_numbers(&g, e);
  gather_block(&g, e->id);
  gather_block(&g, e->type);
  gather_block(&g, e->predicate);
  gather_block(&g, e->reverse);
  gather_block(&g, e->to_id);
  gather_block(&g, e->created_by);
  gather_block(&g, e->actor);
  gather_block(&g, pq_value_meta(e->after));
  gather_block(&g, pq_value_bytes(e->after));
  gather_block(&g, pq_value_meta(e->metadata));
  gather_block(&g, pq_value_bytes(e->metadata));
  gather_flush(&g);
}

void pq_chain_link(const uint8_t before[PQ_DIGEST_LEN], const uint8_t digest[PQ_DIGEST_LEN],
                   uint8_t out[PQ_DIGEST_LEN]) {
  pq_digest d;
  pq_digest_init(&d);
  pq_digest_add(&d, (pq_slice){before, PQ_DIGEST_LEN});
  pq_digest_add(&d, (pq_slice){digest, PQ_DIGEST_LEN});
  pq_digest_end(&d, out);
}

bool pq_link_is_set(const uint8_t link[PQ_DIGEST_LEN]) {
  uint8_t any = 0;
  for (int i = 0; i < PQ_DIGEST_LEN; i++)
    any |= link[i];
  return any != 0;
}

static const char hex_digits[] = "0123456789abcdef";

void pq_link_print(const uint8_t link[PQ_DIGEST_LEN], char out[PQ_LINK_CAP]) {
  for (int i = 0; i < PQ_DIGEST_LEN; i++) {
    out[2 * i] = hex_digits[link[i] >> 4];
    out[2 * i + 1] = hex_digits[link[i] & 15];
  }
  out[PQ_LINK_CAP - 1] = '\0';
}

bool pq_link_parse(pq_slice text, uint8_t out[PQ_DIGEST_LEN]) {
  memset(out, 0, PQ_DIGEST_LEN);
  if (text.n != PQ_LINK_CAP - 1) return false;
  for (size_t i = 0; i < text.n; i++) {
    const char *digit = text.p[i] == '\0' ? NULL : strchr(hex_digits, text.p[i]);
    if (digit == NULL) return false;
    out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit - hex_digits));
  }
  return true;
}

/* ---- checking ---- */

void pq_chain_check_init(pq_chain_check *c, uint64_t seq, const uint8_t before[PQ_DIGEST_LEN]) {
  *c = (pq_chain_check){.seq = seq, .is_known = seq == 0 || before != NULL};
  if (before != NULL) memcpy(c->link, before, PQ_DIGEST_LEN);
  pq_digest_init(&c->digest);
}

static bool is_link_of(pq_chain_check *c, pq_digest *digest, pq_slice hash) {
  uint8_t bytes[PQ_DIGEST_LEN], link[PQ_DIGEST_LEN];
  pq_digest_end(digest, bytes);
  pq_chain_link(c->link, bytes, link);
  return memcmp(link, hash.p, PQ_DIGEST_LEN) == 0;
}

/* The first link of a chain that began late: it covers one event, the one that carries it. */
static bool is_late_start(pq_chain_check *c, const pq_event *e) {
  pq_digest alone;
  if (c->from_seq != 0) return false;
  pq_digest_init(&alone);
  pq_digest_event(&alone, e);
  return is_link_of(c, &alone, e->hash);
}

static const char *check_link(pq_chain_check *c, const pq_event *e) {
  bool is_right, is_late;
  if (e->hash.n != PQ_DIGEST_LEN) return "its hash is not 32 bytes long";
  is_right = is_link_of(c, &c->digest, e->hash);
  is_late = c->is_known && !is_right && is_late_start(c, e);
  if (!c->is_known)
    is_right = is_late = true; /* what was before it is gone: it is taken as it is */
  if (c->from_seq == 0) c->from_seq = is_late ? e->seq : e->seq - c->open_count + 1;
  memcpy(c->link, e->hash.p, PQ_DIGEST_LEN);
  pq_digest_init(&c->digest);
  c->is_known = true;
  c->open_count = 0;
  c->link_seq = e->seq;
  return is_right || is_late ? NULL : "the events up to it are not those that its hash was made of";
}

const char *pq_chain_check_event(pq_chain_check *c, const pq_event *e) {
  if (e->seq != c->seq + 1) {
    c->is_known = false; /* what follows is checked from the next link on */
    c->open_count = 0;
    pq_digest_init(&c->digest);
    c->seq = e->seq - 1;
    return "events before it are missing";
  }
  c->seq = e->seq;
  c->open_count++;
  pq_digest_event(&c->digest, e);
  return e->hash.n == 0 ? NULL : check_link(c, e);
}

const char *pq_chain_check_end(const pq_chain_check *c) {
  return c->link_seq == 0 || c->open_count == 0 ? NULL : "the last events have no hash";
}
