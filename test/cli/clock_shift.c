/* cli/clock_shift.c - put before libc (LD_PRELOAD): the clock of the day is as many seconds off as
 * the file $CLOCK_SHIFT_FILE says, looked up at every call, so that it can jump under a running
 * program. The other clocks stay as they are. trouble.py compiles it. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long shift_seconds(void) {
  const char *path = getenv("CLOCK_SHIFT_FILE");
  char text[32] = {0};
  int fd = path == NULL ? -1 : open(path, O_RDONLY);
  if (fd < 0) return 0;
  if (read(fd, text, sizeof text - 1) < 0) text[0] = '\0';
  close(fd);
  return atol(text);
}

int clock_gettime(clockid_t id, struct timespec *out) {
  int rc = (int)syscall(SYS_clock_gettime, id, out);
  if (rc == 0 && id == CLOCK_REALTIME) out->tv_sec += shift_seconds();
  return rc;
}
