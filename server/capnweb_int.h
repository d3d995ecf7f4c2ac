/* server/capnweb_int.h - what the files of a session share: values with stubs in them, hooks, the
 * operations that wait for them, targets, the queue of commands.
 *
 *     hook     one thing that a message may name: a promise (pending), what became of it (a value
 * or an error), an object of ours (target), an object of the client's (callback), a stream node a
 * value: plain data as Variant, or an array or object that holds hooks somewhere payload  the
 * memory of nodes, and the hooks that it keeps alive op       something to do once its hooks are no
 * longer pending: get, call, map, settle, pull
 *
 *       push ─► eval ─► op ── waits on hook A ── A resolves ─► ready list ─► step ─► its hook
 * resolves
 *
 * What always holds: a hook that is a value holds no pending hook, at any depth; nothing recurses
 * from hook to hook but along values, which nest at most PQ_RPC_NEST_MAX deep. Whoever has a
 * pointer to a hook, payload or scope that outlives a function holds a reference.
 *
 *   capnweb_data.c     expressions that are plain data, both ways
 *   capnweb_eval.c     other expressions: references, calls, maps, callbacks; paths
 *   capnweb_hook.c     references, resolving, operations
 *   capnweb.c          messages, tables
 *   capnweb_target.c   objects of ours and their methods
 *   capnweb_queue.c    commands in their order, what their answers become
 *   capnweb_feed.c     subscriptions and streams: what calls the client back
 */
#ifndef PQ_SERVER_CAPNWEB_INT_H
#define PQ_SERVER_CAPNWEB_INT_H

#include "base/arena.h"
#include "server/capnweb.h"
#include "value/builder.h"

enum {
  PQ_RPC_NEST_MAX = 64,   /* payloads within payloads */
  PQ_RPC_DEPTH_MAX = 250, /* of one message; the client's own limit is 256 */
  PQ_RPC_NAME_CAP = 768,  /* a collection, or collection/local-id */
  PQ_RPC_NS_CAP = 132,
  PQ_RPC_RUNNING_MAX = 32,     /* commands of a session at a time */
  PQ_RPC_FEEDS_MAX = 32,       /* subscriptions and streams of a session */
  PQ_RPC_WINDOW = 256,         /* items that the client has not acknowledged, */
  PQ_RPC_WINDOW_LEN = 1 << 20, /* and bytes, about */
  PQ_RPC_PART_LEN = 256 << 10  /* of items that are asked for at a time */
};

typedef struct pq_rpc_hook pq_rpc_hook;
typedef struct pq_rpc_payload pq_rpc_payload;
typedef struct pq_rpc_op pq_rpc_op;
typedef struct pq_rpc_scope pq_rpc_scope;
typedef struct pq_rpc_target pq_rpc_target;
typedef struct pq_rpc_job pq_rpc_job;
typedef struct pq_rpc_feed pq_rpc_feed;

/* ---- values ---- */

typedef enum pq_rpc_node_kind {
  PQ_RPC_UNDEFINED = 0,
  PQ_RPC_DATA,  /* without hooks */
  PQ_RPC_ARRAY, /* with hooks or undefined somewhere */
  PQ_RPC_OBJECT,
  PQ_RPC_HOOK
} pq_rpc_node_kind;

typedef struct pq_rpc_node {
  pq_rpc_node_kind kind;
  uint32_t count; /* of items */
  pq_value data;
  struct pq_rpc_node *items; /* in the payload's arena, as the names */
  pq_slice *names;           /* of an object */
  pq_rpc_hook *hook;         /* borrowed from the payload's list */
} pq_rpc_node;

struct pq_rpc_payload {
  uint32_t refs;
  uint32_t nest; /* 1 + the deepest of its hooks; known once they are settled */
  pq_arena arena;
  pq_buf bytes;        /* owned: an answer that the nodes borrow */
  pq_rpc_hook **hooks; /* owned references */
  uint32_t hook_count, hook_cap;
};

/* ---- hooks ---- */

typedef enum pq_rpc_hook_kind {
  PQ_RPC_PENDING = 0,
  PQ_RPC_VALUE,
  PQ_RPC_ERROR,
  PQ_RPC_TARGET,
  PQ_RPC_CALLBACK, /* the client's */
  PQ_RPC_STREAM    /* to be read by the client */
} pq_rpc_hook_kind;

typedef struct pq_rpc_error {
  char type[16]; /* "Error", "TypeError" */
  char code[32]; /* "" or as commands name it */
  char text[PQ_MESSAGE_CAP];
} pq_rpc_error;

