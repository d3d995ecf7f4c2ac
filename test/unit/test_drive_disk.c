/* Unit tests of port/drive_disk.c, in a temporary directory. */
#include "port/drive_disk.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "drive_dir.h"
#include "drive_util.h"

static char top[64];

/* A path below the temporary directory; valid until the fourth call after this one. */
static const char *at(const char *name) {
  static char paths[4][512];
  static int next;
  next = (next + 1) % 4;
  snprintf(paths[next], sizeof paths[next], "%s/%s", top, name);
  return paths[next];
}

static void write_file(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  CHECK(f != NULL);
  if (f == NULL) return;
  fputs(text, f);
  fclose(f);
}

static void test_disk_objects(void) {
  pq_driver *d, *r;
  char key[64];
  unit_cx_init(&drive_cx);
  CHECK(pq_disk_open(&drive_cx, at("a/b/w"), PQ_OPEN_CREATE, &d) == PQ_OK);
  CHECK(pq_disk_open(&drive_cx, at("a/b/w"), PQ_OPEN_READ, &r) == PQ_OK);
  CHECK(drive_put(d, "n/log/2", "two") == PQ_OK);
  CHECK(drive_put(d, "n/log/2", "again") == PQ_ECONFLICT);
  CHECK(drive_get(r, "n/log/2") == PQ_OK && strcmp(drive_text, "two") == 0);
  CHECK(drive_put(d, "n/log/1", "") == PQ_OK);
  CHECK(drive_get(r, "n/log/1") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_put(d, "n/data/c/x.parquet", "0123456789") == PQ_OK);
  CHECK(drive_put(d, "n/data-b", "y") == PQ_OK);
  CHECK(drive_read(r, "n/data/c/x.parquet", 3, 4) == PQ_OK && strcmp(drive_text, "3456") == 0);
  CHECK(drive_read(r, "n/data/c/x.parquet", 8, 3) == PQ_ECORRUPT);
  CHECK(strstr(drive_cx.msg, "object is shorter") != NULL);
  CHECK(drive_read(r, "n/data/c", 0, 1) == PQ_ENOTFOUND); /* a folder is no object */
  CHECK(drive_get(r, "n/log/2/x") == PQ_ENOTFOUND);
  CHECK(drive_put(d, "n/log/2/x", "below a file") < 0);
  CHECK(strstr(drive_cx.msg, "n/log/2/x") != NULL);
  CHECK(drive_list(r, "n/") == PQ_OK && strcmp(drive_text, "data-b\ndata/\nlog/\n") == 0);
  CHECK(drive_list(r, "") == PQ_OK && strcmp(drive_text, "n/\n") == 0);
  CHECK(drive_list(r, "n/none/") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_put(r, "n/log/3", "x") == PQ_EPERM);
  CHECK(drive_delete(r, "n/log/2") == PQ_EPERM);
  /* What a crashed writer left: hidden, and gone after the writer's listing. */
  write_file(at("a/b/w/n/log/.tmp.0123"), "half");
  CHECK(drive_list(r, "n/log/") == PQ_OK && strcmp(drive_text, "1\n2\n") == 0);
  CHECK(access(at("a/b/w/n/log/.tmp.0123"), F_OK) == 0);
  CHECK(drive_list(d, "n/log/") == PQ_OK && strcmp(drive_text, "1\n2\n") == 0);
  CHECK(access(at("a/b/w/n/log/.tmp.0123"), F_OK) != 0);
  CHECK(drive_delete(d, "n/log/2") == PQ_OK && drive_delete(d, "n/log/2") == PQ_OK);
  CHECK(drive_get(r, "n/log/2") == PQ_ENOTFOUND);
  /* More files than descriptors are kept. */
  for (int i = 0; i < 80; i++) {
    snprintf(key, sizeof key, "n/many/%d", i);
    CHECK(drive_put(d, key, key) == PQ_OK);
  }
  for (int i = 0; i < 160; i++) {
    snprintf(key, sizeof key, "n/many/%d", i % 80);
    CHECK(drive_read(r, key, 0, strlen(key)) == PQ_OK && strcmp(drive_text, key) == 0);
  }
  CHECK(pq_driver_now_us(d) > 1700000000000000);
  pq_driver_close(r);
  pq_driver_close(d);
  CHECK(unit_live_len == 0);
}

