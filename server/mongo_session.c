/* server/mongo_session.c - the table of sessions, and the commands about them. See
 * mongo_session.h. */
#include "server/mongo_session.h"

#include <string.h>

#include "base/hash.h"
#include "server/mongo_commands.h"

enum {
  SESSIONS_MAX = 100000, /* some 200 bytes each */
  EXPIRE_US = PQ_SESSION_MINUTES * 60 * 1000000,
  CHECK_US = 1000000,
  TXN_US = 60 * 1000000, /* transactionLifetimeLimitSeconds */
  IDS_MAX = 10000
};

static uint64_t hash_of(const pq_session_key *k) {
  return pq_hash((pq_slice){k->id, PQ_SESSION_ID_LEN}, k->user);
}

bool pq_session_key_eq(const pq_session_key *a, const pq_session_key *b) {
  return a->is_set == b->is_set && a->user == b->user && memcmp(a->id, b->id, sizeof a->id) == 0;
}

pq_session *pq_session_find(pq_mongo *m, const pq_session_key *key) {
  pq_session *s;
  if (m->sessions.bucket_count == 0) return NULL;
  s = m->sessions.buckets[hash_of(key) % m->sessions.bucket_count];
  while (s != NULL && !pq_session_key_eq(&s->key, key))
    s = s->next;
  return s;
}

static int grow(pq_mongo *m) {
  pq_sessions *all = &m->sessions;
  uint32_t count = all->bucket_count == 0 ? 64 : all->bucket_count * 2;
  pq_session **buckets;
  if (all->count < all->bucket_count) return PQ_OK;
  buckets = pq_alloc(m->cx, NULL, 0, count * sizeof(pq_session *));
  if (buckets == NULL) return pq_fail_nomem(m->cx);
  memset(buckets, 0, count * sizeof(pq_session *));
  for (uint32_t i = 0; i < all->bucket_count; i++) {
    for (pq_session *s = all->buckets[i], *next; s != NULL; s = next) {
      pq_session **to = &buckets[hash_of(&s->key) % count];
      next = s->next;
      s->next = *to;
      *to = s;
    }
  }
  if (all->buckets != NULL)
    pq_alloc(m->cx, all->buckets, all->bucket_count * sizeof(pq_session *), 0);
  all->buckets = buckets;
  all->bucket_count = count;
  return PQ_OK;
}

/* The one by the task's key, made if there is none. */
static int take(pq_task *t) {
  pq_mongo *m = t->mongo;
  pq_session *s = pq_session_find(m, &t->use.key);
  t->use.session = s;
  if (s != NULL) return PQ_OK;
  if (m->sessions.count >= SESSIONS_MAX)
    return pq_task_refuse_with(t, PQ_MONGO_TOO_MANY_SESSIONS,
                               "cannot add session: %d sessions are active", SESSIONS_MAX);
  PQ_TRY(grow(m));
  s = pq_alloc(m->cx, NULL, 0, sizeof *s);
  if (s == NULL) return pq_fail_nomem(m->cx);
  *s = (pq_session){.key = t->use.key, .number = -1};
  s->next = m->sessions.buckets[hash_of(&s->key) % m->sessions.bucket_count];
  m->sessions.buckets[hash_of(&s->key) % m->sessions.bucket_count] = s;
  m->sessions.count++;
  t->use.session = s;
  return PQ_OK;
}

int pq_session_take(pq_task *t) {
  PQ_TRY(take(t));
  if (t->use.session != NULL) t->use.session->used_us = t->started_us;
  return PQ_OK;
}