struct pq_rpc_hook {
  uint32_t refs;
  pq_rpc_hook_kind kind;
  bool is_wanted;     /* the client's promise of it was not released: of a command that reads */
  pq_rpc_op *waiters; /* of a pending one, borrowed; in order */
  pq_rpc_op *waiters_last;
  pq_rpc_payload *payload; /* of a value; owned reference */
  pq_rpc_node node;
  pq_rpc_error *error;   /* owned */
  pq_rpc_target *target; /* owned */
  pq_rpc_feed *feed;     /* of a stream: owned until it is read */
  uint64_t id;           /* under which a target is exported, or a callback imported; 0: none */
};

/* ---- operations ---- */

typedef enum pq_rpc_op_kind {
  PQ_RPC_OP_GET,
  PQ_RPC_OP_CALL,
  PQ_RPC_OP_MAP,
  PQ_RPC_OP_SETTLE, /* the result is the payload once its hooks are settled */
  PQ_RPC_OP_PULL    /* tell the client what became of the subject */
} pq_rpc_op_kind;

struct pq_rpc_op {
  pq_rpc_op *next;          /* among waiters or ready ones */
  pq_rpc_op *newer, *older; /* among all */
  pq_rpc_op_kind kind;
  uint64_t order;                /* of the message that it comes from */
  uint32_t settled;              /* hooks of the payload that are known to be settled */
  pq_rpc_hook *subject, *result; /* owned references; a pull has no result */
  pq_rpc_payload *payload;       /* owned reference: of path, arguments, instructions; or NULL */
  pq_value path;                 /* array of names and numbers; missing: empty */
  pq_rpc_node node;              /* arguments, or what is to settle */
  pq_value instructions;         /* of a map; its captures are the first hooks of the payload */
  uint32_t capture_count;
  uint64_t id;    /* of a pull */
  bool is_stream; /* a pull that releases as well */
};

/* ---- targets ---- */

/* What the targets that come from one root share. */
struct pq_rpc_scope {
  uint32_t refs;
  char ns[PQ_RPC_NS_CAP];
  pq_arena arena;     /* of as_of */
  pq_value as_of;     /* missing: now */
  int64_t txn;        /* 0: none */
  bool is_ended;      /* the transaction: its end was called, */
  uint64_t end_order; /* in this message; what is called in earlier ones still belongs to it */
};

typedef enum pq_rpc_target_kind {
  PQ_RPC_ROOT = 1,
  PQ_RPC_COLLECTION = 2,
  PQ_RPC_ENTITY = 4,
  PQ_RPC_TRANSACTION = 8, /* a root, too */
  PQ_RPC_SUBSCRIPTION = 16
} pq_rpc_target_kind;

struct pq_rpc_target {
  pq_rpc_target_kind kind;
  pq_rpc_scope *scope; /* owned reference */
  pq_rpc_feed *feed;   /* of a subscription; owned by the session, NULL when it has ended */
  char name[PQ_RPC_NAME_CAP];
};

/* ---- commands ---- */

/* What the answer of a command becomes. */
typedef enum pq_rpc_shape {
  PQ_RPC_PAGE,    /* {items, … what the summary says} */
  PQ_RPC_ITEMS,   /* [item …] */
  PQ_RPC_ITEM,    /* the first one, or null */
  PQ_RPC_SUMMARY, /* {… what the summary says} */
  PQ_RPC_FIELD,   /* one field of it */
  PQ_RPC_BOTH,    /* {items, summary} */
  PQ_RPC_BEGIN,   /* a transaction */
  PQ_RPC_END,     /* its end */
  PQ_RPC_FEED     /* goes to the feed */
} pq_rpc_shape;

typedef enum pq_rpc_turn {
  PQ_RPC_READ,   /* beside other reads */
  PQ_RPC_INSERT, /* beside other inserts */
  PQ_RPC_ALONE,
  PQ_RPC_ASIDE /* in no order */
} pq_rpc_turn;

struct pq_rpc_job {
  pq_rpc_job *next;
  uint64_t number, order;
  pq_rpc_shape shape;
  const char *field; /* of PQ_RPC_FIELD */
  pq_rpc_turn turn;
  bool is_running;
  bool is_last_of_txn, is_abort; /* commit or abort, abort */
  bool is_waiting;
  bool is_taken; /* a part of its answer was */
  uint32_t part_len;
  uint8_t *bytes; /* owned; of the command */
  size_t len;
  pq_value command;
  pq_rpc_scope *scope; /* owned reference */
  pq_rpc_hook *result; /* owned reference; NULL: nobody wants it */
  pq_rpc_feed *feed;   /* borrowed */
};

