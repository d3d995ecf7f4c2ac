/* value/collation.h - how text compares: by bytes, or without regard to case.
 *
 *   {"locale": "simple"}                 bytes (the default)
 *   {"locale": "en", "strength": 2}      both folded: 'A' = 'a' < 'b' = 'B' < 'á' = 'Á' …
 *   {"locale": "en"}, "strength": 3      the same, and what is equal by its case: 'a' < 'A' < 'b' …
 *
 * Folding is Unicode's simple case folding (CaseFolding.txt, status C and S), one code point to
 * one, for every locale but "simple"; the order of folded text is that of its code points. Other
 * strengths, ICU's options, Turkish and Azerbaijani (their i folds otherwise) are PQ_EUNSUPPORTED:
 * to answer by bytes would be a wrong answer (MONGO.md 1, rule 60).
 */
#ifndef PQ_VALUE_COLLATION_H
#define PQ_VALUE_COLLATION_H

#include "value/variant.h"

typedef struct pq_collation {
  bool is_folded;  /* false: bytes */
  bool minds_case; /* of folded texts that are equal, small letters come before capitals */
} pq_collation;

/* Missing is the simple one. PQ_EINVALID for what is malformed or unknown, PQ_EUNSUPPORTED. */
int pq_collation_parse(pq_cx *cx, pq_value spec, pq_collation *out) PQ_MUST_CHECK;

/* The simple folding of a code point. */
uint32_t pq_fold(uint32_t code_point);

/* <0, 0, >0 for two texts in UTF-8. */
int pq_text_compare(pq_slice a, pq_slice b, pq_collation collation);

/* Equal for texts that compare as equal; by bytes it is pq_hash(). */
uint64_t pq_text_hash(pq_slice text, uint64_t seed, pq_collation collation);

#endif
