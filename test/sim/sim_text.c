/* test/sim/sim_text.c - see sim_text.h. */
#include "sim_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(2);
}

void *sim_grow(void *p, size_t size) {
  p = realloc(p, size);
  if (p == NULL) sim_die("out of memory");
  return p;
}

void sim_text_release(sim_text *t) {
  free(t->p);
  *t = (sim_text){0};
}

static void reserve(sim_text *t, size_t n) {
  if (t->cap - t->len > n) return;
  t->cap = (t->len + n) * 2 + 256;
  t->p = sim_grow(t->p, t->cap);
}

void sim_put(sim_text *t, const char *format, ...) {
  va_list args;
  int n;
  reserve(t, 240);
  va_start(args, format);
  n = vsnprintf(t->p + t->len, t->cap - t->len, format, args);
  va_end(args);
  if (n < 0) sim_die("%s: cannot be printed", format);
  if ((size_t)n >= t->cap - t->len) {
    reserve(t, (size_t)n + 1);
    va_start(args, format);
    (void)vsnprintf(t->p + t->len, t->cap - t->len, format, args);
    va_end(args);
  }
  t->len += (size_t)n;
}

void sim_put_bytes(sim_text *t, const void *bytes, size_t n) {
  reserve(t, n + 1);
  if (n > 0) memcpy(t->p + t->len, bytes, n);
  t->len += n;
  t->p[t->len] = '\0';
}

static int compare_lines(const void *a, const void *b) {
  const pq_slice *x = a, *y = b;
  return pq_slice_cmp(*x, *y);
}

void sim_text_sort(sim_text *t, size_t from) {
  pq_slice *lines = NULL;
  size_t count = 0, cap = 0, start = from, n = t->len - from;
  uint8_t *copy;
  if (n == 0) return;
  copy = sim_grow(NULL, n);
  memcpy(copy, t->p + from, n);
  for (size_t i = from; i < t->len; i++) {
    if (t->p[i] != '\n') continue;
    if (count == cap) {
      cap = cap * 2 + 16;
      lines = sim_grow(lines, cap * sizeof *lines);
    }
    lines[count++] = (pq_slice){copy + (start - from), i + 1 - start};
    start = i + 1;
  }
  if (count > 1) qsort(lines, count, sizeof *lines, compare_lines);
  t->len = from;
  for (size_t i = 0; i < count; i++)
    sim_put_bytes(t, lines[i].p, lines[i].n);
  free(lines);
  free(copy);
}
