/* server/mongo_recall.c - what sessions did before the server started: a write or a commit that
 * was done, whose answer was lost with the process, is not done again. See mongo_session.h.
 *
 *   a session that is new here, within half an hour of the start
 *     └─► the events of the half hour before it, once for each namespace: (session, number) …
 *            └─ is it one of them? ─► its events ─► the answer that it had
 *
 * One command is one commit where its statements name an entity each (doc/commands.md, bulkWrite),
 * so as a rule all of it was done or nothing. Where fewer events than statements are there, nobody
 * knows which of them were done: the client is told so (217), and nothing is done again.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "server/mongo_commands.h"

enum {
  WINDOW_US = PQ_SESSION_MINUTES * 60 * 1000000,
  ITEMS_MAX = 1000000, /* 16 bytes each */
  NAME_MAX = PQ_MONGO_NAME_CAP
};

enum { STAGE_WRITERS, STAGE_EVENTS, STAGE_DOCUMENT };

/* Of a namespace: who wrote. */
typedef struct pq_recall {
  struct pq_recall *next;
  char ns[NAME_MAX];
  const pq_task *reader; /* borrowed: it is being read; NULL: it is not */
  bool is_read;
  struct pq_recall_item {
    uint64_t hash; /* of the session's text */
    int64_t number;
  } * items; /* owned */
  uint32_t count, cap;
} pq_recall;

/* An event of the write. */
typedef struct pq_recalled {
  struct pq_recalled *next;
  char op; /* 'C', 'U', 'D' */
  int64_t version;
  pq_slice id;
} pq_recalled;

void pq_recall_id(const pq_session_key *key, char out[PQ_RECALL_ID_CAP]) {
  static const char digits[] = "0123456789abcdef";
  size_t n = 0;
  for (size_t i = 0; i < PQ_SESSION_ID_LEN; i++) {
    out[n++] = digits[key->id[i] >> 4];
    out[n++] = digits[key->id[i] & 15];
  }
  out[n] = '\0';
  if (key->user != 0)
    (void)snprintf(out + n, PQ_RECALL_ID_CAP - n, "-%016llx", (unsigned long long)key->user);
}

static uint64_t hash_of(const pq_session_key *key) {
  char text[PQ_RECALL_ID_CAP];
  pq_recall_id(key, text);
  return pq_hash(pq_str(text), 0);
}

bool pq_recall_is_due(const pq_task *t) {
  const pq_session *s = t->use.session;
  return !s->is_recalled && t->started_us - t->mongo->started_us < WINDOW_US;
}

/* ---- asking ---- */

/* {events: "", from: half an hour before the start, filter, limit: 0} */
static int ask(pq_task *t, bool is_exact) {
  pq_builder *b = t->mongo->builder;
  char text[PQ_RECALL_ID_CAP];
  pq_task_command(t, "events", "");
  PQ_TRY(t->rc);
  if (!t->use.recalls_all) {
    PQ_TRY(pq_builder_key_str(b, "from"));
    PQ_TRY(pq_builder_date_us(b, t->mongo->started_us - WINDOW_US));
  }
  PQ_TRY(pq_builder_key_str(b, "filter"));
  PQ_TRY(pq_builder_begin_object(b));
  if (is_exact) {
    pq_recall_id(&t->use.key, text);
    pq_task_put_str(t, "metadata.mongo.lsid", text);
    pq_task_put_i64(t, "metadata.mongo.txn", t->use.number);
    PQ_TRY(t->rc);
  } else {
    PQ_TRY(pq_builder_key_str(b, "metadata.mongo"));
    PQ_TRY(pq_builder_begin_object(b));
    pq_task_put_bool(t, "$exists", true);
    PQ_TRY(t->rc);
    PQ_TRY(pq_builder_end(b));
  }
  PQ_TRY(pq_builder_end(b));
  pq_task_put_i64(t, "limit", 0);
  t->use.is_passed = true;
  PQ_TRY(pq_task_submit(t));
  t->use.is_passed = false;
  return PQ_OK;
}

