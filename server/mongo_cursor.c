/* server/mongo_cursor.c - batches of documents, and the cursors that have more.
 *
 * A batch ends with as many documents as were asked for (101 in the first one, any number later),
 * or beyond 16 MB. What is left stays with the replies of our command, which go no further until
 * somebody asks for more.
 */
#include <stdio.h>
#include <string.h>

#include "server/mongo_stream.h"

enum {
  FIRST_BATCH = 101,
  BATCH_LEN_MAX = 16 << 20,
  CURSORS_MAX = 10000, /* each may hold pages of a window */
  IDLE_MS = 10 * 60 * 1000,
  HELD_MS = 1000,  /* a cursor that was asked since stays, however short memory is */
  AWAIT_MS = 1000, /* as MongoDB's awaitData */
  AWAIT_MS_MAX = 24 * 60 * 60 * 1000
};

static int64_t now_ms(const pq_mongo *m) {
  return pq_handle_now_us(m->db) / 1000;
}

static void cursor_free(pq_mongo *m, uint32_t i) {
  pq_mongo_cursor *c = m->cursors[i];
  m->cursors[i] = m->cursors[--m->cursor_count];
  pqdb_replies_close(c->replies);
  pq_stream_free(c->stream);
  pq_arena_release(&c->arena);
  pq_alloc(m->cx, c, sizeof *c, 0);
}

void pq_mongo_release(pq_mongo *m) {
  while (m->cursor_count > 0)
    cursor_free(m, 0);
  if (m->cursors != NULL) pq_alloc(m->cx, m->cursors, m->cursor_cap * sizeof *m->cursors, 0);
  pq_builder_free(m->builder);
}

/* A command waits for memory: of the cursors that nobody asks the one that was asked for the
 * longest time ago gives way. */
static void make_room(pq_mongo *m, int64_t now) {
  uint32_t oldest = m->cursor_count;
  for (uint32_t i = 0; i < m->cursor_count; i++) {
    const pq_mongo_cursor *c = m->cursors[i];
    bool is_older = oldest == m->cursor_count || c->used_ms < m->cursors[oldest]->used_ms;
    if (!c->is_busy && c->replies != NULL && now - c->used_ms >= HELD_MS && is_older) oldest = i;
  }
  if (oldest < m->cursor_count) cursor_free(m, oldest);
}

void pq_mongo_expire(pq_mongo *m) {
  int64_t now = now_ms(m);
  if (pq_handle_is_starved(m->db)) make_room(m, now);
  for (uint32_t i = m->cursor_count; i-- > 0;) {
    const pq_mongo_cursor *c = m->cursors[i];
    if (c->is_busy || c->is_patient || now - c->used_ms <= IDLE_MS) continue;
    cursor_free(m, i);
    m->counts.cursors_timed_out++;
  }
}

void pq_cursors_close(pq_mongo *m, const pq_session_key *session, int64_t number) {
  for (uint32_t i = m->cursor_count; i-- > 0;) {
    pq_mongo_cursor *c = m->cursors[i];
    if ((session != NULL && !pq_session_key_eq(&c->session, session)) ||
        (number >= 0 && c->number != number))
      continue;
    if (c->is_busy)
      c->is_killed = true; /* what waits for changes looks at it */
    else
      cursor_free(m, i);
  }
}

static uint32_t cursor_place(const pq_mongo *m, int64_t id) {
  uint32_t i = 0;
  while (i < m->cursor_count && m->cursors[i]->id != id)
    i++;
  return i;
}

static int cursors_grow(pq_mongo *m) {
  uint32_t cap = m->cursor_cap == 0 ? 16 : m->cursor_cap * 2;
  pq_mongo_cursor **p;
  uint32_t max = m->server->options->cursors == 0 ? CURSORS_MAX : m->server->options->cursors;
  if (m->cursor_count >= max)
    return pq_fail(m->cx, PQ_ELIMIT, "%u cursors are open: read or close some", (unsigned)max);
  if (m->cursor_count < m->cursor_cap) return PQ_OK;
  p = pq_alloc(m->cx, m->cursors, m->cursor_cap * sizeof *p, cap * sizeof *p);
  if (p == NULL) return pq_fail_nomem(m->cx);
  m->cursors = p;
  m->cursor_cap = cap;
  return PQ_OK;
}

/* Ids that nobody guesses, and never 0. */
static int64_t new_id(pq_mongo *m) {
  uint8_t bytes[8];
  int64_t id = 0;
  while (id == 0 || cursor_place(m, id) < m->cursor_count) {
    pq_handle_random(m->db, bytes, sizeof bytes);
    id = (int64_t)(pq_rd64(bytes) >> 1);
  }
  return id;
}

