/* Unit tests of port/hot_sqlite.c, in a temporary directory. */
#include "port/hot_sqlite.h"

#include <sqlite3.h>
#include <sys/wait.h>

#include "drive_dir.h"
#include "drive_util.h"

static char top[64];
static pq_arena state_arena; /* holds what `state` points to, until the next call */
static pq_hot_state state;

static const char *at(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", top, name);
  return path;
}

static int call(pq_hot_sqlite *h, const char *ns, const pq_hot_request *q) {
  pq_buf b, reply;
  pq_slice copy;
  int rc;
  state = (pq_hot_state){0};
  pq_buf_init(&b, &drive_cx, 1 << 24);
  pq_buf_init(&reply, &drive_cx, 1 << 24);
  rc = pq_hot_put_request(&b, q);
  if (rc == PQ_OK) rc = pq_hot_sqlite_call(h, ns, pq_buf_slice(&b), &reply);
  pq_arena_release(&state_arena);
  pq_arena_init(&state_arena, &drive_cx, 1 << 25);
  if (rc == PQ_OK && q->op <= PQ_HOT_READ) {
    rc = pq_arena_copy(&state_arena, pq_buf_slice(&reply), &copy);
    if (rc == PQ_OK) rc = pq_hot_parse_state(&state_arena, copy, &state);
  }
  pq_buf_release(&b);
  pq_buf_release(&reply);
  return rc;
}

static int call_open(pq_hot_sqlite *h, const char *ns) {
  return call(h, ns, &(pq_hot_request){.op = PQ_HOT_OPEN});
}

static int call_read(pq_hot_sqlite *h, const char *ns) {
  return call(h, ns, &(pq_hot_request){.op = PQ_HOT_READ});
}

static int call_append(pq_hot_sqlite *h, const char *ns, uint64_t epoch, uint64_t lo, pq_slice s) {
  pq_hot_batch b = {lo, lo + 1, s}; /* two events each */
  return call(
      h, ns,
      &(pq_hot_request){.op = PQ_HOT_APPEND, .epoch = epoch, .batches = &b, .batch_count = 1});
}

static int call_trim(pq_hot_sqlite *h, const char *ns, uint64_t epoch, uint64_t seq_hi) {
  return call(h, ns,
              &(pq_hot_request){
                  .op = PQ_HOT_TRIM, .epoch = epoch, .seq_hi = seq_hi, .ts_hi = (int64_t)seq_hi});
}

static void begin(void) {
  unit_cx_init(&drive_cx);
}

static void end(void) {
  pq_arena_release(&state_arena);
  CHECK(unit_live_len == 0);
}

