/* port/hot_sqlite.c - see hot_sqlite.h.
 *
 * The idea: few rows, each written once, read at opening, deleted at the next flush.
 *
 *     APPEND   begin; epoch still mine?; one insert a chunk; commit (one sync of the log)
 *     TRIM     begin; epoch still mine?; position; delete; commit; give pages back, empty the log
 *
 * On the write path no row is read: epoch and last sequence number of a namespace are kept in
 * memory and hold as long as nobody else has committed anything (SQLite's data_version, asked for
 * inside of the transaction); a writer that takes over raises the epoch, which is a commit.
 *
 * `batch` has no rowid: a commit of one small event then dirties one leaf, not a leaf of the
 * table and one of its index. SQLite's own checkpoints are off; ours run with syncs even when
 * the durability is `off`, so that one namespace's setting cannot damage another's rows.
 */
#include "port/hot_sqlite.h"

#include <errno.h>
#include <sqlite3.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "port/hot_wal.h"

enum {
  FORMAT_VERSION = 1,
  BUSY_MS = 5000,           /* readers are short, and so are writers */
  CHECKPOINT_BUSY_MS = 50,  /* a checkpoint can wait for the next flush */
  WAL_PAGES_MAX = 16384,    /* 64 MB: most batches are trimmed before they are ever copied */
  WAL_PAGES_REUSED = 1000,  /* 4 MB: a log of small commits starts anew; a file that does not grow
                               is synced in half the time, its blocks being there already */
  SMALL_COMMIT = 32 << 10,  /* bytes */
  ARENA_LEN_MAX = 64 << 20, /* request headers: 40 bytes a batch */
  PAGE_LEN = 4096,          /* SQLite's, unless somebody chose another */
  ROOM_LEN_MAX = 4 << 20,   /* for a longer tail room is made as it is read */
  PATH_SUFFIX_LEN_MAX = 16
};

typedef enum stmt_id {
  STMT_BEGIN_WRITE,
  STMT_BEGIN_READ,
  STMT_COMMIT,
  STMT_VERSION,
  STMT_STATE,
  STMT_RAISE,
  STMT_LAST,
  STMT_APPEND,
  STMT_CHECK,
  STMT_PAGES,
  STMT_STRAYS,
  STMT_READ,
  STMT_POSITION,
  STMT_TRIM,
  STMT_COUNT
} stmt_id;

static const char *const stmt_sql[STMT_COUNT] = {
    [STMT_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [STMT_BEGIN_READ] = "BEGIN",
    [STMT_COMMIT] = "COMMIT",
    [STMT_VERSION] = "PRAGMA data_version",
    [STMT_STATE] = "SELECT epoch, seq_hi, ts_hi FROM state WHERE ns = ?1",
    [STMT_RAISE] =
        "INSERT INTO state(ns, epoch, seq_hi, ts_hi) VALUES(?1, max(1, ?2), 0, 0)"
        " ON CONFLICT(ns) DO UPDATE SET epoch = max(epoch + 1, ?2)"
        " WHERE typeof(epoch) = 'integer' AND epoch >= 0 AND epoch < 9223372036854775807"
        " RETURNING epoch, seq_hi, ts_hi",
    [STMT_LAST] = "SELECT seq_hi FROM batch WHERE ns = ?1 ORDER BY seq_lo DESC, chunk DESC LIMIT 1",
    [STMT_APPEND] = "INSERT INTO batch(ns, seq_lo, chunk, seq_hi, body) VALUES(?1, ?2, ?3, ?4, ?5)",
    [STMT_CHECK] = "PRAGMA quick_check(1)",
    [STMT_PAGES] = "PRAGMA page_count",
    [STMT_STRAYS] =
        ("SELECT 1 FROM (SELECT DISTINCT ns FROM batch) WHERE ns NOT IN (SELECT ns FROM state)"
         " LIMIT 1"),
    [STMT_READ] =
        "SELECT seq_lo, chunk, seq_hi, body FROM batch WHERE ns = ?1 ORDER BY seq_lo, chunk",
    [STMT_POSITION] = "UPDATE state SET seq_hi = ?2, ts_hi = ?3 WHERE ns = ?1",
    [STMT_TRIM] = "DELETE FROM batch WHERE ns = ?1 AND seq_lo <= ?2 AND seq_hi <= ?2"};

/* The whole schema: a file with other tables, views or triggers is not ours. */
typedef struct table_def {
  const char *name;
  const char *sql;
} table_def;

static const table_def tables[] = {
    {"meta", "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID"},
    {"state",
     "CREATE TABLE state(ns TEXT PRIMARY KEY NOT NULL, epoch INTEGER NOT NULL,"
     " seq_hi INTEGER NOT NULL, ts_hi INTEGER NOT NULL) WITHOUT ROWID"},
    {"batch",
     "CREATE TABLE batch(ns TEXT NOT NULL, seq_lo INTEGER NOT NULL, chunk INTEGER NOT NULL,"
     " seq_hi INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(ns, seq_lo, chunk)) WITHOUT "
     "ROWID"}};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0] };

/* A namespace that this connection writes. */
typedef struct owner {
  char *ns;       /* owned */
  uint64_t epoch; /* 0: last_seq is not known */
  uint64_t last_seq;
} owner;

