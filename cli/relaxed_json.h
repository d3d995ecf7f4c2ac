/* cli/relaxed_json.h - object literals as people type them, translated to Extended JSON.
 *
 *   {title: 'Hi', n: {$gt: 3,}, at: ISODate("2026-03-01")}     typed
 *   {"title":"Hi","n":{"$gt":3},"at":{"$date":"2026-03-01T00:00:00Z"}}
 *
 * Understood beyond JSON: keys without quotes, '…' and `…` strings, trailing commas, comments,
 * numbers such as .5, +1, 0xFF, 5n, Infinity and NaN, patterns /…/i, and the constructors ObjectId,
 * ISODate, new Date, NumberLong, NumberInt, NumberDecimal, UUID, BinData, Timestamp, MinKey,
 * MaxKey, RegExp under the names that MongoDB's shell knows. JSON comes out as it went in, but for
 * white space. Whether a value makes sense is for the engine to say.
 */
#ifndef PQ_CLI_RELAXED_JSON_H
#define PQ_CLI_RELAXED_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "text_buf.h"

/* A place in a text, and what is wrong there. */
typedef struct cli_relaxed {
  const char *text, *end; /* borrowed */
  const char *p;          /* after a failure: where */
  char what[120];         /* the failure, "" if none */
} cli_relaxed;

void cli_relaxed_init(cli_relaxed *r, const char *text, size_t len);
/* Skip white space and comments. */
void cli_relaxed_space(cli_relaxed *r);
/* Translate the value at r->p; appends to `out`. False: r says what and where.
 */
bool cli_relaxed_value(cli_relaxed *r, cli_text *out);
/* Note a failure at `at`; returns false. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool cli_relaxed_fail(cli_relaxed *r, const char *at, const char *fmt, ...);
/* Say on standard error what is wrong, with the line and a mark under the place. Returns
 * CLI_REFUSED. */
int cli_relaxed_report(const cli_relaxed *r);

/* `p` is at an opening bracket: one past its closing one, or NULL when it is not closed. */
const char *cli_relaxed_close(const char *p, const char *end);
/* Does the text end within a bracket or a string? */
bool cli_relaxed_is_open(const char *text, size_t len);
/* May the byte stand in a name without quotes? */
bool cli_is_name_byte(char c);

#endif
