/* port/replay_events.c - pqdb_replay: events of one handle happen on another one, a page at a time.
 *
 *   from: {"events": COLL, "cursor": C, "limit": 1000} ─► items, as lines ─► into: {"replay": 1}
 *                     ▲                                                          │ one commit
 *                     └───────────── C = the last one's id ◄─────────────────────┘
 *
 * It uses the public calls alone. The lines go from one handle to the other as they are; what is
 * read out of replies are fields that the engine made: the id that an event begins with, and those
 * of summaries, which hold no user's text.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parquedb/parquedb.h"

enum {
  PAGE_EVENTS = 1000,
  PAGE_LEN = 16 << 20, /* a page ends with the event that makes it longer */
  LIMIT_CAP = 64,
  ID_LEN = 26
};

typedef struct page {
  char *lines; /* owned */
  size_t len, cap;
  char last[sizeof((pqdb_replay_state *)0)->cursor];
  uint64_t seq, last_seq;
} page;

static int grow(page *p, size_t more) {
  size_t cap = p->cap == 0 ? 4096 : p->cap;
  char *lines;
  while (cap - p->len < more && cap < SIZE_MAX / 2)
    cap *= 2;
  if (cap - p->len < more) return PQDB_OUT_OF_MEMORY;
  lines = cap == p->cap ? p->lines : realloc(p->lines, cap);
  if (lines == NULL) return PQDB_OUT_OF_MEMORY;
  p->lines = lines;
  p->cap = cap;
  return PQDB_OK;
}

static int put(page *p, const char *text, size_t len) {
  int rc = grow(p, len);
  if (rc != PQDB_OK) return rc;
  if (len > 0) memcpy(p->lines + p->len, text, len);
  p->len += len;
  return PQDB_OK;
}

static int put_str(page *p, const char *text) {
  return put(p, text, strlen(text));
}

/* A JSON string; the engine refuses what is not UTF-8. */
static int put_json(page *p, const char *text) {
  int rc = put_str(p, "\"");
  for (; *text != '\0' && rc == PQDB_OK; text++) {
    char escape[8];
    unsigned char c = (unsigned char)*text;
    if (c >= 0x20 && c != '"' && c != '\\') {
      rc = put(p, text, 1);
      continue;
    }
    (void)snprintf(escape, sizeof escape, "\\u%04x", c);
    rc = put_str(p, escape);
  }
  return rc == PQDB_OK ? put_str(p, "\"") : rc;
}

/* ---- fields of summaries ---- */

/* Behind `"name":`, or NULL. */
static const char *find_field(const char *summary, const char *name) {
  char key[32];
  const char *at;
  (void)snprintf(key, sizeof key, "\"%s\":", name);
  at = strstr(summary, key);
  return at == NULL ? NULL : at + strlen(key);
}

static bool read_text(const char *summary, const char *name, char *out, size_t cap) {
  const char *at = find_field(summary, name);
  size_t len = at == NULL || *at != '"' ? 0 : strcspn(at + 1, "\"");
  if (at == NULL || *at != '"' || len >= cap) return false;
  memcpy(out, at + 1, len);
  out[len] = '\0';
  return true;
}

/* 5 or {"$numberInt":"5"} */
static uint64_t read_number(const char *summary, const char *name) {
  const char *at = find_field(summary, name);
  if (at == NULL) return 0;
  return strtoull(at + strcspn(at, "0123456789"), NULL, 10);
}

/* ---- a page ---- */

/* {"events": COLL, …} into p->lines, which are emptied by the caller then. */
static int build_command(page *p, const char *collection, const char *options,
                         const pqdb_replay_state *state) {
  char text[LIMIT_CAP];
  const char *end = options == NULL ? NULL : strrchr(options, '}');
  int rc = put_str(p, "{\"events\":");
  if (rc == PQDB_OK) rc = put_json(p, collection == NULL ? "" : collection);
  (void)snprintf(text, sizeof text, ",\"limit\":%d,\"cursor\":", PAGE_EVENTS);
  if (rc == PQDB_OK) rc = put_str(p, text);
  if (rc == PQDB_OK) rc = put_json(p, state->cursor);
  if (end != NULL) {
    const char *begin = strchr(options, '{');
    const char *first = begin == NULL || begin >= end ? end : begin + 1;
    while (first < end && *first == ' ')
      first++;
    if (first < end && rc == PQDB_OK) rc = put_str(p, ",");
    if (first < end && rc == PQDB_OK) rc = put(p, first, (size_t)(end - first));
  }
  return rc == PQDB_OK ? put_str(p, "}") : rc;
}

