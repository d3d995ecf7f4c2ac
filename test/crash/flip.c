/* crash/flip.c - one bit turned in a file of a warehouse: does anybody notice?
 *
 *   base:  flushed files of every kind, a checkpoint, entries, a tail in hot.sqlite-wal (a child
 *          wrote it and ended without closing)
 *   try:   turn one bit of one file ─► every read gives the answer of before, or an error that
 * names the file ─► verify names the file ─► turn it back
 *
 * What verify does not name must not matter: then every read was right, and the bit is counted as
 * one without meaning. Only SQLite's files have such bytes: free space in pages, what its log left
 * behind from an older run, counters of which any value will do.
 *
 *   worlds:  plain        flushes of some sixty documents, edges, a soft delete
 *            bulk         documents in columns, row groups of twenty, long bloom filters, bulk
 *                         writes (one waits in hot.sqlite for its flush), compaction, a transaction
 *            forgetful    history that begins behind event 1, hard deletes, merged event files
 *
 * usage: flip FOLDER [--tries N] [--seed N] [--world N]     (FOLDER-0 and so on are made and must
 *        be new; without --world the tries are shared by all worlds)
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parquedb/parquedb.h"

enum { FILES_MAX = 400, PATH_CAP = 600, READS_MAX = 64, KINDS = 10, EXIT_SETUP = 3 };
enum { PLAIN, BULK, FORGETFUL, WORLDS };

typedef struct file {
  char path[PATH_CAP];
  const char *name; /* last part of it */
  int kind;
  long len;
} file;

static const char *const kinds[KINDS] = {"indexes",    "events", "data", "rels",
                                         "deletes",    "log/",   "ckpt", "hot.sqlite-wal",
                                         "hot.sqlite", "other"};
static const char *const reads[] = {
    "{\"find\":\"posts\",\"sort\":{\"$id\":1}}",
    "{\"find\":\"posts\",\"filter\":{\"n\":{\"$gt\":40}},\"sort\":{\"$id\":1}}",
    "{\"find\":\"users\",\"sort\":{\"$id\":1}}",
    "{\"get\":\"posts/p010\"}",
    "{\"get\":\"posts/t001\"}",
    "{\"count\":\"posts\"}",
    ("{\"aggregate\":\"posts\",\"pipeline\":[{\"$group\":{\"_id\":\"$k\",\"n\":{\"$sum\":\"$n\"}}},"
     "{\"$sort\":{\"_id\":1}}]}"),
    "{\"related\":\"posts/p001\",\"predicate\":\"by\",\"edges\":true}",
    "{\"related\":\"users/u1\",\"predicate\":\"by\",\"direction\":\"reverse\"}",
    "{\"history\":\"posts/p003\"}",
    "{\"find\":\"posts\",\"asOf\":\"seq:30\",\"sort\":{\"$id\":1}}",
    "{\"find\":\"posts\",\"asOf\":\"seq:75\",\"sort\":{\"$id\":1}}",
    "{\"get\":\"posts/p003\",\"asOf\":\"seq:70\"}",
    "{\"events\":\"posts\",\"limit\":40}",
};
enum { READS = sizeof reads / sizeof *reads };

static file files[FILES_MAX];
static int file_count;
static char *answers[READS_MAX]; /* NULL: the world has none, as its history begins later */
static unsigned long long rng;
static long wrong, found, silent[KINDS], tried[KINDS];

static unsigned next_random(unsigned below) {
  rng = rng * 6364136223846793005ull + 1442695040888963407ull;
  return (unsigned)((rng >> 33) % below);
}

static void die(const char *what, const char *detail) {
  fprintf(stderr, "flip: %s: %s\n", what, detail);
  exit(EXIT_SETUP);
}

/* ---- commands ---- */

typedef struct text {
  char *p;
  size_t len, cap;
} text;

static void put(text *t, const char *s, size_t n) {
  if (t->len + n + 2 > t->cap) {
    t->cap = (t->len + n + 2) * 2;
    t->p = realloc(t->p, t->cap);
    if (t->p == NULL) die("memory", "none left");
  }
  memcpy(t->p + t->len, s, n);
  t->len += n;
  t->p[t->len++] = '\n';
  t->p[t->len] = '\0';
}

