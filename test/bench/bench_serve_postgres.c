/* test/bench/bench_serve_postgres.c - PostgreSQL's protocol by libpq: documents as jsonb, with a
 * primary key and an index on what is asked for; prepared statements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "bench_serve.h"

typedef struct wire {
  PGconn *connection;
  uv_poll_t poll;
  uint32_t prepared; /* statements; all of them: it is ready */
  bool is_connected;
} wire;

static const struct {
  const char *name, *text;
  int arguments;
} statements[] = {
    {"insert", "insert into docs values ($1, $2::jsonb)", 2},
    {"update",
     "update docs set doc = jsonb_set(jsonb_set(doc, '{n}', to_jsonb((doc->>'n')::int + 1)), "
     "'{note}', to_jsonb($2::text)) where id = $1",
     2},
    {"delete", "delete from docs where id = $1", 1},
    {"read", "select id, (doc->>'n')::int, doc from docs where id = $1", 1},
    {"list",
     "select id, (doc->>'n')::int, doc from docs where doc->>'who' = $1 and doc->>'status' = $2 "
     "order by id desc limit 20",
     2},
    {"all", "select id, (doc->>'n')::int from docs where doc->>'who' = $1", 1}};
enum { STATEMENTS = sizeof statements / sizeof *statements };

static const char create[] =
    "create table if not exists docs (id text primary key, doc jsonb not null);"
    "create index if not exists docs_who on docs ((doc->>'who'), (doc->>'status'), id)";

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(bench_client *c, int events) {
  wire *w = c->wire;
  uv_poll_start(&w->poll, events, on_event);
}

/* What is to be sent goes on when the socket has room. */
static void flush(bench_client *c) {
  wire *w = c->wire;
  int left = PQflush(w->connection);
  if (left < 0) bench_die("%s", PQerrorMessage(w->connection));
  watch(c, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void prepare_next(bench_client *c) {
  wire *w = c->wire;
  if (w->prepared == STATEMENTS) {
    w->prepared++;
    client_ready(c);
    return;
  }
  if (PQsendPrepare(w->connection, statements[w->prepared].name, statements[w->prepared].text,
                    statements[w->prepared].arguments, NULL) != 1)
    bench_die("%s", PQerrorMessage(w->connection));
  flush(c);
}

static void send_named(bench_client *c, int i, const char *first, const char *second) {
  wire *w = c->wire;
  const char *values[2] = {first, second};
  if (PQsendQueryPrepared(w->connection, statements[i].name, statements[i].arguments, values, NULL,
                          NULL, 0) != 1)
    bench_die("%s", PQerrorMessage(w->connection));
  flush(c);
}

static void send_op(bench_client *c) {
  wire *w = c->wire;
  const bench_op *op = &c->op;
  char id[BENCH_ID_CAP], who[8], text[1024];
  bench_id(op, id);
  snprintf(who, sizeof who, "w%02u", (unsigned)op->writer);
  switch (op->kind) {
    case BENCH_CREATE:
      if (PQsendQuery(w->connection, create) != 1) bench_die("%s", PQerrorMessage(w->connection));
      flush(c);
      return;
    case BENCH_INSERT:
      snprintf(text, sizeof text,
               "{\"who\": \"%s\", \"n\": 0, \"status\": \"%s\", \"at\": %lld, \"address\": "
               "{\"city\": \"Delft\", \"zip\": %u}, \"tags\": [\"load\", \"%s\"], \"note\": "
               "\"%s\"}",
               who, bench_statuses[op->status], 1767225600000 + (long long)op->local * 1000,
               (unsigned)(2600 + op->local % 100), who, op->note);
      send_named(c, 0, id, text);
      return;
    case BENCH_UPDATE: send_named(c, 1, id, op->note); return;
    case BENCH_DELETE: send_named(c, 2, id, NULL); return;
    case BENCH_READ: send_named(c, 3, id, NULL); return;
    case BENCH_LIST: send_named(c, 4, who, bench_statuses[op->status]); return;
    default: send_named(c, 5, who, NULL);
  }
}

static void take_result(bench_client *c, const PGresult *r, bench_answer *a, char *error,
                        size_t cap) {
  ExecStatusType status = PQresultStatus(r);
  if (status == PGRES_COMMAND_OK) {
    a->count += (uint32_t)strtoul(PQcmdTuples((PGresult *)(uintptr_t)r), NULL, 10);
    return;
  }
  if (status != PGRES_TUPLES_OK) {
    snprintf(error, cap, "%s", PQresultErrorMessage(r));
    a->error = error;
    return;
  }
  for (int i = 0; i < PQntuples(r); i++) {
    const char *id = PQgetvalue(r, i, 0);
    a->n = strtoll(PQgetvalue(r, i, 1), NULL, 10);
    if (c->op.kind == BENCH_ALL) client_row(c, id, strlen(id), a->n);
  }
  a->count += (uint32_t)PQntuples(r);
}

static void take_results(bench_client *c) {
  wire *w = c->wire;
  bench_answer a = {0};
  char error[200];
  PGresult *r;
  bool is_setting_up = w->prepared < STATEMENTS;
  while ((r = PQgetResult(w->connection)) != NULL) {
    take_result(c, r, &a, error, sizeof error);
    PQclear(r);
  }
  if (!is_setting_up) {
    client_done(c, &a);
    return;
  }
  if (a.error != NULL) bench_die("prepare: %s", a.error);
  w->prepared++;
  prepare_next(c);
}

static void on_event(uv_poll_t *poll, int status, int events) {
  bench_client *c = poll->data;
  wire *w = c->wire;
  if (status != 0) bench_die("poll: %s", uv_strerror(status));
  if (events & UV_WRITABLE) flush(c);
  if ((events & UV_READABLE) == 0) return;
  if (PQconsumeInput(w->connection) != 1) bench_die("%s", PQerrorMessage(w->connection));
  if (PQisBusy(w->connection)) return;
  take_results(c);
}

/* The table must be there before statements about it are prepared. */
static void make_table(const wire *w) {
  PGresult *r = PQexec(w->connection, create);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) bench_die("%s", PQerrorMessage(w->connection));
  PQclear(r);
}

/* Connecting waits: it is not what is measured. */
static void connect_to(uv_loop_t *loop, const char *address, bench_client *c) {
  wire *w = calloc(1, sizeof *w);
  if (w == NULL) bench_die("out of memory");
  c->wire = w;
  w->connection = PQconnectdb(address);
  if (PQstatus(w->connection) != CONNECTION_OK) bench_die("%s", PQerrorMessage(w->connection));
  if (c->number == 0) make_table(w);
  PQsetnonblocking(w->connection, 1);
  uv_poll_init(loop, &w->poll, PQsocket(w->connection));
  w->poll.data = c;
  prepare_next(c);
}

static void close_it(bench_client *c) {
  wire *w = c->wire;
  uv_poll_stop(&w->poll);
  PQfinish(w->connection);
}

const bench_side bench_postgres = {"postgres", connect_to, send_op, close_it};
