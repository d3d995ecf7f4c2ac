/* port/drive_disk.c - see drive_disk.h: opening, reading, listing. Writing: drive_disk_write.c.
 *
 * All paths are relative to an open directory, so that a change of the working directory does no
 * harm; only SQLite needs the full path.
 */
#include "port/drive_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "port/drive_disk_int.h"

enum {
  FORMAT_VERSION = 1,
  MARKER_CAP = 64,
  MARKER_LEN_MAX = 4096, /* parquedb.json is one line */
  RANDOM_LEN_MAX = 256   /* getentropy's limit */
};

static const char MARKER[] = "parquedb.json";
static const char LOCK[] = "hot.lock";

/* ---- failures ---- */

/* Record what the system said. Paths are not repeated: the engine's message has the key. */
int pq_disk_fail(pq_cx *cx, int error, const char *doing) {
  char text[128];
  int code = PQ_EIO;
  if (error == ENOMEM) return pq_fail_nomem(cx);
  if (strerror_r(error, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", error);
  if (error == EACCES || error == EPERM || error == EROFS) code = PQ_EPERM;
  if (error == ENOENT) code = PQ_ENOTFOUND;
  if (error == ELOOP || error == ENAMETOOLONG) code = PQ_EPATH;
  return pq_fail(cx, code, "%s: %s", doing, text);
}

/* ---- small system calls, restarted after signals ---- */

int pq_disk_open_at(int dir_fd, const char *path, int flags) {
  int fd;
  do {
    fd = openat(dir_fd, path, flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

static int read_all(pq_cx *cx, int fd, uint8_t *p, size_t len, uint64_t off) {
  while (len > 0) {
    ssize_t n = pread(fd, p, len < PQ_DISK_IO_LEN_MAX ? len : PQ_DISK_IO_LEN_MAX, (off_t)off);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return pq_disk_fail(cx, errno, "read");
    if (n == 0)
      return pq_fail(cx, PQ_ECORRUPT, "object is shorter: it ends at %llu",
                     (unsigned long long)off);
    p += n;
    len -= (size_t)n;
    off += (uint64_t)n;
  }
  return PQ_OK;
}

int pq_disk_sync_fd(pq_cx *cx, int fd) {
  int rc;
  do {
    rc = fsync(fd);
  } while (rc != 0 && errno == EINTR);
  return rc == 0 ? PQ_OK : pq_disk_fail(cx, errno, "fsync");
}

/* Sync a directory, so that names in it survive a power cut. */
int pq_disk_sync_dir(pq_cx *cx, int dir_fd, const char *path) {
  int fd = pq_disk_open_at(dir_fd, path, O_RDONLY | O_DIRECTORY), rc;
  if (fd < 0) return pq_disk_fail(cx, errno, "open the folder");
  rc = pq_disk_sync_fd(cx, fd);
  close(fd);
  return rc;
}

/* Write to `out` the folder of a path: "" becomes ".", "/x" becomes "/". */
void pq_disk_parent(const char *path, char out[PQ_DISK_PATH_CAP]) {
  const char *slash = strrchr(path, '/');
  size_t n = slash == NULL ? 0 : (size_t)(slash - path);
  pq_assert(n < PQ_DISK_PATH_CAP);
  memcpy(out, path, n);
  out[n] = '\0';
  if (n == 0) snprintf(out, 2, "%s", slash == NULL ? "." : "/");
}

/* Make the folder `path` and those above it; each new name is synced. */
int pq_disk_make_dirs(pq_cx *cx, int dir_fd, const char *path) {
  char part[PQ_DISK_PATH_CAP], parent[PQ_DISK_PATH_CAP], doing[112];
  size_t len = strlen(path);
  if (len >= PQ_DISK_PATH_CAP) return pq_disk_fail(cx, ENAMETOOLONG, "make a folder");
  for (size_t i = 1; i <= len; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    if (path[i - 1] == '/') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdirat(dir_fd, part, 0777) != 0) {
      if (errno == EEXIST) continue;
      snprintf(doing, sizeof doing, "make the folder '%.80s'", part);
      return pq_disk_fail(cx, errno, doing);
    }
    pq_disk_parent(part, parent);
    PQ_TRY(pq_disk_sync_dir(cx, dir_fd, parent));
  }
  return PQ_OK;
}

/* ---- reading ---- */

/* Open an object for reading and tell its length. What is no plain file is no object. */
static int open_object(pq_disk *k, const char *key, int *out_fd, uint64_t *out_len) {
  struct stat st;
  int fd = pq_disk_open_at(k->dir_fd, key, O_RDONLY | O_NONBLOCK), error;
  *out_fd = -1;
  *out_len = 0;
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    return pq_fail(&k->cx, PQ_ENOTFOUND, "no such object");
  if (fd < 0) return pq_disk_fail(&k->cx, errno, "open");
  if (fstat(fd, &st) != 0) {
    error = errno;
    close(fd);
    return pq_disk_fail(&k->cx, error, "fstat");
  }
  if (!S_ISREG(st.st_mode) || st.st_size < 0) {
    close(fd);
    return pq_fail(&k->cx, PQ_ENOTFOUND, "not a plain file");
  }
  *out_fd = fd;
  *out_len = (uint64_t)st.st_size;
  return PQ_OK;
}

static void file_forget(pq_disk *k, pq_disk_file *o) {
  if (o->key == NULL) return;
  close(o->fd);
  pq_alloc(&k->cx, o->key, strlen(o->key) + 1, 0);
  *o = (pq_disk_file){0};
}

static pq_disk_file *file_find(pq_disk *k, const char *key, uint64_t hash) {
  for (int i = 0; i < PQ_DISK_FILES_MAX; i++) {
    pq_disk_file *o = &k->files[i];
    if (o->key != NULL && o->hash == hash && strcmp(o->key, key) == 0) return o;
  }
  return NULL;
}

/* The open file of an object; the one not used for longest makes room. */
static int file_get(pq_disk *k, const char *key, pq_disk_file **out) {
  uint64_t hash = pq_hash(pq_str(key), 0);
  size_t key_len = strlen(key);
  pq_disk_file *o = file_find(k, key, hash), fresh = {.hash = hash};
  *out = NULL;
  if (o == NULL) {
    o = &k->files[0];
    for (int i = 1; i < PQ_DISK_FILES_MAX; i++)
      if (k->files[i].used < o->used) o = &k->files[i];
    file_forget(k, o);
    PQ_TRY(open_object(k, key, &fresh.fd, &fresh.len));
    fresh.key = pq_alloc(&k->cx, NULL, 0, key_len + 1);
    if (fresh.key == NULL) {
      close(fresh.fd);
      return pq_fail_nomem(&k->cx);
    }
    memcpy(fresh.key, key, key_len + 1);
    *o = fresh;
  }
  o->used = ++k->tick;
  *out = o;
  return PQ_OK;
}

static int serve_read(pq_disk *k, const pq_io_req *r) {
  pq_disk_file *o;
  PQ_TRY(file_get(k, r->key, &o));
  if (r->off > o->len || r->len > o->len - r->off)
    return pq_fail(&k->cx, PQ_ECORRUPT, "object is shorter: it has %llu bytes",
                   (unsigned long long)o->len);
  return read_all(&k->cx, o->fd, r->buf, r->len, r->off);
}

static int get_open(pq_disk *k, int fd, uint64_t len, size_t len_max) {
  size_t n;
  if (len > len_max || !pq_to_size(len, &n))
    return pq_fail(&k->cx, PQ_ELIMIT, "object has %llu bytes, at most %zu are expected",
                   (unsigned long long)len, len_max);
  PQ_TRY(pq_buf_reserve(&k->reply, n));
  PQ_TRY(read_all(&k->cx, fd, k->reply.p, n, 0));
  k->reply.len = n;
  return PQ_OK;
}

int pq_disk_get(pq_disk *k, const char *key, size_t len_max) {
  uint64_t len;
  int fd, rc;
  PQ_TRY(open_object(k, key, &fd, &len));
  rc = get_open(k, fd, len, len_max);
  close(fd);
  return rc;
}

/* ---- listing ---- */

static int name_cmp(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sort the NUL-ended names in `names` and put them into the reply, a line each. */
static int put_sorted(pq_disk *k, pq_buf *names, size_t count) {
  const char **list, *p = (const char *)names->p;
  int rc = PQ_OK;
  if (count == 0) return PQ_OK;
  list = pq_alloc(&k->cx, NULL, 0, count * sizeof *list); /* below names->len * 8 */
  if (list == NULL) return pq_fail_nomem(&k->cx);
  for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
    list[i] = p;
  qsort(list, count, sizeof *list, name_cmp);
  for (size_t i = 0; rc == PQ_OK && i < count; i++) {
    rc = pq_buf_put_str(&k->reply, list[i]);
    if (rc == PQ_OK) rc = pq_buf_put_byte(&k->reply, '\n');
  }
  pq_alloc(&k->cx, (void *)list, count * sizeof *list, 0);
  return rc;
}

static bool is_folder(int fd, const struct dirent *e) {
  struct stat st;
  if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK) return e->d_type == DT_DIR;
  return fstatat(fd, e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* Gather one name; what a crashed writer left behind goes, as we hold the lock. */
static int list_name(pq_disk *k, int fd, const struct dirent *e, bool is_top, pq_buf *names) {
  size_t n = strlen(e->d_name);
  if (strncmp(e->d_name, PQ_TEMPORARY_PREFIX, sizeof PQ_TEMPORARY_PREFIX - 1) == 0) {
    if (k->is_writer && strncmp(e->d_name, k->own_prefix, strlen(k->own_prefix)) != 0)
      (void)unlinkat(fd, e->d_name, 0);
    return PQ_OK;
  }
  if (!pq_key_part_is_valid(e->d_name, n)) return PQ_OK;
  if (is_top && pq_key_is_reserved(e->d_name, n)) return PQ_OK;
  PQ_TRY(pq_buf_put(names, e->d_name, n));
  if (is_folder(fd, e)) PQ_TRY(pq_buf_put_byte(names, '/'));
  return pq_buf_put_byte(names, '\0');
}

static int list_open(pq_disk *k, DIR *dir, bool is_top, pq_buf *names) {
  size_t count = 0;
  for (;;) {
    size_t before = names->len;
    const struct dirent *e;
    errno = 0;
    e = readdir(dir);
    if (e == NULL) break;
    PQ_TRY(list_name(k, dirfd(dir), e, is_top, names));
    count += names->len > before;
  }
  if (errno != 0) return pq_disk_fail(&k->cx, errno, "list");
  return put_sorted(k, names, count);
}

static int serve_list(pq_disk *k, const pq_io_req *r) {
  bool is_top = r->key[0] == '\0';
  int fd = pq_disk_open_at(k->dir_fd, is_top ? "." : r->key, O_RDONLY | O_DIRECTORY), rc;
  pq_buf names;
  DIR *dir;
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return PQ_OK;
  if (fd < 0) return pq_disk_fail(&k->cx, errno, "list");
  dir = fdopendir(fd);
  if (dir == NULL) {
    rc = pq_disk_fail(&k->cx, errno, "list");
    close(fd);
    return rc;
  }
  pq_buf_init(&names, &k->cx, r->len);
  rc = list_open(k, dir, is_top, &names);
  pq_buf_release(&names);
  closedir(dir);
  return rc;
}

/* ---- the rest ---- */

static int serve_stat(pq_disk *k, const char *key) {
  uint8_t bytes[PQ_STAT_LEN];
  struct timespec now = {0};
  struct stat st;
  if (fstatat(k->dir_fd, key, &st, 0) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return pq_disk_fail(&k->cx, errno, "stat");
    return pq_fail(&k->cx, PQ_ENOTFOUND, "no such object");
  }
  if (!S_ISREG(st.st_mode) || st.st_size < 0)
    return pq_fail(&k->cx, PQ_ENOTFOUND, "not a plain file");
  clock_gettime(CLOCK_REALTIME, &now);
  pq_stat_put(&(pq_stat){(uint64_t)st.st_size,
                         (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000,
                         (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000},
              bytes);
  return pq_buf_put(&k->reply, bytes, sizeof bytes);
}

static int serve_delete(pq_disk *k, const char *key) {
  char parent[PQ_DISK_PATH_CAP];
  pq_disk_file *o = file_find(k, key, pq_hash(pq_str(key), 0));
  if (o != NULL) file_forget(k, o);
  pq_disk_drop_parts(k, key);
  if (unlinkat(k->dir_fd, key, 0) == 0) {
    pq_disk_parent(key, parent);
    return pq_disk_sync_dir(&k->cx, k->dir_fd, parent);
  }
  return errno == ENOENT || errno == ENOTDIR ? PQ_OK : pq_disk_fail(&k->cx, errno, "delete");
}

/* A namespace has a folder before it has events, so that who lists the folders, as a backup does,
 * finds those that nothing was flushed of. */
static int make_namespace(pq_disk *k, const char *ns) {
  if (strcmp(k->written, ns) == 0) return PQ_OK;
  PQ_TRY(pq_disk_make_dirs(&k->cx, k->dir_fd, ns));
  snprintf(k->written, sizeof k->written, "%s", ns);
  return PQ_OK;
}

static int serve_hot(pq_disk *k, const pq_io_req *r) {
  char path[PQ_DISK_PATH_CAP];
  int n = snprintf(path, sizeof path, "%s/hot.sqlite", k->dir);
  if (n < 0 || n >= PQ_DISK_PATH_CAP) return pq_disk_fail(&k->cx, ENAMETOOLONG, "hot tier");
  if (k->hot == NULL) {
    PQ_TRY(pq_hot_sqlite_open(&k->cx, path, k->is_writer, &k->hot));
    if (k->is_writer) PQ_TRY(pq_disk_sync_dir(&k->cx, k->dir_fd, "."));
  }
  if (k->is_writer && r->len > 0 && r->buf[0] == PQ_HOT_APPEND) PQ_TRY(make_namespace(k, r->key));
  return pq_hot_sqlite_call(k->hot, r->key, (pq_slice){r->buf, r->len}, &k->reply);
}

/* ---- the driver ---- */

static int dispatch(pq_disk *k, const pq_io_req *r) {
  bool is_read = r->kind == PQ_IO_READ || r->kind == PQ_IO_GET || r->kind == PQ_IO_LIST ||
                 r->kind == PQ_IO_STAT || r->kind == PQ_IO_HOT;
  if (pq_key_is_temporary(r->key)) return pq_temporary_serve(&k->temporary, r);
  PQ_TRY(pq_key_check(&k->cx, r->key, r->kind == PQ_IO_LIST));
  if (!is_read && !k->is_writer && !pq_key_is_pin(r->key))
    return pq_fail(&k->cx, PQ_EPERM, "the warehouse is open for reading only");
  switch (r->kind) {
    case PQ_IO_READ: return serve_read(k, r);
    case PQ_IO_GET: return pq_disk_get(k, r->key, r->len);
    case PQ_IO_LIST: return serve_list(k, r);
    case PQ_IO_PUT_NEW: return pq_disk_put_new(k, r->key, (pq_slice){r->buf, r->len});
    case PQ_IO_DELETE: return serve_delete(k, r->key);
    case PQ_IO_HOT: return serve_hot(k, r);
    case PQ_IO_PUT_IF: return pq_disk_put_if(k, r);
    case PQ_IO_STAT: return serve_stat(k, r->key);
    case PQ_IO_PUT_PART:
    case PQ_IO_PUT_END: return pq_disk_put_part(k, r);
  }
  return pq_fail(&k->cx, PQ_EUNSUPPORTED, "unknown request kind %d", (int)r->kind);
}

static void disk_serve(pq_driver *d, pq_fetch *f, const pq_io_req *r) {
  pq_disk *k = (pq_disk *)d;
  int rc;
  pq_buf_clear(&k->reply);
  rc = dispatch(k, r);
  /* A write that found no file below it has not happened, but not for lack of the object. */
  if (rc == PQ_ENOTFOUND && r->kind != PQ_IO_READ && r->kind != PQ_IO_GET && r->kind != PQ_IO_STAT)
    rc = PQ_EIO;
  pq_fetch_done(f, r->id, rc, rc == PQ_OK ? pq_buf_slice(&k->reply) : (pq_slice){0},
                rc == PQ_OK ? NULL : k->cx.msg);
}

static int64_t disk_now_us(pq_driver *d) {
  struct timespec t = {0};
  (void)d;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void disk_random(pq_driver *d, uint8_t *out, size_t n) {
  (void)d;
  while (n > 0) {
    size_t part = n < RANDOM_LEN_MAX ? n : RANDOM_LEN_MAX;
    int rc = getentropy(out, part);
    pq_assert(rc == 0); /* names from a broken source would meet each other */
    out += part;
    n -= part;
  }
}

static void disk_close(pq_driver *d) {
  pq_disk *k = (pq_disk *)d;
  pq_cx cx = k->cx;
  pq_hot_sqlite_close(k->hot);
  for (int i = 0; i < PQ_DISK_FILES_MAX; i++)
    file_forget(k, &k->files[i]);
  pq_disk_drop_parts(k, NULL);
  pq_temporary_release(&k->temporary);
  pq_buf_release(&k->reply);
  if (k->lock_fd >= 0) {
    int rc = ftruncate(k->lock_fd, 0);
    (void)rc; /* the number in it is for messages only */
    close(k->lock_fd);
  }
  if (k->dir_fd >= 0) close(k->dir_fd);
  if (k->dir != NULL) pq_alloc(&cx, k->dir, strlen(k->dir) + 1, 0);
  pq_alloc(&cx, k, sizeof *k, 0);
}

static void disk_hot_counts(pq_driver *d, pq_hot_counts *out) {
  pq_disk *k = (pq_disk *)d;
  *out = (pq_hot_counts){0};
  if (k->hot != NULL) pq_hot_sqlite_counts(k->hot, out);
}

static const pq_driver_vtable disk_vtable = {.run = pq_driver_serve_all,
                                             .serve = disk_serve,
                                             .now_us = disk_now_us,
                                             .random = disk_random,
                                             .close = disk_close,
                                             .hot_counts = disk_hot_counts};

/* ---- opening ---- */

/* After the string `name` in quotes and a colon: the rest of the text, or NULL. */
static const char *after_field(const char *text, const char *name) {
  const char *p = strstr(text, name);
  if (p == NULL) return NULL;
  p += strlen(name);
  p += strspn(p, " \t\r\n");
  if (*p != ':') return NULL;
  return p + 1 + strspn(p + 1, " \t\r\n");
}

static void print_marker(char text[MARKER_CAP]) {
  snprintf(text, MARKER_CAP, "{\"format\":\"parquedb\",\"version\":%d}\n", (int)FORMAT_VERSION);
}

/* Of our own version not a byte may differ. */
static int check_marker_text(pq_disk *k, const char *dir, const char *text) {
  char mine[MARKER_CAP];
  const char *format = after_field(text, "\"format\"");
  const char *version = after_field(text, "\"version\"");
  unsigned long long v = 0;
  if (format == NULL || strncmp(format, "\"parquedb\"", 10) != 0 || version == NULL)
    return pq_fail(&k->cx, PQ_EINVALID, "%s/%s is not a ParqueDB marker", dir, MARKER);
  for (; *version >= '0' && *version <= '9' && v < 1000000000; version++)
    v = v * 10 + (unsigned)(*version - '0');
  if (v == 0) return pq_fail(&k->cx, PQ_EINVALID, "%s/%s has no version", dir, MARKER);
  print_marker(mine);
  if (v == FORMAT_VERSION && strcmp(text, mine) != 0)
    return pq_fail(&k->cx, PQ_ECORRUPT, "%s/%s is damaged: it should be %.*s", dir, MARKER,
                   (int)strcspn(mine, "\n"), mine);
  if (v == FORMAT_VERSION) return PQ_OK;
  return pq_fail(&k->cx, PQ_EUNSUPPORTED,
                 "%s/%s has format version %llu, this program knows version %d", dir, MARKER, v,
                 (int)FORMAT_VERSION);
}

/* PQ_OK: a warehouse of our version. PQ_ENOTFOUND: the file is missing. */
static int check_marker(pq_disk *k, const char *dir) {
  pq_buf_clear(&k->reply);
  PQ_TRY(pq_disk_get(k, MARKER, MARKER_LEN_MAX));
  PQ_TRY(pq_buf_put_byte(&k->reply, '\0'));
  return check_marker_text(k, dir, (const char *)k->reply.p);
}

/* True when nothing stands in the directory but what a creation that did not end leaves there. */
static int check_empty(pq_disk *k, bool *out) {
  pq_io_req r = {.key = "", .len = PQ_DISK_PATH_CAP * 16};
  int rc;
  pq_buf_clear(&k->reply);
  rc = serve_list(k, &r);
  *out = rc == PQ_OK && k->reply.len == 0 && faccessat(k->dir_fd, "hot.sqlite", F_OK, 0) != 0;
  return rc == PQ_ELIMIT ? PQ_OK : rc;
}

static int lock(pq_disk *k, const char *dir) {
  char text[32] = {0};
  int n, rc;
  k->lock_fd = pq_disk_open_at(k->dir_fd, LOCK, O_RDWR | O_CREAT);
  if (k->lock_fd < 0) return pq_disk_fail(&k->cx, errno, "open hot.lock");
  do {
    rc = flock(k->lock_fd, LOCK_EX | LOCK_NB);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0 && errno != EWOULDBLOCK) return pq_disk_fail(&k->cx, errno, "lock hot.lock");
  if (rc != 0) {
    ssize_t len = pread(k->lock_fd, text, sizeof text - 1, 0);
    text[len < 0 ? 0 : len] = '\0';
    text[strspn(text, "0123456789")] = '\0';
    close(k->lock_fd); /* and leave the owner's number in it */
    k->lock_fd = -1;
    return pq_fail(&k->cx, PQ_EBUSY, "warehouse %s is open for writing by process %s", dir,
                   text[0] == '\0' ? "(unknown)" : text);
  }
  n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  if (ftruncate(k->lock_fd, 0) != 0 || pwrite(k->lock_fd, text, (size_t)n, 0) != n)
    return pq_disk_fail(&k->cx, errno, "write hot.lock");
  return PQ_OK;
}

static int create_marker(pq_disk *k, const char *dir) {
  char text[MARKER_CAP], msg[PQ_MESSAGE_CAP];
  int rc;
  print_marker(text);
  rc = pq_disk_put_new(k, MARKER, pq_str(text));
  if (rc == PQ_ECONFLICT || rc == PQ_OK) return check_marker(k, dir);
  memcpy(msg, k->cx.msg, sizeof msg); /* it belongs to no request, whose object would be named */
  return pq_fail(&k->cx, rc, "%s/%s: %s", dir, MARKER, msg);
}

/* Open the directory itself; a missing one is made only by CREATE. */
static int open_dir(pq_disk *k, const char *dir, pq_open_mode mode) {
  char *full;
  size_t len;
  k->dir_fd = pq_disk_open_at(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY);
  if (k->dir_fd < 0 && errno == ENOENT && mode == PQ_OPEN_CREATE) {
    PQ_TRY(pq_disk_make_dirs(&k->cx, AT_FDCWD, dir));
    k->dir_fd = pq_disk_open_at(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY);
  }
  if (k->dir_fd < 0 && errno == ENOENT)
    return pq_fail(&k->cx, PQ_EINVALID, "no warehouse at %s", dir);
  if (k->dir_fd < 0 && errno == ENOTDIR)
    return pq_fail(&k->cx, PQ_EINVALID, "%s is not a directory", dir);
  if (k->dir_fd < 0) return pq_disk_fail(&k->cx, errno, dir);
  full = realpath(dir, NULL);
  if (full == NULL) return pq_disk_fail(&k->cx, errno, dir);
  len = strlen(full) + 1;
  k->dir = pq_alloc(&k->cx, NULL, 0, len);
  if (k->dir != NULL) memcpy(k->dir, full, len);
  free(full);
  return k->dir != NULL ? PQ_OK : pq_fail_nomem(&k->cx);
}

static int open_warehouse(pq_disk *k, const char *dir, pq_open_mode mode) {
  bool is_empty = false;
  int rc;
  PQ_TRY(open_dir(k, dir, mode));
  rc = check_marker(k, dir);
  if (rc != PQ_OK && rc != PQ_ENOTFOUND) return rc;
  if (rc == PQ_ENOTFOUND) {
    if (mode != PQ_OPEN_READ) PQ_TRY(check_empty(k, &is_empty));
    if (mode != PQ_OPEN_READ && !is_empty)
      return pq_fail(&k->cx, PQ_EINVALID, "%s is not a ParqueDB warehouse (no %s)", dir, MARKER);
    if (mode != PQ_OPEN_CREATE) return pq_fail(&k->cx, PQ_EINVALID, "no warehouse at %s", dir);
  }
  if (mode == PQ_OPEN_READ) return PQ_OK;
  PQ_TRY(lock(k, dir));
  k->is_writer = true;
  return rc == PQ_OK ? PQ_OK : create_marker(k, dir);
}

/* Without a directory yet. */
static pq_disk *disk_new(pq_cx *cx) {
  pq_disk *k = pq_alloc(cx, NULL, 0, sizeof *k);
  if (k == NULL) return NULL;
  *k = (pq_disk){.base = {&disk_vtable}, .dir_fd = -1, .lock_fd = -1};
  pq_cx_init(&k->cx, cx->alloc, cx->alloc_ud);
  k->cx.limits = cx->limits;
  pq_buf_init(&k->reply, &k->cx, SIZE_MAX / 2);
  pq_temporary_init(&k->temporary, &k->cx);
  disk_random(&k->base, (uint8_t *)&k->seed, sizeof k->seed);
  snprintf(k->own_prefix, sizeof k->own_prefix, "%s%016llx", PQ_TEMPORARY_PREFIX,
           (unsigned long long)pq_random_next(&k->seed));
  return k;
}

/* It is the caller's, or its opening ended with `rc`. */
static int hand_over(pq_cx *cx, pq_disk *k, int rc, pq_driver **out) {
  *out = rc == PQ_OK ? &k->base : NULL;
  if (rc == PQ_OK) return PQ_OK;
  pq_fail(cx, rc, "%s", k->cx.msg);
  disk_close(&k->base);
  return rc;
}

int pq_disk_open(pq_cx *cx, const char *dir, pq_disk_mode mode, pq_driver **out) {
  pq_disk *k;
  *out = NULL;
  if (strlen(dir) >= PQ_DISK_PATH_CAP - PQ_DISK_PREFIX_CAP)
    return pq_fail(cx, PQ_EPATH, "the path of the warehouse is too long");
  k = disk_new(cx);
  if (k == NULL) return pq_fail_nomem(cx);
  return hand_over(cx, k, open_warehouse(k, dir, mode), out);
}

int pq_disk_open_beside(pq_cx *cx, pq_driver *of, pq_driver **out) {
  const pq_disk *first = (const pq_disk *)of;
  pq_disk *k = disk_new(cx);
  *out = NULL;
  if (k == NULL) return pq_fail_nomem(cx);
  k->is_writer = first->is_writer;
  memcpy(k->own_prefix, first->own_prefix, sizeof k->own_prefix);
  return hand_over(cx, k, open_dir(k, first->dir, PQ_OPEN_READ), out);
}
