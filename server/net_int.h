/* server/net_int.h - what net.c and net_listen.c share. */
#ifndef PQ_SERVER_NET_INT_H
#define PQ_SERVER_NET_INT_H

#include "server/log.h"
#include "server/net_loop.h"
#include "server/tls.h"

enum { NET_READ_CAP = 64 << 10, NET_LISTENERS_MAX = PQ_LISTEN_MAX * 4, NET_PROTOCOLS_MAX = 4 };

/* A socket, of one of two kinds. */
typedef union pq_socket {
  uv_handle_t handle;
  uv_stream_t stream;
  uv_tcp_t tcp;
  uv_pipe_t pipe;
} pq_socket;

typedef struct pq_peer {
  pq_connection c; /* first: what its protocol has is this */
  pq_socket u;
  uv_timer_t timer;
  uv_shutdown_t shutdown;
  struct pq_peer *next, *before;
  struct sockaddr_storage from;
  pq_tls_link *link; /* owned; NULL: without TLS */
  pq_buf in;
  size_t taken;      /* bytes of `in` that the protocol has taken */
  uint64_t since_ms; /* when it was accepted, `in` began to have bytes, or a write ended */
  uint32_t writes;   /* under way */
  /* Bytes that were given to libuv, and how many of them the client had got when it was last looked
   * at; when that was another number than before, or a write began. */
  uint64_t given, taken_out, moved_ms;
  uint32_t handles; /* of libuv, open */
  bool has_spoken;  /* a byte has come */
  bool is_reading, has_begun, has_ended, is_processing;
  bool is_finishing; /* what is queued is the last, */
  bool lingers;      /* and the client has to be heard out: */
  bool is_lingering; /* it has been told that nothing follows */
  bool has_left;     /* it has sent the last */
} pq_peer;

typedef struct pq_listener {
  pq_socket u;
  pq_net *net;
  const pq_protocol *protocol;
  void *shared;
  char path[PQ_ADDRESS_CAP]; /* of a socket in the file system; empty: an ip */
} pq_listener;

struct pq_net {
  uv_loop_t loop;
  uv_async_t wake;
  uv_timer_t tick;
  pq_listener listeners[NET_LISTENERS_MAX];
  uint32_t listener_count;
  struct {
    const pq_protocol *protocol;
    void *shared;
  } protocols[NET_PROTOCOLS_MAX];
  uint32_t protocol_count;
  pq_server *server;
  pq_cx cx;    /* of this thread: malloc */
  pq_tls *tls; /* owned; NULL: without */
  pq_engine *engine;
  pq_peer *first;
  unsigned count, count_max;
  uint64_t last_number;
  bool is_stopping;
  char read[NET_READ_CAP];
};

/* net.c */
void pq_peer_close(pq_peer *p);
/* What a protocol's function has returned. False: the connection is closing. */
bool pq_peer_is_fine(pq_peer *p, int rc);
/* The protocol's part begins. False: it is closing. */
bool pq_peer_begin(pq_peer *p);
void pq_peer_read(pq_peer *p);

#endif
