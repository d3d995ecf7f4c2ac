/* server/scram.c - see scram.h. The names of keys and messages are those of RFC 5802, section 3. */
#include "server/scram.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/text.h"

enum {
  PASSWORD_MAX = 1024,
  NONCE_MIN = 8,
  NONCE_MAX = 256,
  PROOF_TEXT_LEN = 44,                 /* base64 of 32 bytes */
  TEXT_CAP = PQ_SCRAM_SALT_MAX * 2 + 1 /* base64 of what we write, with a NUL */
};

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t base64_put(const uint8_t *p, size_t n, char *out) {
  size_t len = 0;
  for (size_t i = 0; i < n; i += 3) {
    size_t left = n - i;
    uint32_t v =
        (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
    out[len++] = base64_digits[v >> 18];
    out[len++] = base64_digits[v >> 12 & 63];
    out[len++] = '=';
    out[len++] = '=';
    if (left > 1) out[len - 2] = base64_digits[v >> 6 & 63];
    if (left > 2) out[len - 1] = base64_digits[v & 63];
  }
  out[len] = '\0';
  return len;
}

static int base64_digit(uint8_t c) {
  const char *at = c == 0 ? NULL : strchr(base64_digits, c);
  return at == NULL ? -1 : (int)(at - base64_digits);
}

/* A proof: 43 digits and one '=', with nothing in the bits that are left over. */
static bool base64_proof(pq_slice text, uint8_t out[PQ_SCRAM_HASH_LEN]) {
  uint32_t v = 0;
  size_t n = 0;
  if (text.n != PROOF_TEXT_LEN || text.p[PROOF_TEXT_LEN - 1] != '=') return false;
  for (size_t i = 0; i < PROOF_TEXT_LEN - 1; i++) {
    int digit = base64_digit(text.p[i]);
    if (digit < 0) return false;
    v = v << 6 | (uint32_t)digit;
    if (i % 4 == 3) {
      out[n++] = (uint8_t)(v >> 16);
      out[n++] = (uint8_t)(v >> 8);
      out[n++] = (uint8_t)v;
      v = 0;
    }
  }
  out[n++] = (uint8_t)(v >> 10);
  out[n] = (uint8_t)(v >> 2);
  return (v & 3) == 0;
}

/* ---- keys ---- */

static void hmac(const uint8_t key[PQ_SCRAM_HASH_LEN], pq_slice text,
                 uint8_t out[PQ_SCRAM_HASH_LEN]) {
  (void)crypto_auth_hmacsha256(out, text.p, text.n, key);
}

/* PBKDF2 with HMAC-SHA-256, one block (RFC 8018, section 5.2). libsodium's HMAC allocates nothing,
 * so it cannot fail; the key's part is done once. */
static void stretch(pq_slice password, pq_slice salt, uint32_t iterations,
                    uint8_t out[PQ_SCRAM_HASH_LEN]) {
  static const uint8_t block_number[4] = {0, 0, 0, 1};
  crypto_auth_hmacsha256_state keyed, run;
  uint8_t u[PQ_SCRAM_HASH_LEN];
  (void)crypto_auth_hmacsha256_init(&keyed, password.p, password.n);
  run = keyed;
  (void)crypto_auth_hmacsha256_update(&run, salt.p, salt.n);
  (void)crypto_auth_hmacsha256_update(&run, block_number, sizeof block_number);
  (void)crypto_auth_hmacsha256_final(&run, u);
  memcpy(out, u, sizeof u);
  for (uint32_t i = 1; i < iterations; i++) {
    run = keyed;
    (void)crypto_auth_hmacsha256_update(&run, u, sizeof u);
    (void)crypto_auth_hmacsha256_final(&run, u);
    for (size_t k = 0; k < sizeof u; k++)
      out[k] ^= u[k];
  }
  sodium_memzero(&keyed, sizeof keyed);
  sodium_memzero(&run, sizeof run);
  sodium_memzero(u, sizeof u);
}

/* Characters that SASLprep leaves as they are, whatever stands beside them: assigned in Unicode
 * 3.2, stable under NFKC, not combining, not prohibited, not written from right to left. Whole
 * alphabets only; test/interop/access.py checks each against Unicode's tables. */
static const struct range {
  uint32_t first, last;
} stable[] = {
    {0x20, 0x7e},     {0xa1, 0xa7},     {0xa9, 0xa9},     {0xab, 0xac},     {0xae, 0xae},
    {0xb0, 0xb1},     {0xb6, 0xb7},     {0xbb, 0xbb},     {0xbf, 0x131},    {0x134, 0x13e},
    {0x141, 0x148},   {0x14a, 0x17e},   {0x180, 0x1c3},   {0x1cd, 0x1f0},   {0x1f4, 0x220},
    {0x222, 0x233},   {0x386, 0x386},   {0x388, 0x38a},   {0x38c, 0x38c},   {0x38e, 0x3a1},
    {0x3a3, 0x3ce},   {0x400, 0x482},   {0x48a, 0x4ce},   {0x4d0, 0x4f5},   {0x531, 0x556},
    {0x561, 0x586},   {0x905, 0x939},   {0xe01, 0xe30},   {0x10d0, 0x10f8}, {0x1e00, 0x1e99},
    {0x1ea0, 0x1ef9}, {0x2018, 0x2023}, {0x20a9, 0x20b1}, {0x2190, 0x222b}, {0x3041, 0x3096},
    {0x30a0, 0x30fe}, {0x3400, 0x4db5}, {0x4e00, 0x9fa5}, {0xac00, 0xd7a3}};

static bool is_stable(uint32_t c) {
  for (size_t i = 0; i < sizeof stable / sizeof *stable; i++)
    if (c >= stable[i].first && c <= stable[i].last) return true;
  return false;
}

/* The next code point of valid UTF-8. */
static uint32_t next_char(const uint8_t **p) {
  const uint8_t *s = *p;
  unsigned more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
  uint32_t c = more == 0 ? s[0] : s[0] & (0x3fu >> more);
  for (unsigned i = 1; i <= more; i++)
    c = c << 6 | (s[i] & 0x3f);
  *p = s + more + 1;
  return c;
}

static int check_password(pq_cx *cx, pq_slice password) {
  const uint8_t *p = password.p;
  if (password.n == 0) return pq_fail(cx, PQ_EINVALID, "Password cannot be empty");
  if (password.n > PASSWORD_MAX)
    return pq_fail(cx, PQ_EINVALID, "a password has at most %d bytes", PASSWORD_MAX);
  if (!pq_utf8_is_valid(password)) return pq_fail(cx, PQ_EINVALID, "a password must be UTF-8");
  while (p < password.p + password.n) {
    uint32_t c = next_char(&p);
    if (!is_stable(c))
      return pq_fail(cx, PQ_EINVALID,
                     "the password has the character U+%04X, which not all clients send alike: use "
                     "letters, digits and signs",
                     (unsigned)c);
  }
  return PQ_OK;
}

void pq_scram_derive(pq_slice password, pq_slice salt, uint32_t iterations, pq_scram_keys *out) {
  uint8_t salted[PQ_SCRAM_HASH_LEN], client[PQ_SCRAM_HASH_LEN];
  pq_assert(salt.n <= PQ_SCRAM_SALT_MAX);
  memset(out, 0, sizeof *out);
  out->iterations = iterations;
  out->salt_len = (uint32_t)salt.n;
  memcpy(out->salt, salt.p, salt.n);
  stretch(password, salt, iterations, salted);
  hmac(salted, PQ_SLICE("Client Key"), client);
  hmac(salted, PQ_SLICE("Server Key"), out->server);
  (void)crypto_hash_sha256(out->stored, client, sizeof client);
  sodium_memzero(salted, sizeof salted);
  sodium_memzero(client, sizeof client);
}

int pq_scram_keys_make(pq_cx *cx, pq_slice password, const uint8_t salt[PQ_SCRAM_SALT_LEN],
                       pq_scram_keys *out) {
  memset(out, 0, sizeof *out);
  PQ_TRY(check_password(cx, password));
  pq_scram_derive(password, (pq_slice){salt, PQ_SCRAM_SALT_LEN}, PQ_SCRAM_ITERATIONS, out);
  return PQ_OK;
}

bool pq_scram_keys_are_of(const pq_scram_keys *k, pq_slice password) {
  pq_scram_keys given;
  bool is_same;
  if (password.n > PASSWORD_MAX) password.n = 0; /* of nobody */
  pq_scram_derive(password, (pq_slice){k->salt, k->salt_len}, k->iterations, &given);
  is_same = sodium_memcmp(given.stored, k->stored, sizeof given.stored) == 0;
  sodium_memzero(&given, sizeof given);
  return is_same;
}

void pq_scram_fake(const uint8_t secret[PQ_SCRAM_HASH_LEN], pq_slice user, pq_scram_keys *out) {
  uint8_t seed[PQ_SCRAM_HASH_LEN], salt[PQ_SCRAM_HASH_LEN];
  hmac(secret, user, seed);
  hmac(seed, PQ_SLICE("salt"), salt);
  memset(out, 0, sizeof *out);
  hmac(seed, PQ_SLICE("stored"), out->stored);
  hmac(seed, PQ_SLICE("server"), out->server);
  memcpy(out->salt, salt, PQ_SCRAM_SALT_LEN);
  out->salt_len = PQ_SCRAM_SALT_LEN;
  out->iterations = PQ_SCRAM_ITERATIONS;
}

/* ---- messages ---- */

static int malformed(pq_cx *cx, const char *what) {
  return pq_fail(cx, PQ_EINVALID, "SCRAM: %s", what);
}

/* What stands before the next comma, which is dropped. False: there is no comma. */
static bool cut(pq_slice *left, pq_slice *out) {
  const uint8_t *comma = left->n == 0 ? NULL : memchr(left->p, ',', left->n);
  *out = *left;
  if (comma == NULL) {
    *left = (pq_slice){0};
    return false;
  }
  out->n = (size_t)(comma - left->p);
  *left = (pq_slice){comma + 1, left->n - out->n - 1};
  return true;
}

/* "r=VALUE" */
static bool attribute(pq_slice part, char letter, pq_slice *value) {
  if (part.n < 2 || part.p[0] != (uint8_t)letter || part.p[1] != '=') return false;
  *value = (pq_slice){part.p + 2, part.n - 2};
  return true;
}

/* "=2C" is a comma, "=3D" an equals sign; nothing else is escaped. */
static bool read_user(pq_slice text, char out[PQ_SCRAM_USER_CAP]) {
  size_t n = 0;
  for (size_t i = 0; i < text.n; i++) {
    uint8_t c = text.p[i];
    if (c == '=') {
      if (text.n - i < 3) return false;
      if (memcmp(text.p + i, "=2C", 3) == 0)
        c = ',';
      else if (memcmp(text.p + i, "=3D", 3) == 0)
        c = '=';
      else
        return false;
      i += 2;
    }
    if (c == 0 || n >= PQ_SCRAM_USER_CAP - 1) return false;
    out[n++] = (char)c;
  }
  out[n] = '\0';
  return n > 0;
}

/* Printable ASCII but a comma. */
static bool is_nonce(pq_slice s) {
  if (s.n < NONCE_MIN || s.n > NONCE_MAX) return false;
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == ',') return false;
  return true;
}

