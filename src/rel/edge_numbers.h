/* rel/edge_numbers.h - one number of each edge: what a path leads to in the edge as it is shown.
 *
 *   {from, predicate, to, …, version, confidence?, data?}
 *     "data.km"     of the data: metadata and value of every row are read
 *     "confidence"  of the column of that name        "version"  the same
 *     others        are texts and dates, and no numbers: nothing is read
 *
 * A number is what pq_value_number() takes for one, but NaN, which stands for "none".
 */
#ifndef PQ_REL_EDGE_NUMBERS_H
#define PQ_REL_EDGE_NUMBERS_H

#include "rel/edge.h"
#include "value/path.h"

/* Of an edge that was read with its data; NaN: none. */
double pq_edge_number(const pq_edge *e, const pq_path *path);

/* What one row group takes: bytes in the file. */
uint64_t pq_edge_numbers_len(const pq_file *file, uint32_t row_group, const pq_path *path);
/* Ask for it. A stage's call. */
int pq_edge_numbers_want(pq_fetch *f, const pq_file *file, uint32_t row_group,
                         const pq_path *path) PQ_MUST_CHECK;
/* The numbers of its rows, in the order of the file, into out[rows of the group]; `arena` is for
 * its use. A stage's call: `out` is written to when all is there. */
int pq_edge_numbers_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                         const pq_path *path, double *out) PQ_MUST_CHECK;

#endif