struct pq_hot_sqlite {
  pq_cx *cx;                       /* borrowed */
  char *path;                      /* owned */
  sqlite3 *db;                     /* owned; NULL for a reader whose file is missing */
  sqlite3_stmt *stmts[STMT_COUNT]; /* owned, prepared at first use */
  bool is_writer;
  bool is_immutable; /* opened without locks: closed after each call */
  int last_rc;       /* SQLite's code of the last failure */
  uint32_t sync;     /* durability that `PRAGMA synchronous` now gives */
  int wal_pages;     /* in the write-ahead log after the last commit */
  int64_t version;   /* SQLite's data_version: what the owners know is as of it */
  uint64_t calls, rows_read, rows_written; /* rows written through connections that are closed */
  pq_arena arena;                          /* of one call */
  owner *owners;                           /* owned */
  uint32_t owner_count, owner_cap;
  pq_table by_ns;
};

/* ---- errors and statements ---- */

static int code_of(int rc) {
  switch (rc & 0xff) {
    case SQLITE_NOMEM: return PQ_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return PQ_EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR: return PQ_ECORRUPT; /* our SQL is right, so the schema is not */
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return PQ_EPERM;
    case SQLITE_TOOBIG: return PQ_ELIMIT;
    default: return PQ_EIO;
  }
}

static int fail_sqlite(pq_hot_sqlite *h, int rc, const char *doing) {
  const char *text = h->db != NULL ? sqlite3_errmsg(h->db) : sqlite3_errstr(rc);
  h->last_rc = rc;
  if ((rc & 0xff) == SQLITE_NOMEM) return pq_fail_nomem(h->cx);
  return pq_fail(h->cx, code_of(rc), "hot tier %s: %s: %s", h->path, doing, text);
}

static int fail_rows(pq_hot_sqlite *h, const char *what) {
  return pq_fail(h->cx, PQ_ECORRUPT, "hot tier %s: %s", h->path, what);
}

static int exec(pq_hot_sqlite *h, const char *sql) {
  int rc = sqlite3_exec(h->db, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK ? PQ_OK : fail_sqlite(h, rc, sql);
}

/* The prepared statement with `ns` bound as ?1 (unless NULL), or NULL after recording why. */
static sqlite3_stmt *prepare(pq_hot_sqlite *h, stmt_id id, const char *ns) {
  int rc;
  if (h->stmts[id] == NULL) {
    rc =
        sqlite3_prepare_v3(h->db, stmt_sql[id], -1, SQLITE_PREPARE_PERSISTENT, &h->stmts[id], NULL);
    if (rc != SQLITE_OK) {
      fail_sqlite(h, rc, "prepare");
      return NULL;
    }
  }
  if (ns == NULL) return h->stmts[id];
  rc = sqlite3_bind_text(h->stmts[id], 1, ns, -1, SQLITE_STATIC);
  if (rc == SQLITE_OK) return h->stmts[id];
  fail_sqlite(h, rc, "bind");
  return NULL;
}

/* A step that may come to a row of our tables. */
static int next_row(pq_hot_sqlite *h, sqlite3_stmt *s) {
  int rc = sqlite3_step(s);
  h->rows_read += rc == SQLITE_ROW;
  return rc;
}

/* Forget values that were borrowed and end the statement. */
static void reset(sqlite3_stmt *s) {
  sqlite3_reset(s);
  sqlite3_clear_bindings(s);
}

/* Run a statement without rows to its end. */
static int finish(pq_hot_sqlite *h, sqlite3_stmt *s, const char *doing) {
  int rc = sqlite3_step(s), out = PQ_OK;
  if (rc != SQLITE_DONE) out = fail_sqlite(h, rc == SQLITE_ROW ? SQLITE_ERROR : rc, doing);
  reset(s);
  return out;
}

static int run(pq_hot_sqlite *h, stmt_id id, const char *ns, const char *doing) {
  sqlite3_stmt *s = prepare(h, id, ns);
  return s == NULL ? h->cx->code : finish(h, s, doing);
}

/* End a transaction: commit after `rc` PQ_OK, else roll back. The message stays the first one. */
static int end_transaction(pq_hot_sqlite *h, int rc) {
  if (rc == PQ_OK) rc = run(h, STMT_COMMIT, NULL, "commit");
  if (rc != PQ_OK && !sqlite3_get_autocommit(h->db))
    sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
  return rc;
}

/* ---- opening ---- */

/* Read one text or integer of a query that gives at most one row; *has_row says which. */
static int query_int(pq_hot_sqlite *h, const char *sql, int64_t *out, bool *has_row) {
  sqlite3_stmt *s = NULL;
  int rc = sqlite3_prepare_v2(h->db, sql, -1, &s, NULL);
  *out = 0;
  *has_row = false;
  if (rc == SQLITE_OK) rc = sqlite3_step(s);
  if (rc == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_INTEGER) {
    *out = sqlite3_column_int64(s, 0);
    *has_row = true;
  }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    rc = fail_sqlite(h, rc, "open");
    sqlite3_finalize(s);
    return rc;
  }
  sqlite3_finalize(s);
  return PQ_OK;
}