/* Extensions that may be ignored: "x=…". */
static bool are_optional(pq_slice left) {
  pq_slice part;
  bool is_more = left.n > 0;
  while (is_more) {
    is_more = cut(&left, &part);
    if (part.n < 2 || part.p[1] != '=' || part.p[0] == 'm') return false;
    if ((part.p[0] | 0x20) < 'a' || (part.p[0] | 0x20) > 'z') return false;
  }
  return true;
}

static int check_text(pq_cx *cx, pq_slice message) {
  if (message.n > PQ_SCRAM_MESSAGE_MAX) return malformed(cx, "the message is too long");
  if (!pq_utf8_is_valid(message) || (message.n > 0 && memchr(message.p, 0, message.n) != NULL))
    return malformed(cx, "the message is not text");
  return PQ_OK;
}

/* "n,," */
static int read_header(pq_scram *s, pq_cx *cx, pq_slice *left) {
  pq_slice flag, actor;
  if (!cut(left, &flag) || !cut(left, &actor)) return malformed(cx, "the header is incomplete");
  if (flag.n >= 2 && flag.p[0] == 'p' && flag.p[1] == '=')
    return pq_fail(cx, PQ_EUNSUPPORTED, "SCRAM: channel binding is not supported");
  if (!pq_slice_is(flag, "n") && !pq_slice_is(flag, "y"))
    return malformed(cx, "the header begins with neither n nor y");
  if (actor.n > 0)
    return pq_fail(cx, PQ_EUNSUPPORTED, "SCRAM: acting for another user is not supported");
  snprintf(s->gs2, sizeof s->gs2, "%c,,", flag.p[0]);
  return PQ_OK;
}

