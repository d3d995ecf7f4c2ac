/* server/feed.c - see feed.h. */
#include "server/feed.h"

#include <stdio.h>
#include <string.h>

enum { READ_MAX = 500, KEPT_MAX = 16 << 20, COMMAND_MAX = 32 << 20 };

/* Behind all events: what is asked for is only the number of the last one. */
#define FAR_AWAY "seq:999999999999999999"

static int check_options(pq_cx *cx, pq_value options) {
  static const char *const own[] = {"from", "to", "cursor", "limit", "asOf", "events"};
  if (!pq_value_is_missing(options) && pq_value_type(options) != PQ_TYPE_OBJECT)
    return pq_fail(cx, PQ_EINVALID, "the options of a feed must be an object");
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (!pq_value_is_missing(pq_object_get_str(options, own[i])))
      return pq_fail(cx, PQ_EINVALID, "option '%s' is the feed's own", own[i]);
  return PQ_OK;
}

static int keep_options(pq_feed *f, pq_value options) {
  pq_builder_clear(f->builder);
  if (pq_value_is_missing(options)) return PQ_OK;
  PQ_TRY(pq_builder_value(f->builder, options));
  return pq_builder_finish(f->builder, &f->kept, &f->options);
}

int pq_feed_open(pq_feed *f, pqdb *db, pq_cx *cx, pq_builder *builder, const pq_feed_want *want) {
  const char *collection = want->collection == NULL ? "" : want->collection;
  *f = (pq_feed){.db = db,
                 .builder = builder,
                 .start = want->start,
                 .seq = want->start == PQ_FEED_BEHIND_SEQ ? want->seq : 0,
                 .ts = want->start == PQ_FEED_BEHIND_TS ? want->ts : 0};
  pq_arena_init(&f->kept, cx, KEPT_MAX);
  pq_arena_init(&f->arena, cx, COMMAND_MAX);
  if (strlen(want->ns) >= sizeof f->ns || strlen(collection) >= sizeof f->collection)
    return pq_fail(cx, PQ_EPATH, "the name of a namespace or collection is too long");
  snprintf(f->ns, sizeof f->ns, "%s", want->ns);
  snprintf(f->collection, sizeof f->collection, "%s", collection);
  PQ_TRY(check_options(cx, want->options));
  if (want->after.n > 0) PQ_TRY(pq_arena_copy(&f->kept, want->after, &f->after));
  return keep_options(f, want->options);
}

void pq_feed_close(pq_feed *f) {
  pqdb_replies_close(f->replies);
  if (f->kept.cx != NULL) pq_arena_release(&f->kept);
  if (f->arena.cx != NULL) pq_arena_release(&f->arena);
  *f = (pq_feed){0};
}

/* ---- reading ---- */

static int put_text(pq_builder *b, const char *name, const char *text) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_str(b, text);
}

static int put_place(const pq_feed *f) {
  char seq[40];
  switch (f->start) {
    case PQ_FEED_FROM_NOW: return put_text(f->builder, "cursor", FAR_AWAY);
    case PQ_FEED_AFTER:
      PQ_TRY(pq_builder_key_str(f->builder, "cursor"));
      return pq_builder_string(f->builder, f->after);
    case PQ_FEED_BEHIND_TS:
      PQ_TRY(pq_builder_key_str(f->builder, "from"));
      return pq_builder_date_us(f->builder, f->ts);
    case PQ_FEED_BEHIND_SEQ: break;
  }
  snprintf(seq, sizeof seq, "seq:%llu", (unsigned long long)f->seq);
  return f->seq == 0 ? PQ_OK : put_text(f->builder, "cursor", seq);
}

static int make_command(pq_feed *f, pq_value *out) {
  pq_builder *b = f->builder;
  pq_field field;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_text(b, "events", f->collection));
  PQ_TRY(put_place(f));
  PQ_TRY(pq_builder_key_str(b, "limit"));
  PQ_TRY(pq_builder_i32(b, READ_MAX));
  for (uint32_t i = 0; pq_object_at(f->options, i, &field); i++) {
    PQ_TRY(pq_builder_key(b, field.name));
    PQ_TRY(pq_builder_value(b, field.value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &f->arena, out);
}

static int begin_read(pq_feed *f) {
  pq_value command;
  int rc = make_command(f, &command);
  if (rc != PQ_OK) return pq_fail(pq_handle_cx(f->db), rc, "%s", f->arena.cx->msg);
  return pq_handle_submit(f->db, f->ns, command, &f->replies);
}

static void end_read(pq_feed *f) {
  pqdb_replies_close(f->replies);
  f->replies = NULL;
  pq_arena_release(&f->arena); /* it may be long until the next one */
  pq_arena_init(&f->arena, f->kept.cx, COMMAND_MAX);
}

static uint64_t number_of(pq_value v, const char *name) {
  int64_t n = 0;
  (void)pq_value_i64(pq_object_get_str(v, name), &n);
  return n > 0 ? (uint64_t)n : 0;
}

/* All of the snapshot was seen, unless there is more: then the place is that of the last one. */
static void take_summary(pq_feed *f, pq_value summary) {
  bool has_more = false;
  uint64_t seq = number_of(summary, "seq");
  (void)pq_value_bool(pq_object_get_str(summary, "hasMore"), &has_more);
  if (!has_more && (seq > f->seq || f->start == PQ_FEED_FROM_NOW)) f->seq = seq;
  f->start = PQ_FEED_BEHIND_SEQ;
  f->is_read = !has_more;
}

static void take_event(pq_feed *f, pq_value event) {
  f->seq = number_of(event, "seq");
  (void)pq_value_date_us(pq_object_get_str(event, "ts"), &f->ts);
}

bool pq_feed_has_news(pq_feed *f) {
  return !f->is_read || pq_handle_has_news(f->db, f->ns, pq_str(f->collection), &f->seq);
}

int pq_feed_next(pq_feed *f, pq_feed_state *state, pq_value *event) {
  bool is_first;
  int rc;
  *event = (pq_value){0};
  for (;;) {
    if (f->replies == NULL) {
      *state = PQ_FEED_WAITS;
      if (!pq_feed_has_news(f)) return PQ_OK;
      PQ_TRY(begin_read(f));
    }
    *state = PQ_FEED_READS;
    if (pqdb_is_ready(f->replies) != 1) return PQ_OK;
    rc = pq_handle_next(f->replies, event);
    if (rc < 0) return rc;
    if (rc == PQDB_ROW) {
      take_event(f, *event);
      *state = PQ_FEED_EVENT;
      return PQ_OK;
    }
    is_first = f->start == PQ_FEED_FROM_NOW;
    take_summary(f, *event);
    *event = (pq_value){0};
    end_read(f);
    *state = PQ_FEED_WAITS;
    if (is_first) return PQ_OK;
  }
}