/* Run a command; items and summary, or the message. Returns the status. */
static int run(pqdb *db, const char *command, text *out) {
  pqdb_replies *r = NULL;
  const char *json;
  size_t len;
  int rc = pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r);
  out->len = 0;
  while (rc >= 0) {
    rc = pqdb_next(r, &json, &len);
    if (rc < 0) break;
    put(out, json, len);
    if (rc == PQDB_DONE) break;
  }
  if (rc < 0) {
    out->len = 0;
    put(out, pqdb_message(db), strlen(pqdb_message(db)));
  }
  pqdb_replies_close(r);
  return rc;
}

static void must(pqdb *db, const char *command) {
  text out = {0};
  if (run(db, command, &out) < 0) die(command, out.p);
  free(out.p);
}

static int world;

static pqdb *open_or_die(const char *dir, pqdb_mode mode) {
  pqdb_options options = {.size = sizeof options, .mode = mode, .bulk = world == BULK ? 5 : 0};
  pqdb *db;
  if (pqdb_open(dir, &options, &db) != PQDB_OK) die(dir, pqdb_message(db));
  return db;
}

/* ---- the base ---- */

static void insert_posts(pqdb *db, const char *prefix, int from, int to) {
  for (int i = from; i < to; i++) {
    char command[300];
    snprintf(command, sizeof command,
             "{\"insert\":\"posts\",\"documents\":[{\"$id\":\"%s%03d\",\"n\":%d,\"k\":%d,\"t\":"
             "\"text of %d, text of %d\"}]}",
             prefix, i, i, i % 5, i, i * 7919);
    must(db, command);
  }
}

/* All in one command: a bulk write where five are enough for one. */
static void insert_at_once(pqdb *db, const char *prefix, int from, int to) {
  text lines = {0};
  for (int i = from; i < to; i++) {
    char line[200];
    int n = snprintf(line, sizeof line,
                     "{\"$id\":\"%s%03d\",\"n\":%d,\"k\":%d,\"t\":\"text of %d, text of %d\"}",
                     prefix, i, i, i % 5, i, i * 7919);
    put(&lines, line, (size_t)n);
  }
  if (pqdb_create_many(db, "posts", lines.p, lines.len) != PQDB_OK)
    die("insert at once", pqdb_message(db));
  free(lines.p);
}

/* Typed columns, an index, row groups of twenty, filters that are too long for the log. */
static void begin_bulk(pqdb *db) {
  must(db,
       "{\"schema\":\"posts\",\"set\":{\"n\":\"int#\",\"k\":\"int?\",\"t\":\"string#?\","
       "\"$options\":{\"rowGroupSize\":20,\"bloomRate\":0.0001}}}");
  insert_at_once(db, "p", 0, 60);
  insert_at_once(db, "q", 0, 20);
}

static void end_bulk(pqdb *db) {
  if (pqdb_begin(db, NULL) != PQDB_OK) die("begin", pqdb_message(db));
  insert_posts(db, "x", 0, 3);
  must(db, "{\"delete\":\"posts/q001\"}");
  must(db, "{\"link\":{\"from\":\"posts/x000\",\"predicate\":\"by\",\"to\":\"users/u1\"}}");
  if (pqdb_commit(db, NULL) != PQDB_OK) die("commit", pqdb_message(db));
  must(db, "{\"flush\":1}");
  must(db, "{\"compact\":\"\"}");
}

/* Everything up to here is forgotten; then there is some history again. */
static void forget(pqdb *db) {
  must(db, "{\"delete\":\"posts/p007\",\"hard\":true}");
  must(db, "{\"delete\":\"posts/p008\",\"hard\":true}");
  must(db, "{\"flush\":1}");
  must(db, "{\"retention\":{\"bytes\":1}}");
  must(db, "{\"vacuum\":1,\"minAge\":\"0\"}");
  must(db, "{\"retention\":{}}");
  for (int i = 0; i < 4; i++) {
    insert_posts(db, "y", i * 10, i * 10 + 10);
    must(db, "{\"update\":\"posts/p003\",\"ops\":{\"$inc\":{\"n\":1}}}");
    must(db, "{\"flush\":1}");
  }
  must(db, "{\"compact\":\"\"}");
}

