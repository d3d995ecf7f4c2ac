/* cli/progress.c - see progress.h. */
#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <string.h>
#include <unistd.h>

enum { WIDTH = 30, EVERY_MS = 100 };

void cli_bar_begin(cli_bar *b, cli_session *s, const char *label) {
  *b = (cli_bar){.s = s, .label = label, .is_on = isatty(STDERR_FILENO) == 1};
}

bool cli_bar_is_due(const cli_bar *b) {
  struct timespec now;
  if (!b->is_on) return false;
  if (b->width == 0) return true;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - b->drawn.tv_sec) * 1000 + (now.tv_nsec - b->drawn.tv_nsec) / 1000000 >=
         EVERY_MS;
}

static void put_part(cli_text *line, uint64_t done, uint64_t total) {
  double part = done >= total ? 1.0 : (double)done / (double)total;
  int filled = (int)(part * WIDTH);
  char text[64];
  (void)snprintf(text, sizeof text, "[%.*s%*s] %3d%% ", filled, "##############################",
                 WIDTH - filled, "", (int)(part * 100));
  cli_text_str(line, text);
}

/* "84 of 270 MB", in the unit that suits the whole. */
static void put_bytes(cli_text *line, uint64_t done, uint64_t total) {
  static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
  uint64_t factor = 1;
  size_t i = 0;
  char text[80];
  for (; i < 4 && total / factor >= 10000; i++)
    factor *= 1000;
  (void)snprintf(text, sizeof text, " %llu of %llu %s", (unsigned long long)(done / factor),
                 (unsigned long long)(total / factor), units[i]);
  cli_text_str(line, text);
}

static void draw(cli_bar *b, uint64_t done, uint64_t total, const char *unit, uint64_t count) {
  cli_text line = {0};
  char text[80];
  size_t width;
  if (!b->s->has_open_line) b->width = 0; /* a message came behind it */
  cli_text_str(&line, b->label);
  cli_text_byte(&line, ' ');
  if (total > 0) put_part(&line, done, total);
  (void)snprintf(text, sizeof text, total > 0 ? " %llu %s" : "%llu %s", (unsigned long long)count,
                 unit == NULL ? "" : unit);
  if (unit != NULL) cli_text_str(&line, text);
  if (unit == NULL && total > 0) put_bytes(&line, done, total);
  width = cli_code_points(cli_text_c(&line), line.len);
  /* What a longer line left behind is overwritten. */
  fprintf(stderr, "\r%s%*s", cli_text_c(&line), width < b->width ? (int)(b->width - width) : 0, "");
  (void)fflush(stderr);
  b->width = width;
  b->s->has_open_line = true;
  (void)clock_gettime(CLOCK_MONOTONIC, &b->drawn);
  cli_text_release(&line);
}

void cli_bar_draw(cli_bar *b, uint64_t done, uint64_t total, const char *unit, uint64_t count) {
  if (cli_bar_is_due(b)) draw(b, done, total, unit, count);
}

void cli_bar_clear(cli_bar *b) {
  if (b->width == 0 || !b->s->has_open_line) return;
  fprintf(stderr, "\r%*s\r", (int)b->width, "");
  (void)fflush(stderr);
  b->width = 0;
  b->s->has_open_line = false;
}

void cli_bar_stay(cli_bar *b, const char *unit, uint64_t count) {
  if (!b->is_on || b->width == 0) return;
  draw(b, 1, 1, unit, count);
  cli_end_line(b->s);
}
