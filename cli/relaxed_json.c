/* cli/relaxed_json.c - see relaxed_json.h. */
#include "relaxed_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json_view.h"
#include "options.h"
#include "print.h"

enum { ARG_MAX_COUNT = 3, EXCERPT_MAX = 70 };

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_quote(char c) {
  return c == '"' || c == '\'' || c == '`';
}

bool cli_is_name_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         (unsigned char)c >= 0x80;
}

void cli_relaxed_init(cli_relaxed *r, const char *text, size_t len) {
  *r = (cli_relaxed){text, text + len, text, ""};
}

bool cli_relaxed_fail(cli_relaxed *r, const char *at, const char *fmt, ...) {
  va_list args;
  r->p = at;
  va_start(args, fmt);
  (void)vsnprintf(r->what, sizeof r->what, fmt, args);
  va_end(args);
  return false;
}

/* The line of the failure, cut around it, and a mark under its column. */
static void print_excerpt(const char *line, size_t len, size_t column) {
  size_t skip = column > EXCERPT_MAX ? column - EXCERPT_MAX / 2 : 0;
  size_t start = cli_code_point_prefix(line, len, skip);
  size_t shown = cli_code_point_prefix(line + start, len - start, EXCERPT_MAX);
  fputs("  ", stderr);
  for (size_t i = 0; i < shown; i++) {
    unsigned char c = (unsigned char)line[start + i];
    fputc(c < 0x20 || c == 0x7F ? ' ' : c, stderr);
  }
  fprintf(stderr, "\n  %*s^\n", (int)(column - skip), "");
}

int cli_relaxed_report(const cli_relaxed *r) {
  const char *line = r->text;
  size_t line_num = 1, column, len;
  for (const char *p = r->text; p < r->p; p++) {
    if (*p != '\n') continue;
    line = p + 1;
    line_num++;
  }
  column = cli_code_points(line, (size_t)(r->p - line));
  len = (size_t)(r->end - line);
  if (memchr(line, '\n', len) != NULL) len = (size_t)((char *)memchr(line, '\n', len) - line);
  (void)cli_error("VALIDATION_FAILED", "line %zu, column %zu: %s", line_num, column + 1, r->what);
  print_excerpt(line, len, column);
  return CLI_REFUSED;
}

/* ---- finding ends, without judging ---- */

/* `p` is at a quote: one past the closing one, or NULL. */
static const char *close_quote(const char *p, const char *end) {
  char quote = *p;
  for (p++; p < end; p++) {
    if (*p == '\\' && p + 1 < end) {
      p++;
    } else if (*p == quote) {
      return p + 1;
    }
  }
  return NULL;
}

/* `p` is at "/ *" or "//": one past the comment; NULL when it is not closed. */
static const char *close_comment(const char *p, const char *end) {
  bool is_line = p[1] == '/';
  for (p += 2; p < end; p++) {
    if (is_line && *p == '\n') return p;
    if (!is_line && *p == '*' && p + 1 < end && p[1] == '/') return p + 2;
  }
  return is_line ? end : NULL;
}

static bool is_comment(const char *p, const char *end) {
  return *p == '/' && p + 1 < end && (p[1] == '/' || p[1] == '*');
}

/* `p` is at the slash that begins a pattern: one past the closing one, or NULL.
 */
static const char *close_pattern(const char *p, const char *end) {
  bool is_class = false;
  for (p++; p < end && *p != '\n'; p++) {
    if (*p == '\\' && p + 1 < end) {
      p++;
    } else if (*p == '[' || *p == ']') {
      is_class = *p == '[';
    } else if (*p == '/' && !is_class) {
      return p + 1;
    }
  }
  return NULL;
}

const char *cli_relaxed_close(const char *p, const char *end) {
  size_t depth = 0;
  char before = 0; /* the last byte that is no white space */
  while (p != NULL && p < end) {
    char c = *p;
    if (is_comment(p, end)) {
      p = close_comment(p, end);
      continue;
    }
    if (is_quote(c)) {
      p = close_quote(p, end);
    } else if (c == '/' && before != 0 && strchr("([{:,", before) != NULL) {
      p = close_pattern(p, end);
    } else {
      p++;
    }
    if (strchr(" \t\r\n", c) == NULL) before = c;
    if (c == '(' || c == '[' || c == '{') depth++;
    if ((c == ')' || c == ']' || c == '}') && --depth == 0) return p;
  }
  return NULL;
}

