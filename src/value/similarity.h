/* value/similarity.h - how alike two texts are: 0 nothing, 1 the same.
 *
 *   "Graph  Databases"  ─► g r a p h _ d a t a …     folded, spaces at the ends and repeated ones
 *   "graph database"    ─► g r a p h _ d a t a …     left out
 *                              └─► Jaro-Winkler, of code points
 *
 * Jaro: with m code points in common, no further apart than half of the longer text, and t of them
 * out of order, (m / |a| + m / |b| + (m - t / 2) / m) / 3. Winkler: above 0.7, a tenth of what is
 * missing to 1 for each of the first code points that agree, 4 at most. "MARTHA" and "MARHTA" are
 * 0.9611, "DWAYNE" and "DUANE" 0.84, "DIXON" and "DICKSONX" 0.8133.
 */
#ifndef PQ_VALUE_SIMILARITY_H
#define PQ_VALUE_SIMILARITY_H

#include "base/base.h"

enum { PQ_SIMILARITY_LEN_MAX = 256 }; /* code points that count; what is behind them is left out */

/* A text as it is compared. */
typedef struct pq_folded_text {
  uint32_t points[PQ_SIMILARITY_LEN_MAX];
  uint32_t count;
} pq_folded_text;

/* Of UTF-8; other bytes stand for themselves. */
void pq_fold_text(pq_slice text, pq_folded_text *out);
/* Two empty texts are the same; an empty one and another are nothing alike. */
double pq_similarity_of(const pq_folded_text *a, const pq_folded_text *b);
double pq_similarity(pq_slice a, pq_slice b);

#endif
