/* port/temporary.c - see temporary.h. */
#include "port/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_CAP = 4096, IO_LEN_MAX = 1 << 30 };

typedef struct pq_extent {
  char *key; /* owned */
  uint64_t off, len;
} extent;

void pq_temporary_init(pq_temporary *t, pq_cx *cx) {
  *t = (pq_temporary){.cx = cx, .fd = -1};
}

static void forget(pq_temporary *t, size_t i) {
  extent *e = &t->extents[i];
  pq_alloc(t->cx, e->key, strlen(e->key) + 1, 0);
  t->count--;
  memmove(e, e + 1, (t->count - i) * sizeof *e);
}

void pq_temporary_release(pq_temporary *t) {
  if (t->cx == NULL) return;
  while (t->count > 0)
    forget(t, t->count - 1);
  if (t->extents != NULL) pq_alloc(t->cx, t->extents, t->cap * sizeof *t->extents, 0);
  if (t->fd >= 0) close(t->fd);
  *t = (pq_temporary){0};
}

static int fail(pq_temporary *t, int error, const char *doing) {
  char text[128];
  if (error == ENOMEM) return pq_fail_nomem(t->cx);
  if (strerror_r(error, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", error);
  return pq_fail(t->cx, PQ_EIO, "%s of a temporary file: %s", doing, text);
}

static int make_file(const char *dir) {
  char path[PATH_CAP];
  int n = snprintf(path, sizeof path, "%s/parquedb.XXXXXX", dir), fd;
  if (n < 0 || n >= PATH_CAP) return -1;
  fd = mkstemp(path);
  if (fd < 0) return -1;
  (void)unlink(path);
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

static int open_file(pq_temporary *t) {
  const char *dir = getenv("TMPDIR");
  if (t->fd >= 0) return PQ_OK;
  if (dir != NULL && dir[0] == '/') t->fd = make_file(dir);
  if (t->fd < 0) t->fd = make_file("/tmp");
  if (t->fd >= 0) return PQ_OK;
  return pq_fail(t->cx, PQ_EUNSUPPORTED, "no file can be made in $TMPDIR or /tmp");
}

static size_t find(const pq_temporary *t, const char *key) {
  size_t i = 0;
  while (i < t->count && strcmp(t->extents[i].key, key) != 0)
    i++;
  return i;
}

/* The index before which an extent of `len` bytes fits, and where it begins. */
static size_t find_gap(const pq_temporary *t, uint64_t len, uint64_t *off) {
  *off = 0;
  for (size_t i = 0; i < t->count; i++) {
    if (t->extents[i].off - *off >= len) return i;
    *off = t->extents[i].off + t->extents[i].len;
  }
  return t->count;
}

static int reserve(pq_temporary *t) {
  size_t cap = t->cap == 0 ? 16 : t->cap * 2;
  extent *p;
  if (t->count < t->cap) return PQ_OK;
  if (cap > UINT32_MAX / sizeof *p) return pq_fail(t->cx, PQ_ELIMIT, "too many temporary objects");
  p = pq_alloc(t->cx, t->extents, t->cap * sizeof *p, cap * sizeof *p);
  if (p == NULL) return pq_fail_nomem(t->cx);
  t->extents = p;
  t->cap = cap;
  return PQ_OK;
}

static int write_all(pq_temporary *t, const pq_io_req *r, uint64_t off) {
  for (size_t done = 0; done < r->len;) {
    size_t len = r->len - done < IO_LEN_MAX ? r->len - done : IO_LEN_MAX;
    ssize_t n = pwrite(t->fd, r->buf + done, len, (off_t)(off + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(t, n < 0 ? errno : ENOSPC, "write");
    done += (size_t)n;
  }
  return PQ_OK;
}

static int put(pq_temporary *t, const pq_io_req *r) {
  size_t key_len = strlen(r->key) + 1, i;
  extent e = {.len = r->len};
  PQ_TRY(open_file(t));
  if (find(t, r->key) < t->count) return pq_fail(t->cx, PQ_ECONFLICT, "it exists");
  PQ_TRY(reserve(t));
  i = find_gap(t, r->len, &e.off);
  PQ_TRY(write_all(t, r, e.off));
  e.key = pq_alloc(t->cx, NULL, 0, key_len);
  if (e.key == NULL) return pq_fail_nomem(t->cx);
  memcpy(e.key, r->key, key_len);
  memmove(t->extents + i + 1, t->extents + i, (t->count - i) * sizeof e);
  t->extents[i] = e;
  t->count++;
  return PQ_OK;
}

static int read_back(pq_temporary *t, const pq_io_req *r) {
  size_t i = find(t, r->key);
  const extent *e = &t->extents[i];
  if (i == t->count) return pq_fail(t->cx, PQ_ENOTFOUND, "no such object");
  if (r->off > e->len || r->len > e->len - r->off)
    return pq_fail(t->cx, PQ_ECORRUPT, "object is shorter: it has %llu bytes",
                   (unsigned long long)e->len);
  for (size_t done = 0; done < r->len;) {
    size_t len = r->len - done < IO_LEN_MAX ? r->len - done : IO_LEN_MAX;
    ssize_t n = pread(t->fd, r->buf + done, len, (off_t)(e->off + r->off + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(t, errno, "read");
    if (n == 0) return pq_fail(t->cx, PQ_ECORRUPT, "the temporary file has become shorter");
    done += (size_t)n;
  }
  return PQ_OK;
}

static int remove_object(pq_temporary *t, const char *key) {
  size_t i = find(t, key);
  bool is_last = i + 1 == t->count;
  if (i == t->count) return PQ_OK;
  forget(t, i);
  if (is_last) { /* only to give room back: no harm if it fails */
    uint64_t end = t->count == 0 ? 0 : t->extents[i - 1].off + t->extents[i - 1].len;
    int rc = ftruncate(t->fd, (off_t)end);
    (void)rc;
  }
  return PQ_OK;
}

int pq_temporary_serve(pq_temporary *t, const pq_io_req *r) {
  switch (r->kind) {
    case PQ_IO_PUT_NEW: return put(t, r);
    case PQ_IO_READ: return read_back(t, r);
    case PQ_IO_DELETE: return remove_object(t, r->key);
    default: return pq_fail(t->cx, PQ_EUNSUPPORTED, "temporary objects are put, read and deleted");
  }
}
