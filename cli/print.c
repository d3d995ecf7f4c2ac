/* cli/print.c - see print.h. */
#define _POSIX_C_SOURCE 200809L
#include "print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "options.h"

/* Values nested deeper than this are printed on one line. */
enum { PRINT_DEPTH_MAX = 64, INLINE_LEN_MAX = 72, DEFAULT_WIDTH = 80 };

static size_t terminal_width(int fd) {
  const char *columns = getenv("COLUMNS");
  long width = columns == NULL ? 0 : strtol(columns, NULL, 10);
#ifdef TIOCGWINSZ
  struct winsize size = {0};
  if (width <= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0) width = size.ws_col;
#else
  (void)fd;
#endif
  return width >= 20 && width <= 10000 ? (size_t)width : DEFAULT_WIDTH;
}

void cli_screen_init(cli_screen *s, FILE *file) {
  const char *no_colour = getenv("NO_COLOR");
  const char *term = getenv("TERM");
  *s = (cli_screen){0};
  s->file = file;
  s->is_terminal = isatty(fileno(file)) == 1;
  if (!s->is_terminal) return;
  s->width = terminal_width(fileno(file));
  s->has_colour = (no_colour == NULL || *no_colour == '\0') && term != NULL &&
                  strcmp(term, "dumb") != 0 && *term != '\0';
}

void cli_print_text(const cli_screen *s, const char *bytes, size_t len) {
  size_t start = 0;
  if (!s->is_terminal) {
    (void)fwrite(bytes, 1, len, s->file);
    return;
  }
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)bytes[i];
    unsigned char next = i + 1 < len ? (unsigned char)bytes[i + 1] : 0;
    bool is_c1 = c == 0xC2 && next >= 0x80 && next < 0xA0;
    if (!is_c1 && c != 0x7F) continue;
    (void)fwrite(bytes + start, 1, i - start, s->file);
    fprintf(s->file, "\\u%04x", is_c1 ? next : c);
    if (is_c1) i++;
    start = i + 1;
  }
  (void)fwrite(bytes + start, 1, len - start, s->file);
}

static void print_indent(const cli_screen *s, size_t columns) {
  fprintf(s->file, "%*s", (int)columns, "");
}

void cli_print_line(const cli_screen *s, const char *json, size_t len) {
  cli_print_text(s, json, len);
  fputc('\n', s->file);
}

size_t cli_code_points(const char *bytes, size_t len) {
  size_t count = 0;
  for (size_t i = 0; i < len; i++)
    count += ((unsigned char)bytes[i] & 0xC0) != 0x80;
  return count;
}

size_t cli_code_point_prefix(const char *bytes, size_t len, size_t count) {
  size_t i = 0;
  for (; i < len; i++) {
    if (((unsigned char)bytes[i] & 0xC0) == 0x80) continue;
    if (count-- == 0) break;
  }
  return i;
}

/* ---- values for people ---- */

/* A string without quotes; escapes of characters that one cannot show stay escapes. */
static void plain_string(cli_value v, cli_text *out) {
  const char *p = v.text + 1, *end = v.text + v.len - 1;
  for (; p < end; p++) {
    bool is_shown = *p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '/' || p[1] == '\\');
    if (is_shown) p++;
    cli_text_byte(out, *p);
  }
}

static void plain_scalar(cli_value v, cli_text *out) {
  v = cli_json_inner(v);
  if (v.kind == CLI_JSON_STRING && v.len >= 2) {
    plain_string(v, out);
  } else {
    cli_text_put(out, v.text, v.len);
  }
}

/* A small object of scalars in a list: its values with spaces between. */
static void plain_element(cli_value v, cli_text *out) {
  cli_json_walk w = cli_json_enter(v);
  cli_value key, member;
  bool is_first = true;
  if (!w.is_object || cli_json_is_scalar(v)) {
    plain_scalar(v, out);
    return;
  }
  while (cli_json_next(&w, &key, &member)) {
    if (!is_first) cli_text_byte(out, ' ');
    is_first = false;
    plain_scalar(member, out);
  }
}

void cli_plain(cli_value v, cli_text *out) {
  cli_json_walk w = cli_json_enter(v);
  cli_value key, element;
  bool is_first = true;
  if (v.kind != CLI_JSON_ARRAY) {
    plain_scalar(v, out);
    return;
  }
  while (cli_json_next(&w, &key, &element)) {
    if (!is_first) cli_text_str(out, ", ");
    is_first = false;
    plain_element(element, out);
  }
}

/* ---- indented JSON ---- */

typedef enum colour { COLOUR_KEY, COLOUR_STRING, COLOUR_NUMBER, COLOUR_WORD } colour;

static void print_coloured(const cli_screen *s, colour c, cli_value v) {
  static const char *const codes[] = {"\033[34m", "\033[32m", "\033[33m", "\033[35m"};
  if (s->has_colour) fputs(codes[c], s->file);
  cli_print_text(s, v.text, v.len);
  if (s->has_colour) fputs("\033[0m", s->file);
}

static bool is_container(cli_value v) {
  return v.kind == CLI_JSON_OBJECT || v.kind == CLI_JSON_ARRAY;
}