/* ---- subscriptions and streams ---- */

/* The items of one command, part by part, as fast as the client takes them. */
struct pq_rpc_feed {
  pq_rpc_feed *next;
  bool is_stream, is_open, is_ended; /* open: the client has the stream */
  bool is_closing;                   /* the client was told that it is over */
  pq_rpc_hook *callback;             /* owned reference; of a subscription */
  pq_rpc_hook *closed;               /* owned reference; pending until it ends */
  pq_rpc_target *target;             /* borrowed, the subscription; NULL: none, or it is gone */
  pq_rpc_hook *stream;               /* borrowed, until it is open; NULL: it is, or it is gone */
  uint64_t job;                      /* the command; 0: it is done */
  bool has_more;                     /* it waits for go_on */
  pq_rpc_payload *part;              /* owned reference: items, those from item_at on to be sent */
  pq_value items;
  uint32_t item_at;
  uint64_t pipe;               /* number of the client's end of a stream */
  uint32_t unacknowledged;     /* messages, */
  uint64_t unacknowledged_len; /* and their bytes */
  pq_rpc_error error;          /* why it ended; no text: nothing is wrong */
};

/* ---- the session ---- */

typedef struct pq_rpc_entry {
  uint64_t id;
  uint64_t count;    /* how often it was introduced */
  pq_rpc_hook *hook; /* owned reference, but of `callbacks`: borrowed */
  pq_rpc_feed *feed; /* of `questions`: whose message this acknowledges; borrowed or NULL */
  uint32_t len;      /* of that message */
  bool is_pulled, is_auto, is_gone;
} pq_rpc_entry;

/* Entries by id. Those that are gone stay until they are half of all. */
typedef struct pq_rpc_table {
  pq_rpc_entry *p;
  uint32_t count, cap, gone_count;
} pq_rpc_table;

struct pq_rpc_session {
  pq_rpc_options options;
  pq_cx cx; /* its allocator counts */
  uint64_t used_len;
  uint64_t held_len; /* of answers, which are other memory */
  bool was_large;    /* the builder holds much */
  uint64_t visits;   /* values that this message was searched for references */
  char ns[PQ_RPC_NS_CAP], actor[PQ_RPC_NS_CAP * 2];
  pq_builder *builder;
  pq_arena scratch; /* of one message */
  pq_buf out;       /* the message that is being written */
  uint64_t order;   /* of the message that is at work */

  pq_rpc_table calls;     /* ids the client chose: its pushes */
  pq_rpc_table exports;   /* ids we chose, negative on the wire: our targets */
  pq_rpc_table callbacks; /* ids the client chose, negative on the wire: its objects */
  pq_rpc_table questions; /* ids we chose: our pushes */
  uint64_t call_last, export_last, question_last;

  pq_rpc_op *newest;               /* all operations */
  pq_rpc_op *ready, *ready_last;   /* those that can go on */
  pq_rpc_op *unread, *unread_last; /* pulls that wait until the client reads */
  pq_rpc_job *jobs, *jobs_last;    /* all commands, in their order */
  uint64_t job_last;
  pq_rpc_feed *feeds; /* owned */
  uint32_t op_count, job_count, running_count, pull_count, feed_count;
  uint32_t promise_count; /* of the client's, that are pending */
  bool has_ended;
  char why[PQ_MESSAGE_CAP];
};

/* ---- capnweb_data.c ---- */

/* Is it data alone? No reference, no undefined. */
bool pq_rpc_is_plain(pq_rpc_session *s, pq_value expr);
/* PQ_ELIMIT: that question was asked for too much. */
int pq_rpc_check_visits(pq_rpc_session *s) PQ_MUST_CHECK;
/* The value of such an expression into a builder. */
int pq_rpc_put_plain(pq_rpc_session *s, pq_builder *b, pq_value expr, uint32_t depth) PQ_MUST_CHECK;
/* The expression of a value. */
int pq_rpc_write_data(pq_rpc_session *s, pq_buf *out, pq_value v, uint32_t depth) PQ_MUST_CHECK;
/* "["error", …]" */
int pq_rpc_write_error(pq_buf *out, const pq_rpc_error *e) PQ_MUST_CHECK;
/* A special form: an array whose first element is a text, which is *tag. */
bool pq_rpc_special(pq_value expr, pq_slice *tag);
bool pq_rpc_id(pq_value v, bool *is_negative, uint64_t *id);

/* ---- capnweb_eval.c ---- */

