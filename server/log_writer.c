/* server/log_writer.c - see log_writer.h. */
#include "server/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  BUFFER_LEN = 1 << 20,
  PIECE_LEN = 4096, /* PIPE_BUF: a pipe that is ready takes it */
  ROOM_LEN = 4096,  /* for the line that tells of others */
  POLL_MS = 100,
  PATIENCE_MS = 1000 /* at the end */
};

struct pq_log_writer {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t arrived, settled; /* settled: nothing is left to write */
  int fd, next_fd;                 /* the next: -1, or for what stands from turn_at on */
  bool is_owned;
  bool is_ending;
  uint64_t put, written, turn_at; /* positions; the byte `at` stands in bytes[at % BUFFER_LEN] */
  uint64_t lost;
  char bytes[BUFFER_LEN];
};

/* ---- the thread ---- */

/* Up to where the bytes go to the same file. */
static uint64_t end_of(const pq_log_writer *w) {
  return w->next_fd >= 0 && w->turn_at < w->put ? w->turn_at : w->put;
}

/* It has all that was meant for it. */
static void turn_if_due(pq_log_writer *w) {
  if (w->next_fd < 0 || w->written < w->turn_at) return;
  if (w->is_owned) (void)close(w->fd);
  w->fd = w->next_fd;
  w->is_owned = true;
  w->next_fd = -1;
}

static bool is_ready(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  return poll(&p, 1, POLL_MS) > 0;
}

/* Bytes that were written, or that nobody can be told of; 0: not now. */
static size_t write_piece(int fd, const char *p, size_t len) {
  ssize_t n;
  if (!is_ready(fd)) return 0;
  n = write(fd, p, len);
  if (n >= 0) return (size_t)n;
  return errno == EINTR || errno == EAGAIN ? 0 : len;
}

/* A piece, out of the lock, as nobody else touches what is between `written` and `put`. */
static bool write_some(pq_log_writer *w) {
  size_t from = (size_t)(w->written % BUFFER_LEN), len = (size_t)(end_of(w) - w->written), n;
  int fd = w->fd;
  if (len > BUFFER_LEN - from) len = BUFFER_LEN - from;
  if (len > PIECE_LEN) len = PIECE_LEN;
  pthread_mutex_unlock(&w->lock);
  n = write_piece(fd, w->bytes + from, len);
  pthread_mutex_lock(&w->lock);
  w->written += n;
  return n > 0;
}

static void *run(void *ud) {
  pq_log_writer *w = ud;
  int waited_ms = 0;
  pthread_mutex_lock(&w->lock);
  for (;;) {
    turn_if_due(w);
    if (w->written < w->put) {
      if (write_some(w))
        waited_ms = 0;
      else if (w->is_ending)
        waited_ms += POLL_MS;
      if (waited_ms < PATIENCE_MS) continue;
      break;
    }
    pthread_cond_broadcast(&w->settled);
    if (w->is_ending) break;
    (void)pthread_cond_wait(&w->arrived, &w->lock);
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

/* ---- from outside ---- */

static void end(pq_log_writer *w) {
  pthread_cond_destroy(&w->settled);
  pthread_cond_destroy(&w->arrived);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

int pq_log_writer_open(pq_cx *cx, int fd, bool is_owned, pq_log_writer **out) {
  pq_log_writer *w = malloc(sizeof *w);
  sigset_t all, before;
  int rc;
  *out = NULL;
  if (w == NULL) return pq_fail_nomem(cx);
  memset(w, 0, offsetof(pq_log_writer, bytes));
  w->fd = fd;
  w->next_fd = -1;
  w->is_owned = is_owned;
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->arrived, NULL);
  pthread_cond_init(&w->settled, NULL);
  sigfillset(&all); /* they are for the thread that watches them */
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  rc = pthread_create(&w->thread, NULL, run, w);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (rc != 0) {
    end(w);
    return pq_fail(cx, PQ_ELIMIT, "the system gives no thread for the log");
  }
  *out = w;
  return PQ_OK;
}

bool pq_log_writer_put(pq_log_writer *w, const char *line, size_t len) {
  size_t at, first;
  bool has_room;
  pthread_mutex_lock(&w->lock);
  has_room = len <= BUFFER_LEN - (size_t)(w->put - w->written);
  w->lost += !has_room;
  if (has_room) {
    at = (size_t)(w->put % BUFFER_LEN);
    first = len < BUFFER_LEN - at ? len : BUFFER_LEN - at;
    memcpy(w->bytes + at, line, first);
    memcpy(w->bytes, line + first, len - first);
    w->put += len;
    pthread_cond_signal(&w->arrived);
  }
  pthread_mutex_unlock(&w->lock);
  return has_room;
}

uint64_t pq_log_writer_lost(pq_log_writer *w) {
  uint64_t lost = 0;
  pthread_mutex_lock(&w->lock);
  if (w->lost > 0 && BUFFER_LEN - (size_t)(w->put - w->written) >= ROOM_LEN) {
    lost = w->lost;
    w->lost = 0;
  }
  pthread_mutex_unlock(&w->lock);
  return lost;
}

void pq_log_writer_turn(pq_log_writer *w, int fd) {
  pthread_mutex_lock(&w->lock);
  if (w->next_fd >= 0) (void)close(w->next_fd); /* it was never reached */
  w->next_fd = fd;
  w->turn_at = w->put;
  pthread_cond_signal(&w->arrived);
  pthread_mutex_unlock(&w->lock);
}

void pq_log_writer_settle(pq_log_writer *w) {
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_MS / 1000;
  pthread_mutex_lock(&w->lock);
  while ((w->written < w->put || w->next_fd >= 0) &&
         pthread_cond_timedwait(&w->settled, &w->lock, &until) == 0)
    ;
  pthread_mutex_unlock(&w->lock);
}

void pq_log_writer_close(pq_log_writer *w) {
  if (w == NULL) return;
  pthread_mutex_lock(&w->lock);
  w->is_ending = true;
  pthread_cond_signal(&w->arrived);
  pthread_mutex_unlock(&w->lock);
  (void)pthread_join(w->thread, NULL);
  if (w->next_fd >= 0) (void)close(w->next_fd);
  if (w->is_owned) (void)close(w->fd);
  end(w);
}