/* Compare the schema, row by row, with `tables`. Prepared by the caller. */
static int check_schema_rows(pq_hot_sqlite *h, sqlite3_stmt *s, const char *only, int *count) {
  int rc;
  *count = 0;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    const char *name = (const char *)sqlite3_column_text(s, 0);
    const char *sql = (const char *)sqlite3_column_text(s, 1);
    size_t i;
    if (name == NULL || sql == NULL) return fail_rows(h, "not a ParqueDB hot tier");
    if (strncmp(name, "sqlite_", 7) == 0) continue; /* statistics */
    if (only != NULL && strcmp(name, only) != 0) continue;
    for (i = 0; i < TABLE_COUNT; i++)
      if (strcmp(name, tables[i].name) == 0 && strcmp(sql, tables[i].sql) == 0) break;
    if (i == TABLE_COUNT) return fail_rows(h, "not a ParqueDB hot tier");
    ++*count;
  }
  return rc == SQLITE_DONE ? PQ_OK : fail_sqlite(h, rc, "open");
}

static int check_schema(pq_hot_sqlite *h, const char *only, int *count) {
  sqlite3_stmt *s = NULL;
  int rc = sqlite3_prepare_v2(h->db, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL",
                              -1, &s, NULL);
  *count = 0;
  rc = rc == SQLITE_OK ? check_schema_rows(h, s, only, count) : fail_sqlite(h, rc, "open");
  sqlite3_finalize(s);
  return rc;
}

/* Check that the file is ours and of our version; only then is anything else read from it. */
static int check_file(pq_hot_sqlite *h) {
  int64_t version;
  bool has_row;
  int count;
  PQ_TRY(check_schema(h, "meta", &count));
  if (count != 1) return fail_rows(h, "not a ParqueDB hot tier");
  PQ_TRY(query_int(h, "SELECT value FROM meta WHERE key = 'format'", &version, &has_row));
  if (!has_row || version < 1) return fail_rows(h, "it has no format version");
  if (version > FORMAT_VERSION)
    return pq_fail(h->cx, PQ_EUNSUPPORTED,
                   "hot tier %s: has format version %lld, this program reads version %d", h->path,
                   (long long)version, (int)FORMAT_VERSION);
  PQ_TRY(check_schema(h, NULL, &count));
  return count == TABLE_COUNT ? PQ_OK : fail_rows(h, "tables are missing");
}

static int count_schema(pq_hot_sqlite *h, int64_t *out) {
  bool has_row;
  return query_int(h, "SELECT count(*) FROM sqlite_schema", out, &has_row);
}

static int create_tables(pq_hot_sqlite *h) {
  char insert[80];
  int64_t count = 0;
  int rc = run(h, STMT_BEGIN_WRITE, NULL, "begin");
  if (rc == PQ_OK) rc = count_schema(h, &count);
  for (size_t i = 0; rc == PQ_OK && count == 0 && i < TABLE_COUNT; i++)
    rc = exec(h, tables[i].sql);
  sqlite3_snprintf(sizeof insert, insert, "INSERT INTO meta(key, value) VALUES('format', %d)",
                   (int)FORMAT_VERSION);
  if (rc == PQ_OK && count == 0) rc = exec(h, insert);
  return end_transaction(h, rc);
}

static int on_commit(void *ud, sqlite3 *db, const char *name, int pages) {
  (void)db;
  (void)name;
  ((pq_hot_sqlite *)ud)->wal_pages = pages;
  return SQLITE_OK;
}

static int use_wal(pq_hot_sqlite *h) {
  sqlite3_stmt *s = NULL;
  int rc = sqlite3_prepare_v2(h->db, "PRAGMA journal_mode = WAL", -1, &s, NULL);
  bool is_wal;
  if (rc == SQLITE_OK) rc = sqlite3_step(s);
  is_wal = rc == SQLITE_ROW && sqlite3_stricmp((const char *)sqlite3_column_text(s, 0), "wal") == 0;
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
    rc = is_wal ? PQ_OK
                : pq_fail(h->cx, PQ_EIO, "hot tier %s: no write-ahead log on this file system",
                          h->path);
  } else {
    rc = fail_sqlite(h, rc, "open");
  }
  sqlite3_finalize(s);
  return rc;
}

static void close_db(pq_hot_sqlite *h) {
  if (h->db != NULL) h->rows_written += (uint64_t)sqlite3_total_changes64(h->db);
  for (int i = 0; i < STMT_COUNT; i++) {
    sqlite3_finalize(h->stmts[i]);
    h->stmts[i] = NULL;
  }
  sqlite3_close(h->db);
  h->db = NULL;
  h->is_immutable = false;
}