bool cli_relaxed_is_open(const char *text, size_t len) {
  const char *p = text, *end = text + len;
  while (p < end) {
    bool is_start = p == text || strchr(" \t\r\n=", p[-1]) != NULL;
    const char *next = p + 1;
    if (is_start && is_comment(p, end)) {
      next = close_comment(p, end);
    } else if (*p == '(' || *p == '[' || *p == '{') {
      next = cli_relaxed_close(p, end);
    } else if (is_quote(*p) && is_start) {
      next = close_quote(p, end);
    }
    if (next == NULL) return true;
    p = next;
  }
  return false;
}

/* ---- strings and patterns ---- */

void cli_relaxed_space(cli_relaxed *r) {
  while (r->p < r->end) {
    if (strchr(" \t\r\n", *r->p) != NULL) {
      r->p++;
    } else if (is_comment(r->p, r->end)) {
      const char *after = close_comment(r->p, r->end);
      r->p = after == NULL ? r->end : after;
    } else {
      return;
    }
  }
}

static void put_unit(cli_text *out, unsigned unit) {
  char text[8];
  (void)snprintf(text, sizeof text, "\\u%04x", unit & 0xFFFFu);
  cli_text_str(out, text);
}

/* `digits` hexadecimal digits at r->p, as escapes. */
static bool put_hex(cli_relaxed *r, size_t digits, cli_text *out) {
  unsigned unit = 0;
  for (size_t i = 0; i < digits; i++, r->p++) {
    if (r->p == r->end || !is_hex(*r->p)) {
      return cli_relaxed_fail(r, r->p, "expected %zu hexadecimal digits", digits);
    }
    unit = unit << 4 | (is_digit(*r->p) ? (unsigned)(*r->p - '0') : ((unsigned)*r->p & 7u) + 9u);
  }
  put_unit(out, unit);
  return true;
}

/* \u{1F600}: r->p is behind the brace. */
static bool put_code_point(cli_relaxed *r, cli_text *out) {
  unsigned c = 0;
  const char *start = r->p;
  for (; r->p < r->end && is_hex(*r->p) && c < 0x110000; r->p++) {
    c = c << 4 | (is_digit(*r->p) ? (unsigned)(*r->p - '0') : ((unsigned)*r->p & 7u) + 9u);
  }
  if (r->p == start || r->p == r->end || *r->p != '}' || c >= 0x110000) {
    return cli_relaxed_fail(r, r->p, "expected hexadecimal digits and '}'");
  }
  r->p++;
  if (c < 0x10000) {
    put_unit(out, c);
  } else {
    put_unit(out, 0xD800 + ((c - 0x10000) >> 10));
    put_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
  }
  return true;
}

/* r->p is behind the backslash. */
static bool put_escape(cli_relaxed *r, cli_text *out) {
  char c = *r->p++;
  if (c == 'x') return put_hex(r, 2, out);
  if (c == 'u' && r->p < r->end && *r->p == '{') {
    r->p++;
    return put_code_point(r, out);
  }
  if (c == 'u') return put_hex(r, 4, out);
  if (c == '\n') return true; /* the line goes on */
  if (c == '0' || c == 'v') {
    put_unit(out, c == 'v' ? 11 : 0);
  } else if (c != '\0' && strchr("bfnrt\"\\", c) != NULL) {
    cli_text_byte(out, '\\');
    cli_text_byte(out, c);
  } else {
    cli_text_byte(out, c);
  }
  return true;
}

static bool put_string(cli_relaxed *r, cli_text *out) {
  const char *start = r->p;
  char quote = *r->p++;
  cli_text_byte(out, '"');
  while (r->p < r->end && *r->p != quote) {
    char c = *r->p++;
    if (c == '\n' && quote != '`') break;
    if (c == '\\') {
      if (r->p == r->end) break;
      if (!put_escape(r, out)) return false;
    } else if (c == '"') {
      cli_text_str(out, "\\\"");
    } else if ((unsigned char)c < 0x20) {
      put_unit(out, (unsigned char)c);
    } else {
      cli_text_byte(out, c);
    }
  }
  if (r->p == r->end || *r->p != quote) {
    return cli_relaxed_fail(r, start, "the string has no closing quote");
  }
  r->p++;
  cli_text_byte(out, '"');
  return true;
}