static void test_hot_sqlite_append_read_trim(void) {
  pq_hot_sqlite *h, *r;
  begin();
  CHECK(pq_hot_sqlite_open(&drive_cx, at("a"), false, &r) == PQ_OK);
  CHECK(call_read(r, "n") == PQ_OK && state.epoch == 0 && state.batch_count == 0);
  CHECK(access(at("a"), F_OK) != 0);
  CHECK(pq_hot_sqlite_open(&drive_cx, at("a"), true, &h) == PQ_OK);
  CHECK(call_append(h, "n", 1, 1, PQ_SLICE("x")) == PQ_EFENCED); /* nobody opened it */
  CHECK(call_append(h, "n", 0, 1, PQ_SLICE("x")) == PQ_EFENCED);
  CHECK(call_open(h, "n") == PQ_OK && state.epoch == 1 && state.seq_hi == 0);
  CHECK(call_append(h, "n", 1, 1, PQ_SLICE("one")) == PQ_OK);
  CHECK(call_append(h, "n", 1, 3, (pq_slice){0}) == PQ_OK);
  CHECK(call_append(h, "n", 1, 3, PQ_SLICE("again")) == PQ_ECORRUPT);
  CHECK(call_append(h, "n", 1, 6, PQ_SLICE("gap")) == PQ_ECORRUPT);
  CHECK(call_append(h, "n", 1, 5, PQ_SLICE("three")) == PQ_OK);
  CHECK(call_read(r, "n") == PQ_OK && state.batch_count == 3 && state.seq_hi == 0);
  CHECK(pq_slice_is(state.batches[0].body, "one") && state.batches[1].body.n == 0);
  CHECK(state.batches[2].seq_lo == 5 && state.batches[2].seq_hi == 6);
  CHECK(call_read(r, "m") == PQ_OK && state.batch_count == 0);
  CHECK(call_append(r, "n", 1, 7, PQ_SLICE("x")) == PQ_EPERM);
  CHECK(call_open(r, "n") == PQ_EPERM);
  /* Trim in the middle of a batch keeps it; a late trim changes nothing. */
  CHECK(call_trim(h, "n", 1, 3) == PQ_OK);
  CHECK(call_trim(h, "n", 1, 1) == PQ_OK);
  CHECK(call_read(r, "n") == PQ_OK && state.batch_count == 2 && state.seq_hi == 3);
  CHECK(state.ts_hi == 3 && state.batches[0].seq_lo == 3);
  /* Trim past the end, as after a bulk write: the next event follows the flush position. */
  CHECK(call_trim(h, "n", 1, 100) == PQ_OK);
  CHECK(call_read(h, "n") == PQ_OK && state.batch_count == 0 && state.seq_hi == 100);
  CHECK(call_append(h, "n", 1, 7, PQ_SLICE("x")) == PQ_ECORRUPT);
  CHECK(call_append(h, "n", 1, 101, PQ_SLICE("x")) == PQ_OK);
  CHECK(call_open(h, "n") == PQ_OK && state.epoch == 2 && state.seq_hi == 100);
  CHECK(call_append(h, "n", 2, 103, PQ_SLICE("y")) == PQ_OK);
  pq_hot_sqlite_close(r);
  pq_hot_sqlite_close(h);
  CHECK(access(at("a-wal"), F_OK) != 0);
  /* A new connection that is told the epoch reads the last number itself. */
  CHECK(pq_hot_sqlite_open(&drive_cx, at("a"), true, &h) == PQ_OK);
  CHECK(call_append(h, "n", 2, 103, PQ_SLICE("z")) == PQ_ECORRUPT);
  CHECK(call_append(h, "n", 2, 105, PQ_SLICE("z")) == PQ_OK);
  CHECK(call_read(h, "n") == PQ_OK && state.batch_count == 3);
  pq_hot_sqlite_close(h);
  end();
}

static void test_hot_sqlite_fence(void) {
  pq_hot_sqlite *a, *b;
  begin();
  CHECK(pq_hot_sqlite_open(&drive_cx, at("f"), true, &a) == PQ_OK);
  CHECK(pq_hot_sqlite_open(&drive_cx, at("f"), true, &b) == PQ_OK);
  CHECK(call_open(a, "n") == PQ_OK && state.epoch == 1);
  CHECK(call_open(a, "m") == PQ_OK && state.epoch == 1);
  CHECK(call_append(a, "n", 1, 1, PQ_SLICE("a")) == PQ_OK);
  CHECK(call_open(b, "n") == PQ_OK && state.epoch == 2);
  CHECK(call_append(a, "n", 1, 3, PQ_SLICE("a")) == PQ_EFENCED);
  CHECK(strstr(drive_cx.msg, "epoch 2") != NULL);
  CHECK(call_trim(a, "n", 1, 2) == PQ_EFENCED);
  CHECK(call_append(b, "n", 2, 3, PQ_SLICE("b")) == PQ_OK);
  CHECK(call_append(a, "m", 1, 1, PQ_SLICE("a")) == PQ_OK); /* another namespace is not fenced */
  CHECK(call_read(a, "n") == PQ_OK && state.batch_count == 2 && state.epoch == 2);
  CHECK(pq_slice_is(state.batches[1].body, "b"));
  CHECK(call_open(a, "n") == PQ_OK && state.epoch == 3);
  CHECK(call_append(b, "n", 2, 5, PQ_SLICE("b")) == PQ_EFENCED);
  CHECK(call_append(a, "n", 3, 5, PQ_SLICE("a")) == PQ_OK);
  pq_hot_sqlite_close(a);
  pq_hot_sqlite_close(b);
  end();
}