/* Where an expression finds what it refers to. */
typedef struct pq_rpc_lookup {
  pq_rpc_hook **captures; /* of a map; the session's tables otherwise */
  pq_rpc_hook **variables;
  uint32_t capture_count, variable_count;
  bool is_map;
} pq_rpc_lookup;

/* The value of an expression, in the memory of a payload; begins the calls in it. */
int pq_rpc_eval(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr, pq_rpc_payload *payload,
                uint32_t depth, pq_rpc_node *out) PQ_MUST_CHECK;
/* The same as a hook: *out is a reference for the caller. */
int pq_rpc_eval_hook(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr,
                     pq_rpc_hook **out) PQ_MUST_CHECK;

/* Where a path leads. */
typedef struct pq_rpc_place {
  pq_rpc_payload *payload; /* borrowed; of the node */
  pq_rpc_node node;
  pq_rpc_hook *hook; /* a target, callback or stream was met; borrowed. NULL: `node` it is */
  uint32_t used;     /* parts of the path before it */
} pq_rpc_place;
int pq_rpc_follow(pq_rpc_session *s, pq_rpc_hook *from, pq_value path,
                  pq_rpc_place *out) PQ_MUST_CHECK;
/* A node that is a hook with a value is that value. */
pq_rpc_node pq_rpc_see(pq_rpc_node n);

/* A settled value into a command. Undefined fields are left out. PQ_EINVALID: a stub. */
int pq_rpc_put_node(pq_rpc_session *s, pq_builder *b, pq_rpc_node n, uint32_t depth) PQ_MUST_CHECK;
/* The expression of a settled value; exports its targets. */
int pq_rpc_write_node(pq_rpc_session *s, pq_buf *out, pq_rpc_node n, uint32_t depth) PQ_MUST_CHECK;

/* ---- capnweb_hook.c ---- */

pq_rpc_payload *pq_rpc_payload_new(pq_rpc_session *s);
void pq_rpc_payload_drop(pq_rpc_session *s, pq_rpc_payload *p);
/* Keep a hook alive with the payload; takes the reference, also when it fails. */
int pq_rpc_payload_keep(pq_rpc_session *s, pq_rpc_payload *p, pq_rpc_hook *h) PQ_MUST_CHECK;

/* A pending hook; NULL: out of memory. */
pq_rpc_hook *pq_rpc_hook_new(pq_rpc_session *s);
pq_rpc_hook *pq_rpc_hook_hold(pq_rpc_hook *h);
void pq_rpc_hook_drop(pq_rpc_session *s, pq_rpc_hook *h);
/* A hook that is a value from the beginning; `payload` gets one reference more. */
pq_rpc_hook *pq_rpc_hook_value(pq_rpc_session *s, pq_rpc_payload *payload, pq_rpc_node node);

/* A pending hook becomes something; what waits for it is ready. */
void pq_rpc_resolve(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_payload *payload, pq_rpc_node node);
/* … undefined. */
void pq_rpc_resolve_nothing(pq_rpc_session *s, pq_rpc_hook *h);
/* … what another, settled one is. */
void pq_rpc_resolve_as(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_hook *other);
void pq_rpc_reject(pq_rpc_session *s, pq_rpc_hook *h, int rc, const char *type, const char *text);
void pq_rpc_reject_with(pq_rpc_session *s, pq_rpc_hook *h, const pq_rpc_error *e);
/* The payload's node, once its hooks are settled. */
int pq_rpc_settle(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_payload *payload,
                  pq_rpc_node node) PQ_MUST_CHECK;

/* A new operation on `subject`, ready; it holds its own references. NULL: the failure is in cx. */
pq_rpc_op *pq_rpc_op_new(pq_rpc_session *s, pq_rpc_op_kind kind, pq_rpc_hook *subject,
                         pq_rpc_payload *payload, pq_rpc_hook *result);
/* All that are ready, and what becomes ready by that. */
int pq_rpc_run_ready(pq_rpc_session *s) PQ_MUST_CHECK;
/* The client reads again: what it pulled can be sent. */
void pq_rpc_wake_pulls(pq_rpc_session *s);
bool pq_rpc_is_full(const pq_rpc_session *s);
void pq_rpc_free_ops(pq_rpc_session *s);
/* The order of the oldest operation that may yet become a command; UINT64_MAX: there is none. */
uint64_t pq_rpc_oldest_op(const pq_rpc_session *s);

/* ---- capnweb.c ---- */

pq_rpc_entry *pq_rpc_find(const pq_rpc_table *t, uint64_t id);
int pq_rpc_add(pq_rpc_session *s, pq_rpc_table *t, uint64_t id, pq_rpc_hook *hook,
               pq_rpc_entry **out) PQ_MUST_CHECK;
