/* server/mongo_name.c - see mongo_name.h. */
#include "server/mongo_name.h"

#include <stdio.h>
#include <string.h>

enum { OURS_LEN_MAX = 128, THEIRS_DB_LEN_MAX = 63 };

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

static size_t put_escape(char *out, uint8_t c) {
  static const char hex[] = "0123456789abcdef";
  out[0] = '%';
  out[1] = hex[c >> 4];
  out[2] = hex[c & 15];
  return 3;
}

/* Copy `name`, escaping what `must_escape` says. */
static int encode(pq_cx *cx, pq_slice name, bool (*must_escape)(pq_slice, size_t),
                  char out[PQ_MONGO_NAME_CAP]) {
  size_t n = 0;
  out[0] = '\0';
  for (size_t i = 0; i < name.n; i++) {
    if (n > OURS_LEN_MAX) break;
    if (must_escape(name, i))
      n += put_escape(out + n, name.p[i]);
    else
      out[n++] = (char)name.p[i];
  }
  if (n > OURS_LEN_MAX)
    return pq_fail(cx, PQ_EPATH,
                   "'%.*s': a name has at most %d bytes, capitals and signs counting three",
                   TEXT_ARGS(name), OURS_LEN_MAX);
  out[n] = '\0';
  return PQ_OK;
}

static bool is_namespace_escape(pq_slice name, size_t i) {
  uint8_t c = name.p[i];
  if (c == '_') return i == 0;
  return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
}

static bool is_collection_escape(pq_slice name, size_t i) {
  uint8_t c = name.p[i];
  return c == '/' || c == '%' || c < 0x20 || c == 0x7f || (i == 0 && c == '_');
}

/* MongoDB's own rules (limits, "Naming Restrictions"). */
int pq_mongo_namespace(pq_cx *cx, pq_slice db, char out[PQ_MONGO_NAME_CAP]) {
  out[0] = '\0';
  if (db.n == 0 || db.n > THEIRS_DB_LEN_MAX)
    return pq_fail(cx, PQ_EPATH, "Invalid database name: it has 1 to %d bytes", THEIRS_DB_LEN_MAX);
  for (size_t i = 0; i < db.n; i++)
    if (db.p[i] == 0 || strchr("/\\. \"$", db.p[i]) != NULL)
      return pq_fail(cx, PQ_EPATH, "Invalid database name: '%.*s'", TEXT_ARGS(db));
  return encode(cx, db, is_namespace_escape, out);
}

int pq_mongo_collection(pq_cx *cx, pq_slice name, char out[PQ_MONGO_NAME_CAP]) {
  out[0] = '\0';
  if (name.n == 0 || name.p[0] == '.' || name.p[name.n - 1] == '.' ||
      memchr(name.p, '$', name.n) != NULL || memchr(name.p, 0, name.n) != NULL)
    return pq_fail(cx, PQ_EPATH, "Invalid namespace specified: collection '%.*s'", TEXT_ARGS(name));
  if (name.n >= 7 && memcmp(name.p, "system.", 7) == 0)
    return pq_fail(cx, PQ_EPATH, "collection '%.*s': names that begin with 'system.' are reserved",
                   TEXT_ARGS(name));
  return encode(cx, name, is_collection_escape, out);
}

static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode %xx; at most `cap` bytes. */
static size_t decode(pq_slice s, uint8_t *out, size_t cap) {
  size_t n = 0;
  for (size_t i = 0; i < s.n && n < cap; i++) {
    bool is_escape =
        s.p[i] == '%' && s.n - i > 2 && digit(s.p[i + 1]) >= 0 && digit(s.p[i + 2]) >= 0;
    out[n++] = s.p[i];
    if (!is_escape) continue;
    out[n - 1] = (uint8_t)(digit(s.p[i + 1]) << 4 | digit(s.p[i + 2]));
    i += 2;
  }
  return n;
}

void pq_mongo_name_back(pq_slice ours, char out[PQ_MONGO_NAME_CAP]) {
  out[decode(ours, (uint8_t *)out, PQ_MONGO_NAME_CAP - 1)] = '\0';
}

/* ---- ids (doc/formats/data.md, Local ids) ---- */

/* "~x" and the hexadecimal digits of a value's bytes. */
static bool put_bytes(pq_bson_out *o, const char *name, pq_slice hex) {
  static const uint8_t no_names[] = {1, 0, 0};
  uint8_t bytes[512];
  pq_value v;
  size_t n = hex.n / 2;
  if (n > sizeof bytes || hex.n % 2 != 0) return false;
  for (size_t i = 0; i < hex.n; i++)
    if (digit(hex.p[i]) < 0) return false;
  for (size_t i = 0; i < n; i++)
    bytes[i] = (uint8_t)(digit(hex.p[2 * i]) << 4 | digit(hex.p[2 * i + 1]));
  if (pq_value_check(o->buf->cx, (pq_slice){no_names, sizeof no_names}, (pq_slice){bytes, n}, &v) !=
      PQ_OK)
    return false;
  pq_bson_value(o, name, v);
  return true;
}

void pq_mongo_put_id(pq_bson_out *o, const char *name, pq_slice id) {
  const uint8_t *slash = id.n == 0 ? NULL : memchr(id.p, '/', id.n);
  pq_slice local = slash == NULL ? id : (pq_slice){slash + 1, id.n - (size_t)(slash + 1 - id.p)};
  uint8_t oid[12], text[2048];
  if (local.n == 26 && memcmp(local.p, "~o", 2) == 0) { /* the engine made it of an ObjectId */
    for (size_t i = 0; i < sizeof oid; i++)
      oid[i] = (uint8_t)((digit(local.p[2 + 2 * i]) & 15) << 4 | (digit(local.p[3 + 2 * i]) & 15));
    pq_bson_object_id(o, name, oid);
    return;
  }
  if (local.n > 2 && memcmp(local.p, "~x", 2) == 0 &&
      put_bytes(o, name, (pq_slice){local.p + 2, local.n - 2}))
    return;
  pq_bson_text(o, name, (pq_slice){text, decode(local, text, sizeof text)});
}
