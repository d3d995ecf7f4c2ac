/* port/drive_disk_write.c - writing in a warehouse's directory. See drive_disk_int.h.
 *
 * An object appears with all its bytes or not at all, and once:
 *
 *     n/log/.tmp.<random>   write, fsync            in parts: write, write … write, fsync
 *     link() to n/log/42    fails if the name exists: the one place where two writers meet
 *     unlink .tmp           then fsync of n/log, so that the name survives a power cut
 *
 * A crash may leave .tmp names; listings hide them, and a writer's listing, which holds the lock,
 * removes those that are not its own. Files before their log entry, each synced: the engine's
 * order of puts is the order on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/drive_disk_int.h"

enum { REPLACED_LEN_MAX = 4096 }; /* of an object that PUT_IF replaces */

static int write_all(pq_cx *cx, int fd, pq_slice s) {
  while (s.n > 0) {
    ssize_t n = write(fd, s.p, s.n < PQ_DISK_IO_LEN_MAX ? s.n : PQ_DISK_IO_LEN_MAX);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return pq_disk_fail(cx, n < 0 ? errno : ENOSPC, "write");
    s.p += n;
    s.n -= (size_t)n;
  }
  return PQ_OK;
}

/* ---- whole objects ---- */

/* Make a new temporary file in folder `parent`, which is made if it is missing. */
static int open_temporary(pq_disk *k, const char *parent, char path[PQ_DISK_PATH_CAP],
                          int *out_fd) {
  int n = snprintf(path, PQ_DISK_PATH_CAP, "%s/%s.%08lx", parent, k->own_prefix,
                   (unsigned long)(pq_random_next(&k->seed) & 0xffffffffu));
  int flags = O_WRONLY | O_CREAT | O_EXCL;
  *out_fd = -1;
  if (n < 0 || n >= PQ_DISK_PATH_CAP) return pq_disk_fail(&k->cx, ENAMETOOLONG, "create");
  *out_fd = pq_disk_open_at(k->dir_fd, path, flags);
  if (*out_fd < 0 && errno == ENOENT) {
    PQ_TRY(pq_disk_make_dirs(&k->cx, k->dir_fd, parent));
    *out_fd = pq_disk_open_at(k->dir_fd, path, flags);
  }
  return *out_fd >= 0 ? PQ_OK : pq_disk_fail(&k->cx, errno, "create");
}

static int write_temporary(pq_disk *k, int fd, pq_slice body) {
  int rc = write_all(&k->cx, fd, body);
  if (rc == PQ_OK) rc = pq_disk_sync_fd(&k->cx, fd);
  if (close(fd) != 0 && rc == PQ_OK) rc = pq_disk_fail(&k->cx, errno, "close");
  return rc;
}

/* The finished temporary file gets its name, if nothing has it. */
static int appear(pq_disk *k, const char *path, const char *key) {
  char parent[PQ_DISK_PATH_CAP];
  int error = linkat(k->dir_fd, path, k->dir_fd, key, 0) == 0 ? 0 : errno;
  pq_disk_parent(key, parent);
  if (error == EPERM || error == EOPNOTSUPP || error == ENOSYS)
    return pq_fail(&k->cx, PQ_EIO, "this file system has no hard links, which commits need");
  if (error != 0 && error != EEXIST) return pq_disk_fail(&k->cx, error, "link");
  (void)unlinkat(k->dir_fd, path, 0); /* so that one sync will do for both names */
  /* Also for a name that exists: who reads it back must not build on what a power cut removes. */
  PQ_TRY(pq_disk_sync_dir(&k->cx, k->dir_fd, parent));
  return error == 0 ? PQ_OK : pq_fail(&k->cx, PQ_ECONFLICT, "it exists");
}

int pq_disk_put_new(pq_disk *k, const char *key, pq_slice body) {
  char parent[PQ_DISK_PATH_CAP], path[PQ_DISK_PATH_CAP];
  int fd, rc;
  pq_disk_parent(key, parent);
  PQ_TRY(open_temporary(k, parent, path, &fd));
  rc = write_temporary(k, fd, body);
  if (rc == PQ_OK) rc = appear(k, path, key);
  (void)unlinkat(k->dir_fd, path, 0);
  return rc;
}

static int get_whole(pq_disk *k, const char *key) {
  pq_buf_clear(&k->reply);
  return pq_disk_get(k, key, REPLACED_LEN_MAX);
}

/* The lock makes us the only writer, so comparing and renaming need not be one step. Whoever reads
 * beside this sees the old object or the new one. */
static int replace(pq_disk *k, const char *key, pq_slice was, pq_slice body) {
  char parent[PQ_DISK_PATH_CAP], path[PQ_DISK_PATH_CAP];
  int fd, rc = get_whole(k, key);
  bool is_same = rc == PQ_OK && pq_slice_eq(pq_buf_slice(&k->reply), was);
  if (rc != PQ_OK && rc != PQ_ENOTFOUND) return rc;
  pq_buf_clear(&k->reply);
  if (!is_same) return pq_fail(&k->cx, PQ_ECONFLICT, "it is another one by now");
  pq_disk_parent(key, parent);
  PQ_TRY(open_temporary(k, parent, path, &fd));
  rc = write_temporary(k, fd, body);
  if (rc == PQ_OK && renameat(k->dir_fd, path, k->dir_fd, key) != 0)
    rc = pq_disk_fail(&k->cx, errno, "rename");
  if (rc != PQ_OK) {
    (void)unlinkat(k->dir_fd, path, 0);
    return rc;
  }
  return pq_disk_sync_dir(&k->cx, k->dir_fd, parent);
}

