/* cmd/cursor_token.c - see cursor_token.h. */
#include "cmd/cursor_token.h"

#include <string.h>

#include "base/hash.h"

enum { HEAD_LEN = 12, KEYS_MAX = 32 };

/* ---- base64url without padding (RFC 4648, section 5) ---- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int value_of(uint8_t letter) {
  const char *at = letter == 0 ? NULL : strchr(letters, letter);
  return at == NULL ? -1 : (int)(at - letters);
}

static int encode(pq_arena *arena, const uint8_t *bytes, size_t len, pq_slice *out) {
  uint8_t *text;
  size_t n = 0, room;
  uint32_t bits = 0, held = 0;
  if (!pq_mul_size(len / 3 + 1, 4, &room))
    return pq_fail(arena->cx, PQ_ELIMIT, "a cursor is too long");
  text = pq_arena_alloc(arena, room);
  if (text == NULL) return arena->cx->code;
  for (size_t i = 0; i < len; i++) {
    bits = (bits << 8 | bytes[i]) & 0xffff;
    for (held += 8; held >= 6; held -= 6)
      text[n++] = (uint8_t)letters[bits >> (held - 6) & 63];
  }
  if (held > 0) text[n++] = (uint8_t)letters[bits << (6 - held) & 63];
  *out = (pq_slice){text, n};
  return PQ_OK;
}

/* False when it is no base64url. */
static bool decode(pq_slice text, uint8_t *bytes, size_t *len) {
  uint32_t bits = 0, held = 0;
  *len = 0;
  for (size_t i = 0; i < text.n; i++) {
    int v = value_of(text.p[i]);
    if (v < 0) return false;
    bits = (bits << 6 | (uint32_t)v) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[(*len)++] = (uint8_t)(bits >> held);
  }
  return held < 6 && (bits & ((1u << held) - 1)) == 0;
}

/* ---- writing ---- */

static int put_keys(pq_builder *b, const pq_cursor_token *c) {
  PQ_TRY(pq_builder_key_str(b, "keys"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < c->key_count; i++) {
    PQ_TRY(pq_builder_begin_array(b));
    if (!c->place.empties[i]) {
      /* Missing and null sort alike. */
      if (pq_value_is_missing(c->place.keys[i]))
        PQ_TRY(pq_builder_null(b));
      else
        PQ_TRY(pq_builder_value(b, c->place.keys[i]));
    }
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

int pq_cursor_token_write(pq_builder *b, pq_arena *arena, const pq_cursor_token *c, pq_slice *out) {
  pq_value v;
  uint8_t *bytes;
  size_t len;
  *out = (pq_slice){0};
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "id"));
  PQ_TRY(pq_builder_string(b, c->place.id));
  PQ_TRY(pq_builder_key_str(b, "query"));
  PQ_TRY(pq_builder_i64(b, (int64_t)c->query));
  PQ_TRY(put_keys(b, c));
  if (c->is_pinned) {
    PQ_TRY(pq_builder_key_str(b, "seq"));
    PQ_TRY(pq_builder_i64(b, (int64_t)c->seq));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_view(b, &v));
  len = HEAD_LEN + (size_t)v.meta_len + v.len;
  bytes = pq_arena_alloc(arena, len);
  if (bytes == NULL) return arena->cx->code;
  pq_wr32(bytes + 8, v.meta_len);
  memcpy(bytes + HEAD_LEN, v.meta, v.meta_len);
  memcpy(bytes + HEAD_LEN + v.meta_len, v.p, v.len);
  pq_wr64(bytes, pq_hash((pq_slice){bytes + 8, len - 8}, 0));
  return encode(arena, bytes, len, out);
}

/* ---- reading ---- */

static int bad(pq_arena *arena) {
  return pq_fail(arena->cx, PQ_EINVALID, "option 'cursor' is no token that a find has given");
}

static int read_keys(pq_arena *arena, pq_value keys, pq_cursor_token *c) {
  uint32_t n = pq_value_count(keys);
  if (pq_value_type(keys) != PQ_TYPE_ARRAY || n > KEYS_MAX) return bad(arena);
  c->place.keys = pq_arena_calloc(arena, n, sizeof *c->place.keys);
  c->place.empties = pq_arena_calloc(arena, n, sizeof *c->place.empties);
  if (c->place.keys == NULL || c->place.empties == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_value key = pq_array_at(keys, i);
    if (pq_value_type(key) != PQ_TYPE_ARRAY || pq_value_count(key) > 1) return bad(arena);
    c->place.empties[i] = pq_value_count(key) == 0;
    c->place.keys[i] = pq_array_at(key, 0);
  }
  c->key_count = n;
  return PQ_OK;
}

static int read_value(pq_arena *arena, pq_value v, pq_cursor_token *c) {
  pq_value seq = pq_object_get_str(v, "seq");
  int64_t number;
  if (!pq_value_string(pq_object_get_str(v, "id"), &c->place.id)) return bad(arena);
  if (!pq_value_i64(pq_object_get_str(v, "query"), &number)) return bad(arena);
  c->query = (uint64_t)number;
  c->is_pinned = !pq_value_is_missing(seq);
  if (c->is_pinned && (!pq_value_i64(seq, &number) || number < 0)) return bad(arena);
  if (c->is_pinned) c->seq = (uint64_t)number;
  return read_keys(arena, pq_object_get_str(v, "keys"), c);
}

int pq_cursor_token_read(pq_arena *arena, pq_slice text, pq_cursor_token *out) {
  uint8_t *bytes = pq_arena_alloc(arena, text.n);
  size_t len;
  uint32_t meta_len;
  pq_value v;
  int rc;
  *out = (pq_cursor_token){0};
  if (bytes == NULL) return arena->cx->code;
  if (!decode(text, bytes, &len) || len < HEAD_LEN) return bad(arena);
  if (pq_rd64(bytes) != pq_hash((pq_slice){bytes + 8, len - 8}, 0))
    return pq_fail(arena->cx, PQ_ECORRUPT, "option 'cursor': the token was damaged on its way");
  meta_len = pq_rd32(bytes + 8);
  if (meta_len > len - HEAD_LEN) return bad(arena);
  rc = pq_value_check(arena->cx, (pq_slice){bytes + HEAD_LEN, meta_len},
                      (pq_slice){bytes + HEAD_LEN + meta_len, len - HEAD_LEN - meta_len}, &v);
  if (rc == PQ_ENOMEM) return rc;
  if (rc != PQ_OK) return bad(arena);
  rc = read_value(arena, v, out);
  if (rc != PQ_OK) *out = (pq_cursor_token){0};
  out->is_set = rc == PQ_OK;
  return rc;
}
