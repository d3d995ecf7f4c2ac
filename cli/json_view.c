/* cli/json_view.c - see json_view.h. */
#include "json_view.h"

#include <string.h>

static bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static const char *skip_space(const char *p, const char *end) {
  while (p < end && is_space(*p))
    p++;
  return p;
}

/* ---- walking well-formed text ---- */

/* One past the closing quote of the string that begins at `p`; NULL when there is none. */
static const char *skip_string(const char *p, const char *end) {
  for (p++; p < end && *p != '"'; p++) {
    if (*p == '\\' && p + 1 < end) p++;
  }
  return p < end ? p + 1 : NULL;
}

/* One past the closing bracket; NULL when there is none. */
static const char *skip_container(const char *p, const char *end) {
  size_t depth = 0;
  while (p < end) {
    char c = *p;
    if (c == '"') {
      p = skip_string(p, end);
      if (p == NULL) return NULL;
      continue;
    }
    p++;
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && --depth == 0) return p;
  }
  return NULL;
}

static const char *skip_word(const char *p, const char *end) {
  while (p < end && !is_space(*p) && strchr(",:]}", *p) == NULL)
    p++;
  return p;
}

cli_value cli_json_value(const char *text, size_t len) {
  const char *end = text + len;
  const char *p = skip_space(text, end);
  const char *stop = end;
  cli_value v = {CLI_JSON_NONE, p, 0};
  if (p == end) return v;
  switch (*p) {
    case '{': v.kind = CLI_JSON_OBJECT; break;
    case '[': v.kind = CLI_JSON_ARRAY; break;
    case '"': v.kind = CLI_JSON_STRING; break;
    case 'n': v.kind = CLI_JSON_NULL; break;
    case 't':
    case 'f': v.kind = CLI_JSON_BOOL; break;
    default:
      if (*p != '-' && !is_digit(*p)) return v;
      v.kind = CLI_JSON_NUMBER;
  }
  if (v.kind == CLI_JSON_OBJECT || v.kind == CLI_JSON_ARRAY) {
    stop = skip_container(p, end);
  } else if (v.kind == CLI_JSON_STRING) {
    stop = skip_string(p, end);
  } else {
    stop = skip_word(p, end);
  }
  if (stop == NULL) return (cli_value){CLI_JSON_NONE, p, 0};
  v.len = (size_t)(stop - p);
  return v;
}

cli_json_walk cli_json_enter(cli_value container) {
  cli_json_walk w = {container.text, container.text, container.kind == CLI_JSON_OBJECT};
  if (container.kind != CLI_JSON_OBJECT && container.kind != CLI_JSON_ARRAY) return w;
  if (container.len < 2) return w;
  w.p = container.text + 1;
  w.end = container.text + container.len - 1;
  return w;
}

/* The value at the walk's position, after white space and one separator. */
static cli_value take(cli_json_walk *w) {
  cli_value v;
  w->p = skip_space(w->p, w->end);
  if (w->p < w->end && (*w->p == ',' || *w->p == ':')) w->p++;
  v = cli_json_value(w->p, (size_t)(w->end - w->p));
  w->p = v.kind == CLI_JSON_NONE ? w->end : v.text + v.len;
  return v;
}

bool cli_json_next(cli_json_walk *w, cli_value *key, cli_value *value) {
  *key = (cli_value){0};
  *value = (cli_value){0};
  if (w->p == w->end) return false;
  if (w->is_object) {
    *key = take(w);
    if (key->kind != CLI_JSON_STRING) return false;
  }
  *value = take(w);
  return value->kind != CLI_JSON_NONE;
}

cli_value cli_json_field(cli_value object, const char *name) {
  size_t len = strlen(name);
  cli_json_walk w = cli_json_enter(object);
  cli_value key, value;
  if (!w.is_object) return (cli_value){0};
  while (cli_json_next(&w, &key, &value)) {
    if (key.len == len + 2 && memcmp(key.text + 1, name, len) == 0) return value;
  }
  return (cli_value){0};
}