/* The task's replies become a cursor. */
static int cursor_new(pq_task *t, pq_mongo_cursor **out) {
  pq_mongo *m = t->mongo;
  pq_mongo_cursor *c;
  *out = NULL;
  PQ_TRY(cursors_grow(m));
  c = pq_alloc(m->cx, NULL, 0, sizeof *c);
  if (c == NULL) return pq_fail_nomem(m->cx);
  memset(c, 0, sizeof *c);
  c->id = new_id(m);
  c->replies = t->replies;
  c->stream = t->stream;
  c->arena = t->arena;
  c->is_patient = t->is_patient;
  c->session = t->use.key;
  c->number = t->use.is_in_txn ? t->use.number : -1;
  memcpy(c->ns, t->full_name, sizeof c->ns);
  memcpy(c->user, t->request->client->user, sizeof c->user);
  c->since = pq_access_since(m->access, t->request->client);
  t->replies = NULL;
  t->stream = NULL;
  pq_arena_init(&t->arena, m->cx, 1 << 20);
  m->cursors[m->cursor_count++] = c;
  *out = c;
  return PQ_OK;
}

/* ---- batches ---- */

static void batch_begin(pq_task *t, const char *name) {
  pq_task_answer(t);
  pq_bson_begin_object(&t->out, "cursor");
  pq_bson_begin_array(&t->out, name);
}

static int batch_end(pq_task *t, int64_t id) {
  pq_bson_end(&t->out);
  if (t->place != NULL) {
    pq_bson_begin_object(&t->out, "postBatchResumeToken");
    pq_bson_str(&t->out, "_data", t->place);
    pq_bson_end(&t->out);
  }
  if (t->use.is_snapshot) pq_mongo_time_write(&t->out, "atClusterTime", t->use.at);
  pq_bson_i64(&t->out, "id", id);
  pq_bson_str(&t->out, "ns", t->full_name);
  pq_bson_end(&t->out);
  return pq_task_answer_end(t);
}

static void give_back(pq_mongo_cursor *c) {
  c->is_busy = false;
  if (c->replies != NULL) pq_handle_set_job(c->replies, NULL);
}

void pq_cursor_leave(pq_task *t) {
  if (t->cursor != NULL) give_back(t->cursor);
}

/* The batch is full, or nothing may follow. */
static int suspend(pq_task *t) {
  pq_mongo_cursor *c = t->cursor;
  if (t->is_single) return batch_end(t, 0);
  if (c == NULL) PQ_TRY(cursor_new(t, &c));
  c->left = t->left;
  c->used_ms = now_ms(t->mongo);
  c->time_us = t->job.deadline_us == 0 ? 0 : t->job.deadline_us - pq_handle_now_us(t->mongo->db);
  if (t->job.deadline_us != 0 && c->time_us < 1) c->time_us = 1;
  give_back(c);
  t->cursor = NULL;
  t->request->has_next = true;
  return batch_end(t, c->id);
}

static int end_cursor(pq_task *t) {
  pq_cursor_drop(t);
  return batch_end(t, 0);
}

int pq_cursor_begin(pq_task *t) {
  pq_value options = pq_task_field(t, "cursor"), size = pq_object_get_str(options, "batchSize");
  int64_t batch = FIRST_BATCH;
  PQ_TRY(pq_task_number(t, "batchSize", &batch));
  if (!pq_value_is_missing(size) && !pq_value_i64(size, &batch)) {
    double d = 0;
    if (!pq_value_double(size, &d) || d < 0 || d > INT32_MAX)
      return pq_fail(t->mongo->cx, PQ_EINVALID, "cursor.batchSize must be a whole number");
    batch = (int64_t)d;
  }
  if (batch < 0)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "BSON field 'batchSize' must not be negative");
  t->batch_max = batch > UINT32_MAX ? UINT32_MAX : (uint32_t)batch;
  batch_begin(t, "firstBatch");
  return PQ_OK;
}

int pq_cursor_submit(pq_task *t) {
  PQ_TRY(pq_task_submit(t));
  if (t->is_done || t->batch_max > 0 || t->explaining != PQ_EXPLAIN_NONE) return PQ_OK;
  return suspend(t);
}

void pq_cursor_drop(pq_task *t) {
  pq_mongo_cursor *c = t->cursor;
  t->cursor = NULL;
  if (c != NULL) cursor_free(t->mongo, cursor_place(t->mongo, c->id));
}

int pq_cursor_item(pq_task *t, pq_value item) {
  pq_bson_value(&t->out, NULL, item);
  PQ_TRY(t->out.rc);
  t->batch_count++;
  if (t->left > 0 && --t->left == 0) return end_cursor(t);
  if (t->batch_count >= t->batch_max || pq_bson_len(&t->out) >= BATCH_LEN_MAX) return suspend(t);
  return PQ_OK;
}

