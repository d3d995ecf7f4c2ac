/* port/parquedb.c - the public library: the engine's commands over a blocking driver.
 *
 *     pqdb_run ─► pq_command_open ─► step ─PQ_NEED_IO─► driver runs the requests ─► step …
 *     pqdb_next ◄─ items as JSON text ◄─ step ◄──────────────────────────────────────┘
 *
 *     pqdb_submit ─► pq_command_open          pqdb_poll ─► step each that runs, then the requests
 * of all: writes that are ready together are one append
 *
 * A command that waits for another one (a write group under way) makes whoever waits for it poll.
 *
 * include/parquedb/parquedb.h documents every function. Nothing here knows what a command does.
 */
#include "parquedb/parquedb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/limits.h"
#include "cmd/command.h"
#include "db/works.h"
#include "port/cpu.h"
#include "port/drive_aside.h"
#include "port/drive_disk.h"
#include "port/drive_memory.h"
#include "port/handle.h"
#include "port/handle_int.h"
#include "port/shared_pool.h"
#include "port/tasks.h"
#include "port/zoneinfo.h"
#include "value/json.h"

_Static_assert((int)PQDB_BUSY == (int)PQ_EBUSY && (int)PQDB_VERSION_CONFLICT == (int)PQ_EVERSION &&
                   (int)PQDB_RELATIONSHIP_TARGET_DELETED == (int)PQ_ETARGET &&
                   (int)PQDB_CORRUPT == (int)PQ_ECORRUPT,
               "public statuses are the engine's");

enum {
  NS_CAP = 160,
  ACTOR_CAP = 256,
  TEXT_LEN_MAX = 1 << 30,
  MEMORY_MIN = 32 << 20,
  FILE_MIN = 1 << 20,
  /* After a write: changes for which a further step of work is done, and how many at most. A change
   * of 250 bytes is encoded some eight times on its way through the tiers. */
  CHANGES_STEP = 125,
  STEPS_MAX = 32,
  STEPS_BEHIND = 256,
  /* Long commands that took less than this stand in the first queue, in each next one those that
   * took less than eight times as much as in the one before. */
  LEVEL_US = 16000,
  LEVELS = 4,
  BEGUN_MAX = 16,
  PATIENCE_US = 30 * 1000000 /* of what waits for memory to begin with */
};

struct pqdb {
  pq_cx cx;
  pq_shared_pool memory_pool; /* of cx */
  pq_meter meter;             /* of memory_pool */
  pq_driver *driver;
  bool writes_aside;       /* the driver is drive_aside.h's */
  pq_memory_store *memory; /* owned, for pqdb_open_memory */
  pq_db db;
  bool is_open;
  pqdb_replies *first, *last; /* open ones, in the order of their beginning */
  pq_json_form form;
  char ns[NS_CAP], txn_ns[NS_CAP];
  char actor[ACTOR_CAP]; /* empty: the engine's default */
  bool maintains;        /* after writes */
  int64_t expire_us;     /* when TTL indexes are looked at next; 0: at once */
  uint32_t expire_at;    /* the namespace whose turn it is; beyond the last: none */
  int64_t expire_pause;  /* between two looks, µs; 0: never */
  double (*similarity)(void *, const char *, size_t, const char *, size_t); /* NULL: built in */
  void *similarity_context;
  /* With a host: what steps are measured by, and whose turn it is (poll_all). */
  pq_handle_host host;
  pqdb_replies *stepping;
  int64_t step_us;              /* the step has begun */
  int64_t long_us, long_len_us; /* the last one of a long command has ended, and took so long */
  uint64_t turns;
  bool is_stuck;
};

struct pqdb_replies {
  pqdb *db;
  pqdb_replies *next, *before;
  pq_command *command;
  pq_buf text;
  /* Without a command: it waits for memory, since when. What there will be of it: */
  char ns[NS_CAP];
  pq_value wanted; /* borrowed */
  unsigned reach;
  bool has_reach;
  int64_t since_us;
  uint64_t used; /* memory, when it was refused last */
  bool needs_io;
  bool has_moved;  /* or has yet to be stepped: it did not just wait for another one */
  bool has_items;  /* that were not taken */
  bool is_work;    /* on files: it has a step of each pass */
  bool is_long;    /* a step of it was not enough */
  int64_t took_us; /* since then */
  uint64_t turn;   /* of those: when it had its last */
  void *job;       /* borrowed */
  int rc;          /* the command's failure, */
  char message[PQ_MESSAGE_CAP];
};

const char *pqdb_version(void) {
  return PQDB_VERSION;
}

const char *pqdb_message(const pqdb *db) {
  return db == NULL ? "out of memory" : db->cx.msg;
}

const char *pqdb_status_name(int status) {
  return status >= 0 ? "OK" : pq_status_name(status);
}

static int set_options(pqdb *db, const pqdb_options *options) {
  snprintf(db->ns, sizeof db->ns, "default");
  if (options == NULL) return PQ_OK;
  if (options->size != sizeof *options)
    return pq_fail(&db->cx, PQ_EINVALID, "pqdb_options.size is %zu, expected %zu", options->size,
                   sizeof *options);
  if ((unsigned)options->json > PQDB_CANONICAL)
    return pq_fail(&db->cx, PQ_EINVALID, "unknown form of JSON %d", (int)options->json);
  if (options->memory > 0 && options->memory < MEMORY_MIN)
    return pq_fail(&db->cx, PQ_EINVALID, "memory: %llu bytes are too few, the least is %d MB",
                   (unsigned long long)options->memory, MEMORY_MIN >> 20);
  if ((unsigned)options->maintain > PQDB_MAINTAIN_NEVER)
    return pq_fail(&db->cx, PQ_EINVALID, "unknown maintenance %d", (int)options->maintain);
  if (options->file_bytes > 0 &&
      (options->file_bytes < FILE_MIN || options->file_bytes > PQ_FILE_LEN_MOST))
    return pq_fail(&db->cx, PQ_EINVALID, "file_bytes: %llu; files have 1 MB to %d MB",
                   (unsigned long long)options->file_bytes, (int)(PQ_FILE_LEN_MOST >> 20));
  if (options->file_bytes > 0) db->cx.limits.file_len_max = options->file_bytes;
  if (options->json == PQDB_CANONICAL) db->form = PQ_JSON_CANONICAL;
  if (options->ns != NULL) {
    if (strlen(options->ns) >= NS_CAP)
      return pq_fail(&db->cx, PQ_EINVALID, "a namespace name has at most 128 bytes");
    snprintf(db->ns, sizeof db->ns, "%s", options->ns);
  }
  if (options->actor == NULL) return PQ_OK;
  if (strlen(options->actor) >= ACTOR_CAP || !pq_utf8_is_valid(pq_str(options->actor)))
    return pq_fail(&db->cx, PQ_EINVALID, "the actor's name is not UTF-8 or too long");
  snprintf(db->actor, sizeof db->actor, "%s", options->actor);
  return PQ_OK;
}

