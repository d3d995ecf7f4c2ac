/* port/drive_disk_int.h - the directory that drive_disk.c reads and drive_disk_write.c writes.
 *
 * Functions of both fail into `k->cx`, whose message becomes the request's detail. Paths are
 * relative to `dir_fd`.
 */
#ifndef PQ_PORT_DRIVE_DISK_INT_H
#define PQ_PORT_DRIVE_DISK_INT_H

#include "port/drive_disk.h"
#include "port/driver_int.h"
#include "port/hot_sqlite.h"
#include "port/temporary.h"

enum {
  PQ_DISK_FILES_MAX = 64,       /* open files kept for reading */
  PQ_DISK_PARTS_MAX = 16,       /* objects that are being put in parts */
  PQ_DISK_IO_LEN_MAX = 1 << 30, /* of one system call */
  PQ_DISK_PATH_CAP = 4096,
  PQ_DISK_PREFIX_CAP = 48,
  PQ_DISK_NAME_CAP = 256
};

typedef struct pq_disk_file {
  char *key; /* owned; NULL: free slot */
  int fd;
  uint64_t len; /* objects are immutable, so this stays true */
  uint64_t hash;
  uint64_t used; /* tick of the last use */
} pq_disk_file;

/* An object that is being put in parts. */
typedef struct pq_disk_parts {
  char *key;  /* owned; NULL: free slot */
  char *path; /* owned: its temporary name */
  int fd;
  uint64_t len;
  uint64_t used; /* tick of the last use */
} pq_disk_parts;

typedef struct pq_disk {
  pq_driver base; /* first */
  pq_cx cx;       /* its own: the message is a request's detail, not the caller's */
  char *dir;      /* owned, full path */
  int dir_fd;     /* -1: none */
  int lock_fd;    /* -1: a reader */
  bool is_writer;
  pq_disk_file files[PQ_DISK_FILES_MAX];
  pq_disk_parts parts[PQ_DISK_PARTS_MAX];
  uint64_t tick;
  pq_hot_sqlite *hot;                  /* owned, opened at first use */
  char written[PQ_DISK_NAME_CAP];      /* the namespace of the last append */
  pq_temporary temporary;              /* a reader may have them too */
  pq_buf reply;                        /* of one request */
  uint64_t seed;                       /* for temporary names */
  char own_prefix[PQ_DISK_PREFIX_CAP]; /* of this driver's temporary names, and of those beside */
} pq_disk;

/* drive_disk.c: what the system said, as a status and a message. */
int pq_disk_fail(pq_cx *cx, int error, const char *doing);
/* System calls, restarted after signals. */
int pq_disk_open_at(int dir_fd, const char *path, int flags);
int pq_disk_sync_fd(pq_cx *cx, int fd) PQ_MUST_CHECK;
/* Sync a directory, so that names in it survive a power cut. */
int pq_disk_sync_dir(pq_cx *cx, int dir_fd, const char *path) PQ_MUST_CHECK;
/* The folder of a path: "" becomes ".", "/x" becomes "/". */
void pq_disk_parent(const char *path, char out[PQ_DISK_PATH_CAP]);
/* Make the folder `path` and those above it; each new name is synced. */
int pq_disk_make_dirs(pq_cx *cx, int dir_fd, const char *path) PQ_MUST_CHECK;
/* The whole of an object, appended to k->reply. */
int pq_disk_get(pq_disk *k, const char *key, size_t len_max) PQ_MUST_CHECK;

/* drive_disk_write.c */
int pq_disk_put_new(pq_disk *k, const char *key, pq_slice body) PQ_MUST_CHECK;
int pq_disk_put_if(pq_disk *k, const pq_io_req *r) PQ_MUST_CHECK;
int pq_disk_put_part(pq_disk *k, const pq_io_req *r) PQ_MUST_CHECK;
/* Forget the parts of an object, of all with NULL. */
void pq_disk_drop_parts(pq_disk *k, const char *key);

#endif
