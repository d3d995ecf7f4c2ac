/* db/group.c - group commit: writes that are ready at the same time share one append and one sync.
 *
 *   write A ─ decided ─► join ─┐ first: it sends ─► number, encode ─► APPEND ─► overlay ─► over
 *   write B ─ decided ─► join ─┤                                                            │
 *   write C ─ decided ─► join ─┴─ wait ◄────────────────────────────────────────────────────┘
 *   write D ─ decided ─► (the append is under way) wait ─► join the next group
 *
 * Joining is the moment of truth: in that stage, which has no fetches, a write is held against all
 * events since its view and against those in the group before it. One that was overtaken is decided
 * anew; one that is against a member waits until that is stored.
 *
 * Members keep a ts of their own, so that as of any instant none is seen by half. Readers see
 * events only after their append succeeded. If it failed or is unclear, all members fail with it,
 * and the namespace is stale: the next operation reads the tail again and finds out. As nobody
 * joins while an append is under way, no group rests on another one's luck.
 *
 * A member that is closed before the append leaves the group; if the first one is closed during it,
 * the outcome is unknown to all.
 */
#include <string.h>

#include "db/space_int.h"
#include "db/txn.h"

/* ---- joining ---- */

static void drop_keys(pq_group *g) {
  pq_overlay_release(&g->keys);
}

/* What a member changes, to the keys; they are numbered as they come. */
static int add_keys(pq_group *g, const pq_commit *c) {
  for (uint32_t i = 0; i < c->count; i++) {
    pq_event e = c->events[i];
    e.seq = (uint64_t)g->keys.version_count + 1;
    PQ_TRY(pq_overlay_add(&g->keys, &e));
  }
  return PQ_OK;
}

static int make_keys(pq_group *g, pq_cx *cx) {
  if (g->keys.cx != NULL) return PQ_OK;
  pq_overlay_init(&g->keys, cx);
  for (const pq_commit *m = g->first; m != NULL; m = m->next)
    PQ_TRY(add_keys(g, m));
  return PQ_OK;
}

/* Is the commit against one that is in the group? If not, its keys are there too. */
static int check_members(pq_group *g, pq_cx *cx, const pq_commit *c, const pq_intent *mine,
                         const pq_event **out) {
  int rc;
  *out = NULL;
  if (g->first == NULL) return PQ_OK;
  rc = make_keys(g, cx);
  if (rc == PQ_OK) rc = pq_conflict_find(cx, &g->keys, 0, mine, out);
  if (rc == PQ_OK && *out == NULL) rc = add_keys(g, c);
  if (rc != PQ_OK) drop_keys(g);
  return rc;
}

void pq_commit_set_ts(pq_commit *c, const pq_space *s, int64_t now_us) {
  int64_t last = s->group.first != NULL ? s->group.ts : s->ts;
  c->ts = now_us > last ? now_us : last + 1;
  for (uint32_t i = 0; i < c->count; i++) {
    c->events[i].ts = c->ts;
    if (c->events[i].created_at == 0) c->events[i].created_at = c->ts; /* by this very event */
  }
}

int pq_commit_check(const pq_commit *c, pq_space *s, pq_op *op, const pq_txn *ending) {
  pq_intent mine = {c->events, c->count, c->rules, c->rule_count, .is_txn = ending != NULL};
  const pq_event *e;
  if (s->is_stale) return PQ_OVERTAKEN;                         /* the tail is read again first */
  if (pq_space_filed_seq(s) > c->base_seq) return PQ_OVERTAKEN; /* files have later events */
  PQ_TRY(pq_conflict_find(op->cx, s->overlay, c->base_seq, &mine, &e));
  if (e != NULL) return PQ_OVERTAKEN;
  return pq_txns_check(s, ending, &mine, op->now_us);
}

int pq_commit_join(pq_commit *c, pq_space *s, pq_op *op, const pq_txn *ending, const void *owner) {
  pq_group *g = &s->group;
  pq_intent mine = {c->events, c->count, c->rules, c->rule_count, .is_txn = ending != NULL};
  const pq_event *e;
  int rc;
  pq_assert(c->space == NULL && c->count > 0);
  PQ_TRY(pq_space_may_write(s));
  if (s->is_stale) return PQ_OVERTAKEN;
  if (g->is_sent || (s->write_owner != NULL && s->write_owner != owner)) return pq_space_wait(s);
  rc = pq_commit_check(c, s, op, ending);
  if (rc != PQ_OK) return rc;
  if (UINT32_MAX - g->event_count < c->count) return pq_space_wait(s);
  PQ_TRY(check_members(g, op->cx, c, &mine, &e));
  if (e != NULL) return pq_space_wait(s);
  pq_commit_set_ts(c, s, op->now_us);
  g->ts = c->ts;
  g->event_count += c->count;
  c->space = s;
  c->next = NULL;
  *(g->first == NULL ? &g->first : &g->last->next) = c;
  g->last = c;
  return PQ_OK;
}