/* ---- the namespaces ---- */

static int find(pq_task *t, pq_recall **out) {
  pq_mongo *m = t->mongo;
  pq_recall *r = m->sessions.recalled;
  while (r != NULL && strcmp(r->ns, t->ns) != 0)
    r = r->next;
  *out = r;
  if (r != NULL) return PQ_OK;
  r = pq_alloc(m->cx, NULL, 0, sizeof *r);
  if (r == NULL) return pq_fail_nomem(m->cx);
  memset(r, 0, sizeof *r);
  (void)snprintf(r->ns, sizeof r->ns, "%s", t->ns);
  r->next = m->sessions.recalled;
  m->sessions.recalled = r;
  *out = r;
  return PQ_OK;
}

void pq_recall_release(pq_mongo *m) {
  while (m->sessions.recalled != NULL) {
    pq_recall *r = m->sessions.recalled;
    m->sessions.recalled = r->next;
    if (r->items != NULL) pq_alloc(m->cx, r->items, r->cap * sizeof *r->items, 0);
    pq_alloc(m->cx, r, sizeof *r, 0);
  }
}

void pq_recall_leave(pq_task *t) {
  for (pq_recall *r = t->mongo->sessions.recalled; r != NULL; r = r->next)
    if (r->reader == t) r->reader = NULL;
}

/* The events of a write follow each other. */
static int add(pq_mongo *m, pq_recall *r, pq_value event) {
  pq_value who = pq_object_get_str(pq_object_get_str(event, "metadata"), "mongo");
  struct pq_recall_item *items;
  pq_slice text;
  int64_t number;
  uint64_t hash;
  uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
  if (!pq_value_string(pq_object_get_str(who, "lsid"), &text) ||
      !pq_value_i64(pq_object_get_str(who, "txn"), &number))
    return PQ_OK;
  hash = pq_hash(text, 0);
  if (r->count > 0 && r->items[r->count - 1].hash == hash &&
      r->items[r->count - 1].number == number)
    return PQ_OK;
  if (r->count >= ITEMS_MAX)
    return pq_fail(m->cx, PQ_ELIMIT, "more than %d writes of sessions before the start", ITEMS_MAX);
  if (r->count == r->cap) {
    items = pq_alloc(m->cx, r->items, r->cap * sizeof *items, cap * sizeof *items);
    if (items == NULL) return pq_fail_nomem(m->cx);
    r->items = items;
    r->cap = cap;
  }
  r->items[r->count++] = (struct pq_recall_item){.hash = hash, .number = number};
  return PQ_OK;
}

/* *is_over: the summary was there. */
static int drain(pq_task *t, pq_recall *r, int (*each)(pq_task *t, pq_recall *r, pq_value v),
                 bool *is_over) {
  pq_value v;
  *is_over = false;
  while (!t->is_done && pqdb_is_ready(t->replies) == 1) {
    int rc = pq_handle_next(t->replies, &v);
    if (rc == PQ_EHISTORY && !t->use.recalls_all) {
      t->use.recalls_all = true;
      return ask(t, t->use.recall_stage != STAGE_WRITERS);
    }
    if (rc < 0) return pq_fail(t->mongo->cx, rc, "%s", pq_handle_cx(t->mongo->db)->msg);
    if (rc != PQDB_ROW) {
      *is_over = true;
      pqdb_replies_close(t->replies);
      t->replies = NULL;
      return PQ_OK;
    }
    PQ_TRY(each(t, r, v));
  }
  return PQ_OK;
}

static int note_writer(pq_task *t, pq_recall *r, pq_value event) {
  return add(t->mongo, r, event);
}

static bool has(const pq_recall *r, const pq_task *t) {
  uint64_t hash = hash_of(&t->use.key);
  for (uint32_t i = r->count; i-- > 0;)
    if (r->items[i].hash == hash && r->items[i].number == t->use.number) return true;
  return false;
}

/* ---- the answer that a write had ---- */

