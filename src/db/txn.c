/* db/txn.c - see txn.h. */
#include "db/txn.h"

#include <string.h>

#include "db/space_int.h"

enum { SECOND_US = 1000000 };

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* ---- life ---- */

/* Nobody came back to it for too long. One that is being committed is somebody's, however old. */
static bool is_abandoned(const pq_txn *t, int64_t now_us) {
  uint64_t max = t->space->db->cx->limits.txn_age_max; /* a clock may be set back */
  if (t->user_count > 0 || t->is_ending) return false;
  return now_us > t->begun_us && (uint64_t)(now_us - t->begun_us) / SECOND_US > max;
}

void pq_txn_end(pq_txn *t) {
  pq_db *db = t->space->db;
  uint32_t i = 0;
  while (db->txns[i] != t) /* it is there: pq_txn_begin put it there */
    i++;
  db->txns[i] = db->txns[--db->txn_count];
  pq_overlay_release(&t->own);
  pq_arena_release(&t->arena);
  pq_alloc(db->cx, t, sizeof *t, 0);
}

void pq_txns_release(pq_db *db) {
  while (db->txn_count > 0)
    pq_txn_end(db->txns[db->txn_count - 1]);
  if (db->txns != NULL) pq_alloc(db->cx, db->txns, db->txn_cap * sizeof *db->txns, 0);
}

/* End those that nobody came back to. */
static void drop_old(pq_db *db, int64_t now_us) {
  for (uint32_t i = db->txn_count; i-- > 0;)
    if (is_abandoned(db->txns[i], now_us)) pq_txn_end(db->txns[i]);
}

static int make_room(pq_db *db) {
  uint32_t cap = db->txn_cap == 0 ? 4 : db->txn_cap * 2;
  pq_txn **txns;
  if (db->txn_count >= db->cx->limits.txn_count_max)
    return pq_fail(db->cx, PQ_ELIMIT, "%u transactions are open: commit or abort some",
                   db->txn_count);
  if (db->txn_count < db->txn_cap) return PQ_OK;
  txns = pq_alloc(db->cx, db->txns, db->txn_cap * sizeof *txns, cap * sizeof *txns);
  if (txns == NULL) return pq_fail_nomem(db->cx);
  db->txns = txns;
  db->txn_cap = cap;
  return PQ_OK;
}

int pq_txn_begin(pq_space *s, int64_t now_us, pq_txn **out) {
  pq_db *db = s->db;
  pq_txn *t;
  *out = NULL;
  drop_old(db, now_us);
  PQ_TRY(make_room(db));
  t = pq_alloc(db->cx, NULL, 0, sizeof *t);
  if (t == NULL) return pq_fail_nomem(db->cx);
  *t = (pq_txn){.number = ++db->txn_number, .space = s, .seq = s->seq, .begun_us = now_us};
  t->ts = now_us > s->ts ? now_us : s->ts + 1;
  pq_arena_init(&t->arena, db->cx, db->cx->limits.op_len_max);
  pq_overlay_init(&t->own, db->cx);
  db->txns[db->txn_count++] = t;
  *out = t;
  return PQ_OK;
}

int pq_txn_find(pq_space *s, uint64_t number, uint64_t owner, int64_t now_us, pq_txn **out) {
  pq_db *db = s->db;
  pq_txn *t = NULL;
  *out = NULL;
  for (uint32_t i = 0; i < db->txn_count && t == NULL; i++)
    if (db->txns[i]->number == number && db->txns[i]->owner == owner) t = db->txns[i];
  if (t == NULL || t->is_ending)
    return pq_fail(db->cx, PQ_EINVALID,
                   "there is no open transaction %llu: it was committed or aborted, or its age "
                   "ended it",
                   (unsigned long long)number);
  if (t->space != s)
    return pq_fail(db->cx, PQ_EUNSUPPORTED,
                   "transaction %llu is of namespace '%s', the command of '%s': a transaction has "
                   "one namespace",
                   (unsigned long long)number, t->space->ns, s->ns);
  if (is_abandoned(t, now_us)) {
    pq_txn_end(t);
    return pq_fail(db->cx, PQ_ETIMEOUT,
                   "transaction %llu is older than %u s and was aborted: begin again",
                   (unsigned long long)number, db->cx->limits.txn_age_max);
  }
  *out = t;
  return PQ_OK;
}

/* ---- conflicts ---- */

int pq_txns_check(pq_space *s, const pq_txn *mine, const pq_intent *write, int64_t now_us) {
  pq_db *db = s->db;
  pq_intent intent = *write;
  intent.ignores_schemas = true; /* who makes a collection and who fills it: the first to commit */
  intent.is_txn = false;
  for (uint32_t i = db->txn_count; i-- > 0;) {
    pq_txn *t = db->txns[i];
    const pq_event *e;
    if (t == mine || t->space != s) continue;
    PQ_TRY(pq_conflict_find(db->cx, &t->own, 0, &intent, &e));
    if (e == NULL) continue;
    if (is_abandoned(t, now_us))
      pq_txn_end(t); /* those behind it were looked at */
    else
      return pq_fail(db->cx, PQ_EVERSION,
                     "%.*s is being changed by transaction %llu: try again when it has ended",
                     TEXT_ARGS(e->id), (unsigned long long)t->number);
  }
  return PQ_OK;
}

static int overtaken(const pq_txn *t, const pq_event *e) {
  return pq_fail(t->space->db->cx, PQ_EVERSION,
                 "%.*s was changed after transaction %llu began: abort it and begin again",
                 TEXT_ARGS(e->id), (unsigned long long)t->number);
}

