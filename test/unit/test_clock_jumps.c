/* A clock of the day that jumps, under a handle that stays open: ahead by years, back by more,
 * home.
 *
 *   clock_gettime below stands before libc's ─► port/drive_disk.c ─► ids, times, ages
 *
 * Ids and times go up all the same, every instant that was ever told stays as it was, callers still
 * share appends, work on files comes to its end, and nothing is dropped that is not old.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "drive_dir.h"
#include "parquedb/parquedb.h"
#include "unit.h"

#define DAY 86400L
#define YEAR (365 * DAY)

enum { CALLERS = 16, ID_CAP = 64, INSTANTS_MAX = 64, TEXT_CAP = 100000 };

static long shift;
static char dir[DRIVE_DIR_CAP];
static char text[TEXT_CAP];

int clock_gettime(clockid_t id, struct timespec *out) {
  int rc = (int)syscall(SYS_clock_gettime, id, out);
  if (rc == 0 && id == CLOCK_REALTIME) out->tv_sec += shift;
  return rc;
}

/* ---- commands ---- */

/* All items and the summary into `text`, a line each; or the message. */
static int collect(pqdb *db, pqdb_replies *r) {
  const char *json;
  size_t len, at = 0;
  int rc;
  text[0] = '\0';
  while ((rc = pqdb_next(r, &json, &len)) == PQDB_ROW || rc == PQDB_DONE) {
    CHECK(at + len + 2 < sizeof text);
    if (at + len + 2 >= sizeof text) break;
    at += (size_t)sprintf(text + at, "%s\n", json);
    if (rc == PQDB_DONE) break;
  }
  if (rc < 0) snprintf(text, sizeof text, "%s", pqdb_message(db));
  pqdb_replies_close(r);
  return rc;
}

static int run(pqdb *db, const char *command) {
  pqdb_replies *r = NULL;
  int rc = pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r);
  if (rc == PQDB_OK) return collect(db, r);
  snprintf(text, sizeof text, "%s", pqdb_message(db));
  return rc;
}

static void must(pqdb *db, const char *command) {
  int rc = run(db, command);
  if (rc != PQDB_DONE) fprintf(stderr, "%s: %s\n", command, text);
  CHECK(rc == PQDB_DONE);
}

static pqdb *open_disk(void) {
  pqdb_options options = {.size = sizeof options, .flush_seconds = 60};
  pqdb *db = NULL;
  CHECK(pqdb_open(dir, &options, &db) == PQDB_OK);
  return db;
}

/* The text of a field, behind `from`; what follows it, or NULL. */
static const char *field(const char *from, const char *name, char *out, size_t cap) {
  char key[40];
  size_t n;
  snprintf(key, sizeof key, "\"%s\":", name);
  from = from == NULL ? NULL : strstr(from, key);
  out[0] = '\0';
  if (from == NULL) return NULL;
  from += strlen(key);
  if (strncmp(from, "{\"$date\":", 9) == 0) from += 9;
  if (*from == '"') from++;
  n = strcspn(from, "\",}");
  if (n >= cap) return NULL;
  memcpy(out, from, n);
  out[n] = '\0';
  return from + n;
}

static uint64_t count_of(pqdb *db, const char *as_of) {
  char command[200], n[ID_CAP];
  snprintf(command, sizeof command, "{\"count\":\"t\"%s%s%s}", as_of == NULL ? "" : ",\"asOf\":\"",
           as_of == NULL ? "" : as_of, as_of == NULL ? "" : "\"");
  must(db, command);
  CHECK(field(text, "count", n, sizeof n) != NULL);
  return strtoull(n, NULL, 10);
}

/* ---- ids, times, instants ---- */

static uint64_t rows_written(pqdb *db) {
  pqdb_hot_stats s = {.size = sizeof s};
  CHECK(pqdb_get_hot_stats(db, &s) == PQDB_OK);
  return s.rows_written;
}

/* Callers side by side, each an insert without an id; the clock jumps to `to` while they run. */
static void insert_by_callers(pqdb *db, long to) {
  static const char command[] = "{\"insert\":\"t\",\"documents\":[{\"n\":1}]}";
  pqdb_replies *callers[CALLERS];
  uint64_t rows = rows_written(db);
  for (int i = 0; i < CALLERS; i++)
    CHECK(pqdb_submit(db, NULL, command, strlen(command), NULL, 0, &callers[i]) == PQDB_OK);
  (void)pqdb_poll(db);
  shift = to;
  while (pqdb_poll(db) > 0)
    continue;
  for (int i = 0; i < CALLERS; i++)
    CHECK(collect(db, callers[i]) == PQDB_DONE);
  CHECK(rows_written(db) - rows <= 3); /* they shared an append, whatever the clock says */
}