/* The engine's `abort` asks nothing of the store, so it is over in some steps. */
static void abort_now(pq_mongo *m, pq_session *s) {
  enum { STEPS_MAX = 1000 };
  pqdb_replies *r = NULL;
  pq_arena arena;
  pq_value command;
  int rc;
  pq_arena_init(&arena, m->cx, 1 << 16);
  pq_builder_clear(m->builder);
  rc = pq_builder_begin_object(m->builder);
  if (rc == PQ_OK) rc = pq_builder_key_str(m->builder, "abort");
  if (rc == PQ_OK) rc = pq_builder_i64(m->builder, (int64_t)s->txn);
  if (rc == PQ_OK) rc = pq_builder_end(m->builder);
  if (rc == PQ_OK) rc = pq_builder_finish(m->builder, &arena, &command);
  if (rc == PQ_OK) rc = pq_handle_submit(m->db, s->ns, command, &r);
  for (int i = 0; rc == PQ_OK && i < STEPS_MAX && pqdb_is_ready(r) == 0; i++)
    (void)pqdb_poll(m->db);
  pqdb_replies_close(r); /* what was not aborted ends by its age */
  pq_arena_release(&arena);
}

static void forget_ns(pq_mongo *m, pq_session *s) {
  if (s->ns != NULL) pq_alloc(m->cx, s->ns, s->ns_len + 1, 0);
  s->ns = NULL;
}

void pq_session_abort(pq_mongo *m, pq_session *s) {
  if (s->state == PQ_TXN_IS_OPEN) {
    pq_cursors_close(m, &s->key, s->number);
    if (s->txn != 0) abort_now(m, s);
    s->state = PQ_TXN_IS_ABORTED;
  }
  s->txn = 0;
  forget_ns(m, s);
}

static void forget(pq_mongo *m, pq_session *s) {
  pq_session **at = &m->sessions.buckets[hash_of(&s->key) % m->sessions.bucket_count];
  while (*at != s)
    at = &(*at)->next;
  *at = s->next;
  m->sessions.count--;
  pq_session_abort(m, s);
  pq_retry_forget(m, s);
  pq_alloc(m->cx, s, sizeof *s, 0);
}

/* Is a command at work in it, or waiting to be? */
static bool is_used(const pq_session *s) {
  return s->holder != NULL || s->queued > 0;
}

/* Its command ends by itself; its transaction and its cursors at once. */
static void end(pq_mongo *m, const pq_session_key *key) {
  pq_session *s = pq_session_find(m, key);
  if (s != NULL && s->holder != NULL)
    s->holder->is_killed = true;
  else if (s != NULL && is_used(s))
    pq_session_abort(m, s);
  else if (s != NULL)
    forget(m, s);
  pq_cursors_close(m, key, -1);
}

void pq_sessions_expire(pq_mongo *m) {
  int64_t now = pq_handle_now_us(m->db);
  pq_sessions *all = &m->sessions;
  uint32_t active;
  if (now - all->checked_us < CHECK_US && now >= all->checked_us) return;
  all->checked_us = now;
  for (uint32_t i = 0; i < all->bucket_count; i++) {
    for (pq_session *s = all->buckets[i], *next; s != NULL; s = next) {
      next = s->next;
      if (is_used(s)) continue;
      if (now - s->used_us > EXPIRE_US)
        forget(m, s);
      else if (s->state == PQ_TXN_IS_OPEN && now - s->begun_us > TXN_US)
        pq_session_abort(m, s);
    }
  }
  all->txns_open = pq_sessions_txns(m, &active);
}

uint32_t pq_sessions_txns(const pq_mongo *m, uint32_t *active) {
  const pq_sessions *all = &m->sessions;
  uint32_t open = 0;
  *active = 0;
  for (uint32_t i = 0; i < all->bucket_count; i++)
    for (const pq_session *s = all->buckets[i]; s != NULL; s = s->next) {
      if (s->state != PQ_TXN_IS_OPEN) continue;
      open++;
      if (s->holder != NULL) (*active)++;
    }
  return open;
}

void pq_sessions_release(pq_mongo *m) {
  pq_sessions *all = &m->sessions;
  for (uint32_t i = 0; i < all->bucket_count; i++)
    while (all->buckets[i] != NULL)
      forget(m, all->buckets[i]);
  if (all->buckets != NULL)
    pq_alloc(m->cx, all->buckets, all->bucket_count * sizeof(pq_session *), 0);
  pq_recall_release(m);
  *all = (pq_sessions){0};
}

/* ---- ids ---- */

