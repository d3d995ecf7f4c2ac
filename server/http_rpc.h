/* server/http_rpc.h - where HTTP hands over to RPC: a WebSocket at /rpc, and POST /rpc.
 *
 *   HTTP:  GET /rpc, Upgrade: websocket ─► open ─► message … message ─► close
 *          POST /rpc                    ─► open ─► message, once: the whole body ─► … ─► link.end
 *
 * The network thread calls and is called. A session may submit requests of its own to the engine,
 * as many at a time as it likes: pq_net_submit(link->connection, r); each comes back by `answered`.
 */
#ifndef PQ_SERVER_HTTP_RPC_H
#define PQ_SERVER_HTTP_RPC_H

#include "server/net.h"

/* What the transport offers; it is there until `close` has returned. */
typedef struct pq_rpc_link {
  pq_connection *connection; /* borrowed */
  bool is_batch;             /* POST: what is sent are the lines of one answer */
  pq_slice authorization;    /* the field of the request, empty: none; valid as long as the link */
  /* One message; copied. What cannot be sent any more is dropped. */
  void (*send)(struct pq_rpc_link *l, pq_slice message);
  /* No more will be sent: a batch's answer goes out; a WebSocket closes when all is written, with
   * `why` (at most 120 bytes) if it is a failure, else NULL. `close` follows, later. */
  void (*end)(struct pq_rpc_link *l, const char *why);
  /* Bytes that the client has not read yet: above a megabyte nothing more should be begun. */
  size_t (*queued)(const struct pq_rpc_link *l);
} pq_rpc_link;

/* What speaks over it. A failure ends the link with the text in pq_net_cx. */
typedef struct pq_rpc_side {
  int (*open)(pq_rpc_link *l, void **session);
  int (*message)(void *session, pq_slice text);
  /* A request that the session submitted: the session's again, to free or to submit again. */
  int (*answered)(void *session, pq_request *r);
  /* The client has read what was queued. NULL is allowed. */
  int (*written)(void *session);
  /* Free it. Requests that are out are freed by the network side. */
  void (*close)(void *session);
} pq_rpc_side;

/* NULL: there is none, and /rpc says so. */
const pq_rpc_side *pq_http_rpc_side(void);

#endif
