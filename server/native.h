/* server/native.h - the kind of job that runs a command document of ours (doc/commands.md), for
 * HTTP: items come out as JSON, one a line, in parts of bounded size.
 *
 *     PQ_TRY(pq_native_new(cx, &r));                       a request with an empty native
 *     snprintf(r->native->ns, …); r->command = …; pq_buf_put(&r->native->payload, …);
 *     pq_net_submit(c, r);
 *     … answered: r->answer is this part, item_count lines; r->native says how it went …
 *     while (!r->native->is_end) submit r again, once the part is written
 *
 *   command ─► items ─► a part of part_len bytes ─► network ─► the client has read it ─┐
 *                ▲                                                                     │
 *                └──────────────────── the next part ◄─────────────────────────────────┘
 *
 * A feed (is_feed) gives the events of a namespace as they come, as Server-Sent Events, and has no
 * end of its own: a part is there as soon as it has an event, or after heartbeat_ms without one;
 * then it is empty.
 *
 * Who has logged in is the `actor` of what is written, whatever the command says.
 */
#ifndef PQ_SERVER_NATIVE_H
#define PQ_SERVER_NATIVE_H

#include "server/job.h"
#include "value/json.h"

enum { PQ_NATIVE_NS_CAP = 160, PQ_NATIVE_PART_LEN = 64 << 10 };

typedef struct pq_native {
  /* Whoever asks sets these; request->command is the command, of a feed its options: `collection`,
   * `after` (the id of an event, or "seq:N"), and those of `events`. */
  char ns[PQ_NATIVE_NS_CAP];
  bool is_feed;
  bool is_ours; /* the server asks for itself: nobody has to have a right to it */
  /* Only whether he may, before it is known what exactly; request->name is the verb, empty: whether
   * he has logged in. There is no command. */
  bool is_question;
  uint32_t heartbeat_ms;
  pq_json_form form;
  size_t part_len;        /* a part ends behind the item that reaches so many bytes */
  pq_buf payload;         /* owned: NDJSON for insert, link, replay */
  pq_slice authorization; /* the field of HTTP; empty: none. In request->arena */

  /* The engine's thread sets these, with request->answer. */
  bool is_end;       /* no further part; it may have failed: */
  int rc;            /* PQ_OK, or why, */
  bool is_forbidden; /* the user may not, */
  bool is_nobody;    /* or nobody has logged in; */
  char message[PQ_MESSAGE_CAP];
  uint32_t item_count; /* lines of this part */
  int64_t version;     /* of the part's last item, if it is an entity; 0: it has none */
  pq_buf summary;      /* owned: JSON, at the end if rc is PQ_OK */
  pq_arena arena;      /* owned: of `values`, */
  pq_value values;     /* the summary as a value; missing before the end */
} pq_native;

/* A request of this kind, without a command; NULL: out of memory. `cx` lives longer. */
pq_request *pq_native_new(pq_cx *cx);
/* For pq_request_free. NULL is allowed. */
void pq_native_free(pq_native *n);

extern const pq_job_class pq_native_job;

#endif