/* A pq_similarity_with. */
static double similarity_of(void *ud, pq_slice text, pq_slice name) {
  const pqdb *db = ud;
  return db->similarity(db->similarity_context, (const char *)text.p, text.n, (const char *)name.p,
                        name.n);
}

static pqdb *handle_new(const pqdb_options *options, int *rc) {
  pqdb *db = calloc(1, sizeof *db);
  uint64_t allowed = PQ_MEMORY_MAX;
  *rc = PQ_ENOMEM;
  if (db == NULL) return NULL;
  if (options != NULL && options->size == sizeof *options && options->memory > 0)
    allowed = options->memory;
  if (!pq_shared_pool_init(&db->memory_pool, allowed)) {
    free(db);
    return NULL;
  }
  db->meter = (pq_meter){.max = db->memory_pool.max,
                         .allowed = allowed,
                         .used = pq_shared_pool_used,
                         .was_refused = pq_shared_pool_was_refused};
  pq_cx_init(&db->cx, pq_shared_pool_alloc, &db->memory_pool);
  db->cx.meter = &db->meter;
  pq_limits_fit(&db->cx.limits, db->meter.max);
  db->cx.cpu = pq_cpu_features();
  pq_zone_set(&db->cx);
  *rc = set_options(db, options);
  return db;
}

static void set_similarity(pqdb *db, const pqdb_options *options) {
  if (options == NULL || options->similarity == NULL) return;
  db->similarity = options->similarity;
  db->similarity_context = options->similarity_context;
  db->db.similarity = (pq_similarity_with){similarity_of, db};
}

static void set_thresholds(pqdb *db, const pqdb_options *options) {
  pq_thresholds *t = &db->db.thresholds;
  db->expire_pause = 60 * 1000000;
  db->maintains = options == NULL || options->maintain == PQDB_MAINTAIN_AFTER_WRITES;
  if (t->flush_len > db->meter.max / 16) t->flush_len = db->meter.max / 16;
  if (options == NULL) return;
  if (options->flush_bytes > 0) t->flush_len = options->flush_bytes;
  if (options->flush_events > 0) t->flush_events = options->flush_events;
  if (options->flush_seconds > 0) t->flush_age_us = (int64_t)options->flush_seconds * 1000000;
  if (options->compact_files > 0) t->files = options->compact_files;
  if (options->vacuum_bytes > 0)
    t->garbage_len = options->vacuum_bytes == UINT64_MAX ? 0 : options->vacuum_bytes;
  if (options->bulk > 0) t->bulk = options->bulk;
  t->snapshot_events = options->snapshot_events;
  t->cached_entities = options->cached_entities;
  if (t->snapshot_events > 0 && (t->flush_events == 0 || t->flush_events > t->snapshot_events))
    t->flush_events = t->snapshot_events; /* a flush ends where an instant can be kept */
}

static int start(pqdb *db, const pqdb_options *options) {
  bool is_writer = options == NULL || options->mode != PQDB_READ;
  uint32_t durability = options == NULL ? 0 : (uint32_t)options->durability;
  uint8_t seed[16];
  int rc;
  pq_driver_random(db->driver, seed, sizeof seed);
  rc = pq_db_init(&db->db, &db->cx, is_writer, durability, seed);
  db->db.runner = pq_threads_runner();
  if (db->actor[0] != '\0') db->db.actor = pq_str(db->actor);
  set_thresholds(db, options);
  set_similarity(db, options);
  db->db.steps_all = true; /* pqdb_poll, and all that waits */
  db->is_open = true;
  return rc;
}

int pqdb_open(const char *dir, const pqdb_options *options, pqdb **out) {
  static const pq_disk_mode modes[] = {PQ_OPEN_CREATE, PQ_OPEN_WRITE, PQ_OPEN_READ};
  pqdb_mode mode = options == NULL ? PQDB_CREATE : options->mode;
  int rc;
  pqdb *db = handle_new(options, &rc);
  *out = db;
  if (rc != PQ_OK) return rc;
  if ((unsigned)mode > PQDB_READ)
    return pq_fail(&db->cx, PQ_EINVALID, "unknown mode %d", (int)mode);
  rc = pq_disk_open(&db->cx, dir, modes[mode], &db->driver);
  return rc == PQ_OK ? start(db, options) : rc;
}

int pqdb_open_memory(const pqdb_options *options, pqdb **out) {
  int rc;
  pqdb *db = handle_new(options, &rc);
  *out = db;
  if (rc != PQ_OK) return rc;
  db->memory = pq_memory_store_new();
  if (db->memory == NULL) return pq_fail_nomem(&db->cx);
  rc = pq_memory_open(db->memory, PQ_OPEN_CREATE, &db->driver);
  if (rc != PQ_OK) return pq_fail(&db->cx, rc, "cannot open a warehouse in memory");
  return start(db, options);
}

void pqdb_close(pqdb *db) {
  if (db == NULL) return;
  pq_assert(db->first == NULL);
  if (db->is_open) pq_db_release(&db->db);
  pq_driver_close(db->driver);
  pq_memory_store_free(db->memory);
  pq_shared_pool_release(&db->memory_pool);
  free(db);
}

