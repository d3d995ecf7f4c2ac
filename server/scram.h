/* server/scram.h - SCRAM-SHA-256, the server's side, without a socket or a store (RFC 5802, 7677).
 *
 *   client                                        server
 *   n,,n=alice,r=CNONCE            ─ first ─►     who is it? what keys has he?
 *                                  ◄ challenge ─  r=CNONCE SNONCE,s=SALT,i=15000
 *   c=biws,r=CNONCE SNONCE,p=PROOF ─ final ─►     is the proof right?
 *                                  ◄───────────   v=SIGNATURE: the server knows the keys, too
 *
 *     pq_scram s;
 *     PQ_TRY(pq_scram_first(&s, cx, message));                  s.user
 *     pq_scram_challenge(&s, keys, is_known, nonce, &answer);
 *     rc = pq_scram_final(&s, cx, message, &answer);            PQ_EPERM: no
 *
 * What is kept of a password are two keys, from which nobody gets it back nor logs in. Who names a
 * user that does not exist gets a salt that stays the same, made of a secret (pq_scram_fake), and
 * is refused at the end, after the same work: he learns nothing, not from the time either.
 *
 * Messages are hostile: each has at most PQ_SCRAM_MESSAGE_MAX bytes, and nothing is allocated.
 * Channel binding, other extensions that must be understood ("m=") and acting for another user
 * are refused.
 */
#ifndef PQ_SERVER_SCRAM_H
#define PQ_SERVER_SCRAM_H

#include "base/base.h"

enum {
  PQ_SCRAM_HASH_LEN = 32,
  PQ_SCRAM_SALT_LEN = 28, /* of ours; MongoDB's has as many */
  PQ_SCRAM_SALT_MAX = 64,
  PQ_SCRAM_NONCE_LEN = 24,     /* random bytes of our part, */
  PQ_SCRAM_NONCE_CAP = 33,     /* and their text */
  PQ_SCRAM_ITERATIONS = 15000, /* MongoDB's; clients refuse less than 4096 */
  PQ_SCRAM_MESSAGE_MAX = 1200,
  PQ_SCRAM_USER_CAP = 256
};

/* What is stored of a password. */
typedef struct pq_scram_keys {
  uint32_t iterations;
  uint8_t salt[PQ_SCRAM_SALT_MAX];
  uint32_t salt_len;
  uint8_t stored[PQ_SCRAM_HASH_LEN]; /* a proof is checked with it */
  uint8_t server[PQ_SCRAM_HASH_LEN]; /* proves who we are */
} pq_scram_keys;

/* The keys of a password, as it is. At most PQ_SCRAM_SALT_MAX bytes of salt. */
void pq_scram_derive(pq_slice password, pq_slice salt, uint32_t iterations, pq_scram_keys *out);
/* Make keys of a new password of at most 1,024 bytes. SASLprep (RFC 4013) of ASCII is the text
 * itself; of other text we take only what it leaves as it is: letters of Europe, East Asia and some
 * more, composed. A password with other characters is PQ_EINVALID, as clients may change it
 * (accents apart from their letters, right-to-left scripts, control characters); so is an empty
 * one. */
int pq_scram_keys_make(pq_cx *cx, pq_slice password, const uint8_t salt[PQ_SCRAM_SALT_LEN],
                       pq_scram_keys *out) PQ_MUST_CHECK;
/* Are they those of this password? It costs as much as making them. */
bool pq_scram_keys_are_of(const pq_scram_keys *k, pq_slice password);
/* Keys of a user who does not exist: always the same, of nothing that could be sent. */
void pq_scram_fake(const uint8_t secret[PQ_SCRAM_HASH_LEN], pq_slice user, pq_scram_keys *out);

typedef struct pq_scram {
  char user[PQ_SCRAM_USER_CAP]; /* as the client wrote it, unescaped; without a zero byte inside */
  pq_scram_keys keys;
  bool is_known, is_challenged, is_done;
  /* "client-first-bare,server-first,client-final-without-proof": what both ends sign. */
  char signed_text[PQ_SCRAM_MESSAGE_MAX * 3];
  size_t signed_len, nonce_off, nonce_len; /* the client's nonce, later both, within it */
  char gs2[4];                             /* "n,," or "y,," */
  char answer[256 + PQ_SCRAM_MESSAGE_MAX]; /* of ours, the last one */
} pq_scram;

/* Read the first message. PQ_EINVALID, PQ_EUNSUPPORTED. `s` is initialised. */
int pq_scram_first(pq_scram *s, pq_cx *cx, pq_slice message) PQ_MUST_CHECK;
/* Our part of the nonce: random bytes as text. */
void pq_scram_nonce(const uint8_t random[PQ_SCRAM_NONCE_LEN], char out[PQ_SCRAM_NONCE_CAP]);
/* Our answer, in s->answer. `keys` are copied; is_known false: of a user who does not exist.
 * `nonce` is our part, of fewer than PQ_SCRAM_NONCE_CAP printable characters but commas. */
void pq_scram_challenge(pq_scram *s, const pq_scram_keys *keys, bool is_known, const char *nonce,
                        pq_slice *answer);
/* Read the last message. PQ_OK: it is he. PQ_EPERM: the proof is wrong, or nobody has that name.
 * PQ_EINVALID: malformed, or in the wrong order. Whatever it is, the exchange has ended. */
int pq_scram_final(pq_scram *s, pq_cx *cx, pq_slice message, pq_slice *answer) PQ_MUST_CHECK;

#endif
