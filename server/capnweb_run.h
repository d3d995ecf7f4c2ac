/* server/capnweb_run.h - a command of a Cap'n Web session on the engine's side.
 *
 *     PQ_TRY(pq_rpc_run_open(&r, db, cx, &command));
 *     for (;;) {
 *       … pqdb_poll …
 *       if (!pq_rpc_run_advance(&r)) continue;      nothing yet
 *       pq_rpc_answer(session, number, &r.result);  perhaps in another thread
 *       if (!r.result.has_more) break;
 *       … until the session says go_on: pq_rpc_run_go_on(&r)
 *     }
 *     pq_rpc_run_close(&r);
 *
 * Belongs to the engine's thread. The bytes of an answer are the length of a Variant's dictionary
 * in 4 bytes, the dictionary, the value: {items: […], summary: {…}}; a part has no summary.
 */
#ifndef PQ_SERVER_CAPNWEB_RUN_H
#define PQ_SERVER_CAPNWEB_RUN_H

#include "server/capnweb.h"
#include "server/feed.h"

typedef struct pq_rpc_run {
  pqdb *db;                 /* borrowed */
  pq_cx *cx;                /* borrowed: whose memory the answer is */
  pq_arena arena;           /* owned: the command */
  pq_builder *builder;      /* owned: the items so far */
  pqdb_replies *replies;    /* owned */
  pq_feed feed;             /* instead of replies, of a command that waits */
  pq_builder *feed_builder; /* owned: the feed's own */
  uint32_t part_len;
  uint32_t count;                       /* items of this part, */
  size_t len;                           /* and their bytes */
  bool is_waiting, is_paused, was_told; /* told: its place is known to the session */
  bool is_over;
  char message[PQ_MESSAGE_CAP];
  pq_rpc_result result; /* when advance says so */
} pq_rpc_run;

/* Begin. A failure is the command's, and r->message says it; close it as well. */
int pq_rpc_run_open(pq_rpc_run *r, pqdb *db, pq_cx *cx,
                    const pq_rpc_command *command) PQ_MUST_CHECK;
/* Take what is ready. True: r->result is an answer, or a part with more to come. */
bool pq_rpc_run_advance(pq_rpc_run *r);
/* The next part is wanted. */
void pq_rpc_run_go_on(pq_rpc_run *r);
/* Nothing can happen to it now: it is paused, over, or waits for a commit that has not come. */
bool pq_rpc_run_sleeps(pq_rpc_run *r);
void pq_rpc_run_close(pq_rpc_run *r);

#endif
