/* cli/graph_layout.h - where the boxes of a picture of a graph stand.
 *
 *   boxes with a width and a height, edges between them ─► centres, no two boxes overlapping
 *
 * First a tree around the roots, each subtree in its own part of the circle; then boxes are drawn
 * to where their distance in the picture is that in the graph (stress majorization by local steps:
 * Gansner, Koren, North 2004); then those that overlap are pushed apart. The same input gives the
 * same picture everywhere: only + - * / and sqrt, which round in one way, are used.
 */
#ifndef PQ_CLI_GRAPH_LAYOUT_H
#define PQ_CLI_GRAPH_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cli_box {
  double x, y;          /* the centre: the result */
  double width, height; /* with the room that it wants around it */
  bool is_root;
} cli_box;

typedef struct cli_tie {
  size_t from, to; /* boxes */
} cli_tie;

void cli_layout(cli_box *boxes, size_t box_count, const cli_tie *ties, size_t tie_count);

#endif