uint64_t cli_json_u64(cli_value v) {
  uint64_t number = 0;
  if (v.kind != CLI_JSON_NUMBER) return 0;
  for (size_t i = 0; i < v.len; i++) {
    if (!is_digit(v.text[i]) || number > (UINT64_MAX - 9) / 10) return 0;
    number = number * 10 + (uint64_t)(v.text[i] - '0');
  }
  return number;
}

cli_value cli_json_inner(cli_value v) {
  cli_value key, inner, rest;
  cli_json_walk w = cli_json_enter(v);
  if (!w.is_object || !cli_json_next(&w, &key, &inner)) return v;
  if (key.len < 3 || key.text[1] != '$' || cli_json_next(&w, &key, &rest)) return v;
  if (inner.kind == CLI_JSON_OBJECT || inner.kind == CLI_JSON_ARRAY) return v;
  return inner;
}

bool cli_json_is_scalar(cli_value v) {
  v = cli_json_inner(v);
  return v.kind != CLI_JSON_NONE && v.kind != CLI_JSON_OBJECT && v.kind != CLI_JSON_ARRAY;
}

/* ---- decoding ---- */

static uint32_t hex4(const char *p) {
  uint32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    uint32_t digit = is_digit(c) ? (uint32_t)(c - '0') : ((uint32_t)c | 0x20u) - 'a' + 10u;
    unit = unit << 4 | (digit & 15u);
  }
  return unit;
}

static void put_utf8(cli_text *out, uint32_t c) {
  if (c < 0x80) {
    cli_text_byte(out, (char)c);
    return;
  }
  if (c < 0x800) {
    cli_text_byte(out, (char)(0xC0 | c >> 6));
  } else if (c < 0x10000) {
    cli_text_byte(out, (char)(0xE0 | c >> 12));
    cli_text_byte(out, (char)(0x80 | (c >> 6 & 0x3F)));
  } else {
    cli_text_byte(out, (char)(0xF0 | c >> 18));
    cli_text_byte(out, (char)(0x80 | (c >> 12 & 0x3F)));
    cli_text_byte(out, (char)(0x80 | (c >> 6 & 0x3F)));
  }
  cli_text_byte(out, (char)(0x80 | (c & 0x3F)));
}

/* Decode the escape whose letter is at `p`; returns one past it. */
static const char *decode_escape(const char *p, const char *end, cli_text *out) {
  static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
  const char *at = strchr(letters, *p);
  uint32_t c;
  if (*p != 'u' || end - p < 5) {
    cli_text_byte(out, at != NULL && *p != '\0' ? bytes[at - letters] : *p);
    return p + 1;
  }
  c = hex4(p + 1);
  p += 5;
  if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
    c = 0x10000 + ((c - 0xD800) << 10) + ((hex4(p + 2) - 0xDC00) & 0x3FF);
    p += 6;
  }
  put_utf8(out, c);
  return p;
}

void cli_json_decode(cli_value v, cli_text *out) {
  const char *p, *end;
  if (v.kind != CLI_JSON_STRING || v.len < 2) return;
  p = v.text + 1;
  end = v.text + v.len - 1;
  while (p < end) {
    if (*p == '\\' && p + 1 < end) {
      p = decode_escape(p + 1, end, out);
    } else {
      cli_text_byte(out, *p++);
    }
  }
}

/* ---- checking text that the user typed ---- */

typedef struct checker {
  const char *p, *end;
  const char *what; /* the failure, or NULL */
  size_t depth;
  char open[CLI_JSON_DEPTH_MAX]; /* '{' or '[' of each open container */
} checker;

static bool fail(checker *c, const char *what) {
  c->what = what;
  return false;
}

static bool check_string(checker *c) {
  if (c->p == c->end || *c->p != '"') return fail(c, "expected a string in double quotes");
  for (c->p++; c->p < c->end && *c->p != '"'; c->p++) {
    if ((unsigned char)*c->p < 0x20) return fail(c, "control character in a string");
    if (*c->p != '\\') continue;
    c->p++;
    if (c->p == c->end) break;
    if (strchr("\"\\/bfnrtu", *c->p) == NULL) return fail(c, "unknown escape in a string");
    if (*c->p != 'u') continue;
    for (int i = 0; i < 4; i++) {
      c->p++;
      if (c->p == c->end || *c->p == '\0' || strchr("0123456789abcdefABCDEF", *c->p) == NULL) {
        return fail(c, "\\u needs four hexadecimal digits");
      }
    }
  }
  if (c->p >= c->end) return fail(c, "the string has no closing quote");
  c->p++;
  return true;
}

