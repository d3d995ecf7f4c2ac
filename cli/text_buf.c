/* cli/text_buf.c - see text_buf.h. */
#include "text_buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(void) {
  fputs("parquedb: OUT_OF_MEMORY: the command line program is out of memory\n", stderr);
  exit(1);
}

void cli_text_reserve(cli_text *t, size_t more) {
  size_t cap = t->cap == 0 ? 256 : t->cap;
  char *p;
  if (more >= SIZE_MAX / 2 - t->len) out_of_memory();
  while (cap < t->len + more + 1)
    cap *= 2;
  if (cap == t->cap) return;
  p = realloc(t->p, cap);
  if (p == NULL) out_of_memory();
  t->p = p;
  t->cap = cap;
}

void cli_text_put(cli_text *t, const char *bytes, size_t len) {
  cli_text_reserve(t, len);
  if (len > 0) memcpy(t->p + t->len, bytes, len);
  t->len += len;
  t->p[t->len] = '\0';
}

void cli_text_str(cli_text *t, const char *text) {
  cli_text_put(t, text, strlen(text));
}

void cli_text_byte(cli_text *t, char c) {
  cli_text_put(t, &c, 1);
}

void cli_text_u64(cli_text *t, uint64_t number) {
  char digits[24];
  (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
  cli_text_str(t, digits);
}

void cli_text_json(cli_text *t, const char *text, size_t len) {
  static const char hex[] = "0123456789abcdef";
  cli_text_byte(t, '"');
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') {
      cli_text_byte(t, '\\');
      cli_text_byte(t, (char)c);
    } else if (c < 0x20) {
      cli_text_str(t, "\\u00");
      cli_text_byte(t, hex[c >> 4]);
      cli_text_byte(t, hex[c & 15]);
    } else {
      cli_text_byte(t, (char)c);
    }
  }
  cli_text_byte(t, '"');
}

const char *cli_text_c(const cli_text *t) {
  return t->p == NULL ? "" : t->p;
}

void cli_text_clear(cli_text *t) {
  t->len = 0;
  if (t->p != NULL) t->p[0] = '\0';
}

void cli_text_release(cli_text *t) {
  free(t->p);
  *t = (cli_text){0};
}