int pqdb_get_hot_stats(pqdb *db, pqdb_hot_stats *out) {
  pq_hot_counts counts;
  if (!db->is_open) return pq_fail(&db->cx, PQ_EINVALID, "the warehouse is not open");
  if (out->size != sizeof *out)
    return pq_fail(&db->cx, PQ_EINVALID, "pqdb_hot_stats.size is %zu, expected %zu", out->size,
                   sizeof *out);
  if (db->driver->vt->hot_counts == NULL)
    return pq_fail(&db->cx, PQ_EUNSUPPORTED, "a warehouse in memory counts no rows");
  db->driver->vt->hot_counts(db->driver, &counts);
  out->calls = counts.calls;
  out->rows_read = counts.rows_read;
  out->rows_written = counts.rows_written;
  return PQDB_OK;
}

/* ---- steps ---- */

/* Is there something to be taken, or a failure? */
static bool is_ready(const pqdb_replies *r) {
  return r->rc != PQ_OK || r->has_items || (r->command != NULL && pq_command_is_done(r->command));
}

/* ---- memory to begin with ---- */

static bool has_others(const pqdb_replies *r) {
  for (const pqdb_replies *other = r->db->first; other != NULL; other = other->next)
    if (other != r && other->command != NULL && other->rc == PQ_OK &&
        !pq_command_is_done(other->command))
      return true;
  return false;
}

/* May it still wait, and not try before some memory was given back? */
static bool is_patient(const pqdb_replies *r, int64_t now) {
  return has_others(r) && now - r->since_us < PATIENCE_US;
}

/* Open what is wanted. Without memory for it even when nothing is kept that can be read again:
 * PQ_OK without a command, as long as somebody else may end. */
static int open_wanted(pqdb_replies *r) {
  pqdb *db = r->db;
  int64_t now = pq_driver_now_us(db->driver);
  int rc;
  if (r->since_us != 0 && pq_shared_pool_used(&db->memory_pool) >= r->used && is_patient(r, now))
    return PQ_OK;
  rc = pq_command_open_value(&db->db, pq_str(r->ns), r->wanted, now, &r->command);
  if (rc == PQ_ENOMEM && db->meter.was_refused(db->cx.alloc_ud)) {
    (void)pq_db_drop_kept(&db->db);
    rc = pq_command_open_value(&db->db, pq_str(r->ns), r->wanted, now, &r->command);
  }
  if (rc == PQ_OK && r->has_reach) pq_command_set_reach(r->command, r->reach);
  if (rc != PQ_ENOMEM || !db->meter.was_refused(db->cx.alloc_ud)) return rc;
  if (r->since_us == 0) r->since_us = now;
  r->used = pq_shared_pool_used(&db->memory_pool);
  if (is_patient(r, now)) return PQ_OK;
  return pq_fail(&db->cx, PQ_ELIMIT,
                 "the %llu MB of memory that are allowed are in use by others: ask again, end some "
                 "of them, or allow more (option memory)",
                 (unsigned long long)(db->meter.allowed >> 20));
}

static void note_failure(pqdb_replies *r, int rc) {
  r->rc = rc;
  memcpy(r->message, r->db->cx.msg, sizeof r->message);
}

/* Are requests of it under way? It goes on when they are served. */
static bool is_away(const pqdb_replies *r) {
  return r->needs_io && pq_command_fetch(r->command)->taken > 0;
}

/* One step; true when the command did not just wait for another one. */
static bool step(pqdb_replies *r) {
  pqdb *db = r->db;
  int rc;
  if (r->command == NULL) {
    rc = open_wanted(r);
    if (rc < 0) note_failure(r, rc);
    r->has_moved = r->command != NULL;
    return r->has_moved;
  }
  db->stepping = r;
  db->step_us = pq_driver_now_us(db->driver);
  db->cx.pace.is_short = db->host.ask != NULL && !r->is_long && !r->is_work;
  rc = pq_command_step(r->command, db->step_us);
  db->stepping = NULL;
  r->is_long |= db->cx.pace.is_over;
  r->needs_io = rc == PQ_NEED_IO;
  if (rc < 0) note_failure(r, rc);
  r->has_items = rc >= 0 && pq_command_has_items(r->command);
  r->has_moved = !pq_command_is_waiting(r->command);
  return r->has_moved;
}

static void run_requests(pqdb_replies *r) {
  if (r->needs_io) pq_driver_run(r->db->driver, pq_command_fetch(r->command));
  r->needs_io = is_away(r);
}

static bool is_any_away(const pqdb *db) {
  for (const pqdb_replies *r = db->first; r != NULL; r = r->next)
    if (is_away(r)) return true;
  return false;
}

static unsigned level_of(const pqdb_replies *r) {
  unsigned level = 0;
  for (int64_t us = LEVEL_US; r->took_us >= us && level < LEVELS - 1; us *= 8)
    level++;
  return level;
}

/* The long command whose turn it is; NULL: there is none. Others wait for one that writes. Else it
 * is the first that came of those that took little by now, so that few are in the midst of their
 * work and hold memory for it; of those that took long, who had a turn the longest time ago. Every
 * second turn may be of the second queue or a further one, every fourth of the third, and so on.
 * While BEGUN_MAX are in the midst of their work no other begins. */
static pqdb_replies *next_long(const pqdb *db) {
  pqdb_replies *first[LEVELS] = {0}, *fresh = NULL;
  unsigned level = 0, begun = 0;
  for (pqdb_replies *r = db->first; r != NULL; r = r->next) {
    unsigned l = level_of(r);
    bool is_begun = r->command != NULL && pq_command_is_begun(r->command);
    if (!r->is_long || is_ready(r)) continue;
    begun += is_begun;
    if (is_away(r)) continue;
    if (r->command != NULL && pq_command_has_write_slot(r->command)) return r;
    if (!is_begun && l == 0) {
      if (fresh == NULL) fresh = r;
    } else if (first[l] == NULL || (l == LEVELS - 1 && r->turn < first[l]->turn)) {
      first[l] = r;
    }
  }
  if (first[0] == NULL && begun < BEGUN_MAX) first[0] = fresh;
  while (level < LEVELS - 1 && (db->turns >> level & 1) != 0)
    level++;
  for (unsigned l = level; l < LEVELS; l++)
    if (first[l] != NULL) return first[l];
  while (level > 0)
    if (first[--level] != NULL) return first[level];
  return NULL;
}

