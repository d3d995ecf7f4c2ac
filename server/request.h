/* server/request.h - one command of a client on its way through the server.
 *
 *   network thread: read, command ─► engine thread: answer ─► network thread: write, free
 *
 * It belongs to whoever holds it; the two queues of engine.h hand it over.
 */
#ifndef PQ_SERVER_REQUEST_H
#define PQ_SERVER_REQUEST_H

#include "server/client.h"
#include "server/wire.h"
#include "value/builder.h"

typedef struct pq_job pq_job;

/* In which language it is: who runs it (job.h). */
typedef enum pq_job_kind { PQ_JOB_MONGO, PQ_JOB_NATIVE, PQ_JOB_RPC, PQ_JOB_KIND_COUNT } pq_job_kind;

/* What shall happen to it for the sake of a test (fail_point.h); zeroed: nothing. */
typedef struct pq_fail_action {
  int code;               /* it fails with this; 0: it does not */
  bool is_done_first;     /* before must_close, which is only for what is done now */
  bool was_repeated;      /* the engine's: it had been done before */
  bool must_close;        /* no answer, and no connection any more */
  uint32_t block_ms;      /* before anything else */
  pq_value labels;        /* of the error; missing: those that it has anyway */
  pq_value concern_error; /* beside an answer that is none; missing: none */
} pq_fail_action;

typedef struct pq_request {
  struct pq_request *next; /* in a queue */
  void *owner;             /* the network thread's: whose it is */
  pq_client *client;       /* borrowed: who asks; valid as long as the request */
  pq_job_kind kind;
  pq_job *job;       /* the engine's: it has more to answer; submit the request again for that */
  bool is_cancelled; /* nobody wants the rest */
  struct pq_rpc_request *rpc; /* owned: of PQ_JOB_RPC, capnweb_job.h */

  /* The network thread's, before; the engine reads them. */
  pq_arena arena;   /* owned; of `command` */
  pq_value command; /* body and sequences as one object */
  pq_slice name;    /* its first field, */
  pq_slice db;      /* and "$db"; empty: none */
  int32_t request_id;
  bool is_reply, is_silent, is_compressed; /* how it came, and what the answer has to be */
  bool has_checksum, allows_exhaust;
  pq_wire_packer packer;
  pq_fail_action fail;

  struct pq_native *native; /* owned: of PQ_JOB_NATIVE (native.h) */
  uint64_t since_ns;        /* when it went to the engine */
  uint64_t documents;       /* the engine's: how many are in the answer, for the log */
  int error_code;           /* the engine's: MongoDB's number of the error that it is; 0: none */
  bool has_waited;          /* the engine's: for changes or the time, so that it is not slow */
  bool has_next;            /* the engine's: the answer is a batch of a cursor that may have more */

  pq_buf answer; /* owned; BSON, the engine's or handshake.h's */
  /* The engine's, for the network thread: how long the answer is held back, in milliseconds, and a
   * line for whoever runs the server; empty: none. */
  uint32_t hold_ms;
  char notice[240];
} pq_request;

/* Zeroed, with an empty arena; NULL: out of memory. `cx` lives longer. */
pq_request *pq_request_new(pq_cx *cx);
/* NULL is allowed. */
void pq_request_free(pq_request *r);

/* Make r->command, name and db of a message. PQ_EINVALID, PQ_ELIMIT, PQ_ENOMEM. */
int pq_request_read(pq_request *r, pq_builder *b, const pq_wire_message *m) PQ_MUST_CHECK;

#endif