int pq_cursor_done(pq_task *t, pq_value summary) {
  (void)summary;
  return end_cursor(t);
}

/* ---- change streams ---- */

/* The batch ends here; with `is_last` the stream, too. */
static int end_changes(pq_task *t, const pq_mongo_stream *s, bool is_last) {
  char text[PQ_TOKEN_CAP];
  pq_stream_place(s, text);
  t->place = pq_arena_str(&t->arena, pq_str(text));
  if (t->place == NULL) return t->mongo->cx->code;
  return is_last ? end_cursor(t) : suspend(t);
}

static int fail_changes(pq_task *t, int rc, int code) {
  char text[PQ_MESSAGE_CAP];
  if (code == 0) return rc;
  memcpy(text, t->mongo->cx->msg, sizeof text);
  pq_cursor_drop(t);
  return pq_task_refuse_with(t, code, "%s", text);
}

/* Nothing new: a getMore waits, unless it has something or was told to be quick. */
static int wait_for_changes(pq_task *t, const pq_mongo_stream *s) {
  if (t->batch_count > 0 || t->cursor == NULL || t->request->client->is_leaving ||
      now_ms(t->mongo) >= t->patience_ms)
    return end_changes(t, s, false);
  t->job.wait_until_ms = t->patience_ms;
  return PQ_OK;
}

int pq_cursor_changes(pq_task *t) {
  pq_mongo_stream *s = t->cursor != NULL ? t->cursor->stream : t->stream;
  pq_stream_state state;
  pq_value change;
  int code;
  if (t->cursor != NULL && t->cursor->is_killed) {
    pq_cursor_drop(t);
    return pq_task_refuse_with(t, PQ_MONGO_CURSOR_KILLED, "the cursor was killed");
  }
  if (t->batch_max == 0 && pq_stream_is_placed(s)) return end_changes(t, s, false);
  for (;;) {
    int rc = pq_stream_next(s, &state, &change, &code);
    if (rc != PQ_OK) return fail_changes(t, rc, code);
    if (state == PQ_STREAM_READS) return PQ_OK;
    if (state == PQ_STREAM_WAITS) return wait_for_changes(t, s);
    if (state == PQ_STREAM_ENDS) return end_changes(t, s, true);
    pq_bson_value(&t->out, NULL, change);
    PQ_TRY(t->out.rc);
    if (++t->batch_count >= t->batch_max || pq_bson_len(&t->out) >= BATCH_LEN_MAX)
      return end_changes(t, s, false);
  }
}

void pq_cursor_list_begin(pq_task *t, const char *ns) {
  snprintf(t->full_name, sizeof t->full_name, "%.*s.%s", (int)t->request->db.n,
           (const char *)t->request->db.p, ns);
  batch_begin(t, "firstBatch");
}

int pq_cursor_list_end(pq_task *t) {
  return batch_end(t, 0);
}

/* ---- commands ---- */

/* How long a change stream may wait: `maxTimeMS`, else a second. */
static int set_patience(pq_task *t) {
  int64_t wait = AWAIT_MS;
  if (t->cursor->stream == NULL) return PQ_OK;
  PQ_TRY(pq_task_number(t, "maxTimeMS", &wait));
  if (wait < 0) return pq_fail(t->mongo->cx, PQ_EINVALID, "maxTimeMS must not be negative");
  if (wait == 0) wait = AWAIT_MS;
  if (wait > AWAIT_MS_MAX) wait = AWAIT_MS_MAX;
  t->patience_ms = now_ms(t->mongo) + wait;
  return PQ_OK;
}

/* Has its user lost a role since? What it reads may be what he lost. */
static bool is_lapsed(const pq_task *t, const pq_mongo_cursor *c) {
  return c->since != pq_access_since(t->mongo->access, t->request->client);
}

/* Was it made by who asks now? */
static bool is_mine(const pq_task *t, const pq_mongo_cursor *c) {
  return strcmp(c->user, t->request->client->user) == 0;
}

/* A cursor belongs to the session, and to the transaction, of the command that made it. */
static int check_session(pq_task *t, const pq_mongo_cursor *c) {
  enum { OTHER_SESSION = 50738, OTHER_TRANSACTION = 50741 };
  int64_t number = t->use.is_in_txn ? t->use.number : -1;
  if (!pq_session_key_eq(&c->session, &t->use.key))
    return pq_task_refuse_with(
        t, OTHER_SESSION, "Cannot run getMore on cursor %lld, which belongs to another session",
        (long long)c->id);
  if (c->number != number)
    return pq_task_refuse_with(t, OTHER_TRANSACTION,
                               "Cannot run getMore on cursor %lld, which belongs to another "
                               "transaction",
                               (long long)c->id);
  return PQ_OK;
}