static void test_disk_put_if(void) {
  pq_driver *d, *r;
  unit_cx_init(&drive_cx);
  CHECK(pq_disk_open(&drive_cx, at("p"), PQ_OPEN_CREATE, &d) == PQ_OK);
  CHECK(pq_disk_open(&drive_cx, at("p"), PQ_OPEN_READ, &r) == PQ_OK);
  drive_check_put_if(d, r);
  pq_driver_close(r);
  pq_driver_close(d);
}

/* Temporary names in a folder. */
static int count_temporary(const char *dir) {
  char command[600], text[32] = "";
  FILE *p;
  snprintf(command, sizeof command, "ls -A '%s' | grep -c '^.tmp'", dir);
  p = popen(command, "r");
  if (p == NULL) return -1;
  if (fgets(text, sizeof text, p) == NULL) text[0] = '\0';
  pclose(p);
  return atoi(text);
}

static void test_disk_parts(void) {
  pq_driver *d, *r;
  unit_cx_init(&drive_cx);
  CHECK(pq_disk_open(&drive_cx, at("parts"), PQ_OPEN_CREATE, &d) == PQ_OK);
  CHECK(pq_disk_open(&drive_cx, at("parts"), PQ_OPEN_READ, &r) == PQ_OK);
  drive_check_parts(d, r);
  CHECK(count_temporary(at("parts/n")) == 0);
  CHECK(count_temporary(at("parts/n/left")) == 15);
  pq_driver_close(r);
  pq_driver_close(d);
  CHECK(count_temporary(at("parts/n/left")) == 0);
  CHECK(unit_live_len == 0);
}

static void test_disk_traversal(void) {
  static const char *const bad[] = {"../x",       "n/../../x", "/etc/passwd",   "n//x",
                                    "n/./x",      "n\\..\\x",  "n/x/",          "",
                                    "..",         "n/..",      "parquedb.json", "hot.lock",
                                    "hot.sqlite", "n/.tmp.1",  "n/a\nb",        "hot.sqlite-wal"};
  char key[1200];
  pq_driver *d;
  unit_cx_init(&drive_cx);
  CHECK(pq_disk_open(&drive_cx, at("t"), PQ_OPEN_CREATE, &d) == PQ_OK);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK(drive_get(d, bad[i]) == PQ_EPATH);
    CHECK(drive_put(d, bad[i], "x") == PQ_EPATH);
    CHECK(drive_delete(d, bad[i]) == PQ_EPATH);
  }
  CHECK(drive_list(d, "../") == PQ_EPATH);
  CHECK(drive_list(d, "/") == PQ_EPATH);
  memset(key, 'k', sizeof key);
  key[300] = '\0';
  CHECK(drive_put(d, key, "x") == PQ_EPATH); /* longer than a file name can be */
  pq_driver_close(d);
  CHECK(unit_live_len == 0);
}

static void check_open(const char *dir, pq_open_mode mode, int code, const char *text) {
  pq_driver *d;
  int rc = pq_disk_open(&drive_cx, dir, mode, &d);
  CHECK(rc == code);
  CHECK(d == NULL);
  CHECK(strstr(drive_cx.msg, text) != NULL);
  if (d != NULL) pq_driver_close(d);
}