/* "pattern", and if there are flags: ,"$options":"flags". */
static bool put_pattern(cli_relaxed *r, cli_text *out) {
  const char *start = r->p, *stop = close_pattern(r->p, r->end), *flags = stop;
  cli_text text = {0};
  if (stop == NULL) return cli_relaxed_fail(r, start, "the pattern has no closing '/'");
  for (const char *p = start + 1; p < stop - 1; p++) {
    if (*p == '\\' && p[1] == '/') continue;
    cli_text_byte(&text, *p);
  }
  cli_text_json(out, cli_text_c(&text), text.len);
  cli_text_release(&text);
  while (r->end > flags && cli_is_name_byte(*flags))
    flags++;
  if (flags > stop) {
    cli_text_str(out, ",\"$options\":");
    cli_text_json(out, stop, (size_t)(flags - stop));
  }
  r->p = flags;
  return true;
}

/* ---- numbers ---- */

static void take_digits(cli_relaxed *r, cli_text *out) {
  while (r->p < r->end && is_digit(*r->p))
    cli_text_byte(out, *r->p++);
}

static bool put_hex_number(cli_relaxed *r, cli_text *out) {
  uint64_t number = 0;
  const char *start = r->p;
  for (r->p += 2; r->p < r->end && is_hex(*r->p); r->p++) {
    char c = *r->p;
    if (number >> 60 != 0) return cli_relaxed_fail(r, start, "the number is too large");
    number = number << 4 | (is_digit(c) ? (uint64_t)(c - '0') : ((uint64_t)c & 7u) + 9u);
  }
  if (r->p == start + 2) return cli_relaxed_fail(r, start, "malformed number");
  cli_text_u64(out, number);
  return true;
}

/* Digits, point, exponent as JSON wants them. */
static bool put_decimal(cli_relaxed *r, const char *start, cli_text *out) {
  const char *whole = r->p;
  take_digits(r, out);
  if (r->p - whole > 1 && *whole == '0') return cli_relaxed_fail(r, start, "malformed number");
  if (r->p == whole) cli_text_byte(out, '0');
  if (r->p < r->end && *r->p == '.') {
    const char *part = ++r->p;
    if (part < r->end && is_digit(*part)) cli_text_byte(out, '.');
    take_digits(r, out);
    if (r->p == part && part - whole == 1) return cli_relaxed_fail(r, start, "malformed number");
  }
  if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
    const char *part;
    cli_text_byte(out, *r->p++);
    if (r->p < r->end && (*r->p == '+' || *r->p == '-')) cli_text_byte(out, *r->p++);
    part = r->p;
    take_digits(r, out);
    if (r->p == part) return cli_relaxed_fail(r, start, "malformed number");
  }
  return true;
}

static bool has_word(const cli_relaxed *r, const char *word) {
  size_t len = strlen(word), left = (size_t)(r->end - r->p);
  if (left < len || memcmp(r->p, word, len) != 0) return false;
  return left == len || !cli_is_name_byte(r->p[len]);
}

static bool put_number(cli_relaxed *r, cli_text *out) {
  const char *start = r->p;
  cli_text text = {0};
  bool is_done, is_minus = *r->p == '-';
  if (*r->p == '-' || *r->p == '+') r->p++;
  if (has_word(r, "Infinity")) {
    r->p += strlen("Infinity");
    cli_text_str(out, "{\"$numberDouble\":\"");
    cli_text_str(out, is_minus ? "-Infinity\"}" : "Infinity\"}");
    return true;
  }
  if (r->p == r->end || (!is_digit(*r->p) && *r->p != '.')) {
    return cli_relaxed_fail(r, start, "malformed number");
  }
  if (is_minus) cli_text_byte(&text, '-');
  if (*r->p == '0' && r->p + 1 < r->end && (r->p[1] == 'x' || r->p[1] == 'X')) {
    is_done = put_hex_number(r, &text);
  } else {
    is_done = put_decimal(r, start, &text);
  }
  if (is_done && has_word(r, "n")) {
    r->p++;
    cli_text_str(out, "{\"$numberLong\":\"");
    cli_text_put(out, text.p, text.len);
    cli_text_str(out, "\"}");
  } else if (is_done && r->p < r->end && cli_is_name_byte(*r->p)) {
    is_done = cli_relaxed_fail(r, start, "malformed number");
  } else if (is_done) {
    cli_text_put(out, text.p, text.len);
  }
  cli_text_release(&text);
  return is_done;
}

