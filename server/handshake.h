/* server/handshake.h - commands about the server itself, which no engine has to answer.
 *
 *   hello, isMaster, ping, buildInfo, getParameter, whatsmyuri, getLog, hostInfo,
 *   connectionStatus, listCommands, getCmdLineOpts … and configureFailPoint, for tests
 *
 * We are the primary of a replica set of one, named rs0, whose member is the address that the
 * client connected to: so drivers that insist on a set find one, and those that look for its hosts
 * come back here. Where addresses are translated on the way (a container), `advertise` says which
 * one clients reach, or the topology "mongos", which clients ask for no other.
 */
#ifndef PQ_SERVER_HANDSHAKE_H
#define PQ_SERVER_HANDSHAKE_H

#include "server/bson_value.h"
#include "server/fail_point.h"
#include "server/server.h"

typedef struct pq_handshake {
  const pq_server *server;
  const pq_client *client; /* its host is the member's name, if none is advertised */
  int32_t connection;
  int64_t now_ms, now_us;
  pq_fail_point *fail_point; /* NULL: the server is not there for tests */
  bool must_login; /* the network thread's: what is not for everybody goes to the engine */
  /* The engine's: fields beside those of hello. NULL: it is the network thread that asks. */
  void (*more)(void *ud, pq_bson_out *o);
  void *more_ud;
} pq_handshake;

/* Answer into r->answer if the command is one of ours. *is_done false: it is the engine's; so is,
 * in the network thread, a hello that logs in, and what needs a login where one is asked for. The
 * network thread's answers have the times of mongo_reply.h; none although it is done: a fail point
 * wants the connection to be closed. */
int pq_handshake_answer(const pq_handshake *h, pq_request *r, bool *is_done) PQ_MUST_CHECK;

bool pq_handshake_has(pq_slice name);
/* The i-th of them and what it does; NULL: there are no more. */
const char *pq_handshake_name_at(uint32_t i, const char **help);

/* A hello that may wait until something changes, which never happens: for how long (0: it does not
 * wait), and whether it is answered at once as the client knows another topology. PQ_EINVALID. */
int pq_handshake_await(const pq_server *server, pq_cx *cx, const pq_request *r, uint32_t *await_ms,
                       bool *is_news) PQ_MUST_CHECK;

/* May the answer be compressed? Those of handshakes may not. */
bool pq_handshake_is_plain(pq_slice name);

#endif