static int open_db(pq_hot_sqlite *h, const char *name, int flags) {
  int rc = sqlite3_open_v2(name, &h->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc != SQLITE_OK) return fail_sqlite(h, rc, "open");
  sqlite3_extended_result_codes(h->db, 1);
  sqlite3_busy_timeout(h->db, BUSY_MS);
  sqlite3_db_config(h->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(h->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  return exec(h, "PRAGMA cell_size_check = ON");
}

static bool has_file(const char *path, const char *suffix, pq_arena *a) {
  struct stat st;
  char *name = pq_arena_printf(a, "%s%s", path, suffix);
  return name == NULL || stat(name, &st) == 0 || errno != ENOENT;
}

/* Before SQLite looks: it ends a damaged log where the damage is, without a word. */
static int check_log(pq_hot_sqlite *h) {
  char *name = pq_arena_printf(&h->arena, "%s-wal", h->path);
  return name == NULL ? h->cx->code : pq_wal_check(h->cx, name);
}

/* Make the file under another name first: hot.sqlite is there with its tables or not at all, so
 * that one without tables is damaged, not new. */
static int create_file(pq_hot_sqlite *h, const char *name) {
  int rc;
  PQ_TRY(open_db(h, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  PQ_TRY(exec(h, "PRAGMA auto_vacuum = FULL"));
  PQ_TRY(exec(h, "PRAGMA synchronous = FULL"));
  PQ_TRY(create_tables(h));
  close_db(h);
  rc = rename(name, h->path);
  return rc == 0 ? PQ_OK : pq_fail(h->cx, PQ_EIO, "hot tier %s: cannot be named", h->path);
}

/* A log without its file: SQLite would throw it away. */
static int check_alone(pq_hot_sqlite *h) {
  if (!has_file(h->path, "-wal", &h->arena)) return PQ_OK;
  return pq_fail(h->cx, PQ_ECORRUPT, "hot tier %s: is missing, but %s-wal is there", h->path,
                 h->path);
}

static int create_missing(pq_hot_sqlite *h) {
  static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
  char *name = pq_arena_printf(&h->arena, "%s.new", h->path);
  if (name == NULL) return h->cx->code;
  if (has_file(h->path, "", &h->arena)) return PQ_OK;
  PQ_TRY(check_alone(h));
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    char *left = pq_arena_printf(&h->arena, "%s%s", name, suffixes[i]);
    if (left == NULL) return h->cx->code;
    (void)unlink(left);
  }
  return create_file(h, name);
}

static int open_writer(pq_hot_sqlite *h) {
  PQ_TRY(create_missing(h));
  PQ_TRY(check_log(h));
  PQ_TRY(open_db(h, h->path, SQLITE_OPEN_READWRITE));
  PQ_TRY(check_file(h)); /* before anything of a foreign file is changed */
  PQ_TRY(use_wal(h));
  PQ_TRY(exec(h, "PRAGMA synchronous = FULL"));
  PQ_TRY(exec(h, "PRAGMA secure_delete = OFF")); /* Debian's zeroes what TRIM is about to cut off */
  sqlite3_wal_hook(h->db, on_commit, h);
  return PQ_OK;
}

/* "file:" URI that opens the file without locks or log, for a directory that cannot be written. */
static char *immutable_uri(pq_hot_sqlite *h) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  static const char hex[] = "0123456789abcdef";
  const char *head = h->path[0] == '/' ? "file://" : "file:";
  char *uri = pq_arena_alloc(&h->arena, strlen(h->path) * 3 + 32), *p = uri;
  if (uri == NULL) return NULL;
  memcpy(p, head, strlen(head));
  p += strlen(head);
  for (const char *c = h->path; *c != '\0'; c++) {
    if (strchr(plain, *c) != NULL) {
      *p++ = *c;
      continue;
    }
    *p++ = '%';
    *p++ = hex[(unsigned char)*c >> 4];
    *p++ = hex[*c & 15];
  }
  memcpy(p, "?immutable=1", sizeof "?immutable=1");
  return uri;
}

/* A reader needs the log's index file; where that cannot be made, the file alone will do as long
 * as there is no log. */
static int open_immutable(pq_hot_sqlite *h) {
  const char *uri;
  if (has_file(h->path, "-wal", &h->arena))
    return pq_fail(h->cx, PQ_EPERM, "the unflushed tail cannot be opened: %s-wal", h->path);
  uri = immutable_uri(h);
  if (uri == NULL) return h->cx->code;
  h->is_immutable = true;
  PQ_TRY(open_db(h, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI));
  return check_file(h);
}

static int open_read_only(pq_hot_sqlite *h) {
  PQ_TRY(open_db(h, h->path, SQLITE_OPEN_READONLY));
  return check_file(h);
}

static int open_reader(pq_hot_sqlite *h) {
  int rc, first;
  if (!has_file(h->path, "", &h->arena)) return check_alone(h);
  h->last_rc = 0;
  PQ_TRY(check_log(h));
  rc = open_read_only(h);
  if (rc == PQ_OK) return PQ_OK;
  close_db(h);
  first = h->last_rc & 0xff;
  if (first != SQLITE_CANTOPEN && first != SQLITE_READONLY) return rc;
  if (access(h->path, R_OK) != 0 && errno == EACCES)
    return pq_fail(h->cx, PQ_EPERM, "the unflushed tail cannot be opened: %s", h->path);
  rc = open_immutable(h);
  if (rc != PQ_OK) close_db(h);
  return rc;
}

int pq_hot_sqlite_open(pq_cx *cx, const char *path, bool is_writer, pq_hot_sqlite **out) {
  pq_hot_sqlite *h = pq_alloc(cx, NULL, 0, sizeof *h);
  size_t path_len = strlen(path);
  int rc;
  *out = NULL;
  if (h == NULL) return pq_fail_nomem(cx);
  *h = (pq_hot_sqlite){.cx = cx, .is_writer = is_writer};
  pq_arena_init(&h->arena, cx, ARENA_LEN_MAX);
  pq_table_init(&h->by_ns, cx);
  h->path = pq_alloc(cx, NULL, 0, path_len + 1);
  if (h->path == NULL) {
    pq_alloc(cx, h, sizeof *h, 0);
    return pq_fail_nomem(cx);
  }
  memcpy(h->path, path, path_len + 1);
  rc = is_writer ? open_writer(h) : open_reader(h);
  if (rc != PQ_OK) {
    pq_hot_sqlite_close(h);
    return rc;
  }
  *out = h;
  return PQ_OK;
}

/* ---- durability and space ---- */

/* Let commits be as durable as asked. Outside of a transaction. */
static int set_sync(pq_hot_sqlite *h, uint32_t durability) {
  static const char *const sql[] = {"PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL",
                                    "PRAGMA synchronous = OFF"};
  if (h->sync == durability) return PQ_OK;
  PQ_TRY(exec(h, sql[durability]));
  h->sync = durability;
  return PQ_OK;
}

/* Copy the log into the file. What was committed stays so whether this works or not, therefore
 * failures are left to the next call that meets them. */
static void checkpoint(pq_hot_sqlite *h, int mode) {
  if (h->sync > 1 && set_sync(h, 1) != PQ_OK) return;
  sqlite3_busy_timeout(h->db, CHECKPOINT_BUSY_MS);
  sqlite3_wal_checkpoint_v2(h->db, NULL, mode, NULL, NULL);
  sqlite3_busy_timeout(h->db, BUSY_MS);
}

void pq_hot_sqlite_counts(const pq_hot_sqlite *h, pq_hot_counts *out) {
  uint64_t now = h->db == NULL ? 0 : (uint64_t)sqlite3_total_changes64(h->db);
  *out = (pq_hot_counts){h->calls, h->rows_read, h->rows_written + now};
}

void pq_hot_sqlite_close(pq_hot_sqlite *h) {
  if (h == NULL) return;
  if (h->db != NULL && h->is_writer)
    sqlite3_exec(h->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
  close_db(h);
  for (uint32_t i = 0; i < h->owner_count; i++)
    pq_alloc(h->cx, h->owners[i].ns, strlen(h->owners[i].ns) + 1, 0);
  if (h->owners != NULL) pq_alloc(h->cx, h->owners, h->owner_cap * sizeof *h->owners, 0);
  pq_table_release(&h->by_ns);
  pq_arena_release(&h->arena);
  pq_alloc(h->cx, h->path, strlen(h->path) + 1, 0);
  pq_alloc(h->cx, h, sizeof *h, 0);
}

/* ---- the calls ---- */

/* Run a statement that gives the state row of a namespace; all zero when it gives none. */
static int take_state(pq_hot_sqlite *h, sqlite3_stmt *s, pq_hot_state *out) {
  int64_t v[3] = {0, 0, 0};
  int rc = next_row(h, s), status = PQ_OK;
  *out = (pq_hot_state){0};
  for (int i = 0; rc == SQLITE_ROW && i < 3; i++) {
    v[i] = sqlite3_column_int64(s, i);
    if (sqlite3_column_type(s, i) != SQLITE_INTEGER || (i < 2 && v[i] < 0))
      status = fail_rows(h, "the state of a namespace is no number");
  }
  if (rc == SQLITE_ROW) rc = sqlite3_step(s); /* one that writes is over only then */
  if (rc != SQLITE_DONE) status = fail_sqlite(h, rc == SQLITE_ROW ? SQLITE_ERROR : rc, "read");
  reset(s);
  if (status != PQ_OK) return status;
  *out = (pq_hot_state){.epoch = (uint64_t)v[0], .seq_hi = (uint64_t)v[1], .ts_hi = v[2]};
  return PQ_OK;
}

static int load_state(pq_hot_sqlite *h, const char *ns, pq_hot_state *out) {
  sqlite3_stmt *s = prepare(h, STMT_STATE, ns);
  *out = (pq_hot_state){0};
  return s == NULL ? h->cx->code : take_state(h, s, out);
}

/* Ask whether another connection has committed: then nothing is known of any namespace. */
static int check_version(pq_hot_sqlite *h) {
  sqlite3_stmt *s = prepare(h, STMT_VERSION, NULL);
  int64_t version;
  int rc;
  if (s == NULL) return h->cx->code;
  rc = sqlite3_step(s);
  version = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
  rc = rc == SQLITE_ROW ? PQ_OK : fail_sqlite(h, rc, "read");
  reset(s);
  PQ_TRY(rc);
  for (uint32_t i = 0; version != h->version && i < h->owner_count; i++)
    h->owners[i].epoch = 0;
  h->version = version;
  return PQ_OK;
}

static int check_epoch(pq_hot_sqlite *h, const char *ns, uint64_t epoch, pq_hot_state *state) {
  PQ_TRY(load_state(h, ns, state));
  if (state->epoch == epoch && epoch != 0) return PQ_OK;
  return pq_fail(h->cx, PQ_EFENCED,
                 "namespace %s: another writer owns it (epoch %llu, this one is %llu)", ns,
                 (unsigned long long)state->epoch, (unsigned long long)epoch);
}

/* The last sequence number of `ns`: of its last batch, or the flush position. */
static int load_last(pq_hot_sqlite *h, const char *ns, uint64_t flushed, uint64_t *out) {
  sqlite3_stmt *s = prepare(h, STMT_LAST, ns);
  int64_t last = 0;
  int rc, status = PQ_OK;
  *out = flushed;
  if (s == NULL) return h->cx->code;
  rc = next_row(h, s);
  if (rc == SQLITE_ROW) {
    last = sqlite3_column_int64(s, 0);
    if (last <= 0) status = fail_rows(h, "a batch has an impossible number");
  } else if (rc != SQLITE_DONE) {
    status = fail_sqlite(h, rc, "read");
  }
  reset(s);
  if (status == PQ_OK && (uint64_t)last > flushed) *out = (uint64_t)last;
  return status;
}

/* What this connection knows of `ns`; a new record knows nothing. NULL when out of memory. */
static owner *owner_of(pq_hot_sqlite *h, const char *ns) {
  uint64_t hash = pq_hash(pq_str(ns), 0);
  size_t pos, len = strlen(ns) + 1;
  uint32_t i = pq_table_first(&h->by_ns, hash, &pos);
  char *copy;
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&h->by_ns, hash, &pos))
    if (strcmp(h->owners[i].ns, ns) == 0) return &h->owners[i];
  if (h->owner_count == h->owner_cap) {
    uint32_t cap = h->owner_cap == 0 ? 8 : h->owner_cap * 2;
    owner *p = pq_alloc(h->cx, h->owners, h->owner_cap * sizeof *p, cap * sizeof *p);
    if (p == NULL) return NULL;
    h->owners = p;
    h->owner_cap = cap;
  }
  copy = pq_alloc(h->cx, NULL, 0, len);
  if (copy == NULL) return NULL;
  if (pq_table_add(&h->by_ns, hash, h->owner_count) != PQ_OK) {
    pq_alloc(h->cx, copy, len, 0);
    return NULL;
  }
  memcpy(copy, ns, len);
  h->owners[h->owner_count] = (owner){.ns = copy};
  return &h->owners[h->owner_count++];
}

static int raise_epoch(pq_hot_sqlite *h, const char *ns, uint64_t floor, pq_hot_state *state) {
  sqlite3_stmt *s = prepare(h, STMT_RAISE, ns);
  if (s == NULL) return h->cx->code;
  if (floor > INT64_MAX || sqlite3_bind_int64(s, 2, (int64_t)floor) != SQLITE_OK)
    return fail_rows(h, "the epoch is used up");
  PQ_TRY(take_state(h, s, state));
  if (state->epoch > 0) return PQ_OK;
  PQ_TRY(load_state(h, ns, state)); /* it has the row, and refused: say why */
  return fail_rows(h, "the epoch is used up");
}

/* OPEN: raise the epoch, always synced: a fence that a power cut takes back is none. */
static int call_open(pq_hot_sqlite *h, const char *ns, uint64_t floor, owner *o,
                     pq_hot_state *state) {
  int rc;
  o->epoch = 0;
  PQ_TRY(set_sync(h, 0));
  PQ_TRY(run(h, STMT_BEGIN_WRITE, NULL, "begin"));
  rc = check_version(h);
  if (rc == PQ_OK) rc = raise_epoch(h, ns, floor, state);
  if (rc == PQ_OK) rc = load_last(h, ns, state->seq_hi, &o->last_seq);
  PQ_TRY(end_transaction(h, rc));
  o->epoch = state->epoch;
  return PQ_OK;
}

static int bind_chunk(sqlite3_stmt *s, const pq_hot_batch *b, int64_t chunk, size_t off, size_t n) {
  int rc = sqlite3_bind_int64(s, 2, (int64_t)b->seq_lo);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 3, chunk);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 4, (int64_t)b->seq_hi);
  if (rc != SQLITE_OK) return rc;
  if (n == 0) return sqlite3_bind_zeroblob(s, 5, 0);
  return sqlite3_bind_blob64(s, 5, b->body.p + off, n, SQLITE_STATIC);
}