int pq_scram_first(pq_scram *s, pq_cx *cx, pq_slice message) {
  pq_slice left = message, bare, part, user, nonce;
  bool is_more;
  memset(s, 0, sizeof *s);
  PQ_TRY(check_text(cx, message));
  PQ_TRY(read_header(s, cx, &left));
  bare = left;
  if (left.n >= 2 && left.p[0] == 'm' && left.p[1] == '=')
    return pq_fail(cx, PQ_EUNSUPPORTED, "SCRAM: the extension m is not supported");
  if (!cut(&left, &part) || !attribute(part, 'n', &user) || !read_user(user, s->user))
    return malformed(cx, "the first message names no user");
  is_more = cut(&left, &part);
  if (!attribute(part, 'r', &nonce) || !is_nonce(nonce))
    return malformed(cx, "the nonce must have 8 to 256 printable characters");
  if (is_more && !are_optional(left)) return malformed(cx, "an extension is not understood");
  memcpy(s->signed_text, bare.p, bare.n);
  s->signed_len = bare.n;
  s->nonce_off = (size_t)(nonce.p - bare.p);
  s->nonce_len = nonce.n;
  return PQ_OK;
}

void pq_scram_nonce(const uint8_t random[PQ_SCRAM_NONCE_LEN], char out[PQ_SCRAM_NONCE_CAP]) {
  (void)base64_put(random, PQ_SCRAM_NONCE_LEN, out);
}

