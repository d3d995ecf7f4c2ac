/* server/capnweb_run.c - see capnweb_run.h. */
#include "server/capnweb_run.h"

#include <stdio.h>

enum { COMMAND_LEN_MAX = 96 << 20, ANSWER_LEN_MAX = 48 << 20, FEED_PART_COUNT = 256 };

/* ---- the answer ---- */

static int begin_items(pq_rpc_run *r) {
  pq_builder_clear(r->builder);
  r->count = 0;
  r->len = 0;
  PQ_TRY(pq_builder_begin_object(r->builder));
  PQ_TRY(pq_builder_key_str(r->builder, "items"));
  return pq_builder_begin_array(r->builder);
}

static int put_item(pq_rpc_run *r, pq_value item) {
  r->count++;
  r->len += item.len;
  if (r->len > ANSWER_LEN_MAX)
    return pq_fail(r->cx, PQ_ELIMIT,
                   "the answer is larger than %d MB: ask for less with limit and cursor, or use "
                   "stream()",
                   ANSWER_LEN_MAX >> 20);
  return pq_builder_value(r->builder, item);
}

static int pack(pq_rpc_run *r, pq_value summary) {
  pq_value v;
  PQ_TRY(pq_builder_end(r->builder));
  if (!pq_value_is_missing(summary)) {
    PQ_TRY(pq_builder_key_str(r->builder, "summary"));
    PQ_TRY(pq_builder_value(r->builder, summary));
  }
  PQ_TRY(pq_builder_end(r->builder));
  PQ_TRY(pq_builder_view(r->builder, &v));
  pq_buf_init(&r->result.bytes, r->cx, (size_t)ANSWER_LEN_MAX * 2);
  PQ_TRY(pq_buf_put_u32(&r->result.bytes, v.meta_len));
  PQ_TRY(pq_buf_put(&r->result.bytes, v.meta, v.meta_len));
  return pq_buf_put(&r->result.bytes, v.p, v.len);
}

static bool fail(pq_rpc_run *r, int rc, const pq_cx *why) {
  snprintf(r->message, sizeof r->message, "%s", why->msg);
  pq_buf_release(&r->result.bytes);
  r->result = (pq_rpc_result){.rc = rc, .message = r->message};
  r->is_over = true;
  return true;
}

/* An answer is complete, or a part. */
static bool give(pq_rpc_run *r, pq_value summary) {
  int rc;
  r->result = (pq_rpc_result){.has_more = pq_value_is_missing(summary)};
  rc = pack(r, summary);
  if (rc == PQ_OK) rc = begin_items(r);
  if (rc != PQ_OK) return fail(r, rc, r->cx);
  r->is_over = !r->result.has_more;
  r->is_paused = r->result.has_more;
  return true;
}

/* ---- the command ---- */

/* {events: COLL, cursor, …}: what a feed wants. */
static int open_feed(pq_rpc_run *r, const char *ns, pq_value command) {
  pq_feed_want want = {.ns = ns};
  char collection[PQ_FEED_NAME_CAP];
  pq_slice name = {0};
  uint32_t count;
  pq_field *fields = pq_object_fields(&r->arena, command, &count);
  if (fields == NULL) return r->cx->code;
  pq_builder_clear(r->builder);
  PQ_TRY(pq_builder_begin_object(r->builder));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "events")) {
      (void)pq_value_string(fields[i].value, &name);
    } else if (pq_slice_is(fields[i].name, "cursor")) {
      want.start = PQ_FEED_AFTER;
      if (!pq_value_string(fields[i].value, &want.after))
        return pq_fail(r->cx, PQ_EINVALID, "cursor: the id of an event, or \"seq:N\"");
    } else {
      PQ_TRY(pq_builder_key(r->builder, fields[i].name));
      PQ_TRY(pq_builder_value(r->builder, fields[i].value));
    }
  }
  PQ_TRY(pq_builder_end(r->builder));
  PQ_TRY(pq_builder_finish(r->builder, &r->arena, &want.options));
  if (name.n >= sizeof collection) return pq_fail(r->cx, PQ_EPATH, "a collection's name");
  snprintf(collection, sizeof collection, "%.*s", (int)name.n, (const char *)name.p);
  want.collection = collection;
  /* its builder is only used within a call, when ours holds items: so it has one of its own */
  return pq_feed_open(&r->feed, r->db, r->cx, r->feed_builder, &want);
}