/* Short arrays without containers, Extended JSON and empty containers stay on one line. */
static bool is_inline(cli_value v) {
  cli_json_walk w = cli_json_enter(v);
  cli_value key, member;
  bool is_empty = true;
  while (cli_json_next(&w, &key, &member)) {
    is_empty = false;
    if (is_container(member) || w.is_object) return cli_json_is_scalar(v);
  }
  return is_empty || v.len <= INLINE_LEN_MAX;
}

static void print_scalar(const cli_screen *s, cli_value v) {
  colour c = v.kind == CLI_JSON_STRING   ? COLOUR_STRING
             : v.kind == CLI_JSON_NUMBER ? COLOUR_NUMBER
                                         : COLOUR_WORD;
  print_coloured(s, c, v);
}

static void print_value(const cli_screen *s, cli_value v, size_t depth) {
  cli_json_walk w = cli_json_enter(v);
  cli_value key, member;
  bool has_lines, is_first = true;
  if (!is_container(v) || depth == PRINT_DEPTH_MAX) {
    print_scalar(s, v);
    return;
  }
  has_lines = !is_inline(v);
  fputc(w.is_object ? '{' : '[', s->file);
  while (cli_json_next(&w, &key, &member)) {
    if (!is_first) fputs(has_lines ? "," : ", ", s->file);
    is_first = false;
    if (has_lines) {
      fputc('\n', s->file);
      print_indent(s, 2 * depth + 2);
    }
    if (w.is_object) {
      print_coloured(s, COLOUR_KEY, key);
      fputs(": ", s->file);
    }
    print_value(s, member, depth + 1);
  }
  if (has_lines) {
    fputc('\n', s->file);
    print_indent(s, 2 * depth);
  }
  fputc(w.is_object ? '}' : ']', s->file);
}

void cli_print_pretty(const cli_screen *s, const char *json, size_t len) {
  print_value(s, cli_json_value(json, len), 0);
  fputc('\n', s->file);
}

/* ---- reports ---- */

enum { LIST_TEXT_MAX = 48 };

/* One line will do: a scalar, or a list of short scalars. */
static bool is_report_line(cli_value v) {
  cli_json_walk w = cli_json_enter(v);
  cli_value key, member;
  if (!is_container(v) || cli_json_is_scalar(v)) return true;
  if (w.is_object) return !cli_json_next(&w, &key, &member);
  while (cli_json_next(&w, &key, &member)) {
    if (!cli_json_is_scalar(member) || member.len > LIST_TEXT_MAX) return false;
  }
  return true;
}

static bool is_skipped(cli_value key, const char *skip) {
  return skip != NULL && key.len == strlen(skip) + 2 &&
         memcmp(key.text + 1, skip, key.len - 2) == 0;
}

static size_t key_width(cli_value object, const char *skip) {
  cli_json_walk w = cli_json_enter(object);
  cli_value key, member;
  size_t width = 0;
  while (w.is_object && cli_json_next(&w, &key, &member)) {
    size_t columns = cli_code_points(key.text, key.len) - 2;
    if (!is_skipped(key, skip) && is_report_line(member) && columns > width) width = columns;
  }
  return width;
}

static void print_plain(const cli_screen *s, cli_value v) {
  cli_text text = {0};
  cli_plain(v, &text);
  if (v.kind == CLI_JSON_ARRAY && text.len == 0) cli_text_str(&text, "none");
  cli_print_text(s, cli_text_c(&text), text.len);
  fputc('\n', s->file);
  cli_text_release(&text);
}

static void print_report(const cli_screen *s, cli_value v, size_t depth, const char *skip) {
  cli_json_walk w = cli_json_enter(v);
  cli_value key, member;
  size_t width = key_width(v, skip);
  if (is_report_line(v) || depth == PRINT_DEPTH_MAX) {
    print_indent(s, 2 * depth);
    print_plain(s, v);
    return;
  }
  while (cli_json_next(&w, &key, &member)) {
    if (!w.is_object && cli_json_is_scalar(member)) {
      print_indent(s, 2 * depth);
      print_plain(s, member);
      continue;
    }
    if (!w.is_object) {
      print_indent(s, 2 * depth);
      fputs("-\n", s->file);
      print_report(s, member, depth + 1, NULL);
      continue;
    }
    if (is_skipped(key, skip)) continue;
    print_indent(s, 2 * depth);
    cli_print_text(s, key.text + 1, key.len - 2);
    fputc(':', s->file);
    if (is_report_line(member)) {
      print_indent(s, width + 3 - cli_code_points(key.text, key.len));
      fputc(' ', s->file);
      print_plain(s, member);
    } else {
      fputc('\n', s->file);
      print_report(s, member, depth + 1, NULL);
    }
  }
}

void cli_print_report(const cli_screen *s, const char *json, size_t len, const char *skip) {
  print_report(s, cli_json_value(json, len), 0, skip);
}

/* ---- errors ---- */

int cli_error(const char *code, const char *fmt, ...) {
  char message[2048];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  for (char *p = message; *p != '\0'; p++) {
    if ((unsigned char)*p < 0x20 || *p == 0x7F) *p = '?';
  }
  (void)fflush(stdout);
  fprintf(stderr, "parquedb: %s: %s\n", code, message);
  return CLI_REFUSED;
}