/* Events come in the order of their ids and times, each after the one before. */
static void check_order(pqdb *db) {
  char last[2][ID_CAP] = {"", ""}, now[ID_CAP];
  static const char *const names[2] = {"id", "ts"};
  const char *at[2];
  uint64_t n = 0;
  must(db, "{\"events\":\"t\",\"limit\":0}");
  at[0] = at[1] = text;
  while (at[0] != NULL && at[1] != NULL) {
    for (int k = 0; k < 2; k++) {
      at[k] = field(at[k], names[k], now, sizeof now);
      if (at[k] == NULL) break;
      now[strcspn(now, "Z")] = '\0'; /* zeros at the end of a time are left out */
      CHECK(k == 0 ? strcmp(last[k], now) < 0 : strcmp(last[k], now) <= 0);
      memcpy(last[k], now, sizeof now);
    }
    n += at[0] != NULL && at[1] != NULL;
  }
  CHECK(n == count_of(db, NULL));
}

static const long jumps[] = {0, YEAR, -2 * YEAR, 3600, -3600, 10 * YEAR, -10 * YEAR, 0};
enum { JUMPS = sizeof jumps / sizeof *jumps };

static void test_clock_order(void) {
  char instants[2][INSTANTS_MAX][ID_CAP];
  uint64_t counts[INSTANTS_MAX];
  int n = 0;
  pqdb *db;
  drive_make_dir(dir);
  shift = 0;
  db = open_disk();
  must(db, "{\"insert\":\"t\",\"documents\":[{\"n\":0}]}");
  for (int i = 0; i < JUMPS; i++) {
    insert_by_callers(db, jumps[i]);
    if (i % 3 == 1) must(db, "{\"flush\":1}");
    if (i % 3 == 2) {
      pqdb_close(db);
      db = open_disk();
    }
    counts[n] = count_of(db, NULL);
    CHECK(counts[n] == (uint64_t)(i + 1) * CALLERS + 1);
    CHECK(field(text, "seq", instants[0][n] + 4, ID_CAP - 4) != NULL);
    memcpy(instants[0][n], "seq:", 4);
    must(db, "{\"events\":\"t\",\"limit\":0}");
    for (const char *at = text; at != NULL;) {
      char ts[ID_CAP];
      at = field(at, "ts", ts, sizeof ts);
      if (at != NULL) memcpy(instants[1][n], ts, sizeof ts); /* the last one's */
    }
    n++;
    check_order(db);
    for (int k = 0; k < n; k++) /* what was told once is told again */
      CHECK(count_of(db, instants[0][k]) == counts[k] && count_of(db, instants[1][k]) == counts[k]);
  }
  must(db, "{\"verify\":1}");
  CHECK(strstr(text, "\"problems\":0") != NULL);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

/* Ids that the database makes of entities, in the order in which they were asked for. */
static void test_clock_entity_ids(void) {
  char last[ID_CAP] = "", id[ID_CAP];
  pqdb *db;
  drive_make_dir(dir);
  shift = 0;
  db = open_disk();
  for (int i = 0; i < 3 * JUMPS; i++) {
    shift = jumps[i % JUMPS];
    must(db, "{\"insert\":\"t\",\"documents\":[{\"n\":1}]}");
    CHECK(strstr(text, "\"insertedIds\":[\"t/") != NULL);
    snprintf(id, sizeof id, "%.26s",
             strstr(text, "[\"t/") == NULL ? "" : strstr(text, "[\"t/") + 4);
    CHECK(strcmp(last, id) != 0);
    memcpy(last, id, sizeof id);
  }
  CHECK(count_of(db, NULL) == 3 * JUMPS); /* none met another one */
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

/* ---- work on files ---- */

/* Work that is due by age is done and then is due no more; a clock set back makes none due. */
static void test_clock_work(void) {
  pqdb *db;
  drive_make_dir(dir);
  shift = 0;
  db = open_disk();
  for (int i = 0; i < JUMPS; i++) {
    shift = jumps[i];
    must(db, "{\"insert\":\"t\",\"documents\":[{\"n\":1}]}");
    CHECK(pqdb_maintain(db, 0) == PQDB_OK);
    must(db, "{\"stats\":1}");
    CHECK(strstr(text, "\"due\":null") != NULL);
    shift = jumps[i] + 3600; /* an hour later, what is unflushed is old: unless its time is ahead */
    CHECK(pqdb_maintain(db, 0) == PQDB_OK);
    must(db, "{\"stats\":1}");
    CHECK(strstr(text, "\"due\":null") != NULL);
    if (i < 2) CHECK(strstr(text, "\"tail\":{\"events\":0,") != NULL);
  }
  shift = 20 * YEAR;
  CHECK(pqdb_maintain(db, 0) == PQDB_OK);
  must(db, "{\"stats\":1}");
  CHECK(strstr(text, "\"tail\":{\"events\":0,") != NULL);
  CHECK(count_of(db, NULL) == JUMPS);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

/* The kernel stamps files by the true clock: bring those that are new to the one that jumped. */
static int stamp(const char *path, const struct stat *st, int kind, struct FTW *where) {
  struct timespec now, times[2] = {st->st_mtim, st->st_mtim};
  (void)where;
  (void)syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  if (kind != FTW_F || st->st_mtim.tv_sec > now.tv_sec + 60 ||
      st->st_mtim.tv_sec < now.tv_sec - 3600)
    return 0;
  times[0].tv_sec += shift;
  times[1].tv_sec += shift;
  return utimensat(AT_FDCWD, path, times, 0);
}

static void write_some(pqdb *db) {
  for (int i = 0; i < 3; i++)
    must(db, "{\"insert\":\"t\",\"documents\":[{\"n\":1}]}");
  must(db, "{\"flush\":1}");
  CHECK(nftw(dir, stamp, 8, FTW_PHYS) == 0);
}

/* History goes by the age that the clock gives it; a clock set back makes nothing older. */
static void test_clock_retention(void) {
  pqdb *db;
  drive_make_dir(dir);
  shift = 0;
  db = open_disk();
  write_some(db);
  must(db, "{\"retention\":{\"age\":\"30d\"}}");
  shift = -10 * YEAR;
  write_some(db); /* their times stay behind those of before */
  must(db, "{\"vacuum\":1,\"minAge\":\"0\"}");
  CHECK(strstr(text, "historyFrom") == NULL);
  CHECK(count_of(db, "seq:2") == 2 && count_of(db, "seq:5") == 5);
  shift = 29 * DAY;
  write_some(db);
  must(db, "{\"vacuum\":1,\"minAge\":\"0\"}");
  CHECK(strstr(text, "historyFrom") == NULL);
  CHECK(count_of(db, "seq:2") == 2);
  shift = 45 * DAY;
  write_some(db);
  must(db, "{\"vacuum\":1,\"minAge\":\"0\"}");
  CHECK(strstr(text, "\"historyFromSeq\"") != NULL);
  CHECK(run(db, "{\"count\":\"t\",\"asOf\":\"seq:2\"}") == PQDB_HISTORY_DROPPED);
  CHECK(count_of(db, "seq:8") == 8); /* of day 29: not old */
  shift = -YEAR;
  write_some(db);
  must(db, "{\"vacuum\":1,\"minAge\":\"0\"}");
  CHECK(count_of(db, "seq:8") == 8 && count_of(db, "seq:14") == 14 && count_of(db, NULL) == 15);
  must(db, "{\"verify\":1}");
  CHECK(strstr(text, "\"problems\":0") != NULL);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

/* ---- transactions ---- */

static void test_clock_transaction(void) {
  pqdb *db;
  uint64_t events;
  drive_make_dir(dir);
  shift = 0;
  db = open_disk();
  for (int i = 0; i < JUMPS; i++) {
    CHECK(pqdb_begin(db, NULL) == PQDB_OK);
    must(db, "{\"insert\":\"t\",\"documents\":[{\"n\":1},{\"n\":2}]}");
    shift -= YEAR;
    CHECK(count_of(db, NULL) == (uint64_t)i * 2 + 2);
    CHECK(pqdb_commit(db, &events) == PQDB_OK && events == 2);
  }
  CHECK(pqdb_begin(db, NULL) == PQDB_OK);
  must(db, "{\"insert\":\"t\",\"documents\":[{\"n\":1}]}");
  shift += YEAR;
  CHECK(pqdb_commit(db, NULL) != PQDB_OK); /* given up by its age */
  CHECK(strstr(pqdb_message(db), "older than") != NULL);
  CHECK(pqdb_in_transaction(db) == 0);
  CHECK(count_of(db, NULL) == 2 * JUMPS);
  check_order(db);
  pqdb_close(db);
  drive_remove_dir(dir, 0);
}

int main(void) {
  RUN(test_clock_order);
  RUN(test_clock_entity_ids);
  RUN(test_clock_work);
  RUN(test_clock_retention);
  RUN(test_clock_transaction);
  return unit_end();
}
