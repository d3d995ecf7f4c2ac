/* test/bench/bench_graph_data.c - the people of ./bench graph and whom they know, seeded. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_graph.h"
#include "bench_seeded.h"

static const char *const firsts[16] = {"Ada",   "Boris", "Chloe", "Daoud", "Elena", "Farid",
                                       "Grace", "Hugo",  "Ines",  "Jonas", "Keiko", "Lars",
                                       "Maria", "Niels", "Olga",  "Pavel"};
static const char *const lasts[16] = {"Adler",  "Brandt", "Castro", "Dubois", "Evans",    "Fischer",
                                      "Garcia", "Hansen", "Ito",    "Jansen", "Kowalski", "Larsen",
                                      "Moreau", "Novak",  "Okafor", "Petrov"};
static const char *const cities[12] = {"Berlin", "Lisbon", "Oslo",  "Paris",  "Quito",  "Rome",
                                       "Seoul",  "Tokyo",  "Turin", "Vienna", "Warsaw", "Zagreb"};

graph_person graph_person_of(uint32_t node) {
  uint64_t x = bench_mix(21, node);
  graph_person p = {.city = cities[(x >> 8) % 12], .age = 18 + (unsigned)(x >> 16) % 60};
  snprintf(p.name, sizeof p.name, "%s %s", firsts[x % 16], lasts[x / 16 % 16]);
  return p;
}

/* Between 0 and 1, without 1; square roots are exact everywhere, powers are not. */
static double unit(uint64_t seed, uint64_t i) {
  return (double)(bench_mix(seed, i) >> 11) * 0x1p-53;
}

/* All numbers below `count` in a random order. */
static uint32_t *shuffled(uint32_t count, uint64_t seed) {
  uint32_t *a = malloc(count * sizeof *a);
  if (a == NULL) graph_die("graph", "out of memory");
  for (uint32_t i = 0; i < count; i++) {
    uint32_t k = (uint32_t)(bench_mix(seed, i) % (i + 1));
    a[i] = a[k];
    a[k] = i;
  }
  return a;
}

/* Whether the pair is new; it is kept in `set`, a table of `cap` places, a power of two. */
static bool keep(uint64_t *set, uint64_t cap, uint32_t a, uint32_t b) {
  uint64_t key = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
  uint64_t at = bench_mix(26, key) & (cap - 1);
  while (set[at] != 0 && set[at] != key)
    at = (at + 1) & (cap - 1);
  if (set[at] == key) return false;
  set[at] = key;
  return true;
}

void graph_data_make(graph_data *d, uint32_t nodes, uint32_t edges) {
  uint32_t *busy = shuffled(nodes, 22), *known = shuffled(nodes, 23);
  uint64_t cap = 1024, *set;
  while (cap < ((uint64_t)edges + GRAPH_CHANGES) * 2)
    cap *= 2;
  set = calloc(cap, sizeof *set);
  d->edges = malloc(((size_t)edges + GRAPH_CHANGES) * sizeof *d->edges);
  if (set == NULL || d->edges == NULL || edges > (uint64_t)nodes * nodes / 8)
    graph_die("graph", "no room for so many edges");
  d->node_count = nodes;
  d->edge_count = edges;
  for (uint64_t i = 0, count = 0; count < (uint64_t)edges + GRAPH_CHANGES; i++) {
    double u = unit(24, i), v = unit(25, i);
    uint32_t a = busy[(uint32_t)(u * u * nodes)] + 1;
    uint32_t b = known[(uint32_t)(v * v * sqrt(v) * nodes)] + 1;
    if (a != b && keep(set, cap, a, b)) d->edges[count++] = (graph_edge){a, b};
  }
  free(set);
  free(busy);
  free(known);
}

void graph_data_release(graph_data *d) {
  free(d->edges);
  *d = (graph_data){0};
}

uint32_t graph_pick(const graph_data *d, uint64_t seed, uint64_t i) {
  return (uint32_t)(bench_mix(seed, i) % d->node_count) + 1;
}

void graph_data_write(const graph_data *d, const char *folder) {
  static const char *const names[] = {"people.csv", "knows.csv", "new.csv", "old.csv"};
  uint32_t froms[] = {0, 0, d->edge_count, 0};
  uint32_t tos[] = {0, d->edge_count, d->edge_count + GRAPH_CHANGES, GRAPH_CHANGES};
  for (int k = 0; k < 4; k++) {
    char path[1024];
    FILE *f;
    snprintf(path, sizeof path, "%s/%s", folder, names[k]);
    if ((f = fopen(path, "w")) == NULL) graph_die(path, "cannot be written");
    for (uint32_t i = 1; k == 0 && i <= d->node_count; i++) {
      graph_person p = graph_person_of(i);
      fprintf(f, "%u,%s,%s,%u\n", i, p.name, p.city, p.age);
    }
    for (uint32_t i = froms[k]; i < tos[k]; i++) {
      graph_edge e = k < 3 ? d->edges[i] : graph_old(d, i);
      fprintf(f, "%u,%u\n", e.from, e.to);
    }
    fclose(f);
  }
}
