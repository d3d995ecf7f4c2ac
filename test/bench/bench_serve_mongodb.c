/* test/bench/bench_serve_mongodb.c - MongoDB's wire protocol, as its drivers speak it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "bench_serve.h"

enum { HEADER_LEN = 16, OP_MSG = 2013, READ_CAP = 64 << 10, BATCH = 5000 };

typedef struct wire {
  uv_tcp_t tcp;
  uv_connect_t connecting;
  uv_write_t write;
  bson_t command;
  bool has_command, is_ready;
  uint8_t head[HEADER_LEN + 5];
  uint8_t *in;
  size_t len, cap;
  int64_t cursor; /* of a BENCH_ALL */
} wire;

static uint8_t read_buf[READ_CAP];

static void put32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++)
    p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void on_written(uv_write_t *w, int status) {
  if (status != 0) bench_die("write: %s", uv_strerror(status));
  (void)w;
}

/* The command, which is complete but for its database. */
static void send_command(bench_client *c) {
  wire *w = c->wire;
  uv_buf_t bufs[2];
  BSON_APPEND_UTF8(&w->command, "$db", "load");
  put32(w->head, (uint32_t)sizeof w->head + w->command.len);
  put32(w->head + 4, 1);
  put32(w->head + 8, 0);
  put32(w->head + 12, OP_MSG);
  memset(w->head + HEADER_LEN, 0, 5);
  bufs[0] = uv_buf_init((char *)w->head, sizeof w->head);
  bufs[1] = uv_buf_init((char *)(uintptr_t)bson_get_data(&w->command), w->command.len);
  w->write.data = c;
  if (uv_write(&w->write, (uv_stream_t *)&w->tcp, bufs, 2, on_written) != 0)
    bench_die("a connection is closed");
}

static void begin(wire *w) {
  if (w->has_command) bson_destroy(&w->command);
  bson_init(&w->command);
  w->has_command = true;
}

/* ---- commands ---- */

static void put_list(bson_t *command, const char *name, bson_t *element) {
  bson_t list;
  BSON_APPEND_ARRAY_BEGIN(command, name, &list);
  BSON_APPEND_DOCUMENT(&list, "0", element);
  bson_append_array_end(command, &list);
  bson_destroy(element);
}

static void put_insert(bson_t *b, const bench_op *op, const char *id) {
  bson_t d = BSON_INITIALIZER, address, tags;
  char who[8];
  snprintf(who, sizeof who, "w%02u", (unsigned)op->writer);
  BSON_APPEND_UTF8(b, "insert", "docs");
  BSON_APPEND_UTF8(&d, "_id", id);
  BSON_APPEND_UTF8(&d, "who", who);
  BSON_APPEND_INT32(&d, "n", 0);
  BSON_APPEND_UTF8(&d, "status", bench_statuses[op->status]);
  BSON_APPEND_DATE_TIME(&d, "at", 1767225600000 + (int64_t)op->local * 1000);
  BSON_APPEND_DOCUMENT_BEGIN(&d, "address", &address);
  BSON_APPEND_UTF8(&address, "city", "Delft");
  BSON_APPEND_INT32(&address, "zip", (int32_t)(2600 + op->local % 100));
  bson_append_document_end(&d, &address);
  BSON_APPEND_ARRAY_BEGIN(&d, "tags", &tags);
  BSON_APPEND_UTF8(&tags, "0", "load");
  BSON_APPEND_UTF8(&tags, "1", who);
  bson_append_array_end(&d, &tags);
  BSON_APPEND_UTF8(&d, "note", op->note);
  put_list(b, "documents", &d);
}