void pq_scram_challenge(pq_scram *s, const pq_scram_keys *keys, bool is_known, const char *nonce,
                        pq_slice *answer) {
  char salt[TEXT_CAP];
  int len;
  pq_assert(s->nonce_len > 0 && !s->is_challenged);
  s->keys = *keys;
  s->is_known = is_known;
  s->is_challenged = true;
  (void)base64_put(keys->salt, keys->salt_len, salt);
  len = snprintf(s->answer, sizeof s->answer, "r=%.*s%s,s=%s,i=%u", (int)s->nonce_len,
                 s->signed_text + s->nonce_off, nonce, salt, (unsigned)keys->iterations);
  s->signed_text[s->signed_len] = ',';
  memcpy(s->signed_text + s->signed_len + 1, s->answer, (size_t)len);
  s->nonce_off = s->signed_len + 3;
  s->nonce_len += strlen(nonce);
  s->signed_len += (size_t)len + 1;
  *answer = (pq_slice){(const uint8_t *)s->answer, (size_t)len};
}

/* ClientProof XOR HMAC(StoredKey, AuthMessage) is the client's key, whose hash is StoredKey. */
static bool is_proof_right(const pq_scram *s, const uint8_t proof[PQ_SCRAM_HASH_LEN]) {
  uint8_t signature[PQ_SCRAM_HASH_LEN], client[PQ_SCRAM_HASH_LEN], hash[PQ_SCRAM_HASH_LEN];
  hmac(s->keys.stored, (pq_slice){(const uint8_t *)s->signed_text, s->signed_len}, signature);
  for (size_t i = 0; i < sizeof client; i++)
    client[i] = proof[i] ^ signature[i];
  (void)crypto_hash_sha256(hash, client, sizeof client);
  sodium_memzero(client, sizeof client);
  return sodium_memcmp(hash, s->keys.stored, sizeof hash) == 0;
}

/* "c=biws,r=NONCE[,x=…],p=PROOF": the proof last, and all before it is signed. */
static int read_final(pq_scram *s, pq_cx *cx, pq_slice message, uint8_t proof[PQ_SCRAM_HASH_LEN]) {
  char header[TEXT_CAP];
  pq_slice left = message, part, value, without = message;
  (void)base64_put((const uint8_t *)s->gs2, strlen(s->gs2), header);
  while (without.n > 0 && without.p[without.n - 1] != ',')
    without.n--;
  if (without.n == 0) return malformed(cx, "the last message has no proof");
  value = (pq_slice){message.p + without.n, message.n - without.n};
  without.n--;
  if (!attribute(value, 'p', &value) || !base64_proof(value, proof))
    return malformed(cx, "the proof is no 32 bytes in base64");
  left.n = without.n;
  (void)cut(&left, &part);
  if (!attribute(part, 'c', &value) || !pq_slice_is(value, header))
    return malformed(cx, "the header is not that of the first message");
  (void)cut(&left, &part);
  if (!attribute(part, 'r', &value) ||
      !pq_slice_eq(value, (pq_slice){(const uint8_t *)s->signed_text + s->nonce_off, s->nonce_len}))
    return malformed(cx, "the nonce is not that of the exchange");
  if (!are_optional(left)) return malformed(cx, "an extension is not understood");
  s->signed_text[s->signed_len] = ',';
  memcpy(s->signed_text + s->signed_len + 1, without.p, without.n);
  s->signed_len += without.n + 1;
  return PQ_OK;
}

int pq_scram_final(pq_scram *s, pq_cx *cx, pq_slice message, pq_slice *answer) {
  uint8_t proof[PQ_SCRAM_HASH_LEN], signature[PQ_SCRAM_HASH_LEN];
  bool is_right;
  *answer = (pq_slice){0};
  if (!s->is_challenged || s->is_done) return malformed(cx, "no exchange has begun");
  s->is_done = true;
  PQ_TRY(check_text(cx, message));
  PQ_TRY(read_final(s, cx, message, proof));
  is_right = is_proof_right(s, proof);
  hmac(s->keys.server, (pq_slice){(const uint8_t *)s->signed_text, s->signed_len}, signature);
  sodium_memzero(&s->keys, sizeof s->keys);
  if (!is_right || !s->is_known) return pq_fail(cx, PQ_EPERM, "Authentication failed.");
  memcpy(s->answer, "v=", 2);
  answer->n = base64_put(signature, sizeof signature, s->answer + 2) + 2;
  answer->p = (const uint8_t *)s->answer;
  return PQ_OK;
}
