/* test/unit/drive_util.h - one request at a time through a driver. */
#ifndef PQ_TEST_DRIVE_UTIL_H
#define PQ_TEST_DRIVE_UTIL_H

#include "io/hot.h"
#include "port/driver.h"
#include "unit.h"

static pq_cx drive_cx;
static char drive_text[1 << 16]; /* the last reply as text */

static inline int drive_keep(pq_fetch *f, int rc, pq_slice reply) {
  size_t n = reply.n < sizeof drive_text - 1 ? reply.n : sizeof drive_text - 1;
  if (n > 0) memcpy(drive_text, reply.p, n);
  drive_text[n] = '\0';
  pq_fetch_release(f);
  return rc;
}

static inline int drive_read(pq_driver *d, const char *key, uint64_t off, uint64_t len) {
  pq_fetch f;
  pq_slice s;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_read(&f, key, off, len, &s)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, s);
}

static inline int drive_get(pq_driver *d, const char *key) {
  pq_fetch f;
  pq_slice s;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_get(&f, key, 10000, &s)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, s);
}

static inline int drive_list(pq_driver *d, const char *prefix) {
  pq_fetch f;
  pq_slice s;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_list(&f, prefix, &s)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, s);
}

static inline int drive_put(pq_driver *d, const char *key, const char *body) {
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_put_new(&f, key, pq_str(body))) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, (pq_slice){0});
}

/* Replace an object whose bytes are `was`. */
static inline int drive_put_if(pq_driver *d, const char *key, const char *was, const char *body) {
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_put_if(&f, key, pq_str(was), pq_str(body))) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, (pq_slice){0});
}

static inline int drive_stat(pq_driver *d, const char *key, pq_stat *out) {
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_stat(&f, key, out)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, (pq_slice){0});
}

/* What every driver does with them; `reader` may not write. */
static inline void drive_check_put_if(pq_driver *d, pq_driver *reader) {
  pq_stat first, second;
  CHECK(drive_stat(d, "n/b", &first) == PQ_ENOTFOUND);
  CHECK(drive_put_if(d, "n/b", "x", "one") == PQ_ECONFLICT);
  CHECK(drive_put_if(reader, "n/b", "", "one") == PQ_EPERM);
  CHECK(drive_put_if(d, "n/b", "", "one") == PQ_OK);
  CHECK(drive_put_if(d, "n/b", "", "two") == PQ_ECONFLICT);
  CHECK(drive_put_if(d, "n/b", "on", "two") == PQ_ECONFLICT);
  CHECK(drive_put_if(reader, "n/b", "one", "two") == PQ_EPERM);
  CHECK(drive_stat(reader, "n/b", &first) == PQ_OK);
  CHECK(first.len == 3 && first.modified_us > 0 && first.now_us >= first.modified_us);
  CHECK(drive_get(d, "n/b") == PQ_OK && strcmp(drive_text, "one") == 0);
  CHECK(drive_put_if(d, "n/b", "one", "three") == PQ_OK);
  CHECK(drive_put_if(d, "n/b", "one", "three") == PQ_ECONFLICT);
  CHECK(drive_get(reader, "n/b") == PQ_OK && strcmp(drive_text, "three") == 0);
  CHECK(drive_stat(d, "n/b", &second) == PQ_OK);
  CHECK(second.len == 5 && second.modified_us >= first.modified_us);
  CHECK(drive_list(d, "n/") == PQ_OK && strcmp(drive_text, "b\n") == 0);
  CHECK(drive_put_if(d, "../b", "", "x") == PQ_EPATH);
  CHECK(drive_stat(d, "n", &first) == PQ_ENOTFOUND);
}

static inline int drive_delete(pq_driver *d, const char *key) {
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_delete(&f, key)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, (pq_slice){0});
}

