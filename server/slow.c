/* server/slow.c - see slow.h. */
#include "server/slow.h"

#include <string.h>

enum { SHAPE_CAP = 900, DEPTH_MAX = 12, NAME_LEN_MAX = 40 };

typedef struct shape {
  char *text;
  size_t len, cap;
} shape;

static void put(shape *s, const char *text, size_t len) {
  size_t room = s->cap - 1 - s->len;
  if (len > room) len = room;
  memcpy(s->text + s->len, text, len);
  s->len += len;
}

static void put_str(shape *s, const char *text) {
  put(s, text, strlen(text));
}

static void put_name(shape *s, pq_slice name) {
  put(s, (const char *)name.p, name.n > NAME_LEN_MAX ? NAME_LEN_MAX : name.n);
  if (name.n > NAME_LEN_MAX) put_str(s, "...");
  put_str(s, ": ");
}

/* Of the session and the connection: the same in every command. */
static bool is_usual(pq_slice name) {
  return pq_slice_is(name, "lsid") || pq_slice_is(name, "$db") ||
         pq_slice_is(name, "$clusterTime") || pq_slice_is(name, "$readPreference");
}

static void put_value(shape *s, pq_value v, unsigned depth);

static void put_object(shape *s, pq_value v, unsigned depth) {
  bool is_first = true;
  pq_field field;
  put_str(s, "{");
  for (uint32_t i = 0; s->len + 1 < s->cap && pq_object_at(v, i, &field); i++) {
    if (depth == 0 && is_usual(field.name)) continue;
    if (!is_first) put_str(s, ", ");
    is_first = false;
    put_name(s, field.name);
    put_value(s, field.value, depth + 1);
  }
  put_str(s, "}");
}

/* The elements of a pipeline differ; those of other arrays are told by the first few. */
static void put_array(shape *s, pq_value v, unsigned depth) {
  enum { SHOWN_MAX = 10 };
  uint32_t count = pq_value_count(v);
  bool is_plain = true;
  put_str(s, "[");
  for (uint32_t i = 0; i < count && i < SHOWN_MAX && s->len + 1 < s->cap; i++) {
    pq_value element = pq_array_at(v, i);
    bool is_scalar = !pq_value_is_raw_object(element) && pq_value_type(element) != PQ_TYPE_ARRAY;
    if (i > 0 && is_plain && is_scalar) continue;
    if (i > 0) put_str(s, ", ");
    put_value(s, element, depth + 1);
    is_plain = is_scalar;
  }
  put_str(s, count > SHOWN_MAX ? ", ...]" : "]");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX */
static void put_value(shape *s, pq_value v, unsigned depth) {
  if (depth > DEPTH_MAX)
    put_str(s, "...");
  else if (pq_value_type(v) == PQ_TYPE_ARRAY)
    put_array(s, v, depth);
  else if (pq_value_type(v) == PQ_TYPE_OBJECT)
    put_object(s, v, depth);
  else
    put_str(s, "?");
}

void pq_slow_shape(pq_value v, char *out, size_t cap) {
  shape s = {.text = out, .cap = cap};
  put_value(&s, v, 0);
  out[s.len] = '\0';
}

void pq_slow_note(pq_log *log, const pq_request *r, uint64_t ms) {
  char text[SHAPE_CAP];
  pq_log_line line;
  pq_slice collection;
  if (!pq_log_wants(log, PQ_LOG_INFO)) return;
  pq_log_begin(&line, log, PQ_LOG_INFO, "slow command");
  pq_log_slice(&line, "command", r->name);
  if (r->db.n > 0) pq_log_slice(&line, "db", r->db);
  if (pq_value_string(pq_object_get(r->command, r->name), &collection))
    pq_log_slice(&line, "collection", collection);
  pq_log_u64(&line, "ms", ms);
  if (r->documents > 0) pq_log_u64(&line, "documents", r->documents);
  if (r->client->user[0] != '\0') pq_log_str(&line, "user", r->client->user);
  pq_log_str(&line, "peer", r->client->peer);
  pq_log_u64(&line, "connection", r->client->number);
  pq_slow_shape(r->command, text, sizeof text);
  pq_log_str(&line, "shape", text);
  pq_log_end(&line);
}