static uint64_t user_of(const pq_task *t) {
  const pq_client *c = t->request->client;
  return c == NULL || c->user[0] == '\0' ? 0 : pq_hash(pq_str(c->user), 1);
}

int pq_session_key_read(pq_task *t, pq_value lsid, pq_session_key *out) {
  pq_binary id;
  *out = (pq_session_key){0};
  if (pq_value_type(lsid) != PQ_TYPE_OBJECT) {
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_TYPE_MISMATCH,
                               "BSON field 'lsid' is the wrong type '%s', expected type 'object'",
                               pq_type_name(pq_value_type(lsid))));
    return PQ_EINVALID;
  }
  if (!pq_value_any_binary(pq_object_get_str(lsid, "id"), &id) || id.len != PQ_SESSION_ID_LEN ||
      id.subtype != 4) {
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_INVALID_UUID,
                               "BSON field 'lsid.id' must be a UUID: binary data of subtype 4"));
    return PQ_EINVALID;
  }
  for (size_t i = 0; i < PQ_SESSION_ID_LEN; i++)
    out->id[i] = pq_binary_at(&id, i);
  out->user = user_of(t);
  out->is_set = true;
  return PQ_OK;
}

/* ---- commands ---- */

int pq_mongo_start_session(pq_task *t) {
  uint8_t id[PQ_SESSION_ID_LEN];
  pq_handle_random(t->mongo->db, id, sizeof id);
  id[6] = (uint8_t)((id[6] & 15) | 0x40); /* RFC 9562: version 4 */
  id[8] = (uint8_t)((id[8] & 63) | 0x80);
  pq_task_answer(t);
  pq_bson_begin_object(&t->out, "id");
  pq_bson_binary(&t->out, "id", 4, (pq_slice){id, sizeof id});
  pq_bson_end(&t->out);
  pq_bson_i32(&t->out, "timeoutMinutes", PQ_SESSION_MINUTES);
  return pq_task_answer_end(t);
}

/* Of each id that the command lists. */
static int for_each(pq_task *t, void (*what)(pq_mongo *m, const pq_session_key *key)) {
  pq_value list = pq_object_get(t->request->command, t->request->name);
  uint32_t count = pq_value_count(list);
  if (pq_value_type(list) != PQ_TYPE_ARRAY || count > IDS_MAX)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "%s: expects an array of at most %d ids of sessions",
                   t->command->name, IDS_MAX);
  for (uint32_t i = 0; i < count; i++) {
    pq_session_key key;
    int rc = pq_session_key_read(t, pq_array_at(list, i), &key);
    if (rc != PQ_OK) return t->is_done ? PQ_OK : rc;
    what(t->mongo, &key);
  }
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

static void refresh(pq_mongo *m, const pq_session_key *key) {
  pq_session *s = pq_session_find(m, key);
  if (s != NULL) s->used_us = pq_handle_now_us(m->db);
}

int pq_mongo_end_sessions(pq_task *t) {
  return for_each(t, end);
}

int pq_mongo_refresh_sessions(pq_task *t) {
  return for_each(t, refresh);
}

/* Those of the user, or of everybody. */
static void end_all(pq_task *t, bool is_own) {
  pq_mongo *m = t->mongo;
  uint64_t user = user_of(t);
  for (uint32_t i = 0; i < m->sessions.bucket_count; i++) {
    for (pq_session *s = m->sessions.buckets[i], *next; s != NULL; s = next) {
      pq_session_key key = s->key;
      next = s->next;
      if (!is_own || key.user == user) end(m, &key);
    }
  }
  if (!is_own) pq_cursors_close(m, NULL, -1);
}

int pq_mongo_kill_sessions(pq_task *t) {
  pq_value list = pq_object_get(t->request->command, t->request->name);
  if (pq_value_type(list) == PQ_TYPE_ARRAY && pq_value_count(list) > 0) return for_each(t, end);
  end_all(t, true);
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

int pq_mongo_kill_all_sessions(pq_task *t) {
  end_all(t, false);
  pq_task_answer(t);
  return pq_task_answer_end(t);
}
