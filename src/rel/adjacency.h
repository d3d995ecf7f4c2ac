/* rel/adjacency.h - the edges of one forward file as arrays of numbers.
 *
 *   rels/forward/4-3-ab.parquet      the file's adjacency, and its segment indexes/adjacency/…
 *   row  from  predicate  to         ids         a b c            sorted; number = place
 *    0   a     author     b          predicates  author likes     sorted
 *    1   a     likes      b          first_run   a 0, b 2, c 2, 2
 *    2   a     likes      c          runs        author from edge 0, likes from edge 1, (end 3)
 *                                    to          b b c            edge = row of the file
 *
 * It is derived from one immutable file and never changes. Because a forward file is sorted by
 * (from, predicate, to), the number of an edge is its row: deletes and documents of edges need no
 * translation. The other direction is made of the same arrays by whoever wants it (graph/).
 */
#ifndef PQ_REL_ADJACENCY_H
#define PQ_REL_ADJACENCY_H

#include "parquet/writer.h"
#include "rel/edge.h"

/* Edges of one node and one predicate, up to the next run. */
typedef struct pq_adjacency_run {
  uint32_t predicate;  /* place in `predicates` */
  uint32_t first_edge; /* row */
} pq_adjacency_run;

typedef struct pq_adjacency {
  uint32_t node_count, predicate_count, run_count, edge_count;
  const pq_slice *ids;          /* of both ends, sorted by bytes, each once */
  const pq_slice *predicates;   /* sorted */
  const uint32_t *first_run;    /* [node_count + 1]: the runs of node n are [n] to [n + 1] */
  const pq_adjacency_run *runs; /* [run_count + 1]; the last one only has first_edge = edge_count */
  const uint32_t *to;           /* [edge_count]: node; rising in a run */
  /* Bit n: when the file was written it was not known that node n is an entity (an end without a
   * type): who reads must look. NULL: no such node. */
  const uint8_t *doubts;
  bool has_data; /* some edge has a document */
  uint64_t len;  /* bytes of memory of all this */
} pq_adjacency;

static inline bool pq_adjacency_doubts(const pq_adjacency *a, uint32_t node) {
  return a->doubts != NULL && (a->doubts[node / 8] >> (node % 8) & 1) != 0;
}

/* From the rows of an open forward file; everything lives in `arena`. A stage's call (PQ_NEED_IO);
 * PQ_ECORRUPT when rows are out of order or twice. Files have less than 2^31 edges: PQ_ELIMIT. With
 * a plan's fetch set reading is noted and *out stays empty. */
int pq_adjacency_build(pq_fetch *f, pq_arena *scratch, const pq_file *edges, pq_arena *arena,
                       pq_adjacency *out) PQ_MUST_CHECK;

/* From edges in memory, sorted (pq_edge_compare) and each once, else PQ_EINVALID; their texts are
 * copied. */
int pq_adjacency_of(pq_arena *arena, const pq_edge *edges, uint32_t count,
                    pq_adjacency *out) PQ_MUST_CHECK;

/* From edges that pass one after the other, in that order, as while their file is written. `key`,
 * for messages, is borrowed; NULL: edges in memory. */
typedef struct pq_adjacency_maker pq_adjacency_maker;
int pq_adjacency_maker_new(pq_cx *cx, const char *key, pq_adjacency_maker **out) PQ_MUST_CHECK;
void pq_adjacency_maker_free(pq_adjacency_maker *m); /* takes NULL */
int pq_adjacency_maker_put(pq_adjacency_maker *m, const pq_edge *e) PQ_MUST_CHECK;
/* Bytes of memory that it holds; finishing takes about as many again. */
uint64_t pq_adjacency_maker_len(const pq_adjacency_maker *m);
int pq_adjacency_maker_finish(pq_adjacency_maker *m, pq_arena *arena,
                              pq_adjacency *out) PQ_MUST_CHECK;

/* Do they say the same? */
bool pq_adjacency_equal(const pq_adjacency *a, const pq_adjacency *b);

/* ---- its segment: a Parquet file (doc/formats/adjacency.md) ---- */

/* Can it be written? Not with thousands of predicates, names that are not UTF-8, or 2^29 edges of
 * one node and predicate: then there is no segment. */
bool pq_adjacency_is_storable(const pq_adjacency *a);

/* Write it; *out is the caller's (pq_writer_free), finished. */
int pq_adjacency_write(pq_cx *cx, const pq_adjacency *a, pq_writer **out) PQ_MUST_CHECK;

/* Read an open segment of a file with `edge_count` rows; every number is checked. Lives in `arena`.
 * A stage's call. PQ_ECORRUPT, PQ_EUNSUPPORTED of a newer layout. */
int pq_adjacency_read(pq_fetch *f, pq_arena *scratch, const pq_file *segment, uint64_t edge_count,
                      pq_arena *arena, pq_adjacency *out) PQ_MUST_CHECK;

#endif
