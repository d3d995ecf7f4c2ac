/* server/handshake.h - commands about the server itself, which no engine has to answer.
 *
 *   hello, isMaster, ping, buildInfo, getParameter, whatsmyuri, getLog, hostInfo,
 *   connectionStatus, listCommands, getCmdLineOpts, endSessions …
 *
 * We are the primary of a replica set of one, named rs0, whose member is the address that the
 * client connected to: so drivers that insist on a set find one, and those that look for its hosts
 * come back here.
 */
#ifndef PQ_SERVER_HANDSHAKE_H
#define PQ_SERVER_HANDSHAKE_H

#include "server/request.h"

typedef struct pq_handshake {
  const char *host; /* "127.0.0.1:27017": where the client connected to, */
  const char *peer; /* and from */
  int32_t connection;
  int64_t now_ms;
} pq_handshake;

/* Answer into r->answer if the command is one of ours. *is_done false: it is the engine's. */
int pq_handshake_answer(const pq_handshake *h, pq_request *r, bool *is_done) PQ_MUST_CHECK;

/* May the answer be compressed? Those of handshakes may not. */
bool pq_handshake_is_plain(pq_slice name);

#endif
