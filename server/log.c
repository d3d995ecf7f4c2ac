/* server/log.c - see log.h. */
#include "server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "server/log_writer.h"

enum { END_LEN = 8 /* room for what ends a line */ };

struct pq_log {
  pthread_mutex_t lock;
  const char *path; /* borrowed; NULL: standard error */
  pq_log_writer *writer;
  bool is_json;
  int least; /* rank of what is written */
  char *kept[PQ_LOG_KEPT];
  uint64_t count;
};

static const struct {
  const char *name;
  int rank;
} levels[] = {[PQ_LOG_DEBUG] = {"debug", 0},
              [PQ_LOG_INFO] = {"info", 1},
              [PQ_LOG_WARN] = {"warn", 2},
              [PQ_LOG_ERROR] = {"error", 3}};

static void say_lost(pq_log *l);

static int open_file(const char *path) {
  return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

int pq_log_open(const pq_serve_options *o, pq_cx *cx, pq_log **out) {
  pq_log *l = calloc(1, sizeof *l);
  bool has_file = o->log_file != NULL;
  int fd, rc;
  *out = NULL;
  if (l == NULL) return pq_fail_nomem(cx);
  l->path = o->log_file;
  l->is_json = o->log_json;
  l->least = levels[o->log_level].rank;
  fd = has_file ? open_file(l->path) : STDERR_FILENO;
  rc = fd >= 0 ? pq_log_writer_open(cx, fd, has_file, &l->writer)
               : pq_fail(cx, PQ_EINVALID, "cannot write the log %.200s: %s", o->log_file,
                         strerror(errno));
  if (rc != PQ_OK) {
    if (has_file && fd >= 0) (void)close(fd);
    free(l);
    return rc;
  }
  pthread_mutex_init(&l->lock, NULL);
  *out = l;
  return PQ_OK;
}

void pq_log_close(pq_log *l) {
  if (l == NULL) return;
  say_lost(l);
  pq_log_writer_close(l->writer);
  for (size_t i = 0; i < PQ_LOG_KEPT; i++)
    free(l->kept[i]);
  pthread_mutex_destroy(&l->lock);
  free(l);
}

void pq_log_reopen(pq_log *l) {
  int fd;
  if (l->path == NULL) return;
  fd = open_file(l->path);
  if (fd < 0)
    pq_log_say(l, PQ_LOG_ERROR, "cannot open the log %.200s again: %s", l->path, strerror(errno));
  else
    pq_log_writer_turn(l->writer, fd);
}

void pq_log_settle(pq_log *l) {
  pq_log_writer_settle(l->writer);
}

bool pq_log_wants(const pq_log *l, pq_log_level level) {
  return l != NULL && levels[level].rank >= l->least;
}

/* ---- a line; it is made as JSON ---- */

static void put(pq_log_line *line, const char *text, size_t len) {
  size_t room = sizeof line->text - END_LEN - line->len;
  if (len > room) len = room;
  memcpy(line->text + line->len, text, len);
  line->len += len;
}

static void put_str(pq_log_line *line, const char *text) {
  put(line, text, strlen(text));
}

/* A cut leaves no half of a letter, and what is no UTF-8 becomes "?". */
static void put_quoted(pq_log_line *line, pq_slice v) {
  bool is_text = pq_utf8_is_valid(v);
  size_t i;
  put_str(line, "\"");
  for (i = 0; i < v.n; i++) {
    char hex[8];
    uint8_t c = v.p[i];
    bool is_inside = is_text && (c & 0xc0) == 0x80; /* of a letter */
    if (!is_inside && line->len + END_LEN * 3 >= sizeof line->text) break;
    if (c == '"' || c == '\\') {
      (void)snprintf(hex, sizeof hex, "\\%c", c);
      put_str(line, hex);
    } else if (c < ' ' || c == 127) {
      (void)snprintf(hex, sizeof hex, "\\u%04x", c);
      put_str(line, hex);
    } else {
      put(line, c < 128 || is_text ? (const char *)&v.p[i] : "?", 1);
    }
  }
  put_str(line, i < v.n ? "...\"" : "\"");
}

static void put_time(pq_log_line *line) {
  struct timespec now;
  struct tm t;
  char text[80];
  (void)clock_gettime(CLOCK_REALTIME, &now);
  (void)gmtime_r(&now.tv_sec, &t);
  (void)snprintf(text, sizeof text, "{\"t\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                 t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                 (int)(now.tv_nsec / 1000000));
  put_str(line, text);
}

void pq_log_begin(pq_log_line *line, pq_log *l, pq_log_level level, const char *message) {
  line->log = pq_log_wants(l, level) ? l : NULL;
  line->len = 0;
  if (line->log == NULL) return;
  put_time(line);
  pq_log_str(line, "level", levels[level].name);
  pq_log_str(line, "msg", message);
}

static void put_name(pq_log_line *line, const char *name) {
  put_str(line, ",\"");
  put_str(line, name);
  put_str(line, "\":");
}

/* Is there room for another field, and for the end of its text? */
static bool has_room(const pq_log_line *line, const char *name) {
  return line->log != NULL && line->len + strlen(name) + END_LEN * 6 < sizeof line->text;
}

void pq_log_slice(pq_log_line *line, const char *name, pq_slice v) {
  if (!has_room(line, name)) return;
  put_name(line, name);
  put_quoted(line, v);
}

void pq_log_str(pq_log_line *line, const char *name, const char *v) {
  pq_log_slice(line, name, (pq_slice){(const uint8_t *)v, strlen(v)});
}

void pq_log_u64(pq_log_line *line, const char *name, uint64_t v) {
  char text[24];
  if (!has_room(line, name)) return;
  put_name(line, name);
  (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
  put_str(line, text);
}

/* ---- its text form ---- */

/* The value that begins at `from`; where it ends. */
static size_t value_end(const char *text, size_t from) {
  size_t i = from;
  if (text[i] != '"') return i + strcspn(text + i, ",}");
  for (i++; text[i] != '"'; i++)
    if (text[i] == '\\') i++;
  return i + 1;
}

/* {"t":"T","level":"info","msg":"M","peer":"P","ms":4} as: T info M peer=P ms=4 */
static size_t as_text(const char *json, char out[PQ_LOG_LINE_CAP]) {
  size_t at = 1, len = 0;
  for (int field = 0; json[at] == '"'; field++) {
    size_t name = at + 1, colon = value_end(json, at), end = value_end(json, colon + 1);
    bool is_plain = json[colon + 1] == '"' &&
                    (field < 3 || memchr(json + colon + 1, ' ', end - colon - 1) == NULL);
    size_t from = colon + 1 + is_plain, to = end - is_plain;
    int n = snprintf(out + len, PQ_LOG_LINE_CAP - len, "%s%.*s%s%.*s", field == 0 ? "" : " ",
                     field < 3 ? 0 : (int)(colon - name - 1), json + name, field < 3 ? "" : "=",
                     (int)(to - from), json + from);
    if (n < 0 || (size_t)n >= PQ_LOG_LINE_CAP - len - 1) break;
    len += (size_t)n;
    at = end + (json[end] == ',');
  }
  out[len++] = '\n';
  return len;
}

static void keep(pq_log *l, const char *json, size_t len) {
  char **place = &l->kept[l->count++ % PQ_LOG_KEPT];
  char *copy = malloc(len + 1);
  free(*place);
  *place = copy;
  if (copy == NULL) return;
  memcpy(copy, json, len);
  copy[len] = '\0';
}

/* The line is kept, and on its way. */
static void finish(pq_log_line *line) {
  pq_log *l = line->log;
  char text[PQ_LOG_LINE_CAP];
  size_t len;
  if (l == NULL) return;
  line->text[line->len++] = '}';
  line->text[line->len] = '\0';
  len = l->is_json ? 0 : as_text(line->text, text);
  pthread_mutex_lock(&l->lock);
  keep(l, line->text, line->len);
  if (l->is_json) line->text[line->len++] = '\n';
  (void)pq_log_writer_put(l->writer, l->is_json ? line->text : text, l->is_json ? line->len : len);
  pthread_mutex_unlock(&l->lock);
}

/* What could not be written is told of when something can be. */
static void say_lost(pq_log *l) {
  uint64_t lost = pq_log_writer_lost(l->writer);
  pq_log_line line;
  if (lost == 0) return;
  pq_log_begin(&line, l, PQ_LOG_ERROR, "the log was not taken fast enough: lines were lost");
  pq_log_u64(&line, "lines", lost);
  finish(&line);
}

void pq_log_end(pq_log_line *line) {
  if (line->log == NULL) return;
  say_lost(line->log);
  finish(line);
}

void pq_log_say(pq_log *l, pq_log_level level, const char *fmt, ...) {
  char message[PQ_MESSAGE_CAP + 200];
  pq_log_line line;
  va_list args;
  if (!pq_log_wants(l, level)) return;
  va_start(args, fmt);
  (void)vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  pq_log_begin(&line, l, level, message);
  pq_log_end(&line);
}

uint64_t pq_log_recent(pq_log *l, void (*take)(void *ud, const char *line), void *ud) {
  uint64_t count, from;
  pthread_mutex_lock(&l->lock);
  count = l->count;
  from = count < PQ_LOG_KEPT ? 0 : count - PQ_LOG_KEPT;
  for (uint64_t i = from; i < count; i++)
    if (l->kept[i % PQ_LOG_KEPT] != NULL) take(ud, l->kept[i % PQ_LOG_KEPT]);
  pthread_mutex_unlock(&l->lock);
  return count;
}