/* ---- constructors ---- */

typedef enum constructor_kind {
  MAKE_TEXT,   /* {"key":"text"} */
  MAKE_NUMBER, /* {"key":"5"}, from a number or a text */
  MAKE_DATE,
  MAKE_ONE, /* {"key":1} */
  MAKE_BINARY,
  MAKE_TIMESTAMP,
  MAKE_PATTERN
} constructor_kind;

typedef struct constructor {
  const char *name, *key;
  constructor_kind kind;
  size_t arg_min, arg_max;
} constructor;

static const constructor constructors[] = {
    {"ObjectId", "$oid", MAKE_TEXT, 1, 1},
    {"ObjectID", "$oid", MAKE_TEXT, 1, 1},
    {"UUID", "$uuid", MAKE_TEXT, 1, 1},
    {"ISODate", "$date", MAKE_DATE, 0, 1},
    {"Date", "$date", MAKE_DATE, 0, 1},
    {"NumberLong", "$numberLong", MAKE_NUMBER, 1, 1},
    {"Long", "$numberLong", MAKE_NUMBER, 1, 1},
    {"NumberInt", "$numberInt", MAKE_NUMBER, 1, 1},
    {"Int32", "$numberInt", MAKE_NUMBER, 1, 1},
    {"Double", "$numberDouble", MAKE_NUMBER, 1, 1},
    {"Number", "$numberDouble", MAKE_NUMBER, 1, 1},
    {"NumberDecimal", "$numberDecimal", MAKE_NUMBER, 1, 1},
    {"Decimal128", "$numberDecimal", MAKE_NUMBER, 1, 1},
    {"Timestamp", "$timestamp", MAKE_TIMESTAMP, 2, 2},
    {"BinData", "$binary", MAKE_BINARY, 2, 2},
    {"RegExp", "$regex", MAKE_PATTERN, 1, 2},
    {"MinKey", "$minKey", MAKE_ONE, 0, 0},
    {"MaxKey", "$maxKey", MAKE_ONE, 0, 0},
};

/* Its arguments, translated. */
typedef struct argument_list {
  cli_text texts[ARG_MAX_COUNT];
  size_t count;
} argument_list;

static cli_value argument(const argument_list *list, size_t i) {
  if (i >= list->count) return (cli_value){0};
  return cli_json_value(cli_text_c(&list->texts[i]), list->texts[i].len);
}

/* "2026-03-01" and a time without a zone are UTC. */
static void put_date_text(cli_value v, cli_text *out) {
  const char *time = v.len > 12 ? memchr(v.text, 'T', v.len) : NULL;
  cli_text_put(out, v.text, v.len - 1);
  if (time == NULL && v.len == 12) {
    cli_text_str(out, "T00:00:00Z");
  } else if (time != NULL && v.text[v.len - 2] != 'Z') {
    const char *p = time;
    while (p < v.text + v.len && *p != '+' && *p != '-')
      p++;
    if (p == v.text + v.len) cli_text_byte(out, 'Z');
  }
  cli_text_byte(out, '"');
}