static int note_event(pq_task *t, pq_recall *r, pq_value event) {
  pq_recalled *e = pq_arena_alloc(&t->arena, sizeof *e), **at = &t->use.recalled;
  pq_slice op = {0}, id = {0}, target = {0};
  (void)r;
  if (e == NULL) return t->mongo->cx->code;
  (void)pq_value_string(pq_object_get_str(event, "op"), &op);
  (void)pq_value_string(pq_object_get_str(event, "entityId"), &id);
  (void)pq_value_string(pq_object_get_str(event, "target"), &target);
  if (op.n == 0 || !pq_slice_is(target, "entity")) return PQ_OK;
  *e = (pq_recalled){.op = (char)op.p[0]};
  (void)pq_value_i64(pq_object_get_str(event, "version"), &e->version);
  PQ_TRY(pq_arena_copy(&t->arena, id, &e->id));
  e->next = *at; /* the newest first: counted by put_writes */
  *at = e;
  t->use.recall_count++;
  return PQ_OK;
}

static uint32_t statement_count(const pq_task *t) {
  static const char *const names[] = {"documents", "updates", "deletes", "ops", NULL};
  for (size_t i = 0; names[i] != NULL; i++)
    if (!pq_value_is_missing(pq_task_field(t, names[i])))
      return pq_value_count(pq_task_field(t, names[i]));
  return 1;
}

static int answer_writes(pq_task *t) {
  bool is_update = strcmp(t->command->name, "update") == 0;
  uint32_t created = 0, changed = 0, index = t->use.recall_count;
  for (const pq_recalled *e = t->use.recalled; e != NULL; e = e->next) {
    if (e->op == 'C') created++;
    if (e->op == 'U') changed++;
  }
  pq_task_answer(t);
  pq_bson_i32(&t->out, "n", (int32_t)t->use.recall_count);
  if (is_update) pq_bson_i32(&t->out, "nModified", (int32_t)changed);
  if (is_update && created > 0) {
    pq_bson_begin_array(&t->out, "upserted");
    for (const pq_recalled *e = t->use.recalled; e != NULL; e = e->next) {
      index--;
      if (e->op != 'C') continue;
      pq_bson_begin_object(&t->out, NULL);
      pq_bson_i32(&t->out, "index", (int32_t)index);
      pq_mongo_put_id(&t->out, "_id", e->id);
      pq_bson_end(&t->out);
    }
    pq_bson_end(&t->out);
  }
  pq_bson_begin_array(&t->out, "retriedStmtIds");
  for (uint32_t i = 0; i < t->use.recall_count; i++)
    pq_bson_i32(&t->out, NULL, (int32_t)i);
  pq_bson_end(&t->out);
  return pq_task_answer_end(t);
}

/* The document that findAndModify gave: {getAtVersion: ID, version, project, plain} */
static int ask_document(pq_task *t, bool *is_asked) {
  const pq_recalled *e = t->use.recalled;
  bool is_new = pq_task_flag(t, "new");
  int64_t version = e->op != 'D' && is_new ? e->version : e->version - 1;
  pq_value fields = pq_task_field(t, "fields");
  char id[PQ_MONGO_NAME_CAP * 4];
  *is_asked = version >= 1 && e->id.n < sizeof id && !(e->op == 'C' && !is_new);
  pq_task_answer(t);
  if (!*is_asked) return PQ_OK;
  (void)snprintf(id, sizeof id, "%.*s", (int)e->id.n, (const char *)e->id.p);
  pq_task_command(t, "getAtVersion", id);
  pq_task_put_i64(t, "version", version);
  if (pq_value_count(fields) > 0) pq_task_put(t, "project", fields);
  pq_task_put_str(t, "plain", "keyed");
  t->use.is_passed = true;
  PQ_TRY(pq_task_submit(t));
  t->use.is_passed = false;
  return PQ_OK;
}

static int put_document(pq_task *t, pq_recall *r, pq_value document) {
  (void)r;
  pq_bson_value(&t->out, "value", document);
  t->count++;
  return PQ_OK;
}

