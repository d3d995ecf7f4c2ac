/* server/net.h - the network thread: listeners, connections, bytes. What the bytes mean is a
 * protocol's affair.
 *
 *     PQ_TRY(pq_net_new(server, cx, &net));
 *     PQ_TRY(pq_net_listen(net, cx, "127.0.0.1", 27017, &pq_mongo_protocol));
 *     PQ_TRY(pq_engine_start(…, pq_net_wake, net, &engine));
 *     pq_net_run(net, engine);                    until pq_net_stop, and all has been answered
 *     pq_engine_stop(engine);
 *     pq_net_free(net);
 *
 *   socket ─ bytes ─► in ─► protocol->received ─► pq_net_submit ─► the engine
 *   socket ◄─ bytes ◄─ queue ◄─ pq_net_write ◄─ protocol->answered ◄──┘
 *
 * Backpressure: while c->is_busy, or when much is queued that the client has not read, `received`
 * is not called, and no more than PQ_NET_AHEAD bytes are read ahead. They are read at all so that
 * the end of a client is seen while its request waits.
 *
 * All functions are for the network thread, which is the one that runs pq_net_run, save
 * pq_net_wake.
 */
#ifndef PQ_SERVER_NET_H
#define PQ_SERVER_NET_H

#include "server/client.h"
#include "server/engine.h"
#include "server/server.h"

enum {
  PQ_NET_AHEAD = 64 << 10,    /* bytes that are read while the protocol takes none */
  PQ_NET_QUEUED_MAX = 1 << 20 /* beyond so many bytes that wait to be written it is not called */
};

struct pq_tls;
typedef struct pq_net pq_net;
typedef struct pq_protocol pq_protocol;

/* A connection, as its protocol sees it. */
typedef struct pq_connection {
  pq_client client;
  pq_net *net;
  const pq_protocol *protocol;
  void *shared;      /* of the protocol, for all its connections */
  void *state;       /* of the protocol, for this one; zeroed before begin */
  uint32_t requests; /* how many the engine has */
  size_t queued;     /* bytes that are not written yet */
  bool is_busy;      /* the protocol's: it takes no bytes now */
  bool is_closing;   /* nothing that is written arrives any more */
} pq_connection;

/* A failure of these closes the connection; its text is in pq_net_cx. NULL: nothing is to be done,
 * save for `received`, `answered`. */
struct pq_protocol {
  const char *name; /* as in "listening on NAME://…" */
  size_t state_size;
  /* At most so many bytes are kept that `received` does not take. */
  size_t in_len_max;
  /* What all its connections share. */
  int (*start)(pq_net *net, void **shared);
  void (*stop)(void *shared);

  /* A connection is there; TLS is agreed upon. */
  int (*begin)(pq_connection *c);
  /* All bytes that have arrived and were not taken: take from the front, *used of them, none if
   * more are needed. Called again at once until it takes none. */
  int (*received)(pq_connection *c, pq_slice bytes, size_t *used);
  /* A request that the engine has answered: the protocol's again, to free or to submit again. */
  int (*answered)(pq_connection *c, pq_request *r);
  /* Nothing is queued any more. */
  int (*written)(pq_connection *c);
  /* The time that pq_net_alarm was given has come. */
  int (*alarm)(pq_connection *c);
  /* The server stops: answer what waits. The connection is closed when nothing is out or queued. */
  void (*leave)(pq_connection *c);
  /* The connection has closed: release what is in the state. */
  void (*end)(pq_connection *c);
};

int pq_net_new(pq_server *server, pq_cx *cx, pq_net **out) PQ_MUST_CHECK;
void pq_net_free(pq_net *net); /* NULL is allowed */

/* Certificates for connections from now on, which are taken; NULL: without TLS. Sockets in the file
 * system never have it. */
void pq_net_set_tls(pq_net *net, struct pq_tls *tls);
/* Listen on an address (address.h), whose port is `port` if it names none. Failures are recorded in
 * `cx`. PQ_EUNSUPPORTED: others would reach it, and server->allows_remote is not set. */
int pq_net_listen(pq_net *net, pq_cx *cx, const char *address, unsigned port,
                  const pq_protocol *protocol) PQ_MUST_CHECK;
/* The same on a socket that somebody else has opened; it is taken. */
int pq_net_listen_on(pq_net *net, pq_cx *cx, int fd, const pq_protocol *protocol) PQ_MUST_CHECK;
/* Serve until pq_net_stop and the end of all connections. */
void pq_net_run(pq_net *net, pq_engine *engine);
/* No more connections; each is closed when what has arrived from it is answered, or at once. */
void pq_net_stop(pq_net *net, bool is_at_once);
/* The engine has answered some. Any thread; ud is the pq_net. */
void pq_net_wake(void *ud);

/* ---- for protocols ---- */

/* This thread's context: malloc. */
pq_cx *pq_net_cx(pq_net *net);
const pq_server *pq_net_server(const pq_net *net);
uint64_t pq_net_clock_ns(void);            /* since some start; of right now */
uint64_t pq_net_now_ms(const pq_net *net); /* since some start; of this pass of the loop */
bool pq_net_is_stopping(const pq_net *net);

/* Queue bytes. They are taken: `bytes` is empty afterwards, initialized with the same limit. On
 * failure the connection closes. */
void pq_net_write(pq_connection *c, pq_buf *bytes);
/* To the engine, whose answer comes by `answered`, once; not if the connection closes meanwhile:
 * the request is freed then. */
void pq_net_submit(pq_connection *c, pq_request *r);
/* Close it now; what is queued is dropped. `why` is told to whoever runs the server; NULL: nothing
 * is. */
void pq_net_close(pq_connection *c, const char *why);
/* Its client has said goodbye: what waits for its sake in the engine ends now. */
void pq_net_leave(pq_connection *c);
/* Close it when what is queued has been written. */
void pq_net_finish(pq_connection *c);
/* The same, of a client that is still sending: what comes is dropped for a while, as a connection
 * that is closed with bytes unread is reset, and the answer may be lost with it. */
void pq_net_linger(pq_connection *c);
/* Call `alarm` in so many milliseconds, once; the time given last counts. 0: not at all. */
void pq_net_alarm(pq_connection *c, uint64_t after_ms);
/* It takes bytes again (c->is_busy), outside of its functions: look at those that are there. */
void pq_net_resume(pq_connection *c);

#endif
