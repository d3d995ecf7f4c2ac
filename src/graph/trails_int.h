/* graph/trails_int.h - how far a path has come in its journey (trails.h: places), for those who
 * count paths instead of walking them.
 */
#ifndef PQ_GRAPH_TRAILS_INT_H
#define PQ_GRAPH_TRAILS_INT_H

#include "graph/trails.h"

/* Of the start: [PQ_TRAIL_WORDS]. */
void pq_places_begin(const pq_trails *t, uint64_t *places);
/* Is a path of these places whole? */
bool pq_places_are_whole(const pq_trails *t, const uint64_t *places);
/* Legs of which it may take another step. */
uint64_t pq_places_legs(const pq_trails *t, const uint64_t *places);
/* The places behind a step that is one of some legs. */
void pq_places_move(const pq_trails *t, const uint64_t *from, uint64_t legs, uint64_t *to);

#endif
