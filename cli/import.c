/* cli/import.c - newline-delimited JSON into a collection, batch by batch.
 *
 *   file  |....line\nline\nline\nline\nli|              read in blocks
 *                  ^batch of whole lines^ rest
 *
 * Each batch is one insert command: all of it or nothing, and one sync. The command carries the
 * number of its first line, so that an error names the line in the file. Lines before a batch that
 * fails stay. With --ack the batches are small, and 'durable N' is printed when the first N lines
 * are safe. A batch is also sent when the input pauses, so that the lines of a slow producer do not
 * wait here, and its acknowledgements come at once.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"

enum {
  BLOCK_LEN = 256 << 10,
  LINE_LEN_MAX = 64 << 20, /* above what the engine accepts: it gives the exact limit */
  ACK_LINES_MAX = 1000,
  ACK_LEN_MAX = 1 << 20,
  BULK_LINES_MAX = 5000,
  BULK_LEN_MAX = 4 << 20,
  ACK_PAUSE_MS = 5,
  BULK_PAUSE_MS = 1000,
  BAR_WIDTH = 30
};

typedef struct import {
  cli_session *s;         /* borrowed */
  const char *collection; /* borrowed */
  const char *name;       /* of the file, for messages */
  int fd;
  bool has_ack;
  bool is_end;      /* of the input */
  bool has_bar;     /* progress on standard error */
  cli_text text;    /* what was read and not sent */
  size_t scanned;   /* bytes of it searched for line ends */
  size_t batch_len; /* bytes of it that are the whole lines of the batch */
  uint64_t batch_lines;
  uint64_t lines_max;
  size_t len_max;
  uint64_t line_count; /* lines sent: all safe */
  uint64_t inserted;
  uint64_t file_len, sent_len; /* for the progress bar */
  struct timespec bar_time;
} import;

/* ---- progress ---- */

static void draw_bar(import *m, bool is_forced) {
  struct timespec now;
  long passed_ms;
  int filled;
  double part;
  if (!m->has_bar) return;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  passed_ms =
      (now.tv_sec - m->bar_time.tv_sec) * 1000 + (now.tv_nsec - m->bar_time.tv_nsec) / 1000000;
  if (!is_forced && passed_ms < 100) return;
  m->bar_time = now;
  m->s->has_open_line = true;
  part = m->sent_len >= m->file_len ? 1.0 : (double)m->sent_len / (double)m->file_len;
  filled = (int)(part * BAR_WIDTH);
  fprintf(stderr, "\rimport %s [%.*s%*s] %3d%%  %llu lines ", m->collection, filled,
          "##############################", BAR_WIDTH - filled, "", (int)(part * 100),
          (unsigned long long)m->line_count);
}

static void begin_bar(import *m) {
  struct stat info;
  if (isatty(STDERR_FILENO) != 1 || fstat(m->fd, &info) != 0) return;
  if (!S_ISREG(info.st_mode) || info.st_size <= 0) return;
  m->file_len = (uint64_t)info.st_size;
  m->has_bar = true;
  draw_bar(m, true);
}

/* ---- batches ---- */

/* Say what a failure leaves behind. */
static int stopped(const import *m, int code) {
  uint64_t first = m->line_count + 1, last = m->line_count + m->batch_lines;
  fprintf(stderr, "parquedb: %llu lines of %s are durable", (unsigned long long)m->line_count,
          m->name);
  if (code == PQDB_STORAGE_ERROR) {
    fprintf(stderr, "; whether lines %llu to %llu are is unknown", (unsigned long long)first,
            (unsigned long long)last);
  } else {
    fprintf(stderr, "; line %llu and all after it were not imported", (unsigned long long)first);
  }
  fputc('\n', stderr);
  return CLI_REFUSED;
}

/* Move the end of the batch over further whole lines. True when the batch is full. */
static bool grow_batch(import *m) {
  while (m->scanned < m->text.len && m->batch_lines < m->lines_max) {
    const char *from = m->text.p + m->scanned;
    const char *newline = memchr(from, '\n', m->text.len - m->scanned);
    size_t line_end = newline == NULL ? m->text.len : (size_t)(newline - m->text.p) + 1;
    if (m->batch_lines > 0 && line_end > m->len_max) return true;
    m->scanned = line_end;
    if (newline == NULL) break;
    m->batch_len = line_end;
    m->batch_lines++;
  }
  if (m->is_end && m->scanned == m->text.len && m->batch_len < m->text.len) {
    m->batch_len = m->text.len; /* the last line has no line end */
    m->batch_lines++;
  }
  return m->batch_lines == m->lines_max || (m->batch_lines > 0 && m->batch_len >= m->len_max);
}

