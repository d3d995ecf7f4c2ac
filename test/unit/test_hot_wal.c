/* Unit tests of port/hot_wal.c over a log that SQLite wrote. */
#include "port/hot_wal.h"

#include <sqlite3.h>

#include "drive_dir.h"
#include "drive_util.h"

enum { LEN_MAX = 1 << 20, HEADER_LEN = 32, FRAME_LEN = 24 + 4096 };

static char name[128];
static uint8_t bytes[LEN_MAX];
static size_t len;

static void write_log(size_t n) {
  FILE *f = fopen(name, "wb");
  CHECK(f != NULL && fwrite(bytes, 1, n, f) == n);
  if (f != NULL) fclose(f);
}

/* Six commits; the database stays open so that its log stays. */
static void make_log(const char *dir) {
  char path[128], sql[200];
  sqlite3 *db;
  FILE *f;
  snprintf(path, sizeof path, "%s/a.sqlite", dir);
  CHECK(sqlite3_open(path, &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL) == SQLITE_OK);
  for (int i = 0; i < 5; i++) {
    snprintf(sql, sizeof sql, "INSERT INTO t VALUES('row %d' || hex(randomblob(700)))", i);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
  }
  snprintf(path, sizeof path, "%s/a.sqlite-wal", dir);
  f = fopen(path, "rb");
  len = f == NULL ? 0 : fread(bytes, 1, LEN_MAX, f);
  if (f != NULL) fclose(f);
  sqlite3_close(db);
  CHECK(len > HEADER_LEN + 6 * FRAME_LEN);
}

static int check(void) {
  return pq_wal_check(&drive_cx, name);
}

static void test_wal_whole(void) {
  write_log(len);
  CHECK(check() == PQ_OK);
  remove(name);
  CHECK(check() == PQ_OK); /* there is none */
  for (size_t n = 0; n < len; n += 1009) {
    write_log(n);
    CHECK(check() == PQ_OK); /* cut: a power cut */
  }
}

/* Every bit of the header and of frames' heads, and some of each page. */
static void test_wal_turned(void) {
  uint32_t missed = 0;
  for (size_t at = 0; at < len;
       at += at < HEADER_LEN || (at - HEADER_LEN) % FRAME_LEN < 24 ? 1 : 97)
    for (int bit = 0; bit < 8; bit += 3) {
      bytes[at] ^= (uint8_t)(1 << bit);
      write_log(len);
      missed += check() != PQ_ECORRUPT;
      bytes[at] ^= (uint8_t)(1 << bit);
    }
  CHECK(missed == 0);
}

/* What a power cut leaves: old or random bytes in a part of the last frames. */
static void test_wal_torn(void) {
  static uint8_t kept[LEN_MAX];
  uint32_t refused = 0;
  uint64_t state = 5;
  memcpy(kept, bytes, len);
  for (int i = 0; i < 60; i++) {
    size_t from = len - FRAME_LEN * (size_t)(1 + i % 3) + 512 * (size_t)(i % 7);
    for (size_t k = from; k < len && k < from + 1024; k++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      bytes[k] = i % 2 == 0 ? 0 : (uint8_t)(state >> 56);
    }
    write_log(len);
    refused += check() != PQ_OK;
    memcpy(bytes, kept, len);
  }
  CHECK(refused == 0);
}

int main(void) {
  char dir[DRIVE_DIR_CAP];
  unit_cx_init(&drive_cx);
  drive_make_dir(dir);
  snprintf(name, sizeof name, "%s/hot.sqlite-wal", dir);
  make_log(dir);
  RUN(test_wal_whole);
  RUN(test_wal_turned);
  RUN(test_wal_torn);
  drive_remove_dir(dir, 0);
  return unit_end();
}