/* A step of one long command. While short ones are at work it has no more time than they. */
static bool step_long(pqdb *db, bool has_moved) {
  pqdb_replies *r = next_long(db);
  int64_t since, now = pq_driver_now_us(db->driver);
  bool is_moving;
  if (r == NULL) return false;
  since = now - db->long_us;
  if (has_moved && since >= 0 && since < db->long_len_us) return true;
  is_moving = step(r);
  r->turn = ++db->turns;
  db->long_us = pq_driver_now_us(db->driver);
  db->long_len_us = db->long_us - now;
  r->took_us += db->long_len_us;
  return is_moving;
}

/* Step each command that runs, of the long ones one beside work on files, then run the requests of
 * all. The number of those that still run; *has_moved tells whether any did not just wait. */
static int poll_all(pqdb *db, bool *has_moved) {
  int running = 0;
  *has_moved = false;
  pq_driver_collect(db->driver, false);
  for (pqdb_replies *r = db->first; r != NULL; r = r->next)
    if ((!r->is_long || r->is_work) && !is_ready(r) && !is_away(r)) *has_moved |= step(r);
  *has_moved |= step_long(db, *has_moved);
  for (pqdb_replies *r = db->first; r != NULL; r = r->next) {
    run_requests(r);
    running += !is_ready(r);
  }
  return running;
}

enum { IDLE_MAX = 3 }; /* the first of a group lets one pass go by */

/* Go on until there is something to be taken. What it waits for is one of the other commands; when
 * none of those moves either, its caller has to go on with them first. */
static int advance(pqdb_replies *r) {
  pqdb *db = r->db;
  for (int idle = 0; !is_ready(r);) {
    bool has_moved = false;
    if (is_away(r)) {
      pq_driver_collect(db->driver, true);
      continue;
    }
    has_moved = step(r);
    run_requests(r);
    if (has_moved || is_ready(r)) continue;
    (void)poll_all(db, &has_moved);
    if (!has_moved && is_any_away(db)) {
      pq_driver_collect(db->driver, true);
      has_moved = true;
    }
    idle = has_moved ? 0 : idle + 1;
    if (idle > IDLE_MAX)
      return pq_fail(&db->cx, PQ_EBUSY,
                     "another command that is not finished is in the way: read or close its "
                     "replies");
  }
  if (r->rc == PQ_OK) return PQ_OK;
  memcpy(db->cx.msg, r->message, sizeof r->message);
  return r->rc;
}

/* ---- commands ---- */

/* Replies without a command yet. */
static int replies_new(pqdb *db, pqdb_replies **out) {
  pqdb_replies *r;
  *out = NULL;
  if (!db->is_open) return pq_fail(&db->cx, PQ_EINVALID, "the warehouse is not open");
  db->cx.msg[0] = '\0';
  r = calloc(1, sizeof *r);
  if (r == NULL) return pq_fail_nomem(&db->cx);
  r->db = db;
  r->has_moved = true;
  r->before = db->last;
  *(db->last == NULL ? &db->first : &db->last->next) = r;
  db->last = r;
  pq_buf_init(&r->text, &db->cx, TEXT_LEN_MAX);
  *out = r;
  return PQ_OK;
}

/* Their command has begun, or `rc` tells why not. */
static int replies_begin(pqdb_replies *r, int rc, pqdb_replies **out) {
  *out = rc == PQ_OK ? r : NULL;
  if (rc != PQ_OK) pqdb_replies_close(r);
  return rc;
}

int pqdb_submit(pqdb *db, const char *ns, const char *command, size_t command_len,
                const char *payload, size_t payload_len, pqdb_replies **out) {
  pqdb_replies *r;
  int rc = replies_new(db, &r);
  *out = NULL;
  if (rc != PQ_OK) return rc;
  rc = pq_command_open(
      &db->db, pq_str(ns != NULL ? ns : db->ns), (pq_slice){(const uint8_t *)command, command_len},
      (pq_slice){(const uint8_t *)payload, payload_len}, pq_driver_now_us(db->driver), &r->command);
  return replies_begin(r, rc, out);
}

int pq_handle_submit(pqdb *db, const char *ns, pq_value command, pqdb_replies **out) {
  pqdb_replies *r;
  int rc = replies_new(db, &r);
  *out = NULL;
  if (rc != PQ_OK) return rc;
  if (strlen(ns) >= sizeof r->ns)
    rc = pq_fail(&db->cx, PQ_EINVALID, "a namespace name has at most 128 bytes");
  else
    memcpy(r->ns, ns, strlen(ns) + 1);
  r->wanted = command;
  if (rc == PQ_OK) rc = open_wanted(r);
  return replies_begin(r, rc, out);
}

void pq_handle_set_reach(pqdb_replies *r, unsigned reach) {
  r->reach = reach;
  r->has_reach = true;
  if (r->command != NULL) pq_command_set_reach(r->command, reach);
}

void pq_handle_set_owner(pqdb *db, uint64_t owner) {
  db->db.txn_owner = owner;
}

int pqdb_poll(pqdb *db) {
  bool has_moved;
  int running = poll_all(db, &has_moved);
  db->is_stuck = !has_moved;
  return running;
}

/* ---- the host ---- */

void pq_handle_set_job(pqdb_replies *r, void *job) {
  r->job = job;
}

/* A pq_pace.ask. */
static int ask_host(void *ud) {
  pqdb *db = ud;
  const pqdb_replies *r = db->stepping;
  int rc;
  if (r == NULL) return PQ_OK;
  rc = db->host.ask(db->host.ud, r->job, pq_driver_now_us(db->driver) - db->step_us);
  return rc < 0 ? pq_fail(&db->cx, rc, "the command was ended") : rc;
}

void pq_handle_set_host(pqdb *db, const pq_handle_host *host) {
  db->host = *host;
  db->cx.pace = (pq_pace){.ask = ask_host, .ud = db};
}

