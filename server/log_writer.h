/* server/log_writer.h - lines on their way to a file or a pipe, written by a thread of their own.
 *
 *     put ─► │ bytes of whole lines, at most 1 MB │ ─► thread ─► poll, write (4 KB at a time)
 *              no room: the line is lost, counted
 *
 * Who writes the log never waits for it: a slow disk, or a pipe that nobody reads, costs lines. A
 * write to a pipe is made when it has room for all of it, so that the thread can always be ended.
 */
#ifndef PQ_SERVER_LOG_WRITER_H
#define PQ_SERVER_LOG_WRITER_H

#include "base/base.h"

typedef struct pq_log_writer pq_log_writer;

/* `fd` is closed with the writer if it `is_owned`; the caller's after a failure. PQ_ENOMEM,
 * PQ_ELIMIT: no thread is to be had. */
int pq_log_writer_open(pq_cx *cx, int fd, bool is_owned, pq_log_writer **out) PQ_MUST_CHECK;

/* A line with its end. False: it is lost. */
bool pq_log_writer_put(pq_log_writer *w, const char *line, size_t len);

/* How many were lost since the last question, if there is room to say so; else 0. */
uint64_t pq_log_writer_lost(pq_log_writer *w);

/* What is put from now on goes to `fd`, which is taken; the old one is closed behind what it is
 * still to get. */
void pq_log_writer_turn(pq_log_writer *w, int fd);

/* Wait until what is there is written, but not for long: for who reads the file at once. */
void pq_log_writer_settle(pq_log_writer *w);

/* Write what is there, unless nobody takes it for a second, and end the thread. NULL is allowed. */
void pq_log_writer_close(pq_log_writer *w);

#endif
