/* port/driver.c - see driver_int.h. */
#include <string.h>

#include "port/driver_int.h"

void pq_driver_serve_all(pq_driver *d, pq_fetch *f) {
  pq_io_req r;
  while (pq_fetch_take(f, &r))
    d->vt->serve(d, f, &r);
}

bool pq_key_part_is_valid(const char *part, size_t n) {
  size_t tmp_len = sizeof PQ_TEMPORARY_PREFIX - 1;
  if (n == 0) return false;
  if (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.'))) return false;
  if (n >= tmp_len && memcmp(part, PQ_TEMPORARY_PREFIX, tmp_len) == 0) return false;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)part[i];
    if (c < 0x20 || c == 0x7f || c == '\\' || c == '/') return false;
  }
  return true;
}

bool pq_key_is_reserved(const char *part, size_t n) {
  static const char *const names[] = {"~tmp",
                                      "parquedb.json",
                                      "hot.lock",
                                      "hot.sqlite",
                                      "hot.sqlite-wal",
                                      "hot.sqlite-shm",
                                      "hot.sqlite-journal",
                                      "hot.sqlite.new",
                                      "hot.sqlite.new-wal",
                                      "hot.sqlite.new-shm",
                                      "hot.sqlite.new-journal"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strlen(names[i]) == n && memcmp(names[i], part, n) == 0) return true;
  return false;
}

bool pq_key_is_temporary(const char *key) {
  return strncmp(key, "~tmp/", 5) == 0 && pq_key_part_is_valid(key + 5, strlen(key + 5));
}

bool pq_key_is_pin(const char *key) {
  const char *slash = strchr(key, '/');
  return slash != NULL && strncmp(slash, "/pins/", 6) == 0 && strchr(slash + 6, '/') == NULL;
}

int pq_key_check(pq_cx *cx, const char *key, bool is_prefix) {
  const char *part = key;
  size_t len = strlen(key);
  if (len > cx->limits.key_len_max) return pq_fail(cx, PQ_EPATH, "key of %zu bytes", len);
  if (is_prefix && len == 0) return PQ_OK;
  if (is_prefix && key[len - 1] != '/')
    return pq_fail(cx, PQ_EPATH, "the folder \"%.80s\" does not end with a slash", key);
  for (;;) {
    const char *end = strchr(part, '/');
    size_t n = end != NULL ? (size_t)(end - part) : strlen(part);
    if (!pq_key_part_is_valid(part, n) || (part == key && pq_key_is_reserved(part, n)))
      return pq_fail(cx, PQ_EPATH, "\"%.80s\" is no name inside a warehouse", key);
    if (end == NULL || (is_prefix && end[1] == '\0')) return PQ_OK;
    part = end + 1;
  }
}

uint64_t pq_random_next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

void pq_random_fill(uint64_t *state, uint8_t *out, size_t n) {
  while (n > 0) {
    uint64_t v = pq_random_next(state);
    size_t part = n < 8 ? n : 8;
    for (size_t i = 0; i < part; i++)
      out[i] = (uint8_t)(v >> (8 * i));
    out += part;
    n -= part;
  }
}
