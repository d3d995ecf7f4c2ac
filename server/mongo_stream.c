/* server/mongo_stream.c - see mongo_stream.h. What it is asked for: mongo_stream_open.c. */
#include "server/mongo_stream.h"

#include <stdio.h>
#include <string.h>

#include "server/mongo_stream_int.h"

enum { CHANGE_LEN_MAX = 256 << 20, NAMESPACES_MAX = 100000 };

/* ---- life ---- */

void pq_stream_free(pq_mongo_stream *s) {
  pq_cx *cx;
  if (s == NULL) return;
  cx = s->mongo->cx;
  for (uint32_t i = 0; i < s->part_count; i++) {
    pq_feed_close(&s->parts[i]->feed);
    pq_arena_release(&s->parts[i]->arena);
    pq_alloc(cx, s->parts[i], sizeof **s->parts, 0);
  }
  if (s->parts != NULL) pq_alloc(cx, s->parts, s->part_cap * sizeof(pq_stream_part *), 0);
  pq_operator_free(s->root, &s->flow);
  pq_arena_release(&s->kept);
  pq_arena_release(&s->arena);
  pq_alloc(cx, s, sizeof *s, 0);
}

int pq_stream_new(pq_mongo *m, pq_mongo_stream **out) {
  pq_mongo_stream *s = pq_alloc(m->cx, NULL, 0, sizeof *s);
  *out = s;
  if (s == NULL) return pq_fail_nomem(m->cx);
  memset(s, 0, sizeof *s);
  s->mongo = m;
  pq_arena_init(&s->kept, m->cx, 64 << 20);
  pq_arena_init(&s->arena, m->cx, CHANGE_LEN_MAX);
  return PQ_OK;
}

static int parts_grow(pq_mongo_stream *s) {
  uint32_t cap = s->part_cap == 0 ? 4 : s->part_cap * 2;
  pq_stream_part **parts;
  pq_cx *cx = s->mongo->cx;
  if (s->part_count < s->part_cap) return PQ_OK;
  if (s->part_count >= NAMESPACES_MAX)
    return pq_fail(cx, PQ_ELIMIT, "a change stream over more than %d databases", NAMESPACES_MAX);
  parts = pq_alloc(cx, s->parts, s->part_cap * sizeof *parts, cap * sizeof *parts);
  if (parts == NULL) return pq_fail_nomem(cx);
  s->parts = parts;
  s->part_cap = cap;
  return PQ_OK;
}

/* Where the stream goes on in a namespace: by number in that of the token, by time elsewhere. */
static pq_feed_want start_in(const pq_mongo_stream *s, const char *ns) {
  const pq_mongo_token *k = &s->place;
  pq_feed_want want = {.ns = ns, .collection = s->collection};
  if (!s->is_resumed && !s->is_cluster) return want; /* from now */
  want.start = PQ_FEED_BEHIND_TS;
  want.ts = strcmp(ns, k->ns) > 0 ? k->ts - 1 : k->ts;
  if (k->seq == 0 || strcmp(ns, k->ns) != 0) return want;
  want.start = PQ_FEED_BEHIND_SEQ;
  want.seq = k->seq;
  return want;
}

static int add_part(pq_mongo_stream *s, const pq_feed_want *want) {
  pq_mongo *m = s->mongo;
  pq_stream_part *p;
  PQ_TRY(parts_grow(s));
  p = pq_alloc(m->cx, NULL, 0, sizeof *p);
  if (p == NULL) return pq_fail_nomem(m->cx);
  memset(p, 0, sizeof *p);
  pq_arena_init(&p->arena, m->cx, CHANGE_LEN_MAX);
  s->parts[s->part_count++] = p;
  return pq_feed_open(&p->feed, m->db, m->cx, m->builder, want);
}

/* ---- of a whole cluster: a part for each database ---- */

static bool is_hidden(const char *ns) {
  return ns[0] == '_' || strcmp(ns, "admin") == 0 || strcmp(ns, "config") == 0 ||
         strcmp(ns, "local") == 0;
}

static pq_stream_part *part_of(const pq_mongo_stream *s, const char *ns) {
  for (uint32_t i = 0; i < s->part_count; i++)
    if (strcmp(s->parts[i]->feed.ns, ns) == 0) return s->parts[i];
  return NULL;
}

/* A namespace has something for the stream that no part knows of. */
static bool is_new(const pq_mongo_stream *s, const pq_handle_space *space) {
  return space->seq > 0 && space->ts > s->begin_ts && !is_hidden(space->ns) &&
         part_of(s, space->ns) == NULL;
}