static void test_disk_open_checks(void) {
  pq_driver *d;
  unit_cx_init(&drive_cx);
  check_open(at("none"), PQ_OPEN_READ, PQ_EINVALID, "no warehouse at");
  check_open(at("none"), PQ_OPEN_WRITE, PQ_EINVALID, "no warehouse at");
  CHECK(access(at("none"), F_OK) != 0);
  CHECK(mkdir(at("empty"), 0777) == 0);
  check_open(at("empty"), PQ_OPEN_READ, PQ_EINVALID, "no warehouse at");
  check_open(at("empty"), PQ_OPEN_WRITE, PQ_EINVALID, "no warehouse at");
  CHECK(mkdir(at("other"), 0777) == 0);
  write_file(at("other/letter.txt"), "dear");
  check_open(at("other"), PQ_OPEN_READ, PQ_EINVALID, "no warehouse at");
  check_open(at("other"), PQ_OPEN_WRITE, PQ_EINVALID, "is not a ParqueDB warehouse");
  check_open(at("other"), PQ_OPEN_CREATE, PQ_EINVALID, "is not a ParqueDB warehouse");
  CHECK(access(at("other/hot.lock"), F_OK) != 0);
  check_open(at("other/letter.txt"), PQ_OPEN_CREATE, PQ_EINVALID, "is not a directory");
  CHECK(pq_disk_open(&drive_cx, at("empty/"), PQ_OPEN_CREATE, &d) == PQ_OK);
  pq_driver_close(d);
  CHECK(pq_disk_open(&drive_cx, at("empty"), PQ_OPEN_CREATE, &d) == PQ_OK);
  pq_driver_close(d);
  CHECK(pq_disk_open(&drive_cx, at("empty"), PQ_OPEN_READ, &d) == PQ_OK);
  CHECK(drive_get(d, "x") == PQ_ENOTFOUND);
  pq_driver_close(d);
  write_file(at("empty/parquedb.json"), "{\"format\": \"parquedb\",\n \"version\": 2}");
  check_open(at("empty"), PQ_OPEN_READ, PQ_EUNSUPPORTED, "has format version 2");
  check_open(at("empty"), PQ_OPEN_WRITE, PQ_EUNSUPPORTED, "knows version 1");
  write_file(at("empty/parquedb.json"), "{}");
  check_open(at("empty"), PQ_OPEN_READ, PQ_EINVALID, "not a ParqueDB marker");
  write_file(at("empty/parquedb.json"), "");
  check_open(at("empty"), PQ_OPEN_CREATE, PQ_EINVALID, "not a ParqueDB marker");
  CHECK(unit_live_len == 0);
}

static void test_disk_lock_here(void) {
  pq_driver *d, *other;
  char pid[32];
  unit_cx_init(&drive_cx);
  snprintf(pid, sizeof pid, "by process %ld", (long)getpid());
  CHECK(pq_disk_open(&drive_cx, at("l"), PQ_OPEN_CREATE, &d) == PQ_OK);
  check_open(at("l"), PQ_OPEN_WRITE, PQ_EBUSY, pid);
  check_open(at("l"), PQ_OPEN_CREATE, PQ_EBUSY, pid);
  CHECK(pq_disk_open(&drive_cx, at("l"), PQ_OPEN_READ, &other) == PQ_OK);
  pq_driver_close(other);
  pq_driver_close(d);
  CHECK(pq_disk_open(&drive_cx, at("l"), PQ_OPEN_WRITE, &d) == PQ_OK);
  pq_driver_close(d);
  CHECK(unit_live_len == 0);
}