/* ---- the end ---- */

/* The group is over: every member learns how. */
static void end_group(pq_space *s, int result) {
  pq_group *g = &s->group;
  if (result != PQ_OK) memcpy(g->message, s->db->cx->msg, sizeof g->message);
  for (pq_commit *m = g->first, *next; m != NULL; m = next) {
    next = m->next;
    m->space = NULL;
    m->next = NULL;
    m->is_over = true;
    m->result = result;
  }
  drop_keys(g);
  g->first = g->last = NULL;
  g->event_count = 0;
  g->is_sent = false;
}

void pq_commit_leave(pq_commit *c) {
  pq_space *s = c->space;
  pq_group *g = s == NULL ? NULL : &s->group;
  pq_commit *before = NULL;
  if (g == NULL) return;
  if (g->is_sent && g->first == c) {
    s->is_stale = true;
    (void)pq_fail(s->db->cx, PQ_EIO, "the command that wrote for this one too was closed");
    end_group(s, PQ_EIO);
    return;
  }
  for (pq_commit *m = g->first; m != c; m = m->next)
    before = m;
  *(before == NULL ? &g->first : &before->next) = c->next;
  if (g->last == c) g->last = before;
  c->space = NULL;
  if (!g->is_sent) g->event_count -= c->count;
  drop_keys(g); /* they borrowed from the events */
}

/* ---- the append ---- */

void pq_commit_number(const pq_commit *c, pq_event *events, uint64_t seq_lo, uint64_t flushed) {
  for (uint32_t i = 0; i < c->count; i++) {
    pq_event *e = &events[i];
    e->seq = seq_lo + i;
    if (e->txn == 0) continue;
    e->txn = seq_lo;
    if (e->prev > c->own_seq)
      e->prev = e->prev - c->own_seq - 1 + seq_lo;
    else if (e->prev <= flushed)
      e->prev = 0;
  }
}

/* All members' events, numbered: of one member its own, else copies in `op`. Each member learns
 * the numbers of its own. */
static int gather(pq_space *s, pq_op *op, pq_event **out) {
  pq_group *g = &s->group;
  uint32_t n = 0;
  *out = g->first->events;
  if (g->first != g->last) *out = pq_arena_array(&op->arena, g->event_count, sizeof **out);
  if (*out == NULL) return op->cx->code;
  for (pq_commit *m = g->first; m != NULL; m = m->next) {
    pq_commit_number(m, m->events, s->seq + 1 + n, s->manifest.seq_hi);
    if (g->first != g->last) memcpy(*out + n, m->events, m->count * sizeof **out);
    n += m->count;
  }
  return PQ_OK;
}

int pq_commit_send(pq_commit *c, pq_space *s, pq_op *op) {
  pq_event *events;
  int rc;
  if (c->is_over) return PQ_OK;
  if (s->group.first != c) return pq_space_wait(s);
  if (!c->has_waited && s->db->steps_all && s->db->command_count > 1) {
    c->has_waited = true;
    return pq_space_wait(s);
  }
  rc = gather(s, op, &events);
  if (rc == PQ_OK) rc = pq_commit_encode(c, s, op, events, s->group.event_count);
  if (rc != PQ_OK) {
    end_group(s, rc);
    return rc;
  }
  drop_keys(&s->group); /* members may be closed now: the batches hold everything */
  s->group.is_sent = true;
  return PQ_OK;
}

/* Stored: the overlay follows. If memory has no room for it the next load reads it, and until then
 * no read sees a part of it: the write has happened. */
static void stored(pq_commit *c, pq_space *s) {
  bool has_room = true;
  for (uint32_t i = 0; i < c->raw_count && has_room; i++)
    has_room =
        pq_overlay_add_own(s->overlay, &c->raws[i], c->raw_seq[i], c->raw_events[i]) == PQ_OK;
  if (!has_room) s->unread += s->group.event_count;
  if (!has_room) s->is_stale = true;
  s->seq += s->group.event_count;
  s->ts = s->group.ts;
  memcpy(s->link, c->link, sizeof s->link);
}

int pq_commit_append(pq_commit *c, pq_space *s, pq_op *op) {
  pq_slice reply;
  int rc;
  if (c->is_over)
    return c->result == PQ_OK ? PQ_OK : pq_fail(op->cx, c->result, "%s", s->group.message);
  rc = pq_fetch_hot(&op->fetch, s->ns, pq_buf_slice(&c->request), &reply);
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_EFENCED) s->is_fenced = true;
  if (rc == PQ_OK) stored(c, s);
  if (rc != PQ_OK) s->is_stale = true;
  end_group(s, rc);
  return rc;
}