bool pq_handle_is_stuck(const pqdb *db) {
  return db->is_stuck;
}

int pqdb_is_ready(const pqdb_replies *r) {
  return is_ready(r);
}

void pqdb_progress(const pqdb_replies *r, uint64_t *done, uint64_t *total) {
  *done = *total = 0;
  if (r->command != NULL) pq_command_progress(r->command, done, total);
}

/* ---- work on files ---- */

/* Run the command `maintain`, if the namespace has something to do; its failures are the work's. */
static void maintain(pqdb *db, pq_slice ns, const char *text) {
  pqdb_replies *r = NULL;
  pq_space *space;
  pq_cx *cx = &db->cx;
  char msg[PQ_MESSAGE_CAP], name[NS_CAP];
  int code = cx->code;
  memcpy(msg, cx->msg, sizeof msg);
  snprintf(name, sizeof name, "%.*s", (int)ns.n, (const char *)ns.p);
  if (pq_db_space(&db->db, ns, &space) == PQ_OK && space->is_loaded && !space->is_fenced &&
      pq_works_due(space, pq_driver_now_us(db->driver)) != PQ_WORK_NONE &&
      pqdb_submit(db, name, text, strlen(text), NULL, 0, &r) == PQ_OK)
    (void)advance(r);
  pqdb_replies_close(r);
  cx->code = code;
  memcpy(cx->msg, msg, sizeof msg);
}

int pqdb_maintain(pqdb *db, unsigned steps) {
  char text[40];
  if (!db->is_open) return pq_fail(&db->cx, PQ_EINVALID, "the warehouse is not open");
  if (db->first != NULL)
    return pq_fail(&db->cx, PQ_EBUSY, "replies are open: close them, then work on files goes on");
  if (!db->db.is_writer)
    return pq_fail(&db->cx, PQ_EPERM, "the warehouse was opened for reading only");
  snprintf(text, sizeof text, "{\"maintain\": %u}", steps);
  for (uint32_t i = 0; i < db->db.space_count; i++)
    maintain(db, pq_str(db->db.spaces[i]->ns), text);
  return PQDB_OK;
}

pq_cx *pq_handle_cx(pqdb *db) {
  return &db->cx;
}

const pq_db *pq_handle_db(const pqdb *db) {
  return &db->db;
}

int64_t pq_handle_now_us(pqdb *db) {
  return pq_driver_now_us(db->driver);
}

void pq_handle_set_clock(pqdb *db, int64_t now_us) {
  pq_assert(db->memory != NULL);
  pq_memory_store_set_clock(db->memory, now_us, false);
}

bool pq_handle_is_starved(const pqdb *db) {
  for (const pqdb_replies *r = db->first; r != NULL; r = r->next)
    if (r->command == NULL && r->rc == PQ_OK) return true;
  return db->db.starved_count > 0;
}

bool pq_handle_must_wait(const pqdb *db) {
  for (const pqdb_replies *r = db->first; r != NULL; r = r->next)
    if (!is_away(r) && !is_ready(r) && r->has_moved) return false;
  return is_any_away(db);
}

int pq_handle_write_aside(pqdb *db, void (*wake)(void *ud), void *ud) {
  pq_aside_drivers of = {.files = db->driver};
  int rc;
  pq_assert(db->first == NULL);
  if (db->memory != NULL || !db->db.is_writer) return PQ_OK;
  rc = pq_disk_open_beside(&db->cx, db->driver, &of.front);
  if (rc == PQ_OK) rc = pq_disk_open_beside(&db->cx, db->driver, &of.hot);
  if (rc == PQ_OK) rc = pq_aside_open(&db->cx, &of, wake, ud, &db->driver);
  db->writes_aside = rc == PQ_OK;
  if (rc == PQ_OK) return PQ_OK;
  pq_driver_close(of.front);
  pq_driver_close(of.hot);
  db->driver = of.files;
  return rc;
}

void pq_handle_write_here(pqdb *db) {
  pq_assert(db->first == NULL);
  if (db->writes_aside) db->driver = pq_aside_end(db->driver);
  db->writes_aside = false;
}

bool pq_handle_rest(pqdb *db, int64_t idle_us) {
  return pq_scan_windows_rest(&db->db.windows, pq_driver_now_us(db->driver) - idle_us);
}

void pq_handle_random(pqdb *db, uint8_t *out, size_t n) {
  pq_driver_random(db->driver, out, n);
}

/* Documents whose time is over, namespace by namespace of those that are in use. */
static int expire_next(pqdb *db, int64_t now, pqdb_replies **out) {
  static const char text[] = "{\"expire\":1}";
  if (db->expire_pause == 0) return PQ_OK;
  if (now >= db->expire_us) {
    db->expire_us = now + db->expire_pause;
    db->expire_at = 0;
  }
  while (db->expire_at < db->db.space_count) {
    pq_space *s = db->db.spaces[db->expire_at++];
    if (!s->is_loaded || s->is_fenced || strcmp(s->ns, PQ_SYSTEM_NS) == 0) continue;
    return pqdb_submit(db, s->ns, text, sizeof text - 1, NULL, 0, out);
  }
  return PQ_OK;
}

bool pq_handle_is_worked(const pqdb_replies *work) {
  return is_ready(work) || (is_away(work) && pq_command_may_leave(work->command));
}

void pq_handle_expire_every(pqdb *db, int64_t seconds) {
  db->expire_pause = seconds * 1000000;
  db->expire_us = 0;
}

/* Writes may bring more than the steps beside them take away: is the tail twice what makes a flush
 * due? Then they wait for the flush. */
static bool is_behind(pqdb *db, pq_slice ns) {
  const pq_thresholds *t = &db->db.thresholds;
  for (uint32_t i = 0; i < db->db.space_count; i++) {
    const pq_space *s = db->db.spaces[i];
    if (!pq_slice_is(ns, s->ns) || s->overlay == NULL) continue;
    return (t->flush_len > 0 && s->overlay->held_len / 2 >= t->flush_len) ||
           (t->flush_events > 0 && s->overlay->version_count / 2 >= t->flush_events);
  }
  return false;
}