/* A child holds the lock until its input ends, then exits without closing: the lock goes too. */
static void test_disk_lock_elsewhere(void) {
  int to_child[2], to_parent[2], status = 1;
  char byte = 0, text[32];
  pq_driver *d;
  pid_t child;
  unit_cx_init(&drive_cx);
  CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
  fflush(NULL);
  child = fork();
  if (child == 0) {
    close(to_child[1]);
    close(to_parent[0]);
    byte = pq_disk_open(&drive_cx, at("l"), PQ_OPEN_WRITE, &d) == PQ_OK;
    if (write(to_parent[1], &byte, 1) != 1) _exit(1);
    _exit(read(to_child[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(to_child[0]);
  close(to_parent[1]);
  CHECK(read(to_parent[0], &byte, 1) == 1 && byte == 1);
  snprintf(text, sizeof text, "by process %ld", (long)child);
  check_open(at("l"), PQ_OPEN_WRITE, PQ_EBUSY, text);
  close(to_child[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  close(to_parent[0]);
  CHECK(pq_disk_open(&drive_cx, at("l"), PQ_OPEN_WRITE, &d) == PQ_OK);
  pq_driver_close(d);
  CHECK(unit_live_len == 0);
}

static void test_disk_hot(void) {
  pq_hot_batch b = {1, 3, {(const uint8_t *)"abc", 3}};
  pq_hot_request open = {.op = PQ_HOT_OPEN}, read = {.op = PQ_HOT_READ};
  pq_hot_request append = {.op = PQ_HOT_APPEND, .epoch = 1, .batches = &b, .batch_count = 1};
  pq_driver *d, *r;
  pq_hot_state st;
  pq_arena a;
  unit_cx_init(&drive_cx);
  pq_arena_init(&a, &drive_cx, 1 << 20);
  CHECK(pq_disk_open(&drive_cx, at("h"), PQ_OPEN_CREATE, &d) == PQ_OK);
  CHECK(pq_disk_open(&drive_cx, at("h"), PQ_OPEN_READ, &r) == PQ_OK);
  CHECK(drive_hot(r, "n", &read, &a, &st) == PQ_OK && st.epoch == 0 && st.batch_count == 0);
  CHECK(access(at("h/hot.sqlite"), F_OK) != 0);
  CHECK(drive_hot(d, "n", &open, &a, &st) == PQ_OK && st.epoch == 1);
  CHECK(drive_hot(d, "n", &append, &a, &st) == PQ_OK);
  CHECK(drive_hot(r, "n", &read, &a, &st) == PQ_OK && st.batch_count == 1);
  CHECK(pq_slice_is(st.batches[0].body, "abc"));
  append.epoch = 0;
  CHECK(drive_hot(d, "n", &append, &a, &st) == PQ_EFENCED);
  CHECK(strstr(drive_cx.msg, "another writer") != NULL);
  CHECK(drive_list(d, "") == PQ_OK && strcmp(drive_text, "n/\n") == 0);
  pq_arena_release(&a);
  pq_driver_close(r);
  pq_driver_close(d);
  CHECK(access(at("h/hot.sqlite"), F_OK) == 0);
  CHECK(unit_live_len == 0);
}

static int use_once(const char *dir) {
  pq_driver *d;
  int rc = pq_disk_open(&drive_cx, dir, PQ_OPEN_WRITE, &d);
  if (rc != PQ_OK) return rc;
  rc = drive_get(d, "n/x");
  if (rc == PQ_OK) rc = drive_read(d, "n/x", 0, 1);
  if (rc == PQ_OK) rc = drive_list(d, "n/");
  if (rc == PQ_OK) rc = drive_delete(d, "n/y");
  pq_driver_close(d);
  return rc;
}

static void test_disk_out_of_memory(void) {
  pq_driver *d;
  int rc;
  unit_cx_init(&drive_cx);
  CHECK(pq_disk_open(&drive_cx, at("m"), PQ_OPEN_CREATE, &d) == PQ_OK);
  CHECK(drive_put(d, "n/x", "x") == PQ_OK);
  pq_driver_close(d);
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&drive_cx);
    unit_fail_at = n;
    rc = use_once(at("m"));
  }
}

int main(void) {
  drive_make_dir(top);
  RUN(test_disk_objects);
  RUN(test_disk_put_if);
  RUN(test_disk_parts);
  RUN(test_disk_traversal);
  RUN(test_disk_open_checks);
  RUN(test_disk_lock_here);
  RUN(test_disk_lock_elsewhere);
  RUN(test_disk_hot);
  RUN(test_disk_out_of_memory);
  drive_remove_dir(top, 0);
  return unit_end();
}
