/* server/mongo_token.c - see mongo_token.h. */
#include "server/mongo_token.h"

#include <string.h>

enum { VERSION = 1, FIXED = 1 + 8 + 1 + 8 + 1 };

static char *put_byte(char *out, unsigned byte) {
  static const char digits[] = "0123456789ABCDEF";
  *out++ = digits[byte >> 4 & 15];
  *out++ = digits[byte & 15];
  return out;
}

static char *put_u64(char *out, uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out = put_byte(out, (unsigned)(v >> shift) & 255);
  return out;
}

void pq_token_text(const pq_mongo_token *t, char out[PQ_TOKEN_CAP]) {
  out = put_byte(out, VERSION);
  out = put_u64(out, (uint64_t)t->ts);
  for (const char *c = t->ns; *c != '\0'; c++)
    out = put_byte(out, (unsigned char)*c);
  out = put_byte(out, 0);
  out = put_u64(out, t->seq);
  out = put_byte(out, t->kind);
  *out = '\0';
}

static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint64_t u64_at(const uint8_t *p) {
  uint64_t v = 0;
  for (int i = 0; i < 8; i++)
    v = v << 8 | p[i];
  return v;
}

/* The bytes of the digits; 0: they are none, too few or too many. */
static size_t decode(pq_slice text, uint8_t *out, size_t cap) {
  if (text.n % 2 != 0 || text.n / 2 > cap || text.n / 2 < FIXED) return 0;
  for (size_t i = 0; i < text.n / 2; i++) {
    int high = digit(text.p[2 * i]), low = digit(text.p[2 * i + 1]);
    if (high < 0 || low < 0) return 0;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return text.n / 2;
}

bool pq_token_read(pq_value v, pq_mongo_token *out) {
  uint8_t bytes[PQ_TOKEN_CAP / 2];
  pq_slice text = {0};
  size_t n, ns_len;
  *out = (pq_mongo_token){0};
  if (!pq_value_string(pq_object_get_str(v, "_data"), &text)) return false;
  n = decode(text, bytes, sizeof bytes);
  if (n == 0 || bytes[0] != VERSION) return false;
  ns_len = n - FIXED;
  if (ns_len == 0 || ns_len >= sizeof out->ns ||
      memchr(bytes + 9, 0, ns_len + 1) != bytes + 9 + ns_len)
    return false;
  out->ts = (int64_t)u64_at(bytes + 1);
  memcpy(out->ns, bytes + 9, ns_len);
  out->seq = u64_at(bytes + 10 + ns_len);
  out->kind = (pq_token_kind)bytes[n - 1];
  return out->ts >= 0 && ((out->kind >= PQ_TOKEN_CHANGE && out->kind <= PQ_TOKEN_INVALIDATE) ||
                          out->kind == PQ_TOKEN_PLACE);
}
