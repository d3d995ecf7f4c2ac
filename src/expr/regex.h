/* expr/regex.h - regular expressions of filters and expressions, by PCRE2 (8 bit, UTF-8).
 *
 *   text ─► plain code, a few steps a start ──limit hit, or a long text──► counted code
 *            │                                                              │ budget of steps
 *            └─► true, false                                                └─► true, false, or
 *                                                                               the set's status
 *
 * No pattern can hang: PCRE2's own match limit counts anew at every start and does not count the
 * characters that a repeat runs over, so it only guards the plain code, which short texts try
 * first. The counted code (automatic callouts) pays for every item and for every character
 * between two items out of one budget a text, and one a set.
 *
 * A test cannot fail; what it would say goes into the set, once: look at pq_regex_set_status()
 * after the tests. All memory is the arena's; blocks that PCRE2 frees are used again. A set
 * belongs to one thread at a time. Built without PCRE2 (PQ_HAVE_PCRE2), compiling is
 * PQ_EUNSUPPORTED. Rules: MONGO.md 1, 58.
 */
#ifndef PQ_EXPR_REGEX_H
#define PQ_EXPR_REGEX_H

#include "base/arena.h"

typedef struct pq_regex pq_regex;
typedef struct pq_regex_set pq_regex_set;

/* What the regular expressions of one filter share: memory, limits, the status. In `arena`. */
int pq_regex_set_new(pq_arena *arena, pq_regex_set **out) PQ_MUST_CHECK;

/* PQ_OK, or what stopped the first test that could not be finished: PQ_ELIMIT, PQ_ENOMEM. Tests
 * after it are all false. */
int pq_regex_set_status(const pq_regex_set *s);

/* Budget and status begin anew: for a set that lives longer than one command. */
void pq_regex_set_renew(pq_regex_set *s);

/* Compile. Options are letters of "imsxu". `pattern` is borrowed. PQ_EFILTER names the mistake. */
int pq_regex_compile(pq_regex_set *s, pq_slice pattern, pq_slice options,
                     pq_regex **out) PQ_MUST_CHECK;

/* Is there a match in the text (valid UTF-8)? */
bool pq_regex_match(pq_regex *r, pq_slice text);

/* Where a match and its groups stand; {-1, -1}: a group that took no part. */
typedef struct pq_regex_span {
  int64_t from, to;
} pq_regex_span;

/* The groups of the pattern, without the match itself. */
uint32_t pq_regex_group_count(const pq_regex *r);

/* The first match in text[from ..): spans[0], then those of the groups, of which there is room for
 * pq_regex_group_count(). `from` 0 begins a new text, which has one budget for all its matches. */
bool pq_regex_find(pq_regex *r, pq_slice text, size_t from, pq_regex_span *spans);

/* Does the pattern match its own bytes and nothing else, wherever they stand? */
bool pq_regex_is_plain(pq_slice pattern, pq_slice options);

/* The text that every match begins with, byte for byte: "abc" for ^abc. Empty: none is known. */
int pq_regex_prefix(pq_arena *arena, pq_slice pattern, pq_slice options,
                    pq_slice *out) PQ_MUST_CHECK;

#endif