/* The next command of work on files; *out NULL: nothing is due. */
static int submit_work(pqdb *db, pqdb_replies **out) {
  static const char step[] = "{\"maintain\":1}", more[] = "{\"maintain\":8}";
  int64_t now = pq_driver_now_us(db->driver);
  PQ_TRY(expire_next(db, now, out));
  if (*out != NULL) return PQ_OK;
  for (uint32_t i = 0; i < db->db.space_count; i++) {
    pq_space *s = db->db.spaces[i];
    if (s->is_loaded && !s->is_fenced && !pq_works_is_away(s->works) &&
        pq_works_due(s, now) != PQ_WORK_NONE)
      return pqdb_submit(db, s->ns, is_behind(db, pq_str(s->ns)) ? more : step, sizeof step - 1,
                         NULL, 0, out);
  }
  return PQ_OK;
}

int pq_handle_work(pqdb *db, pqdb_replies **out) {
  *out = NULL;
  if (!db->db.is_writer || !db->maintains) return PQ_OK;
  PQ_TRY(submit_work(db, out));
  if (*out != NULL) (*out)->is_work = true;
  return PQ_OK;
}

/* The folders of the warehouse. */
static int list_folders(pqdb *db, pq_buf *out) {
  pq_fetch f;
  pq_slice names = {0};
  int rc;
  pq_fetch_init(&f, &db->cx);
  while ((rc = pq_fetch_list(&f, "", &names)) == PQ_NEED_IO)
    pq_driver_run(db->driver, &f);
  for (const uint8_t *end; rc == PQ_OK && names.n > 0;) {
    end = memchr(names.p, '\n', names.n);
    if (end == NULL) break;
    if (end > names.p && end[-1] == '/' && names.p[0] != '_' && names.p[0] != '~') {
      rc = pq_buf_put(out, names.p, (size_t)(end - names.p) - 1);
      if (rc == PQ_OK) rc = pq_buf_put_byte(out, '\n');
    }
    names = (pq_slice){end + 1, names.n - (size_t)(end + 1 - names.p)};
  }
  pq_fetch_release(&f);
  return rc;
}

static bool is_listed(pq_slice names, const char *name) {
  size_t len = strlen(name);
  for (const uint8_t *end; names.n > 0 && (end = memchr(names.p, '\n', names.n)) != NULL;) {
    if ((size_t)(end - names.p) == len && memcmp(names.p, name, len) == 0) return true;
    names = (pq_slice){end + 1, names.n - (size_t)(end + 1 - names.p)};
  }
  return false;
}

int pq_handle_namespaces(pqdb *db, pq_buf *out) {
  PQ_TRY(list_folders(db, out));
  for (uint32_t i = 0; i < db->db.space_count; i++) {
    const pq_space *s = db->db.spaces[i];
    if (s->seq == 0 || s->ns[0] == '_' || is_listed(pq_buf_slice(out), s->ns)) continue;
    PQ_TRY(pq_buf_put_str(out, s->ns));
    PQ_TRY(pq_buf_put_byte(out, '\n'));
  }
  return PQ_OK;
}

/* The seq of a namespace's last event; 0: none is known. */
static uint64_t seq_of(pqdb *db, pq_slice ns) {
  for (uint32_t i = 0; i < db->db.space_count; i++)
    if (pq_slice_is(ns, db->db.spaces[i]->ns)) return db->db.spaces[i]->seq;
  return 0;
}

/* More steps after many changes, as what they make due would else pile up. */
static void maintain_after(pqdb *db, pq_slice ns, uint64_t changes) {
  uint64_t steps = 1 + changes / CHANGES_STEP;
  char text[40];
  if (steps > STEPS_MAX) steps = STEPS_MAX;
  if (is_behind(db, ns)) steps = STEPS_BEHIND;
  snprintf(text, sizeof text, "{\"maintain\": %d}", (int)steps);
  maintain(db, ns, text);
}

int pqdb_run(pqdb *db, const char *ns, const char *command, size_t command_len, const char *payload,
             size_t payload_len, pqdb_replies **out) {
  pq_slice space = pq_str(ns != NULL ? ns : db->ns);
  uint64_t seq = seq_of(db, space);
  int rc = pqdb_submit(db, ns, command, command_len, payload, payload_len, out);
  if (rc == PQ_OK) rc = advance(*out);
  /* The write is acknowledged; nobody else is at work: a step of what is due, or a few. */
  if (rc == PQ_OK && db->maintains && db->db.is_writer && db->first == *out && db->last == *out &&
      pq_command_is_stopped((*out)->command) && seq_of(db, space) != seq) {
    pq_command_rest((*out)->command);
    maintain_after(db, space, seq_of(db, space) - seq);
  }
  if (rc == PQ_OK) return PQDB_OK;
  pqdb_replies_close(*out);
  *out = NULL;
  return rc;
}

int pq_handle_next(pqdb_replies *r, pq_value *out) {
  int status = PQDB_ROW;
  *out = (pq_value){0};
  PQ_TRY(advance(r));
  if (!pq_command_next(r->command, out)) {
    *out = pq_command_summary(r->command);
    status = PQDB_DONE;
  }
  r->has_items = pq_command_has_items(r->command);
  if (!r->has_items) {
    r->is_long = false;
    r->took_us = 0;
  }
  return status;
}

int pqdb_next(pqdb_replies *r, const char **json, size_t *len) {
  pq_value item;
  int status = pq_handle_next(r, &item);
  *json = "";
  if (len != NULL) *len = 0;
  if (status < 0) return status;
  pq_buf_clear(&r->text);
  PQ_TRY(pq_json_print(&r->text, item, r->db->form));
  PQ_TRY(pq_buf_put_byte(&r->text, '\0'));
  *json = (const char *)r->text.p;
  if (len != NULL) *len = r->text.len - 1;
  return status;
}

