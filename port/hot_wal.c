/* port/hot_wal.c - see hot_wal.h. Layout: sqlite.org/fileformat2.html, 4.
 *
 *   header 32 bytes: magic version page-size number salt1 salt2 | sum1 sum2
 *   frame  24 bytes: page size-of-db | salt1 salt2 sum1 sum2, then the page
 *
 * The sums go on from frame to frame. They are linear, so what a turned bit adds to them depends on
 * its place alone: each place is tried in one pass from the back.
 */
#include "port/hot_wal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  HEADER_LEN = 32,
  HEADER_SUMMED = 24,
  FRAME_LEN = 24,
  FRAME_SUMMED = 8,
  PAGE_LEN_MAX = 65536,
  FRAMES_MAX = 1 << 22,
  READ_TRIES = 5, /* a writer that is just renewing the header gets time to do it */
  READ_WAIT_US = 2000
};

typedef struct sums {
  uint32_t a, b;
} sums;

typedef struct wal {
  int fd;
  bool is_big; /* byte order of the summed words */
  uint32_t page_len;
  uint8_t salts[8];
  sums sum;       /* up to the frame */
  uint8_t *frame; /* owned: FRAME_LEN + page_len bytes */
} wal;

static uint32_t read_be32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word_at(bool is_big, const uint8_t *p) {
  return is_big ? read_be32(p) : pq_rd32(p);
}

static sums add(bool is_big, sums s, const uint8_t *p, size_t len) {
  for (size_t i = 0; i < len; i += 8) {
    s.a += word_at(is_big, p + i) + s.b;
    s.b += word_at(is_big, p + i + 4) + s.a;
  }
  return s;
}

static sums stored_at(const uint8_t *p) {
  return (sums){read_be32(p), read_be32(p + 4)};
}

static bool is_equal(sums x, sums y) {
  return x.a == y.a && x.b == y.b;
}

/* Does the header hold what SQLite writes there? One that is all zero was never written. */
static bool header_is_fine(wal *w, const uint8_t p[HEADER_LEN], bool *is_empty) {
  uint32_t magic = read_be32(p), any = 0;
  for (int i = 0; i < HEADER_LEN; i++)
    any |= p[i];
  *is_empty = any == 0;
  if (*is_empty) return true;
  if ((magic & ~1u) != 0x377f0682) return false;
  w->is_big = (magic & 1) != 0;
  w->page_len = read_be32(p + 8);
  for (int i = 0; i < 8; i++)
    w->salts[i] = p[16 + i];
  w->sum = add(w->is_big, (sums){0, 0}, p, HEADER_SUMMED);
  return is_equal(w->sum, stored_at(p + HEADER_SUMMED));
}

static int bits_in(const uint8_t *x, const uint8_t *y, int len) {
  int n = 0;
  for (int i = 0; i < len; i++)
    for (unsigned d = (unsigned)(x[i] ^ y[i]); d != 0; d &= d - 1)
      n++;
  return n;
}

/* Is there a bit in the words at `p` that, turned, makes their sums larger by `missing`? *u and *w
 * are what 1 in the first and in the second word of the last pair adds, and move to the pair
 * before. */
static bool has_bit(bool is_big, const uint8_t *p, size_t len, sums missing, sums *u, sums *w) {
  for (size_t i = len; i > 0; i -= 8) {
    for (int k = 0; k < 2; k++) {
      uint32_t word = word_at(is_big, p + i - 8 + 4 * k);
      sums each = k == 0 ? *u : *w;
      for (int bit = 0; bit < 32; bit++) {
        uint32_t change = word >> bit & 1 ? 0u - (1u << bit) : 1u << bit;
        if (is_equal((sums){change * each.a, change * each.b}, missing)) return true;
      }
    }
    *u = (sums){u->a + u->b, u->a + 2 * u->b};
    *w = (sums){w->a + w->b, w->a + 2 * w->b};
  }
  return false;
}