int pq_open_get_more(pq_task *t) {
  pq_mongo *m = t->mongo;
  int64_t id = 0, batch = 0;
  pq_mongo_cursor *c;
  pq_slice collection;
  size_t len;
  uint32_t i;
  PQ_TRY(pq_task_number(t, "getMore", &id));
  PQ_TRY(pq_task_number(t, "batchSize", &batch));
  if (!pq_value_string(pq_task_field(t, "collection"), &collection))
    return pq_fail(m->cx, PQ_EINVALID, "BSON field 'getMore.collection' must be text");
  i = cursor_place(m, id);
  if (i == m->cursor_count)
    return pq_task_refuse_with(
        t, PQ_MONGO_CURSOR_NOT_FOUND,
        "cursor id %lld not found: it was closed, not asked for too long, or "
        "gave way to others when memory was short",
        (long long)id);
  c = m->cursors[i];
  if (!is_mine(t, c))
    return pq_task_refuse_with(t, PQ_MONGO_UNAUTHORIZED,
                               "cursor id %lld was not created by the authenticated user",
                               (long long)id);
  len = strlen(c->ns);
  if (len != t->request->db.n + 1 + collection.n ||
      memcmp(c->ns, t->request->db.p, t->request->db.n) != 0 ||
      memcmp(c->ns + t->request->db.n + 1, collection.p, collection.n) != 0)
    return pq_task_refuse_with(
        t, PQ_MONGO_UNAUTHORIZED,
        "Requested getMore on another namespace than that of cursor %lld: %s", (long long)id,
        c->ns);
  PQ_TRY(check_session(t, c));
  if (t->is_done) return PQ_OK;
  if (is_lapsed(t, c)) {
    if (!c->is_busy) cursor_free(m, i);
    return pq_task_refuse_with(t, PQ_MONGO_CURSOR_NOT_FOUND,
                               "cursor id %lld not found: a role was taken from its user",
                               (long long)id);
  }
  if (c->is_busy)
    return pq_task_refuse_with(t, PQ_MONGO_CURSOR_IN_USE, "cursor id %lld is in use",
                               (long long)id);
  c->is_busy = true;
  t->cursor = c;
  if (c->replies != NULL) pq_handle_set_job(c->replies, &t->job);
  if (c->time_us > 0) t->job.deadline_us = t->started_us + c->time_us;
  t->left = c->left;
  t->batch_max = batch <= 0 || batch > UINT32_MAX ? UINT32_MAX : (uint32_t)batch;
  memcpy(t->full_name, c->ns, sizeof t->full_name);
  PQ_TRY(set_patience(t));
  batch_begin(t, "nextBatch");
  return PQ_OK;
}

/* As cursor_place, but those of others are not there. */
static uint32_t own_place(const pq_task *t, int64_t id) {
  uint32_t place = cursor_place(t->mongo, id), count = t->mongo->cursor_count;
  return place < count && is_mine(t, t->mongo->cursors[place]) ? place : count;
}

static void put_ids(pq_task *t, const char *name, bool were_there) {
  pq_value list = pq_task_field(t, "cursors");
  pq_bson_begin_array(&t->out, name);
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    int64_t id;
    uint32_t place;
    if (!pq_value_i64(pq_array_at(list, i), &id)) continue;
    place = own_place(t, id);
    if ((place < t->mongo->cursor_count) == were_there) pq_bson_i64(&t->out, NULL, id);
  }
  pq_bson_end(&t->out);
}

int pq_open_kill_cursors(pq_task *t) {
  pq_value list = pq_task_field(t, "cursors");
  int64_t id;
  pq_task_answer(t);
  put_ids(t, "cursorsKilled", true);
  put_ids(t, "cursorsNotFound", false);
  for (int k = 0; k < 2; k++) {
    pq_bson_begin_array(&t->out, k == 0 ? "cursorsAlive" : "cursorsUnknown");
    pq_bson_end(&t->out);
  }
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    uint32_t place = t->mongo->cursor_count;
    if (pq_value_i64(pq_array_at(list, i), &id)) place = own_place(t, id);
    if (place == t->mongo->cursor_count) continue;
    if (!t->mongo->cursors[place]->is_busy)
      cursor_free(t->mongo, place);
    else
      t->mongo->cursors[place]->is_killed = true; /* what waits for changes looks at it */
  }
  return pq_task_answer_end(t);
}