/* Take the items; *has_more when others are behind them. */
static int take_items(pqdb_replies *r, page *p, bool *has_more) {
  const char *json, *more;
  size_t len;
  int rc = pqdb_next(r, &json, &len);
  p->len = 0;
  for (; rc == PQDB_ROW; rc = pqdb_next(r, &json, &len)) {
    (void)snprintf(p->last, sizeof p->last, "%.*s", ID_LEN, len < ID_LEN + 8 ? "" : json + 7);
    p->seq = read_number(json, "seq"); /* stands behind the id, before what users wrote */
    rc = put(p, json, len);
    if (rc == PQDB_OK) rc = put_str(p, "\n");
    if (rc != PQDB_OK) return rc;
    *has_more = p->len > PAGE_LEN;
    if (*has_more) return PQDB_OK;
  }
  if (rc != PQDB_DONE) return rc;
  p->last_seq = read_number(json, "seq");
  more = find_field(json, "hasMore");
  *has_more = more != NULL && *more == 't';
  (void)read_text(json, "nextCursor", p->last, sizeof p->last);
  return PQDB_OK;
}

static int read_page(pqdb *from, const char *collection, const char *options,
                     const pqdb_replay_state *state, page *p, bool *has_more) {
  pqdb_replies *replies = NULL;
  int rc = build_command(p, collection, options, state);
  if (rc == PQDB_OK) rc = pqdb_run(from, NULL, p->lines, p->len, NULL, 0, &replies);
  if (rc == PQDB_OK) rc = take_items(replies, p, has_more);
  pqdb_replies_close(replies);
  return rc;
}

static int store_page(pqdb *into, const page *p, pqdb_replay_state *state) {
  static const char command[] = "{\"replay\":1}";
  pqdb_replies *replies = NULL;
  const char *json;
  size_t len;
  int rc = pqdb_run(into, NULL, command, sizeof command - 1, p->lines, p->len, &replies);
  if (rc == PQDB_OK) rc = pqdb_next(replies, &json, &len);
  if (rc == PQDB_DONE) {
    state->replayed += read_number(json, "replayedCount");
    state->skipped += read_number(json, "skippedCount");
  }
  pqdb_replies_close(replies);
  return rc == PQDB_DONE ? PQDB_OK : rc;
}

int pqdb_replay(pqdb *from, const char *collection, const char *options, pqdb *into,
                pqdb_replay_state *state) {
  page p = {0};
  bool has_more = false;
  int rc = read_page(from, collection, options, state, &p, &has_more);
  state->has_source_failed = rc != PQDB_OK;
  if (rc == PQDB_OK && p.len > 0) rc = store_page(into, &p, state);
  if (rc == PQDB_OK) {
    if (p.last[0] != '\0') memcpy(state->cursor, p.last, sizeof p.last);
    if (p.seq > 0) state->seq = p.seq;
    if (p.last_seq > 0) state->last_seq = p.last_seq;
    rc = has_more ? PQDB_ROW : PQDB_DONE;
  }
  free(p.lines);
  return rc;
}

int pqdb_replay_resume(pqdb *into, pqdb_replay_state *state) {
  static const char command[] = "{\"replay\":1}";
  pqdb_replies *replies = NULL;
  const char *json;
  size_t len;
  int rc = pqdb_run(into, NULL, command, sizeof command - 1, NULL, 0, &replies);
  state->has_source_failed = 0;
  if (rc == PQDB_OK) rc = pqdb_next(replies, &json, &len);
  if (rc == PQDB_DONE) (void)read_text(json, "cursor", state->cursor, sizeof state->cursor);
  pqdb_replies_close(replies);
  return rc == PQDB_DONE ? PQDB_OK : rc;
}
