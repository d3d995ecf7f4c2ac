/* server/http_int.h - a connection of HTTP, shared by the files that speak it.
 *
 *   http_protocol.c   bytes: heads, bodies, timeouts, the end
 *   http_receive.c    bodies: who may send one, unpacked, in pieces
 *   http_exchange.c   what a request becomes, and what is told of it
 *   http_guard.c      whether it may be asked at all: hosts, origins
 *   http_upgrade.c    WebSockets and batches of RPC
 */
#ifndef PQ_SERVER_HTTP_INT_H
#define PQ_SERVER_HTTP_INT_H

#include "server/http_answer.h"
#include "server/http_coding.h"
#include "server/http_metrics.h"
#include "server/http_rpc.h"
#include "server/websocket.h"

typedef enum http_state {
  HTTP_HEAD = 0, /* between requests, or in a head */
  HTTP_ASKS,     /* the engine looks whether he may, before the body is read */
  HTTP_BODY,
  HTTP_ENGINE, /* the engine has it, or a part is being written */
  HTTP_BATCH,  /* RPC has it */
  HTTP_SOCKET,
  HTTP_OVER /* the answer was the last */
} http_state;

/* Counts of the batches that a long body was cut into, added up. */
typedef struct http_sums {
  struct {
    char name[32];
    int64_t sum;
  } counts[8];
  uint32_t count, batches;
} http_sums;

/* Of all connections. */
typedef struct http_shared {
  pq_cx cx; /* its limits are those of commands */
  pq_builder *builder;
  pq_http_limits limits;
  pq_http_metrics metrics;
} http_shared;

typedef struct http_connection {
  http_state state;
  pq_buf head_bytes; /* owned; what `head` borrows from */
  pq_http_head head;
  pq_http_body body;
  pq_buf content;             /* owned: what has come of the body, unpacked */
  size_t lines_len;           /* of it: whole lines; only where it may be cut into pieces */
  pq_http_coding coding;      /* of the body */
  pq_http_unpacker *unpacker; /* owned; NULL: it is not packed */
  bool is_packed_strangely;   /* by a coding that is not known */
  bool is_sending;            /* the answer is known before the client has sent all */
  uint64_t body_noted;        /* its length when it was last looked at */
  bool drops_body;            /* the answer is known: the rest of the body is of no interest */
  int refusal;                /* that answer's status; 0: none yet */
  char code[40], why[PQ_MESSAGE_CAP];
  pq_arena arena; /* owned: of the call */
  pq_http_call call;
  pq_http_answer answer;
  pq_request *held;    /* owned: it has another part, which waits for the client to read this one */
  pq_request *delayed; /* owned: a login that failed is answered later */
  http_sums sums;
  bool is_piece;     /* what the engine has is a piece of the body, others follow */
  char verb[32];     /* of the command, for metrics */
  uint64_t begun_us; /* the command; */
  uint64_t asked_us; /* and the request */
  bool is_feed;
  /* RPC */
  pq_rpc_link link;
  const pq_rpc_side *side; /* NULL: no session */
  void *session;
  pq_websocket *socket;               /* owned */
  pq_buf lines;                       /* owned: the answer of a batch */
  bool is_ending;                     /* link.end was called */
  bool was_pinged;                    /* and nothing has come since: */
  uint64_t socket_frames, socket_len; /* frames, and bytes behind the last one */
} http_connection;

uint64_t pq_http_now_us(void);

/* http_protocol.c: write what is in `out`, and go to the next request if this one is done. */
void pq_http_send(pq_connection *c, pq_buf *out);
int pq_http_done(pq_connection *c);
/* It is answered with this status: for /metrics. */
void pq_http_count(pq_connection *c, int status);
/* Whoever runs the server is told that the connection ends, and why. */
void pq_http_tell_end(const pq_connection *c, const char *why);
/* The body's rest is dropped, then this is the answer. */
void pq_http_refuse(pq_connection *c, int status, const char *code, const char *why);
int pq_http_reply_refusal(pq_connection *c) PQ_MUST_CHECK;
/* The request is whole. */
int pq_http_act_on_whole(pq_connection *c) PQ_MUST_CHECK;
/* A whole answer. */
int pq_http_reply(pq_connection *c, int status, const char *type, pq_slice body,
                  const char *fields) PQ_MUST_CHECK;
int pq_http_reply_problem(pq_connection *c, int status, const char *code, const char *detail,
                          const char *fields) PQ_MUST_CHECK;

/* http_receive.c: the head was understood, or refused, and a body follows. */
int pq_http_body_take(pq_connection *c) PQ_MUST_CHECK;
int pq_http_body_received(pq_connection *c, pq_slice bytes, size_t *used) PQ_MUST_CHECK;
int pq_http_body_alarm(pq_connection *c) PQ_MUST_CHECK;
/* More of the body is wanted: it has to grow. */
void pq_http_body_await(pq_connection *c);
/* The engine has looked whether he may. The request is taken. */
int pq_http_asked(pq_connection *c, pq_request *r) PQ_MUST_CHECK;
enum { PQ_HTTP_PIECE_LEN = 4 << 20 }; /* lines are handed over from so many bytes on */

/* http_guard.c: PQ_OK, or it was refused (h->refusal). Sets answer.origin. */
void pq_http_guard(pq_connection *c);
bool pq_http_is_preflight(const pq_http_head *h);
/* Does everybody have to log in? */
bool pq_http_needs_login(const pq_server *server);

/* http_exchange.c: the body is whole, or a piece of it that ends with a line. */
int pq_http_act(pq_connection *c) PQ_MUST_CHECK;
int pq_http_act_on_piece(pq_connection *c) PQ_MUST_CHECK;
/* May the body be cut into pieces? */
bool pq_http_takes_pieces(const http_connection *h);
int pq_http_answered(pq_connection *c, pq_request *r) PQ_MUST_CHECK;
int pq_http_deliver_delayed(pq_connection *c) PQ_MUST_CHECK;
/* Ask for the part that is held. */
void pq_http_go_on(pq_connection *c);

/* http_upgrade.c */
int pq_http_upgrade(pq_connection *c) PQ_MUST_CHECK;
int pq_http_batch(pq_connection *c) PQ_MUST_CHECK;
int pq_http_socket_received(pq_connection *c, pq_slice bytes) PQ_MUST_CHECK;
int pq_http_socket_alarm(pq_connection *c) PQ_MUST_CHECK;
int pq_http_rpc_answered(pq_connection *c, pq_request *r) PQ_MUST_CHECK;
/* A request of a session that is no more. */
int pq_http_rpc_drop(pq_connection *c, pq_request *r) PQ_MUST_CHECK;
int pq_http_rpc_written(pq_connection *c) PQ_MUST_CHECK;
void pq_http_rpc_leave(pq_connection *c);
void pq_http_rpc_close(http_connection *h);

#endif