static long file_len(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void test_hot_sqlite_chunks(void) {
  enum { BIG = 2 * PQ_HOT_CHUNK_LEN_MAX + 5 };
  uint8_t *big = malloc(BIG);
  pq_hot_batch b[3] = {{1, 1, {big, BIG}}, {2, 2, {big, 10}}, {3, 3, {big, PQ_HOT_CHUNK_LEN_MAX}}};
  pq_hot_request q = {.op = PQ_HOT_APPEND, .epoch = 1, .batches = b, .batch_count = 3};
  pq_hot_sqlite *h;
  begin();
  for (size_t i = 0; i < BIG; i++)
    big[i] = (uint8_t)(i * 7 + i / 1000);
  CHECK(pq_hot_sqlite_open(&drive_cx, at("c"), true, &h) == PQ_OK);
  CHECK(call_open(h, "n") == PQ_OK);
  q.durability = 1;
  CHECK(call(h, "n", &q) == PQ_OK);
  CHECK(call_read(h, "n") == PQ_OK && state.batch_count == 3);
  for (uint32_t i = 0; i < 3; i++)
    CHECK(pq_slice_eq(state.batches[i].body, b[i].body));
  q.durability = 2;
  for (uint32_t i = 0; i < 3; i++)
    b[i].seq_lo = b[i].seq_hi = 4 + i;
  CHECK(call(h, "n", &q) == PQ_OK);
  CHECK(file_len(at("c")) + file_len(at("c-wal")) > 6 * PQ_HOT_CHUNK_LEN_MAX);
  CHECK(call_trim(h, "n", 1, 6) == PQ_OK);
  CHECK(file_len(at("c")) < 100000 && file_len(at("c-wal")) < 100000);
  CHECK(call_read(h, "n") == PQ_OK && state.batch_count == 0 && state.seq_hi == 6);
  pq_hot_sqlite_close(h);
  free(big);
  end();
}

/* Change a hot tier behind our back. */
static void tamper(const char *path, const char *sql) {
  sqlite3 *db;
  CHECK(sqlite3_open(path, &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
  sqlite3_close(db);
}

static void put_file(const char *path, const void *p, size_t n) {
  FILE *f = fopen(path, "wb");
  CHECK(f != NULL);
  if (f == NULL) return;
  CHECK(fwrite(p, 1, n, f) == n);
  fclose(f);
}

/* A hot tier with two batches of namespace "n": made once, then copied, which needs no syncs. */
static void make(const char *path) {
  enum { CAP = 65536 };
  static uint8_t good[CAP];
  static size_t good_len;
  pq_hot_sqlite *h;
  FILE *f;
  if (good_len > 0) {
    put_file(path, good, good_len);
    return;
  }
  CHECK(pq_hot_sqlite_open(&drive_cx, path, true, &h) == PQ_OK);
  CHECK(call_open(h, "n") == PQ_OK);
  CHECK(call_append(h, "n", 1, 1, PQ_SLICE("one")) == PQ_OK);
  CHECK(call_append(h, "n", 1, 3, PQ_SLICE("two")) == PQ_OK);
  pq_hot_sqlite_close(h);
  f = fopen(path, "rb");
  CHECK(f != NULL);
  if (f == NULL) return;
  good_len = fread(good, 1, CAP, f);
  CHECK(good_len > 4096 && good_len < CAP);
  fclose(f);
}

/* What opening and reading gives after `sql` was run, for a reader and for a writer. */
static int reading_after(const char *sql, bool is_writer) {
  pq_hot_sqlite *h;
  int rc;
  make(at("t"));
  tamper(at("t"), sql);
  rc = pq_hot_sqlite_open(&drive_cx, at("t"), is_writer, &h);
  if (rc != PQ_OK) CHECK(h == NULL);
  if (rc == PQ_OK) rc = call_read(h, "n");
  pq_hot_sqlite_close(h);
  return rc;
}

static void test_hot_sqlite_tampered(void) {
  static const struct {
    const char *sql;
    int rc;
  } cases[] = {
      {"ANALYZE", PQ_OK},
      {"UPDATE meta SET value = 2", PQ_EUNSUPPORTED},
      {"UPDATE meta SET value = 'x'", PQ_ECORRUPT},
      {"DELETE FROM meta", PQ_ECORRUPT},
      {"DROP TABLE meta", PQ_ECORRUPT},
      {"DROP TABLE batch", PQ_ECORRUPT},
      {"CREATE TABLE mine(x)", PQ_ECORRUPT},
      {"DROP TABLE batch; CREATE VIEW batch AS SELECT 'n' AS ns, 1 AS seq_lo", PQ_ECORRUPT},
      {"CREATE TRIGGER t AFTER INSERT ON batch BEGIN DELETE FROM batch; END", PQ_ECORRUPT},
      {"UPDATE state SET epoch = -1", PQ_ECORRUPT},
      {"UPDATE state SET seq_hi = 'many'", PQ_ECORRUPT},
      {"UPDATE state SET seq_hi = 1.5", PQ_ECORRUPT},
      {"UPDATE state SET seq_hi = 2", PQ_ECORRUPT},
      {"UPDATE batch SET ns = 'o' WHERE seq_lo = 3", PQ_ECORRUPT},
      {"DELETE FROM batch WHERE seq_lo = 1", PQ_ECORRUPT},
      {"UPDATE batch SET chunk = 1 WHERE seq_lo = 3", PQ_ECORRUPT},
      {"UPDATE batch SET chunk = 1 WHERE seq_lo = 1", PQ_ECORRUPT},
      {"UPDATE batch SET seq_hi = 0 WHERE seq_lo = 1; UPDATE state SET seq_hi = -1", PQ_ECORRUPT},
      {"UPDATE batch SET seq_hi = 3 WHERE seq_lo = 1", PQ_ECORRUPT},
      {"UPDATE batch SET body = 'text'", PQ_ECORRUPT},
      {"UPDATE batch SET seq_lo = 4 WHERE seq_lo = 3", PQ_ECORRUPT},
      {"INSERT INTO batch VALUES('n', 1, 2, 2, x'00')", PQ_ECORRUPT},
      {"UPDATE batch SET seq_hi = 9223372036854775807 WHERE seq_lo = 3", PQ_OK}};
  begin();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int reader = reading_after(cases[i].sql, false), writer = reading_after(cases[i].sql, true);
    if (reader != cases[i].rc || writer != cases[i].rc)
      fprintf(stderr, "%s: %d %d (%s)\n", cases[i].sql, reader, writer, drive_cx.msg);
    CHECK(reader == cases[i].rc && writer == cases[i].rc);
  }
  end();
}

/* Any damage to the file gives an answer or an error, never a crash. */
static void test_hot_sqlite_damaged(void) {
  enum { CAP = 65536 };
  uint8_t *good = malloc(CAP), *bad = malloc(CAP);
  uint64_t rnd = 5;
  pq_hot_sqlite *h;
  FILE *f;
  size_t n;
  begin();
  put_file(at("foreign"), "this is a letter and no database at all, but long enough....", 60);
  for (int is_writer = 0; is_writer < 2; is_writer++) {
    CHECK(pq_hot_sqlite_open(&drive_cx, at("foreign"), is_writer, &h) == PQ_ECORRUPT);
    CHECK(h == NULL && strstr(drive_cx.msg, "foreign") != NULL);
  }
  put_file(at("zero"), "", 0); /* a file is made with its tables: one without is damaged */
  CHECK(pq_hot_sqlite_open(&drive_cx, at("zero"), false, &h) == PQ_ECORRUPT);
  CHECK(pq_hot_sqlite_open(&drive_cx, at("zero"), true, &h) == PQ_ECORRUPT);
  put_file(at("gone-wal"), "x", 1);
  for (int is_writer = 0; is_writer < 2; is_writer++) {
    CHECK(pq_hot_sqlite_open(&drive_cx, at("gone"), is_writer, &h) == PQ_ECORRUPT);
    CHECK(strstr(drive_cx.msg, "gone-wal is there") != NULL);
  }
  make(at("t"));
  f = fopen(at("t"), "rb");
  n = fread(good, 1, CAP, f);
  fclose(f);
  CHECK(n > 4096 && n < CAP);
  for (int i = 0; i < 150; i++) {
    int rc;
    memcpy(bad, good, n);
    for (int j = 0; j < 20; j++) {
      rnd = rnd * 6364136223846793005u + 1442695040888963407u;
      bad[(rnd >> 33) % n] = (uint8_t)(rnd >> 24);
    }
    put_file(at("t"), bad, i % 5 == 0 ? (size_t)(rnd >> 40) % n : n);
    rc = pq_hot_sqlite_open(&drive_cx, at("t"), i % 2 == 0, &h);
    if (rc == PQ_OK) (void)call_read(h, "n");
    if (rc == PQ_OK && i % 2 == 0) (void)call_open(h, "n");
    if (rc == PQ_OK && i % 2 == 0) (void)call_append(h, "n", state.epoch, 5, PQ_SLICE("x"));
    pq_hot_sqlite_close(h);
    remove(at("t-wal"));
    remove(at("t-shm"));
  }
  free(good);
  free(bad);
  end();
}

/* Copy a file of the test's folder, one bit of one byte turned. */
static size_t copy_file(const char *from, const char *to, size_t flip_at) {
  static uint8_t bytes[1 << 20];
  FILE *f = fopen(at(from), "rb");
  size_t n = f == NULL ? 0 : fread(bytes, 1, sizeof bytes, f);
  if (f != NULL) fclose(f);
  if (flip_at < n) bytes[flip_at] ^= 0x10;
  put_file(at(to), bytes, n);
  return n;
}

/* A log as a killed writer leaves it: read to its end, or refused when its header is damaged. */
static void test_hot_sqlite_damaged_log(void) {
  pq_hot_sqlite *writer, *h;
  begin();
  CHECK(pq_hot_sqlite_open(&drive_cx, at("w"), true, &writer) == PQ_OK);
  CHECK(call_open(writer, "n") == PQ_OK);
  CHECK(call_append(writer, "n", 1, 1, PQ_SLICE("one")) == PQ_OK);
  CHECK(call_append(writer, "n", 1, 3, PQ_SLICE("two")) == PQ_OK);
  for (size_t i = 0; i <= 32; i++) {
    bool is_writer = i % 2 == 1;
    copy_file("w", "v", SIZE_MAX);
    CHECK(copy_file("w-wal", "v-wal", i < 32 ? i : SIZE_MAX) > 4096);
    CHECK(pq_hot_sqlite_open(&drive_cx, at("v"), is_writer, &h) == (i < 32 ? PQ_ECORRUPT : PQ_OK));
    if (i < 32) CHECK(strstr(drive_cx.msg, "v-wal") != NULL);
    if (i == 32) CHECK(call_read(h, "n") == PQ_OK && state.batch_count == 2);
    pq_hot_sqlite_close(h);
    remove(at("v-shm"));
  }
  pq_hot_sqlite_close(writer);
  end();
}

/* A child without rights reads in a directory that it cannot write; it exits by itself. */
static int read_as_nobody(const char *path) {
  int status = -1;
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    pq_hot_sqlite *h;
    int rc;
    if (geteuid() == 0 && setuid(65534) != 0) _exit(100);
    rc = pq_hot_sqlite_open(&drive_cx, path, false, &h);
    if (rc == PQ_OK) rc = call_read(h, "n");
    if (rc == PQ_OK) rc = call_read(h, "n");
    if (rc == PQ_OK && state.batch_count != 2) rc = PQ_ECORRUPT;
    if (rc == PQ_EPERM && strstr(drive_cx.msg, "the unflushed tail cannot be opened") == NULL)
      rc = PQ_EINVALID;
    _exit(-rc);
  }
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 1;
  return -WEXITSTATUS(status);
}

static void test_hot_sqlite_read_only_directory(void) {
  char path[512];
  begin();
  snprintf(path, sizeof path, "%s", at("r o?/x%"));
  CHECK(mkdir(at("r o?"), 0755) == 0 && chmod(top, 0755) == 0);
  make(path);
  CHECK(chmod(path, 0444) == 0 && chmod(at("r o?"), 0555) == 0);
  CHECK(read_as_nobody(path) == PQ_OK);
  /* With a log that cannot be read together with the file, the tail is not guessed. */
  CHECK(chmod(at("r o?"), 0755) == 0);
  put_file(at("r o?/x%-wal"), "", 0);
  CHECK(chmod(at("r o?"), 0555) == 0);
  CHECK(read_as_nobody(path) == PQ_EPERM);
  CHECK(chmod(at("r o?"), 0755) == 0 && chmod(path, 0000) == 0);
  CHECK(read_as_nobody(path) == PQ_EPERM);
  CHECK(chmod(path, 0644) == 0);
  end();
}

static int use_once(const char *path) {
  pq_hot_sqlite *h;
  int rc = pq_hot_sqlite_open(&drive_cx, path, true, &h);
  if (rc != PQ_OK) return rc;
  rc = call_read(h, "n");
  if (rc == PQ_OK) rc = call_open(h, "n");
  if (rc == PQ_OK) rc = call_append(h, "n", state.epoch, 5, PQ_SLICE("x"));
  pq_hot_sqlite_close(h);
  pq_arena_release(&state_arena);
  return rc;
}

static void test_hot_sqlite_out_of_memory(void) {
  int rc;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    begin();
    make(at("m"));
    pq_arena_release(&state_arena);
    unit_calls = 0;
    unit_fail_at = n;
    rc = use_once(at("m"));
  }
}

int main(void) {
  drive_make_dir(top);
  RUN(test_hot_sqlite_append_read_trim);
  RUN(test_hot_sqlite_fence);
  RUN(test_hot_sqlite_chunks);
  RUN(test_hot_sqlite_tampered);
  RUN(test_hot_sqlite_damaged);
  RUN(test_hot_sqlite_damaged_log);
  RUN(test_hot_sqlite_read_only_directory);
  RUN(test_hot_sqlite_out_of_memory);
  drive_remove_dir(top, 0);
  return unit_end();
}
