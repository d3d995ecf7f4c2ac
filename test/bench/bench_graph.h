/* test/bench/bench_graph.h - what ./bench graph asks of a database that holds a graph.
 *
 *     people/1 … people/100000        name, city, age
 *     1,000,000 x knows              both degrees follow a power law: the k-th most linked node is
 *                                    entered by k^-0.6, the k-th busiest leaves by k^-0.5 of them
 *
 * No two people know each other both ways, so that triangles of directed edges and of pairs are as
 * many; edges come in no order.
 */
#ifndef BENCH_GRAPH_H
#define BENCH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GRAPH_CHANGES = 5000 }; /* edges that come later, and as many that go then */

typedef struct graph_edge {
  uint32_t from, to; /* 1 to the number of nodes */
} graph_edge;

typedef struct graph_data {
  uint32_t node_count, edge_count;
  graph_edge *edges; /* [edge_count + GRAPH_CHANGES]; owned */
} graph_data;

/* The same for ever. */
void graph_data_make(graph_data *d, uint32_t nodes, uint32_t edges);
void graph_data_release(graph_data *d);
/* people.csv, knows.csv, and new.csv and old.csv with the edges that come and go later. */
void graph_data_write(const graph_data *d, const char *folder);

/* The i-th edge that goes. */
static inline graph_edge graph_old(const graph_data *d, uint32_t i) {
  return d->edges[(uint64_t)i * d->edge_count / GRAPH_CHANGES];
}

typedef struct graph_person {
  char name[40];
  const char *city;
  unsigned age;
} graph_person;
graph_person graph_person_of(uint32_t node);

/* The i-th node that is asked about. */
uint32_t graph_pick(const graph_data *d, uint64_t seed, uint64_t i);

typedef enum graph_part {
  GRAPH_LIVE,    /* entities or rows, edges in both directions */
  GRAPH_INDEX,   /* what beside them makes walking fast: segments */
  GRAPH_HISTORY, /* events */
  GRAPH_PARTS
} graph_part;

typedef struct graph_side {
  void *(*open)(const char *folder, bool is_reader);
  void (*close)(void *db);
  /* Everything, and what the database does in the background after it; the seconds of it, without
   * those of making texts. */
  double (*load)(void *db, const graph_data *d);
  /* Distinct ends of all walks of so many hops; as of `seq`, 0: now. */
  uint64_t (*hops)(void *db, uint32_t from, unsigned hops, uint64_t seq);
  /* Hops of a shortest path along the edges; 0: there is none. */
  uint64_t (*path)(void *db, uint32_t from, uint32_t to);
  uint64_t (*triangles)(void *db);               /* of edges of any direction */
  uint64_t (*page_rank)(void *db);               /* the node that comes first after 20 iterations */
  void (*change)(void *db, const graph_data *d); /* edges come and go, in commits of 1,000 */
  uint64_t (*seq)(void *db);                     /* the number of the last change */
  uint64_t (*bytes)(void *db, graph_part part);
} graph_side;

extern const graph_side graph_ours, graph_sqlite;

_Noreturn void graph_die(const char *what, const char *why);
double graph_now(void);

#endif