static bool put_date(cli_value v, cli_text *out) {
  struct timespec now;
  if (v.kind == CLI_JSON_STRING) {
    put_date_text(v, out);
    return true;
  }
  if (v.kind != CLI_JSON_NUMBER && v.kind != CLI_JSON_NONE) return false;
  cli_text_str(out, "{\"$numberLong\":\"");
  if (v.kind == CLI_JSON_NUMBER) {
    cli_text_put(out, v.text, v.len);
  } else {
    (void)timespec_get(&now, TIME_UTC);
    cli_text_u64(out, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
  }
  cli_text_str(out, "\"}");
  return true;
}

static bool put_number_text(cli_value v, cli_text *out) {
  v = cli_json_inner(v); /* NumberLong(5n) */
  if (v.kind != CLI_JSON_NUMBER && v.kind != CLI_JSON_STRING) return false;
  if (v.kind == CLI_JSON_NUMBER) cli_text_byte(out, '"');
  cli_text_put(out, v.text, v.len);
  if (v.kind == CLI_JSON_NUMBER) cli_text_byte(out, '"');
  return true;
}

/* The value behind the key. False when an argument is of the wrong kind. */
static bool put_made(const constructor *c, const argument_list *list, cli_text *out) {
  cli_value first = argument(list, 0), second = argument(list, 1);
  char sub_type[8];
  switch (c->kind) {
    case MAKE_ONE: cli_text_byte(out, '1'); return true;
    case MAKE_DATE: return put_date(first, out);
    case MAKE_NUMBER: return put_number_text(first, out);
    case MAKE_TEXT: cli_text_put(out, first.text, first.len); return first.kind == CLI_JSON_STRING;
    case MAKE_PATTERN:
      cli_text_put(out, first.text, first.len);
      if (second.kind != CLI_JSON_NONE) cli_text_str(out, ",\"$options\":");
      cli_text_put(out, second.text == NULL ? "" : second.text, second.len);
      return first.kind == CLI_JSON_STRING &&
             (second.kind == CLI_JSON_NONE || second.kind == CLI_JSON_STRING);
    case MAKE_TIMESTAMP:
      cli_text_str(out, "{\"t\":");
      cli_text_put(out, first.text, first.len);
      cli_text_str(out, ",\"i\":");
      cli_text_put(out, second.text, second.len);
      cli_text_byte(out, '}');
      return first.kind == CLI_JSON_NUMBER && second.kind == CLI_JSON_NUMBER;
    case MAKE_BINARY:
      (void)snprintf(sub_type, sizeof sub_type, "%02x", (unsigned)cli_json_u64(first) & 0xFFu);
      cli_text_str(out, "{\"base64\":");
      cli_text_put(out, second.text, second.len);
      cli_text_str(out, ",\"subType\":\"");
      cli_text_str(out, sub_type);
      cli_text_str(out, "\"}");
      return first.kind == CLI_JSON_NUMBER && second.kind == CLI_JSON_STRING;
  }
  return false;
}

static bool put_any(cli_relaxed *r, cli_text *out, int depth);

/* r->p is behind the '('. */
static bool take_arguments(cli_relaxed *r, argument_list *list, int depth) {
  for (;;) {
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == ')') break;
    if (list->count == ARG_MAX_COUNT) return cli_relaxed_fail(r, r->p, "too many arguments");
    if (!put_any(r, &list->texts[list->count++], depth + 1)) return false;
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == ',') {
      r->p++;
    } else if (r->p == r->end || *r->p != ')') {
      return cli_relaxed_fail(r, r->p, "expected ',' or ')'");
    }
  }
  r->p++;
  return true;
}

static bool put_constructed(cli_relaxed *r, const constructor *c, cli_text *out, int depth) {
  const char *start = r->p;
  argument_list list = {0};
  bool is_done;
  r->p += strlen(c->name);
  cli_relaxed_space(r);
  if (r->p == r->end || *r->p != '(') {
    return cli_relaxed_fail(r, r->p, "expected '(' after %s", c->name);
  }
  r->p++;
  is_done = take_arguments(r, &list, depth);
  if (is_done && (list.count < c->arg_min || list.count > c->arg_max)) {
    is_done = cli_relaxed_fail(r, start, "%s takes %s%zu argument%s", c->name,
                               c->arg_min != c->arg_max ? "at most " : "", c->arg_max,
                               c->arg_max == 1 ? "" : "s");
  }
  if (is_done) {
    cli_text_byte(out, '{');
    cli_text_json(out, c->key, strlen(c->key));
    cli_text_byte(out, ':');
    is_done = put_made(c, &list, out);
    cli_text_byte(out, '}');
    if (!is_done) (void)cli_relaxed_fail(r, start, "%s cannot be made from that", c->name);
  }
  for (size_t i = 0; i < list.count; i++)
    cli_text_release(&list.texts[i]);
  return is_done;
}