static int answer_modify(pq_task *t) {
  const pq_recalled *e = t->use.recalled;
  if (t->count == 0) pq_bson_null(&t->out, "value");
  pq_bson_begin_object(&t->out, "lastErrorObject");
  pq_bson_i32(&t->out, "n", 1);
  if (e->op != 'D') pq_bson_bool(&t->out, "updatedExisting", e->op == 'U');
  if (e->op == 'C') pq_mongo_put_id(&t->out, "upserted", e->id);
  pq_bson_end(&t->out);
  pq_bson_i32(&t->out, "retriedStmtId", 0);
  return pq_task_answer_end(t);
}

/* ---- the stages ---- */

static bool is_commit(const pq_task *t) {
  return strcmp(t->command->name, "commitTransaction") == 0;
}

/* The next of the namespaces that a commit may have been in; false: there are no more. */
static bool next_namespace(pq_task *t) {
  pq_slice all = pq_buf_slice(&t->names);
  size_t from = t->use.recall_at, to = from;
  while (to < all.n && all.p[to] != '\n')
    to++;
  if (from >= all.n || to - from >= sizeof t->ns) return false;
  memcpy(t->ns, all.p + from, to - from);
  t->ns[to - from] = '\0';
  t->use.recall_at = to + 1;
  return true;
}

static int over(pq_task *t) {
  t->use.session->is_recalled = true;
  t->use.phase = PQ_SESSION_READY;
  return PQ_OK;
}

static int found(pq_task *t) {
  pq_session *s = t->use.session;
  if (!is_commit(t)) {
    t->use.recall_stage = STAGE_EVENTS;
    return ask(t, true);
  }
  s->number = t->use.number;
  s->state = PQ_TXN_IS_COMMITTED;
  return over(t);
}

static int read_writers(pq_task *t) {
  pq_recall *r;
  bool is_over;
  PQ_TRY(find(t, &r));
  if (!r->is_read) {
    if (r->reader != NULL && r->reader != t) return PQ_OK;
    if (r->reader == NULL) {
      r->reader = t;
      r->count = 0;
      PQ_TRY(ask(t, false));
    }
    PQ_TRY(drain(t, r, note_writer, &is_over));
    if (!is_over) return PQ_OK;
    r->is_read = true;
    r->reader = NULL;
  }
  if (has(r, t)) return found(t);
  if (is_commit(t) && next_namespace(t)) return PQ_OK;
  return over(t);
}

static int read_events(pq_task *t) {
  bool is_over, is_asked;
  PQ_TRY(drain(t, NULL, note_event, &is_over));
  if (!is_over) return PQ_OK;
  if (t->use.recall_count != statement_count(t))
    return pq_task_refuse_with(t, PQ_MONGO_INCOMPLETE_HISTORY,
                               "the server ended while write %lld of this session was done: %u of "
                               "its %u statements have changed something",
                               (long long)t->use.number, t->use.recall_count, statement_count(t));
  t->use.session->is_recalled = true;
  if (strcmp(t->command->name, "findAndModify") != 0) return answer_writes(t);
  t->use.recall_stage = STAGE_DOCUMENT;
  PQ_TRY(ask_document(t, &is_asked));
  return is_asked ? PQ_OK : answer_modify(t);
}

static int read_document(pq_task *t) {
  bool is_over;
  PQ_TRY(drain(t, NULL, put_document, &is_over));
  return is_over ? answer_modify(t) : PQ_OK;
}

int pq_recall_begin(pq_task *t) {
  t->use.phase = PQ_SESSION_RECALLS;
  if (!is_commit(t)) return PQ_OK;
  PQ_TRY(pq_handle_namespaces(t->mongo->db, &t->names));
  return next_namespace(t) ? PQ_OK : over(t);
}

int pq_recall_go_on(pq_task *t) {
  switch (t->use.recall_stage) {
    case STAGE_EVENTS: return read_events(t);
    case STAGE_DOCUMENT: return read_document(t);
    default: return read_writers(t);
  }
}
