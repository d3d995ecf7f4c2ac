/* server/feed.h - what happens in a namespace, event after event, without an end: for change
 * streams, Server-Sent Events and subscriptions.
 *
 *     pq_feed_want want = {.ns = "default", .collection = "posts", .options = {filter: …}};
 *     PQ_TRY(pq_feed_open(&feed, db, cx, builder, &want));
 *     for (;;) {
 *       PQ_TRY(pq_feed_next(&feed, &state, &event));
 *       PQ_FEED_EVENT   {id, seq, ts, op, ns, target, entityId, …} as `events` gives it
 *       PQ_FEED_READS   go on after pqdb_poll
 *       PQ_FEED_WAITS   nothing new: wait until pq_feed_has_news(&feed), then go on
 *     }
 *     pq_feed_close(&feed);
 *
 *   place ──► `events` behind it ─► … ─► nothing left ─► waits ─► a commit ─► `events` behind it …
 *
 * A feed that waits holds no snapshot and no command: hundreds of them cost what asking
 * pq_feed_has_news after each commit costs, some tens of nanoseconds. It belongs to the engine's
 * thread. Nothing is lost and nothing comes twice: the place is a number in the log, and whoever
 * gives `after` the `id` of the last event that he saw goes on behind it, after a restart too.
 */
#ifndef PQ_SERVER_FEED_H
#define PQ_SERVER_FEED_H

#include "port/handle.h"
#include "value/builder.h"

typedef enum pq_feed_start {
  PQ_FEED_FROM_NOW =
      0,         /* what is committed after the moment of which the first PQ_FEED_WAITS tells */
  PQ_FEED_AFTER, /* behind want.after: the id of an event, or "seq:N" (0: from the first) */
  PQ_FEED_BEHIND_SEQ, /* behind want.seq */
  PQ_FEED_BEHIND_TS   /* events later than want.ts */
} pq_feed_start;

typedef struct pq_feed_want {
  const char *ns;         /* copied, as all of this */
  const char *collection; /* NULL or empty: of everything in the namespace */
  pq_feed_start start;
  pq_slice after;
  uint64_t seq;
  int64_t ts; /* µs */
  /* Other options of `events`: filter, op, actor, entity, target, predicate, collation, let; an
   * object or missing. */
  pq_value options;
} pq_feed_want;

typedef enum pq_feed_state { PQ_FEED_EVENT, PQ_FEED_READS, PQ_FEED_WAITS } pq_feed_state;

enum { PQ_FEED_NAME_CAP = 400 };

typedef struct pq_feed {
  pqdb *db;            /* borrowed */
  pq_builder *builder; /* borrowed; used within pq_feed_next alone */
  char ns[PQ_FEED_NAME_CAP], collection[PQ_FEED_NAME_CAP];
  pq_feed_start start; /* PQ_FEED_BEHIND_SEQ from the first read on */
  pq_slice after;
  uint64_t seq;   /* the place: all events up to this one were given out or are not wanted */
  int64_t ts;     /* of the last one that was given out, 0: none */
  pq_arena kept;  /* owned: the options */
  pq_arena arena; /* owned: the command */
  pq_value options;
  pqdb_replies *replies; /* owned; NULL: nothing is read */
  bool is_read;          /* all that was there when it was last asked has been given out */
} pq_feed;

/* PQ_EINVALID: an option that is the feed's own ("from", "to", "cursor", "limit"). PQ_ENOMEM. What
 * `events` refuses is a failure of the first pq_feed_next. After a failure close it as well. `cx`
 * is for memory and messages and outlives the feed. */
int pq_feed_open(pq_feed *f, pqdb *db, pq_cx *cx, pq_builder *builder,
                 const pq_feed_want *want) PQ_MUST_CHECK;

/* The next event, borrowed until the next call here or of pqdb_poll. Failures are
 * recorded in pq_handle_cx(db): PQ_EHISTORY, the place was dropped by retention; PQ_EINVALID, what
 * `events` refuses; PQ_ENOMEM … After one there is nothing but the close. */
int pq_feed_next(pq_feed *f, pq_feed_state *state, pq_value *event) PQ_MUST_CHECK;

/* Of a feed that waits: may there be something now? */
bool pq_feed_has_news(pq_feed *f);

/* A zeroed or closed one is allowed. */
void pq_feed_close(pq_feed *f);

#endif
