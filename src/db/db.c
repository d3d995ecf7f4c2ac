/* db/db.c - the database object: namespaces by name, tokens. See db.h. */
#include "db/db.h"

#include "db/txn.h"

#include <string.h>

#include "base/limits.h"
#include "db/bulk.h"
#include "db/works.h"

enum { NS_LEN_MAX = 128 };

/* xorshift128+: names and ULIDs need to differ, not to be secret. */
static uint64_t next_random(pq_db *db) {
  uint64_t a = db->rng[0], b = db->rng[1];
  db->rng[0] = b;
  a ^= a << 23;
  db->rng[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
  return db->rng[1] + b;
}

void pq_db_token(pq_db *db, char out[PQ_TOKEN_LEN + 1]) {
  static const char hex[] = "0123456789abcdef";
  uint64_t v = next_random(db);
  for (int i = 0; i < PQ_TOKEN_LEN; i++)
    out[i] = hex[v >> (60 - 4 * i) & 15];
  out[PQ_TOKEN_LEN] = '\0';
}

void pq_db_random(pq_db *db, uint8_t out[10]) {
  uint8_t word[8];
  pq_wr64(word, next_random(db));
  memcpy(out, word, 8);
  pq_wr64(word, next_random(db));
  memcpy(out + 8, word, 2);
  out[0] &= 0x7f; /* room to count up */
}

int pq_db_init(pq_db *db, pq_cx *cx, bool is_writer, uint32_t durability, const uint8_t seed[16]) {
  *db = (pq_db){.cx = cx, .is_writer = is_writer, .durability = durability};
  db->actor = PQ_SLICE("system/anonymous");
  db->thresholds = (pq_thresholds){.flush_len = PQ_FLUSH_LEN,
                                   .flush_events = PQ_FLUSH_EVENTS,
                                   .flush_age_us = PQ_FLUSH_AGE_US,
                                   .files = PQ_COMPACT_FILES,
                                   .dead_percent = PQ_COMPACT_DEAD_PERCENT,
                                   .garbage_len = PQ_GARBAGE_LEN,
                                   .bulk = PQ_BULK_DISK,
                                   .segment_edges = PQ_SEGMENT_EDGES};
  if (cx->meter != NULL && cx->meter->max / 16 < db->thresholds.flush_len)
    db->thresholds.flush_len = cx->meter->max / 16;
  db->rng[0] = pq_rd64(seed) | 1;
  db->rng[1] = pq_rd64(seed + 8);
  pq_compressor_init(&db->compressor, cx);
  pq_decompressor_init(&db->decompressor, cx);
  for (int i = 0; i < 8; i++)
    (void)next_random(db);
  pq_db_token(db, db->writer);
  PQ_TRY(pq_builder_new(cx, &db->builder));
  return pq_merger_new(cx, db->builder, &db->merger);
}

static void space_free(pq_db *db, pq_space *s) {
  pq_works_free(s->works);
  pq_assert(s->reader_count == 0);
  pq_graphs_free(s->graphs);
  if (s->overlay != NULL) {
    pq_overlay_release(s->overlay);
    pq_alloc(db->cx, s->overlay, sizeof *s->overlay, 0);
  }
  pq_assert(s->retired_count == 0);
  if (s->retired != NULL) pq_alloc(db->cx, s->retired, s->retired_cap * sizeof *s->retired, 0);
  pq_past_clear(&s->pasts);
  pq_pendings_release(db->cx, &s->pendings);
  pq_manifest_release(&s->manifest);
  pq_file_cache_release(&s->files);
  pq_alloc(db->cx, s->ns, strlen(s->ns) + 1, 0);
  pq_alloc(db->cx, s, sizeof *s, 0);
}

bool pq_db_drop_kept(pq_db *db) {
  bool had_some = false;
  for (uint32_t i = 0; i < db->space_count; i++)
    had_some |= pq_page_cache_drop(&db->spaces[i]->files.pages);
  while (pq_scan_windows_drop(&db->windows))
    had_some = true;
  return had_some;
}

void pq_db_release(pq_db *db) {
  if (db->cx == NULL) return;
  pq_txns_release(db);
  for (uint32_t i = 0; i < db->space_count; i++)
    space_free(db, db->spaces[i]);
  if (db->spaces != NULL) pq_alloc(db->cx, db->spaces, db->space_cap * sizeof *db->spaces, 0);
  pq_merger_free(db->merger);
  pq_builder_free(db->builder);
  pq_compressor_release(&db->compressor);
  pq_decompressor_release(&db->decompressor);
  *db = (pq_db){0};
}

/* API.md: [a-z0-9-_.], at most 128, dots for hierarchy, a leading "_" is reserved. */
/* A byte of "%4d": what other systems' names have beyond ours (server/mongo_name.c). */
static bool is_escape(pq_slice ns, size_t i) {
  if (ns.p[i] != '%') return false;
  for (size_t k = i + 1; k <= i + 2; k++)
    if (k >= ns.n || !((ns.p[k] >= 'a' && ns.p[k] <= 'f') || (ns.p[k] >= '0' && ns.p[k] <= '9')))
      return false;
  return true;
}

int pq_db_check_name(pq_db *db, pq_slice ns) {
  if (ns.n == 0 || ns.n > NS_LEN_MAX)
    return pq_fail(db->cx, PQ_EINVALID, "a namespace name has 1 to %d bytes", NS_LEN_MAX);
  if (ns.p[0] == '.' || ns.p[ns.n - 1] == '.')
    return pq_fail(db->cx, PQ_EPATH, "namespace '%.*s' starts or ends with a dot", (int)ns.n,
                   (const char *)ns.p);
  if (ns.p[0] == '_')
    return pq_fail(db->cx, PQ_EINVALID, "namespace '%.*s': names with a leading '_' are reserved",
                   (int)ns.n, (const char *)ns.p);
  for (size_t i = 0; i < ns.n; i++) {
    uint8_t c = ns.p[i];
    bool is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                   (c == '.' && ns.p[i - 1] != '.') || is_escape(ns, i);
    if (!is_fine)
      return pq_fail(
          db->cx, PQ_EPATH,
          "namespace '%.*s': only a-z, 0-9, '-', '_', single dots and '%%' with two hexadecimal "
          "digits are allowed",
          (int)ns.n, (const char *)ns.p);
  }
  return PQ_OK;
}

static int grow(pq_db *db) {
  uint32_t cap = db->space_cap == 0 ? 4 : db->space_cap * 2;
  pq_space **spaces;
  if (db->space_count < db->space_cap) return PQ_OK;
  spaces = pq_alloc(db->cx, db->spaces, db->space_cap * sizeof *spaces, cap * sizeof *spaces);
  if (spaces == NULL) return pq_fail_nomem(db->cx);
  db->spaces = spaces;
  db->space_cap = cap;
  return PQ_OK;
}

static pq_space *space_new(pq_db *db, pq_slice ns) {
  pq_space *s = pq_alloc(db->cx, NULL, 0, sizeof *s);
  int rc;
  if (s == NULL) return NULL;
  *s = (pq_space){.db = db};
  s->ns = pq_alloc(db->cx, NULL, 0, ns.n + 1);
  s->overlay = pq_alloc(db->cx, NULL, 0, sizeof *s->overlay);
  rc = pq_graphs_new(db->cx, &s->graphs);
  if (s->ns == NULL || s->overlay == NULL || rc != PQ_OK) {
    pq_graphs_free(s->graphs);
    if (s->ns != NULL) pq_alloc(db->cx, s->ns, ns.n + 1, 0);
    if (s->overlay != NULL) pq_alloc(db->cx, s->overlay, sizeof *s->overlay, 0);
    pq_alloc(db->cx, s, sizeof *s, 0);
    return NULL;
  }
  memcpy(s->ns, ns.p, ns.n);
  s->ns[ns.n] = '\0';
  pq_overlay_init(s->overlay, db->cx);
  pq_manifest_init(&s->manifest, db->cx);
  pq_file_cache_init(&s->files, db->cx, s->ns);
  s->pasts.entity_max = db->thresholds.cached_entities;
  return s;
}

int pq_db_space(pq_db *db, pq_slice ns, pq_space **out) {
  *out = NULL;
  if (!pq_slice_is(ns, PQ_SYSTEM_NS)) PQ_TRY(pq_db_check_name(db, ns));
  for (uint32_t i = 0; i < db->space_count; i++) {
    if (!pq_slice_is(ns, db->spaces[i]->ns)) continue;
    *out = db->spaces[i];
    return PQ_OK;
  }
  PQ_TRY(grow(db));
  *out = space_new(db, ns);
  if (*out == NULL) return pq_fail_nomem(db->cx);
  db->spaces[db->space_count++] = *out;
  return PQ_OK;
}

int pq_space_wait(pq_space *s) {
  if (!s->db->steps_all)
    return pq_fail(s->db->cx, PQ_EBUSY, "another write to namespace '%s' is running", s->ns);
  s->db->is_waiting = true;
  return PQ_YIELD;
}

int pq_space_may_write(const pq_space *s) {
  pq_cx *cx = s->db->cx;
  if (!s->db->is_writer) return pq_fail(cx, PQ_EPERM, "the warehouse was opened for reading only");
  if (s->is_fenced)
    return pq_fail(cx, PQ_EFENCED, "namespace '%s' was taken over by another writer: open it again",
                   s->ns);
  return PQ_OK;
}

int pq_space_acquire(pq_space *s, const void *owner) {
  PQ_TRY(pq_space_may_write(s));
  if (s->write_owner == owner) return PQ_OK;
  if (s->write_owner != NULL || s->group.first != NULL) return pq_space_wait(s);
  s->write_owner = owner;
  return PQ_OK;
}

void pq_space_release(pq_space *s, const void *owner) {
  if (s->write_owner == owner) s->write_owner = NULL;
}
