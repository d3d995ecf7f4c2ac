/* test/unit/warehouse_util.h - commands to a warehouse in memory, written in pieces, and what they
 * reply as values.
 *
 *     begin(w, "find", 3);                   {"find":"c3"
 *     put_option(w, "filter", filter);       {"find":"c3","filter":{…}
 *     reply r = run(w);                      … }
 *
 * Numbers keep their types both ways: canonical Extended JSON.
 */
#ifndef PQ_TEST_WAREHOUSE_UTIL_H
#define PQ_TEST_WAREHOUSE_UTIL_H

#include "base/text.h"
#include "parquedb/parquedb.h"
#include "unit.h"
#include "value/builder.h"
#include "value/json.h"

enum { ITEMS_MAX = 4096 };

typedef struct warehouse {
  pqdb *db;
  pq_arena *arena;     /* borrowed: replies */
  pq_builder *builder; /* borrowed */
  pq_buf text;         /* the command that is being written */
  uint64_t seq;        /* of the last reply */
} warehouse;

typedef struct reply {
  int status;
  pq_value docs, summary;
} reply;

static inline void put_text(warehouse *w, const char *text) {
  CHECK(pq_buf_put_str(&w->text, text) == PQ_OK);
}

static inline void put_value(warehouse *w, pq_value v) {
  CHECK(pq_json_print(&w->text, v, PQ_JSON_CANONICAL) == PQ_OK);
}

/* ,"name": value; left out when missing. */
static inline void put_option(warehouse *w, const char *name, pq_value v) {
  if (pq_value_is_missing(v)) return;
  CHECK(pq_buf_printf(&w->text, ",\"%s\":", name) == PQ_OK);
  put_value(w, v);
}

static inline void begin(warehouse *w, const char *command, uint32_t i) {
  pq_buf_clear(&w->text);
  CHECK(pq_buf_printf(&w->text, "{\"%s\":\"c%u\"", command, i) == PQ_OK);
}

static inline int make_list(warehouse *w, const pq_value *items, uint32_t count, pq_value *out) {
  pq_builder *to = w->builder;
  pq_builder_clear(to);
  PQ_TRY(pq_builder_begin_array(to));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_builder_value(to, items[i]));
  PQ_TRY(pq_builder_end(to));
  return pq_builder_finish(to, w->arena, out);
}

static inline pq_value parse_reply(warehouse *w, const char *json, size_t len) {
  pq_value out = {0};
  pq_builder_clear(w->builder);
  CHECK(pq_json_value(w->builder, (pq_slice){(const uint8_t *)json, len}, w->arena, &out) == PQ_OK);
  return out;
}

/* Run the command in w->text, which lacks its last brace. */
static inline reply run(warehouse *w) {
  static pq_value items[ITEMS_MAX];
  reply out = {0};
  pqdb_replies *r;
  const char *json;
  size_t len;
  uint32_t count = 0;
  int64_t seq = 0;
  put_text(w, "}");
  out.status = pqdb_run(w->db, NULL, (const char *)w->text.p, w->text.len, NULL, 0, &r);
  if (out.status != PQDB_OK) return out;
  while ((out.status = pqdb_next(r, &json, &len)) == PQDB_ROW && count < ITEMS_MAX)
    items[count++] = parse_reply(w, json, len);
  if (out.status == PQDB_DONE) {
    out.status = PQDB_OK;
    out.summary = parse_reply(w, json, len);
    CHECK(pq_value_i64(pq_object_get_str(out.summary, "seq"), &seq));
    w->seq = (uint64_t)seq;
    CHECK(make_list(w, items, count, &out.docs) == PQ_OK);
  }
  pqdb_replies_close(r);
  return out;
}

static inline void must_run(warehouse *w) {
  reply r = run(w);
  CHECK(r.status == PQDB_OK);
  if (r.status != PQDB_OK)
    fprintf(stderr, "  %s\n  %.*s\n", pqdb_message(w->db), (int)w->text.len,
            (const char *)w->text.p);
}

static inline bool warehouse_open(warehouse *w, pq_arena *arena, pq_builder *builder) {
  pqdb_options options = {.size = sizeof options, .json = PQDB_CANONICAL};
  *w = (warehouse){.arena = arena, .builder = builder};
  pq_buf_init(&w->text, arena->cx, 1 << 24);
  CHECK(pqdb_open_memory(&options, &w->db) == PQDB_OK);
  return w->db != NULL;
}

static inline void warehouse_close(warehouse *w) {
  pqdb_close(w->db);
  pq_buf_release(&w->text);
  *w = (warehouse){0};
}

#endif