static int insert_batch(pq_hot_sqlite *h, const char *ns, const pq_hot_batch *b) {
  size_t off = 0;
  for (int64_t chunk = 0; chunk == 0 || off < b->body.n; chunk++) {
    size_t left = b->body.n - off;
    size_t n = left < PQ_HOT_CHUNK_LEN_MAX ? left : PQ_HOT_CHUNK_LEN_MAX;
    sqlite3_stmt *s = prepare(h, STMT_APPEND, ns);
    int rc;
    if (s == NULL) return h->cx->code;
    rc = bind_chunk(s, b, chunk, off, n);
    if (rc != SQLITE_OK) {
      reset(s);
      return fail_sqlite(h, rc, "bind");
    }
    PQ_TRY(finish(h, s, "append"));
    off += n;
  }
  return PQ_OK;
}

static int append_rows(pq_hot_sqlite *h, const char *ns, owner *o, const pq_hot_request *q) {
  pq_hot_state state;
  PQ_TRY(check_version(h));
  if (o->epoch != q->epoch || q->epoch == 0) {
    PQ_TRY(check_epoch(h, ns, q->epoch, &state));
    PQ_TRY(load_last(h, ns, state.seq_hi, &o->last_seq));
  }
  if (q->batches[0].seq_lo != o->last_seq + 1)
    return pq_fail(h->cx, PQ_ECORRUPT, "namespace %s: events from %llu cannot follow event %llu",
                   ns, (unsigned long long)q->batches[0].seq_lo, (unsigned long long)o->last_seq);
  for (uint32_t i = 0; i < q->batch_count; i++)
    PQ_TRY(insert_batch(h, ns, &q->batches[i]));
  return PQ_OK;
}

