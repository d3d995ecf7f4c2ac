/* cli/edge_rows.c - see edge_rows.h. */
#include "edge_rows.h"

#include <string.h>

#include "json_view.h"

/* Is the key one of those that an edge has beside its data? */
static bool is_of_edge(cli_value key) {
  static const char *const names[] = {"\"from\"", "\"predicate\"", "\"to\"", "\"reverse\""};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (key.len == strlen(names[i]) && memcmp(key.text, names[i], key.len) == 0) return true;
  return false;
}

static bool is_data(cli_value key, cli_value value) {
  static const char name[] = "\"data\"";
  return value.kind == CLI_JSON_OBJECT && key.len == sizeof name - 1 &&
         memcmp(key.text, name, key.len) == 0;
}

/* "key":value, behind a comma when `out` has grown since `from`. */
static void put_member(cli_text *out, size_t from, cli_value key, cli_value value, bool is_text) {
  if (out->len > from) cli_text_byte(out, ',');
  cli_text_put(out, key.text, key.len);
  cli_text_byte(out, ':');
  if (is_text) cli_text_byte(out, '"');
  cli_text_put(out, value.text, value.len);
  if (is_text) cli_text_byte(out, '"');
}

/* The fields of a row that are the edge's, or those of its data. */
static void put_fields(cli_text *out, cli_value row, bool wants_data) {
  cli_json_walk w = cli_json_enter(row);
  size_t from = out->len;
  cli_value key, value;
  while (cli_json_next(&w, &key, &value)) {
    bool is_scalar = value.kind == CLI_JSON_NUMBER || value.kind == CLI_JSON_BOOL;
    if (is_of_edge(key) == wants_data) continue;
    if (!wants_data) { /* a predicate "42" is text, though its column looks like numbers */
      put_member(out, from, key, value, is_scalar);
    } else if (is_data(key, value)) {
      cli_json_walk inner = cli_json_enter(value);
      while (cli_json_next(&inner, &key, &value))
        put_member(out, from, key, value, false);
    } else {
      put_member(out, from, key, value, false);
    }
  }
}

static void put_edge(cli_text *out, cli_value row) {
  static const char data_key[] = ",\"data\":{";
  size_t data;
  cli_text_byte(out, '{');
  put_fields(out, row, false);
  data = out->len;
  cli_text_str(out, data_key);
  put_fields(out, row, true);
  if (out->len == data + sizeof data_key - 1)
    out->len = data; /* there is none */
  else
    cli_text_byte(out, '}');
  cli_text_str(out, "}\n");
}

void cli_edge_rows(const char *rows, size_t len, cli_text *out) {
  while (len > 0) {
    const char *end = memchr(rows, '\n', len);
    size_t row_len = end == NULL ? len : (size_t)(end - rows);
    size_t used = end == NULL ? len : row_len + 1;
    put_edge(out, cli_json_value(rows, row_len));
    rows += used;
    len -= used;
  }
}