static void build(const char *dir) {
  pqdb *db = open_or_die(dir, PQDB_CREATE);
  if (world == BULK)
    begin_bulk(db);
  else
    insert_posts(db, "p", 0, 60);
  must(db, "{\"insert\":\"users\",\"documents\":[{\"$id\":\"u1\"},{\"$id\":\"u2\"}]}");
  must(db, "{\"flush\":1}");
  for (int i = 0; i < 12; i++) {
    char command[200];
    snprintf(command, sizeof command,
             "{\"link\":{\"from\":\"posts/p%03d\",\"predicate\":\"by\",\"to\":\"users/u%d\"}}", i,
             1 + i % 2);
    must(db, command);
    snprintf(command, sizeof command, "{\"update\":\"posts/p%03d\",\"ops\":{\"$inc\":{\"n\":100}}}",
             i);
    must(db, command);
  }
  must(db, "{\"flush\":1}");
  must(db, "{\"checkpoint\":1}");
  must(db, "{\"delete\":\"posts/p005\"}");
  must(db, "{\"flush\":1}");
  if (world == BULK) end_bulk(db);
  if (world == FORGETFUL) forget(db);
  pqdb_close(db);
}

/* A tail in SQLite's log: its writer ends like one that was killed. */
static void add_tail(const char *dir) {
  pid_t child = fork();
  int status = 0;
  if (child == 0) {
    pqdb *db = open_or_die(dir, PQDB_WRITE);
    insert_posts(db, "t", 0, 12);
    if (world == BULK) insert_at_once(db, "z", 0, 40);
    _exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) die("child", "has failed");
}

static int kind_of(const char *path) {
  for (int k = 0; k < KINDS - 1; k++)
    if (strstr(path, kinds[k]) != NULL) return k;
  return KINDS - 1;
}

static void list(const char *dir, size_t root_len) {
  DIR *d = opendir(dir);
  struct dirent *entry;
  if (d == NULL) die(dir, "cannot be listed");
  while ((entry = readdir(d)) != NULL) {
    file *f = &files[file_count];
    struct stat st;
    if (entry->d_name[0] == '.' || strstr(entry->d_name, "-shm") != NULL ||
        strcmp(entry->d_name, "hot.lock") == 0)
      continue;
    if (file_count == FILES_MAX) die(dir, "too many files");
    snprintf(f->path, sizeof f->path, "%s/%s", dir, entry->d_name);
    if (stat(f->path, &st) != 0) die(f->path, "cannot be looked at");
    if (S_ISDIR(st.st_mode)) {
      char folder[PATH_CAP];
      snprintf(folder, sizeof folder, "%s", f->path);
      list(folder, root_len);
      continue;
    }
    f->name = strrchr(f->path, '/') + 1;
    f->kind = kind_of(f->path + root_len);
    f->len = (long)st.st_size;
    if (f->len > 0) file_count++;
  }
  closedir(d);
}

/* The next writer that closes folds SQLite's log into its file. */
static void fold_tail(const char *dir) {
  pqdb *db = open_or_die(dir, PQDB_WRITE);
  must(db, "{\"insert\":\"posts\",\"documents\":[{\"$id\":\"folded\"}]}");
  pqdb_close(db);
}

/* ---- one try ---- */

static void turn(const file *f, long off, int bit) {
  int fd = open(f->path, O_RDWR | O_CLOEXEC);
  unsigned char byte = 0;
  if (fd < 0 || pread(fd, &byte, 1, off) != 1) die(f->path, "cannot be read");
  byte = (unsigned char)(byte ^ 1u << bit);
  if (pwrite(fd, &byte, 1, off) != 1) die(f->path, "cannot be written");
  close(fd);
}

static void complain(const file *f, long off, int bit, const char *what, const char *got) {
  wrong++;
  fprintf(stderr, "FAIL bit %d of byte %ld of %s: %s: %.600s\n", bit, off, f->path, what, got);
}

/* Names of SQLite's two files stand for each other: only SQLite knows which one a page came from.
 */
static bool names(const file *f, const char *message) {
  return strstr(message, f->name) != NULL ||
         (strncmp(f->name, "hot.sqlite", 10) == 0 && strstr(message, "hot.sqlite") != NULL);
}