static bool is_small(const pq_hot_request *q) {
  return q->batch_count == 1 && q->batches[0].body.n <= SMALL_COMMIT;
}

static int call_append(pq_hot_sqlite *h, const char *ns, owner *o, const pq_hot_request *q) {
  int rc;
  PQ_TRY(set_sync(h, q->durability));
  PQ_TRY(run(h, STMT_BEGIN_WRITE, NULL, "begin"));
  rc = append_rows(h, ns, o, q);
  rc = end_transaction(h, rc);
  o->epoch = rc == PQ_OK ? q->epoch : 0; /* after a failure the file is asked again */
  PQ_TRY(rc);
  o->last_seq = q->batches[q->batch_count - 1].seq_hi;
  if (h->wal_pages >= (is_small(q) ? WAL_PAGES_REUSED : WAL_PAGES_MAX))
    checkpoint(h, SQLITE_CHECKPOINT_PASSIVE);
  return PQ_OK;
}

static int trim_rows(pq_hot_sqlite *h, const char *ns, const pq_hot_request *q) {
  pq_hot_state state;
  sqlite3_stmt *s;
  int rc;
  PQ_TRY(check_epoch(h, ns, q->epoch, &state));
  if (q->seq_hi < state.seq_hi) return PQ_OK; /* the flush position never falls */
  s = prepare(h, STMT_POSITION, ns);
  if (s == NULL) return h->cx->code;
  rc = sqlite3_bind_int64(s, 2, (int64_t)q->seq_hi);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(s, 3, q->ts_hi);
  if (rc != SQLITE_OK) return fail_sqlite(h, rc, "bind");
  PQ_TRY(finish(h, s, "set the flush position"));
  s = prepare(h, STMT_TRIM, ns);
  if (s == NULL) return h->cx->code;
  rc = sqlite3_bind_int64(s, 2, (int64_t)q->seq_hi);
  if (rc != SQLITE_OK) return fail_sqlite(h, rc, "bind");
  return finish(h, s, "trim");
}