int pq_disk_put_if(pq_disk *k, const pq_io_req *r) {
  size_t was_len = (size_t)r->off;
  pq_slice was = {r->buf, was_len}, body = {r->buf + was_len, r->len - was_len};
  return was_len == 0 ? pq_disk_put_new(k, r->key, body) : replace(k, r->key, was, body);
}

/* ---- in parts ---- */

static void free_text(pq_disk *k, char *text) {
  if (text != NULL) pq_alloc(&k->cx, text, strlen(text) + 1, 0);
}

static char *copy_text(pq_disk *k, const char *text) {
  size_t n = strlen(text) + 1;
  char *p = pq_alloc(&k->cx, NULL, 0, n);
  if (p != NULL) memcpy(p, text, n);
  return p;
}

static void drop(pq_disk *k, pq_disk_parts *p) {
  if (p->key == NULL) return;
  if (p->fd >= 0) close(p->fd);
  (void)unlinkat(k->dir_fd, p->path, 0);
  free_text(k, p->key);
  free_text(k, p->path);
  *p = (pq_disk_parts){0};
}

void pq_disk_drop_parts(pq_disk *k, const char *key) {
  for (int i = 0; i < PQ_DISK_PARTS_MAX; i++)
    if (key == NULL || (k->parts[i].key != NULL && strcmp(k->parts[i].key, key) == 0))
      drop(k, &k->parts[i]);
}

/* Begin; what was not touched for longest makes room, as its writer has gone away. */
static int begin(pq_disk *k, const char *key, pq_disk_parts **out) {
  char parent[PQ_DISK_PATH_CAP], path[PQ_DISK_PATH_CAP];
  pq_disk_parts *p = &k->parts[0];
  int fd;
  *out = NULL;
  pq_disk_drop_parts(k, key);
  for (int i = 1; i < PQ_DISK_PARTS_MAX; i++)
    if (k->parts[i].used < p->used) p = &k->parts[i];
  drop(k, p);
  pq_disk_parent(key, parent);
  PQ_TRY(open_temporary(k, parent, path, &fd));
  *p = (pq_disk_parts){.key = copy_text(k, key), .path = copy_text(k, path), .fd = fd};
  if (p->key != NULL && p->path != NULL) {
    *out = p;
    return PQ_OK;
  }
  close(fd);
  (void)unlinkat(k->dir_fd, path, 0);
  free_text(k, p->key);
  free_text(k, p->path);
  *p = (pq_disk_parts){0};
  return pq_fail_nomem(&k->cx);
}

static pq_disk_parts *find(pq_disk *k, const char *key) {
  for (int i = 0; i < PQ_DISK_PARTS_MAX; i++)
    if (k->parts[i].key != NULL && strcmp(k->parts[i].key, key) == 0) return &k->parts[i];
  return NULL;
}

/* A part that is sent again is written again. */
static int write_part(pq_disk *k, pq_disk_parts *p, uint64_t off, pq_slice body) {
  if (lseek(p->fd, (off_t)off, SEEK_SET) < 0) return pq_disk_fail(&k->cx, errno, "seek");
  PQ_TRY(write_all(&k->cx, p->fd, body));
  if (off + body.n > p->len) p->len = off + body.n;
  return PQ_OK;
}

/* All parts are there. Whatever happens, they are gone afterwards. */
static int end(pq_disk *k, pq_disk_parts *p, uint64_t len) {
  int rc = p->len == len ? PQ_OK
                         : pq_fail(&k->cx, PQ_EIO, "%llu bytes were put behind the end",
                                   (unsigned long long)(p->len - len));
  if (rc == PQ_OK) rc = pq_disk_sync_fd(&k->cx, p->fd);
  if (close(p->fd) != 0 && rc == PQ_OK) rc = pq_disk_fail(&k->cx, errno, "close");
  p->fd = -1;
  if (rc == PQ_OK) rc = appear(k, p->path, p->key);
  drop(k, p);
  return rc;
}

int pq_disk_put_part(pq_disk *k, const pq_io_req *r) {
  pq_slice body = {r->buf, r->len};
  pq_disk_parts *p = find(k, r->key);
  if (r->off == 0) PQ_TRY(begin(k, r->key, &p));
  if (p == NULL || r->off > p->len)
    return pq_fail(&k->cx, PQ_EIO, "the parts before it are not there");
  p->used = ++k->tick;
  PQ_TRY(write_part(k, p, r->off, body));
  return r->kind == PQ_IO_PUT_END ? end(k, p, r->off + r->len) : PQ_OK;
}
