/* server/capnweb.h - a session of Cap'n Web RPC (npm `capnweb`), our side: messages in, messages
 * out.
 *
 *     PQ_TRY(pq_rpc_open(&options, &s));
 *     rc = pq_rpc_receive(s, text);                one message of the client; may call host.send
 * and host.start … the host runs the commands … pq_rpc_answer(s, number, &answer);           a
 * command is done: promises resolve pq_rpc_close(s);
 *
 *        client                       session                                 host
 *     ["push", call] ───► evaluate ─► hook (a promise) ─► queue ─ start ──► a command of ours runs
 *     ["pull", 1]    ───► wait for it                                             │
 *     ["resolve", 1, value] ◄─ send ◄─ hooks that hang on it go on ◄─ answer ◄────┘
 *
 * Sans-I/O: a session neither reads nor writes, and does not know which transport it has. A call on
 * a promise, a promise among the arguments and a `map` wait inside the session, so that a chain of
 * dependent calls costs its client one round trip. doc/rpc.md is about what a client finds.
 *
 * Commands of one session begin in the order in which they were called: reads beside reads, inserts
 * beside inserts, every other command alone.
 */
#ifndef PQ_SERVER_CAPNWEB_H
#define PQ_SERVER_CAPNWEB_H

#include "base/buf.h"
#include "value/variant.h"

typedef struct pq_rpc_session pq_rpc_session;

/* A command of ours that the session wants to be run. Borrowed during the call. */
typedef struct pq_rpc_command {
  uint64_t number;   /* its name in what follows */
  const char *ns;    /* the namespace it runs in */
  pq_value command;  /* to be copied */
  uint32_t part_len; /* 0: all items at once; else answer in parts of about so many bytes, the next
                        one on go_on */
  bool is_read;      /* it changes nothing, so that it may end early */
  bool is_waiting;   /* a command `events` that finds nothing waits until something happens */
} pq_rpc_command;

/* What a command gave, or a part of it. */
typedef struct pq_rpc_result {
  int rc;              /* PQ_OK or why it failed, */
  const char *message; /* and in words */
  pq_buf bytes;        /* owned; made by capnweb_run.h: {items: […], summary: {…}} */
  bool has_more;       /* there is another part */
} pq_rpc_result;

/* Whoever has the transport and runs commands. Nothing here is called back into the session before
 * it returns. */
typedef struct pq_rpc_host {
  /* One message, without a newline; copied. A failure ends the session. */
  int (*send)(void *ud, pq_slice message);
  /* Begin a command; pq_rpc_answer follows later. A failure is the command's. */
  int (*start)(void *ud, const pq_rpc_command *command);
  /* The next part of a command whose answer had more. */
  void (*go_on)(void *ud, uint64_t number);
  /* Nobody wants it any more: no answer has to follow. */
  void (*cancel)(void *ud, uint64_t number);
  /* Does the client leave unread what was sent? Then nothing is begun until pq_rpc_go_on. NULL:
   * never. */
  bool (*is_full)(void *ud);
  void *ud;
} pq_rpc_host;

/* Zeroed means the defaults. */
typedef struct pq_rpc_options {
  pq_cx *cx; /* borrowed: where memory comes from and failures of opening are recorded */
  pq_rpc_host host;
  const char *ns;       /* of the root; NULL: "default". Copied, as the next */
  const char *actor;    /* who has logged in: the actor of all writes; NULL or "": nobody */
  bool is_batch;        /* one request, one answer: the client cannot be called back */
  uint64_t memory_max;  /* bytes; 0: 256 MB */
  uint32_t message_max; /* bytes of a message in; 0: 32 MB */
  uint32_t answer_max;  /* bytes of a message out; 0: 32 MB - 64 KB, what the client takes */
  uint32_t call_max;    /* calls that the client has not released; 0: 200,000 */
  uint32_t table_max;   /* stubs of either side, questions; 0: 10,000 */
  uint32_t pending_max; /* operations and commands that wait or run; 0: 10,000 */
  uint32_t map_max;     /* instructions that one `map` replays, of all elements; 0: 10,000 */
} pq_rpc_options;

/* PQ_ENOMEM. */
int pq_rpc_open(const pq_rpc_options *options, pq_rpc_session **out) PQ_MUST_CHECK;

/* Cancel what runs and free it; open transactions are aborted by commands that nobody waits for
 * (host.start). NULL is allowed. */
void pq_rpc_close(pq_rpc_session *s);

/* One message of the client. A failure: the session has ended and the client was told (["abort",
 * …]); close the transport once that is written, and the session. pq_rpc_message has the reason. */
int pq_rpc_receive(pq_rpc_session *s, pq_slice message) PQ_MUST_CHECK;

/* A command gave something; answer->bytes is taken. A number that is not known is one that was
 * cancelled. Fails as pq_rpc_receive. */
int pq_rpc_answer(pq_rpc_session *s, uint64_t number, pq_rpc_result *answer) PQ_MUST_CHECK;

/* The client has read what was sent. Fails as pq_rpc_receive. */
int pq_rpc_go_on(pq_rpc_session *s) PQ_MUST_CHECK;

/* Nothing waits or runs, all that was asked for was sent: the answer of a batch is complete. */
bool pq_rpc_is_idle(const pq_rpc_session *s);
/* Why the session ended; "" if it has not. */
const char *pq_rpc_message(const pq_rpc_session *s);

/* For tests: entries of the tables, operations that wait, commands that run or wait. */
typedef struct pq_rpc_counts {
  uint32_t calls, exports, imports, callbacks, operations, commands;
} pq_rpc_counts;
pq_rpc_counts pq_rpc_count(const pq_rpc_session *s);

#endif