/* Did anybody change after S what the write rests on, as far as the tail knows? */
static int check_tail(const pq_txn *t, const pq_intent *write) {
  const pq_event *e;
  PQ_TRY(pq_conflict_find(t->space->db->cx, t->space->overlay, t->seq, write, &e));
  return e == NULL ? PQ_OK : overtaken(t, e);
}

/* ---- writes ---- */

static bool has_rule(const pq_txn *t, const pq_unique_rule *r) {
  for (uint32_t i = 0; i < t->rule_count; i++)
    if (pq_slice_eq(t->rules[i].collection, r->collection) &&
        pq_unique_is_same(t->rules[i].key, r->key))
      return true;
  return false;
}

static int keep_rules(pq_txn *t, const pq_commit *write) {
  for (uint32_t i = 0; i < write->rule_count; i++) {
    const pq_unique_rule *r = &write->rules[i];
    pq_unique_key *key;
    if (has_rule(t, r)) continue;
    if (t->rule_count == t->rule_cap) {
      uint32_t cap = t->rule_cap == 0 ? 4 : t->rule_cap * 2;
      pq_unique_rule *rules = pq_arena_calloc(&t->arena, cap, sizeof *rules);
      if (rules == NULL) return t->arena.cx->code;
      if (t->rule_count > 0) memcpy(rules, t->rules, t->rule_count * sizeof *rules);
      t->rules = rules;
      t->rule_cap = cap;
    }
    PQ_TRY(pq_arena_copy(&t->arena, r->collection, &t->rules[t->rule_count].collection));
    key = pq_arena_alloc(&t->arena, sizeof *key);
    if (key == NULL) return t->arena.cx->code;
    PQ_TRY(pq_unique_copy(&t->arena, r->key, key));
    t->rules[t->rule_count++].key = key;
  }
  return PQ_OK;
}

static int check_len(const pq_txn *t, const pq_commit *write) {
  pq_cx *cx = t->space->db->cx;
  uint64_t len = t->arena.used_len + t->own.held_len;
  for (uint32_t i = 0; i < write->count; i++)
    len += (uint64_t)write->events[i].after.len + sizeof(pq_version);
  if (len <= cx->limits.txn_len_max) return PQ_OK;
  return pq_fail(cx, PQ_ELIMIT,
                 "transaction %llu would hold more than %llu bytes: commit it before this write",
                 (unsigned long long)t->number, (unsigned long long)cx->limits.txn_len_max);
}

int pq_txn_write(pq_txn *t, const pq_commit *write, int64_t now_us) {
  pq_intent intent = {write->events, write->count, write->rules, write->rule_count, .is_txn = true};
  uint64_t seq = pq_txn_last(t);
  if (write->own_seq != seq) return PQ_OVERTAKEN;
  PQ_TRY(check_len(t, write));
  PQ_TRY(pq_txns_check(t->space, t, &intent, now_us));
  PQ_TRY(check_tail(t, &intent));
  PQ_TRY(keep_rules(t, write));
  for (uint32_t i = 0; i < write->count; i++) {
    pq_event e = write->events[i];
    e.seq = ++seq;
    e.ts = t->ts;
    if (e.created_at == 0) e.created_at = t->ts;
    PQ_TRY(pq_event_keep(&t->arena, &e));
    PQ_TRY(pq_overlay_add(&t->own, &e));
  }
  return PQ_OK;
}

/* ---- the commit ---- */

/* The same against events that files have since: flushed ones, those of bulk writes. */
static int check_flushed(pq_txn *t, pq_op *op, const pq_intent *mine) {
  pq_space *s = t->space;
  pq_event_want want = {.seq_lo = t->seq + 1,
                        .seq_hi = pq_space_filed_seq(s),
                        .ts_hi = INT64_MAX,
                        .needs_values = true};
  const pq_event *found = NULL;
  pq_event *events;
  pq_overlay since;
  uint32_t count;
  int rc = PQ_OK;
  if (want.seq_hi <= t->seq) return PQ_OK;
  if (s->manifest.history.seq > t->seq)
    return pq_fail(op->cx, PQ_EVERSION,
                   "events since transaction %llu began were dropped (retention), so what they "
                   "changed is not known: abort it and begin again",
                   (unsigned long long)t->number);
  PQ_TRY(pq_space_events(s, op, &want, &events, &count));
  pq_overlay_init(&since, op->cx);
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++)
    rc = pq_overlay_add(&since, &events[i]);
  if (rc == PQ_OK) rc = pq_conflict_find(op->cx, &since, t->seq, mine, &found);
  if (rc == PQ_OK && found != NULL) rc = overtaken(t, found);
  pq_overlay_release(&since);
  return rc;
}

static int intent_of(const pq_txn *t, pq_arena *arena, pq_intent *out) {
  uint32_t n = t->own.version_count;
  pq_event *events = pq_arena_calloc(arena, n, sizeof *events);
  if (events == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++)
    events[i] = t->own.versions[i].event;
  *out = (pq_intent){events, n, t->rules, t->rule_count, .is_txn = true};
  return PQ_OK;
}

int pq_txn_check(pq_txn *t, pq_op *op) {
  pq_intent mine;
  PQ_TRY(intent_of(t, &op->scratch, &mine));
  PQ_TRY(check_flushed(t, op, &mine));
  return check_tail(t, &mine);
}

int pq_txn_take(pq_txn *t, pq_arena *arena, pq_commit *c) {
  c->base_seq = t->space->seq; /* pq_txn_check has looked at all before */
  c->own_seq = t->seq;
  c->rules = t->rules;
  c->rule_count = t->rule_count;
  for (uint32_t i = 0; i < t->own.version_count; i++) {
    pq_event e = t->own.versions[i].event;
    e.txn = 1; /* the number follows with seq */
    if (e.created_at == t->ts) e.created_at = 0;
    PQ_TRY(pq_commit_add(c, arena, &e));
  }
  return PQ_OK;
}
