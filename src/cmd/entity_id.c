/* cmd/entity_id.c - the ids of new entities, and the type of those that name none.
 *
 *   $id "p1" or "posts/p1"  ─► posts/p1         _id "a/b"        ─► posts/a%2Fb
 *   neither                 ─► posts/<ULID>     _id ObjectId     ─► posts/~o<hex>
 *                                               _id anything else ─► posts/~x<hex of its bytes>
 *
 * Equal values of `_id` give equal ids, so that an equality on `_id` is the lookup of an id
 * (shred/key_id.h).
 */
#include <string.h>

#include "base/text.h"
#include "cmd/command_int.h"
#include "shred/key_id.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* Bytes that are equal for equal values and differ for different ones: Variant bytes, names
 * included. */
static int canonical_bytes(pq_command *c, pq_arena *arena, pq_value v, pq_slice *out) {
  pq_builder *b = c->db->builder;
  pq_value alone;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_value(b, v));
  PQ_TRY(pq_builder_finish(b, arena, &alone));
  if (pq_value_type(v) != PQ_TYPE_OBJECT) {
    *out = pq_value_bytes(alone);
    return PQ_OK;
  }
  out->n = (size_t)alone.meta_len + alone.len;
  out->p = pq_arena_alloc(arena, out->n);
  if (out->p == NULL) return c->op.cx->code;
  memcpy((uint8_t *)(uintptr_t)out->p, alone.meta, alone.meta_len);
  memcpy((uint8_t *)(uintptr_t)out->p + alone.meta_len, alone.p, alone.len);
  return PQ_OK;
}

/* That of a key, or "~x" + the hex of any other value's canonical bytes. */
int pq_id_of_value(pq_command *c, pq_arena *arena, pq_value v, pq_slice *out) {
  static const char digits[] = "0123456789abcdef";
  pq_slice bytes, text;
  pq_type type = pq_value_type(v);
  char *p;
  *out = (pq_slice){0};
  if (type == PQ_TYPE_ARRAY || type == PQ_TYPE_REGEX)
    return pq_fail(c->op.cx, PQ_EINVALID, "_id may not be %s",
                   type == PQ_TYPE_ARRAY ? "an array" : "a regular expression");
  if (pq_value_string(v, &text) && text.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "_id may not be empty text");
  PQ_TRY(pq_id_of_key(arena, c->s.collection, v, out));
  if (out->n > 0) return PQ_OK;
  PQ_TRY(canonical_bytes(c, arena, v, &bytes));
  if (bytes.n * 2 + 2 > c->op.cx->limits.id_len_max)
    return pq_fail(c->op.cx, PQ_ELIMIT, "_id has %zu bytes: too large for an id", bytes.n);
  p = pq_arena_alloc(arena, bytes.n * 2 + 1);
  if (p == NULL) return c->op.cx->code;
  for (size_t i = 0; i < bytes.n; i++) {
    p[2 * i] = digits[bytes.p[i] >> 4];
    p[2 * i + 1] = digits[bytes.p[i] & 15];
  }
  p[bytes.n * 2] = '\0';
  p = pq_arena_printf(arena, "%.*s/~x%s", (int)c->s.collection.n, (const char *)c->s.collection.p,
                      p);
  if (p == NULL) return c->op.cx->code;
  *out = pq_str(p);
  return PQ_OK;
}

/* An explicit $id: a local id, or "collection/localId" of this collection. */
int pq_id_of_text(pq_command *c, pq_arena *arena, pq_value v, pq_slice *out) {
  pq_slice text, collection, local;
  *out = (pq_slice){0};
  if (!pq_value_string(v, &text) || text.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "$id must be text that is not empty");
  if (memchr(text.p, '/', text.n) == NULL) return pq_id_encode(arena, c->s.collection, text, out);
  if (!pq_id_split(text, &collection, &local) || !pq_slice_eq(collection, c->s.collection))
    return pq_fail(c->op.cx, PQ_EINVALID, "$id '%.*s' is not of collection '%.*s'", TEXT_ARGS(text),
                   TEXT_ARGS(c->s.collection));
  return pq_arena_copy(arena, text, out);
}

int pq_id_new(pq_command *c, pq_arena *arena, pq_slice *out) {
  char ulid[PQ_ULID_LEN + 1];
  if (!c->s.has_rnd) pq_db_random(c->db, c->s.rnd);
  c->s.has_rnd = true;
  pq_ulid(c->op.now_us < 0 ? 0 : (uint64_t)c->op.now_us / 1000, c->s.rnd, ulid);
  pq_ulid_next(c->s.rnd);
  return pq_id_encode(arena, c->s.collection, pq_str(ulid), out);
}

/* Seconds and eight random bytes. */
int pq_object_id_put(pq_command *c, pq_arena *arena, pq_value *data) {
  static const char digits[] = "0123456789abcdef";
  pq_builder *b = c->db->builder;
  uint32_t count, seconds = (uint32_t)(c->op.now_us / 1000000);
  pq_field *fields = pq_object_fields(arena, *data, &count);
  char hex[24];
  if (fields == NULL && pq_value_count(*data) > 0) return c->op.cx->code;
  if (!c->s.has_rnd) pq_db_random(c->db, c->s.rnd);
  c->s.has_rnd = true;
  for (size_t i = 0; i < 12; i++) {
    unsigned byte = i < 4 ? seconds >> (24 - 8 * i) & 255 : c->s.rnd[i - 2];
    hex[2 * i] = digits[byte >> 4];
    hex[2 * i + 1] = digits[byte & 15];
  }
  pq_ulid_next(c->s.rnd);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_builder_extended(b, "$oid", (pq_slice){(const uint8_t *)hex, sizeof hex}));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, data);
}

/* "posts" -> "Post", "categories" -> "Category", "boxes" -> "Box". */
int pq_type_of_collection(pq_arena *arena, pq_slice name, pq_slice *out) {
  static const char *const es[] = {"sses", "xes", "ches", "shes", "zes"};
  char *p = pq_arena_alloc(arena, name.n + 1);
  size_t n = name.n;
  *out = (pq_slice){0};
  if (p == NULL) return arena->cx->code;
  memcpy(p, name.p, n);
  p[n] = '\0';
  if (n > 3 && memcmp(p + n - 3, "ies", 3) == 0) {
    p[n - 3] = 'y';
    n -= 2;
  } else if (n > 1 && p[n - 1] == 's' && p[n - 2] != 's') {
    n--;
    for (size_t i = 0; i < sizeof es / sizeof *es; i++) {
      size_t len = strlen(es[i]);
      if (n + 1 > len && memcmp(p + n + 1 - len, es[i], len) == 0) n--;
    }
  }
  if (p[0] >= 'a' && p[0] <= 'z') p[0] = (char)(p[0] - 'a' + 'A');
  *out = (pq_slice){(const uint8_t *)p, n};
  return PQ_OK;
}

int pq_type_default(pq_command *c) {
  return pq_type_of_collection(&c->arena, c->s.collection, &c->s.type);
}
