/* test/spec/spec_file.c - reading the text of cases into lines. See spec_case.h, README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec_case.h"

static char *read_all(const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  char *p = NULL;
  size_t cap = 0, n;
  *len = 0;
  if (f == NULL) spec_die("%s: cannot be opened", path);
  do {
    cap = cap == 0 ? 1 << 16 : cap * 2;
    p = realloc(p, cap);
    if (p == NULL) spec_die("out of memory");
    n = fread(p + *len, 1, cap - *len, f);
    *len += n;
  } while (n > 0 && *len == cap);
  fclose(f);
  return p;
}

/* The mark that a line begins with, and the text after it; false: none. */
static bool split(pq_slice line, spec_line *out) {
  static const char *const marks[] = {"---", "<+", "<*", "<~", "<", ">", "|", "=", "!"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    size_t n = strlen(marks[i]);
    if (line.n < n || memcmp(line.p, marks[i], n) != 0) continue;
    memcpy(out->mark, marks[i], n + 1);
    if (line.n > n && line.p[n] == ' ') n++;
    out->text = (pq_slice){line.p + n, line.n - n};
    return true;
  }
  if (line.n < 5 || memcmp(line.p, "case ", 5) != 0) return false;
  memcpy(out->mark, "#", 2);
  out->text = (pq_slice){line.p + 5, line.n - 5};
  return true;
}

void spec_file_read(const char *path, spec_file *out) {
  size_t len, from = 0, cap = 0;
  int number = 0;
  *out = (spec_file){.path = path};
  out->bytes = read_all(path, &len);
  while (from < len) {
    const char *end = memchr(out->bytes + from, '\n', len - from);
    size_t n = end == NULL ? len - from : (size_t)(end - (out->bytes + from));
    pq_slice line = {(const uint8_t *)out->bytes + from, n};
    spec_line parsed = {.number = ++number};
    from += n + 1;
    if (n == 0 || line.p[0] == '#') continue;
    if (!split(line, &parsed)) spec_die("%s:%d: no such kind of line", path, number);
    if (out->count == cap) {
      cap = cap == 0 ? 256 : cap * 2;
      out->lines = realloc(out->lines, cap * sizeof *out->lines);
      if (out->lines == NULL) spec_die("out of memory");
    }
    out->lines[out->count++] = parsed;
  }
  if (out->count > 0 && strcmp(out->lines[0].mark, "#") != 0)
    spec_die("%s:%d: a line before the first case", path, out->lines[0].number);
}

void spec_file_release(spec_file *f) {
  free(f->bytes);
  free(f->lines);
  *f = (spec_file){0};
}
