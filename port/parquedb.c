/* port/parquedb.c - the public library: the engine's commands over a blocking driver.
 *
 *     pqdb_run ─► pq_command_open ─► step ─PQ_NEED_IO─► driver runs the requests ─► step …
 *     pqdb_next ◄─ items as JSON text ◄─ step ◄──────────────────────────────────────┘
 *
 * include/parquedb/parquedb.h documents every function. Nothing here knows what a command does.
 */
#include "parquedb/parquedb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/command.h"
#include "port/cpu.h"
#include "port/drive_disk.h"
#include "port/drive_memory.h"
#include "port/shared_pool.h"
#include "port/tasks.h"
#include "port/zoneinfo.h"
#include "value/json.h"

_Static_assert((int)PQDB_BUSY == (int)PQ_EBUSY && (int)PQDB_VERSION_CONFLICT == (int)PQ_EVERSION &&
                   (int)PQDB_RELATIONSHIP_TARGET_DELETED == (int)PQ_ETARGET &&
                   (int)PQDB_CORRUPT == (int)PQ_ECORRUPT,
               "public statuses are the engine's");

enum { NS_CAP = 160, ACTOR_CAP = 256, TEXT_LEN_MAX = 1 << 30 };

struct pqdb {
  pq_cx cx;
  pq_shared_pool memory_pool; /* of cx */
  pq_driver *driver;
  pq_memory_store *memory; /* owned, for pqdb_open_memory */
  pq_db db;
  bool is_open;
  uint32_t replies; /* open ones */
  pq_json_form form;
  char ns[NS_CAP];
  char actor[ACTOR_CAP]; /* empty: the engine's default */
};

struct pqdb_replies {
  pqdb *db;
  pq_command *command;
  pq_buf text;
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

static pqdb *handle_new(const pqdb_options *options, int *rc) {
  pqdb *db = calloc(1, sizeof *db);
  *rc = PQ_ENOMEM;
  if (db == NULL) return NULL;
  if (!pq_shared_pool_init(&db->memory_pool)) {
    free(db);
    return NULL;
  }
  pq_cx_init(&db->cx, pq_shared_pool_alloc, &db->memory_pool);
  db->cx.cpu = pq_cpu_features();
  pq_zone_set(&db->cx);
  *rc = set_options(db, options);
  return db;
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
  pq_assert(db->replies == 0);
  if (db->is_open) pq_db_release(&db->db);
  pq_driver_close(db->driver);
  pq_memory_store_free(db->memory);
  pq_shared_pool_release(&db->memory_pool);
  free(db);
}

/* Step until items wait or the command is done. */
static int advance(pqdb_replies *r) {
  pqdb *db = r->db;
  int rc;
  while ((rc = pq_command_step(r->command, pq_driver_now_us(db->driver))) == PQ_NEED_IO)
    pq_driver_run(db->driver, pq_command_fetch(r->command));
  return rc;
}

int pqdb_run(pqdb *db, const char *ns, const char *command, size_t command_len, const char *payload,
             size_t payload_len, pqdb_replies **out) {
  pqdb_replies *r;
  int rc;
  *out = NULL;
  if (!db->is_open) return pq_fail(&db->cx, PQ_EINVALID, "the warehouse is not open");
  db->cx.msg[0] = '\0';
  r = calloc(1, sizeof *r);
  if (r == NULL) return pq_fail_nomem(&db->cx);
  r->db = db;
  db->replies++;
  pq_buf_init(&r->text, &db->cx, TEXT_LEN_MAX);
  rc = pq_command_open(
      &db->db, pq_str(ns != NULL ? ns : db->ns), (pq_slice){(const uint8_t *)command, command_len},
      (pq_slice){(const uint8_t *)payload, payload_len}, pq_driver_now_us(db->driver), &r->command);
  if (rc == PQ_OK) rc = advance(r);
  if (rc != PQ_OK) {
    pqdb_replies_close(r);
    return rc;
  }
  *out = r;
  return PQDB_OK;
}

int pqdb_next(pqdb_replies *r, const char **json, size_t *len) {
  pq_value item;
  int status = PQDB_ROW;
  *json = "";
  *len = 0;
  while (!pq_command_next(r->command, &item)) {
    if (pq_command_is_done(r->command)) {
      item = pq_command_summary(r->command);
      status = PQDB_DONE;
      break;
    }
    PQ_TRY(advance(r));
  }
  pq_buf_clear(&r->text);
  PQ_TRY(pq_json_print(&r->text, item, r->db->form));
  PQ_TRY(pq_buf_put_byte(&r->text, '\0'));
  *json = (const char *)r->text.p;
  *len = r->text.len - 1;
  return status;
}

void pqdb_replies_close(pqdb_replies *r) {
  if (r == NULL) return;
  while (pq_command_abandon(r->command) == PQ_NEED_IO)
    pq_driver_run(r->db->driver, pq_command_fetch(r->command));
  pq_command_close(r->command);
  pq_buf_release(&r->text);
  r->db->replies--;
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

int pqdb_flush(pqdb *db) {
  command_text t;
  text_begin(&t, db, "flush");
  if (t.rc == PQ_OK) t.rc = pq_buf_put_byte(&t.buf, '1');
  return run_count(&t, db, NULL, 0, "ok", NULL);
}
