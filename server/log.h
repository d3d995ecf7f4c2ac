/* server/log.h - what whoever runs the server may want to know: a line each.
 *
 *     pq_log_line line;
 *     pq_log_begin(&line, log, PQ_LOG_INFO, "connection closed");
 *     pq_log_str(&line, "peer", peer);
 *     pq_log_u64(&line, "connection", number);
 *     pq_log_end(&line);
 *
 *   text   2026-11-22T23:40:00.123Z info connection closed peer=127.0.0.1:5012 connection=4
 *   JSON   {"t":"2026-11-22T23:40:00.123Z","level":"info","msg":"connection closed","peer":"127…
 *
 * A line goes to standard error or to a file that is opened again on demand (after it was
 * renamed), by a thread of its own: whoever writes never waits, and what cannot be written is lost,
 * which is told (log_writer.h). The last ones are kept. What is longer than a line is cut. What
 * clients send is escaped, so that nobody writes lines of his own.
 */
#ifndef PQ_SERVER_LOG_H
#define PQ_SERVER_LOG_H

#include "base/base.h"
#include "server/serve.h"

enum {
  PQ_LOG_LINE_CAP = 2048,
  PQ_LOG_KEPT = 1024 /* lines, as MongoDB's getLog */
};

typedef struct pq_log pq_log;

typedef struct pq_log_line {
  pq_log *log; /* NULL: the line is not wanted */
  size_t len;
  char text[PQ_LOG_LINE_CAP];
} pq_log_line;

/* PQ_EINVALID: the file cannot be written. */
int pq_log_open(const pq_serve_options *o, pq_cx *cx, pq_log **out) PQ_MUST_CHECK;
void pq_log_close(pq_log *l); /* NULL is allowed */
/* Open the file again, if there is one. When that fails the old one stays, and has a line why. */
void pq_log_reopen(pq_log *l);

/* Wait until the lines are where they belong, a second at most. */
void pq_log_settle(pq_log *l);

bool pq_log_wants(const pq_log *l, pq_log_level level);
void pq_log_begin(pq_log_line *line, pq_log *l, pq_log_level level, const char *message);
void pq_log_str(pq_log_line *line, const char *name, const char *v);
void pq_log_slice(pq_log_line *line, const char *name, pq_slice v);
void pq_log_u64(pq_log_line *line, const char *name, uint64_t v);
void pq_log_end(pq_log_line *line);

/* A line of a message alone. */
void pq_log_say(pq_log *l, pq_log_level level, const char *fmt, ...) PQ_PRINTF(3, 4);

/* The last lines, the oldest first, as JSON whatever the form of the log: `take` is called for each
 * and must not write to the log. How many there have been in all. */
uint64_t pq_log_recent(pq_log *l, void (*take)(void *ud, const char *line), void *ud);

#endif
