/* wnjson.h - synsets and pointers of WordNet as lines of JSON for ParqueDB.
 *
 *     {"$id":"n02084071","name":"dog","pos":"n","lexname":"noun.animal",
 *      "words":["dog","domestic dog","Canis familiaris"],"gloss":"a member of the genus Canis…"}
 *     {"from":"synsets/n02084071","predicate":"hypernym","to":"synsets/n02083346",
 *      "reverse":"hyponym"}
 *
 * (each on one line). A pointer between two words is an edge between their synsets with the pair
 * in its data: {"words":[["wet","dry"]]}; pointers with the same ends and predicate are one edge.
 */
#ifndef WORDNET_WNJSON_H
#define WORDNET_WNJSON_H

#include "wndb.h"

/* A growing text of lines. Out of memory ends the program. */
typedef struct wn_lines {
  char *p; /* owned */
  size_t len;
  size_t cap;
  size_t line_count;
} wn_lines;

void wn_lines_clear(wn_lines *lines);
void wn_lines_free(wn_lines *lines);

/* Sort the pointers by predicate, target and words, so that those of one edge are neighbours. */
void wn_sort_pointers(wn_synset *synset);

/* Append the synset as one line; with its (sorted) pointers as the field "pointers" if asked. */
void wn_put_synset(wn_lines *lines, const wn_dict *dict, const wn_synset *synset,
                   bool with_pointers);

/* Append one line for each distinct edge of the (sorted) pointers; returns how many. */
size_t wn_put_edges(wn_lines *lines, const wn_dict *dict, const wn_synset *synset);

#endif