/* What appeared since the stream began. */
static int add_new(pq_mongo_stream *s) {
  pq_handle_space space;
  for (uint32_t i = 0; pq_handle_space_at(s->mongo->db, i, &space); i++) {
    pq_feed_want want = {.ns = space.ns, .start = PQ_FEED_BEHIND_TS, .ts = s->begin_ts};
    if (is_new(s, &space)) PQ_TRY(add_part(s, &want));
  }
  return PQ_OK;
}

/* Those that have files, when the stream goes on at a place before now; they are looked at later
 * anyhow, so that their names are all that is asked for. */
static int add_stored(pq_mongo_stream *s) {
  pq_buf names;
  int rc;
  pq_buf_init(&names, s->mongo->cx, 1 << 24);
  rc = pq_handle_namespaces(s->mongo->db, &names);
  for (pq_slice left = pq_buf_slice(&names); rc == PQ_OK && left.n > 0;) {
    const uint8_t *end = memchr(left.p, '\n', left.n);
    char ns[PQ_MONGO_NAME_CAP];
    pq_feed_want want;
    if (end == NULL) break;
    snprintf(ns, sizeof ns, "%.*s", (int)(end - left.p), (const char *)left.p);
    left = (pq_slice){end + 1, left.n - (size_t)(end + 1 - left.p)};
    if (is_hidden(ns) || part_of(s, ns) != NULL) continue;
    want = start_in(s, ns);
    rc = add_part(s, &want);
  }
  pq_buf_release(&names);
  return rc;
}

static int begin_parts(pq_mongo_stream *s) {
  pq_handle_space space;
  if (!s->is_cluster) {
    pq_feed_want want = start_in(s, s->ns);
    s->is_begun = true;
    return add_part(s, &want);
  }
  if (s->is_resumed) PQ_TRY(add_stored(s));
  for (uint32_t i = 0; !s->is_resumed && pq_handle_space_at(s->mongo->db, i, &space); i++) {
    pq_feed_want want = {.ns = space.ns, .start = PQ_FEED_BEHIND_SEQ, .seq = space.seq};
    if (space.seq > 0 && !is_hidden(space.ns)) PQ_TRY(add_part(s, &want));
  }
  s->is_begun = true;
  return PQ_OK;
}

/* ---- the next event ---- */

/* Let a part have a head if there is something. */
static int look(pq_mongo_stream *s, pq_stream_part *p, pq_feed_state *state) {
  pq_value event;
  *state = PQ_FEED_EVENT;
  if (p->has_head) return PQ_OK;
  PQ_TRY(pq_feed_next(&p->feed, state, &event));
  if (*state != PQ_FEED_EVENT) return PQ_OK;
  p->has_head = true;
  p->ts = p->feed.ts;
  p->head = event;
  if (!s->is_cluster) return PQ_OK; /* it is used before anything else happens */
  pq_arena_clear(&p->arena);
  if (pq_value_copy(&p->arena, event, &p->head) == PQ_OK) return PQ_OK;
  return pq_fail(pq_handle_cx(s->mongo->db), s->mongo->cx->code, "%s", s->mongo->cx->msg);
}

static bool is_before(const pq_stream_part *a, const pq_stream_part *b) {
  return a->ts != b->ts ? a->ts < b->ts : strcmp(a->feed.ns, b->feed.ns) < 0;
}

/* The earliest of all heads. Commits that are under way count: their times may be earlier. */
static int next_event(pq_mongo_stream *s, pq_feed_state *state, pq_stream_part **out) {
  int64_t settled = pq_handle_settled_us(s->mongo->db);
  bool is_reading = false;
  *out = NULL;
  if (s->is_cluster) PQ_TRY(add_new(s));
  for (uint32_t i = 0; i < s->part_count; i++) {
    pq_stream_part *p = s->parts[i];
    PQ_TRY(look(s, p, state));
    is_reading |= *state == PQ_FEED_READS;
    if (p->has_head && (*out == NULL || is_before(p, *out))) *out = p;
  }
  *state = is_reading ? PQ_FEED_READS : *out == NULL ? PQ_FEED_WAITS : PQ_FEED_EVENT;
  if (*out != NULL && s->is_cluster && (*out)->ts > settled) *state = PQ_FEED_READS;
  return PQ_OK;
}

/* ---- one change ---- */

static bool is_wanted(const pq_mongo_stream *s, const pq_mongo_change *c) {
  if (c->kind == PQ_MONGO_CHANGE_NONE) return false;
  if (c->kind >= PQ_MONGO_CHANGE_CREATE && !s->style.shows_expanded) return false;
  return s->collection[0] == '\0' || pq_slice_is(c->collection, s->collection) ||
         c->kind == PQ_MONGO_CHANGE_DROP_DATABASE;
}