/* A frame whose sums are not those of its bytes: did one bit turn? */
static bool is_one_bit(const wal *w, sums sum) {
  const uint8_t *f = w->frame;
  sums stored = stored_at(f + 16), u = {1, 1}, v = {0, 1};
  sums missing = {stored.a - sum.a, stored.b - sum.b};
  uint8_t right[8];
  for (int i = 0; i < 4; i++) {
    right[i] = (uint8_t)(sum.a >> (24 - 8 * i));
    right[4 + i] = (uint8_t)(sum.b >> (24 - 8 * i));
  }
  if (bits_in(right, f + 16, 8) == 1) return true;
  return has_bit(w->is_big, f + FRAME_LEN, w->page_len, missing, &u, &v) ||
         has_bit(w->is_big, f, FRAME_SUMMED, missing, &u, &v);
}

static int fail_frame(pq_cx *cx, const char *name, uint32_t frame, uint64_t off) {
  return pq_fail(cx, PQ_ECORRUPT,
                 "hot tier %s: one bit turned in frame %u, at bytes %llu and on: what was "
                 "acknowledged from there on would be lost. Restore a backup; or remove the file, "
                 "and with it all that was not flushed",
                 name, frame, (unsigned long long)off);
}

static int check_frames(pq_cx *cx, const char *name, wal *w) {
  uint64_t off = HEADER_LEN;
  size_t len = FRAME_LEN + w->page_len;
  for (uint32_t i = 0; i < FRAMES_MAX; i++, off += len) {
    const uint8_t *f = w->frame;
    sums sum;
    int differing;
    if (pread(w->fd, w->frame, len, (off_t)off) != (ssize_t)len) return PQ_OK;
    differing = bits_in(f + 8, w->salts, 8);
    sum = add(w->is_big, w->sum, f, FRAME_SUMMED);
    sum = add(w->is_big, sum, f + FRAME_LEN, w->page_len);
    if (differing == 1 && is_equal(sum, stored_at(f + 16))) return fail_frame(cx, name, i, off);
    if (differing > 0) return PQ_OK;
    if (!is_equal(sum, stored_at(f + 16)))
      return is_one_bit(w, sum) ? fail_frame(cx, name, i, off) : PQ_OK;
    w->sum = sum;
  }
  return PQ_OK;
}

static bool page_len_is_valid(uint32_t n) {
  return n >= 512 && n <= PAGE_LEN_MAX && (n & (n - 1)) == 0;
}

/* The log as it is now; *is_fine says whether its header is. */
static int check_once(pq_cx *cx, const char *name, int fd, bool *is_fine) {
  uint8_t header[HEADER_LEN];
  wal w = {.fd = fd};
  bool is_empty;
  int rc;
  *is_fine = true;
  if (pread(fd, header, sizeof header, 0) != HEADER_LEN) return PQ_OK;
  *is_fine = header_is_fine(&w, header, &is_empty);
  if (!*is_fine || is_empty || !page_len_is_valid(w.page_len)) return PQ_OK;
  w.frame = malloc(FRAME_LEN + w.page_len);
  if (w.frame == NULL) return pq_fail_nomem(cx);
  rc = check_frames(cx, name, &w);
  free(w.frame);
  return rc;
}

int pq_wal_check(pq_cx *cx, const char *name) {
  bool is_fine = false;
  int rc = PQ_OK;
  for (int i = 0; i < READ_TRIES && rc == PQ_OK && !is_fine; i++) {
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return PQ_OK; /* none, or not for us to read: opening the file will say so */
    if (i > 0) usleep(READ_WAIT_US);
    rc = check_once(cx, name, fd, &is_fine);
    close(fd);
  }
  if (rc != PQ_OK || is_fine) return rc;
  return pq_fail(cx, PQ_ECORRUPT, "hot tier %s: its header is damaged", name);
}