void pq_rpc_remove(pq_rpc_table *t, uint64_t id);
/* Send s->out. */
int pq_rpc_send(pq_rpc_session *s) PQ_MUST_CHECK;
/* The same where nobody can fail; the session has ended then all the same. */
void pq_rpc_send_if(pq_rpc_session *s);
/* ["resolve" or "reject", id, …] of a settled hook. */
int pq_rpc_send_outcome(pq_rpc_session *s, uint64_t id, pq_rpc_hook *h) PQ_MUST_CHECK;
/* Call an object of the client's: path `method` (NULL: itself) with one argument, data (missing:
 * none). What it resolves to is acknowledged to the feed; is_stream: of a pipe. */
int pq_rpc_ask(pq_rpc_session *s, pq_rpc_feed *feed, bool is_stream, const char *method,
               pq_value argument) PQ_MUST_CHECK;

/* ---- capnweb_target.c ---- */

pq_rpc_target *pq_rpc_target_new(pq_rpc_session *s, pq_rpc_target_kind kind, pq_rpc_scope *scope,
                                 const char *name);
/* Its last reference is gone. */
void pq_rpc_target_free(pq_rpc_session *s, pq_rpc_target *t);
pq_rpc_scope *pq_rpc_scope_new(pq_rpc_session *s, const char *ns);
void pq_rpc_scope_drop(pq_rpc_session *s, pq_rpc_scope *c);
/* Call a method of a target: `path` from its part `used` on. The failure is the call's. */
int pq_rpc_call_target(pq_rpc_session *s, pq_rpc_op *op, pq_rpc_hook *target,
                       uint32_t used) PQ_MUST_CHECK;
/* Make `h` a target; takes `t`. */
int pq_rpc_resolve_target(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_target *t) PQ_MUST_CHECK;

/* ---- capnweb_queue.c ---- */

/* A command that is to be: `result` gets what it gives. Its other fields may be set. */
pq_rpc_job *pq_rpc_job_new(pq_rpc_session *s, pq_rpc_scope *scope, pq_rpc_hook *result);
/* Queue it with the object that the builder has; takes `job`, also when it fails. */
int pq_rpc_job_submit(pq_rpc_session *s, pq_rpc_job *job) PQ_MUST_CHECK;
void pq_rpc_job_free(pq_rpc_session *s, pq_rpc_job *job);
/* A transaction was left open: abort it, behind what it still does. */
void pq_rpc_abort_txn(pq_rpc_session *s, pq_rpc_scope *scope);
/* Begin those whose turn it is. */
int pq_rpc_run_jobs(pq_rpc_session *s) PQ_MUST_CHECK;
/* Nobody wants the result of a command that only reads: drop it. */
void pq_rpc_unwant(pq_rpc_session *s, pq_rpc_hook *result);
void pq_rpc_cancel_job(pq_rpc_session *s, uint64_t number);
void pq_rpc_free_jobs(pq_rpc_session *s);
/* What a command gave; takes result->bytes if it needs them. */
int pq_rpc_take_answer(pq_rpc_session *s, uint64_t number, pq_rpc_result *result) PQ_MUST_CHECK;

/* ---- capnweb_feed.c ---- */

/* A feed for the command that the builder has; its result becomes a subscription (`callback` is
 * called with each item) or, without one, a stream. */
int pq_rpc_feed_open(pq_rpc_session *s, pq_rpc_scope *scope, pq_rpc_hook *callback,
                     pq_rpc_hook *result) PQ_MUST_CHECK;
/* The answer of its command, or a part; takes the payload's reference. */
int pq_rpc_feed_answer(pq_rpc_session *s, pq_rpc_job *job, const pq_rpc_result *result,
                       pq_rpc_payload *payload, pq_value items) PQ_MUST_CHECK;
/* The client has taken a message, or refused it. */
int pq_rpc_feed_acknowledged(pq_rpc_session *s, pq_rpc_feed *f, uint32_t len,
                             bool is_refused) PQ_MUST_CHECK;
/* A stream goes to the client: open the pipe. */
int pq_rpc_stream_open(pq_rpc_session *s, pq_rpc_hook *h, uint64_t *pipe) PQ_MUST_CHECK;
/* Nobody wants it any more. */
void pq_rpc_feed_end(pq_rpc_session *s, pq_rpc_feed *f);
/* Send what the windows allow; free those that have ended. */
int pq_rpc_run_feeds(pq_rpc_session *s) PQ_MUST_CHECK;
void pq_rpc_free_feeds(pq_rpc_session *s);

#endif
