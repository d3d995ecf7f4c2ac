/* test/server/mongo_world.h - MongoDB's commands over a warehouse in memory, without a network:
 * Extended JSON in, what the answer is out. The clock is the test's, and memory of the commands
 * (not the engine's) may fail. */
#ifndef PQ_TEST_MONGO_WORLD_H
#define PQ_TEST_MONGO_WORLD_H

#include "server/mongo_commands.h"
#include "unit.h"
#include "value/json.h"

typedef struct mongo_world {
  pqdb *db;
  pq_cx cx;  /* of the commands: counted, and may fail */
  pq_cx own; /* of what the test reads and writes */
  pq_access *access;
  pq_serve_options options;
  pq_server server;
  pq_client client;
  pq_mongo *mongo;
  pq_builder *builder;
  pq_arena arena; /* of answers */
  int64_t now_us;
} mongo_world;

static inline void world_set_clock(mongo_world *w, int64_t now_us) {
  w->now_us = now_us;
  pq_handle_set_clock(w->db, now_us);
}

static inline void world_open(mongo_world *w) {
  pqdb_options options = {.size = sizeof options, .maintain = PQDB_MAINTAIN_NEVER};
  void *shared;
  pq_job_host host;
  *w = (mongo_world){0};
  unit_cx_init(&w->cx);
  pq_cx_init(&w->own, NULL, NULL);
  CHECK(pqdb_open_memory(&options, &w->db) == PQDB_OK);
  world_set_clock(w, INT64_C(1772323200000000));
  CHECK(pq_access_open(w->db, false, &w->access) == PQ_OK);
  CHECK(pq_builder_new(&w->own, &w->builder) == PQ_OK);
  pq_arena_init(&w->arena, &w->own, 1u << 30);
  w->server = (pq_server){.options = &w->options, .access = w->access};
  w->client = (pq_client){.number = 1, .host = "127.0.0.1:1", .peer = "127.0.0.1:2"};
  host = (pq_job_host){.cx = &w->cx, .db = w->db, .server = &w->server};
  CHECK(pq_mongo_job.start(&host, &shared) == PQ_OK);
  w->mongo = shared;
}

static inline void world_close(mongo_world *w) {
  pq_mongo_job.stop(w->mongo);
  pq_access_close(w->access);
  pq_builder_free(w->builder);
  pq_arena_release(&w->arena);
  pqdb_close(w->db);
  CHECK(unit_live_len == 0);
}

/* A command of the database `db`. NULL: it is no document. */
static inline pq_request *world_request(mongo_world *w, const char *db, const char *text) {
  pq_request *r = pq_request_new(&w->own);
  uint32_t count = 0;
  pq_field *fields;
  pq_builder_clear(w->builder);
  CHECK(pq_json_value(w->builder, pq_str(text), &r->arena, &r->command) == PQ_OK);
  fields = pq_object_fields(&r->arena, r->command, &count);
  CHECK(fields != NULL && count > 0);
  r->name = fields[0].name;
  r->db = pq_str(db);
  r->client = &w->client;
  return r;
}

/* The answer; missing: there was no memory for one. */
static inline pq_value world_finish(mongo_world *w, pq_request *r, pq_job *j) {
  enum { STEPS_MAX = 100000 };
  pq_value answer = {0};
  for (int i = 0; j != NULL && !j->is_done && i < STEPS_MAX; i++) {
    (void)pqdb_poll(w->db);
    pq_mongo_job.advance(j);
  }
  CHECK(j == NULL || j->is_done);
  if (j != NULL) pq_mongo_job.end(j);
  if (r->answer.len > 0) {
    pq_builder_clear(w->builder);
    CHECK(pq_bson_read(w->builder, pq_buf_slice(&r->answer), &w->arena, &answer) == PQ_OK);
  }
  pq_request_free(r);
  return answer;
}

static inline pq_value world_ask(mongo_world *w, const char *db, const char *text) {
  pq_request *r = world_request(w, db, text);
  return world_finish(w, r, pq_mongo_job.begin(w->mongo, r));
}

/* A number of an answer; -1: it is not there. */
static inline int64_t world_number(pq_value answer, const char *name) {
  int64_t n = -1;
  double d;
  pq_value v = pq_object_get_str(answer, name);
  if (!pq_value_i64(v, &n) && pq_value_number(v, &d)) n = (int64_t)d;
  return n;
}

/* Its error, also the first of writeErrors; 0: it is none, -1: there was no answer. */
static inline int world_code(pq_value answer) {
  pq_value errors = pq_object_get_str(answer, "writeErrors");
  if (pq_value_is_missing(answer)) return -1;
  if (pq_value_count(errors) > 0) return (int)world_number(pq_array_at(errors, 0), "code");
  return world_number(answer, "ok") == 1 ? 0 : (int)world_number(answer, "code");
}

static inline int world_run(mongo_world *w, const char *db, const char *text) {
  int code = world_code(world_ask(w, db, text));
  pq_arena_clear(&w->arena);
  return code;
}

/* Time goes by, and what is too old goes. */
static inline void world_wait(mongo_world *w, int64_t seconds) {
  world_set_clock(w, w->now_us + seconds * 1000000);
  pq_mongo_job.idle(w->mongo);
}

#endif
