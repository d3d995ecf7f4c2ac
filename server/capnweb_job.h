/* server/capnweb_job.h - the kind of job that runs commands of Cap'n Web sessions, after it has
 * asked whether their client may.
 *
 *     PQ_TRY(pq_rpc_login_new(cx, authorization, &r));   first, alone: who is it?
 *     PQ_TRY(pq_rpc_request_new(cx, &command, &r));      r->rpc->number, …
 *     pq_net_submit(connection, r);
 *     … answered: r->answer is what capnweb_run.h made, r->rpc says how it went;
 *       while r->rpc->has_more: submit it again for the next part …
 */
#ifndef PQ_SERVER_CAPNWEB_JOB_H
#define PQ_SERVER_CAPNWEB_JOB_H

#include <stdatomic.h>

#include "server/capnweb.h"
#include "server/job.h"

typedef struct pq_rpc_request {
  pq_cx *cx;       /* borrowed: of its memory */
  uint64_t number; /* as the session calls it */
  char ns[160];
  uint32_t part_len;
  bool is_waiting;
  bool ends_with_client;    /* nobody but the client at the other end wants it */
  bool is_login;            /* no command: who is the client? */
  pq_slice authorization;   /* its field; in the request's arena */
  atomic_bool is_cancelled; /* the network thread's word, while the engine has it */
  /* The engine's, with request->answer. */
  int rc;
  bool has_more;
  char message[PQ_MESSAGE_CAP];
} pq_rpc_request;

/* A request with a copy of the command. PQ_ENOMEM, PQ_ELIMIT; `cx` lives longer. */
int pq_rpc_request_new(pq_cx *cx, const pq_rpc_command *command, pq_request **out) PQ_MUST_CHECK;
/* The question who the client is, by the field Authorization of its request (empty: nobody): its
 * `user` is set when it is answered, or r->rpc->rc is PQ_EPERM. */
int pq_rpc_login_new(pq_cx *cx, pq_slice authorization, pq_request **out) PQ_MUST_CHECK;
/* For pq_request_free. NULL is allowed. */
void pq_rpc_request_free(pq_rpc_request *q);

#endif