/* Only the text that clients compare is in it, not the documents. */
static int fail_id(pq_mongo_stream *s, int *code) {
  *code = PQ_MONGO_CHANGE_STREAM_FATAL;
  return pq_fail(s->mongo->cx, PQ_EINVALID,
                 "Encountered an event whose _id field, which contains the resume token, was "
                 "modified by the pipeline. Modifying the _id field of an event makes it "
                 "impossible to resume the stream from that point. Only transformations that "
                 "retain the unmodified _id field are allowed.");
}

/* *change missing: the pipeline leaves it out. */
static int through_pipeline(pq_mongo_stream *s, pq_value *change, int *code) {
  pq_value id = pq_object_get_str(*change, "_id");
  pq_operator *source;
  pq_doc_batch batch;
  pq_operator_free(s->root, &s->flow);
  s->root = NULL;
  if (s->pipeline == NULL) return PQ_OK;
  s->flow.eval.now_us = pq_handle_now_us(s->mongo->db);
  PQ_TRY(pq_list_source(&s->flow, change, 1, &source));
  PQ_TRY(pq_flow_open(&s->flow, s->pipeline, source, &s->root));
  PQ_TRY(pq_operator_next(s->root, &s->flow, &batch));
  *change = batch.count == 0 ? (pq_value){0} : batch.docs[0];
  if (batch.count > 0 && !pq_value_is_equal(id, pq_object_get_str(*change, "_id")))
    return fail_id(s, code);
  return PQ_OK;
}

/* collMod {changeStreamPreAndPostImages: {enabled: false}} */
static bool has_no_images(const pq_mongo_stream *s, const pq_mongo_change *c) {
  pq_value record = pq_handle_record(s->mongo->db, c->token.ns, c->collection, c->token.seq), v;
  bool is_on = true;
  v = pq_object_get_str(pq_object_get_str(record, "options"), "changeStreamPreAndPostImages");
  return pq_value_bool(pq_object_get_str(v, "enabled"), &is_on) && !is_on;
}

static int fail_image(pq_mongo_stream *s, const char *which, const char *of, int *code) {
  *code = PQ_MONGO_NO_MATCHING_DOCUMENT;
  return pq_fail(s->mongo->cx, PQ_EINVALID,
                 "Change stream was configured to require a %s-image for all %s events, but the "
                 "%s-image was not found for event",
                 which, of, which);
}

static int make_change(pq_mongo_stream *s, const pq_mongo_change *c, pq_value *change, int *code) {
  bool is_update = c->kind == PQ_MONGO_CHANGE_UPDATE;
  bool has_images =
      is_update || c->kind == PQ_MONGO_CHANGE_REPLACE || c->kind == PQ_MONGO_CHANGE_DELETE;
  pq_mongo_change_style style = s->style;
  bool lacks = has_images && (s->may_lack || style.shows_before) && has_no_images(s, c);
  style.lacks_document = lacks && s->may_lack;
  style.lacks_before = lacks;
  if (s->needs_before && has_images && (lacks || pq_value_is_missing(c->before)))
    return fail_image(s, "pre", "update, delete and replace", code);
  if (s->needs_document && is_update && lacks) return fail_image(s, "post", "update", code);
  pq_arena_clear(&s->arena);
  PQ_TRY(pq_change_build(c, style, s->mongo->builder, &s->arena, &s->change));
  *change = s->change;
  PQ_TRY(through_pipeline(s, &s->change, code));
  *change = s->change;
  return PQ_OK;
}

/* The change that ends the stream: what it was about is no more. */
static bool is_end(const pq_mongo_stream *s, pq_mongo_change_kind kind) {
  if (s->is_cluster) return false;
  if (kind == PQ_MONGO_CHANGE_DROP_DATABASE) return true;
  return s->collection[0] != '\0' &&
         (kind == PQ_MONGO_CHANGE_DROP || kind == PQ_MONGO_CHANGE_RENAME);
}

/* All that there is was seen. */
static void advance_place(pq_mongo_stream *s) {
  pq_mongo_token place = {.kind = PQ_TOKEN_PLACE};
  pq_handle_space space;
  int64_t settled = pq_handle_settled_us(s->mongo->db);
  if (s->is_cluster) {
    place.ts = pq_handle_now_us(s->mongo->db) - 1;
    if (place.ts > settled) place.ts = settled;
    place.ns[0] = '~';
  } else {
    if (!pq_handle_space_of(s->mongo->db, s->ns, &space)) return;
    if (space.seq == 0 || space.seq != s->parts[0]->feed.seq) return;
    if (strcmp(s->place.ns, s->ns) == 0 && space.seq <= s->place.seq) return;
    memcpy(place.ns, s->ns, sizeof place.ns);
    place.ts = space.ts;
    place.seq = space.seq;
  }
  if (place.ts > s->place.ts || !s->is_cluster) s->place = place;
}

