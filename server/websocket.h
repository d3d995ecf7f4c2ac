/* server/websocket.h - a WebSocket (RFC 6455), the server's side, without a socket: frames by
 * wslay.
 *
 *     pq_websocket_accept(key, accept);           for the answer 101
 *     PQ_TRY(pq_websocket_new(&options, &w));
 *     rc = pq_websocket_receive(w, bytes);        calls options.message for each whole one
 *     PQ_TRY(pq_websocket_send(w, text));
 *     … write what is in pq_websocket_out(w) …    after each of these calls
 *     if (pq_websocket_is_over(w)) …              close the connection when that is written
 *
 * Pings are answered, fragments put together, text is checked to be UTF-8. A frame that is not
 * masked, a message longer than message_max, a malformed one: a close frame with 1002, 1007 or
 * 1009, or without a code, is in `out`, and it is over.
 */
#ifndef PQ_SERVER_WEBSOCKET_H
#define PQ_SERVER_WEBSOCKET_H

#include "base/buf.h"

enum {
  PQ_WEBSOCKET_NORMAL = 1000,
  PQ_WEBSOCKET_AWAY = 1001,
  PQ_WEBSOCKET_PROTOCOL = 1002,
  PQ_WEBSOCKET_UNSUPPORTED = 1003,
  PQ_WEBSOCKET_POLICY = 1008,
  PQ_WEBSOCKET_ERROR = 1011
};

typedef struct pq_websocket pq_websocket;

typedef struct pq_websocket_options {
  pq_cx *cx;          /* borrowed */
  size_t message_max; /* bytes */
  /* A text message. A failure ends the connection with 1011. */
  int (*message)(void *ud, pq_slice text);
  void *ud;
} pq_websocket_options;

/* Sec-WebSocket-Accept of a Sec-WebSocket-Key. False: it is no key. */
bool pq_websocket_accept(pq_slice key, char out[32]);

/* PQ_ENOMEM. */
int pq_websocket_new(const pq_websocket_options *options, pq_websocket **out) PQ_MUST_CHECK;
void pq_websocket_free(pq_websocket *w); /* NULL is allowed */

/* All bytes are taken. A failure: out of memory, or that of options.message. */
int pq_websocket_receive(pq_websocket *w, pq_slice bytes) PQ_MUST_CHECK;
/* What is sent behind a close is dropped. */
int pq_websocket_send(pq_websocket *w, pq_slice text) PQ_MUST_CHECK;
int pq_websocket_ping(pq_websocket *w) PQ_MUST_CHECK;
/* Say goodbye; at most 120 bytes of `why` are told. */
int pq_websocket_close(pq_websocket *w, int code, const char *why) PQ_MUST_CHECK;

/* From now on messages have so many bytes at most. */
void pq_websocket_set_max(pq_websocket *w, size_t message_max);
/* How many frames have come whole. */
uint64_t pq_websocket_frames(const pq_websocket *w);
/* With what it was closed, 1000 … 4999; 0: it was not, or without a word. */
int pq_websocket_code(const pq_websocket *w);
/* Bytes for the client, to be taken by whoever writes them. */
pq_buf *pq_websocket_out(pq_websocket *w);
/* A close frame was sent, and nothing follows it. */
bool pq_websocket_is_over(const pq_websocket *w);

#endif
