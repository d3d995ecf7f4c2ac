/* base/text.h - small text things: UTF-8, ULIDs, ISO 8601 instants, nearest word, JSON escapes.
 */
#ifndef PQ_BASE_TEXT_H
#define PQ_BASE_TEXT_H

#include "base/base.h"
#include "base/buf.h"

/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool pq_utf8_is_valid(pq_slice s);

/* Bytes of the longest prefix of `s` that is at most `n` bytes and ends on a code point. */
size_t pq_utf8_prefix(pq_slice s, size_t n);

enum { PQ_ULID_LEN = 26 };

/* A lower-case ULID: 48 bits of milliseconds, 80 random bits `rnd` (10 bytes), Crockford base 32,
 * so that text order is time order. */
void pq_ulid(uint64_t ms, const uint8_t rnd[10], char out[PQ_ULID_LEN + 1]);

/* Add one to the 80 random bits: ULIDs of one batch count up. */
void pq_ulid_next(uint8_t rnd[10]);

/* An instant in microseconds since 1970 UTC as "2026-03-01T12:00:00.123456Z"; trailing zeros of
 * the fraction are cut to 3 or 0 digits. Years outside 0000-9999 print as the plain number. */
enum { PQ_TIME_CAP = 40 };
void pq_time_print(int64_t us, char out[PQ_TIME_CAP]);

/* Parse "2026-03-01", "2026-03-01T12:00[:00[.123456]][Z|+01:00]", or a plain integer of
 * milliseconds. A time without zone is UTC. False when malformed or out of range. */
bool pq_time_parse(pq_slice text, int64_t *us);

/* Days since 1970 to "YYYY-MM-DD". */
enum { PQ_DAY_CAP = 32 };
void pq_day_print(int64_t day, char out[PQ_DAY_CAP]);

/* The shortest decimal text that reads back as `v`, always seen to be a double ("5.0", "1e+300");
 * "NaN", "Infinity", "-Infinity". Returns the length. */
enum { PQ_DOUBLE_CAP = 32 };
int pq_double_print(double v, char out[PQ_DOUBLE_CAP]);

/* The double nearest to a JSON number (no leading zeros, no '+', no ".5"). False when malformed
 * or above the largest double. */
bool pq_double_parse(pq_slice text, double *out);

/* `m` x 10^exponent as the nearest double. False, *out 0, when it is no easy case: nine of ten
 * numbers of up to 19 digits are. */
bool pq_double_of(uint64_t m, int64_t exponent, double *out);

/* A whole number without NUL; returns the length. */
enum { PQ_U64_CAP = 20 };
size_t pq_u64_print(uint64_t v, char out[PQ_U64_CAP]);

/* The word of `words` (NULL-terminated) nearest to `word` by edit distance, or NULL when none is
 * near (distance above 3 or above half its length). */
const char *pq_nearest(pq_slice word, const char *const *words);

/* Append a JSON string with quotes and escapes. `s` must be valid UTF-8. */
int pq_buf_put_json_str(pq_buf *b, pq_slice s) PQ_MUST_CHECK;

#endif