/* true, null, NaN, [new] Date(…) … */
static bool put_word(cli_relaxed *r, cli_text *out, int depth) {
  static const char *const words[] = {"true", "false", "null"};
  const char *start = r->p, *stop;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (!has_word(r, words[i])) continue;
    cli_text_str(out, words[i]);
    r->p += strlen(words[i]);
    return true;
  }
  if (has_word(r, "Infinity")) return put_number(r, out);
  if (has_word(r, "NaN")) {
    r->p += strlen("NaN");
    cli_text_str(out, "{\"$numberDouble\":\"NaN\"}");
    return true;
  }
  if (has_word(r, "undefined")) {
    return cli_relaxed_fail(r, start, "undefined is no value of a document; write null");
  }
  if (has_word(r, "new")) {
    r->p += strlen("new");
    cli_relaxed_space(r);
  }
  for (size_t i = 0; i < sizeof constructors / sizeof constructors[0]; i++) {
    if (has_word(r, constructors[i].name)) return put_constructed(r, &constructors[i], out, depth);
  }
  stop = r->p;
  while (stop < r->end && cli_is_name_byte(*stop))
    stop++;
  return cli_relaxed_fail(r, r->p, "unknown word '%.*s'; text needs quotes",
                          stop - r->p > 40 ? 40 : (int)(stop - r->p), r->p);
}

/* ---- values ---- */

static bool put_key(cli_relaxed *r, cli_text *out) {
  const char *start = r->p;
  if (r->p < r->end && (*r->p == '"' || *r->p == '\'')) {
    if (!put_string(r, out)) return false;
  } else {
    while (r->p < r->end && cli_is_name_byte(*r->p))
      r->p++;
    if (r->p < r->end && r->p > start && (*r->p == '.' || *r->p == '-')) {
      return cli_relaxed_fail(r, start, "a field name with '%c' needs quotes", *r->p);
    }
    if (r->p == start) return cli_relaxed_fail(r, r->p, "expected a field name");
    cli_text_json(out, start, (size_t)(r->p - start));
  }
  cli_relaxed_space(r);
  if (r->p == r->end || *r->p != ':') {
    return cli_relaxed_fail(r, r->p, "expected ':' after the field name");
  }
  r->p++;
  cli_text_byte(out, ':');
  return true;
}

/* One member of an object or array. The value of $regex may be a pattern. */
static bool put_member(cli_relaxed *r, bool is_object, cli_text *out, int depth) {
  size_t at = out->len;
  if (is_object && !put_key(r, out)) return false;
  cli_relaxed_space(r);
  if (r->p < r->end && *r->p == '/' && strcmp(cli_text_c(out) + at, "\"$regex\":") == 0) {
    return put_pattern(r, out);
  }
  return put_any(r, out, depth + 1);
}

static bool put_container(cli_relaxed *r, cli_text *out, int depth) {
  bool is_object = *r->p == '{', is_first = true;
  const char *start = r->p;
  char closing = is_object ? '}' : ']';
  cli_text_byte(out, *r->p++);
  for (;; is_first = false) {
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == closing) break;
    if (r->p == r->end) return cli_relaxed_fail(r, start, "missing '%c' for this bracket", closing);
    if (!is_first) cli_text_byte(out, ',');
    if (!put_member(r, is_object, out, depth)) return false;
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == ',') {
      r->p++;
    } else if (r->p < r->end && *r->p != closing) {
      return cli_relaxed_fail(r, r->p, "expected ',' or '%c'", closing);
    }
  }
  r->p++;
  cli_text_byte(out, closing);
  return true;
}

static bool put_any(cli_relaxed *r, cli_text *out, int depth) {
  char c;
  if (depth > CLI_JSON_DEPTH_MAX) return cli_relaxed_fail(r, r->p, "nested too deeply");
  cli_relaxed_space(r);
  if (r->p == r->end) return cli_relaxed_fail(r, r->p, "expected a value, found the end");
  c = *r->p;
  if (c == '{' || c == '[') return put_container(r, out, depth);
  if (is_quote(c)) return put_string(r, out);
  if (c == '/') {
    cli_text_str(out, "{\"$regex\":");
    if (!put_pattern(r, out)) return false;
    cli_text_byte(out, '}');
    return true;
  }
  if (is_digit(c) || c == '-' || c == '+' || c == '.') return put_number(r, out);
  if (cli_is_name_byte(c)) return put_word(r, out, depth);
  return cli_relaxed_fail(r, r->p, "expected a value");
}

bool cli_relaxed_value(cli_relaxed *r, cli_text *out) {
  return put_any(r, out, 0);
}
