/* port/zoneinfo.c - see zoneinfo.h.
 *
 *   names by hash ──► [zone]──►[zone]      found once, kept for ever
 */
#include "port/zoneinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/zone.h"

enum { ZONE_COUNT_MAX = 1024, BUCKET_COUNT = 256, FILE_LEN_MAX = 64 * 1024 };

typedef struct zone_file {
  struct zone_file *next;
  size_t name_len, len;
  uint8_t bytes[]; /* the name, then the file */
} zone_file;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static zone_file *buckets[BUCKET_COUNT];
static int zone_count;

static zone_file *find_zone(pq_slice name, size_t bucket) {
  zone_file *z = buckets[bucket];
  while (z != NULL && !pq_slice_eq(name, (pq_slice){z->bytes, z->name_len}))
    z = z->next;
  return z;
}

static int open_zone(pq_slice name, size_t *len) {
  const char *folder = getenv("TZDIR");
  char path[512];
  struct stat st;
  int fd, n;
  if (folder == NULL || folder[0] == '\0') folder = "/usr/share/zoneinfo";
  n = snprintf(path, sizeof path, "%s/%.*s", folder, (int)name.n, (const char *)name.p);
  if (n < 0 || (size_t)n >= sizeof path) return -1;
  fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= FILE_LEN_MAX) {
    *len = (size_t)st.st_size;
    return fd;
  }
  close(fd);
  return -1;
}

static bool read_all(int fd, uint8_t *p, size_t len) {
  while (len > 0) {
    ssize_t n = read(fd, p, len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    len -= (size_t)n;
  }
  return true;
}

static int load_zone(pq_slice name, zone_file **out) {
  size_t len;
  int fd = open_zone(name, &len), rc = PQ_ENOTFOUND;
  pq_zone checked;
  zone_file *z;
  *out = NULL;
  if (fd < 0) return PQ_ENOTFOUND;
  z = malloc(sizeof *z + name.n + len);
  if (z == NULL) {
    close(fd);
    return PQ_ENOMEM;
  }
  *z = (zone_file){.name_len = name.n, .len = len};
  memcpy(z->bytes, name.p, name.n);
  if (read_all(fd, z->bytes + name.n, len) &&
      pq_zone_read((pq_slice){z->bytes + name.n, len}, &checked))
    rc = PQ_OK;
  close(fd);
  if (rc == PQ_OK)
    *out = z;
  else
    free(z);
  return rc;
}

/* Under the lock. */
static int find_or_load(pq_slice name, zone_file **out) {
  size_t bucket = (size_t)(pq_hash(name, 0) % BUCKET_COUNT);
  *out = find_zone(name, bucket);
  if (*out != NULL) return PQ_OK;
  if (zone_count == ZONE_COUNT_MAX) return PQ_ELIMIT;
  PQ_TRY(load_zone(name, out));
  (*out)->next = buckets[bucket];
  buckets[bucket] = *out;
  zone_count++;
  return PQ_OK;
}

static int serve_zone(void *ud, pq_slice name, pq_slice *tzif) {
  zone_file *z;
  int rc;
  (void)ud;
  *tzif = (pq_slice){0};
  if (!pq_zone_name_is_valid(name)) return PQ_ENOTFOUND;
  pthread_mutex_lock(&lock);
  rc = find_or_load(name, &z);
  pthread_mutex_unlock(&lock);
  if (rc == PQ_OK) *tzif = (pq_slice){z->bytes + z->name_len, z->len};
  return rc;
}

void pq_zone_set(pq_cx *cx) {
  cx->zone = serve_zone;
}