static int call_trim(pq_hot_sqlite *h, const char *ns, owner *o, const pq_hot_request *q) {
  int rc;
  if (h->sync > 1) PQ_TRY(set_sync(h, 1));
  PQ_TRY(run(h, STMT_BEGIN_WRITE, NULL, "begin"));
  rc = trim_rows(h, ns, q);
  rc = end_transaction(h, rc);
  if (rc != PQ_OK) o->epoch = 0;
  PQ_TRY(rc);
  if (o->last_seq < q->seq_hi) o->last_seq = q->seq_hi;
  /* Files of earlier versions are INCREMENTAL; of ours the commit has cut the free pages off, which
   * takes a tenth of the time because it need not look for them in the list. */
  sqlite3_exec(h->db, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
  checkpoint(
      h, h->wal_pages > WAL_PAGES_REUSED ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  return PQ_OK;
}

/* What READ gathers. */
typedef struct gather {
  pq_hot_writer writer;
  int64_t chunk;    /* the last one of the last batch */
  uint64_t flushed; /* TRIM leaves nothing at or below this one */
} gather;

static int gather_row(pq_hot_sqlite *h, gather *g, sqlite3_stmt *s) {
  int64_t lo = sqlite3_column_int64(s, 0), chunk = sqlite3_column_int64(s, 1);
  int64_t hi = sqlite3_column_int64(s, 2);
  const void *body = sqlite3_column_blob(s, 3);
  size_t n = (size_t)sqlite3_column_bytes(s, 3);
  const pq_hot_batch *last = &g->writer.last;
  pq_hot_batch fresh = {(uint64_t)lo, (uint64_t)hi, {body, n}};
  if (n > 0 && body == NULL) return pq_fail_nomem(h->cx);
  for (int i = 0; i < 4; i++)
    if (sqlite3_column_type(s, i) != (i < 3 ? SQLITE_INTEGER : SQLITE_BLOB))
      return fail_rows(h, "a batch has a column of another type");
  if (lo < 1 || lo > hi) return fail_rows(h, "a batch has impossible numbers");
  if ((uint64_t)hi <= g->flushed) return fail_rows(h, "a batch below the flush position is left");
  if (chunk == 0) {
    if (g->writer.count > 0 && fresh.seq_lo != last->seq_hi + 1)
      return fail_rows(h, "a batch is missing");
    g->chunk = 0;
    return pq_hot_add_batch(&g->writer, &fresh);
  }
  if (g->writer.count == 0) return fail_rows(h, "a batch has no beginning");
  if (last->seq_lo != fresh.seq_lo || last->seq_hi != fresh.seq_hi || chunk != g->chunk + 1)
    return fail_rows(h, "chunks of a batch are missing");
  g->chunk = chunk;
  return pq_hot_add_body(&g->writer, fresh.body);
}

/* Room for all batches at once, if the file's length says that they are few: growing by doubling
 * copies them, and touches memory, twice. */
static int reserve_reply(pq_hot_sqlite *h, pq_buf *reply) {
  sqlite3_stmt *s = prepare(h, STMT_PAGES, NULL);
  int64_t pages;
  int rc;
  if (s == NULL) return h->cx->code;
  rc = sqlite3_step(s);
  pages = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
  rc = rc == SQLITE_ROW ? PQ_OK : fail_sqlite(h, rc, "read");
  reset(s);
  PQ_TRY(rc);
  if (pages < 1 || pages > ROOM_LEN_MAX / PAGE_LEN) return PQ_OK;
  return pq_buf_reserve(reply, (size_t)pages * PAGE_LEN);
}

/* SQLite keeps no checksums: a page that lost a row still reads well. Its own check of the pages
 * costs little beside decoding the batches, and every row must belong to a known namespace. */
static int check_pages(pq_hot_sqlite *h) {
  sqlite3_stmt *s = prepare(h, STMT_CHECK, NULL);
  const char *text;
  bool is_fine;
  int rc;
  if (s == NULL) return h->cx->code;
  rc = sqlite3_step(s);
  text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
  is_fine = text != NULL && strcmp(text, "ok") == 0;
  if (rc != SQLITE_ROW)
    rc = fail_sqlite(h, rc, "check");
  else
    rc = is_fine ? PQ_OK : fail_rows(h, text == NULL ? "its check says nothing" : text);
  reset(s);
  PQ_TRY(rc);
  s = prepare(h, STMT_STRAYS, NULL);
  if (s == NULL) return h->cx->code;
  rc = sqlite3_step(s);
  is_fine = rc == SQLITE_DONE;
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    rc = fail_sqlite(h, rc, "check");
  else
    rc = is_fine ? PQ_OK : fail_rows(h, "a batch of an unknown namespace");
  reset(s);
  return rc;
}

static int gather_rows(pq_hot_sqlite *h, const char *ns, pq_buf *reply) {
  pq_hot_state state;
  sqlite3_stmt *s;
  gather g = {0};
  int rc, status = PQ_OK;
  PQ_TRY(check_pages(h));
  PQ_TRY(load_state(h, ns, &state));
  PQ_TRY(reserve_reply(h, reply));
  PQ_TRY(pq_hot_begin_state(&g.writer, reply, &state));
  g.flushed = state.seq_hi;
  s = prepare(h, STMT_READ, ns);
  if (s == NULL) return h->cx->code;
  while ((rc = next_row(h, s)) == SQLITE_ROW) {
    status = gather_row(h, &g, s);
    if (status != PQ_OK) break;
  }
  if (status == PQ_OK && rc != SQLITE_DONE) status = fail_sqlite(h, rc, "read");
  reset(s);
  return status;
}

static int call_read(pq_hot_sqlite *h, const char *ns, pq_buf *reply) {
  PQ_TRY(run(h, STMT_BEGIN_READ, NULL, "begin"));
  return end_transaction(h, gather_rows(h, ns, reply));
}

/* READ of a reader: open as late as possible, and hold nothing that needs no lock. */
static int call_reader(pq_hot_sqlite *h, const char *ns, pq_buf *reply) {
  static const pq_hot_state empty = {0};
  int rc;
  if (h->db == NULL) PQ_TRY(open_reader(h));
  if (h->db == NULL) return pq_hot_put_state(reply, &empty);
  rc = call_read(h, ns, reply);
  if (!h->is_immutable) return rc;
  close_db(h);
  if (rc == PQ_OK && has_file(h->path, "-wal", &h->arena))
    return pq_fail(h->cx, PQ_EPERM,
                   "the unflushed tail cannot be opened: a writer has just started");
  return rc;
}

int pq_hot_sqlite_call(pq_hot_sqlite *h, const char *ns, pq_slice request, pq_buf *reply) {
  pq_hot_state state;
  pq_hot_request q;
  owner *o;
  pq_arena_clear(&h->arena);
  h->calls++;
  PQ_TRY(pq_hot_parse_request(&h->arena, request, &q));
  if (!h->is_writer && q.op != PQ_HOT_READ)
    return pq_fail(h->cx, PQ_EPERM, "the warehouse is open for reading only");
  if (!h->is_writer) return call_reader(h, ns, reply);
  if (q.op == PQ_HOT_READ) return call_read(h, ns, reply);
  o = owner_of(h, ns);
  if (o == NULL) return pq_fail_nomem(h->cx);
  switch (q.op) {
    case PQ_HOT_OPEN:
      PQ_TRY(call_open(h, ns, q.epoch, o, &state));
      return pq_hot_put_state(reply, &state);
    case PQ_HOT_APPEND: return call_append(h, ns, o, &q);
    case PQ_HOT_TRIM: return call_trim(h, ns, o, &q);
    case PQ_HOT_READ: break;
  }
  pq_unreachable("READ was served above");
}