static bool is_blank(const char *text, size_t len) {
  size_t i = 0;
  while (i < len && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
    i++;
  return i == len;
}

static int acknowledge(const import *m) {
  const char *format =
      cli_has(m->s->options, CLI_OPT_JSON) ? "{\"durable\":%llu}\n" : "durable %llu\n";
  if (!m->has_ack) return CLI_DONE;
  printf(format, (unsigned long long)m->line_count);
  return fflush(stdout) == 0 ? CLI_DONE : CLI_REFUSED; /* main reports the failure */
}

static int send_batch(import *m) {
  if (!is_blank(m->text.p, m->batch_len)) {
    int code, status;
    cli_begin(m->s, "insert", m->collection);
    cli_add_u64(m->s, "line", m->line_count + 1);
    status = cli_execute_payload(m->s, m->text.p, m->batch_len, &code);
    if (status != CLI_DONE) return stopped(m, code);
    m->inserted += cli_summary_u64(m->s, "insertedCount");
  }
  m->line_count += m->batch_lines;
  m->sent_len += m->batch_len;
  m->text.len -= m->batch_len;
  memmove(m->text.p, m->text.p + m->batch_len, m->text.len);
  m->scanned -= m->batch_len;
  m->batch_len = 0;
  m->batch_lines = 0;
  draw_bar(m, false);
  return acknowledge(m);
}

/* ---- input ---- */

/* Nothing to read right now, though the input has not ended. */
static bool is_pausing(const import *m) {
  struct pollfd p = {m->fd, POLLIN, 0};
  return poll(&p, 1, m->has_ack ? ACK_PAUSE_MS : BULK_PAUSE_MS) == 0;
}

static int read_block(import *m) {
  ssize_t len;
  if (m->text.len - m->batch_len > LINE_LEN_MAX) {
    cli_end_line(m->s);
    (void)cli_error(pqdb_status_name(PQDB_LIMIT_EXCEEDED), "line %llu is longer than %d MiB",
                    (unsigned long long)(m->line_count + m->batch_lines + 1), LINE_LEN_MAX >> 20);
    return stopped(m, PQDB_LIMIT_EXCEEDED);
  }
  cli_text_reserve(&m->text, BLOCK_LEN);
  do {
    len = read(m->fd, m->text.p + m->text.len, BLOCK_LEN);
  } while (len < 0 && errno == EINTR);
  if (len < 0) {
    int error = errno;
    cli_end_line(m->s);
    (void)cli_error("STORAGE_ERROR", "cannot read %s: %s", m->name, strerror(error));
    return stopped(m, PQDB_OK);
  }
  m->is_end = len == 0;
  m->text.len += (size_t)len;
  return CLI_DONE;
}

static int import_all(import *m) {
  for (;;) {
    bool is_full = grow_batch(m);
    bool must_send = is_full || m->is_end || (m->batch_lines > 0 && is_pausing(m));
    int status = CLI_DONE;
    if (must_send && m->batch_lines > 0) {
      status = send_batch(m);
    } else if (m->is_end) {
      return CLI_DONE;
    } else {
      status = read_block(m);
    }
    if (status != CLI_DONE) return status;
  }
}

static int open_input(import *m, const char *file) {
  struct stat info;
  m->name = "standard input";
  m->fd = STDIN_FILENO;
  if (file != NULL && strcmp(file, "-") != 0) {
    m->name = file;
    m->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (m->fd < 0) {
      return cli_usage_error(m->s->name, "cannot open '%s': %s", file, strerror(errno));
    }
  }
  if (fstat(m->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    return cli_usage_error(m->s->name, "'%s' is a directory", m->name);
  }
  if (m->fd == STDIN_FILENO && isatty(STDIN_FILENO) == 1) {
    fputs("parquedb: reading JSON lines from the terminal; Ctrl-D ends\n", stderr);
  }
  return CLI_DONE;
}

int cli_import(cli_session *s, char **words, int word_count) {
import m = {0 };
  int status;
  m.s = s;
  m.collection = words[0];
  m.has_ack = cli_has(s->options, CLI_OPT_ACK);
  m.lines_max = m.has_ack ? ACK_LINES_MAX : BULK_LINES_MAX;
  m.len_max = m.has_ack ? ACK_LEN_MAX : BULK_LEN_MAX;
  status = open_input(&m, word_count == 2 ? words[1] : NULL);
  if (status == CLI_DONE) status = cli_open(s, PQDB_CREATE);
  if (status == CLI_DONE) {
    begin_bar(&m);
    status = import_all(&m);
    if (status == CLI_DONE) draw_bar(&m, true);
    cli_end_line(s);
  }
  if (status == CLI_DONE && cli_has(s->options, CLI_OPT_JSON)) {
    printf("{\"insertedCount\":%llu}\n", (unsigned long long)m.inserted);
  } else if (status == CLI_DONE && !m.has_ack) {
    printf("imported %llu\n", (unsigned long long)m.inserted);
  }
  if (m.fd > STDERR_FILENO) (void)close(m.fd);
  cli_text_release(&m.text);
  return status;
}
