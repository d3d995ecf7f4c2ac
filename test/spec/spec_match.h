/* test/spec/spec_match.h - does a reply fit what a case expects? */
#ifndef PQ_TEST_SPEC_MATCH_H
#define PQ_TEST_SPEC_MATCH_H

#include "value/variant.h"

/* Types and the order of fields count. A string with '*' in `expected` is a pattern: '*' stands for
 * any text, and "*" alone for any value at all. With `is_subset`, `got` may have further fields
 * between those of `expected`, at the top level. */
bool spec_match(pq_value expected, pq_value got, bool is_subset);

#endif