static void put_change(bson_t *b, const bench_op *op, const char *id) {
  bool is_update = op->kind == BENCH_UPDATE;
  bson_t e = BSON_INITIALIZER, q, u, part;
  BSON_APPEND_UTF8(b, is_update ? "update" : "delete", "docs");
  BSON_APPEND_DOCUMENT_BEGIN(&e, "q", &q);
  BSON_APPEND_UTF8(&q, "_id", id);
  bson_append_document_end(&e, &q);
  if (is_update) {
    BSON_APPEND_DOCUMENT_BEGIN(&e, "u", &u);
    BSON_APPEND_DOCUMENT_BEGIN(&u, "$inc", &part);
    BSON_APPEND_INT32(&part, "n", 1);
    bson_append_document_end(&u, &part);
    BSON_APPEND_DOCUMENT_BEGIN(&u, "$set", &part);
    BSON_APPEND_UTF8(&part, "note", op->note);
    bson_append_document_end(&u, &part);
    bson_append_document_end(&e, &u);
  } else {
    BSON_APPEND_INT32(&e, "limit", 1);
  }
  put_list(b, is_update ? "updates" : "deletes", &e);
}

static void put_find(bson_t *b, const bench_op *op, const char *id) {
  bson_t filter, sort, project;
  char who[8];
  snprintf(who, sizeof who, "w%02u", (unsigned)op->writer);
  BSON_APPEND_UTF8(b, "find", "docs");
  BSON_APPEND_DOCUMENT_BEGIN(b, "filter", &filter);
  if (op->kind == BENCH_READ)
    BSON_APPEND_UTF8(&filter, "_id", id);
  else
    BSON_APPEND_UTF8(&filter, "who", who);
  if (op->kind == BENCH_LIST) BSON_APPEND_UTF8(&filter, "status", bench_statuses[op->status]);
  bson_append_document_end(b, &filter);
  if (op->kind == BENCH_LIST) {
    BSON_APPEND_DOCUMENT_BEGIN(b, "sort", &sort);
    BSON_APPEND_INT32(&sort, "_id", -1);
    bson_append_document_end(b, &sort);
    BSON_APPEND_INT32(b, "limit", 20);
  }
  if (op->kind == BENCH_ALL) {
    BSON_APPEND_DOCUMENT_BEGIN(b, "projection", &project);
    BSON_APPEND_INT32(&project, "n", 1);
    bson_append_document_end(b, &project);
    BSON_APPEND_INT32(b, "batchSize", BATCH);
  }
}

static void put_create(bson_t *b) {
  bson_t index = BSON_INITIALIZER, key;
  BSON_APPEND_UTF8(b, "createIndexes", "docs");
  BSON_APPEND_DOCUMENT_BEGIN(&index, "key", &key);
  BSON_APPEND_INT32(&key, "who", 1);
  BSON_APPEND_INT32(&key, "status", 1);
  bson_append_document_end(&index, &key);
  BSON_APPEND_UTF8(&index, "name", "who_1_status_1");
  put_list(b, "indexes", &index);
}

static void send_op(bench_client *c) {
  wire *w = c->wire;
  char id[BENCH_ID_CAP];
  bench_id(&c->op, id);
  begin(w);
  switch (c->op.kind) {
    case BENCH_CREATE: put_create(&w->command); break;
    case BENCH_INSERT: put_insert(&w->command, &c->op, id); break;
    case BENCH_UPDATE:
    case BENCH_DELETE: put_change(&w->command, &c->op, id); break;
    default: put_find(&w->command, &c->op, id);
  }
  send_command(c);
}

static void send_more(bench_client *c) {
  wire *w = c->wire;
  begin(w);
  BSON_APPEND_INT64(&w->command, "getMore", w->cursor);
  BSON_APPEND_UTF8(&w->command, "collection", "docs");
  BSON_APPEND_INT32(&w->command, "batchSize", BATCH);
  send_command(c);
}

/* ---- answers ---- */

static void take_row(bench_client *c, bson_iter_t *row, bench_answer *a) {
  bson_iter_t field;
  const char *id = "";
  uint32_t len = 0;
  if (!bson_iter_recurse(row, &field)) return;
  while (bson_iter_next(&field)) {
    if (strcmp(bson_iter_key(&field), "_id") == 0) id = bson_iter_utf8(&field, &len);
    if (strcmp(bson_iter_key(&field), "n") == 0) a->n = bson_iter_as_int64(&field);
  }
  a->count++;
  if (c->op.kind == BENCH_ALL) client_row(c, id, len, a->n);
}

