/* graph/edges.c - edges by number, with all that their rows or events say.
 *
 *   numbers ─► rows of files, in order ─► ranges of neighbouring ones ─► one round of requests
 *           └► events of the tail
 */
#include "base/merge_sort.h"
#include "graph/graph_int.h"

/* An edge to be read, and where it goes. */
typedef struct edge_want {
  uint32_t edge, place;
} edge_want;

/* Rows of a row group that are read together. */
typedef struct edge_range {
  uint32_t segment, row_group;
  uint32_t first, count; /* rows of the row group */
  uint32_t want, want_end;
  pq_cached_file *file;
  const pq_file_info *info;
} edge_range;

typedef struct edges_reader {
  const pq_graph *g;
  pq_fetch *f;
  pq_arena *scratch;
  edge_want *wants;
  uint32_t count;
  edge_range *ranges;
  uint32_t range_count;
  bool is_missing;
} edges_reader;

static int compare_wants(const void *a, const void *b, const void *ud) {
  const edge_want *x = a, *y = b;
  (void)ud;
  return x->edge < y->edge ? -1 : x->edge > y->edge;
}

static uint32_t row_group_of(const pq_footer *footer, uint32_t row) {
  uint32_t g = 0;
  while (g + 1 < footer->row_group_count && footer->row_groups[g + 1].first_row <= row)
    g++;
  return g;
}

/* Ranges for the wants of one segment: [*at, …). */
static int plan_segment(edges_reader *r, uint32_t segment, uint32_t *at) {
  const pq_graph_base *b = r->g->base;
  uint32_t first = b->first_edge[segment], end = b->first_edge[segment + 1];
  const pq_file_info *info;
  pq_cached_file *file;
  edge_range *range = NULL;
  int rc;
  if (*at == r->count || r->wants[*at].edge >= end) return PQ_OK;
  info = pq_manifest_file(r->g->manifest, b->segments[segment]->name);
  if (info == NULL)
    return pq_fail(r->scratch->cx, PQ_ECORRUPT, "%.*s: the log has lost it",
                   (int)b->segments[segment]->name.n, (const char *)b->segments[segment]->name.p);
  rc = pq_file_cache_open(r->g->files, r->f, info, &file);
  if (rc < 0) return rc;
  r->is_missing |= rc == PQ_NEED_IO;
  for (; *at < r->count && r->wants[*at].edge < end; (*at)++) {
    uint32_t row = r->wants[*at].edge - first, group;
    if (rc == PQ_NEED_IO) continue;
    group = row_group_of(file->file.footer, row);
    row -= (uint32_t)file->file.footer->row_groups[group].first_row;
    if (range == NULL || range->row_group != group ||
        row - (range->first + range->count - 1) > PQ_GRAPH_EDGES_GAP) {
      range = &r->ranges[r->range_count++];
      *range = (edge_range){segment, group, row, 1, *at, *at, file, info};
    }
    range->count = row - range->first + 1;
    range->want_end = *at + 1;
  }
  return PQ_OK;
}

static int read_range(edges_reader *r, const edge_range *range, pq_edge *out) {
  const pq_graph_base *b = r->g->base;
  uint64_t group_row = range->file->file.footer == NULL
                           ? 0
                           : range->file->file.footer->row_groups[range->row_group].first_row;
  pq_edge *rows;
  int rc = pq_edge_rows_read_part(r->f, r->scratch, &range->file->file, range->row_group,
                                  range->first, range->count, &rows);
  if (rc == PQ_NEED_IO) r->is_missing = true;
  if (rc == PQ_NEED_IO) return PQ_OK;
  PQ_TRY(rc);
  for (uint32_t i = range->want; i < range->want_end; i++) {
    uint32_t row = r->wants[i].edge - b->first_edge[range->segment];
    pq_edge *e = &out[r->wants[i].place];
    *e = rows[row - group_row - range->first];
    e->info = range->info;
    e->row = row;
  }
  return PQ_OK;
}

static void read_events(edges_reader *r, uint32_t at, pq_edge *out) {
  const pq_graph *g = r->g;
  for (; at < r->count; at++) {
    uint32_t edge = r->wants[at].edge;
    const pq_graph_tail *t = edge < g->own_first ? g->tail : g->own;
    const pq_event *e = pq_graph_event(g, t, edge - (t == g->tail ? g->tail_first : g->own_first));
    bool is_there = e != NULL && pq_event_edge(e, &out[r->wants[at].place]);
    pq_assert(is_there); /* a walk gave it */
  }
}

int pq_graph_edges_read(const pq_graph *g, pq_fetch *f, pq_arena *scratch, const uint32_t *edges,
                        uint32_t count, pq_edge *out) {
  edges_reader r = {.g = g, .f = f, .scratch = scratch, .count = count};
  uint32_t at = 0;
  r.wants = pq_arena_array(scratch, count, sizeof *r.wants);
  r.ranges = pq_arena_array(scratch, count, sizeof *r.ranges);
  if (r.wants == NULL || r.ranges == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_assert(edges[i] < g->edge_count);
    r.wants[i] = (edge_want){edges[i], i};
  }
  PQ_TRY(pq_sort_items(scratch->cx, r.wants, count, sizeof *r.wants, compare_wants, NULL));
  for (uint32_t s = 0; s < g->base->segment_count; s++)
    PQ_TRY(plan_segment(&r, s, &at));
  for (uint32_t i = 0; i < r.range_count; i++)
    PQ_TRY(read_range(&r, &r.ranges[i], out));
  if (r.is_missing) return PQ_NEED_IO;
  read_events(&r, at, out);
  return PQ_OK;
}
