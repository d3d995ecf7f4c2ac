/* cli/json_view.h - look at JSON text in place: no tree, no allocation.
 *
 *   {"n": 3, "tags": ["a", "b"]}
 *    ^key ^value     ^value: kind ARRAY, its text borrowed from the document
 *
 * Two uses. Replies of the library are well-formed: they are walked with cli_json_value, _enter
 * and _next, which never leave the text even if it were not. JSON that the user typed is first
 * checked with cli_json_check, which says line and column; the engine checks the rest (UTF-8,
 * duplicate fields, types).
 */
#ifndef PQ_CLI_JSON_VIEW_H
#define PQ_CLI_JSON_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text_buf.h"

enum { CLI_JSON_DEPTH_MAX = 200 };

typedef enum cli_json_kind {
  CLI_JSON_NONE = 0, /* no value: the end, a missing field, or malformed text */
  CLI_JSON_NULL,
  CLI_JSON_BOOL,
  CLI_JSON_NUMBER,
  CLI_JSON_STRING,
  CLI_JSON_ARRAY,
  CLI_JSON_OBJECT
} cli_json_kind;

/* One value as it stands in the text, strings with their quotes. Borrowed. */
typedef struct cli_value {
  cli_json_kind kind;
  const char *text;
  size_t len;
} cli_value;

/* A walk through the members of one object or array. */
typedef struct cli_json_walk {
  const char *p, *end;
  bool is_object;
} cli_json_walk;

/* The first value of a text. */
cli_value cli_json_value(const char *text, size_t len);

/* Begin a walk; a value that is no container has no members. */
cli_json_walk cli_json_enter(cli_value container);
/* The next member; `key` is NONE in arrays. False at the end. */
bool cli_json_next(cli_json_walk *w, cli_value *key, cli_value *value);

/* The field of that name (compared without escapes), or NONE. */
cli_value cli_json_field(cli_value object, const char *name);
/* A non-negative whole number; 0 for anything else. */
uint64_t cli_json_u64(cli_value v);
/* Append the text of a string, all escapes decoded. Nothing for other kinds. */
void cli_json_decode(cli_value v, cli_text *out);

/* The inner value of Extended JSON such as {"$date": "…"}; any other value is returned as is. */
cli_value cli_json_inner(cli_value v);
/* True for null, true, numbers, strings and Extended JSON around one of them. */
bool cli_json_is_scalar(cli_value v);

typedef struct cli_json_error {
  uint64_t line, column; /* from 1; the column in bytes */
  const char *what;
} cli_json_error;

/* Is `text` exactly one well-formed JSON value? False fills `error`. */
bool cli_json_check(const char *text, size_t len, cli_json_error *error);

#endif