static int open_command(pq_rpc_run *r, const pq_rpc_command *c) {
  pq_value copy;
  PQ_TRY(pq_builder_value(r->builder, c->command));
  PQ_TRY(pq_builder_finish(r->builder, &r->arena, &copy));
  if (c->is_waiting) {
    PQ_TRY(pq_builder_new(r->cx, &r->feed_builder));
    PQ_TRY(open_feed(r, c->ns, copy));
  } else {
    int rc = pq_handle_submit(r->db, c->ns, copy, &r->replies);
    if (rc != PQ_OK) return pq_fail(r->cx, rc, "%s", pq_handle_cx(r->db)->msg);
  }
  return begin_items(r);
}

int pq_rpc_run_open(pq_rpc_run *r, pqdb *db, pq_cx *cx, const pq_rpc_command *c) {
  int rc;
  *r = (pq_rpc_run){.db = db, .cx = cx, .part_len = c->part_len, .is_waiting = c->is_waiting};
  pq_arena_init(&r->arena, cx, COMMAND_LEN_MAX);
  rc = pq_builder_new(cx, &r->builder);
  if (rc == PQ_OK) rc = open_command(r, c);
  if (rc != PQ_OK) snprintf(r->message, sizeof r->message, "%s", cx->msg);
  return rc;
}

void pq_rpc_run_close(pq_rpc_run *r) {
  pqdb_replies_close(r->replies);
  if (r->is_waiting) pq_feed_close(&r->feed);
  pq_builder_free(r->builder);
  pq_builder_free(r->feed_builder);
  pq_buf_release(&r->result.bytes);
  if (r->arena.cx != NULL) pq_arena_release(&r->arena);
  *r = (pq_rpc_run){0};
}

/* ---- its steps ---- */

static bool advance_replies(pq_rpc_run *r) {
  while (pqdb_is_ready(r->replies) == 1) {
    pq_value v;
    int rc = pq_handle_next(r->replies, &v);
    if (rc < 0) return fail(r, rc, pq_handle_cx(r->db));
    if (rc != PQDB_ROW) return give(r, v);
    rc = put_item(r, v);
    if (rc != PQ_OK) return fail(r, rc, r->cx);
    if (r->part_len > 0 && r->len >= r->part_len) return give(r, (pq_value){0});
  }
  return false;
}

/* The first part comes when the feed has its place, with or without an event. */
static bool advance_feed(pq_rpc_run *r) {
  for (;;) {
    pq_feed_state state;
    pq_value event;
    int rc = pq_feed_next(&r->feed, &state, &event);
    if (rc != PQ_OK) return fail(r, rc, pq_handle_cx(r->db));
    if (state == PQ_FEED_READS) return false;
    if (state == PQ_FEED_EVENT) {
      rc = put_item(r, event);
      if (rc != PQ_OK) return fail(r, rc, r->cx);
      if (r->count < FEED_PART_COUNT && r->len < r->part_len) continue;
    } else if (r->count == 0 && r->was_told) {
      return false;
    }
    r->was_told = true;
    return give(r, (pq_value){0});
  }
}

bool pq_rpc_run_advance(pq_rpc_run *r) {
  if (r->is_over || r->is_paused) return false;
  return r->is_waiting ? advance_feed(r) : advance_replies(r);
}

void pq_rpc_run_go_on(pq_rpc_run *r) {
  r->is_paused = false;
}

bool pq_rpc_run_sleeps(pq_rpc_run *r) {
  if (r->is_over || r->is_paused) return true;
  return r->is_waiting && r->was_told && r->feed.replies == NULL && !pq_feed_has_news(&r->feed);
}