static void try_reads(pqdb *db, const file *f, long off, int bit) {
  text out = {0};
  for (int i = 0; i < READS; i++) {
    int rc;
    if (answers[i] == NULL) continue;
    rc = run(db, reads[i], &out);
    if (rc < 0 && !names(f, out.p)) complain(f, off, bit, reads[i], out.p);
    if (rc >= 0 && strcmp(out.p, answers[i]) != 0) complain(f, off, bit, reads[i], out.p);
  }
  free(out.p);
}

static bool is_verified(pqdb *db, const file *f, long off, int bit) {
  text out = {0};
  int rc = run(db, "{\"verify\":1}", &out);
  bool is_clean = rc >= 0 && strstr(out.p, "\"problems\":0") != NULL;
  if (!is_clean && !names(f, out.p)) complain(f, off, bit, "verify names another file", out.p);
  free(out.p);
  return is_clean;
}

/* Each kind as often as the others. */
static const file *choose(void) {
  int kind, at;
  do {
    kind = (int)next_random(KINDS);
    at = (int)next_random((unsigned)file_count);
    for (int i = 0; i < file_count && files[at].kind != kind; i++)
      at = (at + 1) % file_count;
  } while (files[at].kind != kind);
  return &files[at];
}

static void try_one(const char *dir, const char *shm) {
  const file *f = choose();
  long off = (long)next_random((unsigned)f->len);
  int bit = (int)next_random(8);
  pqdb_options options = {.size = sizeof options, .mode = PQDB_READ};
  pqdb *db;
  tried[f->kind]++;
  unlink(shm);
  turn(f, off, bit);
  if (pqdb_open(dir, &options, &db) != PQDB_OK) {
    found++;
    if (!names(f, pqdb_message(db))) complain(f, off, bit, "open", pqdb_message(db));
  } else {
    try_reads(db, f, off, bit);
    if (!is_verified(db, f, off, bit)) {
      found++;
    } else {
      silent[f->kind]++;
      if (strncmp(f->name, "hot.sqlite", 10) != 0) complain(f, off, bit, "verify", "finds nothing");
    }
  }
  pqdb_close(db);
  turn(f, off, bit);
}

static void learn(const char *dir) {
  pqdb *db = open_or_die(dir, PQDB_READ);
  for (int i = 0; i < READS; i++) {
    text out = {0};
    int rc = run(db, reads[i], &out);
    if (rc < 0 && (world != FORGETFUL || rc != PQDB_HISTORY_DROPPED)) die(reads[i], out.p);
    free(answers[i]);
    answers[i] = rc < 0 ? NULL : out.p;
    if (rc < 0) free(out.p);
  }
  pqdb_close(db);
}

static void try_all(const char *dir, long tries) {
  char shm[PATH_CAP];
  snprintf(shm, sizeof shm, "%s/hot.sqlite-shm", dir);
  file_count = 0;
  list(dir, strlen(dir));
  learn(dir);
  for (long i = 0; i < tries && wrong < 20; i++)
    try_one(dir, shm);
  unlink(shm);
}

static void try_world(const char *dir, long tries) {
  build(dir);
  add_tail(dir);
  try_all(dir, tries - tries / 4);
  fold_tail(dir);
  try_all(dir, tries / 4);
}

static void report(long tries) {
  printf("%ld bits turned: %ld found by verify, the rest without meaning\n", tries, found);
  for (int k = 0; k < KINDS; k++)
    if (tried[k] > 0)
      printf("  %-15s %6ld turned, %6ld without meaning\n", kinds[k], tried[k], silent[k]);
}

int main(int argc, char **argv) {
  long tries = 300, only = -1;
  if (argc < 2) die("usage", "flip FOLDER [--tries N] [--seed N] [--world N]");
  rng = 1;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--tries") == 0) tries = atol(argv[i + 1]);
    if (strcmp(argv[i], "--seed") == 0) rng = (unsigned long long)atol(argv[i + 1]);
    if (strcmp(argv[i], "--world") == 0) only = atol(argv[i + 1]);
  }
  for (world = 0; world < WORLDS; world++) {
    char dir[PATH_CAP];
    if (only >= 0 && world != only) continue;
    snprintf(dir, sizeof dir, "%s-%d", argv[1], world);
    try_world(dir, only >= 0 ? tries : tries / WORLDS);
  }
  report(tries);
  for (int i = 0; i < READS; i++)
    free(answers[i]);
  printf("%ld passed, %ld failed\n", tries - wrong, wrong);
  return wrong > 0 ? 1 : 0;
}