/* ---- from outside ---- */

static int fail_as(pq_mongo_stream *s, int rc, int *code) {
  const pq_cx *from = pq_handle_cx(s->mongo->db);
  if (rc != PQ_EHISTORY) return pq_fail(s->mongo->cx, rc, "%s", from->msg);
  *code = PQ_MONGO_CHANGE_STREAM_HISTORY_LOST;
  return pq_fail(s->mongo->cx, rc,
                 "Resume of change stream was not possible, as the resume point may no longer be "
                 "in the oplog: %s",
                 from->msg);
}

static int take_event(pq_mongo_stream *s, pq_stream_part *p, pq_value *change, int *code) {
  pq_mongo_change c;
  *change = (pq_value){0};
  pq_change_read(p->head, &c);
  if (s->style.shows_expanded)
    (void)pq_value_string(
        pq_object_get_str(pq_handle_record(s->mongo->db, c.token.ns, c.collection, c.token.seq),
                          "uuid"),
        &c.uuid);
  p->has_head = false;
  if (is_wanted(s, &c)) {
    PQ_TRY(make_change(s, &c, change, code));
    s->is_ending = is_end(s, c.kind);
  }
  s->drops_database = c.drops_database && c.kind == PQ_MONGO_CHANGE_DROP && !s->is_ending;
  s->place = c.token;
  return PQ_OK;
}

static int invalidate(pq_mongo_stream *s, pq_value *change, int *code) {
  pq_mongo_change c = {.kind = PQ_MONGO_CHANGE_INVALIDATE, .token = s->place};
  c.token.kind = PQ_TOKEN_INVALIDATE;
  s->is_ending = false;
  s->is_over = true;
  s->place = c.token;
  return make_change(s, &c, change, code);
}

/* With its last collection the database is gone. */
static int drop_database(pq_mongo_stream *s, pq_value *change, int *code) {
  pq_mongo_change c = {.kind = PQ_MONGO_CHANGE_DROP_DATABASE, .token = s->place};
  c.token.kind = PQ_TOKEN_DATABASE;
  s->drops_database = false;
  s->is_ending = is_end(s, c.kind);
  s->place = c.token;
  return make_change(s, &c, change, code);
}

int pq_stream_next(pq_mongo_stream *s, pq_stream_state *state, pq_value *change, int *code) {
  pq_feed_state from = PQ_FEED_EVENT;
  *code = 0;
  *change = (pq_value){0};
  while (pq_value_is_missing(*change)) {
    pq_stream_part *p = NULL;
    int rc;
    *state = PQ_STREAM_ENDS;
    if (s->is_over) return PQ_OK;
    *state = PQ_STREAM_CHANGE;
    if (s->is_ending || s->drops_database) {
      PQ_TRY(s->is_ending ? invalidate(s, change, code) : drop_database(s, change, code));
      continue;
    }
    if (!s->is_begun) PQ_TRY(begin_parts(s));
    rc = next_event(s, &from, &p);
    if (rc != PQ_OK) return fail_as(s, rc, code);
    if (from == PQ_FEED_WAITS) advance_place(s);
    *state = from == PQ_FEED_WAITS ? PQ_STREAM_WAITS : PQ_STREAM_READS;
    if (from != PQ_FEED_EVENT) return PQ_OK;
    *state = PQ_STREAM_CHANGE;
    PQ_TRY(take_event(s, p, change, code));
  }
  return PQ_OK;
}

bool pq_stream_has_news(pq_mongo_stream *s) {
  pq_handle_space space;
  for (uint32_t i = 0; i < s->part_count; i++)
    if (s->parts[i]->has_head || pq_feed_has_news(&s->parts[i]->feed)) return true;
  if (!s->is_cluster) return false;
  for (uint32_t i = 0; pq_handle_space_at(s->mongo->db, i, &space); i++)
    if (is_new(s, &space)) return true;
  return false;
}

void pq_stream_place(const pq_mongo_stream *s, char out[PQ_TOKEN_CAP]) {
  pq_token_text(&s->place, out);
}

bool pq_stream_is_placed(const pq_mongo_stream *s) {
  return s->is_resumed || s->is_cluster;
}