static bool check_digits(checker *c) {
  if (c->p == c->end || !is_digit(*c->p)) return fail(c, "malformed number");
  while (c->p < c->end && is_digit(*c->p))
    c->p++;
  return true;
}

static bool check_number(checker *c) {
  if (*c->p == '-') c->p++;
  if (c->p < c->end && *c->p == '0') {
    c->p++;
    if (c->p < c->end && is_digit(*c->p)) return fail(c, "malformed number");
  } else if (!check_digits(c)) {
    return false;
  }
  if (c->p < c->end && *c->p == '.') {
    c->p++;
    if (!check_digits(c)) return false;
  }
  if (c->p < c->end && (*c->p == 'e' || *c->p == 'E')) {
    c->p++;
    if (c->p < c->end && (*c->p == '+' || *c->p == '-')) c->p++;
    if (!check_digits(c)) return false;
  }
  return true;
}

static bool check_scalar(checker *c) {
  static const char *const words[] = {"true", "false", "null"};
  size_t left = (size_t)(c->end - c->p);
  if (left == 0) return fail(c, "expected a value, found the end");
  if (*c->p == '"') return check_string(c);
  if (*c->p == '-' || is_digit(*c->p)) return check_number(c);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t len = strlen(words[i]);
    if (left >= len && memcmp(c->p, words[i], len) == 0) {
      c->p += len;
      return true;
    }
  }
  return fail(c, "expected a value");
}

/* A field name and its colon. */
static bool check_key(checker *c) {
  c->p = skip_space(c->p, c->end);
  if (c->p == c->end || *c->p != '"') return fail(c, "expected a field name in double quotes");
  if (!check_string(c)) return false;
  c->p = skip_space(c->p, c->end);
  if (c->p == c->end || *c->p != ':') return fail(c, "expected ':' after the field name");
  c->p++;
  return true;
}

/* A scalar, an empty container, or the opening of a container (then *is_open). */
static bool check_begin(checker *c, bool *is_open) {
  char opening;
  *is_open = false;
  c->p = skip_space(c->p, c->end);
  if (c->p == c->end || (*c->p != '{' && *c->p != '[')) return check_scalar(c);
  if (c->depth == CLI_JSON_DEPTH_MAX) return fail(c, "nested too deeply");
  opening = *c->p;
  c->p = skip_space(c->p + 1, c->end);
  if (c->p < c->end && *c->p == (opening == '{' ? '}' : ']')) {
    c->p++;
    return true;
  }
  *is_open = true;
  c->open[c->depth++] = opening;
  return opening == '[' || check_key(c);
}

/* What follows a value: closings, then a comma (true, depth > 0) or the end (true, depth 0). */
static bool check_after(checker *c) {
  for (;;) {
    bool is_object;
    if (c->depth == 0) return true;
    c->p = skip_space(c->p, c->end);
    is_object = c->open[c->depth - 1] == '{';
    if (c->p == c->end)
      return fail(c, is_object ? "missing '}' at the end" : "missing ']' at the end");
    if (*c->p == ',') {
      c->p++;
      return !is_object || check_key(c);
    }
    if (*c->p != (is_object ? '}' : ']')) {
      return fail(c, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    c->p++;
    c->depth--;
  }
}

static bool check_text(checker *c) {
  do {
    bool is_open;
    if (!check_begin(c, &is_open)) return false;
    if (!is_open && !check_after(c)) return false;
  } while (c->depth > 0);
  c->p = skip_space(c->p, c->end);
  return c->p == c->end || fail(c, "text after the end of the value");
}

bool cli_json_check(const char *text, size_t len, cli_json_error *error) {
  checker c = {0};
  c.p = text;
  c.end = text + len;
  *error = (cli_json_error){0};
  if (check_text(&c)) return true;
  error->line = 1;
  error->column = 1;
  for (const char *p = text; p < c.p; p++) {
    error->column++;
    if (*p != '\n') continue;
    error->line++;
    error->column = 1;
  }
  error->what = c.what;
  return false;
}