static void take_cursor(bench_client *c, bson_iter_t *cursor, bench_answer *a) {
  wire *w = c->wire;
  bson_iter_t field, row;
  if (!bson_iter_recurse(cursor, &field)) return;
  while (bson_iter_next(&field)) {
    const char *name = bson_iter_key(&field);
    if (strcmp(name, "id") == 0) w->cursor = bson_iter_as_int64(&field);
    if (strcmp(name, "firstBatch") != 0 && strcmp(name, "nextBatch") != 0) continue;
    if (bson_iter_recurse(&field, &row))
      while (bson_iter_next(&row))
        take_row(c, &row, a);
  }
}

static void take_message(bench_client *c, const uint8_t *p, size_t len) {
  wire *w = c->wire;
  bench_answer a = {0};
  bson_t body;
  bson_iter_t field;
  bool is_ok = false;
  if (len < HEADER_LEN + 5 || !bson_init_static(&body, p + HEADER_LEN + 5, len - HEADER_LEN - 5) ||
      !bson_iter_init(&field, &body))
    bench_die("an answer that is none");
  w->cursor = 0;
  while (bson_iter_next(&field)) {
    const char *name = bson_iter_key(&field);
    if (strcmp(name, "ok") == 0) is_ok = bson_iter_as_int64(&field) == 1;
    if (strcmp(name, "n") == 0) a.count = (uint32_t)bson_iter_as_int64(&field);
    if (strcmp(name, "errmsg") == 0) a.error = bson_iter_utf8(&field, NULL);
    if (strcmp(name, "writeErrors") == 0) a.error = "write error";
    if (strcmp(name, "cursor") == 0) take_cursor(c, &field, &a);
  }
  if (!is_ok && a.error == NULL) a.error = "not ok";
  if (!w->is_ready) {
    w->is_ready = true;
    client_ready(c);
  } else if (c->op.kind == BENCH_ALL && w->cursor != 0 && a.error == NULL) {
    send_more(c);
  } else {
    client_done(c, &a);
  }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  bench_client *c = stream->data;
  wire *w = c->wire;
  size_t len;
  if (n < 0) bench_die("client %u: %s", (unsigned)c->number, uv_strerror((int)n));
  if (w->len + (size_t)n > w->cap) {
    w->cap = (w->len + (size_t)n) * 2;
    w->in = realloc(w->in, w->cap);
    if (w->in == NULL) bench_die("out of memory");
  }
  memcpy(w->in + w->len, buf->base, (size_t)n);
  w->len += (size_t)n;
  if (w->len < 4 || w->len < (len = get32(w->in))) return;
  w->len = 0; /* one answer at a time: nothing stands behind it */
  take_message(c, w->in, len);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
  (void)h;
  (void)suggested;
  *buf = uv_buf_init((char *)read_buf, sizeof read_buf);
}

static void on_connected(uv_connect_t *r, int status) {
  bench_client *c = r->data;
  wire *w = c->wire;
  if (status != 0) bench_die("connect: %s", uv_strerror(status));
  uv_tcp_nodelay(&w->tcp, 1);
  uv_read_start((uv_stream_t *)&w->tcp, on_alloc, on_read);
  begin(w);
  BSON_APPEND_INT32(&w->command, "hello", 1);
  send_command(c);
}

static void connect_to(uv_loop_t *loop, const char *address, bench_client *c) {
  wire *w = calloc(1, sizeof *w);
  struct sockaddr_in to;
  char host[64];
  const char *colon = strrchr(address, ':');
  if (w == NULL || colon == NULL) bench_die("an address is HOST:PORT");
  snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
  c->wire = w;
  uv_tcp_init(loop, &w->tcp);
  w->tcp.data = w->connecting.data = c;
  if (uv_ip4_addr(host, atoi(colon + 1), &to) != 0 ||
      uv_tcp_connect(&w->connecting, &w->tcp, (const struct sockaddr *)&to, on_connected) != 0)
    bench_die("cannot connect to %s", address);
}

static void close_it(bench_client *c) {
  wire *w = c->wire;
  if (w->has_command) bson_destroy(&w->command);
  free(w->in);
  uv_close((uv_handle_t *)&w->tcp, NULL); /* the program ends: `w` stays */
}

const bench_side bench_mongodb = {"mongodb", connect_to, send_op, close_it};
