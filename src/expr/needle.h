/* expr/needle.h - text that the bytes of a document must hold to match a filter.
 *
 *   {text: {$contains: "quiet river"}, likes: {$gt: 3}}      needle: quiet river
 *
 *   document   … 5 6 t h e   q u i e t   r i v e r … 0 2 …    perhaps
 *              … 3 9 t h e   w i d e     r i v e r … 0 2 …    no: it need not even be validated
 *
 * Strings stand in Variant bytes as they are, so a document without the bytes cannot match. The
 * search is for the byte of the needle that is the rarest in text, and only there for all of it.
 */
#ifndef PQ_EXPR_NEEDLE_H
#define PQ_EXPR_NEEDLE_H

#include "expr/filter.h"

typedef struct pq_needle {
  pq_slice text; /* borrowed from the filter; empty: every document may match */
  size_t rare;   /* where in it the rarest byte stands */
} pq_needle;

/* The longest needle of a filter that looks at documents alone. */
pq_needle pq_needle_of(const pq_filter *f);
/* Do the bytes hold it? */
bool pq_needle_is_in(const pq_needle *n, pq_slice bytes);

#endif
