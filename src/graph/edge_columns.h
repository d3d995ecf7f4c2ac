/* graph/edge_columns.h - a number of each edge, as an array: weights.
 *
 *   "data.km" ─► of each segment a column: numbers by row     read once, kept beside the segment
 *                 [90 340 NaN …]                               for whoever asks next
 *             ─► of the tail: from its events
 *             ─► one array by the number of the edge; NaN: it has none (rel/edge_numbers.h)
 *
 *     do pq_graph_numbers_read(…, &is_done) while (!is_done);   a stage's call each
 *     pq_graph_numbers(…);
 *
 * A graph that somebody holds holds the columns that it was asked for. Others go when memory is
 * short, or a segment has many.
 */
#ifndef PQ_GRAPH_EDGE_COLUMNS_H
#define PQ_GRAPH_EDGE_COLUMNS_H

#include "graph/graph.h"
#include "rel/edge_numbers.h"

/* Read some of what the graph's segments lack; *is_done: that was all. A stage's call. */
int pq_graph_numbers_read(pq_graph *g, pq_fetch *f, pq_arena *scratch, const pq_path *path,
                          bool *is_done) PQ_MUST_CHECK;
/* All is read: [pq_graph_edge_count], in `arena` or in what the graph holds. *has_negative: some
 * may be below 0, perhaps of edges that are hidden. */
int pq_graph_numbers(const pq_graph *g, pq_arena *arena, const pq_path *path, const double **out,
                     bool *has_negative) PQ_MUST_CHECK;

#endif
