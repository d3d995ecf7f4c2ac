/* server/systemd.c - see systemd.h. */
#include "server/systemd.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKETS_MAX = 16 };

/* A decimal number and nothing else. */
static bool read_number(const char *text, unsigned long *out) {
  char *end;
  if (text == NULL || text[0] < '0' || text[0] > '9') return false;
  *out = strtoul(text, &end, 10);
  return *end == '\0';
}

int pq_systemd_sockets(pq_cx *cx, unsigned *count) {
  const char *text = getenv("LISTEN_FDS");
  unsigned long pid, number;
  *count = 0;
  /* They may be meant for the process that started this one. */
  if (text == NULL || !read_number(getenv("LISTEN_PID"), &pid) || pid != (unsigned long)getpid())
    return PQ_OK;
  if (!read_number(text, &number) || number > SOCKETS_MAX)
    return pq_fail(cx, PQ_EINVALID, "LISTEN_FDS=%.40s: a number up to %d is meant", text,
                   SOCKETS_MAX);
  for (int i = 0; i < (int)number; i++)
    if (fcntl(PQ_SYSTEMD_FIRST + i, F_SETFD, FD_CLOEXEC) != 0)
      return pq_fail(cx, PQ_EINVALID, "LISTEN_FDS=%.40s: descriptor %d is not open", text,
                     PQ_SYSTEMD_FIRST + i);
  *count = (unsigned)number;
  return PQ_OK;
}

/* LISTEN_FDNAMES=mongodb:http */
bool pq_systemd_is_named(unsigned i, const char *name) {
  const char *at = getenv("LISTEN_FDNAMES");
  size_t len = strlen(name);
  for (; at != NULL && i > 0; i--) {
    at = strchr(at, ':');
    if (at != NULL) at++;
  }
  return at != NULL && strcspn(at, ":") == len && strncmp(at, name, len) == 0;
}

void pq_systemd_forget(void) {
  (void)unsetenv("LISTEN_PID");
  (void)unsetenv("LISTEN_FDS");
  (void)unsetenv("LISTEN_FDNAMES");
}

void pq_systemd_notify(const char *state) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  size_t len = path == NULL ? 0 : strlen(path);
  int fd;
  if (len < 2 || len >= sizeof a.sun_path || (path[0] != '/' && path[0] != '@')) return;
  memcpy(a.sun_path, path, len);
  if (a.sun_path[0] == '@') a.sun_path[0] = '\0'; /* in no folder */
  fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&a,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
  (void)close(fd);
}