/* Store a part of an object. */
static inline int drive_part(pq_driver *d, const char *key, uint64_t off, const char *body,
                             bool is_end) {
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, &drive_cx);
  while ((rc = pq_fetch_put_part(&f, key, off, pq_str(body), is_end)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  return drive_keep(&f, rc, (pq_slice){0});
}

/* What every driver does with objects in parts; `reader` may not write. */
static inline void drive_check_parts(pq_driver *d, pq_driver *reader) {
  char key[24];
  CHECK(drive_part(d, "n/p", 0, "one ", false) == PQ_OK);
  CHECK(drive_part(d, "n/q", 0, "other", false) == PQ_OK);
  CHECK(drive_part(d, "n/p", 4, "tw", false) == PQ_OK);
  CHECK(drive_part(d, "n/p", 4, "two ", false) == PQ_OK); /* again */
  CHECK(drive_part(d, "n/p", 9, "gap", false) == PQ_EIO);
  CHECK(drive_part(reader, "n/p", 8, "three", false) == PQ_EPERM);
  CHECK(drive_get(d, "n/p") == PQ_ENOTFOUND);
  CHECK(drive_list(d, "n/") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_part(d, "n/p", 8, "three", true) == PQ_OK);
  CHECK(drive_get(reader, "n/p") == PQ_OK && strcmp(drive_text, "one two three") == 0);
  CHECK(drive_part(d, "n/p", 8, "three", true) == PQ_EIO); /* its parts are gone */
  CHECK(drive_part(d, "n/p", 0, "again", true) == PQ_ECONFLICT);
  CHECK(drive_get(reader, "n/p") == PQ_OK && strcmp(drive_text, "one two three") == 0);
  CHECK(drive_part(d, "n/q", 2, "x", true) == PQ_EIO); /* more is there than the end says */
  CHECK(drive_get(d, "n/q") == PQ_ENOTFOUND);
  CHECK(drive_part(d, "n/one", 0, "", true) == PQ_OK); /* the first part may be the last */
  CHECK(drive_get(reader, "n/one") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_part(d, "n/r", 0, "half", false) == PQ_OK);
  CHECK(drive_delete(d, "n/r") == PQ_OK);
  CHECK(drive_part(d, "n/r", 4, "whole", true) == PQ_EIO);
  CHECK(drive_part(d, "../p", 0, "x", true) == PQ_EPATH);
  CHECK(drive_part(d, "~tmp/p", 0, "x", false) < 0);
  /* Writers that went away leave parts: the oldest make room. */
  for (int i = 0; i < 40; i++) {
    snprintf(key, sizeof key, "n/left/%d", i);
    CHECK(drive_part(d, key, 0, "left", false) == PQ_OK);
  }
  CHECK(drive_part(d, "n/left/0", 4, "x", true) == PQ_EIO);
  CHECK(drive_part(d, "n/left/39", 4, "x", true) == PQ_OK);
  CHECK(drive_list(d, "n/left/") == PQ_OK && strcmp(drive_text, "39\n") == 0);
}

/* A hot call; the state of OPEN and READ goes to *out with its batches in `a` and `reply`. */
static inline int drive_hot(pq_driver *d, const char *ns, const pq_hot_request *q, pq_arena *a,
                            pq_hot_state *out) {
  pq_fetch f;
  pq_buf b;
  pq_slice s, copy = {0};
  int rc;
  *out = (pq_hot_state){0};
  pq_fetch_init(&f, &drive_cx);
  pq_buf_init(&b, &drive_cx, 1 << 24);
  CHECK(pq_hot_put_request(&b, q) == PQ_OK);
  while ((rc = pq_fetch_hot(&f, ns, pq_buf_slice(&b), &s)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  if (rc == PQ_OK) CHECK(pq_arena_copy(a, s, &copy) == PQ_OK);
  pq_buf_release(&b);
  pq_fetch_release(&f);
  if (rc == PQ_OK && (q->op == PQ_HOT_OPEN || q->op == PQ_HOT_READ))
    rc = pq_hot_parse_state(a, copy, out);
  return rc;
}

#endif
