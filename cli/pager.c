/* cli/pager.c - see pager.h. */
#define _POSIX_C_SOURCE 200809L
#include "pager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "text_buf.h"

static bool has_less(void) {
  const char *path = getenv("PATH");
  bool is_there = false;
  while (path != NULL && *path != '\0' && !is_there) {
    size_t len = strcspn(path, ":");
    cli_text file = {0};
    cli_text_put(&file, path, len);
    cli_text_str(&file, "/less");
    is_there = access(cli_text_c(&file), X_OK) == 0;
    cli_text_release(&file);
    path += len;
    if (*path == ':') path++;
  }
  return is_there;
}

static const char *pager_command(void) {
  const char *pager = getenv("PAGER");
  if (pager == NULL) return has_less() ? "less -FRX" : NULL;
  return *pager == '\0' || strcmp(pager, "cat") == 0 ? NULL : pager;
}

static _Noreturn void become_pager(const char *command, const int *ends) {
  (void)signal(SIGPIPE, SIG_DFL);
  (void)signal(SIGINT, SIG_DFL);
  (void)dup2(ends[0], STDIN_FILENO);
  (void)close(ends[0]);
  (void)close(ends[1]);
  (void)setenv("LESS", "FRX", 0);
  (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
  _exit(127);
}

void cli_pager_begin(cli_pager *p) {
  const char *command = pager_command();
  struct sigaction ignore;
  int ends[2];
  *p = (cli_pager){0};
  if (command == NULL || fflush(stdout) != 0 || pipe(ends) != 0) return;
  p->saved_fd = dup(STDOUT_FILENO);
  p->pid = p->saved_fd < 0 ? -1 : fork();
  if (p->pid == 0) become_pager(command, ends);
  (void)close(ends[0]);
  if (p->pid > 0) {
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &ignore, &p->saved_pipe);
    (void)dup2(ends[1], STDOUT_FILENO);
  } else {
    if (p->saved_fd >= 0) (void)close(p->saved_fd);
    p->pid = 0;
  }
  (void)close(ends[1]);
}

/* What could not be written must not come out on the terminal later. */
static void drop_output(void) {
  int fd = open("/dev/null", O_WRONLY);
  clearerr(stdout);
  if (fd < 0) return;
  (void)dup2(fd, STDOUT_FILENO);
  (void)close(fd);
  (void)fflush(stdout);
  clearerr(stdout);
}

bool cli_pager_end(cli_pager *p) {
  bool has_left;
  int status;
  if (p->pid == 0) return false;
  has_left = fflush(stdout) != 0 || ferror(stdout) != 0;
  if (has_left) drop_output();
  (void)dup2(p->saved_fd, STDOUT_FILENO); /* the pipe ends here */
  (void)close(p->saved_fd);
  while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
  }
  (void)sigaction(SIGPIPE, &p->saved_pipe, NULL);
  p->pid = 0;
  return has_left;
}