void pqdb_replies_close(pqdb_replies *r) {
  pqdb *db;
  if (r == NULL) return;
  db = r->db;
  while (pq_command_abandon(r->command) == PQ_NEED_IO) {
    pq_driver_run(db->driver, pq_command_fetch(r->command));
    pq_fetch_settle(pq_command_fetch(r->command));
  }
  pq_command_close(r->command);
  pq_buf_release(&r->text);
  *(r->before == NULL ? &db->first : &r->before->next) = r->next;
  *(r->next == NULL ? &db->last : &r->next->before) = r->before;
  free(r);
}

/* ---- the everyday calls: each only builds a command ---- */

typedef struct command_text {
  pq_buf buf;
  int rc;
} command_text;

static void text_begin(command_text *t, pqdb *db, const char *name) {
  pq_buf_init(&t->buf, &db->cx, TEXT_LEN_MAX);
  t->rc = pq_buf_put_str(&t->buf, "{\"");
  if (t->rc == PQ_OK) t->rc = pq_buf_put_str(&t->buf, name);
  if (t->rc == PQ_OK) t->rc = pq_buf_put_str(&t->buf, "\":");
}

static void text_str(command_text *t, const char *value) {
  if (t->rc == PQ_OK) t->rc = pq_buf_put_json_str(&t->buf, pq_str(value));
}

/* ,"name": followed by JSON text as it is. NULL is left out. */
static void text_json(command_text *t, const char *name, const char *json) {
  if (t->rc == PQ_OK && json != NULL) t->rc = pq_buf_printf(&t->buf, ",\"%s\":%s", name, json);
}

static void text_field(command_text *t, const char *name, const char *value) {
  if (t->rc == PQ_OK) t->rc = pq_buf_printf(&t->buf, ",\"%s\":", name);
  text_str(t, value);
}

/* The members of an options object, without its braces. */
static void text_options(command_text *t, pqdb *db, const char *options) {
  pq_slice s = pq_str(options);
  while (s.n > 0 && s.p[0] <= ' ')
    s = (pq_slice){s.p + 1, s.n - 1};
  while (s.n > 0 && s.p[s.n - 1] <= ' ')
    s.n--;
  if (t->rc != PQ_OK || s.n == 0) return;
  if (s.n < 2 || s.p[0] != '{' || s.p[s.n - 1] != '}') {
    t->rc = pq_fail(&db->cx, PQ_EINVALID, "options must be a JSON object");
    return;
  }
  s = (pq_slice){s.p + 1, s.n - 2};
  while (s.n > 0 && s.p[0] <= ' ')
    s = (pq_slice){s.p + 1, s.n - 1};
  if (s.n == 0) return;
  t->rc = pq_buf_put_byte(&t->buf, ',');
  if (t->rc == PQ_OK) t->rc = pq_buf_put_slice(&t->buf, s);
}

static int text_run(command_text *t, pqdb *db, const char *payload, size_t payload_len,
                    pqdb_replies **out) {
  if (t->rc == PQ_OK) t->rc = pq_buf_put_byte(&t->buf, '}');
  if (t->rc == PQ_OK)
    t->rc = pqdb_run(db, NULL, (const char *)t->buf.p, t->buf.len, payload, payload_len, out);
  pq_buf_release(&t->buf);
  return t->rc;
}

/* Run and read one number of the summary. */
static int run_count(command_text *t, pqdb *db, const char *payload, size_t payload_len,
                     const char *name, uint64_t *count) {
  pqdb_replies *r = NULL;
  int64_t n = 0;
  PQ_TRY(text_run(t, db, payload, payload_len, &r));
  (void)pq_value_i64(pq_object_get_str(pq_command_summary(r->command), name), &n);
  pqdb_replies_close(r);
  if (count != NULL) *count = (uint64_t)n;
  return PQDB_OK;
}

int pqdb_create(pqdb *db, const char *collection, const char *document) {
  command_text t;
  text_begin(&t, db, "insert");
  text_str(&t, collection);
  if (t.rc == PQ_OK) t.rc = pq_buf_printf(&t.buf, ",\"documents\":[%s]", document);
  return run_count(&t, db, NULL, 0, "ok", NULL);
}

int pqdb_create_many(pqdb *db, const char *collection, const char *ndjson, size_t len) {
  command_text t;
  text_begin(&t, db, "insert");
  text_str(&t, collection);
  return run_count(&t, db, ndjson, len, "ok", NULL);
}

int pqdb_get(pqdb *db, const char *id, const char *options, pqdb_replies **out) {
  command_text t;
  *out = NULL;
  text_begin(&t, db, "get");
  text_str(&t, id);
  text_options(&t, db, options);
  return text_run(&t, db, NULL, 0, out);
}

int pqdb_find(pqdb *db, const char *collection, const char *filter, const char *options,
              pqdb_replies **out) {
  command_text t;
  *out = NULL;
  text_begin(&t, db, "find");
  text_str(&t, collection);
  text_json(&t, "filter", filter);
  text_options(&t, db, options);
  return text_run(&t, db, NULL, 0, out);
}

int pqdb_count(pqdb *db, const char *collection, const char *filter, uint64_t *count) {
  command_text t;
  *count = 0;
  text_begin(&t, db, "count");
  text_str(&t, collection);
  text_json(&t, "filter", filter);
  return run_count(&t, db, NULL, 0, "count", count);
}

int pqdb_update(pqdb *db, const char *id, const char *operators, const char *options) {
  command_text t;
  uint64_t n = 0;
  text_begin(&t, db, "update");
  text_str(&t, id);
  text_json(&t, "ops", operators);
  text_options(&t, db, options);
  PQ_TRY(run_count(&t, db, NULL, 0, "matchedCount", &n));
  return n == 1 ? PQDB_OK : pq_fail(&db->cx, PQ_ENOENTITY, "there is no entity %s", id);
}

int pqdb_delete(pqdb *db, const char *id, const char *options) {
  command_text t;
  uint64_t n = 0;
  text_begin(&t, db, "delete");
  text_str(&t, id);
  text_options(&t, db, options);
  PQ_TRY(run_count(&t, db, NULL, 0, "deletedCount", &n));
  return n == 1 ? PQDB_OK : pq_fail(&db->cx, PQ_ENOENTITY, "there is no entity %s", id);
}

