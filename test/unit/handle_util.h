/* test/unit/handle_util.h - writers and readers on one store that has no lock, that loses replies,
 * and on which one goes on while another one sleeps.
 *
 *   command ─► step ─► requests ─► hook, fault ─► memory store
 *                                   └─ may hold a put back, or answer without doing it
 */
#ifndef PQ_TEST_HANDLE_UTIL_H
#define PQ_TEST_HANDLE_UTIL_H

#include "cmd/command.h"
#include "io/hot.h"
#include "log/boundary.h"
#include "port/drive_memory.h"
#include "unit.h"
#include "value/json.h"

typedef enum what {
  DO_IT,
  LOSE_REPLY, /* it is done, nobody hears of it */
  REFUSE,     /* not done; 409, 412 and their like */
  LOSE_IT     /* not done, and the outcome is unknown */
} what;

typedef struct handle {
  pq_cx cx;
  pq_driver *driver;
  pq_db db;
} handle;

/* What happens to the next put of an object whose key holds `part`. */
static struct {
  const char *part;
  what what;
  handle *other; /* which writes at that moment */
  int left;
} hook;

/* Requests of a kind whose key holds `part` are not done, and that is not known. */
static struct {
  pq_io_kind kind;
  uint8_t hot_op; /* of PQ_IO_HOT */
  const char *part;
  int left;
} fault;

static char message[PQ_MESSAGE_CAP];
static char last_summary[2000];

static inline void open_handle(handle *h, pq_memory_store *store, bool is_writer) {
  static uint8_t seed[16] = {1};
  seed[0]++;
  *h = (handle){0};
  pq_cx_init(&h->cx, NULL, NULL);
  CHECK(pq_memory_open(store, is_writer ? PQ_OPEN_CREATE : PQ_OPEN_READ, &h->driver) == PQ_OK);
  CHECK(pq_db_init(&h->db, &h->cx, is_writer, 0, seed) == PQ_OK);
}

static inline void close_handle(handle *h) {
  pq_db_release(&h->db);
  pq_driver_close(h->driver);
}

static int64_t now_us = 1; /* of commands; not the store's */

static inline int run(handle *h, const char *command, char *item_text, size_t cap);

/* Do a request where nobody waits for it. */
static inline void do_unheard(handle *h, const pq_io_req *r) {
  pq_fetch shadow;
  pq_fetch_init(&shadow, &h->cx);
  if (r->kind == PQ_IO_PUT_NEW)
    (void)!pq_fetch_put_new(&shadow, r->key, (pq_slice){r->buf, r->len});
  else
    (void)!pq_fetch_put_if(&shadow, r->key, (pq_slice){r->buf, (size_t)r->off},
                           (pq_slice){r->buf + (size_t)r->off, r->len - (size_t)r->off});
  pq_driver_run(h->driver, &shadow);
  pq_fetch_release(&shadow);
}

static inline void serve(handle *h, pq_fetch *f, const pq_io_req *r) {
  bool is_put = r->kind == PQ_IO_PUT_NEW || r->kind == PQ_IO_PUT_IF;
  bool is_hot = r->kind == PQ_IO_HOT;
  if (fault.left > 0 && r->kind == fault.kind && strstr(r->key, fault.part) != NULL &&
      (!is_hot || r->buf[0] == fault.hot_op)) {
    fault.left--;
    pq_fetch_done(f, r->id, PQ_EIO, (pq_slice){0}, "lost");
    return;
  }
  if (!is_put || hook.left == 0 || strstr(r->key, hook.part) == NULL) {
    h->driver->vt->serve(h->driver, f, r);
    return;
  }
  hook.left--;
  if (hook.other != NULL) { /* they go on while this one sleeps */
    handle *other = hook.other;
    int left = hook.left;
    hook.left = 0;
    CHECK(run(other, "{\"update\": \"t/a\", \"ops\": {\"$inc\": {\"n\": 1}}}", NULL, 0) == PQ_OK);
    CHECK(run(other, "{\"flush\": 1}", NULL, 0) == PQ_OK);
    CHECK(run(other, "{\"vacuum\": 1, \"minAge\": \"0\"}", NULL, 0) == PQ_OK);
    hook.left = left;
  }
  if (hook.what == DO_IT) {
    h->driver->vt->serve(h->driver, f, r);
    return;
  }
  if (hook.what == LOSE_REPLY) do_unheard(h, r);
  pq_fetch_done(f, r->id, hook.what == REFUSE ? PQ_ECONFLICT : PQ_EIO, (pq_slice){0}, "lost");
}

/* Step a command until it is done, waits for another one, or has failed. */
static inline int step(handle *h, pq_command *c, char *item_text, size_t cap) {
  int rc = PQ_OK;
  while (rc == PQ_OK && !pq_command_is_done(c)) {
    pq_value item;
    pq_io_req r;
    while ((rc = pq_command_step(c, now_us)) == PQ_NEED_IO)
      while (pq_fetch_take(pq_command_fetch(c), &r))
        serve(h, pq_command_fetch(c), &r);
    if (rc == PQ_OK && pq_command_is_waiting(c)) return rc;
    while (rc == PQ_OK && pq_command_next(c, &item)) {
      pq_buf text;
      pq_buf_init(&text, &h->cx, 1 << 20);
      CHECK(pq_json_print(&text, item, PQ_JSON_RELAXED) == PQ_OK);
      if (item_text != NULL) snprintf(item_text, cap, "%.*s", (int)text.len, (char *)text.p);
      pq_buf_release(&text);
    }
  }
  return rc;
}

static inline int run(handle *h, const char *command, char *item_text, size_t cap) {
  pq_command *c;
  int rc = pq_command_open(&h->db, PQ_SLICE("n"), pq_str(command), (pq_slice){0}, now_us, &c);
  if (item_text != NULL) item_text[0] = '\0';
  if (rc == PQ_OK) rc = step(h, c, item_text, cap);
  if (rc == PQ_OK) {
    pq_buf text;
    pq_buf_init(&text, &h->cx, 1 << 20);
    CHECK(pq_json_print(&text, pq_command_summary(c), PQ_JSON_RELAXED) == PQ_OK);
    snprintf(last_summary, sizeof last_summary, "%.*s", (int)text.len, (char *)text.p);
    pq_buf_release(&text);
  }
  memcpy(message, h->cx.msg, sizeof message);
  pq_command_close(c);
  return rc;
}

static inline bool has(handle *h, const char *command, const char *part) {
  char text[2000];
  CHECK(run(h, command, text, sizeof text) == PQ_OK);
  return strstr(text, part) != NULL;
}

#endif