int pqdb_link(pqdb *db, const char *from, const char *predicate, const char *to,
              const char *options) {
  command_text t;
  text_begin(&t, db, "link");
  if (t.rc == PQ_OK) t.rc = pq_buf_put_str(&t.buf, "{\"from\":");
  text_str(&t, from);
  text_field(&t, "predicate", predicate);
  text_field(&t, "to", to);
  text_options(&t, db, options); /* reverse, data: members of the edge */
  if (t.rc == PQ_OK) t.rc = pq_buf_put_byte(&t.buf, '}');
  return run_count(&t, db, NULL, 0, "ok", NULL);
}

int pqdb_related(pqdb *db, const char *id, const char *predicate, const char *options,
                 pqdb_replies **out) {
  command_text t;
  *out = NULL;
  text_begin(&t, db, "related");
  text_str(&t, id);
  text_field(&t, "predicate", predicate);
  text_options(&t, db, options);
  return text_run(&t, db, NULL, 0, out);
}

int pqdb_history(pqdb *db, const char *id, const char *options, pqdb_replies **out) {
  command_text t;
  *out = NULL;
  text_begin(&t, db, "history");
  text_str(&t, id);
  text_options(&t, db, options);
  return text_run(&t, db, NULL, 0, out);
}

/* ---- transactions ---- */

int pqdb_begin(pqdb *db, const char *ns) {
  static const char command[] = "{\"begin\":1}";
  pqdb_replies *r = NULL;
  int64_t number = 0;
  if (ns == NULL) ns = db->ns;
  if (pqdb_in_transaction(db))
    return pq_fail(&db->cx, PQ_EINVALID, "transaction %llu is open: commit or abort it first",
                   (unsigned long long)db->db.txn_current);
  PQ_TRY(pqdb_run(db, ns, command, sizeof command - 1, NULL, 0, &r));
  (void)pq_value_i64(pq_object_get_str(pq_command_summary(r->command), "txn"), &number);
  pqdb_replies_close(r);
  snprintf(db->txn_ns, sizeof db->txn_ns, "%s", ns); /* it was a name, so it fits */
  db->db.txn_current = (uint64_t)number;
  return PQDB_OK;
}

/* Either way it has ended. */
static int end(pqdb *db, const char *name, uint64_t *events) {
  pqdb_replies *r = NULL;
  char command[40];
  int64_t count = 0;
  int rc;
  if (events != NULL) *events = 0;
  if (!pqdb_in_transaction(db)) return pq_fail(&db->cx, PQ_EINVALID, "no transaction is open");
  snprintf(command, sizeof command, "{\"%s\":%llu}", name, (unsigned long long)db->db.txn_current);
  rc = pqdb_run(db, db->txn_ns, command, strlen(command), NULL, 0, &r);
  if (rc != PQ_EBUSY) db->db.txn_current = 0;
  if (rc != PQ_OK) return rc;
  (void)pq_value_i64(pq_object_get_str(pq_command_summary(r->command), "events"), &count);
  pqdb_replies_close(r);
  if (events != NULL) *events = (uint64_t)count;
  return PQDB_OK;
}

int pqdb_commit(pqdb *db, uint64_t *events) {
  return end(db, "commit", events);
}

int pqdb_abort(pqdb *db) {
  return end(db, "abort", NULL);
}

int pqdb_in_transaction(const pqdb *db) {
  return db->is_open && db->db.txn_current != 0;
}

int pqdb_get_at_version(pqdb *db, const char *id, uint64_t version, const char *options,
                        pqdb_replies **out) {
  command_text t;
  *out = NULL;
  text_begin(&t, db, "getAtVersion");
  text_str(&t, id);
  if (t.rc == PQ_OK) t.rc = pq_buf_printf(&t.buf, ",\"version\":%llu", (unsigned long long)version);
  if (options != NULL) text_options(&t, db, options);
  return text_run(&t, db, NULL, 0, out);
}

int pqdb_reconstruct(pqdb *db, const char *id, const char *at, const char *options,
                     pqdb_replies **out) {
  command_text t;
  *out = NULL;
  text_begin(&t, db, "reconstruct");
  text_str(&t, id);
  if (at != NULL) text_field(&t, "asOf", at);
  if (options != NULL) text_options(&t, db, options);
  return text_run(&t, db, NULL, 0, out);
}

int pqdb_append_event(pqdb *db, const char *event, const char *options) {
  static const char *const counts[] = {"matchedCount", "deletedCount"};
  command_text t;
  pqdb_replies *r = NULL;
  bool is_missing = false;
  int64_t n;
  text_begin(&t, db, "appendEvent");
  if (t.rc == PQ_OK) t.rc = pq_buf_put_str(&t.buf, event);
  text_options(&t, db, options);
  PQ_TRY(text_run(&t, db, NULL, 0, &r));
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    is_missing |=
        pq_value_i64(pq_object_get_str(pq_command_summary(r->command), counts[i]), &n) && n == 0;
  pqdb_replies_close(r);
  return is_missing ? pq_fail(&db->cx, PQ_ENOENTITY, "there is no such entity") : PQDB_OK;
}

int pqdb_diff(pqdb *db, const char *target, const char *from, const char *to, const char *options,
              pqdb_replies **out) {
  command_text t;
  *out = NULL;
  text_begin(&t, db, "diff");
  text_str(&t, target);
  text_field(&t, "from", from);
  if (to != NULL) text_field(&t, "to", to);
  if (options != NULL) text_options(&t, db, options);
  return text_run(&t, db, NULL, 0, out);
}

int pqdb_revert(pqdb *db, const char *target, const char *to, const char *options) {
  command_text t;
  text_begin(&t, db, "revert");
  text_str(&t, target);
  text_field(&t, "to", to);
  if (options != NULL) text_options(&t, db, options);
  return run_count(&t, db, NULL, 0, "ok", NULL);
}

int pqdb_flush(pqdb *db) {
  command_text t;
  text_begin(&t, db, "flush");
  if (t.rc == PQ_OK) t.rc = pq_buf_put_byte(&t.buf, '1');
  return run_count(&t, db, NULL, 0, "ok", NULL);
}
